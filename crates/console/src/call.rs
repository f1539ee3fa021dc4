//! From an arrival to its answer: who, which route, whether they may, and only then the work.

use std::sync::Arc;

use bytes::Bytes;
use schleuse_audit::{Event, Record};
use schleuse_identity::Verified;
use schleuse_policy::{Action, Circumstances, Decision, Effect};
use schleuse_store::ApprovalState;
use schleuse_types::{Language, Outcome, Principal, Refusal, RequestId, Text};
use schleuse_wire::query::Query;
use schleuse_wire::{Arrival, Method, Peer, Reply, ReplyBody, internal, read_body, render_refusal};

use crate::route::{Found, Route, Work, find};
use crate::{
    Console, access, answer, approvals, body, decisions, export, keys, live, log, operations, people,
    sessions, walls,
};

/// The name of the console among the surfaces to which a key's scopes can limit it.
const SURFACE: &str = "api";

/// A request of somebody who is known and may make it. Only [`walk`] makes one.
pub(crate) struct Call {
    pub(crate) console: Arc<Console>,
    pub(crate) verified: Verified,
    pub(crate) circumstances: Circumstances,
    pub(crate) route: &'static Route,
    /// What stands in the place of the path's `{…}`.
    pub(crate) id: String,
    pub(crate) query: Query,
    pub(crate) body: Bytes,
    pub(crate) last_event_id: Option<String>,
    pub(crate) language: Language,
    pub(crate) request_id: RequestId,
}

/// Answers whatever comes under `/api`.
pub(crate) async fn answer(console: Arc<Console>, arrival: Arrival) -> Reply {
    let language = arrival.language;
    let Ok(request_id) = RequestId::new(&*console.clock, &*console.random) else {
        return refuse(&internal("there is no randomness for a request id"), "", language);
    };
    let mut reply = match walk(console, arrival, request_id).await {
        Ok(reply) => reply,
        Err(refusal) => {
            tracing::info!(%request_id, code = refusal.code.recorded(), inside = refusal.inside, "refused");
            refuse(&refusal, request_id.as_str(), language)
        }
    };
    reply.headers.push(("x-schleuse-request-id", request_id.to_string()));
    reply
}

async fn walk(console: Arc<Console>, arrival: Arrival, request_id: RequestId) -> Result<Reply, Refusal> {
    let verified = match console.identity.verify(arrival.presented(), console.clock.now()).await {
        Ok(verified) => verified,
        Err(refusal) => {
            console.operations.refused_stranger(arrival.peer.address);
            return Err(refusal);
        }
    };
    let (route, id) = match find(arrival.method, &arrival.path) {
        Found::Route(route, id) => (route, id),
        Found::OtherMethod(right) => return Err(answer::wrong_method(&right)),
        Found::Nothing => return Err(answer::no_such_path()),
    };
    let circumstances = circumstances(&console, arrival.peer);
    let mut call = Call {
        console,
        verified,
        circumstances,
        route,
        id,
        query: Query::default(),
        body: Bytes::new(),
        last_event_id: arrival.last_event_id,
        language: arrival.language,
        request_id,
    };
    call.permit().await?;
    call.query = Query::read(arrival.query.as_deref(), route.parameters)?;
    if route.method == Method::Get {
        return work(call).await;
    }
    call.body = read_body(arrival.body, body::BODY_BYTES_MAX).await?;
    // A change that was begun is finished, with its entry, whether or not its asker waits for it.
    let tasks = call.console.tasks.clone();
    tasks
        .spawn(work(call))
        .await
        .unwrap_or_else(|error| Err(internal(format!("a change ended early: {error}"))))
}

async fn work(call: Call) -> Result<Reply, Refusal> {
    match call.route.work {
        Work::Decisions => decisions::list(&call).await,
        Work::LiveDecisions => live::open(call).await,
        Work::DecisionsOfRequest => decisions::of_request(&call).await,
        Work::Entries => log::entries(&call).await,
        Work::Checkpoint => log::checkpoint(&call).await,
        Work::Proof => log::proof(&call).await,
        Work::Verify => log::verify(&call).await,
        Work::Export => export::open(call).await,
        Work::Now => operations::now(&call),
        Work::People => people::list(&call).await,
        Work::CreatePerson => people::create(&call).await,
        Work::ChangePerson => people::change(&call).await,
        Work::Keys => keys::list(&call).await,
        Work::CreateKey => keys::create(&call).await,
        Work::RevokeKey => keys::revoke(&call).await,
        Work::Sessions => sessions::list(&call).await,
        Work::RevokeSession => sessions::revoke(&call).await,
        Work::Upstreams => operations::upstreams(&call),
        Work::DrainUpstream => operations::drain(&call, true).await,
        Work::UndrainUpstream => operations::drain(&call, false).await,
        Work::Policies => operations::policies(&call),
        Work::Posture => operations::posture(&call),
        Work::Access => access::list(&call).await,
        Work::Refusal => access::refusal(&call).await,
        Work::Limits => operations::limits(&call),
        Work::Walls => walls::list(&call).await,
        Work::ReleaseWall => walls::release(&call).await,
        Work::ForgetAnswers => operations::forget_answers(&call).await,
        Work::Approvals => approvals::list(&call).await,
        Work::Approve => approvals::decide(&call, ApprovalState::Approved).await,
        Work::Refuse => approvals::decide(&call, ApprovalState::Refused).await,
    }
}

impl Call {
    pub(crate) fn principal(&self) -> &Principal {
        self.verified.principal()
    }

    pub(crate) fn may(&self, action: Action) -> bool {
        self.console.may(self.principal(), action, &self.circumstances)
    }

    /// Whether the asker may walk this route: the key's scopes, then the policy.
    async fn permit(&self) -> Result<(), Refusal> {
        match self.check_scopes().and_then(|()| self.check_policy()) {
            Ok(()) => Ok(()),
            Err((refusal, rules)) => Err(self.deny(refusal, rules).await),
        }
    }

    /// The permission for something that a route needs only in some cases.
    pub(crate) async fn permit_also(&self, action: Action) -> Result<(), Refusal> {
        let decision = self.console.decide(self.principal(), action, &self.circumstances);
        let rules = decision.rules().to_vec();
        match decision.permit() {
            Ok(_) => Ok(()),
            Err(refusal) => Err(self.deny(refusal, rules).await),
        }
    }

    /// Records a denial, the same of the same person once a minute. Returns what is to be told, which is another refusal
    /// when the log cannot take the entry.
    async fn deny(&self, refusal: Refusal, rules: Vec<String>) -> Refusal {
        let key = format!("deny {} {}", self.principal().person, self.route.path);
        if !self.console.readings.is_new(&key, self.console.clock.monotonic()) {
            return refusal;
        }
        let mut record = self.entry(Event::AccessDeny);
        record.action = Some(refusal.code.outcome());
        record.code = Some(refusal.code.recorded().to_owned());
        record.status = Some(refusal.code.status());
        record.rules = rules;
        self.append(record).await.err().unwrap_or(refusal)
    }

    fn check_scopes(&self) -> Result<(), (Refusal, Vec<String>)> {
        let limited = |refusal| (refusal, vec!["scope".to_owned()]);
        self.verified.permit_scope(SURFACE, None).map_err(limited)?;
        // A key that may do less than its person must not make one that may do more.
        if self.changes_something() && !self.verified.scopes().is_empty() {
            return Err(limited(answer::denied(
                Text::fixed(
                    "This key has a limited scope, and with such a key nothing can be changed here.",
                    "Dieser Schlüssel hat einen begrenzten Umfang; mit einem solchen lässt sich hier nichts ändern.",
                ),
                Text::fixed(
                    "Sign in, or use a key without scopes.",
                    "Melden Sie sich an oder verwenden Sie einen Schlüssel ohne Begrenzung.",
                ),
                "a key with scopes cannot change anything",
            )));
        }
        Ok(())
    }

    fn changes_something(&self) -> bool {
        self.route.method != Method::Get && self.route.work != Work::Verify
    }

    fn check_policy(&self) -> Result<(), (Refusal, Vec<String>)> {
        let mut denial: Option<Decision> = None;
        for action in self.route.need.actions() {
            let decision = self.console.decide(self.principal(), action.clone(), &self.circumstances);
            if decision.effect() == Effect::Allow {
                return Ok(());
            }
            denial.get_or_insert(decision);
        }
        match denial {
            None => Ok(()),
            Some(decision) => {
                let rules = decision.rules().to_vec();
                match decision.permit() {
                    Ok(_) => Ok(()),
                    Err(refusal) => Err((refusal, rules)),
                }
            }
        }
    }

    /// The beginning of an entry about this call.
    pub(crate) fn entry(&self, event: Event) -> Record {
        let principal = self.principal();
        Record {
            request_id: self.request_id.to_string(),
            user: self.console.pseudonyms.name(&principal.person),
            role: Some(principal.role),
            tenant: principal.tenant.clone(),
            action: Some(Outcome::Allowed),
            surface: Some(self.route.path.to_owned()),
            source: Some(principal.credential.clone()),
            policy: Some(self.console.policy.digest().to_owned()),
            ..Record::new(event)
        }
    }

    /// Makes an entry durable; what it is about must not happen otherwise.
    pub(crate) async fn append(&self, record: Record) -> Result<(), Refusal> {
        self.console.log.append(record).await.map(drop).map_err(|error| answer::audit_unavailable(&error))
    }

    /// Records that something of the log is read; the same reading by the same person once a minute.
    pub(crate) async fn note_reading(&self, what: &str) -> Result<(), Refusal> {
        let filters = self.query.filters();
        let key = format!("read {} {what} {filters}", self.principal().person);
        if !self.console.readings.is_new(&key, self.console.clock.monotonic()) {
            return Ok(());
        }
        let mut record = self.entry(Event::LogRead);
        record.subject = Some(what.to_owned());
        record.change = (!filters.is_empty()).then_some(filters);
        self.append(record).await
    }

    /// Records a change and makes it. When it fails after all, a second entry says so.
    pub(crate) async fn change<T>(
        &self,
        record: Record,
        change: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        self.append(record.clone()).await?;
        if let (Event::KeyCreate | Event::KeyRevoke, Some(key)) = (record.event, &record.subject) {
            self.console.operations.key_recorded(key);
        }
        let changed = change.await;
        match &changed {
            Ok(_) => self.console.operations.store_changed().await,
            Err(refusal) => {
                let failed = Record {
                    action: Some(Outcome::Error),
                    code: Some(refusal.code.recorded().to_owned()),
                    status: Some(refusal.code.status()),
                    ..record
                };
                self.append(failed).await?;
            }
        }
        changed
    }

    /// Runs what blocks on the disk.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        reading: impl FnOnce(schleuse_audit::Reader) -> Result<T, schleuse_audit::VerifyError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let reader = self.console.log.reader();
        match tokio::task::spawn_blocking(move || reading(reader)).await {
            Ok(read) => read.map_err(|error| answer::log_unreadable(&error)),
            Err(error) => Err(internal(format!("reading the log ended early: {error}"))),
        }
    }
}

fn circumstances(console: &Console, peer: Peer) -> Circumstances {
    Circumstances {
        loopback: peer.is_loopback(),
        address: Some(peer.address),
        device_known: false,
        demo: console.is_demo,
    }
}

fn refuse(refusal: &Refusal, request_id: &str, language: Language) -> Reply {
    let mut headers = vec![("x-schleuse-action", refusal.code.outcome().as_str().to_owned())];
    if let Some(seconds) = refusal.retry_after_s {
        headers.push(("retry-after", seconds.to_string()));
    }
    let body = render_refusal(refusal, request_id, language);
    Reply { status: refusal.code.status(), headers, body: ReplyBody::Whole(Bytes::from(body)) }
}
