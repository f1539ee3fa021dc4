//! Where model servers stand.

use std::fmt;

/// Where a model server stands. Declared by the configuration, not proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zone {
    Local,
    Airgapped,
    External,
}

impl Zone {
    pub const ALL: [Self; 3] = [Self::Local, Self::Airgapped, Self::External];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Airgapped => "airgapped",
            Self::External => "external",
        }
    }

    /// A zone as a configuration file writes it: lower case.
    pub fn parse(text: &str) -> Result<Self, UnknownZone> {
        Self::ALL.into_iter().find(|zone| zone.as_str() == text).ok_or(UnknownZone)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownZone;

impl fmt::Display for UnknownZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a zone; the zones are local, airgapped and external")
    }
}

impl std::error::Error for UnknownZone {}
