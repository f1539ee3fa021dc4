//! Lower labels that one person asks for and another one approves.

use schleuse_store::{ApprovalRow, ApprovalState};
use schleuse_types::{Label, Refusal, RefusalCode, Text};
use schleuse_wire::json::{Object, Value};
use schleuse_wire::{Reply, invalid_request};

use crate::message::{Declassification, Head, optional, string, time};
use crate::portal::{Portal, Visitor, document};
use crate::refusals::Fault;
use crate::seal::{DataKey, Place};

/// What is asked for.
pub(crate) struct Wish<'a> {
    pub(crate) owner: &'a str,
    pub(crate) head: &'a Head,
    pub(crate) from: Label,
    pub(crate) to: Label,
    pub(crate) reason: &'a str,
    /// The last message that it is about.
    pub(crate) through: i64,
}

impl Portal {
    /// Whether somebody asked for this conversation and nobody has decided yet.
    pub(crate) async fn is_awaited(&self, conversation: &str) -> Result<bool, Refusal> {
        let now = self.clock.now();
        let rows = self.archive.store.approvals().await.map_err(Fault::from)?;
        let is_open = |row: &ApprovalRow| row.state == ApprovalState::Pending && row.expires > now;
        Ok(rows.iter().any(|row| row.conversation == conversation && is_open(row)))
    }

    /// Keeps what was asked for until somebody else decides, or its time is over. The reason is sealed like the conversation.
    pub(crate) async fn await_approval(
        &self,
        visitor: &Visitor,
        key: &DataKey,
        wish: Wish<'_>,
    ) -> Result<Reply, Refusal> {
        let now = self.clock.now();
        let id = self.new_id()?;
        let (owner, conversation) = (wish.owner, wish.head.id.as_str());
        let place = Place::Approval { person: owner, conversation, approval: &id, created: now };
        let row = ApprovalRow {
            tenant: visitor.tenant().clone(),
            conversation: conversation.to_owned(),
            owner: owner.to_owned(),
            asker: visitor.person().to_owned(),
            from: wish.from,
            to: wish.to,
            through: wish.through,
            reason: key.seal(&place, wish.reason).map_err(Fault::from)?,
            created: now,
            expires: now.plus(self.limits.approval_lifetime),
            state: ApprovalState::Pending,
            decider: None,
            decided: None,
            id,
        };
        if self.archive.store.ask_approval(&row).await.map_err(Fault::from)?.is_some() {
            return Err(awaited());
        }
        let mut approval = Object::new();
        approval.set("id", string(&row.id));
        approval.set("state", string(row.state.as_str()));
        let mut out = Object::new();
        out.set("approval", Value::Object(approval));
        out.set("conversation", string(conversation));
        out.set("label", optional(wish.head.label.as_ref().map(Label::to_string).as_deref()));
        out.set("to", string(&row.to.to_string()));
        out.set("created", time(row.created));
        out.set("expires", time(row.expires));
        Ok(document(202, out))
    }

    /// Why somebody asked; `None` when it does not open.
    pub async fn reason_of(&self, row: &ApprovalRow) -> Option<String> {
        let key = self.archive.key(&row.owner).await.ok()??;
        let place = Place::Approval {
            person: &row.owner,
            conversation: &row.conversation,
            approval: &row.id,
            created: row.created,
        };
        String::from_utf8(key.open(&place, &row.reason).ok()?).ok()
    }

    /// Does what `decider` decided, who is not the one who asked. A label falls only as it was asked: when the conversation is
    /// another one by now, nothing happens. Whether `decider` may, and the entry of it, is the caller's matter.
    pub async fn decide_approval(
        &self,
        row: &ApprovalRow,
        decider: &str,
        state: ApprovalState,
    ) -> Result<(), Refusal> {
        let note = async || {
            let now = self.clock.now();
            let noted = self.archive.store.decide_approval(&row.id, decider, state, now).await;
            if noted.map_err(Fault::from)? { Ok(()) } else { Err(decided()) }
        };
        if state != ApprovalState::Approved {
            return note().await;
        }
        let owner = self.archive.owner(&row.conversation, &row.tenant).await?;
        let owner = owner.filter(|owner| *owner == row.owner).ok_or_else(changed)?;
        let key = self.archive.key(&owner).await?.ok_or_else(changed)?;
        let _turn = self.turn(&row.conversation).await;
        let head = self.archive.head(&key, &owner, &row.conversation).await?;
        let mut head = head.filter(|head| !head.is_damaged).ok_or_else(changed)?;
        let messages = self.archive.messages(&key, &owner, &row.conversation).await?;
        let through = messages.last().map_or(0, |message| message.ordinal);
        let is_as_asked = head.label.as_ref() == Some(&row.from) && through == row.through;
        if !is_as_asked || !self.runs_in(&owner, &row.conversation).is_empty() {
            return Err(changed());
        }
        // First what is decided, then what comes of it: after a crash in between, the label has not fallen.
        note().await?;
        head.declassifications.push(Declassification { through, to: row.to.clone() });
        head.label = Some(row.to.clone());
        Ok(self.archive.put_head(&key, &owner, &head).await?)
    }
}

pub(crate) fn awaited() -> Refusal {
    invalid_request(
        "Somebody has asked already for a lower label of this conversation, and nobody has decided yet.",
        "Für diese Unterhaltung wurde schon um eine niedrigere Einstufung gebeten, und es ist noch nicht entschieden.",
        "an approval is pending",
        None,
    )
}

pub(crate) fn not_of_a_temporary_one() -> Refusal {
    invalid_request(
        "A temporary conversation is kept nowhere, so nobody can approve a lower label for it.",
        "Eine temporäre Unterhaltung wird nirgends aufbewahrt, deshalb kann niemand eine niedrigere Einstufung genehmigen.",
        "no approval for a temporary conversation",
        None,
    )
}

fn decided() -> Refusal {
    Refusal::new(
        RefusalCode::InvalidRequest,
        Text::fixed(
            "This was decided already, or its time is over, or it was you who asked.",
            "Das ist schon entschieden, oder die Zeit dafür ist um, oder Sie selbst haben darum gebeten.",
        ),
        Text::fixed(
            "`GET /api/approvals` tells how it stands; it can be asked for again.",
            "`GET /api/approvals` sagt, wie es steht; man kann erneut darum bitten.",
        ),
        "an approval that is not pending for this person",
    )
}

fn changed() -> Refusal {
    Refusal::new(
        RefusalCode::InvalidRequest,
        Text::fixed(
            "The conversation has changed since it was asked for, so nothing was lowered.",
            "Die Unterhaltung hat sich seit der Bitte verändert, deshalb wurde nichts gesenkt.",
        ),
        Text::fixed(
            "Refuse this one, and let it be asked for again.",
            "Lehnen Sie ab und lassen Sie erneut darum bitten.",
        ),
        "the conversation is not as it was when it was asked for",
    )
}
