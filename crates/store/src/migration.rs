//! From an older schema to the one of this binary.

use std::path::Path;

use schleuse_types::Timestamp;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Executor, Row};

use crate::StoreError;
use crate::error::from_sqlx;

/// Every step there ever was, in order; the first leads from nothing to version 1. A step that was released is never
/// edited, a new one is added.
const STEPS: [&str; 9] = [
    include_str!("../migrations/0001_people_and_keys.sql"),
    include_str!("../migrations/0002_sessions_and_conversations.sql"),
    include_str!("../migrations/0003_compartments.sql"),
    include_str!("../migrations/0004_tenants.sql"),
    include_str!("../migrations/0005_files_and_batches.sql"),
    include_str!("../migrations/0006_folders_and_shares.sql"),
    include_str!("../migrations/0007_attachments.sql"),
    include_str!("../migrations/0008_releases.sql"),
    include_str!("../migrations/0009_feedback_prompts_and_assistants.sql"),
];

/// The version of the schema that this binary reads and writes.
pub(crate) const KNOWN: i64 = STEPS.len() as i64;

/// Brings the database to the known version. Does nothing, not even take a lock, when it is there.
pub(crate) async fn migrate(pool: &SqlitePool, path: &Path, now: Timestamp) -> Result<(), StoreError> {
    migrate_to(KNOWN, pool, path, now).await
}

/// Takes the steps that lead to `target`; an older target than the known one is for tests.
pub(crate) async fn migrate_to(
    target: i64,
    pool: &SqlitePool,
    path: &Path,
    now: Timestamp,
) -> Result<(), StoreError> {
    let failed = |error| from_sqlx(path, error);
    let mut connection = pool.acquire().await.map_err(failed)?;
    if check_version(&mut connection, path).await? >= target {
        return Ok(());
    }
    drop(connection);
    // Immediately locked: of two processes that start on one new file, the second waits and then finds nothing to do.
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let found = check_version(&mut transaction, path).await?;
    transaction
        .execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY, applied BIGINT NOT NULL)")
        .await
        .map_err(failed)?;
    for (step, version) in
        STEPS.into_iter().zip(1..).filter(|(_, version)| *version > found && *version <= target)
    {
        transaction.execute(sqlx::raw_sql(step)).await.map_err(failed)?;
        let applied = sqlx::query("INSERT INTO schema_version (version, applied) VALUES ($1, $2)")
            .bind(version)
            .bind(i64::try_from(now.0).unwrap_or(i64::MAX));
        transaction.execute(applied).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}

/// The version of the schema in the file; 0 for an empty file. An error for what is newer or not ours.
pub(crate) async fn check_version(connection: &mut SqliteConnection, path: &Path) -> Result<i64, StoreError> {
    let failed = |error| from_sqlx(path, error);
    let names =
        connection.fetch_all("SELECT name FROM sqlite_schema WHERE type = 'table'").await.map_err(failed)?;
    let names: Vec<String> =
        names.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(failed)?;
    if names.is_empty() {
        return Ok(0);
    }
    if !names.iter().any(|name| name == "schema_version") {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    let newest = "SELECT COALESCE(MAX(version), 0) FROM schema_version";
    let found: i64 = connection.fetch_one(newest).await.and_then(|row| row.try_get(0)).map_err(failed)?;
    if found > KNOWN {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: KNOWN });
    }
    Ok(found)
}
