//! Examples beside the policies: what they must allow and what they must deny.

use std::fmt;
use std::net::IpAddr;

use schleuse_types::{Label, Role, Tenant, Zone};
use serde::Deserialize;

use crate::{
    Action, Ask, Circumstances, Decision, Declassification, Effect, Inspected, Model, Policy, Question, Stage,
};

/// A question with the answer that its author expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    pub name: String,
    pub question: Question,
    pub effect: Effect,
    /// The rules that must have decided; `None` when the author does not care.
    pub rules: Option<Vec<String>>,
    /// The obligations as they print; `None` when the author does not care.
    pub obligations: Option<Vec<String>>,
}

/// How one example came out; prints as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleResult {
    pub name: String,
    pub decision: Decision,
    /// What is not as expected, in words; `None` when everything is.
    pub fault: Option<String>,
}

impl fmt::Display for ExampleResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            None => write!(f, "ok    {} ({})", self.name, self.decision.effect().as_str()),
            Some(fault) => write!(f, "FAIL  {}: {fault}", self.name),
        }
    }
}

/// The file of examples cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleError(String);

impl fmt::Display for ExampleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ExampleError {}

impl Policy {
    /// Decides every example of a TOML text, for `schleuse policy test`.
    pub fn run_examples(&self, text: &str) -> Result<Vec<ExampleResult>, ExampleError> {
        Ok(examples(text)?.into_iter().map(|example| self.run(example)).collect())
    }

    fn run(&self, example: Example) -> ExampleResult {
        let decision = self.evaluate(&example.question);
        let obligations: Vec<_> = decision.obligations().iter().map(ToString::to_string).collect();
        let decided = decision.rules().join(", ");
        let fault = if decision.effect() != example.effect {
            let errors: String = decision.errors().iter().map(|error| format!("; {error}")).collect();
            let (expected, got) = (example.effect.as_str(), decision.effect().as_str());
            Some(format!("expected {expected}, got {got} by {decided}{errors}"))
        } else if example.rules.as_ref().is_some_and(|rules| rules != decision.rules()) {
            let expected = example.rules.unwrap_or_default().join(", ");
            Some(format!("expected to be decided by {expected}, was by {decided}"))
        } else if example.obligations.as_ref().is_some_and(|expected| *expected != obligations) {
            let expected = example.obligations.unwrap_or_default().join(", ");
            Some(format!("expected the obligations [{expected}], got [{}]", obligations.join(", ")))
        } else {
            None
        };
        ExampleResult { name: example.name, decision, fault }
    }
}

/// Reads `[[example]]` tables; `policies/examples.toml` shows every key and says what is left out.
pub fn examples(text: &str) -> Result<Vec<Example>, ExampleError> {
    let typed: Typed = toml::from_str(text).map_err(|error| {
        let line =
            error.span().and_then(|span| text.get(..span.start)).map(|before| before.split('\n').count());
        let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        ExampleError(format!("{place}{}", crate::translation::one_line(error.message())))
    })?;
    if typed.example.is_empty() {
        return Err(ExampleError("there is no example; write at least one `[[example]]`".to_owned()));
    }
    typed.example.into_iter().map(TypedExample::build).collect()
}

/// The file as it was typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    #[serde(default)]
    example: Vec<TypedExample>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedExample {
    name: String,
    #[serde(default = "someone")]
    person: String,
    role: String,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default = "house")]
    tenant: String,
    action: String,
    #[serde(default = "chat")]
    surface: String,
    #[serde(default = "answering")]
    stage: String,
    #[serde(default = "internal")]
    label: String,
    #[serde(default)]
    findings: Vec<String>,
    #[serde(default)]
    sensitivity: u8,
    #[serde(default)]
    evasive: bool,
    #[serde(default)]
    opaque: bool,
    /// What the asker may have.
    #[serde(default = "everything")]
    clearance: String,
    /// Of a declassification: the label that it lowers to, and whether the conversation is one's own.
    #[serde(default = "public")]
    to: String,
    #[serde(default)]
    own: bool,
    #[serde(default)]
    model: TypedModel,
    address: Option<IpAddr>,
    #[serde(default)]
    device_known: bool,
    #[serde(default)]
    demo: bool,
    expect: String,
    rules: Option<Vec<String>>,
    obligations: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TypedModel {
    name: String,
    zone: String,
    region: String,
    max_label: String,
    tenants: Vec<String>,
}

impl Default for TypedModel {
    fn default() -> Self {
        let text = str::to_owned;
        Self {
            name: text("model"),
            zone: text("local"),
            region: String::new(),
            max_label: text("CONFIDENTIAL"),
            tenants: Vec::new(),
        }
    }
}

fn someone() -> String {
    "someone".to_owned()
}

fn house() -> String {
    "house".to_owned()
}

fn chat() -> String {
    "chat".to_owned()
}

fn answering() -> String {
    "answering".to_owned()
}

fn everything() -> String {
    "SECRET".to_owned()
}

fn public() -> String {
    "PUBLIC".to_owned()
}

fn internal() -> String {
    "INTERNAL".to_owned()
}

impl TypedExample {
    fn build(self) -> Result<Example, ExampleError> {
        let name = self.name;
        let fault = |what: &str, value: &str, hint: &str| {
            ExampleError(format!("example `{name}`: `{value}` is {what}; {hint}"))
        };
        let label = |value: &str| {
            Label::parse(value.as_bytes())
                .map_err(|_| fault("no label", value, "write PUBLIC, INTERNAL, CONFIDENTIAL or SECRET"))
        };
        let tenant = |text: &str| {
            Tenant::parse(text).map_err(|_| fault("no tenant", text, "write 1 to 32 of a-z, 0-9 and -"))
        };
        let role = Role::parse(&self.role).map_err(|_| {
            fault("no role", &self.role, "write employee, engineer, security, admin or auditor")
        })?;
        let effect = match self.expect.as_str() {
            "allow" => Effect::Allow,
            "deny" => Effect::Deny,
            other => return Err(fault("no effect", other, "write allow or deny")),
        };
        let action = match self.action.as_str() {
            "ask" => {
                let zone = Zone::parse(&self.model.zone);
                let zone = zone
                    .map_err(|_| fault("no zone", &self.model.zone, "write local, airgapped or external"))?;
                let (text_label, max_label) = (label(&self.label)?, label(&self.model.max_label)?);
                let nothing_found =
                    self.findings.is_empty() && self.sensitivity == 0 && !self.evasive && !self.opaque;
                let stage = match self.stage.as_str() {
                    "asking" if nothing_found => Stage::Asking { declared: text_label },
                    "asking" => {
                        return Err(fault(
                            "too early",
                            "asking",
                            "nothing is found before the stage answering",
                        ));
                    }
                    "answering" => Stage::Answering(Inspected {
                        label: text_label,
                        findings: self.findings.into_iter().collect(),
                        sensitivity: self.sensitivity,
                        evasive: self.evasive,
                        opaque: self.opaque,
                    }),
                    other => return Err(fault("no stage", other, "write asking or answering")),
                };
                let tenants = self.model.tenants.iter().map(|text| tenant(text)).collect::<Result<_, _>>()?;
                let model =
                    Model { name: self.model.name, zone, region: self.model.region, max_label, tenants };
                let clearance = label(&self.clearance)?;
                Action::Ask(Ask { surface: self.surface, model, stage, clearance })
            }
            "declassify" | "approve" => {
                let lower =
                    Declassification { from: label(&self.label)?, to: label(&self.to)?, own: self.own };
                if self.action == "approve" { Action::Approve(lower) } else { Action::Declassify(lower) }
            }
            other => match Action::of_house(other) {
                Some(action) => action,
                None => return Err(fault("no action", other, &format!("write {}", Action::names()))),
            },
        };
        let circumstances = Circumstances {
            loopback: self.address.is_none_or(|address| address.to_canonical().is_loopback()),
            address: self.address,
            device_known: self.device_known,
            demo: self.demo,
        };
        let groups = self.groups.into_iter().collect();
        let question = Question {
            person: self.person,
            role,
            groups,
            tenant: tenant(&self.tenant)?,
            action,
            circumstances,
        };
        Ok(Example { name, question, effect, rules: self.rules, obligations: self.obligations })
    }
}

#[cfg(test)]
mod tests;
