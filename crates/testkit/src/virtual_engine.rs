//! A model server in virtual time, for simulations: it reads prompts and writes answers step by step, as servers with
//! continuous batching do, and keeps the blocks of prompts that it has read.
//!
//! One step reads at most so many LLM tokens of waiting prompts, the oldest first, and writes one for each answer under way;
//! it lasts as long as that takes. A prompt's first blocks that are in the cache are not read again. What is left out:
//! memory of running answers, preemption, answers as prefixes.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hasher;
use std::time::Duration;

/// LLM tokens of one block of the cache; vLLM's default.
pub const BLOCK_TOKENS: usize = 16;
/// Bytes of text for one LLM token.
pub const TOKEN_BYTES: usize = 4;

/// How fast and how large a server is.
#[derive(Debug, Clone, Copy)]
pub struct EngineShape {
    /// To read one LLM token of a prompt.
    pub reading: Duration,
    /// One step without any reading, and more for each answer under way.
    pub step: Duration,
    pub step_per_answer: Duration,
    /// LLM tokens that one step reads at most.
    pub step_tokens_max: usize,
    /// Questions that are read and answered at the same time.
    pub batch_max: usize,
    /// Blocks that the cache holds.
    pub cache_blocks_max: usize,
}

impl Default for EngineShape {
    /// About a small model on one accelerator: 10,000 LLM tokens read a second, 10 ms a step, 32,768 in the cache.
    fn default() -> Self {
        Self {
            reading: Duration::from_micros(100),
            step: Duration::from_millis(10),
            step_per_answer: Duration::from_micros(100),
            step_tokens_max: 2048,
            batch_max: 64,
            cache_blocks_max: 2048,
        }
    }
}

/// What happened at the end of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    FirstToken { question: usize },
    End { question: usize },
}

/// One server. Times are those of the simulation.
#[derive(Debug)]
pub struct VirtualEngine {
    shape: EngineShape,
    /// Everything takes so many times as long.
    pub slowness: f64,
    waiting: VecDeque<Job>,
    running: Vec<Job>,
    cache: BlockCache,
    step_ends: Option<Duration>,
    /// LLM tokens of all prompts that were begun, and those of them that were in the cache.
    pub prompt_tokens: usize,
    pub cached_tokens: usize,
}

#[derive(Debug)]
struct Job {
    question: usize,
    blocks: Vec<u64>,
    /// LLM tokens that are still to be read, and how many of them in this step.
    unread: usize,
    reads_now: usize,
    /// LLM tokens that are still to be written.
    unwritten: usize,
}

impl VirtualEngine {
    pub fn new(shape: EngineShape) -> Self {
        Self {
            shape,
            slowness: 1.0,
            waiting: VecDeque::new(),
            running: Vec::new(),
            cache: BlockCache { blocks_max: shape.cache_blocks_max, ..BlockCache::default() },
            step_ends: None,
            prompt_tokens: 0,
            cached_tokens: 0,
        }
    }

    /// A question arrives. `blocks` are those of its prompt, as [`blocks_of`] gives them.
    pub fn ask(&mut self, now: Duration, question: usize, blocks: Vec<u64>, answer_tokens: usize) {
        let unread = blocks.len() * BLOCK_TOKENS;
        let job = Job { question, blocks, unread, reads_now: 0, unwritten: answer_tokens.max(1) };
        self.waiting.push_back(job);
        if self.step_ends.is_none() {
            self.begin_step(now);
        }
    }

    /// When the step under way ends; `None` when there is nothing to do.
    pub fn next_at(&self) -> Option<Duration> {
        self.step_ends
    }

    /// Ends the step under way and begins the next one.
    pub fn end_step(&mut self) -> Vec<Happening> {
        let Some(now) = self.step_ends.take() else { return Vec::new() };
        let mut happened = Vec::new();
        for job in &mut self.running {
            if job.unread > 0 {
                job.unread -= job.reads_now;
                if job.unread > 0 {
                    continue;
                }
                self.cache.keep(&job.blocks);
                happened.push(Happening::FirstToken { question: job.question });
            }
            job.unwritten -= 1;
            if job.unwritten == 0 {
                happened.push(Happening::End { question: job.question });
            }
        }
        self.running.retain(|job| job.unwritten > 0);
        self.begin_step(now);
        happened
    }

    /// The process ends: whatever was under way is lost and named, and the cache is empty.
    pub fn die(&mut self) -> Vec<usize> {
        self.step_ends = None;
        self.cache = BlockCache { blocks_max: self.shape.cache_blocks_max, ..BlockCache::default() };
        self.waiting.drain(..).chain(self.running.drain(..)).map(|job| job.question).collect()
    }

    /// Questions that wait, and questions under way.
    pub fn load(&self) -> (usize, usize) {
        (self.waiting.len(), self.running.len())
    }

    fn begin_step(&mut self, now: Duration) {
        while self.running.len() < self.shape.batch_max
            && let Some(mut job) = self.waiting.pop_front()
        {
            // The last token is always read, or there would be nothing to begin the answer with.
            let known = self.cache.known(&job.blocks) * BLOCK_TOKENS;
            self.prompt_tokens += job.unread;
            self.cached_tokens += known;
            job.unread = job.unread.saturating_sub(known).max(1);
            self.running.push(job);
        }
        if self.running.is_empty() {
            return;
        }
        let writing = self.running.iter().filter(|job| job.unread == 0).count();
        let mut room = self.shape.step_tokens_max.saturating_sub(writing);
        let mut read = 0_u32;
        for job in &mut self.running {
            job.reads_now = job.unread.min(room);
            room -= job.reads_now;
            read += u32::try_from(job.reads_now).unwrap_or(u32::MAX);
        }
        let writing = u32::try_from(writing).unwrap_or(u32::MAX);
        let lasts = self.shape.step + self.shape.step_per_answer * writing + self.shape.reading * read;
        self.step_ends = Some(now + lasts.mul_f64(self.slowness));
    }
}

/// The blocks of a prompt: each hash is over all text up to the block's end. What is left behind the last whole block is
/// no block.
pub fn blocks_of(salt: &str, text: &str) -> Vec<u64> {
    let mut hasher = DefaultHasher::new();
    hasher.write(salt.as_bytes());
    let blocks = text.as_bytes().chunks_exact(BLOCK_TOKENS * TOKEN_BYTES).map(|block| {
        hasher.write(block);
        hasher.finish()
    });
    blocks.collect()
}

/// Blocks of prompts; the one that was not used for the longest time goes first.
#[derive(Debug, Default)]
struct BlockCache {
    blocks_max: usize,
    used_at: HashMap<u64, u64>,
    by_use: BTreeMap<u64, u64>,
    uses: u64,
}

impl BlockCache {
    fn known(&self, blocks: &[u64]) -> usize {
        blocks.iter().take_while(|block| self.used_at.contains_key(block)).count()
    }

    /// From the last one on, so that the end of a prompt goes before its beginning.
    fn keep(&mut self, blocks: &[u64]) {
        for block in blocks.iter().rev() {
            self.uses += 1;
            if let Some(before) = self.used_at.insert(*block, self.uses) {
                self.by_use.remove(&before);
            }
            self.by_use.insert(self.uses, *block);
        }
        while self.used_at.len() > self.blocks_max
            && let Some((_, block)) = self.by_use.pop_first()
        {
            self.used_at.remove(&block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK_TOKENS, EngineShape, Happening, VirtualEngine, blocks_of};
    use std::time::Duration;

    fn text(name: char, tokens: usize) -> String {
        std::iter::repeat_n(name, tokens * 4).collect()
    }

    /// Runs to the end; when each question got its first token, in milliseconds.
    fn first_tokens(engine: &mut VirtualEngine) -> Vec<(usize, u128)> {
        let mut first = Vec::new();
        while let Some(now) = engine.next_at() {
            for happening in engine.end_step() {
                if let Happening::FirstToken { question } = happening {
                    first.push((question, now.as_millis()));
                }
            }
        }
        first
    }

    #[test]
    fn a_prompt_is_read_once() {
        let mut engine = VirtualEngine::new(EngineShape::default());
        engine.ask(Duration::ZERO, 0, blocks_of("", &text('a', 1600)), 3);
        // 10 ms and 1600 times 100 µs, then two steps of 10.1 ms.
        assert_eq!(first_tokens(&mut engine), [(0, 170)]);
        let longer = text('a', 1600) + &text('b', 160);
        engine.ask(Duration::from_secs(1), 1, blocks_of("", &longer), 1);
        assert_eq!(first_tokens(&mut engine), [(1, 1026)]);
        assert_eq!((engine.prompt_tokens, engine.cached_tokens), (3360, 1600));
        engine.ask(Duration::from_secs(2), 2, blocks_of("another tenant", &longer), 1);
        assert_eq!(first_tokens(&mut engine), [(2, 2186)]);
        engine.die();
        engine.ask(Duration::from_secs(3), 3, blocks_of("", &longer), 1);
        assert_eq!(first_tokens(&mut engine), [(3, 3186)]);
    }

    #[test]
    fn what_was_used_last_stays() {
        let shape = EngineShape { cache_blocks_max: 20, ..EngineShape::default() };
        let mut engine = VirtualEngine::new(shape);
        let prompt = |name| blocks_of("", &text(name, 8 * BLOCK_TOKENS));
        for (question, name) in "ababcb".chars().enumerate() {
            engine.ask(Duration::from_secs(question as u64), question, prompt(name), 1);
            first_tokens(&mut engine);
        }
        // a and b are read, known, known; c pushes out the end of a, b is known.
        assert_eq!(engine.cached_tokens, 3 * 8 * BLOCK_TOKENS);
        engine.ask(Duration::from_secs(9), 9, prompt('a'), 1);
        first_tokens(&mut engine);
        assert_eq!(engine.cached_tokens, (3 * 8 + 4) * BLOCK_TOKENS);
    }

    #[test]
    fn steps_and_batches_have_bounds() {
        let shape = EngineShape { batch_max: 2, ..EngineShape::default() };
        let mut engine = VirtualEngine::new(shape);
        for question in 0..3 {
            engine.ask(Duration::ZERO, question, blocks_of(&question.to_string(), &text('x', 1600)), 2);
        }
        assert_eq!(engine.load(), (2, 1), "the first one began alone");
        // 2048 tokens a step: the second one reads 1600 beside the first one's second token, and the third one when it may.
        assert_eq!(first_tokens(&mut engine), [(0, 170), (1, 340), (2, 510)]);
        assert_eq!(engine.load(), (0, 0));
        engine.ask(Duration::from_secs(9), 0, blocks_of("0", &text('x', 1600)), 2);
        assert_eq!(engine.die(), [0]);
        assert_eq!(engine.next_at(), None);
    }
}
