//! Surrogates: names, accounts and ids are replaced before a text leaves, and turned back in the answer.
//!
//! A surrogate reads `PERSON_K7QX3M`: the name of a type, an underscore, five characters of a keyed hash over type and
//! value, and a check character. Within one conversation the same value always gets the same surrogate; between two
//! conversations nothing links them, because each has a key of its own.
//!
//! The map from surrogates to values lives as long as one request. Whoever asks sends the conversation again each time,
//! so the map is made again from it, with the same surrogates, and is never stored.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use hmac::{Hmac, Mac as _};
use schleuse_types::{Finding, FindingAction};
use sha2::Sha256;

use crate::inspector::replacement;
use crate::kind::KINDS;

use restorer::Place;
pub use restorer::{Restorer, SURROGATE_BYTES_MAX};

mod restorer;

/// Surrogates of one conversation. Values beyond it are replaced by the name of their type and not turned back.
pub const SURROGATES_MAX: usize = 4096;
/// Characters that stand behind the name: without I, O, 0 and 1, which people and models mix up.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Characters behind the name, the last of which checks the others.
const CODE: usize = 6;
/// What text is called that only looks like a surrogate.
const ESCAPED: &str = "TEXT";
/// What the surrogate of a name begins with.
const PERSON: &str = "PERSON";
/// The shortest part of a person's name that is replaced wherever it stands alone, in characters.
const PART_MIN: usize = 3;

/// The key from which the surrogates of one conversation are made.
#[derive(Clone)]
pub struct SurrogateKey([u8; 32]);

impl SurrogateKey {
    /// Derives the key of one conversation from a secret of the house, the person, and what tells their conversations
    /// apart.
    pub fn derive(secret: &[u8], person: &str, conversation: &[u8]) -> Self {
        let person = keyed(secret, &[b"surrogates", person.as_bytes()]);
        Self(keyed(&person, &[conversation]))
    }
}

impl fmt::Debug for SurrogateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SurrogateKey(…)")
    }
}

/// The surrogates of one conversation and what they stand for. The default has no key and replaces nothing.
#[derive(Clone, Default)]
pub struct Surrogates {
    /// None where nothing is ever replaced.
    key: Option<SurrogateKey>,
    /// Type name and value to surrogate.
    by_value: HashMap<(&'static str, String), String>,
    /// Surrogate to value.
    values: BTreeMap<String, Value>,
    /// Addresses of the conversation's own texts, each up to the end of a surrogate in it.
    addresses: HashSet<String>,
    /// Finds values that stand where no rule sees them; made when it is first needed after a change.
    sweep: Option<Arc<Sweep>>,
}

#[derive(Debug, Clone)]
struct Value {
    text: String,
    /// An inflected surrogate is inflected as names are.
    is_name: bool,
}

struct Sweep {
    finder: AhoCorasick,
    surrogates: Vec<String>,
}

impl fmt::Debug for Surrogates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Surrogates({})", self.values.len())
    }
}

impl Surrogates {
    pub fn new(key: SurrogateKey) -> Self {
        Self {
            key: Some(key),
            by_value: HashMap::new(),
            values: BTreeMap::new(),
            addresses: HashSet::new(),
            sweep: None,
        }
    }

    /// Whether nothing was replaced yet.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How many surrogates there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Makes the surrogates of one text: of its PSEUDONYMIZE findings, and of whatever looks like a surrogate already.
    ///
    /// Every text of a conversation is learned before the first one is replaced, so that a name found in one message
    /// is replaced in all of them.
    pub fn learn(&mut self, text: &str, findings: &[Finding]) {
        for Passage { start, end, name } in passages(text, findings) {
            let Some(value) = text.get(start..end) else { continue };
            self.issue(name, value);
            if name == PERSON {
                for part in value.split(|c: char| !c.is_alphanumeric()).filter(|part| is_name_part(part)) {
                    self.issue(name, part);
                }
            }
        }
        for (start, end) in lookalikes(text) {
            if let Some(value) = text.get(start..end) {
                self.issue(ESCAPED, value);
            }
        }
    }

    /// The text with every finding replaced whose action says so, and every learned value wherever it stands.
    pub fn replace(&mut self, text: &str, findings: &[Finding]) -> String {
        let mut cuts: Vec<(usize, usize, String)> = Vec::new();
        for Passage { start, end, name } in passages(text, findings) {
            if let Some(surrogate) = text.get(start..end).and_then(|value| self.surrogate_of(name, value)) {
                cuts.push((start, end, surrogate));
            }
        }
        let replaced_so_far = cuts.len();
        for finding in findings.iter().filter(|finding| finding.action.replaces()) {
            let surrogates = cuts.get(..replaced_so_far).unwrap_or_default();
            let from = surrogates.partition_point(|(_, end, _)| *end < finding.end);
            if surrogates.get(from).is_some_and(|(start, ..)| *start <= finding.start) {
                continue;
            }
            let Some(found) = text.get(finding.start..finding.end) else { continue };
            cuts.push((finding.start, finding.end, replacement(&finding.kind, finding.action, found)));
        }
        let found = cuts.len();
        for (start, end) in lookalikes(text) {
            if let Some(surrogate) = text.get(start..end).and_then(|value| self.surrogate_of(ESCAPED, value))
            {
                cuts.push((start, end, surrogate));
            }
        }
        if let Some(sweep) = self.sweep() {
            for hit in sweep.finder.find_iter(text) {
                if whole_words(text, hit.start(), hit.end()) == (hit.start(), hit.end())
                    && let Some(surrogate) = sweep.surrogates.get(hit.pattern().as_usize())
                {
                    cuts.push((hit.start(), hit.end(), surrogate.clone()));
                }
            }
        }
        // Findings first: what they cover, nothing else replaces.
        let mut covered: Vec<(usize, usize)> =
            cuts.iter().take(found).map(|(start, end, _)| (*start, *end)).collect();
        covered.sort_unstable();
        let is_covered = |start: usize, end: usize| {
            let from = covered.partition_point(|(_, until)| *until <= start);
            covered.get(from).is_some_and(|(first, _)| *first < end)
        };
        let mut order: Vec<(usize, usize, bool, String)> = Vec::with_capacity(cuts.len());
        for (at, (start, end, with)) in cuts.into_iter().enumerate() {
            if at < found || !is_covered(start, end) {
                order.push((start, end, at < found, with));
            }
        }
        order.sort_by_key(|(start, end, ..)| (*start, std::cmp::Reverse(*end)));
        let mut replaced = String::with_capacity(text.len());
        let mut place = Place::default();
        let mut shown = 0;
        for (start, end, is_finding, with) in order {
            if start < shown {
                // Two findings that were widened to the same word: its rest is gone with the first.
                shown = if is_finding { shown.max(end) } else { shown };
                continue;
            }
            let unchanged = text.get(shown..start).unwrap_or_default();
            replaced.push_str(unchanged);
            place.pass(unchanged);
            replaced.push_str(&with);
            place.pass(&with);
            self.addresses.extend(place.address().map(str::to_owned));
            shown = end;
        }
        replaced.push_str(text.get(shown..).unwrap_or_default());
        replaced
    }

    /// Turns surrogates back in text that comes in pieces: one restorer for each choice and kind of delta.
    pub fn restorer(&self) -> Restorer {
        Restorer::new(Arc::new(self.clone()))
    }

    /// Turns the surrogates in a whole text back.
    pub fn restore(&self, text: &str) -> String {
        let mut restorer = self.restorer();
        let mut restored = restorer.push(text);
        restored.push_str(&restorer.finish());
        restored
    }

    fn value(&self, surrogate: &str) -> Option<&Value> {
        self.values.get(surrogate)
    }

    fn surrogate_of(&self, name: &'static str, value: &str) -> Option<String> {
        self.by_value.get(&(name, value.to_owned())).cloned()
    }

    fn issue(&mut self, name: &'static str, value: &str) {
        let known = (name, value.to_owned());
        let Some(SurrogateKey(key)) = self.key.clone() else { return };
        if self.values.len() >= SURROGATES_MAX || self.by_value.contains_key(&known) {
            return;
        }
        // Two values of one conversation meet in 25 bits about once in ten thousand conversations of a hundred values.
        for attempt in 0_u32..16 {
            let hash = keyed(&key, &[name.as_bytes(), value.as_bytes(), &attempt.to_be_bytes()]);
            let surrogate = format!("{name}_{}", code(&hash));
            if self.values.contains_key(&surrogate) {
                continue;
            }
            let text = value.to_owned();
            self.values.insert(surrogate.clone(), Value { text, is_name: name == PERSON });
            self.by_value.insert(known, surrogate);
            self.sweep = None;
            return;
        }
    }

    fn sweep(&mut self) -> Option<Arc<Sweep>> {
        if self.sweep.is_none() && !self.values.is_empty() {
            let swept = self.values.iter().filter(|(_, value)| value.text.chars().count() >= PART_MIN);
            let (surrogates, values): (Vec<String>, Vec<&str>) =
                swept.map(|(surrogate, value)| (surrogate.clone(), value.text.as_str())).unzip();
            let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(values).ok()?;
            self.sweep = Some(Arc::new(Sweep { finder, surrogates }));
        }
        self.sweep.clone()
    }
}

impl fmt::Debug for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sweep({})", self.surrogates.len())
    }
}

/// A passage of a text that gets a surrogate.
struct Passage {
    start: usize,
    end: usize,
    name: &'static str,
}

/// The PSEUDONYMIZE findings by their start, each widened to whole words; those that then touch are one.
fn passages(text: &str, findings: &[Finding]) -> Vec<Passage> {
    let replaced = findings.iter().filter(|finding| finding.action == FindingAction::Pseudonymize);
    let mut widened: Vec<Passage> = replaced
        .filter_map(|finding| {
            let (start, end) = whole_words(text, finding.start, finding.end);
            Some(Passage { start, end, name: name_of(&finding.kind)? })
        })
        .collect();
    widened.sort_by_key(|passage| passage.start);
    let mut joined: Vec<Passage> = Vec::with_capacity(widened.len());
    for passage in widened {
        match joined.last_mut() {
            Some(last) if passage.start < last.end => last.end = last.end.max(passage.end),
            _ => joined.push(passage),
        }
    }
    joined
}

/// What a surrogate of this type begins with. No name ends in another.
fn name_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "PERSON_NAME" => PERSON,
        "POSTAL_ADDRESS" => "ADDRESS",
        "DATE_OF_BIRTH" => "BIRTHDATE",
        "CREDIT_CARD" => "CARD",
        "DE_STEUER_ID" => "STEUERID",
        "DE_STEUERNUMMER" => "STEUERNUMMER",
        "DE_PERSONALAUSWEIS" => "PERSONALAUSWEIS",
        "DE_REISEPASS" => "REISEPASS",
        "DE_FUEHRERSCHEIN" => "FUEHRERSCHEIN",
        "DE_HANDELSREGISTER" => "HANDELSREGISTER",
        "DE_SVNR" => "SVNR",
        "DE_KVNR" => "KVNR",
        "DE_KFZ" => "KFZ",
        "DE_LANR" => "LANR",
        "DE_BSNR" => "BSNR",
        "NATIONAL_ID" => "NATIONALID",
        "IP_ADDRESS" => "IP",
        "MAC_ADDRESS" => "MAC",
        "VAT_ID" => "VATID",
        "CUSTOM_TERM" => "TERM",
        other => KINDS.iter().find(|kind| kind.name == other && !other.contains('_'))?.name,
    })
}

/// Every name that a surrogate can begin with, the longest first.
fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().filter_map(|kind| name_of(kind.name)).chain([ESCAPED])
}

/// Five characters of the hash and the character that checks them.
fn code(hash: &[u8; 32]) -> String {
    let mut code: Vec<u8> = hash
        .iter()
        .take(CODE - 1)
        .map(|byte| ALPHABET.get(usize::from(byte % 32)).copied().unwrap_or_default())
        .collect();
    code.push(check_character(&code));
    code.into_iter().map(char::from).collect()
}

/// Odd weights: any one character that changes changes the sum.
fn check_character(code: &[u8]) -> u8 {
    let place = |byte: &u8| ALPHABET.iter().position(|known| known == byte).unwrap_or_default();
    let sum: usize = code.iter().zip([1, 3, 5, 7, 9]).map(|(byte, weight)| place(byte) * weight).sum();
    ALPHABET.get(sum % 32).copied().unwrap_or_default()
}

/// The ranges of a text that read like a surrogate with a fitting check character, whoever wrote them.
fn lookalikes(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    for (at, _) in text.match_indices('_') {
        let code = bytes.get(at + 1..at + 1 + CODE).unwrap_or_default().to_ascii_uppercase();
        let is_code = code.len() == CODE
            && code.iter().all(|byte| ALPHABET.contains(byte))
            && code.last() == Some(&check_character(code.get(..CODE - 1).unwrap_or_default()));
        let before = bytes.get(..at).unwrap_or_default();
        let name = names()
            .filter(|name| {
                before.len() >= name.len()
                    && before
                        .get(before.len() - name.len()..)
                        .is_some_and(|end| end.eq_ignore_ascii_case(name.as_bytes()))
            })
            .max_by_key(|name| name.len());
        if let Some(name) = name.filter(|_| is_code) {
            found.push((at - name.len(), at + 1 + CODE));
        }
    }
    found
}

/// The range widened to the words at its ends: a surrogate never stands inside a word.
fn whole_words(text: &str, start: usize, end: usize) -> (usize, usize) {
    let is_inside = |at: usize| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at..).and_then(|after| after.chars().next());
        before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric)
    };
    let (mut start, mut end) = (start, end);
    while start > 0 && (!text.is_char_boundary(start) || is_inside(start)) {
        start -= 1;
    }
    while end < text.len() && (!text.is_char_boundary(end) || is_inside(end)) {
        end += 1;
    }
    (start, end)
}

/// A word of a name that is worth a surrogate of its own: not a title, an initial or a particle.
fn is_name_part(part: &str) -> bool {
    const TITLES: &[&str] = &["Herr", "Herrn", "Frau", "Prof", "Dipl", "Ing", "Mrs", "Miss", "Sir", "Dame"];
    part.chars().count() >= PART_MIN
        && part.chars().next().is_some_and(char::is_uppercase)
        && !TITLES.contains(&part)
}

fn keyed(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // INVARIANT: HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests;
