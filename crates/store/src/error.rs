//! What can go wrong with the database.

use std::fmt;
use std::path::PathBuf;

#[derive(Debug)]
pub enum StoreError {
    /// The file cannot be made, read or written.
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    /// The file is damaged, or is no SQLite database. It was left as it is.
    Damaged {
        path: PathBuf,
        detail: String,
    },
    /// A SQLite database that some other program made. It was left as it is.
    Foreign {
        path: PathBuf,
    },
    /// A newer Schleuse made the database. It was left as it is.
    Newer {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    /// Another process held the database for longer than the store waits. A retry may help.
    Busy,
    /// The name is empty, longer than 128 bytes, or has control characters or blanks around it.
    BadName {
        name: String,
    },
    /// A scope is empty or has control characters.
    BadScope {
        scope: String,
    },
    UnknownPerson {
        person: String,
    },
    /// A key with this id or hash is already there.
    KeyExists {
        id: String,
    },
    /// There is already somebody with this id, or the issuer's subject belongs to somebody else.
    PersonExists {
        person: String,
    },
    UnknownKey {
        id: String,
    },
    /// A session with this id or hash is already there.
    SessionExists {
        id: String,
    },
    /// The person has no such conversation.
    UnknownConversation {
        id: String,
    },
    /// A message names a parent that is not in its conversation.
    UnknownMessage {
        id: String,
    },
    /// The person has no such file or batch.
    UnknownFile {
        id: String,
    },
    /// A row says what this binary cannot read.
    Unreadable {
        what: &'static str,
        detail: String,
    },
    /// Anything else that the database says.
    Failed {
        detail: String,
    },
}

impl StoreError {
    pub(crate) fn file(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }

    /// Whether trying again later may help.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Busy)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, source } => {
                write!(f, "cannot open the database `{}`: {source}", path.display())
            }
            Self::Damaged { path, detail } => write!(
                f,
                "the database `{}` is damaged or is no database ({detail}); nothing was changed, restore a backup of it",
                path.display()
            ),
            Self::Foreign { path } => write!(
                f,
                "the database `{}` was not made by schleuse; nothing was changed, name another folder",
                path.display()
            ),
            Self::Newer { path, found, known } => write!(
                f,
                "the database `{}` has the schema version {found}, this schleuse knows versions up to {known}; nothing was \
                 changed, use a newer schleuse or restore an older backup",
                path.display()
            ),
            Self::Busy => f.write_str("another process has kept the database locked for too long, try again"),
            Self::BadName { name } => write!(
                f,
                "`{}` is no name; names have 1 to 128 bytes, no control characters and no blanks around them",
                name.escape_debug()
            ),
            Self::BadScope { scope } => write!(
                f,
                "`{}` is no scope; scopes are not empty and have no control characters",
                scope.escape_debug()
            ),
            Self::UnknownPerson { person } => write!(f, "there is nobody called `{}`", person.escape_debug()),
            Self::KeyExists { id } => write!(f, "there is already a key `{id}`"),
            Self::PersonExists { person } => {
                write!(f, "there is already somebody called `{}`", person.escape_debug())
            }
            Self::UnknownKey { id } => write!(f, "there is no key `{}`", id.escape_debug()),
            Self::SessionExists { id } => write!(f, "there is already a session `{}`", id.escape_debug()),
            Self::UnknownConversation { id } => write!(f, "there is no conversation `{}`", id.escape_debug()),
            Self::UnknownMessage { id } => {
                write!(f, "there is no message `{}` in this conversation", id.escape_debug())
            }
            Self::UnknownFile { id } => write!(f, "there is no file or batch `{}`", id.escape_debug()),
            Self::Unreadable { what, detail } => {
                write!(f, "the database holds {what} that cannot be read: {detail}")
            }
            Self::Failed { detail } => write!(f, "the database failed: {detail}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Primary result codes of SQLite (<https://www.sqlite.org/rescode.html>): the low byte of the extended code.
mod code {
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const NOT_A_DATABASE: i32 = 26;
}

/// An error of the database library with what is known about it. The texts of SQLite name tables and columns, no values.
pub(crate) fn from_sqlx(path: &std::path::Path, error: sqlx::Error) -> StoreError {
    let detail = error.to_string();
    let primary = match &error {
        sqlx::Error::Database(database) => {
            database.code().and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xFF)
        }
        _ => None,
    };
    match (primary, error) {
        (Some(code::BUSY | code::LOCKED), _) | (_, sqlx::Error::PoolTimedOut) => StoreError::Busy,
        (Some(code::CORRUPT | code::NOT_A_DATABASE), _) => {
            StoreError::Damaged { path: path.to_owned(), detail }
        }
        _ => StoreError::Failed { detail },
    }
}
