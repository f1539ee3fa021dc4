//! Questions and documents over a connector, with real upstreams on both sides.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use schleuse_testkit::{End, FakeUpstream, Script, recording};
use schleuse_types::{OsRandom, Secret};
use schleuse_upstream::{Answer, AskError, Question, UpstreamConfig, Upstreams};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::bridge::{OverConnectors, OwnUpstreams};
use crate::fixtures::{Gate, SOON, clock, credentials, reply, script};
use crate::{
    Connector, ConnectorConfig, FlowCall, FlowError, FlowFuture, IssuerClient, IssuerFlow, Party, PartyRole,
};

/// An identity provider that has one document.
#[derive(Default)]
struct Provider(AtomicUsize);

impl IssuerClient for Provider {
    fn call<'a>(&'a self, _issuer: &'a str, call: FlowCall) -> FlowFuture<'a> {
        self.0.fetch_add(1, SeqCst);
        Box::pin(async move {
            Ok(Bytes::from(match call.url.as_str() {
                "https://id.example/.well-known/openid-configuration" => {
                    r#"{"issuer":"https://id.example","jwks_uri":"https://id.example/keys"}"#.to_owned()
                }
                other => format!("document at {other}"),
            }))
        })
    }
}

/// A connector beside some servers, linked under a name; `stop` drains it.
struct Linked {
    stop: CancellationToken,
    provider: Arc<Provider>,
}

async fn link(gate: &Gate, name: &str, fakes: &[&FakeUpstream], models: &[&str]) -> Linked {
    let configs = fakes.iter().enumerate().map(|(place, fake)| UpstreamConfig {
        models: Some(models.iter().map(|model| (*model).to_owned()).collect()),
        api_key: Some(Secret::new("sk-inner".to_owned())),
        ..UpstreamConfig::new(format!("own-{place}"), fake.url())
    });
    let upstreams = Upstreams::new(configs.collect(), clock()).unwrap();
    let (stop, provider) = (CancellationToken::new(), Arc::new(Provider::default()));
    let config = ConnectorConfig {
        gate: gate.connector_door.clone(),
        identity: std::path::PathBuf::new(),
        models: vec!["tiny".to_owned()],
        issuers: vec![IssuerFlow { name: "corp".to_owned(), issuer: "https://id.example".to_owned() }],
    };
    let connector = Connector::new(
        config,
        credentials(&gate.authority, PartyRole::Connector, name),
        Arc::new(OwnUpstreams(upstreams)),
        Arc::clone(&provider) as _,
        gate.limits,
        clock(),
        Arc::new(OsRandom),
    );
    let before = links(gate, name);
    gate.tasks.spawn(connector.run(stop.clone(), gate.cut.clone()));
    until(|| links(gate, name) == before + 1).await;
    Linked { stop, provider }
}

fn links(gate: &Gate, name: &str) -> usize {
    gate.connectors.status().iter().filter(|link| link.name == name).count()
}

async fn until(is_so: impl Fn() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(SOON, waited).await.expect("it never became so");
}

async fn gate() -> Gate {
    Gate::start(script(|_| async { reply(200, "") })).await
}

/// The gate's upstreams; `url` is `connector:NAME` or another.
fn upstreams(gate: &Gate, urls: &[&str]) -> Upstreams {
    let configs = urls.iter().zip(["a", "b", "c"]).map(|(url, name)| UpstreamConfig {
        models: Some(vec!["tiny".to_owned()]),
        ..UpstreamConfig::new(name, *url)
    });
    let carrier = Arc::new(OverConnectors(Arc::clone(&gate.connectors)));
    Upstreams::with_carrier(configs.collect(), clock(), Some(carrier)).unwrap()
}

const CHAT: &str = r#"{"model":"tiny","messages":[{"role":"user","content":"Grüße"}]}"#;
const STREAM: &str = r#"{"model":"tiny","messages":[{"role":"user","content":"Grüße"}],"stream":true,"stream_options":{"include_usage":true}}"#;

async fn ask(upstreams: &Upstreams, body: &str) -> Result<Answer, AskError> {
    let route = upstreams.routes(&schleuse_types::Tenant::HOUSE, "tiny").into_iter().next().unwrap();
    let question = Question {
        path: "/v1/chat/completions",
        content_type: "application/json".to_owned(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        stream: body.contains("\"stream\""),
        request_id: "01ARYZ6S410000000000000000".to_owned(),
        cache_salt: None,
        sends_salt: false,
    };
    timeout(SOON, upstreams.ask(&route, question)).await.unwrap()
}

async fn rest(mut answer: Answer) -> Result<Vec<u8>, AskError> {
    let mut whole = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}

#[tokio::test]
async fn a_recorded_answer_arrives_byte_for_byte_and_nothing_of_the_gate_goes_on() {
    let (gate, fake) = (gate().await, FakeUpstream::start().await);
    link(&gate, "gpu-1", &[&fake], &["tiny"]).await;
    let upstreams = upstreams(&gate, &["connector:gpu-1"]);
    upstreams.refresh().await;
    assert!(upstreams.status()[0].healthy, "{:?}", upstreams.status());
    for name in ["02-chat", "03-chat-stream", "04-chat-tool-required"] {
        let recorded = recording(name).unwrap();
        let body = String::from_utf8(recorded.request.body.clone()).unwrap();
        let answer = ask(&upstreams, &body).await.unwrap();
        assert_eq!(
            (answer.status, answer.is_event_stream),
            (200, recorded.response.is_event_stream()),
            "{name}"
        );
        assert_eq!(rest(answer).await.unwrap(), recorded.response.body(), "{name}");
        let seen = fake.questions().pop().unwrap();
        assert_eq!(seen.body, body.as_bytes());
        let mut names: Vec<&str> = seen.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let expected = [
            "accept",
            "accept-encoding",
            "authorization",
            "content-length",
            "content-type",
            "host",
            "user-agent",
            "x-request-id",
        ];
        assert_eq!(names, expected);
        assert_eq!(seen.header("authorization"), Some("Bearer sk-inner"), "the connector's own key");
        assert_eq!(seen.header("x-request-id"), Some("01ARYZ6S410000000000000000"));
    }
    until(|| gate.connectors.status()[0].in_flight == 0).await;
}

#[tokio::test]
async fn everything_that_is_not_named_is_404_and_reaches_nobody() {
    let (gate, fake) = (gate().await, FakeUpstream::builder().models(&["tiny", "hidden"]).start().await);
    let linked = link(&gate, "gpu-1", &[&fake], &["tiny", "hidden"]).await;
    let send = async |method: Method, path: &str, body: &str| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", "Bearer stolen")
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
            .unwrap();
        match gate.connectors.send("gpu-1", request).await {
            Ok(response) => Ok(response.into_body().collect().await.unwrap().to_bytes()),
            Err(error) => Err(error.to_string()),
        }
    };
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/metrics"),
        (Method::POST, "/v1/models"),
        (Method::GET, "/v1/models/tiny"),
        (Method::GET, "/v1/chat/completions"),
        (Method::POST, "/v1/chat/completions/"),
        (Method::POST, "//v1/chat/completions"),
        (Method::POST, "/v1/../v1/chat/completions"),
        (Method::POST, "/v1/chat%2Fcompletions"),
        (Method::POST, "/detokenize"),
        // What a gate translates never comes this far.
        (Method::POST, "/v1/messages"),
        (Method::POST, "/v1/responses"),
        (Method::POST, "/invocations"),
        (Method::POST, "/pause"),
        (Method::POST, "/v1/load_lora_adapter"),
        (Method::DELETE, "/v1/models"),
        (Method::POST, "/health"),
        (Method::POST, "/flow/"),
        (Method::POST, "/flow/corp/x"),
        (Method::GET, "/flow/corp"),
    ] {
        assert_eq!(send(method.clone(), path, CHAT).await, Err("not-named".to_owned()), "{method} {path}");
    }
    let hidden = CHAT.replace("tiny", "hidden");
    assert_eq!(send(Method::POST, "/v1/chat/completions", &hidden).await, Err("not-named".to_owned()));
    for wrong in [
        "",
        "[]",
        r#"{"model":"tiny","model":"hidden","messages":[{"role":"user","content":"x"}]}"#,
        r#"{"model":"tiny","messages":[{"role":"user","content":"x"}]} {"model":"hidden"}"#,
        r#"{"messages":[{"role":"user","content":"x"}]}"#,
    ] {
        let answer = send(Method::POST, "/v1/chat/completions", wrong).await;
        assert_eq!(answer, Err("the question is not understood".to_owned()), "{wrong}");
    }
    assert_eq!(fake.requests().len(), 0);
    // The positive control, and the list without what is not named.
    assert!(send(Method::POST, "/v1/chat/completions", CHAT).await.is_ok());
    assert_eq!(fake.requests().len(), 1);
    assert_eq!(
        send(Method::GET, "/v1/models", "").await.unwrap(),
        r#"{"object":"list","data":[{"id":"tiny","object":"model"}]}"#
    );
    assert_eq!(linked.provider.0.load(SeqCst), 0);
}

#[tokio::test]
async fn events_come_one_by_one_and_leaving_ends_the_question_at_the_server() {
    let gate = gate().await;
    let fake = FakeUpstream::builder().script(Script::deltas(&["a", "b"], End::Hang)).start().await;
    link(&gate, "gpu-1", &[&fake], &["tiny"]).await;
    let upstreams = upstreams(&gate, &["connector:gpu-1"]);
    let mut answer = ask(&upstreams, STREAM).await.unwrap();
    assert!(answer.is_event_stream);
    assert!(timeout(SOON, answer.chunk()).await.unwrap().unwrap().is_some());
    drop(answer);
    assert!(fake.wait_for_aborts(1, Duration::from_secs(1)).await);
    until(|| gate.connectors.status()[0].in_flight == 0).await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_end() {
    let gate = gate().await;
    let fake = FakeUpstream::builder().script(Script::deltas(&["a", "b"], End::Cut)).start().await;
    link(&gate, "gpu-1", &[&fake], &["tiny"]).await;
    let upstreams = upstreams(&gate, &["connector:gpu-1"]);
    let ended = match ask(&upstreams, STREAM).await {
        Ok(answer) => timeout(SOON, rest(answer)).await.unwrap(),
        // The reset may overtake even the head.
        Err(error) => Err(error),
    };
    assert!(matches!(ended, Err(AskError::Broken { .. })), "{ended:?}");
}

#[tokio::test]
async fn without_a_connector_the_next_replica_is_asked() {
    let (gate, fake) = (gate().await, FakeUpstream::start().await);
    let url = fake.url();
    let alone = upstreams(&gate, &["connector:gpu-1"]);
    let error = ask(&alone, CHAT).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot connect to upstream `a`: not linked");
    assert_eq!(ask(&upstreams(&gate, &["connector:gpu-1", &url]), CHAT).await.unwrap().replica, "b");

    // Linked, but nobody listens behind it: nothing was sent either.
    let dead = FakeUpstream::start().await;
    let dead_link = link(&gate, "gpu-2", &[&dead], &["tiny"]).await;
    dead.stop().await;
    let both = upstreams(&gate, &["connector:gpu-2", &url]);
    // Both are as good until one was tried; which one is, is drawn.
    for _ in 0..64 {
        assert_eq!(ask(&both, CHAT).await.unwrap().replica, "b");
    }
    assert!(both.status()[0].counters.connect_failures >= 1);
    drop(dead_link);
}

#[tokio::test]
async fn the_least_busy_of_one_name_is_asked_and_a_draining_one_finishes() {
    let gate = gate().await;
    let hang = || FakeUpstream::builder().script(Script::deltas(&["a"], End::Hang)).start();
    let (one, two) = (hang().await, hang().await);
    let first = link(&gate, "gpu", &[&one], &["tiny"]).await;
    link(&gate, "gpu", &[&two], &["tiny"]).await;
    let upstreams = upstreams(&gate, &["connector:gpu"]);
    let mut held = Vec::new();
    for asked in 1..=3 {
        held.push(ask(&upstreams, STREAM).await.unwrap());
        held.push(ask(&upstreams, STREAM).await.unwrap());
        assert_eq!((one.questions().len(), two.questions().len()), (asked, asked));
    }
    // Draining: what runs goes on, what comes goes to the other.
    first.stop.cancel();
    for _ in 0..4 {
        held.push(ask(&upstreams, STREAM).await.unwrap());
    }
    // One may have been on its way before the word came.
    let (at_one, at_two) = (one.questions().len(), two.questions().len());
    assert!(at_one <= 4 && at_one + at_two == 10, "{at_one} {at_two}");
    assert!(timeout(SOON, held[0].chunk()).await.unwrap().unwrap().is_some());
    assert_eq!(one.aborted(), 0);
    drop(held);
    assert!(one.wait_for_aborts(at_one, SOON).await && two.wait_for_aborts(at_two, SOON).await);
    until(|| links(&gate, "gpu") == 1).await;
}

#[tokio::test]
async fn identity_providers_are_reached_by_their_one_flow() {
    let gate = gate().await;
    let linked = link(&gate, "keys", &[], &[]).await;
    let fetch = async |issuer: &str, url: &str| {
        let call = FlowCall { url: url.to_owned(), form: None, basic: None };
        gate.connectors.fetch("keys", issuer, &call).await.map(|answer| answer.body)
    };
    assert_eq!(
        fetch("corp", "https://id.example/keys").await.unwrap(),
        "document at https://id.example/keys"
    );
    assert_eq!(fetch("corp", "https://id.example/other").await, Err(FlowError::NotNamed));
    assert_eq!(fetch("other", "https://id.example/keys").await, Err(FlowError::NotNamed));
    assert_eq!(fetch("a/b", "https://id.example/keys").await, Err(FlowError::NotNamed));
    let asked = linked.provider.0.load(SeqCst);
    assert_eq!(asked, 2, "the discovery document and the keys");
    let call = FlowCall { url: "https://id.example/keys".to_owned(), form: None, basic: None };
    let error = gate.connectors.fetch("absent", "corp", &call).await.unwrap_err();
    assert_eq!(error.to_string(), "no connector for identity providers: not linked");
}

#[tokio::test]
async fn a_barred_connector_answers_no_more_and_a_gate_that_stops_waits_for_nobody_idle() {
    let gate = gate().await;
    let fake = FakeUpstream::builder().script(Script::deltas(&["a"], End::Hang)).start().await;
    link(&gate, "gpu", &[&fake], &["tiny"]).await;
    link(&gate, "idle", &[&fake], &["tiny"]).await;
    let upstreams = upstreams(&gate, &["connector:gpu"]);
    let mut answer = ask(&upstreams, STREAM).await.unwrap();
    assert!(timeout(SOON, answer.chunk()).await.unwrap().unwrap().is_some());
    let begun = tokio::time::Instant::now();
    gate.authority.bar(&Party::new("acme", PartyRole::Connector, "gpu").unwrap()).unwrap();
    let rest = timeout(SOON, rest(answer)).await.unwrap();
    assert!(matches!(rest, Err(AskError::Broken { .. })), "{rest:?}");
    let after = begun.elapsed();
    println!("a running answer ended {after:?} after its connector was barred");
    assert!(after < Duration::from_secs(1));
    assert_eq!(links(&gate, "gpu"), 0);

    assert_eq!(links(&gate, "idle"), 1);
    gate.stop.cancel();
    gate.doors.cancel();
    gate.door_tasks.close();
    timeout(SOON, gate.door_tasks.wait()).await.expect("the doors do not end");
}

/// How long until the first piece of an answer, over a connector and without it, in turn.
#[tokio::test]
async fn the_first_piece_comes_about_as_soon_as_without_the_connector() {
    const ROUNDS: usize = 100;
    let gate = gate().await;
    let fake = FakeUpstream::builder().script(Script::deltas(&["a"], End::Clean)).start().await;
    link(&gate, "gpu", &[&fake], &["tiny"]).await;
    let url = fake.url();
    let ways = [upstreams(&gate, &[&url]), upstreams(&gate, &["connector:gpu"])];
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (way, times) in ways.iter().zip(&mut times) {
            let begun = tokio::time::Instant::now();
            let mut answer = ask(way, STREAM).await.unwrap();
            assert!(answer.chunk().await.unwrap().is_some());
            times.push(begun.elapsed());
            rest(answer).await.unwrap();
        }
    }
    let [direct, linked] = times.map(|mut times| {
        times.sort_unstable();
        (times[ROUNDS / 2], times[ROUNDS * 95 / 100])
    });
    println!("first piece (median, 95 %): {direct:?} direct, {linked:?} over a connector");
    assert!(linked.0.saturating_sub(direct.0) < Duration::from_millis(3), "{linked:?} against {direct:?}");
}
