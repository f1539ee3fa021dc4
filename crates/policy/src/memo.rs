//! Answers that were given before.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::{Decision, Question};

/// Remembers at most [`Memo::CAPACITY`] decisions by their whole question, never by a hash alone.
///
/// Two generations: when the young one is full it becomes the old one, and what is asked again moves up. So a flood of
/// new questions costs memory once and cannot push out what is asked all the time.
#[derive(Debug, Default)]
pub(crate) struct Memo(RwLock<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Question, Decision>,
    old: HashMap<Question, Decision>,
}

impl Memo {
    const CAPACITY: usize = 4096;
    /// Heavier questions are decided anew each time, so that the memo stays below 16 MiB of text.
    const QUESTION_BYTES_MAX: usize = 4096;

    /// The decision on an equal question, if it is remembered.
    pub(crate) fn find(&self, question: &Question) -> Option<Decision> {
        let generations = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(decision) = generations.young.get(question) {
            return Some(decision.clone());
        }
        let decision = generations.old.get(question).cloned()?;
        drop(generations);
        self.keep(question, &decision);
        Some(decision)
    }

    pub(crate) fn keep(&self, question: &Question, decision: &Decision) {
        if question.weight() > Self::QUESTION_BYTES_MAX {
            return;
        }
        // Cloned before the lock, which every request takes, is held.
        let (question, decision) = (question.clone(), decision.clone());
        let mut generations = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let retired = (generations.young.len() >= Self::CAPACITY / 2).then(|| {
            let full = std::mem::take(&mut generations.young);
            std::mem::replace(&mut generations.old, full)
        });
        generations.young.insert(question, decision);
        drop(generations);
        // Freeing thousands of questions takes its time: after the lock.
        drop(retired);
    }
}

#[cfg(test)]
mod tests {
    use schleuse_types::{Role, Tenant};

    use super::Memo;
    use crate::{Action, Circumstances, Decision, Question};

    fn question(person: String) -> Question {
        let (groups, circumstances) = (Default::default(), Circumstances::default());
        let (role, action) = (Role::Admin, Action::ListModels);
        Question { person, role, groups, tenant: Tenant::HOUSE, action, circumstances }
    }

    fn decision(question: &Question) -> Decision {
        Decision::allow(question, vec![question.person.clone()], Vec::new())
    }

    fn count(memo: &Memo) -> usize {
        let generations = memo.0.read().unwrap();
        generations.young.len() + generations.old.len()
    }

    #[test]
    fn the_memo_is_bounded_and_keeps_what_is_asked_again() {
        let memo = Memo::default();
        let regular = question("regular".to_owned());
        memo.keep(&regular, &decision(&regular));
        for number in 0..3 * Memo::CAPACITY {
            let other = question(number.to_string());
            memo.keep(&other, &decision(&other));
            if number % 1000 == 0 {
                assert_eq!(memo.find(&regular), Some(decision(&regular)));
            }
        }
        assert!(count(&memo) <= Memo::CAPACITY, "{}", count(&memo));
        assert_eq!(memo.find(&regular), Some(decision(&regular)));
        assert_eq!(memo.find(&question("0".to_owned())), None);
    }

    #[test]
    fn questions_that_differ_in_anything_are_different() {
        let memo = Memo::default();
        let known = question("ada".to_owned());
        memo.keep(&known, &decision(&known));
        let circumstances = Circumstances { demo: true, ..Circumstances::default() };
        let differing = [
            Question { role: Role::Auditor, ..known.clone() },
            Question { groups: ["g".to_owned()].into(), ..known.clone() },
            Question { tenant: Tenant::parse("t").unwrap(), ..known.clone() },
            Question { action: Action::ReadAudit, ..known.clone() },
            Question { circumstances, ..known.clone() },
        ];
        for question in differing {
            assert_eq!(memo.find(&question), None);
        }
    }

    #[test]
    fn huge_questions_are_not_kept() {
        let memo = Memo::default();
        let huge = question("x".repeat(Memo::QUESTION_BYTES_MAX + 1));
        memo.keep(&huge, &decision(&huge));
        assert_eq!(memo.find(&huge), None);
    }
}
