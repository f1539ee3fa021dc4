//! From the bytes of a file to its text, in a worker process without rights.
//!
//! [`read`] turns a PDF, an office document, a mail, a text or a picture into an [`Extracted`]: its text within limits, where in
//! it pages, sheets and slides begin, what describes the file, and what was left out. Files come from anywhere, and their
//! formats are large; so the house never calls it. Its side is [`Workshop`], which starts this binary again for each file
//! ([`worker_main`]), with nothing but two pipes: no files, no network (Landlock, seccomp), 512 MiB of memory beyond the program,
//! 30 seconds, no environment, and the life of its parent. A worker that dies is a refusal with words.
//!
//! | Limit | |
//! |---|---|
//! | file | 25 MiB |
//! | text | 2 MiB of UTF-8; the rest is cut off, and said so |
//! | what describes the file | 256 KiB |
//! | parts of an office document | 8,000; one at most 64 MiB unpacked, all that are read 192 MiB, at most 400 times their packed size |
//! | depth of XML | 256; no document type, no entities |
//! | pages of a PDF | 5,000, or what is read within 20 seconds |
//! | one worker | 30 s, 512 MiB, 16 descriptors |
//!
//! What is hidden is read as everything else: text without colour or size, hidden sheets, rows and slides, deleted text of
//! tracked changes, comments, notes, headers. What is not read is named in [`Extracted::omitted`].

mod archive;
mod calendar;
mod document;
mod frame;
mod mail;
mod markup;
mod office;
mod pdf;
mod picture;
mod plain;
mod read;
mod sheets;
mod slides;
mod words;
mod worker;
mod workshop;
mod xml;

pub use document::{
    Extracted, FILE_BYTES_MAX, Kind, Omission, Place, PlaceKind, Rejected, TEXT_BYTES_MAX, What,
};
pub use read::read;
pub use worker::{WORKER_WORD, worker_main};
pub use workshop::{PATIENCE, Recall, Workshop};
