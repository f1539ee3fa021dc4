use super::{Policy, PolicyRefusal};
use crate::{Checkpoint, Cosigner, LogSigner, leaf_hash};

fn log() -> LogSigner {
    LogSigner::new("log.example/audit", &[1; 32]).unwrap()
}

fn witness(number: u8) -> Cosigner {
    Cosigner::new(&format!("w{number}.example"), &[10 + number; 32]).unwrap()
}

/// A checkpoint with the cosignatures of these witnesses.
fn cosigned(by: &[u8]) -> String {
    let text = Checkpoint { origin: log().name().to_owned(), size: 5, root: leaf_hash(b"x") }.to_string();
    let mut note = log().sign(&text).unwrap();
    for number in by {
        note.push_str(&witness(*number).cosign(&text, 1_795_207_724 + u64::from(*number)));
    }
    note
}

fn keys() -> String {
    let mut text = format!("# who we trust\n\n log\t{} https://log.example/\n", log().verifier());
    for number in 1..=5 {
        text.push_str(&format!("witness W{number} {}\n", witness(number).verifier()));
    }
    text
}

/// Whether a policy of these groups accepts a checkpoint that these witnesses cosigned.
fn check(groups: &str, by: &[u8], expected: bool) {
    let policy = Policy::parse(&format!("{}{groups}", keys())).unwrap();
    let result = policy.accept(&cosigned(by));
    assert_eq!(result.is_ok(), expected, "{groups:?} {by:?} {result:?}");
    if let Ok(accepted) = result {
        assert_eq!(accepted.checkpoint.size, 5);
        let names: Vec<_> = by
            .iter()
            .map(|number| (format!("w{number}.example"), 1_795_207_724 + u64::from(*number)))
            .collect();
        assert_eq!(accepted.cosigned, names);
    }
}

#[test]
fn a_quorum_of_groups_is_met_or_not() {
    check("quorum none\n", &[], true);
    check("quorum W1\n", &[1], true);
    check("quorum W1\n", &[2, 3], false);
    let two = "group g 2 W1 W2 W3\nquorum g\n";
    check(two, &[1], false);
    check(two, &[1, 3], true);
    check(two, &[4, 5], false);
    let both = "group x any W1 W2\ngroup y all W3 W4\ngroup z all x y\nquorum z";
    check(both, &[1, 2, 3], false);
    check(both, &[2, 3, 4], true);
    check(both, &[3, 4], false);
}

#[test]
fn one_witness_twice_counts_once() {
    let policy = Policy::parse(&format!("{}group g 2 W1 W2\nquorum g\n", keys())).unwrap();
    assert!(matches!(policy.accept(&cosigned(&[1, 1])), Err(PolicyRefusal::Quorum { .. })));
}

#[test]
fn a_wrong_signature_of_a_known_key_is_refused_and_unknown_ones_do_not_count() {
    let policy = Policy::parse(&format!("{}quorum W1\n", keys())).unwrap();
    let note = cosigned(&[1, 2]);
    assert!(policy.accept(&note).is_ok());
    let mut lines: Vec<_> = note.lines().map(str::to_owned).collect();
    // Somewhere in the signature proper of the second witness, which the quorum does not even need.
    let line = lines.last_mut().unwrap();
    let place = line.len() - 40;
    let other = if line.as_bytes()[place] == b'A' { "B" } else { "A" };
    line.replace_range(place..=place, other);
    let changed = lines.join("\n") + "\n";
    assert_eq!(policy.accept(&changed), Err(PolicyRefusal::Signature("w2.example".to_owned())));

    let stranger = LogSigner::new("log.example/audit", &[9; 32]).unwrap();
    let text = note.split_once("\n\n").unwrap().0.to_owned() + "\n";
    assert_eq!(policy.accept(&stranger.sign(&text).unwrap()), Err(PolicyRefusal::UnknownLog));
    assert!(matches!(policy.accept("nonsense"), Err(PolicyRefusal::Form(_))));
    // A cosignature over one tree is none over another.
    let (head, signatures) = note.split_once("\n\n").unwrap();
    let grown = log().sign(&(head.replace("\n5\n", "\n6\n") + "\n")).unwrap();
    let moved = grown + signatures.split_once('\n').unwrap().1;
    assert_eq!(policy.accept(&moved), Err(PolicyRefusal::Signature("w1.example".to_owned())));
}

/// What is wrong with a policy, and in which line after the seven of `keys`.
fn check_error(rest: &str, expected: &str) {
    assert_eq!(Policy::parse(&format!("{}{rest}", keys())).unwrap_err().to_string(), expected);
}

#[test]
fn what_is_no_policy_is_told_with_its_line() {
    check_error("", "no `quorum` line");
    check_error("quorum W9", "line 9: `W9` is not defined before");
    check_error("quorum none\nquorum W1", "line 10: a second `quorum` line");
    check_error("group g 3 W1 W2\nquorum g", "line 9: a group needs `any`, `all` or 1 to 2 of its members");
    check_error("group g 01 W1 W2\nquorum g", "line 9: a group needs `any`, `all` or 1 to 2 of its members");
    check_error("group g any W1\ngroup h any W1\nquorum h", "line 10: `W1` is a member already");
    check_error("group g any g\nquorum g", "line 9: `g` is not defined before");
    check_error("group W1 any W2\nquorum W1", "line 9: `W1` is taken");
    check_error("group none any W2\nquorum W1", "line 9: `none` is taken");
    check_error("witnes W6 x", "line 9: `witnes` is unknown, or words are missing");
    check_error("witness W6 w6+00000000+AAAA", "line 9: `w6+00000000+AAAA` is no key of a witness");
    check_error(
        &format!("witness W6 {}", witness(1).verifier()),
        "line 9: a witness with this key is named before",
    );
    check_error(&format!("log {}", log().verifier()), "line 9: a log with this key is named before");
    check_error("quorum\u{7}none", "line 9: a control character");
}

#[test]
fn n_of_m_needs_different_keys() {
    let keys = |numbers: &[u8]| numbers.iter().map(|number| witness(*number).verifier()).collect();
    let policy = Policy::of_witnesses(log().verifier(), 2, keys(&[1, 2, 3])).unwrap();
    assert!(policy.accept(&cosigned(&[1, 3])).is_ok());
    assert!(policy.accept(&cosigned(&[1])).is_err());
    assert!(Policy::of_witnesses(log().verifier(), 3, keys(&[1, 2])).is_err());
    assert!(Policy::of_witnesses(log().verifier(), 1, keys(&[1, 1])).is_err());
    assert!(Policy::of_witnesses(log().verifier(), 0, keys(&[])).unwrap().accept(&cosigned(&[])).is_ok());
}
