//! Texts that somebody else lets pass once although a guardrail blocks them.
//!
//! A release is bound to one person, one model, the keyed hash of one text, a label that it may at most have, and the model
//! servers that it may go to. Nothing that a client sends names one: only a room of this house can,
//! by a [`Releasing`](crate::Releasing) way in. It lifts blocks of the newest text of a chat and nothing else:
//! policies, labels, clearances, limits, walls and other replacements hold as ever.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use schleuse_types::{Finding, FindingAction, Label, Refusal, Tenant};
use schleuse_wire::{Request, Surface, internal};

use crate::Gate;
use crate::steps::{Seen, may_carry};

/// What is asked of whoever keeps releases.
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// Where releases are kept.
pub trait Releases: Send + Sync {
    /// One that was granted to this person, is not used and not over.
    fn granted<'a>(&'a self, id: &'a str, person: &'a str) -> Asked<'a, Option<Granted>>;

    /// Uses one up. True at most once for each, and only durably: whoever was told so may send that text.
    fn redeem<'a>(&'a self, granted: &'a Granted, person: &'a str) -> Asked<'a, bool>;
}

/// A house in which nothing is ever released.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoReleases;

impl Releases for NoReleases {
    fn granted<'a>(&'a self, _id: &'a str, _person: &'a str) -> Asked<'a, Option<Granted>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn redeem<'a>(&'a self, _granted: &'a Granted, _person: &'a str) -> Asked<'a, bool> {
        Box::pin(std::future::ready(Ok(false)))
    }
}

/// What somebody else let pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    pub id: String,
    /// What [`Gate::release_mac`] says of person, model and text.
    pub content: String,
    /// The highest label that was agreed to.
    pub label: Label,
    /// The model servers that it may go to.
    pub routes: Vec<String>,
    /// What was agreed to: how many findings of which type.
    pub kinds: BTreeMap<String, u64>,
    /// Who agreed.
    pub approver: String,
}

impl Gate {
    /// The keyed hash by which a text of a person for a model is known again.
    pub fn release_mac(&self, person: &str, model: &str, text: &str) -> String {
        let mut mac = self.prompt_mac.derived("release");
        for part in [person, model, text] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finish()
    }

    /// The model servers of a tenant's model that may be given this label.
    pub fn carriers(&self, tenant: &Tenant, model: &str, label: &Label) -> Vec<String> {
        let routes = self.routes(tenant, model, Surface::ChatCompletions);
        let open = routes.into_iter().filter(|route| may_carry(route, label));
        open.flat_map(|route| route.replicas).collect()
    }

    /// The release that this arrival names, if it is of this person and for this very question.
    pub(crate) async fn released(
        &self,
        id: Option<&str>,
        person: &str,
        request: &Request,
    ) -> Result<Option<Granted>, Refusal> {
        let Some(id) = id.filter(|_| request.surface() == Surface::ChatCompletions) else { return Ok(None) };
        let granted = self.releases.granted(id, person).await;
        let granted = granted.map_err(|error| internal(format!("releases cannot be read: {error}")))?;
        let turns = request.turns();
        let asked = turns.last().filter(|turn| turn.role == "user");
        let mac = asked.map(|turn| self.release_mac(person, request.model(), turn.text));
        Ok(granted.filter(|granted| mac.as_ref() == Some(&granted.content)))
    }

    /// Whether the release could be used up for this route; durable then.
    pub(crate) async fn redeem(
        &self,
        granted: &Granted,
        person: &str,
        route: &[String],
    ) -> Result<bool, Refusal> {
        if !route.iter().all(|name| granted.routes.contains(name)) {
            return Ok(false);
        }
        let redeemed = self.releases.redeem(granted, person).await;
        redeemed.map_err(|error| internal(format!("a release cannot be used up: {error}")))
    }
}

impl Granted {
    /// Lifts the blocks in the text at `path` and says whether that was all there was: no other block, no type that was not
    /// agreed to, not more of one, no higher label.
    pub(crate) fn lift(&self, seen: &Seen, path: &str, label: &Label) -> Option<Vec<Finding>> {
        let is_block = |finding: &&Finding| finding.action == FindingAction::Block;
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        for finding in seen.findings.iter().filter(is_block) {
            if finding.path != path {
                return None;
            }
            *kinds.entry(&finding.kind).or_default() += 1;
        }
        let is_agreed =
            kinds.iter().all(|(kind, count)| self.kinds.get(*kind).is_some_and(|most| count <= most));
        if kinds.is_empty() || !is_agreed || !label.flows_to(&self.label) {
            return None;
        }
        let lifted = seen.findings.iter().cloned().map(|finding| match finding.action {
            FindingAction::Block => Finding { action: FindingAction::Warn, ..finding },
            _ => finding,
        });
        Some(lifted.collect())
    }

    /// For the log: which one, what for, and who agreed.
    pub(crate) fn told(&self, approver: &str) -> String {
        let kinds: Vec<String> = self.kinds.iter().map(|(kind, count)| format!("{kind}:{count}")).collect();
        format!("release={} types={} approver={approver}", self.id, kinds.join(","))
    }
}
