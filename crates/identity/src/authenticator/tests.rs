use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use schleuse_types::{Language, Refusal, RefusalCode, Role, Secret, Timestamp};

use super::Authenticator;
use crate::{ApiKey, Ended, KeyRecord, Pepper};

const NOW: Timestamp = Timestamp(1_000);

fn pepper() -> Pepper {
    Secret::new([9; 32])
}

fn key() -> ApiKey {
    ApiKey::derive(b"secret", "ada")
}

fn record() -> KeyRecord {
    let hash = key().hash(&pepper());
    KeyRecord {
        id: hash.id(),
        hash,
        person: "ada".to_owned(),
        role: Role::Engineer,
        groups: vec!["research".to_owned()],
        scopes: Vec::new(),
        created: Timestamp(1),
        expires: None,
        revoked: None,
    }
}

fn house(records: Vec<KeyRecord>) -> Authenticator {
    let house = Authenticator::new(pepper());
    house.replace(records);
    house
}

fn revoked() -> KeyRecord {
    KeyRecord { revoked: Some(Timestamp(2)), ..record() }
}

fn expiring(at: u64) -> KeyRecord {
    KeyRecord { expires: Some(Timestamp(at)), ..record() }
}

/// The inside text that refuses `credential` where `records` are known; empty when it is good.
fn check(records: Vec<KeyRecord>, credential: Option<&str>, expected_inside: &str) {
    let inside = match house(records).verify(credential, NOW) {
        Ok(_) => String::new(),
        Err(refusal) => {
            check_form(&refusal, credential);
            refusal.inside
        }
    };
    assert_eq!(inside.replace(&record().id, "ID"), expected_inside);
}

/// Every refusal is a 401 with both languages and a next step, and never repeats the credential.
fn check_form(refusal: &Refusal, credential: Option<&str>) {
    assert_eq!(refusal.code, RefusalCode::InvalidApiKey);
    for language in [Language::English, Language::German] {
        for text in [&refusal.message, &refusal.next] {
            assert!(!text.in_language(language).is_empty());
            let secret = credential.filter(|secret| secret.trim().len() > 3);
            assert!(secret.is_none_or(|secret| !text.in_language(language).contains(secret)));
        }
    }
    assert!(credential.is_none_or(|secret| secret.trim().is_empty() || !refusal.inside.contains(secret)));
}

#[test]
fn credentials_are_checked() {
    let (key, mistyped) = (key(), key().expose_printed().replacen("sk-schl", "sk-sch1", 1));
    let printed = Some(key.expose_printed());
    let malformed = "the credential is not a well-formed key of this house";
    check(vec![record()], printed, "");
    check(vec![record()], None, "no credential was presented");
    check(vec![record()], Some(""), "no credential was presented");
    check(vec![record()], Some("  "), "no credential was presented");
    check(vec![record()], Some(&mistyped), malformed);
    check(vec![record()], Some("sk-proj-abcdefghijklmnop"), malformed);
    check(vec![record()], Some("changeme"), malformed);
    check(vec![], printed, "key ID is unknown");
    check(vec![revoked()], printed, "key ID was revoked");
    check(vec![expiring(1_000)], printed, "key ID has expired");
    check(vec![expiring(1_001)], printed, "");
    check(vec![record(), revoked()], printed, "key ID was revoked");
    check(vec![revoked(), record()], printed, "key ID was revoked");
}

#[test]
fn another_pepper_knows_no_key() {
    let house = Authenticator::new(Secret::new([1; 32]));
    house.replace(vec![record()]);
    assert!(house.verify(Some(key().expose_printed()), NOW).is_err());
}

#[test]
fn unknown_and_revoked_read_the_same_outside() {
    let key = key();
    let outside = |records| {
        let refusal = house(records).verify(Some(key.expose_printed()), NOW).unwrap_err();
        (refusal.message, refusal.next)
    };
    assert_eq!(outside(vec![]), outside(vec![revoked()]));
}

#[test]
fn the_principal_is_the_one_of_the_record() {
    let verified = house(vec![record()]).verify(Some(key().expose_printed()), NOW).unwrap();
    let principal = verified.principal();
    assert_eq!((principal.person.as_str(), principal.role), ("ada", Role::Engineer));
    assert_eq!(principal.groups, ["research"]);
    assert_eq!(principal.credential, record().id);
}

#[test]
fn scopes_refuse_with_access_denied() {
    let scoped = KeyRecord { scopes: vec!["surface:chat".to_owned(), "models:a".to_owned()], ..record() };
    let verified = house(vec![scoped]).verify(Some(key().expose_printed()), NOW).unwrap();
    assert_eq!(verified.scopes().len(), 2);
    assert!(verified.permit_scope("chat", Some("a")).is_ok());
    assert!(verified.permit_scope("chat", None).is_ok());
    for (surface, model) in [("embeddings", Some("a")), ("chat", Some("b")), ("embeddings", None)] {
        let refusal = verified.permit_scope(surface, model).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::AccessDenied);
        assert!(refusal.inside.starts_with(&format!("key {}", record().id)));
    }
}

/// Counts nothing and wakes nobody: these tests poll by hand, so that nothing depends on time.
struct Idle;

impl Wake for Idle {
    fn wake(self: Arc<Self>) {}
}

/// How the watch over ada's key ends after `change`, or `None` while it still waits.
fn ended_after(before: KeyRecord, change: impl FnOnce(&Authenticator)) -> Option<Ended> {
    let house = house(vec![before]);
    let verified = house.verify(Some(key().expose_printed()), NOW).unwrap();
    let mut validity = verified.watch();
    let mut ended = pin!(validity.ended());
    let waker = Waker::from(Arc::new(Idle));
    let mut context = Context::from_waker(&waker);
    assert_eq!(ended.as_mut().poll(&mut context), Poll::Pending, "a good key must not end");
    change(&house);
    match ended.as_mut().poll(&mut context) {
        Poll::Ready(end) => Some(end),
        Poll::Pending => None,
    }
}

#[test]
fn a_watch_ends_when_the_key_does() {
    let other = || KeyRecord { hash: ApiKey::derive(b"secret", "bob").hash(&pepper()), ..record() };
    assert_eq!(ended_after(record(), |house| house.replace(vec![revoked()])), Some(Ended::Revoked));
    assert_eq!(ended_after(record(), |house| house.replace(vec![])), Some(Ended::Removed));
    assert_eq!(ended_after(record(), |house| house.replace(vec![record(), other()])), None);
    assert_eq!(ended_after(record(), |house| house.advance(Timestamp(u64::MAX))), None);
    assert_eq!(ended_after(expiring(2_000), |house| house.advance(Timestamp(1_999))), None);
    assert_eq!(ended_after(expiring(2_000), |house| house.advance(Timestamp(2_000))), Some(Ended::Expired));
    let shortened = |house: &Authenticator| {
        house.advance(NOW);
        house.replace(vec![expiring(500)]);
    };
    assert_eq!(ended_after(record(), shortened), Some(Ended::Expired));
}

#[test]
fn validity_is_also_answered_without_waiting() {
    let house = house(vec![expiring(2_000)]);
    let verified = house.verify(Some(key().expose_printed()), NOW).unwrap();
    assert!(verified.is_still_valid(NOW));
    assert!(!verified.is_still_valid(Timestamp(2_000)));
    house.replace(vec![]);
    assert!(!verified.is_still_valid(NOW));
}

#[tokio::test]
async fn a_revocation_wakes_streams_that_wait() {
    let house = Arc::new(house(vec![record()]));
    let verified = house.verify(Some(key().expose_printed()), NOW).unwrap();
    let mut watches: Vec<_> = (0..8).map(|_| verified.watch()).collect();
    let revoke = async {
        tokio::task::yield_now().await;
        house.replace(vec![revoked()]);
    };
    let wait = async {
        for watch in &mut watches {
            assert_eq!(watch.ended().await, Ended::Revoked);
        }
    };
    let both = async { tokio::join!(wait, revoke) };
    assert!(tokio::time::timeout(std::time::Duration::from_secs(1), both).await.is_ok());
    assert_eq!(Ended::Revoked.refusal().code, RefusalCode::CredentialRevoked);
}
