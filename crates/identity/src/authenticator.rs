//! From a credential to a principal.

use std::collections::{HashMap, HashSet, hash_map};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use schleuse_types::{Presented, Refusal, RefusalCode, Text, Timestamp};

use crate::issuers::Issuers;
use crate::jwt;
use crate::printed::keyed_hash;
use crate::record::{KeyHash, KeyRecord, Pepper, SessionRecord};
use crate::session_token::SessionFormatError;
use crate::table::{Credential, KeyEntry, SessionEntry, Table, TokenEntry};
use crate::verified::{Ended, Verified};
use crate::{ApiKey, KeyFormatError, SessionToken};

/// Checks credentials: keys and sessions against the house's own tables of hashes, tokens against their issuers' keys.
///
/// Lookup is by the keyed hash of what was presented, so how long it takes tells nothing about stored credentials. What
/// comes in a header is never looked up as a session and what comes in a cookie only as one, so that a stolen credential
/// of one kind opens no door of the other.
#[derive(Debug)]
pub struct Authenticator {
    pepper: Pepper,
    table: Arc<Table>,
    issuers: ArcSwapOption<Issuers>,
}

impl Authenticator {
    /// Knows no key and no session until it is told, and trusts no issuer.
    pub fn new(pepper: Pepper) -> Self {
        Self { pepper, table: Arc::new(Table::new()), issuers: ArcSwapOption::empty() }
    }

    /// From now on exactly these keys are known. Wakes every [`crate::Validity`].
    ///
    /// Of two records with one hash a revoked one wins.
    pub fn replace(&self, records: impl IntoIterator<Item = KeyRecord>) {
        let mut entries = HashMap::new();
        for record in records {
            match entries.entry(record.hash) {
                hash_map::Entry::Vacant(place) => {
                    place.insert(Arc::new(KeyEntry::new(record)));
                }
                hash_map::Entry::Occupied(mut place) if record.revoked.is_some() => {
                    place.insert(Arc::new(KeyEntry::new(record)));
                }
                hash_map::Entry::Occupied(_) => {}
            }
        }
        self.table.replace_keys(entries);
    }

    /// From now on exactly these sessions are known, and those that were admitted since the last call: the list may have
    /// been read before they were stored. Wakes every [`crate::Validity`].
    ///
    /// A later use than the one in the record, and a revocation that [`Self::end_session`] was told of, are kept.
    pub fn replace_sessions(&self, records: impl IntoIterator<Item = SessionRecord>) {
        self.table.replace_sessions(records);
    }

    /// Knows this session at once, before it is next read from the store. Costs one pass over the sessions.
    pub fn admit_session(&self, record: SessionRecord) {
        self.table.admit_session(record);
    }

    /// Ends a session at once, before its revocation is next read from the store; `false` if none has this id.
    pub fn end_session(&self, id: &str, now: Timestamp) -> bool {
        self.table.end_sessions(|record| record.id == id, now) > 0
    }

    /// Ends all sessions of a person at once, as [`Self::end_session`] does; how many there were.
    pub fn end_sessions_of(&self, person: &str, now: Timestamp) -> usize {
        self.table.end_sessions(|record| record.person == person, now)
    }

    /// The last use of each session that was used since the last call, by id. To be stored; what is not stored is
    /// forgotten at the next start, so that sessions end earlier, never later.
    pub fn touch(&self) -> Vec<(String, Timestamp)> {
        self.table.touch()
    }

    /// From now on exactly these people are blocked: none of their keys, sessions and tokens is good. Wakes every
    /// [`crate::Validity`].
    pub fn replace_blocked(&self, people: HashSet<String>) {
        self.table.replace_blocked(people);
    }

    /// From now on tokens of exactly these issuers are good as bearer tokens.
    pub fn set_issuers(&self, issuers: Arc<Issuers>) {
        self.issuers.store(Some(issuers));
    }

    /// Says what time it is, so that the streams of credentials that expired since the last call end. Call it at least
    /// once a second, for example where the store is polled. Costs one pass over keys and sessions, and wakes nobody
    /// needlessly.
    pub fn advance(&self, now: Timestamp) {
        self.table.advance(now);
    }

    /// How many keys are known, also the revoked ones.
    pub fn key_count(&self) -> usize {
        self.table.key_count()
    }

    /// How many sessions are known, also those that have ended.
    pub fn session_count(&self) -> usize {
        self.table.session_count()
    }

    /// Whose credential this is, or a 401 `invalid_api_key`.
    ///
    /// A bearer that begins `sk-` is a key, one of three parts between dots is an issuer's token. An unknown and a
    /// revoked credential read the same outside. Waits only for an issuer's keys, and for those at most 3 s.
    pub async fn verify(
        &self,
        presented: Option<Presented<'_>>,
        now: Timestamp,
    ) -> Result<Verified, Refusal> {
        let credential = match presented {
            Some(Presented::Bearer(text)) => match text.trim() {
                "" => return Err(refuse_missing()),
                text if !text.starts_with("sk-") && jwt::has_form(text) => {
                    self.verify_token(text, now).await?
                }
                text => self.verify_key(text, now)?,
            },
            Some(Presented::Session(text)) => self.verify_session(text, now)?,
            None => return Err(refuse_missing()),
        };
        Ok(Verified::new(credential, Arc::clone(&self.table)))
    }

    fn verify_key(&self, text: &str, now: Timestamp) -> Result<Credential, Refusal> {
        let key = ApiKey::parse(text).map_err(refuse_malformed)?;
        let hash = key.hash(&self.pepper);
        let entry = self.table.key(&hash).ok_or_else(|| refuse_unknown(&hash))?;
        let credential = Credential::Key(entry);
        match self.table.end_of(&credential, now) {
            None => Ok(credential),
            Some(Ended::Expired) => Err(refuse_expired(&hash)),
            Some(end) => Err(refuse_ended(&hash, end)),
        }
    }

    fn verify_session(&self, text: &str, now: Timestamp) -> Result<Credential, Refusal> {
        let token = SessionToken::parse(text).map_err(|SessionFormatError| {
            refuse_session("the cookie is not a well-formed session of this house")
        })?;
        let hash = token.hash(&self.pepper);
        let session: Arc<SessionEntry> = self
            .table
            .session(&hash)
            .ok_or_else(|| refuse_session(format!("session {} is unknown", hash.session_id())))?;
        let key = session.record.key.as_deref().and_then(|id| self.table.key_by_id(id));
        let credential = Credential::Session { session: Arc::clone(&session), key };
        match self.table.end_of(&credential, now) {
            None => {
                session.see(now);
                Ok(credential)
            }
            Some(end) => Err(refuse_session(format!("session {} was {}", hash.session_id(), end.as_str()))),
        }
    }

    async fn verify_token(&self, text: &str, now: Timestamp) -> Result<Credential, Refusal> {
        let issuers =
            self.issuers.load_full().ok_or_else(|| refuse_token("no issuer of tokens is trusted"))?;
        let identified = issuers
            .verify_bearer(text, now)
            .await
            .map_err(|error| refuse_token(format!("the bearer token is not good: {error}")))?;
        let hash = KeyHash(keyed_hash(self.pepper.expose(), &[text.as_bytes()]));
        let credential = Credential::Token(Arc::new(TokenEntry::new(&hash, identified)));
        match self.table.end_of(&credential, now) {
            None => Ok(credential),
            Some(end) => Err(refuse_token(format!("token {} was {}", hash.token_id(), end.as_str()))),
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

/// One text for whatever is wrong with a session: whoever held it does the same next.
fn refuse_session(inside: impl Into<String>) -> Refusal {
    let message = Text::fixed(
        "You are not signed in, or your session has ended.",
        "Sie sind nicht angemeldet, oder Ihre Sitzung ist beendet.",
    );
    let next = Text::fixed("Sign in again.", "Melden Sie sich erneut an.");
    refuse(message, next, inside)
}

/// One text for whatever is wrong with a token; the log says what it was.
fn refuse_token(inside: impl Into<String>) -> Refusal {
    let message =
        Text::fixed("This access token is not valid here.", "Dieses Zugriffstoken gilt hier nicht.");
    let next = Text::fixed(
        "Fetch a new token from your identity provider, for the audience of this house, or ask an administrator \
         whether this house accepts it.",
        "Holen Sie ein neues Token bei Ihrem Identitätsanbieter, ausgestellt für dieses Haus, oder fragen Sie die \
         Administration, ob dieses Haus es annimmt.",
    );
    refuse(message, next, inside)
}

fn refuse(message: Text, next: Text, inside: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::InvalidApiKey, message, next, inside)
}

#[cfg(test)]
mod tests;
