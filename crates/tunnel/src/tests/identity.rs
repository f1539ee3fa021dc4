//! Who may come in at a door, and whom an edge takes for its gate.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use schleuse_types::{OsRandom, Timestamp};
use schleuse_wire::{Exchange, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::authority::{Authority, CERTIFICATE_LIFETIME};
use crate::fixtures::{Gate, SOON, arrival, authority, clock, credentials, reply, script, spawn, whole};
use crate::party::{Party, PartyRole};
use crate::remote::RemoteExchange;
use crate::tls::{self, Purpose};
use crate::transport::LinkLimits;

/// A certificate chain and the key of its first certificate.
pub(super) struct Shown {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

fn pkcs8(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()))
}

/// What enrolment would give.
pub(super) fn issued(authority: &Authority, role: PartyRole, name: &str) -> Shown {
    issued_at(authority, role, name, clock().now(), CERTIFICATE_LIFETIME)
}

fn issued_at(authority: &Authority, role: PartyRole, name: &str, now: Timestamp, life: Duration) -> Shown {
    let key = KeyPair::generate().unwrap();
    let party = Party::new(authority.house(), role, name).unwrap();
    let own = authority.issue_for(&party, &[], &key, now, life, &OsRandom).unwrap();
    Shown { chain: vec![own], key: pkcs8(&key) }
}

/// The authority's own key, as somebody would have it who signs what the authority never would.
fn issuer(authority: &Authority) -> (Issuer<'static, KeyPair>, PrivateKeyDer<'static>) {
    let pem = std::fs::read(authority.folder().join("ca-key.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(&pem).unwrap();
    let pair = KeyPair::try_from(&key).unwrap();
    (Issuer::from_ca_cert_der(authority.certificate(), pair).unwrap(), key)
}

/// A client certificate with these names under any issuer.
fn signed(issuer: &Issuer<'_, KeyPair>, ids: &[&str]) -> (Shown, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = ids.iter().map(|id| SanType::URI((*id).try_into().unwrap())).collect();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let own = params.signed_by(&key, issuer).unwrap();
    (Shown { chain: vec![own.der().clone()], key: pkcs8(&key) }, key)
}

/// A client that believes the gate and shows what it is told to.
pub(super) async fn connect(
    gate: &Gate,
    door: &str,
    shown: Option<Shown>,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(gate.authority.certificate().clone()).unwrap();
    let builder =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
    let mut config = match shown {
        Some(shown) => builder.with_client_auth_cert(shown.chain, shown.key).unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(door).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("127.0.0.1").unwrap(), stream).await
}

/// The status of a request at the edge door, or why there is none.
async fn ask(gate: &Gate, shown: Option<Shown>, alpn: &[&[u8]]) -> Result<u16, String> {
    let attempt = async {
        let stream = connect(gate, &gate.edge_door, shown, alpn).await.map_err(|error| error.to_string())?;
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .map_err(|error| error.to_string())?;
        spawn(connection);
        let request = Request::get("https://gate/v1/models")
            .header("accept-language", "en")
            .header("x-schleuse-peer", "192.0.2.1")
            .body(Empty::<Bytes>::new())
            .unwrap();
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        Ok(response.status().as_u16())
    };
    timeout(SOON, attempt).await.expect("neither answer nor refusal")
}

const EXCHANGE: &[&[u8]] = &[b"schleuse-exchange/1"];

#[tokio::test]
async fn only_an_edge_of_this_house_comes_in_at_the_edge_door() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let gate = Gate::start(script(move |_| {
        counted.fetch_add(1, SeqCst);
        async { reply(200, "in") }
    }))
    .await;
    let own = &gate.authority;
    // The positive control stands before and after: the refusals are not those of a door that is shut for everybody.
    assert_eq!(ask(&gate, Some(issued(own, PartyRole::Edge, "dmz")), EXCHANGE).await, Ok(200));

    let foreign = authority("foreign");
    let (own_issuer, own_key) = issuer(own);
    let (foreign_issuer, _) = issuer(&foreign);
    let long_ago = Timestamp(clock().now().0 - 3 * 24 * 3600 * 1_000_000);
    let tomorrow = clock().now().plus(Duration::from_secs(24 * 3600));

    // A leaf of ours behind a leaf that is not: the role must not be found anywhere but in the first.
    let mut filled = issued(&foreign, PartyRole::Edge, "dmz");
    filled.chain.extend(issued(own, PartyRole::Edge, "dmz").chain);
    let mut raised = issued(own, PartyRole::Connector, "gpu");
    raised.chain.extend(issued(own, PartyRole::Edge, "dmz").chain);
    // An edge that plays authority.
    let (member, member_key) = signed(&own_issuer, &["spiffe://acme/edge/dmz"]);
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let (mut sub, _) = signed(&Issuer::new(params, member_key), &["spiffe://acme/edge/forged"]);
    sub.chain.extend(member.chain);
    // A certificate for itself, with the right words in it.
    let lone_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI("spiffe://acme/edge/dmz".try_into().unwrap())];
    let lone = params.self_signed(&lone_key).unwrap();

    let wrong: Vec<(&str, Option<Shown>)> = vec![
        ("no certificate", None),
        ("foreign authority of the same name", Some(issued(&foreign, PartyRole::Edge, "dmz"))),
        ("for itself", Some(Shown { chain: vec![lone.der().clone()], key: pkcs8(&lone_key) })),
        ("connector", Some(issued(own, PartyRole::Connector, "gpu"))),
        ("gate", Some(issued(own, PartyRole::Gate, "g1"))),
        ("another house of the same authority", Some(signed(&own_issuer, &["spiffe://other/edge/dmz"]).0)),
        ("two ids", Some(signed(&own_issuer, &["spiffe://acme/edge/dmz", "spiffe://acme/connector/x"]).0)),
        ("no id", Some(signed(&own_issuer, &[]).0)),
        ("no id of the house's form", Some(signed(&own_issuer, &["https://acme/edge/dmz"]).0)),
        ("the authority itself", Some(Shown { chain: vec![own.certificate().clone()], key: own_key })),
        ("foreign leaf, ours as filler", Some(filled)),
        ("connector's leaf, an edge's as filler", Some(raised)),
        ("signed by an edge", Some(sub)),
        ("foreign issuer, right id", Some(signed(&foreign_issuer, &["spiffe://acme/edge/dmz"]).0)),
        ("expired", Some(issued_at(own, PartyRole::Edge, "dmz", long_ago, CERTIFICATE_LIFETIME))),
        ("not yet valid", Some(issued_at(own, PartyRole::Edge, "dmz", tomorrow, CERTIFICATE_LIFETIME))),
    ];
    for (what, shown) in wrong {
        let answer = ask(&gate, shown, EXCHANGE).await;
        assert!(answer.is_err(), "{what}: {answer:?}");
    }
    let protocols: [&[&[u8]]; 4] =
        [&[], &[b"h2"], &[b"schleuse-connect/1"], &[b"schleuse-exchange/1", b"schleuse-enrol/1"]];
    for alpn in protocols {
        let answer = ask(&gate, Some(issued(own, PartyRole::Edge, "dmz")), alpn).await;
        let is_served = answer == Ok(200);
        // Whoever offers the exchange among others gets the exchange; nobody else gets anything.
        assert_eq!(is_served, alpn.len() == 2, "{alpn:?}: {answer:?}");
    }
    // Without a certificate, the ways that lead past the check lead to no exchange.
    for alpn in [b"schleuse-enrol/1".as_slice(), b"schleuse-renew/1"] {
        let answer = ask(&gate, None, &[alpn]).await;
        assert!(!matches!(answer, Ok(200)), "{answer:?}");
    }
    assert_eq!(ask(&gate, Some(issued(own, PartyRole::Edge, "dmz")), EXCHANGE).await, Ok(200));
    assert_eq!(asked.load(SeqCst), 3, "somebody else reached the exchange");
}

#[tokio::test]
async fn an_edge_is_no_connector() {
    let gate = Gate::start(script(|_| async { reply(200, "") })).await;
    let connect_alpn: &[&[u8]] = &[b"schleuse-connect/1"];
    for (role, name) in [(PartyRole::Edge, "dmz"), (PartyRole::Gate, "g1")] {
        let shown = issued(&gate.authority, role, name);
        let ended = match connect(&gate, &gate.connector_door, Some(shown), connect_alpn).await {
            Err(_) => true,
            Ok(mut stream) => timeout(SOON, stream.read_u8()).await.unwrap().is_err(),
        };
        assert!(ended, "{role}");
        assert_eq!(gate.connectors.status(), []);
    }
}

/// A ClientHello of TLS 1.2: no `supported_versions` (RFC 8446, section 4.2.1), and what such a client needs besides.
fn hello_of_tls_12() -> Vec<u8> {
    let mut extensions = Vec::new();
    // supported_groups: x25519; ec_point_formats: uncompressed; signature_algorithms: ecdsa_secp256r1_sha256.
    extensions.extend([0x00, 0x0a, 0x00, 0x04, 0x00, 0x02, 0x00, 0x1d]);
    extensions.extend([0x00, 0x0b, 0x00, 0x02, 0x01, 0x00]);
    extensions.extend([0x00, 0x0d, 0x00, 0x04, 0x00, 0x02, 0x04, 0x03]);
    let mut hello = vec![0x03, 0x03];
    hello.extend([7; 32]);
    hello.push(0);
    // TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256; no compression.
    hello.extend([0x00, 0x02, 0xc0, 0x2b, 0x01, 0x00]);
    hello.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    hello.extend(extensions);
    let mut message = vec![0x01, 0x00];
    message.extend(u16::try_from(hello.len()).unwrap().to_be_bytes());
    message.extend(hello);
    let mut record = vec![0x16, 0x03, 0x01];
    record.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
    record.extend(message);
    record
}

#[tokio::test]
async fn tls_12_is_refused() {
    let gate = Gate::start(script(|_| async { reply(200, "") })).await;
    for door in [&gate.edge_door, &gate.connector_door] {
        let mut stream = TcpStream::connect(door).await.unwrap();
        stream.write_all(&hello_of_tls_12()).await.unwrap();
        let mut answer = Vec::new();
        timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        // A record of type alert: fatal, protocol_version (RFC 8446, section 6).
        assert_eq!(answer.get(..1), Some([0x15].as_slice()));
        assert_eq!(answer.get(5..7), Some([2, 70].as_slice()), "{answer:?}");
    }
}

/// Whether an edge of `gate`'s house links up with a server that shows `shown` and would accept anybody.
async fn is_believed(gate: &Gate, shown: Shown) -> bool {
    let mut config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(shown.chain, shown.key)
            .unwrap();
    config.alpn_protocols = vec![EXCHANGE[0].to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = TlsAcceptor::from(Arc::new(config.clone())).accept(stream).await {
                // Kept open, so that it is the edge that decides.
                std::mem::forget(stream);
            }
        }
    });
    let edge = credentials(&gate.authority, PartyRole::Edge, "dmz");
    let config = tls::client(&edge, Purpose::Exchange).unwrap();
    crate::transport::dial(&address, config, "acme", &LinkLimits::default()).await.is_ok()
}

#[tokio::test]
async fn an_edge_believes_only_a_gate_of_its_house_at_the_address_that_it_dials() {
    let gate = Gate::start(script(|_| async { reply(200, "") })).await;
    let of_gate = |authority: &Authority, names: &[&str]| {
        let key = KeyPair::generate().unwrap();
        let party = Party::new("acme", PartyRole::Gate, "g1").unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let own = authority.issue(&party, &names, &key, clock().now(), &OsRandom).unwrap();
        Shown { chain: vec![own], key: pkcs8(&key) }
    };
    assert!(is_believed(&gate, of_gate(&gate.authority, &["127.0.0.1"])).await);
    assert!(
        !is_believed(&gate, of_gate(&gate.authority, &["127.0.0.2", "gate.example"])).await,
        "other address"
    );
    assert!(!is_believed(&gate, of_gate(&gate.authority, &[])).await, "no address");
    assert!(!is_believed(&gate, of_gate(&authority("fake"), &["127.0.0.1"])).await, "other authority");
    assert!(!is_believed(&gate, issued(&gate.authority, PartyRole::Edge, "dmz")).await, "an edge");
    let (issuer, _) = issuer(&gate.authority);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.subject_alt_names.push(SanType::URI("spiffe://acme/connector/gpu".try_into().unwrap()));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let own = params.signed_by(&key, &issuer).unwrap();
    let connector = Shown { chain: vec![own.der().clone()], key: pkcs8(&key) };
    assert!(!is_believed(&gate, connector).await, "a connector with a server's certificate");
}

#[tokio::test]
async fn a_link_ends_with_its_certificate_and_with_its_bar() {
    let gate = Gate::start(script(|_| async { reply(200, "in") })).await;
    let life = Duration::from_secs(2);
    let short = {
        let key = KeyPair::generate().unwrap();
        let party = Party::new("acme", PartyRole::Edge, "short").unwrap();
        let own = gate.authority.issue_for(&party, &[], &key, clock().now(), life, &OsRandom).unwrap();
        let folder = crate::fixtures::folder("short");
        crate::credentials::write(&folder, &key, &own, gate.authority.certificate()).unwrap();
        crate::Credentials::open(&folder).unwrap()
    };
    let barred = credentials(&gate.authority, PartyRole::Edge, "barred");
    let party = barred.party();
    for (credentials, bar) in [(short, false), (barred, true)] {
        let edge = RemoteExchange::new(
            gate.edge_door.clone(),
            credentials,
            gate.limits,
            clock(),
            Arc::new(OsRandom),
        );
        gate.tasks.spawn(Arc::clone(&edge).run(gate.stop.clone(), gate.cut.clone()));
        assert_eq!(whole(Arc::clone(&edge).exchange(arrival(Method::Get, "/v1/models")).await), "in");
        if bar {
            gate.authority.bar(&party).unwrap();
        }
        let ended = async {
            while Arc::clone(&edge).exchange(arrival(Method::Get, "/v1/models")).await.status == 200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(SOON, ended).await.expect("the link outlives its right");
    }
}
