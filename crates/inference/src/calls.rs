//! How models write calls of functions, and how calls are read out of an answer while it comes about.
//!
//! A reader hands on content until a call begins. Of a call it hands on the function's name first and then the text of
//! the arguments as it is written, whatever the order of the members; what stands between calls belongs to the form and
//! goes nowhere. However an answer is cut into pieces, the same parts come out.

use crate::sampling::Marker;
use serde_json::Value;

/// Calls in one answer.
pub(crate) const CALLS_MAX: u32 = 16;

/// The spellings that models were trained to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `<tool_call>{"name": …, "arguments": …}</tool_call>`, once per call: Hermes, Qwen2.5, Qwen3. Also what a model is
    /// asked for whose template knows no functions.
    Tagged,
    /// `[TOOL_CALLS][{"name": …, "arguments": …}, …]`: Mistral up to 2024.
    Bracketed,
    /// `{"name": …, "parameters": …}` and nothing else: Llama 3. Only one call.
    Bare,
}

impl Form {
    /// The form in which a template wrote a call of `name` with `arguments`, if it is one of these. `written` is a whole
    /// conversation, `answer` what it says from where the answer with the call begins.
    pub(crate) fn of_written(written: &str, answer: &str, name: &str, arguments: &Value) -> Option<Self> {
        let calls = |form: Self, text: &str| {
            let text = text.trim_start_matches(|character: char| "[ \n".contains(character));
            let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
            let Some(Ok(Value::Object(call))) = values.next() else { return false };
            let behind = text.get(values.byte_offset()..).unwrap_or_default().trim_start();
            call.get("name").and_then(Value::as_str) == Some(name)
                && call.get(form.arguments()) == Some(arguments)
                && behind.starts_with(form.closer())
        };
        [Self::Tagged, Self::Bracketed, Self::Bare].into_iter().find(|form| match form.marker() {
            Marker::FirstBrace => answer.trim_start().starts_with('{') && calls(*form, answer),
            Marker::Written(marker) => {
                let mut behind =
                    written.match_indices(marker).filter_map(|(at, _)| written.get(at + marker.len()..));
                behind.any(|text| calls(*form, text))
            }
        })
    }

    /// What follows a call.
    fn closer(self) -> &'static str {
        match self {
            Self::Tagged => "</tool_call>",
            Self::Bracketed => "]",
            Self::Bare => "",
        }
    }

    /// What begins the calls, as the template would write it.
    pub(crate) fn opener(self) -> &'static str {
        match self {
            Self::Tagged => "<tool_call>\n",
            Self::Bracketed => "[TOOL_CALLS]",
            Self::Bare => "",
        }
    }

    /// Where an answer stops being free.
    pub(crate) fn marker(self) -> Marker {
        match self {
            Self::Tagged => Marker::Written("<tool_call>"),
            Self::Bracketed => Marker::Written("[TOOL_CALLS]"),
            Self::Bare => Marker::FirstBrace,
        }
    }

    /// Control tokens of these spellings are part of the text.
    pub(crate) fn words(self) -> &'static [&'static str] {
        match self {
            Self::Tagged => &["<tool_call>", "</tool_call>"],
            Self::Bracketed => &["[TOOL_CALLS]"],
            Self::Bare => &[],
        }
    }

    /// The member that holds the arguments.
    pub(crate) fn arguments(self) -> &'static str {
        match self {
            Self::Tagged | Self::Bracketed => "arguments",
            Self::Bare => "parameters",
        }
    }

    /// GBNF for what follows the marker, as the rule `tool-calls`; `call` is the rule of one object.
    pub(crate) fn rules(self, call: &str, parallel: bool) -> String {
        let more = if parallel { CALLS_MAX - 1 } else { 0 };
        let body = match self {
            Self::Tagged => format!(
                "tool-space {call} tool-space \"</tool_call>\" (tool-space \"<tool_call>\" tool-space {call} tool-space \
                 \"</tool_call>\"){{0,{more}}}"
            ),
            Self::Bracketed => {
                format!(
                    "tool-space \"[\" tool-space {call} (\",\" tool-space {call}){{0,{more}}} tool-space \"]\""
                )
            }
            Self::Bare => call.to_owned(),
        };
        format!("tool-calls ::= {body}\ntool-space ::= [ \\n]{{0,2}}\n")
    }
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Content(String),
    /// The next call begins.
    Begun {
        name: String,
    },
    /// More of the current call's arguments.
    Arguments(String),
}

/// Reads one answer.
#[derive(Debug)]
pub(crate) struct CallReader {
    form: Form,
    state: State,
    /// Not decided yet.
    held: String,
}

/// Where an answer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// Anywhere.
    Free,
    /// Inside its first call: the prompt has ended with the opener already.
    Inside,
    /// It is a call or an object of another form, and where calls have no marker only the whole tells which.
    Either,
}

#[derive(Debug)]
enum State {
    /// Nothing but white space so far.
    Start,
    /// Held back to its end.
    Whole,
    Content,
    Between,
    Call(Call),
}

impl CallReader {
    pub(crate) fn new(form: Form, begin: Begin) -> Self {
        let state = match begin {
            Begin::Inside => State::Between,
            Begin::Either if form.marker() == Marker::FirstBrace => State::Whole,
            Begin::Free | Begin::Either => State::Start,
        };
        Self { form, state, held: String::new() }
    }

    pub(crate) fn push(&mut self, text: &str) -> Vec<Part> {
        self.held.push_str(text);
        let mut parts = Vec::new();
        while self.step(&mut parts) {}
        parts
    }

    /// What was held back when the answer has ended.
    pub(crate) fn finish(&mut self) -> Vec<Part> {
        if matches!(self.state, State::Whole) && self.holds_call() {
            self.state = State::Between;
            return self.push("");
        }
        match self.state {
            State::Start | State::Content | State::Whole if !self.held.is_empty() => {
                vec![Part::Content(std::mem::take(&mut self.held))]
            }
            _ => Vec::new(),
        }
    }

    fn holds_call(&self) -> bool {
        let Ok(serde_json::Value::Object(members)) = serde_json::from_str(&self.held) else { return false };
        members.len() == 2
            && members.get("name").is_some_and(serde_json::Value::is_string)
            && members.get(self.form.arguments()).is_some_and(serde_json::Value::is_object)
    }

    /// True when there is more to do with what is held.
    fn step(&mut self, parts: &mut Vec<Part>) -> bool {
        match &mut self.state {
            State::Whole => false,
            State::Start => {
                let Some(first) = self.held.trim_start().chars().next() else { return false };
                let call = self.form.marker() == Marker::FirstBrace && first == '{';
                self.state = if call { State::Between } else { State::Content };
                true
            }
            State::Content => {
                let Marker::Written(marker) = self.form.marker() else {
                    push_content(parts, std::mem::take(&mut self.held));
                    return false;
                };
                if let Some((before, after)) = self.held.split_once(marker) {
                    push_content(parts, before.trim_end().to_owned());
                    self.held = after.to_owned();
                    self.state = State::Between;
                    return true;
                }
                let open = undecided(&self.held, marker);
                push_content(parts, self.held.drain(..open).collect());
                false
            }
            State::Between => match self.held.split_once('{') {
                Some((_, object)) => {
                    self.held = object.to_owned();
                    self.state = State::Call(Call::new(self.form.arguments()));
                    true
                }
                None => {
                    self.held.clear();
                    false
                }
            },
            State::Call(call) => {
                let text = std::mem::take(&mut self.held);
                let mut characters = text.chars();
                while let Some(character) = characters.next() {
                    if call.take(character, parts) {
                        self.held = characters.as_str().to_owned();
                        self.state = State::Between;
                        return true;
                    }
                }
                call.flush(parts);
                false
            }
        }
    }
}

fn push_content(parts: &mut Vec<Part>, text: String) {
    if !text.is_empty() {
        parts.push(Part::Content(text));
    }
}

/// Where the end of `text` begins that may belong to a call: white space, then a beginning of the marker.
fn undecided(text: &str, marker: &str) -> usize {
    let beginnings = marker.char_indices().map(|(at, _)| at).rev();
    let cut = beginnings
        .filter_map(|length| marker.get(..length))
        .find_map(|beginning| text.strip_suffix(beginning))
        .unwrap_or(text);
    cut.trim_end().len()
}

/// One object, from behind its brace.
#[derive(Debug)]
struct Call {
    member: &'static str,
    place: Place,
    name: Option<String>,
    arguments: String,
    has_arguments: bool,
}

#[derive(Debug)]
enum Place {
    /// Before a member or behind the last one.
    Members,
    Key {
        text: String,
        escaped: bool,
    },
    Colon(Member),
    Value {
        member: Member,
        depth: u32,
        quoted: bool,
        escaped: bool,
        text: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Name,
    Arguments,
    Other,
}

impl Call {
    fn new(member: &'static str) -> Self {
        Self { member, place: Place::Members, name: None, arguments: String::new(), has_arguments: false }
    }

    /// True when the object has ended.
    fn take(&mut self, character: char, parts: &mut Vec<Part>) -> bool {
        match &mut self.place {
            Place::Members => match character {
                '"' => self.place = Place::Key { text: String::new(), escaped: false },
                '}' => return self.end(parts),
                _ => {}
            },
            Place::Key { text, escaped } => match character {
                '"' if !*escaped => {
                    let member = match text.as_str() {
                        "name" => Member::Name,
                        text if text == self.member => Member::Arguments,
                        _ => Member::Other,
                    };
                    self.place = Place::Colon(member);
                }
                _ => {
                    *escaped = character == '\\' && !*escaped;
                    text.push(character);
                }
            },
            Place::Colon(member) => {
                if character == ':' {
                    let member = *member;
                    self.has_arguments |= member == Member::Arguments;
                    self.place =
                        Place::Value { member, depth: 0, quoted: false, escaped: false, text: String::new() };
                }
            }
            Place::Value { member, depth, quoted, escaped, text } => {
                if !*quoted && *depth == 0 && matches!(character, ',' | '}') {
                    if *member == Member::Name && self.name.is_none() {
                        self.name = serde_json::from_str(text.trim()).ok();
                        if let Some(name) = &self.name {
                            parts.push(Part::Begun { name: name.clone() });
                        }
                    }
                    self.place = Place::Members;
                    return character == '}' && self.end(parts);
                }
                let blank = !*quoted && *depth == 0 && character.is_ascii_whitespace();
                match (*quoted, character) {
                    (true, '"') if !*escaped => *quoted = false,
                    (true, _) => *escaped = character == '\\' && !*escaped,
                    (false, '"') => *quoted = true,
                    (false, '{' | '[') => *depth += 1,
                    (false, '}' | ']') => *depth = depth.saturating_sub(1),
                    _ => {}
                }
                match *member {
                    // White space around a value is not part of it.
                    Member::Arguments if !blank => self.arguments.push(character),
                    Member::Name => text.push(character),
                    _ => {}
                }
            }
        }
        false
    }

    fn end(&mut self, parts: &mut Vec<Part>) -> bool {
        if !self.has_arguments {
            self.arguments.push_str("{}");
        }
        self.flush(parts);
        true
    }

    /// Hands on the arguments as far as they are known, once it is known whose they are.
    fn flush(&mut self, parts: &mut Vec<Part>) {
        if self.name.is_some() && !self.arguments.is_empty() {
            parts.push(Part::Arguments(std::mem::take(&mut self.arguments)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Begin, CallReader, Form, Part};
    use proptest::prelude::*;

    /// Reads pieces and prints what was handed on: content as it is, calls as `name(arguments)`.
    fn read(form: Form, begin: Begin, pieces: &[&str]) -> String {
        let mut reader = CallReader::new(form, begin);
        let mut parts: Vec<Part> = pieces.iter().flat_map(|piece| reader.push(piece)).collect();
        parts.extend(reader.finish());
        let mut printed = String::new();
        let mut open = "";
        for part in parts {
            match part {
                Part::Content(text) => printed.push_str(&text),
                Part::Begun { name } => {
                    printed.push_str(&format!("{open}{name}("));
                    open = ")";
                }
                Part::Arguments(text) => printed.push_str(&text),
            }
        }
        printed + open
    }

    fn check(form: Form, begin: Begin, text: &str, expected: &str) {
        assert_eq!(read(form, begin, &[text]), expected, "whole");
        let characters: Vec<String> = text.chars().map(String::from).collect();
        let pieces: Vec<&str> = characters.iter().map(String::as_str).collect();
        assert_eq!(read(form, begin, &pieces), expected, "by characters");
    }

    #[test]
    fn calls_are_taken_out_of_the_text() {
        let tagged = |text, expected| check(Form::Tagged, Begin::Free, text, expected);
        tagged("Hello  world ", "Hello  world ");
        tagged("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>", "f({\"a\": 1})");
        tagged(
            "One moment.\n\n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n<tool_call>{\"name\":\"g\",\"arguments\":{}}</tool_call>",
            "One moment.f({})g({})",
        );
        tagged("a <tool_cal is no call", "a <tool_cal is no call");
        tagged("a <<tool_call>{\"name\":\"f\"}", "a <f({})");
        tagged(
            "<tool_call>{\"arguments\": {\"name\": \"}, \\\"\"} , \"id\": [{}], \"name\": \"f\"}",
            "f({\"name\": \"}, \\\"\"})",
        );
        tagged("<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"cut", "f({\"a\": \"cut)");
        tagged("<tool_call>no object", "");
        check(Form::Tagged, Begin::Inside, "{\"name\": \"f\", \"arguments\": {}}\n</tool_call>", "f({})");
    }

    #[test]
    fn each_form_is_read() {
        check(
            Form::Bracketed,
            Begin::Free,
            "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {}}, {\"name\": \"g\", \"arguments\": {}}]",
            "f({})g({})",
        );
        check(Form::Bare, Begin::Free, " {\"name\": \"f\", \"parameters\": {\"a\": [1]}}", "f({\"a\": [1]})");
        check(Form::Bare, Begin::Free, "It is {\"name\"", "It is {\"name\"");
        check(Form::Bare, Begin::Free, "  ", "  ");
        check(Form::Bare, Begin::Either, "{\"name\": \"f\", \"parameters\": {}}", "f({})");
        check(
            Form::Bare,
            Begin::Either,
            "{\"name\": \"Ada\", \"age\": {}}",
            "{\"name\": \"Ada\", \"age\": {}}",
        );
        check(Form::Bare, Begin::Either, "{\"name\": \"f\", \"param", "{\"name\": \"f\", \"param");
        check(Form::Tagged, Begin::Either, "{\"name\": \"Ada\"}", "{\"name\": \"Ada\"}");
    }

    #[test]
    fn forms_are_known_by_what_templates_write() {
        let check = |answer: &str, expected: Option<Form>| {
            let written = format!("<tool_call>{{\"name\": …}}</tool_call> [TOOL_CALLS] hello {answer} bye");
            let found = Form::of_written(&written, answer, "f", &serde_json::json!({ "a": 1 }));
            assert_eq!(found, expected, "{answer}");
        };
        let call = "{\"name\": \"f\", \"arguments\": {\"a\": 1}}";
        check(&format!("<tool_call>\n{call}\n</tool_call>"), Some(Form::Tagged));
        check("<tool_call>\n{\"name\": \"f\", \"arguments\": \"{}\"}\n</tool_call>", None);
        check("<tool_call>\n<function=f><parameter=a>1</parameter></function></tool_call>", None);
        check("<tool_call>f\n<arg_key>a</arg_key><arg_value>1</arg_value></tool_call>", None);
        check(&format!("[TOOL_CALLS][{call}]"), Some(Form::Bracketed));
        check("[TOOL_CALLS]f[ARGS]{\"a\": 1}", None);
        check("{\"name\": \"f\", \"parameters\": {\"a\": 1}}", Some(Form::Bare));
        check("\n{\"name\": \"f\", \"parameters\": {\"a\": 2}}", None);
        check("<tool_calls>[{\"name\": \"f\", \"parameters\": {\"a\": 1}}]</tool_calls>", None);
        check("", None);
    }

    proptest! {
        #[test]
        fn split_anywhere_is_whole(
            text in "([ a{}\":,]|<tool_call>|</tool_call>|\"name\": \"f\"|\"arguments\": |<tool){0,30}",
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            for (form, begin) in [(Form::Tagged, Begin::Free), (Form::Bare, Begin::Free), (Form::Bare, Begin::Either)] {
                let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
                at.extend([0, text.len()]);
                at.sort_unstable();
                let pieces: Vec<&str> = at.windows(2).map(|pair| text.get(pair[0]..pair[1]).unwrap()).collect();
                prop_assert_eq!(read(form, begin, &pieces), read(form, begin, &[&text]));
            }
        }
    }
}
