//! Speech: what is asked in a form with a file that nobody can look into, and told in several forms.

use std::sync::Arc;

use schleuse_testkit::{End, Script};
use schleuse_types::Zone;
use schleuse_upstream::{Agreement, UpstreamConfig, Upstreams};
use schleuse_wire::Surface;
use schleuse_wire::fields::specimens::to_form;
use schleuse_wire::json::{Object, Value as Json};
use serde_json::{Value, json};

use crate::house::{Answer, House};

const PATH: &str = "/v1/audio/transcriptions";
const VALUE: &str = "DE89 3704 0044 0532 0130 00";
/// Begins as a file of sound does.
const SOUND: &[u8] = b"RIFF....WAVEfmt \xff\x00\xfe";

/// A form with these fields beside file and model.
fn form(fields: &[(&str, &str)], sound: &[u8]) -> Vec<u8> {
    let mut body = Object::new();
    for (name, text) in [("file", "speech.wav"), ("model", "tiny")].into_iter().chain(fields.iter().copied())
    {
        body.set(name, Json::String(text.to_owned()));
    }
    to_form(&body, sound)
}

async fn ask(house: &House, fields: &[(&str, &str)]) -> Answer {
    house.send_bytes(PATH, "employee", None, form(fields, SOUND)).await
}

async fn house(action: &str) -> House {
    House::with_guardrails(&format!("[[guardrail]]\ntype = \"IBAN\"\naction = \"{action}\"\n")).await
}

/// A transcript in which the value runs over three segments and six words.
fn verbose() -> Value {
    let segments = [" Das Konto DE89", " 3704 0044 0532", " 0130 00, danke."];
    let segment = |(id, text): (usize, &&str)| {
        json!({"id": id, "seek": 0, "start": id as f64 * 1.5, "end": id as f64 * 1.5 + 1.25, "text": text,
               "tokens": [50364, 12], "temperature": 0.0, "avg_logprob": -0.286_066_174_507_141_1,
               "compression_ratio": 1.235_294_103_622_436_5, "no_speech_prob": 0.009_853_872_470_557_69})
    };
    let words: Vec<Value> = segments
        .concat()
        .split_whitespace()
        .map(|word| word.trim_matches([',', '.']))
        .map(|word| json!({"word": word, "start": 0.25, "end": 0.5}))
        .collect();
    json!({"task": "transcribe", "language": "german", "duration": 4.269_999_980_926_514,
           "text": segments.concat().trim(), "words": words,
           "segments": segments.iter().enumerate().map(segment).collect::<Vec<_>>(),
           "usage": {"type": "duration", "seconds": 5}})
}

const FORMATS: [&str; 5] = ["json", "text", "srt", "verbose_json", "vtt"];

#[tokio::test]
async fn a_value_is_taken_out_of_every_telling_in_every_format() {
    for (action, shown) in [("REDACT", false), ("MASK", false), ("BLOCK", false), ("ALLOW", true)] {
        let house = house(action).await;
        house.upstream.set_script(Script::json(200, verbose().to_string()));
        for format in FORMATS {
            let reply = ask(&house, &[("response_format", format)]).await;
            let cell = format!("{action} {format} {}", reply.text());
            if action == "BLOCK" {
                assert_eq!(reply.json()["error"]["code"], "sensitive_data_detected", "{cell}");
                continue;
            }
            assert_eq!(reply.status, 200, "{cell}");
            for part in ["DE89", "3704", "0044", "0532", "0130"] {
                assert_eq!(reply.text().contains(part), shown, "{part} {cell}");
            }
            for harmless in ["Das Konto", "danke"] {
                assert!(reply.text().contains(harmless), "{harmless} {cell}");
            }
            // Parts of a value are never masked: half a mask shows more than a whole one.
            let expected = if shown { "ALLOWED" } else { "REDACTED" };
            assert_eq!(reply.header("x-schleuse-action"), expected, "{cell}");
        }
    }
}

#[tokio::test]
async fn formats_are_written_from_what_was_inspected() {
    let house = house("REDACT").await;
    house.upstream.set_script(Script::json(200, verbose().to_string()));
    let check = async |format: &str, kind: &str, asked: &str, expected: &str| {
        let reply = ask(&house, &[("response_format", format)]).await;
        assert_eq!((reply.header("content-type"), reply.text()), (kind, expected), "{format}");
        let sent = String::from_utf8(
            house.upstream.questions().pop().unwrap().body.clone().into_iter().filter(u8::is_ascii).collect(),
        )
        .unwrap();
        assert!(sent.contains(&format!("name=\"response_format\"\r\n\r\n{asked}\r\n")), "{sent}");
    };
    check("text", "text/plain; charset=utf-8", "json", "Das Konto [IBAN], danke.\n").await;
    check(
        "srt",
        "text/plain; charset=utf-8",
        "verbose_json",
        "1\n00:00:00,000 --> 00:00:01,250\nDas Konto [IBAN]\n\n2\n00:00:01,500 --> 00:00:02,750\n[IBAN]\n\n\
         3\n00:00:03,000 --> 00:00:04,250\n[IBAN], danke.\n\n",
    )
    .await;
    check(
        "vtt",
        "text/vtt; charset=utf-8",
        "verbose_json",
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.250\nDas Konto [IBAN]\n\n00:00:01.500 --> 00:00:02.750\n[IBAN]\n\n\
         00:00:03.000 --> 00:00:04.250\n[IBAN], danke.\n\n",
    )
    .await;
    let reply = ask(&house, &[("response_format", "json")]).await;
    assert_eq!(
        reply.json(),
        json!({"text": "Das Konto [IBAN], danke.", "usage": {"type": "duration", "seconds": 5}})
    );
    let reply = ask(
        &house,
        &[("response_format", "verbose_json"), ("timestamp_granularities[]", "word"), ("language", "de")],
    )
    .await;
    let told = reply.json();
    assert_eq!(
        (&told["task"], &told["duration"], &told["segments"][0]["tokens"]),
        (&json!("transcribe"), &json!(4.27), &json!([]))
    );
    let words: Vec<&str> =
        told["words"].as_array().unwrap().iter().map(|word| word["word"].as_str().unwrap()).collect();
    assert_eq!(words[..3], ["Das", "Konto", "[IBAN]"]);
    assert_eq!(words.last(), Some(&"danke"));
}

#[tokio::test]
async fn tellings_that_say_something_else_are_left_out_where_something_was_found() {
    let house = house("REDACT").await;
    let mut strange = verbose();
    strange["words"] =
        json!([{"word": "minus", "start": 0.0, "end": 1.0}, {"word": "acht", "start": 0.0, "end": 1.0}]);
    house.upstream.set_script(Script::json(200, strange.to_string()));
    let told = ask(&house, &[("response_format", "verbose_json")]).await.json();
    assert!(told.get("words").is_none() && told["segments"].is_array(), "{told}");
    // Subtitles cannot be written then.
    strange["segments"] = json!([{"text": "minus acht", "start": 0.0, "end": 1.0}]);
    house.upstream.set_script(Script::json(200, strange.to_string()));
    ask(&house, &[("response_format", "srt")]).await.expect(502, "upstream_failed");
    // Where nothing was found, they stay.
    strange["text"] = json!("nichts");
    house.upstream.set_script(Script::json(200, strange.to_string()));
    let told = ask(&house, &[("response_format", "verbose_json")]).await.json();
    assert_eq!(told["words"][1]["word"], "acht");
}

/// The events of a streamed transcript, as OpenAI writes them.
fn openai(pieces: &[String]) -> Script {
    let event = |event: Value| (Default::default(), format!("data: {event}\n\n"));
    let mut chunks: Vec<_> =
        pieces.iter().map(|piece| event(json!({"type": "transcript.text.delta", "delta": piece}))).collect();
    let usage = json!({"type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 14}});
    chunks.push(event(json!({"type": "transcript.text.done", "text": pieces.concat(), "usage": usage})));
    Script::Sse { chunks, end: End::NoDone }
}

/// The same as vLLM writes them: every stretch of the speech ends on its own.
fn vllm(pieces: &[String]) -> Script {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({"id": "trsc-1", "object": "transcription.chunk", "created": 1, "model": "tiny", "choices": choices, "usage": usage});
        (Default::default(), format!("data: {chunk}\n\n"))
    };
    let mut chunks: Vec<_> = pieces
        .iter()
        .enumerate()
        .map(|(place, piece)| {
            let end = if place % 2 == 1 { json!("stop") } else { Value::Null };
            chunk(json!([{"delta": {"content": piece}, "finish_reason": end}]), Value::Null)
        })
        .collect();
    let usage = json!({"prompt_tokens": 14, "completion_tokens": 45, "total_tokens": 59});
    chunks.push(chunk(json!([]), usage));
    Script::Sse { chunks, end: End::Clean }
}

#[tokio::test]
async fn however_a_transcript_is_cut_the_same_is_shown() {
    let house = house("REDACT").await;
    let said = format!("Größe 1. {VALUE} und\n{VALUE}. Ende");
    let shown = said.replace(VALUE, "[IBAN]");
    let characters: Vec<char> = said.chars().collect();
    for size in [1, 2, 3, 5, 7, 11, 19, 40, 200] {
        let pieces: Vec<String> = characters.chunks(size).map(|piece| piece.iter().collect()).collect();
        for script in [openai(&pieces), vllm(&pieces)] {
            house.upstream.set_script(script);
            for path in [PATH, "/v1/audio/translations"] {
                let question = form(&[("stream", "true")], SOUND);
                let reply = house.send_bytes(path, "employee", None, question).await;
                let events: Vec<Value> = reply
                    .text()
                    .lines()
                    .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
                    .collect();
                let (last, deltas) = events.split_last().unwrap();
                let told: String = deltas.iter().map(|event| event["delta"].as_str().unwrap()).collect();
                assert_eq!(told, shown, "{size} {path}");
                assert_eq!(
                    *last,
                    json!({"type": "transcript.text.done", "text": shown, "usage":
                        {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59}}),
                    "{size} {path}"
                );
            }
        }
    }
    let entries = house.entries();
    let last = entries.last().unwrap();
    assert_eq!((&last["tokens_in"], &last["tokens_out"]), (&json!(14), &json!(45)));
}

#[tokio::test]
async fn a_stream_that_is_blocked_or_broken_ends_like_none() {
    let house = house("BLOCK").await;
    let pieces: Vec<String> =
        ["Das Konto DE89 37", "04 0044 0532 0130 00", " danke"].map(str::to_owned).to_vec();
    for script in [openai(&pieces), vllm(&pieces)] {
        house.upstream.set_script(script);
        let reply = ask(&house, &[("stream", "true")]).await;
        assert!(reply.text().contains("sensitive_data_detected"), "{}", reply.text());
        assert!(!reply.text().contains("0532") && !reply.text().contains("text.done"), "{}", reply.text());
    }
    let event = |text: &str| {
        (Default::default(), format!("data: {}\n\n", json!({"type": "transcript.text.delta", "delta": text})))
    };
    house.upstream.set_script(Script::Sse { chunks: vec![event("Ein Anfang")], end: End::NoDone });
    let reply = ask(&house, &[("stream", "true")]).await;
    assert!(
        reply.text().contains("upstream_failed") && !reply.text().contains("text.done"),
        "{}",
        reply.text()
    );
    // A model that knows no streams tells everything at once.
    house
        .upstream
        .set_script(Script::json(200, r#"{"text":"Guten Tag","usage":{"type":"duration","seconds":2}}"#));
    let reply = ask(&house, &[("stream", "true")]).await;
    assert!(reply.text().contains(r#""delta":"Guten Tag""#), "{}", reply.text());
    assert!(reply.text().contains(r#""usage":{"type":"duration","seconds":2}"#), "{}", reply.text());
}

#[tokio::test]
async fn what_is_asked_is_inspected_and_written_anew() {
    let house = house("REDACT").await;
    house.upstream.set_script(Script::json(200, r#"{"text":"fine"}"#));
    let mut body = Object::new();
    for (name, text) in [
        ("file", format!("C:\\Aufnahmen\\{VALUE}.mp3")),
        ("model", "tiny".into()),
        ("prompt", format!("Konto {VALUE}")),
    ] {
        body.set(name, Json::String(text));
    }
    body.set("temperature", schleuse_wire::json::parse(b"0.5", &Default::default()).unwrap());
    let question = to_form(&body, SOUND);
    let reply = house.send_bytes(PATH, "employee", None, question).await;
    assert_eq!((reply.status, reply.header("x-schleuse-action")), (200, "REDACTED"), "{}", reply.text());
    let seen = house.upstream.questions().pop().unwrap();
    let kind = seen.header("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let mut expected = Vec::new();
    let mut part = |head: &str, content: &[u8]| {
        expected.extend_from_slice(
            format!("--{boundary}\r\ncontent-disposition: form-data; name={head}\r\n\r\n").as_bytes(),
        );
        expected.extend_from_slice(content);
        expected.extend_from_slice(b"\r\n");
    };
    part("\"file\"; filename=\"[IBAN].mp3\"\r\ncontent-type: audio/mpeg", SOUND);
    part("\"model\"", b"tiny");
    part("\"prompt\"", b"Konto [IBAN]");
    part("\"temperature\"", b"0.5");
    part("\"response_format\"", b"json");
    expected.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    assert_eq!(
        seen.body,
        expected,
        "{}",
        String::from_utf8(seen.body.iter().copied().filter(u8::is_ascii).collect()).unwrap()
    );
    // The file is told as what nobody looked into.
    let entries = house.entries();
    assert_eq!(entries[0]["coverage"]["opaque"], SOUND.len(), "{entries:?}");
    assert_eq!((&entries[1]["surface"], &entries[1]["action"]), (&json!(PATH), &json!("REDACTED")));
}

#[tokio::test]
async fn what_is_no_question_for_speech_is_refused_by_name() {
    let house = House::open().await;
    let check = async |fields: &[(&str, &str)], expected: &str| {
        let reply = ask(&house, fields).await;
        reply.expect(400, "invalid_request");
        assert!(reply.message().contains(expected), "{fields:?}: {}", reply.message());
    };
    check(&[("respond_format", "json")], "Unknown field `respond_format`; did you mean `response_format`?")
        .await;
    check(&[("response_format", "diarized_json")], "`response_format` must be one of json, text, srt").await;
    check(&[("include[]", "logprobs")], "The field `include[]` is refused").await;
    check(&[("known_speaker_references[]", "data:audio/wav;base64,")], "cannot be inspected").await;
    check(&[("temperature", "warm")], "`temperature` must be a number").await;
    check(&[("temperature", "2")], "`temperature` must be between 0 and 1").await;
    check(&[("stream", "maybe")], "`stream` must be true or false").await;
    check(&[("stream", "true"), ("response_format", "srt")], "With `stream`").await;
    check(&[("timestamp_granularities[]", "word")], "verbose_json").await;
    check(&[("vllm_xargs", "{}")], "steer the model server").await;
    for body in [
        &b"{\"model\":\"tiny\"}"[..],
        b"",
        b"--a\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\ntiny\r\n--a--\r\n",
    ] {
        house.send_bytes(PATH, "employee", None, body.to_vec()).await.expect(400, "invalid_request");
    }
    let silent = house.send_bytes(PATH, "employee", None, form(&[], b"")).await;
    assert!(silent.message().contains("is empty"), "{}", silent.message());
    house.expect_nothing_asked();
}

#[tokio::test]
async fn a_file_has_a_limit_that_raises_no_other() {
    let house = House::open().await;
    house.upstream.set_script(Script::json(200, r#"{"text":"fine"}"#));
    let most = house.gate.limits.file_bytes_max;
    assert_eq!(most, 25 * 1024 * 1024);
    let reply = house.send_bytes(PATH, "employee", None, form(&[], &vec![0; most])).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(house.entries()[0]["coverage"]["opaque"], most);
    let reply = house.send_bytes(PATH, "employee", None, form(&[], &vec![0; most + 1])).await;
    reply.expect(413, "request_too_large");
    assert!(reply.message().contains("26214400 bytes"), "{}", reply.message());
    let long = "x".repeat(1024 * 1024);
    let reply = house.send_bytes(PATH, "employee", None, form(&[("prompt", &long)], SOUND)).await;
    reply.expect(413, "request_too_large");
    let body = crate::house::chat(&"x".repeat(9 * 1024 * 1024));
    house.ask("employee", &body).await.expect(413, "request_too_large");
}

/// The house's one model stands on servers with these zones; `audio` says which of them take speech.
async fn with_routes(routes: &[(&str, Zone, bool)]) -> House {
    let mut house = House::open().await;
    let configs = routes.iter().map(|(name, zone, audio)| {
        let mut config = UpstreamConfig::new(*name, house.upstream.url());
        config.zone = *zone;
        config.audio = *audio;
        config.models = Some(vec!["tiny".to_owned()]);
        config.agreement = Some(Agreement { until_s: u64::MAX });
        config
    });
    let (configs, clock) = (configs.collect(), Arc::clone(&house.gate.clock));
    let upstreams = Upstreams::new(configs, clock).unwrap();
    upstreams.refresh().await;
    Arc::get_mut(&mut house.gate).unwrap().upstreams = upstreams;
    house.upstream.set_script(Script::json(200, r#"{"text":"fine"}"#));
    house
}

#[tokio::test]
async fn speech_goes_where_it_may_be_heard_and_not_outside() {
    let question = || form(&[], SOUND);
    let public = Some("PUBLIC");
    let house = with_routes(&[("a", Zone::Local, false)]).await;
    let reply = house.send_bytes(PATH, "employee", public, question()).await;
    reply.expect(400, "invalid_request");
    assert!(
        reply.message().contains("takes speech") && reply.text().contains("audio = true"),
        "{}",
        reply.text()
    );
    // Nobody can look into it, so by default it stays inside.
    let house = with_routes(&[("a", Zone::External, true)]).await;
    house.send_bytes(PATH, "employee", public, question()).await.expect(403, "access_denied");
    house.expect_nothing_asked();
    for zone in [Zone::Local, Zone::Airgapped] {
        let routes = [("out", Zone::External, true), ("deaf", zone, false), ("in", zone, true)];
        let house = with_routes(&routes).await;
        let reply = house.send_bytes(PATH, "employee", public, question()).await;
        assert_eq!((reply.status, reply.header("x-schleuse-route")), (200, "in"), "{}", reply.text());
    }
}

#[tokio::test]
async fn policies_know_speech_as_audio() {
    let house = House::with_policy(
        r#"@id("ask") permit (principal, action == Action::"ask", resource) when { context.surface == Surface::"audio" };"#,
    )
    .await;
    house.upstream.set_script(Script::json(200, r#"{"text":"fine"}"#));
    for surface in [Surface::Transcriptions, Surface::Translations] {
        let reply = house.send_bytes(surface.path(), "employee", None, form(&[], SOUND)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    house.ask("employee", &crate::house::chat("Hallo")).await.expect(403, "access_denied");
}
