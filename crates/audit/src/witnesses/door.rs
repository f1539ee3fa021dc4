//! One witness's HTTP door.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use crate::dial::{Dial, DialError, TlsTrust};

/// For name resolution, connection and answer together.
const DEADLINE: Duration = Duration::from_secs(5);
/// For the body of an answer: a few signature lines.
const ANSWER_BYTES_MAX: usize = 32 * 1024;

/// What a witness answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Signature lines, not checked yet.
    Cosigned(String),
    /// Another size than was said is the last one.
    Conflict(u64),
    Inconsistent,
}

/// Where one witness takes checkpoints.
pub(super) struct Door {
    dial: Dial,
    path: String,
}

impl Door {
    pub(super) fn new(url: &str, trust: &TlsTrust) -> Result<Self, DialError> {
        let dial = Dial::http(url, trust)?;
        if dial.path().contains('?') {
            return Err(DialError::Config("the URL of a witness has no query".to_owned()));
        }
        Ok(Self { path: format!("{}/add-checkpoint", dial.path().trim_end_matches('/')), dial })
    }

    /// Hands a checkpoint over, on a connection of its own.
    pub(super) async fn add_checkpoint(&self, body: String) -> Result<Answer, DialError> {
        let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))];
        let asked = self.dial.post(&self.path, &headers, Bytes::from(body), ANSWER_BYTES_MAX);
        let answered = tokio::time::timeout(DEADLINE, asked).await;
        let (status, body) = answered.map_err(|_| DialError::TimedOut(DEADLINE))??;
        read_answer(status, &body)
    }
}

fn read_answer(status: StatusCode, body: &[u8]) -> Result<Answer, DialError> {
    let text =
        std::str::from_utf8(body).map_err(|_| DialError::Answer("its answer is no text".to_owned()))?;
    match status {
        StatusCode::OK => Ok(Answer::Cosigned(text.to_owned())),
        StatusCode::CONFLICT => {
            let size = text.trim_end_matches('\n').parse();
            size.map(Answer::Conflict).map_err(|_| DialError::Answer("its size is no number".to_owned()))
        }
        StatusCode::UNPROCESSABLE_ENTITY => Ok(Answer::Inconsistent),
        StatusCode::NOT_FOUND => Err(DialError::Answer("it does not know this log's origin".to_owned())),
        StatusCode::FORBIDDEN => Err(DialError::Answer("it knows this log by another key".to_owned())),
        status => Err(DialError::Answer(format!("it answered with status {}", status.as_u16()))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, DialError, Door, StatusCode, TlsTrust, read_answer};

    #[test]
    fn checkpoints_go_below_the_url_of_the_witness() {
        let path = |url: &str| Door::new(url, &TlsTrust::default()).map(|door| door.path).ok();
        assert_eq!(path("http://10.0.0.9:8099").as_deref(), Some("/add-checkpoint"));
        assert_eq!(path("http://w.example/house/").as_deref(), Some("/house/add-checkpoint"));
        assert_eq!(path("http://w.example/?x"), None);
    }

    #[test]
    fn answers_are_read_as_the_protocol_has_them() {
        fn check(status: u16, body: &str, expected: Result<Answer, &str>) {
            let read = read_answer(StatusCode::from_u16(status).unwrap(), body.as_bytes());
            assert_eq!(read, expected.map_err(|problem| DialError::Answer(problem.to_owned())), "{status}");
        }
        check(200, "— w x\n", Ok(Answer::Cosigned("— w x\n".to_owned())));
        check(409, "17\n", Ok(Answer::Conflict(17)));
        check(409, "no\n", Err("its size is no number"));
        check(422, "", Ok(Answer::Inconsistent));
        check(404, "", Err("it does not know this log's origin"));
        check(403, "", Err("it knows this log by another key"));
        check(503, "", Err("it answered with status 503"));
    }
}
