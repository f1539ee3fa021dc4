//! How many LLM tokens were used, by day and by whom the limits count.

use sqlx::{Executor, Row};

use super::Store;
use crate::StoreError;

/// How many days of usage are kept; it says who worked when, so no longer than a month needs.
pub(super) const KEPT_DAYS: i64 = 31;

impl Store {
    /// What was used on the day (days since 1970-01-01, UTC), by whom it counts.
    pub async fn usage(&self, day: i64) -> Result<Vec<(String, u64)>, StoreError> {
        let query = sqlx::query("SELECT who, tokens FROM usage WHERE day = $1 ORDER BY who").bind(day);
        let rows = self.pool.fetch_all(query).await.map_err(|error| self.failed(error))?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            let tokens: i64 = row.try_get("tokens").map_err(|error| self.failed(error))?;
            let who = row.try_get("who").map_err(|error| self.failed(error))?;
            Ok((who, u64::try_from(tokens).unwrap_or(0)))
        };
        rows.iter().map(read).collect()
    }

    /// Adds to what was used on the day, all or nothing, and forgets what is more than 31 days older.
    pub async fn add_usage(&self, day: i64, used: &[(String, u64)]) -> Result<(), StoreError> {
        if used.is_empty() {
            return Ok(());
        }
        let failed = |error| self.failed(error);
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let forget = sqlx::query("DELETE FROM usage WHERE day < $1").bind(day.saturating_sub(KEPT_DAYS));
        transaction.execute(forget).await.map_err(failed)?;
        for (who, tokens) in used {
            let add = "INSERT INTO usage (day, who, tokens) VALUES ($1, $2, $3) \
                       ON CONFLICT (day, who) DO UPDATE SET tokens = usage.tokens + excluded.tokens";
            let tokens = i64::try_from(*tokens).unwrap_or(i64::MAX).min(TOKENS_MAX);
            let add = sqlx::query(add).bind(day).bind(who).bind(tokens);
            transaction.execute(add).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }
}

/// The most that is added at once: 2^53, more than a data centre makes in a day.
const TOKENS_MAX: i64 = 1 << 53;

#[cfg(test)]
mod tests;
