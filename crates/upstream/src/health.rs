//! Whether a replica deserves the next question.

use std::time::Duration;

/// The first back-off; each further failure doubles it.
const BACK_OFF_MIN: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(30);

/// Judged by connection and status only, never by what a server lists or says. All times are those of
/// [`schleuse_types::Clock::monotonic`].
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Failures of questions since the last success, counted once for each back-off.
    failures: u32,
    ejected_until: Option<Duration>,
    reason: Option<String>,
    /// Whether a working connection alone ends the back-off.
    connection_lost: bool,
    /// What the last probe complained about.
    probe: Option<String>,
}

impl Health {
    /// A question failed. `connection_lost` when no connection was to be had, otherwise the server answered badly.
    /// Returns whether this began a back-off.
    pub(crate) fn fail(&mut self, now: Duration, reason: String, connection_lost: bool) -> bool {
        // A hundred questions that fail together are one failure.
        if self.ejected_until.is_some_and(|until| now < until) {
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        self.ejected_until = Some(now.saturating_add(back_off(self.failures)));
        self.reason = Some(reason);
        self.connection_lost = connection_lost;
        true
    }

    /// A question got an answer whose status does not blame the server.
    pub(crate) fn succeed(&mut self) {
        *self = Self::default();
    }

    /// Returns whether the last probe had been well.
    pub(crate) fn fail_probe(&mut self, reason: String) -> bool {
        self.probe.replace(reason).is_none()
    }

    /// A probe got through. That heals a lost connection; a server that answers questions badly has to wait.
    /// Returns whether the server had been away: the last probe had failed, or no connection was to be had.
    pub(crate) fn succeed_probe(&mut self) -> bool {
        let had_failed = self.probe.take().is_some();
        let was_lost = self.connection_lost;
        if was_lost {
            *self = Self::default();
        }
        had_failed || was_lost
    }

    /// `None` when healthy, otherwise why not.
    pub(crate) fn complaint(&self, now: Duration) -> Option<String> {
        match self.ejected_until {
            Some(until) if now < until => Some(self.reason.clone().unwrap_or_default()),
            _ => self.probe.clone(),
        }
    }

    pub(crate) fn is_good(&self, now: Duration) -> bool {
        self.probe.is_none() && self.ejected_until.is_none_or(|until| now >= until)
    }
}

fn back_off(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(5);
    BACK_OFF_MIN.saturating_mul(1 << doublings).min(BACK_OFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::{Health, back_off};
    use std::time::Duration;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn check(failures: u32, seconds: u64) {
        assert_eq!(back_off(failures), at(seconds));
    }

    #[test]
    fn the_back_off_doubles_up_to_thirty_seconds() {
        check(1, 1);
        check(2, 2);
        check(3, 4);
        check(5, 16);
        check(6, 30);
        check(u32::MAX, 30);
    }

    #[test]
    fn a_burst_of_failures_counts_once() {
        let mut health = Health::default();
        assert!(health.fail(at(0), "connection refused".into(), true));
        for _ in 0..100 {
            assert!(!health.fail(at(0), "connection refused".into(), true));
        }
        assert!(!health.is_good(at(0)));
        assert_eq!(health.complaint(at(0)).as_deref(), Some("connection refused"));
        assert!(health.is_good(at(1)));
        assert!(health.fail(at(1), "again".into(), true));
        assert!(!health.is_good(at(2)));
        assert!(health.is_good(at(3)));
    }

    #[test]
    fn a_probe_heals_a_lost_connection_but_not_a_bad_answer() {
        let mut health = Health::default();
        health.fail(at(0), "connection refused".into(), true);
        health.succeed_probe();
        assert!(health.is_good(at(0)));
        health.fail(at(0), "status 500".into(), false);
        health.succeed_probe();
        assert!(!health.is_good(at(0)));
        health.succeed();
        assert!(health.is_good(at(0)));
    }

    #[test]
    fn a_failed_probe_lasts_until_a_success() {
        let mut health = Health::default();
        assert!(health.fail_probe("status 502".into()));
        assert!(!health.fail_probe("status 503".into()));
        assert!(!health.is_good(at(1000)));
        assert_eq!(health.complaint(at(1000)).as_deref(), Some("status 503"));
        assert!(health.succeed_probe());
        assert!(!health.succeed_probe());
        assert!(health.is_good(at(1000)));
    }
}
