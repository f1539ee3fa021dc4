//! Arrivals and replies over the link.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use schleuse_types::{Language, Secret};
use schleuse_wire::{Arrival, BodyError, Credential, Exchange, Method, Peer, Reply, ReplyBody};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout};

use crate::fixtures::{Gate, SOON, arrival, body, events, reply, script, spawn, whole};

#[tokio::test]
async fn every_field_of_an_arrival_arrives_and_a_reply_comes_back() {
    let gate = Gate::start(script(|arrival: Arrival| {
        Box::pin(async move {
            let told = format!(
                "{:?} {} {:?} {:?} {:?} {:?} {:?} {:?} {}",
                arrival.method,
                arrival.path,
                arrival.query,
                arrival.credential.map(|credential| match credential {
                    Credential::Bearer(secret) => format!("bearer {}", secret.expose()),
                    Credential::Session(secret) => format!("session {}", secret.expose()),
                }),
                arrival.sign_in.map(|secret| secret.expose().clone()),
                arrival.last_event_id,
                arrival.label,
                arrival.language,
                arrival.peer.address,
            );
            let body = arrival.body.collect().await.unwrap().to_bytes();
            let mut reply = reply(201, format!("{told} {}", body.len()));
            reply.headers = vec![
                ("set-cookie", "a=1; Path=/".to_owned()),
                ("set-cookie", "b=2; Path=/".to_owned()),
                ("x-schleuse-request-id", "01J".to_owned()),
                ("x-invented", "gone".to_owned()),
            ];
            reply
        })
    }))
    .await;
    let mut sent = arrival(Method::Put, "/api/people/ä".replace('ä', "%C3%A4").as_str());
    sent.query = Some("a=1&b=%20".to_owned());
    sent.credential = Some(Credential::Session(Secret::new("ss-schl-x".to_owned())));
    sent.sign_in = Some(Secret::new("state".to_owned()));
    sent.last_event_id = Some("17".to_owned());
    sent.label = Some("ÖFFENTLICH".as_bytes().to_vec());
    sent.body = body(vec![b'x'; 300_000]);
    let reply = gate.edge().exchange(sent).await;
    assert_eq!(
        (reply.status, reply.headers.clone()),
        (
            201,
            vec![
                ("set-cookie", "a=1; Path=/".to_owned()),
                ("set-cookie", "b=2; Path=/".to_owned()),
                ("x-schleuse-request-id", "01J".to_owned()),
            ]
        )
    );
    assert_eq!(
        whole(reply),
        format!(
            "Put /api/people/%C3%A4 Some(\"a=1&b=%20\") Some(\"session ss-schl-x\") Some(\"state\") Some(\"17\") \
             Some({:?}) German 192.0.2.7 300000",
            "ÖFFENTLICH".as_bytes()
        )
    );

    let mut plain = arrival(Method::Other, "/");
    plain.credential = None;
    plain.language = Language::English;
    plain.peer = Peer { address: "2001:db8::1".parse().unwrap() };
    let reply = gate.edge().exchange(plain).await;
    assert_eq!(whole(reply), "Other / None None None None None English 2001:db8::1 0");
}

/// Gives out one event for each permission.
fn ticking(go: Arc<Notify>) -> impl Exchange {
    script(move |_| {
        let go = Arc::clone(&go);
        Box::pin(async move {
            let (sender, receiver) = mpsc::channel(1);
            spawn(async move {
                for n in 0.. {
                    go.notified().await;
                    if sender.send(Bytes::from(format!("data: {n}\n\n"))).await.is_err() {
                        return;
                    }
                }
            });
            Reply { status: 200, headers: Vec::new(), body: ReplyBody::Events(receiver) }
        })
    })
}

#[tokio::test]
async fn each_event_arrives_before_the_next_is_made() {
    let go = Arc::new(Notify::new());
    let gate = Gate::start(ticking(Arc::clone(&go))).await;
    let mut events = events(gate.edge().exchange(arrival(Method::Post, "/v1/chat/completions")).await);
    for n in 0..50 {
        go.notify_one();
        let event = timeout(SOON, events.recv()).await.unwrap().unwrap();
        assert_eq!(event, format!("data: {n}\n\n"));
    }
}

#[tokio::test]
async fn whoever_leaves_ends_the_work_at_the_gate_at_once() {
    /// Tells when it is dropped.
    struct Alive(mpsc::UnboundedSender<Instant>);
    impl Drop for Alive {
        fn drop(&mut self) {
            let _ = self.0.send(Instant::now());
        }
    }
    let (told, mut dropped) = mpsc::unbounded_channel();
    let reached = Arc::new(Notify::new());
    let has_reached = Arc::clone(&reached);
    let gate = Gate::start(script(move |arrival: Arrival| {
        let alive = Alive(told.clone());
        let has_reached = Arc::clone(&has_reached);
        Box::pin(async move {
            has_reached.notify_one();
            if arrival.path == "/v1/waits" {
                std::future::pending::<()>().await;
            }
            let (sender, receiver) = mpsc::channel(1);
            spawn(async move {
                let _alive = alive;
                let _ = sender.send(Bytes::from_static(b"data: 1\n\n")).await;
                sender.closed().await;
            });
            Reply { status: 200, headers: Vec::new(), body: ReplyBody::Events(receiver) }
        })
    }))
    .await;
    let edge = gate.edge();

    let coming = spawn(Arc::clone(&edge).exchange(arrival(Method::Post, "/v1/waits")));
    timeout(SOON, reached.notified()).await.unwrap();
    let left = Instant::now();
    coming.abort();
    let ended = timeout(SOON, dropped.recv()).await.unwrap().unwrap();
    let before_head = ended.duration_since(left);

    let mut stream = events(edge.exchange(arrival(Method::Post, "/v1/streams")).await);
    stream.recv().await.unwrap();
    let left = Instant::now();
    drop(stream);
    let ended = timeout(SOON, dropped.recv()).await.unwrap().unwrap();
    let in_stream = ended.duration_since(left);
    println!("cancelled after {before_head:?} before the head, {in_stream:?} in the stream");
    assert!(before_head < Duration::from_millis(250) && in_stream < Duration::from_millis(250));
}

#[tokio::test]
async fn a_body_arrives_while_it_is_being_sent() {
    let (told, mut pieces) = mpsc::unbounded_channel();
    let gate = Gate::start(script(move |mut arrival: Arrival| {
        let told = told.clone();
        async move {
            while let Some(Ok(frame)) = arrival.body.frame().await {
                let _ = told.send(frame.into_data().unwrap());
            }
            reply(200, "read")
        }
    }))
    .await;
    /// A body whose pieces come through a channel.
    struct Dripping(mpsc::Receiver<Bytes>);
    impl http_body::Body for Dripping {
        type Data = Bytes;
        type Error = BodyError;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, BodyError>>> {
            self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(http_body::Frame::data(piece))))
        }
    }
    let (sender, receiver) = mpsc::channel(1);
    let mut sent = arrival(Method::Post, "/v1/embeddings");
    sent.body = Box::pin(Dripping(receiver));
    let coming = spawn(gate.edge().exchange(sent));
    for piece in ["one", "two", "three"] {
        sender.send(Bytes::from_static(piece.as_bytes())).await.unwrap();
        assert_eq!(timeout(SOON, pieces.recv()).await.unwrap().unwrap(), piece);
    }
    drop(sender);
    assert_eq!(whole(timeout(SOON, coming).await.unwrap().unwrap()), "read");
}

#[tokio::test]
async fn without_a_gate_visitors_are_refused_in_their_language_and_served_when_it_is_back() {
    let serve = || {
        script(|arrival: Arrival| async move {
            if arrival.path != "/v1/stream" {
                return reply(200, "here");
            }
            let (sender, receiver) = mpsc::channel(1);
            spawn(async move {
                let _ = sender.send(Bytes::from_static(b"data: begun\n\n")).await;
                sender.closed().await;
            });
            Reply { status: 200, headers: Vec::new(), body: ReplyBody::Events(receiver) }
        })
    };
    let gate = Gate::start(serve()).await;
    let edge = gate.edge();
    let ask = async || Arc::clone(&edge).exchange(arrival(Method::Get, "/v1/models")).await;
    assert_eq!(whole(ask().await), "here");
    assert!(edge.is_up());
    let mut stream = events(Arc::clone(&edge).exchange(arrival(Method::Post, "/v1/stream")).await);
    assert_eq!(stream.recv().await.unwrap(), "data: begun\n\n");

    let address = gate.edge_door.clone();
    gate.close_edge_door().await;
    // Who was reading an answer is told that it is not whole.
    let last = timeout(SOON, stream.recv()).await.unwrap().unwrap();
    let last = std::str::from_utf8(&last).unwrap();
    assert!(last.starts_with("event: error\ndata: {\"error\":"), "{last}");
    assert!(last.contains("Die Verbindung zum inneren Teil"), "{last}");
    assert!(stream.recv().await.is_none());

    let refused = timeout(SOON, async {
        loop {
            let reply = ask().await;
            if reply.status == 503 {
                break reply;
            }
        }
    });
    let refused = refused.await.unwrap();
    assert!(refused.headers.contains(&("retry-after", "2".to_owned())), "{:?}", refused.headers);
    let text = whole(refused);
    assert!(text.contains("Der innere Teil von Schleuse ist nicht erreichbar."), "{text}");
    assert!(text.contains("\"code\":\"upstream_unavailable\""), "{text}");
    let mut english = arrival(Method::Get, "/v1/models");
    english.language = Language::English;
    let text = whole(Arc::clone(&edge).exchange(english).await);
    assert!(text.contains("The inner part of Schleuse cannot be reached."), "{text}");

    gate.open_edge_door(&address, serve()).await;
    let back = async {
        while ask().await.status != 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, back).await.expect("the link does not come back");
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused_and_ends_no_link() {
    let go = Arc::new(Notify::new());
    let gate = Gate::start(ticking(Arc::clone(&go))).await;
    let edge = gate.edge();
    let mut stream = events(Arc::clone(&edge).exchange(arrival(Method::Post, "/v1/chat/completions")).await);
    go.notify_one();
    stream.recv().await.unwrap();
    for bytes in [57 * 1024, 70 * 1024, 1024 * 1024] {
        let mut long = arrival(Method::Get, &format!("/{}", "x".repeat(bytes)));
        assert_eq!(Arc::clone(&edge).exchange(long).await.status, 400, "path of {bytes}");
        long = arrival(Method::Get, "/");
        long.credential = Some(Credential::Bearer(Secret::new("x".repeat(bytes))));
        assert_eq!(Arc::clone(&edge).exchange(long).await.status, 400, "credential of {bytes}");
    }
    // Just short enough, and all in one.
    let mut long = arrival(Method::Get, &format!("/{}", "x".repeat(50 * 1024)));
    long.last_event_id = Some("y".repeat(5 * 1024));
    assert_eq!(Arc::clone(&edge).exchange(long).await.status, 200);
    go.notify_one();
    assert_eq!(timeout(SOON, stream.recv()).await.unwrap().unwrap(), "data: 1\n\n");
}

#[tokio::test]
async fn a_request_that_meets_a_closing_link_is_sent_over_the_next_one() {
    let gate = Gate::start(script(|_| async { reply(200, "here") })).await;
    let edge = gate.edge();
    assert_eq!(whole(Arc::clone(&edge).exchange(arrival(Method::Get, "/v1/models")).await), "here");
    let address = gate.edge_door.clone();
    // Closed and opened again at once: the connection is dead, and the edge may not know it yet.
    gate.close_edge_door().await;
    gate.open_edge_door(&address, script(|_| async { reply(200, "again") })).await;
    assert_eq!(whole(edge.exchange(arrival(Method::Get, "/v1/models")).await), "again");
}

/// A gate that ends well: what runs is finished, and what comes while it ends is not lost but refused.
#[tokio::test]
async fn a_gate_that_stops_lets_streams_end() {
    let go = Arc::new(Notify::new());
    let gate = Gate::start(ticking(Arc::clone(&go))).await;
    let edge = gate.edge();
    let mut stream = events(Arc::clone(&edge).exchange(arrival(Method::Post, "/v1/chat/completions")).await);
    go.notify_one();
    stream.recv().await.unwrap();
    gate.doors.cancel();
    for n in 1..20 {
        go.notify_one();
        assert_eq!(timeout(SOON, stream.recv()).await.unwrap().unwrap(), format!("data: {n}\n\n"));
    }
}

/// How long until the first event, over the link and without it, in turn.
#[tokio::test]
async fn the_first_event_comes_about_as_soon_as_without_the_link() {
    const ROUNDS: usize = 200;
    let exchange = || {
        script(|_| async {
            let (sender, receiver) = mpsc::channel(1);
            spawn(async move {
                let _ = sender.send(Bytes::from_static(b"data: first\n\n")).await;
                sender.closed().await;
            });
            Reply { status: 200, headers: Vec::new(), body: ReplyBody::Events(receiver) }
        })
    };
    let gate = Gate::start(exchange()).await;
    let ways: [Arc<dyn Exchange>; 2] = [Arc::new(exchange()), gate.edge()];
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (way, times) in ways.iter().zip(&mut times) {
            let begun = Instant::now();
            let mut stream =
                events(Arc::clone(way).exchange(arrival(Method::Post, "/v1/chat/completions")).await);
            stream.recv().await.unwrap();
            times.push(begun.elapsed());
        }
    }
    let [direct, linked] = times.map(|mut times| {
        times.sort_unstable();
        (times[ROUNDS / 2], times[ROUNDS * 95 / 100])
    });
    println!("first event (median, 95 %): {direct:?} direct, {linked:?} over the link");
    assert!(linked.0.saturating_sub(direct.0) < Duration::from_millis(3), "{linked:?} against {direct:?}");
}

#[tokio::test]
async fn five_hundred_and_twelve_streams_share_one_link_and_slow_readers_stop_nobody() {
    const STREAMS: usize = 512;
    let connections = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&connections);
    let gate = Gate::start(script(move |arrival: Arrival| {
        seen.fetch_add(1, SeqCst);
        Box::pin(async move {
            let (sender, receiver) = mpsc::channel(1);
            spawn(async move {
                // More than all buffers on the way hold.
                let large = Bytes::from(format!("data: {}\n\n", "x".repeat(8 * 1024)));
                let count = if arrival.path == "/v1/slow" { 64 } else { 4 };
                for _ in 0..count {
                    if sender.send(large.clone()).await.is_err() {
                        return;
                    }
                }
                let _ = sender.send(Bytes::from_static(b"data: [DONE]\n\n")).await;
            });
            Reply { status: 200, headers: Vec::new(), body: ReplyBody::Events(receiver) }
        })
    }))
    .await;
    let edge = gate.edge();
    // Nobody reads these; each holds its own window and no more.
    let mut slow = Vec::new();
    for _ in 0..STREAMS - 1 {
        slow.push(events(Arc::clone(&edge).exchange(arrival(Method::Post, "/v1/slow")).await));
    }
    assert_eq!(connections.load(SeqCst), STREAMS - 1);
    let read = async {
        let mut quick = events(Arc::clone(&edge).exchange(arrival(Method::Post, "/v1/quick")).await);
        let mut last = Bytes::new();
        while let Some(event) = quick.recv().await {
            last = event;
        }
        last
    };
    let begun = Instant::now();
    let last = timeout(SOON, read).await.expect("a quick reader waits for slow ones");
    println!("a quick reader beside {} that stand still: {:?}", STREAMS - 1, begun.elapsed());
    assert!(last.ends_with(b"data: [DONE]\n\n"));
    // And the slow ones get all of theirs when they read.
    let mut bytes = 0;
    while let Some(event) = timeout(SOON, slow[0].recv()).await.unwrap() {
        bytes += event.len();
    }
    assert_eq!(bytes, 64 * (8 * 1024 + 8) + 14);
}

mod law {
    //! What is sent is what arrives, or it is refused; it is never something else.

    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    use super::*;

    type Sent = (String, Option<String>, Option<(bool, String)>, Option<String>, Option<Vec<u8>>, [u8; 4]);

    fn any_arrival() -> impl Strategy<Value = Sent> {
        (
            prop_oneof!["/[a-z0-9/%.~:@!$&'()*+,;=-]{0,30}", "/\\PC{0,12}", "\\PC{0,12}"],
            prop::option::of(prop_oneof!["[a-z0-9=&%?/]{0,30}", "\\PC{0,12}"]),
            prop::option::of((any::<bool>(), prop_oneof!["[ -~]{0,40}", "\\PC{0,12}"])),
            prop::option::of(prop_oneof!["[ -~]{0,20}", "\\PC{0,12}"]),
            prop::option::of(prop::collection::vec(any::<u8>(), 0..12)),
            any::<[u8; 4]>(),
        )
    }

    #[test]
    fn an_arrival_arrives_as_it_was_sent_or_is_refused() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (told, heard) = mpsc::unbounded_channel();
        let heard = std::cell::RefCell::new(heard);
        let gate = runtime.block_on(Gate::start(script(move |arrival: Arrival| {
            let credential = arrival.credential.map(|credential| match credential {
                Credential::Bearer(secret) => (true, secret.expose().clone()),
                Credential::Session(secret) => (false, secret.expose().clone()),
            });
            let _ = told.send((
                arrival.path,
                arrival.query,
                credential,
                arrival.last_event_id,
                arrival.label,
                arrival.peer.address,
            ));
            async { reply(200, "") }
        })));
        let edge = runtime.block_on(async { gate.edge() });
        let arrived = std::cell::Cell::new(0);
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(512) });
        let result = runner.run(&any_arrival(), |sent| {
            let (path, query, credential, last_event_id, label, address) = sent;
            let mut arrival = arrival(Method::Get, &path);
            arrival.query = query.clone();
            arrival.credential = credential.clone().map(|(is_bearer, secret)| match is_bearer {
                true => Credential::Bearer(Secret::new(secret)),
                false => Credential::Session(Secret::new(secret)),
            });
            arrival.last_event_id = last_event_id.clone();
            arrival.label = label.clone();
            arrival.peer = Peer { address: address.into() };
            let reply = runtime
                .block_on(async { timeout(SOON, Arc::clone(&edge).exchange(arrival)).await })
                .expect("neither answer nor refusal");
            let seen = heard.borrow_mut().try_recv();
            match seen {
                Ok(seen) => {
                    arrived.set(arrived.get() + 1);
                    prop_assert_eq!(reply.status, 200);
                    prop_assert_eq!((&seen.0, &seen.1, &seen.2), (&path, &query, &credential));
                    prop_assert_eq!((&seen.3, &seen.4), (&last_event_id, &label));
                    prop_assert!(seen.5 == std::net::IpAddr::from(address) || address[0] == 127);
                }
                Err(_) => prop_assert!(matches!(reply.status, 400 | 401), "{}", reply.status),
            }
            Ok(())
        });
        result.unwrap();
        // A law about refusals only would not say much.
        assert!(arrived.get() > 50, "{}", arrived.get());
    }
}
