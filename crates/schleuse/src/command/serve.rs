//! `schleuse serve`: a house by its configuration, until it is told to stop.

use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use super::Serve;
use crate::address::bind;
use crate::config::Config;
use crate::data::DataFolder;
use crate::failure::{Doing as _, Failure};
use crate::house::{House, Plan, PolicyTexts};
use crate::telemetry::{self, Form};

pub(super) fn run(arguments: &Serve) -> Result<ExitCode, Failure> {
    let config = Config::read(&arguments.config).map_err(Failure::usage)?;
    check(&config)?;
    telemetry::start(Form::Json, config.log_level.as_deref().unwrap_or("info"));
    super::runtime()?.block_on(serve(config, arguments.ready_file.as_deref()))
}

/// What can be checked without starting anything.
pub(super) fn check(config: &Config) -> Result<(), Failure> {
    let listen = config
        .listen
        .ok_or_else(|| Failure::usage("`listen` is missing, such as listen = \"127.0.0.1:8443\""))?;
    if config.data.is_none() {
        return Err(Failure::usage("`data` is missing, such as data = \"data\""));
    }
    if config.tls.is_none() && !listen.ip().is_loopback() {
        return Err(Failure::usage(format!(
            "`listen` is {listen}, which is no loopback address, and there is no `[tls]`"
        ))
        .next("add `[tls]` with `certificate` and `key`; plain HTTP is allowed on loopback only"));
    }
    if let Some(tls) = &config.tls {
        schleuse_edge::server_config(&tls.certificate, &tls.key)
            .map_err(|error| Failure::usage(format!("[tls]: {error}")))?;
    }
    let clock = std::sync::Arc::new(schleuse_types::SystemClock::new());
    schleuse_upstream::Upstreams::new(config.upstreams.clone(), clock).map_err(Failure::usage)?;
    if let Some(engine) = &config.engine
        && !engine.weights.is_file()
    {
        return Err(Failure::usage(format!(
            "`weights` in [engine]: there is no file `{}`",
            engine.weights.display()
        )));
    }
    PolicyTexts::read(config.policies.as_deref())?.load().map(|_| ())
}

async fn serve(config: Config, ready_file: Option<&Path>) -> Result<ExitCode, Failure> {
    let signals = Signals::new()?;
    let (Some(listen), Some(data)) = (config.listen, config.data.clone()) else {
        return Err(Failure::usage("`listen` and `data` are needed"));
    };
    let data = DataFolder::create(&data)?;
    let listener = bind(listen).await?;
    let admin = bind(config.admin_listen.unwrap_or_else(|| ([127, 0, 0, 1], 0).into())).await?;
    let is_tls = config.tls.is_some();
    let plan = Plan { config, data, listener, admin, is_demo: false };
    let house = tokio::select! {
        house = House::open(plan) => house?,
        () = signals.wait() => return Ok(ExitCode::SUCCESS),
    };
    let scheme = if is_tls { "https" } else { "http" };
    tracing::warn!("{}", house.posture);
    tracing::info!(
        url = format!("{scheme}://{}", house.address),
        admin = format!("http://{}", house.admin_address),
        "ready"
    );
    if let Some(file) = ready_file {
        let ready = serde_json::json!({
            "url": format!("{scheme}://{}", house.address),
            "admin": format!("http://{}", house.admin_address),
        });
        write_ready(file, &ready)?;
    }
    signals.wait().await;
    tracing::info!("stopping");
    house.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// Written beside and renamed, so that whoever waits for the file reads it whole. It may hold keys: 0600.
pub(super) fn write_ready(path: &Path, ready: &serde_json::Value) -> Result<(), Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let beside = path.with_extension("part");
    let _ = std::fs::remove_file(&beside);
    let written = std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(format!("{ready}\n").as_bytes()))
        .and_then(|()| std::fs::rename(&beside, path));
    written.doing(format!("cannot write `{}`", path.display()))
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
