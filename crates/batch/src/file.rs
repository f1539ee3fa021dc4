//! A file as this room knows it, and its form inside the seal.

use schleuse_types::{Label, Timestamp};
use schleuse_wire::json::{self, Bounds, Object, Value};

use crate::listing::{number, text};

/// A file without its content.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct File {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) purpose: Purpose,
    pub(crate) label: Label,
    pub(crate) bytes: u64,
    pub(crate) created: Timestamp,
    pub(crate) expires: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Lines to be asked.
    Batch,
    /// What came of them.
    BatchOutput,
}

impl Purpose {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::BatchOutput => "batch_output",
        }
    }
}

impl File {
    /// As clients read it.
    pub(crate) fn to_json(&self) -> Object {
        let mut out = Object::new();
        out.set("id", text(&self.id));
        out.set("object", text("file"));
        out.set("bytes", number(self.bytes));
        out.set("created_at", number(self.created.seconds()));
        out.set("expires_at", number(self.expires.seconds()));
        out.set("filename", text(&self.name));
        out.set("purpose", text(self.purpose.as_str()));
        out.set("status", text("processed"));
        out.set("status_details", Value::Null);
        out
    }

    /// Everything that is sealed.
    pub(crate) fn to_sealed_text(&self) -> String {
        let mut out = Object::new();
        out.set("name", text(&self.name));
        out.set("purpose", text(self.purpose.as_str()));
        out.set("label", text(&self.label.to_string()));
        Value::Object(out).to_text()
    }

    /// Fills in what was sealed; None when it says what this binary cannot read.
    pub(crate) fn read_sealed_text(&mut self, sealed: &[u8]) -> Option<()> {
        let Ok(Value::Object(object)) = json::parse(sealed, &Bounds::default()) else { return None };
        object.get("name")?.as_str()?.clone_into(&mut self.name);
        let purpose = object.get("purpose")?.as_str()?;
        self.purpose =
            [Purpose::Batch, Purpose::BatchOutput].into_iter().find(|known| known.as_str() == purpose)?;
        self.label = Label::parse(object.get("label")?.as_str()?.as_bytes()).ok()?;
        Some(())
    }
}
