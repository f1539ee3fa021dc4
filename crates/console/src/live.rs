//! Decisions as they are made: a stream of server-sent events.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use schleuse_audit::{Appended, Entry, Fed, Feed};
use schleuse_types::{Refusal, Text};
use schleuse_wire::sse::{KEEP_ALIVE, named_frame};
use schleuse_wire::{Reply, ReplyBody, render_refusal};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::answer::busy;
use crate::call::Call;
use crate::decisions::{Wanted, decision};

/// A stream without events says that it is alive.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);
/// Frames that wait for a slow reader.
const FRAMES: usize = 64;
/// Entries that are read again for a reader who missed them; those before are only counted.
const CAUGHT_UP_MAX: u64 = 1000;
const LISTENERS_MAX: usize = 256;
const LISTENERS_PER_PERSON_MAX: usize = 8;
const EXPORTS_MAX: usize = 4;

/// How many may listen, export and verify at once: 256, 4 and 1; of the listeners 8 per person.
#[derive(Debug)]
pub struct LiveLimits {
    listeners: Arc<Semaphore>,
    by_person: Arc<Mutex<HashMap<String, usize>>>,
    pub(crate) exports: Arc<Semaphore>,
    pub(crate) verifications: Arc<Semaphore>,
}

impl Default for LiveLimits {
    fn default() -> Self {
        let semaphore = |count| Arc::new(Semaphore::new(count));
        Self {
            listeners: semaphore(LISTENERS_MAX),
            by_person: Arc::default(),
            exports: semaphore(EXPORTS_MAX),
            verifications: semaphore(1),
        }
    }
}

/// The place of one listener; given back when dropped.
struct Seat {
    _permit: OwnedSemaphorePermit,
    by_person: Arc<Mutex<HashMap<String, usize>>>,
    person: String,
}

impl LiveLimits {
    fn take(&self, person: &str) -> Result<Seat, Refusal> {
        let full =
            || busy(Text::fixed("Too many pages listen at once.", "Zu viele Seiten hören gleichzeitig zu."));
        let permit = Arc::clone(&self.listeners).try_acquire_owned().map_err(|_| full())?;
        let mut counts = self.by_person.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(person.to_owned()).or_default();
        if *count >= LISTENERS_PER_PERSON_MAX {
            return Err(full());
        }
        *count += 1;
        drop(counts);
        let by_person = Arc::clone(&self.by_person);
        Ok(Seat { _permit: permit, by_person, person: person.to_owned() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.by_person.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.person) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.person);
            }
        }
    }
}

/// `GET /api/decisions/live`. Ends when the asker leaves, when their credential ends, and when the house stops.
pub(crate) async fn open(call: Call) -> Result<Reply, Refusal> {
    let wanted = Wanted::read(&call.query)?;
    let seat = call.console.live.take(&call.principal().person)?;
    call.note_reading("decisions live").await?;
    // Heard first and measured then, so that nothing falls between the two.
    let feed = call.console.log.subscribe();
    let size = call.read(|reader| reader.size()).await?;
    let seen = call.last_event_id.as_deref().and_then(|id| id.parse::<u64>().ok());
    let next = seen.map_or(size, |seen| seen.saturating_add(1).min(size));
    let (frames, events) = mpsc::channel(FRAMES);
    let tasks = call.console.tasks.clone();
    tasks.spawn(async move {
        let _seat = seat;
        let mut validity = call.verified.watch();
        let stop = call.console.stop.clone();
        let teller = Teller { call: &call, wanted, frames: frames.clone(), next };
        tokio::select! {
            biased;
            end = validity.ended() => {
                let error = render_refusal(&end.refusal(), call.request_id.as_str(), call.language);
                // A reader who takes nothing learns it from the end of the stream.
                let _ = frames.try_send(named_frame("error", &error));
            }
            () = stop.cancelled() => {}
            () = frames.closed() => {}
            _ = teller.tell(feed, size) => {}
        }
    });
    Ok(Reply { status: 200, headers: Vec::new(), body: ReplyBody::Events(events) })
}

struct Teller<'a> {
    call: &'a Call,
    wanted: Wanted,
    frames: mpsc::Sender<Bytes>,
    /// The index of the first entry that was not looked at yet.
    next: u64,
}

/// The reader has left, or the log cannot be read.
struct Over;

impl Teller<'_> {
    async fn tell(mut self, mut feed: Feed, size: u64) -> Result<(), Over> {
        // Sent at once, so that whoever connects knows that the stream is open.
        self.send(KEEP_ALIVE).await?;
        self.catch_up(size).await?;
        loop {
            match tokio::time::timeout(KEEP_ALIVE_EVERY, feed.next()).await {
                Err(_) => self.send(KEEP_ALIVE).await?,
                Ok(None) => return Ok(()),
                Ok(Some(Fed::Missed(_))) => {
                    let size = self.call.read(|reader| reader.size()).await.map_err(|_| Over)?;
                    self.catch_up(size).await?;
                }
                Ok(Some(Fed::Entry(appended))) => self.entry(&appended).await?,
            }
        }
    }

    async fn entry(&mut self, appended: &Arc<Appended>) -> Result<(), Over> {
        if appended.index < self.next {
            return Ok(());
        }
        self.next = appended.index + 1;
        if self.wanted.matches(&appended.entry) {
            self.show(&Entry { index: appended.index, bytes: appended.entry.clone() }).await?;
        }
        Ok(())
    }

    /// Tells what lies before `end` and was not told yet.
    async fn catch_up(&mut self, end: u64) -> Result<(), Over> {
        let missed = end.saturating_sub(self.next).saturating_sub(CAUGHT_UP_MAX);
        if missed > 0 {
            self.next += missed;
            self.send(named_frame("missed", &json!({"count": missed}).to_string())).await?;
        }
        if self.next >= end {
            return Ok(());
        }
        let from = self.next;
        let entries = self.call.read(move |reader| reader.entries(from..end)).await.map_err(|_| Over)?;
        self.next = end;
        for entry in entries {
            if self.wanted.matches(&entry.bytes) {
                self.show(&entry).await?;
            }
        }
        Ok(())
    }

    async fn show(&self, entry: &Entry) -> Result<(), Over> {
        let frame = format!("id: {}\nevent: decision\ndata: {}\n\n", entry.index, decision(entry));
        self.send(Bytes::from(frame)).await
    }

    async fn send(&self, frame: Bytes) -> Result<(), Over> {
        self.frames.send(frame).await.map_err(|_| Over)
    }
}
