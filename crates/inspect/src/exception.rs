//! Exceptions: what may pass although a guardrail speaks against it, for a while and for a reason.

use hmac::{Hmac, Mac};
use schleuse_types::FindingAction;
use sha2::Sha256;

use crate::document::Node;
use crate::guardrails::{GuardrailError, NO_GROUP, kinds_named};
use crate::kind::{self, Kind};
use crate::names::nearest;
use crate::scope::Scope;
use crate::score::canonical;

/// The longest that an exception may still have to go, in days. One with longer is not in force.
pub const EXCEPTION_DAYS_MAX: u64 = 400;
const DAY_S: u64 = 86_400;
const VALUE_PREFIX: &str = "hmac-sha256:";
const KEYS: [&str; 8] = ["type", "rule", "value", "path", "group", "until", "reason", "allowed_by"];

/// One exception: findings of a type or rule, bound to a value, a place or a group of persons, call for nothing until a
/// day is over. Such a finding is still reported, as excepted. What was hidden is never excepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Types by name; empty when a rule is named.
    pub(crate) kinds: Vec<&'static str>,
    pub(crate) rule: Option<String>,
    pub(crate) value: Option<[u8; 32]>,
    path: Option<String>,
    groups: Vec<String>,
    until_s: u64,
    /// The same as it was written.
    until: String,
    reason: String,
    allowed_by: Vec<String>,
    pub(crate) line: usize,
}

impl Exception {
    pub(crate) fn read(row: &Node) -> Result<Self, GuardrailError> {
        let fail = |line: usize, message: String| GuardrailError::Row { line, message };
        if let Some((key, value)) = row.entries().iter().find(|(key, _)| !KEYS.contains(&key.as_str())) {
            let nearest = nearest(key, KEYS.into_iter());
            return Err(fail(
                value.line,
                format!("exception key `{key}` is not known, the nearest is `{nearest}`"),
            ));
        }
        let text = |key: &str| match row.get(key) {
            None => Ok(None),
            Some(node) => match node.text() {
                Some(text) if !text.is_empty() => Ok(Some(text.to_owned())),
                _ => Err(fail(node.line, format!("`{key}` of an exception is a text"))),
            },
        };
        let texts = |key: &str| match row.get(key) {
            None => Ok(Vec::new()),
            Some(node) => {
                node.texts().map(|texts| texts.into_iter().map(str::to_owned).collect::<Vec<_>>()).ok_or_else(
                    || fail(node.line, format!("`{key}` of an exception is a text or a list of texts")),
                )
            }
        };
        let missing =
            |key: &str, like: &str| fail(row.line, format!("an exception needs `{key}`, such as {like}"));
        let (rule, groups, path) = (text("rule")?, texts("group")?, text("path")?);
        if let Some(line) =
            row.get("group").map(|node| node.line).filter(|_| groups.iter().any(String::is_empty))
        {
            return Err(fail(line, NO_GROUP.to_owned()));
        }
        let kinds = match text("type")? {
            Some(name) => kinds_named(&name, row.line)?,
            None if rule.is_some() => Vec::new(),
            None => return Err(missing("type` or `rule", "`IBAN`")),
        };
        let is_final = |kind: &Kind| kind.credential && kind.action == FindingAction::Block;
        if rule.is_none()
            && let Some(name) = kinds.iter().find(|name| kind::find(name).is_some_and(is_final))
        {
            return Err(fail(row.line, format!("an exception from `{name}` must name its `rule`")));
        }
        let value = match text("value")? {
            Some(text) => Some(parse_value(&text).ok_or_else(|| {
                fail(
                    row.line,
                    format!("`value` of an exception reads `{VALUE_PREFIX}` and 64 hexadecimal digits"),
                )
            })?),
            None => None,
        };
        if value.is_none() && path.is_none() && groups.is_empty() {
            return Err(missing("value`, `path` or `group", "`group = \"payroll\"`"));
        }
        let until = text("until")?.ok_or_else(|| missing("until", "`2027-03-31`"))?;
        let until_s = end_of_day(&until)
            .ok_or_else(|| fail(row.line, "`until` of an exception reads `2027-03-31`".to_owned()))?;
        let reason = text("reason")?.ok_or_else(|| missing("reason", "`the company's own account`"))?;
        let allowed_by = texts("allowed_by")?;
        if allowed_by.is_empty() || allowed_by.iter().any(String::is_empty) {
            return Err(missing("allowed_by", "`Dr. Anna Weber`"));
        }
        Ok(Self { kinds, rule, value, path, groups, until_s, until, reason, allowed_by, line: row.line })
    }

    /// Whether the exception may count for texts of this scope now.
    pub(crate) fn covers(&self, scope: &Scope<'_>) -> bool {
        let in_place = match (&self.path, scope.path) {
            (None, _) => true,
            (Some(prefix), Some(path)) => begins_path(path, prefix),
            (Some(_), None) => false,
        };
        let in_group = self.groups.is_empty() || self.groups.iter().any(|group| scope.groups.contains(group));
        in_place && in_group && scope.now_s.is_some_and(|now| self.is_in_force(now))
    }

    /// The same, wherever it stands in its file.
    pub(crate) fn without_line(&self) -> Self {
        Self { line: 0, ..self.clone() }
    }

    pub(crate) fn is_bound_to_a_place(&self) -> bool {
        self.path.is_some()
    }

    /// Not yet over, and not further off than [`EXCEPTION_DAYS_MAX`]. `now_s` is in seconds since 1970.
    pub fn is_in_force(&self, now_s: u64) -> bool {
        now_s < self.until_s && self.until_s - now_s <= EXCEPTION_DAYS_MAX * DAY_S
    }

    /// The first second, since 1970, at which it is over.
    pub fn until_s(&self) -> u64 {
        self.until_s
    }

    /// The last day on which it is in force, as its file writes it.
    pub fn last_day(&self) -> &str {
        &self.until
    }

    /// The line of its file, from 1; 0 where it is not known.
    pub fn line(&self) -> usize {
        self.line
    }

    pub fn reason(&self) -> &str {
        &self.reason
    }

    pub fn allowed_by(&self) -> &[String] {
        &self.allowed_by
    }
}

/// What an exception writes as `value` for one value of a type, however that value is grouped or cased.
///
/// `key` is the house's own, at least 16 bytes: most numbers could be guessed from a hash without a key.
pub fn exception_value(key: &[u8], kind: &str, value: &str) -> String {
    let hash = keyed(key, kind, value.as_bytes());
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{VALUE_PREFIX}{hex}")
}

/// HMAC-SHA-256 (RFC 2104) of the type and the value without case, spaces and punctuation.
pub(crate) fn keyed(key: &[u8], kind: &str, found: &[u8]) -> [u8; 32] {
    // A key of any length is taken; the error cannot happen.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(kind.as_bytes());
    mac.update(&[0]);
    let text: String = canonical(found).collect();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

fn parse_value(text: &str) -> Option<[u8; 32]> {
    let hex = text.strip_prefix(VALUE_PREFIX)?;
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut value = [0; 32];
    for (at, byte) in value.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(value)
}

/// The path itself or one below it.
fn begins_path(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The second at which a day such as `2027-03-31` is over in UTC, since 1970. Years 1970 to 9999; `None` for what is no day.
pub fn end_of_day(text: &str) -> Option<u64> {
    let mut parts = text.split('-');
    let mut next = |digits: usize| {
        let part = parts.next().filter(|part| part.len() == digits)?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u64>().ok())?
    };
    let (year, month, day) = (next(4)?, next(2)?, next(2)?);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = lengths.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    if parts.next().is_some() || year < 1970 || !(1..=*length).contains(&day) {
        return None;
    }
    let years: u64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let months: u64 = lengths.iter().zip(1..month).map(|(length, _)| length).sum();
    Some((years + months + day) * DAY_S)
}

#[cfg(test)]
mod tests {
    use super::{begins_path, end_of_day, exception_value, keyed, parse_value};

    fn check(day: &str, expected: Option<u64>) {
        assert_eq!(end_of_day(day), expected, "{day}");
    }

    #[test]
    fn days_end_at_midnight() {
        check("1970-01-01", Some(86_400));
        check("2000-02-29", Some(951_868_800));
        check("2026-11-21", Some(1_795_305_600));
        check("2027-03-31", Some(1_806_537_600));
        check("2026-02-29", None);
        check("2026-13-01", None);
        check("2026-00-10", None);
        check("2026-1-1", None);
        check("1969-12-31", None);
        check("2026-01-01-01", None);
        check("morgen", None);
    }

    #[test]
    fn paths_begin_at_whole_names() {
        for (path, prefix, expected) in [
            ("/messages/0/content", "/messages/0", true),
            ("/messages/0/content", "/messages/0/", true),
            ("/messages/01", "/messages/0", false),
            ("/messages/0", "/messages/0", true),
            ("/tools", "/messages", false),
        ] {
            assert_eq!(begins_path(path, prefix), expected, "{path} {prefix}");
        }
    }

    #[test]
    fn values_are_told_apart_by_key_and_type_only() {
        let one = exception_value(b"a key of sixteen", "IBAN", "DE89 3704 0044 0532 0130 00");
        assert_eq!(one, exception_value(b"a key of sixteen", "IBAN", "de89370400440532013000"));
        assert_ne!(one, exception_value(b"another key here", "IBAN", "DE89 3704 0044 0532 0130 00"));
        assert_ne!(one, exception_value(b"a key of sixteen", "BIC", "DE89 3704 0044 0532 0130 00"));
        assert_eq!(parse_value(&one), Some(keyed(b"a key of sixteen", "IBAN", b"DE89370400440532013000")));
        assert_eq!(parse_value("hmac-sha256:12"), None);
    }
}
