use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use schleuse_types::{Role, Secret, Timestamp};

use super::fake::{
    A, API, B, FakeAccess, FakeClock, KEYS, Members, NOW, NOW_S, Signer, World, access_claims, changed,
    config, discovery, header, identity_claims, jwks, keys_of_a, logout_claims, p256_jwk, print, sign,
    sign_bytes,
};
use super::{AuthorizeParams, Identified, IssuerConfig, IssuerError, Issuers, Redeem};
use crate::access::AccessError;

const REDIRECT: &str = "https://house.example/auth/oidc/a/callback";

fn words(error: Option<IssuerError>) -> String {
    error.map(|error| error.to_string()).unwrap_or_default()
}

/// The reason that refuses `token` as a bearer token; empty when it is good.
async fn check(token: &str, expected: &str) {
    let refused = words(World::new().issuers.verify_bearer(token, NOW).await.err());
    assert_eq!(refused, expected, "{token}");
}

/// The same for a token with other header parameters. An empty value leaves a parameter out.
async fn check_header(signer: Signer, changes: &[(&str, &str)], expected: &str) {
    check(&sign(signer, &changed(header(), changes), &access_claims()), expected).await;
}

/// The same for a token with other claims.
async fn check_claims(changes: &[(&str, &str)], expected: &str) {
    check(&sign(Signer::Es256, &header(), &changed(access_claims(), changes)), expected).await;
}

fn parameter(name: &str) -> String {
    format!("the token's header parameter `{name}` is not permitted so")
}

fn claim(name: &str, problem: &str) -> String {
    format!("the token's claim `{name}` {problem}")
}

const FORM: &str = "the token is not three parts of base64url";
const SIGNATURE: &str = "the token's signature is wrong";
const KEY: &str = "the token is not signed by exactly one published key of its issuer";
const JSON_HEADER: &str = "the token's header is not an unambiguous JSON object";
const JSON_PAYLOAD: &str = "the token's payload is not an unambiguous JSON object";

#[tokio::test]
async fn every_permitted_algorithm_is_taken_with_its_key() {
    check_header(Signer::Es256, &[], "").await;
    check_header(Signer::Rs256, &[("alg", "\"RS256\""), ("kid", "\"r\"")], "").await;
    check_header(Signer::Ps256, &[("alg", "\"PS256\""), ("kid", "\"r\"")], "").await;
    check_header(Signer::Es384, &[("alg", "\"ES384\""), ("kid", "\"f\"")], "").await;
    check_header(Signer::EdDsa, &[("alg", "\"EdDSA\""), ("kid", "\"d\"")], "").await;
}

#[tokio::test]
async fn the_header_chooses_no_other_algorithm() {
    check_header(Signer::Literally(""), &[("alg", "\"none\"")], FORM).await;
    check_header(Signer::Es256, &[("alg", "\"none\"")], &parameter("alg")).await;
    check_header(Signer::Es256, &[("alg", "\"nOnE\"")], &parameter("alg")).await;
    check_header(Signer::Es256, &[("alg", "\"es256\"")], &parameter("alg")).await;
    check_header(Signer::Es256, &[("alg", "")], &parameter("alg")).await;
    check_header(Signer::Es256, &[("alg", "null")], &parameter("alg")).await;
    check_header(Signer::Es256, &[("alg", "[\"ES256\"]")], &parameter("alg")).await;
    check_header(Signer::Es256, &[("alg", "\"ES256K\"")], &parameter("alg")).await;
    check_header(Signer::PublicKeyAsSecret, &[("alg", "\"HS256\""), ("kid", "\"r\"")], &parameter("alg"))
        .await;
    check_header(Signer::PublicKeyAsSecret, &[("alg", "\"HS256\""), ("kid", "\"o\"")], &parameter("alg"))
        .await;
    check_header(Signer::PublicKeyAsSecret, &[("alg", "\"RS256\""), ("kid", "\"r\"")], SIGNATURE).await;
    check_header(Signer::PublicKeyAsSecret, &[("alg", "\"ES256\""), ("kid", "\"o\"")], KEY).await;
    check_header(Signer::Es256, &[("alg", "\"RS256\"")], KEY).await;
    check_header(Signer::Es256, &[("alg", "\"ES384\"")], KEY).await;
    check_header(Signer::Es256, &[("kid", "\"r\"")], KEY).await;
    check_header(Signer::Ps256, &[("alg", "\"RS256\""), ("kid", "\"r\"")], SIGNATURE).await;
    // The right signature, by a key that its issuer keeps for another algorithm.
    check_header(Signer::Rs256, &[("alg", "\"RS256\""), ("kid", "\"r512\"")], KEY).await;
}

#[tokio::test]
async fn the_header_brings_no_key() {
    let own = p256_jwk("e", &KEYS.later);
    check_header(Signer::Later, &[("jwk", &own)], &parameter("jwk")).await;
    check_header(Signer::Later, &[("jku", "\"https://evil.example/keys\"")], &parameter("jku")).await;
    check_header(Signer::Later, &[("x5u", "\"https://evil.example/c.pem\"")], &parameter("x5u")).await;
    check_header(Signer::Later, &[("x5c", "[\"MIIB\"]")], &parameter("x5c")).await;
    check_header(Signer::Es256, &[("jku", "null")], &parameter("jku")).await;
    check_header(Signer::Es256, &[("crit", "[\"exp\"]")], &parameter("crit")).await;
    check_header(Signer::Es256, &[("crit", "[]")], &parameter("crit")).await;
    check_header(Signer::Es256, &[("b64", "false")], &parameter("b64")).await;
    check_header(Signer::Es256, &[("b64", "true")], &parameter("b64")).await;
    check_header(Signer::Es256, &[("zip", "\"DEF\"")], &parameter("zip")).await;
    check_header(Signer::Es256, &[("enc", "\"A256GCM\"")], &parameter("enc")).await;
}

#[tokio::test]
async fn the_key_id_names_one_published_key() {
    check_header(Signer::Es256, &[("kid", "\"../../etc/passwd\"")], KEY).await;
    check_header(Signer::Es256, &[("kid", "\"e' OR '1'='1\"")], KEY).await;
    check_header(Signer::Es256, &[("kid", "\"e\\u0000\"")], KEY).await;
    check_header(Signer::Es256, &[("kid", "\"\"")], KEY).await;
    check_header(Signer::Es256, &[("kid", "null")], &parameter("kid")).await;
    check_header(Signer::Es256, &[("kid", "1")], &parameter("kid")).await;
    // Without an id only if there is no choice.
    check_header(Signer::Es256, &[("kid", "")], "").await;
    check_header(Signer::Later, &[("kid", "\"enc\"")], KEY).await;
    check_header(Signer::Later, &[("kid", "\"ops\"")], KEY).await;
    check_header(Signer::Later, &[], SIGNATURE).await;
    check_header(Signer::OfB, &[], SIGNATURE).await;
}

#[tokio::test]
async fn two_keys_of_one_kind_need_an_id() {
    let world = World::new();
    let mut keys = keys_of_a();
    keys.push(p256_jwk("e2", &KEYS.later));
    world.access.publish(&format!("{A}/keys"), jwks(&keys));
    let token = |changes: &[(&str, &str)]| sign(Signer::Es256, &changed(header(), changes), &access_claims());
    assert_eq!(words(world.issuers.verify_bearer(&token(&[]), NOW).await.err()), "");
    assert_eq!(words(world.issuers.verify_bearer(&token(&[("kid", "")]), NOW).await.err()), KEY);
}

#[tokio::test]
async fn the_type_is_that_of_an_access_token() {
    check_header(Signer::Es256, &[("typ", "\"at+jwt\"")], "").await;
    check_header(Signer::Es256, &[("typ", "\"application/AT+JWT\"")], "").await;
    check_header(Signer::Es256, &[("typ", "\"JWT\"")], "").await;
    check_header(Signer::Es256, &[("typ", "\"logout+jwt\"")], &parameter("typ")).await;
    check_header(Signer::Es256, &[("typ", "\"secevent+jwt\"")], &parameter("typ")).await;
    check_header(Signer::Es256, &[("typ", "\"dpop+jwt\"")], &parameter("typ")).await;
    check_header(Signer::Es256, &[("typ", "\"application/application/jwt\"")], &parameter("typ")).await;
    check_header(Signer::Es256, &[("typ", "7")], &parameter("typ")).await;
}

#[tokio::test]
async fn an_id_token_or_logout_token_is_no_access_token() {
    let no = |name| claim(name, "does not belong into this kind of token");
    check_claims(&[("nonce", "\"n-1\"")], &no("nonce")).await;
    check_claims(&[("at_hash", "\"x\"")], &no("at_hash")).await;
    check_claims(&[("c_hash", "\"x\"")], &no("c_hash")).await;
    check_claims(&[("s_hash", "\"x\"")], &no("s_hash")).await;
    check_claims(&[("events", "{}")], &no("events")).await;
    check_claims(&[("cnf", "{\"jkt\":\"x\"}")], &no("cnf")).await;
    check_claims(&[("typ", "\"ID\"")], &claim("typ", "is not that of an access token")).await;
    check_claims(&[("typ", "\"Bearer\"")], "").await;
    let both = format!("[\"{API}\",\"house\"]");
    check_claims(&[("aud", &both)], &claim("aud", "is that of an ID token")).await;
    let (identity, logout) = (identity_claims(), logout_claims());
    check(&sign(Signer::Es256, &header(), &identity), &claim("aud", "does not name this house")).await;
    check(&sign(Signer::Es256, &header(), &logout), &claim("aud", "does not name this house")).await;
    let api = format!("\"{API}\"");
    check(&sign(Signer::Es256, &header(), &changed(identity, &[("aud", &api)])), &no("nonce")).await;
    check(&sign(Signer::Es256, &header(), &changed(logout, &[("aud", &api)])), &no("events")).await;
    // What says by its type that it is an access token may name the client too.
    let typed = changed(header(), &[("typ", "\"at+jwt\"")]);
    check(&sign(Signer::Es256, &typed, &changed(access_claims(), &[("aud", &both)])), "").await;
}

#[tokio::test]
async fn issuer_and_audience_are_exact() {
    let (unknown, missing) = ("no such identity provider is trusted", claim("iss", "is missing"));
    check_claims(&[("iss", "\"https://a.example/\"")], unknown).await;
    check_claims(&[("iss", "\"https://A.example\"")], unknown).await;
    check_claims(&[("iss", "\"https://evil.example\"")], unknown).await;
    check_claims(&[("iss", "")], &missing).await;
    check_claims(&[("iss", "[\"https://a.example\"]")], &missing).await;
    // B's name with A's key, and A's name with B's key of the same id.
    check_claims(&[("iss", &format!("\"{B}\""))], SIGNATURE).await;
    let (wrong, other) = (claim("aud", "has the wrong type"), claim("aud", "does not name this house"));
    check_claims(&[("aud", "")], &claim("aud", "is missing")).await;
    check_claims(&[("aud", "null")], &wrong).await;
    check_claims(&[("aud", "7")], &wrong).await;
    check_claims(&[("aud", "{}")], &wrong).await;
    check_claims(&[("aud", &format!("[\"{API}\",7]"))], &wrong).await;
    check_claims(&[("aud", "[]")], &other).await;
    check_claims(&[("aud", "\"\"")], &other).await;
    check_claims(&[("aud", "\"https://other.example/v1\"")], &other).await;
    check_claims(&[("aud", &format!("\"{API}/\""))], &other).await;
    check_claims(&[("aud", "\"house\"")], &other).await;
    check_claims(&[("aud", &format!("[\"x\",\"{API}\"]"))], "").await;
    let many = format!("[{}]", vec![format!("\"{API}\""); 65].join(","));
    check_claims(&[("aud", &many)], &wrong).await;
}

#[tokio::test]
async fn times_are_numbers_and_hold() {
    let wrong = |name| claim(name, "has the wrong type");
    let at = |seconds: i64| (NOW_S as i64 + seconds).to_string();
    check_claims(&[("exp", "")], &claim("exp", "is missing")).await;
    check_claims(&[("exp", "null")], &wrong("exp")).await;
    check_claims(&[("exp", "\"9999999999\"")], &wrong("exp")).await;
    check_claims(&[("exp", "true")], &wrong("exp")).await;
    check_claims(&[("exp", "[9999999999]")], &wrong("exp")).await;
    check_claims(&[("exp", "-1")], &wrong("exp")).await;
    check_claims(&[("exp", "1e400")], JSON_PAYLOAD).await;
    check_claims(&[("exp", "1e300")], &claim("exp", "is no time")).await;
    check_claims(&[("exp", "1795251600000")], &claim("exp", "is no time")).await;
    check_claims(&[("exp", "18446744073709551616")], &claim("exp", "is no time")).await;
    check_claims(&[("exp", &at(0))], &claim("exp", "is over")).await;
    check_claims(&[("exp", &at(-1))], &claim("exp", "is over")).await;
    check_claims(&[("exp", &at(1))], "").await;
    check_claims(&[("exp", "1795251601.5")], "").await;
    check_claims(&[("nbf", "\"0\"")], &wrong("nbf")).await;
    check_claims(&[("nbf", "null")], &wrong("nbf")).await;
    check_claims(&[("nbf", "{}")], &wrong("nbf")).await;
    check_claims(&[("nbf", &at(61))], &claim("nbf", "is in the future")).await;
    check_claims(&[("nbf", &at(60))], "").await;
    check_claims(&[("iat", "\"0\"")], &wrong("iat")).await;
    check_claims(&[("iat", &at(61))], &claim("iat", "is in the future")).await;
    check_claims(&[("iat", &at(60))], "").await;
}

#[tokio::test]
async fn nothing_stands_twice() {
    check_claims(&[("+sub", "\"2\"")], JSON_PAYLOAD).await;
    check_claims(&[("+s\\u0075b", "\"2\"")], JSON_PAYLOAD).await;
    check_claims(&[("x", r#"{"y":1,"y":2}"#)], JSON_PAYLOAD).await;
    check_header(Signer::Es256, &[("+alg", "\"none\"")], JSON_HEADER).await;
    check_header(Signer::Es256, &[("+kid", "\"r\"")], JSON_HEADER).await;
    let claims = print(&access_claims());
    for around in [("", "{}"), ("\u{feff}", ""), ("[", "]"), ("", "\0")] {
        let bytes = format!("{}{claims}{}", around.0, around.1);
        check(&sign_bytes(Signer::Es256, print(&header()).as_bytes(), bytes.as_bytes()), JSON_PAYLOAD).await;
    }
    check(&sign_bytes(Signer::Es256, b"\xff\xfe", claims.as_bytes()), JSON_HEADER).await;
}

#[tokio::test]
async fn the_form_is_strict() {
    let token = sign(Signer::Es256, &header(), &access_claims());
    check(&token, "").await;
    check("", FORM).await;
    check("..", FORM).await;
    check("a.b.c", FORM).await;
    check(&format!("{token}.{token}"), FORM).await;
    check(&format!("{token} {token}"), FORM).await;
    check(&format!("{token}="), FORM).await;
    check(&format!("{token}\n"), FORM).await;
    check(&token.replacen('.', "=.", 1), FORM).await;
    check(&format!("{token}{}", "A".repeat(16 * 1024)), "the token is too long").await;
    // Five parts: encrypted, and nobody here has a key for that.
    check(&format!("{token}.x.y"), FORM).await;
    let (signed, signature) = token.rsplit_once('.').unwrap();
    check(&format!("{signed}.{}", signature.split_at(1).1), FORM).await;
    check(&format!("{signed}.{}", signature.split_at(4).1), SIGNATURE).await;
    check(&format!("{signed}.{}", "A".repeat(86)), SIGNATURE).await;
    check(&format!("{signed}.AAAA{signature}"), SIGNATURE).await;
    let (head, _) = signed.split_once('.').unwrap();
    let other = sign(Signer::Es256, &header(), &changed(access_claims(), &[("sub", "\"2\"")]));
    let other = other.split('.').nth(1).unwrap();
    check(&format!("{head}.{other}.{signature}"), SIGNATURE).await;
}

#[tokio::test]
async fn the_last_character_of_a_signature_has_one_spelling() {
    let token = sign(Signer::Es256, &header(), &access_claims());
    // 64 bytes leave 4 unused bits in the last of 86 characters; every other spelling of the same bytes is refused.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut respelled = token.clone();
    let last = alphabet.find(respelled.pop().unwrap()).unwrap();
    respelled.push(alphabet.chars().nth(last | 1).unwrap());
    assert_ne!(respelled, token);
    check(&respelled, FORM).await;
}

#[tokio::test]
async fn the_subject_is_a_plain_text() {
    check_claims(&[("sub", "")], &claim("sub", "is missing")).await;
    check_claims(&[("sub", "7")], &claim("sub", "has the wrong type")).await;
    check_claims(&[("sub", "null")], &claim("sub", "has the wrong type")).await;
    check_claims(&[("sub", "\"\"")], &claim("sub", "is no subject")).await;
    check_claims(&[("sub", "\"a\\u0000b\"")], &claim("sub", "is no subject")).await;
    check_claims(&[("sub", &format!("\"{}\"", "x".repeat(256)))], &claim("sub", "is no subject")).await;
    check_claims(&[("sub", &format!("\"{}\"", "x".repeat(255)))], "").await;
}

async fn bearer(changes: &[(&str, &str)], signer: Signer) -> Identified {
    let token = sign(signer, &header(), &changed(access_claims(), changes));
    World::new().issuers.verify_bearer(&token, NOW).await.unwrap()
}

#[tokio::test]
async fn one_subject_of_two_issuers_is_two_people() {
    let of_a = bearer(&[], Signer::Es256).await;
    let of_b = bearer(&[("iss", &format!("\"{B}\""))], Signer::OfB).await;
    assert_eq!((of_a.subject.as_str(), of_b.subject.as_str()), ("1", "1"));
    assert_ne!(of_a.person, of_b.person);
    assert_eq!(of_a.person, bearer(&[("name", "\"Eve\"")], Signer::Es256).await.person);
}

#[tokio::test]
async fn an_address_is_no_identity() {
    let ada = bearer(&[("email", "\"ada@house.example\""), ("name", "")], Signer::Es256).await;
    for address in ["\"ada@house.example@evil.example\"", "\"root@house.example\"", "7", "null"] {
        let other = bearer(&[("email", address), ("name", "")], Signer::Es256).await;
        assert_eq!((&other.person, other.role), (&ada.person, ada.role), "{address}");
    }
    let eve = [("email", "\"ada@house.example\""), ("email_verified", "true"), ("sub", "\"eve\"")];
    assert_ne!(bearer(&eve, Signer::Es256).await.person, ada.person);
}

#[tokio::test]
async fn groups_become_roles_by_configuration() {
    let role = async |groups: &str| bearer(&[("groups", groups)], Signer::Es256).await.role;
    assert_eq!(role(r#"["x","dev","it"]"#).await, Role::Admin);
    assert_eq!(role("\"dev\"").await, Role::Engineer);
    assert_eq!(role(r#"["admin","security"]"#).await, Role::Employee);
    assert_eq!(role("").await, Role::Employee);
    let wrong = claim("groups", "has the wrong type or too many groups");
    check_claims(&[("groups", "7")], &wrong).await;
    check_claims(&[("groups", "null")], &wrong).await;
    check_claims(&[("groups", "[\"it\",7]")], &wrong).await;
    check_claims(&[("groups", "{\"it\":true}")], &wrong).await;
    // A role that a token claims for itself is no role.
    assert_eq!(bearer(&[("role", "\"admin\""), ("groups", "")], Signer::Es256).await.role, Role::Employee);
}

#[tokio::test]
async fn groups_may_lie_deeper_and_strangers_may_be_refused() {
    let nested = IssuerConfig { groups_claim: "/realm_access/roles".to_owned(), ..config("a", A) };
    let strict = IssuerConfig { default_role: None, ..nested };
    let world = World::with(vec![strict]);
    let verify = async |realm: &str| {
        let token = sign(Signer::Es256, &header(), &changed(access_claims(), &[("realm_access", realm)]));
        world.issuers.verify_bearer(&token, NOW).await.map(|identified| identified.role)
    };
    assert_eq!(verify(r#"{"roles":["dev"]}"#).await, Ok(Role::Engineer));
    assert_eq!(verify(r#"{"roles":[]}"#).await, Err(IssuerError::NoRole));
    assert_eq!(verify("").await, Err(IssuerError::NoRole));
}

#[tokio::test]
async fn an_issuer_without_audiences_gives_no_bearer_tokens() {
    let world = World::with(vec![IssuerConfig { audiences: Vec::new(), ..config("a", A) }]);
    let token = sign(Signer::Es256, &header(), &access_claims());
    assert_eq!(world.issuers.verify_bearer(&token, NOW).await, Err(IssuerError::UnknownIssuer));
}

#[tokio::test]
async fn new_keys_are_learnt_but_not_at_every_made_up_id() {
    let world = World::new();
    let rotated = sign(Signer::Later, &changed(header(), &[("kid", "\"n\"")]), &access_claims());
    assert_eq!(words(world.issuers.verify_bearer(&rotated, NOW).await.err()), KEY);
    let asked = world.access.asked();
    // The first question was made a moment ago, for want of any keys.
    assert_eq!(asked, 2);
    for made_up in 0..50 {
        let id = format!("\"x{made_up}\"");
        let token = sign(Signer::Later, &changed(header(), &[("kid", &id)]), &access_claims());
        assert!(world.issuers.verify_bearer(&token, NOW).await.is_err());
    }
    assert_eq!(world.access.asked(), asked);
    world.access.publish(&format!("{A}/keys"), jwks(&[p256_jwk("n", &KEYS.later)]));
    world.clock.pass(Duration::from_millis(9_999));
    assert_eq!(words(world.issuers.verify_bearer(&rotated, NOW).await.err()), KEY);
    world.clock.pass(Duration::from_millis(1));
    assert_eq!(words(world.issuers.verify_bearer(&rotated, NOW).await.err()), "");
    // And the key that is gone is gone.
    let old = sign(Signer::Es256, &header(), &access_claims());
    assert_eq!(words(world.issuers.verify_bearer(&old, NOW).await.err()), KEY);
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_three_seconds_for_keys() {
    let world = World::new();
    let shut = world.access.door.lock().await;
    let token = sign(Signer::Es256, &header(), &access_claims());
    let began = tokio::time::Instant::now();
    let late = IssuerError::Access(AccessError::TimedOut);
    assert_eq!(world.issuers.verify_bearer(&token, NOW).await, Err(late));
    assert_eq!(began.elapsed().as_secs(), 3);
    drop(shut);
}

#[tokio::test(start_paused = true)]
async fn keys_are_learnt_although_the_asker_left() {
    let world = World::new();
    let token = sign(Signer::Es256, &header(), &access_claims());
    let shut = world.access.door.lock().await;
    let asked = world.issuers.verify_bearer(&token, NOW);
    assert!(tokio::time::timeout(Duration::from_millis(1), asked).await.is_err());
    drop(shut);
    assert_eq!(words(world.issuers.verify_bearer(&token, NOW).await.err()), "");
    assert_eq!(world.access.asked(), 2, "the fetch of the one who left was the only one");
}

#[tokio::test]
async fn a_failed_refresh_keeps_the_old_keys() {
    let world = World::new();
    assert_eq!(world.issuers.refresh().await, []);
    world.access.documents.lock().unwrap().clear();
    let failed = world.issuers.refresh().await;
    assert_eq!(failed.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let token = sign(Signer::Es256, &header(), &access_claims());
    assert_eq!(words(world.issuers.verify_bearer(&token, NOW).await.err()), "");
}

/// The reason that makes A unusable when its discovery document is changed so.
async fn check_discovery(changes: &[(&str, &str)], expected: &str) {
    let world = World::new();
    let document = print(&changed(discovery(A), changes));
    world.access.publish(&format!("{A}/.well-known/openid-configuration"), document);
    let failed: HashMap<_, _> = world.issuers.refresh().await.into_iter().collect();
    assert_eq!(words(failed.get("a").cloned()), expected, "{changes:?}");
    assert!(!failed.contains_key("b"), "one provider's mistake must not stop another");
}

#[tokio::test]
async fn a_provider_is_who_it_says() {
    let (other, endpoint) = (
        "the identity provider cannot be used: its discovery document names another issuer",
        "the identity provider cannot be used: an endpoint is missing or is no `https://` URL",
    );
    let twice =
        "the identity provider cannot be used: its discovery document is not an unambiguous JSON object";
    check_discovery(&[], "").await;
    check_discovery(&[("issuer", "\"https://b.example\"")], other).await;
    check_discovery(&[("issuer", "\"https://a.example/\"")], other).await;
    check_discovery(&[("issuer", "")], other).await;
    check_discovery(&[("+issuer", "\"https://a.example\"")], twice).await;
    check_discovery(&[("token_endpoint", "\"http://a.example/token\"")], endpoint).await;
    check_discovery(&[("token_endpoint", "\"file:///etc/passwd\"")], endpoint).await;
    check_discovery(&[("jwks_uri", "\"http://169.254.169.254/latest\"")], endpoint).await;
    check_discovery(&[("authorization_endpoint", "\"javascript:alert(1)\"")], endpoint).await;
    check_discovery(&[("end_session_endpoint", "\"//evil.example\"")], endpoint).await;
    check_discovery(&[("end_session_endpoint", "")], "").await;
    // Endpoints may be on other hosts than the issuer.
    check_discovery(&[("token_endpoint", "\"https://elsewhere.example/token\"")], "").await;
    let no_secret =
        "the identity provider cannot be used: it takes no client secret, neither in a header nor in a form";
    check_discovery(&[("token_endpoint_auth_methods_supported", "[\"private_key_jwt\"]")], no_secret).await;
}

#[tokio::test]
async fn a_key_set_needs_a_key_of_a_permitted_kind() {
    let world = World::new();
    world.access.publish(&format!("{A}/keys"), jwks(&keys_of_a()[..4]));
    let failed = world.issuers.refresh().await;
    let expected = "the identity provider cannot be used: its key set has no key of a permitted kind";
    assert_eq!(failed.iter().map(|(_, error)| error.to_string()).collect::<Vec<_>>(), [expected]);
}

fn redeem() -> Redeem<'static> {
    Redeem { code: "c-1", iss: None, code_verifier: "v-1", redirect_uri: REDIRECT, nonce: "n-1" }
}

fn token_answer(token: &str) -> String {
    format!(r#"{{"access_token":"x","token_type":"Bearer","id_token":"{token}"}}"#)
}

/// The reason that refuses the sign-in when A answers with this; empty when it is good.
async fn check_answer(answer: Result<String, AccessError>, expected: &str) {
    let world = World::new();
    *world.access.token_answer.lock().unwrap() = Some(answer);
    assert_eq!(words(world.issuers.redeem("a", &redeem()).await.err()), expected);
}

async fn check_identity(changes: &[(&str, &str)], expected: &str) {
    let token = sign(Signer::Es256, &header(), &changed(identity_claims(), changes));
    check_answer(Ok(token_answer(&token)), expected).await;
}

#[tokio::test]
async fn an_id_token_is_for_this_client_and_this_sign_in() {
    let nonce = claim("nonce", "is not the one of this sign-in");
    check_identity(&[], "").await;
    check_identity(&[("nonce", "")], &nonce).await;
    check_identity(&[("nonce", "\"n-2\"")], &nonce).await;
    check_identity(&[("nonce", "7")], &claim("nonce", "has the wrong type")).await;
    check_identity(&[("aud", &format!("\"{API}\""))], &claim("aud", "does not name this house")).await;
    check_identity(&[("aud", "[\"house\"]")], "").await;
    let several = claim("azp", "is missing beside several audiences");
    check_identity(&[("aud", "[\"house\",\"other\"]")], &several).await;
    check_identity(&[("aud", "[\"house\",\"other\"]"), ("azp", "\"house\"")], "").await;
    check_identity(&[("azp", "\"other\"")], &claim("azp", "is another client")).await;
    check_identity(&[("azp", "7")], &claim("azp", "has the wrong type")).await;
    check_identity(&[("iss", &format!("\"{B}\""))], &claim("iss", "is another issuer")).await;
    check_identity(&[("iat", "")], &claim("iat", "is missing")).await;
    check_identity(&[("exp", &NOW_S.to_string())], &claim("exp", "is over")).await;
    check_identity(&[("events", "{}")], &claim("events", "does not belong into this kind of token")).await;
    check_identity(&[("sid", "7")], &claim("sid", "has the wrong type")).await;
    check_identity(&[("+nonce", "\"n-2\"")], JSON_PAYLOAD).await;
}

#[tokio::test]
async fn no_other_token_is_an_id_token() {
    let answer = |changes: &[(&str, &str)], claims: &Members| {
        Ok(token_answer(&sign(Signer::Es256, &changed(header(), changes), claims)))
    };
    let typ = |kind: &str| [("typ", format!("\"{kind}\""))];
    for kind in ["at+jwt", "logout+jwt", "secevent+jwt"] {
        let kind = typ(kind);
        let kind: Vec<_> = kind.iter().map(|(name, raw)| (*name, raw.as_str())).collect();
        check_answer(answer(&kind, &identity_claims()), &parameter("typ")).await;
    }
    check_answer(answer(&[("typ", "\"JWT\"")], &identity_claims()), "").await;
    let event = claim("events", "does not belong into this kind of token");
    let logout = changed(logout_claims(), &[("nonce", "\"n-1\"")]);
    check_answer(answer(&[], &logout), &event).await;
    check_answer(answer(&[], &access_claims()), &claim("aud", "does not name this house")).await;
}

#[tokio::test]
async fn the_token_endpoint_answers_by_the_book() {
    let token = sign(Signer::Es256, &header(), &identity_claims());
    let wrong = |problem: &str| format!("the identity provider answered wrongly: its token answer {problem}");
    check_answer(Ok(token_answer(&token).replace("Bearer", "bearer")), "").await;
    check_answer(
        Ok(token_answer(&token).replace("Bearer", "MAC")),
        &wrong("has no `token_type` of `Bearer`"),
    )
    .await;
    check_answer(Ok(r#"{"token_type":"Bearer"}"#.to_owned()), &wrong("has no `id_token`")).await;
    check_answer(Ok("<html>".to_owned()), &wrong("is not an unambiguous JSON object")).await;
    let twice = token_answer(&token).replacen('{', "{\"id_token\":\"x\",", 1);
    check_answer(Ok(twice), &wrong("is not an unambiguous JSON object")).await;
    let refused = AccessError::Status { status: 400, error: Some("invalid_grant".to_owned()) };
    let expected =
        "the identity provider gave no answer to use: it answered with status 400 and error `invalid_grant`";
    check_answer(Err(refused), expected).await;
}

/// The refusal when A's callback has this `iss` and A does or does not announce that it always has one (RFC 9207).
async fn check_response_issuer(announced: &str, iss: Option<&str>, expected: &str) {
    let world = World::new();
    let document = changed(discovery(A), &[("authorization_response_iss_parameter_supported", announced)]);
    world.access.publish(&format!("{A}/.well-known/openid-configuration"), print(&document));
    let token = sign(Signer::Es256, &header(), &identity_claims());
    *world.access.token_answer.lock().unwrap() = Some(Ok(token_answer(&token)));
    let refused = world.issuers.redeem("a", &Redeem { iss, ..redeem() }).await.err();
    assert_eq!(words(refused), expected, "{announced} {iss:?}");
    let is_told = !world.access.told.lock().unwrap().is_empty();
    assert_eq!(is_told, expected.is_empty(), "a mixed-up code must not be shown to anybody");
}

#[tokio::test]
async fn a_code_of_one_provider_is_not_given_to_another() {
    let mixed_up = "the answer came from another identity provider than was asked";
    check_response_issuer("", None, "").await;
    check_response_issuer("", Some(A), "").await;
    check_response_issuer("true", Some(A), "").await;
    check_response_issuer("", Some(B), mixed_up).await;
    check_response_issuer("true", Some("https://a.example/"), mixed_up).await;
    check_response_issuer("true", None, mixed_up).await;
}

/// What the token endpoint is told by a house that is configured so.
async fn told(config: IssuerConfig, methods: &str) -> HashMap<String, String> {
    let world = World::with(vec![config]);
    let document = changed(discovery(A), &[("token_endpoint_auth_methods_supported", methods)]);
    world.access.publish(&format!("{A}/.well-known/openid-configuration"), print(&document));
    let token = sign(Signer::Es256, &header(), &identity_claims());
    *world.access.token_answer.lock().unwrap() = Some(Ok(token_answer(&token)));
    let identified = world.issuers.redeem("a", &redeem()).await.unwrap();
    assert_eq!((identified.role, identified.sid.as_deref()), (Role::Admin, Some("s-1")));
    world.access.told.lock().unwrap().clone().into_iter().collect()
}

#[tokio::test]
async fn the_code_is_redeemed_with_verifier_and_secret() {
    let basic = told(config("a", A), "").await;
    assert_eq!(basic["url"], format!("{A}/token"));
    assert_eq!(basic["grant_type"], "authorization_code");
    assert_eq!((basic["code"].as_str(), basic["code_verifier"].as_str()), ("c-1", "v-1"));
    assert_eq!(basic["redirect_uri"], REDIRECT);
    // RFC 6749 section 2.3.1: encoded as a form before it is encoded as base64.
    assert_eq!(basic["basic house"], "p%26ss%20word");
    assert!(!basic.contains_key("client_secret"));
    let post = told(config("a", A), "[\"client_secret_post\"]").await;
    assert_eq!((post["client_id"].as_str(), post["client_secret"].as_str()), ("house", "p&ss word"));
    assert!(!post.contains_key("basic house"));
    let public = told(IssuerConfig { client_secret: None, ..config("a", A) }, "[\"none\"]").await;
    assert_eq!(public["client_id"], "house");
    assert!(!public.contains_key("client_secret") && !public.contains_key("basic house"));
}

#[tokio::test]
async fn the_browser_is_sent_with_state_nonce_and_challenge() {
    let world = World::new();
    let params =
        AuthorizeParams { redirect_uri: REDIRECT, state: "s&t", nonce: "n-1", code_challenge: "E9Melhoa2Ow" };
    let url = world.issuers.authorize_url("a", &params).await.unwrap();
    let expected = "https://a.example/authorize?tenant=1&response_type=code&client_id=house\
        &redirect_uri=https%3A%2F%2Fhouse.example%2Fauth%2Foidc%2Fa%2Fcallback&scope=openid%20profile&state=s%26t\
        &nonce=n-1&code_challenge=E9Melhoa2Ow&code_challenge_method=S256";
    assert_eq!(url, expected);
    assert_eq!(world.issuers.authorize_url("c", &params).await, Err(IssuerError::UnknownIssuer));
    let end = world.issuers.end_session_url("a", "https://house.example/").unwrap();
    let expected =
        "https://a.example/end?client_id=house&post_logout_redirect_uri=https%3A%2F%2Fhouse.example%2F";
    assert_eq!(end, expected);
    assert_eq!(world.issuers.end_session_url("b", "https://house.example/"), None, "B was never asked");
}

/// The reason that refuses a logout token; empty when it is good.
async fn check_logout(id: &str, header_changes: &[(&str, &str)], changes: &[(&str, &str)], expected: &str) {
    let token = sign(Signer::Es256, &changed(header(), header_changes), &changed(logout_claims(), changes));
    assert_eq!(
        words(World::new().issuers.verify_logout(id, &token, NOW).await.err()),
        expected,
        "{changes:?}"
    );
}

#[tokio::test]
async fn a_logout_token_is_one_and_for_this_client() {
    check_logout("a", &[], &[], "").await;
    check_logout("a", &[("typ", "\"logout+jwt\"")], &[], "").await;
    check_logout("a", &[("typ", "\"JWT\"")], &[("sid", "")], "").await;
    check_logout("a", &[], &[("sub", "")], "").await;
    check_logout("a", &[("typ", "\"at+jwt\"")], &[], &parameter("typ")).await;
    check_logout("b", &[], &[], SIGNATURE).await;
    check_logout("c", &[], &[], "no such identity provider is trusted").await;
    check_logout("a", &[], &[("iss", &format!("\"{B}\""))], &claim("iss", "is another issuer")).await;
    check_logout("a", &[], &[("sub", ""), ("sid", "")], &claim("sub", "is missing, and so is `sid`")).await;
    check_logout("a", &[], &[("sub", "7")], &claim("sub", "has the wrong type")).await;
    check_logout("a", &[], &[("sid", "7")], &claim("sid", "has the wrong type")).await;
    check_logout("a", &[], &[("aud", "\"other\"")], &claim("aud", "does not name this house")).await;
    check_logout("a", &[], &[("iat", "")], &claim("iat", "is missing")).await;
    check_logout("a", &[], &[("exp", "")], &claim("exp", "is missing")).await;
    check_logout("a", &[], &[("exp", "1")], &claim("exp", "is over")).await;
    check_logout("a", &[], &[("jti", "")], &claim("jti", "is missing")).await;
    check_logout("a", &[], &[("nonce", "\"n\"")], &claim("nonce", "does not belong into this kind of token"))
        .await;
    let event = claim("events", "says nothing of a logout");
    check_logout("a", &[], &[("events", "")], &event).await;
    check_logout("a", &[], &[("events", "[]")], &event).await;
    check_logout("a", &[], &[("events", r#"{"https://example.org/other":{}}"#)], &event).await;
    let no_object = r#"{"http://schemas.openid.net/event/backchannel-logout":true}"#;
    check_logout("a", &[], &[("events", no_object)], &event).await;
    // An ID token is none.
    let identity = sign(Signer::Es256, &header(), &changed(identity_claims(), &[("jti", "\"j\"")]));
    let refused = words(World::new().issuers.verify_logout("a", &identity, NOW).await.err());
    assert_eq!(refused, claim("nonce", "does not belong into this kind of token"));
}

#[tokio::test]
async fn a_logout_token_is_taken_once() {
    let world = World::new();
    let token = sign(Signer::Es256, &header(), &logout_claims());
    let taken = world.issuers.verify_logout("a", &token, NOW).await.unwrap();
    assert_eq!((taken.issuer.as_str(), taken.jti.as_str()), (A, "j-1"));
    assert_eq!((taken.subject.as_deref(), taken.sid.as_deref()), (Some("1"), Some("s-1")));
    assert_eq!(world.issuers.verify_logout("a", &token, NOW).await, Err(IssuerError::Replayed));
    let next = sign(Signer::Es256, &header(), &changed(logout_claims(), &[("jti", "\"j-2\"")]));
    assert!(world.issuers.verify_logout("a", &next, NOW).await.is_ok());
    // Forgotten when it is over anyway.
    let later = Timestamp(NOW.0 + 121_000_000);
    assert_eq!(words(world.issuers.verify_logout("a", &token, later).await.err()), claim("exp", "is over"));
}

/// The text that refuses these configurations; empty when they are good.
fn check_config(configs: Vec<IssuerConfig>, expected: &str) {
    let made = Issuers::new(configs, Arc::new(FakeAccess::default()), Arc::new(FakeClock::default()));
    assert_eq!(made.err().map(|error| error.to_string()).unwrap_or_default(), expected);
}

#[test]
fn configurations_that_are_not_safe_are_refused() {
    let wrong = |reason: &str| format!("the identity provider `a` cannot be used: {reason}");
    let with = |change: fn(&mut IssuerConfig)| {
        let mut config = config("a", A);
        change(&mut config);
        vec![config]
    };
    check_config(vec![], "");
    check_config(vec![config("a", A), config("b", B)], "");
    check_config(
        vec![config("a", A), config("a", B)],
        &wrong("its id or issuer is that of another provider"),
    );
    check_config(
        vec![config("b", A), config("a", A)],
        &wrong("its id or issuer is that of another provider"),
    );
    let plain = wrong("its issuer is `http://` is only for loopback; use `https://`");
    check_config(vec![config("a", "http://a.example")], &plain);
    check_config(vec![config("a", "http://127.0.0.1:9000")], "");
    check_config(vec![config("a", "a.example")], &wrong("its issuer is not an `https://` URL of a provider"));
    check_config(
        vec![config("a", "https://a.example?x")],
        &wrong("its issuer has a query, which an issuer never has"),
    );
    let audience = wrong("an audience is empty or the client id; an ID token would do as an access token");
    check_config(with(|config| config.audiences.push("house".to_owned())), &audience);
    check_config(with(|config| config.audiences.push(String::new())), &audience);
    let empty = wrong("its client id or client secret is empty");
    check_config(with(|config| config.client_id.clear()), &empty);
    check_config(with(|config| config.client_secret = Some(Secret::new(String::new()))), &empty);
    let nobody = wrong("it gives nobody a role; add `roles` or a `default_role`");
    check_config(with(|config| (config.roles, config.default_role) = (Vec::new(), None)), &nobody);
    check_config(
        with(|config| config.groups_claim.clear()),
        &wrong("it gives roles to groups but names no `groups_claim`"),
    );
    let id =
        "the identity provider `A/..` cannot be used: its id is not 1 to 64 characters of a-z, 0-9 and `-`";
    check_config(vec![config("A/..", A)], id);
}

#[test]
fn nothing_prints_a_secret_by_accident() {
    assert!(!format!("{:?}", config("a", A)).contains("p&ss"));
    assert_eq!(format!("{:?}", World::new().issuers), r#"["a", "b"]"#);
}

fn waiting<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

proptest! {
    #[test]
    fn any_text_is_refused_without_a_crash(text: String, parts in proptest::collection::vec("[A-Za-z0-9_-]{0,40}", 3)) {
        let world = World::new();
        for text in [text, parts.join(".")] {
            prop_assert!(waiting(world.issuers.verify_bearer(&text, NOW)).is_err());
            prop_assert!(waiting(world.issuers.verify_logout("a", &text, NOW)).is_err());
        }
    }

    #[test]
    fn any_signed_bytes_are_read_without_a_crash(header: Vec<u8>, claims: Vec<u8>, value in "[ -~]{0,20}") {
        let world = World::new();
        let member = format!("{{\"iss\":\"{A}\",\"exp\":{value}}}");
        for (header, claims) in [
            (&header[..], &claims[..]),
            (br#"{"alg":"ES256","kid":"e"}"#, &claims[..]),
            (br#"{"alg":"ES256","kid":"e"}"#, member.as_bytes()),
        ] {
            let token = sign_bytes(Signer::Es256, header, claims);
            prop_assert!(waiting(world.issuers.verify_bearer(&token, NOW)).is_err());
        }
    }

    #[test]
    fn every_changed_character_is_refused(at: prop::sample::Index, with in "[A-Za-z0-9_.=+/-]") {
        let token = sign(Signer::Es256, &header(), &access_claims());
        let at = at.index(token.len());
        let mut changed = token.clone();
        changed.replace_range(at..=at, &with);
        let verified = waiting(World::new().issuers.verify_bearer(&changed, NOW));
        prop_assert_eq!(verified.is_ok(), changed == token);
    }
}
