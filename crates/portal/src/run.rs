//! Runs: answers in the making, and the table of those that are not over.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use schleuse_types::Refusal;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::events::{Position, frames_since};
use crate::message::{Message, State};
use crate::refusals;

/// One answer in the making.
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) person: String,
    pub(crate) conversation: String,
    /// The id of the answer.
    pub(crate) message: String,
    /// Cancelled when the person stops it.
    pub(crate) stop: CancellationToken,
    answer: Mutex<Message>,
    /// Told after every change of `answer`.
    changes: watch::Sender<()>,
    readers: AtomicUsize,
}

impl Run {
    pub(crate) fn new(person: &str, conversation: &str, answer: Message) -> Self {
        Self {
            id: run_id(conversation, &answer.id),
            person: person.to_owned(),
            conversation: conversation.to_owned(),
            message: answer.id.clone(),
            stop: CancellationToken::new(),
            answer: Mutex::new(answer),
            changes: watch::Sender::new(()),
            readers: AtomicUsize::new(0),
        }
    }

    /// The answer as it is now.
    pub(crate) fn answer(&self) -> Message {
        self.lock().clone()
    }

    /// Of the gate's; empty while it has not answered.
    pub(crate) fn request_id(&self) -> String {
        let answer = self.lock();
        answer.passage.as_ref().map(|passage| passage.request_id.clone()).unwrap_or_default()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.lock().state != State::Running
    }

    /// Changes the answer and tells every reader.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Message)) {
        change(&mut self.lock());
        self.changes.send_replace(());
    }

    /// What is known behind `from`, the place behind it, and whether that is all there will be.
    pub(crate) fn frames_since(&self, from: Position) -> (Vec<Bytes>, Position, bool) {
        let answer = self.lock();
        let (frames, at) = frames_since(&answer, from);
        (frames, at, answer.state != State::Running)
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Waits until the answer is over and saved.
    pub(crate) async fn over(&self) {
        let mut changes = self.subscribe();
        while !self.is_over() {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// A seat for one reader more.
    pub(crate) fn sit_down(self: &Arc<Self>, readers_max: usize) -> Result<Seat, Refusal> {
        let seat = Seat(Arc::clone(self));
        if self.readers.fetch_add(1, Ordering::Relaxed) < readers_max {
            Ok(seat)
        } else {
            Err(refusals::too_many_readers(readers_max))
        }
    }

    fn lock(&self) -> MutexGuard<'_, Message> {
        // No change leaves an answer half changed.
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The seat of one reader; free again when dropped.
pub(crate) struct Seat(pub(crate) Arc<Run>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A run has the id of its conversation and its answer, so that it is found in the store when it is over.
fn run_id(conversation: &str, answer: &str) -> String {
    format!("{conversation}.{answer}")
}

/// Conversation and answer of a run's id.
pub(crate) fn parse_run_id(id: &str) -> Option<(&str, &str)> {
    id.split_once('.')
}

/// The runs that are not over.
#[derive(Default)]
pub(crate) struct Runs(Mutex<HashMap<String, Arc<Run>>>);

impl Runs {
    /// Enters all of these runs of one person, if they may have so many more, or none.
    pub(crate) fn begin(
        &self,
        person: &str,
        news: &[Arc<Run>],
        per_person_max: usize,
    ) -> Result<(), Refusal> {
        let mut runs = self.lock();
        let count = runs.values().filter(|other| other.person == person).count();
        if count + news.len() > per_person_max {
            return Err(refusals::too_many_runs(per_person_max));
        }
        runs.extend(news.iter().map(|run| (run.id.clone(), Arc::clone(run))));
        Ok(())
    }

    pub(crate) fn end(&self, run: &Run) {
        self.lock().remove(&run.id);
    }

    /// The run if it is this person's and not over.
    pub(crate) fn find(&self, person: &str, id: &str) -> Option<Arc<Run>> {
        self.lock().get(id).filter(|run| run.person == person).cloned()
    }

    pub(crate) fn of_person(&self, person: &str) -> Vec<Arc<Run>> {
        self.lock().values().filter(|run| run.person == person).cloned().collect()
    }

    /// Whether an answer in this conversation is being written.
    pub(crate) fn has(&self, conversation: &str) -> bool {
        self.lock().values().any(|run| run.conversation == conversation)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Run>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
