//! The label lattice: a level, and compartments beside it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The most compartments of one label, and of a house.
pub const COMPARTMENTS_MAX: usize = 16;

/// How sensitive a text is. A total order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Public,
    Internal,
    Confidential,
    Secret,
}

impl Level {
    pub const ALL: [Self; 4] = [Self::Public, Self::Internal, Self::Confidential, Self::Secret];

    /// As a German reader knows it; one of the names that [`Self::parse`] takes.
    pub fn as_german(self) -> &'static str {
        match self {
            Self::Public => "ÖFFENTLICH",
            Self::Internal => "INTERN",
            Self::Confidential => "VERTRAULICH",
            Self::Secret => "GEHEIM",
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "PUBLIC",
            Self::Internal => "INTERNAL",
            Self::Confidential => "CONFIDENTIAL",
            Self::Secret => "SECRET",
        }
    }

    /// A level as people write it: English or German, any ASCII case; `ÖFFENTLICH` in UTF-8 or Latin-1.
    pub fn parse(bytes: &[u8]) -> Result<Self, UnknownLabel> {
        let upper = bytes.trim_ascii().to_ascii_uppercase();
        match upper.as_slice() {
            b"PUBLIC" | b"OEFFENTLICH" | b"\xD6FFENTLICH" | b"\xF6FFENTLICH" | b"\xC3\x96FFENTLICH"
            | b"\xC3\xB6FFENTLICH" => Ok(Self::Public),
            b"INTERNAL" | b"INTERN" => Ok(Self::Internal),
            b"CONFIDENTIAL" | b"VERTRAULICH" => Ok(Self::Confidential),
            b"SECRET" | b"GEHEIM" => Ok(Self::Secret),
            _ => Err(UnknownLabel::Level),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that only some people need to know about, such as `hr`: 1 to 32 of `a-z 0-9 -`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Compartment(Arc<str>);

impl Compartment {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Compartment {
    type Err = UnknownLabel;

    fn from_str(text: &str) -> Result<Self, UnknownLabel> {
        let is_of_a_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(is_of_a_name) {
            Ok(Self(text.into()))
        } else {
            Err(UnknownLabel::Compartment)
        }
    }
}

impl fmt::Display for Compartment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How sensitive a text is, and what it is about: a level and a set of compartments. Written `CONFIDENTIAL` or
/// `CONFIDENTIAL//hr,patient`.
///
/// A lattice: one label may flow to another when its level is at most the other's and its compartments are among the
/// other's. That is no total order, so labels are not compared with `<`. Also what a person or a model server may have is a
/// label, its *clearance*. Cheap to clone; without compartments it allocates nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Label {
    level: Level,
    /// Sorted, each once; `None` and never an empty list.
    compartments: Option<Arc<[Compartment]>>,
}

impl Label {
    pub const PUBLIC: Self = Self { level: Level::Public, compartments: None };
    pub const INTERNAL: Self = Self { level: Level::Internal, compartments: None };
    pub const CONFIDENTIAL: Self = Self { level: Level::Confidential, compartments: None };
    pub const SECRET: Self = Self { level: Level::Secret, compartments: None };

    /// Without compartments.
    pub const fn of(level: Level) -> Self {
        Self { level, compartments: None }
    }

    /// With these compartments besides its own.
    #[must_use]
    pub fn with(&self, compartments: impl IntoIterator<Item = Compartment>) -> Self {
        let mut all: Vec<Compartment> =
            compartments.into_iter().chain(self.compartments().iter().cloned()).collect();
        all.sort_unstable();
        all.dedup();
        Self { level: self.level, compartments: shared(all) }
    }

    pub fn level(&self) -> Level {
        self.level
    }

    /// Sorted, each once.
    pub fn compartments(&self) -> &[Compartment] {
        self.compartments.as_deref().unwrap_or_default()
    }

    /// The least label to which both may flow.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        let level = self.level.max(other.level);
        let (mine, its) = (self.compartments(), other.compartments());
        let is_among = |few: &[Compartment], many: &[Compartment]| few.iter().all(|one| many.contains(one));
        if is_among(its, mine) {
            return Self { level, compartments: self.compartments.clone() };
        }
        if is_among(mine, its) {
            return Self { level, compartments: other.compartments.clone() };
        }
        Self { level, ..self.with(its.iter().cloned()) }
    }

    /// The greatest label that may flow to both.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        let is_common = |one: &&Compartment| other.compartments().contains(one);
        let common: Vec<Compartment> = self.compartments().iter().filter(is_common).cloned().collect();
        Self { level: self.level.min(other.level), compartments: shared(common) }
    }

    /// Whether a text with this label may go where `clearance` may be had.
    pub fn flows_to(&self, clearance: &Self) -> bool {
        self.level <= clearance.level
            && self.compartments().iter().all(|one| clearance.compartments().contains(one))
    }

    /// A label as people write it: a level, or a level, `//` and compartments with commas between them.
    pub fn parse(bytes: &[u8]) -> Result<Self, UnknownLabel> {
        let Some(at) = bytes.windows(2).position(|pair| pair == b"//") else {
            return Level::parse(bytes).map(Self::of);
        };
        let (level, rest) = bytes.split_at(at);
        let level = Level::parse(level)?;
        let names = std::str::from_utf8(rest.get(2..).unwrap_or_default());
        let names = names.map_err(|_| UnknownLabel::Compartment)?;
        let mut compartments = Vec::new();
        for name in names.split(',') {
            if compartments.len() == COMPARTMENTS_MAX {
                return Err(UnknownLabel::TooMany);
            }
            compartments.push(name.trim().parse()?);
        }
        Ok(Self::of(level).with(compartments))
    }

    /// As a German reader knows it; [`Self::parse`] takes that too.
    pub fn to_german(&self) -> String {
        format!("{}{}", self.level.as_german(), Behind(self.compartments()))
    }
}

impl From<Level> for Label {
    fn from(level: Level) -> Self {
        Self::of(level)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.level, Behind(self.compartments()))
    }
}

/// What stands behind the level.
struct Behind<'a>(&'a [Compartment]);

impl fmt::Display for Behind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, compartment) in self.0.iter().enumerate() {
            f.write_str(if place == 0 { "//" } else { "," })?;
            f.write_str(compartment.as_str())?;
        }
        Ok(())
    }
}

fn shared(compartments: Vec<Compartment>) -> Option<Arc<[Compartment]>> {
    (!compartments.is_empty()).then(|| compartments.into())
}

/// The text is no label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownLabel {
    /// It names no level.
    Level,
    /// What stands behind `//` are no names of compartments.
    Compartment,
    /// It names more than [`COMPARTMENTS_MAX`] compartments.
    TooMany,
}

impl fmt::Display for UnknownLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level => {
                f.write_str("not a label; the labels are PUBLIC, INTERNAL, CONFIDENTIAL and SECRET")
            }
            Self::Compartment => f.write_str(
                "not a label; behind `//` stand compartments, each 1 to 32 of `a-z`, `0-9` and `-`, with commas between them",
            ),
            Self::TooMany => write!(f, "not a label; it has more than {COMPARTMENTS_MAX} compartments"),
        }
    }
}

impl std::error::Error for UnknownLabel {}

#[cfg(test)]
mod tests;
