//! What the portal asks the house about before texts reach other eyes, and what it has it write down.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use schleuse_identity::Verified;
use schleuse_types::{Finding, Label, Principal, Refusal, Text};
use schleuse_wire::Peer;

/// Whether a reader may see a text with this label, by what holds now: clearance, compartments, walls. The text says why
/// not. A compartment that is seen in [`Sight::Reading`] is noted durably before this returns.
pub type Judge = Arc<
    dyn Fn(&Verified, &Label, Sight) -> Pin<Box<dyn Future<Output = Result<Option<Text>, Refusal>> + Send>>
        + Send
        + Sync,
>;

/// How something is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// In a list: nothing is noted, and so what stands beside a wall is not shown.
    Glance,
    /// Whole.
    Reading,
    /// Beside what was read: what stands beside a wall is shown if its compartments were just seen.
    Beside { has_seen: bool },
}

/// Whether policy lets this person do what not everybody who chats may.
pub type PermitDuty = Arc<dyn Fn(&Principal, Peer, Duty) -> Result<(), Refusal> + Send + Sync>;

/// What not everybody who chats may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    ReadFeedback,
    ReviewAssistants,
}

/// What inspection says about a text of this person under this label: with what it would be inspected if it were asked.
/// Nothing is kept or written of it.
pub type Examine = Arc<
    dyn Fn(&Verified, Label, String) -> Pin<Box<dyn Future<Output = Result<Examined, Refusal>> + Send>>
        + Send
        + Sync,
>;

/// What was found in a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Examined {
    /// Offsets are those of the text in UTF-8.
    pub findings: Vec<Finding>,
    /// What the text is labelled with what was found.
    pub label: Label,
    /// It would be refused.
    pub is_blocked: bool,
}

/// Writes an entry; durable in the audit log when it returns.
pub type Note = Arc<dyn Fn(Deed) -> Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>> + Send + Sync>;

/// Something that was done with a conversation and that the log tells.
#[derive(Debug, Clone)]
pub struct Deed {
    pub principal: Principal,
    pub request_id: String,
    pub kind: DeedKind,
    /// The id of a share, a conversation, a prompt or an assistant.
    pub subject: String,
    /// Whose it is.
    pub owner: String,
    /// Readers: `everyone`, `group:…` or `person:…` with a person's id.
    pub with: Vec<String>,
    /// What the texts are labelled.
    pub label: Option<Label>,
    /// Numbers: `messages=4 withheld=1`.
    pub change: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeedKind {
    Share,
    ShareEnd,
    ShareRead,
    PromptShare,
    AssistantSubmit,
    AssistantPublish,
    /// A reviewer gave it back.
    AssistantReturn,
    AssistantWithdraw,
    Export,
    Import,
    /// Words were replaced before a question was sent.
    Mask,
    /// A person deletes everything that they may.
    Erase,
    /// A file was attached and read.
    Attach,
    /// A file was refused.
    AttachRefuse,
    /// A question was asked with a file.
    AttachUse,
    /// Somebody asks that a text may pass that would be blocked.
    ReleaseAsk,
}
