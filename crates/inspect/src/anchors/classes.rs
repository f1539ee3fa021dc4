//! What kind each byte of a block is, as bits.

use super::{BLOCK, REACH};

/// A bit for each byte of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Classes {
    /// Letters and digits of ASCII, and `_`.
    pub(super) words: u64,
    pub(super) digits: u64,
    /// Capitals of ASCII, and first bytes of U+00C0 to U+017F.
    pub(super) capitals: u64,
    /// Signs as [`is_sign`] has it.
    pub(super) signs: u64,
}

/// Punctuation that is rare in sentences.
pub(super) const fn is_sign(byte: u8) -> bool {
    matches!(byte, b'!'..=b'+' | b'@' | b'\\')
}

const WORD: u8 = 1;
const DIGIT: u8 = 2;
const CAPITAL: u8 = 4;
const SIGN: u8 = 8;

impl Classes {
    #[inline]
    pub(super) fn of(block: &[u8; REACH]) -> Self {
        let mut kinds = [0; BLOCK];
        // Without a branch, so that the compiler asks about 16 bytes and more at once.
        for (kind, byte) in kinds.iter_mut().zip(block) {
            let digit = byte.is_ascii_digit();
            let word = digit | (byte | 0x20).is_ascii_lowercase() | (*byte == b'_');
            let capital = byte.is_ascii_uppercase() | matches!(byte, 0xC3..=0xC5);
            let sign = matches!(byte, b'!'..=b'+') | (*byte == b'@') | (*byte == b'\\');
            let bit = |is: bool, kind: u8| if is { kind } else { 0 };
            *kind = bit(word, WORD) | bit(digit, DIGIT) | bit(capital, CAPITAL) | bit(sign, SIGN);
        }
        let (parts, _) = kinds.as_chunks::<8>();
        let any = parts.iter().fold(0, |any, part| any | u64::from_le_bytes(*part));
        // Most blocks of prose have no digits and no signs.
        let bits = |kind: u8| {
            if any & u64::from_le_bytes([kind; 8]) == 0 { 0 } else { gathered(&kinds, kind.trailing_zeros()) }
        };
        Self { words: bits(WORD), digits: bits(DIGIT), capitals: bits(CAPITAL), signs: bits(SIGN) }
    }
}

/// One bit of each byte.
#[inline]
fn gathered(kinds: &[u8; BLOCK], bit: u32) -> u64 {
    let (parts, _) = kinds.as_chunks::<8>();
    parts.iter().enumerate().fold(0, |bits, (at, part)| {
        // The multiplication brings the eight ones together in the highest byte.
        let ones = u64::from_le_bytes(*part) >> bit & 0x0101_0101_0101_0101;
        bits | (ones.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * at)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BLOCK, Classes, REACH, is_sign};
    use crate::text::is_word;

    fn check(block: &[u8; REACH]) {
        let bits = |is: &dyn Fn(u8) -> bool| {
            block.iter().take(BLOCK).enumerate().fold(0, |bits, (at, byte)| bits | u64::from(is(*byte)) << at)
        };
        let expected = Classes {
            words: bits(&is_word),
            digits: bits(&|byte| byte.is_ascii_digit()),
            capitals: bits(&|byte| matches!(byte, b'A'..=b'Z' | 0xC3..=0xC5)),
            signs: bits(&is_sign),
        };
        assert_eq!(Classes::of(block), expected, "{block:?}");
    }

    #[test]
    fn every_byte_has_its_classes() {
        for byte in 0..=u8::MAX {
            check(&[byte; REACH]);
        }
    }

    proptest! {
        #[test]
        fn every_block_has_its_classes(block in prop::collection::vec(any::<u8>(), REACH)) {
            check(block.as_slice().try_into().unwrap());
        }
    }
}
