//! Reads a TOML table key by key and complains about every key that nobody asked for.

use std::fmt;

use strsim::normalized_damerau_levenshtein;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong with a configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Line in the file, from 1; `None` when the whole file is meant.
    pub line: Option<usize>,
    pub message: String,
}

impl ConfigError {
    pub fn whole(message: impl fmt::Display) -> Self {
        Self { line: None, message: message.to_string() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for ConfigError {}

/// One table that is being read.
pub struct Reader<'a> {
    text: &'a str,
    /// As people would write it: empty for the top, `[[upstream]]` and so on below.
    place: String,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str, table: &'a DeTable<'a>) -> Self {
        Self { text, place: String::new(), table, known: Vec::new() }
    }

    fn take(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.push(key);
        self.table.iter().find(|(name, _)| name.get_ref().as_ref() == key).map(|(_, value)| value)
    }

    /// An error about a value of this table.
    pub fn wrong(&self, key: &str, message: impl fmt::Display) -> ConfigError {
        let value =
            self.table.iter().find(|(name, _)| name.get_ref().as_ref() == key).map(|(_, value)| value);
        let line = value.map(|value| line_of(self.text, value.span().start));
        ConfigError { line, message: format!("`{key}`{}: {message}", self.in_place()) }
    }

    pub fn missing(&self, key: &str) -> ConfigError {
        // Where something is missing, something is often misspelt.
        let strange = self.table.iter().find(|(name, _)| {
            let name: &str = name.get_ref().as_ref();
            !self.known.contains(&name) && nearest(&[key], name).is_some()
        });
        if let Some((name, _)) = strange {
            let written: &str = name.get_ref().as_ref();
            let message = format!("unknown key `{written}`{}; did you mean `{key}`?", self.in_place());
            return ConfigError { line: Some(line_of(self.text, name.span().start)), message };
        }
        ConfigError { line: None, message: format!("`{key}`{} is missing", self.in_place()) }
    }

    /// As people would write the head of this table; empty at the top.
    pub fn place(&self) -> &str {
        &self.place
    }

    fn in_place(&self) -> String {
        if self.place.is_empty() { String::new() } else { format!(" in {}", self.place) }
    }

    pub fn text(&mut self, key: &'static str) -> Result<Option<String>, ConfigError> {
        match self.take(key).map(Spanned::get_ref) {
            None => Ok(None),
            Some(DeValue::String(text)) => Ok(Some(text.to_string())),
            Some(_) => Err(self.wrong(key, "must be a text in quotes")),
        }
    }

    /// A whole number from `least` to `most`.
    pub fn number(&mut self, key: &'static str, least: u64, most: u64) -> Result<Option<u64>, ConfigError> {
        let value = match self.take(key).map(Spanned::get_ref) {
            None => return Ok(None),
            Some(DeValue::Integer(number)) => number.as_str().replace('_', "").parse::<u64>().ok(),
            Some(_) => None,
        };
        match value {
            Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(self.wrong(key, format!("must be a whole number from {least} to {most}"))),
        }
    }

    pub fn flag(&mut self, key: &'static str) -> Result<Option<bool>, ConfigError> {
        match self.take(key).map(Spanned::get_ref) {
            None => Ok(None),
            Some(DeValue::Boolean(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.wrong(key, "must be true or false")),
        }
    }

    pub fn texts(&mut self, key: &'static str) -> Result<Option<Vec<String>>, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let DeValue::Array(items) = value.get_ref() else {
            return Err(self.wrong(key, "must be a list of texts"));
        };
        let texts: Option<Vec<String>> = items
            .iter()
            .map(|item| match item.get_ref() {
                DeValue::String(text) => Some(text.to_string()),
                _ => None,
            })
            .collect();
        texts.map(Some).ok_or_else(|| self.wrong(key, "must be a list of texts"))
    }

    pub fn table(&mut self, key: &'static str) -> Result<Option<Reader<'a>>, ConfigError> {
        match self.take(key).map(Spanned::get_ref) {
            None => Ok(None),
            Some(DeValue::Table(table)) => {
                Ok(Some(Self { text: self.text, place: format!("[{key}]"), table, known: Vec::new() }))
            }
            Some(_) => Err(self.wrong(key, format!("must be a table, written `[{key}]`"))),
        }
    }

    pub fn tables(&mut self, key: &'static str) -> Result<Vec<Reader<'a>>, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        let complaint = format!("must be a list of tables, each written `[[{key}]]`");
        let DeValue::Array(items) = value.get_ref() else {
            return Err(self.wrong(key, complaint));
        };
        let mut readers = Vec::new();
        for item in items.iter() {
            let DeValue::Table(table) = item.get_ref() else {
                return Err(self.wrong(key, complaint));
            };
            readers.push(Self { text: self.text, place: format!("[[{key}]]"), table, known: Vec::new() });
        }
        Ok(readers)
    }

    /// Refuses the first key that was not asked for, with the nearest one that was.
    pub fn finish(&self) -> Result<(), ConfigError> {
        for (name, _) in self.table.iter() {
            let key: &str = name.get_ref().as_ref();
            if self.known.contains(&key) {
                continue;
            }
            let mut message = format!("unknown key `{key}`{}", self.in_place());
            match nearest(&self.known, key) {
                Some(known) => message.push_str(&format!("; did you mean `{known}`?")),
                None => message.push_str(&format!("; known are {}", self.known.join(", "))),
            }
            return Err(ConfigError { line: Some(line_of(self.text, name.span().start)), message });
        }
        Ok(())
    }
}

/// The one of `known` that looks most like `text`, if one looks like it at all.
pub fn nearest<'a>(known: &[&'a str], text: &str) -> Option<&'a str> {
    known
        .iter()
        .map(|name| (normalized_damerau_levenshtein(name, text), *name))
        .filter(|(likeness, _)| *likeness >= 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Parses the text of a file.
pub fn parse(text: &str) -> Result<Spanned<DeTable<'_>>, ConfigError> {
    DeTable::parse(text).map_err(|error| ConfigError {
        line: error.span().map(|span| line_of(text, span.start)),
        message: error.message().to_owned(),
    })
}
