//! `schleuse backup` and `schleuse restore` on real houses, and what a newer or an older program left behind.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use schleuse_testkit::FakeUpstream;

use crate::folder::{Folder, files_below};
use crate::house::{House, Plan, export, schleuse, stderr, stdout, verify};

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

async fn backup(data: &Path, to: &Path) -> Output {
    schleuse(&["backup", "--data", &text(data), "--to", &text(to)]).await
}

async fn restore(from: &Path, data: &Path) -> Output {
    schleuse(&["restore", "--from", &text(from), "--data", &text(data)]).await
}

#[tokio::test]
async fn a_house_comes_back_from_a_backup_that_was_made_while_it_answered() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let first = house.chat("Hallo").await;
    let request_id = first.header("x-schleuse-request-id").unwrap().to_owned();
    let (elsewhere, data) = (Folder::new(), house.data());
    let file = elsewhere.join("house.backup");
    // Questions come in all the while.
    let asking = async {
        let mut count = 0;
        while !file.exists() {
            assert_eq!(house.chat("Hallo").await.status, 200);
            count += 1;
        }
        count
    };
    let (made, asked) = tokio::join!(backup(&data, &file), asking);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    assert!(asked > 0);
    let said = stdout(&made);
    assert!(said.contains("holds the secrets of this house"), "{said}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let key = house.key("employee");

    // Not over a house, and not under one.
    let over = restore(&file, &data).await;
    assert_eq!(over.status.code(), Some(2));
    assert!(stderr(&over).contains("a house is running"), "{}", stderr(&over));
    assert_eq!(house.chat("Hallo").await.status, 200);
    drop(house);

    let folder = Folder::new();
    let restored = restore(&file, &folder.join("data")).await;
    let said = stdout(&restored);
    assert_eq!(restored.status.code(), Some(0), "{}", stderr(&restored));
    for expected in
        ["every digest is right", "Audit log: intact", "is not in it", "revoke once more the keys"]
    {
        assert!(said.contains(expected), "no `{expected}` in {said}");
    }
    for file in files_below(&folder.join("data/secrets")) {
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            file.display()
        );
    }
    let data = text(&folder.join("data"));
    let entries = export(&data).await;
    assert_eq!(entries.iter().filter(|entry| entry["request_id"] == request_id.as_str()).count(), 2);

    // The same keys, and a log that goes on where it was.
    let again = Plan::demo().on(&folder).upstream(&fake.url()).start().await;
    assert_eq!(again.key("employee"), key);
    assert_eq!(again.chat("Hallo").await.status, 200);
    let folder = again.stop().await;
    let (code, said) = verify(&text(&folder.join("data"))).await;
    assert_eq!(code, Some(0), "{said}");
    let after = export(&data).await;
    assert!(after.len() > entries.len());
    assert_eq!(after[..entries.len()], entries[..]);
}

#[tokio::test]
async fn a_backup_after_a_kill_has_what_was_written_ahead() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let answer = house.chat("Hallo").await;
    let request_id = answer.header("x-schleuse-request-id").unwrap().to_owned();
    let killed = house.kill().await;
    let folder = Folder::new();
    let made = backup(&killed.join("data"), &folder.join("house.backup")).await;
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let restored = restore(&folder.join("house.backup"), &folder.join("data")).await;
    assert_eq!(restored.status.code(), Some(0), "{}", stderr(&restored));
    let entries = export(&text(&folder.join("data"))).await;
    assert!(entries.iter().any(|entry| entry["request_id"] == request_id.as_str()), "{entries:#?}");
}

#[tokio::test]
async fn a_broken_backup_leaves_nothing() {
    let folder = Folder::new();
    let dir = text(&folder.join("house"));
    let made = schleuse(&["init", "--dir", &dir, "--yes"]).await;
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let file = folder.join("house.backup");
    assert_eq!(backup(&folder.join("house/data"), &file).await.status.code(), Some(0));
    let again = backup(&folder.join("house/data"), &file).await;
    assert_eq!(again.status.code(), Some(2));
    assert!(stderr(&again).contains("never replaces a file"), "{}", stderr(&again));
    let inside = backup(&folder.join("house/data"), &folder.join("house/data/house.backup")).await;
    assert_eq!(inside.status.code(), Some(2), "{}", stderr(&inside));

    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for broken in [&flipped[..], &whole[..whole.len() - 512], &whole[..whole.len() / 2]] {
        std::fs::write(&file, broken).unwrap();
        let output = restore(&file, &folder.join("data")).await;
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("is truncated or damaged"), "{}", stderr(&output));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "something was left behind");
    }
    std::fs::write(&file, &whole).unwrap();
    let output = restore(&file, &folder.join("data")).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

/// Runs Python's own SQLite on a database: one that knows nothing of ours.
fn sqlite(database: &Path, script: &str) {
    let program =
        "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nc.executescript(sys.argv[2])\nc.commit()";
    let output = Command::new("python3").args(["-c", program]).arg(database).arg(script).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

#[tokio::test]
async fn the_data_of_an_older_program_is_brought_forward() {
    let folder = Folder::new();
    let made = schleuse(&["init", "--dir", &text(&folder.join("house")), "--yes"]).await;
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let data = folder.join("house/data");
    let database = data.join("store.sqlite");
    let first = include_str!("../../../store/migrations/0001_people_and_keys.sql");
    let rows = "CREATE TABLE schema_version (version BIGINT NOT NULL PRIMARY KEY, applied BIGINT NOT NULL); \
                INSERT INTO schema_version VALUES (1, 0); \
                INSERT INTO people VALUES ('anna', 'Anna', 'engineer', 5); \
                INSERT INTO keys VALUES ('k-old', zeroblob(32), 'anna', 'engineer', '', 5, NULL, NULL);";
    sqlite(&database, &format!("{first}\n{rows}"));

    // A backup keeps the old schema, so that the old program could still use it.
    let before = std::fs::read(&database).unwrap();
    assert_eq!(backup(&data, &folder.join("old.backup")).await.status.code(), Some(0));
    assert!(before == std::fs::read(&database).unwrap(), "a backup changed the database");

    for data in [&folder.join("restored"), &data] {
        if !data.exists() {
            let output = restore(&folder.join("old.backup"), data).await;
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        }
        let list = schleuse(&["key", "list", "--data", &text(data)]).await;
        assert_eq!(list.status.code(), Some(0), "{}", stderr(&list));
        assert!(stdout(&list).contains("k-old") && stdout(&list).contains("anna"), "{}", stdout(&list));
    }
}

#[tokio::test]
async fn the_data_of_a_newer_program_is_left_alone() {
    let folder = Folder::new();
    let dir = text(&folder.join("house"));
    let made = schleuse(&["init", "--dir", &dir, "--listen", "127.0.0.1:0", "--yes"]).await;
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let data = text(&folder.join("house/data"));
    let key = ["key", "create", "--data", &data, "--for", "anna", "--role", "employee"];
    assert_eq!(schleuse(&key).await.status.code(), Some(0));
    assert_eq!(backup(Path::new(&data), &folder.join("before.backup")).await.status.code(), Some(0));
    let database = folder.join("house/data/store.sqlite");
    sqlite(&database, "INSERT INTO schema_version VALUES (99, 0)");
    let before = std::fs::read(&database).unwrap();

    let expected = [
        "has the schema version 99",
        "nothing was changed",
        "use a newer schleuse or restore an older backup",
    ];
    let backed_up = text(&folder.join("newer.backup"));
    for words in
        [&["key", "list", "--data", &data][..], &key, &["backup", "--data", &data, "--to", &backed_up]]
    {
        let output = schleuse(words).await;
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        assert!(expected.iter().all(|expected| said.contains(expected)), "{words:?}: {said}");
    }
    let config = text(&folder.join("house/schleuse.toml"));
    let (code, said) = Plan::serve(&folder, &config).fail().await;
    assert_eq!(code, Some(1), "{said}");
    assert!(expected.iter().all(|expected| said.contains(expected)), "{said}");
    assert!(before == std::fs::read(&database).unwrap(), "the database was changed");
    assert!(!folder.join("newer.backup").exists());

    // What the text says helps: the backup from before.
    let restored = restore(&folder.join("before.backup"), &folder.join("restored")).await;
    assert_eq!(restored.status.code(), Some(0), "{}", stderr(&restored));
    let list = schleuse(&["key", "list", "--data", &text(&folder.join("restored"))]).await;
    assert!(stdout(&list).contains("anna"), "{}", stdout(&list));
}
