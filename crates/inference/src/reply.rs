//! Events of the scheduler as the wire's JSON, whole and as server-sent events.

use crate::request::{Fault, Generation};
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
    pub(crate) fn chat(served: &Served, prompt_tokens: usize, asked: &Generation) -> Result<Self, Fault> {
        let id = format!("chatcmpl-{:016x}", u64::from_ne_bytes(random()?));
        Ok(Self {
            chat: true,
            id,
            created: served.clock.now().seconds(),
            model: served.model.clone(),
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
        prompts: &[Vec<LlamaToken>],
        asked: &Generation,
        echo: Vec<String>,
    ) -> Result<Self, Fault> {
        let id = format!("cmpl-{:016x}", u64::from_ne_bytes(random()?));
        let choices = u32::try_from(prompts.len()).unwrap_or(u32::MAX).saturating_mul(asked.choices);
        let prompt_tokens = prompts.iter().map(Vec::len).sum();
        Ok(Self { chat: false, id, choices, echo, ..Self::chat(served, prompt_tokens, asked)? })
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
        text: Option<&str>,
        logprobs: &Logprobs,
        reason: Option<FinishReason>,
    ) -> Value {
        let mut fields = Map::from_iter([
            ("index".to_owned(), json!(choice)),
            ("logprobs".to_owned(), text.map_or(Value::Null, |_| logprobs.to_json(self))),
            ("finish_reason".to_owned(), reason.map_or(Value::Null, |reason| json!(word(reason)))),
        ]);
        if self.chat {
            fields.insert(
                "delta".to_owned(),
                text.map_or_else(|| json!({}), |text| json!({ "content": text })),
            );
        } else {
            fields.insert("text".to_owned(), json!(text.unwrap_or_default()));
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

fn word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
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

#[derive(Default)]
struct Choice {
    text: String,
    logprobs: Logprobs,
    reason: Option<FinishReason>,
}

impl Collected {
    pub(crate) fn new(reply: Reply) -> Self {
        let choice = |choice: u32| {
            let text = reply.echo(choice).to_owned();
            let logprobs = Logprobs { tokens: Vec::new(), offset: text.chars().count() };
            Choice { text, logprobs, reason: None }
        };
        Self { choices: (0..reply.choices).map(choice).collect(), reply, counted: Counted::default() }
    }

    pub(crate) fn take(&mut self, event: Event) {
        match event {
            Event::Piece { choice, text, logprobs } => {
                if let Some(choice) = self.choices.get_mut(choice as usize) {
                    choice.text.push_str(&text);
                    choice.logprobs.tokens.extend(logprobs);
                }
            }
            Event::Finished { choice, reason, generated, cached } => {
                self.counted.add(generated, self.reply.counts_cached(choice).then_some(cached));
                if let Some(choice) = self.choices.get_mut(choice as usize) {
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
                ("finish_reason".to_owned(), json!(word(choice.reason?))),
            ]);
            if self.reply.chat {
                let message = json!({ "role": "assistant", "content": choice.text, "refusal": null });
                fields.insert("message".to_owned(), message);
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
    offsets: Vec<usize>,
    open: u32,
    counted: Counted,
    ended: bool,
}

impl Stream {
    pub(crate) fn new(reply: Reply, events: UnboundedReceiver<Event>) -> Self {
        let mut stream = Self {
            ready: VecDeque::new(),
            offsets: (0..reply.choices).map(|choice| reply.echo(choice).chars().count()).collect(),
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
                let echo = Some(stream.reply.echo(choice));
                stream.push(&stream.reply.delta(choice, echo, &Logprobs::default(), None));
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
                let offset = self.offsets.get(choice as usize).copied().unwrap_or_default();
                if let Some(offset) = self.offsets.get_mut(choice as usize) {
                    *offset += text.chars().count();
                }
                let logprobs = Logprobs { tokens: logprobs, offset };
                self.push(&self.reply.delta(choice, Some(&text), &logprobs, None));
            }
            Some(Event::Finished { choice, reason, generated, cached }) => {
                self.counted.add(generated, self.reply.counts_cached(choice).then_some(cached));
                self.push(&self.reply.delta(choice, None, &Logprobs::default(), Some(reason)));
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
