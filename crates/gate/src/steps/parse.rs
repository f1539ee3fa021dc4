//! What is asked: the body, read to its end within bounds, and parsed without mercy.

use bytes::Bytes;
use schleuse_audit::PromptMac;
use schleuse_identity::Verified;
use schleuse_types::{COMPARTMENTS_MAX, Label, Refusal, Text, UnknownLabel};
use schleuse_wire::{Arrival, Limits, Method, Request, Surface, internal, invalid_request, read_body};
use tokio::task::spawn_blocking;

use super::charged;
use crate::{Entry, Gate, Labels};

/// A question in which nothing is unknown. Only [`parse`] makes one.
pub struct Parsed {
    pub(super) request: Request,
    /// What the asker declared, or what counts for them when they declare nothing.
    pub(super) declared: Label,
    /// What the asker may have.
    pub(super) clearance: Label,
}

/// A longer body is parsed beside the tasks that carry other people's streams.
const AT_ONCE_BYTES_MAX: usize = 256 * 1024;

/// Reads and parses the body of somebody who is known.
pub async fn parse(
    gate: &Gate,
    arrival: Arrival,
    verified: &Verified,
    entry: &Entry,
) -> Result<Parsed, Refusal> {
    let Some(surface) = Surface::from_path(&arrival.path) else {
        return Err(crate::models::no_such_path());
    };
    if arrival.method != Method::Post {
        return Err(crate::models::wrong_method("POST"));
    }
    let standing = gate.labels.standing(&charged(verified));
    let declared = match &arrival.label {
        None => standing.default,
        Some(text) => read_label(&gate.labels, text)?,
    };
    entry.note_label(declared.clone());
    let body = read_body(arrival.body, Request::bytes_max(surface, &gate.limits)).await?;
    let (limits, mac) = (gate.limits, gate.prompt_mac.clone());
    let (request, hash) = match body.len() <= AT_ONCE_BYTES_MAX {
        true => take_in(surface, &body, limits, mac)?,
        false => spawn_blocking(move || take_in(surface, &body, limits, mac))
            .await
            .map_err(|_| internal("parsing panicked"))??,
    };
    verified.permit_scope(surface.name(), Some(request.model()))?;
    entry.note_prompt(hash);
    Ok(Parsed { request, declared, clearance: standing.clearance })
}

/// The question, and its hash.
fn take_in(
    surface: Surface,
    body: &Bytes,
    limits: Limits,
    mut mac: PromptMac,
) -> Result<(Request, String), Refusal> {
    let request = Request::read(surface, body, &limits)?;
    mac.update(request.to_text().as_bytes());
    if let Some(file) = request.attached() {
        mac.update(b"\0");
        mac.update(file);
    }
    Ok((request, mac.finish()))
}

fn read_label(labels: &Labels, text: &[u8]) -> Result<Label, Refusal> {
    let wrong = |english: String, german: String, inside| {
        let (known_en, known_de) = if labels.compartments().is_empty() {
            ("This house has no compartments.".to_owned(), "Dieses Haus hat keine Bereiche.".to_owned())
        } else {
            let Text { english, german } = labels.described();
            (format!("The compartments are {english}."), format!("Die Bereiche sind {german}."))
        };
        let (english, german) = (format!("{english} {known_en}"), format!("{german} {known_de}"));
        Err(invalid_request(english, german, inside, Some("x-schleuse-label")))
    };
    match Label::parse(text) {
        Ok(label) if labels.stranger(&label).is_none() => Ok(label),
        Ok(_) => wrong(
            "The header `x-schleuse-label` names a compartment that this house does not have.".to_owned(),
            "Der Kopf `x-schleuse-label` nennt einen Bereich, den es in diesem Haus nicht gibt.".to_owned(),
            "unknown compartment in the header",
        ),
        Err(UnknownLabel::Level) => Err(invalid_request(
            "The header `x-schleuse-label` must be one of PUBLIC, INTERNAL, CONFIDENTIAL, SECRET.",
            "Der Kopf `x-schleuse-label` muss ÖFFENTLICH, INTERN, VERTRAULICH oder GEHEIM sein.",
            "unknown label in the header",
            Some("x-schleuse-label"),
        )),
        Err(UnknownLabel::Compartment | UnknownLabel::TooMany) => wrong(
            format!(
                "Behind `//`, the header `x-schleuse-label` takes 1 to {COMPARTMENTS_MAX} compartments with commas between them."
            ),
            format!(
                "Hinter `//` nimmt der Kopf `x-schleuse-label` 1 bis {COMPARTMENTS_MAX} Bereiche mit Kommas dazwischen."
            ),
            "malformed compartments in the header",
        ),
    }
}
