//! The join: values split over messages of one conversation.

use schleuse_types::Finding;

use crate::inspector::{Inspector, Joined};
use crate::score::Tally;
use crate::text::floor_character;

/// Bytes of the end and of the beginning of a message that are read together with its neighbours.
const EDGE: usize = 512;
/// A value is looked for in so many messages in a row.
const MESSAGES_MAX: usize = 5;
/// What the writer may have left out between two parts.
const JOINTS: [&str; 3] = ["", " ", "\n"];
/// Types that are believed across messages: a check digit or a prefix speaks for them.
const BELIEVED: &[&str] = &[
    "IBAN",
    "CREDIT_CARD",
    "DE_STEUER_ID",
    "DE_SVNR",
    "DE_KVNR",
    "NATIONAL_ID",
    "API_KEY",
    "JWT",
    "PRIVATE_KEY",
    "CONNECTION_STRING",
    "EMAIL",
];

/// A stretch of one message inside a joined text.
struct Part {
    message: usize,
    /// Where it begins in its message, and in the joined text.
    from: usize,
    start: usize,
    end: usize,
}

/// The parts of values that go from one text into the next, flagged evasive. `own` is what each text holds by itself.
pub(crate) fn parts(inspector: &Inspector, texts: &[&str], own: &[&[Finding]]) -> Joined {
    let mut all = Joined { parts: vec![Vec::new(); texts.len()], tally: Tally::default() };
    for first in 0..texts.len().saturating_sub(1) {
        if texts.get(first).is_none_or(|text| text.trim().is_empty()) {
            continue;
        }
        for joint in JOINTS {
            let (joined, parts) = join(texts, first, joint);
            let (mut hits, _) = inspector.hits(&joined);
            hits.retain(|hit| {
                BELIEVED.contains(&inspector.kind_of(hit)) && all.take(inspector.finding(hit), &parts, own)
            });
            inspector.count(&hits, &mut all.tally);
        }
    }
    for found in &mut all.parts {
        found.sort_by_key(|finding| (finding.start, finding.end));
    }
    all
}

impl Joined {
    /// Adds the parts of a finding in a joined text, unless it is no news.
    fn take(&mut self, finding: Finding, parts: &[Part], own: &[&[Finding]]) -> bool {
        let pieces: Vec<(usize, usize, usize)> = parts
            .iter()
            .filter(|part| part.start < finding.end && finding.start < part.end)
            .map(|part| {
                let start = finding.start.max(part.start) - part.start + part.from;
                let end = finding.end.min(part.end) - part.start + part.from;
                (part.message, start, end)
            })
            .filter(|(_, start, end)| start < end)
            .collect();
        // A value that stands whole in one message was found there; so was one that another only touches.
        let known = pieces.iter().any(|(message, start, end)| {
            own.get(*message).is_some_and(|found| {
                found.iter().any(|f| f.kind == finding.kind && f.start < *end && *start < f.end)
            })
        });
        if pieces.len() < 2 || known {
            return false;
        }
        for (message, start, end) in pieces {
            let Some(found) = self.parts.get_mut(message) else { continue };
            let covered = found.iter().any(|f| f.kind == finding.kind && f.start <= start && end <= f.end);
            if !covered {
                found.push(Finding { start, end, evasive: true, ..finding.clone() });
            }
        }
        true
    }
}

/// The end of one message and what follows, up to the first message that is too long to be a part as a whole.
fn join(texts: &[&str], first: usize, joint: &str) -> (String, Vec<Part>) {
    let mut joined = String::new();
    let mut parts = Vec::new();
    // Messages that say nothing part nothing.
    let said = texts.iter().enumerate().skip(first).filter(|(_, text)| !text.trim().is_empty());
    for (message, text) in said.take(MESSAGES_MAX) {
        let (from, until) = if message == first {
            (floor_character(text.as_bytes(), text.len().saturating_sub(EDGE)), text.len())
        } else {
            joined.push_str(joint);
            (0, floor_character(text.as_bytes(), EDGE))
        };
        let start = joined.len();
        joined.push_str(text.get(from..until).unwrap_or_default());
        parts.push(Part { message, from, start, end: joined.len() });
        if message != first && until < text.len() {
            break;
        }
    }
    (joined, parts)
}
