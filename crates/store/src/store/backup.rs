//! A copy of the database while it is in use.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use super::{BUSY_TIMEOUT, OPENING, Store, check_file};
use crate::StoreError;
use crate::error::from_sqlx;
use crate::migration::check_version;

impl Store {
    /// Writes the database of one moment into a new file (mode 0600), durable when this returns. Readers and writers go
    /// on meanwhile. A file that is there is an error and is left as it is; of a failed copy nothing stays.
    pub async fn backup_to(&self, path: &Path) -> Result<(), StoreError> {
        let mut connection = self.pool.acquire().await.map_err(|error| self.failed(error))?;
        copy(&mut connection, &self.path, path).await
    }

    /// The same for a database that nobody has opened here. It is copied in the schema that it has; one that is newer,
    /// damaged or not ours is an error. Nothing in it is changed.
    pub async fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
        let _alone = OPENING.lock().await;
        if !from.is_file() {
            return Err(StoreError::file(from, std::io::ErrorKind::NotFound.into()));
        }
        let options = SqliteConnectOptions::new()
            .filename(from)
            .create_if_missing(false)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("trusted_schema", "OFF")
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(|error| from_sqlx(from, error))?;
        let copied = async {
            check_file(&mut connection, from).await?;
            check_version(&mut connection, from).await?;
            copy(&mut connection, from, to).await
        };
        let copied = copied.await;
        let closed = connection.close().await.map_err(|error| from_sqlx(from, error));
        copied.and(closed)
    }
}

async fn copy(connection: &mut SqliteConnection, from: &Path, to: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::file(to, error);
    // Absolute, so that no name can look like a URI.
    let to = &std::path::absolute(to).map_err(failed)?;
    let Some(name) = to.to_str() else {
        return Err(failed(std::io::Error::other("the path is not UTF-8")));
    };
    // SQLite would make it with the mode that the process gives to every file; it takes an empty one that is there.
    drop(OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(failed)?);
    let copied = match sqlx::query("VACUUM INTO $1").bind(name).execute(connection).await {
        // SQLite does not wait for the disk here. No handle of its own is open on the copy any more.
        Ok(_) => File::open(to).and_then(|file| file.sync_all()).map_err(failed),
        Err(error) => Err(from_sqlx(from, error)),
    };
    if copied.is_err() {
        let _ = std::fs::remove_file(to);
    }
    copied
}

#[cfg(test)]
mod tests;
