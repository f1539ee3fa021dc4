//! Whose turn it is at a model server that answers only so many at the same time.
//!
//! Without this, whoever asks two hundred things at once stands two hundred times in the model server's own line, and
//! everybody else behind them. Here each person stands in line once: the next free place goes to the one with the fewest
//! running answers, among equals to the one who waits longest. Some places are kept for people who have none.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// One in so many places, at least one, is never given to somebody who already has one.
const KEPT_ONE_IN: usize = 8;

/// The places at the model servers whose number is known. All others have no end of them.
#[derive(Debug, Clone, Default)]
pub struct Turns(Arc<HashMap<String, Arc<Line>>>);

impl Turns {
    /// How many answers each upstream makes at the same time, by its name. 0 counts as 1.
    pub fn new(places: impl IntoIterator<Item = (String, usize)>) -> Self {
        let lines = places.into_iter().map(|(upstream, count)| (upstream, Arc::new(Line::new(count.max(1)))));
        Self(Arc::new(lines.collect()))
    }

    /// How many questions wait for their turn, for a page.
    pub fn waiting(&self) -> usize {
        let count = |line: &Arc<Line>| {
            let mut state = line.state();
            state.forget_who_left();
            state.waiting.len()
        };
        self.0.values().map(count).sum()
    }

    /// Waits for a place at that one of these upstreams, the replicas of one route, which has the most free ones. `None`
    /// when there is no end of them. Dropping the future leaves the line.
    ///
    /// Which of the replicas is then asked is decided elsewhere, by what each has to do: with replicas of one size it comes
    /// to the same.
    pub(crate) async fn take(&self, upstreams: &[String], person: &str) -> Option<Turn> {
        let line = self.0.get(self.roomiest(upstreams)?)?;
        let coming = match line.enter(person) {
            Entered::Now(turn) => return Some(turn),
            Entered::Waits(coming) => coming,
        };
        // INVARIANT: a line keeps who waits until they are called; only the end of the process ends it otherwise.
        coming.await.ok()
    }

    /// The upstream with the most free places; none when one of them has no end of places.
    fn roomiest<'a>(&self, upstreams: &'a [String]) -> Option<&'a String> {
        let mut best: Option<(usize, &String)> = None;
        for upstream in upstreams {
            let free = self.0.get(upstream)?.state().free();
            if best.is_none_or(|(known, _)| free > known) {
                best = Some((free, upstream));
            }
        }
        best.map(|(_, upstream)| upstream)
    }
}

#[derive(Debug)]
struct Line {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    places: usize,
    taken: usize,
    /// Only those who have at least one.
    by_person: HashMap<Arc<str>, usize>,
    /// In the order of their coming.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    person: Arc<str>,
    call: oneshot::Sender<Turn>,
}

enum Entered {
    Now(Turn),
    Waits(oneshot::Receiver<Turn>),
}

impl Line {
    fn new(places: usize) -> Self {
        let (by_person, waiting) = Default::default();
        Self { state: Mutex::new(State { places, taken: 0, by_person, waiting }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is whole before anything could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(self: &Arc<Self>, person: &str) -> Entered {
        let mut state = self.state();
        let person: Arc<str> = match state.by_person.get_key_value(person) {
            Some((known, _)) => Arc::clone(known),
            None => person.into(),
        };
        if state.has_place_for(&person) {
            return Entered::Now(self.give(&mut state, person));
        }
        let (call, coming) = oneshot::channel();
        state.forget_who_left();
        state.waiting.push_back(Waiting { person, call });
        Entered::Waits(coming)
    }

    fn give(self: &Arc<Self>, state: &mut State, person: Arc<str>) -> Turn {
        state.taken += 1;
        *state.by_person.entry(Arc::clone(&person)).or_default() += 1;
        Turn { line: Some(Arc::clone(self)), person }
    }

    /// Gives a place back and calls whoever may have one now.
    fn leave(self: &Arc<Self>, person: &Arc<str>) {
        let mut state = self.state();
        state.give_back(person);
        // Who left the line without a word is called in vain, and their turn is taken back at once.
        while let Some(next) = state.next() {
            let turn = self.give(&mut state, Arc::clone(&next.person));
            if let Err(mut turn) = next.call.send(turn) {
                state.give_back(&turn.person);
                turn.line = None;
            }
        }
    }
}

impl State {
    fn free(&self) -> usize {
        self.places.saturating_sub(self.taken)
    }

    fn kept(&self) -> usize {
        if self.places < 2 { 0 } else { (self.places / KEPT_ONE_IN).max(1) }
    }

    fn count(&self, person: &str) -> usize {
        self.by_person.get(person).copied().unwrap_or_default()
    }

    fn has_place_for(&self, person: &str) -> bool {
        let kept = if self.count(person) == 0 { 0 } else { self.kept() };
        self.free() > kept
    }

    fn forget_who_left(&mut self) {
        self.waiting.retain(|waiting| !waiting.call.is_closed());
    }

    /// Takes whoever is next out of the line, if there is a place for them.
    fn next(&mut self) -> Option<Waiting> {
        self.forget_who_left();
        let (place, waiting) = self
            .waiting
            .iter()
            .enumerate()
            .min_by_key(|(place, waiting)| (self.count(&waiting.person), *place))?;
        // Whoever has the fewest has the best right: when there is no place for them, there is none for anybody.
        if !self.has_place_for(&waiting.person) {
            return None;
        }
        self.waiting.remove(place)
    }

    fn give_back(&mut self, person: &Arc<str>) {
        self.taken = self.taken.saturating_sub(1);
        if let Some(count) = self.by_person.get_mut(person) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_person.remove(person);
            }
        }
    }
}

/// A place at a model server; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    /// `None` when the place was already given back.
    line: Option<Arc<Line>>,
    person: Arc<str>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            line.leave(&self.person);
        }
    }
}

#[cfg(test)]
mod tests;
