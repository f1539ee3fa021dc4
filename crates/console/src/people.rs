//! People: who there is, their roles, groups and tenants, and who is shut out.

use std::collections::HashMap;

use schleuse_audit::{Event, Record};
use schleuse_store::PersonRow;
use schleuse_types::{Refusal, Role, Tenant, Timestamp};
use schleuse_wire::{Reply, invalid_request};
use serde_json::{Value, json};

use crate::answer::{created, from_store, no_such_person, ok, time};
use crate::body::Body;
use crate::call::Call;
use crate::{privilege, sessions};

/// Rows of one page.
pub(crate) const LIST_MAX: usize = 1000;

/// `GET /api/people`, by id.
pub(crate) async fn list(call: &Call) -> Result<Reply, Refusal> {
    let limit = call.query.limit(LIST_MAX, LIST_MAX)?;
    let store = &call.console.store;
    let people = store.people().await.map_err(|error| from_store(&error))?;
    let (page, next) = page(people, call.query.text("before"), limit, |person| person.id.clone());
    let counts = Counts::read(call).await?;
    let people: Vec<_> = page.iter().map(|person| counts.document(person)).collect();
    Ok(ok(&json!({"people": people, "next": next})))
}

/// `POST /api/people`.
pub(crate) async fn create(call: &Call) -> Result<Reply, Refusal> {
    let mut body = Body::read(&call.body)?;
    let name = body.text("name")?;
    let role = body.optional_role("role")?.ok_or_else(no_role)?;
    let groups = body.optional_texts("groups")?.unwrap_or_default();
    let tenant = body.optional_tenant("tenant", &call.console.tenants)?.unwrap_or_default();
    body.finish()?;
    for name in std::iter::once(&name).chain(&groups) {
        check_name(name)?;
    }
    check_free(&name)?;
    let (store, now) = (&call.console.store, call.console.clock.now());
    if store.find_person(&name).await.map_err(|error| from_store(&error))?.is_some() {
        return Err(from_store(&schleuse_store::StoreError::PersonExists { person: name }));
    }
    let mut record = about(call, Event::PersonCreate, &name);
    record.change = Some(format!("role={role} groups={}{}", groups.join(","), told(&tenant)));
    let making = async {
        store.create_person(&name, &name, role, now).await?;
        if !tenant.is_house() {
            store.set_tenant(&name, &tenant).await?;
        }
        if !groups.is_empty() {
            store.set_groups(&name, &borrowed(&groups), now).await?;
        }
        Ok(())
    };
    call.change(record, async { making.await.map_err(|error| from_store(&error)) }).await?;
    person(call, &name).await.map(|document| created(&document))
}

/// `PUT /api/people/{id}`. Role, groups and tenant of somebody whom a provider vouches for are the provider's to change.
pub(crate) async fn change(call: &Call) -> Result<Reply, Refusal> {
    let mut body = Body::read(&call.body)?;
    let role = body.optional_role("role")?;
    let groups = body.optional_texts("groups")?;
    let tenant = body.optional_tenant("tenant", &call.console.tenants)?;
    let blocked = body.optional_flag("blocked")?;
    body.finish()?;
    let store = &call.console.store;
    let before = store.find_person(&call.id).await.map_err(|error| from_store(&error))?;
    let before = before.ok_or_else(no_such_person)?;
    let role = role.filter(|role| *role != before.role);
    let groups = groups.filter(|groups| *groups != before.groups);
    let tenant = tenant.filter(|tenant| *tenant != before.tenant);
    let blocked = blocked.filter(|blocked| *blocked != before.blocked.is_some());
    if role.is_none() && groups.is_none() && tenant.is_none() && blocked.is_none() {
        return person(call, &before.id).await.map(|document| ok(&document));
    }
    if before.id == call.principal().person {
        return Err(privilege::own_rights(is_only_admin(call, &before).await?));
    }
    let theirs = role.as_ref().map(|_| "role").or(groups.as_ref().map(|_| "groups"));
    let theirs = theirs.or(tenant.as_ref().map(|_| "tenant"));
    if let (Some(issuer), Some(member)) = (&before.issuer, theirs) {
        return Err(invalid_request(
            format!("Role, groups and tenant of this person come from `{issuer}`."),
            format!("Rolle, Gruppen und Mandant dieser Person kommen von `{issuer}`."),
            "role, groups and tenant are the provider's",
            Some(member),
        ));
    }
    for group in groups.iter().flatten() {
        check_name(group)?;
    }
    // What shuts somebody out comes first, what lets somebody in comes last.
    if blocked == Some(true) {
        block(call, &before.id, true).await?;
    }
    if let Some(tenant) = tenant {
        let mut record = about(call, Event::PersonChange, &before.id);
        record.change = Some(format!("tenant={tenant} before={}", before.tenant));
        let changing =
            async { store.set_tenant(&before.id, &tenant).await.map_err(|error| from_store(&error)) };
        call.change(record, changing).await?;
    }
    if let Some(role) = role {
        let mut record = about(call, Event::PersonChange, &before.id);
        record.change = Some(format!("role={role} before={}", before.role));
        let changing = async { store.set_role(&before.id, role).await.map_err(|error| from_store(&error)) };
        call.change(record, changing).await?;
    }
    if let Some(groups) = groups {
        let mut record = about(call, Event::PersonChange, &before.id);
        record.change = Some(format!("groups={} before={}", groups.join(","), before.groups.join(",")));
        let (borrowed, now) = (borrowed(&groups), call.console.clock.now());
        let changing =
            async { store.set_groups(&before.id, &borrowed, now).await.map_err(|error| from_store(&error)) };
        call.change(record, changing).await?;
    }
    if blocked == Some(false) {
        block(call, &before.id, false).await?;
    }
    person(call, &before.id).await.map(|document| ok(&document))
}

async fn block(call: &Call, person: &str, blocked: bool) -> Result<(), Refusal> {
    let event = if blocked { Event::PersonBlock } else { Event::PersonUnblock };
    let now = call.console.clock.now();
    let setting = async {
        let set = call.console.store.set_blocked(person, blocked, now).await;
        set.map(drop).map_err(|error| from_store(&error))
    };
    call.change(about(call, event, person), setting).await
}

/// Whether nobody else has the admin role and may come in.
async fn is_only_admin(call: &Call, own: &PersonRow) -> Result<bool, Refusal> {
    let people = call.console.store.people().await.map_err(|error| from_store(&error))?;
    let is_admin = |person: &PersonRow| person.role == Role::Admin && person.blocked.is_none();
    Ok(!people.iter().any(|person| person.id != own.id && is_admin(person)))
}

/// The beginning of an entry about a person, who stands in it under the pseudonym.
fn about(call: &Call, event: Event, person: &str) -> Record {
    Record { subject: Some(call.console.pseudonyms.name(person)), ..call.entry(event) }
}

async fn person(call: &Call, id: &str) -> Result<Value, Refusal> {
    let row = call.console.store.find_person(id).await.map_err(|error| from_store(&error))?;
    let row = row.ok_or_else(no_such_person)?;
    Ok(Counts::read(call).await?.document(&row))
}

/// How many keys and sessions everybody has that count now.
struct Counts {
    keys: HashMap<String, u64>,
    sessions: HashMap<String, u64>,
}

impl Counts {
    async fn read(call: &Call) -> Result<Self, Refusal> {
        let (store, now) = (&call.console.store, call.console.clock.now());
        let keys = store.keys().await.map_err(|error| from_store(&error))?;
        let is_good = |revoked: Option<Timestamp>, expires: Option<Timestamp>| {
            revoked.is_none() && expires.is_none_or(|at| at > now)
        };
        let keys = keys.into_iter().filter(|key| is_good(key.revoked, key.expires)).map(|key| key.person);
        let sessions = store.sessions().await.map_err(|error| from_store(&error))?;
        let sessions = sessions.into_iter().filter(|session| sessions::is_open(session, now));
        Ok(Self { keys: count(keys), sessions: count(sessions.map(|session| session.person)) })
    }

    fn document(&self, person: &PersonRow) -> Value {
        let of = |counts: &HashMap<String, u64>| counts.get(&person.id).copied().unwrap_or_default();
        json!({
            "id": person.id,
            "name": person.name,
            "role": person.role.as_str(),
            "groups": person.groups,
            "tenant": person.tenant.as_str(),
            "source": person.issuer.as_deref().unwrap_or("local"),
            "created": time(person.created),
            "last_seen": person.last_seen.map(time),
            "blocked": person.blocked.is_some(),
            "keys": of(&self.keys),
            "sessions": of(&self.sessions),
        })
    }
}

fn count(people: impl Iterator<Item = String>) -> HashMap<String, u64> {
    let mut counts = HashMap::new();
    for person in people {
        *counts.entry(person).or_default() += 1;
    }
    counts
}

/// The rows in the order of `place`, at most `limit` of them, behind the one to which the cursor `before` led; and the cursor
/// to the others.
pub(crate) fn page<T>(
    rows: Vec<T>,
    before: Option<&str>,
    limit: usize,
    place: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let mut placed: Vec<_> = rows.into_iter().map(|row| (place(&row), row)).collect();
    placed.retain(|(place, _)| before.is_none_or(|before| place.as_str() > before));
    placed.sort_by(|(one, _), (other, _)| one.cmp(other));
    let is_cut = placed.len() > limit;
    placed.truncate(limit);
    let next = placed.last().filter(|_| is_cut).map(|(place, _)| place.clone());
    (placed.into_iter().map(|(_, row)| row).collect(), next)
}

/// A place in a list that begins with the newest.
pub(crate) fn newest_first(created: Timestamp, id: &str) -> String {
    format!("{:020}-{id}", u64::MAX - created.0)
}

/// As it stands behind the rest of an entry; nothing for the house's own, so that a house without tenants never hears of them.
fn told(tenant: &Tenant) -> String {
    if tenant.is_house() { String::new() } else { format!(" tenant={tenant}") }
}

fn borrowed(groups: &[String]) -> Vec<&str> {
    groups.iter().map(String::as_str).collect()
}

/// Said before the change is recorded, so that no entry tells of a person who could never be.
fn check_name(name: &str) -> Result<(), Refusal> {
    let is_sound =
        (1..=128).contains(&name.len()) && name.trim() == name && !name.chars().any(char::is_control);
    if is_sound {
        Ok(())
    } else {
        Err(from_store(&schleuse_store::StoreError::BadName { name: String::new() }))
    }
}

/// Nobody is called like a pseudonym, like somebody whom a provider will vouch for, or like oneself in a question.
fn check_free(name: &str) -> Result<(), Refusal> {
    if name != "me" && !name.starts_with("p:") && !name.starts_with("p-") {
        return Ok(());
    }
    Err(invalid_request(
        "`me` and names that begin with `p:` or `p-` have a meaning of their own here.",
        "`me` und Namen, die mit `p:` oder `p-` beginnen, haben hier eine eigene Bedeutung.",
        "reserved name",
        Some("name"),
    ))
}

fn no_role() -> Refusal {
    let names = Role::ALL.map(Role::as_str).join("`, `");
    invalid_request(
        format!("`role` is missing; there is `{names}`."),
        format!("`role` fehlt; es gibt `{names}`."),
        "a member is missing",
        Some("role"),
    )
}
