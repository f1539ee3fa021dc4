use super::{VALIDATORS, Verdict, vat};

fn verdict(validator: &str, text: &str) -> Option<Verdict> {
    let (_, check) = VALIDATORS.iter().find(|(name, _)| *name == validator).unwrap();
    check(text.as_bytes(), 0, text.len())
}

/// The validator accepts the numbers, and none in which the last digit or letter is another one.
fn check(validator: &str, numbers: &[&str]) {
    for number in numbers {
        assert!(verdict(validator, number).is_some(), "{validator} {number}");
        let (body, last) = number.split_at(number.len() - 1);
        let next = match last.as_bytes()[0] {
            b'9' => '0',
            b'Z' => 'A',
            other => char::from(other + 1),
        };
        assert!(verdict(validator, &format!("{body}{next}")).is_none(), "{validator} {body}{next}");
    }
}

#[test]
fn the_issuers_own_examples_are_valid() {
    check(
        "card",
        &["4111111111111111", "5555555555554444", "378282246310005", "30569309025904", "6011111111111117"],
    );
    check("lei", &["529900T8BM49AURSDO55", "7LTWFZYICNSX8D621K86"]);
    check("isin", &["DE0005557508", "US0378331005"]);
    check("steuer-id", &["86095742719", "47036892816", "65929970489"]);
    // § 290 SGB V annex 1, and the rules of the Deutsche Rentenversicherung.
    check("kvnr", &["A000500015", "C000500021"]);
    check("svnr", &["15070649C103", "65170839J003"]);
    // Specimens of the Bundesdruckerei.
    check("personalausweis", &["L01X00T471", "T220001293"]);
    check("reisepass", &["C01X00T478"]);
    check("ch-ahv", &["756.9217.0769.85"]);
    check("pl-pesel", &["44051401359"]);
    check("nl-bsn", &["111222333"]);
    check("gb-nhs", &["943 476 5919"]);
    check("es-dni", &["12345678Z"]);
    for (validator, number) in [
        ("at-svnr", "1237 010180"),
        ("fuehrerschein", "B072RRE2I55"),
        ("lanr", "123456601"),
        ("personalausweis", "LZ6311T47"),
    ] {
        assert!(verdict(validator, number).is_some(), "{validator} {number}");
    }
    assert!(verdict("fuehrerschein", "B072RRE2I65").is_none());
    assert!(verdict("lanr", "123456701").is_none());
}

/// Examples of table 4-1 of "Prüfung der Steuer- und Steueridentifikationsnummer" (Bayerisches Landesamt für Steuern).
#[test]
fn the_check_digits_of_the_laender() {
    for number in [
        "2866081508156",
        "2893081508152",
        "2653081508158",
        "2138081508154",
        "9198081508152",
        "9296081508153",
        "3098081508157",
        "4098081508157",
        "3248081508156",
        "3198081508152",
        "4198081508152",
        "1096081508187",
        "2497012301233",
        "2241081508154",
        "2388081508158",
        "1197081508154",
        "5400081508159",
        "5500081508151",
        "5600081508154",
        "2799081508152",
    ] {
        assert_eq!(crate::checksum::steuernummer(number.as_bytes()), Some(true), "{number}");
    }
    for number in
        ["2866081508151", "2653081508150", "9198081508153", "1096081508180", "5400081508150", "2799081508150"]
    {
        assert_eq!(crate::checksum::steuernummer(number.as_bytes()), Some(false), "{number}");
    }
    for number in ["2866181508156", "2900081508152", "286608150815"] {
        assert_eq!(crate::checksum::steuernummer(number.as_bytes()), None, "{number}");
    }
}

#[test]
fn a_number_of_one_state_is_none_of_another() {
    assert!(vat::is_valid(b"DE", b"136695976"));
    assert!(!vat::is_valid(b"FR", b"136695976"));
    assert!(!vat::is_valid(b"ZZ", b"136695976"));
    assert!(!vat::is_valid(b"AT", b"13585627"));
}

/// A generator that gives the same numbers everywhere (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) % limit
    }

    /// A text of a shape: `9` any digit, `A` any capital, `X` either, `S` a letter or digit of identity papers.
    fn shape(&mut self, shape: &str) -> String {
        let mut pick = |characters: &[u8]| {
            char::from(characters[usize::try_from(self.below(characters.len() as u64)).unwrap()])
        };
        let all = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        shape
            .chars()
            .map(|class| match class {
                '9' => pick(&all[..10]),
                'A' => pick(&all[10..]),
                'X' => pick(all),
                'S' => pick(b"0123456789CFGHJKLMNPRTVWXYZ"),
                other => other,
            })
            .collect()
    }
}

/// How many of so many random texts of its shape each validator accepts. The table in `docs/reference/inspection.md`
/// under "Random acceptance" is what this prints with `--nocapture`.
#[test]
fn random_numbers_are_accepted_as_rarely_as_the_reference_says() {
    const DRAWS: u32 = 100_000;
    let mut random = Random(5);
    for (validator, shape, most) in [
        ("card", "9999999999999999", 0.045),
        ("card", "999999999999999", 0.020),
        ("lei", "XXXXXXXXXXXXXXXXXX99", 0.0115),
        ("isin", "DEXXXXXXXXX9", 0.11),
        ("steuer-id", "99999999999", 0.0055),
        ("svnr", "99999999A999", 0.016),
        ("kvnr", "A999999999", 0.11),
        ("personalausweis", "SSSSSSSSS9", 0.11),
        ("fuehrerschein", "A99XXXXXX9X", 0.10),
        ("lanr", "999999999", 0.11),
        ("at-svnr", "9999999999", 0.03),
        ("ch-ahv", "7569999999999", 0.105),
        ("fr-nir", "199999999999999", 0.009),
        ("it-codice-fiscale", "AAAAAA99A99A999A", 0.041),
        ("es-dni", "99999999A", 0.041),
        ("nl-bsn", "999999999", 0.095),
        ("be-rijksregister", "99999999999", 0.005),
        ("pl-pesel", "99999999999", 0.025),
        ("gb-nhs", "9999999999", 0.095),
        ("vat", "DE999999999", 0.105),
        ("vat", "ATU99999999", 0.105),
        ("vat", "FR99999999999", 0.002),
        ("vat", "NL999999999B99", 0.11),
        ("vat", "IT99999999999", 0.012),
    ] {
        let accepted = (0..DRAWS).filter(|_| verdict(validator, &random.shape(shape)).is_some()).count();
        let rate = accepted as f64 / f64::from(DRAWS);
        println!("| `{validator}` | `{shape}` | {:.2} % |", rate * 100.0);
        assert!(rate <= most, "{validator} {shape}: {rate}");
        assert!(rate > 0.0, "{validator} {shape} accepts nothing");
    }
}
