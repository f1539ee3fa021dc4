//! Tenants: `[[tenant]]`, who belongs to which, and the tables that name them.

use schleuse_limits::{Rule, Who};
use schleuse_types::Tenant;

use super::people::Providers;
use super::reader::{ConfigError, Reader};

/// The most tenants of a house.
const TENANTS_MAX: usize = 256;

/// Reads every `[[tenant]]` with its `[[tenant.member]]`, and tells the identity providers who belongs where. Gives the names;
/// none for a house that has only its own.
pub(super) fn read_tenants(
    reader: &mut Reader<'_>,
    providers: &mut Providers,
) -> Result<Vec<Tenant>, ConfigError> {
    let mut tenants: Vec<Tenant> = Vec::new();
    let mut defaults: Vec<String> = Vec::new();
    for mut row in reader.tables("tenant")? {
        let name = row.text("name")?.ok_or_else(|| row.missing("name"))?;
        let tenant =
            Tenant::parse(&name).map_err(|error| row.wrong("name", format!("`{name}` is {error}")))?;
        if tenants.contains(&tenant) {
            return Err(row.wrong("name", format!("there is another tenant `{tenant}`")));
        }
        if tenants.len() >= TENANTS_MAX {
            return Err(row.wrong("name", format!("a house has at most {TENANTS_MAX} tenants")));
        }
        for member in row.tables("member")? {
            read_member(member, &tenant, providers, &mut defaults)?;
        }
        row.finish()?;
        tenants.push(tenant);
    }
    Ok(tenants)
}

/// `[[tenant.member]]`: a group of a provider, or everybody of the provider whom no group puts elsewhere.
fn read_member(
    mut row: Reader<'_>,
    tenant: &Tenant,
    providers: &mut Providers,
    defaults: &mut Vec<String>,
) -> Result<(), ConfigError> {
    let id = row.text("identity_provider")?.ok_or_else(|| row.missing("identity_provider"))?;
    let group = row.text("group")?;
    let issuers = providers.issuers.iter_mut();
    let issuer = issuers
        .filter(|issuer| issuer.id == id)
        .map(|issuer| (&mut issuer.tenants, &mut issuer.default_tenant))
        .next();
    let directories = providers.directories.iter_mut();
    let directory = directories
        .filter(|directory| directory.id == id)
        .map(|directory| (&mut directory.tenants, &mut directory.default_tenant))
        .next();
    let Some((tenants, default)) = issuer.or(directory) else {
        let complaint = format!("there is no identity provider `{id}`; its `name` is meant");
        return Err(row.wrong("identity_provider", complaint));
    };
    match group {
        Some(group) if tenants.iter().any(|(known, _)| *known == group) => {
            let complaint = format!("another row says to which tenant `{group}` belongs");
            return Err(row.wrong("group", complaint));
        }
        Some(group) => tenants.push((group, tenant.clone())),
        None if defaults.contains(&id) => {
            let complaint = format!("everybody of `{id}` belongs to another tenant already; name a `group`");
            return Err(row.wrong("identity_provider", complaint));
        }
        None => {
            *default = tenant.clone();
            defaults.push(id);
        }
    }
    row.finish()
}

/// `tenants` of an upstream or the engine: those that it is there for; empty where everybody may ask it.
pub(super) fn read_audience(reader: &mut Reader<'_>, known: &[Tenant]) -> Result<Vec<Tenant>, ConfigError> {
    let Some(names) = reader.texts("tenants")? else { return Ok(Vec::new()) };
    if names.is_empty() {
        return Err(reader.wrong("tenants", "is empty; leave it out where everybody may ask"));
    }
    let mut tenants = Vec::new();
    for name in names {
        let tenant = Tenant::parse(&name);
        let tenant = tenant.map_err(|error| reader.wrong("tenants", format!("`{name}` is {error}")))?;
        check(&tenant, known).map_err(|complaint| reader.wrong("tenants", complaint))?;
        tenants.push(tenant);
    }
    tenants.sort();
    tenants.dedup();
    Ok(tenants)
}

/// Refuses limits and clearances for tenants that the house does not have.
pub(super) fn check_rules<'a>(
    limits: &'a [Rule],
    clearances: impl Iterator<Item = &'a Who>,
    known: &[Tenant],
) -> Result<(), ConfigError> {
    let who = limits.iter().map(|rule| &rule.who).chain(clearances);
    for who in who {
        if let Who::Tenant(tenant) = who {
            check(tenant, known).map_err(|complaint| ConfigError::whole(format!("`{who}`: {complaint}")))?;
        }
    }
    Ok(())
}

fn check(tenant: &Tenant, known: &[Tenant]) -> Result<(), String> {
    if tenant.is_house() || known.contains(tenant) {
        return Ok(());
    }
    let names: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
    Err(match names.is_empty() {
        true => format!("there is no tenant `{tenant}`; add it as a `[[tenant]]`"),
        false => format!("there is no tenant `{tenant}`; there is `house`, {}", names.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use schleuse_types::Tenant;

    use crate::config::Config;

    const PROVIDERS: &str = "[[identity_provider]]\nname = \"sso\"\nissuer = \"https://a.example\"\nclient_id = \"x\"\n\
                             default_role = \"employee\"\n[[identity_provider]]\nname = \"ldap\"\nkind = \"ldap\"\n\
                             url = \"ldaps://b.example\"\nbind_dn_template = \"uid={name}\"\ndefault_role = \"employee\"\n";

    fn read(text: &str) -> Result<Config, String> {
        let text = format!("{PROVIDERS}{text}");
        Config::parse(&text, Path::new("/")).map_err(|error| error.message)
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(read(text).map(drop).unwrap_err(), expected, "{text}");
    }

    fn names(tenants: &[Tenant]) -> Vec<&str> {
        tenants.iter().map(Tenant::as_str).collect()
    }

    #[test]
    fn who_belongs_where_is_told_to_the_providers() {
        let config = read(
            "[[tenant]]\nname = \"retail\"\n[[tenant.member]]\nidentity_provider = \"sso\"\ngroup = \"shops\"\n\
             [[tenant.member]]\nidentity_provider = \"ldap\"\n[[tenant]]\nname = \"bank\"\n[[tenant.member]]\n\
             identity_provider = \"sso\"\ngroup = \"tellers\"\n\
             [[upstream]]\nname = \"a\"\nurl = \"http://h\"\ntenants = [\"retail\", \"bank\", \"retail\"]\n\
             weights_digest = \"sha256:00\"\n[[upstream]]\nname = \"b\"\nurl = \"http://h\"\n\
             [engine]\nweights = \"w.gguf\"\ntenants = [\"house\"]\n\
             [[limit]]\nwho = \"tenant:bank\"\nstreams = 4\nshared = true\n",
        )
        .unwrap();
        assert_eq!(names(&config.tenants), ["retail", "bank"]);
        let issuer = &config.providers.issuers[0];
        let told: Vec<_> = issuer.tenants.iter().map(|(group, to)| (group.as_str(), to.as_str())).collect();
        assert_eq!(told, [("shops", "retail"), ("tellers", "bank")]);
        assert!(issuer.default_tenant.is_house());
        assert_eq!(config.providers.directories[0].default_tenant.as_str(), "retail");
        assert_eq!(names(&config.upstreams[0].tenants), ["bank", "retail"]);
        assert_eq!(names(&config.upstreams[1].tenants), [""; 0]);
        assert_eq!(names(&config.engine.unwrap().tenants), ["house"]);
        assert_eq!(names(&read("").unwrap().tenants), [""; 0]);
    }

    #[test]
    fn mistakes_are_named() {
        let retail = "[[tenant]]\nname = \"retail\"\n";
        check("[[tenant]]\n", "`name` in [[tenant]] is missing");
        check(
            "[[tenant]]\nname = \"Retail\"\n",
            "`name` in [[tenant]]: `Retail` is not the name of a tenant; write 1 to 32 of `a-z`, `0-9` and `-`, not beginning \
             with `-`",
        );
        check(&format!("{retail}{retail}"), "`name` in [[tenant]]: there is another tenant `retail`");
        let member = |row: &str| format!("{retail}[[tenant.member]]\n{row}");
        check(
            &member("identity_provider = \"x\""),
            "`identity_provider` in [[member]]: there is no identity provider `x`; its `name` is meant",
        );
        check(
            &format!(
                "{}\n[[tenant.member]]\nidentity_provider = \"sso\"",
                member("identity_provider = \"sso\"")
            ),
            "`identity_provider` in [[member]]: everybody of `sso` belongs to another tenant already; name a `group`",
        );
        check(
            &member("identity_provider = \"sso\"\ngruop = \"a\""),
            "unknown key `gruop` in [[member]]; did you mean `group`?",
        );
        let upstream = "[[upstream]]\nname = \"a\"\nurl = \"http://h\"\n";
        check(
            &format!("{upstream}tenants = [\"retail\"]"),
            "`tenants` in [[upstream]]: there is no tenant `retail`; add it as a `[[tenant]]`",
        );
        check(
            &format!("{retail}{upstream}tenants = [\"retial\"]"),
            "`tenants` in [[upstream]]: there is no tenant `retial`; there is `house`, `retail`",
        );
        check(
            &format!("{upstream}tenants = []"),
            "`tenants` in [[upstream]]: is empty; leave it out where everybody may ask",
        );
        check(
            "[[limit]]\nwho = \"tenant:x\"\nstreams = 4\n",
            "`tenant:x`: there is no tenant `x`; add it as a `[[tenant]]`",
        );
    }
}
