//! The load: keeps a number of connections busy for some seconds and prints one line of JSON with what was answered, how long
//! it took, and what the measured process spent meanwhile.
#![expect(
    clippy::disallowed_methods,
    reason = "measuring is about the real clock, and nothing here outlives the run"
)]

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode};
use schleuse_bench::flags::Flags;
use schleuse_bench::{Failure, connect, process};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const FLAGS: &[&str] = &["to", "pid", "connections", "seconds", "stream", "key", "model", "until"];

/// Before counting begins: connections are made, caches filled.
const WARM_UP: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let flags = Flags::parse(std::env::args().skip(1), FLAGS)?;
    let end = End::named(&flags.value("until", "reply".to_owned())?)?;
    let plan = Arc::new(Plan {
        to: flags.required("to")?,
        key: flags.value("key", String::new())?,
        question: question(&flags.value("model", "bench".to_owned())?, flags.value("stream", false)?, &end),
        end,
        counting: AtomicBool::new(false),
        ending: AtomicBool::new(false),
    });
    let pid: u32 = flags.required("pid")?;
    let mut workers = JoinSet::new();
    for _ in 0..flags.value("connections", 16_u32)? {
        workers.spawn(work(Arc::clone(&plan)));
    }
    tokio::time::sleep(WARM_UP).await;
    let spent_before = process::cpu_time(pid)?;
    let begun = Instant::now();
    plan.counting.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(flags.value("seconds", 5_u64)?)).await;
    plan.counting.store(false, Ordering::Relaxed);
    let spent = process::cpu_time(pid)?.saturating_sub(spent_before);
    let seconds = begun.elapsed();
    plan.ending.store(true, Ordering::Relaxed);

    let mut all = Tally::default();
    while let Some(tally) = workers.join_next().await {
        all.add(tally??);
    }
    println!("{}", all.report(seconds, spent));
    Ok(())
}

/// The step of the walk at which the requests end, what makes them end there, and how they are answered then.
struct End {
    /// Put behind the question's text.
    text: &'static str,
    /// Put behind the question's fields.
    field: &'static str,
    label: Option<&'static str>,
    status: StatusCode,
}

impl End {
    fn named(step: &str) -> Result<Self, Failure> {
        let end = |text, field, label, status| Ok(Self { text, field, label, status });
        match step {
            // With a key that nobody has, and with the auditor's: the caller names them.
            "verify" => end("", "", None, StatusCode::UNAUTHORIZED),
            "parse" => end("", r#","unknown":1"#, None, StatusCode::BAD_REQUEST),
            "decide" => end("", "", None, StatusCode::FORBIDDEN),
            "inspect" => end(" My account is DE89 3704 0044 0532 0130 00.", "", None, StatusCode::FORBIDDEN),
            "select" => end("", "", Some("SECRET"), StatusCode::FORBIDDEN),
            "reply" => end("", "", None, StatusCode::OK),
            _ => Err(format!(
                "`{step}` is no step; the steps are verify, parse, decide, inspect, select, reply"
            )
            .into()),
        }
    }
}

/// What every worker does.
struct Plan {
    to: SocketAddr,
    key: String,
    question: Bytes,
    end: End,
    counting: AtomicBool,
    ending: AtomicBool,
}

/// What was counted.
#[derive(Default)]
struct Tally {
    requests: u64,
    events: u64,
    refused: u64,
    latencies_us: Vec<u64>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.events += other.events;
        self.refused += other.refused;
        self.latencies_us.extend(other.latencies_us);
    }

    /// One line of JSON. `cpu_us` is what the measured process spent in the counted seconds.
    fn report(mut self, seconds: Duration, spent: Duration) -> String {
        self.latencies_us.sort_unstable();
        let at =
            |share: usize| self.latencies_us.get(self.latencies_us.len() * share / 100).copied().unwrap_or(0);
        format!(
            r#"{{"requests":{},"events":{},"refused":{},"seconds":{:.3},"cpu_us":{},"p50_us":{},"p99_us":{}}}"#,
            self.requests,
            self.events,
            self.refused,
            seconds.as_secs_f64(),
            spent.as_micros(),
            at(50),
            at(99)
        )
    }
}

/// About a kilobyte, like a person's question with a little context, and nothing in it that an inspection would stop but
/// what `end` puts there.
fn question(model: &str, stream: bool, end: &End) -> Bytes {
    let text = "Please explain in a few plain words how a canal lock lets a boat pass from one level to another, and why \
                both gates are never open at the same time. "
        .repeat(6);
    let stream = if stream { r#","stream":true"# } else { "" };
    Bytes::from(format!(
        r#"{{"model":"{model}","messages":[{{"role":"user","content":"{}{}"}}],"max_tokens":128{stream}{}}}"#,
        text.trim_end(),
        end.text,
        end.field
    ))
}

/// Asks again and again on one connection. What began before counting or ends after it is not counted as a request;
/// events count when they arrive.
async fn work(plan: Arc<Plan>) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    let mut sender = connect(plan.to).await?;
    while !plan.ending.load(Ordering::Relaxed) {
        if sender.ready().await.is_err() {
            sender = connect(plan.to).await?;
        }
        let mut request = Request::post("/v1/chat/completions")
            .header("host", plan.to.to_string())
            .header("content-type", "application/json");
        if !plan.key.is_empty() {
            request = request.header("authorization", format!("Bearer {}", plan.key));
        }
        if let Some(label) = plan.end.label {
            request = request.header("x-schleuse-label", label);
        }
        let counted = plan.counting.load(Ordering::Relaxed);
        let begun = Instant::now();
        let response = sender.send_request(request.body(Full::new(plan.question.clone()))?).await?;
        let refused = response.status() != plan.end.status;
        let mut body = response.into_body();
        let mut last = 0;
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                let events = ends_of_events(&data, &mut last);
                if plan.counting.load(Ordering::Relaxed) {
                    tally.events += events;
                }
            }
        }
        if counted && plan.counting.load(Ordering::Relaxed) {
            tally.requests += 1;
            tally.refused += u64::from(refused);
            tally.latencies_us.push(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
    }
    Ok(tally)
}

/// Counts empty lines, each of which ends an event; `last` carries the byte before over the edge of a piece.
fn ends_of_events(piece: &[u8], last: &mut u8) -> u64 {
    let mut ends = 0;
    for byte in piece {
        if *byte == b'\n' && *last == b'\n' {
            ends += 1;
            *last = 0;
        } else {
            *last = *byte;
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pieces: &[&str], expected: u64) {
        let mut last = 0;
        let found: u64 = pieces.iter().map(|piece| ends_of_events(piece.as_bytes(), &mut last)).sum();
        assert_eq!(found, expected, "{pieces:?}");
    }

    #[test]
    fn events_are_counted_wherever_a_stream_is_cut() {
        check(&["data: a\n\ndata: b\n\n"], 2);
        check(&["data: a\n", "\ndata: b\n", "\n"], 2);
        check(&["data: a", "\n", "\n"], 1);
        check(&["{\"id\":1}\n"], 0);
        check(&[], 0);
    }

    #[test]
    fn the_question_is_about_a_kilobyte() {
        for step in ["verify", "parse", "decide", "inspect", "select", "reply"] {
            let end = End::named(step).unwrap();
            assert!((900..1_200).contains(&question("bench", true, &end).len()), "{step}");
        }
    }
}
