//! What is asked of the policy.

use std::collections::BTreeSet;
use std::net::IpAddr;

use schleuse_types::{Label, Principal, Role, Zone};

/// May this person do this now? Two equal questions have one answer, so everything that policies see is in here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    pub person: String,
    pub role: Role,
    pub groups: BTreeSet<String>,
    pub action: Action,
    pub circumstances: Circumstances,
}

impl Question {
    pub fn new(principal: &Principal, action: Action, circumstances: Circumstances) -> Self {
        Self {
            person: principal.person.clone(),
            role: principal.role,
            groups: principal.groups.iter().cloned().collect(),
            action,
            circumstances,
        }
    }

    /// A question for every action, with a value in every place.
    pub(crate) fn samples() -> impl Iterator<Item = Self> {
        let name = || "sample".to_owned();
        let model = Model { name: name(), zone: Zone::Local, region: name(), max_label: Label::Public };
        let stage = Stage::Answering { label: Label::Public, findings: [name()].into(), sensitivity: 0 };
        let ask = Action::Ask(Ask { surface: "chat".to_owned(), model, stage });
        let others = [
            Action::ListModels,
            Action::ReadAudit,
            Action::ReadDecisions,
            Action::ManageKeys,
            Action::ManagePolicies,
        ];
        std::iter::once(ask).chain(others).map(move |action| Self {
            person: name(),
            role: Role::Employee,
            groups: [name()].into(),
            action,
            circumstances: Circumstances {
                address: Some(IpAddr::from([127, 0, 0, 1])),
                ..Circumstances::default()
            },
        })
    }

    /// About how many bytes of text the question holds.
    pub(crate) fn weight(&self) -> usize {
        let ask = match &self.action {
            Action::Ask(ask) => {
                let findings = match &ask.stage {
                    Stage::Asking { .. } => 0,
                    Stage::Answering { findings, .. } => findings.iter().map(String::len).sum(),
                };
                ask.surface.len() + ask.model.name.len() + ask.model.region.len() + findings
            }
            _ => 0,
        };
        self.person.len() + self.groups.iter().map(String::len).sum::<usize>() + ask
    }
}

/// What the person wants to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    Ask(Ask),
    ListModels,
    ReadAudit,
    ReadDecisions,
    ManageKeys,
    ManagePolicies,
}

impl Action {
    /// The action's name in policies.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ask(_) => "ask",
            Self::ListModels => "listModels",
            Self::ReadAudit => "readAudit",
            Self::ReadDecisions => "readDecisions",
            Self::ManageKeys => "manageKeys",
            Self::ManagePolicies => "managePolicies",
        }
    }
}

/// A question to a model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ask {
    /// One of the surfaces that the schema lists: `chat`, `completions`, `embeddings` … Any other is denied.
    pub surface: String,
    pub model: Model,
    pub stage: Stage,
}

/// The model that is asked, as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Model {
    pub name: String,
    pub zone: Zone,
    /// Such as `EU`; empty when none is configured.
    pub region: String,
    pub max_label: Label,
}

/// How much is known when the question is decided. Every request to a model is decided at both stages.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Before inspection: only what the asker declared. Policies see no findings and a sensitivity of 0.
    Asking { declared: Label },
    /// After inspection.
    Answering {
        label: Label,
        /// The types that were found, such as `IBAN`.
        findings: BTreeSet<String>,
        /// 0 to 100; more is read as 100.
        sensitivity: u8,
    },
}

impl Stage {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Asking { .. } => "asking",
            Self::Answering { .. } => "answering",
        }
    }
}

/// From where and on what the person asks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Circumstances {
    /// Whether the asker is on this machine.
    pub loopback: bool,
    /// The asker's address; none through a Unix socket.
    pub address: Option<IpAddr>,
    /// Whether the device proved that it is one of the house's.
    pub device_known: bool,
    /// Whether this is a demo house.
    pub demo: bool,
}
