//! The printed form that API keys and session tokens share: a prefix, 256 random bits, a checksum.

use std::sync::LazyLock;

use hmac::{Hmac, Mac};
use schleuse_types::{Random, Secret};
use sha2::Sha256;

use crate::crc32::crc32;
use crate::record::{KeyHash, Pepper};

/// 256 random bits need 43 characters, because 62^42 < 2^256 < 62^43.
const BODY_LENGTH: usize = 43;
/// 32 bits need 6 characters, because 62^5 < 2^32 < 62^6.
const CHECKSUM_LENGTH: usize = 6;
/// The body of 256 ones: 43 characters can say more than 256 bits, and such a body is none of ours.
static LARGEST_BODY: LazyLock<String> = LazyLock::new(|| print_entropy(&[0xFF; 32]));
/// In ASCII order, so that printed numbers of one length compare like the numbers.
pub(crate) const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A prefix, 43 base-62 characters of 256 random bits, 6 base-62 characters of the CRC-32 of all before.
///
/// Wiped from memory when dropped.
#[derive(Debug, Clone)]
pub(crate) struct Printed(Secret<String>);

impl Printed {
    pub(crate) fn generate(prefix: &str, random: &dyn Random) -> std::io::Result<Self> {
        let mut entropy = [0; 32];
        random.fill(&mut entropy)?;
        Ok(Self::from_entropy(prefix, &Secret::new(entropy)))
    }

    pub(crate) fn from_entropy(prefix: &str, entropy: &Secret<[u8; 32]>) -> Self {
        // Full size from the start: growing would leave a copy behind in freed memory.
        let mut printed = String::with_capacity(printed_length(prefix));
        printed.push_str(prefix);
        let body = Secret::new(print_entropy(entropy.expose()));
        printed.push_str(body.expose());
        let checksum = print_checksum(&printed);
        printed.push_str(&checksum);
        Self(Secret::new(printed))
    }

    /// `None` when prefix, length, characters or checksum are wrong.
    pub(crate) fn parse(prefix: &str, text: &str) -> Option<Self> {
        let length = printed_length(prefix);
        if text.len() != length {
            return None;
        }
        let (signed, checksum) = text.split_at_checked(length - CHECKSUM_LENGTH)?;
        let body = signed.strip_prefix(prefix)?;
        if !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) || body > LARGEST_BODY.as_str() {
            return None;
        }
        (checksum == print_checksum(signed)).then(|| Self(Secret::new(text.to_owned())))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// HMAC-SHA-256 of the printed form under the house's pepper.
    pub(crate) fn hash(&self, pepper: &Pepper) -> KeyHash {
        KeyHash(keyed_hash(pepper.expose(), &[self.0.expose().as_bytes()]))
    }
}

fn printed_length(prefix: &str) -> usize {
    prefix.len() + BODY_LENGTH + CHECKSUM_LENGTH
}

/// HMAC-SHA-256 (RFC 2104) over the parts, one after the other.
pub(crate) fn keyed_hash(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mac = <Hmac<Sha256> as Mac>::new_from_slice(key);
    // INVARIANT: HMAC takes keys of every length, so there is always a MAC. Were there none, the hash of nothing under
    // nothing would be equal to no stored one.
    mac.map(|mac| parts.iter().fold(mac, |mac, part| mac.chain_update(part)).finalize().into_bytes().into())
        .unwrap_or_default()
}

/// A big-endian number in base 62, most significant digit first.
pub(crate) fn print_entropy(number: &[u8; 32]) -> String {
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
pub(crate) fn print_checksum(text: &str) -> String {
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
