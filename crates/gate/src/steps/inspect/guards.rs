//! Which guardrails count for a text: for whom, which way, under which label, going where.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use schleuse_inspect::{Direction, Inspector, Scope};
use schleuse_types::{FindingAction, Label, Zone};

/// What guardrails may ask about a request beside direction, label and place.
#[derive(Debug, Clone)]
pub(in crate::steps) struct Surroundings {
    inspector: Inspector,
    groups: Vec<String>,
    /// Where the model servers stand that may be asked. Until one is chosen, the strictest of what would hold for each of
    /// them counts.
    zones: Vec<Zone>,
    /// Seconds since 1970.
    now_s: u64,
}

impl Surroundings {
    pub(super) fn new(inspector: Inspector, groups: Vec<String>, zones: Vec<Zone>, now_s: u64) -> Self {
        Self { inspector, groups, zones, now_s }
    }

    /// Findings of the named types are treated at least so strictly from here on.
    pub(super) fn demand(&mut self, treatments: &BTreeMap<String, FindingAction>) {
        self.inspector = self.inspector.stricter(treatments);
    }

    /// A model server was chosen.
    pub(in crate::steps) fn choose(&mut self, zone: Zone) {
        self.zones = vec![zone];
    }

    pub(in crate::steps) fn guards(&self, direction: Direction, label: &Label) -> Guards {
        let inspector = self.inspector_for(direction, label, None);
        Guards { around: Arc::new(self.clone()), direction, label: label.clone(), inspector }
    }

    /// Looks at the texts of a question under a label, and again under the one that they raise it to, until no other
    /// guardrails come into force by it: overlapping findings are told apart by their actions. A label only rises, so there
    /// are few looks. Gives the last one, and the label. The one loop of this kind.
    pub(super) fn settle<T, E>(
        &self,
        label: &Label,
        mut look: impl FnMut(&Guards) -> Result<(T, Label), E>,
    ) -> Result<(T, Label), E> {
        let mut label = label.clone();
        let mut guards = self.guards(Direction::Request, &label);
        loop {
            let (seen, raised) = look(&guards)?;
            label = label.join(&raised);
            if guards.hold_under(&label) {
                return Ok((seen, label));
            }
            guards = guards.under(&label);
        }
    }

    fn inspector_for(&self, direction: Direction, label: &Label, path: Option<&str>) -> Inspector {
        let inspector = match direction {
            Direction::Request => Cow::Borrowed(&self.inspector),
            Direction::Answer => Cow::Owned(self.inspector.for_answers()),
        };
        let scope = |zone| Scope {
            direction: Some(direction),
            label: Some(label),
            groups: &self.groups,
            zone,
            path,
            now_s: Some(self.now_s),
        };
        if self.zones.is_empty() {
            return inspector.for_scope(&scope(None));
        }
        inspector.for_any_scope(self.zones.iter().map(|zone| scope(Some(*zone))))
    }
}

/// The guardrails for texts that go one way under one label. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::steps) struct Guards {
    around: Arc<Surroundings>,
    direction: Direction,
    label: Label,
    inspector: Inspector,
}

impl Guards {
    /// For texts at no particular place.
    pub(in crate::steps) fn inspector(&self) -> &Inspector {
        &self.inspector
    }

    /// For a text at a place, which is written out only where some exception asks.
    pub(in crate::steps) fn at(&self, path: impl FnOnce() -> String) -> Cow<'_, Inspector> {
        if !self.inspector.depends_on_path() {
            return Cow::Borrowed(&self.inspector);
        }
        Cow::Owned(self.around.inspector_for(self.direction, &self.label, Some(&path())))
    }

    /// Whether a text would be treated just so under another label.
    fn hold_under(&self, label: &Label) -> bool {
        let other = self.around.inspector_for(self.direction, label, None);
        *label == self.label || self.inspector.treats_like(&other)
    }

    fn under(&self, label: &Label) -> Self {
        self.around.guards(self.direction, label)
    }
}
