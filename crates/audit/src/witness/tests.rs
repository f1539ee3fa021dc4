use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use schleuse_tlog::{
    Checkpoint, CosignatureVerifier, Hash, LogSigner, Note, Submission, SubmissionRefusal, Tree, leaf_hash,
    prove_consistency, subtree_hash,
};
use schleuse_types::{Secret, SystemClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Witness, WitnessError, WitnessOptions, WitnessRefusal, serve_witness};
use crate::disk::Disk;
use crate::disk::simulated::{Dice, Fault, SimulatedDisk};
use crate::log::tests::Folder;
use crate::mutant::{self, Mutant};

const DIR: &str = "/witness";

fn signer() -> LogSigner {
    LogSigner::new("schleuse.example/audit", &[7; 32]).unwrap()
}

pub(crate) fn witness_options(dir: &Path, number: u8) -> WitnessOptions {
    WitnessOptions {
        dir: dir.to_owned(),
        name: format!("w{number}.example"),
        seed: Secret::new([100 + number; 32]),
        logs: vec![signer().verifier()],
        clock: Arc::new(SystemClock::new()),
    }
}

/// A running witness; it ends with the runtime of the test.
pub(crate) async fn start_witness(dir: &Path, number: u8) -> (SocketAddr, CosignatureVerifier) {
    let witness = Witness::open(witness_options(dir, number)).unwrap();
    let vkey = witness.verifier();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = listener.into_std().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            serve_witness(Arc::new(witness), listener, std::future::pending()).await;
        });
    });
    (address, vkey)
}

/// Two histories that are one up to entry 4 and part there.
fn leaves(fork: bool, size: u64) -> Vec<Hash> {
    (0..size)
        .map(|number| leaf_hash(format!("{number}{}", if fork && number >= 4 { "x" } else { "" }).as_bytes()))
        .collect()
}

fn root(fork: bool, size: u64) -> Hash {
    let mut tree = Tree::new();
    leaves(fork, size).into_iter().for_each(|leaf| tree.push(leaf, |_, _| ()));
    tree.root()
}

fn submission(fork: bool, old: u64, new: u64) -> String {
    let leaves = leaves(fork, new);
    let node = &mut |level: u32, index: u64| {
        let start = (index << level) as usize;
        leaves.get(start..start + (1 << level)).map(subtree_hash)
    };
    let proof = if old == 0 { Some(Vec::new()) } else { prove_consistency(old, new, node) };
    let checkpoint = Checkpoint { origin: signer().name().to_owned(), size: new, root: root(fork, new) };
    let checkpoint = signer().sign(&checkpoint.to_string()).unwrap();
    Submission { old_size: old, proof: proof.unwrap_or_default(), checkpoint }.to_string()
}

/// Whether the line is the witness's over that tree.
fn is_over(witness: &CosignatureVerifier, fork: bool, size: u64, line: &str) -> bool {
    let text = submission(fork, 0, size);
    let note = format!("{}{line}", text.split_once("\n\n").unwrap().1);
    Note::parse(&note).is_ok_and(|note| witness.verify(&note).is_ok())
}

/// Status, head and body.
async fn ask(address: SocketAddr, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

async fn post(address: SocketAddr, body: &str) -> (u16, String, String) {
    let length = body.len();
    ask(
        address,
        &format!("POST /add-checkpoint HTTP/1.1\r\nhost: w\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"),
    )
    .await
}

#[tokio::test]
async fn over_http_every_answer_is_the_protocols() {
    let folder = Folder::new();
    let (address, vkey) = start_witness(&folder.0.join("w"), 1).await;
    let (status, _, body) = post(address, &submission(false, 0, 6)).await;
    assert_eq!(status, 200);
    assert!(is_over(&vkey, false, 6, &body), "{body}");
    let (status, _, body) = post(address, &submission(false, 6, 9)).await;
    assert_eq!(status, 200);
    assert!(is_over(&vkey, false, 9, &body), "{body}");
    let (status, _, body) = post(address, &submission(false, 9, 9)).await;
    assert!(status == 200 && is_over(&vkey, false, 9, &body), "{body}");

    let (status, head, body) = post(address, &submission(false, 0, 12)).await;
    assert_eq!((status, body.as_str()), (409, "9\n"));
    assert!(head.contains("content-type: text/x.tlog.size"), "{head}");
    let check = async |body: &str, expected: u16| assert_eq!(post(address, body).await.0, expected, "{body}");
    check(&submission(true, 9, 9), 409).await;
    check(&submission(true, 9, 12), 422).await;
    check(&submission(false, 13, 12), 400).await;
    check("nonsense", 400).await;
    check(&"x".repeat(80_000), 400).await;
    check(&submission(false, 9, 12).replace("schleuse.example", "other.example"), 404).await;
    let forged = submission(false, 9, 12).replace("\n12\n", "\n13\n");
    check(&forged, 403).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n");
    assert_eq!(ask(address, &get("/add-checkpoint")).await.0, 405);
    assert_eq!(ask(address, &get("/x")).await.0, 404);
    let (_, _, about) = ask(address, &get("/")).await;
    assert_eq!(about, format!("{vkey}\nschleuse.example/audit 9\n"));
    check(&submission(false, 9, 12), 200).await;
}

#[test]
fn what_was_cosigned_is_remembered_and_damage_stops_it() {
    let folder = Folder::new();
    let dir = folder.0.join("w");
    let open = || Witness::open(witness_options(&dir, 1));
    let witness = open().unwrap();
    assert!(matches!(open(), Err(WitnessError::Locked)));
    witness.add_checkpoint(&submission(false, 0, 6)).unwrap();
    drop(witness);
    let witness = open().unwrap();
    assert_eq!(witness.last(), [("schleuse.example/audit".to_owned(), 6)]);
    let refused = witness.add_checkpoint(&submission(true, 0, 9));
    assert_eq!(refused, Err(WitnessRefusal::Protocol(SubmissionRefusal::Conflict { size: 6 })));
    drop(witness);
    let kept = std::fs::read_dir(&dir).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read_to_string(&kept).unwrap();
    let cut = whole.trim_end();
    for damaged in ["", cut, &format!("x{whole}"), &whole.replace("\n6\n", "\n5\n")] {
        std::fs::write(&kept, damaged).unwrap();
        assert!(matches!(open(), Err(WitnessError::Kept { .. })), "{damaged}");
    }
    std::fs::write(&kept, &whole).unwrap();
    open().unwrap();
    let twice = WitnessOptions { logs: vec![signer().verifier(); 2], ..witness_options(&dir, 1) };
    assert!(matches!(Witness::open(twice), Err(WitnessError::Options(_))));
}

fn open_simulated(disk: &SimulatedDisk) -> Result<Witness, WitnessError> {
    Witness::open_on(Arc::new(disk.clone()), witness_options(Path::new(DIR), 1), None)
}

fn simulated() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    disk.create_dir(Path::new(DIR)).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

#[test]
fn after_a_failed_sync_nothing_is_cosigned() {
    let disk = simulated();
    let witness = open_simulated(&disk).unwrap();
    witness.add_checkpoint(&submission(false, 0, 6)).unwrap();
    disk.set_fault(Some(Fault::SyncFails));
    assert_eq!(witness.add_checkpoint(&submission(false, 6, 9)), Err(WitnessRefusal::Broken));
    assert_eq!(witness.add_checkpoint(&submission(false, 6, 9)), Err(WitnessRefusal::Broken));
    drop(witness);
    let witness = open_simulated(&disk.crash(&mut Dice::new(1))).unwrap();
    assert_eq!(witness.last(), [("schleuse.example/audit".to_owned(), 6)]);
}

/// Three lives of a witness between two histories, each ended by a crash: whether all that it ever signed is one history.
fn signs_one_history(seed: u64) -> bool {
    let mut dice = Dice::new(seed);
    let mut disk = simulated();
    let mut signed: BTreeMap<u64, Hash> = BTreeMap::new();
    for _ in 0..3 {
        disk.set_budget(Some(2 + dice.below(30)));
        let Ok(witness) = open_simulated(&disk) else { return false };
        for _ in 0..12 {
            let fork = dice.below(2) == 1;
            let old = witness.last().first().map_or(0, |(_, size)| *size);
            let new = old + dice.below(4);
            if witness.add_checkpoint(&submission(fork, old, new)).is_ok()
                && signed.insert(new, root(fork, new)).is_some_and(|before| before != root(fork, new))
            {
                return false;
            }
        }
        disk = disk.crash(&mut dice);
    }
    // Different sizes, too, must be of one history.
    [false, true].into_iter().any(|fork| signed.iter().all(|(size, signed)| *signed == root(fork, *size)))
}

#[test]
fn no_crash_makes_a_witness_sign_two_histories() {
    let broken: Vec<u64> = (0..300).filter(|seed| !signs_one_history(*seed)).collect();
    assert!(broken.is_empty(), "{broken:?}");
}

#[test]
fn a_witness_that_answers_before_the_sync_is_caught() {
    assert!(mutant::with(Mutant::AckBeforeSync, || (0..300).any(|seed| !signs_one_history(seed))));
}
