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
    // The engine's worker is this binary, executed again. It must not do anything before it has given up its rights.
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "engine-worker") {
        return schleuse_inference::worker_main(arguments);
    }
    command::run()
}
