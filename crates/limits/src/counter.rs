//! What one subject used: a ring of admissions, a number of streams, the tokens of one day.

use std::collections::VecDeque;
use std::time::Duration;

/// The length of the sliding window of requests.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(crate) struct Counter {
    /// When the requests of the last minute were admitted, by the monotonic clock, oldest first. Never longer than
    /// the largest limit that was ever asked for here.
    admitted: VecDeque<Duration>,
    /// Requests that were let in but whose admission is not durable yet: each has a place in the window and no time.
    pub(crate) pending: usize,
    pub(crate) streams: u32,
    tokens: Tokens,
}

/// The tokens of one day.
#[derive(Debug, Default)]
struct Tokens {
    /// Days since 1970-01-01 in UTC.
    day: i64,
    used: u64,
    /// Of requests that still run, at their worst.
    reserved: u64,
    /// Of `used`, what nobody took for the store yet.
    unsaved: u64,
}

impl Counter {
    /// Forgets what is over.
    pub(crate) fn advance(&mut self, now: Duration, today: i64) {
        while self.admitted.front().is_some_and(|at| now.saturating_sub(*at) >= WINDOW) {
            self.admitted.pop_front();
        }
        let day = self.tokens.day;
        // A wall clock that is set back over midnight must not open a second budget for the day that just began. One
        // that is set back further was wrong before.
        if today > day || today < day.saturating_sub(1) {
            self.tokens = Tokens { day: today, ..Tokens::default() };
        }
    }

    /// Requests in the window.
    pub(crate) fn requests(&self) -> usize {
        self.admitted.len().saturating_add(self.pending)
    }

    /// After how long fewer than `limit` requests are in the window, if no more come.
    pub(crate) fn requests_free_in(&self, limit: usize, now: Duration) -> Duration {
        let leaving = self.requests().saturating_sub(limit);
        let at = self.admitted.get(leaving).copied().unwrap_or(now);
        (at + WINDOW).saturating_sub(now)
    }

    /// When the oldest request leaves the window.
    pub(crate) fn oldest_leaves_in(&self, now: Duration) -> Option<Duration> {
        self.admitted.front().map(|at| (*at + WINDOW).saturating_sub(now))
    }

    /// A pending request was admitted.
    pub(crate) fn admit(&mut self, now: Duration) {
        self.pending = self.pending.saturating_sub(1);
        self.admitted.push_back(now);
    }

    /// The day that is being counted.
    pub(crate) fn day(&self) -> i64 {
        self.tokens.day
    }

    /// Tokens used and reserved.
    pub(crate) fn tokens(&self) -> u64 {
        self.tokens.used.saturating_add(self.tokens.reserved)
    }

    /// Tokens that are used for good.
    pub(crate) fn tokens_used(&self) -> u64 {
        self.tokens.used
    }

    pub(crate) fn reserve_tokens(&mut self, tokens: u64) {
        self.tokens.reserved = self.tokens.reserved.saturating_add(tokens);
    }

    /// Turns a reservation into what was used. One of a day that is over changes nothing.
    pub(crate) fn settle_tokens(&mut self, day: i64, reserved: u64, used: u64) {
        if day == self.tokens.day {
            self.tokens.reserved = self.tokens.reserved.saturating_sub(reserved);
            self.tokens.used = self.tokens.used.saturating_add(used);
            self.tokens.unsaved = self.tokens.unsaved.saturating_add(used);
        }
    }

    /// Adds what is known from before the start.
    pub(crate) fn load_tokens(&mut self, used: u64) {
        self.tokens.used = self.tokens.used.saturating_add(used);
    }

    pub(crate) fn take_unsaved(&mut self) -> u64 {
        std::mem::take(&mut self.tokens.unsaved)
    }

    pub(crate) fn put_back_unsaved(&mut self, tokens: u64) {
        self.tokens.unsaved = self.tokens.unsaved.saturating_add(tokens);
    }

    /// Whether forgetting this counter changes nothing.
    pub(crate) fn is_idle(&self) -> bool {
        self.requests() == 0 && self.streams == 0 && self.tokens() == 0 && self.tokens.unsaved == 0
    }
}
