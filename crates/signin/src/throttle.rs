//! How often somebody may try a password.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Names and sources that are told apart. With more than these the one whose last attempt is longest ago is forgotten.
const KEYS_MAX: usize = 10_000;

/// At most `limit` failed attempts of one kind within any `window`.
///
/// An attempt counts from its beginning, so that many at once are no way around it; one that succeeds is taken back.
#[derive(Debug)]
pub(crate) struct Throttle<K> {
    limit: usize,
    window: Duration,
    attempts: Mutex<HashMap<K, VecDeque<Duration>>>,
}

impl<K: Eq + Hash + Clone> Throttle<K> {
    pub(crate) fn new(limit: usize, window: Duration) -> Self {
        Self { limit, window, attempts: Mutex::default() }
    }

    /// Counts an attempt, or says how long to wait for the next one.
    pub(crate) fn begin(&self, key: &K, now: Duration) -> Result<(), Duration> {
        let mut attempts = self.attempts();
        if attempts.len() >= KEYS_MAX && !attempts.contains_key(key) {
            self.make_room(&mut attempts, now);
        }
        let mine = attempts.entry(key.clone()).or_default();
        while mine.front().is_some_and(|at| now.saturating_sub(*at) >= self.window) {
            mine.pop_front();
        }
        match mine.front() {
            Some(oldest) if mine.len() >= self.limit => Err((*oldest + self.window).saturating_sub(now)),
            _ => {
                mine.push_back(now);
                Ok(())
            }
        }
    }

    /// Takes one attempt back: it was none at guessing, or was never made.
    pub(crate) fn take_back(&self, key: &K) {
        let mut attempts = self.attempts();
        if let Some(mine) = attempts.get_mut(key) {
            mine.pop_back();
            if mine.is_empty() {
                attempts.remove(key);
            }
        }
    }

    /// Forgets all attempts: whoever it is knows the password.
    pub(crate) fn forget(&self, key: &K) {
        self.attempts().remove(key);
    }

    fn make_room(&self, attempts: &mut HashMap<K, VecDeque<Duration>>, now: Duration) {
        attempts.retain(|_, at| at.back().is_some_and(|last| now.saturating_sub(*last) < self.window));
        if attempts.len() >= KEYS_MAX {
            let oldest = attempts.iter().min_by_key(|(_, at)| at.back()).map(|(key, _)| key.clone());
            oldest.into_iter().for_each(|key| drop(attempts.remove(&key)));
        }
    }

    fn attempts(&self) -> MutexGuard<'_, HashMap<K, VecDeque<Duration>>> {
        // Each change is one call; a panic leaves nothing half done.
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{KEYS_MAX, Throttle};
    use std::time::Duration;

    fn check(throttle: &Throttle<u32>, key: u32, at: u64, expected: Result<(), u64>) {
        let found = throttle.begin(&key, Duration::from_secs(at)).map_err(|wait| wait.as_secs());
        assert_eq!(found, expected, "{key} at {at}");
    }

    #[test]
    fn failures_are_bounded_in_every_window() {
        let throttle = Throttle::new(2, Duration::from_secs(60));
        check(&throttle, 1, 0, Ok(()));
        check(&throttle, 1, 10, Ok(()));
        check(&throttle, 1, 20, Err(40));
        check(&throttle, 2, 20, Ok(()));
        check(&throttle, 1, 60, Ok(()));
        check(&throttle, 1, 61, Err(9));
        throttle.take_back(&1);
        check(&throttle, 1, 62, Ok(()));
        throttle.forget(&1);
        check(&throttle, 1, 63, Ok(()));
        check(&throttle, 1, 63, Ok(()));
        check(&throttle, 1, 63, Err(60));
    }

    #[test]
    fn made_up_names_do_not_fill_the_memory() {
        let throttle = Throttle::new(1, Duration::from_secs(60));
        let count = u32::try_from(KEYS_MAX).unwrap();
        for key in 0..count + 5 {
            check(&throttle, key, u64::from(key) / 1000, Ok(()));
        }
        assert_eq!(throttle.attempts().len(), KEYS_MAX);
        check(&throttle, count + 4, 10, Err(60));
    }
}
