//! Files given along with questions. They arrive sealed; this only keeps them, and apart by person.

use schleuse_types::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Executor, Row};

use super::{Store, micros, read_time};
use crate::{AttachmentRow, StoreError};

const COLUMNS: &str = "SELECT id, person, conversation, head, bytes, created, expires FROM attachments";

impl Store {
    /// The attachment if it is this person's.
    pub async fn attachment(&self, person: &str, id: &str) -> Result<Option<AttachmentRow>, StoreError> {
        let query = format!("{COLUMNS} WHERE person = $1 AND id = $2");
        let query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(person).bind(id);
        let row = self.pool.fetch_optional(query).await.map_err(|error| self.failed(error))?;
        row.map(|row| self.read_attachment(&row)).transpose()
    }

    /// All attachments of the person that were not asked with yet: how many, and their bytes.
    pub async fn attachments_waiting(&self, person: &str) -> Result<(u64, u64), StoreError> {
        let query = "SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM attachments WHERE person = $1 AND conversation IS NULL";
        let row = self.pool.fetch_one(sqlx::query(query).bind(person)).await;
        let row = row.map_err(|error| self.failed(error))?;
        let number = |at: usize| -> Result<u64, StoreError> {
            let number: i64 = row.try_get(at).map_err(|error| self.failed(error))?;
            Ok(u64::try_from(number).unwrap_or_default())
        };
        Ok((number(0)?, number(1)?))
    }

    /// Keeps a new attachment without its bytes.
    pub async fn insert_attachment(&self, row: &AttachmentRow) -> Result<(), StoreError> {
        let insert = "INSERT INTO attachments (id, person, conversation, head, bytes, created, expires) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let insert = sqlx::query(insert)
            .bind(&row.id)
            .bind(&row.person)
            .bind(&row.conversation)
            .bind(&row.head)
            .bind(i64::try_from(row.bytes).unwrap_or(i64::MAX))
            .bind(micros(row.created))
            .bind(row.expires.map(micros));
        match self.pool.execute(insert).await {
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                Err(StoreError::UnknownPerson { person: row.person.clone() })
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Keeps one more piece of the file; it must be there.
    pub async fn insert_attachment_piece(
        &self,
        id: &str,
        ordinal: u32,
        sealed: &[u8],
    ) -> Result<(), StoreError> {
        let insert = "INSERT INTO attachment_pieces (attachment, ordinal, sealed) VALUES ($1, $2, $3)";
        let insert = sqlx::query(insert).bind(id).bind(i64::from(ordinal)).bind(sealed);
        self.pool.execute(insert).await.map(drop).map_err(|error| self.failed(error))
    }

    /// One piece of the file.
    pub async fn attachment_piece(&self, id: &str, ordinal: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let query = "SELECT sealed FROM attachment_pieces WHERE attachment = $1 AND ordinal = $2";
        let row = self.pool.fetch_optional(sqlx::query(query).bind(id).bind(i64::from(ordinal))).await;
        let row = row.map_err(|error| self.failed(error))?;
        row.map(|row| row.try_get(0)).transpose().map_err(|error| self.failed(error))
    }

    /// Keeps what is new of an attachment; says whether it was still there.
    pub async fn update_attachment(&self, id: &str, head: &[u8], bytes: u64) -> Result<bool, StoreError> {
        let update = sqlx::query("UPDATE attachments SET head = $2, bytes = $3 WHERE id = $1");
        let update = update.bind(id).bind(head).bind(i64::try_from(bytes).unwrap_or(i64::MAX));
        let done = self.pool.execute(update).await.map_err(|error| self.failed(error))?;
        Ok(done.rows_affected() > 0)
    }

    /// Keeps the end of reading a file, with its text if it has one, and deletes the file; all or nothing. Says whether the
    /// attachment was still there.
    pub async fn finish_attachment(
        &self,
        id: &str,
        head: &[u8],
        text: Option<&[u8]>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(|error| self.failed(error))?;
        let update = sqlx::query("UPDATE attachments SET head = $2, text = $3 WHERE id = $1");
        let done = transaction.execute(update.bind(id).bind(head).bind(text)).await;
        let is_there = done.map_err(|error| self.failed(error))?.rows_affected() > 0;
        let delete = sqlx::query("DELETE FROM attachment_pieces WHERE attachment = $1").bind(id);
        transaction.execute(delete).await.map_err(|error| self.failed(error))?;
        transaction.commit().await.map_err(|error| self.failed(error))?;
        Ok(is_there)
    }

    /// The sealed text of the person's attachment; None where there is none.
    pub async fn attachment_text(&self, person: &str, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let query = "SELECT text FROM attachments WHERE person = $1 AND id = $2 AND text IS NOT NULL";
        let row = self.pool.fetch_optional(sqlx::query(query).bind(person).bind(id)).await;
        let row = row.map_err(|error| self.failed(error))?;
        row.map(|row| row.try_get(0)).transpose().map_err(|error| self.failed(error))
    }

    /// Gives attachments that were not asked with yet to a conversation: all or none. Says whether it did.
    pub async fn use_attachments(
        &self,
        person: &str,
        ids: &[String],
        conversation: &str,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(|error| self.failed(error))?;
        for id in ids {
            let update = "UPDATE attachments SET conversation = $3, expires = NULL \
                          WHERE person = $1 AND id = $2 AND conversation IS NULL";
            let update = sqlx::query(update).bind(person).bind(id).bind(conversation);
            let done = transaction.execute(update).await.map_err(|error| self.failed(error))?;
            if done.rows_affected() == 0 {
                // Dropped, and so nothing of it counts.
                return Ok(false);
            }
        }
        transaction.commit().await.map_err(|error| self.failed(error))?;
        Ok(true)
    }

    /// Takes attachments back from a question that was not asked after all; they wait until `expires` again.
    pub async fn return_attachments(
        &self,
        person: &str,
        ids: &[String],
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        for id in ids {
            let update =
                "UPDATE attachments SET conversation = NULL, expires = $3 WHERE person = $1 AND id = $2";
            let update = sqlx::query(update).bind(person).bind(id).bind(micros(expires));
            self.pool.execute(update).await.map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    /// Deletes the person's attachment if no question was asked with it, and says whether there was one.
    pub async fn delete_attachment(&self, person: &str, id: &str) -> Result<bool, StoreError> {
        let delete = "DELETE FROM attachments WHERE person = $1 AND id = $2 AND conversation IS NULL";
        let done = self.pool.execute(sqlx::query(delete).bind(person).bind(id)).await;
        Ok(done.map_err(|error| self.failed(error))?.rows_affected() > 0)
    }

    /// Deletes every attachment whose time is over, and says how many.
    pub async fn delete_expired_attachments(&self, now: Timestamp) -> Result<u64, StoreError> {
        let delete = sqlx::query("DELETE FROM attachments WHERE expires <= $1").bind(micros(now));
        let done = self.pool.execute(delete).await.map_err(|error| self.failed(error))?;
        Ok(done.rows_affected())
    }

    fn read_attachment(&self, row: &SqliteRow) -> Result<AttachmentRow, StoreError> {
        let failed = |error| self.failed(error);
        let expires: Option<i64> = row.try_get("expires").map_err(failed)?;
        Ok(AttachmentRow {
            id: row.try_get("id").map_err(failed)?,
            person: row.try_get("person").map_err(failed)?,
            conversation: row.try_get("conversation").map_err(failed)?,
            head: row.try_get("head").map_err(failed)?,
            bytes: u64::try_from(row.try_get::<i64, _>("bytes").map_err(failed)?).unwrap_or_default(),
            created: read_time(row.try_get("created").map_err(failed)?)?,
            expires: expires.map(read_time).transpose()?,
        })
    }
}
