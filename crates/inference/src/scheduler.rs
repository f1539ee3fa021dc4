//! One thread owns the context and decides, turn by turn, what is computed next.
//!
//! Each turn it takes in new work, drops what nobody waits for, admits waiting sequences while cells last, fills one
//! batch (one token per answering sequence first, pieces of prompts in what room is left, so that a long prompt never
//! starves a stream), computes it, and samples. A turn is of one adapter, because a context has one at a time; those that
//! have work take turns. A finished sequence stays in its slot as a cache: a later prompt with
//! the same beginning takes its cells over. When cells run out, cached slots go first, least recently used first, then
//! the youngest sequence goes back to the queue with what it has written so far as its prompt.

use crate::sampling::{Constraint, Sampling, TokenLogprob, logprobs, sampler};
use crate::slots::{Origin, Slots};
use crate::text::Answer;
use llama_cpp_2::DecodeError;
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{LlamaContextParams, LlamaPoolingType};
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::{LlamaLoraAdapter, LlamaModel};
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

/// A request for one or more answers to one prompt.
pub(crate) struct Job {
    /// At least one token, and with `tokens_max` no more than the context holds.
    pub(crate) prompt: Vec<LlamaToken>,
    /// The number of the first choice in the events: a request with several prompts is a job for each.
    pub(crate) first_choice: u32,
    pub(crate) choices: u32,
    /// At least 1.
    pub(crate) tokens_max: u32,
    pub(crate) stops: Vec<Vec<u8>>,
    pub(crate) ignore_end: bool,
    /// How many alternatives to report per token; none at all without it.
    pub(crate) logprobs: Option<usize>,
    /// Control tokens that are written out as text all the same.
    pub(crate) shown: Vec<LlamaToken>,
    /// Only jobs of the same origin share what was computed.
    pub(crate) origin: Origin,
    pub(crate) sampling: Sampling,
    /// Closing the other end cancels the job at the next turn. Holds at most one entry per token of an answer.
    pub(crate) events: UnboundedSender<Event>,
}

/// What happens to a job.
#[derive(Debug)]
pub(crate) enum Event {
    Piece {
        choice: u32,
        text: String,
        logprobs: Vec<TokenLogprob>,
    },
    /// The last event of a choice. `cached` counts prompt tokens that an earlier request had computed.
    Finished {
        choice: u32,
        reason: FinishReason,
        generated: u32,
        cached: u32,
    },
    /// The last event of the job.
    Failed(String),
}

/// Why a choice ended, as OpenAI names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FinishReason {
    Stop,
    Length,
}

/// What the scheduler is asked.
pub(crate) enum Work {
    Answer(Box<Job>),
    /// One vector of unit length for one text of at most [`EMBED_TOKENS_MAX`] tokens.
    Embed(Embedding),
}

/// A text to be embedded.
pub(crate) struct Embedding {
    /// Its place among the engine's.
    pub(crate) adapter: Option<usize>,
    pub(crate) tokens: Vec<LlamaToken>,
    pub(crate) reply: oneshot::Sender<Result<Vec<f32>, String>>,
}

/// The door to the scheduler's thread.
#[derive(Clone)]
pub(crate) struct Queue {
    sender: mpsc::Sender<(Work, Place)>,
    waiting: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
    cancelled: Arc<AtomicUsize>,
}

/// How many requests may wait to be begun.
pub(crate) const WAITING_MAX: usize = 256;

/// The queue is full.
#[derive(Debug)]
pub(crate) struct Busy;

impl Queue {
    pub(crate) fn submit(&self, work: Work) -> Result<(), Busy> {
        let place = Place::new(&self.waiting);
        if self.waiting.load(Ordering::Relaxed) > WAITING_MAX {
            return Err(Busy);
        }
        self.sender.send((work, place)).map_err(|_| Busy)
    }

    /// Requests that have not begun.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Answers in the making, as of the last turn.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    /// Answers that were begun and dropped because nobody waited for them any more.
    pub(crate) fn cancelled(&self) -> usize {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// One request's place in the queue; given back when it begins or is dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn new(waiting: &Arc<AtomicUsize>) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(waiting))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The other end of a [`Queue`].
pub(crate) struct Inbox {
    receiver: mpsc::Receiver<(Work, Place)>,
    running: Arc<AtomicUsize>,
    cancelled: Arc<AtomicUsize>,
}

pub(crate) fn queue() -> (Queue, Inbox) {
    let (sender, receiver) = mpsc::channel();
    let running = Arc::new(AtomicUsize::new(0));
    let cancelled = Arc::new(AtomicUsize::new(0));
    let inbox = Inbox { receiver, running: Arc::clone(&running), cancelled: Arc::clone(&cancelled) };
    (Queue { sender, waiting: Arc::new(AtomicUsize::new(0)), running, cancelled }, inbox)
}

/// Sizes of one engine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Cells that all sequences share.
    pub(crate) cells: u32,
    /// Sequences that answer at once.
    pub(crate) parallel: u32,
    pub(crate) threads: i32,
}

/// Tokens per turn.
const BATCH: u32 = 512;
/// Slots for cached beginnings beside those that answer.
const CACHED_SLOTS: u32 = 8;
/// The longest text that is embedded: a mean needs all its tokens in one batch.
pub(crate) const EMBED_TOKENS_MAX: u32 = 1024;
/// So many turns an adapter, or the base alone, has at most while others wait: with each change llama.cpp
/// plans its graphs anew.
const TURNS_MAX: u32 = 4;
/// Cells kept free per running sequence when another is admitted, so that it need not be sent back at once.
const HEADROOM: usize = 32;

/// One answer in the making.
struct Sequence {
    job: Rc<Job>,
    choice: u32,
    /// Prompt and what was written since; the first `fed` have their cells filled.
    tokens: Vec<LlamaToken>,
    fed: usize,
    /// Meaningful while running.
    slot: usize,
    generated: u32,
    cached: u32,
    sampler: LlamaSampler,
    constraint: Option<Constraint>,
    answer: Answer,
    logprobs: Vec<TokenLogprob>,
    /// Other choices of the job, which begin when the prompt has been computed once.
    siblings: Vec<Sequence>,
    /// Where its logits are in the batch just computed.
    output: Option<i32>,
    /// Until it begins.
    place: Option<Place>,
}

impl Sequence {
    fn new(model: &LlamaModel, job: &Rc<Job>, choice: u32) -> Result<Self, String> {
        Ok(Self {
            choice,
            tokens: job.prompt.clone(),
            fed: 0,
            slot: 0,
            generated: 0,
            cached: 0,
            sampler: sampler(model, &job.sampling, choice),
            constraint: match &job.sampling.grammar {
                Some(grammar) => Some(Constraint::new(model, grammar)?),
                None => None,
            },
            answer: Answer::new(job.stops.clone()),
            logprobs: Vec::new(),
            siblings: Vec::new(),
            output: None,
            place: None,
            job: Rc::clone(job),
        })
    }

    fn wanted(&self) -> bool {
        !self.job.events.is_closed()
    }

    fn pending(&self) -> usize {
        self.tokens.len() - self.fed
    }

    /// Its number among all choices of the request.
    fn number(&self) -> u32 {
        self.job.first_choice + self.choice
    }

    /// Sending fails only when the asker has left, which the next turn notices.
    fn send(&self, event: Event) {
        let _left = self.job.events.send(event);
    }
}

/// See the module's text.
pub(crate) struct Scheduler {
    model: &'static LlamaModel,
    backend: &'static LlamaBackend,
    context: LlamaContext<'static>,
    embedder: Option<LlamaContext<'static>>,
    adapters: Vec<LlamaLoraAdapter>,
    /// The adapter whose turn it is, and for how many turns it was.
    turn: Option<usize>,
    turns: u32,
    inbox: Inbox,
    embeds: VecDeque<(Embedding, Place)>,
    waiting: VecDeque<Sequence>,
    /// Oldest first.
    running: Vec<Sequence>,
    slots: Slots,
    sizes: Sizes,
    /// Whether sequences can share cells: a recurrent memory cannot be cut back to a beginning.
    shares: bool,
}

impl Scheduler {
    /// Makes the context and computes one token in it, so that everything the engine ever needs has been there once
    /// before the sandbox is sealed.
    pub(crate) fn new(
        model: &'static LlamaModel,
        backend: &'static LlamaBackend,
        inbox: Inbox,
        sizes: Sizes,
        mut adapters: Vec<LlamaLoraAdapter>,
    ) -> Result<Self, String> {
        let slots = sizes.parallel + CACHED_SLOTS;
        let parameters = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(sizes.cells))
            .with_n_batch(BATCH)
            .with_n_ubatch(BATCH)
            .with_n_seq_max(slots)
            .with_kv_unified(true)
            .with_n_threads(sizes.threads)
            .with_n_threads_batch(sizes.threads);
        let mut context = model.new_context(backend, parameters).map_err(|error| error.to_string())?;
        for adapter in (0..adapters.len()).map(Some).chain([None]) {
            wear(&mut context, &mut adapters, adapter)?;
            warm_up(&mut context)?;
        }
        Ok(Self {
            shares: !model.is_recurrent() && !model.is_hybrid(),
            slots: Slots::new(slots as usize, sizes.cells as usize),
            model,
            backend,
            context,
            embedder: None,
            adapters,
            turn: None,
            turns: 0,
            inbox,
            embeds: VecDeque::new(),
            waiting: VecDeque::new(),
            running: Vec::new(),
            sizes,
        })
    }

    /// Works until every [`Queue`] is gone. `Err` says why the context can no longer be used.
    pub(crate) fn run(mut self) -> Result<(), String> {
        let mut batch = LlamaBatch::new(BATCH as usize, 1);
        while self.take_in() {
            self.drop_cancelled()?;
            self.embed_next();
            self.admit()?;
            self.make_room()?;
            self.pass_turn()?;
            let fed = self.fill(&mut batch)?;
            if batch.n_tokens() > 0 && self.compute(&mut batch)? {
                self.advance(&fed);
                self.sample()?;
            }
            self.inbox.running.store(self.running.len(), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Takes in what has arrived; waits when there is nothing else to do. False when nothing will ever come again.
    fn take_in(&mut self) -> bool {
        if self.running.is_empty() && self.waiting.is_empty() && self.embeds.is_empty() {
            match self.inbox.receiver.recv() {
                Ok((work, place)) => self.enqueue(work, place),
                Err(mpsc::RecvError) => return false,
            }
        }
        while let Ok((work, place)) = self.inbox.receiver.try_recv() {
            self.enqueue(work, place);
        }
        true
    }

    fn enqueue(&mut self, work: Work, place: Place) {
        let job = match work {
            Work::Embed(embedding) => return self.embeds.push_back((embedding, place)),
            Work::Answer(job) => Rc::new(*job),
        };
        let sequences: Result<VecDeque<Sequence>, String> =
            (0..job.choices).map(|choice| Sequence::new(self.model, &job, choice)).collect();
        let mut sequences = match sequences {
            Ok(sequences) => sequences,
            Err(why) => {
                let _left = job.events.send(Event::Failed(why));
                return;
            }
        };
        let Some(mut first) = sequences.pop_front() else { return };
        first.place = Some(place);
        if self.shares && job.choices <= self.sizes.parallel {
            first.siblings.extend(sequences);
            self.waiting.push_back(first);
        } else {
            self.waiting.push_back(first);
            self.waiting.extend(sequences);
        }
    }

    fn drop_cancelled(&mut self) -> Result<(), String> {
        self.waiting.retain(Sequence::wanted);
        self.embeds.retain(|(embedding, _)| !embedding.reply.is_closed());
        let (wanted, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.running).into_iter().partition(Sequence::wanted);
        self.running = wanted;
        self.inbox.cancelled.fetch_add(left.len(), Ordering::Relaxed);
        left.iter().try_for_each(|sequence| self.release(sequence))
    }

    /// Gives a sequence's slots back; what it computed stays there as a cache.
    fn release(&mut self, sequence: &Sequence) -> Result<(), String> {
        self.slots.release(sequence.slot);
        for sibling in &sequence.siblings {
            self.slots.release(sibling.slot);
        }
        if !self.shares {
            self.clear(sequence.slot, 0)?;
        }
        Ok(())
    }

    /// Empties a slot from position `from` on.
    fn clear(&mut self, slot: usize, from: usize) -> Result<(), String> {
        let removed = self
            .context
            .clear_kv_cache_seq(Some(number(slot)?), Some(number(from)?), None)
            .map_err(|error| error.to_string())?;
        if !removed {
            return Err("the memory of a sequence could not be cut back".to_owned());
        }
        self.slots.truncate(slot, from);
        Ok(())
    }

    fn admit(&mut self) -> Result<(), String> {
        while let Some(first) = self.waiting.front() {
            let slots = 1 + first.siblings.len();
            let cells = first.tokens.len() + HEADROOM * (self.running.len() + slots);
            let reserved: usize = self.running.iter().map(|sequence| sequence.siblings.len()).sum();
            let room = self.running.len() + reserved + slots <= self.sizes.parallel as usize
                && cells + self.pending_prompts() <= self.slots.free() + self.slots.idle_cells();
            if !room && !self.running.is_empty() {
                break;
            }
            let Some(mut sequence) = self.waiting.pop_front() else { break };
            sequence.place = None;
            self.seat(&mut sequence)?;
            self.running.push(sequence);
        }
        Ok(())
    }

    /// Prompt tokens of running sequences that have no cells yet.
    fn pending_prompts(&self) -> usize {
        self.running.iter().map(Sequence::pending).sum()
    }

    /// Finds slots for a sequence and its siblings and takes over the longest beginning that is already computed.
    fn seat(&mut self, sequence: &mut Sequence) -> Result<(), String> {
        // The last token is always computed: its logits are what comes next.
        let reusable = sequence.tokens.len().saturating_sub(1);
        let (source, common) = match self.slots.longest_beginning(&sequence.tokens, &sequence.job.origin) {
            Some((source, common)) if self.shares => (Some(source), common.min(reusable)),
            _ => (None, 0),
        };
        let takes_over =
            source.filter(|source| self.slots.is_idle(*source) && common * 2 >= self.slots.len(*source));
        let slot = match takes_over {
            Some(source) => source,
            None => self.slots.freest(source).ok_or("no slot for a sequence")?,
        };
        self.slots.take(slot, &sequence.job.origin);
        let kept = if Some(slot) == source { common } else { 0 };
        self.clear(slot, kept)?;
        if let Some(source) = source.filter(|source| *source != slot && common > 0) {
            self.copy(source, slot, common)?;
        }
        sequence.slot = slot;
        sequence.fed = self.slots.len(slot);
        if sequence.generated == 0 {
            sequence.cached = u32::try_from(sequence.fed).unwrap_or(u32::MAX);
        }
        for sibling in &mut sequence.siblings {
            sibling.slot = self.slots.freest(Some(slot)).ok_or("no slot for a choice")?;
            self.slots.take(sibling.slot, &sibling.job.origin);
            sibling.cached = sequence.cached;
        }
        Ok(())
    }

    /// Lets `to`, which must be empty, share the first `length` cells of `from`.
    fn copy(&mut self, from: usize, to: usize, length: usize) -> Result<(), String> {
        let sequence = |slot| i32::try_from(slot).map_err(|_| "too many slots".to_owned());
        self.context
            .copy_kv_cache_seq(sequence(from)?, sequence(to)?, Some(0), Some(number(length)?))
            .map_err(|error| error.to_string())?;
        self.slots.copy(from, to, length);
        Ok(())
    }

    /// Frees cells until every running sequence can go on this turn.
    fn make_room(&mut self) -> Result<(), String> {
        loop {
            let wished: usize = self.running.iter().map(Sequence::pending).sum::<usize>().min(BATCH as usize);
            let needed = self.running.len().min(wished);
            if self.slots.free() >= wished {
                return Ok(());
            }
            if let Some(idle) = self.slots.oldest_idle() {
                self.clear(idle, 0)?;
            } else if self.slots.free() >= needed || self.running.len() <= 1 {
                return Ok(());
            } else if let Some(mut youngest) = self.running.pop() {
                self.release(&youngest)?;
                youngest.fed = 0;
                self.waiting.push_front(youngest);
            }
        }
    }

    /// Decides whose adapter computes this turn, in the order of their places behind the base alone. Who has work waits for
    /// at most [`TURNS_MAX`] turns of each other one.
    fn pass_turn(&mut self) -> Result<(), String> {
        let with_work = self.running.iter().map(|sequence| sequence.job.origin.adapter);
        let Some(next) = next_turn(self.turn, self.turns, with_work) else { return Ok(()) };
        if next == self.turn {
            self.turns = self.turns.saturating_add(1);
            return Ok(());
        }
        wear(&mut self.context, &mut self.adapters, next)?;
        (self.turn, self.turns) = (next, 1);
        Ok(())
    }

    /// Fills the batch; answers how many tokens each running sequence has in it. Those of another adapter have none.
    fn fill(&mut self, batch: &mut LlamaBatch<'_>) -> Result<Vec<usize>, String> {
        batch.clear();
        let mut room = (BATCH as usize).min(self.slots.free());
        let mut fed = vec![0; self.running.len()];
        let answering_first = [true, false];
        for answering in answering_first {
            for (sequence, fed) in self.running.iter_mut().zip(&mut fed) {
                let waits = sequence.job.origin.adapter != self.turn;
                if waits || (sequence.pending() == 1) != answering || room == 0 {
                    continue;
                }
                let count = sequence.pending().min(room);
                let whole = count == sequence.pending();
                let slot = i32::try_from(sequence.slot).map_err(|_| "too many slots")?;
                for (position, token) in sequence.tokens.iter().enumerate().skip(sequence.fed).take(count) {
                    let last = whole && position + 1 == sequence.tokens.len();
                    let position = i32::try_from(position).map_err(|_| "a sequence is too long")?;
                    batch.add(*token, position, &[slot], last).map_err(|error| error.to_string())?;
                }
                sequence.output = whole.then(|| batch.n_tokens() - 1);
                *fed = count;
                room -= count;
            }
        }
        Ok(fed)
    }

    /// False when there was no room after all; then the youngest sequence has gone back to the queue.
    fn compute(&mut self, batch: &mut LlamaBatch<'_>) -> Result<bool, String> {
        match self.context.decode(batch) {
            Ok(()) => Ok(true),
            Err(DecodeError::NoKvCacheSlot) => {
                if let Some(idle) = self.slots.oldest_idle() {
                    self.clear(idle, 0)?;
                } else if let Some(mut youngest) = self.running.pop() {
                    self.release(&youngest)?;
                    if self.running.is_empty() {
                        youngest.send(Event::Failed("the context has no room for this request".to_owned()));
                    } else {
                        youngest.fed = 0;
                        self.waiting.push_front(youngest);
                    }
                }
                Ok(false)
            }
            Err(error) => Err(error.to_string()),
        }
    }

    fn advance(&mut self, fed: &[usize]) {
        for (sequence, fed) in self.running.iter_mut().zip(fed) {
            let tokens = sequence.tokens.iter().skip(sequence.fed).take(*fed);
            self.slots.extend(sequence.slot, tokens.copied());
            sequence.fed += fed;
        }
    }

    /// Takes the next token of every sequence whose logits are there, and sends what it makes ready.
    fn sample(&mut self) -> Result<(), String> {
        let mut running = std::mem::take(&mut self.running);
        let mut forked = Vec::new();
        for sequence in &mut running {
            let Some(output) = sequence.output else { continue };
            for mut sibling in std::mem::take(&mut sequence.siblings) {
                self.clear(sibling.slot, 0)?;
                self.copy(sequence.slot, sibling.slot, sequence.fed)?;
                sibling.fed = sequence.fed;
                sibling.output = Some(output);
                forked.push(sibling);
            }
        }
        running.append(&mut forked);
        for mut sequence in running {
            let finished = match sequence.output.take() {
                Some(output) => self.next_token(&mut sequence, output),
                None => false,
            };
            if finished {
                self.release(&sequence)?;
            } else {
                self.running.push(sequence);
            }
        }
        Ok(())
    }

    /// True when the sequence has ended.
    fn next_token(&self, sequence: &mut Sequence, output: i32) -> bool {
        let vocabulary = self.model.vocab();
        let token = match self.choose(sequence, output) {
            Ok(token) => token,
            Err(why) => {
                sequence.send(Event::Failed(why));
                return true;
            }
        };
        sequence.generated += 1;
        let ended = vocabulary.is_eog(token) && !sequence.job.ignore_end;
        let last = sequence.generated >= sequence.job.tokens_max;
        if let Some(top) = sequence.job.logprobs.filter(|_| !ended) {
            let piece = |token| vocabulary.token_to_piece(token, true, None);
            let (logprob, best) = logprobs(self.context.get_logits_ith(output), token, top);
            let top = best.into_iter().map(|(rival, logprob)| (piece(rival), logprob)).collect();
            sequence.logprobs.push(TokenLogprob { bytes: piece(token), logprob, top });
        }
        let mut stopped = ended;
        let mut text = String::new();
        if !ended {
            let shown = sequence.job.shown.contains(&token);
            let ready = sequence.answer.push(&vocabulary.token_to_piece(token, shown, None));
            stopped = ready.stopped;
            text = ready.text;
        }
        if !stopped && !last {
            sequence.tokens.push(token);
        } else {
            text.push_str(&sequence.answer.finish());
        }
        let unsent = (stopped || last) && !sequence.logprobs.is_empty();
        if !text.is_empty() || unsent {
            let logprobs = std::mem::take(&mut sequence.logprobs);
            sequence.send(Event::Piece { choice: sequence.number(), text, logprobs });
        }
        if stopped || last {
            let reason = if stopped { FinishReason::Stop } else { FinishReason::Length };
            sequence.send(Event::Finished {
                choice: sequence.number(),
                reason,
                generated: sequence.generated,
                cached: sequence.cached,
            });
        }
        stopped || last
    }

    fn choose(&self, sequence: &mut Sequence, output: i32) -> Result<LlamaToken, String> {
        let Some(constraint) = &mut sequence.constraint else {
            return Ok(sequence.sampler.sample(&self.context, output));
        };
        // The slower way reports a grammar that can go no further instead of ending the process.
        let unfit = "no token fits the answer's form";
        let mut candidates = self.context.token_data_array_ith(output);
        constraint.apply(&mut candidates);
        // Native code ends the process over an end of the answer that the grammar does not allow yet.
        if !candidates.data.iter().any(|candidate| candidate.logit().is_finite()) {
            return Err(unfit.to_owned());
        }
        candidates.apply_sampler(&mut sequence.sampler);
        let chosen = candidates.selected.and_then(|selected| candidates.data.get(selected));
        let token = chosen.filter(|chosen| chosen.logit().is_finite()).ok_or(unfit)?.id();
        sequence.sampler.try_accept(token).map_err(|_| unfit)?;
        let shown = sequence.job.shown.contains(&token);
        let piece = self.model.vocab().token_to_piece(token, shown, None);
        if !constraint.accept(self.model, token, &piece) {
            sequence.constraint = None;
        }
        Ok(token)
    }

    /// One text per turn, so that streams go on in between.
    fn embed_next(&mut self) {
        if let Some((embedding, _place)) = self.embeds.pop_front() {
            let vector = self.embed(&embedding.tokens, embedding.adapter);
            let _left = embedding.reply.send(vector);
        }
    }

    fn embed(&mut self, tokens: &[LlamaToken], adapter: Option<usize>) -> Result<Vec<f32>, String> {
        if self.embedder.is_none() {
            let parameters = LlamaContextParams::default()
                .with_n_ctx(NonZeroU32::new(EMBED_TOKENS_MAX))
                .with_n_batch(EMBED_TOKENS_MAX)
                .with_n_ubatch(EMBED_TOKENS_MAX)
                .with_n_seq_max(1)
                .with_embeddings(true)
                .with_pooling_type(LlamaPoolingType::Mean)
                .with_n_threads(self.sizes.threads)
                .with_n_threads_batch(self.sizes.threads);
            let made = self.model.new_context(self.backend, parameters);
            self.embedder = Some(made.map_err(|_| "the model gives no embeddings".to_owned())?);
        }
        let context = self.embedder.as_mut().ok_or("the model gives no embeddings")?;
        let mut batch = LlamaBatch::new(EMBED_TOKENS_MAX as usize, 1);
        batch.add_sequence(tokens, 0, true).map_err(|error| error.to_string())?;
        wear(context, &mut self.adapters, adapter)?;
        context.clear_kv_cache();
        context.decode(&mut batch).map_err(|error| error.to_string())?;
        let vector = context.embeddings_seq_ith(0).map_err(|error| error.to_string())?;
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        if !(length.is_finite() && length > 0.0) {
            return Err("the model gives no embedding for this text".to_owned());
        }
        Ok(vector.iter().map(|value| value / length).collect())
    }
}

fn warm_up(context: &mut LlamaContext<'_>) -> Result<(), String> {
    let mut batch = LlamaBatch::new(1, 1);
    batch.add(LlamaToken(0), 0, &[0], true).map_err(|error| error.to_string())?;
    context.decode(&mut batch).map_err(|error| error.to_string())?;
    context.clear_kv_cache();
    Ok(())
}

/// Puts an adapter on, in place of what was on before; `None` leaves the base alone.
fn wear(
    context: &mut LlamaContext<'_>,
    adapters: &mut [LlamaLoraAdapter],
    adapter: Option<usize>,
) -> Result<(), String> {
    match adapter {
        Some(place) => {
            let adapter = adapters.get_mut(place).ok_or("there is no such adapter")?;
            context.lora_adapter_set(adapter, 1.0).map_err(|error| error.to_string())
        }
        // Whichever is named, all are taken off.
        None => match adapters.first_mut() {
            Some(any) => context.lora_adapter_remove(any).map_err(|error| error.to_string()),
            None => Ok(()),
        },
    }
}

/// Whose turn it is after `turns` turns of `now`; `with_work` has one entry per sequence. `None` when nobody has work.
fn next_turn(
    now: Option<usize>,
    turns: u32,
    with_work: impl Iterator<Item = Option<usize>> + Clone,
) -> Option<Option<usize>> {
    let goes_on = turns < TURNS_MAX && with_work.clone().any(|adapter| adapter == now);
    if goes_on {
        return Some(now);
    }
    let later = with_work.clone().filter(|adapter| *adapter > now).min();
    later.or_else(|| with_work.min())
}

fn number(value: usize) -> Result<u32, String> {
    u32::try_from(value).map_err(|_| "a number is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Busy, Embedding, TURNS_MAX, WAITING_MAX, Work, next_turn, queue};
    use tokio::sync::oneshot;

    #[test]
    fn the_queue_is_bounded_and_gives_places_back() {
        let (queue, inbox) = queue();
        let submit = || {
            let (reply, _gone) = oneshot::channel();
            queue.submit(Work::Embed(Embedding { adapter: None, tokens: Vec::new(), reply }))
        };
        assert!((0..WAITING_MAX).all(|_| submit().is_ok()));
        assert!(matches!(submit(), Err(Busy)));
        assert_eq!(queue.waiting(), WAITING_MAX);
        drop(inbox.receiver.recv());
        assert!(submit().is_ok());
        drop(inbox);
        assert!(matches!(submit(), Err(Busy)), "nobody would answer");
    }

    #[test]
    fn every_adapter_with_work_has_its_turn() {
        let check = |now, turns, with_work: &[Option<usize>], expected| {
            assert_eq!(
                next_turn(now, turns, with_work.iter().copied()),
                expected,
                "{now:?} {turns} {with_work:?}"
            );
        };
        check(None, 0, &[], None);
        check(Some(3), 1, &[], None);
        check(None, TURNS_MAX, &[None], Some(None));
        check(None, 1, &[Some(0)], Some(Some(0)));
        check(None, 1, &[Some(0), None], Some(None));
        check(None, TURNS_MAX, &[Some(2), None, Some(1)], Some(Some(1)));
        check(Some(1), TURNS_MAX, &[Some(2), None, Some(1)], Some(Some(2)));
        check(Some(2), TURNS_MAX, &[Some(2), None, Some(1)], Some(None));
        check(Some(1), 1, &[Some(0)], Some(Some(0)));
    }
}
