//! The engine as the gateway has it: a supervisor here, a worker process made from this very program.
//!
//! There is no test harness around `main`, because the worker is this program with another first argument.

#[cfg(feature = "engine")]
#[path = "engine/cases.rs"]
mod cases;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    match first.as_deref().and_then(|first| first.to_str()) {
        Some("engine-worker") => schleuse_inference::worker_main(arguments),
        other => run(other, arguments),
    }
}

#[cfg(feature = "engine")]
fn run(first: Option<&str>, arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    cases::run(first, arguments)
}

#[cfg(not(feature = "engine"))]
fn run(_first: Option<&str>, _arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    println!("built without the feature `engine`: there is no worker to test");
    ExitCode::SUCCESS
}
