use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use schleuse_types::{Language, Presented, Random, Refusal, RefusalCode, Role, Secret, Timestamp};

use super::Authenticator;
use crate::issuers::fake;
use crate::{ApiKey, Ended, KeyRecord, Pepper, SessionRecord, SessionToken, Verified};

const NOW: Timestamp = Timestamp(1_000);

/// The result of a future that has nothing to wait for.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the future waits"),
    }
}

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
        tenant: Default::default(),
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
    let inside = match now(house(records).verify(credential.map(Presented::Bearer), NOW)) {
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
    assert!(now(house.verify(Some(Presented::Bearer(key().expose_printed())), NOW)).is_err());
}

#[test]
fn unknown_and_revoked_read_the_same_outside() {
    let key = key();
    let outside = |records| {
        let refusal =
            now(house(records).verify(Some(Presented::Bearer(key.expose_printed())), NOW)).unwrap_err();
        (refusal.message, refusal.next)
    };
    assert_eq!(outside(vec![]), outside(vec![revoked()]));
}

#[test]
fn the_principal_is_the_one_of_the_record() {
    let verified =
        now(house(vec![record()]).verify(Some(Presented::Bearer(key().expose_printed())), NOW)).unwrap();
    let principal = verified.principal();
    assert_eq!((principal.person.as_str(), principal.role), ("ada", Role::Engineer));
    assert_eq!(principal.groups, ["research"]);
    assert_eq!(principal.credential, record().id);
}

#[test]
fn scopes_refuse_with_access_denied() {
    let scoped = KeyRecord { scopes: vec!["surface:chat".to_owned(), "models:a".to_owned()], ..record() };
    let verified =
        now(house(vec![scoped]).verify(Some(Presented::Bearer(key().expose_printed())), NOW)).unwrap();
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
    let verified = now(house.verify(Some(Presented::Bearer(key().expose_printed())), NOW)).unwrap();
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
    let verified = now(house.verify(Some(Presented::Bearer(key().expose_printed())), NOW)).unwrap();
    assert!(verified.is_still_valid(NOW));
    assert!(!verified.is_still_valid(Timestamp(2_000)));
    house.replace(vec![]);
    assert!(!verified.is_still_valid(NOW));
}

#[tokio::test]
async fn a_revocation_wakes_streams_that_wait() {
    let house = Arc::new(house(vec![record()]));
    let verified = now(house.verify(Some(Presented::Bearer(key().expose_printed())), NOW)).unwrap();
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

struct Sevens;

impl Random for Sevens {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        bytes.fill(7);
        Ok(())
    }
}

fn token() -> SessionToken {
    SessionToken::generate(&Sevens).unwrap()
}

/// Ada's session: created at 100, last used at 500, idle after 1000, over at 5000.
fn session() -> SessionRecord {
    let hash = token().hash(&pepper());
    SessionRecord {
        id: hash.session_id(),
        hash,
        person: "ada".to_owned(),
        role: Role::Engineer,
        groups: vec!["research".to_owned()],
        tenant: Default::default(),
        key: None,
        created: Timestamp(100),
        last_seen: Timestamp(500),
        idle_micros: 1_000,
        expires: Timestamp(5_000),
        revoked: None,
    }
}

/// A house that knows ada's key and this session.
fn house_with(session: SessionRecord) -> Authenticator {
    let house = house(vec![record()]);
    house.replace_sessions([session]);
    house
}

fn verify_at(house: &Authenticator, at: u64) -> Result<Verified, Refusal> {
    now(house.verify(Some(Presented::Session(token().expose_printed())), Timestamp(at)))
}

/// The inside text that refuses ada's cookie at `at`; empty when it is good.
fn check_session(house: &Authenticator, at: u64, expected: &str) {
    let inside = verify_at(house, at).err().map(|refusal| refusal.inside).unwrap_or_default();
    assert_eq!(inside.replace(&session().id, "ID"), expected);
}

#[test]
fn sessions_are_checked() {
    let with_key = |id: &str| SessionRecord { key: Some(id.to_owned()), ..session() };
    check_session(&house_with(session()), 1_499, "");
    check_session(&house_with(session()), 1_500, "session ID was expired");
    check_session(&house_with(SessionRecord { idle_micros: 9_000, ..session() }), 4_999, "");
    check_session(
        &house_with(SessionRecord { idle_micros: 9_000, ..session() }),
        5_000,
        "session ID was expired",
    );
    check_session(&house_with(SessionRecord { idle_micros: u64::MAX, ..session() }), 4_999, "");
    check_session(
        &house_with(SessionRecord { revoked: Some(Timestamp(2)), ..session() }),
        600,
        "session ID was revoked",
    );
    check_session(&house_with(with_key(&record().id)), 600, "");
    check_session(&house_with(with_key("k-0000000000")), 600, "session ID was removed");
    check_session(&house(vec![]), 600, "session ID is unknown");
    let blocked = house_with(session());
    blocked.replace_blocked(HashSet::from(["ada".to_owned()]));
    check_session(&blocked, 600, "session ID was blocked");
    blocked.replace_blocked(HashSet::new());
    check_session(&blocked, 600, "");
}

#[test]
fn a_session_has_the_rights_of_its_record() {
    let house = house_with(session());
    let verified = verify_at(&house, 600).unwrap();
    let principal = verified.principal();
    assert_eq!((principal.person.as_str(), principal.role), ("ada", Role::Engineer));
    assert_eq!(principal.credential, session().id);
    assert_eq!(verified.session().map(|session| session.created), Some(Timestamp(100)));
    assert_eq!(verified.expires(), Some(Timestamp(5_000)));
    assert!(verified.permit_scope("chat", Some("a")).is_ok());
}

#[test]
fn a_session_by_key_can_no_more_than_the_key() {
    let scoped =
        KeyRecord { scopes: vec!["models:a".to_owned()], expires: Some(Timestamp(3_000)), ..record() };
    let house = house(vec![scoped]);
    house.replace_sessions([SessionRecord { key: Some(record().id), idle_micros: 9_000, ..session() }]);
    let verified = verify_at(&house, 600).unwrap();
    assert!(verified.permit_scope("chat", Some("a")).is_ok());
    assert!(verified.permit_scope("chat", Some("b")).is_err());
    assert_eq!(verified.expires(), Some(Timestamp(3_000)));
    check_session(&house, 2_999, "");
    check_session(&house, 3_000, "session ID was expired");
}

#[test]
fn each_credential_has_its_own_door() {
    let house = house_with(session());
    let (key, token) = (key(), token());
    let inside = |presented| now(house.verify(Some(presented), NOW)).err().map(|refusal| refusal.inside);
    assert_eq!(inside(Presented::Bearer(key.expose_printed())), None);
    assert_eq!(inside(Presented::Session(token.expose_printed())), None);
    let no_key = "the credential is not a well-formed key of this house";
    assert_eq!(inside(Presented::Bearer(token.expose_printed())).as_deref(), Some(no_key));
    let no_session = "the cookie is not a well-formed session of this house";
    assert_eq!(inside(Presented::Session(key.expose_printed())).as_deref(), Some(no_session));
    assert_eq!(inside(Presented::Session("")).as_deref(), Some(no_session));
    assert_eq!(inside(Presented::Session("a.b.c")).as_deref(), Some(no_session));
    // Also when one and the same hash stands in the other table.
    let other = Authenticator::new(pepper());
    other.replace([KeyRecord { hash: session().hash, ..record() }]);
    other.replace_sessions([SessionRecord { hash: record().hash, ..session() }]);
    for presented in [Presented::Bearer(token.expose_printed()), Presented::Session(key.expose_printed())] {
        assert!(now(other.verify(Some(presented), NOW)).is_err());
    }
}

#[test]
fn all_refused_sessions_read_the_same_outside() {
    let outside = |house: &Authenticator, at| {
        let refusal = verify_at(house, at).unwrap_err();
        check_form(&refusal, Some(token().expose_printed()));
        (refusal.message, refusal.next)
    };
    let revoked = house_with(SessionRecord { revoked: Some(Timestamp(2)), ..session() });
    assert_eq!(outside(&house(vec![]), 600), outside(&revoked, 600));
    assert_eq!(outside(&house(vec![]), 600), outside(&house_with(session()), 9_000));
}

#[test]
fn use_keeps_a_session_and_is_told_once() {
    let house = house_with(session());
    assert_eq!(house.touch(), []);
    check_session(&house, 1_400, "");
    check_session(&house, 1_300, "");
    assert_eq!(house.touch(), [(session().id, Timestamp(1_400))]);
    assert_eq!(house.touch(), []);
    // Read again from a store that does not know the last use yet.
    house.replace_sessions([session()]);
    check_session(&house, 2_399, "");
    house.replace_sessions([SessionRecord { last_seen: Timestamp(2_399), ..session() }]);
    assert_eq!(house.touch(), []);
    check_session(&house, 3_399, "session ID was expired");
    // What was refused was no use.
    assert_eq!(house.touch(), []);
}

#[test]
fn a_new_session_outlives_a_list_that_was_read_before_it() {
    let house = house(vec![]);
    house.admit_session(session());
    check_session(&house, 600, "");
    house.replace_sessions([]);
    check_session(&house, 600, "");
    house.replace_sessions([]);
    check_session(&house, 600, "session ID is unknown");
}

#[test]
fn an_ended_session_does_not_rise_again() {
    let house = house_with(session());
    assert!(!house.end_session("s-other", NOW));
    assert!(house.end_session(&session().id, NOW));
    check_session(&house, 600, "session ID was revoked");
    house.replace_sessions([session()]);
    check_session(&house, 600, "session ID was revoked");
    let house = house_with(session());
    assert_eq!(house.end_sessions_of("bob", NOW), 0);
    assert_eq!(house.end_sessions_of("ada", NOW), 1);
    check_session(&house, 600, "session ID was revoked");
    assert_eq!(house.session_count(), 1);
}

/// How the watch over ada's session ends after `change`, or `None` while it still waits.
fn session_ended_after(before: SessionRecord, change: impl FnOnce(&Authenticator)) -> Option<Ended> {
    let house = house_with(before);
    let verified = verify_at(&house, 600).unwrap();
    let mut validity = verified.watch();
    let mut ended = pin!(validity.ended());
    let waker = Waker::from(Arc::new(Idle));
    let mut context = Context::from_waker(&waker);
    assert_eq!(ended.as_mut().poll(&mut context), Poll::Pending, "a good session must not end");
    change(&house);
    match ended.as_mut().poll(&mut context) {
        Poll::Ready(end) => Some(end),
        Poll::Pending => None,
    }
}

#[test]
fn a_watch_ends_when_session_or_key_or_person_does() {
    let bound = || SessionRecord { key: Some(record().id), ..session() };
    let bob = || HashSet::from(["bob".to_owned()]);
    let ada = || HashSet::from(["ada".to_owned()]);
    let revoked_session = || SessionRecord { revoked: Some(Timestamp(2)), ..session() };
    assert_eq!(session_ended_after(session(), |house| house.replace_sessions([session()])), None);
    assert_eq!(session_ended_after(session(), |house| house.replace_sessions([])), Some(Ended::Removed));
    assert_eq!(
        session_ended_after(session(), |house| house.replace_sessions([revoked_session()])),
        Some(Ended::Revoked)
    );
    assert_eq!(
        session_ended_after(session(), |house| assert!(house.end_session(&session().id, NOW))),
        Some(Ended::Revoked)
    );
    assert_eq!(session_ended_after(session(), |house| house.replace_blocked(bob())), None);
    assert_eq!(session_ended_after(session(), |house| house.replace_blocked(ada())), Some(Ended::Blocked));
    assert_eq!(session_ended_after(session(), |house| house.replace(vec![revoked()])), None);
    assert_eq!(session_ended_after(bound(), |house| house.replace(vec![revoked()])), Some(Ended::Revoked));
    assert_eq!(session_ended_after(bound(), |house| house.replace(vec![])), Some(Ended::Removed));
    assert_eq!(session_ended_after(bound(), |house| house.replace(vec![expiring(1)])), None);
    assert_eq!(session_ended_after(session(), |house| house.advance(Timestamp(1_599))), None);
    assert_eq!(session_ended_after(session(), |house| house.advance(Timestamp(1_600))), Some(Ended::Expired));
    let used = |house: &Authenticator| {
        check_session(house, 1_500, "");
        house.advance(Timestamp(1_600));
    };
    assert_eq!(session_ended_after(session(), used), None);
    assert_eq!(ended_after(record(), |house| house.replace_blocked(ada())), Some(Ended::Blocked));
    assert_eq!(ended_after(record(), |house| house.replace_blocked(bob())), None);
}

#[test]
fn a_blocked_persons_key_reads_like_an_unknown_one() {
    let house = house(vec![record()]);
    house.replace_blocked(HashSet::from(["ada".to_owned()]));
    let refusal = now(house.verify(Some(Presented::Bearer(key().expose_printed())), NOW)).unwrap_err();
    assert_eq!(refusal.inside, format!("key {} was blocked", record().id));
    let unknown =
        now(Authenticator::new(pepper()).verify(Some(Presented::Bearer(key().expose_printed())), NOW));
    assert_eq!(refusal.message, unknown.unwrap_err().message);
}

#[tokio::test]
async fn every_stream_of_a_session_wakes_within_a_second() {
    let house = house_with(session());
    let mut watches: Vec<_> = (0..8).map(|_| verify_at(&house, 600).unwrap().watch()).collect();
    let revoke = async {
        tokio::task::yield_now().await;
        assert!(house.end_session(&session().id, NOW));
    };
    let wait = async {
        for watch in &mut watches {
            assert_eq!(watch.ended().await, Ended::Revoked);
        }
    };
    let both = async { tokio::join!(wait, revoke) };
    assert!(tokio::time::timeout(Duration::from_secs(1), both).await.is_ok());
}

async fn verify_bearer(house: &Authenticator, text: &str) -> Result<Verified, String> {
    house.verify(Some(Presented::Bearer(text)), fake::NOW).await.map_err(|refusal| refusal.inside)
}

#[tokio::test]
async fn a_token_of_an_issuer_is_a_credential() {
    let house = house(vec![record()]);
    let text = fake::sign(fake::Signer::Es256, &fake::header(), &fake::access_claims());
    let none = "no issuer of tokens is trusted";
    assert_eq!(verify_bearer(&house, &text).await.err().as_deref(), Some(none));
    let world = fake::World::new();
    house.set_issuers(Arc::clone(&world.issuers));
    let verified = verify_bearer(&house, &text).await.unwrap();
    let principal = verified.principal();
    assert_eq!(
        (principal.role, principal.groups.as_slice()),
        (Role::Engineer, &["dev".to_owned(), "x".to_owned()][..])
    );
    assert!(principal.person.starts_with("p-") && principal.credential.starts_with("t-"));
    assert_eq!(principal.credential.len(), 18);
    assert!(!text.contains(principal.credential.trim_start_matches("t-")));
    assert!(verified.permit_scope("chat", Some("a")).is_ok());
    // In a cookie it is nothing.
    assert!(house.verify(Some(Presented::Session(&text)), fake::NOW).await.is_err());
    let refusal = house.verify(Some(Presented::Bearer("a.b.c")), fake::NOW).await.unwrap_err();
    check_form(&refusal, Some("a.b.c"));
    assert_eq!(refusal.inside, "the bearer token is not good: the token is not three parts of base64url");
    // Whatever begins like a key is one, dots or not.
    let no_key = "the credential is not a well-formed key of this house";
    assert_eq!(verify_bearer(&house, "sk-a.b.c").await.err().as_deref(), Some(no_key));
}

#[tokio::test]
async fn a_token_ends_with_its_time_and_with_its_person() {
    let house = house(vec![]);
    house.set_issuers(Arc::clone(&fake::World::new().issuers));
    let text = fake::sign(fake::Signer::Es256, &fake::header(), &fake::access_claims());
    let end = Timestamp(fake::NOW.0 + 300_000_000);
    let verified = verify_bearer(&house, &text).await.unwrap();
    assert_eq!(verified.expires(), Some(end));
    assert!(verified.is_still_valid(Timestamp(end.0 - 1)) && !verified.is_still_valid(end));
    let waker = Waker::from(Arc::new(Idle));
    let mut context = Context::from_waker(&waker);
    let mut validity = verified.watch();
    let mut ended = pin!(validity.ended());
    assert_eq!(ended.as_mut().poll(&mut context), Poll::Pending);
    house.advance(Timestamp(end.0 - 1));
    assert_eq!(ended.as_mut().poll(&mut context), Poll::Pending);
    house.advance(end);
    assert_eq!(ended.as_mut().poll(&mut context), Poll::Ready(Ended::Expired));
    let mut validity = verified.watch();
    house.replace_blocked(HashSet::from([verified.principal().person.clone()]));
    assert_eq!(now(validity.ended()), Ended::Blocked);
    let inside = verify_bearer(&house, &text).await.err().unwrap();
    assert!(inside.ends_with("was blocked"), "{inside}");
}
