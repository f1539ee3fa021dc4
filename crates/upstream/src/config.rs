//! What the house is told about a model server.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use schleuse_types::{Clock, Infill, Label, Secret, Tenant, Zone};

use crate::provider::Provider;

/// One `[[upstream]]` of the configuration.
#[derive(Debug, Clone)]
pub struct UpstreamConfig {
    /// Unique in the house: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    pub name: String,
    /// `http://host:port`, `https://host:port`, `unix:/path` or `connector:NAME`. A path is kept as a prefix; a trailing
    /// `/v1` may be there or not. A connector brings its own key and authorities: `api_key` and `ca_file` end here. Empty
    /// where an agreement is to name it.
    pub url: String,
    /// The models that it serves, first one first. `None`: the server is asked.
    pub models: Option<Vec<String>>,
    /// Adapters that it serves as models of their own, and that the house calls `model:name`.
    pub adapters: Vec<ServedAdapter>,
    pub zone: Zone,
    pub region: Option<String>,
    /// Whose interface it speaks.
    pub provider: Provider,
    /// Whether it takes speech, which no list of models says.
    pub audio: bool,
    /// How its models are asked for what belongs between two texts. `None`: as their names say.
    pub infill: Option<Infill>,
    /// What opens an external upstream; it is never dialled without.
    pub agreement: Option<Agreement>,
    /// The provider is told to store nothing, where its interface has a word for that.
    pub stores_nothing: bool,
    /// The clearance: labels that may flow to this one may be sent there.
    pub max_label: Label,
    /// Those that it is there for; for all others it does not exist. Empty: it is there for everybody.
    pub tenants: Vec<Tenant>,
    pub weights: Weights,
    /// Sent in the header that the provider takes.
    pub api_key: Option<Secret<String>>,
    /// For `https`: a PEM file with the only certificate authorities to trust. `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// For name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// From the question's last byte to the first byte of the answer's body.
    pub first_byte_timeout: Duration,
    /// Between two pieces of the answer's body.
    pub idle_timeout: Duration,
}

impl UpstreamConfig {
    /// A local server for labels up to CONFIDENTIAL that is asked for its models; 5 s to connect, 600 s to the
    /// first byte, 120 s between bytes.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            models: None,
            adapters: Vec::new(),
            zone: Zone::Local,
            region: None,
            provider: Provider::OpenAiCompatible,
            audio: false,
            infill: None,
            agreement: None,
            stores_nothing: true,
            max_label: Label::CONFIDENTIAL,
            tenants: Vec::new(),
            weights: Weights::Reported,
            api_key: None,
            ca_file: None,
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_secs(600),
            idle_timeout: Duration::from_secs(120),
        }
    }
}

impl UpstreamConfig {
    /// How a model of this upstream is asked for what belongs between two texts. Only servers without an interface of their
    /// own are asked in the words of the model.
    pub fn infill(&self, model: &str) -> Infill {
        match self.provider {
            Provider::OpenAiCompatible => self.infill.unwrap_or_else(|| Infill::of_model(model)),
            _ => Infill::Server,
        }
    }

    /// Whether anything may go there: to an external one only while an agreement holds.
    pub fn is_open(&self, clock: &dyn Clock) -> bool {
        let holds = |agreement: Agreement| clock.now().seconds() < agreement.until_s;
        self.zone != Zone::External || self.agreement.is_some_and(holds)
    }
}

/// A LoRA adapter of a model server, which lists it as a model of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedAdapter {
    /// The base's name.
    pub model: String,
    /// 1 to 64 of `A-Z a-z 0-9 . _ -`.
    pub name: String,
    /// What the server calls it.
    pub served_as: String,
}

impl ServedAdapter {
    /// What the house calls it.
    pub fn id(&self) -> String {
        format!("{}:{}", self.model, self.name)
    }
}

impl UpstreamConfig {
    /// What the server calls this model, where that is not what the house calls it.
    pub(crate) fn served_as(&self, model: &str) -> Option<&str> {
        let adapter = self.adapters.iter().find(|adapter| adapter.id() == model);
        adapter.map(|adapter| adapter.served_as.as_str())
    }
}

/// How it is known which weights a server answers with, so that what it said with others is not taken for its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weights {
    /// By what its list of models says, and by whether it was away meanwhile. That is a hint and no proof.
    Reported,
    /// By this digest, in whatever form it was written.
    Digest(String),
    /// By a digest that is still being made: see [`crate::Upstreams::set_weights`]. Until then nothing is known.
    Pending,
}

/// What counts of a processing agreement: how long it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    /// The second, since 1970, from which on it does not.
    pub until_s: u64,
}

/// Why the house cannot start with these upstreams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamConfigError {
    Name {
        name: String,
    },
    DuplicateName {
        name: String,
    },
    Url {
        upstream: String,
        reason: String,
    },
    NoModels {
        upstream: String,
    },
    Model {
        upstream: String,
        model: String,
    },
    DuplicateModel {
        upstream: String,
        model: String,
    },
    /// An adapter's name has other characters, or the server's word for it is none.
    Adapter {
        upstream: String,
        name: String,
    },
    ApiKey {
        upstream: String,
    },
    Timeout {
        upstream: String,
        which: &'static str,
    },
    Authorities {
        upstream: String,
        reason: String,
    },
}

impl fmt::Display for UpstreamConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { name } => write!(
                f,
                "upstream name `{name}` is not allowed; a name is 1 to 64 letters, digits, dots, underscores or hyphens"
            ),
            Self::DuplicateName { name } => write!(f, "two upstreams are called `{name}`"),
            Self::Url { upstream, reason } => write!(f, "url of upstream `{upstream}`: {reason}"),
            Self::NoModels { upstream } => write!(
                f,
                "models of upstream `{upstream}` is an empty list; leave it out to have the server asked"
            ),
            Self::Model { upstream, model } => write!(
                f,
                "model `{model}` of upstream `{upstream}` is not allowed; a model name is 1 to 256 printable characters without spaces"
            ),
            Self::DuplicateModel { upstream, model } => {
                write!(f, "upstream `{upstream}` names the model `{model}` twice")
            }
            Self::Adapter { upstream, name } => write!(
                f,
                "adapter `{name}` of upstream `{upstream}` is not allowed; an adapter's name is 1 to 64 letters, digits, dots, underscores or hyphens, and the server's name for it 1 to 256 printable characters without spaces"
            ),
            Self::ApiKey { upstream } => write!(
                f,
                "the api key of upstream `{upstream}` must be 1 to 4096 visible ASCII characters without spaces"
            ),
            Self::Timeout { upstream, which } => {
                write!(f, "{which} of upstream `{upstream}` must be longer than zero")
            }
            Self::Authorities { upstream, reason } => {
                write!(f, "certificate authorities of upstream `{upstream}`: {reason}")
            }
        }
    }
}

impl std::error::Error for UpstreamConfigError {}

impl UpstreamConfig {
    /// Everything that can be said about one entry without the others and without the file system.
    pub(crate) fn check(&self) -> Result<(), UpstreamConfigError> {
        let upstream = || self.name.clone();
        if !is_name(&self.name) {
            return Err(UpstreamConfigError::Name { name: upstream() });
        }
        if let Some(models) = &self.models {
            if models.is_empty() {
                return Err(UpstreamConfigError::NoModels { upstream: upstream() });
            }
            for (place, model) in models.iter().enumerate() {
                if !is_model_name(model) {
                    return Err(UpstreamConfigError::Model { upstream: upstream(), model: model.clone() });
                }
                if models.iter().take(place).any(|earlier| earlier == model) {
                    return Err(UpstreamConfigError::DuplicateModel {
                        upstream: upstream(),
                        model: model.clone(),
                    });
                }
            }
        }
        let listed = self.models.iter().flatten();
        let mut known: Vec<String> = listed.cloned().collect();
        for adapter in &self.adapters {
            if !is_name(&adapter.name) || !is_model_name(&adapter.served_as) {
                return Err(UpstreamConfigError::Adapter {
                    upstream: upstream(),
                    name: adapter.name.clone(),
                });
            }
            let id = adapter.id();
            if !is_model_name(&id) {
                return Err(UpstreamConfigError::Model { upstream: upstream(), model: id });
            }
            if known.contains(&id) {
                return Err(UpstreamConfigError::DuplicateModel { upstream: upstream(), model: id });
            }
            known.push(id);
        }
        if let Some(key) = &self.api_key {
            let key = key.expose();
            if key.is_empty() || key.len() > 4096 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(UpstreamConfigError::ApiKey { upstream: upstream() });
            }
        }
        for (which, duration) in [
            ("connect_timeout", self.connect_timeout),
            ("first_byte_timeout", self.first_byte_timeout),
            ("idle_timeout", self.idle_timeout),
        ] {
            if duration.is_zero() {
                return Err(UpstreamConfigError::Timeout { upstream: upstream(), which });
            }
        }
        Ok(())
    }
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Also the rule for what a server's own list may say.
pub(crate) fn is_model_name(text: &str) -> bool {
    (1..=256).contains(&text.len()) && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}
