//! A batch while it is asked: line by line through the gate, each answer kept before the next is counted, and an end
//! whatever happens.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use schleuse_identity::{Ended, Verified};
use schleuse_store::DataKey;
use schleuse_types::{Label, Language, Text};
use schleuse_wire::json::{self, Bounds, Value};
use schleuse_wire::{Arrival, BodyError, Credential, Method, Peer, Reply, ReplyBody, Surface};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::archive::Fault;
use crate::batch::{Batch, Counts, State};
use crate::file::{File, Purpose};
use crate::input::{self, InputError, Line};
use crate::line::Answer;
use crate::room::{Batches, Visitor};

/// How often a line is asked that was told to come again, the longest pause that it takes for that, and the pause when it
/// was told none.
const ATTEMPTS_MAX: u32 = 8;
const PAUSE_MAX: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_secs(2);

/// With what every line is asked. The credential lives as long as this: in memory, until the batch ends or waits.
pub(crate) struct Asking {
    person: String,
    verified: Verified,
    credential: Credential,
    peer: Peer,
    language: Language,
    label: Label,
    endpoint: Surface,
}

impl Asking {
    pub(crate) fn new(visitor: &Visitor, batch: &Batch) -> Self {
        Self {
            person: visitor.person().to_owned(),
            verified: visitor.verified.clone(),
            credential: visitor.credential.clone(),
            peer: visitor.peer,
            language: batch.language,
            label: batch.asked_label.clone(),
            endpoint: batch.endpoint,
        }
    }

    fn arrival(&self, line: &Line) -> Arrival {
        let body = Full::new(Bytes::from(line.body.clone()));
        Arrival {
            method: Method::Post,
            path: self.endpoint.path().to_owned(),
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

/// How the work at a batch ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Everything is answered.
    Complete,
    Cancelled,
    /// Its window is over.
    Expired,
    Failed(Vec<InputError>),
    /// It goes on when its owner asks for it.
    Waits,
}

/// The batches that are worked at.
#[derive(Default)]
pub(crate) struct Runs(Mutex<HashMap<String, Arc<Run>>>);

struct Run {
    /// Cancelled when somebody ends it, who then says how.
    end: CancellationToken,
    ending: Mutex<Option<Ending>>,
}

impl Runs {
    pub(crate) fn has(&self, batch: &str) -> bool {
        self.lock().contains_key(batch)
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Ends the work at a batch, if there is any.
    pub(crate) fn end(&self, batch: &str, ending: Ending) -> bool {
        let Some(run) = self.lock().get(batch).cloned() else { return false };
        // The first to say how counts.
        run.ending.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(ending);
        run.end.cancel();
        true
    }

    fn begin(&self, batch: &str, running_max: usize) -> Option<Arc<Run>> {
        let mut runs = self.lock();
        if runs.len() >= running_max || runs.contains_key(batch) {
            return None;
        }
        let run = Arc::new(Run { end: CancellationToken::new(), ending: Mutex::default() });
        runs.insert(batch.to_owned(), Arc::clone(&run));
        Some(run)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Run>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    async fn ended(&self) -> Ending {
        self.end.cancelled().await;
        self.ending.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or(Ending::Waits)
    }
}

/// Whatever happens to the task of a batch: it leaves the table.
struct Leaving {
    room: Arc<Batches>,
    batch: String,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.room.runs.lock().remove(&self.batch);
    }
}

impl Batches {
    /// Works at a batch until it ends or has to wait; not at all when the house already works at as many as it may.
    pub(crate) fn run(self: &Arc<Self>, batch: String, key: DataKey, asking: Asking) {
        let Some(run) = self.runs.begin(&batch, self.limits.running_max) else { return };
        let leaving = Leaving { room: Arc::clone(self), batch: batch.clone() };
        let room = Arc::clone(self);
        self.tasks.spawn(async move {
            let asking = Arc::new(asking);
            let mut validity = asking.verified.watch();
            // Whichever ends first: the other futures are dropped, and with them the connections to models.
            let ending = tokio::select! {
                biased;
                ending = run.ended() => ending,
                () = room.cut.cancelled() => Ending::Waits,
                ended = validity.ended() => of_credential(ended, asking.language),
                ending = room.ask_all(&batch, &key, &asking) => ending.unwrap_or_else(|fault| {
                    tracing::error!(batch, %fault, "a batch cannot go on");
                    Ending::Waits
                }),
            };
            if ending != Ending::Waits
                && let Err(fault) = room.finish(&key, &asking.person, &batch, ending).await
            {
                tracing::error!(batch, %fault, "a batch cannot be ended");
            }
            drop(leaving);
        });
    }

    async fn ask_all(
        self: &Arc<Self>,
        id: &str,
        key: &DataKey,
        asking: &Arc<Asking>,
    ) -> Result<Ending, Fault> {
        let person = asking.person.as_str();
        let Some(batch) = self.archive.batch(key, person, id).await? else { return Ok(Ending::Waits) };
        match batch.state {
            State::Cancelling => return Ok(Ending::Cancelled),
            State::Finalizing => return Ok(Ending::Complete),
            state if state.is_over() => return Ok(Ending::Waits),
            _ => {}
        }
        let lines = match self.lines(key, person, &batch).await? {
            Ok(lines) => lines,
            Err(errors) => return Ok(Ending::Failed(errors)),
        };
        if batch.state == State::Validating {
            let (total, now) = (lines.len() as u64, self.clock.now());
            self.change(key, person, id, None, |batch| {
                if batch.state == State::Validating {
                    batch.counts.total = total;
                    batch.enter(State::InProgress, now);
                }
            })
            .await?;
        }
        let answered = self.archive.store.answered_lines(person, id).await?;
        let mut bytes: u64 = answered.iter().map(|line| line.bytes).sum();
        let answered: HashSet<u64> = answered.into_iter().map(|line| line.ordinal).collect();
        let mut waiting = (0_u64..).zip(lines).filter(|(ordinal, _)| !answered.contains(ordinal)).peekable();
        let mut under_way = JoinSet::new();
        let mut ending = Ending::Complete;
        loop {
            while ending == Ending::Complete && under_way.len() < self.limits.parallel_max {
                if self.stop.is_cancelled() && waiting.peek().is_some() {
                    ending = Ending::Waits;
                    break;
                }
                let Some((ordinal, line)) = waiting.next() else { break };
                let (room, asking) = (Arc::clone(self), Arc::clone(asking));
                under_way.spawn(async move { (ordinal, room.ask(&asking, &line).await) });
            }
            let Some(asked) = under_way.join_next().await else { return Ok(ending) };
            let (ordinal, asked) = asked.map_err(|_| Fault::Broken)?;
            match asked {
                Asked::Answered(answer) => {
                    bytes = bytes.saturating_add(answer.text.len() as u64);
                    let change = |batch: &mut Batch| {
                        if let Some(label) = &answer.label {
                            batch.label = batch.label.join(label);
                        }
                    };
                    self.change(key, person, id, Some((ordinal, &answer)), change).await?;
                    if bytes > self.limits.answers_bytes_max {
                        let max = self.limits.answers_bytes_max;
                        ending = Ending::Failed(vec![too_much_answered(max, asking.language)]);
                    }
                }
                Asked::Waits => ending = Ending::Waits,
            }
        }
    }

    /// The lines of a batch's file, or what is wrong with them.
    async fn lines(
        &self,
        key: &DataKey,
        person: &str,
        batch: &Batch,
    ) -> Result<Result<Vec<Line>, Vec<InputError>>, Fault> {
        let (endpoint, language) = (batch.endpoint, batch.language);
        let Some(content) = self.archive.content(key, person, &batch.input).await? else {
            return Ok(Err(vec![file_is_gone(language)]));
        };
        let lines_max = self.limits.lines_max;
        // Megabytes of JSON take a while, and others wait for this thread.
        let reading =
            tokio::task::spawn_blocking(move || input::read(&content, endpoint, lines_max, language));
        reading.await.map_err(|_| Fault::Broken)
    }

    /// Asks a line, and again when it is told to come again soon.
    async fn ask(&self, asking: &Asking, line: &Line) -> Asked {
        let Ok(id) = self.new_id("batch_req_") else { return Asked::Waits };
        for attempt in 1..=ATTEMPTS_MAX {
            let Ok(place) = self.places.acquire().await else { return Asked::Waits };
            let reply = Arc::clone(&self.models).exchange(asking.arrival(line)).await;
            drop(place);
            match Advice::of(&reply) {
                Advice::Wait => return Asked::Waits,
                Advice::ComeAgain(pause) if attempt < ATTEMPTS_MAX => {
                    if self.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                        return Asked::Waits;
                    }
                }
                Advice::Keep | Advice::ComeAgain(_) => {
                    let answer = Answer::of_reply(&id, &line.custom_id, reply);
                    return Asked::Answered(answer.unwrap_or_else(|| {
                        Answer::unanswered(&id, &line.custom_id, &no_document(asking.language))
                    }));
                }
            }
        }
        Asked::Waits
    }

    /// Changes a batch that is not over, and keeps the answer to a line with it. Its label does not fall here.
    pub(crate) async fn change(
        &self,
        key: &DataKey,
        person: &str,
        id: &str,
        answered: Option<(u64, &Answer)>,
        change: impl FnOnce(&mut Batch),
    ) -> Result<Batch, Fault> {
        let _turn = self.turn(id).await;
        let gone = || Fault::Store(schleuse_store::StoreError::UnknownFile { id: id.to_owned() });
        let mut batch = self.archive.batch(key, person, id).await?.ok_or_else(gone)?;
        change(&mut batch);
        self.archive.update_batch(key, person, &batch, answered).await?;
        Ok(batch)
    }

    /// Ends a batch: what was answered comes into its files.
    pub(crate) async fn finish(
        &self,
        key: &DataKey,
        person: &str,
        id: &str,
        ending: Ending,
    ) -> Result<(), Fault> {
        let now = self.clock.now();
        if ending == Ending::Complete {
            self.change(key, person, id, None, |batch| {
                if batch.state == State::InProgress {
                    batch.enter(State::Finalizing, now);
                }
            })
            .await?;
        }
        let _turn = self.turn(id).await;
        let Some(mut batch) = self.archive.batch(key, person, id).await? else { return Ok(()) };
        if batch.state.is_over() {
            return Ok(());
        }
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let mut counts = Counts { completed: 0, failed: 0, ..batch.counts };
        let mut answered = HashSet::new();
        for (ordinal, is_failed, text) in self.archive.answers(key, person, id).await? {
            let (file, count) = match is_failed {
                true => (&mut errors, &mut counts.failed),
                false => (&mut output, &mut counts.completed),
            };
            file.extend_from_slice(&text);
            file.push(b'\n');
            *count += 1;
            answered.insert(ordinal);
        }
        let state = match ending {
            // Whoever cancelled just before the end is told so.
            _ if batch.state == State::Cancelling => State::Cancelled,
            Ending::Complete => State::Completed,
            Ending::Cancelled => State::Cancelled,
            Ending::Failed(told) => {
                batch.errors = told;
                State::Failed
            }
            Ending::Expired => {
                let error = expired(batch.language);
                let lines = self.lines(key, person, &batch).await?.unwrap_or_default();
                for (_, line) in (0_u64..).zip(lines).filter(|(ordinal, _)| !answered.contains(ordinal)) {
                    let id = self.new_id("batch_req_").map_err(|_| Fault::Broken)?;
                    errors
                        .extend_from_slice(Answer::unanswered(&id, &line.custom_id, &error).text.as_bytes());
                    errors.push(b'\n');
                    counts.failed += 1;
                }
                State::Expired
            }
            Ending::Waits => return Ok(()),
        };
        let kept = batch.output_kept_s.map_or(self.limits.kept, Duration::from_secs);
        let mut files = Vec::new();
        for (content, name, place) in
            [(output, "output", &mut batch.output), (errors, "error", &mut batch.error_output)]
        {
            if content.is_empty() {
                continue;
            }
            let file = File {
                id: self.new_id("file-").map_err(|_| Fault::Broken)?,
                name: format!("{id}_{name}.jsonl"),
                purpose: Purpose::BatchOutput,
                label: batch.label.clone(),
                bytes: content.len() as u64,
                created: now,
                expires: now.plus(kept),
            };
            *place = Some(file.id.clone());
            files.push((file, content));
        }
        batch.counts = counts;
        batch.expires = now.plus(self.limits.kept);
        batch.enter(state, now);
        self.archive.finish_batch(key, person, &batch, files).await
    }
}

enum Asked {
    Answered(Answer),
    /// The line stays unanswered until the batch goes on.
    Waits,
}

/// What the answer to a line says to do with it.
enum Advice {
    Keep,
    ComeAgain(Duration),
    Wait,
}

impl Advice {
    fn of(reply: &Reply) -> Self {
        let code = code_of(reply);
        match (reply.status, code.as_deref()) {
            // The house is ending, or the credential: the watch over it says how the batch ends.
            (503, Some("shutting_down")) | (401, Some("invalid_api_key")) => Self::Wait,
            (429 | 503, _) => {
                let after = reply.headers.iter().find(|(name, _)| *name == "retry-after");
                let after = after.and_then(|(_, value)| value.parse().ok()).map(Duration::from_secs);
                // A limit that opens tomorrow is an answer for today.
                match after.unwrap_or(PAUSE) {
                    pause if pause <= PAUSE_MAX => Self::ComeAgain(pause),
                    _ => Self::Keep,
                }
            }
            _ => Self::Keep,
        }
    }
}

/// The code of a refusal.
fn code_of(reply: &Reply) -> Option<String> {
    let ReplyBody::Whole(body) = &reply.body else { return None };
    if reply.status < 400 {
        return None;
    }
    let Ok(Value::Object(body)) = json::parse(body, &Bounds::default()) else { return None };
    let error = body.get("error")?.as_object()?;
    error.get("code").and_then(Value::as_str).map(str::to_owned)
}

/// A credential that only grew old is replaced by the next one that its owner comes with.
fn of_credential(ended: Ended, language: Language) -> Ending {
    if ended == Ended::Expired {
        return Ending::Waits;
    }
    let refusal = ended.refusal();
    let message = Text::fixed(
        "The key or sign-in with which this batch was asked is no longer valid, so it was ended. What was answered until \
         then is in its files. Ask an administrator for a new key and begin a batch with the other lines.",
        "Der Schlüssel oder die Anmeldung, mit der dieser Stapel gefragt wurde, gilt nicht mehr; deshalb wurde er beendet. Was \
         bis dahin beantwortet war, steht in seinen Dateien. Bitten Sie die Administration um einen neuen Schlüssel und \
         beginnen Sie einen Stapel mit den übrigen Zeilen.",
    );
    Ending::Failed(vec![InputError::whole(refusal.code.code(), &message, language)])
}

fn too_much_answered(max: u64, language: Language) -> InputError {
    let message = Text::new(
        format!(
            "The answers have more than {max} bytes together. Those until then are in the files; ask the other lines in a \
             batch of their own."
        ),
        format!(
            "Die Antworten haben zusammen mehr als {max} Bytes. Die bis dahin stehen in den Dateien; fragen Sie die übrigen \
             Zeilen in einem eigenen Stapel."
        ),
    );
    InputError::whole("answers_too_large", &message, language)
}

fn file_is_gone(language: Language) -> InputError {
    let message = Text::fixed(
        "The file of this batch is not there any more. Send it again and begin a new batch.",
        "Die Datei dieses Stapels ist nicht mehr da. Senden Sie sie erneut und beginnen Sie einen neuen Stapel.",
    );
    InputError::whole("file_not_found", &message, language)
}

fn no_document(language: Language) -> InputError {
    let message = Text::fixed(
        "What came as an answer was no document. Ask the line again.",
        "Was als Antwort kam, war kein Dokument. Fragen Sie die Zeile erneut.",
    );
    InputError::whole("upstream_failed", &message, language)
}

fn expired(language: Language) -> InputError {
    let message = Text::fixed(
        "The batch was not finished within 24 hours, and this line was not answered. Ask it in a new batch.",
        "Der Stapel war nach 24 Stunden nicht fertig, und diese Zeile blieb unbeantwortet. Fragen Sie sie in einem neuen \
         Stapel.",
    );
    InputError::whole("batch_expired", &message, language)
}
