//! TLS 1.3, nothing older.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Reads a certificate chain and its key, both PEM.
pub fn server_config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let read_error = |path: &Path, error: rustls::pki_types::pem::Error| TlsError::Read {
        path: path.display().to_string(),
        reason: error.to_string(),
    };
    let chain: Result<Vec<CertificateDer<'static>>, _> =
        CertificateDer::pem_file_iter(certificate).map_err(|error| read_error(certificate, error))?.collect();
    let chain = chain.map_err(|error| read_error(certificate, error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| read_error(key, error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| TlsError::Unusable { reason: error.to_string() })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsError {
    Read { path: String, reason: String },
    Unusable { reason: String },
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, reason } => write!(f, "cannot read `{path}`: {reason}"),
            Self::Unusable { reason } => write!(f, "certificate and key cannot be used: {reason}"),
        }
    }
}

impl std::error::Error for TlsError {}
