//! The streaming window: shows what may be shown, holds what could still become a finding.

use schleuse_types::{Finding, FindingAction};

use crate::armour::ARMOUR_MAX;
use crate::inspector::{Inspector, Progress, replacement};
use crate::score::Tally;
use crate::text::floor_character;
use crate::view::{Coverage, OpaqueRuns};

/// The most bytes that a window holds back for a candidate: an open armoured key. Every other rule has a lower limit of
/// its own (tokens 512 bytes, JSON web tokens 8 KiB). At its limit a candidate counts as a finding.
/// What is long is looked at only when it grew by an eighth, so that much may be held on top.
///
/// A redaction whose overlapping findings chain on holds back its bytes too, but keeps only their range in memory.
pub const MAX_HELD: usize = ARMOUR_MAX;

/// While more than this is kept, a push looks at it again only when it grew by an eighth: the work stays linear.
const EAGER: usize = 1024;

/// The streaming state of one text channel: one choice, one kind of delta.
///
/// Law: whatever the pieces, the concatenated output is [`Inspector::redact`] of the whole text with the same findings;
/// when a BLOCK finding ends it, the output is a beginning of that which ends at or before the finding's start.
#[derive(Debug)]
pub struct Window {
    inspector: Inspector,
    progress: Progress,
    /// The text from `progress.base` on.
    kept: String,
    /// Position in the whole text up to which output was given.
    shown: usize,
    /// Length of `kept` at the last look.
    looked_at: usize,
    blocked: bool,
    /// Bytes that were pushed.
    fed: usize,
    opaque: OpaqueRuns,
}

/// What a push may show.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Released {
    /// Text that may be shown now, REDACT findings already replaced.
    pub text: String,
    /// Findings that became certain, with offsets in the whole original text of this channel.
    ///
    /// Every finding is reported once, those of one push by their start. Findings whose action is below
    /// RAISE_LABEL may come after their text, and so may those that stand only in a view against evasion.
    pub findings: Vec<Finding>,
    /// What rules in shadow found. Calls for nothing.
    pub shadow: Vec<Finding>,
    /// A BLOCK finding was hit: nothing more may be shown. Stays set.
    pub blocked: bool,
    /// Byte offset in the original text up to which output was given.
    pub consumed_upto: usize,
}

impl Window {
    pub(crate) fn new(inspector: Inspector) -> Self {
        Self {
            inspector,
            progress: Progress::default(),
            kept: String::new(),
            shown: 0,
            looked_at: 0,
            blocked: false,
            fed: 0,
            opaque: OpaqueRuns::default(),
        }
    }

    /// Feeds the next piece of the text and says what may be shown.
    pub fn push(&mut self, piece: &str) -> Released {
        if self.blocked {
            return self.nothing();
        }
        self.fed += piece.len();
        self.opaque.push(piece.as_bytes());
        self.kept.push_str(piece);
        let unseen = self.kept.len() - self.looked_at;
        if self.kept.len() > EAGER && unseen < self.kept.len() / 8 && !piece.contains('-') {
            return self.nothing();
        }
        self.look(false)
    }

    /// Says what may be shown of the rest: the text is complete.
    pub fn finish(&mut self) -> Released {
        if self.blocked { self.nothing() } else { self.look(true) }
    }

    /// Bytes that were pushed and neither shown nor replaced.
    pub fn held(&self) -> usize {
        (self.progress.base + self.kept.len()).saturating_sub(self.shown)
    }

    /// What all findings so far say about the sensitivity of the text.
    pub fn tally(&self) -> &Tally {
        &self.progress.tally
    }

    /// How much of the text so far was seen.
    pub fn coverage(&self) -> Coverage {
        let zones = &self.progress.zones;
        Coverage::of_counts(self.fed, zones.decoded, self.opaque.count() + zones.opaque)
    }

    fn nothing(&self) -> Released {
        Released { blocked: self.blocked, consumed_upto: self.shown, ..Released::default() }
    }

    fn look(&mut self, at_end: bool) -> Released {
        let mut hits = Vec::new();
        self.progress.advance(&self.inspector, self.kept.as_bytes(), at_end, &mut hits);
        let mut released = Released::default();
        for hit in &hits {
            let finding = self.inspector.finding(hit);
            match hit.action {
                FindingAction::Block => {
                    self.show_until(hit.start, &mut released.text);
                    self.blocked = true;
                }
                action if action.replaces() => {
                    self.show_until(hit.start, &mut released.text);
                    // Of a long chain of overlapping findings the bytes are not kept; nothing of them is shown then.
                    let base = self.progress.base;
                    let found =
                        hit.start.checked_sub(base).and_then(|start| self.kept.get(start..hit.end - base));
                    released.text.push_str(&replacement(&finding.kind, action, found.unwrap_or_default()));
                    self.shown = hit.end;
                }
                _ => {}
            }
            released.findings.push(finding);
            if self.blocked {
                break;
            }
        }
        let shadow = std::mem::take(&mut self.progress.shadow);
        released.shadow = shadow.iter().map(|hit| self.inspector.finding(hit)).collect();
        if !self.blocked {
            self.show_until(self.progress.decided(), &mut released.text);
            self.forget();
        } else {
            self.kept.clear();
        }
        released.blocked = self.blocked;
        released.consumed_upto = self.shown;
        released
    }

    /// Appends the text up to a position that is decided.
    fn show_until(&mut self, until: usize, output: &mut String) {
        let base = self.progress.base;
        if until <= self.shown {
            return;
        }
        match self.kept.get(self.shown.saturating_sub(base)..until.saturating_sub(base)) {
            Some(text) => {
                output.push_str(text);
                self.shown = until;
            }
            // INVARIANT: every decision falls on a character boundary. Should one not, show nothing ever more.
            None => self.blocked = true,
        }
    }

    fn forget(&mut self) {
        // What lies between `shown` and this belongs to an open protected finding and will never be shown.
        let needed = self.progress.needed_from().saturating_sub(self.progress.base);
        let cut = floor_character(self.kept.as_bytes(), needed);
        self.kept.drain(..cut);
        self.progress.base += cut;
        self.looked_at = self.kept.len();
    }
}

#[cfg(test)]
mod tests;
