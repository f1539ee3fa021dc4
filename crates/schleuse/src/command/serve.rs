//! `schleuse serve`: a house by its configuration, until it is told to stop.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use schleuse_inspect::EXCEPTION_DAYS_MAX;
use schleuse_types::{Clock, SystemClock};
use tokio::signal::unix::{SignalKind, signal};

use super::Serve;
use crate::address::{bind, bind_near};
use crate::config::{Config, Part};
use crate::data::{DataFolder, write_private};
use crate::failure::{Doing as _, Failure};
use crate::house::{House, Outpost, Packs, Plan, PolicyTexts};
use crate::telemetry::{self, Form};

pub(super) fn run(arguments: &Serve) -> Result<ExitCode, Failure> {
    let config = Config::read(&arguments.config).map_err(Failure::usage)?;
    check(&config)?;
    telemetry::start(Form::Json, config.log_level.as_deref().unwrap_or("info"));
    let ready_file = arguments.ready_file.as_deref();
    super::runtime()?.block_on(async {
        match config.part {
            Part::Whole | Part::Gate => serve(config, ready_file).await,
            Part::Edge | Part::Connector => serve_outpost(config, ready_file).await,
        }
    })
}

/// What can be checked without starting anything.
pub(super) fn check(config: &Config) -> Result<(), Failure> {
    check_part(config)?;
    if let Some(listen) = config.listen
        && config.tls.is_none()
        && !listen.ip().is_loopback()
    {
        return Err(Failure::usage(format!(
            "`listen` is {listen}, which is no loopback address, and there is no `[tls]`"
        ))
        .next("add `[tls]` with `certificate` and `key`; plain HTTP is allowed on loopback only"));
    }
    if let Some(tls) = &config.tls {
        schleuse_edge::server_config(&tls.certificate, &tls.key)
            .map_err(|error| Failure::usage(format!("[tls]: {error}")))?;
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let listens = config.link.as_ref().is_some_and(|link| link.listen_connector.is_some());
    let carrier = listens.then(|| Arc::new(NobodyYet) as Arc<dyn schleuse_upstream::Carrier>);
    schleuse_upstream::Upstreams::with_carrier(config.upstreams.clone(), Arc::clone(&clock), carrier)
        .map_err(Failure::usage)?;
    if let Some(engine) = &config.engine
        && !engine.weights.is_file()
    {
        return Err(Failure::usage(format!(
            "`weights` in [engine]: there is no file `{}`",
            engine.weights.display()
        )));
    }
    Packs::new(config.inspection.clone(), config.guardrails.clone())
        .with_labels(config.labels.clone())
        .load()?;
    check_exceptions(config, &*clock)?;
    PolicyTexts::read(config.policies.as_deref())?.load().map(|_| ())
}

/// Exceptions that reach too far into the future would begin to count at some later start.
fn check_exceptions(config: &Config, clock: &dyn Clock) -> Result<(), Failure> {
    let now = clock.now().seconds();
    for exception in config.guardrails.exceptions() {
        if now < exception.until_s() && !exception.is_in_force(now) {
            return Err(Failure::usage(format!(
                "line {}: `until` of an exception is more than {EXCEPTION_DAYS_MAX} days ahead",
                exception.line()
            ))
            .next("name an earlier day, and look at the exception again before it is over"));
        }
    }
    Ok(())
}

/// Refuses exceptions that are over. A house with one starts all the same: it had been in force when it was written.
pub(super) fn check_past_exceptions(config: &Config) -> Result<(), Failure> {
    let now = SystemClock::new().now().seconds();
    match config.guardrails.exceptions().find(|exception| exception.until_s() <= now) {
        Some(exception) => Err(Failure::usage(format!(
            "line {}: the exception was over with {}",
            exception.line(),
            exception.last_day()
        ))
        .next("take it out, or let it be allowed again with a new `until`")),
        None => Ok(()),
    }
}

/// What this part of a house cannot be without, and what it must not have.
fn check_part(config: &Config) -> Result<(), Failure> {
    let missing = |key: &str, example: &str| {
        Err(Failure::usage(format!("`{key}` is missing, such as {key} = \"{example}\"")))
    };
    let (needs_listen, needs_data) = match config.part {
        Part::Whole => (true, true),
        Part::Edge => (true, false),
        Part::Gate => (false, true),
        Part::Connector => (false, false),
    };
    if needs_listen && config.listen.is_none() {
        return missing("listen", "127.0.0.1:8443");
    }
    if needs_data && config.data.is_none() {
        return missing("data", "data");
    }
    if config.part != Part::Whole && config.link.is_none() {
        return Err(Failure::usage("`[link]` is missing: this process is one of several")
            .next("see docs/operate/separate-processes.en.md"));
    }
    if config.part == Part::Gate {
        // A gate by itself dials nobody.
        let direct = config
            .providers
            .issuers
            .iter()
            .find(|issuer| !config.providers.connectors.iter().any(|(id, _)| *id == issuer.id));
        if let Some(issuer) = direct {
            return Err(Failure::usage(format!(
                "the identity provider `{}` has no `connector`, and a gate by itself dials nobody",
                issuer.id
            ))
            .next(
                "name a connector there, and in that connector's configuration a `[[flow]]` of this name",
            ));
        }
        if let Some(directory) = config.providers.directories.first() {
            return Err(Failure::usage(format!(
                "the directory `{}` cannot be reached: a gate by itself dials nobody, and connectors carry no LDAP",
                directory.id
            ))
            .next("put an OpenID provider in front of the directory, or run edge and gate in one process"));
        }
        if let Some(upstream) =
            config.upstreams.iter().find(|upstream| !upstream.url.starts_with("connector:"))
        {
            return Err(Failure::usage(format!(
                "the upstream `{}` has the url `{}`, and a gate by itself dials nobody",
                upstream.name, upstream.url
            ))
            .next("write `url = \"connector:NAME\"`, and the address into that connector's configuration"));
        }
        if let Some(witness) = config.audit.witnesses.first() {
            return Err(Failure::usage(format!(
                "the witness `{}` cannot be asked: a gate by itself dials nobody, and connectors carry no checkpoints",
                witness.vkey.name()
            ))
            .next("run edge and gate in one process, or let whoever watches verify a copy of the log"));
        }
        if let Some(forward) = config.audit.forwards.first() {
            return Err(Failure::usage(format!(
                "entries cannot be forwarded to `{}`: a gate by itself dials nobody, and connectors carry no entries",
                forward.name
            ))
            .next("run edge and gate in one process, or send what `schleuse audit export` writes"));
        }
    }
    if config.part == Part::Connector
        && let Some(upstream) = config.upstreams.iter().find(|upstream| upstream.models.is_none())
    {
        return Err(Failure::usage(format!("the upstream `{}` names no `models`", upstream.name))
            .next("a connector forwards only the models that its configuration names"));
    }
    Ok(())
}

/// Stands for connectors while a configuration is checked.
struct NobodyYet;

impl schleuse_upstream::Carrier for NobodyYet {
    fn send<'a>(
        &'a self,
        _connector: &'a str,
        _request: http::Request<http_body_util::Full<bytes::Bytes>>,
    ) -> schleuse_upstream::Carrying<'a> {
        let reason = "nothing is linked while a configuration is checked".to_owned();
        Box::pin(std::future::ready(Err(schleuse_upstream::CarryError::Unsent { reason })))
    }
}

/// An edge or a connector.
async fn serve_outpost(config: Config, ready_file: Option<&Path>) -> Result<ExitCode, Failure> {
    let signals = Signals::new()?;
    let listener = match config.listen {
        Some(listen) if config.part == Part::Edge => Some(bind(listen).await?),
        _ => None,
    };
    let admin = bind(config.admin_listen.unwrap_or_else(|| ([127, 0, 0, 1], 0).into())).await?;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let outpost = Outpost::open(&config, listener, admin).await?;
    let ready = what_is_ready(outpost.address, outpost.admin_address, scheme);
    tracing::info!(ready = %ready, "ready");
    if let Some(file) = ready_file {
        write_ready(file, &ready)?;
    }
    signals.wait().await;
    tracing::info!("stopping");
    outpost.close().await;
    Ok(ExitCode::SUCCESS)
}

/// The content of the ready file.
fn what_is_ready(address: Option<SocketAddr>, admin: SocketAddr, scheme: &str) -> serde_json::Value {
    let url = address.map(|address| ("url".to_owned(), format!("{scheme}://{address}").into()));
    let admin = ("admin".to_owned(), format!("http://{admin}").into());
    serde_json::Value::Object(url.into_iter().chain([admin]).collect())
}

async fn serve(config: Config, ready_file: Option<&Path>) -> Result<ExitCode, Failure> {
    let signals = Signals::new()?;
    let Some(data) = config.data.clone() else {
        return Err(Failure::usage("`data` is needed"));
    };
    let data = DataFolder::create(&data)?;
    let listener = match config.listen {
        Some(listen) if config.part == Part::Whole && config.listens_near => Some(bind_near(listen).await?.0),
        Some(listen) if config.part == Part::Whole => Some(bind(listen).await?),
        _ => None,
    };
    let admin = bind(config.admin_listen.unwrap_or_else(|| ([127, 0, 0, 1], 0).into())).await?;
    let is_tls = config.tls.is_some();
    let plan = Plan { config, data, listener, admin, is_demo: false };
    let house = tokio::select! {
        house = House::open(plan) => house?,
        () = signals.wait() => return Ok(ExitCode::SUCCESS),
    };
    let scheme = if is_tls { "https" } else { "http" };
    tracing::warn!("{}", house.posture);
    let ready = what_is_ready(house.address, house.admin_address, scheme);
    tracing::info!(ready = %ready, "ready");
    if let Some(file) = ready_file {
        write_ready(file, &ready)?;
    }
    signals.wait().await;
    tracing::info!("stopping");
    house.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// May hold keys.
pub(super) fn write_ready(path: &Path, ready: &serde_json::Value) -> Result<(), Failure> {
    write_private(path, format!("{ready}\n").as_bytes())
}

/// The two signals that mean a clean stop. Listening begins before anything is opened.
pub(super) struct Signals {
    terminate: tokio::sync::Mutex<tokio::signal::unix::Signal>,
    interrupt: tokio::sync::Mutex<tokio::signal::unix::Signal>,
}

impl Signals {
    pub(super) fn new() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).doing("cannot listen for signals").map(tokio::sync::Mutex::new);
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    pub(super) async fn wait(&self) {
        let (mut terminate, mut interrupt) = (self.terminate.lock().await, self.interrupt.lock().await);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}
