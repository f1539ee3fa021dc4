//! Several real processes on one database: they do not lose each other's writes, and one that is killed while writing
//! loses nothing that it acknowledged.
//!
//! Without a harness, because this program starts itself: with arguments it is one of the writers.

#![expect(clippy::unwrap_used, reason = "all of this is a test, although it has no harness")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use schleuse_store::{NewKey, Seen, SessionRow, Store, StoreError};
use schleuse_types::{Role, Timestamp};

const NOW: Timestamp = Timestamp(1_795_207_724_000_000);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match (arguments.next().as_deref(), arguments.next(), arguments.next(), arguments.next()) {
        (Some("write"), Some(path), Some(first), Some(count)) => {
            let (first, count) = (first.parse().unwrap(), count.parse().unwrap());
            runtime.block_on(write(Path::new(&path), first, count)).unwrap();
        }
        (Some("end"), Some(path), Some(session), None) => {
            runtime.block_on(end(Path::new(&path), &session)).unwrap();
        }
        _ => runtime.block_on(check()),
    }
}

/// Writes keys and says the number of each on standard output once it is durable.
async fn write(path: &Path, first: u32, count: u32) -> Result<(), StoreError> {
    let store = Store::open(path, NOW).await?;
    store.ensure_person("ada", Role::Engineer, NOW).await?;
    let mut output = std::io::stdout();
    for number in first..first + count {
        store.insert_key(&key(number)).await?;
        writeln!(output, "{number}").and_then(|()| output.flush()).unwrap();
    }
    store.close().await
}

/// Revokes a session and blocks its person, as the command line would.
async fn end(path: &Path, session: &str) -> Result<(), StoreError> {
    let store = Store::open(path, NOW).await?;
    assert!(store.revoke_session(session, NOW).await?);
    assert!(store.set_blocked("ada", true, NOW).await?);
    store.close().await
}

async fn check() {
    let folder = std::env::temp_dir().join(format!("schleuse-store-processes-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("house.db");

    // Three processes at once on a file that none of them finds.
    let writers: Vec<_> = (0..3).map(|writer| start(&path, writer * 1000, 40)).collect();
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    let house = Store::open(&path, NOW).await.unwrap();
    assert_eq!(house.keys().await.unwrap().len(), 120);

    // A running house notices what the command line does.
    let mut seen = Seen::default();
    assert!(house.changed(&mut seen).await.unwrap());
    assert!(!house.changed(&mut seen).await.unwrap());
    assert!(start(&path, 5000, 1).wait().unwrap().success());
    assert!(house.changed(&mut seen).await.unwrap());
    assert!(house.find_key_by_id("k-5000").await.unwrap().is_some());

    // So it is with sessions and people.
    house.insert_session(&session()).await.unwrap();
    assert!(house.changed(&mut seen).await.unwrap());
    assert!(!house.changed(&mut seen).await.unwrap());
    let mut ending = Command::new(std::env::current_exe().unwrap());
    assert!(ending.arg("end").arg(&path).arg("s-1").status().unwrap().success());
    assert!(house.changed(&mut seen).await.unwrap());
    assert_eq!(house.sessions().await.unwrap().first().unwrap().revoked, Some(NOW));
    assert_eq!(house.find_person("ada").await.unwrap().unwrap().blocked, Some(NOW));

    // A writer that is killed in the midst of writing loses nothing that it acknowledged, and leaves no lock behind.
    let mut writer = start(&path, 10_000, 1_000_000);
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let mut acknowledged: Vec<u32> =
        (0..50).map(|_| lines.next().unwrap().unwrap().parse().unwrap()).collect();
    // A copy that is made meanwhile is a database by itself, with all that was acknowledged before.
    let copy = folder.join("copy.db");
    house.backup_to(&copy).await.unwrap();
    writer.kill().unwrap();
    assert!(!writer.wait().unwrap().success());
    let copied = Store::open(&copy, NOW).await.unwrap();
    for number in &acknowledged {
        assert!(copied.find_key_by_id(&key(*number).id).await.unwrap().is_some(), "{number} was not copied");
    }
    copied.close().await.unwrap();
    acknowledged.extend(lines.map_while(|line| line.ok()?.parse::<u32>().ok()));
    for number in acknowledged {
        assert!(house.find_key_by_id(&key(number).id).await.unwrap().is_some(), "{number} was lost");
    }
    assert!(house.revoke_key("k-10000", NOW).await.unwrap());
    house.close().await.unwrap();

    std::fs::remove_dir_all(&folder).unwrap();
    println!("several processes on one database: ok");
}

fn start(path: &Path, first: u32, count: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .arg("write")
        .arg(path)
        .args([first.to_string(), count.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn key(number: u32) -> NewKey {
    let mut hash = [0; 32];
    hash[..4].copy_from_slice(&number.to_be_bytes());
    NewKey {
        id: format!("k-{number}"),
        hash,
        person: "ada".to_owned(),
        role: Role::Engineer,
        scopes: Vec::new(),
        created: NOW,
        expires: None,
    }
}

fn session() -> SessionRow {
    SessionRow {
        id: "s-1".to_owned(),
        hash: [7; 32],
        person: "ada".to_owned(),
        role: Role::Engineer,
        method: "key".to_owned(),
        issuer: None,
        subject: None,
        sid: None,
        key: Some("k-1".to_owned()),
        agent: "a test".to_owned(),
        created: NOW,
        last_seen: NOW,
        idle_micros: 60_000_000,
        expires: Timestamp(NOW.0 + 60_000_000),
        revoked: None,
    }
}
