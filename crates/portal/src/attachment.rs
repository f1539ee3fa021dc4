//! A file that was given along with a question, as the portal knows it, and its form inside the seal.

use std::sync::Arc;

use schleuse_extract::{Extracted, Kind, Omission, Recall, Rejected, What};
use schleuse_types::{Label, Text, Timestamp};
use schleuse_wire::json::{self, Bounds, Object, Value};

use crate::findings::{told, units};
use crate::message::{both, number, optional, string, time};

/// Reads a file: its bytes, and the ending of its name in small letters. Blocks its thread for as long as that takes.
pub type Extract = Arc<dyn Fn(&[u8], &str, &Recall) -> Result<Extracted, Rejected> + Send + Sync>;

/// The keyed digest of a file, as the log has it.
pub type Digest = Arc<dyn Fn(&[u8]) -> String + Send + Sync>;

/// What attachments need of the house.
#[derive(Clone)]
pub struct Attaching {
    pub extract: Extract,
    pub digest: Digest,
}

/// Most findings that are told of one file.
pub(crate) const TOLD_MAX: usize = 1000;
/// Longest name of a file in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 255;
const BOUNDS: Bounds = Bounds { depth_max: 16, nodes_max: 500_000 };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Its bytes come in, or wait.
    Quarantined,
    Extracting,
    Ready,
    Refused,
}

impl State {
    const ALL: [Self; 4] = [Self::Quarantined, Self::Extracting, Self::Ready, Self::Refused];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Quarantined => "quarantined",
            Self::Extracting => "extracting",
            Self::Ready => "ready",
            Self::Refused => "refused",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attachment {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Of the file.
    pub(crate) bytes: u64,
    /// All its bytes have come.
    pub(crate) is_whole: bool,
    pub(crate) created: Timestamp,
    pub(crate) state: State,
    pub(crate) reason: Option<Text>,
    /// As the log has it; empty until it was read.
    pub(crate) digest: String,
    pub(crate) kind: Option<Kind>,
    pub(crate) label: Option<Label>,
    pub(crate) is_blocked: bool,
    /// Of the text: characters, and bytes of UTF-8.
    pub(crate) characters: u64,
    pub(crate) text_bytes: u64,
    pub(crate) pages: Option<u32>,
    pub(crate) is_cut: bool,
    pub(crate) omitted: Vec<Omission>,
    /// As a page reads them.
    pub(crate) findings: Vec<Value>,
    /// As a page reads them, with `start` in UTF-16 units.
    pub(crate) places: Vec<Value>,
    /// The conversation whose question it was asked with.
    pub(crate) conversation: Option<String>,
}

impl Attachment {
    pub(crate) fn new(id: String, name: String, created: Timestamp) -> Self {
        Self {
            id,
            name,
            bytes: 0,
            is_whole: false,
            created,
            state: State::Quarantined,
            reason: None,
            digest: String::new(),
            kind: None,
            label: None,
            is_blocked: false,
            characters: 0,
            text_bytes: 0,
            pages: None,
            is_cut: false,
            omitted: Vec::new(),
            findings: Vec::new(),
            places: Vec::new(),
            conversation: None,
        }
    }

    /// One whose text came from an exported conversation.
    pub(crate) fn imported(
        id: String,
        name: String,
        kind: Kind,
        label: Label,
        text: &str,
        created: Timestamp,
    ) -> Self {
        Self {
            is_whole: true,
            state: State::Ready,
            kind: Some(kind),
            label: Some(label),
            characters: text.chars().count() as u64,
            text_bytes: text.len() as u64,
            ..Self::new(id, name, created)
        }
    }

    /// The ending of the name in small letters, as far as it has one.
    pub(crate) fn extension(&self) -> String {
        let ending = self.name.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
        ending.to_ascii_lowercase()
    }

    /// What the name says, where the content did not yet.
    fn told_kind(&self) -> Kind {
        self.kind.unwrap_or(match self.extension().as_str() {
            "pdf" => Kind::Pdf,
            "docx" | "docm" | "dotx" => Kind::Docx,
            "xlsx" | "xlsm" | "xltx" => Kind::Xlsx,
            "pptx" | "pptm" | "ppsx" => Kind::Pptx,
            "eml" => Kind::Mail,
            "png" | "jpg" | "jpeg" | "gif" | "webp" => Kind::Image,
            _ => Kind::Text,
        })
    }

    pub(crate) fn refuse(&mut self, why: Text) {
        self.state = State::Refused;
        self.reason = Some(why);
    }

    /// Takes over what was read.
    pub(crate) fn take(&mut self, read: &Extracted, findings: &[schleuse_types::Finding]) {
        let starts: Vec<usize> = read.places.iter().map(|place| place.start).collect();
        let units = units(&read.text, &starts);
        let place_json = |place: &schleuse_extract::Place| {
            let mut out = Object::new();
            out.set("kind", string(place.kind.as_str()));
            out.set("number", place.number.map_or(Value::Null, |n| number(n.into())));
            out.set("name", optional(place.name.as_deref()));
            out
        };
        self.places = read
            .places
            .iter()
            .zip(&units)
            .map(|(place, unit)| {
                let mut out = place_json(place);
                out.set("start", number(*unit));
                Value::Object(out)
            })
            .collect();
        let mut findings: Vec<_> = findings.to_vec();
        findings.sort_by_key(|finding| (finding.start, finding.end));
        findings.truncate(TOLD_MAX);
        let mut rows = told(&read.text, &findings);
        for (row, finding) in rows.iter_mut().zip(&findings) {
            let at = starts.partition_point(|start| *start <= finding.start);
            let place = at.checked_sub(1).and_then(|at| read.places.get(at));
            if let Value::Object(row) = row {
                row.set("place", place.map_or(Value::Null, |place| Value::Object(place_json(place))));
            }
        }
        self.findings = rows;
        self.kind = Some(read.kind);
        self.characters = read.text.chars().count() as u64;
        self.text_bytes = read.text.len() as u64;
        self.pages = read.pages;
        self.is_cut = read.is_cut;
        self.omitted.clone_from(&read.omitted);
    }

    /// Everything that is sealed.
    pub(crate) fn to_sealed_text(&self) -> String {
        let mut out = self.facts();
        out.set("whole", Value::Bool(self.is_whole));
        out.set("digest", string(&self.digest));
        out.set("text_bytes", number(self.text_bytes));
        out.set("known", Value::Bool(self.kind.is_some()));
        out.set("label", optional(self.label.as_ref().map(Label::to_string).as_deref()));
        let omitted = self.omitted.iter().map(|omission| {
            let mut out = Object::new();
            out.set("what", string(omission.what.as_str()));
            out.set("count", number(omission.count.into()));
            Value::Object(out)
        });
        out.set("omitted", Value::Array(omitted.collect()));
        out.set("places", Value::Array(self.places.clone()));
        Value::Object(out).to_text()
    }

    /// Fills in what was sealed; None when it says what this binary cannot read.
    pub(crate) fn read_sealed_text(&mut self, text: &[u8]) -> Option<()> {
        let Ok(Value::Object(mut object)) = json::parse(text, &BOUNDS) else { return None };
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let count = |name| object.get(name).and_then(Value::as_i64).and_then(|n| u64::try_from(n).ok());
        let flag = |name| object.get(name).and_then(Value::as_bool).unwrap_or_default();
        text("name")?.clone_into(&mut self.name);
        self.bytes = count("bytes")?;
        self.is_whole = flag("whole");
        self.state = State::parse(text("state")?)?;
        self.reason = object.get("reason").and_then(Value::as_object).and_then(|reason| {
            let part = |name| Some(reason.get(name)?.as_str()?.to_owned());
            Some(Text::new(part("en")?, part("de")?))
        });
        text("digest")?.clone_into(&mut self.digest);
        self.kind = if flag("known") { Some(Kind::parse(text("kind")?)?) } else { None };
        self.label = match object.get("label")? {
            Value::Null => None,
            label => Some(Label::parse(label.as_str()?.as_bytes()).ok()?),
        };
        self.is_blocked = flag("blocked");
        self.characters = count("characters")?;
        self.text_bytes = count("text_bytes")?;
        self.pages = count("pages").and_then(|pages| u32::try_from(pages).ok());
        self.is_cut = flag("cut");
        for row in object.get("omitted")?.as_array()? {
            let row = row.as_object()?;
            let what = What::parse(row.get("what")?.as_str()?)?;
            let count = u32::try_from(row.get("count")?.as_i64()?).ok()?;
            self.omitted.push(Omission { what, count });
        }
        let mut list = |name: &str| match object.remove(name) {
            Some(Value::Array(rows)) => Some(rows),
            _ => None,
        };
        self.findings = list("findings")?;
        self.places = list("places")?;
        Some(())
    }

    /// As the page reads it.
    pub(crate) fn to_json(&self) -> Object {
        let mut out = self.facts();
        out.set("id", string(&self.id));
        out.set("created", time(self.created));
        out.set("label", optional(self.label.as_ref().map(Label::to_string).as_deref()));
        let compartments = self.label.as_ref().map(Label::compartments).unwrap_or_default();
        let compartments = compartments.iter().map(|compartment| string(compartment.as_str()));
        out.set("compartments", Value::Array(compartments.collect()));
        let omitted = self.omitted.iter().map(|omission| {
            let mut out = Object::new();
            out.set("what", both(&omission.text()));
            Value::Object(out)
        });
        out.set("omitted", Value::Array(omitted.collect()));
        out
    }

    fn facts(&self) -> Object {
        let mut out = Object::new();
        out.set("name", string(&self.name));
        out.set("kind", string(self.told_kind().as_str()));
        out.set("bytes", number(self.bytes));
        out.set("state", string(self.state.as_str()));
        out.set("reason", self.reason.as_ref().map_or(Value::Null, both));
        out.set("characters", number(self.characters));
        out.set("pages", self.pages.map_or(Value::Null, |pages| number(pages.into())));
        out.set("cut", Value::Bool(self.is_cut));
        out.set("findings", Value::Array(self.findings.clone()));
        out.set("blocked", Value::Bool(self.is_blocked));
        out
    }

    /// As a message keeps it.
    pub(crate) fn attached(&self) -> Attached {
        Attached {
            id: self.id.clone(),
            name: self.name.clone(),
            kind: self.told_kind(),
            label: self.label.clone().unwrap_or(Label::SECRET),
            characters: self.characters,
            text_bytes: self.text_bytes,
        }
    }
}

/// An attachment as the message knows it that it was asked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attached {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) label: Label,
    pub(crate) characters: u64,
    pub(crate) text_bytes: u64,
}

impl Attached {
    pub(crate) fn to_json(&self) -> Object {
        let mut out = Object::new();
        out.set("id", string(&self.id));
        out.set("name", string(&self.name));
        out.set("kind", string(self.kind.as_str()));
        out.set("label", string(&self.label.to_string()));
        out.set("characters", number(self.characters));
        out
    }

    pub(crate) fn list(attached: &[Self]) -> Value {
        Value::Array(attached.iter().map(|one| Value::Object(one.to_json())).collect())
    }

    /// As it is sealed with its message.
    pub(crate) fn to_sealed(attached: &[Self]) -> Value {
        let rows = attached.iter().map(|one| {
            let mut out = one.to_json();
            out.set("text_bytes", number(one.text_bytes));
            Value::Object(out)
        });
        Value::Array(rows.collect())
    }

    pub(crate) fn read_sealed(value: &Value) -> Option<Vec<Self>> {
        let rows = value.as_array()?.iter().map(|row| {
            let row = row.as_object()?;
            let text = |name: &str| row.get(name)?.as_str();
            let count = |name| u64::try_from(row.get(name)?.as_i64()?).ok();
            Some(Self {
                id: text("id")?.to_owned(),
                name: text("name")?.to_owned(),
                kind: Kind::parse(text("kind")?)?,
                label: Label::parse(text("label")?.as_bytes()).unwrap_or(Label::SECRET),
                characters: count("characters")?,
                text_bytes: count("text_bytes")?,
            })
        });
        rows.collect()
    }
}

/// A question with its attachments, as a model reads it: the question, then each text between marks of the house. The marks
/// hold the attachment's id, which was not known to whoever wrote the file, so no text can end its own.
///
/// `text` answers the text of an attachment. Also where in the whole each of them stands, in bytes.
pub(crate) fn composed<'t>(
    question: &str,
    attached: &[Attached],
    text: impl Fn(&str) -> Option<&'t str>,
    is_german: bool,
) -> (String, Vec<Part>) {
    let mut out = question.to_owned();
    let mut parts = Vec::new();
    let (word, end, nothing) = match is_german {
        true => ("Anhang", "Ende des Anhangs", "(Bilder können nicht gelesen werden)"),
        false => ("Attachment", "End of attachment", "(images cannot be read)"),
    };
    for one in attached {
        let name: String = one.name.chars().filter(|character| !"⟦⟧\"".contains(*character)).collect();
        out.push_str(&format!("\n\n⟦{word} {}: \"{name}\"⟧\n", one.id));
        let start = out.len();
        match text(&one.id).filter(|text| !text.is_empty()) {
            Some(text) => out.push_str(text),
            None => out.push_str(nothing),
        }
        parts.push(Part { attachment: one.id.clone(), start, end: out.len() });
        out.push_str(&format!("\n⟦{end} {}⟧", one.id));
    }
    (out, parts)
}

/// Where the text of an attachment stands in a composed question, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) attachment: String,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// What a person calls a file: the last step of what may be a path, without control characters; None for no name.
pub(crate) fn file_name(given: &str) -> Option<String> {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    // Neither control characters nor those that turn the direction of what follows them (Unicode UAX 9, section 2).
    let is_hidden = |character: char| {
        character.is_control()
            || matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    let name: String = last.chars().filter(|character| !is_hidden(*character)).collect();
    let name = name.trim();
    (!name.is_empty() && name.len() <= NAME_BYTES_MAX).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use schleuse_extract::{Extracted, Kind, Omission, Place, PlaceKind, What};
    use schleuse_types::{Finding, FindingAction, Label, Text, Timestamp};

    use super::{Attached, Attachment, State, composed, file_name};

    fn blank() -> Attachment {
        Attachment::new("a".into(), "Bericht.PDF".into(), Timestamp(7))
    }

    fn check(attachment: &Attachment) {
        let mut read = Attachment { name: String::new(), ..blank() };
        read.read_sealed_text(attachment.to_sealed_text().as_bytes()).unwrap();
        assert_eq!(&read, attachment);
    }

    #[test]
    fn what_is_sealed_is_read_again() {
        check(&blank());
        let mut refused = blank();
        refused.refuse(Text::fixed("no", "nein"));
        check(&refused);
        let mut ready = Attachment {
            state: State::Ready,
            label: Some(Label::CONFIDENTIAL),
            is_blocked: true,
            is_whole: true,
            bytes: 9,
            digest: "d".into(),
            ..blank()
        };
        let place = |start, number| Place { start, kind: PlaceKind::Page, number: Some(number), name: None };
        let text = "Grüße 😀 Müller".to_owned();
        let start = text.find('M').unwrap();
        let read = Extracted {
            kind: Kind::Pdf,
            places: vec![place(0, 1), place(start, 2)],
            facts: String::new(),
            omitted: vec![Omission { what: What::Scripts, count: 2 }],
            is_cut: true,
            pages: Some(2),
            text,
        };
        let finding = Finding {
            kind: "PERSON_NAME".into(),
            recognizer: "x".into(),
            path: String::new(),
            start,
            end: start + "Müller".len(),
            score: 0.75,
            action: FindingAction::Warn,
            evasive: false,
            excepted: false,
        };
        ready.take(&read, &[finding]);
        check(&ready);
        let shown = schleuse_wire::json::Value::Object(ready.to_json()).to_text();
        let found = "\"start\":9,\"end\":15,\"score\":0.75,\"action\":\"WARN\",\"recognizer\":\"x\",\"place\":{\"kind\":\"page\",\"number\":2,\"name\":null}";
        assert!(shown.contains(found), "{shown}");
        assert!(
            shown.contains("\"kind\":\"pdf\"") && shown.contains("Scripts were left out (2)."),
            "{shown}"
        );
        assert_eq!((ready.characters, ready.extension().as_str()), (14, "pdf"));
    }

    #[test]
    fn a_question_is_composed_with_marks_that_no_text_can_write() {
        let attached = |id: &str, name: &str| Attached {
            id: id.into(),
            name: name.into(),
            kind: Kind::Text,
            label: Label::INTERNAL,
            characters: 1,
            text_bytes: 1,
        };
        let files = [attached("01A", "a⟦\".txt"), attached("01B", "b.png")];
        let (text, parts) = composed("Frage", &files, |id| (id == "01A").then_some("Text ⟦"), true);
        assert_eq!(
            text,
            "Frage\n\n⟦Anhang 01A: \"a.txt\"⟧\nText ⟦\n⟦Ende des Anhangs 01A⟧\n\n⟦Anhang 01B: \"b.png\"⟧\n(Bilder können nicht gelesen werden)\n⟦Ende des Anhangs 01B⟧"
        );
        assert_eq!(text.get(parts[0].start..parts[0].end), Some("Text ⟦"));
        assert_eq!(composed("Frage", &[], |_| None, false), ("Frage".to_owned(), Vec::new()));
    }

    #[test]
    fn a_name_is_the_last_step_of_a_path() {
        let check = |given: &str, expected: Option<&str>| assert_eq!(file_name(given).as_deref(), expected);
        check("C:\\Users\\x\\Bericht.docx", Some("Bericht.docx"));
        check("../../etc/passwd", Some("passwd"));
        check("a\u{202E}fdp.exe\n", Some("afdp.exe"));
        check(" / ", None);
        check("", None);
        check(&"ä".repeat(128), None);
    }
}
