//! A whole house in one process: assembled, run, drained.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus_client::registry::Registry;
use schleuse_audit::{Event, Log, Options, PromptMac, Pseudonyms, Record};
use schleuse_edge::{Edge, FrontDesk, Service};
use schleuse_gate::{Ailment, Failures, Gate, Metrics};
use schleuse_identity::{ApiKey, Authenticator, KeyHash, KeyRecord, Pepper};
use schleuse_inference::{Engine, EngineStatus};
use schleuse_inspect::Inspector;
use schleuse_policy::Policy;
use schleuse_store::{KeyRow, NewKey, Seen, Store};
use schleuse_types::{BufferedRandom, Clock, Outcome, Role, Secret, SystemClock, Text};
use schleuse_upstream::{UpstreamConfig, Upstreams};
use schleuse_wire::Limits;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, EngineConfig};
use crate::data::{DataFolder, SecretName};
use crate::failure::{Doing as _, Failure};
use crate::operations::Operations;

/// How long a clean stop may take: answers finish, then the log is sealed.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// Of that, how long answers may go on before they are cut.
const ANSWERS_MAX: Duration = Duration::from_secs(8);
/// How often the house looks for keys that another process made or revoked, and for keys that expired.
const KEYS_EVERY: Duration = Duration::from_millis(250);
/// How often failed attempts of strangers are written down.
const FAILURES_EVERY: Duration = Duration::from_secs(1);

/// As many open files as the edge takes connections, each with one towards a model, and some.
const FILES_MAX: u64 = 20_000;

/// The name of the embedded engine among the upstreams.
pub const ENGINE: &str = "engine";

/// What a house is made of.
pub struct Plan {
    pub config: Config,
    pub data: DataFolder,
    pub listener: TcpListener,
    pub admin: TcpListener,
    pub is_demo: bool,
}

/// A house that answers.
pub struct House {
    pub address: SocketAddr,
    pub admin_address: SocketAddr,
    pub upstreams: Upstreams,
    pub demo_keys: Vec<(Role, Secret<String>)>,
    gate: Arc<Gate>,
    operations: Arc<Operations>,
    stop: CancellationToken,
    /// Closes connections whose answers nobody takes.
    hang_up: CancellationToken,
    /// The listener that people use, and its connections.
    front: TaskTracker,
    /// Health and metrics; they answer to the end.
    back: TaskTracker,
    keeper: Keeper,
    _lock: std::fs::File,
}

impl House {
    /// Opens everything and begins to answer.
    pub async fn open(plan: Plan) -> Result<Self, Failure> {
        let Plan { config, data, listener, admin, is_demo } = plan;
        let lock = data.lock()?;
        raise_file_limit();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let random = Arc::new(BufferedRandom::default());
        let policy = Arc::new(load_policies(config.policies.as_deref())?);
        let inspector = Inspector::new(config.guardrails.clone()).doing("the guardrails cannot be used")?;
        let tls = match &config.tls {
            Some(tls) => Some(schleuse_edge::server_config(&tls.certificate, &tls.key).doing("TLS")?),
            None => None,
        };
        let address = listener.local_addr().doing("listener")?;
        let admin_address = admin.local_addr().doing("listener")?;
        if tls.is_none() && !address.ip().is_loopback() {
            return Err(Failure::new(format!(
                "{address} is no loopback address, and there is no certificate"
            ))
            .next("add `[tls]` with `certificate` and `key`; plain HTTP is allowed on loopback only"));
        }

        let log = open_log(&config, &data, &clock, &random)?;
        let pepper: Pepper = data.secret(SecretName::Pepper)?;
        let store = Arc::new(Store::open(&data.store(), clock.now()).await.doing("the store")?);
        let demo_keys =
            if is_demo { ensure_demo_keys(&store, &data, &pepper, &*clock).await? } else { Vec::new() };
        let identity = Arc::new(Authenticator::new(pepper));

        let engine = start_engine(config.engine.as_ref(), &data).await?;
        let mut upstreams = Vec::new();
        if let Some(engine_config) = &config.engine {
            upstreams.push(engine_upstream(engine_config, &data));
        }
        upstreams.extend(config.upstreams.iter().cloned());
        let upstreams =
            Upstreams::new(upstreams, Arc::clone(&clock)).doing("the upstreams cannot be used")?;
        upstreams.refresh().await;

        let mut registry = Registry::default();
        let gate = Arc::new(Gate {
            identity: Arc::clone(&identity),
            policy,
            inspector,
            upstreams: upstreams.clone(),
            log: log.clone(),
            pseudonyms: if config.audit.plain_names {
                Pseudonyms::Plain
            } else {
                Pseudonyms::Keyed(data.secret(SecretName::Pseudonyms)?)
            },
            prompt_mac: PromptMac::new(&data.secret(SecretName::PromptMac)?),
            limits: Limits::default(),
            clock: Arc::clone(&clock),
            random,
            is_demo,
            ailment: ailment(engine.clone()),
            remark: Arc::new(|model| is_demonstration_model(model).then_some(DEMONSTRATION)),
            failures: Failures::default(),
            metrics: Metrics::register(&mut registry),
            tasks: TaskTracker::new(),
            cut: CancellationToken::new(),
        });
        let operations = Arc::new(Operations {
            registry,
            log,
            upstreams: upstreams.clone(),
            engine: engine.clone(),
            is_draining: AtomicBool::new(false),
        });

        let stop = CancellationToken::new();
        let keeper = Keeper { gate: Arc::clone(&gate), store, stop: stop.clone(), tasks: TaskTracker::new() };
        // What is there now is known; what comes from here on is news and becomes an entry.
        let (mut seen, mut known) = (Seen::default(), HashMap::new());
        keeper.learn_keys(&mut seen, &mut known, false).await.doing("the store")?;
        keeper.start(seen, known);

        let (front, back) = (TaskTracker::new(), TaskTracker::new());
        let desk = Arc::new(Desk {
            name: config.name.clone(),
            is_demo,
            keys: demo_keys.clone(),
            engine_model: config.engine.as_ref().map(|engine| engine.model.clone()),
            hosts: if is_demo { demo_hosts(address) } else { Vec::new() },
        });
        let house = Edge {
            listener,
            tls,
            service: Service::House { exchange: gate.clone(), desk },
            limits: schleuse_edge::Limits::default(),
        };
        // Later than the cut of what runs: an answer that was cut still has to be told.
        let hang_up = CancellationToken::new();
        front.spawn(house.run(stop.clone(), hang_up.clone()));
        let answering = Arc::clone(&operations);
        let admin = Edge {
            listener: admin,
            tls: None,
            service: Service::Operations(Arc::new(move |path| answering.answer(path))),
            limits: schleuse_edge::Limits::default(),
        };
        back.spawn(admin.run(gate.cut.clone(), hang_up.clone()));
        Ok(Self {
            address,
            admin_address,
            upstreams,
            demo_keys,
            gate,
            operations,
            stop,
            hang_up,
            front,
            back,
            keeper,
            _lock: lock,
        })
    }

    /// The key of a demo role.
    pub fn demo_key(&self, role: Role) -> Option<&Secret<String>> {
        self.demo_keys.iter().find(|(known, _)| *known == role).map(|(_, key)| key)
    }

    /// Stops taking requests, lets running answers finish, seals the log. Takes at most [`DRAIN_MAX`] and a little.
    pub async fn close(self) -> Result<(), Failure> {
        self.operations.is_draining.store(true, Ordering::Relaxed);
        self.stop.cancel();
        for tasks in [&self.front, &self.back, &self.gate.tasks, &self.keeper.tasks] {
            tasks.close();
        }
        let answers = async {
            self.front.wait().await;
            self.gate.tasks.wait().await;
        };
        let _ = tokio::time::timeout(ANSWERS_MAX, answers).await;
        // Ends what still runs, each with an entry of its own, and the admin listener.
        self.gate.cut.cancel();
        let rest = async {
            self.front.wait().await;
            self.gate.tasks.wait().await;
            self.back.wait().await;
            self.keeper.tasks.wait().await;
        };
        let _ = tokio::time::timeout(DRAIN_MAX.saturating_sub(ANSWERS_MAX).mul_f32(0.5), rest).await;
        self.hang_up.cancel();
        self.keeper.write_failures().await;
        let mut record = Record::new(Event::LogStop);
        record.action = Some(Outcome::Allowed);
        let _ = self.gate.log.append(record).await;
        let closed = self.gate.log.close().await.doing("sealing the audit log");
        let _ = self.keeper.store.close().await;
        closed
    }
}

/// Every connection is a file, and every question is a second one towards its model. The usual soft limit of 1024 is for
/// programs that use `select`; this one does not.
fn raise_file_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard.min(FILES_MAX), hard));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
}

fn open_log(
    config: &Config,
    data: &DataFolder,
    clock: &Arc<dyn Clock>,
    random: &Arc<BufferedRandom>,
) -> Result<Log, Failure> {
    let seed = data.secret(SecretName::AuditSigning)?;
    let mut options =
        Options::new(data.audit(), "schleuse/audit".to_owned(), seed, Arc::clone(clock), random.clone());
    options.segment_bytes = config.audit.segment_bytes;
    let (log, recovery) = Log::open(options).doing("the audit log")?;
    if recovery.torn_bytes > 0 {
        tracing::warn!(
            bytes = recovery.torn_bytes,
            "the audit log ended in a torn write that was never acknowledged; it was cut off"
        );
    }
    tracing::info!(entries = recovery.entries, replayed = recovery.replayed, "audit log opened");
    Ok(log)
}

/// The shipped policies, or all `*.cedar` files of a folder with its `schema.cedarschema` or the shipped one.
pub fn load_policies(folder: Option<&Path>) -> Result<Policy, Failure> {
    let Some(folder) = folder else {
        return Policy::shipped().doing("the shipped policies");
    };
    let (schema, files) = read_policy_files(folder)?;
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Policy::load(&schema, &files).doing(format!("policies in `{}`", folder.display()))
}

/// The schema and the policy files of a folder, sorted by name.
pub fn read_policy_files(folder: &Path) -> Result<(String, Vec<(String, String)>), Failure> {
    let read =
        |path: &PathBuf| std::fs::read_to_string(path).doing(format!("cannot read `{}`", path.display()));
    let schema = folder.join("schema.cedarschema");
    let schema = if schema.exists() { read(&schema)? } else { schleuse_policy::SHIPPED_SCHEMA.to_owned() };
    let entries = std::fs::read_dir(folder).doing(format!("cannot read `{}`", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "cedar"));
    paths.sort();
    if paths.is_empty() {
        return Err(Failure::new(format!("`{}` holds no `*.cedar` file", folder.display()))
            .next("without `policies` in the configuration the shipped policies are used"));
    }
    let mut files = Vec::new();
    for path in paths {
        let name = path.file_name().map(|name| name.display().to_string()).unwrap_or_default();
        files.push((name, read(&path)?));
    }
    Ok((schema, files))
}

async fn start_engine(
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
        Failure::new(format!("the embedded engine does not start: {error}"))
            .next("name another weights file, or leave the engine out and name a model server with `--upstream URL`")
    })?;
    Ok(Some(Arc::new(engine)))
}

fn engine_socket(data: &DataFolder) -> PathBuf {
    data.run().join("engine.sock")
}

fn engine_upstream(config: &EngineConfig, data: &DataFolder) -> UpstreamConfig {
    let mut upstream = UpstreamConfig::new(ENGINE, format!("unix:{}", engine_socket(data).display()));
    upstream.models = Some(vec![config.model.clone()]);
    upstream.max_label = config.max_label;
    upstream
}

/// The engine's own words about why it cannot be reached.
fn ailment(engine: Option<Arc<Engine>>) -> Ailment {
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
            EngineStatus::Refused { .. } => Some(Text::fixed(
                "The embedded engine cannot load its model.",
                "Die eingebaute Engine kann ihr Modell nicht laden.",
            )),
        }
    })
}

/// Makes people and keys of the five demo roles, stable across restarts.
async fn ensure_demo_keys(
    store: &Store,
    data: &DataFolder,
    pepper: &Pepper,
    clock: &dyn Clock,
) -> Result<Vec<(Role, Secret<String>)>, Failure> {
    let secret = data.secret(SecretName::DemoKeys)?;
    let mut keys = Vec::new();
    for role in Role::ALL {
        let key = ApiKey::derive(secret.expose(), role.as_str());
        let hash = key.hash(pepper);
        let person = format!("demo-{role}");
        store.ensure_person(&person, role, clock.now()).await.doing("the store")?;
        let stored = NewKey {
            id: hash.id(),
            hash: hash.0,
            person,
            role,
            scopes: Vec::new(),
            created: clock.now(),
            expires: None,
        };
        store.ensure_key(&stored).await.doing("the store")?;
        keys.push((role, Secret::new(key.expose_printed().to_owned())));
    }
    Ok(keys)
}

/// Names under which a browser may call a demo house.
fn demo_hosts(address: SocketAddr) -> Vec<String> {
    let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).to_vec();
    hosts.push(address.ip().to_string());
    hosts
}

/// What the pages may know before a person has signed in.
struct Desk {
    name: String,
    is_demo: bool,
    keys: Vec<(Role, Secret<String>)>,
    engine_model: Option<String>,
    hosts: Vec<String>,
}

impl FrontDesk for Desk {
    fn house(&self) -> String {
        let roles: Vec<&str> = if self.is_demo { Role::ALL.map(Role::as_str).to_vec() } else { Vec::new() };
        let engine = self.engine_model.as_ref().map(
            |model| serde_json::json!({ "model": model, "demonstration": is_demonstration_model(model) }),
        );
        serde_json::json!({
            "name": self.name,
            "demo": self.is_demo,
            "roles": roles,
            "engine": engine,
        })
        .to_string()
    }

    fn demo_key(&self, role: Role) -> Option<Secret<String>> {
        self.keys.iter().find(|(known, _)| *known == role).map(|(_, key)| key.clone())
    }

    fn hosts(&self) -> &[String] {
        &self.hosts
    }
}

/// What the demonstration model is called wherever it stands.
const DEMONSTRATION: &str = "demonstration model of 135 M parameters: English, weak German, may be wrong";

/// The model that the set-up fetches, by its name.
pub fn is_demonstration_model(model: &str) -> bool {
    model == "smollm2-135m-instruct"
}

/// Does what has to be done every now and then.
struct Keeper {
    gate: Arc<Gate>,
    store: Arc<Store>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Keeper {
    fn start(&self, mut seen: Seen, mut known: HashMap<String, bool>) {
        let (keeper, stop) = (self.part(), self.stop.clone());
        self.tasks.spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(KEYS_EVERY)).await.is_some() {
                keeper.gate.identity.advance(keeper.gate.clock.now());
                if let Err(error) = keeper.learn_keys(&mut seen, &mut known, true).await {
                    tracing::error!(%error, "the store cannot be read; keys stay as they were");
                }
            }
        });
        let (keeper, stop) = (self.part(), self.stop.clone());
        self.tasks.spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(FAILURES_EVERY)).await.is_some() {
                keeper.write_failures().await;
            }
        });
        self.tasks.spawn(self.gate.upstreams.clone().watch(self.stop.clone().cancelled_owned()));
    }

    fn part(&self) -> Self {
        Self {
            gate: Arc::clone(&self.gate),
            store: Arc::clone(&self.store),
            stop: self.stop.clone(),
            tasks: self.tasks.clone(),
        }
    }

    /// Reads the keys if the store changed. `with_entries`: what is new since the last time becomes an entry.
    async fn learn_keys(
        &self,
        seen: &mut Seen,
        known: &mut HashMap<String, bool>,
        with_entries: bool,
    ) -> Result<(), schleuse_store::StoreError> {
        if !self.store.changed(seen).await? {
            return Ok(());
        }
        let rows = self.store.keys().await?;
        let mut changes = Vec::new();
        for row in &rows {
            let is_revoked = row.revoked.is_some();
            let before = known.insert(row.id.clone(), is_revoked);
            match before {
                None => changes.push((Event::KeyCreate, row.clone())),
                Some(false) if is_revoked => changes.push((Event::KeyRevoke, row.clone())),
                Some(_) => {}
            }
        }
        // First what ends streams, then what is written about it.
        self.gate.identity.replace(rows.into_iter().map(key_record));
        if with_entries {
            for (event, row) in changes {
                self.write_key_change(event, &row).await;
            }
        }
        Ok(())
    }

    async fn write_key_change(&self, event: Event, row: &KeyRow) {
        let mut record = Record::new(event);
        record.user = self.gate.pseudonyms.name(&row.person);
        record.role = Some(row.role);
        record.action = Some(Outcome::Allowed);
        record.source = Some(row.id.clone());
        if let Err(error) = self.gate.log.append(record).await {
            tracing::error!(%error, "a change of keys could not be recorded");
        }
    }

    async fn write_failures(&self) {
        for (source, count) in self.gate.failures.take() {
            let mut record = Record::new(Event::AuthFailures);
            record.action = Some(Outcome::Denied);
            record.count = Some(count);
            record.source = Some(source.map_or_else(|| "others".to_owned(), |source| source.to_string()));
            if let Err(error) = self.gate.log.append(record).await {
                tracing::error!(%error, "failed attempts could not be recorded");
            }
        }
    }
}

fn key_record(row: KeyRow) -> KeyRecord {
    KeyRecord {
        id: row.id,
        hash: KeyHash(row.hash),
        person: row.person,
        role: row.role,
        groups: row.groups,
        scopes: row.scopes,
        created: row.created,
        expires: row.expires,
        revoked: row.revoked,
    }
}
