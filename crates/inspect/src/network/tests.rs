use super::{IP_V6, MAC};
use crate::recognizer::Recognizer;
use crate::text::Outcome;

/// The address in a text that holds it in guillemets, and that every shorter text leaves it open.
fn check(recognizer: &Recognizer, text: &str) {
    let expected =
        text.split_once('«').map(|(before, rest)| (before.len(), before.len() + rest.find('»').unwrap()));
    let text = text.replace(['«', '»'], "");
    let bytes = text.as_bytes();
    let found = digits(bytes).filter_map(|at| (recognizer.start_before)(bytes, at)).find_map(|start| {
        match (recognizer.read)(bytes, start, true) {
            Outcome::Hit { start, end, .. } => Some((start, end)),
            _ => None,
        }
    });
    assert_eq!(found, expected, "{text}");
    let Some((start, end)) = expected else { return };
    for cut in start + 1..=end {
        let part = &bytes[..cut];
        let open = digits(part)
            .filter_map(|at| (recognizer.start_before)(part, at))
            .map(|start| (recognizer.read)(part, start, false))
            .any(|outcome| matches!(outcome, Outcome::Open(open) if open <= start));
        let tail = (recognizer.open_tail)(part).is_some_and(|open| open <= start);
        assert!(open || tail, "{text} cut at {cut}");
    }
}

fn digits(text: &[u8]) -> impl Iterator<Item = usize> {
    (0..text.len()).filter(|at| text[*at].is_ascii_digit() && (*at == 0 || !text[at - 1].is_ascii_digit()))
}

#[test]
fn all_forms_of_ip_v6() {
    for text in [
        "«2001:db8::1»",
        "ip «2001:0db8:85a3:0000:0000:8a2e:0370:7334».",
        "«fe80::1ff:fe23:4567:890a%eth0» up",
        "«::ffff:192.0.2.128»",
        "«64:ff9b::192.0.2.33»",
        "«::1»",
        "[«2001:db8::8a2e:370:7334»]:443",
        "addr:«fe80::1»",
        "«abcd:ef01:2345:6789:abcd:ef01:2345:6789»",
        "«2001:db8::»/32",
        "1:2:3",
        "12:30:45",
        "1::2",
        "a::b1",
        "2001:db8::1::2",
        "12345::1",
        "fe80::1x",
    ] {
        check(&IP_V6, text);
    }
}

#[test]
fn all_notations_of_mac() {
    for text in [
        "«00:1A:2B:3C:4D:5E»",
        "«00-1a-2b-3c-4d-5e» up",
        "«001a.2b3c.4d5e»",
        "MAC:«aa:bb:cc:dd:ee:f0»",
        "mac=«fe:dc:ba:98:76:54»,",
        "00:1A:2B:3C:4D",
        "00:1A:2B:3C:4D:5E:6F",
        "00:00:00:00:00:00",
        "00:1A-2B:3C:4D:5E",
        "x00:1A:2B:3C:4D:5E",
    ] {
        check(&MAC, text);
    }
}
