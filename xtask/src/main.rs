//! All automation of the project, called as `./x TASK` or `cargo xtask TASK`.
//!
//! Every task is a module of its own; what they share is where things lie (`place`), how a command is run and its time
//! told (`step`), and what may go wrong (`Trouble`). The tool keeps its dependencies few because every fresh checkout waits
//! for it before anything else happens.

mod bench;
mod binary;
mod model;
mod node;
mod pages;
mod part;
mod place;
mod prove;
mod sdk;
mod setup;
mod step;
mod suite;
mod tidy;

use place::Place;
use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;

/// One row of the help page: the task's name, the arguments it takes, and what it does.
struct Task {
    name: &'static str,
    arguments: &'static str,
    purpose: &'static str,
}

/// Every task, in the order in which the help page lists them.
const TASKS: &[Task] = &[
    Task {
        name: "demo",
        arguments: "[FLAGS]",
        purpose: "build, then start a whole house: `schleuse demo FLAGS`",
    },
    Task {
        name: "build",
        arguments: "",
        purpose: "leave target/release/schleuse with pages and engine in it",
    },
    Task { name: "test", arguments: "[rust|ui]", purpose: "pass every test, or one half of them" },
    Task { name: "tidy", arguments: "", purpose: "check the house rules against the sources" },
    Task {
        name: "bench",
        arguments: "[inspect|audit|SECONDS]",
        purpose: "print ratios to the floor measured in the same run; how well inspection finds what was planted; or how fast the log is",
    },
    Task {
        name: "prove",
        arguments: "[audit|chat|fuzz [SECONDS [LAW…]]]",
        purpose: "run a long proof, with vLLM, of the audit log, of the chat or by fuzzing; its dated result goes to docs/reference/",
    },
    Task { name: "ci", arguments: "", purpose: "what the build server runs: the same as test" },
    Task { name: "model", arguments: "", purpose: "fetch the demonstration model into its cache" },
    Task { name: "setup", arguments: "", purpose: "install what build and test need" },
    Task { name: "help", arguments: "", purpose: "show this page" },
];

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let task = arguments.next().unwrap_or_else(|| OsString::from("help"));
    let rest: Vec<OsString> = arguments.collect();
    match run(&task.to_string_lossy(), rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("x: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &str, rest: Vec<OsString>) -> Result<(), Trouble> {
    if matches!(task, "help" | "-h" | "--help") {
        print!("{}", help());
        return Ok(());
    }
    if !TASKS.iter().any(|known| known.name == task) {
        return Err(unknown("task", task, TASKS.iter().map(|known| known.name)));
    }
    let place = Place::find()?;
    if task == "demo" {
        return binary::demo(&place, rest);
    }
    if task == "bench" {
        return bench::run(&place, &rest);
    }
    if task == "prove" {
        return prove::run(&place, &rest);
    }
    let half = match (task, rest.as_slice()) {
        (_, []) => suite::Half::Both,
        ("test", [half]) => suite::Half::parse(&half.to_string_lossy())?,
        (_, [first, ..]) => {
            return Err(Trouble::new(format!("`{task}` takes no argument `{}`", first.to_string_lossy())));
        }
    };
    match task {
        "build" => binary::build(&place).map(|_| ()),
        "tidy" => tidy::run(&place),
        "model" => model::fetch(&place).map(|path| println!("{}", path.display())),
        "setup" => setup::everything(&place),
        _ => suite::run(&place, half),
    }
}

fn help() -> String {
    let mut page = String::from("usage: ./x TASK [ARGUMENTS]\n\n");
    for task in TASKS {
        page.push_str(&format!("  {:<24} {}\n", format!("{} {}", task.name, task.arguments), task.purpose));
    }
    page
}

/// Why a task stopped: one sentence for the person at the terminal.
#[derive(Debug)]
struct Trouble(String);

impl Trouble {
    fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An unknown word, with the nearest known one when it is near enough to be a slip of the keys.
fn unknown<'a>(kind: &str, given: &str, known: impl Iterator<Item = &'a str>) -> Trouble {
    let nearest = known
        .map(|word| (distance(given, word), word))
        .filter(|(far, word)| *far <= 2 && *far < word.len())
        .min();
    match nearest {
        Some((_, word)) => Trouble::new(format!("unknown {kind} `{given}`; did you mean `{word}`?")),
        None => Trouble::new(format!("unknown {kind} `{given}`; `./x help` lists what there is")),
    }
}

/// Levenshtein distance in characters, one row at a time.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        let mut next = vec![before];
        for (other, above) in right.iter().zip(row.iter().skip(1)) {
            let cell = (diagonal + usize::from(*other != letter)).min(above + 1).min(before + 1);
            diagonal = *above;
            before = cell;
            next.push(cell);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &str, expected: &str) {
        assert_eq!(unknown("task", given, TASKS.iter().map(|task| task.name)).to_string(), expected);
    }

    #[test]
    fn a_slip_of_the_keys_names_the_nearest_task() {
        check("tset", "unknown task `tset`; did you mean `test`?");
        check("dmeo", "unknown task `dmeo`; did you mean `demo`?");
        check("build2", "unknown task `build2`; did you mean `build`?");
    }

    #[test]
    fn a_strange_word_points_to_the_help_page() {
        check("deploy", "unknown task `deploy`; `./x help` lists what there is");
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("straße", "strasse"), 2);
        assert_eq!(distance("same", "same"), 0);
    }
}
