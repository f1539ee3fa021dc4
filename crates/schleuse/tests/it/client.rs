//! An HTTP/1.1 client by hand: it sends exactly the bytes it was given and keeps what came back as it came.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::SOON;

#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::new("POST", path) }.header("content-type", "application/json")
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    pub fn with_method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    pub fn with_body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    pub fn key(self, key: &str) -> Self {
        self.header("authorization", format!("Bearer {key}"))
    }

    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// What goes over the wire, in one connection that is closed afterwards.
    fn bytes(&self, address: &str) -> Vec<u8> {
        let mut out = format!("{} {} HTTP/1.1\r\n", self.method, self.path).into_bytes();
        let has = |name: &str| self.headers.iter().any(|(known, _)| known == name);
        if !has("host") {
            out.extend_from_slice(format!("host: {address}\r\n").as_bytes());
        }
        if !has("content-length") {
            out.extend_from_slice(format!("content-length: {}\r\n", self.body.len()).as_bytes());
        }
        out.extend_from_slice(b"connection: close\r\n");
        for (name, value) in &self.headers {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out
    }

    /// Sends it and waits for the whole answer.
    pub async fn send(&self, address: &str) -> Answer {
        self.open(address).await.finish().await
    }

    /// The same with a house that may be gone at any moment; `None` when nothing came back.
    pub async fn try_send(&self, address: &str) -> Option<Answer> {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(&self.bytes(address)).await.ok()?;
        let mut raw = Vec::new();
        // What came before the end is kept, whatever the end was.
        let _ = tokio::time::timeout(SOON * 3, stream.read_to_end(&mut raw)).await;
        Answer::parse(&raw)
    }

    /// Sends it; the answer can be watched as it comes.
    pub async fn open(&self, address: &str) -> Open {
        let mut stream = TcpStream::connect(address).await.expect("the house listens");
        stream.set_nodelay(true).unwrap();
        // A house that has refused already does not read the rest.
        let _ = stream.write_all(&self.bytes(address)).await;
        Open { stream, raw: Vec::new(), is_closed: false }
    }
}

/// A connection whose answer is on its way. Dropping it hangs up.
pub struct Open {
    stream: TcpStream,
    raw: Vec<u8>,
    is_closed: bool,
}

impl Open {
    /// Reads on until `is_enough` says so of everything that came, or the house closes. Fails after `within`.
    pub async fn until(&mut self, within: Duration, mut is_enough: impl FnMut(&Answer) -> bool) -> Answer {
        let deadline = Instant::now() + within;
        loop {
            let so_far = Answer::parse(&self.raw);
            if let Some(answer) = &so_far
                && is_enough(answer)
            {
                return so_far.unwrap();
            }
            if self.is_closed {
                return so_far.unwrap_or_else(|| panic!("no answer: {:?}", text(&self.raw)));
            }
            let mut piece = [0; 16 * 1024];
            let rest = deadline.saturating_duration_since(Instant::now());
            match tokio::time::timeout(rest, self.stream.read(&mut piece)).await {
                Ok(Ok(0) | Err(_)) => self.is_closed = true,
                Ok(Ok(length)) => self.raw.extend_from_slice(&piece[..length]),
                Err(_) => panic!("waited {within:?} in vain, so far: {:?}", text(&self.raw)),
            }
        }
    }

    /// Reads to the end of the answer.
    pub async fn finish(mut self) -> Answer {
        self.until(SOON * 2, |answer| answer.is_complete).await
    }

    /// The end of the answer, within a time.
    pub async fn finish_within(mut self, within: Duration) -> Answer {
        self.until(within, |answer| answer.is_complete).await
    }
}

/// What has come back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Without the frames of its chunks.
    pub body: Vec<u8>,
    /// Whether its last byte is here: by its length, or by its last chunk.
    pub is_complete: bool,
}

/// One event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub name: Option<String>,
    pub data: String,
}

impl Event {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {}", self.data))
    }
}

impl Answer {
    /// `None` until the head is here.
    fn parse(raw: &[u8]) -> Option<Self> {
        let head_length = raw.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = text(&raw[..head_length]);
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut answer = Self { status, headers, body: Vec::new(), is_complete: false };
        let rest = &raw[head_length..];
        if answer.header("transfer-encoding") == Some("chunked") {
            (answer.body, answer.is_complete) = chunks(rest);
        } else {
            let length: usize = answer.header("content-length").map_or(usize::MAX, |n| n.parse().unwrap());
            answer.body = rest.to_vec();
            answer.is_complete = rest.len() >= length;
        }
        Some(answer)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        text(&self.body)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The events that are here whole.
    pub fn events(&self) -> Vec<Event> {
        let text = self.text();
        let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
        let mut events = Vec::new();
        for block in whole.split("\n\n") {
            let (mut name, mut data) = (None, None);
            for line in block.lines().filter(|line| !line.starts_with(':')) {
                match line.split_once(": ") {
                    Some(("event", value)) => name = Some(value.to_owned()),
                    Some(("data", value)) => data = Some(value.to_owned()),
                    _ => panic!("a line that is no event: {line:?}"),
                }
            }
            if let Some(data) = data {
                events.push(Event { name, data });
            }
        }
        events
    }

    pub fn is_done(&self) -> bool {
        self.text().contains("[DONE]")
    }

    /// The chunks of a stream: every event but `[DONE]`, which must be the last one, and errors.
    pub fn chunks(&self) -> Vec<Value> {
        let events = self.events();
        if let Some(at) = events.iter().position(|event| event.data == "[DONE]") {
            assert_eq!(at + 1, events.len(), "something behind [DONE]: {}", self.text());
        }
        events
            .iter()
            .filter(|event| event.data != "[DONE]" && event.name.is_none())
            .map(Event::json)
            .collect()
    }

    /// The text of a chat answer's first choice, whole or streamed.
    pub fn said(&self) -> String {
        match self.header("content-type").unwrap_or_default().starts_with("text/event-stream") {
            true => {
                let said = |chunk: &Value| {
                    let choice = &chunk["choices"][0];
                    choice["delta"]["content"]
                        .as_str()
                        .or(choice["text"].as_str())
                        .unwrap_or_default()
                        .to_owned()
                };
                self.chunks().iter().map(said).collect()
            }
            false => {
                let choice = &self.json()["choices"][0];
                choice["message"]["content"]
                    .as_str()
                    .or(choice["text"].as_str())
                    .unwrap_or_default()
                    .to_owned()
            }
        }
    }

    /// The error object of a refusal, or of the error event with which a stream ended, after a look at its shape.
    #[track_caller]
    pub fn error(&self) -> Value {
        let document = if self.status == 200 {
            let events = self.events();
            let last = events.last().unwrap_or_else(|| panic!("no event: {}", self.text()));
            assert_eq!(last.name.as_deref(), Some("error"), "{}", self.text());
            assert!(!self.is_done(), "{}", self.text());
            last.json()
        } else {
            assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.text());
            self.json()
        };
        let error = document["error"].clone();
        assert_eq!(document.as_object().map(serde_json::Map::len), Some(1), "{document}");
        let mut members: Vec<&str> = error.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(
            members,
            ["code", "findings", "message", "next", "param", "request_id", "type"],
            "{error}"
        );
        for member in ["code", "message", "next", "request_id", "type"] {
            assert!(error[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {error}");
        }
        assert!(error["findings"].is_array(), "{error}");
        assert_eq!(error["request_id"].as_str(), self.header("x-schleuse-request-id"), "{error}");
        error
    }

    /// Status and code of a refusal, after a look at its shape.
    #[track_caller]
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.error()["code"].as_str().unwrap().to_owned())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap_or_else(|error| {
        // Cut in the middle of a character, as a stream may be at any time.
        let good = error.utf8_error().valid_up_to();
        assert!(bytes.len() - good < 4, "not UTF-8 at byte {good}");
        String::from_utf8(bytes[..good].to_vec()).unwrap()
    })
}

/// The content of chunks (RFC 9112 section 7.1), and whether the last one is there.
fn chunks(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(line) = rest.windows(2).position(|window| window == b"\r\n") else { return (body, false) };
        let length = usize::from_str_radix(&text(&rest[..line]), 16).expect("a chunk length");
        rest = &rest[line + 2..];
        if length == 0 {
            return (body, rest.starts_with(b"\r\n"));
        }
        body.extend_from_slice(&rest[..length.min(rest.len())]);
        if rest.len() < length + 2 {
            return (body, false);
        }
        rest = &rest[length + 2..];
    }
}
