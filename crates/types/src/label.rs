//! The label lattice. In its first form a label is a level.

use std::fmt;

/// How sensitive a text is. Joins upwards, never falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    Public,
    Internal,
    Confidential,
    Secret,
}

impl Label {
    pub const ALL: [Self; 4] = [Self::Public, Self::Internal, Self::Confidential, Self::Secret];

    /// The least label that is at least as high as both.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        self.max(other)
    }

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

    /// A label as people write it: English or German, any ASCII case; `ÖFFENTLICH` in UTF-8 or Latin-1.
    pub fn parse(bytes: &[u8]) -> Result<Self, UnknownLabel> {
        let upper = bytes.trim_ascii().to_ascii_uppercase();
        match upper.as_slice() {
            b"PUBLIC" | b"OEFFENTLICH" | b"\xD6FFENTLICH" | b"\xF6FFENTLICH" | b"\xC3\x96FFENTLICH"
            | b"\xC3\xB6FFENTLICH" => Ok(Self::Public),
            b"INTERNAL" | b"INTERN" => Ok(Self::Internal),
            b"CONFIDENTIAL" | b"VERTRAULICH" => Ok(Self::Confidential),
            b"SECRET" | b"GEHEIM" => Ok(Self::Secret),
            _ => Err(UnknownLabel),
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownLabel;

impl fmt::Display for UnknownLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a label; the labels are PUBLIC, INTERNAL, CONFIDENTIAL and SECRET")
    }
}

impl std::error::Error for UnknownLabel {}

#[cfg(test)]
mod tests {
    use super::Label;

    fn check(input: &[u8], expected: Option<Label>) {
        assert_eq!(Label::parse(input).ok(), expected, "{input:?}");
    }

    #[test]
    fn labels_are_read_in_both_languages_and_encodings() {
        check(b"PUBLIC", Some(Label::Public));
        check("ÖFFENTLICH".as_bytes(), Some(Label::Public));
        check("öffentlich".as_bytes(), Some(Label::Public));
        check(b"\xD6FFENTLICH", Some(Label::Public));
        check(b"\xF6ffentlich", Some(Label::Public));
        check(b"oeffentlich", Some(Label::Public));
        check(b" intern ", Some(Label::Internal));
        check(b"vertraulich", Some(Label::Confidential));
        check(b"GEHEIM", Some(Label::Secret));
        check(b"", None);
        check(b"TOP SECRET", None);
    }

    #[test]
    fn the_join_is_the_higher_label() {
        for a in Label::ALL {
            for b in Label::ALL {
                assert_eq!(a.join(b), b.join(a));
                assert!(a.join(b) >= a && a.join(b) >= b);
            }
        }
    }
}
