//! A value that is said in pieces, one message after the other.

use crate::dice::Dice;
use crate::document::lone;

/// Messages of one person, in order; together they hold one value.
#[derive(Debug, Clone)]
pub struct Conversation {
    pub messages: Vec<String>,
    pub kind: &'static str,
    /// For each message the bytes that are a piece of the value.
    pub pieces: Vec<(usize, usize)>,
}

const LEADS: &[(&str, &str)] = &[
    ("Die Nummer beginnt mit ", ""),
    ("dann kommt ", ""),
    ("", ""),
    ("weiter: ", ""),
    ("first part ", ""),
    ("next ", ""),
    ("und zum Schluss ", ""),
];

/// So many conversations; each value is cut into two to five messages.
pub fn conversations(dice: &mut Dice, count: usize) -> Vec<Conversation> {
    let mut made = Vec::with_capacity(count);
    while made.len() < count {
        let Some(value) =
            lone(dice, dice.clone().pick(&["iban_compact", "card_compact", "steuer_id", "key"]))
        else {
            continue;
        };
        dice.roll();
        let Some(mark) = value.marks.first() else { continue };
        let characters: Vec<char> = value.text.chars().filter(|character| *character != ' ').collect();
        let parts = dice.between(2, 5);
        let size = characters.len().div_ceil(parts);
        let mut messages = Vec::new();
        let mut pieces = Vec::new();
        for piece in characters.chunks(size) {
            let (lead, tail) = dice.pick(LEADS);
            let piece: String = piece.iter().collect();
            pieces.push((lead.len(), lead.len() + piece.len()));
            messages.push(format!("{lead}{piece}{tail}"));
        }
        made.push(Conversation { messages, kind: mark.kind, pieces });
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_of_a_conversation_are_one_value() {
        for conversation in conversations(&mut Dice::new(4), 40) {
            assert!((2..=5).contains(&conversation.messages.len()));
            let pieces = conversation.messages.iter().zip(&conversation.pieces);
            let value: String =
                pieces.map(|(message, (start, end))| message.get(*start..*end).unwrap()).collect();
            assert!(value.len() >= 11 && !value.contains(' '), "{value}");
        }
    }
}
