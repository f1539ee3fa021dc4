//! The id that one request carries through headers, log and refusals.

use std::fmt;

use crate::{Clock, Random};

/// A ULID: 48 bits of milliseconds and 80 random bits, 26 characters of Crockford's base 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId([u8; 26]);

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl RequestId {
    pub fn new(clock: &dyn Clock, random: &dyn Random) -> std::io::Result<Self> {
        let mut entropy = [0; 10];
        random.fill(&mut entropy)?;
        let mut bits = u128::from((clock.now().0 / 1000) & 0xFFFF_FFFF_FFFF);
        for byte in entropy {
            bits = bits << 8 | u128::from(byte);
        }
        let mut text = [b'0'; 26];
        for place in text.iter_mut().rev() {
            *place = ALPHABET.get((bits & 31) as usize).copied().unwrap_or(b'0');
            bits >>= 5;
        }
        Ok(Self(text))
    }

    pub fn as_str(&self) -> &str {
        // INVARIANT: every byte comes from ALPHABET, which is ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::RequestId;
    use crate::{Clock, Random, Timestamp};
    use std::time::Duration;

    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp(1_469_918_176_385_000)
        }
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
            bytes.fill(0xFF);
            Ok(())
        }
    }

    #[test]
    fn the_time_part_is_the_one_of_the_ulid_specification() {
        // The specification's own example: 1469918176385 ms is 01ARYZ6S41.
        let id = RequestId::new(&Fixed, &Fixed);
        assert_eq!(id.ok().map(|id| id.to_string()), Some("01ARYZ6S41ZZZZZZZZZZZZZZZZ".to_owned()));
    }
}
