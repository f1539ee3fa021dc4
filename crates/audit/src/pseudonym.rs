//! Keyed digests: names and prompts in the log without the names and prompts themselves.

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use schleuse_types::Secret;
use sha2::Sha256;

/// How people are named in the log.
#[derive(Debug, Clone)]
pub enum Pseudonyms {
    /// As `p:` and 32 hexadecimal digits: the first 16 bytes of HMAC-SHA-256 over the person's id.
    Keyed(Secret<[u8; 32]>),
    /// As they are, where the house has configured that.
    Plain,
}

impl Pseudonyms {
    /// The name under which `person` stands in the log. Nobody (an empty id) stays nobody.
    pub fn name(&self, person: &str) -> String {
        match self {
            _ if person.is_empty() => String::new(),
            Self::Plain => person.to_owned(),
            Self::Keyed(key) => {
                let mut mac = keyed(key);
                mac.update(person.as_bytes());
                let digest = mac.finalize().into_bytes();
                with_hex("p:", digest.iter().take(16))
            }
        }
    }
}

/// HMAC-SHA-256 over the bytes of one prompt under the house's key.
///
/// A bare hash would answer whether a guessed prompt was the one: 43 bytes of template and seven digits take seconds.
#[derive(Clone)]
pub struct PromptMac(Hmac<Sha256>);

impl PromptMac {
    pub fn new(key: &Secret<[u8; 32]>) -> Self {
        Self(keyed(key))
    }

    /// One with a key of its own, made from this one's key and a name (RFC 2104 as a pseudorandom function). `self` must be
    /// new: what it was told before would be part of the name.
    #[must_use]
    pub fn derived(&self, name: &str) -> Self {
        let mut mac = self.0.clone();
        // No prompt begins with a zero byte: none is ever taken for a name.
        mac.update(b"\0derived key\0");
        mac.update(name.as_bytes());
        let mut key = [0; 32];
        for (place, byte) in key.iter_mut().zip(mac.finalize().into_bytes()) {
            *place = byte;
        }
        Self::new(&Secret::new(key))
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// `hmac-sha256:` and 64 hexadecimal digits.
    pub fn finish(self) -> String {
        with_hex("hmac-sha256:", self.0.finalize().into_bytes().iter())
    }
}

fn keyed(key: &Secret<[u8; 32]>) -> Hmac<Sha256> {
    // RFC 2104 fills a short key with zeros up to the block of 64 bytes; done here, it cannot fail.
    let mut block = [0; 64];
    for (place, byte) in block.iter_mut().zip(key.expose()) {
        *place = *byte;
    }
    let block = Secret::new(block);
    <Hmac<Sha256> as KeyInit>::new(&(*block.expose()).into())
}

fn with_hex<'a>(prefix: &str, bytes: impl Iterator<Item = &'a u8>) -> String {
    let mut text = String::with_capacity(prefix.len() + 64);
    text.push_str(prefix);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{PromptMac, Pseudonyms};
    use schleuse_types::Secret;

    fn check(parts: &[&str], expected: &str) {
        let mut mac = PromptMac::new(&Secret::new([0x0b; 32]));
        for part in parts {
            mac.update(part.as_bytes());
        }
        assert_eq!(mac.finish(), expected);
    }

    #[test]
    fn the_mac_is_hmac_sha_256_however_the_prompt_is_cut() {
        // Computed with Python's hmac module.
        let expected = "hmac-sha256:198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7";
        check(&["Hi There"], expected);
        check(&["Hi", "", " There"], expected);
    }

    #[test]
    fn a_derived_key_is_another_one_for_each_name() {
        let mac = PromptMac::new(&Secret::new([0x0b; 32]));
        let of = |mac: PromptMac| mac.finish();
        assert_eq!(of(mac.derived("retail")), of(mac.derived("retail")));
        assert_ne!(of(mac.derived("retail")), of(mac.derived("bank")));
        assert_ne!(of(mac.derived("retail")), of(mac.clone()));
        assert_ne!(of(mac.derived("a").derived("b")), of(mac.derived("ab")));
        let other = PromptMac::new(&Secret::new([0x0c; 32]));
        assert_ne!(of(mac.derived("retail")), of(other.derived("retail")));
        // Computed with Python's hmac module.
        assert_eq!(
            of(mac.derived("retail")),
            "hmac-sha256:ed1d909e48e570964464b52e2906b6ee7b4b600e28a06ebf64acc2044f7d9b84"
        );
    }

    #[test]
    fn a_pseudonym_hides_the_name_and_depends_on_the_key() {
        let one = Pseudonyms::Keyed(Secret::new([1; 32]));
        let other = Pseudonyms::Keyed(Secret::new([2; 32]));
        let name = one.name("anna.schmidt");
        assert!(!name.contains("anna"));
        assert_eq!(name, one.name("anna.schmidt"));
        assert_ne!(name, one.name("anna.schmitt"));
        assert_ne!(name, other.name("anna.schmidt"));
        // Computed with Python's hmac module.
        assert_eq!(name, "p:466ef5f53fe7f4d6ed779d34e7b1a6b2");
        assert_eq!(one.name(""), "");
        assert_eq!(Pseudonyms::Plain.name("anna"), "anna");
    }
}
