//! Addresses: query fields in, local paths out.

/// Longest query or form in bytes. A logout token with many claims is the longest thing that comes in one.
pub(crate) const FIELDS_BYTES_MAX: usize = 16 * 1024;
/// Longest path to go back to, in bytes.
const BACK_BYTES_MAX: usize = 2048;

/// The fields of a query or a form (`application/x-www-form-urlencoded`), each at most once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// `None` when the text is too long, holds a field twice, or an escape that is none or no text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > FIELDS_BYTES_MAX {
            return None;
        }
        let mut fields: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if fields.iter().any(|(known, _)| *known == name) {
                return None;
            }
            fields.push((name, value));
        }
        Some(Self(fields))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => digit(bytes.next()?)? << 4 | digit(bytes.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The path to which a browser may be sent after its sign-in: a page of this house.
///
/// Nothing that a browser could read as the beginning of another address (`//host`, `/\host`, a tab or line break that it
/// leaves out), and nothing below the doors of this house, which would make a circle.
pub(crate) fn local_path(text: &str) -> Option<&str> {
    let below = text.strip_prefix('/')?;
    let is_plain = text.len() <= BACK_BYTES_MAX
        && !below.starts_with('/')
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let first = below.split(['/', '?', '#']).next().unwrap_or_default();
    (is_plain && !["auth", "api", "v1"].contains(&first)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::{Fields, local_path};
    use proptest::prelude::*;
    use url::Url;

    fn check(text: &str, expected: Option<&[(&str, &str)]>) {
        let found = Fields::parse(text);
        let found = found.as_ref().map(|fields| {
            fields.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>()
        });
        assert_eq!(found.as_deref(), expected, "{text}");
    }

    #[test]
    fn fields_are_read_in_one_way() {
        check("", Some(&[]));
        check("a=b&c=d%20e+f", Some(&[("a", "b"), ("c", "d e f")]));
        check("a&b=", Some(&[("a", ""), ("b", "")]));
        check("iss=https%3A%2F%2Fidp.example", Some(&[("iss", "https://idp.example")]));
        check("a=b=c", Some(&[("a", "b=c")]));
        check("a=1&a=2", None);
        check("a=1&%61=2", None);
        check("a=%", None);
        check("a=%f", None);
        check("a=%gg", None);
        check("a=%ff", None);
        check(&"x".repeat(20_000), None);
    }

    #[test]
    fn a_browser_is_sent_nowhere_else() {
        for path in
            ["/", "/chat", "/chat/c-1?x=y#z", "/decisions?user=p%3Ax", "/authors", "/@x", "/a//b", "/%2f%2fx"]
        {
            assert_eq!(local_path(path), Some(path));
        }
        let long = format!("/{}", "x".repeat(3000));
        for path in [
            "",
            "chat",
            "https://evil.example",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/chat\\..",
            "/\t/evil.example",
            "/\n/evil.example",
            "/\r/evil.example",
            " //evil.example",
            "/ /x",
            "/ä",
            "/\u{0}",
            "javascript:alert(1)",
            "data:text/html,x",
            "/auth/oidc/main/start",
            "/auth",
            "/api/keys",
            "/v1?x",
            "/api#x",
            &long,
        ] {
            assert_eq!(local_path(path), None, "{path:?}");
        }
    }

    proptest! {
        /// A browser resolves an address as the URL Standard says; so does the crate `url`.
        #[test]
        fn a_browser_stays_in_this_house(path in "[/\\\\\t\n\r .:@?#%a-c0-2é]{0,12}") {
            let base = Url::parse("https://house.test/auth/oidc/one/callback").unwrap();
            if let Some(path) = local_path(&path) {
                prop_assert_eq!(base.join(path).unwrap().origin(), base.origin());
            }
        }

        #[test]
        fn what_a_provider_writes_is_read(
            pairs in proptest::collection::btree_map("\\PC{1,6}", "\\PC{0,12}", 0..5),
        ) {
            let mut url = Url::parse("https://house.test/").unwrap();
            url.query_pairs_mut().extend_pairs(&pairs);
            let fields = Fields::parse(url.query().unwrap_or_default()).unwrap();
            for (name, value) in &pairs {
                prop_assert_eq!(fields.get(name), Some(value.as_str()));
            }
        }
    }
}
