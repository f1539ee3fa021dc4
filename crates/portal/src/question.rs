//! A new question in a conversation.

use std::sync::Arc;

use schleuse_types::{Label, Refusal};
use schleuse_wire::json::{Object, Value};
use schleuse_wire::{Arrival, Reply, internal, invalid_request};

use crate::answer::{self, Asking};
use crate::body::{missing, read_fields, take_text, wrong};
use crate::context::Context;
use crate::message::{Author, Message, State};
use crate::portal::{Portal, Visitor, document, run_json};
use crate::refusals;
use crate::run::Run;
use crate::tree;

/// Longest name of a model, and longest id of a message.
const NAME_BYTES_MAX: usize = 256;
/// Longest label: a level and sixteen compartments.
const LABEL_BYTES_MAX: usize = 1024;
/// What the body of a question may have beside its content. JSON may write a byte of content in six.
const REST_BYTES_MAX: usize = 16 * 1024;
/// Longest title that is made of a question.
const TITLE_CHARACTERS_MAX: usize = 60;

/// What a person asks.
struct Question {
    content: String,
    model: String,
    label: Option<Label>,
    parent: Parent,
}

enum Parent {
    /// The question begins a branch of its own.
    None,
    /// Not said: the newest message of the conversation.
    Newest,
    Message(String),
}

impl Question {
    async fn read(arrival: Arrival, content_bytes_max: usize) -> Result<Self, Refusal> {
        let bytes_max = content_bytes_max.saturating_mul(2).saturating_add(REST_BYTES_MAX);
        let known = ["content", "model", "label", "parent"];
        let mut fields = read_fields(arrival.body, bytes_max, &known).await?;
        let content = take_text(&mut fields, "content", content_bytes_max)?;
        let model = take_text(&mut fields, "model", NAME_BYTES_MAX)?;
        let label = take_text(&mut fields, "label", LABEL_BYTES_MAX)?;
        let parent = match fields.get("parent") {
            None => Parent::Newest,
            Some(Value::Null) => Parent::None,
            Some(_) => {
                let id = take_text(&mut fields, "parent", NAME_BYTES_MAX)?;
                id.map_or(Parent::None, Parent::Message)
            }
        };
        let label = label.map(|label| Label::parse(label.as_bytes())).transpose();
        Ok(Self {
            content: content.ok_or_else(|| missing("content"))?,
            model: model.ok_or_else(|| missing("model"))?,
            label: label.map_err(|_| {
                wrong(
                    "label",
                    "The field `label` must be one of PUBLIC, INTERNAL, CONFIDENTIAL, SECRET, or one of them with `//` and \
                     compartments behind it."
                        .to_owned(),
                    "Das Feld `label` muss ÖFFENTLICH, INTERN, VERTRAULICH oder GEHEIM sein, oder eines davon mit `//` und \
                     Bereichen dahinter."
                        .to_owned(),
                )
            })?,
            parent,
        })
    }
}

impl Portal {
    /// Keeps the question and begins its answer. Both are durable when this returns.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        visitor: &Visitor,
        conversation: &str,
        arrival: Arrival,
    ) -> Result<Reply, Refusal> {
        let person = visitor.person();
        let (language, peer) = (arrival.language, arrival.peer);
        let credential =
            arrival.credential.clone().ok_or_else(|| internal("verified without a credential"))?;
        // Not to read megabytes for somebody who does not own the conversation.
        self.open(visitor, conversation).await?;
        let asked = Question::read(arrival, self.limits.content_bytes_max).await?;

        let (key, mut head, turn) = self.open(visitor, conversation).await?;
        if head.is_damaged {
            return Err(refusals::damaged());
        }
        let messages = self.messages(&key, person, conversation).await?;
        if messages.len() + 2 > self.limits.messages_max {
            return Err(refusals::too_many_messages(self.limits.messages_max));
        }
        let parent = match asked.parent {
            Parent::None => None,
            Parent::Newest => messages.last().map(|message| message.id.clone()),
            Parent::Message(id) => Some(id),
        };
        check_parent(&messages, parent.as_deref())?;
        let ordinal = messages.last().map_or(0, |message| message.ordinal.saturating_add(1));
        let now = self.clock.now();
        let question = Message {
            id: self.new_id()?,
            parent,
            ordinal,
            created: now,
            author: Author::User,
            content: asked.content,
            state: State::Complete,
            language,
            model: None,
            passage: None,
            usage: None,
            is_cut: false,
            omitted: 0,
            refusal: None,
        };
        let answer = Message {
            id: self.new_id()?,
            parent: Some(question.id.clone()),
            ordinal: ordinal.saturating_add(1),
            author: Author::Assistant,
            content: String::new(),
            state: State::Running,
            model: Some(asked.model.clone()),
            ..question.clone()
        };
        let messages: Vec<Message> =
            messages.into_iter().map(|message| head.with_standing_label(message)).collect();
        let context = Context::new(&tree::path(&messages, question.parent.as_deref()), &question);
        // What counts when the person says nothing is the same as at the gate.
        let declared = asked.label.unwrap_or_else(|| (self.default_label)(&visitor.verified));
        let seen = [head.label.clone(), context.label()].into_iter().flatten();
        let asking = Asking {
            label: seen.fold(declared, |label, seen| label.join(&seen)),
            context,
            manner: (self.manner)(&asked.model),
            model: asked.model,
            credential,
            language,
            peer,
        };

        let run = Arc::new(Run::new(person, conversation, answer.clone()));
        self.runs.begin(&run, self.limits.runs_max)?;
        let entered = Entered { portal: self, run: &run, is_begun: false };
        head.updated = now;
        if head.title.is_empty() {
            head.title = title(&question.content);
        }
        self.archive.put_head(&key, person, &head).await?;
        self.archive.put_message(&key, person, conversation, &question).await?;
        self.archive.put_message(&key, person, conversation, &answer).await?;
        entered.begin();
        self.tasks.spawn(answer::write(Arc::clone(self), Arc::clone(&run), Arc::new(key), asking));
        drop(turn);

        let mut out = Object::new();
        out.set("message", question.to_json());
        out.set("answer", answer.to_json());
        out.set("run", run_json(&run));
        Ok(document(202, out))
    }
}

/// A run in the table that has no task yet: it leaves the table when it never gets one, because the store failed or whoever
/// asked left.
struct Entered<'a> {
    portal: &'a Portal,
    run: &'a Run,
    is_begun: bool,
}

impl Entered<'_> {
    fn begin(mut self) {
        self.is_begun = true;
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if !self.is_begun {
            self.portal.runs.end(self.run);
        }
    }
}

/// A question follows an answer that is over, or another question; what is still being written cannot be sent along.
fn check_parent(messages: &[Message], parent: Option<&str>) -> Result<(), Refusal> {
    let Some(parent) = parent else { return Ok(()) };
    let Some(message) = messages.iter().find(|message| message.id == parent) else {
        return Err(invalid_request(
            "The message that this question should follow is not in this conversation.",
            "Die Nachricht, auf die diese Frage folgen soll, ist nicht in dieser Unterhaltung.",
            "unknown parent",
            Some("parent"),
        ));
    };
    if message.state == State::Running {
        return Err(invalid_request(
            "The answer that this question should follow is still being written.",
            "Die Antwort, auf die diese Frage folgen soll, wird noch geschrieben.",
            "parent is running",
            Some("parent"),
        ));
    }
    Ok(())
}

/// The first words of a question, at most [`TITLE_CHARACTERS_MAX`] characters.
fn title(content: &str) -> String {
    // Neither control characters nor those that turn the direction of what follows them (Unicode UAX 9, section 2).
    let is_hidden = |character: char| {
        character.is_control() || matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    let visible = |character: char| if is_hidden(character) { ' ' } else { character };
    let content: String = content.chars().map(visible).take(TITLE_CHARACTERS_MAX * 8).collect();
    let mut title = String::new();
    let mut length = 0;
    for word in content.split_whitespace() {
        let word_length = word.chars().count();
        let space = usize::from(length > 0);
        // One place is kept for the sign that more follows.
        if length + space + word_length >= TITLE_CHARACTERS_MAX {
            if length == 0 {
                title.extend(word.chars().take(TITLE_CHARACTERS_MAX - 1));
            }
            title.push('…');
            return title;
        }
        if space > 0 {
            title.push(' ');
        }
        title.push_str(word);
        length += space + word_length;
    }
    title
}

#[cfg(test)]
mod tests {
    use super::title;

    fn check(content: &str, expected: &str) {
        let title = title(content);
        assert_eq!(title, expected);
        assert!(title.chars().count() <= 60, "{title}");
    }

    #[test]
    fn a_title_is_the_first_words() {
        check("Hallo", "Hallo");
        check("  zwei \n\t Wörter\u{0} ", "zwei Wörter");
        check("", "");
        check("\u{1b}\u{7}", "");
        check("a\u{202E}b", "a b");
        let long = "Bitte fassen Sie die Kündigungsfristenregelung des Vertrags in drei Sätzen zusammen";
        check(long, "Bitte fassen Sie die Kündigungsfristenregelung des Vertrags…");
        check(&"ä".repeat(200), &("ä".repeat(59) + "…"));
        check(&("a ".repeat(400)), &(["a"; 29].join(" ") + " a…"));
    }
}
