//! How the next token is chosen, and what its probability was.

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
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
    /// A GBNF grammar that the answer keeps to.
    pub(crate) grammar: Option<String>,
}

/// Tokens that repetition penalties look back on.
const PENALTY_WINDOW: i32 = 1024;

/// The chain for one choice. `Err` only for a grammar that is not one.
pub(crate) fn sampler(model: &LlamaModel, sampling: &Sampling, choice: u32) -> Result<LlamaSampler, String> {
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
    if let Some(grammar) = &sampling.grammar {
        let grammar = LlamaSampler::grammar(model, grammar, "root");
        chain.push(grammar.map_err(|_| "the grammar of the answer's form is not understood".to_owned())?);
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
    Ok(LlamaSampler::chain(chain, true))
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
    use super::logprobs;
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
}
