//! Validators of credentials: keys, passwords, generic secrets.

pub(crate) use super::distinct;

use super::Verdict;
use crate::checksum;
use crate::kind;
use crate::rarity::{is_sequence, rarity};
use crate::text::{byte, byte_before, floor_character, range};

/// What our own keys begin with; crate `identity` makes them.
const OWN_KEY_PREFIX: &[u8] = b"sk-schl";

/// A credential that is no specimen: enough different characters, and none of the words of documentation.
pub(super) fn credential(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let value = range(text, start, end);
    (!is_specimen(value) && distinct(value) >= 8).then_some(Verdict { start, end, weight: 0.0 })
}

/// A credential that no one wrote: its letters follow each other as chance has it.
pub(super) fn generated(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let value = range(text, start, end);
    (rarity(value) > 1.0 && !is_sequence(value) && !is_placeholder(value))
        .then(|| credential(text, start, end))
        .flatten()
}

/// Identifiers of AWS keys are base 32 of ten bytes, of which the first bit says nothing; a digit or rare letters tell
/// them from words in capitals.
pub(super) fn aws_key_id(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let verdict = credential(text, start, end)?;
    let body = range(text, start + 4, end);
    let base_32 = body.len() == 16 && body.iter().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'));
    (base_32 && !is_sequence(body) && (rarity(body) > 0.0 || body.iter().any(u8::is_ascii_digit)))
        .then_some(Verdict { weight: 0.5, ..verdict })
}

/// `user:password` in base 64 (RFC 7617).
pub(super) fn basic_auth(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let value = range(text, start, end);
    let length = value.iter().rposition(|b| *b != b'=').map_or(0, |at| at + 1);
    let decoded = decode_base_64(range(value, 0, length))?;
    let user = decoded.iter().position(|b| *b == b':')?;
    let password = decoded.get(user + 1..)?;
    let written = std::str::from_utf8(&decoded).is_ok_and(|text| !text.chars().any(char::is_control));
    (written && !password.is_empty() && !is_template(&decoded)).then_some(Verdict { start, end, weight: 1.5 })
}

/// A value that a person chose, where a command or file holds nothing else: a digit or symbol beside letters.
pub(super) fn made_up(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    if holds_placeholder(range(text, start, end)) {
        return None;
    }
    let end = trim_value(text, start, end);
    let value = range(text, start, end);
    let letters = value.iter().any(u8::is_ascii_alphabetic);
    let others = value.iter().any(|b| b.is_ascii_digit() || b"!@#$%&*+=?_~^".contains(b));
    (letters
        && (others || is_random(value))
        && !is_placeholder(value)
        && !is_specimen(value)
        && !is_path(value)
        && !is_code_call(value))
    .then_some(Verdict { start, end, weight: 0.0 })
}

/// A value before the word for it: the finding is what stands before the first space.
pub(super) fn named_behind(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let value = range(text, start, end);
    let length = value.iter().position(|b| matches!(b, b' ' | b'"' | b'\''))?;
    made_up(text, start, start + length).filter(|verdict| verdict.end >= start + 6)
}

/// A generated value with three characters of the same kind before it, which a word begins with.
pub(super) fn behind_three(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let of_token = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'~' | b'.' | b'-');
    let before = range(text, start.saturating_sub(4), start);
    let word = before.iter().rev().take_while(|b| of_token(b)).count();
    (word == 3).then(|| generated(text, start, end)).flatten()
}

/// The fewest letters of which a change of case tells a password from words.
const RANDOM_MIN: usize = 8;

/// Letters in both cases that make no words: `sZBbIJMniXx`. Of names in code, one in seventy is taken for such.
pub(crate) fn is_random(value: &[u8]) -> bool {
    value.len() >= RANDOM_MIN
        && value.iter().any(u8::is_ascii_lowercase)
        && value.iter().any(u8::is_ascii_uppercase)
        && value.iter().all(|b| b.is_ascii_graphic())
        && rarity(value) > 2.0
}

/// `echo user:password | chpasswd`: the finding is the password that is piped into a command which asks for it.
pub(super) fn piped(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let value = range(text, start, end);
    let pipe = value.iter().position(|b| *b == b'|')?;
    let is_edge = |b: &u8| matches!(b, b' ' | b'"' | b'\'');
    let last = range(value, 0, pipe).iter().rposition(|b| !is_edge(b))? + 1;
    let word = range(value, 0, last).iter().rposition(is_edge)? + 1;
    let pair = range(value, word, last);
    let named = value.windows(8).any(|part| part == b"chpasswd");
    let colon = pair.iter().position(|b| *b == b':').filter(|_| named).map_or(0, |at| at + 1);
    made_up(text, start + word + colon, start + last)
}

/// How far to the left a JSON web key may name its kind, or a command itself.
const KIND_WITHIN: usize = 180;

/// The private part of a JSON web key (RFC 7517, RFC 7518 section 6): `d` beside `kty` or a curve's coordinates, `k`
/// beside `oct`. An exponent as long as RSA's needs no company.
pub(super) fn jwk(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    const SIGNS: &[&[u8]] = &[b"\"kty\"", b"\"crv\"", b"\"oct\"", b"\"y\"", b"\"x\"", b"kty\\\"", b"crv\\\""];
    let before = range(text, start.saturating_sub(KIND_WITHIN), start);
    let named = SIGNS.iter().any(|sign| before.windows(sign.len()).any(|part| part == *sign));
    let closed = matches!(byte(text, end), Some(b'"' | b'\\'));
    (closed && (named || end - start >= 160)).then(|| generated(text, start, end)).flatten()
}

/// `user:password` behind `curl -u`; the finding is the password.
pub(super) fn command_user(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    const COMMANDS: &[&[u8]] = &[b"curl", b"wget", b"http ", b"https ", b"xh ", b"smbclient", b"rclone"];
    let before = range(text, start.saturating_sub(KIND_WITHIN), start);
    let line = before.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    if !COMMANDS.iter().any(|name| line.windows(name.len()).any(|part| part == *name)) {
        return None;
    }
    let value = range(text, start, end);
    let colon = value.iter().position(|b| *b == b':')?;
    let password = range(value, colon + 1, value.len());
    let address = password.starts_with(b"//");
    (!address && !is_placeholder(password) && !is_template(value)).then_some(Verdict {
        start: start + colon + 1,
        end,
        weight: 0.0,
    })
}

/// A connection string that holds a password: as a parameter, or before the `@` of an Oracle address.
pub(super) fn connection_password(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let verdict = connection(text, start, end)?;
    let value = range(text, verdict.start, verdict.end);
    let parameter = parameter(value).is_some_and(|password| !password.is_empty());
    let slash = value.windows(5).position(|part| part.eq_ignore_ascii_case(b"thin:")).is_some_and(|at| {
        let rest = range(value, at + 5, value.len());
        let slash = rest.iter().position(|b| *b == b'/');
        let host = rest.iter().position(|b| *b == b'@');
        matches!((slash, host), (Some(slash), Some(host)) if 0 < slash && slash + 1 < host)
    });
    (parameter || slash).then_some(verdict)
}

/// The last six characters are the CRC-32 in base 62 of the thirty before (GitHub, 2021: "Behind GitHub's new
/// authentication token formats"). Newer kinds need not keep to it, so a mismatch only lowers the score.
pub(super) fn github_checksum(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let verdict = credential(text, start, end)?;
    let value = range(text, start, end);
    let body = value.iter().position(|b| *b == b'_').and_then(|at| value.get(at + 1..))?;
    let (random, check) = body.split_at_checked(body.len().checked_sub(6)?)?;
    let weight = if checksum::base_62(checksum::crc_32(random)) == check { 3.0 } else { -1.5 };
    Some(Verdict { weight, ..verdict })
}

/// Our own keys: the last six characters are the CRC-32 in base 62 of all characters before.
pub(super) fn schleuse_checksum(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let value = range(text, start, end);
    let (body, check) = value.split_at_checked(value.len().checked_sub(6)?)?;
    let own = body.starts_with(OWN_KEY_PREFIX) && checksum::base_62(checksum::crc_32(body)) == check;
    own.then_some(Verdict { start, end, weight: 3.0 })
}

/// The header is a JSON object with an algorithm (RFC 7515 section 4.1.1).
pub(super) fn jwt(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let value = range(text, start, end);
    let header = value.split(|b| *b == b'.').next()?;
    let decoded = decode_base_64(header.get(..header.len().min(512))?)?;
    let named = decoded.starts_with(b"{") && decoded.windows(5).any(|part| part == b"\"alg\"");
    named.then_some(Verdict { start, end, weight: 2.0 })
}

/// Either alphabet of RFC 4648, without padding.
fn decode_base_64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut bits, mut count) = (0_u32, 0_u32);
    for character in text {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xFFFF;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xFF) as u8);
        }
    }
    Some(bytes)
}

/// `user:password` before an `@`, which is left out with the host behind it.
pub(super) fn userinfo(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let value = range(text, start, end);
    let at = value.iter().position(|b| *b == b'@')?;
    let (pair, host) = (range(value, 0, at), range(value, at + 1, value.len()));
    let named = host.first().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'[');
    (named && !is_template(pair) && is_login(pair, host)).then_some(Verdict {
        start,
        end: start + at,
        weight: 0.0,
    })
}

/// Whether `user:password` is more than an example: not the word itself, and not a default of one's own machine such as
/// `postgres:postgres@localhost`.
fn is_login(pair: &[u8], host: &[u8]) -> bool {
    let mut parts = pair.splitn(2, |b| *b == b':');
    let (user, password) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let default = user.eq_ignore_ascii_case(password) && is_local(host);
    !password.is_empty() && !is_template(password) && !is_sample(password) && !default
}

/// This machine, or a name without a dot as containers have it. `host` may go on with a port or a path.
fn is_local(host: &[u8]) -> bool {
    let name = host.split(|b| matches!(b, b':' | b'/' | b'?' | b',')).next().unwrap_or_default();
    !name.contains(&b'.') || name.starts_with(b"127.") || name == b"0.0.0.0" || name.ends_with(b".internal")
}

/// Documentation writes a word where a password would stand.
pub(crate) fn is_sample(value: &[u8]) -> bool {
    const SAMPLES: &[&str] = &[
        "pass",
        "password",
        "passwd",
        "passwort",
        "kennwort",
        "pwd",
        "pw",
        "secret",
        "token",
        "foo",
        "bar",
        "foobar",
        "changeme",
        "change_me",
        "change-me",
        "changeit",
        "replaceme",
        "example",
        "beispiel",
        "dummy",
        "sample",
        "mypassword",
        "mypass",
        "mysecret",
        "yourpassword",
        "yourpass",
        "dbpassword",
        "dbpass",
        "userpassword",
        "userpass",
        "my-password",
        "my_password",
        "db-password",
        "db_password",
        "db_pass",
        "***",
        "****",
        "...",
    ];
    SAMPLES.iter().any(|word| word.as_bytes().eq_ignore_ascii_case(value)) || is_placeholder(value)
}

/// A whole connection string; without templates and samples.
pub(super) fn connection(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let mut end = end;
    // In a list of settings the last one may end in a semicolon too.
    let settings = range(text, start, end).iter().filter(|b| **b == b';').count() > 1;
    while byte_before(text, end)
        .is_some_and(|b| matches!(b, b'.' | b',' | b')' | b']' | b'}') || b == b';' && !settings)
        && end > start
    {
        end -= 1;
    }
    let value = range(text, start, end);
    let login = value.windows(3).position(|part| part == b"://").is_none_or(|at| {
        let rest = range(value, at + 3, value.len());
        let host = rest.iter().position(|b| *b == b'@');
        host.is_none_or(|at| is_login(range(rest, 0, at), range(rest, at + 1, rest.len())))
    });
    let parameter = parameter(value).is_none_or(|password| !is_template(password) && !is_sample(password));
    (!is_template(value) && login && parameter).then_some(Verdict { start, end, weight: 0.0 })
}

/// What `password=` of a connection string gives.
fn parameter(value: &[u8]) -> Option<&[u8]> {
    let name = [&b"password="[..], b"pwd=", b"passwd="];
    let (at, length) = name.iter().find_map(|name| {
        let at = value.windows(name.len()).position(|part| part.eq_ignore_ascii_case(name))?;
        Some((at, name.len()))
    })?;
    let rest = range(value, at + length, value.len());
    let rest = rest.strip_prefix(b"'").unwrap_or(rest);
    let length = rest.iter().position(|b| matches!(b, b'&' | b';' | b' ' | b'\'')).unwrap_or(rest.len());
    Some(range(rest, 0, length))
}

/// The end of an unquoted value: before markup, before further parameters, and without the sentence's punctuation.
pub(crate) fn trim_value(text: &[u8], start: usize, end: usize) -> usize {
    let value = before_armour(range(text, start, end));
    let mut length = value.len();
    if let Some(at) = value.iter().position(|b| *b == b'<').filter(|at| *at > 0) {
        length = at;
    }
    for delimiter in [b'&', b';', b','] {
        let value = value.get(..length).unwrap_or_default();
        if let Some(at) = value.iter().position(|b| *b == delimiter)
            && value.get(at..).is_some_and(|rest| rest.iter().any(|b| matches!(b, b'=' | b':')))
        {
            length = at;
        }
    }
    while length > 0 && byte(value, length - 1).is_some_and(|b| b".,;:)]}>\\".contains(&b)) {
        length -= 1;
    }
    floor_character(text, start + length)
}

/// The bytes before the dashes of an armour that follows without a space.
fn before_armour(value: &[u8]) -> &[u8] {
    let dashes = value.windows(5).position(|part| part == b"-----");
    dashes.and_then(|at| value.get(..at)).unwrap_or(value)
}

/// Stands where a value will be filled in, or says that there is none.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    const WORDS: &[&str] = &[
        "string",
        "str",
        "text",
        "varchar",
        "bool",
        "boolean",
        "int",
        "integer",
        "number",
        "object",
        "bytes",
        "char",
        "any",
        "none",
        "null",
        "nil",
        "true",
        "false",
        "undefined",
        "required",
        "optional",
        "empty",
        "hidden",
        "unset",
        "default",
        "prompt",
        "ask",
        "redacted",
        "removed",
        "masked",
        "yes",
        "nein",
        "keins",
        "keine",
        "unbekannt",
        "erforderlich",
        "vergessen",
        "forgotten",
        "invalid",
        "incorrect",
        "wrong",
        "falsch",
        "ändern",
        "aendern",
        "reset",
        "expired",
        "abgelaufen",
        "siehe",
        "changed",
        "policy",
        "input",
        "field",
        "value",
        "strong",
        "weak",
        "secret-key",
        "some-password",
    ];
    let text = value.trim_ascii();
    is_template(text)
        || text.windows(10).any(|part| part.eq_ignore_ascii_case(b"[redacted:"))
        || text.windows(5).any(|part| part == b"-----")
        || distinct(text) < 2
        || text.iter().all(|b| matches!(b, b'*' | b'x' | b'X' | b'.' | b'-' | b'_' | b'#' | b'?' | 0x80..))
        || WORDS.iter().any(|word| word.as_bytes().eq_ignore_ascii_case(text))
        || is_instruction(text)
        || [&b"your"[..], b"<your", b"dein", b"my-secret", b"changeme-"].iter().any(|prefix| {
            text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
                && text.iter().any(|b| matches!(b, b'_' | b'-' | b' '))
        })
}

/// `insert-your-key`, `REPLACE_WITH_TOKEN`, `fake-secret`: words in one case of which one says that a value is missing.
fn is_instruction(text: &[u8]) -> bool {
    const WORDS: &[&str] = &[
        "your",
        "yours",
        "dein",
        "deine",
        "ihr",
        "insert",
        "replace",
        "replaceme",
        "changeme",
        "placeholder",
        "platzhalter",
        "example",
        "beispiel",
        "dummy",
        "fake",
        "sample",
        "redacted",
        "eintragen",
        "einsetzen",
        "ersetzen",
        "goes",
        "todo",
    ];
    let joint = |b: &u8| matches!(b, b'-' | b'_' | b'.' | b' ');
    let one_case = |fits: fn(&u8) -> bool| text.iter().all(|b| fits(b) || joint(b));
    (one_case(u8::is_ascii_lowercase) || one_case(u8::is_ascii_uppercase))
        && text.iter().any(joint)
        && text.split(joint).any(|part| WORDS.iter().any(|word| word.as_bytes().eq_ignore_ascii_case(part)))
}

/// A variable of a template or of a shell, not a value.
fn is_template(value: &[u8]) -> bool {
    value.starts_with(b"$")
        || value.starts_with(b"%(")
        || value.starts_with(b"%s")
        || value.starts_with(b"<")
        || value.starts_with(b"{")
        || value.starts_with(b"[")
        || value.starts_with(b"=")
        || [&b"!vault"[..], b"!secret", b"!env", b"!ref", b"!sub", b"!getatt", b"!enc", b"!reference"]
            .iter()
            .any(|tag| tag.eq_ignore_ascii_case(value))
        || value.windows(2).any(|part| matches!(part, b"${" | b"{{" | b"$("))
        || holds_placeholder(value)
        || value.iter().all(|b| matches!(b, b'*' | b'x' | b'X' | b'.'))
}

/// The name of a type in brackets stands in the value: something was replaced there.
pub(crate) fn holds_placeholder(value: &[u8]) -> bool {
    value.split(|b| *b == b'[').skip(1).any(|rest| {
        let name = rest.split(|b| *b == b']').next().unwrap_or_default();
        rest.len() > name.len() && std::str::from_utf8(name).is_ok_and(|name| kind::find(name).is_some())
    })
}

/// An expression that fetches the value from elsewhere.
pub(crate) fn is_code(value: &[u8]) -> bool {
    const CALLS: &[&[u8]] = &[
        b"os.environ",
        b"process.env",
        b"getenv",
        b"env.",
        b"self.",
        b"this.",
        b"request.",
        b"config.",
        b"args.",
    ];
    is_code_call(value)
        || is_variable(value)
        || is_type(value)
        || is_path(value)
        || value.contains(&b'[') && value.contains(&b']')
        || CALLS.iter().any(|name| value.starts_with(name))
}

/// What source code writes where a value would stand: a number with its type, an element, a generic type, a path of
/// names, a parenthesis, a reference. `value` is the whole run up to the next space or quote.
pub(crate) fn is_expression(value: &[u8]) -> bool {
    let name = |part: &[u8]| part.iter().all(|b| b.is_ascii_alphanumeric() || b"_.:>-&!".contains(b));
    let before = |sign: u8| value.iter().position(|b| *b == sign).filter(|at| *at > 0);
    let element = before(b'[').is_some_and(|at| name(range(value, 0, at)));
    let generic = before(b'<').is_some_and(|at| {
        name(range(value, 0, at))
            && byte(value, at + 1).is_some_and(|b| b.is_ascii_uppercase() || matches!(b, b'&' | b'\''))
    });
    let path = value
        .windows(4)
        .any(|part| matches!(part, [a, b':', b':', b] if a.is_ascii_alphanumeric() && (b.is_ascii_alphabetic() || *b == b'<')));
    let reference = value
        .strip_prefix(b"&")
        .is_some_and(|rest| rest.iter().all(|b| b.is_ascii_lowercase() || b"_.".contains(b)));
    element
        || generic
        || path
        || reference
        || is_number(value)
        || value.starts_with(b"(")
        || value.starts_with(b"*)")
        || value.starts_with(b"::")
        || value.starts_with(b"}")
}

/// A number of a programming language: `0x20`, `-12i32`, `4u8`.
fn is_number(value: &[u8]) -> bool {
    let value = value.strip_suffix(b";").or(value.strip_suffix(b",")).unwrap_or(value);
    let value = value.strip_prefix(b"-").unwrap_or(value);
    if let Some(hex) = value.strip_prefix(b"0x") {
        return hex.len() <= 16
            && hex.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b'_' | b'u' | b'L' | b'U'));
    }
    let digits = value.iter().take_while(|b| b.is_ascii_digit() || **b == b'_').count();
    let suffix = range(value, digits, value.len());
    digits > 0
        && matches!(
            suffix,
            b"i8"
                | b"i16"
                | b"i32"
                | b"i64"
                | b"i128"
                | b"isize"
                | b"u8"
                | b"u16"
                | b"u32"
                | b"u64"
                | b"u128"
                | b"usize"
                | b"f32"
                | b"f64"
                | b"L"
                | b"UL"
                | b"ULL"
                | b"u"
                | b"U"
        )
}

/// A call such as `getpass()`.
pub(crate) fn is_code_call(value: &[u8]) -> bool {
    value.iter().position(|b| *b == b'(').is_some_and(|at| {
        at > 0
            && value.get(..at).is_some_and(|name| {
                name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':'))
            })
            && value.get(at + 1..).is_none_or(|rest| {
                rest.is_empty() || rest.contains(&b')') || rest.contains(&b'"') || rest.ends_with(b",")
            })
    })
}

/// A name of code: words joined by underscores or capitals, without a digit or symbol.
pub(crate) fn is_identifier(value: &[u8]) -> bool {
    let name = value.iter().all(|b| b.is_ascii_alphabetic() || *b == b'_');
    let camel = value
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()));
    name && (value.contains(&b'_') || camel)
}

/// A type of a declaration: `password: &str`, `pwd: *mut c_char`, `PASSWORD: i32`.
fn is_type(value: &[u8]) -> bool {
    const POINTERS: &[&[u8]] = &[b"*mut", b"*const", b"&str", b"&mut", b"&'", b"&["];
    const GENERICS: &[&[u8]] = &[b"Option<", b"Optional[", b"Secret<", b"c_"];
    let name = value.get(value.iter().take_while(|b| **b == b'_').count()..).unwrap_or_default();
    let number = match name.split_first() {
        Some((b'i' | b'u' | b'f', width)) => matches!(width, b"8" | b"16" | b"32" | b"64" | b"128" | b"size"),
        _ => false,
    };
    number || POINTERS.iter().chain(GENERICS).any(|prefix| name.starts_with(prefix))
}

/// A member such as `request.body.password`, or a variable that is named after what it holds.
fn is_variable(value: &[u8]) -> bool {
    let names = value.iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'.'));
    let inner_dot = value.iter().skip(1).rev().skip(1).any(|b| *b == b'.');
    let named = |part: &[u8]| value.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part));
    names && (inner_dot || named(b"password") || named(b"passwort") || named(b"passwd"))
}

pub(crate) fn is_path(value: &[u8]) -> bool {
    value.starts_with(b"/") || value.starts_with(b"./") || value.windows(3).any(|part| part == b"://")
}

/// Documentation says so itself, or the value is a drawn-out placeholder.
pub(crate) fn is_specimen(value: &[u8]) -> bool {
    value.windows(7).any(|part| part.eq_ignore_ascii_case(b"EXAMPLE"))
        || value.windows(6).any(|part| part.eq_ignore_ascii_case(b"xxxxxx") || part == b"......")
}

#[cfg(test)]
mod cases;
