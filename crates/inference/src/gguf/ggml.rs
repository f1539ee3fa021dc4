//! The element types of ggml: how many elements a block has, and how many bytes.

/// One element type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ElementType {
    number: u32,
    block_elements: u64,
    block_bytes: u64,
}

impl ElementType {
    /// `None` for a number that ggml does not use (any more).
    pub(super) fn parse(number: u32) -> Option<Self> {
        let found = TYPES.iter().find(|(known, ..)| *known == number);
        found.map(|(number, block_elements, block_bytes)| Self {
            number: *number,
            block_elements: *block_elements,
            block_bytes: *block_bytes,
        })
    }

    /// Whether every kernel of the engine multiplies by it: single and half precision, and Q8_0.
    pub(super) fn fits_adapters(self) -> bool {
        [0, 1, 8, 30].contains(&self.number)
    }

    /// The bytes of a tensor of this type.
    pub(super) fn bytes(self, shape: &[u64]) -> Result<u64, &'static str> {
        if shape.contains(&0) {
            return Err("has a dimension of 0");
        }
        if shape.first().is_none_or(|row| row % self.block_elements != 0) {
            return Err("has rows that are not whole blocks of its type");
        }
        let elements = shape.iter().try_fold(1_u64, |product, dimension| product.checked_mul(*dimension));
        // Native code counts elements with a sign.
        let elements = elements.filter(|elements| i64::try_from(*elements).is_ok());
        let bytes =
            elements.and_then(|elements| (elements / self.block_elements).checked_mul(self.block_bytes));
        bytes.ok_or("has more elements than can be counted")
    }
}

/// Number, elements per block, bytes per block; from the type table of the llama.cpp release that the engine uses.
const TYPES: [(u32, u64, u64); 35] = [
    (0, 1, 4),      // F32
    (1, 1, 2),      // F16
    (2, 32, 18),    // Q4_0
    (3, 32, 20),    // Q4_1
    (6, 32, 22),    // Q5_0
    (7, 32, 24),    // Q5_1
    (8, 32, 34),    // Q8_0
    (9, 32, 36),    // Q8_1
    (10, 256, 84),  // Q2_K
    (11, 256, 110), // Q3_K
    (12, 256, 144), // Q4_K
    (13, 256, 176), // Q5_K
    (14, 256, 210), // Q6_K
    (15, 256, 292), // Q8_K
    (16, 256, 66),  // IQ2_XXS
    (17, 256, 74),  // IQ2_XS
    (18, 256, 98),  // IQ3_XXS
    (19, 256, 50),  // IQ1_S
    (20, 32, 18),   // IQ4_NL
    (21, 256, 110), // IQ3_S
    (22, 256, 82),  // IQ2_S
    (23, 256, 136), // IQ4_XS
    (24, 1, 1),     // I8
    (25, 1, 2),     // I16
    (26, 1, 4),     // I32
    (27, 1, 8),     // I64
    (28, 1, 8),     // F64
    (29, 256, 56),  // IQ1_M
    (30, 1, 2),     // BF16
    (34, 256, 54),  // TQ1_0
    (35, 256, 66),  // TQ2_0
    (39, 32, 17),   // MXFP4
    (40, 64, 36),   // NVFP4
    (41, 128, 18),  // Q1_0
    (42, 64, 18),   // Q2_0
];

#[cfg(test)]
mod tests {
    use super::ElementType;

    fn check(number: u32, shape: &[u64], expected: Result<u64, &str>) {
        assert_eq!(ElementType::parse(number).unwrap().bytes(shape), expected);
    }

    #[test]
    fn sizes_are_whole_blocks() {
        check(0, &[3], Ok(12));
        check(3, &[64, 2], Ok(80));
        check(14, &[256, 3, 1], Ok(630));
        check(3, &[33], Err("has rows that are not whole blocks of its type"));
        check(1, &[0, 4], Err("has a dimension of 0"));
        check(0, &[1 << 40, 1 << 40], Err("has more elements than can be counted"));
        check(28, &[1 << 61], Err("has more elements than can be counted"));
        assert_eq!(ElementType::parse(4), None);
        assert_eq!(ElementType::parse(u32::MAX), None);
    }
}
