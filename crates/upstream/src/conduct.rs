//! How a replica has done lately, beside its siblings: its errors, its time to the first byte, and the way back after it
//! was set aside for them.
//!
//! [`crate::health`] sets a replica back for a moment after each failure. This sees what such moments hide: a server that
//! fails every third question, and one that answers everything, slowly.

use std::time::Duration;

/// Outcomes weigh half as much after this time.
const HALF_LIFE_S: f64 = 30.0;
/// Fewer outcomes (weighed) than this say nothing; after a replica has come back, fewer are needed.
const OUTCOMES_MIN: f64 = 10.0;
const OUTCOMES_MIN_AFTER_RETURN: f64 = 2.5;
/// By so much the share of failures must exceed that of the median sibling: a question that no server can answer fails at
/// all of them and sets none aside.
const FAILURES_EXCESS: f64 = 0.2;

/// Each first byte counts for a twentieth of the average.
const FIRST_BYTE_WEIGHT: f64 = 0.05;
const FIRST_BYTES_MIN: u32 = 8;
/// Expected work of a question without any, in LLM tokens: the way there and back, a step of the model.
const WORK_LEAST: f64 = 256.0;
/// A replica that needs so many times as long for its work as the median sibling is set aside.
const SLOW: f64 = 4.0;
/// Times to the first byte below this on the average set nobody aside.
const FIRST_BYTE_NOTICED_S: f64 = 0.25;

const ASIDE_MIN: Duration = Duration::from_secs(10);
const ASIDE_MAX: Duration = Duration::from_secs(300);
/// Whoever has been well for so long begins with the shortest time again.
const FORGIVEN_AFTER: Duration = Duration::from_secs(600);
/// From a tenth of its share to all of it.
const RETURN: Duration = Duration::from_secs(30);
const RETURN_SHARE_FIRST: f64 = 0.1;

/// All times are those of [`schleuse_types::Clock::monotonic`].
#[derive(Debug, Default)]
pub(crate) struct Conduct {
    failures: f64,
    outcomes: f64,
    decayed_at: Duration,
    /// Averages over the same questions: seconds to the first byte, and the work that was expected until then.
    first_byte_s: f64,
    work: f64,
    first_bytes: u32,
    aside_until: Option<Duration>,
    reason: Option<String>,
    /// How often it was set aside, until it is forgiven.
    times_aside: u32,
    /// When it came back, or will.
    back_at: Option<Duration>,
}

/// What stands out beside the siblings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// Share of failures among the last outcomes, in per cent.
    Failing { percent: u8 },
    /// How many times as long as the siblings.
    Slow { times: f64 },
}

impl Conduct {
    /// A question ended with an answer that does not blame the server, or otherwise.
    pub(crate) fn note(&mut self, now: Duration, is_failure: bool) {
        let kept = 0.5_f64.powf(now.saturating_sub(self.decayed_at).as_secs_f64() / HALF_LIFE_S);
        self.decayed_at = now;
        self.outcomes = self.outcomes * kept + 1.0;
        self.failures = self.failures * kept + f64::from(u8::from(is_failure));
    }

    /// A streamed answer began. `work` was expected before it, in LLM tokens.
    pub(crate) fn note_first_byte(&mut self, took: Duration, work: f64) {
        // The first ones count in full, or the average would begin at nothing.
        let weight = FIRST_BYTE_WEIGHT.max(1.0 / f64::from(self.first_bytes + 1));
        self.first_byte_s += weight * (took.as_secs_f64() - self.first_byte_s);
        self.work += weight * (WORK_LEAST + work - self.work);
        self.first_bytes = self.first_bytes.saturating_add(1);
    }

    /// Seconds for each LLM token of expected work; none before enough questions say it.
    pub(crate) fn pace(&self) -> Option<f64> {
        (self.first_bytes >= FIRST_BYTES_MIN && self.work > 0.0).then(|| self.first_byte_s / self.work)
    }

    pub(crate) fn failure_share(&self) -> Option<f64> {
        let least = if self.times_aside > 0 { OUTCOMES_MIN_AFTER_RETURN } else { OUTCOMES_MIN };
        (self.outcomes >= least).then(|| self.failures / self.outcomes)
    }

    /// What stands out, given the medians of the siblings (with this one among them).
    pub(crate) fn fault(&self, failure_share: f64, pace: Option<f64>) -> Option<Fault> {
        if let Some(share) = self.failure_share()
            && share > failure_share + FAILURES_EXCESS
        {
            let percent = (share * 100.0).round() as u8;
            return Some(Fault::Failing { percent });
        }
        let times = self.pace()? / pace.filter(|pace| *pace > 0.0)?;
        (times >= SLOW && self.first_byte_s >= FIRST_BYTE_NOTICED_S).then_some(Fault::Slow { times })
    }

    pub(crate) fn set_aside(&mut self, now: Duration, reason: String) {
        if self.back_at.is_some_and(|back| now.saturating_sub(back) >= FORGIVEN_AFTER) {
            self.times_aside = 0;
        }
        let doublings = self.times_aside.min(5);
        let until = now.saturating_add(ASIDE_MIN.saturating_mul(1 << doublings).min(ASIDE_MAX));
        *self = Self {
            decayed_at: now,
            aside_until: Some(until),
            reason: Some(reason),
            times_aside: self.times_aside.saturating_add(1),
            back_at: Some(until),
            ..Self::default()
        };
    }

    /// The server was away and is back; what it did before says nothing now.
    pub(crate) fn come_back(&mut self, now: Duration) {
        *self =
            Self { decayed_at: now, times_aside: self.times_aside, back_at: Some(now), ..Self::default() };
    }

    pub(crate) fn is_aside(&self, now: Duration) -> bool {
        self.aside_until.is_some_and(|until| now < until)
    }

    /// Why it is set aside, while it is.
    pub(crate) fn complaint(&self, now: Duration) -> Option<&str> {
        self.reason.as_deref().filter(|_| self.is_aside(now))
    }

    /// Which part of its share it gets: all of it, or less while it comes back.
    pub(crate) fn share(&self, now: Duration) -> f64 {
        let Some(back) = self.back_at else { return 1.0 };
        let part = now.saturating_sub(back).as_secs_f64() / RETURN.as_secs_f64();
        (RETURN_SHARE_FIRST + (1.0 - RETURN_SHARE_FIRST) * part).min(1.0)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failing { percent } => write!(f, "{percent} % of its last questions failed"),
            Self::Slow { times } => write!(f, "needs {times:.0} times as long as its siblings"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Conduct, Fault};
    use std::time::Duration;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// One outcome a second, failures where `failing` says so.
    fn after(seconds: u64, failing: impl Fn(u64) -> bool) -> Conduct {
        let mut conduct = Conduct::default();
        (0..seconds).for_each(|second| conduct.note(at(second), failing(second)));
        conduct
    }

    #[track_caller]
    fn check(conduct: &Conduct, siblings: f64, expected: Option<&str>) {
        let fault = conduct.fault(siblings, Some(0.001)).map(|fault| fault.to_string());
        assert_eq!(fault.as_deref(), expected);
    }

    #[test]
    fn errors_count_by_their_share_and_beside_the_siblings() {
        check(&after(20, |second| second % 2 == 0), 0.0, Some("49 % of its last questions failed"));
        check(&after(20, |second| second % 2 == 0), 0.4, None);
        check(&after(20, |second| second % 6 == 5), 0.0, None);
        check(&after(8, |_| true), 0.0, None);
        // Long ago counts little.
        check(&after(300, |second| second < 200), 0.0, None);
    }

    #[test]
    fn slowness_counts_for_the_work_and_beside_the_siblings() {
        let slow = |seconds: f64, work: f64, times: usize| {
            let mut conduct = Conduct::default();
            for _ in 0..times {
                conduct.note_first_byte(Duration::from_secs_f64(seconds), work);
            }
            conduct
        };
        check(&slow(10.0, 744.0, 8), 0.0, Some("needs 10 times as long as its siblings"));
        check(&slow(10.0, 744.0, 7), 0.0, None);
        check(&slow(10.0, 9744.0, 20), 0.0, None);
        assert!(slow(0.2, 0.0, 20).fault(0.0, Some(0.000_1)).is_none(), "too short to be noticed");
        assert!(slow(2.0, 0.0, 20).fault(0.0, None).is_none(), "nobody to compare with");
        assert!(matches!(slow(2.0, 0.0, 20).fault(0.0, Some(0.001)), Some(Fault::Slow { .. })));
    }

    #[test]
    fn whoever_is_set_aside_comes_back_slowly_and_later_each_time() {
        let mut conduct = after(20, |_| true);
        conduct.set_aside(at(20), "why".to_owned());
        assert_eq!((conduct.is_aside(at(29)), conduct.is_aside(at(30))), (true, false));
        assert_eq!((conduct.complaint(at(29)), conduct.complaint(at(30))), (Some("why"), None));
        assert!((conduct.share(at(30)) - 0.1).abs() < 1e-9);
        assert!((conduct.share(at(45)) - 0.55).abs() < 1e-9);
        assert!((conduct.share(at(60)) - 1.0).abs() < 1e-9);
        // Three failures are enough now, and the time doubles.
        (31..34).for_each(|second| conduct.note(at(second), true));
        check(&conduct, 0.0, Some("100 % of its last questions failed"));
        conduct.set_aside(at(40), String::new());
        assert_eq!((conduct.is_aside(at(59)), conduct.is_aside(at(60))), (true, false));
        for _ in 0..9 {
            conduct.set_aside(at(100), String::new());
        }
        assert_eq!((conduct.is_aside(at(399)), conduct.is_aside(at(400))), (true, false));
        conduct.set_aside(at(1000), String::new());
        assert_eq!((conduct.is_aside(at(1009)), conduct.is_aside(at(1010))), (true, false));
    }
}
