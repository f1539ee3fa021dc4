use super::{FlowCall, FlowError, FlowFuture, Flows, IssuerClient, IssuerFlow, read, write};
use bytes::Bytes;
use schleuse_types::{Secret, SystemClock};
use std::sync::{Arc, Mutex};

/// An identity provider that remembers what it was asked for.
struct Provider {
    discovery: &'static str,
    asked: Mutex<Vec<String>>,
}

impl IssuerClient for Provider {
    fn call<'a>(&'a self, _issuer: &'a str, call: FlowCall) -> FlowFuture<'a> {
        self.asked.lock().unwrap().push(call.url.clone());
        let text =
            if call.url.ends_with("/.well-known/openid-configuration") { self.discovery } else { "{}" };
        Box::pin(async move { Ok(Bytes::from_static(text.as_bytes())) })
    }
}

const DISCOVERY: &str = r#"{"issuer":"https://id.example/realm","jwks_uri":"https://keys.example/jwks",
    "token_endpoint":"https://id.example/token","userinfo_endpoint":"http://127.0.0.1:6379/",
    "revocation_endpoint":"https://id.example@evil.example/","introspection_endpoint":"file:///etc/passwd"}"#;

fn flows(discovery: &'static str) -> (Flows, Arc<Provider>) {
    let provider = Arc::new(Provider { discovery, asked: Mutex::default() });
    let issuers = vec![IssuerFlow { name: "corp".to_owned(), issuer: "https://id.example/realm".to_owned() }];
    (Flows::new(issuers, provider.clone(), Arc::new(SystemClock::new())), provider)
}

fn call(url: &str, is_form: bool) -> FlowCall {
    FlowCall { url: url.to_owned(), form: is_form.then(Vec::new), basic: None }
}

async fn check(url: &str, is_form: bool, expected: Result<(), FlowError>) {
    let (flows, provider) = flows(DISCOVERY);
    let answer = flows.serve("corp", call(url, is_form)).await;
    assert_eq!(answer.map(|_| ()), expected, "{url}");
    let reached = provider.asked.lock().unwrap().iter().any(|asked| asked == url);
    assert_eq!(reached, expected.is_ok(), "{url}");
}

#[tokio::test]
async fn only_addresses_of_the_provider_are_served() {
    let no = Err(FlowError::NotNamed);
    check("https://id.example/realm/.well-known/openid-configuration", false, Ok(())).await;
    check("https://keys.example/jwks", false, Ok(())).await;
    check("https://id.example/token", true, Ok(())).await;
    check("https://id.example/token", false, no.clone()).await;
    check("https://keys.example/jwks", true, no.clone()).await;
    check("https://keys.example/jwks?x=1", false, no.clone()).await;
    check("https://id.example/realm/admin", false, no.clone()).await;
    check("https://id.example/.well-known/openid-configuration", false, no.clone()).await;
    // Named by the document, and still not what it may name.
    check("http://127.0.0.1:6379/", false, no.clone()).await;
    check("https://id.example@evil.example/", true, no.clone()).await;
    check("file:///etc/passwd", true, no.clone()).await;
    check("http://169.254.169.254/latest/meta-data", false, no).await;
}

#[tokio::test]
async fn a_flow_that_is_not_configured_reaches_nobody() {
    let (flows, provider) = flows(DISCOVERY);
    let answer = flows.serve("other", call("https://keys.example/jwks", false)).await;
    assert_eq!(answer, Err(FlowError::NotNamed));
    assert!(provider.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn wrong_addresses_do_not_make_the_provider_work() {
    let (flows, provider) = flows(DISCOVERY);
    for n in 0..20 {
        let _ = flows.serve("corp", call(&format!("https://id.example/{n}"), false)).await;
    }
    assert_eq!(provider.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_document_of_another_provider_names_nothing() {
    let (flows, _) = flows(r#"{"issuer":"https://evil.example","jwks_uri":"https://keys.example/jwks"}"#);
    let answer = flows.serve("corp", call("https://keys.example/jwks", false)).await;
    assert!(matches!(answer, Err(FlowError::Failed { .. })));
}

#[test]
fn errors_are_read_as_they_were_written() {
    for error in [
        FlowError::NotNamed,
        FlowError::TimedOut,
        FlowError::TooLarge,
        FlowError::Status { status: 400, error: Some("invalid_grant".to_owned()) },
        FlowError::Status { status: 503, error: None },
        FlowError::Failed { reason: "connection refused".to_owned() },
    ] {
        assert_eq!(FlowError::from_line(&error.to_line()), error);
    }
}

#[test]
fn calls_are_read_as_they_were_written() {
    let call = FlowCall {
        url: "https://id.example/token".to_owned(),
        form: Some(vec![("code".to_owned(), Secret::new("a\"\\b\n".to_owned()))]),
        basic: Some(("me".to_owned(), Secret::new("pass".to_owned()))),
    };
    let back = read(write(&call).as_bytes()).unwrap();
    assert_eq!(write(&back), write(&call));
    for wrong in
        ["", "[]", "{}", r#"{"url":1}"#, r#"{"url":"u","header":["a","b"]}"#, r#"{"url":"u","form":[["a"]]}"#]
    {
        assert!(read(wrong.as_bytes()).is_none(), "{wrong}");
    }
}
