//! A question in a conversation: asked of one model or of several at once, and asked again.

use std::sync::Arc;

use schleuse_types::{COMPARTMENTS_MAX, Compartment, Label, Language, Refusal};
use schleuse_wire::json::{Bounds, Object, Value};
use schleuse_wire::{Arrival, Credential, Peer, Reply, internal, invalid_request};

use crate::answer::{self, Asking};
use crate::attaching::{PER_QUESTION_MAX, label_of};
use crate::body::{missing, read_fields, read_fields_within, take_text, take_texts, wrong};
use crate::context::Context;
use crate::deed::{Deed, DeedKind};
use crate::mask::{Map, Marked, Masking, PLACES_MAX, take_marked};
use crate::message::{Author, Head, Message, State, string};
use crate::portal::{Portal, Visitor, document, run_json};
use crate::refusals;
use crate::release::not_with_a_release;
use crate::run::Run;
use crate::seal::DataKey;
use crate::temporary::is_temporary;
use crate::tree;

/// Longest name of a model, and longest id of a message.
const NAME_BYTES_MAX: usize = 256;
/// Most models that answer one question at once.
const MODELS_MAX: usize = 4;
/// Longest label: a level and sixteen compartments.
const LABEL_BYTES_MAX: usize = 1024;
/// What the body of a question may have beside its content. JSON may write a byte of content in six.
const REST_BYTES_MAX: usize = 128 * 1024;
/// A question has at most so many values: its masks have four each.
const BOUNDS: Bounds = Bounds { depth_max: 8, nodes_max: 64 + 4 * PLACES_MAX };
/// Longest title that is made of a question.
const TITLE_CHARACTERS_MAX: usize = 60;

/// What a person asks.
struct Question {
    content: String,
    /// What of it no model may see.
    marked: Vec<Marked>,
    release: Option<String>,
    asked_of: AskedOf,
    parent: Parent,
    /// Ids of files.
    attachments: Vec<String>,
}

/// Of which models, and under which label.
struct AskedOf {
    models: Vec<String>,
    /// None: the person's default.
    level: Option<Label>,
    compartments: Vec<Compartment>,
}

enum Parent {
    /// The question begins a branch of its own.
    None,
    /// Not said: the newest message of the conversation.
    Newest,
    Message(String),
}

impl Question {
    /// `usual` is asked where the person names no model.
    async fn read(arrival: Arrival, content_bytes_max: usize, usual: Option<&str>) -> Result<Self, Refusal> {
        let bytes_max = content_bytes_max.saturating_mul(2).saturating_add(REST_BYTES_MAX);
        let known = [
            "content",
            "model",
            "models",
            "label",
            "compartments",
            "parent",
            "masks",
            "attachments",
            "release",
        ];
        let mut fields = read_fields_within(arrival.body, bytes_max, &known, &BOUNDS).await?;
        let content = take_text(&mut fields, "content", content_bytes_max)?;
        let content = content.ok_or_else(|| missing("content"))?;
        let marked = take_marked(fields.remove("masks"), "masks", &content)?;
        let release = take_text(&mut fields, "release", NAME_BYTES_MAX)?;
        let asked_of = AskedOf::take(&mut fields, usual)?;
        if release.is_some() && (!marked.is_empty() || asked_of.models.len() > 1) {
            return Err(not_with_a_release());
        }
        let parent = match fields.get("parent") {
            None => Parent::Newest,
            Some(Value::Null) => Parent::None,
            Some(_) => {
                let id = take_text(&mut fields, "parent", NAME_BYTES_MAX)?;
                id.map_or(Parent::None, Parent::Message)
            }
        };
        let attachments = match fields.get("attachments") {
            Some(Value::Array(ids)) if ids.is_empty() => Vec::new(),
            _ => {
                take_texts(&mut fields, "attachments", PER_QUESTION_MAX, NAME_BYTES_MAX)?.unwrap_or_default()
            }
        };
        Ok(Self { content, marked, release, asked_of, parent, attachments })
    }
}

impl AskedOf {
    /// `model` or `models`, `label` and `compartments`.
    fn take(fields: &mut Object, usual: Option<&str>) -> Result<Self, Refusal> {
        let model = take_text(fields, "model", NAME_BYTES_MAX)?;
        let models = take_texts(fields, "models", MODELS_MAX, NAME_BYTES_MAX)?;
        let models = match (model, models) {
            (Some(model), None) => vec![model],
            (None, Some(models)) => models,
            (None, None) => vec![usual.ok_or_else(|| missing("model"))?.to_owned()],
            (Some(_), Some(_)) => {
                return Err(wrong(
                    "models",
                    "Either `model` or `models` may be there, not both.".to_owned(),
                    "Es darf entweder `model` oder `models` da sein, nicht beides.".to_owned(),
                ));
            }
        };
        let label = take_text(fields, "label", LABEL_BYTES_MAX)?;
        let level = label.map(|label| Label::parse(label.as_bytes())).transpose().map_err(|_| {
            wrong(
                "label",
                "The field `label` must be one of PUBLIC, INTERNAL, CONFIDENTIAL, SECRET, or one of them with `//` and \
                 compartments behind it."
                    .to_owned(),
                "Das Feld `label` muss ÖFFENTLICH, INTERN, VERTRAULICH oder GEHEIM sein, oder eines davon mit `//` und \
                 Bereichen dahinter."
                    .to_owned(),
            )
        })?;
        let names = match fields.get("compartments") {
            Some(Value::Array(names)) if names.is_empty() => Vec::new(),
            _ => take_texts(fields, "compartments", COMPARTMENTS_MAX, NAME_BYTES_MAX)?.unwrap_or_default(),
        };
        let compartments = names.iter().map(|name| name.parse()).collect::<Result<_, _>>().map_err(|_| {
            wrong(
                "compartments",
                "The field `compartments` holds what is not the name of a compartment.".to_owned(),
                "Das Feld `compartments` enthält etwas, das kein Name eines Bereichs ist.".to_owned(),
            )
        })?;
        Ok(Self { models, level, compartments })
    }

    /// What the person said, or `default` where they said none.
    fn label(&self, default: Label) -> Label {
        self.level.clone().unwrap_or(default).with(self.compartments.iter().cloned())
    }
}

impl Portal {
    /// Keeps the question and begins its answers. All are durable when this returns.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        visitor: &Visitor,
        conversation: &str,
        arrival: Arrival,
    ) -> Result<Reply, Refusal> {
        let person = visitor.person();
        let asker = Asker::new(&arrival)?;
        // Not to read megabytes for somebody who does not own the conversation.
        let usual = self.open(visitor, conversation).await?.1.assistant.and_then(|begun| begun.model);
        let asked = Question::read(arrival, self.limits.content_bytes_max, usual.as_deref()).await?;

        let (key, mut head, _turn) = self.open(visitor, conversation).await?;
        if head.is_damaged {
            return Err(refusals::damaged());
        }
        let messages = self.messages(&key, person, conversation).await?;
        if messages.len() + 1 + asked.asked_of.models.len() > self.limits.messages_max {
            return Err(refusals::too_many_messages(self.limits.messages_max));
        }
        if is_temporary(conversation) {
            self.archive.temporary.check_room(person, asked.content.len())?;
        }
        let parent = match asked.parent {
            Parent::None => None,
            Parent::Newest => messages.last().map(|message| message.id.clone()),
            Parent::Message(id) => Some(id),
        };
        check_parent(&messages, parent.as_deref())?;
        let ordinal = messages.last().map_or(0, |message| message.ordinal.saturating_add(1));
        // What counts when the person says nothing is the same as at the gate.
        let declared = asked.asked_of.label((self.standing)(&visitor.verified).default);
        let attachments =
            self.use_attachments(visitor, conversation, &asked.attachments, asked.content.len()).await?;
        // What a file is labelled counts for the question from the start.
        let declared = label_of(&attachments, &declared);
        let masking = match asked.release {
            // It is for the text as it is.
            Some(_) => Ok(Masking::default()),
            None => self.mask(visitor, &mut head, &messages, &declared, &asked.content, &asked.marked).await,
        };
        let masking = match masking {
            Ok(masking) => masking,
            Err(refusal) => {
                self.return_attachments(visitor, &asked.attachments).await?;
                return Err(refusal);
            }
        };
        let question = Message {
            id: self.new_id()?,
            parent,
            ordinal,
            created: self.clock.now(),
            author: Author::User,
            content: asked.content,
            attachments,
            state: State::Complete,
            language: asker.language,
            declared: Some(declared.clone()),
            is_imported: false,
            model: None,
            passage: None,
            usage: None,
            is_cut: false,
            omitted: 0,
            refusal: None,
            masking,
            release: asked.release,
        };
        let plan = Plan {
            conversation: Opened { key, head, messages },
            is_new: true,
            question: question.clone(),
            models: asked.asked_of.models,
            declared,
        };
        let begun = match self.begin_answers(visitor, asker, plan).await {
            Ok(begun) => Ok(begun),
            Err(refusal) => {
                self.return_attachments(visitor, &asked.attachments).await?;
                Err(refusal)
            }
        };
        let (answers, runs) = begun?;
        let mut out = told(&answers, &runs);
        out.set("message", question.to_json());
        out.set("answer", answers.first().map_or(Value::Null, Message::to_json));
        out.set("run", runs.first().map_or(Value::Null, |run| run_json(run)));
        Ok(document(202, out))
    }

    /// What models see of a question in which words are masked: those that are marked in it, and those that are masked in the
    /// conversation already. What was typed and what is sent may be labelled differently, so it is on record before anything
    /// is sent: types and numbers, never the words.
    async fn mask(
        &self,
        visitor: &Visitor,
        head: &mut Head,
        messages: &[Message],
        declared: &Label,
        content: &str,
        marked: &[Marked],
    ) -> Result<Masking, Refusal> {
        let mut map = Map::of(messages);
        if map.is_empty() && marked.is_empty() {
            return Ok(Masking::default());
        }
        let is_taken = |stands: &str| messages.iter().any(|message| message.content.contains(stands));
        let hidden = map.hide(content, marked, &is_taken)?;
        if hidden.masks.is_empty() {
            return Ok(Masking::default());
        }
        let examine = |text: String| (self.examine)(&visitor.verified, declared.clone(), text);
        let typed = examine(content.to_owned()).await?.label;
        let sent = examine(hidden.text.clone()).await?.label;
        let masked: Vec<String> =
            hidden.counts.iter().map(|(kind, count)| format!("{kind}:{count}")).collect();
        let deed = Deed {
            principal: visitor.verified.principal().clone(),
            request_id: visitor.request_id.to_string(),
            kind: DeedKind::Mask,
            subject: head.id.clone(),
            owner: visitor.person().to_owned(),
            with: Vec::new(),
            label: Some(sent.clone()),
            change: format!("from={typed} to={sent} masked={}", masked.join(",")),
        };
        (self.note)(deed).await?;
        head.typed = Some(head.typed.as_ref().map_or_else(|| typed.clone(), |known| known.join(&typed)));
        Ok(Masking { masks: hidden.masks, sent: Some(hidden.text) })
    }

    /// What the person may put on a question.
    pub(crate) fn labels(&self, visitor: &Visitor) -> Reply {
        let standing = (self.standing)(&visitor.verified);
        let compartments = standing.clearance.compartments().iter().map(|name| string(name.as_str()));
        let mut out = Object::new();
        out.set("default", string(&standing.default.to_string()));
        out.set("clearance", string(&standing.clearance.to_string()));
        out.set("compartments", Value::Array(compartments.collect()));
        document(200, out)
    }

    /// Begins further answers to a question that was asked before.
    pub(crate) async fn ask_again(
        self: &Arc<Self>,
        visitor: &Visitor,
        conversation: &str,
        question: &str,
        arrival: Arrival,
    ) -> Result<Reply, Refusal> {
        let asker = Asker::new(&arrival)?;
        let usual = self.open(visitor, conversation).await?.1.assistant.and_then(|begun| begun.model);
        let known = ["model", "models", "label", "compartments"];
        let mut fields = read_fields(arrival.body, REST_BYTES_MAX, &known).await?;
        let asked_of = AskedOf::take(&mut fields, usual.as_deref())?;
        let (key, head, _turn) = self.open(visitor, conversation).await?;
        if head.is_damaged {
            return Err(refusals::damaged());
        }
        let messages = self.messages(&key, visitor.person(), conversation).await?;
        let question = messages.iter().find(|message| message.id == question);
        let question = question.ok_or_else(refusals::not_found)?.clone();
        if question.author != Author::User {
            return Err(invalid_request(
                "Only a question can be answered again, and this message is an answer.",
                "Noch einmal beantwortet werden kann nur eine Frage, und diese Nachricht ist eine Antwort.",
                "not a question",
                None,
            ));
        }
        if messages.len() + asked_of.models.len() > self.limits.messages_max {
            return Err(refusals::too_many_messages(self.limits.messages_max));
        }
        if is_temporary(conversation) {
            self.archive.temporary.check_room(visitor.person(), 0)?;
        }
        // What the question was declared as holds on: asking again is no way down.
        let standing = head.with_standing_label(question.clone()).declared;
        let standing = standing.unwrap_or_else(|| (self.standing)(&visitor.verified).default);
        let plan = Plan {
            conversation: Opened { key, head, messages },
            is_new: false,
            declared: asked_of.label(standing.clone()).join(&standing),
            question,
            models: asked_of.models,
        };
        let (answers, runs) = self.begin_answers(visitor, asker, plan).await?;
        Ok(document(202, told(&answers, &runs)))
    }

    /// Begins one run for each model, all or none. To be called by whoever has the turn of the conversation.
    async fn begin_answers(
        self: &Arc<Self>,
        visitor: &Visitor,
        asker: Asker,
        plan: Plan,
    ) -> Result<(Vec<Message>, Vec<Arc<Run>>), Refusal> {
        let person = visitor.person();
        let Plan { conversation: Opened { key, mut head, messages }, is_new, question, models, declared } =
            plan;
        let key = Arc::new(key);
        let now = self.clock.now();
        let last = messages.last().map_or(question.ordinal, |message| message.ordinal.max(question.ordinal));
        let mut answers = Vec::with_capacity(models.len());
        for (ordinal, model) in (last.saturating_add(1)..).zip(&models) {
            answers.push(Message {
                id: self.new_id()?,
                parent: Some(question.id.clone()),
                ordinal,
                created: now,
                author: Author::Assistant,
                content: String::new(),
                attachments: Vec::new(),
                state: State::Running,
                language: asker.language,
                declared: None,
                model: Some(model.clone()),
                masking: Masking::default(),
                release: None,
                ..question.clone()
            });
        }
        let map = Map::of(&messages);
        let map = if question.release.is_none() { map.with(&question.masking.masks) } else { Map::default() };
        for answer in &mut answers {
            answer.masking.masks = map.masks().to_vec();
        }
        let messages: Vec<Message> =
            messages.into_iter().map(|message| head.with_standing_label(message)).collect();
        let path = tree::path(&messages, question.parent.as_deref());
        let instructions = self.archive.instructions(&key, person, &head.id).await?;
        if head.assistant.is_some() && instructions.is_none() {
            // Not to ask without what it began with.
            return Err(refusals::damaged());
        }
        let asked = path.iter().copied().chain([&question]);
        let texts = self.attached_texts(&key, person, asked).await?;
        let context = Context::new(&path, &question, &texts, &map).with_instructions(instructions);
        let seen = [head.label.clone(), context.label()].into_iter().flatten();
        let label = seen.fold(declared, |label, seen| label.join(&seen));

        let run = |answer: &Message| Arc::new(Run::new(person, &head.id, answer.clone()));
        let runs: Vec<Arc<Run>> = answers.iter().map(run).collect();
        self.runs.begin(person, &runs, self.limits.runs_max)?;
        let entered = Entered { portal: self, runs: &runs, is_begun: false };
        head.updated = now;
        if head.title.is_empty() {
            // Whoever reads a share sees the title too.
            head.title = title(question.sent());
        }
        self.archive.put_head(&key, person, &head).await?;
        if is_new {
            self.archive.put_message(&key, person, &head.id, &question).await?;
        }
        for answer in &answers {
            self.archive.put_message(&key, person, &head.id, answer).await?;
        }
        self.changed(person, &head.id);
        entered.begin();
        for (run, model) in runs.iter().zip(models) {
            let asking = Asking {
                context: context.clone(),
                manner: (self.manner)(&model),
                model,
                credential: asker.credential.clone(),
                language: asker.language,
                peer: asker.peer,
                label: label.clone(),
                // Only the first time: asking again is not once.
                release: question.release.clone().filter(|_| is_new),
            };
            self.tasks.spawn(answer::write(Arc::clone(self), Arc::clone(run), Arc::clone(&key), asking));
        }
        Ok((answers, runs))
    }
}

/// How somebody asks.
struct Asker {
    credential: Credential,
    language: Language,
    peer: Peer,
}

impl Asker {
    fn new(arrival: &Arrival) -> Result<Self, Refusal> {
        let credential = arrival.credential.clone();
        Ok(Self {
            credential: credential.ok_or_else(|| internal("verified without a credential"))?,
            language: arrival.language,
            peer: arrival.peer,
        })
    }
}

/// A conversation as it is.
struct Opened {
    key: DataKey,
    head: Head,
    messages: Vec<Message>,
}

/// Answers to be begun.
struct Plan {
    conversation: Opened,
    question: Message,
    /// The question is not among the messages yet.
    is_new: bool,
    models: Vec<String>,
    declared: Label,
}

fn told(answers: &[Message], runs: &[Arc<Run>]) -> Object {
    let mut out = Object::new();
    out.set("answers", Value::Array(answers.iter().map(Message::to_json).collect()));
    out.set("runs", Value::Array(runs.iter().map(|run| run_json(run)).collect()));
    out
}

/// Runs in the table that have no task yet: they leave the table when they never get one, because the store failed or
/// whoever asked left.
struct Entered<'a> {
    portal: &'a Portal,
    runs: &'a [Arc<Run>],
    is_begun: bool,
}

impl Entered<'_> {
    fn begin(mut self) {
        self.is_begun = true;
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        for run in self.runs.iter().filter(|_| !self.is_begun) {
            self.portal.runs.end(run);
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
pub(crate) fn title(content: &str) -> String {
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
