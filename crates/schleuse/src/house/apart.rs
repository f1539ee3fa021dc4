//! Processes that hold only a part of the house: an edge, or a connector.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use schleuse_edge::{Edge, Service, SimpleReply};
use schleuse_identity::{DirectAccess, IssuerConfig};
use schleuse_tunnel::{
    Connector, ConnectorConfig, ConnectorModel, Credentials, IssuerFlow, LinkLimits, ModelAnswer,
    ModelAnswered, ModelQuestion, ModelServers, NotAnswered, RemoteExchange,
};
use schleuse_types::{Clock, OsRandom, Random, SystemClock, Tenant};
use schleuse_upstream::{Answer, AskError, Question, Upstreams};
use schleuse_wire::{BodyError, Exchange};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::desk::Desk;
use super::links::FromHere;
use super::{ANSWERS_MAX, DRAIN_MAX};
use crate::config::{Config, Part};
use crate::failure::{Doing as _, Failure};

/// An edge or a connector that runs.
pub struct Outpost {
    /// Where people come in, of an edge.
    pub address: Option<SocketAddr>,
    pub admin_address: SocketAddr,
    stop: CancellationToken,
    cut: CancellationToken,
    /// What has to end before the process may.
    tasks: TaskTracker,
    /// Health and metrics; they answer to the end.
    back: TaskTracker,
}

/// What says whether the process can do its work.
type IsWell = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

impl Outpost {
    /// `listener` is an edge's.
    pub async fn open(
        config: &Config,
        listener: Option<TcpListener>,
        admin: TcpListener,
    ) -> Result<Self, Failure> {
        let Some((gate, identity)) =
            config.link.as_ref().and_then(|link| Some((link.gate.clone()?, link.identity.clone()?)))
        else {
            return Err(Failure::usage("`[link]` with `gate` and `identity` is missing"));
        };
        super::raise_file_limit();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let random: Arc<dyn Random> = Arc::new(OsRandom);
        let credentials = Credentials::open(&identity).map_err(|error| {
            Failure::new(format!("this process has no identity: {error}"))
                .next("get a token with `schleuse link token` at the gate, then `schleuse link join` here")
        })?;
        let (stop, cut, tasks) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
        tasks.spawn(Arc::clone(&credentials).keep_fresh(
            gate.clone(),
            LinkLimits::default(),
            Arc::clone(&clock),
            Arc::clone(&random),
            stop.clone(),
        ));
        let admin_address = admin.local_addr().doing("listener")?;
        let address = listener.as_ref().map(TcpListener::local_addr).transpose().doing("listener")?;
        let is_well: IsWell = match (config.part, listener) {
            (Part::Edge, Some(listener)) => {
                let remote = RemoteExchange::new(gate, credentials, LinkLimits::default(), clock, random);
                tasks.spawn(Arc::clone(&remote).run(stop.clone(), cut.clone()));
                open_edge(config, listener, remote.clone(), &tasks, &stop, &cut)?;
                Arc::new(move || if remote.is_up() { Ok(()) } else { Err("no link to the gate".to_owned()) })
            }
            _ => {
                let servers = Beside::open(config, &clock).await?;
                tasks.spawn(servers.upstreams.clone().watch(stop.clone().cancelled_owned()));
                let issuers = Arc::new(FromHere(DirectAccess::new(&flow_issuers(config))));
                let named = ConnectorConfig {
                    gate: gate.clone(),
                    identity,
                    models: servers.named.clone(),
                    issuers: config
                        .flows
                        .iter()
                        .map(|flow| IssuerFlow { name: flow.name.clone(), issuer: flow.issuer.clone() })
                        .collect(),
                };
                let servers = Arc::new(servers);
                let (limits, well) = (LinkLimits::default(), Arc::clone(&servers));
                let connector = Connector::new(named, credentials, servers, issuers, limits, clock, random);
                tasks.spawn(connector.run(stop.clone(), cut.clone()));
                Arc::new(move || match well.named.is_empty() || well.is_well() {
                    true => Ok(()),
                    false => Err("no model server answers".to_owned()),
                })
            }
        };
        let operations = Service::Operations(Arc::new(move |path| operations(path, &is_well)));
        let limits = schleuse_edge::Limits::default();
        let admin = Edge { listener: admin, tls: None, service: operations, limits };
        let back = TaskTracker::new();
        back.spawn(admin.run(cut.clone(), cut.clone()));
        Ok(Self { address, admin_address, stop, cut, tasks, back })
    }

    /// Takes nothing new, lets running answers finish, ends.
    pub async fn close(self) {
        self.stop.cancel();
        for tasks in [&self.tasks, &self.back] {
            tasks.close();
        }
        let _ = tokio::time::timeout(ANSWERS_MAX, self.tasks.wait()).await;
        self.cut.cancel();
        let rest = async {
            self.tasks.wait().await;
            self.back.wait().await;
        };
        let _ = tokio::time::timeout(DRAIN_MAX.saturating_sub(ANSWERS_MAX), rest).await;
    }
}

fn open_edge(
    config: &Config,
    listener: TcpListener,
    exchange: Arc<dyn Exchange>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
    cut: &CancellationToken,
) -> Result<(), Failure> {
    let address = listener.local_addr().doing("listener")?;
    let tls = super::front_tls(config, address)?;
    let desk = Arc::new(Desk::new(config, false, address));
    let service = Service::House { exchange, desk };
    let edge = Edge { listener, tls, service, limits: schleuse_edge::Limits::default() };
    tasks.spawn(edge.run(stop.clone(), cut.clone()));
    Ok(())
}

fn operations(path: &str, is_well: &IsWell) -> SimpleReply {
    let plain =
        |status, body: String| SimpleReply { status, content_type: "text/plain; charset=utf-8", body };
    let well = is_well();
    match path {
        "/livez" => plain(200, "ok\n".to_owned()),
        "/startupz" => plain(200, "started\n".to_owned()),
        "/readyz" => match well {
            Ok(()) => plain(200, "ready\n".to_owned()),
            Err(reason) => plain(503, format!("not ready: {reason}\n")),
        },
        "/metrics" => SimpleReply {
            status: 200,
            content_type: "application/openmetrics-text; version=1.0.0; charset=utf-8",
            body: format!(
                "# HELP schleuse_ready Whether this process can do its work.\n# TYPE schleuse_ready gauge\n\
                 schleuse_ready {}\n# EOF\n",
                u8::from(well.is_ok())
            ),
        },
        _ => plain(404, "there is /livez, /readyz, /startupz and /metrics\n".to_owned()),
    }
}

/// A connector looks at providers' addresses and certificates only; who the house is to them is the gate's matter.
fn flow_issuers(config: &Config) -> Vec<IssuerConfig> {
    let flows = config.flows.iter();
    flows
        .map(|flow| IssuerConfig {
            id: flow.name.clone(),
            name: flow.name.clone(),
            issuer: flow.issuer.clone(),
            client_id: String::new(),
            client_secret: None,
            scopes: Vec::new(),
            audiences: Vec::new(),
            groups_claim: String::new(),
            roles: Vec::new(),
            default_role: None,
            tenants: Vec::new(),
            default_tenant: Tenant::HOUSE,
            ca_file: flow.ca_file.clone(),
        })
        .collect()
}

/// The model servers beside a connector.
struct Beside {
    upstreams: Upstreams,
    /// The models that the configuration names; no others are asked for.
    named: Vec<String>,
}

impl Beside {
    async fn open(config: &Config, clock: &Arc<dyn Clock>) -> Result<Self, Failure> {
        let upstreams = Upstreams::new(config.upstreams.clone(), Arc::clone(clock));
        let upstreams = upstreams.doing("the upstreams cannot be used")?;
        upstreams.refresh().await;
        let named = config.upstreams.iter().flat_map(|upstream| upstream.models.clone().unwrap_or_default());
        Ok(Self { upstreams, named: named.collect() })
    }
}

impl ModelServers for Beside {
    fn models(&self) -> Vec<ConnectorModel> {
        let models = self.upstreams.models(&Tenant::HOUSE).into_iter();
        models
            .map(|model| ConnectorModel {
                id: model.id,
                created: model.created,
                max_model_len: model.max_model_len,
            })
            .collect()
    }

    fn is_well(&self) -> bool {
        self.upstreams.status().iter().any(|upstream| upstream.healthy)
    }

    fn ask(&self, question: ModelQuestion) -> ModelAnswered {
        let upstreams = self.upstreams.clone();
        Box::pin(async move {
            let routes = upstreams.routes(&Tenant::HOUSE, &question.model);
            let route = routes.first().ok_or(NotAnswered::Unsent)?;
            let asked = Question {
                path: question.path,
                content_type: question.content_type,
                body: question.body,
                stream: question.stream,
                request_id: question.request_id,
                // The gate has put it into the body.
                cache_salt: None,
                sends_salt: false,
            };
            let answer = upstreams.ask(route, asked).await.map_err(|error| match error {
                AskError::NoReplica { .. } | AskError::Connect { .. } => NotAnswered::Unsent,
                AskError::Timeout { .. } => NotAnswered::TimedOut,
                other => NotAnswered::Failed { reason: other.to_string() },
            })?;
            Ok(ModelAnswer {
                status: answer.status,
                retry_after_s: answer.retry_after_s,
                is_event_stream: answer.is_event_stream,
                body: Box::pin(Told { state: State::Rests(Box::new(answer)) }),
            })
        })
    }
}

type Reading = Pin<Box<dyn Future<Output = (Box<Answer>, Result<Option<Bytes>, AskError>)> + Send>>;

/// A model server's answer as a body.
struct Told {
    state: State,
}

enum State {
    Rests(Box<Answer>),
    Reads(Reading),
    Over,
}

impl Body for Told {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut reading = match std::mem::replace(&mut self.state, State::Over) {
            State::Over => return Poll::Ready(None),
            State::Reads(reading) => reading,
            State::Rests(mut answer) => Box::pin(async move {
                let chunk = answer.chunk().await;
                (answer, chunk)
            }),
        };
        match reading.as_mut().poll(context) {
            Poll::Pending => {
                self.state = State::Reads(reading);
                Poll::Pending
            }
            Poll::Ready((answer, Ok(Some(bytes)))) => {
                self.state = State::Rests(answer);
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Poll::Ready((_, Ok(None))) => Poll::Ready(None),
            Poll::Ready((_, Err(error))) => Poll::Ready(Some(Err(BodyError(error.to_string())))),
        }
    }
}
