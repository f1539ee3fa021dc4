//! The ends of links to the house's other processes, and the bridges over them.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use schleuse_identity::{Access, AccessError, DirectAccess, IssuerAccess};
use schleuse_tunnel::{
    Authority, CarryError, Connectors, Credentials, Door, DoorService, EnrolmentToken, FlowCall, FlowError,
    FlowFuture, GateLinks, IssuerClient, LinkLimits, Party, PartyRole,
};
use schleuse_types::{Clock, OsRandom, Random, Secret, SystemClock};
use schleuse_upstream::{Carrier, Carrying};
use schleuse_wire::Exchange;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::address::bind;
use crate::config::{Config, Link};
use crate::data::DataFolder;
use crate::failure::{Doing as _, Failure};

/// What processes of a house are called in certificates, when the configuration says nothing else.
const HOUSE: &str = "house";

/// The gate's doors, listening but not open yet.
pub(super) struct Doors {
    pub(super) connectors: Arc<Connectors>,
    edge: Option<TcpListener>,
    connector: Option<TcpListener>,
    authority: Arc<Authority>,
    credentials: Arc<Credentials>,
    clock: Arc<dyn Clock>,
}

impl Doors {
    pub(super) async fn listen(
        link: &Link,
        data: &DataFolder,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let links = GateLinks {
            listen_edge: link.listen_edge,
            listen_connector: link.listen_connector,
            authority: authority_folder(link, data),
            name: link.name.clone().unwrap_or_else(|| "gate".to_owned()),
            host_names: link.host_names.clone(),
        };
        let now = clock.now();
        let authority = Authority::open_or_create(&links.authority, HOUSE, now, &OsRandom);
        let authority = Arc::new(authority.doing("the authority for links")?);
        let credentials =
            Credentials::of_gate(Arc::clone(&authority), &links.name, links.host_names, now, &OsRandom);
        let listen = async |address: Option<std::net::SocketAddr>| match address {
            Some(address) => bind(address).await.map(Some),
            None => Ok(None),
        };
        Ok(Self {
            connectors: Connectors::new(),
            edge: listen(links.listen_edge).await?,
            connector: listen(links.listen_connector).await?,
            authority,
            credentials: credentials.doing("the gate's certificate for links")?,
            clock: Arc::clone(clock),
        })
    }

    /// Begins to answer: edges with this exchange until `stop`, connectors with a place to be asked at until `later`,
    /// because answers that still run come over them.
    pub(super) fn open(
        self,
        exchange: &Arc<dyn Exchange>,
        (front, stop): (&TaskTracker, &CancellationToken),
        (back, later): (&TaskTracker, &CancellationToken),
        cut: &CancellationToken,
    ) {
        let services = [
            (self.edge, DoorService::Exchange(Arc::clone(exchange)), front, stop),
            (self.connector, DoorService::Connectors(Arc::clone(&self.connectors)), back, later),
        ];
        for (listener, service, tasks, stop) in services {
            let Some(listener) = listener else { continue };
            let door = Door {
                listener,
                service,
                authority: Arc::clone(&self.authority),
                credentials: Arc::clone(&self.credentials),
                limits: LinkLimits::default(),
                clock: Arc::clone(&self.clock),
                random: Arc::new(OsRandom),
            };
            let (stop, cut) = (stop.clone(), cut.clone());
            tasks.spawn(async move {
                if let Err(error) = door.run(stop, cut).await {
                    tracing::error!(%error, "a door for links cannot be opened");
                }
            });
        }
        let random: Arc<dyn Random> = Arc::new(OsRandom);
        back.spawn(self.credentials.keep_fresh(
            String::new(),
            LinkLimits::default(),
            self.clock,
            random,
            stop.clone(),
        ));
    }
}

/// Where a gate keeps the authority for links.
fn authority_folder(link: &Link, data: &DataFolder) -> PathBuf {
    link.authority.clone().unwrap_or_else(|| data.path().join("authority"))
}

/// Makes the authority of a house if it has none, and a token with which one process can join.
pub fn make_token(config: &Config, role: PartyRole, name: &str) -> Result<EnrolmentToken, Failure> {
    let (authority, party) = membership(config, role, name)?;
    authority.make_token(party, SystemClock::new().now(), &OsRandom).doing("no token can be made")
}

/// Ends a process's membership.
pub fn bar(config: &Config, role: PartyRole, name: &str) -> Result<(), Failure> {
    let (authority, party) = membership(config, role, name)?;
    authority.bar(&party).doing("the membership cannot be ended")
}

fn membership(config: &Config, role: PartyRole, name: &str) -> Result<(Authority, Party), Failure> {
    let (Some(link), Some(data)) = (&config.link, &config.data) else {
        return Err(Failure::usage("this configuration is no gate's: it has no `data` or no `[link]`"));
    };
    let folder = authority_folder(link, &DataFolder::create(data)?);
    let authority = Authority::open_or_create(&folder, HOUSE, SystemClock::new().now(), &OsRandom);
    let authority = authority.doing("the authority for links")?;
    let party = Party::new(authority.house(), role, name).map_err(Failure::usage)?;
    Ok((authority, party))
}

/// Model servers behind connectors, for `upstream`.
pub(super) struct OverConnectors(pub(super) Arc<Connectors>);

impl Carrier for OverConnectors {
    fn send<'a>(&'a self, connector: &'a str, request: Request<Full<Bytes>>) -> Carrying<'a> {
        Box::pin(async move {
            let answer = self.0.send(connector, request).await.map_err(|error| match error {
                CarryError::Unsent { reason } => schleuse_upstream::CarryError::Unsent { reason },
                CarryError::TimedOut => schleuse_upstream::CarryError::TimedOut,
                CarryError::Sent { reason } => schleuse_upstream::CarryError::Sent { reason },
            })?;
            let (head, body) = answer.into_parts();
            let body: schleuse_upstream::CarriedBody = Box::pin(Boxed(body));
            Ok(Response::from_parts(head, body))
        })
    }
}

/// A body with its error in a box.
struct Boxed(schleuse_tunnel::Carried);

impl Body for Boxed {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = Pin::new(&mut self.0).poll_frame(context);
        frame.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}

/// Identity providers: each through the connector that the configuration names, the others from this process.
pub(super) struct Issuing {
    pub(super) direct: DirectAccess,
    pub(super) connectors: Option<Arc<Connectors>>,
    /// The connector of each issuer that has one, by the issuer's id.
    pub(super) ways: Vec<(String, String)>,
}

impl Issuing {
    async fn ask(&self, connector: &str, issuer: &str, call: FlowCall) -> Result<Bytes, AccessError> {
        let Some(connectors) = &self.connectors else {
            return Err(AccessError::Unreachable("no connector can dial this house".to_owned()));
        };
        let answer = connectors.fetch(connector, issuer, &call).await.map_err(|error| match error {
            FlowError::NotNamed => {
                AccessError::Forbidden(format!("connector `{connector}` has no such flow"))
            }
            FlowError::NotLinked { reason } | FlowError::Failed { reason } => {
                AccessError::Unreachable(format!("connector `{connector}`: {reason}"))
            }
            FlowError::TimedOut => AccessError::TimedOut,
            FlowError::TooLarge => AccessError::TooLarge,
            FlowError::Status { status, error } => AccessError::Status { status, error },
        })?;
        Ok(answer.body)
    }

    fn way(&self, issuer: &str) -> Option<&str> {
        self.ways.iter().find(|(id, _)| id == issuer).map(|(_, connector)| connector.as_str())
    }
}

impl IssuerAccess for Issuing {
    fn get<'a>(&'a self, issuer: &'a str, url: &'a str) -> Access<'a> {
        match self.way(issuer) {
            None => self.direct.get(issuer, url),
            Some(connector) => {
                let call = FlowCall { url: url.to_owned(), form: None, basic: None };
                Box::pin(self.ask(connector, issuer, call))
            }
        }
    }

    fn post_form<'a>(
        &'a self,
        issuer: &'a str,
        url: &'a str,
        fields: Vec<(String, Secret<String>)>,
        basic: Option<(String, Secret<String>)>,
    ) -> Access<'a> {
        match self.way(issuer) {
            None => self.direct.post_form(issuer, url, fields, basic),
            Some(connector) => {
                let call = FlowCall { url: url.to_owned(), form: Some(fields), basic };
                Box::pin(self.ask(connector, issuer, call))
            }
        }
    }
}

/// Identity providers as a connector reaches them.
pub(super) struct FromHere(pub(super) DirectAccess);

impl IssuerClient for FromHere {
    fn call<'a>(&'a self, issuer: &'a str, call: FlowCall) -> FlowFuture<'a> {
        Box::pin(async move {
            let FlowCall { url, form, basic } = call;
            let answer = match form {
                Some(fields) => self.0.post_form(issuer, &url, fields, basic).await,
                None => self.0.get(issuer, &url).await,
            };
            answer.map_err(|error| match error {
                AccessError::Forbidden(reason) | AccessError::Unreachable(reason) => {
                    FlowError::Failed { reason }
                }
                AccessError::TimedOut => FlowError::TimedOut,
                AccessError::TooLarge => FlowError::TooLarge,
                AccessError::Status { status, error } => FlowError::Status { status, error },
            })
        })
    }
}
