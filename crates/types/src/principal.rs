//! Who is asking.

use std::fmt;

use crate::Tenant;

/// Somebody whose credential was checked. Only `identity` makes one for the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The person's or service's id in this house, 1 to 128 bytes.
    pub person: String,
    pub role: Role,
    pub groups: Vec<String>,
    /// To which part of the house they belong: known from the store or from their issuer, never from what they send.
    pub tenant: Tenant,
    /// The id of the key or session that was presented, never the secret itself.
    pub credential: String,
}

/// A credential as it was presented, not yet checked.
#[derive(Clone, Copy)]
pub enum Presented<'a> {
    /// In a header: an API key, or a token of an issuer.
    Bearer(&'a str),
    /// In a browser's cookie: a session of this house.
    Session(&'a str),
}

/// The five roles of every house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    Employee,
    Engineer,
    Security,
    Admin,
    Auditor,
}

impl Role {
    pub const ALL: [Self; 5] = [Self::Employee, Self::Engineer, Self::Security, Self::Admin, Self::Auditor];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Employee => "employee",
            Self::Engineer => "engineer",
            Self::Security => "security",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
        }
    }

    pub fn parse(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownRole;

impl fmt::Display for UnknownRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a role; the roles are employee, engineer, security, admin and auditor")
    }
}

impl std::error::Error for UnknownRole {}
