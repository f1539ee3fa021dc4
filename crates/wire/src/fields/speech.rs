//! The fields of a form with speech.
//!
//! Source: OpenAI's API reference (create transcription, create translation; 2026-10) and vLLM 0.32's protocol classes.

use super::{Field, Shape, Why, dropped, forwarded, needed, refused};
use crate::Surface;

const SPEECH: &[Surface] = &[Surface::Transcriptions, Surface::Translations];
const TRANSCRIPTIONS: &[Surface] = &[Surface::Transcriptions];

/// A language's tag, such as `de` or `de-DE`.
const LANGUAGE: Shape = Shape::Name(64);

pub(super) const FIELDS: &[Field] = &[
    needed("file", SPEECH, Shape::File),
    needed("model", SPEECH, Shape::Model),
    forwarded("prompt", SPEECH, Shape::Text),
    forwarded("hotwords", SPEECH, Shape::Text),
    forwarded("language", SPEECH, LANGUAGE),
    forwarded("to_language", SPEECH, LANGUAGE),
    forwarded("response_format", SPEECH, Shape::Word(&["json", "text", "srt", "verbose_json", "vtt"])),
    forwarded(
        "timestamp_granularities[]",
        TRANSCRIPTIONS,
        Shape::Array(&Shape::Word(&["word", "segment"]), 1, 2),
    ),
    forwarded("chunking_strategy", TRANSCRIPTIONS, Shape::Word(&["auto"])),
    forwarded("stream", SPEECH, Shape::Flag),
    forwarded("temperature", SPEECH, Shape::Number(0.0, 1.0)),
    forwarded("top_p", SPEECH, Shape::Number(0.0, 1.0)),
    forwarded("top_k", SPEECH, Shape::Integer(-1, 1_000_000)),
    forwarded("min_p", SPEECH, Shape::Number(0.0, 1.0)),
    forwarded("frequency_penalty", SPEECH, Shape::Number(-2.0, 2.0)),
    forwarded("presence_penalty", SPEECH, Shape::Number(-2.0, 2.0)),
    forwarded("repetition_penalty", SPEECH, Shape::Number(0.01, 10.0)),
    forwarded("seed", SPEECH, Shape::Integer(i64::MIN, i64::MAX)),
    forwarded("max_completion_tokens", TRANSCRIPTIONS, Shape::TokenCap),
    // The house asks for the usage itself, and tells it as OpenAI does.
    dropped("stream_include_usage", SPEECH),
    dropped("stream_continuous_usage_stats", SPEECH),
    dropped("user", SPEECH),
    // Probabilities of tokens spell the text in another way.
    refused("include[]", TRANSCRIPTIONS, Why::NotOffered),
    refused("known_speaker_names[]", TRANSCRIPTIONS, Why::NotOffered),
    refused("known_speaker_references[]", TRANSCRIPTIONS, Why::Opaque),
    refused("vllm_xargs", SPEECH, Why::ServerControl),
    refused("use_beam_search", SPEECH, Why::NotOffered),
];
