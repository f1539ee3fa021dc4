use super::complete_characters;
use crate::{Guardrails, Inspector};

#[test]
fn a_large_file_is_scanned_in_bounded_memory() {
    let inspector = Inspector::new(Guardrails::default()).unwrap();
    let mut scanner = inspector.byte_scanner();
    let mut findings = Vec::new();
    let line = b"Zeile mit Text und Zahl 4711, dann \xFF\xFE kaputte Bytes und DE89 3704 0044 0532 0130 00 am Ende\n";
    let lines = 20_000;
    for _ in 0..lines {
        scanner.push(line, &mut findings);
        assert!(scanner.kept.len() < 2 * super::BLOCK);
    }
    scanner.finish(&mut findings);
    assert_eq!(findings.len(), lines);
    for (number, finding) in findings.iter().enumerate() {
        assert_eq!((finding.start, finding.end), (number * line.len() + 56, number * line.len() + 83));
    }
}

#[test]
fn unfinished_characters_wait() {
    let check = |bytes: &[u8], expected: usize| assert_eq!(complete_characters(bytes), expected, "{bytes:?}");
    check(b"ab", 2);
    check(b"a\xC3", 1);
    check(b"a\xC3\xA4", 3);
    check(b"a\xE2\x82", 1);
    check(b"a\xE2\x82\xAC", 4);
    check(b"\xF0\x9F\x92", 0);
    check(b"\xF0\x9F\x92\xA9", 4);
    check(b"\x80\x80", 2);
    check(b"", 0);
}
