//! The house's own certificate authority: its key, and the certificates that it gives.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ED25519, PublicKeyData, SanType,
    SerialNumber,
};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer};
use schleuse_types::{Random, Timestamp};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::folder;
use crate::party::{Party, PartyRole, is_house};

/// Of a process's certificate. Renewed at half of it.
pub const CERTIFICATE_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// Of the authority's own. Its key stays; a longer life is a new certificate.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Clocks of two machines differ.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

const CERTIFICATE_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca-key.pem";

/// The authority of one house, kept in one folder beside the gate: `ca.pem`, `ca-key.pem` (0600), the enrolment tokens.
///
/// It signs leaves only (path length 0), each for one [`Party`]; a leaf of an edge or connector can only be a TLS
/// client, a leaf of a gate only a TLS server.
pub struct Authority {
    folder: PathBuf,
    house: String,
    certificate: CertificateDer<'static>,
    public_key: [u8; 32],
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes the key and writes both files.
    ///
    /// # Errors
    /// When the folder already holds an authority, the name is not one, or nothing can be written.
    pub fn create(
        folder: &Path,
        house: &str,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<Self, AuthorityError> {
        if !is_house(house) {
            return Err(AuthorityError::House { house: house.to_owned() });
        }
        folder::make(folder).map_err(|error| AuthorityError::file(folder, error))?;
        let key_file = folder.join(KEY_FILE);
        if key_file.exists() {
            return Err(AuthorityError::Exists { folder: folder.display().to_string() });
        }
        let key = KeyPair::generate_for(&PKCS_ED25519).map_err(AuthorityError::crypto)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = subject(house);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.serial_number = Some(serial(random)?);
        (params.not_before, params.not_after) = validity(now, AUTHORITY_LIFETIME)?;
        let certificate = params.self_signed(&key).map_err(AuthorityError::crypto)?;
        let key_pem = Zeroizing::new(key.serialize_pem());
        folder::replace(&key_file, key_pem.as_bytes())
            .map_err(|error| AuthorityError::file(&key_file, error))?;
        let certificate_file = folder.join(CERTIFICATE_FILE);
        folder::replace(&certificate_file, certificate.pem().as_bytes())
            .map_err(|error| AuthorityError::file(&certificate_file, error))?;
        Self::open(folder)
    }

    /// Reads both files.
    pub fn open(folder: &Path) -> Result<Self, AuthorityError> {
        let path = folder.join(CERTIFICATE_FILE);
        let pem = folder::read_public(&path).map_err(|error| AuthorityError::file(&path, error))?;
        let unreadable = |path: &Path| AuthorityError::file(path, "is not what it should be");
        let certificate = CertificateDer::from_pem_slice(&pem).map_err(|_| unreadable(&path))?;
        let house = house_of(&certificate).ok_or_else(|| unreadable(&path))?;
        let path = folder.join(KEY_FILE);
        let pem = folder::read(&path).map_err(|error| AuthorityError::file(&path, error))?;
        let pem = Zeroizing::new(pem);
        let key = PrivateKeyDer::from_pem_slice(&pem)
            .ok()
            .and_then(|key| KeyPair::try_from(&key).ok())
            .ok_or_else(|| unreadable(&path))?;
        let public_key = <[u8; 32]>::try_from(key.der_bytes()).map_err(|_| unreadable(&path))?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(AuthorityError::crypto)?;
        Ok(Self { folder: folder.to_owned(), house, certificate, public_key, issuer })
    }

    /// Opens the authority of `folder`, or makes it when there is none; a house that is there already keeps its name.
    pub fn open_or_create(
        folder: &Path,
        house: &str,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<Self, AuthorityError> {
        match folder.join(KEY_FILE).exists() {
            true => Self::open(folder),
            false => Self::create(folder, house, now, random),
        }
    }

    /// The name of the house, which stands in every certificate.
    pub fn house(&self) -> &str {
        &self.house
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The Ed25519 key that everything hangs on; enrolment tokens carry it.
    pub(crate) fn public_key(&self) -> &[u8; 32] {
        &self.public_key
    }

    /// A certificate for a key of this process itself. `names` are host names and addresses under which others dial it;
    /// only a gate has some.
    pub(crate) fn issue(
        &self,
        party: &Party,
        names: &[String],
        public_key: &impl PublicKeyData,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<CertificateDer<'static>, AuthorityError> {
        self.issue_for(party, names, public_key, now, CERTIFICATE_LIFETIME, random)
    }

    /// A certificate for whoever made the request. Of the request only the key counts, and the proof that its sender
    /// holds it: names that it asks for are not looked at.
    pub(crate) fn sign_request(
        &self,
        party: &Party,
        request: &[u8],
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<CertificateDer<'static>, AuthorityError> {
        let request = CertificateSigningRequestDer::from(request);
        let request =
            CertificateSigningRequestParams::from_der(&request).map_err(|_| AuthorityError::Request)?;
        self.issue(party, &[], &request.public_key, now, random)
    }

    pub(crate) fn issue_for(
        &self,
        party: &Party,
        names: &[String],
        public_key: &impl PublicKeyData,
        now: Timestamp,
        lifetime: Duration,
        random: &dyn Random,
    ) -> Result<CertificateDer<'static>, AuthorityError> {
        if party.house() != self.house {
            return Err(AuthorityError::House { house: party.house().to_owned() });
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, format!("{}/{}", party.role(), party.name()));
        let id = party.to_string().try_into().map_err(AuthorityError::crypto)?;
        params.subject_alt_names = vec![SanType::URI(id)];
        for name in names {
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(
                    name.clone().try_into().map_err(|_| AuthorityError::HostName { name: name.clone() })?,
                ),
            });
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match party.role() {
            PartyRole::Gate => ExtendedKeyUsagePurpose::ServerAuth,
            PartyRole::Edge | PartyRole::Connector => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(serial(random)?);
        (params.not_before, params.not_after) = validity(now, lifetime)?;
        let certificate = params.signed_by(public_key, &self.issuer).map_err(AuthorityError::crypto)?;
        Ok(certificate.der().clone())
    }
}

/// Holds no secret.
impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("house", &self.house).finish_non_exhaustive()
    }
}

/// The one root of a house of which only name and key are known yet, as in an enrolment token: what a verifier needs of
/// a root is its subject and its key (RFC 5280, section 6.1.1 d).
pub(crate) fn roots_from_key(house: &str, public_key: &[u8; 32]) -> Result<RootCertStore, AuthorityError> {
    // The subject's encoding comes from a certificate of the same name under a key that is thrown away.
    let mut params = CertificateParams::default();
    params.distinguished_name = subject(house);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let key = KeyPair::generate_for(&PKCS_ED25519).map_err(AuthorityError::crypto)?;
    let certificate = params.self_signed(&key).map_err(AuthorityError::crypto)?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).map_err(AuthorityError::crypto)?;
    for root in &mut roots.roots {
        let mut key_info = ED25519_KEY_INFO.to_vec();
        key_info.extend_from_slice(public_key);
        root.subject_public_key_info = key_info.into();
    }
    Ok(roots)
}

/// What stands before the 32 bytes of an Ed25519 key in the content of a SubjectPublicKeyInfo (RFC 8410, section 4):
/// the algorithm 1.3.101.112, then a bit string without unused bits.
const ED25519_KEY_INFO: [u8; 10] = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

fn subject(house: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Schleuse");
    name.push(DnType::CommonName, house);
    name
}

fn house_of(certificate: &CertificateDer<'_>) -> Option<String> {
    use x509_parser::prelude::{FromDer, X509Certificate};
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let house = certificate.subject().iter_common_name().next()?.as_str().ok()?;
    is_house(house).then(|| house.to_owned())
}

fn serial(random: &dyn Random) -> Result<SerialNumber, AuthorityError> {
    let mut bytes = [0; 16];
    random.fill(&mut bytes).map_err(AuthorityError::crypto)?;
    // A serial number is positive (RFC 5280, section 4.1.2.2).
    if let Some(first) = bytes.first_mut() {
        *first &= 0x7f;
    }
    Ok(SerialNumber::from_slice(&bytes))
}

fn validity(now: Timestamp, lifetime: Duration) -> Result<(OffsetDateTime, OffsetDateTime), AuthorityError> {
    let at = |seconds: u64| {
        i64::try_from(seconds)
            .ok()
            .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
            .ok_or_else(|| AuthorityError::crypto("the clock shows no date"))
    };
    Ok((at(now.seconds().saturating_sub(CLOCK_SKEW.as_secs()))?, at(now.plus(lifetime).seconds())?))
}

/// Why there is no authority, or no certificate of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorityError {
    Exists {
        folder: String,
    },
    House {
        house: String,
    },
    HostName {
        name: String,
    },
    File {
        path: String,
        reason: String,
    },
    /// The request is not one, or its sender does not hold the key.
    Request,
    Crypto {
        reason: String,
    },
}

impl AuthorityError {
    fn crypto(error: impl fmt::Display) -> Self {
        Self::Crypto { reason: error.to_string() }
    }

    fn file(path: &Path, error: impl fmt::Display) -> Self {
        Self::File { path: path.display().to_string(), reason: error.to_string() }
    }
}

impl fmt::Display for AuthorityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists { folder } => write!(f, "`{folder}` already holds an authority"),
            Self::House { house } => {
                write!(
                    f,
                    "`{house}` is not this house; a house is named by 1 to 63 lower-case letters, digits, hyphens and dots"
                )
            }
            Self::HostName { name } => write!(f, "`{name}` is neither a host name nor an address"),
            Self::File { path, reason } => write!(f, "`{path}`: {reason}"),
            Self::Request => f.write_str("the certificate request is not valid"),
            Self::Crypto { reason } => f.write_str(reason),
        }
    }
}

impl std::error::Error for AuthorityError {}
