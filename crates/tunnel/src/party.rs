//! Who a process of the house is.

use std::fmt;

use rustls::pki_types::CertificateDer;
use schleuse_types::Timestamp;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The processes that links join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartyRole {
    Edge,
    Gate,
    Connector,
}

impl PartyRole {
    pub const ALL: [Self; 3] = [Self::Edge, Self::Gate, Self::Connector];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Gate => "gate",
            Self::Connector => "connector",
        }
    }

    /// Lower case, as in a certificate.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl fmt::Display for PartyRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One process of one house. Printed and read as its SPIFFE id, `spiffe://HOUSE/ROLE/NAME`
/// (SPIFFE-ID specification, section 2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Party {
    house: String,
    role: PartyRole,
    name: String,
}

impl Party {
    /// `house`: 1 to 63 of `a-z 0-9 - .`; `name`: 1 to 64 of `a-z 0-9 - _ .`.
    pub fn new(house: &str, role: PartyRole, name: &str) -> Result<Self, PartyError> {
        if !is_house(house) {
            return Err(PartyError::House);
        }
        if !is_name(name) {
            return Err(PartyError::Name);
        }
        Ok(Self { house: house.to_owned(), role, name: name.to_owned() })
    }

    pub fn house(&self) -> &str {
        &self.house
    }

    pub fn role(&self) -> PartyRole {
        self.role
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads exactly what [`fmt::Display`] writes.
    pub fn parse(uri: &str) -> Result<Self, PartyError> {
        let rest = uri.strip_prefix("spiffe://").ok_or(PartyError::NotAnId)?;
        let mut parts = rest.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(house), Some(role), Some(name), None) => {
                Self::new(house, PartyRole::parse(role).ok_or(PartyError::NotAnId)?, name)
            }
            _ => Err(PartyError::NotAnId),
        }
    }
}

/// What a leaf certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) party: Party,
    pub(crate) begins: Timestamp,
    pub(crate) expires: Timestamp,
}

impl Leaf {
    /// Only for the first certificate of a chain, and only after the TLS library has accepted its path: nothing is
    /// verified here. Other certificates of a chain never say who somebody is.
    pub(crate) fn read(leaf: &CertificateDer<'_>) -> Result<Self, PartyError> {
        let (rest, certificate) = X509Certificate::from_der(leaf).map_err(|_| PartyError::Unreadable)?;
        if !rest.is_empty() {
            return Err(PartyError::Unreadable);
        }
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| PartyError::Unreadable)?
            .ok_or(PartyError::NotAnId)?;
        let mut ids = names.value.general_names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        // Two ids would leave it to the reader which one counts.
        let (Some(id), None) = (ids.next(), ids.next()) else { return Err(PartyError::NotAnId) };
        let at =
            |seconds: i64| Timestamp(u64::try_from(seconds).unwrap_or_default().saturating_mul(1_000_000));
        let validity = certificate.validity();
        Ok(Self {
            party: Party::parse(id)?,
            begins: at(validity.not_before.timestamp()),
            expires: at(validity.not_after.timestamp()),
        })
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}/{}/{}", self.house, self.role, self.name)
    }
}

pub(crate) fn is_house(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.'))
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.'))
        // The SPIFFE specification forbids these as segments of a path.
        && text != "."
        && text != ".."
}

/// Why this names no process of a house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartyError {
    House,
    Name,
    NotAnId,
    Unreadable,
}

impl fmt::Display for PartyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::House => "a house is named by 1 to 63 lower-case letters, digits, hyphens and dots",
            Self::Name => {
                "a process is named by 1 to 64 lower-case letters, digits, hyphens, underscores and dots"
            }
            Self::NotAnId => "not one id of the form `spiffe://house/role/name`",
            Self::Unreadable => "the certificate cannot be read",
        })
    }
}

impl std::error::Error for PartyError {}

#[cfg(test)]
mod tests {
    use super::Party;

    fn check(uri: &str, expected: bool) {
        let party = Party::parse(uri);
        assert_eq!(party.is_ok(), expected, "{uri}");
        if let Ok(party) = party {
            assert_eq!(party.to_string(), uri);
        }
    }

    #[test]
    fn only_the_one_form_is_read() {
        check("spiffe://acme/edge/dmz-1", true);
        check("spiffe://acme.example/connector/gpu_1.b", true);
        check("spiffe://acme/gate/g", true);
        check("spiffe://acme/Edge/dmz", false);
        check("spiffe://ACME/edge/dmz", false);
        check("spiffe://acme/portal/x", false);
        check("spiffe://acme/edge/", false);
        check("spiffe://acme/edge/..", false);
        check("spiffe://acme/edge/a/b", false);
        check("spiffe://acme/edge/a?x", false);
        check("spiffe://acme/edge", false);
        check("spiffe:///edge/a", false);
        check("https://acme/edge/a", false);
        check("spiffe://acme@evil/edge/a", false);
    }
}
