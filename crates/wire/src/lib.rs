//! The wire that OpenAI's and Anthropic's clients speak: strict parse, limits, SSE in and out, and the `Exchange` door.
//!
//! Hostile bytes become a [`Request`] that cannot hold nonsense; what goes on to a model server is written anew from
//! it, so no input byte is copied through unseen. The same holds for what comes back. Nothing here does IO.

mod body;
mod dialect;
mod exchange;
pub mod fields;
pub mod json;
pub mod multipart;
mod pointer;
pub mod query;
mod refusal;
mod rendering;
mod reply;
mod request;
mod shape;
pub mod sse;
mod surface;
mod translation;

pub use body::{Pace, PacedBody, read_body};
pub use dialect::{Dialect, Events, Untranslatable};
pub use exchange::{
    Arrival, ArrivalBody, BodyError, Credential, Exchange, Exchanged, Method, Peer, Reply, ReplyBody,
};
pub use pointer::{Pointer, Segment};
pub use refusal::{
    internal, invalid_request, render as render_refusal, render_at as render_refusal_at,
    render_for as render_refusal_for,
};
pub use rendering::Renderer;
pub use reply::{
    Channel, Chunk, ChunkChoice, Piece, ReplyError, TELLINGS, ToolCallHead, UpstreamError, Usage, WholeReply,
    as_stream, telling_path,
};
pub use request::{AnswerBound, Limits, Request, TextVisitor, Turn, too_large};
pub use surface::Surface;
