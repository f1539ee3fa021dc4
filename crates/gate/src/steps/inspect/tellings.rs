//! A transcript tells the same words several times: as one text, in segments, word by word. What is found in one telling is
//! found in all, and what runs over several segments or words is found in each of them.

use schleuse_types::{Finding, FindingAction};
use schleuse_wire::TELLINGS;

use super::look::Look;

/// A finding, in letters of the transcript.
struct Stretch {
    finding: Finding,
    from: usize,
    to: usize,
}

/// One telling: its texts as one, and where its letters stand.
struct Telling {
    said: String,
    /// Where each text begins, and where it ends.
    texts: Vec<(usize, usize)>,
    letters: Vec<char>,
    /// Where each letter begins, and where it ends.
    places: Vec<(usize, usize)>,
}

impl Telling {
    fn of(texts: &[&str]) -> Self {
        let mut telling =
            Self { said: String::new(), texts: Vec::new(), letters: Vec::new(), places: Vec::new() };
        for text in texts {
            let is_apart =
                telling.said.ends_with(char::is_whitespace) || text.starts_with(char::is_whitespace);
            if !telling.said.is_empty() && !is_apart {
                telling.said.push(' ');
            }
            let start = telling.said.len();
            telling.said.push_str(text);
            telling.texts.push((start, telling.said.len()));
        }
        for (start, character) in telling.said.char_indices().filter(|(_, letter)| letter.is_alphanumeric()) {
            for letter in character.to_lowercase() {
                telling.letters.push(letter);
                telling.places.push((start, start + character.len_utf8()));
            }
        }
        telling
    }

    /// The letters of a stretch of bytes of `said`.
    fn stretch(&self, finding: Finding) -> Option<Stretch> {
        let from = self.places.partition_point(|(_, end)| *end <= finding.start);
        let to = self.places.partition_point(|(start, _)| *start < finding.end);
        (from < to).then_some(Stretch { finding, from, to })
    }

    /// The parts of a stretch: numbers of texts, and bytes in each.
    fn parts(&self, from: usize, to: usize) -> Vec<(usize, usize, usize)> {
        let last = to.checked_sub(1).and_then(|last| self.places.get(last));
        let (Some((start, _)), Some((_, end))) = (self.places.get(from), last) else { return Vec::new() };
        let begins = self.texts.partition_point(|(_, text_end)| text_end <= start);
        let texts = self.texts.iter().enumerate().skip(begins);
        texts
            .take_while(|(_, (text_start, _))| text_start < end)
            .map(|(number, (text_start, text_end))| {
                (number, start.max(text_start) - text_start, end.min(text_end) - text_start)
            })
            .filter(|(_, start, end)| start < end)
            .collect()
    }
}

impl Look<'_> {
    /// Treats what was found in one telling the same in all. Gives the tellings that do not say the same as the text, where
    /// something was found that they could tell in another way: they must be left out.
    pub(in crate::steps) fn align(&mut self, tellings: &[Vec<&str>; TELLINGS]) -> Vec<usize> {
        let told: Vec<Telling> = tellings.iter().map(|texts| Telling::of(texts)).collect();
        let Some(text) = told.first() else { return Vec::new() };
        let is_same = |telling: &Telling| telling.letters == text.letters;
        let mut found: Vec<Vec<Stretch>> = Vec::new();
        for (number, telling) in told.iter().enumerate() {
            let findings = match number {
                // It was looked at as it stands.
                0 => self.found_in_telling(0, 0),
                _ if telling.texts.is_empty() => Vec::new(),
                _ => self.examine_joined(&telling.said),
            };
            found.push(findings.into_iter().filter_map(|finding| telling.stretch(finding)).collect());
        }
        for (number, telling) in told.iter().enumerate() {
            for (other, stretches) in found.iter().enumerate() {
                let applies = other == number || (is_same(telling) && told.get(other).is_some_and(is_same));
                for stretch in stretches.iter().filter(|_| applies) {
                    self.spread(number, telling, stretch);
                }
            }
        }
        let protects = found.iter().flatten().any(|stretch| stretch.finding.action.is_protective());
        let strangers = told.iter().enumerate().skip(1);
        strangers
            .filter(|(_, telling)| protects && !telling.texts.is_empty() && !is_same(telling))
            .map(|(number, _)| number)
            .collect()
    }

    fn spread(&mut self, number: usize, telling: &Telling, stretch: &Stretch) {
        let parts = telling.parts(stretch.from, stretch.to);
        let is_split = parts.len() > 1;
        for (text, start, end) in parts {
            let mut part = Finding { start, end, ..stretch.finding.clone() };
            // Half a mask shows more than a whole one.
            if is_split && part.action.replaces() {
                part.action = FindingAction::Redact;
            }
            self.add_to_telling(number, text, part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Telling;
    use schleuse_types::{Finding, FindingAction};

    /// Which parts of texts a value covers that stands in them when they are read as one.
    fn check(texts: &[&str], value: &str, expected: &[&str]) {
        let telling = Telling::of(texts);
        let start = telling.said.find(value).unwrap();
        let finding = Finding {
            kind: "A".to_owned(),
            recognizer: String::new(),
            path: String::new(),
            start,
            end: start + value.len(),
            score: 1.0,
            action: FindingAction::Redact,
            evasive: false,
            excepted: false,
        };
        let stretch = telling.stretch(finding).unwrap();
        let parts = telling.parts(stretch.from, stretch.to);
        let shown: Vec<&str> =
            parts.iter().map(|(text, start, end)| texts[*text].get(*start..*end).unwrap()).collect();
        assert_eq!(shown, expected, "{texts:?}");
    }

    #[test]
    fn a_value_has_a_part_in_every_text_that_it_runs_over() {
        check(&["a DE89 b"], "DE89", &["DE89"]);
        check(&[" Konto DE89", " 3704 und"], "DE89 3704", &["DE89", " 3704"]);
        check(&["Konto", "DE89", "3704", "und"], "DE89 3704", &["DE89", "3704"]);
        check(&["über", "(DE89)", "-", "3704."], "(DE89) - 3704.", &["DE89)", "-", "3704"]);
        check(&["", "DE89", "", "3704"], "DE89 3704", &["DE89", "3704"]);
    }

    #[test]
    fn tellings_are_the_same_by_their_letters() {
        let letters = |texts: &[&str]| Telling::of(texts).letters;
        assert_eq!(
            letters(&["Grüße, Max! DE 89"]),
            letters(&["GRÜSSE".replace("SS", "ß").as_str(), "max", "DE", "89"])
        );
        assert_ne!(letters(&["DE 89"]), letters(&["DE", "98"]));
    }
}
