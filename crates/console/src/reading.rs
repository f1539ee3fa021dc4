//! Which readings were recorded a moment ago, so that a page that looks again does not fill the log.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The same reading of the same person is recorded once in this time.
const EVERY: Duration = Duration::from_secs(60);
/// Readings that are remembered. Beyond them everything is recorded anew.
const REMEMBERED_MAX: usize = 4096;

/// The readings of the last minute.
#[derive(Debug, Default)]
pub struct Readings(Mutex<HashMap<String, Duration>>);

impl Readings {
    /// Whether this was not noted in the last minute; notes it.
    pub(crate) fn is_new(&self, reading: &str, now: Duration) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(reading).is_some_and(|then| now.saturating_sub(*then) < EVERY) {
            return false;
        }
        if noted.len() >= REMEMBERED_MAX {
            noted.retain(|_, then| now.saturating_sub(*then) < EVERY);
        }
        if noted.len() >= REMEMBERED_MAX {
            noted.clear();
        }
        noted.insert(reading.to_owned(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{REMEMBERED_MAX, Readings};
    use std::time::Duration;

    #[test]
    fn a_reading_is_new_once_a_minute_and_memory_is_bounded() {
        let readings = Readings::default();
        let second = Duration::from_secs;
        assert!(readings.is_new("a", second(0)));
        assert!(!readings.is_new("a", second(59)));
        assert!(readings.is_new("a", second(60)));
        for number in 0..3 * REMEMBERED_MAX {
            assert!(readings.is_new(&number.to_string(), second(61)));
        }
        assert!(readings.0.lock().unwrap().len() <= REMEMBERED_MAX);
    }
}
