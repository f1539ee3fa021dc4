//! For tests and the bench only: made-up documents with planted identifiers, evasions of them, and how well they are found.
//!
//! Everything comes from a seed. The identifiers are valid by their issuers' rules, which are written here a second time and
//! independently of crate `inspect`; the templates in `templates/` are ours. A document says which bytes must be found and as
//! what. Whatever looks for them is a function from text to [`Span`]s, so that other scanners can be measured on the same text.

pub mod conversation;
pub mod decoy;
pub mod dice;
pub mod document;
pub mod evaluation;
pub mod evasion;
pub mod identifier;
pub mod secret;
pub mod slot;
pub mod template;

pub use dice::Dice;
pub use document::{Document, Library};
pub use evaluation::Span;
pub use slot::{Mark, NEUTRAL};
pub use template::Half;
