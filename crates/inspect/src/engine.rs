//! One pass over a text: anchors first, then each rule in its bounded window.

use std::collections::BTreeMap;

use schleuse_types::FindingAction;

use crate::anchors::{Anchor, Anchors, Keyword};
use crate::context::{self, Beginnings, COLUMN, CONTEXT, Said, Spots};
use crate::inspector::MIN_SCORE;
use crate::letters::inside_word;
use crate::number::Shapes;
use crate::pack::{Finder, KEYWORD_MAX, LEAD_MAX, Rule};
use crate::pattern::{Pattern, Run};
use crate::person::Cue;
use crate::recognizer::{Group, Recognizer};
use crate::resolver::Hit;
use crate::score::{self, Odds};
use crate::sieve::{Sieve, Sifted};
use crate::text::{
    Outcome, Place, byte, byte_before, ends_word, floor_character, range, separator_length_before,
    starts_word,
};
use crate::{assignment, email, gazetteer, marking, person, term};

/// Bytes to the left of a finding's first byte on which it may depend: keyword, lead, context, the head of its column,
/// line and word boundaries.
pub(crate) const LOOK_BEHIND: usize = 256;
const _: () = assert!(
    LOOK_BEHIND >= KEYWORD_MAX + LEAD_MAX + KEYWORD_MAX
        && LOOK_BEHIND >= CONTEXT + KEYWORD_MAX
        && LOOK_BEHIND >= COLUMN + 4
);

/// The rules that look at one keyword, and how each wrote it.
type Owners = Vec<(usize, String)>;

/// The anchors of all rules of a pack.
#[derive(Debug)]
pub(crate) struct Engine {
    anchors: Anchors,
    /// For each keyword of `anchors`, the rules that look there, and how each wrote it.
    owners: Vec<Owners>,
    /// Keywords in lower case that begin a finding, sorted, with their rules.
    beginnings: Vec<(Vec<u8>, Owners)>,
    /// Where a keyword of `beginnings` may begin, by its first byte.
    first_bytes: [First; 256],
    numbers: Shapes,
    digits: Vec<Sieve>,
    capitals: Vec<Sieve>,
    /// Rules whose findings may begin with letters before the first digit.
    lettered: Vec<usize>,
    /// Rules with a recognizer of their own at digits.
    own: Vec<(usize, &'static Recognizer)>,
    emails: Vec<usize>,
    /// Rules that look at every word that begins with a capital.
    words: Vec<usize>,
    /// Rules for terms of the house.
    terms: Vec<usize>,
    /// Of the words that speak for or against findings.
    context: Beginnings,
}

/// Where a keyword with a certain first byte may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum First {
    Nowhere,
    AtWordStart,
    Anywhere,
}

/// From where on a text that goes on may still change the findings of a tier. All hits that start before are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frontier {
    pub(crate) protected: usize,
    pub(crate) other: usize,
    /// Before this no match of a rule has begun that raises the label of its text and may still be one. Such a match is
    /// among the others too.
    pub(crate) raising: usize,
}

impl Engine {
    pub(crate) fn new(rules: &[Rule]) -> Self {
        let mut owners: BTreeMap<String, Owners> = BTreeMap::new();
        let mut beginnings: BTreeMap<Vec<u8>, Owners> = BTreeMap::new();
        let mut engine = Self {
            anchors: Anchors::new(Vec::new()),
            owners: Vec::new(),
            beginnings: Vec::new(),
            first_bytes: [First::Nowhere; 256],
            numbers: Shapes::default(),
            digits: Vec::new(),
            capitals: Vec::new(),
            lettered: Vec::new(),
            own: Vec::new(),
            emails: Vec::new(),
            words: Vec::new(),
            terms: Vec::new(),
            context: Beginnings::new(rules.iter().map(|rule| &rule.words)),
        };
        let (mut digits, mut capitals) = (Vec::new(), Vec::new());
        for (index, rule) in rules.iter().enumerate() {
            for keyword in &rule.keywords {
                owners.entry(keyword.to_ascii_lowercase()).or_default().push((index, keyword.clone()));
                if matches!(
                    rule.finder,
                    Finder::Pattern { .. } | Finder::Armour | Finder::Code | Finder::Marking(_)
                ) {
                    let lower = keyword.to_ascii_lowercase().into_bytes();
                    let first = if rule.starts_word { First::AtWordStart } else { First::Anywhere };
                    let byte = usize::from(lower.first().copied().unwrap_or_default());
                    if let Some(slot) = engine.first_bytes.get_mut(byte) {
                        *slot = first.max(*slot);
                    }
                    beginnings.entry(lower).or_default().push((index, keyword.clone()));
                }
            }
            match &rule.finder {
                Finder::Numbers { shapes } => {
                    shapes.iter().for_each(|shape| engine.numbers.push(index, shape))
                }
                Finder::Digits { pattern, max } => digits.push(Sifted::of(index, rule, pattern, *max)),
                Finder::Capital { pattern, max } => {
                    capitals.push(Sifted::of(index, rule, pattern, *max));
                }
                Finder::Word { pattern, max } => {
                    digits.push(Sifted::of(index, rule, pattern, *max));
                    capitals.push(Sifted::of(index, rule, pattern, *max));
                }
                Finder::Own(recognizer) => engine.own.push((index, recognizer)),
                Finder::Email => engine.emails.push(index),
                Finder::Person(Cue::Text) => engine.words.push(index),
                Finder::Terms(_) => engine.terms.push(index),
                _ => {}
            }
        }
        engine.anchors =
            Anchors::new(owners.iter().map(|(letters, owners)| keyword(rules, letters, owners)).collect());
        engine.digits = Sieve::over(&digits);
        engine.capitals = Sieve::over(&capitals);
        engine.lettered = capitals.iter().map(|sifted| sifted.rule).collect();
        engine.owners = owners.into_values().collect();
        engine.beginnings = beginnings.into_iter().collect();
        engine
    }

    /// Appends every hit with a score of at least [`MIN_SCORE`] and says which of them are final.
    ///
    /// `actions` holds the action in force for each rule. Hits that depend on bytes before the text are the caller's to
    /// drop: at a text that was cut at its left, those that start within [`LOOK_BEHIND`].
    pub(crate) fn pass(
        &self,
        rules: &[Rule],
        actions: &[FindingAction],
        text: &[u8],
        at_end: bool,
        hits: &mut Vec<Hit>,
    ) -> Frontier {
        let frontier = Frontier { protected: text.len(), other: text.len(), raising: text.len() };
        let spots = Spots::new(&self.context);
        let mut pass = Pass { rules, actions, text, at_end, hits, frontier, spots };
        self.anchors.scan(text, |anchor| match anchor {
            Anchor::Keyword { number, start, end } => {
                for (rule, written) in self.owners.get(number).into_iter().flatten() {
                    pass.look_at_keyword(*rule, written, start, end);
                }
            }
            Anchor::Digits { start } => self.look_at_digit_group(&mut pass, start),
            Anchor::Capitals { start } => self.look_at_capitals(&mut pass, start),
        });
        if !self.terms.is_empty() {
            self.look_at_terms(&mut pass);
        }
        if !at_end {
            self.look_at_tail(&mut pass);
        }
        pass.frontier
    }

    fn look_at_terms(&self, pass: &mut Pass<'_>) {
        let text = pass.text;
        term::each_word(text, |at| self.terms.iter().for_each(|rule| pass.look_at_terms(*rule, at)));
    }

    fn look_at_capitals(&self, pass: &mut Pass<'_>, at: usize) {
        // Most letters outside ASCII stand inside words.
        let inside = || inside_word(pass.text, at);
        let ascii = byte(pass.text, at).is_some_and(|b| b.is_ascii());
        if self.words.is_empty()
            || !ascii && inside()
            || !gazetteer::may_be_name(pass.text, at)
            || ascii && inside()
        {
            return;
        }
        for rule in &self.words {
            pass.take(*rule, person::read_known(pass.text, at, pass.at_end));
        }
    }

    fn look_at_digit_group(&self, pass: &mut Pass<'_>, at: usize) {
        let text = pass.text;
        let group = Group::at(text, at);
        self.numbers.fit(text, group, pass.at_end, |rule, outcome| pass.take(rule, outcome));
        for (rule, recognizer) in &self.own {
            if (recognizer.may_be)(text, group)
                && let Some(start) = (recognizer.start_before)(text, at)
            {
                pass.take(*rule, (recognizer.read)(text, start, pass.at_end));
            }
        }
        let letters = if starts_word(text, at) {
            for sieve in self.digits.iter().filter(|sieve| sieve.may_fit(group)) {
                sieve.rules_at(text, at).for_each(|rule| pass.look_at_group(rule, at));
            }
            country_before(text, at)
        } else {
            letters_before(text, at)
        };
        if let Some(start) = letters {
            for rule in self.capitals.iter().flat_map(|sieve| sieve.rules_at(text, start)) {
                pass.look_at_group(rule, start);
            }
        }
    }

    /// Anchors of which the text holds only the first bytes.
    fn look_at_tail(&self, pass: &mut Pass<'_>) {
        let text = pass.text;
        for (rule, recognizer) in &self.own {
            if let Some(start) = (recognizer.open_tail)(text) {
                pass.take(*rule, Outcome::Open(start));
            }
        }
        if let Some(start) = email::open_tail(text) {
            self.emails.iter().for_each(|rule| pass.take(*rule, Outcome::Open(start)));
        }
        let end = text.len();
        for start in [letters_before(text, end), country_before(text, end)].into_iter().flatten() {
            self.lettered.iter().for_each(|rule| pass.take(*rule, Outcome::Open(start)));
        }
        let lower = range(text, text.len().saturating_sub(KEYWORD_MAX - 1), text.len()).to_ascii_lowercase();
        for skip in 0..lower.len() {
            let suffix = lower.get(skip..).unwrap_or_default();
            let start = text.len() - suffix.len();
            let first = suffix.first().and_then(|byte| self.first_bytes.get(usize::from(*byte)));
            let possible = match first {
                Some(First::Anywhere) => true,
                Some(First::AtWordStart) => starts_word(text, start),
                _ => false,
            };
            if !possible {
                continue;
            }
            let from = self.beginnings.partition_point(|(keyword, _)| keyword.as_slice() < suffix);
            let candidates =
                self.beginnings.iter().skip(from).take_while(|(keyword, _)| keyword.starts_with(suffix));
            for (keyword, owners) in candidates {
                if keyword.len() == suffix.len() {
                    continue;
                }
                for (rule, written) in owners {
                    pass.begin_keyword(*rule, written, start);
                }
            }
        }
    }
}

/// What all rules of one keyword ask of its places.
fn keyword(rules: &[Rule], letters: &str, owners: &Owners) -> Keyword {
    let rules = || owners.iter().filter_map(|(rule, written)| Some((rules.get(*rule)?, written)));
    let written = rules().next().map(|(_, written)| written);
    let exact = rules().all(|(rule, here)| rule.exact_case && Some(here) == written);
    // Keywords of four bytes and more are rare enough without it.
    let next = if letters.len() < 4 { rules().map(|(rule, here)| rule.next(here)).collect() } else { None };
    let union = |mut all: Box<[bool; 256]>, next: Box<[bool; 256]>| {
        all.iter_mut().zip(*next).for_each(|(all, next)| *all |= next);
        all
    };
    Keyword {
        letters: written.filter(|_| exact).map_or(letters, String::as_str).as_bytes().into(),
        exact,
        starts_word: rules().all(|(rule, _)| rule.starts_word),
        next: next.and_then(|sets: Vec<Box<[bool; 256]>>| sets.into_iter().reduce(union)),
    }
}

impl<'p> Sifted<'p> {
    fn of(index: usize, rule: &Rule, pattern: &'p Pattern, max: usize) -> Self {
        Self { rule: index, pattern, max, ends_word: rule.ends_word }
    }
}

impl Rule {
    /// The bytes that may follow one of the rule's keywords where it counts; unless known, all of them.
    fn next(&self, keyword: &str) -> Option<Box<[bool; 256]>> {
        let (pattern, place) = match &self.finder {
            Finder::Pattern { pattern, .. } => (pattern, keyword.len()),
            Finder::Value { lead, .. } => (lead, 0),
            _ => return None,
        };
        pattern.firsts(place + 1, false).get(place).map(|set| Box::new(*set))
    }
}

/// Letters that may stand before the first digit of an identifier, as in the serial number of an identity card.
const LETTERS_MAX: usize = 9;
/// Capitals that may stand before a separator and the first digit of an identifier.
const COUNTRY_MAX: usize = 3;

/// The start of the capitals, or of the one small letter, that begin a word and end before `at`.
fn letters_before(text: &[u8], at: usize) -> Option<usize> {
    if byte_before(text, at).is_some_and(|b| b.is_ascii_lowercase()) {
        return starts_word(text, at - 1).then_some(at - 1);
    }
    capitals_before(text, at, LETTERS_MAX)
}

/// The start of the few capitals that are a word and end one separator before `at`.
fn country_before(text: &[u8], at: usize) -> Option<usize> {
    let separator = separator_length_before(text, at)?;
    capitals_before(text, at - separator, COUNTRY_MAX)
}

fn capitals_before(text: &[u8], at: usize, most: usize) -> Option<usize> {
    let mut start = at;
    while at - start <= most && byte_before(text, start).is_some_and(|b| b.is_ascii_uppercase()) {
        start -= 1;
    }
    (start < at && at - start <= most && starts_word(text, start)).then_some(start)
}

/// The state of one pass.
struct Pass<'p> {
    rules: &'p [Rule],
    actions: &'p [FindingAction],
    text: &'p [u8],
    at_end: bool,
    hits: &'p mut Vec<Hit>,
    frontier: Frontier,
    spots: Spots<'p>,
}

impl Pass<'_> {
    fn look_at_keyword(&mut self, index: usize, written: &str, start: usize, end: usize) {
        let (text, at_end) = (self.text, self.at_end);
        let Some(rule) = self.rules.get(index) else { return };
        if rule.exact_case && range(text, start, end) != written.as_bytes() {
            return;
        }
        if rule.starts_word && !starts_word(text, start) {
            return;
        }
        let place = Place { text, start, end, at_end };
        match &rule.finder {
            Finder::Pattern { pattern, max } => {
                let run = pattern.run(text, start, *max, at_end);
                self.take_run(index, start, *max, run);
            }
            Finder::Value { lead, pattern, max } => {
                let run = lead.run(text, end, LEAD_MAX, at_end);
                if run.open {
                    self.take(index, Outcome::Open(run.end.unwrap_or(text.len())));
                } else if let Some(value) = run.end {
                    let run = pattern.run(text, value, *max, at_end);
                    self.take_run(index, value, *max, run);
                }
            }
            Finder::Near { pattern, max, within } => {
                let gap = range(text, end, text.len().min(end + *within));
                match gap.iter().position(|b| is_value(*b)) {
                    Some(0) => {}
                    Some(at) => {
                        let run = pattern.run(text, end + at, *max, at_end);
                        self.take_run(index, end + at, *max, run);
                    }
                    None if end + gap.len() == text.len() => self.take(index, Outcome::Open(text.len())),
                    None => {}
                }
            }
            Finder::Named { pattern, max } => self.take(index, assignment::read_named(place, pattern, *max)),
            Finder::Assignment(style) => {
                assignment::read(place, *style, |outcome| self.take(index, outcome));
            }
            Finder::Email => self.take(index, email::read(place)),
            Finder::Armour => self.take(index, crate::armour::read(place)),
            Finder::Code => self.take(index, crate::source_code::read(place)),
            Finder::Marking(style) => self.take(index, marking::read(place, *style)),
            Finder::Person(cue) => self.take(index, person::read_behind(text, end, at_end, *cue)),
            Finder::Digits { .. }
            | Finder::Capital { .. }
            | Finder::Word { .. }
            | Finder::Numbers { .. }
            | Finder::Terms(_)
            | Finder::Own(_) => {}
        }
    }

    fn look_at_group(&mut self, index: usize, start: usize) {
        let Some(rule) = self.rules.get(index) else { return };
        if let Finder::Digits { pattern, max }
        | Finder::Capital { pattern, max }
        | Finder::Word { pattern, max } = &rule.finder
        {
            let run = pattern.run(self.text, start, *max, self.at_end);
            self.take_run(index, start, *max, run);
        }
    }

    fn look_at_terms(&mut self, index: usize, start: usize) {
        let rules = self.rules;
        let Some(Finder::Terms(terms)) = rules.get(index).map(|rule| &rule.finder) else { return };
        terms.look(self.text, start, self.at_end, |outcome| self.take(index, outcome));
    }

    /// The text ends in the first bytes of a keyword.
    fn begin_keyword(&mut self, index: usize, written: &str, start: usize) {
        let Some(rule) = self.rules.get(index) else { return };
        let seen = range(self.text, start, self.text.len());
        let cased = !rule.exact_case || written.as_bytes().starts_with(seen);
        if cased && (!rule.starts_word || starts_word(self.text, start)) {
            self.take(index, Outcome::Open(start));
        }
    }

    fn take_run(&mut self, index: usize, start: usize, max: usize, run: Run) {
        let text = self.text;
        let end = match run.end {
            _ if run.open => return self.take(index, Outcome::Open(start)),
            Some(end) => floor_character(text, end),
            // Nothing longer than the limit is ever waited for: what could still become a match counts as one.
            None if run.capped => floor_character(text, start + max),
            None => return,
        };
        if end == text.len() && !self.at_end {
            return self.take(index, Outcome::Open(start));
        }
        self.take(index, Outcome::Hit { start, end, weight: 0.0 });
    }

    fn take(&mut self, index: usize, outcome: Outcome) {
        let (Some(rule), Some(action)) = (self.rules.get(index), self.actions.get(index)) else { return };
        match outcome {
            Outcome::Nothing => {}
            Outcome::Open(start) => {
                let until = if action.is_protective() {
                    &mut self.frontier.protected
                } else {
                    &mut self.frontier.other
                };
                *until = start.min(*until);
                if *action == FindingAction::RaiseLabel {
                    self.frontier.raising = start.min(self.frontier.raising);
                }
            }
            Outcome::Hit { start, end, weight } => self.take_hit(index, rule, *action, start, end, weight),
        }
    }

    fn take_hit(
        &mut self,
        index: usize,
        rule: &Rule,
        action: FindingAction,
        start: usize,
        end: usize,
        weight: f32,
    ) {
        let text = self.text;
        if rule.ends_word && !ends_word(text, end) {
            return;
        }
        let Some(verdict) = (rule.validator)(text, start, end) else { return };
        if rule.exceptions.hold(range(text, verdict.start, verdict.end)) {
            return;
        }
        let mut odds = Odds { prior: rule.prior, form: weight, validator: verdict.weight, ..Odds::default() };
        if (Odds { context: score::CONTEXT, ..odds }).score() < MIN_SCORE {
            // No word could help it.
            return;
        }
        match rule.words.say(&mut self.spots, text, verdict.start, verdict.end, self.at_end) {
            Said::For => odds.context = score::CONTEXT,
            Said::Remotely => odds.context = score::CONTEXT_APART,
            Said::Against => odds.against = score::AGAINST,
            Said::Nothing => {
                if rule.words.are_around() && odds.score() < MIN_SCORE {
                    let check = |from, to| (rule.validator)(text, from, to).is_some();
                    if context::is_of_a_column(text, verdict.start, verdict.end, check) {
                        odds.context = score::CONTEXT;
                    }
                }
            }
            Said::Open => return self.take(index, Outcome::Open(verdict.start)),
        }
        let score = odds.score();
        if score >= MIN_SCORE && verdict.start < verdict.end {
            let (start, end) = (verdict.start, verdict.end);
            self.hits.push(Hit {
                start,
                end,
                rule: index,
                score,
                odds,
                value: 0,
                action,
                length: end - start,
                evasive: false,
                is_ground: matches!(rule.finder, Finder::Code),
            });
        }
    }
}

fn is_value(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
