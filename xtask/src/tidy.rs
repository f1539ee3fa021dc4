//! The house rules, checked against the sources: the crate table of ARCHITECTURE.md against `cargo metadata`, the doors of
//! outside crates, and what no file may contain. Every breach is told, not only the first.

mod graph;
mod sources;
mod table;

use crate::place::{self, Place};
use crate::{Trouble, step};

/// Runs every rule.
///
/// # Errors
/// When any rule is broken; each breach has been printed by then.
pub(crate) fn run(place: &Place) -> Result<(), Trouble> {
    let step = step::Step::begin("tidy");
    let mut breaches = Vec::new();
    let table = table::parse(&place::read(&place.root.join("ARCHITECTURE.md"))?)
        .map_err(|error| Trouble::new(format!("ARCHITECTURE.md: {error}")))?;
    let members = graph::members(place)?;
    breaches.extend(graph::compare(&table, &members));
    breaches.extend(graph::shape(&members));
    breaches.extend(graph::doors(&members));
    let files = sources::list(place)?;
    breaches.extend(sources::check(&files));
    breaches.extend(sources::missing_rows(&files, &table));
    for warning in sources::shares(&files) {
        eprintln!("x: warning: {warning}");
    }
    for breach in &breaches {
        eprintln!("x: tidy: {breach}");
    }
    match breaches.len() {
        0 => {
            step.done();
            Ok(())
        }
        1 => Err(Trouble::new("tidy: one rule is broken")),
        many => Err(Trouble::new(format!("tidy: {many} rules are broken"))),
    }
}
