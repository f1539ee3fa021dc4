//! Who may come in, for how long, and how much they may use: `[[identity_provider]]`, `[sessions]`, `[[limit]]`.

use std::path::Path;
use std::time::Duration;

use schleuse_identity::{DirectoryBind, DirectoryConfig, DirectoryGroups, IssuerConfig};
use schleuse_limits::{Rule, Who};
use schleuse_types::{Role, Secret, Tenant};

use super::reader::{ConfigError, Reader, nearest};

/// Whoever vouches for people, in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct Providers {
    pub issuers: Vec<IssuerConfig>,
    /// The connectors through which issuers are reached, by the issuer's id. Others are reached from this process.
    pub connectors: Vec<(String, String)>,
    pub directories: Vec<DirectoryConfig>,
}

/// How long a session lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLife {
    /// Without a request.
    pub idle: Duration,
    /// At all.
    pub absolute: Duration,
}

impl Default for SessionLife {
    fn default() -> Self {
        Self { idle: Duration::from_secs(8 * 3600), absolute: Duration::from_secs(12 * 3600) }
    }
}

const MINUTES_MAX: u64 = 30 * 24 * 60;

pub(super) fn read_sessions(mut reader: Reader<'_>) -> Result<SessionLife, ConfigError> {
    let mut life = SessionLife::default();
    if let Some(minutes) = reader.number("absolute_minutes", 1, MINUTES_MAX)? {
        life.absolute = Duration::from_secs(minutes * 60);
    }
    life.idle = life.idle.min(life.absolute);
    if let Some(minutes) = reader.number("idle_minutes", 1, MINUTES_MAX)? {
        life.idle = Duration::from_secs(minutes * 60);
    }
    if life.idle > life.absolute {
        return Err(reader.wrong("idle_minutes", "must not be more than `absolute_minutes`"));
    }
    reader.finish()?;
    Ok(life)
}

pub(super) fn read_limit(mut reader: Reader<'_>) -> Result<Rule, ConfigError> {
    let who = reader.text("who")?.ok_or_else(|| reader.missing("who"))?;
    let who = Who::parse(&who).map_err(|error| reader.wrong("who", error))?;
    let narrow = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
    let rule = Rule {
        who,
        requests_per_minute: narrow(reader.number("requests_per_minute", 1, 1_000_000)?),
        streams: narrow(reader.number("streams", 1, 100_000)?),
        tokens_per_day: reader.number("tokens_per_day", 1, 1 << 50)?,
        shared: reader.flag("shared")?.unwrap_or(false),
    };
    if rule.requests_per_minute.is_none() && rule.streams.is_none() && rule.tokens_per_day.is_none() {
        let complaint = "limits nothing; add `requests_per_minute`, `streams` or `tokens_per_day`";
        let empty = reader.wrong("who", complaint);
        // A misspelt number explains it better.
        reader.finish()?;
        return Err(empty);
    }
    reader.finish()?;
    Ok(rule)
}

const KINDS: [&str; 2] = ["oidc", "ldap"];

pub(super) fn read_provider(
    mut reader: Reader<'_>,
    folder: &Path,
    providers: &mut Providers,
) -> Result<(), ConfigError> {
    let id = reader.text("name")?.ok_or_else(|| reader.missing("name"))?;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if id.is_empty() || id.len() > 32 || !id.bytes().all(is_plain) {
        // It stands in addresses, such as /auth/oidc/NAME/callback.
        let complaint = "must be 1 to 32 lower-case letters, digits and hyphens; `title` is what people read";
        return Err(reader.wrong("name", complaint));
    }
    let is_taken = providers.issuers.iter().any(|issuer| issuer.id == id)
        || providers.directories.iter().any(|directory| directory.id == id);
    if is_taken {
        return Err(reader.wrong("name", format!("there is another identity provider `{id}`")));
    }
    let title = reader.text("title")?.unwrap_or_else(|| id.clone());
    if let Some(connector) = reader.text("connector")? {
        providers.connectors.push((id.clone(), connector));
    }
    match reader.text("kind")?.as_deref() {
        None | Some("oidc") => providers.issuers.push(read_issuer(&mut reader, id, title, folder)?),
        Some("ldap") => providers.directories.push(read_directory(&mut reader, id, title, folder)?),
        Some(kind) => {
            let hint = nearest(&KINDS, kind).map(|known| format!("; did you mean `{known}`?"));
            let complaint = format!("must be `oidc` or `ldap`{}", hint.unwrap_or_default());
            return Err(reader.wrong("kind", complaint));
        }
    }
    reader.finish()
}

fn read_issuer(
    reader: &mut Reader<'_>,
    id: String,
    name: String,
    folder: &Path,
) -> Result<IssuerConfig, ConfigError> {
    let issuer = reader.text("issuer")?.ok_or_else(|| reader.missing("issuer"))?;
    let client_id = reader.text("client_id")?.ok_or_else(|| reader.missing("client_id"))?;
    let scopes = reader.texts("scopes")?;
    let (roles, default_role) = read_roles(reader)?;
    Ok(IssuerConfig {
        id,
        name,
        issuer,
        client_id,
        client_secret: secret_file(reader, "client_secret_file", folder)?,
        scopes: scopes.unwrap_or_else(|| ["openid", "profile", "email"].map(str::to_owned).to_vec()),
        audiences: reader.texts("audiences")?.unwrap_or_default(),
        groups_claim: reader.text("groups_claim")?.unwrap_or_else(|| "groups".to_owned()),
        roles,
        default_role,
        // Told by `[[tenant]]`.
        tenants: Vec::new(),
        default_tenant: Tenant::HOUSE,
        ca_file: reader.text("ca_file")?.map(|file| folder.join(file)),
    })
}

fn read_directory(
    reader: &mut Reader<'_>,
    id: String,
    name: String,
    folder: &Path,
) -> Result<DirectoryConfig, ConfigError> {
    let url = reader.text("url")?.ok_or_else(|| reader.missing("url"))?;
    let bind = match (reader.text("bind_dn_template")?, reader.table("search")?) {
        (Some(dn), None) => DirectoryBind::Template { dn },
        (None, Some(search)) => read_search(search, folder)?,
        _ => {
            let complaint = "either this or `[identity_provider.search]` says how a name becomes an entry";
            return Err(reader.wrong("bind_dn_template", complaint));
        }
    };
    let groups = match reader.table("groups")? {
        None => None,
        Some(mut groups) => {
            let read = DirectoryGroups {
                base: groups.text("base")?.ok_or_else(|| groups.missing("base"))?,
                filter: groups.text("filter")?.unwrap_or_else(|| "(member={dn})".to_owned()),
                name_attribute: groups.text("name_attribute")?.unwrap_or_else(|| "cn".to_owned()),
            };
            groups.finish()?;
            Some(read)
        }
    };
    let (roles, default_role) = read_roles(reader)?;
    Ok(DirectoryConfig {
        id,
        name,
        url,
        start_tls: reader.flag("start_tls")?.unwrap_or(false),
        bind,
        subject_attribute: reader.text("subject_attribute")?.unwrap_or_else(|| "entryUUID".to_owned()),
        name_attribute: reader.text("name_attribute")?.unwrap_or_else(|| "cn".to_owned()),
        groups,
        roles,
        default_role,
        // Told by `[[tenant]]`.
        tenants: Vec::new(),
        default_tenant: Tenant::HOUSE,
        ca_file: reader.text("ca_file")?.map(|file| folder.join(file)),
    })
}

fn read_search(mut reader: Reader<'_>, folder: &Path) -> Result<DirectoryBind, ConfigError> {
    let search = DirectoryBind::Search {
        service_dn: reader.text("service_dn")?.ok_or_else(|| reader.missing("service_dn"))?,
        service_password: secret_file(&mut reader, "service_password_file", folder)?
            .ok_or_else(|| reader.missing("service_password_file"))?,
        base: reader.text("base")?.ok_or_else(|| reader.missing("base"))?,
        filter: reader.text("filter")?.unwrap_or_else(|| "(uid={name})".to_owned()),
    };
    reader.finish()?;
    Ok(search)
}

/// The role that each group gives, in the order of the file.
type RolesOfGroups = Vec<(String, Role)>;

/// `[[identity_provider.role]]`: the first group that fits gives the role, else `default_role`, else nobody comes in.
fn read_roles(reader: &mut Reader<'_>) -> Result<(RolesOfGroups, Option<Role>), ConfigError> {
    let mut roles = Vec::new();
    for mut row in reader.tables("role")? {
        let group = row.text("group")?.ok_or_else(|| row.missing("group"))?;
        roles.push((group, role(&mut row, "role")?.ok_or_else(|| row.missing("role"))?));
        row.finish()?;
    }
    Ok((roles, role(reader, "default_role")?))
}

fn role(reader: &mut Reader<'_>, key: &'static str) -> Result<Option<Role>, ConfigError> {
    let Some(text) = reader.text(key)? else { return Ok(None) };
    Role::parse(&text).map(Some).map_err(|error| reader.wrong(key, format!("`{text}` is {error}")))
}

/// The text of a file that only its owner may read.
pub(super) fn secret_file(
    reader: &mut Reader<'_>,
    key: &'static str,
    folder: &Path,
) -> Result<Option<Secret<String>>, ConfigError> {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(file) = reader.text(key)? else { return Ok(None) };
    let path = folder.join(&file);
    let shown = path.display().to_string();
    let cannot = |error| reader.wrong(key, format!("cannot read `{shown}`: {error}"));
    let mode = std::fs::metadata(&path).map_err(cannot)?.permissions().mode();
    if mode & 0o077 != 0 {
        let complaint = format!("`{shown}` can be read by others (mode {:o}); chmod 600 it", mode & 0o777);
        return Err(reader.wrong(key, complaint));
    }
    let text = std::fs::read_to_string(&path).map_err(cannot)?;
    let text = text.trim();
    if text.is_empty() {
        return Err(reader.wrong(key, format!("`{shown}` is empty")));
    }
    Ok(Some(Secret::new(text.to_owned())))
}
