//! The fields of OpenAI's responses.
//!
//! Source: OpenAI's API reference (responses; 2026-10). Nothing of a response is kept here, so whatever would refer to
//! an earlier one is refused.

use super::{
    EFFORTS, Field, Member, Shape, TOOL_NAME_MAX, Tagged, Variant, Why, closed, dropped, forwarded, ignored,
    member, must, needed, refused,
};
use crate::Surface;

const ASK: &[Surface] = &[Surface::Responses];

/// The most items, and the most parts of one.
const ITEMS_MAX: usize = 4096;
const TOOLS_MAX: usize = 256;

pub(super) const FIELDS: &[Field] = &[
    needed("model", ASK, Shape::Model),
    forwarded("instructions", ASK, Shape::Text),
    needed("input", ASK, Shape::Either(&[Shape::Text, Shape::Array(&ITEM, 1, ITEMS_MAX)])),
    forwarded("tools", ASK, Shape::Array(&TOOL, 0, TOOLS_MAX)),
    forwarded(
        "tool_choice",
        ASK,
        Shape::Either(&[Shape::Word(&["none", "auto", "required"]), Shape::Tagged(&TOOL_CHOICE)]),
    ),
    forwarded("parallel_tool_calls", ASK, Shape::Flag),
    forwarded("text", ASK, Shape::Object(&[member("format", Shape::Tagged(&FORMAT)), ignored("verbosity")])),
    forwarded("max_output_tokens", ASK, Shape::TokenCap),
    forwarded("temperature", ASK, Shape::Number(0.0, 2.0)),
    forwarded("top_p", ASK, Shape::Number(0.0, 1.0)),
    forwarded("top_logprobs", ASK, Shape::Integer(0, 0)),
    forwarded("reasoning", ASK, Shape::Object(REASONING)),
    forwarded("stream", ASK, Shape::Flag),
    forwarded("truncation", ASK, Shape::Word(&["disabled"])),
    // Clients that keep nothing at OpenAI ask for it; there is nothing encrypted here.
    forwarded("include", ASK, Shape::Array(&Shape::Word(&["reasoning.encrypted_content"]), 0, 16)),
    forwarded("store", ASK, Shape::Off(Why::Unkept)),
    forwarded("background", ASK, Shape::Off(Why::Unkept)),
    // Means nothing behind a gateway: the house has its own identity, caches and order of service.
    dropped("stream_options", ASK),
    dropped("metadata", ASK),
    dropped("user", ASK),
    dropped("safety_identifier", ASK),
    dropped("service_tier", ASK),
    dropped("prompt_cache_key", ASK),
    dropped("prompt_cache_retention", ASK),
    dropped("prompt_cache_options", ASK),
    dropped("max_tool_calls", ASK),
    dropped("moderation", ASK),
    // Closed.
    refused("previous_response_id", ASK, Why::Unkept),
    refused("conversation", ASK, Why::Unkept),
    refused("prompt", ASK, Why::Unkept),
    refused("context_management", ASK, Why::NotOffered),
];

const ITEM: Shape = Shape::Tagged(&Tagged {
    by: "type",
    usual: Some("message"),
    variants: &[
        (
            "message",
            Variant::Members(&[
                must("role", Shape::Word(&["user", "assistant", "system", "developer"])),
                must("content", TEXT),
                ignored("id"),
                ignored("status"),
                ignored("phase"),
            ]),
        ),
        (
            "function_call",
            Variant::Members(&[
                must("call_id", Shape::Text),
                must("name", Shape::Name(TOOL_NAME_MAX)),
                must("arguments", Shape::Text),
                ignored("id"),
                ignored("status"),
                closed("namespace", Why::NotOffered),
            ]),
        ),
        (
            "function_call_output",
            Variant::Members(&[
                must("call_id", Shape::Text),
                must("output", TEXT),
                ignored("id"),
                ignored("status"),
            ]),
        ),
        (
            "reasoning",
            Variant::Members(&[
                member("summary", thoughts(&SUMMARY)),
                member("content", thoughts(&THOUGHT)),
                ignored("encrypted_content"),
                ignored("id"),
                ignored("status"),
            ]),
        ),
        ("item_reference", Variant::Refused(Why::Unkept)),
        ("compaction", Variant::Refused(Why::Opaque)),
        ("web_search_", Variant::Refused(Why::Outbound)),
        ("file_search_", Variant::Refused(Why::NotOffered)),
        ("computer_", Variant::Refused(Why::NotOffered)),
        ("code_interpreter_", Variant::Refused(Why::NotOffered)),
        ("image_generation_", Variant::Refused(Why::NotOffered)),
        ("local_shell_", Variant::Refused(Why::NotOffered)),
        ("shell_", Variant::Refused(Why::NotOffered)),
        ("apply_patch_", Variant::Refused(Why::NotOffered)),
        ("custom_tool_", Variant::Refused(Why::NotOffered)),
        ("tool_search_", Variant::Refused(Why::NotOffered)),
        ("mcp_", Variant::Refused(Why::Outbound)),
    ],
});

/// A string, or parts of text.
const TEXT: Shape = Shape::Either(&[Shape::Text, Shape::Array(&Shape::Tagged(&PART), 0, ITEMS_MAX)]);

const PART: Tagged = Tagged {
    by: "type",
    usual: None,
    variants: &[
        ("input_text", TEXT_MEMBERS),
        ("output_text", TEXT_MEMBERS),
        ("refusal", Variant::Members(&[must("refusal", Shape::Text)])),
        ("input_image", Variant::Refused(Why::Opaque)),
        ("input_file", Variant::Refused(Why::Opaque)),
        ("input_audio", Variant::Refused(Why::Opaque)),
        ("computer_screenshot", Variant::Refused(Why::Opaque)),
    ],
};

const TEXT_MEMBERS: Variant =
    Variant::Members(&[must("text", Shape::Text), ignored("annotations"), ignored("logprobs")]);

const fn thoughts(shape: &'static Shape) -> Shape {
    Shape::Array(shape, 0, ITEMS_MAX)
}

const SUMMARY: Shape = Shape::Tagged(&Tagged {
    by: "type",
    usual: None,
    variants: &[("summary_text", Variant::Members(&[must("text", Shape::Text)]))],
});

const THOUGHT: Shape = Shape::Tagged(&Tagged {
    by: "type",
    usual: None,
    variants: &[("reasoning_text", Variant::Members(&[must("text", Shape::Text)]))],
});

const TOOL: Shape = Shape::Tagged(&Tagged {
    by: "type",
    usual: None,
    variants: &[
        (
            "function",
            Variant::Members(&[
                must("name", Shape::Name(TOOL_NAME_MAX)),
                member("description", Shape::Text),
                member("parameters", Shape::AnyObject),
                member("strict", Shape::Flag),
                ignored("defer_loading"),
            ]),
        ),
        ("web_search", Variant::Refused(Why::Outbound)),
        ("web_search_", Variant::Refused(Why::Outbound)),
        ("mcp", Variant::Refused(Why::Outbound)),
        ("file_search", Variant::Refused(Why::NotOffered)),
        ("code_interpreter", Variant::Refused(Why::NotOffered)),
        ("computer", Variant::Refused(Why::NotOffered)),
        ("computer_", Variant::Refused(Why::NotOffered)),
        ("image_generation", Variant::Refused(Why::NotOffered)),
        ("local_shell", Variant::Refused(Why::NotOffered)),
        ("shell", Variant::Refused(Why::NotOffered)),
        ("apply_patch", Variant::Refused(Why::NotOffered)),
        ("custom", Variant::Refused(Why::NotOffered)),
        ("namespace", Variant::Refused(Why::NotOffered)),
        ("tool_search", Variant::Refused(Why::NotOffered)),
    ],
});

const TOOL_CHOICE: Tagged = Tagged {
    by: "type",
    usual: None,
    variants: &[
        ("function", Variant::Members(&[must("name", Shape::Name(TOOL_NAME_MAX))])),
        ("allowed_tools", Variant::Refused(Why::NotOffered)),
        ("custom", Variant::Refused(Why::NotOffered)),
        ("mcp", Variant::Refused(Why::Outbound)),
    ],
};

const FORMAT: Tagged = Tagged {
    by: "type",
    usual: None,
    variants: &[
        ("text", Variant::Members(&[])),
        ("json_object", Variant::Members(&[])),
        (
            "json_schema",
            Variant::Members(&[
                must("name", Shape::Name(64)),
                must("schema", Shape::AnyObject),
                member("description", Shape::Text),
                member("strict", Shape::Flag),
            ]),
        ),
    ],
};

const REASONING: &[Member] = &[
    member("effort", Shape::Word(EFFORTS)),
    // Thoughts are shown as they are, so nothing is summarized.
    ignored("summary"),
    ignored("generate_summary"),
    ignored("context"),
];
