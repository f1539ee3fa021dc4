//! `schleuse key`: works on the store, whether or not the house runs.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use schleuse_identity::{ApiKey, Scope};
use schleuse_store::{NewKey, PersonRow, Store};
use schleuse_types::{Clock as _, OsRandom, Role, SystemClock, Tenant, Timestamp};

use super::Key;
use crate::config::nearest;
use crate::data::{DataFolder, SecretName};
use crate::failure::{Doing as _, Failure};

pub(super) fn run(key: Key) -> Result<ExitCode, Failure> {
    super::runtime()?.block_on(async {
        match key {
            Key::Create { data, name, role, tenant, expires_days, scope } => {
                create(&data, (&name, &role, tenant.as_deref()), expires_days, scope).await
            }
            Key::List { data, json } => list(&data, json).await,
            Key::Revoke { data, key } => revoke(&data, &key).await,
        }
    })
}

/// A running house looks for changes several times a second; what this command says is true when it has.
async fn until_known(data: &DataFolder) {
    if data.is_running() {
        tokio::time::sleep(crate::house::LOOK_EVERY * 3).await;
    }
}

async fn open(data: &DataFolder) -> Result<Store, Failure> {
    Store::open(&data.store(), SystemClock::new().now()).await.doing("the store")
}

async fn create(
    data: &Path,
    (name, role, tenant): (&str, &str, Option<&str>),
    expires_days: Option<u32>,
    scopes: Vec<String>,
) -> Result<ExitCode, Failure> {
    let data = DataFolder::existing(data)?;
    let role = Role::parse(role).map_err(|error| {
        let hint =
            nearest(&Role::ALL.map(Role::as_str), role).map(|known| format!("; did you mean `{known}`?"));
        Failure::usage(format!("`{role}` is {error}{}", hint.unwrap_or_default()))
    })?;
    let tenant = tenant
        .map(|name| Tenant::parse(name).map_err(|error| Failure::usage(format!("`{name}` is {error}"))));
    let tenant = tenant.transpose()?;
    for scope in &scopes {
        Scope::parse(scope).map_err(|error| Failure::usage(format!("`{scope}` is {error}")))?;
    }
    let now = SystemClock::new().now();
    let store = open(&data).await?;
    let person = person(&store, name, role, tenant.as_ref(), now).await?;
    let key = ApiKey::generate(&OsRandom).doing("no random bytes to be had")?;
    let hash = key.hash(&data.secret(SecretName::Pepper)?);
    let expires = expires_days.map(|days| now.plus(Duration::from_secs(u64::from(days) * 86_400)));
    let stored =
        NewKey { id: hash.id(), hash: hash.0, person: person.id, role, scopes, created: now, expires };
    store.insert_key(&stored).await.doing("the store")?;
    store.close().await.doing("the store")?;
    until_known(&data).await;
    println!("{}", key.expose_printed());
    Ok(ExitCode::SUCCESS)
}

/// The one whose key it will be. Whoever is there already stays in their tenant: their conversations and keys do.
async fn person(
    store: &Store,
    name: &str,
    role: Role,
    tenant: Option<&Tenant>,
    now: Timestamp,
) -> Result<PersonRow, Failure> {
    let is_new = store.find_person(name).await.doing("the store")?.is_none();
    let person = store.ensure_person(name, role, now).await.map_err(Failure::usage)?;
    match tenant {
        Some(tenant) if is_new => {
            store.set_tenant(&person.id, tenant).await.doing("the store")?;
            Ok(person)
        }
        Some(tenant) if *tenant != person.tenant => Err(Failure::usage(format!(
            "`{name}` belongs to the tenant `{}`, not to `{tenant}`",
            person.tenant
        ))
        .next("leave out --tenant, or let an administrator move the person on the page or by `PUT /api/people/NAME`")),
        _ => Ok(person),
    }
}

async fn list(data: &Path, json: bool) -> Result<ExitCode, Failure> {
    let data = DataFolder::existing(data)?;
    let store = open(&data).await?;
    let keys = store.keys().await.doing("the store")?;
    store.close().await.doing("the store")?;
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    if json {
        let rows: Vec<serde_json::Value> = keys
            .iter()
            .map(|key| {
                serde_json::json!({
                    "id": key.id,
                    "person": key.person,
                    "role": key.role.as_str(),
                    "groups": key.groups,
                    "tenant": key.tenant.as_str(),
                    "scopes": key.scopes,
                    "created": key.created.to_string(),
                    "expires": time(key.expires),
                    "revoked": time(key.revoked),
                })
            })
            .collect();
        println!("{}", serde_json::Value::from(rows));
        return Ok(ExitCode::SUCCESS);
    }
    println!("{:<14} {:<24} {:<9} {:<28} state", "id", "person", "role", "created");
    let now = SystemClock::new().now();
    for key in keys {
        let state = match (key.revoked, key.expires) {
            (Some(at), _) => format!("revoked {at}"),
            (None, Some(at)) if at <= now => format!("expired {at}"),
            (None, Some(at)) => format!("good until {at}"),
            (None, None) => "good".to_owned(),
        };
        println!(
            "{:<14} {:<24} {:<9} {:<28} {state}",
            key.id,
            key.person,
            key.role.as_str(),
            key.created.to_string()
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn revoke(data: &Path, key: &str) -> Result<ExitCode, Failure> {
    let data = DataFolder::existing(data)?;
    let store = open(&data).await?;
    let id = match ApiKey::parse(key) {
        Ok(key) => key.id(&data.secret(SecretName::Pepper)?),
        Err(_) => key.to_owned(),
    };
    let found = store.find_key_by_id(&id).await.doing("the store")?;
    let Some(found) = found else {
        return Err(
            Failure::new("there is no such key").next("`schleuse key list` shows the ids of all keys")
        );
    };
    let is_new = store.revoke_key(&id, SystemClock::new().now()).await.doing("the store")?;
    store.close().await.doing("the store")?;
    until_known(&data).await;
    let what = if is_new { "revoked" } else { "was revoked before" };
    eprintln!("{} of {} {what}", found.id, found.person);
    Ok(ExitCode::SUCCESS)
}
