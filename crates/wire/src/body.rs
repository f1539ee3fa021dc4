//! Bodies as they pass the doors of the house: a request's with its pace, a reply's as it is.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use schleuse_types::Refusal;
use tokio::time::{Sleep, sleep, timeout};

use crate::exchange::{ArrivalBody, BodyError, ReplyBody};
use crate::{invalid_request, too_large};

/// How long a sender may take for a body.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two pieces.
    pub idle: Duration,
    /// For all of it.
    pub whole: Duration,
}

/// A request's body whose sender may pause, but not for ever, and not again and again. Wants a Tokio runtime.
pub struct PacedBody<B> {
    body: B,
    pace: Pace,
    pause: Option<Pin<Box<Sleep>>>,
    /// From the first pause on.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<B> PacedBody<B> {
    pub fn new(body: B, pace: Pace) -> Self {
        Self { body, pace, pause: None, deadline: None }
    }
}

impl<B: Body<Data = Bytes, Error: Display> + Unpin> Body for PacedBody<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(frame) => {
                this.pause = None;
                Poll::Ready(frame.map(|frame| frame.map_err(|error| BodyError(error.to_string()))))
            }
            Poll::Pending => {
                // Timers exist only once the sender pauses: most bodies are there at once and never need them.
                let Pace { idle, whole } = this.pace;
                let late = |reason: String| Poll::Ready(Some(Err(BodyError(reason))));
                let pause = this.pause.get_or_insert_with(|| Box::pin(sleep(idle)));
                if pause.as_mut().poll(context).is_ready() {
                    return late(format!("no byte of the body came for {} s", idle.as_secs()));
                }
                let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep(whole)));
                if deadline.as_mut().poll(context).is_ready() {
                    return late(format!("the body was not complete after {} s", whole.as_secs()));
                }
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body to its end. What is longer than `bytes_max` is refused, and so is what does not arrive whole.
pub async fn read_body(mut body: ArrivalBody, bytes_max: usize) -> Result<Bytes, Refusal> {
    if body.size_hint().lower() > bytes_max as u64 {
        drain(body).await;
        return Err(too_large(bytes_max));
    }
    let mut first: Option<Bytes> = None;
    let mut all: Vec<u8> = Vec::new();
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|error| {
            invalid_request(
                "The body of the request did not arrive completely.",
                "Der Inhalt der Anfrage ist nicht vollständig angekommen.",
                "body not readable",
                None,
            )
            .with_inside(error.to_string())
        })?;
        let Ok(data) = frame.into_data() else { continue };
        match (&first, all.is_empty()) {
            // Most bodies come in one piece, which then needs no copy.
            (None, true) => first = Some(data),
            (Some(piece), true) => {
                all.extend_from_slice(piece);
                all.extend_from_slice(&data);
            }
            (_, false) => all.extend_from_slice(&data),
        }
        let length = if all.is_empty() { first.as_ref().map_or(0, Bytes::len) } else { all.len() };
        if length > bytes_max {
            drain(body).await;
            return Err(too_large(bytes_max));
        }
    }
    Ok(if all.is_empty() { first.unwrap_or_default() } else { Bytes::from(all) })
}

/// How much of a body that is too large is still taken, how long, and how long a pause in it may be.
const DRAIN_BYTES_MAX: usize = 64 * 1024 * 1024;
const DRAIN_MAX: Duration = Duration::from_secs(5);
const DRAIN_PAUSE_MAX: Duration = Duration::from_millis(250);

/// Takes what is already on its way: a sender who is cut off while writing never reads why.
async fn drain(mut body: ArrivalBody) {
    let draining = async {
        let mut length = 0;
        while length < DRAIN_BYTES_MAX {
            let next = poll_fn(|context| body.as_mut().poll_frame(context));
            match timeout(DRAIN_PAUSE_MAX, next).await {
                Ok(Some(Ok(frame))) => length += frame.data_ref().map_or(0, Bytes::len),
                Ok(Some(Err(_)) | None) | Err(_) => break,
            }
        }
    };
    let _ = timeout(DRAIN_MAX, draining).await;
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Events(events) => {
                events.poll_recv(context).map(|next| next.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Events(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use bytes::Bytes;
    use http_body::{Body, Frame};

    use super::{Pace, PacedBody};

    /// One byte after each pause, for ever.
    struct Drip {
        every: Duration,
        next: Pin<Box<tokio::time::Sleep>>,
    }

    impl Body for Drip {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            let this = &mut *self;
            match this.next.as_mut().poll(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) => {
                    this.next = Box::pin(tokio::time::sleep(this.every));
                    Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
                }
            }
        }
    }

    /// How many bytes come of a drip before it is cut, and why it is.
    async fn check(every_s: u64, expected_bytes: usize, expected_reason: &str) {
        let every = Duration::from_secs(every_s);
        let drip = Drip { every, next: Box::pin(tokio::time::sleep(every)) };
        let pace = Pace { idle: Duration::from_secs(30), whole: Duration::from_secs(100) };
        let mut body = PacedBody::new(drip, pace);
        let mut bytes = 0;
        let error = loop {
            match poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
                Some(Ok(_)) => bytes += 1,
                Some(Err(error)) => break error.to_string(),
                None => panic!("a drip has no end"),
            }
        };
        assert_eq!((bytes, error.as_str()), (expected_bytes, expected_reason));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_pause_but_not_for_ever_and_not_again_and_again() {
        check(60, 0, "no byte of the body came for 30 s").await;
        check(29, 3, "the body was not complete after 100 s").await;
        check(7, 14, "the body was not complete after 100 s").await;
    }
}
