//! One window of inspection for each channel of each choice of a streamed answer.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use schleuse_inspect::{Coverage, Released, Restorer, Surrogates, Window};
use schleuse_types::{Finding, Label, Refusal, RefusalCode, Text};
use schleuse_wire::json::Value;
use schleuse_wire::{Channel, Chunk, ChunkChoice, Piece, ToolCallHead};

use super::super::inspect::{Guards, Seen, hidden_in_arguments};
use super::{blocked_reply, is_harmless};

/// Longest arguments of one tool call. They are held back whole, so there has to be an end.
const ARGUMENTS_BYTES_MAX: usize = 1024 * 1024;
/// So much of a text that was interrupted is looked at again together with what it goes on with.
const JOINT_BYTES: usize = 4096;

pub(super) struct Channels {
    guards: Guards,
    surrogates: Surrogates,
    /// Whether the surface tells one text after the other, and not side by side.
    is_sequential: bool,
    choices: BTreeMap<u32, Choice>,
    /// What was found since it was last taken, and the sensitivity of names and ids.
    seen: Seen,
    /// Of names and ids.
    named: Coverage,
    /// Id, time and fingerprint of the answer, for chunks that are made here.
    head: Chunk,
}

#[derive(Default)]
struct Choice {
    windows: BTreeMap<Channel, Held>,
    /// Texts that ended because another one began.
    past: Vec<(Channel, Held)>,
    named_tools: Vec<u32>,
    logprobs: VecDeque<(usize, Value)>,
    is_redacted: bool,
    is_finished: bool,
}

struct Held {
    window: Window,
    /// Turns surrogates back in what the window released. Arguments keep them: they are bound for elsewhere.
    restorer: Option<Restorer>,
    fed: usize,
    released: usize,
    /// Of a tool call.
    are_arguments: bool,
    /// Arguments that no window blocked; shown once they are whole, because a later escape could complete what their
    /// beginning only hints at. The same for a text that goes on after another one.
    waiting: String,
    /// The end of what was fed; of a text that goes on, all of it.
    tail: String,
    /// The end of the same text before it was interrupted.
    before: Option<String>,
}

impl Channels {
    pub(super) fn new(guards: Guards, surrogates: Surrogates, is_sequential: bool) -> Self {
        Self {
            guards,
            surrogates,
            is_sequential,
            choices: BTreeMap::new(),
            seen: Seen::default(),
            named: Coverage::default(),
            head: Chunk::default(),
        }
    }

    /// What was found since the last call, if anything, and how sensitive the answer is so far.
    pub(super) fn take_seen(&mut self) -> Option<Seen> {
        let is_raised = self.seen.label != Label::PUBLIC;
        if self.seen.findings.is_empty() && self.seen.shadow.is_empty() && !is_raised {
            return None;
        }
        let mut seen = std::mem::take(&mut self.seen);
        for held in self.windows() {
            seen.tally.join(held.window.tally());
        }
        Some(seen)
    }

    /// How much of the answer so far was seen.
    pub(super) fn coverage(&self) -> Coverage {
        let mut coverage = self.named;
        for held in self.windows() {
            coverage += held.window.coverage();
        }
        coverage
    }

    fn windows(&self) -> impl Iterator<Item = &Held> {
        self.choices
            .values()
            .flat_map(|choice| choice.windows.values().chain(choice.past.iter().map(|(_, held)| held)))
    }

    /// Takes a chunk and gives back what of it, and of what was held back before, may be shown now.
    pub(super) fn take(&mut self, chunk: Chunk) -> Result<Vec<Chunk>, Refusal> {
        let Chunk { id, created, system_fingerprint, choices, .. } = chunk;
        self.head = Chunk { id, created, system_fingerprint, ..Chunk::default() };
        let mut out = Vec::with_capacity(1);
        for choice in choices {
            for released in self.take_choice(choice)? {
                out.push(Chunk { choices: vec![released], ..self.head.clone() });
            }
        }
        Ok(out)
    }

    /// The stream is over: gives back what was still held of choices that did not say that they were finished.
    pub(super) fn finish_all(&mut self) -> Result<Vec<Chunk>, Refusal> {
        let open: Vec<u32> =
            self.choices.iter().filter(|(_, choice)| !choice.is_finished).map(|(index, _)| *index).collect();
        let mut out = Vec::new();
        for index in open {
            let rest = self.finish(index, Vec::new())?;
            if !rest.pieces.is_empty() || rest.logprobs.is_some() {
                out.push(Chunk { choices: vec![rest], ..self.head.clone() });
            }
        }
        Ok(out)
    }

    fn take_choice(&mut self, taken: ChunkChoice) -> Result<Vec<ChunkChoice>, Refusal> {
        let index = taken.index;
        let ChunkChoice {
            role, pieces, tool_calls, function_name, logprobs, finish_reason, stop_reason, ..
        } = taken;
        self.check_names(index, &tool_calls, function_name.as_deref())?;
        let mut shown = Vec::with_capacity(pieces.len());
        let had_text = !pieces.is_empty();
        for Piece { channel, text } in pieces {
            let is_empty = text.is_empty();
            self.turn_to(index, channel, &mut shown)?;
            let released = self.push(index, channel, &text)?;
            if is_empty || !released.is_empty() {
                shown.push(Piece { channel, text: released });
            }
        }
        if let Some(logprobs) = logprobs {
            self.hold_logprobs(index, logprobs);
        }
        let mut first =
            ChunkChoice { index, role, pieces: shown, tool_calls, function_name, ..ChunkChoice::default() };
        let Some(reason) = finish_reason else {
            first.logprobs = self.release_logprobs(index);
            return Ok(if first.is_empty() { Vec::new() } else { vec![first] });
        };
        let rest = self.finish(index, std::mem::take(&mut first.pieces))?;
        first.pieces = rest.pieces;
        first.logprobs = rest.logprobs;
        let stop_reason = stop_reason.filter(|reason| self.is_harmless(reason));
        let end = ChunkChoice { index, finish_reason: Some(reason), stop_reason, ..ChunkChoice::default() };
        if first.is_empty() {
            return Ok(vec![end]);
        }
        if had_text {
            // The model server sent text and end in one chunk; so does this.
            return Ok(vec![ChunkChoice {
                finish_reason: end.finish_reason,
                stop_reason: end.stop_reason,
                ..first
            }]);
        }
        Ok(vec![first, end])
    }

    fn push(&mut self, index: u32, channel: Channel, text: &str) -> Result<String, Refusal> {
        let choice = self.choices.entry(index).or_default();
        let before = choice.past.iter().rev().find(|(past, _)| *past == channel);
        let before = before.map(|(_, held)| held.tail.clone());
        let held = choice.windows.entry(channel).or_insert_with(|| {
            let is_text = !is_call(channel);
            Held {
                window: self.guards.at(|| path(index, channel)).window(),
                restorer: (is_text && !self.surrogates.is_empty()).then(|| self.surrogates.restorer()),
                fed: 0,
                released: 0,
                are_arguments: !is_text,
                waiting: String::new(),
                tail: String::new(),
                before,
            }
        });
        held.fed += text.len();
        let is_held_back = held.are_arguments || held.before.is_some();
        if is_held_back && held.fed > ARGUMENTS_BYTES_MAX {
            return Err(arguments_too_long());
        }
        if self.is_sequential && !held.are_arguments {
            held.remember(text);
        }
        let released = held.window.push(text);
        let shown = self.keep(index, channel, released)?;
        let held = self.choices.get_mut(&index).and_then(|choice| choice.windows.get_mut(&channel));
        match held.filter(|_| is_held_back) {
            Some(held) => {
                held.waiting.push_str(&shown);
                Ok(String::new())
            }
            None => Ok(shown),
        }
    }

    /// Books what a window released. A block ends the answer.
    fn keep(&mut self, index: u32, channel: Channel, released: Released) -> Result<String, Refusal> {
        let Released { mut text, findings, shadow, blocked, consumed_upto } = released;
        if let Some(choice) = self.choices.get_mut(&index) {
            choice.is_redacted |= findings.iter().any(|finding| finding.action.replaces());
            if let Some(held) = choice.windows.get_mut(&channel) {
                held.released = consumed_upto;
                text = held.restored(text);
            }
        }
        let placed = |findings: Vec<Finding>| -> Vec<Finding> {
            findings.into_iter().map(|finding| Finding { path: path(index, channel), ..finding }).collect()
        };
        let findings = placed(findings);
        self.raise(&findings);
        self.seen.shadow.extend(placed(shadow));
        self.seen.findings.extend_from_slice(&findings);
        if blocked {
            return Err(blocked_reply(&findings));
        }
        Ok(text)
    }

    /// What was found raises the label of the answer.
    fn raise(&mut self, findings: &[Finding]) {
        for finding in findings {
            if let Some(label) = self.guards.inspector().lowest_label(finding) {
                self.seen.raise(finding, label, || finding.path.clone());
            }
        }
    }

    /// Closes all windows of a choice; `shown` is what its last chunk already released.
    fn finish(&mut self, index: u32, shown: Vec<Piece>) -> Result<ChunkChoice, Refusal> {
        let mut pieces = shown;
        let channels: Vec<Channel> = match self.choices.get_mut(&index) {
            Some(choice) => {
                choice.is_finished = true;
                choice.windows.keys().copied().collect()
            }
            None => Vec::new(),
        };
        for channel in channels {
            let text = self.end(index, channel)?;
            if text.is_empty() {
                continue;
            }
            let is_same = |piece: &&mut Piece| piece.channel == channel;
            let told = match self.is_sequential {
                true => pieces.last_mut().filter(is_same),
                false => pieces.iter_mut().find(is_same),
            };
            match told {
                Some(piece) => piece.text.push_str(&text),
                None => pieces.push(Piece { channel, text }),
            }
        }
        let logprobs = self.release_logprobs(index);
        Ok(ChunkChoice { index, pieces, logprobs, ..ChunkChoice::default() })
    }

    /// A surface that tells one text after the other has no place for what comes late: before another text goes on, what is
    /// still held of the one before is given out.
    fn turn_to(&mut self, index: u32, channel: Channel, shown: &mut Vec<Piece>) -> Result<(), Refusal> {
        if !self.is_sequential || is_call(channel) {
            return Ok(());
        }
        let open = self.choices.get(&index).map(|choice| choice.windows.keys().copied());
        let others: Vec<Channel> =
            open.into_iter().flatten().filter(|other| *other != channel && !is_call(*other)).collect();
        for other in others {
            let text = self.end(index, other)?;
            if let Some(choice) = self.choices.get_mut(&index)
                && let Some(held) = choice.windows.remove(&other)
            {
                choice.past.push((other, held));
            }
            if !text.is_empty() {
                shown.push(Piece { channel: other, text });
            }
        }
        Ok(())
    }

    /// Closes a window, and gives back what it still held.
    fn end(&mut self, index: u32, channel: Channel) -> Result<String, Refusal> {
        let held = self.choices.get_mut(&index).and_then(|choice| choice.windows.get_mut(&channel));
        let Some(held) = held else { return Ok(String::new()) };
        let released = held.window.finish();
        let (fed, are_arguments) = (held.fed, held.are_arguments);
        let joint = held.before.take().map(|before| (before, held.tail.clone()));
        let waiting = std::mem::take(&mut held.waiting);
        let mut text = waiting + &self.keep(index, channel, released)?;
        let held = self.choices.get_mut(&index).and_then(|choice| choice.windows.get_mut(&channel));
        if let Some(held) = held {
            held.released = fed;
            if let Some(restorer) = &mut held.restorer {
                text.push_str(&restorer.finish());
            }
        }
        if are_arguments {
            self.check_arguments(index, channel, &text)?;
        }
        if let Some((before, after)) = joint {
            self.check_joint(index, channel, &before, &after)?;
        }
        Ok(text)
    }

    /// A text that was interrupted by another one could spell across the gap what neither half shows.
    fn check_joint(
        &mut self,
        index: u32,
        channel: Channel,
        before: &str,
        after: &str,
    ) -> Result<(), Refusal> {
        let place = || path(index, channel);
        let mut found = self.guards.at(place).scan(&format!("{before}{after}"));
        found.retain(|finding| {
            finding.action.is_protective() && finding.start < before.len() && before.len() < finding.end
        });
        if found.is_empty() {
            return Ok(());
        }
        for finding in &mut found {
            // The first half is gone; what can be shown is where the second one begins.
            (finding.start, finding.end) = (0, finding.end.saturating_sub(before.len()));
            finding.path = place();
        }
        self.seen.findings.extend_from_slice(&found);
        Err(blocked_reply(&found))
    }

    /// Names and ids of tool calls come whole; in pieces they could spell what no piece shows.
    fn check_names(
        &mut self,
        index: u32,
        heads: &[ToolCallHead],
        function_name: Option<&str>,
    ) -> Result<(), Refusal> {
        let choice = self.choices.entry(index).or_default();
        let mut texts: Vec<&str> = function_name.into_iter().collect();
        for head in heads {
            if head.name.is_some() {
                if choice.named_tools.contains(&head.index) {
                    return Err(Refusal::new(
                        RefusalCode::UpstreamFailed,
                        Text::fixed(
                            "The model server named a tool in several pieces.",
                            "Der Modellserver hat ein Werkzeug in mehreren Stücken benannt.",
                        ),
                        Text::fixed("Ask again.", "Fragen Sie erneut."),
                        "a tool call was named twice",
                    ));
                }
                choice.named_tools.push(head.index);
            }
            texts.extend(head.name.as_deref());
            texts.extend(head.id.as_deref());
        }
        let place = || format!("/choices/{index}/delta/tool_calls");
        for text in texts {
            let examined = self.guards.at(place).examine(text);
            self.named += examined.coverage;
            let mut found = examined.findings;
            let placed: Vec<Finding> =
                found.iter().map(|finding| Finding { path: place(), ..finding.clone() }).collect();
            self.raise(&placed);
            found.retain(|finding| finding.action.is_protective());
            if !found.is_empty() {
                for finding in &mut found {
                    finding.path = place();
                }
                self.seen.tally.join(&examined.tally);
                self.seen.findings.extend_from_slice(&found);
                return Err(blocked_reply(&found));
            }
        }
        Ok(())
    }

    /// A second look at whole arguments as they would be shown: their escapes could hide what the pieces did not show.
    fn check_arguments(&mut self, index: u32, channel: Channel, arguments: &str) -> Result<(), Refusal> {
        let place = || path(index, channel);
        let mut findings = hidden_in_arguments(&self.guards.at(place), arguments, &[]);
        if findings.is_empty() {
            return Ok(());
        }
        for finding in &mut findings {
            finding.path = place();
        }
        self.seen.findings.extend_from_slice(&findings);
        Err(blocked_reply(&findings))
    }

    fn is_harmless(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => is_harmless(&self.guards, text),
            Value::Number(_) | Value::Null => true,
            _ => false,
        }
    }

    /// Probabilities spell the text again, token by token: they wait until their text is out.
    fn hold_logprobs(&mut self, index: u32, logprobs: Value) {
        if let Some(choice) = self.choices.get_mut(&index) {
            let end = choice.main().map_or(0, |held| held.fed);
            choice.logprobs.push_back((end, logprobs));
        }
    }

    /// Those whose text is out. None any more once something of the choice was replaced or
    /// turned back.
    fn release_logprobs(&mut self, index: u32) -> Option<Value> {
        let choice = self.choices.get_mut(&index)?;
        if choice.is_redacted || !self.surrogates.is_empty() {
            choice.logprobs.clear();
            return None;
        }
        let released = choice.main().map_or(usize::MAX, |held| held.released);
        let mut joined: Option<Value> = None;
        while choice.logprobs.front().is_some_and(|(end, _)| *end <= released) {
            let (_, next) = choice.logprobs.pop_front()?;
            joined = Some(match joined {
                None => next,
                Some(before) => join(before, next),
            });
        }
        joined
    }
}

impl Held {
    fn remember(&mut self, text: &str) {
        self.tail.push_str(text);
        if self.before.is_none() && self.tail.len() > 2 * JOINT_BYTES {
            let from = self.tail.ceil_char_boundary(self.tail.len() - JOINT_BYTES);
            self.tail.drain(..from);
        }
    }

    fn restored(&mut self, text: String) -> String {
        match &mut self.restorer {
            Some(restorer) => restorer.push(&text),
            None => text,
        }
    }
}

impl Choice {
    /// The channel that probabilities speak of.
    fn main(&self) -> Option<&Held> {
        self.windows.get(&Channel::Content).or_else(|| self.windows.get(&Channel::Text))
    }
}

fn is_call(channel: Channel) -> bool {
    matches!(channel, Channel::ToolArguments(_) | Channel::FunctionArguments)
}

fn arguments_too_long() -> Refusal {
    Refusal::new(
        RefusalCode::UpstreamFailed,
        Text::fixed(
            "A part of the answer that has to be looked at whole, such as arguments for a tool, is longer than a mebibyte.",
            "Ein Teil der Antwort, der als Ganzes geprüft werden muss, etwa Argumente für ein Werkzeug, ist länger als ein \
             Mebibyte.",
        ),
        Text::fixed("Ask for less at once.", "Fragen Sie nach weniger auf einmal."),
        "tool arguments too long",
    )
}

/// Appends the lists of one logprobs object to those of another.
fn join(before: Value, next: Value) -> Value {
    match (before, next) {
        (Value::Object(mut before), Value::Object(next)) => {
            for (name, value) in next {
                let joined = match (before.remove(&name), value) {
                    (Some(Value::Array(mut items)), Value::Array(more)) => {
                        items.extend(more);
                        Value::Array(items)
                    }
                    (Some(Value::Null) | None, value) => value,
                    (Some(kept), _) => kept,
                };
                before.set(&name, joined);
            }
            Value::Object(before)
        }
        (Value::Null, next) => next,
        (before, _) => before,
    }
}

fn path(index: u32, channel: Channel) -> String {
    match channel {
        Channel::Content => format!("/choices/{index}/delta/content"),
        Channel::Reasoning => format!("/choices/{index}/delta/reasoning"),
        Channel::ReasoningContent => format!("/choices/{index}/delta/reasoning_content"),
        Channel::Refusal => format!("/choices/{index}/delta/refusal"),
        Channel::Text => format!("/choices/{index}/text"),
        Channel::ToolArguments(call) => {
            format!("/choices/{index}/delta/tool_calls/{call}/function/arguments")
        }
        Channel::FunctionArguments => format!("/choices/{index}/delta/function_call/arguments"),
    }
}
