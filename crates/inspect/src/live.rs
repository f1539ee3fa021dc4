//! The inspector in force, replaced while requests and streams run.

use std::sync::{PoisonError, RwLock};

use crate::Inspector;

/// Holds the inspector that new work takes. Work that has begun keeps the one it took.
///
/// Whoever replaces builds the new [`Inspector`] first: packs compile, their examples run and guardrails are matched with
/// the rules before anything changes, and an error leaves the old one in force.
#[derive(Debug)]
pub struct LiveInspector {
    /// Held only to copy or to swap three pointers, never while anything is compiled or inspected.
    current: RwLock<Inspector>,
}

impl LiveInspector {
    pub fn new(inspector: Inspector) -> Self {
        Self { current: RwLock::new(inspector) }
    }

    /// The inspector in force now.
    pub fn current(&self) -> Inspector {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts what `build` makes into force and gives back what was. When `build` fails, nothing changes.
    ///
    /// # Errors
    /// Those of `build`.
    pub fn replace<E>(&self, build: impl FnOnce() -> Result<Inspector, E>) -> Result<Inspector, E> {
        let new = build()?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::replace(&mut *current, new))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::LiveInspector;
    use crate::{GuardrailError, Guardrails, Inspector, Pack};

    const TERM: &str = "[[rule]]\nid = \"falke\"\ntype = \"CUSTOM_TERM\"\nkeywords = [\"Falke\"]\npattern = 'Falke'\nscore = 0.9\naction = \"REDACT\"\npositive = [\"Falke\"]\nnegative = [\"Habicht\"]\n";

    fn build(pack: &str) -> Result<Inspector, GuardrailError> {
        let pack = Pack::with_own(&[("house", pack)]).map_err(GuardrailError::Pack)?;
        Inspector::with_pack(Arc::new(pack), Guardrails::default())
    }

    #[test]
    fn a_new_pack_serves_new_work_and_running_streams_keep_theirs() {
        let live = LiveInspector::new(Inspector::new(Guardrails::default()).unwrap());
        let mut running = live.current().window();
        let old = live.current().pack_digest().to_owned();
        let mut shown = running.push("Projekt Fal").text;
        let before = live.replace(|| build(TERM)).unwrap();
        assert_eq!(before.pack_digest(), old);
        assert_ne!(live.current().pack_digest(), old);
        shown.push_str(&running.push("ke").text);
        shown.push_str(&running.finish().text);
        assert_eq!(shown, "Projekt Falke");
        assert_eq!(live.current().scan("Projekt Falke").len(), 1);
    }

    #[test]
    fn a_pack_that_fails_its_own_examples_leaves_the_old_one_in_force() {
        let live = LiveInspector::new(build(TERM).unwrap());
        let old = live.current().pack_digest().to_owned();
        let refused = live.replace(|| build(&TERM.replace("\"Habicht\"", "\"ein Falke\""))).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "rules: pack `house`, line 1: rule `falke` finds its negative example 0"
        );
        assert_eq!(live.current().pack_digest(), old);
        assert_eq!(live.current().scan("Falke").len(), 1);
    }
}
