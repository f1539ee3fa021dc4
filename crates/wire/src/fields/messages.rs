//! The fields of Anthropic's messages and of counting their tokens.
//!
//! Source: Anthropic's API reference (messages, count tokens; 2026-10).

use super::{
    Field, Member, Shape, TOOL_NAME_MAX, Tagged, Variant, Why, closed, dropped, forwarded, ignored, member,
    must, needed, refused,
};
use crate::Surface;

const ASK: &[Surface] = &[Surface::Messages];
const BOTH: &[Surface] = &[Surface::Messages, Surface::CountTokens];

/// The most messages, and the most blocks of one.
const MESSAGES_MAX: usize = 4096;
const TOOLS_MAX: usize = 256;

pub(super) const FIELDS: &[Field] = &[
    needed("model", BOTH, Shape::Model),
    forwarded("system", BOTH, TEXT),
    needed("messages", BOTH, Shape::Array(&MESSAGE, 1, MESSAGES_MAX)),
    forwarded("tools", BOTH, Shape::Array(&TOOL, 0, TOOLS_MAX)),
    forwarded("tool_choice", BOTH, Shape::Tagged(&TOOL_CHOICE)),
    needed("max_tokens", ASK, Shape::TokenCap),
    forwarded("temperature", ASK, Shape::Number(0.0, 1.0)),
    forwarded("top_p", ASK, Shape::Number(0.0, 1.0)),
    forwarded("top_k", ASK, Shape::Integer(0, 1_000_000)),
    forwarded("stop_sequences", ASK, Shape::Array(&Shape::Text, 0, 16)),
    forwarded("stream", ASK, Shape::Flag),
    forwarded("thinking", BOTH, Shape::Tagged(&THINKING)),
    forwarded("output_config", BOTH, Shape::Object(OUTPUT_CONFIG)),
    // The older name of `output_config.format`.
    forwarded("output_format", BOTH, Shape::Tagged(&OUTPUT_FORMAT)),
    // Means nothing behind a gateway: the house has its own identity, caches and order of service, and forgets nothing
    // of a conversation on its own.
    dropped("metadata", ASK),
    dropped("cache_control", BOTH),
    dropped("service_tier", ASK),
    dropped("speed", BOTH),
    dropped("context_management", BOTH),
    // Closed.
    refused("mcp_servers", BOTH, Why::Outbound),
    refused("container", ASK, Why::NotOffered),
    refused("inference_geo", ASK, Why::NotOffered),
];

/// A string, or blocks of text.
const TEXT: Shape = Shape::Either(&[Shape::Text, Shape::Array(&Shape::Tagged(&TEXT_BLOCK), 0, MESSAGES_MAX)]);

const MESSAGE: Shape = Shape::Tagged(&Tagged {
    by: "role",
    usual: None,
    variants: &[
        ("user", Variant::Members(&[must("content", content(&USER_BLOCK))])),
        ("assistant", Variant::Members(&[must("content", content(&ASSISTANT_BLOCK))])),
    ],
});

const fn content(blocks: &'static [Shape; 2]) -> Shape {
    Shape::Either(blocks)
}

const USER_BLOCK: [Shape; 2] = [Shape::Text, Shape::Array(&Shape::Tagged(&USER_BLOCKS), 1, MESSAGES_MAX)];
const ASSISTANT_BLOCK: [Shape; 2] =
    [Shape::Text, Shape::Array(&Shape::Tagged(&ASSISTANT_BLOCKS), 0, MESSAGES_MAX)];

const TEXT_MEMBERS: Variant =
    Variant::Members(&[must("text", Shape::Text), ignored("cache_control"), ignored("citations")]);

/// Blocks of a system prompt and of what a tool returned.
const TEXT_BLOCK: Tagged = Tagged {
    by: "type",
    usual: None,
    variants: &[
        ("text", TEXT_MEMBERS),
        ("image", Variant::Refused(Why::Opaque)),
        ("document", Variant::Refused(Why::Opaque)),
        ("search_result", Variant::Refused(Why::NotOffered)),
        ("tool_reference", Variant::Refused(Why::NotOffered)),
    ],
};

const USER_BLOCKS: Tagged = Tagged {
    by: "type",
    usual: None,
    variants: &[
        ("text", TEXT_MEMBERS),
        (
            "tool_result",
            Variant::Members(&[
                must("tool_use_id", Shape::Text),
                member("content", TEXT),
                // A chat has no place for it; the text of the result tells it.
                ignored("is_error"),
                ignored("cache_control"),
            ]),
        ),
        ("image", Variant::Refused(Why::Opaque)),
        ("document", Variant::Refused(Why::Opaque)),
        ("search_result", Variant::Refused(Why::NotOffered)),
        ("container_upload", Variant::Refused(Why::Opaque)),
    ],
};

const ASSISTANT_BLOCKS: Tagged = Tagged {
    by: "type",
    usual: None,
    variants: &[
        ("text", TEXT_MEMBERS),
        // A signature is made by who made the thought; here nobody checks one.
        (
            "thinking",
            Variant::Members(&[
                must("thinking", Shape::Text),
                ignored("signature"),
                ignored("cache_control"),
            ]),
        ),
        (
            "tool_use",
            Variant::Members(&[
                must("id", Shape::Text),
                must("name", Shape::Name(TOOL_NAME_MAX)),
                must("input", Shape::AnyObject),
                ignored("cache_control"),
                ignored("caller"),
            ]),
        ),
        ("redacted_thinking", Variant::Refused(Why::Opaque)),
        ("server_tool_use", Variant::Refused(Why::Outbound)),
        ("web_search_", Variant::Refused(Why::Outbound)),
        ("web_fetch_", Variant::Refused(Why::Outbound)),
        ("code_execution_", Variant::Refused(Why::NotOffered)),
        ("bash_code_execution_", Variant::Refused(Why::NotOffered)),
        ("text_editor_code_execution_", Variant::Refused(Why::NotOffered)),
        ("tool_search_", Variant::Refused(Why::NotOffered)),
        ("mcp_", Variant::Refused(Why::Outbound)),
    ],
};

const TOOL: Shape = Shape::Tagged(&Tagged {
    by: "type",
    usual: Some("custom"),
    variants: &[
        (
            "custom",
            Variant::Members(&[
                must("name", Shape::Name(TOOL_NAME_MAX)),
                member("description", Shape::Text),
                must("input_schema", Shape::AnyObject),
                member("strict", Shape::Flag),
                ignored("cache_control"),
                ignored("eager_input_streaming"),
                ignored("defer_loading"),
                ignored("allowed_callers"),
                ignored("input_examples"),
            ]),
        ),
        ("web_search_", Variant::Refused(Why::Outbound)),
        ("web_fetch_", Variant::Refused(Why::Outbound)),
        ("mcp_toolset", Variant::Refused(Why::Outbound)),
        ("code_execution_", Variant::Refused(Why::NotOffered)),
        ("computer_", Variant::Refused(Why::NotOffered)),
        ("bash_", Variant::Refused(Why::NotOffered)),
        ("text_editor_", Variant::Refused(Why::NotOffered)),
        ("memory_", Variant::Refused(Why::NotOffered)),
        ("tool_search_", Variant::Refused(Why::NotOffered)),
    ],
});

const PARALLEL: Member = member("disable_parallel_tool_use", Shape::Flag);

const TOOL_CHOICE: Tagged = Tagged {
    by: "type",
    usual: None,
    variants: &[
        ("auto", Variant::Members(&[PARALLEL])),
        ("any", Variant::Members(&[PARALLEL])),
        ("tool", Variant::Members(&[must("name", Shape::Name(TOOL_NAME_MAX)), PARALLEL])),
        ("none", Variant::Members(&[])),
    ],
};

const THINKING: Tagged = Tagged {
    by: "type",
    usual: None,
    variants: &[
        // A model server bounds thought and answer together, by `max_tokens`.
        ("enabled", Variant::Members(&[ignored("budget_tokens"), ignored("display")])),
        ("adaptive", Variant::Members(&[ignored("display")])),
        ("disabled", Variant::Members(&[])),
    ],
};

const OUTPUT_CONFIG: &[Member] = &[
    member("effort", Shape::Word(&["low", "medium", "high", "xhigh", "max"])),
    member("format", Shape::Tagged(&OUTPUT_FORMAT)),
    closed("task_budget", Why::NotOffered),
];

const OUTPUT_FORMAT: Tagged = Tagged {
    by: "type",
    usual: None,
    variants: &[("json_schema", Variant::Members(&[must("schema", Shape::AnyObject)]))],
};
