//! The load on a model engine: asks for an answer on each of a number of streams at once and prints one line of JSON with
//! the LLM tokens that were read and written, and the seconds from the first question to the last answer's end.
#![expect(
    clippy::disallowed_methods,
    reason = "measuring is about the real clock, and nothing here outlives the run"
)]

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use schleuse_bench::flags::Flags;
use schleuse_bench::{Failure, connect};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::task::JoinSet;

const FLAGS: &[&str] = &["to", "streams", "words", "tokens", "seed"];

/// An engine may still be loading its model when it is first asked.
const LOADING_MAX: Duration = Duration::from_secs(60);
const LOADING_STEP: Duration = Duration::from_millis(100);
/// No measurement is worth more.
const ASKING_MAX: Duration = Duration::from_secs(90);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let flags = Flags::parse(std::env::args().skip(1), FLAGS)?;
    let to: Arc<str> = flags.required::<String>("to")?.into();
    let words = flags.value("words", 16_u64)?;
    let tokens = flags.value("tokens", 16_u64)?;
    let seed = flags.value("seed", 0_u64)?;
    tokio::time::timeout(LOADING_MAX, wait(&to)).await.map_err(|_| "the engine is not ready after 60 s")?;

    let mut senders = Vec::new();
    for stream in 0..flags.value("streams", 1_u64)? {
        // 64 streams at most are told apart by this, which is twice what is measured.
        senders.push((open(&to).await?, question(words, tokens, seed * 64 + stream)));
    }
    let begun = Instant::now();
    let mut asking: JoinSet<_> =
        senders.into_iter().map(|(sender, question)| ask(sender, question)).collect();
    let (mut read, mut written) = (0, 0);
    let answers = async {
        while let Some(answer) = asking.join_next().await {
            let usage = answer??;
            read += usage.read;
            written += usage.written;
        }
        Ok::<_, Failure>(())
    };
    tokio::time::timeout(ASKING_MAX, answers).await.map_err(|_| "the answers took more than 90 s")??;
    let seconds = begun.elapsed().as_secs_f64();
    println!(r#"{{"read":{read},"written":{written},"seconds":{seconds:.4}}}"#);
    Ok(())
}

/// A connection to a Unix socket, when the address is a path, or to `HOST:PORT`.
async fn open(to: &str) -> Result<SendRequest<Full<Bytes>>, Failure> {
    if !Path::new(to).is_absolute() {
        return connect(to.parse()?).await;
    }
    let (sender, connection) = handshake(TokioIo::new(UnixStream::connect(to).await?)).await?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// Returns when the engine says that it is well.
async fn wait(to: &str) {
    loop {
        if let Ok(mut sender) = open(to).await
            && let Ok(request) = request(Method::GET, "/health", Bytes::new())
            && let Ok(response) = sender.send_request(request).await
            && response.status() == StatusCode::OK
        {
            return;
        }
        tokio::time::sleep(LOADING_STEP).await;
    }
}

fn request(method: Method, path: &str, body: Bytes) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::new(body))
}

async fn ask(mut sender: SendRequest<Full<Bytes>>, question: Bytes) -> Result<Usage, Failure> {
    let response = sender.send_request(request(Method::POST, "/v1/completions", question)?).await?;
    let status = response.status();
    let answer = response.into_body().collect().await?.to_bytes();
    let answer = String::from_utf8(answer.to_vec())?;
    if status != StatusCode::OK {
        return Err(format!("the engine answered {status}: {answer}").into());
    }
    usage(&answer).ok_or_else(|| "the engine did not tell how many tokens it read and wrote".into())
}

/// LLM tokens of one answer.
#[derive(Debug, PartialEq)]
struct Usage {
    /// Without those that an earlier question had left computed.
    read: u64,
    written: u64,
}

/// Reads the usage chunk of a stream: it comes last, so of each number the last one counts.
fn usage(stream: &str) -> Option<Usage> {
    let number = |name: &str| {
        let (_, after) = stream.rsplit_once(name)?;
        let after = after.trim_start();
        let digits = after.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(after.len());
        after.get(..digits)?.parse::<u64>().ok()
    };
    stream.contains("data: [DONE]").then_some(())?;
    let cached = number(r#""cached_tokens":"#).unwrap_or(0);
    Some(Usage {
        read: number(r#""prompt_tokens":"#)?.checked_sub(cached)?,
        written: number(r#""completion_tokens":"#)?,
    })
}

/// About `words` LLM tokens of prompt that no other seed begins with, and an answer of exactly `tokens`.
fn question(words: u64, tokens: u64, seed: u64) -> Bytes {
    const WORDS: [&str; 16] = [
        "water", "gate", "boat", "level", "book", "house", "river", "keeper", "stone", "door", "light",
        "night", "paper", "market", "winter", "garden",
    ];
    let mut state = seed;
    let mut prompt = String::from("Go on:");
    for _ in 0..words {
        // Knuth's MMIX constants; its high bits are good enough for choosing words.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let word = usize::try_from(state >> 60).ok().and_then(|index| WORDS.get(index));
        prompt.push(' ');
        prompt.push_str(word.unwrap_or(&"water"));
    }
    Bytes::from(format!(
        concat!(
            r#"{{"prompt":"{}","max_tokens":{},"ignore_eos":true,"temperature":0,"#,
            r#""stream":true,"stream_options":{{"include_usage":true}}}}"#
        ),
        prompt, tokens
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stream: &str, expected: Option<(u64, u64)>) {
        assert_eq!(usage(stream), expected.map(|(read, written)| Usage { read, written }), "{stream}");
    }

    #[test]
    fn the_last_usage_of_a_whole_stream_counts() {
        let last =
            r#"data: {"choices":[],"usage":{"completion_tokens":4,"prompt_tokens": 8,"total_tokens":12"#;
        check(&format!("{last}}}}}\n\ndata: [DONE]\n\n"), Some((8, 4)));
        let cached = r#","prompt_tokens_details":{"cached_tokens":3}"#;
        check(&format!("{last}{cached}}}}}\n\ndata: [DONE]\n\n"), Some((5, 4)));
        let first = r#"data: {"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
        check(&format!("{first}\n\n{last}}}}}\n\ndata: [DONE]\n\n"), Some((8, 4)));
        check(&format!("{last}}}}}\n\n"), None);
        check("data: {\"usage\":null}\n\ndata: [DONE]\n\n", None);
        check("", None);
    }

    #[test]
    fn every_seed_asks_something_else_of_the_same_length() {
        let questions: Vec<String> =
            (0..64).map(|seed| String::from_utf8(question(32, 1, seed).to_vec()).unwrap()).collect();
        let distinct: std::collections::BTreeSet<_> = questions.iter().collect();
        assert_eq!(distinct.len(), questions.len());
        let words = |question: &String| question.split(' ').count();
        assert!(questions.iter().all(|question| words(question) == words(&questions[0])));
    }
}
