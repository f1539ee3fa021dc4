//! TLS 1.3 and nothing older, with one root: the authority of the house.
//!
//! What a connection is for stands in its ALPN (RFC 7301), so that a door decides by it before the handshake whether the
//! other side has to prove who it is; everything but enrolment does. There is no resumption: each handshake looks at the
//! certificates again.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::credentials::Credentials;

/// What a connection to one of the gate's doors is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// An edge brings arrivals.
    Exchange,
    /// A connector offers to be asked.
    Connect,
    /// A process without a certificate brings an enrolment token.
    Enrol,
    /// A process wants its next certificate.
    Renew,
}

impl Purpose {
    const ALL: [Self; 4] = [Self::Exchange, Self::Connect, Self::Enrol, Self::Renew];

    pub(crate) fn alpn(self) -> &'static [u8] {
        match self {
            Self::Exchange => b"schleuse-exchange/1",
            Self::Connect => b"schleuse-connect/1",
            Self::Enrol => b"schleuse-enrol/1",
            Self::Renew => b"schleuse-renew/1",
        }
    }

    /// The one purpose that a client offers; whoever offers several has none.
    pub(crate) fn of_hello<'a>(mut offers: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let (Some(offer), None) = (offers.next(), offers.next()) else { return None };
        Self::ALL.into_iter().find(|purpose| purpose.alpn() == offer)
    }
}

/// For whoever dials a gate with a certificate of its own.
pub(crate) fn client(
    credentials: &Arc<Credentials>,
    purpose: Purpose,
) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(credentials.roots())
        .with_client_cert_resolver(Arc::clone(credentials) as _);
    finish_client(&mut config, purpose);
    Ok(config)
}

/// For whoever dials a gate to get a first certificate, and knows the authority from its enrolment token.
pub(crate) fn enrolling_client(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    finish_client(&mut config, Purpose::Enrol);
    Ok(config)
}

fn finish_client(config: &mut ClientConfig, purpose: Purpose) {
    config.alpn_protocols = vec![purpose.alpn().to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
}

/// For the gate's doors.
pub(crate) fn server(credentials: &Arc<Credentials>, purpose: Purpose) -> Result<ServerConfig, String> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| error.to_string())?;
    let builder = match purpose {
        Purpose::Enrol => builder.with_no_client_auth(),
        Purpose::Exchange | Purpose::Connect | Purpose::Renew => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(credentials.roots(), provider())
                .build()
                .map_err(|error| error.to_string())?,
        ),
    };
    let mut config = builder.with_cert_resolver(Arc::clone(credentials) as _);
    config.alpn_protocols = vec![purpose.alpn().to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}
