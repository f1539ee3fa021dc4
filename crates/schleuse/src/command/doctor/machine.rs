//! What this machine and this binary can do.

use std::fs;
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit};
use schleuse_types::{Clock as _, SystemClock};

use super::report::{Finding, Report};
use crate::command::demo;

/// A connection is one open file, an answer from an upstream another.
const OPEN_FILES_WISHED: u64 = 4096;
const OPEN_FILES_NEEDED: u64 = 256;
/// 2026-01-01T00:00:00Z. No clock that is right shows less.
const EARLIEST_SECONDS: u64 = 1_767_225_600;

pub(super) fn examine(report: &mut Report) {
    report.push(binary());
    let model = demo::demonstration_model().filter(|path| path.is_file());
    report.push(demonstration_model(model.as_deref()));
    report.push(seccomp());
    report.push(landlock());
    if let (true, Some(model)) = (cfg!(feature = "engine"), &model) {
        report.push(sandbox(model));
    }
    report.push(open_files());
    report.push(clock());
}

fn binary() -> Finding {
    let version = env!("CARGO_PKG_VERSION");
    match (cfg!(feature = "engine"), cfg!(feature = "ui")) {
        (true, true) => Finding::ok("binary", format!("version {version}, with engine and pages")),
        (engine, ui) => {
            let missing = match (engine, ui) {
                (false, false) => "the embedded engine and the pages",
                (false, true) => "the embedded engine",
                _ => "the pages",
            };
            Finding::warning("binary", format!("version {version} was built without {missing}"))
                .next("`./x build` builds a binary with both; without an engine, name a model server with `--upstream URL`")
        }
    }
}

fn demonstration_model(found: Option<&Path>) -> Finding {
    match found {
        Some(path) => Finding::ok("model", format!("the demonstration model is at `{}`", path.display())),
        None => Finding::warning("model", "there is no demonstration model in the cache, so that a demo starts without an engine")
            .next("`./x build` fetches it; or name any GGUF file with `--model FILE.gguf`, or a model server with `--upstream URL`"),
    }
}

fn seccomp() -> Finding {
    let actions = fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
    if actions.split_ascii_whitespace().any(|action| action == "errno") {
        Finding::ok("seccomp", "the kernel filters system calls")
    } else {
        Finding::warning(
            "seccomp",
            "the kernel has no seccomp filters, and the embedded engine does not start without its sandbox",
        )
        .next("use a kernel with CONFIG_SECCOMP_FILTER, or a model server with `--upstream URL`")
    }
}

/// What the kernel's version and its list of security modules tell. The proof is [`sandbox`].
fn landlock() -> Finding {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    let modules = fs::read_to_string("/sys/kernel/security/lsm").ok();
    let next = "use Linux 5.13 or later with `landlock` among the modules of the kernel parameter `lsm=`, or a model server with `--upstream URL`";
    match (landlock_version(release), modules.as_deref().map(|modules| modules.split(',').any(|m| m.trim() == "landlock"))) {
        (None, _) => Finding::warning("landlock", format!("Linux {release} has no Landlock, and the embedded engine does not start without its sandbox")).next(next),
        (_, Some(false)) => Finding::warning("landlock", "Landlock is not among the kernel's security modules, and the embedded engine does not start without its sandbox").next(next),
        (Some(version), Some(true)) => Finding::ok("landlock", format!("Landlock is on; Linux {release} knows version {version} of it")),
        (Some(version), None) => Finding::ok("landlock", format!("Linux {release} knows version {version} of Landlock; whether it is on cannot be read here, starting an engine shows it")),
    }
}

/// The version of Landlock's interface by kernel release (landlock(7)).
fn landlock_version(release: &str) -> Option<u32> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    let release = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let versions =
        [((5, 13), 1), ((5, 19), 2), ((6, 2), 3), ((6, 7), 4), ((6, 10), 5), ((6, 12), 6), ((6, 15), 7)];
    versions.iter().rev().find(|(since, _)| release >= *since).map(|(_, version)| *version)
}

/// Lets a worker with the demonstration model try to break out.
fn sandbox(model: &Path) -> Finding {
    let config = schleuse_inference::EngineConfig {
        adapters: Vec::new(),
        weights: model.to_owned(),
        model: crate::config::model_name(model),
        socket: Path::new("/nonexistent").to_owned(),
        threads: Some(1),
        context_tokens: 512,
        parallel: 1,
        memory_max_bytes: None,
        program: Path::new("/proc/self/exe").to_owned(),
    };
    let next = "the embedded engine does not start like this; use a model server with `--upstream URL`, and report an attempt that succeeded";
    match schleuse_inference::prove_sandbox(&config) {
        Ok(rows) => {
            let escaped: Vec<&str> =
                rows.iter().filter(|(_, is_denied)| !is_denied).map(|(name, _)| name.as_str()).collect();
            if escaped.is_empty() {
                Finding::ok(
                    "sandbox",
                    format!(
                        "a worker of the engine tried {} ways out of its sandbox; all were denied",
                        rows.len()
                    ),
                )
            } else {
                Finding::error(
                    "sandbox",
                    format!("a worker of the engine got out of its sandbox: {}", escaped.join(", ")),
                )
                .next(next)
            }
        }
        Err(error) => Finding::error("sandbox", error.to_string()).next(next),
    }
}

fn open_files() -> Finding {
    let next = "raise it: `ulimit -Hn 65536` as root, or LimitNOFILE=65536 in the unit of the service";
    // A house raises its soft limit to the hard one, so only that one counts.
    match getrlimit(Resource::RLIMIT_NOFILE).map(|(_, hard)| hard) {
        Ok(limit) if limit < OPEN_FILES_NEEDED => {
            Finding::error("open files", format!("only {limit} open files are allowed; a house needs {OPEN_FILES_NEEDED}"))
                .next(next)
        }
        Ok(limit) if limit < OPEN_FILES_WISHED => Finding::warning(
            "open files",
            format!("{limit} open files are allowed; each caller needs up to two, so that some hundred callers fill this"),
        )
        .next(next),
        Ok(limit) => Finding::ok("open files", format!("{limit} are allowed")),
        Err(error) => Finding::warning("open files", format!("the limit cannot be read: {error}")).next(next),
    }
}

fn clock() -> Finding {
    let now = SystemClock::new().now();
    if now.seconds() >= EARLIEST_SECONDS {
        Finding::ok("clock", format!("it shows {now}"))
    } else {
        Finding::error(
            "clock",
            format!("it shows {now}, which is past; keys expire and entries are dated by it"),
        )
        .next("set the clock, and let a time service keep it")
    }
}

#[cfg(test)]
mod tests {
    use super::landlock_version;

    #[test]
    fn kernel_releases_have_versions_of_landlock() {
        let check = |release, expected| assert_eq!(landlock_version(release), expected, "{release}");
        check("5.10.0-28-amd64", None);
        check("5.13", Some(1));
        check("6.1.0-18-amd64", Some(2));
        check("6.8.0-45-generic", Some(4));
        check("6.18.44-fc-v669", Some(7));
        check("7.0", Some(7));
        check("", None);
    }
}
