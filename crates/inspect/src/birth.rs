//! Dates on which a person can have been born.

use crate::text::{byte_before, range};
use crate::validator::Verdict;

/// How far to the left of a date its star is looked for, with the blanks around it.
const STAR_MAX: usize = 8;

/// First letters of months in German, English, French; enough to tell them apart once the rule's pattern matched.
const MONTHS: &[(&[u8], u32)] = &[
    (b"jan", 1),
    (b"j\xC3\xA4n", 1),
    (b"fe", 2),
    (b"f\xC3\xA9v", 2),
    (b"mar", 3),
    (b"m\xC3\xA4r", 3),
    (b"ap", 4),
    (b"av", 4),
    (b"ma", 5),
    (b"jun", 6),
    (b"juin", 6),
    (b"jui", 7),
    (b"jul", 7),
    (b"au", 8),
    (b"ao", 8),
    (b"s", 9),
    (b"o", 10),
    (b"n", 11),
    (b"d", 12),
];

/// A day that the calendar has, in a year from 1900 to 2099; two digits stand for a year of either century.
pub(crate) fn birth_date(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    exists(range(text, start, end)).then_some(Verdict { start, end, weight: 0.0 })
}

/// The same behind a star that does not begin a line, as an item of a list does, and is no sign of arithmetic.
pub(crate) fn birth_star(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let before = range(text, start.saturating_sub(STAR_MAX), start).trim_ascii_end();
    let before = before.strip_suffix(b"*")?;
    let owner = before.trim_ascii_end();
    let blank = range(before, owner.len(), before.len()).iter().any(|b| matches!(b, b'\n' | b'\r'));
    let last = byte_before(owner, owner.len())?;
    let owned = last.is_ascii_alphabetic() || last >= 0x80 || matches!(last, b',' | b'(' | b')' | b';');
    if owned && !blank { birth_date(text, start, end) } else { None }
}

fn exists(date: &[u8]) -> bool {
    let mut numbers = date
        .split(|b| !b.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .map(|part| part.iter().fold(0_u32, |value, d| value * 10 + u32::from(d.wrapping_sub(b'0'))));
    let first = numbers.next();
    let (second, third) = (numbers.next(), numbers.next());
    match (first, second, third) {
        // 19800312
        (Some(all), None, None) => valid(all % 100, all / 100 % 100, all / 10_000),
        // 1980-03-12
        (Some(year), Some(month), Some(day)) if year > 31 => valid(day, month, year),
        // 12.03.1980, and 03/12/1980 as written in the United States
        (Some(day), Some(month), Some(year)) => {
            valid(day, month, year) || date.contains(&b'/') && valid(month, day, year)
        }
        // 12. März 1980, March 12, 1980
        (Some(day), Some(year), None) => month_named(date).is_some_and(|month| valid(day, month, year)),
        _ => false,
    }
}

fn month_named(date: &[u8]) -> Option<u32> {
    let lower = date.to_ascii_lowercase();
    let words = lower.split(|b| !b.is_ascii_alphabetic() && *b < 0x80);
    words
        .filter(|word| word.len() >= 3 && !matches!(*word, b"the"))
        .find_map(|word| MONTHS.iter().find(|(name, _)| word.starts_with(name)).map(|(_, month)| *month))
}

fn valid(day: u32, month: u32, year: u32) -> bool {
    let full = if year < 100 { 2000 + year } else { year };
    let leap = full % 4 == 0 && (full % 100 != 0 || full % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day) && (1900..=2099).contains(&full)
}

#[cfg(test)]
mod tests {
    use super::exists;

    #[test]
    fn days_that_the_calendar_has() {
        let check = |date: &str, expected: bool| assert_eq!(exists(date.as_bytes()), expected, "{date}");
        check("12.03.1980", true);
        check("29.02.1980", true);
        check("29.02.1981", false);
        check("29.02.1900", false);
        check("31.4.2001", false);
        check("1980-12-31", true);
        check("12/31/1980", true);
        check("19800312", true);
        check("18991231", false);
        check("3. März 1974", true);
        check("31. Jänner 1974", true);
        check("31 juin 1974", false);
        check("31 juillet 1974", true);
        check("4 août 1974", true);
        check("30 Mai 2024", true);
        check("Feb. 30, 1999", false);
        check("1.1.61", true);
    }
}
