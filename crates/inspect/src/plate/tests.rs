use super::{DISTRICTS, open_tail, read, start_before};
use crate::text::Outcome;

/// The plate in a text that holds it in guillemets; nothing where there are none.
fn check(text: &str) {
    let expected =
        text.split_once('«').map(|(before, rest)| (before.len(), before.len() + rest.find('»').unwrap()));
    let text = text.replace(['«', '»'], "");
    let bytes = text.as_bytes();
    let found = (0..bytes.len())
        .filter(|at| bytes[*at].is_ascii_digit() && (*at == 0 || !bytes[at - 1].is_ascii_digit()))
        .filter_map(|at| start_before(bytes, at))
        .find_map(|start| match read(bytes, start, true) {
            Outcome::Hit { start, end, .. } => Some((start, end)),
            _ => None,
        });
    assert_eq!(found, expected, "{text}");
}

#[test]
fn plates_are_found_as_they_are_written() {
    check("«B-AB 1234»");
    check("Der «MYK-P 9» stand da.");
    check("«MÜ-AB 123H», «»");
    check("«HRO-MX-123»");
    check("«M XY 99»");
    check("«WÜ-A 12 E»");
    check("«B\u{a0}AB\u{a0}123»");
}

#[test]
fn what_only_looks_like_a_plate_is_none() {
    check("DIN-A 4");
    check("IT-4711");
    check("A 380");
    check("B2B 12");
    check("XQ-AB 123");
    check("AMÜ-AB 123");
    check("B-AB 12345");
    check("B-AB 012");
    check("B-AB 123-4");
    check("B-AB 123,5");
    check("X-B-AB 123");
    check("B-ABC 123");
}

#[test]
fn districts_are_capitals_of_one_to_three_letters() {
    for district in DISTRICTS.iter() {
        let name = std::str::from_utf8(district).unwrap();
        assert!((1..=3).contains(&name.chars().count()), "{name}");
        assert!(name.chars().all(|c| c.is_ascii_uppercase() || "ÄÖÜ".contains(c)), "{name}");
    }
    assert!(DISTRICTS.len() > 700);
}

#[test]
fn the_first_bytes_of_a_plate_are_open() {
    let plate = "B-AB 1234".as_bytes();
    for end in 1..5 {
        assert_eq!(open_tail(&plate[..end]), Some(0));
    }
    for end in 6..=plate.len() {
        assert_eq!(read(&plate[..end], 0, false), Outcome::Open(0));
    }
    assert_eq!(open_tail("und MÜ".as_bytes()), Some(4));
    assert_eq!(open_tail("und M\u{c3}".as_bytes()), None);
    assert_eq!(open_tail(b"und"), None);
}
