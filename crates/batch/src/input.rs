//! The file of a batch, read line by line before the first of them is asked.

use std::collections::HashSet;

use schleuse_types::{Language, Text};
use schleuse_wire::Surface;
use schleuse_wire::json::{self, Bounds, Object, Value};

use crate::listing::{number, optional_text, text};

/// The most errors that are told of one file.
const ERRORS_MAX: usize = 100;
/// Longest `custom_id`, in bytes.
const CUSTOM_ID_BYTES_MAX: usize = 512;

/// A question of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// What its sender calls it; no other line of the file has the same.
    pub(crate) custom_id: String,
    /// The document that is asked, written anew.
    pub(crate) body: String,
}

/// What is wrong with a batch. Never repeats what stands in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InputError {
    pub(crate) code: String,
    /// From 1; None when it is not about a line.
    pub(crate) line: Option<u64>,
    /// The member of the line.
    pub(crate) param: Option<String>,
    /// In the language of whoever began the batch.
    pub(crate) message: String,
}

impl InputError {
    pub(crate) fn whole(code: &str, message: &Text, language: Language) -> Self {
        let message = message.in_language(language).to_owned();
        Self { code: code.to_owned(), line: None, param: None, message }
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut out = Object::new();
        out.set("code", text(&self.code));
        out.set("line", self.line.map_or(Value::Null, number));
        out.set("message", text(&self.message));
        out.set("param", optional_text(self.param.as_deref()));
        Value::Object(out)
    }

    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        let said = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
        let line = object.get("line").and_then(Value::as_i64).and_then(|line| u64::try_from(line).ok());
        Some(Self { code: said("code")?, line, param: said("param"), message: said("message")? })
    }
}

/// The questions of a file, all of them or everything that is wrong with it, at most [`ERRORS_MAX`] errors. Empty lines are
/// skipped but counted.
pub(crate) fn read(
    content: &[u8],
    endpoint: Surface,
    lines_max: usize,
    language: Language,
) -> Result<Vec<Line>, Vec<InputError>> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let mut lines = Vec::new();
    let mut errors = Vec::new();
    let mut known = HashSet::new();
    for (number, line) in (1_u64..).zip(content.split(|byte| *byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        if lines.len() == lines_max {
            let message = Text::new(
                format!("The file has more than {lines_max} lines. Divide it into several files."),
                format!("Die Datei hat mehr als {lines_max} Zeilen. Teilen Sie sie in mehrere Dateien."),
            );
            errors.push(InputError::whole("too_many_lines", &message, language));
            break;
        }
        let read = read_line(line, endpoint).and_then(|line| match known.insert(line.custom_id.clone()) {
            true => Ok(line),
            false => Err(Wrong::duplicate()),
        });
        match read {
            Ok(line) => lines.push(line),
            Err(wrong) => errors.push(wrong.at(number, language)),
        }
        if errors.len() == ERRORS_MAX {
            break;
        }
    }
    if lines.is_empty() && errors.is_empty() {
        let message = Text::fixed("The file has no lines.", "Die Datei hat keine Zeilen.");
        errors.push(InputError::whole("empty_file", &message, language));
    }
    if errors.is_empty() { Ok(lines) } else { Err(errors) }
}

fn read_line(line: &[u8], endpoint: Surface) -> Result<Line, Wrong> {
    let Ok(value) = json::parse(line.trim_ascii(), &Bounds::default()) else {
        return Err(Wrong::new(
            "invalid_json_line",
            None,
            "The line is not valid JSON.",
            "Die Zeile ist kein gültiges JSON.",
        ));
    };
    let Value::Object(mut line) = value else {
        return Err(Wrong::new(
            "invalid_json_line",
            None,
            "The line is not a JSON object.",
            "Die Zeile ist kein JSON-Objekt.",
        ));
    };
    let custom_id = match line.remove("custom_id") {
        Some(Value::String(id)) if (1..=CUSTOM_ID_BYTES_MAX).contains(&id.len()) => id,
        None => return Err(Wrong::missing("custom_id")),
        Some(_) => {
            return Err(Wrong {
                message: Text::new(
                    format!("`custom_id` must be a text of 1 to {CUSTOM_ID_BYTES_MAX} bytes."),
                    format!("`custom_id` muss ein Text von 1 bis {CUSTOM_ID_BYTES_MAX} Bytes sein."),
                ),
                ..Wrong::new("invalid_custom_id", Some("custom_id"), "", "")
            });
        }
    };
    match line.remove("method") {
        Some(Value::String(method)) if method == "POST" => {}
        None => return Err(Wrong::missing("method")),
        Some(_) => {
            let (english, german) = ("`method` must be `POST`.", "`method` muss `POST` sein.");
            return Err(Wrong::new("invalid_method", Some("method"), english, german));
        }
    }
    match line.remove("url") {
        Some(Value::String(url)) if url == endpoint.path() => {}
        None => return Err(Wrong::missing("url")),
        Some(_) => {
            let path = endpoint.path();
            return Err(Wrong {
                message: Text::new(
                    format!("`url` must be that of the batch, `{path}`."),
                    format!("`url` muss die des Stapels sein, `{path}`."),
                ),
                ..Wrong::new("mismatched_url", Some("url"), "", "")
            });
        }
    }
    let body = match line.remove("body") {
        Some(Value::Object(body)) => body,
        None => return Err(Wrong::missing("body")),
        Some(_) => {
            let (english, german) = ("`body` must be an object.", "`body` muss ein Objekt sein.");
            return Err(Wrong::new("invalid_body", Some("body"), english, german));
        }
    };
    if !line.is_empty() {
        return Err(Wrong::new(
            "unknown_parameter",
            None,
            "The line has members other than `custom_id`, `method`, `url` and `body`.",
            "Die Zeile hat andere Felder als `custom_id`, `method`, `url` und `body`.",
        ));
    }
    if !matches!(body.get("stream"), None | Some(Value::Bool(false) | Value::Null)) {
        return Err(Wrong::new(
            "streaming_not_supported",
            Some("body.stream"),
            "`stream` must be false: answers of a batch come whole.",
            "`stream` muss false sein: Antworten eines Stapels kommen als Ganzes.",
        ));
    }
    Ok(Line { custom_id, body: Value::Object(body).to_text() })
}

/// What is wrong with a line, before it is known which one it is.
struct Wrong {
    code: &'static str,
    param: Option<&'static str>,
    message: Text,
}

impl Wrong {
    fn new(
        code: &'static str,
        param: Option<&'static str>,
        english: &'static str,
        german: &'static str,
    ) -> Self {
        Self { code, param, message: Text::fixed(english, german) }
    }

    fn missing(name: &'static str) -> Self {
        let message = Text::new(format!("`{name}` is missing."), format!("`{name}` fehlt."));
        Self { code: "missing_required_parameter", param: Some(name), message }
    }

    fn duplicate() -> Self {
        Self::new(
            "duplicate_custom_id",
            Some("custom_id"),
            "An earlier line has the same `custom_id`.",
            "Eine frühere Zeile hat dieselbe `custom_id`.",
        )
    }

    fn at(self, line: u64, language: Language) -> InputError {
        InputError {
            code: self.code.to_owned(),
            line: Some(line),
            param: self.param.map(str::to_owned),
            message: self.message.in_language(language).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schleuse_types::Language;
    use schleuse_wire::Surface;

    use super::read;

    fn line(custom_id: &str) -> String {
        format!(
            r#"{{"custom_id":"{custom_id}","method":"POST","url":"/v1/chat/completions","body":{{"model":"m"}}}}"#
        )
    }

    /// A file, and its custom ids or `line code` of what is wrong.
    fn check(content: &str, expected: &str) {
        let read = match read(content.as_bytes(), Surface::ChatCompletions, 3, Language::English) {
            Ok(lines) => lines.iter().map(|line| format!("{}={}", line.custom_id, line.body)).collect(),
            Err(errors) => {
                let tell = |error: &super::InputError| {
                    assert!(!error.message.contains("geheim"), "{}", error.message);
                    format!("{} {}", error.line.map_or("-".to_owned(), |line| line.to_string()), error.code)
                };
                errors.iter().map(tell).collect::<Vec<_>>()
            }
        };
        assert_eq!(read.join("; "), expected, "{content}");
    }

    #[test]
    fn lines_are_read_with_their_numbers() {
        let (one, two) = (line("a"), line("b"));
        check(&format!("{one}\n{two}\n"), r#"a={"model":"m"}; b={"model":"m"}"#);
        check(&format!("\u{feff}{one}\r\n\r\n{two}"), r#"a={"model":"m"}; b={"model":"m"}"#);
        check("", "- empty_file");
        check("\n \n", "- empty_file");
        check(&format!("{one}\n\ngeheim\n{two}\n[1]"), "3 invalid_json_line; 5 invalid_json_line");
        check(&format!("{one}\n{two}\n{one}"), "3 duplicate_custom_id");
        check(&format!("{one}\n{two}\n{}\n{}", line("c"), line("d")), "- too_many_lines");
        let wrong = |from: &str, to: &str| one.replace(from, to);
        check(&wrong(r#""custom_id":"a","#, ""), "1 missing_required_parameter");
        check(&wrong(r#""a""#, "7"), "1 invalid_custom_id");
        check(&wrong(r#""a""#, r#""""#), "1 invalid_custom_id");
        check(&wrong(r#""a""#, &format!("\"{}\"", "a".repeat(513))), "1 invalid_custom_id");
        check(&wrong("POST", "GET"), "1 invalid_method");
        check(&wrong("chat/completions", "embeddings"), "1 mismatched_url");
        check(&wrong(r#"{"model":"m"}"#, r#""geheim""#), "1 invalid_body");
        check(&wrong(r#""m""#, r#""m","stream":true"#), "1 streaming_not_supported");
        check(&wrong(r#""m""#, r#""m","stream":false"#), r#"a={"model":"m","stream":false}"#);
        check(&wrong(r#"{"custom_id""#, r#"{"geheim":1,"custom_id""#), "1 unknown_parameter");
        check(&wrong(r#"{"custom_id""#, r#"{"custom_id":"b","custom_id""#), "1 invalid_json_line");
    }

    #[test]
    fn a_file_of_errors_is_not_told_whole() {
        let errors = read(&b"x\n".repeat(500), Surface::Embeddings, 1000, Language::German).unwrap_err();
        assert_eq!(errors.len(), 100);
        assert_eq!(errors[99].line, Some(100));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(content in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&content, Surface::ChatCompletions, 10, Language::German);
        }
    }
}
