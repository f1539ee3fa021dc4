//! `schleuse policy`: check, test and explain.

use std::path::Path;
use std::process::ExitCode;

use schleuse_policy::{
    Action, Ask, Circumstances, Model, Policy as Rules, Question, SHIPPED_EXAMPLES, SHIPPED_POLICIES,
    SHIPPED_SCHEMA, Stage,
};
use schleuse_types::{Label, Role, Zone};

use super::{Explain, Policy};
use crate::failure::{Doing as _, Failure};
use crate::house::{load_policies, read_policy_files};

pub(super) fn run(policy: Policy) -> Result<ExitCode, Failure> {
    match policy {
        Policy::Check { folder } => check(folder.as_deref()),
        Policy::Test { folder } => test(folder.as_deref()),
        Policy::Explain(explain) => {
            let Explain { role, person, group, action, surface, model, zone, label, finding, folder } =
                *explain;
            let role = Role::parse(&role).map_err(|error| Failure::usage(format!("`{role}` is {error}")))?;
            let label = Label::parse(label.as_bytes())
                .map_err(|error| Failure::usage(format!("`{label}` is {error}")))?;
            let zone = Zone::parse(&zone).map_err(|error| Failure::usage(format!("`{zone}` is {error}")))?;
            let model = Model { name: model, zone, region: String::new(), max_label: Label::Confidential };
            let stage = Stage::Answering { label, findings: finding.into_iter().collect(), sensitivity: 0 };
            let action = match action.as_str() {
                "ask" => Action::Ask(Ask { surface, model, stage }),
                "listModels" => Action::ListModels,
                "readAudit" => Action::ReadAudit,
                "readDecisions" => Action::ReadDecisions,
                "manageKeys" => Action::ManageKeys,
                "managePolicies" => Action::ManagePolicies,
                _ => {
                    return Err(Failure::usage(format!(
                        "`{action}` is no action; the actions are ask, listModels, readAudit, readDecisions, manageKeys \
                         and managePolicies"
                    )));
                }
            };
            let question = Question {
                person,
                role,
                groups: group.into_iter().collect(),
                action,
                circumstances: Circumstances { loopback: true, ..Circumstances::default() },
            };
            print!("{}", load_policies(folder.as_deref())?.explain(&question));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(folder: Option<&Path>) -> Result<ExitCode, Failure> {
    let report = match folder {
        None => Rules::check(SHIPPED_SCHEMA, &SHIPPED_POLICIES),
        Some(folder) => {
            let (schema, files) = read_policy_files(folder)?;
            let files: Vec<(&str, &str)> =
                files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            Rules::check(&schema, &files)
        }
    };
    print!("{report}");
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn test(folder: Option<&Path>) -> Result<ExitCode, Failure> {
    let policy = load_policies(folder)?;
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
