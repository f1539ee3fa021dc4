//! What a fake model server does with a question, and the bytes that come of it.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::contract::{self, Contract};
use crate::fake_upstream::Seen;
use crate::recording::{LAST_CHUNK, RecordedResponse, chunk_frame, recording};
use crate::{repertoire, speech};

#[derive(Debug, Clone, PartialEq)]
pub enum Script {
    /// Answers as the recorded vLLM did to the question most like this one.
    Recorded,
    /// Answers every question with the recording of that name, such as `03-chat-stream`.
    Replay(String),
    /// An event stream. Each text is one chunk of the wire, written as it stands after its pause, so that it may
    /// hold half an event, or two.
    Sse { chunks: Vec<(Duration, String)>, end: End },
    /// A whole answer with its length; the connection stays open. For any status and any body.
    Json { status: u16, body: String, headers: Vec<(String, String)> },
    /// Reads the question and never answers.
    Hang,
    /// As `Recorded`, with a pause before the head and before each piece of the body.
    Slow { pause: Duration },
    /// As `Recorded`, but closes the connection after that many chunks of the body, or bytes of a body that is not
    /// chunked.
    DieAfter(usize),
    /// Answers a chat or a completion with the asker's own last text: whole, or streamed in pieces of `piece_bytes`
    /// (cut at characters, at least one) with a pause before each.
    Echo { piece_bytes: usize, pause: Duration },
    /// Holds the question to a provider's contract, and echoes it in the provider's own words.
    Contract { contract: Contract, piece_bytes: usize },
    /// These bytes instead of an answer; then the connection is closed.
    Raw(Vec<u8>),
}

/// How a scripted event stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// `data: [DONE]` and the last chunk.
    Clean,
    /// The last chunk, but no `[DONE]`.
    NoDone,
    /// The connection is closed without the last chunk.
    Cut,
    /// Nothing more, and the connection stays open.
    Hang,
}

impl Script {
    /// A JSON answer of that status.
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self::Json { status, body: body.into(), headers: Vec::new() }
    }

    /// An error in the shape of vLLM's.
    pub fn status(status: u16) -> Self {
        let error = json!({"error": {"message": format!("scripted status {status}"), "type": "ScriptedError", "param": null, "code": status}});
        Self::json(status, error.to_string())
    }

    /// The same with one more header; does nothing to scripts other than `Json`.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Json { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// A streamed chat answer, one event and one chunk for each text, without pauses.
    pub fn deltas(texts: &[&str], end: End) -> Self {
        let mut events = vec![chat_event("tiny", json!({"role": "assistant", "content": ""}), None)];
        events.extend(texts.iter().map(|text| chat_event("tiny", json!({"content": text}), None)));
        if end == End::Clean {
            events.push(chat_event("tiny", json!({}), Some("stop")));
        }
        Self::Sse { chunks: events.into_iter().map(|event| (Duration::ZERO, event)).collect(), end }
    }

    /// A streamed chat answer of that text, in pieces of `piece_bytes` (cut at characters), one per `pause`.
    pub fn answer(text: &str, piece_bytes: usize, pause: Duration, end: End) -> Self {
        let pieces = split(text, piece_bytes);
        let mut chunks =
            vec![(Duration::ZERO, chat_event("tiny", json!({"role": "assistant", "content": ""}), None))];
        chunks
            .extend(pieces.iter().map(|piece| (pause, chat_event("tiny", json!({"content": piece}), None))));
        if end == End::Clean {
            let usage = json!({"prompt_tokens": 7, "completion_tokens": pieces.len(), "total_tokens": 7 + pieces.len()});
            let whole = |choices: Value, usage: &Value| json!({"id": ID, "object": "chat.completion.chunk", "created": CREATED, "model": "tiny", "choices": choices, "usage": usage});
            let last = whole(
                json!([{"index": 0, "delta": {}, "logprobs": null, "finish_reason": "stop"}]),
                &Value::Null,
            );
            let without_choices = whole(json!([]), &usage);
            let ends = UsageAt::OwnEvent.end(last, usage, without_choices);
            chunks.extend(ends.into_iter().map(|event| (Duration::ZERO, event)));
        }
        Self::Sse { chunks, end }
    }

    /// As `Echo` in pieces of that size without pauses.
    pub fn echo(piece_bytes: usize) -> Self {
        Self::Echo { piece_bytes, pause: Duration::ZERO }
    }

    /// A script as a command line names it: `recorded`, `echo[:BYTES[:MS]]`, `hang`, `slow:MS`, `die:N`,
    /// `replay:NAME` or `status:CODE`.
    pub fn parse(text: &str) -> Result<Self, UnknownScript> {
        let mut words = text.split(':');
        let name = words.next().unwrap_or_default();
        let arguments: Vec<&str> = words.collect();
        let number = |text: &str| text.parse::<u64>().map_err(|_| UnknownScript);
        Ok(match (name, arguments.as_slice()) {
            ("recorded", []) => Self::Recorded,
            ("hang", []) => Self::Hang,
            ("echo", []) => Self::echo(4),
            ("echo", [bytes]) => Self::echo(bytes.parse().map_err(|_| UnknownScript)?),
            ("echo", [bytes, ms]) => Self::Echo {
                piece_bytes: bytes.parse().map_err(|_| UnknownScript)?,
                pause: Duration::from_millis(number(ms)?),
            },
            ("slow", [ms]) => Self::Slow { pause: Duration::from_millis(number(ms)?) },
            ("die", [chunks]) => Self::DieAfter(chunks.parse().map_err(|_| UnknownScript)?),
            ("replay", [name]) if recording(name).is_some() => Self::Replay((*name).to_owned()),
            ("status", [code]) => Self::status(
                code.parse().ok().filter(|code| (200..=599).contains(code)).ok_or(UnknownScript)?,
            ),
            _ => return Err(UnknownScript),
        })
    }
}

/// The text names no script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownScript;

impl fmt::Display for UnknownScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a script; the scripts are recorded, echo[:BYTES[:MS]], hang, slow:MS, die:N, replay:NAME and status:CODE",
        )
    }
}

impl std::error::Error for UnknownScript {}

/// What goes over the wire: bytes, each piece after its pause, and then.
#[derive(Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) pieces: Vec<(Duration, Vec<u8>)>,
    pub(crate) then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    KeepOpen,
    Close,
    Hang,
}

impl Reply {
    pub(crate) fn make(script: &Script, question: &Seen, models: &[String]) -> Self {
        match script {
            Script::Recorded => Self::replay(&repertoire::choose(question, models), Duration::ZERO),
            Script::Slow { pause } => Self::replay(&repertoire::choose(question, models), *pause),
            Script::Replay(name) => match recording(name) {
                Some(recording) => Self::replay(&recording.response, Duration::ZERO),
                None => Self::whole(500, &format!("there is no recording `{name}`"), &[]),
            },
            Script::DieAfter(count) => Self::cut(&repertoire::choose(question, models), *count),
            Script::Sse { chunks, end } => Self::stream(chunks.clone(), *end),
            Script::Json { status, body, headers } => Self::whole(*status, body, headers),
            Script::Hang => Self { pieces: Vec::new(), then: Then::Hang },
            Script::Echo { piece_bytes, pause } => {
                echo(question, *piece_bytes, *pause, UsageAt::of(question))
            }
            Script::Contract { contract, piece_bytes } => by_contract(question, *contract, *piece_bytes),
            Script::Raw(bytes) => Self { pieces: vec![(Duration::ZERO, bytes.clone())], then: Then::Close },
        }
    }

    /// Byte for byte. Recorded answers say `connection: close`, so the connection is closed.
    fn replay(response: &RecordedResponse, pause: Duration) -> Self {
        let closes = response.header("connection").is_some_and(|value| value == "close");
        Self {
            pieces: response.wire_pieces().into_iter().map(|piece| (pause, piece)).collect(),
            then: if closes { Then::Close } else { Then::KeepOpen },
        }
    }

    fn cut(response: &RecordedResponse, count: usize) -> Self {
        let pieces = if response.is_chunked {
            response.wire_pieces().into_iter().take(1 + count.min(response.chunks.len())).collect()
        } else {
            let body = response.body();
            vec![response.head.clone(), body.into_iter().take(count).collect()]
        };
        Self { pieces: pieces.into_iter().map(|piece| (Duration::ZERO, piece)).collect(), then: Then::Close }
    }

    fn stream(chunks: Vec<(Duration, String)>, end: End) -> Self {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut pieces = vec![(Duration::ZERO, head.as_bytes().to_vec())];
        pieces.extend(chunks.into_iter().map(|(pause, chunk)| (pause, chunk_frame(chunk.as_bytes()))));
        if end == End::Clean {
            pieces.push((Duration::ZERO, chunk_frame(DONE.as_bytes())));
        }
        let then = match end {
            End::Clean | End::NoDone => {
                pieces.push((Duration::ZERO, LAST_CHUNK.to_vec()));
                Then::KeepOpen
            }
            End::Cut => Then::Close,
            End::Hang => Then::Hang,
        };
        Self { pieces, then }
    }

    fn whole(status: u16, body: &str, headers: &[(String, String)]) -> Self {
        let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
        let names_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if !names_type {
            head.push_str("content-type: application/json\r\n");
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let closes = headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close")
        });
        Self {
            pieces: vec![(Duration::ZERO, (head + body).into_bytes())],
            then: if closes { Then::Close } else { Then::KeepOpen },
        }
    }
}

const DONE: &str = "data: [DONE]\n\n";
const ID: &str = "chatcmpl-00000000000000ec";
/// 2026-11-20.
const CREATED: u64 = 1_795_207_724;

fn chat_event(model: &str, delta: Value, finish_reason: Option<&str>) -> String {
    event(&json!({
        "id": ID, "object": "chat.completion.chunk", "created": CREATED, "model": model,
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}],
    }))
}

fn event(value: &Value) -> String {
    format!("data: {value}\n\n")
}

/// Where a stream tells what it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UsageAt {
    Nowhere,
    /// In an event without choices, as OpenAI has it.
    OwnEvent,
    /// In the event with the last choice, as Mistral has it.
    LastChoice,
}

impl UsageAt {
    fn of(question: &Seen) -> Self {
        let body: Value = serde_json::from_slice(&question.body).unwrap_or_default();
        if repertoire::wants_usage(&body) { Self::OwnEvent } else { Self::Nowhere }
    }

    /// The last events of a stream, given the one that ends its choice.
    fn end(self, last: Value, usage: Value, without_choices: Value) -> Vec<String> {
        let mut last = last;
        match self {
            Self::Nowhere => vec![event(&last)],
            Self::OwnEvent => vec![event(&last), event(&without_choices)],
            Self::LastChoice => {
                if let Some(members) = last.as_object_mut() {
                    members.insert("usage".to_owned(), usage);
                }
                vec![event(&last)]
            }
        }
    }
}

fn echo(question: &Seen, piece_bytes: usize, pause: Duration, usage_at: UsageAt) -> Reply {
    let body: Value = serde_json::from_slice(&question.body).unwrap_or_default();
    let model = body.get("model").and_then(Value::as_str).unwrap_or("tiny");
    let is_chat = question.path != "/v1/completions";
    let text = if is_chat { last_message(&body) } else { prompt(&body) };
    let pieces = split(&text, piece_bytes);
    let prompt_tokens = text.split_whitespace().count();
    let usage = json!({
        "prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens + pieces.len(), "completion_tokens": pieces.len(),
    });
    let object = match (is_chat, repertoire::is_stream(&body)) {
        (true, true) => "chat.completion.chunk",
        (true, false) => "chat.completion",
        (false, _) => "text_completion",
    };
    let message = |choices: Value, usage: Value| json!({"id": ID, "object": object, "created": CREATED, "model": model, "choices": choices, "usage": usage});
    if !repertoire::is_stream(&body) {
        let choice = if is_chat {
            json!({"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": null, "finish_reason": "stop"})
        } else {
            json!({"index": 0, "text": text, "logprobs": null, "finish_reason": "stop"})
        };
        let mut reply = Reply::whole(200, &message(json!([choice]), usage).to_string(), &[]);
        reply.pieces.iter_mut().for_each(|(own, _)| *own = pause);
        return reply;
    }
    let mut chunks = Vec::new();
    if is_chat {
        chunks.push((pause, chat_event(model, json!({"role": "assistant", "content": ""}), None)));
    }
    for piece in pieces {
        let text = match is_chat {
            true => chat_event(model, json!({"content": piece}), None),
            false => event(
                &json!({"id": ID, "object": object, "created": CREATED, "model": model, "choices": [{"index": 0, "text": piece, "logprobs": null, "finish_reason": null}]}),
            ),
        };
        chunks.push((pause, text));
    }
    let choice = match is_chat {
        true => json!({"index": 0, "delta": {}, "logprobs": null, "finish_reason": "stop"}),
        false => json!({"index": 0, "text": "", "logprobs": null, "finish_reason": "stop"}),
    };
    let last = json!({"id": ID, "object": object, "created": CREATED, "model": model, "choices": [choice]});
    let ends = usage_at.end(last, usage.clone(), message(json!([]), usage));
    chunks.extend(ends.into_iter().map(|end| (pause, end)));
    Reply::stream(chunks, End::Clean)
}

fn by_contract(question: &Seen, contract: Contract, piece_bytes: usize) -> Reply {
    if let Some((status, message)) = contract.violation(question) {
        return Reply::whole(status, &contract.error(status, &message), &[]);
    }
    if speech::is_speech(&question.path) {
        return match speech::transcript(contract, question, |text| split(text, piece_bytes)) {
            Ok(whole) => Reply::whole(200, &whole, &[]),
            Err(events) => {
                Reply::stream(events.into_iter().map(|event| (Duration::ZERO, event)).collect(), End::NoDone)
            }
        };
    }
    if question.path.ends_with("/count_tokens") {
        return Reply::whole(200, "{\"input_tokens\":7}", &[]);
    }
    if question.path == "/tokenize" {
        return Reply::whole(200, "{\"count\":7,\"max_model_len\":2048,\"tokens\":[1,2,3,4,5,6,7]}", &[]);
    }
    if contract != Contract::Anthropic {
        let body: Value = serde_json::from_slice(&question.body).unwrap_or_default();
        // Mistral tells arguments at once, and always what a stream cost.
        let (argument_bytes, usage_at) = match contract {
            Contract::Mistral => (usize::MAX, UsageAt::LastChoice),
            _ => (piece_bytes, UsageAt::of(question)),
        };
        return match contract::demanded(&body) {
            Some(name) => call(&body, &name, argument_bytes, usage_at),
            None => echo(question, piece_bytes, Duration::ZERO, usage_at),
        };
    }
    match contract::message(question, |text| split(text, piece_bytes)) {
        Ok(whole) => Reply::whole(200, &whole, &[]),
        Err(events) => {
            Reply::stream(events.into_iter().map(|event| (Duration::ZERO, event)).collect(), End::NoDone)
        }
    }
}

/// A call of a function with the asker's last text in it.
fn call(body: &Value, name: &str, piece_bytes: usize, usage_at: UsageAt) -> Reply {
    let model = body.get("model").and_then(Value::as_str).unwrap_or("tiny");
    let arguments = json!({"said": last_message(body)}).to_string();
    let head = |arguments: &str| json!({"index": 0, "id": "call000ec", "type": "function", "function": {"name": name, "arguments": arguments}});
    let usage = json!({"prompt_tokens": 7, "total_tokens": 12, "completion_tokens": 5});
    let whole = |choices: Value, object: &str| json!({"id": ID, "object": object, "created": CREATED, "model": model, "choices": choices, "usage": usage});
    if !repertoire::is_stream(body) {
        let message = json!({"role": "assistant", "content": null, "tool_calls": [head(&arguments)]});
        let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": "tool_calls"});
        return Reply::whole(200, &whole(json!([choice]), "chat.completion").to_string(), &[]);
    }
    let mut pieces = split(&arguments, piece_bytes).into_iter();
    let first = pieces.next().unwrap_or_default();
    let mut events = vec![chat_event(
        model,
        json!({"role": "assistant", "content": null, "tool_calls": [head(&first)]}),
        None,
    )];
    events.extend(pieces.map(|piece| {
        chat_event(model, json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}), None)
    }));
    let choice = json!({"index": 0, "delta": {}, "logprobs": null, "finish_reason": "tool_calls"});
    let last = json!({"id": ID, "object": "chat.completion.chunk", "created": CREATED, "model": model, "choices": [choice]});
    events.extend(usage_at.end(last, usage.clone(), whole(json!([]), "chat.completion.chunk")));
    Reply::stream(events.into_iter().map(|event| (Duration::ZERO, event)).collect(), End::Clean)
}

fn last_message(body: &Value) -> String {
    let messages = body.get("messages").and_then(Value::as_array);
    let user =
        messages.and_then(|all| all.iter().rfind(|m| m.get("role").and_then(Value::as_str) == Some("user")));
    match user.and_then(|message| message.get("content")) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect()
        }
        _ => String::new(),
    }
}

fn prompt(body: &Value) -> String {
    match body.get("prompt") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

/// Pieces of at most `bytes` bytes, but of at least one character.
fn split(text: &str, bytes: usize) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for character in text.chars() {
        match pieces.last_mut() {
            Some(piece) if piece.len() + character.len_utf8() <= bytes => piece.push(character),
            _ => pieces.push(character.to_string()),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::{Reply, Script, Then, split};
    use crate::Seen;
    use std::time::Duration;

    fn check(text: &str, expected: Option<Script>) {
        assert_eq!(Script::parse(text).ok(), expected, "{text}");
    }

    #[test]
    fn scripts_are_read_from_a_command_line() {
        check("recorded", Some(Script::Recorded));
        check("echo", Some(Script::echo(4)));
        check("echo:7", Some(Script::echo(7)));
        check("echo:7:20", Some(Script::Echo { piece_bytes: 7, pause: Duration::from_millis(20) }));
        check("slow:10", Some(Script::Slow { pause: Duration::from_millis(10) }));
        check("die:3", Some(Script::DieAfter(3)));
        check("replay:02-chat", Some(Script::Replay("02-chat".into())));
        check("replay:nothing", None);
        check("status:429", Some(Script::status(429)));
        check("status:99", None);
        check("echo:x", None);
        check("hang:1", None);
        check("", None);
    }

    #[test]
    fn an_echo_is_cut_at_characters_and_loses_none() {
        assert_eq!(split("Köln", 2), ["K", "ö", "ln"]);
        assert_eq!(split("Köln", 0), ["K", "ö", "l", "n"]);
        assert_eq!(split("", 3), Vec::<String>::new());
        for bytes in 0..12 {
            assert_eq!(
                split("Wie ist das Wetter in Köln? 🌦", bytes).concat(),
                "Wie ist das Wetter in Köln? 🌦"
            );
        }
    }

    #[test]
    fn a_cut_answer_misses_its_end() {
        let question = Seen::post("/v1/chat/completions", br#"{"model":"tiny","messages":[],"stream":true}"#);
        let whole = Reply::make(&Script::Recorded, &question, &["tiny".to_owned()]);
        let cut = Reply::make(&Script::DieAfter(2), &question, &["tiny".to_owned()]);
        assert_eq!(cut.pieces, whole.pieces[..3]);
        assert_eq!(cut.then, Then::Close);
    }
}
