//! Sessions.

use schleuse_types::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Executor, Row};

use super::{Store, micros, read_hash, read_role, read_time};
use crate::{SessionRow, StoreError};

/// How long a session that is over is kept: 30 days, so that its owner still sees it in the list.
const KEPT_MICROS: u64 = 30 * 24 * 60 * 60 * 1_000_000;

impl Store {
    /// Stores a session; durable when this returns. Sessions that ended more than 30 days before it began are forgotten.
    pub async fn insert_session(&self, session: &SessionRow) -> Result<(), StoreError> {
        let failed = |error| self.failed(error);
        let forget = Timestamp(session.created.0.saturating_sub(KEPT_MICROS));
        let forget = sqlx::query("DELETE FROM sessions WHERE expires < $1").bind(micros(forget));
        self.pool.execute(forget).await.map_err(failed)?;
        let insert = "INSERT INTO sessions (id, hash, person, role, method, issuer, subject, sid, key_id, agent, created, \
                      last_seen, idle_micros, expires, revoked) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
        let insert = sqlx::query(insert)
            .bind(&session.id)
            .bind(session.hash.as_slice())
            .bind(&session.person)
            .bind(session.role.as_str())
            .bind(&session.method)
            .bind(&session.issuer)
            .bind(&session.subject)
            .bind(&session.sid)
            .bind(&session.key)
            .bind(&session.agent)
            .bind(micros(session.created))
            .bind(micros(session.last_seen))
            .bind(i64::try_from(session.idle_micros).unwrap_or(i64::MAX))
            .bind(micros(session.expires))
            .bind(session.revoked.map(micros));
        match self.pool.execute(insert).await {
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Err(StoreError::SessionExists { id: session.id.clone() })
            }
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                match (self.find_person(&session.person).await?, &session.key) {
                    (Some(_), Some(key)) => Err(StoreError::UnknownKey { id: key.clone() }),
                    _ => Err(StoreError::UnknownPerson { person: session.person.clone() }),
                }
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Every session that is kept, also those that are over, oldest first.
    pub async fn sessions(&self) -> Result<Vec<SessionRow>, StoreError> {
        let query = "SELECT id, hash, person, role, method, issuer, subject, sid, key_id, agent, created, last_seen, \
                     idle_micros, expires, revoked FROM sessions ORDER BY created, id";
        let rows = self.pool.fetch_all(query).await.map_err(|error| self.failed(error))?;
        rows.iter().map(|row| self.read_session(row)).collect()
    }

    /// Notes when sessions, and with them their people, were last used; never an earlier time than is known. Ids that
    /// are not there are passed over.
    pub async fn touch_sessions(&self, uses: &[(String, Timestamp)]) -> Result<(), StoreError> {
        if uses.is_empty() {
            return Ok(());
        }
        let failed = |error| self.failed(error);
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        for (id, last) in uses {
            for touch in [
                "UPDATE sessions SET last_seen = $2 WHERE id = $1 AND last_seen < $2",
                "UPDATE people SET last_seen = $2 WHERE id = (SELECT person FROM sessions WHERE id = $1) \
                 AND (last_seen IS NULL OR last_seen < $2)",
            ] {
                let touch = sqlx::query(touch).bind(id).bind(micros(*last));
                transaction.execute(touch).await.map_err(failed)?;
            }
        }
        transaction.commit().await.map_err(failed)
    }

    /// Revokes the session for good; durable when this returns. Says whether there was such a session that was not yet
    /// revoked; the time of an earlier revocation stays.
    pub async fn revoke_session(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let update = sqlx::query("UPDATE sessions SET revoked = $2 WHERE id = $1 AND revoked IS NULL");
        let done = self.pool.execute(update.bind(id).bind(micros(now))).await;
        Ok(done.map_err(|error| self.failed(error))?.rows_affected() > 0)
    }

    /// Revokes all sessions of the person and says how many there were.
    pub async fn revoke_sessions_of(&self, person: &str, now: Timestamp) -> Result<u64, StoreError> {
        let update = sqlx::query("UPDATE sessions SET revoked = $2 WHERE person = $1 AND revoked IS NULL");
        let done = self.pool.execute(update.bind(person).bind(micros(now))).await;
        Ok(done.map_err(|error| self.failed(error))?.rows_affected())
    }

    /// Revokes what an issuer logs out (OpenID Connect Back-Channel Logout 1.0 section 2.6): the session `sid`, or all of
    /// `subject`; with both, the session only if it is the subject's. Without either, nothing. Says how many there were.
    pub async fn revoke_sessions_by(
        &self,
        issuer: &str,
        subject: Option<&str>,
        sid: Option<&str>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        if subject.is_none() && sid.is_none() {
            return Ok(0);
        }
        let update = "UPDATE sessions SET revoked = $2 WHERE issuer = $1 AND revoked IS NULL \
                      AND ($3 IS NULL OR subject = $3) AND ($4 IS NULL OR sid = $4)";
        let update = sqlx::query(update).bind(issuer).bind(micros(now)).bind(subject).bind(sid);
        Ok(self.pool.execute(update).await.map_err(|error| self.failed(error))?.rows_affected())
    }

    /// Revokes every session there is and says how many there were: after a restore nobody knows which of them were
    /// revoked since the backup.
    pub async fn revoke_all_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        let update = sqlx::query("UPDATE sessions SET revoked = $1 WHERE revoked IS NULL");
        let done = self.pool.execute(update.bind(micros(now))).await;
        Ok(done.map_err(|error| self.failed(error))?.rows_affected())
    }

    fn read_session(&self, row: &SqliteRow) -> Result<SessionRow, StoreError> {
        let failed = |error| self.failed(error);
        let idle: i64 = row.try_get("idle_micros").map_err(failed)?;
        Ok(SessionRow {
            id: row.try_get("id").map_err(failed)?,
            hash: read_hash(row.try_get("hash").map_err(failed)?)?,
            person: row.try_get("person").map_err(failed)?,
            role: read_role(row.try_get("role").map_err(failed)?)?,
            method: row.try_get("method").map_err(failed)?,
            issuer: row.try_get("issuer").map_err(failed)?,
            subject: row.try_get("subject").map_err(failed)?,
            sid: row.try_get("sid").map_err(failed)?,
            key: row.try_get("key_id").map_err(failed)?,
            agent: row.try_get("agent").map_err(failed)?,
            created: read_time(row.try_get("created").map_err(failed)?)?,
            last_seen: read_time(row.try_get("last_seen").map_err(failed)?)?,
            idle_micros: read_time(idle)?.0,
            expires: read_time(row.try_get("expires").map_err(failed)?)?,
            revoked: self.read_optional_time(row, "revoked")?,
        })
    }
}

#[cfg(test)]
mod tests;
