//! What templates write about today: Python's `strftime`, in English and UTC.

use jiff::fmt::strtime::{BrokenDownTime, Config};
use jiff::tz::TimeZone;
use schleuse_types::Timestamp;

/// Directives that are not known stay as they are.
pub(super) fn strftime(at: Timestamp, format: &str) -> String {
    let seconds = i64::try_from(at.seconds()).unwrap_or(i64::MAX);
    let Ok(now) = jiff::Timestamp::from_second(seconds) else { return format.to_owned() };
    let now = BrokenDownTime::from(&now.to_zoned(TimeZone::UTC));
    now.to_string_with_config(&Config::new().lenient(true), format).unwrap_or_else(|_| format.to_owned())
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
        check(0, "100%% %+ %", "100% %+ %");
    }
}
