//! From byte pieces to text: incomplete characters and possible beginnings of stop strings are held back.

/// Turns the byte pieces of one answer into text that may be sent.
#[derive(Debug)]
pub(crate) struct Answer {
    held: Vec<u8>,
    stops: Vec<Vec<u8>>,
}

/// What a piece made ready.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    /// Complete characters that no stop string can claim any more. May be empty.
    pub(crate) text: String,
    /// A stop string was completed; `text` ends before it, and nothing may follow.
    pub(crate) stopped: bool,
}

impl Answer {
    /// `stops` must not hold an empty string: it would end every answer at once.
    pub(crate) fn new(stops: Vec<Vec<u8>>) -> Self {
        Self { held: Vec::new(), stops }
    }

    pub(crate) fn push(&mut self, piece: &[u8]) -> Ready {
        self.held.extend_from_slice(piece);
        if let Some(at) = self.first_stop() {
            self.held.truncate(at);
            return Ready { text: self.finish(), stopped: true };
        }
        let open = self.held.len() - self.longest_open_stop();
        Ready { text: self.take_characters(open, false), stopped: false }
    }

    /// The rest when the answer has ended; bytes that never became a character are replaced by U+FFFD.
    pub(crate) fn finish(&mut self) -> String {
        self.take_characters(self.held.len(), true)
    }

    fn first_stop(&self) -> Option<usize> {
        let starts = self
            .stops
            .iter()
            .filter_map(|stop| self.held.windows(stop.len()).position(|window| window == stop.as_slice()));
        starts.min()
    }

    /// Length of the longest end of `held` that begins some stop string.
    fn longest_open_stop(&self) -> usize {
        let open = |stop: &Vec<u8>| {
            let longest = stop.len().saturating_sub(1).min(self.held.len());
            (1..=longest)
                .rev()
                .find(|length| stop.get(..*length).is_some_and(|beginning| self.held.ends_with(beginning)))
        };
        self.stops.iter().filter_map(open).max().unwrap_or(0)
    }

    /// Takes characters that lie wholly within the first `limit` bytes.
    fn take_characters(&mut self, limit: usize, last: bool) -> String {
        let mut text = String::new();
        let mut taken = 0;
        while let Some(rest) = self.held.get(taken..limit).filter(|rest| !rest.is_empty()) {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    taken = limit;
                }
                Err(error) => {
                    let (valid, _) = rest.split_at(error.valid_up_to());
                    text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                    taken += valid.len();
                    match error.error_len() {
                        Some(broken) => taken += broken,
                        None if last => taken = limit,
                        None => break,
                    }
                    text.push(char::REPLACEMENT_CHARACTER);
                }
            }
        }
        self.held.drain(..taken);
        text
    }
}

/// A token's bytes as text; parts of characters become U+FFFD, the `bytes` beside it are exact.
pub(crate) fn printed(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::Answer;
    use proptest::prelude::*;

    fn check(stops: &[&str], pieces: &[&[u8]], expected: &[&str]) {
        let mut answer = Answer::new(stops.iter().map(|stop| stop.as_bytes().to_vec()).collect());
        let mut texts = Vec::new();
        for piece in pieces {
            let ready = answer.push(piece);
            texts.push(ready.text);
            if ready.stopped {
                assert_eq!(texts, expected);
                return;
            }
        }
        texts.push(answer.finish());
        assert_eq!(texts, expected);
    }

    #[test]
    fn characters_come_whole() {
        check(&[], &[b"a", b"\xc3", b"\xa4b"], &["a", "", "äb", ""]);
        check(&[], &[b"\xf0\x9f", b"\x98\x80"], &["", "😀", ""]);
        check(&[], &[b"\xff", b"a\xc3"], &["\u{fffd}", "a", "\u{fffd}"]);
    }

    #[test]
    fn stop_strings_span_pieces() {
        check(&["END"], &[b"one E", b"N", b"D two"], &["one ", "", ""]);
        check(&["END"], &[b"one E", b"N", b"O"], &["one ", "", "ENO", ""]);
        check(&["\n\n", "##"], &[b"a\n", b"#", b"#"], &["a", "\n", ""]);
        check(&["aab"], &[b"aa", b"ab"], &["", "a"]);
        check(&["b", "ab"], &[b"xab"], &["x"]);
    }

    proptest! {
        /// However an answer is cut into pieces, the same text comes out.
        #[test]
        fn split_anywhere_is_whole(
            bytes in proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), any::<u8>()], 0..60),
            cuts in proptest::collection::vec(0_usize..60, 0..8),
            stop in "[ab]{1,3}",
        ) {
            let whole = run(&stop, &[&bytes]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let split = run(&stop, &pieces);
            prop_assert!(!split.contains(&stop));
            prop_assert_eq!(whole, split);
        }
    }

    fn run(stop: &str, pieces: &[&[u8]]) -> String {
        let mut answer = Answer::new(vec![stop.as_bytes().to_vec()]);
        let mut text = String::new();
        for piece in pieces {
            let ready = answer.push(piece);
            text.push_str(&ready.text);
            if ready.stopped {
                return text;
            }
        }
        text + &answer.finish()
    }
}
