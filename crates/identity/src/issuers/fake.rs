//! Two providers that exist only in memory, with real keys and signatures.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PSS_SHA256,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use schleuse_types::{Clock, Role, Secret, Timestamp};

use super::{IssuerConfig, Issuers};
use crate::access::{Access, AccessError, IssuerAccess};

pub(crate) const A: &str = "https://a.example";
pub(crate) const B: &str = "https://b.example/realms/b";
pub(crate) const API: &str = "https://house.example/v1";
/// 2026-11-21T09:00:00Z.
pub(crate) const NOW_S: u64 = 1_795_251_600;
pub(crate) const NOW: Timestamp = Timestamp(NOW_S * 1_000_000);

/// The keys of both providers, made once: of A an RSA key `r`, P-256 `e`, P-384 `f`, Ed25519 `d` and the later `n`; of B
/// a P-256 key that is called `e` too.
pub(crate) static KEYS: LazyLock<Keys> = LazyLock::new(Keys::new);

pub(crate) struct Keys {
    pub(crate) rsa: RsaKeyPair,
    pub(crate) p256: EcdsaKeyPair,
    pub(crate) p384: EcdsaKeyPair,
    pub(crate) ed25519: Ed25519KeyPair,
    pub(crate) later: EcdsaKeyPair,
    pub(crate) of_b: EcdsaKeyPair,
}

impl Keys {
    fn new() -> Self {
        let p256 = || EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            p256: p256(),
            p384: EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
            ed25519: Ed25519KeyPair::generate().unwrap(),
            later: p256(),
            of_b: p256(),
        }
    }

    pub(crate) fn rsa_modulus(&self) -> Vec<u8> {
        self.rsa.public_key().modulus().big_endian_without_leading_zero().to_vec()
    }
}

/// How a token is signed.
#[derive(Clone, Copy)]
pub(crate) enum Signer {
    Rs256,
    Ps256,
    Es256,
    Es384,
    EdDsa,
    Later,
    OfB,
    /// HMAC with a published RSA key as if it were a password.
    PublicKeyAsSecret,
    /// Nothing, or always the same.
    Literally(&'static str),
}

impl Signer {
    fn sign(self, message: &[u8]) -> String {
        let (keys, random) = (&*KEYS, SystemRandom::new());
        let ecdsa = |key: &EcdsaKeyPair| key.sign(&random, message).unwrap().as_ref().to_vec();
        let rsa = |padding| {
            let mut signature = vec![0; keys.rsa.public_modulus_len()];
            keys.rsa.sign(padding, &random, message, &mut signature).unwrap();
            signature
        };
        let signature = match self {
            Self::Rs256 => rsa(&RSA_PKCS1_SHA256),
            Self::Ps256 => rsa(&RSA_PSS_SHA256),
            Self::Es256 => ecdsa(&keys.p256),
            Self::Es384 => ecdsa(&keys.p384),
            Self::EdDsa => keys.ed25519.sign(message).as_ref().to_vec(),
            Self::Later => ecdsa(&keys.later),
            Self::OfB => ecdsa(&keys.of_b),
            Self::PublicKeyAsSecret => crate::printed::keyed_hash(&keys.rsa_modulus(), &[message]).to_vec(),
            Self::Literally(signature) => return signature.to_owned(),
        };
        URL_SAFE_NO_PAD.encode(signature)
    }
}

/// Members of a JSON object in their raw form, so that nonsense can be written too.
pub(crate) type Members = Vec<(String, String)>;

pub(crate) fn members(pairs: &[(&str, &str)]) -> Members {
    pairs.iter().map(|(name, raw)| ((*name).to_owned(), (*raw).to_owned())).collect()
}

/// `base` with some members set, removed where the new value is empty, or written a second time where the name begins `+`.
pub(crate) fn changed(mut base: Members, changes: &[(&str, &str)]) -> Members {
    for (name, raw) in changes {
        if let Some(twice) = name.strip_prefix('+') {
            base.push((twice.to_owned(), (*raw).to_owned()));
            continue;
        }
        base.retain(|(present, _)| present != name);
        if !raw.is_empty() {
            base.push(((*name).to_owned(), (*raw).to_owned()));
        }
    }
    base
}

pub(crate) fn print(members: &Members) -> String {
    let printed: Vec<_> = members.iter().map(|(name, raw)| format!("\"{name}\":{raw}")).collect();
    format!("{{{}}}", printed.join(","))
}

pub(crate) fn sign(signer: Signer, header: &Members, claims: &Members) -> String {
    sign_bytes(signer, print(header).as_bytes(), print(claims).as_bytes())
}

pub(crate) fn sign_bytes(signer: Signer, header: &[u8], claims: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = signer.sign(signed.as_bytes());
    format!("{signed}.{signature}")
}

/// Answers from memory and counts what it is asked.
#[derive(Default)]
pub(crate) struct FakeAccess {
    pub(crate) documents: Mutex<HashMap<String, String>>,
    /// What the token endpoint says, and what it was told.
    pub(crate) token_answer: Mutex<Option<Result<String, AccessError>>>,
    pub(crate) told: Mutex<Vec<(String, String)>>,
    pub(crate) asked: AtomicUsize,
    /// Nothing is answered while somebody holds this.
    pub(crate) door: tokio::sync::Mutex<()>,
}

impl FakeAccess {
    pub(crate) fn publish(&self, url: &str, document: impl Into<String>) {
        self.documents.lock().unwrap().insert(url.to_owned(), document.into());
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl IssuerAccess for FakeAccess {
    fn get<'a>(&'a self, _issuer: &'a str, url: &'a str) -> Access<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let found = self.documents.lock().unwrap().get(url).cloned();
        Box::pin(async move {
            drop(self.door.lock().await);
            found.map(Bytes::from).ok_or(AccessError::Status { status: 404, error: None })
        })
    }

    fn post_form<'a>(
        &'a self,
        _issuer: &'a str,
        url: &'a str,
        fields: Vec<(String, Secret<String>)>,
        basic: Option<(String, Secret<String>)>,
    ) -> Access<'a> {
        let mut told = vec![("url".to_owned(), url.to_owned())];
        told.extend(fields.into_iter().map(|(name, value)| (name, value.expose().clone())));
        told.extend(basic.map(|(name, password)| (format!("basic {name}"), password.expose().clone())));
        *self.told.lock().unwrap() = told;
        let answer = self.token_answer.lock().unwrap().clone();
        Box::pin(async move { answer.unwrap().map(Bytes::from) })
    }
}

/// A clock that stands still until it is set.
#[derive(Default)]
pub(crate) struct FakeClock(pub(crate) AtomicU64);

impl FakeClock {
    pub(crate) fn pass(&self, duration: Duration) {
        self.0.fetch_add(duration.as_micros() as u64, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        NOW.plus(self.monotonic())
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) fn config(id: &str, issuer: &str) -> IssuerConfig {
    IssuerConfig {
        id: id.to_owned(),
        name: id.to_uppercase(),
        issuer: issuer.to_owned(),
        client_id: "house".to_owned(),
        client_secret: Some(Secret::new("p&ss word".to_owned())),
        scopes: vec!["profile".to_owned()],
        audiences: vec![API.to_owned()],
        groups_claim: "groups".to_owned(),
        roles: vec![("it".to_owned(), Role::Admin), ("dev".to_owned(), Role::Engineer)],
        default_role: Some(Role::Employee),
        tenants: Vec::new(),
        default_tenant: Default::default(),
        ca_file: None,
    }
}

/// The members of a discovery document.
pub(crate) fn discovery(issuer: &str) -> Members {
    let url = |path: &str| format!("\"{issuer}{path}\"");
    members(&[
        ("issuer", &url("")),
        ("authorization_endpoint", &url("/authorize?tenant=1")),
        ("token_endpoint", &url("/token")),
        ("jwks_uri", &url("/keys")),
        ("end_session_endpoint", &url("/end")),
    ])
}

pub(crate) fn p256_jwk(id: &str, key: &EcdsaKeyPair) -> String {
    let point = key.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    format!(r#"{{"kty":"EC","crv":"P-256","kid":"{id}","x":"{x}","y":"{y}","use":"sig"}}"#)
}

/// A's keys, among them ones that must never be used: symmetric, for encryption, of an unknown kind.
pub(crate) fn keys_of_a() -> Vec<String> {
    let keys = &*KEYS;
    let n = URL_SAFE_NO_PAD.encode(keys.rsa_modulus());
    let point = keys.p384.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..49]), URL_SAFE_NO_PAD.encode(&point[49..]));
    let ed = URL_SAFE_NO_PAD.encode(keys.ed25519.public_key().as_ref());
    let secret = URL_SAFE_NO_PAD.encode(keys.rsa_modulus());
    vec![
        format!(r#"{{"kty":"oct","kid":"o","k":"{secret}","alg":"HS256"}}"#),
        r#"{"kty":"XYZ","kid":"x","alg":"XS256"}"#.to_owned(),
        p256_jwk("enc", &keys.later).replace(r#""use":"sig""#, r#""use":"enc""#),
        p256_jwk("ops", &keys.later).replace(r#""use":"sig""#, r#""key_ops":["sign"]"#),
        format!(r#"{{"kty":"RSA","kid":"r","n":"{n}","e":"AQAB"}}"#),
        format!(r#"{{"kty":"RSA","kid":"r512","n":"{n}","e":"AQAB","alg":"RS512"}}"#),
        p256_jwk("e", &keys.p256),
        format!(r#"{{"kty":"EC","crv":"P-384","kid":"f","x":"{x}","y":"{y}","alg":"ES384"}}"#),
        format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"d","x":"{ed}","key_ops":["verify"]}}"#),
    ]
}

pub(crate) fn jwks(keys: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

/// A house that trusts A and B.
pub(crate) struct World {
    pub(crate) access: Arc<FakeAccess>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) issuers: Arc<Issuers>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(vec![config("a", A), config("b", B)])
    }

    pub(crate) fn with(configs: Vec<IssuerConfig>) -> Self {
        let access = Arc::new(FakeAccess::default());
        for (issuer, keys) in [(A, keys_of_a()), (B, vec![p256_jwk("e", &KEYS.of_b)])] {
            access.publish(&format!("{issuer}/.well-known/openid-configuration"), print(&discovery(issuer)));
            access.publish(&format!("{issuer}/keys"), jwks(&keys));
        }
        let clock = Arc::new(FakeClock::default());
        let issuers = Issuers::new(configs, Arc::clone(&access) as _, Arc::clone(&clock) as _).unwrap();
        Self { access, clock, issuers: Arc::new(issuers) }
    }
}

pub(crate) fn header() -> Members {
    members(&[("alg", "\"ES256\""), ("kid", "\"e\"")])
}

fn common(seconds: u64) -> Members {
    members(&[
        ("iss", &format!("\"{A}\"")),
        ("sub", "\"1\""),
        ("iat", &NOW_S.to_string()),
        ("exp", &(NOW_S + seconds).to_string()),
    ])
}

pub(crate) fn access_claims() -> Members {
    changed(common(300), &[("aud", &format!("\"{API}\"")), ("groups", r#"["dev","x"]"#), ("name", "\"Ada\"")])
}

pub(crate) fn identity_claims() -> Members {
    let claims = [("aud", "\"house\""), ("nonce", "\"n-1\""), ("sid", "\"s-1\""), ("groups", r#"["it"]"#)];
    changed(common(300), &claims)
}

pub(crate) fn logout_claims() -> Members {
    let event = r#"{"http://schemas.openid.net/event/backchannel-logout":{}}"#;
    changed(common(120), &[("aud", "\"house\""), ("jti", "\"j-1\""), ("sid", "\"s-1\""), ("events", event)])
}
