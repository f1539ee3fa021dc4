//! Plain text in the encodings that people use.

use std::borrow::Cow;

use crate::document::{Extracted, Kind, Rejected, Scroll, What};

/// Control characters that a text may have, beside one in two hundred bytes.
const CONTROLS_MAX: usize = 4;

/// The whole text as it is; a file with control characters that no text has is no text.
pub(crate) fn read(bytes: &[u8]) -> Result<Extracted, Rejected> {
    let (text, is_guessed) = decode(bytes).ok_or(Rejected::Unsupported)?;
    let is_binary =
        |character: char| character.is_control() && !"\n\r\t\u{c}\u{1b}\u{85}".contains(character);
    if text.chars().filter(|character| is_binary(*character)).count() > CONTROLS_MAX + text.len() / 200 {
        return Err(Rejected::Unsupported);
    }
    let mut scroll = Scroll::default();
    if is_guessed {
        scroll.omit(What::GuessedEncoding);
    }
    scroll.push(&text);
    Ok(scroll.finish(Kind::Text))
}

/// The text of these bytes, and whether its encoding was guessed. UTF-8, UTF-16 by its mark or by its zeroes, and else
/// Windows-1252, which is what files without umlauts in UTF-8 are. None for what is no text.
pub(crate) fn decode(bytes: &[u8]) -> Option<(Cow<'_, str>, bool)> {
    if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        return std::str::from_utf8(rest).ok().map(|text| (Cow::Borrowed(text), false));
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE") {
        return Some((Cow::Owned(utf16(rest, u16::from_le_bytes)?), false));
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFE\xFF") {
        return Some((Cow::Owned(utf16(rest, u16::from_be_bytes)?), false));
    }
    if bytes.contains(&0) {
        let (mut even, mut odd) = (0, 0);
        for (at, byte) in bytes.iter().take(4096).enumerate() {
            if *byte == 0 {
                *(if at % 2 == 0 { &mut even } else { &mut odd }) += 1;
            }
        }
        let text = match (even, odd) {
            (0, _) => utf16(bytes, u16::from_le_bytes)?,
            (_, 0) => utf16(bytes, u16::from_be_bytes)?,
            _ => return None,
        };
        return Some((Cow::Owned(text), false));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some((Cow::Borrowed(text), false)),
        Err(_) => Some((Cow::Owned(bytes.iter().map(|byte| windows_1252(*byte)).collect()), true)),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(unit));
    char::decode_utf16(units).collect::<Result<_, _>>().ok()
}

/// As WHATWG's encoding standard maps it; like Latin-1 but for 80 to 9F.
pub(crate) fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    let high = byte.checked_sub(0x80).and_then(|at| HIGH.get(usize::from(at)));
    high.copied().unwrap_or(char::from(byte))
}
