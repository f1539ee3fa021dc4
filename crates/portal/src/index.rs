//! The words of one person's conversations, in memory: which message has which.
//!
//! There is nothing of it on disk. It holds each word once with the places where it stands, about a sixth of the size of
//! the texts themselves, and not the texts.

use std::collections::{BTreeMap, HashMap};

use schleuse_types::Timestamp;

use crate::words::{Form, Word, words};

/// Most words of a question that are looked for; the others are not.
const ASKED_MAX: usize = 12;
/// What one term, one place of it and one message cost beside their text, in bytes.
const TERM_BYTES: usize = 160;
const PLACE_BYTES: usize = 4;
const DOCUMENT_BYTES: usize = 120;

/// How well a word of a text answers to one that is looked for.
mod weight {
    pub(super) const SAME: f32 = 1.0;
    pub(super) const INFLECTED: f32 = 0.9;
    pub(super) const BEGINS: f32 = 0.7;
    pub(super) const WITHIN: f32 = 0.5;
    /// The text has a shorter word: the beginning or end of the one that is looked for.
    pub(super) const PART: f32 = 0.4;
    /// A title counts more than a text.
    pub(super) const TITLE: f32 = 2.0;
}

/// A message, or the title of a conversation.
struct Document {
    conversation: String,
    /// None for the title.
    message: Option<String>,
    created: Timestamp,
}

#[derive(Default)]
pub(crate) struct Index {
    /// By plain form.
    terms: HashMap<String, u32>,
    forms: Vec<Form>,
    /// By term, the documents that have it, ascending.
    places: Vec<Vec<u32>>,
    /// None for what is not there any more.
    documents: Vec<Option<Document>>,
    by_conversation: HashMap<String, Vec<u32>>,
    bytes: usize,
    gone: usize,
}

/// A text to be found by.
pub(crate) struct Entry<'a> {
    /// None for the title.
    pub(crate) message: Option<&'a str>,
    pub(crate) created: Timestamp,
    pub(crate) text: &'a str,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hit {
    pub(crate) conversation: String,
    /// None where only the title has the words.
    pub(crate) message: Option<String>,
    created: Timestamp,
    score: f32,
}

impl Index {
    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether most of it is about what is gone, so that it had better be made anew.
    pub(crate) fn is_worn(&self) -> bool {
        self.gone > 1000 && self.gone > self.documents.len() / 2
    }

    /// All texts of a conversation, in place of those that were there.
    pub(crate) fn replace(&mut self, conversation: &str, entries: &[Entry<'_>]) {
        for old in self.by_conversation.remove(conversation).unwrap_or_default() {
            if let Some(place) = self.documents.get_mut(old as usize) {
                *place = None;
                self.gone += 1;
            }
        }
        let mut own = Vec::with_capacity(entries.len());
        for entry in entries {
            let Ok(document) = u32::try_from(self.documents.len()) else { return };
            self.documents.push(Some(Document {
                conversation: conversation.to_owned(),
                message: entry.message.map(str::to_owned),
                created: entry.created,
            }));
            self.bytes += DOCUMENT_BYTES + conversation.len() + entry.message.map_or(0, str::len);
            own.push(document);
            for word in words(entry.text) {
                self.enter(word.form, document);
            }
        }
        if !own.is_empty() {
            self.by_conversation.insert(conversation.to_owned(), own);
        }
    }

    fn enter(&mut self, form: Form, document: u32) {
        let term = match self.terms.get(&form.plain) {
            Some(term) => *term,
            None => {
                let Ok(term) = u32::try_from(self.forms.len()) else { return };
                self.bytes += TERM_BYTES + form.plain.len() * 2 + form.stem.len();
                self.terms.insert(form.plain.clone(), term);
                self.forms.push(form);
                self.places.push(Vec::new());
                term
            }
        };
        if let Some(places) = self.places.get_mut(term as usize)
            && places.last() != Some(&document)
        {
            places.push(document);
            self.bytes += PLACE_BYTES;
        }
    }

    /// What has all the words, or where nothing has, what has any: rarer words and titles first, then the newest.
    pub(crate) fn find(&self, asked: &Asked) -> Vec<Hit> {
        // By document, what each word of the question scores there.
        let mut scores: BTreeMap<u32, Vec<f32>> = BTreeMap::new();
        let count = asked.words.len();
        for (place, alternatives) in asked.words.iter().enumerate() {
            let mut found: BTreeMap<u32, f32> = BTreeMap::new();
            for (form, places) in self.forms.iter().zip(&self.places) {
                let Some(weight) = best(alternatives, form) else { continue };
                for document in places {
                    let score = found.entry(*document).or_default();
                    *score = score.max(weight);
                }
            }
            found.retain(|document, _| self.document(*document).is_some());
            let all = self.documents.len().saturating_sub(self.gone).max(1);
            #[expect(clippy::cast_precision_loss, reason = "a ratio of counts")]
            let rarity = (1.0 + all as f32 / found.len().max(1) as f32).ln();
            for (document, weight) in found {
                let own = scores.entry(document).or_insert_with(|| vec![0.0; count]);
                if let Some(own) = own.get_mut(place) {
                    *own = weight * rarity;
                }
            }
        }
        let hits = self.hits(&scores, true);
        if hits.is_empty() { self.hits(&scores, false) } else { hits }
    }

    fn hits(&self, scores: &BTreeMap<u32, Vec<f32>>, wants_all: bool) -> Vec<Hit> {
        let mut titles: HashMap<&str, &[f32]> = HashMap::new();
        for (id, own) in scores {
            if let Some(Document { conversation, message: None, .. }) = self.document(*id) {
                titles.insert(conversation, own);
            }
        }
        let mut hits = Vec::new();
        let mut with_message: HashMap<&str, ()> = HashMap::new();
        // Messages first: a title stands for itself only where no message of its conversation is found.
        for is_title in [false, true] {
            for (id, own) in scores {
                let Some(document) = self.document(*id) else { continue };
                let conversation = document.conversation.as_str();
                if document.message.is_none() != is_title
                    || is_title && with_message.contains_key(conversation)
                {
                    continue;
                }
                let title = titles.get(conversation).copied().unwrap_or_default();
                let of_title = |place: usize| title.get(place).copied().unwrap_or_default() * weight::TITLE;
                let each = own
                    .iter()
                    .enumerate()
                    .map(|(place, score)| if is_title { of_title(place) } else { score + of_title(place) });
                if wants_all && each.clone().any(|score| score == 0.0) {
                    continue;
                }
                with_message.insert(conversation, ());
                hits.push(Hit {
                    conversation: conversation.to_owned(),
                    message: document.message.clone(),
                    created: document.created,
                    score: each.sum(),
                });
            }
        }
        hits.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then(b.created.cmp(&a.created))
                .then_with(|| b.message.cmp(&a.message))
        });
        hits
    }

    fn document(&self, id: u32) -> Option<&Document> {
        self.documents.get(id as usize)?.as_ref()
    }
}

/// What somebody looks for: words, each with the forms that it may have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    words: Vec<Vec<Form>>,
}

impl Asked {
    /// None where there is no word in it.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let all = words(text);
        let mut asked: Vec<Vec<Form>> = Vec::new();
        let mut rest = all.as_slice();
        while let Some((first, _)) = rest.split_first() {
            // What a hyphen joins is one word, and of a number all readings count.
            let at_once: Vec<&Word> =
                rest.iter().take_while(|word| word.place.start == first.place.start).collect();
            let end = at_once.iter().map(|word| word.place.end).max().unwrap_or(first.place.end);
            let whole = at_once.iter().filter(|word| word.place.end == end);
            let forms: Vec<Form> = whole.map(|word| word.form.clone()).collect();
            if !asked.contains(&forms) {
                asked.push(forms);
            }
            let next = rest.iter().position(|word| word.place.start >= end).unwrap_or(rest.len());
            rest = rest.get(next..).unwrap_or_default();
        }
        asked.truncate(ASKED_MAX);
        (!asked.is_empty()).then_some(Self { words: asked })
    }

    /// Which of the words this one answers to.
    pub(crate) fn answers(&self, word: &Form) -> Option<usize> {
        self.words.iter().position(|alternatives| best(alternatives, word).is_some())
    }
}

fn best(asked: &[Form], found: &Form) -> Option<f32> {
    asked.iter().filter_map(|asked| weigh(asked, found)).reduce(f32::max)
}

/// How well one word answers to another.
fn weigh(asked: &Form, found: &Form) -> Option<f32> {
    if asked.plain == found.plain {
        return Some(weight::SAME);
    }
    if asked.is_exact || found.is_exact {
        return None;
    }
    if asked.stem == found.stem {
        return Some(weight::INFLECTED);
    }
    let length = asked.plain.chars().count();
    let starts = |text: &str, part: &str| text.starts_with(part);
    if length >= 3 && (starts(&found.plain, &asked.plain) || length >= 4 && starts(&found.stem, &asked.stem))
    {
        return Some(weight::BEGINS);
    }
    if length >= 4
        && (found.plain.contains(&asked.plain) || long(&asked.stem) && found.stem.contains(&asked.stem))
    {
        return Some(weight::WITHIN);
    }
    // Scripts without spaces between words.
    if !asked.plain.is_ascii() && found.plain.contains(&asked.plain) {
        return Some(weight::WITHIN);
    }
    let is_half = found.stem.chars().count() * 2 >= asked.stem.chars().count();
    let is_part = asked.stem.starts_with(&found.stem) || asked.stem.ends_with(&found.stem);
    (long(&found.stem) && is_half && is_part).then_some(weight::PART)
}

/// Long enough not to be in other words by chance.
fn long(stem: &str) -> bool {
    stem.chars().count() >= 5
}

#[cfg(test)]
mod tests {
    use schleuse_types::Timestamp;

    use super::{Asked, Entry, Index};

    /// Conversations of one message each, the later the newer; which of them are found, in their order.
    fn check(texts: &[&str], asked: &str, expected: &[usize]) {
        let mut index = Index::default();
        for (number, text) in texts.iter().enumerate() {
            let created = Timestamp(number as u64);
            index.replace(&number.to_string(), &[Entry { message: Some("m"), created, text }]);
        }
        let found = Asked::read(asked).map(|asked| index.find(&asked)).unwrap_or_default();
        let found: Vec<usize> = found.iter().map(|hit| hit.conversation.parse().unwrap()).collect();
        assert_eq!(found, expected, "{texts:?} {asked}");
    }

    #[test]
    fn compounds_are_found_by_their_parts_and_parts_by_compounds() {
        check(&["Die Kündigungsfristenregelung gilt."], "Kündigungsfrist", &[0]);
        check(&["Die Kündigungsfrist gilt."], "Kündigungsfristenregelung", &[0]);
        check(&["Die Kündigungsfristenregelung gilt."], "Fristenregelung", &[0]);
        check(&["Die Kündigungsfristenregelung gilt."], "Regelungen", &[0]);
        check(&["Kameraeinstellung", "Neubauerhaltung"], "Einstellung", &[0]);
        check(&["Kameraeinstellung", "Neubauerhaltung"], "Erhaltung", &[1]);
        // Not every part of a compound: there would be too much.
        check(&["Die Regelung gilt."], "Kündigungsfristenregelung", &[]);
        check(&["Er ist da."], "Geister", &[]);
    }

    #[test]
    fn spellings_are_one() {
        for text in ["Straße", "Strasse", "STRASSE", "Straßen"] {
            check(&[text], "straße", &[0]);
            check(&[text], "Strassen", &[0]);
        }
        for asked in ["Kündigung", "kuendigung", "Kundigung", "Ku\u{308}ndigung", "KÜNDIGUNGEN"] {
            check(&["die Kündigung", "die Kuendigung"], asked, &[1, 0]);
        }
        check(&["Verträge"], "Vertrag", &[0]);
        check(&["Vertrag"], "Verträge", &[0]);
        check(&["Vertragsentwurf"], "Entwürfe", &[0]);
        check(&["eine E-Mail", "eine Email"], "E-Mail", &[1, 0]);
        check(&["bis 24.12.2026"], "2026-12-24", &[0]);
        check(&["bis 2026-12-24"], "24.12.2026", &[0]);
        check(&["am 24. Dezember 2026"], "24.12.2026", &[0]);
        check(&["3,5 Prozent"], "3.5", &[0]);
        check(&["1.234,50 Euro"], "1234.50", &[0]);
        check(&["1.234 Euro"], "1,234", &[0]);
        check(&["Raum 1234"], "123", &[]);
    }

    #[test]
    fn all_words_are_wanted_and_any_where_nothing_has_all() {
        let texts = ["Miete und Kaution", "Miete", "Garten"];
        check(&texts, "Miete Kaution", &[0]);
        // The rarer word first.
        check(&texts, "Miete Garten", &[2, 1, 0]);
        check(&texts, "Zoo", &[]);
        check(&texts, "…", &[]);
        check(&texts, "", &[]);
    }

    #[test]
    fn better_matches_are_first_and_then_newer_ones() {
        check(&["Mietvertrag", "Miete", "Mieten", "Untermiete", "Miete"], "Miete", &[4, 1, 2, 0, 3]);
    }

    #[test]
    fn titles_count_more_and_stand_for_their_messages() {
        let mut index = Index::default();
        let entry = |message, created, text| Entry { message, created: Timestamp(created), text };
        index.replace("a", &[entry(None, 1, "Umzug"), entry(Some("1"), 1, "Wann kommt der Wagen?")]);
        index.replace("b", &[entry(None, 5, "Sonstiges"), entry(Some("2"), 5, "Der Umzug beginnt.")]);
        index.replace("c", &[entry(None, 2, "Umzug"), entry(Some("3"), 2, "Der Umzug endet.")]);
        let find = |index: &Index, asked: &str| {
            let hits = index.find(&Asked::read(asked).unwrap());
            let told =
                |hit: &super::Hit| format!("{}{}", hit.conversation, hit.message.clone().unwrap_or_default());
            hits.iter().map(told).collect::<Vec<_>>()
        };
        assert_eq!(find(&index, "Umzug"), ["c3", "a", "b2"]);
        // Words may stand in the title and in the text.
        assert_eq!(find(&index, "Umzug Wagen"), ["a1"]);
        // What is said anew takes the place of what was, and what is deleted is gone.
        index.replace("c", &[entry(None, 2, "Garten"), entry(Some("3"), 2, "Rasen")]);
        index.replace("a", &[]);
        assert_eq!(find(&index, "Umzug"), ["b2"]);
        assert_eq!(find(&index, "Rasen"), ["c3"]);
    }
}
