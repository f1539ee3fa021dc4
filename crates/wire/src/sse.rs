//! Server-sent events (WHATWG HTML section 9.2), in and out.

use bytes::Bytes;

/// One event. `data` joins several data lines with a line feed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    pub name: Option<String>,
    pub data: String,
}

/// Why a stream of events cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SseError {
    EventTooLarge(usize),
    InvalidUtf8,
}

impl std::fmt::Display for SseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EventTooLarge(max) => write!(f, "an event is larger than {max} bytes"),
            Self::InvalidUtf8 => f.write_str("an event is not valid UTF-8"),
        }
    }
}

impl std::error::Error for SseError {}

/// Cuts bytes into events, wherever the bytes were split.
#[derive(Debug)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// How far `buffer` was searched for the end of a line.
    searched: usize,
    /// The last line ended with CR at the end of the bytes: an LF that follows belongs to it.
    pending_lf: bool,
    event: Event,
    has_data: bool,
    event_bytes_max: usize,
}

impl Decoder {
    /// `event_bytes_max` bounds one line and one event.
    pub fn new(event_bytes_max: usize) -> Self {
        Self {
            buffer: Vec::new(),
            searched: 0,
            pending_lf: false,
            event: Event::default(),
            has_data: false,
            event_bytes_max,
        }
    }

    /// True when bytes were fed that did not yet make a whole event.
    pub fn is_inside_event(&self) -> bool {
        !self.buffer.is_empty() || self.has_data
    }

    /// Takes bytes and appends the events that are complete.
    pub fn feed(&mut self, mut bytes: &[u8], events: &mut Vec<Event>) -> Result<(), SseError> {
        if self.pending_lf {
            self.pending_lf = bytes.is_empty();
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        let buffer = std::mem::take(&mut self.buffer);
        let mut start = 0;
        let mut at = self.searched;
        while let Some(offset) =
            buffer.get(at..).and_then(|rest| rest.iter().position(|&b| b == b'\n' || b == b'\r'))
        {
            let end = at + offset;
            self.line(buffer.get(start..end).unwrap_or_default(), events)?;
            at = end + 1;
            if buffer.get(end) == Some(&b'\r') {
                match buffer.get(at) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.pending_lf = true,
                }
            }
            start = at;
        }
        self.buffer = buffer.get(start..).unwrap_or_default().to_vec();
        self.searched = self.buffer.len();
        if self.buffer.len() > self.event_bytes_max {
            return Err(SseError::EventTooLarge(self.event_bytes_max));
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8], events: &mut Vec<Event>) -> Result<(), SseError> {
        if line.is_empty() {
            if self.has_data {
                events.push(std::mem::take(&mut self.event));
            }
            self.event = Event::default();
            self.has_data = false;
            return Ok(());
        }
        let line = std::str::from_utf8(line).map_err(|_| SseError::InvalidUtf8)?;
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.event.data.len() + value.len() > self.event_bytes_max {
                    return Err(SseError::EventTooLarge(self.event_bytes_max));
                }
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            "event" => self.event.name = Some(value.to_owned()),
            // `id` and `retry` mean nothing between a gateway and a model server; comments are keep-alives.
            _ => {}
        }
        Ok(())
    }
}

/// The frame of one data line. INVARIANT: `json` holds no line break (JSON written by this crate has none).
pub fn frame(json: &str) -> Bytes {
    let mut out = String::with_capacity(json.len() + 8);
    out.push_str("data: ");
    out.push_str(json);
    out.push_str("\n\n");
    Bytes::from(out)
}

/// A comment that says that the answer has this label from here on. Whoever does not know it passes over it, as over any
/// comment.
pub fn label_frame(label: &schleuse_types::Label) -> Bytes {
    Bytes::from(format!("{LABEL_COMMENT}{label}\n\n"))
}

/// The label that a frame of [`label_frame`] says; one that cannot be read counts as SECRET.
pub fn read_label_frame(frame: &[u8]) -> Option<schleuse_types::Label> {
    let label = frame.strip_prefix(LABEL_COMMENT.as_bytes())?;
    Some(schleuse_types::Label::parse(label).unwrap_or(schleuse_types::Label::SECRET))
}

const LABEL_COMMENT: &str = ": x-schleuse-label ";

/// The frame of a named event.
pub fn named_frame(name: &str, json: &str) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {json}\n\n"))
}

/// What OpenAI sends after the last chunk.
pub const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// A comment that keeps the connection open and means nothing.
pub const KEEP_ALIVE: Bytes = Bytes::from_static(b": keep-alive\n\n");

#[cfg(test)]
mod tests {
    use super::{Decoder, Event, SseError};
    use proptest::prelude::*;

    fn decode(pieces: &[&[u8]]) -> Result<Vec<String>, SseError> {
        let mut decoder = Decoder::new(64);
        let mut events = Vec::new();
        for piece in pieces {
            decoder.feed(piece, &mut events)?;
        }
        Ok(events
            .into_iter()
            .map(|Event { name, data }| format!("{}|{data}", name.unwrap_or_default()))
            .collect())
    }

    fn check(input: &str, expected: &[&str]) {
        assert_eq!(decode(&[input.as_bytes()]).unwrap(), expected, "{input:?}");
    }

    #[test]
    fn events_are_cut_at_blank_lines() {
        check("data: a\n\n", &["|a"]);
        check("data:a\r\n\r\ndata: b\r\rdata:  c\n\n", &["|a", "|b", "| c"]);
        check("event: error\ndata: {\ndata: }\n\n", &["error|{\n}"]);
        check(": keep-alive\n\ndata: a\n\n", &["|a"]);
        check("id: 1\nretry: 5\n\n", &[]);
        check("data\n\n", &["|"]);
        check("data: unfinished", &[]);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        assert_eq!(decode(&[&[b'x'; 65]]), Err(SseError::EventTooLarge(64)));
        assert_eq!(decode(&[b"data: \xFF\n"]), Err(SseError::InvalidUtf8));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_bytes_were_split(
            text in "(data: ?[a-z]{0,5}(\n|\r|\r\n)|event: e(\n|\r\n)|: c\n|\n|\r|\r\n){0,12}",
            cut in 0_usize..80,
            second in 0_usize..80,
        ) {
            let bytes = text.as_bytes();
            let cut = cut.min(bytes.len());
            let (first, rest) = bytes.split_at(cut);
            let (middle, last) = rest.split_at(second.min(rest.len()));
            prop_assert_eq!(decode(&[first, middle, last]), decode(&[bytes]));
        }
    }
}
