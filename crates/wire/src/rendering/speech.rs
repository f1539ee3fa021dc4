//! What somebody said, in the forms that OpenAI's interface has for it.
//!
//! Source: OpenAI's API reference (transcription object, verbose object, `transcript.text.delta`, `transcript.text.done`;
//! 2026-10); SubRip as players read it; WebVTT (W3C).

use std::fmt::Write as _;

use bytes::Bytes;

use crate::json::{self, Number, Object, Value};
use crate::{Channel, Chunk, ReplyError, Request, WholeReply, sse};

#[derive(Debug)]
pub(super) struct Speech {
    format: Format,
    /// Of a stream, so far.
    said: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Text,
    VerboseJson,
    SubRip,
    WebVtt,
}

impl Speech {
    pub(super) fn new(request: &Request) -> Self {
        let format = match request.format() {
            "text" => Format::Text,
            "verbose_json" => Format::VerboseJson,
            "srt" => Format::SubRip,
            "vtt" => Format::WebVtt,
            _ => Format::Json,
        };
        Self { format, said: String::new() }
    }

    /// What a whole answer is, where it is no JSON.
    pub(super) fn content_type(&self) -> Option<&'static str> {
        match self.format {
            Format::Json | Format::VerboseJson => None,
            Format::Text | Format::SubRip => Some("text/plain; charset=utf-8"),
            Format::WebVtt => Some("text/vtt; charset=utf-8"),
        }
    }

    pub(super) fn whole(&self, reply: &WholeReply) -> Result<Bytes, ReplyError> {
        let body = reply.body();
        let text = body.get("text").and_then(Value::as_str).unwrap_or_default();
        let mut out = String::with_capacity(text.len() + 256);
        match self.format {
            Format::Json => json::write_object(&only(body, &["text", "usage"]), &mut out),
            Format::VerboseJson => {
                let members = ["task", "language", "duration", "text", "segments", "words", "usage"];
                json::write_object(&only(body, &members), &mut out);
            }
            Format::Text => {
                out.push_str(text);
                out.push('\n');
            }
            Format::SubRip => {
                for (place, cue) in cues(body, text)?.iter().enumerate() {
                    let (start, end) = (time(cue.start_s, ','), time(cue.end_s, ','));
                    let _ = write!(out, "{}\n{start} --> {end}\n{}\n\n", place + 1, cue.text);
                }
            }
            Format::WebVtt => {
                out.push_str("WEBVTT\n\n");
                for cue in cues(body, text)? {
                    let (start, end) = (time(cue.start_s, '.'), time(cue.end_s, '.'));
                    // What could be read as a tag is written so that it is none.
                    let text = cue.text.replace('&', "&amp;").replace('<', "&lt;");
                    let _ = write!(out, "{start} --> {end}\n{text}\n\n");
                }
            }
        }
        Ok(Bytes::from(out))
    }

    /// The frames of one chunk.
    pub(super) fn take(&mut self, chunk: &Chunk, frames: &mut Vec<Bytes>) {
        let pieces = chunk.choices.iter().flat_map(|choice| &choice.pieces);
        for piece in pieces.filter(|piece| piece.channel == Channel::Content && !piece.text.is_empty()) {
            self.said.push_str(&piece.text);
            let mut event = event("transcript.text.delta");
            event.set("delta", Value::String(piece.text.clone()));
            frames.push(sse::frame(&Value::Object(event).to_text()));
        }
    }

    /// The last frame, which says everything again.
    pub(super) fn end(&mut self, cost: Option<&Object>) -> Bytes {
        let mut event = event("transcript.text.done");
        event.set("text", Value::String(std::mem::take(&mut self.said)));
        if let Some(cost) = cost {
            event.set("usage", Value::Object(usage(cost)));
        }
        sse::frame(&Value::Object(event).to_text())
    }
}

fn event(kind: &str) -> Object {
    let mut event = Object::new();
    event.set("type", Value::String(kind.to_owned()));
    event
}

/// What a stream cost, in seconds or in LLM tokens.
fn usage(cost: &Object) -> Object {
    let count = |name: &str| cost.get(name).and_then(Value::as_i64);
    let mut usage = Object::new();
    match count("seconds") {
        Some(seconds) => {
            usage.set("type", Value::String("duration".to_owned()));
            usage.set("seconds", Value::Number(Number::from(seconds)));
        }
        None => {
            usage.set("type", Value::String("tokens".to_owned()));
            let names = [("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens")];
            for (told, kept) in names.into_iter().chain([("total_tokens", "total_tokens")]) {
                usage.set(told, Value::Number(Number::from(count(kept).unwrap_or_default())));
            }
        }
    }
    usage
}

fn only(body: &Object, names: &[&str]) -> Object {
    let mut kept = Object::new();
    for name in names {
        if let Some(value) = body.get(name) {
            kept.set(name, value.clone());
        }
    }
    kept
}

/// One line of subtitles.
struct Cue {
    start_s: f64,
    end_s: f64,
    text: String,
}

fn cues(body: &Object, text: &str) -> Result<Vec<Cue>, ReplyError> {
    let Some(segments) = body.get("segments").and_then(Value::as_array) else {
        // Silence has none.
        return if text.trim().is_empty() { Ok(Vec::new()) } else { Err(NO_SEGMENTS) };
    };
    let second = |segment: &Object, name: &str| match segment.get(name) {
        Some(Value::Number(number)) => number.as_f64(),
        _ => 0.0,
    };
    let cue = |segment: &Object| {
        let text = segment.get("text").and_then(Value::as_str).unwrap_or_default();
        // An empty line would end it.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace("-->", "->");
        Cue { start_s: second(segment, "start"), end_s: second(segment, "end"), text }
    };
    Ok(segments.iter().filter_map(Value::as_object).map(cue).collect())
}

const NO_SEGMENTS: ReplyError = ReplyError::Malformed("the transcript has no times");

/// `00:00:03,320`.
fn time(seconds: f64, point: char) -> String {
    let ms = (seconds.max(0.0) * 1000.0).round() as u64;
    let (s, ms) = (ms / 1000, ms % 1000);
    format!("{:02}:{:02}:{:02}{point}{ms:03}", s / 3600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::time;

    fn check(seconds: f64, expected: &str) {
        assert_eq!(time(seconds, ','), expected, "{seconds}");
    }

    #[test]
    fn times_are_those_of_players() {
        check(0.0, "00:00:00,000");
        check(3.32, "00:00:03,320");
        check(59.9996, "00:01:00,000");
        check(3_661.5, "01:01:01,500");
        check(-1.0, "00:00:00,000");
    }
}
