//! A conversation as a file: as JSON with its whole tree, which can be imported again, or as Markdown to be read.
//!
//! The label stands in the file, in its name and in the header of the answer, and the log says who took it out.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use schleuse_types::{Label, Language, Refusal};
use schleuse_wire::json::{Object, Value};
use schleuse_wire::query::Query;
use schleuse_wire::{Reply, ReplyBody, invalid_request};
use tokio::sync::mpsc;

use crate::deed::{Deed, DeedKind};
use crate::message::{Author, Head, Message, optional, string, time};
use crate::portal::{Portal, Visitor};
use crate::refusals;
use crate::seal::DataKey;
use crate::tree;

/// What a file of ours says that it is, and the newest form of it.
pub(crate) const KIND: &str = "schleuse";
pub(crate) const CONVERSATION: &str = "conversation";
const EVERYTHING: &str = "conversations";
pub(crate) const VERSION: i64 = 1;
/// Pieces of a file that wait for whoever takes them.
const PIECES_WAITING_MAX: usize = 2;

impl Portal {
    pub(crate) async fn export(
        &self,
        visitor: &Visitor,
        id: &str,
        query: Option<&str>,
        language: Language,
    ) -> Result<Reply, Refusal> {
        let query = Query::read(query, &["format"])?;
        let format = query.text("format").unwrap_or("json");
        if !["json", "markdown"].contains(&format) {
            return Err(invalid_request(
                "The parameter `format` is `json` or `markdown`.",
                "Der Parameter `format` ist `json` oder `markdown`.",
                "unknown format",
                Some("format"),
            ));
        }
        let (head, messages, texts) = {
            let (key, head, _turn) = self.open(visitor, id).await?;
            let messages = self.told_messages(&key, visitor.person(), &head).await?;
            let texts = self.attached_texts(&key, visitor.person(), messages.iter()).await?;
            (head, messages, texts)
        };
        if head.is_damaged {
            // What it is labelled is not known.
            return Err(refusals::damaged());
        }
        let label = label_of(&head);
        let change = format!("format={format} messages={}", messages.len());
        self.note_file(visitor, DeedKind::Export, id, &label, change).await?;
        let (text, kind, extension) = match format {
            "markdown" => (markdown(&head, &messages, language), "text/markdown; charset=utf-8", "md"),
            _ => {
                let mut out = conversation_json(&head, &messages, &texts);
                out.set("exported", time(self.clock.now()));
                (Value::Object(out).to_text(), "application/json", "json")
            }
        };
        let name = format!("{id}.{}.{extension}", label.level().as_str().to_ascii_lowercase());
        Ok(Reply {
            status: 200,
            headers: attachment(kind, &name, &label),
            body: ReplyBody::Whole(Bytes::from(text)),
        })
    }

    /// Everything of this person but what is temporary, conversation by conversation, so that no more than one of them is
    /// in memory. A file that breaks off is no JSON.
    pub(crate) async fn export_all(self: &Arc<Self>, visitor: &Visitor) -> Result<Reply, Refusal> {
        let person = visitor.person().to_owned();
        let key = self.archive.key(&person).await?;
        let heads = self.archive.heads(&person).await?;
        let label = heads.iter().map(label_of).reduce(|one, other| one.join(&other));
        let label = label.unwrap_or(Label::PUBLIC);
        let change = format!("format=json conversations={}", heads.len());
        self.note_file(visitor, DeedKind::Export, EVERYTHING, &label, change).await?;
        let mut first = Object::new();
        first.set(KIND, string(EVERYTHING));
        first.set("version", Value::Number(VERSION.into()));
        first.set("exported", time(self.clock.now()));
        first.set("label", string(&label.to_string()));
        let mut folders = Vec::new();
        if let Some(key) = &key {
            for (id, name) in self.folder_names(key, &person).await? {
                let mut folder = Object::new();
                folder.set("id", string(&id));
                folder.set("name", string(&name));
                folders.push(Value::Object(folder));
            }
        }
        first.set("folders", Value::Array(folders));
        let (pieces, file) = mpsc::channel(PIECES_WAITING_MAX);
        let (portal, mut validity) = (Arc::clone(self), visitor.verified.watch());
        self.tasks.spawn(async move {
            let writing = portal.write_all(key, &person, heads, first, &pieces);
            tokio::select! {
                biased;
                // Whatever ends early leaves a file that is none.
                _ = validity.ended() => {}
                () = portal.cut.cancelled() => {}
                () = pieces.closed() => {}
                written = writing => if let Err(refusal) = written {
                    tracing::error!(%refusal, "an export broke off");
                },
            }
        });
        let name = format!("chats.{}.json", label.level().as_str().to_ascii_lowercase());
        Ok(Reply {
            status: 200,
            headers: attachment("application/json", &name, &label),
            body: ReplyBody::Events(file),
        })
    }

    async fn write_all(
        &self,
        key: Option<DataKey>,
        person: &str,
        heads: Vec<Head>,
        first: Object,
        pieces: &mpsc::Sender<Bytes>,
    ) -> Result<(), Refusal> {
        let mut begin = Value::Object(first).to_text();
        begin.pop();
        begin.push_str(",\"conversations\":[");
        let mut is_first = true;
        send(pieces, begin).await;
        for head in &heads {
            let Some(key) = &key else { continue };
            let messages = self.told_messages(key, person, head).await?;
            let texts = self.attached_texts(key, person, messages.iter()).await?;
            let separator = if std::mem::take(&mut is_first) { "" } else { "," };
            let text = Value::Object(conversation_json(head, &messages, &texts)).to_text();
            send(pieces, format!("{separator}{text}")).await;
        }
        send(pieces, "]}".to_owned()).await;
        Ok(())
    }

    /// The messages of a conversation with the labels that they count as.
    async fn told_messages(&self, key: &DataKey, person: &str, head: &Head) -> Result<Vec<Message>, Refusal> {
        let messages = self.messages(key, person, &head.id).await?;
        Ok(messages.into_iter().map(|message| head.with_standing_label(message)).collect())
    }

    /// Says in the log that a file went out or came in.
    pub(crate) async fn note_file(
        &self,
        visitor: &Visitor,
        kind: DeedKind,
        subject: &str,
        label: &Label,
        change: String,
    ) -> Result<(), Refusal> {
        let deed = Deed {
            principal: visitor.verified.principal().clone(),
            request_id: visitor.request_id.to_string(),
            kind,
            subject: subject.to_owned(),
            owner: visitor.person().to_owned(),
            with: Vec::new(),
            label: Some(label.clone()),
            change,
        };
        (self.note)(deed).await
    }
}

async fn send(pieces: &mpsc::Sender<Bytes>, text: String) {
    // Whoever left is noticed by the task around this.
    let _ = pieces.send(Bytes::from(text)).await;
}

/// Nothing was asked in a conversation without a label; one that does not open could have any. A file holds the words that
/// were masked, so it is labelled as what was typed.
pub(crate) fn label_of(head: &Head) -> Label {
    if head.is_damaged {
        return Label::SECRET;
    }
    let label = head.label.clone().unwrap_or(Label::INTERNAL);
    head.typed.iter().fold(label, |label, typed| label.join(typed))
}

pub(crate) fn attachment(kind: &str, name: &str, label: &Label) -> Vec<(&'static str, String)> {
    vec![
        ("content-type", kind.to_owned()),
        ("content-disposition", format!("attachment; filename=\"{name}\"")),
        ("cache-control", "no-store".to_owned()),
        ("x-schleuse-label", label.to_string()),
    ]
}

fn conversation_json(head: &Head, messages: &[Message], texts: &HashMap<String, String>) -> Object {
    let mut out = Object::new();
    out.set(KIND, string(CONVERSATION));
    out.set("version", Value::Number(VERSION.into()));
    out.set("label", string(&label_of(head).to_string()));
    out.set("id", string(&head.id));
    out.set("title", string(&head.title));
    out.set("folder", optional(head.folder.as_deref()));
    out.set("pinned", Value::Bool(head.is_pinned));
    out.set("created", time(head.created));
    out.set("updated", time(head.updated));
    let messages = messages.iter().map(|message| {
        let mut out = match message.to_json() {
            Value::Object(out) => out,
            _ => Object::new(),
        };
        if let Some(sent) = &message.masking.sent {
            out.set("sent", string(sent));
        }
        let attachments = message.attachments.iter().map(|attached| {
            let mut out = attached.to_json();
            out.set("text", optional(texts.get(&attached.id).map(String::as_str)));
            Value::Object(out)
        });
        out.set("attachments", Value::Array(attachments.collect()));
        out.set("declared", optional(message.declared.as_ref().map(Label::to_string).as_deref()));
        Value::Object(out)
    });
    out.set("messages", Value::Array(messages.collect()));
    out
}

/// The branch of the newest message.
fn markdown(head: &Head, messages: &[Message], language: Language) -> String {
    let label = label_of(head);
    let path = tree::path(messages, messages.last().map(|message| message.id.as_str()));
    let is_german = language == Language::German;
    let say = |english: &'static str, german: &'static str| if is_german { german } else { english };
    let label = if is_german { label.to_german() } else { label.to_string() };
    let mut out = format!("**{label}**\n\n# {}\n", head.title);
    for message in &path {
        let who = match message.author {
            Author::User => say("Question", "Frage").to_owned(),
            Author::Assistant => {
                format!("{} · {}", say("Answer", "Antwort"), message.model.as_deref().unwrap_or_default())
            }
        };
        let created = time(message.created);
        let own = message.passage.as_ref().and_then(|passage| passage.label.as_ref());
        let own =
            own.map(|label| format!(" · {}", if is_german { label.to_german() } else { label.to_string() }));
        out.push_str(&format!(
            "\n## {who} · {}{}\n\n{}\n",
            created.as_str().unwrap_or_default(),
            own.unwrap_or_default(),
            message.shown()
        ));
        for attached in &message.attachments {
            out.push_str(&format!("\n*{}: {}*\n", say("Attachment", "Anhang"), attached.name));
        }
        if message.refusal.is_some() {
            out.push_str(&format!("\n*{}*\n", say("This answer failed.", "Diese Antwort ist gescheitert.")));
        }
        if message.is_cut {
            out.push_str(&format!(
                "\n*{}*\n",
                say("This answer ended at its length limit.", "Diese Antwort endete an ihrer Längengrenze.")
            ));
        }
    }
    let others = messages.len().saturating_sub(path.len());
    if others > 0 {
        out.push_str(&format!(
            "\n---\n\n{others} {}\n",
            say(
                "messages of other branches are in the JSON export.",
                "Nachrichten anderer Zweige stehen im JSON-Export."
            )
        ));
    }
    out.push_str(&format!("\n**{label}**\n"));
    out
}
