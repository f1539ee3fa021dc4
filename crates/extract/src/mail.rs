//! Mail as it is saved (RFC 5322, MIME): who wrote what to whom, and the text. Attachments are named and not opened.

use mail_parser::{MessageParser, PartType};

use crate::document::{Extracted, Kind, PlaceKind, Rejected, Scroll, What};
use crate::markup;

/// Headers that people read; the others describe the mail.
const SHOWN: [&str; 7] = ["from", "to", "cc", "bcc", "reply-to", "date", "subject"];

pub(crate) fn read(bytes: &[u8]) -> Result<Extracted, Rejected> {
    let message = MessageParser::default().parse(bytes).ok_or(Rejected::Damaged)?;
    let mut scroll = Scroll::default();
    let parser = MessageParser::default();
    for (name, value) in message.headers_raw() {
        let value = unfold(&parser, name, value);
        if SHOWN.contains(&name.to_ascii_lowercase().as_str()) {
            scroll.push(name);
            scroll.push(": ");
            scroll.push(&value);
            scroll.end_line();
        } else {
            // Labels of Microsoft Purview stand in one header, with semicolons between them.
            value.split(';').for_each(|value| scroll.fact(None, value));
        }
    }
    scroll.end_block();
    let mut seen: Vec<String> = Vec::new();
    for part in &message.parts {
        match &part.body {
            PartType::Text(text) => {
                seen.push(squeezed(text));
                scroll.push(text);
                scroll.end_block();
            }
            PartType::Html(html) => {
                let mut side = Scroll::default();
                markup::write(html, &mut side);
                let side = side.finish(Kind::Mail);
                side.omitted.iter().for_each(|omission| {
                    scroll.omit_many(omission.what, usize::try_from(omission.count).unwrap_or(usize::MAX));
                });
                // Most mail says the same twice; where the two differ, both are read.
                if !seen.contains(&squeezed(&side.text)) {
                    scroll.begin(PlaceKind::Beside, None, Some("HTML"));
                    scroll.push(&side.text);
                    scroll.end_block();
                }
            }
            PartType::Binary(_) | PartType::InlineBinary(_) | PartType::Message(_) => {
                scroll.omit(What::MailAttachments);
            }
            PartType::Multipart(_) => {}
        }
    }
    Ok(scroll.finish(Kind::Mail))
}

/// The words of a header: folded lines joined, encoded words decoded.
fn unfold(parser: &MessageParser, name: &str, value: &str) -> String {
    let joined: String = value.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty()).fold(
        String::new(),
        |joined, line| if joined.is_empty() { line.to_owned() } else { joined + " " + line },
    );
    if !joined.contains("=?") {
        return joined;
    }
    // As a subject: of all headers it is the one that is nothing but words.
    let _ = name;
    let subject = format!("Subject: {joined}\r\n\r\n");
    let decoded = parser.parse(subject.as_bytes()).and_then(|message| message.subject().map(str::to_owned));
    decoded.unwrap_or(joined)
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().concat()
}

/// Whether a text begins with headers as mail has them.
pub(crate) fn looks_like_mail(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(8192)).unwrap_or_default();
    let known =
        ["from:", "to:", "date:", "subject:", "received:", "message-id:", "mime-version:", "return-path:"];
    let lines = head.split(|byte| *byte == b'\n').take_while(|line| !line.trim_ascii().is_empty());
    let found = lines.filter(|line| {
        known.iter().any(|name| {
            line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        })
    });
    found.count() >= 2
}
