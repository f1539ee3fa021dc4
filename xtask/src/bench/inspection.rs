//! How well and how fast inspection finds what was planted, beside other scanners in the same run.
//!
//! The other scanners are measured and never a part: nothing is linked with them, and no other task fetches them.

use crate::place::{self, Place};
use crate::{Trouble, sdk, step};
use std::process::Command;

/// Other scanners, and the most seconds that each may scan. Installed already, the whole run stays below three minutes.
const PEERS: &[(&str, &str)] = &[("presidio", "45"), ("detect-secrets", "60")];

/// Prints the tables of `docs/reference/inspection.md`.
///
/// # Errors
/// When our own part cannot be built or run. A missing peer is told and is no failure.
pub(super) fn run(place: &Place) -> Result<(), Trouble> {
    let mut cargo = step::cargo(place);
    cargo.args(["build", "--release", "--locked", "-p", "schleuse-bench", "--bin", "inspect_quality"]);
    step::show("build what makes documents and counts", &mut cargo)?;
    let tool = place.target.join("release/inspect_quality");
    let folder = place.target.join("bench/inspect");
    drop(std::fs::remove_dir_all(&folder));
    place::make_folder(&folder)?;
    step::show("write the documents", Command::new(&tool).arg("--write").arg(&folder))?;
    let installed = sdk::python(
        place,
        "peers",
        "presidio_analyzer, detect_secrets",
        "fetch Presidio and detect-secrets to compare with",
    );
    match installed {
        Err(trouble) => println!("no other scanner to compare with: {trouble}"),
        Ok(()) => {
            for (name, seconds) in PEERS {
                let mut python = Command::new(place.tools.join("peers/bin/python"));
                python.arg(place.root.join("xtask/tools/peers/peers.py")).arg(name);
                python.arg(folder.join("texts.jsonl")).arg(folder.join(format!("{name}.jsonl"))).arg(seconds);
                if let Err(trouble) =
                    step::quiet(&format!("let {name} scan them"), &place.log(name), &mut python)
                {
                    println!("{trouble}");
                }
            }
        }
    }
    step::show("scan them and count", Command::new(&tool).arg("--read").arg(&folder))
}
