//! An assistant as it is sealed.

use schleuse_store::AssistantRow;
use schleuse_types::{Label, Timestamp};
use schleuse_wire::json::{self, Bounds, Object, Value};

use crate::message::{number, optional, string};
use crate::prompt::texts;
use crate::seal::{DataKey, Place, SealError};

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Draft,
    InReview,
    Published,
    /// A reviewer gave it back.
    Returned,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Draft, Self::InReview, Self::Published, Self::Returned];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::InReview => "in_review",
            Self::Published => "published",
            Self::Returned => "returned",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assistant {
    pub(crate) id: String,
    pub(crate) owner: String,
    /// The published one in whose place this one is to come.
    pub(crate) of: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) stage: Stage,
    /// Grows with every change.
    pub(crate) version: u64,
    pub(crate) name: String,
    pub(crate) purpose: String,
    pub(crate) instructions: String,
    pub(crate) starters: Vec<String>,
    /// Which model is asked when nobody says another.
    pub(crate) model: Option<String>,
    /// What its owner said; the label is at least this.
    pub(crate) declared: Option<Label>,
    pub(crate) label: Label,
    /// Whom it is published to, or shall be.
    pub(crate) with: Vec<String>,
    /// What the last reviewer wrote to its owner.
    pub(crate) note: Option<String>,
}

impl Assistant {
    /// A draft that says nothing yet.
    pub(crate) fn blank(id: String, owner: &str, now: Timestamp) -> Self {
        Self {
            id,
            owner: owner.to_owned(),
            of: None,
            created: now,
            updated: now,
            stage: Stage::Draft,
            version: 1,
            name: String::new(),
            purpose: String::new(),
            instructions: String::new(),
            starters: Vec::new(),
            model: None,
            declared: None,
            label: Label::SECRET,
            with: Vec::new(),
            note: None,
        }
    }

    pub(crate) fn seal(&self, key: &DataKey) -> Result<AssistantRow, SealError> {
        let place = Place::Assistant { person: &self.owner, assistant: &self.id, created: self.created };
        Ok(AssistantRow {
            id: self.id.clone(),
            person: self.owner.clone(),
            of: self.of.clone(),
            state: self.stage.as_str().to_owned(),
            sealed: key.seal(&place, self.to_sealed_text())?,
            created: self.created,
            updated: self.updated,
        })
    }

    /// None for one that was altered, moved, or sealed under another key.
    pub(crate) fn open(key: &DataKey, row: &AssistantRow) -> Option<Self> {
        let place = Place::Assistant { person: &row.person, assistant: &row.id, created: row.created };
        let opened = key.open(&place, &row.sealed).ok().and_then(|text| Self::read(row, &text));
        if opened.is_none() {
            tracing::error!(assistant = row.id, "a sealed assistant does not open");
        }
        opened
    }

    fn to_sealed_text(&self) -> String {
        let mut out = Object::new();
        out.set("state", string(self.stage.as_str()));
        out.set("version", number(self.version));
        out.set("name", string(&self.name));
        out.set("purpose", string(&self.purpose));
        out.set("instructions", string(&self.instructions));
        out.set("starters", texts(&self.starters));
        out.set("model", optional(self.model.as_deref()));
        out.set("declared", optional(self.declared.as_ref().map(Label::to_string).as_deref()));
        out.set("label", string(&self.label.to_string()));
        out.set("with", texts(&self.with));
        out.set("note", optional(self.note.as_deref()));
        Value::Object(out).to_text()
    }

    fn read(row: &AssistantRow, text: &[u8]) -> Option<Self> {
        let Ok(Value::Object(object)) = json::parse(text, &Bounds::default()) else { return None };
        let text = |name: &str| object.get(name)?.as_str().map(str::to_owned);
        let texts = |name: &str| {
            let texts = object.get(name)?.as_array()?.iter();
            texts.map(|text| text.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        };
        let state = text("state")?;
        Some(Self {
            id: row.id.clone(),
            owner: row.person.clone(),
            of: row.of.clone(),
            created: row.created,
            updated: row.updated,
            stage: Stage::ALL.into_iter().find(|known| known.as_str() == state)?,
            version: u64::try_from(object.get("version")?.as_i64()?).ok()?,
            name: text("name")?,
            purpose: text("purpose")?,
            instructions: text("instructions")?,
            starters: texts("starters")?,
            model: text("model"),
            declared: match text("declared") {
                Some(label) => Some(Label::parse(label.as_bytes()).ok()?),
                None => None,
            },
            label: Label::parse(text("label")?.as_bytes()).ok()?,
            with: texts("with")?,
            note: text("note"),
        })
    }

    /// `is_inside`: for its owner and for reviewers, who see for whom it is and what was written about it.
    pub(crate) fn to_json(&self, owner: &str, is_mine: bool, is_inside: bool, may_review: bool) -> Object {
        let mut out = Object::new();
        out.set("id", string(&self.id));
        out.set("of", optional(self.of.as_deref().filter(|_| is_inside)));
        out.set("name", string(&self.name));
        out.set("purpose", string(&self.purpose));
        out.set("starters", texts(&self.starters));
        out.set("model", optional(self.model.as_deref()));
        out.set("label", string(&self.label.to_string()));
        out.set("version", number(self.version));
        out.set("state", string(self.stage.as_str()));
        out.set("owner", string(owner));
        out.set("mine", Value::Bool(is_mine));
        out.set("with", if is_inside { texts(&self.with) } else { Value::Array(Vec::new()) });
        out.set("note", optional(self.note.as_deref().filter(|_| is_inside)));
        out.set("review", Value::Bool(may_review));
        out
    }
}

#[cfg(test)]
mod tests {
    use schleuse_types::{Label, Timestamp};

    use super::{Assistant, Stage};
    use crate::seal::DataKey;

    fn check(assistant: &Assistant) {
        let key = DataKey::generate().unwrap();
        let row = assistant.seal(&key).unwrap();
        assert_eq!(Assistant::open(&key, &row).as_ref(), Some(assistant));
        // A state beside the seal decides nothing, and a row opens in its place only.
        let row = schleuse_store::AssistantRow { state: "published".into(), ..row };
        assert_eq!(Assistant::open(&key, &row).as_ref(), Some(assistant));
        let row = schleuse_store::AssistantRow { person: "bert".into(), ..row };
        assert_eq!(Assistant::open(&key, &row), None);
    }

    #[test]
    fn an_assistant_is_read_again() {
        let blank = Assistant::blank("a".into(), "anna", Timestamp(7));
        check(&blank);
        for stage in Stage::ALL {
            check(&Assistant {
                of: Some("b".into()),
                stage,
                version: 4,
                name: "Ä \"".into(),
                purpose: "p".into(),
                instructions: "i\n".into(),
                starters: vec!["s".into()],
                model: Some("tiny".into()),
                declared: Some(Label::PUBLIC),
                label: Label::parse(b"CONFIDENTIAL//hr").unwrap(),
                with: vec!["group:hr".into()],
                note: Some("n".into()),
                ..blank.clone()
            });
        }
    }
}
