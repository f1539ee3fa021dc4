//! What is asked: the body, read to its end within bounds, and parsed without mercy.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use schleuse_identity::Verified;
use schleuse_types::{Label, Refusal};
use schleuse_wire::{Arrival, ArrivalBody, Method, Request, Surface, invalid_request, too_large};

use crate::{Entry, Gate};

/// A question in which nothing is unknown. Only [`parse`] makes one.
pub struct Parsed {
    pub(super) request: Request,
    /// What the asker declared, INTERNAL when nothing.
    pub(super) declared: Label,
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
    let declared = match &arrival.label {
        None => Label::Internal,
        Some(text) => Label::parse(text).map_err(|_| unknown_label())?,
    };
    entry.note_label(declared);
    let body = read(arrival.body, gate.limits.body_bytes_max).await?;
    let request = Request::parse(surface, &body, &gate.limits)?;
    verified.permit_scope(surface.name(), Some(request.model()))?;
    let mut mac = gate.prompt_mac.clone();
    mac.update(request.to_text().as_bytes());
    entry.note_prompt(mac.finish());
    Ok(Parsed { request, declared })
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

fn unknown_label() -> Refusal {
    invalid_request(
        "The header `x-schleuse-label` must be one of PUBLIC, INTERNAL, CONFIDENTIAL, SECRET.",
        "Der Kopf `x-schleuse-label` muss ÖFFENTLICH, INTERN, VERTRAULICH oder GEHEIM sein.",
        "unknown label in the header",
        Some("x-schleuse-label"),
    )
}
