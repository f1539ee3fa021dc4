//! Which sockets a house may have, and why.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::look::{Program, Times};
use super::socket::{Face, Peer, UnixKind};

/// A socket that no table lists, or that nobody accepted yet, is in the making. It must not stay so. Whoever looks must
/// look for longer than this.
pub(super) const MAKING_MAX: Duration = Duration::from_secs(1);

/// What the configuration and the ready file name. Everything else is forbidden.
#[derive(Debug, Clone, Default)]
pub(super) struct AllowList {
    /// Where the house listens, with what for.
    pub listeners: Vec<(SocketAddr, &'static str)>,
    /// Whether callers may come from other machines.
    pub is_open_to_network: bool,
    /// Where the engine's worker listens.
    pub engine_socket: Option<PathBuf>,
    /// What relative names of Unix sockets are relative to.
    pub working_folder: PathBuf,
    pub upstreams: Vec<Named>,
}

/// An upstream by its name.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub name: String,
    pub place: Place,
}

#[derive(Debug, Clone)]
pub(super) enum Place {
    Addresses(Vec<SocketAddr>),
    /// A host that must be looked up, and its port.
    Host(String, Vec<SocketAddr>),
    Socket(PathBuf),
}

/// Why a socket is there, or why it must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed(String),
    Forbidden(String),
}

use Verdict::{Allowed, Forbidden};

impl AllowList {
    pub fn judge(&self, program: &Program, face: &Face, times: &Times) -> Verdict {
        match face {
            Face::Tcp { local, remote, is_listening } => {
                self.judge_tcp(program, *local, *remote, *is_listening)
            }
            Face::Datagram { table, remote, .. } => match self.host_to_look_up() {
                Some(name)
                    if *program == Program::House && *table == "udp" && matches!(remote.port(), 0 | 53) =>
                {
                    Allowed(format!(
                        "looks up the host of upstream `{name}`; an address instead of a name would end this"
                    ))
                }
                _ => Forbidden(format!("nothing in the house speaks {table}")),
            },
            Face::Packet => Forbidden("nothing in the house reads raw frames".to_owned()),
            Face::Netlink { port: 0, .. } if *program == Program::Nobody => {
                Allowed("the kernel's own end".to_owned())
            }
            // One that was open for less than a look belongs to nobody; the house had its own looks to show one.
            Face::Netlink { protocol: 0 | 4, .. } if *program == Program::Doctor => {
                Allowed("this check asks the kernel".to_owned())
            }
            Face::Netlink { protocol: 0, .. } => match self.host_to_look_up() {
                Some(name) if *program == Program::House => Allowed(format!(
                    "the C library looks at interfaces to look up the host of upstream `{name}`"
                )),
                _ => Forbidden("nothing in the house talks to the kernel's network".to_owned()),
            },
            Face::Netlink { .. } => {
                Forbidden("nothing in the house talks to the kernel's network".to_owned())
            }
            Face::Unix { kind, is_listening, path, peer } => {
                self.judge_unix(program, *kind, *is_listening, path.as_deref(), peer, times)
            }
            // A terminal or pipe of whoever started the check lives in another network namespace.
            Face::Unlisted if *program == Program::Doctor => {
                Allowed("given to this check by whoever started it".to_owned())
            }
            Face::Unlisted if times.longest < MAKING_MAX => {
                Allowed("in the making: not bound to anything at this look".to_owned())
            }
            Face::Unlisted => {
                Forbidden("in no table of the kernel: inherited, or of another family".to_owned())
            }
        }
    }

    fn judge_tcp(
        &self,
        program: &Program,
        local: SocketAddr,
        remote: SocketAddr,
        is_listening: bool,
    ) -> Verdict {
        let purpose = |address: SocketAddr| {
            self.listeners.iter().find(|(known, _)| *known == address).map(|(_, purpose)| *purpose)
        };
        let may_call = |address: SocketAddr| self.is_open_to_network || address.ip().is_loopback();
        let upstream = |address: SocketAddr| {
            self.upstreams.iter().find(|upstream| upstream.place.addresses().contains(&address))
        };
        match program {
            Program::House | Program::Nobody => {
                if let Some(purpose) = purpose(local) {
                    return match is_listening {
                        true => Allowed(format!("listens for {purpose}")),
                        false if may_call(remote) => Allowed(format!("a caller of {purpose}")),
                        false => Forbidden("a caller from another machine".to_owned()),
                    };
                }
                if is_listening {
                    return Forbidden("listens where the configuration does not say so".to_owned());
                }
                if let Some(upstream) = upstream(remote) {
                    return Allowed(format!("to upstream `{}`", upstream.name));
                }
                // What is left of a connection that both ends closed; only the ends' addresses still tell.
                if *program == Program::Nobody && (purpose(remote).is_some() || upstream(local).is_some()) {
                    return Allowed("the other end of an allowed connection, closed".to_owned());
                }
                Forbidden("to an address that the configuration does not name".to_owned())
            }
            Program::Doctor => match (purpose(remote), upstream(local)) {
                (Some(purpose), _) => Allowed(format!("this check asks {purpose}")),
                (None, Some(upstream)) => Allowed(format!("this check plays upstream `{}`", upstream.name)),
                (None, None) => Forbidden("this check has no business there".to_owned()),
            },
            Program::Worker => Forbidden("the engine's worker has no network".to_owned()),
            Program::Other(_) => Forbidden("a process that the house does not have".to_owned()),
        }
    }

    fn judge_unix(
        &self,
        program: &Program,
        kind: UnixKind,
        is_listening: bool,
        path: Option<&str>,
        peer: &Peer,
        times: &Times,
    ) -> Verdict {
        if matches!(program, Program::Other(_)) {
            return Forbidden("a process that the house does not have".to_owned());
        }
        if kind != UnixKind::Stream {
            return Forbidden(format!("nothing in the house speaks unix {kind}"));
        }
        if let Some(path) = path {
            let is_engine = self.engine_socket.as_deref().is_some_and(|known| self.is_same(known, path));
            return match (is_engine, is_listening, peer) {
                (false, ..) => Forbidden("a name that the house does not have".to_owned()),
                (true, _, Peer::Foreign(_)) => Forbidden("somebody else asks the engine".to_owned()),
                (true, true, _) => Allowed("where the engine's worker listens".to_owned()),
                (true, false, _) => Allowed("the gateway asks the engine's worker".to_owned()),
            };
        }
        let upstream = self.upstreams.iter().find(|upstream| matches!(&upstream.place, Place::Socket(_)));
        match (peer, upstream) {
            (Peer::Own, _) => Allowed("joins two ends within the house".to_owned()),
            (Peer::Nobody, _) => Allowed("joined to nobody".to_owned()),
            (Peer::Waiting, _) if times.longest < MAKING_MAX => {
                Allowed("in the making: not accepted yet".to_owned())
            }
            (Peer::Foreign(Some(path)), _) => match self.upstream_at(path) {
                Some(name) if *program == Program::House => Allowed(format!("to upstream `{name}`")),
                _ => Forbidden("to a socket that the configuration does not name".to_owned()),
            },
            // Its listener lives in another network namespace, whose names are not listed here.
            (Peer::Foreign(None) | Peer::Waiting, Some(upstream)) if *program == Program::House => {
                Allowed(format!("to upstream `{}` or in the making; its other end is outside", upstream.name))
            }
            // Tables and peers are read one after the other. What looks like this at two looks is no such coincidence.
            (Peer::Foreign(None), _) if times.longest.is_zero() => {
                Allowed("joined to an end that was closed at this look".to_owned())
            }
            (Peer::Foreign(None), _) => Forbidden("to a socket of a process outside of the house".to_owned()),
            (Peer::Waiting, _) => Forbidden("to a listener that does not answer".to_owned()),
            (Peer::Untold, _) => {
                Allowed("joins two ends; this kernel does not tell which, see the check `peers`".to_owned())
            }
        }
    }

    fn upstream_at(&self, path: &str) -> Option<&str> {
        let at =
            |upstream: &&Named| matches!(&upstream.place, Place::Socket(known) if self.is_same(known, path));
        self.upstreams.iter().find(at).map(|upstream| upstream.name.as_str())
    }

    /// The same file, also when one of the two paths is written differently.
    fn is_same(&self, known: &Path, seen: &str) -> bool {
        let seen = self.working_folder.join(seen);
        known == seen || matches!((known.canonicalize(), seen.canonicalize()), (Ok(a), Ok(b)) if a == b)
    }

    fn host_to_look_up(&self) -> Option<&str> {
        let is_host = |upstream: &&Named| matches!(upstream.place, Place::Host(..));
        self.upstreams.iter().find(is_host).map(|upstream| upstream.name.as_str())
    }
}

impl Place {
    /// Of an upstream's url: `http://HOST:PORT/…`, `https://…` or `unix:/path`. Looks nothing up.
    pub fn of(url: &str) -> Option<Self> {
        if let Some(path) = url.strip_prefix("unix:") {
            return Some(Self::Socket(PathBuf::from(path)));
        }
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split('/').next()?;
        let has_port = authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
        let default = match scheme {
            "https" => 443,
            "ldaps" => 636,
            "ldap" => 389,
            _ => 80,
        };
        let whole = if has_port { authority.to_owned() } else { format!("{authority}:{default}") };
        if let Ok(address) = whole.parse() {
            return Some(Self::Addresses(vec![address]));
        }
        let (host, port) = whole.rsplit_once(':')?;
        let port = port.parse().ok()?;
        if host == "localhost" {
            let addresses = [[127, 0, 0, 1].into(), std::net::Ipv6Addr::LOCALHOST.into()];
            return Some(Self::Addresses(addresses.map(|ip| SocketAddr::new(ip, port)).to_vec()));
        }
        Some(Self::Host(whole, Vec::new()))
    }

    fn addresses(&self) -> &[SocketAddr] {
        match self {
            Self::Addresses(addresses) | Self::Host(_, addresses) => addresses,
            Self::Socket(_) => &[],
        }
    }
}

#[cfg(test)]
mod tests;
