//! Turning surrogates back in text that arrives in pieces.

use std::sync::Arc;

use super::{ALPHABET, CODE, Surrogates, check_character, names};

/// Turns the surrogates of one text channel back.
///
/// Law: whatever the pieces, the concatenated output is what [`Surrogates::restore`] makes of the whole text. Held back
/// is only what may still become a surrogate: at most [`SURROGATE_BYTES_MAX`] bytes.
///
/// A surrogate is also known in another case, with an escaped underscore, a space or a hyphen instead of it, behind and
/// before Markdown, with a German or English ending, and with one wrong character. Inside an address (`https://…`, the
/// target of a Markdown link) nothing is turned back that the conversation did not hold at the same place of the same
/// address: what goes elsewhere when somebody clicks, or when a page shows an image, must not carry a value.
#[derive(Debug)]
pub struct Restorer {
    surrogates: Arc<Surrogates>,
    /// Names of types of which there is a surrogate, the longest first.
    names: Vec<&'static str>,
    kept: String,
    place: Place,
}

/// The most bytes that wait: name, separator, code, and the two characters behind it.
pub const SURROGATE_BYTES_MAX: usize = 15 + 2 + CODE + 8;

/// The longest address in which surrogates are turned back, in bytes.
const ADDRESS_MAX: usize = 2048;

/// Where in a text the next character stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// The characters before, newest last.
    before: [Option<char>; 3],
    /// Inside an address, what of it stands before; without its scheme.
    address: Option<String>,
}

/// What stands at a place.
enum Attempt {
    Nothing,
    /// It depends on bytes to come.
    Open,
    Surrogate {
        length: usize,
        restored: String,
    },
}

impl Restorer {
    pub(super) fn new(surrogates: Arc<Surrogates>) -> Self {
        let mut known: Vec<&'static str> = names()
            .filter(|name| surrogates.values.keys().any(|key| key.split('_').next() == Some(name)))
            .collect();
        known.sort_by_key(|name| std::cmp::Reverse(name.len()));
        known.dedup();
        Self { surrogates, names: known, kept: String::new(), place: Place::default() }
    }

    /// Feeds the next piece and gives back what is certain.
    pub fn push(&mut self, piece: &str) -> String {
        self.kept.push_str(piece);
        self.advance(false)
    }

    /// The text is complete: gives back the rest.
    pub fn finish(&mut self) -> String {
        self.advance(true)
    }

    /// Bytes that were pushed and not given back.
    pub fn held(&self) -> usize {
        self.kept.len()
    }

    fn advance(&mut self, at_end: bool) -> String {
        if self.names.is_empty() {
            return std::mem::take(&mut self.kept);
        }
        let kept = std::mem::take(&mut self.kept);
        let mut restored = String::with_capacity(kept.len());
        let mut at = 0;
        while let Some(rest) = kept.get(at..).filter(|rest| !rest.is_empty()) {
            match self.attempt(rest, at_end) {
                Attempt::Open => {
                    rest.clone_into(&mut self.kept);
                    return restored;
                }
                Attempt::Surrogate { length, restored: value } if self.may_stand(rest.get(..length)) => {
                    restored.push_str(&value);
                    self.place.pass(rest.get(..length).unwrap_or_default());
                    at += length;
                }
                _ => {
                    let Some(character) = rest.chars().next() else { break };
                    restored.push(character);
                    self.place.step(character);
                    at += character.len_utf8();
                }
            }
        }
        restored
    }

    /// Whether a surrogate may be turned back here.
    fn may_stand(&self, written: Option<&str>) -> bool {
        match (self.place.address(), written) {
            (Some(address), Some(written)) => {
                self.surrogates.addresses.contains(&format!("{address}{written}"))
            }
            (address, written) => address.is_none() && written.is_some(),
        }
    }

    fn attempt(&self, rest: &str, at_end: bool) -> Attempt {
        let bytes = rest.as_bytes();
        for name in &self.names {
            let seen = bytes.get(..name.len().min(bytes.len())).unwrap_or_default();
            if !seen.eq_ignore_ascii_case(name.as_bytes().get(..seen.len()).unwrap_or_default()) {
                continue;
            }
            if seen.len() < name.len() {
                if at_end {
                    continue;
                }
                return Attempt::Open;
            }
            match self.attempt_code(name, bytes, at_end) {
                Attempt::Nothing => {}
                found => return found,
            }
        }
        Attempt::Nothing
    }

    /// The name stands there; whether separator and code follow.
    fn attempt_code(&self, name: &str, bytes: &[u8], at_end: bool) -> Attempt {
        let behind = bytes.get(name.len()..).unwrap_or_default();
        let open = if at_end { Attempt::Nothing } else { Attempt::Open };
        let (separator, is_written) = match behind {
            [] => return open,
            [b'_', ..] => (1, true),
            [b'\\'] => return open,
            [b'\\', b'_', ..] => (2, true),
            [b' ' | b'-', ..] => (1, false),
            _ => return Attempt::Nothing,
        };
        let code = behind.get(separator..behind.len().min(separator + CODE)).unwrap_or_default();
        let code = code.to_ascii_uppercase();
        if !code.iter().all(u8::is_ascii_alphanumeric) {
            return Attempt::Nothing;
        }
        if code.len() < CODE {
            return open;
        }
        let Ok(code) = String::from_utf8(code) else { return Attempt::Nothing };
        let Some(value) = self.find(name, &code, is_written) else {
            // Made up by the model: the shape alone must not be shown as if it stood for something.
            let is_made_up = is_written
                && code.bytes().all(|byte| ALPHABET.contains(&byte))
                && code.as_bytes().last()
                    == Some(&check_character(code.as_bytes().get(..CODE - 1).unwrap_or_default()));
            let length = name.len() + separator + CODE;
            return if is_made_up {
                Attempt::Surrogate { length, restored: format!("[{name}]") }
            } else {
                Attempt::Nothing
            };
        };
        let length = name.len() + separator + CODE;
        let (text, is_name) = (value.text.as_str(), value.is_name);
        // `Hans` has no second s in the genitive: `Hans’ Antrag`.
        if !is_name || !text.ends_with(['s', 'ß', 'x', 'z']) {
            return Attempt::Surrogate { length, restored: text.to_owned() };
        }
        match bytes.get(length..).unwrap_or_default() {
            [] | [b's' | b'S'] if !at_end => Attempt::Open,
            [b's' | b'S'] => Attempt::Surrogate { length: length + 1, restored: format!("{text}’") },
            [b's' | b'S', next, ..] if !next.is_ascii_alphanumeric() && *next < 0x80 => {
                Attempt::Surrogate { length: length + 1, restored: format!("{text}’") }
            }
            _ => Attempt::Surrogate { length, restored: text.to_owned() },
        }
    }

    /// The value of a code, or of the only code of this name that differs in one character.
    fn find(&self, name: &str, code: &str, is_written: bool) -> Option<&super::Value> {
        if let Some(value) = self.surrogates.value(&format!("{name}_{code}")) {
            return Some(value);
        }
        if !is_written {
            return None;
        }
        let prefix = format!("{name}_");
        let same_name = self
            .surrogates
            .values
            .range(prefix.clone()..)
            .take_while(|(surrogate, _)| surrogate.starts_with(&prefix));
        let mut near = same_name.filter(|(surrogate, _)| {
            let issued = surrogate.get(prefix.len()..).unwrap_or_default();
            issued.bytes().zip(code.bytes()).filter(|(a, b)| a != b).count() == 1
        });
        match (near.next(), near.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }
}

impl Place {
    /// Inside an address, what of it stands before this place.
    pub(super) fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    pub(super) fn pass(&mut self, text: &str) {
        text.chars().for_each(|character| self.step(character));
    }

    fn step(&mut self, character: char) {
        let [_, second, third] = self.before;
        if second == Some(':') && third == Some('/') && character == '/' {
            self.address = Some(String::new());
        } else if let Some(address) = &mut self.address {
            let ends = character.is_whitespace()
                || matches!(character, '"' | '<' | '>' | ')' | ']' | '}' | '`' | '|' | '\'');
            if ends {
                self.address = None;
            } else if address.len() < ADDRESS_MAX {
                address.push(character);
            }
        } else if third == Some(']') && character == '(' {
            self.address = Some(String::new());
        }
        self.before = [second, third, Some(character)];
    }
}
