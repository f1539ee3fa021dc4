//! Assignments: from a name such as `password` or `client_secret` to the value that it is given.
//!
//! The name may stand in a configuration file, in code, in a command, in a table or in a sentence. What stands between
//! name and value says how the value ends and how much it must look like a secret to be believed.

pub(crate) mod judge;

use crate::pattern::Pattern;
use crate::text::{Outcome, Place, byte, byte_before, ends_word, floor_character, range};

/// The most bytes between the keyword and the value.
const LEAD_MAX: usize = 64;
/// The most bytes of a value.
const VALUE_MAX: usize = 240;
/// The longest rest of a name behind its keyword, such as `_FOR_BACKUP`.
const TAIL_MAX: usize = 32;
/// The longest beginning of a name before its keyword.
const HEAD_MAX: usize = 40;

/// What a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// People choose the value.
    Password,
    /// A machine generates the value.
    Secret,
    /// Four to eight digits.
    Pin,
    /// A name and a password, parted by a slash or colon.
    Login,
    /// The keyword is a function; one of its arguments is the value.
    Call,
}

impl Style {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "password" => Self::Password,
            "secret" => Self::Secret,
            "pin" => Self::Pin,
            "login" => Self::Login,
            "call" => Self::Call,
            _ => return None,
        })
    }
}

/// What stands between name and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `=`, `:=`, `=>`.
    Equals,
    Colon,
    /// `==`: a value only between quotes.
    Compare,
    /// `name("value")` or `("name", "value")`: a value only between quotes.
    Argument,
    /// `<name>value</name>`.
    Element,
    /// The next cell of a table.
    Cell,
    /// `--name value`, and `login … password …` of a `.netrc` file.
    Flag,
    /// `name ist value`.
    Is,
    /// `name lautet value`: nothing but a value can follow.
    Reads,
    /// Nothing but space.
    Space,
    /// The value stands alone on the next line.
    NextLine,
}

/// A value that a name was given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Assigned<'t> {
    pub(crate) text: &'t [u8],
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The whole name around the keyword, and where in it the keyword stands.
    pub(crate) head: &'t [u8],
    pub(crate) keyword: &'t [u8],
    pub(crate) tail: &'t [u8],
    pub(crate) operator: Operator,
    pub(crate) quoted: bool,
    /// A space stands between operator and value.
    pub(crate) spaced: bool,
}

impl Assigned<'_> {
    pub(crate) fn value(&self) -> &[u8] {
        range(self.text, self.start, self.end)
    }
}

/// Reads on from the keyword at `place`; the finding is the value.
pub(crate) fn read(place: Place<'_>, style: Style) -> Outcome {
    if style == Style::Call {
        return read_call(place);
    }
    let keyword = range(place.text, place.start, place.end);
    // Short names are listed with the character that follows them, which belongs to the lead.
    let trimmed = match style {
        Style::Pin => {
            keyword.len() - keyword.iter().take_while(|b| b.is_ascii_alphabetic() || **b >= 0x80).count()
        }
        _ => keyword.iter().rev().take_while(|b| !b.is_ascii_alphanumeric() && **b < 0x80).count(),
    };
    let end = place.end - trimmed;
    let mut reader = Reader {
        text: place.text,
        at: end,
        stop: end + LEAD_MAX,
        at_end: place.at_end,
        earliest: end,
        hungry: false,
    };
    let assigned = reader.assigned(place.start, end);
    if reader.hungry {
        return Outcome::Open(reader.earliest);
    }
    let mut found = None;
    if let Some(mut assigned) = assigned {
        if style == Style::Login && !reader.skip_name(&mut assigned) {
            return if reader.hungry { Outcome::Open(reader.earliest) } else { Outcome::Nothing };
        }
        found = judge::judge(&assigned, style).map(|(end, weight)| (assigned.start, end, weight));
    }
    match found {
        Some((start, end, weight)) if end > start => Outcome::Hit { start, end, weight },
        _ if matches!(style, Style::Password | Style::Secret) => read_column(place, end, style),
        _ => Outcome::Nothing,
    }
}

/// The most bytes of the head of a table before a name in it.
const HEAD_ROW_MAX: usize = 80;
/// The most bytes from a name in the head of a table to the end of the cell below it.
const COLUMN_MAX: usize = 150;

/// Reads the first cell below a name that heads a column: `user;password` above `anna;…`. `end` is that of the name.
fn read_column(place: Place<'_>, end: usize, style: Style) -> Outcome {
    let text = place.text;
    let is_blank = |b: u8| matches!(b, b' ' | b'"' | b'\'' | b'*');
    let is_delimiter = |b: u8| matches!(b, b';' | b',' | b'|' | b'\t');
    let line = range(text, place.start.saturating_sub(HEAD_ROW_MAX), place.start);
    let line = match line.iter().rposition(|b| *b == b'\n') {
        Some(at) => range(line, at + 1, line.len()),
        None if line.len() < HEAD_ROW_MAX => line,
        None => return Outcome::Nothing,
    };
    let head = head_before(text, place.start);
    let before = range(line, 0, line.len().saturating_sub(head.len()));
    let left = before.iter().rev().copied().find(|b| !is_blank(*b)).filter(|b| is_delimiter(*b));
    let mut at = end;
    while byte(text, at).is_some_and(is_blank) && at - end < COLUMN_MAX {
        at += 1;
    }
    let open = if place.at_end { Outcome::Nothing } else { Outcome::Open(end) };
    let Some(here) = byte(text, at) else { return open };
    let delimiter = match (here, left) {
        (b'\n' | b'\r', Some(left)) => left,
        (right, _) if is_delimiter(right) && (left == Some(right) || before.iter().all(|b| is_blank(*b))) => {
            right
        }
        _ => return Outcome::Nothing,
    };
    let column = before.iter().filter(|b| **b == delimiter).count();
    let rest = |from: usize| range(text, from.min(text.len()), text.len().min(end + COLUMN_MAX));
    let Some(length) = rest(at).iter().position(|b| *b == b'\n') else {
        return if text.len() < end + COLUMN_MAX { open } else { Outcome::Nothing };
    };
    let mut start = at + length + 1;
    // Markdown rules a line of dashes below the head.
    let rule = rest(start).iter().take_while(|b| b"|-:+= \r".contains(b)).count();
    match byte(text, start + rule) {
        None => return open,
        Some(b'\n') if rule > 0 => start += rule + 1,
        Some(_) => {}
    }
    let cell_max = end + COLUMN_MAX;
    let (mut column, mut at) = (column, start);
    while at < cell_max {
        match byte(text, at) {
            None => return open,
            Some(b'\n' | b'\r') => return Outcome::Nothing,
            Some(_) if column == 0 => break,
            Some(b) if b == delimiter => {
                column -= 1;
                start = at + 1;
            }
            Some(_) => {}
        }
        at += 1;
    }
    while byte(text, start).is_some_and(is_blank) {
        start += 1;
    }
    let cell = range(text, start, text.len().min(cell_max));
    let ends = |b: &u8| *b == delimiter || matches!(b, b' ' | b'"' | b'\'' | b'\n' | b'\r');
    let value_end = match cell.iter().position(ends) {
        Some(length) => start + length,
        None if text.len() >= cell_max => return Outcome::Nothing,
        None if !place.at_end => return open,
        None => text.len(),
    };
    let assigned = Assigned {
        text,
        start,
        end: value_end,
        head,
        keyword: range(text, place.start, end),
        tail: &[],
        operator: Operator::Cell,
        quoted: false,
        spaced: true,
    };
    let value = assigned.value();
    let mixed = value.iter().any(u8::is_ascii_alphabetic) && value.iter().any(|b| !b.is_ascii_alphabetic());
    match judge::judge(&assigned, style) {
        Some((value_end, weight)) if mixed && value.len() >= 6 && value_end > start => {
            Outcome::Hit { start, end: value_end, weight }
        }
        _ => Outcome::Nothing,
    }
}

/// The most bytes between a function's parenthesis and the one that closes it.
const CALL_MAX: usize = 160;
/// The most arguments of a call that are told apart.
const ARGUMENTS_MAX: usize = 6;

/// Reads the arguments of a function that is known to take a password: `login("anna", "…")`. The keyword ends in the
/// opening parenthesis.
fn read_call(place: Place<'_>) -> Outcome {
    let text = place.text;
    let mut arguments = [Argument::default(); ARGUMENTS_MAX];
    let (mut number, mut depth, mut at) = (0, 0_usize, place.end);
    let mut quote = None;
    loop {
        let Some(argument) = arguments.get_mut(number) else { return Outcome::Nothing };
        let Some(here) = byte(text, at).filter(|_| at - place.end < CALL_MAX) else {
            let goes_on = at >= text.len() && !place.at_end && at - place.end < CALL_MAX;
            return if goes_on { Outcome::Open(place.end) } else { Outcome::Nothing };
        };
        match quote {
            Some(open) if here == open => {
                argument.end = at;
                quote = None;
            }
            Some(_) if here == b'\\' => at += 1,
            Some(_) if matches!(here, b'\n' | b'\r') => return Outcome::Nothing,
            Some(_) => {}
            None => match here {
                b'"' | b'\'' | b'`' if depth == 0 => {
                    argument.is_text = argument.is_empty;
                    argument.is_empty = false;
                    argument.start = at + 1;
                    quote = Some(here);
                }
                b'(' | b'[' => {
                    depth += 1;
                    (argument.is_text, argument.is_empty) = (false, false);
                }
                b')' if depth == 0 => break,
                b')' | b']' => depth = depth.saturating_sub(1),
                b',' if depth == 0 => number += 1,
                b';' | b'{' | b'}' => return Outcome::Nothing,
                b' ' | b'\t' | b'\n' | b'\r' => {}
                _ => {
                    argument.is_number = here.is_ascii_digit() && (argument.is_empty || argument.is_number);
                    (argument.is_text, argument.is_empty) = (false, false);
                }
            },
        }
        at += 1;
    }
    let keyword = range(text, place.start, place.end);
    let given = number + usize::from(arguments.get(number).is_some_and(|last| !last.is_empty));
    let given = arguments.get(..given).unwrap_or_default();
    let Some(value) = password_argument(keyword, given).filter(|argument| argument.is_text) else {
        return Outcome::Nothing;
    };
    let assigned = Assigned {
        text,
        start: value.start,
        end: value.end,
        head: &[],
        keyword,
        tail: &[],
        operator: Operator::Argument,
        quoted: true,
        spaced: false,
    };
    match judge::judge(&assigned, Style::Call) {
        Some((end, weight)) => Outcome::Hit { start: value.start, end, weight },
        None => Outcome::Nothing,
    }
}

/// One argument of a call.
#[derive(Debug, Clone, Copy)]
struct Argument {
    /// Of the text between its quotes.
    start: usize,
    end: usize,
    /// It is nothing but a text in quotes.
    is_text: bool,
    is_number: bool,
    is_empty: bool,
}

impl Default for Argument {
    fn default() -> Self {
        Self { start: 0, end: 0, is_text: false, is_number: false, is_empty: true }
    }
}

/// The place of the password: the last of a login, the second of a pair, the third behind an address and a user, the
/// fourth where a port stands second.
fn password_argument(keyword: &[u8], given: &[Argument]) -> Option<Argument> {
    let ends = |name: &[u8]| {
        keyword
            .len()
            .checked_sub(name.len())
            .is_some_and(|at| keyword.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(name)))
    };
    let place = if ends(b"connect(") || ends(b"connection(") || ends(b"pdo(") || ends(b"mysqli(") {
        if given.get(1).is_some_and(|second| second.is_number) { 3 } else { 2 }
    } else if ends(b"login(") || ends(b"authenticate(") {
        given.len().checked_sub(1).filter(|last| *last > 0)?
    } else if ends(b"auth(") && !ends(b"basicauth(") && !ends(b"basic_auth(") {
        given.len().checked_sub(1)?
    } else {
        1
    };
    given.get(place).copied()
}

/// Reads on from the name of a provider: the first word of the line that fits the pattern, behind a word for "key".
pub(crate) fn read_named(place: Place<'_>, pattern: &Pattern, max: usize) -> Outcome {
    let text = place.text;
    let stop = text.len().min(place.end + LEAD_MAX);
    // `PROD_DATADOG_KEY`, `myDatadogKey`: a letter before the name belongs to another word, unless a capital begins it.
    let first = byte(text, place.start).unwrap_or_default();
    if byte_before(text, place.start)
        .is_some_and(|b| b.is_ascii_alphabetic() && !(b.is_ascii_lowercase() && first.is_ascii_uppercase()))
    {
        return Outcome::Nothing;
    }
    let line = range(text, place.start.saturating_sub(HEAD_MAX), place.end);
    let line = line.rsplit(|b| matches!(b, b'\n' | b'\r')).next().unwrap_or_default();
    let mut named = names_key(line);
    let mut from = place.end;
    let mut at = place.end;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    while at < stop {
        let here = byte(text, at).unwrap_or_default();
        if here == b'\n' || here == b'\r' {
            return Outcome::Nothing;
        }
        if !is_token(here) || byte_before(text, at).is_some_and(is_token) {
            at += 1;
            continue;
        }
        named |= names_key(range(text, from.saturating_sub(1), at));
        from = at;
        if named {
            let run = pattern.run(text, at, max, place.at_end);
            match run.end {
                _ if run.open => return Outcome::Open(at),
                Some(end) if end == text.len() && !place.at_end => return Outcome::Open(at),
                Some(end) if ends_word(text, end) => {
                    return Outcome::Hit { start: at, end: floor_character(text, end), weight: 0.0 };
                }
                _ => {}
            }
        }
        at += 1;
    }
    if stop == text.len() && !place.at_end { Outcome::Open(from.min(text.len())) } else { Outcome::Nothing }
}

/// A word stands here that names a credential.
fn names_key(text: &[u8]) -> bool {
    const WORDS: &[&[u8]] = &[
        b"key",
        b"token",
        b"secret",
        b"pass",
        b"pwd",
        b"auth",
        b"credential",
        b"schl",
        b"kennwort",
        b"_pat",
        b"webhook",
        b"signature",
    ];
    WORDS.iter().any(|word| text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word)))
}

enum Closing {
    /// A space, or one of the characters that end a value without quotes.
    Bare,
    Byte(u8),
    /// A quote behind a backslash, as inside a string.
    Escaped(u8),
    /// A typographic quote.
    Wide,
    /// The next tag.
    Tag,
    /// `&quot;`
    Entity,
}

/// Walks over the text, and knows when it would have needed a byte that has not come yet.
struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    /// The lead ends here at the latest.
    stop: usize,
    at_end: bool,
    /// No value can begin before.
    earliest: usize,
    /// A byte was asked for that has not come yet.
    hungry: bool,
}

impl<'t> Reader<'t> {
    fn peek(&mut self) -> Option<u8> {
        self.peek_at(0)
    }

    fn peek_at(&mut self, ahead: usize) -> Option<u8> {
        let found = byte(self.text, self.at + ahead);
        self.hungry |= found.is_none() && !self.at_end;
        found
    }

    /// The text goes on with this word, in any ASCII case.
    fn sees(&mut self, word: &[u8]) -> bool {
        let here = range(self.text, self.at, self.text.len().min(self.at + word.len()));
        let fits = word.get(..here.len()).is_some_and(|start| start.eq_ignore_ascii_case(here));
        self.hungry |= fits && here.len() < word.len() && !self.at_end;
        fits && here.len() == word.len()
    }

    fn take(&mut self, word: &[u8]) -> bool {
        let seen = self.sees(word);
        if seen {
            self.at += word.len();
        }
        seen
    }

    /// Steps over spaces and tabs; no-break spaces count as spaces.
    fn skip_spaces(&mut self) -> bool {
        let from = self.at;
        while self.at < self.stop {
            match self.peek() {
                Some(b' ' | b'\t') => self.at += 1,
                Some(0xC2) if self.sees(b"\xC2\xA0") => self.at += 2,
                _ => break,
            }
        }
        self.at > from
    }

    fn assigned(&mut self, start: usize, end: usize) -> Option<Assigned<'t>> {
        let text = self.text;
        let head = head_before(text, start);
        let keyword = range(text, start, end);
        let tail_start = self.at;
        while self.at - tail_start <= TAIL_MAX {
            match self.peek() {
                Some(b)
                    if b.is_ascii_alphanumeric()
                        || b == b'_'
                        || (b >= 0x80 && !self.sees(b"\xC2\xA0") && !self.sees(b"\xE2")) =>
                {
                    self.at += 1;
                }
                Some(b'-' | b'.') if self.peek_at(1).is_some_and(|b| b.is_ascii_alphanumeric()) => {
                    self.at += 1
                }
                _ => break,
            }
        }
        let tail = range(text, tail_start, self.at);
        let (operator, before_value) = self.operator(head, start)?;
        let mut operator = operator;
        self.at = before_value;
        let spaced = self.skip_spaces();
        // Bold print ends behind the colon, and code may begin; more stars stand for a value.
        if operator != Operator::Space {
            let _ = self.take(b"*") && self.take(b"*");
            if self.peek() == Some(b'*') {
                return None;
            }
        }
        self.skip_spaces();
        for tag in [&b"</b>"[..], b"</strong>", b"</td>", b"</dt>", b"</th>", b"<td>", b"<dd>"] {
            if self.take(tag) {
                self.skip_spaces();
            }
        }
        if operator == Operator::Colon && matches!(self.peek(), Some(b'\r' | b'\n')) {
            self.take(b"\r");
            if !self.take(b"\n") {
                return None;
            }
            self.skip_spaces();
            operator = Operator::NextLine;
        }
        if operator != Operator::Space {
            self.earliest = self.at;
        }
        if matches!(self.peek(), Some(b'b' | b'r' | b'u' | b'f' | b'@' | b'L' | b'N' | b'R' | b'B'))
            && matches!(self.peek_at(1), Some(b'"' | b'\''))
        {
            self.at += 1;
        }
        let closing = self.opening();
        if self.hungry {
            return None;
        }
        let quoted = !matches!(closing, Closing::Bare);
        if !quoted && matches!(operator, Operator::Compare | Operator::Argument) {
            return None;
        }
        let value = self.at;
        let end = self.value_end(&closing, operator)?;
        Some(Assigned { text, start: value, end, head, keyword, tail, operator, quoted, spaced })
    }

    /// The operator behind the name, and where it ends.
    fn operator(&mut self, head: &[u8], start: usize) -> Option<(Operator, usize)> {
        let name_start = start - head.len();
        let mut closed = false;
        for _ in 0..6 {
            match self.peek() {
                Some(b'"' | b'\'' | b'`') => {
                    closed = true;
                    self.at += 1;
                }
                Some(b'\\') if matches!(self.peek_at(1), Some(b'"' | b'\'')) => {
                    closed = true;
                    self.at += 2;
                }
                // Without a quote before it, `]` ends what stands where something was replaced.
                Some(b']') if closed => self.at += 1,
                Some(b'*' | b')' | b'}') => self.at += 1,
                _ => break,
            }
        }
        if self.at == start {
            return None;
        }
        if self.peek() == Some(b'(') && !closed {
            self.at += 1;
            return Some((Operator::Argument, self.at));
        }
        if self.peek() == Some(b'>') {
            let opened = byte_before(self.text, name_start);
            let namespace = range(self.text, name_start.saturating_sub(1), name_start);
            self.at += 1;
            return (opened == Some(b'<') || namespace == b"<" || opened == Some(b':'))
                .then_some((Operator::Element, self.at));
        }
        let spaced = self.skip_spaces();
        if spaced && self.peek() == Some(b'(') {
            let from = self.at;
            while self.at < self.stop
                && self.at - from < 28
                && !matches!(self.peek(), None | Some(b')' | b'\n'))
            {
                self.at += 1;
            }
            if !self.take(b")") {
                return None;
            }
            self.skip_spaces();
            if !matches!(self.peek(), Some(b':' | b'=')) {
                return None;
            }
        }
        let mut cell = false;
        for _ in 0..3 {
            if self.peek() != Some(b'<') {
                break;
            }
            let from = self.at;
            while self.at < self.stop
                && self.at - from < 24
                && !matches!(self.peek(), None | Some(b'>' | b'\n'))
            {
                self.at += 1;
            }
            let tag = range(self.text, from, self.at);
            cell |= tag.starts_with(b"<td") || tag.starts_with(b"<dd");
            if !self.take(b">") {
                return None;
            }
            self.skip_spaces();
        }
        if cell {
            return Some((Operator::Cell, self.at));
        }
        match self.peek()? {
            b':' => {
                self.at += 1;
                match self.peek() {
                    Some(b':') => None,
                    Some(b'=') => {
                        self.at += 1;
                        Some((Operator::Equals, self.at))
                    }
                    _ => Some(self.after_colon()),
                }
            }
            b'=' => {
                self.at += 1;
                match self.peek() {
                    Some(b'=') => {
                        while self.at < self.stop && self.peek() == Some(b'=') {
                            self.at += 1;
                        }
                        Some((Operator::Compare, self.at))
                    }
                    Some(b'>') => {
                        self.at += 1;
                        Some((Operator::Equals, self.at))
                    }
                    Some(b'~') => None,
                    _ => Some((Operator::Equals, self.at)),
                }
            }
            0xEF if self.take("：".as_bytes()) => Some((Operator::Colon, self.at)),
            b'|' => {
                self.at += 1;
                (self.peek() != Some(b'|')).then_some((Operator::Cell, self.at))
            }
            b'\t' => Some((Operator::Cell, self.at)),
            b',' if closed => {
                self.at += 1;
                self.skip_spaces();
                self.attribute().or(Some((Operator::Argument, self.at)))
            }
            b'\r' | b'\n' => {
                self.take(b"\r");
                self.take(b"\n");
                self.skip_spaces();
                self.attribute()
            }
            _ if closed => {
                if spaced {
                    self.attribute()
                } else {
                    None
                }
            }
            _ if !spaced => None,
            // `Passwort → …`, `password -> …`: nothing is given for sure.
            0xE2 if self.take("→".as_bytes()) || self.take("–".as_bytes()) || self.take("—".as_bytes()) => {
                Some((Operator::Space, self.at))
            }
            b'-' if self.take(b"->") || self.take(b"- ") => Some((Operator::Space, self.at)),
            // `<password value="…"/>`
            b'v' if byte_before(self.text, name_start) == Some(b'<') => self.attribute(),
            _ => self.words(head, name_start),
        }
    }

    /// A type may stand between colon and equals sign: `password: &str = "…"`.
    fn after_colon(&mut self) -> (Operator, usize) {
        let colon = (Operator::Colon, self.at);
        let mut ahead = 0;
        while let Some(b) = self.peek_at(ahead) {
            let in_type = b.is_ascii_alphabetic() || b" _&<>?.[]'".contains(&b);
            if !in_type || ahead > 28 {
                let assigned = b == b'='
                    && ahead > 1
                    && byte_before(self.text, self.at + ahead) == Some(b' ')
                    && self.peek_at(ahead + 1) != Some(b'=');
                return if assigned { (Operator::Equals, self.at + ahead + 1) } else { colon };
            }
            ahead += 1;
        }
        colon
    }

    /// `value=` of markup, `"value":` and `value:` of lists of names and values.
    fn attribute(&mut self) -> Option<(Operator, usize)> {
        let from = self.at;
        let found = self.read_attribute();
        if found.is_none() {
            self.at = from;
        }
        found
    }

    fn read_attribute(&mut self) -> Option<(Operator, usize)> {
        let quoted = self.take(b"\"") || self.take(b"'");
        if !(self.take(b"value") || self.take(b"content")) {
            return None;
        }
        if quoted {
            let _ = self.take(b"\"") || self.take(b"'");
        }
        self.skip_spaces();
        (self.take(b":") || self.take(b"=")).then_some((Operator::Equals, self.at))
    }

    /// What follows the name after a space: a verb, a flag's value, or the value itself.
    fn words(&mut self, head: &[u8], name_start: usize) -> Option<(Operator, usize)> {
        let first = self.at;
        let flag = byte_before(self.text, name_start) == Some(b'-') || head.starts_with(b"-");
        if flag || is_netrc(self.text, name_start) {
            return (self.peek() != Some(b'-')).then_some((Operator::Flag, first));
        }
        let mut bridged = false;
        // At most four words lead from the name to the verb: `password for the VPN is`.
        for _ in 0..5 {
            let word_start = self.at;
            while self.at < self.stop
                && self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || b >= 0x80 || b == b'-')
            {
                self.at += 1;
            }
            let word = range(self.text, word_start, self.at);
            if word.is_empty() {
                break;
            }
            let verb = verb(word);
            if matches!(self.peek(), Some(b':' | b'=')) {
                if verb.is_some() || bridged || !judge::is_tail(word) && self.peek_at(1) == Some(b' ') {
                    self.at += 1;
                    return Some((if verb.is_some() { Operator::Reads } else { Operator::Colon }, self.at));
                }
                break;
            }
            if let Some(verb) = verb {
                self.skip_spaces();
                for adverb in ADVERBS {
                    let before = self.at;
                    if self.take(adverb) {
                        if self.skip_spaces() || self.peek() == Some(b':') {
                            break;
                        }
                        self.at = before;
                    }
                }
                if self.take(b":") {
                    return Some((Operator::Reads, self.at));
                }
                return Some((verb, self.at));
            }
            // `change the password to "…"`: what stands in quotes is meant, or looks like nothing else.
            if matches!(word, b"to" | b"auf" | b"in") {
                let before = self.at;
                self.skip_spaces();
                if matches!(self.peek(), Some(b'"' | b'\'' | b'`')) {
                    return Some((Operator::Is, self.at));
                }
                if word != b"in" && self.sees_mixed_word() {
                    return Some((Operator::Space, self.at));
                }
                if self.hungry {
                    // A value may begin here, so nothing behind may be read as its lead.
                    return None;
                }
                self.at = before;
            } else if SETTING.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word)) {
                let before = self.at;
                self.skip_spaces();
                if self.sees(b"to ") || self.sees(b"auf ") {
                    continue;
                }
                if self.hungry {
                    return None;
                }
                self.at = before;
            }
            bridged |= PREPOSITIONS.iter().any(|known| known.eq_ignore_ascii_case(word));
            if !bridged && (word_start > first || judge::is_tail(word)) {
                break;
            }
            if !self.skip_spaces() {
                break;
            }
        }
        Some((Operator::Space, first))
    }

    /// The next word holds a digit and something else.
    fn sees_mixed_word(&mut self) -> bool {
        let (mut ahead, mut digits, mut others) = (0, false, false);
        while self.at + ahead < self.stop {
            match self.peek_at(ahead) {
                None | Some(b' ' | b'\t' | b'\n' | b'\r') => break,
                Some(b) => {
                    digits |= b.is_ascii_digit();
                    others |= b.is_ascii_alphabetic();
                }
            }
            ahead += 1;
        }
        digits && others
    }

    /// What opens the value says what closes it.
    fn opening(&mut self) -> Closing {
        match self.peek() {
            Some(quote @ (b'"' | b'\'' | b'`')) => {
                self.at += 1;
                let triple = [quote, quote];
                self.take(&triple);
                Closing::Byte(quote)
            }
            Some(b'\\') => match self.peek_at(1) {
                Some(quote @ (b'"' | b'\'')) => {
                    self.at += 2;
                    Closing::Escaped(quote)
                }
                _ => Closing::Bare,
            },
            Some(b'&') if self.take(b"&quot;") => Closing::Entity,
            Some(b'<') => {
                for tag in [&b"<code>"[..], b"<b>", b"<strong>", b"<kbd>", b"<tt>"] {
                    if self.take(tag) {
                        return Closing::Tag;
                    }
                }
                Closing::Bare
            }
            Some(0xE2) => {
                for quote in ["„", "“", "”", "‚", "‘", "’", "‹", "›"] {
                    if self.take(quote.as_bytes()) {
                        return Closing::Wide;
                    }
                }
                Closing::Bare
            }
            Some(0xC2) if self.take("»".as_bytes()) || self.take("«".as_bytes()) => Closing::Wide,
            _ => Closing::Bare,
        }
    }

    fn value_end(&mut self, closing: &Closing, operator: Operator) -> Option<usize> {
        let start = self.at;
        loop {
            if self.at - start >= VALUE_MAX {
                return matches!(closing, Closing::Bare).then_some(floor_character(self.text, self.at));
            }
            let Some(here) = self.peek() else {
                // At the end of the text only a value without quotes is whole.
                return matches!(closing, Closing::Bare).then_some(self.at);
            };
            match closing {
                Closing::Bare => {
                    let ends = here.is_ascii_whitespace()
                        || matches!(here, b'"' | b'`' | b'\'')
                        || (here == b'<' && operator == Operator::Element)
                        || (here == b'|' && operator == Operator::Cell)
                        || (here == 0xC2 && self.sees(b"\xC2\xA0"))
                        || (here == b'\\' && matches!(self.peek_at(1), Some(b'n' | b'r' | b't' | b'"')));
                    if ends {
                        return Some(self.at);
                    }
                }
                Closing::Byte(quote) if here == *quote => return Some(self.at),
                Closing::Byte(_) if here == b'\\' => self.at += usize::from(self.peek_at(1).is_some()),
                Closing::Escaped(quote) if here == b'\\' && self.peek_at(1) == Some(*quote) => {
                    return Some(self.at);
                }
                Closing::Wide if matches!(here, b'"' | b'\'') => return Some(self.at),
                Closing::Wide
                    if here == 0xE2
                        && (self.sees("“".as_bytes())
                            || self.sees("”".as_bytes())
                            || self.sees("‘".as_bytes())
                            || self.sees("’".as_bytes())
                            || self.sees("‹".as_bytes())
                            || self.sees("›".as_bytes())) =>
                {
                    return Some(self.at);
                }
                Closing::Wide if here == 0xC2 && (self.sees("»".as_bytes()) || self.sees("«".as_bytes())) =>
                {
                    return Some(self.at);
                }
                Closing::Tag if here == b'<' => return Some(self.at),
                Closing::Entity if here == b'&' && self.sees(b"&quot;") => return Some(self.at),
                _ => {}
            }
            if matches!(here, b'\n' | b'\r') {
                return None;
            }
            self.at += 1;
        }
    }

    /// Moves the value of a pair behind its name: `max / Sommer2024!`, `max:Sommer2024!`.
    fn skip_name(&mut self, assigned: &mut Assigned<'_>) -> bool {
        let value = range(self.text, assigned.start, assigned.end);
        let inner = value.iter().position(|b| matches!(b, b'/' | b':' | b'|')).filter(|at| *at > 0);
        if let Some(at) = inner.filter(|at| at + 1 < value.len()) {
            assigned.start += at + 1;
            return true;
        }
        if assigned.quoted {
            return false;
        }
        self.at = inner.map_or(assigned.end, |at| assigned.start + at);
        self.stop = self.at + 8;
        self.skip_spaces();
        let parted = self.take(b"/") || self.take(b"|") || self.take(b":") || self.take("–".as_bytes());
        if !parted {
            return false;
        }
        self.skip_spaces();
        let start = self.at;
        let Some(end) = self.value_end(&Closing::Bare, Operator::Colon) else { return false };
        (assigned.start, assigned.end) = (start, end);
        !self.hungry
    }
}

/// The beginning of the name to which the keyword at `start` belongs.
fn head_before(text: &[u8], start: usize) -> &[u8] {
    let mut from = start;
    while start - from < HEAD_MAX
        && byte_before(text, from)
            .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    {
        from -= 1;
    }
    range(text, from, start)
}

/// `machine … login … password …`, all words parted by spaces.
fn is_netrc(text: &[u8], name_start: usize) -> bool {
    let before = range(text, name_start.saturating_sub(80), name_start);
    let words: Vec<&[u8]> =
        before.split(|b| b.is_ascii_whitespace()).filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        [.., login, _] => {
            login.eq_ignore_ascii_case(b"login")
                && (words.len() < 3 || words.contains(&&b"machine"[..]) || words.contains(&&b"default"[..]))
        }
        _ => false,
    }
}

const ADVERBS: &[&[u8]] = &[
    b"jetzt",
    b"now",
    b"nun",
    b"noch",
    b"still",
    b"aktuell",
    b"currently",
    b"weiterhin",
    b"also",
    b"dann",
    b"changed to",
    b"set to",
    b"reset to",
    "zurückgesetzt auf".as_bytes(),
    "geändert auf".as_bytes(),
    b"gesetzt auf",
];

/// Before `to` or `auf`, what comes behind is the value.
const SETTING: &[&str] = &["set", "changed", "reset", "gesetzt", "geändert", "geaendert", "zurückgesetzt"];

const PREPOSITIONS: &[&[u8]] = &[
    b"wie",
    b"as",
    "für".as_bytes(),
    b"fuer",
    "fürs".as_bytes(),
    b"fuers",
    b"aufs",
    b"auf",
    b"bei",
    b"beim",
    b"for",
    b"of",
    b"von",
    b"vom",
    b"zu",
    b"zum",
    b"zur",
    b"to",
    b"on",
    b"in",
    b"im",
    b"am",
    b"an",
    b"des",
    b"der",
    b"dazu",
    b"dafuer",
    "dafür".as_bytes(),
    b"there",
    b"here",
    b"hier",
    b"dort",
];

fn verb(word: &[u8]) -> Option<Operator> {
    const READS: &[&[u8]] =
        &[b"lautet", "heißt".as_bytes(), b"heisst", b"reads", b"lautete", "wäre".as_bytes(), b"lauten"];
    const IS: &[&[u8]] = &[
        b"ist", b"is", b"war", b"was", b"sind", b"are", b"bleibt", b"remains", b"should", b"wurde", b"wird",
    ];
    let listed = |words: &[&[u8]]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    if listed(READS) {
        Some(Operator::Reads)
    } else if listed(IS) {
        Some(Operator::Is)
    } else {
        None
    }
}

#[cfg(test)]
mod evaluation;
#[cfg(test)]
mod tests;
