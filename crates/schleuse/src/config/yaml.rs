//! A configuration in YAML, as TOML that the one reader of configurations reads, and which line came from which.
//!
//! Keys and values mean the same in both. What `inspect` reads itself, guardrails and exceptions, stays in the YAML.

use schleuse_inspect::document::{Malformed, Node, Value};

use super::ConfigError;

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

    fn entry(&mut self, key: &str, node: &Node) {
        self.push(node.line, &format!("{} = {}", quoted(key), inline(node)));
    }
}

/// Translates a document whose top is a table.
pub(super) fn to_toml(text: &str) -> Result<Translated, ConfigError> {
    let root = Node::from_yaml(text)
        .map_err(|Malformed { line, message }| ConfigError { line: (line > 0).then_some(line), message })?;
    let wrong = |node: &Node, message: String| ConfigError { line: Some(node.line), message };
    let mut out = Translated::default();
    let entries = match &root.value {
        Value::Table(entries) => entries,
        Value::Scalar(nothing) if nothing.is_empty() => return Ok(out),
        _ => return Err(wrong(&root, "must be keys with values".to_owned())),
    };
    let ours = || entries.iter().filter(|(key, _)| !OF_INSPECTION.contains(&key.as_str()));
    // What stands behind a table's head belongs to the table: plain values come first.
    for (key, node) in ours().filter(|(_, node)| !has_tables(node)) {
        out.entry(key, node);
    }
    for (key, node) in ours().filter(|(_, node)| has_tables(node)) {
        let (tables, head) = match &node.value {
            Value::List(items) => (items.iter().collect(), format!("[[{}]]", quoted(key))),
            _ => (vec![node], format!("[{}]", quoted(key))),
        };
        for table in tables {
            let Value::Table(entries) = &table.value else {
                return Err(wrong(table, format!("`{key}` mixes tables with other values")));
            };
            out.push(table.line, &head);
            entries.iter().for_each(|(key, node)| out.entry(key, node));
        }
    }
    Ok(out)
}

fn has_tables(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(_) => false,
        Value::Table(_) => true,
        Value::List(items) => items.iter().any(|item| matches!(item.value, Value::Table(_))),
    }
}

/// On one line, as TOML writes it. Recursion is as deep as the reader of YAML allows.
fn inline(node: &Node) -> String {
    match &node.value {
        Value::Scalar(text) if node.is_plain && is_number_or_flag(text) => text.clone(),
        Value::Scalar(text) => quoted(text),
        Value::List(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Table(entries) => {
            let pairs = entries.iter().map(|(key, node)| format!("{} = {}", quoted(key), inline(node)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A flag, or a whole number as TOML writes one; all else is a text.
fn is_number_or_flag(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = (1..=18).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0'));
    matches!(text, "true" | "false") || is_number
}

/// A string on one line. What TOML writes over several lines would shift those that people are told.
fn quoted(text: &str) -> String {
    // The escapes of JSON are among those of TOML's basic strings; only DEL has to be escaped there too.
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007F")
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
        check("a: &x 1", "line 1: an anchor or a tag; neither is read");
        check("a: 1\n---\nb: 2", "line 3: a second document");
        check("u:\n- n: a\n- b", "line 3: `u` mixes tables with other values");
        check(&format!("a: {}", "[".repeat(40)), "line 1: more than 32 levels");
        check("a: \"b\\n\\x7f\"", "\"a\" = \"b\\n\\u007F\"\n");
    }
}
