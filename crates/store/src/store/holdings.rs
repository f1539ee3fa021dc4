//! What the store holds of one person, table by table, and how all that they may delete is deleted at once.

use sqlx::{Executor, Row};

use super::Store;
use crate::StoreError;

/// Tables that belong together, and how much of a person lies in them.
struct Holding {
    id: &'static str,
    tables: &'static [&'static str],
    /// Gives two numbers, how many and how many bytes, for the person `$1`.
    query: &'static str,
}

/// Every table that holds something of a person, under the name that a page has words for.
const HOLDINGS: [Holding; 16] = [
    Holding {
        id: "account",
        tables: &["people", "groups", "person_groups"],
        query: "SELECT COUNT(*), 0 FROM people WHERE id = $1",
    },
    Holding { id: "keys", tables: &["keys"], query: "SELECT COUNT(*), 0 FROM keys WHERE person = $1" },
    Holding {
        id: "sessions",
        tables: &["sessions"],
        query: "SELECT COUNT(*), 0 FROM sessions WHERE person = $1",
    },
    Holding {
        id: "data_keys",
        tables: &["data_keys"],
        query: "SELECT COUNT(*), COALESCE(SUM(LENGTH(wrapped)), 0) FROM data_keys WHERE person = $1",
    },
    Holding {
        id: "conversations",
        tables: &["conversations", "messages", "conversation_instructions"],
        query: "SELECT (SELECT COUNT(*) FROM conversations WHERE person = $1), \
                COALESCE((SELECT SUM(LENGTH(m.sealed)) FROM messages m JOIN conversations c ON c.id = m.conversation \
                WHERE c.person = $1), 0)",
    },
    Holding {
        id: "attachments",
        tables: &["attachments", "attachment_pieces"],
        query: "SELECT COUNT(*), COALESCE(SUM(LENGTH(head) + COALESCE(LENGTH(text), 0)), 0) + \
                COALESCE((SELECT SUM(LENGTH(p.sealed)) FROM attachment_pieces p \
                JOIN attachments a ON a.id = p.attachment WHERE a.person = $1), 0) \
                FROM attachments WHERE person = $1",
    },
    Holding {
        id: "folders",
        tables: &["folders"],
        query: "SELECT COUNT(*), COALESCE(SUM(LENGTH(sealed)), 0) FROM folders WHERE person = $1",
    },
    Holding {
        id: "shares",
        tables: &["shares", "share_readers"],
        query: "SELECT COUNT(*), COALESCE(SUM(LENGTH(s.sealed)), 0) FROM shares s \
                JOIN conversations c ON c.id = s.conversation WHERE c.person = $1",
    },
    Holding {
        id: "approvals",
        tables: &["approvals"],
        query: "SELECT COUNT(*), COALESCE(SUM(LENGTH(reason)), 0) FROM approvals \
                WHERE asker = $1 OR owner = $1 OR decider = $1",
    },
    Holding {
        id: "releases",
        tables: &["releases"],
        query: "SELECT COUNT(*), COALESCE(SUM(LENGTH(reason)), 0) FROM releases WHERE person = $1 OR decider = $1",
    },
    Holding {
        id: "files",
        tables: &["files", "file_contents"],
        query: "SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM files WHERE person = $1",
    },
    Holding {
        id: "batches",
        tables: &["batches", "batch_lines"],
        query: "SELECT (SELECT COUNT(*) FROM batches WHERE person = $1), \
                COALESCE((SELECT SUM(LENGTH(l.sealed)) FROM batch_lines l JOIN batches b ON b.id = l.batch \
                WHERE b.person = $1), 0)",
    },
    Holding {
        id: "usage",
        tables: &["usage"],
        query: "SELECT COUNT(*), 0 FROM usage WHERE who = 'person:' || $1",
    },
    Holding {
        id: "compartments",
        tables: &["reached_compartments"],
        query: "SELECT COUNT(*), 0 FROM reached_compartments WHERE person = $1",
    },
    Holding {
        id: "feedback",
        tables: &["feedback", "feedback_changes"],
        query: "SELECT COUNT(*), COALESCE(SUM(LENGTH(comment)), 0) FROM feedback WHERE person = $1",
    },
    Holding {
        id: "prompts",
        tables: &["prompts", "prompt_versions", "prompt_readers", "assistants", "assistant_readers"],
        query: "SELECT (SELECT COUNT(*) FROM prompts WHERE person = $1) + (SELECT COUNT(*) FROM assistants WHERE person = $1), \
                COALESCE((SELECT SUM(LENGTH(v.sealed)) FROM prompt_versions v JOIN prompts p ON p.id = v.prompt \
                WHERE p.person = $1), 0) + COALESCE((SELECT SUM(LENGTH(sealed)) FROM assistants WHERE person = $1), 0)",
    },
];

/// Tables in which nothing is of one person: the versions of the schema, and numbers behind which several people stand.
#[cfg(test)]
const OF_NOBODY: [&str; 2] = ["schema_version", "feedback_tallies"];

/// What a person deletes with everything that hangs on it, in this order. What a batch that goes on still needs stays, and
/// what others were given for use.
const ERASED: [(&str, &str); 9] = [
    ("conversations", "DELETE FROM conversations WHERE person = $1"),
    ("attachments", "DELETE FROM attachments WHERE person = $1"),
    ("feedback", "DELETE FROM feedback WHERE person = $1"),
    ("feedback", "DELETE FROM feedback_changes WHERE person = $1"),
    ("folders", "DELETE FROM folders WHERE person = $1"),
    (
        "files",
        "DELETE FROM files WHERE person = $1 AND NOT EXISTS (SELECT 1 FROM batches WHERE person = $1 AND over = 0)",
    ),
    ("batches", "DELETE FROM batches WHERE person = $1 AND over = 1"),
    ("prompts", "DELETE FROM prompts WHERE person = $1"),
    ("prompts", "DELETE FROM assistants WHERE person = $1 AND state <> 'published'"),
];

/// How much of a person lies in some tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldRow {
    /// Which tables: `account`, `keys`, `conversations` …
    pub id: &'static str,
    /// Their names in the database.
    pub tables: &'static [&'static str],
    pub count: u64,
    pub bytes: u64,
}

impl Store {
    /// How many days the usage of LLM tokens is kept.
    pub const USAGE_DAYS: i64 = super::usage::KEPT_DAYS;
    /// How many days sessions and approvals stay listed after their end.
    pub const ENDED_DAYS: u64 = 30;

    /// Everything that the store holds of a person, by kind. A kind of which there is nothing is there with 0.
    pub async fn held(&self, person: &str) -> Result<Vec<HeldRow>, StoreError> {
        let failed = |error| self.failed(error);
        let mut all = Vec::with_capacity(HOLDINGS.len());
        for holding in &HOLDINGS {
            let query = sqlx::query(holding.query).bind(person);
            let row = self.pool.fetch_one(query).await.map_err(failed)?;
            let number = |column: usize| -> Result<u64, StoreError> {
                let number: i64 = row.try_get(column).map_err(failed)?;
                Ok(u64::try_from(number).unwrap_or_default())
            };
            all.push(HeldRow {
                id: holding.id,
                tables: holding.tables,
                count: number(0)?,
                bytes: number(1)?,
            });
        }
        Ok(all)
    }

    /// The names under which [`Self::held`] tells.
    pub fn held_kinds() -> impl Iterator<Item = &'static str> {
        HOLDINGS.iter().map(|holding| holding.id)
    }

    /// Deletes what a person may delete of themselves, all or nothing; durable when this returns. Says how many rows of each
    /// kind, without those that hang on them.
    pub async fn erase(&self, person: &str) -> Result<Vec<(&'static str, u64)>, StoreError> {
        let failed = |error| self.failed(error);
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let mut all: Vec<(&'static str, u64)> = Vec::new();
        for (kind, delete) in ERASED {
            let gone = transaction.execute(sqlx::query(delete).bind(person)).await.map_err(failed)?;
            match all.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, count)) => *count += gone.rows_affected(),
                None => all.push((kind, gone.rows_affected())),
            }
        }
        transaction.commit().await.map_err(failed)?;
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use schleuse_types::Role;
    use sqlx::{Executor, Row};

    use super::{HOLDINGS, OF_NOBODY};
    use crate::store::tests::{Folder, NOW, open};
    use crate::{ConversationRow, FolderRow};

    /// Whoever makes a table says whether something of a person lies in it.
    #[tokio::test]
    async fn every_table_is_told_of() {
        let folder = Folder::new();
        let store = open(&folder.database()).await;
        let rows = store.pool.fetch_all("SELECT name FROM sqlite_schema WHERE type = 'table'").await.unwrap();
        let mut tables: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        tables.retain(|name| !name.starts_with("sqlite_"));
        let mut told: Vec<&str> = HOLDINGS.iter().flat_map(|holding| holding.tables).copied().collect();
        told.extend(OF_NOBODY);
        tables.sort();
        told.sort_unstable();
        assert_eq!(tables, told, "a table is missing in `HOLDINGS`, or stands there twice");
    }

    #[tokio::test]
    async fn what_is_held_of_one_person_is_deleted_and_nobody_elses() {
        let folder = Folder::new();
        let store = open(&folder.database()).await;
        for person in ["ada", "bob"] {
            store.ensure_person(person, Role::Employee, NOW).await.unwrap();
            let row = ConversationRow {
                id: format!("c-{person}"),
                person: person.to_owned(),
                head: vec![1],
                created: NOW,
                updated: NOW,
                running: false,
            };
            store.put_conversation(&row).await.unwrap();
            let row = FolderRow { id: format!("f-{person}"), sealed: vec![1, 2], created: NOW };
            store.put_folder(person, &row).await.unwrap();
        }
        let held = async |person: &str| {
            let rows = store.held(person).await.unwrap();
            let some = rows.iter().filter(|row| row.count > 0);
            some.map(|row| (row.id, row.count, row.bytes)).collect::<Vec<_>>()
        };
        let all = vec![("account", 1, 0), ("conversations", 1, 0), ("folders", 1, 2)];
        assert_eq!(held("ada").await, all);
        let erased = store.erase("ada").await.unwrap();
        let some: Vec<_> = erased.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(some, [("conversations", 1), ("folders", 1)]);
        assert_eq!(held("ada").await, [("account", 1, 0)]);
        assert_eq!(held("bob").await, all);
        assert!(held("nobody").await.is_empty());
    }
}
