//! ZIP as office documents use it, and nothing more of it (APPNOTE 6.3.10): one disk, no encryption, no 64-bit sizes, stored
//! or deflated, names that stay inside.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;

use miniz_oxide::inflate::decompress_to_vec_with_limit;

use crate::document::Rejected;

/// Most entries of an archive; a report of a thousand slides has some four thousand.
const ENTRIES_MAX: usize = 8_000;
/// Longest name of an entry in bytes.
const NAME_BYTES_MAX: usize = 512;
/// Most bytes of one part, and of all parts that are read.
const PART_BYTES_MAX: usize = 64 * 1024 * 1024;
const BYTES_MAX: usize = 192 * 1024 * 1024;
/// A part may unpack to so many times its size, once it is larger than [`RATIO_FROM`]. Sheets of equal rows reach 100.
const RATIO_MAX: usize = 400;
const RATIO_FROM: usize = 4 * 1024 * 1024;

const END: &[u8] = b"PK\x05\x06";
const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";

pub(crate) struct Archive<'a> {
    bytes: &'a [u8],
    /// By name in small letters: office programs do not tell them apart either.
    entries: HashMap<String, Entry>,
    /// Names as they stand, in the order of the directory.
    names: Vec<String>,
    unpacked: Cell<usize>,
}

#[derive(Clone, Copy)]
struct Entry {
    local: usize,
    packed: usize,
    size: usize,
    is_deflated: bool,
}

impl<'a> Archive<'a> {
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, Rejected> {
        let end = find_end(bytes).ok_or(Rejected::Damaged)?;
        let field = |at| short(bytes, end + at).ok_or(Rejected::Damaged);
        let (disk, first_disk, here, count) = (field(4)?, field(6)?, field(8)?, field(10)?);
        let size = long(bytes, end + 12).ok_or(Rejected::Damaged)?;
        let start = long(bytes, end + 16).ok_or(Rejected::Damaged)?;
        if disk != 0 || first_disk != 0 || here != count {
            return Err(Rejected::Damaged);
        }
        if count > ENTRIES_MAX {
            return Err(Rejected::TooManyParts);
        }
        // The directory lies directly before its end; what lies between two archives in one file is nobody's.
        if start.checked_add(size) != Some(end) {
            return Err(Rejected::Damaged);
        }
        let mut archive = Self { bytes, entries: HashMap::new(), names: Vec::new(), unpacked: Cell::new(0) };
        let mut at = start;
        for _ in 0..count {
            at = archive.read_entry(at)?;
        }
        if at != end {
            return Err(Rejected::Damaged);
        }
        Ok(archive)
    }

    fn read_entry(&mut self, at: usize) -> Result<usize, Rejected> {
        let bytes = self.bytes;
        if !bytes.get(at..).is_some_and(|rest| rest.starts_with(CENTRAL)) {
            return Err(Rejected::Damaged);
        }
        let field = |offset| short(bytes, at + offset).ok_or(Rejected::Damaged);
        let number = |offset| long(bytes, at + offset).ok_or(Rejected::Damaged);
        let (flags, method) = (field(8)?, field(10)?);
        let (packed, size, local) = (number(20)?, number(24)?, number(42)?);
        let (name_length, extra, comment) = (field(28)?, field(30)?, field(32)?);
        if flags & 1 != 0 {
            return Err(Rejected::Encrypted);
        }
        if name_length > NAME_BYTES_MAX {
            return Err(Rejected::Names);
        }
        let name = bytes.get(at + 46..at + 46 + name_length).ok_or(Rejected::Damaged)?;
        let name = std::str::from_utf8(name).map_err(|_| Rejected::Names)?;
        check_name(name)?;
        let is_deflated = match method {
            0 if packed == size => false,
            8 => true,
            _ => return Err(Rejected::Damaged),
        };
        let entry = Entry { local, packed, size, is_deflated };
        if self.entries.insert(name.to_ascii_lowercase(), entry).is_some() {
            // Two parts of one name: readers differ in which they take.
            return Err(Rejected::Names);
        }
        self.names.push(name.to_owned());
        Ok(at + 46 + name_length + extra + comment)
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The bytes of a part; None where there is none of this name.
    pub(crate) fn part(&self, name: &str) -> Result<Option<Cow<'a, [u8]>>, Rejected> {
        let Some(entry) = self.entries.get(&name.to_ascii_lowercase()) else { return Ok(None) };
        let bytes = self.bytes;
        let at = entry.local;
        if !bytes.get(at..).is_some_and(|rest| rest.starts_with(LOCAL)) {
            return Err(Rejected::Damaged);
        }
        let field = |offset| short(bytes, at + offset).ok_or(Rejected::Damaged);
        let start = at + 30 + field(26)? + field(28)?;
        let local_name = bytes.get(at + 30..at + 30 + field(26)?).ok_or(Rejected::Damaged)?;
        if !local_name.eq_ignore_ascii_case(name.as_bytes()) {
            return Err(Rejected::Names);
        }
        let end = start.checked_add(entry.packed).ok_or(Rejected::Damaged)?;
        let packed = bytes.get(start..end).ok_or(Rejected::Damaged)?;
        let room = BYTES_MAX.saturating_sub(self.unpacked.get()).min(PART_BYTES_MAX);
        if entry.size > room || entry.size > RATIO_FROM && entry.size / RATIO_MAX > entry.packed.max(1) {
            return Err(Rejected::Bomb);
        }
        self.unpacked.set(self.unpacked.get() + entry.size);
        if !entry.is_deflated {
            return Ok(Some(Cow::Borrowed(packed)));
        }
        // What it says about its size is a limit and not only a hint.
        let unpacked = decompress_to_vec_with_limit(packed, entry.size).map_err(|error| {
            if error.status == miniz_oxide::inflate::TINFLStatus::HasMoreOutput {
                Rejected::Bomb
            } else {
                Rejected::Damaged
            }
        })?;
        if unpacked.len() != entry.size {
            return Err(Rejected::Damaged);
        }
        Ok(Some(Cow::Owned(unpacked)))
    }
}

/// The end of the directory: at the end of the file, but for a comment whose length it states.
fn find_end(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(22)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    (first..=last).rev().find(|at| {
        bytes.get(*at..).is_some_and(|rest| rest.starts_with(END))
            && short(bytes, at + 20).is_some_and(|comment| at + 22 + comment == bytes.len())
    })
}

/// A name that stays inside the archive wherever it is unpacked.
fn check_name(name: &str) -> Result<(), Rejected> {
    let is_bad = name.is_empty()
        || name.starts_with('/')
        || name.contains(['\\', ':', '\0'])
        || name.split('/').any(|step| step == "..");
    if is_bad { Err(Rejected::Names) } else { Ok(()) }
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(2)?)?;
    Some(usize::from(u16::from_le_bytes(field.try_into().ok()?)))
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(field.try_into().ok()?)).ok()
}
