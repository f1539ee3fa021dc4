//! The inner application behind the chat pages: conversations, and runs that outlive the tab.
//!
//! [`Portal`] reaches models only through an [`Exchange`](schleuse_wire::Exchange), as any client does: with the
//! credential of the person who asks, so that everything the gate does applies. A *run* is one answer in the making. It
//! belongs to the house: closing a page does not end it, and any number of pages can read it from any place in it.
//!
//! Everything that a person wrote or was answered is sealed before it reaches the store (module `seal`): the store, its
//! backups and whoever reads them see ids, times, states and sizes, no text, title or label.
//!
//! | Route below `/api/chat/` | |
//! |---|---|
//! | `GET conversations` | all of the person's, the one last used first |
//! | `POST conversations` `{}` | begins one |
//! | `GET`, `PUT {title}`, `DELETE conversations/{id}` | with all its messages; deleting ends its runs |
//! | `POST conversations/{id}/messages` `{content, model, label?, parent?}` | asks; without `parent` behind the newest message, with `null` as a new branch |
//! | `POST conversations/{id}/declassify` `{to, reason}` | lowers the label, if policy permits; also of another person's |
//! | `GET runs/{id}/events` | the answer as server-sent events, from `last-event-id` on, also long after its end |
//! | `POST runs/{id}/stop` | lets the model go |
//!
//! Events, in this order, each but `text` at most once: `model {model}`, `passage {…}` (what the gate said in its
//! headers), `omitted {messages}` (so many earlier messages were too many for the model), `text {text}`, `cut {}` (the
//! answer ended at its length limit), `usage {prompt, completion}`, `refusal {error}` or `stopped {}`, `done {state}`.
//! After a crash `whole {text}` takes the place of all text so far. `error {error}` has no id: it ends this reader, whose
//! credential is no longer good, not the answer.
//!
//! The label of a conversation is the join of the labels of every question in it that a model was asked, and of their
//! answers; it goes along with the next question, whatever branch that is in, and falls only by a recorded
//! declassification. A question that was refused, and what came of no
//! answer, stays visible but is not sent along and has no part in the label: one blocked number does not block all that
//! follows.

mod answer;
mod archive;
mod body;
mod context;
mod declassify;
mod events;
mod message;
mod portal;
mod question;
mod reader;
mod refusals;
mod run;
mod seal;
mod tree;

pub use declassify::{Declassify, Lowering};
pub use portal::{DefaultLabel, Limits, Manner, Parts, Permit, Portal};
