//! The same values, written so that a plain reading misses them.

use crate::dice::Dice;
use crate::document::{Document, Library};
use crate::evaluation::{Evaluation, SECRETS};
use crate::secret::base_64_padded;
use crate::slot::{Mark, Scene, Value, group};
use crate::template;

/// How much intent a way of writing shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Nobody means it: banking pages, mail programs and word processors do this to text.
    Accidental,
    /// A minute's thought.
    Simple,
    /// Needs work to undo by hand, too; measured, not promised.
    Hard,
}

impl Tier {
    pub const ALL: [Self; 3] = [Self::Accidental, Self::Simple, Self::Hard];

    pub fn name(self) -> &'static str {
        match self {
            Self::Accidental => "accidental",
            Self::Simple => "simple intent",
            Self::Hard => "hard",
        }
    }
}

/// A way of writing.
pub struct Evasion {
    pub name: &'static str,
    pub tier: Tier,
    /// None where it changes nothing, or where nobody could undo it, such as the case of a key.
    rewrite: fn(&mut Dice, &Planted) -> Option<String>,
}

/// What is rewritten.
struct Planted {
    kind: &'static str,
    /// As it is printed.
    printed: String,
    /// Letters and digits alone; for addresses and keys the printed form.
    compact: String,
}

impl Planted {
    fn new(kind: &'static str, printed: String) -> Self {
        let compact = if is_word(kind) {
            printed.clone()
        } else {
            printed.chars().filter(char::is_ascii_alphanumeric).collect()
        };
        Self { kind, printed, compact }
    }

    /// Groups of four, or of the lengths that the type is printed in.
    fn grouped(&self, sign: &str) -> Option<String> {
        let lengths: &[usize] = match self.kind {
            "DE_STEUER_ID" => &[2, 3, 3, 3],
            "DE_SVNR" => &[2, 6, 1, 3],
            "IBAN" | "CREDIT_CARD" => &[4],
            _ => return None,
        };
        Some(group(&self.compact, lengths, sign))
    }

    /// Something after every character.
    fn between(&self, sign: &str) -> String {
        let letters: Vec<String> = self.compact.chars().map(String::from).collect();
        letters.join(sign)
    }

    fn mapped(&self, map: impl Fn(char) -> char) -> Option<String> {
        let mapped: String = self.printed.chars().map(map).collect();
        (mapped != self.printed).then_some(mapped)
    }
}

/// Types in which a space ends the value.
fn is_word(kind: &str) -> bool {
    matches!(kind, "EMAIL" | "API_KEY" | "PASSWORD" | "SECRET" | "JWT")
}

fn shifted(character: char, from: char, count: u32, to: u32) -> char {
    let offset = u32::from(character).wrapping_sub(u32::from(from));
    if offset < count { char::from_u32(to + offset).unwrap_or(character) } else { character }
}

fn full_width(character: char) -> char {
    if character.is_ascii_graphic() { shifted(character, '!', 94, 0xFF01) } else { character }
}

/// Letters of other scripts that look like Latin ones.
fn confusable(character: char) -> char {
    match character {
        'A' => 'А',
        'B' => 'В',
        'C' => 'С',
        'E' => 'Е',
        'H' => 'Н',
        'K' => 'К',
        'M' => 'М',
        'O' => 'О',
        'P' => 'Р',
        'T' => 'Т',
        'X' => 'Х',
        'a' => 'а',
        'c' => 'с',
        'e' => 'е',
        'o' => 'о',
        'p' => 'р',
        'x' => 'х',
        'y' => 'у',
        'i' => 'і',
        's' => 'ѕ',
        other => other,
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// A sign at some place inside, not at either end.
fn broken(dice: &mut Dice, text: &str, sign: &str) -> Option<String> {
    let count = text.chars().count();
    if count < 8 {
        return None;
    }
    let at = dice.between(3, count - 3);
    Some(text.chars().take(at).collect::<String>() + sign + &text.chars().skip(at).collect::<String>())
}

/// Every way of writing.
pub const EVASIONS: &[Evasion] = &[
    Evasion {
        name: "no-break spaces",
        tier: Tier::Accidental,
        rewrite: |_, planted| planted.grouped("\u{a0}"),
    },
    Evasion {
        name: "thin spaces",
        tier: Tier::Accidental,
        rewrite: |_, planted| planted.grouped("\u{2009}"),
    },
    Evasion {
        name: "narrow no-break spaces",
        tier: Tier::Accidental,
        rewrite: |_, planted| planted.grouped("\u{202f}"),
    },
    Evasion { name: "double spaces", tier: Tier::Accidental, rewrite: |_, planted| planted.grouped("  ") },
    Evasion { name: "dots", tier: Tier::Accidental, rewrite: |_, planted| planted.grouped(".") },
    Evasion { name: "dashes", tier: Tier::Accidental, rewrite: |_, planted| planted.grouped("-") },
    Evasion { name: "en dashes", tier: Tier::Accidental, rewrite: |_, planted| planted.grouped("–") },
    Evasion { name: "slashes", tier: Tier::Accidental, rewrite: |_, planted| planted.grouped("/") },
    Evasion {
        name: "groups of three",
        tier: Tier::Accidental,
        rewrite: |_, planted| planted.grouped(" ").map(|_| group(&planted.compact, &[3], " ")),
    },
    Evasion {
        name: "groups of five",
        tier: Tier::Accidental,
        rewrite: |_, planted| planted.grouped(" ").map(|_| group(&planted.compact, &[5], " ")),
    },
    Evasion {
        name: "line break",
        tier: Tier::Accidental,
        rewrite: |dice, planted| {
            let printed = planted.grouped(" ")?;
            let spaces = printed.matches(' ').count();
            let chosen = dice.below(spaces);
            let mut at = 0;
            Some(
                printed
                    .chars()
                    .map(|character| {
                        let here = character == ' ' && at == chosen;
                        at += usize::from(character == ' ');
                        if here { '\n' } else { character }
                    })
                    .collect(),
            )
        },
    },
    Evasion {
        name: "small letters",
        tier: Tier::Accidental,
        rewrite: |_, planted| {
            let small = planted.printed.to_lowercase();
            (matches!(planted.kind, "IBAN" | "DE_SVNR" | "DE_KVNR") && small != planted.printed)
                .then_some(small)
        },
    },
    Evasion {
        name: "soft hyphen",
        tier: Tier::Accidental,
        rewrite: |dice, planted| broken(dice, &planted.compact, "\u{ad}"),
    },
    Evasion {
        name: "bold",
        tier: Tier::Accidental,
        rewrite: |_, planted| Some(format!("**{}**", planted.printed)),
    },
    Evasion {
        name: "code marks",
        tier: Tier::Accidental,
        rewrite: |_, planted| Some(format!("`{}`", planted.printed)),
    },
    Evasion {
        name: "bold inside",
        tier: Tier::Accidental,
        rewrite: |_, planted| {
            let grouped = planted.grouped(" ")?;
            let (first, rest) = grouped.split_once(' ')?;
            Some(format!("{first} **{rest}**"))
        },
    },
    Evasion {
        name: "HTML no-break spaces",
        tier: Tier::Accidental,
        rewrite: |_, planted| planted.grouped("&nbsp;"),
    },
    Evasion {
        name: "JSON no-break spaces",
        tier: Tier::Accidental,
        rewrite: |_, planted| planted.grouped("\\u00a0"),
    },
    Evasion {
        name: "quoted-printable line break",
        tier: Tier::Accidental,
        rewrite: |dice, planted| broken(dice, &planted.compact, "=\n"),
    },
    Evasion {
        name: "zero-width space",
        tier: Tier::Simple,
        rewrite: |_, planted| Some(planted.between("\u{200b}")),
    },
    Evasion {
        name: "zero-width joiner, once",
        tier: Tier::Simple,
        rewrite: |dice, planted| broken(dice, &planted.compact, "\u{200d}"),
    },
    Evasion {
        name: "word joiner",
        tier: Tier::Simple,
        rewrite: |_, planted| Some(planted.between("\u{2060}")),
    },
    Evasion { name: "full width", tier: Tier::Simple, rewrite: |_, planted| planted.mapped(full_width) },
    Evasion { name: "confusables", tier: Tier::Simple, rewrite: |_, planted| planted.mapped(confusable) },
    Evasion {
        name: "Arabic digits",
        tier: Tier::Simple,
        rewrite: |_, planted| {
            if is_word(planted.kind) {
                return None;
            }
            planted.mapped(|character| shifted(character, '0', 10, 0x0660))
        },
    },
    Evasion {
        name: "mathematical digits",
        tier: Tier::Simple,
        rewrite: |_, planted| planted.mapped(|character| shifted(character, '0', 10, 0x1D7CE)),
    },
    Evasion {
        name: "tag characters",
        tier: Tier::Simple,
        rewrite: |_, planted| planted.mapped(|character| shifted(character, ' ', 95, 0xE0020)),
    },
    Evasion {
        name: "base 64",
        tier: Tier::Simple,
        rewrite: |_, planted| Some(base_64_padded(planted.printed.as_bytes())),
    },
    Evasion { name: "hex", tier: Tier::Simple, rewrite: |_, planted| Some(hex(&planted.printed)) },
    Evasion {
        name: "percent",
        tier: Tier::Simple,
        rewrite: |_, planted| Some(planted.printed.bytes().map(|byte| format!("%{byte:02X}")).collect()),
    },
    Evasion {
        name: "HTML numbers",
        tier: Tier::Simple,
        rewrite: |_, planted| {
            Some(planted.printed.chars().map(|character| format!("&#{};", u32::from(character))).collect())
        },
    },
    Evasion {
        name: "Unicode escapes",
        tier: Tier::Simple,
        rewrite: |_, planted| {
            Some(
                planted.printed.chars().map(|character| format!("\\u{:04x}", u32::from(character))).collect(),
            )
        },
    },
    Evasion { name: "spaced out", tier: Tier::Simple, rewrite: |_, planted| Some(planted.between(" ")) },
    Evasion { name: "underscores", tier: Tier::Simple, rewrite: |_, planted| planted.grouped("_") },
    Evasion {
        name: "dots between all",
        tier: Tier::Simple,
        rewrite: |_, planted| planted.grouped("").map(|_| planted.between(".")),
    },
    Evasion {
        name: "backwards",
        tier: Tier::Hard,
        rewrite: |_, planted| Some(planted.compact.chars().rev().collect()),
    },
    Evasion {
        name: "spelled out",
        tier: Tier::Hard,
        rewrite: |_, planted| {
            const WORDS: &[&str] =
                &["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"];
            let word = |character: char| {
                let digit = character.to_digit(10).and_then(|digit| WORDS.get(digit as usize));
                digit.map_or_else(|| character.to_string(), |word| (*word).to_owned())
            };
            let words: Vec<String> = planted.compact.chars().map(word).collect();
            (!is_word(planted.kind)).then(|| words.join(" "))
        },
    },
    Evasion {
        name: "rot 13",
        tier: Tier::Hard,
        rewrite: |_, planted| {
            planted.mapped(|character| match character {
                'a'..='m' | 'A'..='M' => shifted(character, character, 1, u32::from(character) + 13),
                'n'..='z' | 'N'..='Z' => shifted(character, character, 1, u32::from(character) - 13),
                other => other,
            })
        },
    },
    Evasion {
        name: "base 64 of base 64",
        tier: Tier::Hard,
        rewrite: |_, planted| Some(base_64_padded(base_64_padded(planted.printed.as_bytes()).as_bytes())),
    },
];

/// The slots whose values are rewritten.
const SLOTS: &[&str] = &["iban", "iban_de", "card", "steuer_id", "svnr", "kvnr", "email", "key"];

/// Short texts with one rewritten value each: `each` for every way of writing that changes the value.
pub fn documents(library: &mut Library, each: usize) -> Vec<(&'static Evasion, Document)> {
    let carriers: Vec<String> = library
        .carriers()
        .iter()
        .filter(|template| template::slots(&template.text).iter().all(|slot| SLOTS.contains(slot)))
        .map(|template| template.text.clone())
        .collect();
    let mut dice = library.dice().fork(0xE5A);
    let mut made = Vec::new();
    for evasion in EVASIONS {
        let mut count = 0;
        for _ in 0..each * 20 {
            if count == each {
                break;
            }
            let Some(carrier) = carriers.get(dice.below(carriers.len())) else { break };
            let scene = Scene::new(&mut dice);
            let filled = template::fill(&mut dice, &scene, carrier);
            if let Some(document) = rewrite(&mut dice, evasion, &filled) {
                made.push((evasion, document));
                count += 1;
            }
        }
    }
    made
}

/// Share of the rewritten values that were found, a credential as any credential.
pub fn recall(evaluation: &Evaluation) -> f64 {
    let others = evaluation.by_type.iter().filter(|(kind, _)| !SECRETS.contains(&kind.as_str()));
    let mut all = evaluation.secrets;
    for (_, tally) in others {
        all.found += tally.found;
        all.missed += tally.missed;
    }
    all.recall()
}

fn rewrite(dice: &mut Dice, evasion: &Evasion, filled: &Value) -> Option<Document> {
    let mark = filled.marks.first()?;
    let planted = Planted::new(mark.kind, filled.text.get(mark.start..mark.end)?.to_owned());
    let written = (evasion.rewrite)(dice, &planted)?;
    let before = filled.text.get(..mark.start)?;
    let behind = filled.text.get(mark.end..)?;
    let text = format!("{before}{written}{behind}");
    let marks = vec![Mark { start: mark.start, end: mark.start + written.len(), kind: mark.kind }];
    Some(Document { group: "evasion", text, marks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, kind: &'static str, value: &str, expected: Option<&str>) {
        let evasion = EVASIONS.iter().find(|evasion| evasion.name == name).unwrap();
        let planted = Planted::new(kind, value.to_owned());
        assert_eq!((evasion.rewrite)(&mut Dice::new(1), &planted).as_deref(), expected);
    }

    #[test]
    fn a_value_is_rewritten_as_the_name_says() {
        check("no-break spaces", "DE_STEUER_ID", "86095742719", Some("86\u{a0}095\u{a0}742\u{a0}719"));
        check("spaced out", "DE_KVNR", "A000500015", Some("A 0 0 0 5 0 0 0 1 5"));
        check("full width", "EMAIL", "a@b.de", Some("ａ＠ｂ．ｄｅ"));
        check("base 64", "EMAIL", "a@b.de", Some("YUBiLmRl"));
        check("percent", "EMAIL", "a@b", Some("%61%40%62"));
        check("rot 13", "EMAIL", "an@b.de", Some("na@o.qr"));
        check("small letters", "API_KEY", "AKIA", None);
        check("dots", "EMAIL", "a@b.de", None);
    }

    #[test]
    fn every_way_of_writing_gets_its_documents() {
        let made = documents(&mut Library::new(1, None), 5);
        for evasion in EVASIONS {
            assert_eq!(made.iter().filter(|(of, _)| of.name == evasion.name).count(), 5, "{}", evasion.name);
        }
        assert!(EVASIONS.len() >= 24);
        assert!(made.iter().all(|(_, document)| {
            document.marks.iter().all(|mark| document.text.get(mark.start..mark.end).is_some())
        }));
    }
}
