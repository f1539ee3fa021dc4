//! `schleuse doctor`: what is open, missing or wrong on this machine, and what to do about it.

mod allowlist;
mod look;
mod machine;
mod netlink;
mod premises;
mod question;
mod report;
mod sealed;
mod socket;

use std::process::ExitCode;

use super::Doctor;
use crate::failure::Failure;
use report::Report;

pub(super) fn run(arguments: &Doctor) -> Result<ExitCode, Failure> {
    let mut report = Report::default();
    if arguments.sealed {
        // First, and before any thread: a network namespace is entered by a process that has one.
        sealed::check(arguments.config.as_deref(), &mut report)?;
        if let Some(data) = &arguments.data {
            premises::examine_data(data, None, &mut report);
        }
    } else {
        machine::examine(&mut report);
        premises::examine(arguments.config.as_deref(), arguments.data.as_deref(), &mut report)?;
    }
    if arguments.json {
        println!("{}", report.json());
    } else {
        print!("{}", report.text());
    }
    Ok(report.exit_code())
}
