//! What is known of one replica when the next question has to go somewhere. No clock, no lock, no network in here: the
//! house and the simulation bring those.

use std::time::Duration;

use crate::conduct::{Conduct, Fault};
use crate::gauges::Gauges;
use crate::health::Health;
use crate::prefixes::{CAPACITY_DEFAULT, Prefixes};
use crate::prompt::{BYTES_PER_TOKEN, Prompt, covered_bytes, tokens};

/// What one running answer takes from the next question's reading, in LLM tokens to be read.
const RUNNING_TOKENS: u64 = 64;
/// A question that somebody else's gate has put into the server's own queue, in LLM tokens to be read.
const WAITING_TOKENS: u64 = 1024;
/// From this share of the key-value cache on, a server is about to put questions off.
const KV_TIGHT: f64 = 0.8;
/// Gauges older than three rounds of the watch, and their time-outs, say nothing.
const GAUGES_MAX_AGE: Duration = Duration::from_secs(20);
/// At most so much of a prefix cache is believed in, in bytes of text: 16 million LLM tokens.
const CAPACITY_MAX: usize = 64 << 20;

#[derive(Debug, Default)]
pub(crate) struct Standing {
    pub(crate) health: Health,
    pub(crate) conduct: Conduct,
    pub(crate) is_draining: bool,
    prefixes: Prefixes,
    /// Questions under way.
    questions: u32,
    /// LLM tokens that have to be read for questions whose answers have not begun.
    unread: u64,
    seen: Option<Seen>,
}

/// The server's own gauges, without what this house has there.
#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Duration,
    gauges: Gauges,
    running_elsewhere: u32,
    waiting_elsewhere: u32,
}

/// A question under way at a replica. To be given back to [`Standing::end`].
#[derive(Debug)]
pub(crate) struct Ticket {
    taken_at: Duration,
    /// Of the question's own prompt, without what is thought to be remembered; 0 once the answer has begun.
    unread: u64,
    /// What stood before the answer's first byte, this question's own reading among it.
    work: f64,
    /// Of the prompt: remembered once the answer has begun.
    blocks: Vec<u64>,
    /// Of the prompt, in LLM tokens: all of it, and what is thought to be remembered.
    pub(crate) tokens: u64,
    pub(crate) known_tokens: u64,
}

/// What a replica offers to one question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Offer {
    pub(crate) is_good: bool,
    pub(crate) is_draining: bool,
    pub(crate) questions: u32,
    /// Of the prompt, in LLM tokens.
    pub(crate) known_tokens: u64,
    /// The same, as a share of the prompt: 0 to 1.
    pub(crate) known_share: f64,
    /// What stands before the answer's first byte, in LLM tokens to be read by a server of the usual pace.
    pub(crate) work: f64,
}

impl Standing {
    /// `slowness`: how many times as long as its siblings this replica needs for its work.
    pub(crate) fn offer(&self, now: Duration, prompt: &Prompt, slowness: f64) -> Offer {
        let known_tokens = self.known_tokens(prompt);
        Offer {
            is_good: self.is_good(now),
            is_draining: self.is_draining,
            questions: self.questions,
            known_tokens,
            known_share: share(known_tokens, prompt.tokens()),
            work: self.work(now, prompt, known_tokens) * slowness / self.conduct.share(now),
        }
    }

    /// Counts the question before it is sent, so that the next choice, a microsecond later, sees it.
    pub(crate) fn take(&mut self, now: Duration, prompt: &Prompt) -> Ticket {
        let known_tokens = self.known_tokens(prompt);
        let unread = prompt.tokens().saturating_sub(known_tokens);
        let work = self.work(now, prompt, known_tokens);
        self.questions = self.questions.saturating_add(1);
        self.unread = self.unread.saturating_add(unread);
        let known = self.prefixes.known(&prompt.blocks);
        self.prefixes.touch(prompt.blocks.get(..known).unwrap_or_default());
        Ticket {
            taken_at: now,
            unread,
            work,
            blocks: prompt.blocks.clone(),
            tokens: prompt.tokens(),
            known_tokens,
        }
    }

    /// The first byte of the answer is there: the prompt was read, and from now on another one with the same beginning
    /// finds it read. Before that it would be read beside the first one, which is no gain. Only those of good streams say how fast the server is: a whole answer's comes
    /// when all of it is written, an error's at once.
    pub(crate) fn begin(&mut self, now: Duration, ticket: &mut Ticket, is_good_stream: bool) {
        self.unread = self.unread.saturating_sub(std::mem::take(&mut ticket.unread));
        self.prefixes.touch(&std::mem::take(&mut ticket.blocks));
        if is_good_stream {
            self.conduct.note_first_byte(now.saturating_sub(ticket.taken_at), ticket.work);
        }
    }

    /// The question is over, however it ended.
    pub(crate) fn end(&mut self, ticket: Ticket) {
        self.unread = self.unread.saturating_sub(ticket.unread);
        self.questions = self.questions.saturating_sub(1);
    }

    /// Questions under way.
    pub(crate) fn questions(&self) -> u32 {
        self.questions
    }

    /// Whether it gets questions in its turn.
    pub(crate) fn is_good(&self, now: Duration) -> bool {
        self.health.is_good(now) && !self.conduct.is_aside(now)
    }

    /// `None` when it is good, otherwise why not.
    pub(crate) fn complaint(&self, now: Duration) -> Option<String> {
        self.health.complaint(now).or_else(|| self.conduct.complaint(now).map(str::to_owned))
    }

    pub(crate) fn set_aside(&mut self, now: Duration, fault: Fault) {
        self.conduct.set_aside(now, fault.to_string());
    }

    /// The server was away, and has probably been started again: nothing is remembered there, and it is not trusted with
    /// its whole share at once.
    pub(crate) fn come_back(&mut self, now: Duration) {
        self.prefixes.forget();
        self.conduct.come_back(now);
        self.seen = None;
    }

    /// The server's own page, or that there is none.
    pub(crate) fn measure(&mut self, now: Duration, gauges: Option<Gauges>) {
        self.seen = gauges.map(|gauges| {
            let there = gauges.running.unwrap_or(0).saturating_add(gauges.waiting.unwrap_or(0));
            let elsewhere = there.saturating_sub(self.questions);
            let waiting_elsewhere = gauges.waiting.unwrap_or(0).min(elsewhere);
            Seen { at: now, gauges, running_elsewhere: elsewhere - waiting_elsewhere, waiting_elsewhere }
        });
        let capacity = gauges.and_then(|gauges| gauges.kv_tokens).map_or(CAPACITY_DEFAULT, |tokens| {
            let bytes = tokens.saturating_mul(BYTES_PER_TOKEN as u64);
            usize::try_from(bytes).unwrap_or(usize::MAX).min(CAPACITY_MAX)
        });
        self.prefixes.set_capacity(capacity);
    }

    /// The server's own gauges, unless they are old.
    pub(crate) fn gauges(&self, now: Duration) -> Option<Gauges> {
        self.fresh(now).map(|seen| seen.gauges)
    }

    fn fresh(&self, now: Duration) -> Option<Seen> {
        self.seen.filter(|seen| now.saturating_sub(seen.at) <= GAUGES_MAX_AGE)
    }

    fn known_tokens(&self, prompt: &Prompt) -> u64 {
        tokens(covered_bytes(self.prefixes.known(&prompt.blocks)).min(prompt.bytes))
    }

    fn work(&self, now: Duration, prompt: &Prompt, known_tokens: u64) -> f64 {
        let own = prompt.tokens().saturating_sub(known_tokens);
        let mut tokens = own
            .saturating_add(self.unread)
            .saturating_add(u64::from(self.questions).saturating_mul(RUNNING_TOKENS));
        let mut tightness = 0.0;
        if let Some(seen) = self.fresh(now) {
            tokens = tokens
                .saturating_add(u64::from(seen.running_elsewhere).saturating_mul(RUNNING_TOKENS))
                .saturating_add(u64::from(seen.waiting_elsewhere).saturating_mul(WAITING_TOKENS));
            let usage = seen.gauges.kv_usage.unwrap_or(0.0);
            tightness = (usage - KV_TIGHT).max(0.0) / (1.0 - KV_TIGHT);
        }
        tokens as f64 + tightness * prompt.tokens() as f64
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::{GAUGES_MAX_AGE, Standing};
    use crate::gauges::Gauges;
    use crate::prompt::Prompt;
    use std::time::Duration;

    const NOW: Duration = Duration::from_secs(100);

    /// 1000 LLM tokens, of which the blocks cover 16 each.
    fn prompt(blocks: &[u64]) -> Prompt {
        Prompt { blocks: blocks.to_vec(), bytes: 4000 }
    }

    #[track_caller]
    fn check(standing: &Standing, blocks: &[u64], work: f64) {
        assert_eq!(standing.offer(NOW, &prompt(blocks), 1.0).work, work);
    }

    #[test]
    fn work_counts_what_is_under_way_until_it_ends() {
        let mut standing = Standing::default();
        check(&standing, &[1, 2], 1000.0);
        let mut ticket = standing.take(NOW, &prompt(&[1, 2]));
        check(&standing, &[3], 1000.0 + 1000.0 + 64.0);
        check(&standing, &[1, 2, 3], 1000.0 + 1000.0 + 64.0);
        standing.begin(NOW, &mut ticket, true);
        check(&standing, &[3], 1000.0 + 64.0);
        standing.end(ticket);
        check(&standing, &[3], 1000.0);
        let ticket = standing.take(NOW, &prompt(&[1, 2]));
        assert_eq!((ticket.tokens, ticket.known_tokens), (1000, 32));
        standing.end(ticket);
        check(&standing, &[3], 1000.0);
    }

    #[test]
    fn the_servers_gauges_count_what_others_have_there() {
        let mut standing = Standing::default();
        let ticket = standing.take(NOW, &prompt(&[1]));
        let gauges =
            Gauges { running: Some(4), waiting: Some(2), kv_usage: Some(0.9), kv_tokens: Some(50_000) };
        standing.measure(NOW, Some(gauges));
        standing.end(ticket);
        // One of the six is our own; 0.9 is half of the way from tight to full.
        check(&standing, &[9], 1000.0 + 3.0 * 64.0 + 2.0 * 1024.0 + 500.0);
        standing.measure(NOW, None);
        check(&standing, &[9], 1000.0);
        standing.measure(NOW - GAUGES_MAX_AGE - Duration::from_micros(1), Some(gauges));
        check(&standing, &[9], 1000.0);
        assert_eq!(standing.gauges(NOW), None);
    }

    #[test]
    fn a_server_that_was_away_remembers_nothing_and_gets_less() {
        let mut standing = Standing::default();
        let mut ticket = standing.take(NOW, &prompt(&[1, 2]));
        standing.begin(NOW, &mut ticket, false);
        standing.end(ticket);
        check(&standing, &[1, 2], 968.0);
        standing.come_back(NOW);
        check(&standing, &[1, 2], 10_000.0);
    }
}
