//! All limits of a house, and what everybody used of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schleuse_types::{Clock, Principal, Timestamp};

use crate::counter::{Counter, WINDOW};
use crate::exceeded::{Exceeded, Kind, Scope};
use crate::rule::{Rule, Who};
use crate::running::{PARALLEL_MAX, Running, Table};

const DAY_S: u64 = 86_400;
/// When a stream may be tried again is not known: its place is free when another one ends.
const STREAM_RETRY_S: u32 = 5;
/// Fewer counters than this are not looked through for idle ones.
const SWEEP_AT_LEAST: usize = 1024;

/// What everybody may use and did use. One for the whole house.
pub struct Limits {
    rules: Vec<Rule>,
    book: Arc<Book>,
    running: Table,
    parallel_max: u32,
}

/// What one request asks of the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Whether the answer is streamed.
    pub stream: bool,
    /// LLM tokens without which the request makes no sense.
    pub tokens_least: u64,
    /// LLM tokens that it could cost at most, if so many are left.
    pub tokens_most: u64,
}

/// What one limit says at this moment, for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// As configured: `role:engineer`.
    pub who: String,
    pub kind: Kind,
    pub limit: u64,
    /// Running requests included.
    pub used: u64,
    /// When something of it is free again without anybody doing anything: the oldest request leaves the minute, or the
    /// next day begins. `None` for streams, and when nothing is used.
    pub resets: Option<Timestamp>,
    /// Whether others draw from it too.
    pub shared: bool,
}

/// What [`Limits`] and the reservations that it made share.
struct Book {
    counters: Mutex<Counters>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Counters {
    /// By subject: `person:…`, `key:…`, and `role:…`, `group:…` or `tenant:…` for shared ones.
    by_subject: HashMap<Arc<str>, Counter>,
    /// So many counters before idle ones are looked for again.
    sweep_at: usize,
}

/// A moment by both clocks.
#[derive(Clone, Copy)]
struct Moment {
    monotonic: Duration,
    now: Timestamp,
}

/// What a request took of one subject's counter.
#[derive(Debug)]
struct Hold {
    subject: Arc<str>,
    /// A place in the window of requests.
    request: bool,
    stream: bool,
    /// The day whose tokens were reserved.
    day: Option<i64>,
}

impl Limits {
    /// Of two rules with one `who` both must grant.
    pub fn new(rules: Vec<Rule>, clock: Arc<dyn Clock>) -> Self {
        let book = Arc::new(Book { counters: Mutex::default(), clock });
        Self { rules, book, running: Table::default(), parallel_max: PARALLEL_MAX }
    }

    /// How many requests of one person may run at the same time, [`PARALLEL_MAX`] if nothing is said.
    #[must_use]
    pub fn with_parallel_max(mut self, most: u32) -> Self {
        self.parallel_max = most;
        self
    }

    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Counts a request as running until what is returned is dropped. To be asked before anything is read for it.
    pub fn enter(&self, principal: &Principal) -> Result<Running, Exceeded> {
        let most = self.parallel_max;
        self.running.enter(&principal.person, most).ok_or_else(|| Exceeded {
            who: Who::Person(principal.person.clone()).to_string(),
            kind: Kind::Parallel,
            limit: u64::from(most),
            used: u64::from(most),
            wanted: 1,
            retry_after_s: STREAM_RETRY_S,
            scope: Scope::Person,
        })
    }

    /// How many requests of this person run now.
    pub fn running(&self, principal: &Principal) -> u32 {
        self.running.count(&principal.person)
    }

    /// Whether LLM tokens are counted for this principal, so that their number has to be known.
    pub fn counts_tokens(&self, principal: &Principal) -> bool {
        self.rules.iter().any(|rule| rule.tokens_per_day.is_some() && rule.who.fits(principal))
    }

    /// Takes from every limit that fits, or from none.
    ///
    /// Between `tokens_least` and `tokens_most` LLM tokens are reserved: as many as are left
    /// ([`Reservation::tokens`]). Of several limits that do not grant, the one that lasts longest is told.
    pub fn reserve(&self, principal: &Principal, wanted: Wanted) -> Result<Reservation, Exceeded> {
        let fitting = self.fitting(principal);
        if fitting.is_empty() {
            return Ok(Reservation::free());
        }
        let mut counters = self.book.lock();
        // Read under the lock, so that the times in a window stand in their order.
        let moment = self.book.moment();
        let granted = counters.check(&fitting, wanted, moment)?;
        let holds = counters.take(&fitting, wanted.stream, granted);
        counters.sweep(moment);
        drop(counters);
        Ok(Reservation { holds, book: Some(Arc::clone(&self.book)), tokens: granted, is_admitted: false })
    }

    /// What each limit that fits says now, in the order of the configuration.
    pub fn standing(&self, principal: &Principal) -> Vec<Standing> {
        let fitting = self.fitting(principal);
        let mut counters = self.book.lock();
        let moment = self.book.moment();
        let mut standing = Vec::new();
        for (rule, subject) in &fitting {
            let counter = counters.by_subject.get_mut(subject);
            let counter = counter.map(|counter| {
                counter.advance(moment.monotonic, moment.day());
                &*counter
            });
            let mut tell = |kind, limit: Option<u64>, used: u64, resets| {
                standing.extend(limit.map(|limit| Standing {
                    who: rule.who.to_string(),
                    kind,
                    limit,
                    used,
                    resets,
                    shared: rule.is_pool(),
                }));
            };
            let leaves = counter.and_then(|counter| counter.oldest_leaves_in(moment.monotonic));
            tell(
                Kind::RequestsPerMinute,
                rule.requests_per_minute.map(u64::from),
                counter.map_or(0, |counter| counter.requests() as u64),
                leaves.map(|after| moment.now.plus(after)),
            );
            tell(
                Kind::Streams,
                rule.streams.map(u64::from),
                counter.map_or(0, |counter| u64::from(counter.streams)),
                None,
            );
            let tokens = counter.map_or(0, Counter::tokens);
            tell(Kind::TokensPerDay, rule.tokens_per_day, tokens, (tokens > 0).then(|| moment.next_day()));
        }
        standing
    }

    /// The LLM tokens that were counted since the last call, by subject, with the day (since 1970-01-01 in UTC) that
    /// they belong to: to be added to what is stored.
    pub fn take_usage(&self) -> (i64, Vec<(String, u64)>) {
        let mut counters = self.book.lock();
        let moment = self.book.moment();
        let mut taken = Vec::new();
        for (subject, counter) in &mut counters.by_subject {
            counter.advance(moment.monotonic, moment.day());
            match counter.take_unsaved() {
                0 => {}
                tokens => taken.push((subject.to_string(), tokens)),
            }
        }
        (moment.day(), taken)
    }

    /// Gives back what [`Self::take_usage`] gave and could not be stored; it is given again.
    pub fn put_back_usage(&self, day: i64, usage: &[(String, u64)]) {
        self.add_usage(day, usage, Counter::put_back_unsaved);
    }

    /// Loads what was stored before the start. Of another day than today it means nothing.
    pub fn load_usage(&self, day: i64, usage: &[(String, u64)]) {
        self.add_usage(day, usage, Counter::load_tokens);
    }

    fn add_usage(&self, day: i64, usage: &[(String, u64)], add: impl Fn(&mut Counter, u64)) {
        let mut counters = self.book.lock();
        let moment = self.book.moment();
        if day != moment.day() {
            return;
        }
        for (subject, tokens) in usage {
            let counter = counters.by_subject.entry(Arc::from(subject.as_str())).or_default();
            counter.advance(moment.monotonic, moment.day());
            add(counter, *tokens);
        }
    }

    /// Today, as days since 1970-01-01 in UTC: the day whose usage has to be loaded.
    pub fn today(&self) -> i64 {
        self.book.moment().day()
    }

    fn fitting(&self, principal: &Principal) -> Vec<(&Rule, Arc<str>)> {
        self.rules.iter().filter_map(|rule| Some((rule, rule.subject(principal)?))).collect()
    }
}

/// The rules, never who used what.
impl std::fmt::Debug for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limits").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Book {
    fn lock(&self) -> MutexGuard<'_, Counters> {
        // Nothing between the changes of one reservation can panic.
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moment(&self) -> Moment {
        Moment { monotonic: self.clock.monotonic(), now: self.clock.now() }
    }
}

impl Moment {
    fn day(self) -> i64 {
        i64::try_from(self.now.seconds() / DAY_S).unwrap_or(i64::MAX)
    }

    fn next_day(self) -> Timestamp {
        Timestamp((self.now.seconds() / DAY_S + 1).saturating_mul(DAY_S * 1_000_000))
    }

    fn seconds_to_next_day(self) -> u32 {
        let left = self.next_day().0.saturating_sub(self.now.0);
        seconds_up(Duration::from_micros(left))
    }
}

/// Whole seconds, rounded up, at least one.
fn seconds_up(duration: Duration) -> u32 {
    let seconds = duration.as_micros().div_ceil(1_000_000);
    u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
}

impl Counters {
    /// How many LLM tokens may be reserved, if every rule grants; `None` when no rule counts them. Changes nothing but
    /// what time changes.
    fn check(
        &mut self,
        fitting: &[(&Rule, Arc<str>)],
        wanted: Wanted,
        moment: Moment,
    ) -> Result<Option<u64>, Exceeded> {
        let mut granted = None;
        let mut refused: Option<Exceeded> = None;
        for (rule, subject) in fitting {
            // INVARIANT: one that is made here and then not granted is idle, so the next sweep takes it.
            let counter = self.by_subject.entry(Arc::clone(subject)).or_default();
            counter.advance(moment.monotonic, moment.day());
            for exceeded in refusals(rule, counter, wanted, moment) {
                if refused.as_ref().is_none_or(|known| known.retry_after_s < exceeded.retry_after_s) {
                    refused = Some(exceeded);
                }
            }
            if let Some(limit) = rule.tokens_per_day {
                let left = limit.saturating_sub(counter.tokens());
                granted = Some(granted.unwrap_or(wanted.tokens_most).min(left));
            }
        }
        match refused {
            Some(exceeded) => Err(exceeded),
            None => Ok(granted),
        }
    }

    /// Takes from each subject once, whatever number of rules count on it.
    fn take(&mut self, fitting: &[(&Rule, Arc<str>)], is_stream: bool, granted: Option<u64>) -> Vec<Hold> {
        let mut holds: Vec<Hold> = Vec::with_capacity(fitting.len());
        for (rule, subject) in fitting {
            let Some(counter) = self.by_subject.get_mut(subject) else { continue };
            let place = match holds.iter().position(|hold| hold.subject == *subject) {
                Some(place) => place,
                None => {
                    let subject = Arc::clone(subject);
                    holds.push(Hold { subject, request: false, stream: false, day: None });
                    holds.len().saturating_sub(1)
                }
            };
            let Some(hold) = holds.get_mut(place) else { continue };
            if rule.requests_per_minute.is_some() && !hold.request {
                hold.request = true;
                counter.pending = counter.pending.saturating_add(1);
            }
            if rule.streams.is_some() && is_stream && !hold.stream {
                hold.stream = true;
                counter.streams = counter.streams.saturating_add(1);
            }
            if rule.tokens_per_day.is_some() && hold.day.is_none() {
                hold.day = Some(counter.day());
                counter.reserve_tokens(granted.unwrap_or_default());
            }
        }
        holds
    }

    /// Forgets counters that say nothing any more, when there are twice as many as there were after the last time.
    fn sweep(&mut self, moment: Moment) {
        if self.by_subject.len() < self.sweep_at.max(SWEEP_AT_LEAST) {
            return;
        }
        self.by_subject.retain(|_, counter| {
            counter.advance(moment.monotonic, moment.day());
            !counter.is_idle()
        });
        self.sweep_at = self.by_subject.len().saturating_mul(2);
    }
}

/// What of one rule does not grant.
fn refusals<'a>(
    rule: &'a Rule,
    counter: &'a Counter,
    wanted: Wanted,
    moment: Moment,
) -> impl Iterator<Item = Exceeded> + use<'a> {
    let exceeded = |kind, limit: u64, used: u64, wanted: u64, retry_after_s: u32| Exceeded {
        who: rule.who.to_string(),
        kind,
        limit,
        used,
        wanted,
        retry_after_s,
        scope: match rule.who {
            Who::Key(_) => Scope::Key,
            _ if rule.is_pool() => Scope::Pool,
            _ => Scope::Person,
        },
    };
    let requests = rule.requests_per_minute.and_then(|limit| {
        let (limit, used) = (limit as usize, counter.requests());
        (used >= limit).then(|| {
            let free_in = if limit == 0 { WINDOW } else { counter.requests_free_in(limit, moment.monotonic) };
            exceeded(Kind::RequestsPerMinute, limit as u64, used as u64, 1, seconds_up(free_in))
        })
    });
    let streams = rule.streams.and_then(|limit| {
        let used = counter.streams;
        (wanted.stream && used >= limit)
            .then(|| exceeded(Kind::Streams, limit.into(), used.into(), 1, STREAM_RETRY_S))
    });
    let tokens = rule.tokens_per_day.and_then(|limit| {
        let least = wanted.tokens_least.max(1);
        let does_fit = |used: u64| used.saturating_add(least) <= limit;
        (!does_fit(counter.tokens())).then(|| {
            // When running requests end below their worst, there may be room before midnight.
            let after =
                if does_fit(counter.tokens_used()) { STREAM_RETRY_S } else { moment.seconds_to_next_day() };
            exceeded(Kind::TokensPerDay, limit, counter.tokens(), least, after)
        })
    });
    requests.into_iter().chain(streams).chain(tokens)
}

/// What a request took of the limits, until it is settled.
///
/// Dropped before [`Self::admitted`] it gives everything back; dropped after, it costs all LLM tokens that were reserved.
#[must_use]
pub struct Reservation {
    holds: Vec<Hold>,
    /// `None` when nothing is held.
    book: Option<Arc<Book>>,
    tokens: Option<u64>,
    is_admitted: bool,
}

impl Reservation {
    /// Of somebody for whom there are no limits.
    fn free() -> Self {
        Self { holds: Vec::new(), book: None, tokens: None, is_admitted: false }
    }

    /// How many LLM tokens the request may cost; `None` when nobody counts them.
    pub fn tokens(&self) -> Option<u64> {
        self.tokens
    }

    /// The request was admitted: its minute begins now. To be told only after the admission is durable, so that by the
    /// times of the log no minute ever holds one more than the limit.
    pub fn admitted(&mut self) {
        if std::mem::replace(&mut self.is_admitted, true) {
            return;
        }
        let Some(book) = &self.book else { return };
        let mut counters = book.lock();
        let now = book.clock.monotonic();
        for hold in self.holds.iter().filter(|hold| hold.request) {
            if let Some(counter) = counters.by_subject.get_mut(&hold.subject) {
                counter.admit(now);
            }
        }
    }

    /// The request is over and cost so many LLM tokens; what else was reserved is free again.
    pub fn settle(mut self, tokens: u64) {
        self.end(tokens);
    }

    fn end(&mut self, tokens: u64) {
        let Some(book) = self.book.take() else { return };
        let reserved = self.tokens.unwrap_or_default();
        let mut counters = book.lock();
        for hold in &self.holds {
            let Some(counter) = counters.by_subject.get_mut(&hold.subject) else { continue };
            if hold.request && !self.is_admitted {
                counter.pending = counter.pending.saturating_sub(1);
            }
            if hold.stream {
                counter.streams = counter.streams.saturating_sub(1);
            }
            if let Some(day) = hold.day {
                counter.settle_tokens(day, reserved, tokens);
            }
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let tokens = if self.is_admitted { self.tokens.unwrap_or_default() } else { 0 };
        self.end(tokens);
    }
}

impl std::fmt::Debug for Reservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reservation")
            .field("tokens", &self.tokens)
            .field("is_admitted", &self.is_admitted)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
