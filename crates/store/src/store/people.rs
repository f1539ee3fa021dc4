//! People and their groups.

use std::collections::HashMap;

use schleuse_types::{Role, Tenant, Timestamp};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Executor, Row};

use super::{Store, check_name, micros, read_role, read_tenant, read_time};
use crate::{PersonRow, SignedIn, StoreError};

/// The longest name of a group that an issuer gives; directories know long ones.
const ISSUED_GROUP_BYTES_MAX: usize = 512;
/// The longest name of a person.
const NAME_BYTES_MAX: usize = 128;

impl Store {
    /// The person with this id, made with this name and role when there is none yet. An existing person keeps the role.
    pub async fn ensure_person(
        &self,
        name: &str,
        role: Role,
        now: Timestamp,
    ) -> Result<PersonRow, StoreError> {
        self.insert_person(name, name, role, now).await?;
        self.find_person(name).await?.ok_or_else(|| StoreError::UnknownPerson { person: name.to_owned() })
    }

    /// A new person whom no issuer knows. An id that is taken is an error.
    pub async fn create_person(
        &self,
        id: &str,
        name: &str,
        role: Role,
        now: Timestamp,
    ) -> Result<PersonRow, StoreError> {
        if !self.insert_person(id, name, role, now).await? {
            return Err(StoreError::PersonExists { person: id.to_owned() });
        }
        self.find_person(id).await?.ok_or_else(|| StoreError::UnknownPerson { person: id.to_owned() })
    }

    async fn insert_person(
        &self,
        id: &str,
        name: &str,
        role: Role,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        check_name(id)?;
        check_name(name)?;
        let insert = "INSERT INTO people (id, name, role, created) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING";
        let insert = sqlx::query(insert).bind(id).bind(name).bind(role.as_str()).bind(micros(now));
        Ok(self.pool.execute(insert).await.map_err(|error| self.failed(error))?.rows_affected() > 0)
    }

    /// Notes what an issuer has just vouched for, and makes the person on the first time. Name, role, groups and
    /// tenant are the issuer's from now on. When the role is another one than before, so is that of the keys and sessions that had the
    /// former one. A blocked person is returned as stored, and nothing is changed.
    ///
    /// A name that does not fit is cut; a group that does not fit is an error, because a policy may forbid by it.
    pub async fn sign_in_person(
        &self,
        signed_in: &SignedIn,
        now: Timestamp,
    ) -> Result<PersonRow, StoreError> {
        let failed = |error| self.failed(error);
        let id = signed_in.id.as_str();
        check_name(id)?;
        for group in &signed_in.groups {
            if !is_name(group, ISSUED_GROUP_BYTES_MAX) {
                return Err(StoreError::BadName { name: group.clone() });
            }
        }
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let known = self.person(&mut transaction, id).await?;
        let role = signed_in.role.as_str();
        match &known {
            Some(person) if person.blocked.is_some() => return Ok(person.clone()),
            Some(person) => {
                let same = person.issuer.as_ref().is_none_or(|issuer| *issuer == signed_in.issuer)
                    && person.subject.as_ref().is_none_or(|subject| *subject == signed_in.subject);
                if !same {
                    return Err(StoreError::PersonExists { person: id.to_owned() });
                }
                if person.role != signed_in.role {
                    for follow in [
                        "UPDATE keys SET role = $2 WHERE person = $1 AND role = $3",
                        "UPDATE sessions SET role = $2 WHERE person = $1 AND role = $3",
                    ] {
                        let follow = sqlx::query(follow).bind(id).bind(role).bind(person.role.as_str());
                        transaction.execute(follow).await.map_err(failed)?;
                    }
                }
            }
            None => {}
        }
        let upsert = "INSERT INTO people (id, name, role, created, issuer, subject, last_seen, tenant) \
                      VALUES ($1, $2, $3, $4, $5, $6, $4, $7) ON CONFLICT (id) DO UPDATE SET name = excluded.name, \
                      role = excluded.role, tenant = excluded.tenant, issuer = excluded.issuer, subject = excluded.subject, \
                      last_seen = excluded.last_seen";
        let upsert = sqlx::query(upsert)
            .bind(id)
            .bind(fitting_name(&signed_in.name, id))
            .bind(role)
            .bind(micros(now))
            .bind(&signed_in.issuer)
            .bind(&signed_in.subject)
            .bind(signed_in.tenant.as_str());
        match transaction.execute(upsert).await {
            Ok(_) => {}
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                return Err(StoreError::PersonExists { person: id.to_owned() });
            }
            Err(error) => return Err(failed(error)),
        }
        let groups = signed_in.groups.iter().map(String::as_str);
        self.replace_groups(&mut transaction, id, groups, now).await?;
        let person = self.person(&mut transaction, id).await?;
        transaction.commit().await.map_err(failed)?;
        person.ok_or_else(|| StoreError::UnknownPerson { person: id.to_owned() })
    }

    /// Blocks the person since `now`, or lets the person in again. Says whether that is a change; who is blocked stays
    /// blocked since the first time.
    pub async fn set_blocked(&self, person: &str, blocked: bool, now: Timestamp) -> Result<bool, StoreError> {
        let failed = |error| self.failed(error);
        let update = if blocked {
            sqlx::query("UPDATE people SET blocked = $2 WHERE id = $1 AND blocked IS NULL")
                .bind(person)
                .bind(micros(now))
        } else {
            sqlx::query("UPDATE people SET blocked = NULL WHERE id = $1 AND blocked IS NOT NULL").bind(person)
        };
        let is_change = self.pool.execute(update).await.map_err(failed)?.rows_affected() > 0;
        if !is_change && self.find_person(person).await?.is_none() {
            return Err(StoreError::UnknownPerson { person: person.to_owned() });
        }
        Ok(is_change)
    }

    pub async fn find_person(&self, id: &str) -> Result<Option<PersonRow>, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(|error| self.failed(error))?;
        self.person(&mut transaction, id).await
    }

    /// Everybody, by id.
    pub async fn people(&self) -> Result<Vec<PersonRow>, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(|error| self.failed(error))?;
        let query = "SELECT id, name, role, tenant, created, issuer, subject, blocked, last_seen FROM people ORDER BY id";
        let rows = transaction.fetch_all(query).await.map_err(|error| self.failed(error))?;
        let groups = self.groups(&mut transaction).await?;
        rows.iter().map(|row| self.read_person(row, &groups)).collect()
    }

    /// Gives the person another role, and with it all keys and sessions of that person.
    pub async fn set_role(&self, person: &str, role: Role) -> Result<(), StoreError> {
        let failed = |error| self.failed(error);
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let people =
            sqlx::query("UPDATE people SET role = $2 WHERE id = $1").bind(person).bind(role.as_str());
        if transaction.execute(people).await.map_err(failed)?.rows_affected() == 0 {
            return Err(StoreError::UnknownPerson { person: person.to_owned() });
        }
        for follow in
            ["UPDATE keys SET role = $2 WHERE person = $1", "UPDATE sessions SET role = $2 WHERE person = $1"]
        {
            let follow = sqlx::query(follow).bind(person).bind(role.as_str());
            transaction.execute(follow).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }

    /// From now on the person belongs to this tenant, with all keys and sessions. Conversations stay with the tenant in which
    /// they were begun, and their owner sees them again on coming back.
    pub async fn set_tenant(&self, person: &str, tenant: &Tenant) -> Result<(), StoreError> {
        let update =
            sqlx::query("UPDATE people SET tenant = $2 WHERE id = $1").bind(person).bind(tenant.as_str());
        match self.pool.execute(update).await.map_err(|error| self.failed(error))?.rows_affected() {
            0 => Err(StoreError::UnknownPerson { person: person.to_owned() }),
            _ => Ok(()),
        }
    }

    /// From now on the person belongs to exactly these groups; groups that are not there yet are made.
    pub async fn set_groups(&self, person: &str, groups: &[&str], now: Timestamp) -> Result<(), StoreError> {
        let failed = |error| self.failed(error);
        groups.iter().try_for_each(|group| check_name(group))?;
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let known = sqlx::query("SELECT id FROM people WHERE id = $1").bind(person);
        if transaction.fetch_optional(known).await.map_err(failed)?.is_none() {
            return Err(StoreError::UnknownPerson { person: person.to_owned() });
        }
        self.replace_groups(&mut transaction, person, groups.iter().copied(), now).await?;
        transaction.commit().await.map_err(failed)
    }

    async fn replace_groups(
        &self,
        connection: &mut SqliteConnection,
        person: &str,
        groups: impl Iterator<Item = &str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let failed = |error| self.failed(error);
        let leave = sqlx::query("DELETE FROM person_groups WHERE person = $1").bind(person);
        connection.execute(leave).await.map_err(failed)?;
        for group in groups {
            let make = "INSERT INTO groups (name, created) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            connection.execute(sqlx::query(make).bind(group).bind(micros(now))).await.map_err(failed)?;
            let join =
                "INSERT INTO person_groups (person, group_name) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            connection.execute(sqlx::query(join).bind(person).bind(group)).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn person(
        &self,
        connection: &mut SqliteConnection,
        id: &str,
    ) -> Result<Option<PersonRow>, StoreError> {
        let failed = |error| self.failed(error);
        let query = "SELECT id, name, role, tenant, created, issuer, subject, blocked, last_seen FROM people WHERE id = $1";
        let Some(row) = connection.fetch_optional(sqlx::query(query).bind(id)).await.map_err(failed)? else {
            return Ok(None);
        };
        let query = "SELECT group_name FROM person_groups WHERE person = $1 ORDER BY group_name";
        let groups = connection.fetch_all(sqlx::query(query).bind(id)).await.map_err(failed)?;
        let groups = groups.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>();
        self.read_person(&row, &HashMap::from([(id.to_owned(), groups.map_err(failed)?)])).map(Some)
    }

    fn read_person(
        &self,
        row: &SqliteRow,
        groups: &HashMap<String, Vec<String>>,
    ) -> Result<PersonRow, StoreError> {
        let failed = |error| self.failed(error);
        let id: String = row.try_get("id").map_err(failed)?;
        Ok(PersonRow {
            groups: groups.get(&id).cloned().unwrap_or_default(),
            name: row.try_get("name").map_err(failed)?,
            role: read_role(row.try_get("role").map_err(failed)?)?,
            tenant: read_tenant(row.try_get("tenant").map_err(failed)?)?,
            created: read_time(row.try_get("created").map_err(failed)?)?,
            issuer: row.try_get("issuer").map_err(failed)?,
            subject: row.try_get("subject").map_err(failed)?,
            blocked: self.read_optional_time(row, "blocked")?,
            last_seen: self.read_optional_time(row, "last_seen")?,
            id,
        })
    }
}

fn is_name(name: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&name.len()) && name.trim() == name && !name.chars().any(char::is_control)
}

/// What of a name from outside fits; the id when nothing does.
fn fitting_name(name: &str, id: &str) -> String {
    let mut fitting = String::new();
    for character in name.trim().chars().filter(|character| !character.is_control()) {
        if fitting.len() + character.len_utf8() > NAME_BYTES_MAX {
            break;
        }
        fitting.push(character);
    }
    let fitting = fitting.trim();
    if fitting.is_empty() { id.to_owned() } else { fitting.to_owned() }
}

#[cfg(test)]
mod tests;
