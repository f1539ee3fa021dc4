//! Everything behind the door: the four rooms that answer, and what they share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::registry::Registry;
use schleuse_audit::{Event, Forwarder, Log, Options, PromptMac, Pseudonyms, Record, Recovery, Witnesses};
use schleuse_batch::Batches;
use schleuse_console::{Console, LiveLimits, Readings};
use schleuse_gate::{Answers, Failures, Gate, Metrics, Releasing, Turns};
use schleuse_identity::{Authenticator, DirectAccess, Directory, Issuers, Pepper};
use schleuse_inspect::LiveInspector;
use schleuse_limits::Limits as Budgets;
use schleuse_portal::Portal;
use schleuse_signin::{DirectoryDoor, Settings, SignIn};
use schleuse_store::Store;
use schleuse_types::{BufferedRandom, Clock, OsRandom, Outcome, Role, Secret, SystemClock, Tenant};
use schleuse_upstream::{Carrier, Upstreams};
use schleuse_wire::{Exchange, Limits};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::attachments;
use super::bridge::{self, Overview};
use super::demo::ensure_demo_keys;
use super::engine::{
    DEMONSTRATION, ENGINE, ailment, engine_upstream, is_demonstration_model, start_engine, watch_weights,
};
use super::files::{FileRules, keep_clean};
use super::holdings::{Rules, holdings};
use super::keeper::{Changes, Keeper, Known};
use super::links::{Doors, Issuing, OverConnectors};
use super::packs::Packs;
use super::policies::PolicyTexts;
use super::reading;
use super::receipts;
use super::releases::{KeptReleases, releasable};
use super::router::Router;
use crate::config::Config;
use crate::data::{DataFolder, SecretName};
use crate::failure::{Doing as _, Failure};
use crate::operations::Operations;
use crate::posture::Posture;

/// What the inside is made of.
pub(super) struct InsidePlan<'a> {
    pub(super) config: &'a Config,
    pub(super) data: &'a DataFolder,
    pub(super) is_demo: bool,
    /// Where people come in, if that is this process's matter.
    pub(super) address: Option<SocketAddr>,
    pub(super) admin: SocketAddr,
    /// Cancelled when the house stops taking requests.
    pub(super) stop: CancellationToken,
}

/// The rooms, running.
pub(super) struct Inside {
    pub(super) exchange: Arc<dyn Exchange>,
    pub(super) gate: Arc<Gate>,
    pub(super) operations: Arc<Operations>,
    pub(super) demo_keys: Vec<(Role, Secret<String>)>,
    /// For edges and connectors; taken when they are opened.
    pub(super) doors: Option<Doors>,
    /// Everything but the walk's own tasks.
    pub(super) tasks: TaskTracker,
    keeper: Keeper,
}

impl Inside {
    pub(super) async fn open(plan: InsidePlan<'_>) -> Result<Self, Failure> {
        let InsidePlan { config, data, is_demo, address, admin, stop } = plan;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let random = Arc::new(BufferedRandom::default());
        let texts = PolicyTexts::read(config.policies.as_deref())?;
        let policy = Arc::new(texts.load()?);
        let value_key = data.secret(SecretName::Exceptions)?;
        let packs = Packs::new(config.inspection.clone(), config.guardrails.clone())
            .with_value_key(&value_key)
            .with_labels(config.labels.clone());
        let loaded = packs.load_named()?;
        let own_packs =
            packs.are_own().then(|| Packs::record(&loaded.inspector, loaded.packs, Outcome::Allowed));
        let inspector = Arc::new(LiveInspector::new(loaded.inspector));
        let providers = &config.providers;
        let doors = match &config.link {
            Some(link) => Some(Doors::listen(link, data, &clock).await?),
            None => None,
        };
        let connectors = doors.as_ref().map(|doors| Arc::clone(&doors.connectors));
        let access = Arc::new(Issuing {
            direct: DirectAccess::new(&providers.issuers),
            connectors: connectors.clone(),
            ways: providers.connectors.clone(),
        });
        let issuers = Issuers::new(providers.issuers.clone(), access, Arc::clone(&clock));
        let issuers = Arc::new(issuers.doing("the identity providers cannot be used")?);
        let directories = directories(config, &clock)?;

        let (log, recovery) = open_log(config, data, &clock, &random)?;
        if recovery.was_cut {
            // Whatever kept the last process from closing the log, the log says that it happened.
            let record = Record {
                action: Some(Outcome::Allowed),
                source: Some("the last process ended without closing the log".to_owned()),
                count: Some(recovery.replayed),
                ..Record::new(Event::LogStart)
            };
            log.append(record).await.doing("the audit log")?;
        }
        if let Some(record) = own_packs {
            log.append(record).await.doing("the audit log")?;
        }
        let pepper: Pepper = data.secret(SecretName::Pepper)?;
        let store = Arc::new(Store::open(&data.store(), clock.now()).await.doing("the store")?);
        let demo_keys =
            if is_demo { ensure_demo_keys(&store, data, &pepper, &*clock).await? } else { Vec::new() };
        let identity = Arc::new(Authenticator::new(pepper.clone()));
        identity.set_issuers(Arc::clone(&issuers));

        let engine = start_engine(config.engine.as_ref(), data).await?;
        let mut upstreams = Vec::new();
        if let Some(engine_config) = &config.engine {
            upstreams.push(engine_upstream(engine_config, data));
        }
        upstreams.extend(config.upstreams.iter().cloned());
        let carrier =
            connectors.clone().map(|connectors| Arc::new(OverConnectors(connectors)) as Arc<dyn Carrier>);
        let upstreams = Upstreams::with_carrier(upstreams, Arc::clone(&clock), carrier);
        let upstreams = upstreams.doing("the upstreams cannot be used")?;
        upstreams.refresh().await;

        let budgets = Arc::new(Budgets::new(config.limits.clone(), Arc::clone(&clock)));
        let today = budgets.today();
        budgets.load_usage(today, &store.usage(today).await.doing("the store")?);
        let pseudonyms = if config.audit.plain_names {
            Pseudonyms::Plain
        } else {
            Pseudonyms::Keyed(data.secret(SecretName::Pseudonyms)?)
        };
        let mut registry = Registry::default();
        let answers = Arc::new(Answers::new(
            config.answers,
            PromptMac::new(&data.secret(SecretName::PromptMac)?),
            Arc::clone(&clock),
        ));
        let gate = Arc::new(Gate {
            identity: Arc::clone(&identity),
            policy: Arc::clone(&policy),
            inspector,
            upstreams: upstreams.clone(),
            log: log.clone(),
            pseudonyms: pseudonyms.clone(),
            prompt_mac: PromptMac::new(&data.secret(SecretName::PromptMac)?),
            surrogate_secret: data.secret(SecretName::Pseudonyms)?,
            limits: limits(config),
            budgets,
            answers: Arc::clone(&answers),
            labels: config.labels.clone(),
            walls: Arc::new(bridge::KeptWalls(Arc::clone(&store))),
            releases: Arc::new(KeptReleases { store: Arc::clone(&store), clock: Arc::clone(&clock) }),
            turns: Turns::new(places(config)),
            clock: Arc::clone(&clock),
            random: random.clone(),
            is_demo,
            ailment: ailment(engine.clone()),
            remark: Arc::new(|model| is_demonstration_model(model).then_some(DEMONSTRATION)),
            failures: Failures::default(),
            metrics: Metrics::register(&mut registry),
            tasks: TaskTracker::new(),
            cut: CancellationToken::new(),
        });
        let mut forwarders = Vec::new();
        for config in &config.audit.forwards {
            let forwarder = Forwarder::new(&log, config, &data.audit_forwards());
            forwarders.push(forwarder.doing(format!("the target `{}` of the audit log", config.name))?);
        }
        let operations = Arc::new(Operations {
            registry,
            forwards: forwarders.iter().map(Forwarder::standing).collect(),
            log: log.clone(),
            upstreams: upstreams.clone(),
            engine: engine.clone(),
            is_draining: AtomicBool::new(false),
        });

        let tasks = TaskTracker::new();
        if !config.audit.witnesses.is_empty() {
            let witnesses = Witnesses::new(log.clone(), config.audit.quorum, &config.audit.witnesses);
            let witnesses = witnesses.doing("the witnesses of the audit log")?;
            let stop = stop.clone();
            tasks.spawn(async move { stop.run_until_cancelled(witnesses.run()).await });
        }
        for forwarder in forwarders {
            let stop = stop.clone();
            tasks.spawn(async move { stop.run_until_cancelled(forwarder.run()).await });
        }
        let changes = Arc::new(Changes::default());
        let keeper = Keeper {
            gate: Arc::clone(&gate),
            store: Arc::clone(&store),
            issuers: Arc::clone(&issuers),
            changes: Arc::clone(&changes),
            linked: Arc::default(),
            connectors: connectors.clone(),
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        // What is there now is known; what comes from here on is news and becomes an entry.
        let mut known = Known::default();
        keeper.learn(&mut known, false).await.doing("the store")?;
        keeper.start(known);
        if let (Some(engine), Some(told)) = (&engine, &config.engine)
            && config.answers.count > 0
        {
            let (engine, told) = (Arc::clone(engine), told.clone());
            tasks.spawn(watch_weights(engine, told, upstreams.clone(), stop.clone()));
        }
        if packs.are_files() {
            tasks.spawn(packs.watch(Arc::clone(&gate), stop.clone()));
        }

        let now_s = clock.now().seconds();
        let posture = Posture { address, admin, is_demo, config, upstreams: &upstreams.status(), now_s };
        let overview = Overview {
            gate: Arc::clone(&gate),
            engine: engine.clone().zip(config.engine.as_ref().map(|engine| engine.model.clone())),
            changes: Arc::clone(&changes),
            posture: posture.lines(),
            began: clock.monotonic(),
        };
        let portal = Portal::new(schleuse_portal::Parts {
            models: gate.clone(),
            identity: Arc::clone(&identity),
            permit: {
                let gate = Arc::clone(&gate);
                Arc::new(move |principal, peer| bridge::may_chat(&gate, principal, peer))
            },
            permit_duty: {
                let gate = Arc::clone(&gate);
                Arc::new(move |principal, peer, duty| bridge::may_do(&gate, principal, peer, duty))
            },
            manner: Arc::new(manner),
            standing: {
                let gate = Arc::clone(&gate);
                Arc::new(move |verified| {
                    let standing = gate.labels.standing(&schleuse_gate::charged(verified));
                    schleuse_portal::Standing { clearance: standing.clearance, default: standing.default }
                })
            },
            declassify: {
                let gate = Arc::clone(&gate);
                let two = config.approval.two;
                Arc::new(move |lowering| Box::pin(bridge::declassify(Arc::clone(&gate), lowering, two)))
            },
            judge: {
                let gate = Arc::clone(&gate);
                Arc::new(move |reader, label, sight| reading::judge(&gate, reader, label, sight))
            },
            examine: {
                let gate = Arc::clone(&gate);
                Arc::new(move |asker, label, text| reading::examine(&gate, asker, label, text))
            },
            note: {
                let gate = Arc::clone(&gate);
                Arc::new(move |deed| Box::pin(reading::note(Arc::clone(&gate), deed)))
            },
            holdings: {
                let (gate, store) = (Arc::clone(&gate), Arc::clone(&store));
                let rules = Arc::new(Rules::of(config));
                Arc::new(move |asker, peer| {
                    let parts = (Arc::clone(&gate), Arc::clone(&store), Arc::clone(&rules));
                    Box::pin(holdings(parts.0, parts.1, parts.2, asker, peer))
                })
            },
            forget: {
                let answers = Arc::clone(&answers);
                Arc::new(move |person| {
                    answers.forget(|asker| asker.tenant == person.tenant && asker.person == person.person);
                })
            },
            releasable: {
                let gate = Arc::clone(&gate);
                Arc::new(move |asker, wished| Box::pin(releasable(Arc::clone(&gate), asker.clone(), wished)))
            },
            released: {
                let gate = Arc::clone(&gate);
                Arc::new(move |release| Arc::new(Releasing { gate: Arc::clone(&gate), release }))
            },
            receipts: {
                let gate = Arc::clone(&gate);
                Arc::new(move |principal, id| Box::pin(receipts::receipt(Arc::clone(&gate), principal, id)))
            },
            attaching: attachments::attaching(&gate.prompt_mac),
            store: Arc::clone(&store),
            house_secret: data.secret(SecretName::Conversations)?,
            limits: schleuse_portal::Limits {
                approval_lifetime: config.approval.lifetime,
                ..schleuse_portal::Limits::default()
            },
            clock: Arc::clone(&clock),
            random: random.clone(),
            tasks: gate.tasks.clone(),
            cut: gate.cut.clone(),
        });
        let portal = Arc::new(portal);
        let console = Console {
            identity: Arc::clone(&identity),
            policy,
            policy_files: std::iter::once(("schema.cedarschema".to_owned(), texts.schema))
                .chain(texts.files)
                .collect(),
            store: Arc::clone(&store),
            log: log.clone(),
            pseudonyms: pseudonyms.clone(),
            pepper: pepper.clone(),
            upstreams: upstreams.clone(),
            tenants: std::iter::once(Tenant::HOUSE)
                .chain(config.tenants.iter().filter(|tenant| !tenant.is_house()).cloned())
                .collect(),
            clearance: {
                let gate = Arc::clone(&gate);
                Arc::new(move |principal| gate.labels.standing(principal).clearance)
            },
            operations: Arc::new(overview),
            approvals: Arc::new(bridge::Approving(Arc::clone(&portal))),
            clock: Arc::clone(&clock),
            // Makes keys, so not the one that keeps bytes in a buffer.
            random: Arc::new(OsRandom),
            is_demo,
            readings: Readings::default(),
            live: LiveLimits::default(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        let interrupted = portal.end_interrupted().await;
        let interrupted = interrupted.map_err(|refusal| Failure::new(format!("the store: {refusal}")))?;
        if interrupted > 0 {
            tracing::warn!(answers = interrupted, "answers were cut off when the house last ended");
        }
        let batches = Arc::new(Batches::new(schleuse_batch::Parts {
            models: gate.clone(),
            identity: Arc::clone(&identity),
            house: Arc::new(FileRules(Arc::clone(&gate))),
            store: Arc::clone(&store),
            house_secret: data.secret(SecretName::Conversations)?,
            limits: config.files,
            clock: Arc::clone(&clock),
            random: random.clone(),
            tasks: gate.tasks.clone(),
            stop: stop.clone(),
            cut: gate.cut.clone(),
        }));
        tasks.spawn(keep_clean(Arc::clone(&batches), stop.clone()));
        let sign_in = SignIn::new(schleuse_signin::Parts {
            settings: Settings {
                public_url: config.public_url(address),
                is_tls: config.tls.is_some() || config.public_url(address).starts_with("https://"),
                idle: config.sessions.idle,
                absolute: config.sessions.absolute,
            },
            identity,
            issuers,
            directories,
            demo: if is_demo {
                Role::ALL.map(|role| (role, super::demo::person(role))).to_vec()
            } else {
                Vec::new()
            },
            store,
            log,
            pseudonyms,
            pepper,
            clock,
            random: Arc::new(OsRandom),
            count_failure: {
                let gate = Arc::clone(&gate);
                Arc::new(move |address| gate.failures.count(address))
            },
            pages: {
                let gate = Arc::clone(&gate);
                Arc::new(move |verified, peer| bridge::pages(&gate, verified, peer))
            },
            tasks: tasks.clone(),
        });
        let exchange = Arc::new(Router {
            gate: gate.clone(),
            batch: batches,
            sign_in: Arc::new(sign_in),
            portal,
            console: Arc::new(console),
        });
        Ok(Self { exchange, gate, operations, demo_keys, doors, tasks, keeper })
    }

    /// Not ready from here on.
    pub(super) fn begin_to_drain(&self) {
        self.operations.is_draining.store(true, Ordering::Relaxed);
    }

    /// Writes what is still to be written, and closes the log and the store. The last thing that is done.
    pub(super) async fn seal(self) -> Result<(), Failure> {
        self.keeper.write_failures().await;
        self.keeper.save().await;
        let mut record = Record::new(Event::LogStop);
        record.action = Some(Outcome::Allowed);
        let _ = self.gate.log.append(record).await;
        let closed = self.gate.log.close().await.doing("sealing the audit log");
        let _ = self.keeper.store.close().await;
        closed
    }
}

/// How a model is asked by the chat: the demonstration model is too small to know when it has said everything.
fn manner(model: &str) -> Vec<(&'static str, schleuse_wire::json::Value)> {
    use schleuse_wire::json::{Bounds, Number, Value, parse};
    if !is_demonstration_model(model) {
        return Vec::new();
    }
    let mut fields = vec![("max_tokens", Value::Number(Number::from(400)))];
    fields.extend(parse(b"1.15", &Bounds::default()).ok().map(|penalty| ("repetition_penalty", penalty)));
    fields
}

/// The model servers whose answers at one time are numbered.
fn places(config: &Config) -> Vec<(String, usize)> {
    let engine = config.engine.as_ref().map(|engine| (ENGINE.to_owned(), engine.parallel as usize));
    engine.into_iter().chain(config.places.iter().cloned()).collect()
}

fn directories(config: &Config, clock: &Arc<dyn Clock>) -> Result<Vec<DirectoryDoor>, Failure> {
    let configs = config.providers.directories.iter();
    configs
        .map(|config| {
            let (id, name) = (config.id.clone(), config.name.clone());
            let directory = Directory::new(config.clone(), Arc::clone(clock));
            Ok(DirectoryDoor {
                id,
                name,
                directory: Arc::new(directory.doing("the directory cannot be used")?),
            })
        })
        .collect()
}

fn open_log(
    config: &Config,
    data: &DataFolder,
    clock: &Arc<dyn Clock>,
    random: &Arc<BufferedRandom>,
) -> Result<(Log, Recovery), Failure> {
    let seed = data.secret(SecretName::AuditSigning)?;
    let mut options =
        Options::new(data.audit(), config.audit.origin.clone(), seed, Arc::clone(clock), random.clone());
    options.segment_bytes = config.audit.segment_bytes;
    let (log, recovery) = Log::open(options).doing("the audit log")?;
    if recovery.torn_bytes > 0 {
        tracing::warn!(
            bytes = recovery.torn_bytes,
            "the audit log ended in a torn write that was never acknowledged; it was cut off"
        );
    }
    tracing::info!(entries = recovery.entries, replayed = recovery.replayed, "audit log opened");
    Ok((log, recovery))
}

/// What one request may cost to read.
fn limits(config: &Config) -> Limits {
    let limits = Limits::default();
    Limits { file_bytes_max: config.speech_bytes_max.unwrap_or(limits.file_bytes_max), ..limits }
}
