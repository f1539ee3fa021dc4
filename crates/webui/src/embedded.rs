//! The built page, embedded.

use std::borrow::Cow;

#[derive(rust_embed::RustEmbed)]
#[folder = "../../ui/dist"]
struct Dist;

/// The bytes of a file of `ui/dist`, named without a leading slash.
pub(crate) fn file(name: &str) -> Option<Cow<'static, [u8]>> {
    Dist::get(name).map(|file| file.data)
}

/// The names of all files, for the tests.
#[cfg(test)]
pub(crate) fn names() -> Vec<String> {
    Dist::iter().map(Cow::into_owned).collect()
}
