//! Texts that somebody else lets pass once: what would be blocked in them, and where releases are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use schleuse_gate::{Asked, Gate, Granted, Preview, Releases, preview};
use schleuse_identity::Verified;
use schleuse_portal::{Blocked, Wished};
use schleuse_store::{ReleaseRow, ReleaseState, Store};
use schleuse_types::{Clock, FindingAction, Refusal, RefusalCode, Text};
use schleuse_wire::{internal, invalid_request};
use tokio::task::spawn_blocking;

/// Releases in the store.
pub(super) struct KeptReleases {
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Releases for KeptReleases {
    fn granted<'a>(&'a self, id: &'a str, person: &'a str) -> Asked<'a, Option<Granted>> {
        Box::pin(async move {
            let row = self.store.release(id).await.map_err(|error| error.to_string())?;
            let is_good = |row: &ReleaseRow| {
                row.person == person && row.state == ReleaseState::Granted && row.expires > self.clock.now()
            };
            Ok(row.filter(is_good).and_then(granted))
        })
    }

    fn redeem<'a>(&'a self, granted: &'a Granted, person: &'a str) -> Asked<'a, bool> {
        Box::pin(async move {
            let used = self.store.use_release(&granted.id, person, &granted.content, self.clock.now());
            used.await.map_err(|error| error.to_string())
        })
    }
}

/// None where nobody decided: such a row is no release.
fn granted(row: ReleaseRow) -> Option<Granted> {
    let kinds = row.kinds.split(',').map(|part| {
        let (kind, count) = part.rsplit_once(':')?;
        Some((kind.to_owned(), count.parse().ok()?))
    });
    Some(Granted {
        kinds: kinds.collect::<Option<BTreeMap<String, u64>>>()?,
        approver: row.decider.filter(|decider| *decider != row.person)?,
        routes: row.routes.split(',').map(str::to_owned).collect(),
        id: row.id,
        content: row.content,
        label: row.label,
    })
}

/// What would be blocked in a text, and what a release of it is bound to.
pub(super) async fn releasable(gate: Arc<Gate>, asker: Verified, wished: Wished) -> Result<Blocked, Refusal> {
    let asker = asker.principal().clone();
    let looked = spawn_blocking(move || {
        let Wished { content, model, label } = wished;
        let seen = preview(&gate, &asker, Some(&model), &label, content.clone())?;
        let Preview { findings, label, is_blocked } = seen;
        if !is_blocked {
            return Err(nothing_blocked());
        }
        let routes = gate.carriers(&asker.tenant, &model, &label);
        if routes.is_empty() {
            return Err(no_way());
        }
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        for finding in findings.into_iter().filter(|finding| finding.action == FindingAction::Block) {
            *kinds.entry(finding.kind).or_default() += 1;
        }
        let content = gate.release_mac(&asker.person, &model, &content);
        Ok(Blocked { content, label, routes, kinds })
    });
    looked.await.map_err(|_| internal("inspection panicked"))?
}

fn nothing_blocked() -> Refusal {
    invalid_request(
        "Nothing in this text is blocked, so there is nothing to release.",
        "In diesem Text ist nichts blockiert, also ist nichts freizugeben.",
        "a release of a text that is not blocked",
        Some("content"),
    )
}

fn no_way() -> Refusal {
    Refusal::new(
        RefusalCode::NoPermittedRoute,
        Text::fixed(
            "No way to this model may carry the label of this text, so a release would not help.",
            "Kein Weg zu diesem Modell darf die Einstufung dieses Textes tragen, eine Freigabe würde also nicht helfen.",
        ),
        Text::fixed(
            "Choose another model, or take out what raised the label.",
            "Wählen Sie ein anderes Modell, oder entfernen Sie, was die Einstufung angehoben hat.",
        ),
        "a release for a model that may not have the label",
    )
}
