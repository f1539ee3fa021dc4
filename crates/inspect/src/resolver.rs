//! From hits that overlap to findings that do not, left to right with bounded memory.
//!
//! Hits come in two tiers. *Protected* hits (BLOCK and REDACT) that overlap become one finding over all their bytes,
//! with the type of the strictest action, then of one found in plain sight, then the highest score, then the greatest
//! length: no byte of any of them may
//! be shown. Among the other hits, the better of two that overlap wins, and any that touches a protected finding is
//! dropped. Ground, such as a block of source code, is what other findings stand on: unless it is protected, the first part
//! of it that they leave over counts. The outcome depends on the hits alone, never on how they arrived in portions.

use std::collections::VecDeque;

use schleuse_types::FindingAction;

use crate::score::Odds;

/// One hit of one rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hit {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Index of the rule in its pack.
    pub(crate) rule: usize,
    pub(crate) score: f32,
    /// The evidence that makes the score.
    pub(crate) odds: Odds,
    /// What was found, as a number that is equal for equal values however they are grouped; 0 until
    /// [`crate::Inspector`] weighs the hit.
    pub(crate) value: u64,
    pub(crate) action: FindingAction,
    /// Bytes of the rule's own match, which may be fewer than those of a merged hit.
    pub(crate) length: usize,
    /// Found only in a view against evasion.
    pub(crate) evasive: bool,
    /// Found as what others may stand on.
    pub(crate) is_ground: bool,
}

/// A part of ground with fewer bytes is not told.
const GROUND_MIN: usize = 8;

impl Hit {
    pub(crate) fn is_protected(&self) -> bool {
        self.action.is_protective()
    }

    fn is_better_than(&self, other: &Self) -> bool {
        self.action
            .cmp(&other.action)
            .then(other.evasive.cmp(&self.evasive))
            .then(self.score.total_cmp(&other.score))
            .then(self.length.cmp(&other.length))
            .then(other.rule.cmp(&self.rule))
            .is_gt()
    }
}

/// The state between two portions of hits. Positions are of the whole text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resolver {
    /// The protected finding that a further hit may still join.
    open_protected: Option<Hit>,
    /// Protected findings that another hit may still lie under.
    closed_protected: Vec<(usize, usize)>,
    /// All protected hits that start before this are known.
    protected_until: usize,
    /// The other hit that a further one may still beat.
    open_other: Option<Hit>,
    /// Other hits that beat their rivals and wait to learn whether something protected overlaps them.
    waiting: Vec<Hit>,
    other_until: usize,
    /// Ground that waits to learn what stands on it, apart from each other, by start.
    ground: VecDeque<Hit>,
    /// Findings that may stand on ground still to come.
    standing: Vec<(usize, usize)>,
    /// The end of the last ground.
    ground_end: usize,
}

impl Resolver {
    /// Takes the hits of one pass, of which all protected ones before `protected_until` and all others before
    /// `other_until` are final, and appends the findings that nothing can change any more.
    pub(crate) fn advance(
        &mut self,
        mut hits: Vec<Hit>,
        protected_until: usize,
        other_until: usize,
        findings: &mut Vec<Hit>,
    ) {
        let from = findings.len();
        hits.sort_by(|a, b| a.start.cmp(&b.start).then(b.end.cmp(&a.end)).then(a.rule.cmp(&b.rule)));
        let new = |hit: &&Hit, from: usize, until: usize| (from..until).contains(&hit.start);
        let until = protected_until.max(self.protected_until);
        for hit in
            hits.iter().filter(|hit| hit.is_protected()).filter(|hit| new(hit, self.protected_until, until))
        {
            match &mut self.open_protected {
                Some(open) if hit.start < open.end => {
                    let (start, end) = (open.start, open.end.max(hit.end));
                    if hit.is_better_than(open) {
                        *open = *hit;
                    }
                    (open.start, open.end) = (start, end);
                }
                open => {
                    if let Some(closed) = open.replace(*hit) {
                        self.closed_protected.push((closed.start, closed.end));
                        findings.push(closed);
                    }
                }
            }
        }
        self.protected_until = until;
        if let Some(closed) = self.open_protected.take_if(|open| open.end <= until) {
            self.closed_protected.push((closed.start, closed.end));
            findings.push(closed);
        }
        let until = other_until.max(self.other_until);
        let ground = hits
            .iter()
            .filter(|hit| hit.is_ground && !hit.is_protected())
            .filter(|hit| new(hit, self.other_until, until));
        for hit in ground {
            if hit.start >= self.ground_end {
                self.ground_end = hit.end;
                self.ground.push_back(*hit);
            }
        }
        for hit in hits
            .iter()
            .filter(|hit| !hit.is_protected() && !hit.is_ground)
            .filter(|hit| new(hit, self.other_until, until))
        {
            match &mut self.open_other {
                Some(open) if hit.start < open.end => {
                    if hit.is_better_than(open) {
                        *open = *hit;
                    }
                }
                open => self.waiting.extend(open.replace(*hit)),
            }
        }
        self.other_until = until;
        self.waiting.extend(self.open_other.take_if(|open| open.end <= until));
        self.release_waiting(findings);
        self.standing.extend(findings.iter().skip(from).map(|hit| (hit.start, hit.end)));
        self.release_ground(findings);
    }

    /// Where the protected finding begins that is not yet closed.
    pub(crate) fn open_protected_start(&self) -> Option<usize> {
        self.open_protected.map(|open| open.start)
    }

    /// Where the first finding begins that raises the label of its text and waits to be told.
    pub(crate) fn open_raising_start(&self) -> usize {
        let waiting = self.waiting.iter().chain(&self.open_other);
        let raising = waiting.filter(|hit| hit.action == FindingAction::RaiseLabel);
        raising.map(|hit| hit.start).min().unwrap_or(usize::MAX)
    }

    /// Tells the first part of each ground that nothing stands on, once all that could stand there is known.
    fn release_ground(&mut self, findings: &mut Vec<Hit>) {
        let undecided = self.waiting.iter().chain(&self.open_other).chain(&self.open_protected);
        let undecided = undecided.map(|hit| hit.start).min().unwrap_or(usize::MAX);
        let decided = undecided.min(self.protected_until).min(self.other_until);
        while let Some(ground) = self.ground.pop_front_if(|ground| ground.end <= decided) {
            let on = |(start, end): &&(usize, usize)| *start < ground.end && ground.start < *end;
            let mut standing: Vec<(usize, usize)> = self.standing.iter().filter(on).copied().collect();
            standing.sort_unstable();
            let mut start = ground.start;
            for (from, to) in standing.into_iter().chain([(ground.end, ground.end)]) {
                if from >= start + GROUND_MIN {
                    findings.push(Hit { start, end: from, length: from - start, ..ground });
                    break;
                }
                start = start.max(to);
            }
        }
        let needed = self.ground.front().map_or(self.other_until, |ground| ground.start);
        self.standing.retain(|(_, end)| *end > needed);
    }

    fn release_waiting(&mut self, findings: &mut Vec<Hit>) {
        let decided = self.protected_until;
        let open = self.open_protected.map(|open| (open.start, open.end));
        let protected = &self.closed_protected;
        self.waiting.retain(|hit| {
            if hit.end > decided {
                return true;
            }
            let overlaps = |(start, end): &(usize, usize)| *start < hit.end && hit.start < *end;
            if !protected.iter().chain(open.iter()).any(overlaps) {
                findings.push(*hit);
            }
            false
        });
        let needed = self.waiting.iter().chain(&self.open_other).map(|hit| hit.start).min();
        let needed = needed.unwrap_or(self.other_until).min(self.other_until);
        self.closed_protected.retain(|(_, end)| *end > needed);
    }
}
