//! Sealing: AES-256-GCM under a data key per person, which is itself wrapped under a secret of the house.
//!
//! A sealed row is `version ‖ nonce ‖ ciphertext ‖ tag`: 1, 12, n and 16 bytes. The associated data say which place the row
//! is for, so a row that was moved to another person, conversation or place in the tree does not open. What this
//! cannot show is a row that was taken away, or put back as it was at an earlier time.
//!
//! Nonces are random. At 2^32 rows sealed under one key the chance of a repeated nonce would reach 2^-32 (NIST SP
//! 800-38D section 8.3); a person who has four answers written without a pause, each saved twice a second, gets there
//! after seventeen years.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::rand;
use schleuse_types::{Secret, Timestamp};

const VERSION: u8 = 1;
const KEY_BYTES: usize = 32;

/// The key under which everything of one person is sealed. Wiped when dropped; the cipher's own copy of it lives only for
/// one sealing or opening.
pub(crate) struct DataKey(Secret<[u8; KEY_BYTES]>);

/// Why something could not be sealed or opened. Says nothing about what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SealError {
    NoRandomness,
    /// The cipher refused to seal.
    Unsealable,
    /// Sealed by a newer Schleuse, or not sealed at all.
    UnknownVersion,
    /// Altered, moved, or sealed under another key.
    NotAuthentic,
}

impl std::fmt::Display for SealError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoRandomness => "there is no randomness to be had",
            Self::Unsealable => "the text cannot be sealed",
            Self::UnknownVersion => "a sealed row has a version that is not known",
            Self::NotAuthentic => "a sealed row was altered, moved, or sealed under another key",
        })
    }
}

impl std::error::Error for SealError {}

/// Which row a text belongs to: everything of the row that is not secret and never changes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// The data key of a person.
    Key { person: &'a str },
    /// Title and label of a conversation.
    Head { person: &'a str, conversation: &'a str, created: Timestamp },
    /// The name of a folder.
    Folder { person: &'a str, folder: &'a str, created: Timestamp },
    /// Who may read what of a conversation.
    Share { person: &'a str, conversation: &'a str, share: &'a str, created: Timestamp },
    Message {
        person: &'a str,
        conversation: &'a str,
        message: &'a str,
        parent: Option<&'a str>,
        ordinal: i64,
        created: Timestamp,
    },
}

impl Place<'_> {
    /// Every text has its length before it, so no two places have the same bytes.
    fn associated_data(&self) -> Vec<u8> {
        let mut out = b"schleuse conversation".to_vec();
        out.push(VERSION);
        let mut texts = |kind: u8, texts: &[&str]| {
            out.push(kind);
            for text in texts {
                out.extend_from_slice(&(text.len() as u64).to_be_bytes());
                out.extend_from_slice(text.as_bytes());
            }
        };
        match *self {
            Self::Key { person } => texts(0, &[person]),
            Self::Head { person, conversation, created } => {
                texts(1, &[person, conversation]);
                out.extend_from_slice(&created.0.to_be_bytes());
            }
            Self::Folder { person, folder, created } => {
                texts(4, &[person, folder]);
                out.extend_from_slice(&created.0.to_be_bytes());
            }
            Self::Share { person, conversation, share, created } => {
                texts(5, &[person, conversation, share]);
                out.extend_from_slice(&created.0.to_be_bytes());
            }
            Self::Message { person, conversation, message, parent, ordinal, created } => {
                match parent {
                    None => texts(2, &[person, conversation, message]),
                    Some(parent) => texts(3, &[person, conversation, message, parent]),
                }
                out.extend_from_slice(&ordinal.to_be_bytes());
                out.extend_from_slice(&created.0.to_be_bytes());
            }
        }
        out
    }
}

impl DataKey {
    /// 256 random bits.
    pub(crate) fn generate() -> Result<Self, SealError> {
        let mut bytes = [0; KEY_BYTES];
        rand::fill(&mut bytes).map_err(|_| SealError::NoRandomness)?;
        Ok(Self(Secret::new(bytes)))
    }

    /// The key as the store may hold it.
    pub(crate) fn wrap(&self, house: &Secret<[u8; 32]>, person: &str) -> Result<Vec<u8>, SealError> {
        seal(wrapping_key(house)?, &Place::Key { person }, self.0.expose().to_vec())
    }

    pub(crate) fn unwrap(wrapped: &[u8], house: &Secret<[u8; 32]>, person: &str) -> Result<Self, SealError> {
        let opened = Secret::new(open(wrapping_key(house)?, &Place::Key { person }, wrapped)?);
        let bytes = opened.expose().as_slice().try_into().map_err(|_| SealError::NotAuthentic)?;
        Ok(Self(Secret::new(bytes)))
    }

    pub(crate) fn seal(&self, place: &Place<'_>, text: String) -> Result<Vec<u8>, SealError> {
        seal(self.cipher()?, place, text.into_bytes())
    }

    pub(crate) fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        open(self.cipher()?, place, sealed)
    }

    fn cipher(&self) -> Result<LessSafeKey, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, self.0.expose()).map_err(|_| SealError::Unsealable)?;
        Ok(LessSafeKey::new(key))
    }
}

/// The house's secret is used for this alone, whatever else it may be given to (RFC 5869).
fn wrapping_key(house: &Secret<[u8; 32]>) -> Result<LessSafeKey, SealError> {
    let derived = Salt::new(HKDF_SHA256, b"schleuse portal").extract(house.expose());
    let key = derived.expand(&[b"wrapping of data keys 1"], &AES_256_GCM);
    Ok(LessSafeKey::new(UnboundKey::from(key.map_err(|_| SealError::Unsealable)?)))
}

fn seal(key: LessSafeKey, place: &Place<'_>, mut text: Vec<u8>) -> Result<Vec<u8>, SealError> {
    let mut nonce = [0; NONCE_LEN];
    rand::fill(&mut nonce).map_err(|_| SealError::NoRandomness)?;
    let tag = key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place.associated_data()),
            &mut text,
        )
        .map_err(|_| SealError::Unsealable)?;
    let mut sealed = Vec::with_capacity(1 + NONCE_LEN + text.len() + tag.as_ref().len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&text);
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

fn open(key: LessSafeKey, place: &Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let rest = match sealed.split_first() {
        Some((&VERSION, rest)) => rest,
        _ => return Err(SealError::UnknownVersion),
    };
    let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or(SealError::NotAuthentic)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::NotAuthentic)?;
    let mut text = text.to_vec();
    let length = key
        .open_in_place(nonce, Aad::from(place.associated_data()), &mut text)
        .map_err(|_| SealError::NotAuthentic)?
        .len();
    text.truncate(length);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{DataKey, Place, SealError};
    use proptest::prelude::*;
    use schleuse_types::{Secret, Timestamp};

    const PLACE: Place<'static> = Place::Message {
        person: "p",
        conversation: "c",
        message: "m",
        parent: Some("q"),
        ordinal: 3,
        created: Timestamp(7),
    };

    fn check(place: Place<'_>) {
        let key = DataKey::generate().unwrap();
        let sealed = key.seal(&PLACE, "text".into()).unwrap();
        assert_eq!(key.open(&place, &sealed), Err(SealError::NotAuthentic), "{place:?}");
    }

    #[test]
    fn a_row_opens_in_its_place_only() {
        let at = |person, conversation, message, parent, ordinal, created| Place::Message {
            person,
            conversation,
            message,
            parent,
            ordinal,
            created: Timestamp(created),
        };
        check(at("P", "c", "m", Some("q"), 3, 7));
        check(at("p", "C", "m", Some("q"), 3, 7));
        check(at("p", "c", "M", Some("q"), 3, 7));
        check(at("p", "c", "m", Some("Q"), 3, 7));
        check(at("p", "c", "m", None, 3, 7));
        check(at("p", "c", "m", Some("q"), 4, 7));
        check(at("p", "c", "m", Some("q"), 3, 8));
        check(at("pc", "", "m", Some("q"), 3, 7));
        check(Place::Head { person: "p", conversation: "c", created: Timestamp(7) });
        check(Place::Folder { person: "p", folder: "m", created: Timestamp(7) });
        check(Place::Share { person: "p", conversation: "c", share: "m", created: Timestamp(7) });
        check(Place::Key { person: "p" });
    }

    #[test]
    fn a_data_key_belongs_to_its_person_and_its_house() {
        let (house, other) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let key = DataKey::generate().unwrap();
        let wrapped = key.wrap(&house, "anna").unwrap();
        assert!(!wrapped.windows(4).any(|piece| key.0.expose().windows(4).any(|own| own == piece)));
        let sealed = key.seal(&PLACE, "text".into()).unwrap();
        let unwrapped = DataKey::unwrap(&wrapped, &house, "anna").unwrap();
        assert_eq!(unwrapped.open(&PLACE, &sealed).unwrap(), b"text");
        assert!(DataKey::unwrap(&wrapped, &house, "bert").is_err());
        assert!(DataKey::unwrap(&wrapped, &other, "anna").is_err());
        assert!(DataKey::generate().unwrap().open(&PLACE, &sealed).is_err());
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_and_what_was_altered_does_not(text in ".{0,80}", at in 0_usize..200, bit in 0_u8..8) {
            let key = DataKey::generate().unwrap();
            let mut sealed = key.seal(&PLACE, text.clone()).unwrap();
            prop_assert_eq!(key.open(&PLACE, &sealed).unwrap(), text.as_bytes());
            prop_assert_ne!(&key.seal(&PLACE, text.clone()).unwrap(), &sealed);
            let at = at % sealed.len();
            sealed[at] ^= 1 << bit;
            prop_assert!(key.open(&PLACE, &sealed).is_err());
            sealed.truncate(at);
            prop_assert!(key.open(&PLACE, &sealed).is_err());
        }
    }
}
