//! Failures before anybody is known, counted per source and second.
//!
//! One entry each would let a stranger fill the disk.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Sources that are told apart within one second; the rest are counted together.
const SOURCES_MAX: usize = 1024;

#[derive(Debug, Default)]
pub struct Failures(Mutex<HashMap<Option<IpAddr>, u64>>);

impl Failures {
    /// Counts one failed attempt.
    pub fn count(&self, source: IpAddr) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = counts.contains_key(&Some(source));
        let place = if is_known || counts.len() < SOURCES_MAX { Some(source) } else { None };
        let count = counts.entry(place).or_insert(0);
        *count = count.saturating_add(1);
    }

    /// Takes what was counted since the last call; `None` stands for all sources beyond the bound.
    pub fn take(&self) -> Vec<(Option<IpAddr>, u64)> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken: Vec<_> = std::mem::take(&mut *counts).into_iter().collect();
        taken.sort();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::{Failures, SOURCES_MAX};
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn sources_beyond_the_bound_are_counted_together() {
        let failures = Failures::default();
        for n in 0..u32::try_from(SOURCES_MAX).unwrap() + 3 {
            failures.count(IpAddr::V4(Ipv4Addr::from(n)));
        }
        failures.count(IpAddr::V4(Ipv4Addr::from(0)));
        let taken = failures.take();
        assert_eq!(taken.len(), SOURCES_MAX + 1);
        assert_eq!(taken.first(), Some(&(None, 3)));
        assert!(taken.contains(&(Some(IpAddr::V4(Ipv4Addr::from(0))), 2)));
        assert!(failures.take().is_empty());
    }
}
