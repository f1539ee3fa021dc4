//! Judges from outside over what this crate writes: the verifier for auditors (Python), and the code of Go's checksum
//! database. Neither shares a line with it. They accept what is right and refuse what was changed, as this crate does.

use std::path::{Path, PathBuf};
use std::process::Command;

use schleuse_tlog::{CosignatureVerifier, LogVerifier, Policy, ProofFile};
use schleuse_types::Outcome;

use crate::disk::simulated::Dice;
use crate::log::tests::{Folder, options};
use crate::witness::tests::start_witness;
use crate::{Event, Log, Reader, Record, WitnessConfig, Witnesses, verify};

const ENTRIES: u64 = 700;

/// A closed log of which a witness has cosigned all but the last entries.
struct Case {
    folder: Folder,
    witness: CosignatureVerifier,
}

impl Case {
    async fn new() -> Self {
        let folder = Folder::new();
        let (address, witness) = start_witness(&folder.0.join("w"), 1).await;
        let (log, _) = Log::open(options(&folder)).unwrap();
        let config = WitnessConfig { url: format!("http://{address}"), vkey: witness.clone(), ca_file: None };
        append(&log, ENTRIES - 20).await;
        let mut witnesses = Witnesses::new(log.clone(), 1, &[config]).unwrap();
        assert_eq!(witnesses.round().await, Ok(Some(ENTRIES - 20)));
        append(&log, 20).await;
        log.close().await.unwrap();
        Self { folder, witness }
    }

    fn dir(&self) -> PathBuf {
        self.folder.0.join("audit")
    }

    fn vkey(&self) -> PathBuf {
        self.dir().join("vkey")
    }

    fn key(&self) -> LogVerifier {
        LogVerifier::parse(std::fs::read_to_string(self.vkey()).unwrap().trim()).unwrap()
    }

    fn proof(&self, index: u64) -> PathBuf {
        let proof = Reader::open(&self.dir()).unwrap().prove(index).unwrap().unwrap();
        let path = self.folder.0.join(format!("{index}.tlog-proof"));
        std::fs::write(&path, proof.to_file().to_string()).unwrap();
        path
    }
}

async fn append(log: &Log, count: u64) {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..count {
        let log = log.clone();
        let record = Record {
            request_id: format!("REQ{number}"),
            model: "schön".to_owned(),
            action: Some(Outcome::Allowed),
            ..Record::new(Event::LlmAdmit)
        };
        tasks.spawn(async move { log.append(record).await.unwrap() });
    }
    tasks.join_all().await;
    while log.metrics().tree_size < log.metrics().size {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// Whether the command ends well; what it said. One that does not run at all is no judge.
fn judged(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("Traceback"), "{said}");
    (output.status.success(), said)
}

fn python(what: &Path, vkey: &Path) -> Command {
    let mut command = Command::new("python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/verify_proof.py"));
    command.arg(what).arg("--vkey").arg(vkey);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_verifier_for_auditors_agrees() {
    let case = Case::new().await;
    for index in [0, 255, 256, 511, ENTRIES - 21, ENTRIES - 20, ENTRIES - 1] {
        let (is_right, said) = judged(&mut python(&case.proof(index), &case.vkey()));
        assert!(is_right, "{index}: {said}");
        assert!(said.contains(&format!("entry {index} of")) && said.contains("schön"), "{said}");
    }
    let witness = case.witness.to_string();
    let with_witness = |path: &Path| judged(python(path, &case.vkey()).args(["--witness", &witness]));
    assert!(with_witness(&case.proof(3)).0);
    let (is_right, said) = with_witness(&case.proof(ENTRIES - 1));
    assert!(!is_right && said.contains("1 witnesses must have signed, and 0 have"), "{said}");
    let (is_right, said) = judged(&mut python(&case.dir(), &case.vkey()));
    assert!(is_right && said.contains("right: 700 entries"), "{said}");
    let (is_right, said) = with_witness(&case.dir());
    assert!(is_right && said.contains("right: 680 entries"), "{said}");

    // Anywhere in a proof, of which every line counts: both refuse it.
    let path = case.proof(3);
    let whole = std::fs::read(&path).unwrap();
    let policy = Policy::of_witnesses(case.key(), 1, vec![case.witness.clone()]).unwrap();
    let mut dice = Dice::new(8);
    let starts = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(place, _)| place + 1);
    let places: Vec<usize> = starts.filter(|place| *place < whole.len()).map(|start| start + 6).collect();
    for place in places {
        let mut changed = whole.clone();
        changed[place.min(whole.len() - 2)] ^= 1 << dice.below(7);
        std::fs::write(&path, &changed).unwrap();
        let ours = std::str::from_utf8(&changed)
            .is_ok_and(|text| ProofFile::parse(text).is_ok_and(|proof| proof.verify(None, &policy).is_ok()));
        let (theirs, said) = with_witness(&path);
        assert!(!ours && !theirs, "a bit at {place}: {said}");
    }
    let bundle = case.dir().join("tile/entries/001");
    let mut entries = std::fs::read(&bundle).unwrap();
    entries[5000] ^= 1;
    std::fs::write(&bundle, entries).unwrap();
    let (is_right, said) = judged(&mut python(&case.dir(), &case.vkey()));
    assert!(!is_right && said.contains("do not give the signed root"), "{said}");
    std::fs::remove_file(&bundle).unwrap();
    assert!(!judged(&mut python(&case.dir(), &case.vkey())).0);
}

/// The judge is a few lines around Debian's package of the Go team's module.
fn build_go_judge(folder: &Folder) -> PathBuf {
    let judge = folder.0.join("judge");
    let mut go = Command::new("go");
    go.env("GO111MODULE", "off").env("GOPATH", "/usr/share/gocode").env("GOFLAGS", "");
    go.env("GOCACHE", folder.0.join("go-cache")).env("GOTELEMETRY", "off").args(["build", "-o"]).arg(&judge);
    let (is_built, said) = judged(go.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/judge/main.go")));
    assert!(is_built, "{said}");
    judge
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_go_teams_checksum_database_agrees() {
    let case = Case::new().await;
    let judge = build_go_judge(&case.folder);
    let ask = |what: &str, path: &Path| judged(Command::new(&judge).arg(what).arg(case.vkey()).arg(path));
    let check = |what: &str, path: &Path, expected: &str| {
        assert_eq!(ask(what, path), (true, format!("{expected}\n")), "{}", path.display());
    };
    check("checkpoint", &case.dir().join("checkpoint"), "700");
    check("checkpoint", &case.dir().join("checkpoint.cosigned"), "680");
    check("log", &case.dir(), "700");
    for index in (0..ENTRIES).step_by(97).chain([ENTRIES - 1]) {
        check("proof", &case.proof(index), &index.to_string());
    }
    // Each proof against another entry, path or signature.
    let path = case.proof(300);
    let whole = std::fs::read_to_string(&path).unwrap();
    let other = std::fs::read_to_string(case.proof(301)).unwrap();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    for place in [1, 2, 3, 5] {
        let mut mixed = lines(&whole);
        mixed[place].clone_from(&lines(&other)[if place == 5 { 4 } else { place }]);
        std::fs::write(&path, mixed.join("\n") + "\n").unwrap();
        assert!(!ask("proof", &path).0, "line {place}");
    }
    let checkpoint = case.dir().join("checkpoint");
    let note = std::fs::read_to_string(&checkpoint).unwrap();
    for (from, to) in [("\n700\n", "\n699\n"), ("schleuse.example", "schleuse.exampIe")] {
        std::fs::write(&checkpoint, note.replace(from, to)).unwrap();
        assert!(!ask("checkpoint", &checkpoint).0 && verify(&case.dir()).is_err(), "{to}");
    }
    std::fs::write(&checkpoint, note).unwrap();
    let tile = case.dir().join("tile/0/001");
    let mut hashes = std::fs::read(&tile).unwrap();
    hashes[40] ^= 1;
    std::fs::write(&tile, hashes).unwrap();
    assert!(!ask("log", &case.dir()).0 && verify(&case.dir()).is_err());
}
