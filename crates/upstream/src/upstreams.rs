//! All model servers of the house, and the routes to a model.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use http::HeaderValue;
use schleuse_types::{Clock, Label, OsRandom, Random, Zone};
use tokio::task::JoinSet;

use crate::answer::{Answer, AskError, Question};
use crate::carrier::Carrier;
use crate::config::{UpstreamConfig, UpstreamConfigError};
use crate::connection::Means;
use crate::replica::{Failure, Replica, Status, needs_tls};
use crate::target::{Dial, Target};
use crate::tls;

/// Between two rounds of probes; each pause is up to a tenth shorter or longer, so that houses do not march in step.
pub const WATCH_INTERVAL: Duration = Duration::from_secs(5);

/// Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Upstreams {
    /// In configuration order.
    replicas: Arc<[Arc<Replica>]>,
}

/// A model that somebody here serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    pub id: String,
    /// Seconds since 1970, when its server says so.
    pub created: Option<u64>,
    /// The longest context in LLM tokens, when its server says so.
    pub max_model_len: Option<u64>,
    /// Of the first upstream that serves it.
    pub zone: Zone,
    /// The highest that any of its upstreams may have.
    pub max_label: Label,
    /// The names of the upstreams that serve it, in configuration order.
    pub upstreams: Vec<String>,
}

/// Upstreams that are the same in the eyes of the label lattice: any of them may answer what one may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub model: String,
    pub zone: Zone,
    pub max_label: Label,
    pub region: Option<String>,
    /// Names of upstreams, never empty; the one to be asked first stands first.
    pub replicas: Vec<String>,
    /// Whether one of them at least is healthy.
    pub healthy: bool,
}

impl Upstreams {
    /// Reads urls and certificate authorities; opens no connection. No upstreams at all is allowed.
    /// `connector:` is refused, because there is nobody to carry.
    pub fn new(configs: Vec<UpstreamConfig>, clock: Arc<dyn Clock>) -> Result<Self, UpstreamConfigError> {
        Self::with_carrier(configs, clock, None)
    }

    /// The same, in a house that connectors dial.
    pub fn with_carrier(
        configs: Vec<UpstreamConfig>,
        clock: Arc<dyn Clock>,
        carrier: Option<Arc<dyn Carrier>>,
    ) -> Result<Self, UpstreamConfigError> {
        let mut names = HashSet::new();
        let mut replicas = Vec::new();
        for config in configs {
            config.check()?;
            if !names.insert(config.name.clone()) {
                return Err(UpstreamConfigError::DuplicateName { name: config.name });
            }
            let target = Target::parse(&config.url)
                .map_err(|reason| UpstreamConfigError::Url { upstream: config.name.clone(), reason })?;
            if matches!(target.dial, Dial::Connector { .. }) && carrier.is_none() {
                let reason =
                    "no connector can dial this house; give it an address to listen at for them".to_owned();
                return Err(UpstreamConfigError::Url { upstream: config.name.clone(), reason });
            }
            let tls = match needs_tls(&target) {
                true => Some(tls::client(config.ca_file.as_deref()).map_err(|reason| {
                    UpstreamConfigError::Authorities { upstream: config.name.clone(), reason }
                })?),
                false => None,
            };
            let authorization = match &config.api_key {
                Some(key) => {
                    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose()))
                        .map_err(|_| UpstreamConfigError::ApiKey { upstream: config.name.clone() })?;
                    value.set_sensitive(true);
                    Some(value)
                }
                None => None,
            };
            replicas.push(Arc::new(Replica::new(
                config,
                target,
                Means { tls, carrier: carrier.clone() },
                authorization,
                Arc::clone(&clock),
            )));
        }
        Ok(Self { replicas: replicas.into() })
    }

    /// Probes every server once, all at the same time, and asks those without configured models what they serve.
    /// Takes at most some ten seconds; never fails, see [`Upstreams::status`].
    pub async fn refresh(&self) {
        let mut probes = JoinSet::new();
        for replica in self.replicas.iter() {
            probes.spawn(Arc::clone(replica).probe());
        }
        while probes.join_next().await.is_some() {}
    }

    /// Refreshes every [`WATCH_INTERVAL`] until `stop` is ready.
    pub async fn watch(self, stop: impl Future) {
        self.watch_every(WATCH_INTERVAL, stop).await;
    }

    async fn watch_every(self, interval: Duration, stop: impl Future) {
        let rounds = async {
            loop {
                tokio::time::sleep(jittered(interval, &OsRandom)).await;
                self.refresh().await;
            }
        };
        tokio::select! {
            _ = stop => {}
            () = rounds => {}
        }
    }

    /// Every model once, in configuration order: the first is the default.
    pub fn models(&self) -> Vec<ModelInfo> {
        let mut models: Vec<ModelInfo> = Vec::new();
        for replica in self.replicas.iter() {
            let config = &replica.config;
            for model in replica.models().iter() {
                match models.iter_mut().find(|known| known.id == model.id) {
                    Some(known) => {
                        known.created = known.created.or(model.created);
                        known.max_model_len = known.max_model_len.or(model.max_model_len);
                        known.max_label = known.max_label.join(config.max_label);
                        known.upstreams.push(config.name.clone());
                    }
                    None => models.push(ModelInfo {
                        id: model.id.clone(),
                        created: model.created,
                        max_model_len: model.max_model_len,
                        zone: config.zone,
                        max_label: config.max_label,
                        upstreams: vec![config.name.clone()],
                    }),
                }
            }
        }
        models
    }

    /// The ways to a model, one for each zone, highest label and region, in configuration order; none when nobody
    /// serves it. Replicas stand in the order in which they would be asked now: healthy ones first, among them the
    /// one with the fewest outstanding questions. Unhealthy ones stay in the route, behind the others, so that the
    /// last one is still asked.
    pub fn routes(&self, model: &str) -> Vec<Route> {
        let mut groups: Vec<(Route, Vec<&Arc<Replica>>)> = Vec::new();
        for replica in self.replicas.iter().filter(|replica| replica.serves(model)) {
            let config = &replica.config;
            match groups.iter_mut().find(|(route, _)| route.covers(replica)) {
                Some((_, replicas)) => replicas.push(replica),
                None => groups.push((
                    Route {
                        model: model.to_owned(),
                        zone: config.zone,
                        max_label: config.max_label,
                        region: config.region.clone(),
                        replicas: Vec::new(),
                        healthy: false,
                    },
                    vec![replica],
                )),
            }
        }
        groups
            .into_iter()
            .map(|(mut route, replicas)| {
                route.healthy = replicas.iter().any(|replica| replica.is_good());
                route.replicas =
                    in_turn(replicas).into_iter().map(|replica| replica.name().to_owned()).collect();
                route
            })
            .collect()
    }

    /// Puts a question to one replica of the route. The next one is tried only while nothing was written, each at
    /// most once. Any status from 200 to 299 and from 400 to 599 is an answer; none of them is retried.
    ///
    /// An upstream whose zone, highest label or region is not the route's is not asked, even if the route names it.
    pub async fn ask(&self, route: &Route, question: Question) -> Result<Answer, AskError> {
        let is_named = |replica: &Replica| route.replicas.iter().any(|name| name == replica.name());
        let covered = self.replicas.iter().filter(|replica| is_named(replica) && route.covers(replica));
        let replicas = in_turn(covered.collect());
        let mut failures = Vec::new();
        let mut left = replicas.len();
        for replica in replicas {
            left = left.saturating_sub(1);
            match replica.ask(&question).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Sent(error)) => return Err(error),
                Err(Failure::Unsent(error)) => {
                    if left > 0 {
                        replica.counters.retries.fetch_add(1, Relaxed);
                    }
                    failures.push(error);
                }
            }
        }
        let reasons: Vec<String> = failures.iter().map(ToString::to_string).collect();
        match (failures.pop(), failures.is_empty()) {
            (Some(error), true) => Err(error),
            (Some(_), false) => Err(AskError::NoReplica { reason: reasons.join("; ") }),
            (None, _) => Err(AskError::NoReplica { reason: "the route names no known upstream".to_owned() }),
        }
    }

    /// Every upstream at this moment, in configuration order.
    pub fn status(&self) -> Vec<Status> {
        self.replicas.iter().map(|replica| replica.status()).collect()
    }
}

impl Route {
    fn covers(&self, replica: &Replica) -> bool {
        let config = &replica.config;
        (self.zone, self.max_label, &self.region) == (config.zone, config.max_label, &config.region)
    }
}

/// Names only.
impl fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.replicas.iter().map(|replica| replica.name())).finish()
    }
}

/// Healthy before unhealthy, then few outstanding questions before many, then configuration order.
fn in_turn(mut replicas: Vec<&Arc<Replica>>) -> Vec<&Arc<Replica>> {
    replicas.sort_by_cached_key(|replica| (!replica.is_good(), replica.outstanding()));
    replicas
}

/// `interval`, up to a tenth shorter or longer; exactly `interval` when there is no randomness.
fn jittered(interval: Duration, random: &dyn Random) -> Duration {
    let mut byte = [128];
    if random.fill(&mut byte).is_err() {
        return interval;
    }
    let [byte] = byte;
    interval.mul_f64(0.9 + 0.2 * f64::from(byte) / 256.0)
}

#[cfg(test)]
mod tests;
