//! What templates write about today: Python's `strftime`, in English and UTC.

use schleuse_types::Timestamp;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// From the first of January 1970 on.
const WEEKDAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/// Directives other than `%Y %y %m %d %B %b %A %a %H %M %S %%` stay as they are.
pub(super) fn strftime(at: Timestamp, format: &str) -> String {
    // 2026-11-21T19:30:00Z, by position.
    let now = at.to_string();
    let digits = |from: usize, to: usize| now.get(from..to).unwrap_or_default();
    let month = digits(5, 7).parse().ok().and_then(|month: usize| MONTHS.get(month.checked_sub(1)?));
    let month = month.copied().unwrap_or_default();
    let weekday = usize::try_from(at.seconds() / 86_400 % 7).ok().and_then(|day| WEEKDAYS.get(day));
    let weekday = weekday.copied().unwrap_or_default();
    let mut text = String::new();
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        let written = match characters.next() {
            Some('Y') => digits(0, 4),
            Some('y') => digits(2, 4),
            Some('m') => digits(5, 7),
            Some('d') => digits(8, 10),
            Some('B') => month,
            Some('b') => month.get(..3).unwrap_or_default(),
            Some('A') => weekday,
            Some('a') => weekday.get(..3).unwrap_or_default(),
            Some('H') => digits(11, 13),
            Some('M') => digits(14, 16),
            Some('S') => digits(17, 19),
            Some('%') | None => "%",
            Some(other) => {
                text.push('%');
                text.push(other);
                continue;
            }
        };
        text.push_str(written);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::strftime;
    use schleuse_types::Timestamp;

    #[test]
    fn dates_are_written_as_python_writes_them() {
        let check = |seconds: u64, format: &str, expected: &str| {
            assert_eq!(strftime(Timestamp(seconds * 1_000_000), format), expected);
        };
        check(0, "%A, %d %B %Y", "Thursday, 01 January 1970");
        check(1_795_208_240, "%Y-%m-%d %H:%M:%S", "2026-11-20 20:57:20");
        check(1_795_208_240, "%a %d %b %y", "Fri 20 Nov 26");
        check(0, "100%% %q%", "100% %q%");
    }
}
