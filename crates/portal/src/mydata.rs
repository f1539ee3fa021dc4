//! What is stored about a person, where, for how long and who can see it; and how they delete it.
//!
//! The lines come from whoever wires the house: only there is known what is configured. Nothing on this page is written by
//! hand twice: a table of the store that no line tells of fails a test.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use schleuse_types::{Principal, Refusal, Text};
use schleuse_wire::json::{Object, Value};
use schleuse_wire::{Arrival, Peer, Reply, invalid_request};
use tokio::time::timeout;

use crate::body::{missing, read_fields, take_text};
use crate::deed::{Deed, DeedKind};
use crate::message::{both, number, optional, string, time};
use crate::portal::{Portal, SMALL_BODY_BYTES_MAX, STOP_PATIENCE, Visitor, document};
use crate::refusals::Fault;

/// Longest name in bytes.
const NAME_BYTES_MAX: usize = 512;

/// One place in which something of a person is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub id: &'static str,
    pub what: Text,
    /// Never a path of a machine.
    pub place: Text,
    pub kept: Text,
    pub seen_by: Text,
    /// Under a key of the person's own.
    pub is_sealed: bool,
    /// None where nobody counts it by person.
    pub count: Option<u64>,
    pub bytes: Option<u64>,
    /// Where the person takes it out.
    pub export: Option<&'static str>,
    /// Whether [`Portal`] deletes it when the person wants everything deleted; why not, if not.
    pub stays: Option<Text>,
}

/// Everything that the house holds of a person, by what is configured now.
pub type Holdings = Arc<
    dyn Fn(Principal, Peer) -> Pin<Box<dyn Future<Output = Result<Vec<Kept>, Refusal>> + Send>> + Send + Sync,
>;

/// Forgets what is in memory of a person outside of the portal.
pub type Forget = Arc<dyn Fn(&Principal) + Send + Sync>;

impl Portal {
    /// `GET data`.
    pub(crate) async fn data(&self, visitor: &Visitor, peer: Peer) -> Result<Reply, Refusal> {
        let mut stores = self.kept(visitor, peer).await?;
        let stores = stores.drain(..).map(|kept| {
            let mut out = Object::new();
            out.set("id", string(kept.id));
            out.set("what", both(&kept.what));
            out.set("where", both(&kept.place));
            out.set("kept", both(&kept.kept));
            out.set("seen_by", both(&kept.seen_by));
            out.set("sealed", Value::Bool(kept.is_sealed));
            out.set("count", kept.count.map_or(Value::Null, number));
            out.set("bytes", kept.bytes.map_or(Value::Null, number));
            out.set("export", optional(kept.export));
            out.set("erasable", Value::Bool(kept.stays.is_none()));
            out.set("stays", kept.stays.map_or(Value::Null, |why| both(&why)));
            Value::Object(out)
        });
        let mut out = Object::new();
        out.set("stores", Value::Array(stores.collect()));
        out.set("generated", time(self.clock.now()));
        Ok(document(200, out))
    }

    /// `POST data/erase` `{confirm}`: deletes everything that the person may delete. On record before anything is gone.
    pub(crate) async fn erase(&self, visitor: &Visitor, arrival: Arrival) -> Result<Reply, Refusal> {
        let peer = arrival.peer;
        let mut fields = read_fields(arrival.body, SMALL_BODY_BYTES_MAX, &["confirm"]).await?;
        let confirm = take_text(&mut fields, "confirm", NAME_BYTES_MAX)?.ok_or_else(|| missing("confirm"))?;
        let person = visitor.person();
        let row = self.archive.store.find_person(person).await.map_err(Fault::from)?;
        let name = row.map(|row| row.name).unwrap_or_default();
        let confirm = confirm.trim();
        if confirm != person && (name.is_empty() || confirm != name) {
            return Err(not_confirmed());
        }
        let before = self.kept(visitor, peer).await?;
        let told = before.iter().filter(|kept| kept.stays.is_none());
        let told = told.map(|kept| format!("{}={}", kept.id, kept.count.unwrap_or_default()));
        let deed = Deed {
            principal: visitor.verified.principal().clone(),
            request_id: visitor.request_id.to_string(),
            kind: DeedKind::Erase,
            subject: visitor.request_id.to_string(),
            owner: person.to_owned(),
            with: Vec::new(),
            label: None,
            change: told.collect::<Vec<_>>().join(" "),
        };
        (self.note)(deed).await?;
        let runs = self.runs.of_person(person);
        runs.iter().for_each(|run| run.stop.cancel());
        for run in &runs {
            // What one saves that takes longer finds no conversation any more.
            let _ = timeout(STOP_PATIENCE, run.over()).await;
        }
        let erased = self.archive.store.erase(person).await.map_err(Fault::from)?;
        let temporary = self.archive.temporary.forget(person);
        self.desk.forget(person);
        self.searches.forget(person);
        (self.forget)(visitor.verified.principal());
        let mut gone: Vec<Value> = Vec::new();
        for (id, count) in erased.into_iter().chain([("temporary", temporary)]) {
            let mut out = Object::new();
            out.set("id", string(id));
            out.set("count", number(count));
            gone.push(Value::Object(out));
        }
        let stays = before.into_iter().filter_map(|kept| {
            let mut out = Object::new();
            out.set("id", string(kept.id));
            out.set("what", both(&kept.what));
            out.set("why", both(&kept.stays?));
            Some(Value::Object(out))
        });
        let mut out = Object::new();
        out.set("erased", Value::Array(gone));
        out.set("stays", Value::Array(stays.collect()));
        Ok(document(200, out))
    }

    /// What the house holds, and what the portal itself has in memory.
    async fn kept(&self, visitor: &Visitor, peer: Peer) -> Result<Vec<Kept>, Refusal> {
        let mut all = (self.holdings)(visitor.verified.principal().clone(), peer).await?;
        let you = || Text::fixed("You.", "Sie.");
        all.push(Kept {
            id: "temporary",
            what: Text::fixed(
                "Temporary conversations, with everything in them.",
                "Temporäre Unterhaltungen mit allem, was darin steht.",
            ),
            place: Text::fixed("In memory, never on disk.", "Im Arbeitsspeicher, nie auf der Platte."),
            kept: Text::fixed(
                "Until 24 hours without use, or until the house is restarted.",
                "Bis sie 24 Stunden nicht benutzt wurden oder das Haus neu startet.",
            ),
            seen_by: you(),
            is_sealed: false,
            count: Some(self.archive.temporary.count(visitor.person())),
            bytes: None,
            export: None,
            stays: None,
        });
        all.push(Kept {
            id: "search",
            what: Text::fixed(
                "The index of your conversations, while you search.",
                "Das Verzeichnis Ihrer Unterhaltungen, während Sie suchen.",
            ),
            place: Text::fixed("In memory, never on disk.", "Im Arbeitsspeicher, nie auf der Platte."),
            kept: Text::fixed(
                "Some minutes after your last search.",
                "Einige Minuten nach Ihrer letzten Suche.",
            ),
            seen_by: you(),
            is_sealed: false,
            count: None,
            bytes: None,
            export: None,
            stays: None,
        });
        Ok(all)
    }
}

fn not_confirmed() -> Refusal {
    invalid_request(
        "Nothing was deleted: the field `confirm` must be your own name, as it stands on the page.",
        "Es wurde nichts gelöscht: Das Feld `confirm` muss Ihr eigener Name sein, wie er auf der Seite steht.",
        "an erasure that was not confirmed",
        Some("confirm"),
    )
}
