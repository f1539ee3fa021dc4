//! XML without what makes it dangerous: no document type, no entities but the five that XML has itself, no depth without end.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use crate::document::Rejected;
use crate::plain::decode;

/// Deepest nesting; a document of nested tables has some fifty.
const DEPTH_MAX: usize = 256;

/// What a reader of a part is told. Names are without their prefix.
pub(crate) enum Piece<'a> {
    Open(Tag<'a>),
    Close(&'a str),
    Text(Cow<'a, str>),
}

/// An element that begins.
pub(crate) struct Tag<'a> {
    start: &'a BytesStart<'a>,
}

impl Tag<'_> {
    pub(crate) fn name(&self) -> &str {
        local(self.start.name().into_inner())
    }

    /// An attribute by its name without prefix; None where it is not there or cannot be read.
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        let mut all = self.start.attributes();
        let attributes = all.with_checks(false).flatten();
        let mut found = attributes.filter(|attribute| local(attribute.key.into_inner()) == name);
        found.find_map(|attribute| unescape(&attribute.value).ok().map(Cow::into_owned))
    }

    /// Every attribute with its name, without prefixes.
    pub(crate) fn all(&self) -> Vec<(String, String)> {
        let mut all = self.start.attributes();
        let attributes = all.with_checks(false).flatten();
        let read = attributes.filter_map(|attribute| {
            let value = unescape(&attribute.value).ok()?.into_owned();
            Some((local(attribute.key.into_inner()).to_owned(), value))
        });
        read.collect()
    }

    /// All attributes of this name, whatever their prefix.
    pub(crate) fn attributes(&self, name: &str) -> Vec<String> {
        let mut all = self.start.attributes();
        let attributes = all.with_checks(false).flatten();
        let found = attributes.filter(|attribute| local(attribute.key.into_inner()) == name);
        found.filter_map(|attribute| unescape(&attribute.value).ok().map(Cow::into_owned)).collect()
    }

    /// Whether an element that says yes by being there says yes: `<w:vanish/>`, `<w:vanish w:val="true"/>`.
    pub(crate) fn is_on(&self) -> bool {
        !matches!(self.attribute("val").as_deref(), Some("0" | "false" | "off" | "none"))
    }
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Walks over a part. `take` answers whether it wants more.
pub(crate) fn walk(
    bytes: &[u8],
    mut take: impl FnMut(Piece<'_>) -> Result<bool, Rejected>,
) -> Result<(), Rejected> {
    let (text, _) = decode(bytes).ok_or(Rejected::Damaged)?;
    let mut reader = Reader::from_str(&text);
    let mut depth = 0_usize;
    loop {
        let goes_on = match reader.read_event().map_err(|_| Rejected::Damaged)? {
            Event::Start(start) => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(Rejected::TooDeep);
                }
                take(Piece::Open(Tag { start: &start }))?
            }
            Event::Empty(start) => {
                let goes_on = take(Piece::Open(Tag { start: &start }))?;
                goes_on && take(Piece::Close(local(start.name().into_inner())))?
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                take(Piece::Close(local(end.name().into_inner())))?
            }
            Event::Text(text) => take(Piece::Text(text.xml10_content()))?,
            Event::CData(text) => take(Piece::Text(text.xml10_content()))?,
            Event::GeneralRef(reference) => take(Piece::Text(Cow::Owned(resolve(&reference)?)))?,
            Event::DocType(_) => return Err(Rejected::Entities),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => true,
            Event::Eof if depth == 0 => return Ok(()),
            Event::Eof => return Err(Rejected::Damaged),
        };
        if !goes_on {
            return Ok(());
        }
    }
}

fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> Result<String, Rejected> {
    if let Some(character) = reference.resolve_char_ref().map_err(|_| Rejected::Damaged)? {
        return Ok(character.to_string());
    }
    let known = match reference.xml10_content().as_ref() {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => return Err(Rejected::Entities),
    };
    Ok(known.to_owned())
}
