//! The house as separate processes: one `Exchange` carried to another process, and model servers reached through a
//! connector that dials.
//!
//! Three processes, two links, both TLS 1.3 with certificates of the house's own authority on either side:
//!
//! - The *edge* dials the gate's edge door and sends each [`schleuse_wire::Arrival`] as one HTTP/2 request
//!   ([`RemoteExchange`]); the gate's [`Door`] turns it back into an arrival. What travels is an explicit list of fields.
//! - A *connector* dials the gate's connector door and then *serves* HTTP/2 on that connection ([`Connector`]); the gate
//!   asks over it ([`Connectors`]) and so never opens a connection towards a model. The same link has one named flow for
//!   each identity provider whose keys the gate needs.
//!
//! Who a process is stands in its certificate and nowhere else: `spiffe://HOUSE/ROLE/NAME` in the leaf, read after the
//! path to the house's authority was checked by the TLS library ([`Party`]). A process joins with a one-time enrolment
//! token ([`join`]) and renews its certificate at half its life ([`Credentials::keep_fresh`]).

mod arrival;
mod authority;
mod connector;
mod connectors;
mod credentials;
mod door;
mod enrolment;
#[cfg(test)]
mod fixtures;
mod flow;
mod folder;
mod party;
mod remote;
mod renewal;
mod reply;
mod tls;
mod transport;

pub use authority::{Authority, AuthorityError, CERTIFICATE_LIFETIME};
pub use connector::{
    Connector, ConnectorConfig, ConnectorModel, ModelAnswer, ModelAnswered, ModelQuestion, ModelServers,
    NotAnswered,
};
pub use connectors::{Carried, CarryError, Connectors, LinkStatus};
pub use credentials::{Credentials, CredentialsError};
pub use door::{Door, DoorError, DoorService, GateLinks};
pub use enrolment::{EnrolmentToken, TOKEN_LIFETIME, TokenError};
pub use flow::{FlowAnswer, FlowCall, FlowError, FlowFuture, IssuerClient, IssuerFlow};
pub use party::{Party, PartyError, PartyRole};
pub use remote::{EdgeLink, RemoteExchange};
pub use renewal::{EnrolError, join};
pub use transport::LinkLimits;

#[cfg(test)]
mod tests;
