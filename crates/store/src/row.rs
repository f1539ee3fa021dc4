//! Rows as the rest of the house sees them.

use schleuse_types::{Label, Role, Tenant, Timestamp};

/// Somebody who may have keys and sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// 1 to 128 bytes; never changes. The first name under which the person was known.
    pub id: String,
    pub name: String,
    pub role: Role,
    /// Sorted.
    pub groups: Vec<String>,
    pub tenant: Tenant,
    pub created: Timestamp,
    /// Who vouches for the person, and as whom. Both or neither; neither: only this house knows the person.
    pub issuer: Option<String>,
    pub subject: Option<String>,
    /// Since when none of the person's credentials counts.
    pub blocked: Option<Timestamp>,
    /// The last sign-in, or the last use of a session that was stored.
    pub last_seen: Option<Timestamp>,
}

/// Somebody whom an issuer has just vouched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The person's id in this house, made from issuer and subject; 1 to 128 bytes.
    pub id: String,
    /// What the issuer calls the person; only shown.
    pub name: String,
    pub issuer: String,
    pub subject: String,
    pub role: Role,
    /// The person's groups from now on; all of them.
    pub groups: Vec<String>,
    pub tenant: Tenant,
}

/// A key to be stored. The key itself never comes here, only its keyed hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    pub id: String,
    pub hash: [u8; 32],
    /// The id of a person who exists.
    pub person: String,
    pub role: Role,
    /// Empty means all.
    pub scopes: Vec<String>,
    pub created: Timestamp,
    pub expires: Option<Timestamp>,
}

/// A key as it is stored, with the groups and the tenant of its person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    pub id: String,
    pub hash: [u8; 32],
    pub person: String,
    pub role: Role,
    /// Sorted.
    pub groups: Vec<String>,
    pub tenant: Tenant,
    pub scopes: Vec<String>,
    pub created: Timestamp,
    pub expires: Option<Timestamp>,
    pub revoked: Option<Timestamp>,
}

/// A session. The secret in the cookie never comes here, only its keyed hash. The person's groups are with the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    pub id: String,
    pub hash: [u8; 32],
    /// The id of a person who exists.
    pub person: String,
    pub role: Role,
    /// How the person signed in, such as `oidc`.
    pub method: String,
    pub issuer: Option<String>,
    pub subject: Option<String>,
    /// What the issuer calls the session.
    pub sid: Option<String>,
    /// The id of the key that was shown to sign in; the session ends with it.
    pub key: Option<String>,
    /// The browser, in words for its owner.
    pub agent: String,
    pub created: Timestamp,
    pub last_seen: Timestamp,
    /// Microseconds without use after which the session is over.
    pub idle_micros: u64,
    /// When it is over in any case.
    pub expires: Timestamp,
    pub revoked: Option<Timestamp>,
}

/// A conversation, without its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRow {
    /// Unique in the house.
    pub id: String,
    /// The id of a person who exists.
    pub person: String,
    /// Title and the like, sealed.
    pub head: Vec<u8>,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// Whether an answer is being made.
    pub running: bool,
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// Unique in its conversation.
    pub id: String,
    pub conversation: String,
    /// The id of an earlier message of the same conversation.
    pub parent: Option<String>,
    pub ordinal: i64,
    pub sealed: Vec<u8>,
    /// In the words of the chat; `running` while it is being written.
    pub state: String,
    pub created: Timestamp,
}

/// What a person files conversations under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderRow {
    /// Unique in the house.
    pub id: String,
    /// The name, sealed.
    pub sealed: Vec<u8>,
    pub created: Timestamp,
}

/// What of a conversation others may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareRow {
    /// Unique in the house.
    pub id: String,
    /// Whose conversation it is.
    pub person: String,
    pub conversation: String,
    /// Readers, end and branch, sealed.
    pub sealed: Vec<u8>,
    pub created: Timestamp,
}

/// What a person thinks of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackRow {
    pub person: String,
    /// Where the person was when they said it.
    pub tenant: Tenant,
    pub conversation: String,
    /// The id of a message of that conversation; with it, this is deleted.
    pub message: String,
    /// The model that answered.
    pub model: String,
    /// The id of the assistant that the conversation was begun with.
    pub assistant: Option<String>,
    pub is_up: bool,
    /// Words without commas and blanks.
    pub reasons: Vec<String>,
    /// Sealed.
    pub comment: Option<Vec<u8>>,
    pub updated: Timestamp,
}

/// So many people stand behind every number about feedback, and behind every change of one.
pub const FEEDBACK_PEOPLE_MIN: u32 = 5;

/// What at least [`FEEDBACK_PEOPLE_MIN`] people think of the answers of a model, with an assistant or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackTally {
    pub model: String,
    /// The id of an assistant.
    pub assistant: Option<String>,
    pub up: u64,
    pub down: u64,
    /// How often each reason was given, by the word; only those that were.
    pub reasons: Vec<(String, u64)>,
}

/// A question that somebody keeps, as its newest version has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptRow {
    /// Unique in the house.
    pub id: String,
    /// The id of a person who exists.
    pub person: String,
    pub created: Timestamp,
    pub newest: PromptVersionRow,
}

/// One version of a [`PromptRow`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptVersionRow {
    /// From 1.
    pub version: i64,
    /// Name, text, tags and readers.
    pub sealed: Vec<u8>,
    pub created: Timestamp,
}

/// Instructions that conversations begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssistantRow {
    /// Unique in the house.
    pub id: String,
    /// The id of a person who exists.
    pub person: String,
    /// The id of the one in whose place this one is to come.
    pub of: Option<String>,
    /// In the words of the chat; what counts is what was sealed.
    pub state: String,
    pub sealed: Vec<u8>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// A file, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// Unique in the house.
    pub id: String,
    /// The id of a person who exists.
    pub person: String,
    /// Name, label and the like, sealed.
    pub head: Vec<u8>,
    /// Of the content before it was sealed.
    pub bytes: u64,
    pub created: Timestamp,
    pub expires: Timestamp,
}

/// A file given along with a question, without its content and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentRow {
    /// Unique in the house.
    pub id: String,
    /// The id of a person who exists.
    pub person: String,
    /// Whose question it was asked with; none until then.
    pub conversation: Option<String>,
    /// Everything that is known of it, sealed.
    pub head: Vec<u8>,
    /// Of the file before it was sealed.
    pub bytes: u64,
    pub created: Timestamp,
    /// When it is deleted if no question is asked with it.
    pub expires: Option<Timestamp>,
}

/// Many questions that are asked one after the other, without their answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRow {
    /// Unique in the house.
    pub id: String,
    /// The id of a person who exists.
    pub person: String,
    /// Everything that is known of it, sealed.
    pub head: Vec<u8>,
    /// Nothing more happens to it.
    pub is_over: bool,
    pub created: Timestamp,
    /// When it ends if it is not over, when it is deleted if it is.
    pub expires: Timestamp,
}

/// A line of a batch that has an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnsweredLine {
    /// Of the line among those of the batch, from 0.
    pub ordinal: u64,
    pub is_failed: bool,
    /// Of the sealed answer.
    pub bytes: u64,
}

/// The answer to one line of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchLineRow {
    /// Of the line among those of the batch, from 0.
    pub ordinal: u64,
    /// The answer is a refusal or an error.
    pub is_failed: bool,
    pub sealed: Vec<u8>,
}

/// A person who has reached a compartment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReachedRow {
    pub person: String,
    pub compartment: String,
    /// When for the first time.
    pub reached: Timestamp,
}

/// A lower label for a conversation that somebody asked for and somebody else decides about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRow {
    /// Unique in the house.
    pub id: String,
    /// Of the conversation.
    pub tenant: Tenant,
    /// The id of a conversation; with it, this is deleted.
    pub conversation: String,
    /// Whose conversation it is.
    pub owner: String,
    pub asker: String,
    pub from: Label,
    pub to: Label,
    /// The ordinal of the last message that it is about.
    pub through: i64,
    /// Sealed.
    pub reason: Vec<u8>,
    pub created: Timestamp,
    /// From then on nobody decides about it any more.
    pub expires: Timestamp,
    pub state: ApprovalState,
    /// Who decided, and when.
    pub decider: Option<String>,
    pub decided: Option<Timestamp>,
}

/// A text that somebody asked to let pass once although it would be blocked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRow {
    /// Unique in the house.
    pub id: String,
    pub tenant: Tenant,
    /// Who asked, and nobody else may use it.
    pub person: String,
    /// A keyed hash of person, model and text.
    pub content: String,
    pub model: String,
    /// The highest label that it may have.
    pub label: Label,
    /// The model servers that it may go to, with commas between them.
    pub routes: String,
    /// How many findings of which type: `IBAN:1,…`.
    pub kinds: String,
    /// Sealed.
    pub reason: Vec<u8>,
    pub created: Timestamp,
    /// From then on nobody decides about it and nobody uses it.
    pub expires: Timestamp,
    pub state: ReleaseState,
    /// Who decided, and when.
    pub decider: Option<String>,
    pub decided: Option<Timestamp>,
}

impl ReleaseRow {
    /// The state as people are told it at this moment.
    pub fn state_at(&self, now: Timestamp) -> &'static str {
        let is_open = matches!(self.state, ReleaseState::Waiting | ReleaseState::Granted);
        if is_open && self.expires <= now { "expired" } else { self.state.as_str() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseState {
    Waiting,
    Granted,
    Denied,
    Used,
}

impl ReleaseState {
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Granted, Self::Denied, Self::Used];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Granted => "granted",
            Self::Denied => "denied",
            Self::Used => "used",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalState {
    Pending,
    Approved,
    Refused,
}

impl ApprovalState {
    pub const ALL: [Self; 3] = [Self::Pending, Self::Approved, Self::Refused];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Refused => "refused",
        }
    }
}
