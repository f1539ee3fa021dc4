//! Guardrails: which action each type of finding calls for.

use std::collections::BTreeMap;
use std::fmt;

use schleuse_types::FindingAction;

use crate::kind::KINDS;
use crate::names::nearest;
use crate::pack::PackError;

/// Guardrails that cover many types.
const PII_FILTER: &str = "PII_FILTER";
const CODE_SCANNER: &str = "CODE_SCANNER";

/// What differs from the default action of each type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guardrails {
    /// The action for each type that has one of its own.
    pub actions: BTreeMap<String, FindingAction>,
}

/// One guardrail as it was typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Row {
    kind: String,
    action: String,
    patterns: Vec<String>,
}

impl Guardrails {
    /// Reads guardrails in either form, which is told by a `[[guardrail]]` table.
    pub fn parse(text: &str) -> Result<Self, GuardrailError> {
        let is_toml = text.lines().any(|line| {
            let line: String =
                line.chars().take_while(|c| *c != '#').filter(|c| !c.is_whitespace()).collect();
            line == "[[guardrail]]"
        });
        if is_toml { Self::parse_toml(text) } else { Self::parse_yaml(text) }
    }

    /// Reads `[[guardrail]]` tables with `type`, `action`, and `patterns` for groups. Other tables are left alone.
    pub fn parse_toml(text: &str) -> Result<Self, GuardrailError> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| GuardrailError::Syntax {
            line: line_of(text, error.span()),
            message: error.message().to_owned(),
        })?;
        let mut rows = Vec::new();
        for item in table.get("guardrail").and_then(toml::Value::as_array).into_iter().flatten() {
            let mut row = Row::default();
            for (key, value) in item.as_table().into_iter().flatten() {
                match value {
                    toml::Value::String(text) => row.set(key, text, 0)?,
                    toml::Value::Array(items) => {
                        for item in items {
                            row.add(key, item.as_str().unwrap_or_default(), 0)?;
                        }
                    }
                    _ => {
                        return Err(GuardrailError::Syntax {
                            line: 0,
                            message: format!("`{key}` must be a string or a list of strings"),
                        });
                    }
                }
            }
            rows.push(row);
        }
        Self::build(&rows)
    }

    /// Reads the list `guardrails:` of a YAML document whose items have `type`, `action` and `patterns`.
    ///
    /// The subset: block or flow lists of plain or quoted scalars, comments, one document. Other keys are left alone.
    pub fn parse_yaml(text: &str) -> Result<Self, GuardrailError> {
        let mut rows: Vec<Row> = Vec::new();
        let mut inside = false;
        let mut list: Option<(String, usize)> = None;
        for (number, line) in text.lines().enumerate() {
            let number = number + 1;
            let fail =
                |message: &str| Err(GuardrailError::Syntax { line: number, message: message.to_owned() });
            let line = without_comment(line);
            let content = line.trim();
            if content.is_empty() || content == "---" {
                continue;
            }
            if line.contains('\t') {
                return fail("a tab; YAML indents with spaces");
            }
            let indent = line.len() - line.trim_start().len();
            if indent == 0 && !content.starts_with("- ") && content != "-" {
                inside = content == "guardrails:" || content == "guardrails: []";
                if !inside && content.starts_with("guardrails") {
                    return fail("`guardrails` is a list, one item a line");
                }
                list = None;
                continue;
            }
            if !inside {
                continue;
            }
            let mut content = content;
            if let Some(item) = content.strip_prefix('-') {
                if let Some((key, depth)) = &list
                    && indent >= *depth
                    && !item.contains(':')
                {
                    if let Some(row) = rows.last_mut() {
                        row.add(key, scalar(item), number)?;
                    }
                    continue;
                }
                rows.push(Row::default());
                content = item.trim();
            }
            list = None;
            if content.is_empty() {
                continue;
            }
            let (Some((key, value)), Some(row)) = (content.split_once(':'), rows.last_mut()) else {
                return fail("expected `- type: …` or `key: value`");
            };
            let (key, value) = (scalar(key), value.trim());
            if value.is_empty() {
                list = Some((key.to_owned(), indent));
            } else if let Some(items) = value.strip_prefix('[') {
                let Some(items) = items.strip_suffix(']') else {
                    return fail("a list must close on its line");
                };
                for item in items.split(',').filter(|item| !item.trim().is_empty()) {
                    row.add(key, scalar(item), number)?;
                }
            } else {
                row.set(key, scalar(value), number)?;
            }
        }
        if rows.is_empty()
            && !text.lines().any(|line| without_comment(line).trim_end().starts_with("guardrails:"))
        {
            return Err(GuardrailError::Missing);
        }
        Self::build(&rows)
    }

    /// Of several guardrails on one type the strictest counts.
    fn build(rows: &[Row]) -> Result<Self, GuardrailError> {
        let mut guardrails = Self::default();
        for row in rows {
            let action = FindingAction::parse(&row.action).ok_or_else(|| {
                let names = FindingAction::ALL.iter().map(|action| action.as_str());
                GuardrailError::Action { given: row.action.clone(), nearest: nearest(&row.action, names) }
            })?;
            let group = match row.kind.as_str() {
                PII_FILTER => Some(KINDS.iter().filter(|kind| kind.personal).map(|kind| kind.name).collect()),
                CODE_SCANNER => {
                    Some(KINDS.iter().filter(|kind| kind.credential).map(|kind| kind.name).collect())
                }
                _ => None,
            };
            let names: Vec<&'static str> = match group {
                Some(all) if row.patterns.is_empty() => all,
                Some(_) => row.patterns.iter().map(|name| known(name)).collect::<Result<_, _>>()?,
                None if row.patterns.is_empty() => vec![known(&row.kind)?],
                None => return Err(GuardrailError::Patterns { given: row.kind.clone() }),
            };
            for name in names {
                let stricter = guardrails.actions.get(name).map_or(action, |other| action.max(*other));
                guardrails.actions.insert(name.to_owned(), stricter);
            }
        }
        Ok(guardrails)
    }
}

impl Row {
    fn set(&mut self, key: &str, value: &str, line: usize) -> Result<(), GuardrailError> {
        match key {
            "type" => value.clone_into(&mut self.kind),
            "action" => value.clone_into(&mut self.action),
            "patterns" => self.patterns.push(value.to_owned()),
            _ => return Err(unknown_key(key, line)),
        }
        Ok(())
    }

    fn add(&mut self, key: &str, item: &str, line: usize) -> Result<(), GuardrailError> {
        if key != "patterns" {
            return Err(match key {
                "type" | "action" => {
                    GuardrailError::Syntax { line, message: format!("`{key}` takes one value") }
                }
                _ => unknown_key(key, line),
            });
        }
        self.patterns.push(item.to_owned());
        Ok(())
    }
}

fn unknown_key(key: &str, line: usize) -> GuardrailError {
    let nearest = nearest(key, ["type", "action", "patterns"].into_iter());
    GuardrailError::Key { line, given: key.to_owned(), nearest }
}

fn known(name: &str) -> Result<&'static str, GuardrailError> {
    KINDS.iter().map(|kind| kind.name).find(|known| *known == name).ok_or_else(|| {
        let names = KINDS.iter().map(|kind| kind.name).chain([PII_FILTER, CODE_SCANNER]);
        GuardrailError::Type { given: name.to_owned(), nearest: nearest(name, names) }
    })
}

fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, character) in line.char_indices() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, '#') if before.is_whitespace() => return line.get(..at).unwrap_or_default(),
            _ => {}
        }
        before = character;
    }
    line
}

fn scalar(text: &str) -> &str {
    let text = text.trim();
    let unquoted = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    unquoted('"').or_else(|| unquoted('\'')).unwrap_or(text)
}

fn line_of(text: &str, span: Option<std::ops::Range<usize>>) -> usize {
    let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
    before.matches('\n').count() + 1
}

/// Why guardrails were refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuardrailError {
    /// Not YAML or TOML as expected; `line` counts from 1, 0 where it is not known.
    Syntax {
        line: usize,
        message: String,
    },
    /// The text has no list of guardrails.
    Missing,
    Key {
        line: usize,
        given: String,
        nearest: String,
    },
    Type {
        given: String,
        nearest: String,
    },
    Action {
        given: String,
        nearest: String,
    },
    /// `patterns` on a guardrail that is one type.
    Patterns {
        given: String,
    },
    /// The built-in rules do not compile.
    Pack(PackError),
}

impl fmt::Display for GuardrailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { line: 0, message } => write!(f, "guardrails: {message}"),
            Self::Syntax { line, message } => write!(f, "guardrails, line {line}: {message}"),
            Self::Missing => {
                f.write_str("no guardrails: expected a list `guardrails:` or tables `[[guardrail]]`")
            }
            Self::Key { given, nearest, .. } => {
                write!(f, "guardrail key `{given}` is not known, the nearest is `{nearest}`")
            }
            Self::Type { given, .. } if given.is_empty() => {
                f.write_str("a guardrail needs a `type`, such as `IBAN`")
            }
            Self::Type { given, nearest } => {
                write!(f, "guardrail type `{given}` is not known, the nearest is `{nearest}`")
            }
            Self::Action { given, .. } if given.is_empty() => {
                f.write_str("a guardrail needs an `action`, such as `BLOCK`")
            }
            Self::Action { given, nearest } => {
                write!(f, "guardrail action `{given}` is not known, the nearest is `{nearest}`")
            }
            Self::Patterns { given } => {
                write!(f, "guardrail `{given}` is a single type and takes no `patterns`")
            }
            Self::Pack(error) => write!(f, "built-in rules: {error}"),
        }
    }
}

impl std::error::Error for GuardrailError {}

#[cfg(test)]
mod tests;
