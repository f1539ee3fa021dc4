//! Files, and batches of questions (`/v1/files`, `/v1/batches`), as OpenAI's clients know them.
//!
//! A *file* holds questions, one a line. A *batch* asks them one after the other, a few at a time, and ends in a file with the
//! answers and one with the refusals. [`Batches`] reaches models only through an [`Exchange`](schleuse_wire::Exchange), as
//! any client does: with the credential of the person who asks, so that every line takes the whole walk, with an entry of
//! its own.
//!
//! **Credentials are never kept.** They live in memory while a batch runs. One that was cut off by the end of the house waits
//! until its owner asks for it, or lists batches: that request brings a credential again, and the batch goes on with it
//! behind the last answer that was kept. A credential that only expired lets it wait in the same way; one that was revoked,
//! and a person who was blocked, ends it.
//!
//! **Labels.** A file has the label that its sender declared, or what counts for them when they declare none. A batch begins
//! with that of its file, joined with the one declared for it; every line is asked with it. The label of each answer raises
//! that of the batch, and so that of the files that come of it. Whoever reads a file needs the clearance at that time.
//!
//! Everything that a person wrote or was answered is sealed before it reaches the store.
//!
//! | Route below `/v1/` | |
//! |---|---|
//! | `POST files` (a form: `purpose`, `file`, `expires_after`) | keeps a file |
//! | `GET files?limit&after&order&purpose` | all of the person's |
//! | `GET`, `DELETE files/{id}` | |
//! | `GET files/{id}/content` | what is in it |
//! | `POST batches` `{input_file_id, endpoint, completion_window, metadata?, output_expires_after?}` | begins a batch |
//! | `GET batches?limit&after`, `GET batches/{id}` | how far they are |
//! | `POST batches/{id}/cancel` | ends one; what is answered is kept |

mod archive;
mod batch;
mod creation;
mod file;
mod input;
mod line;
mod listing;
mod refusals;
mod room;
mod run;
mod seal;
mod upload;

pub use room::{Batches, Deed, Denial, House, Limits, Parts, Recorded, Standing, What};
