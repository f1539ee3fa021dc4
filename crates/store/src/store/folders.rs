//! Folders of conversations. Their names arrive sealed.

use sqlx::{Executor, Row};

use super::{Store, micros, read_time};
use crate::{FolderRow, StoreError};

impl Store {
    /// All folders of the person, oldest first.
    pub async fn folders(&self, person: &str) -> Result<Vec<FolderRow>, StoreError> {
        let query = "SELECT id, sealed, created FROM folders WHERE person = $1 ORDER BY created, id";
        let rows = self.pool.fetch_all(sqlx::query(query).bind(person)).await;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            let failed = |error| self.failed(error);
            Ok(FolderRow {
                id: row.try_get("id").map_err(failed)?,
                sealed: row.try_get("sealed").map_err(failed)?,
                created: read_time(row.try_get("created").map_err(failed)?)?,
            })
        };
        rows.map_err(|error| self.failed(error))?.iter().map(read).collect()
    }

    /// Stores a folder of this person, or its new name. Says whether it was stored: one with this id that is somebody
    /// else's stays as it is.
    pub async fn put_folder(&self, person: &str, row: &FolderRow) -> Result<bool, StoreError> {
        let put = "INSERT INTO folders (id, person, sealed, created) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed WHERE folders.person = excluded.person";
        let put = sqlx::query(put).bind(&row.id).bind(person).bind(&row.sealed).bind(micros(row.created));
        match self.pool.execute(put).await {
            Ok(done) => Ok(done.rows_affected() > 0),
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                Err(StoreError::UnknownPerson { person: person.to_owned() })
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Says whether there was such a folder of this person.
    pub async fn delete_folder(&self, person: &str, id: &str) -> Result<bool, StoreError> {
        let delete = sqlx::query("DELETE FROM folders WHERE person = $1 AND id = $2").bind(person).bind(id);
        let done = self.pool.execute(delete).await.map_err(|error| self.failed(error))?;
        Ok(done.rows_affected() > 0)
    }
}

#[cfg(test)]
mod tests {
    use schleuse_types::Role;

    use crate::store::tests::{Folder, NOW, open};
    use crate::{FolderRow, StoreError};

    #[tokio::test]
    async fn folders_belong_to_their_person() {
        let folder = Folder::new();
        let store = open(&folder.database()).await;
        for person in ["ada", "bob"] {
            store.ensure_person(person, Role::Employee, NOW).await.unwrap();
        }
        let row =
            |id: &str, sealed: &[u8]| FolderRow { id: id.to_owned(), sealed: sealed.to_vec(), created: NOW };
        assert!(store.put_folder("ada", &row("f-1", b"one")).await.unwrap());
        assert!(store.put_folder("ada", &row("f-2", b"two")).await.unwrap());
        assert!(store.put_folder("ada", &row("f-1", b"new")).await.unwrap());
        assert!(!store.put_folder("bob", &row("f-1", b"his")).await.unwrap());
        assert!(!store.delete_folder("bob", "f-1").await.unwrap());
        let nobody = store.put_folder("eve", &row("f-3", b"x")).await;
        assert!(matches!(nobody, Err(StoreError::UnknownPerson { .. })));
        assert_eq!(store.folders("ada").await.unwrap(), [row("f-1", b"new"), row("f-2", b"two")]);
        assert!(store.delete_folder("ada", "f-1").await.unwrap());
        assert!(!store.delete_folder("ada", "f-1").await.unwrap());
        assert_eq!(store.folders("ada").await.unwrap(), [row("f-2", b"two")]);
        assert_eq!(store.folders("bob").await.unwrap(), []);
    }
}
