//! Reads what stands between a name and its value, and the value.

use super::{Assigned, LEAD_MAX, Operator, head_before, judge};
use crate::text::{Place, byte, byte_before, floor_character, range};

/// The most bytes of a value.
const VALUE_MAX: usize = 240;
/// The longest rest of a name behind its keyword, such as `_FOR_BACKUP`.
const TAIL_MAX: usize = 32;

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
pub(super) struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    /// The lead ends here at the latest.
    stop: usize,
    at_end: bool,
    /// No value can begin before.
    pub(super) earliest: usize,
    /// A byte was asked for that has not come yet.
    pub(super) hungry: bool,
}

impl<'t> Reader<'t> {
    /// Reads on from the end of a name.
    pub(super) fn new(place: Place<'t>, end: usize) -> Self {
        Self {
            text: place.text,
            at: end,
            stop: end + LEAD_MAX,
            at_end: place.at_end,
            earliest: end,
            hungry: false,
        }
    }

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

    pub(super) fn assigned(&mut self, start: usize, end: usize) -> Option<Assigned<'t>> {
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
                let below = self.take(b"\n") && !closed && head.is_empty();
                self.skip_spaces();
                let attribute = self.attribute();
                let label = below && begins_line(self.text, name_start);
                attribute.or(label.then_some((Operator::LineBelow, self.at)))
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
            // `Dim password As String = "…"`
            b'A' | b'a' if self.take(b"as string") => {
                self.skip_spaces();
                self.take(b"=").then_some((Operator::Equals, self.at))
            }
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
        let (mut bridged, mut set) = (false, false);
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
                let reads = verb.is_some() || set;
                if reads || bridged || !judge::is_tail(word) && self.peek_at(1) == Some(b' ') {
                    self.at += 1;
                    return Some((if reads { Operator::Reads } else { Operator::Colon }, self.at));
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
                // `wurde auf … gesetzt`
                let before = self.at;
                if verb == Operator::Is && self.take(b"auf ") && !self.word_behind().is_some_and(is_setting) {
                    self.at = before;
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
                    // `… auf … gesetzt`, `change the … to … before Friday`
                    let changed = is_changed(self.text, name_start);
                    let sure = self.word_behind().is_some_and(|next| {
                        is_setting(next) || changed && (next.is_empty() || goes_on(next))
                    });
                    return Some((if sure { Operator::Is } else { Operator::Space }, self.at));
                }
                if self.hungry {
                    // A value may begin here, so nothing behind may be read as its lead.
                    return None;
                }
                self.at = before;
            } else if is_setting(word) {
                let before = self.at;
                self.skip_spaces();
                set = self.sees(b"to ") || self.sees(b"auf ") || self.sees(b"to:") || self.sees(b"auf:");
                if set {
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

    /// The word behind the next one; empty where the line or the sentence ends there.
    fn word_behind(&mut self) -> Option<&'t [u8]> {
        let mut ahead = 0;
        while self.at + ahead < self.stop && self.peek_at(ahead).is_some_and(|b| !b.is_ascii_whitespace()) {
            ahead += 1;
        }
        let ended = byte_before(self.text, self.at + ahead).is_some_and(|b| b".,;!".contains(&b));
        if self.at + ahead >= self.stop {
            return None;
        }
        if ended || self.peek_at(ahead) != Some(b' ') {
            return Some(range(self.text, 0, 0));
        }
        let start = self.at + ahead + 1;
        let mut end = start;
        while end - start < WORD_MAX
            && self.peek_at(end - self.at).is_some_and(|b| b.is_ascii_alphabetic() || b >= 0x80)
        {
            end += 1;
        }
        (end > start).then_some(range(self.text, start, end))
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
    pub(super) fn skip_name(&mut self, assigned: &mut Assigned<'_>) -> bool {
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

/// The longest word that is told behind a value.
const WORD_MAX: usize = 16;

fn is_setting(word: &[u8]) -> bool {
    SETTING.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word))
}

/// `change the root password`, `setze das Kennwort`: what follows `to` is the value.
fn is_changed(text: &[u8], name_start: usize) -> bool {
    const WORDS: &[&[u8]] = &[b"change", b"set ", b"reset", b"setze", b"setz ", "ändere".as_bytes()];
    let before = range(text, name_start.saturating_sub(CHANGED_MAX), name_start);
    let line = before.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    WORDS.iter().any(|word| line.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word)))
}

/// Bytes before a name in which a verb tells that it gets a value.
const CHANGED_MAX: usize = 40;

/// A sentence goes on behind a value with one of these, and not with what the value would describe.
fn goes_on(word: &[u8]) -> bool {
    const WORDS: &[&str] = &[
        "before", "after", "by", "and", "on", "for", "until", "so", "as", "then", "please", "when", "today",
        "now", "bitte", "und", "bis", "vor", "damit", "ab", "heute", "sofort", "dann",
    ];
    WORDS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word))
}

/// Nothing but a few blanks stands before the name on its line.
fn begins_line(text: &[u8], name_start: usize) -> bool {
    let before = range(text, name_start.saturating_sub(BLANKS_MAX), name_start);
    let blanks = before.iter().rev().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let line = name_start - blanks;
    blanks < BLANKS_MAX && (line == 0 || byte_before(text, line) == Some(b'\n'))
}

/// The most blanks before a label on its line.
const BLANKS_MAX: usize = 8;

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
const SETTING: &[&str] =
    &["set", "changed", "reset", "gesetzt", "geändert", "geaendert", "zurückgesetzt", "zurueckgesetzt"];

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
