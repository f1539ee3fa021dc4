//! Names that people type, and the known name that they probably meant.

/// The known name with the fewest edits from what was typed, in any ASCII case; empty when no name is known.
pub(crate) fn nearest<'n>(given: &str, names: impl Iterator<Item = &'n str>) -> String {
    let upper = given.to_ascii_uppercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&upper, &name.to_ascii_uppercase());
    names.min_by_key(|name| distance(name)).unwrap_or_default().to_owned()
}

/// The line, from 1, of a byte of a text.
pub(crate) fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
