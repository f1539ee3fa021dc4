//! Files on their way in: into quarantine, read by a worker, inspected, labelled; and what becomes of them when a question is
//! asked with them.
//!
//! What belongs to a temporary conversation stays in memory here as everything of it does. Of all others the file is sealed in
//! pieces until its text was read, and then deleted; its text is sealed as long as its question is kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body::Body as _;
use http_body_util::BodyExt as _;
use schleuse_extract::{FILE_BYTES_MAX, Recall, Rejected, TEXT_BYTES_MAX};
use schleuse_identity::Verified;
use schleuse_store::AttachmentRow;
use schleuse_types::{FindingAction, Label, Principal, Refusal, RefusalCode, Text, Timestamp};
use schleuse_wire::json::{Object, Value};
use schleuse_wire::query::Query;
use schleuse_wire::{Arrival, Reply, internal, invalid_request, too_large};
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::attachment::{Attached, Attachment, State, TOLD_MAX, composed, file_name};
use crate::body::wrong;
use crate::deed::{Deed, DeedKind};
use crate::mask::Map;
use crate::message::{Author, Message, string};
use crate::portal::{Portal, Visitor, document, nothing};
use crate::refusals::{self, Fault, Reworded as _};
use crate::seal::{DataKey, Place};
use crate::temporary::is_temporary;

/// Attachments of one question.
pub(crate) const PER_QUESTION_MAX: usize = 50;
/// Of one person, attachments that no question was asked with yet, and their bytes.
const WAITING_MAX: u64 = 100;
const WAITING_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Longest question with the texts of its attachments, in bytes. As JSON this stays below the gate's limit.
pub(crate) const COMPOSED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Files that come in at once, and files that are read at once, in the whole house.
const UPLOADS_MAX: usize = 16;
const READINGS_MAX: usize = 2;
/// A file is sealed in pieces of so many bytes.
const PIECE_BYTES: usize = 1024 * 1024;
/// How long an attachment waits for its question.
const KEPT: Duration = Duration::from_hours(24);
/// How long whoever waits for another state is let wait.
const POLL: Duration = Duration::from_secs(20);
/// A file that is too large is heard to its end up to here, and thrown away: whoever still sends hears no answer.
const HEARD_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// An upload of which nothing comes for so long has ended.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Bytes that attachments of temporary conversations may take together, files on their way and texts.
const FLEETING_BYTES_MAX: usize = 256 * 1024 * 1024;
/// What the findings of everything that describes a file are called.
const PROPERTIES: &str = "properties";

/// What is known of attachments in memory.
pub(crate) struct Desk {
    /// Those that come in or are read, by id.
    jobs: Mutex<HashMap<String, Job>>,
    /// Those of temporary conversations, by id.
    fleeting: Mutex<HashMap<String, Fleeting>>,
    uploads: Semaphore,
    readings: Semaphore,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            jobs: Mutex::default(),
            fleeting: Mutex::default(),
            uploads: Semaphore::new(UPLOADS_MAX),
            readings: Semaphore::new(READINGS_MAX),
        }
    }
}

#[derive(Clone)]
struct Job {
    person: String,
    recall: Recall,
    state: watch::Sender<State>,
}

struct Fleeting {
    person: String,
    conversation: String,
    attachment: Attachment,
    /// Until it was read, the file; then nothing.
    file: Vec<u8>,
    text: String,
}

impl Desk {
    fn jobs(&self) -> MutexGuard<'_, HashMap<String, Job>> {
        // No change leaves the table half changed.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fleeting(&self) -> MutexGuard<'_, HashMap<String, Fleeting>> {
        self.fleeting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what belongs to temporary conversations that are gone.
    pub(crate) fn sweep(&self, is_there: impl Fn(&str) -> bool) {
        self.fleeting().retain(|_, kept| is_there(&kept.conversation));
    }

    /// Ends all readings of this person, and forgets what is only here.
    pub(crate) fn forget(&self, person: &str) {
        self.jobs().values().filter(|job| job.person == person).for_each(|job| job.recall.recall());
        self.fleeting().retain(|_, kept| kept.person != person);
    }

    fn fleeting_bytes(&self) -> usize {
        self.fleeting().values().map(|kept| kept.file.len() + kept.text.len()).sum()
    }
}

/// Takes the job out of the table, whatever happens to its task.
struct AtWork {
    portal: Arc<Portal>,
    id: String,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.portal.desk.jobs().remove(&self.id);
    }
}

/// An upload that is not whole: when whoever sends it leaves, nothing of it stays.
struct Arriving {
    portal: Arc<Portal>,
    person: String,
    id: String,
    is_whole: bool,
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if self.is_whole {
            return;
        }
        let (portal, person, id) = (Arc::clone(&self.portal), self.person.clone(), self.id.clone());
        self.portal.desk.jobs().remove(&id);
        self.portal.desk.fleeting().remove(&id);
        self.portal.tasks.spawn(async move {
            if let Err(error) = portal.archive.store.delete_attachment(&person, &id).await {
                tracing::error!(%error, "half an upload cannot be deleted; it expires");
            }
        });
    }
}

impl Portal {
    /// Takes a file into quarantine and has it read.
    pub(crate) async fn attach(
        self: &Arc<Self>,
        visitor: &Visitor,
        arrival: Arrival,
    ) -> Result<Reply, Refusal> {
        let query = Query::read(arrival.query.as_deref(), &["name", "conversation"])?;
        let name = query.text("name").and_then(file_name).ok_or_else(|| {
            wrong(
                "name",
                "The parameter `name` must be the name of the file, of 1 to 255 bytes.".to_owned(),
                "Der Parameter `name` muss der Name der Datei sein, mit 1 bis 255 Bytes.".to_owned(),
            )
        })?;
        let mut fleeting = None;
        if let Some(conversation) = query.text("conversation") {
            self.open(visitor, conversation).await?;
            fleeting = is_temporary(conversation).then(|| conversation.to_owned());
        }
        let mut body = arrival.body;
        let size = body.size_hint();
        if size.lower() > HEARD_BYTES_MAX {
            return Err(file_too_large());
        }
        let _place = self.desk.uploads.try_acquire().map_err(|_| too_many_uploads())?;
        let person = visitor.person().to_owned();
        let now = self.clock.now();
        self.sweep_attachments(now).await?;
        let (count, bytes) = self.archive.store.attachments_waiting(&person).await.map_err(Fault::from)?;
        if count >= WAITING_MAX || bytes + size.lower() > WAITING_BYTES_MAX {
            return Err(too_many_waiting());
        }
        let key = Arc::new(self.archive.ensure_key(&person).await?);
        let mut attachment = Attachment::new(self.new_id()?, name, now);
        let id = attachment.id.clone();
        match &fleeting {
            Some(conversation) => {
                if self.desk.fleeting_bytes() + size.upper().unwrap_or(FILE_BYTES_MAX as u64) as usize
                    > FLEETING_BYTES_MAX
                {
                    return Err(refusals::no_room_for_temporary());
                }
                let kept = Fleeting {
                    person: person.clone(),
                    conversation: conversation.clone(),
                    attachment: attachment.clone(),
                    file: Vec::new(),
                    text: String::new(),
                };
                self.desk.fleeting().insert(id.clone(), kept);
            }
            None => {
                let row = self.attachment_row(&key, &person, &attachment)?;
                self.archive.store.insert_attachment(&row).await.map_err(Fault::from)?;
            }
        }
        let job = Job {
            person: person.clone(),
            recall: Recall::default(),
            state: watch::Sender::new(State::Quarantined),
        };
        self.desk.jobs().insert(id.clone(), job.clone());
        let mut arriving =
            Arriving { portal: Arc::clone(self), person: person.clone(), id: id.clone(), is_whole: false };

        let mut piece: Vec<u8> = Vec::new();
        let (mut ordinal, mut total) = (0_u32, 0_usize);
        loop {
            let frame = timeout(SILENCE_MAX, body.frame()).await;
            let Some(frame) = frame.map_err(|_| not_whole().with_inside("an upload fell silent"))? else {
                break;
            };
            let frame = frame.map_err(|error| not_whole().with_inside(error.to_string()))?;
            let Ok(data) = frame.into_data() else { continue };
            total += data.len();
            if total as u64 > HEARD_BYTES_MAX {
                return Err(file_too_large());
            }
            if total > FILE_BYTES_MAX {
                piece = Vec::new();
                continue;
            }
            piece.extend_from_slice(&data);
            if fleeting.is_none() {
                while piece.len() >= PIECE_BYTES {
                    let rest = piece.split_off(PIECE_BYTES);
                    self.put_piece(&key, &person, &id, ordinal, std::mem::replace(&mut piece, rest)).await?;
                    ordinal += 1;
                }
            }
        }
        if total > FILE_BYTES_MAX {
            return Err(file_too_large());
        }
        match &fleeting {
            Some(_) => {
                if let Some(kept) = self.desk.fleeting().get_mut(&id) {
                    kept.file = piece;
                }
            }
            None if !piece.is_empty() => self.put_piece(&key, &person, &id, ordinal, piece).await?,
            None => {}
        }
        attachment.bytes = total as u64;
        attachment.is_whole = true;
        if !self.save_attachment(&key, &person, &attachment).await? {
            return Err(no_attachment());
        }
        arriving.is_whole = true;
        self.read_attachment(visitor, key, attachment.clone(), job);
        Ok(document(202, attachment.to_json()))
    }

    /// The attachment as it is; with `after` only when it is in another state, or after a while.
    pub(crate) async fn show_attachment(
        self: &Arc<Self>,
        visitor: &Visitor,
        id: &str,
        query: Option<&str>,
    ) -> Result<Reply, Refusal> {
        let query = Query::read(query, &["after"])?;
        let after = query.text("after").map(|name| {
            State::parse(name).ok_or_else(|| {
                wrong(
                    "after",
                    "The parameter `after` must be quarantined, extracting, ready or refused.".to_owned(),
                    "Der Parameter `after` muss quarantined, extracting, ready oder refused sein.".to_owned(),
                )
            })
        });
        let after = after.transpose()?;
        // Before it is read: a state that comes in between is not missed.
        let job = self.desk.jobs().get(id).cloned();
        let mut attachment = self.attachment(visitor, id).await?;
        let is_over = matches!(attachment.state, State::Ready | State::Refused);
        if !is_over && job.is_none() {
            attachment = self.resume(visitor, attachment).await?;
        }
        if let (Some(after), Some(job)) = (after, job)
            && attachment.state == after
            && !is_over
        {
            let mut states = job.state.subscribe();
            // Whatever ends the wait, what is then there is told.
            let _ended = timeout(POLL, states.wait_for(|state| *state != after)).await.is_ok();
            attachment = self.attachment(visitor, id).await?;
        }
        Ok(document(200, attachment.to_json()))
    }

    /// Goes on where the house was ended: reads what is whole, and refuses what is not.
    async fn resume(
        self: &Arc<Self>,
        visitor: &Visitor,
        mut attachment: Attachment,
    ) -> Result<Attachment, Refusal> {
        let key = Arc::new(self.archive.key(visitor.person()).await?.ok_or_else(no_attachment)?);
        let job = Job {
            person: visitor.person().to_owned(),
            recall: Recall::default(),
            state: watch::Sender::new(State::Quarantined),
        };
        {
            let mut jobs = self.desk.jobs();
            if jobs.contains_key(&attachment.id) {
                return Ok(attachment);
            }
            jobs.insert(attachment.id.clone(), job.clone());
        }
        attachment.state = State::Quarantined;
        if attachment.is_whole {
            self.read_attachment(visitor, key, attachment.clone(), job);
        } else {
            self.desk.jobs().remove(&attachment.id);
            attachment.refuse(Text::fixed(
                "The file did not arrive whole. Attach it again.",
                "Die Datei ist nicht vollständig angekommen. Hängen Sie sie erneut an.",
            ));
            self.finish(&key, visitor.person(), &attachment, None).await?;
        }
        Ok(attachment)
    }

    /// Ends the reading and forgets the file, if no question was asked with it.
    pub(crate) async fn delete_attachment(&self, visitor: &Visitor, id: &str) -> Result<Reply, Refusal> {
        let attachment = self.attachment(visitor, id).await?;
        if attachment.conversation.is_some() {
            return Err(invalid_request(
                "This attachment belongs to a question; it goes with its conversation.",
                "Dieser Anhang gehört zu einer Frage; er geht mit seiner Unterhaltung.",
                "attachment is in use",
                None,
            ));
        }
        if let Some(job) = self.desk.jobs().get(id) {
            job.recall.recall();
        }
        if self.desk.fleeting().remove(id).is_none() {
            self.archive.store.delete_attachment(visitor.person(), id).await.map_err(Fault::from)?;
        }
        Ok(nothing())
    }

    /// What was read of it.
    pub(crate) async fn attachment_text(&self, visitor: &Visitor, id: &str) -> Result<Reply, Refusal> {
        let attachment = self.attachment(visitor, id).await?;
        if attachment.state != State::Ready {
            return Err(not_ready(&attachment));
        }
        let key = self.archive.key(visitor.person()).await?.ok_or_else(no_attachment)?;
        let text = self.text_of(&key, visitor.person(), id).await?.ok_or_else(no_attachment)?;
        let is_numbered = |place: &&Value| {
            let kind = place.as_object().and_then(|place| place.get("kind")?.as_str());
            matches!(kind, Some("page" | "sheet" | "slide"))
        };
        let pages: Vec<Value> = attachment
            .places
            .iter()
            .filter(is_numbered)
            .filter_map(|place| {
                let place = place.as_object()?;
                let mut out = Object::new();
                out.set("page", place.get("number")?.clone());
                out.set("start", place.get("start")?.clone());
                Some(Value::Object(out))
            })
            .collect();
        let mut out = Object::new();
        out.set("text", string(&text));
        out.set("pages", if pages.is_empty() { Value::Null } else { Value::Array(pages) });
        out.set("places", Value::Array(attachment.places));
        Ok(document(200, out))
    }

    /// Has the file read and inspected, beside everything else.
    fn read_attachment(
        self: &Arc<Self>,
        visitor: &Visitor,
        key: Arc<DataKey>,
        attachment: Attachment,
        job: Job,
    ) {
        let (portal, verified) = (Arc::clone(self), visitor.verified.clone());
        let request_id = visitor.request_id.to_string();
        let at_work = AtWork { portal: Arc::clone(self), id: attachment.id.clone() };
        self.tasks.spawn(async move {
            let mut attachment = attachment;
            let person = verified.principal().person.clone();
            let reading = portal.read_file(&verified, &key, &mut attachment, &job);
            let read = tokio::select! {
                biased;
                // What was not read is read when it is next asked for.
                () = portal.cut.cancelled() => {
                    job.recall.recall();
                    return;
                }
                read = reading => read,
            };
            let text = match read {
                Ok(text) => text,
                Err(refusal) => {
                    tracing::error!(inside = refusal.inside, "an attachment cannot be read");
                    attachment.refuse(refusal.message.clone());
                    None
                }
            };
            let kind = if text.is_some() { DeedKind::Attach } else { DeedKind::AttachRefuse };
            let is_gone = attachment.reason.as_ref() == Some(&Rejected::Cancelled.text());
            let noted = match is_gone {
                true => Ok(()),
                false => portal.note_attachment(verified.principal(), &request_id, kind, &attachment).await,
            };
            let text = match noted {
                Ok(()) => text,
                Err(refusal) => {
                    // What is not in the log is not here.
                    attachment.refuse(refusal.message.clone());
                    None
                }
            };
            if let Err(fault) = portal.finish(&key, &person, &attachment, text).await {
                tracing::error!(%fault, "the text of an attachment cannot be kept");
            }
            drop(at_work);
            job.state.send_replace(attachment.state);
        });
    }

    /// The text of a file; None where it was refused, which then stands in `attachment`.
    async fn read_file(
        &self,
        verified: &Verified,
        key: &Arc<DataKey>,
        attachment: &mut Attachment,
        job: &Job,
    ) -> Result<Option<String>, Refusal> {
        let _turn = self.desk.readings.acquire().await.map_err(|_| internal("readings have ended"))?;
        let person = verified.principal().person.clone();
        attachment.state = State::Extracting;
        if !self.save_attachment(key, &person, attachment).await? {
            attachment.refuse(Rejected::Cancelled.text());
            return Ok(None);
        }
        job.state.send_replace(State::Extracting);
        let file = self.take_file(key, &person, &attachment.id).await?;
        let (house, recall, extension) = (self.attaching.clone(), job.recall.clone(), attachment.extension());
        let read = spawn_blocking(move || {
            let digest = (house.digest)(&file);
            (digest, (house.extract)(&file, &extension, &recall))
        });
        let (digest, read) = read.await.map_err(|_| internal("the reading of a file fell"))?;
        attachment.digest = digest;
        let read = match read {
            Ok(read) => read,
            Err(rejected) => {
                if let Rejected::Unconfined(why) = &rejected {
                    tracing::error!(why, "attachments are off: their reader cannot be shut in");
                }
                attachment.refuse(rejected.text());
                return Ok(None);
            }
        };
        let default = (self.standing)(verified).default;
        let examined = (self.examine)(verified, default.clone(), read.text.clone()).await?;
        let beside = format!("{}\n{}", attachment.name, read.facts);
        let described = (self.examine)(verified, default, beside).await?;
        attachment.take(&read, &examined.findings);
        attachment.label = Some(examined.label.join(&described.label));
        attachment.is_blocked = examined.is_blocked;
        // Of what describes the file only what raised its label is told: a model gets none of it.
        let raising = described.findings.iter().filter(|finding| finding.action == FindingAction::RaiseLabel);
        for finding in raising.take(TOLD_MAX.saturating_sub(attachment.findings.len())) {
            let mut place = Object::new();
            place.set("kind", string(PROPERTIES));
            place.set("number", Value::Null);
            place.set("name", Value::Null);
            let zero = schleuse_types::Finding { start: 0, end: 0, ..finding.clone() };
            for mut row in crate::findings::told("", &[zero]) {
                if let Value::Object(row) = &mut row {
                    row.set("place", Value::Object(place.clone()));
                }
                attachment.findings.push(row);
            }
        }
        attachment.state = State::Ready;
        Ok(Some(read.text))
    }

    /// The whole file, as it lies in quarantine.
    async fn take_file(&self, key: &DataKey, person: &str, id: &str) -> Result<Vec<u8>, Refusal> {
        if let Some(kept) = self.desk.fleeting().get_mut(id) {
            return Ok(std::mem::take(&mut kept.file));
        }
        let mut file = Vec::new();
        for ordinal in 0..u32::MAX {
            let sealed = self.archive.store.attachment_piece(id, ordinal).await.map_err(Fault::from)?;
            let Some(sealed) = sealed else { break };
            let place = Place::AttachmentPiece { person, attachment: id, ordinal };
            file.extend(key.open(&place, &sealed).map_err(Fault::from)?);
        }
        Ok(file)
    }

    async fn put_piece(
        &self,
        key: &DataKey,
        person: &str,
        id: &str,
        ordinal: u32,
        piece: Vec<u8>,
    ) -> Result<(), Fault> {
        let place = Place::AttachmentPiece { person, attachment: id, ordinal };
        let sealed = key.seal(&place, piece)?;
        Ok(self.archive.store.insert_attachment_piece(id, ordinal, &sealed).await?)
    }

    fn attachment_row(
        &self,
        key: &DataKey,
        person: &str,
        attachment: &Attachment,
    ) -> Result<AttachmentRow, Fault> {
        let id = attachment.id.as_str();
        let place = Place::Attachment { person, attachment: id, created: attachment.created };
        Ok(AttachmentRow {
            id: id.to_owned(),
            person: person.to_owned(),
            conversation: attachment.conversation.clone(),
            head: key.seal(&place, attachment.to_sealed_text())?,
            bytes: attachment.bytes,
            created: attachment.created,
            expires: attachment.conversation.is_none().then(|| attachment.created.plus(KEPT)),
        })
    }

    /// Keeps what is new of an attachment; says whether it was still there.
    async fn save_attachment(
        &self,
        key: &DataKey,
        person: &str,
        attachment: &Attachment,
    ) -> Result<bool, Fault> {
        if let Some(kept) = self.desk.fleeting().get_mut(&attachment.id) {
            kept.attachment = attachment.clone();
            return Ok(true);
        }
        let row = self.attachment_row(key, person, attachment)?;
        Ok(self.archive.store.update_attachment(&row.id, &row.head, row.bytes).await?)
    }

    /// Keeps the end of a reading; the file is deleted.
    async fn finish(
        &self,
        key: &DataKey,
        person: &str,
        attachment: &Attachment,
        text: Option<String>,
    ) -> Result<(), Fault> {
        if let Some(kept) = self.desk.fleeting().get_mut(&attachment.id) {
            kept.attachment = attachment.clone();
            kept.file = Vec::new();
            kept.text = text.unwrap_or_default();
            return Ok(());
        }
        let row = self.attachment_row(key, person, attachment)?;
        let place = Place::AttachmentText { person, attachment: &attachment.id };
        let text = text.map(|text| key.seal(&place, text)).transpose()?;
        self.archive.store.finish_attachment(&row.id, &row.head, text.as_deref()).await?;
        Ok(())
    }

    /// Keeps what came with an exported conversation.
    pub(crate) async fn keep_imported(
        &self,
        key: &DataKey,
        person: &str,
        attachment: &Attachment,
        text: String,
    ) -> Result<(), Fault> {
        let row = self.attachment_row(key, person, attachment)?;
        self.archive.store.insert_attachment(&row).await?;
        self.finish(key, person, attachment, Some(text)).await
    }

    /// An attachment of this person.
    pub(crate) async fn attachment(&self, visitor: &Visitor, id: &str) -> Result<Attachment, Refusal> {
        let person = visitor.person();
        if let Some(kept) = self.desk.fleeting().get(id) {
            return (kept.person == person).then(|| kept.attachment.clone()).ok_or_else(no_attachment);
        }
        let row = self.archive.store.attachment(person, id).await.map_err(Fault::from)?;
        let row = row.ok_or_else(no_attachment)?;
        let key = self.archive.key(person).await?.ok_or_else(no_attachment)?;
        let mut attachment = Attachment::new(row.id.clone(), String::new(), row.created);
        let place = Place::Attachment { person, attachment: id, created: row.created };
        let opened = key.open(&place, &row.head).ok();
        if opened.and_then(|text| attachment.read_sealed_text(&text)).is_none() {
            tracing::error!(attachment = id, "a sealed attachment does not open");
            return Err(no_attachment());
        }
        attachment.conversation = row.conversation;
        Ok(attachment)
    }

    /// The text of an attachment of this person; None where there is none.
    pub(crate) async fn text_of(
        &self,
        key: &DataKey,
        person: &str,
        id: &str,
    ) -> Result<Option<String>, Refusal> {
        if let Some(kept) = self.desk.fleeting().get(id) {
            return Ok((kept.person == person).then(|| kept.text.clone()));
        }
        let sealed = self.archive.store.attachment_text(person, id).await.map_err(Fault::from)?;
        let Some(sealed) = sealed else { return Ok(None) };
        let place = Place::AttachmentText { person, attachment: id };
        let text = key.open(&place, &sealed).map_err(Fault::from)?;
        String::from_utf8(text).map(Some).map_err(|_| internal("a sealed text is no text"))
    }

    /// Attachments for a question: ready, of this person, asked with for the first time. They belong to the conversation
    /// from here on; the file's use is in the log.
    pub(crate) async fn use_attachments(
        &self,
        visitor: &Visitor,
        conversation: &str,
        ids: &[String],
        question_bytes: usize,
    ) -> Result<Vec<Attached>, Refusal> {
        let mut attached: Vec<Attached> = Vec::with_capacity(ids.len());
        let mut total = question_bytes;
        let mut all = Vec::with_capacity(ids.len());
        for id in ids {
            let attachment = self.attachment(visitor, id).await?;
            let is_fleeting = self.desk.fleeting().get(id).map(|kept| kept.conversation.clone());
            let is_elsewhere = match is_fleeting {
                Some(own) => own != conversation,
                // What was on disk is not for a conversation that never is.
                None => is_temporary(conversation),
            };
            if attachment.conversation.is_some()
                || is_elsewhere
                || all.iter().any(|one: &Attachment| one.id == *id)
            {
                return Err(not_for_this(&attachment, is_temporary(conversation)));
            }
            if attachment.state != State::Ready {
                return Err(not_ready(&attachment));
            }
            total += usize::try_from(attachment.text_bytes).unwrap_or(TEXT_BYTES_MAX) + 1024;
            attached.push(attachment.attached());
            all.push(attachment);
        }
        if total > COMPOSED_BYTES_MAX && !ids.is_empty() {
            return Err(too_long_together());
        }
        let person = visitor.person();
        if is_temporary(conversation) {
            for id in ids {
                if let Some(kept) = self.desk.fleeting().get_mut(id) {
                    kept.attachment.conversation = Some(conversation.to_owned());
                }
            }
        } else if !ids.is_empty() {
            let used = self.archive.store.use_attachments(person, ids, conversation).await;
            if !used.map_err(Fault::from)? {
                return Err(no_attachment());
            }
        }
        for attachment in &all {
            let principal = visitor.verified.principal();
            let id = visitor.request_id.to_string();
            if let Err(refusal) = self.note_attachment(principal, &id, DeedKind::AttachUse, attachment).await
            {
                self.return_attachments(visitor, ids).await?;
                return Err(refusal);
            }
        }
        Ok(attached)
    }

    /// The question was not asked after all.
    pub(crate) async fn return_attachments(&self, visitor: &Visitor, ids: &[String]) -> Result<(), Refusal> {
        for id in ids {
            if let Some(kept) = self.desk.fleeting().get_mut(id) {
                kept.attachment.conversation = None;
            }
        }
        let expires = self.clock.now().plus(KEPT);
        let done = self.archive.store.return_attachments(visitor.person(), ids, expires).await;
        Ok(done.map_err(Fault::from)?)
    }

    /// The texts of everything that was asked with these messages, by attachment.
    pub(crate) async fn attached_texts<'m>(
        &self,
        key: &DataKey,
        person: &str,
        messages: impl Iterator<Item = &'m Message>,
    ) -> Result<HashMap<String, String>, Refusal> {
        let mut texts = HashMap::new();
        for message in messages {
            for attached in &message.attachments {
                if let Some(text) = self.text_of(key, person, &attached.id).await? {
                    texts.insert(attached.id.clone(), text);
                }
            }
        }
        Ok(texts)
    }

    /// Forgets attachments whose time is over.
    pub(crate) async fn sweep_attachments(&self, now: Timestamp) -> Result<(), Refusal> {
        self.desk.sweep(|conversation| self.archive.temporary.owner(conversation).is_some());
        self.archive.store.delete_expired_attachments(now).await.map_err(Fault::from)?;
        Ok(())
    }

    /// Says in the log what became of a file: kind, size, keyed digest and label; neither its name nor its text.
    async fn note_attachment(
        &self,
        principal: &Principal,
        request_id: &str,
        kind: DeedKind,
        attachment: &Attachment,
    ) -> Result<(), Refusal> {
        let mut change = format!("bytes={}", attachment.bytes);
        if let Some(kind) = attachment.kind {
            change.push_str(&format!(" kind={}", kind.as_str()));
        }
        if !attachment.digest.is_empty() {
            change.push_str(&format!(" digest={}", attachment.digest));
        }
        let deed = Deed {
            principal: principal.clone(),
            request_id: request_id.to_owned(),
            kind,
            subject: attachment.id.clone(),
            owner: principal.person.clone(),
            with: Vec::new(),
            label: attachment.label.clone(),
            change,
        };
        (self.note)(deed).await
    }
}

/// A message as a model reads it, with its attachments, and where in it they stand. What is masked is masked in them too.
pub(crate) fn read_by_a_model(
    message: &Message,
    texts: &HashMap<String, String>,
    map: &Map,
) -> (String, Vec<crate::attachment::Part>) {
    let said = map.apply(message.sent());
    if message.author != Author::User || message.attachments.is_empty() {
        return (said, Vec::new());
    }
    let is_german = message.language == schleuse_types::Language::German;
    let own =
        message.attachments.iter().filter_map(|one| Some((one.id.as_str(), map.apply(texts.get(&one.id)?))));
    let own: HashMap<&str, String> = own.collect();
    composed(&said, &message.attachments, |id| own.get(id).map(String::as_str), is_german)
}

/// The join of the labels of everything that is asked with.
pub(crate) fn label_of(attached: &[Attached], label: &Label) -> Label {
    attached.iter().fold(label.clone(), |label, one| label.join(&one.label))
}

fn no_attachment() -> Refusal {
    Refusal::new(
        RefusalCode::NotFound,
        Text::fixed("There is no such attachment.", "Diesen Anhang gibt es nicht."),
        Text::fixed(
            "It may have expired after a day; attach the file again.",
            "Vielleicht ist er nach einem Tag abgelaufen; hängen Sie die Datei erneut an.",
        ),
        "no such attachment of this person",
    )
}

fn not_ready(attachment: &Attachment) -> Refusal {
    let state = attachment.state.as_str();
    let (english, german) = match &attachment.reason {
        Some(reason) => (reason.english.to_string(), reason.german.to_string()),
        None => ("It is still being read.".to_owned(), "Er wird noch gelesen.".to_owned()),
    };
    invalid_request(
        format!("The attachment `{}` cannot be asked with. {english}", attachment.id),
        format!("Mit dem Anhang `{}` kann nicht gefragt werden. {german}", attachment.id),
        "attachment is not ready",
        Some("attachments"),
    )
    .with_inside(state)
    .with_next("Wait for it, or leave it out.", "Warten Sie darauf, oder lassen Sie ihn weg.")
}

fn not_for_this(attachment: &Attachment, is_temporary: bool) -> Refusal {
    let (english, german) = match is_temporary {
        true => (
            "it was not attached in this temporary conversation",
            "er wurde nicht in dieser temporären Unterhaltung angehängt",
        ),
        false => ("it belongs to another question", "er gehört zu einer anderen Frage"),
    };
    invalid_request(
        format!("The attachment `{}` cannot be asked with here: {english}.", attachment.id),
        format!("Mit dem Anhang `{}` kann hier nicht gefragt werden: {german}.", attachment.id),
        "attachment is of another question",
        Some("attachments"),
    )
    .with_next("Attach the file again.", "Hängen Sie die Datei erneut an.")
}

fn too_long_together() -> Refusal {
    invalid_request(
        "The question and the texts of its attachments are together longer than 4 MiB.",
        "Die Frage und die Texte ihrer Anhänge sind zusammen länger als 4 MiB.",
        "composed question too long",
        Some("attachments"),
    )
    .with_next("Ask with fewer attachments at once.", "Fragen Sie mit weniger Anhängen auf einmal.")
}

fn not_whole() -> Refusal {
    invalid_request(
        "The file did not arrive whole.",
        "Die Datei ist nicht vollständig angekommen.",
        "upload broke off",
        None,
    )
}

fn file_too_large() -> Refusal {
    let mut refusal = too_large(FILE_BYTES_MAX);
    refusal.message = Rejected::TooLarge.text();
    refusal
}

fn too_many_uploads() -> Refusal {
    busy(
        format!("{UPLOADS_MAX} files are coming in at this moment, and there is no room for more."),
        format!("Im Augenblick kommen {UPLOADS_MAX} Dateien herein, mehr Platz ist nicht."),
    )
}

fn too_many_waiting() -> Refusal {
    busy(
        format!("{WAITING_MAX} of your attachments, or 512 MiB, wait for a question."),
        format!("{WAITING_MAX} Ihrer Anhänge oder 512 MiB warten auf eine Frage."),
    )
}

fn busy(english: String, german: String) -> Refusal {
    Refusal::new(
        RefusalCode::RateLimited,
        Text::new(english, german),
        Text::fixed(
            "Ask with those, take some back, or try again in a moment.",
            "Fragen Sie mit diesen, nehmen Sie welche zurück, oder versuchen Sie es gleich noch einmal.",
        ),
        "too many attachments",
    )
}
