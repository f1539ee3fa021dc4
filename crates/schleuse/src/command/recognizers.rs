//! `schleuse recognizers`: rules of other products, turned into packs of ours.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use schleuse_inspect::{Import, ImportError, import_gitleaks, import_presidio};

use super::{Product, Recognizers};
use crate::failure::{Doing as _, Failure};

pub(super) fn run(command: Recognizers) -> Result<ExitCode, Failure> {
    match command {
        Recognizers::Import { file, from, output } => import(&file, from, output.as_deref()),
    }
}

fn import(file: &Path, from: Option<Product>, output: Option<&Path>) -> Result<ExitCode, Failure> {
    let product = from.or_else(|| product_of(file)).ok_or_else(|| {
        Failure::usage(format!("`{}` ends neither in .toml nor in .yaml", file.display()))
            .next("Say whose file it is: --from gitleaks or --from presidio")
    })?;
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("cannot read `{}`: {error}", file.display())))?;
    let read: fn(&str) -> Result<Import, ImportError> = match product {
        Product::Gitleaks => import_gitleaks,
        Product::Presidio => import_presidio,
    };
    let import = read(&text).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
    match output {
        Some(path) => {
            std::fs::write(path, &import.pack).doing(format!("cannot write `{}`", path.display()))?;
        }
        None => std::io::stdout().write_all(import.pack.as_bytes()).doing("cannot write the pack")?,
    }
    for remark in &import.remarks {
        eprintln!("{}: {remark}", file.display());
    }
    let left_out = import.remarks.iter().filter(|remark| remark.is_left_out).count();
    eprintln!("{} rules imported, {left_out} left out", import.rules);
    Ok(ExitCode::SUCCESS)
}

/// What the end of the name says: gitleaks writes TOML, Presidio YAML.
fn product_of(file: &Path) -> Option<Product> {
    match file.extension()?.to_str()? {
        "toml" => Some(Product::Gitleaks),
        "yaml" | "yml" => Some(Product::Presidio),
        _ => None,
    }
}
