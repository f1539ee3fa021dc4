//! A configuration in YAML, as TOML that the one reader of configurations reads, and which line came from which.
//!
//! Keys and values mean the same in both. What `inspect` reads itself, guardrails and exceptions, stays in the YAML.

use std::fmt::Write as _;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::ConfigError;

/// The most bytes of one document, and the most values in it.
const BYTES_MAX: usize = 4 * 1024 * 1024;
const NODES_MAX: usize = 100_000;
/// How deep values may lie in each other.
const DEPTH_MAX: usize = 16;
/// Keys that are read from the YAML itself.
const OF_INSPECTION: [&str; 2] = ["guardrails", "exceptions"];

/// TOML, and for each of its lines the line of the YAML that it came from.
#[derive(Debug, Default)]
pub(super) struct Translated {
    pub(super) text: String,
    lines: Vec<usize>,
}

impl Translated {
    /// The same error, with the line that people see.
    pub(super) fn place(&self, error: ConfigError) -> ConfigError {
        let line = error.line.and_then(|line| self.lines.get(line.checked_sub(1)?)).copied();
        ConfigError { line, ..error }
    }

    fn push(&mut self, line: usize, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
        self.lines.push(line);
    }
}

/// Translates a document whose top is a table. Anchors, aliases and tags are refused.
pub(super) fn to_toml(text: &str) -> Result<Translated, ConfigError> {
    if text.len() > BYTES_MAX {
        return Err(ConfigError::whole(format!("more than {BYTES_MAX} bytes")));
    }
    let mut tree = Tree::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| ConfigError {
            line: Some(error.marker().line()),
            message: error.info().to_owned(),
        })?;
        tree.take(&event, span)?;
    }
    let mut out = Translated::default();
    let Some(root) = tree.root else { return Ok(out) };
    let Value::Table(entries) = root.value else {
        return Err(ConfigError { line: Some(root.line), message: "must be keys with values".to_owned() });
    };
    let entries: Vec<_> =
        entries.into_iter().filter(|(key, _)| !OF_INSPECTION.contains(&key.as_str())).collect();
    // What stands behind a table's head belongs to the table: plain values come first.
    for (key, node) in entries.iter().filter(|(_, node)| !node.has_tables()) {
        out.push(node.line, &format!("{} = {}", quoted(key), node.inline()));
    }
    for (key, node) in entries.iter().filter(|(_, node)| node.has_tables()) {
        let (tables, head) = match &node.value {
            Value::List(items) => (items.iter().collect(), format!("[[{}]]", quoted(key))),
            _ => (vec![node], format!("[{}]", quoted(key))),
        };
        for table in tables {
            out.push(table.line, &head);
            let Value::Table(entries) = &table.value else {
                return Err(ConfigError {
                    line: Some(table.line),
                    message: format!("`{key}` mixes tables with other values"),
                });
            };
            for (key, node) in entries {
                out.push(node.line, &format!("{} = {}", quoted(key), node.inline()));
            }
        }
    }
    Ok(out)
}

#[derive(Debug)]
struct Node {
    /// From 1; that of its key where it has one.
    line: usize,
    value: Value,
}

#[derive(Debug)]
enum Value {
    /// As TOML writes it.
    Scalar(String),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

impl Node {
    fn has_tables(&self) -> bool {
        match &self.value {
            Value::Scalar(_) => false,
            Value::Table(_) => true,
            Value::List(items) => items.iter().any(|item| matches!(item.value, Value::Table(_))),
        }
    }

    fn inline(&self) -> String {
        match &self.value {
            Value::Scalar(text) => text.clone(),
            Value::List(items) => {
                format!("[{}]", items.iter().map(Self::inline).collect::<Vec<_>>().join(", "))
            }
            Value::Table(entries) => {
                let pairs = entries.iter().map(|(key, node)| format!("{} = {}", quoted(key), node.inline()));
                format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A list or table whose end has not come yet, with the key that waits for its value.
struct Growing {
    node: Node,
    key: Option<(String, usize)>,
}

#[derive(Default)]
struct Tree {
    open: Vec<Growing>,
    root: Option<Node>,
    nodes: usize,
}

impl Tree {
    fn take(&mut self, event: &Event<'_>, span: Span) -> Result<(), ConfigError> {
        let line = span.start.line();
        let wrong = |message: String| Err(ConfigError { line: Some(line), message });
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if *anchor > 0 || tag.is_some() {
                    return wrong("anchors and tags are not read here".to_owned());
                }
                let waits_for_key = self
                    .open
                    .last()
                    .is_some_and(|top| matches!(top.node.value, Value::Table(_)) && top.key.is_none());
                if waits_for_key {
                    return self.key(text, line);
                }
                self.put(Node { line, value: Value::Scalar(scalar(text, *style)) })
            }
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                if *anchor > 0 || tag.is_some() {
                    return wrong("anchors and tags are not read here".to_owned());
                }
                if self.open.len() >= DEPTH_MAX {
                    return wrong(format!("values lie more than {DEPTH_MAX} deep in each other"));
                }
                let value = match event {
                    Event::SequenceStart(..) => Value::List(Vec::new()),
                    _ => Value::Table(Vec::new()),
                };
                self.open.push(Growing { node: Node { line, value }, key: None });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(grown) => self.put(grown.node),
                None => Ok(()),
            },
            Event::Alias(_) => wrong("aliases are not read here".to_owned()),
            Event::DocumentStart(_) if self.root.is_some() => {
                wrong("a second document begins here".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn key(&mut self, key: &str, line: usize) -> Result<(), ConfigError> {
        let Some(top) = self.open.last_mut() else { return Ok(()) };
        if let Value::Table(entries) = &top.node.value
            && entries.iter().any(|(known, _)| known == key)
        {
            return Err(ConfigError { line: Some(line), message: format!("the key `{key}` stands twice") });
        }
        top.key = Some((key.to_owned(), line));
        Ok(())
    }

    fn put(&mut self, node: Node) -> Result<(), ConfigError> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(ConfigError {
                line: Some(node.line),
                message: format!("more than {NODES_MAX} values"),
            });
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Growing { node: Node { value: Value::List(items), .. }, .. }) => items.push(node),
            Some(Growing { node: Node { value: Value::Table(entries), .. }, key }) => match key.take() {
                Some((key, line)) => entries.push((key, Node { line, ..node })),
                None => {
                    return Err(ConfigError {
                        line: Some(node.line),
                        message: "a key must be a plain text".to_owned(),
                    });
                }
            },
            Some(Growing { node: Node { value: Value::Scalar(_), .. }, .. }) => {}
        }
        Ok(())
    }
}

/// Plain flags and whole numbers stay what they are; all else is a text.
fn scalar(text: &str, style: ScalarStyle) -> String {
    let is_plain = style == ScalarStyle::Plain;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = (1..=18).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0'));
    if is_plain && (matches!(text, "true" | "false") || is_number) {
        return text.to_owned();
    }
    quoted(text)
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::to_toml;

    fn check(yaml: &str, expected: &str) {
        let got = match to_toml(yaml) {
            Ok(translated) => translated.text,
            Err(error) => format!("{error}"),
        };
        assert_eq!(got, expected, "{yaml}");
    }

    #[test]
    fn keys_and_values_stay_what_they_are() {
        check("", "");
        check("name: Haus \"A\"", "\"name\" = \"Haus \\\"A\\\"\"\n");
        check(
            "a: 7\nb: \"7\"\nc: true\nd: 007\ne: -1",
            "\"a\" = 7\n\"b\" = \"7\"\n\"c\" = true\n\"d\" = \"007\"\n\"e\" = -1\n",
        );
        check("t:\n  x: 1\nz: [a, 2]", "\"z\" = [\"a\", 2]\n[\"t\"]\n\"x\" = 1\n");
        check(
            "u:\n- n: a\n- n: b\n  m: [c]",
            "[[\"u\"]]\n\"n\" = \"a\"\n[[\"u\"]]\n\"n\" = \"b\"\n\"m\" = [\"c\"]\n",
        );
        check("guardrails:\n- type: PII_FILTER\n  action: BLOCK\n", "");
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        check("- a", "line 1: must be keys with values");
        check("a: 1\na: 2", "line 2: the key `a` stands twice");
        check("a: &x 1", "line 1: anchors and tags are not read here");
        check("a: 1\n---\nb: 2", "line 2: a second document begins here");
        check("u:\n- n: a\n- b", "line 3: `u` mixes tables with other values");
        check(&format!("a: {}", "[".repeat(20)), "line 1: values lie more than 16 deep in each other");
    }
}
