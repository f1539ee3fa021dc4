//! Entries as syslog messages: RFC 5424, framed for a stream as RFC 6587 and RFC 5425 have it.

use serde_json::{Map, Value};

use super::{Format, members, text};

/// Log audit (RFC 5424 section 6.2.1).
const FACILITY: u8 = 13;

/// One message with its length before it; `None` for what is no JSON object.
///
/// The message is the line of `format`, which says the index; `sequenceId` counts too, but begins anew at 2^31.
pub(crate) fn frame(format: Format, index: u64, entry: &[u8]) -> Option<Vec<u8>> {
    let line = format.line(index, entry)?;
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    let message = [head(index, &members(entry)?).as_bytes(), line].concat();
    Some([message.len().to_string().as_bytes(), b" ", &message].concat())
}

fn head(index: u64, entry: &Map<String, Value>) -> String {
    let severity = match text(entry, "action") {
        "ERROR" => 3,
        "BLOCKED" | "DENIED" => 4,
        "WARNED" => 5,
        _ => 6,
    };
    let priority = FACILITY * 8 + severity;
    let timestamp = Some(text(entry, "timestamp")).filter(|timestamp| !timestamp.is_empty()).unwrap_or("-");
    let (node, event) = (word(text(entry, "node"), 255), word(text(entry, "event"), 32));
    let sequence = index % 0x7fff_ffff + 1;
    format!("<{priority}>1 {timestamp} {node} schleuse - {event} [meta sequenceId=\"{sequence}\"] ")
}

/// A name of the head: visible ASCII, or a hyphen where there is none.
fn word(text: &str, most: usize) -> String {
    let word: String = text.chars().filter(char::is_ascii_graphic).take(most).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

#[cfg(test)]
mod tests {
    use super::frame;
    use crate::Format;

    #[track_caller]
    fn check(index: u64, entry: &str, expected: &str) {
        let framed = String::from_utf8(frame(Format::Jsonl, index, entry.as_bytes()).unwrap()).unwrap();
        let (length, message) = framed.split_once(' ').unwrap();
        assert_eq!((length.parse(), message), (Ok(message.len()), expected));
    }

    #[test]
    fn a_message_has_its_length_and_its_place() {
        check(
            0,
            r#"{"action":"BLOCKED","event":"llm.refuse","node":"gw-2","timestamp":"2026-11-20T20:48:44.123456Z"}"#,
            "<108>1 2026-11-20T20:48:44.123456Z gw-2 schleuse - llm.refuse [meta sequenceId=\"1\"] {\"index\":0,\
             \"action\":\"BLOCKED\",\"event\":\"llm.refuse\",\"node\":\"gw-2\",\"timestamp\":\"2026-11-20T20:48:44.123456Z\"}",
        );
        check(
            0x7fff_ffff,
            r#"{"event":"a b\u00fc","v":1}"#,
            "<110>1 - - schleuse - ab [meta sequenceId=\"1\"] {\"index\":2147483647,\"event\":\"a b\\u00fc\",\"v\":1}",
        );
        assert_eq!(frame(Format::Jsonl, 0, b"[]"), None);
    }
}
