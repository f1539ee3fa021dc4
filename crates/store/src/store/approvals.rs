//! Lower labels that somebody asked for and somebody else decides about.

use schleuse_types::{Label, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{Executor, Row};

use super::{Store, micros, read_tenant, read_time};
use crate::{ApprovalRow, ApprovalState, StoreError};

/// How long one that is over stays in the list: 30 days.
const KEPT_MICROS: u64 = 30 * 24 * 60 * 60 * 1_000_000;

impl Store {
    /// Stores what somebody asked for; durable when this returns. Those of more than 30 days ago are forgotten. One that is
    /// pending for the same conversation stays as the only one, and is returned.
    pub async fn ask_approval(&self, row: &ApprovalRow) -> Result<Option<ApprovalRow>, StoreError> {
        let failed = |error| self.failed(error);
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let forget = Timestamp(row.created.0.saturating_sub(KEPT_MICROS));
        let forget = sqlx::query("DELETE FROM approvals WHERE expires < $1").bind(micros(forget));
        transaction.execute(forget).await.map_err(failed)?;
        let query = "SELECT * FROM approvals WHERE conversation = $1 AND state = 'pending' AND expires > $2";
        let query = sqlx::query(query).bind(&row.conversation).bind(micros(row.created));
        if let Some(pending) = transaction.fetch_optional(query).await.map_err(failed)? {
            return self.read_approval(&pending).map(Some);
        }
        let insert = "INSERT INTO approvals (id, tenant, conversation, owner, asker, from_label, to_label, through, reason, \
                      created, expires, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'pending')";
        let insert = sqlx::query(insert)
            .bind(&row.id)
            .bind(row.tenant.as_str())
            .bind(&row.conversation)
            .bind(&row.owner)
            .bind(&row.asker)
            .bind(row.from.to_string())
            .bind(row.to.to_string())
            .bind(row.through)
            .bind(&row.reason)
            .bind(micros(row.created))
            .bind(micros(row.expires));
        match transaction.execute(insert).await {
            Ok(_) => transaction.commit().await.map_err(failed).map(|()| None),
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                Err(StoreError::UnknownConversation { id: row.conversation.clone() })
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Everything that was asked for and not forgotten yet, newest first.
    pub async fn approvals(&self) -> Result<Vec<ApprovalRow>, StoreError> {
        let rows = self.pool.fetch_all("SELECT * FROM approvals ORDER BY created DESC, id").await;
        rows.map_err(|error| self.failed(error))?.iter().map(|row| self.read_approval(row)).collect()
    }

    pub async fn approval(&self, id: &str) -> Result<Option<ApprovalRow>, StoreError> {
        let query = sqlx::query("SELECT * FROM approvals WHERE id = $1").bind(id);
        let row = self.pool.fetch_optional(query).await;
        row.map_err(|error| self.failed(error))?.map(|row| self.read_approval(&row)).transpose()
    }

    /// Notes what `decider` decided, unless somebody decided before, it is over, or it was `decider` who asked. Says whether it
    /// was noted; of two at once, one.
    pub async fn decide_approval(
        &self,
        id: &str,
        decider: &str,
        state: ApprovalState,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = "UPDATE approvals SET state = $3, decider = $2, decided = $4 \
                      WHERE id = $1 AND state = 'pending' AND expires > $4 AND asker <> $2";
        let update = sqlx::query(update).bind(id).bind(decider).bind(state.as_str()).bind(micros(now));
        Ok(self.pool.execute(update).await.map_err(|error| self.failed(error))?.rows_affected() > 0)
    }

    fn read_approval(&self, row: &SqliteRow) -> Result<ApprovalRow, StoreError> {
        let failed = |error| self.failed(error);
        let unreadable = |what, detail| StoreError::Unreadable { what, detail };
        let label = |column: &str| {
            let text: String = row.try_get(column).map_err(failed)?;
            Label::parse(text.as_bytes())
                .map_err(|error| unreadable("a label", format!("`{text}` is {error}")))
        };
        let state: String = row.try_get("state").map_err(failed)?;
        let known = ApprovalState::ALL.into_iter().find(|known| known.as_str() == state);
        Ok(ApprovalRow {
            id: row.try_get("id").map_err(failed)?,
            tenant: read_tenant(row.try_get("tenant").map_err(failed)?)?,
            conversation: row.try_get("conversation").map_err(failed)?,
            owner: row.try_get("owner").map_err(failed)?,
            asker: row.try_get("asker").map_err(failed)?,
            from: label("from_label")?,
            to: label("to_label")?,
            through: row.try_get("through").map_err(failed)?,
            reason: row.try_get("reason").map_err(failed)?,
            created: read_time(row.try_get("created").map_err(failed)?)?,
            expires: read_time(row.try_get("expires").map_err(failed)?)?,
            state: known.ok_or_else(|| unreadable("an approval", format!("`{state}` is no state of one")))?,
            decider: row.try_get("decider").map_err(failed)?,
            decided: self.read_optional_time(row, "decided")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use schleuse_types::{Label, Role, Tenant, Timestamp};

    use crate::store::tests::{Folder, NOW, open};
    use crate::{ApprovalRow, ApprovalState, ConversationRow, Store};

    async fn store(folder: &Folder) -> Store {
        let store = open(&folder.database()).await;
        store.ensure_person("ada", Role::Employee, NOW).await.unwrap();
        let row = ConversationRow {
            id: "c".to_owned(),
            person: "ada".to_owned(),
            head: vec![1],
            created: NOW,
            updated: NOW,
            running: false,
        };
        store.put_conversation(&row).await.unwrap();
        store
    }

    fn row(id: &str, created: u64) -> ApprovalRow {
        ApprovalRow {
            id: id.to_owned(),
            tenant: Tenant::HOUSE,
            conversation: "c".to_owned(),
            owner: "ada".to_owned(),
            asker: "ada".to_owned(),
            from: Label::SECRET,
            to: Label::INTERNAL,
            through: 4,
            reason: vec![1, 2],
            created: Timestamp(NOW.0 + created),
            expires: Timestamp(NOW.0 + created + 100),
            state: ApprovalState::Pending,
            decider: None,
            decided: None,
        }
    }

    /// Whether it was decided, and what stands in the store afterwards, also when it is opened again.
    async fn check(decider: &str, state: ApprovalState, after: u64, expected: bool) {
        let folder = Folder::new();
        let store = store(&folder).await;
        assert_eq!(store.ask_approval(&row("a", 0)).await.unwrap(), None);
        let now = Timestamp(NOW.0 + after);
        assert_eq!(
            store.decide_approval("a", decider, state, now).await.unwrap(),
            expected,
            "{decider} {after}"
        );
        store.close().await.unwrap();
        let store = open(&folder.database()).await;
        let mut there = row("a", 0);
        if expected {
            there = ApprovalRow { state, decider: Some(decider.to_owned()), decided: Some(now), ..there };
        }
        assert_eq!(store.approval("a").await.unwrap(), Some(there.clone()));
        assert_eq!(store.approvals().await.unwrap(), [there]);
        // What was decided stays decided.
        let again =
            store.decide_approval("a", "eve", ApprovalState::Approved, Timestamp(NOW.0 + 1)).await.unwrap();
        assert_eq!(again, !expected);
    }

    #[tokio::test]
    async fn somebody_else_decides_once_and_in_time() {
        check("bob", ApprovalState::Approved, 99, true).await;
        check("bob", ApprovalState::Refused, 99, true).await;
        check("bob", ApprovalState::Approved, 100, false).await;
        check("ada", ApprovalState::Approved, 1, false).await;
        check("ada", ApprovalState::Refused, 1, false).await;
    }

    #[tokio::test]
    async fn a_conversation_has_one_at_a_time_and_takes_them_along() {
        let folder = Folder::new();
        let store = store(&folder).await;
        assert_eq!(store.ask_approval(&row("a", 0)).await.unwrap(), None);
        assert_eq!(store.ask_approval(&row("b", 50)).await.unwrap(), Some(row("a", 0)));
        assert_eq!(store.ask_approval(&row("c", 100)).await.unwrap(), None, "the first one is over");
        // 30 days later both are forgotten.
        let late = 31 * 24 * 60 * 60 * 1_000_000;
        assert_eq!(store.ask_approval(&row("d", late)).await.unwrap(), None);
        let ids: Vec<_> = store.approvals().await.unwrap().into_iter().map(|row| row.id).collect();
        assert_eq!(ids, ["d"]);
        let elsewhere = ApprovalRow { conversation: "x".to_owned(), ..row("e", 0) };
        assert!(store.ask_approval(&elsewhere).await.is_err());
        assert!(store.delete_conversation("ada", "c").await.unwrap());
        assert_eq!(store.approvals().await.unwrap(), []);
    }
}
