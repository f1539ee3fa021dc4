use super::{base_62, crc_32, icao, kvnr, luhn, mod_11_10, mod_97, steuer_id_repetition, svnr};

#[test]
fn luhn_accepts_the_example_of_the_patent_and_of_the_schemes() {
    // ISO/IEC 7812-1 annex B works through 7992739871 with check digit 3.
    assert!(luhn(b"79927398713"));
    for wrong in *b"012456789" {
        let number = [b"7992739871".as_slice(), &[wrong]].concat();
        assert!(!luhn(&number));
    }
    // Test numbers that Visa, Mastercard and American Express give to merchants.
    for number in [b"4111111111111111".as_slice(), b"5555555555554444", b"378282246310005"] {
        assert!(luhn(number));
    }
}

#[test]
fn mod_97_accepts_the_example_of_the_registry() {
    // SWIFT IBAN registry, entries for Germany and the United Kingdom.
    assert!(mod_97(b"DE89370400440532013000"));
    assert!(mod_97(b"GB29NWBK60161331926819"));
    assert!(!mod_97(b"DE98370400440532013000"));
    assert!(!mod_97(b"DE8"));
}

#[test]
fn mod_11_10_accepts_the_examples_of_the_tax_administration() {
    // "Prüfzifferberechnung" of the ELSTER developers' handbook and the example of the Bundeszentralamt für Steuern.
    for number in [b"86095742719".as_slice(), b"47036892816", b"65929970489", b"57549285017", b"25768131411"]
    {
        assert!(mod_11_10(number), "{number:?}");
        assert!(steuer_id_repetition(number), "{number:?}");
    }
    assert!(!mod_11_10(b"86095742718"));
}

#[test]
fn the_repetition_rule_refuses_what_is_never_issued() {
    assert!(!steuer_id_repetition(b"12345678903"), "no digit twice");
    assert!(!steuer_id_repetition(b"11223456780"), "two digits twice");
    assert!(!steuer_id_repetition(b"11123456780"), "three in a row");
    assert!(steuer_id_repetition(b"11213456780"), "three, not in a row");
    assert!(!steuer_id_repetition(b"11213145670"), "four times");
    assert!(!steuer_id_repetition(b"01123456780"), "0 in front is for tests");
}

#[test]
fn crc_32_and_base_62_are_those_of_key_makers() {
    // The check value of the catalogue of parametrised CRC algorithms.
    assert_eq!(crc_32(b"123456789"), 0xCBF4_3926);
    assert_eq!(crc_32(b""), 0);
    // A revoked key that was published to explain the format of GitHub's keys.
    assert_eq!(&base_62(crc_32(b"zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ")), b"0mLq17");
    assert_eq!(&base_62(u32::MAX), b"4gfFC3");
    assert_eq!(&base_62(61), b"00000z");
}

#[test]
fn icao_accepts_the_examples_of_doc_9303() {
    // ICAO Doc 9303 part 3, appendix A: 520727 has 3; part 4 appendix A: passport L898902C3 has 6.
    assert_eq!(icao(b"520727"), Some(b'3'));
    assert_eq!(icao(b"L898902C3"), Some(b'6'));
    assert_eq!(icao(b"AB2134<<<"), Some(b'5'));
    assert_eq!(icao(b"a-b"), None);
    // Specimens of the Bundesdruckerei: identity card T22000129, passport C01X00T47.
    assert_eq!(icao(b"T22000129"), Some(b'3'));
    assert_eq!(icao(b"C01X00T47"), Some(b'8'));
}

#[test]
fn svnr_accepts_the_example_of_the_pension_insurance() {
    // Deutsche Rentenversicherung, "Versicherungsnummer, Nummernvergabe": 15 070649 C 103.
    assert!(svnr(b"15070649C103"));
    assert!(!svnr(b"15070649C104"));
    assert!(!svnr(b"150706491103"));
}

#[test]
fn kvnr_accepts_the_example_of_the_standard() {
    // Specification of the Krankenversichertennummer (ITSG, Vertrauensstelle): A00050001 has check digit 5.
    assert!(kvnr(b"A000500015"));
    assert!(!kvnr(b"A000500016"));
    assert!(!kvnr(b"1000500015"));
}
