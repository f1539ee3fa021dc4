//! The proof that a credential was checked, and the watch over whether it still holds.

use std::sync::Arc;

use schleuse_types::{Principal, Refusal, RefusalCode, Text, Timestamp};
use tokio::sync::watch;

use crate::record::SessionRecord;
use crate::table::{Credential, Table};

/// A principal whose credential was just verified. Only [`crate::Authenticator::verify`] makes one.
#[derive(Debug, Clone)]
pub struct Verified {
    credential: Credential,
    table: Arc<Table>,
}

impl Verified {
    pub(crate) fn new(credential: Credential, table: Arc<Table>) -> Self {
        Self { credential, table }
    }

    pub fn principal(&self) -> &Principal {
        self.credential.principal()
    }

    /// The session, if that is what was presented, as it was last read from the store.
    pub fn session(&self) -> Option<&SessionRecord> {
        match &self.credential {
            Credential::Session { session, .. } => Some(&session.record),
            Credential::Key(_) | Credential::Token(_) => None,
        }
    }

    /// The scopes as they were given to the key, also to the key behind a session; empty means not limited.
    pub fn scopes(&self) -> &[String] {
        self.credential.key().map_or(&[], |key| &key.record.scopes)
    }

    /// When the credential stops being good by itself, however much it is used.
    pub fn expires(&self) -> Option<Timestamp> {
        self.credential.expires()
    }

    /// Whether the key's scopes cover this model. Policy decides separately whether its person may use it.
    pub fn may_use_model(&self, model: &str) -> bool {
        self.credential.key().is_none_or(|key| key.scopes.permit_model(model))
    }

    /// Whether the key's scopes cover this surface: `chat`, `completions`, `embeddings`, `models` …
    pub fn may_use_surface(&self, surface: &str) -> bool {
        self.credential.key().is_none_or(|key| key.scopes.permit_surface(surface))
    }

    /// [`Self::may_use_surface`] and, if a model is named, [`Self::may_use_model`]; 403 `access_denied` otherwise.
    pub fn permit_scope(&self, surface: &str, model: Option<&str>) -> Result<(), Refusal> {
        let id = self.credential.key().map_or("-", |key| key.record.id.as_str());
        let (message, inside) = if !self.may_use_surface(surface) {
            let message = Text::fixed(
                "This API key is not meant for this kind of request.",
                "Dieser API-Schlüssel ist nicht für diese Art von Anfrage gedacht.",
            );
            (message, format!("key {id} has no scope for the surface `{surface}`"))
        } else if !model.is_none_or(|model| self.may_use_model(model)) {
            let message = Text::fixed(
                "This API key is not meant for this model.",
                "Dieser API-Schlüssel ist nicht für dieses Modell gedacht.",
            );
            (message, format!("key {id} has no scope for the model that was asked for"))
        } else {
            return Ok(());
        };
        let next = Text::fixed(
            "Use another key, or ask an administrator for one with a wider scope.",
            "Verwenden Sie einen anderen Schlüssel oder bitten Sie die Administration um einen mit weiterem Umfang.",
        );
        Err(Refusal::new(RefusalCode::AccessDenied, message, next, inside))
    }

    /// Whether the credential is still good: neither removed nor revoked nor expired, and its person not blocked.
    pub fn is_still_valid(&self, now: Timestamp) -> bool {
        self.table.end_of(&self.credential, now).is_none()
    }

    /// A watch to hold beside a running stream.
    pub fn watch(&self) -> Validity {
        // Subscribed before the first look, so that no change can fall between the two.
        let changes = self.table.subscribe(&self.credential);
        Validity { credential: self.credential.clone(), table: Arc::clone(&self.table), changes }
    }
}

/// Tells when a credential stops being good.
#[derive(Debug)]
pub struct Validity {
    credential: Credential,
    table: Arc<Table>,
    changes: watch::Receiver<Timestamp>,
}

impl Validity {
    /// Waits until the credential is removed, revoked or expired or its person is blocked, and says which; at once if it
    /// already is. May be dropped and called again (it is cancel-safe).
    ///
    /// Wakes on every change of keys, sessions and blocked people, and on [`crate::Authenticator::advance`]: a
    /// credential expires here when `advance` is told the time, not by a timer of its own.
    pub async fn ended(&mut self) -> Ended {
        loop {
            let now = *self.changes.borrow_and_update();
            if let Some(end) = self.table.end_of(&self.credential, now) {
                return end;
            }
            if self.changes.changed().await.is_err() {
                // INVARIANT: the table, which this holds, owns the sender. Were it gone, nobody could vouch for the credential.
                return Ended::Removed;
            }
        }
    }
}

/// Why a credential is no longer good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Removed,
    Revoked,
    /// Its time is over, or nobody used it for too long.
    Expired,
    /// Its person is blocked.
    Blocked,
}

impl Ended {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Blocked => "blocked",
        }
    }

    /// The refusal for a stream that was running when its credential ended.
    pub fn refusal(self) -> Refusal {
        Refusal::new(
            RefusalCode::CredentialRevoked,
            Text::fixed(
                "Your sign-in or API key is no longer valid, so the answer was cut off.",
                "Ihre Anmeldung oder Ihr API-Schlüssel gilt nicht mehr, deshalb wurde die Antwort abgebrochen.",
            ),
            Text::fixed(
                "Sign in again or ask an administrator for a new key, then ask again.",
                "Melden Sie sich erneut an oder bitten Sie die Administration um einen neuen Schlüssel und fragen Sie \
                 dann noch einmal.",
            ),
            format!("the credential was {} while its answer was being streamed", self.as_str()),
        )
    }
}
