//! Pieces of the languages that inspection reads. Bytes that change one by one never become an IBAN.

use std::sync::OnceLock;

/// Pieces of text that touch the rules and the views, whole and broken.
pub fn text() -> &'static [Vec<u8>] {
    static PIECES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    PIECES.get_or_init(|| read(include_str!("../fragments/text.txt")))
}

/// Pieces of packs and lists of terms.
pub fn packs() -> &'static [Vec<u8>] {
    static PIECES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    PIECES.get_or_init(|| read(include_str!("../fragments/packs.txt")))
}

/// Pieces of guardrails and exceptions.
pub fn guardrails() -> &'static [Vec<u8>] {
    static PIECES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    PIECES.get_or_init(|| read(include_str!("../fragments/guardrails.txt")))
}

/// Pieces of other products' rules.
pub fn imports() -> &'static [Vec<u8>] {
    static PIECES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    PIECES.get_or_init(|| read(include_str!("../fragments/imports.txt")))
}

/// One piece a line, with `\n`, `\r`, `\t`, `\\` and `\u{…}`.
fn read(lines: &str) -> Vec<Vec<u8>> {
    lines.lines().filter(|line| !line.is_empty()).map(|line| unescape(line).into_bytes()).collect()
}

fn unescape(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match rest.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let digits: String =
                    rest.by_ref().skip_while(|c| *c == '{').take_while(|c| *c != '}').collect();
                let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                out.push(code.expect("a fragment names a character"));
            }
            Some(other) => out.push(other),
            None => out.push('\\'),
        }
    }
    out
}

/// Puts one to four pieces somewhere into the input, over what stands there or between; half of the time it leaves the
/// change to others and answers nothing. Gives the new length.
pub fn insert(pieces: &[Vec<u8>], data: &mut [u8], size: usize, max_size: usize, seed: u32) -> Option<usize> {
    let mut state = u64::from(seed) << 1 | 1;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    if draw(2) == 0 {
        return None;
    }
    let mut text = data[..size].to_vec();
    // Behind the last insertion the next one often follows at once.
    let mut at = draw(size + 1);
    for _ in 0..=draw(4) {
        let piece = &pieces[draw(pieces.len())];
        let over = if draw(3) == 0 { draw(2 * piece.len() + 1).min(text.len() - at) } else { 0 };
        text.splice(at..at + over, piece.iter().copied());
        at = if draw(4) == 0 { draw(text.len() + 1) } else { at + piece.len() };
    }
    text.truncate(max_size.min(data.len()));
    data[..text.len()].copy_from_slice(&text);
    Some(text.len())
}
