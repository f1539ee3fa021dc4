//! How a process joins its house, and how it stays in.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use bytes::Bytes;
use schleuse_types::{Clock, OsRandom, Timestamp};
use schleuse_wire::{Exchange, Method, Reply, ReplyBody};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use crate::fixtures::{Gate, SOON, arrival, clock, events, folder, reply, script, spawn, whole};
use crate::{Credentials, EnrolError, EnrolmentToken, Party, PartyRole, RemoteExchange, join};

fn token(gate: &Gate, role: PartyRole, name: &str, at: Timestamp) -> EnrolmentToken {
    let party = Party::new("acme", role, name).unwrap();
    gate.authority.make_token(party, at, &OsRandom).unwrap()
}

fn link(gate: &Gate, credentials: Arc<Credentials>) -> Arc<RemoteExchange> {
    let edge =
        RemoteExchange::new(gate.edge_door.clone(), credentials, gate.limits, clock(), Arc::new(OsRandom));
    gate.tasks.spawn(Arc::clone(&edge).run(gate.stop.clone(), gate.cut.clone()));
    edge
}

#[tokio::test]
async fn a_process_joins_with_its_token_and_with_no_other() {
    let gate = Gate::start(script(|_| async { reply(200, "in") })).await;
    let now = clock().now();
    let token_of = |role, name| token(&gate, role, name, now);
    let refused = |reason: &str| Err(EnrolError::Refused { reason: reason.to_owned() });

    let one = token_of(PartyRole::Edge, "dmz-1");
    let home = folder("joined");
    assert_eq!(join(&gate.edge_door, &one, &home).await, Ok(()));
    let credentials = Credentials::open(&home).unwrap();
    assert_eq!(credentials.party().to_string(), "spiffe://acme/edge/dmz-1");
    let edge = link(&gate, credentials);
    assert_eq!(whole(edge.exchange(arrival(Method::Get, "/v1/models")).await), "in");

    let unknown = "the enrolment token is not valid or no longer";
    assert_eq!(join(&gate.edge_door, &one, &folder("replay")).await, refused(unknown), "a replay");
    let old = token(&gate, PartyRole::Edge, "old", Timestamp(now.0 - 601 * 1_000_000));
    assert_eq!(join(&gate.edge_door, &old, &folder("old")).await, refused(unknown), "after ten minutes");

    let other = "the enrolment token is not for this process";
    let connector = token_of(PartyRole::Connector, "gpu");
    assert_eq!(join(&gate.edge_door, &connector, &folder("door")).await, refused(other), "wrong door");
    // The same secret, and another role or name claimed.
    for claimed in
        [Party::new("acme", PartyRole::Edge, "gpu"), Party::new("acme", PartyRole::Connector, "gpu-2")]
    {
        let mut lie = connector.clone();
        lie.party = claimed.unwrap();
        let door = if lie.party.role() == PartyRole::Edge { &gate.edge_door } else { &gate.connector_door };
        assert_eq!(join(door, &lie, &folder("lie")).await, refused(other), "{lie:?}");
    }
    assert_eq!(join(&gate.connector_door, &connector, &folder("right")).await, Ok(()));

    // A gate that does not hold the key that the token names is not told the secret.
    let mut elsewhere = token_of(PartyRole::Edge, "dmz-2");
    elsewhere.authority_key = *crate::fixtures::authority("elsewhere").public_key();
    let answer = join(&gate.edge_door, &elsewhere, &folder("elsewhere")).await;
    assert!(matches!(&answer, Err(EnrolError::Gate { reason }) if reason.contains("TLS")), "{answer:?}");
}

#[tokio::test]
async fn guessing_is_throttled() {
    let gate = Gate::start(script(|_| async { reply(200, "in") })).await;
    let right = token(&gate, PartyRole::Edge, "dmz", clock().now());
    let mut wrong = right.clone();
    wrong.secret = schleuse_types::Secret::new("A".repeat(43));
    for _ in 0..5 {
        assert!(matches!(
            join(&gate.edge_door, &wrong, &folder("guess")).await,
            Err(EnrolError::Refused { .. })
        ));
    }
    let answer = join(&gate.edge_door, &right, &folder("late")).await;
    assert!(matches!(answer, Err(EnrolError::Broken { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_renewal_drops_no_stream() {
    let go = Arc::new(Notify::new());
    let gate = Gate::start({
        let go = Arc::clone(&go);
        script(move |arrival: schleuse_wire::Arrival| {
            let go = Arc::clone(&go);
            async move {
                if arrival.path != "/v1/stream" {
                    return reply(200, "in");
                }
                let (sender, receiver) = mpsc::channel(1);
                spawn(async move {
                    for n in 0..3 {
                        go.notified().await;
                        let _ = sender.send(Bytes::from(format!("data: {n}\n\n"))).await;
                    }
                });
                Reply { status: 200, headers: Vec::new(), body: ReplyBody::Events(receiver) }
            }
        })
    })
    .await;
    let home = folder("renewed");
    join(&gate.edge_door, &token(&gate, PartyRole::Edge, "dmz", clock().now()), &home).await.unwrap();
    let credentials = Credentials::open(&home).unwrap();
    let half = credentials.expires().0 / 2 + (clock().now().0 - 300_000_000) / 2;
    assert!(credentials.renew_at().0.abs_diff(half) < 5_000_000, "at half its life");
    let edge = link(&gate, Arc::clone(&credentials));
    let mut stream = events(Arc::clone(&edge).exchange(arrival(Method::Post, "/v1/stream")).await);
    let mut next = async || {
        go.notify_one();
        timeout(SOON, stream.recv()).await.unwrap()
    };
    assert_eq!(next().await.unwrap(), "data: 0\n\n");

    let before = std::fs::read(home.join("identity.pem")).unwrap();
    credentials.renew(&gate.edge_door, &gate.limits, &*clock(), &OsRandom).await.unwrap();
    assert_ne!(std::fs::read(home.join("identity.pem")).unwrap(), before);
    // The gate's own as well.
    gate.credentials.renew("", &gate.limits, &*clock(), &OsRandom).await.unwrap();

    // A connection under the fresh certificate takes what comes; the old one only finishes.
    let followed = async {
        while edge.made.load(SeqCst) < 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(SOON, followed).await.expect("no connection under the fresh certificate");
    assert_eq!(whole(Arc::clone(&edge).exchange(arrival(Method::Get, "/v1/models")).await), "in");
    assert_eq!(next().await.unwrap(), "data: 1\n\n");
    assert_eq!(next().await.unwrap(), "data: 2\n\n");
    assert_eq!(next().await, None);
    let fresh = link(&gate, Credentials::open(&home).unwrap());
    assert_eq!(whole(fresh.exchange(arrival(Method::Get, "/v1/models")).await), "in");
}

/// The system's clock, that many hours later.
struct Later(Arc<dyn Clock>, u64);

impl Clock for Later {
    fn now(&self) -> Timestamp {
        self.0.now().plus(Duration::from_secs(self.1 * 3600))
    }
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
}

#[tokio::test]
async fn a_certificate_is_renewed_at_half_its_life_and_not_before() {
    let gate = Gate::start(script(|_| async { reply(200, "in") })).await;
    let home = folder("fresh");
    join(&gate.edge_door, &token(&gate, PartyRole::Edge, "dmz", clock().now()), &home).await.unwrap();
    for (hours, is_renewed) in [(11, false), (12, true)] {
        let credentials = Credentials::open(&home).unwrap();
        let mut generation = credentials.generation();
        let keeping = spawn(credentials.keep_fresh(
            gate.edge_door.clone(),
            gate.limits,
            Arc::new(Later(clock(), hours)),
            Arc::new(OsRandom),
            gate.stop.clone(),
        ));
        let limit = if is_renewed { SOON } else { Duration::from_millis(300) };
        let changed = timeout(limit, generation.changed()).await.is_ok();
        assert_eq!(changed, is_renewed, "after {hours} h");
        keeping.abort();
    }
}

#[tokio::test]
async fn secrets_lie_in_files_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let gate = Gate::start(script(|_| async { reply(200, "in") })).await;
    let home = folder("modes").join("made");
    join(&gate.edge_door, &token(&gate, PartyRole::Edge, "dmz", clock().now()), &home).await.unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&home), mode(&home.join("identity.pem"))), (0o700, 0o600));
    let authority = gate.authority.folder();
    for file in ["ca-key.pem", "tokens", "tokens.lock"] {
        assert_eq!(mode(&authority.join(file)), 0o600, "{file}");
    }
    let house = crate::Authority::create(authority, "acme", clock().now(), &OsRandom);
    assert!(matches!(house, Err(crate::AuthorityError::Exists { .. })), "{house:?}");
}

#[tokio::test]
async fn those_who_say_nothing_keep_nobody_out() {
    let gate = Gate::start(script(|_| async { reply(200, "in") })).await;
    let edge = gate.edge();
    assert_eq!(whole(Arc::clone(&edge).exchange(arrival(Method::Get, "/v1/models")).await), "in");
    // More connections than one address may have before it has said who it is: the later ones are closed at once.
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(tokio::net::TcpStream::connect(&gate.edge_door).await.unwrap());
    }
    let mut closed = 0;
    for stream in &mut silent {
        let mut byte = [0];
        let read = tokio::io::AsyncReadExt::read(stream, &mut byte);
        closed += usize::from(timeout(Duration::from_millis(50), read).await.is_ok());
    }
    assert_eq!(closed, 24);
    assert_eq!(whole(Arc::clone(&edge).exchange(arrival(Method::Get, "/v1/models")).await), "in");
    drop(silent);
    // And their places are free again.
    let home = folder("after");
    let joined = async {
        while join(&gate.edge_door, &token(&gate, PartyRole::Edge, "dmz-9", clock().now()), &home)
            .await
            .is_err()
        {}
    };
    timeout(SOON, joined).await.unwrap();
}
