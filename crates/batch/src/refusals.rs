//! What this room itself refuses: what, where, and what to do next.

use schleuse_store::StoreError;
use schleuse_types::{Label, Refusal, RefusalCode, Text};
use schleuse_wire::{internal, invalid_request};

use crate::archive::Fault;

/// Of everything that is not there or not theirs: a stranger learns nothing about which ids exist.
pub(crate) fn no_such_file() -> Refusal {
    Refusal::new(
        RefusalCode::NotFound,
        Text::fixed("There is no such file.", "Diese Datei gibt es nicht."),
        Text::fixed(
            "It may have been deleted or have expired; `GET /v1/files` lists yours.",
            "Vielleicht wurde sie gelöscht oder ist abgelaufen; `GET /v1/files` nennt Ihre.",
        ),
        "no such file of this person",
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

pub(crate) fn no_such_batch() -> Refusal {
    Refusal::new(
        RefusalCode::NotFound,
        Text::fixed("There is no such batch.", "Diesen Stapel gibt es nicht."),
        Text::fixed(
            "It may have been deleted because of its age; `GET /v1/batches` lists yours.",
            "Vielleicht wurde er wegen seines Alters gelöscht; `GET /v1/batches` nennt Ihre.",
        ),
        "no such batch of this person",
    )
}

pub(crate) fn no_such_path() -> Refusal {
    Refusal::new(
        RefusalCode::NotFound,
        Text::fixed("There is nothing at this path.", "Unter diesem Pfad gibt es nichts."),
        Text::fixed(
            "Files are at `/v1/files`, batches at `/v1/batches`.",
            "Dateien stehen unter `/v1/files`, Stapel unter `/v1/batches`.",
        ),
        "unknown path",
    )
}

pub(crate) fn wrong_method(allowed: &'static str) -> Refusal {
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

pub(crate) fn wrong(name: &'static str, english: String, german: String) -> Refusal {
    invalid_request(english, german, "a field has the wrong shape", Some(name))
}

pub(crate) fn missing(name: &'static str) -> Refusal {
    wrong(name, format!("The field `{name}` is missing."), format!("Das Feld `{name}` fehlt."))
}

pub(crate) fn file_too_large(bytes_max: usize) -> Refusal {
    Refusal::new(
        RefusalCode::RequestTooLarge,
        Text::new(
            format!("The file is larger than {bytes_max} bytes."),
            format!("Die Datei ist größer als {bytes_max} Bytes."),
        ),
        Text::fixed(
            "Divide it into several files, with a batch each.",
            "Teilen Sie sie in mehrere Dateien mit je einem Stapel.",
        ),
        "file too large",
    )
    .with_param("file")
}

pub(crate) fn too_many_files(max: usize) -> Refusal {
    full(
        format!("You have {max} files, and there is no room for more."),
        format!("Sie haben {max} Dateien, mehr Platz gibt es nicht."),
        "too many files of one person",
    )
}

pub(crate) fn too_many_bytes(max: u64, used: u64) -> Refusal {
    full(
        format!(
            "Your files may have {max} bytes together; they have {used}, and with this one they would have more."
        ),
        format!(
            "Ihre Dateien dürfen zusammen {max} Bytes haben; sie haben {used}, mit dieser wären es mehr."
        ),
        "too many bytes of one person",
    )
}

fn full(english: String, german: String, inside: &'static str) -> Refusal {
    let mut refusal = invalid_request(english, german, inside, Some("file"));
    refusal.next = Text::fixed(
        "Delete files that you no longer need (`DELETE /v1/files/{id}`).",
        "Löschen Sie Dateien, die Sie nicht mehr brauchen (`DELETE /v1/files/{id}`).",
    );
    refusal
}

pub(crate) fn too_many_uploads(max: usize) -> Refusal {
    Refusal::new(
        RefusalCode::RateLimited,
        Text::new(
            format!("The house is already taking {max} files at once."),
            format!("Das Haus nimmt bereits {max} Dateien gleichzeitig an."),
        ),
        Text::fixed("Send the file again in a moment.", "Senden Sie die Datei gleich noch einmal."),
        "too many uploads at once",
    )
    .with_retry_after(2)
}

pub(crate) fn too_many_batches(max: usize) -> Refusal {
    Refusal::new(
        RefusalCode::RateLimited,
        Text::new(
            format!("You have {max} batches that are not finished, and there may be no more at once."),
            format!("Sie haben {max} Stapel, die nicht fertig sind; mehr darf es nicht zugleich geben."),
        ),
        Text::fixed(
            "Wait until one is finished, or cancel one (`POST /v1/batches/{id}/cancel`).",
            "Warten Sie, bis einer fertig ist, oder brechen Sie einen ab (`POST /v1/batches/{id}/cancel`).",
        ),
        "too many unfinished batches of one person",
    )
    .with_retry_after(60)
}

pub(crate) fn house_is_busy(max: usize) -> Refusal {
    Refusal::new(
        RefusalCode::RateLimited,
        Text::new(
            format!("The house is already working through {max} batches at once."),
            format!("Das Haus bearbeitet bereits {max} Stapel gleichzeitig."),
        ),
        Text::fixed("Begin this one later.", "Beginnen Sie diesen später."),
        "too many running batches in the house",
    )
    .with_retry_after(60)
}

pub(crate) fn file_is_in_use(batch: &str) -> Refusal {
    let mut refusal = invalid_request(
        format!("The batch `{batch}` still works through this file."),
        format!("Der Stapel `{batch}` bearbeitet diese Datei noch."),
        "the file of an unfinished batch",
        None,
    );
    refusal.next = Text::fixed(
        "Wait until the batch is finished, or cancel it, and delete the file then.",
        "Warten Sie, bis der Stapel fertig ist, oder brechen Sie ihn ab, und löschen Sie die Datei dann.",
    );
    refusal
}

pub(crate) fn is_over(state: &str) -> Refusal {
    let mut refusal = invalid_request(
        format!("The batch cannot be cancelled: it is over (`{state}`)."),
        format!("Der Stapel lässt sich nicht abbrechen: Er ist beendet (`{state}`)."),
        "the batch is over",
        None,
    );
    refusal.next = Text::fixed(
        "Look at it with `GET /v1/batches/{id}`.",
        "Sehen Sie ihn mit `GET /v1/batches/{id}` an.",
    );
    refusal
}

/// The reader may not, or no longer, have what is in the file.
pub(crate) fn beyond_clearance(label: &Label, clearance: &Label) -> Refusal {
    Refusal::new(
        RefusalCode::AccessDenied,
        Text::new(
            format!("The label of this file is {label}, and your clearance is {clearance}."),
            format!(
                "Die Einstufung dieser Datei ist {}, und Sie dürfen bis {}.",
                label.to_german(),
                clearance.to_german()
            ),
        ),
        Text::fixed(
            "If you need this label for your work, ask an administrator for the clearance.",
            "Brauchen Sie diese Einstufung für Ihre Arbeit, bitten Sie die Administration um die Freigabe.",
        ),
        format!("label {label} is beyond the clearance {clearance}"),
    )
}

/// Somebody whom an issuer vouches for but who never came in: there is nothing to keep files under.
fn not_a_member() -> Refusal {
    Refusal::new(
        RefusalCode::AccessDenied,
        Text::fixed(
            "Files are kept only for people whom this house knows.",
            "Dateien werden nur für Personen aufbewahrt, die dieses Haus kennt.",
        ),
        Text::fixed(
            "Sign in once on the sign-in page, or ask an administrator for a key.",
            "Melden Sie sich einmal auf der Anmeldeseite an, oder bitten Sie die Administration um einen Schlüssel.",
        ),
        "the person has no row in the store",
    )
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match &fault {
            Fault::Store(StoreError::UnknownPerson { .. }) => not_a_member(),
            Fault::Store(StoreError::UnknownFile { .. }) => no_such_batch(),
            Fault::Seal(_) | Fault::Unreadable => {
                let mut refusal = internal(fault.to_string());
                refusal.message = Text::fixed(
                    "What is kept under this id cannot be opened: it was altered in the store, or sealed under another key.",
                    "Was unter dieser Id aufbewahrt ist, lässt sich nicht öffnen: Es wurde im Speicher verändert oder mit \
                     einem anderen Schlüssel versiegelt.",
                );
                refusal.next = Text::fixed("Tell your operator.", "Sagen Sie dem Betrieb Bescheid.");
                refusal
            }
            Fault::Store(_) | Fault::Broken => {
                tracing::error!(%fault, "files cannot be kept or read");
                internal(fault.to_string())
            }
        }
    }
}
