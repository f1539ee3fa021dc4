//! Replies, and JSON in them.

use bytes::Bytes;
use schleuse_types::{Language, Refusal, RequestId, Timestamp};
use schleuse_wire::json::{Object, Value};
use schleuse_wire::{Reply, ReplyBody, render_refusal};

pub(crate) fn json(body: Object) -> Reply {
    whole(200, Value::Object(body).to_text())
}

pub(crate) fn nothing() -> Reply {
    whole(204, String::new())
}

/// Sends the browser on with a GET (RFC 9110 section 15.4.4).
pub(crate) fn go_to(location: &str) -> Reply {
    let mut reply = whole(303, String::new());
    reply.headers.push(("location", location.to_owned()));
    reply
}

pub(crate) fn refusal(refusal: &Refusal, id: &RequestId, language: Language) -> Reply {
    let mut reply = whole(refusal.code.status(), render_refusal(refusal, id.as_str(), language));
    if let Some(seconds) = refusal.retry_after_s {
        reply.headers.push(("retry-after", seconds.to_string()));
    }
    reply
}

/// A fault so early that the request has no id.
pub(crate) fn nameless(language: Language) -> Reply {
    let refusal = schleuse_wire::internal("the sign-in could not begin its answer");
    tracing::error!(inside = refusal.inside, "refused");
    whole(refusal.code.status(), render_refusal(&refusal, "", language))
}

fn whole(status: u16, body: String) -> Reply {
    Reply { status, headers: Vec::new(), body: ReplyBody::Whole(Bytes::from(body)) }
}

pub(crate) fn text(text: impl Into<String>) -> Value {
    Value::String(text.into())
}

pub(crate) fn texts<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Value {
    Value::Array(items.into_iter().map(text).collect())
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn time(time: Timestamp) -> Value {
    let micros = time.to_string();
    Value::String(
        micros
            .strip_suffix('Z')
            .and_then(|text| text.get(..text.len() - 3))
            .map_or_else(|| micros.clone(), |millis| format!("{millis}Z")),
    )
}

pub(crate) fn object<const N: usize>(members: [(&str, Value); N]) -> Object {
    let mut object = Object::new();
    for (name, value) in members {
        object.set(name, value);
    }
    object
}
