//! An edge in wrong hands: a valid certificate and no manners.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use schleuse_wire::{Arrival, Credential, Exchange, Method as ArrivalMethod};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::client::TlsStream;

use super::identity::{connect, issued};
use crate::fixtures::{Gate, SOON, arrival, reply, script, spawn, whole};
use crate::party::PartyRole;

/// What a gate makes of an arrival when only the credential counts: its holder, and which path they asked for.
fn told(arrival: &Arrival) -> String {
    let holder = match &arrival.credential {
        Some(Credential::Bearer(secret)) if secret.expose() == "sk-alice" => "alice",
        Some(Credential::Session(secret)) if secret.expose() == "ss-bob" => "bob",
        Some(_) => "unknown",
        None => "nobody",
    };
    format!("{holder} {} {}", arrival.path, arrival.peer.address)
}

/// A house whose gate tells what it believes, and a connection of a hostile edge to it.
async fn house() -> (Gate, SendRequest<Full<Bytes>>) {
    let gate = Gate::start(script(|arrival: Arrival| async move { reply(200, told(&arrival)) })).await;
    let stream = stream(&gate).await;
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    spawn(connection);
    (gate, sender)
}

async fn stream(gate: &Gate) -> TlsStream<TcpStream> {
    let shown = issued(&gate.authority, PartyRole::Edge, "taken-over");
    connect(gate, &gate.edge_door, Some(shown), &[b"schleuse-exchange/1"]).await.unwrap()
}

async fn send(
    sender: &SendRequest<Full<Bytes>>,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<(u16, String), String> {
    let mut request = Request::builder().method(method).uri(format!("https://gate{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let sent = sender.clone().send_request(request.body(Full::new(Bytes::new())).unwrap());
    let response =
        timeout(SOON, sent).await.expect("neither answer nor refusal").map_err(|e| e.to_string())?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    Ok((status, String::from_utf8(body.to_vec()).unwrap()))
}

const LANGUAGE: (&str, &str) = ("accept-language", "en");
const PEER: (&str, &str) = ("x-schleuse-peer", "192.0.2.7");
const ALICE: (&str, &str) = ("authorization", "Bearer sk-alice");

#[tokio::test]
async fn an_edge_gives_its_visitors_nothing_but_their_own_credentials() {
    let (_gate, sender) = house().await;
    let check = async |headers: &[(&str, &str)], expected: &str| {
        let mut all = vec![LANGUAGE, PEER];
        all.extend_from_slice(headers);
        let (status, text) = send(&sender, Method::GET, "/v1/models", &all).await.unwrap();
        let said = if status == 200 { text } else { format!("{status}") };
        assert_eq!(said, expected, "{headers:?}");
    };
    let nobody = "nobody /v1/models 192.0.2.7";
    check(&[ALICE], "alice /v1/models 192.0.2.7").await;
    check(&[("authorization", "Session ss-bob")], "bob /v1/models 192.0.2.7").await;
    // Invented fields, and fields that mean something at other doors.
    for name in [
        "x-schleuse-person",
        "x-schleuse-principal",
        "x-schleuse-role",
        "x-schleuse-session",
        "x-schleuse-credential",
        "x_schleuse_peer",
        "x-forwarded-user",
        "x-forwarded-for",
        "x-real-ip",
        "x-remote-user",
        "x-api-key",
        "forwarded",
        "cookie",
        "proxy-authorization",
        "x-original-uri",
        "x-http-method-override",
        "spiffe-id",
        "x-client-cert",
    ] {
        check(&[(name, "sk-alice")], nobody).await;
        check(&[ALICE, (name, "admin")], "alice /v1/models 192.0.2.7").await;
    }
    check(&[("cookie", "__Host-schleuse=ss-bob; schleuse=ss-bob")], nobody).await;
    // What looks like a credential and is none.
    for wrong in [
        "sk-alice",
        "Basic c2stYWxpY2U6",
        "bearer sk-alice",
        "Principal alice",
        "Bearer",
        "Session",
        "",
        "Token sk-alice",
    ] {
        check(&[("authorization", wrong)], "400").await;
    }
    check(&[("authorization", "Bearer  sk-alice")], "unknown /v1/models 192.0.2.7").await;
    // Two of a kind: nobody may choose.
    check(&[ALICE, ("authorization", "Session ss-bob")], "400").await;
    check(&[ALICE, ALICE], "400").await;
    check(&[("x-schleuse-peer", "192.0.2.8")], "400").await;
    check(&[LANGUAGE], "400").await;
    check(&[("x-schleuse-label", "PUBLIC"), ("x-schleuse-label", "SECRET")], "400").await;
    check(&[("x-schleuse-sign-in", "a"), ("x-schleuse-sign-in", "b")], "400").await;
}

#[tokio::test]
async fn an_address_is_a_hint_and_never_this_machine() {
    let (_gate, sender) = house().await;
    let peer = async |address: &str| {
        send(&sender, Method::GET, "/x", &[LANGUAGE, ("x-schleuse-peer", address)]).await.unwrap()
    };
    assert_eq!(peer("198.51.100.9").await, (200, "nobody /x 198.51.100.9".to_owned()));
    // Here the edge itself is on this machine; elsewhere its own address would stand there.
    assert_eq!(peer("::1").await, (200, "nobody /x 127.0.0.1".to_owned()));
    assert_eq!(peer("::ffff:127.0.0.9").await, (200, "nobody /x 127.0.0.1".to_owned()));
    for wrong in ["", "localhost", "192.0.2.7, 127.0.0.1", "192.0.2.7:80", "192.0.2.07", "[::1]"] {
        assert_eq!(peer(wrong).await.0, 400, "{wrong}");
    }
    assert_eq!(send(&sender, Method::GET, "/x", &[LANGUAGE]).await.unwrap().0, 400);
}

#[tokio::test]
async fn paths_of_other_doors_lead_only_to_the_exchange() {
    let (gate, sender) = house().await;
    for path in [
        "/admin",
        "/metrics",
        "/livez",
        "/enrol",
        "/renew",
        "/flow/corp",
        "/health",
        "//v1/models",
        "/v1/../admin",
        "/%2e%2e/admin",
    ] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE]
        {
            let (status, text) = send(&sender, method, path, &[LANGUAGE, PEER]).await.unwrap();
            assert_eq!((status, text), (200, format!("nobody {path} 192.0.2.7")));
        }
    }
    let tunnel = send(&sender, Method::CONNECT, "", &[LANGUAGE, PEER]).await;
    assert!(matches!(tunnel, Ok((400, _))), "{tunnel:?}");
    assert_eq!(gate.connectors.status(), []);
}

#[tokio::test]
async fn huge_heads_are_refused_and_disturb_nobody() {
    let (gate, sender) = house().await;
    let huge = "x".repeat(80 * 1024);
    let answer = send(&sender, Method::GET, "/x", &[LANGUAGE, PEER, ("x-filler", &huge)]).await;
    assert!(matches!(&answer, Err(_) | Ok((431, _))), "{answer:?}");
    let other = gate.edge().exchange(arrival(ArrivalMethod::Get, "/x")).await;
    assert_eq!(whole(other), "unknown /x 192.0.2.7");
}

#[tokio::test]
async fn a_body_that_never_ends_ends_by_the_gates_clock() {
    let limits = crate::LinkLimits { body_idle: Duration::from_millis(100), ..crate::LinkLimits::default() };
    let gate = Gate::with_limits(
        script(|arrival: Arrival| async move {
            match arrival.body.collect().await {
                Ok(_) => reply(200, "whole"),
                Err(error) => reply(400, error.to_string()),
            }
        }),
        limits,
    )
    .await;
    let mut stream = raw(&gate).await;
    stream.write_all(&frame(HEADERS, END_HEADERS, 1, &head())).await.unwrap();
    stream.write_all(&frame(DATA, 0, 1, b"begun")).await.unwrap();
    stream.flush().await.unwrap();
    let mut seen = Vec::new();
    let read = async {
        while !seen.windows(15).any(|window| window == b"no byte of the ") {
            seen.push(stream.read_u8().await.unwrap());
        }
    };
    timeout(SOON, read).await.expect("the gate waits for ever");
}

/// One frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
const END_STREAM: u8 = 1;

/// A POST to `/`: `:method POST`, `:scheme https`, `:path /` from HPACK's static table and a literal `:authority`, then
/// the two fields without which an arrival is none.
fn head() -> Vec<u8> {
    let mut block = vec![0x83, 0x87, 0x84, 0x01, 4];
    block.extend(b"gate");
    for (name, value) in [LANGUAGE, PEER] {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
    }
    block
}

/// A connection of raw frames, ready for more.
async fn raw(gate: &Gate) -> TlsStream<TcpStream> {
    let mut stream = stream(gate).await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    stream
}

/// Sends until the gate hangs up; how many frames it took, or `None` when it never did.
async fn flood(
    stream: TlsStream<TcpStream>,
    frames_max: usize,
    mut next: impl FnMut(usize) -> Vec<u8>,
) -> Option<usize> {
    let (mut from, mut to) = tokio::io::split(stream);
    let reader = spawn(async move {
        let mut sink = vec![0; 64 * 1024];
        while matches!(from.read(&mut sink).await, Ok(1..)) {}
    });
    for sent in 0..frames_max {
        if reader.is_finished() || to.write_all(&next(sent)).await.is_err() {
            return Some(sent);
        }
        if to.flush().await.is_err() {
            return Some(sent);
        }
        // So that the gate reads as fast as this side writes.
        tokio::task::yield_now().await;
    }
    let _ = to.flush().await;
    timeout(Duration::from_secs(2), reader).await.is_ok().then_some(frames_max)
}

/// A house whose gate counts what it was asked, and where an answer takes a while.
async fn counting() -> (Gate, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let gate = Gate::start(script(move |arrival: Arrival| {
        counter.fetch_add(1, SeqCst);
        async move {
            if arrival.path == "/" {
                // As the walk does: the body is read, however long it is in coming.
                let _ = arrival.body.collect().await;
                std::future::pending::<()>().await;
            }
            reply(200, "in")
        }
    }))
    .await;
    (gate, asked)
}

/// What became of a flood.
struct Flooded {
    /// After how many frames the gate hung up, if it did.
    frames: Option<usize>,
    /// How many arrivals the exchange saw of it.
    arrivals: usize,
}

/// A neighbour does not notice a flood.
async fn check_flood(
    name: &str,
    frames_max: usize,
    next: impl FnMut(usize) -> Vec<u8> + Send + 'static,
) -> Flooded {
    let (gate, asked) = counting().await;
    let neighbour = gate.edge();
    assert_eq!(whole(Arc::clone(&neighbour).exchange(arrival(ArrivalMethod::Get, "/x")).await), "in");
    let mut stream = raw(&gate).await;
    // The positive control: what this side writes are requests, and the first of them arrives.
    stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &head())).await.unwrap();
    stream.flush().await.unwrap();
    let arrived = async {
        while asked.load(SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, arrived).await.expect("the first request does not arrive");
    let flooded = spawn(flood(stream, frames_max, next));
    let mut slowest = Duration::ZERO;
    let mut asked_meanwhile = 0;
    while !flooded.is_finished() {
        let begun = Instant::now();
        assert_eq!(whole(Arc::clone(&neighbour).exchange(arrival(ArrivalMethod::Get, "/x")).await), "in");
        slowest = slowest.max(begun.elapsed());
        asked_meanwhile += 1;
    }
    let frames = flooded.await.unwrap();
    let by_flood = asked.load(SeqCst) - asked_meanwhile - 2;
    println!(
        "{name}: closed after {frames:?} frames, {by_flood} arrivals; a neighbour waited {slowest:?} at most"
    );
    assert!(slowest < Duration::from_secs(1), "{name}: a neighbour waited {slowest:?}");
    Flooded { frames, arrivals: by_flood }
}

fn stream_id(n: usize) -> u32 {
    u32::try_from(n * 2 + 3).unwrap()
}

#[tokio::test]
async fn floods_are_bounded() {
    let rapid = check_flood("rapid reset", 2_000, |n| {
        let mut both = frame(HEADERS, END_HEADERS, stream_id(n), &head());
        both.extend(frame(RST_STREAM, 0, stream_id(n), &8_u32.to_be_bytes()));
        both
    })
    .await;
    // Each reset is one that visitors may well send; it is what they cost that ends.
    assert!(rapid.arrivals <= 600, "{}", rapid.arrivals);

    // Made to reset by the other side: a window update of nothing is an error of the stream (CVE-2025-8671).
    let made = check_flood("made to reset", 2_000, |n| {
        let mut both = frame(HEADERS, END_HEADERS, stream_id(n), &head());
        both.extend(frame(8, 0, stream_id(n), &0_u32.to_be_bytes()));
        both
    })
    .await;
    assert!(made.frames.is_some() && made.arrivals <= 600, "{}", made.arrivals);

    let continued = check_flood("continuation", 5_000, |n| match n {
        0 => frame(HEADERS, 0, 3, &head()),
        _ => frame(CONTINUATION, 0, 3, b"\x00\x01a\x01b"),
    })
    .await;
    assert!(continued.frames.is_some() && continued.arrivals == 0);
    let continued = check_flood("empty continuation", 5_000, |n| match n {
        0 => frame(HEADERS, 0, 3, &head()),
        _ => frame(CONTINUATION, 0, 3, b""),
    })
    .await;
    assert!(continued.frames.is_some() && continued.arrivals == 0);

    let empty = check_flood("empty data", 5_000, |n| match n {
        0 => frame(HEADERS, END_HEADERS, 3, &head()),
        _ => frame(DATA, 0, 3, b""),
    })
    .await;
    assert!(empty.frames.is_some());
    let closed = check_flood("data for a closed stream", 5_000, |n| match n {
        0 => frame(HEADERS, END_HEADERS | END_STREAM, 3, &head()),
        _ => frame(DATA, 0, 3, b"x"),
    })
    .await;
    assert!(closed.frames.is_some());
}

#[tokio::test]
async fn pings_and_settings_cost_their_sender_more() {
    let (gate, _) = counting().await;
    let neighbour = gate.edge();
    for (name, kind, payload) in [("ping", PING, [1; 8].as_slice()), ("settings", SETTINGS, &[])] {
        let payload = payload.to_vec();
        let flooded = spawn(flood(raw(&gate).await, 2_000, move |_| frame(kind, 0, 0, &payload)));
        let mut slowest = Duration::ZERO;
        while !flooded.is_finished() {
            let begun = Instant::now();
            assert_eq!(whole(Arc::clone(&neighbour).exchange(arrival(ArrivalMethod::Get, "/x")).await), "in");
            slowest = slowest.max(begun.elapsed());
        }
        println!("{name}: a neighbour waited {slowest:?} at most");
        assert!(slowest < Duration::from_secs(1), "{name}: a neighbour waited {slowest:?}");
    }
}
