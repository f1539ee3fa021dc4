//! The task that follows a streamed answer to its end, whichever end that is.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use schleuse_identity::Validity;
use schleuse_inspect::Surrogates;
use schleuse_types::{Label, Refusal, RefusalCode, Text};
use schleuse_upstream::{Answer, AskError};
use schleuse_wire::sse::{Decoder, Event, label_frame};
use schleuse_wire::{Chunk, Dialect, Events, Renderer, Surface, internal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::super::ask::{State, refuse};
use super::super::inspect::{Guards, guarded, outcome};
use super::super::passing::{Passing, pass_walls};
use super::channels::Channels;
use super::{ANSWER, is_harmless, is_told_at_once, told_at_once, unusable, upstream_refused};
use crate::answers::Keeping;
use crate::{Entry, Gate, client_left, shutting_down};

/// A quiet connection gets a comment after so long, so that nothing in between takes it for dead.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(10);
/// Largest event of a model server.
const EVENT_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(super) struct Stream {
    pub(super) gate: Arc<Gate>,
    pub(super) entry: Entry,
    pub(super) guards: Guards,
    /// Of the question.
    pub(super) label: Label,
    /// What the asker may have.
    pub(super) clearance: Label,
    pub(super) surrogates: Surrogates,
    pub(super) surface: Surface,
    /// In which the answer comes.
    pub(super) dialect: Dialect,
    pub(super) frames: mpsc::Sender<Bytes>,
}

impl Stream {
    /// Follows the answer and closes the entry. The last bytes are sent only after the completion is durable.
    pub(super) async fn follow(self, state: State, mut keeping: Option<Keeping>, mut renderer: Renderer) {
        let _falling = Falling(self.entry.clone());
        match self.relay(state, &mut keeping, &mut renderer).await {
            Ok(answer) => match self.entry.complete().await {
                Ok(()) => {
                    if let Some(keeping) = keeping {
                        keeping.finish();
                    }
                    for frame in renderer.end() {
                        let _ = self.frames.send(frame).await;
                    }
                    drop(self.frames);
                    read_to_end(answer).await;
                }
                Err(refusal) => self.tell(&refusal, &mut renderer).await,
            },
            Err(refusal) => {
                let refusal = self.entry.record_refusal(refusal).await;
                if refusal.code != RefusalCode::ClientLeft {
                    self.tell(&refusal, &mut renderer).await;
                }
            }
        }
    }

    /// An error event; the stream ends after it, and never with what ends a good answer, such as `[DONE]`.
    async fn tell(&self, refusal: &Refusal, renderer: &mut Renderer) {
        let _ = self.frames.send(renderer.refuse(refusal, self.entry.language())).await;
    }

    /// Passes the answer on, window by window. Returns what is left of it behind its `[DONE]`.
    async fn relay(
        &self,
        state: State,
        keeping: &mut Option<Keeping>,
        renderer: &mut Renderer,
    ) -> Result<Source, Refusal> {
        let mut watch = Watch { stream: self, validity: self.entry.validity().await };
        // The status is known, or the asker has waited long: from here on a comment may be sent at any time. The first
        // one goes out at once, so that whoever stands in between sees life before a long prompt is worked through.
        self.send(renderer.keep_alive(), &mut watch).await?;
        let mut quiet_until = Instant::now() + KEEP_ALIVE_EVERY;
        let mut answer = match state {
            State::Answered(answer) => Source::Live(answer),
            State::Kept(bytes) => Source::Kept(Some(bytes)),
            State::Pending(mut asking) => loop {
                tokio::select! {
                    biased;
                    refusal = watch.interrupted() => return Err(refusal),
                    answered = &mut asking => {
                        let answer = answered.map_err(|error| refuse(&self.gate, &error))?;
                        self.entry.note_route(&answer.replica);
                        if !(200..300).contains(&answer.status) {
                            return Err(upstream_refused(&self.guards, answer).await);
                        }
                        break match is_told_at_once(self.surface, &answer) {
                            true => Source::Kept(Some(told_at_once(&self.gate, &self.guards, answer).await?)),
                            false => Source::Live(Box::new(answer)),
                        };
                    }
                    () = sleep_until(quiet_until) => {}
                }
                self.send(renderer.keep_alive(), &mut watch).await?;
                quiet_until = Instant::now() + KEEP_ALIVE_EVERY;
            },
        };
        let mut relayed = Relayed::new(self, renderer);
        while !relayed.is_done {
            let piece = tokio::select! {
                biased;
                refusal = watch.interrupted() => return Err(refusal),
                piece = answer.chunk() => Some(piece.map_err(|error| refuse(&self.gate, &error))?),
                () = sleep_until(quiet_until) => None,
            };
            let Some(piece) = piece else {
                self.send(relayed.renderer.keep_alive(), &mut watch).await?;
                quiet_until = Instant::now() + KEEP_ALIVE_EVERY;
                continue;
            };
            let Some(piece) = piece else {
                return Err(broken_off());
            };
            if let Some(keeping) = keeping {
                keeping.push(&piece);
            }
            let taken = guarded(|| relayed.take(&piece)).flatten();
            let was_quiet = relayed.frames.is_empty();
            for outgoing in relayed.frames.drain(..) {
                let frame = match outgoing {
                    Outgoing::Frame(frame) => frame,
                    // What raised the label comes behind this.
                    Outgoing::Raised(label) => {
                        pass_walls(&self.gate, &self.entry, &label, ANSWER).await?;
                        label_frame(&label)
                    }
                };
                self.send(frame, &mut watch).await?;
            }
            taken?;
            if !was_quiet {
                quiet_until = Instant::now() + KEEP_ALIVE_EVERY;
            }
        }
        Ok(answer)
    }

    /// Sends a frame; a reader who does not read is waited for, but not beyond their key or the house's end.
    async fn send(&self, frame: Bytes, watch: &mut Watch<'_>) -> Result<(), Refusal> {
        match self.frames.try_send(frame) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(client_left()),
            Err(mpsc::error::TrySendError::Full(frame)) => tokio::select! {
                biased;
                refusal = watch.interrupted() => Err(refusal),
                sent = self.frames.send(frame) => sent.map_err(|_| client_left()),
            },
        }
    }
}

/// Where the bytes of an answer come from.
enum Source {
    Live(Box<Answer>),
    /// All at once.
    Kept(Option<Bytes>),
}

impl Source {
    async fn chunk(&mut self) -> Result<Option<Bytes>, AskError> {
        match self {
            Self::Live(answer) => answer.chunk().await,
            Self::Kept(bytes) => Ok(bytes.take()),
        }
    }
}

/// Closes the entry of a stream whose task panics, so that the log says that it ended.
struct Falling(Entry);

impl Drop for Falling {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.clone().close_in_background(internal("the task of a stream panicked"));
        }
    }
}

/// Reads what stands behind `[DONE]`, which should be nothing: only a connection that was read to its end is used again.
async fn read_to_end(mut answer: Source) {
    let reading = async { while let Ok(Some(_)) = answer.chunk().await {} };
    let _ = tokio::time::timeout(Duration::from_secs(1), reading).await;
}

/// A stream ends with `[DONE]`, or it did not end well.
fn broken_off() -> Refusal {
    Refusal::new(
        RefusalCode::UpstreamFailed,
        Text::fixed(
            "The model server broke off in the middle of its answer.",
            "Der Modellserver hat mitten in der Antwort abgebrochen.",
        ),
        Text::fixed("Ask again.", "Fragen Sie erneut."),
        "stream ended without [DONE]",
    )
}

/// What can end a stream from this side.
struct Watch<'a> {
    stream: &'a Stream,
    validity: Option<Validity>,
}

impl Watch<'_> {
    async fn interrupted(&mut self) -> Refusal {
        let validity = &mut self.validity;
        let credential_ended = async {
            match validity {
                Some(validity) => validity.ended().await.refusal(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.stream.frames.closed() => client_left(),
            refusal = credential_ended => refusal,
            () = self.stream.gate.cut.cancelled() => shutting_down(),
        }
    }
}

/// What is to be sent next.
enum Outgoing {
    Frame(Bytes),
    /// The answer has this label from here on.
    Raised(Label),
}

/// The answer so far: bytes in, frames out.
struct Relayed<'a> {
    stream: &'a Stream,
    decoder: Decoder,
    events: Vec<Event>,
    foreign: Events,
    channels: Channels,
    renderer: &'a mut Renderer,
    /// So far.
    label: Label,
    frames: Vec<Outgoing>,
    /// Id and fingerprint of the first chunk.
    harmless: Vec<String>,
    has_begun: bool,
    is_done: bool,
}

impl<'a> Relayed<'a> {
    fn new(stream: &'a Stream, renderer: &'a mut Renderer) -> Self {
        let (guards, surrogates) = (stream.guards.clone(), stream.surrogates.clone());
        Self {
            stream,
            decoder: Decoder::new(EVENT_BYTES_MAX),
            events: Vec::new(),
            foreign: stream.dialect.events(stream.surface.asked_as()),
            channels: Channels::new(guards, surrogates, stream.surface.is_translated()),
            renderer,
            label: stream.label.clone(),
            frames: Vec::new(),
            harmless: Vec::new(),
            has_begun: false,
            is_done: false,
        }
    }

    /// Takes bytes of the answer. Frames that were released before a refusal are still sent.
    fn take(&mut self, piece: &[u8]) -> Result<(), Refusal> {
        let mut events = std::mem::take(&mut self.events);
        let fed = self.decoder.feed(piece, &mut events);
        for event in events.drain(..) {
            if self.foreign.is_foreign() {
                let translated = self.foreign.take(&event.data);
                for data in translated.map_err(|error| unusable(&self.stream.guards, error))? {
                    self.event(&data)?;
                }
            } else {
                self.event(&event.data)?;
            }
            if self.is_done {
                break;
            }
        }
        self.events = events;
        fed.map_err(|_| {
            unusable(&self.stream.guards, schleuse_wire::ReplyError::Malformed("not an event stream"))
        })
    }

    /// Takes the data of one event.
    fn event(&mut self, data: &str) -> Result<(), Refusal> {
        let Stream { entry, guards, surface, .. } = self.stream;
        if data == "[DONE]" {
            self.is_done = true;
            let last = self.channels.finish_all();
            let noted = self.note_seen();
            let last = last?;
            noted?;
            return self.render(&last);
        }
        let mut chunk = Chunk::parse(*surface, data).map_err(|error| unusable(guards, error))?;
        chunk.withhold_unless(|text| {
            // The same id stands in every chunk; it is looked at once.
            self.harmless.iter().any(|known| known == text) || is_harmless(guards, text)
        });
        if self.harmless.is_empty() {
            self.harmless.extend(chunk.id.iter().chain(&chunk.system_fingerprint).cloned());
        }
        if !self.has_begun {
            self.has_begun = true;
            entry.note_first_byte();
        }
        if let Some(usage) = chunk.usage_counts() {
            entry.note_usage(usage);
        }
        let text = chunk.choices.iter().flat_map(|choice| &choice.pieces);
        entry.note_streamed(text.map(|piece| piece.text.len()).sum());
        let usage = chunk.usage.take();
        if usage.is_some() {
            let head = Chunk { usage, choices: Vec::new(), ..chunk.clone() };
            self.renderer.take_usage(head);
        }
        if chunk.choices.is_empty() {
            return Ok(());
        }
        let released = self.channels.take(chunk);
        let noted = self.note_seen();
        let released = released?;
        noted?;
        self.render(&released)
    }

    fn render(&mut self, chunks: &[Chunk]) -> Result<(), Refusal> {
        let mut frames = Vec::new();
        let rendered = chunks.iter().try_for_each(|chunk| self.renderer.take(chunk, &mut frames));
        self.frames.extend(frames.into_iter().map(Outgoing::Frame));
        rendered.map_err(|error| unusable(&self.stream.guards, error))
    }

    fn note_seen(&mut self) -> Result<(), Refusal> {
        let entry = &self.stream.entry;
        entry.note_streamed_coverage(self.channels.coverage());
        let Some(seen) = self.channels.take_seen() else { return Ok(()) };
        entry.note_seen(&seen, "reply");
        if let Some(outcome) = outcome(&seen.findings) {
            entry.note_outcome(outcome);
        }
        let label = self.label.join(&seen.label);
        if label == self.label {
            return Ok(());
        }
        entry.note_label(label.clone());
        let passing = Passing { label: &label, clearance: &self.stream.clearance, raised: &seen.raised };
        passing.check_clearance(entry, ANSWER)?;
        self.frames.push(Outgoing::Raised(label.clone()));
        self.label = label;
        Ok(())
    }
}
