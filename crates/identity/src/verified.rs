//! The proof that a credential was checked, and the watch over whether it still holds.

use std::sync::Arc;

use schleuse_types::{Principal, Refusal, RefusalCode, Text, Timestamp};
use tokio::sync::watch;

use crate::authenticator::{Entry, Table};

/// A principal whose credential was just verified. Only [`crate::Authenticator::verify`] makes one.
#[derive(Debug, Clone)]
pub struct Verified {
    entry: Arc<Entry>,
    table: Arc<Table>,
}

impl Verified {
    pub(crate) fn new(entry: Arc<Entry>, table: Arc<Table>) -> Self {
        Self { entry, table }
    }

    pub fn principal(&self) -> &Principal {
        &self.entry.principal
    }

    /// The scopes as they were given to the key; empty means not limited.
    pub fn scopes(&self) -> &[String] {
        &self.entry.record.scopes
    }

    /// When the key stops being good by itself.
    pub fn expires(&self) -> Option<Timestamp> {
        self.entry.record.expires
    }

    /// Whether the key's scopes cover this model. Policy decides separately whether its person may use it.
    pub fn may_use_model(&self, model: &str) -> bool {
        self.entry.scopes.permit_model(model)
    }

    /// Whether the key's scopes cover this surface: `chat`, `completions`, `embeddings`, `models` …
    pub fn may_use_surface(&self, surface: &str) -> bool {
        self.entry.scopes.permit_surface(surface)
    }

    /// [`Self::may_use_surface`] and, if a model is named, [`Self::may_use_model`]; 403 `access_denied` otherwise.
    pub fn permit_scope(&self, surface: &str, model: Option<&str>) -> Result<(), Refusal> {
        let id = &self.entry.record.id;
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

    /// Whether the key is still good: neither removed nor revoked nor expired.
    pub fn is_still_valid(&self, now: Timestamp) -> bool {
        self.table.end_of(&self.entry.record.hash, now).is_none()
    }

    /// A watch to hold beside a running stream.
    pub fn watch(&self) -> Validity {
        // Subscribed before the first look, so that no change can fall between the two.
        Validity {
            entry: Arc::clone(&self.entry),
            table: Arc::clone(&self.table),
            changes: self.table.subscribe(),
        }
    }
}

/// Tells when a key stops being good.
#[derive(Debug)]
pub struct Validity {
    entry: Arc<Entry>,
    table: Arc<Table>,
    changes: watch::Receiver<Timestamp>,
}

impl Validity {
    /// Waits until the key is removed, revoked or expired, and says which; at once if it already is. May be dropped and
    /// called again (it is cancel-safe).
    ///
    /// Wakes on [`crate::Authenticator::replace`] and [`crate::Authenticator::advance`]: a key expires here when
    /// `advance` is told the time, not by a timer of its own.
    pub async fn ended(&mut self) -> Ended {
        loop {
            let now = *self.changes.borrow_and_update();
            if let Some(end) = self.table.end_of(&self.entry.record.hash, now) {
                return end;
            }
            if self.changes.changed().await.is_err() {
                // INVARIANT: the table, which this holds, owns the sender. Were it gone, nobody could vouch for the key.
                return Ended::Removed;
            }
        }
    }
}

/// Why a key is no longer good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Removed,
    Revoked,
    Expired,
}

impl Ended {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }

    /// The refusal for a stream that was running when its key ended.
    pub fn refusal(self) -> Refusal {
        Refusal::new(
            RefusalCode::CredentialRevoked,
            Text::fixed(
                "The API key of this request is no longer valid, so the answer was cut off.",
                "Der API-Schlüssel dieser Anfrage gilt nicht mehr, deshalb wurde die Antwort abgebrochen.",
            ),
            Text::fixed(
                "Ask an administrator for a new key, then ask again.",
                "Bitten Sie die Administration um einen neuen Schlüssel und fragen Sie dann noch einmal.",
            ),
            format!("the key was {} while its answer was being streamed", self.as_str()),
        )
    }
}
