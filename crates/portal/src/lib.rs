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
//! | `POST conversations` `{temporary?, folder?, assistant?}` | begins one; a temporary one is in no list and never on disk |
//! | `GET`, `PUT {title?, folder?, pinned?}`, `DELETE conversations/{id}` | with all its messages; deleting ends its runs |
//! | `POST conversations/{id}/messages` `{content, model \| models, label?, compartments?, parent?, masks?, release?}` | asks one model, or up to four at once; without `parent` behind the newest message, with `null` as a new branch |
//! | `POST conversations/{id}/messages/{question}/answers` `{model \| models, label?, compartments?}` | lets it be answered again, beside the answers that there are |
//! | `PUT {value, reasons?, comment?}`, `DELETE conversations/{id}/messages/{answer}/feedback` | what the person thinks of an answer |
//! | `GET feedback` | what several people together think of a model's answers; a duty of its own |
//! | `GET conversations/{id}/messages/{answer}/receipt` | what proves the answer's entry in the log to outsiders |
//! | `POST conversations/{id}/declassify` `{to, reason}` | lowers the label, if policy permits; also of another person's; 202 where somebody else has to approve it |
//! | `GET conversations/{id}/export?format=json\|markdown`, `GET export` | a file with the label in it; one with everything |
//! | `GET conversations/{id}/messages/{answer}/export?format=docx\|pdf\|markdown` | one answer as a document with its label |
//! | `POST import` | a conversation from such a file, inspected, under at least its label |
//! | `GET labels` | the label of a question that says none, and which compartments the person may put on one |
//! | `GET`, `POST releases` `{content, attachments?, model, label?, reason}` | asks somebody else to let a text pass once that would be blocked; used with `release` of a question |
//! | `GET data`, `POST data/erase` `{confirm}` | what is stored about the person, by what is configured now; and the end of it |
//! | `POST findings` `{content, label?}` | what inspection would say; nothing of it is kept |
//! | `GET search?q=&limit=` | over all of one's own but temporary ones; see module `words` for what counts as the same word |
//! | `GET`, `POST conversations/{id}/shares` `{with, until?, messages?}`; `DELETE shares/{id}` | what of it others may read |
//! | `GET shared`, `shared/{id}` | what others share, judged anew for the reader at each reading |
//! | `GET`, `POST prompts` `{name, text, tags?, with?}`; `PUT`, `DELETE prompts/{id}`; `GET prompts/{id}/versions`; `POST prompts/{id}/restore` `{version}` | questions that are kept, with their versions, shared as conversations are |
//! | `GET`, `POST assistants` `{name, purpose, instructions, model?, label?, starters?}`; `GET`, `PUT`, `DELETE assistants/{id}`; `POST assistants/{id}/submit` `{with}`, `…/review` `{publish, note?, version?}`, `…/withdraw` `{note?}` | instructions that conversations begin with; published after review by somebody else |
//! | `GET`, `POST folders` `{name}`; `PUT {name}`, `DELETE folders/{id}` | what is in a deleted one stays, in none |
//! | `POST attachments?name=&conversation=` (the file itself), `GET`, `DELETE attachments/{id}`, `GET attachments/{id}/text` | files for a question, which then names them in `attachments` |
//! | `GET runs/{id}/events` | the answer as server-sent events, from `last-event-id` on, also long after its end |
//! | `POST runs/{id}/stop` | lets the model go |
//!
//! Events, in this order, each but `text` at most once: `model {model}`, `passage {…}` (what the gate said in its
//! headers), `omitted {messages}` (so many earlier messages were too many for the model), `text {text}`, `cut {}` (the
//! answer ended at its length limit), `usage {prompt, completion}`, `refusal {error}` or `stopped {}`, `done {state}`.
//! After a crash `whole {text}` takes the place of all text so far. `error {error}` has no id: it ends this reader, whose
//! credential is no longer good, not the answer.
//!
//! The messages are a tree: what was asked or answered again is a sibling of what was there before, and a page goes from one
//! branch to another by the parents.
//!
//! The label of a conversation is the join of the labels of every question in it that a model was asked, and of their
//! answers; it goes along with the next question, whatever branch that is in, and falls only by a recorded
//! declassification. A question that was refused, and what came of no
//! answer, stays visible but is not sent along and has no part in the label: one blocked number does not block all that
//! follows.

mod answer;
mod approval;
mod archive;
mod assistant;
mod attaching;
mod attachment;
mod body;
mod context;
mod conversation;
mod declassify;
mod deed;
mod document;
mod events;
mod export;
mod feedback;
mod findings;
mod folder;
mod import;
mod index;
mod mask;
mod message;
mod mydata;
mod portal;
mod prompt;
mod question;
mod reader;
mod receipt;
mod refusals;
mod release;
mod run;
mod seal;
mod search;
mod share;
mod temporary;
mod tree;
mod words;

pub use attachment::{Attaching, Digest, Extract};
pub use declassify::{Declassify, Lowering, Permitted};
pub use deed::{Deed, DeedKind, Duty, Examine, Examined, Judge, Note, PermitDuty, Sight};
pub use mydata::{Forget, Holdings, Kept};
pub use portal::{Limits, Manner, Parts, Permit, Portal, Released, Standing, Standings};
pub use receipt::{Receipt, Receipts};
pub use release::{Blocked, Releasable, Wished};
