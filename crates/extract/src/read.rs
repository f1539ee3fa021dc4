//! From bytes to text, by what the bytes are. This runs in the worker.

use crate::document::{Extracted, FILE_BYTES_MAX, Rejected};
use crate::picture::Format;
use crate::{mail, office, pdf, picture, plain};

/// Endings of names that a text must not have: who says one of these means something else.
const NO_TEXT: [&str; 34] = [
    "pdf", "docx", "docm", "dotx", "dotm", "doc", "xlsx", "xlsm", "xltx", "xltm", "xls", "pptx", "pptm",
    "ppsx", "ppsm", "potx", "potm", "ppt", "png", "jpg", "jpeg", "gif", "webp", "zip", "gz", "7z", "rar",
    "tar", "exe", "dll", "msg", "odt", "ods", "odp",
];

/// The text of a file. `extension` is the ending of its name in small letters, without the dot; empty where it has none.
///
/// The kind is told by the bytes; a name that says another kind is refused. To be called in a process that may die of it.
///
/// # Errors
/// Why the file is not read.
pub fn read(bytes: Vec<u8>, extension: &str) -> Result<Extracted, Rejected> {
    if bytes.is_empty() {
        return Err(Rejected::Empty);
    }
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Rejected::TooLarge);
    }
    let is_one_of = |known: &[&str]| extension.is_empty() || known.contains(&extension);
    let fits = |known: &[&str]| if is_one_of(known) { Ok(()) } else { Err(Rejected::Lies) };
    // Readers look for it in the first kilobyte, and files that say they are one have it there.
    let start = bytes.get(..bytes.len().min(1024)).unwrap_or_default();
    if start.starts_with(b"%PDF-") || extension == "pdf" && start.windows(5).any(|word| word == b"%PDF-") {
        fits(&["pdf"])?;
        return pdf::read(bytes);
    }
    if let Some(format) = Format::of(&bytes) {
        fits(format.extensions())?;
        return picture::read(&bytes, format);
    }
    if bytes.starts_with(b"PK") {
        return office::read(&bytes, extension);
    }
    if bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]) {
        // MS-OFFCRYPTO: an encrypted document is a compound file with a stream of this name.
        let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let is_encrypted = bytes.windows(name.len()).any(|word| word == name);
        return Err(if is_encrypted { Rejected::Encrypted } else { Rejected::OldOffice });
    }
    if is_archive(&bytes) {
        return Err(Rejected::Archive);
    }
    if bytes.starts_with(b"{\\rtf") {
        return Err(Rejected::Unsupported);
    }
    if NO_TEXT.contains(&extension) {
        return Err(Rejected::Lies);
    }
    if extension == "eml" {
        return if mail::looks_like_mail(&bytes) { mail::read(&bytes) } else { Err(Rejected::Lies) };
    }
    plain::read(&bytes)
}

fn is_archive(bytes: &[u8]) -> bool {
    let magics: [&[u8]; 6] =
        [b"\x1F\x8B", b"7z\xBC\xAF\x27\x1C", b"Rar!\x1A\x07", b"BZh", b"\xFD7zXZ\0", b"\x28\xB5\x2F\xFD"];
    magics.iter().any(|magic| bytes.starts_with(magic))
}
