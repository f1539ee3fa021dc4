//! From a question to its answer: asks a model through the gate, keeps what comes, and ends whatever happens.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use schleuse_types::{Label, Language, Refusal};
use schleuse_wire::json::{Object, Value};
use schleuse_wire::sse::{Decoder, Event, read_label_frame};
use schleuse_wire::{
    Arrival, BodyError, Channel, Chunk, Credential, Method, Peer, ReplyBody, Surface, Usage,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use crate::archive::fail_interrupted;
use crate::context::Context;
use crate::message::{Message, Passage, State};
use crate::portal::Portal;
use crate::refusals::{self, Fault, error_object, read_error_object};
use crate::run::Run;
use crate::seal::DataKey;

/// Text is saved at most this long after it came.
const SAVE_EVERY: Duration = Duration::from_millis(500);
/// Attempts to save the end of an answer, and the pause between two of them. What cannot be saved is in memory until
/// then, and what was saved before is kept.
const LAST_SAVES: u32 = 3;
const LAST_SAVE_PAUSE: Duration = Duration::from_millis(200);
/// Largest event that the gate sends.
const EVENT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest answer; beyond it the model is not listened to any more.
const ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A question on its way to the gate. The credential lives as long as this: in memory, until the answer is over.
pub(crate) struct Asking {
    pub(crate) context: Context,
    pub(crate) model: String,
    pub(crate) manner: Vec<(&'static str, Value)>,
    pub(crate) credential: Credential,
    pub(crate) language: Language,
    pub(crate) peer: Peer,
    pub(crate) label: Label,
    /// A release that somebody else granted for this very question.
    pub(crate) release: Option<String>,
}

impl Asking {
    fn arrival(&self) -> Arrival {
        let body = Full::new(Bytes::from(self.context.body(&self.model, &self.manner)));
        Arrival {
            method: Method::Post,
            path: Surface::ChatCompletions.path().to_owned(),
            query: None,
            credential: Some(self.credential.clone()),
            sign_in: None,
            last_event_id: None,
            agent: None,
            label: Some(self.label.to_string().into_bytes()),
            language: self.language,
            peer: self.peer,
            body: Box::pin(body.map_err(|never: Infallible| BodyError(never.to_string()))),
        }
    }
}

/// How an answer ended.
enum Ending {
    Complete,
    Stopped,
    /// With the error object, without the `error` around it.
    Refused(Object),
}

/// Writes the answer of a run, whatever happens, and takes the run out of the table.
pub(crate) async fn write(portal: Arc<Portal>, run: Arc<Run>, key: Arc<DataKey>, asking: Asking) {
    let leaving = Leaving { portal: Arc::clone(&portal), run: Arc::clone(&run) };
    let language = asking.language;
    let mut saver = Saver {
        portal: Arc::clone(&portal),
        run: Arc::clone(&run),
        key: Arc::clone(&key),
        saving: None,
        next: Instant::now(),
        is_dirty: false,
    };
    // Whichever ends first: the other futures are dropped, and with them the connection to the model.
    let ending = tokio::select! {
        biased;
        () = run.stop.cancelled() => Ending::Stopped,
        () = portal.cut.cancelled() => refused(&refusals::interrupted(), &run, language),
        ending = ask(&portal, &run, &key, asking, &mut saver) => ending,
    };
    let mut answer = run.answer();
    match ending {
        Ending::Complete => answer.state = State::Complete,
        Ending::Stopped => answer.state = State::Stopped,
        Ending::Refused(error) => {
            answer.state = State::Failed;
            answer.refusal = Some(error);
        }
    }
    answer.masking.masks.retain(|mask| answer.content.contains(&mask.stands));
    saver.save_last(&answer).await;
    portal.changed(&run.person, &run.conversation);
    // Readers are told of the end only when it is saved: whoever then asks for the conversation finds it so.
    run.change(|place| *place = answer);
    drop(leaving);
}

/// Puts the question, with less and less before it as long as it is too long for the model.
async fn ask(
    portal: &Arc<Portal>,
    run: &Run,
    key: &DataKey,
    mut asking: Asking,
    saver: &mut Saver,
) -> Ending {
    loop {
        let models = match &asking.release {
            None => Arc::clone(&portal.models),
            Some(release) => (portal.released)(release.clone()),
        };
        let reply = models.exchange(asking.arrival()).await;
        let passage = Passage::from_headers(&reply.headers);
        let label = passage.label.clone();
        match reply.body {
            ReplyBody::Whole(body) => {
                let error = read_error_object(&body).filter(|_| !(200..300).contains(&reply.status));
                let mut error = error.unwrap_or_else(|| {
                    error_object(&refusals::broken_off(), &passage.request_id, asking.language)
                });
                if is_overflow(reply.status, &error) && asking.context.halve() {
                    continue;
                }
                asking.context.name_messages(&mut error);
                run.change(|answer| {
                    answer.passage = Some(passage);
                    answer.omitted = asking.context.omitted;
                });
                return Ending::Refused(error);
            }
            ReplyBody::Events(events) => {
                // Before any text can be seen, or asked about in a next question.
                if let Some(label) = &label
                    && let Err(fault) = portal.raise_label(key, &run.person, &run.conversation, label).await
                {
                    run.change(|answer| answer.passage = Some(passage));
                    return refused(&Refusal::from(fault), run, asking.language);
                }
                run.change(|answer| {
                    answer.passage = Some(passage);
                    answer.omitted = asking.context.omitted;
                });
                saver.is_dirty = true;
                return match listen(portal, run, key, events, asking.language, saver).await {
                    Ending::Refused(mut error) => {
                        asking.context.name_messages(&mut error);
                        Ending::Refused(error)
                    }
                    ending => ending,
                };
            }
        }
    }
}

/// Whether the model says that it was sent more than it can read: in OpenAI's word for it, or in vLLM's sentence.
fn is_overflow(status: u16, error: &Object) -> bool {
    let has = |name: &str, part: &str| {
        error.get(name).and_then(Value::as_str).is_some_and(|text| text.contains(part))
    };
    status == 400 && (has("code", "context_length_exceeded") || has("message", "maximum context length"))
}

/// Reads the answer to its end.
async fn listen(
    portal: &Portal,
    run: &Run,
    key: &DataKey,
    mut frames: mpsc::Receiver<Bytes>,
    language: Language,
    saver: &mut Saver,
) -> Ending {
    let mut decoder = Decoder::new(EVENT_BYTES_MAX);
    let mut events = Vec::new();
    loop {
        let frame = tokio::select! {
            biased;
            frame = frames.recv() => frame,
            never = saver.work() => match never {},
        };
        let Some(frame) = frame else {
            return refused(&refusals::broken_off(), run, language);
        };
        let mut raised = read_label_frame(&frame);
        let mut fed = decoder.feed(&frame, &mut events);
        // What is already there is taken at once, so that readers are told once.
        while fed.is_ok()
            && let Ok(frame) = frames.try_recv()
        {
            let further = read_label_frame(&frame);
            raised = raised.into_iter().chain(further).reduce(|one, other| one.join(&other));
            fed = decoder.feed(&frame, &mut events);
        }
        // Before the text that raised it can be seen.
        if let Some(label) = raised {
            let raising = portal.raise_label(key, &run.person, &run.conversation, &label).await;
            run.change(|answer| {
                let passage = answer.passage.get_or_insert_default();
                let known = passage.label.as_ref();
                passage.label = Some(known.map_or_else(|| label.clone(), |known| known.join(&label)));
            });
            if let Err(fault) = raising {
                return refused(&Refusal::from(fault), run, language);
            }
            saver.is_dirty = true;
        }
        let mut heard = Heard::default();
        for event in events.drain(..) {
            heard.take(&event, run, language);
        }
        if fed.is_err() && heard.ending.is_none() {
            heard.ending = Some(refused(&refusals::broken_off(), run, language));
        }
        saver.is_dirty |= heard.has_news();
        if let Some(ending) = heard.tell(run) {
            return ending;
        }
    }
}

/// What came in one go.
#[derive(Default)]
struct Heard {
    text: String,
    is_cut: bool,
    usage: Option<Usage>,
    ending: Option<Ending>,
}

impl Heard {
    fn take(&mut self, event: &Event, run: &Run, language: Language) {
        if self.ending.is_some() {
            return;
        }
        if event.name.as_deref() == Some("error") {
            let error = read_error_object(event.data.as_bytes());
            self.ending = Some(match error {
                Some(error) => Ending::Refused(error),
                None => refused(&refusals::broken_off(), run, language),
            });
            return;
        }
        if event.data == "[DONE]" {
            self.ending = Some(Ending::Complete);
            return;
        }
        let Ok(chunk) = Chunk::parse(Surface::ChatCompletions, &event.data) else {
            self.ending = Some(refused(&refusals::broken_off(), run, language));
            return;
        };
        if let Some(usage) = chunk.usage_counts() {
            self.usage = Some(usage);
        }
        for choice in chunk.choices.iter().filter(|choice| choice.index == 0) {
            // A model's own refusal is an answer too.
            let is_said = |channel| matches!(channel, Channel::Content | Channel::Refusal);
            for piece in choice.pieces.iter().filter(|piece| is_said(piece.channel)) {
                self.text.push_str(&piece.text);
            }
            self.is_cut |= choice.finish_reason.as_deref() == Some("length");
        }
    }

    fn has_news(&self) -> bool {
        !self.text.is_empty() || self.is_cut || self.usage.is_some()
    }

    /// Tells the readers.
    fn tell(self, run: &Run) -> Option<Ending> {
        let has_news = self.has_news();
        let mut ending = self.ending;
        if has_news {
            run.change(|answer| {
                let room = ANSWER_BYTES_MAX.saturating_sub(answer.content.len());
                let fitting = self.text.get(..self.text.floor_char_boundary(room)).unwrap_or_default();
                answer.content.push_str(fitting);
                answer.is_cut |= self.is_cut;
                answer.usage = self.usage.or(answer.usage);
                if fitting.len() < self.text.len() {
                    answer.is_cut = true;
                    ending = Some(Ending::Complete);
                }
            });
        }
        ending
    }
}

fn refused(refusal: &Refusal, run: &Run, language: Language) -> Ending {
    Ending::Refused(error_object(refusal, &run.request_id(), language))
}

type Saving = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>;

/// Saves an answer while it is written, beside it: readers do not wait for the disk.
struct Saver {
    portal: Arc<Portal>,
    run: Arc<Run>,
    key: Arc<DataKey>,
    saving: Option<Saving>,
    /// Not before this.
    next: Instant,
    /// Something came since the last saving began.
    is_dirty: bool,
}

impl Saver {
    /// Saves when it is time to. May be dropped and called again.
    async fn work(&mut self) -> Infallible {
        loop {
            if let Some(saving) = &mut self.saving {
                let saved = saving.await;
                self.saving = None;
                self.report(saved.as_ref().err());
                self.is_dirty |= saved.is_err();
            }
            if !self.is_dirty {
                pending::<()>().await;
            }
            sleep_until(self.next).await;
            self.is_dirty = false;
            self.next = Instant::now() + SAVE_EVERY;
            self.saving = Some(self.save(self.run.answer()));
        }
    }

    fn save(&self, answer: Message) -> Saving {
        let Self { portal, run, key, .. } = self;
        let (portal, run, key) = (Arc::clone(portal), Arc::clone(run), Arc::clone(key));
        Box::pin(
            async move { portal.archive.put_message(&key, &run.person, &run.conversation, &answer).await },
        )
    }

    async fn save_last(mut self, answer: &Message) {
        // One at a time: an older state must not be written over the last one.
        if let Some(saving) = self.saving.take() {
            let _ = saving.await;
        }
        for attempt in 1..=LAST_SAVES {
            let saved = self.save(answer.clone()).await;
            self.report(saved.as_ref().err());
            if saved.is_ok() || attempt == LAST_SAVES {
                return;
            }
            sleep(LAST_SAVE_PAUSE).await;
        }
    }

    fn report(&self, fault: Option<&Fault>) {
        if let Some(fault) = fault {
            tracing::error!(run = self.run.id, %fault, "an answer cannot be saved");
        }
    }
}

/// Whatever happens to the task of a run: its readers are told that it is over, and it leaves the table.
struct Leaving {
    portal: Arc<Portal>,
    run: Arc<Run>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if !self.run.is_over() {
            self.run.change(fail_interrupted);
        }
        self.portal.runs.end(&self.run);
    }
}
