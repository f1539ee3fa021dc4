//! What the portal itself refuses, and refusals as they are kept with a message.

use schleuse_store::StoreError;
use schleuse_types::{Finding, Language, Refusal, RefusalCode, Text};
use schleuse_wire::json::{self, Bounds, Object, Value};
use schleuse_wire::{internal, invalid_request, render_refusal};

use crate::seal::SealError;

/// The error object of a refusal, without the `error` around it.
pub(crate) fn error_object(refusal: &Refusal, request_id: &str, language: Language) -> Object {
    read_error_object(render_refusal(refusal, request_id, language).as_bytes()).unwrap_or_default()
}

/// Reads the error object that the gate wrote.
pub(crate) fn read_error_object(body: &[u8]) -> Option<Object> {
    let Ok(Value::Object(mut body)) = json::parse(body, &Bounds::default()) else { return None };
    match body.remove("error") {
        Some(Value::Object(error)) => Some(error),
        _ => None,
    }
}

/// Of everything that is not there or not theirs: a stranger learns nothing about which ids exist.
pub(crate) fn not_found() -> Refusal {
    Refusal::new(
        RefusalCode::NotFound,
        Text::fixed("There is no such conversation.", "Diese Unterhaltung gibt es nicht."),
        Text::fixed(
            "It may have been deleted; choose another one or begin a new one.",
            "Vielleicht wurde sie gelöscht; wählen Sie eine andere oder beginnen Sie eine neue.",
        ),
        "no such conversation, run or path of this person",
    )
}

/// Of every share that is not there, over, or not for this reader.
pub(crate) fn no_share() -> Refusal {
    Refusal::new(
        RefusalCode::NotFound,
        Text::fixed(
            "There is no such share, or it is not for you.",
            "Diese Freigabe gibt es nicht, oder sie ist nicht für Sie.",
        ),
        Text::fixed(
            "It may have ended; ask whoever gave you the link.",
            "Vielleicht ist sie beendet; fragen Sie, wer Ihnen den Verweis gegeben hat.",
        ),
        "no such share for this person",
    )
}

/// Of what else is not there or not for this person.
pub(crate) fn nothing_there(english: &'static str, german: &'static str, inside: &'static str) -> Refusal {
    Refusal::new(
        RefusalCode::NotFound,
        Text::fixed(english, german),
        Text::fixed(
            "It may have been deleted or taken back; look at the list.",
            "Vielleicht wurde es gelöscht oder zurückgenommen; sehen Sie in der Liste nach.",
        ),
        inside,
    )
}

/// Of what would be passed on to others and holds what inspection blocks. In the gate's words.
pub(crate) fn blocked(findings: Vec<Finding>) -> Refusal {
    let mut kinds: Vec<&str> = findings.iter().map(|finding| finding.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let kinds = kinds.join(", ");
    Refusal::new(
        RefusalCode::SensitiveDataDetected,
        Text::new(
            format!("BLOCKED: Sensitive data detected ({kinds})."),
            format!("BLOCKED: Sensitive data detected. Schützenswerte Daten gefunden ({kinds})."),
        ),
        Text::fixed(
            "Take the marked passages out, then pass it on again.",
            "Entfernen Sie die markierten Stellen und geben Sie es dann noch einmal weiter.",
        ),
        format!("inspection blocked: {kinds}"),
    )
    .with_findings(findings)
}

pub(crate) fn not_of_a_temporary_one() -> Refusal {
    invalid_request(
        "A temporary conversation is kept nowhere, so it cannot be shared.",
        "Eine temporäre Unterhaltung wird nirgends aufbewahrt, deshalb lässt sie sich nicht freigeben.",
        "a temporary conversation cannot be shared",
        None,
    )
}

pub(crate) fn too_many_shares(max: usize) -> Refusal {
    invalid_request(
        format!("This conversation has {max} shares, and there is no room for more."),
        format!("Diese Unterhaltung hat {max} Freigaben, mehr Platz gibt es nicht."),
        "too many shares of one conversation",
        None,
    )
    .with_next(
        "End shares that are no longer needed.",
        "Beenden Sie Freigaben, die nicht mehr gebraucht werden.",
    )
}

/// The credential is of another tenant than the person is now.
pub(crate) fn moved() -> Refusal {
    Refusal::new(
        RefusalCode::AccessDenied,
        Text::fixed(
            "You belong to another tenant than this credential says.",
            "Sie gehören zu einem anderen Mandanten, als dieser Zugang sagt.",
        ),
        Text::fixed("Sign in again.", "Melden Sie sich erneut an."),
        "the credential's tenant is not the person's",
    )
}

pub(crate) fn method_not_allowed(allowed: &'static str) -> Refusal {
    Refusal::new(
        RefusalCode::MethodNotAllowed,
        Text::new(
            format!("This path takes only {allowed}."),
            format!("Dieser Pfad nimmt nur {allowed} entgegen."),
        ),
        Text::new(format!("Use {allowed}."), format!("Verwenden Sie {allowed}.")),
        "wrong method",
    )
}

pub(crate) fn too_many_runs(max: usize) -> Refusal {
    Refusal::new(
        RefusalCode::RateLimited,
        Text::new(
            format!("You may have {max} answers being written at once, and there would be more."),
            format!("Sie können {max} Antworten gleichzeitig schreiben lassen, es würden mehr."),
        ),
        Text::fixed(
            "Wait until one is finished, or stop one.",
            "Warten Sie, bis eine fertig ist, oder halten Sie eine an.",
        ),
        "too many runs of one person",
    )
    .with_retry_after(5)
}

pub(crate) fn too_many_readers(max: usize) -> Refusal {
    Refusal::new(
        RefusalCode::RateLimited,
        Text::new(
            format!("This answer is already being read in {max} places."),
            format!("Diese Antwort wird bereits an {max} Stellen mitgelesen."),
        ),
        Text::fixed("Close one of the pages.", "Schließen Sie eine der Seiten."),
        "too many readers of one run",
    )
    .with_retry_after(5)
}

pub(crate) fn too_many_conversations(max: usize) -> Refusal {
    invalid_request(
        format!("You have {max} conversations, and there is no room for more."),
        format!("Sie haben {max} Unterhaltungen, mehr Platz gibt es nicht."),
        "too many conversations of one person",
        None,
    )
    .with_next(
        "Delete conversations that you no longer need.",
        "Löschen Sie Unterhaltungen, die Sie nicht mehr brauchen.",
    )
}

pub(crate) fn too_many_folders(max: usize) -> Refusal {
    invalid_request(
        format!("You have {max} folders, and there is no room for more."),
        format!("Sie haben {max} Ordner, mehr Platz gibt es nicht."),
        "too many folders of one person",
        None,
    )
    .with_next("Delete folders that you no longer need.", "Löschen Sie Ordner, die Sie nicht mehr brauchen.")
}

/// The memory that temporary conversations may take is full: this person's, or the house's.
pub(crate) fn no_room_for_temporary() -> Refusal {
    Refusal::new(
        RefusalCode::RateLimited,
        Text::fixed(
            "There is no room for more in temporary conversations.",
            "Für temporäre Unterhaltungen ist kein Platz mehr.",
        ),
        Text::fixed(
            "Delete temporary conversations that you no longer need, or ask in an ordinary one.",
            "Löschen Sie temporäre Unterhaltungen, die Sie nicht mehr brauchen, oder fragen Sie in einer gewöhnlichen.",
        ),
        "temporary conversations are full",
    )
    .with_retry_after(60)
}

pub(crate) fn too_many_messages(max: usize) -> Refusal {
    invalid_request(
        format!("This conversation has {max} messages, and there is no room for more."),
        format!("Diese Unterhaltung hat {max} Nachrichten, mehr Platz gibt es nicht."),
        "too many messages in one conversation",
        None,
    )
    .with_next("Begin a new conversation.", "Beginnen Sie eine neue Unterhaltung.")
}

/// The house was ended or fell while the answer was being written.
pub(crate) fn interrupted() -> Refusal {
    Refusal::new(
        RefusalCode::ShuttingDown,
        Text::fixed(
            "The house was restarted while this answer was being written; what had been written until then was kept.",
            "Das Haus wurde neu gestartet, während diese Antwort entstand; was bis dahin geschrieben war, ist erhalten.",
        ),
        Text::fixed("Ask again.", "Fragen Sie noch einmal."),
        "the run was interrupted by the end of the house",
    )
}

/// Stands with an imported answer that failed where the file was made.
pub(crate) fn failed_elsewhere() -> Refusal {
    Refusal::new(
        RefusalCode::UpstreamFailed,
        Text::fixed(
            "This answer had failed before it was exported.",
            "Diese Antwort war schon vor dem Export gescheitert.",
        ),
        Text::fixed("Ask again.", "Fragen Sie noch einmal."),
        "an imported answer that failed",
    )
}

pub(crate) fn broken_off() -> Refusal {
    Refusal::new(
        RefusalCode::UpstreamFailed,
        Text::fixed("The answer broke off before its end.", "Die Antwort ist vor ihrem Ende abgebrochen."),
        Text::fixed("Ask again.", "Fragen Sie noch einmal."),
        "the answer ended without [DONE]",
    )
}

/// Stands in place of a message that cannot be opened.
pub(crate) fn damaged() -> Refusal {
    internal("a sealed message does not open").with_next_and_message(
        Text::fixed(
            "This message cannot be opened: it was altered in the store, or sealed under another key.",
            "Diese Nachricht lässt sich nicht öffnen: Sie wurde im Speicher verändert oder mit einem anderen Schlüssel \
             versiegelt.",
        ),
        Text::fixed("Tell your operator.", "Sagen Sie dem Betrieb Bescheid."),
    )
}

/// Somebody whom an issuer vouches for but who never came in: there is nothing to keep conversations under.
fn not_a_member() -> Refusal {
    Refusal::new(
        RefusalCode::AccessDenied,
        Text::fixed(
            "Conversations are kept only for people whom this house knows.",
            "Unterhaltungen werden nur für Personen geführt, die dieses Haus kennt.",
        ),
        Text::fixed(
            "Sign in once on the sign-in page, or use /v1/chat/completions.",
            "Melden Sie sich einmal auf der Anmeldeseite an, oder verwenden Sie /v1/chat/completions.",
        ),
        "the person has no row in the store",
    )
}

/// Why the archive could not do what was asked. Never holds text of a conversation.
#[derive(Debug)]
pub(crate) enum Fault {
    Store(StoreError),
    Seal(SealError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<SealError> for Fault {
    fn from(error: SealError) -> Self {
        Self::Seal(error)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Seal(error) => error.fmt(f),
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match &fault {
            Fault::Store(StoreError::UnknownPerson { .. }) => not_a_member(),
            Fault::Store(StoreError::UnknownConversation { .. } | StoreError::UnknownMessage { .. }) => {
                not_found()
            }
            Fault::Store(_) | Fault::Seal(_) => {
                tracing::error!(%fault, "conversations cannot be kept or read");
                internal(fault.to_string())
            }
        }
    }
}

/// Small changes to a refusal that is already there.
pub(crate) trait Reworded {
    fn with_next(self, english: &'static str, german: &'static str) -> Self;
    fn with_next_and_message(self, message: Text, next: Text) -> Self;
}

impl Reworded for Refusal {
    fn with_next(mut self, english: &'static str, german: &'static str) -> Self {
        self.next = Text::fixed(english, german);
        self
    }

    fn with_next_and_message(mut self, message: Text, next: Text) -> Self {
        (self.message, self.next) = (message, next);
        self
    }
}
