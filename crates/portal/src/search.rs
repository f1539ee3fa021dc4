//! Search over one's own conversations.
//!
//! The index is made when a person first searches, by opening what is sealed, and is kept in memory only: bounded, and
//! forgotten when nobody asks for a while. What changes is read again before the next search, one conversation at a time.
//!
//! Ten thousand messages of 1.9 kB each (19 MB of text, 60,000 different words) take 0.9 s of one core to index, built with
//! optimisation, and 17 MB of memory; a search among them takes 5 to 40 ms.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schleuse_types::{Label, Refusal, Timestamp};
use schleuse_wire::json::{Object, Value};
use schleuse_wire::query::Query;
use schleuse_wire::{Reply, internal, invalid_request};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::archive::open_messages;
use crate::index::{Asked, Entry, Hit, Index};
use crate::message::{Head, Message, State, number, optional, string, time};
use crate::portal::{Portal, Visitor, document};
use crate::refusals::Fault;
use crate::seal::DataKey;
use crate::words::words;

/// Longest question in bytes.
const ASKED_BYTES_MAX: usize = 400;
const LIMIT: usize = 20;
const LIMIT_MAX: usize = 50;
/// Memory for the words of one person, beyond which older conversations are not found, and for those of all.
const PERSON_BYTES_MAX: usize = 64 * 1024 * 1024;
const BYTES_MAX: usize = 256 * 1024 * 1024;
/// How long words are kept without a search.
const KEPT: Duration = Duration::from_mins(15);
/// Indexes that are made at once.
const BUILDS_MAX: usize = 2;
/// Characters of an excerpt, and of those how many before the first word that was found.
const EXCERPT_CHARACTERS_MAX: usize = 240;
const BEFORE_CHARACTERS: usize = 60;

/// The indexes of those who searched lately.
pub(crate) struct Searches {
    shelves: Mutex<HashMap<String, Arc<Shelf>>>,
    builds: Semaphore,
}

/// The index of one person.
struct Shelf {
    index: tokio::sync::Mutex<Option<Index>>,
    side: Mutex<Side>,
}

/// What is known of an index without waiting for it.
struct Side {
    /// Conversations that are to be read again.
    changed: HashSet<String>,
    used: Timestamp,
    bytes: usize,
    /// Not everything found room.
    is_partial: bool,
}

impl Shelf {
    fn side(&self) -> MutexGuard<'_, Side> {
        self.side.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Searches {
    fn default() -> Self {
        Self { shelves: Mutex::default(), builds: Semaphore::new(BUILDS_MAX) }
    }
}

impl Searches {
    /// Something in this conversation is not as it was. To be told after it is in the store.
    pub(crate) fn change(&self, person: &str, conversation: &str) {
        if let Some(shelf) = self.lock().get(person) {
            shelf.side().changed.insert(conversation.to_owned());
        }
    }

    pub(crate) fn forget(&self, person: &str) {
        self.lock().remove(person);
    }

    /// Forgets what nobody asked for lately, and the longest unused beyond the memory there is.
    pub(crate) fn sweep(&self, now: Timestamp) {
        let mut shelves = self.lock();
        shelves.retain(|_, shelf| shelf.side().used.plus(KEPT) > now);
        let mut sizes: Vec<(Timestamp, String, usize)> = shelves
            .iter()
            .map(|(person, shelf)| {
                let side = shelf.side();
                (side.used, person.clone(), side.bytes)
            })
            .collect();
        sizes.sort_unstable();
        let mut bytes: usize = sizes.iter().map(|(_, _, bytes)| bytes).sum();
        for (_, person, own) in sizes {
            if bytes <= BYTES_MAX {
                return;
            }
            bytes -= own;
            shelves.remove(&person);
        }
    }

    fn shelf(&self, person: &str, now: Timestamp) -> Arc<Shelf> {
        let mut shelves = self.lock();
        let shelf = shelves.entry(person.to_owned()).or_insert_with(|| {
            let side = Side { changed: HashSet::new(), used: now, bytes: 0, is_partial: false };
            Arc::new(Shelf { index: tokio::sync::Mutex::default(), side: Mutex::new(side) })
        });
        shelf.side().used = now;
        Arc::clone(shelf)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Shelf>>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Portal {
    pub(crate) async fn search(&self, visitor: &Visitor, query: Option<&str>) -> Result<Reply, Refusal> {
        let query = Query::read(query, &["q", "limit"])?;
        let limit = query.limit(LIMIT, LIMIT_MAX)?;
        let asked = query.text("q").unwrap_or_default();
        if asked.len() > ASKED_BYTES_MAX {
            return Err(invalid_request(
                format!("The parameter `q` is longer than {ASKED_BYTES_MAX} bytes."),
                format!("Der Parameter `q` ist länger als {ASKED_BYTES_MAX} Bytes."),
                "search too long",
                Some("q"),
            ));
        }
        let person = visitor.person();
        let mut results = Vec::new();
        let (mut has_more, mut is_partial) = (false, false);
        if let (Some(asked), Some(key)) = (Asked::read(asked), self.archive.key(person).await?) {
            let key = Arc::new(key);
            let hits;
            (hits, is_partial) = self.hits(&key, person, &asked).await?;
            for hit in hits {
                if results.len() == limit {
                    has_more = true;
                    break;
                }
                results.extend(self.result(&key, person, &hit, &asked).await?);
            }
        }
        let mut out = Object::new();
        out.set("results", Value::Array(results));
        out.set("more", Value::Bool(has_more));
        out.set("partial", Value::Bool(is_partial));
        Ok(document(200, out))
    }

    /// What is found, best first, and whether there was more than the index holds.
    async fn hits(
        &self,
        key: &Arc<DataKey>,
        person: &str,
        asked: &Asked,
    ) -> Result<(Vec<Hit>, bool), Refusal> {
        let shelf = self.searches.shelf(person, self.clock.now());
        // One search of a person at a time.
        let mut place = shelf.index.lock().await;
        // Taken out, so that whatever breaks off in between leaves no index that is half as it should be.
        let index = match place.take() {
            Some(index) if !index.is_worn() => {
                let changed = std::mem::take(&mut shelf.side().changed);
                self.read_again(key, person, index, changed).await?
            }
            _ => {
                // Before anything is read: what changes from here on is read again.
                shelf.side().changed.clear();
                let _turn =
                    self.searches.builds.acquire().await.map_err(|_| internal("searches have ended"))?;
                let (index, is_partial) = self.read_all(key, person).await?;
                shelf.side().is_partial = is_partial;
                index
            }
        };
        let asked = asked.clone();
        let (index, hits) = aside(move || {
            let hits = index.find(&asked);
            (index, hits)
        })
        .await?;
        let mut side = shelf.side();
        side.bytes = index.bytes();
        let is_partial = side.is_partial;
        drop(side);
        *place = Some(index);
        Ok((hits, is_partial))
    }

    /// The newest conversations first, as far as there is room.
    async fn read_all(&self, key: &Arc<DataKey>, person: &str) -> Result<(Index, bool), Refusal> {
        let mut index = Index::default();
        for head in self.archive.heads(person).await? {
            if index.bytes() > PERSON_BYTES_MAX {
                return Ok((index, true));
            }
            index = self.read_one(key, person, index, head).await?;
        }
        Ok((index, false))
    }

    async fn read_again(
        &self,
        key: &Arc<DataKey>,
        person: &str,
        mut index: Index,
        changed: HashSet<String>,
    ) -> Result<Index, Refusal> {
        for conversation in changed {
            match self.archive.head(key, person, &conversation).await? {
                Some(head) => index = self.read_one(key, person, index, head).await?,
                None => index.replace(&conversation, &[]),
            }
        }
        Ok(index)
    }

    async fn read_one(
        &self,
        key: &Arc<DataKey>,
        person: &str,
        mut index: Index,
        head: Head,
    ) -> Result<Index, Refusal> {
        let rows = self.archive.store.messages(person, &head.id).await.map_err(Fault::from)?;
        let messages = {
            let (key, person) = (Arc::clone(key), person.to_owned());
            aside(move || open_messages(&key, &person, &rows)).await?
        };
        let texts = self.attached_texts(key, person, messages.iter()).await?;
        aside(move || {
            let mut entries = Vec::with_capacity(messages.len() + 1);
            if !head.title.is_empty() {
                entries.push(Entry { message: None, created: head.updated, text: &head.title });
            }
            // What is still being written is read when it is over.
            let over = messages.iter().filter(|message| message.state != State::Running);
            // People look for their own words, not for what stands for them.
            let found: Vec<_> = over.map(|message| (message, found_by(message, &texts))).collect();
            entries.extend(found.iter().filter(|(_, text)| !text.is_empty()).map(|(message, text)| Entry {
                message: Some(&message.id),
                created: message.created,
                text,
            }));
            index.replace(&head.id, &entries);
            index
        })
        .await
    }

    /// None for what was deleted since.
    async fn result(
        &self,
        key: &Arc<DataKey>,
        person: &str,
        hit: &Hit,
        asked: &Asked,
    ) -> Result<Option<Value>, Refusal> {
        let Some(head) = self.archive.head(key, person, &hit.conversation).await? else { return Ok(None) };
        let message = match &hit.message {
            None => None,
            Some(id) => match self.archive.message(key, person, &hit.conversation, id).await? {
                Some(message) => Some(head.with_standing_label(message)),
                None => return Ok(None),
            },
        };
        let texts = self.attached_texts(key, person, message.iter()).await?;
        let (asked, conversation) = (asked.clone(), hit.conversation.clone());
        aside(move || Some(result_json(&conversation, &head, message.as_ref(), &texts, &asked))).await
    }
}

/// Everything that a message is found by: what it says, and the files that it was asked with.
fn found_by<'m>(message: &'m Message, texts: &HashMap<String, String>) -> Cow<'m, str> {
    if message.attachments.is_empty() {
        return message.shown();
    }
    let mut all = message.shown().into_owned();
    for attached in &message.attachments {
        for text in [Some(&attached.name), texts.get(&attached.id)].into_iter().flatten() {
            all.push('\n');
            all.push_str(text);
        }
    }
    Cow::Owned(all)
}

async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    spawn_blocking(work).await.map_err(|_| internal("a search fell"))
}

fn result_json(
    conversation: &str,
    head: &Head,
    message: Option<&Message>,
    texts: &HashMap<String, String>,
    asked: &Asked,
) -> Value {
    let text = message.map_or(Cow::Borrowed(head.title.as_str()), Message::shown);
    let mut excerpt = Excerpt::of(&text, asked);
    // What was found may stand in a file that was asked with, or be its name.
    let attached = message.map(|message| message.attachments.as_slice()).unwrap_or_default();
    let further = attached.iter().flat_map(|one| [texts.get(&one.id), Some(&one.name)]).flatten();
    for text in further {
        if excerpt.marks.is_empty() {
            excerpt = Excerpt::of(text, asked);
        }
    }
    let label = message.and_then(|message| message.passage.as_ref()?.label.as_ref()).or(head.label.as_ref());
    let mut out = Object::new();
    out.set("conversation", string(conversation));
    out.set("title", string(&head.title));
    out.set("message", optional(message.map(|message| message.id.as_str())));
    out.set("role", optional(message.map(|message| message.author.as_str())));
    out.set("created", time(message.map_or(head.created, |message| message.created)));
    out.set("label", optional(label.map(Label::to_string).as_deref()));
    out.set("text", string(&excerpt.text));
    let marks = excerpt.marks.iter().map(|(start, end)| {
        let mut mark = Object::new();
        mark.set("start", number(*start));
        mark.set("end", number(*end));
        Value::Object(mark)
    });
    out.set("marks", Value::Array(marks.collect()));
    Value::Object(out)
}

/// The part of a text in which most of the words stand.
#[derive(Debug, PartialEq)]
struct Excerpt {
    /// At most [`EXCERPT_CHARACTERS_MAX`] characters on one line.
    text: String,
    /// In UTF-16 units of it.
    marks: Vec<(u64, u64)>,
}

impl Excerpt {
    fn of(text: &str, asked: &Asked) -> Self {
        let found: Vec<(std::ops::Range<usize>, usize)> = words(text)
            .into_iter()
            .filter_map(|word| asked.answers(&word.form).map(|which| (word.place, which)))
            .collect();
        // From which found word on there are most different ones within reach.
        let reach = EXCERPT_CHARACTERS_MAX - BEFORE_CHARACTERS;
        let mut best = (0, 0);
        for (place, (first, _)) in found.iter().enumerate() {
            let within = found.iter().skip(place).take_while(|(word, _)| word.end <= first.start + reach);
            let different: HashSet<usize> = within.map(|(_, which)| *which).collect();
            if different.len() > best.0 {
                best = (different.len(), first.start);
            }
        }
        let start = begin(text, best.1);
        let mut out = String::new();
        let (mut units, mut count) = (0, 0);
        let mut marks: Vec<(u64, u64)> = Vec::new();
        let mut push = |out: &mut String, character: char| {
            out.push(if character.is_control() { ' ' } else { character });
            let before = units;
            units += character.len_utf16() as u64;
            (before, units)
        };
        if start > 0 {
            push(&mut out, '…');
            count += 1;
        }
        let mut words = found.iter().map(|(word, _)| word).filter(|word| word.start >= start).peekable();
        let rest = text.get(start..).unwrap_or_default();
        for (at, character) in rest.char_indices() {
            let at = start + at;
            let is_last = at + character.len_utf8() == text.len();
            if count + 1 == EXCERPT_CHARACTERS_MAX && !is_last {
                push(&mut out, '…');
                break;
            }
            let (from, to) = push(&mut out, character);
            count += 1;
            while words.next_if(|word| word.end <= at).is_some() {}
            if words.peek().is_some_and(|word| word.contains(&at)) {
                match marks.last_mut() {
                    Some(last) if last.1 == from => last.1 = to,
                    _ => marks.push((from, to)),
                }
            }
        }
        Self { text: out, marks }
    }
}

/// Where an excerpt around this place begins: a little before it, at a word.
fn begin(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    let Some((start, _)) = before.char_indices().rev().nth(BEFORE_CHARACTERS) else { return 0 };
    let skipped = before.get(start..).unwrap_or_default();
    let space = skipped.char_indices().find(|(_, character)| character.is_whitespace());
    space.map_or(start, |(offset, character)| start + offset + character.len_utf8())
}

#[cfg(test)]
mod tests {
    use schleuse_types::Timestamp;

    use super::{BYTES_MAX, EXCERPT_CHARACTERS_MAX, Excerpt, KEPT, Searches};
    use crate::index::Asked;

    /// Marked words stand in brackets in what is expected.
    fn check(text: &str, asked: &str, expected: &str) {
        let excerpt = Excerpt::of(text, &Asked::read(asked).unwrap());
        assert!(excerpt.text.chars().count() <= EXCERPT_CHARACTERS_MAX, "{excerpt:?}");
        let units: Vec<u16> = excerpt.text.encode_utf16().collect();
        let mut shown = String::new();
        let mut at = 0;
        for (start, end) in excerpt.marks {
            let part = |from: usize, to: usize| String::from_utf16(&units[from..to]).unwrap();
            let (start, end) = (usize::try_from(start).unwrap(), usize::try_from(end).unwrap());
            shown.push_str(&format!("{}[{}]", part(at, start), part(start, end)));
            at = end;
        }
        shown.push_str(&String::from_utf16(&units[at..]).unwrap());
        assert_eq!(shown, expected);
    }

    #[test]
    fn an_excerpt_has_marks() {
        check("Die Frist endet.", "Frist", "Die [Frist] endet.");
        check(
            "Die\nKündigungsfristenregelung\tgilt.",
            "Kündigungsfrist",
            "Die [Kündigungsfristenregelung] gilt.",
        );
        check("😀 Größe und größer 😀", "grosse", "😀 [Größe] und [größer] 😀");
        check("am 24. Dezember 2026 um 9", "2026-12-24", "am [24. Dezember 2026] um 9");
        check("eine E-Mail", "email", "eine [E-Mail]");
        check("nichts", "Frist", "nichts");
        check("", "Frist", "");
    }

    #[test]
    fn an_excerpt_of_a_long_text_is_where_most_words_are() {
        let filler = "wort ".repeat(100);
        let text = format!("Miete {filler}Kaution Miete {filler}");
        let excerpt = Excerpt::of(&text, &Asked::read("Miete Kaution").unwrap());
        assert!(excerpt.text.starts_with('…') && excerpt.text.ends_with('…'), "{excerpt:?}");
        assert_eq!((excerpt.text.chars().count(), excerpt.marks.len()), (EXCERPT_CHARACTERS_MAX, 2));
        check(&"ä".repeat(240), "x", &"ä".repeat(240));
        check(&"ä".repeat(241), "x", &("ä".repeat(239) + "…"));
    }

    #[test]
    fn what_nobody_asks_for_is_forgotten() {
        let searches = Searches::default();
        let people = |searches: &Searches| {
            let mut people: Vec<String> = searches.lock().keys().cloned().collect();
            people.sort();
            people
        };
        for (person, used) in [("anna", 1), ("bert", 2), ("carl", 3)] {
            searches.shelf(person, Timestamp(used)).side().bytes = BYTES_MAX / 2;
        }
        searches.sweep(Timestamp(4));
        assert_eq!(people(&searches), ["bert", "carl"]);
        searches.sweep(Timestamp(2).plus(KEPT));
        assert_eq!(people(&searches), ["carl"]);
        searches.change("carl", "c");
        searches.change("anna", "c");
        assert_eq!(searches.shelf("carl", Timestamp(5)).side().changed.len(), 1);
    }
}
