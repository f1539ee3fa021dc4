//! Conversations: listed, begun, shown, changed and deleted.

use std::collections::HashSet;

use schleuse_types::Refusal;
use schleuse_wire::json::{Object, Value};
use schleuse_wire::{Arrival, Reply, invalid_request};

use crate::body::{read_fields, take_flag, take_text, wrong};
use crate::message::{Beside, Head};
use crate::portal::{Portal, SMALL_BODY_BYTES_MAX, Visitor, document, nothing, run_json};
use crate::refusals::{self, Fault};
use crate::temporary::{is_temporary, temporary_id};

/// Longest title that a person gives.
const TITLE_BYTES_MAX: usize = 400;
/// Longest id of a folder that is looked for.
const ID_BYTES_MAX: usize = 64;

impl Portal {
    pub(crate) async fn list(&self, visitor: &Visitor) -> Result<Reply, Refusal> {
        let person = visitor.person();
        let running = self.runs.of_person(person);
        let running: HashSet<&str> =
            running.iter().filter(|run| !run.is_over()).map(|run| run.conversation.as_str()).collect();
        let shares = self.archive.store.share_counts(person).await.map_err(Fault::from)?;
        let heads = self.archive.heads(person).await?;
        let rows = heads.iter().map(|head| {
            let beside = Beside {
                is_running: running.contains(head.id.as_str()),
                is_temporary: false,
                shares: shares.get(&head.id).copied().unwrap_or_default(),
            };
            Value::Object(head.to_json(beside))
        });
        let mut out = Object::new();
        out.set("conversations", Value::Array(rows.collect()));
        out.set("next", Value::Null);
        Ok(document(200, out))
    }

    pub(crate) async fn begin(&self, visitor: &Visitor, arrival: Arrival) -> Result<Reply, Refusal> {
        let (peer, language) = (arrival.peer, arrival.language);
        let mut fields =
            read_fields(arrival.body, SMALL_BODY_BYTES_MAX, &["temporary", "folder", "assistant"]).await?;
        let is_temporary = take_flag(&mut fields, "temporary")?.unwrap_or_default();
        let folder = take_text(&mut fields, "folder", ID_BYTES_MAX)?;
        let assistant = take_text(&mut fields, "assistant", ID_BYTES_MAX)?;
        let person = visitor.person();
        let key = self.archive.ensure_key(person).await?;
        let now = self.clock.now();
        let mut head = self.new_head(now)?;
        let mut instructions = None;
        if let Some(assistant) = &assistant {
            let (begun, label, text) = self.begin_with(visitor, peer, assistant, language).await?;
            // What it begins with is part of it.
            (head.assistant, head.label, instructions) = (Some(begun), label, Some(text));
        }
        if is_temporary {
            if folder.is_some() {
                return Err(no_place_in_a_folder());
            }
            head.id = temporary_id(&head.id);
            self.archive.temporary.begin(person, head.clone(), now)?;
            if let Some(instructions) = &instructions {
                self.archive.put_instructions(&key, person, &head.id, instructions).await?;
            }
            return Ok(document(201, head.to_json(Beside { is_temporary, ..Beside::default() })));
        }
        // Two that are begun at once must not both be the last one, and the folder must not go meanwhile.
        let _turn = self.turn(person).await;
        if let Some(folder) = &folder {
            self.check_folder(person, folder).await?;
        }
        head.folder = folder;
        self.check_conversations(person).await?;
        self.archive.put_head(&key, person, &head).await?;
        if let Some(instructions) = &instructions {
            self.archive.put_instructions(&key, person, &head.id, instructions).await?;
        }
        Ok(document(201, head.to_json(Beside::default())))
    }

    /// A conversation of this moment in which nothing was said.
    pub(crate) fn new_head(&self, now: schleuse_types::Timestamp) -> Result<Head, Refusal> {
        Ok(Head {
            id: self.new_id()?,
            title: String::new(),
            label: None,
            declassifications: Vec::new(),
            folder: None,
            assistant: None,
            is_pinned: false,
            typed: None,
            created: now,
            updated: now,
            is_damaged: false,
        })
    }

    /// Refuses a person who has as many conversations as they may. To be called by whoever has the person's turn.
    pub(crate) async fn check_conversations(&self, person: &str) -> Result<(), Refusal> {
        let count = self.archive.store.conversations(person).await.map_err(Fault::from)?.len();
        if count >= self.limits.conversations_max {
            return Err(refusals::too_many_conversations(self.limits.conversations_max));
        }
        Ok(())
    }

    pub(crate) async fn show(&self, visitor: &Visitor, id: &str) -> Result<Reply, Refusal> {
        let (key, head, _turn) = self.open(visitor, id).await?;
        let running = self.runs_in(visitor.person(), id);
        let messages = self.messages(&key, visitor.person(), id).await?;
        let runs: Vec<Value> = running.iter().map(|run| run_json(run)).collect();
        let mut out = self.head_json(&head, !running.is_empty()).await?;
        let mut feedback = self.feedback_of(&key, visitor.person(), id).await?;
        let messages = messages.into_iter().map(|message| {
            let feedback = feedback.remove(&message.id).unwrap_or(Value::Null);
            let mut shown = head.with_standing_label(message).to_json();
            if let Value::Object(shown) = &mut shown {
                shown.set("feedback", feedback);
            }
            shown
        });
        out.set("messages", Value::Array(messages.collect()));
        out.set("run", runs.last().cloned().unwrap_or(Value::Null));
        out.set("runs", Value::Array(runs));
        Ok(document(200, out))
    }

    /// Title, folder and pin: those that are said.
    pub(crate) async fn change(
        &self,
        visitor: &Visitor,
        id: &str,
        arrival: Arrival,
    ) -> Result<Reply, Refusal> {
        let known = ["title", "folder", "pinned"];
        let mut fields = read_fields(arrival.body, SMALL_BODY_BYTES_MAX, &known).await?;
        let unfiles = fields.get("folder").is_some_and(Value::is_null);
        let title = take_text(&mut fields, "title", TITLE_BYTES_MAX)?;
        let folder = take_text(&mut fields, "folder", ID_BYTES_MAX)?;
        let is_pinned = take_flag(&mut fields, "pinned")?;
        if title.is_none() && folder.is_none() && is_pinned.is_none() && !unfiles {
            return Err(wrong(
                "title",
                "One of the fields `title`, `folder` and `pinned` must be there.".to_owned(),
                "Eines der Felder `title`, `folder` und `pinned` muss da sein.".to_owned(),
            ));
        }
        let person = visitor.person();
        // Before the turn of the conversation, as whoever deletes the folder.
        let _filing = match &folder {
            Some(_) => Some(self.turn(person).await),
            None => None,
        };
        let (key, mut head, _turn) = self.open(visitor, id).await?;
        if head.is_damaged {
            // Its label is not known any more, and must not become a lower one.
            return Err(refusals::damaged());
        }
        if let Some(folder) = folder {
            if is_temporary(id) {
                return Err(no_place_in_a_folder());
            }
            self.check_folder(person, &folder).await?;
            head.folder = Some(folder);
        } else if unfiles {
            head.folder = None;
        }
        if let Some(title) = title {
            head.title = title.chars().filter(|character| !character.is_control()).collect();
        }
        head.is_pinned = is_pinned.unwrap_or(head.is_pinned);
        self.archive.put_head(&key, person, &head).await?;
        self.changed(person, id);
        let is_running = !self.runs_in(person, id).is_empty();
        Ok(document(200, self.head_json(&head, is_running).await?))
    }

    pub(crate) async fn delete(&self, visitor: &Visitor, id: &str) -> Result<Reply, Refusal> {
        loop {
            let running = self.runs_in(visitor.person(), id);
            for run in &running {
                run.stop.cancel();
                run.over().await;
            }
            let _turn = self.turn(id).await;
            // A question may have come in between.
            if self.runs_in(visitor.person(), id).is_empty() {
                let was_there = self.archive.delete(visitor.person(), id).await?;
                self.changed(visitor.person(), id);
                return if was_there { Ok(nothing()) } else { Err(refusals::not_found()) };
            }
        }
    }

    /// A conversation as the page reads it.
    pub(crate) async fn head_json(&self, head: &Head, is_running: bool) -> Result<Object, Refusal> {
        let shares = self.archive.store.shares_of(&head.id).await.map_err(Fault::from)?.len();
        Ok(head.to_json(Beside {
            is_running,
            is_temporary: is_temporary(&head.id),
            shares: u64::try_from(shares).unwrap_or(u64::MAX),
        }))
    }
}

fn no_place_in_a_folder() -> Refusal {
    invalid_request(
        "A temporary conversation lies in no folder: it is in no list.",
        "Eine temporäre Unterhaltung liegt in keinem Ordner: Sie steht in keiner Liste.",
        "a temporary conversation for a folder",
        Some("folder"),
    )
}
