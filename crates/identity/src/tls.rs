//! TLS towards identity providers and directories: version 1.3 only, and no certificate authorities of our own.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::{ClientConfig, RootCertStore};

/// Where Linux systems keep their bundle: Debian and Alpine, Red Hat, SUSE.
///
/// Read from fixed places, so that no environment variable can change whom the house trusts.
const SYSTEM_BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// A client that trusts exactly the authorities in `ca_file`, or the system's when there is none.
pub(crate) fn client(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(file) => {
            for certificate in read(file)? {
                roots.add(certificate).map_err(|error| {
                    format!("`{}` holds an unusable certificate: {error}", file.display())
                })?;
            }
        }
        None => {
            let file = SYSTEM_BUNDLES
                .into_iter()
                .map(Path::new)
                .find(|file| file.exists())
                .ok_or("this system has no bundle of certificate authorities; name one with ca_file")?;
            // A system bundle may hold oddities that one certificate library dislikes.
            roots.add_parsable_certificates(read(file)?);
        }
    }
    if roots.is_empty() {
        return Err("no usable certificate found".to_owned());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Early data can be replayed; a password must not be.
    config.enable_early_data = false;
    Ok(Arc::new(config))
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unreadable = |error: Error| format!("cannot read `{}`: {error}", file.display());
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(file).and_then(Iterator::collect).map_err(unreadable)?;
    match certificates.is_empty() {
        true => Err(format!("`{}` holds no certificate", file.display())),
        false => Ok(certificates),
    }
}
