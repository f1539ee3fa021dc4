//! Rules of gitleaks, as its configuration in TOML writes them.
//!
//! gitleaks searches a whole expression in every file that holds a keyword. Here a rule begins at something to look for,
//! so an expression is taken apart: the texts with which it begins become keywords, what stands between them and the
//! group of the secret becomes the lead, and the group becomes the pattern. An expression that begins with nothing of the
//! kind is left out, and so is one that looks around, which no search in linear time can do.

use std::collections::BTreeSet;

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::{Import, ImportError, Remark, slug, unsupported};
use crate::names::line_at;
use crate::pack::{KEYWORD_MAX, LEAD_MAX, Pack};

/// The most bytes of one match where the expression sets no limit.
const OPEN_MAX: usize = 4096;
/// The fewest bytes of a text to look for, where words begin and elsewhere.
const KEYWORD_MIN: (usize, usize) = (2, 3);
/// The most texts with which one expression may begin.
const KEYWORDS_MAX: usize = 64;
/// How sure a match is: its form says who issued it.
const SCORE: f64 = 0.9;
/// How often a text that fits is made until one looks like a secret.
const EXAMPLES_MAX: u64 = 24;
/// Values shorter than this are not asked to look like a key.
const KEY_MIN: usize = 12;

/// Keys of a rule that are read, or that say nothing about what is found.
const KEYS: [&str; 10] = [
    "id",
    "description",
    "regex",
    "secretGroup",
    "entropy",
    "keywords",
    "tags",
    "path",
    "allowlist",
    "allowlists",
];

/// Reads a TOML document with `[[rules]]`.
///
/// # Errors
/// The text is no TOML or has no such rules.
pub fn import_gitleaks(text: &str) -> Result<Import, ImportError> {
    let document: toml::Table = text.parse().map_err(|error: toml::de::Error| ImportError {
        line: error.span().map_or(0, |span| line_at(text, span.start)),
        message: error.message().to_owned(),
    })?;
    let rules = document.get("rules").and_then(toml::Value::as_array).ok_or_else(|| ImportError {
        line: 1,
        message: "no `[[rules]]`, as gitleaks writes them".to_owned(),
    })?;
    let mut importing = Importing::default();
    for (key, value) in &document {
        match key.as_str() {
            "rules" | "title" | "description" | "minVersion" => {}
            "allowlist" | "allowlists" => importing.take_global(value),
            "extend" => importing.remark(0, key, "the other configuration is not read; import it too", false),
            _ => importing.remark(0, key, "this setting means nothing here", false),
        }
    }
    let lines = lines(text);
    for (number, rule) in rules.iter().enumerate() {
        let line = lines.get(number).copied().unwrap_or_default();
        match rule.as_table() {
            Some(table) => importing.take(line, table),
            None => importing.remark(line, "?", "a rule is a table", true),
        }
    }
    let mut pack = toml::Table::new();
    let about = [("id", "gitleaks"), ("description", "imported from a gitleaks configuration")];
    let about = about.map(|(key, text)| (key.to_owned(), toml::Value::from(text)));
    pack.insert("pack".to_owned(), toml::Value::Table(about.into_iter().collect()));
    let rules = importing.rows.len();
    let rows = importing.rows.into_iter().map(toml::Value::Table).collect();
    pack.insert("rule".to_owned(), toml::Value::Array(rows));
    Ok(Import { pack: pack.to_string(), rules, remarks: importing.remarks })
}

/// Where each rule begins.
fn lines(text: &str) -> Vec<usize> {
    let Ok(table) = toml::de::DeTable::parse(text) else { return Vec::new() };
    match table.get_ref().iter().find(|(key, _)| key.get_ref().as_ref() == "rules") {
        Some((_, rules)) => match rules.get_ref() {
            toml::de::DeValue::Array(rows) => {
                rows.iter().map(|row| line_at(text, row.span().start)).collect()
            }
            _ => Vec::new(),
        },
        None => Vec::new(),
    }
}

#[derive(Default)]
struct Importing {
    rows: Vec<toml::Table>,
    ids: BTreeSet<String>,
    remarks: Vec<Remark>,
    /// Texts that no secret of any rule holds.
    stopwords: Vec<String>,
}

/// What a rule excludes, as far as it can be said here.
#[derive(Default)]
struct Exceptions {
    regexes: Vec<String>,
    words: Vec<String>,
    /// Expressions over the whole match, where the finding is only a part of it.
    of_match: Vec<String>,
}

impl Importing {
    fn remark(&mut self, line: usize, name: &str, reason: impl Into<String>, is_left_out: bool) {
        self.remarks.push(Remark { line, name: name.to_owned(), reason: reason.into(), is_left_out });
    }

    /// Of the lists for all rules only words are cheap enough to be asked of every finding.
    fn take_global(&mut self, value: &toml::Value) {
        for list in tables(Some(value)) {
            self.stopwords.extend(texts(list, "stopwords").into_iter().map(|word| word.to_lowercase()));
            for (key, what) in [("regexes", "expressions"), ("paths", "paths"), ("commits", "commits")] {
                let count = texts(list, key).len();
                if count > 0 {
                    let reason = format!("{count} {what} are not taken over; placeholders are known here");
                    self.remark(0, "allowlist", reason, false);
                }
            }
        }
    }

    fn take(&mut self, line: usize, rule: &toml::Table) {
        let text = |key: &str| rule.get(key).and_then(toml::Value::as_str);
        let name = text("id").unwrap_or("?");
        if rule.get("skipReport").and_then(toml::Value::as_bool) == Some(true) {
            return self.remark(line, name, "there it is not reported by itself", true);
        }
        let Some(regex) = text("regex").filter(|regex| !regex.is_empty()) else {
            let reason = match text("path") {
                Some(_) => "it is a rule for names of files, which texts do not have",
                None => "a rule without a `regex`",
            };
            return self.remark(line, name, reason, true);
        };
        if let Some(construct) = unsupported(regex) {
            let reason = format!("{construct}, which no search in linear time can do");
            return self.remark(line, name, reason, true);
        }
        let hir = match parse(regex) {
            Ok(hir) => hir,
            Err(message) => return self.remark(line, name, message, true),
        };
        if text("path").is_some() {
            self.remark(line, name, "`path` is not asked for, because texts have none", false);
        }
        for key in rule.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            self.remark(line, name, format!("`{key}` is not taken over"), false);
        }
        let exceptions = self.exceptions(line, name, rule);
        let group = rule.get("secretGroup").and_then(toml::Value::as_integer);
        let group = group.and_then(|group| u32::try_from(group).ok()).filter(|group| *group > 0);
        let mut branches = branches(&hir);
        // The number of a group counts through all branches, so only one may hold it.
        if let Some(group) = group {
            branches.retain(|branch| holds(branch, group));
            if branches.is_empty() {
                return self.remark(line, name, format!("its expression has no group {group}"), true);
            }
        }
        let shapes: Vec<Shape> = branches
            .iter()
            .flat_map(|branch| Shape::of(branch, group.or_else(|| first_group(branch))).forms())
            .collect();
        for shape in &shapes {
            match self.take_shape(name, rule, shape, &exceptions) {
                Ok(limits) => limits.into_iter().for_each(|limit| self.remark(line, name, limit, false)),
                Err(reason) if shapes.len() > 1 => {
                    self.remark(line, name, format!("one of its forms: {reason}"), true);
                }
                Err(reason) => self.remark(line, name, reason, true),
            }
        }
    }

    fn exceptions(&mut self, line: usize, name: &str, rule: &toml::Table) -> Exceptions {
        let mut exceptions = Exceptions { words: self.stopwords.clone(), ..Exceptions::default() };
        for list in tables(rule.get("allowlist")).chain(tables(rule.get("allowlists"))) {
            let places = texts(list, "paths").len() + texts(list, "commits").len();
            let (regexes, words) = (texts(list, "regexes"), texts(list, "stopwords"));
            let condition = list.get("condition").and_then(toml::Value::as_str).unwrap_or("OR");
            let all = condition.eq_ignore_ascii_case("and") || condition == "&&";
            if all && (places > 0 || !regexes.is_empty() && !words.is_empty()) {
                self.remark(
                    line,
                    name,
                    "an allowlist that asks for several things at once is not taken over",
                    false,
                );
                continue;
            }
            if places > 0 {
                self.remark(line, name, "its allowed paths and commits are not asked for", false);
            }
            exceptions.words.extend(words.iter().map(|word| word.to_lowercase()));
            let target = list.get("regexTarget").and_then(toml::Value::as_str).unwrap_or("secret");
            if target == "line" && !regexes.is_empty() {
                self.remark(line, name, "allowed lines are not known here", false);
                continue;
            }
            for regex in regexes {
                match unsupported(regex).map_or_else(|| parse(regex), |construct| Err(construct.to_owned())) {
                    Ok(hir) if target == "match" => exceptions.of_match.push(hir.to_string()),
                    Ok(hir) => exceptions.regexes.push(hir.to_string()),
                    Err(message) => {
                        self.remark(line, name, format!("an allowed expression: {message}"), false)
                    }
                }
            }
        }
        exceptions
    }

    /// Adds a rule of this form, and says in what it is less than there.
    fn take_shape(
        &mut self,
        name: &str,
        rule: &toml::Table,
        shape: &Shape,
        exceptions: &Exceptions,
    ) -> Result<Vec<String>, String> {
        let mut limits: Vec<String> = Vec::new();
        let mut row = toml::Table::new();
        let parts = shape.anchor()?;
        let kind = kind(name, &parts.keywords);
        row.insert("id".to_owned(), self.id(name).into());
        row.insert("type".to_owned(), kind.into());
        row.insert("score".to_owned(), SCORE.into());
        row.insert("keywords".to_owned(), parts.keywords.clone().into());
        row.insert("case".to_owned(), if parts.any_case { "any" } else { "exact" }.into());
        row.insert("starts_word".to_owned(), shape.starts_word.into());
        row.insert("ends_word".to_owned(), shape.ends_word.into());
        if let Some(lead) = &parts.lead {
            row.insert("after".to_owned(), lead.to_string().into());
            if lead.properties().maximum_len().is_none_or(|most| most > LEAD_MAX) {
                limits.push(format!("the secret begins within {LEAD_MAX} bytes of the name"));
            }
        }
        if parts.is_whole {
            limits.push("the finding is the whole match, not only the secret in it".to_owned());
        }
        row.insert("pattern".to_owned(), parts.pattern.to_string().into());
        let most = parts.pattern.properties().maximum_len();
        if most.is_none_or(|most| most > OPEN_MAX) {
            limits.push(format!("a match ends after {OPEN_MAX} bytes at the latest"));
        }
        let most = most.map_or(OPEN_MAX, |most| (most + 1).min(OPEN_MAX));
        row.insert("max".to_owned(), i64::try_from(most).unwrap_or(i64::MAX).into());
        let least = parts.pattern.properties().minimum_len().unwrap_or_default();
        // How unlike words the secret is takes the place of its entropy.
        let validators: &[&str] = match rule.get("entropy") {
            _ if kind == "PRIVATE_KEY" || parts.is_whole || least < KEY_MIN => &["none"],
            Some(_) => &["generated", "credential", "none"],
            None => &["credential", "none"],
        };
        let tags = texts(rule, "tags").into_iter().map(slug);
        row.insert(
            "tags".to_owned(),
            std::iter::once("gitleaks".to_owned()).chain(tags).collect::<Vec<_>>().into(),
        );
        let mut except = exceptions.regexes.clone();
        if parts.lead.is_none() {
            except.extend(exceptions.of_match.iter().cloned());
        } else if !exceptions.of_match.is_empty() {
            limits.push("allowed expressions over more than the secret are not taken over".to_owned());
        }
        if !except.is_empty() {
            row.insert("except".to_owned(), except.into());
        }
        if !exceptions.words.is_empty() {
            row.insert("except_words".to_owned(), exceptions.words.clone().into());
        }
        row.insert("negative".to_owned(), vec![String::new()].into());
        if kind == "PRIVATE_KEY" && parts.keywords.iter().all(|keyword| keyword.starts_with("-----")) {
            for key in ["pattern", "max", "after"] {
                row.remove(key);
            }
            row.insert("finder".to_owned(), "armour".into());
            row.insert("keywords".to_owned(), vec!["-----BEGIN ".to_owned()].into());
            row.insert("case".to_owned(), "exact".into());
            limits = vec!["read as armour of private keys is read here".to_owned()];
        }
        let mut reason = String::new();
        for (number, validator) in validators.iter().enumerate() {
            row.insert("validator".to_owned(), (*validator).into());
            match self.add(row.clone(), &parts) {
                Ok(()) => {
                    if number > 0 && rule.contains_key("entropy") {
                        limits.push("its entropy is not asked for".to_owned());
                    }
                    return Ok(limits);
                }
                Err(failure) => reason = failure,
            }
        }
        Err(reason)
    }

    /// Keeps a rule that loads and finds a text that is made to fit.
    fn add(&mut self, mut row: toml::Table, parts: &Parts) -> Result<(), String> {
        let mut last = "no text of printable characters fits its pattern".to_owned();
        for seed in 0..EXAMPLES_MAX {
            let mut dice = Dice(seed);
            let mut example = String::new();
            let keyword = parts.keywords.first().cloned().unwrap_or_default();
            if let Some(lead) = &parts.lead {
                example.push_str(&keyword);
                write(lead, &mut dice, &mut example);
            }
            if row.contains_key("finder") {
                let line: String = (0..64).map(|_| char::from(b'A' + dice.below(26) as u8)).collect();
                example = format!("-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----");
            } else {
                write(&parts.pattern, &mut dice, &mut example);
            }
            row.insert("positive".to_owned(), vec![example].into());
            let rules = toml::Value::Array(vec![toml::Value::Table(row.clone())]);
            let pack = toml::Table::from_iter([("rule".to_owned(), rules)]).to_string();
            match Pack::load(&[("imported", &pack)]) {
                Ok(_) => {
                    self.rows.push(row);
                    return Ok(());
                }
                Err(error) => last = error.to_string(),
            }
            if !last.contains("positive example") {
                break;
            }
        }
        Err(last)
    }

    fn id(&mut self, name: &str) -> String {
        let base = slug(&format!("gitleaks-{name}"));
        let id = (1..).map(|n| if n == 1 { base.clone() } else { format!("{base}-{n}") });
        let id = id.into_iter().find(|id| !self.ids.contains(id)).unwrap_or_default();
        self.ids.insert(id.clone());
        id
    }
}

fn kind(name: &str, keywords: &[String]) -> &'static str {
    let named = |part: &str| name.to_ascii_lowercase().contains(part);
    if named("private-key") && keywords.iter().all(|keyword| keyword.starts_with("-----"))
        || named("age-secret")
    {
        "PRIVATE_KEY"
    } else if named("jwt") {
        "JWT"
    } else if named("password") || named("auth-user") {
        "PASSWORD"
    } else if named("generic") || named("auth-header") || named("kubernetes-secret") {
        "SECRET"
    } else {
        "API_KEY"
    }
}

fn tables(value: Option<&toml::Value>) -> impl Iterator<Item = &toml::Table> {
    let one = value.and_then(toml::Value::as_table);
    let many = value.and_then(toml::Value::as_array).into_iter().flatten().filter_map(toml::Value::as_table);
    one.into_iter().chain(many)
}

fn texts<'t>(table: &'t toml::Table, key: &str) -> Vec<&'t str> {
    let list = table.get(key).and_then(toml::Value::as_array);
    list.into_iter().flatten().filter_map(toml::Value::as_str).collect()
}

/// Go's expressions allow a brace that repeats nothing; here it has to be escaped.
fn parse(regex: &str) -> Result<Hir, String> {
    let parse = |regex: &str| ParserBuilder::new().unicode(false).utf8(false).build().parse(regex);
    parse(regex).or_else(|error| parse(&with_plain_braces(regex)).map_err(|_| error)).map_err(|error| {
        let message = match &error {
            regex_syntax::Error::Parse(error) => error.kind().to_string(),
            regex_syntax::Error::Translate(error) => error.kind().to_string(),
            _ => "unknown".to_owned(),
        };
        format!("its expression cannot be read: {message}")
    })
}

fn with_plain_braces(regex: &str) -> String {
    let mut plain = String::with_capacity(regex.len());
    let (mut escaped, mut counts) = (false, false);
    for (at, character) in regex.char_indices() {
        let rest = regex.get(at + 1..).unwrap_or_default();
        let inside = rest.split('}').next().unwrap_or_default();
        match character {
            '{' if !escaped => {
                counts = rest.len() > inside.len()
                    && inside.starts_with(|c: char| c.is_ascii_digit())
                    && inside.chars().all(|c| c.is_ascii_digit() || c == ',');
                plain.push_str(if counts { "{" } else { "\\{" });
            }
            '}' if !escaped && !counts => plain.push_str("\\}"),
            '}' => {
                counts = false;
                plain.push('}');
            }
            _ => plain.push(character),
        }
        escaped = character == '\\' && !escaped;
    }
    plain
}

/// The alternatives of the whole expression, each of which becomes a rule.
fn branches(hir: &Hir) -> Vec<Hir> {
    match hir.kind() {
        HirKind::Alternation(branches) => branches.clone(),
        HirKind::Capture(capture) => match capture.sub.kind() {
            HirKind::Alternation(branches) => branches.clone(),
            _ => vec![hir.clone()],
        },
        _ => vec![hir.clone()],
    }
}

fn first_group(hir: &Hir) -> Option<u32> {
    match hir.kind() {
        HirKind::Capture(capture) => Some(capture.index),
        HirKind::Repetition(repetition) => first_group(&repetition.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().find_map(first_group),
        _ => None,
    }
}

fn holds(hir: &Hir, group: u32) -> bool {
    match hir.kind() {
        HirKind::Capture(capture) => capture.index == group || holds(&capture.sub, group),
        HirKind::Repetition(repetition) => holds(&repetition.sub, group),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(|part| holds(part, group)),
        _ => false,
    }
}

/// An expression in three: what comes before the secret, the secret, and what comes behind.
struct Shape {
    before: Vec<Hir>,
    value: Hir,
    behind: Vec<Hir>,
    starts_word: bool,
    ends_word: bool,
}

/// What a rule of ours is made of.
struct Parts {
    keywords: Vec<String>,
    any_case: bool,
    /// What stands between a keyword and the secret; without it, the pattern begins with the keyword.
    lead: Option<Hir>,
    pattern: Hir,
    /// The pattern takes more than the secret.
    is_whole: bool,
}

impl Shape {
    fn of(hir: &Hir, group: Option<u32>) -> Self {
        let (mut before, mut behind) = (Vec::new(), Vec::new());
        let value = group.and_then(|group| cut(hir, group, &mut before, &mut behind)).unwrap_or_else(|| {
            before.clear();
            behind.clear();
            without_groups(hir)
        });
        let mut shape = Self { before, value, behind, starts_word: false, ends_word: false };
        shape.trim();
        shape
    }

    /// Drops what only asks for the edge of a word, and what may be missing where a search begins.
    fn trim(&mut self) {
        if self.before.is_empty() || self.before.iter().all(is_edge) {
            self.starts_word |= !self.before.is_empty();
            self.before.clear();
            let mut parts = flat(&self.value);
            while parts.first().is_some_and(is_look) {
                parts.remove(0);
                self.starts_word = true;
            }
            self.value = Hir::concat(parts);
        }
        while let Some(first) = self.before.first() {
            let optional = first.properties().minimum_len() == Some(0);
            if !optional && !is_edge(first) {
                break;
            }
            // A boundary right before the name counts; what is optional before it makes the name begin anywhere.
            self.starts_word = is_look(first) && self.before.get(1).is_some_and(|next| !is_edge(next));
            self.before.remove(0);
        }
        if self.behind.iter().all(is_edge) {
            self.ends_word = !self.behind.is_empty();
            self.behind.clear();
            let mut parts = flat(&self.value);
            while parts.last().is_some_and(is_look) {
                parts.pop();
                self.ends_word = true;
            }
            self.value = Hir::concat(parts);
        }
    }

    /// Where the whole has nothing to look for, each alternative of the secret may have.
    fn forms(self) -> Vec<Self> {
        match self.value.kind() {
            HirKind::Alternation(values) if self.anchor().is_err() => values
                .iter()
                .map(|value| Self {
                    value: value.clone(),
                    before: self.before.clone(),
                    behind: self.behind.clone(),
                    ..self
                })
                .collect(),
            _ => vec![self],
        }
    }

    fn anchor(&self) -> Result<Parts, String> {
        if self.before.is_empty() && self.behind.is_empty() {
            return self.whole(vec![self.value.clone()], false);
        }
        if self.behind.is_empty() {
            // As much as possible of what comes first belongs to the keyword.
            let named =
                |length: usize| beginnings(&Hir::concat(self.before.iter().take(length).cloned().collect()));
            let fits = |begins: &Vec<Beginning>| {
                begins.iter().all(|begin| begin.is_exact && begin.text.len() <= KEYWORD_MAX)
            };
            let length = (1..=self.before.len()).take_while(|length| fits(&named(*length))).last();
            if let Some(length) = length {
                let (keywords, any_case) = keywords(&named(length), self.starts_word)?;
                let lead = Hir::concat(self.before.iter().skip(length).cloned().collect());
                return Ok(Parts {
                    keywords,
                    any_case,
                    lead: Some(lead),
                    pattern: self.value.clone(),
                    is_whole: false,
                });
            }
        }
        let all = self.before.iter().chain([&self.value]).chain(&self.behind).cloned().collect();
        self.whole(all, true)
    }

    fn whole(&self, parts: Vec<Hir>, is_whole: bool) -> Result<Parts, String> {
        let pattern = Hir::concat(parts);
        let (keywords, any_case) = keywords(&beginnings(&pattern), self.starts_word)?;
        Ok(Parts { keywords, any_case, lead: None, pattern, is_whole })
    }
}

/// The group, with what stands before and behind it in one sequence.
fn cut(hir: &Hir, group: u32, before: &mut Vec<Hir>, behind: &mut Vec<Hir>) -> Option<Hir> {
    match hir.kind() {
        HirKind::Capture(capture) if capture.index == group => Some(without_groups(&capture.sub)),
        HirKind::Capture(capture) => cut(&capture.sub, group, before, behind),
        HirKind::Concat(parts) => {
            let at = parts.iter().position(|part| holds(part, group))?;
            before.extend(parts.iter().take(at).map(without_groups));
            let value = cut(parts.get(at)?, group, before, behind)?;
            behind.extend(parts.iter().skip(at + 1).map(without_groups));
            Some(value)
        }
        _ => None,
    }
}

fn without_groups(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Capture(capture) => without_groups(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(without_groups).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(without_groups).collect()),
        HirKind::Repetition(repetition) => {
            let mut repetition = repetition.clone();
            repetition.sub = Box::new(without_groups(&repetition.sub));
            Hir::repetition(repetition)
        }
        _ => hir.clone(),
    }
}

fn flat(hir: &Hir) -> Vec<Hir> {
    match hir.kind() {
        HirKind::Concat(parts) => parts.clone(),
        _ => vec![hir.clone()],
    }
}

fn is_look(hir: &Hir) -> bool {
    matches!(
        hir.kind(),
        HirKind::Look(Look::WordAscii | Look::Start | Look::End | Look::StartLF | Look::EndLF)
    )
}

/// Asks for the end of a word, of a line or of the text, or takes one or two characters that no word holds.
fn is_edge(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Alternation(parts) => parts.iter().all(is_edge),
        HirKind::Class(class) => bytes(class).iter().all(|b| !b.is_ascii_alphanumeric() && *b != b'_'),
        HirKind::Literal(literal) => {
            literal.0.first().is_some_and(|b| !b.is_ascii_alphanumeric()) && literal.0.len() == 1
        }
        // The `\n` of a text inside a text.
        HirKind::Concat(parts) => {
            hir.properties().maximum_len().is_some_and(|most| most <= 2)
                && parts
                    .first()
                    .is_some_and(|first| matches!(first.kind(), HirKind::Literal(l) if *l.0 == *b"\\"))
        }
        _ => is_look(hir),
    }
}

fn bytes(class: &Class) -> Vec<u8> {
    match class {
        Class::Bytes(class) => class.iter().flat_map(|range| range.start()..=range.end()).collect(),
        Class::Unicode(class) => {
            let ascii = |c: char| u8::try_from(c).ok().filter(u8::is_ascii);
            class
                .iter()
                .flat_map(|range| range.start()..=range.end().min('\u{7f}'))
                .filter_map(ascii)
                .collect()
        }
    }
}

/// A text with which a match may begin.
#[derive(Clone, Default)]
struct Beginning {
    text: Vec<u8>,
    /// It is all that the expression takes.
    is_exact: bool,
    any_case: bool,
}

/// The texts with one of which every match begins.
fn beginnings(hir: &Hir) -> Vec<Beginning> {
    let exact = |text: &[u8]| Beginning { text: text.to_vec(), is_exact: true, any_case: false };
    let open = || vec![Beginning::default()];
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![exact(&[])],
        HirKind::Literal(literal) => vec![exact(&literal.0)],
        HirKind::Class(class) => {
            let all = bytes(class);
            let folded: BTreeSet<u8> = all.iter().map(u8::to_ascii_lowercase).collect();
            let any_case = folded.len() < all.len();
            if folded.is_empty() || folded.len() > 4 {
                return open();
            }
            let bytes = if any_case { folded.into_iter().collect() } else { all };
            bytes.iter().map(|byte| Beginning { any_case, ..exact(&[*byte]) }).collect()
        }
        HirKind::Capture(capture) => beginnings(&capture.sub),
        HirKind::Alternation(parts) => parts.iter().flat_map(beginnings).take(KEYWORDS_MAX + 1).collect(),
        HirKind::Concat(parts) => parts.iter().fold(vec![exact(&[])], followed),
        HirKind::Repetition(repetition) if repetition.min == 0 => {
            if repetition.max != Some(1) {
                return open();
            }
            let mut begins = beginnings(&repetition.sub);
            begins.push(exact(&[]));
            begins
        }
        HirKind::Repetition(repetition) => {
            let times = repetition.min.min(8);
            let mut begins = (0..times).fold(vec![exact(&[])], |begins, _| followed(begins, &repetition.sub));
            let more = repetition.max != Some(times);
            begins.iter_mut().for_each(|begin| begin.is_exact &= !more);
            begins
        }
    }
}

fn followed(begins: Vec<Beginning>, part: &Hir) -> Vec<Beginning> {
    if begins.iter().all(|begin| !begin.is_exact) {
        return begins;
    }
    let next = beginnings(part);
    let grown = begins.len().saturating_mul(next.len()) > KEYWORDS_MAX;
    let mut all = Vec::new();
    for begin in begins {
        if !begin.is_exact || grown || begin.text.len() >= KEYWORD_MAX {
            all.push(Beginning { is_exact: false, ..begin });
            continue;
        }
        all.extend(next.iter().map(|next| Beginning {
            text: begin.text.iter().chain(&next.text).copied().collect(),
            is_exact: next.is_exact,
            any_case: begin.any_case || next.any_case,
        }));
    }
    all
}

fn keywords(begins: &[Beginning], starts_word: bool) -> Result<(Vec<String>, bool), String> {
    let any_case = begins.iter().any(|begin| begin.any_case);
    let mut keywords = BTreeSet::new();
    for begin in begins {
        let text = begin.text.get(..begin.text.len().min(KEYWORD_MAX)).unwrap_or_default();
        let text =
            std::str::from_utf8(text).map_err(|_| "it begins with bytes that are no text".to_owned())?;
        if text.len() < if starts_word { KEYWORD_MIN.0 } else { KEYWORD_MIN.1 } {
            return Err("its expression begins with nothing to look for".to_owned());
        }
        keywords.insert(if any_case { text.to_lowercase() } else { text.to_owned() });
    }
    if keywords.is_empty() || keywords.len() > KEYWORDS_MAX {
        return Err("its expression begins with nothing to look for".to_owned());
    }
    Ok((keywords.into_iter().collect(), any_case))
}

/// A small generator of numbers, so that the same file always gives the same pack (Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default().checked_rem(limit).unwrap_or_default()
    }
}

/// Appends a text that fits.
fn write(hir: &Hir, dice: &mut Dice, text: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.extend(literal.0.iter().copied().map(char::from)),
        HirKind::Class(class) => {
            let all = bytes(class);
            let only = |fits: fn(&u8) -> bool| all.iter().copied().filter(fits).collect::<Vec<u8>>();
            let found = [only(u8::is_ascii_alphanumeric), only(u8::is_ascii_graphic), only(u8::is_ascii)];
            let Some(bytes) = found.iter().find(|bytes| !bytes.is_empty()) else { return };
            text.extend(bytes.get(dice.below(bytes.len())).copied().map(char::from));
        }
        HirKind::Capture(capture) => write(&capture.sub, dice, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, dice, text)),
        HirKind::Alternation(parts) => {
            if let Some(part) = parts.get(dice.below(parts.len())) {
                write(part, dice, text);
            }
        }
        HirKind::Repetition(repetition) => {
            // Enough of what may be long to look like a secret, nothing of what may be missing.
            let most = repetition.max.unwrap_or(u32::MAX);
            let times = if repetition.min == 0 { 0 } else { repetition.min.max(24).min(most) };
            (0..times).for_each(|_| write(&repetition.sub, dice, text));
        }
    }
}

#[cfg(test)]
mod tests;
