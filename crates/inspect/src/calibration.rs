//! From evidence to how often findings with such evidence are right.

use crate::score::round;

/// The table that is built in. Fitted by `cargo run --release -p schleuse-corpus --example calibrate`.
pub(crate) const BUILT_IN: &str = include_str!("../../../recognizers/calibration.toml");

/// A rising table from nats to shares of right findings, straight between its points.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Calibration {
    points: Vec<(f64, f64)>,
}

impl Calibration {
    /// Reads `points = [[nats, share], …]`, each rising, shares from 0.5 to 1.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let rows = table.get("points").and_then(toml::Value::as_array).ok_or("`points` is a list")?;
        let point = |row: &toml::Value| match row.as_array().map(Vec::as_slice) {
            Some([nats, share]) => Some((nats.as_float()?, share.as_float()?)),
            _ => None,
        };
        let points: Vec<(f64, f64)> =
            rows.iter().map(point).collect::<Option<_>>().ok_or("a point reads `[1.5, 0.9]`")?;
        let rises = points.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1);
        let fits = points.iter().all(|(nats, share)| nats.is_finite() && (0.5..=1.0).contains(share));
        if points.is_empty() || !rises || !fits {
            return Err("points rise, with shares from 0.5 to 1".to_owned());
        }
        Ok(Self { points })
    }

    /// The share of right findings among those with such evidence, rounded to two decimals.
    pub(crate) fn score(&self, nats: f32) -> f32 {
        let nats = f64::from(nats);
        let above = self.points.partition_point(|(at, _)| *at <= nats);
        let lower = above.checked_sub(1).and_then(|at| self.points.get(at));
        round(match (lower, self.points.get(above)) {
            (Some((left, low)), Some((right, high))) => low + (high - low) * (nats - left) / (right - left),
            (Some((_, end)), None) | (None, Some((_, end))) => *end,
            (None, None) => 0.5,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{BUILT_IN, Calibration};

    fn check(text: &str, expected: Result<&[(f32, f32)], &str>) {
        match (Calibration::parse(text), expected) {
            (Ok(calibration), Ok(expected)) => {
                for (nats, share) in expected {
                    assert_eq!(calibration.score(*nats), *share, "{text} at {nats}");
                }
            }
            (read, expected) => {
                assert_eq!(read.map(|_| ()), expected.map(|_| ()).map_err(str::to_owned), "{text}")
            }
        }
    }

    #[test]
    fn a_table_rises_and_is_straight_between_its_points() {
        check(
            "points = [[0.0, 0.5], [2.0, 0.9]]",
            Ok(&[(-1.0, 0.5), (0.0, 0.5), (1.0, 0.7), (2.0, 0.9), (9.0, 0.9)]),
        );
        check("points = [[1.0, 0.8]]", Ok(&[(-5.0, 0.8), (5.0, 0.8)]));
        check("points = []", Err("points rise, with shares from 0.5 to 1"));
        check("points = [[0.0, 0.9], [1.0, 0.8]]", Err("points rise, with shares from 0.5 to 1"));
        check("points = [[0.0, 0.4]]", Err("points rise, with shares from 0.5 to 1"));
        check("points = [[0.0]]", Err("a point reads `[1.5, 0.9]`"));
        check("x = 1", Err("`points` is a list"));
    }

    #[test]
    fn the_built_in_table_never_falls() {
        let calibration = Calibration::parse(BUILT_IN).unwrap();
        let scores: Vec<f32> = (-100..200).map(|tenth| calibration.score(tenth as f32 / 10.0)).collect();
        assert!(scores.is_sorted() && scores.iter().all(|score| (0.5..=1.0).contains(score)));
    }
}
