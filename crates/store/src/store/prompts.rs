//! Questions that people keep, with their versions. What they say arrives sealed.

use sqlx::sqlite::SqliteRow;
use sqlx::{Executor, Row};

use super::{Store, micros, read_time};
use crate::{PromptRow, PromptVersionRow, StoreError};

/// A query for whole rows, with what stands behind `FROM`.
macro_rules! rows {
    ($rest:literal) => {
        concat!(
            "SELECT p.id, p.person, p.created, v.version, v.sealed, v.created AS written FROM prompts p \
             JOIN prompt_versions v ON v.prompt = p.id AND v.version = p.version ",
            $rest
        )
    };
}

impl Store {
    /// Stores a prompt, or its new version, and where its readers find it. Of its versions the last `versions_max` stay.
    /// Says whether it was stored: one with this id that is somebody else's stays as it is.
    pub async fn put_prompt(
        &self,
        row: &PromptRow,
        readers: &[&str],
        versions_max: u32,
    ) -> Result<bool, StoreError> {
        let failed = |error| self.failed(error);
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let put = "INSERT INTO prompts (id, person, version, created) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (id) DO UPDATE SET version = excluded.version WHERE prompts.person = excluded.person";
        let put = sqlx::query(put)
            .bind(&row.id)
            .bind(&row.person)
            .bind(row.newest.version)
            .bind(micros(row.created));
        match transaction.execute(put).await {
            Ok(done) if done.rows_affected() == 0 => return Ok(false),
            Ok(_) => {}
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                return Err(StoreError::UnknownPerson { person: row.person.clone() });
            }
            Err(error) => return Err(failed(error)),
        }
        let put = "INSERT INTO prompt_versions (prompt, version, sealed, created) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (prompt, version) DO UPDATE SET sealed = excluded.sealed, created = excluded.created";
        let put = sqlx::query(put)
            .bind(&row.id)
            .bind(row.newest.version)
            .bind(&row.newest.sealed)
            .bind(micros(row.newest.created));
        transaction.execute(put).await.map_err(failed)?;
        let forget = "DELETE FROM prompt_versions WHERE prompt = $1 AND version <= $2";
        let forget = sqlx::query(forget).bind(&row.id);
        let forget = forget.bind(row.newest.version.saturating_sub(i64::from(versions_max)));
        transaction.execute(forget).await.map_err(failed)?;
        let forget = sqlx::query("DELETE FROM prompt_readers WHERE prompt = $1").bind(&row.id);
        transaction.execute(forget).await.map_err(failed)?;
        for reader in readers {
            let insert = "INSERT INTO prompt_readers (prompt, reader) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            transaction.execute(sqlx::query(insert).bind(&row.id).bind(*reader)).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(true)
    }

    /// The person's own, oldest first.
    pub async fn prompts(&self, person: &str) -> Result<Vec<PromptRow>, StoreError> {
        let query = rows!("WHERE p.person = $1 ORDER BY p.created, p.id");
        let rows = self.pool.fetch_all(sqlx::query(query).bind(person)).await;
        rows.map_err(|error| self.failed(error))?.iter().map(|row| self.read_prompt(row)).collect()
    }

    /// The newest that this reader, such as `group:hr`, is a reader of; at most `max`.
    pub async fn prompts_for(&self, reader: &str, max: u32) -> Result<Vec<PromptRow>, StoreError> {
        let query = rows!(
            "JOIN prompt_readers r ON r.prompt = p.id WHERE r.reader = $1 ORDER BY p.created DESC, p.id LIMIT $2"
        );
        let rows = self.pool.fetch_all(sqlx::query(query).bind(reader).bind(i64::from(max))).await;
        rows.map_err(|error| self.failed(error))?.iter().map(|row| self.read_prompt(row)).collect()
    }

    /// The versions that there are of a prompt of this person, newest first.
    pub async fn prompt_versions(&self, person: &str, id: &str) -> Result<Vec<PromptVersionRow>, StoreError> {
        let query = "SELECT v.version, v.sealed, v.created AS written FROM prompt_versions v JOIN prompts p ON p.id = v.prompt \
                     WHERE p.person = $1 AND p.id = $2 ORDER BY v.version DESC";
        let rows = self.pool.fetch_all(sqlx::query(query).bind(person).bind(id)).await;
        rows.map_err(|error| self.failed(error))?.iter().map(|row| self.read_prompt_version(row)).collect()
    }

    /// Says whether there was such a prompt of this person.
    pub async fn delete_prompt(&self, person: &str, id: &str) -> Result<bool, StoreError> {
        let delete = sqlx::query("DELETE FROM prompts WHERE person = $1 AND id = $2").bind(person).bind(id);
        let done = self.pool.execute(delete).await.map_err(|error| self.failed(error))?;
        Ok(done.rows_affected() > 0)
    }

    fn read_prompt(&self, row: &SqliteRow) -> Result<PromptRow, StoreError> {
        let failed = |error| self.failed(error);
        Ok(PromptRow {
            id: row.try_get("id").map_err(failed)?,
            person: row.try_get("person").map_err(failed)?,
            created: read_time(row.try_get("created").map_err(failed)?)?,
            newest: self.read_prompt_version(row)?,
        })
    }

    fn read_prompt_version(&self, row: &SqliteRow) -> Result<PromptVersionRow, StoreError> {
        let failed = |error| self.failed(error);
        Ok(PromptVersionRow {
            version: row.try_get("version").map_err(failed)?,
            sealed: row.try_get("sealed").map_err(failed)?,
            created: read_time(row.try_get("written").map_err(failed)?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use schleuse_types::Role;

    use crate::store::tests::{Folder, NOW, open};
    use crate::{PromptRow, PromptVersionRow, StoreError};

    fn row(person: &str, version: i64) -> PromptRow {
        PromptRow {
            id: "p".to_owned(),
            person: person.to_owned(),
            created: NOW,
            newest: PromptVersionRow { version, sealed: vec![version.unsigned_abs() as u8], created: NOW },
        }
    }

    #[tokio::test]
    async fn prompts_have_versions_and_readers() {
        let folder = Folder::new();
        let store = open(&folder.database()).await;
        for person in ["ada", "bob"] {
            store.ensure_person(person, Role::Employee, NOW).await.unwrap();
        }
        assert!(store.put_prompt(&row("ada", 1), &["everyone"], 3).await.unwrap());
        assert_eq!(store.prompts_for("everyone", 9).await.unwrap(), [row("ada", 1)]);
        for version in 2..6 {
            assert!(store.put_prompt(&row("ada", version), &["group:hr"], 3).await.unwrap());
        }
        assert_eq!(store.prompts("ada").await.unwrap(), [row("ada", 5)]);
        assert_eq!(store.prompts_for("everyone", 9).await.unwrap(), []);
        assert_eq!(store.prompts_for("group:hr", 9).await.unwrap(), [row("ada", 5)]);
        assert_eq!(store.prompts_for("group:hr", 0).await.unwrap(), []);
        let versions = store.prompt_versions("ada", "p").await.unwrap();
        assert_eq!(versions.iter().map(|row| row.version).collect::<Vec<_>>(), [5, 4, 3]);
        assert_eq!(store.prompt_versions("bob", "p").await.unwrap(), []);

        assert!(!store.put_prompt(&row("bob", 6), &[], 3).await.unwrap());
        assert!(!store.delete_prompt("bob", "p").await.unwrap());
        assert_eq!(store.prompts("ada").await.unwrap(), [row("ada", 5)]);
        let nobody = PromptRow { id: "q".to_owned(), ..row("eve", 1) };
        let refused = store.put_prompt(&nobody, &[], 3).await;
        assert!(matches!(refused, Err(StoreError::UnknownPerson { .. })));
        assert!(store.delete_prompt("ada", "p").await.unwrap());
        assert_eq!(store.prompts_for("group:hr", 9).await.unwrap(), []);
    }
}
