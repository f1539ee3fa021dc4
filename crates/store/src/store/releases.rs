//! Texts that somebody else lets pass once.

use schleuse_types::{Label, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{Executor, Row};

use super::{Store, micros, read_tenant, read_time};
use crate::{ReleaseRow, ReleaseState, StoreError};

/// How long one that is over stays in the list: 30 days.
const KEPT_MICROS: u64 = 30 * 24 * 60 * 60 * 1_000_000;

impl Store {
    /// Stores what somebody asked for; durable when this returns. Those of more than 30 days ago are forgotten. False, and
    /// nothing is stored, where `open_max` of this person are open.
    pub async fn ask_release(&self, row: &ReleaseRow, open_max: u32) -> Result<bool, StoreError> {
        let failed = |error| self.failed(error);
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let forget = Timestamp(row.created.0.saturating_sub(KEPT_MICROS));
        let forget = sqlx::query("DELETE FROM releases WHERE expires < $1").bind(micros(forget));
        transaction.execute(forget).await.map_err(failed)?;
        let open = "SELECT COUNT(*) FROM releases WHERE person = $1 AND state IN ('waiting', 'granted') AND expires > $2";
        let open = sqlx::query(open).bind(&row.person).bind(micros(row.created));
        let open: i64 = transaction.fetch_one(open).await.and_then(|row| row.try_get(0)).map_err(failed)?;
        if open >= i64::from(open_max) {
            return Ok(false);
        }
        let insert = "INSERT INTO releases (id, tenant, person, content, model, label, routes, kinds, reason, created, expires, \
                      state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'waiting')";
        let insert = sqlx::query(insert)
            .bind(&row.id)
            .bind(row.tenant.as_str())
            .bind(&row.person)
            .bind(&row.content)
            .bind(&row.model)
            .bind(row.label.to_string())
            .bind(&row.routes)
            .bind(&row.kinds)
            .bind(&row.reason)
            .bind(micros(row.created))
            .bind(micros(row.expires));
        match transaction.execute(insert).await {
            Ok(_) => transaction.commit().await.map_err(failed).map(|()| true),
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                Err(StoreError::UnknownPerson { person: row.person.clone() })
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Everything that was asked for and not forgotten yet, newest first.
    pub async fn releases(&self) -> Result<Vec<ReleaseRow>, StoreError> {
        let rows = self.pool.fetch_all("SELECT * FROM releases ORDER BY created DESC, id").await;
        rows.map_err(|error| self.failed(error))?.iter().map(|row| self.read_release(row)).collect()
    }

    pub async fn release(&self, id: &str) -> Result<Option<ReleaseRow>, StoreError> {
        let query = sqlx::query("SELECT * FROM releases WHERE id = $1").bind(id);
        let row = self.pool.fetch_optional(query).await;
        row.map_err(|error| self.failed(error))?.map(|row| self.read_release(&row)).transpose()
    }

    /// Notes what `decider` decided, unless somebody decided before, it is over, or it was `decider` who asked. Says whether it
    /// was noted; of two at once, one.
    pub async fn decide_release(
        &self,
        id: &str,
        decider: &str,
        state: ReleaseState,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = "UPDATE releases SET state = $3, decider = $2, decided = $4 \
                      WHERE id = $1 AND state = 'waiting' AND expires > $4 AND person <> $2";
        let update = sqlx::query(update).bind(id).bind(decider).bind(state.as_str()).bind(micros(now));
        Ok(self.pool.execute(update).await.map_err(|error| self.failed(error))?.rows_affected() > 0)
    }

    /// Uses one up: only a granted one, of this person, for this content, in time, and once. Durable when this returns true.
    pub async fn use_release(
        &self,
        id: &str,
        person: &str,
        content: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = "UPDATE releases SET state = 'used', used = $4 \
                      WHERE id = $1 AND person = $2 AND content = $3 AND state = 'granted' AND expires > $4";
        let update = sqlx::query(update).bind(id).bind(person).bind(content).bind(micros(now));
        Ok(self.pool.execute(update).await.map_err(|error| self.failed(error))?.rows_affected() > 0)
    }

    fn read_release(&self, row: &SqliteRow) -> Result<ReleaseRow, StoreError> {
        let failed = |error| self.failed(error);
        let unreadable = |what, detail| StoreError::Unreadable { what, detail };
        let text = |column: &str| -> Result<String, StoreError> { row.try_get(column).map_err(failed) };
        let (label, state) = (text("label")?, text("state")?);
        let known = ReleaseState::ALL.into_iter().find(|known| known.as_str() == state);
        Ok(ReleaseRow {
            id: text("id")?,
            tenant: read_tenant(&text("tenant")?)?,
            person: text("person")?,
            content: text("content")?,
            model: text("model")?,
            label: Label::parse(label.as_bytes())
                .map_err(|error| unreadable("a label", format!("`{label}` is {error}")))?,
            routes: text("routes")?,
            kinds: text("kinds")?,
            reason: row.try_get("reason").map_err(failed)?,
            created: read_time(row.try_get("created").map_err(failed)?)?,
            expires: read_time(row.try_get("expires").map_err(failed)?)?,
            state: known.ok_or_else(|| unreadable("a release", format!("`{state}` is no state of one")))?,
            decider: row.try_get("decider").map_err(failed)?,
            decided: self.read_optional_time(row, "decided")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use schleuse_types::{Label, Role, Tenant, Timestamp};

    use crate::store::tests::{Folder, NOW, open};
    use crate::{ReleaseRow, ReleaseState};

    fn row(id: &str) -> ReleaseRow {
        ReleaseRow {
            id: id.to_owned(),
            tenant: Tenant::HOUSE,
            person: "ada".to_owned(),
            content: "hmac".to_owned(),
            model: "m".to_owned(),
            label: Label::CONFIDENTIAL,
            routes: "local".to_owned(),
            kinds: "IBAN:1".to_owned(),
            reason: vec![1],
            created: NOW,
            expires: Timestamp(NOW.0 + 100),
            state: ReleaseState::Waiting,
            decider: None,
            decided: None,
        }
    }

    /// Whether it can be used so, once it was decided so.
    async fn check(
        decider: &str,
        state: ReleaseState,
        by: (&str, &str, u64),
        (is_decided, is_used): (bool, bool),
    ) {
        let folder = Folder::new();
        let store = open(&folder.database()).await;
        store.ensure_person("ada", Role::Employee, NOW).await.unwrap();
        assert!(store.ask_release(&row("r"), 2).await.unwrap());
        let now = Timestamp(NOW.0 + 1);
        assert_eq!(store.decide_release("r", decider, state, now).await.unwrap(), is_decided);
        assert!(!store.decide_release("r", "cy", ReleaseState::Granted, now).await.unwrap() || !is_decided);
        let (person, content, after) = by;
        let now = Timestamp(NOW.0 + after);
        assert_eq!(store.use_release("r", person, content, now).await.unwrap(), is_used, "{by:?}");
        assert!(!store.use_release("r", person, content, now).await.unwrap(), "never twice");
    }

    #[tokio::test]
    async fn one_is_used_once_as_it_was_granted() {
        use ReleaseState::{Denied, Granted};
        let right = ("ada", "hmac", 50);
        check("bob", Granted, right, (true, true)).await;
        check("bob", Denied, right, (true, false)).await;
        for wrong in [("bob", "hmac", 50), ("ada", "hmaC", 50), ("ada", "hmac", 100)] {
            check("bob", Granted, wrong, (true, false)).await;
        }
    }

    #[tokio::test]
    async fn nobody_decides_about_their_own_and_few_are_open() {
        let folder = Folder::new();
        let store = open(&folder.database()).await;
        store.ensure_person("ada", Role::Employee, NOW).await.unwrap();
        for (id, expected) in [("a", true), ("b", true), ("c", false)] {
            assert_eq!(store.ask_release(&row(id), 2).await.unwrap(), expected);
        }
        let decide = async |id, by, after: u64| {
            store.decide_release(id, by, ReleaseState::Granted, Timestamp(NOW.0 + after)).await.unwrap()
        };
        assert!(!decide("a", "ada", 1).await);
        assert!(!decide("a", "bob", 100).await);
        assert!(decide("a", "bob", 1).await);
        assert!(!decide("a", "cy", 1).await);
        assert_eq!(store.releases().await.unwrap().len(), 2);
        assert_eq!(store.release("a").await.unwrap().unwrap().decider.as_deref(), Some("bob"));
        let later = ReleaseRow {
            created: Timestamp(NOW.0 + 3_000_000_000_000),
            expires: Timestamp(NOW.0 + 3_000_000_000_100),
            ..row("d")
        };
        assert!(store.ask_release(&later, 2).await.unwrap());
        assert_eq!(store.releases().await.unwrap().len(), 1, "old ones are forgotten");
    }
}
