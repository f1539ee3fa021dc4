//! All surfaces times all places of text times whole and stream times what is done about a finding.
//!
//! Places in questions come from the field table itself, so a new field is here without being named. Every cell is also
//! walked with a guardrail that lets the planted value pass: there it must come through, or the cell proves nothing.

use schleuse_testkit::{End, Script};
use schleuse_wire::Surface;
use schleuse_wire::fields::specimens::{Specimen, least_question, to_form, with_text};
use serde_json::{Value, json};

use crate::house::{Answer, House};

const PLANTED: &str = "DE89 3704 0044 0532 0130 00";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Treatment {
    Block,
    Redact,
    Pseudonymize,
    /// Inspection is as good as switched off.
    Allow,
}

const TREATMENTS: [Treatment; 4] =
    [Treatment::Block, Treatment::Redact, Treatment::Pseudonymize, Treatment::Allow];

async fn house(treatment: Treatment) -> House {
    let action = format!("{treatment:?}").to_uppercase();
    House::with_guardrails(&format!("[[guardrail]]\ntype = \"IBAN\"\naction = \"{action}\"\n")).await
}

/// Texts of a question that its translation has no place for: they stay behind, and are inspected all the same.
fn stays_behind(surface: Surface, pointer: &str) -> bool {
    match surface {
        // Only what is counted goes on.
        Surface::CountTokens => ["/tool_choice", "/output_config", "/output_format"]
            .iter()
            .any(|field| pointer.starts_with(field)),
        // A choice among tools that are not there.
        Surface::Messages | Surface::Responses => pointer == "/tool_choice/name",
        _ => false,
    }
}

/// The question, asked in one piece or as a stream; what asks for speech does so in a form.
fn body(surface: Surface, specimen: &Specimen, is_stream: bool) -> String {
    if surface.is_speech() {
        let mut body = specimen.body.clone();
        let (name, value) = match is_stream {
            true => ("stream", schleuse_wire::json::Value::Bool(true)),
            false => ("response_format", schleuse_wire::json::Value::String("verbose_json".to_owned())),
        };
        body.set(name, value);
        return String::from_utf8(to_form(&body, b"RIFF....WAVE")).unwrap();
    }
    let text = schleuse_wire::json::Value::Object(specimen.body.clone()).to_text();
    if is_stream { text.replacen('{', "{\"stream\":true,", 1) } else { text }
}

/// What a model server answers to the smallest question of a surface.
fn plain_answer(surface: Surface, is_stream: bool) -> Script {
    match (surface.asked_as(), is_stream) {
        (Surface::ChatCompletions, true) => Script::deltas(&["fine"], End::Clean),
        (Surface::Completions, true) => completion_stream(&["fine"]),
        (Surface::Transcriptions | Surface::Translations, true) => transcript_stream(&["fine"]),
        (_, true) => panic!("{surface:?} has no stream"),
        (Surface::Transcriptions | Surface::Translations, false) => {
            Script::json(200, json!({"text": "fine"}).to_string())
        }
        (Surface::ChatCompletions, false) => chat_answer(&json!({"role": "assistant", "content": "fine"})),
        (Surface::Completions, false) => completion_answer("fine"),
        (Surface::Embeddings, false) => {
            Script::json(200, json!({"data": [{"index": 0, "embedding": [0.5]}]}).to_string())
        }
        (Surface::Rerank, false) => rerank_answer("fine"),
        (Surface::Score, false) => {
            Script::json(200, json!({"data": [{"index": 0, "score": 0.5}]}).to_string())
        }
        (Surface::Tokenize, false) => Script::json(200, json!({"count": 3, "tokens": [1, 2, 3]}).to_string()),
        (Surface::Messages | Surface::CountTokens | Surface::Responses, _) => panic!("asked as another"),
    }
}

fn chat_answer(message: &Value) -> Script {
    let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
    Script::json(200, json!({"id": "c", "created": 1, "choices": [choice]}).to_string())
}

fn completion_answer(text: &str) -> Script {
    let choice = json!({"index": 0, "text": text, "finish_reason": "stop"});
    Script::json(200, json!({"id": "c", "created": 1, "choices": [choice]}).to_string())
}

/// As OpenAI streams a transcript.
fn transcript_stream(texts: &[&str]) -> Script {
    let event = |event: Value| (Default::default(), format!("data: {event}\n\n"));
    let mut chunks: Vec<_> =
        texts.iter().map(|text| event(json!({"type": "transcript.text.delta", "delta": text}))).collect();
    chunks.push(event(json!({"type": "transcript.text.done", "text": texts.concat()})));
    Script::Sse { chunks, end: End::NoDone }
}

/// A transcript with a text at one place of it.
fn transcript(place: &str, text: &str) -> Script {
    let mut told = json!({"text": "fine"});
    match place {
        "segments" => told["segments"] = json!([{"text": text, "start": 0.0, "end": 1.0}]),
        "words" => told["words"] = json!([{"word": text, "start": 0.0, "end": 1.0}]),
        _ => told[place] = json!(text),
    }
    Script::json(200, told.to_string())
}

fn rerank_answer(text: &str) -> Script {
    let result = json!({"index": 0, "document": {"text": text}, "relevance_score": 0.5});
    Script::json(200, json!({"id": "c", "results": [result]}).to_string())
}

fn stream(choices: Vec<Value>) -> Script {
    let event = |choice: Value| {
        (Default::default(), format!("data: {}\n\n", json!({"id": "c", "created": 1, "choices": [choice]})))
    };
    Script::Sse { chunks: choices.into_iter().map(event).collect(), end: End::Clean }
}

fn completion_stream(texts: &[&str]) -> Script {
    let mut choices: Vec<Value> =
        texts.iter().map(|text| json!({"index": 0, "text": text, "finish_reason": null})).collect();
    choices.push(json!({"index": 0, "text": "", "finish_reason": "stop"}));
    stream(choices)
}

fn chat_stream(deltas: &[Value]) -> Script {
    let mut choices: Vec<Value> =
        deltas.iter().map(|delta| json!({"index": 0, "delta": delta, "finish_reason": null})).collect();
    choices.push(json!({"index": 0, "delta": {}, "finish_reason": "stop"}));
    stream(choices)
}

/// The end of an answer that went well, in any of the surfaces' words.
fn ended_well(answer: &Answer) -> bool {
    ["[DONE]", "message_stop", "response.completed", "transcript.text.done"]
        .iter()
        .any(|word| answer.text().contains(word))
}

#[tokio::test]
async fn every_text_of_every_question_is_inspected() {
    for treatment in TREATMENTS {
        let house = house(treatment).await;
        for surface in Surface::offered() {
            let specimens = with_text(surface, "tiny", PLANTED);
            assert!(!specimens.is_empty(), "{surface:?}");
            for is_stream in [false, true] {
                if is_stream && !surface.may_stream() {
                    continue;
                }
                house.upstream.set_script(plain_answer(surface, is_stream));
                for specimen in &specimens {
                    check_question(&house, surface, specimen, is_stream, treatment).await;
                }
            }
        }
    }
}

async fn check_question(
    house: &House,
    surface: Surface,
    specimen: &Specimen,
    is_stream: bool,
    treatment: Treatment,
) {
    let cell = format!("{surface:?} {} {is_stream} {treatment:?}", specimen.pointer);
    let before = house.upstream.questions().len();
    let reply = house.ask_at(surface.path(), "employee", &body(surface, specimen, is_stream)).await;
    let asked = house.upstream.questions().split_off(before);
    if treatment == Treatment::Block {
        assert_eq!(reply.status, 403, "{cell} {}", reply.text());
        let error = &reply.json()["error"];
        assert_eq!(error["code"], "sensitive_data_detected", "{cell}");
        assert_eq!(error["findings"][0]["path"], specimen.pointer.as_str(), "{cell}");
        assert!(asked.is_empty(), "{cell}");
        return;
    }
    assert_eq!(reply.status, 200, "{cell} {}", reply.text());
    assert_eq!(reply.header("x-schleuse-action") == "ALLOWED", treatment == Treatment::Allow, "{cell}");
    let sent = match surface.is_speech() {
        true => String::from_utf8(asked[0].body.clone()).unwrap(),
        false => asked[0].json().to_string(),
    };
    assert_eq!(asked[0].path, surface.asked_as().path(), "{cell}");
    let goes_on = treatment == Treatment::Allow && !stays_behind(surface, &specimen.pointer);
    assert_eq!(sent.contains(PLANTED), goes_on, "{cell} {sent}");
    assert_eq!(is_stream, reply.text().contains("data: "), "{cell}");
}

/// One place of a chat's answer: a delta without text, and how a text is put into message or delta.
type Place = (&'static str, fn(&str) -> Value);

/// Every text of a chat's answer.
const CHAT_PLACES: [Place; 8] = [
    ("content", |text| json!({"content": text})),
    ("reasoning", |text| json!({"reasoning": text})),
    ("reasoning_content", |text| json!({"reasoning_content": text})),
    ("refusal", |text| json!({"refusal": text})),
    (
        "arguments",
        |text| json!({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": json!({"k": text}).to_string()}}]}),
    ),
    (
        "name",
        |text| json!({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": text, "arguments": "{}"}}]}),
    ),
    (
        "id",
        |text| json!({"tool_calls": [{"index": 0, "id": text, "type": "function", "function": {"name": "f", "arguments": "{}"}}]}),
    ),
    (
        "function_call",
        |text| json!({"function_call": {"name": "f", "arguments": json!({"k": text}).to_string()}}),
    ),
];

/// The scripts that bring this text in an answer on this surface, each with its name.
fn answers_with(surface: Surface, text: &str, is_stream: bool) -> Vec<(&'static str, Script)> {
    match (surface.asked_as(), is_stream) {
        (Surface::ChatCompletions, false) => {
            CHAT_PLACES.iter().map(|(name, place)| (*name, chat_answer(&place(text)))).collect()
        }
        (Surface::ChatCompletions, true) => CHAT_PLACES
            .iter()
            .flat_map(|(name, place)| {
                let (left, right) = text.split_at(9);
                let whole = (*name, chat_stream(&[place(text)]));
                let is_text = !matches!(*name, "arguments" | "name" | "id" | "function_call");
                let cut = (*name, chat_stream(&[place(left), place(right)]));
                if is_text { vec![whole, cut] } else { vec![whole] }
            })
            .collect(),
        (Surface::Completions, false) => vec![("text", completion_answer(text))],
        (Surface::Completions, true) => {
            let (left, right) = text.split_at(9);
            vec![("text", completion_stream(&[left, right]))]
        }
        (Surface::Rerank, false) => vec![("document", rerank_answer(text))],
        (Surface::Transcriptions | Surface::Translations, false) => {
            ["text", "language", "segments", "words"].map(|place| (place, transcript(place, text))).to_vec()
        }
        (Surface::Transcriptions | Surface::Translations, true) => {
            let (left, right) = text.split_at(9);
            vec![("whole", transcript_stream(&[text])), ("cut", transcript_stream(&[left, right]))]
        }
        // INVARIANT: these answer with numbers only.
        (Surface::Embeddings | Surface::Score | Surface::Tokenize, false) => Vec::new(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn every_text_of_every_answer_is_inspected() {
    for treatment in [Treatment::Block, Treatment::Redact, Treatment::Allow] {
        let house = house(treatment).await;
        for surface in Surface::offered() {
            let question = Specimen { pointer: String::new(), body: least_question(surface, "tiny") };
            for is_stream in [false, true] {
                if is_stream && !surface.may_stream() {
                    continue;
                }
                for (place, script) in answers_with(surface, PLANTED, is_stream) {
                    let cell = format!("{surface:?} {place} {is_stream} {treatment:?}");
                    house.upstream.set_script(script);
                    let reply =
                        house.ask_at(surface.path(), "employee", &body(surface, &question, is_stream)).await;
                    let comes_through = together(&reply).contains(PLANTED);
                    assert_eq!(comes_through, treatment == Treatment::Allow, "{cell} {}", reply.text());
                    if treatment == Treatment::Block {
                        assert!(reply.text().contains("sensitive_data_detected"), "{cell} {}", reply.text());
                        assert_eq!(reply.status, if is_stream { 200 } else { 403 }, "{cell}");
                        assert!(!ended_well(&reply), "{cell} {}", reply.text());
                    }
                }
            }
        }
    }
}

/// All texts of an answer, those of a stream one after the other as they came.
fn together(reply: &Answer) -> String {
    fn collect(value: &Value, all: &mut String) {
        match value {
            Value::String(text) => match serde_json::from_str::<Value>(text) {
                Ok(inner @ Value::Object(_)) => collect(&inner, all),
                _ => all.push_str(text),
            },
            Value::Array(items) => items.iter().for_each(|item| collect(item, all)),
            Value::Object(members) => members.values().for_each(|member| collect(member, all)),
            _ => {}
        }
    }
    let mut all = String::new();
    match serde_json::from_str(reply.text()) {
        Ok(whole) => collect(&whole, &mut all),
        Err(_) => {
            for data in reply.text().lines().filter_map(|line| line.strip_prefix("data: ")) {
                let Ok(event) = serde_json::from_str::<Value>(data) else { continue };
                // Only what is added to a text: around it stand words of the protocol.
                for pointer in [
                    "/choices/0/delta",
                    "/choices/0/text",
                    "/delta",
                    "/response/output",
                    "/content_block",
                    "/item",
                ] {
                    let part = event.pointer(pointer).cloned().unwrap_or_default();
                    let text =
                        ["/text", "/thinking", "/content", "/reasoning", "/reasoning_content", "/refusal"]
                            .iter()
                            .find_map(|name| part.pointer(name).filter(|text| text.is_string()));
                    collect(text.unwrap_or(&part), &mut all);
                }
            }
        }
    }
    all
}

#[tokio::test]
async fn a_surrogate_comes_back_as_what_it_stands_for_in_every_answer() {
    let house = house(Treatment::Pseudonymize).await;
    for surface in Surface::offered() {
        let specimens = with_text(surface, "tiny", PLANTED);
        let Some(question) = specimens.iter().find(|specimen| is_first_text(&specimen.pointer)) else {
            panic!("{surface:?} asks nothing");
        };
        for is_stream in [false, true] {
            if is_stream && !surface.may_stream() {
                continue;
            }
            house.upstream.set_script(plain_answer(surface, is_stream));
            house.ask_at(surface.path(), "employee", &body(surface, question, is_stream)).await;
            let asked = house.upstream.questions().pop().unwrap();
            let surrogate = match surface.is_speech() {
                true => field(&String::from_utf8(asked.body).unwrap(), "prompt"),
                false => surrogate(&asked.json()),
            };
            assert_ne!(surrogate, PLANTED);
            for (place, script) in answers_with(surface, &surrogate, is_stream) {
                let cell = format!("{surface:?} {place} {is_stream}");
                house.upstream.set_script(script);
                let reply =
                    house.ask_at(surface.path(), "employee", &body(surface, question, is_stream)).await;
                // Calls are bound for elsewhere, where the value has no business.
                let is_call = matches!(place, "arguments" | "name" | "id" | "function_call");
                assert_eq!(together(&reply).contains(PLANTED), !is_call, "{cell} {}", reply.text());
            }
        }
    }
}

/// The text that a person writes first.
fn is_first_text(pointer: &str) -> bool {
    ["/messages/0/content", "/prompt", "/input", "/query", "/text_1"].contains(&pointer)
}

/// The text of a field of a form.
fn field(form: &str, name: &str) -> String {
    let (_, behind) = form.split_once(&format!("name=\"{name}\"\r\n\r\n")).unwrap();
    behind.split("\r\n").next().unwrap().to_owned()
}

/// The value that stands where the planted one stood.
fn surrogate(asked: &Value) -> String {
    let texts = [
        &asked["messages"][0]["content"],
        &asked["prompt"],
        &asked["input"],
        &asked["query"],
        &asked["text_1"],
    ];
    texts.into_iter().find_map(Value::as_str).unwrap().to_owned()
}

#[tokio::test]
async fn however_an_answer_is_cut_the_same_is_shown() {
    let house = house(Treatment::Redact).await;
    let thought = format!("Gedacht: {PLANTED}, also nein.");
    let text = format!("Größe 1. {PLANTED} und\n{PLANTED}. Ende");
    for surface in Surface::offered().filter(|surface| surface.is_generative()) {
        let is_chat = surface.asked_as() == Surface::ChatCompletions;
        let question = Specimen { pointer: String::new(), body: least_question(surface, "tiny") };
        house.upstream.set_script(if is_chat {
            chat_answer(&json!({"role": "assistant", "content": text, "reasoning": thought}))
        } else {
            completion_answer(&text)
        });
        let reply = house.ask_at(surface.path(), "employee", &body(surface, &question, false)).await;
        let (whole_thought, whole_text) =
            (said(surface, &reply.json(), true), said(surface, &reply.json(), false));
        assert_eq!(whole_text, text.replace(PLANTED, "[IBAN]"), "{}", reply.text());
        for size in [1, 2, 3, 5, 7, 11, 19, 40, 200] {
            let pieces = |whole: &str, name: &str| -> Vec<Value> {
                let characters: Vec<char> = whole.chars().collect();
                characters.chunks(size).map(|piece| json!({name: piece.iter().collect::<String>()})).collect()
            };
            house.upstream.set_script(if is_chat {
                chat_stream(&[pieces(&thought, "reasoning"), pieces(&text, "content")].concat())
            } else {
                let pieces = pieces(&text, "text");
                completion_stream(
                    &pieces.iter().map(|piece| piece["text"].as_str().unwrap()).collect::<Vec<_>>(),
                )
            });
            let reply = house.ask_at(surface.path(), "employee", &body(surface, &question, true)).await;
            let (mut streamed_thought, mut streamed_text) = (String::new(), String::new());
            for data in reply.text().lines().filter_map(|line| line.strip_prefix("data: ")) {
                let Ok(event) = serde_json::from_str::<Value>(data) else { continue };
                streamed_thought += &added(surface, &event, true);
                streamed_text += &added(surface, &event, false);
            }
            assert!(ended_well(&reply), "{surface:?} {size} {}", reply.text());
            assert_eq!(
                (streamed_thought, streamed_text),
                (whole_thought.clone(), whole_text.clone()),
                "{surface:?} {size}"
            );
        }
    }
}

/// The thought or the text of a whole answer.
fn said(surface: Surface, answer: &Value, is_thought: bool) -> String {
    let text = match (surface, is_thought) {
        (Surface::ChatCompletions, true) => &answer["choices"][0]["message"]["reasoning"],
        (Surface::ChatCompletions, false) => &answer["choices"][0]["message"]["content"],
        (Surface::Messages, true) => &answer["content"][0]["thinking"],
        (Surface::Messages, false) => &answer["content"][1]["text"],
        (Surface::Responses, true) => &answer["output"][0]["content"][0]["text"],
        (Surface::Responses, false) => &answer["output"][1]["content"][0]["text"],
        (_, true) => &Value::Null,
        (_, false) => &answer["choices"][0]["text"],
    };
    text.as_str().unwrap_or_default().to_owned()
}

/// What one event adds to the thought or to the text.
fn added(surface: Surface, event: &Value, is_thought: bool) -> String {
    let text = match (surface, is_thought) {
        (Surface::ChatCompletions, true) => &event["choices"][0]["delta"]["reasoning"],
        (Surface::ChatCompletions, false) => &event["choices"][0]["delta"]["content"],
        (Surface::Messages, true) => &event["delta"]["thinking"],
        (Surface::Messages, false) => &event["delta"]["text"],
        (Surface::Responses, true) if event["type"] == "response.reasoning_text.delta" => &event["delta"],
        (Surface::Responses, false) if event["type"] == "response.output_text.delta" => &event["delta"],
        (Surface::Responses, _) | (_, true) => &Value::Null,
        (_, false) => &event["choices"][0]["text"],
    };
    text.as_str().unwrap_or_default().to_owned()
}
