//! The audit log as a proof: ten times what its tests do with crashes, kills and damage, and how fast it is.

use crate::place::{self, Place};
use crate::{Trouble, setup, step};
use std::path::Path;

const PAGE: &str = "docs/reference/audit.md";
/// How much more than in the tests.
const FACTOR: &str = "10";
/// Begins every line of results.
const MARK: &str = "proof: ";

/// Runs the proofs and the measurement, and writes the page.
///
/// # Errors
/// When something cannot be built, or a proof fails; the page is written only when all hold.
pub(super) fn run(place: &Place) -> Result<(), Trouble> {
    setup::for_tests(place)?;
    let mut rows = Vec::new();
    let mut keep = |line: &str| rows.extend(row_of(line));
    let mut proofs = step::cargo(place);
    proofs.args([
        "test",
        "--release",
        "--locked",
        "-q",
        "-p",
        "schleuse-audit",
        "--lib",
        "--",
        "--nocapture",
    ]);
    proofs.env("SCHLEUSE_PROOF_FACTOR", FACTOR);
    let is_proven = step::listen("kill, crash and damage logs (minutes)", &mut proofs, &mut keep)?;
    if !is_proven {
        return Err(Trouble::new("a proof of the audit log failed"));
    }
    measure(place, &mut keep)?;
    let date = step::answer("date", &["-u", "+%Y-%m-%d"]).unwrap_or_default();
    let machine = machine(Path::new("/proc/cpuinfo"));
    place::write(&place.root.join(PAGE), &page(&rows, &date, &machine))
}

/// How fast the log is on this machine's disk; hands each line of it to `each`.
///
/// # Errors
/// When it cannot be built or run, such as on a disk with less than 1 GB to spare.
pub(crate) fn measure(place: &Place, each: &mut dyn FnMut(&str)) -> Result<(), Trouble> {
    let work = place.target.join("prove-audit");
    drop(std::fs::remove_dir_all(&work));
    place::make_folder(&work)?;
    let mut speed = step::cargo(place);
    speed.args(["run", "--release", "--locked", "-q", "-p", "schleuse-audit", "--example", "speed", "--"]);
    let is_measured = step::listen("measure the log's speed", speed.arg(&work), each)?;
    drop(std::fs::remove_dir_all(&work));
    if is_measured { Ok(()) } else { Err(Trouble::new("the speed of the audit log could not be measured")) }
}

/// What was proven, and the result.
fn row_of(line: &str) -> Option<(String, String)> {
    // The test harness may have written a dot into the same line.
    let (_, row) = line.split_once(MARK)?;
    let (name, result) = row.split_once(": ")?;
    Some((name.to_owned(), result.to_owned()))
}

/// How many processors of which kind this machine has.
pub(super) fn machine(cpuinfo: &Path) -> String {
    let text = std::fs::read_to_string(cpuinfo).unwrap_or_default();
    let mut names = text.lines().filter_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let name = names.next().map_or("an unknown processor", |(_, name)| name).to_owned();
    format!("{} × {name}", names.count() + 1)
}

fn page(rows: &[(String, String)], date: &str, machine: &str) -> String {
    let mut page = format!(
        "# What the audit log stands\n\nMade by `./x prove audit` on {date}, on {machine}. A tenth of the proofs runs in `./x test`.\n\n\
         - *kill -9*: a process appends from 16 tasks and is killed in the middle; every entry that it acknowledged must be there, at its \
         place. This finds faults of the process only, because the system keeps what was written: so the fault built in here is to \
         acknowledge without writing.\n\
         - *simulated disk*: of what was not synced, each sector of 512 bytes and each change of a name survives at random. Taking away \
         the sync or the checksums must turn it red, and does.\n\
         - *changed bits* and *recomputed logs*: whatever somebody does who holds the disk is noticed, and where it concerns entries one is named.\n\
         - The rest is speed, on the disk of that machine.\n\n| What | Result |\n|---|---|\n"
    );
    let mut rows = rows.to_vec();
    rows.sort();
    for (name, result) in rows {
        page.push_str(&format!("| {name} | {} |\n", result.replace('|', "\\|")));
    }
    page.push_str(
        "\nAims: 10,000 durable entries/s by 64 writers with p99 below 25 ms; a million entries verified in less than 3 s; recovery in less than 1 s.\n",
    );
    page
}

#[cfg(test)]
mod tests {
    use super::{page, row_of};

    fn check(line: &str, expected: Option<(&str, &str)>) {
        let expected = expected.map(|(name, result)| (name.to_owned(), result.to_owned()));
        assert_eq!(row_of(line), expected);
    }

    #[test]
    fn a_line_of_results_becomes_a_row() {
        check("proof: kill -9: 3 deaths: 0 lost", Some(("kill -9", "3 deaths: 0 lost")));
        check(".proof: a: b", Some(("a", "b")));
        check("test result: ok", None);
        let page = page(
            &[("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())],
            "2030-01-01",
            "2 × x",
        );
        assert!(page.contains("| a | 1 |\n| b | 2 |\n"), "{page}");
    }
}
