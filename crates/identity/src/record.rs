//! The stored form of an API key.

use std::fmt;

use schleuse_types::{Role, Secret, Timestamp};

/// The house's own key for hashing API keys. Whoever steals the database without it cannot even test a guess.
pub type Pepper = Secret<[u8; 32]>;

/// HMAC-SHA-256 of a printed key under the [`Pepper`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    /// The key's public id: `k-` and the first 40 bits of the hash in hex, 12 characters.
    pub fn id(&self) -> String {
        self.0.iter().take(5).fold("k-".to_owned(), |id, byte| id + &format!("{byte:02x}"))
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
    /// What the key may be used for, see [`crate::Scope`]; empty means everything that its person may do.
    pub scopes: Vec<String>,
    pub created: Timestamp,
    /// The first moment at which the key is no longer good.
    pub expires: Option<Timestamp>,
    /// When the key was revoked. A key that has this is never good, whatever the clock says.
    pub revoked: Option<Timestamp>,
}
