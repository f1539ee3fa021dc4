//! For tests: folders, authorities, and the two ends of a link on this machine.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use rcgen::KeyPair;
use schleuse_types::{Clock, Language, OsRandom, Secret, SystemClock};
use schleuse_wire::{
    Arrival, ArrivalBody, BodyError, Credential, Exchange, Exchanged, Method, Peer, Reply, ReplyBody,
};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::authority::{Authority, CERTIFICATE_LIFETIME};
use crate::connectors::Connectors;
use crate::credentials::{self, Credentials};
use crate::door::{Door, DoorService};
use crate::party::{Party, PartyRole};
use crate::remote::RemoteExchange;
use crate::transport::LinkLimits;

/// Long enough for anything that happens at all.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A fresh folder for one test.
pub(crate) fn folder(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let folder = std::env::temp_dir().join(format!(
        "schleuse-tunnel-{name}-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Relaxed)
    ));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The authority of a house called `acme`.
pub(crate) fn authority(name: &str) -> Authority {
    Authority::create(&folder(name), "acme", clock().now(), &OsRandom).unwrap()
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// An identity as enrolment would have made it.
pub(crate) fn credentials(authority: &Authority, role: PartyRole, name: &str) -> Arc<Credentials> {
    let party = Party::new(authority.house(), role, name).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = authority.issue_for(&party, &[], &key, clock().now(), CERTIFICATE_LIFETIME, &OsRandom).unwrap();
    let folder = folder("identity");
    credentials::write(&folder, &key, &own, authority.certificate()).unwrap();
    Credentials::open(&folder).unwrap()
}

/// A gate with both doors, on free ports of this machine, until it is dropped.
pub(crate) struct Gate {
    pub(crate) authority: Arc<Authority>,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) connectors: Arc<Connectors>,
    /// `host:port`.
    pub(crate) edge_door: String,
    pub(crate) connector_door: String,
    pub(crate) limits: LinkLimits,
    /// Stops the doors; `cut_doors` ends what runs behind them.
    pub(crate) doors: CancellationToken,
    cut_doors: CancellationToken,
    pub(crate) door_tasks: TaskTracker,
    /// Of edges and connectors that belong to a test.
    pub(crate) stop: CancellationToken,
    pub(crate) cut: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Drop for Gate {
    fn drop(&mut self) {
        for token in [&self.doors, &self.cut_doors, &self.stop, &self.cut] {
            token.cancel();
        }
    }
}

impl Gate {
    pub(crate) async fn start(exchange: impl Exchange) -> Self {
        Self::with_limits(exchange, LinkLimits::default()).await
    }

    pub(crate) async fn with_limits(exchange: impl Exchange, limits: LinkLimits) -> Self {
        let authority = Arc::new(authority("gate"));
        let credentials = Credentials::of_gate(
            Arc::clone(&authority),
            "g1",
            vec!["127.0.0.1".to_owned(), "localhost".to_owned()],
            clock().now(),
            &OsRandom,
        )
        .unwrap();
        let mut gate = Self {
            authority,
            credentials,
            connectors: Connectors::new(),
            edge_door: String::new(),
            connector_door: String::new(),
            limits,
            doors: CancellationToken::new(),
            cut_doors: CancellationToken::new(),
            door_tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            cut: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        gate.edge_door = gate.open_edge_door("127.0.0.1:0", exchange).await;
        let connectors = DoorService::Connectors(Arc::clone(&gate.connectors));
        let (stop, cut) = (gate.doors.clone(), gate.cut_doors.clone());
        gate.connector_door = gate.open("127.0.0.1:0", connectors, stop, cut).await;
        gate
    }

    pub(crate) async fn open_edge_door(&self, address: &str, exchange: impl Exchange) -> String {
        // A door that was closed is opened with new tokens; the gate's own end the first one only.
        let again = self.doors.is_cancelled();
        let token = |old: &CancellationToken| if again { self.stop.child_token() } else { old.clone() };
        let (stop, cut) = (token(&self.doors), token(&self.cut_doors));
        self.open(address, DoorService::Exchange(Arc::new(exchange)), stop, cut).await
    }

    async fn open(
        &self,
        address: &str,
        service: DoorService,
        stop: CancellationToken,
        cut: CancellationToken,
    ) -> String {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let door = Door {
            listener,
            service,
            authority: Arc::clone(&self.authority),
            credentials: Arc::clone(&self.credentials),
            limits: self.limits,
            clock: clock(),
            random: Arc::new(OsRandom),
        };
        self.door_tasks.spawn(async move { door.run(stop, cut).await.unwrap() });
        address
    }

    /// Ends both doors and all that runs behind them, as a crash would.
    pub(crate) async fn close_edge_door(&self) {
        self.cut_doors.cancel();
        self.doors.cancel();
        self.door_tasks.close();
        tokio::time::timeout(SOON, self.door_tasks.wait()).await.unwrap();
        self.door_tasks.reopen();
    }

    /// An edge of this gate's house, linked.
    pub(crate) fn edge(&self) -> Arc<RemoteExchange> {
        let remote = RemoteExchange::new(
            self.edge_door.clone(),
            credentials(&self.authority, PartyRole::Edge, "dmz"),
            self.limits,
            clock(),
            Arc::new(OsRandom),
        );
        self.tasks.spawn(Arc::clone(&remote).run(self.stop.clone(), self.cut.clone()));
        remote
    }
}

/// For what a test leaves running beside itself; it ends with the test's runtime.
#[expect(clippy::disallowed_methods, reason = "a test's runtime is dropped with all that runs on it")]
pub(crate) fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::task::spawn(future)
}

/// An exchange that is a function.
pub(crate) fn script<F, R>(answer: F) -> impl Exchange
where
    F: Fn(Arrival) -> R + Send + Sync + 'static,
    R: Future<Output = Reply> + Send + 'static,
{
    struct Script<F>(F);

    impl<F, R> Exchange for Script<F>
    where
        F: Fn(Arrival) -> R + Send + Sync + 'static,
        R: Future<Output = Reply> + Send + 'static,
    {
        fn exchange(self: Arc<Self>, arrival: Arrival) -> Exchanged {
            Box::pin((self.0)(arrival))
        }
    }

    Script(answer)
}

pub(crate) fn body(bytes: impl Into<Bytes>) -> ArrivalBody {
    Box::pin(Full::new(bytes.into()).map_err(|never| -> BodyError { match never {} }))
}

pub(crate) fn arrival(method: Method, path: &str) -> Arrival {
    Arrival {
        method,
        path: path.to_owned(),
        query: None,
        credential: Some(Credential::Bearer(Secret::new("sk-visitor".to_owned()))),
        sign_in: None,
        last_event_id: None,
        agent: None,
        label: None,
        language: Language::German,
        peer: Peer { address: "192.0.2.7".parse().unwrap() },
        body: body(""),
    }
}

pub(crate) fn reply(status: u16, text: impl Into<String>) -> Reply {
    Reply { status, headers: Vec::new(), body: ReplyBody::Whole(Bytes::from(text.into())) }
}

pub(crate) fn whole(reply: Reply) -> String {
    match reply.body {
        ReplyBody::Whole(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        ReplyBody::Events(_) => panic!("events where a document was expected"),
    }
}

pub(crate) fn events(reply: Reply) -> mpsc::Receiver<Bytes> {
    match reply.body {
        ReplyBody::Events(events) => events,
        ReplyBody::Whole(bytes) => panic!("a document where events were expected: {bytes:?}"),
    }
}
