//! The body of a request: bounded, one JSON object, every member known.

use schleuse_types::{Refusal, Role, Tenant};
use schleuse_wire::fields::nearest_of;
use schleuse_wire::invalid_request;
use schleuse_wire::json::{Bounds, Object, Value, parse};

/// The longest body that is read, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;
const BOUNDS: Bounds = Bounds { depth_max: 8, nodes_max: 2_000 };
/// Groups or scopes in one list.
const LIST_MAX: usize = 64;

/// The members of a body. What was not taken when [`Body::finish`] is called is unknown and refused.
pub(crate) struct Body {
    members: Object,
    known: Vec<&'static str>,
}

impl Body {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        // A route that needs no members takes a body that is not there for an empty one.
        let bytes = if bytes.is_empty() { b"{}" } else { bytes };
        match parse(bytes, &BOUNDS) {
            Ok(Value::Object(members)) => Ok(Self { members, known: Vec::new() }),
            Ok(other) => Err(invalid_request(
                format!("The body must be a JSON object, not {}.", other.kind()),
                "Der Inhalt muss ein JSON-Objekt sein.",
                "body is no object",
                None,
            )),
            Err(error) => Err(invalid_request(
                format!("The body is not accepted: {error}."),
                format!("Der Inhalt wird nicht angenommen: {error}."),
                "body is no JSON",
                None,
            )),
        }
    }

    /// A text that must be there.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<String, Refusal> {
        self.optional_text(name)?.ok_or_else(|| {
            invalid_request(
                format!("`{name}` is missing."),
                format!("`{name}` fehlt."),
                "a member is missing",
                Some(name),
            )
        })
    }

    pub(crate) fn optional_text(&mut self, name: &'static str) -> Result<Option<String>, Refusal> {
        match self.take(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_kind(name, "a string", "eine Zeichenkette", &other)),
        }
    }

    pub(crate) fn optional_role(&mut self, name: &'static str) -> Result<Option<Role>, Refusal> {
        let Some(text) = self.optional_text(name)? else { return Ok(None) };
        Role::parse(&text).map(Some).map_err(|error| {
            let names = Role::ALL.map(Role::as_str).join("`, `");
            invalid_request(
                format!("`{name}` is {error}."),
                format!("`{name}` ist keine Rolle; es gibt `{names}`."),
                "no role",
                Some(name),
            )
        })
    }

    /// One of `known`.
    pub(crate) fn optional_tenant(
        &mut self,
        name: &'static str,
        known: &[Tenant],
    ) -> Result<Option<Tenant>, Refusal> {
        let Some(text) = self.optional_text(name)? else { return Ok(None) };
        let tenant = known.iter().find(|tenant| tenant.as_str() == text);
        tenant.cloned().map(Some).ok_or_else(|| {
            let names = known.iter().map(Tenant::as_str).collect::<Vec<_>>().join("`, `");
            invalid_request(
                format!("`{name}` is no tenant of this house; there is `{names}`."),
                format!("`{name}` ist kein Mandant dieses Hauses; es gibt `{names}`."),
                "no tenant",
                Some(name),
            )
        })
    }

    pub(crate) fn optional_flag(&mut self, name: &'static str) -> Result<Option<bool>, Refusal> {
        match self.take(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(wrong_kind(name, "a boolean", "wahr oder falsch", &other)),
        }
    }

    /// A number from 1 to `max`.
    pub(crate) fn optional_count(&mut self, name: &'static str, max: u64) -> Result<Option<u64>, Refusal> {
        let value = match self.take(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => value,
        };
        let count = value.as_i64().and_then(|count| u64::try_from(count).ok());
        count.filter(|count| (1..=max).contains(count)).map(Some).ok_or_else(|| {
            invalid_request(
                format!("`{name}` must be a whole number from 1 to {max}."),
                format!("`{name}` muss eine ganze Zahl von 1 bis {max} sein."),
                "a number out of range",
                Some(name),
            )
        })
    }

    /// A list of texts, sorted, each once.
    pub(crate) fn optional_texts(&mut self, name: &'static str) -> Result<Option<Vec<String>>, Refusal> {
        let items = match self.take(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(items)) if items.len() <= LIST_MAX => items,
            Some(other) => {
                let english = format!("a list of at most {LIST_MAX} strings");
                let german = format!("eine Liste von höchstens {LIST_MAX} Zeichenketten");
                return Err(wrong_kind(name, &english, &german, &other));
            }
        };
        let mut texts = Vec::new();
        for item in items {
            match item {
                Value::String(text) => texts.push(text),
                other => {
                    return Err(wrong_kind(
                        name,
                        "a list of strings",
                        "eine Liste von Zeichenketten",
                        &other,
                    ));
                }
            }
        }
        texts.sort();
        texts.dedup();
        Ok(Some(texts))
    }

    /// Refuses what nobody asked for.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        let Some((name, _)) = self.members.iter().next() else { return Ok(()) };
        let names = self.known.join("`, `");
        let (english, german) = match nearest_of(self.known.iter().copied(), name) {
            Some(nearest) => (format!("Did you mean `{nearest}`?"), format!("Meinten Sie `{nearest}`?")),
            None if self.known.is_empty() => {
                ("Nothing is taken here.".into(), "Hier wird nichts angenommen.".into())
            }
            None => (format!("There is `{names}`."), format!("Es gibt `{names}`.")),
        };
        Err(invalid_request(
            format!("There is no member `{name}` here. {english}"),
            format!("Einen Eintrag `{name}` gibt es hier nicht. {german}"),
            "unknown member",
            Some(name),
        ))
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.members.remove(name)
    }
}

fn wrong_kind(name: &str, english: &str, german: &str, found: &Value) -> Refusal {
    invalid_request(
        format!("`{name}` must be {english}, not {}.", found.kind()),
        format!("`{name}` muss {german} sein."),
        "a member of the wrong kind",
        Some(name),
    )
}

#[cfg(test)]
mod tests {
    use super::Body;

    fn check(text: &str, expected: &str) {
        let read = (|| {
            let mut body = Body::read(text.as_bytes())?;
            let name = body.text("name")?;
            let role = body.optional_role("role")?;
            let groups = body.optional_texts("groups")?;
            let blocked = body.optional_flag("blocked")?;
            let expires = body.optional_count("expires_s", 100)?;
            body.finish()?;
            Ok(format!("{name} {role:?} {groups:?} {blocked:?} {expires:?}"))
        })();
        let read =
            read.unwrap_or_else(|refusal: schleuse_types::Refusal| refusal.message.english.into_owned());
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn bodies_are_read_strictly() {
        check(r#"{"name":"a"}"#, "a None None None None");
        check(
            r#"{"name":"a","role":"admin","groups":["y","x","y"],"blocked":true,"expires_s":100}"#,
            r#"a Some(Admin) Some(["x", "y"]) Some(true) Some(100)"#,
        );
        check("", "`name` is missing.");
        check("[]", "The body must be a JSON object, not an array.");
        check(
            r#"{"name":"a","name":"b"}"#,
            "The body is not accepted: duplicate key in an object at byte 12.",
        );
        check(r#"{"name":1}"#, "`name` must be a string, not a number.");
        check(r#"{"name":"a","groups":"x"}"#, "`groups` must be a list of at most 64 strings, not a string.");
        check(r#"{"name":"a","groups":[1]}"#, "`groups` must be a list of strings, not a number.");
        check(r#"{"name":"a","blocked":"yes"}"#, "`blocked` must be a boolean, not a string.");
        check(r#"{"name":"a","expires_s":101}"#, "`expires_s` must be a whole number from 1 to 100.");
        check(
            r#"{"name":"a","role":"boss"}"#,
            "`role` is not a role; the roles are employee, engineer, security, admin and auditor.",
        );
        check(r#"{"name":"a","rolle":"admin"}"#, "There is no member `rolle` here. Did you mean `role`?");
    }
}
