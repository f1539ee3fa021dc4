use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use schleuse_audit::{Event, Format, Log, Options, Record};
use schleuse_store::{NewKey, SessionRow, Store};
use schleuse_types::{OsRandom, Role, SystemClock, Timestamp};

use super::{look, used_bytes, used_of_all};
use crate::command::{Backup, Restore, backup, restore, runtime};
use crate::data::{DataFolder, SecretName};
use crate::failure::Failure;

pub(in crate::command) const NOW: Timestamp = Timestamp(1_795_207_724_000_000);

/// A folder of its own for each test, removed when the test ends.
pub(in crate::command) struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("schleuse-backup-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A data folder with secrets, a person with a key and a session, and nothing in its log.
    pub fn house(&self) -> DataFolder {
        let data = DataFolder::create(&self.join("data")).unwrap();
        for secret in [SecretName::Pepper, SecretName::AuditSigning] {
            data.secret(secret).unwrap();
        }
        runtime().unwrap().block_on(async {
            let store = Store::open(&data.store(), NOW).await.unwrap();
            store.ensure_person("ada", Role::Engineer, NOW).await.unwrap();
            let key = NewKey {
                id: "k-1".to_owned(),
                hash: [1; 32],
                person: "ada".to_owned(),
                role: Role::Engineer,
                scopes: Vec::new(),
                created: NOW,
                expires: None,
            };
            store.insert_key(&key).await.unwrap();
            let session = SessionRow {
                id: "s-1".to_owned(),
                hash: [2; 32],
                person: "ada".to_owned(),
                role: Role::Engineer,
                method: "oidc".to_owned(),
                issuer: None,
                subject: None,
                sid: None,
                key: None,
                agent: String::new(),
                created: NOW,
                last_seen: NOW,
                idle_micros: 1,
                expires: NOW,
                revoked: None,
            };
            store.insert_session(&session).await.unwrap();
            store.close().await.unwrap();
        });
        data
    }

    /// Records this many entries and ends the log.
    pub fn write_log(&self, data: &DataFolder, count: usize) {
        runtime().unwrap().block_on(async {
            let log = log(data);
            for _ in 0..count {
                log.append(Record::new(Event::Other("test"))).await.unwrap();
            }
            log.close().await.unwrap();
        });
    }

    pub fn backup(&self, to: &str) -> Result<(), Failure> {
        let arguments = Backup { data: self.join("data"), to: self.join(to) };
        backup::run(&arguments).map(drop)
    }

    pub fn restore(&self, from: &str, to: &str) -> Result<(), Failure> {
        let arguments = Restore { from: self.join(from), data: self.join(to) };
        restore::run(&arguments).map(drop)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn log(data: &DataFolder) -> Log {
    let seed = data.secret(SecretName::AuditSigning).unwrap();
    let clock = Arc::new(SystemClock::new());
    let mut options =
        Options::new(data.audit(), "schleuse/audit".to_owned(), seed, clock, Arc::new(OsRandom));
    // Small, so that segments come and go.
    options.segment_bytes = 32 * 1024;
    Log::open(options).unwrap().0
}

/// Every file below a folder with mode and content, by path.
pub(in crate::command) fn files_of(folder: &Path) -> Vec<(String, u32, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            if path.is_dir() {
                found.push((format!("{name}/"), mode, Vec::new()));
                folders.push(path);
            } else {
                found.push((name, mode, fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_backup_of_a_house_that_writes_has_all_that_was_acknowledged() {
    let folder = Folder::new();
    let data = folder.house();
    let runtime = runtime().unwrap();
    let log = runtime.block_on(async { log(&data) });
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let (log, stop, acknowledged) = (log.clone(), Arc::clone(&stop), Arc::clone(&acknowledged));
            runtime.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let mut record = Record::new(Event::Other("test"));
                    record.source = Some("x".repeat(300));
                    log.append(record).await.unwrap();
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    while acknowledged.load(Ordering::Relaxed) < 600 {
        std::thread::yield_now();
    }
    for number in 0..4 {
        let before = acknowledged.load(Ordering::Relaxed);
        folder.backup(&format!("{number}.backup")).unwrap();
        folder.restore(&format!("{number}.backup"), &format!("restored-{number}")).unwrap();
        let verified =
            schleuse_audit::verify(&folder.join(&format!("restored-{number}")).join("audit")).unwrap();
        assert!(verified.entries() >= before, "{} of {before}", verified.entries());
        assert!(!verified.is_live);
    }
    stop.store(true, Ordering::Relaxed);
    runtime.block_on(async {
        for writer in writers {
            writer.await.unwrap();
        }
        log.close().await.unwrap();
    });

    // A restored log is continued like any other.
    let restored = DataFolder::existing(&folder.join("restored-3")).unwrap();
    runtime.block_on(async {
        let log = self::log(&restored);
        let index = log.append(Record::new(Event::LogStart)).await.unwrap();
        log.close().await.unwrap();
        let verified = schleuse_audit::verify(&restored.audit()).unwrap();
        assert_eq!((verified.sealed, verified.unsealed), (index + 1, 0));
    });
}

#[test]
fn what_is_restored_is_what_was_backed_up() {
    let folder = Folder::new();
    let data = folder.house();
    folder.write_log(&data, 700);
    // Whatever else comes to lie there goes with it, with its mode.
    fs::create_dir_all(data.path().join("more/empty")).unwrap();
    fs::write(data.path().join("more/script"), "content").unwrap();
    for (name, mode) in [("more/script", 0o750), ("more/empty", 0o500), ("more", 0o555)] {
        fs::set_permissions(data.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::write(data.run().join("lock"), "").unwrap();
    folder.backup("house.backup").unwrap();
    assert_eq!(fs::metadata(folder.join("house.backup")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(folder.names(), ["data", "house.backup"]);
    // An empty folder is as good as none.
    fs::create_dir(folder.join("restored")).unwrap();
    folder.restore("house.backup", "restored").unwrap();
    assert_eq!(folder.names(), ["data", "house.backup", "restored"]);

    // The log has one entry more and by it other tiles; it is compared by its entries.
    let entries = |name: &str| {
        let mut entries = Vec::new();
        schleuse_audit::export(&folder.join(name).join("audit"), Format::Jsonl, &mut entries).unwrap();
        String::from_utf8(entries).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (original, restored) = (entries("data"), entries("restored"));
    assert_eq!((original.len(), restored.len()), (700, 701));
    assert_eq!(original, restored[..700]);
    assert!(restored[700].contains("house.restore"), "{}", restored[700]);

    let of_a_process = |name: &str| name.starts_with("run/") || name.starts_with("store.sqlite");
    let of_the_log = |name: &str| name.starts_with("audit/");
    let files = |name: &str| {
        let mut files = files_of(&folder.join(name));
        files.retain(|(name, ..)| !of_a_process(name) && !of_the_log(name));
        files
    };
    let (before, after) = (files("data"), files("restored"));
    let names = |files: &[(String, u32, Vec<u8>)]| -> Vec<(String, u32)> {
        files.iter().map(|(name, mode, _)| (name.clone(), *mode)).collect()
    };
    assert_eq!(names(&before), names(&after));
    assert_eq!(before, after);
    for name in ["audit", "audit/checkpoint", "audit/tile/entries/001", "audit/tile/0"] {
        let mode = |of: &str| fs::metadata(folder.join(of).join(name)).unwrap().permissions();
        assert_eq!(mode("restored"), mode("data"), "{name}");
    }
    assert_eq!(
        fs::metadata(folder.join("restored")).unwrap().permissions(),
        fs::metadata(data.path()).unwrap().permissions()
    );

    // The store has everything but sessions that somebody may have revoked since.
    runtime().unwrap().block_on(async {
        let store = Store::open(&folder.join("restored/store.sqlite"), NOW).await.unwrap();
        assert_eq!(store.keys().await.unwrap()[0].revoked, None);
        assert!(store.sessions().await.unwrap()[0].revoked.is_some());
        let original = Store::open(&data.store(), NOW).await.unwrap();
        assert_eq!(original.sessions().await.unwrap()[0].revoked, None);
    });
    // So that the folder can be removed.
    for name in ["data", "restored"] {
        fs::set_permissions(folder.join(name).join("more"), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn a_house_that_never_ran_can_be_backed_up() {
    let folder = Folder::new();
    DataFolder::create(&folder.join("data")).unwrap().secret(SecretName::Pepper).unwrap();
    folder.backup("house.backup").unwrap();
    folder.restore("house.backup", "restored").unwrap();
    assert!(folder.join("restored/secrets/key-pepper").exists() && folder.join("restored/audit").is_dir());
}

/// A backup to `to` must be refused with `expected`, and leave no file.
fn check_refused(folder: &Folder, to: &str, expected: &str) {
    let before = folder.names();
    let error = folder.backup(to).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
    assert_eq!(folder.names(), before);
}

#[test]
fn a_backup_is_not_written_where_it_does_harm() {
    let folder = Folder::new();
    let data = folder.house();
    check_refused(&folder, "data/house.backup", "is inside of what is backed up");
    check_refused(&folder, "data/audit/house.backup", "is inside of what is backed up");
    symlink(data.path(), folder.join("link")).unwrap();
    check_refused(&folder, "link/house.backup", "is inside of what is backed up");
    check_refused(&folder, "missing/house.backup", "cannot write into");
    fs::write(folder.join("there"), "a letter").unwrap();
    check_refused(&folder, "there", "never replaces a file");
    symlink(folder.join("nowhere"), folder.join("dangling")).unwrap();
    check_refused(&folder, "dangling", "never replaces a file");
    assert_eq!(fs::read(folder.join("there")).unwrap(), b"a letter");
    assert!(!data.path().join("house.backup").exists());

    symlink("/etc/hostname", data.path().join("secrets/link")).unwrap();
    check_refused(&folder, "house.backup", "is neither a file nor a folder");
    let nothing = Backup { data: folder.join("nothing"), to: folder.join("house.backup") };
    assert!(backup::run(&nothing).unwrap_err().to_string().contains("is no data folder of a house"));
}

#[test]
fn only_what_is_written_of_a_segment_is_stored() {
    let folder = Folder::new();
    for (bytes, expected) in [
        (vec![], 0),
        (vec![0; 5000], 0),
        (vec![1], 1),
        ([vec![0; 511], vec![1], vec![0; 1000]].concat(), 512),
        ([vec![0; 512], vec![1], vec![0; 3 << 20]].concat(), 1024),
        ([vec![0; 2 << 20], vec![1]].concat(), (2 << 20) + 1),
    ] {
        fs::write(folder.join("segment"), &bytes).unwrap();
        let file = fs::File::open(folder.join("segment")).unwrap();
        assert_eq!(used_bytes(&file).unwrap(), expected);
    }
}

#[test]
fn a_house_that_goes_on_while_it_is_looked_at_is_looked_at_again() {
    let folder = Folder::new();
    let data = folder.house();
    folder.write_log(&data, 300);
    let still = look(&data.audit(), || ()).unwrap().unwrap();
    assert_eq!((still.size, still.partial.len()), (300, 3));
    // Entries, a checkpoint over them, and the partial tiles of before are gone.
    assert!(look(&data.audit(), || folder.write_log(&data, 1)).unwrap().is_none());
    assert_eq!(look(&data.audit(), || ()).unwrap().unwrap().size, 301);
}

#[test]
fn nothing_of_a_newer_segment_is_taken_without_all_of_the_older() {
    let folder = Folder::new();
    // The older has room for one more sector, the newer is a spare.
    fs::write(folder.join("1"), [vec![1; 512], vec![0; 512]].concat()).unwrap();
    fs::write(folder.join("2"), vec![0; 1024]).unwrap();
    let open = |name: &str| (name.to_owned(), fs::File::open(folder.join(name)).unwrap());
    let mut looks = 0;
    let used = used_of_all(&[open("1"), open("2")], |_| {
        looks += 1;
        // The house goes on between the two looks: it fills the older and begins the newer.
        if looks == 2 {
            for name in ["1", "2"] {
                fs::write(folder.join(name), [1; 1024]).unwrap();
            }
        }
    });
    assert_eq!(used.unwrap(), [1024, 0]);
}
