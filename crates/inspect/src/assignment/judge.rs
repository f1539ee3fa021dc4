//! Whether what a name was given is a secret, or a word, a type, an expression, a template.

use super::words::{HEADS, SENTENCE, TAILS, WORDS};
use super::{Assigned, Operator, Style};
use crate::rarity::{is_sequence, rarity};
use crate::text::{byte, byte_before, floor_character, range};
use crate::validator::secret::{
    distinct, holds_placeholder, is_code, is_code_call, is_expression, is_identifier, is_path,
    is_placeholder, is_random, is_specimen, trim_value,
};

/// The end of the secret and its weight in nats, or nothing.
pub(crate) fn judge(assigned: &Assigned<'_>, style: Style) -> Option<(usize, f32)> {
    if !name_fits(assigned, style) {
        return None;
    }
    match style {
        Style::Password => password(assigned),
        Style::Secret => secret(assigned),
        Style::Pin => pin(assigned),
        Style::Login => login(assigned),
        Style::Call => argument(assigned),
    }
}

fn name_fits(assigned: &Assigned<'_>, style: Style) -> bool {
    if style == Style::Call {
        return true;
    }
    let listed =
        |words: &[&str], part: &[u8]| words.iter().any(|word| word.as_bytes().eq_ignore_ascii_case(part));
    let keyword = assigned.keyword;
    let tail = assigned.tail;
    // `SECRET_KEY_BASE`, `password2`: the rest of a name is fine unless its last word says otherwise.
    if !tail.is_empty() {
        let last = last_word(tail);
        if listed(TAILS, last) || TAILS.iter().any(|word| word.len() >= 4 && ends_with(tail, word)) {
            return false;
        }
    }
    let head = last_word(strip(assigned.head));
    if style != Style::Login && listed(HEADS, head) {
        return false;
    }
    if keyword.len() <= 5 {
        // A short name stands alone: `pass`, `DB_PASS`, `dbPass`, `userpass`; never inside a word.
        let short_head = [
            "db", "user", "smtp", "mysql", "pg", "ftp", "root", "admin", "my", "redis", "mongo", "ldap",
            "imap", "ssh", "app", "sql", "postgres", "server", "mail", "auth", "git", "nexus", "wifi",
            "wlan", "vpn", "sudo", "store", "key", "keystore", "cert", "proxy", "api", "login", "database",
            "master", "bind", "wpa", "rabbitmq", "mqtt", "jenkins", "backup", "test", "ftps", "sftp",
            "mailer", "imap4",
        ];
        let constant = keyword.starts_with(b"_") && !assigned.head.iter().any(u8::is_ascii_lowercase);
        let inside = assigned.head.last().is_some_and(u8::is_ascii_alphabetic)
            && !constant
            && !keyword
                .first()
                .is_some_and(|b| b.is_ascii_uppercase() && !assigned.head.iter().all(u8::is_ascii_uppercase))
            && !listed(&short_head, head);
        let goes_on = tail.first().is_some_and(|b| b.is_ascii_lowercase() || *b >= 0x80);
        return !inside && !goes_on;
    }
    // `passwordless`, `secretary`, `tokens`: a word that goes on is another word, unless a capital begins a new one.
    let goes_on = tail.first().is_some_and(|b| b.is_ascii_lowercase() || *b >= 0x80);
    !goes_on || style == Style::Login
}

/// A word that makes something else of the name before it: `password policy`.
pub(super) fn is_tail(word: &[u8]) -> bool {
    TAILS.iter().chain(WORDS).any(|known| known.as_bytes().eq_ignore_ascii_case(word))
}

/// The last word of a name in snake, kebab, dotted or camel case.
fn last_word(name: &[u8]) -> &[u8] {
    let mut at = name.len();
    while at > 0 {
        let Some(here) = byte(name, at - 1) else { break };
        if matches!(here, b'_' | b'-' | b'.') {
            break;
        }
        at -= 1;
        let camel =
            here.is_ascii_uppercase() && at > 0 && byte(name, at - 1).is_some_and(|b| b.is_ascii_lowercase());
        if camel {
            break;
        }
    }
    range(name, at, name.len())
}

fn strip(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|b| !matches!(b, b'_' | b'-' | b'.')).map_or(0, |at| at + 1);
    range(name, 0, end)
}

fn ends_with(name: &[u8], word: &str) -> bool {
    name.len()
        .checked_sub(word.len())
        .and_then(|at| name.get(at..))
        .is_some_and(|end| end.eq_ignore_ascii_case(word.as_bytes()))
}

#[derive(Debug, Clone, Copy)]
struct Shape {
    lower: usize,
    upper: usize,
    digits: usize,
    /// Symbols that words and numbers do not hold.
    symbols: usize,
    /// Hyphens, dots, slashes, underscores, colons, commas.
    joints: usize,
    wide: usize,
}

fn shape(value: &[u8]) -> Shape {
    let mut shape = Shape { lower: 0, upper: 0, digits: 0, symbols: 0, joints: 0, wide: 0 };
    for byte in value {
        match byte {
            b'a'..=b'z' => shape.lower += 1,
            b'A'..=b'Z' => shape.upper += 1,
            b'0'..=b'9' => shape.digits += 1,
            b'-' | b'.' | b'/' | b'_' | b':' | b',' | b' ' => shape.joints += 1,
            0x80.. => shape.wide += 1,
            _ => shape.symbols += 1,
        }
    }
    shape
}

impl Shape {
    fn letters(self) -> usize {
        self.lower + self.upper + self.wide
    }

    /// Digits, capitals inside, small letters and symbols: how many of the four kinds there are.
    fn kinds(self) -> usize {
        [self.lower + self.wide, self.upper, self.digits, self.symbols]
            .iter()
            .filter(|count| **count > 0)
            .count()
    }
}

fn password(assigned: &Assigned<'_>) -> Option<(usize, f32)> {
    if assigned.quoted { password_quoted(assigned) } else { password_bare(assigned) }
}

fn is_word(value: &[u8]) -> bool {
    WORDS.iter().any(|word| word.as_bytes().eq_ignore_ascii_case(value))
}

fn password_quoted(assigned: &Assigned<'_>) -> Option<(usize, f32)> {
    let value = assigned.value();
    let shape = shape(value);
    let denied = value.len() < 3
        || value.len() > 128
        || is_placeholder(value)
        || is_specimen(value)
        || is_word(value)
        || value.starts_with(b" ")
        || value.ends_with(b" ")
        || value.ends_with(b":")
        || is_sentence(value)
        || is_code_call(value)
        || is_path(value) && shape.symbols == 0
        || is_rule_list(value)
        || is_hash(value);
    if denied {
        return None;
    }
    let bare = value.strip_prefix(b":").unwrap_or(value);
    let named = value.windows(assigned.keyword.len()).any(|part| part.eq_ignore_ascii_case(assigned.keyword));
    let backtick = byte_before(assigned.text, assigned.start) == Some(b'`');
    let weak = shape.letters() == value.len() || shape.digits + shape.symbols == 0;
    if is_word(bare)
        || bare.starts_with(b"***")
        || weak && named
        || weak && assigned.operator == Operator::Is && assigned.keyword.len() <= 5
        || backtick && assigned.keyword.contains(&b' ')
    {
        return None;
    }
    let weight = match assigned.operator {
        // `"password" "…"` and `password "…"` are lists as often as assignments.
        Operator::Space
        | Operator::Argument
        | Operator::Compare
        | Operator::Cell
        | Operator::NextLine
        | Operator::LineBelow
            if weak && !is_random(value) || value.len() < 5 =>
        {
            return None;
        }
        Operator::Is | Operator::Reads => 0.8,
        _ if weak && value.contains(&b' ') && value.first().is_some_and(u8::is_ascii_uppercase) => {
            return None;
        }
        _ if weak => 0.0,
        _ => 0.8,
    };
    Some((assigned.end, weight))
}

/// Several words of which one belongs into a sentence.
fn is_sentence(value: &[u8]) -> bool {
    let mut words = value.split(|b| b.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let several = value.contains(&b' ');
    several
        && words.any(|word| {
            let word: &[u8] = word.trim_ascii_end();
            let trimmed =
                word.iter().rposition(|b| b.is_ascii_alphabetic() || *b >= 0x80).map_or(0, |at| at + 1);
            let word = range(word, 0, trimmed);
            SENTENCE.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word))
        })
}

/// Rules of a form: `required|min:8`.
fn is_rule_list(value: &[u8]) -> bool {
    value.starts_with(b"required") || value.starts_with(b"nullable") || value.starts_with(b"min:")
}

/// A hash of a password is not the password: crypt(3) formats and names of algorithms before a digest.
fn is_hash(value: &[u8]) -> bool {
    let crypt = value.first() == Some(&b'$') && value.iter().filter(|b| **b == b'$').count() >= 2;
    let named = [
        &b"sha1"[..],
        b"sha256",
        b"sha384",
        b"sha512",
        b"md5",
        b"pbkdf2",
        b"bcrypt",
        b"argon2",
        b"{SSHA}",
        b"{SHA",
    ]
    .iter()
    .any(|name| {
        value.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            && value.get(name.len()..).is_some_and(|rest| rest.len() > 8)
    });
    crypt || named
}

fn password_bare(assigned: &Assigned<'_>) -> Option<(usize, f32)> {
    let end = trim_value(assigned.text, assigned.start, assigned.end);
    let value = range(assigned.text, assigned.start, end);
    let shape = shape(value);
    if value.len() < 3
        || value.len() > 128
        || is_placeholder(value)
        || is_specimen(value)
        || is_word(value)
        || is_code(value)
        || is_hash(value)
        || assigned.operator == Operator::Flag && names_source(value)
        || is_code_call(assigned.value())
        || is_expression(assigned.value())
        || is_expression(value)
        || is_quoted_key(assigned, end)
        || holds_placeholder(assigned.value())
    {
        return None;
    }
    let after = byte(assigned.text, end);
    let ends_line =
        matches!(after, None | Some(b'\n' | b'\r' | b'<' | b'&' | b';' | b',' | b'"' | b'\'' | b'|' | b'\\'))
            || end < assigned.end
                && range(assigned.text, end, assigned.end).iter().all(|b| b".!;,)".contains(b));
    let number = shape.digits == value.len();
    let plain = shape.digits + shape.symbols == 0;
    let strong = shape.symbols > 0 && shape.letters() > 0 && value.len() >= 6;
    let weight = match assigned.operator {
        Operator::Equals
        | Operator::Colon
        | Operator::Element
        | Operator::Flag
        | Operator::Cell
        | Operator::Compare
        | Operator::Argument => {
            let colon = matches!(assigned.operator, Operator::Colon | Operator::Cell);
            if number {
                if value.len() < 4 || colon && assigned.keyword.len() == 4 {
                    return None;
                }
                -0.7
            } else if plain && is_random(value) {
                0.3
            } else if plain {
                // A word is a password in `KEY=word` and at the end of a line, not in the middle of a sentence.
                let constant = assigned.keyword.iter().all(|b| !b.is_ascii_lowercase());
                let shell = assigned.operator == Operator::Equals && !assigned.spaced;
                let code = is_identifier(value) || matches!(after, Some(b',' | b';' | b')')) && !shell;
                let flag = assigned.operator == Operator::Flag && is_followed_by_flag(assigned.text, end);
                if !(shell || ends_line || flag || assigned.operator == Operator::Element)
                    || code && !(constant && shell)
                    || assigned.operator == Operator::Cell
                    || assigned.operator == Operator::Equals && assigned.spaced && !constant
                {
                    return None;
                }
                -0.7
            } else if colon && !ends_line && shape.kinds() < 3 && value.len() < 6 {
                return None;
            } else {
                0.6
            }
        }
        Operator::Reads => {
            if number && value.len() < 4 || plain && !ends_line && shape.upper == 0 {
                return None;
            }
            if plain || number { 0.0 } else { 0.8 }
        }
        Operator::Is => {
            if number && value.len() < 5 || plain && !mixes(value) && !is_random(value) || value.len() < 5 {
                return None;
            }
            if shape.symbols == 0
                && shape.letters() > 0
                && value.contains(&b'-')
                && shape.upper == 0
                && !(value.len() >= 9 && value.last().is_some_and(u8::is_ascii_digit))
                && !(value.len() >= 16 && shape.joints > 1 && shape.digits > 0)
            {
                return None;
            }
            0.5
        }
        Operator::LineBelow => {
            // Labels stand above each other in menus too.
            let alone = matches!(after, None | Some(b'\n' | b'\r'));
            let telling = strong && shape.digits > 0 || rarity(value) > 2.0;
            let named = number || shape.letters() == 0 || is_identifier(value) && !is_random(value);
            if !alone || value.len() < 7 || !telling || named || plain && !is_random(value) {
                return None;
            }
            0.0
        }
        Operator::Space | Operator::NextLine => {
            let alone =
                assigned.operator == Operator::NextLine && matches!(after, None | Some(b'\n' | b'\r'));
            let mixed = strong && (shape.digits > 0 || shape.symbols >= 2)
                || value.len() >= 8 && shape.digits > 0 && shape.kinds() >= 3 && rarity(value) > 4.0
                || alone && !plain && !number && shape.letters() > 0 && shape.digits > 0
                || plain && is_random(value) && (alone || value.len() >= 10 && rarity(value) > 4.0);
            if !mixed
                || value.first().is_some_and(|b| b"()[]{}.,;:`".contains(b))
                || shape.joints * 3 > value.len()
            {
                return None;
            }
            0.0
        }
    };
    Some((end, weight))
}

/// `pass:…`, `env:…`: OpenSSL's flags say first where a password comes from.
fn names_source(value: &[u8]) -> bool {
    [&b"pass:"[..], b"env:", b"file:", b"fd:"].iter().any(|source| value.starts_with(source))
}

/// `--password word --host`, `--password word -u`: a command goes on, not a sentence about the flag.
fn is_followed_by_flag(text: &[u8], end: usize) -> bool {
    byte(text, end) == Some(b' ') && byte(text, end + 1) == Some(b'-')
}

/// `"passwd:name"`: name and value stand in one string, and nothing but a word is given.
fn is_quoted_key(assigned: &Assigned<'_>, end: usize) -> bool {
    let quote = byte(assigned.text, end).filter(|b| matches!(b, b'"' | b'\''));
    let name = assigned.head.len() + assigned.keyword.len() + assigned.tail.len() + 1;
    let before = assigned.start.checked_sub(name + 1).and_then(|at| byte(assigned.text, at));
    let plain = range(assigned.text, assigned.start, end).iter().all(u8::is_ascii_alphabetic);
    plain && !assigned.spaced && quote.is_some() && quote == before
}

/// Capitals and small letters change inside the word more often than a name of two words does.
fn mixes(value: &[u8]) -> bool {
    let changes = value
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()))
        .count();
    changes >= 2 || rarity(value) > 5.0
}

/// Nats above which a value counts as generated.
const RARE: f32 = 3.5;

fn secret(assigned: &Assigned<'_>) -> Option<(usize, f32)> {
    let end =
        if assigned.quoted { assigned.end } else { trim_value(assigned.text, assigned.start, assigned.end) };
    let value = range(assigned.text, assigned.start, end);
    let shape = shape(value);
    let nats = rarity(value);
    // Whatever signs it holds stand for nothing.
    let salt = assigned.quoted && is_salt(shape, value.len()) && nats > RARE;
    let denied = value.len() < 8
        || value.contains(&b' ') && !(assigned.quoted && is_salt(shape, value.len()))
        || is_placeholder(value) && (!salt || holds_variable(value))
        || is_specimen(value)
        || is_path(value) && !is_base_64(value, nats)
        || is_code_call(assigned.value()) && !salt
        || !assigned.quoted && is_expression(assigned.value())
        || is_hash(value)
        || is_sequence(value)
        || is_integrity(value)
        || is_named(value)
        || is_uuid(value) && !names_uuid(assigned)
        || is_vague(assigned)
        || holds_placeholder(assigned.value())
        || distinct(value) < 6
        || shape.wide > 0
        || value.starts_with(b"http")
        || value.contains(&b'(') && value.ends_with(b")") && !salt
        || matches!(byte(assigned.text, end), Some(b'(' | b'['));
    if denied {
        return None;
    }
    let weight = match assigned.operator {
        Operator::Space
        | Operator::Is
        | Operator::NextLine
        | Operator::LineBelow
        | Operator::Cell
        | Operator::Compare
        | Operator::Argument => {
            let generated = value.len() >= 16 && nats >= 6.0 && (shape.digits > 0 || assigned.quoted);
            // `client secret …`: two words that name nothing else.
            let named = assigned.keyword.len() > 8 && value.len() >= 12 && nats >= 6.0 && shape.digits > 0;
            if !(generated || named || assigned.quoted && is_salt(shape, value.len())) {
                return None;
            }
            0.0
        }
        _ => {
            let generated = value.len() >= 16 && nats > RARE
                || value.len() >= 10 && nats > RARE && shape.digits >= 2 && shape.kinds() >= 2
                || is_uuid(value)
                || value.len() >= 16 && shape.digits == value.len();
            // A secret that a person made up: letters, digits and a symbol, in quotes or alone on its line.
            let made_up = shape.kinds() >= 3
                && (shape.symbols > 0 && shape.digits > 0 || value.len() >= 10 && nats >= 5.0)
                && !is_code(value);
            if !(generated || made_up) || shape.digits == value.len() && value.len() < 24 {
                return None;
            }
            if generated { 0.6 } else { 0.0 }
        }
    };
    Some((floor_character(assigned.text, end), weight))
}

/// Something that a template or a shell fills in.
fn holds_variable(value: &[u8]) -> bool {
    let begins = [&b"%("[..], b"${", b"{{", b"$(", b"<"].iter().any(|start| value.starts_with(start));
    begins && value.iter().any(|b| b")}>".contains(b))
        || value.windows(2).any(|part| matches!(part, b"${" | b"{{"))
        || value.windows(5).any(|part| part == b"-----")
}

/// Random printable characters, among which a space is one of 95.
fn is_salt(shape: Shape, length: usize) -> bool {
    length >= 24
        && shape.kinds() >= 3
        && shape.digits > 0
        && (shape.symbols + shape.joints) * 6 >= length
        && shape.symbols * 10 >= length
}

/// A slash begins one of 64 keys in base 64; a path has dots, or its letters are those of words.
fn is_base_64(value: &[u8], nats: f32) -> bool {
    value.len() >= 32
        && nats > 2.0 * RARE
        && value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
}

/// `sha256-…`, `sha512:…`: subresource integrity (W3C SRI) and digests of images.
fn is_integrity(value: &[u8]) -> bool {
    [&b"sha1-"[..], b"sha256-", b"sha384-", b"sha512-", b"sha256:", b"sha512:", b"sha1:", b"md5:", b"md5-"]
        .iter()
        .any(|name| value.starts_with(name))
}

/// Parts of a name, an address or an Amazon resource: known words joined by colons.
fn is_named(value: &[u8]) -> bool {
    value.starts_with(b"arn:")
        || value.starts_with(b"urn:")
        || value.starts_with(b"projects/")
        || value.starts_with(b"data:")
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `"signing": "…"` names a key beside others; in a sentence or inside a longer name the word means something else.
fn is_vague(assigned: &Assigned<'_>) -> bool {
    let names = [&b"signing"[..], b"hmac", b"pepper"];
    let whole = assigned.head.is_empty() && assigned.tail.is_empty() && assigned.quoted;
    !whole && names.iter().any(|name| name.eq_ignore_ascii_case(assigned.keyword))
}

/// An identifier is a secret only under a name that leaves no doubt.
fn names_uuid(assigned: &Assigned<'_>) -> bool {
    let sure =
        ["secret", "api_key", "apikey", "api-key", "api key", "access_key", "client_secret", "auth_token"];
    sure.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(assigned.keyword))
}

fn pin(assigned: &Assigned<'_>) -> Option<(usize, f32)> {
    let end = trim_value(assigned.text, assigned.start, assigned.end);
    let value = range(assigned.text, assigned.start, end);
    let digits = value.iter().all(u8::is_ascii_digit);
    let bound = matches!(
        assigned.operator,
        Operator::Colon | Operator::Equals | Operator::Is | Operator::Reads | Operator::Flag | Operator::Cell
    );
    let least = if assigned.operator == Operator::Space { 9 } else { 4 };
    (digits && bound && (least..=8).contains(&value.len()) && assigned.tail.is_empty()).then_some((end, 0.0))
}

/// A function says that this is a password, and nothing else does: it must look like one.
fn argument(assigned: &Assigned<'_>) -> Option<(usize, f32)> {
    let value = assigned.value();
    let shape = shape(value);
    let plain = value.len() < 6
        || shape.letters() == 0
        || shape.digits + shape.symbols == 0
        || value.contains(&b' ')
        || value.contains(&b'@') && value.contains(&b'.')
        || is_code(value)
        || shape.symbols + shape.upper == 0 && shape.joints > 0 && !ends_in_number(value)
        || holds_placeholder(value);
    if plain { None } else { password_quoted(assigned) }
}

/// `monkey-berlin27`, not `local-2fa`.
fn ends_in_number(value: &[u8]) -> bool {
    value.iter().rev().take(2).filter(|b| b.is_ascii_digit()).count() == 2
}

fn login(assigned: &Assigned<'_>) -> Option<(usize, f32)> {
    if !matches!(
        assigned.operator,
        Operator::Colon | Operator::Equals | Operator::Reads | Operator::Is | Operator::Cell
    ) {
        return None;
    }
    let end = trim_value(assigned.text, assigned.start, assigned.end);
    let value = range(assigned.text, assigned.start, end);
    let shape = shape(value);
    let mixed = shape.letters() > 0 && (shape.digits > 0 || shape.symbols > 0) || is_random(value);
    (value.len() >= 5
        && mixed
        && !is_expression(value)
        && !is_placeholder(value)
        && !is_specimen(value)
        && !is_code(value)
        && !is_word(value))
    .then_some((end, 0.0))
}
