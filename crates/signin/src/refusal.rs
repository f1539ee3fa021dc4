//! Why somebody does not come in, in words.

use std::fmt;

use schleuse_types::{Refusal, RefusalCode, Text};

pub(crate) fn not_found() -> Refusal {
    Refusal::new(
        RefusalCode::NotFound,
        Text::fixed("There is nothing here.", "Hier ist nichts."),
        Text::fixed("The page is at `/`.", "Die Seite ist unter `/` zu finden."),
        "no such path of the sign-in",
    )
}

pub(crate) fn wrong_method(right: &str) -> Refusal {
    Refusal::new(
        RefusalCode::MethodNotAllowed,
        Text::fixed("That cannot be done here.", "Das geht hier nicht."),
        Text::new(format!("Use {right}."), format!("Verwenden Sie {right}.")),
        "wrong method",
    )
}

pub(crate) fn internal(error: &dyn fmt::Display) -> Refusal {
    schleuse_wire::internal(error.to_string())
}

/// The body of a request is not what it must be. `field` names what is at fault.
pub(crate) fn bad_field(field: &'static str) -> Refusal {
    schleuse_wire::invalid_request(
        format!("`{field}` is missing or wrong."),
        format!("`{field}` fehlt oder ist falsch."),
        "a field of the request is missing or wrong",
        Some(field),
    )
}

pub(crate) fn bad_body() -> Refusal {
    schleuse_wire::invalid_request(
        "The body is not a JSON object, or it is too long.",
        "Der Rumpf ist kein JSON-Objekt oder zu lang.",
        "the body is not a JSON object, or it is too long",
        None,
    )
}

/// The audit log takes no entries: nobody comes in unrecorded.
pub(crate) fn audit_unavailable(error: &dyn fmt::Display) -> Refusal {
    Refusal::new(
        RefusalCode::AuditUnavailable,
        Text::fixed(
            "The audit log takes no entries at the moment, so nobody can sign in.",
            "Das Prüfprotokoll nimmt gerade keine Einträge an, deshalb kann sich niemand anmelden.",
        ),
        Text::fixed(
            "Try again shortly and tell your operator.",
            "Versuchen Sie es gleich noch einmal und sagen Sie dem Betrieb Bescheid.",
        ),
        format!("audit append failed: {error}"),
    )
    .with_retry_after(5)
}

/// The session of a browser is needed: a program with a key has no sessions to manage.
pub(crate) fn no_session() -> Refusal {
    Refusal::new(
        RefusalCode::AccessDenied,
        Text::fixed(
            "This is for people who are signed in with a browser.",
            "Das ist für Menschen, die mit einem Browser angemeldet sind.",
        ),
        Text::fixed("Sign in on the page of this house.", "Melden Sie sich auf der Seite dieses Hauses an."),
        "not a session of a browser",
    )
}

/// Name and password, or a key, that do not prove anything. One text, whatever is wrong: a stranger learns nothing.
pub(crate) fn wrong_password(inside: impl Into<String>) -> Refusal {
    Refusal::new(
        RefusalCode::InvalidApiKey,
        Text::fixed("Name or password is wrong.", "Name oder Passwort ist falsch."),
        Text::fixed("Check both and try again.", "Prüfen Sie beides und versuchen Sie es noch einmal."),
        inside,
    )
}

pub(crate) fn too_many_attempts(wait_s: u32) -> Refusal {
    let minutes = wait_s.div_ceil(60);
    Refusal::new(
        RefusalCode::RateLimited,
        Text::fixed(
            "There were too many failed attempts to sign in.",
            "Es gab zu viele fehlgeschlagene Anmeldeversuche.",
        ),
        Text::new(
            format!("Try again in {minutes} min, or ask an administrator if you forgot your password."),
            format!(
                "Versuchen Sie es in {minutes} min noch einmal, oder fragen Sie die Administration, wenn Sie Ihr \
                 Passwort vergessen haben."
            ),
        ),
        "too many failed attempts of this name or source",
    )
    .with_retry_after(wait_s)
}

/// The person is known and proved, but nothing gives them a role here.
pub(crate) fn no_role() -> Refusal {
    Refusal::new(
        RefusalCode::AccessDenied,
        Text::fixed(
            "You are known, but none of your groups has a role in this house.",
            "Sie sind bekannt, aber keine Ihrer Gruppen hat in diesem Haus eine Rolle.",
        ),
        Text::fixed(
            "Ask an administrator to give one of your groups a role here.",
            "Bitten Sie die Administration, einer Ihrer Gruppen hier eine Rolle zu geben.",
        ),
        "no group of this person has a role",
    )
}

pub(crate) fn blocked() -> Refusal {
    Refusal::new(
        RefusalCode::AccessDenied,
        Text::fixed(
            "An administrator has blocked you in this house.",
            "Die Administration hat Sie in diesem Haus gesperrt.",
        ),
        Text::fixed("Ask an administrator why.", "Fragen Sie die Administration nach dem Grund."),
        "the person is blocked",
    )
}

/// The provider or the directory cannot be asked at the moment.
pub(crate) fn unreachable(inside: impl Into<String>) -> Refusal {
    Refusal::new(
        RefusalCode::UpstreamUnavailable,
        Text::fixed(
            "The place that knows your name and password cannot be asked at the moment.",
            "Die Stelle, die Ihren Namen und Ihr Passwort kennt, kann gerade nicht gefragt werden.",
        ),
        Text::fixed(
            "Try again in a minute; if it happens again, tell your operator.",
            "Versuchen Sie es in einer Minute noch einmal; bleibt es dabei, sagen Sie dem Betrieb Bescheid.",
        ),
        inside,
    )
    .with_retry_after(60)
}

/// The provider's word cannot be taken.
pub(crate) fn not_vouched(inside: impl Into<String>) -> Refusal {
    Refusal::new(
        RefusalCode::InvalidApiKey,
        Text::fixed("The sign-in could not be confirmed.", "Die Anmeldung konnte nicht bestätigt werden."),
        Text::fixed("Sign in again.", "Melden Sie sich erneut an."),
        inside,
    )
}

/// The provider says no, or the person there did.
pub(crate) fn declined(inside: impl Into<String>) -> Refusal {
    Refusal::new(
        RefusalCode::AccessDenied,
        Text::fixed(
            "The identity provider did not let you in.",
            "Der Identitätsanbieter hat Sie nicht eingelassen.",
        ),
        Text::fixed(
            "Try again, or ask whoever runs the identity provider.",
            "Versuchen Sie es erneut, oder fragen Sie, wer den Identitätsanbieter betreibt.",
        ),
        inside,
    )
}

/// A way to the provider and back that was not begun here and now.
pub(crate) fn not_begun(inside: impl Into<String>) -> Refusal {
    Refusal::new(
        RefusalCode::InvalidRequest,
        Text::fixed(
            "This sign-in was not begun in this browser, took too long, or is already over.",
            "Diese Anmeldung wurde nicht in diesem Browser begonnen, dauerte zu lange oder ist schon vorbei.",
        ),
        Text::fixed("Begin to sign in again.", "Beginnen Sie die Anmeldung von vorn."),
        inside,
    )
}
