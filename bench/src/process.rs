//! What a process has spent, as the kernel counts it: `/proc/PID/stat` and `/proc/PID/status` (proc(5)).

use crate::Failure;
use std::time::Duration;

/// User and system time of a process and all its threads so far, without its children; in steps of 10 ms.
///
/// # Errors
/// When there is no such process.
pub fn cpu_time(pid: u32) -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = ticks(&stat).ok_or("the kernel's /proc/PID/stat has an unknown form")?;
    // USER_HZ is 100 on every architecture of Linux that we build for.
    Ok(Duration::from_millis(ticks * 10))
}

/// Fields 14 and 15, utime and stime. The second field is a name in parentheses and may itself hold any of these.
fn ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_process_may_hold_anything() {
        let tail = "S 1 2 3 4 5 6 7 8 9 10 700 33 0 0 20 0 4 0";
        assert_eq!(ticks(&format!("42 (plain) {tail}")), Some(733));
        assert_eq!(ticks(&format!("42 (a ) b (c) {tail}")), Some(733));
        assert_eq!(ticks("42 (short) S 1"), None);
        assert_eq!(ticks(""), None);
    }

    #[test]
    fn a_busy_process_spends_time() {
        let before = cpu_time(std::process::id()).unwrap();
        let mut number: u64 = 1;
        while cpu_time(std::process::id()).unwrap() < before + Duration::from_millis(30) {
            number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
        assert!(cpu_time(std::process::id()).unwrap() > before);
        assert!(cpu_time(u32::MAX).is_err());
    }
}
