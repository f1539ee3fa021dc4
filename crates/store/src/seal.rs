//! Sealing: AES-256-GCM under a data key per person and tenant, which is itself wrapped under a key of the tenant, which comes
//! from a secret of the house.
//!
//! Whoever keeps what people wrote seals it here before it becomes a row; statements see only sealed bytes. A sealed row is
//! `version ‖ nonce ‖ ciphertext ‖ tag`: 1, 12, n and 16 bytes. The associated data say which place the row
//! is for, so a row that was moved to another person or place does not open. What this
//! cannot show is a row that was taken away, or put back as it was at an earlier time.
//!
//! Nonces are random. At 2^32 rows sealed under one key the chance of a repeated nonce would reach 2^-32 (NIST SP
//! 800-38D section 8.3); a person who has four answers written without a pause, each saved twice a second, gets there
//! after seventeen years.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::rand;
use schleuse_types::{Secret, Tenant};

const VERSION: u8 = 1;
const KEY_BYTES: usize = 32;

/// The key under which everything of one person is sealed. Wiped when dropped; the cipher's own copy of it lives only for
/// one sealing or opening.
#[derive(Debug)]
pub struct DataKey(Secret<[u8; KEY_BYTES]>);

/// Why something could not be sealed or opened. Says nothing about what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealError {
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

/// Which row a text belongs to: everything of the row that is not secret and never changes. Each room has places of its own.
pub trait Place {
    /// Of two places never the same; see [`associated_data`].
    fn associated_data(&self) -> Vec<u8>;
}

/// The bytes of a place: `domain` is the room's own, `kind` tells its places apart. Every text has its length before it, so
/// no two places have the same bytes as long as each kind has its number of texts.
pub fn associated_data(domain: &str, kind: u8, texts: &[&str], numbers: &[u64]) -> Vec<u8> {
    let mut out = domain.as_bytes().to_vec();
    out.extend_from_slice(&[VERSION, kind]);
    for text in texts {
        out.extend_from_slice(&(text.len() as u64).to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    for number in numbers {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out
}

/// The place of a person's data key.
struct KeyPlace<'a>(&'a str);

impl Place for KeyPlace<'_> {
    fn associated_data(&self) -> Vec<u8> {
        // From the time when only conversations were sealed.
        associated_data("schleuse conversation", 0, &[self.0], &[])
    }
}

impl DataKey {
    /// 256 random bits.
    pub fn generate() -> Result<Self, SealError> {
        let mut bytes = [0; KEY_BYTES];
        rand::fill(&mut bytes).map_err(|_| SealError::NoRandomness)?;
        Ok(Self(Secret::new(bytes)))
    }

    /// The key as the store may hold it.
    pub fn wrap(
        &self,
        house: &Secret<[u8; 32]>,
        tenant: &Tenant,
        person: &str,
    ) -> Result<Vec<u8>, SealError> {
        seal(wrapping_key(house, tenant)?, &KeyPlace(person), self.0.expose().to_vec())
    }

    pub fn unwrap(
        wrapped: &[u8],
        house: &Secret<[u8; 32]>,
        tenant: &Tenant,
        person: &str,
    ) -> Result<Self, SealError> {
        let opened = Secret::new(open(wrapping_key(house, tenant)?, &KeyPlace(person), wrapped)?);
        let bytes = opened.expose().as_slice().try_into().map_err(|_| SealError::NotAuthentic)?;
        Ok(Self(Secret::new(bytes)))
    }

    pub fn seal(&self, place: &impl Place, text: impl Into<Vec<u8>>) -> Result<Vec<u8>, SealError> {
        seal(self.cipher()?, place, text.into())
    }

    pub fn open(&self, place: &impl Place, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        open(self.cipher()?, place, sealed)
    }

    fn cipher(&self) -> Result<LessSafeKey, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, self.0.expose()).map_err(|_| SealError::Unsealable)?;
        Ok(LessSafeKey::new(key))
    }
}

/// The tenant's key. The house's secret is used for this alone, whatever else it may be given to (RFC 5869). What was wrapped
/// before there were tenants is wrapped with that of the house's own.
fn wrapping_key(house: &Secret<[u8; 32]>, tenant: &Tenant) -> Result<LessSafeKey, SealError> {
    let derived = Salt::new(HKDF_SHA256, b"schleuse portal").extract(house.expose());
    let info: &[&[u8]] = match tenant.is_house() {
        true => &[b"wrapping of data keys 1"],
        false => &[b"wrapping of data keys 1 of tenant ", tenant.as_str().as_bytes()],
    };
    let key = derived.expand(info, &AES_256_GCM);
    Ok(LessSafeKey::new(UnboundKey::from(key.map_err(|_| SealError::Unsealable)?)))
}

fn seal(key: LessSafeKey, place: &impl Place, mut text: Vec<u8>) -> Result<Vec<u8>, SealError> {
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

fn open(key: LessSafeKey, place: &impl Place, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
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
    use schleuse_types::{Secret, Tenant};

    use super::{DataKey, Place, SealError, associated_data};

    struct Row(&'static str, u64);

    impl Place for Row {
        fn associated_data(&self) -> Vec<u8> {
            associated_data("test", 1, &[self.0], &[self.1])
        }
    }

    #[test]
    fn a_row_opens_in_its_place_and_unaltered_only() {
        let key = DataKey::generate().unwrap();
        let sealed = key.seal(&Row("p", 7), "text").unwrap();
        assert_eq!(key.open(&Row("p", 7), &sealed).unwrap(), b"text");
        assert_ne!(key.seal(&Row("p", 7), "text").unwrap(), sealed);
        for other in [Row("q", 7), Row("p", 8), Row("", 7)] {
            assert_eq!(key.open(&other, &sealed), Err(SealError::NotAuthentic));
        }
        for at in 1..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(key.open(&Row("p", 7), &altered), Err(SealError::NotAuthentic));
            assert!(key.open(&Row("p", 7), &sealed[..at]).is_err());
        }
        assert_eq!(key.open(&Row("p", 7), b""), Err(SealError::UnknownVersion));
    }

    #[test]
    fn a_data_key_belongs_to_its_person_its_tenant_and_its_house() {
        let (house, other) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let (own, retail) = (Tenant::HOUSE, Tenant::parse("retail").unwrap());
        let key = DataKey::generate().unwrap();
        let wrapped = key.wrap(&house, &own, "anna").unwrap();
        let elsewhere = key.wrap(&house, &retail, "anna").unwrap();
        assert!(DataKey::unwrap(&elsewhere, &house, &retail, "anna").is_ok());
        assert!(DataKey::unwrap(&elsewhere, &house, &own, "anna").is_err());
        assert!(DataKey::unwrap(&wrapped, &house, &retail, "anna").is_err());
        assert!(!wrapped.windows(4).any(|piece| key.0.expose().windows(4).any(|own| own == piece)));
        let sealed = key.seal(&Row("p", 7), "text").unwrap();
        let unwrapped = DataKey::unwrap(&wrapped, &house, &own, "anna").unwrap();
        assert_eq!(unwrapped.open(&Row("p", 7), &sealed).unwrap(), b"text");
        assert!(DataKey::unwrap(&wrapped, &house, &own, "bert").is_err());
        assert!(DataKey::unwrap(&wrapped, &other, &own, "anna").is_err());
        assert!(DataKey::generate().unwrap().open(&Row("p", 7), &sealed).is_err());
    }

    #[test]
    fn what_was_wrapped_before_there_were_tenants_still_opens() {
        // Computed with Python's cryptography from the form that was before: the key 32 times 7 of anna, under the secret 32 times 1.
        let wrapped = hex(
            "01000102030405060708090a0b0bd0476131e6022404d416bba4661cbca1be352cd85ab254d1079c9093ffa0fc9948abc8a15846b182be12eb57e9679a",
        );
        let key = DataKey::unwrap(&wrapped, &Secret::new([1; 32]), &Tenant::HOUSE, "anna").unwrap();
        assert_eq!(key.0.expose(), &[7; 32]);
    }

    fn hex(text: &str) -> Vec<u8> {
        let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    }
}
