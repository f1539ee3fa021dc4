//! Events of the scheduler as the wire's JSON, whole and as server-sent events.

use crate::calls::{Begin, CALLS_MAX, CallReader, Form, Part};
use crate::request::{Calls, Fault, Generation};
use crate::sampling::TokenLogprob;
use crate::scheduler::{Event, FinishReason};
use crate::server::{Served, random};
use crate::text::printed;
use bytes::Bytes;
use http_body::{Body, Frame};
use llama_cpp_2::token::LlamaToken;
use schleuse_types::Clock;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc::UnboundedReceiver;

/// What is the same in every part of one reply.
pub(crate) struct Reply {
    chat: bool,
    id: String,
    /// What the identifiers of calls are made of.
    number: u64,
    /// How calls are written and where they may begin, if there may be any.
    form: Option<(Form, Begin)>,
    created: u64,
    model: String,
    fingerprint: String,
    /// Of all prompts together.
    choices: u32,
    choices_per_prompt: u32,
    prompt_tokens: usize,
    include_usage: bool,
    logprobs: bool,
    /// Empty, or one text per prompt.
    echo: Vec<String>,
}

impl Reply {
    pub(crate) fn chat(
        served: &Served,
        adapter: Option<usize>,
        prompt_tokens: usize,
        asked: &Generation,
        calls: Calls,
    ) -> Result<Self, Fault> {
        let number = u64::from_ne_bytes(random()?);
        Ok(Self {
            chat: true,
            id: format!("chatcmpl-{number:016x}"),
            number,
            form: match calls {
                Calls::Never => None,
                Calls::Free => Some((served.prompter.form(), Begin::Free)),
                Calls::Either => Some((served.prompter.form(), Begin::Either)),
                Calls::Forced => Some((served.prompter.form(), Begin::Inside)),
            },
            created: served.clock.now().seconds(),
            model: served.id(adapter),
            fingerprint: served.fingerprint.clone(),
            choices: asked.choices,
            choices_per_prompt: asked.choices,
            prompt_tokens,
            include_usage: asked.include_usage,
            logprobs: asked.logprobs.is_some(),
            echo: Vec::new(),
        })
    }

    pub(crate) fn completion(
        served: &Served,
        adapter: Option<usize>,
        prompts: &[Vec<LlamaToken>],
        asked: &Generation,
        echo: Vec<String>,
    ) -> Result<Self, Fault> {
        let chat = Self::chat(served, adapter, prompts.iter().map(Vec::len).sum(), asked, Calls::Never)?;
        let choices = u32::try_from(prompts.len()).unwrap_or(u32::MAX).saturating_mul(asked.choices);
        let id = format!("cmpl-{:016x}", chat.number);
        Ok(Self { chat: false, id, choices, echo, ..chat })
    }

    pub(crate) fn is_chat(&self) -> bool {
        self.chat
    }

    fn readers(&self) -> Vec<Option<CallReader>> {
        (0..self.choices).map(|_| self.form.map(|(form, begin)| CallReader::new(form, begin))).collect()
    }

    /// The identifier of a call: unlike any other of this reply, and of other replies as far as chance goes.
    fn call_id(&self, choice: u32, call: u32) -> String {
        let number = self.number.wrapping_add(u64::from(choice * CALLS_MAX + call));
        match self.form {
            // These models' templates insist on nine letters or digits.
            Some((Form::Bracketed, _)) => format!("{:09x}", number & 0xf_ffff_ffff),
            _ => format!("call_{number:016x}"),
        }
    }

    fn echo(&self, choice: u32) -> &str {
        let prompt = choice / self.choices_per_prompt.max(1);
        self.echo.get(prompt as usize).map_or("", String::as_str)
    }

    /// Choices of one prompt share what was cached of it, so the first one's counts.
    fn counts_cached(&self, choice: u32) -> bool {
        choice.is_multiple_of(self.choices_per_prompt.max(1))
    }

    fn envelope(&self, object: &str, choices: Value) -> Value {
        json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
            "choices": choices,
        })
    }

    fn chunk(&self, choices: Value) -> Value {
        let mut chunk =
            self.envelope(if self.chat { "chat.completion.chunk" } else { "text_completion" }, choices);
        // With usage asked for, every other chunk says that it has none.
        if let (true, Value::Object(fields)) = (self.include_usage, &mut chunk) {
            fields.insert("usage".to_owned(), Value::Null);
        }
        chunk
    }

    fn delta(
        &self,
        choice: u32,
        delta: Option<&Delta>,
        logprobs: &Logprobs,
        reason: Option<&'static str>,
    ) -> Value {
        let mut fields = Map::from_iter([
            ("index".to_owned(), json!(choice)),
            ("logprobs".to_owned(), delta.map_or(Value::Null, |_| logprobs.to_json(self))),
            ("finish_reason".to_owned(), json!(reason)),
        ]);
        if self.chat {
            fields.insert("delta".to_owned(), delta.map_or_else(|| json!({}), Delta::to_json));
        } else {
            let text = match delta {
                Some(Delta::Content(text)) => text.as_str(),
                _ => "",
            };
            fields.insert("text".to_owned(), json!(text));
        }
        self.chunk(json!([fields]))
    }

    fn usage(&self, counted: Counted) -> Value {
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": counted.generated,
            "total_tokens": self.prompt_tokens as u64 + counted.generated,
            "prompt_tokens_details": { "cached_tokens": counted.cached },
        })
    }
}

/// What a chunk brings.
enum Delta {
    Content(String),
    Call { index: u32, id: String, name: String },
    Arguments { index: u32, text: String },
}

impl Delta {
    fn to_json(&self) -> Value {
        match self {
            Self::Content(text) => json!({ "content": text }),
            Self::Call { index, id, name } => {
                let function = json!({ "name": name, "arguments": "" });
                json!({ "tool_calls": [{ "index": index, "id": id, "type": "function", "function": function }] })
            }
            Self::Arguments { index, text } => {
                json!({ "tool_calls": [{ "index": index, "function": { "arguments": text } }] })
            }
        }
    }
}

fn word(reason: FinishReason, called: bool) -> &'static str {
    match reason {
        FinishReason::Stop if called => "tool_calls",
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
    }
}

/// What one choice has said so far, taken apart.
struct Spoken {
    choice: u32,
    reader: Option<CallReader>,
    calls: u32,
}

impl Spoken {
    fn all(reply: &Reply) -> Vec<Self> {
        let spoken = |(choice, reader)| Self { choice, reader, calls: 0 };
        (0..reply.choices).zip(reply.readers()).map(spoken).collect()
    }

    fn push(&mut self, reply: &Reply, text: String) -> Vec<Delta> {
        let parts = match &mut self.reader {
            None => vec![Part::Content(text)],
            Some(reader) => reader.push(&text),
        };
        self.deltas(reply, parts)
    }

    fn finish(&mut self, reply: &Reply) -> Vec<Delta> {
        let parts = self.reader.as_mut().map(CallReader::finish).unwrap_or_default();
        self.deltas(reply, parts)
    }

    fn deltas(&mut self, reply: &Reply, parts: Vec<Part>) -> Vec<Delta> {
        let delta = |part| match part {
            Part::Content(text) => Delta::Content(text),
            Part::Begun { name } => {
                let index = self.calls;
                self.calls += 1;
                Delta::Call { index, id: reply.call_id(self.choice, index), name }
            }
            Part::Arguments(text) => Delta::Arguments { index: self.calls.saturating_sub(1), text },
        };
        parts.into_iter().map(delta).collect()
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Counted {
    generated: u64,
    cached: u32,
}

impl Counted {
    fn add(&mut self, generated: u32, cached: Option<u32>) {
        self.generated += u64::from(generated);
        self.cached = self.cached.saturating_add(cached.unwrap_or(0));
    }
}

/// Probabilities of some tokens of a choice, and the length of the text before them.
#[derive(Default)]
struct Logprobs {
    tokens: Vec<TokenLogprob>,
    offset: usize,
}

impl Logprobs {
    fn to_json(&self, reply: &Reply) -> Value {
        match (reply.logprobs, reply.chat) {
            (false, _) => Value::Null,
            (true, true) => json!({ "content": self.tokens.iter().map(chat_logprob).collect::<Vec<_>>() }),
            (true, false) => {
                let mut offset = self.offset;
                let offsets: Vec<usize> = self
                    .tokens
                    .iter()
                    .map(|token| {
                        let start = offset;
                        offset += printed(&token.bytes).chars().count();
                        start
                    })
                    .collect();
                let top = |token: &TokenLogprob| {
                    let entries = token.top.iter().map(|(bytes, logprob)| (printed(bytes), finite(*logprob)));
                    Value::Object(entries.collect())
                };
                json!({
                    "tokens": self.tokens.iter().map(|token| printed(&token.bytes)).collect::<Vec<_>>(),
                    "token_logprobs": self.tokens.iter().map(|token| finite(token.logprob)).collect::<Vec<_>>(),
                    "top_logprobs": self.tokens.iter().map(top).collect::<Vec<_>>(),
                    "text_offset": offsets,
                })
            }
        }
    }
}

fn chat_logprob(token: &TokenLogprob) -> Value {
    let entry = |bytes: &[u8], logprob| json!({ "token": printed(bytes), "logprob": finite(logprob), "bytes": bytes });
    let mut value = entry(&token.bytes, token.logprob);
    let top: Vec<Value> = token.top.iter().map(|(bytes, logprob)| entry(bytes, *logprob)).collect();
    if let Value::Object(fields) = &mut value {
        fields.insert("top_logprobs".to_owned(), json!(top));
    }
    value
}

/// JSON has no infinity; OpenAI writes -9999 for a token that could not be.
fn finite(logprob: f32) -> Value {
    json!(logprob.max(-9999.0))
}

/// A reply that is sent when it is complete.
pub(crate) struct Collected {
    reply: Reply,
    choices: Vec<Choice>,
    counted: Counted,
}

struct Choice {
    spoken: Spoken,
    text: String,
    calls: Vec<Call>,
    logprobs: Logprobs,
    reason: Option<FinishReason>,
}

struct Call {
    id: String,
    name: String,
    arguments: String,
}

impl Choice {
    fn add(&mut self, deltas: Vec<Delta>) {
        for delta in deltas {
            match delta {
                Delta::Content(text) => self.text.push_str(&text),
                Delta::Call { id, name, .. } => self.calls.push(Call { id, name, arguments: String::new() }),
                Delta::Arguments { text, .. } => {
                    if let Some(call) = self.calls.last_mut() {
                        call.arguments.push_str(&text);
                    }
                }
            }
        }
    }

    fn message(&self) -> Value {
        if self.calls.is_empty() {
            return json!({ "role": "assistant", "content": self.text, "refusal": null });
        }
        let call = |call: &Call| {
            let function = json!({ "name": call.name, "arguments": call.arguments });
            json!({ "id": call.id, "type": "function", "function": function })
        };
        let calls: Vec<Value> = self.calls.iter().map(call).collect();
        let content = if self.text.is_empty() { Value::Null } else { json!(self.text) };
        json!({ "role": "assistant", "content": content, "refusal": null, "tool_calls": calls })
    }
}

impl Collected {
    pub(crate) fn new(reply: Reply) -> Self {
        let choice = |spoken: Spoken| {
            let text = reply.echo(spoken.choice).to_owned();
            let logprobs = Logprobs { tokens: Vec::new(), offset: text.chars().count() };
            Choice { spoken, text, calls: Vec::new(), logprobs, reason: None }
        };
        Self {
            choices: Spoken::all(&reply).into_iter().map(choice).collect(),
            reply,
            counted: Counted::default(),
        }
    }

    pub(crate) fn take(&mut self, event: Event) {
        match event {
            Event::Piece { choice, text, logprobs } => {
                if let Some(choice) = self.choices.get_mut(choice as usize) {
                    let deltas = choice.spoken.push(&self.reply, text);
                    choice.add(deltas);
                    choice.logprobs.tokens.extend(logprobs);
                }
            }
            Event::Finished { choice, reason, generated, cached } => {
                self.counted.add(generated, self.reply.counts_cached(choice).then_some(cached));
                if let Some(choice) = self.choices.get_mut(choice as usize) {
                    let deltas = choice.spoken.finish(&self.reply);
                    choice.add(deltas);
                    choice.reason = Some(reason);
                }
            }
            Event::Failed(_) => {}
        }
    }

    /// `None` if a choice has not ended.
    pub(crate) fn finish(self) -> Option<Value> {
        let choice = |(index, choice): (usize, &Choice)| {
            let mut fields = Map::from_iter([
                ("index".to_owned(), json!(index)),
                ("logprobs".to_owned(), choice.logprobs.to_json(&self.reply)),
                ("finish_reason".to_owned(), json!(word(choice.reason?, !choice.calls.is_empty()))),
            ]);
            if self.reply.chat {
                fields.insert("message".to_owned(), choice.message());
            } else {
                fields.insert("text".to_owned(), json!(choice.text));
            }
            Some(Value::Object(fields))
        };
        let choices: Option<Vec<Value>> = self.choices.iter().enumerate().map(choice).collect();
        let object = if self.reply.chat { "chat.completion" } else { "text_completion" };
        let mut whole = self.reply.envelope(object, Value::Array(choices?));
        if let Value::Object(fields) = &mut whole {
            fields.insert("usage".to_owned(), self.reply.usage(self.counted));
        }
        Some(whole)
    }
}

/// A reply that is sent as it comes about. Dropping it cancels the job.
pub(crate) struct Stream {
    reply: Reply,
    events: UnboundedReceiver<Event>,
    ready: VecDeque<Bytes>,
    said: Vec<Said>,
    open: u32,
    counted: Counted,
    ended: bool,
}

/// One choice of a stream.
struct Said {
    spoken: Spoken,
    /// Characters of text so far.
    offset: usize,
    /// Of tokens whose text is held back.
    logprobs: Vec<TokenLogprob>,
}

impl Stream {
    pub(crate) fn new(reply: Reply, events: UnboundedReceiver<Event>) -> Self {
        let mut stream = Self {
            ready: VecDeque::new(),
            said: Spoken::all(&reply)
                .into_iter()
                .map(|spoken| {
                    let offset = reply.echo(spoken.choice).chars().count();
                    Said { spoken, offset, logprobs: Vec::new() }
                })
                .collect(),
            open: reply.choices,
            counted: Counted::default(),
            ended: false,
            events,
            reply,
        };
        for choice in 0..stream.reply.choices {
            if stream.reply.chat {
                let start = json!({ "role": "assistant", "content": "" });
                let start =
                    json!([{ "index": choice, "delta": start, "logprobs": null, "finish_reason": null }]);
                stream.push(&stream.reply.chunk(start));
            } else if !stream.reply.echo(choice).is_empty() {
                let echo = Delta::Content(stream.reply.echo(choice).to_owned());
                stream.push(&stream.reply.delta(choice, Some(&echo), &Logprobs::default(), None));
            }
        }
        stream
    }

    fn push(&mut self, value: &Value) {
        self.ready.push_back(Bytes::from(format!("data: {value}\n\n")));
    }

    fn take(&mut self, event: Option<Event>) {
        match event {
            Some(Event::Piece { choice, text, logprobs }) => {
                let Some(said) = self.said.get_mut(choice as usize) else { return };
                said.logprobs.extend(logprobs);
                let deltas = said.spoken.push(&self.reply, text);
                self.send(choice, deltas);
            }
            Some(Event::Finished { choice, reason, generated, cached }) => {
                self.counted.add(generated, self.reply.counts_cached(choice).then_some(cached));
                let Some(said) = self.said.get_mut(choice as usize) else { return };
                let mut deltas = said.spoken.finish(&self.reply);
                if deltas.is_empty() && !said.logprobs.is_empty() {
                    deltas.push(Delta::Content(String::new()));
                }
                let called = said.spoken.calls > 0;
                self.send(choice, deltas);
                let reason = Some(word(reason, called));
                self.push(&self.reply.delta(choice, None, &Logprobs::default(), reason));
                self.open = self.open.saturating_sub(1);
                if self.open == 0 {
                    self.end();
                }
            }
            // Never a clean end after a failure.
            Some(Event::Failed(why)) => self.fail(why),
            None => self.fail("the answer broke off".to_owned()),
        }
    }

    /// The probabilities of all tokens since the last chunk go with the first of these.
    fn send(&mut self, choice: u32, deltas: Vec<Delta>) {
        for delta in deltas {
            let Some(said) = self.said.get_mut(choice as usize) else { return };
            let logprobs = Logprobs { tokens: std::mem::take(&mut said.logprobs), offset: said.offset };
            if let Delta::Content(text) = &delta {
                said.offset += text.chars().count();
            }
            self.push(&self.reply.delta(choice, Some(&delta), &logprobs, None));
        }
    }

    fn end(&mut self) {
        if self.reply.include_usage {
            let mut last = self.reply.chunk(json!([]));
            if let Value::Object(fields) = &mut last {
                fields.insert("usage".to_owned(), self.reply.usage(self.counted));
            }
            self.push(&last);
        }
        self.ready.push_back(Bytes::from_static(b"data: [DONE]\n\n"));
        self.ended = true;
    }

    fn fail(&mut self, message: String) {
        self.push(&Fault { status: 500, message, code: "engine_error", param: None }.to_json());
        self.ended = true;
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            match self.events.poll_recv(context) {
                Poll::Ready(event) => self.take(event),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// RFC 4648, section 4, with padding.
pub(crate) fn base64(bytes: impl Iterator<Item = u8>) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = bytes.collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let group =
            (0..3).fold(0_usize, |group, at| group << 8 | usize::from(three.get(at).copied().unwrap_or(0)));
        for place in 0..4 {
            let letter = ALPHABET.get(group >> (18 - 6 * place) & 63).copied().unwrap_or(b'=');
            text.push(if place > three.len() { '=' } else { char::from(letter) });
        }
    }
    text
}
