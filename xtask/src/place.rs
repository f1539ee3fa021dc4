//! Where things lie: the checkout, the build folder, the tools folder in it, and the cache outside of both.

use crate::Trouble;
use std::path::{Path, PathBuf};

/// The folders that tasks work in; all absolute.
pub(crate) struct Place {
    /// The checkout: where `Cargo.toml`, `ui/` and `crates/` are.
    pub(crate) root: PathBuf,
    /// Cargo's build folder: `CARGO_TARGET_DIR`, or `target` in the checkout.
    pub(crate) target: PathBuf,
    /// Tools that the set-up installs for this checkout alone.
    pub(crate) tools: PathBuf,
}

impl Place {
    /// # Errors
    /// When the tool was not started from a checkout.
    pub(crate) fn find() -> Result<Self, Trouble> {
        let here = std::env::current_dir()
            .map_err(|error| Trouble::new(format!("the current folder cannot be read: {error}")))?;
        // `cargo run` names the package's folder; a tool started by hand looks upward from where it stands.
        let root = match std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from) {
            Some(package) => package.parent().map(Path::to_path_buf),
            None => here
                .ancestors()
                .find(|folder| folder.join("xtask/Cargo.toml").is_file())
                .map(Path::to_path_buf),
        };
        let root = root
            .filter(|folder| folder.join("Cargo.toml").is_file())
            .ok_or_else(|| Trouble::new("not inside a checkout; call ./x of the checkout"))?;
        // A relative CARGO_TARGET_DIR means relative to where cargo was called, which is here.
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) if !folder.is_empty() => here.join(folder),
            _ => root.join("target"),
        };
        let tools = target.join("tools");
        Ok(Self { root, target, tools })
    }

    /// Where the demonstration model lies once fetched; `schleuse demo` looks for it in the same place.
    ///
    /// # Errors
    /// When neither `XDG_CACHE_HOME` nor `HOME` is set.
    pub(crate) fn models() -> Result<PathBuf, Trouble> {
        let cache = match (std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME")) {
            (Some(cache), _) if Path::new(&cache).is_absolute() => PathBuf::from(cache),
            (_, Some(home)) if !home.is_empty() => PathBuf::from(home).join(".cache"),
            _ => {
                return Err(Trouble::new(
                    "neither XDG_CACHE_HOME nor HOME is set, so there is no place for models",
                ));
            }
        };
        Ok(cache.join("schleuse").join("models"))
    }

    /// A file that remembers which inputs the last run of a step saw.
    pub(crate) fn stamp(&self, step: &str) -> PathBuf {
        self.target.join("xtask").join(format!("{step}.stamp"))
    }

    /// The log of a step whose output is not shown while it runs.
    pub(crate) fn log(&self, step: &str) -> PathBuf {
        self.target.join("xtask").join(format!("{step}.log"))
    }
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Trouble> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Trouble::new(format!("folder `{}` cannot be made: {error}", folder.display())))
}

/// Writes a whole file, making its folder first.
pub(crate) fn write(path: &Path, content: &str) -> Result<(), Trouble> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    std::fs::write(path, content)
        .map_err(|error| Trouble::new(format!("file `{}` cannot be written: {error}", path.display())))
}

/// Reads a whole text file.
pub(crate) fn read(path: &Path) -> Result<String, Trouble> {
    std::fs::read_to_string(path)
        .map_err(|error| Trouble::new(format!("file `{}` cannot be read: {error}", path.display())))
}
