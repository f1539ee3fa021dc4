//! `schleuse init`: a new house, ready to be served.

mod certificates;
mod configuration;
mod provider;
mod unit;

use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::Init;
use crate::config::Config;
use crate::data::{DataFolder, SecretName};
use crate::failure::{Doing as _, Failure};
use provider::Provider;

pub(super) use provider::ProviderArguments;

const DEFAULT_LISTEN: &str = "127.0.0.1:8443";

/// What the new house is to be: flags and answers, checked.
struct Plan {
    dir: PathBuf,
    name: String,
    /// The host of `address` as it was typed.
    host: String,
    address: SocketAddr,
    /// How people call it, without a slash at its end; `None` where nobody can know.
    url: Option<String>,
    tls: Tls,
    upstreams: Vec<String>,
    providers: Vec<Provider>,
}

enum Tls {
    /// Plain HTTP, on loopback only.
    None,
    InternalCa,
    Given {
        certificate: PathBuf,
        key: PathBuf,
    },
}

pub(super) fn run(arguments: Init) -> Result<ExitCode, Failure> {
    let mut asker = Asker { may_ask: !arguments.yes && io::stdin().is_terminal() };
    let plan = Plan::make(arguments, &mut asker)?;
    let file = write(&plan)?;
    println!("{} is written.", file.display());
    println!("Next:");
    for line in next_steps(&plan, &file) {
        println!("  {line}");
    }
    Ok(ExitCode::SUCCESS)
}

impl Plan {
    fn make(arguments: Init, asker: &mut Asker) -> Result<Self, Failure> {
        let dir = asker.value(
            arguments.dir.as_ref().map(|dir| dir.display().to_string()),
            "Folder of the new house",
            "schleuse",
        )?;
        let dir = PathBuf::from(dir);
        let file = dir.join("schleuse.toml");
        // A dangling link counts, too: nothing that is there is written through or over.
        if file.symlink_metadata().is_ok() {
            return Err(Failure::usage(format!("`{}` exists already", file.display()))
                .next("choose another folder, or move the old configuration away"));
        }
        let name = asker.value(arguments.name, "Name of the house", "Schleuse")?;
        let listen = asker.value(arguments.listen, "Address of page and API", DEFAULT_LISTEN)?;
        let (host, address) = address(&listen)?;
        let tls = choose_tls(arguments.certificate, arguments.key, arguments.internal_ca, address, asker)?;
        let url = match arguments.url {
            Some(url) => Some(check_url(&url, &tls)?),
            None => choose_url(&host, address, &tls, asker)?,
        };
        let mut upstreams = arguments.upstream;
        if upstreams.is_empty() {
            let mut question = "Model server, such as http://127.0.0.1:8000 (empty: none yet)";
            while let Some(url) = asker.optional(question)? {
                upstreams.push(url);
                question = "Another model server (empty: no more)";
            }
        }
        check_upstreams(&upstreams)?;
        let providers = provider::choose(arguments.provider, asker)?;
        if !providers.is_empty() && url.is_none() {
            return Err(Failure::usage(
                "people are sent back from the identity provider, so it must be known how the house is called",
            )
            .next("add --url https://HOST[:PORT]"));
        }
        Ok(Self { dir, name, host, address, url, tls, upstreams, providers })
    }
}

/// Writes everything; the configuration last, so that there is none without what it names.
fn write(plan: &Plan) -> Result<PathBuf, Failure> {
    let dir = &plan.dir;
    let file = dir.join("schleuse.toml");
    make_folder(dir, 0o750)?;
    let data = DataFolder::create(&dir.join("data"))?;
    for secret in SecretName::OF_EVERY_HOUSE {
        data.secret(secret)?;
    }
    if matches!(plan.tls, Tls::InternalCa) {
        certificates::make(dir, &plan.name, &plan.hosts())?;
    }
    for provider in &plan.providers {
        if let Some((name, secret)) = provider.secret() {
            make_folder(&dir.join("secrets"), 0o700)?;
            write_new(&dir.join("secrets").join(name), 0o600, secret.expose().as_bytes())?;
        }
    }
    write_new(&dir.join("schleuse.service"), 0o644, unit::text(plan)?.as_bytes())?;
    write_new(&file, 0o640, configuration::text(plan).as_bytes())?;
    Config::read(&file).map_err(|error| {
        // Whoever starts again shall not find half a house.
        let _ = fs::rename(&file, dir.join("schleuse.toml.refused"));
        Failure::new(error).next(format!("look at `{}`", dir.join("schleuse.toml.refused").display()))
    })?;
    Ok(file)
}

/// Five lines at most.
fn next_steps(plan: &Plan, file: &Path) -> Vec<String> {
    let mut steps = Vec::new();
    if matches!(plan.tls, Tls::InternalCa) {
        steps.push(format!(
            "give {} to every client: it is the authority of this house",
            plan.dir.join("ca.pem").display()
        ));
    }
    if let (Some(url), Some(provider)) =
        (&plan.url, plan.providers.iter().find(|provider| provider.is_oidc()))
    {
        steps.push(format!("register at the identity provider: {url}/auth/oidc/{}/callback", provider.id()));
    }
    steps.push(format!(
        "schleuse key create --data '{}' --for NAME --role employee",
        plan.dir.join("data").display()
    ));
    steps.push(format!("schleuse serve --config '{}'", file.display()));
    let unit = plan.dir.join("schleuse.service");
    // Root shall not run it: the folder goes to the user in the unit.
    let owner = if nix::unistd::Uid::effective().is_root() {
        format!("chown -R {}: '{}' && ", unit::USER, plan.dir.display())
    } else {
        String::new()
    };
    steps.push(format!(
        "or as a service: {owner}install -m 644 '{}' /etc/systemd/system/ && systemctl enable --now schleuse",
        unit.display()
    ));
    steps
}

impl Plan {
    /// The names and addresses that the certificate is for, beside those of this machine.
    fn hosts(&self) -> Vec<String> {
        let of_url = self.url.as_deref().and_then(|url| url.split_once("://")).map(|(_, rest)| host_of(rest));
        let mut hosts: Vec<String> =
            of_url.into_iter().chain([self.host.as_str()]).map(str::to_owned).collect();
        hosts.retain(|host| host.parse::<std::net::IpAddr>().map_or(true, |ip| !ip.is_unspecified()));
        hosts.dedup();
        hosts
    }
}

/// The host of `host[:port]`, without the brackets of an IPv6 address.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
    .trim_matches(['[', ']'])
}

/// A host and port; the host may be a name.
fn address(listen: &str) -> Result<(String, SocketAddr), Failure> {
    use std::net::ToSocketAddrs as _;
    let wrong = || Failure::usage(format!("`{listen}` is no address; write for example {DEFAULT_LISTEN}"));
    let (host, _) = listen.rsplit_once(':').ok_or_else(wrong)?;
    let address = listen.to_socket_addrs().ok().and_then(|mut found| found.next()).ok_or_else(wrong)?;
    Ok((host.trim_matches(['[', ']']).to_owned(), address))
}

fn choose_tls(
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    internal_ca: bool,
    address: SocketAddr,
    asker: &mut Asker,
) -> Result<Tls, Failure> {
    match (certificate, key) {
        (Some(_), Some(_)) if internal_ca => {
            Err(Failure::usage("a certificate is given, so there is nothing for --internal-ca to make"))
        }
        (Some(certificate), Some(key)) => given(&certificate, &key),
        (Some(_), None) | (None, Some(_)) => {
            Err(Failure::usage("a certificate needs its key: give both --certificate and --key"))
        }
        (None, None) if internal_ca => Ok(Tls::InternalCa),
        (None, None) if address.ip().is_loopback() => Ok(Tls::None),
        (None, None) => {
            if let Some(certificate) = asker.optional("Certificate, a PEM file (empty: make one)")? {
                let key = asker.optional("Its key, a PEM file")?.unwrap_or_default();
                return given(Path::new(&certificate), Path::new(&key));
            }
            if asker.yes("Make a certificate authority of the house's own?")? {
                return Ok(Tls::InternalCa);
            }
            let message = format!("{address} is no loopback address, so a certificate is needed");
            Err(Failure::usage(message)
                .next("add --internal-ca, or --certificate FILE --key FILE, or listen on 127.0.0.1"))
        }
    }
}

/// Named by its whole path and not copied: whoever renews it renews it there.
fn given(certificate: &Path, key: &Path) -> Result<Tls, Failure> {
    schleuse_edge::server_config(certificate, key).map_err(Failure::usage)?;
    let whole = |path: &Path| std::path::absolute(path).doing(format!("cannot use `{}`", path.display()));
    Ok(Tls::Given { certificate: whole(certificate)?, key: whole(key)? })
}

fn choose_url(
    host: &str,
    address: SocketAddr,
    tls: &Tls,
    asker: &mut Asker,
) -> Result<Option<String>, Failure> {
    if address.port() == 0 {
        return Ok(None);
    }
    let scheme = if matches!(tls, Tls::None) { "http" } else { "https" };
    let guess = match host.parse::<std::net::IpAddr>() {
        // Any address of this machine: which of its names people use is not known here.
        Ok(ip) if ip.is_unspecified() => None,
        Ok(std::net::IpAddr::V6(ip)) => Some(format!("[{ip}]")),
        _ => Some(host.to_owned()),
    };
    let guess = guess.map(|host| match (scheme, address.port()) {
        ("https", 443) | ("http", 80) => format!("{scheme}://{host}"),
        (_, port) => format!("{scheme}://{host}:{port}"),
    });
    let question = "How people call it, such as https://ai.example.org";
    match guess {
        Some(guess) => check_url(&asker.value(None, question, &guess)?, tls).map(Some),
        None => asker.optional(question)?.map(|url| check_url(&url, tls)).transpose(),
    }
}

fn check_url(url: &str, tls: &Tls) -> Result<String, Failure> {
    let url = url.strip_suffix('/').unwrap_or(url);
    let scheme = if matches!(tls, Tls::None) { "http://" } else { "https://" };
    let is_of_a_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    // Behind something that ends TLS in front of it, a house on loopback may be called by https.
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix(scheme));
    match rest {
        Some(rest) if !rest.is_empty() && rest.bytes().all(is_of_a_host) => Ok(url.to_owned()),
        _ => Err(Failure::usage(format!("`{url}` is not how a house is called"))
            .next(format!("write a scheme and a host, such as {scheme}ai.example.org"))),
    }
}

fn check_upstreams(urls: &[String]) -> Result<(), Failure> {
    let configs = (1..).zip(urls).map(|(number, url)| {
        schleuse_upstream::UpstreamConfig::new(configuration::upstream_name(number), url.clone())
    });
    let clock = Arc::new(schleuse_types::SystemClock::new());
    schleuse_upstream::Upstreams::new(configs.collect(), clock).map_err(Failure::usage)?;
    Ok(())
}

fn make_folder(path: &Path, mode: u32) -> Result<(), Failure> {
    let made = fs::DirBuilder::new().recursive(true).mode(mode).create(path);
    made.doing(format!("cannot make the folder `{}`", path.display()))
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

#[cfg(test)]
mod tests;
