//! What proves to somebody outside that an answer is in the audit log: the proof of its last entry, as a file.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use schleuse_types::{Principal, Refusal, RefusalCode, Text};
use schleuse_wire::{Reply, ReplyBody};

use crate::message::{Author, State};
use crate::portal::{Portal, Visitor};
use crate::refusals;

/// Looks for the receipt of a request, by its id, among the entries of this person and nobody else's. Reads a bounded part
/// of the log.
pub type Receipts = Arc<
    dyn Fn(Principal, String) -> Pin<Box<dyn Future<Output = Result<Receipt, Refusal>> + Send>> + Send + Sync,
>;

/// What the log says about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// A `.tlog-proof` file (C2SP tlog-proof) with the entry in it.
    File(String),
    /// The entry is durable, or about to be, and no signed checkpoint covers it yet.
    Uncovered,
    /// There is no such request of this person.
    Unknown,
}

impl Portal {
    /// `GET conversations/{id}/messages/{mid}/receipt`, of an answer.
    pub(crate) async fn receipt(
        &self,
        visitor: &Visitor,
        conversation: &str,
        message: &str,
    ) -> Result<Reply, Refusal> {
        let found = {
            let (key, _, _turn) = self.open(visitor, conversation).await?;
            let messages = self.messages(&key, visitor.person(), conversation).await?;
            messages.into_iter().find(|known| known.id == message).ok_or_else(refusals::not_found)?
        };
        let passage = found.passage.filter(|passage| !passage.request_id.is_empty());
        if found.author != Author::Assistant || found.is_imported {
            return Err(none());
        }
        if found.state == State::Running {
            return Err(uncovered());
        }
        let Some(passage) = passage else { return Err(none()) };
        let principal = visitor.verified.principal().clone();
        match (self.receipts)(principal, passage.request_id.clone()).await? {
            Receipt::File(text) => Ok(Reply {
                status: 200,
                headers: vec![
                    ("content-type", "text/plain; charset=utf-8".to_owned()),
                    (
                        "content-disposition",
                        format!("attachment; filename=\"receipt-{}.tlog-proof\"", passage.request_id),
                    ),
                    ("cache-control", "no-store".to_owned()),
                ],
                body: ReplyBody::Whole(Bytes::from(text)),
            }),
            Receipt::Uncovered => Err(uncovered()),
            Receipt::Unknown => Err(none()),
        }
    }
}

fn uncovered() -> Refusal {
    Refusal::new(
        RefusalCode::NotYet,
        Text::fixed(
            "There is no receipt yet: no signed checkpoint of the log covers this answer.",
            "Es gibt noch keinen Beleg: Kein unterschriebener Prüfpunkt des Protokolls umfasst diese Antwort.",
        ),
        Text::fixed(
            "Try again when the answer is complete; a checkpoint follows within a second.",
            "Versuchen Sie es erneut, wenn die Antwort fertig ist; ein Prüfpunkt folgt binnen einer Sekunde.",
        ),
        "no checkpoint covers the entry yet",
    )
    .with_retry_after(1)
}

fn none() -> Refusal {
    Refusal::new(
        RefusalCode::NotFound,
        Text::fixed("There is no receipt for this message.", "Für diese Nachricht gibt es keinen Beleg."),
        Text::fixed(
            "Only answers that a model of this house gave you have one.",
            "Nur Antworten, die Ihnen ein Modell dieses Hauses gegeben hat, haben einen.",
        ),
        "no entry of this person with the id of the message",
    )
}
