//! Columns of values below the name that heads them: `user;password` above `anna;…`, Markdown tables, fixed width.

use super::{Assigned, Operator, Style, head_before, judge};
use crate::text::{Outcome, Place, byte, range};
use crate::validator::secret::is_random;

/// The most bytes of the head of a table before a name in it.
const HEAD_MAX: usize = 120;
/// A cell begins so many bytes behind the beginning of the table at most: what is farther away does not see its head.
const TABLE_MAX: usize = 250;
/// The most bytes of a line behind a cell.
const REST_MAX: usize = 200;
/// The most bytes of a cell.
const CELL_MAX: usize = 128;
/// The most blanks behind a name in the head.
const BLANKS_MAX: usize = 60;

/// What parts the cells of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delimiter {
    Mark(u8),
    /// Two spaces or more.
    Gap,
}

/// What stands in a row where the column is.
enum Cell {
    /// The row ends before, or is too far away.
    None,
    /// The text does.
    Open,
    At(usize, usize),
}

/// Tells the values in the cells below the name at `place`, which ends at `end`.
pub(super) fn read(place: Place<'_>, end: usize, style: Style, mut tell: impl FnMut(Outcome)) {
    let text = place.text;
    let open = |at: usize, tell: &mut dyn FnMut(Outcome)| {
        if !place.at_end {
            tell(Outcome::Open(at));
        }
    };
    let from = place.start.saturating_sub(HEAD_MAX);
    let table = match range(text, from, place.start).iter().rposition(|b| *b == b'\n') {
        Some(newline) => from + newline + 1,
        None if from == 0 => 0,
        None => return,
    };
    let stop = table + TABLE_MAX;
    let head = head_before(text, place.start);
    let before = range(text, table, place.start - head.len());
    let blanks =
        range(text, end, text.len().min(end + BLANKS_MAX)).iter().take_while(|b| is_blank(**b)).count();
    let Some(here) = byte(text, end + blanks) else { return open(end, &mut tell) };
    let Some(delimiter) = delimiter(before, here, blanks) else { return };
    let column = delimiter.count(before);
    let mut at = end + blanks;
    loop {
        let line = range(text, at, text.len().min(at + REST_MAX));
        let Some(length) = line.iter().position(|b| *b == b'\n') else {
            return if line.len() < REST_MAX {
                open(at.max(end), &mut tell)
            };
        };
        let row = at + length + 1;
        if row >= stop {
            return;
        }
        // Markdown rules a line of dashes below the head.
        let limit = text.len().min(row + REST_MAX);
        let rule = range(text, row, limit).iter().take_while(|b| b"|-:+= \t\r".contains(b)).count();
        match byte(text, row + rule) {
            None => return open(row, &mut tell),
            Some(b'\n') if range(text, row, row + rule).contains(&b'-') => {
                at = row + rule;
                continue;
            }
            // An empty line ends the table.
            Some(b'\n') => return,
            Some(_) => {}
        }
        match delimiter.cell(text, row, column, stop) {
            Cell::None => return,
            Cell::Open => return open(row, &mut tell),
            Cell::At(_, cell_end) if cell_end == text.len() && !place.at_end => {
                return open(row, &mut tell);
            }
            Cell::At(start, cell_end) => {
                let assigned = Assigned {
                    text,
                    start,
                    end: cell_end,
                    head,
                    keyword: range(text, place.start, end),
                    tail: &[],
                    operator: Operator::Cell,
                    quoted: false,
                    spaced: true,
                };
                if let Some((value_end, weight)) = judge_cell(&assigned, style) {
                    tell(Outcome::Hit { start, end: value_end, weight });
                }
                at = cell_end;
            }
        }
    }
}

/// A column holds many things: a value is of letters and something else, or of letters that make no word.
fn judge_cell(assigned: &Assigned<'_>, style: Style) -> Option<(usize, f32)> {
    let value = assigned.value();
    let mixed = value.iter().any(u8::is_ascii_alphabetic) && value.iter().any(|b| !b.is_ascii_alphabetic());
    (value.len() >= 6 && (mixed || is_random(value)))
        .then(|| judge::judge(assigned, style))
        .flatten()
        .filter(|(end, _)| *end > assigned.start)
}

fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'"' | b'\'' | b'*')
}

fn is_mark(b: u8) -> bool {
    matches!(b, b';' | b',' | b'|' | b'\t')
}

/// What parts the cells of the head, by what stands around a name in it: the row before, the byte behind, and so many
/// blanks between.
fn delimiter(before: &[u8], here: u8, blanks: usize) -> Option<Delimiter> {
    let left = before.iter().rev().copied().find(|b| !is_blank(*b)).filter(|b| is_mark(*b));
    let ends_row = matches!(here, b'\n' | b'\r');
    match left {
        Some(left) if ends_row || here == left => return Some(Delimiter::Mark(left)),
        None if is_mark(here) && before.iter().all(|b| is_blank(*b)) => return Some(Delimiter::Mark(here)),
        _ => {}
    }
    let gap = before.ends_with(b"  ") && Delimiter::Gap.count(before) > 0;
    (gap && (ends_row || blanks > 1)).then_some(Delimiter::Gap)
}

impl Delimiter {
    /// How many columns lie before the end of this part of a row.
    fn count(self, before: &[u8]) -> usize {
        match self {
            Self::Mark(mark) => before.iter().filter(|b| **b == mark).count(),
            Self::Gap => {
                let row = before.trim_ascii_start();
                let begins = |three: &&[u8]| matches!(three, [a, b' ', b' '] if *a != b' ');
                row.windows(3).filter(begins).count()
            }
        }
    }

    /// The column of the row that begins at `row`.
    fn cell(self, text: &[u8], row: usize, column: usize, stop: usize) -> Cell {
        let (mut at, mut left) = (row, column);
        let indent = if self == Self::Gap { count_spaces(text, row, stop) } else { 0 };
        at += indent;
        while left > 0 {
            match byte(text, at) {
                _ if at >= stop => return Cell::None,
                None => return Cell::Open,
                Some(b'\n' | b'\r') => return Cell::None,
                Some(b) if self == Self::Mark(b) => left -= 1,
                Some(b' ') if self == Self::Gap => {
                    let spaces = count_spaces(text, at, stop);
                    left -= usize::from(spaces > 1);
                    at += spaces - 1;
                }
                Some(_) => {}
            }
            at += 1;
        }
        while byte(text, at).is_some_and(is_blank) && at < stop {
            at += 1;
        }
        if at >= stop {
            return Cell::None;
        }
        let cell = range(text, at, text.len().min(at + CELL_MAX));
        let ends = |b: &u8| self == Self::Mark(*b) || matches!(b, b' ' | b'"' | b'\'' | b'\n' | b'\r');
        match cell.iter().position(ends) {
            Some(length) => Cell::At(at, at + length),
            None if cell.len() == CELL_MAX => Cell::None,
            None => Cell::At(at, text.len()),
        }
    }
}

fn count_spaces(text: &[u8], at: usize, stop: usize) -> usize {
    range(text, at, text.len().min(stop)).iter().take_while(|b| **b == b' ').count()
}
