//! The table of routes: everything there is under `/api`, and what each needs.

use schleuse_policy::{Action, Circumstances, Effect, Policy, Question};
use schleuse_types::Principal;
use schleuse_wire::Method;

/// One row of the table.
#[derive(Debug)]
pub struct Route {
    pub method: Method,
    /// `{…}` stands for one segment.
    pub path: &'static str,
    pub need: Need,
    pub(crate) work: Work,
    /// The parameters that may stand behind the `?`.
    pub(crate) parameters: &'static [&'static str],
}

/// What the policy must permit before a route is walked.
#[derive(Debug)]
pub enum Need {
    /// Nothing: everybody who is known, for themselves.
    Nothing,
    One(Action),
    Either(&'static Action, &'static Action),
}

impl Need {
    /// The actions of which one must be permitted; none when nothing is needed.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        let (first, second) = match self {
            Self::Nothing => (None, None),
            Self::One(action) => (Some(action), None),
            Self::Either(first, second) => (Some(*first), Some(*second)),
        };
        first.into_iter().chain(second)
    }
}

/// What answers a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Decisions,
    LiveDecisions,
    DecisionsOfRequest,
    Entries,
    Checkpoint,
    Proof,
    Verify,
    Export,
    Now,
    People,
    CreatePerson,
    ChangePerson,
    Keys,
    CreateKey,
    RevokeKey,
    Sessions,
    RevokeSession,
    Upstreams,
    DrainUpstream,
    UndrainUpstream,
    Policies,
    Posture,
    Access,
    Refusal,
    Limits,
    Walls,
    ReleaseWall,
    ForgetAnswers,
    Approvals,
    Approve,
    Refuse,
}

const FILTERS: &[&str] =
    &["limit", "before", "user", "action", "rule", "label", "route", "model", "request_id", "event", "code"];
const LIVE: &[&str] = &["user", "action", "rule", "label", "route", "model", "request_id", "event", "code"];
const LIST: &[&str] = &["limit", "before"];

const NONE: &[&str] = &[];

const fn row(
    method: Method,
    path: &'static str,
    need: Need,
    work: Work,
    parameters: &'static [&'static str],
) -> Route {
    Route { method, path, need, work, parameters }
}

use Method::{Delete, Get, Post, Put};
use Need::{Either, Nothing, One};

/// Every route under `/api` but those of the chat. More specific ones stand before those with a `{…}` in that place.
pub static ROUTES: [Route; 31] = [
    row(Get, "/api/decisions", One(Action::ReadDecisions), Work::Decisions, FILTERS),
    row(Get, "/api/decisions/live", One(Action::ReadDecisions), Work::LiveDecisions, LIVE),
    row(Get, "/api/decisions/{request_id}", One(Action::ReadDecisions), Work::DecisionsOfRequest, NONE),
    row(Get, "/api/audit/entries", One(Action::ReadAudit), Work::Entries, FILTERS),
    row(Get, "/api/audit/checkpoint", One(Action::ReadAudit), Work::Checkpoint, NONE),
    row(Get, "/api/audit/proofs/{index}", One(Action::ReadAudit), Work::Proof, NONE),
    row(Post, "/api/audit/verify", Either(&Action::ReadAudit, &Action::ReadDecisions), Work::Verify, NONE),
    row(Get, "/api/audit/export", One(Action::ReadAudit), Work::Export, &["format"]),
    row(Get, "/api/now", One(Action::ReadOperations), Work::Now, NONE),
    row(Get, "/api/people", One(Action::ManagePeople), Work::People, LIST),
    row(Post, "/api/people", One(Action::ManagePeople), Work::CreatePerson, NONE),
    row(Put, "/api/people/{id}", One(Action::ManagePeople), Work::ChangePerson, NONE),
    row(Get, "/api/keys", One(Action::ManageKeys), Work::Keys, LIST),
    row(Post, "/api/keys", One(Action::ManageKeys), Work::CreateKey, NONE),
    row(Delete, "/api/keys/{id}", One(Action::ManageKeys), Work::RevokeKey, NONE),
    row(Get, "/api/sessions", One(Action::ManagePeople), Work::Sessions, LIST),
    row(Delete, "/api/sessions/{id}", One(Action::ManagePeople), Work::RevokeSession, NONE),
    row(Get, "/api/upstreams", One(Action::ReadConfiguration), Work::Upstreams, NONE),
    row(Post, "/api/upstreams/{name}/drain", One(Action::ManageUpstreams), Work::DrainUpstream, NONE),
    row(Post, "/api/upstreams/{name}/undrain", One(Action::ManageUpstreams), Work::UndrainUpstream, NONE),
    row(Get, "/api/policies", One(Action::ReadConfiguration), Work::Policies, NONE),
    row(Get, "/api/posture", One(Action::ReadConfiguration), Work::Posture, NONE),
    // For oneself; about others only with `explainAccess`, which the work itself asks for.
    row(Get, "/api/access", Nothing, Work::Access, &["person", "model", "key"]),
    row(Get, "/api/access/refusals/{request_id}", Nothing, Work::Refusal, NONE),
    row(Get, "/api/limits", Nothing, Work::Limits, NONE),
    row(Get, "/api/walls", One(Action::ReleaseWall), Work::Walls, NONE),
    row(Post, "/api/walls/release", One(Action::ReleaseWall), Work::ReleaseWall, NONE),
    row(Post, "/api/answers/forget", One(Action::ManagePeople), Work::ForgetAnswers, NONE),
    // What one asked for oneself; about what others did, the work itself asks for `approve`.
    row(Get, "/api/approvals", Nothing, Work::Approvals, NONE),
    row(Post, "/api/approvals/{id}/approve", Nothing, Work::Approve, NONE),
    row(Post, "/api/approvals/{id}/refuse", Nothing, Work::Refuse, NONE),
];

/// What the table says about a path.
pub(crate) enum Found {
    /// The route, and what stands in the place of its `{…}`, decoded.
    Route(&'static Route, String),
    /// There is the path, but not with this method; the right ones.
    OtherMethod(Vec<&'static str>),
    Nothing,
}

/// Looks a path up.
pub(crate) fn find(method: Method, path: &str) -> Found {
    let mut others = Vec::new();
    let mut pattern = None;
    for route in &ROUTES {
        let Some(id) = fit(route.path, path) else { continue };
        // A path belongs to the first pattern that fits it, whatever the method.
        if *pattern.get_or_insert(route.path) != route.path {
            continue;
        }
        if route.method == method {
            return Found::Route(route, id);
        }
        others.push(method_name(route.method));
    }
    if others.is_empty() { Found::Nothing } else { Found::OtherMethod(others) }
}

/// What stands in the place of the pattern's `{…}`, decoded; empty when it has none; `None` when the path does not fit.
fn fit(pattern: &str, path: &str) -> Option<String> {
    let mut id = String::new();
    let mut segments = path.split('/');
    for wanted in pattern.split('/') {
        let segment = segments.next()?;
        if wanted.starts_with('{') {
            id = schleuse_wire::query::decode(segment, false)?;
            if id.is_empty() {
                return None;
            }
        } else if wanted != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(id)
}

fn method_name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Other => "",
    }
}

/// The pages that the policy permits, in the order in which they are offered. What concerns only the asker is permitted to
/// everybody: their sessions and limits.
pub fn pages(policy: &Policy, principal: &Principal, circumstances: &Circumstances) -> Vec<&'static str> {
    const PAGES: [(&str, Need); 12] = [
        ("chat", One(Action::UseChat)),
        ("decisions", One(Action::ReadDecisions)),
        ("now", One(Action::ReadOperations)),
        ("audit", One(Action::ReadAudit)),
        ("people", One(Action::ManagePeople)),
        ("keys", One(Action::ManageKeys)),
        ("upstreams", One(Action::ReadConfiguration)),
        ("policies", One(Action::ReadConfiguration)),
        ("posture", One(Action::ReadConfiguration)),
        ("access", One(Action::ExplainAccess)),
        ("sessions", Nothing),
        ("limits", Nothing),
    ];
    let is_permitted = |need: &Need| {
        let mut actions = need.actions().peekable();
        actions.peek().is_none()
            || actions.any(|action| {
                let question = Question::new(principal, action.clone(), circumstances.clone());
                policy.decide(&question).effect() == Effect::Allow
            })
    };
    PAGES.iter().filter(|(_, need)| is_permitted(need)).map(|(page, _)| *page).collect()
}

#[cfg(test)]
mod tests;
