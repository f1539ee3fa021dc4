//! `schleuse policy explain` about somebody or something of a house: who may use it, and why something was refused.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use schleuse_audit::Reader;
use schleuse_policy::{Access, Circumstances, Model, Policy as Rules, Subject};
use schleuse_store::{KeyRow, PersonRow, Store};
use schleuse_types::{Clock as _, Language, Principal, SystemClock, Tenant};
use schleuse_upstream::{Route, Upstreams};

use super::super::Explain;
use crate::config::Config;
use crate::data::DataFolder;
use crate::failure::{Doing as _, Failure};
use crate::house::PolicyTexts;

/// Answers in German and English, as long as only one of person, model, key and request is named.
pub(super) async fn explain(data: &Path, asked: &Explain) -> Result<ExitCode, Failure> {
    let data = DataFolder::existing(data)?;
    let config = match &asked.config {
        Some(path) => Config::read(path).map_err(Failure::usage)?,
        None => Config::default(),
    };
    let folder = asked.folder.as_deref().or(config.policies.as_deref());
    let policy = PolicyTexts::read(folder)?.load()?;
    if let Some(request) = &asked.request {
        return explain_request(&policy, &data, request);
    }
    let store = Store::open(&data.store(), SystemClock::new().now()).await.doing("the store")?;
    let (people, keys) = (store.people().await.doing("the store")?, store.keys().await.doing("the store")?);
    let models = Models::of(&config, asked.model.as_deref()).await?;
    let circumstances = Circumstances { loopback: true, ..Circumstances::default() };
    let rows: Vec<Access> = match (&asked.person, &asked.key, &asked.model) {
        (Some(person), None, None) => {
            access(&policy, &subject(&config, find_person(&people, person)?), &models, &circumstances)
        }
        (None, Some(key), None) => {
            access(&policy, &holder(&config, find_key(&keys, key)?), &models, &circumstances)
        }
        (None, None, Some(_)) => people
            .iter()
            .flat_map(|person| {
                let subject = subject(&config, person);
                let models = models.as_seen_by(&subject.tenant);
                let rows = models.iter().map(|model| policy.ask_access(&subject, model, &circumstances));
                rows.collect::<Vec<_>>()
            })
            .collect(),
        _ => {
            return Err(Failure::usage("name one of --person, --key, --model and --request")
                .next("for example: schleuse policy explain --data DIR --person NAME"));
        }
    };
    let mut out: String = rows.iter().map(in_lines).collect();
    if rows.is_empty() {
        out.push_str("there is nobody in this house yet\n");
    }
    tell(&out);
    Ok(ExitCode::SUCCESS)
}

/// Whoever reads may stop reading.
fn tell(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn in_lines(row: &Access) -> String {
    let sign = if row.allowed { "yes" } else { "no " };
    let object = row.model.as_ref().map(|model| format!(" {model}")).unwrap_or_default();
    let up_to = row.up_to.as_ref().map(|label| format!(" up to {label}")).unwrap_or_default();
    format!(
        "{sign}  {} ({}): {}{object}{up_to}  [{}]\n     {}\n     {}\n",
        row.person,
        row.role,
        row.action,
        row.rules.join(", "),
        row.reason.in_language(Language::English),
        row.reason.in_language(Language::German)
    )
}

fn explain_request(policy: &Rules, data: &DataFolder, id: &str) -> Result<ExitCode, Failure> {
    let reader = Reader::open(&data.audit()).doing("the audit log")?;
    let entries = reader.of_request(id).doing("the audit log")?;
    if entries.is_empty() {
        return Err(Failure::usage(format!("there is no entry of a request `{id}`"))
            .next("the id stands in the answer's header `x-schleuse-request-id` and in every refusal"));
    }
    let told = schleuse_console::explain(policy, &entries);
    let mut out = String::new();
    for language in [Language::English, Language::German] {
        for text in [&told.happened, &told.why, &told.next] {
            out.push_str(text.in_language(language));
            out.push('\n');
        }
        out.push('\n');
    }
    let findings: Vec<String> = told.findings.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let findings = if findings.is_empty() { "none".to_owned() } else { findings.join(", ") };
    let code = told.code.as_deref().unwrap_or("none, the request was answered");
    out.push_str(&format!("code: {code}\nrules: {}\nfindings: {findings}\n", told.rules.join(", ")));
    tell(&out);
    Ok(ExitCode::SUCCESS)
}

fn subject(config: &Config, person: &PersonRow) -> Subject {
    of_principal(
        config,
        Principal {
            person: person.id.clone(),
            role: person.role,
            groups: person.groups.clone(),
            tenant: person.tenant.clone(),
            credential: String::new(),
        },
    )
}

fn holder(config: &Config, key: &KeyRow) -> Subject {
    of_principal(
        config,
        Principal {
            person: key.person.clone(),
            role: key.role,
            groups: key.groups.clone(),
            tenant: key.tenant.clone(),
            credential: key.id.clone(),
        },
    )
}

fn of_principal(config: &Config, principal: Principal) -> Subject {
    Subject::of(&principal, config.labels.standing(&principal).clearance)
}

fn find_person<'a>(people: &'a [PersonRow], asked: &str) -> Result<&'a PersonRow, Failure> {
    let found = people.iter().find(|person| person.id == asked);
    found.or_else(|| people.iter().find(|person| person.name == asked)).ok_or_else(|| {
        Failure::usage(format!("there is no person `{asked}` in this house"))
            .next("`schleuse key list --data DIR` names people with keys")
    })
}

fn find_key<'a>(keys: &'a [KeyRow], asked: &str) -> Result<&'a KeyRow, Failure> {
    keys.iter().find(|key| key.id == asked).ok_or_else(|| {
        Failure::usage(format!("there is no key with the id `{asked}`"))
            .next("`schleuse key list --data DIR` lists the ids of keys")
    })
}

/// What a person may do: with every model of the house, as it is for their tenant, and with the house itself.
fn access(policy: &Rules, subject: &Subject, models: &Models, circumstances: &Circumstances) -> Vec<Access> {
    policy.access(subject, &models.as_seen_by(&subject.tenant), circumstances)
}

/// The models of the configuration: those it names, and those its servers list now. Only `named`, where one is asked about.
struct Models {
    upstreams: Upstreams,
    engine: Option<Model>,
    named: Option<String>,
}

impl Models {
    async fn of(config: &Config, named: Option<&str>) -> Result<Self, Failure> {
        let upstreams = Upstreams::new(config.upstreams.clone(), Arc::new(SystemClock::new()));
        let upstreams = upstreams.doing("the upstreams cannot be used")?;
        upstreams.refresh().await;
        let engine = config.engine.as_ref().map(engine_model);
        let models = Self { upstreams, engine, named: named.map(str::to_owned) };
        match named {
            Some(named) if models.as_seen_by(&Tenant::HOUSE).is_empty() => {
                Err(Failure::usage(format!("the configuration has no model `{named}`"))
                    .next("add --config FILE; its upstreams must be reachable, or name their `models`"))
            }
            _ => Ok(models),
        }
    }

    /// Every model, as it is for this tenant; those that only others have are there with those whose they are.
    fn as_seen_by(&self, tenant: &Tenant) -> Vec<Model> {
        let upstreams = &self.upstreams;
        let mut models: Vec<Model> = self.engine.clone().into_iter().collect();
        for model in upstreams.models(tenant) {
            let routes = upstreams.routes(tenant, &model.id);
            let Some(first) = routes.first() else { continue };
            models.push(Model {
                name: model.id.clone(),
                zone: first.zone,
                region: first.region.clone().unwrap_or_default(),
                max_label: Route::widest(&routes),
                tenants: Route::audience(&routes).into_iter().collect(),
            });
        }
        models.extend(upstreams.models_of_others(tenant).into_iter().map(|model| Model {
            name: model.id,
            zone: model.zone,
            region: String::new(),
            max_label: model.max_label,
            tenants: model.tenants.into_iter().collect(),
        }));
        models.retain(|model| self.named.as_ref().is_none_or(|named| model.name == *named));
        models
    }
}

fn engine_model(engine: &crate::config::EngineConfig) -> Model {
    Model {
        name: engine.model.clone(),
        zone: schleuse_types::Zone::Local,
        region: String::new(),
        max_label: engine.max_label.clone(),
        tenants: engine.tenants.iter().cloned().collect(),
    }
}
