//! Words that two rooms must exchange: ids, principals, labels, findings, refusals, secrets, time and randomness.
//!
//! Nothing here does IO or waits. A type enters this crate only when two crates must exchange it.

mod clock;
mod finding;
mod infill;
mod label;
mod language;
mod principal;
mod random;
mod refusal;
mod request_id;
mod secret;
mod tenant;
mod zone;

pub use clock::{Clock, SystemClock, Timestamp};
pub use finding::{Finding, FindingAction};
pub use infill::{Infill, UnknownInfill};
pub use label::{COMPARTMENTS_MAX, Compartment, Label, Level, UnknownLabel};
pub use language::{Language, Text};
pub use principal::{Presented, Principal, Role, UnknownRole};
pub use random::{BufferedRandom, OsRandom, Random};
pub use refusal::{Fault, Outcome, Refusal, RefusalCode};
pub use request_id::RequestId;
pub use secret::Secret;
pub use tenant::{Tenant, UnknownTenant};
pub use zone::{UnknownZone, Zone};
