//! How unlike a word a string is.
//!
//! Words of a language follow few of the 676 pairs of letters; a generated key follows all of them alike, and changes
//! between letters, digits and cases at every turn. Both are counted in nats: above zero the string looks generated,
//! below zero it looks written.

/// For each letter, how each next letter compares with chance: 5 as often, 0 far more often, 9 far rarer, in half nats.
/// Counted over this repository's own English and German texts, every word once for each `n^0.6` of its occurrences.
const DIGRAMS: [&[u8; 26]; 26] = [
    b"95448859597353959342578969",
    b"38791989469289399457399969",
    b"39793992594599299573699989",
    b"38851879299668489548599969",
    b"48436778699552969235868699",
    b"39983479199487389465499979",
    b"49991964399674579346499999",
    b"29991999399677299574699979",
    b"77444659999451369643969897",
    b"46662666566666366636465666",
    b"58870879398685569836578988",
    b"38941799299389389945699969",
    b"25971999299758339958599999",
    b"59433729597885499932679979",
    b"87558769696442559255464899",
    b"29982997499399349254599979",
    b"66666666666466666666066666",
    b"39651879397766399644579969",
    b"59492994396799559941597979",
    b"39781993299699489435698969",
    b"65553769599442859333999999",
    b"39990889298898499989999989",
    b"29982993398794399448898999",
    b"47473676477677727772677757",
    b"65673777578643428733785786",
    b"46771777477777477765375765",
];
const NEUTRAL: f32 = 5.0;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Lower,
    Upper,
    Digit,
    Other,
}

fn class(byte: u8) -> Class {
    match byte {
        b'a'..=b'z' => Class::Lower,
        b'A'..=b'Z' => Class::Upper,
        b'0'..=b'9' => Class::Digit,
        _ => Class::Other,
    }
}

/// Nats for "generated" over "written": 12 ± 4 for 16 random letters and digits, −15 ± 8 for names made of words.
pub(crate) fn rarity(value: &[u8]) -> f32 {
    let mut nats = 0.0;
    let mut before: Option<Class> = None;
    for pair in value.windows(2) {
        let &[left, right] = pair else { continue };
        nats += match (class(left), class(right)) {
            (Class::Other, Class::Other) | (Class::Other, _) => 0.0,
            (_, Class::Other) => -0.5,
            (Class::Digit, Class::Digit) => 0.0,
            (_, Class::Digit) => 1.0,
            (Class::Digit, _) => 1.5,
            (Class::Lower, Class::Upper) => 0.7,
            (Class::Upper, Class::Lower) if before == Some(Class::Lower) => digram(left, right) + 0.5,
            _ => digram(left, right),
        };
        before = Some(class(left));
    }
    nats
}

fn digram(left: u8, right: u8) -> f32 {
    let index = |letter: u8| usize::from(letter.to_ascii_lowercase().wrapping_sub(b'a'));
    let cost = DIGRAMS.get(index(left)).and_then(|row| row.get(index(right))).copied().unwrap_or(b'5');
    (f32::from(cost.wrapping_sub(b'0')) - NEUTRAL) / 2.0
}

/// The string counts up or repeats itself at more than two of five places, as specimens do.
pub(crate) fn is_sequence(value: &[u8]) -> bool {
    let steps = value
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if b == a || *b == a.wrapping_add(1) || *a == b.wrapping_add(1)))
        .count();
    steps * 5 > value.len() * 2
}

#[cfg(test)]
mod tests {
    use super::{is_sequence, rarity};

    #[test]
    fn words_are_not_rare_and_keys_are() {
        for written in [
            "sentencepiece-bpe-model",
            "user-2024-11-release-candidate-3",
            "YOUR_API_KEY_GOES_HERE_123",
            "Donaudampfschifffahrtsgesellschaft",
            "com.example.identity.TokenProvider",
            "getAccessTokenSilently",
        ] {
            assert!(rarity(written.as_bytes()) < 0.0, "{written}");
        }
        for generated in ["8fK2pQz7LwXv4TnB", "9c1f0ab37de24588", "qzxvkwpjhgtbnmrd", "7QX4ZK9TB2MW8RJH"] {
            assert!(rarity(generated.as_bytes()) > 4.0, "{generated}");
        }
    }

    #[test]
    fn specimens_count_up() {
        for sequence in ["abcdefghijklmnopqrstuvwxyz", "0123456789abcdef", "aaaaaaaabbbbbbbb", "1234567890"] {
            assert!(is_sequence(sequence.as_bytes()), "{sequence}");
        }
        assert!(!is_sequence(b"8fK2pQz7LwXv4TnB"));
    }
}
