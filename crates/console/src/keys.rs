//! API keys: which there are, new ones, and their end.

use std::time::Duration;

use schleuse_audit::Event;
use schleuse_identity::{ApiKey, Scope};
use schleuse_store::NewKey;
use schleuse_types::{Principal, Refusal, Text};
use schleuse_wire::{Reply, internal, invalid_request};
use serde_json::json;

use crate::access::subject;
use crate::answer::{created, done, from_store, nothing_there, ok, time};
use crate::body::Body;
use crate::call::Call;
use crate::people::{LIST_MAX, newest_first, page};
use crate::privilege::check_key;

/// The longest life of a key, in seconds: ten years.
const EXPIRES_MAX_S: u64 = 10 * 366 * 24 * 60 * 60;

/// `GET /api/keys`, newest first.
pub(crate) async fn list(call: &Call) -> Result<Reply, Refusal> {
    let limit = call.query.limit(LIST_MAX, LIST_MAX)?;
    let keys = call.console.store.keys().await.map_err(|error| from_store(&error))?;
    let (keys, next) = page(keys, call.query.text("before"), limit, |key| newest_first(key.created, &key.id));
    let keys: Vec<_> = keys
        .iter()
        .map(|key| {
            json!({
                "id": key.id,
                "person": key.person,
                "role": key.role.as_str(),
                "tenant": key.tenant.as_str(),
                "scopes": key.scopes,
                "created": time(key.created),
                "expires": key.expires.map(time),
                "revoked": key.revoked.map(time),
            })
        })
        .collect();
    Ok(ok(&json!({"keys": keys, "next": next})))
}

/// `POST /api/keys`. The answer is the only place where the key ever stands.
pub(crate) async fn create(call: &Call) -> Result<Reply, Refusal> {
    let mut body = Body::read(&call.body)?;
    let person = body.text("person")?;
    let role = body.optional_role("role")?;
    let scopes = body.optional_texts("scopes")?.unwrap_or_default();
    let expires_s = body.optional_count("expires_s", EXPIRES_MAX_S)?;
    body.finish()?;
    if let Some(scope) = scopes.iter().find(|scope| Scope::parse(scope).is_err()) {
        return Err(from_store(&schleuse_store::StoreError::BadScope { scope: scope.clone() }));
    }
    let console = &call.console;
    let owner = console.store.find_person(&person).await.map_err(|error| from_store(&error))?;
    let owner = owner.ok_or_else(|| {
        invalid_request(
            "There is no such person; make the person first.",
            "Diese Person gibt es nicht; legen Sie sie zuerst an.",
            "key for nobody",
            Some("person"),
        )
    })?;
    // For oneself the role of the credential counts, which may be another one than the person's.
    let own = call.principal();
    let usual = if owner.id == own.person { own.role } else { owner.role };
    let role = role.unwrap_or(usual);
    let holder = Principal {
        person: owner.id.clone(),
        role,
        groups: owner.groups.clone(),
        tenant: owner.tenant.clone(),
        credential: String::new(),
    };
    check_key(call, &subject(call, &holder))?;

    let key = ApiKey::generate(&*console.random)
        .map_err(|error| internal(format!("there is no randomness for a key: {error}")))?;
    let hash = key.hash(&console.pepper);
    let (id, now) = (hash.id(), console.clock.now());
    let expires = expires_s.map(|seconds| now.plus(Duration::from_secs(seconds)));
    let new = NewKey {
        id: id.clone(),
        hash: hash.0,
        person: owner.id.clone(),
        role,
        scopes: scopes.clone(),
        created: now,
        expires,
    };
    let mut record = call.entry(Event::KeyCreate);
    record.subject = Some(id.clone());
    record.change = Some(format!(
        "person={} role={role} scopes={}",
        console.pseudonyms.name(&owner.id),
        scopes.join(",")
    ));
    let making = async { console.store.insert_key(&new).await.map_err(|error| from_store(&error)) };
    call.change(record, making).await?;
    Ok(created(&json!({
        "id": id,
        "key": key.expose_printed(),
        "person": owner.id,
        "role": role.as_str(),
        "scopes": scopes,
        "created": time(now),
        "expires": expires.map(time),
    })))
}

/// `DELETE /api/keys/{id}`: its streams end within a second.
pub(crate) async fn revoke(call: &Call) -> Result<Reply, Refusal> {
    let console = &call.console;
    let known = console.store.find_key_by_id(&call.id).await.map_err(|error| from_store(&error))?;
    let key = known.ok_or_else(|| {
        nothing_there(Text::fixed("There is no such key.", "Diesen Schlüssel gibt es nicht."))
    })?;
    if key.revoked.is_none() {
        let mut record = call.entry(Event::KeyRevoke);
        record.subject = Some(key.id.clone());
        record.change = Some(format!("person={}", console.pseudonyms.name(&key.person)));
        let now = console.clock.now();
        let revoking = async {
            console.store.revoke_key(&key.id, now).await.map(drop).map_err(|error| from_store(&error))
        };
        call.change(record, revoking).await?;
    }
    Ok(done())
}
