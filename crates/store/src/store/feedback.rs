//! What people think of answers, and what others are told of it.
//!
//! Others see only what was counted last, per model and assistant. It is counted anew when at least [`FEEDBACK_PEOPLE_MIN`]
//! people changed something there since the last time, and shown only if at least so many people stand behind it. So two
//! looks at different times differ by what at least so many people said, or not at all.

use std::collections::BTreeMap;

use schleuse_types::Tenant;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Executor, Row};

use super::{Store, micros, read_tenant, read_time};
use crate::{FEEDBACK_PEOPLE_MIN, FeedbackRow, FeedbackTally, StoreError};

/// Feedback that is counted together.
struct Group {
    tenant: String,
    model: String,
    assistant: String,
}

impl Store {
    /// Stores what a person thinks of an answer in place of what they thought before. An answer that is not theirs is
    /// [`StoreError::UnknownConversation`].
    pub async fn put_feedback(&self, row: &FeedbackRow) -> Result<(), StoreError> {
        let failed = |error| self.failed(error);
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        // `SELECT … WHERE` and not `VALUES`: there is nothing to insert when the conversation is somebody else's.
        let put = "INSERT INTO feedback (conversation, message, person, tenant, model, assistant, up, reasons, comment, updated) \
                   SELECT m.conversation, m.id, $3, $4, $5, $6, $7, $8, $9, $10 FROM messages m \
                   JOIN conversations c ON c.id = m.conversation WHERE c.id = $1 AND m.id = $2 AND c.person = $3 \
                   ON CONFLICT (conversation, message) DO UPDATE SET up = excluded.up, reasons = excluded.reasons, \
                   comment = excluded.comment, updated = excluded.updated";
        let assistant = row.assistant.as_deref().unwrap_or_default();
        let put = sqlx::query(put)
            .bind(&row.conversation)
            .bind(&row.message)
            .bind(&row.person)
            .bind(row.tenant.as_str())
            .bind(&row.model)
            .bind(assistant)
            .bind(i64::from(row.is_up))
            .bind(row.reasons.join(","))
            .bind(&row.comment)
            .bind(micros(row.updated));
        if transaction.execute(put).await.map_err(failed)?.rows_affected() == 0 {
            return Err(StoreError::UnknownConversation { id: row.conversation.clone() });
        }
        let group = self.group_of(&mut transaction, &row.conversation, &row.message).await?;
        if let Some(group) = group {
            self.change_feedback(&mut transaction, &group, &row.person).await?;
        }
        transaction.commit().await.map_err(failed)
    }

    /// Says whether there was any of this person.
    pub async fn delete_feedback(
        &self,
        person: &str,
        conversation: &str,
        message: &str,
    ) -> Result<bool, StoreError> {
        let failed = |error| self.failed(error);
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let group = self.group_of(&mut transaction, conversation, message).await?;
        let delete = "DELETE FROM feedback WHERE conversation = $1 AND message = $2 AND person = $3";
        let delete = sqlx::query(delete).bind(conversation).bind(message).bind(person);
        let is_gone = transaction.execute(delete).await.map_err(failed)?.rows_affected() > 0;
        if let (Some(group), true) = (group, is_gone) {
            self.change_feedback(&mut transaction, &group, person).await?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(is_gone)
    }

    /// What this person thinks of the answers of a conversation.
    pub async fn feedback_of(
        &self,
        person: &str,
        conversation: &str,
    ) -> Result<Vec<FeedbackRow>, StoreError> {
        let query = "SELECT * FROM feedback WHERE person = $1 AND conversation = $2 ORDER BY message";
        let rows = self.pool.fetch_all(sqlx::query(query).bind(person).bind(conversation)).await;
        rows.map_err(|error| self.failed(error))?.iter().map(|row| self.read_feedback(row)).collect()
    }

    /// What was counted last in this tenant, by model and assistant.
    pub async fn feedback_tallies(&self, tenant: &Tenant) -> Result<Vec<FeedbackTally>, StoreError> {
        let failed = |error| self.failed(error);
        let query = "SELECT * FROM feedback_tallies WHERE tenant = $1 ORDER BY model, assistant";
        let rows = self.pool.fetch_all(sqlx::query(query).bind(tenant.as_str())).await.map_err(failed)?;
        let read = |row: &SqliteRow| {
            let count = |name: &str| -> Result<u64, StoreError> {
                Ok(u64::try_from(row.try_get::<i64, _>(name).map_err(failed)?).unwrap_or_default())
            };
            let reasons: String = row.try_get("reasons").map_err(failed)?;
            let reasons = reasons.lines().filter_map(|line| {
                let (word, count) = line.split_once(' ')?;
                Some((word.to_owned(), count.parse().ok()?))
            });
            Ok(FeedbackTally {
                model: row.try_get("model").map_err(failed)?,
                assistant: some(row.try_get("assistant").map_err(failed)?),
                up: count("up")?,
                down: count("down")?,
                reasons: reasons.collect(),
            })
        };
        rows.iter().map(read).collect()
    }

    async fn group_of(
        &self,
        connection: &mut SqliteConnection,
        conversation: &str,
        message: &str,
    ) -> Result<Option<Group>, StoreError> {
        let failed = |error| self.failed(error);
        let query = "SELECT tenant, model, assistant FROM feedback WHERE conversation = $1 AND message = $2";
        let query = sqlx::query(query).bind(conversation).bind(message);
        let row = connection.fetch_optional(query).await.map_err(failed)?;
        let read = |row: SqliteRow| {
            Ok(Group {
                tenant: row.try_get(0).map_err(failed)?,
                model: row.try_get(1).map_err(failed)?,
                assistant: row.try_get(2).map_err(failed)?,
            })
        };
        row.map(read).transpose()
    }

    /// Notes that somebody changed something in a group, and counts it anew when enough people did.
    async fn change_feedback(
        &self,
        connection: &mut SqliteConnection,
        group: &Group,
        person: &str,
    ) -> Result<(), StoreError> {
        let failed = |error| self.failed(error);
        let note = "INSERT INTO feedback_changes (tenant, model, assistant, person) VALUES ($1, $2, $3, $4) \
                    ON CONFLICT DO NOTHING";
        connection.execute(group.bind(note).bind(person)).await.map_err(failed)?;
        let count =
            "SELECT COUNT(*) FROM feedback_changes WHERE tenant = $1 AND model = $2 AND assistant = $3";
        let changed = connection.fetch_one(group.bind(count)).await.map_err(failed)?;
        if changed.try_get::<i64, _>(0).map_err(failed)? < i64::from(FEEDBACK_PEOPLE_MIN) {
            return Ok(());
        }
        let forget = "DELETE FROM feedback_changes WHERE tenant = $1 AND model = $2 AND assistant = $3";
        connection.execute(group.bind(forget)).await.map_err(failed)?;
        let forget = "DELETE FROM feedback_tallies WHERE tenant = $1 AND model = $2 AND assistant = $3";
        connection.execute(group.bind(forget)).await.map_err(failed)?;
        let count = "SELECT COUNT(DISTINCT person), COALESCE(SUM(up), 0), COUNT(*) FROM feedback \
                     WHERE tenant = $1 AND model = $2 AND assistant = $3";
        let counted = connection.fetch_one(group.bind(count)).await.map_err(failed)?;
        let number = |place: usize| counted.try_get::<i64, _>(place).map_err(failed);
        let (people, up, all) = (number(0)?, number(1)?, number(2)?);
        if people < i64::from(FEEDBACK_PEOPLE_MIN) {
            return Ok(());
        }
        let query = "SELECT reasons FROM feedback WHERE tenant = $1 AND model = $2 AND assistant = $3";
        let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
        for row in connection.fetch_all(group.bind(query)).await.map_err(failed)? {
            let words: String = row.try_get(0).map_err(failed)?;
            for word in words.split(',').filter(|word| !word.is_empty()) {
                *reasons.entry(word.to_owned()).or_default() += 1;
            }
        }
        let reasons: Vec<String> = reasons.iter().map(|(word, count)| format!("{word} {count}")).collect();
        let put = "INSERT INTO feedback_tallies (tenant, model, assistant, up, down, reasons) \
                   VALUES ($1, $2, $3, $4, $5, $6)";
        let put = group.bind(put).bind(up).bind(all.saturating_sub(up)).bind(reasons.join("\n"));
        connection.execute(put).await.map_err(failed).map(drop)
    }

    fn read_feedback(&self, row: &SqliteRow) -> Result<FeedbackRow, StoreError> {
        let failed = |error| self.failed(error);
        let reasons: String = row.try_get("reasons").map_err(failed)?;
        Ok(FeedbackRow {
            person: row.try_get("person").map_err(failed)?,
            tenant: read_tenant(row.try_get("tenant").map_err(failed)?)?,
            conversation: row.try_get("conversation").map_err(failed)?,
            message: row.try_get("message").map_err(failed)?,
            model: row.try_get("model").map_err(failed)?,
            assistant: some(row.try_get("assistant").map_err(failed)?),
            is_up: row.try_get::<i64, _>("up").map_err(failed)? != 0,
            reasons: reasons.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            comment: row.try_get("comment").map_err(failed)?,
            updated: read_time(row.try_get("updated").map_err(failed)?)?,
        })
    }
}

impl Group {
    /// A statement whose first three places are the group.
    fn bind(
        &self,
        statement: &'static str,
    ) -> sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments> {
        sqlx::query(statement).bind(self.tenant.clone()).bind(self.model.clone()).bind(self.assistant.clone())
    }
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schleuse_types::{Role, Tenant};

    use crate::store::tests::{Folder, NOW, open};
    use crate::{ConversationRow, FeedbackRow, FeedbackTally, MessageRow, Store, StoreError};

    /// A store in which each of so many people has a conversation `c-N` with the message `m`.
    async fn store(folder: &Folder, people: usize) -> Store {
        let store = open(&folder.database()).await;
        for number in 0..people {
            let person = format!("p-{number}");
            store.ensure_person(&person, Role::Employee, NOW).await.unwrap();
            let conversation = ConversationRow {
                id: format!("c-{number}"),
                person: person.clone(),
                head: vec![1],
                created: NOW,
                updated: NOW,
                running: false,
            };
            store.put_conversation(&conversation).await.unwrap();
            let message = MessageRow {
                id: "m".to_owned(),
                conversation: conversation.id,
                parent: None,
                ordinal: 0,
                sealed: vec![2],
                state: "complete".to_owned(),
                created: NOW,
            };
            store.put_message(&person, &message).await.unwrap();
        }
        store
    }

    fn row(number: usize, is_up: bool, reasons: &[&str]) -> FeedbackRow {
        FeedbackRow {
            person: format!("p-{number}"),
            tenant: Tenant::HOUSE,
            conversation: format!("c-{number}"),
            message: "m".to_owned(),
            model: "tiny".to_owned(),
            assistant: None,
            is_up,
            reasons: reasons.iter().map(|word| (*word).to_owned()).collect(),
            comment: Some(vec![9]),
            updated: NOW,
        }
    }

    async fn told(store: &Store) -> Vec<(u64, u64)> {
        let tallies = store.feedback_tallies(&Tenant::HOUSE).await.unwrap();
        tallies.iter().map(|tally| (tally.up, tally.down)).collect()
    }

    #[tokio::test]
    async fn feedback_is_told_when_enough_people_stand_behind_it() {
        let folder = Folder::new();
        let store = store(&folder, 12).await;
        for number in 0..4 {
            store.put_feedback(&row(number, true, &["slow"])).await.unwrap();
            // Again and again is still one person.
            store.put_feedback(&row(number, false, &["wrong", "slow"])).await.unwrap();
            assert_eq!(told(&store).await, []);
        }
        store.put_feedback(&row(4, true, &[])).await.unwrap();
        let tally = FeedbackTally {
            model: "tiny".to_owned(),
            assistant: None,
            up: 1,
            down: 4,
            reasons: vec![("slow".to_owned(), 4), ("wrong".to_owned(), 4)],
        };
        assert_eq!(store.feedback_tallies(&Tenant::HOUSE).await.unwrap(), [tally]);
        assert!(
            store.feedback_tallies(&Tenant::parse("retail").unwrap()).await.unwrap().is_empty(),
            "of another tenant"
        );
        // Four more are not seen until a fifth comes, and neither is who takes theirs back.
        for number in 5..8 {
            store.put_feedback(&row(number, true, &[])).await.unwrap();
        }
        assert!(store.delete_feedback("p-0", "c-0", "m").await.unwrap());
        assert!(!store.delete_feedback("p-0", "c-0", "m").await.unwrap());
        assert_eq!(told(&store).await, [(1, 4)]);
        store.put_feedback(&row(8, true, &[])).await.unwrap();
        assert_eq!(told(&store).await, [(5, 3)]);
        // A group that has become small is not told any more, once enough people left it.
        for number in 1..6 {
            assert!(
                store.delete_feedback(&format!("p-{number}"), &format!("c-{number}"), "m").await.unwrap()
            );
        }
        assert_eq!(told(&store).await, []);
    }

    #[tokio::test]
    async fn feedback_is_of_its_person_and_goes_with_its_answer() {
        let folder = Folder::new();
        let store = store(&folder, 2).await;
        let own = FeedbackRow { assistant: Some("a".to_owned()), ..row(0, true, &["tone"]) };
        store.put_feedback(&own).await.unwrap();
        assert_eq!(store.feedback_of("p-0", "c-0").await.unwrap(), [own]);
        assert_eq!(store.feedback_of("p-1", "c-0").await.unwrap(), []);
        let theirs = FeedbackRow { person: "p-1".to_owned(), ..row(0, true, &[]) };
        let refused = store.put_feedback(&theirs).await;
        assert!(matches!(refused, Err(StoreError::UnknownConversation { .. })));
        assert!(!store.delete_feedback("p-1", "c-0", "m").await.unwrap());
        assert!(store.delete_conversation("p-0", "c-0").await.unwrap());
        assert_eq!(store.feedback_of("p-0", "c-0").await.unwrap(), []);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        /// Whatever people do: what is told changes only when at least five of them changed something since it last did.
        #[test]
        fn nothing_is_told_of_few(acts in prop::collection::vec((0_usize..9, 0_u8..3), 1..40)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let folder = Folder::new();
                let store = store(&folder, 9).await;
                let (mut before, mut who) = (Vec::new(), std::collections::BTreeSet::new());
                for (number, act) in acts {
                    match act {
                        2 => drop(store.delete_feedback(&format!("p-{number}"), &format!("c-{number}"), "m").await.unwrap()),
                        act => store.put_feedback(&row(number, act == 1, &[])).await.unwrap(),
                    }
                    who.insert(number);
                    let now = told(&store).await;
                    if now != before {
                        assert!(who.len() >= 5, "{before:?} {now:?} {who:?}");
                        who.clear();
                    }
                    assert!(now.iter().all(|(up, down)| up + down >= 5));
                    before = now;
                }
            });
        }
    }
}
