//! Sessions: made after somebody proved who they are, and ended.

use schleuse_audit::{Event, Record};
use schleuse_identity::{Identified, SessionRecord, SessionToken, Verified};
use schleuse_store::{PersonRow, SessionRow, SignedIn};
use schleuse_types::{Outcome, Presented, Refusal, Role, Tenant, Timestamp};
use schleuse_wire::Credential;

use crate::{Asked, SignIn, refusal};

/// Sessions of one person at once; one more ends the oldest.
const SESSIONS_MAX: usize = 50;

/// Somebody who proved who they are, on the way to a session.
pub(crate) struct Proved {
    pub(crate) person: String,
    pub(crate) role: Role,
    pub(crate) groups: Vec<String>,
    pub(crate) tenant: Tenant,
    pub(crate) method: &'static str,
    /// Who vouched, as whom, in which session of theirs.
    pub(crate) issuer: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) sid: Option<String>,
    /// The key that was shown; the session ends with it.
    pub(crate) key: Option<String>,
    /// When the proof ends, if it does.
    pub(crate) expires: Option<Timestamp>,
}

/// Why a session ended, as the audit log has it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    SignedOut,
    /// Its owner ended it from another browser, or to make room.
    Revoked,
    /// Somebody signed in with the same browser.
    Replaced,
    /// The provider ended it.
    LoggedOut,
}

impl End {
    fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Revoked => "revoked",
            Self::Replaced => "replaced",
            Self::LoggedOut => "logged_out",
        }
    }
}

impl SignIn {
    /// The person for whom an issuer or a directory vouches, as the house knows them from now on.
    pub(crate) async fn know(
        &self,
        asked: &Asked,
        identified: Identified,
        method: &'static str,
    ) -> Result<Proved, Refusal> {
        let signed_in = SignedIn {
            id: identified.person,
            name: identified.name,
            issuer: identified.issuer.clone(),
            subject: identified.subject.clone(),
            role: identified.role,
            groups: identified.groups,
            tenant: identified.tenant,
        };
        let stored = self.parts.store.sign_in_person(&signed_in, self.parts.clock.now()).await;
        let person = stored.map_err(|error| refusal::internal(&error))?;
        let proved = self.unless_blocked(asked, person, method).await?;
        Ok(Proved {
            issuer: Some(identified.issuer),
            subject: Some(identified.subject),
            sid: identified.sid,
            ..proved
        })
    }

    /// A person of this house, unless an administrator has blocked them.
    pub(crate) async fn unless_blocked(
        &self,
        asked: &Asked,
        person: PersonRow,
        method: &'static str,
    ) -> Result<Proved, Refusal> {
        if person.blocked.is_some() {
            let mut record =
                self.record(asked, Event::Other("session.refuse"), &person.id, person.role, &person.tenant);
            record.action = Some(Outcome::Denied);
            record.code = Some(refusal::blocked().code.recorded().to_owned());
            self.write(record).await?;
            return Err(refusal::blocked());
        }
        Ok(Proved {
            person: person.id,
            role: person.role,
            groups: person.groups,
            tenant: person.tenant,
            method,
            issuer: None,
            subject: None,
            sid: None,
            key: None,
            expires: None,
        })
    }

    /// Makes a session: stored, recorded, and only then given out. It is always a new one, whatever the browser brought;
    /// the one that it had, `before`, ends.
    pub(crate) async fn mint(
        &self,
        asked: &Asked,
        proved: Proved,
        before: Option<&str>,
    ) -> Result<SessionToken, Refusal> {
        let parts = &self.parts;
        let now = parts.clock.now();
        let token = SessionToken::generate(&*parts.random).map_err(|error| refusal::internal(&error))?;
        let hash = token.hash(&parts.pepper);
        let latest = now.plus(parts.settings.absolute);
        let idle_micros = u64::try_from(parts.settings.idle.as_micros()).unwrap_or(u64::MAX);
        let row = SessionRow {
            id: hash.session_id(),
            hash: hash.0,
            person: proved.person,
            role: proved.role,
            method: proved.method.to_owned(),
            issuer: proved.issuer,
            subject: proved.subject,
            sid: proved.sid,
            key: proved.key,
            agent: asked.agent.as_deref().map(crate::agent::in_words).unwrap_or_default(),
            created: now,
            last_seen: now,
            idle_micros,
            expires: proved.expires.map_or(latest, |expires| latest.min(expires)),
            revoked: None,
        };
        parts.store.insert_session(&row).await.map_err(|error| refusal::internal(&error))?;
        let mut record = self.record(asked, Event::SessionCreate, &row.person, row.role, &proved.tenant);
        record.source = Some(row.id.clone());
        if let Err(unrecorded) = self.write(record).await {
            // Nobody holds its token; ended all the same, so that no list shows it.
            let _ = parts.store.revoke_session(&row.id, now).await;
            return Err(unrecorded);
        }
        parts.identity.admit_session(SessionRecord {
            id: row.id.clone(),
            hash,
            person: row.person.clone(),
            role: row.role,
            groups: proved.groups,
            tenant: proved.tenant,
            key: row.key.clone(),
            created: now,
            last_seen: now,
            idle_micros,
            expires: row.expires,
            revoked: None,
        });
        self.tidy(asked, &row, before).await?;
        Ok(token)
    }

    /// Ends the session that a browser had before, and the oldest ones of a person who has too many: whoever proves
    /// themselves again and again does not fill the disk.
    async fn tidy(&self, asked: &Asked, newest: &SessionRow, before: Option<&str>) -> Result<(), Refusal> {
        let rows = self.rows().await?;
        let now = self.parts.clock.now();
        let is_before = |row: &&SessionRow| before == Some(row.id.as_str());
        if let Some(row) = rows.iter().find(is_before) {
            self.end(asked, row, End::Replaced).await?;
        }
        // Oldest first, as the store gives them.
        let own = rows.iter().filter(|row| row.person == newest.person && is_running(row, now));
        let own: Vec<_> = own.filter(|row| !is_before(row)).collect();
        for row in own.iter().take(own.len().saturating_sub(SESSIONS_MAX)) {
            self.end(asked, row, End::Revoked).await?;
        }
        Ok(())
    }

    /// Ends a session: for everybody at once, then for good, then on record.
    pub(crate) async fn end(&self, asked: &Asked, row: &SessionRow, end: End) -> Result<(), Refusal> {
        let now = self.parts.clock.now();
        self.parts.identity.end_session(&row.id, now);
        let ended = self.parts.store.revoke_session(&row.id, now).await;
        if ended.map_err(|error| refusal::internal(&error))? {
            self.write_end(asked, row, end).await?;
        }
        Ok(())
    }

    pub(crate) async fn write_end(&self, asked: &Asked, row: &SessionRow, end: End) -> Result<(), Refusal> {
        // A session does not know its tenant, and it ends seldom enough to look.
        let tenant =
            self.parts.store.tenant_of(&row.person).await.map_err(|error| refusal::internal(&error))?;
        let tenant = tenant.unwrap_or_default();
        let mut record = self.record(asked, Event::SessionEnd, &row.person, row.role, &tenant);
        record.source = Some(row.id.clone());
        record.code = Some(end.as_str().to_owned());
        self.write(record).await
    }

    /// The session of the browser that asks, if it is good.
    pub(crate) async fn own(&self, asked: &Asked) -> Result<SessionRow, Refusal> {
        let verified = match &asked.credential {
            Some(Credential::Bearer(_)) => return Err(refusal::no_session()),
            _ => self.verify(asked).await?,
        };
        let id = &verified.principal().credential;
        let row = self.rows().await?.into_iter().find(|row| row.id == *id);
        row.ok_or_else(|| refusal::internal(&"a verified session is not in the store"))
    }

    /// Whoever asks, by whatever they brought.
    pub(crate) async fn verify(&self, asked: &Asked) -> Result<Verified, Refusal> {
        let presented = asked.credential.as_ref().map(Credential::presented);
        self.parts.identity.verify(presented, self.parts.clock.now()).await
    }

    /// Whoever holds a session that was just made.
    pub(crate) async fn verify_new(&self, token: &SessionToken) -> Result<Verified, Refusal> {
        let presented = Presented::Session(token.expose_printed());
        self.parts.identity.verify(Some(presented), self.parts.clock.now()).await
    }

    /// Every session that the store knows, oldest first.
    pub(crate) async fn rows(&self) -> Result<Vec<SessionRow>, Refusal> {
        self.parts.store.sessions().await.map_err(|error| refusal::internal(&error))
    }

    fn record(&self, asked: &Asked, event: Event, person: &str, role: Role, tenant: &Tenant) -> Record {
        let mut record = Record::new(event);
        record.request_id = asked.id.to_string();
        record.user = self.parts.pseudonyms.name(person);
        record.role = Some(role);
        record.tenant.clone_from(tenant);
        record.action = Some(Outcome::Allowed);
        record.surface = Some(asked.path.clone());
        record
    }

    async fn write(&self, record: Record) -> Result<(), Refusal> {
        let appended = self.parts.log.append(record).await;
        appended.map(drop).map_err(|error| refusal::audit_unavailable(&error))
    }
}

/// Whether the session is good as far as the store knows; a use that was not stored yet may have prolonged it.
pub(crate) fn is_running(row: &SessionRow, now: Timestamp) -> bool {
    let idle_end = row.last_seen.0.saturating_add(row.idle_micros);
    row.revoked.is_none() && now < row.expires && now.0 < idle_end
}
