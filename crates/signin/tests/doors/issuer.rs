//! Two scripted providers with real keys, which tell the truth until they are told to lie.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use schleuse_identity::{Access, AccessError, IssuerAccess, IssuerConfig};
use schleuse_types::{Clock, Role, Secret};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What is wrong with the next ID token, or with the answer around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    Nonce,
    Issuer,
    Audience,
    Signature,
    Expired,
    NoGroups,
    /// The code is refused.
    Refused,
    /// No answer at all.
    Silent,
}

pub(crate) struct Provider {
    pub(crate) id: &'static str,
    issuer: String,
    key: EcdsaKeyPair,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    grants: HashMap<String, Grant>,
    approved: usize,
    lie: Option<Lie>,
}

struct Grant {
    asked: HashMap<String, String>,
    subject: String,
    groups: Vec<String>,
    sid: String,
}

impl Provider {
    pub(crate) fn new(id: &'static str, clock: Arc<dyn Clock>) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { id, issuer: format!("https://{id}.test"), key, clock, state: Mutex::default() }
    }

    pub(crate) fn config(&self) -> IssuerConfig {
        IssuerConfig {
            id: self.id.to_owned(),
            name: self.id.to_uppercase(),
            issuer: self.issuer.clone(),
            client_id: "house".to_owned(),
            client_secret: Some(Secret::new("secret".to_owned())),
            scopes: vec!["profile".to_owned()],
            audiences: Vec::new(),
            groups_claim: "groups".to_owned(),
            roles: vec![("dev".to_owned(), Role::Engineer)],
            default_role: None,
            tenants: Vec::new(),
            default_tenant: Default::default(),
            ca_file: None,
        }
    }

    pub(crate) fn lie(&self, lie: Lie) {
        self.state.lock().unwrap().lie = Some(lie);
    }

    /// What the browser brings back after `subject` signed in at the address to which the house sent it.
    pub(crate) fn approve(&self, location: &str, subject: &str, groups: &[&str]) -> String {
        let (endpoint, query) = location.split_once('?').unwrap();
        assert_eq!(endpoint, format!("{}/authorize", self.issuer));
        let asked: HashMap<String, String> = query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert_eq!(asked["response_type"], "code");
        let mut state = self.state.lock().unwrap();
        state.approved += 1;
        let code = format!("{}-code-{}", self.id, state.approved);
        let answer = format!("code={code}&state={}&iss=https%3A%2F%2F{}.test", asked["state"], self.id);
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let sid = format!("sid-{}", state.approved);
        state.grants.insert(code, Grant { asked, subject: subject.to_owned(), groups, sid });
        answer
    }

    /// A logout token for a subject, one of its sessions, or both.
    pub(crate) fn logout_token(&self, subject: Option<&str>, sid: Option<&str>, jti: &str) -> String {
        let now = self.clock.now().seconds();
        let mut claims = json!({
            "iss": self.issuer, "aud": "house", "iat": now, "exp": now + 120, "jti": jti,
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        });
        if let Some(subject) = subject {
            claims["sub"] = json!(subject);
        }
        if let Some(sid) = sid {
            claims["sid"] = json!(sid);
        }
        self.sign(&json!({"alg": "ES256", "kid": "k", "typ": "logout+jwt"}), &claims)
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn publish(&self, path: &str) -> Option<Value> {
        match path {
            "/.well-known/openid-configuration" => Some(json!({
                "issuer": self.issuer,
                "authorization_endpoint": format!("{}/authorize", self.issuer),
                "token_endpoint": format!("{}/token", self.issuer),
                "jwks_uri": format!("{}/keys", self.issuer),
                "end_session_endpoint": format!("{}/end", self.issuer),
                "authorization_response_iss_parameter_supported": true,
            })),
            "/keys" => {
                let point = self.key.public_key().as_ref();
                let coordinate = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
                Some(json!({"keys": [{
                    "kty": "EC", "crv": "P-256", "kid": "k", "alg": "ES256", "use": "sig",
                    "x": coordinate(&point[1..33]), "y": coordinate(&point[33..65]),
                }]}))
            }
            _ => None,
        }
    }

    /// RFC 6749 section 4.1.3 with RFC 7636 section 4.6, as strict as a provider must be.
    fn redeem(&self, fields: &HashMap<String, String>) -> Result<Value, AccessError> {
        let invalid = AccessError::Status { status: 400, error: Some("invalid_grant".to_owned()) };
        let mut state = self.state.lock().unwrap();
        let lie = state.lie;
        match lie {
            Some(Lie::Silent) => return Err(AccessError::TimedOut),
            Some(Lie::Refused) => return Err(invalid),
            _ => {}
        }
        let grant = state.grants.remove(&fields["code"]).ok_or(invalid.clone())?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(fields["code_verifier"].as_bytes()));
        let redirect = fields["redirect_uri"].replace(':', "%3A").replace('/', "%2F");
        if grant.asked["code_challenge"] != challenge || grant.asked["redirect_uri"] != redirect {
            return Err(invalid);
        }
        let now = self.clock.now().seconds();
        let mut claims = json!({
            "iss": self.issuer, "aud": "house", "sub": grant.subject, "iat": now, "exp": now + 300,
            "nonce": grant.asked["nonce"], "sid": grant.sid, "name": "Anna Schmidt", "groups": grant.groups,
        });
        match lie {
            Some(Lie::Nonce) => claims["nonce"] = json!("another"),
            Some(Lie::Issuer) => claims["iss"] = json!("https://two.test"),
            Some(Lie::Audience) => claims["aud"] = json!("another"),
            Some(Lie::Expired) => claims["exp"] = json!(now),
            Some(Lie::NoGroups) => claims["groups"] = json!([]),
            _ => {}
        }
        let mut token = self.sign(&json!({"alg": "ES256", "kid": "k"}), &claims);
        if lie == Some(Lie::Signature) {
            let forger = Self::new("two", Arc::clone(&self.clock));
            token = forger.sign(&json!({"alg": "ES256", "kid": "k"}), &claims);
        }
        Ok(json!({"access_token": "a", "token_type": "Bearer", "id_token": token}))
    }
}

/// Reaches the scripted providers.
pub(crate) struct Scripted(pub(crate) Vec<Arc<Provider>>);

impl Scripted {
    fn find<'a>(&self, id: &str, url: &'a str) -> Option<(&Arc<Provider>, &'a str)> {
        let provider = self.0.iter().find(|provider| provider.id == id)?;
        Some((provider, url.strip_prefix(&provider.issuer)?))
    }
}

impl IssuerAccess for Scripted {
    fn get<'a>(&'a self, issuer: &'a str, url: &'a str) -> Access<'a> {
        let found = self.find(issuer, url).and_then(|(provider, path)| provider.publish(path));
        let missing = AccessError::Status { status: 404, error: None };
        Box::pin(async move { found.map(|found| Bytes::from(found.to_string())).ok_or(missing) })
    }

    fn post_form<'a>(
        &'a self,
        issuer: &'a str,
        url: &'a str,
        fields: Vec<(String, Secret<String>)>,
        basic: Option<(String, Secret<String>)>,
    ) -> Access<'a> {
        let (provider, path) = self.find(issuer, url).unwrap();
        assert_eq!((path, basic.unwrap().1.expose().as_str()), ("/token", "secret"));
        let fields = fields.into_iter().map(|(name, value)| (name, value.expose().clone())).collect();
        let answer = provider.redeem(&fields);
        Box::pin(async move { answer.map(|answer| Bytes::from(answer.to_string())) })
    }
}
