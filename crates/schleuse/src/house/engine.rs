//! The embedded engine as one more upstream.

use std::path::PathBuf;
use std::sync::Arc;

use schleuse_gate::Ailment;
use schleuse_inference::{Engine, EngineError, EngineStatus};
use schleuse_types::Text;
use schleuse_upstream::UpstreamConfig;

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

pub(super) fn engine_upstream(config: &EngineConfig, data: &DataFolder) -> UpstreamConfig {
    let mut upstream = UpstreamConfig::new(ENGINE, format!("unix:{}", engine_socket(data).display()));
    upstream.models = Some(vec![config.model.clone()]);
    upstream.max_label = config.max_label.clone();
    upstream.tenants.clone_from(&config.tenants);
    upstream
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

/// The model that the set-up fetches, by its name.
pub fn is_demonstration_model(model: &str) -> bool {
    model == "smollm2-135m-instruct"
}
