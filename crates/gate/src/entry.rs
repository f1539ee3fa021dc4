//! The audit entry of one request: open in memory from the first line, durable at its admission and at its end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use schleuse_audit::{Event, Record};
use schleuse_identity::{Validity, Verified};
use schleuse_inspect::{Coverage, Tally};
use schleuse_limits::{Reservation, Running};
use schleuse_types::{Finding, Label, Language, Outcome, Refusal, RefusalCode, RequestId, Tenant, Text};
use schleuse_wire::{Arrival, Peer, Reply, ReplyBody, Surface, Usage, render_refusal, render_refusal_for};

use crate::Gate;
use crate::steps::Seen;
use crate::turns::Turn;

/// The entry of one request. Clones are one entry.
#[derive(Clone)]
pub struct Entry(Arc<Inner>);

struct Inner {
    gate: Arc<Gate>,
    id: RequestId,
    began: Duration,
    language: Language,
    peer: Peer,
    surface: Option<Surface>,
    /// The release that whoever holds the way in names.
    release: Option<String>,
    facts: Mutex<Facts>,
    /// Bytes of text that the model streamed so far.
    streamed: AtomicU64,
    credential: tokio::sync::watch::Sender<Option<Verified>>,
}

/// What is known so far. Nothing here is prompt text.
#[derive(Default)]
struct Facts {
    verified: Option<Verified>,
    model: String,
    label: Option<Label>,
    prompt_hash: String,
    findings: Vec<Finding>,
    shadow: Vec<Finding>,
    /// Of the question, and of the answer as far as it is there.
    tally: Tally,
    /// Of what was inspected whole.
    coverage: Coverage,
    /// Of the streamed answer so far.
    streamed_coverage: Coverage,
    pack: Option<String>,
    rules: Vec<String>,
    route: Option<String>,
    outcome: Option<Outcome>,
    /// Which release was used up, what for, and who agreed.
    released: Option<String>,
    /// The admission was handed to the log, which has not refused it.
    is_admitting: bool,
    admission: Option<u64>,
    usage: Option<Usage>,
    /// The first piece of the answer is there.
    has_begun: bool,
    held: Option<Held>,
    running: Option<Running>,
    turn: Option<Turn>,
    /// The last record of this entry is on its way.
    is_closing: bool,
    is_closed: bool,
}

/// What the limits granted, and what is needed to settle it.
pub(crate) struct Held {
    pub(crate) reservation: Reservation,
    /// LLM tokens that the prompt has at most.
    pub(crate) prompt: u64,
    /// Bytes of the document that went to the model.
    pub(crate) body_bytes: u64,
    pub(crate) answers: u64,
    /// Whether every text that the model makes is seen as it is made.
    pub(crate) shows_text: bool,
}

/// What a model may have made of one answer before it learned that nobody listens any more.
const UNSEEN_TOKENS: u64 = 32;

impl Held {
    /// What a request cost at most whose model server did not say what it cost. A token stands for at least one byte of
    /// what was streamed.
    fn cost_unsaid(&self, code: Option<&RefusalCode>, has_begun: bool, streamed: u64) -> u64 {
        let reserved = self.reservation.tokens().unwrap_or_default();
        match code {
            // Nothing was written to it, or it answered with an error instead.
            Some(RefusalCode::UpstreamUnavailable) => 0,
            Some(RefusalCode::UpstreamRefused { .. }) if !has_begun => 0,
            _ if self.shows_text => {
                let unseen = UNSEEN_TOKENS.saturating_mul(self.answers);
                self.prompt.saturating_add(streamed).saturating_add(unseen).min(reserved)
            }
            _ => reserved,
        }
    }
}

impl Entry {
    pub(crate) fn open(gate: &Arc<Gate>, id: RequestId, arrival: &Arrival, release: Option<String>) -> Self {
        let began = gate.clock.monotonic();
        gate.metrics.began(began);
        Self(Arc::new(Inner {
            gate: Arc::clone(gate),
            id,
            began,
            language: arrival.language,
            peer: arrival.peer,
            surface: Surface::from_path(&arrival.path),
            release,
            facts: Mutex::default(),
            streamed: AtomicU64::new(0),
            credential: tokio::sync::watch::Sender::new(None),
        }))
    }

    pub(crate) fn id(&self) -> &RequestId {
        &self.0.id
    }

    /// The release that this question names.
    pub(crate) fn release(&self) -> Option<&str> {
        self.0.release.as_deref()
    }

    /// A release was used up for this question.
    pub(crate) fn note_released(&self, told: String) {
        self.facts().released = Some(told);
    }

    pub(crate) fn peer(&self) -> Peer {
        self.0.peer
    }

    pub(crate) fn language(&self) -> Language {
        self.0.language
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        // A panic while a fact was noted leaves the others true.
        self.0.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note_principal(&self, verified: &Verified) {
        self.facts().verified = Some(verified.clone());
        self.0.credential.send_replace(Some(verified.clone()));
    }

    /// `model` must be one that is configured: what an asker makes up could be prompt text.
    pub(crate) fn note_model(&self, model: &str) {
        self.facts().model = model.to_owned();
    }

    pub(crate) fn note_prompt(&self, hash: String) {
        self.facts().prompt_hash = hash;
    }

    pub(crate) fn note_label(&self, label: Label) {
        self.facts().label = Some(label);
    }

    /// Adds what inspection says about texts of one side, `request` or `reply`.
    pub(crate) fn note_seen(&self, seen: &Seen, side: &'static str) {
        for finding in &seen.findings {
            self.0.gate.metrics.found(&finding.kind, side);
        }
        for finding in &seen.shadow {
            self.0.gate.metrics.found_in_shadow(&finding.kind, side);
        }
        let mut facts = self.facts();
        facts.findings.extend_from_slice(&seen.findings);
        facts.shadow.extend_from_slice(&seen.shadow);
        facts.tally.join(&seen.tally);
        facts.coverage += seen.coverage;
    }

    /// How much of the streamed answer was seen so far.
    pub(crate) fn note_streamed_coverage(&self, coverage: Coverage) {
        self.facts().streamed_coverage = coverage;
    }

    /// The strictest thing that was done so far.
    pub(crate) fn note_outcome(&self, outcome: Outcome) {
        let mut facts = self.facts();
        facts.outcome = Some(facts.outcome.unwrap_or(outcome).max(outcome));
    }

    pub(crate) fn note_rules(&self, rules: &[String]) {
        self.facts().rules = rules.to_vec();
    }

    /// The recognizers and guardrails that this request is inspected with.
    pub(crate) fn note_pack(&self, digest: &str) {
        self.facts().pack = Some(digest.to_owned());
    }

    pub(crate) fn note_route(&self, route: &str) {
        self.facts().route = Some(route.to_owned());
    }

    /// A usage of nothing at all is none: every prompt has a token.
    pub(crate) fn note_usage(&self, usage: Usage) {
        if usage != Usage::default() {
            self.facts().usage = Some(usage);
        }
    }

    pub(crate) fn note_first_byte(&self) {
        self.facts().has_begun = true;
        let now = self.0.gate.clock.monotonic();
        self.0.gate.metrics.first_byte(now, now.saturating_sub(self.0.began));
    }

    pub(crate) fn note_streamed(&self, bytes: usize) {
        self.0.streamed.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The request is one of its person's running ones from here to its end.
    pub(crate) fn hold_running(&self, running: Running) {
        self.facts().running = Some(running);
    }

    /// The place at the model server is given back when the entry is closed.
    pub(crate) fn hold_turn(&self, turn: Option<Turn>) {
        self.facts().turn = turn;
    }

    /// Whoever asks; empty while nobody is known.
    pub(crate) fn person(&self) -> String {
        let facts = self.facts();
        facts.verified.as_ref().map(|verified| verified.principal().person.clone()).unwrap_or_default()
    }

    /// The tenant of whoever asks; while nobody is known one that nothing is there for.
    pub(crate) fn tenant(&self) -> Tenant {
        let facts = self.facts();
        facts.verified.as_ref().map(|verified| verified.principal().tenant.clone()).unwrap_or_default()
    }

    /// Whether the asker's key may use this model.
    pub(crate) fn may_use_model(&self, model: &str) -> bool {
        self.facts().verified.as_ref().is_some_and(|verified| verified.may_use_model(model))
    }

    /// The groups of whoever asks.
    pub(crate) fn groups(&self) -> Vec<String> {
        let facts = self.facts();
        facts.verified.as_ref().map(|verified| verified.principal().groups.clone()).unwrap_or_default()
    }

    /// What the limits granted is settled when the entry is closed.
    pub(crate) fn hold(&self, held: Held) {
        self.facts().held = Some(held);
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.gate.clock.monotonic().saturating_sub(self.0.began)
    }

    /// What was done with the request so far.
    pub(crate) fn outcome(&self) -> Outcome {
        self.facts().outcome.unwrap_or(Outcome::Allowed)
    }

    /// Waits until the credential of this request ends. For ever, while nobody was verified.
    pub(crate) async fn credential_ended(&self) -> Refusal {
        match self.validity().await {
            Some(mut validity) => validity.ended().await.refusal(),
            None => std::future::pending().await,
        }
    }

    /// The watch over the credential, as soon as there is one.
    pub(crate) async fn validity(&self) -> Option<Validity> {
        let mut credential = self.0.credential.subscribe();
        let verified = credential.wait_for(Option::is_some).await.ok()?.clone();
        verified.map(|verified| verified.watch())
    }

    /// Makes the admission durable. Nothing may go to a model before this has returned.
    pub(crate) async fn admit(&self) -> Result<(), Refusal> {
        let record = self.record(Event::LlmAdmit, self.outcome(), None, None);
        self.facts().is_admitting = true;
        let appended = self.0.gate.log.append(record).await;
        let mut facts = self.facts();
        match appended {
            Ok(index) => {
                facts.admission = Some(index);
                if let Some(held) = &mut facts.held {
                    held.reservation.admitted();
                }
                Ok(())
            }
            Err(error) => {
                facts.is_admitting = false;
                Err(audit_unavailable(&error.to_string()))
            }
        }
    }

    /// Makes the completion durable and closes the entry.
    pub(crate) async fn complete(&self) -> Result<(), Refusal> {
        let outcome = self.outcome();
        self.close(Event::LlmComplete, outcome, 200, None).await
    }

    /// Records a refusal and turns it into the reply that the asker gets.
    pub(crate) async fn refuse(&self, refusal: Refusal) -> Reply {
        let refusal = self.record_refusal(refusal).await;
        self.refusal_reply(&refusal)
    }

    /// Records a refusal. Returns the one to be told, which is another one when the log cannot take it.
    pub(crate) async fn record_refusal(&self, refusal: Refusal) -> Refusal {
        tracing::info!(request_id = %self.0.id, code = refusal.code.recorded(), inside = refusal.inside, "refused");
        self.note_refused(&refusal);
        let status = refusal.code.status();
        let is_stranger = self.facts().verified.is_none();
        if is_stranger {
            self.0.gate.failures.count(self.0.peer.address);
            self.end(refusal.code.outcome(), status);
            return refusal;
        }
        let event = if self.facts().admission.is_some() { Event::LlmComplete } else { Event::LlmRefuse };
        match self.close(event, refusal.code.outcome(), status, Some(&refusal.code)).await {
            Ok(()) => refusal,
            // Somebody who left gets no answer anyway, and a second failure of the log tells nothing new.
            Err(unavailable) => unavailable,
        }
    }

    /// Records a refusal that nobody waits for.
    pub(crate) fn close_in_background(self, refusal: Refusal) {
        let tasks = self.0.gate.tasks.clone();
        tasks.spawn(async move { self.record_refusal(refusal).await });
    }

    fn note_refused(&self, refusal: &Refusal) {
        let mut facts = self.facts();
        facts.outcome = Some(refusal.code.outcome());
    }

    /// The error object of a refusal with the headers of what is known.
    pub(crate) fn refusal_reply(&self, refusal: &Refusal) -> Reply {
        let mut headers = self.headers();
        if let Some(seconds) = refusal.retry_after_s {
            headers.push(("retry-after", seconds.to_string()));
        }
        Reply {
            status: refusal.code.status(),
            headers,
            body: ReplyBody::Whole(Bytes::from(self.refusal_json(refusal))),
        }
    }

    pub(crate) fn refusal_json(&self, refusal: &Refusal) -> String {
        let (id, language) = (self.0.id.as_str(), self.0.language);
        match self.0.surface {
            Some(surface) => render_refusal_for(surface, refusal, id, language),
            None => render_refusal(refusal, id, language),
        }
    }

    /// What every answer says about itself.
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        let facts = self.facts();
        let mut headers = vec![
            ("x-schleuse-request-id", self.0.id.to_string()),
            ("x-schleuse-action", facts.outcome.unwrap_or(Outcome::Allowed).as_str().to_owned()),
            ("x-schleuse-sensitivity", format!("{:.2}", facts.tally.sensitivity())),
        ];
        if let Some(Surface::Messages | Surface::CountTokens) = self.0.surface {
            // Where Anthropic's clients look for it.
            headers.push(("request-id", self.0.id.to_string()));
        }
        if let Some(label) = &facts.label {
            headers.push(("x-schleuse-label", label.to_string()));
        }
        if let Some(route) = &facts.route {
            headers.push(("x-schleuse-route", route.clone()));
        }
        headers
    }

    /// Closes an entry that asked nothing of a model: a list was read.
    pub(crate) fn close_unrecorded(&self) {
        self.end(self.outcome(), 200);
    }

    async fn close(
        &self,
        event: Event,
        outcome: Outcome,
        status: u16,
        code: Option<&RefusalCode>,
    ) -> Result<(), Refusal> {
        // Somebody may leave while their refusal is being written: an entry is closed once.
        if std::mem::replace(&mut self.facts().is_closing, true) {
            return Ok(());
        }
        // Whoever leaves while this waits for the disk ends the request all the same.
        let ending = Ending { entry: self, outcome, status };
        let is_admission_in_doubt = {
            let facts = self.facts();
            facts.is_admitting && facts.admission.is_none()
        };
        // What is free again is free before the asker knows, so that their next request finds it so. An admission that
        // nobody waited for counts from when it is surely durable: before what is written after it.
        if !is_admission_in_doubt {
            self.settle(code);
        }
        let record = self.record(event, outcome, Some(status), code.map(|code| code.recorded().to_owned()));
        let appended = self.0.gate.log.append(record).await;
        drop(ending);
        appended.map(|_| ()).map_err(|error| {
            tracing::error!(request_id = %self.0.id, %error, "the audit log does not take entries");
            audit_unavailable(&error.to_string())
        })
    }

    fn end(&self, outcome: Outcome, status: u16) {
        let mut facts = self.facts();
        if facts.is_closed {
            return;
        }
        facts.is_closed = true;
        let usage = facts.usage.unwrap_or_default();
        drop(facts);
        self.settle(None);
        self.0.count_end(outcome, status, usage);
    }

    /// Gives back what the request held of the limits, and turns what was reserved into what it cost.
    fn settle(&self, code: Option<&RefusalCode>) {
        let mut facts = self.facts();
        let (held, running, turn) = (facts.held.take(), facts.running.take(), facts.turn.take());
        let (is_admitting, is_admitted) = (facts.is_admitting, facts.admission.is_some());
        let (usage, has_begun) = (facts.usage, facts.has_begun);
        let model = held.as_ref().map(|_| facts.model.clone()).unwrap_or_default();
        drop(facts);
        drop((running, turn));
        let Some(mut held) = held else { return };
        if !is_admitted {
            if is_admitting {
                // It may have become durable, so it counts as a request; no model was asked.
                held.reservation.admitted();
                held.reservation.settle(0);
            }
            return;
        }
        let cost = match usage {
            Some(usage) => {
                let beyond = usage.prompt.saturating_sub(held.body_bytes);
                if held.reservation.tokens().is_some() && beyond > 0 {
                    self.0.gate.metrics.learn_prompt_overhead(&self.tenant(), &model, beyond);
                }
                usage.prompt.saturating_add(usage.completion)
            }
            None => held.cost_unsaid(code, has_begun, self.0.streamed.load(Ordering::Relaxed)),
        };
        held.reservation.settle(cost);
    }

    fn record(&self, event: Event, outcome: Outcome, status: Option<u16>, code: Option<String>) -> Record {
        let gate = &self.0.gate;
        let facts = self.facts();
        let is_end = event != Event::LlmAdmit;
        let mut record = Record::new(event);
        record.request_id = self.0.id.to_string();
        if let Some(principal) = facts.verified.as_ref().map(Verified::principal) {
            record.user = gate.pseudonyms.name(&principal.person);
            record.role = Some(principal.role);
            record.tenant.clone_from(&principal.tenant);
            record.source = Some(principal.credential.clone());
        }
        record.prompt_hash.clone_from(&facts.prompt_hash);
        record.sensitivity_score = facts.tally.sensitivity();
        record.action = Some(outcome);
        record.model.clone_from(&facts.model);
        record.label.clone_from(&facts.label);
        record.route.clone_from(&facts.route);
        record.surface = self.0.surface.map(|surface| surface.path().to_owned());
        record.status = status;
        record.code = code;
        record.change.clone_from(&facts.released);
        record.rules.clone_from(&facts.rules);
        record.policy = Some(gate.policy.digest().to_owned());
        record.pack.clone_from(&facts.pack);
        record.count_findings(&facts.findings);
        record.count_shadow(&facts.shadow);
        let mut coverage = facts.coverage;
        coverage += facts.streamed_coverage;
        if coverage != Coverage::default() {
            let Coverage { scanned, decoded, opaque } = coverage;
            record.coverage = Some(schleuse_audit::Coverage {
                scanned: scanned as u64,
                decoded: decoded as u64,
                opaque: opaque as u64,
            });
        }
        if is_end {
            record.ms = Some(u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX));
            record.prev = facts.admission;
            record.tokens_in = facts.usage.map(|usage| usage.prompt);
            record.tokens_out = facts.usage.map(|usage| usage.completion);
        }
        record
    }
}

impl Inner {
    fn count_end(&self, outcome: Outcome, status: u16, usage: Usage) {
        let surface = self.surface.map_or("other", Surface::name);
        let now = self.gate.clock.monotonic();
        self.gate.metrics.ended(now, surface, outcome, status, now.saturating_sub(self.began));
        self.gate.metrics.used(now, usage.prompt, usage.completion);
    }
}

/// An entry that nobody closed, as after a panic, is not running any more; its reservation settles itself at its worst.
impl Drop for Inner {
    fn drop(&mut self) {
        let facts = self.facts.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !facts.is_closed {
            let usage = facts.usage.unwrap_or_default();
            self.count_end(Outcome::Error, 500, usage);
        }
    }
}

/// Ends an entry, also when its closing is not waited for.
struct Ending<'a> {
    entry: &'a Entry,
    outcome: Outcome,
    status: u16,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.entry.end(self.outcome, self.status);
    }
}

fn audit_unavailable(reason: &str) -> Refusal {
    Refusal::new(
        RefusalCode::AuditUnavailable,
        Text::fixed(
            "The audit log takes no entries at the moment, so nothing may be asked.",
            "Das Prüfprotokoll nimmt gerade keine Einträge an, deshalb darf nichts gefragt werden.",
        ),
        Text::fixed(
            "Try again shortly and tell your operator.",
            "Versuchen Sie es gleich noch einmal und sagen Sie dem Betrieb Bescheid.",
        ),
        format!("audit append failed: {reason}"),
    )
    .with_retry_after(5)
}
