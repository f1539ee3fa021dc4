//! `schleuse agreement`: the processing agreements without which nothing goes to an external model server.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use toml::{Table, Value};

use super::AgreementCommand;
use crate::config::{AGREEMENTS, Agreement, read_agreement_file, recorded_agreements};
use crate::data::{DataFolder, write_private};
use crate::failure::{Doing as _, Failure};

/// Files that an agreement may name; they are copied beside it.
const FILES: [&str; 3] = ["training_opt_out", "api_key_file", "ca_file"];

pub(super) fn run(command: AgreementCommand) -> Result<ExitCode, Failure> {
    match command {
        AgreementCommand::Record { data, file } => record(&data, &file),
        AgreementCommand::List { data, json } => list(&data, json),
        AgreementCommand::Remove { data, upstream } => remove(&data, &upstream),
    }
}

/// Checks an agreement and copies it, with the files that it names, into the data folder. One for the same upstream is
/// replaced.
fn record(data: &Path, file: &Path) -> Result<ExitCode, Failure> {
    let folder = DataFolder::existing(data)?.path().join(AGREEMENTS);
    let agreement = read_agreement_file(file).map_err(Failure::usage)?;
    let text = fs::read_to_string(file).doing(format!("cannot read `{}`", file.display()))?;
    let mut table: Table =
        text.parse().map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
    make_private(&folder)?;
    let name = file_name(&agreement.upstream)?;
    let from = file.parent().unwrap_or(Path::new("."));
    for key in FILES {
        let Some(Value::String(named)) = table.get(key) else { continue };
        let ending = Path::new(named).extension().and_then(|ending| ending.to_str()).unwrap_or("bin");
        let copy = format!("{name}.{key}.{ending}");
        let content = fs::read(from.join(named)).doing(format!("cannot read `{named}`"))?;
        write_private(&folder.join(&copy), &content)?;
        table.insert(key.to_owned(), Value::String(copy));
    }
    write_private(&folder.join(format!("{name}.toml")), table.to_string().as_bytes())?;
    println!(
        "recorded: {} for `{}` until {}; a house that runs takes it up when it starts again",
        agreement.processor, agreement.upstream, agreement.until
    );
    if agreement.training_opt_out.is_none() {
        eprintln!(
            "warning: without `training_opt_out` the route stays closed, unless [security] says training = \"ALLOWED\""
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn list(data: &Path, as_json: bool) -> Result<ExitCode, Failure> {
    let agreements = recorded_agreements(DataFolder::existing(data)?.path()).map_err(Failure::usage)?;
    if as_json {
        let rows: Vec<_> = agreements.iter().map(row).collect();
        println!("{}", json!(rows));
        return Ok(ExitCode::SUCCESS);
    }
    for agreement in &agreements {
        println!(
            "{}\t{} ({})\tuntil {}",
            agreement.upstream, agreement.processor, agreement.jurisdiction, agreement.until
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn row(agreement: &Agreement) -> serde_json::Value {
    json!({
        "upstream": agreement.upstream,
        "processor": agreement.processor,
        "jurisdiction": agreement.jurisdiction,
        "sub_processors": agreement.sub_processors,
        "until": agreement.until,
        "training_opt_out_sha256": agreement.training_opt_out.as_ref().map(|(_, digest)| digest),
    })
}

/// Takes a record out, and the files that were copied with it.
fn remove(data: &Path, upstream: &str) -> Result<ExitCode, Failure> {
    let folder = DataFolder::existing(data)?.path().join(AGREEMENTS);
    let name = file_name(upstream)?;
    let record = folder.join(format!("{name}.toml"));
    if !record.is_file() {
        return Err(Failure::usage(format!("there is no agreement for `{upstream}`"))
            .next("`schleuse agreement list --data DIR` shows those that there are"));
    }
    fs::remove_file(&record).doing(format!("cannot remove `{}`", record.display()))?;
    for entry in fs::read_dir(&folder).doing("cannot read the agreements")?.flatten() {
        let of_it = entry
            .file_name()
            .to_string_lossy()
            .strip_prefix(&format!("{name}."))
            .is_some_and(|rest| FILES.iter().any(|key| rest.starts_with(&format!("{key}."))));
        if of_it {
            fs::remove_file(entry.path()).doing(format!("cannot remove `{}`", entry.path().display()))?;
        }
    }
    println!("removed; a house that runs closes the route when it starts again");
    Ok(ExitCode::SUCCESS)
}

/// An upstream's name, as the name of a file.
fn file_name(upstream: &str) -> Result<&str, Failure> {
    let is_name = (1..=64).contains(&upstream.len())
        && !upstream.starts_with('.')
        && upstream.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    is_name.then_some(upstream).ok_or_else(|| Failure::usage(format!("`{upstream}` is no upstream's name")))
}

fn make_private(folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .doing(format!("cannot make `{}`", folder.display()))
}
