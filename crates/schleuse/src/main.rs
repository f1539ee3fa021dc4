//! Schleuse: main, command line, configuration and the wiring of the rooms.

mod address;
mod command;
mod config;
mod data;
mod failure;
mod house;
mod operations;
mod posture;
mod telemetry;

use std::process::ExitCode;

fn main() -> ExitCode {
    telemetry::keep_panics_quiet();
    // The workers are this binary, executed again. They must not do anything before they have given up their rights.
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    if first.as_ref().is_some_and(|first| first == "engine-worker") {
        return schleuse_inference::worker_main(arguments);
    }
    if first.is_some_and(|first| first == schleuse_extract::WORKER_WORD) {
        return schleuse_extract::worker_main(arguments);
    }
    command::run()
}
