//! The one embedded database: people, keys, settings and their migrations.
//!
//! SQLite in write-ahead mode, one file, used by the running house and the command line at once. Statements use `$N` and
//! what PostgreSQL understands too; only [`Store::open`] and [`Store::changed`] know that it is SQLite. Rows are this
//! crate's own types; nothing of the database library is seen outside.

mod error;
mod migration;
mod row;
mod store;

pub use error::StoreError;
pub use row::{KeyRow, NewKey, PersonRow};
pub use store::{Seen, Store};
