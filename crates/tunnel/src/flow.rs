//! The one named flow for each identity provider: its documents, and nothing else of the outside.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use schleuse_types::{Clock, Secret};
use schleuse_wire::json::{self, Bounds, Object, Value};

use crate::connectors::TIMED_OUT;

/// Of a document, in bytes.
pub(crate) const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Of a call, in bytes.
pub(crate) const CALL_BYTES_MAX: usize = 64 * 1024;
const PREFIX: &str = "/flow/";
/// How long a discovery document is believed.
const DISCOVERY_AGE_MAX: Duration = Duration::from_secs(600);
/// Between two looks at a discovery document because of an address that it did not name.
const DISCOVERY_AGE_MIN: Duration = Duration::from_secs(10);

/// An identity provider that a connector may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerFlow {
    /// As the gate's configuration calls it: 1 to 64 of `a-z A-Z 0-9 - _ .`.
    pub name: String,
    /// Its issuer URL, exactly as its discovery document says it; `https`, or `http` to this machine.
    pub issuer: String,
}

/// What the gate wants of an identity provider.
#[derive(Clone)]
pub struct FlowCall {
    pub url: String,
    /// A form to post; `None` reads the document.
    pub form: Option<Vec<(String, Secret<String>)>>,
    /// User and password for HTTP Basic, with a form only.
    pub basic: Option<(String, Secret<String>)>,
}

/// A document, of status 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowAnswer {
    pub body: Bytes,
}

/// How a connector reaches identity providers; follows no redirect, and checks certificates.
pub trait IssuerClient: Send + Sync + 'static {
    /// `issuer` is the flow's name.
    fn call<'a>(&'a self, issuer: &'a str, call: FlowCall) -> FlowFuture<'a>;
}

/// The coming document, of status 200.
pub type FlowFuture<'a> = Pin<Box<dyn Future<Output = Result<Bytes, FlowError>> + Send + 'a>>;

/// Why there is no document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowError {
    /// No connector of the name is linked.
    NotLinked {
        reason: String,
    },
    /// The connector knows no such flow, or the address is none of that provider's.
    NotNamed,
    /// The provider did not answer in time.
    TimedOut,
    /// The answer is longer than it may be.
    TooLarge,
    /// An answer other than 200, and the `error` code (RFC 6749, section 5.2) in its body if it has one.
    Status {
        status: u16,
        error: Option<String>,
    },
    Failed {
        reason: String,
    },
}

impl FlowError {
    /// In one line, as the link carries it.
    pub(crate) fn to_line(&self) -> String {
        match self {
            Self::NotNamed => "not-named".to_owned(),
            Self::TimedOut => TIMED_OUT.to_owned(),
            Self::TooLarge => "too-large".to_owned(),
            Self::Status { status, error } => {
                format!("status {status} {}", error.as_deref().unwrap_or_default())
            }
            Self::NotLinked { reason } | Self::Failed { reason } => reason.clone(),
        }
    }

    /// Reads what [`Self::to_line`] wrote.
    pub(crate) fn from_line(line: &str) -> Self {
        let status = || {
            let (status, error) = line.strip_prefix("status ")?.split_once(' ')?;
            let error = error.trim();
            Some(Self::Status {
                status: status.parse().ok()?,
                error: (!error.is_empty()).then(|| error.to_owned()),
            })
        };
        match line {
            "not-named" => Self::NotNamed,
            TIMED_OUT => Self::TimedOut,
            "too-large" => Self::TooLarge,
            other => status().unwrap_or_else(|| Self::Failed { reason: other.to_owned() }),
        }
    }
}

impl fmt::Display for FlowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLinked { reason } => write!(f, "no connector for identity providers: {reason}"),
            Self::NotNamed => f.write_str("the connector does not serve this address"),
            Self::TimedOut => f.write_str("the identity provider did not answer in time"),
            Self::TooLarge => f.write_str("the document of the identity provider is too long"),
            Self::Status { status, error: None } => write!(f, "the identity provider answered {status}"),
            Self::Status { status, error: Some(error) } => {
                write!(f, "the identity provider answered {status}, `{error}`")
            }
            Self::Failed { reason } => write!(f, "the identity provider gave no document: {reason}"),
        }
    }
}

impl std::error::Error for FlowError {}

/// Where a call for this flow is sent.
pub(crate) fn path(name: &str) -> Option<Uri> {
    is_name(name).then(|| format!("{PREFIX}{name}").parse().ok()).flatten()
}

/// The flow that a path names.
pub(crate) fn name_in(path: &str) -> Option<&str> {
    path.strip_prefix(PREFIX).filter(|name| is_name(name))
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// A call as the link carries it.
pub(crate) fn write(call: &FlowCall) -> String {
    let text = |text: &str| Value::String(text.to_owned());
    let pair = |name: &str, secret: &Secret<String>| Value::Array(vec![text(name), text(secret.expose())]);
    let mut object = Object::new();
    object.set("url", text(&call.url));
    if let Some(form) = &call.form {
        object.set("form", Value::Array(form.iter().map(|(name, secret)| pair(name, secret)).collect()));
    }
    if let Some((user, password)) = &call.basic {
        object.set("basic", pair(user, password));
    }
    Value::Object(object).to_text()
}

/// Reads what [`write`] wrote; anything else is none.
pub(crate) fn read(body: &[u8]) -> Option<FlowCall> {
    let bounds = Bounds { depth_max: 4, nodes_max: 200 };
    let value = json::parse(body, &bounds).ok()?;
    let object = value.as_object()?;
    if object.iter().any(|(name, _)| !matches!(name, "url" | "form" | "basic")) {
        return None;
    }
    let pair = |value: &Value| match value.as_array()? {
        [name, secret] => Some((name.as_str()?.to_owned(), Secret::new(secret.as_str()?.to_owned()))),
        _ => None,
    };
    let form = match object.get("form") {
        None => None,
        Some(fields) => Some(fields.as_array()?.iter().map(pair).collect::<Option<Vec<_>>>()?),
    };
    let basic = match object.get("basic") {
        None => None,
        Some(value) => Some(pair(value)?),
    };
    Some(FlowCall { url: object.get("url")?.as_str()?.to_owned(), form, basic })
}

/// The flows of one connector.
pub(crate) struct Flows {
    issuers: Vec<IssuerFlow>,
    client: Arc<dyn IssuerClient>,
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<String, Known>>,
}

/// What a provider's discovery document names.
#[derive(Clone)]
struct Known {
    /// Monotonic.
    since: Duration,
    document: Bytes,
    reads: Vec<String>,
    posts: Vec<String>,
}

impl Flows {
    pub(crate) fn new(
        issuers: Vec<IssuerFlow>,
        client: Arc<dyn IssuerClient>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { issuers, client, clock, known: Mutex::default() }
    }

    /// Serves a call when its address is the discovery document of this flow's provider, or one that this connector
    /// found there itself: keys and user information to read, the token endpoints to post to.
    pub(crate) async fn serve(&self, name: &str, call: FlowCall) -> Result<Bytes, FlowError> {
        let issuer = self.issuers.iter().find(|issuer| issuer.name == name).ok_or(FlowError::NotNamed)?;
        let now = self.clock.monotonic();
        if call.form.is_none() && call.basic.is_none() && call.url == discovery_url(&issuer.issuer) {
            return Ok(self.discover(issuer, now).await?.document);
        }
        let known = self.lock().get(name).cloned();
        let age = known.as_ref().map(|known| now.saturating_sub(known.since));
        let permits = |known: &Known| {
            let named = if call.form.is_some() { &known.posts } else { &known.reads };
            named.contains(&call.url) && (call.form.is_some() || call.basic.is_none())
        };
        let is_permitted = match (&known, age) {
            (Some(known), Some(age)) if age < DISCOVERY_AGE_MAX && permits(known) => true,
            // An unknown address may be a new one; but asking for wrong ones must not make the provider work.
            (Some(_), Some(age)) if age < DISCOVERY_AGE_MIN => false,
            _ => permits(&self.discover(issuer, now).await?),
        };
        if !is_permitted {
            return Err(FlowError::NotNamed);
        }
        self.client.call(name, call).await
    }

    async fn discover(&self, issuer: &IssuerFlow, now: Duration) -> Result<Known, FlowError> {
        let url = discovery_url(&issuer.issuer);
        let call = FlowCall { url, form: None, basic: None };
        let document = self.client.call(&issuer.name, call).await?;
        let wrong = |reason: &str| FlowError::Failed { reason: reason.to_owned() };
        let bounds = Bounds { depth_max: 16, nodes_max: 20_000 };
        let value =
            json::parse(&document, &bounds).map_err(|_| wrong("the discovery document is not JSON"))?;
        let text = |member: &str| value.as_object()?.get(member)?.as_str().map(str::to_owned);
        // OpenID Connect Discovery 1.0, section 4.3.
        if text("issuer").as_deref() != Some(issuer.issuer.as_str()) {
            return Err(wrong("the discovery document is another provider's"));
        }
        let named = |members: &[&str]| -> Vec<String> {
            members
                .iter()
                .filter_map(|member| text(member))
                .filter(|url| is_fetchable(url, &issuer.issuer))
                .collect()
        };
        let known = Known {
            since: now,
            document,
            reads: named(&["jwks_uri", "userinfo_endpoint"]),
            posts: named(&["token_endpoint", "revocation_endpoint", "introspection_endpoint"]),
        };
        self.lock().insert(issuer.name.clone(), known.clone());
        Ok(known)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// OpenID Connect Discovery 1.0, section 4.
fn discovery_url(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer))
}

/// `https`; or `http` where the provider itself stands on this machine, as in tests: then only on that very origin.
fn is_fetchable(url: &str, issuer: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    if authority.as_str().contains('@') || url.contains('#') {
        return false;
    }
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => issuer
            .parse::<Uri>()
            .is_ok_and(|issuer| issuer.scheme_str() == Some("http") && issuer.authority() == Some(authority)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
