//! The two languages in which Schleuse speaks to people.

use std::borrow::Cow;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    English,
    German,
}

impl Language {
    /// The better of the two for an `Accept-Language` header (RFC 9110 section 12.5.4); English when it names neither.
    pub fn from_accept_language(header: &str) -> Self {
        let mut best = (0_u32, Self::English);
        for part in header.split(',').take(32) {
            let mut pieces = part.split(';');
            let tag = pieces.next().unwrap_or_default().trim();
            let quality = pieces
                .find_map(|piece| piece.trim().strip_prefix("q="))
                .map_or(Some(1.0), |text| text.parse::<f32>().ok())
                .filter(|quality| (0.0..=1.0).contains(quality))
                .map_or(0, |quality| (quality * 1000.0) as u32);
            let primary = tag.split('-').next().unwrap_or_default();
            let language = if primary.eq_ignore_ascii_case("de") {
                Self::German
            } else if primary.eq_ignore_ascii_case("en") {
                Self::English
            } else {
                continue;
            };
            if quality > best.0 {
                best = (quality, language);
            }
        }
        best.1
    }
}

/// A sentence for people, in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub english: Cow<'static, str>,
    pub german: Cow<'static, str>,
}

impl Text {
    pub const fn fixed(english: &'static str, german: &'static str) -> Self {
        Self { english: Cow::Borrowed(english), german: Cow::Borrowed(german) }
    }

    pub fn new(english: impl Into<String>, german: impl Into<String>) -> Self {
        Self { english: Cow::Owned(english.into()), german: Cow::Owned(german.into()) }
    }

    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::English => &self.english,
            Language::German => &self.german,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    fn check(header: &str, expected: Language) {
        assert_eq!(Language::from_accept_language(header), expected, "{header}");
    }

    #[test]
    fn the_preferred_of_two_languages_is_chosen() {
        check("", Language::English);
        check("de", Language::German);
        check("de-DE,de;q=0.9,en;q=0.8", Language::German);
        check("en-US,en;q=0.9,de;q=0.8", Language::English);
        check("fr,de;q=0.5,en;q=0.4", Language::German);
        check("fr", Language::English);
        check("de;q=banana", Language::English);
        check("de;q=0", Language::English);
    }
}
