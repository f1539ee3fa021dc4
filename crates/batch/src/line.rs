//! The answer to one line, as it stands in the files of a batch.

use schleuse_types::Label;
use schleuse_wire::json::{Object, Value, write_string};
use schleuse_wire::{Reply, ReplyBody};

use crate::input::InputError;
use crate::listing::text;

/// What became of a line. It is one line of text itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// It is a refusal or an error, and belongs in the file of these.
    pub(crate) is_failed: bool,
    pub(crate) text: String,
    /// Of question and answer; none of a refusal, which has nothing of either in it.
    pub(crate) label: Option<Label>,
}

impl Answer {
    /// What the gate said.
    pub(crate) fn of_reply(id: &str, custom_id: &str, reply: Reply) -> Option<Self> {
        let header = |name: &str| {
            let found = reply.headers.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_str())
        };
        let ReplyBody::Whole(body) = &reply.body else { return None };
        let body = std::str::from_utf8(body).ok()?;
        let is_failed = !(200..300).contains(&reply.status);
        // One that cannot be read counts as the highest, so that nothing of it leaves.
        let read = |label: &str| Label::parse(label.as_bytes()).unwrap_or(Label::SECRET);
        let label = header("x-schleuse-label").map_or(Label::SECRET, read);
        let mut text = String::with_capacity(body.len() + 160);
        begin(id, custom_id, &mut text);
        text.push_str(",\"response\":{\"status_code\":");
        text.push_str(&reply.status.to_string());
        text.push_str(",\"request_id\":");
        write_string(header("x-schleuse-request-id").unwrap_or_default(), &mut text);
        text.push_str(",\"body\":");
        // Inside a JSON document line ends stand only between its parts, where a blank says the same.
        text.extend(
            body.chars().map(|character| if matches!(character, '\n' | '\r') { ' ' } else { character }),
        );
        text.push_str("},\"error\":null}");
        Some(Self { is_failed, text, label: (!is_failed).then_some(label) })
    }

    /// Nothing was answered, and why.
    pub(crate) fn unanswered(id: &str, custom_id: &str, error: &InputError) -> Self {
        let mut out = String::new();
        begin(id, custom_id, &mut out);
        let mut object = Object::new();
        object.set("code", text(&error.code));
        object.set("message", text(&error.message));
        out.push_str(",\"response\":null,\"error\":");
        out.push_str(&Value::Object(object).to_text());
        out.push('}');
        Self { is_failed: true, text: out, label: None }
    }
}

fn begin(id: &str, custom_id: &str, out: &mut String) {
    out.push_str("{\"id\":");
    write_string(id, out);
    out.push_str(",\"custom_id\":");
    write_string(custom_id, out);
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use schleuse_types::Label;
    use schleuse_wire::{Reply, ReplyBody};

    use super::Answer;
    use crate::input::InputError;

    fn check(status: u16, label: Option<&str>, body: &str, expected: &str, raised: Option<Label>) {
        let mut headers = vec![("x-schleuse-request-id", "r".to_owned())];
        headers.extend(label.map(|label| ("x-schleuse-label", label.to_owned())));
        let body = ReplyBody::Whole(Bytes::from(body.to_owned()));
        let answer = Answer::of_reply("i", "c\"\n", Reply { status, headers, body }).unwrap();
        assert_eq!(answer.text, expected);
        assert_eq!((answer.is_failed, answer.label), (status != 200, raised));
        assert!(!answer.text.contains('\n'));
    }

    #[test]
    fn an_answer_is_one_line_and_has_a_label() {
        let line = |status: u16, body: &str| {
            format!(
                r#"{{"id":"i","custom_id":"c\"\n","response":{{"status_code":{status},"request_id":"r","body":{body}}},"error":null}}"#
            )
        };
        check(200, Some("PUBLIC"), "{\"a\":\n1}", &line(200, "{\"a\": 1}"), Some(Label::PUBLIC));
        check(200, None, "{}", &line(200, "{}"), Some(Label::SECRET));
        check(200, Some("??"), "{}", &line(200, "{}"), Some(Label::SECRET));
        check(403, Some("SECRET"), "{}", &line(403, "{}"), None);
    }

    #[test]
    fn what_was_not_asked_says_why() {
        let error = InputError { code: "batch_expired".into(), line: None, param: None, message: "m".into() };
        assert_eq!(
            Answer::unanswered("i", "c", &error).text,
            r#"{"id":"i","custom_id":"c","response":null,"error":{"code":"batch_expired","message":"m"}}"#
        );
    }
}
