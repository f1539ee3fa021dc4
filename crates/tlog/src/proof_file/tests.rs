use super::{ProofFile, ProofFileError};
use crate::{Checkpoint, Hash, LogSigner, Policy, leaf_hash, node_hash};

const ENTRY: &[u8] = b"{\"v\":1}";

fn policy() -> Policy {
    Policy::of_log(LogSigner::new("log.example/audit", &[1; 32]).unwrap().verifier())
}

/// A proof of the second of two entries.
fn proof() -> ProofFile {
    let signer = LogSigner::new("log.example/audit", &[1; 32]).unwrap();
    let first = leaf_hash(b"first");
    let root = node_hash(&first, &leaf_hash(ENTRY));
    let text = Checkpoint { origin: signer.name().to_owned(), size: 2, root }.to_string();
    let checkpoint = signer.sign(&text).unwrap();
    ProofFile { extra: Some(ENTRY.to_vec()), index: 1, path: vec![first], checkpoint }
}

#[test]
fn a_proof_reads_as_it_is_written_and_holds() {
    let written = proof().to_string();
    assert!(written.starts_with("c2sp.org/tlog-proof@v1\nextra eyJ2IjoxfQ==\nindex 1\n"), "{written}");
    let read = ProofFile::parse(&written).unwrap();
    assert_eq!(read, proof());
    assert_eq!(read.verify(None, &policy()).unwrap().checkpoint.size, 2);
    let bare = ProofFile { extra: None, ..read };
    assert_eq!(ProofFile::parse(&bare.to_string()).unwrap(), bare);
    assert!(bare.verify(Some(ENTRY), &policy()).is_ok());
    assert_eq!(bare.verify(None, &policy()), Err(ProofFileError::NoEntry));
    assert_eq!(bare.verify(Some(b"other"), &policy()), Err(ProofFileError::NotIncluded));
    let alone = ProofFile { path: Vec::new(), index: 0, ..bare };
    assert_eq!(ProofFile::parse(&alone.to_string()).unwrap(), alone);
}

#[test]
fn every_changed_bit_of_a_proof_is_noticed() {
    let written = proof().to_string().into_bytes();
    for place in 0..written.len() * 8 {
        let mut changed = written.clone();
        changed[place / 8] ^= 1 << (place % 8);
        let Ok(text) = std::str::from_utf8(&changed) else { continue };
        let holds = ProofFile::parse(text).and_then(|proof| proof.verify(None, &policy()));
        assert!(holds.is_err(), "bit {place}: {text}");
    }
}

#[test]
fn other_places_paths_and_keys_do_not_pass() {
    fn check(change: impl FnOnce(&mut ProofFile)) {
        let mut changed = proof();
        change(&mut changed);
        assert_eq!(changed.verify(None, &policy()), Err(ProofFileError::NotIncluded));
    }
    check(|proof| proof.index = 0);
    check(|proof| proof.index = 2);
    check(|proof| proof.index = u64::MAX);
    check(|proof| proof.path.clear());
    check(|proof| proof.path.push(leaf_hash(b"x")));
    check(|proof| proof.path = vec![Hash([0; 32])]);
    let other = LogSigner::new("log.example/audit", &[2; 32]).unwrap();
    let refused = proof().verify(None, &Policy::of_log(other.verifier()));
    assert!(matches!(refused, Err(ProofFileError::Checkpoint(_))));
}

#[test]
fn what_is_no_proof_is_told() {
    fn check(text: &str, expected: &str) {
        let error = ProofFile::parse(text).unwrap_err().to_string();
        assert_eq!(error.strip_prefix("not a `.tlog-proof` file: "), Some(expected), "{text:?}");
    }
    check("", "it holds no checkpoint");
    check("c2sp.org/tlog-proof@v2\nindex 0\n\nx", "its first line is another");
    check("c2sp.org/tlog-proof@v1\nextra ?\nindex 0\n\nx", "its extra data is not base64");
    for index in ["-1", "+1", "01", "", "18446744073709551616", "1 "] {
        check(&format!("c2sp.org/tlog-proof@v1\nindex {index}\n\nx"), "it names no index");
    }
    check("c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nx", "a line of the path is no hash");
    let long = format!("{}\n", leaf_hash(b"")).repeat(64);
    check(&format!("c2sp.org/tlog-proof@v1\nindex 0\n{long}\nx"), "its path is longer than any tree is high");
    check(&"x".repeat(300_000), "it is longer than 256 KiB");
}
