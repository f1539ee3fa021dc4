//! The last five minutes, for a page: what happened in each five seconds of them.
//!
//! A ring of fixed size behind a short lock. Times to the first piece of an answer are counted in steps of a ninth, so a
//! percentile is off by at most that.

use std::time::Duration;

use schleuse_types::{Outcome, Timestamp};

/// What one point stands for.
pub const WINDOW_STEP: Duration = Duration::from_secs(5);
/// How many points a window has.
pub const WINDOW_POINTS: usize = 60;

/// The shortest time to a first piece that is told from none, in milliseconds.
const SHORTEST_MS: f64 = 0.25;
/// Each step is longer than the one before by this factor.
const GROWTH: f64 = 1.125;
/// The last step begins at 600 s.
const STEPS: usize = 126;

/// The last five minutes and the sums since the start.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Oldest first, without gaps; the last one is still filling. Fewer while the house is young.
    pub points: Vec<Point>,
    pub totals: Totals,
}

/// Five seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When they began.
    pub began: Timestamp,
    /// Requests that came in, lists of models and strangers included.
    pub requests: u64,
    /// Requests that ended because a rule, an inspection or a limit said no: `BLOCKED` or `DENIED`.
    pub refused: u64,
    /// Requests that ended with a status of 500 or more: a fault of the house or of a model server.
    pub errors: u64,
    /// LLM tokens of questions that ended.
    pub tokens_in: u64,
    /// LLM tokens of answers that ended.
    pub tokens_out: u64,
    /// Milliseconds from arrival to the first piece of an answer; `None` when none began.
    pub ttft_p50_ms: Option<f64>,
    pub ttft_p95_ms: Option<f64>,
    /// The most requests that ran at the same time.
    pub running: u64,
}

/// Sums since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub requests: u64,
    pub refused: u64,
    pub errors: u64,
    pub tokens_in: u64,
    pub tokens_out: u64,
    /// Now, not since the start.
    pub running: u64,
}

#[derive(Debug)]
pub(crate) struct Recent {
    slots: Vec<Slot>,
    /// The number of the slot that is filling, counted in steps of the monotonic clock.
    newest: u64,
    /// The number of the first slot ever.
    first: Option<u64>,
    totals: Totals,
}

#[derive(Debug, Clone)]
struct Slot {
    sums: Totals,
    first_bytes: [u32; STEPS],
}

impl Default for Slot {
    fn default() -> Self {
        Self { sums: Totals::default(), first_bytes: [0; STEPS] }
    }
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            slots: vec![Slot::default(); WINDOW_POINTS],
            newest: 0,
            first: None,
            totals: Totals::default(),
        }
    }
}

impl Recent {
    pub(crate) fn began(&mut self, now: Duration) {
        self.totals.requests += 1;
        self.totals.running += 1;
        let running = self.totals.running;
        if let Some(slot) = self.slot(now) {
            slot.sums.requests += 1;
            slot.sums.running = slot.sums.running.max(running);
        }
    }

    pub(crate) fn ended(&mut self, now: Duration, outcome: Outcome, status: u16) {
        let refused = u64::from(matches!(outcome, Outcome::Blocked | Outcome::Denied));
        let errors = u64::from(status >= 500);
        // Before the count falls: whatever ran until now did run in this slot.
        let slot = self.slot(now);
        if let Some(slot) = slot {
            slot.sums.refused += refused;
            slot.sums.errors += errors;
        }
        self.totals.refused += refused;
        self.totals.errors += errors;
        self.totals.running = self.totals.running.saturating_sub(1);
    }

    pub(crate) fn first_byte(&mut self, now: Duration, after: Duration) {
        if let Some(count) = self.slot(now).and_then(|slot| slot.first_bytes.get_mut(step(after))) {
            *count = count.saturating_add(1);
        }
    }

    pub(crate) fn used(&mut self, now: Duration, prompt: u64, completion: u64) {
        if let Some(slot) = self.slot(now) {
            slot.sums.tokens_in = slot.sums.tokens_in.saturating_add(prompt);
            slot.sums.tokens_out = slot.sums.tokens_out.saturating_add(completion);
        }
        self.totals.tokens_in = self.totals.tokens_in.saturating_add(prompt);
        self.totals.tokens_out = self.totals.tokens_out.saturating_add(completion);
    }

    pub(crate) fn window(&mut self, monotonic: Duration, now: Timestamp) -> Window {
        self.advance(monotonic);
        let first =
            self.first.unwrap_or(self.newest).max(self.newest.saturating_sub(WINDOW_POINTS as u64 - 1));
        let into_newest =
            monotonic.saturating_sub(WINDOW_STEP * u32::try_from(self.newest).unwrap_or(u32::MAX));
        let newest_began = now.0.saturating_sub(micros(into_newest));
        let points = (first..=self.newest).filter_map(|number| {
            let slot = self.slots.get(place(number))?;
            let age = self.newest.saturating_sub(number).saturating_mul(micros(WINDOW_STEP));
            Some(slot.point(Timestamp(newest_began.saturating_sub(age))))
        });
        Window { points: points.collect(), totals: self.totals }
    }

    fn slot(&mut self, now: Duration) -> Option<&mut Slot> {
        self.advance(now);
        self.slots.get_mut(place(self.newest))
    }

    /// Empties the slots whose time has come again. Time that was read before another's counts as the other's.
    fn advance(&mut self, now: Duration) {
        let number = now.as_secs() / WINDOW_STEP.as_secs();
        let Some(_) = self.first else {
            (self.first, self.newest) = (Some(number), number);
            return;
        };
        let passed = number.saturating_sub(self.newest);
        let emptied = passed.min(WINDOW_POINTS as u64);
        for number in number.saturating_sub(emptied)..number {
            if let Some(slot) = self.slots.get_mut(place(number.saturating_add(1))) {
                *slot = Slot::default();
                slot.sums.running = self.totals.running;
            }
        }
        self.newest = self.newest.max(number);
    }
}

impl Slot {
    fn point(&self, began: Timestamp) -> Point {
        let Totals { requests, refused, errors, tokens_in, tokens_out, running } = self.sums;
        let (ttft_p50_ms, ttft_p95_ms) = (self.percentile(50), self.percentile(95));
        Point { began, requests, refused, errors, tokens_in, tokens_out, ttft_p50_ms, ttft_p95_ms, running }
    }

    /// The middle of the step in which this percentile lies.
    fn percentile(&self, percent: u64) -> Option<f64> {
        let count: u64 = self.first_bytes.iter().copied().map(u64::from).sum();
        let rank = count.saturating_mul(percent).div_ceil(100).max(1);
        let mut seen = 0;
        let place = self.first_bytes.iter().position(|count| {
            seen += u64::from(*count);
            seen >= rank
        })?;
        let exponent = i32::try_from(place).unwrap_or(i32::MAX);
        Some(SHORTEST_MS * GROWTH.powi(exponent) / GROWTH.sqrt())
    }
}

fn place(number: u64) -> usize {
    // INVARIANT: a remainder of WINDOW_POINTS fits.
    usize::try_from(number % WINDOW_POINTS as u64).unwrap_or_default()
}

/// The step in which a time lies; step 0 is everything up to the shortest.
fn step(after: Duration) -> usize {
    let ms = after.as_secs_f64() * 1000.0;
    let step = (ms / SHORTEST_MS).log(GROWTH).ceil();
    // A cast of a float saturates.
    (step.max(0.0) as usize).min(STEPS - 1)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
