//! A few questions over loopback, and a stand-in for a model server where there is none to ask.
//!
//! Plain HTTP/1.1 with one request per connection: `upstream` is the only room with a client of HTTP, and the doctor
//! needs less than that.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// An engine that computes on one slow core gets this long for a few LLM tokens.
const ANSWER_MAX: Duration = Duration::from_secs(120);
const ANSWER_BYTES_MAX: u64 = 4 << 20;
const QUESTION_BYTES_MAX: u64 = 1 << 20;

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: u16,
    /// As it was sent; a chunked body still has its chunks.
    pub body: Vec<u8>,
}

impl Reply {
    pub fn contains(&self, text: &str) -> bool {
        text.is_empty() || self.body.windows(text.len()).any(|window| window == text.as_bytes())
    }

    /// The JSON object of the body, if there is one.
    pub fn json(&self) -> Option<serde_json::Value> {
        let begin = self.body.iter().position(|byte| *byte == b'{')?;
        let end = self.body.iter().rposition(|byte| *byte == b'}')?;
        serde_json::from_slice(self.body.get(begin..=end)?).ok()
    }
}

/// Asks once. With a body it is a POST of JSON.
pub(super) fn ask(
    address: SocketAddr,
    path: &str,
    key: Option<&str>,
    body: Option<&serde_json::Value>,
) -> io::Result<Reply> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    let method = if body.is_some() { "POST" } else { "GET" };
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    if let Some(key) = key {
        request.push_str(&format!("authorization: Bearer {key}\r\n"));
    }
    let body = body.map(ToString::to_string).unwrap_or_default();
    if !body.is_empty() {
        request.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    request.push_str(&body);
    stream.write_all(request.as_bytes())?;
    read_reply(stream)
}

fn read_reply(stream: impl Read) -> io::Result<Reply> {
    let mut reader = BufReader::new(stream.take(ANSWER_BYTES_MAX));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or_else(|| io::Error::other("the answer is no HTTP"))?;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::Error::other("the answer ended within its headers"));
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = Vec::new();
    reader.read_to_end(&mut body)?;
    Ok(Reply { status, body })
}

/// The model of the stand-in.
pub(super) const STAND_IN_MODEL: &str = "stand-in";
/// Models take a while, and a connection that is open for a while is seen by a look together with its owner.
const STAND_IN_THINKS: Duration = Duration::from_millis(100);
const STAND_IN_ANSWER: &str = "This answer comes from the doctor's stand-in for a model server.";

/// A model server of fixed words on loopback, so that a house without an engine has somebody to ask. It runs on a thread
/// that ends with the process.
pub(super) fn start_stand_in() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    std::thread::Builder::new().name("stand-in".to_owned()).spawn(move || {
        for stream in listener.incoming().flatten() {
            // A caller that goes away is not the stand-in's business.
            let _gone = answer(&stream);
        }
    })?;
    Ok(address)
}

fn answer(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream.take(QUESTION_BYTES_MAX));
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        let header = line.to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    std::thread::sleep(STAND_IN_THINKS);
    let (content_type, body) = stand_in_reply(&first, &body);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    (&*stream).write_all(format!("{head}{body}").as_bytes())
}

fn stand_in_reply(first_line: &str, body: &[u8]) -> (&'static str, String) {
    if first_line.starts_with("GET ") {
        let models = serde_json::json!({ "object": "list", "data": [{
            "id": STAND_IN_MODEL, "object": "model", "created": 0, "owned_by": "schleuse",
        }]});
        return ("application/json", models.to_string());
    }
    let question: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let choice = |key: &str, finish: Option<&str>| {
        serde_json::json!({
            "id": "chatcmpl-0", "created": 0, "model": STAND_IN_MODEL,
            "object": if key == "delta" { "chat.completion.chunk" } else { "chat.completion" },
            "choices": [{
                "index": 0, "finish_reason": finish,
                key: { "role": "assistant", "content": STAND_IN_ANSWER },
            }],
        })
    };
    if question.get("stream").and_then(serde_json::Value::as_bool) == Some(true) {
        let events = format!("data: {}\n\ndata: [DONE]\n\n", choice("delta", Some("stop")));
        return ("text/event-stream", events);
    }
    let mut whole = choice("message", Some("stop"));
    if let Some(whole) = whole.as_object_mut() {
        let usage = serde_json::json!({ "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 });
        whole.insert("usage".to_owned(), usage);
    }
    ("application/json", whole.to_string())
}

#[cfg(test)]
mod tests {
    use super::{ask, read_reply, start_stand_in};

    /// The status of a reply and its JSON, or the error.
    fn check(reply: &str, expected: &str) {
        let got = match read_reply(reply.as_bytes()) {
            Ok(reply) => format!("{} {}", reply.status, reply.json().unwrap_or_default()),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expected, "{reply}");
    }

    #[test]
    fn replies_are_read() {
        check("HTTP/1.1 200 OK\r\na: b\r\n\r\n{\"a\":1}", "200 {\"a\":1}");
        check("HTTP/1.1 403 Forbidden\r\n\r\n", "403 null");
        check("HTTP/1.1 200 OK\r\n\r\n7\r\n{\"a\":1}\r\n0\r\n\r\n", "200 {\"a\":1}");
        check("HTTP/1.1 200 OK\r\na: b", "the answer ended within its headers");
        check("SSH-2.0", "the answer is no HTTP");
        check("", "the answer is no HTTP");
    }

    #[test]
    fn the_stand_in_answers() {
        let address = start_stand_in().unwrap();
        let models = ask(address, "/v1/models", None, None).unwrap();
        assert!(models.status == 200 && models.contains("\"stand-in\""));
        let question = serde_json::json!({ "model": "stand-in", "messages": [] });
        let whole = ask(address, "/v1/chat/completions", Some("key"), Some(&question)).unwrap();
        assert!(whole.json().unwrap()["choices"][0]["message"]["content"].is_string());
        let question = serde_json::json!({ "model": "stand-in", "messages": [], "stream": true });
        let streamed = ask(address, "/v1/chat/completions", Some("key"), Some(&question)).unwrap();
        assert!(streamed.contains("data: [DONE]"));
    }
}
