//! The printed form of an API key.

use std::fmt;
use std::sync::LazyLock;

use hmac::{Hmac, Mac};
use schleuse_types::{Random, Secret};
use sha2::Sha256;

use crate::crc32::crc32;
use crate::record::{KeyHash, Pepper};

/// What every key begins with: `sk-` because clients look for it, `schl` so that scanners can tell whose it is.
const PREFIX: &str = "sk-schl";
/// 256 random bits need 43 characters, because 62^42 < 2^256 < 62^43.
const BODY_LENGTH: usize = 43;
/// 32 bits need 6 characters, because 62^5 < 2^32 < 62^6.
const CHECKSUM_LENGTH: usize = 6;
const PRINTED_LENGTH: usize = PREFIX.len() + BODY_LENGTH + CHECKSUM_LENGTH;
/// The body of 256 ones: 43 characters can say more than 256 bits, and such a body is not a key.
static LARGEST_BODY: LazyLock<String> = LazyLock::new(|| print_entropy(&[0xFF; 32]));
/// In ASCII order, so that printed numbers of one length compare like the numbers.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// An API key: `sk-schl`, 43 base-62 characters of 256 random bits, 6 base-62 characters of the CRC-32 of all before.
///
/// Wiped from memory when dropped; prints only through [`ApiKey::expose_printed`].
#[derive(Debug, Clone)]
pub struct ApiKey(Secret<String>);

impl ApiKey {
    /// A new key. Fails only when there is no randomness to be had.
    pub fn generate(random: &dyn Random) -> std::io::Result<Self> {
        let mut entropy = [0; 32];
        random.fill(&mut entropy)?;
        Ok(Self::from_entropy(&Secret::new(entropy)))
    }

    /// The key that belongs to `name` under `secret`: the same as long as the secret is, unguessable without it.
    pub fn derive(secret: &[u8], name: &str) -> Self {
        let entropy = keyed_hash(secret, &[b"schleuse api key 1\0", name.as_bytes()]);
        Self::from_entropy(&Secret::new(entropy))
    }

    /// Reads a printed key. The error says nothing about the text, so that it can be logged.
    pub fn parse(text: &str) -> Result<Self, KeyFormatError> {
        if text.len() != PRINTED_LENGTH {
            return Err(KeyFormatError);
        }
        let (signed, checksum) =
            text.split_at_checked(PRINTED_LENGTH - CHECKSUM_LENGTH).ok_or(KeyFormatError)?;
        let body = signed.strip_prefix(PREFIX).ok_or(KeyFormatError)?;
        if !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) || body > LARGEST_BODY.as_str() {
            return Err(KeyFormatError);
        }
        if checksum != print_checksum(signed) {
            return Err(KeyFormatError);
        }
        Ok(Self(Secret::new(text.to_owned())))
    }

    /// The key as its owner needs it. For showing once when it is made; nothing may store or log it.
    pub fn expose_printed(&self) -> &str {
        self.0.expose()
    }

    /// What the house stores and looks up: HMAC-SHA-256 of the printed form under the house's pepper.
    pub fn hash(&self, pepper: &Pepper) -> KeyHash {
        KeyHash(keyed_hash(pepper.expose(), &[self.0.expose().as_bytes()]))
    }

    /// The key's public name in lists, logs and the audit log; see [`KeyHash::id`].
    pub fn id(&self, pepper: &Pepper) -> String {
        self.hash(pepper).id()
    }

    fn from_entropy(entropy: &Secret<[u8; 32]>) -> Self {
        // Full size from the start: growing would leave a copy of the key behind in freed memory.
        let mut printed = String::with_capacity(PRINTED_LENGTH);
        printed.push_str(PREFIX);
        let body = Secret::new(print_entropy(entropy.expose()));
        printed.push_str(body.expose());
        let checksum = print_checksum(&printed);
        printed.push_str(&checksum);
        Self(Secret::new(printed))
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

/// HMAC-SHA-256 (RFC 2104) over the parts, one after the other.
fn keyed_hash(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mac = <Hmac<Sha256> as Mac>::new_from_slice(key);
    // INVARIANT: HMAC takes keys of every length, so there is always a MAC. Were there none, the hash of nothing under
    // nothing would be equal to no stored one.
    mac.map(|mac| parts.iter().fold(mac, |mac, part| mac.chain_update(part)).finalize().into_bytes().into())
        .unwrap_or_default()
}

/// A big-endian number in base 62, most significant digit first.
fn print_entropy(number: &[u8; 32]) -> String {
    let mut rest = *number;
    let mut digits = [b'0'; BODY_LENGTH];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in &mut rest {
            let part = remainder << 8 | u32::from(*byte);
            // The quotient of a number below 62 * 256 by 62 is a byte.
            *byte = (part / 62) as u8;
            remainder = part % 62;
        }
        *digit = character(remainder);
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

/// The CRC-32 of `text` in base 62, most significant digit first.
fn print_checksum(text: &str) -> String {
    let mut rest = crc32(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = character(rest % 62);
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

/// The character of a base-62 digit. INVARIANT: callers pass a remainder of a division by 62.
fn character(digit: u32) -> u8 {
    ALPHABET.get(digit as usize).copied().unwrap_or(b'0')
}

#[cfg(test)]
mod tests;
