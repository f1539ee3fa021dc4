//! The stored form of API keys and sessions.

use std::fmt;

use schleuse_types::{Role, Secret, Tenant, Timestamp};

/// The house's own key for hashing credentials. Whoever steals the database without it cannot even test a guess.
pub type Pepper = Secret<[u8; 32]>;

/// HMAC-SHA-256 of a printed key or session token under the [`Pepper`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    /// A key's public id: `k-` and the first 40 bits of the hash in hex, 12 characters.
    pub fn id(&self) -> String {
        self.print("k-", 5)
    }

    /// A session's public id: `s-` and the first 64 bits of the hash in hex, 18 characters. Longer than a key's, because
    /// there are many more sessions over the years.
    pub fn session_id(&self) -> String {
        self.print("s-", 8)
    }

    /// What an issuer's token is called in logs and the audit log: `t-` and the first 64 bits of its hash in hex.
    pub(crate) fn token_id(&self) -> String {
        self.print("t-", 8)
    }

    fn print(&self, prefix: &str, bytes: usize) -> String {
        self.0.iter().take(bytes).fold(prefix.to_owned(), |id, byte| id + &format!("{byte:02x}"))
    }
}

/// Prints the id only: the rest of the hash helps nobody who reads a log.
impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({}…)", self.id())
    }
}

/// One key as the house keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The public id; [`KeyHash::id`] for keys that this house made.
    pub id: String,
    pub hash: KeyHash,
    /// Whose key it is: the person's or service's id, 1 to 128 bytes.
    pub person: String,
    pub role: Role,
    pub groups: Vec<String>,
    /// Of the person, as the house's store has it.
    pub tenant: Tenant,
    /// What the key may be used for, see [`crate::Scope`]; empty means everything that its person may do.
    pub scopes: Vec<String>,
    pub created: Timestamp,
    /// The first moment at which the key is no longer good.
    pub expires: Option<Timestamp>,
    /// When the key was revoked. A key that has this is never good, whatever the clock says.
    pub revoked: Option<Timestamp>,
}

/// One browser session as the house keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// The public id; [`KeyHash::session_id`] for sessions that this house made.
    pub id: String,
    pub hash: KeyHash,
    /// Whose session it is, 1 to 128 bytes.
    pub person: String,
    pub role: Role,
    pub groups: Vec<String>,
    /// Of the person, as the house's store has it.
    pub tenant: Tenant,
    /// The id of the key by which its person signed in. The session has that key's scopes and ends with it.
    pub key: Option<String>,
    pub created: Timestamp,
    /// The last request that is stored; the [`crate::Authenticator`] knows of later ones.
    pub last_seen: Timestamp,
    /// How long the session lasts without a request, in microseconds.
    pub idle_micros: u64,
    /// The first moment at which the session is no longer good, however busy it is.
    pub expires: Timestamp,
    /// When the session was revoked. A session that has this is never good, whatever the clock says.
    pub revoked: Option<Timestamp>,
}
