//! An answer as a document to take along: Word (DOCX), PDF or Markdown, with its label, model, route and request id in it.
//!
//! Whoever takes one out is in the audit log; the label stands on every page, in the properties of the file, in its name and
//! in the header of the reply. Nothing in a document points outside: addresses are text, pictures are not fetched.

mod docx;
mod markdown;
mod page;
mod pdf;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use schleuse_types::{Label, Language, Refusal, Timestamp};
use schleuse_wire::query::Query;
use schleuse_wire::{Reply, ReplyBody, internal, invalid_request};
use tokio::task::spawn_blocking;

use crate::deed::DeedKind;
use crate::document::markdown::Block;
use crate::export::{attachment, label_of};
use crate::message::{Author, Head, Message, State};
use crate::portal::{Portal, Visitor};
use crate::question::title;
use crate::refusals;

/// What a document is made of.
#[derive(Debug, Clone)]
pub(crate) struct Sheet {
    pub(crate) title: String,
    /// In the words of its language.
    pub(crate) label: String,
    pub(crate) facts: Vec<Fact>,
    pub(crate) language: Language,
    /// When it was made, in RFC 3339.
    pub(crate) made: String,
    pub(crate) blocks: Vec<Block>,
}

/// Something that is known about an answer.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    /// What programs call it.
    pub(crate) property: &'static str,
    english: &'static str,
    german: &'static str,
    pub(crate) value: String,
}

impl Sheet {
    fn say(&self, english: &'static str, german: &'static str) -> &'static str {
        match self.language {
            Language::English => english,
            Language::German => german,
        }
    }

    pub(crate) fn language_tag(&self) -> &'static str {
        self.say("en-GB", "de-DE")
    }

    /// What stands before the number of a page and before how many there are.
    pub(crate) fn page_words(&self) -> [&'static str; 2] {
        [self.say("Page ", "Seite "), self.say(" of ", " von ")]
    }

    pub(crate) fn label_line(&self) -> String {
        format!("{}: {}", self.say("Label", "Einstufung"), self.label)
    }

    /// Everything that is known, in one line.
    pub(crate) fn footer(&self) -> String {
        let facts =
            self.facts.iter().map(|fact| format!("{}: {}", self.say(fact.english, fact.german), fact.value));
        facts.collect::<Vec<_>>().join(" · ")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Docx,
    Pdf,
    Markdown,
}

impl Format {
    const ALL: [Self; 3] = [Self::Docx, Self::Pdf, Self::Markdown];

    fn as_str(self) -> &'static str {
        match self {
            Self::Docx => "docx",
            Self::Pdf => "pdf",
            Self::Markdown => "markdown",
        }
    }

    fn extension(self) -> &'static str {
        if self == Self::Markdown { "md" } else { self.as_str() }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Pdf => "application/pdf",
            Self::Markdown => "text/markdown; charset=utf-8",
        }
    }
}

impl Portal {
    pub(crate) async fn export_answer(
        &self,
        visitor: &Visitor,
        conversation: &str,
        message: &str,
        query: Option<&str>,
        language: Language,
    ) -> Result<Reply, Refusal> {
        let query = Query::read(query, &["format"])?;
        let format = query.text("format").unwrap_or("docx");
        let format = Format::ALL.into_iter().find(|known| known.as_str() == format).ok_or_else(|| {
            invalid_request(
                "The parameter `format` is `docx`, `pdf` or `markdown`.",
                "Der Parameter `format` ist `docx`, `pdf` oder `markdown`.",
                "unknown format",
                Some("format"),
            )
        })?;
        let (head, messages) = {
            let (key, head, _turn) = self.open(visitor, conversation).await?;
            let messages = self.messages(&key, visitor.person(), conversation).await?;
            (head, messages)
        };
        if head.is_damaged {
            // What it is labelled is not known.
            return Err(refusals::damaged());
        }
        let answer = messages.iter().find(|known| known.id == message).ok_or_else(refusals::not_found)?;
        check_answer(answer)?;
        let answer = head.with_standing_label(answer.clone());
        let asked = messages.iter().find(|known| Some(&known.id) == answer.parent.as_ref());
        let has_typed = asked.is_some_and(|question| question.masking.sent.is_some());
        let asked = asked.map(|question| title(question.shown().as_ref())).filter(|title| !title.is_empty());
        let label = answer_label(&head, &answer, has_typed);
        let sheet =
            sheet(asked.unwrap_or_else(|| head.title.clone()), &answer, &label, language, self.clock.now());
        let text = answer.shown().into_owned();
        let change = format!("format={} message={message}", format.as_str());
        self.note_file(visitor, DeedKind::Export, conversation, &label, change).await?;
        // Beside the tasks that carry other people's streams: a long text takes a while.
        let written = spawn_blocking(move || write(sheet, &text, format)).await;
        let file = written.map_err(|_| internal("writing a document panicked"))??;
        let level = label.level().as_str().to_ascii_lowercase();
        let name = format!("{message}.{level}.{}", format.extension());
        Ok(Reply {
            status: 200,
            headers: attachment(format.media_type(), &name, &label),
            body: ReplyBody::Whole(Bytes::from(file)),
        })
    }
}

/// Only an answer that has its end, or what there is of it.
fn check_answer(answer: &Message) -> Result<(), Refusal> {
    if answer.author != Author::Assistant || answer.content.is_empty() {
        return Err(invalid_request(
            "Only an answer that says something can be taken along as a document.",
            "Als Dokument mitnehmen lässt sich nur eine Antwort, die etwas sagt.",
            "an export of what is no answer",
            None,
        ));
    }
    if answer.state == State::Running {
        return Err(invalid_request(
            "This answer is still being written.",
            "Diese Antwort wird noch geschrieben.",
            "an export of a running answer",
            None,
        ));
    }
    Ok(())
}

/// The answer's own, and that of everything typed where words of it stand in the document that no model was shown.
fn answer_label(head: &Head, answer: &Message, has_typed: bool) -> Label {
    let own = answer.passage.as_ref().and_then(|passage| passage.label.clone());
    match own {
        Some(label) if !has_typed && answer.shown() == answer.content => label,
        _ => label_of(head),
    }
}

fn sheet(title: String, answer: &Message, label: &Label, language: Language, now: Timestamp) -> Sheet {
    let second = |time: Timestamp| {
        let text = time.to_string();
        let day_and_time = text.get(..19).unwrap_or(&text).replace('T', " ");
        format!("{day_and_time} UTC")
    };
    let fact = |property, english, german, value: Option<String>| {
        let value = value.filter(|value| !value.is_empty())?;
        Some(Fact { property, english, german, value })
    };
    let passage = answer.passage.as_ref();
    let facts = [
        fact("Model", "Model", "Modell", answer.model.clone()),
        fact("Route", "Route", "Route", passage.and_then(|passage| passage.route.clone())),
        fact("RequestId", "Request", "Anfrage", passage.map(|passage| passage.request_id.clone())),
        fact("Answered", "Answered", "Beantwortet", Some(second(answer.created))),
    ];
    Sheet {
        title: one_line(if title.is_empty() { "…" } else { &title }),
        label: match language {
            Language::English => label.to_string(),
            Language::German => label.to_german(),
        },
        facts: facts
            .into_iter()
            .flatten()
            .map(|fact| Fact { value: one_line(&fact.value), ..fact })
            .collect(),
        language,
        made: format!("{}Z", now.to_string().get(..19).unwrap_or_default()),
        blocks: Vec::new(),
    }
}

fn one_line(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

fn write(mut sheet: Sheet, text: &str, format: Format) -> Result<Vec<u8>, Refusal> {
    match format {
        Format::Markdown => Ok(with_frame(&sheet, text).into_bytes()),
        Format::Docx => {
            sheet.blocks = markdown::blocks(text);
            docx::write(&sheet).map_err(|error| internal(format!("a document cannot be written: {error}")))
        }
        Format::Pdf => {
            sheet.blocks = markdown::blocks(text);
            pdf::write(&sheet).map_err(|error| internal(format!("a document cannot be written: {error}")))
        }
    }
}

/// The text as it is, between what stands on the pages of the others.
fn with_frame(sheet: &Sheet, text: &str) -> String {
    let Sheet { label, title, .. } = sheet;
    format!("**{label}**\n\n# {title}\n\n{text}\n\n---\n\n{}\n\n**{label}**\n", sheet.footer())
}
