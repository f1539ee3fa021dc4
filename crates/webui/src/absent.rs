//! A build without the page: there are no files.

use std::borrow::Cow;

/// No file of `ui/dist` is here.
pub(crate) fn file(_name: &str) -> Option<Cow<'static, [u8]>> {
    None
}

/// The names of all files, for the tests.
#[cfg(test)]
pub(crate) fn names() -> Vec<String> {
    Vec::new()
}
