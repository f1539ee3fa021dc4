//! Conversations and messages as the portal knows them, and their form inside the seal.

use std::borrow::Cow;

use schleuse_types::{Label, Language, Text, Timestamp};
use schleuse_wire::Usage;
use schleuse_wire::json::{self, Bounds, Number, Object, Value};

use crate::attachment::Attached;
use crate::mask::{Masking, reveal};

/// Title and label of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    pub(crate) id: String,
    /// Empty until the first question.
    pub(crate) title: String,
    /// The join of the labels of everything in it that a model was asked. None until then; falls only by a
    /// declassification.
    pub(crate) label: Option<Label>,
    /// In the order in which they were permitted.
    pub(crate) declassifications: Vec<Declassification>,
    /// The id of the folder that it lies in.
    pub(crate) folder: Option<String>,
    /// What it began with. The instructions themselves stand beside it.
    pub(crate) assistant: Option<Begun>,
    /// The person wants it at the top.
    pub(crate) is_pinned: bool,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    /// What the words of the person raise to that no model saw: a file with them in it is labelled so. None where nothing
    /// is masked.
    pub(crate) typed: Option<Label>,
    /// The row in the store was altered or sealed under another key: what it says is not known.
    pub(crate) is_damaged: bool,
}

/// The assistant that a conversation began with, as it was then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) id: String,
    /// Twice the same but for those of the house.
    pub(crate) name: Text,
    pub(crate) version: u64,
    /// Which model is asked when nobody says another.
    pub(crate) model: Option<String>,
}

impl Begun {
    /// As the page reads it.
    fn to_json(&self) -> Value {
        let is_one = self.name.english == self.name.german;
        let mut out = Object::new();
        out.set("id", string(&self.id));
        out.set("name", if is_one { string(&self.name.english) } else { both(&self.name) });
        out.set("version", number(self.version));
        out.set("model", optional(self.model.as_deref()));
        Value::Object(out)
    }

    /// The same, as it is sealed.
    fn read(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        let name = match object.get("name")? {
            Value::String(name) => Text::new(name.clone(), name.clone()),
            name => {
                let name = name.as_object()?;
                Text::new(name.get("en")?.as_str()?, name.get("de")?.as_str()?)
            }
        };
        Some(Self {
            id: object.get("id")?.as_str()?.to_owned(),
            name,
            version: u64::try_from(object.get("version")?.as_i64()?).ok()?,
            model: object.get("model").and_then(Value::as_str).map(str::to_owned),
        })
    }
}

/// What was said in the conversation up to a message may flow to a lower label than it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declassification {
    /// The ordinal of the newest message that it covers.
    pub(crate) through: i64,
    pub(crate) to: Label,
}

/// A question, or what was answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    /// How many messages of the conversation are older.
    pub(crate) ordinal: i64,
    pub(crate) created: Timestamp,
    pub(crate) author: Author,
    pub(crate) content: String,
    /// Of a question: the files that it was asked with.
    pub(crate) attachments: Vec<Attached>,
    pub(crate) state: State,
    /// The language in which refusals are told to whoever asked.
    pub(crate) language: Language,
    /// Of a question: the label that it was asked under at least, said by the person or taken for them. None in what was
    /// kept before this was.
    pub(crate) declared: Option<Label>,
    /// It came from a file and not from a model of this house: nothing but its label is known of its passage.
    pub(crate) is_imported: bool,
    /// Of an answer: the model that was asked.
    pub(crate) model: Option<String>,
    pub(crate) passage: Option<Passage>,
    pub(crate) usage: Option<Usage>,
    /// The answer ended at its length limit.
    pub(crate) is_cut: bool,
    /// How many earlier messages of the conversation the model was not shown, because they were too many.
    pub(crate) omitted: u32,
    /// The error object, without the `error` around it.
    pub(crate) refusal: Option<Object>,
    /// Which words have stand-ins in it.
    pub(crate) masking: Masking,
    /// The release by which it was to pass: once, so it is not sent along with later questions.
    pub(crate) release: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Author {
    User,
    Assistant,
}

impl Author {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Is being written.
    Running,
    Complete,
    /// The person stopped it.
    Stopped,
    Failed,
}

impl State {
    const ALL: [Self; 4] = [Self::Running, Self::Complete, Self::Stopped, Self::Failed];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// What the gate said about a request in its headers.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Passage {
    pub(crate) request_id: String,
    pub(crate) label: Option<Label>,
    /// A number as the gate wrote it.
    pub(crate) sensitivity: Option<String>,
    pub(crate) action: Option<String>,
    pub(crate) route: Option<String>,
}

impl Passage {
    pub(crate) fn from_headers(headers: &[(&'static str, String)]) -> Self {
        let header = |name: &str| {
            let found = headers.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.clone())
        };
        Self {
            request_id: header("x-schleuse-request-id").unwrap_or_default(),
            label: header("x-schleuse-label").map(|label| read_label(&label)),
            sensitivity: header("x-schleuse-sensitivity"),
            action: header("x-schleuse-action"),
            route: header("x-schleuse-route"),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut out = Object::new();
        out.set("request_id", string(&self.request_id));
        out.set("label", optional(self.label.as_ref().map(Label::to_string).as_deref()));
        let sensitivity =
            self.sensitivity.as_deref().map(|text| json::parse(text.as_bytes(), &Bounds::default()));
        out.set(
            "sensitivity",
            match sensitivity {
                Some(Ok(number @ Value::Number(_))) => number,
                _ => Value::Null,
            },
        );
        out.set("action", optional(self.action.as_deref()));
        out.set("route", optional(self.route.as_deref()));
        Value::Object(out)
    }

    fn from_json(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        let text = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            request_id: text("request_id")?,
            label: text("label").map(|label| read_label(&label)),
            sensitivity: match object.get("sensitivity") {
                Some(Value::Number(number)) => Some(number.as_str().to_owned()),
                _ => None,
            },
            action: text("action"),
            route: text("route"),
        })
    }
}

/// A label that was kept. One that cannot be read counts as the highest, so that nothing of it leaves.
fn read_label(text: &str) -> Label {
    Label::parse(text.as_bytes()).unwrap_or(Label::SECRET)
}

impl Head {
    /// Everything that is sealed.
    pub(crate) fn to_sealed_text(&self) -> String {
        let mut out = Object::new();
        out.set("title", string(&self.title));
        out.set("label", optional(self.label.as_ref().map(Label::to_string).as_deref()));
        if let Some(folder) = &self.folder {
            out.set("folder", string(folder));
        }
        if let Some(begun) = &self.assistant {
            out.set("assistant", begun.to_json());
        }
        if self.is_pinned {
            out.set("pinned", Value::Bool(true));
        }
        if let Some(label) = &self.typed {
            out.set("typed", string(&label.to_string()));
        }
        if !self.declassifications.is_empty() {
            let rows = self.declassifications.iter().map(|row| {
                let mut out = Object::new();
                out.set("through", Value::Number(Number::from(row.through)));
                out.set("to", string(&row.to.to_string()));
                Value::Object(out)
            });
            out.set("declassifications", Value::Array(rows.collect()));
        }
        Value::Object(out).to_text()
    }

    /// Fills in what was sealed; None when it says what this binary cannot read.
    pub(crate) fn read_sealed_text(&mut self, text: &[u8]) -> Option<()> {
        let Ok(Value::Object(object)) = json::parse(text, &Bounds::default()) else { return None };
        object.get("title")?.as_str()?.clone_into(&mut self.title);
        self.label = match object.get("label")? {
            Value::Null => None,
            label => Some(Label::parse(label.as_str()?.as_bytes()).ok()?),
        };
        // Neither in what was sealed before there were folders.
        self.folder = object.get("folder").and_then(Value::as_str).map(str::to_owned);
        self.assistant = match object.get("assistant") {
            Some(begun) => Some(Begun::read(begun)?),
            None => None,
        };
        self.is_pinned = object.get("pinned").and_then(Value::as_bool).unwrap_or_default();
        self.typed = object.get("typed").and_then(Value::as_str).map(read_label);
        // There is none in what was sealed before labels could fall.
        if let Some(Value::Array(rows)) = object.get("declassifications") {
            for row in rows {
                let row = row.as_object()?;
                self.declassifications.push(Declassification {
                    through: row.get("through")?.as_i64()?,
                    to: Label::parse(row.get("to")?.as_str()?.as_bytes()).ok()?,
                });
            }
        }
        Some(())
    }

    /// What the label of a message counts as, now that it may have been lowered.
    pub(crate) fn standing_label(&self, ordinal: i64, label: &Label) -> Label {
        let covering = self.declassifications.iter().filter(|row| ordinal <= row.through);
        covering.fold(label.clone(), |label, row| label.meet(&row.to))
    }

    /// The message with the labels that it counts as.
    pub(crate) fn with_standing_label(&self, mut message: Message) -> Message {
        if let Some(Passage { label: Some(label), .. }) = &mut message.passage {
            *label = self.standing_label(message.ordinal, label);
        }
        if let Some(label) = &mut message.declared {
            *label = self.standing_label(message.ordinal, label);
        }
        message
    }

    /// As the page reads it, with what stands elsewhere.
    pub(crate) fn to_json(&self, beside: Beside) -> Object {
        let mut out = Object::new();
        out.set("id", string(&self.id));
        out.set("title", string(&self.title));
        out.set("created", time(self.created));
        out.set("updated", time(self.updated));
        out.set("label", optional(self.label.as_ref().map(Label::to_string).as_deref()));
        let compartments = self.label.as_ref().map(Label::compartments).unwrap_or_default();
        let compartments = compartments.iter().map(|compartment| string(compartment.as_str()));
        out.set("compartments", Value::Array(compartments.collect()));
        out.set("running", Value::Bool(beside.is_running));
        out.set("folder", optional(self.folder.as_deref()));
        out.set("assistant", self.assistant.as_ref().map_or(Value::Null, Begun::to_json));
        out.set("pinned", Value::Bool(self.is_pinned));
        out.set("temporary", Value::Bool(beside.is_temporary));
        out.set("shares", number(beside.shares));
        if self.is_damaged {
            out.set("damaged", Value::Bool(true));
        }
        out
    }
}

/// What is known of a conversation beside its head.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Beside {
    pub(crate) is_running: bool,
    pub(crate) is_temporary: bool,
    /// How many shares it has.
    pub(crate) shares: u64,
}

impl Message {
    /// Everything that is sealed. Id, parent, ordinal and time stand beside it and are bound to it by the seal.
    pub(crate) fn to_sealed_text(&self) -> String {
        let mut out = self.facts();
        let language = match self.language {
            Language::English => "en",
            Language::German => "de",
        };
        out.set("language", string(language));
        if let Some(label) = &self.declared {
            out.set("declared", string(&label.to_string()));
        }
        if !self.masking.masks.is_empty() {
            out.set("masks", self.masking.to_json());
        }
        if let Some(sent) = &self.masking.sent {
            out.set("sent", string(sent));
        }
        if !self.attachments.is_empty() {
            out.set("attachments", Attached::to_sealed(&self.attachments));
        }
        if let Some(release) = &self.release {
            out.set("release", string(release));
        }
        Value::Object(out).to_text()
    }

    /// Fills in what was sealed; None when it says what this binary cannot read.
    pub(crate) fn read_sealed_text(&mut self, text: &[u8]) -> Option<()> {
        let Ok(Value::Object(mut object)) = json::parse(text, &SEALED_BOUNDS) else { return None };
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        self.author = match text("role")? {
            "user" => Author::User,
            "assistant" => Author::Assistant,
            _ => return None,
        };
        let state = text("state")?;
        self.state = State::ALL.into_iter().find(|known| known.as_str() == state)?;
        self.language = if text("language")? == "de" { Language::German } else { Language::English };
        self.declared = text("declared").map(read_label);
        self.is_imported = object.get("imported").and_then(Value::as_bool).unwrap_or_default();
        self.model = text("model").map(str::to_owned);
        self.passage = object.get("passage").and_then(Passage::from_json);
        self.usage = object.get("usage").and_then(Value::as_object).map(|usage| {
            let count = |name| usage.get(name).and_then(Value::as_i64).and_then(|n| u64::try_from(n).ok());
            Usage {
                prompt: count("prompt").unwrap_or_default(),
                completion: count("completion").unwrap_or_default(),
            }
        });
        self.masking = Masking::from_json(object.get("masks"), text("sent"));
        if let Some(attachments) = object.get("attachments") {
            self.attachments = Attached::read_sealed(attachments)?;
        }
        self.release = text("release").map(str::to_owned);
        self.is_cut = object.get("cut").and_then(Value::as_bool)?;
        self.omitted = object.get("omitted").and_then(Value::as_i64).and_then(|n| u32::try_from(n).ok())?;
        self.refusal = match object.remove("refusal") {
            Some(Value::Object(refusal)) => Some(refusal),
            _ => None,
        };
        self.content = match object.remove("content") {
            Some(Value::String(content)) => content,
            _ => return None,
        };
        Some(())
    }

    /// As the page reads it.
    pub(crate) fn to_json(&self) -> Value {
        let mut out = Object::new();
        out.set("id", string(&self.id));
        out.set("parent", optional(self.parent.as_deref()));
        out.set("created", time(self.created));
        for (name, value) in self.facts() {
            out.set(&name, value);
        }
        out.set("masks", self.masking.to_json());
        out.set("attachments", Attached::list(&self.attachments));
        Value::Object(out)
    }

    /// The text as models and other readers see it: with stand-ins.
    pub(crate) fn sent(&self) -> &str {
        self.masking.sent.as_deref().unwrap_or(&self.content)
    }

    /// The text as its person reads it: with their words.
    pub(crate) fn shown(&self) -> Cow<'_, str> {
        match self.author {
            Author::Assistant if !self.masking.masks.is_empty() => {
                Cow::Owned(reveal(&self.content, &self.masking.masks))
            }
            _ => Cow::Borrowed(&self.content),
        }
    }

    fn facts(&self) -> Object {
        let mut out = Object::new();
        out.set("role", string(self.author.as_str()));
        out.set("content", string(&self.content));
        out.set("model", optional(self.model.as_deref()));
        out.set("state", string(self.state.as_str()));
        out.set("passage", self.passage.as_ref().map_or(Value::Null, Passage::to_json));
        out.set("usage", self.usage.map_or(Value::Null, usage_json));
        out.set("cut", Value::Bool(self.is_cut));
        out.set("omitted", number(u64::from(self.omitted)));
        out.set("refusal", self.refusal.clone().map_or(Value::Null, Value::Object));
        if self.is_imported {
            out.set("imported", Value::Bool(true));
        }
        out
    }
}

/// What was written here is read here; the bounds only keep a damaged row from costing much.
const SEALED_BOUNDS: Bounds = Bounds { depth_max: 16, nodes_max: 100_000 };

pub(crate) fn usage_json(usage: Usage) -> Value {
    let mut out = Object::new();
    out.set("prompt", number(usage.prompt));
    out.set("completion", number(usage.completion));
    Value::Object(out)
}

pub(crate) fn string(text: &str) -> Value {
    Value::String(text.to_owned())
}

pub(crate) fn optional(text: Option<&str>) -> Value {
    text.map_or(Value::Null, string)
}

pub(crate) fn number(n: u64) -> Value {
    Value::Number(Number::from(i64::try_from(n).unwrap_or(i64::MAX)))
}

/// In both languages.
pub(crate) fn both(text: &Text) -> Value {
    both_texts(&text.english, &text.german)
}

pub(crate) fn both_texts(english: &str, german: &str) -> Value {
    let mut out = Object::new();
    out.set("en", string(english));
    out.set("de", string(german));
    Value::Object(out)
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn time(at: Timestamp) -> Value {
    let text = at.to_string();
    let millis = text.strip_suffix('Z').and_then(|text| text.get(..text.len().saturating_sub(3)));
    Value::String(format!("{}Z", millis.unwrap_or_default()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Attached, Author, Begun, Declassification, Head, Masking, Message, Passage, State, time};
    use schleuse_types::{Label, Language, Timestamp};
    use schleuse_wire::Usage;
    use schleuse_wire::json::{Object, Value};

    /// A message that says nothing.
    pub(crate) fn blank() -> Message {
        Message {
            id: "m".into(),
            parent: Some("p".into()),
            ordinal: 1,
            created: Timestamp(1_795_207_724_123_456),
            author: Author::User,
            content: String::new(),
            attachments: Vec::new(),
            state: State::Complete,
            language: Language::English,
            declared: None,
            is_imported: false,
            model: None,
            passage: None,
            usage: None,
            is_cut: false,
            omitted: 0,
            refusal: None,
            masking: Masking::default(),
            release: None,
        }
    }

    pub(crate) fn head(title: &str, label: Option<Label>) -> Head {
        Head {
            id: "c".into(),
            title: title.into(),
            label,
            declassifications: Vec::new(),
            folder: None,
            assistant: None,
            is_pinned: false,
            typed: None,
            created: Timestamp(0),
            updated: Timestamp(0),
            is_damaged: false,
        }
    }

    fn check(message: &Message) {
        let mut read = Message { author: Author::User, ..blank() };
        read.read_sealed_text(message.to_sealed_text().as_bytes()).unwrap();
        assert_eq!(&read, message);
    }

    #[test]
    fn what_is_sealed_is_read_again() {
        check(&blank());
        let mut refusal = Object::new();
        refusal.set("code", Value::String("upstream_failed".into()));
        let headers = [
            ("x-schleuse-request-id", "01J".to_owned()),
            ("x-schleuse-label", "INTERNAL".to_owned()),
            ("x-schleuse-sensitivity", "0.40".to_owned()),
            ("x-schleuse-action", "WARNED".to_owned()),
        ];
        let answer = Message {
            author: Author::Assistant,
            content: "Grüße \"\u{1}\n😀".into(),
            attachments: vec![Attached {
                id: "f".into(),
                name: "ä.pdf".into(),
                kind: schleuse_extract::Kind::Pdf,
                label: Label::SECRET,
                characters: 1,
                text_bytes: 2,
            }],
            state: State::Failed,
            language: Language::German,
            declared: Some(Label::CONFIDENTIAL),
            is_imported: true,
            model: Some("tiny".into()),
            passage: Some(Passage::from_headers(&headers)),
            usage: Some(Usage { prompt: 3, completion: 4 }),
            is_cut: true,
            omitted: 6,
            refusal: Some(refusal),
            ..blank()
        };
        check(&answer);
        let shown = answer.to_json().to_text();
        assert!(
            shown.starts_with("{\"id\":\"m\",\"parent\":\"p\",\"created\":\"2026-11-20T20:48:44.123Z\""),
            "{shown}"
        );
        assert!(shown.contains("\"sensitivity\":0.40,\"action\":\"WARNED\",\"route\":null"), "{shown}");
    }

    #[test]
    fn a_head_is_read_again() {
        let labels = ["PUBLIC", "INTERNAL", "CONFIDENTIAL", "SECRET", "CONFIDENTIAL//hr,patient"];
        let labels = labels.map(|label| Some(Label::parse(label.as_bytes()).unwrap()));
        for label in labels.into_iter().chain([None]) {
            let mut read = head("", None);
            read.read_sealed_text(head("Titel", label.clone()).to_sealed_text().as_bytes()).unwrap();
            assert_eq!(read, head("Titel", label));
        }
        // As it was sealed before labels had compartments and could fall.
        let mut read = head("", None);
        read.read_sealed_text(br#"{"title":"Alt","label":"CONFIDENTIAL"}"#).unwrap();
        assert_eq!(read, head("Alt", Some(Label::CONFIDENTIAL)));
        let label = |text: &str| Label::parse(text.as_bytes()).unwrap();
        let lowered = |through, to| Declassification { through, to: label(to) };
        let declassifications = vec![lowered(3, "INTERNAL//hr"), lowered(7, "CONFIDENTIAL")];
        let name = schleuse_types::Text::new("N", "M");
        let begun = Begun { id: "a".into(), name, version: 3, model: Some("tiny".into()) };
        let fallen = Head {
            assistant: Some(begun),
            declassifications,
            folder: Some("f".into()),
            is_pinned: true,
            ..head("T", Some(label("CONFIDENTIAL")))
        };
        let mut read = head("", None);
        read.read_sealed_text(fallen.to_sealed_text().as_bytes()).unwrap();
        assert_eq!(read, fallen);
        let standing = |ordinal| read.standing_label(ordinal, &label("SECRET//hr,patient")).to_string();
        assert_eq!((standing(3), standing(4)), ("INTERNAL".to_owned(), "CONFIDENTIAL".to_owned()));
        assert_eq!(standing(8), "SECRET//hr,patient");
        assert_eq!(time(Timestamp(0)).as_str(), Some("1970-01-01T00:00:00.000Z"));
    }
}
