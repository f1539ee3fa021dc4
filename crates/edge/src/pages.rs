//! The pages: static bytes, and the two small questions that they ask before anybody has a key.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};
use http::{Method, Response, StatusCode};
use schleuse_types::{Language, Refusal, RefusalCode, Role, Secret, Text};
use schleuse_webui::Asset;

use crate::reply::OutBody;

/// What the pages may know before a person has signed in.
pub trait FrontDesk: Send + Sync + 'static {
    /// The document behind `/house.json`.
    fn house(&self) -> String;
    /// The demo key of a role; `None` where the house is no demo.
    fn demo_key(&self, role: Role) -> Option<Secret<String>>;
    /// Host names and addresses under which this house may be called by a browser; empty: any.
    fn hosts(&self) -> &[String];
}

/// Answers what is not under `/v1`.
pub(crate) fn answer(
    desk: &dyn FrontDesk,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Response<OutBody> {
    let language = crate::arrival::language(headers);
    if !is_called_by_its_name(desk, headers) {
        return refuse(
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
            language,
        );
    }
    match (method, path) {
        (&Method::GET | &Method::HEAD, "/") => serve(schleuse_webui::index(), method, headers),
        (&Method::GET | &Method::HEAD, "/house.json") => json(StatusCode::OK, desk.house()),
        (&Method::POST, "/demo/sign-in") => sign_in(desk, body, language),
        (&Method::GET | &Method::HEAD, _) => match schleuse_webui::asset(path) {
            Some(asset) => serve(asset, method, headers),
            None => not_found(language),
        },
        _ => not_found(language),
    }
}

/// A page of a stranger's that resolves its own name to this address (DNS rebinding) calls it by that name.
fn is_called_by_its_name(desk: &dyn FrontDesk, headers: &HeaderMap) -> bool {
    let hosts = desk.hosts();
    if hosts.is_empty() {
        return true;
    }
    let Some(host) = headers.get(http::header::HOST).and_then(|host| host.to_str().ok()) else {
        return false;
    };
    let without_port = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    hosts.iter().any(|known| known.eq_ignore_ascii_case(without_port))
}

fn sign_in(desk: &dyn FrontDesk, body: &[u8], language: Language) -> Response<OutBody> {
    use schleuse_wire::json::{Bounds, Value, parse, write_string};
    let asked = parse(body, &Bounds::default()).ok();
    let role =
        asked.as_ref().and_then(Value::as_object).and_then(|body| body.get("role")).and_then(Value::as_str);
    let Some(role) = role.and_then(|role| Role::parse(role).ok()) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            RefusalCode::InvalidRequest,
            Text::fixed(
                "The role must be one of employee, engineer, security, admin, auditor.",
                "Die Rolle muss eine von employee, engineer, security, admin, auditor sein.",
            ),
            Text::fixed("Choose one of the five roles.", "Wählen Sie eine der fünf Rollen."),
            language,
        );
    };
    let Some(key) = desk.demo_key(role) else {
        return not_found(language);
    };
    let mut out = String::from("{\"role\":");
    write_string(role.as_str(), &mut out);
    out.push_str(",\"key\":");
    write_string(key.expose(), &mut out);
    out.push('}');
    json(StatusCode::OK, out)
}

fn serve(asset: Asset, method: &Method, headers: &HeaderMap) -> Response<OutBody> {
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|known| known.split(',').any(|tag| tag.trim() == asset.etag));
    let bytes = match (is_known, method) {
        (true, _) | (_, &Method::HEAD) => Bytes::new(),
        _ => match asset.bytes {
            std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
        },
    };
    let mut response = Response::new(OutBody::Whole(Some(bytes)));
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let out = response.headers_mut();
    out.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    out.insert(CACHE_CONTROL, HeaderValue::from_static(asset.cache_control));
    if let Ok(etag) = HeaderValue::try_from(asset.etag) {
        out.insert(ETAG, etag);
    }
    for (name, value) in schleuse_webui::security_headers() {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            out.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

fn not_found(language: Language) -> Response<OutBody> {
    refuse(
        StatusCode::NOT_FOUND,
        RefusalCode::NotFound,
        Text::fixed("There is nothing here.", "Hier ist nichts."),
        Text::fixed(
            "The page is at `/`; the API is under `/v1`.",
            "Die Seite ist unter `/`, die API unter `/v1` zu finden.",
        ),
        language,
    )
}

fn refuse(
    status: StatusCode,
    code: RefusalCode,
    message: Text,
    next: Text,
    language: Language,
) -> Response<OutBody> {
    let refusal = Refusal::new(code, message, next, "");
    json(status, schleuse_wire::render_refusal(&refusal, "", language))
}

fn json(status: StatusCode, body: String) -> Response<OutBody> {
    let mut response = Response::new(OutBody::Whole(Some(Bytes::from(body))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
