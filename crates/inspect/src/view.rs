//! Views against evasion: the text as it reads once what hides a value is undone.
//!
//! Each view derives bytes from bytes and knows for every one where it comes from, so that a hit in a view is a range of
//! the original. Views look only at *zones*: the surroundings of places where something differs. A zone ends when nothing
//! that differs can still matter. Inside it the views form a chain, applied up to [`DEPTH`] times over:
//!
//! ```text
//! text → fold ─┬→ markdown → squeeze
//!              └→ escapes ─→ (the same again); without any: encoded runs ─→ (the same again)
//! ```
//!
//! In a lane in which an encoded run was decoded, views change only what begins inside such a run: what stands before a
//! run that a stream has not shown to its end would have to wait for it otherwise.
//!
//! Every view is a function of its input that needs a bounded stretch of it, and says from where on more text could
//! change its answer. Together with the same promise of the engine this makes a stream right: a zone answers for the
//! least position, over all its lanes, at which something is still open. No view makes a text longer, so the work is
//! bounded by the number of lanes.

mod coverage;
mod decode;
mod escape;
mod fold;
pub(crate) mod join;
mod lane;
mod markdown;
mod pieces;
mod signs;
mod squeeze;

use std::collections::BTreeSet;

use crate::engine::{Frontier, LOOK_BEHIND};
use crate::inspector::Inspector;
use crate::pack::Views;
use crate::resolver::Hit;
use crate::text::{byte_before, floor_character, range};
pub use coverage::Coverage;
use decode::Kind;
pub(crate) use decode::OpaqueRuns;
use lane::{Derived, Found, Lane, Outcome};
use signs::Signs;

/// How often a text is decoded, one time after the other. What could be decoded once more is opaque.
const DEPTH: usize = 7;
/// A hit is found in a view when something differs within so many bytes from its start.
const REACH: usize = 512;
/// What differs so far behind a hit may still have decided it.
const BEYOND: usize = 64;
/// Bytes of each lane that are kept before the first that is not decided: what rules look back upon, and what views do.
pub(crate) const MARGIN: usize = LOOK_BEHIND + 256;
/// A zone is looked at in steps that grow with it, from so many bytes to so many.
const STEP_MIN: usize = 768;
const STEP: usize = 16 * 1024;
/// A zone that cannot move on after so many bytes counts as complete: nothing longer is ever waited for.
const ZONE_MAX: usize = 192 * 1024;

/// How far the views of one text have come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Zones {
    /// Positions before this were looked at, and none of them is in the zone.
    looked_at: usize,
    zone: Option<Zone>,
    /// Bytes of the original that were read in a decoded view.
    pub(crate) decoded: usize,
    decoded_until: usize,
    /// Bytes of the original that could be decoded once more than they are, or that no zone has room for.
    pub(crate) opaque: usize,
    opaque_until: usize,
    /// Bytes that passed through the engine for the views.
    pub(crate) passed: usize,
}

/// A stretch of the original in which something differs.
#[derive(Debug, Clone, Copy)]
struct Zone {
    /// Position in the whole text from which the views are derived.
    anchor: usize,
    /// Position up to which they were.
    end: usize,
    /// The anchor lies in the middle of an encoded run of this kind.
    entry: Option<Kind>,
}

/// The text of one call, and what is known about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept<'t> {
    /// The text from position `base` on.
    pub(crate) text: &'t [u8],
    pub(crate) base: usize,
    pub(crate) at_end: bool,
    /// What the plain pass says, in positions of the whole text.
    pub(crate) frontier: Frontier,
    /// What was decided before this call.
    pub(crate) decided: Frontier,
}

impl Zones {
    /// Looks at the views and appends their hits that are final, with positions in the whole text.
    pub(crate) fn advance(
        &mut self,
        inspector: &Inspector,
        kept: Kept<'_>,
        hits: &mut Vec<Hit>,
        shadow: &mut Vec<Hit>,
    ) -> Frontier {
        let length = kept.base + kept.text.len();
        let mut done = kept.decided;
        loop {
            let Some(zone) = self.zone else {
                let from = self.looked_at.saturating_sub(kept.base);
                let Some(at) = first_difference(kept.text, from, kept.base == 0, kept.at_end) else {
                    self.looked_at = length;
                    return Frontier { protected: length, other: length, raising: length };
                };
                let anchor = floor_character(kept.text, at.saturating_sub(REACH + MARGIN)) + kept.base;
                self.zone = Some(Zone { anchor, end: anchor, entry: None });
                self.looked_at = kept.base + at;
                continue;
            };
            let step = (zone.end - zone.anchor).clamp(STEP_MIN, STEP);
            let end = (zone.end.max(self.looked_at) + step).min(length);
            let end = kept.base + floor_character(kept.text, end - kept.base);
            let last = end == length || end == zone.end;
            let full = end - zone.anchor >= ZONE_MAX;
            let text = range(kept.text, zone.anchor - kept.base, end - kept.base);
            let mut sight = Sight {
                inspector,
                lanes: vec![Lane::original(text)],
                limits: vec![usize::MAX],
                runs: Vec::new(),
                too_deep: Vec::new(),
                hits: Vec::new(),
                shadow: Vec::new(),
                uncounted: BTreeSet::new(),
                frontier: Frontier { protected: text.len(), other: text.len(), raising: text.len() },
                at_end: last && kept.at_end || full,
                inside: zone.anchor > 0,
                inside_word: byte_before(kept.text, zone.anchor - kept.base)
                    .is_some_and(|b| b.is_ascii_alphanumeric()),
                entry: zone.entry,
                passed: 0,
            };
            sight.look(0, text.len(), 0);
            sight.look_at_limits();
            self.passed += sight.passed;
            let frontier = Frontier {
                protected: zone.anchor + sight.frontier.protected,
                other: zone.anchor + sight.frontier.other,
                raising: zone.anchor + sight.frontier.raising,
            };
            let beyond = usize::from(sight.at_end);
            for (found, into) in [(&mut sight.hits, &mut *hits), (&mut sight.shadow, &mut *shadow)] {
                for mut hit in found.drain(..) {
                    (hit.start, hit.end) = (hit.start + zone.anchor, hit.end + zone.anchor);
                    let (from, until) = if hit.is_protected() {
                        (done.protected, frontier.protected + beyond)
                    } else {
                        (done.other, frontier.other + beyond)
                    };
                    if (from..until).contains(&hit.start) {
                        into.push(hit);
                    }
                }
            }
            done.protected = done.protected.max(frontier.protected);
            done.other = done.other.max(frontier.other);
            self.count_coverage(&sight, zone.anchor, full);
            let undecided =
                done.protected.min(done.other).min(kept.frontier.protected).min(kept.frontier.other);
            self.zone = sight.next_zone(zone, undecided, end);
            self.looked_at = end;
            if last {
                return frontier;
            }
        }
    }

    /// Bytes before this are no longer needed.
    pub(crate) fn needed_from(&self) -> usize {
        // The character before the anchor says whether it is inside a word.
        self.zone.map_or(usize::MAX, |zone| zone.anchor.saturating_sub(4))
    }

    fn count_coverage(&mut self, sight: &Sight<'_>, anchor: usize, full: bool) {
        let mut pieces: Vec<_> = sight
            .lanes
            .iter()
            .filter(|lane| lane.decoded)
            .flat_map(|lane| &lane.pieces)
            .map(|piece| (piece.start, piece.end))
            .collect();
        pieces.sort_unstable();
        count(&pieces, anchor, &mut self.decoded, &mut self.decoded_until);
        let mut unread = sight.too_deep.clone();
        if full {
            unread.push((0, sight.lanes.first().map_or(0, |original| original.end)));
        }
        unread.sort_unstable();
        count(&unread, anchor, &mut self.opaque, &mut self.opaque_until);
    }
}

/// Adds the bytes of sorted ranges to a sum, each byte of the text once.
fn count(ranges: &[(u32, u32)], anchor: usize, sum: &mut usize, until: &mut usize) {
    for (start, end) in ranges {
        let (start, end) = (anchor + *start as usize, anchor + *end as usize);
        *sum += end.saturating_sub(start.max(*until));
        *until = (*until).max(end);
    }
}

/// One look at a zone. Offsets are relative to its anchor.
struct Sight<'i> {
    inspector: &'i Inspector,
    /// The original first.
    lanes: Vec<Lane>,
    /// For each lane the least index at which a view of it waits for more text.
    limits: Vec<usize>,
    /// Where encoded runs were decoded, in the original; sorted and apart.
    runs: Vec<(u32, u32)>,
    /// What could be decoded once more, in the original.
    too_deep: Vec<(u32, u32)>,
    hits: Vec<Hit>,
    shadow: Vec<Hit>,
    /// Start, end and rule of what was found where it does not count for that rule.
    uncounted: BTreeSet<(usize, usize, usize)>,
    frontier: Frontier,
    at_end: bool,
    /// Something stands before the zone.
    inside: bool,
    /// A letter or digit does.
    inside_word: bool,
    entry: Option<Kind>,
    passed: usize,
}

impl Sight<'_> {
    /// Derives all views of the first `limit` bytes of a lane.
    fn look(&mut self, lane: usize, limit: usize, depth: usize) {
        let at_end = self.at_end;
        let folded = self.view((lane, limit), Views::FOLD, |text, at, out| fold::find(text, at, at_end, out));
        self.look_through_marks(folded);
        let unescaped = self.view(folded, Views::DECODE, |text, at, out| escape::find(text, at, at_end, out));
        if unescaped.0 != folded.0 {
            return self.look_deeper(unescaped, depth);
        }
        if unescaped != folded {
            // Behind an escape that is not complete anything may follow, also the end of what the squeeze reads.
            self.look_through_marks(unescaped);
        }
        // Only runs of the original go on from one look to the next.
        let is_first = self.runs.is_empty();
        let mut run = decode::Reader {
            inside_word: if is_first { self.inside_word } else { self.inside },
            entry: self.entry.filter(|_| is_first),
            pieces: is_first,
            at_end,
            tested: 0,
        };
        let mut behind = 0;
        let decoded = self.view(unescaped, Views::DECODE, |text, at, out| {
            if at != behind {
                // The run before does not go on here.
                run.entry.take_if(|_| behind > 0);
            }
            let found = run.find(text, at, out);
            if let Found::Change { end, .. } = found {
                behind = end;
            }
            found
        });
        if decoded.0 != unescaped.0 {
            let pieces = self.lanes.get(decoded.0).map(|lane| lane.pieces.iter()).unwrap_or_default();
            self.runs.extend(pieces.map(|piece| (piece.start, piece.end)));
            self.runs.sort_unstable();
            self.runs.dedup_by(|next, before| {
                let meets = next.0 < before.1;
                if meets {
                    before.1 = before.1.max(next.1);
                }
                meets
            });
            self.look_deeper(decoded, depth);
        }
    }

    /// Reads past Markdown, and past what stands between the pieces of a value.
    fn look_through_marks(&mut self, source: (usize, usize)) {
        let at_end = self.at_end;
        let plain = self.view(source, Views::MARKDOWN, |text, at, out| markdown::find(text, at, at_end, out));
        self.view(plain, Views::SQUEEZE, |text, at, out| squeeze::find(text, at, at_end, out));
        if plain != source {
            // What reads like emphasis may stand between the characters of a value: `8_6_ _0`.
            self.view(source, Views::SQUEEZE, |text, at, out| squeeze::find(text, at, at_end, out));
        }
    }

    fn look_deeper(&mut self, (lane, limit): (usize, usize), depth: usize) {
        if depth < DEPTH {
            return self.look(lane, limit, depth + 1);
        }
        let Some(input) = self.lanes.get(lane) else { return };
        let mut run =
            decode::Reader { inside_word: true, entry: None, pieces: false, at_end: true, tested: 0 };
        let more = [
            input.derive(limit, |text, at, out| escape::find(text, at, true, out)),
            input.derive(limit, |text, at, out| run.find(text, at, out)),
        ];
        for outcome in more {
            if let Outcome::New(lane) = outcome {
                self.too_deep.extend(lane.pieces.iter().map(|piece| (piece.start, piece.end)));
            }
        }
    }

    /// Derives one view. Gives the lane to go on with, and how much of it there is.
    fn view(
        &mut self,
        (source, limit): (usize, usize),
        kind: Views,
        mut find: impl FnMut(&[u8], usize, &mut Vec<Derived>) -> Found,
    ) -> (usize, usize) {
        let Some(input) = self.lanes.get(source) else { return (source, limit) };
        let runs = &self.runs;
        let begins_in_run = |index: usize| {
            let place = u32::try_from(input.origin(index)).unwrap_or(u32::MAX);
            let before = runs.partition_point(|(start, _)| *start <= place).checked_sub(1);
            before.and_then(|before| runs.get(before)).is_some_and(|(_, end)| place < *end)
        };
        let outcome = input.derive(limit, |text, mut at, out| {
            loop {
                let found = find(text, at, out);
                match found.place() {
                    Some(place) if !runs.is_empty() && !begins_in_run(place) => {
                        out.clear();
                        at = place + 1;
                    }
                    _ => return found,
                }
            }
        });
        match outcome {
            Outcome::Same => (source, limit),
            Outcome::SameUntil(open) => {
                if let Some(limit) = self.limits.get_mut(source) {
                    *limit = open.min(*limit);
                }
                (source, open)
            }
            Outcome::New(mut lane) => {
                lane.decoded = kind == Views::DECODE;
                self.pass(&lane, kind);
                let limit = lane.len();
                self.lanes.push(lane);
                self.limits.push(usize::MAX);
                (self.lanes.len() - 1, limit)
            }
        }
    }

    fn pass(&mut self, lane: &Lane, kind: Views) {
        let mut hits = Vec::new();
        self.passed += lane.len();
        let frontier = self.inspector.pass(&lane.bytes, self.at_end, &mut hits);
        self.frontier.protected = self.frontier.protected.min(lane.origin(frontier.protected));
        self.frontier.other = self.frontier.other.min(lane.origin(frontier.other));
        hits.retain_mut(|hit| {
            let written = self.lanes.first().map(|original| original.bytes.as_slice()).unwrap_or_default();
            let origin = range(written, lane.origin(hit.start), lane.origin_end(hit.end));
            // Where only the words around a value were hidden, exceptions for the value hold.
            hit.evasive = origin != range(&lane.bytes, hit.start, hit.end);
            let until = (hit.end + BEYOND).min(hit.start + REACH);
            lane.differs_within(hit.start.saturating_sub(LOOK_BEHIND), until)
                && (kind != Views::SQUEEZE || squeeze::accepts(self.inspector.kind_of(hit), hit, lane))
        });
        // What a view shows that does not count for the rule, those behind it do not show anew.
        hits.retain(|hit| {
            let place = (lane.origin(hit.start), lane.origin_end(hit.end), hit.rule);
            let counts = self.inspector.counts(hit, kind);
            if !counts {
                self.uncounted.insert(place);
            }
            counts && !self.uncounted.contains(&place)
        });
        let mut shadow = self.inspector.weigh(&lane.bytes, kind, &mut hits);
        for hit in hits.iter_mut().chain(&mut shadow) {
            hit.evasive = true;
            (hit.start, hit.end) = (lane.origin(hit.start), lane.origin_end(hit.end));
        }
        self.hits.append(&mut hits);
        self.shadow.append(&mut shadow);
    }

    /// A view that waits for more text decides nothing behind the place where it waits: the engine is asked what is open
    /// in front of it.
    fn look_at_limits(&mut self) {
        for (lane, limit) in self.lanes.iter().zip(&self.limits) {
            let Some(text) = lane.bytes.get(..*limit) else { continue };
            self.passed += text.len();
            let frontier = self.inspector.pass(text, false, &mut Vec::new());
            self.frontier.protected = self.frontier.protected.min(lane.origin(frontier.protected));
            self.frontier.other = self.frontier.other.min(lane.origin(frontier.other));
        }
    }

    /// The zone that is left when all before `undecided` is decided; none when nothing in it can matter any more.
    fn next_zone(&self, zone: Zone, undecided: usize, end: usize) -> Option<Zone> {
        let undecided = undecided.saturating_sub(zone.anchor);
        let mut open = self.limits.iter().any(|limit| *limit != usize::MAX);
        let mut anchor = undecided;
        for lane in &self.lanes {
            let cut = lane.index_of(undecided).saturating_sub(MARGIN);
            anchor = anchor.min(if cut == 0 { 0 } else { lane.origin(cut) });
            open |= lane.changes.last().is_some_and(|(_, until)| *until >= cut) && !lane.changes.is_empty();
            open |= (lane.end as usize) < end - zone.anchor;
        }
        if !open || self.at_end {
            return None;
        }
        // Derived from the middle of a piece on, it would read differently.
        let entry = loop {
            let before = anchor;
            let mut entry = None;
            for lane in &self.lanes {
                if let Some(piece) = lane.piece_around(anchor) {
                    (anchor, entry) = (piece.start as usize, piece.entry);
                }
            }
            anchor = self.lanes.first().map_or(0, |original| floor_character(&original.bytes, anchor));
            if anchor == before || anchor == 0 {
                break entry;
            }
        };
        if anchor == 0 {
            return Some(Zone { end, ..zone });
        }
        Some(Zone { anchor: zone.anchor + anchor, end, entry })
    }
}

/// The first place at or behind `from` at which a view reads something else, or may once more text is there.
fn first_difference(text: &[u8], from: usize, at_start: bool, at_end: bool) -> Option<usize> {
    let mut scratch = Vec::new();
    let mut signs = Signs::new(text, from, u8::MAX);
    // A word that was looked at before may be the first piece of a value that goes on now.
    let squeezed = squeeze::Reader { from: 0, at_end };
    let mut decoded =
        decode::Reader { inside_word: !at_start, entry: None, pieces: true, at_end, tested: from };
    while let Some((at, views)) = signs.next() {
        let wants = |view: u8| views & view != 0;
        let found = wants(signs::FOLD).then(|| fold::look(text, at, at_end, &mut scratch)).flatten();
        let found =
            found.or_else(|| wants(signs::MARKDOWN).then(|| markdown::look(text, at, at_end)).flatten());
        let found = found
            .or_else(|| wants(signs::ESCAPE).then(|| escape::look(text, at, at_end, &mut scratch)).flatten());
        let found = found
            .or_else(|| wants(signs::SQUEEZE).then(|| squeezed.look(text, at, &mut scratch)).flatten())
            .or_else(|| wants(signs::DECODE).then(|| decoded.look(text, at, &mut scratch)).flatten());
        if let Some(place) = found.and_then(Found::place) {
            return Some(place);
        }
    }
    let tails = [squeezed.look_at_tail(text), decoded.look_at_tail(text, &mut scratch)];
    tails.into_iter().flatten().filter_map(Found::place).min()
}

#[cfg(test)]
mod tests;
