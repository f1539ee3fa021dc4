//! The fifteen tests of the chat at their marks: each is played in Chromium in front of a house and scripted model servers. `./x test` plays the
//! same with room for a busy machine; here the machine must have nothing else to do.

use super::audit::machine;
use crate::node::Node;
use crate::place::{self, Place};
use crate::{Trouble, binary, sdk, setup, step};
use serde_json::Value;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/reference/chat.md";
/// What each test is about, from 1 on.
const TESTS: [&str; 15] = [
    "First chat usable, cold cache, LAN, processor four times slower",
    "Token arrival → pixels, 200 a second, 60 KB",
    "1,000 messages: open, type, scroll, search",
    "20,000 pasted lines, 50 files",
    "Reload, closed tab, sleep, restart, second device during a run",
    "Stop",
    "Edit, branch, switch, regenerate, compare two to four models",
    "Broken and hostile Markdown",
    "Keyboard, screen reader, every look, 400 % zoom",
    "From an answer to its source",
    "A share is read by a colleague who may see less",
    "German: compounds, umlauts, dates, decimal commas, Excel",
    "Errors are sentences with a next step",
    "Telephone of 360 px",
    "First run",
];

/// Plays all of them and writes the page, misses included. With a binary, that one is judged instead of a fresh release build.
///
/// # Errors
/// When something cannot be built or played, or a mark is missed.
pub(super) fn run(place: &Place, binary: Option<PathBuf>) -> Result<(), Trouble> {
    setup::for_tests(place)?;
    let node = Node::find(place)?;
    crate::pages::install(place, &node)?;
    sdk::prepare(place, &node)?;
    let schleuse = match binary {
        Some(binary) => binary,
        None => binary::build(place)?,
    };
    let mut build = step::cargo(place);
    build.args(["build", "--release", "--locked", "-q", "-p", "schleuse-testkit", "--bin", "stage"]);
    step::show("build the stage", &mut build)?;
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for number in 1..=TESTS.len() {
        let mut play = std::process::Command::new(place.target.join("release/stage"));
        play.arg(&schleuse).arg(place.tools.join("bin/node"));
        play.arg(place.root.join("ui/e2e/fifteen.mjs")).arg(number.to_string());
        play.env("CHROMIUM", place.tools.join("bin/chromium")).env("SCHLEUSE_TOOLS", &place.tools);
        play.env("SCHLEUSE_PICTURES", place.target.join("prove-chat")).env("SCHLEUSE_MARKS", "true");
        let is_well = step::listen(&format!("play test {number}"), &mut play, |line| {
            rows.extend(serde_json::from_str::<Value>(line).ok().filter(|row| row.get("test").is_some()));
        })?;
        if !is_well {
            failed.push(number.to_string());
        }
    }
    let date = step::answer("date", &["-u", "+%Y-%m-%d"]).unwrap_or_default();
    let machine = machine(Path::new("/proc/cpuinfo"));
    place::write(&place.root.join(PAGE), &page(&rows, &date, &machine))?;
    match failed.as_slice() {
        [] => Ok(()),
        failed => Err(Trouble::new(format!("tests that miss a mark: {}; see `{PAGE}`", failed.join(", ")))),
    }
}

fn page(rows: &[Value], date: &str, machine: &str) -> String {
    let mut page = format!(
        "# The chat at its marks\n\nMade by `./x prove chat` on {date}, on {machine}, browser and model servers on the same machine. Each test has a \
         house of its own in front of model servers that follow a script, and is played in Chromium (`ui/e2e/fifteen/`). `./x test` plays \
         them all, with more room for what a clock measures.\n\nMilliseconds *of the processor* are those that the page's main thread \
         really worked.\n"
    );
    for (number, name) in (1_u64..).zip(TESTS) {
        let of_test: Vec<&Value> =
            rows.iter().filter(|row| row.get("test").and_then(Value::as_u64) == Some(number)).collect();
        page.push_str(&format!("\n## {number}. {name}\n\n"));
        if of_test.is_empty() {
            page.push_str("Not measured.\n");
            continue;
        }
        page.push_str("| What | Measured | Mark | Met |\n|---|---:|---:|---|\n");
        for row in of_test {
            page.push_str(&line(row));
        }
    }
    page
}

/// One row of the table. What has to be exactly so and is long is not repeated.
fn line(row: &Value) -> String {
    let text = |name: &str| match row.get(name) {
        Some(Value::String(text)) => text.replace('|', "\\|").replace('\n', " "),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let is_met = row.get("ok").and_then(Value::as_bool) == Some(true);
    let is_exact = row.get("exact").is_some();
    let (measured, mark) = (text("measured"), text("mark"));
    let unit = text("unit");
    let (measured, mark) = match (is_exact, is_met) {
        (true, true) if measured.is_empty() => ("none".to_owned(), "none".to_owned()),
        (true, true) if measured.len() > 24 => ("as expected".to_owned(), String::new()),
        (true, _) => (measured, mark),
        (false, _) => {
            let sign = if row.get("at_least").and_then(Value::as_bool) == Some(true) { "≥" } else { "≤" };
            (
                format!("{measured} {unit}").trim().to_owned(),
                format!("{sign} {mark} {unit}").trim().to_owned(),
            )
        }
    };
    format!("| {} | {measured} | {mark} | {} |\n", text("what"), if is_met { "yes" } else { "**NO**" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(row: &str, expected: &str) {
        assert_eq!(line(&serde_json::from_str(row).unwrap()), expected);
    }

    #[test]
    fn a_row_is_a_line_of_the_page() {
        check(
            r#"{"test":2,"what":"p95","measured":43.5,"unit":"ms","mark":50,"at_least":false,"ok":true}"#,
            "| p95 | 43.5 ms | ≤ 50 ms | yes |\n",
        );
        check(
            r#"{"test":1,"what":"points","measured":93,"unit":"","mark":95,"at_least":true,"ok":false}"#,
            "| points | 93 | ≥ 95 | **NO** |\n",
        );
        check(
            r#"{"test":5,"what":"bytes","measured":0,"unit":"","mark":0,"exact":true,"ok":true}"#,
            "| bytes | 0 | 0 | yes |\n",
        );
        check(
            r#"{"test":8,"what":"requests","measured":"","unit":"","mark":"","exact":true,"ok":true}"#,
            "| requests | none | none | yes |\n",
        );
        check(
            r#"{"test":8,"what":"requests","measured":"a|b","unit":"","mark":"","exact":true,"ok":false}"#,
            "| requests | a\\|b |  | **NO** |\n",
        );
        let long = "x".repeat(30);
        check(
            &format!(r#"{{"what":"tree","measured":"{long}","mark":"{long}","exact":true,"ok":true}}"#),
            "| tree | as expected |  | yes |\n",
        );
    }

    #[test]
    fn a_test_without_a_row_is_said_to_have_none() {
        let page = page(&[], "2030-01-01", "2 × x");
        assert!(page.contains("## 15. First run\n\nNot measured.\n"), "{page}");
    }
}
