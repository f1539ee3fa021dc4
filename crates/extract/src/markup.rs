//! HTML as text: tags away, entities resolved, blocks on lines of their own. It builds no tree and follows nothing.

use crate::document::{Scroll, What};

/// Longest entity between `&` and `;`.
const ENTITY_BYTES_MAX: usize = 32;

pub(crate) fn write(html: &str, scroll: &mut Scroll) {
    let mut rest = html;
    while !rest.is_empty() && !scroll.is_full() {
        let Some(at) = rest.find('<') else {
            words(rest, scroll);
            return;
        };
        let (text, tag) = rest.split_at(at);
        words(text, scroll);
        rest = skip(tag, scroll);
    }
}

/// Takes a tag, a comment or a script; what follows it.
fn skip<'a>(tag: &'a str, scroll: &mut Scroll) -> &'a str {
    if let Some(comment) = tag.strip_prefix("<!--") {
        return comment.split_once("-->").map_or("", |(_, rest)| rest);
    }
    let inner = tag.get(1..).unwrap_or_default();
    let is_tag =
        inner.starts_with(|character: char| character.is_ascii_alphabetic() || "/!?".contains(character));
    let Some(end) = inner.find('>').filter(|_| is_tag) else {
        scroll.push("<");
        return inner;
    };
    let (tag, rest) = (inner.get(..end).unwrap_or_default(), inner.get(end + 1..).unwrap_or_default());
    let name =
        tag.trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let name = name.to_ascii_lowercase();
    if !tag.starts_with('/') {
        for attribute in ["alt=\"", "title=\""] {
            if let Some((value, _)) = tag.split_once(attribute).and_then(|(_, value)| value.split_once('"')) {
                words(value, scroll);
                scroll.push(" ");
            }
        }
        if tag.contains("display:none") || tag.contains("display: none") || tag.contains(" hidden") {
            scroll.omit(What::HiddenText);
        }
    }
    match name.as_str() {
        "script" | "style" if !tag.starts_with('/') => {
            if name == "script" {
                scroll.omit(What::Scripts);
            }
            // Up to its own end, whatever stands in it.
            let small = rest.to_ascii_lowercase();
            let end = small.find(&format!("</{name}")).unwrap_or(rest.len());
            return rest.get(end..).unwrap_or_default();
        }
        "td" | "th" => scroll.push("\t"),
        "br" => scroll.push("\n"),
        "p" | "div" | "tr" | "li" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "table" | "ul" | "ol"
        | "pre" | "blockquote" | "hr" | "title" => scroll.end_line(),
        "img" | "picture" | "svg" | "video" => scroll.omit(What::Pictures),
        "iframe" | "object" | "embed" | "link" | "form" => scroll.omit(What::OutsideLinks),
        _ => {}
    }
    rest
}

/// Text between tags: white space counts once, entities as what they stand for.
fn words(text: &str, scroll: &mut Scroll) {
    let mut rest = text;
    while let Some(at) = rest.find(|character: char| character == '&' || character.is_ascii_whitespace()) {
        let (plain, from) = rest.split_at(at);
        scroll.push(plain);
        if let Some(after) = from.strip_prefix('&') {
            let limit = after.floor_char_boundary(ENTITY_BYTES_MAX);
            let found = after
                .get(..limit)
                .and_then(|near| near.split_once(';'))
                .and_then(|(name, _)| Some((entity(name)?, after.get(name.len() + 1..)?)));
            match found {
                Some((character, behind)) => {
                    scroll.push(character.encode_utf8(&mut [0; 4]));
                    rest = behind;
                }
                None => {
                    scroll.push("&");
                    rest = after;
                }
            }
        } else {
            if scroll.length() > 0 && !scroll.ends_with(&[' ', '\n', '\t']) {
                scroll.push(" ");
            }
            rest = from.trim_ascii_start();
        }
    }
    scroll.push(rest);
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "auml" => 'ä',
        "ouml" => 'ö',
        "uuml" => 'ü',
        "Auml" => 'Ä',
        "Ouml" => 'Ö',
        "Uuml" => 'Ü',
        "szlig" => 'ß',
        "euro" => '€',
        "ndash" => '–',
        "mdash" => '—',
        "hellip" => '…',
        "laquo" => '«',
        "raquo" => '»',
        "bdquo" => '„',
        "ldquo" => '“',
        "rdquo" => '”',
        "eacute" => 'é',
        "egrave" => 'è',
        "sect" => '§',
        "copy" => '©',
        _ => return None,
    })
}
