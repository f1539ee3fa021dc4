use proptest::prelude::*;

use super::{Submission, SubmissionRefusal, split_cosignatures};
use crate::{Checkpoint, Cosigner, Hash, LogSigner, Tree, leaf_hash, prove_consistency, subtree_hash};

fn signer() -> LogSigner {
    LogSigner::new("log.example/audit", &[1; 32]).unwrap()
}

fn leaves(size: u64, salt: u8) -> Vec<Hash> {
    (0..size).map(|number| leaf_hash(&[number as u8, (number >> 8) as u8, salt])).collect()
}

fn checkpoint(size: u64, salt: u8) -> Checkpoint {
    let mut tree = Tree::new();
    leaves(size, salt).into_iter().for_each(|leaf| tree.push(leaf, |_, _| ()));
    Checkpoint { origin: "log.example/audit".to_owned(), size, root: tree.root() }
}

/// From `old` to `new` entries, honestly.
fn submission(old: u64, new: u64) -> Submission {
    let leaves = leaves(new, 0);
    let node = &mut |level: u32, index: u64| {
        let start = (index << level) as usize;
        leaves.get(start..start + (1 << level)).map(subtree_hash)
    };
    let proof = if old == 0 { Vec::new() } else { prove_consistency(old, new, node).unwrap() };
    Submission { old_size: old, proof, checkpoint: signer().sign(&checkpoint(new, 0).to_string()).unwrap() }
}

fn examine(submission: &Submission, last: Option<Checkpoint>) -> Result<Checkpoint, SubmissionRefusal> {
    let key = signer().verifier();
    submission.examine(|origin| (origin == key.name()).then_some(&key), |_| last)
}

#[test]
fn what_continues_is_cosigned_and_nothing_else() {
    use SubmissionRefusal::{Conflict, Inconsistent, Malformed, UnknownLog, Unsigned};
    fn check(submission: &Submission, last: Option<Checkpoint>, expected: Result<u64, SubmissionRefusal>) {
        assert_eq!(examine(submission, last).map(|new| new.size), expected, "{submission}");
    }
    check(&submission(0, 9), None, Ok(9));
    check(&submission(0, 0), None, Ok(0));
    check(&submission(0, 9), Some(checkpoint(0, 0)), Ok(9));
    check(&submission(9, 300), Some(checkpoint(9, 0)), Ok(300));
    check(&submission(9, 9), Some(checkpoint(9, 0)), Ok(9));
    // The witness is behind, ahead, or has seen another tree of that size.
    check(&submission(9, 300), None, Err(Conflict { size: 0 }));
    check(&submission(9, 300), Some(checkpoint(20, 0)), Err(Conflict { size: 20 }));
    check(&submission(9, 9), Some(checkpoint(9, 1)), Err(Conflict { size: 9 }));
    check(&submission(9, 300), Some(checkpoint(9, 1)), Err(Inconsistent));
    check(&Submission { proof: Vec::new(), ..submission(9, 300) }, Some(checkpoint(9, 0)), Err(Inconsistent));
    check(&Submission { proof: vec![leaf_hash(b"")], ..submission(0, 9) }, None, Err(Inconsistent));
    check(
        &Submission { proof: vec![leaf_hash(b"")], ..submission(9, 9) },
        Some(checkpoint(9, 0)),
        Err(Inconsistent),
    );
    check(&Submission { old_size: 10, ..submission(0, 9) }, Some(checkpoint(10, 0)), Err(Malformed));
    let by_stranger = LogSigner::new("log.example/audit", &[2; 32]).unwrap();
    let stranger = by_stranger.sign(&checkpoint(9, 0).to_string()).unwrap();
    check(&Submission { checkpoint: stranger, ..submission(0, 9) }, None, Err(Unsigned));
    let elsewhere = LogSigner::new("other.example", &[1; 32]).unwrap();
    let text = Checkpoint { origin: "other.example".to_owned(), ..checkpoint(9, 0) }.to_string();
    let elsewhere = elsewhere.sign(&text).unwrap();
    check(&Submission { checkpoint: elsewhere, ..submission(0, 9) }, None, Err(UnknownLog));
    // Extension lines are the log's business.
    let extended = signer().sign(&format!("{}extension\n", checkpoint(9, 0))).unwrap();
    check(&Submission { checkpoint: extended, ..submission(0, 9) }, None, Ok(9));
}

#[test]
fn bodies_that_are_none_are_refused() {
    let good = submission(9, 300).to_string();
    assert_eq!(Submission::parse(&good), Ok(submission(9, 300)));
    for bad in [
        String::new(),
        good.replacen("old 9", "old 09", 1),
        good.replacen("old 9", "old -9", 1),
        good.replacen("old 9", "new 9", 1),
        good.replacen("\n", "\nAAAA\n", 1),
        good.replacen("\n\n", "\n", 1),
        good.replacen("old 9\n", &format!("old 9\n{}", format!("{}\n", leaf_hash(b"")).repeat(64)), 1),
        "x".repeat(80_000),
    ] {
        let refused =
            Submission::parse(&bad).and_then(|submission| examine(&submission, Some(checkpoint(9, 0))));
        assert_eq!(refused, Err(SubmissionRefusal::Malformed), "{bad}");
    }
}

#[test]
fn an_answer_is_signature_lines_only() {
    let text = checkpoint(9, 0).to_string();
    let one = Cosigner::new("w1.example", &[3; 32]).unwrap().cosign(&text, 1);
    let two = Cosigner::new("w2.example", &[4; 32]).unwrap().cosign(&text, 1);
    let both = format!("{one}{two}");
    assert_eq!(split_cosignatures(&both), Some(vec![one.as_str(), two.as_str()]));
    for bad in ["", "\n", "text\n", one.trim_end(), &format!("{one}\n{two}"), &format!("{one}x")] {
        assert_eq!(split_cosignatures(bad), None, "{bad:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_honest_log_is_always_cosigned_and_another_history_never(old in 0_u64..400, more in 0_u64..400) {
        let honest = submission(old, old + more);
        let read = Submission::parse(&honest.to_string()).unwrap();
        prop_assert_eq!(&read, &honest);
        prop_assert!(examine(&read, Some(checkpoint(old, 0))).is_ok());
        if old > 0 {
            prop_assert!(examine(&read, Some(checkpoint(old, 1))).is_err());
        }
    }

    #[test]
    fn any_text_is_refused_and_not_a_panic(text in "(old [0-9]{0,3}\n)?([A-Za-z0-9+/=]{44}\n){0,3}\n?\\PC{0,80}(\n\n)?(— \\PC{0,9} [A-Z=]{0,12}\n)?") {
        prop_assert!(Submission::parse(&text).and_then(|submission| examine(&submission, None)).is_err());
    }
}
