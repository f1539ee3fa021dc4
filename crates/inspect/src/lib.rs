//! Inspection: recognizers, findings, redaction; whole text and streaming window. Pure.
//!
//! One linear pass over the text finds anchors (keywords, digit runs, `@`, `://`, armour). Only there the rules of the
//! packs in `recognizers/` look further, each in a window of bounded length, with an automaton that never steps back.
//! Validators confirm, words to the left raise or lower the score, and overlapping findings become one.
//!
//! The same pass serves the whole text ([`Inspector::scan`]), a stream of answers ([`Window`]) and files of any size
//! ([`ByteScanner`]). A stream may be cut anywhere because each rule says, beside what it found, from which byte on the
//! bytes that are still to come could change its mind.

mod address;
mod anchors;
mod armour;
mod assignment;
mod birth;
mod byte_scanner;
mod calibration;
mod checksum;
mod context;
pub mod document;
mod email;
mod engine;
mod exception;
mod gazetteer;
mod guardrails;
mod iban;
mod import;
mod injection;
mod inspector;
mod kind;
mod letters;
mod live;
mod marking;
mod names;
mod network;
mod number;
mod pack;
mod pattern;
mod person;
mod plate;
mod rarity;
mod recognizer;
mod resolver;
mod scope;
mod score;
mod sieve;
mod source_code;
mod surrogate;
mod term;
mod text;
mod treatment;
mod validator;
mod view;
mod window;
mod word_set;

#[cfg(test)]
mod laws;

pub use byte_scanner::ByteScanner;
pub use exception::{EXCEPTION_DAYS_MAX, Exception, end_of_day, exception_value};
pub use guardrails::{GuardrailError, Guardrails};
pub use import::{Import, ImportError, Remark, import_gitleaks, import_presidio};
pub use inspector::{Examination, Inspector, Joined, MIN_SCORE};
pub use live::LiveInspector;
pub use pack::{About, Head, Pack, PackError};
pub use scope::{Direction, Scope};
pub use score::{Explanation, Tally, Term};
pub use surrogate::{Restorer, SURROGATE_BYTES_MAX, SURROGATES_MAX, SurrogateKey, Surrogates};
pub use view::Coverage;
pub use window::{MAX_HELD, Released, Window};
pub use word_set::{WORD_MAX, WordSet, WordSetError};
