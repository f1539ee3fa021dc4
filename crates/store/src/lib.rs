//! The one embedded database: people, keys, sessions, sealed conversations, usage and their migrations.
//!
//! What people wrote is sealed under a key of their own before it becomes a row ([`DataKey`]).
//!
//! SQLite in write-ahead mode, one file, used by the running house and the command line at once. Statements use `$N` and
//! what PostgreSQL understands too; only [`Store::open`],
//! [`Store::changed`] and [`Store::backup_to`] know that it is SQLite. Rows are this
//! crate's own types; nothing of the database library is seen outside.

mod error;
mod migration;
mod row;
mod seal;
mod store;

pub use error::StoreError;
pub use row::{
    AnsweredLine, ApprovalRow, ApprovalState, AssistantRow, AttachmentRow, BatchLineRow, BatchRow,
    ConversationRow, FEEDBACK_PEOPLE_MIN, FeedbackRow, FeedbackTally, FileRow, FolderRow, KeyRow, MessageRow,
    NewKey, PersonRow, PromptRow, PromptVersionRow, ReachedRow, ReleaseRow, ReleaseState, SessionRow,
    ShareRow, SignedIn,
};
pub use seal::{DataKey, Place, SealError, associated_data};
pub use store::{HeldRow, Seen, Store};
