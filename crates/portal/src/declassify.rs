//! How the label of a conversation falls: asked for with a reason, permitted by policy, recorded, and only then done.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use schleuse_types::{Label, Principal, Refusal};
use schleuse_wire::{Arrival, Peer, Reply, invalid_request};

use crate::approval::{self, Wish};
use crate::body::{missing, read_fields, take_text, wrong};
use crate::message::Declassification;
use crate::portal::{Portal, SMALL_BODY_BYTES_MAX, Visitor, document};
use crate::refusals;
use crate::temporary::is_temporary;

/// Longest reason in bytes, and longest label.
const REASON_BYTES_MAX: usize = 2000;
const LABEL_BYTES_MAX: usize = 1024;
/// How often the label of one conversation may fall.
const DECLASSIFICATIONS_MAX: usize = 32;

/// Decides whether a label may fall, and records it. What it permits is durable in the audit log when it returns.
pub type Declassify =
    Arc<dyn Fn(Lowering) -> Pin<Box<dyn Future<Output = Result<Permitted, Refusal>> + Send>> + Send + Sync>;

/// How a label may fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permitted {
    /// Now.
    AtOnce,
    /// When somebody else approves it.
    WithApproval,
}

/// Somebody wants a lower label for a conversation.
#[derive(Debug, Clone)]
pub struct Lowering {
    pub principal: Principal,
    pub peer: Peer,
    pub request_id: String,
    /// Whose conversation it is.
    pub owner: String,
    pub conversation: String,
    pub from: Label,
    /// Flows to `from` and is another one.
    pub to: Label,
    /// How long the reason is. The reason itself may quote what is confidential, so no entry holds it.
    pub reason_characters: usize,
    /// Whether the conversation is kept nowhere, and so can wait for nobody.
    pub is_temporary: bool,
}

impl Portal {
    /// Lowers the label of a conversation, one's own or another person's. What was said in it so far counts as at most the
    /// new label from here on; what inspection finds in texts that are sent along raises it again.
    pub(crate) async fn declassify(
        &self,
        visitor: &Visitor,
        id: &str,
        arrival: Arrival,
    ) -> Result<Reply, Refusal> {
        let peer = arrival.peer;
        let mut fields = read_fields(arrival.body, SMALL_BODY_BYTES_MAX, &["to", "reason"]).await?;
        let to = take_text(&mut fields, "to", LABEL_BYTES_MAX)?.ok_or_else(|| missing("to"))?;
        let to = Label::parse(to.as_bytes()).map_err(|error| {
            wrong(
                "to",
                format!("The field `to` is {error}."),
                "Das Feld `to` ist keine Einstufung.".to_owned(),
            )
        })?;
        let reason = take_text(&mut fields, "reason", REASON_BYTES_MAX)?.ok_or_else(|| missing("reason"))?;
        let reason = reason.trim();
        let reason_characters = reason.chars().count();
        if reason_characters == 0 {
            return Err(missing("reason"));
        }

        let owner = self.archive.owner(id, visitor.tenant()).await?.ok_or_else(refusals::not_found)?;
        let key = self.archive.key(&owner).await?.ok_or_else(refusals::not_found)?;
        let _turn = self.turn(id).await;
        let mut head = self.archive.head(&key, &owner, id).await?.ok_or_else(refusals::not_found)?;
        let is_own = owner == visitor.person();
        let refused = |refusal: Refusal| {
            // A stranger learns nothing about which ids exist.
            if is_own { refusal } else { refusals::not_found() }
        };
        if head.is_damaged {
            return Err(refused(refusals::damaged()));
        }
        let Some(from) = head.label.clone().filter(|from| to.flows_to(from) && to != *from) else {
            return Err(refused(not_lower()));
        };
        if !self.runs_in(&owner, id).is_empty() {
            return Err(refused(still_running()));
        }
        if head.declassifications.len() >= DECLASSIFICATIONS_MAX {
            return Err(refused(too_many()));
        }
        if self.is_awaited(id).await? {
            return Err(refused(approval::awaited()));
        }
        let lowering = Lowering {
            principal: visitor.verified.principal().clone(),
            peer,
            request_id: visitor.request_id.to_string(),
            owner: owner.clone(),
            conversation: id.to_owned(),
            from: from.clone(),
            to: to.clone(),
            reason_characters,
            is_temporary: is_temporary(id),
        };
        let permitted = (self.declassify)(lowering).await.map_err(refused)?;
        let messages = self.archive.messages(&key, &owner, id).await?;
        let through = messages.last().map_or(0, |message| message.ordinal);
        if permitted == Permitted::WithApproval {
            if is_temporary(id) {
                return Err(refused(approval::not_of_a_temporary_one()));
            }
            let wish = Wish { owner: &owner, head: &head, from, to, reason, through };
            return self.await_approval(visitor, &key, wish).await;
        }
        head.declassifications.push(Declassification { through, to: to.clone() });
        head.label = Some(to);
        self.archive.put_head(&key, &owner, &head).await?;
        let mut out = self.head_json(&head, false).await?;
        if !is_own {
            // Whoever answers for a label does not thereby read what stands under it.
            out.remove("title");
        }
        Ok(document(200, out))
    }
}

fn not_lower() -> Refusal {
    invalid_request(
        "The field `to` must be a lower label than the conversation has.",
        "Das Feld `to` muss eine niedrigere Einstufung sein, als die Unterhaltung hat.",
        "not a lower label",
        Some("to"),
    )
}

fn still_running() -> Refusal {
    invalid_request(
        "An answer in this conversation is still being written.",
        "In dieser Unterhaltung wird noch eine Antwort geschrieben.",
        "a run goes on",
        None,
    )
}

fn too_many() -> Refusal {
    invalid_request(
        format!(
            "The label of this conversation was lowered {DECLASSIFICATIONS_MAX} times, more is not possible."
        ),
        format!(
            "Die Einstufung dieser Unterhaltung wurde {DECLASSIFICATIONS_MAX}-mal gesenkt, öfter geht es nicht."
        ),
        "too many declassifications of one conversation",
        None,
    )
}
