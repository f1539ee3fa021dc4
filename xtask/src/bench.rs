//! What Schleuse costs, as a ratio to the floor of the same minute: a minimal proxy on the same HTTP library, in front of the
//! same mock server, under the same load. Absolute figures differ from machine to machine and are printed beside.
//!
//! A round measures the floor and then each house, so that a neighbour on the machine disturbs both alike; of several rounds
//! the middle ratio counts. The embedded engine is measured in the same way beside llama.cpp's own server.

mod disk;
mod engine;
mod inspection;

use crate::part::Part;
use crate::place::Place;
use crate::{Trouble, binary, place, step};
use serde_json::Value;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// Rounds of one run; odd, so that there is a middle one.
const ROUNDS: usize = 3;
/// Seconds of counted load per measurement when nothing else was asked.
const SECONDS: u64 = 4;

/// One kind of load.
struct Load {
    /// The step of the walk at which its requests end.
    until: &'static str,
    is_stream: bool,
    connections: u32,
    /// Largest ratio to the floor.
    ratio_max: Option<f64>,
}

/// The walk step by step. Requests that end early are refused, and from `parse` on each refusal is a durable entry; a
/// whole walk makes two.
const REQUESTS: &[Load] = &[
    Load { until: "verify", is_stream: false, connections: 16, ratio_max: None },
    Load { until: "parse", is_stream: false, connections: 16, ratio_max: None },
    Load { until: "decide", is_stream: false, connections: 16, ratio_max: None },
    Load { until: "inspect", is_stream: false, connections: 16, ratio_max: None },
    Load { until: "select", is_stream: false, connections: 16, ratio_max: None },
    WHOLE,
];
/// The whole walk, inspection with all recognizers on.
const WHOLE: Load = Load { until: "reply", is_stream: false, connections: 16, ratio_max: Some(4.0) };
/// The whole walk of a stream, per event.
const EVENTS: Load = Load { until: "reply", is_stream: true, connections: 128, ratio_max: Some(2.5) };

/// A key of the right form that nobody has.
const NOBODYS_KEY: &str = "sk-nobody";

/// Builds what is measured and prints the ratios.
///
/// # Errors
/// When something cannot be built or started, or answers are refused: then there is nothing to compare.
pub(crate) fn run(place: &Place, rest: &[OsString]) -> Result<(), Trouble> {
    let seconds = match rest {
        [part] if part == "inspect" => return inspection::run(place),
        [part] if part == "audit" => return crate::prove::audit::measure(place, &mut |_| {}),
        [] => SECONDS,
        [seconds] => seconds
            .to_str()
            .and_then(|text| text.parse().ok())
            .filter(|seconds| (1..=60).contains(seconds))
            .ok_or_else(|| {
                Trouble::new("`bench` takes `inspect`, `audit`, or a number of seconds from 1 to 60")
            })?,
        _ => return Err(Trouble::new("`bench` takes one number of seconds")),
    };
    let schleuse = binary::build(place)?;
    let mut cargo = step::cargo(place);
    cargo.args(["build", "--release", "--locked", "-p", "schleuse-bench"]);
    step::show("build the floor, the mock server and the load", &mut cargo)?;

    let work = place.target.join("bench");
    place::make_folder(&work)?;
    let sync = disk::measure(&work)?;
    let tools = place.target.join("release");
    let mock = Part::tool(&tools.join("mock"), &[])?;
    let floor = Part::tool(&tools.join("floor"), &["--upstream", &mock.address])?;
    let house = open(&schleuse, &work.join("house"), &mock.address)?;

    println!("\nresident memory when idle {:.1} MB", house.resident_mb());
    println!(
        "fdatasync of 4 KiB here: p50 {} µs, p99 {} µs (one group commit waits for one)",
        sync.p50_us, sync.p99_us
    );
    println!("{ROUNDS} rounds of {seconds} s each; CPU of the process measured, user and system\n");
    println!(
        "{:<10} {:<12} {:>9} {:>9} {:>7} {:>7} {:>9} {:>9}",
        "per", "what", "µs CPU", "each/s", "ratio", "budget", "p50 µs", "p99 µs"
    );
    let load = tools.join("load");
    let mut kept = compare(REQUESTS, &WHOLE, &load, &floor, &house, seconds)?;
    kept &= compare(&[EVENTS], &EVENTS, &load, &floor, &house, seconds)?;
    // Nothing else may run beside an engine that uses every core.
    drop((house, floor, mock));
    kept &= engine::compare(place, &schleuse, &tools.join("engine_load"), &work.join("engine"))?;
    println!("\n{}", if kept { "every budget is kept" } else { "a budget is not kept" });
    Ok(())
}

/// Starts a demo house in front of the mock server.
fn open(schleuse: &Path, folder: &Path, mock: &str) -> Result<Part, Trouble> {
    drop(std::fs::remove_dir_all(folder));
    let settings = format!(
        "[[upstream]]\nname = \"mock\"\nurl = \"http://{mock}\"\nmodels = [\"bench\"]\nzone = \"local\"\nmax_label = \"CONFIDENTIAL\"\n"
    );
    let file = folder.join("bench.toml");
    place::write(&file, &settings)?;
    Part::house(schleuse, folder, &file)
}

/// Measures loads on the house, and on the floor what the whole walk is compared with; tells whether every budget was kept.
fn compare(
    loads: &[Load],
    whole: &Load,
    tool: &Path,
    floor: &Part,
    house: &Part,
    seconds: u64,
) -> Result<bool, Trouble> {
    let mut floors = Vec::new();
    let mut all: Vec<Vec<Measured>> = loads.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        floors.push(measure(whole, tool, floor, seconds)?);
        for (load, measured) in loads.iter().zip(&mut all) {
            measured.push(measure(load, tool, house, seconds)?);
        }
    }
    row(whole, "floor", &middle(&floors, |each| each.cpu_us), None);
    let mut kept = true;
    for (load, measured) in loads.iter().zip(&all) {
        let mut ratios: Vec<f64> =
            measured.iter().zip(&floors).map(|(house, floor)| house.cpu_us / floor.cpu_us).collect();
        ratios.sort_by(f64::total_cmp);
        let ratio = ratios.get(ratios.len() / 2).copied().unwrap_or(f64::INFINITY);
        kept &= load.ratio_max.is_none_or(|most| ratio <= most);
        let name =
            if load.ratio_max.is_some() { "whole walk".to_owned() } else { format!("to {}", load.until) };
        row(load, &name, &middle(measured, |each| each.cpu_us), Some((ratio, load.ratio_max)));
    }
    Ok(kept)
}

fn row(load: &Load, name: &str, measured: &Measured, ratio: Option<(f64, Option<f64>)>) {
    let budget = ratio.and_then(|(_, most)| most).map_or_else(String::new, |most| format!("≤ {most:.1}"));
    let ratio = ratio.map_or_else(String::new, |(ratio, _)| format!("{ratio:.2}"));
    // Of a whole stream the time is its pace, so it is told for requests only.
    let time = |us: f64| if load.is_stream { String::new() } else { format!("{us:.0}") };
    println!(
        "{:<10} {:<12} {:>9.1} {:>9.0} {:>7} {:>7} {:>9} {:>9}",
        if load.is_stream { "event" } else { "request" },
        name,
        measured.cpu_us,
        measured.per_second,
        ratio,
        budget,
        time(measured.p50_us),
        time(measured.p99_us)
    );
}

/// What one measurement brought, per request or per event.
#[derive(Clone, Debug, PartialEq)]
struct Measured {
    cpu_us: f64,
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
}

fn measure(load: &Load, tool: &Path, part: &Part, seconds: u64) -> Result<Measured, Trouble> {
    let key = match load.until {
        "verify" => NOBODYS_KEY,
        "decide" => &part.auditor_key,
        _ => &part.key,
    };
    let mut command = Command::new(tool);
    command.args(["--to", &part.address, "--model", "bench", "--key", key, "--until", load.until]);
    command.args(["--pid", &part.pid().to_string(), "--seconds", &seconds.to_string()]);
    command.args(["--connections", &load.connections.to_string(), "--stream", &load.is_stream.to_string()]);
    let output =
        command.output().map_err(|error| Trouble::new(format!("the load could not be started: {error}")))?;
    let told = String::from_utf8(output.stdout).unwrap_or_default();
    if !output.status.success() {
        let said = String::from_utf8(output.stderr).unwrap_or_default();
        return Err(Trouble::new(format!("the load on {} failed: {}", part.address, said.trim())));
    }
    read(&told, load.is_stream)
}

/// Reads the line of JSON that the load prints.
fn read(told: &str, is_stream: bool) -> Result<Measured, Trouble> {
    let report: Value = serde_json::from_str(told)
        .map_err(|_| Trouble::new("the load printed something that is not JSON"))?;
    let number = |name: &str| {
        let value = report.get(name).and_then(Value::as_f64);
        value.ok_or_else(|| Trouble::new(format!("the load did not tell `{name}`")))
    };
    let refused = number("refused")?;
    if refused > 0.0 {
        return Err(Trouble::new(format!("{refused} answers were refused, so there is nothing to compare")));
    }
    let count = number(if is_stream { "events" } else { "requests" })?;
    let spent = number("cpu_us")?;
    if count < 1.0 || spent < 1.0 {
        return Err(Trouble::new("the measurement was too short to count anything"));
    }
    Ok(Measured {
        cpu_us: spent / count,
        per_second: count / number("seconds")?,
        p50_us: number("p50_us")?,
        p99_us: number("p99_us")?,
    })
}

/// The measurement in the middle by one of its figures.
fn middle(all: &[Measured], by: fn(&Measured) -> f64) -> Measured {
    let mut sorted: Vec<&Measured> = all.iter().collect();
    sorted.sort_by(|left, right| by(left).total_cmp(&by(right)));
    let nothing = Measured { cpu_us: f64::NAN, per_second: 0.0, p50_us: 0.0, p99_us: 0.0 };
    sorted.get(sorted.len() / 2).map_or(nothing, |middle| (*middle).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = r#"{"requests":1000,"events":50,"refused":0,"seconds":2.000,"cpu_us":40000,"p50_us":90,"p99_us":300}"#;

    #[test]
    fn a_report_becomes_a_price_per_piece() {
        let expected = Measured { cpu_us: 40.0, per_second: 500.0, p50_us: 90.0, p99_us: 300.0 };
        assert_eq!(read(TOLD, false).unwrap(), expected);
        assert_eq!(read(TOLD, true).unwrap(), Measured { cpu_us: 800.0, per_second: 25.0, ..expected });
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        assert!(read(&TOLD.replace(r#""refused":0"#, r#""refused":3"#), false).is_err());
        assert!(read(&TOLD.replace(r#""requests":1000"#, r#""requests":0"#), false).is_err());
        assert!(read("{}", false).is_err());
        assert!(read("", true).is_err());
    }

    #[test]
    fn the_middle_is_not_the_mean() {
        let each = |cpu_us| Measured { cpu_us, per_second: 0.0, p50_us: 0.0, p99_us: 0.0 };
        assert_eq!(middle(&[each(9.0), each(1.0), each(2.0)], |each| each.cpu_us), each(2.0));
    }
}
