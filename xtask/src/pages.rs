//! The web pages: their dependencies, their build, their tests.

use crate::node::Node;
use crate::place::{self, Place};
use crate::{Trouble, step};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// Folders under `ui/` that are made, not written.
const MADE: &[&str] = &["node_modules", "dist", "test-results"];

/// Installs the pages' dependencies when the lock file changed since the last time.
///
/// # Errors
/// When npm fails.
pub(crate) fn install(place: &Place, node: &Node) -> Result<(), Trouble> {
    let folder = place.root.join("ui");
    let stamp = folder.join("node_modules").join(".schleuse-installed");
    let wanted = format!(
        "{:016x}",
        fingerprint_of(&[folder.join("package-lock.json"), folder.join("package.json")], &folder)?
    );
    if std::fs::read_to_string(&stamp).is_ok_and(|last| last == wanted) {
        return Ok(());
    }
    // Not `npm ci`: it refuses a registry that does not carry the optional packages of other platforms. This installs the
    // locked versions with their digests and writes no lock; no package's script runs.
    let mut npm = node.npm(&folder);
    npm.args(["install", "--no-save", "--ignore-scripts"]);
    step::quiet("install the pages' dependencies (npm install)", &place.log("npm-install"), &mut npm)?;
    place::write(&stamp, &wanted)
}

/// Builds `ui/dist` unless it was built from the same sources before.
///
/// # Errors
/// When npm fails or leaves no page.
pub(crate) fn build(place: &Place, node: &Node) -> Result<(), Trouble> {
    let folder = place.root.join("ui");
    let mut sources = Vec::new();
    collect(&folder, &mut sources)?;
    let wanted = format!("{:016x}", fingerprint_of(&sources, &folder)?);
    // Beside the pages and not in the build folder: two build folders share one `ui/dist`.
    let stamp = folder.join("node_modules").join(".schleuse-built");
    let page = folder.join("dist/index.html");
    if page.is_file() && std::fs::read_to_string(&stamp).is_ok_and(|last| last == wanted) {
        return Ok(());
    }
    install(place, node)?;
    step::quiet(
        "build the pages (npm run build)",
        &place.log("pages"),
        node.npm(&folder).args(["run", "build"]),
    )?;
    if !page.is_file() {
        return Err(Trouble::new("the pages' build left no ui/dist/index.html"));
    }
    place::write(&stamp, &wanted)
}

/// Every file under `folder` that somebody wrote.
fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<(), Trouble> {
    let entries = std::fs::read_dir(folder)
        .map_err(|error| Trouble::new(format!("folder `{}` cannot be read: {error}", folder.display())))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let is_made = entry
            .file_name()
            .to_str()
            .is_some_and(|name| MADE.contains(&name) || name.ends_with(".tsbuildinfo"));
        if is_made {
            continue;
        }
        if path.is_dir() {
            collect(&path, into)?;
        } else {
            into.push(path);
        }
    }
    Ok(())
}

/// A number that changes when a name or a byte of these files does. It finds changes, it proves nothing.
fn fingerprint_of(files: &[PathBuf], root: &Path) -> Result<u64, Trouble> {
    let mut files: Vec<&PathBuf> = files.iter().collect();
    files.sort_unstable();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.strip_prefix(root).unwrap_or(file).hash(&mut hasher);
        let content = std::fs::read(file)
            .map_err(|error| Trouble::new(format!("file `{}` cannot be read: {error}", file.display())))?;
        content.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("schleuse-pages-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("src")).unwrap();
        folder
    }

    fn fingerprint(folder: &Path) -> u64 {
        let mut files = Vec::new();
        collect(folder, &mut files).unwrap();
        fingerprint_of(&files, folder).unwrap()
    }

    #[test]
    fn a_changed_byte_or_name_changes_the_fingerprint_and_a_made_file_does_not() {
        let folder = folder("fingerprint");
        let source = folder.join("src/main.ts");
        std::fs::write(&source, "one").unwrap();
        let first = fingerprint(&folder);
        assert_eq!(first, fingerprint(&folder));

        std::fs::create_dir_all(folder.join("dist")).unwrap();
        std::fs::write(folder.join("dist/index.html"), "made").unwrap();
        assert_eq!(first, fingerprint(&folder));

        std::fs::write(&source, "two").unwrap();
        let second = fingerprint(&folder);
        assert_ne!(first, second);

        std::fs::rename(&source, folder.join("src/other.ts")).unwrap();
        assert_ne!(second, fingerprint(&folder));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
