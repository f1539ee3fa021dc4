//! A model server that costs next to nothing: it answers every question with the same words, at once or as paced events.
//! It is for measuring load, not behaviour; behaviour is judged against recordings of a real server.

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as HttpBody, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use schleuse_bench::flags::Flags;
use schleuse_bench::{Failure, listen, serve};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

const MODELS: &str =
    r#"{"object":"list","data":[{"id":"bench","object":"model","created":1700000000,"owned_by":"bench"}]}"#;
const ANSWER: &str = concat!(
    r#"{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"bench","choices":[{"index":0,"#,
    r#""message":{"role":"assistant","content":"A lock lets a boat pass from one level of water to another: it goes in, "#,
    r#"the gate behind it shuts, the water rises or falls, and only then does the gate before it open. Both gates are "#,
    r#"never open at once, and somebody keeps the book of what has passed."},"logprobs":null,"finish_reason":"stop"}],"#,
    r#""usage":{"prompt_tokens":200,"completion_tokens":64,"total_tokens":264}}"#
);
const FIRST: &str = concat!(
    r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench","#,
    r#""choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}"#,
    "\n\n"
);
const WORD: &str = concat!(
    r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench","#,
    r#""choices":[{"index":0,"delta":{"content":" water"},"logprobs":null,"finish_reason":null}]}"#,
    "\n\n"
);
const LAST: &str = concat!(
    r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench","#,
    r#""choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}"#,
    "\n\n"
);
const USAGE: &str = concat!(
    r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench","#,
    r#""choices":[],"usage":{"prompt_tokens":200,"completion_tokens":100,"total_tokens":300}}"#,
    "\n\n"
);
const DONE: &str = "data: [DONE]\n\n";

type Body = BoxBody<Bytes, Failure>;

/// How a stream is paced.
#[derive(Clone, Copy)]
struct Pace {
    words: u32,
    interval: Duration,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let flags = Flags::parse(std::env::args().skip(1), &["words", "interval-ms"])?;
    let pace = Pace {
        words: flags.value("words", 100)?,
        interval: Duration::from_millis(flags.value("interval-ms", 10)?),
    };
    serve(listen().await?, move || service_fn(move |request| answer(request, pace))).await
}

async fn answer(request: Request<Incoming>, pace: Pace) -> Result<Response<Body>, Failure> {
    if request.method() == Method::GET {
        return reply("application/json", whole(MODELS));
    }
    let question = request.into_body().collect().await?.to_bytes();
    if !holds(&question, br#""stream":true"#) {
        return reply("application/json", whole(ANSWER));
    }
    let with_usage = holds(&question, br#""include_usage":true"#);
    reply("text/event-stream", Stream::new(pace, with_usage).boxed())
}

fn reply(content_type: &'static str, body: Body) -> Result<Response<Body>, Failure> {
    Ok(Response::builder().header("content-type", content_type).body(body)?)
}

fn whole(text: &'static str) -> Body {
    Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed()
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The events of one answer, each in a frame of its own and each in its time.
struct Stream {
    clock: Interval,
    /// Events still to send, the last one first.
    left: Vec<&'static str>,
}

impl Stream {
    fn new(pace: Pace, with_usage: bool) -> Self {
        let mut clock = interval(pace.interval);
        // After a stall the pace goes on; bursts would count as cheap events.
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut left = vec![DONE];
        left.extend(with_usage.then_some(USAGE));
        left.push(LAST);
        left.extend((0..pace.words).map(|_| WORD));
        left.push(FIRST);
        Self { clock, left }
    }
}

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        ready!(self.clock.poll_tick(context));
        Poll::Ready(self.left.pop().map(|event| Ok(Frame::data(Bytes::from_static(event.as_bytes())))))
    }
}
