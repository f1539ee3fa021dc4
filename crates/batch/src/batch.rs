//! A batch as this room knows it, and its form inside the seal.

use schleuse_types::{Label, Language, Timestamp};
use schleuse_wire::Surface;
use schleuse_wire::json::{self, Bounds, Object, Value};

use crate::input::InputError;
use crate::listing::{number, optional_text, text};

/// The questions that can stand in a file: those of OpenAI's batches.
pub(crate) const ENDPOINTS: [Surface; 4] =
    [Surface::ChatCompletions, Surface::Completions, Surface::Embeddings, Surface::Responses];

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Batch {
    pub(crate) id: String,
    pub(crate) input: String,
    pub(crate) endpoint: Surface,
    pub(crate) metadata: Option<Object>,
    /// In which refusals are told.
    pub(crate) language: Language,
    /// How long the files that come of it are kept, in seconds; as long as the house keeps any when it was not said.
    pub(crate) output_kept_s: Option<u64>,
    pub(crate) state: State,
    /// When each state began that there was.
    pub(crate) moments: Vec<(State, Timestamp)>,
    /// Of the file, of what was declared, and of the answers so far.
    pub(crate) label: Label,
    /// What every line is asked with.
    pub(crate) asked_label: Label,
    pub(crate) counts: Counts,
    pub(crate) errors: Vec<InputError>,
    pub(crate) output: Option<String>,
    pub(crate) error_output: Option<String>,
    pub(crate) created: Timestamp,
    /// The end of its window. Afterwards, when it is deleted.
    pub(crate) expires: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Lines of the file; 0 while it was not read.
    pub(crate) total: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The file is being read.
    Validating,
    InProgress,
    /// All is answered, and is being put together.
    Finalizing,
    Completed,
    Failed,
    Cancelling,
    Cancelled,
    Expired,
}

impl State {
    const ALL: [Self; 8] = [
        Self::Validating,
        Self::InProgress,
        Self::Finalizing,
        Self::Completed,
        Self::Failed,
        Self::Cancelling,
        Self::Cancelled,
        Self::Expired,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Validating => "validating",
            Self::InProgress => "in_progress",
            Self::Finalizing => "finalizing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Nothing more happens.
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Expired)
    }
}

impl Batch {
    pub(crate) fn enter(&mut self, state: State, now: Timestamp) {
        self.state = state;
        self.moments.push((state, now));
    }

    fn began(&self, state: State) -> Option<Timestamp> {
        self.moments.iter().find(|(known, _)| *known == state).map(|(_, began)| *began)
    }

    /// As clients read it.
    pub(crate) fn to_json(&self) -> Object {
        let mut out = Object::new();
        out.set("id", text(&self.id));
        out.set("object", text("batch"));
        out.set("endpoint", text(self.endpoint.path()));
        out.set("errors", self.errors_json());
        out.set("input_file_id", text(&self.input));
        out.set("completion_window", text("24h"));
        out.set("status", text(self.state.as_str()));
        out.set("output_file_id", optional_text(self.output.as_deref()));
        out.set("error_file_id", optional_text(self.error_output.as_deref()));
        out.set("created_at", number(self.created.seconds()));
        for state in State::ALL {
            if state != State::Validating {
                let began = self.began(state).map_or(Value::Null, |began| number(began.seconds()));
                out.set(&format!("{}_at", state.as_str()), began);
            }
        }
        out.set("expires_at", number(self.window_end().seconds()));
        let mut counts = Object::new();
        counts.set("total", number(self.counts.total));
        counts.set("completed", number(self.counts.completed));
        counts.set("failed", number(self.counts.failed));
        out.set("request_counts", Value::Object(counts));
        out.set("metadata", self.metadata.clone().map_or(Value::Null, Value::Object));
        out
    }

    pub(crate) fn window_end(&self) -> Timestamp {
        self.created.plus(WINDOW)
    }

    fn errors_json(&self) -> Value {
        if self.errors.is_empty() {
            return Value::Null;
        }
        let mut out = Object::new();
        out.set("object", text("list"));
        out.set("data", Value::Array(self.errors.iter().map(InputError::to_json).collect()));
        Value::Object(out)
    }

    /// Everything that is sealed.
    pub(crate) fn to_sealed_text(&self) -> String {
        let mut out = Object::new();
        out.set("input", text(&self.input));
        out.set("endpoint", text(self.endpoint.path()));
        out.set("metadata", self.metadata.clone().map_or(Value::Null, Value::Object));
        out.set("german", Value::Bool(self.language == Language::German));
        out.set("kept_s", self.output_kept_s.map_or(Value::Null, number));
        out.set("state", text(self.state.as_str()));
        let moments = self
            .moments
            .iter()
            .map(|(state, began)| Value::Array(vec![text(state.as_str()), number(began.0)]));
        out.set("moments", Value::Array(moments.collect()));
        out.set("label", text(&self.label.to_string()));
        out.set("asked", text(&self.asked_label.to_string()));
        let Counts { total, completed, failed } = self.counts;
        out.set("counts", Value::Array([total, completed, failed].map(number).to_vec()));
        out.set("errors", Value::Array(self.errors.iter().map(InputError::to_json).collect()));
        out.set("output", optional_text(self.output.as_deref()));
        out.set("error_output", optional_text(self.error_output.as_deref()));
        Value::Object(out).to_text()
    }

    /// What was sealed; None when it says what this binary cannot read.
    pub(crate) fn read_sealed_text(
        id: &str,
        created: Timestamp,
        expires: Timestamp,
        sealed: &[u8],
    ) -> Option<Self> {
        let Ok(Value::Object(object)) = json::parse(sealed, &Bounds::default()) else { return None };
        let said = |name: &str| object.get(name).and_then(Value::as_str);
        let label = |name: &str| Label::parse(said(name)?.as_bytes()).ok();
        let mut moments = Vec::new();
        for moment in object.get("moments")?.as_array()? {
            let [state, began] = moment.as_array()? else { return None };
            moments.push((State::parse(state.as_str()?)?, Timestamp(read_number(began)?)));
        }
        let counts: Option<Vec<u64>> = object.get("counts")?.as_array()?.iter().map(read_number).collect();
        let [total, completed, failed] = counts?.try_into().ok()?;
        let errors: Option<Vec<InputError>> =
            object.get("errors")?.as_array()?.iter().map(InputError::from_json).collect();
        Some(Self {
            id: id.to_owned(),
            input: said("input")?.to_owned(),
            endpoint: ENDPOINTS.into_iter().find(|known| Some(known.path()) == said("endpoint"))?,
            metadata: object.get("metadata")?.as_object().cloned(),
            language: match object.get("german")?.as_bool()? {
                true => Language::German,
                false => Language::English,
            },
            output_kept_s: object.get("kept_s").and_then(read_number),
            state: State::parse(said("state")?)?,
            moments,
            label: label("label")?,
            asked_label: label("asked")?,
            counts: Counts { total, completed, failed },
            errors: errors?,
            output: said("output").map(str::to_owned),
            error_output: said("error_output").map(str::to_owned),
            created,
            expires,
        })
    }
}

/// Within which a batch ends: the one window that OpenAI's interface has.
pub(crate) const WINDOW: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

fn read_number(value: &Value) -> Option<u64> {
    value.as_i64().and_then(|number| u64::try_from(number).ok())
}
