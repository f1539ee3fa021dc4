//! Bodies as they pass the doors of the house: a request's with its pace, a reply's as it is.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::exchange::{BodyError, ReplyBody};

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
