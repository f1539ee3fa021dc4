use schleuse_types::{Role, Timestamp};

use crate::store::tests::{Folder, NOW, new_key, open, session};
use crate::store::{Seen, Store};
use crate::{SessionRow, StoreError};

async fn house(folder: &Folder) -> Store {
    let store = open(&folder.database()).await;
    store.ensure_person("ada", Role::Engineer, NOW).await.unwrap();
    store.ensure_person("bob", Role::Employee, NOW).await.unwrap();
    store
}

#[tokio::test]
async fn a_session_is_there_after_a_restart() {
    let folder = Folder::new();
    let store = house(&folder).await;
    store.insert_key(&new_key(1)).await.unwrap();
    let by_key = SessionRow {
        key: Some("k-1".to_owned()),
        issuer: None,
        subject: None,
        sid: None,
        revoked: Some(NOW),
        ..session(2)
    };
    store.insert_session(&by_key).await.unwrap();
    store.insert_session(&session(1)).await.unwrap();
    store.close().await.unwrap();
    assert_eq!(open(&folder.database()).await.sessions().await.unwrap(), [session(1), by_key]);
}

#[tokio::test]
async fn a_session_is_stored_once_and_for_somebody() {
    let folder = Folder::new();
    let store = house(&folder).await;
    store.insert_session(&session(1)).await.unwrap();
    let check = async |row: SessionRow, expected: &str| {
        assert_eq!(store.insert_session(&row).await.unwrap_err().to_string(), expected);
    };
    check(session(1), "there is already a session `s-1`").await;
    check(SessionRow { id: "s-9".to_owned(), ..session(1) }, "there is already a session `s-9`").await;
    check(SessionRow { person: "eve".to_owned(), ..session(2) }, "there is nobody called `eve`").await;
    check(SessionRow { key: Some("k-9".to_owned()), ..session(2) }, "there is no key `k-9`").await;
    assert_eq!(store.sessions().await.unwrap(), [session(1)]);
}

#[tokio::test]
async fn a_use_moves_the_last_sight_forward_only() {
    let folder = Folder::new();
    let store = house(&folder).await;
    store.insert_session(&session(1)).await.unwrap();
    let later = Timestamp(NOW.0 + 5_000_000);
    store.touch_sessions(&[]).await.unwrap();
    for (use_at, expected) in [(later, later), (NOW, later), (Timestamp(later.0 + 1), Timestamp(later.0 + 1))]
    {
        let uses = [("s-1".to_owned(), use_at), ("s-unknown".to_owned(), use_at)];
        store.touch_sessions(&uses).await.unwrap();
        assert_eq!(store.sessions().await.unwrap()[0].last_seen, expected);
        assert_eq!(store.find_person("ada").await.unwrap().unwrap().last_seen, Some(expected));
    }
    assert_eq!(store.find_person("bob").await.unwrap().unwrap().last_seen, None);
}

#[tokio::test]
async fn revoking_a_session_is_final() {
    let folder = Folder::new();
    let store = house(&folder).await;
    store.insert_session(&session(1)).await.unwrap();
    store.insert_session(&session(2)).await.unwrap();
    assert!(!store.revoke_session("s-9", NOW).await.unwrap());
    assert!(store.revoke_session("s-1", NOW).await.unwrap());
    assert!(!store.revoke_session("s-1", Timestamp(NOW.0 + 1)).await.unwrap());
    let rows = store.sessions().await.unwrap();
    assert_eq!((rows[0].revoked, rows[1].revoked), (Some(NOW), None));
}

#[tokio::test]
async fn a_persons_sessions_end_and_nobody_elses() {
    let folder = Folder::new();
    let store = house(&folder).await;
    for number in 1..=3 {
        store.insert_session(&session(number)).await.unwrap();
    }
    let bobs = SessionRow { person: "bob".to_owned(), ..session(4) };
    store.insert_session(&bobs).await.unwrap();
    store.revoke_session("s-1", NOW).await.unwrap();
    assert_eq!(store.revoke_sessions_of("ada", Timestamp(NOW.0 + 1)).await.unwrap(), 2);
    assert_eq!(store.revoke_sessions_of("ada", Timestamp(NOW.0 + 2)).await.unwrap(), 0);
    assert_eq!(store.sessions().await.unwrap()[3], bobs);
    assert_eq!(store.revoke_all_sessions(NOW).await.unwrap(), 1);
    assert!(store.sessions().await.unwrap().iter().all(|row| row.revoked.is_some()));
}

/// Which of four sessions end: two of subject 7 at issuer one, one of subject 8 there, one of subject 7 at issuer two.
async fn check_logged_out(issuer: &str, subject: Option<&str>, sid: Option<&str>, expected: &[&str]) {
    let folder = Folder::new();
    let store = house(&folder).await;
    for (number, issuer, subject, sid) in
        [(1, "one", "7", "a"), (2, "one", "7", "b"), (3, "one", "8", "c"), (4, "two", "7", "a")]
    {
        let row = SessionRow {
            issuer: Some(issuer.to_owned()),
            subject: Some(subject.to_owned()),
            sid: Some(sid.to_owned()),
            ..session(number)
        };
        store.insert_session(&row).await.unwrap();
    }
    let count = store.revoke_sessions_by(issuer, subject, sid, NOW).await.unwrap();
    let ended: Vec<String> = store
        .sessions()
        .await
        .unwrap()
        .into_iter()
        .filter(|row| row.revoked.is_some())
        .map(|row| row.id)
        .collect();
    assert_eq!(ended, expected, "{issuer} {subject:?} {sid:?}");
    assert_eq!(count, expected.len() as u64);
}

#[tokio::test]
async fn an_issuer_logs_out_its_own_only() {
    check_logged_out("one", Some("7"), None, &["s-1", "s-2"]).await;
    check_logged_out("one", None, Some("a"), &["s-1"]).await;
    check_logged_out("one", Some("7"), Some("b"), &["s-2"]).await;
    check_logged_out("one", Some("8"), Some("b"), &[]).await;
    check_logged_out("two", Some("7"), None, &["s-4"]).await;
    check_logged_out("three", Some("7"), Some("a"), &[]).await;
    check_logged_out("one", None, None, &[]).await;
}

#[tokio::test]
async fn a_role_that_is_set_reaches_the_sessions() {
    let folder = Folder::new();
    let store = house(&folder).await;
    store.insert_session(&session(1)).await.unwrap();
    store.insert_session(&SessionRow { person: "bob".to_owned(), ..session(2) }).await.unwrap();
    store.set_role("ada", Role::Auditor).await.unwrap();
    let roles: Vec<Role> = store.sessions().await.unwrap().iter().map(|row| row.role).collect();
    assert_eq!(roles, [Role::Auditor, Role::Engineer]);
}

#[tokio::test]
async fn what_is_long_over_is_forgotten() {
    let folder = Folder::new();
    let store = house(&folder).await;
    store.insert_session(&session(1)).await.unwrap();
    let days = |days: u64| Timestamp(session(1).expires.0 + days * 86_400_000_000);
    store.insert_session(&SessionRow { created: days(30), expires: days(31), ..session(2) }).await.unwrap();
    assert_eq!(store.sessions().await.unwrap().len(), 2);
    let much_later = Timestamp(days(30).0 + 1);
    store.insert_session(&SessionRow { created: much_later, expires: days(31), ..session(3) }).await.unwrap();
    let ids: Vec<String> = store.sessions().await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(ids, ["s-2", "s-3"]);
}

#[tokio::test]
async fn what_another_process_does_to_sessions_and_people_is_noticed() {
    let folder = Folder::new();
    let (store, other) = (house(&folder).await, open(&folder.database()).await);
    let mut seen = Seen::default();
    let mut check = async |expected: bool, what: &str| {
        assert_eq!(store.changed(&mut seen).await.unwrap(), expected, "{what}");
        assert!(!store.changed(&mut seen).await.unwrap(), "{what}");
    };
    check(true, "first").await;
    other.insert_session(&session(1)).await.unwrap();
    check(true, "insert").await;
    other.revoke_session("s-9", NOW).await.unwrap();
    other.revoke_sessions_by("nobody", Some("1"), None, NOW).await.unwrap();
    check(false, "nothing").await;
    other.revoke_session("s-1", NOW).await.unwrap();
    check(true, "revoke").await;
    other.set_blocked("ada", true, NOW).await.unwrap();
    check(true, "block").await;
    other.set_groups("ada", &["a"], NOW).await.unwrap();
    check(true, "groups").await;
    store.insert_session(&session(2)).await.unwrap();
    check(true, "own insert").await;
    other.revoke_sessions_of("ada", NOW).await.unwrap();
    check(true, "revoke all").await;
}

#[tokio::test]
async fn a_session_that_cannot_be_read_is_an_error() {
    let folder = Folder::new();
    let store = house(&folder).await;
    store.insert_session(&session(1)).await.unwrap();
    sqlx::Executor::execute(&store.pool, "UPDATE sessions SET idle_micros = -1").await.unwrap();
    assert!(matches!(store.sessions().await, Err(StoreError::Unreadable { .. })));
}
