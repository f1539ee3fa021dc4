use crate::fields::specimens::with_text;
use crate::json::Value;
use crate::{Limits, Request, Surface};
use proptest::prelude::*;

fn parse(surface: Surface, body: &str) -> Result<Request, String> {
    Request::parse(surface, body.as_bytes(), &Limits::default())
        .map_err(|refusal| refusal.message.english.to_string())
}

/// What goes to the model server. It is understood there, and nothing of it is left out there.
fn translated(request: &Request) -> String {
    let chat = request.to_upstream();
    let asked = parse(request.surface().asked_as(), &chat).unwrap();
    assert_eq!(asked.to_upstream(), chat);
    assert_eq!((asked.model(), asked.is_stream()), (request.model(), request.is_stream()));
    chat
}

fn check(surface: Surface, body: &str, expected: Result<&str, &str>) {
    let got = parse(surface, body).map(|request| translated(&request));
    assert_eq!(got, expected.map(str::to_owned).map_err(str::to_owned), "{body}");
}

/// A body of Anthropic's with these members more.
fn check_messages(members: &str, expected: Result<&str, &str>) {
    let body = format!(r#"{{"model":"m","max_tokens":9,{members}}}"#);
    let expected = expected.map(|members| format!(r#"{{"model":"m",{members}}}"#));
    check(Surface::Messages, &body, expected.as_deref().map_err(|message| *message));
}

const HI: &str = r#""messages":[{"role":"user","content":"hi"}]"#;

#[test]
fn messages_become_a_chat() {
    check_messages(HI, Ok(&format!(r#"{HI},"max_tokens":9"#)));
    check_messages(
        r#""system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}],"messages":[
            {"role":"user","content":[{"type":"text","text":"b"},{"type":"text","text":"c","citations":null}]},
            {"role":"assistant","content":[{"type":"thinking","thinking":"d","signature":"x"},{"type":"text","text":"e"},
                {"type":"tool_use","id":"t","name":"f","input":{"k":["v",1.50]}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"g"}],"is_error":true},
                {"type":"tool_result","tool_use_id":"u"},{"type":"text","text":"h"}]}]"#,
        Ok(concat!(
            r#""messages":[{"role":"system","content":[{"type":"text","text":"a"}]},"#,
            r#"{"role":"user","content":[{"type":"text","text":"b"},{"type":"text","text":"c"}]},"#,
            r#"{"role":"assistant","content":[{"type":"text","text":"e"}],"reasoning":"d","#,
            r#""tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{\"k\":[\"v\",1.50]}"}}]},"#,
            r#"{"role":"tool","content":[{"type":"text","text":"g"}],"tool_call_id":"t"},"#,
            r#"{"role":"tool","content":"","tool_call_id":"u"},"#,
            r#"{"role":"user","content":[{"type":"text","text":"h"}]}],"max_tokens":9"#
        )),
    );
    check_messages(
        &format!(
            r#"{HI},"system":"s","stop_sequences":["x"],"temperature":1,"top_p":0.5,"top_k":4,"stream":true,
            "metadata":{{"user_id":"u"}},"service_tier":"auto","thinking":{{"type":"disabled"}},
            "tools":[{{"name":"f","description":"d","input_schema":{{"type":"object"}},"cache_control":{{}}}}],
            "tool_choice":{{"type":"tool","name":"f","disable_parallel_tool_use":true}},
            "output_config":{{"effort":"low","format":{{"type":"json_schema","schema":{{"type":"object"}}}}}}"#
        ),
        Ok(concat!(
            r#""messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}],"#,
            r#""tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}],"#,
            r#""tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,"max_tokens":9,"#,
            r#""temperature":1,"top_p":0.5,"top_k":4,"stream":true,"stop":["x"],"include_reasoning":false,"#,
            r#""reasoning_effort":"low","response_format":{"type":"json_schema","json_schema":"#,
            r#"{"name":"answer","schema":{"type":"object"},"strict":true}},"stream_options":{"include_usage":true}"#
        )),
    );
    // An answer that the asker began is gone on with.
    check_messages(
        r#""messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]"#,
        Ok(concat!(
            r#""messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"#,
            r#""add_generation_prompt":false,"continue_final_message":true,"max_tokens":9"#
        )),
    );
}

#[test]
fn what_a_chat_has_no_place_for_is_refused_by_name() {
    let refused = |members: &str, expected: &str| check_messages(members, Err(expected));
    refused(r#""system":"a""#, "The field `messages` is missing.");
    refused(r#""messages":[]"#, "The field `messages` must be an array with at least one item.");
    refused(
        r#""messages":[{"role":"system","content":"a"}]"#,
        "The field `messages[0].role` must be one of user, assistant.",
    );
    refused(r#""messages":[{"role":"user"}]"#, "The field `messages[0].content` is missing.");
    refused(
        r#""messages":[{"role":"user","content":7}]"#,
        "The field `messages[0].content` must be a string or an array.",
    );
    refused(
        r#""messages":[{"role":"user","content":"a","nme":"x"}]"#,
        "Unknown field `nme` in `messages[0]`.",
    );
    let block = |block: &str, expected: &str| {
        refused(&format!(r#""messages":[{{"role":"user","content":[{block}]}}]"#), expected);
    };
    block(
        r#"{"type":"image","source":{}}"#,
        "The field `messages[0].content[0]` with the `type` `image` is refused: it carries content that cannot be inspected.",
    );
    block(
        r#"{"type":"tool_result","tool_use_id":"t","content":[{"type":"document"}]}"#,
        "The field `messages[0].content[0].content[0]` with the `type` `document` is refused: it carries content that cannot be inspected.",
    );
    block(
        r#"{"type":"text","txt":"a"}"#,
        "Unknown field `txt` in `messages[0].content[0]`; did you mean `text`?",
    );
    block(r#"{"text":"a"}"#, "The field `messages[0].content[0].type` is missing.");
    refused(
        &format!(r#"{HI},"tools":[{{"type":"web_search_20250305","name":"web_search"}}]"#),
        "The field `tools[0]` with the `type` `web_search` is refused: it would make the model server talk to the outside.",
    );
    refused(
        &format!(r#"{HI},"mcp_servers":[]"#),
        "The field `mcp_servers` is refused: it would make the model server talk to the outside.",
    );
    refused(&format!(r#"{HI},"container":"c""#), "The field `container` is refused: it is not offered here.");
    refused(&format!(r#"{HI},"max_token":1"#), "Unknown field `max_token`; did you mean `max_tokens`?");
    check(Surface::Messages, &format!(r#"{{"model":"m",{HI}}}"#), Err("The field `max_tokens` is missing."));
}

#[test]
fn tokens_are_counted_by_asking_for_them() {
    check(
        Surface::CountTokens,
        &format!(
            r#"{{"model":"m","system":"s",{HI},"tools":[{{"name":"f","input_schema":{{}}}}],"thinking":{{"type":"enabled","budget_tokens":1024}}}}"#
        ),
        Ok(concat!(
            r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}],"#,
            r#""tools":[{"type":"function","function":{"name":"f","parameters":{}}}]}"#
        )),
    );
    check(
        Surface::CountTokens,
        &format!(r#"{{"model":"m",{HI},"stream":true}}"#),
        Err("Unknown field `stream`."),
    );
}

/// A body of a response with this input and more.
fn check_responses(members: &str, expected: Result<&str, &str>) {
    let body = format!(r#"{{"model":"m",{members}}}"#);
    let expected = expected.map(|members| format!(r#"{{"model":"m",{members}}}"#));
    check(Surface::Responses, &body, expected.as_deref().map_err(|message| *message));
}

#[test]
fn responses_become_a_chat() {
    check_responses(
        r#""instructions":"i","input":"hi","max_output_tokens":7,"store":false,"background":false,"truncation":"disabled",
            "include":["reasoning.encrypted_content"],"reasoning":{"effort":"low","summary":"auto"},"metadata":{"a":"b"}"#,
        Ok(
            r#""messages":[{"role":"system","content":"i"},{"role":"user","content":"hi"}],"max_tokens":7,"reasoning_effort":"low""#,
        ),
    );
    check_responses(
        r#""input":[{"role":"developer","content":"a"},{"type":"message","role":"user","content":[{"type":"input_text","text":"b"}]},
            {"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"c"}],"encrypted_content":"zzz"},
            {"type":"message","id":"msg","status":"completed","role":"assistant","content":[{"type":"output_text","text":"d","annotations":[],"logprobs":[]},{"type":"refusal","refusal":"e"}]},
            {"type":"function_call","id":"fc","call_id":"1","name":"f","arguments":"{}","status":"completed"},
            {"type":"function_call","call_id":"2","name":"f","arguments":"{\"k\":1}"},
            {"type":"function_call_output","call_id":"1","output":"g"},
            {"type":"function_call_output","call_id":"2","output":[{"type":"input_text","text":"h"}]},
            {"role":"user","content":"j"}]"#,
        Ok(concat!(
            r#""messages":[{"role":"developer","content":"a"},{"role":"user","content":[{"type":"text","text":"b"}]},"#,
            r#"{"role":"assistant","content":[{"type":"text","text":"d"},{"type":"refusal","refusal":"e"}],"reasoning":"c","#,
            r#""tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}},"#,
            r#"{"id":"2","type":"function","function":{"name":"f","arguments":"{\"k\":1}"}}]},"#,
            r#"{"role":"tool","content":"g","tool_call_id":"1"},"#,
            r#"{"role":"tool","content":[{"type":"text","text":"h"}],"tool_call_id":"2"},"#,
            r#"{"role":"user","content":"j"}]"#
        )),
    );
    check_responses(
        r#""input":"hi","stream":true,"parallel_tool_calls":true,"tool_choice":{"type":"function","name":"f"},
            "tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":true}],
            "text":{"format":{"type":"json_schema","name":"n","schema":{},"strict":true},"verbosity":"low"}"#,
        Ok(concat!(
            r#""messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f","#,
            r#""description":"d","parameters":{"type":"object"},"strict":true}}],"#,
            r#""tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":true,"stream":true,"#,
            r#""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{},"strict":true}},"#,
            r#""stream_options":{"include_usage":true}"#
        )),
    );
    let kept =
        "nothing of a request is kept here; leave it out and send in `input` what belongs to the question";
    for field in ["previous_response_id", "conversation", "prompt"] {
        let expected = format!("The field `{field}` is refused: {kept}.");
        check_responses(&format!(r#""input":"a","{field}":"x""#), Err(&expected));
        check_responses(
            &format!(r#""input":"a","{field}":null"#),
            Ok(r#""messages":[{"role":"user","content":"a"}]"#),
        );
    }
    for field in ["store", "background"] {
        let expected = format!("The field `{field}` is refused: {kept}.");
        check_responses(&format!(r#""input":"a","{field}":true"#), Err(&expected));
    }
    let refused = |members: &str, expected: &str| check_responses(members, Err(expected));
    refused(
        r#""input":[{"type":"web_search_call","id":"x"}]"#,
        "The field `input[0]` with the `type` `web_search` is refused: it would make the model server talk to the outside.",
    );
    refused(
        r#""input":[{"role":"user","content":[{"type":"input_image","image_url":"x"}]}]"#,
        "The field `input[0].content[0]` with the `type` `input_image` is refused: it carries content that cannot be inspected.",
    );
    refused(
        r#""input":"a","tools":[{"type":"code_interpreter"}]"#,
        "The field `tools[0]` with the `type` `code_interpreter` is refused: it is not offered here.",
    );
    refused(r#""input":"a","truncation":"auto""#, "The field `truncation` must be one of disabled.");
    refused(r#""input":"a","max_tokens":1"#, "Unknown field `max_tokens`.");
}

/// Texts that a chat has no place for. They stay behind, and are inspected all the same.
const LEFT_BEHIND: [&str; 2] = ["/output_format/schema/", "/tool_choice/name"];

#[test]
fn every_text_goes_on_as_it_is_or_stays_behind_by_intent() {
    for surface in [Surface::Messages, Surface::CountTokens, Surface::Responses] {
        let specimens = with_text(surface, "m", "plänted \" text");
        assert!(specimens.len() > 10, "{surface:?}");
        for specimen in specimens {
            let body = Value::Object(specimen.body).to_text();
            let mut request = parse(surface, &body).unwrap_or_else(|error| panic!("{body}: {error}"));
            let chat = translated(&request);
            let mut seen = Planted(Vec::new());
            request.visit(&mut seen);
            assert_eq!(seen.0, [specimen.pointer.as_str()], "{body}");
            let goes_on = chat.contains("plänted \\\" text") || chat.contains(r#"plänted \\\" text"#);
            let stays = surface == Surface::CountTokens
                || LEFT_BEHIND.iter().any(|place| specimen.pointer.starts_with(place));
            assert!(goes_on || stays, "{body} {chat}");
        }
    }
}

/// The places at which the text was seen.
struct Planted(Vec<String>);

impl crate::TextVisitor for Planted {
    fn text(&mut self, at: &crate::Pointer<'_>, text: &mut String) {
        if text.contains("plänted") {
            self.0.push(at.to_string());
        }
    }
    fn fixed(&mut self, _at: &crate::Pointer<'_>, _text: &str) {}
}

/// What somebody could have put anywhere.
fn anything(choice: usize) -> serde_json::Value {
    let all = [
        serde_json::json!(null),
        serde_json::json!(true),
        serde_json::json!(7),
        serde_json::json!(""),
        serde_json::json!("auto"),
        serde_json::json!("assistant"),
        serde_json::json!("tool_use"),
        serde_json::json!([]),
        serde_json::json!({}),
        serde_json::json!([{}]),
        serde_json::json!({"type": "text", "text": "x"}),
        serde_json::json!([{"type": "text", "text": "x"}]),
        serde_json::json!([{"type": "input_text", "text": "x"}, {"type": "refusal", "refusal": "x"}]),
        serde_json::json!([{"role": "assistant", "content": []}]),
        serde_json::json!([{"type": "reasoning", "summary": []}]),
        serde_json::json!([{"type": "tool_result", "tool_use_id": "x"}]),
        serde_json::json!([{"type": "thinking", "thinking": ""}]),
    ];
    all[choice % all.len()].clone()
}

/// The pointers to every value in a document.
fn places(value: &serde_json::Value, at: String, all: &mut Vec<String>) {
    let children: Vec<(String, &serde_json::Value)> = match value {
        serde_json::Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), value)).collect()
        }
        serde_json::Value::Array(items) => {
            items.iter().enumerate().map(|(place, value)| (place.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (name, child) in children {
        let at = format!("{at}/{name}");
        all.push(at.clone());
        places(child, at, all);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// What is taken in is a chat that a model server understands, however crooked.
    #[test]
    fn what_is_not_refused_is_understood(
        surface in prop_oneof![Just(Surface::Messages), Just(Surface::CountTokens), Just(Surface::Responses)],
        choice in 0_usize..1000,
        changes in proptest::collection::vec((0_usize..1000, 0_usize..1000), 1..4),
    ) {
        let specimens = with_text(surface, "m", "x");
        let body = Value::Object(specimens[choice % specimens.len()].body.clone()).to_text();
        let mut body: serde_json::Value = serde_json::from_str(&body).unwrap();
        for (place, what) in changes {
            let mut all = Vec::new();
            places(&body, String::new(), &mut all);
            let place = all[place % all.len()].clone();
            *body.pointer_mut(&place).unwrap() = anything(what);
        }
        if let Ok(request) = parse(surface, &body.to_string()) {
            translated(&request);
        }
    }
}
