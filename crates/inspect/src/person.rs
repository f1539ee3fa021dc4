//! Names of persons: a given name with a family name, or any name where a letter puts one.
//!
//! There is no model of language here. A name is found where its words are in the gazetteers, or where a salutation, a
//! signature, the label of a field or a role announces it. Given names that nobody announces and that stand alone are
//! not found, nor are family names alone.

use crate::gazetteer::{self, BODY, GIVEN, ORDINARY, SURNAME, TITLE, TOWN};
use crate::letters::{Reader, Word};
use crate::text::{Outcome, has_ending, range};

/// Words that one name may have, with initials, without particles.
const WORDS_MAX: usize = 5;
/// Bytes that one name may have.
const NAME_MAX: usize = 96;
/// How far to the left of a name its company is looked for.
const BEFORE_MAX: usize = 24;

/// Small words inside names. Those of the second list only before a word known as a family name.
const PARTICLES: &[&[u8]] = &[
    b"von", b"van", b"vom", b"de", b"di", b"del", b"della", b"dos", b"du", b"ter", b"ten", b"te", b"al",
    b"el", b"bin", b"ibn", b"ben", b"af",
];
const WEAK_PARTICLES: &[&[u8]] =
    &[b"zu", b"zum", b"zur", b"der", b"den", b"da", b"la", b"le", b"und", b"y", b"e", b"in", b"auf", b"am"];
/// Ends of nouns that are no family names.
const NOUN_ENDINGS: &[&[u8]] = &[
    b"ung",
    b"ungen",
    b"heit",
    b"keit",
    b"keiten",
    b"schaft",
    b"tion",
    b"tionen",
    b"t\xC3\xA4t",
    b"ment",
    b"ismus",
    b"nummer",
    b"datum",
    b"daten",
    b"liste",
    b"termin",
    b"vertrag",
    b"antrag",
    b"service",
    b"team",
    b"abteilung",
    b"stra\xC3\x9Fe",
    b"strasse",
    b"platz",
    b"allee",
    b"gasse",
    b"weg",
    b"halle",
    b"schule",
    b"haus",
    b"straat",
    b"ing",
    b"ness",
    b"innen",
    b"ship",
    b"log",
    b"plan",
    b"akte",
    b"projekt",
    b"gespr\xC3\xA4ch",
    b"tag",
    b"zeit",
    b"bericht",
];
/// Words before a name that make it the name of a company.
const BEFORE_COMPANY: &[&[u8]] = &[
    b"firma",
    b"fa.",
    b"kanzlei",
    b"praxis",
    b"autohaus",
    b"hotel",
    b"verlag",
    b"marke",
    b"bank",
    b"reederei",
    b"stiftung",
    b"klinik",
    b"b\xC3\xA4ckerei",
    b"metzgerei",
    b"apotheke",
    b"restaurant",
    b"company",
    b"brand",
    b"haus",
    b"institut",
    b"schule",
    b"platz",
    b"stra\xC3\x9Fe",
];
/// What stands between the end of a letter and the name of who signs.
const SIGNED_FOR: &[&[u8]] = &[
    b"i. A.",
    b"i.A.",
    b"i. V.",
    b"i.V.",
    b"ppa.",
    b"gez.",
    b"Ihre",
    b"Ihr",
    b"Deine",
    b"Dein",
    b"Eure",
    b"Euer",
    b"your",
    b"Your",
    b"im Auftrag",
    b"i.\xC2\xA0A.",
];

/// What announces a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cue {
    /// Nothing: the words themselves are known.
    Text,
    /// `Herr`, `Frau`, `Mrs`, `Dr.`
    Salutation,
    /// `Hallo`, `Liebe`, `Dear`
    Greeting,
    /// `Mit freundlichen Grüßen`, `gez.`
    Signature,
    /// `Nachname:`, `Patient:`, `"surname": "`
    Label,
    /// `Name:`, `Kunde:`, `From:`, which companies and things have too.
    WeakLabel,
    /// `unser Kollege`, `der Patient`
    Role,
}

impl Cue {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "salutation" => Self::Salutation,
            "greeting" => Self::Greeting,
            "signature" => Self::Signature,
            "label" => Self::Label,
            "weak-label" => Self::WeakLabel,
            "role" => Self::Role,
            _ => return None,
        })
    }
}

/// Reads the name behind a cue that ends at `end`.
pub(crate) fn read_behind(text: &[u8], end: usize, at_end: bool, cue: Cue) -> Outcome {
    let reader = Reader::new(text, at_end);
    let decided = behind(&reader, end, cue).unwrap_or(Outcome::Nothing);
    reader.settle(end, decided)
}

/// Reads the name that begins with the word at `start`, which begins with a capital.
pub(crate) fn read_known(text: &[u8], start: usize, at_end: bool) -> Outcome {
    let reader = Reader::new(text, at_end);
    let decided = known(&reader, text, start).unwrap_or(Outcome::Nothing);
    reader.settle(start, decided)
}

fn hit(name: Name, odds: f32) -> Option<Outcome> {
    Some(Outcome::Hit { start: name.start, end: name.end, weight: odds })
}

/// Evidence of a name, in nats.
const SURE: f32 = 2.9;
const LIKELY: f32 = 2.0;
const FAIR: f32 = 1.1;
const WEAK: f32 = 0.4;

fn behind(reader: &Reader<'_>, end: usize, cue: Cue) -> Option<Outcome> {
    let at = match cue {
        Cue::Text => return None,
        Cue::Salutation | Cue::Greeting | Cue::Role => reader.spaces(end, 2),
        Cue::Label | Cue::WeakLabel => label_value(reader, end)?,
        Cue::Signature => signature(reader, end)?,
    };
    if at == end {
        return None;
    }
    let at = titles(reader, at);
    let name = Name::read(reader, at, cue)?;
    let closed = name.is_closed(reader);
    let known = name.given || name.family;
    match cue {
        Cue::Salutation => hit(name, if known { SURE } else { LIKELY }),
        Cue::Greeting if name.first_ordinary && !(known && closed) => None,
        Cue::Greeting if known => hit(name, LIKELY),
        Cue::Greeting if closed && !name.noun => hit(name, WEAK),
        Cue::Signature if !closed || name.first_ordinary && !name.family => None,
        Cue::Signature if known => hit(name, SURE),
        Cue::Signature if !name.noun => hit(name, if name.words > 1 { FAIR } else { WEAK }),
        Cue::Label if name.first_ordinary && !(known && closed) => None,
        Cue::Label if known => hit(name, SURE),
        Cue::Label if closed && !name.noun => hit(name, FAIR),
        Cue::WeakLabel if name.given && name.words > 1 && !name.noun => hit(name, LIKELY),
        Cue::WeakLabel if name.given && !name.first_ordinary && closed => hit(name, WEAK),
        Cue::Role if name.first_ordinary || name.town => None,
        Cue::Role if known => hit(name, LIKELY),
        Cue::Role if name.words > 1 && !name.noun => hit(name, WEAK),
        _ => None,
    }
}

/// Behind `: "` and the like.
fn label_value(reader: &Reader<'_>, end: usize) -> Option<usize> {
    let mut at = end;
    let mut separated = false;
    for _ in 0..10 {
        match reader.byte(at)? {
            b':' | b'=' | b'\t' | b'|' if !separated || reader.byte(at)? != b':' => separated = true,
            b' ' | b'"' | b'\'' | b'*' | b'_' | b'>' => {}
            0xC2 if reader.byte(at + 1)? == 0xA0 => at += 1,
            _ => return separated.then_some(at),
        }
        at += 1;
    }
    None
}

/// Behind the end of the line, blank lines, and who is signed for.
fn signature(reader: &Reader<'_>, end: usize) -> Option<usize> {
    let mut at = end;
    let mut lines = 0;
    for _ in 0..24 {
        match reader.byte(at)? {
            b' ' | b'\t' | b',' | b'!' | b'.' | b':' | b'>' | b'-' | b'*' | b'_' | b'\r' => at += 1,
            b'\n' if lines < 4 => {
                lines += 1;
                at += 1;
            }
            b'\\' if matches!(reader.byte(at + 1)?, b'n' | b'r') => at += 2,
            _ => {
                match SIGNED_FOR
                    .iter()
                    .find(|word| reader.starts_with(at, word) && reader.letter(at + word.len()).is_none())
                {
                    Some(word) => at += word.len(),
                    None => return Some(at),
                }
            }
        }
    }
    None
}

/// Behind degrees, offices and forms of address: `Dr. med. `, `Prof. `, `Herrn `.
fn titles(reader: &Reader<'_>, start: usize) -> usize {
    let mut at = start;
    for _ in 0..6 {
        // `h. c.`, `med.`, `rer.`, `nat.`, `phil.`, `jur.`
        let Some(word) = reader.word(at) else { return at };
        let dotted = reader.byte(word.end) == Some(b'.');
        let written = reader.bytes(word.start, word.end);
        let degree = !word.capital && dotted && written.len() <= 5 && at > start;
        let titled = word.capital && written.split(|b| *b == b'-').all(is_title);
        // `Herr Graf`, `Frau Richter`: a title is the name where nothing else follows.
        let behind = word.end + usize::from(dotted);
        let next = reader.spaces(behind, 2);
        if !(degree || titled) || next == behind && !(dotted && reader.letter(next).is_some()) {
            return at;
        }
        let goes_on = reader.word(next).is_some_and(|word| word.capital || dotted);
        let is_name = gazetteer::marks(written) & SURNAME != 0 && !dotted;
        if !goes_on || is_name && !reader.word(next).is_some_and(|word| is_family(reader, word)) {
            return at;
        }
        at = next;
    }
    at
}

fn is_title(part: &[u8]) -> bool {
    gazetteer::marks(part) & TITLE != 0
}

fn is_family(reader: &Reader<'_>, word: Word) -> bool {
    let marks = marks(reader, word).0;
    word.capital && marks & SURNAME != 0 && marks & BODY == 0
}

/// What a known name with nobody to announce it is worth.
fn known(reader: &Reader<'_>, text: &[u8], start: usize) -> Option<Outcome> {
    let first = reader.word(start)?;
    if start.checked_sub(1).and_then(|before| text.get(before)) == Some(&b'-') {
        return None;
    }
    let (marks, _) = marks(reader, first);
    if marks & (GIVEN | SURNAME) == 0 && !first.shouted {
        return None;
    }
    if let Some(name) = family_first(reader, first, marks) {
        return if follows_company(text, start) { None } else { hit(name.0, name.1) };
    }
    if marks & GIVEN == 0 {
        return None;
    }
    let name = Name::read(reader, start, Cue::Text)?;
    if name.words < 2 || follows_company(text, start) {
        return None;
    }
    let doubtful = name.first_ordinary || name.first_town;
    match (doubtful, name.family, name.family_ordinary) {
        (false, true, false) => hit(name, SURE),
        (false, true, true) => hit(name, FAIR),
        (true, true, false) => hit(name, FAIR),
        (false, false, _) if !name.noun => hit(name, FAIR),
        _ => None,
    }
}

/// `Mustermann, Max`, `MUSTERMANN, Max`, and the cells of a table: `Max;Mustermann`.
fn family_first(reader: &Reader<'_>, first: Word, marks: u8) -> Option<(Name, f32)> {
    let separator = reader.byte(first.end)?;
    let cell =
        matches!(separator, b';' | b'\t' | b'|') || separator == b',' && reader.byte(first.end + 1)? != b' ';
    if !matches!(separator, b',' | b';' | b'\t' | b'|') {
        return None;
    }
    let at = first.end + 1 + usize::from(!cell);
    let second = reader.word(at).filter(|word| word.capital)?;
    let (others, _) = self::marks(reader, second);
    let sure = |marks: u8, wanted: u8| marks & wanted != 0 && marks & (ORDINARY | BODY | TOWN) == 0;
    let family =
        sure(marks, SURNAME) || first.shouted && marks & ORDINARY == 0 && first.end - first.start > 4;
    let reversed = family && sure(others, GIVEN) && (marks & GIVEN == 0 || first.shouted && !second.shouted);
    let odds = match cell {
        _ if reversed && cell => LIKELY,
        true if sure(marks, GIVEN) && sure(others, SURNAME) => LIKELY,
        false if reversed => FAIR,
        _ => return None,
    };
    let mut end = second.end;
    // A second given name.
    if reversed && let Some(third) = reader.space(end).and_then(|at| reader.word(at)) {
        let (more, _) = self::marks(reader, third);
        if third.capital && sure(more, GIVEN) && !cell {
            end = third.end;
        }
    }
    let name = Name { start: first.start, end, words: 2, given: true, family: true, ..Name::default() };
    Some((name, odds))
}

/// A word just before the name makes it the name of a company.
fn follows_company(text: &[u8], start: usize) -> bool {
    let before = range(text, start.saturating_sub(BEFORE_MAX), start);
    let word = before.strip_suffix(b" ").unwrap_or_default();
    BEFORE_COMPANY.iter().any(|company| {
        let end = word.len().checked_sub(company.len()).map(|from| range(word, from, word.len()));
        end.is_some_and(|end| end.eq_ignore_ascii_case(company))
    })
}

/// The marks of a word, joined by hyphens or not, and the bytes of a genitive that is no part of the name.
fn marks(reader: &Reader<'_>, word: Word) -> (u8, usize) {
    let written = reader.bytes(word.start, word.end);
    let whole = gazetteer::marks(written);
    if whole & (GIVEN | SURNAME) != 0 {
        return (whole, 0);
    }
    let mut given = GIVEN;
    let mut any = 0;
    let mut genitive = 0;
    let mut parts = written.split(|b| *b == b'-').peekable();
    while let Some(part) = parts.next() {
        let mut found = gazetteer::marks(part);
        if found & (GIVEN | SURNAME) == 0
            && parts.peek().is_none()
            && let Some(stem) = part.strip_suffix(b"s")
        {
            let stem = gazetteer::marks(stem);
            if stem & (GIVEN | SURNAME) != 0 && found == 0 {
                found = stem;
                genitive = 1;
            }
        }
        given &= found;
        any |= found;
    }
    if written.contains(&b'-') {
        // Of a joined word only names count, and one part that is a street or a thing spoils it.
        let spoiled = any & BODY != 0 || has_noun_ending(written);
        return (if spoiled { BODY } else { given | any & SURNAME }, genitive);
    }
    (any | whole, genitive)
}

fn has_noun_ending(word: &[u8]) -> bool {
    NOUN_ENDINGS.iter().any(|ending| has_ending(word, ending))
}

/// What was read of a name.
#[derive(Debug, Clone, Copy, Default)]
struct Name {
    start: usize,
    end: usize,
    /// Words, initials among them.
    words: usize,
    given: bool,
    family: bool,
    /// The family name is an ordinary word, too.
    family_ordinary: bool,
    first_ordinary: bool,
    first_town: bool,
    town: bool,
    /// A word of it ends as nouns do.
    noun: bool,
}

impl Name {
    /// Reads as many words as belong to one name.
    fn read(reader: &Reader<'_>, start: usize, cue: Cue) -> Option<Self> {
        let mut name = Self { start, end: start, ..Self::default() };
        let mut at = start;
        while name.words < WORDS_MAX && at - start < NAME_MAX {
            if name.words > 0 || cue != Cue::Text {
                at = name.particles(reader, at);
            }
            if let Some(end) = initial(reader, at) {
                // An initial counts only with a name behind it.
                let next = reader.spaces(end, 1);
                let follows =
                    reader.word(next).is_some_and(|word| word.capital) || initial(reader, next).is_some();
                if !follows || name.family && name.words > 0 {
                    break;
                }
                name.words += 1;
                at = next;
                continue;
            }
            let Some(word) = reader.word(at).filter(|word| word.capital) else { break };
            let (marks, genitive) = marks(reader, word);
            if !name.takes(reader, word, marks, cue) {
                break;
            }
            name.add(reader, word, marks, genitive);
            if genitive > 0 {
                break;
            }
            match reader.space(word.end) {
                Some(next) => at = next,
                None => break,
            }
        }
        (name.end > start && !name.is_body(reader)).then_some(name)
    }

    /// Behind particles that belong to the name because of the word behind them.
    fn particles(&self, reader: &Reader<'_>, start: usize) -> usize {
        let mut at = start;
        let mut weak = false;
        for _ in 0..3 {
            let Some(word) = reader.word(at).filter(|word| !word.capital) else { break };
            let written = reader.bytes(word.start, word.end);
            let strong = PARTICLES.contains(&written);
            if !strong && !WEAK_PARTICLES.contains(&written) {
                // `al-Hassan` is one word for the reader.
                break;
            }
            weak |= !strong && at == start;
            match reader.space(word.end) {
                Some(next) => at = next,
                None => return start,
            }
        }
        let Some(word) = reader.word(at).filter(|word| word.capital && at > start) else { return start };
        let (marks, _) = marks(reader, word);
        let fits = if weak {
            marks & SURNAME != 0 && marks & ORDINARY == 0
        } else {
            marks & ORDINARY == 0 || marks & SURNAME != 0
        };
        if fits && marks & BODY == 0 { at } else { start }
    }

    fn takes(&self, reader: &Reader<'_>, word: Word, marks: u8, cue: Cue) -> bool {
        let written = reader.bytes(word.start, word.end);
        let known = marks & (GIVEN | SURNAME) != 0;
        let ordinary = marks & ORDINARY != 0;
        if marks & BODY != 0 || written.len() < 2 {
            return false;
        }
        if self.end == self.start {
            // Behind `Herr` stands a name, whatever else its letters mean.
            let acronym = word.shouted && written.len() < 4 && cue != Cue::Salutation;
            return known || !(ordinary || acronym);
        }
        if !known && (ordinary || marks & TITLE != 0) {
            return false;
        }
        if self.noun || word.shouted && !known && written.len() < 5 {
            return false;
        }
        if known {
            // Behind a family name only another one, as in `Müller Schmidt`, never a word of the sentence.
            return !(self.family && (ordinary || marks & SURNAME == 0));
        }
        let begun = self.given || !self.family && cue != Cue::Text;
        begun && !self.family && !has_noun_ending(written) && marks & TOWN == 0 && written.len() > 2
    }

    fn add(&mut self, reader: &Reader<'_>, word: Word, marks: u8, genitive: usize) {
        let first = self.end == self.start;
        let known = marks & (GIVEN | SURNAME) != 0;
        if first {
            self.first_ordinary = marks & ORDINARY != 0;
            self.first_town = marks & TOWN != 0;
            self.given = marks & GIVEN != 0;
            self.family = marks & GIVEN == 0 && marks & SURNAME != 0;
        } else {
            self.family |= marks & SURNAME != 0;
            self.given |= marks & GIVEN != 0;
        }
        self.family_ordinary = self.family && marks & ORDINARY != 0;
        self.town |= marks & TOWN != 0 && !known;
        self.noun |= !known && has_noun_ending(reader.bytes(word.start, word.end));
        self.words += 1;
        self.end = word.end - genitive;
    }

    /// What follows makes it the name of a company, a street or an institute.
    fn is_body(&self, reader: &Reader<'_>) -> bool {
        if reader.byte(self.end) == Some(b'-') && reader.letter(self.end + 1).is_some() {
            return true;
        }
        let Some(next) = reader.space(self.end) else { return false };
        match reader.byte(next) {
            Some(b'&' | b'+') => true,
            Some(b'e') => reader.starts_with(next, b"e.K") || reader.starts_with(next, b"e. K"),
            _ => reader.word(next).is_some_and(|word| {
                let marks = gazetteer::marks(reader.bytes(word.start, word.end));
                marks & BODY != 0 && marks & SURNAME == 0
            }),
        }
    }

    /// The name ends as values, lines and salutations do.
    fn is_closed(&self, reader: &Reader<'_>) -> bool {
        let at = reader.spaces(self.end, 2);
        reader.byte(at).is_none_or(|byte| b"\n\r,!\"';|<(\t*_\\".contains(&byte))
    }
}

/// Behind an initial: a capital and a dot.
fn initial(reader: &Reader<'_>, at: usize) -> Option<usize> {
    let (length, capital) = reader.letter(at)?;
    (capital && reader.byte(at + length) == Some(b'.')).then_some(at + length + 1)
}

#[cfg(test)]
mod tests;
