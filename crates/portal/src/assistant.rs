//! Assistants: instructions that a conversation begins with, written by people, reviewed by others, published to readers.
//!
//! A draft is submitted with the readers that it is meant for, reviewed by somebody else who may, and then published or
//! returned; a change of a published one is a draft beside it until it takes its place. What a conversation began with it
//! keeps, whatever becomes of the assistant. The instructions go to the model as the first message, through the gate and
//! inspected like everything, and their label is part of the conversation's. Those of the house are in module `ready`.

mod kept;
mod ready;

use std::collections::HashSet;

use schleuse_store::{AssistantRow, PersonRow};
use schleuse_types::{Label, Language, Refusal, RefusalCode, Text};
use schleuse_wire::json::{Object, Value};
use schleuse_wire::{Arrival, Peer, Reply, invalid_request};

use crate::assistant::kept::{Assistant, Stage};
use crate::assistant::ready::READY;
use crate::body::{missing, read_fields, take_count, take_flag, take_text, wrong};
use crate::deed::{Deed, DeedKind, Duty, Sight};
use crate::message::{Begun, string};
use crate::portal::{Portal, SMALL_BODY_BYTES_MAX, Visitor, document, nothing};
use crate::prompt::{in_one_line, take_list};
use crate::refusals::{self, Fault};
use crate::seal::DataKey;
use crate::share::{Owners, READER_BYTES_MAX, READERS_MAX, SHOWN_MAX, is_reader, reader_keys};

/// Of one person, drafts included.
const ASSISTANTS_MAX: usize = 50;
/// In bytes.
const NAME_BYTES_MAX: usize = 200;
const PURPOSE_BYTES_MAX: usize = 1000;
const INSTRUCTIONS_BYTES_MAX: usize = 16 * 1024;
const STARTER_BYTES_MAX: usize = 500;
const NOTE_BYTES_MAX: usize = 2000;
const MODEL_BYTES_MAX: usize = 256;
const LABEL_BYTES_MAX: usize = 1024;
const STARTERS_MAX: usize = 6;
/// Largest body. JSON may write a byte of text in six.
const BODY_BYTES_MAX: usize = INSTRUCTIONS_BYTES_MAX * 6 + 64 * 1024;

/// What a body says of an assistant; what is not said stays.
#[derive(Default)]
struct Wish {
    name: Option<String>,
    purpose: Option<String>,
    instructions: Option<String>,
    starters: Option<Vec<String>>,
    /// `Some(None)`: none from now on.
    model: Option<Option<String>>,
    label: Option<Option<Label>>,
}

impl Wish {
    async fn read(arrival: Arrival) -> Result<Self, Refusal> {
        let known = ["name", "purpose", "instructions", "model", "label", "starters"];
        let mut fields = read_fields(arrival.body, BODY_BYTES_MAX, &known).await?;
        let is_said = |fields: &Object, name: &str| fields.get(name).is_some();
        let (has_model, has_label) = (is_said(&fields, "model"), is_said(&fields, "label"));
        let name = take_text(&mut fields, "name", NAME_BYTES_MAX)?;
        let purpose = take_text(&mut fields, "purpose", PURPOSE_BYTES_MAX)?;
        let model = take_text(&mut fields, "model", MODEL_BYTES_MAX)?;
        let label = take_text(&mut fields, "label", LABEL_BYTES_MAX)?;
        let label = label.map(|label| Label::parse(label.as_bytes())).transpose().map_err(|error| {
            wrong(
                "label",
                format!("The field `label` is {error}."),
                "Das Feld `label` ist keine Einstufung.".to_owned(),
            )
        })?;
        Ok(Self {
            name: name.map(|name| in_one_line(&name, "name")).transpose()?,
            purpose: purpose.map(|purpose| in_one_line(&purpose, "purpose")).transpose()?,
            instructions: take_text(&mut fields, "instructions", INSTRUCTIONS_BYTES_MAX)?,
            starters: take_list(&mut fields, "starters", STARTERS_MAX, STARTER_BYTES_MAX)?,
            model: has_model.then_some(model),
            label: has_label.then_some(label),
        })
    }

    fn is_empty(&self) -> bool {
        self.name.is_none()
            && self.purpose.is_none()
            && self.instructions.is_none()
            && self.starters.is_none()
            && self.model.is_none()
            && self.label.is_none()
    }

    /// The draft with what was said in it.
    fn apply(self, assistant: &mut Assistant) {
        let Self { name, purpose, instructions, starters, model, label } = self;
        assistant.name = name.unwrap_or_else(|| std::mem::take(&mut assistant.name));
        assistant.purpose = purpose.unwrap_or_else(|| std::mem::take(&mut assistant.purpose));
        assistant.instructions = instructions.unwrap_or_else(|| std::mem::take(&mut assistant.instructions));
        assistant.starters = starters.unwrap_or_else(|| std::mem::take(&mut assistant.starters));
        assistant.model = model.unwrap_or_else(|| assistant.model.take());
        assistant.declared = label.unwrap_or_else(|| assistant.declared.take());
    }
}

/// How somebody looks at an assistant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Eyes {
    Owner,
    /// May review it and has not written it.
    Reviewer,
    Reader,
}

/// An assistant that somebody may see.
struct Seen {
    assistant: Assistant,
    owner: PersonRow,
    eyes: Eyes,
}

impl Seen {
    fn to_json(&self) -> Object {
        let is_inside = self.eyes != Eyes::Reader;
        let may_review = self.eyes == Eyes::Reviewer && self.assistant.stage == Stage::InReview;
        self.assistant.to_json(&self.owner.name, self.eyes == Eyes::Owner, is_inside, may_review)
    }
}

impl Portal {
    /// Those of the house, one's own, those that others published to this person, and those that wait for their review.
    pub(crate) async fn assistants(&self, visitor: &Visitor, peer: Peer) -> Result<Reply, Refusal> {
        let reader = visitor.verified.principal();
        let mut told: Vec<Value> = READY.iter().map(|ready| Value::Object(ready.to_json(false))).collect();
        let store = &self.archive.store;
        let mut rows = store.assistants(&reader.person).await.map_err(Fault::from)?;
        let mut others = Vec::new();
        for key in reader_keys(reader) {
            others.extend(store.assistants_for(&key, SHOWN_MAX).await.map_err(Fault::from)?);
        }
        others.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        rows.extend(others.into_iter().take(usize::try_from(SHOWN_MAX).unwrap_or(usize::MAX)));
        let may_review = self.may_review(visitor, peer);
        if may_review {
            let waiting = store.assistants_in(Stage::InReview.as_str(), SHOWN_MAX).await;
            rows.extend(waiting.map_err(Fault::from)?);
        }
        let (mut owners, mut seen) = (Owners::default(), HashSet::new());
        for row in &rows {
            let is_news = seen.insert(row.id.clone());
            if let Some(found) = self.look(visitor, row, may_review, Sight::Glance, &mut owners).await?
                && is_news
            {
                told.push(Value::Object(found.to_json()));
            }
        }
        let mut out = Object::new();
        out.set("assistants", Value::Array(told));
        Ok(document(200, out))
    }

    /// With its instructions.
    pub(crate) async fn assistant(&self, visitor: &Visitor, peer: Peer, id: &str) -> Result<Reply, Refusal> {
        if let Some(ready) = ready::find(id) {
            return Ok(document(200, ready.to_json(true)));
        }
        let seen = self.find_assistant(visitor, peer, id, Sight::Reading).await?;
        let mut out = seen.to_json();
        out.set("instructions", string(&seen.assistant.instructions));
        Ok(document(200, out))
    }

    pub(crate) async fn make_assistant(&self, visitor: &Visitor, arrival: Arrival) -> Result<Reply, Refusal> {
        let wish = Wish::read(arrival).await?;
        let person = visitor.person();
        let key = self.archive.ensure_key(person).await?;
        let _turn = self.turn(person).await;
        let now = self.clock.now();
        let mut assistant = Assistant::blank(self.new_id()?, person, now);
        for (name, is_missing) in [
            ("name", wish.name.is_none()),
            ("purpose", wish.purpose.is_none()),
            ("instructions", wish.instructions.is_none()),
        ] {
            if is_missing {
                return Err(missing(name));
            }
        }
        wish.apply(&mut assistant);
        self.check_room_for_assistant(person).await?;
        self.label_assistant(visitor, &mut assistant, false).await?;
        self.put_assistant(&key, &assistant, None).await?;
        self.own_assistant_reply(201, visitor, assistant).await
    }

    /// What was published stays as it is: its change is a draft beside it, and the same one as long as it is not published.
    pub(crate) async fn change_assistant(
        &self,
        visitor: &Visitor,
        id: &str,
        arrival: Arrival,
    ) -> Result<Reply, Refusal> {
        let wish = Wish::read(arrival).await?;
        if wish.is_empty() {
            return Err(wrong(
                "instructions",
                "One of the fields `name`, `purpose`, `instructions`, `model`, `label` and `starters` must be there."
                    .to_owned(),
                "Eines der Felder `name`, `purpose`, `instructions`, `model`, `label` und `starters` muss da sein."
                    .to_owned(),
            ));
        }
        let person = visitor.person();
        let _turn = self.turn(person).await;
        let (key, mut assistant) = self.own_assistant(visitor, id).await?;
        let now = self.clock.now();
        let mut status = 200;
        if assistant.stage == Stage::Published {
            let own = self.archive.store.assistants(person).await.map_err(Fault::from)?;
            let draft = own.iter().find(|row| row.of.as_deref() == Some(id));
            assistant = match draft.and_then(|row| Assistant::open(&key, row)) {
                Some(draft) => draft,
                None => {
                    self.check_room_for_assistant(person).await?;
                    status = 201;
                    Assistant { id: self.new_id()?, of: Some(id.to_owned()), created: now, ..assistant }
                }
            };
        }
        wish.apply(&mut assistant);
        // Also of one in review: what was looked at is not there any more.
        assistant.stage = Stage::Draft;
        assistant.version = assistant.version.saturating_add(1);
        assistant.updated = now;
        self.label_assistant(visitor, &mut assistant, false).await?;
        self.put_assistant(&key, &assistant, None).await?;
        self.own_assistant_reply(status, visitor, assistant).await
    }

    /// Hands a draft to those who review, with the readers that it is meant for.
    pub(crate) async fn submit_assistant(
        &self,
        visitor: &Visitor,
        id: &str,
        arrival: Arrival,
    ) -> Result<Reply, Refusal> {
        let mut fields = read_fields(arrival.body, SMALL_BODY_BYTES_MAX, &["with"]).await?;
        let with = take_list(&mut fields, "with", READERS_MAX, READER_BYTES_MAX)?;
        let with = with.filter(|with| !with.is_empty()).ok_or_else(|| missing("with"))?;
        let _turn = self.turn(visitor.person()).await;
        let (key, mut assistant) = self.own_assistant(visitor, id).await?;
        if !matches!(assistant.stage, Stage::Draft | Stage::Returned) {
            return Err(not_now(&assistant));
        }
        self.label_assistant(visitor, &mut assistant, true).await?;
        assistant.with = self.readers(with, visitor.tenant()).await?;
        assistant.stage = Stage::InReview;
        assistant.note = None;
        assistant.updated = self.clock.now();
        self.note_assistant(visitor, DeedKind::AssistantSubmit, &assistant).await?;
        self.put_assistant(&key, &assistant, None).await?;
        self.own_assistant_reply(200, visitor, assistant).await
    }

    /// Publishes or returns what somebody else submitted.
    pub(crate) async fn review_assistant(
        &self,
        visitor: &Visitor,
        id: &str,
        arrival: Arrival,
    ) -> Result<Reply, Refusal> {
        let peer = arrival.peer;
        let known = ["publish", "note", "version"];
        let mut fields = read_fields(arrival.body, SMALL_BODY_BYTES_MAX, &known).await?;
        let is_published = take_flag(&mut fields, "publish")?.ok_or_else(|| missing("publish"))?;
        let note = take_note(&mut fields)?;
        let version = take_count(&mut fields, "version")?;
        (self.permit_duty)(visitor.verified.principal(), peer, Duty::ReviewAssistants)?;
        let owner = self.archive.store.assistant(id).await.map_err(Fault::from)?.ok_or_else(no_assistant)?;
        if owner.person == visitor.person() {
            return Err(not_ones_own());
        }
        let _turn = self.turn(&owner.person).await;
        let mut seen = self.find_assistant(visitor, peer, id, Sight::Reading).await?;
        if seen.eyes != Eyes::Reviewer || seen.assistant.stage != Stage::InReview {
            return Err(not_now(&seen.assistant));
        }
        if version.is_some_and(|version| version != seen.assistant.version) {
            return Err(wrong(
                "version",
                "The assistant was changed since you looked at it.".to_owned(),
                "Der Assistent wurde verändert, seit Sie ihn angesehen haben.".to_owned(),
            ));
        }
        let key = self.archive.key(&owner.person).await?.ok_or_else(no_assistant)?;
        let kind = if is_published { DeedKind::AssistantPublish } else { DeedKind::AssistantReturn };
        let now = self.clock.now();
        let assistant = &mut seen.assistant;
        assistant.note = note;
        assistant.updated = now;
        assistant.stage = if is_published { Stage::Published } else { Stage::Returned };
        // What is not in the log is not published.
        self.note_assistant(visitor, kind, assistant).await?;
        let mut draft = None;
        if is_published && let Some(of) = assistant.of.take() {
            let row = self.archive.store.assistant(&of).await.map_err(Fault::from)?;
            if let Some(row) = row.filter(|row| row.person == assistant.owner) {
                draft = Some(std::mem::replace(&mut assistant.id, row.id.clone()));
                assistant.created = row.created;
                assistant.of = row.of;
            }
        }
        self.put_assistant(&key, &seen.assistant, draft.as_deref()).await?;
        Ok(document(200, seen.to_json()))
    }

    /// Takes back: the owner what they submitted or published, a reviewer what was published.
    pub(crate) async fn withdraw_assistant(
        &self,
        visitor: &Visitor,
        id: &str,
        arrival: Arrival,
    ) -> Result<Reply, Refusal> {
        let peer = arrival.peer;
        let mut fields = read_fields(arrival.body, SMALL_BODY_BYTES_MAX, &["note"]).await?;
        let note = take_note(&mut fields)?;
        let row = self.archive.store.assistant(id).await.map_err(Fault::from)?.ok_or_else(no_assistant)?;
        let _turn = self.turn(&row.person).await;
        let mut seen = self.find_assistant(visitor, peer, id, Sight::Reading).await?;
        let stage = match (seen.eyes, seen.assistant.stage) {
            (Eyes::Owner, Stage::Published | Stage::InReview) => Stage::Draft,
            (Eyes::Reviewer, Stage::Published) => Stage::Returned,
            (Eyes::Reader, _) => return Err(no_assistant()),
            _ => return Err(not_now(&seen.assistant)),
        };
        let key = self.archive.key(&row.person).await?.ok_or_else(no_assistant)?;
        seen.assistant.stage = stage;
        seen.assistant.note = note.filter(|_| seen.eyes == Eyes::Reviewer);
        seen.assistant.updated = self.clock.now();
        // Back first: if it cannot be noted, less is published than the log says, and not more.
        self.put_assistant(&key, &seen.assistant, None).await?;
        self.note_assistant(visitor, DeedKind::AssistantWithdraw, &seen.assistant).await?;
        Ok(document(200, seen.to_json()))
    }

    pub(crate) async fn delete_assistant(&self, visitor: &Visitor, id: &str) -> Result<Reply, Refusal> {
        let person = visitor.person();
        let _turn = self.turn(person).await;
        let row = self.archive.store.assistant(id).await.map_err(Fault::from)?;
        let row = row.filter(|row| row.person == person).ok_or_else(no_assistant)?;
        let key = self.archive.key(person).await?.ok_or_else(no_assistant)?;
        if !self.archive.store.delete_assistant(person, id).await.map_err(Fault::from)? {
            return Err(no_assistant());
        }
        // One that does not open goes too.
        if let Some(assistant) = Assistant::open(&key, &row).filter(|one| one.stage == Stage::Published) {
            self.note_assistant(visitor, DeedKind::AssistantWithdraw, &assistant).await?;
        }
        Ok(nothing())
    }

    /// What a conversation with this assistant begins with: what its head says of it, its label, and the instructions in
    /// the asker's language.
    pub(crate) async fn begin_with(
        &self,
        visitor: &Visitor,
        peer: Peer,
        id: &str,
        language: Language,
    ) -> Result<(Begun, Option<Label>, String), Refusal> {
        if let Some(ready) = ready::find(id) {
            return Ok((ready.begun(), None, ready.instructions(language).to_owned()));
        }
        let unknown = |_| {
            wrong(
                "assistant",
                "There is no such assistant for you.".to_owned(),
                "Einen solchen Assistenten gibt es für Sie nicht.".to_owned(),
            )
        };
        let seen = self.find_assistant(visitor, peer, id, Sight::Reading).await.map_err(unknown)?;
        let Assistant { id, name, version, model, instructions, label, .. } = seen.assistant;
        Ok((Begun { id, name: Text::new(name.clone(), name), version, model }, Some(label), instructions))
    }

    /// What the assistant of a number of feedback is called, for this reader; null where they may not see it.
    pub(crate) async fn assistant_name(
        &self,
        visitor: &Visitor,
        id: &str,
        owners: &mut Owners,
    ) -> Result<Value, Refusal> {
        if let Some(ready) = ready::find(id) {
            return Ok(ready.name_json());
        }
        let Some(row) = self.archive.store.assistant(id).await.map_err(Fault::from)? else {
            return Ok(Value::Null);
        };
        let seen = self.look(visitor, &row, false, Sight::Glance, owners).await?;
        Ok(seen.map_or(Value::Null, |seen| string(&seen.assistant.name)))
    }

    fn may_review(&self, visitor: &Visitor, peer: Peer) -> bool {
        (self.permit_duty)(visitor.verified.principal(), peer, Duty::ReviewAssistants).is_ok()
    }

    /// One that this person may see; the others are not there.
    async fn find_assistant(
        &self,
        visitor: &Visitor,
        peer: Peer,
        id: &str,
        sight: Sight,
    ) -> Result<Seen, Refusal> {
        let row = self.archive.store.assistant(id).await.map_err(Fault::from)?.ok_or_else(no_assistant)?;
        let may_review = self.may_review(visitor, peer);
        let seen = self.look(visitor, &row, may_review, sight, &mut Owners::default()).await?;
        seen.ok_or_else(no_assistant)
    }

    async fn look(
        &self,
        visitor: &Visitor,
        row: &AssistantRow,
        may_review: bool,
        sight: Sight,
        owners: &mut Owners,
    ) -> Result<Option<Seen>, Refusal> {
        let reader = visitor.verified.principal();
        let Some((key, owner)) = owners.find(self, &row.person).await? else { return Ok(None) };
        let Some(assistant) = Assistant::open(key, row) else { return Ok(None) };
        let eyes = if assistant.owner == reader.person {
            Eyes::Owner
        } else if owner.tenant != reader.tenant {
            return Ok(None);
        } else if may_review && matches!(assistant.stage, Stage::InReview | Stage::Published) {
            Eyes::Reviewer
        } else if assistant.stage == Stage::Published && is_reader(&assistant.with, reader) {
            Eyes::Reader
        } else {
            return Ok(None);
        };
        // What one wrote oneself one has seen.
        if eyes != Eyes::Owner && (self.judge)(&visitor.verified, &assistant.label, sight).await?.is_some() {
            return Ok(None);
        }
        Ok(Some(Seen { assistant, owner: owner.clone(), eyes }))
    }

    async fn own_assistant(&self, visitor: &Visitor, id: &str) -> Result<(DataKey, Assistant), Refusal> {
        let row = self.archive.store.assistant(id).await.map_err(Fault::from)?;
        let row = row.filter(|row| row.person == visitor.person()).ok_or_else(no_assistant)?;
        let key = self.archive.key(visitor.person()).await?.ok_or_else(no_assistant)?;
        let assistant = Assistant::open(&key, &row).ok_or_else(refusals::damaged)?;
        Ok((key, assistant))
    }

    async fn own_assistant_reply(
        &self,
        status: u16,
        visitor: &Visitor,
        assistant: Assistant,
    ) -> Result<Reply, Refusal> {
        let owner = self.archive.store.find_person(visitor.person()).await.map_err(Fault::from)?;
        let owner = owner.ok_or_else(no_assistant)?;
        let seen = Seen { assistant, owner, eyes: Eyes::Owner };
        let mut out = seen.to_json();
        out.set("instructions", string(&seen.assistant.instructions));
        Ok(document(status, out))
    }

    async fn check_room_for_assistant(&self, person: &str) -> Result<(), Refusal> {
        let count = self.archive.store.assistants(person).await.map_err(Fault::from)?.len();
        if count < ASSISTANTS_MAX {
            return Ok(());
        }
        Err(invalid_request(
            format!("You have {ASSISTANTS_MAX} assistants and drafts, and there is no room for more."),
            format!("Sie haben {ASSISTANTS_MAX} Assistenten und Entwürfe, mehr Platz gibt es nicht."),
            "too many assistants of one person",
            None,
        ))
    }

    /// Labels it with what was declared and what inspection makes of its texts; with `is_told`, what would be blocked is
    /// refused.
    async fn label_assistant(
        &self,
        visitor: &Visitor,
        assistant: &mut Assistant,
        is_told: bool,
    ) -> Result<(), Refusal> {
        let standing = (self.standing)(&visitor.verified);
        let base = assistant.declared.clone().unwrap_or(standing.default);
        let starters = assistant.starters.iter().enumerate();
        let starters = starters.map(|(place, starter)| (format!("/starters/{place}"), starter.as_str()));
        let parts: Vec<_> = [
            ("/name".to_owned(), assistant.name.as_str()),
            ("/purpose".to_owned(), assistant.purpose.as_str()),
            ("/instructions".to_owned(), assistant.instructions.as_str()),
        ]
        .into_iter()
        .chain(starters)
        .collect();
        let label = self.inspect_parts(visitor, base, &parts, is_told).await?;
        if !label.flows_to(&standing.clearance) {
            return Err(wrong(
                "label",
                format!("The label {label} is beyond your clearance {}.", standing.clearance),
                format!(
                    "Die Einstufung {} liegt über Ihrer Freigabe {}.",
                    label.to_german(),
                    standing.clearance.to_german()
                ),
            ));
        }
        assistant.label = label;
        Ok(())
    }

    /// `draft`: what goes when this one takes its place.
    async fn put_assistant(
        &self,
        key: &DataKey,
        assistant: &Assistant,
        draft: Option<&str>,
    ) -> Result<(), Refusal> {
        let row = assistant.seal(key).map_err(Fault::from)?;
        let published: &[String] = if assistant.stage == Stage::Published { &assistant.with } else { &[] };
        let readers: Vec<&str> = published.iter().map(String::as_str).collect();
        let stored = self.archive.store.put_assistant(&row, &readers, draft).await;
        if stored.map_err(Fault::from)? { Ok(()) } else { Err(no_assistant()) }
    }

    async fn note_assistant(
        &self,
        visitor: &Visitor,
        kind: DeedKind,
        assistant: &Assistant,
    ) -> Result<(), Refusal> {
        let of = assistant.of.as_ref().map(|of| format!(" of={of}")).unwrap_or_default();
        let deed = Deed {
            principal: visitor.verified.principal().clone(),
            request_id: visitor.request_id.to_string(),
            kind,
            subject: assistant.id.clone(),
            owner: assistant.owner.clone(),
            with: assistant.with.clone(),
            label: Some(assistant.label.clone()),
            change: format!("version={}{of}", assistant.version),
        };
        (self.note)(deed).await
    }
}

fn take_note(fields: &mut Object) -> Result<Option<String>, Refusal> {
    if fields.get("note").and_then(Value::as_str).is_some_and(|note| note.trim().is_empty()) {
        fields.remove("note");
    }
    take_text(fields, "note", NOTE_BYTES_MAX)
}

fn no_assistant() -> Refusal {
    refusals::nothing_there(
        "There is no such assistant, or it is not for you.",
        "Diesen Assistenten gibt es nicht, oder er ist nicht für Sie.",
        "no such assistant for this person",
    )
}

fn not_ones_own() -> Refusal {
    Refusal::new(
        RefusalCode::AccessDenied,
        Text::fixed("Nobody reviews their own assistant.", "Niemand prüft den eigenen Assistenten."),
        Text::fixed("Ask somebody else who may review it.", "Bitten Sie jemand anderen, der prüfen darf."),
        "an owner reviews their own assistant",
    )
}

/// What was asked for does not fit the state that it is in.
fn not_now(assistant: &Assistant) -> Refusal {
    let (english, german) = match assistant.stage {
        Stage::Draft => ("is a draft", "ist ein Entwurf"),
        Stage::InReview => ("is being reviewed", "wird gerade geprüft"),
        Stage::Published => ("is published", "ist veröffentlicht"),
        Stage::Returned => ("was returned", "wurde zurückgegeben"),
    };
    invalid_request(
        format!("This assistant {english}, and that cannot be done with it now."),
        format!("Dieser Assistent {german}, deshalb geht das gerade nicht."),
        "an assistant in another state",
        None,
    )
}
