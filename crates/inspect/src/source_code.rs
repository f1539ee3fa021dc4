//! Blocks of source code: lines one after the other that read like a program, a fence that names a language, and the
//! copyright line above a file.
//!
//! A finding covers at most [`CODE_MAX`] bytes from the line on that begins a block, so that little has to be kept of a
//! text that still comes in; a long block gives several, one at each declaration that is not indented.

use crate::text::{Outcome, Place, byte_before, floor_character, range};

/// The most bytes of one finding.
pub(crate) const CODE_MAX: usize = 384;
/// How far to the left the indentation of a line, and the line above it, are looked at.
const INDENT_MAX: usize = 24;
const ABOVE_MAX: usize = 128;
/// What so many bytes of a line's beginning have no sign of code in is a sentence.
const SENTENCE: usize = 64;
/// Signs and lines that a block has at least.
const SIGNS_MIN: u32 = 4;
const LINES_MIN: u32 = 3;
/// Lines of something else that end a block.
const OTHERS_MAX: u32 = 2;

/// What a line of a program may begin with.
#[rustfmt::skip]
const BEGINNINGS: &[&str] = &[
    "fn ", "def ", "func ", "fun ", "class ", "import ", "from ", "package ", "public ", "private ", "protected ",
    "static ", "function ", "const ", "let ", "var ", "val ", "export ", "module ", "namespace ", "using ", "struct ",
    "enum ", "impl ", "interface ", "async ", "await ", "return", "if (", "if ", "for (", "for ", "while ", "else",
    "elif ", "try", "catch", "except", "finally", "with ", "local ", "object ", "resource ", "provider ", "variable ",
    "pub ", "use ", "mod ", "type ", "override ", "abstract ", "final ", "void ", "int ", "string ", "bool ", "auto ",
    "template", "typedef ", "#include", "#define", "#if", "#!", "#[", "@", "<?php", "<!DOCTYPE", "<html", "<div",
    "SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE ", "ALTER ", "DROP ", "FROM ", "WHERE ", "JOIN ", "LEFT JOIN",
    "ORDER BY", "GROUP BY", "VALUES", "RUN ", "COPY ", "ENV ", "echo ", "sudo ", "export ", "set -", "require ", "end",
    "do ", "match ", "case ", "switch ", "assert", "raise ", "throw ", "new ", "print", "console.", "self.", "this.",
    "my $", "$", "+++ ", "--- a", "@@ ", "diff --git",
];
/// What stands in a line of a program and rarely in a sentence.
#[rustfmt::skip]
const OPERATORS: &[&str] = &[
    " = ", "==", "!=", "+=", "::", "->", "=>", "&&", "||", " := ", "();", "()", "(\"", "('", "(self", "</", "/>", "\");",
    "[0]", "${", " {", "<<", "%s", "\\n\"", " NOT NULL", "PRIMARY KEY", " VARCHAR(", " INTEGER", " BIGINT", " TEXT,",
];
/// Languages that a fence may name. What is data rather than a program is judged by its lines.
#[rustfmt::skip]
const LANGUAGES: &[&str] = &[
    "rust", "rs", "python", "py", "java", "javascript", "js", "typescript", "ts", "tsx", "jsx", "c", "cpp", "c++", "csharp",
    "cs", "c#", "go", "golang", "kotlin", "kt", "swift", "scala", "ruby", "rb", "php", "perl", "lua", "r", "sql", "bash",
    "sh", "shell", "zsh", "powershell", "ps1", "dockerfile", "terraform", "hcl", "haskell", "hs", "elixir", "erlang",
    "fsharp", "f#", "vb", "vba", "matlab", "julia", "dart", "zig", "cobol", "abap", "plsql", "groovy", "html", "css",
    "scss", "vue", "svelte", "asm", "nix", "makefile", "cmake", "solidity", "diff", "patch",
];

/// Reads the block whose first line begins with the keyword at `place`.
pub(crate) fn read(place: Place<'_>) -> Outcome {
    let Place { text, start, end, at_end } = place;
    if range(text, start, end) == b"Copyright" || range(text, start, end).starts_with(b"SPDX") {
        return read_notice(place);
    }
    if !begins_line(text, start) {
        return Outcome::Nothing;
    }
    if range(text, start, end) == FENCE {
        return read_fence(place);
    }
    if goes_on(text, start, end) { Outcome::Nothing } else { Block::new(start).read(text, start, at_end) }
}

const FENCE: &[u8] = b"```";

/// The lines of one block so far.
struct Block {
    start: usize,
    /// One past the last line of code.
    end: usize,
    signs: u32,
    lines: u32,
    others: u32,
    signs_min: u32,
    lines_min: u32,
}

impl Block {
    fn new(start: usize) -> Self {
        Self { start, end: start, signs: 0, lines: 0, others: 0, signs_min: SIGNS_MIN, lines_min: LINES_MIN }
    }

    /// Reads lines from `at` on.
    fn read(mut self, text: &[u8], mut at: usize, at_end: bool) -> Outcome {
        let limit = self.start + CODE_MAX;
        let first = at;
        while at < limit.min(text.len()) {
            let stop = limit.min(text.len());
            let rest = range(text, at, stop);
            let newline = rest.iter().position(|b| *b == b'\n');
            let line = range(rest, 0, newline.unwrap_or(rest.len()));
            if at == first && line.len() >= SENTENCE && !has_sign(range(line, 0, SENTENCE)) {
                return Outcome::Nothing;
            }
            if newline.is_none() && stop < limit && !at_end {
                return Outcome::Open(self.start);
            }
            let fenced = line.trim_ascii_start().starts_with(FENCE);
            if fenced {
                return self.judge(text);
            }
            match signs(line) {
                Some(0) => {}
                Some(signs) => {
                    self.signs += signs;
                    self.lines += 1;
                    self.others = 0;
                    self.end = at + line.len();
                }
                None => self.others += 1,
            }
            if self.others >= OTHERS_MAX || self.lines == 0 && self.others > 0 {
                return self.judge(text);
            }
            at += line.len() + 1;
        }
        if at < limit && !at_end { Outcome::Open(self.start) } else { self.judge(text) }
    }

    fn judge(&self, text: &[u8]) -> Outcome {
        if self.signs < self.signs_min || self.lines < self.lines_min {
            return Outcome::Nothing;
        }
        Outcome::Hit { start: self.start, end: floor_character(text, self.end), weight: 0.0 }
    }
}

/// Reads from a fence on: one that names a language needs one line, another as many as a block without.
fn read_fence(place: Place<'_>) -> Outcome {
    let Place { text, start, end, at_end } = place;
    let head = range(text, end, text.len().min(end + INDENT_MAX));
    let Some(newline) = head.iter().position(|b| *b == b'\n') else {
        let short = end + head.len() == text.len();
        return if short && !at_end { Outcome::Open(start) } else { Outcome::Nothing };
    };
    let language = range(head, 0, newline).trim_ascii();
    let named = LANGUAGES.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(language));
    let block = Block::new(start);
    let block = if named { Block { signs_min: 1, lines_min: 1, ..block } } else { block };
    block.read(text, end + newline + 1, at_end)
}

/// Reads a comment line that says whose the file is.
fn read_notice(place: Place<'_>) -> Outcome {
    let Place { text, start, end, at_end } = place;
    let before = range(text, start.saturating_sub(INDENT_MAX), start);
    let line = before.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    let whole = line.len() < before.len() || start == before.len();
    let mark = line.trim_ascii();
    if !whole
        || !matches!(mark, b"//" | b"#" | b"/*" | b"/**" | b"*" | b"--" | b"<!--" | b";" | b"//!" | b"%")
    {
        return Outcome::Nothing;
    }
    let rest = range(text, end, text.len().min(end + ABOVE_MAX));
    let newline = rest.iter().position(|b| *b == b'\n');
    if newline.is_none() && rest.len() < ABOVE_MAX && !at_end {
        return Outcome::Open(start);
    }
    let rest = range(rest, 0, newline.unwrap_or(rest.len()));
    let dated = rest.windows(4).any(
        |four| matches!(four, [b'1' | b'2', b'9' | b'0', rest @ ..] if rest.iter().all(u8::is_ascii_digit)),
    );
    let licensed = range(text, start, end).starts_with(b"SPDX");
    if !dated && !licensed {
        return Outcome::Nothing;
    }
    Outcome::Hit { start, end: floor_character(text, end + rest.trim_ascii_end().len()), weight: 0.0 }
}

/// Only blanks, or the marks of a quotation, stand between the beginning of the line and `at`.
fn begins_line(text: &[u8], at: usize) -> bool {
    let mut start = at;
    while at - start < INDENT_MAX && matches!(byte_before(text, start), Some(b' ' | b'\t' | b'>')) {
        start -= 1;
    }
    matches!(byte_before(text, start), None | Some(b'\n'))
}

/// The line above is code, and the one with the keyword at `at` goes on with it: it is indented, or begins as that does.
fn goes_on(text: &[u8], at: usize, end: usize) -> bool {
    let before = range(text, at.saturating_sub(ABOVE_MAX), at);
    let Some(newline) = before.iter().rposition(|b| *b == b'\n') else { return false };
    let above = range(before, 0, newline);
    let above =
        above.iter().rposition(|b| *b == b'\n').map_or(above, |from| range(above, from + 1, above.len()));
    let indented = newline + 1 < before.len();
    let alike = |line: &[u8]| line.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let here = range(text, at, end);
    let same = alike(above) > 2 && range(above, 0, alike(above)) == range(here, 0, alike(here));
    (indented || same) && signs(above).is_some_and(|signs| signs > 0)
}

/// The signs of code in a line, at most three; 0 for one that says nothing, none for one of something else.
fn signs(line: &[u8]) -> Option<u32> {
    let line = line.trim_ascii();
    let line = line.strip_prefix(b"> ").unwrap_or(line);
    let Some(last) = line.last() else { return Some(0) };
    let begins = BEGINNINGS.iter().any(|word| line.starts_with(word.as_bytes()));
    let ends = matches!(last, b'{' | b'}' | b';' | b'[' | b'(' | b'\\')
        || [b"},".as_slice(), b"),", b"):", b"],", b">"].iter().any(|end| line.ends_with(end))
        || begins && *last == b':'
        || line.len() == 1 && matches!(last, b')' | b']');
    let called =
        |pair: &[u8]| matches!(pair, [before, b'('] if before.is_ascii_alphanumeric() || *before == b'_');
    let operates = has_sign(line) || *last == b')' && line.windows(2).any(called);
    let comment = [b"//".as_slice(), b"/*", b"* ", b"#", b"--"].iter().any(|mark| line.starts_with(mark));
    let found = u32::from(begins) + u32::from(ends) + u32::from(operates);
    // A word that begins a line of code may begin a sentence too.
    let sentence = begins && !ends && !operates && line.iter().filter(|b| **b == b' ').count() > 4;
    match found {
        _ if sentence => None,
        0 if comment || line.len() < 24 => Some(0),
        0 => None,
        found => Some(found),
    }
}

fn has_sign(line: &[u8]) -> bool {
    line.iter().enumerate().any(|(at, here)| {
        !here.is_ascii_alphanumeric()
            && OPERATORS
                .iter()
                .any(|sign| line.get(at..).is_some_and(|rest| rest.starts_with(sign.as_bytes())))
    })
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::text::{Outcome, Place};

    /// What is found at the first place of the keyword: the lines of it, or none.
    fn check(keyword: &str, text: &str, expected: Option<usize>) {
        let start = text.find(keyword).unwrap();
        let end = start + keyword.len();
        let found = match read(Place { text: text.as_bytes(), start, end, at_end: true }) {
            Outcome::Hit { start, end, .. } => text.get(start..end).map(|found| found.lines().count()),
            _ => None,
        };
        assert_eq!(found, expected, "{text}");
        // What is said of a beginning is never taken back.
        let whole = read(Place { text: text.as_bytes(), start, end, at_end: false });
        for cut in end..text.len() {
            let part = read(Place { text: &text.as_bytes()[..cut], start, end, at_end: false });
            assert!(matches!(part, Outcome::Open(_)) || part == whole, "{cut} of {text}");
        }
    }

    #[test]
    fn programs_are_found() {
        check("fn ", "fn main() {\n    let x = 1;\n    println!(\"{x}\");\n}\n", Some(4));
        check(
            "def ",
            "Hi,\n\ndef f(a):\n    if a == 1:\n        return a\n\nThanks for\nlooking at this for me",
            Some(3),
        );
        check("import ", "import os\nimport sys\n\nprint(os.environ[\"HOME\"])\n", Some(4));
        check("SELECT ", "SELECT id, name\nFROM customer\nWHERE id = 4\nORDER BY name;\n", Some(4));
        check("#include", "#include <stdio.h>\nint main() {\n  return 0;\n}\n", Some(4));
        check("```", "```rust\nlet a = 1;\n```\n", Some(2));
        check("```", "```\nint a = 1;\nif (a == 2) {\n  b();\n}\n```\n", Some(5));
        check("Copyright", "// Copyright (c) 2024 Muster GmbH\nfn x", Some(1));
        check("public ", "> public class A {\n>   int b = 1;\n> }\n", Some(3));
    }

    #[test]
    fn sentences_are_not() {
        check("import ", "import duties rise\nand we pay more\n", None);
        check("class ", "class starts at nine\nPlease be on time, all of you; bring pens\n", None);
        check("from ", "from Monday on we are closed\nSee you soon in our new shop in town\n", None);
        check("public ", "public holidays: none\n", None);
        check(
            "```",
            "```\nBestellung 4711 kommt am Montag\nRechnung folgt in der nächsten Woche\n```\n",
            None,
        );
        check("```", "```text\nnur Text\n```\n", None);
        check("Copyright", "Copyright 2024 Muster GmbH", None);
        check("def ", "the def x = 1;\ny = 2;\nz = 3;\n", None);
    }
}
