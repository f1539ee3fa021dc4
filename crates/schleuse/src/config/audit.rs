//! How the audit log is kept, who witnesses it, and who is given its entries: `[audit]`.

use std::path::Path;

use schleuse_audit::{Format, ForwardConfig, ForwardKind, TlsTrust, WitnessConfig};
use schleuse_tlog::CosignatureVerifier;

use super::key_of;
use super::reader::{ConfigError, Reader};

#[derive(Debug, Clone)]
pub struct AuditConfig {
    /// Write names instead of pseudonyms.
    pub plain_names: bool,
    pub segment_bytes: u64,
    /// The log's name; of a log that exists it cannot change.
    pub origin: String,
    pub witnesses: Vec<WitnessConfig>,
    /// How many of them must have cosigned a checkpoint before it is published as cosigned.
    pub quorum: usize,
    /// Where entries are handed over while they are written.
    pub forwards: Vec<ForwardConfig>,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            plain_names: false,
            segment_bytes: 256 << 20,
            origin: "schleuse/audit".to_owned(),
            witnesses: Vec::new(),
            quorum: 0,
            forwards: Vec::new(),
        }
    }
}

pub(super) fn read(audit: &mut Reader<'_>, folder: &Path) -> Result<AuditConfig, ConfigError> {
    let plain_names = match audit.text("user")?.as_deref() {
        None | Some("pseudonym") => false,
        Some("name") => true,
        Some(_) => return Err(audit.wrong("user", "must be `pseudonym` or `name`")),
    };
    let mut config = AuditConfig { plain_names, ..AuditConfig::default() };
    if let Some(mebibytes) = audit.number("segment_mib", 1, 4096)? {
        config.segment_bytes = mebibytes << 20;
    }
    if let Some(origin) = audit.text("origin")? {
        if origin.is_empty() || origin.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+') {
            return Err(audit.wrong("origin", "must be a name without white space and plus signs"));
        }
        config.origin = origin;
    }
    for mut witness in audit.tables("witness")? {
        let url = witness.text("url")?.ok_or_else(|| witness.missing("url"))?;
        let vkey = witness.text("vkey")?.ok_or_else(|| witness.missing("vkey"))?;
        let vkey = CosignatureVerifier::parse(&vkey)
            .map_err(|_| witness.wrong("vkey", "must be what the witness has in its file `vkey`"))?;
        let ca_file = witness.text("ca_file")?.map(|path| folder.join(path));
        let read = WitnessConfig { url, vkey, ca_file };
        read.check().map_err(|error| witness.wrong("url", error))?;
        if config.witnesses.iter().any(|other| other.vkey == read.vkey) {
            return Err(witness.wrong("vkey", "is that of another witness"));
        }
        config.witnesses.push(read);
        witness.finish()?;
    }
    for forward in audit.tables("forward")? {
        let read = read_forward(forward, folder)?;
        if config.forwards.iter().any(|other| other.name == read.name) {
            return Err(audit.wrong("forward", format!("two targets are called `{}`", read.name)));
        }
        config.forwards.push(read);
    }
    let most = config.witnesses.len();
    config.quorum = match audit.number("quorum", 1, 64)?.and_then(|quorum| usize::try_from(quorum).ok()) {
        Some(quorum) if quorum <= most => quorum,
        Some(_) => {
            return Err(audit.wrong("quorum", format!("must be at most the number of witnesses, {most}")));
        }
        None => most,
    };
    audit.finish()?;
    Ok(config)
}

/// `[[audit.forward]]`: one program that is given every entry.
fn read_forward(mut reader: Reader<'_>, folder: &Path) -> Result<ForwardConfig, ConfigError> {
    let name = reader.text("name")?.ok_or_else(|| reader.missing("name"))?;
    let is_of_a_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=64).contains(&name.len()) || !name.bytes().all(is_of_a_name) {
        return Err(reader.wrong("name", "must be 1 to 64 of a-z, 0-9 and -"));
    }
    let kind = reader.text("kind")?.ok_or_else(|| reader.missing("kind"))?;
    let kind = ForwardKind::parse(&kind)
        .ok_or_else(|| reader.wrong("kind", "must be `syslog`, `webhook` or `otlp`"))?;
    let url = reader.text("url")?.ok_or_else(|| reader.missing("url"))?;
    let format = match reader.text("format")? {
        None => Format::Jsonl,
        Some(_) if kind == ForwardKind::Otlp => {
            return Err(reader.wrong("format", "OTLP has a form of its own; leave it out"));
        }
        Some(format) => Format::parse(&format)
            .ok_or_else(|| reader.wrong("format", "must be `jsonl`, `ocsf` or `cef`"))?,
    };
    let mut path = |key| Ok::<_, ConfigError>(reader.text(key)?.map(|file| folder.join(file)));
    let (ca_file, certificate, key) = (path("ca_file")?, path("certificate_file")?, path("key_file")?);
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) => return Err(reader.missing("key_file")),
        (None, Some(_)) => return Err(reader.missing("certificate_file")),
    };
    let token = match reader.text("token_file")? {
        None => None,
        Some(_) if kind == ForwardKind::Syslog => {
            return Err(reader.wrong("token_file", "syslog knows no token; a certificate says who sends"));
        }
        Some(file) => {
            let path = folder.join(file);
            let token = key_of(&path).map_err(|error| {
                reader.wrong("token_file", format!("cannot read `{}`: {error}", path.display()))
            })?;
            Some(token)
        }
    };
    let forward = ForwardConfig { name, kind, url, format, trust: TlsTrust { ca_file, identity }, token };
    forward.check().map_err(|error| reader.wrong("url", error))?;
    reader.finish()?;
    Ok(forward)
}
