//! Guardrails: which action each finding calls for, from whom, going where.
//!
//! A file holds rows. Each row names what is found (by rule, type, tag, or a group of types) and may ask for a direction,
//! a label, a group of persons or the zone of the model server. For one rule of a pack in one scope:
//!
//! 1. Rows count that select the rule and whose conditions are all met.
//! 2. A row is overruled by one that is at least as precise in everything and more precise in something, so that a
//!    precise row may be laxer than a general one. A rule is more precise than a type with a tag, that more than a type
//!    or a tag, that more than a group of types; a condition more than none, a higher label more than a lower.
//! 3. Of the rows that are left the strictest counts. Where they say `to`, a finding raises the label of its text to all
//!    of these labels together.
//!
//! The first file may be laxer than the rules' own defaults. Every further one can only make stricter.

use std::collections::BTreeMap;
use std::fmt;

use schleuse_types::{FindingAction, Label, Level, Zone};
use sha2::{Digest as _, Sha256};

use crate::document::{Malformed, Node};
use crate::exception::Exception;
use crate::kind::{self, KINDS};
use crate::names::nearest;
use crate::pack::{PackError, Rule};
use crate::scope::{Direction, Scope};

/// Guardrails that cover many types.
const PII_FILTER: &str = "PII_FILTER";
const CODE_SCANNER: &str = "CODE_SCANNER";

/// The most guardrails, and exceptions, of one file.
const ROWS_MAX: usize = 1000;

const KEYS: [&str; 11] =
    ["type", "action", "to", "patterns", "rule", "tag", "label", "direction", "group", "zone", "shadow"];

/// What differs from the default action of each rule: one file, or several of which the first may be laxer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guardrails {
    layers: Vec<Layer>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Layer {
    rows: Vec<Row>,
    exceptions: Vec<Exception>,
}

/// One guardrail.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    /// Any of these types; empty for all.
    kinds: Vec<&'static str>,
    rule: Option<String>,
    tag: Option<String>,
    conditions: Conditions,
    /// How precisely it names what is found: 0 a group of types to 3 a rule.
    precision: u8,
    action: Option<FindingAction>,
    /// The label to which a finding raises its text, beside that of the rule.
    to: Option<Label>,
    shadow: Option<bool>,
    line: usize,
}

/// What must hold for a row to count. What is empty asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Conditions {
    direction: Option<Direction>,
    /// The text carries this label or a higher one.
    label: Option<Label>,
    /// The person is in one of these groups.
    groups: Vec<String>,
    zones: Vec<Zone>,
}

impl Guardrails {
    /// Reads guardrails in either form, which is told by a `[[guardrail]]` or `[[exception]]` table.
    pub fn parse(text: &str) -> Result<Self, GuardrailError> {
        let is_toml = text.lines().any(|line| {
            let line: String =
                line.chars().take_while(|c| *c != '#').filter(|c| !c.is_whitespace()).collect();
            line == "[[guardrail]]" || line == "[[exception]]"
        });
        if is_toml { Self::parse_toml(text) } else { Self::parse_yaml(text) }
    }

    /// Reads the tables `[[guardrail]]` and `[[exception]]`. Other tables are left alone.
    pub fn parse_toml(text: &str) -> Result<Self, GuardrailError> {
        let document = Node::from_toml(text)?;
        Self::build(document.get("guardrail"), document.get("exception"))
    }

    /// Reads the lists `guardrails:` and `exceptions:` of a YAML document. Other keys are left alone.
    pub fn parse_yaml(text: &str) -> Result<Self, GuardrailError> {
        let document = Node::from_yaml(text)?;
        let (rows, exceptions) = (document.get("guardrails"), document.get("exceptions"));
        if rows.is_none() && exceptions.is_none() {
            return Err(GuardrailError::Missing);
        }
        Self::build(rows, exceptions)
    }

    /// An action for each of some types, of any request and answer.
    pub fn of_types(actions: &BTreeMap<String, FindingAction>) -> Result<Self, GuardrailError> {
        let row = |(name, action): (&String, &FindingAction)| {
            Ok(Row {
                kinds: vec![known(name, 0)?],
                rule: None,
                tag: None,
                conditions: Conditions::default(),
                precision: 1,
                action: Some(*action),
                to: None,
                shadow: None,
                line: 0,
            })
        };
        let rows = actions.iter().map(row).collect::<Result<_, GuardrailError>>()?;
        Ok(Self { layers: vec![Layer { rows, exceptions: Vec::new() }] })
    }

    /// These guardrails and those of a further file, which can make no rule laxer. Exceptions of both count.
    #[must_use]
    pub fn and(mut self, further: Self) -> Self {
        if self.layers.is_empty() {
            self.layers.push(Layer::default());
        }
        self.layers.extend(further.layers);
        self
    }

    /// Every label that a guardrail names, as its condition or as what it raises to, with its line.
    pub fn labels(&self) -> impl Iterator<Item = (usize, &Label)> {
        let rows = self.layers.iter().flat_map(|layer| &layer.rows);
        rows.flat_map(|row| row.conditions.label.iter().chain(&row.to).map(|label| (row.line, label)))
    }

    /// All exceptions, also those that are over.
    pub fn exceptions(&self) -> impl Iterator<Item = &Exception> {
        self.layers.iter().flat_map(|layer| &layer.exceptions)
    }

    /// `sha256:` and the hash of everything that these guardrails say; where it stands in its file makes no difference.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for layer in &self.layers {
            hash.update(b"file\n");
            for row in &layer.rows {
                // What is quoted has no line breaks, so no two sets of rows read the same.
                hash.update(format!("{:?}\n", Row { line: 0, ..row.clone() }));
            }
            for exception in &layer.exceptions {
                hash.update(format!("{:?}\n", exception.without_line()));
            }
        }
        let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    }

    fn build(rows: Option<&Node>, exceptions: Option<&Node>) -> Result<Self, GuardrailError> {
        let rows = list(rows, "guardrails")?.iter().map(Row::read).collect::<Result<_, _>>()?;
        let exceptions =
            list(exceptions, "exceptions")?.iter().map(Exception::read).collect::<Result<_, _>>()?;
        Ok(Self { layers: vec![Layer { rows, exceptions }] })
    }

    /// Refuses rules and tags that no pack has.
    pub(crate) fn check(&self, rules: &[Rule]) -> Result<(), GuardrailError> {
        let ids = || rules.iter().map(|rule| rule.id.as_str());
        let tags = || rules.iter().flat_map(|rule| rule.tags.iter().map(String::as_str));
        let unknown = |line: usize, what: &str, given: &str, nearest: String| GuardrailError::Row {
            line,
            message: match nearest.as_str() {
                "" => format!("{what} `{given}` is not known, no rule has one"),
                nearest => format!("{what} `{given}` is not known, the nearest is `{nearest}`"),
            },
        };
        let named = self.layers.iter().flat_map(|layer| {
            let rows = layer.rows.iter().map(|row| (row.line, &row.rule, "guardrail rule"));
            rows.chain(layer.exceptions.iter().map(|row| (row.line, &row.rule, "exception rule")))
        });
        for (line, rule, what) in named {
            if let Some(rule) = rule
                && !ids().any(|id| id == rule)
            {
                return Err(unknown(line, what, rule, nearest(rule, ids())));
            }
        }
        for row in self.layers.iter().flat_map(|layer| &layer.rows) {
            if let Some(tag) = &row.tag
                && !tags().any(|known| known == tag)
            {
                return Err(unknown(row.line, "guardrail tag", tag, nearest(tag, tags())));
            }
        }
        Ok(())
    }

    /// Which rows and exceptions count in this scope, by their order.
    pub(crate) fn select(&self, scope: &Scope<'_>) -> Selection {
        let each = |layer: &Layer| {
            let rows: Vec<bool> = layer.rows.iter().map(|row| row.conditions.hold(scope)).collect();
            rows.into_iter()
                .chain(layer.exceptions.iter().map(|exception| exception.covers(scope)))
                .collect::<Vec<_>>()
        };
        Selection(self.layers.iter().flat_map(each).collect())
    }

    /// Whether the scope makes any difference.
    pub(crate) fn depend_on_scope(&self) -> bool {
        self.layers.iter().any(|layer| {
            !layer.exceptions.is_empty()
                || layer.rows.iter().any(|row| row.conditions != Conditions::default())
        })
    }

    /// What is done about one rule's findings. Answers for every rule.
    pub(crate) fn verdict(&self, selection: &Selection, rule: &Rule) -> Verdict<'_> {
        let mut verdict = Verdict {
            action: rule.action,
            to: None,
            shadow: rule.shadow,
            excepted: false,
            values: Vec::new(),
        };
        let mut selected = selection.0.iter();
        let mut exceptions = Vec::new();
        for (number, layer) in self.layers.iter().enumerate() {
            let rows: Vec<&Row> = (layer.rows.iter())
                .filter(|row| selected.next() == Some(&true) && row.covers(rule))
                .collect();
            let action = strictest(rows.iter().copied(), |row| row.action, Ord::max);
            let shadow = strictest(rows.iter().copied(), |row| row.shadow, |a, b| a && b);
            let to = strictest(rows.iter().copied(), |row| row.to.clone(), |a, b| a.join(&b));
            verdict.to = verdict.to.into_iter().chain(to).reduce(|a, b| a.join(&b));
            verdict.action = match action {
                Some(action) if number == 0 => action,
                Some(action) => action.max(verdict.action),
                None => verdict.action,
            };
            verdict.shadow = match shadow {
                Some(shadow) if number == 0 => shadow,
                Some(shadow) => shadow && verdict.shadow,
                None => verdict.shadow,
            };
            exceptions.extend(layer.exceptions.iter().filter(|_| selected.next() == Some(&true)));
        }
        for exception in exceptions {
            let named = exception.rule.as_deref() == Some(rule.id.as_str());
            let typed = exception.rule.is_none() && exception.kinds.contains(&rule.kind.name);
            // What blocks because it is a key takes more than the name of its type.
            let is_final = rule.kind.credential && verdict.action == FindingAction::Block;
            if named || (typed && !is_final) {
                match &exception.value {
                    Some(value) => verdict.values.push(value),
                    None => verdict.excepted = true,
                }
            }
        }
        verdict
    }
}

/// Which rows and exceptions of some guardrails count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Selection(Vec<bool>);

/// What is done about the findings of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict<'g> {
    pub(crate) action: FindingAction,
    /// The label to which a finding raises its text, beside that of the rule.
    pub(crate) to: Option<Label>,
    pub(crate) shadow: bool,
    /// An exception covers all values.
    pub(crate) excepted: bool,
    /// Keyed hashes of values that are excepted.
    pub(crate) values: Vec<&'g [u8; 32]>,
}

/// Of the rows that say something and are not overruled by another that does, what `stricter` makes of them.
fn strictest<'r, T>(
    rows: impl Iterator<Item = &'r Row> + Clone,
    says: impl Fn(&Row) -> Option<T>,
    stricter: impl Fn(T, T) -> T,
) -> Option<T> {
    let speaking = rows.filter(|row| says(row).is_some());
    let standing = speaking.clone().filter(|row| !speaking.clone().any(|other| other.overrules(row)));
    standing.filter_map(&says).reduce(stricter)
}

impl Row {
    fn read(row: &Node) -> Result<Self, GuardrailError> {
        let fail = |line: usize, message: String| GuardrailError::Row { line, message };
        if let Some((key, value)) = row.entries().iter().find(|(key, _)| !KEYS.contains(&key.as_str())) {
            let nearest = nearest(key, KEYS.into_iter());
            return Err(fail(
                value.line,
                format!("guardrail key `{key}` is not known, the nearest is `{nearest}`"),
            ));
        }
        let text = |key: &str| match row.get(key) {
            None => Ok(None),
            Some(node) => match node.text() {
                Some(text) => Ok(Some((node.line, text))),
                None => Err(fail(node.line, format!("`{key}` takes one value"))),
            },
        };
        let texts = |key: &str| match row.get(key) {
            None => Ok(Vec::new()),
            Some(node) => node
                .texts()
                .map(|texts| texts.into_iter().map(|text| (node.line, text)).collect())
                .ok_or_else(|| fail(node.line, format!("`{key}` is a text or a list of texts"))),
        };
        let unknown = |line: usize, key: &str, given: &str, names: &[&str]| {
            let nearest = nearest(given, names.iter().copied());
            fail(line, format!("guardrail {key} `{given}` is not known, the nearest is `{nearest}`"))
        };
        let (rule, tag) = (text("rule")?, text("tag")?);
        let owned = |text: Option<(usize, &str)>| text.map(|(_, text)| text.to_owned());
        let patterns: Vec<(usize, &str)> = texts("patterns")?;
        let (kinds, is_group) = match text("type")? {
            Some((line, "")) => return Err(fail(line, NO_TYPE.to_owned())),
            Some((_, PII_FILTER | CODE_SCANNER)) if !patterns.is_empty() => {
                let named = patterns.into_iter().map(|(line, name)| known(name, line));
                (named.collect::<Result<_, _>>()?, false)
            }
            Some((line, name)) if !patterns.is_empty() => {
                known(name, line)?;
                return Err(fail(
                    line,
                    format!("guardrail `{name}` is a single type and takes no `patterns`"),
                ));
            }
            Some((line, name)) => (kinds_named(name, line)?, matches!(name, PII_FILTER | CODE_SCANNER)),
            None if rule.is_none() && tag.is_none() => return Err(fail(row.line, NO_TYPE.to_owned())),
            None => (Vec::new(), false),
        };
        let precision = match rule {
            Some(_) => 3,
            None => u8::from(!kinds.is_empty() && !is_group) + u8::from(tag.is_some()),
        };
        let shadow = match text("shadow")? {
            None => None,
            Some((_, "true")) => Some(true),
            Some((_, "false")) => Some(false),
            Some((line, _)) => return Err(fail(line, "`shadow` is true or false".to_owned())),
        };
        let action = match text("action")? {
            None if shadow.is_some() => None,
            None | Some((_, "")) => {
                return Err(fail(row.line, "a guardrail needs an `action`, such as `BLOCK`".to_owned()));
            }
            Some((line, name)) => Some(FindingAction::parse(name).ok_or_else(|| {
                unknown(line, "action", name, &FindingAction::ALL.map(FindingAction::as_str))
            })?),
        };
        let to = match text("to")? {
            None => None,
            Some((line, name)) if action.is_some_and(|action| action >= FindingAction::RaiseLabel) => {
                Some(Label::parse(name.as_bytes()).map_err(|error| fail(line, format!("`to` is {error}")))?)
            }
            Some((line, _)) => {
                let message = "`to` is where RAISE_LABEL, or a stricter action, raises the label to";
                return Err(fail(line, message.to_owned()));
            }
        };
        let label = match text("label")? {
            None => None,
            Some((line, name)) => Some(
                Label::parse(name.as_bytes())
                    .map_err(|_| unknown(line, "label", name, &Level::ALL.map(Level::as_str)))?,
            ),
        };
        let direction =
            match text("direction")? {
                None => None,
                Some((line, name)) => Some(Direction::parse(name).ok_or_else(|| {
                    unknown(line, "direction", name, &Direction::ALL.map(Direction::as_str))
                })?),
            };
        let zone = |(line, name): (usize, &str)| {
            Zone::parse(&name.to_ascii_lowercase())
                .map_err(|_| unknown(line, "zone", name, &Zone::ALL.map(Zone::as_str)))
        };
        let zones = texts("zone")?.into_iter().map(zone).collect::<Result<_, _>>()?;
        let group = |(line, group): (usize, &str)| match group {
            "" => Err(fail(line, NO_GROUP.to_owned())),
            group => Ok(group.to_owned()),
        };
        let groups = texts("group")?.into_iter().map(group).collect::<Result<_, _>>()?;
        let conditions = Conditions { direction, label, groups, zones };
        Ok(Self {
            kinds,
            rule: owned(rule),
            tag: owned(tag),
            conditions,
            precision,
            action,
            to,
            shadow,
            line: row.line,
        })
    }

    fn covers(&self, rule: &Rule) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&rule.kind.name))
            && self.rule.as_ref().is_none_or(|id| *id == rule.id)
            && self.tag.as_ref().is_none_or(|tag| rule.tags.contains(tag))
    }

    /// At least as precise in everything and more in something. A strict partial order, so that of any rows at least one
    /// is not overruled.
    fn overrules(&self, other: &Self) -> bool {
        let (mine, its) = (self.precisions(), other.precisions());
        mine != its && mine.iter().zip(its).all(|(mine, its)| *mine >= its)
    }

    fn precisions(&self) -> [u8; 6] {
        let Conditions { direction, label, groups, zones } = &self.conditions;
        let compartments = label.as_ref().map_or(0, |label| label.compartments().len());
        [
            self.precision,
            u8::from(direction.is_some()),
            label.as_ref().map_or(0, |label| label.level() as u8 + 1),
            u8::try_from(compartments).unwrap_or(u8::MAX),
            u8::from(!groups.is_empty()),
            u8::from(!zones.is_empty()),
        ]
    }
}

pub(crate) const NO_GROUP: &str = "`group` names no group";
const NO_TYPE: &str = "a guardrail needs a `type`, such as `IBAN`";

impl Conditions {
    fn hold(&self, scope: &Scope<'_>) -> bool {
        (self.direction.is_none() || self.direction == scope.direction)
            && is_under(scope.label, self.label.as_ref())
            && (self.groups.is_empty() || self.groups.iter().any(|group| scope.groups.contains(group)))
            && (self.zones.is_empty() || scope.zone.is_some_and(|zone| self.zones.contains(&zone)))
    }
}

fn is_under(label: Option<&Label>, least: Option<&Label>) -> bool {
    least.is_none_or(|least| label.is_some_and(|label| least.flows_to(label)))
}

fn list<'n>(node: Option<&'n Node>, name: &str) -> Result<&'n [Node], GuardrailError> {
    let Some(node) = node else { return Ok(&[]) };
    let items = node.items().ok_or_else(|| GuardrailError::Row {
        line: node.line,
        message: format!("`{name}` is a list, one item a line"),
    })?;
    if items.len() > ROWS_MAX {
        return Err(GuardrailError::Row { line: node.line, message: format!("more than {ROWS_MAX} {name}") });
    }
    Ok(items)
}

/// The types that a guardrail's `type` covers: one, or those of a group.
pub(crate) fn kinds_named(name: &str, line: usize) -> Result<Vec<&'static str>, GuardrailError> {
    let all = |covers: fn(&kind::Kind) -> bool| {
        KINDS.iter().filter(|kind| covers(kind)).map(|kind| kind.name).collect()
    };
    match name {
        PII_FILTER => Ok(all(|kind| kind.personal)),
        CODE_SCANNER => Ok(all(|kind| kind.credential)),
        _ => Ok(vec![known(name, line)?]),
    }
}

fn known(name: &str, line: usize) -> Result<&'static str, GuardrailError> {
    kind::find(name).map(|kind| kind.name).ok_or_else(|| {
        let names = KINDS.iter().map(|kind| kind.name).chain([PII_FILTER, CODE_SCANNER]);
        let nearest = nearest(name, names);
        let message = format!("guardrail type `{name}` is not known, the nearest is `{nearest}`");
        GuardrailError::Row { line, message }
    })
}

/// Why guardrails were refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuardrailError {
    /// Not as expected; `line` counts from 1, 0 where it is not known.
    Row { line: usize, message: String },
    /// The text has no list of guardrails.
    Missing,
    /// The rules do not compile, or one does not do what its examples say.
    Pack(PackError),
}

impl From<Malformed> for GuardrailError {
    fn from(malformed: Malformed) -> Self {
        Self::Row { line: malformed.line, message: malformed.message }
    }
}

impl fmt::Display for GuardrailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row { line: 0, message } => write!(f, "guardrails: {message}"),
            Self::Row { line, message } => write!(f, "guardrails, line {line}: {message}"),
            Self::Missing => {
                f.write_str("no guardrails: expected a list `guardrails:` or tables `[[guardrail]]`")
            }
            Self::Pack(error) => write!(f, "rules: {error}"),
        }
    }
}

impl std::error::Error for GuardrailError {}

#[cfg(test)]
mod tests;
