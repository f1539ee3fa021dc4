use std::fs;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, lchown};

use schleuse_store::Store;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::is_plain;
use crate::command::backup::archive::{hex, tail};
use crate::command::backup::tests::{Folder, files_of};
use crate::command::{Restore, runtime};

/// Restoring the file `from` must be refused with `expected`, and leave nothing.
fn check_refused(folder: &Folder, from: &str, expected: &str) {
    let before = folder.names();
    let error = folder.restore(from, "restored").unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
    assert_eq!(folder.names(), before);
}

#[test]
fn every_changed_byte_and_every_missing_end_is_noticed() {
    let folder = Folder::new();
    let data = folder.house();
    // Small, so that all of it can be tried.
    fs::remove_file(data.store()).unwrap();
    folder.backup("house.backup").unwrap();
    let whole = fs::read(folder.join("house.backup")).unwrap();
    assert!(whole.len() < 20_000, "{}", whole.len());

    let file = fs::OpenOptions::new().read(true).write(true).open(folder.join("house.backup")).unwrap();
    let mut open = fs::File::open(folder.join("house.backup")).unwrap();
    for (at, byte) in whole.iter().enumerate() {
        file.write_all_at(&[byte ^ (1 << (at % 8))], at as u64).unwrap();
        assert!(super::check_whole(&mut open).is_err(), "byte {at} was changed unnoticed");
        file.write_all_at(&[*byte], at as u64).unwrap();
    }
    super::check_whole(&mut open).unwrap();
    for length in (0..whole.len()).step_by(7) {
        file.set_len(length as u64).unwrap();
        assert!(super::check_whole(&mut open).is_err(), "cut to {length} unnoticed");
        file.set_len(0).unwrap();
        file.write_all_at(&whole, 0).unwrap();
    }
    file.write_all_at(&[0], whole.len() as u64).unwrap();
    check_refused(&folder, "house.backup", "is truncated or damaged");
    file.set_len(whole.len() as u64).unwrap();
    folder.restore("house.backup", "restored").unwrap();
}

#[test]
fn what_is_no_backup_is_said_to_be_none() {
    let folder = Folder::new();
    for content in ["", "a letter\n", &"x".repeat(10_000)] {
        fs::write(folder.join("letter"), content).unwrap();
        check_refused(&folder, "letter", "is no backup of a house");
    }
    check_refused(&folder, "missing", "cannot read");
}

#[test]
fn a_restore_never_replaces_anything() {
    let folder = Folder::new();
    let data = folder.house();
    folder.backup("house.backup").unwrap();
    let before = files_of(data.path());
    let to = |to: &str| folder.restore("house.backup", to).unwrap_err().to_string();
    assert!(to("data").contains("is not empty"));
    let lock = data.lock().unwrap();
    assert!(to("data").contains("a house is running"));
    drop(lock);
    assert!(to("house.backup").contains("is no folder"));
    assert!(to("missing/restored").contains("there is no folder"));
    std::os::unix::fs::symlink(folder.join("elsewhere"), folder.join("link")).unwrap();
    assert!(to("link").contains("is no folder"));
    let mut after = files_of(data.path());
    after.retain(|(name, ..)| name != "run/lock");
    assert!(before == after, "the folder was changed");
}

#[test]
fn a_store_of_an_older_schleuse_is_brought_forward_and_a_newer_is_refused() {
    let folder = Folder::new();
    let data = folder.house();
    folder.backup("house.backup").unwrap();
    // The database is in the archive as it is; an edit of its version needs no more than a bit of Python.
    for (statement, expected) in
        [("INSERT INTO schema_version VALUES (99, 0)", Some("has the schema version 99")), ("SELECT 1", None)]
    {
        let script = format!(
            "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('{statement}'); c.commit()"
        );
        let edit = std::process::Command::new("python3").args(["-c", &script]).arg(data.store()).status();
        assert!(edit.unwrap().success());
        let answer = folder.backup(&format!("{}.backup", statement.len()));
        match expected {
            Some(expected) => {
                let error = answer.unwrap_err().to_string();
                assert!(error.contains(expected) && error.contains("nothing was changed"), "{error}");
                // Back to what it was.
                let script = "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('DELETE FROM schema_version WHERE version = 99'); c.commit()";
                let edit =
                    std::process::Command::new("python3").args(["-c", script]).arg(data.store()).status();
                assert!(edit.unwrap().success());
            }
            None => answer.unwrap(),
        }
    }
    folder.restore("house.backup", "restored").unwrap();
    let store = folder.join("restored/store.sqlite");
    let people = runtime().unwrap().block_on(async {
        Store::open(&store, super::super::backup::tests::NOW).await.unwrap().people().await.unwrap()
    });
    assert_eq!(people.len(), 1);
}

#[test]
fn what_is_restored_belongs_to_whoever_has_the_folder_above() {
    let folder = Folder::new();
    let data = folder.house();
    folder.write_log(&data, 3);
    folder.backup("house.backup").unwrap();
    let above = folder.join("above");
    fs::create_dir(&above).unwrap();
    let expected = if nix::unistd::Uid::effective().is_root() {
        lchown(&above, Some(1234), Some(4321)).unwrap();
        (1234, 4321)
    } else {
        (nix::unistd::Uid::effective().as_raw(), nix::unistd::Gid::effective().as_raw())
    };
    folder.restore("house.backup", "above/data").unwrap();
    let names: Vec<String> = files_of(&above).into_iter().map(|(name, ..)| name).collect();
    for name in
        ["data/", "data/secrets/key-pepper", "data/audit/checkpoint", "data/audit/wal/", "data/store.sqlite"]
    {
        assert!(names.iter().any(|found| found == name), "no {name} in {names:?}");
    }
    for name in names {
        let found = fs::metadata(above.join(&name)).unwrap();
        assert_eq!((found.uid(), found.gid()), expected, "{name}");
    }
}

#[test]
fn a_log_that_was_not_intact_is_restored_as_it_was_and_said_to_be_so() {
    let folder = Folder::new();
    let data = folder.house();
    folder.write_log(&data, 300);
    let tile = data.audit().join("tile/entries/000");
    let mut bytes = fs::read(&tile).unwrap();
    bytes[1000] ^= 1;
    fs::write(&tile, &bytes).unwrap();
    folder.backup("house.backup").unwrap();
    let arguments = Restore { from: folder.join("house.backup"), data: folder.join("restored") };
    let code = super::run(&arguments).unwrap();
    assert_eq!(code, std::process::ExitCode::from(super::EXIT_WRONG));
    assert_eq!(fs::read(folder.join("restored/audit/tile/entries/000")).unwrap(), bytes);
}

/// An entry of an archive that somebody made by hand.
struct Entry<'a> {
    name: &'a str,
    kind: tar::EntryType,
    content: Vec<u8>,
}

fn plain(name: &str, content: impl AsRef<[u8]>) -> Entry<'_> {
    Entry { name, kind: tar::EntryType::Regular, content: content.as_ref().to_vec() }
}

/// Writes an archive of these entries with a seal that fits.
fn craft(folder: &Folder, entries: &[Entry<'_>]) {
    let mut bytes = Vec::new();
    for entry in entries {
        let mut header = tar::Header::new_ustar();
        // Not `set_path`, which refuses what is tried here.
        header.as_old_mut().name[..entry.name.len()].copy_from_slice(entry.name.as_bytes());
        header.set_size(entry.content.len() as u64);
        header.set_entry_type(entry.kind);
        header.set_cksum();
        if entry.kind.is_symlink() || entry.kind.is_hard_link() {
            header.set_link_name("/etc/passwd").unwrap();
            header.set_cksum();
        }
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(&entry.content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    let tail = tail(Sha256::new().chain_update(&bytes)).unwrap();
    bytes.extend_from_slice(&tail);
    fs::write(folder.join("crafted"), bytes).unwrap();
}

fn head() -> Entry<'static> {
    plain("schleuse-backup.json", r#"{"format":1,"schleuse":"0","created":"2026-11-21T00:00:00Z"}"#)
}

fn row(path: &str, content: &str) -> Value {
    let sha256 = hex(&Sha256::digest(content));
    json!({ "path": path, "mode": "0600", "length": content.len(), "stored": content.len(), "sha256": sha256 })
}

fn manifest(files: &[Value]) -> Entry<'static> {
    let folders = json!([{ "path": "", "mode": "0750" }, { "path": "secrets", "mode": "0700" }]);
    plain("manifest.json", json!({ "files": files, "folders": folders }).to_string())
}

fn check_crafted(entries: &[Entry<'_>], expected: &str) {
    let folder = Folder::new();
    craft(&folder, entries);
    check_refused(&folder, "crafted", expected);
}

#[test]
fn what_nobody_but_an_attacker_would_write_is_refused() {
    // The one that is right, so that the others fail for their own reason.
    let folder = Folder::new();
    craft(&folder, &[head(), plain("data/a", "x"), manifest(&[row("a", "x")])]);
    folder.restore("crafted", "restored").unwrap();

    for path in ["../a", "/etc/a", "a/../../b", "./a", "a//b", "a/", "", "."] {
        let name = format!("data/{path}");
        check_crafted(
            &[head(), plain(&name, "x"), manifest(&[row(path, "x")])],
            "is no path in a data folder",
        );
    }
    check_crafted(&[head(), plain("/etc/a", "x"), manifest(&[])], "is no path in a data folder");
    check_crafted(&[head(), plain("a", "x"), manifest(&[row("a", "x")])], "is no path in a data folder");
    for kind in [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Directory,
        tar::EntryType::Fifo,
        tar::EntryType::Char,
        tar::EntryType::GNULongName,
        tar::EntryType::GNUSparse,
        tar::EntryType::XHeader,
        tar::EntryType::XGlobalHeader,
    ] {
        let entry = Entry { name: "data/a", kind, content: b"12 path=/x\n".to_vec() };
        check_crafted(&[head(), entry, manifest(&[])], "`data/a` is no plain file");
    }
    let twice = [head(), plain("data/a", "x"), plain("data/a", "y"), manifest(&[row("a", "y")])];
    check_crafted(&twice, "is in it twice");
    let listed_twice = [head(), plain("data/a", "x"), manifest(&[row("a", "x"), row("a", "x")])];
    check_crafted(&listed_twice, "its list of files cannot be read");
    let below =
        [head(), plain("data/a", "x"), plain("data/a/b", "x"), manifest(&[row("a", "x"), row("a/b", "x")])];
    check_crafted(&below, "is below a file");
    let above =
        [head(), plain("data/a/b", "x"), plain("data/a", "x"), manifest(&[row("a", "x"), row("a/b", "x")])];
    check_crafted(&above, "is file and folder");
    check_crafted(&[head(), plain("data/a", "x"), manifest(&[row("a", "y")])], "is not what the list says");
    check_crafted(&[head(), plain("data/a", "x"), manifest(&[])], "is not in its list");
    check_crafted(&[head(), manifest(&[row("a", "x")])], "`a` is missing");
    check_crafted(&[head(), plain("data/a", "x")], "it has no list of files");
    check_crafted(&[head(), manifest(&[]), plain("data/a", "x")], "follows the list of files");
    check_crafted(&[head(), manifest(&[]), manifest(&[])], "follows the list of files");
    check_crafted(&[plain("data/a", "x"), manifest(&[row("a", "x")])], "is no backup of a house");
    let no_secrets = plain("manifest.json", r#"{"files":[],"folders":[]}"#);
    check_crafted(&[head(), no_secrets], "it holds no secrets of a house");
    let outside =
        r#"{"files":[],"folders":[{"path":"secrets","mode":"0700"},{"path":"../x","mode":"0700"}]}"#;
    check_crafted(&[head(), plain("manifest.json", outside)], "is no path in a data folder");
    for change in
        [json!({ "mode": "4755" }), json!({ "mode": "rwx" }), json!({ "stored": -1 }), json!({ "path": 1 })]
    {
        let mut row = row("a", "x");
        row.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        check_crafted(&[head(), plain("data/a", "x"), manifest(&[row])], "its list of files cannot be read");
    }
    // Only a segment of the log is longer than what is stored of it, and not beyond all measure.
    for (path, length, expected) in [
        ("a", 2_u64, "has a length that it cannot have"),
        ("audit/wal/1", 1 << 40, "has a length that it cannot have"),
    ] {
        let mut row = row(path, "x");
        row["length"] = json!(length);
        check_crafted(&[head(), plain(&format!("data/{path}"), "x"), manifest(&[row])], expected);
    }
}

#[test]
fn a_newer_format_is_refused_whatever_follows() {
    let head = r#"{"format":2,"schleuse":"9.1","created":"2027"}"#;
    let expected =
        "has the format 2, made by schleuse 9.1; this schleuse reads formats up to 1; nothing was written";
    check_crafted(&[plain("schleuse-backup.json", head)], expected);
    let folder = Folder::new();
    craft(&folder, &[plain("schleuse-backup.json", head)]);
    let whole = fs::read(folder.join("crafted")).unwrap();
    fs::write(folder.join("crafted"), &whole[..1024]).unwrap();
    check_refused(&folder, "crafted", expected);
}

#[test]
fn only_ordinary_paths_are_plain() {
    for (path, expected) in [
        ("a", true),
        ("a/b.c", true),
        (".a", true),
        ("ä/…", true),
        ("", false),
        (".", false),
        ("..", false),
        ("a/..", false),
        ("../a", false),
        ("/a", false),
        ("a/", false),
        ("a//b", false),
        ("./a", false),
        ("a/./b", false),
        ("a\0b", false),
    ] {
        assert_eq!(is_plain(path), expected, "{path:?}");
    }
}
