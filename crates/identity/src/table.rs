//! The credentials that are known now.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use schleuse_types::{Principal, Timestamp};
use tokio::sync::watch;

use crate::issuers::Identified;
use crate::record::{KeyHash, KeyRecord, SessionRecord};
use crate::scope::Scopes;
use crate::verified::Ended;

/// Shared with everything that was verified by it. Readers never wait; writers of sessions wait for each other.
#[derive(Debug)]
pub(crate) struct Table {
    keys: ArcSwap<Keys>,
    sessions: ArcSwap<HashMap<KeyHash, Arc<SessionEntry>>>,
    /// Held while `sessions` is replaced: the sessions that came since they were last read from the store.
    admitted: Mutex<HashSet<KeyHash>>,
    blocked: ArcSwap<HashSet<String>>,
    /// When tokens end that somebody watches, in microseconds. Tokens end on whole seconds, so this stays small.
    token_ends: Mutex<BTreeSet<u64>>,
    /// Holds the time as last told; a new value is sent only when somebody has a reason to look.
    changes: watch::Sender<Timestamp>,
}

#[derive(Debug, Default)]
struct Keys {
    by_hash: HashMap<KeyHash, Arc<KeyEntry>>,
    by_id: HashMap<String, Arc<KeyEntry>>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            keys: ArcSwap::default(),
            sessions: ArcSwap::default(),
            admitted: Mutex::default(),
            blocked: ArcSwap::default(),
            token_ends: Mutex::default(),
            changes: watch::Sender::new(Timestamp(0)),
        }
    }

    pub(crate) fn replace_keys(&self, by_hash: HashMap<KeyHash, Arc<KeyEntry>>) {
        let by_id = by_hash.values().map(|entry| (entry.record.id.clone(), Arc::clone(entry))).collect();
        // Stored before anybody is woken: whoever wakes must see what is new. So it is in all that follows.
        self.keys.store(Arc::new(Keys { by_hash, by_id }));
        self.wake();
    }

    pub(crate) fn replace_sessions(&self, records: impl IntoIterator<Item = SessionRecord>) {
        let mut admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.sessions.load_full();
        let mut sessions = HashMap::new();
        for record in records {
            let entry = SessionEntry::new(record, &before);
            sessions.insert(entry.record.hash, Arc::new(entry));
        }
        for hash in admitted.drain() {
            if let Some(entry) = before.get(&hash) {
                sessions.entry(hash).or_insert_with(|| Arc::clone(entry));
            }
        }
        self.sessions.store(Arc::new(sessions));
        drop(admitted);
        self.wake();
    }

    pub(crate) fn admit_session(&self, record: SessionRecord) {
        let mut admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sessions = HashMap::clone(&self.sessions.load());
        admitted.insert(record.hash);
        let entry = SessionEntry::new(record, &sessions);
        sessions.insert(entry.record.hash, Arc::new(entry));
        self.sessions.store(Arc::new(sessions));
        drop(admitted);
        self.wake();
    }

    /// Revokes the sessions that are meant; how many there were.
    pub(crate) fn end_sessions(&self, meant: impl Fn(&SessionRecord) -> bool, now: Timestamp) -> usize {
        let admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sessions = HashMap::clone(&self.sessions.load());
        let mut ended = 0;
        for entry in sessions.values_mut().filter(|entry| meant(&entry.record)) {
            let revoked = Some(entry.record.revoked.unwrap_or(now));
            let record = SessionRecord { revoked, ..entry.record.clone() };
            *entry = Arc::new(SessionEntry {
                record,
                principal: entry.principal.clone(),
                seen: Arc::clone(&entry.seen),
            });
            ended += 1;
        }
        self.sessions.store(Arc::new(sessions));
        drop(admitted);
        self.wake();
        ended
    }

    pub(crate) fn replace_blocked(&self, people: HashSet<String>) {
        self.blocked.store(Arc::new(people));
        self.wake();
    }

    pub(crate) fn touch(&self) -> Vec<(String, Timestamp)> {
        let sessions = self.sessions.load();
        let used =
            sessions.values().filter_map(|entry| Some((entry.record.id.clone(), entry.seen.unstored()?)));
        used.collect()
    }

    pub(crate) fn advance(&self, now: Timestamp) {
        let (keys, sessions) = (self.keys.load(), self.sessions.load());
        let has_token_ended = {
            let mut ends = self.token_ends.lock().unwrap_or_else(PoisonError::into_inner);
            let later = ends.split_off(&now.0.saturating_add(1));
            !std::mem::replace(&mut *ends, later).is_empty()
        };
        self.changes.send_if_modified(|time| {
            let before = std::mem::replace(time, now);
            let has_passed = |at: Timestamp| before < at && at <= now;
            has_token_ended
                || keys.by_hash.values().filter_map(|entry| entry.record.expires).any(has_passed)
                || sessions.values().map(|entry| entry.ends()).any(has_passed)
        });
    }

    pub(crate) fn key(&self, hash: &KeyHash) -> Option<Arc<KeyEntry>> {
        self.keys.load().by_hash.get(hash).cloned()
    }

    pub(crate) fn key_by_id(&self, id: &str) -> Option<Arc<KeyEntry>> {
        self.keys.load().by_id.get(id).cloned()
    }

    pub(crate) fn session(&self, hash: &KeyHash) -> Option<Arc<SessionEntry>> {
        self.sessions.load().get(hash).cloned()
    }

    pub(crate) fn key_count(&self) -> usize {
        self.keys.load().by_hash.len()
    }

    pub(crate) fn session_count(&self) -> usize {
        self.sessions.load().len()
    }

    /// A receiver that wakes whenever this credential may have ended.
    pub(crate) fn subscribe(&self, credential: &Credential) -> watch::Receiver<Timestamp> {
        if let Credential::Token(token) = credential {
            let mut ends = self.token_ends.lock().unwrap_or_else(PoisonError::into_inner);
            ends.insert(token.expires.0);
        }
        self.changes.subscribe()
    }

    /// Why this credential is not good at `now`, if it is not.
    pub(crate) fn end_of(&self, credential: &Credential, now: Timestamp) -> Option<Ended> {
        if self.blocked.load().contains(&credential.principal().person) {
            return Some(Ended::Blocked);
        }
        match credential {
            Credential::Key(entry) => self
                .keys
                .load()
                .by_hash
                .get(&entry.record.hash)
                .map_or(Some(Ended::Removed), |key| key.end(now)),
            Credential::Session { session, .. } => {
                let sessions = self.sessions.load();
                let Some(session) = sessions.get(&session.record.hash) else { return Some(Ended::Removed) };
                session.end(now).or_else(|| {
                    let keys = self.keys.load();
                    let id = session.record.key.as_ref()?;
                    keys.by_id.get(id).map_or(Some(Ended::Removed), |key| key.end(now))
                })
            }
            Credential::Token(token) => (token.expires <= now).then_some(Ended::Expired),
        }
    }

    fn wake(&self) {
        self.changes.send_modify(|_| {});
    }
}

/// What was verified.
#[derive(Debug, Clone)]
pub(crate) enum Credential {
    Key(Arc<KeyEntry>),
    /// A session, and the key by which its person signed in.
    Session {
        session: Arc<SessionEntry>,
        key: Option<Arc<KeyEntry>>,
    },
    Token(Arc<TokenEntry>),
}

impl Credential {
    pub(crate) fn principal(&self) -> &Principal {
        match self {
            Self::Key(entry) => &entry.principal,
            Self::Session { session, .. } => &session.principal,
            Self::Token(token) => &token.principal,
        }
    }

    /// The key whose scopes hold.
    pub(crate) fn key(&self) -> Option<&KeyEntry> {
        match self {
            Self::Key(entry) => Some(entry),
            Self::Session { key, .. } => key.as_deref(),
            Self::Token(_) => None,
        }
    }

    pub(crate) fn expires(&self) -> Option<Timestamp> {
        let key = self.key().and_then(|key| key.record.expires);
        match self {
            Self::Key(_) => key,
            Self::Session { session, .. } => {
                Some(key.map_or(session.record.expires, |at| at.min(session.record.expires)))
            }
            Self::Token(token) => Some(token.expires),
        }
    }
}

/// A key's record and what is read from it once instead of once per request.
#[derive(Debug)]
pub(crate) struct KeyEntry {
    pub(crate) record: KeyRecord,
    pub(crate) scopes: Scopes,
    principal: Principal,
}

impl KeyEntry {
    pub(crate) fn new(record: KeyRecord) -> Self {
        let principal = Principal {
            person: record.person.clone(),
            role: record.role,
            groups: record.groups.clone(),
            tenant: record.tenant.clone(),
            credential: record.id.clone(),
        };
        let scopes = Scopes::read(&record.scopes);
        Self { record, scopes, principal }
    }

    fn end(&self, now: Timestamp) -> Option<Ended> {
        if self.record.revoked.is_some() {
            Some(Ended::Revoked)
        } else if self.record.expires.is_some_and(|at| at <= now) {
            Some(Ended::Expired)
        } else {
            None
        }
    }
}

/// A session's record, its principal, and its last use.
#[derive(Debug)]
pub(crate) struct SessionEntry {
    pub(crate) record: SessionRecord,
    principal: Principal,
    /// Shared by all entries that one session has one after the other, so that no use is lost between two of them.
    seen: Arc<Seen>,
}

impl SessionEntry {
    fn new(mut record: SessionRecord, before: &HashMap<KeyHash, Arc<Self>>) -> Self {
        let before = before.get(&record.hash);
        // A session does not rise again because the store was read before its revocation was written.
        record.revoked = record.revoked.or_else(|| before?.record.revoked);
        let seen = before.map_or_else(Arc::default, |entry| Arc::clone(&entry.seen));
        seen.store(record.last_seen);
        let principal = Principal {
            person: record.person.clone(),
            role: record.role,
            groups: record.groups.clone(),
            tenant: record.tenant.clone(),
            credential: record.id.clone(),
        };
        Self { record, principal, seen }
    }

    /// Notes a use.
    pub(crate) fn see(&self, now: Timestamp) {
        self.seen.last.fetch_max(now.0, Ordering::Relaxed);
    }

    /// The first moment at which the session is no longer good if nobody uses it until then.
    fn ends(&self) -> Timestamp {
        let idle_end = self.seen.last.load(Ordering::Relaxed).saturating_add(self.record.idle_micros);
        self.record.expires.min(Timestamp(idle_end))
    }

    fn end(&self, now: Timestamp) -> Option<Ended> {
        if self.record.revoked.is_some() {
            Some(Ended::Revoked)
        } else if self.ends() <= now {
            Some(Ended::Expired)
        } else {
            None
        }
    }
}

/// When a session was last used, and which use is known to be stored; in microseconds.
#[derive(Debug, Default)]
struct Seen {
    last: AtomicU64,
    stored: AtomicU64,
}

impl Seen {
    fn store(&self, at: Timestamp) {
        self.last.fetch_max(at.0, Ordering::Relaxed);
        self.stored.fetch_max(at.0, Ordering::Relaxed);
    }

    /// The last use if it was not yet given out to be stored.
    fn unstored(&self) -> Option<Timestamp> {
        let last = self.last.load(Ordering::Relaxed);
        (self.stored.fetch_max(last, Ordering::Relaxed) < last).then_some(Timestamp(last))
    }
}

/// A token of an issuer that was just verified. Nothing about it is kept beside those who hold this.
#[derive(Debug)]
pub(crate) struct TokenEntry {
    expires: Timestamp,
    principal: Principal,
}

impl TokenEntry {
    pub(crate) fn new(hash: &KeyHash, identified: Identified) -> Self {
        let Identified { person, role, groups, tenant, expires, .. } = identified;
        Self { expires, principal: Principal { person, role, groups, tenant, credential: hash.token_id() } }
    }
}
