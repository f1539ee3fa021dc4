//! Shares of conversations. Who may read what of them arrives sealed.

use std::collections::HashMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{Executor, Row};

use super::{Store, micros, read_time};
use crate::{ShareRow, StoreError};

/// A query for whole rows, with what stands behind `FROM`.
macro_rules! rows {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, c.person, s.conversation, s.sealed, s.created FROM shares s \
             JOIN conversations c ON c.id = s.conversation ",
            $rest
        )
    };
}

impl Store {
    /// Stores a share of a conversation of its person, and where its readers find it. The conversation of somebody else is
    /// [`StoreError::UnknownConversation`].
    pub async fn insert_share(&self, row: &ShareRow, readers: &[&str]) -> Result<(), StoreError> {
        let failed = |error| self.failed(error);
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        // `SELECT … WHERE` and not `VALUES`: there is nothing to insert when the conversation is somebody else's.
        let insert = "INSERT INTO shares (id, conversation, sealed, created) \
                      SELECT $1, c.id, $3, $4 FROM conversations c WHERE c.id = $2 AND c.person = $5";
        let insert = sqlx::query(insert)
            .bind(&row.id)
            .bind(&row.conversation)
            .bind(&row.sealed)
            .bind(micros(row.created))
            .bind(&row.person);
        if transaction.execute(insert).await.map_err(failed)?.rows_affected() == 0 {
            return Err(StoreError::UnknownConversation { id: row.conversation.clone() });
        }
        for reader in readers {
            let insert = "INSERT INTO share_readers (share, reader) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            transaction.execute(sqlx::query(insert).bind(&row.id).bind(*reader)).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }

    pub async fn share(&self, id: &str) -> Result<Option<ShareRow>, StoreError> {
        let row = self.pool.fetch_optional(sqlx::query(rows!("WHERE s.id = $1")).bind(id)).await;
        row.map_err(|error| self.failed(error))?.map(|row| self.read_share(&row)).transpose()
    }

    /// The shares of a conversation, oldest first.
    pub async fn shares_of(&self, conversation: &str) -> Result<Vec<ShareRow>, StoreError> {
        let query = rows!("WHERE s.conversation = $1 ORDER BY s.created, s.id");
        let rows = self.pool.fetch_all(sqlx::query(query).bind(conversation)).await;
        rows.map_err(|error| self.failed(error))?.iter().map(|row| self.read_share(row)).collect()
    }

    /// The newest shares that this reader, such as `group:hr`, is a reader of; at most `max`.
    pub async fn shares_for(&self, reader: &str, max: u32) -> Result<Vec<ShareRow>, StoreError> {
        let query = rows!(
            "JOIN share_readers r ON r.share = s.id WHERE r.reader = $1 ORDER BY s.created DESC, s.id LIMIT $2"
        );
        let rows = self.pool.fetch_all(sqlx::query(query).bind(reader).bind(i64::from(max))).await;
        rows.map_err(|error| self.failed(error))?.iter().map(|row| self.read_share(row)).collect()
    }

    /// How many shares each conversation of the person has; one without any is not among them.
    pub async fn share_counts(&self, person: &str) -> Result<HashMap<String, u64>, StoreError> {
        let query = "SELECT s.conversation, COUNT(*) FROM shares s JOIN conversations c ON c.id = s.conversation \
                     WHERE c.person = $1 GROUP BY s.conversation";
        let rows = self.pool.fetch_all(sqlx::query(query).bind(person)).await;
        let read = |row: &SqliteRow| {
            let count: i64 = row.try_get(1).map_err(|error| self.failed(error))?;
            let id = row.try_get(0).map_err(|error| self.failed(error))?;
            Ok((id, u64::try_from(count).unwrap_or_default()))
        };
        rows.map_err(|error| self.failed(error))?.iter().map(read).collect()
    }

    /// Says whether there was such a share of a conversation of this person.
    pub async fn delete_share(&self, person: &str, id: &str) -> Result<bool, StoreError> {
        let delete = "DELETE FROM shares WHERE id = $2 \
                      AND conversation IN (SELECT id FROM conversations WHERE person = $1)";
        let done = self.pool.execute(sqlx::query(delete).bind(person).bind(id)).await;
        Ok(done.map_err(|error| self.failed(error))?.rows_affected() > 0)
    }

    fn read_share(&self, row: &SqliteRow) -> Result<ShareRow, StoreError> {
        let failed = |error| self.failed(error);
        Ok(ShareRow {
            id: row.try_get("id").map_err(failed)?,
            person: row.try_get("person").map_err(failed)?,
            conversation: row.try_get("conversation").map_err(failed)?,
            sealed: row.try_get("sealed").map_err(failed)?,
            created: read_time(row.try_get("created").map_err(failed)?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use schleuse_types::Role;

    use crate::store::tests::{Folder, NOW, open};
    use crate::{ConversationRow, ShareRow, StoreError};

    #[tokio::test]
    async fn shares_hang_on_their_conversation() {
        let folder = Folder::new();
        let store = open(&folder.database()).await;
        for person in ["ada", "bob"] {
            store.ensure_person(person, Role::Employee, NOW).await.unwrap();
        }
        let conversation = ConversationRow {
            id: "c-1".to_owned(),
            person: "ada".to_owned(),
            head: vec![1],
            created: NOW,
            updated: NOW,
            running: false,
        };
        store.put_conversation(&conversation).await.unwrap();
        let share = |id: &str, person: &str| ShareRow {
            id: id.to_owned(),
            person: person.to_owned(),
            conversation: "c-1".to_owned(),
            sealed: vec![3],
            created: NOW,
        };
        let (one, two) = (share("s-1", "ada"), share("s-2", "ada"));
        store.insert_share(&one, &["everyone"]).await.unwrap();
        store.insert_share(&two, &["group:hr", "person:bob", "person:bob"]).await.unwrap();
        let theirs = store.insert_share(&share("s-3", "bob"), &["everyone"]).await;
        assert!(matches!(theirs, Err(StoreError::UnknownConversation { .. })));

        assert_eq!(store.share("s-2").await.unwrap(), Some(two.clone()));
        assert_eq!(store.share("s-3").await.unwrap(), None);
        assert_eq!(store.shares_of("c-1").await.unwrap(), [one.clone(), two.clone()]);
        assert_eq!(store.shares_for("everyone", 9).await.unwrap(), [one]);
        assert_eq!(store.shares_for("person:bob", 9).await.unwrap(), [two]);
        assert_eq!(store.shares_for("person:bob", 0).await.unwrap(), []);
        assert_eq!(store.shares_for("person:eve", 9).await.unwrap(), []);
        assert_eq!(store.share_counts("ada").await.unwrap().get("c-1"), Some(&2));
        assert!(store.share_counts("bob").await.unwrap().is_empty());

        assert!(!store.delete_share("bob", "s-1").await.unwrap());
        assert!(store.delete_share("ada", "s-1").await.unwrap());
        assert!(!store.delete_share("ada", "s-1").await.unwrap());
        assert!(store.delete_conversation("ada", "c-1").await.unwrap());
        assert_eq!(store.share("s-2").await.unwrap(), None);
        assert_eq!(store.shares_for("group:hr", 9).await.unwrap(), []);
    }
}
