//! Functions that an answer may or must call, and the grammar that such an answer keeps to.

use crate::calls::Form;
use crate::request::{Fault, check_schema};
use crate::sampling::{Grammar, Marker};
use serde_json::{Map, Value, json};

/// Functions of one request, as OpenAI has it.
const TOOLS_MAX: usize = 128;
/// Of all functions together, as JSON: they become part of the prompt.
const TOOLS_BYTES_MAX: usize = 256 * 1024;
/// Of the schemas that become one grammar, together.
const GRAMMAR_BYTES_MAX: usize = 128 * 1024;
/// Of one schema.
pub(crate) const SCHEMA_BYTES_MAX: usize = 32 * 1024;
const NAME_BYTES_MAX: usize = 64;

/// What may be called. Holds at least one function.
#[derive(Debug, PartialEq)]
pub(crate) struct Tools {
    functions: Vec<Function>,
    choice: Choice,
    parallel: bool,
}

#[derive(Debug, PartialEq)]
struct Function {
    name: String,
    description: Option<String>,
    /// A schema of an object.
    parameters: Value,
    /// Whether a schema that cannot be kept to word for word is refused.
    strict: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Choice {
    None,
    Auto,
    Required,
    Named(String),
}

impl Tools {
    /// `None` if the request has no functions.
    pub(crate) fn parse(fields: &Map<String, Value>) -> Result<Option<Self>, Fault> {
        let functions = match fields.get("tools") {
            None | Some(Value::Null) => Vec::new(),
            Some(tools) => functions(tools)?,
        };
        let choice = choice(fields.get("tool_choice"), !functions.is_empty())?;
        let parallel = match fields.get("parallel_tool_calls") {
            None | Some(Value::Null) => true,
            Some(Value::Bool(parallel)) => *parallel,
            Some(_) => {
                let message = "`parallel_tool_calls` must be true or false";
                return Err(Fault::invalid("parallel_tool_calls", message));
            }
        };
        if let Choice::Named(name) = &choice
            && !functions.iter().any(|function| &function.name == name)
        {
            let message = "`tool_choice` names a function that is not among `tools`";
            return Err(Fault::invalid("tool_choice", message));
        }
        let none = functions.is_empty() || choice == Choice::None;
        Ok((!none).then_some(Self { functions, choice, parallel }))
    }

    /// Whether the answer is a call whatever the model would rather do.
    pub(crate) fn forced(&self) -> bool {
        matches!(self.choice, Choice::Required | Choice::Named(_))
    }

    /// What the template is given.
    pub(crate) fn to_json(&self) -> Vec<Value> {
        let tool = |function: &Function| {
            let mut fields = Map::from_iter([("name".to_owned(), json!(function.name))]);
            if let Some(description) = &function.description {
                fields.insert("description".to_owned(), json!(description));
            }
            fields.insert("parameters".to_owned(), function.parameters.clone());
            json!({ "type": "function", "function": fields })
        };
        self.functions.iter().map(tool).collect()
    }

    /// The grammar of an answer. Forced calls are held to it from the first token, as the prompt ends with their opener;
    /// free ones from their marker on. `answer` is the schema of an answer that is no call; with it there is no freedom.
    pub(crate) fn grammar(&self, form: Form, answer: Option<&Value>) -> Result<Grammar, Fault> {
        let allowed = |function: &&Function| match &self.choice {
            Choice::Named(name) => &function.name == name,
            _ => true,
        };
        let functions: Vec<&Function> = self.functions.iter().filter(allowed).collect();
        let answer = answer.filter(|_| !self.forced());
        let mut rules =
            llama_cpp_2::json_schema_to_grammar(&schema(&functions, form, answer)?).map_err(|_| {
                Fault::invalid("tools", "the engine cannot follow the `parameters` of these functions")
            })?;
        // The names that the translator gives to what the outermost `anyOf` refers to.
        rules.push('\n');
        rules.push_str(&form.rules("alternative-0", self.parallel));
        let marker = form.marker();
        if answer.is_some() {
            let opener = match marker {
                Marker::Written(marker) => format!("\"{marker}\" "),
                Marker::FirstBrace => String::new(),
            };
            rules.push_str(&format!("tool-answer ::= alternative-1 | {opener}tool-calls\n"));
            return Ok(Grammar { rules, root: "tool-answer", after: None });
        }
        Ok(Grammar { rules, root: "tool-calls", after: (!self.forced()).then_some(marker) })
    }
}

fn functions(tools: &Value) -> Result<Vec<Function>, Fault> {
    let tools = tools.as_array().filter(|tools| tools.len() <= TOOLS_MAX).ok_or_else(|| {
        Fault::invalid("tools", format!("`tools` must be a list of at most {TOOLS_MAX} functions"))
    })?;
    let functions: Vec<Function> =
        tools.iter().enumerate().map(|(index, tool)| function(index, tool)).collect::<Result<_, _>>()?;
    let mut names: Vec<&str> = functions.iter().map(|function| function.name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(Fault::invalid("tools", "two functions in `tools` have the same name"));
    }
    let bytes: usize = functions
        .iter()
        .map(|function| {
            function.parameters.to_string().len() + function.description.as_ref().map_or(0, String::len)
        })
        .sum();
    if bytes > TOOLS_BYTES_MAX {
        let message = format!(
            "descriptions and parameters in `tools` may have at most {TOOLS_BYTES_MAX} bytes together"
        );
        return Err(Fault::invalid("tools", message));
    }
    Ok(functions)
}

fn function(index: usize, tool: &Value) -> Result<Function, Fault> {
    let refuse = |what: &str| Fault::invalid("tools", format!("`tools[{index}]{what}"));
    if tool.get("type").and_then(Value::as_str) != Some("function") {
        return Err(refuse(".type` must be `function`"));
    }
    let fields = tool.get("function").and_then(Value::as_object);
    let fields = fields.ok_or_else(|| refuse(".function` must be an object"))?;
    let name = fields.get("name").and_then(Value::as_str).filter(|name| is_name(name)).ok_or_else(|| {
        refuse(&format!(".function.name` must be 1 to {NAME_BYTES_MAX} letters, digits, `_` or `-`"))
    })?;
    let description = match fields.get("description") {
        None | Some(Value::Null) => None,
        Some(Value::String(description)) => Some(description.clone()),
        Some(_) => return Err(refuse(".function.description` must be a text")),
    };
    let strict = match fields.get("strict") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(strict)) => *strict,
        Some(_) => return Err(refuse(".function.strict` must be true or false")),
    };
    let parameters = match fields.get("parameters") {
        // As OpenAI has it, a function without parameters takes none.
        None | Some(Value::Null) => {
            json!({ "type": "object", "properties": {}, "additionalProperties": false })
        }
        Some(schema @ Value::Object(members)) => match members.get("type") {
            Some(Value::String(kind)) if kind == "object" => schema.clone(),
            None if members.contains_key("properties") || members.is_empty() => {
                let mut members = members.clone();
                members.insert("type".to_owned(), json!("object"));
                Value::Object(members)
            }
            _ => return Err(refuse(".function.parameters` must be a schema with the type `object`")),
        },
        Some(_) => return Err(refuse(".function.parameters` must be a JSON schema")),
    };
    if parameters.to_string().len() > SCHEMA_BYTES_MAX {
        return Err(refuse(&format!(".function.parameters` may have at most {SCHEMA_BYTES_MAX} bytes")));
    }
    let checked =
        if strict { check_schema(&parameters, 0) } else { check_schema(&loosened(&parameters, 0), 0) };
    checked.map_err(|why| refuse(&format!(".function.parameters` may not use {why}")))?;
    Ok(Function { name: name.to_owned(), description, parameters, strict })
}

/// Names as OpenAI allows them.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed)
}

fn choice(choice: Option<&Value>, functions: bool) -> Result<Choice, Fault> {
    let choice = match choice {
        None | Some(Value::Null) => return Ok(if functions { Choice::Auto } else { Choice::None }),
        Some(Value::String(word)) => match word.as_str() {
            "none" => return Ok(Choice::None),
            "auto" => return Ok(if functions { Choice::Auto } else { Choice::None }),
            "required" => Some(Choice::Required),
            _ => None,
        },
        Some(named) if named.get("type").and_then(Value::as_str) == Some("function") => {
            let name = named.get("function").and_then(|function| function.get("name"));
            name.and_then(Value::as_str).map(|name| Choice::Named(name.to_owned()))
        }
        Some(_) => None,
    };
    match choice {
        Some(choice) if functions => Ok(choice),
        Some(_) => {
            Err(Fault::invalid("tool_choice", "`tool_choice` asks for a call, but there are no `tools`"))
        }
        None => {
            let message = "`tool_choice` must be none, auto, required, or name a function as \
                           {\"type\": \"function\", \"function\": {\"name\": …}}";
            Err(Fault::invalid("tool_choice", message))
        }
    }
}

/// One schema whose first alternative is a call and whose second is any other answer. Written by hand, because the name
/// has to come before the arguments.
fn schema(functions: &[&Function], form: Form, answer: Option<&Value>) -> Result<String, Fault> {
    let member = form.arguments();
    let mut calls = Vec::new();
    let mut definitions = Vec::new();
    for (index, function) in functions.iter().enumerate() {
        let definition = format!("f{index}");
        let parameters = match function.strict {
            true => function.parameters.clone(),
            false => loosened(&function.parameters, 0),
        };
        calls.push(format!(
            "{{\"type\":\"object\",\"properties\":{{\"name\":{{\"const\":{}}},\"{member}\":{{\"$ref\":\"#/$defs/{definition}\"}}}},\
             \"required\":[\"name\",\"{member}\"],\"additionalProperties\":false}}",
            json!(function.name)
        ));
        definitions.push(format!("\"{definition}\":{}", moved(&parameters, &definition)));
    }
    let answer = answer.map_or_else(|| json!({ "type": "null" }), |answer| moved(answer, "answer"));
    let schema = format!(
        "{{\"$defs\":{{\"call\":{{\"anyOf\":[{}]}},\"answer\":{answer},{}}},\
         \"anyOf\":[{{\"$ref\":\"#/$defs/call\"}},{{\"$ref\":\"#/$defs/answer\"}}]}}",
        calls.join(","),
        definitions.join(",")
    );
    if schema.len() > GRAMMAR_BYTES_MAX {
        let message = format!("the schemas in `tools` may have at most {GRAMMAR_BYTES_MAX} bytes together");
        return Err(Fault::invalid("tools", message));
    }
    Ok(schema)
}

/// A schema that has become the definition `name` of a larger one: its references begin there now.
fn moved(schema: &Value, name: &str) -> Value {
    match schema {
        Value::Array(values) => values.iter().map(|value| moved(value, name)).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| match (key.as_str(), value) {
                ("$ref", Value::String(target)) if target.starts_with('#') => {
                    let target = format!("#/$defs/{name}{}", target.trim_start_matches('#'));
                    (key.clone(), Value::String(target))
                }
                _ => (key.clone(), moved(value, name)),
            });
            Value::Object(members.collect())
        }
        _ => schema.clone(),
    }
}

/// A schema without what cannot be enforced. The model is shown the whole one; whoever runs the function checks anyway.
fn loosened(schema: &Value, depth: usize) -> Value {
    match schema {
        // Deeper ones are refused by the check that follows.
        Value::Array(values) if depth < 64 => values.iter().map(|value| loosened(value, depth + 1)).collect(),
        Value::Object(members) if depth < 64 => {
            let enforced = |(name, value): &(&String, &Value)| match name.as_str() {
                "pattern" => !value.is_string(),
                "minItems" | "maxItems" | "minLength" | "maxLength" => {
                    value.as_u64().is_none_or(|count| count <= crate::request::REPETITIONS_MAX)
                }
                _ => true,
            };
            let members = members.iter().filter(enforced);
            Value::Object(members.map(|(name, value)| (name.clone(), loosened(value, depth + 1))).collect())
        }
        _ => schema.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::Tools;
    use crate::calls::Form;
    use crate::sampling::Marker;
    use serde_json::{Value, json};

    fn parse(request: Value) -> Result<Option<Tools>, String> {
        Tools::parse(request.as_object().unwrap()).map_err(|fault| fault.message)
    }

    fn function(name: &str, parameters: Value) -> Value {
        json!({ "type": "function", "function": { "name": name, "parameters": parameters } })
    }

    #[test]
    fn bad_functions_are_refused_by_place() {
        let check = |tools: Value, expected: &str| {
            let refused = parse(json!({ "tools": tools })).expect_err("refused");
            assert!(refused.contains(expected), "{refused}");
        };
        check(json!({}), "`tools` must be a list of at most 128 functions");
        check(Value::Array(vec![function("f", json!({})); 129]), "at most 128");
        check(json!([{ "type": "web_search" }]), "`tools[0].type` must be `function`");
        check(
            json!([function("f", json!({})), { "type": "function" }]),
            "`tools[1].function` must be an object",
        );
        check(json!([function("a b", json!({}))]), "`tools[0].function.name` must be 1 to 64");
        check(json!([function(&"a".repeat(65), json!({}))]), "`tools[0].function.name`");
        check(json!([function("f", json!({})), function("f", json!({}))]), "the same name");
        check(
            json!([function("f", json!("object"))]),
            "`tools[0].function.parameters` must be a JSON schema",
        );
        check(json!([function("f", json!({ "type": "string" }))]), "the type `object`");
        let elsewhere = json!({ "type": "object", "properties": { "a": { "$ref": "https://x/y" } } });
        check(json!([function("f", elsewhere)]), "may not use a `$ref` to elsewhere");
        let mut deep = json!({ "type": "object" });
        for _ in 0..40 {
            deep = json!({ "type": "object", "properties": { "a": deep } });
        }
        check(json!([function("f", deep)]), "may not use more than 24 levels");
        let long = json!({ "type": "object", "description": "x".repeat(33_000) });
        check(json!([function("f", long)]), "at most 32768 bytes");
        let strict = json!([{ "type": "function", "function": { "name": "f", "strict": true,
            "parameters": { "type": "object", "properties": { "a": { "type": "string", "pattern": "a*" } } } } }]);
        check(strict, "may not use `pattern`");
        let described = |name: usize| {
            json!({ "type": "function", "function": { "name": name.to_string(),
            "description": "x".repeat(3000) } })
        };
        check((0..100).map(described).collect(), "at most 262144 bytes together");
    }

    #[test]
    fn the_choice_is_none_auto_required_or_one() {
        let check = |choice: Value, tools: bool, expected: Result<Option<bool>, &str>| {
            let tools = if tools { json!([function("f", json!({}))]) } else { json!([]) };
            let found = parse(json!({ "tools": tools, "tool_choice": choice }));
            let found = found.map(|tools| tools.map(|tools| tools.forced()));
            match expected {
                Ok(expected) => assert_eq!(found, Ok(expected), "{choice}"),
                Err(words) => {
                    assert!(found.as_ref().is_err_and(|why| why.contains(words)), "{choice}: {found:?}")
                }
            }
        };
        let named = |name: &str| json!({ "type": "function", "function": { "name": name } });
        check(Value::Null, true, Ok(Some(false)));
        check(json!("auto"), true, Ok(Some(false)));
        check(json!("none"), true, Ok(None));
        check(json!("required"), true, Ok(Some(true)));
        check(named("f"), true, Ok(Some(true)));
        check(named("g"), true, Err("not among `tools`"));
        check(json!("any"), true, Err("none, auto, required"));
        check(json!({ "type": "function" }), true, Err("none, auto, required"));
        check(json!("auto"), false, Ok(None));
        check(json!("required"), false, Err("no `tools`"));
        check(named("f"), false, Err("no `tools`"));
        assert!(parse(json!({ "parallel_tool_calls": 1 })).is_err());
    }

    #[test]
    fn a_grammar_names_the_functions_it_allows() {
        let check =
            |choice: Value, form: Form, answer: Option<Value>, after: Option<Marker>, expected: &[&str]| {
                let recursive = json!({ "type": "object", "$defs": { "n": { "type": "integer" } },
                "properties": { "count": { "$ref": "#/$defs/n" }, "self": { "$ref": "#" },
                    "word": { "type": "string", "pattern": "x+" } } });
                let tools = json!([function("one", recursive), function("two", json!({}))]);
                let tools = parse(json!({ "tools": tools, "tool_choice": choice })).unwrap().unwrap();
                let grammar = tools.grammar(form, answer.as_ref()).unwrap();
                assert_eq!(grammar.after, after);
                for (name, there) in [("one", expected.contains(&"one")), ("two", expected.contains(&"two"))]
                {
                    assert_eq!(
                        grammar.rules.contains(&format!("\\\"{name}\\\"")),
                        there,
                        "{name}: {}",
                        grammar.rules
                    );
                }
                assert!(grammar.rules.contains(&format!("\\\"{}\\\"", form.arguments())));
                let root = format!("{} ::= ", grammar.root);
                assert_eq!(grammar.rules.lines().filter(|line| line.starts_with(&root)).count(), 1);
            };
        let named = json!({ "type": "function", "function": { "name": "two" } });
        let marker = Some(Marker::Written("<tool_call>"));
        check(json!("auto"), Form::Tagged, None, marker, &["one", "two"]);
        check(json!("auto"), Form::Bare, None, Some(Marker::FirstBrace), &["one", "two"]);
        check(json!("required"), Form::Bracketed, None, None, &["one", "two"]);
        check(named, Form::Tagged, None, None, &["two"]);
        check(json!("auto"), Form::Tagged, Some(json!({ "type": "string" })), None, &["one", "two"]);
    }
}
