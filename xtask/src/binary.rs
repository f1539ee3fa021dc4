//! The finished binary, and the demo house that it starts.

use crate::node::Node;
use crate::place::Place;
use crate::{Trouble, model, pages, setup, step};
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds everything a house needs and leaves `target/release/schleuse` in the checkout, wherever Cargo builds.
///
/// # Errors
/// When a step fails. A demonstration model that cannot be fetched is told and is no failure.
pub(crate) fn build(place: &Place) -> Result<PathBuf, Trouble> {
    setup::for_build()?;
    model::fetch_or_tell(place);
    let node = Node::find(place)?;
    pages::build(place, &node)?;
    let mut cargo = step::cargo(place);
    cargo.args(["build", "--release", "--locked", "-p", "schleuse", "--features", "engine,ui"]);
    step::show(
        "build schleuse with pages and engine (the first time: up to 15 minutes on two cores)",
        &mut cargo,
    )?;
    let built = place.target.join("release/schleuse");
    let binary = place.root.join("target/release/schleuse");
    hand_over(&built, &binary)?;
    Ok(binary)
}

/// Builds, then becomes `schleuse demo` with these flags; signals reach the house itself.
///
/// # Errors
/// When the build fails or the binary cannot be started; otherwise it does not return.
pub(crate) fn demo(place: &Place, flags: Vec<OsString>) -> Result<(), Trouble> {
    let binary = build(place)?;
    // The caller's folder stays the current one: paths among the flags are relative to it.
    let error = Command::new(&binary).arg("demo").args(flags).exec();
    Err(Trouble::new(format!("`{}` could not be started: {error}", binary.display())))
}

/// Copies a file over another in one visible step, unless both are the same already.
fn hand_over(built: &Path, wanted: &Path) -> Result<(), Trouble> {
    let trouble =
        |error: std::io::Error| Trouble::new(format!("`{}` cannot be written: {error}", wanted.display()));
    let from =
        std::fs::metadata(built).map_err(|error| Trouble::new(format!("`{}`: {error}", built.display())))?;
    if built.canonicalize().ok() == wanted.canonicalize().ok() {
        return Ok(());
    }
    let same = std::fs::metadata(wanted)
        .is_ok_and(|there| there.len() == from.len() && there.modified().ok() >= from.modified().ok());
    if same {
        return Ok(());
    }
    if let Some(folder) = wanted.parent() {
        crate::place::make_folder(folder)?;
    }
    // A running house keeps its old file: the name moves to the new one.
    let fresh = wanted.with_extension(format!("fresh-{}", std::process::id()));
    std::fs::copy(built, &fresh).map_err(trouble)?;
    std::fs::rename(&fresh, wanted).map_err(trouble)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_binary_replaces_the_older() {
        let folder = std::env::temp_dir().join(format!("schleuse-binary-{}", std::process::id()));
        let (built, wanted) = (folder.join("elsewhere"), folder.join("target/release/schleuse"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&built, "first").unwrap();
        hand_over(&built, &wanted).unwrap();
        assert_eq!(std::fs::read_to_string(&wanted).unwrap(), "first");
        std::fs::write(&built, "second, longer").unwrap();
        hand_over(&built, &wanted).unwrap();
        assert_eq!(std::fs::read_to_string(&wanted).unwrap(), "second, longer");
        assert!(hand_over(&folder.join("missing"), &wanted).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
