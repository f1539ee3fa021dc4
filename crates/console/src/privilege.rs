//! That nobody gains more than the policy gives them by changing people and keys.

use schleuse_policy::{Action, Effect, Question, Subject};
use schleuse_types::{Refusal, Role, Text};

use crate::access::{models, subject};
use crate::answer::denied;
use crate::call::Call;

/// The name of something that `other` may do and the caller may not; `None` when there is nothing.
///
/// Looks at every action on the house and at every model with every label, as the policy decides them for the caller's
/// place and device. What rules say about findings is not compared.
pub(crate) fn exceeds(call: &Call, other: &Subject) -> Option<String> {
    let policy = &call.console.policy;
    let caller = subject(call, call.principal());
    let may = |subject: &Subject, action: &Action| {
        let question = Question {
            person: subject.person.clone(),
            role: subject.role,
            groups: subject.groups.clone(),
            tenant: subject.tenant.clone(),
            action: action.clone(),
            circumstances: call.circumstances.clone(),
        };
        policy.decide(&question).effect() == Effect::Allow
    };
    let action = Action::HOUSE.iter().find(|action| may(other, action) && !may(&caller, action));
    if let Some(action) = action {
        return Some(action.name().to_owned());
    }
    let models = models(&call.console.upstreams, &other.tenant);
    let model = models.iter().find(|model| {
        let up_to = |subject| policy.ask_access(subject, model, &call.circumstances).up_to;
        let own = up_to(&caller);
        up_to(other).is_some_and(|others| !own.is_some_and(|own| others.flows_to(&own)))
    });
    model.map(|model| format!("ask {}", model.name))
}

/// Whether the caller may make a key with which one acts as `other`.
///
/// For themselves with their own role only. For others: whoever manages people could give them any role anyway; everybody
/// else may hand out only what they may do themselves.
pub(crate) fn check_key(call: &Call, other: &Subject) -> Result<(), Refusal> {
    let own = call.principal();
    if other.person == own.person {
        return if other.role == own.role { Ok(()) } else { Err(own_role()) };
    }
    if call.may(Action::ManagePeople) {
        return Ok(());
    }
    match exceeds(call, other) {
        None => Ok(()),
        Some(what) => Err(denied(
            Text::fixed(
                "This key could do more than you may yourself.",
                "Dieser Schlüssel dürfte mehr als Sie selbst.",
            ),
            Text::fixed(
                "Ask somebody who manages people to make it.",
                "Bitten Sie jemanden, der Personen verwaltet, ihn anzulegen.",
            ),
            format!("the key would permit `{what}`, its maker may not"),
        )),
    }
}

/// Nobody changes what they may do themselves, so that nobody raises it and the last administrator cannot be lost.
pub(crate) fn own_rights(is_only_admin: bool) -> Refusal {
    if is_only_admin {
        return denied(
            Text::fixed(
                "You are the only administrator. If you gave that up, nobody could manage this house any more.",
                "Sie sind die einzige Person in der Administration. Gäben Sie das auf, könnte niemand mehr dieses \
                 Haus verwalten.",
            ),
            Text::fixed(
                "Make somebody else an administrator first; that person can then change you.",
                "Machen Sie zuerst eine andere Person zur Administration; diese kann dann Sie ändern.",
            ),
            "the last administrator cannot give that up",
        );
    }
    denied(
        Text::fixed(
            "Nobody changes their own role and groups or blocks themselves.",
            "Niemand ändert die eigene Rolle und die eigenen Gruppen oder sperrt sich selbst.",
        ),
        Text::fixed("Ask another administrator.", "Bitten Sie eine andere Person der Administration."),
        "nobody changes their own rights",
    )
}

fn own_role() -> Refusal {
    let roles = Role::ALL.map(Role::as_str).join(", ");
    denied(
        Text::fixed(
            "A key of your own can only have the role that you have now.",
            "Ein eigener Schlüssel kann nur die Rolle haben, die Sie jetzt haben.",
        ),
        Text::fixed(
            "Leave out `role`, or ask another administrator for a key with another role.",
            "Lassen Sie `role` weg oder bitten Sie eine andere Person der Administration um einen Schlüssel mit einer \
             anderen Rolle.",
        ),
        format!("a key for oneself with another role of {roles}"),
    )
}
