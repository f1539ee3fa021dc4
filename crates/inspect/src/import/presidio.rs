//! Recognizers of Microsoft Presidio, as its registry configuration in YAML writes them.
//!
//! Presidio tries every regular expression at every byte, in any case. Here a rule needs something to look for: a literal
//! beginning, digits, capitals, or a context word. A recognizer that offers none is left out, and so is one whose
//! expression looks around or back, which no search in linear time can do.

use std::collections::BTreeSet;

use super::{Import, ImportError, Remark, slug, unsupported};
use crate::document::Node;
use crate::kind;
use crate::pack::{KEYWORD_MAX, Pack};
use crate::pattern::Pattern;
use crate::score::{CONTEXT, Odds};

/// Presidio's entities with another name here.
const ENTITIES: &[(&str, &str)] = &[
    ("IBAN_CODE", "IBAN"),
    ("EMAIL_ADDRESS", "EMAIL"),
    ("PHONE_NUMBER", "PHONE"),
    ("PERSON", "PERSON_NAME"),
    ("LOCATION", "POSTAL_ADDRESS"),
    ("DE_TAX_ID", "DE_STEUER_ID"),
    ("DE_TAX_NUMBER", "DE_STEUERNUMMER"),
    ("DE_SOCIAL_SECURITY", "DE_SVNR"),
    ("DE_HEALTH_INSURANCE", "DE_KVNR"),
    ("DE_ID_CARD", "DE_PERSONALAUSWEIS"),
    ("DE_PASSPORT", "DE_REISEPASS"),
    ("US_SSN", "NATIONAL_ID"),
    ("UK_NHS", "NATIONAL_ID"),
    ("ES_NIF", "NATIONAL_ID"),
    ("IT_FISCAL_CODE", "NATIONAL_ID"),
    ("PL_PESEL", "NATIONAL_ID"),
];

/// The most terms of one deny list.
const TERMS_MAX: usize = 500;

const KEYS: [&str; 12] = [
    "name",
    "type",
    "enabled",
    "supported_language",
    "supported_languages",
    "supported_entity",
    "supported_entities",
    "patterns",
    "context",
    "deny_list",
    "deny_list_score",
    "version",
];

/// Reads a YAML document with a list `recognizers:`.
///
/// # Errors
/// The text is no YAML or has no such list.
pub fn import_presidio(yaml: &str) -> Result<Import, ImportError> {
    let document =
        Node::from_yaml(yaml).map_err(|error| ImportError { line: error.line, message: error.message })?;
    let missing =
        |line| ImportError { line, message: "no list `recognizers:`, as Presidio writes it".to_owned() };
    let list = document.get("recognizers").ok_or_else(|| missing(document.line))?;
    let recognizers = list.items().ok_or_else(|| missing(list.line))?;
    let mut importing = Importing::default();
    for (key, value) in document.entries().iter().filter(|(key, _)| key != "recognizers") {
        importing.remark(value.line, key, "this setting of the registry means nothing here", false);
    }
    for recognizer in recognizers {
        importing.take(recognizer);
    }
    let mut pack = toml::Table::new();
    let about = [("id", "presidio"), ("description", "imported from a Presidio registry")];
    let about = about.map(|(key, text)| (key.to_owned(), toml::Value::from(text)));
    pack.insert("pack".to_owned(), toml::Value::Table(about.into_iter().collect()));
    let rules = importing.rows.len();
    pack.insert(
        "rule".to_owned(),
        toml::Value::Array(importing.rows.into_iter().map(toml::Value::Table).collect()),
    );
    Ok(Import { pack: pack.to_string(), rules, remarks: importing.remarks })
}

#[derive(Default)]
struct Importing {
    rows: Vec<toml::Table>,
    ids: BTreeSet<String>,
    remarks: Vec<Remark>,
}

/// What all rules of one recognizer share.
struct Recognizer {
    name: String,
    entity: String,
    context: Vec<String>,
    locale: Vec<String>,
}

impl Importing {
    fn remark(&mut self, line: usize, name: &str, reason: impl Into<String>, is_left_out: bool) {
        self.remarks.push(Remark { line, name: name.to_owned(), reason: reason.into(), is_left_out });
    }

    fn take(&mut self, node: &Node) {
        let text = |key: &str| node.get(key).and_then(Node::text);
        let Some(name) = node.text().or_else(|| text("name")) else {
            return self.remark(node.line, "?", "a recognizer without a `name`", true);
        };
        if text("enabled").is_some_and(|enabled| !enabled.eq_ignore_ascii_case("true")) {
            return self.remark(node.line, name, "it is not enabled", true);
        }
        if node.get("patterns").is_none() && node.get("deny_list").is_none() {
            let reason =
                "it has neither `patterns` nor `deny_list`: its rule is code of Presidio; see the types here";
            return self.remark(node.line, name, reason, true);
        }
        for (key, value) in node.entries().iter().filter(|(key, _)| !KEYS.contains(&key.as_str())) {
            self.remark(value.line, name, format!("`{key}` is not taken over"), false);
        }
        let entities = node.get("supported_entities").and_then(Node::texts).unwrap_or_default();
        let Some(entity) = text("supported_entity").or(entities.first().copied()) else {
            return self.remark(node.line, name, "it names no `supported_entity`", true);
        };
        let mut context: BTreeSet<String> = BTreeSet::new();
        let mut add = |node: Option<&Node>| {
            let words = node.and_then(Node::texts).unwrap_or_default();
            context.extend(words.iter().map(|word| word.to_lowercase()).filter(|word| !word.is_empty()));
        };
        add(node.get("context"));
        let mut locale: Vec<String> = text("supported_language").map(str::to_owned).into_iter().collect();
        for language in node.get("supported_languages").and_then(Node::items).into_iter().flatten() {
            let code = language.text().or_else(|| language.get("language").and_then(Node::text));
            locale.extend(code.map(str::to_owned));
            add(language.get("context"));
        }
        let long = context.iter().filter(|word| word.len() > KEYWORD_MAX).count();
        if long > 0 {
            let reason = format!("{long} context words are longer than {KEYWORD_MAX} bytes");
            self.remark(node.line, name, reason, false);
        }
        let context = context.into_iter().filter(|word| word.len() <= KEYWORD_MAX).collect();
        let shared = Recognizer { name: name.to_owned(), entity: entity.to_owned(), context, locale };
        if let Some(list) = node.get("deny_list") {
            self.take_terms(&shared, list, text("deny_list_score"));
        }
        if let Some(patterns) = node.get("patterns") {
            match patterns.items() {
                Some(items) => items.iter().for_each(|item| self.take_pattern(&shared, item)),
                None => self.remark(patterns.line, name, "`patterns` is no list", true),
            }
        }
    }

    fn take_terms(&mut self, shared: &Recognizer, list: &Node, score: Option<&str>) {
        let terms: BTreeSet<&str> =
            list.texts().unwrap_or_default().into_iter().filter(|t| !t.is_empty()).collect();
        if terms.is_empty() || terms.len() > TERMS_MAX {
            let reason = format!("`deny_list` holds 1 to {TERMS_MAX} texts");
            return self.remark(list.line, &shared.name, reason, true);
        }
        let mut row = self.row(shared, "terms", score.unwrap_or("1.0"));
        let mut longest_first: Vec<&str> = terms.into_iter().collect();
        longest_first.sort_by_key(|term| std::cmp::Reverse(term.len()));
        let keywords: BTreeSet<&str> = longest_first.iter().map(|term| beginning(term)).collect();
        let terms: Vec<String> = longest_first.iter().map(|term| escaped(term)).collect();
        row.insert("keywords".to_owned(), keywords.into_iter().collect::<Vec<_>>().into());
        row.insert("case".to_owned(), "any".into());
        row.insert("pattern".to_owned(), format!("(?i:{})", terms.join("|")).into());
        let positive = longest_first.first().copied().unwrap_or_default().to_owned();
        self.add(list.line, shared, row, &positive);
    }

    fn take_pattern(&mut self, shared: &Recognizer, node: &Node) {
        let text = |key: &str| node.get(key).and_then(Node::text);
        let name = text("name").unwrap_or("pattern");
        let Some(regex) = text("regex") else {
            return self.remark(node.line, &shared.name, "a pattern without a `regex`", true);
        };
        if let Some(construct) = unsupported(regex) {
            let reason = format!("{construct}, which no search in linear time can do");
            return self.remark(node.line, &shared.name, reason, true);
        }
        let (regex, starts_word, ends_word) = without_boundaries(regex);
        let pattern = match Pattern::new(&regex) {
            Ok(pattern) => pattern,
            Err(message) => return self.remark(node.line, &shared.name, message, true),
        };
        let mut row = self.row(shared, name, text("score").unwrap_or("0.5"));
        row.insert("pattern".to_owned(), regex.into());
        row.insert("ends_word".to_owned(), ends_word.into());
        let Some(example) = pattern.example() else {
            return self.remark(
                node.line,
                &shared.name,
                "its pattern fits no text of 64 printable characters",
                true,
            );
        };
        let firsts = pattern.firsts(KEYWORD_MAX, false);
        let begins_with = |fits: fn(u8) -> bool| {
            firsts
                .first()
                .is_some_and(|first| (0..=u8::MAX).zip(first).all(|(byte, possible)| !possible || fits(byte)))
        };
        let literal = literal(&firsts);
        if literal.len() >= 3 {
            row.insert("keywords".to_owned(), vec![literal].into());
            row.insert("starts_word".to_owned(), starts_word.into());
        } else if begins_with(|byte| byte.is_ascii_digit()) {
            row.insert("finder".to_owned(), "digits".into());
            self.limit(node, shared, starts_word, "digits that begin a word");
        } else if begins_with(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
            row.insert("finder".to_owned(), "word".into());
            self.limit(node, shared, false, "capitals that a digit follows soon");
        } else if !shared.context.is_empty() {
            row.insert("finder".to_owned(), "near".into());
            row.insert("case".to_owned(), "any".into());
            row.insert("keywords".to_owned(), shared.context.clone().into());
            self.limit(node, shared, false, "the first word behind one of its context words");
        } else {
            let reason = "its pattern begins with nothing to look for, and it has no context words";
            return self.remark(node.line, &shared.name, reason, true);
        }
        self.add(node.line, shared, row, &example);
    }

    fn limit(&mut self, node: &Node, shared: &Recognizer, is_same: bool, only: &str) {
        if !is_same {
            self.remark(node.line, &shared.name, format!("only {only} are looked at"), false);
        }
    }

    /// The keys that all rules have.
    fn row(&mut self, shared: &Recognizer, name: &str, score: &str) -> toml::Table {
        let base = slug(&format!("presidio-{}-{name}", shared.name));
        let id = (1..).map(|n| if n == 1 { base.clone() } else { format!("{base}-{n}") });
        let id = id.into_iter().find(|id| !self.ids.contains(id)).unwrap_or_default();
        self.ids.insert(id.clone());
        let ours = ENTITIES.iter().find(|(entity, _)| *entity == shared.entity).map(|(_, ours)| *ours);
        let ours = ours.or_else(|| kind::find(&shared.entity).map(|kind| kind.name));
        let score = score.parse::<f64>().unwrap_or(0.5).clamp(0.01, 0.99);
        let mut row = toml::Table::new();
        row.insert("id".to_owned(), id.into());
        row.insert("type".to_owned(), ours.unwrap_or("CUSTOM_TERM").into());
        row.insert("score".to_owned(), score.into());
        row.insert("tags".to_owned(), vec!["presidio".to_owned(), slug(&shared.entity)].into());
        row.insert("locale".to_owned(), shared.locale.clone().into());
        row.insert("context".to_owned(), shared.context.clone().into());
        if ours.is_none() {
            // A type of their own; nobody has yet said that it is bad enough to block.
            row.insert("action".to_owned(), "WARN".into());
        }
        row
    }

    /// Keeps a rule that loads and finds what its pattern fits.
    fn add(&mut self, line: usize, shared: &Recognizer, mut row: toml::Table, example: &str) {
        let score = row.get("score").and_then(toml::Value::as_float).unwrap_or_default() as f32;
        let prior = Odds { prior: Odds::of_probability(score), ..Odds::default() };
        let positive = match shared.context.first() {
            _ if prior.score() >= crate::MIN_SCORE && !row.contains_key("finder") => example.to_owned(),
            Some(word) if Odds { context: CONTEXT, ..prior }.score() >= crate::MIN_SCORE => {
                format!("{word} {example}")
            }
            _ if prior.score() >= crate::MIN_SCORE => example.to_owned(),
            _ => {
                let reason = format!("with a score of {score} nothing would ever be found");
                return self.remark(line, &shared.name, reason, true);
            }
        };
        row.insert("positive".to_owned(), vec![positive].into());
        row.insert("negative".to_owned(), vec![String::new()].into());
        let rules = toml::Value::Array(vec![toml::Value::Table(row.clone())]);
        let pack = toml::Table::from_iter([("rule".to_owned(), rules)]).to_string();
        match Pack::load(&[("imported", &pack)]) {
            Ok(_) => self.rows.push(row),
            Err(error) => self.remark(line, &shared.name, error.to_string(), true),
        }
    }
}

/// The expression without word boundaries at its ends, and whether they were there: the engine asks for them itself.
fn without_boundaries(regex: &str) -> (String, bool, bool) {
    let mut inner = regex.trim();
    let (mut starts, mut ends) = (false, false);
    loop {
        if let Some(rest) = inner.strip_prefix(r"\b") {
            (inner, starts) = (rest, true);
        } else if let Some(rest) = inner.strip_suffix(r"\b").filter(|rest| !rest.ends_with('\\')) {
            (inner, ends) = (rest, true);
        } else if is_one_group(inner) {
            inner = inner.get(1..inner.len() - 1).unwrap_or_default();
        } else {
            break;
        }
    }
    let has_choice = depth_zero_choice(inner);
    (if has_choice { format!("(?:{inner})") } else { inner.to_owned() }, starts, ends)
}

/// Whether the whole text is one plain group in parentheses.
fn is_one_group(regex: &str) -> bool {
    regex.starts_with('(')
        && !regex.starts_with("(?")
        && regex.ends_with(')')
        && closes_at(regex) == Some(regex.len() - 1)
}

/// Where the group closes that opens first.
fn closes_at(regex: &str) -> Option<usize> {
    let mut depth = 0_usize;
    each_plain(regex, |at, character, in_class| {
        match character {
            '(' if !in_class => depth += 1,
            ')' if !in_class => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
        None
    })
}

fn depth_zero_choice(regex: &str) -> bool {
    let mut depth = 0_usize;
    let found = each_plain(regex, |at, character, in_class| {
        match character {
            '(' if !in_class => depth += 1,
            ')' if !in_class => depth = depth.saturating_sub(1),
            '|' if !in_class && depth == 0 => return Some(at),
            _ => {}
        }
        None
    });
    found.is_some()
}

/// Calls for each character that no backslash escapes, until something is found.
fn each_plain(regex: &str, mut see: impl FnMut(usize, char, bool) -> Option<usize>) -> Option<usize> {
    let (mut escaped, mut in_class) = (false, false);
    for (at, character) in regex.char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        match character {
            '\\' => escaped = true,
            '[' if !in_class => in_class = true,
            ']' => in_class = false,
            _ => {}
        }
        if let Some(found) = see(at, character, in_class) {
            return Some(found);
        }
    }
    None
}

/// The bytes with which every match begins.
fn literal(firsts: &[[bool; 256]]) -> String {
    let only = |fits: &[bool; 256]| {
        let mut possible = (0..=u8::MAX).zip(fits).filter(|(_, fits)| **fits).map(|(byte, _)| byte);
        possible.next().filter(|byte| possible.next().is_none() && byte.is_ascii_graphic())
    };
    firsts.iter().map_while(only).map(char::from).collect()
}

/// As much of a term as a keyword may have.
fn beginning(term: &str) -> &str {
    let end = (0..=KEYWORD_MAX.min(term.len())).rev().find(|end| term.is_char_boundary(*end)).unwrap_or(0);
    term.get(..end).unwrap_or_default()
}

fn escaped(term: &str) -> String {
    let mut escaped = String::new();
    for byte in term.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b' ' {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("\\x{byte:02x}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
