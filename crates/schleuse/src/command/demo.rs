//! `schleuse demo`: a house to try out.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use schleuse_inference::AdapterConfig;
use schleuse_types::{Role, Tenant};
use schleuse_upstream::UpstreamConfig;

use super::Demo;
use super::serve::{Signals, write_ready};
use crate::address::{bind, bind_near};
use crate::config::{Config, DEFAULT_CONTEXT_TOKENS, DEFAULT_PARALLEL, EngineConfig, model_name};
use crate::data::DataFolder;
use crate::failure::Failure;
use crate::house::{House, Plan, is_demonstration_model};
use crate::telemetry::{self, Form};

const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
/// Where `./x build` puts the demonstration model, below the user's cache.
const DEMONSTRATION_MODEL: &str = "schleuse/models/SmolLM2-135M-Instruct.Q4_1.gguf";
/// Beside it.
const DEMONSTRATION_ADAPTER: &str = "SmolLM2-135M-Instruct.german.gguf";
/// What its adapter is called.
const GERMAN: &str = "german";
/// Small, because a demo is started often and thrown away.
const DEMO_SEGMENT_BYTES: u64 = 16 << 20;

pub(super) fn run(arguments: Demo) -> Result<ExitCode, Failure> {
    telemetry::start(Form::Plain, "warn");
    super::runtime()?.block_on(demo(arguments))
}

async fn demo(arguments: Demo) -> Result<ExitCode, Failure> {
    let signals = Signals::new()?;
    let folder = arguments.data.clone().map_or_else(default_folder, Ok)?;
    let mut config = match &arguments.config {
        Some(path) => Config::read_for(path, Some(&folder)).map_err(Failure::usage)?,
        None => Config::default(),
    };
    "Schleuse (Demo)".clone_into(&mut config.name);
    config.tls = None;
    config.audit.segment_bytes = DEMO_SEGMENT_BYTES;
    if let Some(url) = &arguments.upstream {
        config.upstreams.insert(0, UpstreamConfig::new("upstream", url.clone()));
    }
    choose_engine(&arguments, &mut config)?;
    let data = DataFolder::create(&folder)?;
    if let Some(file) = &arguments.ready_file {
        // One that an earlier start left behind would tell of a house that is not there yet.
        let _ = std::fs::remove_file(file);
    }
    let (listener, taken) = match arguments.listen {
        Some(address) if !address.ip().is_loopback() => {
            return Err(Failure::usage(format!(
                "{address} is no loopback address; a demo is for this machine only"
            ))
            .next("for others, make a house: schleuse init, then schleuse serve"));
        }
        Some(address) => (bind(address).await?, Vec::new()),
        None => bind_near(DEFAULT_ADDRESS).await?,
    };
    for address in taken {
        println!("{address} is taken by another program, trying the next port");
    }
    let admin = bind(([127, 0, 0, 1], 0).into()).await?;
    let engine = config.engine.clone();
    let address = listener.local_addr().map_err(|error| Failure::new(format!("listener: {error}")))?;
    let plan = Plan { config, data: data.clone(), listener: Some(listener), admin, is_demo: true };
    if let Some(engine) = &engine {
        println!("loading {} …", engine.weights.display());
    }
    let house = tokio::select! {
        house = House::open(plan) => house?,
        () = signals.wait() => return Ok(ExitCode::SUCCESS),
    };
    greet(&house, address, engine.as_ref(), data.path());
    if let Some(file) = &arguments.ready_file {
        write_ready(file, &ready(&house, address))?;
    }
    signals.wait().await;
    println!("\nstopping: running answers may finish, then the log is sealed …");
    house.close().await?;
    println!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// The engine of the flag, else of the configuration, else with the demonstration model unless there is an upstream.
fn choose_engine(arguments: &Demo, config: &mut Config) -> Result<(), Failure> {
    let named = arguments.model.clone();
    if let Some(weights) = &named
        && !weights.is_file()
    {
        return Err(Failure::usage(format!("there is no file `{}`", weights.display())));
    }
    let fallback = || {
        let has_models = config.engine.is_some() || !config.upstreams.is_empty();
        let path = demonstration_model()?;
        (!has_models && path.is_file() && cfg!(feature = "engine")).then_some(path)
    };
    if let Some(weights) = named.or_else(fallback) {
        let adapter = shipped_adapter(&weights);
        config.engine = Some(EngineConfig {
            tenants: Vec::new(),
            model: model_name(&weights),
            default_adapter: adapter.as_ref().map(|adapter| adapter.name.clone()),
            adapters: adapter.into_iter().collect(),
            weights,
            threads: None,
            context_tokens: DEFAULT_CONTEXT_TOKENS,
            parallel: DEFAULT_PARALLEL,
            max_label: schleuse_types::Label::CONFIDENTIAL,
        });
    }
    Ok(())
}

/// The adapter that `./x build` puts beside the demonstration model, where it is there.
fn shipped_adapter(weights: &Path) -> Option<AdapterConfig> {
    let file = weights.with_file_name(DEMONSTRATION_ADAPTER);
    let is_there = is_demonstration_model(&model_name(weights)) && file.is_file();
    is_there.then(|| AdapterConfig { name: GERMAN.to_owned(), file })
}

/// An environment variable that says where a user's files belong (the XDG base directories); none is a secret.
fn folder_of(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

fn cache_folder() -> Option<PathBuf> {
    folder_of("XDG_CACHE_HOME").or_else(|| Some(folder_of("HOME")?.join(".cache")))
}

/// Where the demonstration model lies if it was fetched.
pub(super) fn demonstration_model() -> Option<PathBuf> {
    Some(cache_folder()?.join(DEMONSTRATION_MODEL))
}

/// Where a demo keeps its data when nobody names a folder.
pub(super) fn default_folder() -> Result<PathBuf, Failure> {
    let data = folder_of("XDG_DATA_HOME").or_else(|| Some(folder_of("HOME")?.join(".local/share")));
    data.map(|folder| folder.join("schleuse/demo")).ok_or_else(|| {
        Failure::usage("there is no home folder to put the demo's data into")
            .next("name a folder with `--data DIR`")
    })
}

fn ready(house: &House, address: SocketAddr) -> serde_json::Value {
    let keys: serde_json::Map<String, serde_json::Value> =
        house.demo_keys.iter().map(|(role, key)| (role.to_string(), key.expose().clone().into())).collect();
    serde_json::json!({
        "url": format!("http://{address}"),
        "admin": format!("http://{}", house.admin_address),
        "keys": keys,
    })
}

fn greet(house: &House, address: SocketAddr, engine: Option<&EngineConfig>, data: &Path) {
    let url = format!("http://{address}");
    let port = address.port();
    let employee = house.demo_key(Role::Employee).map(|key| key.expose().clone()).unwrap_or_default();
    let model = house.upstreams.models(&Tenant::HOUSE).first().map(|model| model.id.clone());
    let mut out = String::new();
    out.push_str(&format!("\n  Schleuse is ready:  {url}\n\n"));
    match (&model, engine) {
        (Some(model), Some(engine)) if is_demonstration_model(&engine.model) => out.push_str(&format!(
            "  Model: {model}, a demonstration model of 135 M parameters: English, weak German, may be wrong.\n  \
             A real one: --model FILE.gguf, or --upstream http://HOST:PORT (vLLM or any OpenAI-compatible server)\n\n"
        )),
        (Some(model), _) => out.push_str(&format!("  Model: {model}\n\n")),
        (None, _) => out.push_str(
            "  No model: there is no demonstration model in the cache, and none was named. Name one with\n  \
             --model FILE.gguf, or --upstream http://HOST:PORT\n\n",
        ),
    }
    out.push_str("  Keys of the five roles (demo only; the auditor reads and never asks):\n");
    for (role, key) in &house.demo_keys {
        out.push_str(&format!("    {:<9} {}\n", role.as_str(), key.expose()));
    }
    let model = model.unwrap_or_else(|| "MODEL".to_owned());
    out.push_str(&format!(
        "\n  curl:\n    curl -s {url}/v1/chat/completions -H 'Authorization: Bearer {employee}' \
         -H 'Content-Type: application/json' -d '{{\"model\":\"{model}\",\"messages\":[{{\"role\":\"user\",\
         \"content\":\"What is a firewall?\"}}]}}'\n\
         \n  OpenAI SDK (Python):\n    from openai import OpenAI\n    \
         client = OpenAI(base_url=\"{url}/v1\", api_key=\"{employee}\")\n    \
         print(client.chat.completions.create(model=\"{model}\", messages=[{{\"role\": \"user\", \"content\": \"What is \
         a firewall?\"}}]).choices[0].message.content)\n\
         \n  From another machine:\n    ssh -N -L {port}:127.0.0.1:{port} USER@THIS-HOST   # then open {}\n\n",
        format_args!("http://127.0.0.1:{port}")
    ));
    out.push_str(&format!("  {}\n\n  Data: {}   ·   Ctrl-C stops\n", house.posture, data.display()));
    // A closed terminal must not stop the house.
    let _ = std::io::stdout().write_all(out.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::{DEMONSTRATION_ADAPTER, DEMONSTRATION_MODEL, shipped_adapter};
    use std::path::Path;

    #[test]
    fn the_shipped_adapter_lies_beside_the_demonstration_model() {
        let folder = std::env::temp_dir().join(format!("schleuse-shipped-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let model = folder.join(Path::new(DEMONSTRATION_MODEL).file_name().unwrap());
        assert_eq!(shipped_adapter(&model), None, "it is not there");
        std::fs::write(folder.join(DEMONSTRATION_ADAPTER), "").unwrap();
        let adapter = shipped_adapter(&model).unwrap();
        assert_eq!((adapter.name.as_str(), adapter.file), ("german", folder.join(DEMONSTRATION_ADAPTER)));
        assert_eq!(shipped_adapter(&folder.join("Qwen3-4B.Q4_K_M.gguf")), None, "it fits no other model");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
