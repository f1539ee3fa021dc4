//! Lower labels and blocked texts that somebody asked for, and the second person who decides.

use std::future::Future;
use std::pin::Pin;

use schleuse_audit::Event;
use schleuse_policy::{Action, Declassification, Effect};
use schleuse_store::{ApprovalRow, ApprovalState, ReleaseRow, ReleaseState};
use schleuse_types::{Refusal, Role, Text};
use schleuse_wire::{Reply, invalid_request};
use serde_json::{Value, json};

use crate::answer::{denied, from_store, nothing_there, ok, time};
use crate::body::Body;
use crate::call::Call;

/// What only the room of conversations can do with what was asked for.
pub trait Approvals: Send + Sync + 'static {
    /// Why somebody asked; `None` when it does not open.
    fn reason<'a>(
        &'a self,
        row: &'a ApprovalRow,
    ) -> Pin<Box<dyn Future<Output = Option<String>> + Send + 'a>>;

    /// Why somebody asked to let a text pass; `None` when it does not open.
    fn release_reason<'a>(
        &'a self,
        row: &'a ReleaseRow,
    ) -> Pin<Box<dyn Future<Output = Option<String>> + Send + 'a>>;

    /// Does what was decided, if it can still be done and `decider` is not the one who asked.
    fn decide<'a>(
        &'a self,
        row: &'a ApprovalRow,
        decider: &'a str,
        state: ApprovalState,
    ) -> Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send + 'a>>;
}

/// `GET /api/approvals`, newest first: what the caller may decide about, and what they asked for themselves.
pub(crate) async fn list(call: &Call) -> Result<Reply, Refusal> {
    let console = &call.console;
    let rows = console.store.approvals().await.map_err(|error| from_store(&error))?;
    let mut shown: Vec<Value> = Vec::new();
    for row in rows.iter().filter(|row| row.tenant == call.principal().tenant) {
        let is_own = row.asker == call.principal().person;
        let may_decide = !is_own && may(call, row);
        if is_own || may_decide {
            let reason = console.approvals.reason(row).await;
            shown.push(document(call, row, reason, may_decide));
        }
    }
    let rows = console.store.releases().await.map_err(|error| from_store(&error))?;
    for row in rows.iter().filter(|row| row.tenant == call.principal().tenant) {
        let is_own = row.person == call.principal().person;
        let may_decide = !is_own && may_release(call, row);
        if is_own || may_decide {
            let reason = console.approvals.release_reason(row).await;
            shown.push(release_document(call, row, reason, may_decide));
        }
    }
    shown.sort_by(|one, other| other["created"].as_str().cmp(&one["created"].as_str()));
    if !shown.is_empty() {
        call.note_reading("approvals").await?;
    }
    Ok(ok(&json!({"approvals": shown})))
}

/// `POST /api/approvals/{id}/approve` and `…/refuse`, with a `reason` or without: the label falls, or does not.
pub(crate) async fn decide(call: &Call, state: ApprovalState) -> Result<Reply, Refusal> {
    let console = &call.console;
    let mut body = Body::read(&call.body)?;
    // For whoever writes it to think about, and perhaps confidential: only its length is kept.
    let reason = body.optional_text("reason")?.unwrap_or_default().trim().chars().count();
    body.finish()?;
    let found = console.store.approval(&call.id).await.map_err(|error| from_store(&error))?;
    let Some(row) = found.filter(|row| row.tenant == call.principal().tenant) else {
        return decide_release(call, state, reason).await;
    };
    call.permit_also(action(call, &row)).await?;
    if row.asker == call.principal().person {
        return Err(own_wish());
    }
    let is_approved = state == ApprovalState::Approved;
    let mut record = call.entry(if is_approved { Event::LabelLower } else { Event::LabelRefuse });
    let name = |person: &str| console.pseudonyms.name(person);
    record.subject = Some(row.conversation.clone());
    record.label = Some(if is_approved { row.to.clone() } else { row.from.clone() });
    record.change = Some(format!(
        "from={} to={} owner={} asker={} approval={} reason_characters={reason}",
        row.from,
        row.to,
        name(&row.owner),
        name(&row.asker),
        row.id
    ));
    let deciding = async { console.approvals.decide(&row, &call.principal().person, state).await };
    call.change(record, deciding).await?;
    let row = console.store.approval(&call.id).await.map_err(|error| from_store(&error))?.unwrap_or(row);
    let reason = console.approvals.reason(&row).await;
    Ok(ok(&document(call, &row, reason, false)))
}

/// Whether a text may pass once: bound to that text, that person, that model, and a time.
async fn decide_release(call: &Call, state: ApprovalState, reason: usize) -> Result<Reply, Refusal> {
    let console = &call.console;
    let found = console.store.release(&call.id).await.map_err(|error| from_store(&error))?;
    let row = found
        .filter(|row| row.tenant == call.principal().tenant)
        .ok_or_else(|| nothing_there(Text::fixed("Nobody asked for that.", "Darum hat niemand gebeten.")))?;
    call.permit_also(release_action(&row)).await?;
    if call.principal().role == Role::Auditor {
        return Err(denied(
            Text::fixed("An auditor reads and does not decide.", "Die Revision liest und entscheidet nicht."),
            Text::fixed("Ask a person of security.", "Bitten Sie eine Person der Sicherheit."),
            "an auditor releases nothing",
        ));
    }
    if row.person == call.principal().person {
        return Err(own_wish());
    }
    let is_granted = state == ApprovalState::Approved;
    let mut record = call.entry(if is_granted { Event::ReleaseGrant } else { Event::ReleaseDeny });
    record.subject = Some(row.id.clone());
    record.label = Some(row.label.clone());
    record.change = Some(format!(
        "asker={} model={} types={} routes={} reason_characters={reason}",
        console.pseudonyms.name(&row.person),
        row.model,
        row.kinds,
        row.routes
    ));
    let deciding = async {
        let state = if is_granted { ReleaseState::Granted } else { ReleaseState::Denied };
        let now = console.clock.now();
        let noted = console.store.decide_release(&row.id, &call.principal().person, state, now).await;
        if noted.map_err(|error| from_store(&error))? { Ok(()) } else { Err(decided_already()) }
    };
    call.change(record, deciding).await?;
    let row = console.store.release(&call.id).await.map_err(|error| from_store(&error))?.unwrap_or(row);
    let reason = console.approvals.release_reason(&row).await;
    Ok(ok(&release_document(call, &row, reason, false)))
}

fn own_wish() -> Refusal {
    denied(
        Text::fixed(
            "You asked for this yourself; somebody else has to decide.",
            "Sie selbst haben darum gebeten; entscheiden muss jemand anders.",
        ),
        Text::fixed(
            "Ask another person who may approve it.",
            "Bitten Sie eine andere Person, die das genehmigen darf.",
        ),
        "nobody approves what they asked for",
    )
}

fn decided_already() -> Refusal {
    invalid_request(
        "This was decided already, or its time is over.",
        "Das ist schon entschieden, oder die Zeit dafür ist um.",
        "a release that does not wait",
        None,
    )
}

/// Who may agree to a lower label may agree to this.
fn release_action(row: &ReleaseRow) -> Action {
    Action::Approve(Declassification { from: row.label.clone(), to: row.label.clone(), own: false })
}

fn may_release(call: &Call, row: &ReleaseRow) -> bool {
    let decision = call.console.decide(call.principal(), release_action(row), &call.circumstances);
    decision.effect() == Effect::Allow && call.principal().role != Role::Auditor
}

fn release_document(call: &Call, row: &ReleaseRow, reason: Option<String>, may_decide: bool) -> Value {
    let name = |person: &str| call.console.pseudonyms.name(person);
    let state = row.state_at(call.console.clock.now());
    let kinds = row.kinds.split(',').filter_map(|part| part.rsplit_once(':'));
    let kinds: serde_json::Map<String, Value> = kinds
        .map(|(kind, count)| (kind.to_owned(), json!(count.parse::<u64>().unwrap_or_default())))
        .collect();
    json!({
        "id": row.id,
        "kind": "release",
        "conversation": null,
        "owner": name(&row.person),
        "asker": name(&row.person),
        "from": row.label.to_string(),
        "to": row.label.to_string(),
        "model": row.model,
        "routes": row.routes.split(',').collect::<Vec<_>>(),
        "types": kinds,
        "reason": reason,
        "created": time(row.created),
        "expires": time(row.expires),
        "state": match state {
            "waiting" => "pending",
            "granted" => "approved",
            "denied" => "refused",
            other => other,
        },
        "decider": row.decider.as_deref().map(name),
        "decided": row.decided.map(time),
        "may_decide": may_decide && state == "waiting",
    })
}

fn action(call: &Call, row: &ApprovalRow) -> Action {
    let own = row.owner == call.principal().person;
    Action::Approve(Declassification { from: row.from.clone(), to: row.to.clone(), own })
}

fn may(call: &Call, row: &ApprovalRow) -> bool {
    let decision = call.console.decide(call.principal(), action(call, row), &call.circumstances);
    decision.effect() == Effect::Allow
}

fn document(call: &Call, row: &ApprovalRow, reason: Option<String>, may_decide: bool) -> Value {
    let name = |person: &str| call.console.pseudonyms.name(person);
    let is_pending = row.state == ApprovalState::Pending;
    let is_over = is_pending && row.expires <= call.console.clock.now();
    json!({
        "id": row.id,
        "kind": "label",
        "conversation": row.conversation,
        "owner": name(&row.owner),
        "asker": name(&row.asker),
        "from": row.from.to_string(),
        "to": row.to.to_string(),
        "reason": reason,
        "created": time(row.created),
        "expires": time(row.expires),
        "state": if is_over { "expired" } else { row.state.as_str() },
        "decider": row.decider.as_deref().map(name),
        "decided": row.decided.map(time),
        "may_decide": may_decide && is_pending && !is_over,
    })
}
