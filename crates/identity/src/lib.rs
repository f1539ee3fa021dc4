//! Who is asking: API keys, browser sessions, tokens of identity providers, names and passwords of directories.
//!
//! Keys and sessions are random and carry a checksum, so that a weak, well-known or mistyped one is refused by its form
//! alone. The house keeps only keyed hashes. [`Verified`] is the proof that a credential was checked: [`Authenticator`]
//! alone makes one, so a step that asks for it cannot run without that check.
//!
//! Somebody from outside is always named by provider *and* subject ([`Identified::person`]): what one provider says
//! about its people says nothing about those of another, and an e-mail address is never an identity.

mod access;
mod address;
mod api_key;
mod authenticator;
mod crc32;
mod directory;
mod form;
mod issuers;
mod json;
mod jwt;
mod printed;
mod record;
mod roles;
mod scope;
mod session_token;
mod table;
mod tls;
mod verified;

pub use access::{Access, AccessError, DirectAccess, IssuerAccess};
pub use api_key::{ApiKey, KeyFormatError};
pub use authenticator::Authenticator;
pub use directory::{
    Directory, DirectoryBind, DirectoryConfig, DirectoryConfigError, DirectoryError, DirectoryGroups,
};
pub use issuers::{
    AuthorizeParams, Identified, IssuerConfig, IssuerConfigError, IssuerError, Issuers, LoggedOut, Redeem,
};
pub use jwt::TokenError;
pub use record::{KeyHash, KeyRecord, Pepper, SessionRecord};
pub use scope::{Scope, UnknownScope};
pub use session_token::{SessionFormatError, SessionToken};
pub use verified::{Ended, Validity, Verified};
