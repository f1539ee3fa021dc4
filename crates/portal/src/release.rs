//! Texts that would be blocked, and that somebody else may let pass once.
//!
//! Whoever decides sees types and numbers of what was found and the reason, never the text. What is granted is bound to the very
//! text by a keyed hash that only the gate can make; the portal passes the id on, and the gate looks at everything itself.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use schleuse_identity::Verified;
use schleuse_store::{ReleaseRow, ReleaseState};
use schleuse_types::{Label, Language, Refusal, RefusalCode, Text};
use schleuse_wire::json::{Object, Value};
use schleuse_wire::{Arrival, Reply};

use crate::attaching::{PER_QUESTION_MAX, label_of};
use crate::attachment::composed;
use crate::body::{missing, read_fields, take_text, take_texts, wrong};
use crate::deed::{Deed, DeedKind};
use crate::message::{number, string, time};
use crate::portal::{Portal, Visitor, document};
use crate::refusals::Fault;
use crate::seal::Place;

/// Longest reason, model and label in bytes.
const REASON_BYTES_MAX: usize = 2000;
const NAME_BYTES_MAX: usize = 256;
const LABEL_BYTES_MAX: usize = 1024;
/// How many of one person may be open at once.
const OPEN_MAX: u32 = 20;

/// What the gate would block in a text, and what would have to be agreed to. Refuses what cannot be released.
pub type Releasable = Arc<
    dyn Fn(&Verified, Wished) -> Pin<Box<dyn Future<Output = Result<Blocked, Refusal>> + Send>> + Send + Sync,
>;

/// What somebody wants to pass.
#[derive(Debug, Clone)]
pub struct Wished {
    pub content: String,
    pub model: String,
    pub label: Label,
}

/// What is blocked in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The keyed hash of person, model and text.
    pub content: String,
    /// The label with what was found.
    pub label: Label,
    /// The model servers that it could go to.
    pub routes: Vec<String>,
    /// How many findings of which type.
    pub kinds: BTreeMap<String, u64>,
}

impl Portal {
    /// `POST releases`.
    pub(crate) async fn ask_release(&self, visitor: &Visitor, arrival: Arrival) -> Result<Reply, Refusal> {
        let content_bytes_max = self.limits.content_bytes_max;
        let bytes_max = content_bytes_max.saturating_mul(2).saturating_add(16 * 1024);
        let is_german = arrival.language == Language::German;
        let known = ["content", "attachments", "model", "label", "reason"];
        let mut fields = read_fields(arrival.body, bytes_max, &known).await?;
        let content =
            take_text(&mut fields, "content", content_bytes_max)?.ok_or_else(|| missing("content"))?;
        let model = take_text(&mut fields, "model", NAME_BYTES_MAX)?.ok_or_else(|| missing("model"))?;
        let label = take_text(&mut fields, "label", LABEL_BYTES_MAX)?;
        let label = label.map(|label| Label::parse(label.as_bytes())).transpose().map_err(|error| {
            wrong(
                "label",
                format!("The field `label` is {error}."),
                "Das Feld `label` ist keine Einstufung.".to_owned(),
            )
        })?;
        let label = label.unwrap_or_else(|| (self.standing)(&visitor.verified).default);
        let reason = take_text(&mut fields, "reason", REASON_BYTES_MAX)?.ok_or_else(|| missing("reason"))?;
        let reason = reason.trim();
        if reason.is_empty() {
            return Err(missing("reason"));
        }
        let attached = match fields.get("attachments") {
            Some(Value::Array(ids)) if ids.is_empty() => None,
            _ => take_texts(&mut fields, "attachments", PER_QUESTION_MAX, NAME_BYTES_MAX)?,
        };
        let (content, label) = match attached {
            None => (content, label),
            Some(ids) => self.with_attachments(visitor, &content, &ids, label, is_german).await?,
        };
        let wished = Wished { content, model: model.clone(), label };
        let blocked = (self.releasable)(&visitor.verified, wished).await?;
        let (person, now, id) = (visitor.person(), self.clock.now(), self.new_id()?);
        let key = self.archive.ensure_key(person).await?;
        let place = Place::Release { person, release: &id, created: now };
        let row = ReleaseRow {
            tenant: visitor.tenant().clone(),
            person: person.to_owned(),
            content: blocked.content,
            model,
            label: blocked.label,
            routes: blocked.routes.join(","),
            kinds: kinds_text(&blocked.kinds),
            reason: key.seal(&place, reason).map_err(Fault::from)?,
            created: now,
            expires: now.plus(self.limits.release_lifetime),
            state: ReleaseState::Waiting,
            decider: None,
            decided: None,
            id,
        };
        let deed = Deed {
            principal: visitor.verified.principal().clone(),
            request_id: visitor.request_id.to_string(),
            kind: DeedKind::ReleaseAsk,
            subject: row.id.clone(),
            owner: person.to_owned(),
            with: Vec::new(),
            label: Some(row.label.clone()),
            change: format!("types={} reason_characters={}", row.kinds, reason.chars().count()),
        };
        (self.note)(deed).await?;
        if !self.archive.store.ask_release(&row, OPEN_MAX).await.map_err(Fault::from)? {
            return Err(too_many());
        }
        let mut out = Object::new();
        out.set("id", string(&row.id));
        out.set("state", string(row.state.as_str()));
        out.set("types", kinds_json(&row.kinds));
        out.set("label", string(&row.label.to_string()));
        out.set("expires", time(row.expires));
        Ok(document(202, out))
    }

    /// The text as a model will read it with these files, and its label with theirs.
    async fn with_attachments(
        &self,
        visitor: &Visitor,
        content: &str,
        ids: &[String],
        label: Label,
        is_german: bool,
    ) -> Result<(String, Label), Refusal> {
        let person = visitor.person();
        let key = self.archive.ensure_key(person).await?;
        let (mut attached, mut texts) = (Vec::new(), HashMap::new());
        for id in ids {
            attached.push(self.attachment(visitor, id).await?.attached());
            texts.extend(self.text_of(&key, person, id).await?.map(|text| (id.as_str(), text)));
        }
        let (whole, _) = composed(content, &attached, |id| texts.get(id).map(String::as_str), is_german);
        Ok((whole, label_of(&attached, &label)))
    }

    /// `GET releases`: one's own, newest first.
    pub(crate) async fn releases(&self, visitor: &Visitor) -> Result<Reply, Refusal> {
        let rows = self.archive.store.releases().await.map_err(Fault::from)?;
        let now = self.clock.now();
        let mut shown = Vec::new();
        let own = |row: &&ReleaseRow| row.person == visitor.person() && row.tenant == *visitor.tenant();
        for row in rows.iter().filter(own) {
            let mut out = Object::new();
            out.set("id", string(&row.id));
            out.set("state", string(row.state_at(now)));
            let reason = self.reason_of_release(row).await;
            out.set("reason", reason.map_or(Value::Null, Value::String));
            out.set("types", kinds_json(&row.kinds));
            out.set("model", string(&row.model));
            out.set("label", string(&row.label.to_string()));
            out.set("created", time(row.created));
            out.set("expires", time(row.expires));
            out.set("note", Value::Null);
            shown.push(Value::Object(out));
        }
        let mut out = Object::new();
        out.set("releases", Value::Array(shown));
        Ok(document(200, out))
    }

    /// Why somebody asked; `None` when it does not open.
    pub async fn reason_of_release(&self, row: &ReleaseRow) -> Option<String> {
        let key = self.archive.key(&row.person).await.ok()??;
        let place = Place::Release { person: &row.person, release: &row.id, created: row.created };
        String::from_utf8(key.open(&place, &row.reason).ok()?).ok()
    }
}

/// `IBAN:1,…`, as the store has it.
fn kinds_text(kinds: &BTreeMap<String, u64>) -> String {
    let each: Vec<String> = kinds.iter().map(|(kind, count)| format!("{kind}:{count}")).collect();
    each.join(",")
}

fn kinds_json(kinds: &str) -> Value {
    let mut out = Object::new();
    for (kind, count) in kinds.split(',').filter_map(|part| part.rsplit_once(':')) {
        out.set(kind, number(count.parse().unwrap_or_default()));
    }
    Value::Object(out)
}

fn too_many() -> Refusal {
    Refusal::new(
        RefusalCode::RateLimited,
        Text::new(
            format!("You have {OPEN_MAX} releases that are open, and there is no room for more."),
            format!("Sie haben {OPEN_MAX} offene Freigaben für Texte, mehr Platz gibt es nicht."),
        ),
        Text::fixed(
            "Use those that were granted, or wait until one is over.",
            "Nutzen Sie die erteilten, oder warten Sie, bis eine vorbei ist.",
        ),
        "too many open releases of one person",
    )
    .with_retry_after(3600)
}

/// A release is used once, so it fits one answer, and what it is bound to is what was typed.
pub(crate) fn not_with_a_release() -> Refusal {
    wrong(
        "release",
        "A release is for one model and for the text as it is: neither `models` with several nor `masks` goes with it.".to_owned(),
        "Eine Freigabe gilt für ein Modell und für den Text, wie er ist: Weder mehrere `models` noch `masks` passen dazu.".to_owned(),
    )
}
