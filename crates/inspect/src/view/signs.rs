//! Where a view may read something else: one look at every byte, for all views at once.
//!
//! Sixty-four bytes are told apart in steps that a compiler turns into vector code, and become one mask of a bit a byte:
//! of prose almost nothing is left. What is left is a superset; each view says itself whether something begins there.

/// Which views may find something at a sign.
pub(super) const FOLD: u8 = 1;
pub(super) const MARKDOWN: u8 = 2;
pub(super) const SQUEEZE: u8 = 4;
pub(super) const ESCAPE: u8 = 8;
pub(super) const DECODE: u8 = 16;

/// Two letters that stand alone are signs when so near to each other.
const NEAR: usize = 4;
const BLOCK: usize = 64;
/// A block with the byte before it, and with those behind it that tell what its last ones are.
const WINDOW: usize = 80;

/// The signs of a text, from one end to the other.
#[derive(Debug)]
pub(super) struct Signs<'t> {
    text: &'t [u8],
    /// Where the block begins whose signs are pending.
    block: usize,
    pending: u64,
    wanted: u8,
}

impl<'t> Signs<'t> {
    /// Signs of the wanted views at `from` or behind it.
    pub(super) fn new(text: &'t [u8], from: usize, wanted: u8) -> Self {
        let mut signs = Self { text, block: from, pending: 0, wanted };
        signs.pending = signs.look();
        signs
    }

    /// The next sign, and which of the wanted views may find something there.
    pub(super) fn next(&mut self) -> Option<(usize, u8)> {
        loop {
            while self.pending != 0 {
                let at = self.block + self.pending.trailing_zeros() as usize;
                self.pending &= self.pending - 1;
                let byte = self.text.get(at).copied()?;
                let views = VIEWS.get(usize::from(byte)).copied().unwrap_or_default() & self.wanted;
                if views != 0 {
                    return Some((at, views));
                }
            }
            self.block += BLOCK;
            if self.block >= self.text.len() {
                return None;
            }
            self.pending = self.look();
        }
    }

    /// The signs of the block, one bit for each byte.
    fn look(&self) -> u64 {
        let whole = self.block.checked_sub(1).and_then(|from| self.text.get(from..));
        if let Some(window) = whole.and_then(|rest| rest.first_chunk::<WINDOW>()) {
            return look(window, WINDOW);
        }
        let mut window = [0; WINDOW];
        let (first, rest) = match self.block.checked_sub(1) {
            None => (1, self.text),
            Some(from) => (0, self.text.get(from..).unwrap_or_default()),
        };
        window.iter_mut().skip(first).zip(rest).for_each(|(to, from)| *to = *from);
        look(&window, (first + rest.len()).min(WINDOW))
    }
}

/// The signs of the block in a window, of which so many bytes are text. What stands behind the end may be anything.
fn look(window: &[u8; WINDOW], length: usize) -> u64 {
    let digits = window.map(|b| u8::from(b.wrapping_sub(b'0') <= 9));
    let letters = window.map(|b| u8::from((b | 0x20).wrapping_sub(b'a') <= 25));
    let capitals = window.map(|b| u8::from(b.wrapping_sub(b'A') <= 25));
    let marks = window.map(|b| {
        u8::from(b.wrapping_sub(b'"') <= b'+' - b'"')
            | u8::from(b.wrapping_sub(b'[') <= b'`' - b'[')
            | u8::from(b.wrapping_sub(b'{') <= b'~' - b'{')
            | u8::from(b.wrapping_sub(b'\n') <= b'\r' - b'\n')
            | u8::from(b == b'=')
            | u8::from(b == b'<')
            | u8::from(b == b'@')
            | u8::from(b == 0xC2)
            | u8::from(b >= 0xCC)
    });
    let mut words = [0; WINDOW];
    for ((word, digit), letter) in words.iter_mut().zip(&digits).zip(&letters) {
        *word = digit | letter;
    }
    // Letters and digits with neither beside them, from the first byte of the block on.
    let mut alone = [0; BLOCK + NEAR];
    let beside = part::<_, { BLOCK + NEAR }>(&words, 0).iter().zip(part::<_, { BLOCK + NEAR }>(&words, 2));
    for ((alone, here), (before, behind)) in
        alone.iter_mut().zip(part::<_, { BLOCK + NEAR }>(&words, 1)).zip(beside)
    {
        *alone = here & (before ^ 1) & (behind ^ 1);
    }
    if length < WINDOW {
        alone.iter_mut().skip(length.saturating_sub(1)).for_each(|alone| *alone = 1);
    }
    let mut signs = *part::<_, BLOCK>(&marks, 1);
    let before = part::<_, BLOCK>(&digits, 0);
    for ((sign, here), before) in signs.iter_mut().zip(part::<_, BLOCK>(&digits, 1)).zip(before) {
        *sign |= here & (before ^ 1);
    }
    let before = part::<_, BLOCK>(&words, 0).iter().zip(part::<_, BLOCK>(&capitals, 0));
    for ((sign, here), (word, capital)) in signs.iter_mut().zip(part::<_, BLOCK>(&capitals, 1)).zip(before) {
        *sign |= here & word & (capital ^ 1);
    }
    // The word `at` between spaces.
    let spaces = window.map(|b| u8::from(b == b' '));
    let ends = window.map(|b| u8::from(b | 0x20 == b't'));
    let begins = window.map(|b| u8::from(b | 0x20 == b'a') | u8::from(b == 0xA4));
    let word =
        part::<_, BLOCK>(&begins, 0).iter().zip(part::<_, BLOCK>(&ends, 1)).zip(part::<_, BLOCK>(&spaces, 2));
    for (sign, ((begin, end), space)) in signs.iter_mut().zip(word) {
        *sign |= begin & end & space;
    }
    let near = part::<_, BLOCK>(&alone, 2)
        .iter()
        .zip(part::<_, BLOCK>(&alone, 3))
        .zip(part::<_, BLOCK>(&alone, NEAR));
    for ((sign, here), ((second, third), fourth)) in
        signs.iter_mut().zip(part::<_, BLOCK>(&alone, 0)).zip(near)
    {
        *sign |= here & (second | third | fourth);
    }
    let (eights, _) = signs.as_chunks::<8>();
    let bits = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    eights.iter().rev().fold(0, |all, eight| all << 8 | bits(eight))
}

/// So many bytes of an array, from one on.
fn part<const N: usize, const M: usize>(array: &[u8; N], from: usize) -> &[u8; M] {
    const { assert!(M <= N) };
    array.get(from..).and_then(|rest| rest.first_chunk()).unwrap_or(&[0; M])
}

/// For each byte, the views that may find something where it stands as a sign.
static VIEWS: [u8; 256] = {
    let mut views = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::indexing_slicing, reason = "256 values for 256 places, at compile time")]
        {
            views[byte] = match byte as u8 {
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => SQUEEZE | DECODE,
                b'_' => MARKDOWN | SQUEEZE,
                b'*' | b'~' => MARKDOWN,
                b'`' => MARKDOWN | SQUEEZE,
                b'\\' => MARKDOWN | ESCAPE,
                b'%' | b'&' | b'=' => ESCAPE,
                b'\n' | b'\r' | b'"' | b'\'' | b'[' | b'(' | b'{' | b'<' | b'@' => SQUEEZE,
                0xC2 | 0xCC..=0xD4 | 0xD9..=0xF4 => FOLD,
                _ => 0,
            };
        }
        byte += 1;
    }
    views
};

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, wanted: u8, expected: &[usize]) {
        let mut signs = Signs::new(text.as_bytes(), 0, wanted);
        let found: Vec<usize> = std::iter::from_fn(|| signs.next().map(|(at, _)| at)).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn prose_has_no_signs() {
        check("Der Kunde prüft die Rechnung, und Frau Özdemir nickt. ", u8::MAX, &[]);
        check("IBAN, BIC und UTF: alles gut; oder? ", u8::MAX, &[]);
    }

    #[test]
    fn a_sign_is_where_something_may_begin() {
        check("ab 12 x3y ", DECODE, &[3, 7]);
        check("aBcD EF ", DECODE, &[1, 3]);
        check("ein D E 8 9 ende ", SQUEEZE, &[4, 6, 8, 10]);
        check("z. B. so ", SQUEEZE, &[0]);
        check("100% *so* \u{a0}", u8::MAX, &[0, 3, 5, 8, 10]);
    }

    #[test]
    fn a_letter_alone_at_the_end_is_a_sign() {
        check("so d", SQUEEZE, &[3]);
        check("so d e", SQUEEZE, &[3, 5]);
        check("so d   ", SQUEEZE, &[3]);
        check("so de", SQUEEZE, &[]);
    }

    #[test]
    fn signs_do_not_depend_on_where_blocks_begin() {
        let text =
            "Ein Satz mit 4 1 1 1 und aB3dE5, dann „Zitat“, 100 % und sonst n i x.\r\n_Ende_ ".repeat(5);
        let from = |from: usize| {
            let mut signs = Signs::new(text.as_bytes(), from, u8::MAX);
            std::iter::from_fn(|| signs.next()).collect::<Vec<_>>()
        };
        let all = from(0);
        for start in 0..text.len() {
            let expected: Vec<_> = all.iter().copied().filter(|(at, _)| *at >= start).collect();
            assert_eq!(from(start), expected, "from {start}");
        }
    }
}
