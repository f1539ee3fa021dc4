//! What is there: the list of models, and refusals for what is not there.

use std::sync::Arc;

use bytes::Bytes;
use schleuse_identity::Verified;
use schleuse_types::{Refusal, RefusalCode, Text};
use schleuse_upstream::ModelInfo;
use schleuse_wire::json::{Number, Object, Value};
use schleuse_wire::{Arrival, Method, Reply, ReplyBody, Surface};

use crate::steps::{self, Followed};
use crate::{Entry, Gate, Remark};

/// Answers a path that asks nothing of a model.
pub(crate) fn answer(
    gate: &Arc<Gate>,
    arrival: &Arrival,
    verified: Verified,
    entry: &Entry,
) -> Result<Followed, Refusal> {
    let Some(rest) = arrival.path.strip_prefix("/v1/models") else {
        return Err(no_such_path());
    };
    if !rest.is_empty() && !rest.starts_with('/') {
        return Err(no_such_path());
    }
    if arrival.method != Method::Get {
        return Err(wrong_method("GET"));
    }
    verified.permit_scope("models", None)?;
    steps::may_list_models(gate, &verified, entry)?;
    let tenant = &verified.principal().tenant;
    let mut models =
        gate.upstreams.models(tenant).into_iter().filter(|model| verified.may_use_model(&model.id));
    let row = |model| row(model, &gate.remark);
    let document = match rest.trim_matches('/') {
        "" => {
            let mut list = Object::new();
            list.set("object", Value::String("list".to_owned()));
            list.set("data", Value::Array(models.map(|model| Value::Object(row(model))).collect()));
            list
        }
        name => row(models.find(|model| model.id == name).ok_or_else(no_such_model)?),
    };
    entry.close_unrecorded();
    let reply = Reply {
        status: 200,
        headers: entry.headers(),
        body: ReplyBody::Whole(Bytes::from(Value::Object(document).to_text())),
    };
    Ok(Followed::of_a_list(reply))
}

fn row(model: ModelInfo, remark: &Remark) -> Object {
    let number = |n: u64| Value::Number(Number::from(i64::try_from(n).unwrap_or(i64::MAX)));
    let mut row = Object::new();
    let description = remark(&model.id);
    row.set("id", Value::String(model.id));
    row.set("object", Value::String("model".to_owned()));
    row.set("created", number(model.created.unwrap_or_default()));
    row.set("owned_by", Value::String("schleuse".to_owned()));
    if let Some(length) = model.max_model_len {
        row.set("max_model_len", number(length));
    }
    if let Some(description) = description {
        row.set("description", Value::String(description.to_owned()));
    }
    row.set("zone", Value::String(model.zone.as_str().to_owned()));
    row.set("max_label", Value::String(model.max_label.to_string()));
    row
}

pub(crate) fn no_such_model() -> Refusal {
    Refusal::new(
        RefusalCode::ModelNotFound,
        Text::fixed("There is no model of that name here.", "Ein Modell dieses Namens gibt es hier nicht."),
        Text::fixed(
            "`GET /v1/models` lists the models that you may use.",
            "`GET /v1/models` nennt die Modelle, die Sie verwenden dürfen.",
        ),
        "unknown model",
    )
    .with_param("model")
}

/// The model is not known, and a model server that could have it has not been reached yet.
pub(crate) fn not_asked_yet() -> Refusal {
    Refusal::new(
        RefusalCode::UpstreamUnavailable,
        Text::fixed(
            "A model server of this house has not been reached yet, so it is not known whether this model is there.",
            "Ein Modellserver dieses Hauses wurde noch nicht erreicht; ob es dieses Modell gibt, ist deshalb nicht bekannt.",
        ),
        Text::fixed(
            "Try again shortly; if it goes on, tell your operator.",
            "Versuchen Sie es gleich noch einmal; bleibt es dabei, sagen Sie dem Betrieb Bescheid.",
        ),
        "no list of models yet",
    )
    .with_retry_after(5)
    .with_param("model")
}

pub(crate) fn no_such_path() -> Refusal {
    let asked: String = Surface::offered().map(|surface| format!("POST {}, ", surface.path())).collect();
    let there = format!("{asked}GET /v1/models");
    Refusal::new(
        RefusalCode::NotFound,
        Text::fixed("This path is not offered here.", "Dieser Pfad wird hier nicht angeboten."),
        Text::new(format!("There is: {there}."), format!("Es gibt: {there}.")),
        "unknown path",
    )
}

pub(crate) fn wrong_method(right: &str) -> Refusal {
    Refusal::new(
        RefusalCode::MethodNotAllowed,
        Text::fixed("This path does not take that method.", "Dieser Pfad kennt diese Methode nicht."),
        Text::new(format!("Use {right}."), format!("Verwenden Sie {right}.")),
        "wrong method",
    )
}
