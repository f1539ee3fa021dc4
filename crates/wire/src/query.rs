//! What stands behind the `?`, read strictly.

use schleuse_types::Refusal;

use crate::fields::nearest_of;
use crate::invalid_request;

/// The longest query that is read, in bytes.
const QUERY_BYTES_MAX: usize = 4096;

/// Parameters by name; none stands twice, and none is unknown to its route.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=b&c=d` with the names that the route knows. A parameter without a value counts as not given.
    pub fn read(text: Option<&str>, known: &'static [&'static str]) -> Result<Self, Refusal> {
        let text = text.unwrap_or_default();
        if text.len() > QUERY_BYTES_MAX {
            return Err(invalid_request(
                format!("What follows the `?` is longer than {QUERY_BYTES_MAX} bytes."),
                format!("Was nach dem `?` steht, ist länger als {QUERY_BYTES_MAX} Bytes."),
                "query too long",
                None,
            ));
        }
        let mut read: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decode(name, true), decode(value, true)) else {
                return Err(invalid_request(
                    "What follows the `?` is not properly encoded.",
                    "Was nach dem `?` steht, ist nicht richtig kodiert.",
                    "query not decodable",
                    None,
                ));
            };
            if !known.contains(&name.as_str()) {
                return Err(unknown(&name, known));
            }
            if read.iter().any(|(other, _)| *other == name) {
                return Err(invalid_request(
                    format!("The parameter `{name}` stands twice."),
                    format!("Der Parameter `{name}` steht zweimal da."),
                    "query parameter twice",
                    Some(&name),
                ));
            }
            if !value.is_empty() {
                read.push((name, value));
            }
        }
        Ok(Self(read))
    }

    /// The decoded value, if it is given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A whole number, if it is given.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            invalid_request(
                format!("The parameter `{name}` must be a whole number."),
                format!("Der Parameter `{name}` muss eine ganze Zahl sein."),
                "query parameter is no number",
                Some(name),
            )
        })
    }

    /// `limit`, from 1 to `max`; `usual` when it is not given.
    pub fn limit(&self, usual: usize, max: usize) -> Result<usize, Refusal> {
        let limit = self.number("limit")?.map_or(usual, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        if (1..=max).contains(&limit) {
            Ok(limit)
        } else {
            Err(invalid_request(
                format!("The parameter `limit` goes from 1 to {max}."),
                format!("Der Parameter `limit` geht von 1 bis {max}."),
                "limit out of range",
                Some("limit"),
            ))
        }
    }

    /// What was given but for paging, as it is recorded: `user=p:12 action=BLOCKED`.
    pub fn filters(&self) -> String {
        let filters = self.0.iter().filter(|(name, _)| !["limit", "before"].contains(&name.as_str()));
        filters.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }
}

fn unknown(name: &str, known: &'static [&'static str]) -> Refusal {
    let (english, german) = match (nearest_of(known.iter().copied(), name), known) {
        (Some(nearest), _) => (format!(" Did you mean `{nearest}`?"), format!(" Meinten Sie `{nearest}`?")),
        (None, []) => (" This path takes none.".to_owned(), " Dieser Pfad kennt keine.".to_owned()),
        (None, _) => {
            let names = known.join("`, `");
            (format!(" There is `{names}`."), format!(" Es gibt `{names}`."))
        }
    };
    invalid_request(
        format!("There is no parameter `{name}`.{english}"),
        format!("Einen Parameter `{name}` gibt es nicht.{german}"),
        "unknown query parameter",
        Some(name),
    )
}

/// Undoes percent-encoding, and in a form also the `+` for a blank; `None` when it is broken or not UTF-8.
pub fn decode(text: &str, is_form: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (hex(rest.next()?)?, hex(rest.next()?)?);
                high << 4 | low
            }
            b'+' if is_form => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::{Query, decode};

    const KNOWN: &[&str] = &["limit", "user", "rule"];

    fn check(text: &str, expected: &str) {
        let read = match Query::read(Some(text), KNOWN) {
            Ok(query) => query.0.iter().map(|(name, value)| format!("{name}→{value} ")).collect(),
            Err(refusal) => refusal.message.english.into_owned(),
        };
        assert_eq!(read.trim_end(), expected, "{text}");
    }

    #[test]
    fn parameters_are_read_strictly() {
        check("", "");
        check("limit=5&user=p%3A12", "limit→5 user→p:12");
        check("user=a+b%20c%2B", "user→a b c+");
        check("user=", "");
        check("usr=a", "There is no parameter `usr`. Did you mean `user`?");
        check("zzz", "There is no parameter `zzz`. There is `limit`, `user`, `rule`.");
        check("user=a&user=b", "The parameter `user` stands twice.");
        check("user=%", "What follows the `?` is not properly encoded.");
        check("user=%ff", "What follows the `?` is not properly encoded.");
        check("user=%zz", "What follows the `?` is not properly encoded.");
        check(&format!("user={}", "a".repeat(4096)), "What follows the `?` is longer than 4096 bytes.");
    }

    #[test]
    fn numbers_and_limits_have_bounds() {
        let limit = |text| Query::read(Some(text), KNOWN).unwrap().limit(50, 500);
        assert_eq!(limit("").unwrap(), 50);
        assert_eq!(limit("limit=500").unwrap(), 500);
        for wrong in ["limit=0", "limit=501", "limit=-1", "limit=5x", "limit=99999999999999999999"] {
            assert_eq!(limit(wrong).unwrap_err().param.as_deref(), Some("limit"), "{wrong}");
        }
    }

    #[test]
    fn a_segment_keeps_its_plus_and_may_hold_a_slash() {
        assert_eq!(decode("a%2Fb+c", false).as_deref(), Some("a/b+c"));
    }
}
