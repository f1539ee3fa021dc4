//! The official OpenAI and Anthropic SDKs, a certified identity provider and Lighthouse as real parts for the end-to-end tests, at pinned
//! versions, in the tools folder.
//!
//! What the tests find there (`SCHLEUSE_TOOLS` names the folder): `bin/node`, `bin/chromium`, `sdk-python/bin/python`,
//! `sdk-node/node_modules`, `idp/node_modules`, `lighthouse/node_modules`, and `model.gguf` when the demonstration model could be fetched.

use crate::node::{self, Node};
use crate::place::{self, Place};
use crate::{Trouble, model, step};
use std::process::Command;

/// Prepares the SDKs and the identity provider, and the links by which tests find the other tools.
///
/// # Errors
/// When a registry cannot be reached or a tool is missing.
pub(crate) fn prepare(place: &Place, node: &Node) -> Result<(), Trouble> {
    python(
        place,
        "sdk-python",
        "openai, anthropic, opentelemetry.proto",
        "install the official Python SDKs",
    )?;
    javascript(place, node, "sdk-node", "openai", "install the official Node SDKs")?;
    javascript(place, node, "idp", "oidc-provider", "install an OpenID provider to sign in at")?;
    javascript(place, node, "lighthouse", "lighthouse", "install Lighthouse, which judges the page")?;
    let chromium = step::find("chromium").ok_or_else(|| Trouble::new("chromium is not on the path"))?;
    node::relink(&chromium, &place.tools.join("bin/chromium"))?;
    // The tests talk with a real model, so here its absence is a failure.
    node::relink(&model::fetch(place)?, &place.tools.join("model.gguf"))
}

/// Installs what `xtask/tools/<name>/requirements.txt` pins, in an environment of its own, of which `modules` must load.
///
/// # Errors
/// When the registry cannot be reached or what came cannot be loaded.
pub(crate) fn python(place: &Place, name: &str, modules: &str, doing: &str) -> Result<(), Trouble> {
    let wanted = node::copy_tool(place, name, &["requirements.txt"])?;
    let folder = place.tools.join(name);
    let python = folder.join("bin/python");
    let stamp = place.stamp(name);
    let works = || step::answer(&python, &["-c", &format!("import {modules}")]).is_some();
    if std::fs::read_to_string(&stamp).is_ok_and(|last| last == wanted) && works() {
        return Ok(());
    }
    let log = place.log(name);
    step::quiet(
        "make a Python environment",
        &log,
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder),
    )?;
    // `--clear` took the list away with everything else.
    node::copy_tool(place, name, &["requirements.txt"])?;
    let mut pip = Command::new(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--only-binary=:all:",
        "--disable-pip-version-check",
        "--requirement",
    ]);
    step::quiet(doing, &log, pip.arg(folder.join("requirements.txt")))?;
    if !works() {
        return Err(Trouble::new(format!("`{modules}` was installed for Python and cannot be loaded")));
    }
    place::write(&stamp, &wanted)
}

/// Installs what `xtask/tools/<name>` locks, of which `package` is the one that is asked for.
fn javascript(place: &Place, node: &Node, name: &str, package: &str, doing: &str) -> Result<(), Trouble> {
    let wanted = node::copy_tool(place, name, &["package.json", "package-lock.json"])?;
    let folder = place.tools.join(name);
    let stamp = place.stamp(name);
    let there = folder.join("node_modules").join(package).join("package.json").is_file();
    if there && std::fs::read_to_string(&stamp).is_ok_and(|last| last == wanted) {
        return Ok(());
    }
    step::quiet(doing, &place.log(name), node.npm(&folder).args(["ci", "--ignore-scripts"]))?;
    place::write(&stamp, &wanted)
}
