//! The posture line: every surface that is open, and what is not proven, said at each start.

use std::net::SocketAddr;

use schleuse_upstream::Status;

pub struct Posture<'a> {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub is_tls: bool,
    pub is_demo: bool,
    pub plain_names: bool,
    pub engine: Option<String>,
    pub upstreams: &'a [Status],
}

impl Posture<'_> {
    /// One line.
    pub fn line(&self) -> String {
        let mut parts = Vec::new();
        let reach =
            if self.address.ip().is_loopback() { "loopback only" } else { "reachable from the network" };
        let protocol = if self.is_tls { "HTTPS (TLS 1.3)" } else { "plain HTTP" };
        parts.push(format!("{protocol} on {} ({reach})", self.address));
        let reach =
            if self.admin.ip().is_loopback() { "loopback only" } else { "REACHABLE FROM THE NETWORK" };
        parts.push(format!("health and metrics without login on {} ({reach})", self.admin));
        if self.is_demo {
            parts.push("DEMO: keys of all five roles are given to anybody on this machine".to_owned());
        }
        if let Some(engine) = &self.engine {
            parts.push(format!("embedded engine `{engine}` in a sandboxed process without network"));
        }
        for upstream in self.upstreams.iter().filter(|upstream| upstream.name != crate::house::ENGINE) {
            parts.push(format!(
                "upstream `{}` at {} (zone {}: declared, not proven; up to {})",
                upstream.name, upstream.url, upstream.zone, upstream.max_label
            ));
        }
        if self.engine.is_none() && self.upstreams.is_empty() {
            parts.push("no model: every question is refused".to_owned());
        }
        parts.push(if self.plain_names {
            "the audit log holds names".to_owned()
        } else {
            "the audit log holds pseudonyms".to_owned()
        });
        format!("SECURITY POSTURE: {}", parts.join("; "))
    }
}
