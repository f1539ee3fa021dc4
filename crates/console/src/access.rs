//! Who may do what, and why something was refused.

use schleuse_policy::{Access, Action, Model, Subject};
use schleuse_store::{KeyRow, PersonRow};
use schleuse_types::{Label, Principal, Refusal, Tenant, Text};
use schleuse_upstream::{ModelInfo, Upstreams};
use schleuse_wire::{Reply, invalid_request};
use serde_json::{Value, json};

use crate::answer::{both, from_store, no_such_person, nothing_there, ok};
use crate::call::Call;
use crate::decisions::no_such_request;
use crate::explanation::explain;

/// People in one answer about a model.
const PEOPLE_MAX: usize = 500;
/// Models in one answer about a person.
const MODELS_MAX: usize = 200;

/// `GET /api/access`. For oneself everybody may ask; about others whoever may `explainAccess`.
///
/// Who does not manage people sees others under their pseudonyms, unless they named them: so the answer never tells whose
/// pseudonym it is.
pub(crate) async fn list(call: &Call) -> Result<Reply, Refusal> {
    let query = &call.query;
    match (query.text("person"), query.text("model"), query.text("key")) {
        (None | Some("me"), None, None) => own(call),
        (Some(person), None, None) => of_person(call, person).await,
        (None, Some(model), None) => of_model(call, model).await,
        (None, None, Some(key)) => of_key(call, key).await,
        _ => Err(invalid_request(
            "Ask about one of `person`, `model` and `key` at a time.",
            "Fragen Sie nach jeweils einem von `person`, `model` und `key`.",
            "more than one subject",
            None,
        )),
    }
}

/// `GET /api/access/refusals/{request_id}`. Somebody else's request is there only for whoever may `explainAccess`.
pub(crate) async fn refusal(call: &Call) -> Result<Reply, Refusal> {
    let id = call.id.clone();
    let entries = call.read(move |reader| reader.of_request(&id)).await?;
    let own = call.console.pseudonyms.name(&call.principal().person);
    let is_own =
        |entry: &schleuse_audit::Entry| entry.members().get("user").and_then(Value::as_str) == Some(&own);
    let may_see = !entries.is_empty() && (entries.iter().all(is_own) || call.may(Action::ExplainAccess));
    if !may_see {
        return Err(no_such_request());
    }
    if !entries.iter().all(is_own) {
        call.note_reading(&format!("request {}", call.id)).await?;
    }
    let explanation = explain(&call.console.policy, &entries);
    Ok(ok(&json!({
        "request_id": call.id,
        "happened": both(&explanation.happened),
        "why": both(&explanation.why),
        "next": both(&explanation.next),
        "code": explanation.code,
        "rules": explanation.rules,
        "findings": explanation.findings,
    })))
}

/// The models of a tenant as policies see them: where their first route leads, and the highest label that any of their routes
/// takes.
pub(crate) fn models(upstreams: &Upstreams, tenant: &Tenant) -> Vec<Model> {
    let models = upstreams.models(tenant).into_iter().filter_map(|model| {
        let routes = upstreams.routes(tenant, &model.id);
        let first = routes.first()?;
        Some(Model {
            zone: first.zone,
            region: first.region.clone().unwrap_or_default(),
            max_label: schleuse_upstream::Route::widest(&routes),
            tenants: schleuse_upstream::Route::audience(&routes).into_iter().collect(),
            name: model.id,
        })
    });
    models.collect()
}

/// Models that other tenants have and this one has not.
fn models_of_others(upstreams: &Upstreams, tenant: &Tenant) -> Vec<Model> {
    let model = |model: ModelInfo| Model {
        name: model.id,
        zone: model.zone,
        region: String::new(),
        max_label: model.max_label,
        tenants: model.tenants.into_iter().collect(),
    };
    upstreams.models_of_others(tenant).into_iter().map(model).collect()
}

fn own(call: &Call) -> Result<Reply, Refusal> {
    let subject = subject(call, call.principal());
    let mut rows = rows(call, &subject, false);
    for row in &mut rows.0 {
        let is_covered = row.model.as_deref().is_none_or(|model| call.verified.may_use_model(model));
        if !is_covered {
            deny(row, "scope", &OUT_OF_SCOPE);
        }
    }
    Ok(answer(&subject.person, rows, None))
}

async fn of_person(call: &Call, asked: &str) -> Result<Reply, Refusal> {
    if asked == call.principal().person {
        return own(call);
    }
    call.permit_also(Action::ExplainAccess).await?;
    let people = call.console.store.people().await.map_err(|error| from_store(&error))?;
    let is_asked = |row: &&PersonRow| row.id == asked || call.console.pseudonyms.name(&row.id) == asked;
    let person = people.iter().find(is_asked).ok_or_else(no_such_person)?;
    call.note_reading("access").await?;
    let mut rows = rows(call, &subject_of(call, person), true);
    bar(&mut rows.0, person.blocked.is_some(), "blocked", &BLOCKED);
    Ok(answer(asked, rows, Some(asked)))
}

async fn of_model(call: &Call, asked: &str) -> Result<Reply, Refusal> {
    call.permit_also(Action::ExplainAccess).await?;
    let upstreams = &call.console.upstreams;
    let named = |models: Vec<Model>| models.into_iter().find(|model| model.name == asked);
    let of_tenant = |tenant: &Tenant| {
        named(models(upstreams, tenant)).or_else(|| named(models_of_others(upstreams, tenant)))
    };
    if of_tenant(&call.principal().tenant).is_none() {
        return Err(nothing_there(Text::fixed(
            "There is no model of that name here.",
            "Ein Modell dieses Namens gibt es hier nicht.",
        )));
    }
    let people = call.console.store.people().await.map_err(|error| from_store(&error))?;
    call.note_reading("access").await?;
    let truncated = people.len() > PEOPLE_MAX;
    let mut rows = Vec::new();
    for person in people.iter().take(PEOPLE_MAX) {
        // Two tenants may have a model of this name each: everybody's is the one of their own.
        let Some(model) = of_tenant(&person.tenant) else { continue };
        let mut access =
            vec![call.console.policy.ask_access(&subject_of(call, person), &model, &call.circumstances)];
        bar(&mut access, person.blocked.is_some(), "blocked", &BLOCKED);
        for row in &mut access {
            row.person = shown(call, &person.id);
        }
        rows.extend(access);
    }
    Ok(answer(asked, (rows, truncated), None))
}

async fn of_key(call: &Call, asked: &str) -> Result<Reply, Refusal> {
    let no_such_key =
        || nothing_there(Text::fixed("There is no such key.", "Diesen Schlüssel gibt es nicht."));
    let store = &call.console.store;
    let key = store.find_key_by_id(asked).await.map_err(|error| from_store(&error))?;
    let is_own = key.as_ref().is_some_and(|key| key.person == call.principal().person);
    if !is_own {
        call.permit_also(Action::ExplainAccess).await?;
    }
    let key = key.ok_or_else(no_such_key)?;
    let person = store.find_person(&key.person).await.map_err(|error| from_store(&error))?;
    call.note_reading("access").await?;
    let holder = Principal {
        person: key.person.clone(),
        role: key.role,
        groups: key.groups.clone(),
        tenant: key.tenant.clone(),
        credential: key.id.clone(),
    };
    let mut rows = rows(call, &subject(call, &holder), !is_own);
    for row in &mut rows.0 {
        if !covers(&key, row.model.as_deref()) {
            deny(row, "scope", &OUT_OF_SCOPE);
        }
    }
    let now = call.console.clock.now();
    bar(&mut rows.0, key.expires.is_some_and(|at| at <= now), "expired", &EXPIRED);
    bar(&mut rows.0, key.revoked.is_some(), "revoked", &REVOKED);
    bar(&mut rows.0, person.is_none_or(|person| person.blocked.is_some()), "blocked", &BLOCKED);
    let shown = if is_own { key.person.clone() } else { shown(call, &key.person) };
    Ok(answer(asked, rows, Some(&shown)))
}

/// Somebody with what the configuration lets them have.
pub(crate) fn subject(call: &Call, principal: &Principal) -> Subject {
    Subject::of(principal, (call.console.clearance)(principal))
}

fn subject_of(call: &Call, person: &PersonRow) -> Subject {
    let principal = Principal {
        person: person.id.clone(),
        role: person.role,
        groups: person.groups.clone(),
        tenant: person.tenant.clone(),
        credential: String::new(),
    };
    subject(call, &principal)
}

/// How somebody is called who was not named by the asker.
fn shown(call: &Call, person: &str) -> String {
    if call.may(Action::ManagePeople) { person.to_owned() } else { call.console.pseudonyms.name(person) }
}

/// Whether the key's scopes cover a model, or the console.
fn covers(key: &KeyRow, model: Option<&str>) -> bool {
    let names = |kind: &'static str| key.scopes.iter().filter_map(move |scope| scope.strip_prefix(kind));
    let permits = |kind: &'static str, name: &str| {
        let mut named = names(kind).peekable();
        if named.peek().is_some() {
            named.any(|named| named == name)
        } else {
            key.scopes.iter().all(|scope| schleuse_identity::Scope::parse(scope).is_ok())
        }
    };
    match model {
        Some(model) => permits("models:", model),
        None => permits("surface:", "api"),
    }
}

/// `with_others`: also models of other tenants, which the subject itself is never told of.
fn rows(call: &Call, subject: &Subject, with_others: bool) -> (Vec<Access>, bool) {
    let mut models = models(&call.console.upstreams, &subject.tenant);
    if with_others {
        models.extend(models_of_others(&call.console.upstreams, &subject.tenant));
    }
    let truncated = models.len() > MODELS_MAX;
    models.truncate(MODELS_MAX);
    (call.console.policy.access(subject, &models, &call.circumstances), truncated)
}

const BLOCKED: Text = Text::fixed(
    "This person is blocked; none of their keys and sessions counts.",
    "Diese Person ist gesperrt; keiner ihrer Schlüssel und keine ihrer Sitzungen gilt.",
);
const REVOKED: Text = Text::fixed("This key was revoked.", "Dieser Schlüssel wurde widerrufen.");
const EXPIRED: Text = Text::fixed("This key has expired.", "Dieser Schlüssel ist abgelaufen.");
const OUT_OF_SCOPE: Text = Text::fixed(
    "The scope of this key does not cover it.",
    "Der Umfang dieses Schlüssels schließt das nicht ein.",
);

/// Denies everything when `is_barred`.
fn bar(rows: &mut [Access], is_barred: bool, rule: &str, reason: &Text) {
    if is_barred {
        rows.iter_mut().for_each(|row| deny(row, rule, reason));
    }
}

fn deny(row: &mut Access, rule: &str, reason: &Text) {
    row.allowed = false;
    row.up_to = None;
    row.rules = vec![rule.to_owned()];
    row.reason = reason.clone();
}

/// `person` stands in the rows in place of the id, where the asker shall not see that.
fn answer(subject: &str, (rows, truncated): (Vec<Access>, bool), person: Option<&str>) -> Reply {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "person": person.unwrap_or(&row.person),
                "role": row.role.as_str(),
                "model": row.model,
                "action": row.action,
                "allowed": row.allowed,
                "up_to": row.up_to.as_ref().map(Label::to_string),
                "rule": row.rules.join(", "),
                "reason": both(&row.reason),
            })
        })
        .collect();
    ok(&json!({"subject": subject, "rows": rows, "truncated": truncated}))
}
