//! Every request field that OpenAI and vLLM know, and what becomes of it.
//!
//! Source: OpenAI's API reference (chat completions, completions, embeddings; 2026-10) and vLLM 0.32's protocol
//! classes (these, rerank and score). A row is *forwarded* with the shape that it must have, *dropped* because it means nothing behind a
//! gateway (clients send it in good faith), or *refused* because it cannot be inspected or would hand power over the
//! model server to a stranger. What stands in no row is refused by name.

mod messages;
mod responses;
#[cfg(any(test, feature = "specimens"))]
pub mod specimens;
mod speech;

use crate::Surface;

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Disposition {
    Forwarded(Shape),
    Dropped,
    Refused(Why),
}

/// What a forwarded field must look like. `null` always means "not given".
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    Flag,
    /// A whole number in a range, both ends included.
    Integer(i64, i64),
    /// Any number in a range, both ends included.
    Number(f64, f64),
    Text,
    /// A string of at least one byte and at most so many.
    Name(usize),
    /// False; true is refused.
    Off(Why),
    /// A string, or an array of at most so many strings.
    Texts(usize),
    /// One of these words.
    Word(&'static [&'static str]),
    /// An array of at most so many whole numbers.
    Integers(usize),
    /// An object whose values are numbers, at most so many.
    Numbers(usize),
    /// An array of values of one shape: the least and the greatest number of them.
    Array(&'static Shape, usize, usize),
    /// The first of these that takes this kind of value.
    Either(&'static [Shape]),
    /// An object with these members and no other.
    Object(&'static [Member]),
    /// An object of one of several kinds.
    Tagged(&'static Tagged),
    /// Any object; every string in it is inspected.
    AnyObject,
    /// Any value; every string in it is inspected.
    Any,
    Model,
    /// The name of a file whose content goes along beside the document.
    File,
    Messages,
    Tools,
    StreamOptions,
    /// `max_tokens` and its kin: from 1 to the house's cap.
    TokenCap,
    /// A JSON array whose items are strings, or one string: text to complete or to embed.
    Prompt,
}

/// One member of a nested object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Member {
    pub name: &'static str,
    pub is_needed: bool,
    pub disposition: Disposition,
}

/// Objects that one of their members tells apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tagged {
    /// The member that does, such as `type`.
    pub by: &'static str,
    /// What is meant when it is left out.
    pub usual: Option<&'static str>,
    pub variants: &'static [(&'static str, Variant)],
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Variant {
    /// The members beside the one that tells it apart.
    Members(&'static [Member]),
    Refused(Why),
}

/// Whether a value is meant by a tag of the table. One that ends in `_` stands for all that begin with it: their names
/// end in dates.
pub(crate) fn is_tag(known: &str, tag: &str) -> bool {
    known == tag || (known.ends_with('_') && tag.starts_with(known))
}

/// Why a field is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Carries content that cannot be inspected.
    Opaque,
    /// Would let the asker steer the model server itself.
    ServerControl,
    /// Would make the model server talk to the outside.
    Outbound,
    /// Is not offered here.
    NotOffered,
    /// Would need something to be kept from one request to the next.
    Unkept,
}

impl Why {
    pub fn english(self) -> &'static str {
        match self {
            Self::Opaque => "it carries content that cannot be inspected",
            Self::ServerControl => "it would steer the model server itself",
            Self::Outbound => "it would make the model server talk to the outside",
            Self::NotOffered => "it is not offered here",
            Self::Unkept => {
                "nothing of a request is kept here; leave it out and send in `input` what belongs to the question"
            }
        }
    }

    pub fn german(self) -> &'static str {
        match self {
            Self::Opaque => "es trägt Inhalt, der nicht geprüft werden kann",
            Self::ServerControl => "es würde den Modellserver selbst steuern",
            Self::Outbound => "es würde den Modellserver nach außen sprechen lassen",
            Self::NotOffered => "es wird hier nicht angeboten",
            Self::Unkept => {
                "von einer Anfrage wird hier nichts aufbewahrt; lassen Sie es weg und senden Sie in `input`, was zur Frage \
                 gehört"
            }
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    pub surfaces: &'static [Surface],
    /// A request without it is refused.
    pub is_needed: bool,
    pub disposition: Disposition,
}

const CHAT: &[Surface] = &[Surface::ChatCompletions];
const CHAT_OR_COUNT: &[Surface] = &[Surface::ChatCompletions, Surface::Tokenize];
const TEXT: &[Surface] = &[Surface::Completions];
const BOTH: &[Surface] = &[Surface::ChatCompletions, Surface::Completions];
const EMBED: &[Surface] = &[Surface::Embeddings];
const RERANK: &[Surface] = &[Surface::Rerank];
const SCORE: &[Surface] = &[Surface::Score];
const RANKING: &[Surface] = &[Surface::Rerank, Surface::Score];
const TEMPLATED: &[Surface] = &[Surface::ChatCompletions, Surface::Tokenize, Surface::Rerank, Surface::Score];
/// All that model servers are asked in OpenAI's older form.
const EVERY: &[Surface] = &[
    Surface::ChatCompletions,
    Surface::Completions,
    Surface::Embeddings,
    Surface::Rerank,
    Surface::Score,
    Surface::Tokenize,
];

const fn member(name: &'static str, shape: Shape) -> Member {
    Member { name, is_needed: false, disposition: Disposition::Forwarded(shape) }
}

const fn must(name: &'static str, shape: Shape) -> Member {
    Member { name, is_needed: true, disposition: Disposition::Forwarded(shape) }
}

const fn ignored(name: &'static str) -> Member {
    Member { name, is_needed: false, disposition: Disposition::Dropped }
}

const fn closed(name: &'static str, why: Why) -> Member {
    Member { name, is_needed: false, disposition: Disposition::Refused(why) }
}

const fn needed(name: &'static str, surfaces: &'static [Surface], shape: Shape) -> Field {
    Field { name, surfaces, is_needed: true, disposition: Disposition::Forwarded(shape) }
}

const fn forwarded(name: &'static str, surfaces: &'static [Surface], shape: Shape) -> Field {
    Field { name, surfaces, is_needed: false, disposition: Disposition::Forwarded(shape) }
}

const fn dropped(name: &'static str, surfaces: &'static [Surface]) -> Field {
    Field { name, surfaces, is_needed: false, disposition: Disposition::Dropped }
}

const fn refused(name: &'static str, surfaces: &'static [Surface], why: Why) -> Field {
    Field { name, surfaces, is_needed: false, disposition: Disposition::Refused(why) }
}

/// Largest `n` and `best_of`.
pub const CHOICES_MAX: i64 = 8;
/// Longest name of a tool, in bytes.
pub const TOOL_NAME_MAX: usize = 128;
/// The most `documents` of one rerank.
pub const DOCUMENTS_MAX: usize = 2048;
/// Largest `logprobs` and `top_logprobs`.
pub const LOGPROBS_MAX: i64 = 20;

/// A text to rank: itself, or with its name beside it, as Cohere's first interface and Jina's have it.
const DOCUMENT: Shape = Shape::Either(&[Shape::Text, Shape::Object(&[must("text", Shape::Text)])]);
/// Names that stand for a field that is needed.
const STANDS_FOR: [(Surface, &str, &[&str]); 2] = [
    (Surface::Score, "text_1", &["queries", "data_1"]),
    (Surface::Score, "text_2", &["documents", "items", "data_2"]),
];

const EFFORTS: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh", "max"];

const TABLES: [&[Field]; 4] = [FIELDS, messages::FIELDS, responses::FIELDS, speech::FIELDS];

const FIELDS: &[Field] = &[
    needed("model", EVERY, Shape::Model),
    // What is asked.
    needed("messages", CHAT_OR_COUNT, Shape::Messages),
    needed("prompt", TEXT, Shape::Prompt),
    needed("input", EMBED, Shape::Prompt),
    needed("query", RERANK, Shape::Text),
    needed("documents", RERANK, Shape::Array(&DOCUMENT, 1, DOCUMENTS_MAX)),
    needed("text_1", SCORE, Shape::Prompt),
    needed("text_2", SCORE, Shape::Prompt),
    // vLLM's other names for the two sides ([`STANDS_FOR`]).
    forwarded("queries", SCORE, Shape::Prompt),
    forwarded("documents", SCORE, Shape::Prompt),
    forwarded("items", SCORE, Shape::Prompt),
    forwarded("data_1", SCORE, Shape::Prompt),
    forwarded("data_2", SCORE, Shape::Prompt),
    forwarded("instruction", RANKING, Shape::Text),
    forwarded("tools", CHAT_OR_COUNT, Shape::Tools),
    forwarded("tool_choice", CHAT, Shape::Any),
    forwarded("parallel_tool_calls", CHAT, Shape::Flag),
    forwarded("functions", CHAT, Shape::Any),
    forwarded("function_call", CHAT, Shape::Any),
    forwarded("documents", CHAT, Shape::Any),
    forwarded("suffix", TEXT, Shape::Text),
    forwarded("echo", BOTH, Shape::Flag),
    // How the answer is made.
    forwarded("max_tokens", BOTH, Shape::TokenCap),
    forwarded("max_completion_tokens", CHAT, Shape::TokenCap),
    forwarded("min_tokens", BOTH, Shape::Integer(0, 131_072)),
    forwarded("n", BOTH, Shape::Integer(1, CHOICES_MAX)),
    forwarded("best_of", BOTH, Shape::Integer(1, CHOICES_MAX)),
    forwarded("use_beam_search", BOTH, Shape::Flag),
    forwarded("temperature", BOTH, Shape::Number(0.0, 2.0)),
    forwarded("top_p", BOTH, Shape::Number(0.0, 1.0)),
    forwarded("top_k", BOTH, Shape::Integer(-1, 1_000_000)),
    forwarded("min_p", BOTH, Shape::Number(0.0, 1.0)),
    forwarded("frequency_penalty", BOTH, Shape::Number(-2.0, 2.0)),
    forwarded("presence_penalty", BOTH, Shape::Number(-2.0, 2.0)),
    forwarded("repetition_penalty", BOTH, Shape::Number(0.01, 10.0)),
    forwarded("length_penalty", BOTH, Shape::Number(-10.0, 10.0)),
    forwarded("seed", BOTH, Shape::Integer(i64::MIN, i64::MAX)),
    forwarded("stop", BOTH, Shape::Texts(16)),
    forwarded("stop_token_ids", BOTH, Shape::Integers(64)),
    forwarded("include_stop_str_in_output", BOTH, Shape::Flag),
    forwarded("ignore_eos", BOTH, Shape::Flag),
    forwarded("skip_special_tokens", BOTH, Shape::Flag),
    forwarded("spaces_between_special_tokens", BOTH, Shape::Flag),
    forwarded("truncate_prompt_tokens", EVERY, Shape::Integer(-1, 131_072)),
    forwarded("add_special_tokens", EVERY, Shape::Flag),
    forwarded("add_generation_prompt", CHAT_OR_COUNT, Shape::Flag),
    forwarded("continue_final_message", CHAT_OR_COUNT, Shape::Flag),
    forwarded("chat_template_kwargs", TEMPLATED, Shape::AnyObject),
    forwarded("logit_bias", BOTH, Shape::Numbers(1024)),
    forwarded("allowed_token_ids", BOTH, Shape::Integers(4096)),
    forwarded("bad_words", BOTH, Shape::Texts(256)),
    forwarded("logprobs", CHAT, Shape::Flag),
    forwarded("logprobs", TEXT, Shape::Integer(0, LOGPROBS_MAX)),
    forwarded("top_logprobs", CHAT, Shape::Integer(0, LOGPROBS_MAX)),
    forwarded("reasoning_effort", CHAT, Shape::Word(EFFORTS)),
    forwarded("include_reasoning", CHAT, Shape::Flag),
    forwarded("thinking_token_budget", CHAT, Shape::Integer(0, 131_072)),
    // The form of the answer.
    forwarded("response_format", BOTH, Shape::AnyObject),
    forwarded("structured_outputs", BOTH, Shape::AnyObject),
    forwarded("guided_json", BOTH, Shape::Any),
    forwarded("guided_regex", BOTH, Shape::Text),
    forwarded("guided_choice", BOTH, Shape::Texts(256)),
    forwarded("guided_grammar", BOTH, Shape::Text),
    forwarded("guided_whitespace_pattern", BOTH, Shape::Text),
    forwarded("structural_tag", BOTH, Shape::Any),
    forwarded("stream", BOTH, Shape::Flag),
    forwarded("stream_options", BOTH, Shape::StreamOptions),
    forwarded("encoding_format", EMBED, Shape::Word(&["float", "base64"])),
    forwarded("dimensions", EMBED, Shape::Integer(1, 65_536)),
    forwarded("normalize", EMBED, Shape::Flag),
    forwarded("top_n", RERANK, Shape::Integer(0, DOCUMENTS_MAX as i64)),
    // Cohere's and Jina's: with false, documents stay behind. vLLM gives them back always.
    forwarded("return_documents", RERANK, Shape::Flag),
    forwarded("max_tokens_per_query", RANKING, Shape::Integer(0, 131_072)),
    forwarded("max_tokens_per_doc", RANKING, Shape::Integer(0, 131_072)),
    forwarded("truncation_side", RANKING, Shape::Word(&["left", "right"])),
    forwarded("use_activation", RANKING, Shape::Flag),
    // Means nothing behind a gateway: the house has its own identity, storage, caches and order of service.
    dropped("user", EVERY),
    dropped("safety_identifier", EVERY),
    dropped("metadata", EVERY),
    dropped("store", EVERY),
    dropped("service_tier", EVERY),
    dropped("prompt_cache_key", EVERY),
    dropped("prompt_cache_retention", EVERY),
    dropped("prompt_cache_options", EVERY),
    dropped("prediction", CHAT),
    dropped("verbosity", CHAT),
    dropped("modalities", CHAT),
    dropped("moderation", CHAT),
    dropped("request_id", EVERY),
    dropped("cache_salt", EVERY),
    dropped("priority", EVERY),
    dropped("guided_decoding_backend", BOTH),
    dropped("detokenize", BOTH),
    // How Cohere cuts a long document up.
    dropped("max_chunks_per_doc", RERANK),
    // Closed.
    refused("audio", CHAT, Why::Opaque),
    refused("rank_fields", RERANK, Why::NotOffered),
    refused("web_search_options", CHAT, Why::Outbound),
    refused("chat_template", CHAT, Why::ServerControl),
    refused("logits_processors", BOTH, Why::ServerControl),
    refused("mm_processor_kwargs", EVERY, Why::ServerControl),
    refused("media_io_kwargs", CHAT, Why::ServerControl),
    refused("kv_transfer_params", BOTH, Why::ServerControl),
    refused("ec_transfer_params", BOTH, Why::ServerControl),
    refused("vllm_xargs", BOTH, Why::ServerControl),
    refused("repetition_detection", BOTH, Why::ServerControl),
    refused("prompt_embeds", TEXT, Why::Opaque),
    refused("prompt_logprobs", BOTH, Why::NotOffered),
    refused("return_token_ids", BOTH, Why::Opaque),
    refused("return_tokens_as_token_ids", BOTH, Why::Opaque),
];

/// The rows of one surface.
pub fn of(surface: Surface) -> impl Iterator<Item = &'static Field> {
    TABLES.into_iter().flatten().filter(move |field| field.surfaces.contains(&surface))
}

/// Other names under which a field of this surface may be given.
pub fn other_names(surface: Surface, name: &str) -> &'static [&'static str] {
    let row = STANDS_FOR.iter().find(|(known, field, _)| *known == surface && *field == name);
    row.map_or(&[], |(.., names)| names)
}

/// The row of a field on one surface.
pub fn find(surface: Surface, name: &str) -> Option<&'static Field> {
    of(surface).find(|field| field.name == name)
}

/// The valid name that looks most like `name`, if one looks like it at all.
pub fn nearest(surface: Surface, name: &str) -> Option<&'static str> {
    let names = of(surface)
        .filter(|field| !matches!(field.disposition, Disposition::Refused(_)))
        .map(|field| field.name);
    nearest_of(names, name)
}

/// The one of `names` that looks most like `name`: at least six tenths alike.
pub fn nearest_of<'a>(names: impl Iterator<Item = &'a str>, name: &str) -> Option<&'a str> {
    // Comparing is quadratic in length; a name longer than any real one is like none.
    if name.len() > 64 {
        return None;
    }
    names
        .map(|candidate| (strsim::normalized_damerau_levenshtein(candidate, name), candidate))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::{find, nearest, of};
    use crate::Surface;

    #[test]
    fn no_field_stands_twice_on_a_surface() {
        for surface in Surface::ALL {
            let mut names: Vec<&str> = of(surface).map(|field| field.name).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{}", surface.path());
        }
    }

    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(nearest(Surface::ChatCompletions, name), expected, "{name}");
    }

    #[test]
    fn a_typo_finds_its_field() {
        check("temprature", Some("temperature"));
        check("max_token", Some("max_tokens"));
        check("Stream", Some("stream"));
        check("mesages", Some("messages"));
        check("mdoel", Some("model"));
        check("zzz", None);
        check(&"x".repeat(100_000), None);
    }

    #[test]
    fn a_field_belongs_to_its_surface() {
        assert!(find(Surface::Embeddings, "messages").is_none());
        assert!(find(Surface::Completions, "prompt").is_some());
    }
}
