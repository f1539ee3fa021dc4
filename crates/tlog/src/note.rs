//! Signed notes and their Ed25519 keys (C2SP signed-note).
//!
//! Stricter than the specification where it leaves room: every text has one spelling only, so that a changed byte
//! is always seen, also one that changes nothing but the case of a hexadecimal digit.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// The signature type byte of Ed25519.
const ED25519: u8 = 1;
/// Signatures on one note at most: a log's own and those of its witnesses.
pub(crate) const SIGNATURES_MAX: usize = 64;

/// Why a key or a note is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteError {
    Name,
    Key,
    Note,
    Unsigned,
    Signature,
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "a key name is empty or holds white space, control characters or a plus sign",
            Self::Key => "not a verifier key",
            Self::Note => "not a signed note",
            Self::Unsigned => "the note is not signed by this key",
            Self::Signature => "the note's signature is wrong",
        })
    }
}

impl std::error::Error for NoteError {}

/// A log's signing key with its name.
pub struct LogSigner {
    name: String,
    key: SigningKey,
}

impl LogSigner {
    /// `seed` is the Ed25519 private key of RFC 8032 section 5.1.5.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), key: SigningKey::from_bytes(seed) })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn verifier(&self) -> LogVerifier {
        LogVerifier { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// The note: `text`, which must end with a line feed, and one signature line.
    pub fn sign(&self, text: &str) -> Result<String, NoteError> {
        check_text(text)?;
        let id = key_id(&self.name, ED25519, &self.key.verifying_key());
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        Ok(format!("{text}\n{}", signature_line_of(&self.name, id, &signature)))
    }
}

/// A log's public key with its name. Prints as the `vkey` text: `<name>+<8 hex digits>+<base64>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogVerifier {
    name: String,
    key: VerifyingKey,
}

impl LogVerifier {
    /// Reads exactly what `Display` writes.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        parse_vkey(text, ED25519).map(|(name, key)| Self { name, key })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Succeeds when one of the note's signatures is by this key and right. Others are not looked at.
    pub fn verify(&self, note: &Note<'_>) -> Result<(), NoteError> {
        let mut found = Err(NoteError::Unsigned);
        for signature in note.signatures_by(&self.name, key_id(&self.name, ED25519, &self.key)) {
            let signature = Signature::from_slice(signature).map_err(|_| NoteError::Signature)?;
            self.key.verify_strict(note.text.as_bytes(), &signature).map_err(|_| NoteError::Signature)?;
            found = Ok(());
        }
        found
    }

    /// The public key itself, 32 bytes.
    pub(crate) fn key_bytes(&self) -> [u8; 32] {
        self.key.to_bytes()
    }
}

impl fmt::Display for LogVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&vkey_of(&self.name, ED25519, &self.key))
    }
}

/// A parsed note whose signatures are not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note<'a> {
    /// What is signed, with its last line feed.
    pub text: &'a str,
    /// Key name, then key id and signature as they stand in the line, decoded. 1 to 64 of them.
    pub signatures: Vec<(&'a str, Vec<u8>)>,
}

impl<'a> Note<'a> {
    /// Splits a note of at most 64 KiB.
    pub fn parse(note: &'a str) -> Result<Self, NoteError> {
        if note.len() > 65_536 {
            return Err(NoteError::Note);
        }
        let at = note.rfind("\n\n").ok_or(NoteError::Note)?;
        let (text, rest) = note.split_at_checked(at + 1).ok_or(NoteError::Note)?;
        check_text(text)?;
        let lines =
            rest.strip_prefix('\n').and_then(|rest| rest.strip_suffix('\n')).ok_or(NoteError::Note)?;
        let signatures = lines.split('\n').map(signature_line).collect::<Option<Vec<_>>>();
        match signatures {
            Some(signatures) if (1..=SIGNATURES_MAX).contains(&signatures.len()) => {
                Ok(Self { text, signatures })
            }
            _ => Err(NoteError::Note),
        }
    }

    /// The signatures of the lines with this key name and key id.
    pub(crate) fn signatures_by(&self, name: &str, id: [u8; 4]) -> impl Iterator<Item = &[u8]> {
        self.signatures.iter().filter_map(move |(line_name, bytes)| {
            let (line_id, signature) = bytes.split_first_chunk::<4>()?;
            (*line_name == name && *line_id == id).then_some(signature)
        })
    }
}

/// A signature line with its line feed.
pub(crate) fn signature_line_of(name: &str, id: [u8; 4], signature: &[u8]) -> String {
    format!("— {name} {}\n", STANDARD.encode([&id, signature].concat()))
}

/// Whether the text is one signature line with its line feed, as a note could have it.
pub(crate) fn is_signature_line(line: &str) -> bool {
    line.strip_suffix('\n').and_then(signature_line).is_some()
}

fn signature_line(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, signature) = line.strip_prefix("— ")?.split_once(' ')?;
    check_name(name).ok()?;
    let bytes = STANDARD.decode(signature).ok()?;
    (bytes.len() > 4).then_some((name, bytes))
}

pub(crate) fn check_name(name: &str) -> Result<(), NoteError> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.contains(bad) { Err(NoteError::Name) } else { Ok(()) }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    let bad = |c: char| c < ' ' && c != '\n';
    if !text.ends_with('\n') || text.contains(bad) { Err(NoteError::Note) } else { Ok(()) }
}

/// Name and key of a `vkey` text with this type byte.
pub(crate) fn parse_vkey(text: &str, kind: u8) -> Result<(String, VerifyingKey), NoteError> {
    let (name, rest) = text.split_once('+').ok_or(NoteError::Key)?;
    let (_, key) = rest.split_once('+').ok_or(NoteError::Key)?;
    check_name(name)?;
    let bytes = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
    let Some((_, key)) = bytes.split_first().filter(|(found, _)| **found == kind) else {
        return Err(NoteError::Key);
    };
    let key = VerifyingKey::try_from(key).map_err(|_| NoteError::Key)?;
    if vkey_of(name, kind, &key) == text { Ok((name.to_owned(), key)) } else { Err(NoteError::Key) }
}

/// `<name>+<8 hex digits>+<base64>`.
pub(crate) fn vkey_of(name: &str, kind: u8, key: &VerifyingKey) -> String {
    let id = u32::from_be_bytes(key_id(name, kind, key));
    format!("{name}+{id:08x}+{}", STANDARD.encode(typed_key(kind, key)))
}

fn typed_key(kind: u8, key: &VerifyingKey) -> Vec<u8> {
    let mut typed = vec![kind];
    typed.extend_from_slice(key.as_bytes());
    typed
}

/// The first four bytes of SHA-256 over name, line feed, type and key.
pub(crate) fn key_id(name: &str, kind: u8, key: &VerifyingKey) -> [u8; 4] {
    let digest = Sha256::new().chain_update(name).chain_update("\n").chain_update(typed_key(kind, key));
    let digest: [u8; 32] = digest.finalize().into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}
