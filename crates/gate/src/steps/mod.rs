//! The steps of the walk, one file each. Each turns a value that only the step before can make into the next one.

mod admit;
mod ask;
mod decide;
mod inspect;
mod parse;
mod passing;
mod reply;
mod reserve;
mod select;
mod verify;

pub use admit::{Admitted, admit};
pub use ask::{Asked, ask};
pub(crate) use decide::may_list_models;
pub use decide::{Asking, Decided, decide, decide_again};
pub(crate) use inspect::Seen;
pub use inspect::{Cleared, Preview, inspect, preview};
pub use parse::{Parsed, parse};
pub use reply::{Followed, reply};
pub use reserve::{Reserved, charged, reserve};
pub(crate) use select::may_carry;
pub use select::{Routed, select};
pub use verify::verify;

use bytes::Bytes;
use schleuse_types::Language;
use schleuse_wire::{Reply, ReplyBody, internal, render_refusal};

/// The answer when not even an id could be made, for want of randomness.
pub(crate) fn refuse_nameless() -> Reply {
    let refusal = internal("no randomness for a request id");
    tracing::error!("{refusal}");
    Reply {
        status: refusal.code.status(),
        headers: Vec::new(),
        body: ReplyBody::Whole(Bytes::from(render_refusal(&refusal, "", Language::English))),
    }
}
