//! First certificates and next ones: one request on a connection of its own.

use std::fmt;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64;
use h2::{RecvStream, client, server};
use http::{Request, Response, StatusCode};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use schleuse_types::{Clock, Random};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::authority::{Authority, AuthorityError, roots_from_key};
use crate::credentials::{self, Credentials, CredentialsError};
use crate::enrolment::{EnrolmentToken, TokenError};
use crate::party::{Leaf, Party, PartyError, PartyRole};
use crate::tls::{self, Purpose};
use crate::transport::{DialError, LinkLimits, dial};

const ENROL: &str = "/enrol";
const RENEW: &str = "/renew";
/// Of a request or an answer.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// How long a side that has answered waits for the other to close.
const FAREWELL: Duration = Duration::from_secs(1);
/// Until the next attempt after one that failed, and the longest time without a look at the clock.
const RETRY: Duration = Duration::from_secs(60);

/// Joins a house: dials the gate, makes sure by the token's key that it is one of this house, has a certificate signed
/// for a key made here, and writes both into `folder` for [`Credentials::open`]. The key never leaves this machine.
///
/// `gate` is `host:port` of the door that the token's role later dials.
pub async fn join(gate: &str, token: &EnrolmentToken, folder: &Path) -> Result<(), EnrolError> {
    let limits = LinkLimits::default();
    let roots = roots_from_key(token.party().house(), &token.authority_key).map_err(EnrolError::Authority)?;
    let config = tls::enrolling_client(roots).map_err(|error| EnrolError::broken(&error))?;
    let key = KeyPair::generate().map_err(|error| EnrolError::broken(&error))?;
    let message =
        format!("{}\n{}\n{}", token.party(), token.secret.expose(), BASE64.encode(&request_for(&key)?));
    let answer = ask(gate, config, token.party().house(), ENROL, message, &limits).await?;
    let mut lines = answer.split('\n').map(certificate);
    let (Some(own), Some(authority), None) = (lines.next(), lines.next(), lines.next()) else {
        return Err(EnrolError::broken(&"the gate's answer holds no certificates"));
    };
    let (own, authority) = (own?, authority?);
    let expected =
        roots_from_key(token.party().house(), &token.authority_key).map_err(EnrolError::Authority)?;
    let mut given = RootCertStore::empty();
    given.add(authority.clone()).map_err(|error| EnrolError::broken(&error))?;
    if given.roots.iter().map(key_of).ne(expected.roots.iter().map(key_of))
        || Leaf::read(&own).map(|leaf| leaf.party) != Ok(token.party().clone())
    {
        return Err(EnrolError::broken(&"the gate's answer is for somebody else"));
    }
    credentials::write(folder, &key, &own, &authority).map_err(EnrolError::Credentials)
}

fn key_of<'a>(root: &'a rustls::pki_types::TrustAnchor<'_>) -> &'a [u8] {
    &root.subject_public_key_info
}

impl Credentials {
    /// Renews the certificate at half its life, again and again, until `stop`. `gate` is `host:port` for those who ask a
    /// gate; a gate itself needs none. What runs on open connections is not disturbed.
    ///
    /// A process that was away from its gate until its certificate ended cannot renew it and has to join anew.
    pub async fn keep_fresh(
        self: Arc<Self>,
        gate: String,
        limits: LinkLimits,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        stop: CancellationToken,
    ) {
        loop {
            if self.renew_at() <= clock.now() {
                match self.renew(&gate, &limits, &*clock, &*random).await {
                    Ok(()) => {
                        tracing::info!(party = %self.party(), until = %self.expires(), "has a fresh certificate")
                    }
                    Err(error) => {
                        tracing::warn!(party = %self.party(), %error, "the certificate cannot be renewed")
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }

    /// Gets the next certificate now.
    pub async fn renew(
        self: &Arc<Self>,
        gate: &str,
        limits: &LinkLimits,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<(), EnrolError> {
        if self.renew_own(clock.now(), random).map_err(EnrolError::Authority)? {
            return Ok(());
        }
        let key = KeyPair::generate().map_err(|error| EnrolError::broken(&error))?;
        let config = tls::client(self, Purpose::Renew).map_err(|error| EnrolError::broken(&error))?;
        let message = BASE64.encode(&request_for(&key)?);
        let answer = ask(gate, config, self.party().house(), RENEW, message, limits).await?;
        self.replace(&key, certificate(&answer)?).map_err(EnrolError::Credentials)
    }
}

/// A certificate request that says nothing but the key (RFC 2986): who its sender is, the gate knows better.
fn request_for(key: &KeyPair) -> Result<Vec<u8>, EnrolError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(key).map_err(|error| EnrolError::broken(&error))?;
    Ok(request.der().to_vec())
}

fn certificate(line: &str) -> Result<CertificateDer<'static>, EnrolError> {
    let der = BASE64
        .decode(line.as_bytes())
        .map_err(|_| EnrolError::broken(&"the gate's answer holds no certificate"))?;
    Ok(CertificateDer::from(der))
}

async fn ask(
    gate: &str,
    config: ClientConfig,
    house: &str,
    path: &str,
    message: String,
    limits: &LinkLimits,
) -> Result<String, EnrolError> {
    let stream = dial(gate, config, house, limits).await.map_err(EnrolError::dial)?;
    let conversation = async {
        let (mut sender, connection) = client::handshake(stream).await?;
        let talk = async {
            let request = Request::post(format!("https://gate{path}"))
                .body(())
                .map_err(|_| h2::Reason::INTERNAL_ERROR)?;
            let (response, mut body) = sender.send_request(request, false)?;
            body.send_data(Bytes::from(message), true)?;
            let (head, body) = response.await?.into_parts();
            Ok::<_, h2::Error>((head.status, read(body).await?))
        };
        let mut talk = pin!(talk);
        tokio::select! {
            said = talk.as_mut() => said,
            // The gate closes behind its answer, which may not have been read yet.
            ended = connection => match ended {
                Ok(()) => talk.await,
                Err(error) => Err(error),
            },
        }
    };
    let (status, text) = timeout(limits.handshake_timeout, conversation)
        .await
        .map_err(|_elapsed| EnrolError::broken(&"no answer in time"))?
        .map_err(|error| EnrolError::broken(&error))?;
    match status {
        StatusCode::OK => Ok(text),
        _ => Err(EnrolError::Refused { reason: text }),
    }
}

async fn read(mut body: RecvStream) -> Result<String, h2::Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.data().await {
        bytes.extend_from_slice(&piece?);
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(h2::Reason::ENHANCE_YOUR_CALM.into());
        }
    }
    String::from_utf8(bytes).map_err(|_| h2::Reason::PROTOCOL_ERROR.into())
}

/// Serves one enrolment; the error is for the log.
pub(crate) async fn serve_enrolment(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    authority: &Authority,
    role: PartyRole,
    (clock, random): (&dyn Clock, Arc<dyn Random>),
    limits: &LinkLimits,
) -> Result<Party, String> {
    serve_one(stream, ENROL, limits, |message| {
        let mut lines = message.split('\n');
        let (Some(party), Some(secret), Some(request), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(Refused::Form);
        };
        let party = Party::parse(party).map_err(Refused::Party)?;
        if party.role() != role || authority.is_barred(&party) {
            return Err(Refused::Token(TokenError::Party));
        }
        let request = BASE64.decode(request.as_bytes()).map_err(|_| Refused::Form)?;
        // The request is looked at first: a token is not lost on one that cannot be signed.
        let own =
            authority.sign_request(&party, &request, clock.now(), &*random).map_err(Refused::Authority)?;
        authority.redeem(secret, &party, clock.now()).map_err(Refused::Token)?;
        let answer = format!("{}\n{}", BASE64.encode(&own), BASE64.encode(authority.certificate()));
        Ok((party, answer))
    })
    .await
}

/// Serves one renewal for whoever proved to be `party`.
pub(crate) async fn serve_renewal(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    authority: &Authority,
    party: &Party,
    (clock, random): (&dyn Clock, Arc<dyn Random>),
    limits: &LinkLimits,
) -> Result<(), String> {
    serve_one(stream, RENEW, limits, |message| {
        let request = BASE64.decode(message.as_bytes()).map_err(|_| Refused::Form)?;
        let own =
            authority.sign_request(party, &request, clock.now(), &*random).map_err(Refused::Authority)?;
        Ok(((), BASE64.encode(&own)))
    })
    .await
}

/// One request, one answer, and the connection ends.
async fn serve_one<T>(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    path: &str,
    limits: &LinkLimits,
    work: impl FnOnce(&str) -> Result<(T, String), Refused>,
) -> Result<T, String> {
    let broken = |error: h2::Error| error.to_string();
    let mut connection = server::Builder::new()
        .max_concurrent_streams(1)
        .max_header_list_size(limits.header_bytes_max.min(4096))
        .handshake::<_, Bytes>(&mut stream)
        .await
        .map_err(broken)?;
    let (request, mut respond) = connection.accept().await.ok_or("left without a word")?.map_err(broken)?;
    let is_ours = request.method() == http::Method::POST && request.uri().path() == path;
    let message = tokio::select! {
        message = read(request.into_body()) => message.map_err(broken)?,
        _ = connection.accept() => return Err("left in the middle, or asked twice".to_owned()),
    };
    let result = if is_ours { work(&message) } else { Err(Refused::Form) };
    let (status, answer) = match &result {
        Ok((_, answer)) => (StatusCode::OK, answer.clone()),
        Err(refused) => (StatusCode::FORBIDDEN, refused.to_string()),
    };
    let mut response = Response::new(());
    *response.status_mut() = status;
    let mut body = respond.send_response(response, false).map_err(broken)?;
    body.send_data(Bytes::from(answer), true).map_err(broken)?;
    connection.graceful_shutdown();
    // Drives the answer out; whatever else comes is not for anybody.
    while let Some(Ok(_)) = connection.accept().await {}
    drop(connection);
    // Listens until the other side has closed, too: what it still says, such as that it saw the end, would otherwise meet
    // a closed socket, and it would take the answer for lost.
    let _ = timeout(FAREWELL, tokio::io::copy(&mut stream, &mut tokio::io::sink())).await;
    result.map(|(given, _)| given).map_err(|refused| refused.to_string())
}

/// Why somebody gets no certificate. Repeats nothing of what they sent.
enum Refused {
    Form,
    Party(PartyError),
    Token(TokenError),
    Authority(AuthorityError),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("the request is not understood"),
            Self::Party(error) => error.fmt(f),
            Self::Token(TokenError::File { .. }) => f.write_str("the enrolment tokens cannot be read"),
            Self::Token(error) => error.fmt(f),
            Self::Authority(AuthorityError::Request) => f.write_str("the certificate request is not valid"),
            Self::Authority(_) => f.write_str("the authority cannot sign"),
        }
    }
}

/// Why a process has no certificate, or no next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnrolError {
    /// The gate cannot be reached, or is not of this house.
    Gate {
        reason: String,
    },
    /// The gate said no.
    Refused {
        reason: String,
    },
    Authority(AuthorityError),
    Credentials(CredentialsError),
    Broken {
        reason: String,
    },
}

impl EnrolError {
    fn broken(error: &dyn fmt::Display) -> Self {
        Self::Broken { reason: error.to_string() }
    }

    fn dial(error: DialError) -> Self {
        Self::Gate { reason: error.to_string() }
    }
}

impl fmt::Display for EnrolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gate { reason } => write!(f, "cannot reach the gate: {reason}"),
            Self::Refused { reason } => write!(f, "the gate refused: {reason}"),
            Self::Authority(error) => error.fmt(f),
            Self::Credentials(error) => error.fmt(f),
            Self::Broken { reason } => f.write_str(reason),
        }
    }
}

impl std::error::Error for EnrolError {}
