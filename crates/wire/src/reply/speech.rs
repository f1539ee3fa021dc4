//! Transcripts: the same words told as one text, in segments and one by one.

use super::{REPLY_BOUNDS, WholeReply, numbers_only, rounded};
use crate::json::{self, Number, Object, Value};
use crate::request::SHORT_NUMBER_BYTES;
use crate::{Pointer, ReplyError, Segment, Surface};

/// How often a transcript tells its words: as one text, in segments, and word by word.
pub const TELLINGS: usize = 3;

/// Where the texts of a transcript stand: the member of the answer, and the name of a text in it.
const PLACES: [(&str, &str); TELLINGS] = [("text", ""), ("segments", "text"), ("words", "word")];

/// Reads a transcript as OpenAI and vLLM write it. Numbers of tokens spell the text and stay behind.
pub(super) fn transcript(surface: Surface, mut body: Object) -> Result<Object, ReplyError> {
    let mut kept = Object::new();
    let task = if surface == Surface::Translations { "translate" } else { "transcribe" };
    kept.set("task", Value::String(task.to_owned()));
    if let Some(Value::String(language)) = body.remove("language") {
        kept.set("language", Value::String(language));
    }
    keep_number(&mut body, "duration", &mut kept);
    let Some(Value::String(text)) = body.remove("text") else {
        return Err(ReplyError::Malformed("the transcript has no text"));
    };
    kept.set("text", Value::String(text));
    if let Some(Value::Array(segments)) = body.remove("segments") {
        kept.set(
            "segments",
            Value::Array(segments.into_iter().enumerate().map(segment).collect::<Result<_, _>>()?),
        );
    }
    if let Some(Value::Array(words)) = body.remove("words") {
        kept.set("words", Value::Array(words.into_iter().map(word).collect::<Result<_, _>>()?));
    }
    if let Some(Value::Object(usage)) = body.remove("usage")
        && let Some(usage) = cost(usage)
    {
        kept.set("usage", Value::Object(usage));
    }
    Ok(kept)
}

fn segment((place, segment): (usize, Value)) -> Result<Value, ReplyError> {
    let Value::Object(mut segment) = segment else {
        return Err(ReplyError::Malformed("a segment is no object"));
    };
    let Some(text @ Value::String(_)) = segment.remove("text") else {
        return Err(ReplyError::Malformed("a segment has no text"));
    };
    let mut kept = Object::new();
    kept.set("id", Value::Number(Number::from(i64::try_from(place).unwrap_or(i64::MAX))));
    for name in ["seek", "start", "end"] {
        keep_number(&mut segment, name, &mut kept);
    }
    kept.set("text", text);
    kept.set("tokens", Value::Array(Vec::new()));
    for name in ["temperature", "avg_logprob", "compression_ratio", "no_speech_prob"] {
        keep_number(&mut segment, name, &mut kept);
    }
    Ok(Value::Object(kept))
}

fn word(word: Value) -> Result<Value, ReplyError> {
    let Value::Object(mut word) = word else {
        return Err(ReplyError::Malformed("a word is no object"));
    };
    let Some(text @ Value::String(_)) = word.remove("word") else {
        return Err(ReplyError::Malformed("a word has no text"));
    };
    let mut kept = Object::new();
    kept.set("word", text);
    for name in ["start", "end"] {
        keep_number(&mut word, name, &mut kept);
    }
    Ok(Value::Object(kept))
}

fn keep_number(from: &mut Object, name: &str, to: &mut Object) {
    if let Some(Value::Number(number)) = from.remove(name)
        && let Some(short) = if number.as_str().len() > SHORT_NUMBER_BYTES {
            rounded(&number)
        } else {
            Some(Value::Number(number))
        }
    {
        to.set(name, short);
    }
}

/// In seconds or in LLM tokens.
fn cost(mut usage: Object) -> Option<Object> {
    let kind = match usage.remove("type").as_ref().and_then(Value::as_str) {
        Some("duration") => "duration",
        Some("tokens") => "tokens",
        _ => return None,
    };
    let mut kept = Object::new();
    kept.set("type", Value::String(kind.to_owned()));
    for (name, value) in numbers_only(usage) {
        kept.set(&name, value);
    }
    Some(kept)
}

/// JSON pointer to a text of a telling.
pub fn telling_path(telling: usize, text: usize) -> String {
    match PLACES.get(telling) {
        Some((member, name)) if telling > 0 => format!("/{member}/{text}/{name}"),
        _ => "/text".to_owned(),
    }
}

impl Pointer<'_> {
    /// Which telling of a transcript this is a text of, from 0 to [`TELLINGS`].
    pub fn telling(&self) -> Option<usize> {
        let (member, name) = match self.segments() {
            [Segment::Key(member)] => (*member, ""),
            [Segment::Key(member), Segment::Index(_), Segment::Key(name)] => (*member, *name),
            _ => return None,
        };
        PLACES.iter().position(|place| *place == (member, name))
    }
}

impl WholeReply {
    pub(crate) fn body(&self) -> &Object {
        &self.body
    }

    /// The texts of a transcript, telling by telling, in the order in which [`WholeReply::visit`] shows them; `None` of other
    /// answers.
    pub fn tellings(&self) -> Option<[Vec<&str>; TELLINGS]> {
        if !self.is_transcript {
            return None;
        }
        Some(PLACES.map(|(member, name)| {
            match self.body.get(member) {
                Some(Value::String(text)) => vec![text.as_str()],
                Some(Value::Array(items)) => items
                    .iter()
                    .filter_map(Value::as_object)
                    .filter_map(|item| item.get(name).and_then(Value::as_str))
                    .collect(),
                _ => Vec::new(),
            }
        }))
    }

    /// Leaves a telling out.
    pub fn remove_telling(&mut self, telling: usize) {
        if let Some((member, _)) = PLACES.get(telling).filter(|_| telling > 0) {
            self.body.remove(member);
        }
    }
}

/// A whole transcript as the one event of a stream: some model servers answer so although they were asked for a stream.
pub fn as_stream(bytes: &[u8]) -> Option<String> {
    let Ok(Value::Object(mut body)) = json::parse(bytes, &REPLY_BOUNDS) else { return None };
    let mut event = Object::new();
    event.set("type", Value::String("transcript.text.done".to_owned()));
    event.set("text", body.remove("text").filter(|text| text.as_str().is_some())?);
    if let Some(usage) = body.remove("usage") {
        event.set("usage", usage);
    }
    Some(format!("data: {}\n\n", Value::Object(event).to_text()))
}
