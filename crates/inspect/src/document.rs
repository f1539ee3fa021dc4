//! YAML and TOML as one kind of tree that knows its lines.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use toml::de::{DeTable, DeValue};

use crate::names::line_at;

/// The most bytes of one document.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most values of one YAML document, and how deep they may lie in each other.
const NODES_MAX: usize = 200_000;
const DEPTH_MAX: usize = 32;

/// One value, and the line, from 1, on which it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub line: usize,
    pub value: Value,
    /// A scalar without quotation marks: it may mean a number or a flag.
    pub is_plain: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text, or a number, flag or date as it is written.
    Scalar(String),
    List(Vec<Node>),
    /// Keys in the order in which they stand, each once.
    Table(Vec<(String, Node)>),
}

/// Why a text is no document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// From 1; 0 where it is not known.
    pub line: usize,
    pub message: String,
}

impl Malformed {
    fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

impl Node {
    /// Reads the only document of a YAML text. Without one the answer is an empty scalar.
    ///
    /// Anchors, aliases and tags are refused, and so is what is too large or too deep.
    pub fn from_yaml(text: &str) -> Result<Self, Malformed> {
        check_size(text)?;
        let mut tree = Tree::default();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| Malformed::new(error.marker().line(), error.info()))?;
            tree.take(event, span)?;
        }
        Ok(tree.root.unwrap_or(Self { line: 1, value: Value::Scalar(String::new()), is_plain: false }))
    }

    pub(crate) fn from_toml(text: &str) -> Result<Self, Malformed> {
        check_size(text)?;
        let table = DeTable::parse(text).map_err(|error| {
            Malformed::new(error.span().map_or(0, |span| line_at(text, span.start)), error.message())
        })?;
        Ok(Self { line: 1, value: table_of(text, table.get_ref()), is_plain: false })
    }

    /// The value of a key; `None` when this is no table or has no such key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(known, _)| known == key).map(|(_, node)| node)
    }

    /// The entries of a table; none of anything else.
    pub(crate) fn entries(&self) -> &[(String, Self)] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list, none where nothing is written; `None` for anything else.
    pub(crate) fn items(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(items) => Some(items),
            Value::Scalar(text) if text.is_empty() => Some(&[]),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The texts of a list, or one text.
    pub(crate) fn texts(&self) -> Option<Vec<&str>> {
        match &self.value {
            Value::Scalar(text) => Some(vec![text]),
            Value::List(items) => items.iter().map(Self::text).collect(),
            Value::Table(_) => None,
        }
    }
}

fn check_size(text: &str) -> Result<(), Malformed> {
    if text.len() > BYTES_MAX {
        return Err(Malformed::new(0, format!("more than {BYTES_MAX} bytes")));
    }
    Ok(())
}

/// What is open while YAML events come in.
#[derive(Default)]
struct Tree {
    root: Option<Node>,
    open: Vec<Open>,
    nodes: usize,
}

struct Open {
    node: Node,
    /// The key that waits for its value.
    key: Option<String>,
}

impl Tree {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Malformed> {
        let line = span.start.line();
        match event {
            Event::Alias(_) => Err(Malformed::new(line, "an alias; aliases are not read")),
            Event::Scalar(text, style, anchor, tag) => {
                self.check(line, anchor != 0 || tag.is_some())?;
                self.put(line, text, style == ScalarStyle::Plain)
            }
            Event::SequenceStart(anchor, tag) => {
                self.check(line, anchor != 0 || tag.is_some())?;
                self.open(line, Value::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.check(line, anchor != 0 || tag.is_some())?;
                self.open(line, Value::Table(Vec::new()))
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(closed) => self.add(closed.node),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn check(&mut self, line: usize, is_marked: bool) -> Result<(), Malformed> {
        if is_marked {
            return Err(Malformed::new(line, "an anchor or a tag; neither is read"));
        }
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(Malformed::new(line, format!("more than {NODES_MAX} values")));
        }
        Ok(())
    }

    fn open(&mut self, line: usize, value: Value) -> Result<(), Malformed> {
        if self.open.len() >= DEPTH_MAX {
            return Err(Malformed::new(line, format!("more than {DEPTH_MAX} levels")));
        }
        self.open.push(Open { node: Node { line, value, is_plain: false }, key: None });
        Ok(())
    }

    fn put(&mut self, line: usize, text: Cow<'_, str>, is_plain: bool) -> Result<(), Malformed> {
        if let Some(Open { node: Node { value: Value::Table(entries), .. }, key: key @ None }) =
            self.open.last_mut()
        {
            if entries.iter().any(|(known, _)| *known == text) {
                return Err(Malformed::new(line, format!("the key `{text}` stands twice")));
            }
            *key = Some(text.into_owned());
            return Ok(());
        }
        self.add(Node { line, value: Value::Scalar(text.into_owned()), is_plain })
    }

    fn add(&mut self, node: Node) -> Result<(), Malformed> {
        let Some(open) = self.open.last_mut() else {
            if self.root.is_some() {
                return Err(Malformed::new(node.line, "a second document"));
            }
            self.root = Some(node);
            return Ok(());
        };
        match (&mut open.node.value, open.key.take()) {
            (Value::List(items), _) => items.push(node),
            (Value::Table(entries), Some(key)) => entries.push((key, node)),
            _ => return Err(Malformed::new(node.line, "a key that is no text")),
        }
        Ok(())
    }
}

fn table_of(text: &str, table: &DeTable<'_>) -> Value {
    let entry = |(key, value): (&toml::Spanned<Cow<'_, str>>, &toml::Spanned<DeValue<'_>>)| {
        (key.get_ref().to_string(), node_of(text, value))
    };
    Value::Table(table.iter().map(entry).collect())
}

/// Recursion is as deep as the TOML parser allows.
fn node_of(text: &str, value: &toml::Spanned<DeValue<'_>>) -> Node {
    let line = line_at(text, value.span().start);
    let is_plain = !matches!(value.get_ref(), DeValue::String(_) | DeValue::Array(_) | DeValue::Table(_));
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Scalar(text.to_string()),
        DeValue::Integer(number) => Value::Scalar(number.as_str().to_owned()),
        DeValue::Float(number) => Value::Scalar(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Value::Scalar(flag.to_string()),
        DeValue::Datetime(date) => Value::Scalar(date.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| node_of(text, item)).collect()),
        DeValue::Table(table) => table_of(text, table),
    };
    Node { line, value, is_plain }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Node, Value};

    /// The tree without lines, in a short notation.
    fn short(node: &Node) -> String {
        match &node.value {
            Value::Scalar(text) => text.clone(),
            Value::List(items) => format!("[{}]", items.iter().map(short).collect::<Vec<_>>().join(",")),
            Value::Table(entries) => {
                let entry = |(key, node): &(String, Node)| format!("{key}:{}", short(node));
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(","))
            }
        }
    }

    fn check(yaml: &str, expected: &str) {
        let read = Node::from_yaml(yaml).map(|node| short(&node));
        let read = read.unwrap_or_else(|error| format!("{}: {}", error.line, error.message));
        assert_eq!(read, expected, "{yaml}");
    }

    #[test]
    fn yaml_is_read_with_bounds() {
        check("a: 1\nb:\n  - x\n  - 'y z'\nc: {d: \"e\", f: []}\n", "{a:1,b:[x,y z],c:{d:e,f:[]}}");
        check("# nothing\n", "");
        check("- [a, b]\n- |\n  two\n  lines\n", "[[a,b],two\nlines\n]");
        check("a: &x 1\nb: *x\n", "1: an anchor or a tag; neither is read");
        check("a: 1\n---\nb: 1\n", "3: a second document");
        check("a: 1\nb: 2\na: 3\n", "3: the key `a` stands twice");
        check("? [a]\n: 1\n", "1: a key that is no text");
        check("a: !!str 1\n", "1: an anchor or a tag; neither is read");
        check(&"[".repeat(40), "1: more than 32 levels");
        check("a:\n  b: c: d\n", "2: mapping values are not allowed in this context");
    }

    #[test]
    fn lines_are_those_of_the_text() {
        let node = Node::from_yaml("a: 1\n\nb:\n  - x\n  - y\n").unwrap();
        let second = node.get("b").and_then(Node::items).and_then(|items| items.get(1)).unwrap();
        assert_eq!((node.line, second.line), (1, 5));
        let node = Node::from_toml("x = 1\n\n[[row]]\na = 2\n[[row]]\nb = 2027-01-31\n").unwrap();
        let rows = node.get("row").and_then(Node::items).unwrap();
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [3, 5]);
        assert_eq!(rows.get(1).and_then(|row| row.get("b")).and_then(Node::text), Some("2027-01-31"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_makes_it_panic(text in "[-a:{}\\[\\],&*!|>'\"#%@?~ \n\t0äé\u{feff}]{0,60}") {
            let _ = Node::from_yaml(&text);
            let _ = Node::from_toml(&text);
        }
    }
}
