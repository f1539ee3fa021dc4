//! The issuers' own examples.

use super::*;

#[track_caller]
fn check(made: impl std::fmt::Display, expected: &str) {
    assert_eq!(made.to_string(), expected);
}

#[test]
fn check_characters_are_those_of_the_issuers_examples() {
    check(luhn("411111111111111"), "1");
    check(mod_11_10("8609574271"), "9");
    check(mod_97_10("370400440532013000DE"), "89");
    check(mod_97_10("506700GE1G29325QX3"), "63");
    check(svnr_check("15070649C10"), "3");
    check(kvnr_check("A00050001"), "5");
    check(icao("L01X00T47"), "1");
    check(icao("C01X00T47"), "8");
    check(licence_check("B072RRE2I"), "5");
    check(italian_check("MRTMTT25D09F205"), "Z");
    check(ean_check("400638133393"), "1");
    check(weighted("123456", &[4, 9, 4, 9, 4, 9]) % 10, "4");
}

/// One taxpayer per Land, from ELSTER's description of the procedure.
#[test]
fn a_steuernummer_ends_as_its_land_computes() {
    for (number, national, office) in [
        ("2893081508152", "28", "##"),
        ("9181081508155", "9", "1##"),
        ("1121081508150", "11", "2#"),
        ("3048081508155", "3", "04#"),
        ("2475081508152", "24", "7#"),
        ("2202081508156", "22", "4#"),
        ("2613081508153", "26", "##"),
        ("4079081508151", "4", "07#"),
        ("2324081508151", "23", "2#"),
        ("5133081508159", "5", "1##"),
        ("2722081508154", "27", "2#"),
        ("1010081508182", "1", "010"),
        ("3201012312340", "3", "2##"),
        ("3101081508154", "3", "1##"),
        ("2129081508158", "21", "29"),
        ("4151081508156", "4", "15#"),
    ] {
        let land = LANDS.iter().find(|land| land.national == national && land.office == office).unwrap();
        let (body, last) = number.split_at(12);
        check(land_check(body, land.rule).unwrap(), last);
    }
}

#[test]
fn an_iban_of_each_country_has_its_length_and_remainder() {
    let mut dice = Dice::new(1);
    let lengths = [
        ("DE", 22),
        ("AT", 20),
        ("BE", 16),
        ("CH", 21),
        ("LI", 21),
        ("CZ", 24),
        ("SK", 24),
        ("DK", 18),
        ("FI", 18),
        ("ES", 24),
        ("FR", 27),
        ("GB", 22),
        ("IE", 22),
        ("IT", 27),
        ("LU", 20),
        ("NL", 18),
        ("PL", 28),
        ("PT", 25),
        ("SE", 24),
        ("HU", 28),
        ("RO", 24),
        ("GR", 27),
        ("HR", 21),
        ("NO", 15),
    ];
    assert_eq!(lengths.len(), IBAN_COUNTRIES.len() + 1);
    for (country, length) in lengths {
        for _ in 0..50 {
            let made = iban(&mut dice, country);
            assert_eq!((made.len(), made.get(..2)), (length, Some(country)), "{made}");
            let (front, account) = made.split_at(4);
            assert_eq!(remainder(&format!("{account}{front}"), 97), 1, "{made}");
        }
    }
}

#[test]
fn a_seed_gives_the_same_numbers_again() {
    let make = || {
        let mut dice = Dice::new(7);
        let all: Vec<String> = VAT_COUNTRIES.iter().map(|country| vat(&mut dice, country)).collect();
        (all, steuer_id(&mut dice), national(&mut dice, "IT"))
    };
    assert_eq!(make(), make());
}
