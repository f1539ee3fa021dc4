//! What the edge itself refuses, in the one shape of refusals.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, SET_COOKIE};
use http::{Response, StatusCode};
use schleuse_types::{Language, OsRandom, Refusal, RefusalCode, RequestId, SystemClock, Text};
use schleuse_wire::ReplyBody;

use crate::credential::{Ambiguous, CookieNames};
use crate::form::Malformed;

/// In which words somebody is told: clients of some paths read errors of a shape of their own.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) path: &'a str,
    pub(crate) language: Language,
}

pub(crate) fn not_found(asker: Asker<'_>) -> Response<ReplyBody> {
    refuse(
        StatusCode::NOT_FOUND,
        RefusalCode::NotFound,
        Text::fixed("There is nothing here.", "Hier ist nichts."),
        Text::fixed(
            "The page is at `/`; the API is under `/v1`.",
            "Die Seite ist unter `/`, die API unter `/v1` zu finden.",
        ),
        asker,
    )
}

pub(crate) fn unknown_name(asker: Asker<'_>) -> Response<ReplyBody> {
    refuse(
        StatusCode::MISDIRECTED_REQUEST,
        RefusalCode::NotFound,
        Text::fixed(
            "This house does not answer under that name.",
            "Unter diesem Namen antwortet dieses Haus nicht.",
        ),
        Text::fixed(
            "Use the address that the start-up printed.",
            "Verwenden Sie die Adresse, die beim Start angezeigt wurde.",
        ),
        asker,
    )
}

pub(crate) fn foreign_origin(asker: Asker<'_>) -> Response<ReplyBody> {
    refuse(
        StatusCode::FORBIDDEN,
        RefusalCode::AccessDenied,
        Text::fixed(
            "This request does not come from a page of this house.",
            "Diese Anfrage kommt nicht von einer Seite dieses Hauses.",
        ),
        Text::fixed(
            "Open the page of this house itself and do it there. A program sends an API key instead of a cookie.",
            "Öffnen Sie die Seite dieses Hauses selbst und handeln Sie dort. Ein Programm schickt einen API-Schlüssel \
             statt eines Cookies.",
        ),
        asker,
    )
}

pub(crate) fn ambiguous(ambiguous: Ambiguous, asker: Asker<'_>) -> Response<ReplyBody> {
    match ambiguous {
        Ambiguous::Bearer => refuse(
            StatusCode::UNAUTHORIZED,
            RefusalCode::InvalidApiKey,
            Text::fixed(
                "The request carries more than one key, or one that cannot be read.",
                "Die Anfrage enthält mehr als einen Schlüssel oder einen unlesbaren.",
            ),
            Text::fixed(
                "Send one key, in `Authorization: Bearer` or in `x-api-key`.",
                "Senden Sie einen Schlüssel, in `Authorization: Bearer` oder in `x-api-key`.",
            ),
            asker,
        ),
        Ambiguous::Cookie => {
            let mut response = refuse(
                StatusCode::BAD_REQUEST,
                RefusalCode::InvalidRequest,
                Text::fixed(
                    "The browser sent more than one session of Schleuse.",
                    "Der Browser hat mehr als eine Sitzung von Schleuse geschickt.",
                ),
                Text::fixed(
                    "Try again and sign in; if it happens again, delete this address's cookies.",
                    "Versuchen Sie es noch einmal und melden Sie sich an; bleibt es dabei, löschen Sie die Cookies \
                     dieser Adresse.",
                ),
                asker,
            );
            // Two houses on one machine share its name: without this, neither could be used again.
            for name in CookieNames::SESSIONS {
                let secure = if name.starts_with("__Host-") { "; Secure" } else { "" };
                let expired = format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict{secure}");
                if let Ok(value) = HeaderValue::try_from(expired) {
                    response.headers_mut().append(SET_COOKIE, value);
                }
            }
            response
        }
    }
}

pub(crate) fn malformed(malformed: Malformed, asker: Asker<'_>) -> Response<ReplyBody> {
    let message = match malformed {
        Malformed::Host => Text::fixed(
            "The request does not name exactly one host.",
            "Die Anfrage nennt nicht genau einen Rechner.",
        ),
        Malformed::Body => {
            Text::fixed("A GET or HEAD request has no body.", "Eine GET- oder HEAD-Anfrage hat keinen Rumpf.")
        }
        Malformed::Expectation => Text::fixed(
            "The only expectation that is met here is `100-continue`.",
            "Die einzige Erwartung, die hier erfüllt wird, ist `100-continue`.",
        ),
        Malformed::Encoding => {
            Text::fixed("Compressed bodies are not taken.", "Komprimierte Rümpfe werden nicht angenommen.")
        }
        Malformed::Twice => Text::fixed(
            "A header occurs twice of which there is one.",
            "Ein Kopf, den es einmal gibt, kommt zweimal vor.",
        ),
        Malformed::TooLong => Text::fixed(
            "The headers of the request are too long.",
            "Die Kopfzeilen der Anfrage sind zu lang.",
        ),
    };
    let next = Text::fixed(
        "Correct the request and send it again.",
        "Berichtigen Sie die Anfrage und senden Sie sie erneut.",
    );
    let mut response = refuse(malformed.status(), RefusalCode::InvalidRequest, message, next, asker);
    // What follows on this connection may have been meant as a part of this request.
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn refuse(
    status: StatusCode,
    code: RefusalCode,
    message: Text,
    next: Text,
    asker: Asker<'_>,
) -> Response<ReplyBody> {
    let refusal = Refusal::new(code, message, next, "");
    let id = RequestId::new(&SystemClock::new(), &OsRandom).map(|id| id.to_string()).unwrap_or_default();
    tracing::info!(request_id = id, code = refusal.code.recorded(), %status, "refused at the edge");
    let mut response =
        json(status, schleuse_wire::render_refusal_at(asker.path, &refusal, &id, asker.language));
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert("x-schleuse-request-id", id);
    }
    response
}

pub(crate) fn json(status: StatusCode, body: String) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::Whole(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
