//! Batches and the answers to their lines. They arrive sealed; this only keeps them, and apart by person.

use sqlx::sqlite::SqliteRow;
use sqlx::{Executor, Row};

use super::{Store, micros, read_time};
use crate::{AnsweredLine, BatchLineRow, BatchRow, FileRow, StoreError};

impl Store {
    /// All batches of the person, the oldest first.
    pub async fn batches(&self, person: &str) -> Result<Vec<BatchRow>, StoreError> {
        let query = "SELECT id, person, head, over, created, expires FROM batches WHERE person = $1 \
                     ORDER BY created, id";
        let rows = self.pool.fetch_all(sqlx::query(query).bind(person)).await;
        rows.map_err(|error| self.failed(error))?.iter().map(|row| self.read_batch(row)).collect()
    }

    /// Everybody's batches that are not over, the oldest first.
    pub async fn unfinished_batches(&self) -> Result<Vec<BatchRow>, StoreError> {
        let query = "SELECT id, person, head, over, created, expires FROM batches WHERE over = 0 \
                     ORDER BY created, id";
        let rows = self.pool.fetch_all(query).await;
        rows.map_err(|error| self.failed(error))?.iter().map(|row| self.read_batch(row)).collect()
    }

    /// The batch if it is this person's.
    pub async fn batch(&self, person: &str, id: &str) -> Result<Option<BatchRow>, StoreError> {
        let query =
            "SELECT id, person, head, over, created, expires FROM batches WHERE person = $1 AND id = $2";
        let row = self.pool.fetch_optional(sqlx::query(query).bind(person).bind(id)).await;
        row.map_err(|error| self.failed(error))?.map(|row| self.read_batch(&row)).transpose()
    }

    /// Keeps a new batch; durable when this returns.
    pub async fn insert_batch(&self, row: &BatchRow) -> Result<(), StoreError> {
        let insert =
            "INSERT INTO batches (id, person, head, over, created, expires) VALUES ($1, $2, $3, $4, $5, $6)";
        let insert = sqlx::query(insert)
            .bind(&row.id)
            .bind(&row.person)
            .bind(&row.head)
            .bind(i64::from(row.is_over))
            .bind(micros(row.created))
            .bind(micros(row.expires));
        match self.pool.execute(insert).await {
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                Err(StoreError::UnknownPerson { person: row.person.clone() })
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Keeps what is new of a batch that is not over, with the answer to a line of it if there is one. Both or neither,
    /// durable when this returns.
    pub async fn update_batch(&self, row: &BatchRow, line: Option<&BatchLineRow>) -> Result<(), StoreError> {
        self.change_batch(row, line, None).await
    }

    /// Keeps the end of a batch with the files that came of it. The answers to its lines go; what they said is in the
    /// files.
    pub async fn finish_batch(&self, row: &BatchRow, files: &[(FileRow, Vec<u8>)]) -> Result<(), StoreError> {
        self.change_batch(row, None, Some(files)).await
    }

    async fn change_batch(
        &self,
        row: &BatchRow,
        line: Option<&BatchLineRow>,
        files: Option<&[(FileRow, Vec<u8>)]>,
    ) -> Result<(), StoreError> {
        let failed = |error| self.failed(error);
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        let update = "UPDATE batches SET head = $3, over = $4, expires = $5 WHERE person = $1 AND id = $2 AND over = 0";
        let update = sqlx::query(update)
            .bind(&row.person)
            .bind(&row.id)
            .bind(&row.head)
            .bind(i64::from(row.is_over))
            .bind(micros(row.expires));
        if transaction.execute(update).await.map_err(failed)?.rows_affected() == 0 {
            return Err(StoreError::UnknownFile { id: row.id.clone() });
        }
        if let Some(line) = line {
            let put = "INSERT INTO batch_lines (batch, ordinal, failed, sealed) VALUES ($1, $2, $3, $4)";
            let put = sqlx::query(put)
                .bind(&row.id)
                .bind(i64::try_from(line.ordinal).unwrap_or(i64::MAX))
                .bind(i64::from(line.is_failed))
                .bind(&line.sealed);
            transaction.execute(put).await.map_err(failed)?;
        }
        if let Some(files) = files {
            let delete = sqlx::query("DELETE FROM batch_lines WHERE batch = $1").bind(&row.id);
            transaction.execute(delete).await.map_err(failed)?;
            for (file, sealed) in files {
                self.insert_file_in(&mut transaction, file, sealed).await?;
            }
        }
        transaction.commit().await.map_err(failed)
    }

    /// The answers to the lines of a batch of this person, by ordinal; none when it is not theirs.
    pub async fn batch_lines(&self, person: &str, batch: &str) -> Result<Vec<BatchLineRow>, StoreError> {
        let query = "SELECT l.ordinal, l.failed, l.sealed FROM batch_lines l JOIN batches b ON b.id = l.batch \
                     WHERE b.person = $1 AND b.id = $2 ORDER BY l.ordinal";
        let rows = self.pool.fetch_all(sqlx::query(query).bind(person).bind(batch)).await;
        let failed = |error| self.failed(error);
        let read = |row: &SqliteRow| {
            Ok(BatchLineRow {
                ordinal: read_ordinal(row.try_get("ordinal").map_err(failed)?),
                is_failed: row.try_get::<i64, _>("failed").map_err(failed)? != 0,
                sealed: row.try_get("sealed").map_err(failed)?,
            })
        };
        rows.map_err(failed)?.iter().map(read).collect()
    }

    /// Which lines of a batch of this person are answered, by ordinal, without what the answers say.
    pub async fn answered_lines(&self, person: &str, batch: &str) -> Result<Vec<AnsweredLine>, StoreError> {
        let query = "SELECT l.ordinal, l.failed, length(l.sealed) AS bytes FROM batch_lines l \
                     JOIN batches b ON b.id = l.batch WHERE b.person = $1 AND b.id = $2 ORDER BY l.ordinal";
        let rows = self.pool.fetch_all(sqlx::query(query).bind(person).bind(batch)).await;
        let failed = |error| self.failed(error);
        let read = |row: &SqliteRow| {
            Ok(AnsweredLine {
                ordinal: read_ordinal(row.try_get("ordinal").map_err(failed)?),
                is_failed: row.try_get::<i64, _>("failed").map_err(failed)? != 0,
                bytes: u64::try_from(row.try_get::<i64, _>("bytes").map_err(failed)?).unwrap_or_default(),
            })
        };
        rows.map_err(failed)?.iter().map(read).collect()
    }

    fn read_batch(&self, row: &SqliteRow) -> Result<BatchRow, StoreError> {
        let failed = |error| self.failed(error);
        Ok(BatchRow {
            id: row.try_get("id").map_err(failed)?,
            person: row.try_get("person").map_err(failed)?,
            head: row.try_get("head").map_err(failed)?,
            is_over: row.try_get::<i64, _>("over").map_err(failed)? != 0,
            created: read_time(row.try_get("created").map_err(failed)?)?,
            expires: read_time(row.try_get("expires").map_err(failed)?)?,
        })
    }
}

/// Never negative in what this wrote.
fn read_ordinal(ordinal: i64) -> u64 {
    u64::try_from(ordinal).unwrap_or_default()
}

#[cfg(test)]
mod tests;
