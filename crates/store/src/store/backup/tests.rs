use std::os::unix::fs::PermissionsExt as _;

use schleuse_types::Role;
use sqlx::Executor as _;
use sqlx::sqlite::SqliteConnectOptions;

use crate::StoreError;
use crate::migration::migrate_to;
use crate::store::Store;
use crate::store::tests::{Folder, NOW, new_key, open};

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test has no house whose tracker could drain this task")]
async fn a_copy_is_of_one_moment_while_others_write() {
    let folder = Folder::new();
    let store = std::sync::Arc::new(open(&folder.database()).await);
    store.ensure_person("ada", Role::Engineer, NOW).await.unwrap();
    store.insert_key(&new_key(0)).await.unwrap();
    let writer = tokio::spawn({
        let store = std::sync::Arc::clone(&store);
        async move {
            for number in 1..=100 {
                store.insert_key(&new_key(number)).await.unwrap();
            }
        }
    });
    let copy = folder.0.join("copy.db");
    store.backup_to(&copy).await.unwrap();
    writer.await.unwrap();
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);

    let (copied, whole) = (open(&copy).await, store.keys().await.unwrap());
    let copied = copied.keys().await.unwrap();
    assert_eq!(whole.len(), 101);
    assert!(!copied.is_empty());
    assert_eq!(copied, whole[..copied.len()]);
}

#[tokio::test]
async fn a_copy_never_replaces_a_file() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    let copy = folder.0.join("copy.db");
    std::fs::write(&copy, "a letter").unwrap();
    let error = store.backup_to(&copy).await.unwrap_err().to_string();
    assert!(error.contains("copy.db") && error.contains("exists"), "{error}");
    assert_eq!(std::fs::read(&copy).unwrap(), b"a letter");

    let missing = folder.0.join("missing").join("copy.db");
    assert!(store.backup_to(&missing).await.is_err());

    // Of a copy that failed nothing stays.
    store.close().await.unwrap();
    let late = folder.0.join("late.db");
    assert!(store.backup_to(&late).await.is_err());
    assert!(!late.exists());
}

#[tokio::test]
async fn a_copy_has_the_schema_of_what_was_copied() {
    let folder = Folder::new();
    let options = SqliteConnectOptions::new().filename(folder.database()).create_if_missing(true);
    let first = sqlx::SqlitePool::connect_with(options).await.unwrap();
    migrate_to(1, &first, &folder.database(), NOW).await.unwrap();
    first
        .execute("INSERT INTO people (id, name, role, created) VALUES ('ada', 'Ada', 'engineer', 5)")
        .await
        .unwrap();
    let before = std::fs::read(folder.database()).unwrap();
    let copy = folder.0.join("copy.db");
    Store::copy(&folder.database(), &copy).await.unwrap();
    assert!(before == std::fs::read(folder.database()).unwrap(), "copying changed the database");
    let row = first.fetch_one("SELECT MAX(version) FROM schema_version").await.unwrap();
    assert_eq!(sqlx::Row::get::<i64, _>(&row, 0), 1);

    // It migrates when it is opened, like what it is a copy of.
    assert_eq!(open(&copy).await.people().await.unwrap().len(), 1);

    // What this binary does not know it does not copy.
    first.execute("INSERT INTO schema_version (version, applied) VALUES (99, 0)").await.unwrap();
    let newer = Store::copy(&folder.database(), &folder.0.join("newer.db")).await;
    assert!(matches!(newer, Err(StoreError::Newer { found: 99, .. })));
    let none = Store::copy(&folder.0.join("none.db"), &folder.0.join("none-copy.db")).await;
    assert!(matches!(none, Err(StoreError::File { .. })));
    assert!(!folder.0.join("none.db").exists() && !folder.0.join("newer.db").exists());
}
