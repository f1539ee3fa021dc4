//! A file as it arrives: a form, read whole.

use std::time::Duration;

use bytes::Bytes;
use schleuse_types::{Refusal, Text};
use schleuse_wire::multipart::{Bounds, Form, Part};
use schleuse_wire::{invalid_request, too_large};

use crate::refusals::{file_too_large, missing, wrong};

/// What a form has beside its file: boundaries, headers, small fields.
pub(crate) const REST_BYTES_MAX: usize = 64 * 1024;
/// More than there are fields, so that an unknown one is named.
const PARTS_MAX: usize = 8;
const NAME_BYTES_MAX: usize = 255;
/// The shortest time for which a file can be asked to be kept, as OpenAI has it.
pub(crate) const KEPT_S_MIN: u64 = 3600;

pub(crate) struct Upload {
    pub(crate) name: String,
    pub(crate) content: Bytes,
    pub(crate) kept: Duration,
}

impl Upload {
    pub(crate) fn read(body: &Bytes, bytes_max: usize, kept_max: Duration) -> Result<Self, Refusal> {
        let bounds = Bounds {
            body_bytes_max: bytes_max.saturating_add(REST_BYTES_MAX),
            parts_max: PARTS_MAX,
            ..Bounds::default()
        };
        let mut form = Form::parse(body, &bounds)?;
        let purpose = form.take("purpose")?;
        let file = form.take("file")?;
        let anchor = form.take("expires_after[anchor]")?;
        let seconds = form.take("expires_after[seconds]")?;
        form.refuse_rest(&["purpose", "file", "expires_after[anchor]", "expires_after[seconds]"])?;
        check_purpose(purpose.as_ref().ok_or_else(|| missing("purpose"))?.text()?)?;
        let file = file.ok_or_else(|| missing("file"))?;
        let Some(name) = file.filename().map(str::to_owned) else {
            return Err(wrong(
                "file",
                "The field `file` must be a file, with a name.".to_owned(),
                "Das Feld `file` muss eine Datei sein, mit einem Namen.".to_owned(),
            ));
        };
        if name.len() > NAME_BYTES_MAX {
            return Err(wrong(
                "file",
                format!("The name of the file is longer than {NAME_BYTES_MAX} bytes."),
                format!("Der Name der Datei ist länger als {NAME_BYTES_MAX} Bytes."),
            ));
        }
        if file.bytes().len() > bytes_max {
            return Err(file_too_large(bytes_max));
        }
        let number = |part: &Part| part.text().ok().and_then(|text| text.trim().parse().ok());
        let kept = match (anchor, seconds) {
            (None, None) => kept_max,
            (anchor, seconds) => {
                let anchor = anchor.as_ref().map(Part::text).transpose()?;
                check_kept(anchor, seconds.as_ref().and_then(number), kept_max)?
            }
        };
        Ok(Self { name, content: file.into_bytes(), kept })
    }
}

/// Says of a body that is too long that it is the file.
pub(crate) fn name_the_file(refusal: Refusal, bytes_max: usize) -> Refusal {
    if refusal.code == too_large(0).code { file_too_large(bytes_max) } else { refusal }
}

/// `expires_after`: how long something is kept, from [`KEPT_S_MIN`] to what the house keeps anything.
pub(crate) fn check_kept(
    anchor: Option<&str>,
    seconds: Option<u64>,
    kept_max: Duration,
) -> Result<Duration, Refusal> {
    if anchor != Some("created_at") {
        return Err(wrong(
            "expires_after",
            "`anchor` of `expires_after` must be `created_at`.".to_owned(),
            "`anchor` von `expires_after` muss `created_at` sein.".to_owned(),
        ));
    }
    let most = kept_max.as_secs();
    match seconds {
        Some(seconds) if (KEPT_S_MIN.min(most)..=most).contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => Err(wrong(
            "expires_after",
            format!(
                "`seconds` of `expires_after` must be a whole number from {KEPT_S_MIN} to {most}: this house keeps no file longer."
            ),
            format!(
                "`seconds` von `expires_after` muss eine ganze Zahl von {KEPT_S_MIN} bis {most} sein: Länger bewahrt dieses Haus keine Datei auf."
            ),
        )),
    }
}

/// OpenAI's other purposes, and what serves instead of each.
fn check_purpose(purpose: &str) -> Result<(), Refusal> {
    let instead = match purpose {
        "batch" => return Ok(()),
        "user_data" | "assistants" | "assistants_output" | "evals" => Text::fixed(
            "Send the text itself in a message: files that models read are not offered here.",
            "Senden Sie den Text selbst in einer Nachricht: Dateien, die Modelle lesen, gibt es hier nicht.",
        ),
        "vision" => Text::fixed(
            "Send text: images cannot be inspected and are not offered here.",
            "Senden Sie Text: Bilder lassen sich nicht prüfen und sind hier nicht vorgesehen.",
        ),
        "fine-tune" | "fine-tune-results" => Text::fixed(
            "Models are not trained through this house; ask your operator for another model.",
            "Über dieses Haus werden keine Modelle trainiert; bitten Sie den Betrieb um ein anderes Modell.",
        ),
        "batch_output" => Text::fixed(
            "Such files come of batches; send yours with the purpose `batch`.",
            "Solche Dateien entstehen aus Stapeln; senden Sie Ihre mit dem Zweck `batch`.",
        ),
        _ => {
            return Err(wrong(
                "purpose",
                "The field `purpose` must be `batch`.".to_owned(),
                "Das Feld `purpose` muss `batch` sein.".to_owned(),
            ));
        }
    };
    let mut refusal = invalid_request(
        format!("The purpose `{purpose}` is not offered; there is only `batch`."),
        format!("Den Zweck `{purpose}` gibt es hier nicht, nur `batch`."),
        "a purpose that is not offered",
        Some("purpose"),
    );
    refusal.next = instead;
    Err(refusal)
}
