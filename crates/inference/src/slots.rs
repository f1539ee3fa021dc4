//! Who holds which cells of the context's memory, counted exactly: a cell that several sequences share counts once.

use llama_cpp_2::token::LlamaToken;
use std::cell::Cell;
use std::rc::Rc;

/// What cells were computed with. Those of different origins are never shared: another adapter would have computed other
/// ones, and from another salt nobody can tell by the time an answer takes what others have asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) salt: Option<String>,
    /// Its place among the engine's; the base alone without one.
    pub(crate) adapter: Option<usize>,
}

/// The sequences of one context.
pub(crate) struct Slots {
    slots: Vec<Slot>,
    cells: usize,
    used: Rc<Cell<usize>>,
    clock: u64,
}

#[derive(Default)]
struct Slot {
    filled: Vec<Filled>,
    /// Whose the cells are: nobody of another origin takes them over.
    origin: Origin,
    taken: bool,
    last_use: u64,
}

#[derive(Clone)]
struct Filled {
    token: LlamaToken,
    /// Held by every slot that shares the cell; the last one to let go frees it.
    _held: Rc<Held>,
}

struct Held(Rc<Cell<usize>>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl Slots {
    pub(crate) fn new(slots: usize, cells: usize) -> Self {
        let slots = std::iter::repeat_with(Slot::default).take(slots).collect();
        Self { slots, cells, used: Rc::new(Cell::new(0)), clock: 0 }
    }

    /// Cells that nobody holds.
    pub(crate) fn free(&self) -> usize {
        self.cells.saturating_sub(self.used.get())
    }

    /// At most as many cells as would be free if every idle slot were emptied.
    pub(crate) fn idle_cells(&self) -> usize {
        let taken: usize = self.slots.iter().filter(|slot| slot.taken).map(|slot| slot.filled.len()).sum();
        self.used.get().saturating_sub(taken)
    }

    /// Filled cells of a slot.
    pub(crate) fn len(&self, slot: usize) -> usize {
        self.slots.get(slot).map_or(0, |slot| slot.filled.len())
    }

    pub(crate) fn is_idle(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|slot| !slot.taken)
    }

    /// The slot, running or idle, that has computed most of the beginning of `tokens` with the same origin, and how
    /// much.
    pub(crate) fn longest_beginning(&self, tokens: &[LlamaToken], origin: &Origin) -> Option<(usize, usize)> {
        let common = |slot: &Slot| match slot.origin == *origin {
            true => slot.filled.iter().zip(tokens).take_while(|(a, b)| a.token == **b).count(),
            false => 0,
        };
        let best = self.slots.iter().map(common).enumerate().max_by_key(|(_, common)| *common);
        best.filter(|(_, common)| *common > 0)
    }

    /// An idle slot to begin in: an empty one, or the one unused for longest; `keep` only if there is no other.
    pub(crate) fn freest(&self, keep: Option<usize>) -> Option<usize> {
        let idle = self.slots.iter().enumerate().filter(|(_, slot)| !slot.taken);
        let rank =
            |(index, slot): &(usize, &Slot)| (Some(*index) == keep, !slot.filled.is_empty(), slot.last_use);
        idle.min_by_key(rank).map(|(index, _)| index)
    }

    /// The idle slot with cells that has been unused for longest.
    pub(crate) fn oldest_idle(&self) -> Option<usize> {
        let idle = self.slots.iter().enumerate().filter(|(_, slot)| !slot.taken && !slot.filled.is_empty());
        idle.min_by_key(|(_, slot)| slot.last_use).map(|(index, _)| index)
    }

    /// What the slot still holds must have been computed with the same origin, or be emptied.
    pub(crate) fn take(&mut self, slot: usize, origin: &Origin) {
        self.mark(slot, true);
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.origin = origin.clone();
        }
    }

    pub(crate) fn release(&mut self, slot: usize) {
        self.mark(slot, false);
    }

    fn mark(&mut self, slot: usize, taken: bool) {
        self.clock += 1;
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.taken = taken;
            slot.last_use = self.clock;
        }
    }

    pub(crate) fn truncate(&mut self, slot: usize, length: usize) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.filled.truncate(length);
        }
    }

    /// Appends newly filled cells.
    pub(crate) fn extend(&mut self, slot: usize, tokens: impl Iterator<Item = LlamaToken>) {
        let used = &self.used;
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.filled.extend(tokens.map(|token| {
                used.set(used.get() + 1);
                Filled { token, _held: Rc::new(Held(Rc::clone(used))) }
            }));
        }
    }

    /// Lets `to` share the first `length` cells of `from` instead of what it had.
    pub(crate) fn copy(&mut self, from: usize, to: usize, length: usize) {
        let shared: Vec<Filled> = self
            .slots
            .get(from)
            .map(|slot| slot.filled.iter().take(length).cloned().collect())
            .unwrap_or_default();
        if let Some(to) = self.slots.get_mut(to) {
            to.filled = shared;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Origin, Slots};
    use llama_cpp_2::token::LlamaToken;

    fn tokens(text: &str) -> Vec<LlamaToken> {
        text.bytes().map(|byte| LlamaToken(i32::from(byte))).collect()
    }

    fn filled(texts: &[&str]) -> Slots {
        let mut slots = Slots::new(texts.len(), 100);
        for (slot, text) in texts.iter().enumerate() {
            slots.extend(slot, tokens(text).into_iter());
        }
        slots
    }

    #[test]
    fn a_shared_cell_counts_once() {
        let mut slots = filled(&["abcde", ""]);
        slots.copy(0, 1, 3);
        slots.extend(1, tokens("xy").into_iter());
        assert_eq!(slots.free(), 100 - 5 - 2);
        slots.truncate(0, 0);
        assert_eq!(slots.free(), 100 - 3 - 2, "the shared beginning lives on in the copy");
        slots.truncate(1, 0);
        assert_eq!(slots.free(), 100);
    }

    #[test]
    fn the_longest_beginning_is_found() {
        let check = |texts: &[&str], prompt: &str, expected: Option<(usize, usize)>| {
            assert_eq!(filled(texts).longest_beginning(&tokens(prompt), &Origin::default()), expected);
        };
        check(&["ab", "abcx", "b"], "abcd", Some((1, 3)));
        check(&["x", ""], "abcd", None);
        check(&["abcdef"], "abc", Some((0, 3)));
    }

    #[test]
    fn another_origin_is_a_wall() {
        let mut slots = filled(&["", "", "", ""]);
        let origin = |salt: Option<&str>, adapter| Origin { salt: salt.map(str::to_owned), adapter };
        for (slot, salt, adapter) in
            [(0, None, None), (1, Some("a"), None), (2, Some("b"), None), (3, None, Some(0))]
        {
            slots.take(slot, &origin(salt, adapter));
            slots.extend(slot, tokens("abcdef").into_iter().take(3 + slot));
        }
        let check = |salt: Option<&str>, adapter, expected: Option<(usize, usize)>| {
            let origin = origin(salt, adapter);
            assert_eq!(slots.longest_beginning(&tokens("abcdef"), &origin), expected, "{origin:?}");
        };
        check(None, None, Some((0, 3)));
        check(Some("a"), None, Some((1, 4)));
        check(Some("b"), None, Some((2, 5)));
        check(Some("c"), None, None);
        check(None, Some(0), Some((3, 6)));
        check(Some("a"), Some(0), None);
        check(None, Some(1), None);
    }

    #[test]
    fn the_least_recently_used_idle_slot_goes_first() {
        let mut slots = filled(&["a", "b", "c"]);
        for slot in [2, 0, 1] {
            slots.take(slot, &Origin::default());
        }
        assert_eq!((slots.freest(None), slots.oldest_idle()), (None, None));
        for slot in [1, 2] {
            slots.release(slot);
        }
        assert_eq!((slots.freest(None), slots.oldest_idle()), (Some(1), Some(1)));
        assert_eq!(slots.freest(Some(1)), Some(2));
        slots.truncate(2, 0);
        assert_eq!((slots.freest(None), slots.oldest_idle()), (Some(2), Some(1)));
    }
}
