//! The short bridges between this room and `upstream`, as the root has them.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use schleuse_upstream::{AskError, Carrier, CarryError, Carrying, Question, Upstreams};
use schleuse_wire::BodyError;

use crate::{
    ConnectorModel, Connectors, ModelAnswer, ModelAnswered, ModelQuestion, ModelServers, NotAnswered,
};

/// In the gate: lets `upstream` ask over connectors.
pub(super) struct OverConnectors(pub(super) Arc<Connectors>);

impl Carrier for OverConnectors {
    fn send<'a>(&'a self, connector: &'a str, request: Request<Full<Bytes>>) -> Carrying<'a> {
        Box::pin(async move {
            match self.0.send(connector, request).await {
                Ok(answer) => Ok(answer.map(|body| Box::pin(body.map_err(Into::into)) as _)),
                Err(crate::CarryError::Unsent { reason }) => Err(CarryError::Unsent { reason }),
                Err(crate::CarryError::TimedOut) => Err(CarryError::TimedOut),
                Err(crate::CarryError::Sent { reason }) => Err(CarryError::Sent { reason }),
            }
        })
    }
}

/// Beside the models: lets a connector ask its own upstreams.
pub(super) struct OwnUpstreams(pub(super) Upstreams);

impl ModelServers for OwnUpstreams {
    fn models(&self) -> Vec<ConnectorModel> {
        let models = self.0.models(&schleuse_types::Tenant::HOUSE).into_iter();
        models
            .map(|model| ConnectorModel {
                id: model.id,
                created: model.created,
                max_model_len: model.max_model_len,
            })
            .collect()
    }

    fn is_well(&self) -> bool {
        self.0.status().iter().any(|upstream| upstream.healthy)
    }

    fn ask(&self, question: ModelQuestion) -> ModelAnswered {
        let upstreams = self.0.clone();
        Box::pin(async move {
            // Which label may go where was decided by the gate, by this connector's one entry in its configuration.
            let route = upstreams
                .routes(&schleuse_types::Tenant::HOUSE, &question.model)
                .into_iter()
                .next()
                .ok_or(NotAnswered::Unsent)?;
            let question = Question {
                path: question.path,
                content_type: question.content_type,
                body: question.body,
                stream: question.stream,
                request_id: question.request_id,
                cache_salt: None,
                sends_salt: false,
            };
            let answer = upstreams.ask(&route, question).await.map_err(|error| match error {
                AskError::NoReplica { .. }
                | AskError::Connect { .. }
                | AskError::Timeout { what: "connection", .. } => NotAnswered::Unsent,
                AskError::Timeout { .. } => NotAnswered::TimedOut,
                error => NotAnswered::Failed { reason: error.to_string() },
            })?;
            Ok(ModelAnswer {
                status: answer.status,
                retry_after_s: answer.retry_after_s,
                is_event_stream: answer.is_event_stream,
                body: Box::pin(answer.into_body().map_err(|error| BodyError(error.to_string()))),
            })
        })
    }
}
