//! What people think of answers: kept with the answer, told to others in numbers only.
//!
//! The comment is sealed and read by nobody but its person. Value and reasons are counted per model and assistant; who may
//! see the numbers sees those behind which at least [`FEEDBACK_PEOPLE_MIN`] people stand, and sees them change only when at
//! least as many rated anew since they last did (module `feedback` of the store). So neither a number nor the difference of
//! two tells what one person said.

use std::collections::HashMap;

use schleuse_store::{FEEDBACK_PEOPLE_MIN, FeedbackRow, FeedbackTally};
use schleuse_types::Refusal;
use schleuse_wire::json::{Object, Value};
use schleuse_wire::{Arrival, Peer, Reply, invalid_request};

use crate::body::{missing, read_fields, take_text, take_texts, wrong};
use crate::deed::Duty;
use crate::message::{Author, Message, State, number, optional, string};
use crate::portal::{Portal, SMALL_BODY_BYTES_MAX, Visitor, document, nothing};
use crate::refusals::{self, Fault};
use crate::seal::{DataKey, Place};
use crate::share::Owners;
use crate::temporary::is_temporary;

/// Why an answer was good or bad; a page has words for each.
const REASONS: [&str; 8] =
    ["wrong", "incomplete", "outdated", "language", "tone", "refused", "slow", "other"];
/// Longest reason, longest value and longest comment in bytes.
const WORD_BYTES_MAX: usize = 16;
const COMMENT_BYTES_MAX: usize = 2000;

impl Portal {
    /// Keeps what the person thinks of an answer, in place of what they thought before.
    pub(crate) async fn rate(
        &self,
        visitor: &Visitor,
        conversation: &str,
        message: &str,
        arrival: Arrival,
    ) -> Result<Reply, Refusal> {
        let known = ["value", "reasons", "comment"];
        let mut fields = read_fields(arrival.body, SMALL_BODY_BYTES_MAX, &known).await?;
        let value = take_text(&mut fields, "value", WORD_BYTES_MAX)?.ok_or_else(|| missing("value"))?;
        let is_up = match value.as_str() {
            "up" => true,
            "down" => false,
            _ => {
                return Err(wrong(
                    "value",
                    "The field `value` is `up` or `down`.".to_owned(),
                    "Das Feld `value` ist `up` oder `down`.".to_owned(),
                ));
            }
        };
        let reasons = take_reasons(&mut fields)?;
        // A page sends what stands in its field, also when nothing does.
        if fields.get("comment").and_then(Value::as_str).is_some_and(|comment| comment.trim().is_empty()) {
            fields.remove("comment");
        }
        let comment = take_text(&mut fields, "comment", COMMENT_BYTES_MAX)?;

        let person = visitor.person();
        let (key, head, _turn) = self.open(visitor, conversation).await?;
        if is_temporary(conversation) {
            return Err(invalid_request(
                "A temporary conversation is kept nowhere, and so is no feedback on it.",
                "Eine temporäre Unterhaltung wird nirgends aufbewahrt, also auch keine Bewertung dazu.",
                "feedback in a temporary conversation",
                None,
            ));
        }
        if head.is_damaged {
            return Err(refusals::damaged());
        }
        let messages = self.messages(&key, person, conversation).await?;
        let answer = messages.iter().find(|known| known.id == message).ok_or_else(refusals::not_found)?;
        let model = rated_model(answer)?;
        let place = Place::Feedback { person, conversation, message };
        let comment = comment.map(|comment| key.seal(&place, comment)).transpose().map_err(Fault::from)?;
        let row = FeedbackRow {
            person: person.to_owned(),
            tenant: visitor.tenant().clone(),
            conversation: conversation.to_owned(),
            message: message.to_owned(),
            model,
            assistant: head.assistant.map(|begun| begun.id),
            is_up,
            reasons,
            comment,
            updated: self.clock.now(),
        };
        self.archive.store.put_feedback(&row).await.map_err(Fault::from)?;
        Ok(document(200, feedback_json(&key, &row)))
    }

    /// Takes back what the person said of an answer, if they said anything.
    pub(crate) async fn unrate(
        &self,
        visitor: &Visitor,
        conversation: &str,
        message: &str,
    ) -> Result<Reply, Refusal> {
        let (_, _, _turn) = self.open(visitor, conversation).await?;
        let deleted = self.archive.store.delete_feedback(visitor.person(), conversation, message).await;
        deleted.map_err(Fault::from)?;
        Ok(nothing())
    }

    /// What was counted last in the reader's tenant.
    pub(crate) async fn feedback(&self, visitor: &Visitor, peer: Peer) -> Result<Reply, Refusal> {
        (self.permit_duty)(visitor.verified.principal(), peer, Duty::ReadFeedback)?;
        let tallies = self.archive.store.feedback_tallies(visitor.tenant()).await.map_err(Fault::from)?;
        let (mut rows, mut owners) = (Vec::with_capacity(tallies.len()), Owners::default());
        for tally in &tallies {
            let mut assistant = Value::Null;
            if let Some(id) = &tally.assistant {
                let mut shown = Object::new();
                shown.set("id", string(id));
                shown.set("name", self.assistant_name(visitor, id, &mut owners).await?);
                assistant = Value::Object(shown);
            }
            rows.push(tally_json(tally, assistant));
        }
        let mut out = Object::new();
        out.set("rows", Value::Array(rows));
        out.set("people_min", number(u64::from(FEEDBACK_PEOPLE_MIN)));
        Ok(document(200, out))
    }

    /// What this person thinks of the answers of a conversation, by message.
    pub(crate) async fn feedback_of(
        &self,
        key: &DataKey,
        person: &str,
        conversation: &str,
    ) -> Result<HashMap<String, Value>, Refusal> {
        let rows = self.archive.store.feedback_of(person, conversation).await.map_err(Fault::from)?;
        let told = |row: &FeedbackRow| (row.message.clone(), Value::Object(feedback_json(key, row)));
        Ok(rows.iter().map(told).collect())
    }
}

/// The model whose answer it is. Only what a model of this house has finished can be rated.
fn rated_model(answer: &Message) -> Result<String, Refusal> {
    let model = answer.model.clone().filter(|_| answer.author == Author::Assistant && !answer.is_imported);
    let model = model.ok_or_else(|| {
        invalid_request(
            "Only an answer of a model of this house can be rated.",
            "Bewertet werden kann nur die Antwort eines Modells dieses Hauses.",
            "feedback on what is no answer of this house",
            None,
        )
    })?;
    if answer.state == State::Running {
        return Err(invalid_request(
            "This answer is still being written.",
            "Diese Antwort wird noch geschrieben.",
            "feedback on a running answer",
            None,
        ));
    }
    Ok(model)
}

fn take_reasons(fields: &mut Object) -> Result<Vec<String>, Refusal> {
    let reasons = match fields.get("reasons") {
        Some(Value::Array(reasons)) if reasons.is_empty() => Vec::new(),
        _ => take_texts(fields, "reasons", REASONS.len(), WORD_BYTES_MAX)?.unwrap_or_default(),
    };
    let mut kept: Vec<String> = Vec::with_capacity(reasons.len());
    for reason in reasons {
        if !REASONS.contains(&reason.as_str()) {
            return Err(wrong(
                "reasons",
                format!("The field `reasons` holds words out of {}.", REASONS.join(", ")),
                format!("Das Feld `reasons` enthält Wörter aus {}.", REASONS.join(", ")),
            ));
        }
        if !kept.contains(&reason) {
            kept.push(reason);
        }
    }
    Ok(kept)
}

fn feedback_json(key: &DataKey, row: &FeedbackRow) -> Object {
    let place =
        Place::Feedback { person: &row.person, conversation: &row.conversation, message: &row.message };
    let comment = row.comment.as_deref().map(|sealed| key.open(&place, sealed));
    let comment = comment.and_then(|opened| match opened {
        Ok(comment) => String::from_utf8(comment).ok(),
        Err(error) => {
            tracing::error!(message = row.message, %error, "a sealed comment does not open");
            None
        }
    });
    let mut out = Object::new();
    out.set("value", string(if row.is_up { "up" } else { "down" }));
    out.set("reasons", Value::Array(row.reasons.iter().map(|reason| string(reason)).collect()));
    out.set("comment", optional(comment.as_deref()));
    out
}

fn tally_json(tally: &FeedbackTally, assistant: Value) -> Value {
    let mut reasons = Object::new();
    for (word, count) in &tally.reasons {
        reasons.set(word, number(*count));
    }
    let mut out = Object::new();
    out.set("model", string(&tally.model));
    out.set("assistant", assistant);
    out.set("up", number(tally.up));
    out.set("down", number(tally.down));
    out.set("reasons", Value::Object(reasons));
    Value::Object(out)
}
