#![expect(clippy::disallowed_methods, reason = "a test that is over ends its tasks")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use schleuse_types::{Outcome, Secret};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{Cursor, ForwardConfig, ForwardKind, Forwarder};
use crate::dial::TlsTrust;
use crate::log::tests::{Folder, options};
use crate::{Event, Format, Log, Record};

/// What a target does with one post.
#[derive(Clone, Copy)]
enum Manner {
    Answers(u16),
    /// Takes it and goes away without a word.
    Breaks,
    Hangs,
}

/// A webhook by hand: whatever comes is kept, head and body; each post meets the next manner, those behind the last one the last.
async fn webhook(manners: &'static [Manner]) -> (SocketAddr, Arc<Mutex<Vec<(String, String)>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let kept = Arc::clone(&seen);
    tokio::spawn(async move {
        for number in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            let (head, body) = loop {
                assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
                let text = String::from_utf8(bytes.clone()).unwrap();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if length.is_none_or(|length| body.len() >= length.parse().unwrap()) {
                    break (head.to_owned(), body.to_owned());
                }
            };
            kept.lock().unwrap().push((head, body));
            match manners.get(number).or(manners.last()).unwrap() {
                Manner::Answers(status) => {
                    let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
                Manner::Breaks => {}
                Manner::Hangs => {
                    tokio::spawn(async move { stream.read(&mut [0; 1]).await });
                }
            }
        }
    });
    (address, seen)
}

fn config(kind: ForwardKind, address: SocketAddr) -> ForwardConfig {
    ForwardConfig {
        name: "siem".to_owned(),
        kind,
        url: format!("http://{address}/in?a=b")
            .replace("/in?a=b", if kind == ForwardKind::Otlp { "" } else { "/in?a=b" }),
        format: Format::Jsonl,
        trust: TlsTrust::default(),
        token: Some(Secret::new("t0ken".to_owned())),
    }
}

async fn append(log: &Log, count: u64) {
    for number in 0..count {
        let record = Record {
            request_id: format!("REQ{number}"),
            action: Some(Outcome::Allowed),
            ..Record::new(Event::LlmAdmit)
        };
        log.append(record).await.unwrap();
    }
}

/// Runs until everything was handed over.
async fn forward(forwarder: Forwarder, log: &Log) {
    let (standing, size) = (forwarder.standing(), log.metrics().size);
    let until = async {
        while standing.next() < size {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = forwarder.run() => {}
        done = tokio::time::timeout(Duration::from_secs(30), until) => done.unwrap(),
    }
}

fn indices(bodies: &[(String, String)]) -> Vec<u64> {
    let lines = bodies.iter().flat_map(|(_, body)| body.lines());
    lines.map(|line| serde_json::from_str::<Value>(line).unwrap()["index"].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_gets_every_entry_in_order_whatever_happens_between() {
    let folder = Folder::new();
    let (log, _) = Log::open(options(&folder)).unwrap();
    append(&log, 600).await;
    // It dies with the first batch in its hands, and is overloaded once.
    let (address, seen) = webhook(&[Manner::Breaks, Manner::Answers(503), Manner::Answers(204)]).await;
    let cursors = folder.0.join("forward");
    let config = config(ForwardKind::Webhook, address);
    forward(Forwarder::new(&log, &config, &cursors).unwrap(), &log).await;
    let first: Vec<(String, String)> = std::mem::take(&mut *seen.lock().unwrap());
    let size = log.metrics().size;
    let expected: Vec<u64> = (0..256).chain(0..256).chain(0..size).collect();
    assert_eq!(indices(&first), expected);
    let head = first[0].0.to_lowercase();
    assert!(head.starts_with("post /in?a=b http/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: bearer t0ken") && head.contains("application/x-ndjson"), "{head}");

    // The next run goes on where this one was.
    append(&log, 2).await;
    let forwarder = Forwarder::new(&log, &config, &cursors).unwrap();
    assert_eq!(forwarder.standing().next(), size);
    forward(forwarder, &log).await;
    assert_eq!(indices(&seen.lock().unwrap()), [size, size + 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_handed_over_in_smaller_pieces() {
    let folder = Folder::new();
    let (log, _) = Log::open(options(&folder)).unwrap();
    append(&log, 200).await;
    let (address, seen) = webhook(&[Manner::Answers(413), Manner::Answers(413), Manner::Answers(200)]).await;
    let config = config(ForwardKind::Webhook, address);
    forward(Forwarder::new(&log, &config, &folder.0.join("forward")).unwrap(), &log).await;
    let seen = seen.lock().unwrap();
    let sizes: Vec<usize> = seen.iter().map(|(_, body)| body.lines().count()).collect();
    assert_eq!(sizes.iter().take(4).copied().collect::<Vec<_>>(), [200, 128, 64, 64]);
    assert_eq!(indices(&seen[2..]), (0..log.metrics().size).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_a_target_that_hangs() {
    let folder = Folder::new();
    let (log, _) = Log::open(options(&folder)).unwrap();
    append(&log, 1).await;
    let (address, seen) = webhook(&[Manner::Hangs]).await;
    let config = config(ForwardKind::Webhook, address);
    let forwarder = Forwarder::new(&log, &config, &folder.0.join("forward")).unwrap();
    let standing = forwarder.standing();
    let hanging = tokio::spawn(forwarder.run());
    while seen.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    append(&log, 500).await;
    assert_eq!((standing.next(), log.metrics().size >= 501), (0, true));
    hanging.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_gets_log_records() {
    let folder = Folder::new();
    let (log, _) = Log::open(options(&folder)).unwrap();
    append(&log, 3).await;
    let (address, seen) = webhook(&[Manner::Answers(200)]).await;
    let config = config(ForwardKind::Otlp, address);
    forward(Forwarder::new(&log, &config, &folder.0.join("forward")).unwrap(), &log).await;
    let seen = seen.lock().unwrap();
    assert!(seen[0].0.starts_with("POST /v1/logs HTTP/1.1\r\n"), "{}", seen[0].0);
    let body: Value = serde_json::from_str(&seen[0].1).unwrap();
    let records = body["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array().unwrap().clone();
    assert_eq!(records.len() as u64, log.metrics().size);
    let last = records.last().unwrap();
    assert_eq!(
        (&last["severityText"], &last["eventName"]),
        (&Value::from("INFO"), &Value::from("schleuse.llm.admit"))
    );
    assert!(last["attributes"].to_string().contains("schleuse.request_id"));
}

#[test]
fn a_cursor_belongs_to_its_log() {
    let folder = Folder::new();
    let cursor = Cursor { path: folder.0.join("forward/siem") };
    assert_eq!(cursor.read("a").unwrap(), 0);
    cursor.write("a", 17).unwrap();
    assert_eq!((cursor.read("a").unwrap(), cursor.read("b").unwrap()), (17, 0));
    std::fs::write(&cursor.path, "a").unwrap();
    assert_eq!(cursor.read("a").unwrap(), 0);
}
