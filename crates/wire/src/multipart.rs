//! Forms with files (`multipart/form-data`, RFC 7578 over RFC 2046), read whole and written anew.
//!
//! Stricter than the RFCs where readers are known to disagree: a body begins with its boundary and ends behind the last
//! one, lines end in CRLF, no part is encoded for transfer, no header or name stands twice, and a name says the same to
//! every reader. The boundary is read from the body's first line, where every client writes it; the one that
//! `content-type` repeats is not needed, and nobody further in ever sees it: what goes on is written by [`render`].

use std::collections::BTreeSet;

use bytes::Bytes;
use schleuse_types::{Refusal, RefusalCode, Text};

use crate::request::too_large;

/// What a form may cost.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of the body.
    pub body_bytes_max: usize,
    pub parts_max: usize,
    /// Bytes of all headers of one part.
    pub header_bytes_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { body_bytes_max: 32 * 1024 * 1024, parts_max: 64, header_bytes_max: 4096 }
    }
}

/// One field of a form, or one file.
///
/// INVARIANT: the name is not empty; name, file name and content type hold no control characters, name and file name no
/// `%22`, which stands for a quotation mark, and the content type is visible ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    name: String,
    filename: Option<String>,
    content_type: Option<String>,
    bytes: Bytes,
}

impl Part {
    /// A field that is not a file.
    pub fn field(name: impl Into<String>, text: impl Into<Bytes>) -> Result<Self, Refusal> {
        Self { name: name.into(), filename: None, content_type: None, bytes: text.into() }.checked()
    }

    pub fn file(
        name: impl Into<String>,
        filename: impl Into<String>,
        content_type: Option<String>,
        bytes: Bytes,
    ) -> Result<Self, Refusal> {
        Self { name: name.into(), filename: Some(filename.into()), content_type, bytes }.checked()
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the sender calls the file; None where the part says of itself that it is none.
    pub fn filename(&self) -> Option<&str> {
        self.filename.as_deref()
    }

    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// The value of a field; the refusal names it.
    pub fn text(&self) -> Result<&str, Refusal> {
        if self.filename.is_some() {
            return Err(wrong(
                &self.name,
                format!("The field `{}` must be a text, not a file.", self.name),
                format!("Das Feld `{}` muss ein Text sein, keine Datei.", self.name),
            ));
        }
        std::str::from_utf8(&self.bytes).map_err(|_| {
            wrong(
                &self.name,
                format!("The field `{}` is not UTF-8.", self.name),
                format!("Das Feld `{}` ist kein UTF-8.", self.name),
            )
        })
    }

    fn checked(self) -> Result<Self, Refusal> {
        let is_plain = |name: &str| !name.chars().any(char::is_control) && !name.contains("%22");
        if self.name.is_empty() || !is_plain(&self.name) {
            return Err(malformed(
                "a part has no name that can be read",
                "ein Teil hat keinen lesbaren Namen",
            ));
        }
        if !self.filename.as_deref().is_none_or(is_plain) {
            return Err(malformed(
                "the name of a file contains control characters",
                "der Name einer Datei enthält Steuerzeichen",
            ));
        }
        let is_visible =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if !self.content_type.as_deref().is_none_or(is_visible) {
            return Err(malformed(
                "the content type of a part is not visible ASCII",
                "der Inhaltstyp eines Teils ist kein sichtbares ASCII",
            ));
        }
        Ok(self)
    }
}

/// The parts of a form, taken out by name until none is left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    parts: Vec<Part>,
}

impl Form {
    /// Reads a body. The refusal says what is wrong and in which part; it never repeats what a part contains.
    pub fn parse(body: &Bytes, bounds: &Bounds) -> Result<Self, Refusal> {
        if body.len() > bounds.body_bytes_max {
            return Err(too_large(bounds.body_bytes_max));
        }
        let (delimiter, mut rest) = read_boundary(body)?;
        let mut parts = Vec::new();
        loop {
            if parts.len() == bounds.parts_max {
                return Err(malformed(
                    format!("it has more than {} parts", bounds.parts_max),
                    format!("es hat mehr als {} Teile", bounds.parts_max),
                ));
            }
            let (header, content) = split_header(rest, bounds.header_bytes_max)?;
            let Some(length) = find(content, &delimiter) else {
                return Err(malformed(
                    "its last boundary is missing; it may have been cut off",
                    "seine letzte Grenze fehlt; vielleicht wurde es abgeschnitten",
                ));
            };
            let (content, behind) = content.split_at_checked(length).unwrap_or((content, b""));
            parts.push(read_part(header, body.slice_ref(content))?);
            let behind = behind.strip_prefix(delimiter.as_slice()).unwrap_or_default();
            match (behind.strip_prefix(b"\r\n"), behind) {
                (Some(next), _) => rest = next,
                (None, b"--" | b"--\r\n") => return Ok(Self { parts }),
                _ => {
                    return Err(malformed(
                        "something stands behind a boundary where a line should end",
                        "hinter einer Grenze steht etwas, wo eine Zeile enden müsste",
                    ));
                }
            }
        }
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The part of this name; a second one of it is refused.
    pub fn take(&mut self, name: &str) -> Result<Option<Part>, Refusal> {
        let mut found = self.take_all(name);
        match (found.pop(), found.is_empty()) {
            (part, true) => Ok(part),
            _ => Err(wrong(
                name,
                format!("The field `{name}` stands there more than once."),
                format!("Das Feld `{name}` steht mehr als einmal da."),
            )),
        }
    }

    /// All parts of this name, as lists are sent (`include[]`).
    pub fn take_all(&mut self, name: &str) -> Vec<Part> {
        self.parts.extract_if(.., |part| part.name == name).collect()
    }

    /// To be asked last: refuses what nobody took, with the nearest name that is known.
    pub fn refuse_rest(self, known: &[&'static str]) -> Result<(), Refusal> {
        let Some(part) = self.parts.first() else { return Ok(()) };
        let shown: String = part.name.chars().take(64).collect();
        let nearest = crate::fields::nearest_of(known.iter().copied(), &part.name);
        let (mut english, mut german) =
            (format!("Unknown field `{shown}`"), format!("Unbekanntes Feld `{shown}`"));
        match nearest {
            Some(nearest) => {
                english.push_str(&format!("; did you mean `{nearest}`?"));
                german.push_str(&format!("; meinten Sie `{nearest}`?"));
            }
            None => {
                english.push('.');
                german.push('.');
            }
        }
        Err(wrong(&shown, english, german))
    }
}

/// A form as bytes, and the `content-type` that goes with them. [`Form::parse`] reads back the same parts.
pub fn render(parts: &[Part]) -> (String, Vec<u8>) {
    let boundary = free_boundary(parts);
    let length: usize = parts.iter().map(|part| part.bytes.len() + 256).sum();
    let mut out = Vec::with_capacity(length + 64);
    for part in parts {
        let mut head =
            format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{}\"", quoted(&part.name));
        if let Some(filename) = &part.filename {
            head.push_str(&format!("; filename=\"{}\"", quoted(filename)));
        }
        if let Some(content_type) = &part.content_type {
            head.push_str("\r\ncontent-type: ");
            head.push_str(content_type);
        }
        head.push_str("\r\n\r\n");
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(&part.bytes);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), out)
}

/// A name as it stands between quotation marks (HTML, multipart form data): only the mark itself is written otherwise.
fn quoted(name: &str) -> String {
    name.replace('"', "%22")
}

const BOUNDARY_PREFIX: &[u8] = b"schleuse-form-";
const BOUNDARY_DIGITS: usize = 12;

/// A boundary that stands in no part: the smallest number behind the prefix that none of them uses. Found in one pass,
/// whatever the parts are made of.
fn free_boundary(parts: &[Part]) -> String {
    let mut used = BTreeSet::new();
    for part in parts {
        let mut rest: &[u8] = &part.bytes;
        while let Some(at) = find(rest, BOUNDARY_PREFIX) {
            rest = rest.get(at + BOUNDARY_PREFIX.len()..).unwrap_or_default();
            let number = rest.get(..BOUNDARY_DIGITS).and_then(|digits| std::str::from_utf8(digits).ok());
            used.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
    }
    let mut free = 0;
    for number in used {
        if number > free {
            break;
        }
        free = number + 1;
    }
    format!("schleuse-form-{free:0digits$}", digits = BOUNDARY_DIGITS)
}

/// The delimiter between parts (`CRLF--boundary`), and what stands behind the first one.
fn read_boundary(body: &[u8]) -> Result<(Vec<u8>, &[u8]), Refusal> {
    let no_form = || {
        malformed(
            "it must be sent as multipart/form-data and begin with its boundary",
            "es muss als multipart/form-data gesendet werden und mit seiner Grenze beginnen",
        )
    };
    let behind = body.strip_prefix(b"--").ok_or_else(no_form)?;
    // RFC 2046 §5.1.1: at most 70 characters.
    let line = behind.get(..72.min(behind.len())).unwrap_or_default();
    let length = find(line, b"\r\n").ok_or_else(no_form)?;
    let (boundary, rest) = behind.split_at_checked(length).ok_or_else(no_form)?;
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte);
    if boundary.is_empty() || boundary.ends_with(b" ") || !boundary.iter().all(is_allowed) {
        return Err(no_form());
    }
    let mut delimiter = b"\r\n--".to_vec();
    delimiter.extend_from_slice(boundary);
    Ok((delimiter, rest.strip_prefix(b"\r\n").unwrap_or_default()))
}

/// The header lines of a part, and what stands behind their empty line.
fn split_header(rest: &[u8], bytes_max: usize) -> Result<(&[u8], &[u8]), Refusal> {
    const END: &[u8] = b"\r\n\r\n";
    let window = rest.get(..rest.len().min(bytes_max.saturating_add(END.len()))).unwrap_or_default();
    let Some(length) = find(window, END) else {
        return Err(malformed(
            format!("the headers of a part do not end within {bytes_max} bytes"),
            format!("die Kopfzeilen eines Teils enden nicht nach {bytes_max} Bytes"),
        ));
    };
    let (header, content) = rest.split_at_checked(length).unwrap_or((rest, b""));
    Ok((header, content.strip_prefix(END).unwrap_or_default()))
}

fn read_part(header: &[u8], bytes: Bytes) -> Result<Part, Refusal> {
    let header = std::str::from_utf8(header).map_err(|_| {
        malformed("the headers of a part are not UTF-8", "die Kopfzeilen eines Teils sind kein UTF-8")
    })?;
    let (mut disposition, mut content_type, mut encoding, mut length) = (None, None, None, None);
    for line in header.split("\r\n") {
        let Some((name, value)) = line.split_once(':') else {
            return Err(malformed(
                "a header line of a part has no colon",
                "eine Kopfzeile eines Teils hat keinen Doppelpunkt",
            ));
        };
        let place = match name.to_ascii_lowercase().as_str() {
            "content-disposition" => &mut disposition,
            "content-type" => &mut content_type,
            "content-transfer-encoding" => &mut encoding,
            "content-length" => &mut length,
            _ => {
                return Err(malformed(
                    "a part has a header other than content-disposition and content-type",
                    "ein Teil hat eine andere Kopfzeile als Content-Disposition und Content-Type",
                ));
            }
        };
        if place.replace(value.trim_matches([' ', '\t'])).is_some() {
            return Err(malformed(
                "a header of a part stands there twice",
                "eine Kopfzeile eines Teils steht zweimal da",
            ));
        }
    }
    // RFC 7578 §4.7: no encoding for transfer. What says that there is none does no harm.
    let is_as_it_is =
        |encoding: &str| ["binary", "8bit", "7bit"].contains(&encoding.to_ascii_lowercase().as_str());
    if !encoding.is_none_or(is_as_it_is) {
        return Err(malformed(
            "a part is encoded for transfer; send it as it is",
            "ein Teil ist für die Übertragung kodiert; senden Sie ihn, wie er ist",
        ));
    }
    if length.is_some_and(|length| length != bytes.len().to_string()) {
        return Err(malformed(
            "a part is not as long as it says",
            "ein Teil ist nicht so lang, wie er angibt",
        ));
    }
    let (name, filename) = disposition.and_then(read_disposition).ok_or_else(|| {
        malformed(
            "a part has no content-disposition of the form `form-data; name=\"…\"; filename=\"…\"`",
            "ein Teil hat keine Content-Disposition der Form `form-data; name=\"…\"; filename=\"…\"`",
        )
    })?;
    Part { name, filename, content_type: content_type.map(str::to_owned), bytes }.checked()
}

/// Name and file name: RFC 7578 §4.2, with the escape that HTML has for a quotation mark.
fn read_disposition(value: &str) -> Option<(String, Option<String>)> {
    let (kind, mut rest) = value.split_at_checked("form-data".len())?;
    if !kind.eq_ignore_ascii_case("form-data") {
        return None;
    }
    let (mut name, mut filename) = (None, None);
    while !rest.is_empty() {
        let (key, behind) = rest.trim_start_matches([' ', '\t']).strip_prefix(';')?.split_once('=')?;
        let (text, behind) = match behind.strip_prefix('"') {
            Some(quoted) => {
                quoted.split_once('"').map(|(text, behind)| (text.replace("%22", "\""), behind))?
            }
            None => {
                let is_word = |c: char| c.is_ascii_alphanumeric() || "!#$&'*+-.^_`|~".contains(c);
                let end = behind.find(|c| !is_word(c)).unwrap_or(behind.len());
                behind.split_at_checked(end).map(|(text, behind)| (text.to_owned(), behind))?
            }
        };
        let place = match key.trim_matches([' ', '\t']).to_ascii_lowercase().as_str() {
            "name" => &mut name,
            "filename" => &mut filename,
            _ => return None,
        };
        if place.replace(text).is_some() {
            return None;
        }
        rest = behind;
    }
    Some((name?, filename))
}

/// Where `needle` begins first.
fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = 0;
    loop {
        let rest = bytes.get(at..)?;
        at += rest.iter().position(|byte| *byte == first)?;
        if bytes.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
}

fn malformed(english: impl std::fmt::Display, german: impl std::fmt::Display) -> Refusal {
    Refusal::new(
        RefusalCode::InvalidRequest,
        Text::new(
            format!("The form of the request is not valid: {english}."),
            format!("Das Formular der Anfrage ist ungültig: {german}."),
        ),
        Text::fixed(
            "Send it with a client that writes multipart/form-data, such as one of the official SDKs.",
            "Senden Sie es mit einem Programm, das multipart/form-data schreibt, etwa mit einem der offiziellen SDKs.",
        ),
        "body is not a strict form",
    )
}

fn wrong(name: &str, english: String, german: String) -> Refusal {
    crate::invalid_request(english, german, "a field of the form has the wrong shape", Some(name))
}

#[cfg(test)]
mod tests;
