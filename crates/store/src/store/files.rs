//! Files that people gave, and those that came of them. They arrive sealed; this only keeps them, and apart by person.

use schleuse_types::Timestamp;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Executor, Row};

use super::{Store, micros, read_time};
use crate::{FileRow, StoreError};

impl Store {
    /// All files of the person, the oldest first.
    pub async fn files(&self, person: &str) -> Result<Vec<FileRow>, StoreError> {
        let query = "SELECT id, person, head, bytes, created, expires FROM files WHERE person = $1 \
                     ORDER BY created, id";
        let rows = self.pool.fetch_all(sqlx::query(query).bind(person)).await;
        rows.map_err(|error| self.failed(error))?.iter().map(|row| self.read_file(row)).collect()
    }

    /// The file if it is this person's.
    pub async fn file(&self, person: &str, id: &str) -> Result<Option<FileRow>, StoreError> {
        let query =
            "SELECT id, person, head, bytes, created, expires FROM files WHERE person = $1 AND id = $2";
        let row = self.pool.fetch_optional(sqlx::query(query).bind(person).bind(id)).await;
        row.map_err(|error| self.failed(error))?.map(|row| self.read_file(&row)).transpose()
    }

    /// What is in the file if it is this person's, sealed.
    pub async fn file_content(&self, person: &str, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let query = "SELECT c.sealed FROM file_contents c JOIN files f ON f.id = c.file \
                     WHERE f.person = $1 AND f.id = $2";
        let row = self.pool.fetch_optional(sqlx::query(query).bind(person).bind(id)).await;
        let row = row.map_err(|error| self.failed(error))?;
        row.map(|row| row.try_get(0)).transpose().map_err(|error| self.failed(error))
    }

    /// Keeps a new file with its sealed content; both or neither, durable when this returns.
    pub async fn insert_file(&self, row: &FileRow, sealed: &[u8]) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await.map_err(|error| self.failed(error))?;
        self.insert_file_in(&mut transaction, row, sealed).await?;
        transaction.commit().await.map_err(|error| self.failed(error))
    }

    pub(super) async fn insert_file_in(
        &self,
        connection: &mut SqliteConnection,
        row: &FileRow,
        sealed: &[u8],
    ) -> Result<(), StoreError> {
        let insert =
            "INSERT INTO files (id, person, head, bytes, created, expires) VALUES ($1, $2, $3, $4, $5, $6)";
        let insert = sqlx::query(insert)
            .bind(&row.id)
            .bind(&row.person)
            .bind(&row.head)
            .bind(i64::try_from(row.bytes).unwrap_or(i64::MAX))
            .bind(micros(row.created))
            .bind(micros(row.expires));
        match connection.execute(insert).await {
            Ok(_) => {}
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                return Err(StoreError::UnknownPerson { person: row.person.clone() });
            }
            Err(error) => return Err(self.failed(error)),
        }
        let insert = sqlx::query("INSERT INTO file_contents (file, sealed) VALUES ($1, $2)");
        let done = connection.execute(insert.bind(&row.id).bind(sealed)).await;
        done.map(drop).map_err(|error| self.failed(error))
    }

    /// Deletes the file if it is this person's, and says whether there was one.
    pub async fn delete_file(&self, person: &str, id: &str) -> Result<bool, StoreError> {
        let delete = sqlx::query("DELETE FROM files WHERE person = $1 AND id = $2");
        let done = self.pool.execute(delete.bind(person).bind(id)).await;
        Ok(done.map_err(|error| self.failed(error))?.rows_affected() > 0)
    }

    /// Deletes every file and every finished batch whose time is over, and says how many of each.
    pub async fn delete_expired(&self, now: Timestamp) -> Result<(u64, u64), StoreError> {
        let delete = sqlx::query("DELETE FROM files WHERE expires <= $1").bind(micros(now));
        let files = self.pool.execute(delete).await.map_err(|error| self.failed(error))?;
        let delete = sqlx::query("DELETE FROM batches WHERE over = 1 AND expires <= $1").bind(micros(now));
        let batches = self.pool.execute(delete).await.map_err(|error| self.failed(error))?;
        Ok((files.rows_affected(), batches.rows_affected()))
    }

    fn read_file(&self, row: &SqliteRow) -> Result<FileRow, StoreError> {
        let failed = |error| self.failed(error);
        Ok(FileRow {
            id: row.try_get("id").map_err(failed)?,
            person: row.try_get("person").map_err(failed)?,
            head: row.try_get("head").map_err(failed)?,
            bytes: u64::try_from(row.try_get::<i64, _>("bytes").map_err(failed)?).unwrap_or_default(),
            created: read_time(row.try_get("created").map_err(failed)?)?,
            expires: read_time(row.try_get("expires").map_err(failed)?)?,
        })
    }
}
