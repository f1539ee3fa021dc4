//! The embedded engine as one more upstream.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use schleuse_gate::Ailment;
use schleuse_inference::{AdapterConfig, Engine, EngineError, EngineStatus};
use schleuse_types::{Infill, Text};
use schleuse_upstream::{UpstreamConfig, Upstreams, Weights};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::config::EngineConfig;
use crate::data::DataFolder;
use crate::failure::Failure;

/// The name of the embedded engine among the upstreams.
pub const ENGINE: &str = "engine";

pub(super) async fn start_engine(
    config: Option<&EngineConfig>,
    data: &DataFolder,
) -> Result<Option<Arc<Engine>>, Failure> {
    let Some(config) = config else { return Ok(None) };
    let engine = Engine::start(schleuse_inference::EngineConfig {
        weights: config.weights.clone(),
        model: config.model.clone(),
        adapters: config.adapters.clone(),
        socket: engine_socket(data),
        threads: config.threads,
        context_tokens: config.context_tokens,
        parallel: config.parallel,
        memory_max_bytes: None,
        program: PathBuf::from("/proc/self/exe"),
    });
    let engine = engine.await.map_err(|error| {
        let next = match error {
            EngineError::Unconfined(_) => {
                "run the house on a machine or in a container that allows Landlock and seccomp, or leave the engine out \
                 and name a model server with `--upstream URL`"
            }
            _ => "name another weights file, or leave the engine out and name a model server with `--upstream URL`",
        };
        Failure::new(format!("the embedded engine does not start: {error}")).next(next)
    })?;
    Ok(Some(Arc::new(engine)))
}

fn engine_socket(data: &DataFolder) -> PathBuf {
    data.run().join("engine.sock")
}

/// The base and each adapter on it, the default one first.
fn model_names(config: &EngineConfig) -> Vec<String> {
    let adapted = |name: &String| format!("{}:{name}", config.model);
    let default = config.default_adapter.as_ref();
    let others = config.adapters.iter().map(|adapter| &adapter.name).filter(|name| Some(*name) != default);
    default.map(adapted).into_iter().chain([config.model.clone()]).chain(others.map(adapted)).collect()
}

pub(super) fn engine_upstream(config: &EngineConfig, data: &DataFolder) -> UpstreamConfig {
    let mut upstream = UpstreamConfig::new(ENGINE, format!("unix:{}", engine_socket(data).display()));
    upstream.infill = Some(Infill::Server);
    upstream.models = Some(model_names(config));
    upstream.max_label = config.max_label.clone();
    upstream.tenants.clone_from(&config.tenants);
    upstream.weights = Weights::Pending;
    upstream
}

/// How often the house looks whether the engine was started anew.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// So many bytes of the weights are read at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Tells the upstreams which weights the engine answers with: a digest of its files, made beside everything else each time
/// that the engine has loaded them. Until it is made no answer is kept or given again.
pub(super) async fn watch_weights(
    engine: Arc<Engine>,
    config: EngineConfig,
    upstreams: Upstreams,
    stop: CancellationToken,
) {
    let tell = |known: Weights| {
        let told = upstreams.set_weights(ENGINE, known);
        if told.is_err() {
            tracing::error!("the embedded engine is not among the upstreams");
        }
    };
    let mut is_known = false;
    while !stop.is_cancelled() {
        let is_ready = engine.status() == EngineStatus::Ready;
        if !is_ready && is_known {
            // It comes back with whatever the file holds then.
            tell(Weights::Pending);
            is_known = false;
        }
        if is_ready && !is_known {
            let (config, stop) = (config.clone(), stop.clone());
            let made = tokio::task::spawn_blocking(move || digest_of_all(&config, &stop)).await;
            is_known = true;
            match made {
                // Restarted meanwhile: it may have loaded another file than was read.
                _ if engine.status() != EngineStatus::Ready => is_known = false,
                Ok(Ok(Some(digest))) => tell(Weights::Digest(digest)),
                Ok(Ok(None)) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the weights cannot be read again; no answer is kept")
                }
                Err(error) => {
                    tracing::warn!(%error, "the digest of the weights was not made; no answer is kept")
                }
            }
        }
        let _stopped = tokio::time::timeout(LOOK_EVERY, stop.cancelled()).await;
    }
}

/// Of the weights, or with adapters of a list: the digest of the weights, then a line with name and digest of each.
fn digest_of_all(config: &EngineConfig, stop: &CancellationToken) -> std::io::Result<Option<String>> {
    let Some(weights) = digest(&config.weights, stop)? else { return Ok(None) };
    if config.adapters.is_empty() {
        return Ok(Some(weights));
    }
    let mut list = Sha256::new();
    list.update(weights);
    for AdapterConfig { name, file } in &config.adapters {
        let Some(found) = digest(file, stop)? else { return Ok(None) };
        list.update(format!("\n{name} {found}"));
    }
    Ok(Some(in_words(&list.finalize())))
}

/// `sha256:` and 64 hexadecimal digits; `None` when there is no more need of it.
fn digest(path: &Path, stop: &CancellationToken) -> std::io::Result<Option<String>> {
    use std::io::Read as _;
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        if stop.is_cancelled() {
            return Ok(None);
        }
        match file.read(&mut piece)? {
            0 => break,
            read => hash.update(piece.get(..read).unwrap_or_default()),
        }
    }
    Ok(Some(in_words(&hash.finalize())))
}

fn in_words(digest: &[u8]) -> String {
    digest.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// The engine's own words about why it cannot be reached.
pub(super) fn ailment(engine: Option<Arc<Engine>>) -> Ailment {
    Arc::new(move |upstream| {
        let engine = engine.as_ref().filter(|_| upstream == ENGINE)?;
        match engine.status() {
            EngineStatus::Ready => None,
            EngineStatus::Starting => Some(Text::fixed(
                "The embedded engine is still loading its model.",
                "Die eingebaute Engine lädt noch ihr Modell.",
            )),
            EngineStatus::Restarting { attempt, retry_in, .. } => Some(Text::new(
                format!(
                    "The embedded engine crashed and is being restarted (attempt {attempt}, in {retry_in:.1?})."
                ),
                format!(
                    "Die eingebaute Engine ist abgestürzt und wird neu gestartet (Versuch {attempt}, in {retry_in:.1?})."
                ),
            )),
            EngineStatus::Refused { .. } | EngineStatus::Unconfined { .. } => Some(Text::fixed(
                "The embedded engine cannot run its model; the operator's log says why.",
                "Die eingebaute Engine kann ihr Modell nicht ausführen; im Protokoll des Betriebs steht, warum.",
            )),
        }
    })
}

/// What the demonstration model is called wherever it stands.
pub(super) const DEMONSTRATION: &str =
    "demonstration model of 135 M parameters: English, weak German, may be wrong";

/// The model that the set-up fetches, by its name, with an adapter or without.
pub fn is_demonstration_model(model: &str) -> bool {
    model.split(':').next() == Some("smollm2-135m-instruct")
}

#[cfg(test)]
mod tests {
    use super::{PIECE_BYTES, digest, digest_of_all, model_names};
    use crate::config::EngineConfig;
    use schleuse_inference::AdapterConfig;
    use tokio_util::sync::CancellationToken;

    #[test]
    fn the_digest_is_that_of_the_whole_file() {
        let path = std::env::temp_dir().join(format!("schleuse-weights-{}", std::process::id()));
        let stop = CancellationToken::new();
        let check = |content: &[u8], expected: &str| {
            std::fs::write(&path, content).unwrap();
            assert_eq!(digest(&path, &stop).unwrap().as_deref(), Some(expected));
        };
        check(b"abc", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        // Computed with Python's hashlib.
        check(
            &vec![7; PIECE_BYTES + 1],
            "sha256:d34ca1319dd00d103ae8cff499899d5942b22e9c22137baf801c8a63ac21218b",
        );
        stop.cancel();
        assert_eq!(digest(&path, &stop).unwrap(), None);
        std::fs::remove_file(&path).unwrap();
        assert!(digest(&path, &CancellationToken::new()).is_err());
    }

    fn engine(weights: std::path::PathBuf, adapters: &[(&str, std::path::PathBuf)]) -> EngineConfig {
        let adapter = |(name, file): &(&str, std::path::PathBuf)| AdapterConfig {
            name: (*name).to_owned(),
            file: file.clone(),
        };
        EngineConfig {
            weights,
            model: "m".to_owned(),
            adapters: adapters.iter().map(adapter).collect(),
            default_adapter: None,
            threads: None,
            context_tokens: 256,
            parallel: 1,
            max_label: schleuse_types::Label::CONFIDENTIAL,
            tenants: Vec::new(),
        }
    }

    #[test]
    fn the_default_adapter_is_listed_first() {
        let mut config = engine("w".into(), &[("a", "a".into()), ("b", "b".into())]);
        assert_eq!(model_names(&config), ["m", "m:a", "m:b"]);
        config.default_adapter = Some("b".to_owned());
        assert_eq!(model_names(&config), ["m:b", "m", "m:a"]);
    }

    /// Another byte, another name or another order is another digest.
    #[test]
    fn the_digest_covers_the_adapters() {
        let folder = std::env::temp_dir().join(format!("schleuse-adapters-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let (weights, one, two) = (file("w", "abc"), file("1", "one"), file("2", "two"));
        let stop = CancellationToken::new();
        let of = |adapters: &[(&str, std::path::PathBuf)]| {
            digest_of_all(&engine(weights.clone(), adapters), &stop).unwrap().unwrap()
        };
        let all = [
            of(&[]),
            of(&[("a", one.clone())]),
            of(&[("b", one.clone())]),
            of(&[("a", two.clone())]),
            of(&[("a", one.clone()), ("b", two.clone())]),
            of(&[("b", two.clone()), ("a", one.clone())]),
        ];
        assert_eq!(Some(&all[0]), digest(&weights, &stop).unwrap().as_ref(), "the weights alone as ever");
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len(), "{all:?}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
