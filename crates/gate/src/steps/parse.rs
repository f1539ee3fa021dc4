//! What is asked: the body, read to its end within bounds, and parsed without mercy.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use schleuse_identity::Verified;
use schleuse_types::{COMPARTMENTS_MAX, Label, Refusal, Text, UnknownLabel};
use schleuse_wire::{Arrival, ArrivalBody, Method, Request, Surface, invalid_request, too_large};

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
    let body = read(arrival.body, Request::bytes_max(surface, &gate.limits)).await?;
    let request = Request::read(surface, &body, &gate.limits)?;
    verified.permit_scope(surface.name(), Some(request.model()))?;
    let mut mac = gate.prompt_mac.clone();
    mac.update(request.to_text().as_bytes());
    if let Some(file) = request.attached() {
        mac.update(b"\0");
        mac.update(file);
    }
    entry.note_prompt(mac.finish());
    Ok(Parsed { request, declared, clearance: standing.clearance })
}

async fn read(mut body: ArrivalBody, bytes_max: usize) -> Result<Bytes, Refusal> {
    use http_body::Body as _;
    if body.size_hint().lower() > bytes_max as u64 {
        drain(body).await;
        return Err(too_large(bytes_max));
    }
    let mut first: Option<Bytes> = None;
    let mut all: Vec<u8> = Vec::new();
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|error| {
            invalid_request(
                "The body of the request did not arrive completely.",
                "Der Inhalt der Anfrage ist nicht vollständig angekommen.",
                "body not readable",
                None,
            )
            .with_inside(error.to_string())
        })?;
        let Ok(data) = frame.into_data() else { continue };
        match (&first, all.is_empty()) {
            // Most bodies come in one piece, which then needs no copy.
            (None, true) => first = Some(data),
            (Some(piece), true) => {
                all.extend_from_slice(piece);
                all.extend_from_slice(&data);
            }
            (_, false) => all.extend_from_slice(&data),
        }
        let length = if all.is_empty() { first.as_ref().map_or(0, Bytes::len) } else { all.len() };
        if length > bytes_max {
            drain(body).await;
            return Err(too_large(bytes_max));
        }
    }
    Ok(if all.is_empty() { first.unwrap_or_default() } else { Bytes::from(all) })
}

/// How much of a body that is too large is still taken, how long, and how long a pause in it may be.
const DRAIN_BYTES_MAX: usize = 64 * 1024 * 1024;
const DRAIN_MAX: Duration = Duration::from_secs(5);
const DRAIN_PAUSE_MAX: Duration = Duration::from_millis(250);

/// Takes what is already on its way: a sender who is cut off while writing never reads why.
async fn drain(mut body: ArrivalBody) {
    let draining = async {
        let mut length = 0;
        while length < DRAIN_BYTES_MAX {
            let next = poll_fn(|context| body.as_mut().poll_frame(context));
            match tokio::time::timeout(DRAIN_PAUSE_MAX, next).await {
                Ok(Some(Ok(frame))) => length += frame.data_ref().map_or(0, Bytes::len),
                Ok(Some(Err(_)) | None) | Err(_) => break,
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN_MAX, draining).await;
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
