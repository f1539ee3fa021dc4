//! Conversations and messages. Their text arrives sealed; this only keeps it, and apart by person and tenant: whoever moves
//! to another tenant leaves behind what they began in the first.

use schleuse_types::Tenant;
use sqlx::sqlite::SqliteRow;
use sqlx::{Executor, Row};

use super::{Store, micros, read_tenant, read_time};
use crate::{ConversationRow, MessageRow, StoreError};

impl Store {
    /// The tenant to which the person belongs now; `None` when there is no such person.
    pub async fn tenant_of(&self, person: &str) -> Result<Option<Tenant>, StoreError> {
        let query = sqlx::query("SELECT tenant FROM people WHERE id = $1").bind(person);
        let row = self.pool.fetch_optional(query).await.map_err(|error| self.failed(error))?;
        row.map(|row| read_tenant(row.try_get(0).map_err(|error| self.failed(error))?)).transpose()
    }

    /// The person's data key in this tenant as it was given, wrapped.
    pub async fn data_key(&self, person: &str, tenant: &Tenant) -> Result<Option<Vec<u8>>, StoreError> {
        let query = sqlx::query("SELECT wrapped FROM data_keys WHERE person = $1 AND tenant = $2");
        let row = self.pool.fetch_optional(query.bind(person).bind(tenant.as_str())).await;
        let row = row.map_err(|error| self.failed(error))?;
        row.map(|row| row.try_get(0)).transpose().map_err(|error| self.failed(error))
    }

    /// The person's data key in this tenant: the one that is there, or else `wrapped`, which then is. Of two callers both have
    /// the same answer.
    pub async fn ensure_data_key(
        &self,
        person: &str,
        tenant: &Tenant,
        wrapped: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let insert = "INSERT INTO data_keys (person, tenant, wrapped) VALUES ($1, $2, $3) \
                      ON CONFLICT (person, tenant) DO NOTHING";
        let insert = sqlx::query(insert).bind(person).bind(tenant.as_str()).bind(wrapped);
        match self.pool.execute(insert).await {
            Ok(_) => {}
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                return Err(StoreError::UnknownPerson { person: person.to_owned() });
            }
            Err(error) => return Err(self.failed(error)),
        }
        let key = self.data_key(person, tenant).await?;
        key.ok_or_else(|| StoreError::UnknownPerson { person: person.to_owned() })
    }

    /// All conversations of the person in the tenant where they are now, the one last updated first.
    pub async fn conversations(&self, person: &str) -> Result<Vec<ConversationRow>, StoreError> {
        let query = "SELECT id, person, head, created, updated, running FROM conversations WHERE person = $1 \
                     AND tenant = (SELECT tenant FROM people WHERE id = $1) ORDER BY updated DESC, id";
        let rows = self.pool.fetch_all(sqlx::query(query).bind(person)).await;
        rows.map_err(|error| self.failed(error))?.iter().map(|row| self.read_conversation(row)).collect()
    }

    /// The conversation if it is this person's, in the tenant where they are now.
    pub async fn conversation(&self, person: &str, id: &str) -> Result<Option<ConversationRow>, StoreError> {
        let query = "SELECT id, person, head, created, updated, running FROM conversations \
                     WHERE person = $1 AND id = $2 AND tenant = (SELECT tenant FROM people WHERE id = $1)";
        let row = self.pool.fetch_optional(sqlx::query(query).bind(person).bind(id)).await;
        row.map_err(|error| self.failed(error))?.map(|row| self.read_conversation(&row)).transpose()
    }

    /// Whose conversation it is; `None` when there is none in this tenant.
    pub async fn conversation_owner(&self, id: &str, tenant: &Tenant) -> Result<Option<String>, StoreError> {
        let query = "SELECT c.person FROM conversations c JOIN people p ON p.id = c.person AND p.tenant = c.tenant \
                     WHERE c.id = $1 AND c.tenant = $2";
        let query = sqlx::query(query).bind(id).bind(tenant.as_str());
        let row = self.pool.fetch_optional(query).await.map_err(|error| self.failed(error))?;
        row.map(|row| row.try_get(0)).transpose().map_err(|error| self.failed(error))
    }

    /// Stores a conversation, or what is new of it; the time it was created stays. One that is somebody else's is
    /// [`StoreError::UnknownConversation`].
    pub async fn put_conversation(&self, row: &ConversationRow) -> Result<(), StoreError> {
        let put = "INSERT INTO conversations (id, person, head, created, updated, running, tenant) \
                   VALUES ($1, $2, $3, $4, $5, $6, COALESCE((SELECT tenant FROM people WHERE id = $2), 'house')) ON CONFLICT (id) DO UPDATE SET head = excluded.head, \
                   updated = excluded.updated, running = excluded.running \
                   WHERE conversations.person = excluded.person AND conversations.tenant = excluded.tenant";
        let put = sqlx::query(put)
            .bind(&row.id)
            .bind(&row.person)
            .bind(&row.head)
            .bind(micros(row.created))
            .bind(micros(row.updated))
            .bind(i64::from(row.running));
        match self.pool.execute(put).await {
            Ok(done) if done.rows_affected() == 0 => {
                Err(StoreError::UnknownConversation { id: row.id.clone() })
            }
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                Err(StoreError::UnknownPerson { person: row.person.clone() })
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Deletes the conversation with its messages if it is this person's, and says whether there was one.
    pub async fn delete_conversation(&self, person: &str, id: &str) -> Result<bool, StoreError> {
        let delete = sqlx::query(
            "DELETE FROM conversations WHERE person = $1 AND id = $2 AND tenant = (SELECT tenant FROM people WHERE id = $1)",
        );
        let done = self.pool.execute(delete.bind(person).bind(id)).await;
        Ok(done.map_err(|error| self.failed(error))?.rows_affected() > 0)
    }

    /// The messages of a conversation of this person, by ordinal; none when it is not theirs.
    pub async fn messages(&self, person: &str, conversation: &str) -> Result<Vec<MessageRow>, StoreError> {
        let query = "SELECT m.id, m.conversation, m.parent, m.ordinal, m.sealed, m.state, m.created \
                     FROM messages m JOIN conversations c ON c.id = m.conversation \
                     JOIN people p ON p.id = c.person AND p.tenant = c.tenant WHERE c.person = $1 AND c.id = $2 ORDER BY m.ordinal, m.id";
        let rows = self.pool.fetch_all(sqlx::query(query).bind(person).bind(conversation)).await;
        rows.map_err(|error| self.failed(error))?.iter().map(|row| self.read_message(row)).collect()
    }

    /// The message if it is of a conversation of this person.
    pub async fn message(
        &self,
        person: &str,
        conversation: &str,
        id: &str,
    ) -> Result<Option<MessageRow>, StoreError> {
        let query = "SELECT m.id, m.conversation, m.parent, m.ordinal, m.sealed, m.state, m.created \
                     FROM messages m JOIN conversations c ON c.id = m.conversation \
                     WHERE c.person = $1 AND m.conversation = $2 AND m.id = $3";
        let query = sqlx::query(query).bind(person).bind(conversation).bind(id);
        let row = self.pool.fetch_optional(query).await.map_err(|error| self.failed(error))?;
        row.map(|row| self.read_message(&row)).transpose()
    }

    /// Stores a message of a conversation of this person, or what is new of it: text and state.
    pub async fn put_message(&self, person: &str, row: &MessageRow) -> Result<(), StoreError> {
        // `SELECT … WHERE` and not `VALUES`: there is nothing to insert when the conversation is somebody else's.
        let put = "INSERT INTO messages (id, conversation, parent, ordinal, sealed, state, created) \
                   SELECT $1, c.id, $3, $4, $5, $6, $7 FROM conversations c JOIN people p ON p.id = c.person AND p.tenant = c.tenant \
                   WHERE c.id = $2 AND c.person = $8 \
                   ON CONFLICT (conversation, id) DO UPDATE SET sealed = excluded.sealed, state = excluded.state";
        let put = sqlx::query(put)
            .bind(&row.id)
            .bind(&row.conversation)
            .bind(&row.parent)
            .bind(row.ordinal)
            .bind(&row.sealed)
            .bind(&row.state)
            .bind(micros(row.created))
            .bind(person);
        match self.pool.execute(put).await {
            Ok(done) if done.rows_affected() == 0 => {
                Err(StoreError::UnknownConversation { id: row.conversation.clone() })
            }
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                Err(StoreError::UnknownMessage { id: row.parent.clone().unwrap_or_default() })
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Messages that nobody finishes any more when the house has just started (state `running`), each with its person.
    pub async fn interrupted_messages(&self) -> Result<Vec<(String, MessageRow)>, StoreError> {
        let query = "SELECT c.person, m.id, m.conversation, m.parent, m.ordinal, m.sealed, m.state, m.created \
                     FROM messages m JOIN conversations c ON c.id = m.conversation \
                     JOIN people p ON p.id = c.person AND p.tenant = c.tenant WHERE m.state = 'running' \
                     ORDER BY m.conversation, m.ordinal, m.id";
        let rows = self.pool.fetch_all(query).await.map_err(|error| self.failed(error))?;
        let read = |row: &SqliteRow| {
            let person = row.try_get("person").map_err(|error| self.failed(error))?;
            Ok((person, self.read_message(row)?))
        };
        rows.iter().map(read).collect()
    }

    fn read_conversation(&self, row: &SqliteRow) -> Result<ConversationRow, StoreError> {
        let failed = |error| self.failed(error);
        Ok(ConversationRow {
            id: row.try_get("id").map_err(failed)?,
            person: row.try_get("person").map_err(failed)?,
            head: row.try_get("head").map_err(failed)?,
            created: read_time(row.try_get("created").map_err(failed)?)?,
            updated: read_time(row.try_get("updated").map_err(failed)?)?,
            running: row.try_get::<i64, _>("running").map_err(failed)? != 0,
        })
    }

    fn read_message(&self, row: &SqliteRow) -> Result<MessageRow, StoreError> {
        let failed = |error| self.failed(error);
        Ok(MessageRow {
            id: row.try_get("id").map_err(failed)?,
            conversation: row.try_get("conversation").map_err(failed)?,
            parent: row.try_get("parent").map_err(failed)?,
            ordinal: row.try_get("ordinal").map_err(failed)?,
            sealed: row.try_get("sealed").map_err(failed)?,
            state: row.try_get("state").map_err(failed)?,
            created: read_time(row.try_get("created").map_err(failed)?)?,
        })
    }
}

#[cfg(test)]
mod tests;
