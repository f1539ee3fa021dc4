//! Shares: what of a conversation others in the house may read, judged anew at each reading.
//!
//! A share is a view and no copy: the path from the first question to a message of the conversation, as it is when it is
//! read. Every message is judged by its own label against who reads it: clearance, compartments and walls. What the gate
//! did not let pass to a model is not passed on here either.

use std::collections::HashMap;

use schleuse_identity::Verified;
use schleuse_store::{PersonRow, ShareRow};
use schleuse_types::{Label, Principal, Refusal, Tenant, Text, Timestamp};
use schleuse_wire::json::{self, Bounds, Object, Value};
use schleuse_wire::{Arrival, Reply, invalid_request};

use crate::attachment::Attached;
use crate::body::{missing, read_fields, take_text, take_texts, wrong};
use crate::deed::{Deed, DeedKind, Sight};
use crate::message::{Author, Head, Message, Passage, State, both, number, optional, string, time};
use crate::portal::{Portal, SMALL_BODY_BYTES_MAX, Visitor, document, nothing};
use crate::question::title;
use crate::refusals::{self, Fault};
use crate::seal::{DataKey, Place};
use crate::temporary::is_temporary;
use crate::tree;

/// Readers and groups of readers of one share, and the longest name of one in bytes.
pub(crate) const READERS_MAX: usize = 32;
pub(crate) const READER_BYTES_MAX: usize = 600;
/// Shares of one conversation.
const SHARES_MAX: usize = 32;
/// Shares that one reader is shown, the newest of them.
pub(crate) const SHOWN_MAX: u32 = 200;
/// Longest moment in RFC 3339, and longest id.
const SHORT_BYTES_MAX: usize = 64;

/// Everybody of the house, or of the owner's part of it.
const EVERYONE: &str = "everyone";

/// A share as it is sealed.
#[derive(Debug, Clone, PartialEq)]
struct Share {
    id: String,
    /// Whose conversation it is.
    owner: String,
    conversation: String,
    created: Timestamp,
    /// `everyone`, `group:…` or `person:…`.
    with: Vec<String>,
    until: Option<Timestamp>,
    /// The last message of what is shared.
    leaf: String,
    /// The title, where it was made of a question that the gate did not let pass: as long as it is so, it is not told.
    untold_title: Option<String>,
}

impl Share {
    fn to_sealed_text(&self) -> String {
        let mut out = Object::new();
        out.set("with", Value::Array(self.with.iter().map(|reader| string(reader)).collect()));
        out.set("until", self.until.map_or(Value::Null, |until| number(until.0)));
        out.set("leaf", string(&self.leaf));
        out.set("untold_title", optional(self.untold_title.as_deref()));
        Value::Object(out).to_text()
    }

    /// None for a share that was altered, moved, or sealed under another key.
    fn open(key: &DataKey, row: &ShareRow) -> Option<Self> {
        let place = Place::Share {
            person: &row.person,
            conversation: &row.conversation,
            share: &row.id,
            created: row.created,
        };
        let text = key.open(&place, &row.sealed).ok()?;
        let Ok(Value::Object(object)) = json::parse(&text, &Bounds::default()) else { return None };
        let with = object.get("with")?.as_array()?.iter().map(|reader| reader.as_str().map(str::to_owned));
        let until = match object.get("until")? {
            Value::Null => None,
            until => Some(Timestamp(u64::try_from(until.as_i64()?).ok()?)),
        };
        Some(Self {
            id: row.id.clone(),
            owner: row.person.clone(),
            conversation: row.conversation.clone(),
            created: row.created,
            with: with.collect::<Option<_>>()?,
            until,
            leaf: object.get("leaf")?.as_str()?.to_owned(),
            untold_title: object.get("untold_title")?.as_str().map(str::to_owned),
        })
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// Whether this person is one of its readers.
    fn is_for(&self, reader: &Principal) -> bool {
        is_reader(&self.with, reader)
    }

    fn to_json(&self, now: Timestamp) -> Object {
        let mut out = Object::new();
        out.set("id", string(&self.id));
        out.set("path", string(&format!("/shared/{}", self.id)));
        out.set("with", Value::Array(self.with.iter().map(|reader| string(reader)).collect()));
        out.set("until", self.until.map_or(Value::Null, time));
        out.set("created", time(self.created));
        out.set("message", string(&self.leaf));
        out.set("ended", Value::Bool(self.is_over(now)));
        out
    }
}

impl Portal {
    /// Shares the path up to a message: the one that is named, or the newest.
    pub(crate) async fn share(
        &self,
        visitor: &Visitor,
        conversation: &str,
        arrival: Arrival,
    ) -> Result<Reply, Refusal> {
        let known = ["with", "until", "messages"];
        let mut fields = read_fields(arrival.body, SMALL_BODY_BYTES_MAX, &known).await?;
        let with = take_texts(&mut fields, "with", READERS_MAX, READER_BYTES_MAX)?;
        let with = with.ok_or_else(|| missing("with"))?;
        let until = take_text(&mut fields, "until", SHORT_BYTES_MAX)?;
        let leaf = take_texts(&mut fields, "messages", 1, SHORT_BYTES_MAX)?;
        let now = self.clock.now();
        let until = until.map(|text| read_until(&text, now)).transpose()?;

        let owner = visitor.person();
        let (key, head, _turn) = self.open(visitor, conversation).await?;
        if is_temporary(conversation) {
            return Err(refusals::not_of_a_temporary_one());
        }
        if head.is_damaged {
            return Err(refusals::damaged());
        }
        let messages = self.messages(&key, owner, conversation).await?;
        let leaf = match leaf.and_then(|leaves| leaves.into_iter().next()) {
            Some(id) => messages.iter().find(|message| message.id == id),
            None => messages.last(),
        };
        let leaf = leaf.ok_or_else(|| {
            wrong(
                "messages",
                "There is no such message in this conversation.".to_owned(),
                "Eine solche Nachricht gibt es in dieser Unterhaltung nicht.".to_owned(),
            )
        })?;
        if self.archive.store.shares_of(conversation).await.map_err(Fault::from)?.len() >= SHARES_MAX {
            return Err(refusals::too_many_shares(SHARES_MAX));
        }
        let share = Share {
            id: self.new_id()?,
            owner: owner.to_owned(),
            conversation: conversation.to_owned(),
            created: now,
            with: self.readers(with, visitor.tenant()).await?,
            until,
            leaf: leaf.id.clone(),
            untold_title: is_untold(&head, &messages).then(|| head.title.clone()),
        };
        // Before it is there: what is not in the log is not shared.
        self.note(visitor, DeedKind::Share, &share, head.label.clone(), String::new()).await?;
        let place = Place::Share { person: owner, conversation, share: &share.id, created: now };
        let row = ShareRow {
            id: share.id.clone(),
            person: owner.to_owned(),
            conversation: conversation.to_owned(),
            sealed: key.seal(&place, share.to_sealed_text()).map_err(Fault::from)?,
            created: now,
        };
        let readers: Vec<&str> = share.with.iter().map(String::as_str).collect();
        self.archive.store.insert_share(&row, &readers).await.map_err(Fault::from)?;
        Ok(document(201, share.to_json(now)))
    }

    /// The shares of one's own conversation.
    pub(crate) async fn shares(&self, visitor: &Visitor, conversation: &str) -> Result<Reply, Refusal> {
        let (key, _, _turn) = self.open(visitor, conversation).await?;
        let rows = self.archive.store.shares_of(conversation).await.map_err(Fault::from)?;
        let now = self.clock.now();
        let shares = rows.iter().filter_map(|row| Share::open(&key, row));
        let mut out = Object::new();
        out.set("shares", Value::Array(shares.map(|share| Value::Object(share.to_json(now))).collect()));
        Ok(document(200, out))
    }

    pub(crate) async fn end_share(&self, visitor: &Visitor, id: &str) -> Result<Reply, Refusal> {
        let row = self.archive.store.share(id).await.map_err(Fault::from)?;
        let row = row.filter(|row| row.person == visitor.person()).ok_or_else(refusals::no_share)?;
        let key = self.archive.key(visitor.person()).await?.ok_or_else(refusals::no_share)?;
        // Gone first: if it cannot be noted, less is shared than the log says, and not more.
        if !self.archive.store.delete_share(visitor.person(), id).await.map_err(Fault::from)? {
            return Err(refusals::no_share());
        }
        if let Some(share) = Share::open(&key, &row) {
            self.note(visitor, DeedKind::ShareEnd, &share, None, String::new()).await?;
        }
        Ok(nothing())
    }

    /// What others share with this person, the newest first. A title is not told above what they may read.
    pub(crate) async fn shared(&self, visitor: &Visitor) -> Result<Reply, Refusal> {
        let reader = visitor.verified.principal();
        let now = self.clock.now();
        let mut rows: Vec<ShareRow> = Vec::new();
        for key in reader_keys(reader) {
            let found = self.archive.store.shares_for(&key, SHOWN_MAX).await.map_err(Fault::from)?;
            rows.extend(found.into_iter().filter(|row| row.person != reader.person));
        }
        rows.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        rows.dedup_by(|a, b| a.id == b.id);
        rows.truncate(usize::try_from(SHOWN_MAX).unwrap_or(usize::MAX));
        let mut owners = Owners::default();
        let mut shares = Vec::new();
        for row in &rows {
            let Some((key, owner)) = owners.find(self, &row.person).await? else { continue };
            let Some(share) = Share::open(key, row).filter(|share| may_read(share, owner, reader, now))
            else {
                continue;
            };
            let Some(head) = self.archive.head(key, &share.owner, &share.conversation).await? else {
                continue;
            };
            if head.is_damaged {
                continue;
            }
            let label = head.label.clone().unwrap_or(Label::INTERNAL);
            let barred = (self.judge)(&visitor.verified, &label, Sight::Glance).await?;
            shares.push(Value::Object(shared_json(&share, &head, owner, barred.is_none())));
        }
        let mut out = Object::new();
        out.set("shares", Value::Array(shares));
        Ok(document(200, out))
    }

    /// Reads a share. What was read is in the audit log, and what of it stands beside a wall counts as seen.
    pub(crate) async fn read_shared(&self, visitor: &Visitor, id: &str) -> Result<Reply, Refusal> {
        let reader = visitor.verified.principal();
        let row = self.archive.store.share(id).await.map_err(Fault::from)?.ok_or_else(refusals::no_share)?;
        let owned = self.owner_of(&row.person).await?;
        let (key, owner) = owned.ok_or_else(refusals::no_share)?;
        let share = Share::open(&key, &row).ok_or_else(refusals::no_share)?;
        let now = self.clock.now();
        let is_own = share.owner == reader.person && !share.is_over(now);
        if !is_own && !may_read(&share, &owner, reader, now) {
            return Err(refusals::no_share());
        }
        let (head, messages) = {
            let _turn = self.turn(&share.conversation).await;
            let head = self.archive.head(&key, &share.owner, &share.conversation).await?;
            let head = head.filter(|head| !head.is_damaged).ok_or_else(refusals::no_share)?;
            let messages = self.messages(&key, &share.owner, &share.conversation).await?;
            let messages: Vec<Message> =
                messages.into_iter().map(|message| head.with_standing_label(message)).collect();
            (head, messages)
        };
        let mut reading = Reading { verdicts: HashMap::new(), seen: Label::PUBLIC, withheld: 0 };
        let mut told = Vec::new();
        for message in tree::path(&messages, Some(&share.leaf)) {
            told.push(reading.tell(self, &visitor.verified, message, &messages).await?);
        }
        let label = head.label.clone().unwrap_or(Label::INTERNAL);
        let has_seen = label.compartments().iter().all(|one| reading.seen.compartments().contains(one));
        let barred = (self.judge)(&visitor.verified, &label, Sight::Beside { has_seen }).await?;
        let change = format!("messages={} withheld={}", told.len(), reading.withheld);
        self.note(visitor, DeedKind::ShareRead, &share, Some(reading.seen), change).await?;
        let mut out = shared_json(&share, &head, &owner, barred.is_none());
        out.set("messages", Value::Array(told));
        Ok(document(200, out))
    }

    /// Whose shares these are, and the key to them; None for somebody who is not there any more.
    async fn owner_of(&self, person: &str) -> Result<Option<(DataKey, PersonRow)>, Refusal> {
        let row = self.archive.store.find_person(person).await.map_err(Fault::from)?;
        let key = self.archive.key(person).await?;
        Ok(key.zip(row))
    }

    /// Readers in the form in which they are kept. A person must be there; a group may come with a later sign-in.
    pub(crate) async fn readers(&self, with: Vec<String>, tenant: &Tenant) -> Result<Vec<String>, Refusal> {
        let mut readers = Vec::with_capacity(with.len());
        for reader in with {
            let kept = match reader.split_once(':') {
                None if reader == EVERYONE => reader,
                Some(("group", group)) if !group.is_empty() && !group.chars().any(char::is_control) => reader,
                Some(("person", name)) => format!("person:{}", self.person(name, tenant).await?),
                _ => return Err(no_reader()),
            };
            if !readers.contains(&kept) {
                readers.push(kept);
            }
        }
        Ok(readers)
    }

    /// The id of the person of this tenant with this id, or of the only one there with this name.
    async fn person(&self, name: &str, tenant: &Tenant) -> Result<String, Refusal> {
        let mut people = self.archive.store.people().await.map_err(Fault::from)?;
        people.retain(|person| person.tenant == *tenant);
        if let Some(person) = people.iter().find(|person| person.id == name) {
            return Ok(person.id.clone());
        }
        let mut named = people.iter().filter(|person| person.name == name);
        match (named.next(), named.next()) {
            (Some(person), None) => Ok(person.id.clone()),
            _ => Err(no_reader()),
        }
    }

    async fn note(
        &self,
        visitor: &Visitor,
        kind: DeedKind,
        share: &Share,
        label: Option<Label>,
        change: String,
    ) -> Result<(), Refusal> {
        let deed = Deed {
            principal: visitor.verified.principal().clone(),
            request_id: visitor.request_id.to_string(),
            kind,
            subject: share.id.clone(),
            owner: share.owner.clone(),
            with: if kind == DeedKind::Share { share.with.clone() } else { Vec::new() },
            label,
            change,
        };
        (self.note)(deed).await
    }
}

/// Whose it is, and the key to it, looked up once for each.
#[derive(Default)]
pub(crate) struct Owners(HashMap<String, Option<(DataKey, PersonRow)>>);

impl Owners {
    pub(crate) async fn find(
        &mut self,
        portal: &Portal,
        person: &str,
    ) -> Result<Option<(&DataKey, &PersonRow)>, Refusal> {
        if !self.0.contains_key(person) {
            self.0.insert(person.to_owned(), portal.owner_of(person).await?);
        }
        Ok(self.0.get(person).and_then(Option::as_ref).map(|(key, row)| (key, row)))
    }
}

/// Under which words a reader's shares are looked for.
pub(crate) fn reader_keys(reader: &Principal) -> Vec<String> {
    let groups = reader.groups.iter().map(|group| format!("group:{group}"));
    [EVERYONE.to_owned(), format!("person:{}", reader.person)].into_iter().chain(groups).collect()
}

/// Whether this person is one of these readers.
pub(crate) fn is_reader(with: &[String], reader: &Principal) -> bool {
    with.iter().any(|with| match with.split_once(':') {
        Some(("person", person)) => person == reader.person,
        Some(("group", group)) => reader.groups.iter().any(|known| known == group),
        _ => with == EVERYONE,
    })
}

/// Whether this reader may read this share of this owner now.
fn may_read(share: &Share, owner: &PersonRow, reader: &Principal, now: Timestamp) -> bool {
    !share.is_over(now) && share.is_for(reader) && is_of_one_tenant(owner, reader)
}

/// Whether owner and reader belong to the same part of the house.
fn is_of_one_tenant(owner: &PersonRow, reader: &Principal) -> bool {
    owner.tenant == reader.tenant
}

/// Whether the title was made of a question that others do not read.
fn is_untold(head: &Head, messages: &[Message]) -> bool {
    let mut questions = messages.iter().filter(|message| message.author == Author::User);
    questions
        .any(|question| title(question.sent()) == head.title && shared_label(question, messages).is_err())
}

/// What one reader is let see of one share.
struct Reading {
    /// By label, so that a wall is asked once for each.
    verdicts: HashMap<Label, Option<Text>>,
    /// The join of everything that was shown.
    seen: Label,
    withheld: u64,
}

impl Reading {
    async fn tell(
        &mut self,
        portal: &Portal,
        reader: &Verified,
        message: &Message,
        all: &[Message],
    ) -> Result<Value, Refusal> {
        let withheld = match shared_label(message, all) {
            Err(why) => Some(why),
            Ok(label) => {
                let verdict = match self.verdicts.get(&label) {
                    Some(verdict) => verdict.clone(),
                    None => {
                        let verdict = (portal.judge)(reader, &label, Sight::Reading).await?;
                        self.verdicts.insert(label.clone(), verdict.clone());
                        verdict
                    }
                };
                if verdict.is_none() {
                    self.seen = self.seen.join(&label);
                }
                verdict
            }
        };
        let is_shown = withheld.is_none();
        self.withheld += u64::from(!is_shown);
        let mut out = Object::new();
        out.set("id", string(&message.id));
        out.set("role", string(message.author.as_str()));
        // Whoever reads a share sees what the models saw, and never what stands behind it.
        out.set("content", optional(is_shown.then_some(message.sent())));
        let attachments = if is_shown { message.attachments.as_slice() } else { &[] };
        out.set("attachments", Attached::list(attachments));
        out.set("withheld", withheld.map_or(Value::Null, |why| both(&why)));
        out.set("model", optional(message.model.as_deref().filter(|_| is_shown)));
        out.set("created", time(message.created));
        let passage = message.passage.as_ref().filter(|_| is_shown);
        out.set("passage", passage.map_or(Value::Null, Passage::to_json));
        out.set("state", string(message.state.as_str()));
        if message.is_imported {
            out.set("imported", Value::Bool(true));
        }
        Ok(Value::Object(out))
    }
}

/// The label under which a message may be read by others, or why nobody else reads it.
///
/// A question has none of its own: it is known by the answers that the gate let pass to it, whose labels cover what they
/// were asked with, and by what it was declared as.
pub(crate) fn shared_label(message: &Message, all: &[Message]) -> Result<Label, Text> {
    match message.author {
        Author::Assistant => {
            if is_let_through(message) {
                let label = message.passage.as_ref().and_then(|passage| passage.label.clone());
                return label.ok_or_else(not_let_through);
            }
            // Nothing was said.
            if message.content.is_empty() && message.refusal.is_some() && !is_damaged(message) {
                return Ok(Label::PUBLIC);
            }
            Err(not_let_through())
        }
        Author::User => {
            let answers = all.iter().filter(|answer| {
                answer.parent.as_ref() == Some(&message.id) && answer.author == Author::Assistant
            });
            let labels = answers
                .filter(|answer| is_let_through(answer))
                .filter_map(|answer| answer.passage.as_ref()?.label.clone());
            let own = message.passage.as_ref().and_then(|passage| passage.label.clone());
            let label = labels.chain(own).reduce(|one, other| one.join(&other));
            let label = label.ok_or_else(not_let_through)?;
            Ok(message.declared.iter().fold(label, |label, declared| label.join(declared)))
        }
    }
}

/// Whether the gate let the question pass to a model, which has begun to answer.
fn is_let_through(answer: &Message) -> bool {
    let has_begun = match answer.state {
        State::Complete | State::Running | State::Stopped => answer.passage.is_some(),
        State::Failed => !answer.content.is_empty(),
    };
    has_begun && answer.passage.as_ref().is_some_and(|passage| passage.label.is_some())
}

fn is_damaged(message: &Message) -> bool {
    message.model.is_none() && message.state == State::Failed
}

fn not_let_through() -> Text {
    Text::fixed(
        "Not shared: the house did not let this pass to a model, or has not decided yet.",
        "Nicht geteilt: Das Haus hat dies nicht zu einem Modell durchgelassen oder noch nicht entschieden.",
    )
}

fn shared_json(share: &Share, head: &Head, owner: &PersonRow, has_title: bool) -> Object {
    let title =
        Some(head.title.as_str()).filter(|title| has_title && share.untold_title.as_deref() != Some(title));
    let mut out = Object::new();
    out.set("id", string(&share.id));
    out.set("title", optional(title));
    out.set("from", string(&owner.name));
    out.set("label", optional(head.label.as_ref().map(Label::to_string).as_deref()));
    out.set("created", time(share.created));
    out.set("until", share.until.map_or(Value::Null, time));
    out
}

/// A moment to come, in RFC 3339.
fn read_until(text: &str, now: Timestamp) -> Result<Timestamp, Refusal> {
    let moment = text.parse::<jiff::Timestamp>().ok();
    let moment = moment.and_then(|moment| u64::try_from(moment.as_microsecond()).ok()).map(Timestamp);
    moment.filter(|moment| *moment > now).ok_or_else(|| {
        wrong(
            "until",
            "The field `until` must be a moment to come, such as 2027-01-31T18:00:00Z.".to_owned(),
            "Das Feld `until` muss ein Zeitpunkt in der Zukunft sein, etwa 2027-01-31T18:00:00Z.".to_owned(),
        )
    })
}

fn no_reader() -> Refusal {
    invalid_request(
        "The field `with` holds `everyone`, `group:` with a group behind it, or `person:` with a person of this house behind it.",
        "Das Feld `with` enthält `everyone`, `group:` mit einer Gruppe dahinter oder `person:` mit einer Person dieses Hauses \
         dahinter.",
        "not a reader",
        Some("with"),
    )
}

#[cfg(test)]
mod tests {
    use schleuse_types::{Label, Principal, Role, Timestamp};

    use super::{Share, shared_label};
    use crate::message::tests::blank;
    use crate::message::{Author, Message, Passage, State};

    fn share(with: &[&str]) -> Share {
        Share {
            id: "s".into(),
            owner: "anna".into(),
            conversation: "c".into(),
            created: Timestamp(5),
            with: with.iter().map(|reader| (*reader).to_owned()).collect(),
            until: Some(Timestamp(9)),
            leaf: "m".into(),
            untold_title: None,
        }
    }

    fn check(with: &[&str], expected: bool) {
        let reader = Principal {
            person: "bert".into(),
            role: Role::Employee,
            groups: vec!["hr".into(), "a:b".into()],
            tenant: Default::default(),
            credential: "k".into(),
        };
        assert_eq!(share(with).is_for(&reader), expected, "{with:?}");
    }

    #[test]
    fn a_share_is_for_its_readers() {
        check(&["everyone"], true);
        check(&["person:bert"], true);
        check(&["group:hr"], true);
        check(&["group:a:b"], true);
        check(&["person:anna", "group:sales"], false);
        check(&["group:bert", "person:hr", "person:ber", "role:employee", "every"], false);
        check(&[], false);
        assert!(!share(&[]).is_over(Timestamp(8)) && share(&[]).is_over(Timestamp(9)));
    }

    fn answer(state: State, content: &str, label: Option<&str>) -> Message {
        let label = label.map(|label| Label::parse(label.as_bytes()).unwrap());
        Message {
            id: format!("{state:?}{content}"),
            parent: Some("q".into()),
            author: Author::Assistant,
            state,
            content: content.into(),
            model: Some("tiny".into()),
            passage: label.map(|label| Passage { label: Some(label), ..Passage::default() }),
            refusal: (state == State::Failed).then(schleuse_wire::json::Object::new),
            ..blank()
        }
    }

    fn check_question(declared: Option<Label>, answers: &[Message], expected: Option<&str>) {
        let question = Message { id: "q".into(), declared, ..blank() };
        let label = shared_label(&question, answers).ok().map(|label| label.to_string());
        assert_eq!(label.as_deref(), expected, "{answers:?}");
    }

    #[test]
    fn a_question_is_shared_under_what_it_was_asked_with() {
        use State::{Complete, Failed, Running, Stopped};
        check_question(None, &[], None);
        check_question(Some(Label::SECRET), &[], None);
        check_question(None, &[answer(Complete, "a", Some("INTERNAL"))], Some("INTERNAL"));
        check_question(
            Some(Label::CONFIDENTIAL),
            &[answer(Complete, "", Some("PUBLIC"))],
            Some("CONFIDENTIAL"),
        );
        check_question(None, &[answer(Running, "", None)], None);
        check_question(None, &[answer(Stopped, "", Some("INTERNAL//hr"))], Some("INTERNAL//hr"));
        // Refused by the gate, and broken off behind it.
        check_question(None, &[answer(Failed, "", Some("SECRET"))], None);
        check_question(None, &[answer(Failed, "a", Some("PUBLIC"))], Some("PUBLIC"));
        let several = [
            answer(Complete, "a", Some("PUBLIC//hr")),
            answer(Failed, "", Some("SECRET")),
            answer(Complete, "b", Some("INTERNAL")),
        ];
        check_question(None, &several, Some("INTERNAL//hr"));
        let elsewhere = Message { parent: Some("other".into()), ..answer(Complete, "a", Some("PUBLIC")) };
        check_question(None, &[elsewhere], None);
    }

    #[test]
    fn an_answer_is_shared_under_its_label() {
        let label = |message: &Message| shared_label(message, &[]).ok().map(|label| label.to_string());
        assert_eq!(
            label(&answer(State::Complete, "a", Some("INTERNAL//hr"))).as_deref(),
            Some("INTERNAL//hr")
        );
        assert_eq!(label(&answer(State::Complete, "a", None)), None);
        assert_eq!(
            label(&answer(State::Failed, "", Some("SECRET"))).as_deref(),
            Some("PUBLIC"),
            "it says nothing"
        );
        // One that does not open.
        assert_eq!(label(&Message { model: None, ..answer(State::Failed, "", None) }), None);
    }
}
