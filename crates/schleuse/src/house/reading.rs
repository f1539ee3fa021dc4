//! Texts that reach other eyes than those of whoever asked: judged by what holds now, and on record.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use schleuse_audit::{Event, Record};
use schleuse_gate::{Entering, Gate, Preview, charged, preview};
use schleuse_identity::Verified;
use schleuse_portal::{Deed, DeedKind, Examined, Sight};
use schleuse_types::{Compartment, Label, Outcome, Refusal, Text};
use schleuse_wire::internal;
use tokio::task::spawn_blocking;

use super::bridge::audit_unavailable;

type Judged = Pin<Box<dyn Future<Output = Result<Option<Text>, Refusal>> + Send>>;

type Inspected = Pin<Box<dyn Future<Output = Result<Examined, Refusal>> + Send>>;

/// Whether this reader may see a text with this label; why not, if not.
pub(super) fn judge(gate: &Arc<Gate>, reader: &Verified, label: &Label, sight: Sight) -> Judged {
    let (gate, label) = (Arc::clone(gate), label.clone());
    let principal = charged(reader).into_owned();
    Box::pin(async move {
        let clearance = gate.labels.standing(&principal).clearance;
        if !label.flows_to(&clearance) {
            return Ok(Some(beyond(&label, &clearance)));
        }
        if gate.labels.torn(&label).is_some() {
            return Ok(Some(behind_a_wall(&label)));
        }
        let against = gate.labels.against(&label);
        let is_shown = match sight {
            _ if label.compartments().is_empty() => true,
            Sight::Glance => against.is_empty(),
            Sight::Beside { has_seen } => has_seen || against.is_empty(),
            Sight::Reading => enters(&gate, &principal.person, &label, &against).await?,
        };
        Ok((!is_shown).then(|| behind_a_wall(&label)))
    })
}

/// What inspection says about a text before it is asked, or of one that was never asked here: with the recognizers,
/// guardrails and exceptions that would count if this person asked it of the house's default model.
pub(super) fn examine(gate: &Arc<Gate>, asker: &Verified, label: Label, text: String) -> Inspected {
    let (gate, asker) = (Arc::clone(gate), asker.principal().clone());
    Box::pin(async move {
        // Beside the tasks that carry other people's streams: a long text takes a while.
        let looked = spawn_blocking(move || preview(&gate, &asker, None, &label, text)).await;
        let Preview { findings, label, is_blocked } =
            looked.map_err(|_| internal("inspection panicked"))??;
        Ok(Examined { findings, label, is_blocked })
    })
}

/// Whether the person has seen no other side; from here on they have seen this one, durably.
async fn enters(gate: &Gate, person: &str, label: &Label, against: &[Compartment]) -> Result<bool, Refusal> {
    let entering = Entering { person, compartments: label.compartments(), against, now: gate.clock.now() };
    let seen = gate.walls.enter(entering).await;
    seen.map(|seen| seen.is_none()).map_err(|error| internal(format!("the walls cannot be asked: {error}")))
}

fn beyond(label: &Label, clearance: &Label) -> Text {
    Text::new(
        format!("Withheld: its label is {label}, and your clearance is {clearance}."),
        format!(
            "Zurückgehalten: Die Einstufung ist {}, und Sie dürfen bis {}.",
            label.to_german(),
            clearance.to_german()
        ),
    )
}

fn behind_a_wall(label: &Label) -> Text {
    Text::new(
        format!(
            "Withheld: it belongs to one side of a wall of this house ({label}), and you have seen the other."
        ),
        format!(
            "Zurückgehalten: Es gehört zu einer Seite einer Trennwand dieses Hauses ({}), und Sie haben die andere gesehen.",
            label.to_german()
        ),
    )
}

/// Writes what was done; durable when this returns.
pub(super) async fn note(gate: Arc<Gate>, deed: Deed) -> Result<(), Refusal> {
    let (event, surface) = match deed.kind {
        DeedKind::Share => (Event::ShareCreate, "/api/chat/conversations/{id}/shares"),
        DeedKind::ShareEnd => (Event::ShareEnd, "/api/chat/shares/{id}"),
        DeedKind::ShareRead => (Event::ShareRead, "/api/chat/shared/{id}"),
        DeedKind::PromptShare => (Event::PromptShare, "/api/chat/prompts"),
        DeedKind::AssistantSubmit => (Event::AssistantSubmit, "/api/chat/assistants/{id}/submit"),
        DeedKind::AssistantPublish => (Event::AssistantPublish, "/api/chat/assistants/{id}/review"),
        DeedKind::AssistantReturn => (Event::AssistantReturn, "/api/chat/assistants/{id}/review"),
        DeedKind::AssistantWithdraw => (Event::AssistantWithdraw, "/api/chat/assistants/{id}/withdraw"),
        DeedKind::Export => (Event::ConversationExport, "/api/chat/conversations/{id}/export"),
        DeedKind::Mask => (Event::QuestionMask, "/api/chat/conversations/{id}/messages"),
        DeedKind::Erase => (Event::DataErase, "/api/chat/data/erase"),
        DeedKind::ReleaseAsk => (Event::ReleaseAsk, "/api/chat/releases"),
        DeedKind::Import => (Event::ConversationImport, "/api/chat/import"),
        DeedKind::Attach => (Event::AttachmentRead, "/api/chat/attachments"),
        DeedKind::AttachRefuse => (Event::AttachmentRefuse, "/api/chat/attachments"),
        DeedKind::AttachUse => (Event::AttachmentUse, "/api/chat/conversations/{id}/messages"),
    };
    let mut record = Record::new(event);
    record.request_id = deed.request_id;
    record.user = gate.pseudonyms.name(&deed.principal.person);
    record.role = Some(deed.principal.role);
    record.tenant = deed.principal.tenant;
    record.source = Some(deed.principal.credential);
    record.surface = Some(surface.to_owned());
    let is_refused = deed.kind == DeedKind::AttachRefuse;
    record.action = Some(if is_refused { Outcome::Denied } else { Outcome::Allowed });
    record.label = deed.label;
    let mut change = vec![format!("owner={}", gate.pseudonyms.name(&deed.owner))];
    change.extend((!deed.with.is_empty()).then(|| {
        let readers = deed.with.iter().map(|reader| match reader.strip_prefix("person:") {
            Some(person) => format!("person:{}", gate.pseudonyms.name(person)),
            None => reader.clone(),
        });
        format!("with={}", readers.collect::<Vec<_>>().join(","))
    }));
    change.extend(Some(deed.change).filter(|change| !change.is_empty()));
    record.change = Some(change.join(" "));
    record.subject = Some(deed.subject);
    let appended = gate.log.append(record).await;
    appended.map(drop).map_err(|error| audit_unavailable(&error.to_string()))
}
