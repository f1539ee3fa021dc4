//! `schleuse init`: a new house, ready to be served.

use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, SanType,
};

use super::Init;
use crate::data::{DataFolder, SecretName};
use crate::failure::{Doing as _, Failure};

const DEFAULT_LISTEN: &str = "127.0.0.1:8443";

pub(super) fn run(arguments: Init) -> Result<ExitCode, Failure> {
    let mut asker = Asker { may_ask: !arguments.yes && io::stdin().is_terminal() };
    let dir = asker.value(
        arguments.dir.map(|dir| dir.display().to_string()),
        "Folder of the new house",
        "schleuse",
    )?;
    let dir = PathBuf::from(dir);
    let file = dir.join("schleuse.toml");
    if file.exists() {
        return Err(Failure::usage(format!("`{}` exists already", file.display()))
            .next("choose another folder, or move the old configuration away"));
    }
    let name = asker.value(arguments.name, "Name of the house", "Schleuse")?;
    let listen = asker.value(arguments.listen, "Address of page and API", DEFAULT_LISTEN)?;
    let (host, address) = address(&listen)?;
    let upstream = match arguments.upstream {
        Some(url) => Some(url),
        None => asker.optional("Model server, such as http://127.0.0.1:8000 (empty: none yet)")?,
    };
    if let Some(url) = &upstream {
        let config = schleuse_upstream::UpstreamConfig::new("model", url.clone());
        let clock = std::sync::Arc::new(schleuse_types::SystemClock::new());
        schleuse_upstream::Upstreams::new(vec![config], clock).map_err(Failure::usage)?;
    }
    let with_ca = arguments.internal_ca
        || (!address.ip().is_loopback() && asker.yes("Make a certificate authority of the house's own?")?);
    if !with_ca && !address.ip().is_loopback() {
        return Err(Failure::usage(format!("{address} is no loopback address, so a certificate is needed"))
            .next("add --internal-ca, or listen on 127.0.0.1"));
    }

    fs::create_dir_all(&dir).doing(format!("cannot make the folder `{}`", dir.display()))?;
    let data = DataFolder::create(&dir.join("data"))?;
    for secret in
        [SecretName::Pepper, SecretName::AuditSigning, SecretName::Pseudonyms, SecretName::PromptMac]
    {
        data.secret(secret)?;
    }
    if with_ca {
        make_certificates(&dir, &name, &host)?;
    }
    let text = configuration(&name, address, upstream.as_deref(), with_ca);
    write_new(&file, 0o640, text.as_bytes())?;
    crate::config::Config::read(&file).map_err(Failure::new)?;

    println!("{} is written.", file.display());
    if with_ca {
        println!("Give {} to every client: it is the authority of this house.", dir.join("ca.pem").display());
    }
    println!("Next:");
    println!("  schleuse key create --data '{}' --for NAME --role employee", data.path().display());
    println!("  schleuse serve --config '{}'", file.display());
    Ok(ExitCode::SUCCESS)
}

/// A host and port; the host may be a name.
fn address(listen: &str) -> Result<(String, SocketAddr), Failure> {
    use std::net::ToSocketAddrs as _;
    let wrong = || Failure::usage(format!("`{listen}` is no address; write for example {DEFAULT_LISTEN}"));
    let (host, _) = listen.rsplit_once(':').ok_or_else(wrong)?;
    let address = listen.to_socket_addrs().ok().and_then(|mut found| found.next()).ok_or_else(wrong)?;
    Ok((host.trim_matches(['[', ']']).to_owned(), address))
}

fn configuration(name: &str, address: SocketAddr, upstream: Option<&str>, with_ca: bool) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut text = format!(
        "# A house of Schleuse. `schleuse config check --config FILE` says what is wrong with it.\n\
         # Relative paths are relative to this file.\n\n\
         name = {}\n\n\
         # Page and API. Plain HTTP is allowed on loopback only.\n\
         listen = \"{address}\"\n\
         # Health and metrics, without login: keep it on loopback.\n\
         # admin_listen = \"127.0.0.1:9090\"\n\n\
         # Secrets, keys and audit log.\n\
         data = \"data\"\n\n\
         # What this process is: the whole house.\n\
         roles = [\"edge\", \"gate\"]\n\n\
         # error, warn, info or debug. Prompt text is in none of them.\n\
         log_level = \"info\"\n",
        quoted(name)
    );
    if with_ca {
        text.push_str("\n[tls]\ncertificate = \"tls/certificate.pem\"\nkey = \"tls/key.pem\"\n");
    } else {
        text.push_str("\n# [tls]\n# certificate = \"tls/certificate.pem\"\n# key = \"tls/key.pem\"\n");
    }
    text.push_str(
        "\n[audit]\n# `pseudonym` or `name`: how people stand in the log.\nuser = \"pseudonym\"\n\
         \n# A model server that speaks OpenAI's API, such as vLLM. Several with the same model are its replicas.\n",
    );
    let (mark, url) = match upstream {
        Some(url) => ("", url),
        None => ("# ", "http://127.0.0.1:8000"),
    };
    for line in [
        "[[upstream]]".to_owned(),
        "name = \"model\"".to_owned(),
        format!("url = {}", quoted(url)),
        "# models = [\"llama-3.3-70b\"]  # left out: the server is asked".to_owned(),
        "zone = \"local\"  # local, airgapped or external".to_owned(),
        "max_label = \"CONFIDENTIAL\"  # the highest label that may go there".to_owned(),
        "# api_key_file = \"model-key\"".to_owned(),
    ] {
        let mark = if line.starts_with('#') { "" } else { mark };
        text.push_str(&format!("{mark}{line}\n"));
    }
    text.push_str(
        "\n# The embedded engine, for houses without a model server.\n# [engine]\n# weights = \"model.gguf\"\n\
         # model = \"name\"\n\
         \n# What is done about a type of finding: ALLOW, WARN, RAISE_LABEL, REDACT or BLOCK.\n# [[guardrail]]\n\
         # type = \"EMAIL\"\n# action = \"REDACT\"\n\
         \n# A folder with *.cedar files instead of the shipped policies.\n# policies must stand above the first table:\n\
         # policies = \"policies\"\n",
    );
    text
}

/// A certificate authority and a certificate for this machine's names. The authority's key stays beside it, 0600.
fn make_certificates(dir: &Path, name: &str, host: &str) -> Result<(), Failure> {
    let wrong = |error: rcgen::Error| Failure::new(format!("cannot make certificates: {error}"));
    let mut authority = CertificateParams::default();
    authority.distinguished_name = named(&format!("{name} internal CA"));
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid_for_days(&mut authority, 3650);
    let authority =
        CertifiedIssuer::self_signed(authority, KeyPair::generate().map_err(wrong)?).map_err(wrong)?;

    let mut leaf = CertificateParams::default();
    leaf.distinguished_name = named(host);
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    valid_for_days(&mut leaf, 825);
    leaf.subject_alt_names = vec![
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        SanType::DnsName("localhost".try_into().map_err(wrong)?),
    ];
    match host.parse::<IpAddr>() {
        Ok(address) if !address.is_loopback() && !address.is_unspecified() => {
            leaf.subject_alt_names.push(SanType::IpAddress(address));
        }
        Ok(_) => {}
        Err(_) if host != "localhost" => {
            leaf.subject_alt_names.push(SanType::DnsName(host.try_into().map_err(wrong)?));
        }
        Err(_) => {}
    }
    let key = KeyPair::generate().map_err(wrong)?;
    let certificate = leaf.signed_by(&key, &authority).map_err(wrong)?;

    let tls = dir.join("tls");
    fs::create_dir_all(&tls).doing(format!("cannot make the folder `{}`", tls.display()))?;
    write_new(&dir.join("ca.pem"), 0o644, authority.pem().as_bytes())?;
    write_new(&tls.join("ca-key.pem"), 0o600, authority.key().serialize_pem().as_bytes())?;
    write_new(&tls.join("certificate.pem"), 0o644, certificate.pem().as_bytes())?;
    write_new(&tls.join("key.pem"), 0o600, key.serialize_pem().as_bytes())
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn valid_for_days(params: &mut CertificateParams, days: i64) {
    let now = rcgen::date_time_ymd(1970, 1, 1);
    let seconds = schleuse_types::Clock::now(&schleuse_types::SystemClock::new()).seconds();
    let today = i64::try_from(seconds / 86_400).unwrap_or_default();
    let day =
        |n: i64| now + std::time::Duration::from_secs(u64::try_from(n.max(0)).unwrap_or_default() * 86_400);
    // From yesterday on: clocks of clients may be behind.
    params.not_before = day(today - 1);
    params.not_after = day(today + days);
}

fn write_new(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), Failure> {
    let written = fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.doing(format!("cannot write `{}`", path.display()))
}

/// Asks what the flags leave open, if there is somebody to ask.
struct Asker {
    may_ask: bool,
}

impl Asker {
    fn value(&mut self, given: Option<String>, question: &str, default: &str) -> Result<String, Failure> {
        match given {
            Some(value) => Ok(value),
            None if !self.may_ask => Ok(default.to_owned()),
            None => {
                let answer = self.ask(&format!("{question} [{default}]: "))?;
                Ok(if answer.is_empty() { default.to_owned() } else { answer })
            }
        }
    }

    fn optional(&mut self, question: &str) -> Result<Option<String>, Failure> {
        if !self.may_ask {
            return Ok(None);
        }
        let answer = self.ask(&format!("{question}: "))?;
        Ok(Some(answer).filter(|answer| !answer.is_empty()))
    }

    fn yes(&mut self, question: &str) -> Result<bool, Failure> {
        if !self.may_ask {
            return Ok(false);
        }
        let answer = self.ask(&format!("{question} [Y/n]: "))?;
        Ok(matches!(answer.as_str(), "" | "y" | "Y" | "yes" | "j" | "J" | "ja"))
    }

    fn ask(&mut self, question: &str) -> Result<String, Failure> {
        print!("{question}");
        io::stdout().flush().doing("cannot write")?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).doing("cannot read the answer")?;
        Ok(answer.trim().to_owned())
    }
}
