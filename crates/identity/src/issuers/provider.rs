//! One provider: what it publishes about itself, and its keys.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use schleuse_types::Clock;
use tokio::sync::Mutex;

use super::{IssuerConfig, IssuerError, KEYS_WAIT};
use crate::access::{AccessError, IssuerAccess};
use crate::address::Address;
use crate::json::{self, Object, Value};
use crate::jwt::KeySet;

/// The least time between two fetches that requests cause, so that made-up key ids do not become a flood of questions.
const FETCH_PAUSE: Duration = Duration::from_secs(10);

pub(super) struct Provider {
    pub(super) config: IssuerConfig,
    known: ArcSwapOption<Known>,
    /// The last fetch: when it began, on the monotonic clock, and how it failed. Held while one runs.
    fetch: Mutex<Option<(Duration, Option<IssuerError>)>>,
}

/// What a provider publishes (OpenID Connect Discovery 1.0 section 3, RFC 8414), as far as it is used.
pub(super) struct Known {
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) end_session_endpoint: Option<String>,
    /// Whether its callbacks say who they are from (RFC 9207 section 3).
    pub(super) names_itself: bool,
    pub(super) client_authentication: ClientAuthentication,
    pub(super) keys: KeySet,
}

/// How a client proves its secret (OpenID Connect Core section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientAuthentication {
    Basic,
    Post,
}

impl Provider {
    pub(super) fn new(config: IssuerConfig) -> Self {
        Self { config, known: ArcSwapOption::empty(), fetch: Mutex::default() }
    }

    pub(super) fn last_known(&self) -> Option<Arc<Known>> {
        self.known.load_full()
    }

    /// What is known, fetched now if nothing is.
    pub(super) async fn known(
        self: &Arc<Self>,
        access: &Arc<dyn IssuerAccess>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Arc<Known>, IssuerError> {
        if let Some(known) = self.last_known() {
            return Ok(known);
        }
        let failure = self.fetch_soon(access, clock).await;
        self.last_known().ok_or_else(|| failure.unwrap_or(IssuerError::Access(AccessError::TimedOut)))
    }

    /// What is known after another fetch, if one was due; `known` otherwise.
    pub(super) async fn newer(
        self: &Arc<Self>,
        known: &Arc<Known>,
        access: &Arc<dyn IssuerAccess>,
        clock: &Arc<dyn Clock>,
    ) -> Arc<Known> {
        self.fetch_soon(access, clock).await;
        self.last_known().unwrap_or_else(|| Arc::clone(known))
    }

    /// Fetches now, whenever that was last done.
    pub(super) async fn refresh(
        &self,
        access: &dyn IssuerAccess,
        clock: &dyn Clock,
    ) -> Result<(), IssuerError> {
        let mut fetch = self.fetch.lock().await;
        let began = clock.monotonic();
        let fetched = self.fetch(access).await;
        *fetch = Some((began, fetched.clone().err()));
        fetched
    }

    /// Fetches unless that was done a moment ago, and waits a short while for it; says how it failed.
    async fn fetch_soon(
        self: &Arc<Self>,
        access: &Arc<dyn IssuerAccess>,
        clock: &Arc<dyn Clock>,
    ) -> Option<IssuerError> {
        let (provider, access, clock) = (Arc::clone(self), Arc::clone(access), Arc::clone(clock));
        let fetch = async move {
            let mut fetch = provider.fetch.lock().await;
            if let Some((began, failure)) = &*fetch
                && clock.monotonic().saturating_sub(*began) < FETCH_PAUSE
            {
                return failure.clone();
            }
            let began = clock.monotonic();
            let failure = provider.fetch(&*access).await.err();
            *fetch = Some((began, failure.clone()));
            failure
        };
        // On a task of its own: were it dropped with the request that wanted it, whoever leaves early every ten seconds
        // could keep the house from ever learning new keys. There is at most one fetch per provider and pause.
        #[expect(clippy::disallowed_methods, reason = "ends by itself within two deadlines of the access")]
        let fetch = tokio::spawn(fetch);
        match tokio::time::timeout(KEYS_WAIT, fetch).await {
            Ok(Ok(failure)) => failure,
            Ok(Err(_)) | Err(_) => Some(IssuerError::Access(AccessError::TimedOut)),
        }
    }

    async fn fetch(&self, access: &dyn IssuerAccess) -> Result<(), IssuerError> {
        let issuer = self.config.issuer.as_str();
        // OpenID Connect Discovery 1.0 section 4.1: a slash at the end is removed first.
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        let document = self.get(access, &format!("{base}/.well-known/openid-configuration")).await?;
        let document = json::parse_object(&document).map_err(|_error| {
            IssuerError::Metadata("its discovery document is not an unambiguous JSON object")
        })?;
        if document.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(IssuerError::Metadata("its discovery document names another issuer"));
        }
        let keys = self.get(access, &endpoint(&document, "jwks_uri")?).await?;
        let keys = KeySet::parse(&keys)
            .map_err(|_error| IssuerError::Metadata("its key set is not an unambiguous JSON object"))?;
        if keys.is_empty() {
            return Err(IssuerError::Metadata("its key set has no key of a permitted kind"));
        }
        let end_session_endpoint = match document.contains_key("end_session_endpoint") {
            true => Some(endpoint(&document, "end_session_endpoint")?),
            false => None,
        };
        self.known.store(Some(Arc::new(Known {
            authorization_endpoint: endpoint(&document, "authorization_endpoint")?,
            token_endpoint: endpoint(&document, "token_endpoint")?,
            end_session_endpoint,
            names_itself: document.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
            client_authentication: client_authentication(&document, self.config.client_secret.is_some())?,
            keys,
        })));
        Ok(())
    }

    async fn get(&self, access: &dyn IssuerAccess, url: &str) -> Result<Bytes, IssuerError> {
        access.get(&self.config.id, url).await.map_err(IssuerError::Access)
    }
}

/// An endpoint, on whatever host, but never in plain text beyond loopback.
fn endpoint(document: &Object, name: &str) -> Result<String, IssuerError> {
    let url = document.get(name).and_then(Value::as_str);
    let url = url.filter(|url| Address::parse(url).is_ok());
    url.map(str::to_owned).ok_or(IssuerError::Metadata("an endpoint is missing or is no `https://` URL"))
}

fn client_authentication(document: &Object, has_secret: bool) -> Result<ClientAuthentication, IssuerError> {
    let Some(methods) = document.get("token_endpoint_auth_methods_supported") else {
        return Ok(ClientAuthentication::Basic);
    };
    let methods = methods.as_array().unwrap_or_default();
    let offers = |name| methods.iter().any(|method| method.as_str() == Some(name));
    if offers("client_secret_basic") || !has_secret {
        Ok(ClientAuthentication::Basic)
    } else if offers("client_secret_post") {
        Ok(ClientAuthentication::Post)
    } else {
        Err(IssuerError::Metadata("it takes no client secret, neither in a header nor in a form"))
    }
}
