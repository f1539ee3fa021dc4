//! Signing in with what somebody knows or has: a name and a password, a key, and the buttons of a demo house.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use schleuse_identity::{ApiKey, DirectoryError};
use schleuse_types::{Presented, Refusal, RefusalCode, Role, Secret, Text};
use schleuse_wire::json::{Bounds, Object, Value, parse};
use schleuse_wire::{ArrivalBody, Reply};

use crate::session::Proved;
use crate::source::Source;
use crate::{Asked, SignIn, refusal};

/// Longest body in bytes.
const BODY_BYTES_MAX: usize = 8 * 1024;
const NAME_BYTES_MAX: usize = 256;
const PASSWORD_BYTES_MAX: usize = 1024;

impl SignIn {
    /// `{"name","password"}`
    pub(crate) async fn by_password(
        &self,
        asked: &Asked,
        directory: &str,
        body: ArrivalBody,
    ) -> Result<Reply, Refusal> {
        let door = self.parts.directories.iter().find(|door| door.id == directory);
        let door = door.ok_or_else(refusal::not_found)?;
        let body = read_object(body).await?;
        let name = string(&body, "name", NAME_BYTES_MAX)?;
        let password = Secret::new(string(&body, "password", PASSWORD_BYTES_MAX)?.to_owned());
        let key = (door.id.clone(), throttled_name(name));
        let source = Source::of(asked.peer.address);
        self.throttle(&source)?;
        if let Err(wait) = self.names.begin(&key, self.parts.clock.monotonic()) {
            self.sources.take_back(&source);
            return Err(refusal::too_many_attempts(seconds(wait)));
        }
        match door.directory.authenticate(name, &password).await {
            Ok(identified) => {
                self.names.forget(&key);
                self.sources.take_back(&source);
                let proved = self.know(asked, identified, "ldap").await?;
                self.welcome(asked, proved).await
            }
            Err(error) => {
                if error == DirectoryError::Refused {
                    self.count_failure(asked);
                } else {
                    self.names.take_back(&key);
                    self.sources.take_back(&source);
                }
                Err(refuse(&error))
            }
        }
    }

    /// `{"key"}`: a session that may do what the key may, and ends with it.
    pub(crate) async fn by_key(&self, asked: &Asked, body: ArrivalBody) -> Result<Reply, Refusal> {
        let body = read_object(body).await?;
        let key = Secret::new(string(&body, "key", NAME_BYTES_MAX)?.trim().to_owned());
        let source = Source::of(asked.peer.address);
        self.throttle(&source)?;
        // Only a key of this house: a provider's access token was given to a program, not to be a person's sign-in.
        let verified = match ApiKey::parse(key.expose()) {
            Ok(_) => {
                self.parts
                    .identity
                    .verify(Some(Presented::Bearer(key.expose())), self.parts.clock.now())
                    .await
            }
            Err(_) => Err(wrong_key()),
        };
        let verified = verified.inspect_err(|_| self.count_failure(asked))?;
        self.sources.take_back(&source);
        let principal = verified.principal();
        let proved = Proved {
            person: principal.person.clone(),
            role: principal.role,
            groups: principal.groups.clone(),
            tenant: principal.tenant.clone(),
            method: "key",
            issuer: None,
            subject: None,
            sid: None,
            key: Some(principal.credential.clone()),
            expires: verified.expires(),
        };
        self.welcome(asked, proved).await
    }

    /// `{"role"}`
    pub(crate) async fn by_demo(&self, asked: &Asked, body: ArrivalBody) -> Result<Reply, Refusal> {
        let body = read_object(body).await?;
        let role =
            Role::parse(string(&body, "role", NAME_BYTES_MAX)?).map_err(|_| refusal::bad_field("role"))?;
        let person = self.parts.demo.iter().find(|(known, _)| *known == role).map(|(_, person)| person);
        let person = person.ok_or_else(|| refusal::bad_field("role"))?;
        let found = self.parts.store.find_person(person).await.map_err(|error| refusal::internal(&error))?;
        let found = found.ok_or_else(|| refusal::internal(&"a person of the demo is not in the store"))?;
        let proved = self.unless_blocked(asked, found, "demo").await?;
        self.welcome(asked, proved).await
    }

    /// A new session in a cookie, and who its holder is.
    async fn welcome(&self, asked: &Asked, proved: Proved) -> Result<Reply, Refusal> {
        let before = self.own(asked).await.ok().map(|own| own.id);
        let token = self.mint(asked, proved, before.as_deref()).await?;
        let verified = self.verify_new(&token).await?;
        let mut reply = self.describe(&verified, asked.peer).await?;
        reply.headers.push(("set-cookie", self.cookies.session(token.expose_printed())));
        Ok(reply)
    }

    fn throttle(&self, source: &Source) -> Result<(), Refusal> {
        let begun = self.sources.begin(source, self.parts.clock.monotonic());
        begun.map_err(|wait| refusal::too_many_attempts(seconds(wait)))
    }
}

/// The whole body, if it is not longer than it may be.
pub(crate) async fn read(body: ArrivalBody, bytes_max: usize) -> Result<Bytes, Refusal> {
    let collected = Limited::new(body, bytes_max).collect().await;
    collected.map(|body| body.to_bytes()).map_err(|_too_long_or_broken| refusal::bad_body())
}

async fn read_object(body: ArrivalBody) -> Result<Object, Refusal> {
    let body = read(body, BODY_BYTES_MAX).await?;
    match parse(&body, &Bounds { depth_max: 4, nodes_max: 64 }) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) | Err(_) => Err(refusal::bad_body()),
    }
}

fn string<'a>(body: &'a Object, field: &'static str, bytes_max: usize) -> Result<&'a str, Refusal> {
    let text = body.get(field).and_then(Value::as_str);
    text.filter(|text| !text.is_empty() && text.len() <= bytes_max).ok_or_else(|| refusal::bad_field(field))
}

/// The name as a directory compares it, so that no other spelling is a way around the throttle.
///
/// Directories ignore case and space (RFC 4518) and take look-alikes of compatibility for the letters themselves. Beyond
/// Latin-1, where there are none, all names together count as one.
fn throttled_name(name: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii() || ('\u{c0}'..='\u{ff}').contains(&letter);
    if name.chars().all(is_plain) {
        name.split_ascii_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
    } else {
        String::new()
    }
}

fn refuse(error: &DirectoryError) -> Refusal {
    match error {
        DirectoryError::Refused => refusal::wrong_password(error.to_string()),
        DirectoryError::NoRole => refusal::no_role(),
        error => refusal::unreachable(error.to_string()),
    }
}

/// One text for every text that is no key of this house.
fn wrong_key() -> Refusal {
    Refusal::new(
        RefusalCode::InvalidApiKey,
        Text::fixed("This is not an API key of this house.", "Das ist kein API-Schlüssel dieses Hauses."),
        Text::fixed(
            "Copy the whole key again; it begins with `sk-schl`.",
            "Kopieren Sie den Schlüssel noch einmal vollständig; er beginnt mit `sk-schl`.",
        ),
        "what was shown has not the form of a key",
    )
}

fn seconds(wait: std::time::Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::throttled_name;

    fn check(name: &str, expected: &str) {
        assert_eq!(throttled_name(name), expected, "{name}");
    }

    #[test]
    fn another_spelling_is_the_same_name() {
        check("Anna", "anna");
        check(" anna  schmidt ", "anna schmidt");
        check("JÖRG", "jörg");
        for name in ["ａｎｎａ", "an\u{ad}na\u{200b}", "Jo\u{308}rg", "𝐚nna", "\u{17f}am"] {
            check(name, "");
        }
    }
}
