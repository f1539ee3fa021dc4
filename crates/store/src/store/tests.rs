use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use schleuse_types::{Role, Tenant, Timestamp};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};

use super::{Seen, Store};
use crate::migration::{KNOWN, migrate_to};
use crate::{KeyRow, NewKey, SessionRow, StoreError};

pub(super) const NOW: Timestamp = Timestamp(1_795_207_724_000_000);

/// A folder of its own for each test, removed when the test ends.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("schleuse-store-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn database(&self) -> PathBuf {
        self.0.join("house.db")
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) async fn open(path: &Path) -> Store {
    Store::open(path, NOW).await.unwrap()
}

pub(super) fn new_key(number: u8) -> NewKey {
    NewKey {
        id: format!("k-{number}"),
        hash: [number; 32],
        person: "ada".to_owned(),
        role: Role::Engineer,
        scopes: vec!["surface:chat".to_owned(), "models:a".to_owned()],
        created: Timestamp(NOW.0 + u64::from(number)),
        expires: Some(Timestamp(7)),
    }
}

pub(super) fn session(number: u8) -> SessionRow {
    SessionRow {
        id: format!("s-{number}"),
        hash: [number; 32],
        person: "ada".to_owned(),
        role: Role::Engineer,
        method: "oidc".to_owned(),
        issuer: Some("https://one.example".to_owned()),
        subject: Some("7".to_owned()),
        sid: Some("x".to_owned()),
        key: None,
        agent: "Firefox on Linux".to_owned(),
        created: Timestamp(NOW.0 + u64::from(number)),
        last_seen: NOW,
        idle_micros: 30 * 60 * 1_000_000,
        expires: Timestamp(NOW.0 + 12 * 3600 * 1_000_000),
        revoked: None,
    }
}

/// The row that `new_key(number)` becomes.
fn row(number: u8) -> KeyRow {
    let key = new_key(number);
    KeyRow {
        id: key.id,
        hash: key.hash,
        person: key.person,
        role: key.role,
        groups: Vec::new(),
        tenant: Tenant::HOUSE,
        scopes: key.scopes,
        created: key.created,
        expires: key.expires,
        revoked: None,
    }
}

#[tokio::test]
async fn what_is_stored_is_there_after_a_restart() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    store.ensure_person("ada", Role::Engineer, NOW).await.unwrap();
    store.set_groups("ada", &["research", "finance"], NOW).await.unwrap();
    let plain = NewKey { scopes: Vec::new(), expires: None, ..new_key(2) };
    store.insert_key(&new_key(1)).await.unwrap();
    store.insert_key(&plain).await.unwrap();
    store.close().await.unwrap();

    let store = open(&folder.database()).await;
    let groups = vec!["finance".to_owned(), "research".to_owned()];
    let first = KeyRow { groups: groups.clone(), ..row(1) };
    let second = KeyRow { groups: groups.clone(), scopes: Vec::new(), expires: None, ..row(2) };
    assert_eq!(store.keys().await.unwrap(), [first.clone(), second]);
    assert_eq!(store.find_key_by_id("k-1").await.unwrap(), Some(first.clone()));
    assert_eq!(store.find_key_by_hash(&[1; 32]).await.unwrap(), Some(first));
    assert_eq!(store.find_key_by_id("k-9").await.unwrap(), None);
    assert_eq!(store.find_key_by_hash(&[9; 32]).await.unwrap(), None);
    let people = store.people().await.unwrap();
    assert_eq!(people.len(), 1);
    assert_eq!((people[0].role, &people[0].groups, people[0].created), (Role::Engineer, &groups, NOW));
}

#[tokio::test]
async fn a_closed_store_answers_nothing() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    store.close().await.unwrap();
    store.close().await.unwrap();
    assert_eq!(folder.names(), ["house.db"]);
    assert!(store.keys().await.is_err());
    assert!(store.changed(&mut Seen::default()).await.is_err());
}

#[tokio::test]
async fn a_person_is_made_once_and_keeps_the_role() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    let made = store.ensure_person("ada", Role::Engineer, NOW).await.unwrap();
    let found = store.ensure_person("ada", Role::Admin, Timestamp(5)).await.unwrap();
    assert_eq!(made, found);
    store.insert_key(&new_key(1)).await.unwrap();
    store.set_role("ada", Role::Auditor).await.unwrap();
    assert_eq!(store.find_person("ada").await.unwrap().unwrap().role, Role::Auditor);
    assert_eq!(store.keys().await.unwrap()[0].role, Role::Auditor);
    let unknown = store.set_role("bob", Role::Admin).await.unwrap_err();
    assert_eq!(unknown.to_string(), "there is nobody called `bob`");
}

#[tokio::test]
async fn groups_are_replaced_as_a_whole() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    store.ensure_person("ada", Role::Engineer, NOW).await.unwrap();
    store.set_groups("ada", &["a", "b"], NOW).await.unwrap();
    store.set_groups("ada", &["b", "c", "c"], NOW).await.unwrap();
    assert_eq!(store.find_person("ada").await.unwrap().unwrap().groups, ["b", "c"]);
    // A bad name among them changes nothing.
    assert!(store.set_groups("ada", &["d", " "], NOW).await.is_err());
    assert_eq!(store.find_person("ada").await.unwrap().unwrap().groups, ["b", "c"]);
    assert!(matches!(store.set_groups("bob", &["a"], NOW).await, Err(StoreError::UnknownPerson { .. })));
}

#[tokio::test]
async fn names_are_checked() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    let longest = "x".repeat(128);
    for (name, accepted) in [
        ("ada", true),
        ("Ada Lovelace", true),
        ("ädä", true),
        ("a'; DROP TABLE keys; --", true),
        (longest.as_str(), true),
        ("", false),
        (" ada", false),
        ("a\nb", false),
        ("a\0b", false),
    ] {
        assert_eq!(store.ensure_person(name, Role::Admin, NOW).await.is_ok(), accepted, "{name:?}");
    }
    assert!(store.ensure_person(&"x".repeat(129), Role::Admin, NOW).await.is_err());
    assert_eq!(store.people().await.unwrap().len(), 5);
}

#[tokio::test]
async fn a_key_is_stored_once_and_for_somebody() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    assert!(matches!(store.insert_key(&new_key(1)).await, Err(StoreError::UnknownPerson { .. })));
    store.ensure_person("ada", Role::Engineer, NOW).await.unwrap();
    assert!(store.ensure_key(&new_key(1)).await.unwrap());
    assert!(!store.ensure_key(&new_key(1)).await.unwrap());
    assert!(matches!(store.insert_key(&new_key(1)).await, Err(StoreError::KeyExists { .. })));
    let same_hash = NewKey { id: "k-other".to_owned(), ..new_key(1) };
    assert!(matches!(store.insert_key(&same_hash).await, Err(StoreError::KeyExists { .. })));
    let two_lines = NewKey { scopes: vec!["a\nb".to_owned()], ..new_key(2) };
    assert!(matches!(store.insert_key(&two_lines).await, Err(StoreError::BadScope { .. })));
    assert_eq!(store.keys().await.unwrap(), [row(1)]);
}

#[tokio::test]
async fn a_revocation_is_final() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    store.ensure_person("ada", Role::Engineer, NOW).await.unwrap();
    store.insert_key(&new_key(1)).await.unwrap();
    assert!(!store.revoke_key("k-9", NOW).await.unwrap());
    assert!(store.revoke_key("k-1", NOW).await.unwrap());
    assert!(!store.revoke_key("k-1", Timestamp(NOW.0 + 1)).await.unwrap());
    assert!(!store.ensure_key(&new_key(1)).await.unwrap());
    assert_eq!(store.find_key_by_id("k-1").await.unwrap().unwrap().revoked, Some(NOW));
}

#[tokio::test]
async fn changes_are_noticed_whoever_makes_them() {
    let folder = Folder::new();
    let (house, other) = (open(&folder.database()).await, open(&folder.database()).await);
    let mut seen = Seen::default();
    let mut check = async |expected: bool| {
        assert_eq!(house.changed(&mut seen).await.unwrap(), expected);
        assert!(!house.changed(&mut seen).await.unwrap());
    };
    check(true).await;
    house.ensure_person("ada", Role::Engineer, NOW).await.unwrap();
    check(true).await;
    house.insert_key(&new_key(1)).await.unwrap();
    check(true).await;
    other.insert_key(&new_key(2)).await.unwrap();
    check(true).await;
    other.revoke_key("k-1", NOW).await.unwrap();
    check(true).await;
    // Neither reading nor writing nothing is a change.
    house.keys().await.unwrap();
    other.revoke_key("k-9", NOW).await.unwrap();
    other.close().await.unwrap();
    check(false).await;
}

#[tokio::test]
async fn two_watchers_do_not_take_each_others_changes() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    let (mut one, mut two) = (Seen::default(), Seen::default());
    assert!(store.changed(&mut one).await.unwrap());
    store.ensure_person("ada", Role::Engineer, NOW).await.unwrap();
    assert!(store.changed(&mut one).await.unwrap());
    assert!(store.changed(&mut two).await.unwrap());
    assert!(!store.changed(&mut one).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[expect(clippy::disallowed_methods, reason = "a test has no house whose tracker could drain these tasks")]
async fn many_may_open_and_write_one_new_file_at_once() {
    let folder = Folder::new();
    let path = folder.database();
    let writers: Vec<_> = (0..8_u8)
        .map(|number| {
            let path = path.clone();
            tokio::spawn(async move {
                let store = Store::open(&path, NOW).await?;
                store.ensure_person("ada", Role::Engineer, NOW).await?;
                for step in 0..8 {
                    store.insert_key(&new_key(number * 8 + step)).await?;
                }
                store.close().await
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(open(&path).await.keys().await.unwrap().len(), 64);
}

#[tokio::test]
async fn the_database_is_for_its_owner_only_and_durable() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    store.ensure_person("ada", Role::Engineer, NOW).await.unwrap();
    assert_eq!(folder.names(), ["house.db", "house.db-shm", "house.db-wal"]);
    for name in folder.names() {
        let mode = std::fs::metadata(folder.0.join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    for (pragma, expected) in
        [("PRAGMA synchronous", 2), ("PRAGMA foreign_keys", 1), ("PRAGMA busy_timeout", 5000)]
    {
        let row = store.pool.fetch_one(pragma).await.unwrap();
        assert_eq!(sqlx::Row::get::<i64, _>(&row, 0), expected, "{pragma}");
    }
}

#[tokio::test]
async fn a_mode_that_is_too_wide_is_narrowed() {
    let folder = Folder::new();
    open(&folder.database()).await.close().await.unwrap();
    std::fs::set_permissions(folder.database(), std::fs::Permissions::from_mode(0o644)).unwrap();
    open(&folder.database()).await.close().await.unwrap();
    assert_eq!(std::fs::metadata(folder.database()).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Opening the file must fail with a text that has `expected` in it, and leave every byte as it was.
async fn check_refused(folder: &Folder, expected: &str) {
    let before = std::fs::read(folder.database()).unwrap();
    let error = Store::open(&folder.database(), NOW).await.unwrap_err().to_string();
    assert!(error.contains(expected) && error.contains("nothing was changed"), "{error}");
    assert!(!error.contains('\n'), "{error}");
    assert!(before == std::fs::read(folder.database()).unwrap(), "the file was changed");
    // SQLite keeps its companions beside a damaged file; then there is no page in them that a repair would miss.
    let log = std::fs::metadata(folder.0.join("house.db-wal"));
    assert_eq!(log.map_or(0, |log| log.len()), 0);
}

/// Changes the database by statements that no method here offers.
async fn tamper(folder: &Folder, statement: &'static str) {
    let store = open(&folder.database()).await;
    store.pool.execute(statement).await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let folder = Folder::new();
    tamper(&folder, "INSERT INTO schema_version (version, applied) VALUES (99, 0)").await;
    let message = format!("has the schema version 99, this schleuse knows versions up to {KNOWN}");
    check_refused(&folder, &message).await;
}

#[tokio::test]
async fn a_database_of_the_first_version_is_brought_forward_with_what_is_in_it() {
    let folder = Folder::new();
    let options = SqliteConnectOptions::new().filename(folder.database()).create_if_missing(true);
    let first = sqlx::SqlitePool::connect_with(options).await.unwrap();
    migrate_to(1, &first, &folder.database(), NOW).await.unwrap();
    for statement in [
        "INSERT INTO people (id, name, role, created) VALUES ('ada', 'Ada', 'engineer', 5), ('bob', 'Bob', 'auditor', 6)",
        "INSERT INTO groups (name, created) VALUES ('a', 5)",
        "INSERT INTO person_groups (person, group_name) VALUES ('ada', 'a')",
        "INSERT INTO keys (id, hash, person, role, scopes, created, expires, revoked) \
         VALUES ('k-1', zeroblob(32), 'ada', 'engineer', 'models:a', 5, 7, NULL)",
    ] {
        first.execute(statement).await.unwrap();
    }
    first.close().await;

    let store = open(&folder.database()).await;
    let people = store.people().await.unwrap();
    assert_eq!(people.len(), 2);
    assert_eq!(
        (people[0].name.as_str(), people[0].role, people[0].created),
        ("Ada", Role::Engineer, Timestamp(5))
    );
    assert_eq!(
        (people[0].groups.as_slice(), &people[0].issuer, people[0].blocked),
        (&["a".to_owned()][..], &None, None)
    );
    let key = store.find_key_by_id("k-1").await.unwrap().unwrap();
    assert_eq!(
        (key.hash, key.scopes, key.expires),
        ([0; 32], vec!["models:a".to_owned()], Some(Timestamp(7)))
    );
    store.insert_session(&SessionRow { key: Some("k-1".to_owned()), ..session(1) }).await.unwrap();
    store.close().await.unwrap();

    // All steps are written down, and a second opening finds nothing to do.
    let store = open(&folder.database()).await;
    let rows = store.pool.fetch_all("SELECT version FROM schema_version ORDER BY version").await.unwrap();
    let versions: Vec<i64> = rows.iter().map(|row| sqlx::Row::get(row, 0)).collect();
    assert_eq!(versions, (1..=KNOWN).collect::<Vec<_>>());
    assert_eq!(store.sessions().await.unwrap().len(), 1);
}

#[tokio::test]
async fn before_there_were_tenants_all_belonged_to_the_house() {
    let folder = Folder::new();
    let options = SqliteConnectOptions::new().filename(folder.database()).create_if_missing(true);
    let third = sqlx::SqlitePool::connect_with(options).await.unwrap();
    migrate_to(3, &third, &folder.database(), NOW).await.unwrap();
    for statement in [
        "INSERT INTO people (id, name, role, created) VALUES ('ada', 'Ada', 'engineer', 5)",
        "INSERT INTO data_keys (person, wrapped) VALUES ('ada', x'0102')",
        "INSERT INTO conversations (id, person, head, created, updated, running) VALUES ('c', 'ada', x'03', 5, 6, 0)",
        "INSERT INTO messages (id, conversation, ordinal, sealed, state, created) VALUES ('m', 'c', 0, x'04', 'complete', 5)",
    ] {
        third.execute(statement).await.unwrap();
    }
    third.close().await;

    let store = open(&folder.database()).await;
    assert_eq!(store.tenant_of("ada").await.unwrap(), Some(Tenant::HOUSE));
    assert_eq!(store.data_key("ada", &Tenant::HOUSE).await.unwrap(), Some(vec![1, 2]));
    assert_eq!(store.conversations("ada").await.unwrap().remove(0).head, [3]);
    assert_eq!(store.messages("ada", "c").await.unwrap().remove(0).sealed, [4]);
    assert_eq!(store.conversation_owner("c", &Tenant::HOUSE).await.unwrap().as_deref(), Some("ada"));
}

#[tokio::test]
async fn a_migration_that_fails_changes_nothing() {
    let folder = Folder::new();
    let options = SqliteConnectOptions::new().filename(folder.database()).create_if_missing(true);
    let first = sqlx::SqlitePool::connect_with(options).await.unwrap();
    migrate_to(1, &first, &folder.database(), NOW).await.unwrap();
    // In the way of the second step, after its first statements.
    first.execute("CREATE TABLE messages (note TEXT)").await.unwrap();
    let error = migrate_to(2, &first, &folder.database(), NOW).await.unwrap_err().to_string();
    assert!(error.contains("messages"), "{error}");
    let rows = first.fetch_all("SELECT name FROM pragma_table_info('people')").await.unwrap();
    assert_eq!(rows.len(), 4);
    let row = first.fetch_one("SELECT MAX(version) FROM schema_version").await.unwrap();
    assert_eq!(sqlx::Row::get::<i64, _>(&row, 0), 1);
}

#[tokio::test]
async fn a_database_of_another_program_is_refused() {
    let folder = Folder::new();
    tamper(&folder, "DROP TABLE schema_version").await;
    check_refused(&folder, "was not made by schleuse").await;
}

#[tokio::test]
async fn a_database_of_another_program_keeps_its_journal() {
    let folder = Folder::new();
    let options = SqliteConnectOptions::new().filename(folder.database()).create_if_missing(true);
    let mut other = options.connect().await.unwrap();
    other.execute("CREATE TABLE notes (note TEXT)").await.unwrap();
    other.close().await.unwrap();
    check_refused(&folder, "was not made by schleuse").await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = Folder::new();
    std::fs::write(folder.database(), "this is a letter, not a database\n".repeat(100)).unwrap();
    check_refused(&folder, "is damaged or is no database").await;
}

#[tokio::test]
async fn a_damaged_database_is_refused() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    store.ensure_person("ada", Role::Engineer, NOW).await.unwrap();
    for number in 0..=255 {
        store.insert_key(&new_key(number)).await.unwrap();
    }
    store.close().await.unwrap();
    let whole = std::fs::read(folder.database()).unwrap();
    assert!(whole.len() > 5 * 4096);

    // The first pages hold the schema, the last ones only keys: nothing but the check looks there when opening.
    for pages in [4096..5 * 4096, whole.len() - 2 * 4096..whole.len()] {
        let mut damaged = whole.clone();
        damaged[pages].fill(0xAA);
        std::fs::write(folder.database(), &damaged).unwrap();
        check_refused(&folder, "is damaged or is no database").await;
    }

    std::fs::write(folder.database(), &whole[..whole.len() / 2]).unwrap();
    check_refused(&folder, "is damaged or is no database").await;

    std::fs::write(folder.database(), &whole).unwrap();
    assert_eq!(open(&folder.database()).await.keys().await.unwrap().len(), 256);
}

#[tokio::test]
async fn a_path_that_cannot_be_opened_is_named() {
    let folder = Folder::new();
    let missing = folder.0.join("missing").join("house.db");
    for path in [missing.as_path(), folder.0.as_path()] {
        let error = Store::open(path, NOW).await.unwrap_err();
        let expected = format!("cannot open the database `{}`: ", path.display());
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_an_error_not_a_guess() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    store.ensure_person("ada", Role::Engineer, NOW).await.unwrap();
    store.insert_key(&new_key(1)).await.unwrap();
    store.pool.execute("UPDATE keys SET created = -1").await.unwrap();
    let error = store.keys().await.unwrap_err().to_string();
    assert_eq!(error, "the database holds a time that cannot be read: -1 is before 1970");
}
