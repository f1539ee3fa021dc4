//! `schleuse audit`: reads the log; needs no key but the one beside it.

use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use schleuse_audit::{ExportError, Format, InclusionProof, Reader, Trust, export, verify_trusting};
use schleuse_tlog::{Accepted, LogVerifier, Policy, ProofFile};
use schleuse_types::Timestamp;

use super::{Audit, ExportFormat};
use crate::failure::{Doing as _, Failure};

/// What `verify` and `check` exit with when something is wrong.
const EXIT_WRONG: u8 = 4;
/// How often, and after how long, a proof is asked for again while the checkpoint that covers the entry is being made.
const COVER_ATTEMPTS: u32 = 30;
const COVER_PAUSE: Duration = Duration::from_millis(100);

pub(super) fn run(audit: Audit) -> Result<ExitCode, Failure> {
    match audit {
        Audit::Export { data, format } => run_export(&data, format),
        Audit::Verify { data, vkey, witnesses, seen } => {
            let trust = Trust {
                key: vkey.as_deref().map(read_vkey).transpose()?,
                witnesses: witnesses.as_deref().map(read_policy).transpose()?,
                seen: seen.as_deref().map(read_text).transpose()?,
            };
            run_verify(&data, &trust)
        }
        Audit::Prove { data, entry, to } => run_prove(&data, &entry, to.as_deref()),
        Audit::Check { proof, entry, vkey, witnesses } => {
            run_check(&proof, entry.as_deref(), vkey.as_deref(), witnesses.as_deref())
        }
    }
}

fn folder(data: &Path) -> Result<PathBuf, Failure> {
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
        ExportFormat::Cef => Format::Cef,
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

fn run_verify(data: &Path, trust: &Trust) -> Result<ExitCode, Failure> {
    let verified = verify_trusting(&folder(data)?, trust)
        .map_err(|error| Failure::new(format!("the log is not intact: {error}")).exit_code(EXIT_WRONG))?;
    let (sealed, unsealed) = (verified.sealed, verified.unsealed);
    println!(
        "intact: {} entries, {sealed} under the signed checkpoint, {unsealed} waiting for the next one",
        verified.entries()
    );
    println!("origin {}, root {}", verified.origin, verified.root);
    match &verified.cosigned {
        Some(cosigned) if cosigned.by.is_empty() => println!(
            "{} entries under a cosigned checkpoint; name the witnesses with --witnesses to check who cosigned it",
            cosigned.size
        ),
        Some(cosigned) => println!("{} entries cosigned by {}", cosigned.size, told(&cosigned.by)),
        None => {}
    }
    if verified.torn_bytes > 0 {
        println!(
            "{} bytes of a last write that was never acknowledged lie behind the last entry; the next start cuts them off",
            verified.torn_bytes
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn run_prove(data: &Path, entry: &str, to: Option<&Path>) -> Result<ExitCode, Failure> {
    let wrong = |error| Failure::new(format!("the log is not intact: {error}")).exit_code(EXIT_WRONG);
    let reader = Reader::open(&folder(data)?).map_err(wrong)?;
    let index = match entry.parse::<u64>() {
        Ok(index) => index,
        Err(_) => {
            let entries = reader.of_request(entry).map_err(wrong)?;
            let last = entries.last().ok_or_else(|| {
                Failure::usage(format!("there is no entry of a request `{entry}`"))
                    .next("name an index, or what the header x-schleuse-request-id said")
            })?;
            last.index
        }
    };
    let size = reader.size().map_err(wrong)?;
    if index >= size {
        return Err(Failure::usage(format!("there is no entry {index}: the log holds {size}")));
    }
    let proof = prove(&reader, index).map_err(wrong)?;
    let proof = proof.ok_or_else(|| {
        Failure::new(format!("entry {index} is durable, but no signed checkpoint covers it yet"))
            .next("a running house signs one within a second; one that was killed does when it starts again")
    })?;
    let text = proof.to_file().to_string();
    match to {
        Some(file) => fs::write(file, text).doing(format!("cannot write `{}`", file.display()))?,
        None => std::io::stdout().write_all(text.as_bytes()).doing("cannot write")?,
    }
    Ok(ExitCode::SUCCESS)
}

fn prove(reader: &Reader, index: u64) -> Result<Option<InclusionProof>, schleuse_audit::VerifyError> {
    for _ in 0..COVER_ATTEMPTS {
        if let Some(proof) = reader.prove(index)? {
            return Ok(Some(proof));
        }
        std::thread::sleep(COVER_PAUSE);
    }
    reader.prove(index)
}

fn run_check(
    proof: &Path,
    entry: Option<&Path>,
    vkey: Option<&Path>,
    witnesses: Option<&Path>,
) -> Result<ExitCode, Failure> {
    let policy = match (vkey, witnesses) {
        (Some(vkey), None) => Policy::of_log(read_vkey(vkey)?),
        (Some(vkey), Some(policy)) => read_policy(policy)?.for_log(read_vkey(vkey)?),
        (None, Some(policy)) => read_policy(policy)?,
        (None, None) => return Err(Failure::usage("name the log's key with --vkey")),
    };
    let wrong = |error: &dyn std::fmt::Display| Failure::new(error).exit_code(EXIT_WRONG);
    let file = ProofFile::parse(&read_text(proof)?).map_err(|error| wrong(&error))?;
    let entry = entry.map(|path| read_text(path).map(|text| entry_of(&text))).transpose()?;
    let Accepted { checkpoint, cosigned } =
        file.verify(entry.as_deref().map(str::as_bytes), &policy).map_err(|error| wrong(&error))?;
    eprintln!(
        "right: entry {} of `{}`, under the signed checkpoint of {} entries with the root {}",
        file.index, checkpoint.origin, checkpoint.size, checkpoint.root
    );
    if !cosigned.is_empty() {
        eprintln!("cosigned by {}", told(&cosigned));
    }
    let extra = file.extra.unwrap_or_default();
    let mut out = std::io::stdout();
    let written = out.write_all(entry.as_ref().map_or(extra.as_slice(), |entry| entry.as_bytes()));
    written.and_then(|()| out.write_all(b"\n")).doing("cannot write")?;
    Ok(ExitCode::SUCCESS)
}

/// The canonical bytes of an entry: as they are, or out of a line of the export, which has the index in front.
fn entry_of(text: &str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let members = text.strip_prefix("{\"index\":").and_then(|rest| {
        let (index, members) = rest.split_once(',')?;
        index.bytes().all(|byte| byte.is_ascii_digit()).then_some(members)
    });
    members.map_or_else(|| text.to_owned(), |members| format!("{{{members}"))
}

/// Witnesses and when they signed.
fn told(by: &[(String, u64)]) -> String {
    let each = |(name, seconds): &(String, u64)| {
        format!("{name} at {}", Timestamp(seconds.saturating_mul(1_000_000)))
    };
    by.iter().map(each).collect::<Vec<_>>().join(", ")
}

fn read_text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read `{}`: {error}", path.display())))
}

/// A log's public key, as in the file `vkey` beside it.
pub(super) fn read_vkey(path: &Path) -> Result<LogVerifier, Failure> {
    LogVerifier::parse(read_text(path)?.trim()).map_err(|_| {
        Failure::usage(format!("`{}` holds no public key of a log", path.display())).next(
            "it is one line, `NAME+8 HEXADECIMAL DIGITS+BASE64`, as in the file `audit/vkey` of a house",
        )
    })
}

fn read_policy(path: &Path) -> Result<Policy, Failure> {
    Policy::parse(&read_text(path)?).map_err(|error| {
        Failure::usage(format!("the policy `{}`: {error}", path.display()))
            .next("its form is that of c2sp.org/tlog-policy; docs/operate/audit.md shows one")
    })
}

#[cfg(test)]
mod tests {
    use super::entry_of;

    fn check(text: &str, expected: &str) {
        assert_eq!(entry_of(text), expected);
    }

    #[test]
    fn an_entry_is_its_bytes_or_its_line_of_the_export() {
        check("{\"action\":\"\"}", "{\"action\":\"\"}");
        check("{\"action\":\"\"}\n", "{\"action\":\"\"}");
        check("{\"index\":17,\"action\":\"\"}\n", "{\"action\":\"\"}");
        check("{\"index\":x,\"action\":\"\"}", "{\"index\":x,\"action\":\"\"}");
    }
}
