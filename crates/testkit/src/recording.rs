//! Exchanges with a real model server, as they went over the socket. Where they come from:
//! `recordings/vllm/README.md`.

use std::fmt;

/// One exchange.
#[derive(Debug, Clone)]
pub struct Recording {
    /// `03-chat-stream`.
    pub name: &'static str,
    pub request: RecordedRequest,
    pub response: RecordedResponse,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRequest {
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in lower case, in the order of the wire.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedResponse {
    pub status: u16,
    /// Names in lower case, in the order of the wire.
    pub headers: Vec<(String, String)>,
    /// Status line and headers with the empty line behind them, byte for byte.
    pub head: Vec<u8>,
    /// The body in the chunks of the wire, without their frames; one piece when it was not chunked.
    pub chunks: Vec<Vec<u8>>,
    pub is_chunked: bool,
}

/// The bytes are no HTTP/1.1 message, or not a whole one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingError(pub &'static str);

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a whole HTTP/1.1 message: {}", self.0)
    }
}

impl std::error::Error for RecordingError {}

impl RecordedRequest {
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordingError> {
        let (head, rest) = split_head(bytes)?;
        let (line, headers) = parse_head(head)?;
        let mut words = line.split(' ');
        let (Some(method), Some(path), Some("HTTP/1.1"), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(RecordingError("bad request line"));
        };
        let (chunks, _) = parse_body(&headers, rest, true)?;
        Ok(Self { method: method.to_owned(), path: path.to_owned(), headers, body: chunks.concat() })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

impl RecordedResponse {
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordingError> {
        let (head, rest) = split_head(bytes)?;
        let (line, headers) = parse_head(head)?;
        let status = line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|digits| digits.parse().ok())
            .ok_or(RecordingError("bad status line"))?;
        let (chunks, is_chunked) = parse_body(&headers, rest, false)?;
        Ok(Self { status, headers, head: head.to_vec(), chunks, is_chunked })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    pub fn is_event_stream(&self) -> bool {
        self.header("content-type").is_some_and(|value| value.starts_with("text/event-stream"))
    }

    /// The whole body, without the frames of its chunks.
    pub fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    /// The message as it goes over the wire: the head first, then one piece for each chunk, then the end.
    pub fn wire_pieces(&self) -> Vec<Vec<u8>> {
        let mut pieces = vec![self.head.clone()];
        if self.is_chunked {
            pieces.extend(self.chunks.iter().map(|chunk| chunk_frame(chunk)));
            pieces.push(LAST_CHUNK.to_vec());
        } else {
            pieces.extend(self.chunks.iter().cloned());
        }
        pieces
    }
}

pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A chunk of RFC 9112 §7.1 with the lower-case length that uvicorn writes.
pub(crate) fn chunk_frame(chunk: &[u8]) -> Vec<u8> {
    let mut frame = format!("{:x}\r\n", chunk.len()).into_bytes();
    frame.extend_from_slice(chunk);
    frame.extend_from_slice(b"\r\n");
    frame
}

/// How many bytes the head has with its empty line, once it is there.
pub(crate) fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn split_head(bytes: &[u8]) -> Result<(&[u8], &[u8]), RecordingError> {
    let length = head_length(bytes).ok_or(RecordingError("no end of its headers"))?;
    bytes.split_at_checked(length).ok_or(RecordingError("no end of its headers"))
}

type Headers = Vec<(String, String)>;

/// First line and headers.
pub(crate) fn parse_head(head: &[u8]) -> Result<(String, Headers), RecordingError> {
    let text = std::str::from_utf8(head).map_err(|_| RecordingError("a head that is not UTF-8"))?;
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let first = lines.next().unwrap_or_default().to_owned();
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(':').ok_or(RecordingError("a header without a colon"))?;
            Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect::<Result<_, _>>()?;
    Ok((first, headers))
}

pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// The pieces of a body, and whether it was chunked. What follows the body is an error.
fn parse_body(
    headers: &[(String, String)],
    rest: &[u8],
    is_request: bool,
) -> Result<(Vec<Vec<u8>>, bool), RecordingError> {
    if header(headers, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        return Ok((parse_chunks(rest)?, true));
    }
    let length = match header(headers, "content-length") {
        Some(digits) => digits.parse().map_err(|_| RecordingError("a bad content-length"))?,
        None if is_request => 0,
        None => rest.len(),
    };
    match rest.len().cmp(&length) {
        std::cmp::Ordering::Less => Err(RecordingError("a body shorter than its content-length")),
        std::cmp::Ordering::Greater => Err(RecordingError("bytes behind its body")),
        std::cmp::Ordering::Equal if rest.is_empty() => Ok((Vec::new(), false)),
        std::cmp::Ordering::Equal => Ok((vec![rest.to_vec()], false)),
    }
}

fn parse_chunks(mut rest: &[u8]) -> Result<Vec<Vec<u8>>, RecordingError> {
    let mut chunks = Vec::new();
    loop {
        let line_length =
            rest.windows(2).position(|window| window == b"\r\n").ok_or(RecordingError("no chunk length"))?;
        let (line, behind) = rest.split_at_checked(line_length).ok_or(RecordingError("no chunk length"))?;
        let length = std::str::from_utf8(line)
            .ok()
            .and_then(|digits| usize::from_str_radix(digits, 16).ok())
            .ok_or(RecordingError("a bad chunk length"))?;
        let behind = behind.strip_prefix(b"\r\n").ok_or(RecordingError("a bad chunk length"))?;
        let (chunk, behind) = behind.split_at_checked(length).ok_or(RecordingError("a cut chunk"))?;
        rest = behind.strip_prefix(b"\r\n").ok_or(RecordingError("a chunk without its end"))?;
        if length == 0 {
            return match rest.is_empty() {
                true => Ok(chunks),
                false => Err(RecordingError("bytes behind its last chunk")),
            };
        }
        chunks.push(chunk.to_vec());
    }
}

/// The recording of that name.
pub fn recording(name: &str) -> Option<Recording> {
    let (name, request, response) = FILES.iter().find(|(known, _, _)| *known == name)?;
    Some(Recording {
        name,
        request: RecordedRequest::parse(request).ok()?,
        response: RecordedResponse::parse(response).ok()?,
    })
}

/// The names of all recordings, in order.
pub fn recording_names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _, _)| *name)
}

macro_rules! files {
    ($($name:literal)*) => {
        [$((
            $name,
            include_bytes!(concat!("../recordings/vllm/", $name, ".request.http")),
            include_bytes!(concat!("../recordings/vllm/", $name, ".response.http")),
        )),*]
    };
}

/// Name, request, response.
static FILES: &[(&str, &[u8], &[u8])] = &files![
    "01-models"
    "02-chat"
    "03-chat-stream"
    "04-chat-tool-required"
    "05-chat-tool-named-stream"
    "05-chat-tool-required-stream"
    "06-chat-json-schema"
    "07-completions-stream-n2"
    "08-error-unknown-model"
    "09-error-too-long"
    "10-metrics"
    "11-responses-stream"
    "12-anthropic-messages-stream"
    "13-error-invalid-body"
    "14-version"
    "15-tokenize"
    "16-chat-stream-usage-cont-logprobs"
    "17-embeddings-on-generate-model"
    "18-lora-load"
    "19-lora-load-again"
    "20-models-with-lora"
    "21a-chat-tiny"
    "21b-chat-lora-a"
    "21c-chat-lora-b"
    "22-lora-unload"
    "23-chat-structured-regex"
    "24-chat-guided-choice"
    "25-prefix-1"
    "25-prefix-2"
    "26-lora-load-missing"
    "30-embeddings"
    "31-embeddings-base64"
    "32-rerank"
    "33-score"
    "34-pooling-models"
];

#[cfg(test)]
mod tests {
    use super::{FILES, RecordedRequest, RecordedResponse, recording, recording_names};

    fn check_response(bytes: &str, expected: Result<&[&str], &str>) {
        let chunks = RecordedResponse::parse(bytes.as_bytes()).map(|response| response.chunks);
        let expected = expected.map(|chunks| chunks.iter().map(|chunk| chunk.as_bytes().to_vec()).collect());
        assert_eq!(chunks.map_err(|error| error.0), expected, "{bytes}");
    }

    #[test]
    fn responses_are_taken_apart() {
        check_response("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", Ok(&["ok"]));
        check_response("HTTP/1.1 200 OK\r\n\r\nto the end", Ok(&["to the end"]));
        check_response("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Ok(&[]));
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        check_response(
            &format!("{chunked}2\r\nab\r\nA\r\n0123456789\r\n0\r\n\r\n"),
            Ok(&["ab", "0123456789"]),
        );
        check_response(&format!("{chunked}2\r\nab\r\n"), Err("no chunk length"));
        check_response(&format!("{chunked}3\r\nab"), Err("a cut chunk"));
        check_response(&format!("{chunked}x\r\nab"), Err("a bad chunk length"));
        check_response(&format!("{chunked}0\r\n\r\nmore"), Err("bytes behind its last chunk"));
        check_response(
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok",
            Err("a body shorter than its content-length"),
        );
        check_response("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nok", Err("bytes behind its body"));
        check_response("HTTP/1.1 200 OK\r\n", Err("no end of its headers"));
        check_response("hello\r\n\r\n", Err("bad status line"));
    }

    #[test]
    fn every_recording_goes_back_over_the_wire_byte_for_byte() {
        for (name, request, response) in FILES {
            let parsed = RecordedResponse::parse(response).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(parsed.wire_pieces().concat(), *response, "{name}");
            RecordedRequest::parse(request).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn every_file_in_the_folder_is_in_the_table() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/recordings/vllm");
        let mut found: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| {
                entry
                    .unwrap()
                    .file_name()
                    .into_string()
                    .unwrap()
                    .strip_suffix(".response.http")
                    .map(str::to_owned)
            })
            .collect();
        found.sort();
        assert_eq!(found, recording_names().collect::<Vec<_>>());
        assert!(found.len() > 30);
    }

    #[test]
    fn a_recorded_stream_keeps_its_chunks() {
        let stream = recording("03-chat-stream").unwrap();
        assert!(stream.response.is_event_stream());
        assert_eq!(stream.response.chunks.len(), 11);
        assert_eq!(stream.response.chunks.last().unwrap(), b"data: [DONE]\n\n");
        assert_eq!(stream.request.method, "POST");
        assert_eq!(stream.request.path, "/v1/chat/completions");
        assert!(recording("99-none").is_none());
    }
}
