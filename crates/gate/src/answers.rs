//! Answers of model servers, kept for whoever asks the very same again.
//!
//! Kept are the bytes as they came, before inspection: whoever gets them again gets them through the inspection that holds
//! then. An answer is found only by a keyed hash over everything that it depends on; nobody can ask which there are. All of it
//! lies in memory and ends with the process.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use schleuse_audit::PromptMac;
use schleuse_types::{Clock, Label, Tenant};
use schleuse_upstream::Route;

/// The most bytes of one answer that is kept.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;

/// How much is kept, for how long and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswersConfig {
    /// The most answers; 0 keeps none.
    pub count: usize,
    /// The most bytes of all of them.
    pub bytes: usize,
    pub lifetime: Duration,
    pub scope: AnswerScope,
}

impl Default for AnswersConfig {
    /// Nothing is kept.
    fn default() -> Self {
        Self { count: 0, bytes: 64 << 20, lifetime: Duration::from_secs(3600), scope: AnswerScope::Person }
    }
}

/// Who gets an answer again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerScope {
    /// Who asked for it first.
    Person,
    /// Everybody of the same tenant who may ask the same. How fast an answer comes then tells that somebody has asked.
    House,
}

/// Everything that an answer depends on.
pub(crate) struct Asking<'a> {
    pub(crate) asker: &'a Asker,
    pub(crate) label: &'a Label,
    /// Of the policies in force.
    pub(crate) policies: &'a str,
    pub(crate) route: &'a Route,
    /// What tells the weights from others; `None` while that is not known, and then no answer is kept.
    pub(crate) weights: Option<String>,
    pub(crate) path: &'a str,
    /// What is sent, with every parameter.
    pub(crate) body: &'a [u8],
}

/// Who asked for an answer first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    pub tenant: Tenant,
    pub person: String,
}

/// Answers that are kept.
pub struct Answers {
    config: AnswersConfig,
    mac: PromptMac,
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    answers: HashMap<Key, Answer>,
    /// Oldest first; an answer that was taken out may still stand here.
    order: VecDeque<(Key, u64)>,
    bytes: usize,
    /// Of the answer that was kept last.
    number: u64,
}

struct Answer {
    content: Bytes,
    /// Who asked for it first.
    asker: Asker,
    /// On the monotonic clock.
    until: Duration,
    number: u64,
}

/// Names one answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key(String);

impl Answers {
    /// `mac` is keyed with a secret of the house's own.
    pub fn new(config: AnswersConfig, mac: PromptMac, clock: Arc<dyn Clock>) -> Self {
        Self { config, mac, clock, kept: Mutex::default() }
    }

    /// Whether any answer is.
    pub(crate) fn are_kept(&self) -> bool {
        self.config.count > 0
    }

    /// The name of the answer; `None` when none is kept, or none of these weights.
    pub(crate) fn key(&self, asking: &Asking<'_>) -> Option<Key> {
        if !self.are_kept() {
            return None;
        }
        let weights = asking.weights.as_ref()?;
        // A key of its own for each tenant: what one asks is never found by another, whatever else is the same.
        let mut mac = self.mac.derived(&format!("answers of tenant {}", asking.asker.tenant));
        let scope = match self.config.scope {
            AnswerScope::Person => asking.asker.person.as_str(),
            AnswerScope::House => "",
        };
        let Route { model, zone, max_label, region, provider, .. } = asking.route;
        let (label, max_label) = (asking.label.to_string(), max_label.to_string());
        let parts: [&[u8]; 11] = [
            b"answer",
            scope.as_bytes(),
            label.as_bytes(),
            asking.policies.as_bytes(),
            model.as_bytes(),
            zone.as_str().as_bytes(),
            max_label.as_bytes(),
            region.as_deref().unwrap_or_default().as_bytes(),
            provider.as_str().as_bytes(),
            weights.as_bytes(),
            asking.path.as_bytes(),
        ];
        for part in parts.into_iter().chain([asking.body]) {
            // The length before each part: no two lists of parts read the same.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        Some(Key(mac.finish()))
    }

    /// The answer, while it lives.
    pub(crate) fn find(&self, key: &Key) -> Option<Bytes> {
        let now = self.clock.monotonic();
        let mut kept = self.lock();
        match kept.answers.get(key) {
            Some(answer) if now < answer.until => Some(answer.content.clone()),
            Some(_) => {
                kept.remove(key);
                None
            }
            None => None,
        }
    }

    /// Keeps an answer, and lets the oldest go for it.
    pub(crate) fn keep(&self, key: Key, asker: Asker, content: Bytes) {
        if content.len() > ANSWER_BYTES_MAX.min(self.config.bytes) {
            return;
        }
        let until = self.clock.monotonic().saturating_add(self.config.lifetime);
        let mut kept = self.lock();
        kept.remove(&key);
        kept.number += 1;
        let number = kept.number;
        kept.bytes += content.len();
        kept.order.push_back((key.clone(), number));
        kept.answers.insert(key, Answer { content, asker, until, number });
        while kept.answers.len() > self.config.count || kept.bytes > self.config.bytes {
            let Some((oldest, number)) = kept.order.pop_front() else { break };
            if kept.answers.get(&oldest).is_some_and(|answer| answer.number == number) {
                kept.remove(&oldest);
            }
        }
        // What was replaced or forgotten stands in the order no longer than twice as many are kept.
        if kept.order.len() > 2 * self.config.count {
            let Kept { answers, order, .. } = &mut *kept;
            order.retain(|(key, number)| answers.get(key).is_some_and(|answer| answer.number == *number));
        }
    }

    /// Forgets what these people were the first to ask. Gives how many answers that were.
    pub fn forget(&self, is_theirs: impl Fn(&Asker) -> bool) -> usize {
        let mut kept = self.lock();
        let all = kept.answers.iter();
        let theirs: Vec<Key> =
            all.filter(|(_, answer)| is_theirs(&answer.asker)).map(|(key, _)| key.clone()).collect();
        theirs.iter().for_each(|key| kept.remove(key));
        theirs.len()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn remove(&mut self, key: &Key) {
        if let Some(answer) = self.answers.remove(key) {
            self.bytes -= answer.content.len();
        }
    }
}

/// An answer under way that is to be kept once it is complete.
pub(crate) struct Keeping {
    answers: Arc<Answers>,
    key: Key,
    asker: Asker,
    /// So far; `None` when it became too long.
    content: Option<Vec<u8>>,
}

impl Keeping {
    pub(crate) fn new(answers: Arc<Answers>, key: Key, asker: Asker) -> Self {
        Self { answers, key, asker, content: Some(Vec::new()) }
    }

    pub(crate) fn push(&mut self, piece: &[u8]) {
        match &mut self.content {
            Some(content) if content.len() + piece.len() <= ANSWER_BYTES_MAX => {
                content.extend_from_slice(piece)
            }
            _ => self.content = None,
        }
    }

    /// The answer was complete, inspected and recorded.
    pub(crate) fn finish(self) {
        if let Some(content) = self.content {
            self.answers.keep(self.key, self.asker, Bytes::from(content));
        }
    }
}

#[cfg(test)]
mod tests;
