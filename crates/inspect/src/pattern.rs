//! A regular expression that says whether more text could change its answer.

use std::collections::BTreeSet;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, nfa::thompson};

use crate::sieve::Firsts;
use crate::text::{is_word, range};

/// An anchored pattern over bytes, run forward only, one step a byte.
#[derive(Debug)]
pub(crate) struct Pattern {
    dfa: Box<dense::DFA<Vec<u32>>>,
    start: StateID,
}

/// The most bytes of the automaton that a pattern is first turned into. Repetitions inside repetitions multiply; the largest
/// of the packs that are built in needs a little more than half of this.
const NFA_BYTES_MAX: usize = 512 << 10;
/// The most bytes that may be used up while the table is made, which bounds how long that takes: about 30 ms for each MiB
/// (2026-11-21). The packs that are built in need at most a quarter of this, `([a-z]{0,64}{0,20})x` more than 16 MiB.
const MAKING_BYTES_MAX: usize = 2 << 20;
/// The most bytes of a table.
const TABLE_BYTES_MAX: usize = 2 << 20;

/// The result of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// One past the last byte of the match; of an open run, the least that it can be.
    pub(crate) end: Option<usize>,
    /// The text ended while the pattern could still go on.
    pub(crate) open: bool,
    /// The limit was reached while the pattern could still go on.
    pub(crate) capped: bool,
}

impl Pattern {
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        dense::Builder::new()
            .configure(
                dense::Config::new()
                    .start_kind(StartKind::Anchored)
                    .accelerate(false)
                    .dfa_size_limit(Some(TABLE_BYTES_MAX))
                    .determinize_size_limit(Some(MAKING_BYTES_MAX)),
            )
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(NFA_BYTES_MAX)))
            .build(pattern)
            .map_err(|error| error.to_string())
            .and_then(|dfa| {
                let start = start::Config::new().anchored(Anchored::Yes);
                let start = dfa.start_state(&start).map_err(|error| error.to_string())?;
                Ok(Self { dfa: Box::new(dfa), start })
            })
    }

    /// The bytes that may stand at each of the first `depth` places of a match, and at the one behind it where a match
    /// counts only if a word `ends_word` there; fewer places where it may end before.
    pub(crate) fn firsts(&self, depth: usize, ends_word: bool) -> Firsts {
        let dfa = &self.dfa;
        let mut firsts = Firsts::new();
        let mut states = BTreeSet::from([self.start]);
        // Of each class of bytes that no state tells apart, the first counts for all.
        let classes = dfa.byte_classes();
        while firsts.len() < depth {
            let may_end = states.iter().any(|state| dfa.is_match_state(dfa.next_eoi_state(*state)));
            if may_end && !ends_word {
                break;
            }
            let mut alive = [false; 256];
            let mut next_states = BTreeSet::new();
            for state in &states {
                for unit in classes.representatives(0..=255) {
                    let Some(byte) = unit.as_u8() else { continue };
                    let next = dfa.next_state(*state, byte);
                    // Behind the end of a match, the state that tells of it lives on without going on.
                    if !dfa.is_dead_state(next)
                        && !dfa.is_quit_state(next)
                        && (!may_end || self.goes_on(next))
                    {
                        next_states.insert(next);
                        if let Some(class) = alive.get_mut(usize::from(classes.get(byte))) {
                            *class = true;
                        }
                    }
                }
            }
            let mut fits = [false; 256];
            for (byte, fits) in (0..=u8::MAX).zip(&mut fits) {
                let goes_on = alive.get(usize::from(classes.get(byte))) == Some(&true);
                *fits = goes_on || may_end && !is_word(byte);
            }
            firsts.push(fits);
            if may_end {
                break;
            }
            states = next_states;
        }
        firsts
    }

    /// Some byte or the end of the text leads from here to more than nothing.
    fn goes_on(&self, state: StateID) -> bool {
        let dfa = &self.dfa;
        let leads = |byte: u8| !dfa.is_dead_state(dfa.next_state(state, byte));
        (0..=u8::MAX).any(leads) || !dfa.is_dead_state(dfa.next_eoi_state(state))
    }

    /// A shortest text of printable ASCII that fits, of at most 64 bytes.
    pub(crate) fn example(&self) -> Option<String> {
        let (dfa, start) = (&self.dfa, self.start);
        let mut seen = BTreeSet::from([start]);
        let mut level = vec![(start, String::new())];
        for _ in 0..64 {
            let fits = |(state, _): &&(_, String)| dfa.is_match_state(dfa.next_eoi_state(*state));
            if let Some((_, text)) = level.iter().find(fits)
                && !text.is_empty()
            {
                return Some(text.clone());
            }
            let mut next_level = Vec::new();
            for (state, text) in level {
                for byte in (b'0'..=b'9').chain(b'a'..=b'z').chain(b'A'..=b'Z').chain(b' '..=b'~') {
                    let next = dfa.next_state(state, byte);
                    if !dfa.is_dead_state(next) && !dfa.is_quit_state(next) && seen.insert(next) {
                        next_level.push((next, format!("{text}{}", char::from(byte))));
                    }
                }
            }
            level = next_level;
        }
        None
    }

    /// Runs at `start`, over at most `limit` bytes, with leftmost-first preference.
    pub(crate) fn run(&self, text: &[u8], start: usize, limit: usize, at_end: bool) -> Run {
        let (dfa, mut state) = (&self.dfa, self.start);
        let mut run = Run { end: None, open: false, capped: false };
        let stop = text.len().min(start.saturating_add(limit));
        for (at, byte) in (start..).zip(range(text, start, stop)) {
            state = dfa.next_state(state, *byte);
            if dfa.is_special_state(state) {
                if dfa.is_match_state(state) {
                    run.end = Some(at);
                } else if dfa.is_dead_state(state) || dfa.is_quit_state(state) {
                    return run;
                }
            }
        }
        if stop < text.len() {
            // The state after the last byte shows its match one byte later.
            let next = text.get(stop).copied().unwrap_or_default();
            let state = dfa.next_state(state, next);
            if dfa.is_match_state(state) {
                run.end = Some(stop);
            }
            run.capped = !dfa.is_dead_state(state);
        } else if at_end {
            if dfa.is_match_state(dfa.next_eoi_state(state)) {
                run.end = Some(stop);
            }
        } else {
            // A match that ends with the text: more text may lengthen it, but not shorten it.
            if dfa.is_match_state(dfa.next_eoi_state(state)) {
                run.end = Some(stop);
            }
            run.open = true;
        }
        run
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn repetitions_that_multiply_are_refused() {
        let check = |pattern: &str, fits: bool| {
            let made = Pattern::new(pattern);
            assert_eq!(made.is_ok(), fits, "{pattern}: {:?}", made.err());
        };
        check("[a-z]{0,64}", true);
        check("(?:[a-z]{1,60}-){1,60}", true);
        // Each needs its table to tell apart in how many ways the same letters may have been counted.
        check("[a-z]{0,64}{0,20}x", false);
        check("(?s-u:.)*?(?:a[b-y]{0,64}{0,20})[0-9]{0,3}z", false);
        check("(?:(?:a{0,99}){0,99}){0,99}", false);
    }
}
