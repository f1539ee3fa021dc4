//! What the house says about labels: its compartments, who may have what, and the walls between compartments.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use schleuse_limits::Who;
use schleuse_types::{COMPARTMENTS_MAX, Compartment, Label, Level, Principal, Text, Timestamp};

/// A compartment of this house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HouseCompartment {
    pub name: Compartment,
    /// How people call it.
    pub title: Text,
    /// Behind the walls of this one: whoever has seen one of them never sees this one, and the other way round.
    pub conflicts: Vec<Compartment>,
}

/// What some people may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clearance {
    pub who: Who,
    pub most: Label,
    /// The label of their questions that say none.
    pub default: Option<Label>,
}

/// What one asker may have, and what their questions count as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub clearance: Label,
    /// The label of a question that says none.
    pub default: Label,
}

/// Compartments, clearances and walls, checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels {
    compartments: Vec<HouseCompartment>,
    clearances: Vec<Clearance>,
}

impl Labels {
    /// # Errors
    /// More than [`COMPARTMENTS_MAX`] compartments, two of one name, a name that no compartment has, a conflict that only one
    /// side names, and a default label that is not within its clearance.
    pub fn new(compartments: Vec<HouseCompartment>, clearances: Vec<Clearance>) -> Result<Self, LabelsError> {
        let labels = Self { compartments, clearances };
        for (row, compartment) in labels.compartments.iter().enumerate() {
            let fail = |key, message| Err(LabelsError { table: Table::Compartment, row, key, message });
            let name = &compartment.name;
            if row >= COMPARTMENTS_MAX {
                return fail("name", format!("a house has at most {COMPARTMENTS_MAX} compartments"));
            }
            if labels.compartments.iter().take(row).any(|other| other.name == *name) {
                return fail("name", format!("there is another compartment `{name}`"));
            }
            for conflict in &compartment.conflicts {
                if conflict == name {
                    return fail("conflicts", format!("`{name}` cannot be in conflict with itself"));
                }
                match labels.find(conflict) {
                    None => return fail("conflicts", labels.unknown(conflict)),
                    Some(other) if !other.conflicts.contains(name) => {
                        let message = format!(
                            "`{conflict}` does not name `{name}` in its own `conflicts`; a wall has two sides"
                        );
                        return fail("conflicts", message);
                    }
                    Some(_) => {}
                }
            }
        }
        for (row, clearance) in labels.clearances.iter().enumerate() {
            let fail = |key, message| Err(LabelsError { table: Table::Clearance, row, key, message });
            if let Err(message) = labels.check(&clearance.most) {
                return fail("compartments", message);
            }
            match &clearance.default {
                Some(default) if !default.flows_to(&clearance.most) => {
                    return fail(
                        "default_label",
                        format!("{default} is beyond the clearance {}", clearance.most),
                    );
                }
                None if clearance.most.level() < Level::Internal => {
                    let message =
                        "a question without a label counts as INTERNAL, which is beyond this clearance; \
                                   say `default_label`"
                            .to_owned();
                    return fail("max_label", message);
                }
                _ => {}
            }
        }
        Ok(labels)
    }

    pub fn compartments(&self) -> &[HouseCompartment] {
        &self.compartments
    }

    pub fn clearances(&self) -> &[Clearance] {
        &self.clearances
    }

    /// Refuses a label with a compartment that this house does not have, in words for whoever wrote it.
    pub fn check(&self, label: &Label) -> Result<(), String> {
        match self.stranger(label) {
            None => Ok(()),
            Some(stranger) => Err(self.unknown(stranger)),
        }
    }

    /// A compartment of the label that this house does not have.
    pub fn stranger<'l>(&self, label: &'l Label) -> Option<&'l Compartment> {
        label.compartments().iter().find(|name| self.find(name).is_none())
    }

    /// The names of all compartments, with commas between them; empty without any.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.compartments.iter().map(|known| known.name.as_str()).collect();
        names.join(", ")
    }

    /// The compartments as people are told of them, with what they are called; empty without any.
    pub(crate) fn described(&self) -> Text {
        let each = |title: fn(&Text) -> &str| {
            let told = self.compartments.iter().map(|known| match title(&known.title) {
                title if title.is_empty() || title == known.name.as_str() => known.name.to_string(),
                title => format!("{} ({title})", known.name),
            });
            told.collect::<Vec<_>>().join(", ")
        };
        Text::new(each(|title| &title.english), each(|title| &title.german))
    }

    /// What this asker may have. The most exact rows count alone: those of the key, else of the person, else of groups and
    /// role together. Of several the join; nobody's row is PUBLIC.
    ///
    /// A house without any row lets everybody have every level, and nobody a compartment.
    pub fn standing(&self, principal: &Principal) -> Standing {
        if self.clearances.is_empty() {
            return Standing { clearance: Label::SECRET, default: Label::INTERNAL };
        }
        let fitting: Vec<&Clearance> =
            self.clearances.iter().filter(|clearance| clearance.who.fits(principal)).collect();
        let most_exact = fitting.iter().map(|clearance| exactness(&clearance.who)).max();
        let counting = fitting.into_iter().filter(|clearance| Some(exactness(&clearance.who)) == most_exact);
        let join = |one: Label, other: Label| one.join(&other);
        Standing {
            clearance: counting.clone().map(|row| row.most.clone()).reduce(join).unwrap_or(Label::PUBLIC),
            default: counting.filter_map(|row| row.default.clone()).reduce(join).unwrap_or(Label::INTERNAL),
        }
    }

    /// Two compartments of the label with a wall between them.
    pub fn torn(&self, label: &Label) -> Option<(Compartment, Compartment)> {
        let has = |name: &Compartment| label.compartments().contains(name);
        self.compartments.iter().filter(|known| has(&known.name)).find_map(|known| {
            let conflict = known.conflicts.iter().find(|conflict| has(conflict))?;
            Some((known.name.clone(), conflict.clone()))
        })
    }

    /// The compartments that are closed to whoever has seen one of the label's.
    pub fn against(&self, label: &Label) -> Vec<Compartment> {
        let has = |name: &Compartment| label.compartments().contains(name);
        let behind = self.compartments.iter().filter(|known| has(&known.name));
        behind.flat_map(|known| known.conflicts.iter().cloned()).collect()
    }

    /// Whether there is a wall between these two.
    pub(crate) fn has_wall(&self, one: &Compartment, other: &Compartment) -> bool {
        self.find(one).is_some_and(|known| known.conflicts.contains(other))
    }

    /// The wall between these two as it is told, sorted.
    pub(crate) fn wall(one: &Compartment, other: &Compartment) -> String {
        let (first, second) = if one < other { (one, other) } else { (other, one) };
        format!("`{first}` | `{second}`")
    }

    fn find(&self, name: &Compartment) -> Option<&HouseCompartment> {
        self.compartments.iter().find(|known| known.name == *name)
    }

    fn unknown(&self, name: &Compartment) -> String {
        if self.compartments.is_empty() {
            return format!("there is no compartment `{name}`; add it as a `[[compartment]]`");
        }
        format!("there is no compartment `{name}`; there are {}", self.names())
    }
}

fn exactness(who: &Who) -> u8 {
    match who {
        Who::Role(_) | Who::Group(_) | Who::Tenant(_) => 0,
        Who::Person(_) => 1,
        Who::Key(_) => 2,
    }
}

/// What is wrong with the labels of a house, and in which row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelsError {
    pub table: Table,
    /// From 0, in the order in which the rows were given.
    pub row: usize,
    pub key: &'static str,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    Compartment,
    Clearance,
}

impl fmt::Display for LabelsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for LabelsError {}

/// The memory of who has seen which compartment. It outlives the process.
pub trait Walls: Send + Sync {
    /// Notes durably that the person reaches these compartments, all or none: none when they have already reached one of
    /// `against`, which is then returned. Two at once of one person are decided one after the other.
    fn enter<'a>(&'a self, entering: Entering<'a>) -> Entered<'a>;
}

/// A person before a wall.
#[derive(Debug, Clone, Copy)]
pub struct Entering<'a> {
    pub person: &'a str,
    pub compartments: &'a [Compartment],
    pub against: &'a [Compartment],
    pub now: Timestamp,
}

/// The compartment that was already reached and closes the way; the error is for the log.
pub type Entered<'a> = Pin<Box<dyn Future<Output = Result<Option<Compartment>, String>> + Send + 'a>>;

#[cfg(test)]
mod tests;
