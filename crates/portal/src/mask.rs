//! Words of a person that no model sees: a stand-in goes in their place, in this turn and in every later one, and the page
//! shows the words again.
//!
//! A stand-in reads `[PERSON_1]`: the type, and a number of the conversation. The same word has the same one in all turns
//! and branches. What a word is inflected with stays behind its stand-in (`[PERSON_1]s Vertrag`), and a part of a masked
//! name has one of its own (`[PERSON_1b]`). The map lies with each message under its person's seal; whoever reads a share
//! never gets it.

use std::collections::{BTreeMap, HashMap};

use schleuse_types::Refusal;
use schleuse_wire::json::{Object, Value};

use crate::body::wrong;
use crate::message::{Message, string};

/// Most places that are masked in one text by hand.
pub(crate) const PLACES_MAX: usize = 500;
/// Most words that have a stand-in in one conversation.
const MASKS_MAX: usize = 2_000;
/// Longest masked word, in bytes.
const WORD_BYTES_MAX: usize = 4_096;
/// Longest name of a type.
const KIND_BYTES_MAX: usize = 40;
/// The shortest word that is masked wherever else it stands, and the shortest part of a name, in characters.
const WORD_MIN: usize = 2;
const PART_MIN: usize = 3;
/// What stands with a name and is none.
const TITLES: [&str; 14] =
    ["Frau", "Herr", "Herrn", "Mrs", "Miss", "Prof", "von", "van", "der", "den", "zum", "zur", "und", "and"];
/// What German and English put behind a name.
const ENDINGS: [&str; 9] = ["ens", "es", "en", "s", "n", "'s", "’s", "'", "’"];

/// A word and what stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mask {
    pub(crate) stands: String,
    pub(crate) word: String,
    /// The type of what is masked, such as `IBAN`.
    pub(crate) kind: String,
}

/// What is masked in a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Masking {
    pub(crate) masks: Vec<Mask>,
    /// Of a question in which something is masked: the text as models see it.
    pub(crate) sent: Option<String>,
}

/// A place that a person marked, in bytes of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marked {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: String,
}

/// A text with stand-ins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hidden {
    pub(crate) text: String,
    /// Those that stand in it.
    pub(crate) masks: Vec<Mask>,
    /// How many places are masked, by type.
    pub(crate) counts: BTreeMap<String, u64>,
}

/// Everything that is masked in a conversation, whatever branch it is in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Map {
    masks: Vec<Mask>,
    by_word: HashMap<String, usize>,
}

impl Masking {
    /// As the page reads it.
    pub(crate) fn to_json(&self) -> Value {
        let each = self.masks.iter().map(|mask| {
            let mut out = Object::new();
            out.set("stands", string(&mask.stands));
            out.set("for", string(&mask.word));
            out.set("type", string(&mask.kind));
            Value::Object(out)
        });
        Value::Array(each.collect())
    }

    /// Reads what [`Self::to_json`] wrote, and the text that was sent. What is no mask is left out.
    pub(crate) fn from_json(masks: Option<&Value>, sent: Option<&str>) -> Self {
        let Some(Value::Array(rows)) = masks else { return Self::default() };
        let masks = rows.iter().take(MASKS_MAX).filter_map(|row| {
            let row = row.as_object()?;
            let text = |name: &str| Some(row.get(name)?.as_str()?.to_owned());
            let mask = Mask { stands: text("stands")?, word: text("for")?, kind: text("type")? };
            (is_stand_in(&mask.stands) && is_kind(&mask.kind) && !mask.word.is_empty()).then_some(mask)
        });
        Self { masks: masks.collect(), sent: sent.map(str::to_owned) }
    }
}

impl Map {
    pub(crate) fn of(messages: &[Message]) -> Self {
        let mut map = Self::default();
        for mask in messages.iter().flat_map(|message| &message.masking.masks) {
            map.add(mask.clone());
        }
        map
    }

    pub(crate) fn with(mut self, masks: &[Mask]) -> Self {
        masks.iter().for_each(|mask| self.add(mask.clone()));
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.masks.is_empty()
    }

    pub(crate) fn masks(&self) -> &[Mask] {
        &self.masks
    }

    /// Masks the marked places, and wherever else a masked word stands. `is_taken` says which stand-ins somebody wrote
    /// themselves; these stand for nothing.
    pub(crate) fn hide(
        &mut self,
        text: &str,
        marked: &[Marked],
        is_taken: &dyn Fn(&str) -> bool,
    ) -> Result<Hidden, Refusal> {
        let mut cuts: Vec<(usize, usize, Mask)> = Vec::new();
        // Shorter words first: an inflected one is then known by what it is a form of.
        let mut order: Vec<&Marked> = marked.iter().collect();
        order.sort_by_key(|place| (place.end.saturating_sub(place.start), place.start));
        for place in order {
            let Some(whole) = text.get(place.start..place.end) else { continue };
            let word = whole.trim();
            let start = place.start + (whole.len() - whole.trim_start().len());
            if word.is_empty() {
                continue;
            }
            let base = ENDINGS.iter().find_map(|ending| {
                let base = word.strip_suffix(ending)?;
                let is_name = place.kind == "PERSON_NAME" && has_word(text, base);
                (self.by_word.contains_key(base) || is_name).then_some(base)
            });
            let word = if self.by_word.contains_key(word) { word } else { base.unwrap_or(word) };
            let mask = self.issue(word, &place.kind, text, is_taken)?;
            cuts.push((start, start + word.len(), mask));
        }
        cuts.sort_by_key(|(start, ..)| *start);
        Ok(self.cut(text, cuts))
    }

    /// The text with stand-ins for every word that is masked in the conversation.
    pub(crate) fn apply(&self, text: &str) -> String {
        if self.is_empty() { text.to_owned() } else { self.cut(text, Vec::new()).text }
    }

    fn add(&mut self, mask: Mask) {
        let is_known = self.masks.iter().any(|known| known.stands == mask.stands);
        if !is_known && !self.by_word.contains_key(&mask.word) {
            self.by_word.insert(mask.word.clone(), self.masks.len());
            self.masks.push(mask);
        }
    }

    fn issue(
        &mut self,
        word: &str,
        kind: &str,
        text: &str,
        is_taken: &dyn Fn(&str) -> bool,
    ) -> Result<Mask, Refusal> {
        if let Some(known) = self.by_word.get(word).and_then(|place| self.masks.get(*place)) {
            return Ok(known.clone());
        }
        if self.masks.len() >= MASKS_MAX {
            return Err(too_many());
        }
        let begin = format!("[{}_", short(kind));
        let mut number = 1 + self.masks.iter().filter(|mask| mask.stands.starts_with(&begin)).count();
        let stands = loop {
            let stands = format!("{begin}{number}]");
            let is_known = self.masks.iter().any(|mask| mask.stands == stands);
            if !is_known && !text.contains(&stands) && !is_taken(&stands) {
                break stands;
            }
            number += 1;
        };
        let mask = Mask { stands, word: word.to_owned(), kind: kind.to_owned() };
        self.add(mask.clone());
        Ok(mask)
    }

    /// Replaces `cuts`, which are in order and do not overlap, and every masked word outside of them.
    fn cut(&self, text: &str, cuts: Vec<(usize, usize, Mask)>) -> Hidden {
        let sought = self.sought();
        let mut hidden = Hidden { text: String::new(), masks: Vec::new(), counts: BTreeMap::new() };
        let mut cuts = cuts.into_iter().peekable();
        let (mut shown, mut is_inside) = (0, false);
        for (at, character) in text.char_indices() {
            if at < shown {
                is_inside = is_of_a_word(character);
                continue;
            }
            let next = cuts.peek().map_or(text.len(), |(start, ..)| *start);
            let found = match cuts.next_if(|(start, ..)| *start <= at) {
                Some((_, end, mask)) => Some((end, mask)),
                None if is_inside => None,
                None => sought.at(text, at, next),
            };
            is_inside = is_of_a_word(character);
            match found {
                Some((end, mask)) => {
                    hidden.put(&mask);
                    shown = end;
                }
                None => hidden.text.push(character),
            }
        }
        hidden
    }

    /// What is looked for at the beginnings of words: all that is masked, and the parts of names.
    fn sought(&self) -> Sought {
        let mut sought = Sought::default();
        for mask in &self.masks {
            if mask.word.chars().count() >= WORD_MIN {
                sought.add(mask.clone());
            }
        }
        for mask in self.masks.iter().filter(|mask| mask.kind == "PERSON_NAME") {
            let Some(begin) = mask.stands.strip_suffix(']') else { continue };
            let parts = mask.word.split(|c: char| !c.is_alphanumeric());
            let mut forms: Vec<&str> =
                parts.filter(|part| *part != mask.word && !TITLES.contains(part)).collect();
            // Who masked a genitive means the name.
            let bases =
                forms.iter().copied().chain([mask.word.as_str()]).filter_map(|form| form.strip_suffix('s'));
            let bases: Vec<&str> = bases.collect();
            forms.extend(bases);
            forms.retain(|form| form.chars().count() >= PART_MIN);
            for (form, letter) in forms.into_iter().zip('b'..='z') {
                if !self.by_word.contains_key(form) {
                    let stands = format!("{begin}{letter}]");
                    sought.add(Mask { stands, word: form.to_owned(), kind: mask.kind.clone() });
                }
            }
        }
        for words in sought.by_first.values_mut() {
            words.sort_by_key(|mask| std::cmp::Reverse(mask.word.len()));
        }
        sought
    }
}

impl Hidden {
    fn put(&mut self, mask: &Mask) {
        self.text.push_str(&mask.stands);
        *self.counts.entry(mask.kind.clone()).or_default() += 1;
        if !self.masks.contains(mask) {
            self.masks.push(mask.clone());
        }
    }
}

/// Masked words by their first character, the longest first.
#[derive(Default)]
struct Sought {
    by_first: HashMap<char, Vec<Mask>>,
}

impl Sought {
    fn add(&mut self, mask: Mask) {
        let Some(first) = mask.word.chars().next() else { return };
        let words = self.by_first.entry(first).or_default();
        if !words.iter().any(|known| known.word == mask.word) {
            words.push(mask);
        }
    }

    /// The longest word that begins here, ends before `limit`, and is whole there but for an ending.
    fn at(&self, text: &str, at: usize, limit: usize) -> Option<(usize, Mask)> {
        let rest = text.get(at..limit)?;
        let words = self.by_first.get(&rest.chars().next()?)?;
        let found = words.iter().find(|mask| {
            let Some(behind) = rest.strip_prefix(mask.word.as_str()) else { return false };
            let ends_word = |rest: &str| !rest.chars().next().is_some_and(is_of_a_word);
            if !mask.word.chars().last().is_some_and(is_of_a_word) || ends_word(behind) {
                return true;
            }
            let is_inflected = mask.word.chars().last().is_some_and(char::is_alphabetic);
            is_inflected && ENDINGS.iter().any(|ending| behind.strip_prefix(ending).is_some_and(ends_word))
        });
        found.map(|mask| (at + mask.word.len(), mask.clone()))
    }
}

/// Whether this stands in the text as a word of its own.
fn has_word(text: &str, word: &str) -> bool {
    word.chars().count() >= PART_MIN
        && text.match_indices(word).any(|(start, _)| {
            let before = text.get(..start).and_then(|before| before.chars().next_back());
            let behind = text.get(start + word.len()..).and_then(|behind| behind.chars().next());
            !before.is_some_and(is_of_a_word) && !behind.is_some_and(is_of_a_word)
        })
}

/// The text with the words again.
pub(crate) fn reveal(text: &str, masks: &[Mask]) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let (before, stand) = rest.split_at(open);
        shown.push_str(before);
        match masks.iter().find(|mask| stand.starts_with(&mask.stands)) {
            Some(mask) => {
                shown.push_str(&mask.word);
                rest = stand.strip_prefix(&mask.stands).unwrap_or_default();
            }
            None => {
                shown.push('[');
                rest = stand.strip_prefix('[').unwrap_or_default();
            }
        }
    }
    shown.push_str(rest);
    shown
}

/// Reads marked places, given in UTF-16 units of `text` as a page counts. They lie in the text, split no character and do
/// not overlap.
pub(crate) fn take_marked(
    value: Option<Value>,
    name: &'static str,
    text: &str,
) -> Result<Vec<Marked>, Refusal> {
    let refused = || {
        wrong(
            name,
            format!(
                "The field `{name}` must be a list of at most {PLACES_MAX} places `{{start, end, type}}` in the text, in \
                 UTF-16 units, which do not overlap."
            ),
            format!(
                "Das Feld `{name}` muss eine Liste von höchstens {PLACES_MAX} Stellen `{{start, end, type}}` im Text sein, in \
                 UTF-16-Einheiten, die sich nicht überschneiden."
            ),
        )
    };
    let rows = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(rows)) if rows.len() <= PLACES_MAX => rows,
        Some(_) => return Err(refused()),
    };
    let read = |row: &Value| {
        let row = row.as_object()?;
        let unit = |name: &str| usize::try_from(row.get(name)?.as_i64()?).ok();
        let kind = row.get("type")?.as_str().filter(|kind| is_kind(kind))?;
        let is_known = row.iter().all(|(name, _)| ["start", "end", "type"].contains(&name));
        is_known.then_some((unit("start")?, unit("end")?, kind.to_owned()))
    };
    let mut places = rows.iter().map(read).collect::<Option<Vec<_>>>().ok_or_else(refused)?;
    places.sort_unstable();
    let mut units = places.iter().flat_map(|(start, end, _)| [*start, *end]);
    let mut bytes = Vec::with_capacity(places.len() * 2);
    let mut wanted = units.next();
    let (mut unit, mut last) = (0, None);
    for (byte, character) in text.char_indices().chain([(text.len(), '\0')]) {
        while let Some(place) = wanted.filter(|place| *place <= unit) {
            // Below the unit: inside a character. Below the last one: overlapping.
            if place < unit || last.is_some_and(|last| last > place) {
                return Err(refused());
            }
            bytes.push(byte);
            (last, wanted) = (wanted, units.next());
        }
        unit += character.len_utf16();
    }
    let mut bytes = bytes.into_iter();
    let marked = places.into_iter().map(|(.., kind)| {
        let (start, end) = (bytes.next()?, bytes.next()?);
        (start < end && end - start <= WORD_BYTES_MAX).then_some(Marked { start, end, kind })
    });
    marked.collect::<Option<Vec<_>>>().ok_or_else(refused)
}

/// What stands for the type in a stand-in.
fn short(kind: &str) -> &str {
    match kind {
        "PERSON_NAME" => "PERSON",
        "POSTAL_ADDRESS" => "ADDRESS",
        other => other,
    }
}

fn is_kind(kind: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=KIND_BYTES_MAX).contains(&kind.len()) && kind.bytes().all(is_part)
}

/// `[TYPE_1]` or `[TYPE_1b]`.
fn is_stand_in(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let Some((kind, number)) = inner.and_then(|inner| inner.rsplit_once('_')) else { return false };
    let number = number.strip_suffix(|letter: char| letter.is_ascii_lowercase()).unwrap_or(number);
    is_kind(kind)
        && !number.is_empty()
        && number.len() <= 9
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_of_a_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn too_many() -> Refusal {
    wrong(
        "masks",
        format!("This conversation has {MASKS_MAX} masked words, and there is no room for more."),
        format!("Diese Unterhaltung hat {MASKS_MAX} verdeckte Wörter, mehr Platz gibt es nicht."),
    )
}

#[cfg(test)]
mod tests;
