//! Readers of an answer: any number of pages that are told what comes, each from where it left off.

use std::time::Duration;

use bytes::Bytes;
use schleuse_identity::{Ended, Validity};
use schleuse_types::Language;
use schleuse_wire::sse::{KEEP_ALIVE, named_frame};
use schleuse_wire::{ReplyBody, render_refusal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::events::{Position, frames_since};
use crate::message::Message;
use crate::run::Seat;

/// A quiet connection gets a comment after so long, so that nothing in between takes it for dead.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(10);
/// Frames that wait for a slow reader. It costs no more than these: later text is merged until the reader takes it.
pub(crate) const FRAMES_WAITING_MAX: usize = 8;

/// Somebody who reads a run.
pub(crate) struct Reader {
    pub(crate) seat: Seat,
    pub(crate) validity: Validity,
    pub(crate) language: Language,
    pub(crate) request_id: String,
    pub(crate) frames: mpsc::Sender<Bytes>,
}

impl Reader {
    /// Tells what comes until the answer is over, the reader leaves, or their credential ends.
    pub(crate) async fn tell(mut self, from: Position) {
        let run = &self.seat.0;
        let mut changes = run.subscribe();
        let mut at = from;
        loop {
            // Marked as seen before looking, so that no change can fall between the two.
            changes.borrow_and_update();
            let (frames, next, is_over) = run.frames_since(at);
            at = next;
            for frame in frames {
                tokio::select! {
                    biased;
                    ended = self.validity.ended() => return self.tell_end(ended),
                    sent = self.frames.send(frame) => if sent.is_err() { return },
                }
            }
            if is_over {
                return;
            }
            let quiet_until = Instant::now() + KEEP_ALIVE_EVERY;
            tokio::select! {
                biased;
                ended = self.validity.ended() => return self.tell_end(ended),
                () = self.frames.closed() => return,
                changed = changes.changed() => if changed.is_err() { return },
                // Where there is no room, nobody reads, and needs no sign of life.
                () = sleep_until(quiet_until) => drop(self.frames.try_send(KEEP_ALIVE)),
            }
        }
    }

    /// An error event, if there is room for one: whoever does not read is not waited for.
    fn tell_end(&self, ended: Ended) {
        let error = render_refusal(&ended.refusal(), &self.request_id, self.language);
        let _ = self.frames.try_send(named_frame("error", &error));
    }
}

/// Everything behind `from` of an answer that is over.
pub(crate) fn tell_stored(answer: &Message, from: Position) -> ReplyBody {
    let (frames, _) = frames_since(answer, from);
    let (sender, receiver) = mpsc::channel(frames.len().max(1));
    for frame in frames {
        // There is room for all of them.
        let _ = sender.try_send(frame);
    }
    ReplyBody::Events(receiver)
}
