//! All tests as one command. Every step runs even when an earlier one failed, so that one run tells everything; the last
//! line counts what passed and what failed, and a test that was skipped counts as failed.

use crate::node::Node;
use crate::place::Place;
use crate::{Trouble, pages, sdk, setup, step, tidy, unknown};

/// The features that a shipped binary has; tests build the same, so that nothing is compiled twice.
const FEATURES: &str = "schleuse/engine,schleuse/ui";

/// Which tests to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    Both,
    Rust,
    Pages,
}

impl Half {
    /// # Errors
    /// For any word but `rust` and `ui`.
    pub(crate) fn parse(word: &str) -> Result<Self, Trouble> {
        match word {
            "rust" => Ok(Self::Rust),
            "ui" => Ok(Self::Pages),
            _ => Err(unknown("half", word, ["rust", "ui"].into_iter())),
        }
    }
}

/// Runs the tests and prints `N passed, N failed` as the last line.
///
/// # Errors
/// When the set-up fails or any test does.
pub(crate) fn run(place: &Place, half: Half) -> Result<(), Trouble> {
    setup::for_build()?;
    setup::for_tests(place)?;
    let node = Node::find(place)?;
    pages::install(place, &node)?;
    let mut count = Count::default();
    if half != Half::Rust {
        page_tests(place, &node, &mut count);
    }
    // The Rust half needs the pages too: the binary under test has them in it.
    count.check("the pages' build", pages::build(place, &node));
    if half != Half::Rust {
        count.check("pages: a browser against the mock house", browser(place, &node));
    }
    if half != Half::Pages {
        sdk::prepare(place, &node)?;
        rust_tests(place, &node, &mut count);
    }
    for name in &count.failures {
        eprintln!("x: failed: {name}");
    }
    println!("{} passed, {} failed", count.passed, count.failed);
    if count.failed == 0 && count.passed > 0 { Ok(()) } else { Err(Trouble::new("the tests did not pass")) }
}

fn page_tests(place: &Place, node: &Node, count: &mut Count) {
    let ui = place.root.join("ui");
    count.check("pages: lint and types", step::show("npm run lint", node.npm(&ui).args(["run", "lint"])));
    let report = place.target.join("xtask/vitest.json");
    drop(std::fs::remove_file(&report));
    let mut vitest = node.npm(&ui);
    vitest.args(["run", "test", "--", "--reporter=default", "--reporter=json"]);
    let outcome = step::show("npm run test", vitest.arg(format!("--outputFile.json={}", report.display())));
    match std::fs::read_to_string(&report).ok().and_then(|text| vitest_count(&text)) {
        Some((passed, failed)) if passed + failed > 0 => {
            count.add("pages: vitest", passed, failed);
            // A fault outside any test, such as a file that does not load, fails the run and no test.
            if failed == 0 && outcome.is_err() {
                count.check("pages: vitest as a whole", outcome);
            }
        }
        _ => count.check("pages: vitest", outcome.and(Err(Trouble::new("vitest ran no test")))),
    }
}

/// The built page in Chromium, against a house that is made of recorded answers; against a real one it runs in the whole-house
/// tests.
fn browser(place: &Place, node: &Node) -> Result<(), Trouble> {
    let chromium = step::find("chromium").ok_or_else(|| Trouble::new("chromium is not on the path"))?;
    step::show("npm run e2e", node.npm(&place.root.join("ui")).args(["run", "e2e"]).env("CHROMIUM", chromium))
}

fn rust_tests(place: &Place, node: &Node, count: &mut Count) {
    count.check("tidy", tidy::run(place));
    count.check(
        "cargo fmt --check",
        step::show("cargo fmt", step::cargo(place).args(["fmt", "--all", "--check"])),
    );

    let mut tests = step::cargo(place);
    tests.args(["test", "--workspace", "--locked", "--no-fail-fast", "--features", FEATURES]);
    tests.env("SCHLEUSE_TOOLS", &place.tools).env("PATH", node.path());
    // Property tests draw the same cases every time here; `cargo test` by hand and the fuzzers draw new ones.
    tests.env("PROPTEST_RNG_SEED", "20261121");
    let mut passed = 0;
    let mut failed = 0;
    let outcome = step::listen("cargo test", &mut tests, |line| {
        if let Some(result) = cargo_count(line) {
            passed += result.passed;
            failed += result.failed + result.ignored;
        }
    });
    count.add("cargo test", passed, failed);
    rows_apart(place, node, count);
    match outcome {
        // Cargo fails without a failed test when something does not compile or a test process dies.
        Ok(false) if failed == 0 => {
            count.check("cargo test as a whole", Err(Trouble::new("cargo test failed")))
        }
        Ok(_) => {}
        Err(trouble) => count.check("cargo test", Err(trouble)),
    }

    let mut clippy = step::cargo(place);
    clippy.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--features",
        FEATURES,
        "--",
        "-D",
        "warnings",
    ]);
    count.check("cargo clippy", step::show("cargo clippy", &mut clippy));
}

/// The rows of the whole house that ask through its front, once more with edge, gate and connector as processes of their own.
fn rows_apart(place: &Place, node: &Node, count: &mut Count) {
    let mut tests = step::cargo(place);
    tests.args(["test", "--package", "schleuse", "--test", "it", "--locked", "--features", FEATURES, "--"]);
    tests.args(["walk::", "streams::", "wire::", "inspection::", "pages::", "limits::", "keys::"]);
    tests.env("SCHLEUSE_SHAPE", "apart").env("SCHLEUSE_TOOLS", &place.tools).env("PATH", node.path());
    let (mut passed, mut failed) = (0, 0);
    let outcome = step::listen("cargo test, as separate processes", &mut tests, |line| {
        if let Some(result) = cargo_count(line) {
            passed += result.passed;
            failed += result.failed + result.ignored;
        }
    });
    count.add("cargo test, as separate processes", passed, failed);
    if failed == 0 && !matches!(outcome, Ok(true)) {
        let trouble = Trouble::new("the rows as separate processes did not run");
        count.check("cargo test, as separate processes, as a whole", Err(trouble));
    }
}

/// What was counted so far.
#[derive(Default)]
struct Count {
    passed: u64,
    failed: u64,
    failures: Vec<String>,
}

impl Count {
    /// Counts a step that is one check.
    fn check(&mut self, name: &str, outcome: Result<(), Trouble>) {
        match outcome {
            Ok(()) => self.add(name, 1, 0),
            Err(trouble) => {
                eprintln!("x: {trouble}");
                self.add(name, 0, 1);
            }
        }
    }

    /// Counts a step that is many.
    fn add(&mut self, name: &str, passed: u64, failed: u64) {
        self.passed += passed;
        self.failed += failed;
        if failed > 0 {
            self.failures.push(format!("{name} ({failed})"));
        }
    }
}

/// One `test result:` line of Rust's test harness.
#[derive(Debug, PartialEq, Eq)]
struct HarnessResult {
    passed: u64,
    failed: u64,
    ignored: u64,
}

fn cargo_count(line: &str) -> Option<HarnessResult> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |word: &str| {
        let part = counts.split(';').map(str::trim).find_map(|part| part.strip_suffix(word))?;
        part.trim().parse().ok()
    };
    Some(HarnessResult { passed: number("passed")?, failed: number("failed")?, ignored: number("ignored")? })
}

/// Passed and failed of a Vitest JSON report; a skipped test counts as failed.
fn vitest_count(report: &str) -> Option<(u64, u64)> {
    let report: serde_json::Value = serde_json::from_str(report).ok()?;
    let number = |name: &str| report.get(name).and_then(serde_json::Value::as_u64);
    let passed = number("numPassedTests")?;
    Some((passed, number("numTotalTests")?.saturating_sub(passed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<(u64, u64, u64)>) {
        let expected = expected.map(|(passed, failed, ignored)| HarnessResult { passed, failed, ignored });
        assert_eq!(cargo_count(line), expected, "{line}");
    }

    #[test]
    fn lines_of_the_harness_are_counted() {
        check(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s",
            Some((12, 0, 1)),
        );
        check(
            "test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s",
            Some((2, 3, 0)),
        );
        check("test walk::refuses ... ok", None);
        check("test result: none of your business", None);
    }

    #[test]
    fn a_skipped_page_test_counts_as_failed() {
        let report = r#"{"numTotalTests":5,"numPassedTests":3,"numFailedTests":1,"numPendingTests":1}"#;
        assert_eq!(vitest_count(report), Some((3, 2)));
        assert_eq!(vitest_count("{}"), None);
        assert_eq!(vitest_count("not json"), None);
    }
}
