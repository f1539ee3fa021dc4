//! What goes through the two pipes between the house and a worker. Both ends are this binary, but the house believes nothing of
//! what comes back: every length has a limit, every text is checked, every place lies in the text.

use crate::document::{
    Extracted, FACTS_BYTES_MAX, FILE_BYTES_MAX, Kind, NAME_BYTES_MAX, Omission, PLACES_MAX, Place, PlaceKind,
    Rejected, TEXT_BYTES_MAX, What,
};

const ASKED: &[u8; 4] = b"SLQ1";
const ANSWERED: &[u8; 4] = b"SLA1";
/// Longest ending of a name.
pub(crate) const EXTENSION_BYTES_MAX: usize = 16;
/// Longest word of an answer, and longest reason.
const WORD_BYTES_MAX: usize = 32;
const REASON_BYTES_MAX: usize = 1024;
/// Longest question and longest answer.
pub(crate) const ASKED_BYTES_MAX: usize = FILE_BYTES_MAX + 64;
pub(crate) const ANSWERED_BYTES_MAX: usize =
    TEXT_BYTES_MAX + FACTS_BYTES_MAX + PLACES_MAX * (NAME_BYTES_MAX + 64) + 64 * 1024;

pub(crate) fn ask(extension: &str, file: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(file.len() + 64);
    out.extend_from_slice(ASKED);
    put(&mut out, extension.as_bytes());
    put(&mut out, file);
    out
}

/// None for what is no whole question.
pub(crate) fn read_asked(bytes: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut rest = Rest(bytes.strip_prefix(ASKED)?);
    let extension = rest.text(EXTENSION_BYTES_MAX)?;
    let file = rest.bytes(FILE_BYTES_MAX)?.to_vec();
    rest.0.is_empty().then_some((extension, file))
}

pub(crate) fn answer(read: &Result<Extracted, Rejected>) -> Vec<u8> {
    let mut out = ANSWERED.to_vec();
    let extracted = match read {
        Err(rejected) => {
            put(&mut out, rejected.as_str().as_bytes());
            let reason = if let Rejected::Unconfined(reason) = rejected { reason.as_str() } else { "" };
            let reason = reason.get(..reason.floor_char_boundary(REASON_BYTES_MAX)).unwrap_or_default();
            put(&mut out, reason.as_bytes());
            return out;
        }
        Ok(extracted) => extracted,
    };
    put(&mut out, b"");
    put(&mut out, extracted.kind.as_str().as_bytes());
    put(&mut out, extracted.text.as_bytes());
    put(&mut out, extracted.facts.as_bytes());
    put_number(&mut out, u32::from(extracted.is_cut));
    put_number(&mut out, extracted.pages.map_or(0, |pages| pages.saturating_add(1)));
    put_number(&mut out, length(extracted.places.len()));
    for place in &extracted.places {
        put_number(&mut out, length(place.start));
        put(&mut out, place.kind.as_str().as_bytes());
        put_number(&mut out, place.number.unwrap_or(0));
        put(&mut out, place.name.as_deref().unwrap_or_default().as_bytes());
    }
    put_number(&mut out, length(extracted.omitted.len()));
    for omission in &extracted.omitted {
        put(&mut out, omission.what.as_str().as_bytes());
        put_number(&mut out, omission.count);
    }
    out
}

/// None for what no worker of ours says.
pub(crate) fn read_answered(bytes: &[u8]) -> Option<Result<Extracted, Rejected>> {
    let mut rest = Rest(bytes.strip_prefix(ANSWERED)?);
    let word = rest.text(WORD_BYTES_MAX)?;
    if !word.is_empty() {
        let reason = rest.text(REASON_BYTES_MAX)?;
        let rejected = Rejected::parse(&word)?;
        return rest.0.is_empty().then_some(Err(match rejected {
            Rejected::Unconfined(_) => Rejected::Unconfined(reason),
            rejected => rejected,
        }));
    }
    let kind = Kind::parse(&rest.text(WORD_BYTES_MAX)?)?;
    let text = rest.text(TEXT_BYTES_MAX)?;
    let facts = rest.text(FACTS_BYTES_MAX)?;
    let is_cut = rest.number()? == 1;
    let pages = rest.number()?.checked_sub(1);
    let count = usize::try_from(rest.number()?).ok().filter(|count| *count <= PLACES_MAX)?;
    let mut places: Vec<Place> = Vec::new();
    for _ in 0..count {
        let start = usize::try_from(rest.number()?).ok()?;
        let kind = PlaceKind::parse(&rest.text(WORD_BYTES_MAX)?)?;
        let number = Some(rest.number()?).filter(|number| *number > 0);
        let name = Some(rest.text(NAME_BYTES_MAX)?).filter(|name| !name.is_empty());
        let is_in_order = places.last().is_none_or(|last| last.start < start);
        if !is_in_order || start >= text.len() || !text.is_char_boundary(start) {
            return None;
        }
        places.push(Place { start, kind, number, name });
    }
    let count = usize::try_from(rest.number()?).ok().filter(|count| *count <= What::ALL.len())?;
    let mut omitted = Vec::new();
    for _ in 0..count {
        omitted.push(Omission { what: What::parse(&rest.text(WORD_BYTES_MAX)?)?, count: rest.number()? });
    }
    rest.0.is_empty().then_some(Ok(Extracted { kind, text, places, facts, omitted, is_cut, pages }))
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, length(bytes.len()));
    out.extend_from_slice(bytes);
}

fn put_number(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_be_bytes());
}

fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    fn bytes(&mut self, max: usize) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok().filter(|length| *length <= max)?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self, max: usize) -> Option<String> {
        std::str::from_utf8(self.bytes(max)?).ok().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::{answer, ask, read_answered, read_asked};
    use crate::document::{Extracted, Kind, Omission, Place, PlaceKind, Rejected, What};

    fn extracted() -> Extracted {
        Extracted {
            kind: Kind::Xlsx,
            text: "Größe\nzwei".to_owned(),
            places: vec![
                Place { start: 0, kind: PlaceKind::Sheet, number: Some(1), name: Some("Ä".to_owned()) },
                Place { start: 8, kind: PlaceKind::Beside, number: None, name: None },
            ],
            facts: "a=b\n".to_owned(),
            omitted: vec![Omission { what: What::Macros, count: 3 }],
            is_cut: true,
            pages: Some(0),
        }
    }

    fn check(said: &Result<Extracted, Rejected>) {
        let frame = answer(said);
        assert_eq!(read_answered(&frame).as_ref(), Some(said));
        for end in 0..frame.len() {
            assert_eq!(read_answered(&frame[..end]), None, "{end}");
        }
        assert_eq!(read_answered(&[frame, vec![0]].concat()), None);
    }

    #[test]
    fn what_is_said_is_heard() {
        check(&Ok(extracted()));
        check(&Err(Rejected::Bomb));
        check(&Err(Rejected::Unconfined("no Landlock".to_owned())));
        let asked = ask("pdf", b"%PDF-");
        assert_eq!(read_asked(&asked), Some(("pdf".to_owned(), b"%PDF-".to_vec())));
        assert_eq!(read_asked(&asked[..asked.len() - 1]), None);
    }

    #[test]
    fn a_worker_that_lies_is_not_believed() {
        let places = [(0, 0), (3, 3), (9, 100)];
        for (first, second) in places {
            let mut lying = extracted();
            lying.places[0].start = first;
            lying.places[1].start = second;
            assert_eq!(read_answered(&answer(&Ok(lying))), None, "{first} {second}");
        }
    }
}
