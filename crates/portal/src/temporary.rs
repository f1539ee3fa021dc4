//! Temporary conversations: in memory only, so that they are gone with their last use, and with the house.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schleuse_types::{Refusal, Timestamp};

use crate::message::{Head, Message};
use crate::refusals;

/// How their ids begin; no ULID has a hyphen.
const PREFIX: &str = "temporary-";
/// How long one is kept without use.
const KEPT: Duration = Duration::from_hours(24);
/// Of one person, and of all.
const PER_PERSON_MAX: usize = 8;
const COUNT_MAX: usize = 4096;
/// Bytes of text beyond which no further question is taken: of one person, and of all. Answers that are being written may
/// go beyond it by their own limit.
const BYTES_PER_PERSON_MAX: usize = 8 * 1024 * 1024;
const BYTES_MAX: usize = 256 * 1024 * 1024;

/// Whether the conversation is a temporary one.
pub(crate) fn is_temporary(conversation: &str) -> bool {
    conversation.starts_with(PREFIX)
}

pub(crate) fn temporary_id(id: &str) -> String {
    format!("{PREFIX}{id}")
}

#[derive(Default)]
pub(crate) struct Temporary(Mutex<HashMap<String, Kept>>);

struct Kept {
    person: String,
    head: Head,
    /// What it began with; empty where it began without.
    instructions: String,
    /// Oldest first.
    messages: Vec<Message>,
    used: Timestamp,
}

impl Kept {
    fn bytes(&self) -> usize {
        let texts = self.messages.iter().map(|message| {
            // Twice where something is masked.
            message.content.len() + message.masking.sent.as_ref().map_or(0, String::len)
        });
        texts.sum::<usize>().saturating_add(self.head.title.len()).saturating_add(self.instructions.len())
    }
}

impl Temporary {
    /// Keeps a new conversation, if there is room for it.
    pub(crate) fn begin(&self, person: &str, head: Head, now: Timestamp) -> Result<(), Refusal> {
        let mut all = self.lock();
        let own = all.values().filter(|kept| kept.person == person).count();
        if own >= PER_PERSON_MAX || all.len() >= COUNT_MAX {
            return Err(refusals::no_room_for_temporary());
        }
        let (person, instructions) = (person.to_owned(), String::new());
        let kept = Kept { person, head, instructions, messages: Vec::new(), used: now };
        all.insert(kept.head.id.clone(), kept);
        Ok(())
    }

    /// Whether so many bytes more may be kept for this person.
    pub(crate) fn check_room(&self, person: &str, more: usize) -> Result<(), Refusal> {
        let all = self.lock();
        let (mut own, mut every) = (more, more);
        for kept in all.values() {
            let bytes = kept.bytes();
            every = every.saturating_add(bytes);
            if kept.person == person {
                own = own.saturating_add(bytes);
            }
        }
        if own > BYTES_PER_PERSON_MAX || every > BYTES_MAX {
            return Err(refusals::no_room_for_temporary());
        }
        Ok(())
    }

    pub(crate) fn owner(&self, id: &str) -> Option<String> {
        self.lock().get(id).map(|kept| kept.person.clone())
    }

    /// Looking at it counts as use.
    pub(crate) fn head(&self, person: &str, id: &str, now: Timestamp) -> Option<Head> {
        let mut all = self.lock();
        let kept = all.get_mut(id).filter(|kept| kept.person == person)?;
        kept.used = now;
        Some(kept.head.clone())
    }

    /// Says whether there is such a conversation.
    pub(crate) fn put_head(&self, person: &str, head: &Head) -> bool {
        let mut all = self.lock();
        let kept = all.get_mut(&head.id).filter(|kept| kept.person == person);
        kept.map(|kept| kept.head = head.clone()).is_some()
    }

    /// Says whether there is such a conversation.
    pub(crate) fn put_instructions(&self, person: &str, id: &str, instructions: &str) -> bool {
        let mut all = self.lock();
        let kept = all.get_mut(id).filter(|kept| kept.person == person);
        kept.map(|kept| instructions.clone_into(&mut kept.instructions)).is_some()
    }

    pub(crate) fn instructions(&self, person: &str, id: &str) -> Option<String> {
        let all = self.lock();
        let kept = all.get(id).filter(|kept| kept.person == person)?;
        Some(kept.instructions.clone()).filter(|instructions| !instructions.is_empty())
    }

    pub(crate) fn messages(&self, person: &str, id: &str) -> Vec<Message> {
        let all = self.lock();
        let kept = all.get(id).filter(|kept| kept.person == person);
        kept.map(|kept| kept.messages.clone()).unwrap_or_default()
    }

    /// Says whether there is such a conversation.
    pub(crate) fn put_message(&self, person: &str, conversation: &str, message: &Message) -> bool {
        let mut all = self.lock();
        let Some(kept) = all.get_mut(conversation).filter(|kept| kept.person == person) else { return false };
        match kept.messages.iter_mut().find(|known| known.id == message.id) {
            Some(known) => *known = message.clone(),
            None => {
                kept.messages.push(message.clone());
                kept.messages.sort_by_key(|message| message.ordinal);
            }
        }
        true
    }

    /// How many this person has.
    pub(crate) fn count(&self, person: &str) -> u64 {
        self.lock().values().filter(|kept| kept.person == person).count() as u64
    }

    /// Forgets all of this person, and says how many there were.
    pub(crate) fn forget(&self, person: &str) -> u64 {
        let mut all = self.lock();
        let before = all.len();
        all.retain(|_, kept| kept.person != person);
        (before - all.len()) as u64
    }

    /// Says whether there was such a conversation.
    pub(crate) fn delete(&self, person: &str, id: &str) -> bool {
        let mut all = self.lock();
        let is_theirs = all.get(id).is_some_and(|kept| kept.person == person);
        is_theirs && all.remove(id).is_some()
    }

    /// Forgets those that nobody used for a day. One whose answer is being written is in use.
    pub(crate) fn sweep(&self, now: Timestamp, is_running: impl Fn(&str) -> bool) {
        self.lock().retain(|id, kept| kept.used.plus(KEPT) > now || is_running(id));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        // No change leaves a conversation half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use schleuse_types::Timestamp;

    use super::{
        BYTES_MAX, BYTES_PER_PERSON_MAX, COUNT_MAX, KEPT, PER_PERSON_MAX, Temporary, is_temporary,
        temporary_id,
    };
    use crate::message::Message;
    use crate::message::tests::{blank, head};

    const NOW: Timestamp = Timestamp(1_795_207_724_000_000);

    fn begin(temporary: &Temporary, person: &str, number: usize) -> Option<String> {
        let mut head = head("", None);
        head.id = temporary_id(&format!("{person}{number}"));
        assert!(is_temporary(&head.id) && !is_temporary("01KABC"));
        let id = head.id.clone();
        temporary.begin(person, head, NOW).ok().map(|()| id)
    }

    #[test]
    fn a_day_without_use_is_the_end() {
        let temporary = Temporary::default();
        let used = begin(&temporary, "anna", 0).unwrap();
        let unused = begin(&temporary, "anna", 1).unwrap();
        let running = begin(&temporary, "anna", 2).unwrap();
        let almost = Timestamp(NOW.plus(KEPT).0 - 1);
        temporary.sweep(almost, |_| false);
        assert!(temporary.head("anna", &used, almost).is_some());
        assert!(temporary.head("bert", &unused, almost).is_none());
        temporary.sweep(NOW.plus(KEPT), |id| id == running);
        let is_there = |id: &str| temporary.owner(id).is_some();
        assert_eq!((is_there(&used), is_there(&unused), is_there(&running)), (true, false, true));
    }

    #[test]
    fn there_is_room_for_so_many() {
        let temporary = Temporary::default();
        for number in 0..PER_PERSON_MAX {
            assert!(begin(&temporary, "anna", number).is_some());
        }
        assert!(begin(&temporary, "anna", PER_PERSON_MAX).is_none());
        for number in PER_PERSON_MAX..COUNT_MAX {
            assert!(begin(&temporary, &format!("p{number}"), number).is_some());
        }
        assert!(begin(&temporary, "last", 0).is_none());
    }

    #[test]
    fn there_is_room_for_so_much() {
        let temporary = Temporary::default();
        let id = begin(&temporary, "anna", 0).unwrap();
        let message = |bytes| Message { content: "x".repeat(bytes), ..blank() };
        assert!(temporary.put_message("anna", &id, &message(BYTES_PER_PERSON_MAX - 10)));
        assert!(!temporary.put_message("bert", &id, &message(1)));
        assert!(temporary.check_room("anna", 10).is_ok());
        assert!(temporary.check_room("anna", 11).is_err());
        assert!(temporary.check_room("bert", 11).is_ok());
        assert!(temporary.check_room("bert", BYTES_MAX).is_err());
        // A message that is written again takes the place of what it was.
        assert!(temporary.put_message("anna", &id, &message(5)));
        assert_eq!(temporary.messages("anna", &id).len(), 1);
        assert!(temporary.check_room("anna", BYTES_PER_PERSON_MAX - 5).is_ok());
        assert!(!temporary.delete("bert", &id) && temporary.delete("anna", &id));
        assert!(temporary.messages("anna", &id).is_empty());
    }
}
