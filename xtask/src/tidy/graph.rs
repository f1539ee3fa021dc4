//! The crates as Cargo sees them, and the rules about who uses whom.

use super::table::{MayUse, Table};
use crate::place::Place;
use crate::{Trouble, step};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Crates on the longest way from the root down; uv has 22.
const CHAIN_MAX: usize = 6;

/// Names that say nothing, so everything lands in them.
pub(super) const EMPTY_NAMES: &[&str] = &["core", "common", "util", "utils", "helper", "helpers", "misc"];

/// Outside crates with a door: who may use them. The same doors stand in `deny.toml`, where they also hold for what comes
/// in by way of another crate; here they hold for what a manifest names, without a further tool.
const DOORS: &[(&str, &[&str])] = &[
    ("cedar-policy", &["policy"]),
    ("sqlx", &["store"]),
    ("llama-cpp-2", &["inference"]),
    ("llama-cpp-sys-2", &["inference"]),
    ("landlock", &["sandbox"]),
    ("seccompiler", &["sandbox"]),
    ("hayro-interpret", &["extract"]),
    ("hayro-syntax", &["extract"]),
    ("mail-parser", &["extract"]),
    ("quick-xml", &["extract"]),
    ("krilla", &["portal"]),
    ("pulldown-cmark", &["portal"]),
    ("rust-embed", &["webui"]),
    ("jsonwebtoken", &["identity"]),
    ("ldap3", &["identity"]),
    ("clap", &["schleuse"]),
    ("axum", &["edge"]),
    ("reqwest", &[]),
    ("ureq", &[]),
    ("openssl", &[]),
    ("native-tls", &[]),
    ("ring", &[]),
];

/// One crate of the workspace.
pub(super) struct Member {
    /// Name as the table writes it: without the prefix `schleuse-`.
    pub(super) name: String,
    /// Ours, by the same names; normal and build dependencies, optional ones among them.
    pub(super) uses: BTreeSet<String>,
    /// Others', by their names; dev-dependencies are not counted.
    pub(super) outside: BTreeSet<String>,
}

/// Asks Cargo for the workspace's crates.
///
/// # Errors
/// When Cargo fails or answers something else than its documented format.
pub(super) fn members(place: &Place) -> Result<Vec<Member>, Trouble> {
    let output = step::cargo(place)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .output()
        .map_err(|error| Trouble::new(format!("cargo could not be started: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8(output.stderr).unwrap_or_default();
        return Err(Trouble::new(format!("cargo metadata failed: {}", said.trim())));
    }
    let strange = || Trouble::new("cargo metadata answered in an unknown form");
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|_| strange())?;
    let packages = metadata.get("packages").and_then(Value::as_array).ok_or_else(strange)?;
    packages.iter().map(|package| member(package).ok_or_else(strange)).collect()
}

fn member(package: &Value) -> Option<Member> {
    let mut uses = BTreeSet::new();
    let mut outside = BTreeSet::new();
    for dependency in package.get("dependencies")?.as_array()? {
        let name = dependency.get("name")?.as_str()?;
        let is_dev = dependency.get("kind")?.as_str() == Some("dev");
        let is_ours = dependency.get("path").is_some_and(Value::is_string);
        match (is_dev, is_ours) {
            (true, _) => continue,
            (false, true) => uses.insert(short(name)),
            (false, false) => outside.insert(name.to_owned()),
        };
    }
    Some(Member { name: short(package.get("name")?.as_str()?), uses, outside })
}

fn short(name: &str) -> String {
    name.strip_prefix("schleuse-").unwrap_or(name).to_owned()
}

/// The table says exactly what the manifests say.
pub(super) fn compare(table: &Table, members: &[Member]) -> Vec<String> {
    let mut breaches = Vec::new();
    for member in members {
        let name = &member.name;
        let Some(row) = table.get(name) else {
            breaches.push(format!("crate `{name}` has no row in ARCHITECTURE.md"));
            continue;
        };
        let MayUse::These(may) = row else { continue };
        for used in member.uses.difference(may) {
            breaches.push(format!("crate `{name}` uses `{used}`, which ARCHITECTURE.md does not allow"));
        }
        for unused in may.difference(&member.uses) {
            breaches.push(format!("ARCHITECTURE.md lets `{name}` use `{unused}`, and it does not"));
        }
    }
    for name in table.keys().filter(|name| !members.iter().any(|member| member.name == **name)) {
        breaches.push(format!("ARCHITECTURE.md has a row for `{name}`, and no such crate exists"));
    }
    breaches
}

/// No circle, no long chain, no empty name.
pub(super) fn shape(members: &[Member]) -> Vec<String> {
    let mut breaches = Vec::new();
    let by_name: BTreeMap<&str, &Member> =
        members.iter().map(|member| (member.name.as_str(), member)).collect();
    for member in members {
        let mut way = Vec::new();
        let longest = longest_way(&member.name, &by_name, &mut way);
        match longest {
            Err(circle) if circle.first() == Some(&member.name) => {
                breaches.push(format!("circle of crates: {}", circle.join(" → ")));
            }
            Ok(chain) if chain.len() > CHAIN_MAX => {
                breaches.push(format!(
                    "chain of {} crates, {CHAIN_MAX} at most: {}",
                    chain.len(),
                    chain.join(" → ")
                ));
            }
            _ => {}
        }
        if EMPTY_NAMES.contains(&member.name.as_str()) {
            breaches.push(format!("crate `{}` has a name that says nothing", member.name));
        }
    }
    breaches
}

/// The longest way down from a crate, or the circle that was met on it.
fn longest_way(
    name: &str,
    members: &BTreeMap<&str, &Member>,
    way: &mut Vec<String>,
) -> Result<Vec<String>, Vec<String>> {
    if let Some(start) = way.iter().position(|passed| passed == name) {
        let mut circle: Vec<String> = way.iter().skip(start).cloned().collect();
        circle.push(name.to_owned());
        return Err(circle);
    }
    way.push(name.to_owned());
    let mut longest = Vec::new();
    if let Some(member) = members.get(name) {
        for used in &member.uses {
            let below = longest_way(used, members, way)?;
            if below.len() > longest.len() {
                longest = below;
            }
        }
    }
    way.pop();
    longest.insert(0, name.to_owned());
    Ok(longest)
}

/// Outside crates come in by their doors only.
pub(super) fn doors(members: &[Member]) -> Vec<String> {
    let mut breaches = Vec::new();
    for member in members {
        for (outside, allowed) in DOORS {
            if member.outside.contains(*outside) && !allowed.contains(&member.name.as_str()) {
                breaches.push(match allowed {
                    [] => format!("crate `{}` uses `{outside}`, which nobody may", member.name),
                    some => format!(
                        "crate `{}` uses `{outside}`, which only {} may",
                        member.name,
                        some.join(", ")
                    ),
                });
            }
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;

    fn crates(list: &[(&str, &[&str])]) -> Vec<Member> {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        list.iter()
            .map(|(name, uses)| Member {
                name: (*name).to_owned(),
                uses: set(uses),
                outside: BTreeSet::new(),
            })
            .collect()
    }

    const PAGE: &str = "| Crate | Purpose | May use (ours) |\n|---|---|---|\n| `types` | words | – |\n| `wire` | wire | types |\n";

    #[track_caller]
    fn check(list: &[(&str, &[&str])], expected: &[&str]) {
        assert_eq!(compare(&table::parse(PAGE).unwrap(), &crates(list)), expected);
    }

    #[test]
    fn the_table_and_the_manifests_must_agree_in_both_directions() {
        check(&[("types", &[]), ("wire", &["types"])], &[]);
        check(
            &[("types", &[]), ("wire", &[])],
            &["ARCHITECTURE.md lets `wire` use `types`, and it does not"],
        );
        check(
            &[("types", &["wire"]), ("wire", &["types"])],
            &["crate `types` uses `wire`, which ARCHITECTURE.md does not allow"],
        );
        check(&[("types", &[])], &["ARCHITECTURE.md has a row for `wire`, and no such crate exists"]);
        check(
            &[("types", &[]), ("wire", &["types"]), ("gate", &[])],
            &["crate `gate` has no row in ARCHITECTURE.md"],
        );
    }

    #[test]
    fn circles_long_chains_and_empty_names_are_found() {
        assert_eq!(shape(&crates(&[("a", &["b"]), ("b", &[])])), Vec::<String>::new());
        assert_eq!(
            shape(&crates(&[("a", &["b"]), ("b", &["a"])])),
            ["circle of crates: a → b → a", "circle of crates: b → a → b"]
        );
        let chain = [("a", ["b"]), ("b", ["c"]), ("c", ["d"]), ("d", ["e"]), ("e", ["f"]), ("f", ["g"])];
        let mut list: Vec<(&str, &[&str])> =
            chain.iter().map(|(name, uses)| (*name, uses.as_slice())).collect();
        list.push(("g", &[]));
        assert_eq!(shape(&crates(&list)), ["chain of 7 crates, 6 at most: a → b → c → d → e → f → g"]);
        assert_eq!(shape(&crates(&[("util", &[])])), ["crate `util` has a name that says nothing"]);
    }

    #[test]
    fn outside_crates_have_doors() {
        let mut list = crates(&[("gate", &[]), ("policy", &[])]);
        for member in &mut list {
            member.outside.insert("cedar-policy".to_owned());
        }
        assert_eq!(doors(&list), ["crate `gate` uses `cedar-policy`, which only policy may"]);
        for member in &mut list {
            member.outside = BTreeSet::from(["ring".to_owned()]);
        }
        assert_eq!(doors(&list).len(), 2);
    }
}
