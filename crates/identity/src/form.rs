//! `application/x-www-form-urlencoded`, as RFC 6749 appendix B uses it.

/// Names and values as the query of a URL or the body of a form.
pub(crate) fn print<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        encode_into(name, &mut out);
        out.push('=');
        encode_into(value, &mut out);
    }
    out
}

/// One name or value. A space becomes `%20`, which every reader of forms takes, also where `+` is meant literally.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::new();
    encode_into(text, &mut out);
    out
}

fn encode_into(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    fn check(pairs: &[(&str, &str)], expected: &str) {
        assert_eq!(super::print(pairs.iter().copied()), expected);
    }

    #[test]
    fn whatever_has_a_meaning_is_encoded() {
        check(&[], "");
        check(&[("a", "b"), ("c", "")], "a=b&c=");
        check(&[("scope", "openid profile")], "scope=openid%20profile");
        check(&[("a&b", "c=d+e%f#g?ü")], "a%26b=c%3Dd%2Be%25f%23g%3F%C3%BC");
    }
}
