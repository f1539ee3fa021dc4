//! What the machine must have before anything can be built or tested.
//!
//! Presence is asked of the machine itself (a command on the path, a file in its place), so a machine where all is there
//! sees no package manager, and a machine without Debian's may bring the same things in its own way.

use crate::node::Node;
use crate::place::Place;
use crate::{Trouble, pages, sdk, step};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// One thing that must be there, and Debian's name for the package that brings it.
struct Need {
    package: &'static str,
    present: fn() -> bool,
}

/// What a build needs. Node is not among these: Debian's is too old, see `node`.
const BUILD: &[Need] = &[
    Need { package: "gcc", present: || step::on_path("cc") },
    Need { package: "g++", present: || step::on_path("c++") },
    Need { package: "libc6-dev", present: || found("/usr/include", "stdlib.h") || !is_debian() },
    Need { package: "make", present: || step::on_path("make") },
    Need { package: "cmake", present: || step::on_path("cmake") },
    Need { package: "pkg-config", present: || step::on_path("pkg-config") },
    Need { package: "clang", present: || step::on_path("clang") },
    Need { package: "libclang-dev", present: has_libclang },
    Need { package: "libgomp1", present: || has_library("libgomp.so.1") },
    Need { package: "python3", present: || step::on_path("python3") },
    Need {
        package: "python3-pip",
        present: || step::answer("python3", &["-m", "pip", "--version"]).is_some(),
    },
];

/// What the tests need beyond that.
const TEST: &[Need] = &[
    Need {
        package: "python3-venv",
        present: || step::answer("python3", &["-c", "import ensurepip, venv"]).is_some(),
    },
    Need { package: "chromium", present: || step::on_path("chromium") },
    Need { package: "curl", present: || step::on_path("curl") },
    Need { package: "util-linux", present: || step::on_path("unshare") },
    // The code of Go's checksum database judges the audit log.
    Need { package: "golang-go", present: || step::on_path("go") },
    Need {
        package: "golang-golang-x-mod-dev",
        present: || found("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog", "tlog.go"),
    },
    // A real directory to sign in at; each test starts its own.
    Need { package: "slapd", present: || step::on_path("slapd") || found("/usr/sbin", "slapd") },
    // A real receiver of syslog over TLS; each test starts its own.
    Need { package: "rsyslog", present: || step::on_path("rsyslogd") || found("/usr/sbin", "rsyslogd") },
    Need {
        package: "rsyslog-gnutls",
        present: || {
            let place = format!("/usr/lib/{}-linux-gnu/rsyslog", std::env::consts::ARCH);
            found(&place, "lmnsd_gtls.so") || found("/usr/lib/rsyslog", "lmnsd_gtls.so")
        },
    },
    Need { package: "iproute2", present: || step::on_path("ip") || found("/usr/sbin", "ip") },
];

/// Makes sure that everything a build needs is installed.
///
/// # Errors
/// When something is missing and cannot be installed; the sentence names what.
pub(crate) fn for_build() -> Result<(), Trouble> {
    install_missing("build", BUILD)
}

/// Makes sure that everything the tests need is installed, the parts of the Rust toolchain among it.
///
/// # Errors
/// When something is missing and cannot be installed; the sentence names what.
pub(crate) fn for_tests(place: &Place) -> Result<(), Trouble> {
    install_missing("test", TEST)?;
    for (command, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        let there = step::cargo(place)
            .args([command, "--version"])
            .output()
            .is_ok_and(|output| output.status.success());
        if !there {
            let mut rustup = Command::new("rustup");
            rustup.args(["component", "add", component]);
            step::quiet(&format!("install {component} with rustup"), &place.log(component), &mut rustup)?;
        }
    }
    Ok(())
}

/// Everything that build and tests need, so that afterwards neither asks a registry for a tool.
///
/// # Errors
/// When something cannot be installed.
pub(crate) fn everything(place: &Place) -> Result<(), Trouble> {
    for_build()?;
    for_tests(place)?;
    let node = Node::find(place)?;
    pages::install(place, &node)?;
    sdk::prepare(place, &node)
}

/// Installs Debian packages by name; used where the need is not one of the tables above.
///
/// # Errors
/// When this is not Debian or a relative, or the package manager fails.
pub(crate) fn install(purpose: &str, packages: &[&str]) -> Result<(), Trouble> {
    let list = packages.join(" ");
    if !is_debian() {
        return Err(Trouble::new(format!(
            "to {purpose}, this machine needs what Debian calls {list}; install them in your system's way and call ./x again"
        )));
    }
    if !is_root() && !step::on_path("sudo") {
        return Err(Trouble::new(format!(
            "to {purpose}, {list} must be installed, and there is neither root nor sudo; run as root: apt-get install {list}"
        )));
    }
    let log = std::env::temp_dir().join(format!("schleuse-apt-{}.log", std::process::id()));
    static REFRESHED: OnceLock<()> = OnceLock::new();
    if REFRESHED.get().is_none() {
        step::quiet("refresh the list of Debian packages", &log, apt_get().arg("update"))?;
        let _ = REFRESHED.set(());
    }
    let mut command = apt_get();
    command.args(["install", "-y", "--no-install-recommends"]).args(packages);
    step::quiet(&format!("install Debian packages: {list}"), &log, &mut command)?;
    drop(std::fs::remove_file(&log));
    Ok(())
}

fn install_missing(purpose: &str, needs: &[Need]) -> Result<(), Trouble> {
    let missing =
        || needs.iter().filter(|need| !(need.present)()).map(|need| need.package).collect::<Vec<_>>();
    let packages = missing();
    if packages.is_empty() {
        return Ok(());
    }
    install(purpose, &packages)?;
    match missing().as_slice() {
        [] => Ok(()),
        rest => Err(Trouble::new(format!("installed, and still not found: {}", rest.join(" ")))),
    }
}

fn apt_get() -> Command {
    let mut command = if is_root() { Command::new("env") } else { Command::new("sudo") };
    if !is_root() {
        command.arg("env");
    }
    // The tests start their own servers: a package that brings one must not start it as a service of the machine.
    command.args(["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "SYSTEMD_OFFLINE=1", "apt-get", "-q"]);
    command
}

fn is_root() -> bool {
    step::answer("id", &["-u"]).as_deref() == Some("0")
}

fn is_debian() -> bool {
    step::on_path("apt-get")
}

fn has_libclang() -> bool {
    if std::env::var_os("LIBCLANG_PATH").is_some() {
        return true;
    }
    let llvm = folders("/usr/lib", "llvm").into_iter().map(|folder| folder.join("lib"));
    llvm.chain(library_folders())
        .any(|folder| found(&folder, "libclang.so") || found_like(&folder, "libclang-"))
}

fn has_library(name: &str) -> bool {
    library_folders().into_iter().any(|folder| found(folder, name))
}

/// Where a loader looks: the plain folders and, on Debian, one per architecture.
fn library_folders() -> Vec<std::path::PathBuf> {
    let mut list = vec!["/usr/lib".into(), "/usr/lib64".into(), "/usr/local/lib".into()];
    list.extend(folders("/usr/lib", std::env::consts::ARCH));
    list
}

fn folders(parent: &str, prefix: &str) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else { return Vec::new() };
    let named = |path: &std::path::PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)) && path.is_dir()
    };
    entries.flatten().map(|entry| entry.path()).filter(named).collect()
}

fn found(folder: impl AsRef<Path>, name: &str) -> bool {
    folder.as_ref().join(name).exists()
}

fn found_like(folder: &Path, prefix: &str) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with(prefix) && name.contains(".so")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_missing_asks_no_package_manager() {
        assert!(install_missing("build", &[Need { package: "no-such-package", present: || true }]).is_ok());
    }

    #[test]
    fn every_need_names_one_package_once() {
        let mut packages: Vec<_> = BUILD.iter().chain(TEST).map(|need| need.package).collect();
        let all = packages.len();
        packages.sort_unstable();
        packages.dedup();
        assert_eq!(packages.len(), all);
    }
}
