//! What is done about each rule's findings, worked out once for every scope that makes a difference.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use schleuse_types::{FindingAction, Label};

use crate::exception::{Exception, keyed};
use crate::guardrails::{GuardrailError, Guardrails, Selection};
use crate::pack::{Pack, Rule};
use crate::scope::Scope;

/// The most scopes whose treatments are kept; with one more all are worked out anew.
const KEPT_MAX: usize = 256;

/// Guardrails matched with packs.
#[derive(Debug)]
pub(crate) struct Treatments {
    guardrails: Guardrails,
    depend_on_scope: bool,
    depend_on_path: bool,
    /// Held only to look up or to put in, never while treatments are worked out.
    kept: RwLock<BTreeMap<Selection, Arc<Treatment>>>,
}

/// What is done about the findings of each rule of a pack, by the order of the rules.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Treatment {
    /// The action in force; ALLOW for a rule in shadow.
    pub(crate) actions: Vec<FindingAction>,
    pub(crate) shadow: Vec<bool>,
    /// The labels to which guardrails let findings raise their text, by rule.
    raises: BTreeMap<usize, Label>,
    /// Rules all of whose plain findings are excepted.
    excepted: Vec<bool>,
    /// Keyed hashes of values that are excepted, by rule.
    values: BTreeMap<usize, Vec<[u8; 32]>>,
    pub(crate) has_exceptions: bool,
}

impl Treatments {
    /// Refuses guardrails that name a rule or tag which no pack has.
    pub(crate) fn new(pack: &Pack, guardrails: Guardrails) -> Result<Self, GuardrailError> {
        guardrails.check(&pack.rules)?;
        let depend_on_scope = guardrails.depend_on_scope();
        let depend_on_path = guardrails.exceptions().any(Exception::is_bound_to_a_place);
        Ok(Self { guardrails, depend_on_scope, depend_on_path, kept: RwLock::default() })
    }

    /// Whether the scope makes any difference.
    pub(crate) fn depend_on_scope(&self) -> bool {
        self.depend_on_scope
    }

    /// Whether the path of a text does.
    pub(crate) fn depend_on_path(&self) -> bool {
        self.depend_on_path
    }

    pub(crate) fn in_scope(&self, rules: &[Rule], scope: &Scope<'_>) -> Arc<Treatment> {
        let selection = self.guardrails.select(scope);
        if let Some(kept) = self.kept.read().unwrap_or_else(PoisonError::into_inner).get(&selection) {
            return Arc::clone(kept);
        }
        let treatment = Arc::new(Treatment::new(&self.guardrails, &selection, rules));
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        Arc::clone(kept.entry(selection).or_insert(treatment))
    }
}

impl Treatment {
    fn new(guardrails: &Guardrails, selection: &Selection, rules: &[Rule]) -> Self {
        let count = rules.len();
        let mut treatment = Self {
            actions: Vec::with_capacity(count),
            shadow: Vec::with_capacity(count),
            raises: BTreeMap::new(),
            excepted: Vec::with_capacity(count),
            values: BTreeMap::new(),
            has_exceptions: false,
        };
        for (index, rule) in rules.iter().enumerate() {
            let verdict = guardrails.verdict(selection, rule);
            treatment.actions.push(if verdict.shadow { FindingAction::Allow } else { verdict.action });
            treatment.shadow.push(verdict.shadow);
            treatment.excepted.push(verdict.excepted);
            treatment.raises.extend(verdict.to.map(|label| (index, label)));
            treatment.has_exceptions |= verdict.excepted || !verdict.values.is_empty();
            if !verdict.values.is_empty() {
                treatment.values.insert(index, verdict.values.into_iter().copied().collect());
            }
        }
        treatment
    }

    /// The same, at least as strict as said for some types, of which nothing is excepted then.
    pub(crate) fn stricter(&self, rules: &[Rule], actions: &BTreeMap<String, FindingAction>) -> Self {
        let mut stricter = self.clone();
        for (index, rule) in rules.iter().enumerate() {
            let Some(least) = actions.get(rule.kind.name) else { continue };
            if let (Some(action), Some(shadow), Some(excepted)) = (
                stricter.actions.get_mut(index),
                stricter.shadow.get(index),
                stricter.excepted.get_mut(index),
            ) && !shadow
            {
                *action = (*action).max(*least);
                *excepted = false;
                stricter.values.remove(&index);
            }
        }
        stricter.has_exceptions = !stricter.values.is_empty() || stricter.excepted.contains(&true);
        stricter
    }

    /// Each rule as strictly as in either; in shadow or excepted where it is so in both.
    pub(crate) fn strictest(&self, other: &Self) -> Self {
        let both = |mine: &[bool], its: &[bool]| mine.iter().zip(its).map(|(a, b)| *a && *b).collect();
        // What one excepts for all values, the other may for some.
        let values_of = |index: usize| match (self.values.get(&index), other.values.get(&index)) {
            (Some(mine), Some(its)) => mine.iter().filter(|value| its.contains(value)).copied().collect(),
            (Some(mine), None) if other.excepted.get(index) == Some(&true) => mine.clone(),
            (None, Some(its)) if self.excepted.get(index) == Some(&true) => its.clone(),
            _ => Vec::new(),
        };
        let excepted: Vec<bool> = both(&self.excepted, &other.excepted);
        let values: BTreeMap<usize, Vec<[u8; 32]>> = (0..excepted.len())
            .map(|index| (index, values_of(index)))
            .filter(|(_, values)| !values.is_empty())
            .collect();
        let mut raises = self.raises.clone();
        for (index, label) in &other.raises {
            raises
                .entry(*index)
                .and_modify(|known| *known = known.join(label))
                .or_insert_with(|| label.clone());
        }
        Self {
            actions: self.actions.iter().zip(&other.actions).map(|(a, b)| *a.max(b)).collect(),
            shadow: both(&self.shadow, &other.shadow),
            raises,
            has_exceptions: !values.is_empty() || excepted.contains(&true),
            excepted,
            values,
        }
    }

    /// The same, where what would be pseudonymised is only reported.
    pub(crate) fn for_answers(&self) -> Self {
        let mut read = self.clone();
        for action in read.actions.iter_mut().filter(|action| **action == FindingAction::Pseudonymize) {
            *action = FindingAction::Warn;
        }
        read
    }

    /// The label to which a guardrail lets findings of a rule raise their text.
    pub(crate) fn raises(&self, index: usize) -> Option<&Label> {
        self.raises.get(&index)
    }

    /// Whether what one rule found is excepted. `key` is that of [`crate::exception_value`].
    pub(crate) fn excepts(&self, index: usize, rule: &Rule, found: &[u8], key: Option<&[u8]>) -> bool {
        if self.excepted.get(index) == Some(&true) {
            return true;
        }
        match (self.values.get(&index), key) {
            (Some(values), Some(key)) => values.contains(&keyed(key, rule.kind.name, found)),
            _ => false,
        }
    }
}
