//! What people see of their own sign-ins.

use schleuse_identity::Verified;
use schleuse_types::Refusal;
use schleuse_wire::json::Value;
use schleuse_wire::{Credential, Peer, Reply};

use crate::reply::{object, text, texts, time};
use crate::session::{End, is_running};
use crate::{Asked, SignIn, refusal, reply};

impl SignIn {
    /// In which ways one can come in.
    pub(crate) fn methods(&self) -> Reply {
        let mut methods = Vec::new();
        for issuer in self.parts.issuers.list() {
            let (id, name) = (text(&issuer.id), text(&issuer.name));
            methods.push(object([("id", id), ("kind", text("oidc")), ("name", name)]));
        }
        for door in &self.parts.directories {
            methods.push(object([
                ("id", text(&door.id)),
                ("kind", text("ldap")),
                ("name", text(&door.name)),
            ]));
        }
        if self.is_demo() {
            let roles = texts(self.parts.demo.iter().map(|(role, _)| role.as_str()));
            methods.push(object([("kind", text("demo")), ("roles", roles)]));
        }
        methods.push(object([("kind", text("key"))]));
        let methods = methods.into_iter().map(Value::Object).collect();
        reply::json(object([("methods", Value::Array(methods))]))
    }

    pub(crate) async fn own_session(&self, asked: &Asked) -> Result<Reply, Refusal> {
        let verified = self.verify(asked).await?;
        self.describe(&verified, asked.peer).await
    }

    /// Who somebody is here, and what they may see.
    pub(crate) async fn describe(&self, verified: &Verified, peer: Peer) -> Result<Reply, Refusal> {
        let principal = verified.principal();
        let person = self.parts.store.find_person(&principal.person).await;
        let person = person.map_err(|error| refusal::internal(&error))?;
        let session = match verified.session() {
            None => Value::Null,
            Some(session) => {
                let row = self.rows().await?.into_iter().find(|row| row.id == session.id);
                let method = row.map_or(Value::Null, |row| text(row.method));
                Value::Object(object([
                    ("id", text(&session.id)),
                    ("created", time(session.created)),
                    ("expires", time(verified.expires().unwrap_or(session.expires))),
                    ("method", method),
                ]))
            }
        };
        Ok(reply::json(object([
            ("person", text(&principal.person)),
            ("name", text(person.map_or_else(|| principal.person.clone(), |person| person.name))),
            ("role", text(principal.role.as_str())),
            ("groups", texts(&principal.groups)),
            ("session", session),
            ("pages", texts((self.parts.pages)(verified, peer))),
        ])))
    }

    /// The asker's running sessions, newest first.
    pub(crate) async fn own_sessions(&self, asked: &Asked) -> Result<Reply, Refusal> {
        let own = self.own(asked).await?;
        let now = self.parts.clock.now();
        let mut rows = self.rows().await?;
        rows.retain(|row| row.person == own.person && is_running(row, now));
        let sessions = rows.into_iter().rev().map(|row| {
            Value::Object(object([
                ("current", Value::Bool(row.id == own.id)),
                ("id", text(row.id)),
                ("method", text(row.method)),
                ("created", time(row.created)),
                ("last_seen", time(row.last_seen)),
                ("expires", time(row.expires)),
                ("agent", text(row.agent)),
            ]))
        });
        let sessions = Value::Array(sessions.collect());
        Ok(reply::json(object([("sessions", sessions), ("next", Value::Null)])))
    }

    /// Ends one of the asker's sessions. Anybody else's is not there.
    pub(crate) async fn end_own(&self, asked: &Asked, session: &str) -> Result<Reply, Refusal> {
        let own = self.own(asked).await?;
        let now = self.parts.clock.now();
        let row = self.rows().await?.into_iter().find(|row| row.id == session && row.person == own.person);
        let row = row.filter(|row| is_running(row, now)).ok_or_else(refusal::not_found)?;
        self.end(asked, &row, End::Revoked).await?;
        let mut reply = reply::nothing();
        if row.id == own.id {
            reply.headers.push(("set-cookie", self.cookies.end_session()));
        }
        Ok(reply)
    }

    /// Ends the session of this browser; nobody's session is ended as well as one's own.
    pub(crate) async fn sign_out(&self, asked: &Asked) -> Result<Reply, Refusal> {
        if matches!(asked.credential, Some(Credential::Bearer(_))) {
            return Err(refusal::no_session());
        }
        let mut next = Value::Null;
        if let Ok(own) = self.own(asked).await {
            self.end(asked, &own, End::SignedOut).await?;
            next = own.issuer.and_then(|issuer| self.provider_sign_out(&issuer)).map_or(Value::Null, text);
        }
        let mut reply = reply::json(object([("next", next)]));
        reply.headers.push(("set-cookie", self.cookies.end_session()));
        Ok(reply)
    }
}
