//! Who may do what, and why: the policy asked ahead of time, answered in plain words.

use std::collections::BTreeSet;

use schleuse_types::{Label, Language, Level, Principal, Role, Tenant, Text};

use crate::decision::NO_RULE_PERMITS;
use crate::{Action, Ask, Circumstances, Decision, Effect, Inspected, Model, Policy, Question, Stage};

/// Somebody whose access is asked about: a person, or the holder of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The person's id in this house.
    pub person: String,
    pub role: Role,
    pub groups: BTreeSet<String>,
    pub tenant: Tenant,
    /// What they may have.
    pub clearance: Label,
}

impl Subject {
    pub fn of(principal: &Principal, clearance: Label) -> Self {
        Self {
            person: principal.person.clone(),
            role: principal.role,
            groups: principal.groups.iter().cloned().collect(),
            tenant: principal.tenant.clone(),
            clearance,
        }
    }

    fn question(&self, action: Action, circumstances: &Circumstances) -> Question {
        let (person, groups, tenant) = (self.person.clone(), self.groups.clone(), self.tenant.clone());
        Question { person, role: self.role, groups, tenant, action, circumstances: circumstances.clone() }
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    pub person: String,
    pub role: Role,
    /// The name of the model for `ask`; `None` for what is done with the house.
    pub model: Option<String>,
    /// The action's name in policies.
    pub action: &'static str,
    /// For `ask`: with at least one label.
    pub allowed: bool,
    /// The highest label with which the model may be asked; `None` unless the action is `ask` and allowed.
    pub up_to: Option<Label>,
    /// The rules that decided; never empty.
    pub rules: Vec<String>,
    /// Whole sentences.
    pub reason: Text,
}

impl Access {
    /// One line for a terminal: `yes  readOperations: The engineer role may …`.
    pub fn line(&self, language: Language) -> String {
        let answer = match (self.allowed, language) {
            (true, Language::English) => "yes ",
            (true, Language::German) => "ja  ",
            (false, Language::English) => "no  ",
            (false, Language::German) => "nein",
        };
        let model = self.model.as_ref().map(|model| format!(" {model}")).unwrap_or_default();
        format!("{answer} {}{model}: {}", self.action, self.reason.in_language(language))
    }
}

impl Policy {
    /// What `subject` may do: a row for every model, then one for every action on the house, allowed or not.
    ///
    /// The answer holds for these circumstances. A question to a model is answered as if inspection found nothing; a rule
    /// may still deny it for what is in the prompt, and the reason says so.
    pub fn access(&self, subject: &Subject, models: &[Model], circumstances: &Circumstances) -> Vec<Access> {
        let asks = models.iter().map(|model| self.ask_access(subject, model, circumstances));
        let others = Action::HOUSE.into_iter().map(|action| {
            let decision = self.decide(&subject.question(action.clone(), circumstances));
            let allowed = decision.effect() == Effect::Allow;
            let reason = if allowed {
                permitted(subject, &action, &decision)
            } else {
                denied(subject, &action, &decision)
            };
            row(subject, None, &action, allowed, None, &decision, reason)
        });
        asks.chain(others).collect()
    }

    /// Whether `subject` may ask `model`, and up to which label.
    pub fn ask_access(&self, subject: &Subject, model: &Model, circumstances: &Circumstances) -> Access {
        let ask = |stage| {
            let (model, clearance) = (model.clone(), subject.clearance.clone());
            Action::Ask(Ask { surface: "chat".to_owned(), model, stage, clearance })
        };
        let decide = |stage| self.decide(&subject.question(ask(stage), circumstances));
        if !model.tenants.is_empty() && !model.tenants.contains(&subject.tenant) {
            return self.ask_of_others(subject, model, circumstances);
        }
        let mut denial = None;
        let most = model.max_label.meet(&subject.clearance);
        // A label above the model's clearance finds no route, whatever the rules permit, and one above the subject's own is
        // refused; SECRET finds no route at all.
        let levels = Level::ALL.into_iter().filter(|level| *level <= most.level() && *level < Level::Secret);
        let labels = levels.map(|level| Label::of(level).with(most.compartments().iter().cloned()));
        for label in labels.rev() {
            let inspected = || Inspected { label: label.clone(), ..Inspected::default() };
            let asking = decide(Stage::Asking { declared: label.clone() });
            let answering = decide(Stage::Answering(inspected()));
            match [asking, answering].into_iter().find(|decision| decision.effect() == Effect::Deny) {
                Some(denied) => denial = denial.or(Some(denied)),
                None => {
                    let decision = decide(Stage::Answering(inspected()));
                    let action = ask(Stage::Asking { declared: label.clone() });
                    let above = denial.as_ref().map(|denial| denied(subject, &action, denial));
                    let reason = may_ask(subject, &model.name, &label, &decision, above);
                    let model = Some(model.name.clone());
                    return row(subject, model, &action, true, Some(label), &decision, reason);
                }
            }
        }
        // INVARIANT: PUBLIC is tried for every model, so there is a denial here.
        let lowest = Stage::Asking { declared: Label::PUBLIC };
        let decision = denial.unwrap_or_else(|| decide(lowest.clone()));
        let reason = denied(subject, &ask(lowest.clone()), &decision);
        row(subject, Some(model.name.clone()), &ask(lowest), false, None, &decision, reason)
    }

    /// A model of other tenants does not exist for `subject`, whatever the policies say.
    fn ask_of_others(&self, subject: &Subject, model: &Model, circumstances: &Circumstances) -> Access {
        let ask = Action::Ask(Ask {
            surface: "chat".to_owned(),
            model: model.clone(),
            stage: Stage::Asking { declared: Label::PUBLIC },
            clearance: subject.clearance.clone(),
        });
        let decision = self.decide(&subject.question(ask.clone(), circumstances));
        let (rules, reason) = match decision.effect() {
            Effect::Deny => (decision.rules().to_vec(), denied(subject, &ask, &decision)),
            Effect::Allow => (vec![TENANT.to_owned()], OF_OTHERS),
        };
        let name = Some(model.name.clone());
        Access { rules, ..row(subject, name, &ask, false, None, &decision, reason) }
    }
}

/// The rule that hides a model from other tenants where no policy says so.
const TENANT: &str = "tenant";
const OF_OTHERS: Text = Text::fixed(
    "This model belongs to another tenant and does not exist for this person. Rule: `tenant`.",
    "Dieses Modell gehört einem anderen Mandanten; für diese Person gibt es es nicht. Regel: `tenant`.",
);

fn row(
    subject: &Subject,
    model: Option<String>,
    action: &Action,
    allowed: bool,
    up_to: Option<Label>,
    decision: &Decision,
    reason: Text,
) -> Access {
    Access {
        person: subject.person.clone(),
        role: subject.role,
        model,
        action: action.name(),
        allowed,
        up_to,
        rules: decision.rules().to_vec(),
        reason,
    }
}

fn permitted(subject: &Subject, action: &Action, decision: &Decision) -> Text {
    let (role, words, rules) = (role_words(subject.role), action.words(), rules(decision));
    Text::new(
        format!("{} may {}. {}", role.english, words.english, rules.english),
        format!("{} darf {}. {}", role.german, words.german, rules.german),
    )
}

fn may_ask(subject: &Subject, model: &str, label: &Label, decision: &Decision, above: Option<Text>) -> Text {
    let (role, rules) = (role_words(subject.role), rules(decision));
    let mut text = Text::new(
        format!(
            "{} may ask `{model}` up to the label {label}. {} What inspection finds in a prompt can still forbid it.",
            role.english, rules.english
        ),
        format!(
            "{} darf `{model}` bis zur Einstufung {} fragen. {} Was die Prüfung in einem Prompt findet, kann es \
             trotzdem verbieten.",
            role.german,
            label.to_german(),
            rules.german
        ),
    );
    if let Some(above) = above {
        text = Text::new(
            format!("{} Above that label: {}", text.english, above.english),
            format!("{} Darüber: {}", text.german, above.german),
        );
    }
    if !decision.obligations().is_empty() {
        let list: Vec<_> = decision.obligations().iter().map(|demand| format!("`{demand}`")).collect();
        let list = list.join(", ");
        text = Text::new(
            format!("{} The permission demands in return: {list}.", text.english),
            format!("{} Die Erlaubnis verlangt dafür: {list}.", text.german),
        );
    }
    text
}

fn denied(subject: &Subject, action: &Action, decision: &Decision) -> Text {
    let (role, words, rules) = (role_words(subject.role), action.words(), rules(decision));
    if decision.rules() == [NO_RULE_PERMITS] {
        return Text::new(
            format!("{} may not {}: no rule of this house permits it.", role.english, words.english),
            format!("{} darf nicht: {}. Keine Regel dieses Hauses erlaubt es.", role.german, words.german),
        );
    }
    let empty = Text::fixed("", "");
    let message = decision.message().unwrap_or(&empty);
    Text::new(
        format!("{} {}", message.english, rules.english),
        format!("{} {}", message.german, rules.german),
    )
}

/// Which rules decided, as a sentence.
fn rules(decision: &Decision) -> Text {
    let names = decision.rules().join("`, `");
    if decision.rules().len() == 1 {
        Text::new(format!("Rule: `{names}`."), format!("Regel: `{names}`."))
    } else {
        Text::new(format!("Rules: `{names}`."), format!("Regeln: `{names}`."))
    }
}

/// The role as the beginning of a sentence.
fn role_words(role: Role) -> Text {
    match role {
        Role::Employee => Text::fixed("The employee role", "Die Rolle Mitarbeit"),
        Role::Engineer => Text::fixed("The engineer role", "Die Rolle Entwicklung"),
        Role::Security => Text::fixed("The security role", "Die Rolle Sicherheit"),
        Role::Admin => Text::fixed("The admin role", "Die Rolle Verwaltung"),
        Role::Auditor => Text::fixed("The auditor role", "Die Rolle Revision"),
    }
}

#[cfg(test)]
mod tests;
