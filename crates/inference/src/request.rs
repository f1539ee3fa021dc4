//! What the worker is asked, as checked values.
//!
//! The gate has already parsed and regenerated what arrives here, so this parser is about ranges and about saying
//! clearly what this engine cannot do; a field it does not know is ignored, as other servers of this wire do.

use crate::calls::Form;
use crate::prompt::{Called, Conversation, Message, ROLES};
use crate::sampling::{Grammar, Sampling};
use crate::tools::{SCHEMA_BYTES_MAX, Tools, is_name};
use serde_json::{Map, Value};

/// A refusal in the shape of OpenAI's errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) status: u16,
    pub(crate) message: String,
    pub(crate) code: &'static str,
    pub(crate) param: Option<&'static str>,
}

impl Fault {
    pub(crate) fn invalid(param: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, message: message.into(), code: "invalid_request", param: Some(param) }
    }

    fn unsupported(param: &'static str) -> Self {
        let message = format!("`{param}` is not supported by the embedded engine");
        Self { status: 400, message, code: "unsupported_parameter", param: Some(param) }
    }

    pub(crate) fn too_long(tokens: usize, limit: u32, param: &'static str) -> Self {
        let message = format!(
            "this model's maximum context length is {limit} tokens, but the prompt has {tokens} tokens and the answer \
             needs at least one"
        );
        Self { status: 400, message, code: "context_length_exceeded", param: Some(param) }
    }

    pub(crate) fn no_middle(model: &str) -> Self {
        let message = format!(
            "the model `{model}` has no tokens for filling in the middle; leave `suffix` out, or serve a model that has \
             them, such as Qwen2.5-Coder, CodeLlama, StarCoder2, DeepSeek-Coder or Codestral"
        );
        Self { status: 400, message, code: "unsupported_parameter", param: Some("suffix") }
    }

    pub(crate) fn to_json(&self) -> Value {
        let kind = match self.status {
            400 | 404 | 405 | 413 => "invalid_request_error",
            _ => "server_error",
        };
        serde_json::json!({
            "error": { "message": self.message, "type": kind, "param": self.param, "code": self.code }
        })
    }
}

/// What both kinds of generation share.
#[derive(Debug, PartialEq)]
pub(crate) struct Generation {
    pub(crate) choices: u32,
    pub(crate) tokens_max: Option<u32>,
    pub(crate) stops: Vec<String>,
    pub(crate) ignore_end: bool,
    pub(crate) logprobs: Option<usize>,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    /// Beginnings are shared only among requests of the same salt.
    pub(crate) cache_salt: Option<String>,
    pub(crate) sampling: Sampling,
}

/// `/v1/chat/completions`.
#[derive(Debug, PartialEq)]
pub(crate) struct Chat {
    pub(crate) conversation: Conversation,
    pub(crate) calls: Calls,
    pub(crate) generation: Generation,
}

/// Whether an answer calls functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calls {
    Never,
    /// If the model wants to.
    Free,
    /// If the model wants to; otherwise the answer keeps to a schema.
    Either,
    Forced,
}

/// `/v1/completions`.
#[derive(Debug, PartialEq)]
pub(crate) struct Completion {
    /// 1 to [`PROMPTS_MAX`]; each is answered as often as `generation.choices` says.
    pub(crate) prompts: Vec<Prompt>,
    /// What follows the gap that is to be filled. Then every prompt is a text.
    pub(crate) suffix: Option<String>,
    pub(crate) echo: bool,
    pub(crate) generation: Generation,
}

/// Bare text, or numbers of LLM tokens that somebody has made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Prompt {
    Text(String),
    /// Within the vocabulary.
    Tokens(Vec<i32>),
}

/// `/v1/embeddings`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Embeddings {
    pub(crate) inputs: Vec<String>,
    /// Elements to keep of each vector; all without it.
    pub(crate) dimensions: Option<usize>,
    pub(crate) base64: bool,
}

/// `/tokenize`, as vLLM has it.
#[derive(Debug, PartialEq)]
pub(crate) struct Tokenize {
    pub(crate) what: Tokenized,
    /// Whether the texts of the tokens are wanted beside their numbers.
    pub(crate) strings: bool,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Tokenized {
    Prompt { text: String, beginning: bool },
    Conversation { conversation: Conversation, answer: bool },
}

/// Texts per embedding request, as OpenAI has it.
const INPUTS_MAX: usize = 2048;
const MESSAGES_MAX: usize = 4096;
/// Choices per prompt.
const CHOICES_MAX: u64 = 8;
/// Prompts of one request to `/v1/completions`.
pub(crate) const PROMPTS_MAX: usize = 64;
/// Prompts times choices.
const ANSWERS_MAX: usize = 128;
const CACHE_SALT_BYTES_MAX: usize = 256;
const STOPS_MAX: usize = 16;
const STOP_BYTES_MAX: usize = 1024;
const LOGPROBS_MAX: u64 = 20;
const BIASES_MAX: usize = 1024;
/// Calls of one message.
const CALLED_MAX: usize = 128;
const CALL_ID_BYTES_MAX: usize = 256;
/// Levels of a JSON schema: it becomes a grammar, and grammars of wild schemas grow without measure.
const SCHEMA_LEVELS_MAX: usize = 24;
/// The highest least or greatest length in a schema.
pub(crate) const REPETITIONS_MAX: u64 = 1000;

/// `form` is how the model writes calls.
pub(crate) fn chat(body: &[u8], random: u32, vocabulary: i32, form: Form) -> Result<Chat, Fault> {
    let fields = object(body)?;
    for unsupported in ["functions", "audio", "documents", "chat_template", "guided_regex", "guided_choice"] {
        refuse(&fields, unsupported)?;
    }
    let logprobs = match (flag(&fields, "logprobs")?, whole(&fields, "top_logprobs", 0, LOGPROBS_MAX)?) {
        (Some(true), top) => Some(top.unwrap_or(0)),
        (_, Some(top)) if top > 0 => {
            return Err(Fault::invalid("top_logprobs", "`top_logprobs` needs `logprobs` to be true"));
        }
        _ => None,
    };
    let mut generation = generation(&fields, random, vocabulary, logprobs)?;
    if let Some(longest) = whole(&fields, "max_completion_tokens", 1, u64::from(u32::MAX))? {
        generation.tokens_max = u32::try_from(longest).ok();
    }
    let tools = Tools::parse(&fields)?;
    let schema = response_format(&fields)?;
    let calls = match &tools {
        None => Calls::Never,
        Some(tools) if tools.forced() => Calls::Forced,
        Some(_) if schema.is_some() => Calls::Either,
        Some(_) => Calls::Free,
    };
    generation.sampling.grammar = match (&tools, schema) {
        (Some(tools), schema) => Some(tools.grammar(form, schema.as_ref())?),
        (None, Some(schema)) => {
            let rules = llama_cpp_2::json_schema_to_grammar(&schema.to_string())
                .map_err(|_| Fault::invalid("response_format", "the engine cannot follow this schema"))?;
            Some(Grammar { rules, root: "root", after: None })
        }
        (None, None) => None,
    };
    let tools = tools.map(|tools| tools.to_json()).unwrap_or_default();
    Ok(Chat { conversation: Conversation { messages: messages(&fields)?, tools }, calls, generation })
}

pub(crate) fn completion(body: &[u8], random: u32, vocabulary: i32) -> Result<Completion, Fault> {
    let fields = object(body)?;
    if whole(&fields, "best_of", 1, CHOICES_MAX)?.is_some_and(|best_of| best_of > 1) {
        return Err(Fault::unsupported("best_of"));
    }
    let prompts = prompts(fields.get("prompt"), vocabulary)?;
    let suffix = text(&fields, "suffix")?.filter(|suffix| !suffix.is_empty());
    if suffix.is_some() && prompts.iter().any(|prompt| matches!(prompt, Prompt::Tokens(_))) {
        return Err(Fault::invalid("suffix", "`suffix` needs a `prompt` of text, not of token numbers"));
    }
    let logprobs = whole(&fields, "logprobs", 0, LOGPROBS_MAX)?;
    let mut generation = generation(&fields, random, vocabulary, logprobs)?;
    // OpenAI's default for this old surface.
    generation.tokens_max = Some(generation.tokens_max.unwrap_or(16));
    if prompts.len() * generation.choices as usize > ANSWERS_MAX {
        let message = format!("prompts times `n` must be at most {ANSWERS_MAX}");
        return Err(Fault::invalid("prompt", message));
    }
    Ok(Completion { prompts, suffix, echo: flag(&fields, "echo")?.unwrap_or(false), generation })
}

/// A text, a list of token numbers, or a list of either.
fn prompts(prompt: Option<&Value>, vocabulary: i32) -> Result<Vec<Prompt>, Fault> {
    let one = |prompt: &Value| match prompt {
        Value::String(text) if !text.is_empty() => Some(Prompt::Text(text.clone())),
        Value::Array(numbers) if !numbers.is_empty() => {
            let token = |number: &Value| {
                let token = number.as_i64().and_then(|number| i32::try_from(number).ok());
                token.filter(|token| (0..vocabulary).contains(token))
            };
            numbers.iter().map(token).collect::<Option<_>>().map(Prompt::Tokens)
        }
        _ => None,
    };
    let prompts = match prompt {
        Some(Value::Array(several)) if !several.first().is_some_and(Value::is_number) => Some(several)
            .filter(|several| (1..=PROMPTS_MAX).contains(&several.len()))
            .and_then(|several| several.iter().map(one).collect()),
        Some(single) => one(single).map(|prompt| vec![prompt]),
        None => None,
    };
    prompts.ok_or_else(|| {
        let message = format!(
            "`prompt` must be a text, a list of token numbers below {vocabulary}, or 1 to {PROMPTS_MAX} of either, \
             none of them empty"
        );
        Fault::invalid("prompt", message)
    })
}

pub(crate) fn tokenize(body: &[u8]) -> Result<Tokenize, Fault> {
    let fields = object(body)?;
    let strings = flag(&fields, "return_token_strs")?.unwrap_or(false);
    let what = match (text(&fields, "prompt")?, fields.contains_key("messages")) {
        (Some(_), true) => {
            return Err(Fault::invalid("prompt", "there must be `prompt` or `messages`, not both"));
        }
        (Some(text), false) => {
            Tokenized::Prompt { text, beginning: flag(&fields, "add_special_tokens")?.unwrap_or(true) }
        }
        (None, true) => {
            let tools = Tools::parse(&fields)?.map(|tools| tools.to_json()).unwrap_or_default();
            let conversation = Conversation { messages: messages(&fields)?, tools };
            let answer = flag(&fields, "add_generation_prompt")?.unwrap_or(true);
            Tokenized::Conversation { conversation, answer }
        }
        (None, false) => return Err(Fault::invalid("prompt", "there must be `prompt` or `messages`")),
    };
    Ok(Tokenize { what, strings })
}

/// `width` is how many elements the model's vectors have.
pub(crate) fn embeddings(body: &[u8], width: u32) -> Result<Embeddings, Fault> {
    let fields = object(body)?;
    let dimensions = whole(&fields, "dimensions", 1, width.into())?;
    let dimensions = dimensions.and_then(|dimensions| usize::try_from(dimensions).ok());
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let inputs = match fields.get("input") {
        Some(Value::Array(inputs)) if inputs.len() <= INPUTS_MAX => inputs.iter().map(text).collect(),
        Some(input) => text(input).map(|text| vec![text]),
        None => None,
    };
    let inputs = inputs.filter(|inputs| !inputs.is_empty()).ok_or_else(|| {
        Fault::invalid(
            "input",
            format!("`input` must be a text, or 1 to {INPUTS_MAX} texts, none of them empty"),
        )
    })?;
    let base64 = match fields.get("encoding_format").and_then(Value::as_str) {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => {
            return Err(Fault::invalid("encoding_format", "`encoding_format` must be float or base64"));
        }
    };
    Ok(Embeddings { inputs, dimensions, base64 })
}

/// The model a request names, if it names one.
pub(crate) fn model(body: &[u8]) -> Result<Option<String>, Fault> {
    match object(body)?.get("model") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(model)) => Ok(Some(model.clone())),
        Some(_) => Err(Fault::invalid("model", "`model` must be a text")),
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Fault> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Fault { param: None, ..Fault::invalid("", "the body must be a JSON object") }),
        // serde_json's words name a line and a column, never the content.
        Err(error) => {
            Err(Fault { param: None, ..Fault::invalid("", format!("the body is not JSON: {error}")) })
        }
    }
}

fn refuse(fields: &Map<String, Value>, name: &'static str) -> Result<(), Fault> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(()),
        Some(_) => Err(Fault::unsupported(name)),
    }
}

fn generation(
    fields: &Map<String, Value>,
    random: u32,
    vocabulary: i32,
    logprobs: Option<u64>,
) -> Result<Generation, Fault> {
    let real = |name, low, high| real(fields, name, low, high);
    let seed = match fields.get("seed") {
        None | Some(Value::Null) => random,
        // Any 64-bit number is a seed; the engine has 32 bits of them.
        Some(seed) => match seed.as_i64().map(i64::cast_unsigned).or(seed.as_u64()) {
            Some(seed) => u32::try_from(seed & u64::from(u32::MAX)).unwrap_or(random),
            None => return Err(Fault::invalid("seed", "`seed` must be a whole number")),
        },
    };
    let tokens_max = whole(fields, "max_tokens", 1, u64::from(u32::MAX))?;
    let usage = fields.get("stream_options").and_then(|options| options.get("include_usage"));
    // Vendors write "all tokens" as -1 or 0.
    let top_k = match fields.get("top_k").and_then(Value::as_i64) {
        Some(-1) => 0,
        _ => whole(fields, "top_k", 0, i32::MAX.unsigned_abs().into())?
            .map_or(TOP_K, |top_k| i32::try_from(top_k).unwrap_or(i32::MAX)),
    };
    Ok(Generation {
        choices: whole(fields, "n", 1, CHOICES_MAX)?.map_or(1, |n| u32::try_from(n).unwrap_or(1)),
        tokens_max: tokens_max.and_then(|tokens| u32::try_from(tokens).ok()),
        stops: stops(fields)?,
        ignore_end: flag(fields, "ignore_eos")?.unwrap_or(false),
        logprobs: logprobs.map(|top| usize::try_from(top).unwrap_or(0)),
        stream: flag(fields, "stream")?.unwrap_or(false),
        include_usage: usage.and_then(Value::as_bool).unwrap_or(false),
        cache_salt: cache_salt(fields)?,
        sampling: Sampling {
            temperature: real("temperature", 0.0, 2.0)?.unwrap_or(TEMPERATURE),
            top_p: real("top_p", 0.0, 1.0)?.unwrap_or(TOP_P),
            top_k,
            min_p: real("min_p", 0.0, 1.0)?.unwrap_or(MIN_P),
            seed,
            repetition_penalty: real("repetition_penalty", 0.01, 2.0)?.unwrap_or(1.0),
            presence_penalty: real("presence_penalty", -2.0, 2.0)?.unwrap_or(0.0),
            frequency_penalty: real("frequency_penalty", -2.0, 2.0)?.unwrap_or(0.0),
            logit_bias: logit_bias(fields, vocabulary)?,
            grammar: None,
        },
    })
}

fn cache_salt(fields: &Map<String, Value>) -> Result<Option<String>, Fault> {
    let salt = text(fields, "cache_salt")?;
    if salt.as_ref().is_some_and(|salt| !(1..=CACHE_SALT_BYTES_MAX).contains(&salt.len())) {
        let message = format!("`cache_salt` must have 1 to {CACHE_SALT_BYTES_MAX} bytes");
        return Err(Fault::invalid("cache_salt", message));
    }
    Ok(salt)
}

// What an asker gets who asks for nothing: steadier than sampling from the whole distribution, which small models
// do not survive.
const TEMPERATURE: f32 = 0.6;
const TOP_P: f32 = 0.95;
const TOP_K: i32 = 40;
const MIN_P: f32 = 0.05;

fn messages(fields: &Map<String, Value>) -> Result<Vec<Message>, Fault> {
    let list = fields.get("messages").and_then(Value::as_array);
    let list = list.filter(|list| (1..=MESSAGES_MAX).contains(&list.len())).ok_or_else(|| {
        Fault::invalid("messages", format!("`messages` must be a list of 1 to {MESSAGES_MAX} messages"))
    })?;
    list.iter().enumerate().map(|(index, found)| message(index, found)).collect()
}

fn message(index: usize, message: &Value) -> Result<Message, Fault> {
    let role = message.get("role").and_then(Value::as_str).filter(|role| ROLES.contains(role));
    let role = role
        .ok_or_else(|| Fault::invalid("messages", format!("a role must be one of {}", ROLES.join(", "))))?;
    let calls = match (message.get("tool_calls"), role) {
        (None | Some(Value::Null), _) => Vec::new(),
        (Some(calls), "assistant") => called(index, calls)?,
        (Some(_), _) => {
            let message = format!("`messages[{index}].tool_calls` belongs to an assistant");
            return Err(Fault::invalid("messages", message));
        }
    };
    let call_id = match message.get("tool_call_id") {
        None | Some(Value::Null) => None,
        Some(id) => Some(call_id(id).ok_or_else(|| {
            let message =
                format!("`messages[{index}].tool_call_id` must be a text of 1 to {CALL_ID_BYTES_MAX} bytes");
            Fault::invalid("messages", message)
        })?),
    };
    let content = match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let text = |part: &Value| match part.get("type").and_then(Value::as_str) {
                Some("text") => part.get("text").and_then(Value::as_str).map(str::to_owned),
                _ => None,
            };
            let texts: Option<Vec<String>> = parts.iter().map(text).collect();
            let refusal =
                || Fault::invalid("messages", "the embedded engine reads text only, no images or audio");
            texts.ok_or_else(refusal)?.join("\n")
        }
        None | Some(Value::Null) if role == "assistant" => String::new(),
        _ => return Err(Fault::invalid("messages", "a message's content must be text")),
    };
    Ok(Message { role: role.to_owned(), content, calls, call_id })
}

fn call_id(id: &Value) -> Option<String> {
    id.as_str().filter(|id| (1..=CALL_ID_BYTES_MAX).contains(&id.len())).map(str::to_owned)
}

/// The calls of an earlier answer.
fn called(index: usize, calls: &Value) -> Result<Vec<Called>, Fault> {
    let calls = calls.as_array().filter(|calls| calls.len() <= CALLED_MAX).ok_or_else(|| {
        let message = format!("`messages[{index}].tool_calls` must be a list of at most {CALLED_MAX} calls");
        Fault::invalid("messages", message)
    })?;
    let call = |(place, call): (usize, &Value)| {
        let refuse = |what: String| {
            Fault::invalid("messages", format!("`messages[{index}].tool_calls[{place}].{what}"))
        };
        let function = call.get("function");
        let name = function.and_then(|function| function.get("name")).and_then(Value::as_str);
        let name = name.filter(|name| is_name(name));
        let name = name.ok_or_else(|| refuse("function.name` is not the name of a function".to_owned()))?;
        let arguments = function.and_then(|function| function.get("arguments")).and_then(Value::as_str);
        let arguments: Option<Value> = arguments.and_then(|text| serde_json::from_str(text).ok());
        let arguments = arguments.filter(Value::is_object);
        let arguments = arguments
            .ok_or_else(|| refuse("function.arguments` must be a JSON object as a text".to_owned()))?;
        let id = call.get("id").and_then(call_id);
        let id = id.ok_or_else(|| refuse(format!("id` must be a text of 1 to {CALL_ID_BYTES_MAX} bytes")))?;
        Ok(Called { id, name: name.to_owned(), arguments })
    };
    calls.iter().enumerate().map(call).collect()
}

fn stops(fields: &Map<String, Value>) -> Result<Vec<String>, Fault> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let stops = match fields.get("stop") {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(stops)) => stops.iter().map(text).collect(),
        Some(stop) => text(stop).map(|stop| vec![stop]),
    };
    let good = |stop: &String| (1..=STOP_BYTES_MAX).contains(&stop.len());
    stops.filter(|stops| stops.len() <= STOPS_MAX && stops.iter().all(good)).ok_or_else(|| {
        let message = format!("`stop` must be at most {STOPS_MAX} texts of 1 to {STOP_BYTES_MAX} bytes");
        Fault::invalid("stop", message)
    })
}

fn logit_bias(fields: &Map<String, Value>, vocabulary: i32) -> Result<Vec<(i32, f32)>, Fault> {
    let biases = match fields.get("logit_bias") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(biases)) if biases.len() <= BIASES_MAX => biases,
        Some(_) => {
            return Err(Fault::invalid(
                "logit_bias",
                "`logit_bias` must be an object of at most 1024 entries",
            ));
        }
    };
    let bias = |(token, bias): (&String, &Value)| {
        let token = token.parse().ok().filter(|token| (0..vocabulary).contains(token));
        token.zip(narrow(bias).filter(|bias| (-100.0..=100.0).contains(bias)))
    };
    let biases: Option<Vec<(i32, f32)>> = biases.iter().map(bias).collect();
    biases.ok_or_else(|| {
        Fault::invalid("logit_bias", "`logit_bias` maps token numbers to values from -100 to 100")
    })
}

/// The schema of the answer, if one is asked for.
fn response_format(fields: &Map<String, Value>) -> Result<Option<Value>, Fault> {
    let Some(format) = fields.get("response_format").filter(|format| !format.is_null()) else {
        return Ok(None);
    };
    let schema = match format.get("type").and_then(Value::as_str) {
        Some("text") => return Ok(None),
        Some("json_object") => serde_json::json!({ "type": "object" }),
        Some("json_schema") => {
            let schema = format.get("json_schema").and_then(|wrapped| wrapped.get("schema"));
            schema
                .cloned()
                .ok_or_else(|| Fault::invalid("response_format", "`json_schema` needs a `schema`"))?
        }
        _ => {
            return Err(Fault::invalid("response_format", "`type` must be text, json_object or json_schema"));
        }
    };
    if schema.to_string().len() > SCHEMA_BYTES_MAX {
        let message = format!("a schema may have at most {SCHEMA_BYTES_MAX} bytes");
        return Err(Fault::invalid("response_format", message));
    }
    let refuse = |why| Fault::invalid("response_format", format!("a schema may not use {why}"));
    check_schema(&schema, 0).map_err(refuse)?;
    Ok(Some(schema))
}

/// Patterns and large repetitions make grammars explode; nesting is bounded because the translator recurses. `Err` says
/// what is too much.
pub(crate) fn check_schema(schema: &Value, depth: usize) -> Result<(), String> {
    if depth > SCHEMA_LEVELS_MAX {
        return Err(format!("more than {SCHEMA_LEVELS_MAX} levels"));
    }
    match schema {
        Value::Array(values) => values.iter().try_for_each(|value| check_schema(value, depth + 1)),
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            let repeats = ["minItems", "maxItems", "minLength", "maxLength"].contains(&name.as_str());
            if repeats && value.as_u64().is_some_and(|count| count > REPETITIONS_MAX) {
                return Err(format!("lengths beyond {REPETITIONS_MAX}"));
            }
            match (name.as_str(), value) {
                ("pattern", Value::String(_)) => Err("`pattern`".to_owned()),
                ("$ref", Value::String(target)) if !target.starts_with('#') => {
                    Err("a `$ref` to elsewhere".to_owned())
                }
                _ => check_schema(value, depth + 1),
            }
        }),
        _ => Ok(()),
    }
}

fn text(fields: &Map<String, Value>, name: &'static str) -> Result<Option<String>, Fault> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Fault::invalid(name, format!("`{name}` must be a text"))),
    }
}

fn flag(fields: &Map<String, Value>, name: &'static str) -> Result<Option<bool>, Fault> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(Fault::invalid(name, format!("`{name}` must be true or false"))),
    }
}

fn whole(fields: &Map<String, Value>, name: &'static str, low: u64, high: u64) -> Result<Option<u64>, Fault> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64().filter(|value| (low..=high).contains(value)) {
            Some(value) => Ok(Some(value)),
            None => {
                Err(Fault::invalid(name, format!("`{name}` must be a whole number from {low} to {high}")))
            }
        },
    }
}

fn real(fields: &Map<String, Value>, name: &'static str, low: f32, high: f32) -> Result<Option<f32>, Fault> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match narrow(value).filter(|value| (low..=high).contains(value)) {
            Some(value) => Ok(Some(value)),
            None => Err(Fault::invalid(name, format!("`{name}` must be a number from {low} to {high}"))),
        },
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the engine computes in 32 bits; precision is lost, range is not"
)]
fn narrow(value: &Value) -> Option<f32> {
    value.as_f64().map(|value| value as f32).filter(|value| value.is_finite())
}
