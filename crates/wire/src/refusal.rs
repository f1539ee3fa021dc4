//! Refusals as OpenAI's and Anthropic's clients read them.

use schleuse_types::{Language, Refusal, RefusalCode, Text};

use crate::Surface;
use crate::json::write_string;

/// The error object as clients read it who asked under this path, in the asker's language.
pub fn render_at(path: &str, refusal: &Refusal, request_id: &str, language: Language) -> String {
    match Surface::from_path(path) {
        Some(surface) => render_for(surface, refusal, request_id, language),
        None => render(refusal, request_id, language),
    }
}

/// The error object as clients of this surface read it, in the asker's language.
pub fn render_for(surface: Surface, refusal: &Refusal, request_id: &str, language: Language) -> String {
    match surface {
        Surface::Messages | Surface::CountTokens => {
            let mut out = String::from("{\"type\":\"error\",\"error\":");
            write_error(refusal, anthropic_kind(&refusal.code), request_id, language, &mut out);
            out.push_str(",\"request_id\":");
            write_string(request_id, &mut out);
            out.push('}');
            out
        }
        Surface::ChatCompletions
        | Surface::Completions
        | Surface::Embeddings
        | Surface::Rerank
        | Surface::Score
        | Surface::Responses
        | Surface::Transcriptions
        | Surface::Translations
        | Surface::Tokenize => render(refusal, request_id, language),
    }
}

/// Anthropic's word for what happened (API reference, errors; 2026-10).
fn anthropic_kind(code: &RefusalCode) -> &'static str {
    match code.status() {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        504 => "timeout_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

/// The error object, `{"error":{…}}`, in the asker's language.
pub fn render(refusal: &Refusal, request_id: &str, language: Language) -> String {
    let mut out = String::with_capacity(256);
    out.push_str("{\"error\":");
    write_error(refusal, refusal.code.kind(), request_id, language, &mut out);
    out.push('}');
    out
}

fn write_error(refusal: &Refusal, kind: &str, request_id: &str, language: Language, out: &mut String) {
    out.push_str("{\"message\":");
    write_string(refusal.message.in_language(language), out);
    out.push_str(",\"type\":");
    write_string(kind, out);
    out.push_str(",\"code\":");
    write_string(refusal.code.code(), out);
    out.push_str(",\"param\":");
    match &refusal.param {
        Some(param) => write_string(param, out),
        None => out.push_str("null"),
    }
    out.push_str(",\"request_id\":");
    write_string(request_id, out);
    out.push_str(",\"findings\":[");
    for (place, finding) in refusal.findings.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        out.push_str("{\"type\":");
        write_string(&finding.kind, out);
        out.push_str(",\"path\":");
        write_string(&finding.path, out);
        out.push_str(&format!(
            ",\"start\":{},\"end\":{},\"score\":{:.2}",
            finding.start, finding.end, finding.score
        ));
        // Only where it is so: most clients know the five members above and no other.
        out.push_str(if finding.evasive { ",\"evasive\":true}" } else { "}" });
    }
    out.push_str("],\"next\":");
    write_string(refusal.next.in_language(language), out);
    out.push('}');
}

/// A 400 that names the field at fault. `inside` never holds the value.
pub fn invalid_request(
    english: impl Into<String>,
    german: impl Into<String>,
    inside: &'static str,
    param: Option<&str>,
) -> Refusal {
    let refusal = Refusal::new(
        RefusalCode::InvalidRequest,
        Text::new(english, german),
        Text::fixed(
            "Correct the request and send it again.",
            "Berichtigen Sie die Anfrage und senden Sie sie erneut.",
        ),
        inside,
    );
    match param {
        Some(param) => refusal.with_param(param),
        None => refusal,
    }
}

/// A 500: a fault of this house.
pub fn internal(inside: impl Into<String>) -> Refusal {
    Refusal::new(
        RefusalCode::Internal,
        Text::fixed("Something went wrong inside Schleuse.", "In Schleuse ist etwas schiefgegangen."),
        Text::fixed(
            "Try again; if it happens again, give your operator the request id.",
            "Versuchen Sie es erneut; bleibt es dabei, nennen Sie dem Betrieb die Anfrage-Id.",
        ),
        inside,
    )
}

#[cfg(test)]
mod tests {
    use super::invalid_request;
    use schleuse_types::{Finding, FindingAction, Language};

    #[test]
    fn the_shape_is_the_one_clients_know() {
        let finding = Finding {
            kind: "IBAN".into(),
            recognizer: "iban".into(),
            path: "/messages/0/content".into(),
            start: 3,
            end: 25,
            score: 1.0,
            action: FindingAction::Block,
            evasive: false,
            excepted: false,
        };
        let hidden = Finding { evasive: true, ..finding.clone() };
        let refusal =
            invalid_request("no \"x\"", "kein „x“", "inside", Some("x")).with_findings(vec![finding, hidden]);
        assert_eq!(
            super::render(&refusal, "01J", Language::German),
            "{\"error\":{\"message\":\"kein „x“\",\"type\":\"invalid_request_error\",\"code\":\"invalid_request\",\
             \"param\":\"x\",\"request_id\":\"01J\",\"findings\":[{\"type\":\"IBAN\",\"path\":\"/messages/0/content\",\
             \"start\":3,\"end\":25,\"score\":1.00},{\"type\":\"IBAN\",\
             \"path\":\"/messages/0/content\",\"start\":3,\"end\":25,\"score\":1.00,\"evasive\":true}],\"next\":\"Berichtigen Sie die Anfrage und senden Sie sie \
             erneut.\"}}"
        );
    }
}
