//! How many requests of one person run at the same time, whatever they are.
//!
//! Not a rule of the configuration but a wall of the house: every running request holds a body, a connection and a place
//! at a model server, and one person must not hold them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Requests of one person that run at the same time when nothing else is said.
pub const PARALLEL_MAX: u32 = 1024;

/// Who runs how many requests. Holds an entry only for those who run at least one.
#[derive(Debug, Default, Clone)]
pub(crate) struct Table(Arc<Mutex<HashMap<Arc<str>, u32>>>);

impl Table {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, u32>> {
        // Every change is one step: what a panic leaves is true.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more, unless there are already `most`.
    pub(crate) fn enter(&self, person: &str, most: u32) -> Option<Running> {
        let mut counts = self.lock();
        let person: Arc<str> = match counts.get_key_value(person) {
            Some((_, count)) if *count >= most => return None,
            Some((known, _)) => Arc::clone(known),
            None if most == 0 => return None,
            None => person.into(),
        };
        *counts.entry(Arc::clone(&person)).or_default() += 1;
        drop(counts);
        Some(Running { table: self.clone(), person })
    }

    pub(crate) fn count(&self, person: &str) -> u32 {
        self.lock().get(person).copied().unwrap_or_default()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}

/// A running request; counted until it is dropped.
#[derive(Debug)]
pub struct Running {
    table: Table,
    person: Arc<str>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut counts = self.table.lock();
        if let Some(count) = counts.get_mut(&self.person) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.person);
            }
        }
    }
}
