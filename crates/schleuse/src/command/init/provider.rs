//! Who vouches for people: an OpenID provider, a directory, or both.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;

use schleuse_types::{Role, Secret};

use super::{Asker, host_of};
use crate::config::nearest;
use crate::failure::Failure;

/// Their flags.
#[derive(clap::Args, Default)]
pub(in crate::command) struct ProviderArguments {
    /// An OpenID provider that people sign in with: its issuer, to the letter.
    #[arg(long, value_name = "URL")]
    oidc_issuer: Option<String>,
    /// How the provider knows this house. Default: schleuse
    #[arg(long, value_name = "ID", requires = "oidc_issuer")]
    oidc_client_id: Option<String>,
    /// File with the client secret; it is copied. Without it, a public client, which has only PKCE.
    #[arg(long, value_name = "FILE", requires = "oidc_issuer")]
    oidc_client_secret_file: Option<PathBuf>,
    /// What people read on the button.
    #[arg(long, value_name = "NAME", requires = "oidc_issuer")]
    oidc_name: Option<String>,
    /// The claim that holds the groups, or a JSON pointer. Default: groups
    #[arg(long, value_name = "CLAIM", requires = "oidc_issuer")]
    oidc_groups_claim: Option<String>,
    /// A directory that people sign in with: ldaps://HOST, or ldap://HOST, which then turns to TLS.
    #[arg(long, value_name = "URL", requires = "ldap_bind_dn_template")]
    ldap_url: Option<String>,
    /// Where a name lies in it, such as uid={name},ou=people,dc=example,dc=org
    #[arg(long, value_name = "DN", requires = "ldap_url")]
    ldap_bind_dn_template: Option<String>,
    /// What people read above the form.
    #[arg(long, value_name = "NAME", requires = "ldap_url")]
    ldap_name: Option<String>,
    /// Where its groups lie; without it, nobody has any.
    #[arg(long, value_name = "DN", requires = "ldap_url")]
    ldap_group_base: Option<String>,
    /// The certificate authorities by which the provider is trusted, a PEM file. Without it, the system's.
    #[arg(long, value_name = "FILE")]
    provider_ca_file: Option<PathBuf>,
    /// The role that a group of the provider gives. May be given several times; the first that fits decides.
    #[arg(long, value_name = "GROUP=ROLE")]
    group_role: Vec<String>,
    /// The role of everybody else whom the provider lets in. Without it, they stay outside.
    #[arg(long, value_name = "ROLE")]
    default_role: Option<String>,
}

/// A provider as it will stand in the configuration.
pub(super) struct Provider {
    pub kind: Kind,
    /// What people read.
    pub title: String,
    /// The group and the role that it gives.
    pub roles: Vec<(String, Role)>,
    pub default_role: Option<Role>,
    pub ca_file: Option<PathBuf>,
}

pub(super) enum Kind {
    Oidc { issuer: String, client_id: String, client_secret: Option<Secret<String>>, groups_claim: String },
    Ldap { url: String, bind_dn: String, group_base: Option<String> },
}

impl Provider {
    pub fn is_oidc(&self) -> bool {
        matches!(self.kind, Kind::Oidc { .. })
    }

    /// How it stands in addresses. Part of its people's ids, so it has nothing of names that change.
    pub fn id(&self) -> &'static str {
        if self.is_oidc() { "sso" } else { "directory" }
    }

    /// The secret that goes with it, and the file that it comes into.
    pub fn secret(&self) -> Option<(&'static str, &Secret<String>)> {
        match &self.kind {
            Kind::Oidc { client_secret: Some(secret), .. } => Some(("sso-client-secret", secret)),
            _ => None,
        }
    }
}

pub(super) fn choose(mut arguments: ProviderArguments, asker: &mut Asker) -> Result<Vec<Provider>, Failure> {
    if arguments.oidc_issuer.is_none() && arguments.ldap_url.is_none() {
        arguments.oidc_issuer = asker.optional(
            "OpenID provider that people sign in with, such as https://login.example.org/realms/main (empty: none)",
        )?;
        if arguments.oidc_issuer.is_some() {
            arguments.oidc_client_id = Some(asker.value(
                arguments.oidc_client_id,
                "How it knows this house (client id)",
                "schleuse",
            )?);
            if arguments.oidc_client_secret_file.is_none() {
                let file = asker.optional("File with the client secret (empty: public client)")?;
                arguments.oidc_client_secret_file = file.map(PathBuf::from);
            }
        }
    }
    if arguments.oidc_issuer.is_none() && arguments.ldap_url.is_none() {
        let roles = !arguments.group_role.is_empty() || arguments.default_role.is_some();
        if roles || arguments.provider_ca_file.is_some() {
            return Err(Failure::usage("roles of groups are there, but no provider that knows groups")
                .next("add --oidc-issuer URL or --ldap-url URL"));
        }
        return Ok(Vec::new());
    }
    if arguments.default_role.is_none() && arguments.group_role.is_empty() {
        let question = "Role of everybody whom it lets in: employee, engineer, … (empty: nobody comes in until groups are named)";
        arguments.default_role = asker.optional(question)?;
    }
    let roles = arguments.group_role.iter().map(|text| group_role(text)).collect::<Result<Vec<_>, _>>()?;
    let default_role = arguments.default_role.as_deref().map(role).transpose()?;
    let ca_file = match &arguments.provider_ca_file {
        Some(file) if !file.is_file() => {
            return Err(Failure::usage(format!("there is no file `{}`", file.display())));
        }
        Some(file) => Some(std::path::absolute(file).map_err(Failure::usage)?),
        None => None,
    };
    let mut providers = Vec::new();
    let mut add = |kind, title: Option<String>, default: &str| {
        let title = title.unwrap_or_else(|| default.to_owned());
        let (roles, ca_file) = (roles.clone(), ca_file.clone());
        providers.push(Provider { kind, title, roles, default_role, ca_file });
    };
    if let Some(issuer) = arguments.oidc_issuer {
        check_reach(&issuer, "https://", "http://")?;
        let client_secret = arguments.oidc_client_secret_file.map(read_secret).transpose()?;
        let kind = Kind::Oidc {
            issuer,
            client_id: arguments.oidc_client_id.unwrap_or_else(|| "schleuse".to_owned()),
            client_secret,
            groups_claim: arguments.oidc_groups_claim.unwrap_or_else(|| "groups".to_owned()),
        };
        add(kind, arguments.oidc_name, "Single sign-on");
    }
    if let (Some(url), Some(bind_dn)) = (arguments.ldap_url, arguments.ldap_bind_dn_template) {
        if !url.starts_with("ldap://") {
            check_reach(&url, "ldaps://", "ldaps://")?;
        }
        if !bind_dn.contains("{name}") {
            return Err(Failure::usage(format!("`{bind_dn}` has no {{name}} in it"))
                .next("write for example uid={name},ou=people,dc=example,dc=org"));
        }
        if !roles.is_empty() && arguments.ldap_group_base.is_none() {
            return Err(Failure::usage("groups shall give roles, but it is not said where they lie")
                .next("add --ldap-group-base DN"));
        }
        add(
            Kind::Ldap { url, bind_dn, group_base: arguments.ldap_group_base },
            arguments.ldap_name,
            "Directory",
        );
    }
    Ok(providers)
}

/// Encrypted, or to this machine itself.
fn check_reach(url: &str, encrypted: &str, plain: &str) -> Result<(), Failure> {
    let is_loopback = |rest: &str| {
        let host = host_of(rest.split('/').next().unwrap_or_default());
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    };
    let is_fine = url.strip_prefix(encrypted).is_some_and(|rest| !rest.is_empty())
        || url.strip_prefix(plain).is_some_and(is_loopback);
    if is_fine {
        return Ok(());
    }
    Err(Failure::usage(format!("`{url}` must begin with {encrypted}"))
        .next("plain text is allowed to this machine's loopback only"))
}

fn read_secret(file: PathBuf) -> Result<Secret<String>, Failure> {
    let text = fs::read_to_string(&file)
        .map_err(|error| Failure::usage(format!("cannot read `{}`: {error}", file.display())))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::usage(format!("`{}` is empty", file.display())));
    }
    Ok(Secret::new(text.to_owned()))
}

fn group_role(text: &str) -> Result<(String, Role), Failure> {
    match text.rsplit_once('=') {
        Some((group, name)) if !group.is_empty() => Ok((group.to_owned(), role(name)?)),
        _ => Err(Failure::usage(format!("`{text}` is no group with its role"))
            .next("write for example --group-role ai-admins=admin")),
    }
}

fn role(text: &str) -> Result<Role, Failure> {
    Role::parse(text).map_err(|error| {
        let hint =
            nearest(&Role::ALL.map(Role::as_str), text).map(|known| format!("; did you mean `{known}`?"));
        Failure::usage(format!("`{text}` is {error}{}", hint.unwrap_or_default()))
    })
}
