//! What has to be done every now and then, and what other processes did meanwhile.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use schleuse_audit::{Event, Record};
use schleuse_gate::Gate;
use schleuse_identity::{Issuers, KeyHash, KeyRecord, SessionRecord};
use schleuse_store::{KeyRow, PersonRow, Seen, SessionRow, Store, StoreError};
use schleuse_tunnel::Connectors;
use schleuse_types::Outcome;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often the house looks for what another process changed, and for keys and sessions that expired.
pub const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long whoever changed something waits until the house knows it; streams of what was revoked end meanwhile.
const LEARN_MAX: Duration = Duration::from_secs(1);
/// How often failed attempts of strangers are written down.
const FAILURES_EVERY: Duration = Duration::from_secs(1);
/// How often the last use of sessions and used LLM tokens are stored; so much is forgotten when the house is killed.
const SAVE_EVERY: Duration = Duration::from_secs(5);
/// How often the keys of issuers are fetched again.
const ISSUERS_EVERY: Duration = Duration::from_secs(600);
/// The same while an issuer cannot be reached.
const ISSUERS_RETRY: Duration = Duration::from_secs(15);

/// Does what has to be done every now and then.
#[derive(Clone)]
pub(super) struct Keeper {
    pub(super) gate: Arc<Gate>,
    pub(super) store: Arc<Store>,
    pub(super) issuers: Arc<Issuers>,
    pub(super) changes: Arc<Changes>,
    /// Somebody linked: whoever could not be reached may be now.
    pub(super) linked: Arc<Notify>,
    /// In a house that connectors dial.
    pub(super) connectors: Option<Arc<Connectors>>,
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
}

/// What this process itself changed in the store.
pub(super) struct Changes {
    woken: Notify,
    /// How many changes were made, and how many of them the keeper has learned.
    made: watch::Sender<u64>,
    learned: watch::Sender<u64>,
    /// Ids of keys whose change has its entry already.
    recorded: Mutex<HashSet<String>>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            woken: Notify::new(),
            made: watch::Sender::new(0),
            learned: watch::Sender::new(0),
            recorded: Mutex::default(),
        }
    }
}

impl Changes {
    /// The next change of this key has its entry already.
    pub(super) fn record(&self, key: &str) {
        self.recorded().insert(key.to_owned());
    }

    /// The store was changed. Waits until the keeper has seen it, or for as long as that may take.
    pub(super) async fn made(&self) {
        let mut number = 0;
        self.made.send_modify(|made| {
            *made += 1;
            number = *made;
        });
        self.woken.notify_one();
        let mut learned = self.learned.subscribe();
        let _late = tokio::time::timeout(LEARN_MAX, learned.wait_for(|learned| *learned >= number)).await;
    }

    fn is_recorded(&self, key: &str) -> bool {
        self.recorded().remove(key)
    }

    fn recorded(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the keeper knows of the store.
#[derive(Default)]
pub(super) struct Known {
    seen: Seen,
    /// Whether a key is revoked, by id.
    keys: HashMap<String, bool>,
}

impl Keeper {
    pub(super) fn start(&self, mut known: Known) {
        let (keeper, stop) = (self.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            let pause = || async {
                tokio::select! {
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                    () = keeper.changes.woken.notified() => {}
                }
            };
            while stop.run_until_cancelled(pause()).await.is_some() {
                keeper.gate.identity.advance(keeper.gate.clock.now());
                let made = *keeper.changes.made.borrow();
                if let Err(error) = keeper.learn(&mut known, true).await {
                    tracing::error!(%error, "the store cannot be read; keys and sessions stay as they were");
                } else {
                    keeper.changes.learned.send_replace(made);
                }
            }
        });
        let (keeper, stop) = (self.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(FAILURES_EVERY)).await.is_some() {
                keeper.write_failures().await;
            }
        });
        let (keeper, stop) = (self.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(SAVE_EVERY)).await.is_some() {
                keeper.save().await;
            }
        });
        let (keeper, stop) = (self.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            while let Some(pause) = stop.run_until_cancelled(keeper.refresh_issuers()).await {
                let pause = async {
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = keeper.linked.notified() => {}
                    }
                };
                if stop.run_until_cancelled(pause).await.is_none() {
                    break;
                }
            }
        });
        let (keeper, stop) = (self.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            let mut links = 0;
            let mut looks: u32 = 0;
            while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
                looks = looks.wrapping_add(1);
                links = keeper.look_for_models(links, looks).await;
            }
        });
        self.tasks.spawn(self.gate.upstreams.clone().watch(self.stop.clone().cancelled_owned()));
    }

    /// Asks servers for their models as soon as a connector has dialled, and every second while one was never reached.
    /// Returns how many connectors are linked.
    async fn look_for_models(&self, links_before: usize, looks: u32) -> usize {
        let links = self.connectors.as_ref().map_or(0, |connectors| connectors.status().len());
        let is_new = links > links_before;
        let is_unasked = || self.gate.upstreams.status().iter().any(|upstream| upstream.models.is_empty());
        if is_new || (looks.is_multiple_of(4) && is_unasked()) {
            self.gate.upstreams.refresh().await;
        }
        if is_new {
            self.linked.notify_one();
        }
        links
    }

    /// Reads people, keys and sessions if the store changed. `with_entries`: what became of keys since the last time
    /// becomes an entry.
    pub(super) async fn learn(&self, known: &mut Known, with_entries: bool) -> Result<(), StoreError> {
        if !self.store.changed(&mut known.seen).await? {
            return Ok(());
        }
        let (people, rows, sessions) =
            (self.store.people().await?, self.store.keys().await?, self.store.sessions().await?);
        let mut changes = Vec::new();
        for row in &rows {
            let is_revoked = row.revoked.is_some();
            let before = known.keys.insert(row.id.clone(), is_revoked);
            match before {
                None => changes.push((Event::KeyCreate, row.clone())),
                Some(false) if is_revoked => changes.push((Event::KeyRevoke, row.clone())),
                Some(_) => {}
            }
        }
        // First what ends streams, then what is written about it.
        let identity = &self.gate.identity;
        let blocked = people.iter().filter(|person| person.blocked.is_some());
        identity.replace_blocked(blocked.map(|person| person.id.clone()).collect());
        identity.replace(rows.into_iter().map(key_record));
        let people: HashMap<String, PersonRow> =
            people.into_iter().map(|person| (person.id.clone(), person)).collect();
        identity.replace_sessions(sessions.into_iter().filter_map(|row| session_record(row, &people)));
        for (event, row) in changes {
            if with_entries && !self.changes.is_recorded(&row.id) {
                self.write_key_change(event, &row).await;
            }
        }
        Ok(())
    }

    async fn write_key_change(&self, event: Event, row: &KeyRow) {
        let mut record = Record::new(event);
        record.user = self.gate.pseudonyms.name(&row.person);
        record.role = Some(row.role);
        record.tenant.clone_from(&row.tenant);
        record.action = Some(Outcome::Allowed);
        record.source = Some(row.id.clone());
        if let Err(error) = self.gate.log.append(record).await {
            tracing::error!(%error, "a change of keys could not be recorded");
        }
    }

    pub(super) async fn write_failures(&self) {
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

    /// Stores when sessions were last used and how many LLM tokens were.
    pub(super) async fn save(&self) {
        let uses = self.gate.identity.touch();
        if !uses.is_empty()
            && let Err(error) = self.store.touch_sessions(&uses).await
        {
            tracing::error!(%error, "the last use of sessions cannot be stored");
        }
        let (day, used) = self.gate.budgets.take_usage();
        if !used.is_empty()
            && let Err(error) = self.store.add_usage(day, &used).await
        {
            tracing::error!(%error, "used LLM tokens cannot be stored; they are kept until they can");
            self.gate.budgets.put_back_usage(day, &used);
        }
    }

    /// Fetches the issuers' keys; says when to do so again.
    async fn refresh_issuers(&self) -> Duration {
        let failed = self.issuers.refresh().await;
        for (issuer, error) in &failed {
            tracing::warn!(issuer, %error, "the identity provider's keys cannot be fetched");
        }
        if failed.is_empty() { ISSUERS_EVERY } else { ISSUERS_RETRY }
    }
}

fn key_record(row: KeyRow) -> KeyRecord {
    KeyRecord {
        id: row.id,
        hash: KeyHash(row.hash),
        person: row.person,
        role: row.role,
        groups: row.groups,
        tenant: row.tenant,
        scopes: row.scopes,
        created: row.created,
        expires: row.expires,
        revoked: row.revoked,
    }
}

/// A session has the role, the groups and the tenant that its person has now; one that was begun with a key keeps the key's role.
fn session_record(row: SessionRow, people: &HashMap<String, PersonRow>) -> Option<SessionRecord> {
    let person = people.get(&row.person)?;
    Some(SessionRecord {
        id: row.id,
        hash: KeyHash(row.hash),
        role: if row.key.is_some() { row.role } else { person.role },
        groups: person.groups.clone(),
        tenant: person.tenant.clone(),
        person: row.person,
        key: row.key,
        created: row.created,
        last_seen: row.last_seen,
        idle_micros: row.idle_micros,
        expires: row.expires,
        revoked: row.revoked,
    })
}
