//! What a model said, part after part, as surfaces have it that know more than one text.

use std::collections::BTreeMap;

use crate::json::{self, Bounds, Object, Value};
use crate::{Channel, Chunk, ChunkChoice, Piece, ReplyError};

/// Longest answer that is put together, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The parts of the one answer so far. Thoughts and texts follow each other as they come; calls of tools come last, in
/// their order, because their arguments are only shown whole.
#[derive(Debug, Default)]
pub(super) struct Parts {
    parts: Vec<Part>,
    is_open: bool,
    calls: BTreeMap<u32, Call>,
    bytes: usize,
    /// The model server's own word for why the answer ended.
    pub(super) finish_reason: Option<String>,
    /// The text at which it was told to stop, if it did.
    pub(super) stopped_at: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Thought(String),
    Text(String),
    Call(Call),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Call {
    pub(super) id: Option<String>,
    pub(super) name: String,
    /// Pieces of a JSON document, together.
    pub(super) arguments: String,
}

impl Call {
    /// The arguments as an object; an empty one when they are none, as when the answer ended in the middle of them.
    pub(super) fn input(&self) -> Object {
        match json::parse(self.arguments.as_bytes(), &Bounds::default()) {
            Ok(Value::Object(input)) => input,
            _ => Object::new(),
        }
    }
}

/// What happened to a part; the number is its place in the answer.
#[derive(Debug)]
pub(super) enum Told<'p> {
    Opened(usize, &'p Part),
    Added(usize, &'p Part, &'p str),
    Closed(usize, &'p Part),
}

impl Parts {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter()
    }

    pub(super) fn has_calls(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Call(_)))
    }

    /// Takes a chunk in, and tells what became of it.
    pub(super) fn take(&mut self, chunk: &Chunk, tell: &mut dyn FnMut(Told<'_>)) -> Result<(), ReplyError> {
        for choice in &chunk.choices {
            self.take_choice(choice, tell)?;
        }
        Ok(())
    }

    fn take_choice(
        &mut self,
        choice: &ChunkChoice,
        tell: &mut dyn FnMut(Told<'_>),
    ) -> Result<(), ReplyError> {
        for head in &choice.tool_calls {
            let call = self.calls.entry(head.index).or_default();
            call.id = call.id.take().or_else(|| head.id.clone());
            if let Some(name) = &head.name {
                call.name.clone_from(name);
            }
        }
        if let Some(name) = &choice.function_name {
            self.calls.entry(u32::MAX).or_default().name.clone_from(name);
        }
        for Piece { channel, text } in &choice.pieces {
            self.bytes = self.bytes.saturating_add(text.len());
            if self.bytes > ANSWER_BYTES_MAX {
                return Err(ReplyError::Malformed("the answer is too long"));
            }
            match channel {
                Channel::ToolArguments(index) => {
                    self.calls.entry(*index).or_default().arguments.push_str(text);
                }
                Channel::FunctionArguments => {
                    self.calls.entry(u32::MAX).or_default().arguments.push_str(text);
                }
                Channel::Reasoning | Channel::ReasoningContent => self.add(text, true, tell),
                Channel::Content | Channel::Refusal | Channel::Text => self.add(text, false, tell),
            }
        }
        if let Some(reason) = &choice.finish_reason {
            self.finish_reason = Some(reason.clone());
        }
        if let Some(Value::String(stop)) = &choice.stop_reason {
            self.stopped_at = Some(stop.clone());
        }
        Ok(())
    }

    fn add(&mut self, text: &str, is_thought: bool, tell: &mut dyn FnMut(Told<'_>)) {
        if text.is_empty() {
            return;
        }
        let is_same = match self.parts.last() {
            Some(Part::Thought(_)) => is_thought,
            Some(Part::Text(_)) => !is_thought,
            Some(Part::Call(_)) | None => false,
        };
        if !self.is_open || !is_same {
            self.close(tell);
            let part = if is_thought { Part::Thought(String::new()) } else { Part::Text(String::new()) };
            self.open(part, tell);
        }
        if let Some(Part::Thought(all) | Part::Text(all)) = self.parts.last_mut() {
            all.push_str(text);
        }
        if let Some(part) = self.parts.last() {
            tell(Told::Added(self.parts.len() - 1, part, text));
        }
    }

    fn open(&mut self, part: Part, tell: &mut dyn FnMut(Told<'_>)) {
        self.parts.push(part);
        self.is_open = true;
        if let Some(part) = self.parts.last() {
            tell(Told::Opened(self.parts.len() - 1, part));
        }
    }

    fn close(&mut self, tell: &mut dyn FnMut(Told<'_>)) {
        if std::mem::take(&mut self.is_open)
            && let Some(part) = self.parts.last()
        {
            tell(Told::Closed(self.parts.len() - 1, part));
        }
    }

    /// Nothing more comes.
    pub(super) fn finish(&mut self, tell: &mut dyn FnMut(Told<'_>)) {
        self.close(tell);
        for call in std::mem::take(&mut self.calls).into_values() {
            self.open(Part::Call(call), tell);
            if let Some(part @ Part::Call(call)) = self.parts.last() {
                tell(Told::Added(self.parts.len() - 1, part, &call.arguments));
            }
            self.close(tell);
        }
    }
}
