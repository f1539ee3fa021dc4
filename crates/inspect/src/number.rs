//! Numbers of digits in printed groups.

use crate::recognizer::Group as Digits;
use crate::text::{Outcome, byte, byte_before, is_word, separator_length};

/// Groups that one number may have.
const GROUPS_MAX: usize = 8;
/// Digits that one group may have; a longer one is no number of a person.
pub(crate) const GROUP_DIGITS_MAX: usize = 24;

/// Digits of a number, and of the next behind it, that make the two a list.
const LISTED_DIGITS: u8 = 10;
const NEXT_DIGITS: u8 = 6;
/// Evidence against a number of a list, in nats.
const LISTED: f32 = -2.6;
/// Groups of a number, at least, and digits of one more beside it, that make them cells of a row.
const ROW_GROUPS: usize = 3;
const CELL_DIGITS: u8 = 4;
/// Evidence against a number made of cells, in nats: a check digit alone does not outweigh it, a word nearby does.
const CELLS: f32 = -4.0;

/// The digit groups from one group on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NumberRun {
    groups: [Group; GROUPS_MAX],
    count: usize,
    /// The text ended in the last group, or just behind it.
    open: bool,
    /// The last group may still grow.
    growing: bool,
    /// The text ended in a dot, which could begin a fraction.
    dotted: bool,
    start: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Group {
    length: u8,
    /// Bytes from the start of the number; eight groups have fewer than 256.
    end: u8,
}

const _: () = assert!(GROUPS_MAX * (GROUP_DIGITS_MAX + 4) <= u8::MAX as usize);

/// How the digits of one number are grouped: `[11]`, `[2, 3, 3, 3]`; each entry is the least and most digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape(Vec<(usize, usize)>);

/// The shapes of all rules, by the digits of their first group.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    all: Vec<(usize, Shape)>,
    /// For each length of a first group, the places in `all` of the shapes that begin so.
    by_first: [Vec<usize>; GROUP_DIGITS_MAX + 1],
    /// The same for each length of a first group and of a second, 0 where there is none.
    by_second: [[Vec<usize>; GROUP_DIGITS_MAX + 2]; GROUP_DIGITS_MAX + 1],
}

impl Shapes {
    /// A shape of the rule with this index.
    pub(crate) fn push(&mut self, rule: usize, shape: &Shape) {
        let fits = |group: usize, length: usize| {
            shape.0.get(group).is_none_or(|(least, most)| (*least..=*most).contains(&length))
        };
        let place = self.all.len();
        let firsts = self.by_first.iter_mut().zip(&mut self.by_second).enumerate();
        for (_, (shapes, seconds)) in firsts.filter(|(length, _)| fits(0, *length)) {
            shapes.push(place);
            let fitting = seconds.iter_mut().enumerate().filter(|(length, _)| fits(1, *length));
            fitting.for_each(|(_, shapes)| shapes.push(place));
        }
        self.all.push((rule, shape.clone()));
    }

    /// What each rule whose shape fits says about the number that begins with these digits.
    pub(crate) fn fit(&self, text: &[u8], group: Digits, at_end: bool, mut say: impl FnMut(usize, Outcome)) {
        if group.before.is_some_and(|before| is_word(before) || before == b'+') {
            return;
        }
        let fitting = self.by_first.get(group.digits).map(Vec::as_slice).unwrap_or_default();
        // The last group of a text that goes on may still grow into any shape.
        let growing = !at_end && group.start + group.digits == text.len();
        if !growing && fitting.is_empty() {
            return;
        }
        // Most groups stand alone.
        let alone = matches!(group.next, Some(next) if !matches!(next, b' ' | b'-' | b'.' | 0xC2 | 0xE2));
        let seconds = self.by_second.get(group.digits);
        if alone && seconds.and_then(|seconds| seconds.first()).is_some_and(Vec::is_empty) {
            return;
        }
        let Some(run) = NumberRun::read(text, group.start, at_end) else { return };
        let fit = |(rule, shape): &(usize, Shape)| {
            if growing || run.count >= shape.0.len() || run.open {
                say(*rule, run.fit(text, shape));
            }
        };
        if growing {
            return self.all.iter().for_each(fit);
        }
        let mut fitting = fitting;
        if !run.open {
            let second = run.groups.get(1).map_or(0, |second| usize::from(second.length));
            fitting = seconds.and_then(|seconds| seconds.get(second)).map(Vec::as_slice).unwrap_or_default();
        }
        fitting.iter().filter_map(|place| self.all.get(*place)).for_each(fit);
    }
}

impl Shape {
    /// Reads `11`, `13-19` as a range with `..`: `13..19`, or groups: `2-3-3-3`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let group = |part: &str| match part.split_once("..") {
            Some((least, most)) => Some((least.parse().ok()?, most.parse().ok()?)),
            None => part.parse().ok().map(|exact| (exact, exact)),
        };
        let groups: Vec<_> = text.split('-').map(group).collect::<Option<_>>()?;
        (groups.len() <= GROUPS_MAX).then_some(Self(groups))
    }
}

impl NumberRun {
    /// Reads the groups from the digit at `start` on; none where the number is part of something longer.
    #[inline]
    pub(crate) fn read(text: &[u8], start: usize, at_end: bool) -> Option<Self> {
        match byte_before(text, start) {
            Some(before) if is_word(before) || before == b'+' => return None,
            Some(b'.')
                if start
                    .checked_sub(2)
                    .and_then(|i| byte(text, i))
                    .is_some_and(|b| b.is_ascii_digit() || b == b']') =>
            {
                // A fraction, also of a number that was replaced by its placeholder.
                return None;
            }
            _ => {}
        }
        let mut run = Self {
            groups: [Group::default(); GROUPS_MAX],
            count: 0,
            open: false,
            growing: false,
            dotted: false,
            start,
        };
        let mut at = start;
        while run.count < GROUPS_MAX {
            let group_start = at;
            while at - group_start <= GROUP_DIGITS_MAX && byte(text, at).is_some_and(|b| b.is_ascii_digit()) {
                at += 1;
            }
            let is_too_long = at - group_start > GROUP_DIGITS_MAX;
            if is_too_long && run.count == 0 {
                return None;
            }
            if let Some(slot) = run.groups.get_mut(run.count) {
                *slot = Group { length: (at - group_start) as u8, end: (at - start) as u8 };
                run.count += 1;
            }
            if is_too_long {
                break;
            }
            if at == text.len() {
                run.open = !at_end;
                run.growing = true;
                break;
            }
            if at + 1 == text.len() && byte(text, at) == Some(b'.') {
                run.open = !at_end;
                run.dotted = true;
                break;
            }
            let Some(separator) = separator_length(text, at) else { break };
            if at + separator == text.len() {
                run.open = !at_end;
                break;
            }
            if !byte(text, at + separator).is_some_and(|b| b.is_ascii_digit()) {
                break;
            }
            at += separator;
        }
        Some(run)
    }

    /// The number of this shape, or whether more text could make one.
    pub(crate) fn fit(&self, text: &[u8], shape: &Shape) -> Outcome {
        let groups = self.groups.get(..self.count).unwrap_or_default();
        let fitting = groups
            .iter()
            .zip(&shape.0)
            .take_while(|(g, (least, most))| (*least..=*most).contains(&usize::from(g.length)));
        let fitting = fitting.count();
        let open = self.open && fitting <= shape.0.len() && {
            let grows = |group: &Group| {
                self.growing
                    && shape.0.get(fitting).is_some_and(|(_, most)| usize::from(group.length) <= *most)
            };
            match self.count.checked_sub(fitting) {
                Some(0) => !self.dotted || fitting == shape.0.len(),
                Some(1) => groups.last().is_some_and(|last| grows(last) || self.may_list(shape)),
                _ => false,
            }
        };
        if open {
            return Outcome::Open(self.start);
        }
        let Some(last) =
            shape.0.len().checked_sub(1).filter(|_| fitting == shape.0.len()).and_then(|i| groups.get(i))
        else {
            return Outcome::Nothing;
        };
        let end = self.start + usize::from(last.end);
        let continues = match byte(text, end) {
            Some(next) if is_word(next) => true,
            Some(b'.') => byte(text, end + 1).is_some_and(|b| b.is_ascii_digit()),
            _ => false,
        };
        let listed = self.listed(shape).is_some_and(|(next, least)| next.length >= least);
        let weight = match shape.0.len() {
            1 if listed => LISTED,
            ROW_GROUPS.. if listed || self.follows_cell(text, shape) => CELLS,
            _ => 0.0,
        };
        if continues { Outcome::Nothing } else { Outcome::Hit { start: self.start, end, weight } }
    }

    /// The group behind a long number, and of how many digits it makes the two a list or a row.
    fn listed(&self, shape: &Shape) -> Option<(&Group, u8)> {
        let groups = self.groups.get(..self.count)?;
        let next = groups.get(shape.0.len())?;
        match shape.0.len() {
            1 => (groups.first()?.length >= LISTED_DIGITS).then_some((next, NEXT_DIGITS)),
            ROW_GROUPS.. => Some((next, CELL_DIGITS)),
            _ => None,
        }
    }

    /// The group before it is as long as its own first, and of a cell's length.
    fn follows_cell(&self, text: &[u8], shape: &Shape) -> bool {
        let first = self.groups.first().map_or(0, |group| group.length);
        let Some(end) = self.start.checked_sub(1).filter(|at| byte(text, *at) == Some(b' ')) else {
            return false;
        };
        let digits = text.get(..end).unwrap_or_default().iter().rev();
        let digits = digits.take(usize::from(CELL_DIGITS) + 1).take_while(|b| b.is_ascii_digit()).count();
        shape.0.len() >= ROW_GROUPS && first >= CELL_DIGITS && digits == usize::from(first)
    }

    /// The group behind it is short and may still grow.
    fn may_list(&self, shape: &Shape) -> bool {
        self.growing && self.listed(shape).is_some_and(|(next, least)| next.length < least)
    }
}
