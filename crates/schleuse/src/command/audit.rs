//! `schleuse audit`: reads the log; needs no key but the one beside it.

use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::ExitCode;

use schleuse_audit::{ExportError, Format, export, verify};

use super::{Audit, ExportFormat};
use crate::failure::{Doing as _, Failure};

/// What `verify` exits with when something is wrong.
const EXIT_WRONG: u8 = 4;

pub(super) fn run(audit: Audit) -> Result<ExitCode, Failure> {
    match audit {
        Audit::Export { data, format } => run_export(&data, format),
        Audit::Verify { data } => run_verify(&data),
    }
}

fn folder(data: &Path) -> Result<std::path::PathBuf, Failure> {
    let folder = data.join("audit");
    if folder.is_dir() {
        return Ok(folder);
    }
    Err(Failure::usage(format!("`{}` holds no audit log", data.display()))
        .next("name the data folder of a house"))
}

fn run_export(data: &Path, format: ExportFormat) -> Result<ExitCode, Failure> {
    let format = match format {
        ExportFormat::Jsonl => Format::Jsonl,
        ExportFormat::Ocsf => Format::Ocsf,
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    match export(&folder(data)?, format, &mut out) {
        Ok(_) => out.flush().doing("cannot write")?,
        // Whoever reads only the beginning (`| head`) is no failure.
        Err(ExportError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        Err(error) => return Err(Failure::new(error).exit_code(EXIT_WRONG)),
    }
    Ok(ExitCode::SUCCESS)
}

fn run_verify(data: &Path) -> Result<ExitCode, Failure> {
    let verified = verify(&folder(data)?)
        .map_err(|error| Failure::new(format!("the log is not intact: {error}")).exit_code(EXIT_WRONG))?;
    let (sealed, unsealed) = (verified.sealed, verified.unsealed);
    println!(
        "intact: {} entries, {sealed} under the signed checkpoint, {unsealed} waiting for the next one",
        verified.entries()
    );
    println!("origin {}, root {}", verified.origin, verified.root);
    if verified.torn_bytes > 0 {
        println!(
            "{} bytes of a last write that was never acknowledged lie behind the last entry; the next start cuts them off",
            verified.torn_bytes
        );
    }
    Ok(ExitCode::SUCCESS)
}
