//! The key and the certificate by which a process proves who it is, exchanged for fresh ones while it runs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rcgen::KeyPair;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, SignatureScheme};
use schleuse_types::{Random, Timestamp};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::authority::{Authority, AuthorityError};
use crate::folder;
use crate::party::{Leaf, Party, PartyRole};

/// Key, own certificate and the authority's, in this order. One file, so that key and certificate change together.
const FILE: &str = "identity.pem";

/// Who this process is, and whom it believes: its house's authority and nobody else.
///
/// New handshakes use what is current; connections that are open go on under what they began with.
pub struct Credentials {
    source: Source,
    roots: Arc<RootCertStore>,
    current: ArcSwap<Current>,
    generation: watch::Sender<u64>,
}

enum Source {
    /// An edge's or connector's: lasts in a folder, renewed over the link.
    Folder { folder: PathBuf, authority: CertificateDer<'static> },
    /// The gate's: made anew at each start and renewal, because its authority is at hand. Never on disk.
    Authority { authority: Arc<Authority>, host_names: Vec<String> },
}

struct Current {
    leaf: Leaf,
    key: Arc<CertifiedKey>,
}

impl Credentials {
    /// Reads what [`crate::join`] wrote.
    pub fn open(folder: &Path) -> Result<Arc<Self>, CredentialsError> {
        let path = folder.join(FILE);
        let wrong =
            |reason: &str| CredentialsError { path: path.display().to_string(), reason: reason.to_owned() };
        let pem = Zeroizing::new(folder::read(&path).map_err(|error| wrong(&error.to_string()))?);
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| wrong("holds no private key"))?;
        let mut certificates = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
        let (Some(own), Some(authority), None) =
            (certificates.next(), certificates.next(), certificates.next())
        else {
            return Err(wrong("does not hold two certificates"));
        };
        let current = Current::new(own, key).map_err(|reason| wrong(&reason))?;
        let roots = roots_of(&authority).map_err(|reason| wrong(&reason))?;
        let source = Source::Folder { folder: folder.to_owned(), authority };
        Ok(Arc::new(Self::new(source, roots, current)))
    }

    /// The gate's own, for the host names and addresses under which edges and connectors dial it.
    pub fn of_gate(
        authority: Arc<Authority>,
        name: &str,
        host_names: Vec<String>,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<Arc<Self>, AuthorityError> {
        let crypto = |reason: String| AuthorityError::Crypto { reason };
        let party = Party::new(authority.house(), PartyRole::Gate, name)
            .map_err(|error| crypto(error.to_string()))?;
        let current = issue_own(&authority, &party, &host_names, now, random)?;
        let roots = roots_of(authority.certificate()).map_err(crypto)?;
        Ok(Arc::new(Self::new(Source::Authority { authority, host_names }, roots, current)))
    }

    fn new(source: Source, roots: RootCertStore, current: Current) -> Self {
        Self {
            source,
            roots: Arc::new(roots),
            current: ArcSwap::from_pointee(current),
            generation: watch::Sender::new(0),
        }
    }

    pub fn party(&self) -> Party {
        self.current.load().leaf.party.clone()
    }

    /// When the present certificate ends.
    pub fn expires(&self) -> Timestamp {
        self.current.load().leaf.expires
    }

    /// When it is time for the next one: after half its life.
    pub fn renew_at(&self) -> Timestamp {
        let current = self.current.load();
        let (begins, expires) = (current.leaf.begins.0, current.leaf.expires.0);
        Timestamp(begins.saturating_add(expires.saturating_sub(begins) / 2))
    }

    /// Counts exchanges of the certificate: a connection that began before the last one should be followed by another.
    pub(crate) fn generation(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.roots)
    }

    /// Makes the gate's next certificate. `false` when this is no gate's.
    pub(crate) fn renew_own(&self, now: Timestamp, random: &dyn Random) -> Result<bool, AuthorityError> {
        let Source::Authority { authority, host_names } = &self.source else { return Ok(false) };
        self.change(issue_own(authority, &self.party(), host_names, now, random)?);
        Ok(true)
    }

    /// Takes a certificate that the gate gave for `key`: first onto the disk, then into use.
    pub(crate) fn replace(
        &self,
        key: &KeyPair,
        own: CertificateDer<'static>,
    ) -> Result<(), CredentialsError> {
        let Source::Folder { folder, authority } = &self.source else { return Ok(()) };
        let fresh = Current::new(own.clone(), private_key(key)).map_err(|reason| wrong(folder, reason))?;
        if fresh.leaf.party != self.party() {
            return Err(wrong(folder, "the new certificate is somebody else's".to_owned()));
        }
        write(folder, key, &own, authority)?;
        self.change(fresh);
        Ok(())
    }

    fn change(&self, fresh: Current) {
        self.current.store(Arc::new(fresh));
        self.generation.send_modify(|generation| *generation += 1);
    }
}

/// Names only.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.party())
    }
}

impl ResolvesClientCert for Credentials {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.load().key))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl ResolvesServerCert for Credentials {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.load().key))
    }
}

impl Current {
    fn new(own: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> Result<Self, String> {
        let leaf = Leaf::read(&own).map_err(|error| error.to_string())?;
        // Also refuses a key that is not the certificate's.
        let key = CertifiedKey::from_der(vec![own], key, &default_provider())
            .map_err(|error| format!("key and certificate cannot be used: {error}"))?;
        Ok(Self { leaf, key: Arc::new(key) })
    }
}

/// Writes a fresh identity into `folder`, which is made if need be.
pub(crate) fn write(
    folder: &Path,
    key: &KeyPair,
    own: &CertificateDer<'_>,
    authority: &CertificateDer<'_>,
) -> Result<(), CredentialsError> {
    folder::make(folder).map_err(|error| wrong(folder, error.to_string()))?;
    let mut pem = Zeroizing::new(key.serialize_pem());
    for certificate in [own, authority] {
        pem.push_str(&pem_of(certificate));
    }
    folder::replace(&folder.join(FILE), pem.as_bytes()).map_err(|error| wrong(folder, error.to_string()))
}

/// A certificate as text (RFC 7468).
pub(crate) fn pem_of(certificate: &CertificateDer<'_>) -> String {
    let body = data_encoding::BASE64.encode(certificate);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for (place, character) in body.chars().enumerate() {
        if place > 0 && place % 64 == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str("\n-----END CERTIFICATE-----\n");
    pem
}

fn issue_own(
    authority: &Authority,
    party: &Party,
    host_names: &[String],
    now: Timestamp,
    random: &dyn Random,
) -> Result<Current, AuthorityError> {
    let crypto = |reason: String| AuthorityError::Crypto { reason };
    let key = KeyPair::generate().map_err(|error| crypto(error.to_string()))?;
    let own = authority.issue(party, host_names, &key, now, random)?;
    Current::new(own, private_key(&key)).map_err(crypto)
}

fn private_key(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()))
}

fn roots_of(authority: &CertificateDer<'static>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots
        .add(authority.clone())
        .map_err(|error| format!("the authority's certificate cannot be used: {error}"))?;
    Ok(roots)
}

fn wrong(folder: &Path, reason: String) -> CredentialsError {
    CredentialsError { path: folder.join(FILE).display().to_string(), reason }
}

/// What is wrong with a folder that should hold an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialsError {
    pub path: String,
    pub reason: String,
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.path, self.reason)
    }
}

impl std::error::Error for CredentialsError {}
