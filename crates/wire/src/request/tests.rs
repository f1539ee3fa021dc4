use super::{Limits, Request, TextVisitor};
use crate::{Pointer, Surface};

fn parse(body: &str) -> Result<Request, String> {
    Request::parse(Surface::ChatCompletions, body.as_bytes(), &Limits::default())
        .map_err(|refusal| format!("{} {}", refusal.code.status(), refusal.message.english))
}

/// A body with one more field beside a minimal question.
fn check(field: &str, expected: Result<&str, &str>) {
    let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}],{field}}}"#);
    let got = parse(&body).map(|request| request.to_upstream());
    let expected = expected
        .map(|field| {
            let comma = if field.is_empty() { "" } else { "," };
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}]{comma}{field}}}"#)
        })
        .map_err(|message| format!("400 {message}"));
    assert_eq!(got, expected, "{field}");
}

#[test]
fn fields_are_forwarded_dropped_or_refused() {
    check(r#""temperature":0.7"#, Ok(r#""temperature":0.7"#));
    check(r#""temperature":2.5"#, Err("The field `temperature` must be between 0 and 2."));
    check(r#""temperature":"hot""#, Err("The field `temperature` must be a number."));
    check(r#""temperature":null"#, Ok(""));
    check(r#""max_tokens":12.0"#, Ok(r#""max_tokens":12"#));
    check(r#""max_tokens":1.5"#, Err("The field `max_tokens` must be a whole number."));
    check(r#""max_tokens":0"#, Err("The field `max_tokens` must be between 1 and 131072."));
    check(r#""max_tokens":1e30"#, Err("The field `max_tokens` must be between 1 and 131072."));
    check(r#""n":9"#, Err("The field `n` must be between 1 and 8."));
    check(r#""n":4,"best_of":2"#, Err("`best_of` must not be smaller than `n`."));
    check(r#""top_logprobs":21"#, Err("The field `top_logprobs` must be between 0 and 20."));
    check(r#""user":"x","store":true,"metadata":{"a":"b"}"#, Ok(""));
    check(
        r#""chat_template_kwargs":{"enable_thinking":false}"#,
        Ok(r#""chat_template_kwargs":{"enable_thinking":false}"#),
    );
    check(
        r#""chat_template":"{{x}}""#,
        Err("The field `chat_template` is refused: it would steer the model server itself."),
    );
    check(
        r#""audio":{"voice":"x"}"#,
        Err("The field `audio` is refused: it carries content that cannot be inspected."),
    );
    check(r#""audio":null"#, Ok(""));
    check(r#""temprature":1"#, Err("Unknown field `temprature`; did you mean `temperature`?"));
    check(r#""zzz":1"#, Err("Unknown field `zzz`."));
    check(r#""stop":["a",1]"#, Err("The field `stop` must be a string or an array of strings."));
    check(
        r#""reasoning_effort":"huge""#,
        Err("The field `reasoning_effort` must be one of none, minimal, low, medium, high, xhigh, max."),
    );
    check(r#""stream_options":{"include_usage":true}"#, Ok(""));
    check(
        r#""stream":true,"stream_options":{"include_usage":false,"include_obfuscation":true}"#,
        Ok(r#""stream":true,"stream_options":{"include_usage":true}"#),
    );
    check(r#""stream":true"#, Ok(r#""stream":true,"stream_options":{"include_usage":true}"#));
    check(
        r#""stream":true,"stream_options":{"include_usag":true}"#,
        Err("Unknown field `include_usag` in `stream_options`; did you mean `include_usage`?"),
    );
}

/// One message.
fn check_message(message: &str, expected: Result<&str, &str>) {
    let got =
        parse(&format!(r#"{{"model":"m","messages":[{message}]}}"#)).map(|request| request.to_upstream());
    let expected = expected
        .map(|message| format!(r#"{{"model":"m","messages":[{message}]}}"#))
        .map_err(|message| format!("400 {message}"));
    assert_eq!(got, expected, "{message}");
}

#[test]
fn messages_keep_their_shape() {
    check_message(
        r#"{"role":"user","content":[{"type":"text","text":"x"}]}"#,
        Ok(r#"{"role":"user","content":[{"type":"text","text":"x"}]}"#),
    );
    check_message(r#"{"role":"user","content":"x","name":null}"#, Ok(r#"{"role":"user","content":"x"}"#));
    check_message(
        r#"{"role":"assistant","content":null,"refusal":null,"annotations":[],"audio":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}"#,
        Ok(
            r#"{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}"#,
        ),
    );
    check_message(r#"{"content":"x"}"#, Err("The field `messages[0].role` is missing."));
    check_message(
        r#"{"role":"root","content":"x"}"#,
        Err(
            "The field `messages[0].role` must be one of system, developer, user, assistant, tool, function.",
        ),
    );
    check_message(
        r#"{"role":"user","contnt":"x"}"#,
        Err("Unknown field `contnt` in `messages[0]`; did you mean `content`?"),
    );
    check_message(
        r#"{"role":"user","content":7}"#,
        Err("The field `messages[0].content` must be a string or an array of parts."),
    );
    check_message(
        r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:"}}]}"#,
        Err("The field `messages[0].content[0]` is refused: it carries content that cannot be inspected."),
    );
    check_message(r#""x""#, Err("The field `messages[0]` must be an object."));
}

#[test]
fn a_body_that_is_no_question_is_refused() {
    let check =
        |body: &str, expected: &str| assert_eq!(parse(body).err().as_deref(), Some(expected), "{body}");
    check("", "400 The body is not valid: the JSON document ends too early, at byte 0.");
    check("[]", "400 The body must be a JSON object, not an array.");
    check(r#"{"model":"m"}"#, "400 The field `messages` is missing.");
    check(r#"{"messages":[{"role":"user","content":"x"}]}"#, "400 The field `model` is missing.");
    check(
        r#"{"model":"m","model":"n"}"#,
        "400 The body is not valid: duplicate key in an object at byte 13.",
    );
    check(r#"{"model":"m","messages":"x"}"#, "400 The field `messages` must be an array.");
    check(
        r#"{"model":"m","messages":[]}"#,
        "400 The field `messages` must be an array with at least one message.",
    );
    let huge = format!(r#"{{"model":"{}"}}"#, "x".repeat(9 * 1024 * 1024));
    check(&huge, "413 The request is larger than 8388608 bytes.");
}

#[test]
fn token_numbers_are_refused_because_nobody_can_inspect_them() {
    let got = Request::parse(Surface::Embeddings, br#"{"model":"m","input":[[1,2]]}"#, &Limits::default());
    assert_eq!(got.err().and_then(|refusal| refusal.param), Some("input".to_owned()));
}

/// What becomes of a body on a surface: the document that goes on, or the status and words of its refusal.
fn check_on(surface: Surface, body: &str, expected: Result<&str, &str>) {
    let got = Request::parse(surface, body.as_bytes(), &Limits::default())
        .map(|request| request.to_upstream())
        .map_err(|refusal| refusal.message.english.to_string());
    assert_eq!(got, expected.map(str::to_owned).map_err(str::to_owned), "{body}");
}

#[test]
fn texts_are_ranked_and_scored() {
    check_on(
        Surface::Rerank,
        r#"{"model":"m","query":"a","documents":["b","c"],"top_n":1,"return_documents":true,"user":"x"}"#,
        Ok(r#"{"model":"m","query":"a","documents":["b","c"],"top_n":1,"return_documents":true}"#),
    );
    check_on(
        Surface::Rerank,
        r#"{"model":"m","query":"a","documents":["b",{"text":"c"}]}"#,
        Ok(r#"{"model":"m","query":"a","documents":["b","c"]}"#),
    );
    let rerank = |rest: &str, expected: &str| {
        check_on(Surface::Rerank, &format!(r#"{{"model":"m","query":"a",{rest}}}"#), Err(expected));
    };
    rerank(r#""top_n":1"#, "The field `documents` is missing.");
    rerank(r#""documents":"b""#, "The field `documents` must be an array.");
    rerank(r#""documents":["b",1]"#, "The field `documents[1]` must be a string or an object.");
    rerank(r#""documents":[{"image":"c"}]"#, "Unknown field `image` in `documents[0]`.");
    rerank(r#""documents":["b"],"top_k":1"#, "Unknown field `top_k`; did you mean `top_n`?");
    rerank(
        r#""documents":["b"],"mm_processor_kwargs":{}"#,
        "The field `mm_processor_kwargs` is refused: it would steer the model server itself.",
    );
    let score = r#"{"model":"m","text_1":"a","text_2":["b"],"truncate_prompt_tokens":5}"#;
    check_on(Surface::Score, score, Ok(score));
    check_on(Surface::Score, r#"{"model":"m","text_1":"a"}"#, Err("The field `text_2` is missing."));
    for (left, right) in [("queries", "documents"), ("queries", "items"), ("data_1", "data_2")] {
        let score = format!(r#"{{"model":"m","{left}":"a","{right}":["b"]}}"#);
        check_on(Surface::Score, &score, Ok(&score));
        let half = format!(r#"{{"model":"m","{right}":["b"]}}"#);
        check_on(Surface::Score, &half, Err("The field `text_1` is missing."));
    }
    check_on(
        Surface::Score,
        r#"{"model":"m","text_1":"a","text_2":"b","stream":true}"#,
        Err("Unknown field `stream`."),
    );
}

struct Seen(Vec<String>);

impl TextVisitor for Seen {
    fn text(&mut self, at: &Pointer<'_>, text: &mut String) {
        self.0.push(format!("{at}={text}"));
        text.insert(0, '*');
    }
    fn fixed(&mut self, at: &Pointer<'_>, text: &str) {
        self.0.push(format!("{at}#{text}"));
    }
}

/// The texts at places of turns.
#[derive(Default)]
struct Turns(Vec<String>);

impl TextVisitor for Turns {
    fn text(&mut self, at: &Pointer<'_>, text: &mut String) {
        if at.is_turn() {
            self.0.push(text.clone());
        }
    }
    fn fixed(&mut self, _at: &Pointer<'_>, _text: &str) {}
}

#[test]
fn turns_are_what_was_said_in_the_order_in_which_it_is_seen() {
    let check = |surface, body: &str, expected: &[(&str, &str)]| {
        let mut request = Request::parse(surface, body.as_bytes(), &Limits::default()).unwrap();
        let said: Vec<(String, String)> =
            request.turns().iter().map(|turn| (turn.role.to_owned(), turn.text.to_owned())).collect();
        let told: Vec<(&str, &str)> =
            said.iter().map(|(role, text)| (role.as_str(), text.as_str())).collect();
        assert_eq!(told, expected, "{body}");
        let mut seen = Turns::default();
        request.visit(&mut seen);
        assert_eq!(seen.0, said.into_iter().map(|(_, text)| text).collect::<Vec<_>>(), "{body}");
    };
    check(
        Surface::ChatCompletions,
        r#"{"messages":[{"content":"a","role":"system","name":"x"},{"role":"assistant","content":null,"refusal":"r"},
            {"role":"user","content":[{"text":"b","type":"text"},{"type":"refusal","refusal":"s","text":"c"},
            {"type":"thinking","thinking":"t"}]}],"documents":[{"text":"d","content":"e"}],"stop":["f"],"model":"m"}"#,
        &[("system", "a"), ("user", "b"), ("user", "c"), ("user", "t"), ("", "d")],
    );
    check(Surface::Completions, r#"{"model":"m","prompt":["a","b"],"suffix":"c"}"#, &[("", "a"), ("", "b")]);
    check(Surface::Completions, r#"{"model":"m","prompt":"a"}"#, &[]);
    check(Surface::Embeddings, r#"{"model":"m","input":["a","b"]}"#, &[("", "a"), ("", "b")]);
    check(
        Surface::Messages,
        r#"{"model":"m","max_tokens":1,"system":[{"type":"text","text":"a"}],"messages":[{"role":"user","content":"b"},
            {"role":"assistant","content":[{"type":"thinking","thinking":"c"},{"type":"text","text":"d"},
            {"type":"tool_use","id":"x","name":"y","input":{"text":"z"}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"x","content":[{"type":"text","text":"e"}]},
            {"type":"tool_result","tool_use_id":"x","content":"f"},{"type":"text","text":"g"}]}]}"#,
        &[
            ("system", "a"),
            ("user", "b"),
            ("assistant", "c"),
            ("assistant", "d"),
            ("tool", "e"),
            ("tool", "f"),
            ("user", "g"),
        ],
    );
    check(
        Surface::Responses,
        r#"{"model":"m","instructions":"a","input":[{"role":"user","content":[{"type":"input_text","text":"b"}]},
            {"type":"reasoning","summary":[{"type":"summary_text","text":"c"}],"content":[{"type":"reasoning_text","text":"d"}]},
            {"type":"function_call","call_id":"x","name":"y","arguments":"z"},
            {"type":"function_call_output","call_id":"x","output":"e"},{"role":"assistant","content":"f"}]}"#,
        &[
            ("system", "a"),
            ("user", "b"),
            ("assistant", "c"),
            ("assistant", "d"),
            ("tool", "e"),
            ("assistant", "f"),
        ],
    );
    check(Surface::Rerank, r#"{"documents":["a","b"],"model":"m","query":"c"}"#, &[("", "a"), ("", "b")]);
    check(Surface::Score, r#"{"text_2":["a","b"],"model":"m","text_1":"c"}"#, &[("", "a"), ("", "b")]);
}

#[test]
fn every_text_is_seen_and_what_is_sent_is_what_was_seen() {
    let mut request = parse(
        r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}],"name":"b"}],
            "tools":[{"type":"function","function":{"name":"f","parameters":{"k~/":"c"}}}],
            "stop":["d"],"response_format":{"type":"x","n":4111111111111111}}"#,
    )
    .unwrap();
    let mut seen = Seen(Vec::new());
    request.visit(&mut seen);
    let texts: Vec<&String> = seen.0.iter().filter(|line| line.contains('=')).collect();
    assert_eq!(
        texts,
        [
            "/messages/0/role=user",
            "/messages/0/content/0/type=text",
            "/messages/0/content/0/text=a",
            "/messages/0/name=b",
            "/tools/0/type=function",
            "/tools/0/function/name=f",
            "/tools/0/function/parameters/k~0~1=c",
            "/stop/0=d",
            "/response_format/type=x",
        ]
    );
    assert!(seen.0.contains(&"/response_format/n#4111111111111111".to_owned()));
    assert!(seen.0.contains(&"/tools/0/function/parameters/k~0~1#k~/".to_owned()));
    assert_eq!(request.to_upstream().matches('*').count(), texts.len());
}

#[test]
fn what_answers_may_cost_is_known_and_can_be_capped() {
    let check = |surface, body: &str, expected: (u64, u64, Option<u64>), capped: &str| {
        let mut request = Request::parse(surface, body.as_bytes(), &Limits::default()).unwrap();
        let bound = request.answer_bound();
        assert_eq!((bound.count, bound.least, bound.most), expected, "{body}");
        request.cap_answers(50);
        assert!(request.to_text().ends_with(capped), "{}", request.to_text());
    };
    let chat = Surface::ChatCompletions;
    let messages = r#""model":"m","messages":[{"role":"user","content":"x"}]"#;
    check(chat, &format!("{{{messages}}}"), (1, 0, None), r#"],"max_tokens":50}"#);
    let named = format!(r#"{{{messages},"n":3,"min_tokens":2,"max_tokens":20,"max_completion_tokens":70}}"#);
    check(chat, &named, (3, 2, Some(70)), r#""max_tokens":20,"max_completion_tokens":50}"#);
    let prompts = r#"{"model":"m","prompt":["a","b"],"best_of":4,"max_tokens":100}"#;
    check(Surface::Completions, prompts, (8, 0, Some(100)), r#""max_tokens":50}"#);
    let input = r#"{"model":"m","input":["a","b"]}"#;
    let request = Request::parse(Surface::Embeddings, input.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(request.answer_bound().count, 0);
}
