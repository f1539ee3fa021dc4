//! How the next token is chosen, and what its probability was.

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;
use llama_cpp_2::token::logit_bias::LlamaLogitBias;

/// Parameters of one answer, in the ranges that the request parser has checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sampling {
    /// 0 takes the likeliest token.
    pub(crate) temperature: f32,
    pub(crate) top_p: f32,
    /// 0 looks at all tokens.
    pub(crate) top_k: i32,
    pub(crate) min_p: f32,
    pub(crate) seed: u32,
    pub(crate) repetition_penalty: f32,
    pub(crate) presence_penalty: f32,
    pub(crate) frequency_penalty: f32,
    pub(crate) logit_bias: Vec<(i32, f32)>,
    pub(crate) grammar: Option<Grammar>,
}

/// What an answer keeps to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grammar {
    /// GBNF, one rule per line.
    pub(crate) rules: String,
    pub(crate) root: &'static str,
    /// Up to and with this the answer is free. Without it nothing is.
    pub(crate) after: Option<Marker>,
}

/// Where an answer stops being free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    /// Behind these words, wherever they are written first.
    Written(&'static str),
    /// In front of a brace that begins the answer.
    FirstBrace,
}

/// Tokens that repetition penalties look back on.
const PENALTY_WINDOW: i32 = 1024;

/// The chain for one choice, without its grammar.
pub(crate) fn sampler(model: &LlamaModel, sampling: &Sampling, choice: u32) -> LlamaSampler {
    let vocabulary = model.vocab().n_tokens();
    let mut chain = Vec::new();
    if !sampling.logit_bias.is_empty() {
        let biases: Vec<LlamaLogitBias> = sampling
            .logit_bias
            .iter()
            .map(|(token, bias)| LlamaLogitBias::new(LlamaToken(*token), *bias))
            .collect();
        chain.push(LlamaSampler::logit_bias(vocabulary, &biases));
    }
    if sampling.penalises() {
        chain.push(LlamaSampler::penalties(
            vocabulary,
            PENALTY_WINDOW,
            sampling.repetition_penalty,
            sampling.frequency_penalty,
            sampling.presence_penalty,
        ));
    }
    if sampling.temperature <= 0.0 {
        chain.push(LlamaSampler::greedy());
    } else {
        if sampling.top_k > 0 {
            chain.push(LlamaSampler::top_k(sampling.top_k));
        }
        chain.push(LlamaSampler::top_p(sampling.top_p, 1));
        chain.push(LlamaSampler::min_p(sampling.min_p, 1));
        chain.push(LlamaSampler::temp(sampling.temperature));
        chain.push(LlamaSampler::dist(sampling.seed.wrapping_add(choice)));
    }
    LlamaSampler::chain(chain, true)
}

/// Holds one answer to its grammar.
pub(crate) struct Constraint {
    sampler: LlamaSampler,
    /// While the answer is still free.
    watch: Option<Watch>,
}

impl Constraint {
    /// `Err` for a grammar that is not one.
    pub(crate) fn new(model: &LlamaModel, grammar: &Grammar) -> Result<Self, String> {
        let sampler = LlamaSampler::grammar(model, &grammar.rules, grammar.root);
        let sampler = sampler.map_err(|_| "the engine cannot follow the form of the answer".to_owned())?;
        Ok(Self { sampler, watch: grammar.after.map(Watch::new) })
    }

    /// Takes away what does not fit.
    pub(crate) fn apply(&mut self, candidates: &mut LlamaTokenDataArray) {
        if self.watch.is_none() {
            candidates.apply_sampler(&mut self.sampler);
        }
    }

    /// Goes on behind a token that fits. False when the answer has left the grammar, which then no longer holds it: only
    /// where a token reaches over the end of the free part, or where nothing fitted.
    pub(crate) fn accept(&mut self, model: &LlamaModel, token: LlamaToken, piece: &[u8]) -> bool {
        let vocabulary = model.vocab();
        let Some(watch) = &mut self.watch else {
            return self.sampler.try_accept(token).is_ok();
        };
        let Some(rest) = watch.push(piece) else { return true };
        self.watch = None;
        let rest = vocabulary.tokenize(&rest, false, false);
        rest.into_iter().all(|token| !vocabulary.is_eog(token) && self.sampler.try_accept(token).is_ok())
    }
}

/// Looks for a marker in an answer.
struct Watch {
    marker: Marker,
    /// The end of what was written, as far as a marker may have begun in it.
    seen: Vec<u8>,
    /// Something stands before a first brace now.
    over: bool,
}

impl Watch {
    fn new(marker: Marker) -> Self {
        Self { marker, seen: Vec::new(), over: false }
    }

    /// What follows the marker, once it has been written.
    fn push(&mut self, piece: &[u8]) -> Option<Vec<u8>> {
        match self.marker {
            Marker::Written(marker) => {
                self.seen.extend_from_slice(piece);
                let at = self.seen.windows(marker.len()).position(|window| window == marker.as_bytes());
                if let Some(at) = at {
                    return Some(self.seen.split_off(at + marker.len()));
                }
                let kept = self.seen.len().saturating_sub(marker.len().saturating_sub(1));
                self.seen.drain(..kept);
                None
            }
            Marker::FirstBrace => {
                let first = piece.iter().position(|byte| !byte.is_ascii_whitespace());
                let (false, Some(first)) = (self.over, first) else { return None };
                self.over = true;
                let (_, rest) = piece.split_at(first);
                rest.starts_with(b"{").then(|| rest.to_vec())
            }
        }
    }
}

impl Sampling {
    fn penalises(&self) -> bool {
        self.repetition_penalty != 1.0 || self.presence_penalty != 0.0 || self.frequency_penalty != 0.0
    }
}

/// The natural logarithm of a token's probability before any sampling parameter, and of its best rivals'.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TokenLogprob {
    pub(crate) bytes: Vec<u8>,
    pub(crate) logprob: f32,
    /// Best first.
    pub(crate) top: Vec<(Vec<u8>, f32)>,
}

/// `logits` has one entry per token of the vocabulary; `top` says how many rivals are wanted.
pub(crate) fn logprobs(logits: &[f32], chosen: LlamaToken, top: usize) -> (f32, Vec<(LlamaToken, f32)>) {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    let normal = largest + sum.ln();
    let of = |logit: f32| logit - normal;
    let index = usize::try_from(chosen.0).unwrap_or(usize::MAX);
    let mut best: Vec<(LlamaToken, f32)> = Vec::with_capacity(top + 1);
    for (token, logit) in (0_i32..).zip(logits) {
        if best.len() == top && best.last().is_none_or(|(_, worst)| of(*logit) <= *worst) {
            continue;
        }
        let at = best.partition_point(|(_, better)| *better >= of(*logit));
        best.insert(at, (LlamaToken(token), of(*logit)));
        best.truncate(top);
    }
    (logits.get(index).map_or(f32::NEG_INFINITY, |logit| of(*logit)), best)
}

#[cfg(test)]
mod tests {
    use super::{Marker, Watch, logprobs};
    use llama_cpp_2::token::LlamaToken;

    fn check(logits: &[f32], chosen: i32, top: usize, expected: (f32, &[(i32, f32)])) {
        let (logprob, best) = logprobs(logits, LlamaToken(chosen), top);
        assert!((logprob - expected.0).abs() < 1e-4, "{logprob}");
        assert_eq!(best.len(), expected.1.len());
        for ((token, logprob), (expected_token, expected_logprob)) in best.iter().zip(expected.1) {
            assert_eq!(token.0, *expected_token);
            assert!((logprob - expected_logprob).abs() < 1e-4, "{logprob}");
        }
    }

    #[test]
    fn probabilities_sum_to_one() {
        check(&[0.0, 0.0], 0, 0, (0.5_f32.ln(), &[]));
        check(&[3.0_f32.ln(), 0.0], 1, 1, (0.25_f32.ln(), &[(0, 0.75_f32.ln())]));
        check(&[0.0, 1000.0, 0.0], 1, 1, (0.0, &[(1, 0.0)]));
        check(&[0.0, 0.0, 0.0, 0.0], 3, 2, (0.25_f32.ln(), &[(0, 0.25_f32.ln()), (1, 0.25_f32.ln())]));
    }

    #[test]
    fn the_end_of_the_free_part_is_found() {
        let check = |marker: Marker, pieces: &[&str], expected: Option<(usize, &str)>| {
            let mut watch = Watch::new(marker);
            let found = pieces.iter().enumerate().find_map(|(index, piece)| {
                watch.push(piece.as_bytes()).map(|rest| (index, String::from_utf8(rest).unwrap()))
            });
            assert_eq!(found, expected.map(|(index, rest)| (index, rest.to_owned())));
        };
        let written = Marker::Written("<call>");
        check(written, &["Well, <call>"], Some((0, "")));
        check(written, &["<", "<ca", "ll>{", "}"], Some((2, "{")));
        check(written, &["<call", " >"], None);
        check(Marker::FirstBrace, &[" ", "\n{\"a", "{"], Some((1, "{\"a")));
        check(Marker::FirstBrace, &["It", "{"], None);
    }
}
