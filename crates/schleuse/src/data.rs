//! The data folder of a house: secrets, store, log, and what is there only while it runs.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use schleuse_types::{OsRandom, Random, Secret};

use crate::failure::{Doing as _, Failure};

/// `secrets/` (0700), `store.sqlite`, `audit/`, `run/` (0700).
#[derive(Debug, Clone)]
pub struct DataFolder(PathBuf);

/// The secrets of a house, each a file of 64 hexadecimal digits.
#[derive(Debug, Clone, Copy)]
pub enum SecretName {
    /// Hashes API keys and sessions.
    Pepper,
    /// Signs checkpoints of the audit log.
    AuditSigning,
    /// Turns people into pseudonyms.
    Pseudonyms,
    /// Hashes prompts.
    PromptMac,
    /// Wraps the keys under which people's conversations are sealed.
    Conversations,
    /// Hashes the values of exceptions from guardrails.
    Exceptions,
    /// Makes the keys of the demo roles.
    DemoKeys,
}

impl SecretName {
    /// What every house has from its beginning. Not that of the demo keys, which only a demo makes.
    pub const OF_EVERY_HOUSE: [Self; 6] = [
        Self::Pepper,
        Self::AuditSigning,
        Self::Pseudonyms,
        Self::PromptMac,
        Self::Conversations,
        Self::Exceptions,
    ];

    /// Its name in the folder `secrets`.
    pub fn file(self) -> &'static str {
        match self {
            Self::Pepper => "key-pepper",
            Self::AuditSigning => "audit-signing-key",
            Self::Pseudonyms => "pseudonym-key",
            Self::PromptMac => "prompt-mac-key",
            Self::Conversations => "conversation-key",
            Self::Exceptions => "exception-key",
            Self::DemoKeys => "demo-keys",
        }
    }
}

impl DataFolder {
    /// Makes what is missing. Existing folders keep their content.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        // Sockets below it are named to other processes, which may stand somewhere else.
        let path = &std::path::absolute(path).doing(format!("cannot use `{}`", path.display()))?;
        let folder = |path: &Path, mode| {
            DirBuilder::new()
                .recursive(true)
                .mode(mode)
                .create(path)
                .doing(format!("cannot make the folder `{}`", path.display()))
        };
        folder(path, 0o750)?;
        let data = Self(path.to_owned());
        for inner in [data.0.join("secrets"), data.run()] {
            folder(&inner, 0o700)?;
        }
        folder(&data.audit(), 0o750)?;
        Ok(data)
    }

    /// A folder that a house already uses.
    pub fn existing(path: &Path) -> Result<Self, Failure> {
        if path.join("secrets").is_dir() {
            return Ok(Self(path.to_owned()));
        }
        Err(Failure::usage(format!("`{}` is no data folder of a house", path.display()))
            .next("name the folder that holds `secrets` and `audit`; `schleuse init` makes one"))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn audit(&self) -> PathBuf {
        self.0.join("audit")
    }

    /// Where those are in the log who are given its entries.
    pub fn audit_forwards(&self) -> PathBuf {
        self.0.join("audit-forward")
    }

    pub fn run(&self) -> PathBuf {
        self.0.join("run")
    }

    pub fn store(&self) -> PathBuf {
        self.0.join("store.sqlite")
    }

    /// Holds the house alone. The system releases it when the process ends, however it ends.
    pub fn lock(&self) -> Result<File, Failure> {
        let path = self.run().join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .doing(format!("cannot open `{}`", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => {
                Err(Failure::new(format!("another house is running on `{}`", self.0.display()))
                    .next("stop it first, or name another data folder with `--data`"))
            }
            Err(fs::TryLockError::Error(error)) => {
                Err(Failure::new(format!("cannot lock `{}`: {error}", path.display())))
            }
        }
    }

    /// Whether a house is running on this folder.
    pub fn is_running(&self) -> bool {
        let Ok(file) = File::open(self.run().join("lock")) else { return false };
        matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock))
    }

    /// Reads a secret, or makes it. One that others could read is refused.
    pub fn secret(&self, name: SecretName) -> Result<Secret<[u8; 32]>, Failure> {
        secret_file(&self.0.join("secrets").join(name.file()))
    }
}

/// Reads a secret of 64 hexadecimal digits, or makes it. One that others could read is refused.
pub fn secret_file(path: &Path) -> Result<Secret<[u8; 32]>, Failure> {
    match File::open(path) {
        Ok(file) => read_secret(file, path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make_secret(path),
        Err(error) => Err(Failure::new(format!("cannot read `{}`: {error}", path.display()))),
    }
}

/// Writes a file that nobody else may read, beside and renamed: whoever reads it reads it whole.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let beside = path.with_extension("part");
    let _ = fs::remove_file(&beside);
    OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path))
        .doing(format!("cannot write `{}`", path.display()))
}

fn read_secret(mut file: File, path: &Path) -> Result<Secret<[u8; 32]>, Failure> {
    let shown = path.display();
    let mode = file.metadata().doing(format!("cannot read `{shown}`"))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Failure::new(format!(
            "the secret `{shown}` can be read by others (mode {:o})",
            mode & 0o777
        ))
        .next(format!("if nobody has read it: chmod 600 '{shown}'")));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).doing(format!("cannot read `{shown}`"))?;
    let bytes = from_hex(text.trim());
    let is_weak = bytes.is_some_and(|bytes| bytes.iter().all(|byte| Some(byte) == bytes.first()));
    match bytes {
        Some(bytes) if !is_weak => Ok(Secret::new(bytes)),
        _ => Err(Failure::new(format!("the secret `{shown}` is not 64 random hexadecimal digits"))
            .next("restore it from a backup; a new one would make existing keys and pseudonyms worthless")),
    }
}

fn make_secret(path: &Path) -> Result<Secret<[u8; 32]>, Failure> {
    let shown = path.display();
    let mut bytes = [0; 32];
    OsRandom.fill(&mut bytes).doing("no random bytes to be had")?;
    // Written beside and renamed: a secret is there whole or not at all.
    let beside = path.with_extension("new");
    let _ = fs::remove_file(&beside);
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&beside)
        .doing(format!("cannot write `{shown}`"))?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    file.write_all(hex.as_bytes()).and_then(|()| file.sync_all()).doing(format!("cannot write `{shown}`"))?;
    // A hard link fails where a file already is: of two processes that make the secret at once, one wins.
    match fs::hard_link(&beside, path) {
        Ok(()) => {
            let _ = fs::remove_file(&beside);
            Ok(Secret::new(bytes))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let _ = fs::remove_file(&beside);
            read_secret(File::open(path).doing(format!("cannot read `{shown}`"))?, path)
        }
        Err(error) => Err(Failure::new(format!("cannot write `{shown}`: {error}"))),
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (place, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *place = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}
