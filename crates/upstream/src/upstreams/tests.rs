//! Against a fake model server on this machine.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use proptest::collection;
use proptest::prelude::*;
use schleuse_testkit::{End, FakeUpstream, Script, recording};
use schleuse_types::{Clock, Label, Random, RefusalCode, Secret, SystemClock, Tenant, Timestamp, Zone};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{ModelInfo, Route, Routing, UnknownUpstream, Upstreams, jittered};
use crate::prompt::PromptKey;
use crate::{Agreement, Answer, AskError, Question, UpstreamConfig, UpstreamConfigError, Weights};

const SOON: Duration = Duration::from_secs(10);

/// A clock that the test moves.
#[derive(Default)]
struct TestClock(AtomicU64);

impl TestClock {
    fn advance(&self, duration: Duration) {
        self.0.fetch_add(u64::try_from(duration.as_micros()).unwrap(), SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(SeqCst))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(SeqCst))
    }
}

fn config(name: &str, url: &str) -> UpstreamConfig {
    UpstreamConfig { models: Some(vec!["tiny".to_owned()]), ..UpstreamConfig::new(name, url) }
}

/// Without randomness, so that among equals the first one is asked.
struct Nothing;

impl Random for Nothing {
    fn fill(&self, _: &mut [u8]) -> std::io::Result<()> {
        Err(std::io::Error::other("no randomness"))
    }
}

fn upstreams(configs: Vec<UpstreamConfig>) -> Upstreams {
    at(configs, Arc::new(SystemClock::new()))
}

fn at(configs: Vec<UpstreamConfig>, clock: Arc<dyn Clock>) -> Upstreams {
    let routing = Routing { key: Some(PromptKey::fixed()), random: Box::new(Nothing), clock };
    Upstreams::with_routing(configs, routing, None).unwrap()
}

fn to(fakes: &[&FakeUpstream]) -> Upstreams {
    let configs = fakes.iter().zip(["a", "b", "c"]).map(|(fake, name)| config(name, &fake.url())).collect();
    upstreams(configs)
}

fn question(body: &'static str) -> Question {
    Question {
        path: "/v1/chat/completions",
        content_type: "application/json".to_owned(),
        body: Bytes::from_static(body.as_bytes()),
        stream: body.contains("stream"),
        request_id: "01ARYZ6S410000000000000000".to_owned(),
        cache_salt: None,
        sends_salt: true,
    }
}

const CHAT: &str = r#"{"model":"tiny","messages":[{"role":"user","content":"Grüße"}]}"#;
const STREAM: &str = r#"{"model":"tiny","messages":[{"role":"user","content":"Grüße"}],"stream":true}"#;

fn route(upstreams: &Upstreams) -> Route {
    upstreams.routes(&Tenant::HOUSE, "tiny").into_iter().next().unwrap()
}

async fn ask(upstreams: &Upstreams, body: &'static str) -> Result<Answer, AskError> {
    upstreams.ask(&route(upstreams), question(body)).await
}

async fn rest(mut answer: Answer) -> Result<Vec<Bytes>, AskError> {
    let mut pieces = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        pieces.push(piece);
    }
    Ok(pieces)
}

/// A port of this machine on which nobody listens.
async fn dead_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn is_send<T: Send>(value: T) -> T {
    value
}

#[tokio::test]
async fn a_recorded_answer_arrives_byte_for_byte() {
    let fake = FakeUpstream::start().await;
    let upstreams = to(&[&fake]);
    for name in ["02-chat", "03-chat-stream", "04-chat-tool-required", "16-chat-stream-usage-cont-logprobs"] {
        let recorded = recording(name).unwrap();
        let question = Question { body: recorded.request.body.clone().into(), ..question(CHAT) };
        let answer = is_send(upstreams.ask(&route(&upstreams), question)).await.unwrap();
        assert_eq!((answer.status, answer.replica.as_str()), (200, "a"));
        assert_eq!(answer.is_event_stream, recorded.response.is_event_stream());
        assert_eq!(is_send(rest(answer)).await.unwrap().concat(), recorded.response.body(), "{name}");
    }
    let counters = upstreams.status()[0].counters;
    assert_eq!((counters.questions, counters.answers_2xx, counters.cancelled), (4, 4, 0));
}

#[tokio::test]
async fn outgoing_headers_are_exactly_these() {
    let fake = FakeUpstream::builder().script(Script::json(200, "{}")).start().await;
    let with_key =
        UpstreamConfig { api_key: Some(Secret::new("sk-inner".into())), ..config("a", &fake.url()) };
    let upstreams = upstreams(vec![with_key]);
    for (body, accept) in [(CHAT, "application/json"), (STREAM, "text/event-stream")] {
        ask(&upstreams, body).await.unwrap().whole(100).await.unwrap();
        let seen = fake.questions().pop().unwrap();
        let mut headers = seen.headers.clone();
        headers.sort();
        let expected = [
            ("accept", accept),
            ("accept-encoding", "identity"),
            ("authorization", "Bearer sk-inner"),
            ("content-length", &body.len().to_string()),
            ("content-type", "application/json"),
            ("host", fake.url().strip_prefix("http://").unwrap()),
            ("user-agent", "schleuse"),
            ("x-request-id", "01ARYZ6S410000000000000000"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(headers, expected);
        assert_eq!(seen.body, body.as_bytes());
        assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/v1/chat/completions"));
    }
}

#[tokio::test]
async fn a_prefix_in_the_url_is_kept() {
    let fake = FakeUpstream::builder().script(Script::json(200, "{}")).start().await;
    for (suffix, expected) in [
        ("/v1", "/v1/chat/completions"),
        ("/team/", "/team/v1/chat/completions"),
        ("/team/v1", "/team/v1/chat/completions"),
    ] {
        let upstreams = upstreams(vec![config("a", &format!("{}{suffix}", fake.url()))]);
        ask(&upstreams, CHAT).await.unwrap();
        assert_eq!(fake.questions().pop().unwrap().path, expected);
    }
}

#[tokio::test]
async fn an_error_of_the_server_is_an_answer_and_not_retried() {
    for status in [400, 401, 404, 429, 500, 501, 503] {
        let first = FakeUpstream::builder()
            .script(Script::status(status).with_header("retry-after", "7"))
            .start()
            .await;
        let second = FakeUpstream::start().await;
        let upstreams = to(&[&first, &second]);
        let answer = ask(&upstreams, STREAM).await.unwrap();
        assert_eq!((answer.status, answer.retry_after_s, answer.is_event_stream), (status, Some(7), false));
        let body = answer.whole(1000).await.unwrap();
        assert!(std::str::from_utf8(&body).unwrap().contains(&format!("scripted status {status}")));
        assert_eq!(second.questions().len(), 0);
        // Only a status that blames the server sets it back.
        assert_eq!(upstreams.status()[0].healthy, !matches!(status, 500 | 503), "{status}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_tried_at_the_next_replica() {
    let fake = FakeUpstream::builder().script(Script::json(200, "{}")).start().await;
    let clock = Arc::new(TestClock::default());
    let configs = vec![config("dead", &dead_url().await), config("live", &fake.url())];
    let upstreams = at(configs, clock.clone());
    assert_eq!(route(&upstreams).replicas, ["dead", "live"]);
    assert_eq!(ask(&upstreams, CHAT).await.unwrap().replica, "live");
    let status = &upstreams.status()[0];
    assert_eq!((status.healthy, status.counters.retries, status.counters.connect_failures), (false, 1, 1));
    assert_eq!(status.reason.as_deref(), Some("cannot connect to upstream `dead`: connection refused"));

    // Set back: the next question does not meet it, until the back-off is over.
    assert_eq!(route(&upstreams).replicas, ["live", "dead"]);
    ask(&upstreams, CHAT).await.unwrap();
    assert_eq!(upstreams.status()[0].counters.questions, 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(route(&upstreams).replicas, ["dead", "live"]);
    ask(&upstreams, CHAT).await.unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(route(&upstreams).replicas, ["live", "dead"], "the second back-off is longer");
    clock.advance(Duration::from_secs(1));
    assert_eq!(route(&upstreams).replicas, ["dead", "live"]);
}

#[tokio::test]
async fn the_last_replica_stays_in_its_route() {
    let upstreams = upstreams(vec![config("only", &dead_url().await)]);
    for questions in 1..4 {
        let error = ask(&upstreams, CHAT).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot connect to upstream `only`: connection refused");
        assert_eq!(error.code(), RefusalCode::UpstreamUnavailable);
        let route = route(&upstreams);
        assert_eq!((route.healthy, route.replicas), (false, vec!["only".to_owned()]));
        assert_eq!(upstreams.status()[0].counters.questions, questions);
    }
}

#[tokio::test]
async fn when_all_replicas_are_dead_the_error_names_each() {
    let upstreams = upstreams(vec![config("a", &dead_url().await), config("b", "unix:/nowhere/vllm.sock")]);
    let error = ask(&upstreams, CHAT).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no replica can be reached: cannot connect to upstream `a`: connection refused; \
         cannot connect to upstream `b`: entity not found"
    );
}

#[tokio::test]
async fn a_route_is_asked_only_at_its_own_replicas() {
    let fake = FakeUpstream::start().await;
    let external = UpstreamConfig { zone: Zone::External, ..config("far", &fake.url()) };
    let upstreams = upstreams(vec![config("near", &dead_url().await), external]);
    let error = ask(&upstreams, CHAT).await.unwrap_err();
    assert!(matches!(error, AskError::Connect { replica, .. } if replica == "near"));
    assert_eq!(fake.requests().len(), 0);
    let forged = Route { replicas: vec!["far".to_owned()], ..route(&upstreams) };
    upstreams.ask(&forged, question(CHAT)).await.unwrap_err();
    assert_eq!(fake.requests().len(), 0, "a local route does not reach an external server");
    let nobody = Route { replicas: vec!["gone".to_owned()], ..route(&upstreams) };
    let error = upstreams.ask(&nobody, question(CHAT)).await.unwrap_err();
    assert_eq!(error.to_string(), "no replica can be reached: the route names no known upstream");
}

#[tokio::test]
async fn a_question_that_may_have_been_read_is_not_sent_again() {
    let second = FakeUpstream::start().await;
    for (script, reason) in [
        (Script::Raw(Vec::new()), "connection closed before message completed"),
        (Script::Raw(b"hello\r\n\r\n".to_vec()), "invalid HTTP version parsed"),
        (Script::status(302).with_header("location", "/elsewhere"), "status 302: redirects are not followed"),
        (Script::json(200, "x").with_header("content-encoding", "gzip"), "compressed"),
        (Script::Raw(b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec()), "status 101 is not an answer"),
        (Script::json(200, "x").with_header("x-long", &"a".repeat(70_000)), "message head is too large"),
    ] {
        let first = FakeUpstream::builder().script(script.clone()).start().await;
        let upstreams = to(&[&first, &second]);
        let error = ask(&upstreams, CHAT).await.unwrap_err();
        assert!(matches!(&error, AskError::Broken { replica, .. } if replica == "a"), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(error.code(), RefusalCode::UpstreamFailed);
        assert_eq!((first.questions().len(), second.requests().len()), (1, 0));
        let status = &upstreams.status()[0];
        assert_eq!((status.healthy, status.counters.broken, status.outstanding), (false, 1, 0));
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error() {
    let short = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec();
    for script in [Script::DieAfter(3), Script::deltas(&["a", "b"], End::Cut), Script::Raw(short)] {
        let fake = FakeUpstream::builder().script(script.clone()).start().await;
        let upstreams = to(&[&fake]);
        let mut answer = ask(&upstreams, STREAM).await.unwrap();
        let mut pieces = 0;
        let error = loop {
            match answer.chunk().await {
                Ok(Some(_)) => pieces += 1,
                Ok(None) => panic!("a clean end after {script:?}"),
                Err(error) => break error,
            }
        };
        assert!(pieces > 0);
        assert!(matches!(error, AskError::Broken { .. }), "{error}");
        assert!(answer.chunk().await.is_err(), "an error lasts");
        drop(answer);
        let counters = upstreams.status()[0].counters;
        assert_eq!((counters.broken, counters.cancelled), (1, 0));
    }
}

#[tokio::test]
async fn a_stream_without_done_ends_cleanly_here() {
    let fake = FakeUpstream::builder().script(Script::deltas(&["a"], End::NoDone)).start().await;
    let whole = ask(&to(&[&fake]), STREAM).await.unwrap().whole(10_000).await.unwrap();
    assert!(!whole.ends_with(b"[DONE]\n\n"));
}

#[tokio::test]
async fn dropping_an_answer_reaches_the_server_at_once() {
    let pause = Duration::from_millis(20);
    let fake = FakeUpstream::builder().script(Script::Echo { piece_bytes: 1, pause }).start().await;
    let upstreams = to(&[&fake]);
    let mut answer = ask(&upstreams, STREAM).await.unwrap();
    answer.chunk().await.unwrap().unwrap();
    assert_eq!((fake.aborted(), upstreams.status()[0].outstanding), (0, 1));
    drop(answer);
    assert!(fake.wait_for_aborts(1, Duration::from_secs(1)).await);
    let status = &upstreams.status()[0];
    assert_eq!((status.outstanding, status.counters.cancelled, status.healthy), (0, 1, true));
}

#[tokio::test]
async fn leaving_before_the_head_reaches_the_server_too() {
    let fake = FakeUpstream::builder().script(Script::Hang).start().await;
    let upstreams = to(&[&fake]);
    tokio::select! {
        answer = ask(&upstreams, CHAT) => panic!("{answer:?}"),
        arrived = fake.wait_for_questions(1, SOON) => assert!(arrived),
    }
    assert!(fake.wait_for_aborts(1, Duration::from_secs(1)).await);
    assert_eq!(upstreams.status()[0].outstanding, 0);
}

async fn check_time_out(script: Script, change: impl FnOnce(&mut UpstreamConfig), expected: &str) {
    let fake = FakeUpstream::builder().script(script).start().await;
    let mut config = config("a", &fake.url());
    change(&mut config);
    let upstreams = upstreams(vec![config]);
    let error = match ask(&upstreams, STREAM).await {
        Ok(answer) => rest(answer).await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!((error.to_string().as_str(), error.code()), (expected, RefusalCode::UpstreamTimeout));
    let status = &upstreams.status()[0];
    assert_eq!((status.counters.timeouts, status.healthy, status.outstanding), (1, false, 0));
    assert!(fake.wait_for_aborts(1, SOON).await);
}

#[tokio::test]
async fn slow_servers_run_into_their_time_outs() {
    let short = Duration::from_millis(100);
    let stalls = |texts: &[&str]| Script::deltas(texts, End::Hang);
    let only_a_head = Script::Sse { chunks: Vec::new(), end: End::Hang };
    let no_first_byte = "upstream `a`: no first byte in time";
    check_time_out(Script::Hang, |config| config.first_byte_timeout = short, no_first_byte).await;
    check_time_out(
        only_a_head,
        |config| (config.first_byte_timeout, config.idle_timeout) = (short * 5, short),
        no_first_byte,
    )
    .await;
    check_time_out(
        stalls(&["x"]),
        |config| config.idle_timeout = short,
        "upstream `a`: no next byte in time",
    )
    .await;
}

#[tokio::test]
async fn giving_up_and_waiting_again_does_not_put_the_time_out_off() {
    let stalls = FakeUpstream::builder().script(Script::deltas(&["x"], End::Hang)).start().await;
    let impatient = UpstreamConfig { idle_timeout: Duration::from_millis(100), ..config("a", &stalls.url()) };
    let mut answer = ask(&upstreams(vec![impatient]), STREAM).await.unwrap();
    let ended = async {
        loop {
            // A caller who has something else to do every few milliseconds.
            if let Ok(Err(error)) = tokio::time::timeout(Duration::from_millis(5), answer.chunk()).await {
                return error;
            }
        }
    };
    let error = tokio::time::timeout(SOON, ended).await.unwrap();
    assert_eq!(error, AskError::Timeout { replica: "a".to_owned(), what: "next byte" });
}

#[tokio::test]
async fn a_slow_first_byte_is_no_idle_connection() {
    let pause = Duration::from_millis(200);
    let chunks = vec![(pause, "data: 1\n\n".to_owned())];
    let fake = FakeUpstream::builder().script(Script::Sse { chunks, end: End::NoDone }).start().await;
    let patient = UpstreamConfig { idle_timeout: Duration::from_millis(50), ..config("a", &fake.url()) };
    assert_eq!(
        rest(ask(&upstreams(vec![patient]), STREAM).await.unwrap()).await.unwrap().concat(),
        b"data: 1\n\n"
    );
}

#[tokio::test]
async fn a_large_answer_is_refused_before_it_is_held() {
    let told = FakeUpstream::builder().script(Script::json(200, "x".repeat(1001))).start().await;
    let streamed = FakeUpstream::builder().script(Script::deltas(&["x"; 20], End::Clean)).start().await;
    for fake in [&told, &streamed] {
        let error = ask(&to(&[fake]), CHAT).await.unwrap().whole(1000).await.unwrap_err();
        assert_eq!(error.to_string(), "the answer of upstream `a` has more than 1000 bytes");
    }
    // The announced length is enough: this body never comes.
    let announced = b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\nx".to_vec();
    let announced = FakeUpstream::builder().script(Script::Raw(announced)).start().await;
    let error = ask(&to(&[&announced]), CHAT).await.unwrap().whole(1000).await.unwrap_err();
    assert!(matches!(error, AskError::TooLarge { bytes_max: 1000, .. }), "{error}");
    assert_eq!(ask(&to(&[&told]), CHAT).await.unwrap().whole(1001).await.unwrap().len(), 1001);
}

#[tokio::test]
async fn a_whole_answer_leaves_its_connection_for_the_next() {
    let fake = FakeUpstream::builder().script(Script::echo(2)).start().await;
    let upstreams = to(&[&fake]);
    for body in [CHAT, STREAM, CHAT, STREAM] {
        ask(&upstreams, body).await.unwrap().whole(100_000).await.unwrap();
    }
    assert_eq!((fake.connections(), fake.questions().len()), (1, 4));
    // An answer that was not read to its end takes its connection along.
    drop(ask(&upstreams, STREAM).await.unwrap());
    ask(&upstreams, CHAT).await.unwrap();
    assert_eq!(fake.connections(), 2);
}

/// Asks twice; between the questions the server does `meanwhile` to the connection that waits.
async fn check_idle(meanwhile: impl AsyncFnOnce(TcpStream)) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let upstreams = upstreams(vec![config("a", &format!("http://{address}"))]);
    let serve = async |body: &str| {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(CHAT.as_bytes()) {
            assert!(connection.read_buf(&mut request).await.unwrap() > 0);
        }
        connection.write_all(message(body).as_bytes()).await.unwrap();
        connection
    };
    let ask = async || ask(&upstreams, CHAT).await.unwrap().whole(100).await.unwrap();

    let (answer, waiting) = tokio::join!(ask(), serve("first"));
    assert_eq!(answer, "first");
    meanwhile(waiting).await;
    // Something that goes over the network and back, after which the above has arrived.
    let (other, _) = tokio::join!(TcpStream::connect(address), listener.accept());
    other.unwrap();
    let again = async { tokio::join!(ask(), serve("second")).0 };
    assert_eq!(tokio::time::timeout(SOON, again).await.unwrap(), "second");
}

fn message(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn an_idle_connection_that_closed_costs_nothing() {
    check_idle(async |waiting| drop(waiting)).await;
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_answers_nobody() {
    let mut open = None;
    check_idle(async |mut waiting: TcpStream| {
        waiting.write_all(message("smuggled").as_bytes()).await.unwrap();
        open = Some(waiting);
    })
    .await;
    drop(open);
}

#[tokio::test]
async fn connections_that_waited_long_are_not_used() {
    let fake = FakeUpstream::builder().script(Script::json(200, "{}")).start().await;
    let clock = Arc::new(TestClock::default());
    let upstreams = Upstreams::new(vec![config("a", &fake.url())], clock.clone()).unwrap();
    for (pause, connections) in [(0, 1), (2999, 1), (3000, 2), (10_000, 3), (0, 3)] {
        clock.advance(Duration::from_millis(pause));
        ask(&upstreams, CHAT).await.unwrap().whole(100).await.unwrap();
        assert_eq!(fake.connections(), connections, "after {pause} ms");
    }
}

#[tokio::test]
async fn the_replica_with_the_fewest_questions_is_asked_first() {
    let fakes = [FakeUpstream::start().await, FakeUpstream::start().await, FakeUpstream::start().await];
    for fake in &fakes {
        fake.set_script(Script::deltas(&["x"], End::Hang));
    }
    let upstreams = to(&[&fakes[0], &fakes[1], &fakes[2]]);
    let mut answers = Vec::new();
    for _ in 0..9 {
        answers.push(ask(&upstreams, STREAM).await.unwrap());
    }
    for (fake, status) in fakes.iter().zip(upstreams.status()) {
        assert_eq!((fake.questions().len(), status.outstanding), (3, 3));
    }
    answers.retain(|answer| answer.replica != "b");
    assert_eq!(route(&upstreams).replicas, ["b", "a", "c"]);
}

#[tokio::test]
async fn a_replica_that_is_drained_gets_no_new_question() {
    let fakes = [FakeUpstream::start().await, FakeUpstream::start().await];
    for fake in &fakes {
        fake.set_script(Script::deltas(&["x"], End::Hang));
    }
    let upstreams = to(&[&fakes[0], &fakes[1]]);
    let before = route(&upstreams);
    let running = ask(&upstreams, STREAM).await.unwrap();
    assert_eq!(running.replica, "a");
    let drained = upstreams.drain("a").unwrap();
    assert_eq!((drained.draining, drained.outstanding, drained.healthy), (true, 1, true));
    assert_eq!(route(&upstreams).replicas, ["b"]);
    for _ in 0..3 {
        // Also when it was admitted before.
        assert_eq!(upstreams.ask(&before, question(STREAM)).await.unwrap().replica, "b");
    }
    assert_eq!(upstreams.status()[0].outstanding, 1, "what runs goes on");
    drop(running);
    assert_eq!(upstreams.status()[0].outstanding, 0);

    upstreams.drain("b").unwrap();
    let closed = route(&upstreams);
    assert_eq!((closed.healthy, closed.replicas.len()), (false, 2));
    let error = upstreams.ask(&closed, question(STREAM)).await.unwrap_err();
    assert_eq!(error.to_string(), "no replica can be reached: all that may be asked are being drained");
    assert_eq!(error.code(), RefusalCode::UpstreamUnavailable);
    assert!(!upstreams.undrain("b").unwrap().draining);
    assert_eq!(ask(&upstreams, STREAM).await.unwrap().replica, "b");
    assert_eq!(upstreams.drain("c").unwrap_err(), UnknownUpstream);
    assert_eq!(upstreams.undrain("").unwrap_err(), UnknownUpstream);
}

/// Asks with a prompt of 4000 letters, and reads the answer.
async fn ask_long(upstreams: &Upstreams, letter: &str, salt: Option<&str>) -> String {
    let body = format!(r#"{{"model":"tiny","prompt":"{}"}}"#, letter.repeat(4000));
    let question = Question { body: body.into(), cache_salt: salt.map(str::to_owned), ..question(CHAT) };
    let answer = upstreams.ask(&route(upstreams), question).await.unwrap();
    let replica = answer.replica.clone();
    answer.whole(1000).await.unwrap();
    replica
}

#[tokio::test]
async fn a_prompt_goes_where_its_beginning_is_remembered() {
    let fakes = [FakeUpstream::start().await, FakeUpstream::start().await];
    for fake in &fakes {
        fake.set_script(Script::json(200, "{}"));
    }
    let upstreams = to(&[&fakes[0], &fakes[1]]);
    // While `a` is busy, the prompt goes to `b`; when nobody is busy any more, it still does.
    fakes[0].set_script(Script::Hang);
    let here = route(&upstreams);
    let busy = upstreams.ask(&here, question(CHAT));
    tokio::select! {
        answer = busy => panic!("{answer:?}"),
        () = async {
            assert!(fakes[0].wait_for_questions(1, SOON).await);
            assert_eq!(ask_long(&upstreams, "x", Some("tenant-1")).await, "b");
        } => {}
    }
    fakes[0].set_script(Script::json(200, "{}"));
    assert_eq!(ask_long(&upstreams, "x", Some("tenant-1")).await, "b");
    assert_eq!(ask_long(&upstreams, "y", Some("tenant-1")).await, "a");
    assert_eq!(ask_long(&upstreams, "x", Some("tenant-2")).await, "a", "nothing is shared");
    let picks = upstreams.status()[1].counters.picks;
    assert_eq!((picks.load, picks.prefix), (1, 1));
    let counters = upstreams.status()[1].counters;
    assert_eq!(counters.prompt_tokens, 2 * 1001);
    assert!((980..1001).contains(&counters.prompt_tokens_remembered), "{counters:?}");
}

/// Outside the house, with an agreement that holds.
fn external(config: UpstreamConfig) -> UpstreamConfig {
    UpstreamConfig { zone: Zone::External, agreement: Some(Agreement { until_s: u64::MAX }), ..config }
}

#[tokio::test]
async fn a_closed_upstream_is_not_dialled() {
    let fake = FakeUpstream::builder().script(Script::json(200, "{}")).start().await;
    let closed =
        UpstreamConfig { agreement: Some(Agreement { until_s: 1 }), ..external(config("far", &fake.url())) };
    for config in [
        closed.clone(),
        UpstreamConfig { agreement: None, ..closed.clone() },
        UpstreamConfig { url: String::new(), agreement: None, ..closed },
    ] {
        let upstreams = upstreams(vec![config]);
        upstreams.refresh().await;
        let route = route(&upstreams);
        assert!(!route.open && !upstreams.status()[0].open);
        let error = upstreams.ask(&route, question(CHAT)).await.unwrap_err();
        assert!(matches!(error, AskError::NoReplica { .. }), "{error}");
    }
    assert_eq!(fake.connections(), 0);
}

#[tokio::test]
async fn the_tenants_salt_is_in_the_body_inside_the_house_only() {
    let fake = FakeUpstream::builder().script(Script::json(200, "{}")).start().await;
    let salted = |salt: &str| Question { cache_salt: Some(salt.to_owned()), ..question(CHAT) };
    let inside = to(&[&fake]);
    inside.ask(&route(&inside), salted("dGVuYW50")).await.unwrap();
    let body = fake.questions().pop().unwrap().body;
    assert_eq!(body, CHAT.replacen('{', r#"{"cache_salt":"dGVuYW50","#, 1).as_bytes());
    let error = inside.ask(&route(&inside), salted("\"")).await.unwrap_err();
    assert!(matches!(error, AskError::Unsendable { .. }), "{error}");
    // Where servers have no such member, prompts are compared under it all the same.
    let unsent = Question { sends_salt: false, ..salted("dGVuYW50") };
    inside.ask(&route(&inside), unsent).await.unwrap();
    assert_eq!(fake.questions().pop().unwrap().body, CHAT.as_bytes());
    let outside = upstreams(vec![external(config("far", &fake.url()))]);
    outside.ask(&route(&outside), salted("dGVuYW50")).await.unwrap();
    assert_eq!(fake.questions().pop().unwrap().body, CHAT.as_bytes());
}

#[tokio::test]
async fn servers_with_siblings_are_asked_how_busy_they_are() {
    let busy = b"vllm:num_requests_running 5\nvllm:num_requests_waiting 9\nvllm:kv_cache_usage_perc 0.5\n";
    let fakes = [FakeUpstream::start().await, FakeUpstream::start().await];
    let clock = Arc::new(TestClock::default());
    let configs = fakes.iter().zip(["a", "b"]).map(|(fake, name)| config(name, &fake.url())).collect();
    let upstreams = at(configs, clock.clone());
    let page = |page: &[u8]| Script::json(200, std::str::from_utf8(page).unwrap());
    fakes[0].set_script_at("/metrics", page(busy));
    fakes[1].set_script_at("/metrics", Script::status(404));
    upstreams.refresh().await;
    let status = upstreams.status();
    assert_eq!((status[0].waiting, status[0].kv_usage_percent), (Some(9), Some(50)));
    assert_eq!((status[1].waiting, status[1].healthy), (None, true));
    for fake in &fakes {
        fake.set_script(Script::json(200, "{}"));
    }
    let asked = async || ask(&upstreams, CHAT).await.unwrap().replica.clone();
    assert_eq!(asked().await, "b");
    // What is old says nothing, and what is too long is not read.
    clock.advance(Duration::from_secs(21));
    assert_eq!(asked().await, "a");
    fakes[0].set_script_at("/metrics", page(&busy.repeat(20_000)));
    upstreams.refresh().await;
    assert_eq!(asked().await, "a");
    // Alone, it is not asked.
    let alone = to(&[&fakes[0]]);
    let before = fakes[0].requests().len();
    alone.refresh().await;
    assert_eq!(fakes[0].requests().len() - before, 1);
}

#[tokio::test]
async fn a_replica_that_often_fails_is_set_aside_and_the_last_one_never() {
    let fakes = [FakeUpstream::start().await, FakeUpstream::start().await];
    fakes[1].set_script(Script::json(200, "{}"));
    let clock = Arc::new(TestClock::default());
    let configs = fakes.iter().zip(["a", "b"]).map(|(fake, name)| config(name, &fake.url())).collect();
    let upstreams = at(configs, clock.clone());
    // Every other answer turns the question away, which sets nobody back by itself.
    for turn in 0..20 {
        fakes[0].set_script(Script::status(if turn % 2 == 0 { 429 } else { 400 }));
        ask(&upstreams, CHAT).await.unwrap();
    }
    assert_eq!(ask(&upstreams, CHAT).await.unwrap().replica, "b");
    let status = upstreams.status().remove(0);
    assert_eq!((status.healthy, status.counters.ejections), (false, 1));
    assert_eq!(status.reason.as_deref(), Some("50 % of its last questions failed"));
    upstreams.drain("b").unwrap();
    assert_eq!(ask(&upstreams, CHAT).await.unwrap().replica, "a");
    upstreams.undrain("b").unwrap();
    clock.advance(Duration::from_secs(10));
    assert!(upstreams.status()[0].healthy);
    assert_eq!(ask(&upstreams, CHAT).await.unwrap().replica, "b", "it comes back slowly");
    clock.advance(Duration::from_secs(30));
    assert_eq!(ask(&upstreams, CHAT).await.unwrap().replica, "a");
}

#[tokio::test]
async fn a_server_without_configured_models_is_asked() {
    let fake = FakeUpstream::builder().models(&["tiny", "lora-a", "lora-b"]).start().await;
    let small = FakeUpstream::builder().models(&["small", "tiny"]).start().await;
    let upstreams = upstreams(vec![
        config("given", &dead_url().await),
        UpstreamConfig::new("asked", fake.url()),
        UpstreamConfig { max_label: Label::PUBLIC, ..external(UpstreamConfig::new("far", small.url())) },
    ]);
    let ids = |upstreams: &Upstreams| {
        upstreams.models(&Tenant::HOUSE).into_iter().map(|model| model.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&upstreams), ["tiny"]);
    upstreams.refresh().await;
    assert_eq!(ids(&upstreams), ["tiny", "lora-a", "lora-b", "small"]);
    let models = upstreams.models(&Tenant::HOUSE);
    assert_eq!(models[0].upstreams, ["given", "asked", "far"]);
    assert_eq!((models[0].max_model_len, models[0].zone), (Some(2048), Zone::Local));
    assert_eq!((models[3].zone, &models[3].max_label), (Zone::External, &Label::PUBLIC));
    let routes = upstreams.routes(&Tenant::HOUSE, "tiny");
    assert_eq!(routes.len(), 2);
    assert_eq!(routes[0].replicas, ["asked", "given"], "what cannot be reached stands behind");
    assert_eq!((routes[1].zone, &routes[1].max_label), (Zone::External, &Label::PUBLIC));
    assert_eq!(upstreams.routes(&Tenant::HOUSE, "nobody's"), []);

    // A server that goes away keeps its models; one that serves others has others.
    small.set_script_at("/v1/models", Script::status(500));
    fake.set_script_at("/v1/models", Script::json(200, r#"{"data":[{"id":"new"}]}"#));
    upstreams.refresh().await;
    assert_eq!(ids(&upstreams), ["tiny", "new", "small"]);
    for body in ["", "{}", "[1]", "<html>"] {
        fake.set_script_at("/v1/models", Script::json(200, body));
        upstreams.refresh().await;
        assert_eq!(ids(&upstreams), ["tiny", "new", "small"], "{body}");
        let status = upstreams.status().remove(1);
        assert!(status.healthy && status.models_error.is_some(), "{status:?}");
    }
}

#[tokio::test]
async fn probes_judge_by_connection_and_status() {
    let fake = FakeUpstream::start().await;
    let upstreams = to(&[&fake]);
    for (script, reason) in [
        (Script::status(503), Some("/health answered 503")),
        (Script::status(404), None),
        (Script::status(401), None),
        (Script::Raw(b"?".to_vec()), Some("invalid HTTP version parsed")),
        (Script::json(200, ""), None),
    ] {
        fake.set_script_at("/health", script.clone());
        upstreams.refresh().await;
        let status = upstreams.status().remove(0);
        assert_eq!((status.healthy, status.reason.as_deref()), (reason.is_none(), reason), "{script:?}");
    }
    fake.stop().await;
    upstreams.refresh().await;
    assert_eq!(upstreams.status()[0].reason.as_deref(), Some("connection refused"));
}

#[tokio::test]
async fn a_server_that_comes_back_is_noticed_by_the_watch() {
    let url = dead_url().await;
    let upstreams = upstreams(vec![config("a", &url)]);
    upstreams.refresh().await;
    assert!(!upstreams.status()[0].healthy);
    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    let fake = FakeUpstream::builder().port(port).start().await;
    upstreams.refresh().await;
    assert!(upstreams.status()[0].healthy);
    drop(fake);
}

#[tokio::test]
async fn the_watch_probes_again_and_again_until_it_is_stopped() {
    let fake = FakeUpstream::start().await;
    let upstreams = to(&[&fake]);
    let three_probes = async { assert!(fake.wait_for_requests(3, SOON).await) };
    upstreams.watch_every(Duration::from_millis(1), three_probes).await;
    assert!(
        fake.requests().iter().all(|seen| (seen.method.as_str(), seen.path.as_str()) == ("GET", "/health"))
    );
}

#[tokio::test]
async fn a_unix_socket_is_a_server_too() {
    let path = std::env::temp_dir().join(format!("schleuse-upstream-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let fake = FakeUpstream::builder().unix(&path).script(Script::echo(4)).start().await;
    let upstreams = upstreams(vec![UpstreamConfig::new("worker", fake.url())]);
    upstreams.refresh().await;
    let answer = ask(&upstreams, STREAM).await.unwrap();
    assert!(answer.is_event_stream);
    assert!(!rest(answer).await.unwrap().is_empty());
    assert_eq!(fake.questions()[0].header("host"), Some("localhost"));
    std::fs::remove_file(&path).unwrap();
}

mod over_tls {
    use super::*;
    use rustls::pki_types::PrivateKeyDer;
    use tokio_rustls::TlsAcceptor;

    struct Authority {
        pem: String,
        issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    }

    impl Authority {
        fn new(name: &str) -> Self {
            let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            let key = rcgen::KeyPair::generate().unwrap();
            let pem = params.self_signed(&key).unwrap().pem();
            Self { pem, issuer: rcgen::Issuer::new(params, key) }
        }

        /// In front of `fake`, on a port of its own, for as long as the runtime of the test lives.
        async fn front(&self, fake: &FakeUpstream) -> String {
            let key = rcgen::KeyPair::generate().unwrap();
            let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &self.issuer).unwrap();
            let server = rustls::ServerConfig::builder_with_provider(Arc::new(
                rustls::crypto::aws_lc_rs::default_provider(),
            ))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
            let acceptor = TlsAcceptor::from(Arc::new(server));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
            let inner = fake.url().strip_prefix("http://").unwrap().to_owned();
            #[expect(clippy::disallowed_methods, reason = "ends with the runtime of its test")]
            tokio::spawn(async move {
                while let Ok((outer, _)) = listener.accept().await {
                    let Ok(mut outer) = acceptor.accept(outer).await else { continue };
                    let mut inner = TcpStream::connect(&inner).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
                }
            });
            url
        }
    }

    fn ca_file(name: &str, pem: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("schleuse-upstream-{}-{name}.pem", std::process::id()));
        std::fs::write(&path, pem).unwrap();
        path
    }

    /// Asks a server of the authority `its`, trusting the authority `trusted`.
    async fn check(its: &str, trusted: &str) -> Result<(), AskError> {
        let authority = Authority::new(its);
        let fake = FakeUpstream::builder().script(Script::json(200, "{}")).start().await;
        let url = authority.front(&fake).await;
        let pem = if its == trusted { authority.pem } else { Authority::new(trusted).pem };
        let path = ca_file(trusted, &pem);
        let upstreams = upstreams(vec![UpstreamConfig { ca_file: Some(path.clone()), ..config("a", &url) }]);
        std::fs::remove_file(path).unwrap();
        ask(&upstreams, CHAT).await?.whole(100).await.map(drop)
    }

    #[tokio::test]
    async fn only_the_configured_authority_is_trusted() {
        check("one", "one").await.unwrap();
        let error = check("one", "other").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot connect to upstream `a`: TLS: invalid peer certificate: UnknownIssuer"
        );
    }

    #[test]
    fn unusable_authorities_are_refused_at_start() {
        let refuse = |path: std::path::PathBuf| {
            let config = UpstreamConfig { ca_file: Some(path), ..config("a", "https://localhost") };
            Upstreams::new(vec![config], Arc::new(SystemClock::new())).unwrap_err().to_string()
        };
        let empty = ca_file("empty", "nothing\n");
        assert_eq!(
            refuse(empty.clone()),
            format!("certificate authorities of upstream `a`: `{}` holds no certificate", empty.display())
        );
        std::fs::remove_file(&empty).unwrap();
        assert!(refuse(empty).starts_with("certificate authorities of upstream `a`: cannot read `"));
    }
}

fn check_config(change: impl FnOnce(&mut UpstreamConfig), expected: &str) {
    let mut config = config("a", "http://127.0.0.1:1");
    change(&mut config);
    let error = Upstreams::new(vec![config], Arc::new(SystemClock::new())).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn wrong_configuration_is_refused_with_its_reason() {
    let rule = "a name is 1 to 64 letters, digits, dots, underscores or hyphens";
    check_config(|c| c.name.clear(), &format!("upstream name `` is not allowed; {rule}"));
    check_config(|c| c.name = "a b".into(), &format!("upstream name `a b` is not allowed; {rule}"));
    check_config(
        |c| c.url = "http://me:hunter2@h".into(),
        "url of upstream `a`: must hold no user name or password; use api_key_file",
    );
    check_config(
        |c| c.models = Some(Vec::new()),
        "models of upstream `a` is an empty list; leave it out to have the server asked",
    );
    check_config(
        |c| c.models = Some(vec!["a b".into()]),
        "model `a b` of upstream `a` is not allowed; a model name is 1 to 256 printable characters without spaces",
    );
    check_config(|c| c.models = Some(vec!["m".into(), "m".into()]), "upstream `a` names the model `m` twice");
    check_config(
        |c| c.api_key = Some(Secret::new("sk-secret\n".into())),
        "the api key of upstream `a` must be 1 to 4096 visible ASCII characters without spaces",
    );
    check_config(
        |c| c.idle_timeout = Duration::ZERO,
        "idle_timeout of upstream `a` must be longer than zero",
    );
    let twice = vec![config("a", "http://h"), config("a", "http://i")];
    assert_eq!(
        Upstreams::new(twice, Arc::new(SystemClock::new())).unwrap_err(),
        UpstreamConfigError::DuplicateName { name: "a".into() }
    );
    assert!(upstreams(Vec::new()).models(&Tenant::HOUSE).is_empty());
}

#[tokio::test]
async fn a_request_id_that_is_no_header_value_is_not_sent() {
    let fake = FakeUpstream::start().await;
    let upstreams = to(&[&fake]);
    for id in ["", "a b", "a\r\nx-evil: 1", "ä"] {
        let question = Question { request_id: id.to_owned(), ..question(CHAT) };
        let error = upstreams.ask(&route(&upstreams), question).await.unwrap_err();
        assert!(matches!(error, AskError::Unsendable { .. }), "{id}");
    }
    assert_eq!(fake.connections(), 0);
}

#[test]
fn pauses_differ_by_at_most_a_tenth() {
    struct Byte(Mutex<u8>);
    impl Random for Byte {
        fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
            bytes.fill(*self.0.lock().unwrap());
            Ok(())
        }
    }
    let pauses: Vec<Duration> =
        (0..=255).map(|byte| jittered(Duration::from_secs(5), &Byte(Mutex::new(byte)))).collect();
    assert!(pauses.is_sorted() && pauses[0] == Duration::from_millis(4500));
    assert!(pauses[255] > Duration::from_millis(5490) && pauses[255] < Duration::from_millis(5500));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However a server cuts its stream into chunks, the same bytes come out.
    #[test]
    fn chunks_are_only_a_matter_of_transport(texts in prop::collection::vec("\\PC{1,40}", 0..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let whole = texts.concat();
        let pieces = runtime.block_on(async {
            let chunks = texts.iter().map(|text| (Duration::ZERO, text.clone())).collect();
            let fake = FakeUpstream::builder().script(Script::Sse { chunks, end: End::NoDone }).start().await;
            rest(ask(&to(&[&fake]), STREAM).await.unwrap()).await.unwrap()
        });
        prop_assert_eq!(pieces.concat(), whole.into_bytes());
        prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
    }
}

fn tenant(name: &str) -> Tenant {
    Tenant::parse(name).unwrap()
}

fn of(tenants: &[&str], config: UpstreamConfig) -> UpstreamConfig {
    UpstreamConfig { tenants: tenants.iter().map(|name| tenant(name)).collect(), ..config }
}

#[tokio::test]
async fn one_model_of_two_tenants_never_meets() {
    let fakes = [FakeUpstream::start().await, FakeUpstream::start().await, FakeUpstream::start().await];
    for fake in &fakes {
        fake.set_script(Script::json(200, "{}"));
    }
    let upstreams = upstreams(vec![
        config("all", &fakes[2].url()),
        of(&["retail"], config("a", &fakes[0].url())),
        of(&["bank"], config("b", &fakes[1].url())),
    ]);
    let names = |name: &str| {
        let routes = upstreams.routes(&tenant(name), "tiny");
        routes.into_iter().flat_map(|route| route.replicas).collect::<Vec<_>>()
    };
    assert_eq!(names("retail"), ["a", "all"], "one's own comes first");
    assert_eq!(names("bank"), ["b", "all"]);
    assert_eq!(names("house"), ["all"]);
    let first = |name: &str| upstreams.routes(&tenant(name), "tiny").remove(0);
    assert_eq!(upstreams.ask(&first("retail"), question(CHAT)).await.unwrap().replica, "a");
    assert_eq!(upstreams.ask(&first("bank"), question(CHAT)).await.unwrap().replica, "b");
    // Whoever names another tenant's upstream is not let through, whatever else they say.
    let forged = [
        Route { replicas: vec!["b".to_owned()], ..first("retail") },
        Route { replicas: vec!["b".to_owned()], tenants: vec![tenant("bank")], ..first("retail") },
        Route { tenant: tenant("retail"), ..first("bank") },
        Route { tenant: Tenant::HOUSE, ..first("bank") },
    ];
    for route in forged {
        let error = upstreams.ask(&route, question(CHAT)).await.unwrap_err();
        assert!(matches!(error, AskError::NoReplica { .. }), "{error}");
    }
    assert_eq!(fakes.each_ref().map(|fake| fake.questions().len()), [1, 1, 0]);
}

#[tokio::test]
async fn what_is_private_is_told_to_nobody_else() {
    let secret = UpstreamConfig { models: Some(vec!["own".to_owned()]), ..config("a", "http://127.0.0.1:9") };
    let upstreams = upstreams(vec![of(&["retail", "bank"], secret), config("all", "http://127.0.0.1:9")]);
    let ids = |models: Vec<ModelInfo>| models.into_iter().map(|model| model.id).collect::<Vec<_>>();
    assert_eq!(ids(upstreams.models(&tenant("retail"))), ["own", "tiny"]);
    assert_eq!(ids(upstreams.models(&tenant("bank"))), ["own", "tiny"]);
    assert_eq!(ids(upstreams.models(&Tenant::HOUSE)), ["tiny"]);
    assert_eq!(upstreams.routes(&Tenant::HOUSE, "own"), []);
    let others = upstreams.models_of_others(&Tenant::HOUSE);
    assert_eq!(others[0].tenants, [tenant("retail"), tenant("bank")]);
    assert_eq!(ids(others), ["own"]);
    assert_eq!(ids(upstreams.models_of_others(&tenant("retail"))), [""; 0]);
    assert_eq!(Route::audience(&upstreams.routes(&tenant("bank"), "own")).len(), 2);
    assert_eq!(Route::audience(&upstreams.routes(&tenant("bank"), "tiny")), []);
}

#[tokio::test]
async fn other_weights_are_told_apart() {
    let fake = FakeUpstream::start().await;
    let list = |root: &str| Script::json(200, format!(r#"{{"data":[{{"id":"tiny","root":"{root}"}}]}}"#));
    fake.set_script_at("/v1/models", list("one"));
    let digest = |text: &str| Weights::Digest(text.to_owned());
    let upstreams = upstreams(vec![
        UpstreamConfig::new("asked", fake.url()),
        UpstreamConfig {
            weights: Weights::Pending,
            region: Some("EU".to_owned()),
            ..config("made", "http://127.0.0.1:9")
        },
    ]);
    upstreams.refresh().await;
    let routes = upstreams.routes(&Tenant::HOUSE, "tiny");
    let weights = |place: usize| upstreams.weights(&routes[place]);
    let before = weights(0).unwrap();
    assert_eq!(weights(0), Some(before.clone()));
    fake.set_script_at("/v1/models", list("other"));
    upstreams.refresh().await;
    let other = weights(0).unwrap();
    assert_ne!(before, other);
    // It was away, and may have come back with others under the same name.
    fake.set_script_at("/health", Script::status(500));
    upstreams.refresh().await;
    upstreams.refresh().await;
    assert!(!upstreams.status()[0].healthy);
    fake.set_script_at("/health", Script::json(200, ""));
    upstreams.refresh().await;
    assert_ne!(weights(0).unwrap(), other);

    assert_eq!(weights(1), None, "not known yet");
    upstreams.set_weights("made", digest("sha256:1")).unwrap();
    let first = weights(1).unwrap();
    upstreams.set_weights("made", digest("sha256:2")).unwrap();
    assert_ne!(weights(1).unwrap(), first);
    assert_eq!(upstreams.set_weights("nobody", digest("sha256:2")), Err(UnknownUpstream));
}

proptest! {
    /// Whatever the configuration: nothing that belongs to others is on any way of a tenant.
    #[test]
    fn no_tenant_is_ever_sent_to_another_ones_upstream(
        servers in collection::vec((0_u8..8, 0_u8..4, 0_u8..3, 0_u8..2), 0..12),
    ) {
        const TENANTS: [&str; 3] = ["a", "b", "c"];
        let audience = |bits: u8| -> Vec<Tenant> {
            let named = TENANTS.iter().enumerate().filter(|(place, _)| bits & (1 << place) != 0);
            named.map(|(_, name)| tenant(name)).collect()
        };
        let configs: Vec<UpstreamConfig> = servers.iter().enumerate().map(|(place, (bits, models, label, region))| {
            let models: Vec<String> = (0..=models % 3).map(|model| format!("m{}", (model + models) % 4)).collect();
            UpstreamConfig {
                tenants: audience(*bits),
                models: Some(models),
                max_label: [Label::PUBLIC, Label::INTERNAL, Label::CONFIDENTIAL][usize::from(*label)].clone(),
                region: (*region > 0).then(|| "EU".to_owned()),
                ..UpstreamConfig::new(format!("u{place}"), "http://127.0.0.1:9")
            }
        }).collect();
        let upstreams = upstreams(configs.clone());
        let is_for = |name: &str, tenant: &Tenant| {
            let config = configs.iter().find(|config| config.name == name).unwrap();
            config.tenants.is_empty() || config.tenants.contains(tenant)
        };
        for asker in TENANTS.iter().map(|name| tenant(name)).chain([Tenant::HOUSE]) {
            let models = upstreams.models(&asker);
            for model in &models {
                prop_assert!(model.upstreams.iter().all(|name| is_for(name, &asker)));
                prop_assert!(model.tenants.is_empty() || model.tenants.contains(&asker));
            }
            for model in ["m0", "m1", "m2", "m3"] {
                let routes = upstreams.routes(&asker, model);
                prop_assert_eq!(routes.is_empty(), models.iter().all(|known| known.id != model));
                let named: Vec<&String> = routes.iter().flat_map(|route| &route.replicas).collect();
                prop_assert!(named.iter().all(|name| is_for(name, &asker)));
                prop_assert!(routes.iter().all(|route| route.tenant == asker));
                // And all that are there for them and serve it are on one of the ways.
                let serving = configs.iter().filter(|config| {
                    is_for(&config.name, &asker) && config.models.iter().flatten().any(|own| own == model)
                });
                prop_assert_eq!(named.len(), serving.count());
                // A way made for somebody else leads nobody anywhere.
                for other in TENANTS.iter().map(|name| tenant(name)).chain([Tenant::HOUSE]) {
                    for route in upstreams.routes(&other, model) {
                        let private = route.replicas.iter().all(|name| !is_for(name, &asker));
                        if private {
                            let forged = Route { tenant: asker.clone(), ..route };
                            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                            let asked = runtime.block_on(upstreams.ask(&forged, question(CHAT)));
                            let is_refused = matches!(asked, Err(AskError::NoReplica { .. }));
                            prop_assert!(is_refused);
                        }
                    }
                }
            }
        }
    }
}
