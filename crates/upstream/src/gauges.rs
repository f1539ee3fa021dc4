//! What a model server's `/metrics` say about its load, in Prometheus' text format.
//!
//! Sources: vLLM's names since 0.9 and before, SGLang's and llama.cpp's server's. What is not there is not known, and
//! nothing depends on it.

/// Of the whole page, in bytes; vLLM's has some 60 KB for one model.
pub(crate) const METRICS_BYTES_MAX: usize = 1 << 20;

/// The load of a server at the moment of its page; sums over its engines and models.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Gauges {
    /// Questions being answered.
    pub(crate) running: Option<u32>,
    /// Questions that wait.
    pub(crate) waiting: Option<u32>,
    /// Share of the key-value cache that running questions hold: 0 to 1, of the fullest engine.
    pub(crate) kv_usage: Option<f64>,
    /// LLM tokens that the key-value cache can hold.
    pub(crate) kv_tokens: Option<u64>,
}

const RUNNING: [&str; 3] =
    ["vllm:num_requests_running", "sglang:num_running_reqs", "llamacpp:requests_processing"];
const WAITING: [&str; 3] =
    ["vllm:num_requests_waiting", "sglang:num_queue_reqs", "llamacpp:requests_deferred"];
const KV_USAGE: [&str; 4] = [
    "vllm:kv_cache_usage_perc",
    "vllm:gpu_cache_usage_perc",
    "sglang:token_usage",
    "llamacpp:kv_cache_usage_ratio",
];
const KV_TOKENS: [&str; 1] = ["sglang:max_total_num_tokens"];
const KV_CONFIGURATION: &str = "vllm:cache_config_info";

/// Reads a page. `None` when it says nothing of load.
pub(crate) fn parse(page: &[u8]) -> Option<Gauges> {
    let page = std::str::from_utf8(page).ok()?;
    let mut gauges = Gauges::default();
    for line in page.lines() {
        let Some((name, labels, value)) = sample(line) else { continue };
        if RUNNING.contains(&name) {
            gauges.running = sum(gauges.running, value);
        } else if WAITING.contains(&name) {
            gauges.waiting = sum(gauges.waiting, value);
        } else if KV_USAGE.contains(&name) {
            gauges.kv_usage = Some(gauges.kv_usage.unwrap_or(0.0).max(value.clamp(0.0, 1.0)));
        } else if KV_TOKENS.contains(&name) {
            gauges.kv_tokens = Some(gauges.kv_tokens.unwrap_or(0).saturating_add(whole(value)));
        } else if name == KV_CONFIGURATION {
            let number = |label| label_value(labels, label)?.parse::<u64>().ok();
            if let (Some(size), Some(blocks)) = (number("block_size"), number("num_gpu_blocks")) {
                let more = size.saturating_mul(blocks);
                gauges.kv_tokens = Some(gauges.kv_tokens.unwrap_or(0).saturating_add(more));
            }
        }
    }
    (gauges != Gauges::default()).then_some(gauges)
}

/// Name, labels and value of one line; comments, time stamps and what is no finite number of at least zero are left out.
fn sample(line: &str) -> Option<(&str, &str, f64)> {
    let (name, rest) = line.split_once(['{', ' '])?;
    if name.is_empty() || name.starts_with('#') {
        return None;
    }
    let (labels, rest) = match line.as_bytes().get(name.len()) {
        Some(b'{') => rest.rsplit_once('}')?,
        _ => ("", rest),
    };
    let value: f64 = rest.split_ascii_whitespace().next()?.parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some((name, labels, value))
}

/// Labels whose values hold no escaped quotes, which is all that is asked for.
fn label_value<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    labels.split(',').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then(|| value.trim().trim_matches('"'))
    })
}

fn sum(known: Option<u32>, value: f64) -> Option<u32> {
    Some(known.unwrap_or(0).saturating_add(u32::try_from(whole(value)).unwrap_or(u32::MAX)))
}

/// A cast from a float saturates.
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::{Gauges, parse};
    use proptest::prelude::*;

    #[track_caller]
    fn check(page: &str, expected: Option<Gauges>) {
        assert_eq!(parse(page.as_bytes()), expected, "{page}");
    }

    #[test]
    fn a_recorded_page_is_read() {
        let recording = schleuse_testkit::recording("10-metrics").unwrap();
        let gauges = parse(&recording.response.body()).unwrap();
        assert_eq!((gauges.running, gauges.waiting, gauges.kv_usage), (Some(0), Some(0), Some(0.0)));
        assert!(gauges.kv_tokens.is_some_and(|tokens| tokens > 0), "{gauges:?}");
    }

    #[test]
    fn names_old_and_new_are_read() {
        let gauges = |running, waiting, kv_usage, kv_tokens| {
            Some(Gauges { running, waiting, kv_usage: Some(kv_usage), kv_tokens })
        };
        check(
            "# TYPE x gauge\nvllm:num_requests_running{engine=\"0\",model_name=\"a}b\"} 3.0\n\
             vllm:num_requests_running{engine=\"1\"} 4.0 1700000000\nvllm:num_requests_waiting 2\n\
             vllm:gpu_cache_usage_perc{engine=\"0\"} 0.25\nvllm:gpu_cache_usage_perc{engine=\"1\"} 0.5\n\
             vllm:cache_config_info{block_size=\"16\",num_gpu_blocks=\"1000\",x=\"None\"} 1.0",
            gauges(Some(7), Some(2), 0.5, Some(16_000)),
        );
        check(
            "sglang:num_running_reqs 1\nsglang:token_usage 2.5\nsglang:max_total_num_tokens 9e3",
            gauges(Some(1), None, 1.0, Some(9000)),
        );
        check(
            "llamacpp:requests_deferred 1e99\nllamacpp:kv_cache_usage_ratio 0",
            gauges(None, Some(u32::MAX), 0.0, None),
        );
    }

    #[test]
    fn what_says_nothing_is_nothing() {
        for page in
            ["", "x 1", "vllm:num_requests_running NaN", "vllm:num_requests_running -1", "{} 1", "# a 1"]
        {
            check(page, None);
        }
        check("vllm:num_requests_running{a=\"b\" 1", None);
        assert_eq!(parse(b"\xff"), None);
    }

    proptest! {
        #[test]
        fn no_page_is_a_panic(page in "(vllm:num_requests_running|vllm:cache_config_info)?[{}a-z=\",0-9. \n]{0,60}") {
            let _ = parse(page.as_bytes());
        }
    }
}
