//! The printed form of an API key.

use std::fmt;

use schleuse_types::{Random, Secret};

use crate::printed::{Printed, keyed_hash};
use crate::record::{KeyHash, Pepper};

/// What every key begins with: `sk-` because clients look for it, `schl` so that scanners can tell whose it is.
const PREFIX: &str = "sk-schl";

/// An API key: `sk-schl`, 43 base-62 characters of 256 random bits, 6 base-62 characters of the CRC-32 of all before.
///
/// Wiped from memory when dropped; prints only through [`ApiKey::expose_printed`].
#[derive(Debug, Clone)]
pub struct ApiKey(Printed);

impl ApiKey {
    /// A new key. Fails only when there is no randomness to be had.
    pub fn generate(random: &dyn Random) -> std::io::Result<Self> {
        Printed::generate(PREFIX, random).map(Self)
    }

    /// The key that belongs to `name` under `secret`: the same as long as the secret is, unguessable without it.
    pub fn derive(secret: &[u8], name: &str) -> Self {
        let entropy = keyed_hash(secret, &[b"schleuse api key 1\0", name.as_bytes()]);
        Self(Printed::from_entropy(PREFIX, &Secret::new(entropy)))
    }

    /// Reads a printed key. The error says nothing about the text, so that it can be logged.
    pub fn parse(text: &str) -> Result<Self, KeyFormatError> {
        Printed::parse(PREFIX, text).map(Self).ok_or(KeyFormatError)
    }

    /// The key as its owner needs it. For showing once when it is made; nothing may store or log it.
    pub fn expose_printed(&self) -> &str {
        self.0.expose()
    }

    /// What the house stores and looks up: HMAC-SHA-256 of the printed form under the house's pepper.
    pub fn hash(&self, pepper: &Pepper) -> KeyHash {
        self.0.hash(pepper)
    }

    /// The key's public name in lists, logs and the audit log; see [`KeyHash::id`].
    pub fn id(&self, pepper: &Pepper) -> String {
        self.hash(pepper).id()
    }
}

/// The text is not a key of this house, or was mistyped. Never says what was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyFormatError;

impl fmt::Display for KeyFormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a key of this house, or mistyped: prefix, length, characters or checksum are wrong")
    }
}

impl std::error::Error for KeyFormatError {}

#[cfg(test)]
mod tests;
