//! The house as separate processes: `roles`, `[link]` and `[[flow]]`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::address;
use super::reader::{ConfigError, Reader, nearest};

/// What one process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// Edge, gate and portal together.
    #[default]
    Whole,
    /// Where people and programs come in.
    Edge,
    /// Everything that decides, inspects, records and keeps.
    Gate,
    /// Beside model servers or identity providers.
    Connector,
}

const ROLES: [&str; 4] = ["edge", "portal", "gate", "connector"];

pub(super) fn read_roles(reader: &mut Reader<'_>) -> Result<Part, ConfigError> {
    let Some(roles) = reader.texts("roles")? else { return Ok(Part::Whole) };
    for role in &roles {
        if !ROLES.contains(&role.as_str()) {
            let hint =
                nearest(&ROLES, role).map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
            return Err(reader.wrong("roles", format!("`{role}` is no role{hint}")));
        }
    }
    let has = |role: &str| roles.iter().any(|known| known == role);
    match (has("edge"), has("gate"), has("portal"), has("connector")) {
        (true, true, _, false) => Ok(Part::Whole),
        (true, false, false, false) => Ok(Part::Edge),
        (false, true, _, false) => Ok(Part::Gate),
        (false, false, false, true) => Ok(Part::Connector),
        _ => Err(reader.wrong(
            "roles",
            "one process is [\"edge\", \"portal\", \"gate\"], [\"edge\"], [\"portal\", \"gate\"] or [\"connector\"]",
        )),
    }
}

/// The ends of links that this process has.
#[derive(Debug, Clone, Default)]
pub struct Link {
    /// Of an edge or a connector: `host:port` of the gate's door for it.
    pub gate: Option<String>,
    /// Of an edge or a connector: the folder that `schleuse link join` filled.
    pub identity: Option<PathBuf>,
    /// Of a gate: where edges dial.
    pub listen_edge: Option<SocketAddr>,
    /// Of a gate: where connectors dial.
    pub listen_connector: Option<SocketAddr>,
    /// Of a gate: the folder of the house's authority for links.
    pub authority: Option<PathBuf>,
    /// Of a gate: its name among the processes of its house.
    pub name: Option<String>,
    /// Of a gate: host names and addresses under which edges and connectors dial it.
    pub host_names: Vec<String>,
}

pub(super) fn read_link(mut reader: Reader<'_>, folder: &Path, part: Part) -> Result<Link, ConfigError> {
    let link = Link {
        gate: reader.text("gate")?,
        identity: reader.text("identity")?.map(|path| folder.join(path)),
        listen_edge: address(&mut reader, "listen_edge")?,
        listen_connector: address(&mut reader, "listen_connector")?,
        authority: reader.text("authority")?.map(|path| folder.join(path)),
        name: reader.text("name")?,
        host_names: reader.texts("host_names")?.unwrap_or_default(),
    };
    let dials = matches!(part, Part::Edge | Part::Connector);
    let wrong = if dials {
        [("listen_edge", link.listen_edge.is_some()), ("listen_connector", link.listen_connector.is_some())]
    } else {
        [("gate", link.gate.is_some()), ("identity", link.identity.is_some())]
    };
    if let Some((key, _)) = wrong.into_iter().find(|(_, is_there)| *is_there) {
        let complaint =
            if dials { "is a gate's; this process dials one" } else { "is for processes that dial a gate" };
        return Err(reader.wrong(key, complaint));
    }
    if dials && (link.gate.is_none() || link.identity.is_none()) {
        return Err(reader.missing(if link.gate.is_none() { "gate" } else { "identity" }));
    }
    if !dials && link.host_names.is_empty() {
        return Err(reader.missing("host_names"));
    }
    reader.finish()?;
    Ok(link)
}

/// An identity provider that the gate may reach through a connector.
#[derive(Debug, Clone)]
pub struct Flow {
    /// As the gate calls the provider.
    pub name: String,
    pub issuer: String,
    pub ca_file: Option<PathBuf>,
}

pub(super) fn read_flow(mut reader: Reader<'_>, folder: &Path) -> Result<Flow, ConfigError> {
    let flow = Flow {
        name: reader.text("name")?.ok_or_else(|| reader.missing("name"))?,
        issuer: reader.text("issuer")?.ok_or_else(|| reader.missing("issuer"))?,
        ca_file: reader.text("ca_file")?.map(|path| folder.join(path)),
    };
    reader.finish()?;
    Ok(flow)
}
