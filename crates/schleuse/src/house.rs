//! A whole house in one process: assembled, run, drained.

mod apart;
mod attachments;
mod bridge;
mod demo;
mod desk;
mod engine;
mod files;
mod holdings;
mod inside;
mod keeper;
mod links;
mod packs;
mod policies;
mod reading;
mod receipts;
mod releases;
mod router;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use schleuse_edge::{Edge, Service};
use schleuse_types::{Role, Secret};
use schleuse_upstream::Upstreams;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::data::DataFolder;
use crate::failure::{Doing as _, Failure};
use crate::posture::Posture;

pub use apart::Outpost;
pub use engine::{ENGINE, is_demonstration_model};
pub use keeper::LOOK_EVERY;
pub use links::{bar, make_token};
pub use packs::Packs;
pub use policies::PolicyTexts;

use desk::Desk;
use inside::{Inside, InsidePlan};

/// How long a clean stop may take: answers finish, then the log is sealed.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// Of that, how long answers may go on before they are cut.
const ANSWERS_MAX: Duration = Duration::from_secs(8);
/// As many open files as the edge takes connections, each with one towards a model, and some.
const FILES_MAX: u64 = 20_000;

/// What a house is made of.
pub struct Plan {
    pub config: Config,
    pub data: DataFolder,
    /// Where people come in; none in a gate whose edges are other processes.
    pub listener: Option<TcpListener>,
    pub admin: TcpListener,
    pub is_demo: bool,
}

/// A house that answers.
pub struct House {
    pub address: Option<SocketAddr>,
    pub admin_address: SocketAddr,
    pub upstreams: Upstreams,
    pub demo_keys: Vec<(Role, Secret<String>)>,
    /// What is open and what is not proven, in one line.
    pub posture: String,
    inside: Inside,
    stop: CancellationToken,
    /// Closes connections whose answers nobody takes.
    hang_up: CancellationToken,
    /// The listener that people use, and its connections.
    front: TaskTracker,
    /// Health and metrics; they answer to the end.
    back: TaskTracker,
    _lock: std::fs::File,
}

impl House {
    /// Opens everything and begins to answer.
    pub async fn open(plan: Plan) -> Result<Self, Failure> {
        let Plan { config, data, listener, admin, is_demo } = plan;
        let lock = data.lock()?;
        raise_file_limit();
        let address = listener.as_ref().map(TcpListener::local_addr).transpose().doing("listener")?;
        let tls = address.map(|address| front_tls(&config, address)).transpose()?;
        let admin_address = admin.local_addr().doing("listener")?;
        let stop = CancellationToken::new();
        let mut inside = Inside::open(InsidePlan {
            config: &config,
            data: &data,
            is_demo,
            address,
            admin: admin_address,
            stop: stop.clone(),
        })
        .await?;
        let upstreams = inside.gate.upstreams.clone();
        let posture = Posture {
            address,
            admin: admin_address,
            is_demo,
            config: &config,
            upstreams: &upstreams.status(),
            now_s: inside.gate.clock.now().seconds(),
        };
        let posture = posture.line();

        let (front, back) = (TaskTracker::new(), TaskTracker::new());
        // Later than the cut of what runs: an answer that was cut still has to be told.
        let hang_up = CancellationToken::new();
        if let Some(((listener, tls), address)) = listener.zip(tls).zip(address) {
            let desk = Arc::new(Desk::new(&config, is_demo, address));
            let house = Edge {
                listener,
                tls,
                service: Service::House { exchange: inside.exchange.clone(), desk },
                limits: schleuse_edge::Limits::default(),
            };
            front.spawn(house.run(stop.clone(), hang_up.clone()));
        }
        if let Some(doors) = inside.doors.take() {
            doors.open(&inside.exchange, (&front, &stop), (&back, &inside.gate.cut), &hang_up);
        }
        let answering = Arc::clone(&inside.operations);
        let admin = Edge {
            listener: admin,
            tls: None,
            service: Service::Operations(Arc::new(move |path| answering.answer(path))),
            limits: schleuse_edge::Limits::default(),
        };
        back.spawn(admin.run(inside.gate.cut.clone(), hang_up.clone()));
        let demo_keys = inside.demo_keys.clone();
        Ok(Self {
            address,
            admin_address,
            upstreams,
            demo_keys,
            posture,
            inside,
            stop,
            hang_up,
            front,
            back,
            _lock: lock,
        })
    }

    /// The key of a demo role.
    pub fn demo_key(&self, role: Role) -> Option<&Secret<String>> {
        self.demo_keys.iter().find(|(known, _)| *known == role).map(|(_, key)| key)
    }

    /// Stops taking requests, lets running answers finish, seals the log. Takes at most [`DRAIN_MAX`] and a little.
    pub async fn close(self) -> Result<(), Failure> {
        self.inside.begin_to_drain();
        self.stop.cancel();
        for tasks in [&self.front, &self.back, &self.inside.gate.tasks, &self.inside.tasks] {
            tasks.close();
        }
        let answers = async {
            self.front.wait().await;
            self.inside.gate.tasks.wait().await;
        };
        let _ = tokio::time::timeout(ANSWERS_MAX, answers).await;
        // Ends what still runs, each with an entry of its own, and the admin listener.
        self.inside.gate.cut.cancel();
        let rest = async {
            self.front.wait().await;
            self.inside.gate.tasks.wait().await;
            self.inside.tasks.wait().await;
            self.back.wait().await;
        };
        let _ = tokio::time::timeout(DRAIN_MAX.saturating_sub(ANSWERS_MAX).mul_f32(0.5), rest).await;
        self.hang_up.cancel();
        self.inside.seal().await
    }
}

/// The certificate of the listener for people. Without one, only loopback may be listened on.
fn front_tls(config: &Config, address: SocketAddr) -> Result<Option<Arc<rustls::ServerConfig>>, Failure> {
    match &config.tls {
        Some(tls) => schleuse_edge::server_config(&tls.certificate, &tls.key).doing("TLS").map(Some),
        None if address.ip().is_loopback() => Ok(None),
        None => Err(Failure::new(format!("{address} is no loopback address, and there is no certificate"))
            .next("add `[tls]` with `certificate` and `key`; plain HTTP is allowed on loopback only")),
    }
}

/// Every connection is a file, and every question is a second one towards its model. The usual soft limit of 1024 is for
/// programs that use `select`; this one does not.
fn raise_file_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard.min(FILES_MAX), hard));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
}
