//! Refusals: every way in which a request ends without its answer.

use std::fmt;

use crate::{Finding, Text};

/// Why a request was refused, for people outside and for the log inside.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub code: RefusalCode,
    /// What happened, for the asker.
    pub message: Text,
    /// What the asker can do next.
    pub next: Text,
    /// For log and audit; may name configuration, never holds prompt text.
    pub inside: String,
    /// The field at fault, as OpenAI's `param`.
    pub param: Option<String>,
    pub findings: Vec<Finding>,
    /// Seconds for a `Retry-After` header.
    pub retry_after_s: Option<u32>,
}

impl Refusal {
    pub fn new(code: RefusalCode, message: Text, next: Text, inside: impl Into<String>) -> Self {
        Self {
            code,
            message,
            next,
            inside: inside.into(),
            param: None,
            findings: Vec::new(),
            retry_after_s: None,
        }
    }

    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    #[must_use]
    pub fn with_findings(mut self, findings: Vec<Finding>) -> Self {
        self.findings = findings;
        self
    }

    #[must_use]
    pub fn with_inside(mut self, inside: impl Into<String>) -> Self {
        self.inside = inside.into();
        self
    }

    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

/// The inside text, for logs.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.code(), self.inside)
    }
}

/// The fixed codes of refusals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusalCode {
    InvalidApiKey,
    InvalidRequest,
    RequestTooLarge,
    AccessDenied,
    SensitiveDataDetected,
    NoPermittedRoute,
    ModelNotFound,
    NotFound,
    MethodNotAllowed,
    /// What is asked for will be there in a moment.
    NotYet,
    RateLimited,
    /// The model server answered with an error of its own: its status and its `code`, kept.
    UpstreamRefused {
        status: u16,
        code: Option<String>,
    },
    /// The model server answered nonsense, or died while answering.
    UpstreamFailed,
    UpstreamUnavailable,
    UpstreamTimeout,
    AuditUnavailable,
    ShuttingDown,
    /// The asker left before the answer was complete. Never sent, only recorded.
    ClientLeft,
    /// The key was revoked while its answer was being streamed.
    CredentialRevoked,
    Internal,
}

impl RefusalCode {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::InvalidApiKey | Self::CredentialRevoked => 401,
            Self::AccessDenied | Self::SensitiveDataDetected | Self::NoPermittedRoute => 403,
            Self::ModelNotFound | Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NotYet => 409,
            Self::RequestTooLarge => 413,
            Self::RateLimited => 429,
            Self::ClientLeft => 499,
            Self::Internal => 500,
            Self::UpstreamFailed => 502,
            Self::UpstreamUnavailable | Self::AuditUnavailable | Self::ShuttingDown => 503,
            Self::UpstreamTimeout => 504,
            Self::UpstreamRefused { status, .. } => *status,
        }
    }

    /// The `code` member of the error object.
    pub fn code(&self) -> &str {
        match self {
            Self::InvalidApiKey | Self::CredentialRevoked => "invalid_api_key",
            Self::InvalidRequest => "invalid_request",
            Self::RequestTooLarge => "request_too_large",
            Self::AccessDenied => "access_denied",
            Self::SensitiveDataDetected => "sensitive_data_detected",
            Self::NoPermittedRoute => "no_permitted_route",
            Self::ModelNotFound => "model_not_found",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotYet => "not_yet",
            Self::RateLimited => "rate_limit_exceeded",
            Self::UpstreamRefused { code, .. } => code.as_deref().unwrap_or("upstream_refused"),
            Self::UpstreamFailed => "upstream_failed",
            Self::UpstreamUnavailable => "upstream_unavailable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::AuditUnavailable => "audit_unavailable",
            Self::ShuttingDown => "shutting_down",
            Self::ClientLeft => "client_left",
            Self::Internal => "internal_error",
        }
    }

    /// Whether this code says what only this house can know. A model server that uses one would be taken for it; codes
    /// that every API has, such as that of a rate limit, may be anybody's.
    pub fn is_of_this_house(code: &str) -> bool {
        const OURS: [RefusalCode; 9] = [
            RefusalCode::InvalidApiKey,
            RefusalCode::AccessDenied,
            RefusalCode::SensitiveDataDetected,
            RefusalCode::NoPermittedRoute,
            RefusalCode::UpstreamFailed,
            RefusalCode::UpstreamUnavailable,
            RefusalCode::UpstreamTimeout,
            RefusalCode::AuditUnavailable,
            RefusalCode::ShuttingDown,
        ];
        OURS.iter().any(|ours| ours.code() == code)
    }

    /// The code for logs. A model server's own code is not among them: what it says could repeat a prompt.
    pub fn recorded(&self) -> &str {
        match self {
            Self::UpstreamRefused { .. } => "upstream_refused",
            other => other.code(),
        }
    }

    /// The `type` member of the error object, in OpenAI's words where it has one.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::InvalidApiKey
            | Self::CredentialRevoked
            | Self::InvalidRequest
            | Self::RequestTooLarge
            | Self::ModelNotFound
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::NotYet => "invalid_request_error",
            Self::AccessDenied | Self::SensitiveDataDetected | Self::NoPermittedRoute => "policy_violation",
            Self::RateLimited => "rate_limit_error",
            Self::UpstreamRefused { .. }
            | Self::UpstreamFailed
            | Self::UpstreamUnavailable
            | Self::UpstreamTimeout => "upstream_error",
            Self::AuditUnavailable | Self::ShuttingDown | Self::Internal => "server_error",
            Self::ClientLeft => "client_error",
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::UpstreamRefused { status, .. } if *status < 500 => Fault::Asker,
            Self::UpstreamRefused { .. }
            | Self::UpstreamFailed
            | Self::UpstreamUnavailable
            | Self::UpstreamTimeout => Fault::Upstream,
            Self::AuditUnavailable | Self::ShuttingDown | Self::Internal => Fault::House,
            _ => Fault::Asker,
        }
    }

    /// What the log and the `x-schleuse-action` header say about a request that ended so.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::SensitiveDataDetected => Outcome::Blocked,
            Self::InvalidApiKey
            | Self::CredentialRevoked
            | Self::AccessDenied
            | Self::NoPermittedRoute
            | Self::RateLimited => Outcome::Denied,
            _ => Outcome::Error,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Asker,
    House,
    Upstream,
}

/// What became of a request: the audit entry's `action`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    Allowed,
    Warned,
    Masked,
    Pseudonymized,
    Redacted,
    Blocked,
    Denied,
    Error,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "ALLOWED",
            Self::Warned => "WARNED",
            Self::Masked => "MASKED",
            Self::Pseudonymized => "PSEUDONYMIZED",
            Self::Redacted => "REDACTED",
            Self::Blocked => "BLOCKED",
            Self::Denied => "DENIED",
            Self::Error => "ERROR",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
