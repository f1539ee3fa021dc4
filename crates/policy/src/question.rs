//! What is asked of the policy.

use std::collections::BTreeSet;
use std::net::IpAddr;

use schleuse_types::{Label, Principal, Role, Tenant, Text, Zone};

/// May this person do this now? Two equal questions have one answer, so everything that policies see is in here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    pub person: String,
    pub role: Role,
    pub groups: BTreeSet<String>,
    pub tenant: Tenant,
    pub action: Action,
    pub circumstances: Circumstances,
}

impl Question {
    pub fn new(principal: &Principal, action: Action, circumstances: Circumstances) -> Self {
        Self {
            person: principal.person.clone(),
            role: principal.role,
            groups: principal.groups.iter().cloned().collect(),
            tenant: principal.tenant.clone(),
            action,
            circumstances,
        }
    }

    /// A question for every action, with a value in every place.
    pub(crate) fn samples() -> impl Iterator<Item = Self> {
        let name = || "sample".to_owned();
        let tenants = [Tenant::HOUSE].into();
        let model =
            Model { name: name(), zone: Zone::Local, region: name(), max_label: Label::PUBLIC, tenants };
        let stage = Stage::Answering(Inspected {
            label: Label::PUBLIC,
            findings: [name()].into(),
            ..Inspected::default()
        });
        let clearance = Label::PUBLIC;
        let ask = Action::Ask(Ask { surface: "chat".to_owned(), model, stage, clearance });
        std::iter::once(ask).chain(Action::HOUSE).map(move |action| Self {
            person: name(),
            role: Role::Employee,
            groups: [name()].into(),
            tenant: Tenant::HOUSE,
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
                    Stage::Answering(Inspected { findings, .. }) => findings.iter().map(String::len).sum(),
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
    /// Ask a model something, over any surface.
    Ask(Ask),
    ListModels,
    /// Keep conversations in the pages; each message is an `Ask` besides.
    UseChat,
    /// Keep files and have batches of questions asked; each of the questions is an `Ask` besides.
    UseFiles,
    /// See what people think of answers: numbers behind which several people stand, and no names.
    ReadFeedback,
    /// See assistants that others want to publish, publish or return them, and take published ones back.
    ReviewAssistants,
    /// See requests, LLM tokens, errors and upstreams as they are now.
    ReadOperations,
    /// See what was decided about whom, by pseudonym.
    ReadDecisions,
    /// Read, prove and export the entries of the audit log.
    ReadAudit,
    /// See what others may do and why something of theirs was refused. For oneself nobody needs it.
    ExplainAccess,
    /// See, create, change and block people, and end their sessions.
    ManagePeople,
    /// See, create and revoke keys of others.
    ManageKeys,
    /// See upstreams, policies and posture.
    ReadConfiguration,
    /// Take upstreams out of use and back, while those under way go on.
    ManageUpstreams,
    ManagePolicies,
    /// Lower the label of a conversation.
    Declassify(Declassification),
    /// Decide whether the label of a conversation may be lowered, as somebody else asked.
    Approve(Declassification),
    /// See who has reached which compartment, and release them from it.
    ReleaseWall,
}

impl Action {
    /// Every action whose resource is the house, in the order of the schema; of lowering a label, and of approving it, the boldest.
    pub const HOUSE: [Self; 17] = [
        Self::ListModels,
        Self::UseChat,
        Self::UseFiles,
        Self::ReadFeedback,
        Self::ReviewAssistants,
        Self::ReadOperations,
        Self::ReadDecisions,
        Self::ReadAudit,
        Self::ExplainAccess,
        Self::ManagePeople,
        Self::ManageKeys,
        Self::ReadConfiguration,
        Self::ManageUpstreams,
        Self::ManagePolicies,
        Self::Declassify(Declassification { from: Label::SECRET, to: Label::PUBLIC, own: false }),
        Self::Approve(Declassification { from: Label::SECRET, to: Label::PUBLIC, own: false }),
        Self::ReleaseWall,
    ];

    /// The action's name in policies.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ask(_) => "ask",
            Self::ListModels => "listModels",
            Self::UseChat => "useChat",
            Self::UseFiles => "useFiles",
            Self::ReadFeedback => "readFeedback",
            Self::ReviewAssistants => "reviewAssistants",
            Self::ReadOperations => "readOperations",
            Self::ReadDecisions => "readDecisions",
            Self::ReadAudit => "readAudit",
            Self::ExplainAccess => "explainAccess",
            Self::ManagePeople => "managePeople",
            Self::ManageKeys => "manageKeys",
            Self::ReadConfiguration => "readConfiguration",
            Self::ManageUpstreams => "manageUpstreams",
            Self::ManagePolicies => "managePolicies",
            Self::Declassify(_) => "declassify",
            Self::Approve(_) => "approve",
            Self::ReleaseWall => "releaseWall",
        }
    }

    /// The action on the house with this name in policies; `None` for `ask`, which needs a model, and for no name.
    pub fn of_house(name: &str) -> Option<Self> {
        Self::HOUSE.into_iter().find(|action| action.name() == name)
    }

    /// The names of all actions as a sentence lists them: `ask, listModels, … or releaseWall`.
    pub fn names() -> String {
        let names: Vec<_> = std::iter::once("ask").chain(Self::HOUSE.iter().map(Self::name)).collect();
        match names.split_last() {
            Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
            None => String::new(),
        }
    }

    /// What the action is, in the words of a sentence that ends with it: `may …` and `darf …`.
    pub fn words(&self) -> Text {
        match self {
            Self::Ask(_) => Text::fixed("ask this model", "dieses Modell fragen"),
            Self::ListModels => Text::fixed("see which models there are", "sehen, welche Modelle es gibt"),
            Self::UseChat => Text::fixed("use the chat", "den Chat benutzen"),
            Self::UseFiles => {
                Text::fixed("keep files and run batches", "Dateien ablegen und Stapel bearbeiten lassen")
            }
            Self::ReadFeedback => {
                Text::fixed("see what people think of answers", "sehen, wie Antworten bewertet werden")
            }
            Self::ReviewAssistants => {
                Text::fixed("review assistants of others", "Assistenten anderer prüfen und veröffentlichen")
            }
            Self::ReadOperations => Text::fixed(
                "see what runs now: requests, errors and model servers",
                "sehen, was gerade läuft: Anfragen, Fehler und Modellserver",
            ),
            Self::ReadDecisions => Text::fixed(
                "read decisions, with people by pseudonym",
                "Entscheidungen lesen, mit Personen unter Pseudonym",
            ),
            Self::ReadAudit => Text::fixed(
                "read, verify and export the audit log",
                "das Prüfprotokoll lesen, nachprüfen und ausgeben",
            ),
            Self::ExplainAccess => {
                Text::fixed("see what others may do and why", "sehen, was andere dürfen und warum")
            }
            Self::ManagePeople => {
                Text::fixed("manage people and their sessions", "Personen und ihre Sitzungen verwalten")
            }
            Self::ManageKeys => Text::fixed("manage keys", "Schlüssel verwalten"),
            Self::ReadConfiguration => Text::fixed(
                "see model servers, policies and posture",
                "Modellserver, Richtlinien und Zustand sehen",
            ),
            Self::ManageUpstreams => Text::fixed(
                "take model servers out of use and back",
                "Modellserver aus dem Betrieb nehmen und zurückholen",
            ),
            Self::ManagePolicies => Text::fixed("manage policies", "Richtlinien verwalten"),
            Self::Declassify(_) => {
                Text::fixed("lower the label of a conversation", "die Einstufung einer Unterhaltung senken")
            }
            Self::Approve(_) => Text::fixed(
                "approve that somebody lowers the label of a conversation",
                "genehmigen, dass jemand die Einstufung einer Unterhaltung senkt",
            ),
            Self::ReleaseWall => Text::fixed(
                "release people from a wall between compartments",
                "Personen aus einer Trennwand zwischen Bereichen entlassen",
            ),
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
    /// What the asker may have.
    pub clearance: Label,
}

/// A lower label for a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Declassification {
    pub from: Label,
    /// Flows to `from`.
    pub to: Label,
    /// Whether the conversation is that of whoever lowers it.
    pub own: bool,
}

/// The model that is asked, as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Model {
    pub name: String,
    pub zone: Zone,
    /// Such as `EU`; empty when none is configured.
    pub region: String,
    pub max_label: Label,
    /// Those that may ask it; empty for all.
    pub tenants: BTreeSet<Tenant>,
}

/// How much is known when the question is decided. Every request to a model is decided at both stages.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Before inspection: only what the asker declared. Policies see no findings and a sensitivity of 0.
    Asking { declared: Label },
    /// After inspection.
    Answering(Inspected),
}

/// What inspection says about a question.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Inspected {
    pub label: Label,
    /// The types that were found, such as `IBAN`.
    pub findings: BTreeSet<String>,
    /// 0 to 100; more is read as 100.
    pub sensitivity: u8,
    /// Something was found that was written so that a plain reading would miss it.
    pub evasive: bool,
    /// Part of the question could not be read. It never counts as clean.
    pub opaque: bool,
}

impl Default for Inspected {
    /// PUBLIC, and nothing found.
    fn default() -> Self {
        Self {
            label: Label::PUBLIC,
            findings: BTreeSet::new(),
            sensitivity: 0,
            evasive: false,
            opaque: false,
        }
    }
}

impl Stage {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Asking { .. } => "asking",
            Self::Answering(_) => "answering",
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
