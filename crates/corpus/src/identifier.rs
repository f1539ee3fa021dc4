//! Identifiers as their issuers make them, check characters included.
//!
//! This is the oracle of the corpus: written from the issuers' rules and independent of crate `inspect`, so that a mistake in
//! one shows in the other. Every function returns the compact form, without separators.

use crate::dice::Dice;

const CAPITALS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS_AND_CAPITALS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Values of the characters: digits count as themselves, letters from A = 10.
fn values(text: &str) -> impl DoubleEndedIterator<Item = u32> + '_ {
    text.chars().filter_map(|character| character.to_digit(36))
}

fn weighted(text: &str, weights: &[u32]) -> u32 {
    values(text).zip(weights).map(|(value, weight)| value * weight).sum()
}

/// Sum of the digits of each product.
fn weighted_cross(text: &str, weights: &[u32]) -> u32 {
    values(text).zip(weights).map(|(value, weight)| value * weight).map(|p| p / 10 + p % 10).sum()
}

fn digit(value: u32) -> char {
    char::from_digit(value % 10, 10).unwrap_or('0')
}

/// The remainder of a long number; letters count as two digits.
fn remainder(text: &str, modulus: u64) -> u64 {
    values(text).fold(0, |rest, value| {
        let shift = if value > 9 { 100 } else { 10 };
        (rest * shift + u64::from(value)) % modulus
    })
}

/// ISO/IEC 7812-1 annex B: the digit that completes a payload.
pub fn luhn(payload: &str) -> char {
    let sum: u32 = values(payload)
        .rev()
        .enumerate()
        .map(|(at, value)| if at % 2 == 0 { value * 2 / 10 + value * 2 % 10 } else { value })
        .sum();
    digit(10 - sum % 10)
}

/// ISO 7064 MOD 11,10.
pub fn mod_11_10(payload: &str) -> char {
    let product = values(payload).fold(10, |product, value| {
        let sum = (product + value) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    digit((11 - product) % 10)
}

/// ISO 7064 MOD 97-10, as two digits.
pub fn mod_97_10(payload: &str) -> String {
    format!("{:02}", 98 - remainder(&format!("{payload}00"), 97))
}

/// ISO 13616: country, check digits, account of the country's own form. National check digits are right where the country
/// has any.
pub fn iban(dice: &mut Dice, country: &str) -> String {
    let country = if IBAN_COUNTRIES.contains(&country) { country } else { "DE" };
    let account = match country {
        "AT" => dice.number(5) + &dice.digits(11),
        "BE" => {
            let body = dice.digits(10);
            let check = match remainder(&body, 97) {
                0 => 97,
                rest => rest,
            };
            format!("{body}{check:02}")
        }
        "CH" | "LI" => dice.digits(5) + &dice.digits(12),
        "CZ" | "SK" => dice.digits(20),
        "DK" | "FI" => dice.digits(14),
        "ES" => {
            let (bank, account) = (dice.digits(8), dice.digits(10));
            let check = |text: &str| match 11 - weighted(text, &[1, 2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 {
                10 => 1,
                11 => 0,
                other => other,
            };
            format!("{bank}{}{}{account}", check(&format!("00{bank}")), check(&account))
        }
        "FR" => {
            let account = dice.digits(21);
            let key = 97 - remainder(&format!("{account}00"), 97);
            format!("{account}{key:02}")
        }
        "GB" => dice.pick(&["NWBK", "BARC", "LOYD", "MIDL", "HBUK", "ABBY"]).to_owned() + &dice.digits(14),
        "IE" => dice.pick(&["AIBK", "BOFI", "IRCE"]).to_owned() + &dice.digits(14),
        "IT" => {
            let account = dice.digits(22);
            format!("{}{account}", italian_check(&account))
        }
        "LU" => dice.digits(16),
        "NL" => dice.pick(&["ABNA", "INGB", "RABO", "TRIO"]).to_owned() + &dice.digits(10),
        "PL" => {
            let bank = dice.digits(7);
            let check = 10 - weighted(&bank, &[3, 9, 7, 1, 3, 9, 7]) % 10;
            format!("{bank}{}{}", digit(check), dice.digits(16))
        }
        "PT" => {
            let account = dice.digits(19);
            format!("{account}{}", mod_97_10(&account))
        }
        "SE" => dice.digits(20),
        "HU" => dice.digits(24),
        "RO" => dice.pick(&["BTRL", "RNCB", "INGB", "BACX"]).to_owned() + &dice.text(DIGITS_AND_CAPITALS, 16),
        "GR" => dice.digits(23),
        "HR" => dice.digits(17),
        "NO" => loop {
            let body = dice.digits(10);
            let check = 11 - weighted(&body, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
            if check != 10 {
                break format!("{body}{}", check % 11);
            }
        },
        // Eight digits of a Bankleitzahl (the first names the region, 1 to 8) and ten of an account.
        _ => dice.text(b"12345678", 1) + &dice.digits(7) + &dice.digits(10),
    };
    let check = mod_97_10(&format!("{account}{country}"));
    format!("{country}{check}{account}")
}

/// The countries that [`iban`] knows beside Germany.
pub const IBAN_COUNTRIES: &[&str] = &[
    "AT", "BE", "CH", "LI", "CZ", "SK", "DK", "FI", "ES", "FR", "GB", "IE", "IT", "LU", "NL", "PL", "PT",
    "SE", "HU", "RO", "GR", "HR", "NO",
];

/// Values of the odd positions in Italian check letters (Codice fiscale, D.M. 23.12.1976; CIN of the ABI).
const ITALIAN_ODD: [u32; 26] =
    [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

fn italian_check(text: &str) -> char {
    let sum: u32 = values(text)
        .map(|value| if value > 9 { value - 10 } else { value })
        .enumerate()
        .map(
            |(at, value)| {
                if at % 2 == 1 { value } else { ITALIAN_ODD.get(value as usize).copied().unwrap_or(0) }
            },
        )
        .sum();
    char::from(b'A' + u8::try_from(sum % 26).unwrap_or(0))
}

/// A payment card: ISO/IEC 7812 prefixes and lengths that the schemes issue, and Luhn.
pub fn card(dice: &mut Dice) -> String {
    let (prefix, length) = match dice.below(20) {
        0..=7 => ("4".to_owned(), 16),
        8..=12 => (format!("5{}", dice.between(1, 5)), 16),
        13 => (format!("{}", dice.between(2221, 2720)), 16),
        14..=16 => (dice.pick(&["34", "37"]).to_owned(), 15),
        17 => (dice.pick(&["36", "38", "300", "305"]).to_owned(), 14),
        18 => (format!("{}", dice.between(3528, 3589)), 16),
        _ => (dice.pick(&["6011", "65", "644"]).to_owned(), 16),
    };
    let payload = format!("{prefix}{}", dice.digits(length - 1 - prefix.len()));
    let check = luhn(&payload);
    format!("{payload}{check}")
}

/// Bank identifier code (ISO 9362).
pub fn bic(dice: &mut Dice) -> String {
    const KNOWN: &[&str] = &[
        "COBADEFFXXX",
        "DEUTDEFF",
        "DEUTDEDBBER",
        "INGDDEFFXXX",
        "GENODEF1S10",
        "PBNKDEFF",
        "SOLADEST600",
        "BYLADEM1001",
        "HYVEDEMMXXX",
        "MARKDEF1100",
        "RLNWATWW",
        "GIBAATWWXXX",
        "UBSWCHZH80A",
        "BNPAFRPP",
        "ABNANL2A",
        "INGBNL2A",
        "BCITITMM",
        "CAIXESBBXXX",
        "BREXPLPWMBK",
        "GKCCBEBB",
        "NWBKGB2L",
        "CHASUS33",
        "NTSBDEB1XXX",
        "DAAEDEDDXXX",
        "COLSDE33",
        "HASPDEHHXXX",
        "SSKMDEMMXXX",
        "GENODEM1GLS",
    ];
    if !dice.one_in(3) {
        return dice.pick(KNOWN).to_owned();
    }
    let country = dice.pick(&["DE", "DE", "DE", "AT", "CH", "FR", "NL"]);
    let branch = if dice.one_in(2) { "XXX" } else { "" };
    format!("{}{country}{}{branch}", dice.text(CAPITALS, 4), dice.text(b"ABCDEFGHKLMNPQRSTUVWXYZ23456789", 2))
}

/// Legal entity identifier (ISO 17442).
pub fn lei(dice: &mut Dice) -> String {
    let prefix = dice.pick(&["5299", "3912", "5493", "9695", "8945", "2138", "9845"]);
    let body = format!("{prefix}00{}", dice.text(DIGITS_AND_CAPITALS, 12));
    let check = mod_97_10(&body);
    format!("{body}{check}")
}

/// International securities identification number (ISO 6166): letters become two digits before Luhn.
pub fn isin(dice: &mut Dice) -> String {
    let body = match dice.below(4) {
        0 => format!("US{}", dice.digits(9)),
        1 => format!("{}{}", dice.pick(&["FR", "LU", "IE", "AT", "NL", "CH"]), dice.digits(9)),
        _ => format!("DE000{}", dice.text(b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZ", 6)),
    };
    let expanded: String = values(&body).map(|value| value.to_string()).collect();
    let check = luhn(&expanded);
    format!("{body}{check}")
}

/// Steuerliche Identifikationsnummer (BZSt): among the first ten digits one occurs twice, or three times but not in a row;
/// all others at most once. The last is MOD 11,10.
pub fn steuer_id(dice: &mut Dice) -> String {
    loop {
        let mut rest: Vec<char> = ('0'..='9').collect();
        shuffle(dice, &mut rest);
        let twice = rest.first().copied().unwrap_or('1');
        let copies = if dice.one_in(4) { 3 } else { 2 };
        let mut digits: Vec<char> = std::iter::repeat_n(twice, copies).collect();
        digits.extend(rest.iter().skip(1).take(10 - copies));
        shuffle(dice, &mut digits);
        let triple = digits.windows(3).any(|three| three.iter().all(|one| *one == twice));
        if digits.first() == Some(&'0') || triple {
            continue;
        }
        let body: String = digits.into_iter().collect();
        let check = mod_11_10(&body);
        return format!("{body}{check}");
    }
}

fn shuffle<T>(dice: &mut Dice, list: &mut [T]) {
    for at in (1..list.len()).rev() {
        list.swap(at, dice.below(at + 1));
    }
}

/// How a Land writes its Steuernummer and computes its last digit ("Prüfung der Steuer- und
/// Steueridentifikationsnummer", ELSTER).
struct Land {
    /// The digits that the nationwide form has in front of the office's own.
    national: &'static str,
    /// The office: what is printed of its digits, `#` for a free one.
    office: &'static str,
    /// With `o` office, `b` district, `u` number and check digit.
    printed: &'static str,
    rule: LandRule,
}

#[derive(Clone, Copy)]
enum LandRule {
    Eleven([u32; 12]),
    Two,
    Rhineland,
    Westphalia,
}

const EAST: LandRule = LandRule::Eleven([0, 5, 4, 3, 0, 2, 7, 6, 5, 4, 3, 2]);
const HANSE: LandRule = LandRule::Eleven([0, 0, 4, 3, 0, 2, 7, 6, 5, 4, 3, 2]);
const LANDS: &[Land] = &[
    Land { national: "28", office: "##", printed: "oobbb/uuuuu", rule: LandRule::Two },
    Land { national: "9", office: "1##", printed: "ooo/bbb/uuuuu", rule: EAST },
    Land {
        national: "11",
        office: "2#",
        printed: "oo/bbb/uuuuu",
        rule: LandRule::Eleven([0, 0, 0, 0, 0, 7, 6, 5, 8, 4, 3, 2]),
    },
    Land { national: "3", office: "04#", printed: "ooo/bbb/uuuuu", rule: EAST },
    Land { national: "24", office: "7#", printed: "oo bbb uuuuu", rule: HANSE },
    Land { national: "22", office: "4#", printed: "oo/bbb/uuuuu", rule: HANSE },
    Land { national: "26", office: "##", printed: "0oo bbb uuuuu", rule: LandRule::Two },
    Land { national: "4", office: "07#", printed: "ooo/bbb/uuuuu", rule: EAST },
    Land {
        national: "23",
        office: "2#",
        printed: "oo/bbb/uuuuu",
        rule: LandRule::Eleven([0, 0, 2, 9, 0, 8, 7, 6, 5, 4, 3, 2]),
    },
    Land { national: "5", office: "1##", printed: "ooo/bbbb/uuuu", rule: LandRule::Westphalia },
    Land { national: "27", office: "2#", printed: "oo/bbb/uuuuu", rule: LandRule::Rhineland },
    Land { national: "1", office: "010", printed: "ooo/bbb/uuuuu", rule: EAST },
    Land { national: "3", office: "2##", printed: "ooo/bbb/uuuuu", rule: EAST },
    Land { national: "3", office: "1##", printed: "ooo/bbb/uuuuu", rule: EAST },
    Land { national: "21", office: "29", printed: "oo/bbb/uuuuu", rule: LandRule::Two },
    Land { national: "4", office: "15#", printed: "ooo/bbb/uuuuu", rule: EAST },
];

/// The last digit of a nationwide Steuernummer of thirteen, from the twelve before; none where the rule gives ten.
fn land_check(body: &str, rule: LandRule) -> Option<char> {
    let check = match rule {
        LandRule::Eleven(weights) => (11 - weighted(body, &weights) % 11) % 11,
        LandRule::Westphalia => weighted(body, &[0, 3, 2, 1, 0, 7, 6, 5, 4, 3, 2, 1]) % 11,
        LandRule::Rhineland => (10 - weighted_cross(body, &[0, 0, 1, 2, 0, 1, 2, 1, 2, 1, 2, 1]) % 10) % 10,
        LandRule::Two => {
            const ADDED: [u32; 12] = [0, 0, 9, 8, 0, 7, 6, 5, 4, 3, 2, 1];
            const FACTORS: [u32; 12] = [0, 0, 512, 256, 0, 128, 64, 32, 16, 8, 4, 2];
            let terms = values(body).zip(ADDED).zip(FACTORS).map(|((value, added), factor)| {
                let product = (value + added) % 10 * factor;
                // The digit sum of the digit sum, and so on: 9 for multiples of nine, else the remainder.
                if product == 0 { 0 } else { (product - 1) % 9 + 1 }
            });
            (10 - terms.sum::<u32>() % 10) % 10
        }
    };
    (check < 10).then(|| digit(check))
}

/// A Steuernummer as its Land prints it, or in the nationwide form of thirteen digits.
pub fn steuernummer(dice: &mut Dice) -> (String, String) {
    loop {
        let Some(land) = LANDS.get(dice.below(LANDS.len())) else { continue };
        let fill = |dice: &mut Dice, form: &str| -> String {
            form.chars()
                .map(|c| if c == '#' { dice.pick(&['1', '2', '3', '4', '5', '6', '7', '8', '9']) } else { c })
                .collect()
        };
        let office = fill(dice, land.office);
        let is_westphalia = matches!(land.rule, LandRule::Westphalia);
        let district = if is_westphalia { dice.number(4) } else { dice.number(3) };
        let number = dice.digits(if is_westphalia { 3 } else { 4 });
        let body = format!("{}{office}0{district}{number}", land.national);
        let Some(check) = land_check(&body, land.rule) else { continue };
        let number = format!("{number}{check}");
        let mut parts = [office.chars(), district.chars(), number.chars()];
        let printed = land
            .printed
            .chars()
            .filter_map(|place| match (place, parts.each_mut()) {
                ('o', [office, ..]) => office.next(),
                ('b', [_, district, _]) => district.next(),
                ('u', [.., number]) => number.next(),
                (other, _) => Some(other),
            })
            .collect();
        return (printed, format!("{body}{check}"));
    }
}

/// A day of birth: day, month, year of four digits.
pub fn birthday(dice: &mut Dice) -> (usize, usize, usize) {
    (dice.between(1, 28), dice.between(1, 12), dice.between(1941, 2006))
}

/// Versicherungsnummer of the Rentenversicherung (VKVV § 2): area, birthday, initial, serial, check digit.
pub fn svnr(dice: &mut Dice) -> String {
    const AREAS: &[&str] = &[
        "02", "03", "04", "08", "09", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20", "21",
        "23", "24", "25", "26", "28", "29", "38", "39", "40", "42", "43", "44", "48", "49", "50", "52", "53",
        "54", "55", "56", "57", "58", "59", "60", "61", "62", "63", "64", "65", "66", "67", "68", "69", "70",
        "71", "72", "73", "74", "75", "76", "77", "78", "79", "80", "81", "82", "89",
    ];
    let area = dice.pick(AREAS);
    let (day, month, year) = birthday(dice);
    let letter = dice.text(CAPITALS, 1);
    let serial = dice.between(0, 99);
    let body = format!("{area}{day:02}{month:02}{:02}{letter}{serial:02}", year % 100);
    let check = svnr_check(&body);
    format!("{body}{check}")
}

/// Letters count by their place in the alphabet, as two digits.
fn spell_letters(text: &str) -> String {
    values(text)
        .map(|value| if value > 9 { format!("{:02}", value - 9) } else { value.to_string() })
        .collect()
}

fn svnr_check(body: &str) -> char {
    digit(weighted_cross(&spell_letters(body), &[2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]))
}

/// Krankenversichertennummer, the part that never changes (SGB V § 290): letter, eight digits, check digit.
pub fn kvnr(dice: &mut Dice) -> String {
    let body = dice.text(CAPITALS, 1) + &dice.digits(8);
    let check = kvnr_check(&body);
    format!("{body}{check}")
}

fn kvnr_check(body: &str) -> char {
    digit(weighted_cross(&spell_letters(body), &[1, 2, 1, 2, 1, 2, 1, 2, 1, 2]))
}

/// ICAO Doc 9303 part 3, 4.9: weights 7, 3, 1.
fn icao(text: &str) -> char {
    digit(weighted(text, &[7, 3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1]))
}

/// Letters of serial numbers on German papers: no vowels, and none that looks like another.
const SERIAL: &[u8] = b"CFGHJKLMNPRTVWXYZ0123456789";

/// Serial number of an identity card, nine characters without or ten with the check digit.
pub fn personalausweis(dice: &mut Dice) -> String {
    let serial = dice.text(b"LMNPRTVWXY", 1) + &dice.text(SERIAL, 8);
    with_check(dice, serial)
}

/// Serial number of a passport, nine characters without or ten with the check digit.
pub fn reisepass(dice: &mut Dice) -> String {
    let serial = dice.text(b"CFGHJK", 1) + &dice.text(SERIAL, 8);
    with_check(dice, serial)
}

fn with_check(dice: &mut Dice, serial: String) -> String {
    if dice.one_in(2) {
        let check = icao(&serial);
        return format!("{serial}{check}");
    }
    serial
}

/// Driving licence: authority, running number, check character, issue (FeV annex 8).
pub fn fuehrerschein(dice: &mut Dice) -> String {
    let serial = dice.text(b"ABCDEFGHJKLMNPRSTVWXYZ", 1)
        + &dice.digits(2)
        + &dice.text(DIGITS_AND_CAPITALS, 1)
        + &dice.text(DIGITS_AND_CAPITALS, 4)
        + &dice.digits(1);
    format!("{serial}{}{}", licence_check(&serial), dice.between(1, 9))
}

fn licence_check(serial: &str) -> char {
    match weighted(serial, &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11 {
        10 => 'X',
        rest => digit(rest),
    }
}

/// Districts of number plates (a choice), annex 1 FZV.
const DISTRICTS: &[&str] = &[
    "B", "M", "K", "F", "S", "D", "H", "L", "HH", "HB", "DD", "MA", "KA", "FR", "BO", "DO", "DU", "ER", "FÜ",
    "GÖ", "WÜ", "LÖ", "TÜ", "KÜN", "MTK", "OHV", "HSK", "ROW", "STA", "EBE", "FFB", "DAH", "RO", "TS", "BGL",
    "OG", "RV", "FN", "KN", "UL", "HD", "HN", "PF", "DA", "OF", "WI", "MZ", "KO", "TR", "SB", "AC", "BN",
    "NE", "ME", "MG", "KR", "OB", "BOT", "GE", "RE", "MS", "BI", "PB", "OS", "BS", "WOB", "LG", "KI", "FL",
    "HL", "RZ", "SE", "PI", "HRO", "SN", "P", "PM", "CB", "EE", "Z", "C", "ERZ", "L", "J", "EF", "G", "A",
    "R", "N", "BA", "BT", "IN", "PA",
];

/// A number plate, its parts: district, letters, digits with an ending where it has one.
pub fn plate(dice: &mut Dice) -> (String, String, String) {
    let letters = if dice.one_in(5) { 1 } else { 2 };
    let length = dice.between(2, 4);
    let mut number = dice.number(length);
    match dice.below(14) {
        0 => number.push('E'),
        1 => number.push('H'),
        _ => {}
    }
    (dice.pick(DISTRICTS).to_owned(), dice.text(b"ABCDEFGHJKLMNPRSTUVWXYZ", letters), number)
}

/// Lebenslange Arztnummer (KBV): six digits, check digit with weights 4 and 9, two of the specialty.
pub fn lanr(dice: &mut Dice) -> String {
    let body = dice.number(6);
    let check = digit(10 - weighted(&body, &[4, 9, 4, 9, 4, 9]) % 10);
    let specialty =
        dice.pick(&["01", "02", "03", "10", "11", "15", "18", "19", "21", "34", "39", "50", "58", "62"]);
    format!("{body}{check}{specialty}")
}

/// Betriebsstättennummer (KBV): region of the Kassenärztliche Vereinigung and seven digits; no check digit.
pub fn bsnr(dice: &mut Dice) -> String {
    let region = dice.pick(&[
        "01", "02", "03", "17", "20", "38", "46", "51", "52", "71", "72", "73", "78", "83", "88", "93", "98",
    ]);
    format!("{region}{}", dice.digits(7))
}

/// An entry of the commercial register.
pub fn handelsregister(dice: &mut Dice) -> String {
    let section = dice.pick(&["HRB", "HRB", "HRB", "HRA", "GnR", "VR", "PR"]);
    let length = dice.between(3, 6);
    let suffix = if section == "HRB" && dice.one_in(8) { " B" } else { "" };
    format!("{section} {}{suffix}", dice.number(length))
}

/// A VAT number of any state of the Union, after the formats and check rules that the states publish for VIES.
pub fn vat(dice: &mut Dice, country: &str) -> String {
    let body = match country {
        "AT" => {
            let body = dice.digits(7);
            let sum = weighted_cross(&body, &[1, 2, 1, 2, 1, 2, 1]);
            format!("U{body}{}", digit(10 - (sum + 4) % 10))
        }
        "BE" => {
            let body = format!("0{}", dice.number(7));
            let check = 97 - remainder(&body, 97);
            format!("{body}{check:02}")
        }
        "BG" => {
            let body = dice.digits(8);
            let first = weighted(&body, &[1, 2, 3, 4, 5, 6, 7, 8]) % 11;
            let check =
                if first == 10 { weighted(&body, &[3, 4, 5, 6, 7, 8, 9, 10]) % 11 % 10 } else { first };
            format!("{body}{check}")
        }
        "CY" => {
            let body = dice.text(b"013459", 1) + &dice.digits(7);
            const ODD: [u32; 10] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21];
            let sum: u32 = values(&body)
                .enumerate()
                .map(
                    |(at, value)| {
                        if at % 2 == 0 { ODD.get(value as usize).copied().unwrap_or(0) } else { value }
                    },
                )
                .sum();
            format!("{body}{}", char::from(b'A' + u8::try_from(sum % 26).unwrap_or(0)))
        }
        "CZ" => {
            let body = dice.text(b"12345678", 1) + &dice.digits(6);
            let check = match 11 - weighted(&body, &[8, 7, 6, 5, 4, 3, 2]) % 11 {
                10 => 0,
                11 => 1,
                other => other,
            };
            format!("{body}{check}")
        }
        "DK" => loop {
            let body = dice.number(7);
            let check = (11 - weighted(&body, &[2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
            if check < 10 {
                break format!("{body}{check}");
            }
        },
        "EE" => {
            let body = format!("10{}", dice.digits(6));
            format!("{body}{}", digit(10 - weighted(&body, &[3, 7, 1, 3, 7, 1, 3, 7]) % 10))
        }
        "EL" => {
            let body = dice.pick(&["09", "99", "80", "12"]).to_owned() + &dice.digits(6);
            format!("{body}{}", weighted(&body, &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10)
        }
        "ES" => {
            let body = dice.digits(7);
            let check = 10 - weighted_cross(&body, &[2, 1, 2, 1, 2, 1, 2]) % 10;
            format!("{}{body}{}", dice.pick(&["A", "B"]), digit(check))
        }
        "FI" => loop {
            let body = dice.digits(7);
            let check = (11 - weighted(&body, &[7, 9, 10, 5, 8, 4, 2]) % 11) % 11;
            if check < 10 {
                break format!("{body}{check}");
            }
        },
        "FR" => {
            let body = dice.number(8);
            let siren = format!("{body}{}", luhn(&body));
            format!("{:02}{siren}", remainder(&format!("{siren}12"), 97))
        }
        "HR" => {
            let body = dice.number(10);
            format!("{body}{}", mod_11_10(&body))
        }
        "HU" => {
            let body = dice.number(7);
            format!("{body}{}", digit(10 - weighted(&body, &[9, 7, 3, 1, 9, 7, 3]) % 10))
        }
        "IE" => {
            let body = dice.digits(7);
            let letter =
                |sum: u32| b"WABCDEFGHIJKLMNOPQRSTUV".get(sum as usize % 23).copied().map_or('W', char::from);
            let sum = weighted(&body, &[8, 7, 6, 5, 4, 3, 2]);
            if dice.one_in(2) {
                format!("{body}{}", letter(sum))
            } else {
                format!("{body}{}H", letter(sum + 8 * 9))
            }
        }
        "IT" => {
            let body = dice.digits(7) + dice.pick(&["001", "015", "058", "063", "100"]);
            format!("{body}{}", luhn(&body))
        }
        "LT" => {
            let body = dice.number(7) + "1";
            let first = weighted(&body, &[1, 2, 3, 4, 5, 6, 7, 8]) % 11;
            let check =
                if first == 10 { weighted(&body, &[3, 4, 5, 6, 7, 8, 9, 1]) % 11 % 10 } else { first };
            format!("{body}{check}")
        }
        "LU" => {
            let body = dice.number(6);
            format!("{body}{:02}", remainder(&body, 89))
        }
        "LV" => loop {
            let body = dice.pick(&["4", "5", "9"]).to_owned() + &dice.digits(9);
            let check = match 3 - i64::from(weighted(&body, &[9, 1, 4, 8, 3, 10, 2, 5, 7, 6]) % 11) {
                -1 => continue,
                rest if rest < -1 => rest + 11,
                rest => rest,
            };
            break format!("{body}{check}");
        },
        "MT" => {
            let body = dice.number(6);
            let check = 37 - weighted(&body, &[3, 4, 6, 7, 8, 9]) % 37;
            format!("{body}{check:02}")
        }
        "NL" => loop {
            let body = dice.number(8);
            let check = weighted(&body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
            if check < 10 {
                break format!("{body}{check}B0{}", dice.between(1, 3));
            }
        },
        "PL" => loop {
            let body = dice.number(9);
            let check = weighted(&body, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11;
            if check < 10 {
                break format!("{body}{check}");
            }
        },
        "PT" => {
            let body = dice.pick(&["5", "2", "1", "9"]).to_owned() + &dice.digits(7);
            let check = 11 - weighted(&body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
            format!("{body}{}", if check > 9 { 0 } else { check })
        }
        "RO" => {
            let body = dice.number(8);
            format!("{body}{}", weighted(&format!("0{body}"), &[7, 5, 3, 2, 1, 7, 5, 3, 2]) * 10 % 11 % 10)
        }
        "SE" => {
            let body = format!("556{}", dice.digits(6));
            format!("{body}{}01", luhn(&body))
        }
        "SI" => loop {
            let body = dice.number(7);
            let check = 11 - weighted(&body, &[8, 7, 6, 5, 4, 3, 2]) % 11;
            if check < 11 {
                break format!("{body}{}", check % 10);
            }
        },
        "SK" => loop {
            let body = format!("2{}{}", dice.pick(&["0", "1", "2", "3", "4", "7", "8", "9"]), dice.digits(8));
            if remainder(&body, 11) == 0 && "234789".contains(body.chars().nth(2).unwrap_or('0')) {
                break body;
            }
        },
        _ => {
            let body = dice.number(8);
            format!("{body}{}", mod_11_10(&body))
        }
    };
    format!("{country}{body}")
}

/// The states whose VAT numbers [`vat`] makes beside Germany's.
pub const VAT_COUNTRIES: &[&str] = &[
    "AT", "BE", "BG", "CY", "CZ", "DK", "EE", "EL", "ES", "FI", "FR", "HR", "HU", "IE", "IT", "LT", "LU",
    "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// The countries of [`national`].
pub const NATIONAL_COUNTRIES: &[&str] = &["AT", "CH", "FR", "IT", "ES", "NL", "BE", "PL", "GB", "US"];

/// A number that a state gives to a person. Compact.
pub fn national(dice: &mut Dice, country: &str) -> String {
    let (day, month, year) = birthday(dice);
    let short = year % 100;
    match country {
        // Sozialversicherungsnummer: three digits, check digit, birthday.
        "AT" => loop {
            let serial = dice.number(3);
            let date = format!("{day:02}{month:02}{short:02}");
            let check = weighted(&format!("{serial}{date}"), &[3, 7, 9, 5, 8, 4, 2, 1, 6]) % 11;
            if check < 10 {
                break format!("{serial}{check}{date}");
            }
        },
        // AHV-Nummer: an EAN-13 in the name space of Switzerland.
        "CH" => {
            let body = format!("756{}", dice.digits(9));
            format!("{body}{}", ean_check(&body))
        }
        // Numéro d'inscription au répertoire (INSEE): key = 97 − n mod 97.
        "FR" => {
            let department = format!("{:02}", dice.between(1, 95));
            let department = if department == "20" { "75".to_owned() } else { department };
            let body = format!(
                "{}{short:02}{month:02}{department}{:03}{:03}",
                dice.between(1, 2),
                dice.between(1, 590),
                dice.between(1, 999)
            );
            format!("{body}{:02}", 97 - remainder(&body, 97))
        }
        // Codice fiscale.
        "IT" => {
            let consonants = b"BCDFGLMNPRSTVZ";
            let months = ["A", "B", "C", "D", "E", "H", "L", "M", "P", "R", "S", "T"];
            let born = if dice.one_in(2) { day + 40 } else { day };
            let body = format!(
                "{}{short:02}{}{born:02}{}",
                dice.text(consonants, 6),
                months.get(month - 1).copied().unwrap_or("A"),
                dice.pick(&["H501", "F205", "L219", "A944", "D612", "G273", "F839", "C351"])
            );
            format!("{body}{}", italian_check(&body))
        }
        // DNI and NIE: letter by the remainder of 23.
        "ES" => {
            let letter = |number: &str| {
                b"TRWAGMYFPDXBNJZSQVHLCKE"
                    .get(remainder(number, 23) as usize)
                    .copied()
                    .map_or('T', char::from)
            };
            if dice.one_in(3) {
                let (sign, value) = dice.pick(&[("X", "0"), ("Y", "1"), ("Z", "2")]);
                let body = dice.digits(7);
                format!("{sign}{body}{}", letter(&format!("{value}{body}")))
            } else {
                let body = dice.number(8);
                format!("{body}{}", letter(&body))
            }
        }
        // Burgerservicenummer: elfproef with −1 for the last digit.
        "NL" => loop {
            let body = dice.number(8);
            let check = weighted(&body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
            if check < 10 {
                break format!("{body}{check}");
            }
        },
        // Rijksregisternummer: 97 − n mod 97, with a 2 in front for those born since 2000.
        "BE" => {
            let body = format!("{short:02}{month:02}{day:02}{:03}", dice.between(1, 997));
            let counted = if year >= 2000 { format!("2{body}") } else { body.clone() };
            format!("{body}{:02}", 97 - remainder(&counted, 97))
        }
        // PESEL.
        "PL" => {
            let month = if year >= 2000 { month + 20 } else { month };
            let body = format!("{short:02}{month:02}{day:02}{}", dice.digits(4));
            format!("{body}{}", digit(10 - weighted(&body, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10))
        }
        // National Insurance number: no check digit, but letters that are never used.
        "GB" => loop {
            let prefix = dice.text(b"ABCEGHJKLMNOPRSTWXYZ", 1) + &dice.text(b"ABCEGHJKLMNPRSTWXYZ", 1);
            if !["GB", "NK", "TN", "ZZ", "BG", "KN", "NT"].contains(&prefix.as_str()) {
                break format!("{prefix}{}{}", dice.digits(6), dice.text(b"ABCD", 1));
            }
        },
        // Social security number: neither 000, 666 nor 9xx; no group of zeros.
        _ => loop {
            let (area, group, serial) = (dice.between(1, 899), dice.between(1, 99), dice.between(1, 9999));
            if area != 666 {
                break format!("{area:03}{group:02}{serial:04}");
            }
        },
    }
}

/// GS1 General Specifications 7.9: the check digit of EAN-8, EAN-13 and longer keys.
pub fn ean_check(body: &str) -> char {
    let sum: u32 =
        values(body).rev().enumerate().map(|(at, value)| if at % 2 == 0 { value * 3 } else { value }).sum();
    digit(10 - sum % 10)
}

#[cfg(test)]
mod tests;
