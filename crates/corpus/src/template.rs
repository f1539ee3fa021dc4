//! Templates: text with slots, read from the files in `templates/`.
//!
//! A file has sections: `%% part tag` begins one whose lines are one template each, `\n` standing for a line break;
//! `%%% part tag` begins a single template of many lines. The tag says whether recognizers may be tuned on it (`tune`) or not
//! (`test`). A slot is `@{name}`.

use crate::dice::Dice;
use crate::slot::{self, Mark, Scene, Value};

/// Which half of the templates a document is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    Tune,
    Test,
}

/// One template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// What it is in its file: `open`, `body`, `close`, `whole` …
    pub part: &'static str,
    pub half: Half,
    pub text: String,
}

/// All templates of a file.
pub fn parse(file: &'static str) -> Vec<Template> {
    let mut templates: Vec<Template> = Vec::new();
    let mut section = None;
    for line in file.lines() {
        if let Some(header) = line.strip_prefix("%%") {
            let long = header.starts_with('%');
            let mut words = header.trim_start_matches('%').split_whitespace();
            let part = words.next().unwrap_or_default();
            let half = if words.next() == Some("test") { Half::Test } else { Half::Tune };
            section = Some((part, half, long));
            if long {
                templates.push(Template { part, half, text: String::new() });
            }
            continue;
        }
        match section {
            Some((_, _, true)) => {
                if let Some(template) = templates.last_mut() {
                    if !template.text.is_empty() {
                        template.text.push('\n');
                    }
                    template.text.push_str(line);
                }
            }
            Some((part, half, false)) if !line.trim().is_empty() => {
                templates.push(Template { part, half, text: line.replace("\\n", "\n") });
            }
            _ => {}
        }
    }
    templates
}

/// A template with its slots filled. A slot that nobody knows stays as it is; a test says that there is none.
pub fn fill(dice: &mut Dice, scene: &Scene, template: &str) -> Value {
    let mut filled = Value::default();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("@{") {
        filled.text.push_str(before);
        let Some((name, behind)) = behind.split_once('}') else {
            rest = behind;
            continue;
        };
        rest = behind;
        match slot::fill(dice, scene, name) {
            Some(value) => append(&mut filled, &value),
            None => {
                filled.text.push_str("@{");
                filled.text.push_str(name);
                filled.text.push('}');
            }
        }
    }
    filled.text.push_str(rest);
    filled
}

/// Puts a value behind another one, with its marks.
pub fn append(filled: &mut Value, value: &Value) {
    let base = filled.text.len();
    filled.marks.extend(value.marks.iter().map(|mark| Mark {
        start: base + mark.start,
        end: base + mark.end,
        kind: mark.kind,
    }));
    filled.text.push_str(&value.text);
}

/// The names of the slots of a template, in order.
pub fn slots(template: &str) -> Vec<&str> {
    template.split("@{").skip(1).filter_map(|behind| behind.split_once('}')).map(|(name, _)| name).collect()
}
