//! Pictures: checked for being what they say, and what is written into them. A model gets nothing of them.

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use crate::document::{Extracted, Kind, Rejected, Scroll, What};
use crate::pdf::read_xmp;
use crate::plain::{decode, windows_1252};

/// Largest text that a picture carries compressed.
const TEXT_BYTES_MAX: usize = 256 * 1024;
/// Shortest run of letters that counts as a text in a block of binary properties.
const RUN_MIN: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Png,
    Jpeg,
    Gif,
    Webp,
}

impl Format {
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            _ => None,
        }
    }

    pub(crate) fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Png => &["png"],
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif"],
            Self::Gif => &["gif"],
            Self::Webp => &["webp"],
        }
    }
}

pub(crate) fn read(bytes: &[u8], format: Format) -> Result<Extracted, Rejected> {
    let mut scroll = Scroll::default();
    scroll.omit(What::PicturesOnly);
    let whole = match format {
        Format::Png => read_png(bytes, &mut scroll),
        Format::Jpeg => read_jpeg(bytes, &mut scroll),
        Format::Gif => read_gif(bytes, &mut scroll),
        Format::Webp => read_webp(bytes, &mut scroll),
    };
    whole.ok_or(Rejected::Damaged)?;
    Ok(scroll.finish(Kind::Image))
}

/// PNG, third edition, section 11.3: text stands in `tEXt`, `zTXt` and `iTXt`, and in `eXIf`.
fn read_png(bytes: &[u8], scroll: &mut Scroll) -> Option<()> {
    let mut rest = bytes.get(8..)?;
    loop {
        let length = usize::try_from(u32::from_be_bytes(rest.get(..4)?.try_into().ok()?)).ok()?;
        let (kind, data) = (rest.get(4..8)?, rest.get(8..8_usize.checked_add(length)?)?);
        rest = rest.get(length.checked_add(12)?..)?;
        match kind {
            b"IEND" => return Some(()),
            b"tEXt" => tell(data, scroll),
            b"zTXt" => {
                let (name, packed) = split_at_zero(data)?;
                tell(name, scroll);
                let text = decompress_to_vec_zlib_with_limit(packed.get(1..)?, TEXT_BYTES_MAX).ok()?;
                tell(&text, scroll);
            }
            b"iTXt" => {
                let (name, rest) = split_at_zero(data)?;
                let is_packed = rest.first()? == &1;
                let (_, rest) = split_at_zero(rest.get(2..)?)?;
                let (_, text) = split_at_zero(rest)?;
                let unpacked;
                let text = if is_packed {
                    unpacked = decompress_to_vec_zlib_with_limit(text, TEXT_BYTES_MAX).ok()?;
                    &unpacked
                } else {
                    text
                };
                if name == b"XML:com.adobe.xmp" { read_xmp(text, scroll) } else { tell(text, scroll) }
            }
            b"eXIf" => tell_runs(data, scroll),
            _ => {}
        }
    }
}

/// ITU T.81, annex B: segments with their length, up to the picture itself. Properties stand in the application segments.
fn read_jpeg(bytes: &[u8], scroll: &mut Scroll) -> Option<()> {
    let mut rest = bytes.get(2..)?;
    loop {
        let kind = *rest.get(1).filter(|_| rest.first() == Some(&0xFF))?;
        if kind == 0xFF {
            rest = rest.get(1..)?;
            continue;
        }
        if kind == 0xDA {
            break;
        }
        let length = usize::from(u16::from_be_bytes(rest.get(2..4)?.try_into().ok()?));
        let data = rest.get(4..2_usize.checked_add(length)?)?;
        match kind {
            0xE1 if data.starts_with(b"http://ns.adobe.com/xap/1.0/\0") => read_xmp(data.get(29..)?, scroll),
            0xE0..=0xEF => tell_runs(data, scroll),
            0xFE => tell(data, scroll),
            _ => {}
        }
        rest = rest.get(length.checked_add(2)?..)?;
    }
    bytes.windows(2).rev().take(64 * 1024).any(|end| end == [0xFF, 0xD9]).then_some(())
}

/// GIF89a, sections 20 to 26: blocks of sub-blocks; comments and application extensions hold text.
fn read_gif(bytes: &[u8], scroll: &mut Scroll) -> Option<()> {
    let colours = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut at = 13 + colours(*bytes.get(10)?);
    loop {
        match bytes.get(at)? {
            0x3B => return Some(()),
            0x21 => {
                let is_text = matches!(bytes.get(at + 1)?, 0xFE | 0xFF);
                at += 2;
                let mut text = Vec::new();
                at = sub_blocks(bytes, at, |block| {
                    if is_text && text.len() < TEXT_BYTES_MAX {
                        text.extend_from_slice(block);
                    }
                })?;
                tell_runs(&text, scroll);
            }
            0x2C => {
                at += 10 + colours(*bytes.get(at + 9)?) + 1;
                at = sub_blocks(bytes, at, |_| {})?;
            }
            _ => return None,
        }
    }
}

fn sub_blocks(bytes: &[u8], mut at: usize, mut take: impl FnMut(&[u8])) -> Option<usize> {
    loop {
        let length = usize::from(*bytes.get(at)?);
        if length == 0 {
            return Some(at + 1);
        }
        take(bytes.get(at + 1..at + 1 + length)?);
        at += 1 + length;
    }
}

/// RFC 9649: chunks of RIFF; `EXIF` and `XMP ` hold properties.
fn read_webp(bytes: &[u8], scroll: &mut Scroll) -> Option<()> {
    let mut rest = bytes.get(12..)?;
    let mut has_picture = false;
    while !rest.is_empty() {
        let kind = rest.get(..4)?;
        let length = usize::try_from(u32::from_le_bytes(rest.get(4..8)?.try_into().ok()?)).ok()?;
        let data = rest.get(8..8_usize.checked_add(length)?)?;
        match kind {
            b"EXIF" => tell_runs(data, scroll),
            b"XMP " => read_xmp(data, scroll),
            b"VP8 " | b"VP8L" | b"ANMF" => has_picture = true,
            _ => {}
        }
        rest = rest.get((8 + length + length % 2).min(rest.len())..)?;
    }
    has_picture.then_some(())
}

fn split_at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == 0)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

fn tell(bytes: &[u8], scroll: &mut Scroll) {
    for part in bytes.split(|byte| *byte == 0) {
        if let Some((text, _)) = decode(part) {
            scroll.fact(None, &text);
        }
    }
}

/// The texts among binary properties: runs of letters of one byte, and of two (Windows' own Exif tags).
fn tell_runs(bytes: &[u8], scroll: &mut Scroll) {
    let is_letter = |byte: &u8| (0x20..0x7F).contains(byte) || *byte >= 0xA0;
    for run in bytes.split(|byte| !is_letter(byte)).filter(|run| run.len() >= RUN_MIN) {
        match std::str::from_utf8(run) {
            Ok(text) => scroll.fact(None, text),
            Err(_) => scroll.fact(None, &run.iter().map(|byte| windows_1252(*byte)).collect::<String>()),
        }
    }
    let mut wide = String::new();
    for start in [0, 1] {
        for pair in bytes.get(start..).unwrap_or_default().chunks_exact(2) {
            match pair {
                [low, 0] if is_letter(low) => wide.push(windows_1252(*low)),
                _ => {
                    if wide.chars().count() >= RUN_MIN {
                        scroll.fact(None, &wide);
                    }
                    wide.clear();
                }
            }
        }
    }
}
