//! The portal: who may, which path, and what is read without asking a model.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use schleuse_identity::{Authenticator, Verified};
use schleuse_store::Store;
use schleuse_types::{
    Clock, Finding, FindingAction, Label, Language, Principal, Random, Refusal, RequestId, Secret, Tenant,
};
use schleuse_wire::json::{Object, Value};
use schleuse_wire::{
    Arrival, Exchange, Exchanged, Method, Peer, Reply, ReplyBody, internal, invalid_request, render_refusal,
};
use tokio::sync::{OwnedMutexGuard, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::archive::{Archive, fail_interrupted};
use crate::attaching::Desk;
use crate::attachment::Attaching;
use crate::declassify::Declassify;
use crate::deed::{Examine, Judge, Note, PermitDuty};
use crate::events::Position;
use crate::message::{Author, Head, Message, State, string};
use crate::mydata::{Forget, Holdings};
use crate::reader::{FRAMES_WAITING_MAX, Reader, tell_stored};
use crate::receipt::Receipts;
use crate::refusals::{self, Fault};
use crate::release::Releasable;
use crate::run::{Run, Runs, parse_run_id};
use crate::seal::DataKey;
use crate::search::Searches;
use crate::temporary::{Temporary, is_temporary};

/// Whether policy lets this person use the chat.
pub type Permit = Arc<dyn Fn(&Principal, Peer) -> Result<(), Refusal> + Send + Sync>;

/// Fields beside model and messages with which a model of this name is asked, such as a limit for one that does not know
/// when it has said everything.
pub type Manner = Arc<dyn Fn(&str) -> Vec<(&'static str, Value)> + Send + Sync>;

/// The way to the models by which a question names a release; the gate looks whether it is good for that question.
pub type Released = Arc<dyn Fn(String) -> Arc<dyn Exchange> + Send + Sync>;

/// How far a person may read, and the label of a question of theirs that says none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub clearance: Label,
    pub default: Label,
}

/// What a person's standing is now.
pub type Standings = Arc<dyn Fn(&Verified) -> Standing + Send + Sync>;

/// What one person may have here.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub conversations_max: usize,
    /// Questions and answers of one conversation.
    pub messages_max: usize,
    /// Bytes of one question.
    pub content_bytes_max: usize,
    /// Answers being written at once.
    pub runs_max: usize,
    pub folders_max: usize,
    /// Pages that read one answer at once.
    pub readers_max: usize,
    /// How long somebody may take to approve a lower label.
    pub approval_lifetime: Duration,
    /// How long a text may be let pass, from when it was asked for.
    pub release_lifetime: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            conversations_max: 2_000,
            messages_max: 2_000,
            content_bytes_max: 2 * 1024 * 1024,
            runs_max: 8,
            folders_max: 200,
            readers_max: 16,
            approval_lifetime: Duration::from_hours(24),
            release_lifetime: Duration::from_hours(24),
        }
    }
}

/// What a portal is made of.
pub struct Parts {
    /// The gate, or a way to it: the only way to a model.
    pub models: Arc<dyn Exchange>,
    pub identity: Arc<Authenticator>,
    pub permit: Permit,
    pub permit_duty: PermitDuty,
    pub manner: Manner,
    pub standing: Standings,
    pub declassify: Declassify,
    pub judge: Judge,
    pub examine: Examine,
    pub note: Note,
    pub attaching: Attaching,
    pub receipts: Receipts,
    pub releasable: Releasable,
    pub released: Released,
    pub holdings: Holdings,
    pub forget: Forget,
    pub store: Arc<Store>,
    /// Wraps the data keys. Whoever loses it loses every conversation.
    pub house_secret: Secret<[u8; 32]>,
    pub limits: Limits,
    pub clock: Arc<dyn Clock>,
    /// For ids. Keys and nonces come from the cryptography library's own generator.
    pub random: Arc<dyn Random>,
    /// Every run and every reader; waited for at shutdown.
    pub tasks: TaskTracker,
    /// Ends the runs that still go on when the time for draining is over.
    pub cut: CancellationToken,
}

/// Conversations and runs. One portal at a time per store: it knows the runs by memory.
pub struct Portal {
    pub(crate) models: Arc<dyn Exchange>,
    identity: Arc<Authenticator>,
    permit: Permit,
    pub(crate) permit_duty: PermitDuty,
    pub(crate) manner: Manner,
    pub(crate) standing: Standings,
    pub(crate) declassify: Declassify,
    pub(crate) judge: Judge,
    pub(crate) examine: Examine,
    pub(crate) note: Note,
    pub(crate) attaching: Attaching,
    pub(crate) desk: Desk,
    pub(crate) receipts: Receipts,
    pub(crate) releasable: Releasable,
    pub(crate) released: Released,
    pub(crate) holdings: Holdings,
    pub(crate) forget: Forget,
    pub(crate) archive: Archive,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    pub(crate) tasks: TaskTracker,
    pub(crate) cut: CancellationToken,
    pub(crate) runs: Runs,
    pub(crate) searches: Searches,
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// Somebody who was let in.
pub(crate) struct Visitor {
    pub(crate) verified: Verified,
    pub(crate) request_id: RequestId,
}

impl Visitor {
    pub(crate) fn person(&self) -> &str {
        &self.verified.principal().person
    }

    pub(crate) fn tenant(&self) -> &Tenant {
        &self.verified.principal().tenant
    }
}

/// Largest body of the small requests.
pub(crate) const SMALL_BODY_BYTES_MAX: usize = 16 * 1024;
/// The most findings that a refusal tells one by one.
const TOLD_MAX: usize = 1000;
/// How long whoever stops a run waits for its end to be saved.
pub(crate) const STOP_PATIENCE: Duration = Duration::from_secs(2);

impl Portal {
    pub fn new(parts: Parts) -> Self {
        Self {
            models: parts.models,
            identity: parts.identity,
            permit: parts.permit,
            permit_duty: parts.permit_duty,
            manner: parts.manner,
            standing: parts.standing,
            declassify: parts.declassify,
            judge: parts.judge,
            examine: parts.examine,
            note: parts.note,
            attaching: parts.attaching,
            desk: Desk::default(),
            receipts: parts.receipts,
            releasable: parts.releasable,
            released: parts.released,
            holdings: parts.holdings,
            forget: parts.forget,
            archive: Archive {
                store: parts.store,
                house: parts.house_secret,
                temporary: Temporary::default(),
                clock: Arc::clone(&parts.clock),
            },
            limits: parts.limits,
            clock: parts.clock,
            random: parts.random,
            tasks: parts.tasks,
            cut: parts.cut,
            runs: Runs::default(),
            searches: Searches::default(),
            turns: Mutex::default(),
        }
    }

    /// Ends the answers that were being written when the house was last ended: they failed, with what was saved of them.
    /// Says how many. To be called once, before the first request.
    pub async fn end_interrupted(&self) -> Result<usize, Refusal> {
        self.sweep_attachments(self.clock.now()).await?;
        self.archive.end_interrupted().await.map_err(Refusal::from)
    }

    async fn answer(self: &Arc<Self>, arrival: Arrival, request_id: RequestId) -> Result<Reply, Refusal> {
        let verified = self.identity.verify(arrival.presented(), self.clock.now()).await?;
        verified.permit_scope("chat", None)?;
        (self.permit)(verified.principal(), arrival.peer)?;
        let visitor = Visitor { verified, request_id };
        // What is stored is of the tenant where the person is now. A credential that says another one, because an issuer gave it
        // before or after somebody changed that, reaches none of it.
        let tenant = self.archive.store.tenant_of(visitor.person()).await.map_err(Fault::from)?;
        if tenant.is_some_and(|tenant| tenant != *visitor.tenant()) {
            return Err(refusals::moved());
        }
        self.archive.temporary.sweep(self.clock.now(), |id| self.runs.has(id));
        self.searches.sweep(self.clock.now());
        let path = arrival.path.clone();
        let Some(rest) = path.strip_prefix("/api/chat/") else { return Err(refusals::not_found()) };
        let segments: Vec<&str> = rest.split('/').collect();
        match (segments.as_slice(), arrival.method) {
            (["conversations"], Method::Get) => self.list(&visitor).await,
            (["conversations"], Method::Post) => self.begin(&visitor, arrival).await,
            (["conversations"], _) => Err(refusals::method_not_allowed("GET, POST")),
            (["conversations", id], Method::Get) => self.show(&visitor, id).await,
            (["conversations", id], Method::Put) => self.change(&visitor, id, arrival).await,
            (["conversations", id], Method::Delete) => self.delete(&visitor, id).await,
            (["conversations", _], _) => Err(refusals::method_not_allowed("GET, PUT, DELETE")),
            (["conversations", id, "declassify"], Method::Post) => {
                self.declassify(&visitor, id, arrival).await
            }
            (["conversations", _, "declassify"], _) => Err(refusals::method_not_allowed("POST")),
            (["conversations", id, "messages"], Method::Post) => self.ask(&visitor, id, arrival).await,
            (["conversations", _, "messages"], _) => Err(refusals::method_not_allowed("POST")),
            (["conversations", id, "messages", question, "answers"], Method::Post) => {
                self.ask_again(&visitor, id, question, arrival).await
            }
            (["conversations", _, "messages", _, "answers"], _) => Err(refusals::method_not_allowed("POST")),
            (["conversations", id, "messages", answer, "feedback"], Method::Put) => {
                self.rate(&visitor, id, answer, arrival).await
            }
            (["conversations", id, "messages", answer, "feedback"], Method::Delete) => {
                self.unrate(&visitor, id, answer).await
            }
            (["conversations", _, "messages", _, "feedback"], _) => {
                Err(refusals::method_not_allowed("PUT, DELETE"))
            }
            (["feedback"], Method::Get) => self.feedback(&visitor, arrival.peer).await,
            (["feedback"], _) => Err(refusals::method_not_allowed("GET")),
            (["conversations", id, "messages", message, "receipt"], Method::Get) => {
                self.receipt(&visitor, id, message).await
            }
            (["conversations", _, "messages", _, "receipt"], _) => Err(refusals::method_not_allowed("GET")),
            (["conversations", id, "messages", answer, "export"], Method::Get) => {
                let (query, language) = (arrival.query.as_deref(), arrival.language);
                self.export_answer(&visitor, id, answer, query, language).await
            }
            (["conversations", _, "messages", _, "export"], _) => Err(refusals::method_not_allowed("GET")),
            (["prompts"], Method::Get) => self.prompts(&visitor).await,
            (["prompts"], Method::Post) => self.make_prompt(&visitor, arrival).await,
            (["prompts"], _) => Err(refusals::method_not_allowed("GET, POST")),
            (["prompts", id], Method::Put) => self.change_prompt(&visitor, id, arrival).await,
            (["prompts", id], Method::Delete) => self.delete_prompt(&visitor, id).await,
            (["prompts", _], _) => Err(refusals::method_not_allowed("PUT, DELETE")),
            (["prompts", id, "versions"], Method::Get) => self.prompt_versions(&visitor, id).await,
            (["prompts", _, "versions"], _) => Err(refusals::method_not_allowed("GET")),
            (["prompts", id, "restore"], Method::Post) => self.restore_prompt(&visitor, id, arrival).await,
            (["prompts", _, "restore"], _) => Err(refusals::method_not_allowed("POST")),
            (["assistants"], Method::Get) => self.assistants(&visitor, arrival.peer).await,
            (["assistants"], Method::Post) => self.make_assistant(&visitor, arrival).await,
            (["assistants"], _) => Err(refusals::method_not_allowed("GET, POST")),
            (["assistants", id], Method::Get) => self.assistant(&visitor, arrival.peer, id).await,
            (["assistants", id], Method::Put) => self.change_assistant(&visitor, id, arrival).await,
            (["assistants", id], Method::Delete) => self.delete_assistant(&visitor, id).await,
            (["assistants", _], _) => Err(refusals::method_not_allowed("GET, PUT, DELETE")),
            (["assistants", id, "submit"], Method::Post) => {
                self.submit_assistant(&visitor, id, arrival).await
            }
            (["assistants", id, "review"], Method::Post) => {
                self.review_assistant(&visitor, id, arrival).await
            }
            (["assistants", id, "withdraw"], Method::Post) => {
                self.withdraw_assistant(&visitor, id, arrival).await
            }
            (["assistants", _, "submit" | "review" | "withdraw"], _) => {
                Err(refusals::method_not_allowed("POST"))
            }
            (["conversations", id, "export"], Method::Get) => {
                self.export(&visitor, id, arrival.query.as_deref(), arrival.language).await
            }
            (["conversations", _, "export"] | ["export"], method) if method != Method::Get => {
                Err(refusals::method_not_allowed("GET"))
            }
            (["export"], _) => self.export_all(&visitor).await,
            (["import"], Method::Post) => self.import(&visitor, arrival).await,
            (["findings"], Method::Post) => self.findings(&visitor, arrival).await,
            (["import"] | ["findings"], _) => Err(refusals::method_not_allowed("POST")),
            (["attachments"], Method::Post) => self.attach(&visitor, arrival).await,
            (["attachments"], _) => Err(refusals::method_not_allowed("POST")),
            (["attachments", id], Method::Get) => {
                self.show_attachment(&visitor, id, arrival.query.as_deref()).await
            }
            (["attachments", id], Method::Delete) => self.delete_attachment(&visitor, id).await,
            (["attachments", _], _) => Err(refusals::method_not_allowed("GET, DELETE")),
            (["attachments", id, "text"], Method::Get) => self.attachment_text(&visitor, id).await,
            (["attachments", _, "text"], _) => Err(refusals::method_not_allowed("GET")),
            (["labels"], Method::Get) => Ok(self.labels(&visitor)),
            (["labels"], _) => Err(refusals::method_not_allowed("GET")),
            (["search"], Method::Get) => self.search(&visitor, arrival.query.as_deref()).await,
            (["search"], _) => Err(refusals::method_not_allowed("GET")),
            (["conversations", id, "shares"], Method::Get) => self.shares(&visitor, id).await,
            (["conversations", id, "shares"], Method::Post) => self.share(&visitor, id, arrival).await,
            (["conversations", _, "shares"], _) => Err(refusals::method_not_allowed("GET, POST")),
            (["shares", id], Method::Delete) => self.end_share(&visitor, id).await,
            (["shares", _], _) => Err(refusals::method_not_allowed("DELETE")),
            (["shared"], Method::Get) => self.shared(&visitor).await,
            (["shared", id], Method::Get) => self.read_shared(&visitor, id).await,
            (["shared"] | ["shared", _], _) => Err(refusals::method_not_allowed("GET")),
            (["folders"], Method::Get) => self.folders(&visitor).await,
            (["folders"], Method::Post) => self.make_folder(&visitor, arrival).await,
            (["folders"], _) => Err(refusals::method_not_allowed("GET, POST")),
            (["folders", id], Method::Put) => self.rename_folder(&visitor, id, arrival).await,
            (["folders", id], Method::Delete) => self.delete_folder(&visitor, id).await,
            (["folders", _], _) => Err(refusals::method_not_allowed("PUT, DELETE")),
            (["releases"], Method::Get) => self.releases(&visitor).await,
            (["releases"], Method::Post) => self.ask_release(&visitor, arrival).await,
            (["releases"], _) => Err(refusals::method_not_allowed("GET, POST")),
            (["data"], Method::Get) => self.data(&visitor, arrival.peer).await,
            (["data"], _) => Err(refusals::method_not_allowed("GET")),
            (["data", "erase"], Method::Post) => self.erase(&visitor, arrival).await,
            (["data", "erase"], _) => Err(refusals::method_not_allowed("POST")),
            (["runs", id, "events"], Method::Get) => {
                self.events(&visitor, id, arrival.last_event_id, arrival.language).await
            }
            (["runs", _, "events"], _) => Err(refusals::method_not_allowed("GET")),
            (["runs", id, "stop"], Method::Post) => self.stop(&visitor, id).await,
            (["runs", _, "stop"], _) => Err(refusals::method_not_allowed("POST")),
            _ => Err(refusals::not_found()),
        }
    }

    async fn events(
        &self,
        visitor: &Visitor,
        id: &str,
        last_event_id: Option<String>,
        language: Language,
    ) -> Result<Reply, Refusal> {
        let from = match last_event_id.as_deref().filter(|id| !id.is_empty()) {
            None => Position::START,
            Some(text) => Position::parse(text).ok_or_else(|| {
                invalid_request(
                    "The header `last-event-id` is not an id of an event of this run.",
                    "Der Kopf `last-event-id` ist keine Id eines Ereignisses dieses Laufs.",
                    "malformed last-event-id",
                    Some("last-event-id"),
                )
            })?,
        };
        if let Some(run) = self.runs.find(visitor.person(), id) {
            let (frames, receiver) = mpsc::channel(FRAMES_WAITING_MAX);
            let reader = Reader {
                seat: run.sit_down(self.limits.readers_max)?,
                validity: visitor.verified.watch(),
                language,
                request_id: visitor.request_id.to_string(),
                frames,
            };
            self.tasks.spawn(reader.tell(from));
            return Ok(Reply { status: 200, headers: Vec::new(), body: ReplyBody::Events(receiver) });
        }
        let answer = self.stored_answer(visitor, id).await?;
        Ok(Reply { status: 200, headers: Vec::new(), body: tell_stored(&answer, from) })
    }

    async fn stop(&self, visitor: &Visitor, id: &str) -> Result<Reply, Refusal> {
        let Some(run) = self.runs.find(visitor.person(), id) else {
            self.stored_answer(visitor, id).await?;
            return Ok(nothing());
        };
        run.stop.cancel();
        // The model is let go at once; this waits only so that whoever looks next finds the answer stopped.
        let _ = timeout(STOP_PATIENCE, run.over()).await;
        Ok(nothing())
    }

    /// The answer of a run that is over.
    async fn stored_answer(&self, visitor: &Visitor, run: &str) -> Result<Message, Refusal> {
        let (conversation, answer) = parse_run_id(run).ok_or_else(refusals::not_found)?;
        let (key, _, _turn) = self.open(visitor, conversation).await?;
        let messages = self.messages(&key, visitor.person(), conversation).await?;
        let found =
            messages.into_iter().find(|message| message.id == answer && message.author == Author::Assistant);
        found.ok_or_else(refusals::not_found)
    }

    /// A conversation of this person, and the turn to change it.
    pub(crate) async fn open(
        &self,
        visitor: &Visitor,
        id: &str,
    ) -> Result<(DataKey, Head, OwnedMutexGuard<()>), Refusal> {
        let person = visitor.person();
        let key = self.archive.key(person).await?.ok_or_else(refusals::not_found)?;
        let turn = self.turn(id).await;
        let head = self.archive.head(&key, person, id).await?.ok_or_else(refusals::not_found)?;
        Ok((key, head, turn))
    }

    /// All messages of a conversation as they are now. To be called by whoever has the turn, so that no run begins between
    /// a look at the store and one at the table.
    pub(crate) async fn messages(
        &self,
        key: &DataKey,
        person: &str,
        conversation: &str,
    ) -> Result<Vec<Message>, Refusal> {
        // Before the store is read: a run that ends meanwhile was saved, but perhaps after that row was read.
        let running = self.runs_in(person, conversation);
        let mut messages = self.archive.messages(key, person, conversation).await?;
        for message in messages.iter_mut().filter(|message| message.state == State::Running) {
            match running.iter().find(|run| run.message == message.id) {
                Some(run) => *message = run.answer(),
                None => fail_interrupted(message),
            }
        }
        Ok(messages)
    }

    /// The runs of a conversation that are not over, oldest first.
    pub(crate) fn runs_in(&self, person: &str, conversation: &str) -> Vec<Arc<Run>> {
        let mut runs = self.runs.of_person(person);
        runs.retain(|run| run.conversation == conversation && !run.is_over());
        runs.sort_by(|a, b| a.id.cmp(&b.id));
        runs
    }

    /// The label of a conversation does not fall here; durable when this returns.
    pub(crate) async fn raise_label(
        &self,
        key: &DataKey,
        person: &str,
        conversation: &str,
        label: &Label,
    ) -> Result<(), Fault> {
        let _turn = self.turn(conversation).await;
        let Some(mut head) = self.archive.head(key, person, conversation).await? else { return Ok(()) };
        let joined = head.label.as_ref().map_or_else(|| label.clone(), |known| known.join(label));
        if head.label.as_ref() == Some(&joined) || head.is_damaged {
            return Ok(());
        }
        head.label = Some(joined);
        self.archive.put_head(key, person, &head).await
    }

    /// What inspection makes of parts of something that others may get to see, each with the JSON pointer to it: their label
    /// together, from `label` on. Where it `is_told` to others, what would be blocked is refused.
    pub(crate) async fn inspect_parts(
        &self,
        visitor: &Visitor,
        mut label: Label,
        parts: &[(String, &str)],
        is_told: bool,
    ) -> Result<Label, Refusal> {
        let mut found = Vec::new();
        for (path, text) in parts.iter().filter(|(_, text)| !text.is_empty()) {
            let examined = (self.examine)(&visitor.verified, label.clone(), (*text).to_owned()).await?;
            label = label.join(&examined.label);
            if examined.is_blocked {
                let blocking = examined.findings.into_iter().filter(|one| one.action == FindingAction::Block);
                found.extend(blocking.map(|finding| Finding { path: path.clone(), ..finding }));
            }
        }
        if is_told && !found.is_empty() {
            found.truncate(TOLD_MAX);
            return Err(refusals::blocked(found));
        }
        Ok(label)
    }

    /// Something in a conversation is not as it was, and the store has it so.
    pub(crate) fn changed(&self, person: &str, conversation: &str) {
        if !is_temporary(conversation) {
            self.searches.change(person, conversation);
        }
    }

    /// The turn to change a conversation: what is read under it is still so when it is written.
    pub(crate) async fn turn(&self, conversation: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(conversation.to_owned()).or_default())
        };
        turn.lock_owned().await
    }

    /// A ULID.
    pub(crate) fn new_id(&self) -> Result<String, Refusal> {
        let id = RequestId::new(&*self.clock, &*self.random);
        Ok(id.map_err(|error| internal(format!("no randomness for an id: {error}")))?.to_string())
    }
}

impl Exchange for Portal {
    fn exchange(self: Arc<Self>, arrival: Arrival) -> Exchanged {
        Box::pin(async move {
            let language = arrival.language;
            let (answered, id) = match RequestId::new(&*self.clock, &*self.random) {
                Ok(id) => (self.answer(arrival, id).await, id.to_string()),
                Err(error) => (Err(internal(format!("no randomness for an id: {error}"))), String::new()),
            };
            let mut reply = answered.unwrap_or_else(|refusal| {
                tracing::info!(
                    request_id = id,
                    code = refusal.code.recorded(),
                    inside = refusal.inside,
                    "refused"
                );
                let body = Bytes::from(render_refusal(&refusal, &id, language));
                let retry_after = refusal.retry_after_s.map(|seconds| ("retry-after", seconds.to_string()));
                Reply {
                    status: refusal.code.status(),
                    headers: retry_after.into_iter().collect(),
                    body: ReplyBody::Whole(body),
                }
            });
            reply.headers.push(("x-schleuse-request-id", id));
            reply
        })
    }
}

/// A run as the page reads it.
pub(crate) fn run_json(run: &Run) -> Value {
    let mut out = Object::new();
    out.set("id", string(&run.id));
    out.set("message", string(&run.message));
    Value::Object(out)
}

pub(crate) fn document(status: u16, object: Object) -> Reply {
    let body = ReplyBody::Whole(Bytes::from(Value::Object(object).to_text()));
    Reply { status, headers: Vec::new(), body }
}

pub(crate) fn nothing() -> Reply {
    Reply { status: 204, headers: Vec::new(), body: ReplyBody::Whole(Bytes::new()) }
}
