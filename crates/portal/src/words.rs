//! Words as one looks for them: German and English, without regard to how they are written or inflected.
//!
//! A word has up to three forms. *Plain* is lower case with `ä` as `ae` and `ß` as `ss`; parts of compounds are found in it.
//! *Stem* also loses its umlauts and its inflection, so that `Verträge` is `vertrag` (light stemming as in Savoy 2006,
//! umlauts as in Snowball's German2, written anew). Numbers and dates have one form each, however they are written:
//! `1.234,56` and `1,234.56`, `24.12.2026`, `24. Dezember 2026` and `2026-12-24`.

use std::ops::Range;

/// Longest word in bytes that is told apart; what is longer is no word of a language and is cut.
const WORD_BYTES_MAX: usize = 96;
/// Words that keep so many characters are stemmed.
const STEM_CHARACTERS_MIN: usize = 4;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// Where it stands, in bytes.
    pub(crate) place: Range<usize>,
    pub(crate) form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Form {
    pub(crate) plain: String,
    /// Equal to `plain` for numbers and dates.
    pub(crate) stem: String,
    /// A number or date: only the same one is found by it.
    pub(crate) is_exact: bool,
}

impl Form {
    fn exact(text: String) -> Self {
        Self { stem: text.clone(), plain: text, is_exact: true }
    }

    fn word(text: &str) -> Self {
        let plain = fold(text);
        Self { stem: stem(&plain), plain, is_exact: false }
    }
}

/// All words of a text in their order. A number that may be read in two ways is there in both, and what hyphens join is
/// there joined too.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let runs = runs(text);
    let mut words = Vec::with_capacity(runs.len());
    let mut rest = runs.as_slice();
    while let Some((run, behind)) = rest.split_first() {
        if let Some((date, count)) = date(text, rest) {
            let end = rest.get(count - 1).map_or(run.end, |last| last.end);
            words.push(Word { place: run.start..end, form: Form::exact(date) });
            rest = rest.get(count..).unwrap_or_default();
            continue;
        }
        let own = text.get(run.clone()).unwrap_or_default();
        if own.starts_with(|first: char| first.is_ascii_digit()) {
            for number in numbers(own) {
                words.push(Word { place: run.clone(), form: Form::exact(number) });
            }
        } else {
            words.push(Word { place: run.clone(), form: Form::word(own) });
            if let Some((joined, end)) = joined(text, rest) {
                words.push(Word { place: run.start..end, form: Form::word(&joined) });
            }
        }
        rest = behind;
    }
    words
}

/// Runs of letters and digits; a run that begins with a digit also takes points and commas between digits.
fn runs(text: &str) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut characters = text.char_indices().peekable();
    while let Some((start, first)) = characters.next() {
        if !first.is_alphanumeric() {
            continue;
        }
        let is_number = first.is_ascii_digit();
        let mut end = start + first.len_utf8();
        while let Some(&(at, next)) = characters.peek() {
            let follows = text.get(at + next.len_utf8()..).and_then(|rest| rest.chars().next());
            let joins = is_number
                && matches!(next, '.' | ',')
                && follows.is_some_and(|follows| follows.is_ascii_digit())
                && text.get(start..at).is_some_and(|own| own.ends_with(|last: char| last.is_ascii_digit()));
            if !next.is_alphanumeric() && !is_combining(next) && !joins {
                break;
            }
            end = at + next.len_utf8();
            characters.next();
        }
        runs.push(start..end);
    }
    runs
}

fn is_combining(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36F}')
}

/// What a hyphen, a soft hyphen or both join: up to three runs, as one word, and where it ends.
fn joined(text: &str, runs: &[Range<usize>]) -> Option<(String, usize)> {
    let is_hyphen = |pair: &[Range<usize>]| {
        let [one, other] = pair else { return false };
        matches!(text.get(one.end..other.start), Some("-" | "\u{AD}" | "\u{2010}" | "\u{2011}"))
    };
    let count = 1 + runs.windows(2).take(2).take_while(|pair| is_hyphen(pair)).count();
    let joined = runs.get(..count).filter(|_| count > 1)?;
    let end = joined.last()?.end;
    Some((joined.iter().filter_map(|run| text.get(run.clone())).collect(), end))
}

/// A date at the beginning of these runs as `2026-12-24`, and how many of them it takes.
fn date(text: &str, runs: &[Range<usize>]) -> Option<(String, usize)> {
    let run = |place: usize| text.get(runs.get(place)?.clone());
    let between = |place: usize| text.get(runs.get(place)?.end..runs.get(place + 1)?.start);
    let first = run(0)?;
    if !first.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    // 24.12.2026 is one run.
    let mut parts = first.split('.');
    if let (Some(day), Some(month), Some(year), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    {
        return iso(year, number(month)?, day).map(|date| (date, 1));
    }
    // 2026-12-24
    if first.len() == 4 && between(0) == Some("-") && between(1) == Some("-") {
        return iso(first, number(run(1)?)?, run(2)?).map(|date| (date, 3));
    }
    // 24. Dezember 2026, 24 December 2026
    if matches!(between(0), Some(". " | " " | ".\u{A0}" | "\u{A0}"))
        && matches!(between(1), Some(" " | "\u{A0}"))
    {
        return iso(run(2)?, month(run(1)?)?, first).map(|date| (date, 3));
    }
    None
}

fn number(text: &str) -> Option<u8> {
    (text.len() <= 2).then(|| text.parse().ok()).flatten()
}

fn iso(year: &str, month: u8, day: &str) -> Option<String> {
    let day = number(day)?;
    let is_year = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    let is_date = is_year && (1..=12).contains(&month) && (1..=31).contains(&day);
    is_date.then(|| format!("{year}-{month:02}-{day:02}"))
}

/// The first three letters of the months, folded, in German and English.
fn month(name: &str) -> Option<u8> {
    const MONTHS: [&[&str]; 12] = [
        &["januar", "jaenner", "january"],
        &["februar", "february"],
        &["maerz", "march"],
        &["april"],
        &["mai", "may"],
        &["juni", "june"],
        &["juli", "july"],
        &["august"],
        &["september"],
        &["oktober", "october"],
        &["november"],
        &["dezember", "december"],
    ];
    let name = fold(name);
    let place = MONTHS.iter().position(|names| names.contains(&name.as_str()))?;
    u8::try_from(place + 1).ok()
}

/// A number without what separates its thousands, and with a point before its decimals. `1.234` may be one or the other.
fn numbers(text: &str) -> Vec<String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','));
    if !is_plain {
        // 3D, 2a, 12kg
        return vec![fold(text)];
    }
    let bare = || text.replace(['.', ','], "");
    let separators = text.bytes().filter(|byte| !byte.is_ascii_digit()).count();
    let (Some(last), true) = (text.rfind(['.', ',']), separators > 0) else { return vec![bare()] };
    let (whole, decimals) = text.split_at(last);
    let decimal = || format!("{}.{}", whole.replace(['.', ','], ""), decimals.get(1..).unwrap_or_default());
    let kinds = (text.contains('.'), text.contains(','));
    match (kinds, separators) {
        ((true, true), _) => vec![decimal()],
        (_, 1) if decimals.len() == 4 && whole.len() <= 3 && !whole.starts_with('0') => {
            vec![bare(), decimal()]
        }
        (_, 1) => vec![decimal()],
        // Several of one kind: thousands, or something like 192.168.0.1.
        _ if text.split(['.', ',']).skip(1).all(|group| group.len() == 3) => vec![bare()],
        _ => vec![text.to_owned()],
    }
}

/// Lower case, umlauts as two letters, without accents.
pub(crate) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars().flat_map(char::to_lowercase) {
        if out.len() >= WORD_BYTES_MAX {
            break;
        }
        match character {
            'ä' | 'æ' => out.push_str("ae"),
            'ö' | 'œ' | 'ø' => out.push_str("oe"),
            'ü' => out.push_str("ue"),
            'ß' => out.push_str("ss"),
            // The dots of a letter that was written in two characters.
            '\u{308}' if out.ends_with(['a', 'o', 'u']) => out.push('e'),
            'à' | 'á' | 'â' | 'ã' | 'å' | 'ā' | 'ă' | 'ą' => out.push('a'),
            'ç' | 'ć' | 'č' => out.push('c'),
            'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => out.push('e'),
            'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => out.push('i'),
            'ł' => out.push('l'),
            'ñ' | 'ń' | 'ň' => out.push('n'),
            'ò' | 'ó' | 'ô' | 'õ' | 'ő' | 'ō' => out.push('o'),
            'ř' => out.push('r'),
            'ś' | 'š' | 'ş' | 'ș' => out.push('s'),
            'ť' | 'ț' => out.push('t'),
            'ù' | 'ú' | 'û' | 'ů' | 'ű' | 'ū' => out.push('u'),
            'ý' | 'ÿ' => out.push('y'),
            'ź' | 'ž' | 'ż' => out.push('z'),
            'ğ' => out.push('g'),
            'ď' | 'đ' => out.push('d'),
            '\u{AD}' => {}
            other if is_combining(other) => {}
            other => out.push(other),
        }
    }
    out
}

/// Of a folded word: without umlauts and inflection.
pub(crate) fn stem(plain: &str) -> String {
    let mut out = String::with_capacity(plain.len());
    let mut rest = plain.chars().peekable();
    while let Some(character) = rest.next() {
        let before = out.chars().last();
        let is_umlaut = match character {
            'a' | 'o' => rest.peek() == Some(&'e'),
            // Not in Quelle, neue, bauen.
            'u' => rest.peek() == Some(&'e') && !matches!(before, Some('q' | 'a' | 'e' | 'i' | 'o' | 'u')),
            _ => false,
        };
        out.push(character);
        if is_umlaut {
            rest.next();
        }
    }
    inflected(&mut out);
    out
}

/// Takes off one ending, the longest, where enough remains.
fn inflected(word: &mut String) {
    let length = word.chars().count();
    if let Some(base) = word.strip_suffix("ies").filter(|_| length > STEM_CHARACTERS_MIN + 1) {
        *word = format!("{base}y");
        return;
    }
    const ENDINGS: [(&str, &str); 8] =
        [("innen", "in"), ("ern", ""), ("em", ""), ("er", ""), ("en", ""), ("es", ""), ("e", ""), ("n", "")];
    let mut is_done = false;
    for (ending, instead) in ENDINGS {
        let Some(base) = word.strip_suffix(ending) else { continue };
        // Schüsseln, Vätern; not Person, Lehrerin.
        if ending == "n" && !base.ends_with(['l', 'r']) {
            continue;
        }
        if base.chars().count() >= STEM_CHARACTERS_MIN {
            *word = format!("{base}{instead}");
            is_done = true;
            break;
        }
    }
    let is_plural = |base: &str| {
        base.chars().count() >= STEM_CHARACTERS_MIN - 1
            && base.ends_with(['a', 'o', 'y', 'b', 'd', 'f', 'g', 'h', 'k', 'l', 'm', 'n', 'r', 't', 'p'])
    };
    if !is_done
        && let Some(base) = word.strip_suffix('s')
        && is_plural(base)
    {
        *word = base.to_owned();
    }
    // Ergebnis, Ergebnisse.
    if word.ends_with("ss") {
        word.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::{fold, stem, words};

    fn check(text: &str, expected: &[&str]) {
        let words = words(text);
        let found: Vec<&str> = words.iter().map(|word| word.form.plain.as_str()).collect();
        assert_eq!(found, expected, "{text}");
        for word in &words {
            assert!(text.get(word.place.clone()).is_some(), "{text} {word:?}");
        }
    }

    fn check_same(texts: &[&str]) {
        let stems: Vec<String> = texts.iter().map(|text| stem(&fold(text))).collect();
        assert!(stems.iter().all(|stem| *stem == stems[0]), "{texts:?} {stems:?}");
    }

    #[test]
    fn words_are_folded() {
        check(
            "Die Kündigung, KÜNDIGUNG! Ku\u{308}ndigung",
            &["die", "kuendigung", "kuendigung", "kuendigung"],
        );
        check("Straße Übermaß café", &["strasse", "uebermass", "cafe"]);
        check("", &[]);
        check("…!? — ", &[]);
        check("E-Mail-Adresse", &["e", "emailadresse", "mail", "mailadresse", "adresse"]);
        check("Kündi\u{AD}gung", &["kuendi", "kuendigung", "gung"]);
        check("日本語 и русский", &["日本語", "и", "русский"]);
    }

    #[test]
    fn numbers_have_one_form() {
        check("3,5 3.5", &["3.5", "3.5"]);
        check("1.234,56 1,234.56 1234,56", &["1234.56", "1234.56", "1234.56"]);
        check("1.234", &["1234", "1.234"]);
        check("1.234.567 € und 12", &["1234567", "und", "12"]);
        check("192.168.0.1", &["192.168.0.1"]);
        check("0.125", &["0.125"]);
        check("Ende 5.", &["ende", "5"]);
        check("§ 622 3D 12kg", &["622", "3d", "12kg"]);
    }

    #[test]
    fn dates_have_one_form() {
        for date in ["24.12.2026", "2026-12-24", "24. Dezember 2026", "24 December 2026"] {
            check(date, &["2026-12-24"]);
        }
        check("am 1.3.2027 um 9", &["am", "2027-03-01", "um", "9"]);
        check("3. März 2027", &["2027-03-03"]);
        check("32.12.2026", &["32.12.2026"]);
        check("2026-13-24", &["2026", "13", "24"]);
        check("24. Kapitel 2026", &["24", "kapitel", "2026"]);
    }

    #[test]
    fn inflected_words_have_one_stem() {
        check_same(&["Vertrag", "Verträge", "Verträgen", "Vertraege", "Vertrages", "Vertrags"]);
        check_same(&["Haus", "Häuser", "Häusern", "Hauses"]);
        check_same(&["Buch", "Bücher", "Buches", "Büchern"]);
        check_same(&["Frist", "Fristen"]);
        check_same(&["Regelung", "Regelungen"]);
        check_same(&["Kündigungsfrist", "Kündigungsfristen", "Kuendigungsfrist", "Kundigungsfrist"]);
        check_same(&["Ergebnis", "Ergebnisse", "Ergebnissen"]);
        check_same(&["Straße", "Strasse", "Straßen"]);
        check_same(&["Lehrerin", "Lehrerinnen"]);
        check_same(&["policy", "policies"]);
        check_same(&["contract", "contracts"]);
        check_same(&["Büro", "Büros"]);
        check_same(&["Fluss", "Flüsse", "Fluß"]);
        for (one, other) in [("Haus", "Hase"), ("Quelle", "Qual"), ("neu", "nu"), ("Miete", "Mitte")] {
            assert_ne!(stem(&fold(one)), stem(&fold(other)), "{one} {other}");
        }
    }
}
