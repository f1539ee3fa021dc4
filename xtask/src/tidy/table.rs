//! The crate table of ARCHITECTURE.md: one row per crate with what it may use of ours.

use std::collections::{BTreeMap, BTreeSet};

/// The heading of the column that says what a crate may use; the table is found by it.
const COLUMN: &str = "May use (ours)";

/// What one crate may use of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MayUse {
    /// Exactly these, by the names of the table.
    These(BTreeSet<String>),
    /// Whatever it needs: the root that wires everything.
    All,
}

/// Crate names as the table writes them (without the prefix) and what each may use.
pub(super) type Table = BTreeMap<String, MayUse>;

/// Reads the table out of a Markdown page.
///
/// Rows look like `` | `gate` | the walk | types, wire | ``; a row whose first cell is bold is a heading. `–` means nothing,
/// `all` everything.
///
/// # Errors
/// When there is no such table, a row has the wrong number of cells, a name stands twice, or a row names a crate that the
/// table does not have.
pub(super) fn parse(page: &str) -> Result<Table, String> {
    let mut lines =
        page.lines().skip_while(|line| !line.trim_end().trim_end_matches('|').trim_end().ends_with(COLUMN));
    lines.next().ok_or_else(|| format!("no table with a column `{COLUMN}`"))?;
    let mut table = Table::new();
    for line in lines.take_while(|line| line.trim_start().starts_with('|')) {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [name, _purpose, uses] = cells.as_slice() else {
            return Err(format!("row `{line}` has {} cells, not 3", cells.len()));
        };
        if name.starts_with('-') || name.starts_with("**") {
            continue;
        }
        let name = name
            .strip_prefix('`')
            .and_then(|rest| rest.strip_suffix('`'))
            .ok_or_else(|| format!("row `{line}` does not begin with a crate's name in backticks"))?;
        if table.insert(name.to_owned(), may_use(uses)?).is_some() {
            return Err(format!("crate `{name}` has two rows"));
        }
    }
    for (name, uses) in &table {
        let MayUse::These(uses) = uses else { continue };
        if let Some(stranger) = uses.iter().find(|used| !table.contains_key(*used)) {
            return Err(format!("crate `{name}` may use `{stranger}`, which has no row"));
        }
    }
    if table.is_empty() { Err("the crate table has no rows".to_owned()) } else { Ok(table) }
}

fn may_use(cell: &str) -> Result<MayUse, String> {
    match cell {
        "–" => Ok(MayUse::These(BTreeSet::new())),
        "all" => Ok(MayUse::All),
        "" => Err("an empty cell does not say `–`".to_owned()),
        names => Ok(MayUse::These(names.split(',').map(|name| name.trim().to_owned()).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# Page\n\ntext | with a bar\n\n| Crate | Purpose | May use (ours) |\n|---|---|---|\n";

    /// A name and what it may use; `None` is the root that may use all.
    type Row = (&'static str, Option<&'static [&'static str]>);

    #[track_caller]
    fn check(rows: &str, expected: Result<&[Row], &str>) {
        let found = parse(&format!("{HEAD}{rows}\nAfter the table.\n| `not` | a row |\n"));
        let expected = expected.map_err(str::to_owned).map(|rows| {
            let uses = |names: &Option<&[&str]>| match names {
                Some(names) => MayUse::These(names.iter().map(|name| (*name).to_owned()).collect()),
                None => MayUse::All,
            };
            rows.iter().map(|(name, names)| ((*name).to_owned(), uses(names))).collect::<Table>()
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn rows_become_names_and_arrows() {
        check(
            "| **vocabulary** | | |\n| `types` | words | – |\n| `wire` | the wire | types |\n| `main` | root | all |\n",
            Ok(&[("types", Some(&[])), ("wire", Some(&["types"])), ("main", None)]),
        );
    }

    #[test]
    fn a_broken_table_is_refused() {
        check("| `types` | – |\n", Err("row `| `types` | – |` has 2 cells, not 3"));
        check(
            "| types | words | – |\n",
            Err("row `| types | words | – |` does not begin with a crate's name in backticks"),
        );
        check("| `types` | words | |\n", Err("an empty cell does not say `–`"));
        check("| `types` | words | – |\n| `types` | again | – |\n", Err("crate `types` has two rows"));
        check("| `wire` | the wire | types |\n", Err("crate `wire` may use `types`, which has no row"));
        check("", Err("the crate table has no rows"));
        assert_eq!(parse("no table here"), Err("no table with a column `May use (ours)`".to_owned()));
    }
}
