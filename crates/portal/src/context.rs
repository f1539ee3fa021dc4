//! What is sent along with a question: the questions and answers before it.

use std::collections::HashMap;

use schleuse_types::Label;
use schleuse_wire::json::{Number, Object, Value};

use crate::attaching::read_by_a_model;
use crate::attachment::Part;
use crate::mask::Map;
use crate::message::{Author, Message, State, string};

/// Most questions with their answers that are sent along; the oldest are left out beyond it.
const PAIRS_MAX: usize = 100;
/// Most bytes of text altogether. As JSON this stays below the gate's limit of 8 MiB, unless the text is mostly control
/// characters, and then the gate refuses it.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A question with everything that is sent along.
#[derive(Clone)]
pub(crate) struct Context {
    /// What the conversation began with: the first message to the model.
    instructions: Option<String>,
    /// Oldest first.
    pairs: Vec<Pair>,
    question: Said,
    /// How many messages were left out because they were too many.
    pub(crate) omitted: u32,
}

#[derive(Clone)]
struct Pair {
    question: Said,
    answer: Said,
    label: Option<Label>,
}

#[derive(Clone)]
struct Said {
    id: String,
    text: String,
    /// Where in the text those of attachments stand.
    parts: Vec<Part>,
}

impl Said {
    /// With a stand-in for every word that is masked by now, also where an earlier turn or a file had it.
    fn new(message: &Message, texts: &HashMap<String, String>, map: &Map) -> Self {
        let (text, parts) = read_by_a_model(message, texts, map);
        Self { id: message.id.clone(), text, parts }
    }

    /// Adds to a finding in the text of an attachment which one it is, and counts its place from where that begins.
    fn name_attachment(&self, finding: &mut Object) {
        let place = |finding: &Object, name| usize::try_from(finding.get(name)?.as_i64()?).ok();
        let (Some(start), Some(end)) = (place(finding, "start"), place(finding, "end")) else { return };
        let Some(part) = self.parts.iter().find(|part| part.start <= start && end <= part.end) else {
            return;
        };
        let number = |n: usize| Value::Number(Number::from(i64::try_from(n).unwrap_or(i64::MAX)));
        finding.set("attachment", string(&part.attachment));
        finding.set("start", number(start - part.start));
        finding.set("end", number(end - part.start));
    }

    fn to_json(&self, author: Author) -> Value {
        let mut out = Object::new();
        out.set("role", string(author.as_str()));
        out.set("content", string(&self.text));
        Value::Object(out)
    }
}

impl Context {
    /// `path` is the branch before the question, from the root on; `texts` are those of all attachments, by id.
    ///
    /// A question without any answer is not sent along, and so one that was refused is not: what was found in it would
    /// refuse every question after it.
    pub(crate) fn new(
        path: &[&Message],
        question: &Message,
        texts: &HashMap<String, String>,
        map: &Map,
    ) -> Self {
        let mut pairs = Vec::new();
        let mut messages = path.iter().peekable();
        while let Some(message) = messages.next() {
            let answer =
                messages.next_if(|next| message.author == Author::User && next.author == Author::Assistant);
            // What passes once passes once.
            let Some(answer) = answer.filter(|_| message.release.is_none()) else { continue };
            if answer.state != State::Running && !answer.content.is_empty() {
                pairs.push(Pair {
                    question: Said::new(message, texts, map),
                    answer: Said::new(answer, texts, map),
                    label: answer.passage.as_ref().and_then(|passage| passage.label.clone()),
                });
            }
        }
        let question = Said::new(question, texts, map);
        let mut context = Self { instructions: None, pairs, question, omitted: 0 };
        context.leave_out(context.surplus());
        context
    }

    /// The same, with what the conversation began with before it.
    pub(crate) fn with_instructions(self, instructions: Option<String>) -> Self {
        Self { instructions, ..self }
    }

    /// Leaves out the older half of what is sent along. False when there is nothing left to leave out.
    pub(crate) fn halve(&mut self) -> bool {
        let count = self.pairs.len().div_ceil(2);
        self.leave_out(count);
        count > 0
    }

    /// The label of everything that is sent along.
    pub(crate) fn label(&self) -> Option<Label> {
        self.pairs.iter().filter_map(|pair| pair.label.clone()).reduce(|one, other| one.join(&other))
    }

    /// The body of the question for a model. `manner` holds further fields.
    pub(crate) fn body(&self, model: &str, manner: &[(&'static str, Value)]) -> String {
        let mut messages = Vec::with_capacity(self.pairs.len() * 2 + 2);
        if let Some(instructions) = &self.instructions {
            let mut out = Object::new();
            out.set("role", string("system"));
            out.set("content", string(instructions));
            messages.push(Value::Object(out));
        }
        for pair in &self.pairs {
            messages.push(pair.question.to_json(Author::User));
            messages.push(pair.answer.to_json(Author::Assistant));
        }
        messages.push(self.question.to_json(Author::User));
        let mut options = Object::new();
        options.set("include_usage", Value::Bool(true));
        let mut body = Object::new();
        body.set("model", string(model));
        body.set("messages", Value::Array(messages));
        body.set("stream", Value::Bool(true));
        body.set("stream_options", Value::Object(options));
        for (name, value) in manner {
            body.set(name, value.clone());
        }
        Value::Object(body).to_text()
    }

    /// Adds to every finding of an error object the id of the message that its path points into.
    pub(crate) fn name_messages(&self, error: &mut Object) {
        let Some(Value::Array(findings)) = error.get_mut("findings") else { return };
        for finding in findings {
            let Value::Object(finding) = finding else { continue };
            let path = finding.get("path").and_then(Value::as_str);
            let place = path.and_then(|path| path.strip_prefix("/messages/"));
            let place = place.and_then(|rest| rest.split('/').next()?.parse::<usize>().ok());
            let Some(said) = place.and_then(|place| self.said(place)) else { continue };
            finding.set("message", string(&said.id));
            said.name_attachment(finding);
        }
    }

    /// The message that is sent in this place; the instructions are none.
    fn said(&self, place: usize) -> Option<&Said> {
        let place = place.checked_sub(usize::from(self.instructions.is_some()))?;
        if place == self.pairs.len() * 2 {
            return Some(&self.question);
        }
        let pair = self.pairs.get(place / 2)?;
        Some(if place.is_multiple_of(2) { &pair.question } else { &pair.answer })
    }

    /// How many pairs are beyond the limits, from the oldest on.
    fn surplus(&self) -> usize {
        let mut room = TEXT_BYTES_MAX.saturating_sub(self.question.text.len());
        let mut kept = 0;
        for pair in self.pairs.iter().rev().take(PAIRS_MAX) {
            let length = pair.question.text.len() + pair.answer.text.len();
            match room.checked_sub(length) {
                Some(rest) => room = rest,
                None => break,
            }
            kept += 1;
        }
        self.pairs.len() - kept
    }

    fn leave_out(&mut self, count: usize) {
        self.pairs.drain(..count.min(self.pairs.len()));
        self.omitted = self.omitted.saturating_add(u32::try_from(count * 2).unwrap_or(u32::MAX));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Context, PAIRS_MAX, TEXT_BYTES_MAX};
    use crate::mask::Map;
    use crate::message::tests::blank;
    use crate::message::{Author, Message, State};

    /// Questions `q0`, `q1` … with answers of these states and texts.
    fn conversation(answers: &[(State, &str)]) -> Vec<Message> {
        let pairs = answers.iter().enumerate().map(|(number, (state, text))| {
            let question = Message { id: format!("q{number}"), content: format!("Q{number}"), ..blank() };
            let answer = Message {
                id: format!("a{number}"),
                author: Author::Assistant,
                state: *state,
                content: (*text).to_owned(),
                ..blank()
            };
            [question, answer]
        });
        pairs.flatten().collect()
    }

    fn context(messages: &[Message]) -> Context {
        let question = Message { id: "q".into(), content: "Q".into(), ..blank() };
        Context::new(&messages.iter().collect::<Vec<_>>(), &question, &HashMap::new(), &Map::default())
    }

    #[test]
    fn instructions_come_first_and_move_the_places() {
        let messages = conversation(&[(State::Complete, "x")]);
        let plain = context(&messages);
        let with = Context { instructions: Some("Sei kurz.".into()), ..plain.clone() };
        let body = with.body("tiny", &[]);
        let first = r#""messages":[{"role":"system","content":"Sei kurz."},{"role":"user","content":"Q0"}"#;
        assert!(body.contains(first), "{body}");
        let id = |place| with.said(place).map(|said| said.id.as_str());
        assert_eq!((id(0), id(1), id(3)), (None, Some("q0"), Some("q")));
        assert!(!plain.body("tiny", &[]).contains("system"));
    }

    fn check(messages: &[Message], expected: &[&str], omitted: u32) {
        let context = context(messages);
        let ids: Vec<&str> = (0..).map_while(|place| Some(context.said(place)?.id.as_str())).collect();
        assert_eq!(ids, expected);
        assert_eq!(context.omitted, omitted);
    }

    #[test]
    fn what_was_answered_is_sent_along() {
        check(&[], &["q"], 0);
        let states = [State::Complete, State::Stopped, State::Failed, State::Running];
        let with_text: Vec<_> = states.iter().map(|state| (*state, "text")).collect();
        let without: Vec<_> = states.iter().map(|state| (*state, "")).collect();
        check(&conversation(&with_text), &["q0", "a0", "q1", "a1", "q2", "a2", "q"], 0);
        check(&conversation(&without), &["q"], 0);
        // Two questions in a row: the first has no answer in this branch.
        let mut messages = conversation(&[(State::Complete, "x"), (State::Complete, "y")]);
        messages.remove(1);
        check(&messages, &["q1", "a1", "q"], 0);
    }

    #[test]
    fn the_oldest_part_of_too_much_is_left_out() {
        let many = conversation(&[(State::Complete, "x")].repeat(PAIRS_MAX + 3));
        let context = context(&many);
        assert_eq!((context.pairs.len(), context.omitted), (PAIRS_MAX, 6));
        assert_eq!(context.said(0).unwrap().id, "q3");
        let long = "x".repeat(TEXT_BYTES_MAX / 2 - 100);
        let long = [(State::Complete, long.as_str())].repeat(3);
        check(&conversation(&long), &["q1", "a1", "q2", "a2", "q"], 2);
    }

    #[test]
    fn halving_ends() {
        let mut context = context(&conversation(&[(State::Complete, "x")].repeat(5)));
        let mut counts = Vec::new();
        while context.halve() {
            counts.push((context.pairs.len(), context.omitted));
        }
        assert_eq!(counts, [(2, 6), (1, 8), (0, 10)]);
    }
}
