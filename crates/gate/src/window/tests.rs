use std::time::Duration;

use schleuse_types::{Outcome, Timestamp};

use super::{Recent, STEPS, Totals, WINDOW_POINTS, step};

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Wall clock: a million seconds ahead of the monotonic one.
fn points(recent: &mut Recent, seconds: u64) -> Vec<super::Point> {
    recent.window(at(seconds), Timestamp((1_000_000 + seconds) * 1_000_000)).points
}

#[test]
fn each_point_holds_what_happened_in_its_five_seconds() {
    let mut recent = Recent::default();
    recent.began(at(101));
    recent.began(at(102));
    recent.ended(at(104), Outcome::Denied, 429);
    recent.first_byte(at(106), Duration::from_millis(40));
    recent.ended(at(107), Outcome::Error, 502);
    recent.used(at(107), 7, 9);
    let points = points(&mut recent, 118);
    let told: Vec<_> = points
        .iter()
        .map(|p| {
            (
                p.began.seconds() - 1_000_000,
                p.requests,
                p.refused,
                p.errors,
                p.tokens_in + p.tokens_out,
                p.running,
            )
        })
        .collect();
    assert_eq!(
        told,
        [(100, 2, 1, 0, 0, 2), (105, 0, 0, 1, 16, 1), (110, 0, 0, 0, 0, 0), (115, 0, 0, 0, 0, 0)]
    );
    assert_eq!(points[0].ttft_p50_ms, None);
    let p50 = points[1].ttft_p50_ms.unwrap();
    assert!((36.0..44.0).contains(&p50), "{p50}");
    let totals = Totals { requests: 2, refused: 1, errors: 1, tokens_in: 7, tokens_out: 9, running: 0 };
    assert_eq!(recent.window(at(118), Timestamp(0)).totals, totals);
}

#[test]
fn the_window_is_never_longer_than_it_is_and_forgets() {
    let mut recent = Recent::default();
    for second in 0..1000 {
        recent.began(at(second));
        recent.ended(at(second), Outcome::Allowed, 200);
    }
    let full = points(&mut recent, 999);
    assert_eq!(full.len(), WINDOW_POINTS);
    assert!(full.iter().all(|point| point.requests == 5), "{full:?}");
    let after_a_break = points(&mut recent, 5000);
    assert_eq!(after_a_break.len(), WINDOW_POINTS);
    assert!(after_a_break.iter().all(|point| point.requests == 0));
    recent.began(at(5003));
    assert_eq!(points(&mut recent, 5004).last().unwrap().requests, 1);
}

#[test]
fn what_runs_on_is_running_in_every_point() {
    let mut recent = Recent::default();
    recent.began(at(0));
    assert!(points(&mut recent, 400).iter().all(|point| point.running == 1));
}

#[test]
fn a_time_that_was_read_before_anothers_counts_as_the_others() {
    let mut recent = Recent::default();
    recent.began(at(10));
    recent.began(at(9));
    assert_eq!(points(&mut recent, 11).len(), 1);
}

#[test]
fn percentiles_are_right_to_a_ninth() {
    let check = |times: &[f64], percent: u64, expected: f64| {
        let mut recent = Recent::default();
        for ms in times {
            recent.first_byte(at(0), Duration::from_secs_f64(ms / 1000.0));
        }
        let got = recent.slots[0].percentile(percent).unwrap();
        assert!((got / expected).ln().abs() <= 0.07, "{got} instead of {expected}");
    };
    check(&[0.3], 50, 0.3);
    check(&[12.0], 50, 12.0);
    check(&[1.0, 2.0, 300.0], 50, 2.0);
    check(&[1.0, 2.0, 300.0], 95, 300.0);
    check(&[60_000.0], 95, 60_000.0);
    let many: Vec<f64> = (1..=100).map(f64::from).collect();
    check(&many, 50, 50.0);
    check(&many, 95, 95.0);
    assert_eq!(step(Duration::ZERO), 0);
    assert_eq!(step(Duration::from_secs(100_000)), STEPS - 1);
}
