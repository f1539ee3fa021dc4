//! One entry of the log and its canonical form.
//!
//! The bytes follow RFC 8785 (JCS): members sorted, no white space, integers only but for the score, which has at most two
//! decimals. They are written by hand, because this runs twice for every request.

use std::collections::BTreeMap;

use schleuse_types::{Finding, Label, Outcome, Role, Tenant, Timestamp};

/// The longest entry in bytes.
pub const RECORD_BYTES_MAX: usize = 2048;

/// What happened. `Other` leaves room for rooms that come later; the name is lower case with dots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Event {
    /// A request may go to a model. Durable before a byte leaves.
    #[default]
    LlmAdmit,
    /// An admitted request ended, well or not.
    LlmComplete,
    /// A request was refused before admission.
    LlmRefuse,
    /// Failed authentications of one source in one second.
    AuthFailures,
    KeyCreate,
    KeyRevoke,
    SessionCreate,
    /// A session was signed out, revoked or logged out by its issuer.
    SessionEnd,
    PersonCreate,
    /// A person got another role or other groups.
    PersonChange,
    PersonBlock,
    PersonUnblock,
    /// A model server gets no new questions, because somebody wants it so.
    UpstreamDrain,
    /// It gets them again.
    UpstreamUndrain,
    /// Somebody looked at entries of this log.
    LogRead,
    LogExport,
    LogVerify,
    /// An authenticated person asked for something of the house that the policy does not permit.
    AccessDeny,
    /// The label of a conversation fell.
    LabelLower,
    /// Somebody asked that it may fall, and somebody else decides.
    LabelAsk,
    /// Somebody else refused it.
    LabelRefuse,
    /// A person was released from a wall between compartments.
    WallRelease,
    /// Part of a conversation was shared with others.
    ShareCreate,
    ShareEnd,
    /// Somebody read what another person shared.
    ShareRead,
    /// A prompt can be read by others from now on, or was changed since.
    PromptShare,
    /// An assistant waits for its review.
    AssistantSubmit,
    AssistantPublish,
    /// A reviewer gave it back.
    AssistantReturn,
    /// A published one, or one in review, was taken back.
    AssistantWithdraw,
    /// A conversation, or all of a person's, left the house as a file.
    ConversationExport,
    ConversationImport,
    /// Words were replaced before a question was sent, and turned back for nobody but whoever typed them.
    QuestionMask,
    /// A person deleted everything of theirs that they may.
    DataErase,
    /// A file was attached and read, or refused; a question was asked with it.
    AttachmentRead,
    AttachmentRefuse,
    AttachmentUse,
    /// Somebody asked that a text may pass once that would be blocked.
    ReleaseAsk,
    /// Somebody else agreed.
    ReleaseGrant,
    ReleaseDeny,
    AnswersForget,
    FileCreate,
    /// What is in a file was read by whoever it belongs to.
    FileRead,
    FileDelete,
    /// Files and batches were deleted because of their age; `count` says how many.
    FileExpire,
    /// Somebody began to have the lines of a file asked. Each line has entries of its own.
    BatchCreate,
    BatchCancel,
    ConfigLoad,
    LogStart,
    LogStop,
    /// Entries were refused for a while. Written by the log itself when it can write again.
    LogOutage,
    /// A witness has seen another history of this log. Written by the log itself.
    WitnessConflict,
    Other(&'static str),
}

impl Event {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LlmAdmit => "llm.admit",
            Self::LlmComplete => "llm.complete",
            Self::LlmRefuse => "llm.refuse",
            Self::AuthFailures => "auth.failures",
            Self::KeyCreate => "key.create",
            Self::KeyRevoke => "key.revoke",
            Self::SessionCreate => "session.create",
            Self::SessionEnd => "session.end",
            Self::PersonCreate => "person.create",
            Self::PersonChange => "person.change",
            Self::PersonBlock => "person.block",
            Self::PersonUnblock => "person.unblock",
            Self::UpstreamDrain => "upstream.drain",
            Self::UpstreamUndrain => "upstream.undrain",
            Self::LogRead => "log.read",
            Self::LogExport => "log.export",
            Self::LogVerify => "log.verify",
            Self::AccessDeny => "access.deny",
            Self::LabelLower => "label.lower",
            Self::LabelAsk => "label.ask",
            Self::LabelRefuse => "label.refuse",
            Self::WallRelease => "wall.release",
            Self::PromptShare => "prompt.share",
            Self::AssistantSubmit => "assistant.submit",
            Self::AssistantPublish => "assistant.publish",
            Self::AssistantReturn => "assistant.return",
            Self::AssistantWithdraw => "assistant.withdraw",
            Self::ShareCreate => "share.create",
            Self::ShareEnd => "share.end",
            Self::ShareRead => "share.read",
            Self::ConversationExport => "conversation.export",
            Self::ConversationImport => "conversation.import",
            Self::QuestionMask => "question.mask",
            Self::DataErase => "data.erase",
            Self::AttachmentRead => "attachment.read",
            Self::AttachmentRefuse => "attachment.refuse",
            Self::AttachmentUse => "attachment.use",
            Self::ReleaseAsk => "release.ask",
            Self::ReleaseGrant => "release.grant",
            Self::ReleaseDeny => "release.deny",
            Self::AnswersForget => "answers.forget",
            Self::FileCreate => "file.create",
            Self::FileRead => "file.read",
            Self::FileDelete => "file.delete",
            Self::FileExpire => "file.expire",
            Self::BatchCreate => "batch.create",
            Self::BatchCancel => "batch.cancel",
            Self::ConfigLoad => "config.load",
            Self::LogStart => "log.start",
            Self::LogStop => "log.stop",
            Self::LogOutage => "log.outage",
            Self::WitnessConflict => "witness.conflict",
            Self::Other(name) => name,
        }
    }
}

/// How much of the text of request and answer inspection saw, in bytes. The three add up to all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Read as it stands.
    pub scanned: u64,
    /// Encoded, and read decoded as well.
    pub decoded: u64,
    /// Could not be read, such as what is encrypted. Never counts as clean.
    pub opaque: u64,
}

/// The members of one entry. Nothing here may hold prompt text.
///
/// Always written: `v`, `timestamp`, `event`, `request_id`, `user`, `prompt_hash`, `sensitivity_score`, `action`,
/// `model` and `salt`, empty or 0 where unknown. The others only where set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    pub event: Event,
    /// The log's clock at `append` when left out.
    pub timestamp: Option<Timestamp>,
    pub request_id: String,
    /// A pseudonym from [`crate::Pseudonyms`].
    pub user: String,
    pub role: Option<Role>,
    /// Whose part of the house it was; written for all but the operator's own.
    pub tenant: Tenant,
    /// From [`crate::PromptMac`].
    pub prompt_hash: String,
    /// 0 to 1; two decimals are kept. What is no number counts as 1.
    pub sensitivity_score: f32,
    pub action: Option<Outcome>,
    pub model: String,
    pub label: Option<Label>,
    /// The name of the upstream.
    pub route: Option<String>,
    /// `/v1/chat/completions` and so on.
    pub surface: Option<String>,
    /// The HTTP status of the answer.
    pub status: Option<u16>,
    /// The refusal's code.
    pub code: Option<String>,
    /// Ids of the policies that decided.
    pub rules: Vec<String>,
    /// How many findings of each kind.
    pub findings: BTreeMap<String, u32>,
    /// Findings that an exception let pass, by kind; they are among `findings` too.
    pub excepted: BTreeMap<String, u32>,
    /// What rules in shadow found, by kind. Nothing was done about it.
    pub shadow: BTreeMap<String, u32>,
    /// How many findings were written so that a plain reading would miss them; left out when none was.
    pub evasive: Option<u64>,
    pub coverage: Option<Coverage>,
    /// Digest of the policies in force.
    pub policy: Option<String>,
    /// Digest of the recognizers and guardrails in force.
    pub pack: Option<String>,
    /// Name, version and digest of each pack, where they came into force.
    pub packs: Vec<String>,
    /// LLM tokens.
    pub tokens_in: Option<u64>,
    pub tokens_out: Option<u64>,
    /// How long it took, in milliseconds.
    pub ms: Option<u64>,
    /// The index of the admission, in a completion.
    pub prev: Option<u64>,
    pub node: Option<String>,
    /// How many, where one entry stands for several.
    pub count: Option<u64>,
    /// Where it came from: a network address, a file, a key's id.
    pub source: Option<String>,
    /// What it was done to: a person's pseudonym, a key's or a session's id, a range of entries.
    pub subject: Option<String>,
    /// What is different now, in words of the configuration: `role=admin`.
    pub change: Option<String>,
}

impl Record {
    pub fn new(event: Event) -> Self {
        Self { event, ..Self::default() }
    }

    /// Adds findings by kind, those that were excepted or evasive once more as such.
    pub fn count_findings(&mut self, findings: &[Finding]) {
        for finding in findings {
            count_kind(&mut self.findings, &finding.kind);
            if finding.excepted {
                count_kind(&mut self.excepted, &finding.kind);
            }
            if finding.evasive {
                self.evasive = Some(self.evasive.unwrap_or_default().saturating_add(1));
            }
        }
    }

    /// Adds what rules in shadow found, by kind.
    pub fn count_shadow(&mut self, findings: &[Finding]) {
        for finding in findings {
            count_kind(&mut self.shadow, &finding.kind);
        }
    }

    /// The canonical bytes, at most [`RECORD_BYTES_MAX`] of them.
    ///
    /// What does not fit is cut, lists first, and the entry then says `"truncated":true`.
    pub(crate) fn encode(&self, timestamp: Timestamp, salt: &[u8; 16]) -> Vec<u8> {
        // The last row always fits: 14 texts of 64 bytes with their names, and fixed members below 900 bytes.
        const LIMITS: [Limits; 4] = [
            Limits { list: usize::MAX, text: 512 },
            Limits { list: 8, text: 128 },
            Limits { list: 0, text: 128 },
            Limits { list: 0, text: 64 },
        ];
        let mut bytes = Vec::new();
        for limits in LIMITS {
            bytes = self.encode_within(timestamp, salt, limits);
            if bytes.len() <= RECORD_BYTES_MAX {
                break;
            }
        }
        bytes
    }

    fn encode_within(&self, timestamp: Timestamp, salt: &[u8; 16], limits: Limits) -> Vec<u8> {
        let mut out = Json { bytes: Vec::with_capacity(640), limits, truncated: false };
        out.bytes.push(b'{');
        out.text("action", self.action.map_or("", Outcome::as_str));
        out.optional_text("change", self.change.as_deref());
        out.optional_text("code", self.code.as_deref());
        out.optional_number("count", self.count);
        out.coverage("coverage", self.coverage);
        out.optional_number("evasive", self.evasive);
        out.text("event", self.event.as_str());
        out.counts("excepted", &self.excepted);
        out.counts("findings", &self.findings);
        out.optional_text("label", self.label.as_ref().map(Label::to_string).as_deref());
        out.text("model", &self.model);
        out.optional_number("ms", self.ms);
        out.optional_text("node", self.node.as_deref());
        out.optional_text("pack", self.pack.as_deref());
        out.texts("packs", &self.packs);
        out.optional_text("policy", self.policy.as_deref());
        out.optional_number("prev", self.prev);
        out.text("prompt_hash", &self.prompt_hash);
        out.text("request_id", &self.request_id);
        out.optional_text("role", self.role.map(Role::as_str));
        out.optional_text("route", self.route.as_deref());
        out.texts("rules", &self.rules);
        out.salt("salt", salt);
        out.score("sensitivity_score", self.sensitivity_score);
        out.counts("shadow", &self.shadow);
        out.optional_text("source", self.source.as_deref());
        out.optional_number("status", self.status.map(u64::from));
        out.optional_text("subject", self.subject.as_deref());
        out.optional_text("surface", self.surface.as_deref());
        out.optional_text("tenant", (!self.tenant.is_house()).then(|| self.tenant.as_str()));
        out.text("timestamp", &timestamp.to_string());
        out.optional_number("tokens_in", self.tokens_in);
        out.optional_number("tokens_out", self.tokens_out);
        // `user` comes after `truncated` but may itself be cut, so it is measured before it is written.
        if out.truncated || out.would_cut(&self.user) {
            out.name("truncated");
            out.bytes.extend_from_slice(b"true");
        }
        out.text("user", &self.user);
        out.number("v", 1);
        out.bytes.push(b'}');
        out.bytes
    }
}

fn count_kind(counts: &mut BTreeMap<String, u32>, kind: &str) {
    let count = counts.entry(kind.to_owned()).or_default();
    *count = count.saturating_add(1);
}

#[derive(Clone, Copy)]
struct Limits {
    /// Elements of a list.
    list: usize,
    /// Bytes of a string as written, escapes counted.
    text: usize,
}

struct Json {
    bytes: Vec<u8>,
    limits: Limits,
    truncated: bool,
}

impl Json {
    fn name(&mut self, name: &str) {
        if self.bytes.last() != Some(&b'{') {
            self.bytes.push(b',');
        }
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.string(value);
    }

    fn optional_text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    fn number(&mut self, name: &str, value: u64) {
        // Above 2^53 a JSON number is no longer exact for everybody (RFC 8785 section 3.2.2.3).
        let value = value.min((1 << 53) - 1);
        self.name(name);
        self.bytes.extend_from_slice(value.to_string().as_bytes());
    }

    fn optional_number(&mut self, name: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.number(name, value);
        }
    }

    /// The shortest decimal with at most two places: `0`, `0.3`, `0.25`, `1`.
    fn score(&mut self, name: &str, value: f32) {
        let hundredths = if value.is_nan() { 100 } else { (value.clamp(0.0, 1.0) * 100.0).round() as u8 };
        self.name(name);
        let (tens, ones) = (b'0' + hundredths / 10 % 10, b'0' + hundredths % 10);
        match hundredths {
            100 => self.bytes.push(b'1'),
            0 => self.bytes.push(b'0'),
            _ if hundredths % 10 == 0 => self.bytes.extend_from_slice(&[b'0', b'.', tens]),
            _ => self.bytes.extend_from_slice(&[b'0', b'.', tens, ones]),
        }
    }

    fn texts(&mut self, name: &str, values: &[String]) {
        self.truncated |= values.len() > self.limits.list;
        if values.is_empty() {
            return;
        }
        self.name(name);
        self.bytes.push(b'[');
        for (place, value) in values.iter().take(self.limits.list).enumerate() {
            if place > 0 {
                self.bytes.push(b',');
            }
            self.string(value);
        }
        self.bytes.push(b']');
    }

    fn counts(&mut self, name: &str, counts: &BTreeMap<String, u32>) {
        self.truncated |= counts.len() > self.limits.list;
        if counts.is_empty() {
            return;
        }
        self.name(name);
        self.bytes.push(b'{');
        // The map sorts by code points; RFC 8785 section 3.2.3 sorts by UTF-16 code units.
        let mut sorted: Vec<_> = counts.iter().collect();
        sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
        for (place, (kind, count)) in sorted.into_iter().take(self.limits.list).enumerate() {
            if place > 0 {
                self.bytes.push(b',');
            }
            self.string(kind);
            self.bytes.push(b':');
            self.bytes.extend_from_slice(count.to_string().as_bytes());
        }
        self.bytes.push(b'}');
    }

    fn coverage(&mut self, name: &str, coverage: Option<Coverage>) {
        let Some(Coverage { scanned, decoded, opaque }) = coverage else { return };
        self.name(name);
        self.bytes.push(b'{');
        self.number("decoded", decoded);
        self.number("opaque", opaque);
        self.number("scanned", scanned);
        self.bytes.push(b'}');
    }

    /// 22 characters of base64url without padding.
    fn salt(&mut self, name: &str, salt: &[u8; 16]) {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let digit = |bits: u128| ALPHABET.get((bits & 63) as usize).copied().unwrap_or(b'A');
        let bits = u128::from_be_bytes(*salt);
        self.name(name);
        self.bytes.push(b'"');
        for place in 0..21_u32 {
            self.bytes.push(digit(bits >> (122 - 6 * place)));
        }
        self.bytes.push(digit(bits << 4));
        self.bytes.push(b'"');
    }

    /// Escapes as RFC 8785 section 3.2.2.2 has it.
    fn string(&mut self, value: &str) {
        self.bytes.push(b'"');
        let mut room = self.limits.text;
        for c in value.chars() {
            let length = written_length(c);
            if length > room {
                self.truncated = true;
                break;
            }
            room -= length;
            match c {
                '"' => self.bytes.extend_from_slice(b"\\\""),
                '\\' => self.bytes.extend_from_slice(b"\\\\"),
                '\u{8}' => self.bytes.extend_from_slice(b"\\b"),
                '\t' => self.bytes.extend_from_slice(b"\\t"),
                '\n' => self.bytes.extend_from_slice(b"\\n"),
                '\u{c}' => self.bytes.extend_from_slice(b"\\f"),
                '\r' => self.bytes.extend_from_slice(b"\\r"),
                c if c < ' ' => self.bytes.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes()),
                c => self.bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        self.bytes.push(b'"');
    }

    fn would_cut(&self, value: &str) -> bool {
        value.chars().map(written_length).sum::<usize>() > self.limits.text
    }
}

fn written_length(c: char) -> usize {
    match c {
        '"' | '\\' | '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => 2,
        c if c < ' ' => 6,
        c => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests;
