//! Dates as workbooks keep them: days since the end of 1899, or since the beginning of 1904.

/// Whether a format shows its number as a date or a time: it has a letter of one outside of quotation marks and brackets.
pub(crate) fn is_date_format(code: &str) -> bool {
    let (mut is_quoted, mut is_bracket, mut is_escaped) = (false, false, false);
    for character in code.chars() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' | '_' | '*' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '[' if !is_quoted => is_bracket = true,
            ']' if !is_quoted => is_bracket = false,
            'y' | 'Y' | 'd' | 'D' | 'h' | 'H' | 'm' | 'M' if !is_quoted && !is_bracket => {
                return true;
            }
            _ => {}
        }
    }
    false
}

/// A number of days as a date, with the time if there is one; None beyond the years that workbooks know.
pub(crate) fn written(days: f64, is_1904: bool) -> Option<String> {
    if !(0.0..=2_958_465.999).contains(&days) {
        return None;
    }
    let minutes = (days * 1440.0).round();
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    let minutes = minutes as i64;
    let (whole, minute) = (minutes / 1440, minutes % 1440);
    let time = format!("{:02}:{:02}", minute / 60, minute % 60);
    if whole == 0 {
        return Some(time);
    }
    // Day 60 of the older count is a day that there never was, 1900-02-29; before it everything is one day later.
    let epoch = match (is_1904, whole) {
        (true, _) => -24_107,
        (false, 1..60) => -25_568,
        (false, _) => -25_569,
    };
    let (year, month, day) = civil(whole + epoch);
    let date = format!("{year:04}-{month:02}-{day:02}");
    Some(if minute == 0 { date } else { format!("{date} {time}") })
}

/// Year, month and day of a number of days since 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::{is_date_format, written};

    fn check(days: f64, is_1904: bool, expected: &str) {
        assert_eq!(written(days, is_1904).as_deref(), Some(expected), "{days}");
    }

    #[test]
    fn numbers_are_dates() {
        // As LibreOffice shows them.
        check(45_292.0, false, "2024-01-01");
        check(1.0, false, "1900-01-01");
        check(59.0, false, "1900-02-28");
        check(61.0, false, "1900-03-01");
        check(36_526.75, false, "2000-01-01 18:00");
        check(0.5, false, "12:00");
        check(43_830.0, true, "2024-01-01");
        assert_eq!((written(-1.0, false), written(f64::NAN, false), written(1e9, false)), (None, None, None));
    }

    #[test]
    fn formats_with_letters_of_dates_are_dates() {
        for code in ["dd.mm.yyyy", "[$-407]TT.MM.JJJJ;@", "yyyy\\-mm\\-dd", "h:mm"] {
            assert!(is_date_format(code), "{code}");
        }
        for code in ["0.00", "#,##0 \"days\"", "[Red]0", "0\\d", "General;0"] {
            assert!(!is_date_format(code), "{code}");
        }
    }
}
