//! Who is asking: API keys in their printed and stored form.
//!
//! A key is random and carries a checksum, so that a weak, well-known or mistyped one is refused by its form alone.
//! The house keeps only keyed hashes. [`Verified`] is the proof that a credential was checked: [`Authenticator`] alone
//! makes one, so a step that asks for it cannot run without that check.

mod api_key;
mod authenticator;
mod crc32;
mod record;
mod scope;
mod verified;

pub use api_key::{ApiKey, KeyFormatError};
pub use authenticator::Authenticator;
pub use record::{KeyHash, KeyRecord, Pepper};
pub use scope::{Scope, UnknownScope};
pub use verified::{Ended, Validity, Verified};
