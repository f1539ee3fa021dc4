//! The room: who may, which path, and everything that asks no model.

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use schleuse_identity::{Authenticator, Verified};
use schleuse_store::{DataKey, Store};
use schleuse_types::{Clock, Label, Language, Principal, Random, Refusal, RequestId, Secret};
use schleuse_wire::json::{Object, Value};
use schleuse_wire::query::Query;
use schleuse_wire::{
    Arrival, ArrivalBody, Credential, Exchange, Exchanged, Method, Peer, Reply, ReplyBody, internal,
    read_body, render_refusal,
};
use tokio::sync::{OwnedMutexGuard, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::archive::Archive;
use crate::batch::{Batch, Counts, State, WINDOW};
use crate::creation::{BODY_BYTES_MAX, Creation};
use crate::file::{File, Purpose};
use crate::listing::{page, text};
use crate::refusals;
use crate::run::{Asking, Ending, Runs};
use crate::upload::{REST_BYTES_MAX, Upload, name_the_file};

/// What the rest of the house says and does for this room.
pub trait House: Send + Sync + 'static {
    /// Whether policy lets this person keep files and have batches asked.
    fn permit(&self, principal: &Principal, peer: Peer) -> Result<(), Refusal>;
    fn standing(&self, verified: &Verified) -> Standing;
    /// A label as the header says it, with no compartment but those of the house.
    fn read_label(&self, text: &[u8]) -> Result<Label, Refusal>;
    /// Records a deed; durable when it returns. What it is about does not happen otherwise.
    fn record(&self, deed: Deed) -> Recorded;
    /// Records that policy or a scope did not let somebody in.
    fn record_denial(&self, denial: Denial) -> Recorded;
    /// Records that so many files and batches are gone because of their age.
    fn record_expiry(&self, files: u64, batches: u64) -> Recorded;
    /// Counts a credential that was not good.
    fn refused_stranger(&self, address: IpAddr);
}

pub type Recorded = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>;

/// What one person may have, and what counts for them when they declare no label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub clearance: Label,
    pub default: Label,
}

/// Somebody does something with a file or a batch.
#[derive(Debug, Clone)]
pub struct Deed {
    pub what: What,
    pub principal: Principal,
    pub peer: Peer,
    pub request_id: String,
    /// The id of the file or batch.
    pub subject: String,
    pub label: Label,
    /// Of the file; of a batch, that of its endpoint and its file. Never a name that somebody gave.
    pub change: String,
}

/// Somebody is known, and may not do what they wanted.
#[derive(Debug, Clone)]
pub struct Denial {
    pub principal: Principal,
    pub request_id: String,
    /// `/v1/files` or `/v1/batches`.
    pub surface: &'static str,
    pub refusal: Refusal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    FileCreate,
    /// What is in it was read.
    FileRead,
    FileDelete,
    BatchCreate,
    BatchCancel,
}

/// What files and batches may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one file.
    pub file_bytes_max: usize,
    /// Files of one person, those that came of batches too.
    pub files_max: usize,
    /// Bytes of all files of one person.
    pub bytes_max: u64,
    /// Files that the house takes at the same time.
    pub uploads_max: usize,
    /// Lines of one batch.
    pub lines_max: usize,
    /// Unfinished batches of one person.
    pub batches_max: usize,
    /// Batches that the house works through at the same time.
    pub running_max: usize,
    /// Lines of one batch that are asked at the same time.
    pub parallel_max: usize,
    /// Lines of all batches that are asked at the same time.
    pub house_parallel_max: usize,
    /// Bytes of all answers of one batch.
    pub answers_bytes_max: u64,
    /// How long files, and batches that are over, are kept.
    pub kept: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes_max: 32 << 20,
            files_max: 1000,
            bytes_max: 256 << 20,
            uploads_max: 4,
            lines_max: 10_000,
            batches_max: 4,
            running_max: 8,
            parallel_max: 4,
            house_parallel_max: 16,
            answers_bytes_max: 128 << 20,
            kept: Duration::from_secs(30 * 24 * 60 * 60),
        }
    }
}

/// What the room is made of.
pub struct Parts {
    /// The gate, or a way to it: the only way to a model.
    pub models: Arc<dyn Exchange>,
    pub identity: Arc<Authenticator>,
    pub house: Arc<dyn House>,
    pub store: Arc<Store>,
    /// Wraps the data keys. Whoever loses it loses every file.
    pub house_secret: Secret<[u8; 32]>,
    pub limits: Limits,
    pub clock: Arc<dyn Clock>,
    /// For ids. Keys and nonces come from the cryptography library's own generator.
    pub random: Arc<dyn Random>,
    /// Every batch that is asked; waited for at shutdown.
    pub tasks: TaskTracker,
    /// No new line is asked from then on; those under way may end.
    pub stop: CancellationToken,
    /// Ends those too.
    pub cut: CancellationToken,
}

/// Files and batches. One at a time per store: it knows by memory what runs.
pub struct Batches {
    pub(crate) models: Arc<dyn Exchange>,
    identity: Arc<Authenticator>,
    house: Arc<dyn House>,
    pub(crate) archive: Archive,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    pub(crate) cut: CancellationToken,
    pub(crate) runs: Runs,
    /// Places of lines that are asked, in the whole house.
    pub(crate) places: Arc<Semaphore>,
    uploads: Semaphore,
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// Somebody who was let in.
pub(crate) struct Visitor {
    pub(crate) verified: Verified,
    pub(crate) credential: Credential,
    pub(crate) peer: Peer,
    pub(crate) language: Language,
    request_id: RequestId,
    /// Of the header.
    declared: Option<Label>,
}

impl Visitor {
    pub(crate) fn person(&self) -> &str {
        &self.verified.principal().person
    }
}

/// Most files of a page, and as many as there are when nobody says; the same of batches. As OpenAI has it.
const FILES_LIMIT: usize = 10_000;
const BATCHES_LIMIT_USUAL: usize = 20;
const BATCHES_LIMIT: usize = 100;

impl Batches {
    pub fn new(parts: Parts) -> Self {
        Self {
            models: parts.models,
            identity: parts.identity,
            house: parts.house,
            archive: Archive { store: parts.store, house: parts.house_secret },
            limits: parts.limits,
            clock: parts.clock,
            random: parts.random,
            tasks: parts.tasks,
            stop: parts.stop,
            cut: parts.cut,
            runs: Runs::default(),
            places: Arc::new(Semaphore::new(parts.limits.house_parallel_max)),
            uploads: Semaphore::new(parts.limits.uploads_max),
            turns: Mutex::default(),
        }
    }

    /// Deletes what is too old, and ends every batch whose window is over. To be called now and then.
    pub async fn sweep(self: &Arc<Self>) -> Result<(), Refusal> {
        let now = self.clock.now();
        for row in self.archive.store.unfinished_batches().await.map_err(crate::archive::Fault::from)? {
            if row.expires > now {
                continue;
            }
            if self.runs.end(&row.id, Ending::Expired) {
                continue;
            }
            let Some(key) = self.archive.key(&row.person).await? else { continue };
            if let Err(fault) = self.finish(&key, &row.person, &row.id, Ending::Expired).await {
                tracing::error!(batch = row.id, %fault, "a batch cannot be ended");
            }
        }
        let (files, batches) =
            self.archive.store.delete_expired(now).await.map_err(crate::archive::Fault::from)?;
        if files + batches > 0 {
            tracing::info!(files, batches, "files and batches were deleted because of their age");
            self.house.record_expiry(files, batches).await?;
        }
        Ok(())
    }

    async fn answer(self: &Arc<Self>, arrival: Arrival, request_id: RequestId) -> Result<Reply, Refusal> {
        let verified =
            self.identity.verify(arrival.presented(), self.clock.now()).await.inspect_err(|_| {
                self.house.refused_stranger(arrival.peer.address);
            })?;
        // What is stored is of the tenant where the person is now; a credential that says another one reaches none of it.
        let principal = verified.principal();
        let tenant = self.archive.store.tenant_of(&principal.person).await;
        let tenant = tenant.map_err(crate::archive::Fault::from)?;
        if tenant.is_some_and(|tenant| tenant != principal.tenant) {
            return Err(refusals::moved());
        }
        let path = arrival.path.clone();
        let segments: Vec<&str> = path.strip_prefix("/v1/").unwrap_or_default().split('/').collect();
        let (surface, path) = match segments.first() {
            Some(&"batches") => ("batches", "/v1/batches"),
            _ => ("files", "/v1/files"),
        };
        let permitted = verified.permit_scope(surface, None);
        if let Err(refusal) = permitted.and_then(|()| self.house.permit(verified.principal(), arrival.peer)) {
            let principal = verified.principal().clone();
            let request_id = request_id.to_string();
            let denial = Denial { principal, request_id, surface: path, refusal: refusal.clone() };
            self.house.record_denial(denial).await?;
            return Err(refusal);
        }
        let visitor = Visitor {
            verified,
            credential: arrival
                .credential
                .clone()
                .ok_or_else(|| internal("verified without a credential"))?,
            peer: arrival.peer,
            language: arrival.language,
            request_id,
            declared: arrival.label.as_deref().map(|label| self.house.read_label(label)).transpose()?,
        };
        let query = |known| Query::read(arrival.query.as_deref(), known);
        match (segments.as_slice(), arrival.method) {
            (["files"], Method::Get) => {
                self.list_files(&visitor, &query(&["limit", "after", "order", "purpose"])?).await
            }
            (["files"], Method::Post) => self.upload(&visitor, arrival.body).await,
            (["files"], _) => Err(refusals::wrong_method("GET, POST")),
            (["files", id], Method::Get) => self.show_file(&visitor, id).await,
            (["files", id], Method::Delete) => self.delete_file(&visitor, id).await,
            (["files", _], _) => Err(refusals::wrong_method("GET, DELETE")),
            (["files", id, "content"], Method::Get) => self.content(&visitor, id).await,
            (["files", _, "content"], _) => Err(refusals::wrong_method("GET")),
            (["batches"], Method::Get) => self.list_batches(&visitor, &query(&["limit", "after"])?).await,
            (["batches"], Method::Post) => self.begin(&visitor, arrival.body).await,
            (["batches"], _) => Err(refusals::wrong_method("GET, POST")),
            (["batches", id], Method::Get) => self.show_batch(&visitor, id).await,
            (["batches", _], _) => Err(refusals::wrong_method("GET")),
            (["batches", id, "cancel"], Method::Post) => self.cancel(&visitor, id).await,
            (["batches", _, "cancel"], _) => Err(refusals::wrong_method("POST")),
            _ => Err(refusals::no_such_path()),
        }
    }

    async fn list_files(&self, visitor: &Visitor, query: &Query) -> Result<Reply, Refusal> {
        let limit = query.limit(FILES_LIMIT, FILES_LIMIT)?;
        let is_rising = match query.text("order") {
            None | Some("desc") => false,
            Some("asc") => true,
            Some(_) => {
                return Err(refusals::wrong(
                    "order",
                    "The parameter `order` must be `asc` or `desc`.".to_owned(),
                    "Der Parameter `order` muss `asc` oder `desc` sein.".to_owned(),
                ));
            }
        };
        let mut files = match self.archive.key(visitor.person()).await? {
            None => Vec::new(),
            Some(key) => self.archive.files(&key, visitor.person()).await?,
        };
        let now = self.clock.now();
        files.retain(|file| file.expires > now);
        if let Some(purpose) = query.text("purpose") {
            files.retain(|file| file.purpose.as_str() == purpose);
        }
        if !is_rising {
            files.reverse();
        }
        Ok(document(page(files, query.text("after"), limit, |file| &file.id, File::to_json)?))
    }

    async fn upload(&self, visitor: &Visitor, body: ArrivalBody) -> Result<Reply, Refusal> {
        let Limits { file_bytes_max, files_max, bytes_max, uploads_max, kept, .. } = self.limits;
        let _place = self.uploads.try_acquire().map_err(|_| refusals::too_many_uploads(uploads_max))?;
        let standing = self.house.standing(&visitor.verified);
        let label = visitor.declared.clone().unwrap_or(standing.default);
        check_clearance(&label, &standing.clearance)?;
        let body = read_body(body, file_bytes_max.saturating_add(REST_BYTES_MAX)).await;
        let body = body.map_err(|refusal| name_the_file(refusal, file_bytes_max))?;
        let upload = Upload::read(&body, file_bytes_max, kept)?;
        drop(body);

        let person = visitor.person();
        let key = self.archive.ensure_key(person).await?;
        // Two that come at once must not both be the last one.
        let _turn = self.turn(person).await;
        let files = self.archive.store.files(person).await.map_err(crate::archive::Fault::from)?;
        if files.len() >= files_max {
            return Err(refusals::too_many_files(files_max));
        }
        let used: u64 = files.iter().map(|file| file.bytes).sum();
        let bytes = upload.content.len() as u64;
        if used.saturating_add(bytes) > bytes_max {
            return Err(refusals::too_many_bytes(bytes_max, used));
        }
        let now = self.clock.now();
        let file = File {
            id: self.new_id("file-")?,
            name: upload.name,
            purpose: Purpose::Batch,
            label,
            bytes,
            created: now,
            expires: now.plus(upload.kept),
        };
        self.record(visitor, What::FileCreate, &file.id, &file.label, format!("bytes={bytes}")).await?;
        self.archive.insert_file(&key, person, &file, upload.content.into()).await?;
        Ok(labelled(document(file.to_json()), &file.label))
    }

    async fn show_file(&self, visitor: &Visitor, id: &str) -> Result<Reply, Refusal> {
        let (_, file) = self.find_file(visitor, id).await?;
        Ok(labelled(document(file.to_json()), &file.label))
    }

    async fn content(&self, visitor: &Visitor, id: &str) -> Result<Reply, Refusal> {
        let (key, file) = self.find_file(visitor, id).await?;
        check_clearance(&file.label, &self.house.standing(&visitor.verified).clearance)?;
        let content = self.archive.content(&key, visitor.person(), id).await?;
        let content = content.ok_or_else(refusals::no_such_file)?;
        self.record(visitor, What::FileRead, id, &file.label, format!("bytes={}", file.bytes)).await?;
        let mut reply = Reply {
            status: 200,
            headers: vec![
                ("content-type", "application/octet-stream".to_owned()),
                ("content-disposition", format!("attachment; filename=\"{id}.jsonl\"")),
                ("x-content-type-options", "nosniff".to_owned()),
                ("cache-control", "no-store".to_owned()),
            ],
            body: ReplyBody::Whole(Bytes::from(content)),
        };
        reply = labelled(reply, &file.label);
        Ok(reply)
    }

    async fn delete_file(&self, visitor: &Visitor, id: &str) -> Result<Reply, Refusal> {
        let person = visitor.person();
        let (key, file) = self.find_file(visitor, id).await?;
        // No batch begins with it meanwhile.
        let _turn = self.turn(person).await;
        let batches = self.archive.batches(&key, person).await?;
        if let Some(batch) = batches.iter().find(|batch| batch.input == id && !batch.state.is_over()) {
            return Err(refusals::file_is_in_use(&batch.id));
        }
        self.record(visitor, What::FileDelete, id, &file.label, format!("bytes={}", file.bytes)).await?;
        let was_there =
            self.archive.store.delete_file(person, id).await.map_err(crate::archive::Fault::from)?;
        if !was_there {
            return Err(refusals::no_such_file());
        }
        let mut out = Object::new();
        out.set("id", text(id));
        out.set("object", text("file"));
        out.set("deleted", Value::Bool(true));
        Ok(document(out))
    }

    async fn list_batches(self: &Arc<Self>, visitor: &Visitor, query: &Query) -> Result<Reply, Refusal> {
        let limit = query.limit(BATCHES_LIMIT_USUAL, BATCHES_LIMIT)?;
        let person = visitor.person();
        let mut batches = Vec::new();
        if let Some(key) = self.archive.key(person).await? {
            batches = self.archive.batches(&key, person).await?;
            for batch in batches.iter_mut().filter(|batch| !batch.state.is_over()) {
                self.go_on(visitor, batch).await?;
                self.count(person, batch).await?;
            }
        }
        batches.reverse();
        Ok(document(page(batches, query.text("after"), limit, |batch| &batch.id, Batch::to_json)?))
    }

    async fn show_batch(self: &Arc<Self>, visitor: &Visitor, id: &str) -> Result<Reply, Refusal> {
        let person = visitor.person();
        let key = self.archive.key(person).await?.ok_or_else(refusals::no_such_batch)?;
        let mut batch = self.archive.batch(&key, person, id).await?.ok_or_else(refusals::no_such_batch)?;
        if !batch.state.is_over() {
            self.go_on(visitor, &batch).await?;
            self.count(person, &mut batch).await?;
        }
        Ok(labelled(document(batch.to_json()), &batch.label))
    }

    async fn begin(self: &Arc<Self>, visitor: &Visitor, body: ArrivalBody) -> Result<Reply, Refusal> {
        let body = read_body(body, BODY_BYTES_MAX).await?;
        let creation = Creation::read(&body, self.limits.kept)?;
        visitor.verified.permit_scope(creation.endpoint.name(), None)?;
        let person = visitor.person();
        let (key, file) = self.find_file(visitor, &creation.input).await.map_err(of_input)?;
        if file.purpose != Purpose::Batch {
            return Err(of_input(refusals::wrong(
                "input_file_id",
                "The file came of a batch; a batch begins with one whose purpose is `batch`.".to_owned(),
                "Die Datei ist aus einem Stapel entstanden; ein Stapel beginnt mit einer, deren Zweck `batch` ist."
                    .to_owned(),
            )));
        }
        let label = visitor.declared.as_ref().map_or(file.label.clone(), |label| label.join(&file.label));
        check_clearance(&label, &self.house.standing(&visitor.verified).clearance)?;
        // Two that are begun at once must not both be the last one, and the file stays.
        let _turn = self.turn(person).await;
        let known = self.archive.batches(&key, person).await?;
        let Limits { batches_max, running_max, .. } = self.limits;
        if known.iter().filter(|batch| !batch.state.is_over()).count() >= batches_max {
            return Err(refusals::too_many_batches(batches_max));
        }
        if self.runs.count() >= running_max {
            return Err(refusals::house_is_busy(running_max));
        }
        let now = self.clock.now();
        let batch = Batch {
            id: self.new_id("batch_")?,
            input: creation.input,
            endpoint: creation.endpoint,
            metadata: creation.metadata,
            language: visitor.language,
            output_kept_s: creation.output_kept.map(|kept| kept.as_secs()),
            state: State::Validating,
            moments: Vec::new(),
            label: label.clone(),
            asked_label: label,
            counts: Counts::default(),
            errors: Vec::new(),
            output: None,
            error_output: None,
            created: now,
            expires: now.plus(WINDOW),
        };
        let change = format!("endpoint={} file={}", batch.endpoint.path(), batch.input);
        self.record(visitor, What::BatchCreate, &batch.id, &batch.label, change).await?;
        self.archive.insert_batch(&key, person, &batch).await?;
        self.go_on(visitor, &batch).await?;
        Ok(labelled(document(batch.to_json()), &batch.label))
    }

    async fn cancel(self: &Arc<Self>, visitor: &Visitor, id: &str) -> Result<Reply, Refusal> {
        let person = visitor.person();
        let key = self.archive.key(person).await?.ok_or_else(refusals::no_such_batch)?;
        let batch = self.archive.batch(&key, person, id).await?.ok_or_else(refusals::no_such_batch)?;
        if batch.state.is_over() {
            return Err(refusals::is_over(batch.state.as_str()));
        }
        self.record(visitor, What::BatchCancel, id, &batch.label, String::new()).await?;
        let now = self.clock.now();
        let changed = self.change(&key, person, id, None, |batch| {
            if batch.state != State::Cancelling && !batch.state.is_over() {
                batch.enter(State::Cancelling, now);
            }
        });
        let mut batch = changed.await?;
        if !self.runs.end(id, Ending::Cancelled) {
            self.finish(&key, person, id, Ending::Cancelled).await?;
            batch = self.archive.batch(&key, person, id).await?.ok_or_else(refusals::no_such_batch)?;
        }
        if !batch.state.is_over() {
            self.count(person, &mut batch).await?;
        }
        Ok(labelled(document(batch.to_json()), &batch.label))
    }

    /// Has a batch go on that nobody works at, with the credential of whoever asks about it.
    async fn go_on(self: &Arc<Self>, visitor: &Visitor, batch: &Batch) -> Result<(), Refusal> {
        let may_ask = visitor.verified.permit_scope(batch.endpoint.name(), None).is_ok();
        let is_waiting = !self.runs.has(&batch.id) && batch.expires > self.clock.now();
        if is_waiting && may_ask && !self.stop.is_cancelled() {
            let key = self.archive.key(visitor.person()).await?.ok_or_else(refusals::no_such_batch)?;
            self.run(batch.id.clone(), key, Asking::new(visitor, batch));
        }
        Ok(())
    }

    /// Fills in how many lines are answered by now.
    async fn count(&self, person: &str, batch: &mut Batch) -> Result<(), Refusal> {
        let lines = self.archive.store.answered_lines(person, &batch.id).await;
        let lines = lines.map_err(crate::archive::Fault::from)?;
        batch.counts.failed = lines.iter().filter(|line| line.is_failed).count() as u64;
        batch.counts.completed = lines.len() as u64 - batch.counts.failed;
        Ok(())
    }

    async fn find_file(&self, visitor: &Visitor, id: &str) -> Result<(DataKey, File), Refusal> {
        let key = self.archive.key(visitor.person()).await?.ok_or_else(refusals::no_such_file)?;
        let file = self.archive.file(&key, visitor.person(), id).await?.ok_or_else(refusals::no_such_file)?;
        if file.expires <= self.clock.now() {
            return Err(refusals::no_such_file());
        }
        Ok((key, file))
    }

    async fn record(
        &self,
        visitor: &Visitor,
        what: What,
        subject: &str,
        label: &Label,
        change: String,
    ) -> Result<(), Refusal> {
        let deed = Deed {
            what,
            principal: visitor.verified.principal().clone(),
            peer: visitor.peer,
            request_id: visitor.request_id.to_string(),
            subject: subject.to_owned(),
            label: label.clone(),
            change,
        };
        self.house.record(deed).await
    }

    /// The turn to change a batch, or what a person has: what is read under it is still so when it is written.
    pub(crate) async fn turn(&self, of: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(of.to_owned()).or_default())
        };
        turn.lock_owned().await
    }

    /// A ULID behind the kind of thing that it is.
    pub(crate) fn new_id(&self, kind: &str) -> Result<String, Refusal> {
        let id = RequestId::new(&*self.clock, &*self.random);
        let id = id.map_err(|error| internal(format!("no randomness for an id: {error}")))?;
        Ok(format!("{kind}{id}"))
    }
}

impl Exchange for Batches {
    fn exchange(self: Arc<Self>, arrival: Arrival) -> Exchanged {
        Box::pin(async move {
            let language = arrival.language;
            let (answered, id) = match RequestId::new(&*self.clock, &*self.random) {
                Ok(id) => {
                    let text = id.to_string();
                    (self.answer(arrival, id).await, text)
                }
                Err(error) => (Err(internal(format!("no randomness for an id: {error}"))), String::new()),
            };
            let mut reply = answered.unwrap_or_else(|refusal| refuse(&refusal, &id, language));
            reply.headers.push(("x-schleuse-request-id", id));
            reply
        })
    }
}

fn refuse(refusal: &Refusal, request_id: &str, language: Language) -> Reply {
    tracing::info!(request_id, code = refusal.code.recorded(), inside = refusal.inside, "refused");
    let mut headers = vec![("x-schleuse-action", refusal.code.outcome().as_str().to_owned())];
    headers.extend(refusal.retry_after_s.map(|seconds| ("retry-after", seconds.to_string())));
    let body = ReplyBody::Whole(Bytes::from(render_refusal(refusal, request_id, language)));
    Reply { status: refusal.code.status(), headers, body }
}

fn check_clearance(label: &Label, clearance: &Label) -> Result<(), Refusal> {
    if label.flows_to(clearance) { Ok(()) } else { Err(refusals::beyond_clearance(label, clearance)) }
}

/// Says where a file was named that is refused.
fn of_input(refusal: Refusal) -> Refusal {
    if refusal.param.is_none() { refusal.with_param("input_file_id") } else { refusal }
}

fn document(object: Object) -> Reply {
    let body = ReplyBody::Whole(Bytes::from(Value::Object(object).to_text()));
    Reply { status: 200, headers: Vec::new(), body }
}

fn labelled(mut reply: Reply, label: &Label) -> Reply {
    reply.headers.push(("x-schleuse-label", label.to_string()));
    reply
}
