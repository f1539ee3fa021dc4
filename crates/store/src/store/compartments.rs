//! Who has reached which compartment, so that walls between compartments outlive the process.

use schleuse_types::Timestamp;
use sqlx::{Executor, Row};

use super::{Store, micros, read_time};
use crate::{ReachedRow, StoreError};

impl Store {
    /// Notes that the person reaches these compartments, and when for the first time; durable when this returns. When the
    /// person has already reached one of `against`, nothing is noted and that one is returned.
    pub async fn reach_compartments(
        &self,
        person: &str,
        compartments: &[&str],
        against: &[&str],
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let failed = |error| self.failed(error);
        // Immediately locked: of two questions of one person at once, the second sees what the first has noted.
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let query = "SELECT compartment FROM reached_compartments WHERE person = $1 ORDER BY compartment";
        let rows = transaction.fetch_all(sqlx::query(query).bind(person)).await.map_err(failed)?;
        let mut known = Vec::with_capacity(rows.len());
        for row in rows {
            let compartment: String = row.try_get(0).map_err(failed)?;
            if against.contains(&compartment.as_str()) {
                return Ok(Some(compartment));
            }
            known.push(compartment);
        }
        let news = compartments.iter().filter(|name| !known.iter().any(|known| known == *name));
        for name in news {
            let insert = "INSERT INTO reached_compartments (person, compartment, reached) VALUES ($1, $2, $3) \
                          ON CONFLICT DO NOTHING";
            let insert = sqlx::query(insert).bind(person).bind(*name).bind(micros(now));
            transaction.execute(insert).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(None)
    }

    /// Everybody who has reached a compartment, by person and compartment.
    pub async fn reached_compartments(&self) -> Result<Vec<ReachedRow>, StoreError> {
        let failed = |error| self.failed(error);
        let query =
            "SELECT person, compartment, reached FROM reached_compartments ORDER BY person, compartment";
        let rows = self.pool.fetch_all(query).await.map_err(failed)?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            Ok(ReachedRow {
                person: row.try_get(0).map_err(failed)?,
                compartment: row.try_get(1).map_err(failed)?,
                reached: read_time(row.try_get(2).map_err(failed)?)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Forgets that the person has reached the compartment, and says whether they had.
    pub async fn release_compartment(&self, person: &str, compartment: &str) -> Result<bool, StoreError> {
        let delete = "DELETE FROM reached_compartments WHERE person = $1 AND compartment = $2";
        let done = self.pool.execute(sqlx::query(delete).bind(person).bind(compartment)).await;
        Ok(done.map_err(|error| self.failed(error))?.rows_affected() > 0)
    }
}

#[cfg(test)]
mod tests {
    use schleuse_types::Timestamp;

    use crate::store::tests::{Folder, NOW, open};

    #[tokio::test]
    async fn whoever_has_seen_one_side_does_not_reach_the_other() {
        let folder = Folder::new();
        let store = open(&folder.database()).await;
        let reach = async |person: &str, name: &str, against: &[&str]| {
            store.reach_compartments(person, &[name], against, NOW).await.unwrap()
        };
        assert_eq!(reach("ada", "buy", &["sell"]).await, None);
        assert_eq!(reach("ada", "sell", &["buy"]).await.as_deref(), Some("buy"));
        assert_eq!(reach("ada", "hr", &[]).await, None);
        assert_eq!(reach("bob", "sell", &["buy"]).await, None, "others are not concerned");
        assert_eq!(reach("bob", "buy", &["sell"]).await.as_deref(), Some("sell"));
        // Of several compartments none is noted when one is closed, and the first time is kept.
        let later = Timestamp(NOW.0 + 5);
        let both = store.reach_compartments("ada", &["sell", "x"], &["buy"], later).await.unwrap();
        assert_eq!(both.as_deref(), Some("buy"));
        assert_eq!(store.reach_compartments("ada", &["buy", "y"], &["sell"], later).await.unwrap(), None);
        store.close().await.unwrap();

        let store = open(&folder.database()).await;
        let rows = store.reached_compartments().await.unwrap();
        let rows: Vec<_> = rows
            .iter()
            .map(|row| format!("{} {} {}", row.person, row.compartment, row.reached.0 - NOW.0))
            .collect();
        assert_eq!(rows, ["ada buy 0", "ada hr 0", "ada y 5", "bob sell 0"]);
        assert!(store.release_compartment("bob", "sell").await.unwrap());
        assert!(!store.release_compartment("bob", "sell").await.unwrap());
        assert_eq!(store.reach_compartments("bob", &["buy"], &["sell"], NOW).await.unwrap(), None);
    }

    #[tokio::test]
    async fn of_both_sides_at_once_one_is_reached() {
        let folder = Folder::new();
        let store = open(&folder.database()).await;
        for number in 0..20 {
            let person = format!("p{number}");
            let (one, other) = tokio::join!(
                store.reach_compartments(&person, &["buy"], &["sell"], NOW),
                store.reach_compartments(&person, &["sell"], &["buy"], NOW),
            );
            assert_ne!(one.unwrap().is_none(), other.unwrap().is_none(), "{person}");
        }
    }
}
