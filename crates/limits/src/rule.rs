//! One row of the configuration: who, and how much.

use std::fmt;
use std::sync::Arc;

use schleuse_types::{Principal, Role, Tenant};

/// How much somebody may use. What is `None` is not limited; 0 closes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub who: Who,
    /// Requests admitted in any 60 seconds.
    pub requests_per_minute: Option<u32>,
    /// Streamed answers running at the same time.
    pub streams: Option<u32>,
    /// LLM tokens of questions and answers in one day of UTC.
    pub tokens_per_day: Option<u64>,
    /// Whether everybody in the role, group or tenant draws from one budget instead of having one each; those of a role or
    /// group have one in each tenant. Means nothing for a person or a key.
    pub shared: bool,
}

impl Rule {
    /// A rule that limits nothing yet.
    pub fn new(who: Who) -> Self {
        Self { who, requests_per_minute: None, streams: None, tokens_per_day: None, shared: false }
    }

    pub(crate) fn is_pool(&self) -> bool {
        self.shared && matches!(self.who, Who::Role(_) | Who::Group(_) | Who::Tenant(_))
    }

    /// What the rule counts on when `principal` asks: `person:…`, `key:…`, or the pool's name. `None` when the rule is
    /// not for them.
    pub(crate) fn subject(&self, principal: &Principal) -> Option<Arc<str>> {
        if !self.who.fits(principal) {
            return None;
        }
        Some(match &self.who {
            Who::Role(_) | Who::Group(_) if self.is_pool() && !principal.tenant.is_house() => {
                format!("tenant:{}/{}", principal.tenant, self.who).into()
            }
            Who::Role(_) | Who::Group(_) | Who::Tenant(_) if self.is_pool() => self.who.to_string().into(),
            Who::Key(id) => format!("key:{id}").into(),
            Who::Role(_) | Who::Group(_) | Who::Tenant(_) | Who::Person(_) => {
                format!("person:{}", principal.person).into()
            }
        })
    }
}

/// Whom a rule is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    /// Everybody who asks in this role.
    Role(Role),
    /// Everybody who asks as a member of this group.
    Group(String),
    /// Everybody who belongs to this tenant.
    Tenant(Tenant),
    /// The one person of this id.
    Person(String),
    /// The one key (or session) of this id, never the secret.
    Key(String),
}

impl Who {
    /// Reads `role:engineer`, `group:…`, `tenant:…`, `person:…` or `key:…`.
    pub fn parse(text: &str) -> Result<Self, UnknownWho> {
        let (kind, name) = text.split_once(':').ok_or(UnknownWho)?;
        let is_name = (1..=128).contains(&name.len()) && !name.contains(char::is_control);
        match (kind, name) {
            ("role", role) => Role::parse(role).map(Self::Role).map_err(|_| UnknownWho),
            ("group", name) if is_name => Ok(Self::Group(name.to_owned())),
            ("tenant", name) => Tenant::parse(name).map(Self::Tenant).map_err(|_| UnknownWho),
            ("person", name) if is_name => Ok(Self::Person(name.to_owned())),
            ("key", name) if is_name => Ok(Self::Key(name.to_owned())),
            _ => Err(UnknownWho),
        }
    }

    /// Whether this principal is meant.
    pub fn fits(&self, principal: &Principal) -> bool {
        match self {
            Self::Role(role) => principal.role == *role,
            Self::Group(group) => principal.groups.contains(group),
            Self::Tenant(tenant) => principal.tenant == *tenant,
            Self::Person(person) => principal.person == *person,
            Self::Key(id) => principal.credential == *id,
        }
    }
}

/// As it is configured: `role:engineer`.
impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(role) => write!(f, "role:{role}"),
            Self::Group(name) => write!(f, "group:{name}"),
            Self::Tenant(name) => write!(f, "tenant:{name}"),
            Self::Person(name) => write!(f, "person:{name}"),
            Self::Key(name) => write!(f, "key:{name}"),
        }
    }
}

/// The text does not say whom a rule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownWho;

impl fmt::Display for UnknownWho {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "must be `role:` with one of the five roles, `tenant:` with the name of one, or `group:`, `person:` or `key:` with a \
             name of 1 to 128 bytes",
        )
    }
}

impl std::error::Error for UnknownWho {}

#[cfg(test)]
mod tests {
    use super::Who;
    use schleuse_types::{Role, Tenant};

    fn check(input: &str, expected: Option<Who>) {
        assert_eq!(Who::parse(input).ok(), expected, "{input}");
        if let Some(who) = expected {
            assert_eq!(who.to_string(), input);
        }
    }

    #[test]
    fn whom_a_rule_is_for_is_read_and_written_the_same() {
        check("role:engineer", Some(Who::Role(Role::Engineer)));
        check("group:research", Some(Who::Group("research".into())));
        check("group:a:b", Some(Who::Group("a:b".into())));
        check("tenant:retail", Some(Who::Tenant(Tenant::parse("retail").unwrap())));
        check("tenant:Retail", None);
        check("person:p-1", Some(Who::Person("p-1".into())));
        check("key:k-1", Some(Who::Key("k-1".into())));
        check("role:boss", None);
        check("role:", None);
        check("group:", None);
        check("group:a\nb", None);
        check("engineer", None);
        check("Role:engineer", None);
        check(&format!("person:{}", "x".repeat(129)), None);
    }
}
