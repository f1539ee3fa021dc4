//! JSON pointers (RFC 6901), kept as a stack while walking and written out only where something was found.

use std::fmt;

/// The way from the root of a document to a value. Borrows the keys, because it is built for every value and written for
/// very few.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointer<'a>(Vec<Segment<'a>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Pointer<'a> {
    pub fn push(&mut self, segment: Segment<'a>) {
        self.0.push(segment);
    }

    pub fn pop(&mut self) {
        self.0.pop();
    }

    pub(crate) fn segments(&self) -> &[Segment<'a>] {
        &self.0
    }

    /// Writes `*` in place of every key of this text.
    pub fn hide_key(&mut self, key: &str) {
        for segment in &mut self.0 {
            if *segment == Segment::Key(key) {
                *segment = Segment::Key("*");
            }
        }
    }

    /// Whether this is a text of a conversation, or one of several prompts: those of [`crate::Request::turns`].
    pub fn is_turn(&self) -> bool {
        use Segment::{Index, Key};
        matches!(
            self.0.as_slice(),
            [Key("messages" | "input"), Index(_), Key("content" | "output")]
                | [
                    Key("messages" | "input"),
                    Index(_),
                    Key("content" | "output" | "summary"),
                    Index(_),
                    Key("text" | "content" | "thinking")
                ]
                | [
                    Key("messages"),
                    Index(_),
                    Key("content"),
                    Index(_),
                    Key("content"),
                    Index(_),
                    Key("text")
                ]
                | [Key("system" | "instructions")]
                | [Key("system"), Index(_), Key("text")]
                | [Key("documents"), Index(_), Key("text")]
                | [
                    Key("prompt"
                        | "input"
                        | "documents"
                        | "items"
                        | "queries"
                        | "text_1"
                        | "text_2"
                        | "data_1"
                        | "data_2"),
                    Index(_)
                ]
        )
    }

    /// The key or index that was pushed last, if it is a key.
    pub fn last_key(&self) -> Option<&'a str> {
        match self.0.last()? {
            Segment::Key(key) => Some(key),
            Segment::Index(_) => None,
        }
    }
}

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.0 {
            match segment {
                Segment::Index(index) => write!(f, "/{index}")?,
                Segment::Key(key) => write!(f, "/{}", key.replace('~', "~0").replace('/', "~1"))?,
            }
        }
        Ok(())
    }
}
