//! The assistants of the house: for what people used public tools for. Each is a file per language in `assistants/`.
//!
//! A file has a name after `# `, a purpose under it, and two parts after `## `: the instructions, word for word as the model
//! gets them, and one starter a line after `- `.

use schleuse_types::{Language, Text};
use schleuse_wire::json::{Object, Value};

use crate::message::{Begun, both_texts, number, string};

/// An assistant of the house.
pub(crate) struct Ready {
    id: &'static str,
    /// Raised with every change of its files.
    version: u64,
    english: &'static str,
    german: &'static str,
}

pub(crate) const READY: [Ready; 5] = [
    Ready {
        id: "ready-code",
        version: 1,
        english: include_str!("../../assistants/code.en.md"),
        german: include_str!("../../assistants/code.de.md"),
    },
    Ready {
        id: "ready-documentation",
        version: 1,
        english: include_str!("../../assistants/documentation.en.md"),
        german: include_str!("../../assistants/documentation.de.md"),
    },
    Ready {
        id: "ready-data",
        version: 1,
        english: include_str!("../../assistants/data.en.md"),
        german: include_str!("../../assistants/data.de.md"),
    },
    Ready {
        id: "ready-minutes",
        version: 1,
        english: include_str!("../../assistants/minutes.en.md"),
        german: include_str!("../../assistants/minutes.de.md"),
    },
    Ready {
        id: "ready-letters",
        version: 1,
        english: include_str!("../../assistants/letters.en.md"),
        german: include_str!("../../assistants/letters.de.md"),
    },
];

pub(crate) fn find(id: &str) -> Option<&'static Ready> {
    READY.iter().find(|ready| ready.id == id)
}

/// A file in its parts. Every file of this crate has all of them; a test reads them all.
#[derive(Debug, PartialEq)]
struct Parts<'a> {
    name: &'a str,
    purpose: &'a str,
    instructions: &'a str,
    starters: Vec<&'a str>,
}

fn parts(text: &str) -> Parts<'_> {
    let mut sections = text.split("\n## ");
    let head = sections.next().unwrap_or_default();
    let (name, purpose) = head.split_once('\n').unwrap_or((head, ""));
    let mut body =
        || sections.next().and_then(|section| section.split_once('\n')).unwrap_or_default().1.trim();
    let instructions = body();
    let starters = body().lines().filter_map(|line| line.strip_prefix("- "));
    Parts {
        name: name.trim_start_matches('#').trim(),
        purpose: purpose.trim(),
        instructions,
        starters: starters.collect(),
    }
}

impl Ready {
    fn text(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.english,
            Language::German => self.german,
        }
    }

    pub(crate) fn instructions(&self, language: Language) -> &'static str {
        parts(self.text(language)).instructions
    }

    /// What the head of a conversation says of it.
    pub(crate) fn begun(&self) -> Begun {
        let name = Text::fixed(parts(self.english).name, parts(self.german).name);
        Begun { id: self.id.to_owned(), name, version: self.version, model: None }
    }

    pub(crate) fn name_json(&self) -> Value {
        both_texts(parts(self.english).name, parts(self.german).name)
    }

    pub(crate) fn to_json(&self, has_instructions: bool) -> Object {
        let (english, german) = (parts(self.english), parts(self.german));
        let starters = english.starters.iter().zip(&german.starters);
        let starters = starters.map(|(english, german)| both_texts(english, german));
        let mut out = Object::new();
        out.set("id", string(self.id));
        out.set("of", Value::Null);
        out.set("name", both_texts(english.name, german.name));
        out.set("purpose", both_texts(english.purpose, german.purpose));
        out.set("starters", Value::Array(starters.collect()));
        out.set("model", Value::Null);
        out.set("label", Value::Null);
        out.set("version", number(self.version));
        out.set("state", string("ready"));
        out.set("owner", Value::Null);
        out.set("mine", Value::Bool(false));
        out.set("with", Value::Array(Vec::new()));
        out.set("note", Value::Null);
        out.set("review", Value::Bool(false));
        if has_instructions {
            out.set("instructions", both_texts(english.instructions, german.instructions));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::{Parts, READY, find, parts};

    #[test]
    fn a_file_has_its_parts() {
        let text = "# Name\n\nWozu.\n\n## Anweisungen\n\nEins.\n\n- a\n- b\n\n## Einstiege\n\n- Frag das\n- Und das\n";
        let expected = Parts {
            name: "Name",
            purpose: "Wozu.",
            instructions: "Eins.\n\n- a\n- b",
            starters: vec!["Frag das", "Und das"],
        };
        assert_eq!(parts(text), expected);
    }

    #[test]
    fn every_file_is_whole_in_both_languages() {
        for ready in &READY {
            assert!(ready.id.starts_with("ready-") && find(ready.id).is_some());
            for text in [ready.english, ready.german] {
                let parts = parts(text);
                assert!(parts.name.len() > 3 && parts.name.len() <= 200, "{parts:?}");
                assert!(parts.purpose.len() > 20 && parts.purpose.len() <= 1000, "{parts:?}");
                assert!((800..16 * 1024).contains(&parts.instructions.len()), "{parts:?}");
                assert!((3..=6).contains(&parts.starters.len()), "{parts:?}");
                assert_eq!(text.matches("\n## ").count(), 2, "{}", parts.name);
            }
            assert_eq!(parts(ready.english).starters.len(), parts(ready.german).starters.len());
        }
    }
}
