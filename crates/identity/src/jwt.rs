//! Signed tokens (RFC 7515, RFC 7519): the one verifier for ID tokens, bearer tokens and logout tokens.
//!
//! The signature is checked by a library, form and claims here: strictly parsed once, against the house's own clock, and
//! with one rule per known confusion (RFC 8725). Nothing in a token chooses a key, except among those that its issuer
//! publishes for just this algorithm.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use schleuse_types::Timestamp;

use crate::json::{self, JsonError, Object, Value};

/// For a whole token, in bytes.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// How far an issuer's clock may be ahead, in seconds. The end of a token has no such grace.
const SKEW_S: u64 = 60;
/// The end of the year 9999: what is later is a mistake of units.
const SECONDS_MAX: u64 = 253_402_300_799;
/// OpenID Connect Core section 2: at most 255 characters, ASCII.
const SUBJECT_BYTES_MAX: usize = 255;
const AUDIENCES_MAX: usize = 64;
const KEYS_MAX: usize = 100;
/// The event that makes a token a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4).
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What may sign: no symmetric key (the issuer's public key would then be the password) and no `none`.
const ALGORITHMS: [(&str, Algorithm, KeyType); 9] = [
    ("RS256", Algorithm::RS256, KeyType::Rsa),
    ("RS384", Algorithm::RS384, KeyType::Rsa),
    ("RS512", Algorithm::RS512, KeyType::Rsa),
    ("PS256", Algorithm::PS256, KeyType::Rsa),
    ("PS384", Algorithm::PS384, KeyType::Rsa),
    ("PS512", Algorithm::PS512, KeyType::Rsa),
    ("ES256", Algorithm::ES256, KeyType::P256),
    ("ES384", Algorithm::ES384, KeyType::P384),
    ("EdDSA", Algorithm::EdDSA, KeyType::Ed25519),
];

/// Header parameters that bring their own key, change what is signed, or hide the content.
const FORBIDDEN_PARAMETERS: [&str; 8] = ["crit", "b64", "jku", "jwk", "x5u", "x5c", "enc", "zip"];

/// Whether a text looks like a token: three parts between two dots.
pub(crate) fn has_form(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// A token of which nothing is proven.
pub(crate) struct Unverified<'a> {
    /// Header and payload as they were signed.
    signed: &'a str,
    signature: &'a str,
    algorithm: Algorithm,
    key_type: KeyType,
    key_id: Option<String>,
    /// The header's `typ` in lower case and without `application/`.
    kind: Option<String>,
    claims: Object,
}

impl<'a> Unverified<'a> {
    pub(crate) fn parse(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed("too long"));
        }
        let form = TokenError::Malformed("not three parts of base64url");
        let (signed, signature) = token.rsplit_once('.').ok_or(form)?;
        let (header, payload) = signed.split_once('.').ok_or(form)?;
        let decode = |part: &str| match part {
            "" => Err(form),
            part => URL_SAFE_NO_PAD.decode(part).map_err(|_invalid| form),
        };
        decode(signature)?;
        let header = json::parse_object(&decode(header)?).map_err(|_| TokenError::Json("header"))?;
        if let Some(name) = FORBIDDEN_PARAMETERS.into_iter().find(|name| header.contains_key(*name)) {
            return Err(TokenError::Parameter(name));
        }
        let algorithm = header.get("alg").and_then(Value::as_str);
        let (_, algorithm, key_type) = ALGORITHMS
            .into_iter()
            .find(|(name, ..)| algorithm == Some(name))
            .ok_or(TokenError::Parameter("alg"))?;
        let text = |name| match header.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(TokenError::Parameter(name)),
        };
        let kind = text("typ")?.map(|kind| kind.to_ascii_lowercase());
        let kind = kind.map(|kind| kind.strip_prefix("application/").map(str::to_owned).unwrap_or(kind));
        let key_id = text("kid")?;
        let claims = json::parse_object(&decode(payload)?).map_err(|_| TokenError::Json("payload"))?;
        Ok(Self { signed, signature, algorithm, key_type, key_id, kind, claims })
    }

    /// Who the token says it is from, to find the keys by which that can be proven.
    pub(crate) fn claimed_issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }

    /// Proves that the holder of one of these keys signed the token, and nothing else.
    pub(crate) fn verify(&self, keys: &KeySet) -> Result<Signed<'_>, TokenError> {
        let key = keys.find(self.key_id.as_deref(), self.algorithm, self.key_type)?;
        match jsonwebtoken::crypto::verify(self.signature, self.signed.as_bytes(), key, self.algorithm) {
            Ok(true) => Ok(Signed { kind: self.kind.as_deref(), claims: Claims(&self.claims) }),
            Ok(false) | Err(_) => Err(TokenError::Signature),
        }
    }
}

/// A token that its issuer signed; for what and for whom is still to be checked.
pub(crate) struct Signed<'a> {
    kind: Option<&'a str>,
    claims: Claims<'a>,
}

impl<'a> Signed<'a> {
    /// An ID token (OpenID Connect Core section 3.1.3.7) that `issuer` gave to `client` for the sign-in with this nonce.
    pub(crate) fn identity(
        self,
        issuer: &str,
        client: &str,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Claims<'a>, TokenError> {
        self.permit_kinds(&[None, Some("jwt")])?;
        let claims = self.claims;
        claims.check_issuer_and_time(issuer, now)?;
        claims.require("iat")?;
        claims.check_client(client)?;
        claims.forbid("events")?;
        match claims.text("nonce")? {
            Some(presented) if presented == nonce && !nonce.is_empty() => {}
            _ => return Err(TokenError::Claim("nonce", "is not the one of this sign-in")),
        }
        claims.subject()?;
        Ok(claims)
    }

    /// An access token (RFC 9068, and what issuers gave before it) for one of `audiences`.
    ///
    /// Only `at+jwt` says by its type that it is one. Of the others, those are refused that could be an ID token: with a
    /// claim that only ID tokens have, or with the house's own client among the audiences.
    pub(crate) fn access(
        self,
        issuer: &str,
        client: &str,
        audiences: &[String],
        now: Timestamp,
    ) -> Result<Claims<'a>, TokenError> {
        self.permit_kinds(&[None, Some("jwt"), Some("at+jwt")])?;
        let claims = self.claims;
        claims.check_issuer_and_time(issuer, now)?;
        let named = claims.audiences()?;
        if !audiences.iter().any(|audience| named.contains(&audience.as_str())) {
            return Err(TokenError::Claim("aud", "does not name this house"));
        }
        claims.forbid("events")?;
        // Bound to a key (RFC 8705, RFC 9449), of which nobody here asks for a proof: as a mere bearer token it is stolen.
        claims.forbid("cnf")?;
        if self.kind != Some("at+jwt") {
            for name in ["nonce", "at_hash", "c_hash", "s_hash"] {
                claims.forbid(name)?;
            }
            if named.contains(&client) {
                return Err(TokenError::Claim("aud", "is that of an ID token"));
            }
            // Keycloak says in a claim what kind of token it is.
            if claims.text("typ")?.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
                return Err(TokenError::Claim("typ", "is not that of an access token"));
            }
        }
        claims.subject()?;
        Ok(claims)
    }

    /// A logout token (OpenID Connect Back-Channel Logout 1.0 section 2.6) that `issuer` sent to `client`.
    pub(crate) fn logout(self, issuer: &str, client: &str, now: Timestamp) -> Result<Claims<'a>, TokenError> {
        self.permit_kinds(&[None, Some("jwt"), Some("logout+jwt")])?;
        let claims = self.claims;
        claims.check_issuer_and_time(issuer, now)?;
        claims.require("iat")?;
        claims.check_client(client)?;
        claims.forbid("nonce")?;
        let event =
            claims.0.get("events").and_then(Value::as_object).and_then(|events| events.get(LOGOUT_EVENT));
        if event.and_then(Value::as_object).is_none() {
            return Err(TokenError::Claim("events", "says nothing of a logout"));
        }
        if claims.text("jti")?.is_none_or(str::is_empty) {
            return Err(TokenError::Claim("jti", "is missing"));
        }
        match (claims.0.contains_key("sub"), claims.text("sid")?) {
            (false, None) => return Err(TokenError::Claim("sub", "is missing, and so is `sid`")),
            (true, _) => drop(claims.subject()?),
            (false, Some(_)) => {}
        }
        Ok(claims)
    }

    fn permit_kinds(&self, permitted: &[Option<&str>]) -> Result<(), TokenError> {
        permitted.contains(&self.kind).then_some(()).ok_or(TokenError::Parameter("typ"))
    }
}

/// The claims of a token. What is read from them has the type that its specification demands, or the token is refused.
#[derive(Clone, Copy)]
pub(crate) struct Claims<'a>(pub(crate) &'a Object);

impl<'a> Claims<'a> {
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<&'a str>, TokenError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(TokenError::Claim(name, "has the wrong type")),
        }
    }

    /// Who it is, within what its issuer calls people: 1 to 255 bytes without control characters.
    pub(crate) fn subject(&self) -> Result<&'a str, TokenError> {
        let subject = self.text("sub")?.ok_or(TokenError::Claim("sub", "is missing"))?;
        if subject.is_empty() || subject.len() > SUBJECT_BYTES_MAX || subject.chars().any(char::is_control) {
            return Err(TokenError::Claim("sub", "is no subject"));
        }
        Ok(subject)
    }

    /// The first moment at which the token is no longer good.
    pub(crate) fn expires(&self) -> Result<Timestamp, TokenError> {
        let seconds = self.seconds("exp")?.ok_or(TokenError::Claim("exp", "is missing"))?;
        Ok(Timestamp(seconds.saturating_mul(1_000_000)))
    }

    fn check_issuer_and_time(&self, issuer: &str, now: Timestamp) -> Result<(), TokenError> {
        if self.text("iss")? != Some(issuer) {
            return Err(TokenError::Claim("iss", "is another issuer"));
        }
        if self.expires()? <= now {
            return Err(TokenError::Claim("exp", "is over"));
        }
        for name in ["nbf", "iat"] {
            if self.seconds(name)?.is_some_and(|at| at > now.seconds().saturating_add(SKEW_S)) {
                return Err(TokenError::Claim(name, "is in the future"));
            }
        }
        Ok(())
    }

    /// That the token was given to `client`, and if to others too, then through it.
    fn check_client(&self, client: &str) -> Result<(), TokenError> {
        let audiences = self.audiences()?;
        if !audiences.contains(&client) {
            return Err(TokenError::Claim("aud", "does not name this house"));
        }
        match self.text("azp")? {
            Some(party) if party != client => Err(TokenError::Claim("azp", "is another client")),
            None if audiences.len() > 1 => {
                Err(TokenError::Claim("azp", "is missing beside several audiences"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn audiences(&self) -> Result<Vec<&'a str>, TokenError> {
        let wrong = TokenError::Claim("aud", "has the wrong type");
        match self.0.get("aud") {
            None => Err(TokenError::Claim("aud", "is missing")),
            Some(Value::String(audience)) => Ok(vec![audience]),
            Some(Value::Array(items)) if items.len() <= AUDIENCES_MAX => {
                items.iter().map(|item| item.as_str().ok_or(wrong)).collect()
            }
            Some(_) => Err(wrong),
        }
    }

    /// A `NumericDate` (RFC 7519 section 2) in whole seconds, rounded down.
    fn seconds(&self, name: &'static str) -> Result<Option<u64>, TokenError> {
        let seconds = match self.0.get(name) {
            None => return Ok(None),
            Some(Value::Natural(seconds)) => *seconds,
            // Rounding towards zero is what is meant; the range is checked below.
            Some(Value::Number(seconds)) if *seconds >= 0.0 => *seconds as u64,
            Some(_) => return Err(TokenError::Claim(name, "has the wrong type")),
        };
        if seconds > SECONDS_MAX {
            return Err(TokenError::Claim(name, "is no time"));
        }
        Ok(Some(seconds))
    }

    fn require(&self, name: &'static str) -> Result<(), TokenError> {
        self.0.contains_key(name).then_some(()).ok_or(TokenError::Claim(name, "is missing"))
    }

    fn forbid(&self, name: &'static str) -> Result<(), TokenError> {
        match self.0.contains_key(name) {
            true => Err(TokenError::Claim(name, "does not belong into this kind of token")),
            false => Ok(()),
        }
    }
}

/// The keys that an issuer publishes (RFC 7517) and that can verify one of the permitted algorithms.
pub(crate) struct KeySet(Vec<PublicKey>);

struct PublicKey {
    id: Option<String>,
    key_type: KeyType,
    /// The only algorithm that the issuer uses this key with, if it says so.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyType {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl KeySet {
    /// Reads a JWK set. Keys of other kinds, such as symmetric ones or ones for encryption, are left out.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let document = json::parse_object(bytes)?;
        let keys = document.get("keys").and_then(Value::as_array).unwrap_or_default();
        Ok(Self(keys.iter().take(KEYS_MAX).filter_map(|key| PublicKey::read(key.as_object()?)).collect()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one key that can have made such a signature. Without an id there must be no choice.
    fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        key_type: KeyType,
    ) -> Result<&DecodingKey, TokenError> {
        let mut fitting = self.0.iter().filter(|key| {
            key.key_type == key_type
                && key.algorithm.is_none_or(|only| only == algorithm)
                && (id.is_none() || key.id.as_deref() == id)
        });
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(&key.key),
            _ => Err(TokenError::UnknownKey),
        }
    }
}

impl PublicKey {
    fn read(key: &Object) -> Option<Self> {
        let text = |name| key.get(name).and_then(Value::as_str);
        if key.get("use").is_some_and(|purpose| purpose.as_str() != Some("sig")) {
            return None;
        }
        if let Some(operations) = key.get("key_ops") {
            let mut operations = operations.as_array()?.iter();
            operations.find(|operation| operation.as_str() == Some("verify"))?;
        }
        let algorithm = match key.get("alg") {
            None => None,
            Some(name) => Some(ALGORITHMS.iter().find(|(known, ..)| name.as_str() == Some(known))?.1),
        };
        let (key_type, decoding) = match (text("kty")?, text("crv")) {
            ("RSA", _) => (KeyType::Rsa, DecodingKey::from_rsa_components(text("n")?, text("e")?).ok()?),
            ("EC", Some("P-256")) => (KeyType::P256, elliptic(text("x")?, text("y")?, 32)?),
            ("EC", Some("P-384")) => (KeyType::P384, elliptic(text("x")?, text("y")?, 48)?),
            ("OKP", Some("Ed25519")) => (KeyType::Ed25519, DecodingKey::from_ed_components(text("x")?).ok()?),
            _ => return None,
        };
        Some(Self { id: text("kid").map(str::to_owned), key_type, algorithm, key: decoding })
    }
}

/// A point of which both coordinates have their full length, so that no bytes can move from one to the other.
fn elliptic(x: &str, y: &str, bytes: usize) -> Option<DecodingKey> {
    let is_whole = |part| URL_SAFE_NO_PAD.decode(part).is_ok_and(|part| part.len() == bytes);
    (is_whole(x) && is_whole(y)).then(|| DecodingKey::from_ec_components(x, y).ok()).flatten()
}

/// Why a token is not good. Never holds what the token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenError {
    Malformed(&'static str),
    /// Header or payload is not an unambiguous JSON object.
    Json(&'static str),
    /// A parameter of the header that is missing, wrong or not permitted.
    Parameter(&'static str),
    /// The issuer publishes no key, or more than one, that can have signed this.
    UnknownKey,
    Signature,
    /// A claim, and what is wrong with it.
    Claim(&'static str, &'static str),
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => write!(f, "the token is {reason}"),
            Self::Json(part) => write!(f, "the token's {part} is not an unambiguous JSON object"),
            Self::Parameter(name) => write!(f, "the token's header parameter `{name}` is not permitted so"),
            Self::UnknownKey => {
                f.write_str("the token is not signed by exactly one published key of its issuer")
            }
            Self::Signature => f.write_str("the token's signature is wrong"),
            Self::Claim(name, problem) => write!(f, "the token's claim `{name}` {problem}"),
        }
    }
}

impl std::error::Error for TokenError {}
