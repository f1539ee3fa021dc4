//! A conversation from a file: the tree as it was, under new ids, inspected like everything that comes in.
//!
//! A file says about itself what it likes. Its label counts at least, with what inspection finds joined to it; models and
//! answers are kept as what they are, words of a file, and marked as imported; nothing of a passage is taken over but its
//! label. What inspection blocks is left out with what hangs on it, and named.

use std::collections::HashMap;

use schleuse_extract::{Kind, TEXT_BYTES_MAX};
use schleuse_types::{Label, Language, Refusal, RefusalCode, Text, Timestamp};
use schleuse_wire::json::{Bounds, Object, Value};
use schleuse_wire::{Arrival, Reply, Usage, invalid_request};

use crate::attaching::PER_QUESTION_MAX;
use crate::attachment::{Attachment, file_name};
use crate::body::{read_object, wrong};
use crate::deed::{DeedKind, Sight};
use crate::export::{CONVERSATION, KIND, VERSION};
use crate::mask::{Masking, reveal};
use crate::message::{Author, Message, Passage, State, both, string};
use crate::portal::{Portal, Visitor, document};
use crate::refusals;

/// Largest file, and most values in one.
const FILE_BYTES_MAX: usize = 32 * 1024 * 1024;
const BOUNDS: Bounds = Bounds { depth_max: 16, nodes_max: 400_000 };
/// Longest answer that is taken.
const ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;
const TITLE_BYTES_MAX: usize = 400;
const NAME_BYTES_MAX: usize = 256;
/// Most parts that are named one by one.
const REFUSED_MAX: usize = 100;

/// A part that was left out, and why.
struct Refused {
    part: String,
    why: Text,
}

impl Portal {
    pub(crate) async fn import(&self, visitor: &Visitor, arrival: Arrival) -> Result<Reply, Refusal> {
        let language = arrival.language;
        let person = visitor.person();
        let key = self.archive.ensure_key(person).await?;
        let mut file = read_object(arrival.body, FILE_BYTES_MAX, &BOUNDS).await?;
        let label = check_file(&file)?;
        let default = (self.standing)(&visitor.verified).default;
        let mut refused: Vec<Refused> = Vec::new();
        let title = self.title(visitor, &mut file, &label, &mut refused).await?;

        let now = self.clock.now();
        let mut head = self.new_head(now)?;
        head.title = title;
        let rows = match file.remove("messages") {
            Some(Value::Array(rows)) => rows,
            _ => {
                return Err(no_file(
                    "The field `messages` must be a list.",
                    "Das Feld `messages` muss eine Liste sein.",
                ));
            }
        };
        let mut ids: HashMap<String, String> = HashMap::new();
        let mut messages: Vec<Message> = Vec::new();
        let refused_before = open_questions(&rows);
        let mut all = label.clone().unwrap_or(default).clone();
        let mut files: Vec<(Attachment, String)> = Vec::new();
        for (place, mut row) in rows.into_iter().enumerate() {
            let part = format!("/messages/{place}");
            let attached = take_attached(&mut row);
            if messages.len() >= self.limits.messages_max {
                let why = Text::fixed(
                    "There is no room for more messages.",
                    "Für mehr Nachrichten ist kein Platz.",
                );
                refused.push(Refused { part, why });
                continue;
            }
            let read = read_message(row, &ids, self.limits.content_bytes_max, language, now);
            let (old, mut message) = match read {
                Ok(read) => read,
                Err(why) => {
                    refused.push(Refused { part, why });
                    continue;
                }
            };
            let own = message.passage.as_ref().and_then(|passage| passage.label.clone());
            let base = [own.clone(), message.declared.clone()].into_iter().flatten();
            let base = base.reduce(|one, other| one.join(&other)).unwrap_or_else(|| all.clone());
            if !message.content.is_empty() {
                let examined =
                    (self.examine)(&visitor.verified, base.clone(), message.sent().to_owned()).await?;
                // A question that was refused where it came from is refused here too; it is nothing that passed.
                if examined.is_blocked && !refused_before.contains(&old) {
                    refused.push(Refused { part, why: blocked() });
                    continue;
                }
                if !refused_before.contains(&old) {
                    all = all.join(&examined.label);
                }
                if message.masking.sent.is_some() {
                    // Its person's own words, which nobody else sees: they count for files and for nothing that is sent.
                    let text = message.content.clone();
                    let typed = (self.examine)(&visitor.verified, base.clone(), text).await?.label;
                    head.typed = Some(head.typed.map_or_else(|| typed.clone(), |known| known.join(&typed)));
                }
                label_message(&mut message, &examined.label);
            }
            for (number, attached) in attached.into_iter().enumerate().take(PER_QUESTION_MAX) {
                let part = format!("{part}/attachments/{number}");
                let Some((name, kind, own, text)) = attached.filter(|_| message.author == Author::User)
                else {
                    refused.push(Refused { part, why: no_attachment() });
                    continue;
                };
                let base = own.map_or_else(|| base.clone(), |own| base.join(&own));
                let examined = (self.examine)(&visitor.verified, base, format!("{name}\n{text}")).await?;
                if examined.is_blocked && !refused_before.contains(&old) {
                    refused.push(Refused { part, why: blocked() });
                    continue;
                }
                if !refused_before.contains(&old) {
                    all = all.join(&examined.label);
                }
                label_message(&mut message, &examined.label);
                let file = Attachment::imported(self.new_id()?, name, kind, examined.label, &text, now);
                message.attachments.push(file.attached());
                files.push((Attachment { conversation: Some(head.id.clone()), ..file }, text));
            }
            message.id = self.new_id()?;
            message.ordinal = i64::try_from(messages.len()).unwrap_or(i64::MAX);
            ids.insert(old, message.id.clone());
            messages.push(message);
        }
        for (name, _) in file.iter().filter(|(name, _)| !KNOWN.contains(name)) {
            let shown: String = name.chars().filter(|character| !character.is_control()).take(64).collect();
            let why =
                Text::fixed("This house does not know this part.", "Diesen Teil kennt dieses Haus nicht.");
            refused.push(Refused { part: format!("/{shown}"), why });
        }
        head.label = Some(all.clone());
        // Whoever may not read it may not bring it in, and whoever brings it in has seen it.
        if let Some(why) = (self.judge)(&visitor.verified, &all, Sight::Reading).await? {
            return Err(beyond(why));
        }
        let _turn = self.turn(person).await;
        self.check_conversations(person).await?;
        let change = format!("messages={} refused={}", messages.len(), refused.len());
        self.note_file(visitor, DeedKind::Import, &head.id, &all, change).await?;
        self.archive.put_head(&key, person, &head).await?;
        for message in &messages {
            if let Err(fault) = self.archive.put_message(&key, person, &head.id, message).await {
                // Nothing in halves.
                self.archive.delete(person, &head.id).await?;
                return Err(fault.into());
            }
        }
        for (file, text) in files {
            if let Err(fault) = self.keep_imported(&key, person, &file, text).await {
                self.archive.delete(person, &head.id).await?;
                return Err(fault.into());
            }
        }
        self.changed(person, &head.id);
        let mut out = self.head_json(&head, false).await?;
        let named = refused.iter().take(REFUSED_MAX).map(|refused| {
            let mut out = Object::new();
            out.set("part", string(&refused.part));
            out.set("reason", both(&refused.why));
            Value::Object(out)
        });
        out.set("refused", Value::Array(named.collect()));
        Ok(document(201, out))
    }

    /// The title of the file; none where inspection blocks it.
    async fn title(
        &self,
        visitor: &Visitor,
        file: &mut Object,
        label: &Option<Label>,
        refused: &mut Vec<Refused>,
    ) -> Result<String, Refusal> {
        let Some(Value::String(title)) = file.remove("title") else { return Ok(String::new()) };
        let title: String = title.chars().filter(|character| !character.is_control()).collect();
        let title = title.get(..title.floor_char_boundary(TITLE_BYTES_MAX)).unwrap_or_default().to_owned();
        if title.is_empty() {
            return Ok(title);
        }
        let label = label.clone().unwrap_or(Label::INTERNAL);
        let examined = (self.examine)(&visitor.verified, label, title.clone()).await?;
        if examined.is_blocked {
            refused.push(Refused { part: "/title".to_owned(), why: blocked() });
            return Ok(String::new());
        }
        Ok(title)
    }
}

/// Every part of a file that means something, or that is known to mean nothing here.
const KNOWN: [&str; 11] = [
    KIND, "version", "label", "exported", "id", "title", "folder", "pinned", "created", "updated", "messages",
];

/// Refuses what is no conversation of ours; its label, if it says one.
fn check_file(file: &Object) -> Result<Option<Label>, Refusal> {
    if file.get(KIND).and_then(Value::as_str) != Some(CONVERSATION) {
        return Err(no_file(
            "The file is not an exported conversation: its field `schleuse` is not `conversation`. A file with everything \
             is imported one conversation at a time.",
            "Die Datei ist keine exportierte Unterhaltung: Ihr Feld `schleuse` ist nicht `conversation`. Eine Datei mit \
             allem wird Unterhaltung für Unterhaltung importiert.",
        ));
    }
    if file.get("version").and_then(Value::as_i64) != Some(VERSION) {
        return Err(no_file(
            "The file has a version that this house does not know.",
            "Die Datei hat eine Version, die dieses Haus nicht kennt.",
        ));
    }
    match file.get("label") {
        None | Some(Value::Null) => Ok(None),
        Some(label) => {
            let label = label.as_str().and_then(|label| Label::parse(label.as_bytes()).ok());
            label.map(Some).ok_or_else(|| {
                wrong(
                    "label",
                    "The field `label` is not a label.".to_owned(),
                    "Das Feld `label` ist keine Einstufung.".to_owned(),
                )
            })
        }
    }
}

/// Name, kind, label and text of a file.
type FileOfAFile = (String, Kind, Option<Label>, String);

/// The files that a message says it was asked with; None for what is none.
fn take_attached(row: &mut Value) -> Vec<Option<FileOfAFile>> {
    let Value::Object(row) = row else { return Vec::new() };
    let Some(Value::Array(rows)) = row.remove("attachments") else { return Vec::new() };
    let each = rows.into_iter().map(|row| {
        let Value::Object(mut row) = row else { return None };
        let name = file_name(row.get("name")?.as_str()?)?;
        let kind = Kind::parse(row.get("kind")?.as_str()?)?;
        let label = row.get("label").and_then(Value::as_str);
        let label = label.map(|label| Label::parse(label.as_bytes())).transpose().ok()?;
        match row.remove("text") {
            Some(Value::String(text)) if text.len() <= TEXT_BYTES_MAX => Some((name, kind, label, text)),
            _ => None,
        }
    });
    each.collect()
}

fn no_attachment() -> Text {
    Text::fixed(
        "The attachment has no name, kind or text.",
        "Der Anhang hat keinen Namen, keine Art oder keinen Text.",
    )
}

/// The ids of questions to which the file knows no answer with a word in it: they were refused, or never asked.
fn open_questions(rows: &[Value]) -> Vec<String> {
    let text = |row: &Value, name: &str| row.as_object()?.get(name)?.as_str().map(str::to_owned);
    let answered: Vec<String> = rows
        .iter()
        .filter(|row| text(row, "role").as_deref() == Some("assistant"))
        .filter(|row| {
            text(row, "content").is_some_and(|content| !content.is_empty())
                || text(row, "state").is_none_or(|state| state != "failed")
        })
        .filter_map(|row| text(row, "parent"))
        .collect();
    let questions = rows.iter().filter(|row| text(row, "role").as_deref() == Some("user"));
    questions.filter_map(|row| text(row, "id")).filter(|id| !answered.contains(id)).collect()
}

/// A message as the file has it, and its id there.
fn read_message(
    row: Value,
    ids: &HashMap<String, String>,
    content_bytes_max: usize,
    language: Language,
    now: Timestamp,
) -> Result<(String, Message), Text> {
    let Value::Object(mut row) = row else {
        return Err(Text::fixed("A message must be an object.", "Eine Nachricht muss ein Objekt sein."));
    };
    let text = |name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
    let short = |name: &str| text(name).filter(|text| (1..=NAME_BYTES_MAX).contains(&text.len()));
    let label = |text: Option<&str>| match text {
        None => Ok(None),
        Some(text) => Label::parse(text.as_bytes())
            .map(Some)
            .map_err(|_| Text::fixed("Its label is not a label.", "Ihre Einstufung ist keine.")),
    };
    let old = short("id").filter(|id| !ids.contains_key(id));
    let old = old.ok_or_else(|| Text::fixed("It has no id of its own.", "Sie hat keine eigene Kennung."))?;
    let parent = match row.get("parent") {
        None | Some(Value::Null) => None,
        Some(parent) => {
            let parent = parent.as_str().and_then(|parent| ids.get(parent));
            Some(parent.cloned().ok_or_else(|| {
                Text::fixed(
                    "What it follows is not there, or was left out.",
                    "Worauf sie folgt, ist nicht da oder wurde ausgelassen.",
                )
            })?)
        }
    };
    let author = match text("role").as_deref() {
        Some("user") => Author::User,
        Some("assistant") => Author::Assistant,
        _ => {
            return Err(Text::fixed(
                "It is neither question nor answer.",
                "Sie ist weder Frage noch Antwort.",
            ));
        }
    };
    let state = match (author, text("state").as_deref()) {
        (Author::User, _) | (_, Some("complete")) => State::Complete,
        (_, Some("stopped" | "running")) => State::Stopped,
        _ => State::Failed,
    };
    let passage = row.get("passage").and_then(Value::as_object);
    let passage = label(passage.and_then(|passage| passage.get("label")?.as_str()))?;
    let declared = label(text("declared").as_deref())?;
    let usage = row.get("usage").and_then(Value::as_object).map(|usage| {
        let count = |name| usage.get(name).and_then(Value::as_i64).and_then(|n| u64::try_from(n).ok());
        Usage {
            prompt: count("prompt").unwrap_or_default(),
            completion: count("completion").unwrap_or_default(),
        }
    });
    let created = text("created").and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let created = created.and_then(|at| u64::try_from(at.as_microsecond()).ok()).map(Timestamp);
    let model = short("model").filter(|_| author == Author::Assistant);
    let is_cut = row.get("cut").and_then(Value::as_bool).unwrap_or_default();
    let omitted = row.get("omitted").and_then(Value::as_i64).and_then(|n| u32::try_from(n).ok());
    let bytes_max = if author == Author::User { content_bytes_max } else { ANSWER_BYTES_MAX };
    let mut masking = Masking::from_json(row.get("masks"), row.get("sent").and_then(Value::as_str));
    let content = match row.remove("content") {
        Some(Value::String(content)) if content.len() <= bytes_max => content,
        _ => {
            return Err(Text::fixed(
                "It has no text, or a text too long.",
                "Sie hat keinen Text oder einen zu langen.",
            ));
        }
    };
    // What is masked must be what stands in the text, or nothing is.
    let is_so = match (&masking.sent, author) {
        (Some(sent), Author::User) => reveal(sent, &masking.masks) == content,
        (None, Author::Assistant) => true,
        _ => false,
    };
    if !is_so {
        masking = Masking::default();
    }
    let refusal =
        (state == State::Failed).then(|| refusals::error_object(&refusals::failed_elsewhere(), "", language));
    let message = Message {
        id: String::new(),
        parent,
        ordinal: 0,
        created: created.filter(|created| *created <= now).unwrap_or(now),
        author,
        content,
        attachments: Vec::new(),
        state,
        language,
        declared,
        is_imported: true,
        model,
        passage: passage.map(|label| Passage { label: Some(label), ..Passage::default() }),
        usage,
        is_cut,
        omitted: omitted.unwrap_or_default(),
        refusal,
        masking,
        release: None,
    };
    Ok((old, message))
}

/// What inspection says counts at least: of a question for what it is declared as, of an answer for its passage.
fn label_message(message: &mut Message, label: &Label) {
    match message.author {
        Author::User => {
            let declared = message.declared.as_ref();
            message.declared = Some(declared.map_or_else(|| label.clone(), |declared| declared.join(label)));
        }
        Author::Assistant => {
            let passage = message.passage.get_or_insert_default();
            let known = passage.label.as_ref();
            passage.label = Some(known.map_or_else(|| label.clone(), |known| known.join(label)));
        }
    }
}

fn blocked() -> Text {
    Text::fixed(
        "The house does not let it in: it holds sensitive data.",
        "Das Haus lässt sie nicht herein: Sie enthält schützenswerte Daten.",
    )
}

fn beyond(why: Text) -> Refusal {
    Refusal::new(
        RefusalCode::AccessDenied,
        Text::new(
            format!("This file cannot be imported by you. {}", why.english),
            format!("Diese Datei können Sie nicht importieren. {}", why.german),
        ),
        Text::fixed(
            "Leave it to somebody who has the clearance for it.",
            "Überlassen Sie es jemandem mit der Freigabe dafür.",
        ),
        "an imported label is beyond what its person may read",
    )
}

fn no_file(english: &'static str, german: &'static str) -> Refusal {
    invalid_request(english, german, "not an exported conversation", None)
}
