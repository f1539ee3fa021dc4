//! CRC-32 as in IEEE 802.3 and zip: reflected polynomial 0xEDB88320, all ones before and after.
//!
//! It finds every error that touches at most 32 neighbouring bits, so every single mistyped character.

const TABLE: [u32; 256] = table();

/// The checksum of `bytes`.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let folded = bytes.iter().fold(u32::MAX, |crc, byte| {
        let index = (crc ^ u32::from(*byte)) & 0xFF;
        // INVARIANT: the index is below 256, the length of the table.
        (crc >> 8) ^ TABLE.get(index as usize).copied().unwrap_or_default()
    });
    !folded
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses a wrong index")]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::crc32;

    fn check(input: &str, expected: u32) {
        assert_eq!(crc32(input.as_bytes()), expected, "{input}");
    }

    #[test]
    fn the_checksum_is_the_one_of_the_standard() {
        check("", 0);
        // The check value that catalogues of CRCs give for this polynomial.
        check("123456789", 0xCBF4_3926);
        check("a", 0xE8B7_BE43);
    }
}
