//! Where in the store a text of a conversation belongs; sealing itself is the store's.

use schleuse_store::associated_data;
pub(crate) use schleuse_store::{DataKey, SealError};
use schleuse_types::Timestamp;

/// Which row a text belongs to: everything of the row that is not secret and never changes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// Title and label of a conversation.
    Head {
        person: &'a str,
        conversation: &'a str,
        created: Timestamp,
    },
    /// The name of a folder.
    Folder {
        person: &'a str,
        folder: &'a str,
        created: Timestamp,
    },
    /// Who may read what of a conversation.
    Share {
        person: &'a str,
        conversation: &'a str,
        share: &'a str,
        created: Timestamp,
    },
    /// Why somebody asked for a lower label.
    Approval {
        person: &'a str,
        conversation: &'a str,
        approval: &'a str,
        created: Timestamp,
    },
    /// A version of a prompt.
    Prompt {
        person: &'a str,
        prompt: &'a str,
        version: i64,
        created: Timestamp,
    },
    Assistant {
        person: &'a str,
        assistant: &'a str,
        created: Timestamp,
    },
    /// What a conversation began with.
    Instructions {
        person: &'a str,
        conversation: &'a str,
    },
    /// Why somebody asked to let a text pass.
    Release {
        person: &'a str,
        release: &'a str,
        created: Timestamp,
    },
    /// What somebody wrote about an answer.
    Feedback {
        person: &'a str,
        conversation: &'a str,
        message: &'a str,
    },
    /// What is known of an attachment.
    Attachment {
        person: &'a str,
        attachment: &'a str,
        created: Timestamp,
    },
    /// A piece of its file.
    AttachmentPiece {
        person: &'a str,
        attachment: &'a str,
        ordinal: u32,
    },
    /// Its text.
    AttachmentText {
        person: &'a str,
        attachment: &'a str,
    },
    Message {
        person: &'a str,
        conversation: &'a str,
        message: &'a str,
        parent: Option<&'a str>,
        ordinal: i64,
        created: Timestamp,
    },
}

impl schleuse_store::Place for Place<'_> {
    fn associated_data(&self) -> Vec<u8> {
        let data = |kind, texts: &[&str], numbers: &[u64]| {
            associated_data("schleuse conversation", kind, texts, numbers)
        };
        match *self {
            Self::Head { person, conversation, created } => data(1, &[person, conversation], &[created.0]),
            Self::Folder { person, folder, created } => data(4, &[person, folder], &[created.0]),
            Self::Share { person, conversation, share, created } => {
                data(5, &[person, conversation, share], &[created.0])
            }
            Self::Approval { person, conversation, approval, created } => {
                data(6, &[person, conversation, approval], &[created.0])
            }
            Self::Prompt { person, prompt, version, created } => {
                data(8, &[person, prompt], &[version.cast_unsigned(), created.0])
            }
            Self::Assistant { person, assistant, created } => data(9, &[person, assistant], &[created.0]),
            Self::Instructions { person, conversation } => data(10, &[person, conversation], &[]),
            Self::Release { person, release, created } => data(20, &[person, release], &[created.0]),
            Self::Feedback { person, conversation, message } => {
                data(7, &[person, conversation, message], &[])
            }
            Self::Attachment { person, attachment, created } => data(20, &[person, attachment], &[created.0]),
            Self::AttachmentPiece { person, attachment, ordinal } => {
                data(21, &[person, attachment], &[u64::from(ordinal)])
            }
            Self::AttachmentText { person, attachment } => data(22, &[person, attachment], &[]),
            Self::Message { person, conversation, message, parent, ordinal, created } => {
                let numbers = [ordinal.cast_unsigned(), created.0];
                match parent {
                    None => data(2, &[person, conversation, message], &numbers),
                    Some(parent) => data(3, &[person, conversation, message, parent], &numbers),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DataKey, Place, SealError};
    use proptest::prelude::*;
    use schleuse_types::Timestamp;

    const PLACE: Place<'static> = Place::Message {
        person: "p",
        conversation: "c",
        message: "m",
        parent: Some("q"),
        ordinal: 3,
        created: Timestamp(7),
    };

    fn check(place: Place<'_>) {
        let key = DataKey::generate().unwrap();
        let sealed = key.seal(&PLACE, "text").unwrap();
        assert_eq!(key.open(&place, &sealed), Err(SealError::NotAuthentic), "{place:?}");
    }

    #[test]
    fn a_row_opens_in_its_place_only() {
        let at = |person, conversation, message, parent, ordinal, created| Place::Message {
            person,
            conversation,
            message,
            parent,
            ordinal,
            created: Timestamp(created),
        };
        check(at("P", "c", "m", Some("q"), 3, 7));
        check(at("p", "C", "m", Some("q"), 3, 7));
        check(at("p", "c", "M", Some("q"), 3, 7));
        check(at("p", "c", "m", Some("Q"), 3, 7));
        check(at("p", "c", "m", None, 3, 7));
        check(at("p", "c", "m", Some("q"), 4, 7));
        check(at("p", "c", "m", Some("q"), 3, 8));
        check(at("pc", "", "m", Some("q"), 3, 7));
        check(Place::Head { person: "p", conversation: "c", created: Timestamp(7) });
        check(Place::Folder { person: "p", folder: "m", created: Timestamp(7) });
        check(Place::Share { person: "p", conversation: "c", share: "m", created: Timestamp(7) });
        check(Place::Prompt { person: "p", prompt: "m", version: 3, created: Timestamp(7) });
        check(Place::Assistant { person: "p", assistant: "m", created: Timestamp(7) });
        check(Place::Instructions { person: "p", conversation: "c" });
        check(Place::Feedback { person: "p", conversation: "c", message: "m" });
        check(Place::Approval { person: "p", conversation: "c", approval: "m", created: Timestamp(7) });
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_and_what_was_altered_does_not(text in ".{0,80}", at in 0_usize..200, bit in 0_u8..8) {
            let key = DataKey::generate().unwrap();
            let mut sealed = key.seal(&PLACE, text.clone()).unwrap();
            prop_assert_eq!(key.open(&PLACE, &sealed).unwrap(), text.as_bytes());
            prop_assert_ne!(&key.seal(&PLACE, text.clone()).unwrap(), &sealed);
            let at = at % sealed.len();
            sealed[at] ^= 1 << bit;
            prop_assert!(key.open(&PLACE, &sealed).is_err());
            sealed.truncate(at);
            prop_assert!(key.open(&PLACE, &sealed).is_err());
        }
    }
}
