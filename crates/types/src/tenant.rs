//! Tenants: parts of a house that share its machines and nothing else.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Part of a house with model servers, caches and keys of its own: 1 to 32 of `a-z 0-9 -`, not beginning with `-`.
///
/// Everybody belongs to one. A house that names none has one all the same, [`Tenant::HOUSE`], and so whoever belongs to no
/// other belongs to that one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(Cow<'static, str>);

impl Tenant {
    /// The operator's own.
    pub const HOUSE: Self = Self(Cow::Borrowed("house"));

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_house(&self) -> bool {
        *self == Self::HOUSE
    }

    pub fn parse(text: &str) -> Result<Self, UnknownTenant> {
        let is_of_a_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name =
            (1..=32).contains(&text.len()) && text.bytes().all(is_of_a_name) && !text.starts_with('-');
        match text {
            "house" => Ok(Self::HOUSE),
            text if is_name => Ok(Self(Cow::Owned(text.to_owned()))),
            _ => Err(UnknownTenant),
        }
    }
}

impl Default for Tenant {
    fn default() -> Self {
        Self::HOUSE
    }
}

impl FromStr for Tenant {
    type Err = UnknownTenant;

    fn from_str(text: &str) -> Result<Self, UnknownTenant> {
        Self::parse(text)
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text cannot be the name of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownTenant;

impl fmt::Display for UnknownTenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the name of a tenant; write 1 to 32 of `a-z`, `0-9` and `-`, not beginning with `-`")
    }
}

impl std::error::Error for UnknownTenant {}

#[cfg(test)]
mod tests {
    use super::Tenant;

    fn check(input: &str, is_name: bool) {
        assert_eq!(
            Tenant::parse(input).map(|tenant| tenant.to_string()).ok(),
            is_name.then(|| input.to_owned())
        );
    }

    #[test]
    fn names_are_short_and_plain() {
        check("retail", true);
        check("house", true);
        check("a-1", true);
        check("1", true);
        check(&"a".repeat(32), true);
        check("", false);
        check("-a", false);
        check("Retail", false);
        check("a b", false);
        check("a_b", false);
        check("ä", false);
        check("a\n", false);
        check(&"a".repeat(33), false);
        assert!(Tenant::parse("house").unwrap().is_house());
        assert_eq!(Tenant::parse("house").unwrap(), Tenant::default());
    }
}
