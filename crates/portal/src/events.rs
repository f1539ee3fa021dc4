//! What a reader of an answer is told, from any place in it.
//!
//! An event's id is a place in the answer, not the number of an event: after the head, each byte of text is one place. So
//! it does not matter in which pieces the text came or was sent before; whoever read up to a place goes on there, also
//! when the answer is no longer in memory and is told from what was stored.
//!
//! ```text
//! 0 model 1 passage 2 omitted 3 text … 3+n   2^40 cut +1 usage +2 refusal or stopped +3 done +4
//! ```
//! What an answer lacks takes its place without being told.

use bytes::Bytes;
use schleuse_wire::json::{Object, Value};

use crate::message::{Message, Passage, State, number, optional, string, usage_json};

/// Where the text begins.
const TEXT: u64 = 3;
/// Where what follows the text begins: behind every text there can be, so that a place in the text never looks like one
/// behind it.
const TAIL: u64 = 1 << 40;
/// Largest piece of text in one event.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// A place in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position(u64);

impl Position {
    pub(crate) const START: Self = Self(0);

    /// Reads a `Last-Event-ID`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_plain = (1..=13).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| is_plain).map(Self)
    }
}

/// Everything that is known behind `from`, as frames, and the place behind it. An answer that is over ends with `done`.
pub(crate) fn frames_since(answer: &Message, from: Position) -> (Vec<Bytes>, Position) {
    let mut out = Frames { frames: Vec::new(), at: from };
    let is_over = answer.state != State::Running;
    out.tell(0, "model", || Some(one("model", optional(answer.model.as_deref()))));
    // What the gate said is known before the first text.
    if answer.passage.is_none() && answer.content.is_empty() && !is_over {
        return (out.frames, out.at);
    }
    out.tell(1, "passage", || answer.passage.as_ref().map(Passage::to_json));
    out.tell(2, "omitted", || {
        (answer.omitted > 0).then(|| one("messages", number(u64::from(answer.omitted))))
    });
    out.text(&answer.content);
    if is_over {
        out.tell(TAIL, "cut", || answer.is_cut.then(|| Value::Object(Object::new())));
        out.tell(TAIL + 1, "usage", || answer.usage.map(usage_json));
        match (&answer.refusal, answer.state) {
            (Some(refusal), _) => {
                out.tell(TAIL + 2, "refusal", || Some(one("error", Value::Object(refusal.clone()))));
            }
            (None, State::Stopped) => {
                out.tell(TAIL + 2, "stopped", || Some(Value::Object(Object::new())));
            }
            (None, _) => {}
        }
        // Told to everybody: whoever asks again behind the end must not wait.
        out.at = out.at.min(Position(TAIL + 3));
        out.tell(TAIL + 3, "done", || Some(one("state", string(answer.state.as_str()))));
    }
    (out.frames, out.at)
}

fn one(name: &str, value: Value) -> Value {
    let mut out = Object::new();
    out.set(name, value);
    Value::Object(out)
}

struct Frames {
    frames: Vec<Bytes>,
    at: Position,
}

impl Frames {
    /// One event that takes one place.
    fn tell(&mut self, place: u64, name: &str, data: impl FnOnce() -> Option<Value>) {
        if self.at.0 > place {
            return;
        }
        self.at = Position(place + 1);
        if let Some(data) = data() {
            self.push(name, &data);
        }
    }

    fn text(&mut self, text: &str) {
        if self.at.0 >= TAIL {
            return;
        }
        let known = usize::try_from(self.at.0.saturating_sub(TEXT)).unwrap_or(usize::MAX);
        if known > text.len() {
            // The reader saw text that a crash took away before it was saved: the whole text in place of what they have.
            self.at = Position(TEXT + text.len() as u64);
            self.push("whole", &one("text", string(text)));
            return;
        }
        let mut rest = text.get(text.floor_char_boundary(known)..).unwrap_or_default();
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES_MAX));
            rest = behind;
            self.at = Position(TEXT + (text.len() - rest.len()) as u64);
            self.push("text", &one("text", string(piece)));
        }
    }

    fn push(&mut self, name: &str, data: &Value) {
        let frame = format!("id: {}\nevent: {name}\ndata: {}\n\n", self.at.0, data.to_text());
        self.frames.push(Bytes::from(frame));
    }
}

#[cfg(test)]
mod tests;
