//! The answer on its way back: taken apart, inspected, written anew, and the entry closed before its last byte.

mod channels;
mod follow;

use std::sync::Arc;

use bytes::Bytes;
use schleuse_inspect::Surrogates;
use schleuse_types::{Refusal, RefusalCode, Text};
use schleuse_upstream::Answer;
use schleuse_wire::{
    Dialect, Pointer, Renderer, Reply, ReplyBody, ReplyError, Request, Surface, TextVisitor, UpstreamError,
    WholeReply, as_stream,
};
use tokio::sync::mpsc;

use super::ask::{State, refuse};
use super::inspect::{Guards, Look, blocked, exceeded, guarded, outcome};
use super::passing::{Passing, pass_walls};
use super::{Asked, Cleared};
use crate::{Entry, Gate};

/// Largest answer in one piece.
const WHOLE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Largest error body of a model server that is read.
const ERROR_BYTES_MAX: usize = 256 * 1024;
/// Frames between the model server and a slow reader; beyond it the model server is made to wait.
const FRAMES_WAITING_MAX: usize = 64;

/// How refusals of labels call what was refused.
const ANSWER: Text = Text::fixed("answer", "Antwort");

/// An answer whose entry is closed, or is closed by the task that follows it. Only this module makes one.
pub struct Followed(Reply);

impl Followed {
    /// A reply that holds nothing of a model's.
    pub(crate) fn of_a_list(reply: Reply) -> Self {
        Self(reply)
    }

    pub(crate) fn into_wire(self) -> Reply {
        self.0
    }
}

/// Inspects the answer. One in one piece is whole before anything of it is sent; a stream is followed to its end by a
/// task of its own.
pub async fn reply(gate: &Arc<Gate>, asked: Asked, entry: &Entry) -> Result<Followed, Refusal> {
    let Asked { cleared, dialect, keeping, state } = asked;
    let request = cleared.request();
    let state = match state {
        State::Answered(answer) => {
            entry.note_route(&answer.replica);
            if !(200..300).contains(&answer.status) {
                return Err(upstream_refused(&cleared.answer_guards(), *answer).await);
            }
            if !request.is_stream() {
                let bytes = answer.whole(WHOLE_BYTES_MAX).await.map_err(|error| refuse(gate, &error))?;
                let replied = whole(gate, bytes.clone(), &cleared, dialect, entry).await?;
                if let Some(mut keeping) = keeping {
                    keeping.push(&bytes);
                    keeping.finish();
                }
                return Ok(replied);
            }
            match is_told_at_once(request.surface(), &answer) {
                true => State::Kept(told_at_once(gate, &cleared.answer_guards(), *answer).await?),
                false => State::Answered(answer),
            }
        }
        State::Kept(bytes) if !request.is_stream() => {
            return whole(gate, bytes, &cleared, dialect, entry).await;
        }
        kept @ State::Kept(_) => kept,
        pending @ State::Pending(_) => pending,
    };
    let (frames, receiver) = mpsc::channel(FRAMES_WAITING_MAX);
    let headers = entry.headers();
    let stream = follow::Stream {
        gate: Arc::clone(gate),
        entry: entry.clone(),
        guards: cleared.answer_guards(),
        label: cleared.label().clone(),
        clearance: cleared.clearance().clone(),
        surrogates: cleared.surrogates().clone(),
        surface: request.surface(),
        dialect,
        frames,
    };
    gate.tasks.spawn(stream.follow(state, keeping, renderer(gate, cleared.request(), entry)));
    Ok(Followed(Reply { status: 200, headers, body: ReplyBody::Events(receiver) }))
}

/// Whether a model server gives a whole transcript although it was asked for a stream: some models know no streams.
fn is_told_at_once(surface: Surface, answer: &Answer) -> bool {
    surface.is_speech() && !answer.is_event_stream
}

/// A whole transcript as the events of a stream.
async fn told_at_once(gate: &Gate, guards: &Guards, answer: Answer) -> Result<Bytes, Refusal> {
    let bytes = answer.whole(WHOLE_BYTES_MAX).await.map_err(|error| refuse(gate, &error))?;
    let unknown = ReplyError::Malformed("the transcript has no text");
    as_stream(&bytes).map(Bytes::from).ok_or_else(|| unusable(guards, unknown))
}

/// Writes the answer as its surface has it, once it is inspected.
fn renderer(gate: &Gate, request: &Request, entry: &Entry) -> Renderer {
    Renderer::new(request, entry.id().as_str(), gate.clock.now().seconds())
}

/// Inspects an answer in one piece.
async fn whole(
    gate: &Gate,
    bytes: Bytes,
    cleared: &Cleared,
    dialect: Dialect,
    entry: &Entry,
) -> Result<Followed, Refusal> {
    let (request, guards) = (cleared.request(), &cleared.answer_guards());
    entry.note_first_byte();
    let translated =
        dialect.incoming(request.surface().asked_as(), &bytes).map_err(|error| unusable(guards, error))?;
    let bytes = translated.map_or(bytes, Bytes::from);
    let mut reply = WholeReply::parse(request.surface(), &bytes, request.model())
        .map_err(|error| unusable(guards, error))?;
    reply.withhold_unless(|text| is_harmless(guards, text));
    let mut look = Look::new(guards, &*gate.clock);
    guarded(|| reply.visit(&mut look))?;
    let strange = match reply.tellings() {
        Some(tellings) => guarded(|| look.align(&tellings))?,
        None => Vec::new(),
    };
    if let Some(excess) = look.excess {
        return Err(exceeded(excess));
    }
    entry.note_seen(&look.seen, "reply");
    let label = cleared.label().join(&look.seen.label);
    entry.note_label(label.clone());
    if let Some(usage) = reply.usage_counts() {
        entry.note_usage(usage);
    }
    if look.seen.is_blocked {
        return Err(blocked_reply(&look.seen.findings));
    }
    if let Some(outcome) = outcome(&look.seen.findings) {
        entry.note_outcome(outcome);
    }
    if label != *cleared.label() {
        let passing = Passing { label: &label, clearance: cleared.clearance(), raised: &look.seen.raised };
        passing.check_clearance(entry, ANSWER)?;
        pass_walls(gate, entry, &label, ANSWER).await?;
    }
    let surrogates = cleared.surrogates();
    if look.rewrites() {
        reply.remove_logprobs();
        // What the model wrote keeps its own names; only those of the question have surrogates.
        reply.visit(&mut look.rewriting(&mut Surrogates::default()));
    }
    if !surrogates.is_empty() {
        reply.remove_logprobs();
        reply.visit(&mut Restore(surrogates));
    }
    for telling in strange {
        reply.remove_telling(telling);
    }
    let mut renderer = renderer(gate, request, entry);
    let body = renderer.whole(&reply).map_err(|error| unusable(guards, error))?;
    entry.complete().await?;
    let mut headers = entry.headers();
    headers.extend(renderer.content_type().map(|kind| ("content-type", kind.to_owned())));
    Ok(Followed(Reply { status: 200, headers, body: ReplyBody::Whole(body) }))
}

/// Turns the surrogates of the question back. Arguments of tools keep them: they are bound for elsewhere.
struct Restore<'a>(&'a Surrogates);

impl TextVisitor for Restore<'_> {
    fn text(&mut self, at: &Pointer<'_>, text: &mut String) {
        if !matches!(at.last_key(), Some("arguments" | "name" | "id")) {
            *text = self.0.restore(text);
        }
    }

    fn fixed(&mut self, _at: &Pointer<'_>, _text: &str) {}
}

/// Whether a short text that stands beside the answer may be told as it is.
fn is_harmless(guards: &Guards, text: &str) -> bool {
    guards.inspector().scan(text).iter().all(|finding| !finding.action.is_protective())
}

/// A block on the way back: it was not the asker's text that was blocked.
fn blocked_reply(findings: &[schleuse_types::Finding]) -> Refusal {
    let mut refusal = blocked(findings);
    refusal.message = Text::new(
        "BLOCKED: Sensitive data detected in the model's answer.",
        "BLOCKED: Sensitive data detected. Schützenswerte Daten in der Antwort des Modells.",
    );
    refusal.next = Text::fixed(
        "Ask differently; if the answer must contain this, talk to your security officer.",
        "Fragen Sie anders; muss die Antwort das enthalten, sprechen Sie mit den Sicherheitsbeauftragten.",
    );
    refusal
}

/// A model server's own refusal, kept as what it is; its text is inspected like any other.
async fn upstream_refused(guards: &Guards, answer: Answer) -> Refusal {
    let (status, retry_after_s, replica) = (answer.status, answer.retry_after_s, answer.replica.clone());
    let error = match answer.whole(ERROR_BYTES_MAX).await {
        Ok(body) => UpstreamError::parse(&body),
        Err(_) => UpstreamError::default(),
    };
    let mut refusal = told(guards, error, status);
    refusal.inside = format!("upstream `{replica}` answered with status {status}");
    // Whoever is told to slow down is told for how long.
    refusal.retry_after_s = retry_after_s.or((status == 429).then_some(1));
    refusal
}

fn told(guards: &Guards, error: UpstreamError, status: u16) -> Refusal {
    let (happened, next) = plainly(&error, status);
    // A model server may quote what it was sent: an error never tells more than an answer would.
    let is_clean = is_harmless(guards, &error.message);
    let message = if error.message.is_empty() || !is_clean {
        happened
    } else {
        // Its words are of its own language, and programs know them.
        let said: String = error.message.chars().take(2000).collect();
        Text::new(
            format!("{} The model server says: “{said}”", happened.english),
            format!("{} Der Modellserver meldet: „{said}“", happened.german),
        )
    };
    let code = error.code.filter(|code| may_be_told(guards, code));
    let code = RefusalCode::UpstreamRefused { status, code };
    Refusal::new(code, message, next, format!("upstream error with status {status}"))
}

/// What a model server's error means for whoever asked, and what they do next.
fn plainly(error: &UpstreamError, status: u16) -> (Text, Text) {
    // vLLM and OpenAI say it in these words, OpenAI by this code too.
    let is_too_long = error.code.as_deref() == Some("context_length_exceeded")
        || error.message.contains("maximum context length");
    match status {
        400 | 413 if is_too_long => (
            Text::fixed(
                "The text is longer than this model can read.",
                "Der Text ist länger, als dieses Modell lesen kann.",
            ),
            Text::fixed(
                "Shorten it, begin a new conversation, or choose a model that reads more.",
                "Kürzen Sie ihn, beginnen Sie eine neue Unterhaltung, oder wählen Sie ein Modell, das mehr liest.",
            ),
        ),
        429 => (
            Text::fixed(
                "The model is busy: too many are asking at the moment.",
                "Das Modell ist ausgelastet: gerade fragen zu viele.",
            ),
            Text::fixed("Try again in a moment.", "Versuchen Sie es gleich noch einmal."),
        ),
        500.. => (
            Text::fixed("The model server has a fault.", "Der Modellserver hat einen Fehler."),
            Text::fixed(
                "Try again later; if it goes on, tell your operator.",
                "Versuchen Sie es später noch einmal; bleibt es dabei, sagen Sie dem Betrieb Bescheid.",
            ),
        ),
        _ => (
            Text::new(
                format!("The model server refused the request with status {status}."),
                format!("Der Modellserver hat die Anfrage mit Status {status} abgelehnt."),
            ),
            Text::fixed("Correct the request as it says.", "Berichtigen Sie die Anfrage entsprechend."),
        ),
    }
}

/// Whether a model server's own code goes on: a plain word, none of this house's, and nothing that inspection would take out. Clients
/// act on codes, and a model server is believed in nothing.
fn may_be_told(guards: &Guards, code: &str) -> bool {
    let is_word = (1..=64).contains(&code.len())
        && code.starts_with(|first: char| first.is_ascii_lowercase())
        && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_word && !RefusalCode::is_of_this_house(code) && is_harmless(guards, code)
}

fn unusable(guards: &Guards, error: ReplyError) -> Refusal {
    match error {
        ReplyError::Upstream(error) => {
            let status = error.status.unwrap_or(502);
            told(guards, error, status)
        }
        ReplyError::Malformed(what) => Refusal::new(
            RefusalCode::UpstreamFailed,
            Text::fixed(
                "The model server answered in a way that cannot be used.",
                "Der Modellserver hat unbrauchbar geantwortet.",
            ),
            Text::fixed(
                "Try again; if it goes on, tell your operator.",
                "Versuchen Sie es erneut; bleibt es dabei, sagen Sie dem Betrieb Bescheid.",
            ),
            what,
        ),
    }
}
