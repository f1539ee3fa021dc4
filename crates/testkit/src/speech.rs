//! Speech as OpenAI and vLLM publish it: what a form must look like, and a transcript of it. What is said stands in the file
//! as text, behind the four bytes with which a file of sound begins.
//!
//! Sources: OpenAI's API reference (create transcription, create translation; 2026-10), vLLM's protocol classes (0.32).

use serde_json::{Value, json};

use crate::contract::Contract;
use crate::fake_upstream::Seen;

const TRANSCRIPTION: &[&str] = &[
    "file",
    "model",
    "chunking_strategy",
    "include[]",
    "language",
    "prompt",
    "response_format",
    "stream",
    "temperature",
    "timestamp_granularities[]",
];
const TRANSLATION: &[&str] = &["file", "model", "prompt", "response_format", "temperature"];
/// What vLLM knows beside that.
const COMPATIBLE: &[&str] =
    &["hotwords", "language", "seed", "stream", "stream_include_usage", "to_language", "top_k", "top_p"];
/// Words in one segment, and seconds for each word.
const WORDS: usize = 4;
const WORD_S: f64 = 0.5;

/// Whether a path leads to speech, behind what the provider puts before it.
pub(crate) fn is_speech(path: &str) -> bool {
    path.ends_with("/v1/audio/transcriptions") || path.ends_with("/v1/audio/translations")
}

/// One field of a form.
struct Field {
    name: String,
    filename: Option<String>,
    content: Vec<u8>,
}

/// The fields of a form; `None` where it is none.
fn fields(question: &Seen) -> Option<Vec<Field>> {
    let boundary = question.header("content-type")?.strip_prefix("multipart/form-data; boundary=")?;
    let (delimiter, mut fields) = (format!("\r\n--{boundary}").into_bytes(), Vec::new());
    let body = [b"\r\n".as_slice(), &question.body].concat();
    let mut rest = body.strip_prefix(delimiter.as_slice())?;
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let head_end = find(part, b"\r\n\r\n")?;
        let (head, content) = part.split_at_checked(head_end)?;
        let content = content.strip_prefix(b"\r\n\r\n")?;
        let (content, behind) = content.split_at_checked(find(content, &delimiter)?)?;
        let head = std::str::from_utf8(head).ok()?;
        let told = |name: &str| Some(head.split_once(&format!("{name}=\""))?.1.split('"').next()?.to_owned());
        fields.push(Field { name: told("; name")?, filename: told("; filename"), content: content.to_vec() });
        rest = behind.strip_prefix(delimiter.as_slice())?;
    }
    (rest == b"--\r\n").then_some(fields)
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

fn text(fields: &[Field], name: &str) -> Option<String> {
    let field = fields.iter().find(|field| field.name == name)?;
    String::from_utf8(field.content.clone()).ok()
}

/// OpenAI's newer models tell no times.
fn tells_times(model: &str) -> bool {
    !model.starts_with("gpt-4o")
}

/// What is wrong with a form.
pub(crate) fn violation(contract: Contract, question: &Seen) -> Option<String> {
    let Some(fields) = fields(question) else { return Some("the body is no form".to_owned()) };
    let is_translation = question.path.ends_with("translations");
    let known = if is_translation { TRANSLATION } else { TRANSCRIPTION };
    let more = if contract == Contract::OpenAiCompatible { COMPATIBLE } else { &[] };
    let is_known =
        |field: &&Field| known.contains(&field.name.as_str()) || more.contains(&field.name.as_str());
    if let Some(unknown) = fields.iter().find(|field| !is_known(field)) {
        return Some(format!("unknown field {}", unknown.name));
    }
    let file = fields.iter().find(|field| field.name == "file");
    if !file.is_some_and(|file| file.filename.is_some() && file.content.starts_with(b"RIFF")) {
        return Some("Invalid file format.".to_owned());
    }
    let Some(model) = text(&fields, "model") else { return Some("you must provide a model".to_owned()) };
    let format = text(&fields, "response_format").unwrap_or_else(|| "json".to_owned());
    let formats: &[&str] = match contract {
        Contract::OpenAiCompatible => &["json", "text", "verbose_json"],
        _ if tells_times(&model) => &["json", "text", "srt", "verbose_json", "vtt"],
        _ => &["json", "text"],
    };
    if !formats.contains(&format.as_str()) {
        return Some(format!("response_format '{format}' is not compatible with model '{model}'"));
    }
    let has_times = fields.iter().any(|field| field.name == "timestamp_granularities[]");
    (has_times && format != "verbose_json").then(|| "timestamp_granularities needs verbose_json".to_owned())
}

/// A transcript, whole or as the events of a stream.
pub(crate) fn transcript(
    contract: Contract,
    question: &Seen,
    pieces: impl Fn(&str) -> Vec<String>,
) -> Result<String, Vec<String>> {
    let fields = fields(question).unwrap_or_default();
    let model = text(&fields, "model").unwrap_or_default();
    let file = fields.iter().find(|field| field.name == "file");
    let sound = file.and_then(|file| file.content.strip_prefix(b"RIFF")).unwrap_or_default();
    let said = String::from_utf8(sound.to_vec()).unwrap_or_default();
    let words: Vec<&str> = said.split_whitespace().collect();
    let seconds = (words.len() as f64 * WORD_S).ceil();
    let usage = match tells_times(&model) {
        true => json!({"type": "duration", "seconds": seconds as u64}),
        false => json!({"type": "tokens", "input_tokens": 10, "output_tokens": words.len(),
            "total_tokens": 10 + words.len(), "input_token_details": {"text_tokens": 0, "audio_tokens": 10}}),
    };
    let is_stream = text(&fields, "stream").as_deref() == Some("true");
    let is_ours = contract == Contract::OpenAiCompatible;
    let frame = |event: Value| format!("data: {event}\n\n");
    if is_stream && is_ours {
        let chunk = |choices: Value| json!({"id": "trsc-1", "object": "transcription.chunk", "created": 1, "model": model, "choices": choices});
        let mut events: Vec<String> =
            pieces(&said).iter().map(|piece| frame(chunk(json!([{"delta": {"content": piece}}])))).collect();
        events.push(frame(chunk(json!([{"delta": {"content": ""}, "finish_reason": "stop"}]))));
        if text(&fields, "stream_include_usage").as_deref() == Some("true") {
            let mut last = chunk(json!([]));
            if let Some(members) = last.as_object_mut() {
                let usage = json!({"prompt_tokens": 10, "completion_tokens": words.len(), "total_tokens": 10 + words.len()});
                members.insert("usage".to_owned(), usage);
            }
            events.push(frame(last));
        }
        events.push("data: [DONE]\n\n".to_owned());
        return Err(events);
    }
    if is_stream && !tells_times(&model) {
        let mut events: Vec<String> = pieces(&said)
            .iter()
            .map(|piece| frame(json!({"type": "transcript.text.delta", "delta": piece})))
            .collect();
        events.push(frame(json!({"type": "transcript.text.done", "text": said, "usage": usage})));
        return Err(events);
    }
    if text(&fields, "response_format").as_deref() != Some("verbose_json") {
        return Ok(json!({"text": said, "usage": usage}).to_string());
    }
    let segment = |(id, words): (usize, &[&str])| {
        let start = (id * WORDS) as f64 * WORD_S;
        json!({"id": id, "seek": 0, "start": start, "end": start + words.len() as f64 * WORD_S,
               "text": format!(" {}", words.join(" ")), "tokens": [50364, 1, 2], "temperature": 0.0,
               "avg_logprob": -0.286_066_174_507_141_1, "compression_ratio": 1.235_294_103_622_436_5,
               "no_speech_prob": 0.009_853_872_470_557_69})
    };
    let mut told = json!({"task": "transcribe", "language": "german", "duration": words.len() as f64 * WORD_S + 0.019_999_9,
        "text": words.join(" "), "segments": words.chunks(WORDS).enumerate().map(segment).collect::<Vec<_>>(), "usage": usage});
    let wanted = fields.iter().filter(|field| field.name == "timestamp_granularities[]");
    if wanted.into_iter().any(|field| field.content == b"word") {
        let word = |(place, word): (usize, &&str)| {
            let start = place as f64 * WORD_S;
            json!({"word": word.trim_matches([',', '.']), "start": start, "end": start + WORD_S})
        };
        if let Some(members) = told.as_object_mut() {
            members.insert("words".to_owned(), words.iter().enumerate().map(word).collect());
        }
    }
    Ok(told.to_string())
}

#[cfg(test)]
mod tests {
    use super::violation;
    use crate::{Contract, Seen};

    fn check(contract: Contract, path: &str, fields: &[(&str, &str)], expected: Option<&str>) {
        let mut body = String::new();
        for (name, content) in fields {
            let file = if *name == "file" { "; filename=\"a.wav\"" } else { "" };
            body +=
                &format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n");
        }
        body += "--b--\r\n";
        let headers = vec![("content-type".to_owned(), "multipart/form-data; boundary=b".to_owned())];
        let seen = Seen { method: "POST".into(), path: path.into(), headers, body: body.into_bytes() };
        assert_eq!(violation(contract, &seen).as_deref(), expected, "{fields:?}");
    }

    #[test]
    fn forms_are_held_to_their_contract() {
        let path = "/v1/audio/transcriptions";
        let asked = |more: &[(&'static str, &'static str)]| {
            [&[("file", "RIFFHallo"), ("model", "whisper-1")], more].concat()
        };
        check(Contract::OpenAi, path, &asked(&[]), None);
        check(Contract::OpenAi, path, &asked(&[("response_format", "srt")]), None);
        let wrong = Some("response_format 'srt' is not compatible with model 'whisper-1'");
        check(Contract::OpenAiCompatible, path, &asked(&[("response_format", "srt")]), wrong);
        check(Contract::OpenAi, path, &asked(&[("hotwords", "a")]), Some("unknown field hotwords"));
        check(Contract::OpenAiCompatible, path, &asked(&[("hotwords", "a")]), None);
        let language = asked(&[("language", "de")]);
        check(Contract::OpenAi, "/v1/audio/translations", &language, Some("unknown field language"));
        check(Contract::OpenAi, path, &[("file", "PDF"), ("model", "m")], Some("Invalid file format."));
        check(Contract::OpenAi, path, &[("file", "RIFF")], Some("you must provide a model"));
        let newer = [("file", "RIFF"), ("model", "gpt-4o-transcribe"), ("response_format", "verbose_json")];
        let wrong = Some("response_format 'verbose_json' is not compatible with model 'gpt-4o-transcribe'");
        check(Contract::OpenAi, path, &newer, wrong);
    }
}
