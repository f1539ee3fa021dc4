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
        let mut line = key_id(&self.name, &self.key.verifying_key()).to_vec();
        line.extend_from_slice(&self.key.sign(text.as_bytes()).to_bytes());
        Ok(format!("{text}\n— {} {}\n", self.name, STANDARD.encode(line)))
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
        let (name, rest) = text.split_once('+').ok_or(NoteError::Key)?;
        let (_, key) = rest.split_once('+').ok_or(NoteError::Key)?;
        check_name(name)?;
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let Some((&ED25519, key)) = bytes.split_first() else { return Err(NoteError::Key) };
        let key = VerifyingKey::try_from(key).map_err(|_| NoteError::Key)?;
        let verifier = Self { name: name.to_owned(), key };
        if verifier.to_string() == text { Ok(verifier) } else { Err(NoteError::Key) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Succeeds when one of the note's signatures is by this key and right. Others are not looked at.
    pub fn verify(&self, note: &Note<'_>) -> Result<(), NoteError> {
        let id = key_id(&self.name, &self.key);
        let mut found = Err(NoteError::Unsigned);
        for (name, bytes) in &note.signatures {
            let Some((line_id, signature)) = bytes.split_first_chunk::<4>() else { continue };
            if *name != self.name || *line_id != id {
                continue;
            }
            let signature = Signature::from_slice(signature).map_err(|_| NoteError::Signature)?;
            self.key.verify_strict(note.text.as_bytes(), &signature).map_err(|_| NoteError::Signature)?;
            found = Ok(());
        }
        found
    }
}

impl fmt::Display for LogVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+", self.name)?;
        for byte in key_id(&self.name, &self.key) {
            write!(f, "{byte:02x}")?;
        }
        write!(f, "+{}", STANDARD.encode(typed_key(&self.key)))
    }
}

/// A parsed note whose signatures are not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note<'a> {
    /// What is signed, with its last line feed.
    pub text: &'a str,
    /// Key name, then key id and signature as they stand in the line, decoded. 1 to 16 of them.
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
            Some(signatures) if (1..=16).contains(&signatures.len()) => Ok(Self { text, signatures }),
            _ => Err(NoteError::Note),
        }
    }
}

fn signature_line(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, signature) = line.strip_prefix("— ")?.split_once(' ')?;
    check_name(name).ok()?;
    let bytes = STANDARD.decode(signature).ok()?;
    (bytes.len() > 4).then_some((name, bytes))
}

fn check_name(name: &str) -> Result<(), NoteError> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.contains(bad) { Err(NoteError::Name) } else { Ok(()) }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    let bad = |c: char| c < ' ' && c != '\n';
    if !text.ends_with('\n') || text.contains(bad) { Err(NoteError::Note) } else { Ok(()) }
}

fn typed_key(key: &VerifyingKey) -> Vec<u8> {
    let mut typed = vec![ED25519];
    typed.extend_from_slice(key.as_bytes());
    typed
}

/// The first four bytes of SHA-256 over name, line feed, type and key.
fn key_id(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let digest: [u8; 32] =
        Sha256::new().chain_update(name).chain_update("\n").chain_update(typed_key(key)).finalize().into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}
