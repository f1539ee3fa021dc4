//! The worker process: one file in through standard input, its text out through standard output, and then the end. It opens
//! nothing, connects to nothing, and what it needs beyond its limits is refused by the kernel.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use schleuse_sandbox::{Confinement, Work, attempt_escapes, close_others, confine, follow_parent, seal};

use crate::document::{Extracted, Rejected};
use crate::frame::{ASKED_BYTES_MAX, answer, read_asked};
use crate::read;

/// The first argument of this binary that makes it a worker.
pub const WORKER_WORD: &str = "extract-worker";
/// Address space beyond what the program itself takes, and processor time.
pub(crate) const MEMORY_BYTES_MAX: u64 = 512 * 1024 * 1024;
const PROCESSOR_S_MAX: u64 = 30;
/// Standard streams, and what the C library opens on its own.
const DESCRIPTORS_MAX: u64 = 16;
/// Documents nest; what nests deeper than this ends the worker and nothing else.
const STACK_BYTES: usize = 48 * 1024 * 1024;

/// Runs the worker; `arguments` are those after [`WORKER_WORD`]: the number of the process that it belongs to, and `prove` if
/// it is to try what it must not be able to do, and say on standard error what happened.
pub fn worker_main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let parent = arguments.next().and_then(|argument| argument.to_str()?.parse().ok()).unwrap_or_default();
    let proves = arguments.next().is_some_and(|argument| argument == "prove");
    match shut_in(parent) {
        Err(why) => say(&Err(Rejected::Unconfined(why))),
        Ok(()) => {
            // A thread for its stack. It seals the process before it reads a byte.
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || work(proves));
            match thread.map(std::thread::JoinHandle::join) {
                Ok(Ok(code)) => code,
                Ok(Err(_)) => ExitCode::FAILURE,
                Err(error) => say(&Err(Rejected::Unconfined(format!("no thread: {error}")))),
            }
        }
    }
}

fn shut_in(parent: u32) -> Result<(), String> {
    follow_parent(parent)?;
    close_others(&[]).map_err(|error| error.to_string())?;
    let program = address_space().map_err(|error| error.to_string())?;
    confine(&Confinement {
        readable: &[],
        memory_max_bytes: program.saturating_add(MEMORY_BYTES_MAX),
        processor_s_max: Some(PROCESSOR_S_MAX),
        descriptors_max: DESCRIPTORS_MAX,
    })
    .map_err(|error| error.to_string())
}

/// Bytes of address space that the program takes before it has read anything: its own text and libraries.
fn address_space() -> std::io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/statm")?;
    let pages = status.split(' ').next().and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default();
    Ok(pages.saturating_mul(4096))
}

fn work(proves: bool) -> ExitCode {
    if let Err(error) = seal(Work::Piping) {
        return say(&Err(Rejected::Unconfined(error.to_string())));
    }
    if proves {
        return attempt_escapes();
    }
    let mut asked = Vec::new();
    let limit = u64::try_from(ASKED_BYTES_MAX).unwrap_or(u64::MAX);
    if std::io::stdin().lock().take(limit).read_to_end(&mut asked).is_err() {
        return ExitCode::FAILURE;
    }
    let Some((extension, file)) = read_asked(&asked) else { return ExitCode::FAILURE };
    drop(asked);
    say(&read(file, &extension))
}

fn say(said: &Result<Extracted, Rejected>) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(&answer(said)).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
