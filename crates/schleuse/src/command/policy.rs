//! `schleuse policy`: check, test and explain.

mod who;

use std::path::Path;
use std::process::ExitCode;

use schleuse_policy::{
    Action, Ask, Circumstances, Inspected, Model, Policy as Rules, Question, SHIPPED_EXAMPLES, Stage,
};
use schleuse_types::{Label, Role, Tenant, Zone};

use super::{Explain, Policy};
use crate::failure::{Doing as _, Failure};
use crate::house::PolicyTexts;

pub(super) fn run(policy: Policy) -> Result<ExitCode, Failure> {
    match policy {
        Policy::Check { folder } => check(folder.as_deref()),
        Policy::Test { folder } => test(folder.as_deref()),
        Policy::Explain(asked) => match &asked.data {
            Some(data) => super::runtime()?.block_on(who::explain(data, &asked)),
            None => explain(*asked),
        },
    }
}

/// A question that is made up.
fn explain(asked: Explain) -> Result<ExitCode, Failure> {
    let role = asked.role.unwrap_or_default();
    let role = Role::parse(&role).map_err(|error| Failure::usage(format!("`{role}` is {error}")))?;
    let tenant = asked.tenant.as_deref().unwrap_or("house");
    let tenant = Tenant::parse(tenant).map_err(|error| Failure::usage(format!("`{tenant}` is {error}")))?;
    let label = Label::parse(asked.label.as_bytes())
        .map_err(|error| Failure::usage(format!("`{}` is {error}", asked.label)))?;
    let zone =
        Zone::parse(&asked.zone).map_err(|error| Failure::usage(format!("`{}` is {error}", asked.zone)))?;
    let model = Model {
        name: asked.model.unwrap_or_else(|| "model".to_owned()),
        zone,
        region: String::new(),
        max_label: Label::CONFIDENTIAL,
        tenants: std::collections::BTreeSet::new(),
    };
    let stage = Stage::Answering(Inspected {
        label,
        findings: asked.finding.into_iter().collect(),
        ..Inspected::default()
    });
    let action = if asked.action == "ask" {
        Action::Ask(Ask { surface: asked.surface, model, stage, clearance: Label::SECRET })
    } else {
        house_action(&asked.action)?
    };
    let question = Question {
        person: asked.person.unwrap_or_else(|| "someone".to_owned()),
        role,
        groups: asked.group.into_iter().collect(),
        tenant,
        action,
        circumstances: Circumstances { loopback: true, ..Circumstances::default() },
    };
    print!("{}", PolicyTexts::read(asked.folder.as_deref())?.load()?.explain(&question));
    Ok(ExitCode::SUCCESS)
}

fn house_action(name: &str) -> Result<Action, Failure> {
    let known: Vec<&str> = Action::HOUSE.iter().map(Action::name).collect();
    Action::HOUSE.iter().find(|action| action.name() == name).cloned().ok_or_else(|| {
        Failure::usage(format!("`{name}` is no action; the actions are ask, {}", known.join(", ")))
    })
}

fn check(folder: Option<&Path>) -> Result<ExitCode, Failure> {
    let texts = PolicyTexts::read(folder)?;
    let files: Vec<(&str, &str)> =
        texts.files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let report = Rules::check(&texts.schema, &files);
    print!("{report}");
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn test(folder: Option<&Path>) -> Result<ExitCode, Failure> {
    let policy = PolicyTexts::read(folder)?.load()?;
    let examples = match folder {
        None => SHIPPED_EXAMPLES.to_owned(),
        Some(folder) => {
            let path = folder.join("examples.toml");
            std::fs::read_to_string(&path).doing(format!("cannot read `{}`", path.display()))?
        }
    };
    let results = policy.run_examples(&examples).map_err(Failure::usage)?;
    let mut failed = 0_usize;
    for result in &results {
        match &result.fault {
            None => println!("ok    {}", result.name),
            Some(fault) => {
                failed += 1;
                println!("FAIL  {}: {fault}", result.name);
            }
        }
    }
    println!("{} passed, {failed} failed", results.len() - failed);
    Ok(if failed == 0 && !results.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
