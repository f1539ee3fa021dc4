//! Identity providers: sign-in by OpenID Connect's code flow (RFC 6749, RFC 7636, RFC 9207), bearer tokens, logout tokens.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use schleuse_types::{Clock, Role, Secret, Tenant, Timestamp};

use crate::access::{AccessError, IssuerAccess};
use crate::address::Address;
use crate::form;
use crate::json::{self, Value};
use crate::jwt::{Claims, TokenError, Unverified};
use crate::roles;
use provider::{ClientAuthentication, Provider};

mod provider;

/// How long a request waits for an issuer's keys before it is refused.
const KEYS_WAIT: Duration = Duration::from_secs(3);
/// Ids of logout tokens that are remembered. An issuer that sends more while they last has its oldest forgotten.
const LOGOUTS_MAX: usize = 10_000;

/// One identity provider, as the house's configuration names it.
#[derive(Debug, Clone)]
pub struct IssuerConfig {
    /// The name of this configuration in paths: 1 to 64 characters of `a-z0-9-`.
    pub id: String,
    /// What people read on the button.
    pub name: String,
    /// The issuer as it stands in its tokens, to the letter: `https://…`, or `http://…` to loopback.
    pub issuer: String,
    pub client_id: String,
    /// Left out for a public client, which has only PKCE.
    pub client_secret: Option<Secret<String>>,
    /// Beside `openid`, which is always asked for.
    pub scopes: Vec<String>,
    /// For which audiences a bearer token of this issuer is good here; empty means none. Never the `client_id`, because
    /// an ID token would then do as an access token.
    pub audiences: Vec<String>,
    /// The claim that holds the groups; a JSON pointer such as `/realm_access/roles` where it is not at the top.
    pub groups_claim: String,
    /// The role that a group gives; the first line that fits decides.
    pub roles: Vec<(String, Role)>,
    /// The role of people in none of those groups; left out, they are refused.
    pub default_role: Option<Role>,
    /// The tenant that a group gives; the first line that fits decides.
    pub tenants: Vec<(String, Tenant)>,
    /// The tenant of people in none of those groups.
    pub default_tenant: Tenant,
    /// The certificate authorities by which the provider is trusted; the system's when left out.
    pub ca_file: Option<PathBuf>,
}

/// What a person's browser is sent to the provider with.
#[derive(Debug, Clone, Copy)]
pub struct AuthorizeParams<'a> {
    pub redirect_uri: &'a str,
    /// Unguessable, and kept with the browser (RFC 6749 section 10.12).
    pub state: &'a str,
    /// Unguessable; comes back in the ID token.
    pub nonce: &'a str,
    /// Base64url of SHA-256 of the code verifier (RFC 7636 section 4.2).
    pub code_challenge: &'a str,
}

/// What the browser came back with, and what was kept since it left.
#[derive(Clone, Copy)]
pub struct Redeem<'a> {
    pub code: &'a str,
    /// The parameter `iss` of the callback, if it had one (RFC 9207): it must be this provider.
    pub iss: Option<&'a str>,
    pub code_verifier: &'a str,
    pub redirect_uri: &'a str,
    pub nonce: &'a str,
}

/// Somebody for whom a provider vouches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The person's id in this house: `p-` and 20 hexadecimal digits that depend on issuer and subject.
    pub person: String,
    /// For showing only.
    pub name: String,
    pub issuer: String,
    pub subject: String,
    /// The provider's session, by which it can be ended from there.
    pub sid: Option<String>,
    pub role: Role,
    /// Sorted, each once.
    pub groups: Vec<String>,
    pub tenant: Tenant,
    /// Until when the provider vouches with this token.
    pub expires: Timestamp,
}

/// What a logout token ends: the sessions of a subject, or one of the provider's sessions. One of both is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedOut {
    pub issuer: String,
    pub subject: Option<String>,
    pub sid: Option<String>,
    pub jti: String,
}

/// All identity providers that the house trusts.
///
/// The keys of each are only ever tried on tokens that name it as their issuer.
pub struct Issuers {
    providers: Vec<Arc<Provider>>,
    access: Arc<dyn IssuerAccess>,
    clock: Arc<dyn Clock>,
    /// The logout tokens that were taken, until they end: issuer and `jti`.
    logouts: Mutex<HashMap<(String, String), Timestamp>>,
}

impl Issuers {
    /// Refuses configurations that contradict themselves or each other. Asks nobody yet.
    pub fn new(
        configs: Vec<IssuerConfig>,
        access: Arc<dyn IssuerAccess>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, IssuerConfigError> {
        let (mut ids, mut issuers) = (HashSet::new(), HashSet::new());
        for config in &configs {
            config.check()?;
            if !ids.insert(&config.id) || !issuers.insert(&config.issuer) {
                return Err(config.wrong("its id or issuer is that of another provider"));
            }
        }
        let providers = configs.into_iter().map(|config| Arc::new(Provider::new(config))).collect();
        Ok(Self { providers, access, clock, logouts: Mutex::default() })
    }

    /// The configurations, in their order.
    pub fn list(&self) -> impl Iterator<Item = &IssuerConfig> {
        self.providers.iter().map(|provider| &provider.config)
    }

    /// Fetches every provider's endpoints and keys again, one after the other; call it at the start and every few minutes.
    /// Says whose could not be had, by id; of those the old ones stay.
    pub async fn refresh(&self) -> Vec<(String, IssuerError)> {
        let mut failed = Vec::new();
        for provider in &self.providers {
            if let Err(error) = provider.refresh(&*self.access, &*self.clock).await {
                failed.push((provider.config.id.clone(), error));
            }
        }
        failed
    }

    /// Where to send the browser (RFC 6749 section 4.1.1 with PKCE).
    pub async fn authorize_url(&self, id: &str, params: &AuthorizeParams<'_>) -> Result<String, IssuerError> {
        let provider = self.provider(id)?;
        let known = provider.known(&self.access, &self.clock).await?;
        let config = &provider.config;
        let mut scope = "openid".to_owned();
        for name in config.scopes.iter().filter(|name| *name != "openid") {
            scope.push(' ');
            scope.push_str(name);
        }
        let query = form::print([
            ("response_type", "code"),
            ("client_id", &config.client_id),
            ("redirect_uri", params.redirect_uri),
            ("scope", &scope),
            ("state", params.state),
            ("nonce", params.nonce),
            ("code_challenge", params.code_challenge),
            ("code_challenge_method", "S256"),
        ]);
        Ok(with_query(&known.authorization_endpoint, &query))
    }

    /// Exchanges the code for an ID token (RFC 6749 section 4.1.3) and says who it names.
    ///
    /// The access token that comes with it is dropped: the house calls no API in anybody's name.
    pub async fn redeem(&self, id: &str, redeem: &Redeem<'_>) -> Result<Identified, IssuerError> {
        let provider = self.provider(id)?;
        let config = &provider.config;
        let known = provider.known(&self.access, &self.clock).await?;
        match redeem.iss {
            Some(iss) if iss != config.issuer => return Err(IssuerError::MixedUp),
            None if known.names_itself => return Err(IssuerError::MixedUp),
            Some(_) | None => {}
        }
        let field = |name: &str, value: &str| (name.to_owned(), Secret::new(value.to_owned()));
        let mut fields = vec![
            field("grant_type", "authorization_code"),
            field("code", redeem.code),
            field("redirect_uri", redeem.redirect_uri),
            field("code_verifier", redeem.code_verifier),
        ];
        let basic = match (&config.client_secret, known.client_authentication) {
            (Some(secret), ClientAuthentication::Basic) => {
                Some((form::encode(&config.client_id), Secret::new(form::encode(secret.expose()))))
            }
            (Some(secret), ClientAuthentication::Post) => {
                fields.push(field("client_id", &config.client_id));
                fields.push(field("client_secret", secret.expose()));
                None
            }
            (None, _) => {
                fields.push(field("client_id", &config.client_id));
                None
            }
        };
        let answer = self.access.post_form(&config.id, &known.token_endpoint, fields, basic).await;
        let answer = json::parse_object(&answer.map_err(IssuerError::Access)?)
            .map_err(|_error| IssuerError::Answer("its token answer is not an unambiguous JSON object"))?;
        let text = |name| answer.get(name).and_then(Value::as_str);
        if !text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
            return Err(IssuerError::Answer("its token answer has no `token_type` of `Bearer`"));
        }
        let token = text("id_token").ok_or(IssuerError::Answer("its token answer has no `id_token`"))?;
        let token = Unverified::parse(token)?;
        let now = self.clock.now();
        self.verify(provider, &token, |signed| {
            let claims = signed.identity(&config.issuer, &config.client_id, redeem.nonce, now)?;
            Ok(identify(config, claims))
        })
        .await?
    }

    /// Whom a bearer token names, if its issuer gave it for one of this house's audiences.
    pub async fn verify_bearer(&self, token: &str, now: Timestamp) -> Result<Identified, IssuerError> {
        let token = Unverified::parse(token)?;
        let issuer = token.claimed_issuer().ok_or(TokenError::Claim("iss", "is missing"))?;
        let mut providers = self.providers.iter();
        let provider = providers
            .find(|provider| provider.config.issuer == issuer && !provider.config.audiences.is_empty())
            .ok_or(IssuerError::UnknownIssuer)?;
        let config = &provider.config;
        self.verify(provider, &token, |signed| {
            let claims = signed.access(&config.issuer, &config.client_id, &config.audiences, now)?;
            Ok(identify(config, claims))
        })
        .await?
    }

    /// What a provider's logout token ends. Each token is taken once.
    pub async fn verify_logout(
        &self,
        id: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<LoggedOut, IssuerError> {
        let provider = self.provider(id)?;
        let config = &provider.config;
        let token = Unverified::parse(token)?;
        let (logged_out, expires) = self
            .verify(provider, &token, |signed| {
                let claims = signed.logout(&config.issuer, &config.client_id, now)?;
                let logged_out = LoggedOut {
                    issuer: config.issuer.clone(),
                    subject: claims.text("sub")?.map(str::to_owned),
                    sid: claims.text("sid")?.map(str::to_owned),
                    jti: claims.text("jti")?.unwrap_or_default().to_owned(),
                };
                Ok((logged_out, claims.expires()?))
            })
            .await?;
        self.take_once(&logged_out, expires, now)?;
        Ok(logged_out)
    }

    /// Where to send the browser so that the provider ends its session too (OpenID Connect RP-Initiated Logout 1.0);
    /// `None` if it offers no such place or was never reached.
    pub fn end_session_url(&self, id: &str, post_logout_redirect_uri: &str) -> Option<String> {
        let provider = self.provider(id).ok()?;
        let known = provider.last_known()?;
        let query = form::print([
            ("client_id", provider.config.client_id.as_str()),
            ("post_logout_redirect_uri", post_logout_redirect_uri),
        ]);
        Some(with_query(known.end_session_endpoint.as_deref()?, &query))
    }

    fn provider(&self, id: &str) -> Result<&Arc<Provider>, IssuerError> {
        self.providers.iter().find(|provider| provider.config.id == id).ok_or(IssuerError::UnknownIssuer)
    }

    /// Proves the signature, with newer keys if the known ones do not fit, and lets `check` read the claims.
    async fn verify<'t, T>(
        &self,
        provider: &Arc<Provider>,
        token: &'t Unverified<'_>,
        check: impl FnOnce(crate::jwt::Signed<'t>) -> Result<T, TokenError>,
    ) -> Result<T, IssuerError> {
        let known = provider.known(&self.access, &self.clock).await?;
        let signed = match token.verify(&known.keys) {
            Err(TokenError::UnknownKey) => {
                let newer = provider.newer(&known, &self.access, &self.clock).await;
                token.verify(&newer.keys)?
            }
            verified => verified?,
        };
        Ok(check(signed)?)
    }

    /// Refuses a logout token that was taken before (OpenID Connect Back-Channel Logout 1.0 section 2.6).
    fn take_once(&self, token: &LoggedOut, expires: Timestamp, now: Timestamp) -> Result<(), IssuerError> {
        let mut taken = self.logouts.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|_, expires| *expires > now);
        if taken.len() >= LOGOUTS_MAX {
            let oldest = taken.iter().min_by_key(|(_, expires)| **expires).map(|(key, _)| key.clone());
            oldest.and_then(|key| taken.remove(&key));
        }
        match taken.insert((token.issuer.clone(), token.jti.clone()), expires) {
            None => Ok(()),
            Some(_) => Err(IssuerError::Replayed),
        }
    }
}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list().map(|config| &config.id)).finish()
    }
}

/// Who the claims name in this house.
fn identify(config: &IssuerConfig, claims: Claims<'_>) -> Result<Identified, IssuerError> {
    let subject = claims.subject()?;
    let person = roles::person(&config.issuer, subject);
    let groups = groups(config, claims)?;
    let role =
        roles::choose(&groups, &config.roles).copied().or(config.default_role).ok_or(IssuerError::NoRole)?;
    let tenant = roles::choose(&groups, &config.tenants).unwrap_or(&config.default_tenant).clone();
    let shown = |name| claims.0.get(name).and_then(Value::as_str);
    let name = roles::display_name([shown("name"), shown("preferred_username"), shown("email")], &person);
    Ok(Identified {
        person,
        name,
        issuer: config.issuer.clone(),
        subject: subject.to_owned(),
        sid: claims.text("sid")?.map(str::to_owned),
        role,
        groups,
        tenant,
        expires: claims.expires()?,
    })
}

/// The groups: a list of texts, or one text. No claim is no group; a claim of another form is an error, so that nobody
/// keeps a role because the provider changed how it writes groups.
fn groups(config: &IssuerConfig, claims: Claims<'_>) -> Result<Vec<String>, IssuerError> {
    let wrong = IssuerError::Token(TokenError::Claim("groups", "has the wrong type or too many groups"));
    let found = match config.groups_claim.strip_prefix('/') {
        None => claims.0.get(&config.groups_claim),
        Some(path) => {
            let mut steps = path.split('/').map(|step| step.replace("~1", "/").replace("~0", "~"));
            let first = steps.next().and_then(|step| claims.0.get(&step));
            steps.fold(first, |value, step| value?.as_object()?.get(&step))
        }
    };
    let groups = match found {
        None => Some(Vec::new()),
        Some(Value::String(group)) => Some(vec![group.clone()]),
        Some(Value::Array(items)) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        Some(_) => None,
    };
    groups.and_then(roles::tidy).ok_or(wrong)
}

fn with_query(endpoint: &str, query: &str) -> String {
    let separator = if endpoint.contains('?') { '&' } else { '?' };
    format!("{endpoint}{separator}{query}")
}

impl IssuerConfig {
    fn check(&self) -> Result<(), IssuerConfigError> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.id.is_empty() || self.id.len() > 64 || !self.id.bytes().all(is_plain) {
            return Err(self.wrong("its id is not 1 to 64 characters of a-z, 0-9 and `-`"));
        }
        match Address::parse(&self.issuer) {
            Err(error) => return Err(self.wrong(format!("its issuer is {error}"))),
            Ok(address) if address.path_and_query.contains('?') => {
                return Err(self.wrong("its issuer has a query, which an issuer never has"));
            }
            Ok(_) => {}
        }
        if self.client_id.is_empty()
            || self.client_secret.as_ref().is_some_and(|secret| secret.expose().is_empty())
        {
            return Err(self.wrong("its client id or client secret is empty"));
        }
        if self.audiences.iter().any(|audience| audience.is_empty() || *audience == self.client_id) {
            return Err(
                self.wrong("an audience is empty or the client id; an ID token would do as an access token")
            );
        }
        if self.roles.is_empty() && self.default_role.is_none() {
            return Err(self.wrong("it gives nobody a role; add `roles` or a `default_role`"));
        }
        if !self.roles.is_empty() && self.groups_claim.is_empty() {
            return Err(self.wrong("it gives roles to groups but names no `groups_claim`"));
        }
        if !self.tenants.is_empty() && self.groups_claim.is_empty() {
            return Err(self.wrong("it gives tenants to groups but names no `groups_claim`"));
        }
        Ok(())
    }

    fn wrong(&self, reason: impl Into<String>) -> IssuerConfigError {
        IssuerConfigError { id: self.id.clone(), reason: reason.into() }
    }
}

/// A configuration that nobody could sign in with, or not safely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerConfigError {
    id: String,
    reason: String,
}

impl fmt::Display for IssuerConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the identity provider `{}` cannot be used: {}", self.id.escape_default(), self.reason)
    }
}

impl std::error::Error for IssuerConfigError {}

/// Why a provider's word could not be had or taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssuerError {
    /// No such provider, or none that gives bearer tokens for this house.
    UnknownIssuer,
    /// The provider gave no answer, or said no.
    Access(AccessError),
    /// What the provider publishes about itself cannot be used.
    Metadata(&'static str),
    /// The provider's answer is not what the protocol demands.
    Answer(&'static str),
    /// The callback was from another provider than the one that was asked (RFC 9207).
    MixedUp,
    Token(TokenError),
    /// The logout token was taken before.
    Replayed,
    /// The provider knows the person, but none of their groups has a role here.
    NoRole,
}

impl IssuerError {
    /// Whether trying again later may help without anybody changing anything.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Access(AccessError::Unreachable(_) | AccessError::TimedOut) => true,
            Self::Access(AccessError::Status { status, .. }) => *status >= 500 || *status == 429,
            _ => false,
        }
    }
}

impl From<TokenError> for IssuerError {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl fmt::Display for IssuerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownIssuer => f.write_str("no such identity provider is trusted"),
            Self::Access(error) => write!(f, "the identity provider gave no answer to use: {error}"),
            Self::Metadata(reason) => write!(f, "the identity provider cannot be used: {reason}"),
            Self::Answer(reason) => write!(f, "the identity provider answered wrongly: {reason}"),
            Self::MixedUp => f.write_str("the answer came from another identity provider than was asked"),
            Self::Token(error) => error.fmt(f),
            Self::Replayed => f.write_str("the logout token was taken before"),
            Self::NoRole => f.write_str("no group of this person has a role in this house"),
        }
    }
}

impl std::error::Error for IssuerError {}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
