//! The printed form of a session.

use std::fmt;

use schleuse_types::Random;

use crate::printed::Printed;
use crate::record::{KeyHash, Pepper};

/// Unlike a key's, so that neither can be mistaken for the other and scanners can tell them apart.
const PREFIX: &str = "ss-schl";

/// What a browser's cookie holds: `ss-schl`, 43 base-62 characters of 256 random bits, 6 characters of checksum.
///
/// Wiped from memory when dropped; prints only through [`SessionToken::expose_printed`].
#[derive(Debug, Clone)]
pub struct SessionToken(Printed);

impl SessionToken {
    /// A new token. Fails only when there is no randomness to be had.
    pub fn generate(random: &dyn Random) -> std::io::Result<Self> {
        Printed::generate(PREFIX, random).map(Self)
    }

    /// Reads a printed token. The error says nothing about the text, so that it can be logged.
    pub fn parse(text: &str) -> Result<Self, SessionFormatError> {
        Printed::parse(PREFIX, text).map(Self).ok_or(SessionFormatError)
    }

    /// The token as the cookie needs it. Nothing may store or log it.
    pub fn expose_printed(&self) -> &str {
        self.0.expose()
    }

    /// What the house stores and looks up: HMAC-SHA-256 of the printed form under the house's pepper.
    pub fn hash(&self, pepper: &Pepper) -> KeyHash {
        self.0.hash(pepper)
    }

    /// The session's public name in lists, logs and the audit log; see [`KeyHash::session_id`].
    pub fn id(&self, pepper: &Pepper) -> String {
        self.hash(pepper).session_id()
    }
}

/// The text is not a session of this house. Never says what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionFormatError;

impl fmt::Display for SessionFormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a session of this house: prefix, length, characters or checksum are wrong")
    }
}

impl std::error::Error for SessionFormatError {}
