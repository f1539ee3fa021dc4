//! Sign-ins that a browser began and has not come back from.
//!
//! Only in memory: who was at the provider while the house was started anew begins again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schleuse_types::Secret;
use sha2::{Digest as _, Sha256};

use crate::source::Source;

/// How long the way to the provider and back may take.
pub(crate) const BEGUN_FOR: Duration = Duration::from_secs(600);
/// Sign-ins under way at once in the whole house.
const BEGUN_MAX: usize = 10_000;
/// And from one source. An office behind one address signs in together in the morning.
const BEGUN_PER_SOURCE_MAX: usize = 1_000;

/// What is kept for a browser while it is at the provider.
#[derive(Debug)]
pub(crate) struct Way {
    /// The configured id of the provider to which the browser was sent.
    pub(crate) provider: String,
    pub(crate) nonce: String,
    /// The secret behind the code challenge (RFC 7636).
    pub(crate) verifier: Secret<String>,
    /// Where the browser wants to be afterwards; a local path.
    pub(crate) back: String,
    /// The id of the session that the browser had when it left. On its way back it does not show it: `SameSite=Strict`.
    pub(crate) before: Option<String>,
}

#[derive(Debug)]
struct Begun {
    way: Way,
    /// Digest of the cookie of the browser that began it.
    browser: [u8; 32],
    at: Duration,
    source: Source,
}

/// All sign-ins under way, by their state. The oldest makes room for the newest.
#[derive(Debug, Default)]
pub(crate) struct BegunSignIns(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    begun: HashMap<[u8; 32], (u64, Begun)>,
    /// By number of arrival.
    order: BTreeMap<u64, [u8; 32]>,
    by_source: HashMap<Source, BTreeSet<u64>>,
    next: u64,
}

/// Why nobody may finish this sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfinished {
    /// It was never begun, took too long, was finished before, or was dropped for newer ones.
    Unknown,
    /// Another browser began it.
    OtherBrowser,
}

impl BegunSignIns {
    /// Remembers a sign-in under its state.
    pub(crate) fn begin(&self, state: &str, browser: &str, source: IpAddr, now: Duration, way: Way) {
        let source = Source::of(source);
        let begun = Begun { way, browser: digest(browser), at: now, source };
        let mut places = self.places();
        places.forget_old(now);
        if places.by_source.get(&source).is_some_and(|begun| begun.len() >= BEGUN_PER_SOURCE_MAX) {
            let oldest = places.by_source.get(&source).and_then(BTreeSet::first).copied();
            oldest.into_iter().for_each(|number| places.forget(number));
        }
        if places.begun.len() >= BEGUN_MAX {
            let oldest = places.order.keys().next().copied();
            oldest.into_iter().for_each(|number| places.forget(number));
        }
        let (number, state) = (places.next, digest(state));
        places.next = number.wrapping_add(1);
        places.order.insert(number, state);
        places.by_source.entry(source).or_default().insert(number);
        places.begun.insert(state, (number, begun));
    }

    /// Takes the sign-in with this state. Whatever comes of it, nobody can take it again.
    pub(crate) fn finish(
        &self,
        state: &str,
        browser: Option<&str>,
        now: Duration,
    ) -> Result<Way, Unfinished> {
        let mut places = self.places();
        places.forget_old(now);
        let number =
            places.begun.get(&digest(state)).map(|(number, _)| *number).ok_or(Unfinished::Unknown)?;
        let begun = places.take(number).ok_or(Unfinished::Unknown)?;
        // Digests are compared, so how long it takes tells nothing about the cookie.
        if browser.is_some_and(|browser| digest(browser) == begun.browser) {
            Ok(begun.way)
        } else {
            Err(Unfinished::OtherBrowser)
        }
    }

    /// Whether a browser with this cookie has a sign-in under way, so that a second tab may share the cookie.
    pub(crate) fn has_browser(&self, browser: &str, now: Duration) -> bool {
        let browser = digest(browser);
        let mut places = self.places();
        places.forget_old(now);
        places.begun.values().any(|(_, begun)| begun.browser == browser)
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        // A panic in between loses at most one sign-in, which then begins again.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn forget_old(&mut self, now: Duration) {
        while let Some((number, state)) = self.order.first_key_value() {
            let is_old =
                self.begun.get(state).is_none_or(|(_, begun)| now.saturating_sub(begun.at) >= BEGUN_FOR);
            if !is_old {
                return;
            }
            let number = *number;
            self.forget(number);
        }
    }

    fn forget(&mut self, number: u64) {
        drop(self.take(number));
    }

    fn take(&mut self, number: u64) -> Option<Begun> {
        let state = self.order.remove(&number)?;
        let (_, begun) = self.begun.remove(&state)?;
        if let Some(numbers) = self.by_source.get_mut(&begun.source) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.by_source.remove(&begun.source);
            }
        }
        Some(begun)
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::{BEGUN_FOR, BEGUN_MAX, BEGUN_PER_SOURCE_MAX, BegunSignIns, Unfinished, Way};
    use schleuse_types::Secret;
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    fn begin(begun: &BegunSignIns, state: &str, source: u32, at: u64) {
        let way = Way {
            provider: "main".to_owned(),
            nonce: "n".to_owned(),
            verifier: Secret::new("v".to_owned()),
            back: "/".to_owned(),
            before: None,
        };
        begun.begin(state, "browser", IpAddr::V4(Ipv4Addr::from(source)), Duration::from_secs(at), way);
    }

    fn check(
        begun: &BegunSignIns,
        state: &str,
        browser: Option<&str>,
        at: u64,
        expected: Result<(), Unfinished>,
    ) {
        let found = begun.finish(state, browser, Duration::from_secs(at)).map(|_| ());
        assert_eq!(found, expected, "{state}");
    }

    #[test]
    fn a_sign_in_is_finished_once_by_the_browser_that_began_it() {
        let begun = BegunSignIns::default();
        begin(&begun, "a", 1, 0);
        begin(&begun, "b", 1, 0);
        begin(&begun, "c", 1, 0);
        check(&begun, "a", Some("browser"), 1, Ok(()));
        check(&begun, "a", Some("browser"), 1, Err(Unfinished::Unknown));
        check(&begun, "b", Some("other"), 1, Err(Unfinished::OtherBrowser));
        check(&begun, "b", Some("browser"), 1, Err(Unfinished::Unknown));
        check(&begun, "c", None, 1, Err(Unfinished::OtherBrowser));
        check(&begun, "never", Some("browser"), 1, Err(Unfinished::Unknown));
    }

    #[test]
    fn a_sign_in_has_ten_minutes() {
        let begun = BegunSignIns::default();
        let limit = BEGUN_FOR.as_secs();
        begin(&begun, "a", 1, 5);
        begin(&begun, "b", 1, 5);
        check(&begun, "a", Some("browser"), 5 + limit - 1, Ok(()));
        assert!(begun.has_browser("browser", Duration::from_secs(5 + limit - 1)));
        check(&begun, "b", Some("browser"), 5 + limit, Err(Unfinished::Unknown));
        assert!(!begun.has_browser("browser", Duration::from_secs(5 + limit)));
    }

    #[test]
    fn strangers_cannot_fill_the_memory_nor_crowd_others_out() {
        let begun = BegunSignIns::default();
        begin(&begun, "mine", 1, 0);
        for n in 0..BEGUN_PER_SOURCE_MAX + 1 {
            begin(&begun, &format!("flood-{n}"), 2, 0);
        }
        assert_eq!(begun.places().begun.len(), 1 + BEGUN_PER_SOURCE_MAX);
        check(&begun, "flood-0", Some("browser"), 0, Err(Unfinished::Unknown));
        check(&begun, "flood-1", Some("browser"), 0, Ok(()));
        check(&begun, "mine", Some("browser"), 0, Ok(()));
        for n in 0..u32::try_from(BEGUN_MAX).unwrap() + 10 {
            begin(&begun, &format!("wide-{n}"), 100 + n, 0);
        }
        let places = begun.places();
        let by_source: usize = places.by_source.values().map(std::collections::BTreeSet::len).sum();
        assert_eq!((places.begun.len(), places.order.len(), by_source), (BEGUN_MAX, BEGUN_MAX, BEGUN_MAX));
    }
}
