use std::path::Path;
use std::time::Duration;

use schleuse_tlog::{CosignatureVerifier, Cosigner, LogSigner, LogVerifier, Policy, ProofFile};
use schleuse_types::Outcome;
use tokio::net::TcpListener;

use super::{WitnessConfig, Witnesses};
use crate::log::tests::{Folder, options};
use crate::witness::tests::start_witness;
use crate::{Event, Log, Reader, Record, Trust, verify, verify_trusting};

fn record(number: u64) -> Record {
    Record {
        request_id: format!("REQ{number}"),
        action: Some(Outcome::Allowed),
        ..Record::new(Event::LlmAdmit)
    }
}

/// Appends, and waits until a checkpoint covers it all.
async fn append(log: &Log, count: u64) {
    for number in 0..count {
        log.append(record(number)).await.unwrap();
    }
    for _ in 0..1000 {
        let metrics = log.metrics();
        if metrics.tree_size == metrics.size {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no checkpoint");
}

fn key() -> LogVerifier {
    LogSigner::new("schleuse.example/audit", &[7; 32]).unwrap().verifier()
}

fn config(address: std::net::SocketAddr, vkey: &CosignatureVerifier) -> WitnessConfig {
    WitnessConfig { url: format!("http://{address}"), vkey: vkey.clone(), ca_file: None }
}

fn trust(needed: usize, vkeys: &[CosignatureVerifier]) -> Trust {
    let witnesses = Policy::of_witnesses(key(), needed, vkeys.to_vec()).unwrap();
    Trust { witnesses: Some(witnesses), ..Trust::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_three_cosign_and_what_they_signed_proves_entries() {
    let folder = Folder::new();
    let dir = folder.0.join("audit");
    let (one, vkey_one) = start_witness(&folder.0.join("w1"), 1).await;
    let (two, vkey_two) = start_witness(&folder.0.join("w2"), 2).await;
    // The third takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let vkey_three = Cosigner::new("w3.example", &[103; 32]).unwrap().verifier();
    let vkeys = [vkey_one.clone(), vkey_two.clone(), vkey_three.clone()];
    let (log, _) = Log::open(options(&folder)).unwrap();
    append(&log, 300).await;
    let error = verify_trusting(&dir, &trust(1, &vkeys)).unwrap_err();
    assert_eq!(error.to_string(), "`checkpoint.cosigned`: the file is missing");

    let only_one = [config(one, &vkey_one), config(silent.local_addr().unwrap(), &vkey_three)];
    let mut witnesses = Witnesses::new(log.clone(), 2, &only_one).unwrap();
    assert_eq!(witnesses.round().await, Ok(None));
    assert!(verify_trusting(&dir, &trust(1, &vkeys)).is_err());

    let configs =
        [config(one, &vkey_one), config(two, &vkey_two), config(silent.local_addr().unwrap(), &vkey_three)];
    let mut witnesses = Witnesses::new(log.clone(), 2, &configs).unwrap();
    assert_eq!(witnesses.round().await, Ok(Some(300)));
    append(&log, 30).await;
    assert_eq!(witnesses.round().await, Ok(Some(330)));
    append(&log, 5).await;
    let verified = verify_trusting(&dir, &trust(2, &vkeys)).unwrap();
    let cosigned = verified.cosigned.unwrap();
    assert_eq!((verified.sealed, cosigned.size), (335, 330));
    let names: Vec<&str> = cosigned.by.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["w1.example", "w2.example"]);
    let error = verify_trusting(&dir, &trust(3, &vkeys)).unwrap_err();
    assert!(error.to_string().ends_with("only w1.example, w2.example"), "{error}");

    let policy = trust(2, &vkeys).witnesses.unwrap();
    for reader in [log.reader(), Reader::open(&dir).unwrap()] {
        for index in [0, 255, 256, 299, 300, 329] {
            let file =
                ProofFile::parse(&reader.prove(index).unwrap().unwrap().to_file().to_string()).unwrap();
            assert_eq!(file.verify(None, &policy).unwrap().checkpoint.size, 330, "{index}");
        }
        // Behind what was cosigned, only the house has signed.
        let file = reader.prove(331).unwrap().unwrap().to_file();
        assert!(file.verify(None, &policy).is_err());
        assert!(file.verify(None, &Policy::of_log(key())).is_ok());
    }
    log.close().await.unwrap();
    // A changed byte in any cosignature is noticed by whoever knows the witnesses.
    let whole = std::fs::read(dir.join("checkpoint.cosigned")).unwrap();
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        std::fs::write(dir.join("checkpoint.cosigned"), changed).unwrap();
        assert!(verify_trusting(&dir, &trust(2, &vkeys)).is_err(), "byte {place}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_rolled_back_or_rewritten_is_told_by_its_witness_and_by_a_kept_checkpoint() {
    let folder = Folder::new();
    let dir = folder.0.join("audit");
    let (address, vkey) = start_witness(&folder.0.join("w1"), 1).await;
    let configs = [config(address, &vkey)];
    let (log, _) = Log::open(options(&folder)).unwrap();
    append(&log, 100).await;
    log.close().await.unwrap();
    drop(log);
    let old = folder.0.join("old");
    copy(&dir, &old);
    let (log, _) = Log::open(options(&folder)).unwrap();
    append(&log, 10).await;
    let mut witnesses = Witnesses::new(log.clone(), 1, &configs).unwrap();
    assert_eq!(witnesses.round().await, Ok(Some(110)));
    log.close().await.unwrap();
    drop((log, witnesses));
    let kept = std::fs::read_to_string(dir.join("checkpoint.cosigned")).unwrap();
    let seen = Trust { seen: Some(kept), ..Trust::default() };
    assert!(verify_trusting(&dir, &seen).is_ok());

    // Whoever holds the disk and the signing key puts the older state back and goes on from there.
    std::fs::remove_dir_all(&dir).unwrap();
    copy(&old, &dir);
    let told = |trust: &Trust| verify_trusting(&dir, trust).unwrap_err().to_string();
    assert!(verify(&dir).is_ok());
    assert_eq!(
        told(&seen),
        "entry 100 in `checkpoint`: the kept checkpoint covers 110 entries, the log holds fewer"
    );
    let (log, _) = Log::open(options(&folder)).unwrap();
    append(&log, 5).await;
    let mut witnesses = Witnesses::new(log.clone(), 1, &configs).unwrap();
    assert_eq!(witnesses.round().await, Ok(None));
    append(&log, 20).await;
    assert_eq!(witnesses.round().await, Ok(None));
    let conflicts = |log: &Log| {
        let filter = crate::Filter { event: Some("witness.conflict".to_owned()), ..crate::Filter::default() };
        log.reader().newest(&filter, None, 10).unwrap().entries
    };
    assert_eq!(conflicts(&log).len(), 1);
    assert_eq!(conflicts(&log)[0].members()["subject"], "w1.example");
    log.close().await.unwrap();
    assert_eq!(
        told(&seen),
        "entry 0 in `checkpoint`: the log does not continue the kept checkpoint: from this entry on none is proven"
    );
    assert_eq!(told(&trust(1, &[vkey])), "`checkpoint.cosigned`: the file is missing");
    let other = LogSigner::new("schleuse.example/audit", &[8; 32]).unwrap().verifier();
    let error = told(&Trust { key: Some(other), ..Trust::default() });
    assert_eq!(error, "`vkey`: the log has another key than the one that was given");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
