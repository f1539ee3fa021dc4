//! Where in the store a text of files and batches belongs.

use schleuse_store::associated_data;
use schleuse_types::Timestamp;

/// Which row a text belongs to: everything of the row that is not secret and never changes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// Name, purpose and label of a file.
    FileHead {
        person: &'a str,
        file: &'a str,
        created: Timestamp,
    },
    Content {
        person: &'a str,
        file: &'a str,
    },
    BatchHead {
        person: &'a str,
        batch: &'a str,
        created: Timestamp,
    },
    /// The answer to a line.
    Line {
        person: &'a str,
        batch: &'a str,
        ordinal: u64,
        is_failed: bool,
    },
}

impl schleuse_store::Place for Place<'_> {
    fn associated_data(&self) -> Vec<u8> {
        let data =
            |kind, texts: &[&str], numbers: &[u64]| associated_data("schleuse files", kind, texts, numbers);
        match *self {
            Self::FileHead { person, file, created } => data(1, &[person, file], &[created.0]),
            Self::Content { person, file } => data(2, &[person, file], &[]),
            Self::BatchHead { person, batch, created } => data(3, &[person, batch], &[created.0]),
            Self::Line { person, batch, ordinal, is_failed } => {
                data(4, &[person, batch], &[ordinal, u64::from(is_failed)])
            }
        }
    }
}
