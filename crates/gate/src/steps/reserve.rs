//! How much it may cost: every limit grants before anything is admitted.

use std::borrow::Cow;

use schleuse_identity::Verified;
use schleuse_limits::Wanted;
use schleuse_types::{Principal, Refusal, Tenant};
use schleuse_upstream::Route;
use schleuse_wire::{AnswerBound, Request, Surface};

use super::{Cleared, Routed};
use crate::entry::Held;
use crate::{Entry, Gate};

/// A question for which every limit granted. Only [`reserve`] makes one.
pub struct Reserved {
    pub(super) cleared: Cleared,
    pub(super) route: Route,
}

/// LLM tokens of an answer whose length nobody named, where LLM tokens are limited: enough for a long text with thoughts.
const ANSWER_TOKENS: u64 = 16_384;
/// The same when the length of the model's context is not known either: a model server refuses what does not fit.
const ANSWER_TOKENS_UNKNOWN: u64 = 4096;
/// The same for a completion, as OpenAI's reference has it.
const COMPLETION_TOKENS: u64 = 16;

/// Bytes of speech for one LLM token of question and answer together, where it is packed tightly: 24 kbit and 15 tokens a
/// second.
const SPEECH_BYTES_PER_TOKEN: u64 = 200;

/// Takes from every limit that fits the asker, or refuses with 429. What was taken belongs to the entry, which settles it
/// when it is closed, however that happens.
pub fn reserve(gate: &Gate, verified: &Verified, routed: Routed, entry: &Entry) -> Result<Reserved, Refusal> {
    let Routed { mut cleared, route } = routed;
    let principal = charged(verified);
    let costs_tokens = cleared.request().surface().costs_tokens();
    let worst = (costs_tokens && gate.budgets.counts_tokens(&principal))
        .then(|| Worst::of(gate, &principal.tenant, cleared.request()));
    let wanted = Wanted {
        stream: cleared.request().is_stream(),
        tokens_least: worst.map_or(0, Worst::least),
        tokens_most: worst.map_or(0, Worst::most),
    };
    let reservation = gate.budgets.reserve(&principal, wanted).map_err(|exceeded| exceeded.refusal())?;
    if let (Some(worst), Some(granted)) = (worst, reservation.tokens())
        && let Some(cap) = worst.cap(granted)
    {
        cleared.cap_answers(cap);
    }
    let held = Held {
        reservation,
        prompt: worst.map_or(0, |worst| worst.prompt),
        // What speech costs says nothing about the words that a model's template adds.
        body_bytes: match cleared.request().attached() {
            Some(_) => u64::MAX,
            None => worst.map_or(0, |worst| worst.body_bytes),
        },
        answers: worst.map_or(0, |worst| worst.answers.count),
        shows_text: cleared.request().is_stream() && !cleared.request().hides_reasoning(),
    };
    entry.hold(held);
    Ok(Reserved { cleared, route })
}

/// Whose limits count. A session that was opened with a key draws on that key's, or signing in would be a way around.
pub fn charged(verified: &Verified) -> Cow<'_, Principal> {
    let principal = verified.principal();
    match verified.session().and_then(|session| session.key.as_ref()) {
        Some(key) => Cow::Owned(Principal { credential: key.clone(), ..principal.clone() }),
        None => Cow::Borrowed(principal),
    }
}

/// What a request could cost in LLM tokens.
#[derive(Debug, Clone, Copy)]
struct Worst {
    /// Bytes of the document that goes on.
    body_bytes: u64,
    /// More than the prompt can have.
    prompt: u64,
    answers: AnswerBound,
    /// What one answer may have, if the asker named nothing.
    usual: u64,
    /// How many LLM tokens prompt and one answer have together at most, if that is known.
    context: Option<u64>,
}

impl Worst {
    fn of(gate: &Gate, tenant: &Tenant, request: &Request) -> Self {
        let info = gate.upstreams.models(tenant).into_iter().find(|model| model.id == request.model());
        let context = info.and_then(|info| info.max_model_len);
        let speech = request.attached().map_or(0, |file| file.len() as u64).div_ceil(SPEECH_BYTES_PER_TOKEN);
        let body_bytes = (request.to_upstream().len() as u64).saturating_add(speech);
        let overhead = gate.metrics.prompt_overhead(tenant, request.model());
        Self::new(request.surface().asked_as(), request.answer_bound(), body_bytes, overhead, context)
    }

    /// A token stands for at least one byte, so a prompt has no more tokens than the document has bytes, and those that
    /// the model's template adds. The signs of JSON around each text are more than a small template needs; how much more
    /// a large one takes is learned from answers (`overhead`).
    fn new(
        surface: Surface,
        answers: AnswerBound,
        body_bytes: u64,
        overhead: u64,
        context: Option<u64>,
    ) -> Self {
        let usual = match (surface, context) {
            (Surface::Completions, _) => COMPLETION_TOKENS,
            (_, Some(_)) => ANSWER_TOKENS,
            (_, None) => ANSWER_TOKENS_UNKNOWN,
        };
        let bytes = body_bytes.saturating_add(overhead);
        let prompt = match (surface, context) {
            (Surface::ChatCompletions, Some(context)) => bytes.min(context),
            _ => bytes,
        };
        Self { body_bytes, prompt, answers, usual, context }
    }

    /// Without this many it makes no sense to ask.
    fn least(self) -> u64 {
        let least = self.answers.least.max(1).saturating_mul(self.answers.count);
        self.prompt.saturating_add(least).min(self.most())
    }

    /// More than this it cannot cost, if [`Self::cap`] is obeyed.
    fn most(self) -> u64 {
        let each = self.answers.most.unwrap_or(self.usual);
        let all = self.prompt.saturating_add(each.saturating_mul(self.answers.count));
        match self.in_contexts() {
            Some(contexts) if self.is_ended_by_context() => contexts,
            Some(contexts) => all.min(contexts),
            None => all,
        }
    }

    /// What all answers may have together with their prompts, because each stands in one context with its prompt.
    fn in_contexts(self) -> Option<u64> {
        self.context
            .filter(|_| self.answers.count > 0)
            .map(|context| context.saturating_mul(self.answers.count))
    }

    /// Whether the model's context ends an answer of unnamed length no later than the house would. Nothing has to be
    /// capped then, and a cap could be refused: how much room the prompt really leaves is not known here.
    fn is_ended_by_context(self) -> bool {
        self.answers.most.is_none()
            && self.context.is_some_and(|context| context <= self.prompt.saturating_add(self.usual))
    }

    /// How long each answer may be with so many tokens; `None` when nothing has to be said about it.
    fn cap(self, granted: u64) -> Option<u64> {
        if self.is_ended_by_context() && granted >= self.most() {
            return None;
        }
        let each = granted.saturating_sub(self.prompt).checked_div(self.answers.count)?;
        match (self.answers.most, self.context) {
            (Some(named), _) => (each < named && granted < self.most()).then_some(each.max(1)),
            (None, Some(context)) => {
                Some(each.min(self.usual).min(context.saturating_sub(self.prompt)).max(1))
            }
            (None, None) => Some(each.min(self.usual).max(1)),
        }
    }
}

#[cfg(test)]
mod tests;
