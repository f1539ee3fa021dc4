//! Instructions that conversations begin with, and those that one began with. What they say arrives sealed.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Executor, Row};

use super::{Store, micros, read_time};
use crate::{AssistantRow, StoreError};

/// A query for whole rows, with what stands behind `FROM`.
macro_rules! rows {
    ($rest:literal) => {
        concat!(
            "SELECT a.id, a.person, a.of_assistant, a.state, a.sealed, a.created, a.updated FROM assistants a ",
            $rest
        )
    };
}

impl Store {
    /// Stores an assistant, or what is new of it, and where its readers find it; with it goes the draft that it was made of.
    /// Says whether it was stored: one with this id that is somebody else's stays as it is, and so does the draft.
    pub async fn put_assistant(
        &self,
        row: &AssistantRow,
        readers: &[&str],
        draft: Option<&str>,
    ) -> Result<bool, StoreError> {
        let failed = |error| self.failed(error);
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        if !self.upsert_assistant(&mut transaction, row).await? {
            return Ok(false);
        }
        let forget = sqlx::query("DELETE FROM assistant_readers WHERE assistant = $1").bind(&row.id);
        transaction.execute(forget).await.map_err(failed)?;
        for reader in readers {
            let insert =
                "INSERT INTO assistant_readers (assistant, reader) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            transaction.execute(sqlx::query(insert).bind(&row.id).bind(*reader)).await.map_err(failed)?;
        }
        if let Some(draft) = draft {
            let delete = sqlx::query("DELETE FROM assistants WHERE person = $1 AND id = $2");
            transaction.execute(delete.bind(&row.person).bind(draft)).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(true)
    }

    /// The person's own, oldest first.
    pub async fn assistants(&self, person: &str) -> Result<Vec<AssistantRow>, StoreError> {
        let query = rows!("WHERE a.person = $1 ORDER BY a.created, a.id");
        let rows = self.pool.fetch_all(sqlx::query(query).bind(person)).await;
        rows.map_err(|error| self.failed(error))?.iter().map(|row| self.read_assistant(row)).collect()
    }

    /// The newest that this reader, such as `group:hr`, is a reader of; at most `max`.
    pub async fn assistants_for(&self, reader: &str, max: u32) -> Result<Vec<AssistantRow>, StoreError> {
        let query = rows!(
            "JOIN assistant_readers r ON r.assistant = a.id WHERE r.reader = $1 ORDER BY a.created DESC, a.id LIMIT $2"
        );
        let rows = self.pool.fetch_all(sqlx::query(query).bind(reader).bind(i64::from(max))).await;
        rows.map_err(|error| self.failed(error))?.iter().map(|row| self.read_assistant(row)).collect()
    }

    /// Those in this state that were changed longest ago; at most `max`.
    pub async fn assistants_in(&self, state: &str, max: u32) -> Result<Vec<AssistantRow>, StoreError> {
        let query = rows!("WHERE a.state = $1 ORDER BY a.updated, a.id LIMIT $2");
        let rows = self.pool.fetch_all(sqlx::query(query).bind(state).bind(i64::from(max))).await;
        rows.map_err(|error| self.failed(error))?.iter().map(|row| self.read_assistant(row)).collect()
    }

    pub async fn assistant(&self, id: &str) -> Result<Option<AssistantRow>, StoreError> {
        let row = self.pool.fetch_optional(sqlx::query(rows!("WHERE a.id = $1")).bind(id)).await;
        row.map_err(|error| self.failed(error))?.map(|row| self.read_assistant(&row)).transpose()
    }

    /// Says whether there was such an assistant of this person.
    pub async fn delete_assistant(&self, person: &str, id: &str) -> Result<bool, StoreError> {
        let delete =
            sqlx::query("DELETE FROM assistants WHERE person = $1 AND id = $2").bind(person).bind(id);
        let done = self.pool.execute(delete).await.map_err(|error| self.failed(error))?;
        Ok(done.rows_affected() > 0)
    }

    /// Keeps what a conversation of this person begins with; it goes with the conversation. The conversation of somebody
    /// else is [`StoreError::UnknownConversation`].
    pub async fn put_instructions(
        &self,
        person: &str,
        conversation: &str,
        sealed: &[u8],
    ) -> Result<(), StoreError> {
        let put = "INSERT INTO conversation_instructions (conversation, sealed) \
                   SELECT c.id, $3 FROM conversations c WHERE c.id = $2 AND c.person = $1 \
                   ON CONFLICT (conversation) DO UPDATE SET sealed = excluded.sealed";
        let put = sqlx::query(put).bind(person).bind(conversation).bind(sealed);
        let done = self.pool.execute(put).await.map_err(|error| self.failed(error))?;
        match done.rows_affected() {
            0 => Err(StoreError::UnknownConversation { id: conversation.to_owned() }),
            _ => Ok(()),
        }
    }

    /// What a conversation of this person began with; None where it began without.
    pub async fn instructions(
        &self,
        person: &str,
        conversation: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let query = "SELECT i.sealed FROM conversation_instructions i JOIN conversations c ON c.id = i.conversation \
                     WHERE c.person = $1 AND c.id = $2";
        let row = self.pool.fetch_optional(sqlx::query(query).bind(person).bind(conversation)).await;
        let row = row.map_err(|error| self.failed(error))?;
        row.map(|row| row.try_get(0)).transpose().map_err(|error| self.failed(error))
    }

    async fn upsert_assistant(
        &self,
        connection: &mut SqliteConnection,
        row: &AssistantRow,
    ) -> Result<bool, StoreError> {
        let put = "INSERT INTO assistants (id, person, of_assistant, state, sealed, created, updated) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET state = excluded.state, \
                   sealed = excluded.sealed, updated = excluded.updated WHERE assistants.person = excluded.person";
        let put = sqlx::query(put)
            .bind(&row.id)
            .bind(&row.person)
            .bind(&row.of)
            .bind(&row.state)
            .bind(&row.sealed)
            .bind(micros(row.created))
            .bind(micros(row.updated));
        match connection.execute(put).await {
            Ok(done) => Ok(done.rows_affected() > 0),
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                Err(StoreError::UnknownPerson { person: row.person.clone() })
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    fn read_assistant(&self, row: &SqliteRow) -> Result<AssistantRow, StoreError> {
        let failed = |error| self.failed(error);
        Ok(AssistantRow {
            id: row.try_get("id").map_err(failed)?,
            person: row.try_get("person").map_err(failed)?,
            of: row.try_get("of_assistant").map_err(failed)?,
            state: row.try_get("state").map_err(failed)?,
            sealed: row.try_get("sealed").map_err(failed)?,
            created: read_time(row.try_get("created").map_err(failed)?)?,
            updated: read_time(row.try_get("updated").map_err(failed)?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use schleuse_types::{Role, Timestamp};

    use crate::store::tests::{Folder, NOW, open};
    use crate::{AssistantRow, ConversationRow, StoreError};

    fn row(id: &str, person: &str, state: &str) -> AssistantRow {
        AssistantRow {
            id: id.to_owned(),
            person: person.to_owned(),
            of: None,
            state: state.to_owned(),
            sealed: vec![1],
            created: NOW,
            updated: NOW,
        }
    }

    #[tokio::test]
    async fn a_draft_takes_the_place_of_what_it_changes() {
        let folder = Folder::new();
        let store = open(&folder.database()).await;
        for person in ["ada", "bob"] {
            store.ensure_person(person, Role::Employee, NOW).await.unwrap();
        }
        let published = row("a", "ada", "published");
        assert!(store.put_assistant(&published, &["everyone"], None).await.unwrap());
        let draft = AssistantRow { of: Some("a".to_owned()), ..row("b", "ada", "in_review") };
        assert!(store.put_assistant(&draft, &[], None).await.unwrap());
        assert_eq!(store.assistants("ada").await.unwrap(), [published.clone(), draft.clone()]);
        assert_eq!(store.assistants_in("in_review", 9).await.unwrap(), std::slice::from_ref(&draft));
        assert_eq!(store.assistants_for("everyone", 9).await.unwrap(), std::slice::from_ref(&published));
        assert!(!store.put_assistant(&row("a", "bob", "published"), &[], Some("b")).await.unwrap());
        assert_eq!(store.assistant("b").await.unwrap(), Some(draft));

        let changed = AssistantRow { sealed: vec![2], updated: Timestamp(NOW.0 + 1), ..published };
        assert!(store.put_assistant(&changed, &["group:hr"], Some("b")).await.unwrap());
        assert_eq!(store.assistants("ada").await.unwrap(), std::slice::from_ref(&changed));
        assert_eq!(store.assistants_for("everyone", 9).await.unwrap(), []);
        assert_eq!(store.assistants_for("group:hr", 9).await.unwrap(), [changed]);
        assert!(!store.delete_assistant("bob", "a").await.unwrap());
        assert!(store.delete_assistant("ada", "a").await.unwrap());
        assert_eq!(store.assistant("a").await.unwrap(), None);
        let nobody = store.put_assistant(&row("c", "eve", "draft"), &[], None).await;
        assert!(matches!(nobody, Err(StoreError::UnknownPerson { .. })));
    }

    #[tokio::test]
    async fn a_conversation_keeps_what_it_began_with() {
        let folder = Folder::new();
        let store = open(&folder.database()).await;
        store.ensure_person("ada", Role::Employee, NOW).await.unwrap();
        let conversation = ConversationRow {
            id: "c".to_owned(),
            person: "ada".to_owned(),
            head: vec![1],
            created: NOW,
            updated: NOW,
            running: false,
        };
        store.put_conversation(&conversation).await.unwrap();
        assert_eq!(store.instructions("ada", "c").await.unwrap(), None);
        store.put_instructions("ada", "c", &[7]).await.unwrap();
        assert_eq!(store.instructions("ada", "c").await.unwrap(), Some(vec![7]));
        assert_eq!(store.instructions("bob", "c").await.unwrap(), None);
        let theirs = store.put_instructions("bob", "c", &[8]).await;
        assert!(matches!(theirs, Err(StoreError::UnknownConversation { .. })));
        assert!(store.delete_conversation("ada", "c").await.unwrap());
        assert_eq!(store.instructions("ada", "c").await.unwrap(), None);
    }
}
