//! All model servers of the house, and the routes to a model.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use http::HeaderValue;
use schleuse_types::{BufferedRandom, Clock, Infill, Label, OsRandom, Random, Tenant, Zone};
use tokio::task::JoinSet;

use crate::answer::{Answer, AskError, Question};
use crate::carrier::Carrier;
use crate::choice::{Placed, place, set_outliers_aside};
use crate::config::{UpstreamConfig, UpstreamConfigError, Weights};
use crate::connection::Means;
use crate::prompt::{Prompt, PromptKey, with_salt};
use crate::provider::Provider;
use crate::replica::{Failure, Outstanding, Replica, Status, needs_tls};
use crate::standing::Standing;
use crate::target::{Dial, Target};
use crate::tls;

/// Between two rounds of probes; each pause is up to a tenth shorter or longer, so that houses do not march in step.
pub const WATCH_INTERVAL: Duration = Duration::from_secs(5);

/// Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Upstreams {
    /// In configuration order.
    replicas: Arc<[Arc<Replica>]>,
    routing: Arc<Routing>,
}

/// What choosing among replicas needs beside them.
struct Routing {
    /// `None`: there was no randomness for one, and prompts are not compared.
    key: Option<PromptKey>,
    random: Box<dyn Random>,
    clock: Arc<dyn Clock>,
}

/// There is no upstream of that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownUpstream;

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
    /// The clearance of that upstream which may have the highest level, and of several of them the most compartments.
    pub max_label: Label,
    /// Those that may ask it; empty: everybody.
    pub tenants: Vec<Tenant>,
    /// The names of the upstreams that serve it, in configuration order.
    pub upstreams: Vec<String>,
}

/// Upstreams that are the same in the eyes of the label lattice: any of them may answer what one may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Who asks: no other tenant's upstream is ever on the way.
    pub tenant: Tenant,
    pub model: String,
    /// What its upstreams call the model, where that is something else.
    pub served_as: Option<String>,
    pub zone: Zone,
    /// The clearance: what may flow there.
    pub max_label: Label,
    /// Those that its upstreams are there for; empty: everybody.
    pub tenants: Vec<Tenant>,
    pub region: Option<String>,
    /// Whose interface its upstreams speak.
    pub provider: Provider,
    /// Whether its upstreams take speech.
    pub audio: bool,
    /// How its upstreams are asked for what belongs between two texts.
    pub infill: Infill,
    /// The provider is told to store nothing.
    pub stores_nothing: bool,
    /// Whether anything may go there now: an external route needs an agreement that holds.
    pub open: bool,
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
        let key = PromptKey::new(&OsRandom);
        let routing = Routing { key, random: Box::new(BufferedRandom::default()), clock };
        Self::with_routing(configs, routing, carrier)
    }

    fn with_routing(
        configs: Vec<UpstreamConfig>,
        routing: Routing,
        carrier: Option<Arc<dyn Carrier>>,
    ) -> Result<Self, UpstreamConfigError> {
        let mut names = HashSet::new();
        let mut replicas = Vec::new();
        for config in configs {
            config.check()?;
            if !names.insert(config.name.clone()) {
                return Err(UpstreamConfigError::DuplicateName { name: config.name });
            }
            // An external upstream whose address nobody has said yet is listed, and closed.
            let target = match config.zone == Zone::External && config.url.is_empty() {
                true => Target::nowhere(),
                false => Target::parse(&config.url)
                    .map_err(|reason| UpstreamConfigError::Url { upstream: config.name.clone(), reason })?,
            };
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
                    let mut value = HeaderValue::from_str(&config.provider.credential(key.expose()))
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
                Arc::clone(&routing.clock),
            )));
        }
        Ok(Self { replicas: replicas.into(), routing: Arc::new(routing) })
    }

    /// Probes every server once, all at the same time, and asks those without configured models what they serve.
    /// Takes at most some ten seconds; never fails, see [`Upstreams::status`].
    pub async fn refresh(&self) {
        let mut probes = JoinSet::new();
        for replica in self.replicas.iter() {
            probes.spawn(Arc::clone(replica).probe(self.has_siblings(replica)));
        }
        while probes.join_next().await.is_some() {}
    }

    /// Whether another one may be asked the same.
    fn has_siblings(&self, replica: &Arc<Replica>) -> bool {
        self.replicas.iter().any(|other| {
            !Arc::ptr_eq(other, replica)
                && is_alike(other, replica)
                && replica.models().iter().any(|model| other.serves(&model.id))
        })
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

    /// Every model that is there for the tenant, once, in configuration order: the first is the default.
    pub fn models(&self, tenant: &Tenant) -> Vec<ModelInfo> {
        models(self.replicas.iter().filter(|replica| replica.is_for(tenant)))
    }

    /// Models that others have and the tenant has not. For whoever explains why; the tenant itself is never told of them.
    pub fn models_of_others(&self, tenant: &Tenant) -> Vec<ModelInfo> {
        let own = self.models(tenant);
        let others = models(self.replicas.iter().filter(|replica| !replica.is_for(tenant)));
        others.into_iter().filter(|model| own.iter().all(|own| own.id != model.id)).collect()
    }

    /// The ways to a model for a tenant: those of upstreams of its own before those that are there for everybody, one
    /// for each zone, highest label, region and provider, in configuration order; none when nobody serves it there. Replicas stand in the order in which they would be asked a question that none of them remembers: healthy
    /// ones first, among them the one with the fewest outstanding questions. Unhealthy ones stay in the route, behind the
    /// others, so that the last one is still asked. One that is being drained is in a route only when all of it is.
    pub fn routes(&self, tenant: &Tenant, model: &str) -> Vec<Route> {
        let mut groups: Vec<(Route, Vec<&Arc<Replica>>)> = Vec::new();
        for replica in self.offering(tenant, model) {
            let config = &replica.config;
            match groups.iter_mut().find(|(route, _)| route.covers(replica)) {
                Some((_, replicas)) => replicas.push(replica),
                None => groups.push((
                    Route {
                        tenant: tenant.clone(),
                        model: model.to_owned(),
                        served_as: config.served_as(model).map(str::to_owned),
                        zone: config.zone,
                        max_label: config.max_label.clone(),
                        tenants: config.tenants.clone(),
                        region: config.region.clone(),
                        provider: config.provider,
                        audio: config.audio,
                        infill: config.infill(model),
                        stores_nothing: config.stores_nothing,
                        open: replica.is_open(),
                        replicas: Vec::new(),
                        healthy: false,
                    },
                    vec![replica],
                )),
            }
        }
        groups.sort_by_key(|(route, _)| route.tenants.is_empty());
        groups
            .into_iter()
            .map(|(mut route, replicas)| {
                let in_turn = in_turn(replicas, self.routing.clock.monotonic());
                route.healthy = in_turn.iter().any(|turn| turn.is_open && turn.is_good);
                let open_first = in_turn.first().is_some_and(|turn| turn.is_open);
                route.replicas = in_turn
                    .into_iter()
                    .filter(|turn| turn.is_open == open_first)
                    .map(|turn| turn.replica.name().to_owned())
                    .collect();
                route
            })
            .collect()
    }

    /// Puts a question to one replica of the route: the one that is likely to answer first, because it remembers the
    /// beginning of the prompt or has little to do (see `choice`). The next one is tried only while nothing was written,
    /// each at most once. Any status from 200 to 299 and from 400 to 599 is an answer; none of them is retried.
    ///
    /// An upstream whose zone, highest label or region is not the route's is not asked, even if the route names it; nor is
    /// one that is another tenant's, closed or being drained.
    pub async fn ask(&self, route: &Route, mut question: Question) -> Result<Answer, AskError> {
        let is_named = |replica: &Replica| route.replicas.iter().any(|name| name == replica.name());
        let may_be_asked = |replica: &&Arc<Replica>| {
            is_named(replica) && replica.is_for(&route.tenant) && replica.is_open() && route.covers(replica)
        };
        let mut left: Vec<&Arc<Replica>> = self.replicas.iter().filter(may_be_asked).collect();
        if left.is_empty() {
            return Err(AskError::NoReplica { reason: "the route names no known upstream".to_owned() });
        }
        // With one replica there is nothing to compare.
        let prompt = match self.routing.key {
            Some(key) if left.len() > 1 => {
                Prompt::read(key, &route.model, question.cache_salt.as_deref(), &question.body)
            }
            _ => Prompt::unread(&question.body),
        };
        // Servers outside refuse members that they do not know, and keep their caches apart by account.
        if let Some(salt) = &question.cache_salt
            && question.sends_salt
            && route.zone != Zone::External
            && route.provider == Provider::OpenAiCompatible
        {
            question.body =
                with_salt(&question.body, salt).map_err(|reason| AskError::Unsendable { reason })?;
        }
        let mut failures = Vec::new();
        while let Some((replica, outstanding)) = self.place(&mut left, &prompt) {
            match replica.ask(&question, outstanding).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Sent(error)) => return Err(error),
                Err(Failure::Unsent(error)) => {
                    if left.iter().any(|replica| !replica.standing().is_draining) {
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
            (None, _) => {
                Err(AskError::NoReplica { reason: "all that may be asked are being drained".to_owned() })
            }
        }
    }

    /// Takes the replica for a question out of those that are left, with the question counted there; `None` when none is
    /// left that may be asked.
    fn place<'a>(
        &self,
        left: &mut Vec<&'a Arc<Replica>>,
        prompt: &Prompt,
    ) -> Option<(&'a Arc<Replica>, Outstanding)> {
        let now = self.routing.clock.monotonic();
        // INVARIANT: whoever locks several locks them in configuration order; all others lock one.
        let mut standings: Vec<MutexGuard<'_, Standing>> =
            left.iter().map(|replica| replica.standing()).collect();
        let outliers = set_outliers_aside(now, &mut standings);
        let placed = place(now, prompt, &mut standings, &*self.routing.random);
        drop(standings);
        for (outlier, fault) in outliers {
            if let Some(replica) = left.get(outlier) {
                replica.report(fault);
            }
        }
        let Placed { place, reason, ticket } = placed?;
        // Not `swap_remove`, which would change the order.
        let replica = left.remove(place);
        Some((replica, replica.take(ticket, reason)))
    }

    /// From now on, no new question goes to this upstream; those under way go on, and [`Status::outstanding`] says how many
    /// there are. Holds until [`Upstreams::undrain`] or the end of the process.
    pub fn drain(&self, name: &str) -> Result<Status, UnknownUpstream> {
        self.set_draining(name, true)
    }

    /// It gets questions again.
    pub fn undrain(&self, name: &str) -> Result<Status, UnknownUpstream> {
        self.set_draining(name, false)
    }

    fn set_draining(&self, name: &str, is_draining: bool) -> Result<Status, UnknownUpstream> {
        let replica = self.replicas.iter().find(|replica| replica.name() == name).ok_or(UnknownUpstream)?;
        replica.standing().is_draining = is_draining;
        tracing::info!(upstream = name, is_draining, "a model server is drained or no longer");
        Ok(replica.status())
    }

    /// The upstreams that serve this model and are there for the tenant.
    fn offering(&self, tenant: &Tenant, model: &str) -> impl Iterator<Item = &Arc<Replica>> {
        self.replicas.iter().filter(move |replica| replica.is_for(tenant) && replica.serves(model))
    }

    /// What tells the weights that answer on this route from others, of all of its upstreams together; `None` while that of
    /// one is not known. Not to be shown: it holds what servers say of their files.
    pub fn weights(&self, route: &Route) -> Option<String> {
        let offering = self.offering(&route.tenant, &route.model).filter(|replica| route.covers(replica));
        let all: Option<BTreeSet<String>> = offering.map(|replica| replica.weights(&route.model)).collect();
        all.map(|all| all.into_iter().collect::<Vec<_>>().join("\n"))
    }

    /// From now on this is known of an upstream's weights.
    pub fn set_weights(&self, name: &str, weights: Weights) -> Result<(), UnknownUpstream> {
        let replica = self.replicas.iter().find(|replica| replica.name() == name).ok_or(UnknownUpstream)?;
        replica.set_weights(weights);
        Ok(())
    }

    /// Whether the tenant has an upstream whose models are not known yet, and whether one of those is closed.
    pub fn unasked(&self, tenant: &Tenant) -> Unasked {
        let unasked =
            self.replicas.iter().filter(|replica| replica.is_for(tenant) && replica.models().is_empty());
        unasked.fold(Unasked::default(), |unasked, replica| Unasked {
            is_there: true,
            is_closed: unasked.is_closed || !replica.is_open(),
        })
    }

    /// Every upstream at this moment, in configuration order.
    pub fn status(&self) -> Vec<Status> {
        self.replicas.iter().map(|replica| replica.status()).collect()
    }
}

/// Upstreams whose models are not known yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unasked {
    pub is_there: bool,
    /// One of them is closed, and so is not asked.
    pub is_closed: bool,
}

/// Every model of these upstreams, once.
fn models<'a>(replicas: impl Iterator<Item = &'a Arc<Replica>>) -> Vec<ModelInfo> {
    let mut models: Vec<ModelInfo> = Vec::new();
    for replica in replicas {
        let config = &replica.config;
        for model in replica.models().iter() {
            match models.iter_mut().find(|known| known.id == model.id) {
                Some(known) => {
                    known.created = known.created.or(model.created);
                    known.max_model_len = known.max_model_len.or(model.max_model_len);
                    known.max_label = wider(&known.max_label, &config.max_label);
                    known.tenants = joined(&known.tenants, &config.tenants);
                    known.upstreams.push(config.name.clone());
                }
                None => models.push(ModelInfo {
                    id: model.id.clone(),
                    created: model.created,
                    max_model_len: model.max_model_len,
                    zone: config.zone,
                    max_label: config.max_label.clone(),
                    tenants: config.tenants.clone(),
                    upstreams: vec![config.name.clone()],
                }),
            }
        }
    }
    models
}

/// Whoever may ask one or the other; an empty list stands for everybody.
fn joined(one: &[Tenant], other: &[Tenant]) -> Vec<Tenant> {
    if one.is_empty() || other.is_empty() {
        return Vec::new();
    }
    let all: BTreeSet<&Tenant> = one.iter().chain(other).collect();
    all.into_iter().cloned().collect()
}

impl Route {
    /// Those that one of these routes is there for; empty: everybody.
    pub fn audience(routes: &[Self]) -> Vec<Tenant> {
        let all = routes.iter().map(|route| route.tenants.clone());
        all.reduce(|one, other| joined(&one, &other)).unwrap_or_default()
    }

    /// The clearance of that one of these routes which may have the highest level, and of several of them the most
    /// compartments; PUBLIC of none.
    pub fn widest(routes: &[Self]) -> Label {
        let widest = routes.iter().map(|route| route.max_label.clone());
        widest.reduce(|one, other| wider(&one, &other)).unwrap_or(Label::PUBLIC)
    }

    fn covers(&self, replica: &Replica) -> bool {
        let config = &replica.config;
        (
            self.zone,
            &self.max_label,
            &self.tenants,
            &self.region,
            self.provider,
            self.audio,
            self.infill,
            self.stores_nothing,
            self.open,
            self.served_as.as_deref(),
        ) == (
            config.zone,
            &config.max_label,
            &config.tenants,
            &config.region,
            config.provider,
            config.audio,
            config.infill(&self.model),
            config.stores_nothing,
            replica.is_open(),
            config.served_as(&self.model),
        )
    }
}

/// Of two clearances the one with the higher level, of equal levels the one with more compartments.
fn wider(one: &Label, other: &Label) -> Label {
    let width = |label: &Label| (label.level(), label.compartments().len());
    if width(other) > width(one) { other.clone() } else { one.clone() }
}

/// Names only.
impl fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.replicas.iter().map(|replica| replica.name())).finish()
    }
}

/// The same in the eyes of the label lattice.
fn is_alike(one: &Replica, other: &Replica) -> bool {
    let (one, other) = (&one.config, &other.config);
    (one.zone, &one.max_label, &one.region, &one.tenants)
        == (other.zone, &other.max_label, &other.region, &other.tenants)
}

/// A replica in the order in which it would be asked.
struct Turn<'a> {
    replica: &'a Arc<Replica>,
    is_open: bool,
    is_good: bool,
}

/// Those being drained last, healthy before unhealthy, then few outstanding questions before many, then configuration
/// order.
fn in_turn(replicas: Vec<&Arc<Replica>>, now: Duration) -> Vec<Turn<'_>> {
    let mut turns: Vec<(u32, Turn<'_>)> = replicas
        .into_iter()
        .map(|replica| {
            let standing = replica.standing();
            let (is_open, is_good) = (!standing.is_draining, standing.is_good(now));
            (standing.questions(), Turn { replica, is_open, is_good })
        })
        .collect();
    turns.sort_by_key(|(questions, turn)| (!turn.is_open, !turn.is_good, *questions));
    turns.into_iter().map(|(_, turn)| turn).collect()
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
