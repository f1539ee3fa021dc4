//! What a witness signs: that a checkpoint continues everything it has seen of that log (C2SP tlog-cosignature, the
//! Ed25519 type).

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::note::{check_name, key_id, parse_vkey, signature_line_of, vkey_of};
use crate::{Note, NoteError};

/// The signature type byte of timestamped Ed25519 cosignatures.
const COSIGNATURE: u8 = 4;

/// A witness's signing key with its name.
pub struct Cosigner {
    name: String,
    key: SigningKey,
}

impl Cosigner {
    /// `seed` is the Ed25519 private key of RFC 8032 section 5.1.5. It must sign nothing but cosignatures.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), key: SigningKey::from_bytes(seed) })
    }

    pub fn verifier(&self) -> CosignatureVerifier {
        CosignatureVerifier { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// The signature line, with its line feed, over a checkpoint's text. `seconds` since 1970.
    pub fn cosign(&self, checkpoint: &str, seconds: u64) -> String {
        let signature = self.key.sign(message(checkpoint, seconds).as_bytes()).to_bytes();
        let timestamped = [seconds.to_be_bytes().as_slice(), &signature].concat();
        signature_line_of(
            &self.name,
            key_id(&self.name, COSIGNATURE, &self.key.verifying_key()),
            &timestamped,
        )
    }
}

/// A witness's public key with its name. Prints as the `vkey` text, with type 4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignatureVerifier {
    name: String,
    key: VerifyingKey,
}

impl CosignatureVerifier {
    /// Reads exactly what `Display` writes.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        parse_vkey(text, COSIGNATURE).map(|(name, key)| Self { name, key })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// When this witness cosigned the note, in seconds since 1970: the latest time, if it did so more than once. A wrong
    /// signature by this key is an error even beside a right one.
    pub fn verify(&self, note: &Note<'_>) -> Result<u64, NoteError> {
        let mut latest = Err(NoteError::Unsigned);
        for bytes in note.signatures_by(&self.name, key_id(&self.name, COSIGNATURE, &self.key)) {
            let (seconds, signature) = bytes.split_first_chunk::<8>().ok_or(NoteError::Signature)?;
            let seconds = u64::from_be_bytes(*seconds);
            let signature = Signature::from_slice(signature).map_err(|_| NoteError::Signature)?;
            let message = message(note.text, seconds);
            self.key.verify_strict(message.as_bytes(), &signature).map_err(|_| NoteError::Signature)?;
            if i64::try_from(seconds).is_err() {
                return Err(NoteError::Signature);
            }
            latest = Ok(latest.map_or(seconds, |before: u64| before.max(seconds)));
        }
        latest
    }

    /// The public key itself, 32 bytes.
    pub(crate) fn key_bytes(&self) -> [u8; 32] {
        self.key.to_bytes()
    }
}

impl fmt::Display for CosignatureVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&vkey_of(&self.name, COSIGNATURE, &self.key))
    }
}

fn message(checkpoint: &str, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{checkpoint}")
}
