//! JSON pointers (RFC 6901), kept as a stack while walking and written out only where something was found.

/// The way from the root of a document to a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointer(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    Key(String),
    Static(&'static str),
    Index(usize),
}

impl Pointer {
    pub fn push(&mut self, segment: Segment) {
        self.0.push(segment);
    }

    pub fn pop(&mut self) {
        self.0.pop();
    }

    /// Writes `*` in place of every key of this text.
    pub fn hide_key(&mut self, key: &str) {
        for segment in &mut self.0 {
            if matches!(segment, Segment::Key(known) if known == key) {
                *segment = Segment::Static("*");
            }
        }
    }

    /// The key or index that was pushed last, if it is a key.
    pub fn last_key(&self) -> Option<&str> {
        match self.0.last()? {
            Segment::Key(key) => Some(key),
            Segment::Static(key) => Some(key),
            Segment::Index(_) => None,
        }
    }
}

impl std::fmt::Display for Pointer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for segment in &self.0 {
            match segment {
                Segment::Index(index) => write!(f, "/{index}")?,
                Segment::Static(key) => write!(f, "/{}", key.replace('~', "~0").replace('/', "~1"))?,
                Segment::Key(key) => write!(f, "/{}", key.replace('~', "~0").replace('/', "~1"))?,
            }
        }
        Ok(())
    }
}
