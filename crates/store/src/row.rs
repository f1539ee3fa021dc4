//! Rows as the rest of the house sees them.

use schleuse_types::{Role, Timestamp};

/// Somebody who may have keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// 1 to 128 bytes; never changes. The first name under which the person was known.
    pub id: String,
    pub name: String,
    pub role: Role,
    /// Sorted.
    pub groups: Vec<String>,
    pub created: Timestamp,
}

/// A key to be stored. The key itself never comes here, only its keyed hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    pub id: String,
    pub hash: [u8; 32],
    /// The id of a person who exists.
    pub person: String,
    pub role: Role,
    /// Empty means all.
    pub scopes: Vec<String>,
    pub created: Timestamp,
    pub expires: Option<Timestamp>,
}

/// A key as it is stored, with the groups of its person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    pub id: String,
    pub hash: [u8; 32],
    pub person: String,
    pub role: Role,
    /// Sorted.
    pub groups: Vec<String>,
    pub scopes: Vec<String>,
    pub created: Timestamp,
    pub expires: Option<Timestamp>,
    pub revoked: Option<Timestamp>,
}
