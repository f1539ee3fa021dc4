//! The open database.

mod approvals;
mod assistants;
mod attachments;
mod backup;
mod batches;
mod compartments;
mod conversations;
mod feedback;
mod files;
mod folders;
mod holdings;
mod people;
mod prompts;
mod releases;
mod sessions;
mod shares;
mod usage;

pub use holdings::HeldRow;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schleuse_types::{Role, Tenant, Timestamp};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Executor, Row};
use tokio::sync::Mutex;

use crate::error::{StoreError, from_sqlx};
use crate::migration::{check_version, migrate};
use crate::row::{KeyRow, NewKey};

/// How long a statement waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// One for a writer, one for a reader; each costs a thread and up to 2 MiB of cache.
const CONNECTION_COUNT_MAX: u32 = 2;
/// A file up to this size is checked whole when it is opened; a larger one shows damage where it is read.
const CHECK_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Attempts to switch a new file to the write-ahead log, and the pause between two of them.
const SWITCH_ATTEMPTS: u32 = 100;
const SWITCH_PAUSE: Duration = Duration::from_millis(50);

/// Held while a database is opened. When a process closes any handle of a file, the system drops all locks that the
/// process holds on it (POSIX `fcntl`), so no handle of ours may be closed while SQLite holds another one.
static OPENING: Mutex<()> = Mutex::const_new(());

/// People, keys, sessions, conversations and usage. Cheap to share behind an `Arc`; every method may be called at any time from any task.
#[derive(Debug)]
pub struct Store {
    pool: SqlitePool,
    /// Never writes: SQLite's `data_version` tells a connection of everybody's changes but its own.
    /// None once the store is closed.
    watcher: Mutex<Option<SqliteConnection>>,
    path: PathBuf,
}

/// Up to which change somebody has looked; see [`Store::changed`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen(Option<i64>);

impl Store {
    /// Opens the database, or makes it (mode 0600) when there is none, and brings it to the schema of this binary.
    ///
    /// A file that is damaged, newer or not ours is an error and is left as it is. `now` is written beside the schema
    /// version. Needs a Tokio runtime.
    pub async fn open(path: &Path, now: Timestamp) -> Result<Self, StoreError> {
        let _alone = OPENING.lock().await;
        prepare_file(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .synchronous(SqliteSynchronous::Full)
            .pragma("trusted_schema", "OFF")
            .disable_statement_logging();
        let failed = |error| from_sqlx(path, error);
        let mut watcher = options.clone().connect().await.map_err(failed)?;
        if let Err(error) = prepare_database(&mut watcher, path).await {
            // Closed and not only dropped, so that nothing of this attempt is left behind when the error is reported.
            let _ = watcher.close().await;
            return Err(error);
        }
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTION_COUNT_MAX)
            .acquire_timeout(BUSY_TIMEOUT + BUSY_TIMEOUT)
            .connect_lazy_with(options);
        migrate(&pool, path, now).await?;
        Ok(Self { pool, watcher: Mutex::new(Some(watcher)), path: path.to_owned() })
    }

    /// Waits for running statements and closes all connections; whatever is asked afterwards is an error. Without it a
    /// dropped store closes by itself a moment later; nothing that was stored is lost either way.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.pool.close().await;
        match self.watcher.lock().await.take() {
            Some(watcher) => watcher.close().await.map_err(|error| self.failed(error)),
            None => Ok(()),
        }
    }

    /// Whether anything was changed since `seen`, by this process or another; at once true for a new [`Seen`]. Reads a
    /// counter in shared memory, so it may be asked several times a second. Ask before reading, and no change is missed.
    pub async fn changed(&self, seen: &mut Seen) -> Result<bool, StoreError> {
        let mut watcher = self.watcher.lock().await;
        let watcher = watcher.as_mut().ok_or_else(|| self.failed(sqlx::Error::PoolClosed))?;
        let row = watcher.fetch_one("PRAGMA data_version").await;
        let version: i64 = row.and_then(|row| row.try_get(0)).map_err(|error| self.failed(error))?;
        Ok(seen.0.replace(version) != Some(version))
    }

    /// Stores a key of an existing person; durable when this returns.
    pub async fn insert_key(&self, key: &NewKey) -> Result<(), StoreError> {
        if self.ensure_key(key).await? { Ok(()) } else { Err(StoreError::KeyExists { id: key.id.clone() }) }
    }

    /// [`Self::insert_key`], but a key with this id or hash may already be there and then stays as it is, revoked or not.
    /// Says whether the key was stored.
    pub async fn ensure_key(&self, key: &NewKey) -> Result<bool, StoreError> {
        if let Some(scope) =
            key.scopes.iter().find(|scope| scope.is_empty() || scope.chars().any(char::is_control))
        {
            return Err(StoreError::BadScope { scope: scope.clone() });
        }
        let insert = "INSERT INTO keys (id, hash, person, role, scopes, created, expires) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
        let insert = sqlx::query(insert)
            .bind(&key.id)
            .bind(key.hash.as_slice())
            .bind(&key.person)
            .bind(key.role.as_str())
            .bind(key.scopes.join("\n"))
            .bind(micros(key.created))
            .bind(key.expires.map(micros));
        match self.pool.execute(insert).await {
            Ok(done) => Ok(done.rows_affected() > 0),
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                Err(StoreError::UnknownPerson { person: key.person.clone() })
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Every key there is, also the revoked ones, oldest first.
    pub async fn keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        // One transaction, so that keys and groups are of the same moment.
        let mut transaction = self.pool.begin().await.map_err(|error| self.failed(error))?;
        let query = "SELECT k.id, k.hash, k.person, k.role, k.scopes, k.created, k.expires, k.revoked, p.tenant FROM keys k \
                     JOIN people p ON p.id = k.person ORDER BY k.created, k.id";
        let rows = transaction.fetch_all(query).await.map_err(|error| self.failed(error))?;
        let groups = self.groups(&mut transaction).await?;
        rows.iter().map(|row| self.read_key(row, &groups)).collect()
    }

    pub async fn find_key_by_id(&self, id: &str) -> Result<Option<KeyRow>, StoreError> {
        let query = "SELECT k.id, k.hash, k.person, k.role, k.scopes, k.created, k.expires, k.revoked, p.tenant FROM keys k \
                     JOIN people p ON p.id = k.person WHERE k.id = $1";
        self.find_key(sqlx::query(query).bind(id)).await
    }

    pub async fn find_key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<KeyRow>, StoreError> {
        let query = "SELECT k.id, k.hash, k.person, k.role, k.scopes, k.created, k.expires, k.revoked, p.tenant FROM keys k \
                     JOIN people p ON p.id = k.person WHERE k.hash = $1";
        self.find_key(sqlx::query(query).bind(hash.as_slice())).await
    }

    /// Revokes the key for good; durable when this returns. Says whether there was such a key that was not yet revoked;
    /// the time of an earlier revocation stays.
    pub async fn revoke_key(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let update = sqlx::query("UPDATE keys SET revoked = $2 WHERE id = $1 AND revoked IS NULL");
        let done = self.pool.execute(update.bind(id).bind(micros(now))).await;
        Ok(done.map_err(|error| self.failed(error))?.rows_affected() > 0)
    }

    async fn find_key<'q>(
        &self,
        query: sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    ) -> Result<Option<KeyRow>, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(|error| self.failed(error))?;
        let Some(row) = transaction.fetch_optional(query).await.map_err(|error| self.failed(error))? else {
            return Ok(None);
        };
        let groups = self.groups(&mut transaction).await?;
        self.read_key(&row, &groups).map(Some)
    }

    /// The sorted groups of everybody who has any, by person.
    async fn groups(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<HashMap<String, Vec<String>>, StoreError> {
        let query = "SELECT person, group_name FROM person_groups ORDER BY group_name";
        let rows = connection.fetch_all(query).await.map_err(|error| self.failed(error))?;
        let mut groups: HashMap<String, Vec<String>> = HashMap::new();
        for row in rows {
            let person = row.try_get(0).map_err(|error| self.failed(error))?;
            let group = row.try_get(1).map_err(|error| self.failed(error))?;
            groups.entry(person).or_default().push(group);
        }
        Ok(groups)
    }

    fn read_key(&self, row: &SqliteRow, groups: &HashMap<String, Vec<String>>) -> Result<KeyRow, StoreError> {
        let failed = |error| self.failed(error);
        let person: String = row.try_get("person").map_err(failed)?;
        let scopes: String = row.try_get("scopes").map_err(failed)?;
        Ok(KeyRow {
            id: row.try_get("id").map_err(failed)?,
            hash: read_hash(row.try_get("hash").map_err(failed)?)?,
            role: read_role(row.try_get("role").map_err(failed)?)?,
            groups: groups.get(&person).cloned().unwrap_or_default(),
            tenant: read_tenant(row.try_get("tenant").map_err(failed)?)?,
            person,
            scopes: scopes.lines().map(str::to_owned).collect(),
            created: read_time(row.try_get("created").map_err(failed)?)?,
            expires: self.read_optional_time(row, "expires")?,
            revoked: self.read_optional_time(row, "revoked")?,
        })
    }

    fn read_optional_time(&self, row: &SqliteRow, column: &str) -> Result<Option<Timestamp>, StoreError> {
        let time: Option<i64> = row.try_get(column).map_err(|error| self.failed(error))?;
        time.map(read_time).transpose()
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        from_sqlx(&self.path, error)
    }
}

/// Makes the file if there is none. SQLite gives its two companions the mode of the file.
///
/// A file that is there is never opened here; see [`OPENING`].
fn prepare_file(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let failed = |error| StoreError::file(path, error);
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(failed(std::io::Error::other("not a regular file")));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    }
    Ok(())
}

/// Refuses what is damaged, newer or not ours, before the first change.
async fn prepare_database(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    check_file(connection, path).await?;
    check_version(connection, path).await?;
    use_write_ahead_log(connection, path).await
}

/// Refuses what SQLite cannot read.
async fn check_file(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let failed = |error| from_sqlx(path, error);
    let length = std::fs::metadata(path).map_err(|error| StoreError::file(path, error))?.len();
    if length > CHECK_BYTES_MAX {
        return Ok(());
    }
    let row = connection.fetch_one("PRAGMA quick_check(1)").await.map_err(failed)?;
    let answer: String = row.try_get(0).map_err(failed)?;
    if answer == "ok" {
        return Ok(());
    }
    let detail = answer.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(StoreError::Damaged { path: path.to_owned(), detail })
}

/// Switches the file to the write-ahead log, where it stays. Switching needs the file alone for a moment, and for that
/// SQLite does not always wait by itself, so this asks again while other processes open the same new file.
async fn use_write_ahead_log(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    for _ in 0..SWITCH_ATTEMPTS {
        let row = connection.fetch_one("PRAGMA journal_mode = WAL").await;
        let mode: Result<String, _> =
            row.and_then(|row| row.try_get(0)).map_err(|error| from_sqlx(path, error));
        match mode {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                return Err(StoreError::Failed {
                    detail: format!("the journal mode is `{mode}` instead of `wal`"),
                });
            }
            Err(StoreError::Busy) => tokio::time::sleep(SWITCH_PAUSE).await,
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Busy)
}

fn check_name(name: &str) -> Result<(), StoreError> {
    let sound = (1..=128).contains(&name.len()) && name.trim() == name && !name.chars().any(char::is_control);
    if sound { Ok(()) } else { Err(StoreError::BadName { name: name.to_owned() }) }
}

fn read_role(text: &str) -> Result<Role, StoreError> {
    Role::parse(text)
        .map_err(|error| StoreError::Unreadable { what: "a role", detail: format!("`{text}` is {error}") })
}

fn read_tenant(text: &str) -> Result<Tenant, StoreError> {
    Tenant::parse(text)
        .map_err(|error| StoreError::Unreadable { what: "a tenant", detail: format!("`{text}` is {error}") })
}

fn read_hash(bytes: Vec<u8>) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|bytes: Vec<u8>| StoreError::Unreadable {
        what: "a hash",
        detail: format!("{} bytes instead of 32", bytes.len()),
    })
}

/// A time as a column holds it; a time after the year 294246 becomes the last one there is.
fn micros(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

fn read_time(micros: i64) -> Result<Timestamp, StoreError> {
    let time = u64::try_from(micros).map(Timestamp);
    time.map_err(|_| StoreError::Unreadable { what: "a time", detail: format!("{micros} is before 1970") })
}

#[cfg(test)]
mod tests;
