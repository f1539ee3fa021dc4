//! From a credential to a principal.

use std::collections::HashMap;
use std::collections::hash_map;
use std::sync::Arc;

use arc_swap::ArcSwap;
use schleuse_types::{Principal, Refusal, RefusalCode, Text, Timestamp};
use tokio::sync::watch;

use crate::record::{KeyHash, KeyRecord, Pepper};
use crate::scope::Scopes;
use crate::verified::{Ended, Verified};
use crate::{ApiKey, KeyFormatError};

/// Checks credentials against the house's own table of key hashes.
///
/// Lookup is by the keyed hash of what was presented, so how long it takes tells nothing about stored keys.
#[derive(Debug)]
pub struct Authenticator {
    pepper: Pepper,
    table: Arc<Table>,
}

impl Authenticator {
    /// Knows no key until [`Self::replace`].
    pub fn new(pepper: Pepper) -> Self {
        Self { pepper, table: Arc::new(Table::new()) }
    }

    /// From now on exactly these keys are known. Wakes every [`crate::Validity`].
    ///
    /// Of two records with one hash a revoked one wins.
    pub fn replace(&self, records: impl IntoIterator<Item = KeyRecord>) {
        let mut entries = HashMap::new();
        for record in records {
            match entries.entry(record.hash) {
                hash_map::Entry::Vacant(place) => {
                    place.insert(Arc::new(Entry::new(record)));
                }
                hash_map::Entry::Occupied(mut place) if record.revoked.is_some() => {
                    place.insert(Arc::new(Entry::new(record)));
                }
                hash_map::Entry::Occupied(_) => {}
            }
        }
        self.table.replace(entries);
    }

    /// Says what time it is, so that the streams of keys that expired since the last call end. Call it at least once a
    /// second, for example where the store is polled. Costs one pass over the keys, and wakes nobody needlessly.
    pub fn advance(&self, now: Timestamp) {
        self.table.advance(now);
    }

    /// How many keys are known, also the revoked ones.
    pub fn key_count(&self) -> usize {
        self.table.entries.load().len()
    }

    /// Whose credential this is, or a 401 `invalid_api_key`.
    ///
    /// `credential` is what stood behind `Bearer` or in `x-api-key`. An unknown and a revoked key read the same outside.
    pub fn verify(&self, credential: Option<&str>, now: Timestamp) -> Result<Verified, Refusal> {
        let text = credential.map(str::trim).filter(|text| !text.is_empty()).ok_or_else(refuse_missing)?;
        let key = ApiKey::parse(text).map_err(refuse_malformed)?;
        let hash = key.hash(&self.pepper);
        let entry = self.table.entries.load().get(&hash).cloned().ok_or_else(|| refuse_unknown(&hash))?;
        match entry.record.end(now) {
            None => Ok(Verified::new(entry, Arc::clone(&self.table))),
            Some(Ended::Expired) => Err(refuse_expired(&hash)),
            Some(end) => Err(refuse_ended(&hash, end)),
        }
    }
}

/// The keys that are known now, shared with everything that was verified by them.
#[derive(Debug)]
pub(crate) struct Table {
    entries: ArcSwap<HashMap<KeyHash, Arc<Entry>>>,
    /// Holds the time as last told; a new value is sent only when somebody has a reason to look.
    changes: watch::Sender<Timestamp>,
}

impl Table {
    fn new() -> Self {
        Self { entries: ArcSwap::default(), changes: watch::Sender::new(Timestamp(0)) }
    }

    fn replace(&self, entries: HashMap<KeyHash, Arc<Entry>>) {
        // Stored before anybody is woken: whoever wakes must see the new keys.
        self.entries.store(Arc::new(entries));
        self.changes.send_modify(|_| {});
    }

    fn advance(&self, now: Timestamp) {
        let entries = self.entries.load();
        self.changes.send_if_modified(|time| {
            let before = std::mem::replace(time, now);
            entries.values().filter_map(|entry| entry.record.expires).any(|at| before < at && at <= now)
        });
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Timestamp> {
        self.changes.subscribe()
    }

    /// Why the key with this hash is not good at `now`, if it is not.
    pub(crate) fn end_of(&self, hash: &KeyHash, now: Timestamp) -> Option<Ended> {
        self.entries.load().get(hash).map_or(Some(Ended::Removed), |entry| entry.record.end(now))
    }
}

/// A record and what is read from it once instead of once per request.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) record: KeyRecord,
    pub(crate) principal: Principal,
    pub(crate) scopes: Scopes,
}

impl Entry {
    fn new(record: KeyRecord) -> Self {
        let principal = Principal {
            person: record.person.clone(),
            role: record.role,
            groups: record.groups.clone(),
            credential: record.id.clone(),
        };
        let scopes = Scopes::read(&record.scopes);
        Self { record, principal, scopes }
    }
}

impl KeyRecord {
    /// Why the key is not good at `now`, if it is not.
    fn end(&self, now: Timestamp) -> Option<Ended> {
        if self.revoked.is_some() {
            Some(Ended::Revoked)
        } else if self.expires.is_some_and(|at| at <= now) {
            Some(Ended::Expired)
        } else {
            None
        }
    }
}

fn refuse_missing() -> Refusal {
    let message = Text::fixed("No API key was sent.", "Es wurde kein API-Schlüssel mitgeschickt.");
    let next = Text::fixed(
        "Send your key in the header `Authorization: Bearer sk-…` or `x-api-key: sk-…`. If you have none, ask an \
         administrator for one.",
        "Senden Sie Ihren Schlüssel im Kopf `Authorization: Bearer sk-…` oder `x-api-key: sk-…`. Wenn Sie keinen haben, \
         bitten Sie die Administration um einen.",
    );
    refuse(message, next, "no credential was presented")
}

fn refuse_malformed(_error: KeyFormatError) -> Refusal {
    let message = Text::fixed(
        "This is not an API key of this house, or it was mistyped: its form and checksum do not fit.",
        "Das ist kein API-Schlüssel dieses Hauses, oder er wurde falsch abgetippt: Form und Prüfsumme passen nicht.",
    );
    let next = Text::fixed(
        "Copy the whole key again; it begins with `sk-schl` and has 56 characters. Keys of other services do not work \
         here, and if one was sent by mistake, renew it there.",
        "Kopieren Sie den Schlüssel noch einmal vollständig; er beginnt mit `sk-schl` und hat 56 Zeichen. Schlüssel \
         anderer Dienste gelten hier nicht; wurde versehentlich einer geschickt, erneuern Sie ihn dort.",
    );
    refuse(message, next, "the credential is not a well-formed key of this house")
}

fn refuse_unknown(hash: &KeyHash) -> Refusal {
    refuse_without_telling(format!("key {} is unknown", hash.id()))
}

fn refuse_ended(hash: &KeyHash, end: Ended) -> Refusal {
    refuse_without_telling(format!("key {} was {}", hash.id(), end.as_str()))
}

/// One text for keys that never were and keys that are no more: a stranger learns nothing about which keys exist.
fn refuse_without_telling(inside: String) -> Refusal {
    let message = Text::fixed("This API key is not valid here.", "Dieser API-Schlüssel gilt hier nicht.");
    let next = Text::fixed(
        "Check that the key belongs to this house and was not revoked, or ask an administrator for a new one.",
        "Prüfen Sie, ob der Schlüssel zu diesem Haus gehört und nicht widerrufen wurde, oder bitten Sie die \
         Administration um einen neuen.",
    );
    refuse(message, next, inside)
}

fn refuse_expired(hash: &KeyHash) -> Refusal {
    let message = Text::fixed("This API key has expired.", "Dieser API-Schlüssel ist abgelaufen.");
    let next = Text::fixed(
        "Ask an administrator for a new key.",
        "Bitten Sie die Administration um einen neuen Schlüssel.",
    );
    refuse(message, next, format!("key {} has expired", hash.id()))
}

fn refuse(message: Text, next: Text, inside: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::InvalidApiKey, message, next, inside)
}

#[cfg(test)]
mod tests;
