//! A derived text whose every byte knows which bytes of the original it stands for.

/// Bytes derived from a stretch of the original, all offsets relative to its first byte.
#[derive(Debug, Default, Clone)]
pub(super) struct Lane {
    pub(super) bytes: Vec<u8>,
    /// For each byte, the first byte of the original that it stands for. Never falls.
    from: Vec<u32>,
    /// For each byte, one past the last byte of the original that it stands for.
    to: Vec<u32>,
    /// Ranges of `bytes` that differ from what they were derived from; empty where something was dropped. Sorted.
    pub(super) changes: Vec<(usize, usize)>,
    /// Ranges of the original that were derived in one piece.
    pub(super) pieces: Vec<Piece>,
    /// It reads encoded text.
    pub(super) decoded: bool,
    /// Up to here the original is derived; what follows waits for more text.
    pub(super) end: u32,
}

/// A range of the original that was derived in one piece: derived from its middle on, it would read differently.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Deriving may begin again at `start`, in the middle of an encoded run of this kind.
    pub(super) entry: Option<super::decode::Kind>,
}

/// One derived byte and the range of input bytes, the last included, that it stands for.
pub(super) type Derived = (u8, usize, usize);

/// What a view finds next in its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing more differs.
    Nothing,
    /// From here on, bytes to come decide.
    Open(usize),
    /// The input from `start` to `end` reads as the derived bytes handed out beside this.
    Change { start: usize, end: usize, entry: Option<super::decode::Kind> },
}

impl Found {
    /// Where it begins.
    pub(super) fn place(self) -> Option<usize> {
        match self {
            Self::Nothing => None,
            Self::Open(at) | Self::Change { start: at, .. } => Some(at),
        }
    }
}

/// The outcome of deriving one lane from another.
#[derive(Debug)]
pub(super) enum Outcome {
    Same,
    /// The same up to an index; what follows waits for more text.
    SameUntil(usize),
    New(Lane),
}

impl Lane {
    /// The original itself.
    pub(super) fn original(text: &[u8]) -> Self {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        Self {
            bytes: text.to_vec(),
            from: (0..length).collect(),
            to: (1..=length).collect(),
            changes: Vec::new(),
            pieces: Vec::new(),
            decoded: false,
            end: length,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The first byte of the original that the byte at `index` stands for; behind the last one, the end.
    pub(super) fn origin(&self, index: usize) -> usize {
        self.from.get(index).map_or(self.end, |from| *from) as usize
    }

    /// One past the last byte of the original that the byte before `index` stands for.
    pub(super) fn origin_end(&self, index: usize) -> usize {
        index.checked_sub(1).and_then(|last| self.to.get(last)).copied().unwrap_or_default() as usize
    }

    /// The index of the first byte that stands for `origin` or something behind it.
    pub(super) fn index_of(&self, origin: usize) -> usize {
        self.from.partition_point(|from| (*from as usize) < origin)
    }

    /// Something differs at or behind `start` and at or before `end`.
    pub(super) fn differs_within(&self, start: usize, end: usize) -> bool {
        let at = self.changes.partition_point(|(_, until)| *until < start);
        self.changes.get(at).is_some_and(|(from, _)| *from <= end)
    }

    /// The piece that begins before this place of the original and ends behind it, or begins there and may be entered.
    pub(super) fn piece_around(&self, place: usize) -> Option<&Piece> {
        let before = self.pieces.partition_point(|piece| piece.start as usize <= place).checked_sub(1)?;
        let holds = |piece: &&Piece| {
            place < piece.end as usize && ((piece.start as usize) < place || piece.entry.is_some())
        };
        self.pieces.get(before).filter(holds)
    }

    /// Derives a lane from the first `limit` bytes of this one.
    ///
    /// `find` gets the bytes, the index to look from, and room for the bytes of the change that it finds.
    pub(super) fn derive(
        &self,
        limit: usize,
        mut find: impl FnMut(&[u8], usize, &mut Vec<Derived>) -> Found,
    ) -> Outcome {
        let text = self.bytes.get(..limit).unwrap_or_default();
        let mut out: Option<Self> = None;
        let mut scratch = Vec::new();
        let mut at = 0;
        loop {
            scratch.clear();
            match find(text, at, &mut scratch) {
                Found::Nothing => break,
                Found::Open(open) => {
                    return match out {
                        None => Outcome::SameUntil(open),
                        Some(mut lane) => {
                            lane.copy(self, at, open);
                            lane.end = u32::try_from(self.origin(open)).unwrap_or(u32::MAX);
                            Outcome::New(lane)
                        }
                    };
                }
                Found::Change { start, end, entry } => {
                    let lane = out.get_or_insert_with(|| Self { end: self.end, ..Self::default() });
                    lane.copy(self, at, start);
                    lane.change(self, start, end, &scratch, entry);
                    at = end;
                }
            }
        }
        match out {
            None if limit < self.len() => Outcome::SameUntil(limit),
            None => Outcome::Same,
            Some(mut lane) => {
                lane.copy(self, at, limit);
                lane.end = u32::try_from(self.origin(limit)).unwrap_or(u32::MAX);
                Outcome::New(lane)
            }
        }
    }

    fn copy(&mut self, input: &Self, start: usize, end: usize) {
        self.bytes.extend_from_slice(input.bytes.get(start..end).unwrap_or_default());
        self.from.extend_from_slice(input.from.get(start..end).unwrap_or_default());
        self.to.extend_from_slice(input.to.get(start..end).unwrap_or_default());
    }

    fn change(
        &mut self,
        input: &Self,
        start: usize,
        end: usize,
        derived: &[Derived],
        entry: Option<super::decode::Kind>,
    ) {
        let first = self.len();
        for (byte, from, last) in derived {
            let (Some(from), Some(to)) = (input.from.get(*from), input.to.get(*last)) else { continue };
            self.bytes.push(*byte);
            self.from.push(*from);
            self.to.push(*to);
        }
        let until = self.len();
        match self.changes.last_mut() {
            Some((_, end)) if *end == first && !derived.is_empty() => *end = until,
            Some((_, end)) if *end == first && first == until => {}
            _ => self.changes.push((first, until)),
        }
        if let (Some(from), Some(to)) = (input.from.get(start), input.to.get(end.saturating_sub(1))) {
            self.pieces.push(Piece { start: *from, end: *to, entry });
        }
    }
}
