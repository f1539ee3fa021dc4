//! Postal addresses: a street with its number, a post code with its town, a post-office box.
//!
//! German, Austrian and Swiss forms as DIN 5008 and the posts of these countries print them; basic forms of France,
//! Great Britain and the United States. A street of unknown kind counts only with a post code and a town behind it.

use crate::gazetteer::{self, GIVEN, ORDINARY, TOWN};
use crate::letters::{Reader, Word, inside_word};
use crate::recognizer::{Group, Recognizer};
use crate::text::{Outcome, byte, byte_before, has_ending, range};

/// How far to the left of its number a street may begin, in bytes.
const STREET_MAX: usize = 64;
/// Words that the name of a street may have.
const STREET_WORDS: usize = 4;

/// Ends of words that are streets whatever stands before.
const SUFFIXES: &[&[u8]] = &[
    b"stra\xC3\x9Fe",
    b"strasse",
    b"str",
    b"allee",
    b"chaussee",
    b"gasse",
    b"g\xC3\xA4sschen",
    b"g\xC3\xA4\xC3\x9Fchen",
    b"damm",
    b"ufer",
    b"steig",
    b"promenade",
    b"zeile",
    b"stiege",
    b"gracht",
    b"straat",
    b"laan",
];
/// Ends of words that are streets unless the whole is an ordinary word, such as `Parkplatz`.
const WEAK_SUFFIXES: &[&[u8]] = &[
    b"weg",
    b"platz",
    b"ring",
    b"hof",
    b"markt",
    b"graben",
    b"berg",
    b"winkel",
    b"wall",
    b"tor",
    b"garten",
    b"park",
    b"bogen",
    b"feld",
    b"kamp",
    b"stieg",
    b"pfad",
    b"br\xC3\xBCcke",
    b"siedlung",
    b"anger",
    b"rain",
    b"grund",
    b"br\xC3\xBChl",
    b"twiete",
];
/// Words that stand alone as the last word of a street: `Berliner Straße`, `Alter Markt`.
const KINDS: &[&[u8]] = &[
    b"Stra\xC3\x9Fe",
    b"Strasse",
    b"Str",
    b"Weg",
    b"Platz",
    b"Allee",
    b"Ring",
    b"Damm",
    b"Ufer",
    b"Gasse",
    b"Chaussee",
    b"Promenade",
    b"Markt",
    b"Graben",
    b"Wall",
    b"Steig",
    b"Tor",
    b"Hof",
    b"STRASSE",
    b"STR",
    b"STRA\xC3\x9FE",
];
/// Words that begin the name of a street, such as `Am Alten Markt`.
const OPENINGS: &[&[u8]] = &[
    b"Am",
    b"An",
    b"Im",
    b"In",
    b"Auf",
    b"Unter",
    b"Zum",
    b"Zur",
    b"Hinter",
    b"Vor",
    b"Beim",
    b"Bei",
    b"Neben",
    b"Alte",
    b"Alter",
    b"Neue",
    b"Neuer",
    b"Gro\xC3\x9Fe",
    b"Kleine",
    b"Obere",
    b"Untere",
    b"Hohe",
    b"Lange",
];
/// What streets with such a beginning are called after.
const LANDMARKS: &[&[u8]] = &[
    b"Linden",
    b"Markt",
    b"Anger",
    b"Winkel",
    b"Hang",
    b"Bach",
    b"Feld",
    b"Graben",
    b"Kamp",
    b"Bahnhof",
    b"Rathaus",
    b"Kirchberg",
    b"M\xC3\xBChlbach",
    b"Wald",
    b"See",
    b"Park",
    b"Berg",
    b"Garten",
    b"Brunnen",
    b"Teich",
    b"Sportplatz",
    b"Stadtpark",
    b"Friedhof",
    b"Hof",
    b"Tor",
    b"Wasserturm",
    b"Sande",
    b"Brink",
    b"Esch",
    b"Moor",
    b"Ufer",
    b"Weinberg",
    b"Steg",
];
const SMALL: &[&[u8]] =
    &[b"der", b"dem", b"den", b"des", b"von", b"am", b"an", b"im", b"zum", b"zur", b"und"];
/// Streets of English addresses, behind the number.
const ENGLISH: &[&[u8]] = &[
    b"Street",
    b"St",
    b"Road",
    b"Rd",
    b"Avenue",
    b"Ave",
    b"Lane",
    b"Ln",
    b"Drive",
    b"Boulevard",
    b"Blvd",
    b"Court",
    b"Square",
    b"Terrace",
    b"Close",
    b"Crescent",
    b"Gardens",
    b"Way",
    b"Parkway",
    b"Highway",
    b"Place",
    b"Hill",
    b"Row",
];
/// Streets of French addresses, behind the number.
const FRENCH: &[&[u8]] = &[
    b"rue",
    b"avenue",
    b"boulevard",
    b"place",
    b"chemin",
    b"all\xC3\xA9e",
    b"quai",
    b"impasse",
    b"route",
    b"cours",
    b"square",
    b"bd",
    b"av.",
];
/// What follows the first word of a town's name: rivers and regions.
const TAILS: &[&[u8]] = &[
    b"Main",
    b"Rhein",
    b"Oder",
    b"Saale",
    b"Elbe",
    b"Neckar",
    b"Donau",
    b"Inn",
    b"Isar",
    b"Lech",
    b"Ruhr",
    b"Weser",
    b"Aller",
    b"Lahn",
    b"Ilm",
    b"H\xC3\xB6he",
    b"Tauber",
    b"Breisgau",
    b"Allg\xC3\xA4u",
    b"Harz",
    b"Taunus",
    b"Wald",
    b"Werra",
    b"Fulda",
    b"Spree",
    b"Mosel",
    b"Weinstra\xC3\x9Fe",
    b"Bergstra\xC3\x9Fe",
    b"Teck",
    b"Alb",
    b"See",
    b"Wei\xC3\x9Fem",
    b"Havel",
    b"Leine",
    b"R\xC3\xBCbenberge",
    b"Riss",
    b"M\xC3\xBChlen",
];
/// First words of towns that have more words.
const FIRSTS: &[&[u8]] = &[
    b"Bad",
    b"Sankt",
    b"St",
    b"Neu",
    b"Alt",
    b"Gro\xC3\x9F",
    b"Klein",
    b"Markt",
    b"Hann",
    b"Schw\xC3\xA4bisch",
    b"Burg",
    b"K\xC3\xB6nigs",
    b"Castrop",
    b"Wiener",
    b"New",
    b"Los",
    b"San",
    b"La",
    b"Le",
    b"Saint",
];

pub(crate) const RECOGNIZER: Recognizer = Recognizer { may_be, start_before, read, open_tail };

/// A street or a country may stand before the number, or a town or a street behind it.
fn may_be(text: &[u8], group: Group) -> bool {
    match group.before {
        Some(b' ' | b'-' | 0x80..) => return true,
        Some(b'.' | b'+' | b'/' | b',' | b'#' | b'&' | b'=' | b'_') => return false,
        // The letter of an escape such as `\n`.
        Some(b'n' | b't' | b'r') => {}
        Some(before) if before.is_ascii_alphanumeric() => return false,
        _ => {}
    }
    let Some(next) = group.next else { return true };
    match group.digits {
        5 => matches!(next, b' ' | 0xC2),
        1..=4 => {
            matches!(next, b' ' | 0xC2 | b',' | b'A'..=b'F' | b'a'..=b'f')
                && byte(text, group.start) != Some(b'0')
        }
        _ => false,
    }
}

/// Where an address begins whose first number begins at `digit`: at the name of its street, or at the number itself.
fn start_before(text: &[u8], digit: usize) -> Option<usize> {
    if inside_word(text, digit)
        || matches!(byte_before(text, digit), Some(b'.' | b'+' | b'-' | b'/' | b',' | b'#' | b'&' | b'='))
    {
        return country_before(text, digit);
    }
    Some(street_before(text, digit).unwrap_or(digit))
}

/// `D-80331`, `CH-8001`: where the letters begin.
fn country_before(text: &[u8], digit: usize) -> Option<usize> {
    [&b"D-"[..], b"DE-", b"A-", b"AT-", b"CH-"].iter().find_map(|prefix| {
        let start = digit.checked_sub(prefix.len())?;
        (range(text, start, digit) == *prefix && !inside_word(text, start)).then_some(start)
    })
}

/// The start of the words that may be a street, one space before its number.
fn street_before(text: &[u8], digit: usize) -> Option<usize> {
    let end = [&b" "[..], b"\xC2\xA0", b" Nr. "]
        .iter()
        .find_map(|gap| range(text, 0, digit).ends_with(gap).then(|| digit - gap.len()))?;
    // `Hauptstr.5` is left out: there a dot is a decimal sign far more often.
    leftmost(text, end, false)
}

/// Walks over words to the left of `end`: capitalised ones, and small ones that stand inside names of streets.
fn leftmost(text: &[u8], end: usize, partial: bool) -> Option<usize> {
    let floor = digit_floor(end);
    let (mut at, mut start) = (end, None);
    let mut partial = partial;
    for _ in 0..STREET_WORDS {
        let mut first = at;
        while first > floor && byte_before(text, first).is_some_and(is_street_byte) {
            first -= 1;
        }
        if first == at && !partial {
            break;
        }
        // Quotation marks and dashes of several bytes are no letters of the word.
        while let [0xE2, _, _, ..] = range(text, first, at) {
            first += 3;
        }
        let word = range(text, first, at);
        let capital = is_capital(word) && !inside_word(text, first);
        if capital {
            start = Some(first);
        } else if !partial && !SMALL.contains(&word) {
            break;
        }
        partial = false;
        if byte_before(text, first) != Some(b' ') || first <= floor {
            break;
        }
        at = first - 1;
    }
    start
}

fn digit_floor(end: usize) -> usize {
    end.saturating_sub(STREET_MAX)
}

fn is_street_byte(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80 || matches!(byte, b'-' | b'.' | b'\'')
}

fn is_capital(word: &[u8]) -> bool {
    match word {
        [first, ..] if first.is_ascii_uppercase() => true,
        [0xC3, second, ..] => matches!(second, 0x80..=0x9E),
        _ => false,
    }
}

/// Where a street may begin whose number is still to come.
fn open_tail(text: &[u8]) -> Option<usize> {
    let end = text.len();
    let before_gap = |gap: &[u8]| text.ends_with(gap).then(|| end - gap.len());
    let country = [&b"D-"[..], b"DE-", b"A-", b"AT-", b"CH-", b"D", b"DE", b"A", b"AT", b"C", b"CH"]
        .into_iter()
        .filter_map(|prefix| before_gap(prefix).filter(|start| !inside_word(text, *start)));
    // The number may come behind one more space, or behind `Nr. `, of which some may be there.
    let streets = [&b""[..], b" ", b" N", b" Nr", b" Nr.", b" Nr. ", b"\xC2\xA0", b"\xC2"]
        .into_iter()
        .filter_map(|gap| leftmost(text, before_gap(gap)?, true));
    country.chain(streets).min()
}

/// Reads the address from its start on.
fn read(text: &[u8], start: usize, at_end: bool) -> Outcome {
    let reader = Reader::new(text, at_end);
    let decided = match reader.byte(start) {
        Some(byte) if byte.is_ascii_digit() => from_number(&reader, start),
        _ => from_street(&reader, start).or_else(|| {
            let digit = (start..start + STREET_MAX + 8)
                .find(|at| reader.byte(*at).is_none_or(|b| b.is_ascii_digit()));
            digit.and_then(|digit| from_number(&reader, digit))
        }),
    };
    match decided {
        Some((start, end, weight)) => reader.settle(start, Outcome::Hit { start, end, weight }),
        None => reader.settle(start, Outcome::Nothing),
    }
}

/// Evidence, in nats.
const WHOLE: f32 = 2.9;
const STREET: f32 = 1.1;
const TOWN_ONLY: f32 = 0.7;

type Found = (usize, usize, f32);

fn from_street(reader: &Reader<'_>, start: usize) -> Option<Found> {
    // `D-80331 München`
    for prefix in [&b"D-"[..], b"DE-", b"A-", b"AT-", b"CH-"] {
        if reader.starts_with(start, prefix) && reader.byte(start + prefix.len())?.is_ascii_digit() {
            let end = code_and_town(reader, start)?;
            return Some((start, end.0, TOWN_ONLY));
        }
    }
    let mut words: [Option<Word>; STREET_WORDS] = [None; STREET_WORDS];
    let mut at = start;
    let mut digit = None;
    for slot in &mut words {
        let word = reader.word(at)?;
        let dotted = usize::from(reader.byte(word.end) == Some(b'.'));
        *slot = Some(word);
        at = reader.space(word.end + dotted)?;
        if reader.starts_with(at, b"Nr. ") {
            at += 4;
        }
        if reader.byte(at)?.is_ascii_digit() {
            digit = Some(at);
            break;
        }
    }
    let digit = digit?;
    let mut words = words.into_iter().flatten();
    let first = words.clone().next()?;
    let last = words.next_back()?;
    if is_box(reader, first, last) {
        let end = digits_end(reader, digit, 12, true);
        let whole = code_and_town_behind(reader, end);
        return Some((start, whole.unwrap_or(end), if whole.is_some() { WHOLE } else { STREET }));
    }
    let number = digits_end(reader, digit, 4, false);
    let value = reader.bytes(digit, number);
    if value.len() > 4 || value.first() == Some(&b'0') {
        return None;
    }
    // What looks like a year is no number of a house unless a town follows.
    let year = value.len() == 4;
    let end = house_end(reader, number)?;
    let whole = code_and_town_behind(reader, end);
    let before = words.next_back();
    let (kind, begin) = kind(reader, first, before, last);
    match (kind, whole) {
        (Kind::None, None) => None,
        (_, Some(end)) => Some((begin, end, WHOLE)),
        (Kind::Sure, None) if !year => Some((begin, end, STREET)),
        (Kind::Fair, None) if !year => Some((begin, end, 0.2)),
        _ => None,
    }
}

enum Kind {
    Sure,
    Fair,
    None,
}

/// What kind of street the words are, and where it begins. A sentence may run into them from the left.
fn kind(reader: &Reader<'_>, first: Word, before: Option<Word>, last: Word) -> (Kind, usize) {
    let written = |word: Word| reader.bytes(word.start, word.end);
    let longer = |suffix: &&[u8]| has_ending(written(last), suffix);
    let ordinary = |word: Word| gazetteer::marks(written(word)) & ORDINARY != 0;
    let opened = OPENINGS.contains(&written(first));
    if last.capital && KINDS.contains(&written(last)) {
        // `Straße 5` alone is no address; `Berliner Straße 5` is one.
        let Some(before) = before else { return (Kind::None, first.start) };
        if opened {
            return (Kind::Sure, first.start);
        }
        let named = before.start > first.start && gazetteer::marks(written(first)) & GIVEN != 0;
        let begin = if named { first.start } else { before.start };
        let fits = before.capital && !ordinary(before);
        return (if fits { Kind::Sure } else { Kind::None }, begin);
    }
    if last.capital && !ordinary(last) {
        if SUFFIXES.iter().any(longer) {
            return (Kind::Sure, last.start);
        }
        if WEAK_SUFFIXES.iter().any(longer) {
            return (Kind::Fair, if opened { first.start } else { last.start });
        }
    }
    if opened && last.start > first.start && last.capital && LANDMARKS.contains(&written(last)) {
        return (Kind::Fair, first.start);
    }
    (Kind::None, first.start)
}

fn is_box(reader: &Reader<'_>, first: Word, last: Word) -> bool {
    let word = reader.bytes(last.start, last.end);
    word == b"Postfach"
        || word == b"POSTFACH"
        || word == b"Box" && reader.bytes(first.start, first.end) != b"Box"
}

/// Behind digits, in groups with single spaces between them where asked for.
fn digits_end(reader: &Reader<'_>, start: usize, most: usize, grouped: bool) -> usize {
    let mut at = start;
    while at - start < most {
        match reader.byte(at) {
            Some(byte) if byte.is_ascii_digit() => at += 1,
            Some(b' ') if grouped && reader.byte(at + 1).is_some_and(|b| b.is_ascii_digit()) => at += 1,
            _ => break,
        }
    }
    at
}

/// Behind what may follow the number of a house: `a`, `-14`, `/2/3`, ` b`; none when the number is something else.
fn house_end(reader: &Reader<'_>, number: usize) -> Option<usize> {
    let mut at = number;
    for _ in 0..3 {
        match reader.byte(at) {
            Some(b'-' | b'/') if reader.byte(at + 1).is_some_and(|b| b.is_ascii_digit()) => {
                at = digits_end(reader, at + 1, 4, false);
            }
            Some(byte) if byte.is_ascii_alphabetic() => {
                if reader.letter(at + 1).is_some() || reader.byte(at + 1).is_some_and(|b| b.is_ascii_digit())
                {
                    return None;
                }
                at += 1;
            }
            Some(b' ') if reader.byte(at + 1).is_some_and(|b| matches!(b, b'a'..=b'h')) => {
                let next = reader.byte(at + 2);
                if next.is_some_and(|b| b.is_ascii_alphanumeric() || b >= 0x80) {
                    break;
                }
                at += 2;
            }
            Some(byte) if byte.is_ascii_digit() || matches!(byte, b'%' | b'_' | b':' | b'@') => return None,
            // A date or a fraction: `Hauptstraße 5.12.`
            Some(b'.') if reader.byte(at + 1).is_some_and(|b| b.is_ascii_digit()) => return None,
            _ => break,
        }
    }
    Some(at)
}

/// Behind a separator, a post code and a town.
fn code_and_town_behind(reader: &Reader<'_>, end: usize) -> Option<usize> {
    let mut at = end;
    for _ in 0..6 {
        match reader.byte(at)? {
            b',' | b';' | b'\n' | b'|' | b'\t' | b' ' | b'\r' | b'>' | b'"' => {}
            b'\\' if reader.byte(at + 1)? == b'n' => at += 1,
            // U+00B7, a middle dot.
            0xC2 if reader.byte(at + 1)? == 0xB7 => at += 1,
            _ => break,
        }
        at += 1;
    }
    code_and_town(reader, at).map(|(end, _)| end)
}

/// Behind a post code and the name of a town, and whether the town is known.
fn code_and_town(reader: &Reader<'_>, start: usize) -> Option<(usize, bool)> {
    let prefix = [&b"D-"[..], b"DE-", b"A-", b"AT-", b"CH-"]
        .into_iter()
        .find(|prefix| reader.starts_with(start, prefix));
    let start = start + prefix.map_or(0, <[u8]>::len);
    let end = digits_end(reader, start, 6, false);
    let code = reader.bytes(start, end);
    // Five digits in Germany and France, four in Austria and Switzerland, where a town must be known.
    let (five, four) =
        (code.len() == 5 && !code.starts_with(b"00"), code.len() == 4 && code.first() != Some(&b'0'));
    if !five && !four {
        return None;
    }
    let at = reader.space(end)?;
    let (end, known) = town(reader, at)?;
    (known || five || four && prefix.is_some()).then_some((end, known))
}

/// Behind the name of a town, and whether it is known.
fn town(reader: &Reader<'_>, start: usize) -> Option<(usize, bool)> {
    let first = reader.word(start).filter(|word| word.capital)?;
    let written = reader.bytes(first.start, first.end);
    let marks = gazetteer::marks(written);
    let part = written.split(|b| *b == b'-').next().unwrap_or_default();
    let mut known = marks & TOWN != 0 || gazetteer::marks(part) & TOWN != 0;
    if !known && marks & ORDINARY != 0 {
        return None;
    }
    let mut end = first.end;
    if FIRSTS.contains(&written) {
        let gap = end + usize::from(reader.byte(end) == Some(b'.'));
        if let Some(second) = reader.space(gap).and_then(|at| reader.word(at)).filter(|word| word.capital) {
            end = second.end;
            known = true;
        }
    }
    Some((tail(reader, end).unwrap_or(end), known))
}

/// Behind ` am Main`, ` (Oder)`, ` a. d. Donau`, `/Saale`.
fn tail(reader: &Reader<'_>, end: usize) -> Option<usize> {
    let named = |at: usize| {
        let word = reader.word(at)?;
        TAILS.contains(&reader.bytes(word.start, word.end)).then_some(word.end)
    };
    match reader.byte(end)? {
        b'/' => return named(end + 1),
        b' ' if reader.byte(end + 1)? == b'(' => {
            let close = named(end + 2)?;
            return (reader.byte(close)? == b')').then_some(close + 1);
        }
        _ => {}
    }
    let mut at = reader.space(end)?;
    for _ in 0..2 {
        let word = reader.word(at)?;
        if word.capital {
            break;
        }
        let written = reader.bytes(word.start, word.end);
        if !matches!(
            written,
            b"am" | b"an" | b"der" | b"im" | b"in" | b"a" | b"d" | b"i" | b"vor" | b"ob" | b"bei" | b"b"
        ) {
            return None;
        }
        at = reader.space(word.end + usize::from(reader.byte(word.end) == Some(b'.')))?;
    }
    named(at)
}

/// An address that begins with a number: a post code and a town, or a street of France or an English-speaking country.
fn from_number(reader: &Reader<'_>, start: usize) -> Option<Found> {
    let number = digits_end(reader, start, 6, false);
    if number - start == 5 {
        let (end, known) = code_and_town(reader, start)?;
        return known.then_some((start, end, TOWN_ONLY));
    }
    if number - start > 4 || reader.byte(start)? == b'0' {
        return None;
    }
    let letter = reader.byte(number).is_some_and(|b| matches!(b, b'A'..=b'F' | b'a'..=b'f'));
    let mut at = number + usize::from(letter);
    for filler in [&b" bis"[..], b" ter", b","] {
        if reader.starts_with(at, filler) {
            at += filler.len();
        }
    }
    let at = reader.space(at)?;
    let word = reader.word(at)?;
    if FRENCH.contains(&reader.bytes(word.start, word.end))
        || FRENCH.contains(&reader.bytes(word.start, word.end + 1))
    {
        return french(reader, start, word);
    }
    english(reader, start, word)
}

fn french(reader: &Reader<'_>, start: usize, kind: Word) -> Option<Found> {
    let mut end = kind.end + usize::from(reader.byte(kind.end) == Some(b'.'));
    let mut capitals = 0;
    for _ in 0..6 {
        let Some(at) = reader.space(end) else { break };
        let elided = if reader.starts_with(at, b"l'") || reader.starts_with(at, b"d'") { 2 } else { 0 };
        let Some(word) = reader.word(at + elided) else { break };
        let small = matches!(
            reader.bytes(word.start, word.end),
            b"de" | b"la" | b"des" | b"du" | b"le" | b"les" | b"et"
        );
        if !word.capital && !small {
            break;
        }
        capitals += usize::from(word.capital);
        end = if word.capital { word.end } else { end.max(word.end) };
    }
    if capitals == 0 {
        return None;
    }
    match code_and_town_behind(reader, end) {
        Some(end) => Some((start, end, WHOLE)),
        None => Some((start, end, STREET)),
    }
}

fn english(reader: &Reader<'_>, start: usize, first: Word) -> Option<Found> {
    let mut word = first;
    for count in 0..4 {
        let written = reader.bytes(word.start, word.end);
        if count > 0 && ENGLISH.contains(&written) {
            let dotted = word.end + usize::from(reader.byte(word.end) == Some(b'.') && written.len() <= 4);
            let end = english_town(reader, dotted);
            return Some((start, end.unwrap_or(word.end), if end.is_some() { WHOLE } else { WEAK_STREET }));
        }
        if !word.capital || gazetteer::marks(written) & ORDINARY != 0 && !ENGLISH_WORDS.contains(&written) {
            return None;
        }
        let at = reader.space(word.end + usize::from(reader.byte(word.end) == Some(b'.')))?;
        word = reader.word(at)?;
    }
    None
}

/// Evidence of a street of an English address without a town.
const WEAK_STREET: f32 = 0.6;
/// Ordinary words that streets are named for.
const ENGLISH_WORDS: &[&[u8]] = &[
    b"High", b"Main", b"Park", b"Church", b"School", b"Station", b"King", b"Queen", b"Prince", b"West",
    b"North", b"South", b"East", b"New", b"Long", b"White", b"Water", b"Stone", b"Green", b"Great",
];

/// Behind towns and states up to a post code of Great Britain or the United States.
fn english_town(reader: &Reader<'_>, end: usize) -> Option<usize> {
    let mut at = end;
    for _ in 0..8 {
        while matches!(reader.byte(at)?, b',' | b' ' | b'\n' | b'.') {
            at += 1;
            if at - end > 80 {
                return None;
            }
        }
        if let Some(code) = british_code(reader, at) {
            return Some(code);
        }
        let digits = digits_end(reader, at, 5, false);
        if digits - at == 5 && !reader.byte(digits).is_some_and(|b| b.is_ascii_alphanumeric()) {
            let more = digits_end(reader, digits + 1, 4, false);
            let plus_four = reader.byte(digits) == Some(b'-') && more - digits == 5;
            return Some(if plus_four { more } else { digits });
        }
        let word = reader.word(at).filter(|word| word.capital)?;
        at = word.end;
    }
    None
}

/// `NW1 6XE`, `SW1A 1AA`: the area and district, a space, a digit and two letters.
fn british_code(reader: &Reader<'_>, start: usize) -> Option<usize> {
    let mut at = start;
    while at - start < 5 && reader.byte(at).is_some_and(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
        at += 1;
    }
    let district = reader.bytes(start, at);
    if !(2..=4).contains(&district.len())
        || !district.iter().any(u8::is_ascii_digit)
        || !district.first()?.is_ascii_uppercase()
    {
        return None;
    }
    let inward = reader.space(at)?;
    let fits = reader.byte(inward)?.is_ascii_digit()
        && reader.byte(inward + 1)?.is_ascii_uppercase()
        && reader.byte(inward + 2)?.is_ascii_uppercase()
        && !reader.byte(inward + 3).is_some_and(|b| b.is_ascii_alphanumeric());
    fits.then_some(inward + 3)
}

#[cfg(test)]
mod tests;
