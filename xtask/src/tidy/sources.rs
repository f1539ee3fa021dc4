//! Rules about the files themselves: what none may contain, how long some may be, where links must lead.

use super::graph::EMPTY_NAMES;
use super::table::Table;
use crate::Trouble;
use crate::place::Place;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

/// Pages with a length that a reader was promised, in lines.
const LENGTHS: &[(&str, usize)] = &[("README.md", 150), ("ARCHITECTURE.md", 250)];

/// What Rust sources may not contain, and why. Written in two halves so that this table does not find itself.
const BANNED_IN_RUST: &[(&str, &str)] = &[
    (concat!("#[", "ignore"), "a test that does not run is no test"),
    (concat!("FIX", "ME"), "mend it or file an issue"),
    (concat!("// X", "XX"), "mend it or file an issue"),
    (concat!("todo", "!("), "unfinished code does not land"),
    (concat!("unimplemented", "!("), "unfinished code does not land"),
];

/// Only these crates may hold a client of HTTP, each because it knows whereto: models, issuers, our own processes, and the
/// log's witnesses; the test tools beside the house, and tests themselves, are free.
const CLIENT_OF_HTTP: &[&str] = &[concat!("hyper::", "client"), concat!("hyper_util::", "client")];
const MAY_HOLD_A_CLIENT: &[&str] =
    &["crates/upstream/", "crates/identity/", "crates/tunnel/", "crates/audit/", "crates/testkit/", "bench/"];

/// Beginnings of paths that belong to one machine.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
    concat!("/fa", "rm/"),
];

/// One file of the checkout.
pub(super) struct File {
    /// Relative to the checkout, with slashes.
    pub(super) path: String,
    /// Its text; empty when it is not text.
    pub(super) text: String,
}

/// Every file that git tracks or would track.
///
/// # Errors
/// When git fails: without it nobody knows which files belong to the project.
pub(super) fn list(place: &Place) -> Result<Vec<File>, Trouble> {
    let mut git = Command::new("git");
    git.current_dir(&place.root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = git.output().map_err(|error| Trouble::new(format!("git could not be started: {error}")))?;
    if !output.status.success() {
        return Err(Trouble::new("git ls-files failed; tidy needs a git checkout"));
    }
    let names =
        String::from_utf8(output.stdout).map_err(|_| Trouble::new("a file has a name that is not UTF-8"))?;
    let mut files = Vec::new();
    for path in names.split('\0').filter(|name| !name.is_empty()) {
        // A file that git still knows and that is gone from the disk is being deleted.
        if let Ok(bytes) = std::fs::read(place.root.join(path)) {
            files.push(File { path: path.to_owned(), text: String::from_utf8(bytes).unwrap_or_default() });
        }
    }
    Ok(files)
}

/// Every rule about single files.
pub(super) fn check(files: &[File]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files {
        let path = file.path.as_str();
        if let Some((_, most)) = LENGTHS.iter().find(|(name, _)| *name == path) {
            let lines = file.text.lines().count();
            if lines > *most {
                breaches.push(format!("{path} has {lines} lines, {most} at most"));
            }
        }
        if path.ends_with(".rs") {
            breaches.extend(check_rust(file));
        }
        if path.ends_with(".md") {
            breaches.extend(check_links(file, files));
        }
        if path.ends_with("package-lock.json") {
            breaches.extend(check_lock(file, files));
        }
        if is_member_manifest(path) && !file.text.contains("[lints]") {
            breaches.push(format!("{path} has no [lints], so the workspace's do not hold there"));
        }
        for (number, line) in numbered(&file.text) {
            if let Some(beginning) =
                MACHINE_PATHS.iter().find(|beginning| names_machine_path(line, beginning))
            {
                breaches.push(format!("{path}:{number}: a path of one machine (`{beginning}…`)"));
            }
        }
    }
    breaches
}

fn check_rust(file: &File) -> Vec<String> {
    let mut breaches = Vec::new();
    let path = file.path.as_str();
    for (number, line) in numbered(&file.text) {
        for (banned, why) in BANNED_IN_RUST.iter().filter(|(banned, _)| line.contains(banned)) {
            breaches.push(format!("{path}:{number}: `{banned}`: {why}"));
        }
        let is_test = path.contains("/tests/") || path.ends_with("/tests.rs");
        let may_hold_a_client = is_test || MAY_HOLD_A_CLIENT.iter().any(|folder| path.starts_with(folder));
        if !may_hold_a_client && CLIENT_OF_HTTP.iter().any(|client| line.contains(client)) {
            breaches.push(format!("{path}:{number}: a client of HTTP, which only `upstream` may hold"));
        }
    }
    let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let folder =
        Path::new(path).parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    if let Some(name) = EMPTY_NAMES.iter().find(|name| **name == stem || **name == folder) {
        breaches.push(format!("{path}: `{name}` is a name that says nothing"));
    }
    breaches
}

/// A lock file belongs to the `package.json` beside it, and every version in that is exact; and the lock names no registry,
/// because each house has its own.
fn check_lock(file: &File, files: &[File]) -> Vec<String> {
    let path = &file.path;
    let wanted = path.replace("package-lock.json", "package.json");
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let package =
        read(files.iter().find(|other| other.path == wanted).map_or("", |other| other.text.as_str()));
    let lock = read(&file.text);
    let locked = lock.get("packages").and_then(|packages| packages.get("")).cloned().unwrap_or_default();
    let mut breaches = Vec::new();
    for group in ["dependencies", "devDependencies", "optionalDependencies"] {
        if package.get(group) != locked.get(group) {
            breaches.push(format!("{path}: `{group}` differ from those of {wanted}; run npm install"));
        }
        for (name, version) in package.get(group).and_then(Value::as_object).into_iter().flatten() {
            if !version
                .as_str()
                .is_some_and(|version| version.starts_with(|letter: char| letter.is_ascii_digit()))
            {
                breaches.push(format!("{wanted}: `{name}` has no exact version"));
            }
        }
    }
    if file.text.contains("\"resolved\": \"http") {
        breaches.push(format!("{path}: names a registry; lock with omit-lockfile-registry-resolved"));
    }
    breaches
}

/// Relative links of a Markdown page lead to files of the checkout.
fn check_links(file: &File, files: &[File]) -> Vec<String> {
    let mut breaches = Vec::new();
    for (number, line) in numbered(&file.text) {
        for target in
            line.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        {
            let target = target.split('#').next().unwrap_or_default();
            let is_elsewhere = target.is_empty() || target.contains("://") || target.starts_with("mailto:");
            if is_elsewhere {
                continue;
            }
            let leads_to = resolve(&file.path, target);
            let inside = format!("{leads_to}/");
            let is_there =
                files.iter().any(|other| other.path == leads_to || other.path.starts_with(&inside));
            if !is_there {
                breaches.push(format!("{}:{number}: the link to `{target}` leads nowhere", file.path));
            }
        }
    }
    breaches
}

fn resolve(page: &str, target: &str) -> String {
    let mut resolved = PathBuf::from(page);
    resolved.pop();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => {
                resolved.pop();
            }
            Component::Normal(name) => resolved.push(name),
            _ => {}
        }
    }
    resolved.to_string_lossy().into_owned()
}

/// `crates/README.md` has one line per crate.
pub(super) fn missing_rows(files: &[File], table: &Table) -> Vec<String> {
    let index =
        files.iter().find(|file| file.path == "crates/README.md").map_or("", |file| file.text.as_str());
    let folder = |name: &str| format!("crates/{name}/");
    table
        .keys()
        .filter(|name| files.iter().any(|file| file.path.starts_with(&folder(name))))
        .filter(|name| !index.contains(&format!("`{name}`")))
        .map(|name| format!("crates/README.md has no line for `{name}`"))
        .collect()
}

/// Crates that hold more than a third of all Rust lines: concentration is the smell.
pub(super) fn shares(files: &[File]) -> Vec<String> {
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        let mut parts = file.path.split('/');
        if let (Some("crates"), Some(name)) = (parts.next(), parts.next()) {
            *lines.entry(name).or_default() += file.text.lines().count();
        }
    }
    let all: usize = lines.values().sum();
    let large = lines.into_iter().filter(|(_, count)| count * 3 > all);
    large
        .map(|(name, count)| format!("crate `{name}` holds {count} of {all} Rust lines, more than a third"))
        .collect()
}

fn is_member_manifest(path: &str) -> bool {
    path != "Cargo.toml" && path.ends_with("/Cargo.toml")
}

/// Whether a line names a path with this beginning, and not a longer path or an address that contains it.
fn names_machine_path(line: &str, beginning: &str) -> bool {
    line.match_indices(beginning).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + beginning.len()..).and_then(|text| text.chars().next());
        before.is_none_or(|letter| letter.is_whitespace() || "\"'`=(:[,".contains(letter))
            && after.is_some_and(|letter| letter.is_alphanumeric() || letter == '.' || letter == '_')
    })
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

#[cfg(test)]
mod tests;
