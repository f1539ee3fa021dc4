//! The text before a gap and the text behind it, written as one prompt for models that were taught to fill it.
//!
//! Sources: the model cards and tokenizers of the families, as of November 2026.

use schleuse_types::Infill;

use super::{REPLY_BOUNDS, Untranslatable};
use crate::json::{self, Object, Value};

/// The body of a completion for a server that knows no `suffix`; nothing changes where there is none, or where the server is to
/// do it. An empty `suffix` says nothing, and is left out.
///
/// A text that spells a control token of the model itself is not changed: what was inspected is what is sent.
///
/// # Errors
/// `suffix` beside a prompt of token numbers, which cannot be written into; `echo`, which would give back the control tokens.
pub(super) fn write(body: String, infill: Infill) -> Result<String, Untranslatable> {
    if !body.contains("\"suffix\"") {
        return Ok(body);
    }
    let Ok(Value::Object(mut members)) = json::parse(body.as_bytes(), &REPLY_BOUNDS) else {
        return Err(Untranslatable::new("the document"));
    };
    match members.get("suffix") {
        None => return Ok(body),
        Some(Value::String(suffix)) if !suffix.is_empty() => {
            let Some(form) = form(infill) else { return Ok(body) };
            let suffix = suffix.clone();
            form.fill(&mut members, &suffix)?;
        }
        Some(_) => {}
    }
    members.remove("suffix");
    let mut out = String::with_capacity(body.len());
    json::write_object(&members, &mut out);
    Ok(out)
}

/// What stands before, between and behind the two texts.
struct Form {
    before: &'static str,
    between: &'static str,
    behind: &'static str,
    /// The text behind the gap comes first.
    is_suffix_first: bool,
    /// What a model says when it goes on past the gap; not all of them end there by themselves.
    stops: &'static [&'static str],
}

fn form(infill: Infill) -> Option<Form> {
    let form =
        |before, between, behind, stops| Form { before, between, behind, is_suffix_first: false, stops };
    Some(match infill {
        Infill::Server => return None,
        Infill::Qwen => form("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", &QWEN_STOPS),
        Infill::StarCoder => form("<fim_prefix>", "<fim_suffix>", "<fim_middle>", &STARCODER_STOPS),
        Infill::DeepSeek => form("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", &DEEPSEEK_STOPS),
        Infill::CodeLlama => form("<PRE> ", " <SUF>", " <MID>", &["<PRE>", "<SUF>", "<MID>", "<EOT>"]),
        Infill::Codestral => {
            Form { is_suffix_first: true, ..form("[SUFFIX]", "[PREFIX]", "", &["[SUFFIX]", "[PREFIX]"]) }
        }
        Infill::SeedCoder => Form {
            is_suffix_first: true,
            ..form("<[fim-suffix]>", "<[fim-prefix]>", "<[fim-middle]>", &SEED_STOPS)
        },
        Infill::Mellum => Form {
            is_suffix_first: true,
            ..form("<fim_suffix>", "<fim_prefix>", "<fim_middle>", &STARCODER_STOPS)
        },
    })
}

const QWEN_STOPS: [&str; 7] = [
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<|file_separator|>",
];
const STARCODER_STOPS: [&str; 5] =
    ["<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<repo_name>", "<file_sep>"];
const DEEPSEEK_STOPS: [&str; 3] = ["<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"];
const SEED_STOPS: [&str; 3] = ["<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>"];

impl Form {
    fn fill(&self, members: &mut Object, suffix: &str) -> Result<(), Untranslatable> {
        if members.get("echo").and_then(Value::as_bool) == Some(true) {
            return Err(Untranslatable::new("echo"));
        }
        match members.get_mut("prompt") {
            Some(Value::String(prompt)) => *prompt = self.write(prompt, suffix),
            Some(Value::Array(prompts)) => {
                for prompt in prompts {
                    let Value::String(prompt) = prompt else { return Err(Untranslatable::new("suffix")) };
                    *prompt = self.write(prompt, suffix);
                }
            }
            _ => return Err(Untranslatable::new("suffix")),
        }
        let mut stops = match members.remove("stop") {
            Some(Value::Array(stops)) => stops,
            Some(stop @ Value::String(_)) => vec![stop],
            _ => Vec::new(),
        };
        for stop in self.stops {
            if stops.iter().all(|known| known.as_str() != Some(stop)) {
                stops.push(Value::String((*stop).to_owned()));
            }
        }
        members.set("stop", Value::Array(stops));
        Ok(())
    }

    fn write(&self, prefix: &str, suffix: &str) -> String {
        let (first, second) = if self.is_suffix_first { (suffix, prefix) } else { (prefix, suffix) };
        [self.before, first, self.between, second, self.behind].concat()
    }
}

#[cfg(test)]
mod tests {
    use schleuse_types::Infill;
    use serde_json::{Value, json};

    use super::write;
    use crate::dialect::Untranslatable;

    #[track_caller]
    fn check(infill: Infill, prompt: &str) {
        let asked = json!({"model": "m", "prompt": "a(", "suffix": ")\n", "max_tokens": 8});
        let written: Value = serde_json::from_str(&write(asked.to_string(), infill).unwrap()).unwrap();
        assert_eq!(written["prompt"], prompt, "{infill}");
        assert_eq!((&written["suffix"], &written["max_tokens"]), (&Value::Null, &json!(8)), "{infill}");
        assert!(written["stop"].as_array().is_some_and(|stops| stops.len() >= 2), "{infill}");
    }

    #[test]
    fn each_family_reads_its_own_words() {
        check(Infill::Qwen, "<|fim_prefix|>a(<|fim_suffix|>)\n<|fim_middle|>");
        check(Infill::StarCoder, "<fim_prefix>a(<fim_suffix>)\n<fim_middle>");
        check(
            Infill::DeepSeek,
            "<\u{ff5c}fim\u{2581}begin\u{ff5c}>a(<\u{ff5c}fim\u{2581}hole\u{ff5c}>)\n<\u{ff5c}fim\u{2581}end\u{ff5c}>",
        );
        check(Infill::CodeLlama, "<PRE> a( <SUF>)\n <MID>");
        check(Infill::Codestral, "[SUFFIX])\n[PREFIX]a(");
        check(Infill::SeedCoder, "<[fim-suffix]>)\n<[fim-prefix]>a(<[fim-middle]>");
        check(Infill::Mellum, "<fim_suffix>)\n<fim_prefix>a(<fim_middle>");
    }

    /// Left byte for byte as it was.
    #[track_caller]
    fn stays(infill: Infill, body: &Value) {
        let body = body.to_string();
        assert_eq!(write(body.clone(), infill), Ok(body));
    }

    #[test]
    fn nothing_else_changes() {
        stays(Infill::Server, &json!({"prompt": "a", "suffix": "b"}));
        stays(Infill::Qwen, &json!({"prompt": "a \"suffix\" b"}));
        stays(Infill::Qwen, &json!({"prompt": "a", "user": "suffix"}));
    }

    #[track_caller]
    fn writes(body: &Value, expected: &Value) {
        let written = write(body.to_string(), Infill::Codestral).unwrap();
        assert_eq!(&serde_json::from_str::<Value>(&written).unwrap(), expected);
    }

    #[test]
    fn prompts_and_stops_of_every_form_are_taken() {
        writes(
            &json!({"prompt": ["a", "b"], "suffix": "c", "stop": "\n\n"}),
            &json!({"prompt": ["[SUFFIX]c[PREFIX]a", "[SUFFIX]c[PREFIX]b"], "stop": ["\n\n", "[SUFFIX]", "[PREFIX]"]}),
        );
        writes(
            &json!({"prompt": "a", "suffix": "c", "stop": ["[PREFIX]"]}),
            &json!({"prompt": "[SUFFIX]c[PREFIX]a", "stop": ["[PREFIX]", "[SUFFIX]"]}),
        );
        writes(&json!({"prompt": "a", "suffix": ""}), &json!({"prompt": "a"}));
        writes(&json!({"prompt": "a", "suffix": null}), &json!({"prompt": "a"}));
    }

    #[track_caller]
    fn refuses(body: &Value, field: &str) {
        assert_eq!(write(body.to_string(), Infill::Qwen), Err(Untranslatable::new(field)));
    }

    #[test]
    fn what_cannot_be_written_is_refused_by_name() {
        refuses(&json!({"prompt": [1, 2], "suffix": "c"}), "suffix");
        refuses(&json!({"prompt": [[1], [2]], "suffix": "c"}), "suffix");
        refuses(&json!({"prompt": "a", "suffix": "c", "echo": true}), "echo");
    }
}
