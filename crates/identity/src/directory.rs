//! Directories: names and passwords of houses without an identity provider (LDAP, RFC 4511).

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry, SearchOptions, dn_escape,
    ldap_escape,
};
use rustls::ClientConfig;
use schleuse_types::{Clock, Role, Secret, Tenant, Timestamp};
use tokio::task::JoinSet;

use crate::issuers::Identified;
use crate::{roles, tls};

/// For connecting and for all questions of one sign-in together.
const DEADLINE: Duration = Duration::from_secs(5);
/// The same in the unit in which the server is told how long one search may take.
const SEARCH_S_MAX: i32 = 5;
/// One more than are accepted, so that too many are noticed.
const GROUPS_ASKED: i32 = 513;
const NAME_BYTES_MAX: usize = 128;
const PASSWORD_BYTES_MAX: usize = 1024;
/// Result codes of RFC 4511 appendix A.
const SUCCESS: u32 = 0;
const SIZE_LIMIT_EXCEEDED: u32 = 4;
const NO_SUCH_OBJECT: u32 = 32;
const INVALID_DN_SYNTAX: u32 = 34;
const INVALID_CREDENTIALS: u32 = 49;

/// One directory, as the house's configuration names it.
#[derive(Debug, Clone)]
pub struct DirectoryConfig {
    /// The name of this configuration in paths: 1 to 64 characters of `a-z0-9-`. It is part of its people's ids: whoever
    /// renames it makes strangers of them.
    pub id: String,
    /// What people read above the form.
    pub name: String,
    /// `ldaps://host[:port]`, or `ldap://host[:port]` with [`Self::start_tls`] or to loopback.
    pub url: String,
    /// Whether a plain connection turns to TLS before anything else is said (RFC 4511 section 4.14).
    pub start_tls: bool,
    pub bind: DirectoryBind,
    /// The attribute that stays when a person is renamed or moved: `entryUUID`, `objectGUID`, `nsUniqueId` …
    pub subject_attribute: String,
    /// The attribute that holds the name to show: `cn`, `displayName` …
    pub name_attribute: String,
    /// Left out, nobody has groups.
    pub groups: Option<DirectoryGroups>,
    /// The role that a group gives; the first line that fits decides.
    pub roles: Vec<(String, Role)>,
    /// The role of people in none of those groups; left out, they are refused.
    pub default_role: Option<Role>,
    /// The tenant that a group gives; the first line that fits decides.
    pub tenants: Vec<(String, Tenant)>,
    /// The tenant of people in none of those groups.
    pub default_tenant: Tenant,
    /// The certificate authorities by which the directory is trusted; the system's when left out.
    pub ca_file: Option<PathBuf>,
}

/// How a name becomes an entry.
#[derive(Debug, Clone)]
pub enum DirectoryBind {
    /// The entry's name is known: `uid={name},ou=people,dc=example,dc=org`.
    Template { dn: String },
    /// A service account searches for it below `base`, with a filter such as `(uid={name})`.
    Search { service_dn: String, service_password: Secret<String>, base: String, filter: String },
}

/// How groups are found.
#[derive(Debug, Clone)]
pub struct DirectoryGroups {
    pub base: String,
    /// Such as `(member={dn})` or `(memberUid={name})`.
    pub filter: String,
    /// The attribute by which a group is called: `cn` …
    pub name_attribute: String,
}

/// A directory that people sign in with.
pub struct Directory(Arc<Client>);

struct Client {
    config: DirectoryConfig,
    tls: Option<Arc<ClientConfig>>,
    clock: Arc<dyn Clock>,
}

impl Directory {
    /// Reads the certificate authorities and refuses configurations that would send passwords in the clear. Asks nobody.
    pub fn new(config: DirectoryConfig, clock: Arc<dyn Clock>) -> Result<Self, DirectoryConfigError> {
        let is_encrypted = config.check()?;
        let tls = match is_encrypted {
            true => Some(tls::client(config.ca_file.as_deref()).map_err(|reason| config.wrong(reason))?),
            false => None,
        };
        Ok(Self(Arc::new(Client { config, tls, clock })))
    }

    pub fn config(&self) -> &DirectoryConfig {
        &self.0.config
    }

    /// Who this is, if the directory takes the password. A wrong name and a wrong password are the same error.
    ///
    /// An empty password is refused unasked: to a directory it is the request for an anonymous bind, which succeeds
    /// (RFC 4513 section 5.1.2).
    pub async fn authenticate(
        &self,
        name: &str,
        password: &Secret<String>,
    ) -> Result<Identified, DirectoryError> {
        let is_name =
            !name.trim().is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control);
        let is_password = !password.expose().is_empty()
            && password.expose().len() <= PASSWORD_BYTES_MAX
            && !password.expose().contains('\0');
        if !is_name || !is_password {
            return Err(DirectoryError::Refused);
        }
        // On a task of its own, because the library panics on answers that no directory gives: whoever answers for the
        // directory may spoil this sign-in, not the caller. Dropping the set ends the task.
        let mut task = JoinSet::new();
        let (client, name, password) = (Arc::clone(&self.0), name.to_owned(), password.clone());
        task.spawn(async move {
            let asked = client.connect_and_ask(&name, &password);
            tokio::time::timeout(DEADLINE, asked).await.map_err(|_elapsed| DirectoryError::TimedOut)?
        });
        match task.join_next().await {
            Some(Ok(answer)) => answer,
            Some(Err(_)) | None => Err(DirectoryError::Unreachable("it does not speak LDAP".to_owned())),
        }
    }
}

impl Client {
    async fn connect_and_ask(
        &self,
        name: &str,
        password: &Secret<String>,
    ) -> Result<Identified, DirectoryError> {
        let mut settings = LdapConnSettings::new().set_starttls(self.config.start_tls);
        if let Some(tls) = &self.tls {
            settings = settings.set_config(Arc::clone(tls));
        }
        let (connection, ldap) = LdapConnAsync::with_settings(settings, &self.config.url).await?;
        let mut answer = pin!(self.ask(ldap, name, password));
        // Whoever waits for the answer drives the connection.
        let closed = tokio::select! {
            biased;
            answer = &mut answer => return answer,
            closed = connection.drive() => closed,
        };
        // What came before the end may be all that was needed; whatever is still asked for fails at once.
        match (answer.await, closed) {
            (Err(DirectoryError::Unreachable(_)), Ok(())) => {
                Err(DirectoryError::Unreachable("the connection was closed".to_owned()))
            }
            (Err(DirectoryError::Unreachable(_)), Err(error)) => Err(error.into()),
            (answer, _) => answer,
        }
    }

    async fn ask(
        &self,
        mut ldap: Ldap,
        name: &str,
        password: &Secret<String>,
    ) -> Result<Identified, DirectoryError> {
        let dn = match &self.config.bind {
            DirectoryBind::Template { dn } => dn.replace("{name}", &dn_escape(name)),
            DirectoryBind::Search { service_dn, service_password, base, filter } => {
                self.bind_service(&mut ldap, service_dn, service_password).await?;
                let filter = filter.replace("{name}", &ldap_escape(name));
                self.find(&mut ldap, base, Scope::Subtree, &filter).await?.ok_or(DirectoryError::Refused)?.dn
            }
        };
        if dn.is_empty() {
            return Err(DirectoryError::Entry("has no name"));
        }
        match ldap.simple_bind(&dn, password.expose()).await?.rc {
            SUCCESS => {}
            INVALID_CREDENTIALS | NO_SUCH_OBJECT | INVALID_DN_SYNTAX => return Err(DirectoryError::Refused),
            code => return Err(DirectoryError::Answer(code)),
        }
        if let DirectoryBind::Search { service_dn, service_password, .. } = &self.config.bind {
            self.bind_service(&mut ldap, service_dn, service_password).await?;
        }
        let entry = self
            .find(&mut ldap, &dn, Scope::Base, "(objectClass=*)")
            .await?
            .ok_or(DirectoryError::Entry("cannot be read after the sign-in"))?;
        let groups = match &self.config.groups {
            Some(groups) => find_groups(&mut ldap, groups, &entry.dn, name).await?,
            None => Vec::new(),
        };
        // The answer is complete; whether the server still reads the farewell does not matter.
        drop(ldap.unbind().await);
        self.identify(&entry, groups)
    }

    async fn bind_service(
        &self,
        ldap: &mut Ldap,
        dn: &str,
        password: &Secret<String>,
    ) -> Result<(), DirectoryError> {
        match ldap.simple_bind(dn, password.expose()).await?.rc {
            SUCCESS => Ok(()),
            _ => Err(DirectoryError::ServiceAccount),
        }
    }

    /// The one entry that is meant, or none; more than one is an error.
    async fn find(
        &self,
        ldap: &mut Ldap,
        base: &str,
        scope: Scope,
        filter: &str,
    ) -> Result<Option<SearchEntry>, DirectoryError> {
        let attributes = [self.config.subject_attribute.as_str(), self.config.name_attribute.as_str()];
        let found = search(ldap, base, scope, filter, &attributes, 2).await?;
        match <[SearchEntry; 1]>::try_from(found) {
            Ok([entry]) => Ok(Some(entry)),
            Err(none) if none.is_empty() => Ok(None),
            Err(_several) => Err(DirectoryError::Entry("is not the only one with this name")),
        }
    }

    fn identify(&self, entry: &SearchEntry, groups: Vec<String>) -> Result<Identified, DirectoryError> {
        let config = &self.config;
        let subject = single(entry, &config.subject_attribute)
            .ok_or(DirectoryError::Entry("does not have the subject attribute exactly once"))?;
        let issuer = format!("ldap:{}", config.id);
        let person = roles::person(&issuer, &subject);
        let groups =
            roles::tidy(groups).ok_or(DirectoryError::Entry("has too many groups, or unprintable ones"))?;
        let role = roles::choose(&groups, &config.roles)
            .copied()
            .or(config.default_role)
            .ok_or(DirectoryError::NoRole)?;
        let tenant = roles::choose(&groups, &config.tenants).unwrap_or(&config.default_tenant).clone();
        let shown = values(entry, &config.name_attribute).and_then(|names| names.first());
        let name = roles::display_name([shown.map(String::as_str)], &person);
        // A directory vouches for a moment; how long that holds is the session's matter.
        let expires = Timestamp(self.clock.now().0.saturating_add(DEADLINE.as_micros() as u64));
        Ok(Identified {
            person,
            name,
            issuer,
            subject: subject.into_owned(),
            sid: None,
            role,
            groups,
            tenant,
            expires,
        })
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("id", &self.0.config.id).finish()
    }
}

async fn find_groups(
    ldap: &mut Ldap,
    groups: &DirectoryGroups,
    dn: &str,
    name: &str,
) -> Result<Vec<String>, DirectoryError> {
    // One pass, so that a name that spells `{dn}` is not replaced a second time.
    let mut filter = String::with_capacity(groups.filter.len());
    let mut rest = groups.filter.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        filter.push_str(before);
        let (place, after) = after.split_once('}').unwrap_or(("", after));
        match place {
            "dn" => filter.push_str(&ldap_escape(dn)),
            "name" => filter.push_str(&ldap_escape(name)),
            _ => {
                return Err(DirectoryError::Entry(
                    "cannot be asked for: the groups' filter has an unknown place",
                ));
            }
        }
        rest = after;
    }
    filter.push_str(rest);
    let attribute = groups.name_attribute.as_str();
    let found = search(ldap, &groups.base, Scope::Subtree, &filter, &[attribute], GROUPS_ASKED).await?;
    Ok(found.iter().filter_map(|group| values(group, attribute)?.first().cloned()).collect())
}

async fn search(
    ldap: &mut Ldap,
    base: &str,
    scope: Scope,
    filter: &str,
    attributes: &[&str],
    entries_max: i32,
) -> Result<Vec<SearchEntry>, DirectoryError> {
    let options = SearchOptions::new().sizelimit(entries_max).timelimit(SEARCH_S_MAX);
    let found = ldap.with_search_options(options).search(base, scope, filter, attributes).await?;
    match found.1.rc {
        SUCCESS | SIZE_LIMIT_EXCEEDED => {}
        NO_SUCH_OBJECT => return Ok(Vec::new()),
        code => return Err(DirectoryError::Answer(code)),
    }
    // Another server's word, which the answer may point to, is not asked for.
    let entries = found.0.into_iter().filter(|entry| !entry.is_ref() && !entry.is_intermediate());
    Ok(entries.map(SearchEntry::construct).collect())
}

/// The only value of an attribute; a binary one in hexadecimal.
fn single<'a>(entry: &'a SearchEntry, attribute: &str) -> Option<Cow<'a, str>> {
    let text = values(entry, attribute).unwrap_or_default();
    let binary = entry.bin_attrs.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute));
    match (text, binary.map_or(&[][..], |(_, values)| values)) {
        ([value], []) => Some(Cow::Borrowed(value.as_str())),
        ([], [value]) => {
            Some(Cow::Owned(value.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02x}"))))
        }
        _ => None,
    }
    .filter(|value| !value.is_empty() && value.len() <= 255)
}

/// Attribute names are case-insensitive (RFC 4512 section 2.5), and servers answer in their own spelling.
fn values<'a>(entry: &'a SearchEntry, attribute: &str) -> Option<&'a [String]> {
    let mut attributes = entry.attrs.iter();
    attributes.find(|(name, _)| name.eq_ignore_ascii_case(attribute)).map(|(_, values)| values.as_slice())
}

impl DirectoryConfig {
    /// Whether the connection is to be encrypted, if the configuration is one to use.
    fn check(&self) -> Result<bool, DirectoryConfigError> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.id.is_empty() || self.id.len() > 64 || !self.id.bytes().all(is_plain) {
            return Err(self.wrong("its id is not 1 to 64 characters of a-z, 0-9 and `-`"));
        }
        let (is_ldaps, authority) =
            match (self.url.strip_prefix("ldaps://"), self.url.strip_prefix("ldap://")) {
                (Some(authority), _) => (true, authority),
                (None, Some(authority)) => (false, authority),
                (None, None) => return Err(self.wrong("its url begins neither `ldaps://` nor `ldap://`")),
            };
        let host =
            host_of(authority).ok_or_else(|| self.wrong("its url is not just a host and perhaps a port"))?;
        let is_loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if !is_ldaps && !self.start_tls && !is_loopback {
            return Err(self.wrong("passwords would go in the clear; use `ldaps://` or `start_tls`"));
        }
        if self.roles.is_empty() && self.default_role.is_none() {
            return Err(self.wrong("it gives nobody a role; add `roles` or a `default_role`"));
        }
        let place = match &self.bind {
            DirectoryBind::Template { dn } => dn,
            DirectoryBind::Search { service_password, .. } if service_password.expose().is_empty() => {
                return Err(self.wrong("its service account has no password"));
            }
            DirectoryBind::Search { filter, .. } => filter,
        };
        if !place.contains("{name}") {
            return Err(self.wrong(
                "its template or filter has no place `{name}`, so everybody would be the same entry",
            ));
        }
        if self.subject_attribute.is_empty() || self.name_attribute.is_empty() {
            return Err(self.wrong("it names no attribute for subject or name"));
        }
        Ok(is_ldaps || self.start_tls)
    }

    fn wrong(&self, reason: impl Into<String>) -> DirectoryConfigError {
        DirectoryConfigError { id: self.id.clone(), reason: reason.into() }
    }
}

/// The host of `host[:port]`, without the brackets of IPv6; `None` for anything else.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => {
            authority.find(':').map_or(Some((authority, "")), |colon| authority.split_at_checked(colon))?
        }
    };
    let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    (is_port && !host.is_empty() && host.bytes().all(is_host)).then_some(host)
}

/// A configuration that nobody could sign in with, or not safely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryConfigError {
    id: String,
    reason: String,
}

impl fmt::Display for DirectoryConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the directory `{}` cannot be used: {}", self.id.escape_default(), self.reason)
    }
}

impl std::error::Error for DirectoryConfigError {}

/// Why nobody was signed in. Never holds name or password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryError {
    /// Name or password are wrong.
    Refused,
    /// The directory knows the person, but none of their groups has a role here.
    NoRole,
    /// The directory does not take the service account of the configuration.
    ServiceAccount,
    /// What is wrong with the person's entry.
    Entry(&'static str),
    /// A result code (RFC 4511 appendix A) other than those that belong to a sign-in.
    Answer(u32),
    /// No connection, or one that broke. The reason is for people.
    Unreachable(String),
    TimedOut,
}

impl DirectoryError {
    /// Whether trying again later may help without anybody changing anything.
    pub fn is_temporary(&self) -> bool {
        // 51 is busy, 52 is unavailable.
        matches!(self, Self::Unreachable(_) | Self::TimedOut | Self::Answer(51 | 52))
    }
}

impl From<LdapError> for DirectoryError {
    fn from(error: LdapError) -> Self {
        let reason = match error {
            LdapError::Io { source } if source.raw_os_error().is_some() => source.kind().to_string(),
            LdapError::Io { source } => source.to_string(),
            LdapError::LdapResult { result } => return Self::Answer(result.rc),
            LdapError::FilterParsing => return Self::Entry("cannot be asked for: the filter is malformed"),
            error => error.to_string(),
        };
        Self::Unreachable(reason)
    }
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("the directory does not know this name with this password"),
            Self::NoRole => f.write_str("no group of this person has a role in this house"),
            Self::ServiceAccount => f.write_str("the directory does not take the house's service account"),
            Self::Entry(problem) => write!(f, "the entry of this person {problem}"),
            Self::Answer(code) => write!(f, "the directory answered with result code {code}"),
            Self::Unreachable(reason) => write!(f, "the directory cannot be reached: {reason}"),
            Self::TimedOut => write!(f, "the directory gave no answer within {} s", DEADLINE.as_secs()),
        }
    }
}

impl std::error::Error for DirectoryError {}
