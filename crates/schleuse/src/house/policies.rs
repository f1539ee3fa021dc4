//! Policies from the binary or from a folder.

use std::path::{Path, PathBuf};

use schleuse_policy::{Policy, SHIPPED_POLICIES, SHIPPED_SCHEMA};

use crate::failure::{Doing as _, Failure};

/// What a policy is read from.
pub struct PolicyTexts {
    pub schema: String,
    /// Name and text, sorted by name.
    pub files: Vec<(String, String)>,
}

impl PolicyTexts {
    /// The shipped policies, or all `*.cedar` files of a folder with its `schema.cedarschema` or the shipped one.
    pub fn read(folder: Option<&Path>) -> Result<Self, Failure> {
        match folder {
            Some(folder) => Self::of_folder(folder),
            None => Ok(Self {
                schema: SHIPPED_SCHEMA.to_owned(),
                files: SHIPPED_POLICIES.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec(),
            }),
        }
    }

    fn of_folder(folder: &Path) -> Result<Self, Failure> {
        let read =
            |path: &PathBuf| std::fs::read_to_string(path).doing(format!("cannot read `{}`", path.display()));
        let schema = folder.join("schema.cedarschema");
        let schema = if schema.exists() { read(&schema)? } else { SHIPPED_SCHEMA.to_owned() };
        let entries = std::fs::read_dir(folder).doing(format!("cannot read `{}`", folder.display()))?;
        let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "cedar"));
        paths.sort();
        if paths.is_empty() {
            return Err(Failure::new(format!("`{}` holds no `*.cedar` file", folder.display()))
                .next("without `policies` in the configuration the shipped policies are used"));
        }
        let mut files = Vec::new();
        for path in paths {
            let name = path.file_name().map(|name| name.display().to_string()).unwrap_or_default();
            files.push((name, read(&path)?));
        }
        Ok(Self { schema, files })
    }

    pub fn load(&self) -> Result<Policy, Failure> {
        let files: Vec<(&str, &str)> =
            self.files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        Policy::load(&self.schema, &files).doing("the policies cannot be used")
    }
}
