//! The only outbound call.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use schleuse_types::{Label, Refusal, RefusalCode, Tenant, Text};
use schleuse_upstream::{Answer, AskError, Provider, Question, Route};
use schleuse_wire::{Dialect, Request, Surface, Untranslatable, invalid_request, multipart};

use super::{Admitted, Cleared};
use crate::answers::{Asker, Asking, Keeping};
use crate::{Entry, Gate};

/// A question that was put to a model server. Only [`ask`] makes one.
pub struct Asked {
    pub(super) cleared: Cleared,
    /// In which the answer comes.
    pub(super) dialect: Dialect,
    /// Where the answer is kept once it is complete.
    pub(super) keeping: Option<Keeping>,
    pub(super) state: State,
}

pub(super) enum State {
    Answered(Box<Answer>),
    /// The same was asked before: the whole body of the answer, not inspected yet.
    Kept(Bytes),
    /// The server has not said yet whether it will answer; the asker of a stream is kept company meanwhile.
    Pending(Pin<Box<dyn Future<Output = Result<Answer, AskError>> + Send>>),
}

/// The route of an answer that no model server gave this time.
const KEPT: &str = "kept";

/// After so long without a status, a stream is begun with keep-alives; a later failure is then an error event.
const STATUS_PATIENCE: Duration = Duration::from_secs(10);

/// Puts the question to the replicas of its one route, unless the answer to the very same is kept.
pub async fn ask(gate: &Gate, admitted: Admitted, entry: &Entry) -> Result<Asked, Refusal> {
    let Admitted { cleared, route } = admitted;
    let is_stream = cleared.request().is_stream();
    let surface = cleared.request().surface().asked_as();
    let provider = route.provider;
    let (content_type, body) = outgoing(cleared.request(), &route).map_err(|error| untranslatable(&error))?;
    let asker = Asker { tenant: entry.tenant(), person: entry.person() };
    let key = match gate.answers.are_kept() && cleared.request().is_repeatable() {
        true => gate.answers.key(&Asking {
            asker: &asker,
            label: cleared.label(),
            policies: gate.policy.digest(),
            route: &route,
            weights: gate.upstreams.weights(&route),
            path: surface.path(),
            body: &body,
        }),
        false => None,
    };
    if let Some(kept) = key.as_ref().and_then(|key| gate.answers.find(key)) {
        entry.note_route(KEPT);
        return Ok(Asked { cleared, dialect: dialect(provider), keeping: None, state: State::Kept(kept) });
    }
    let salt = cache_salt(gate, &asker.tenant, cleared.label());
    let keeping = key.map(|key| Keeping::new(Arc::clone(&gate.answers), key, asker));
    let question = Question {
        path: surface.path(),
        content_type,
        body,
        stream: is_stream,
        request_id: entry.id().to_string(),
        cache_salt: salt,
        sends_salt: matches!(surface, Surface::ChatCompletions | Surface::Completions),
    };
    let (upstreams, turns, waiting) = (gate.upstreams.clone(), gate.turns.clone(), entry.clone());
    let mut asking: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(async move {
        // Nobody's many questions stand before another's one. The place is the entry's until it is closed.
        waiting.hold_turn(turns.take(&route.replicas, &waiting.person()).await);
        upstreams.ask(&route, question).await
    });
    let state = if is_stream {
        match tokio::time::timeout(STATUS_PATIENCE, &mut asking).await {
            Ok(answered) => State::Answered(Box::new(answered.map_err(|error| refuse(gate, &error))?)),
            Err(_) => State::Pending(asking),
        }
    } else {
        State::Answered(Box::new(asking.await.map_err(|error| refuse(gate, &error))?))
    };
    Ok(Asked { cleared, dialect: dialect(provider), keeping, state })
}

/// What is sent: a document, or a form, as the provider's interface has it.
fn outgoing(request: &Request, route: &Route) -> Result<(String, Bytes), Untranslatable> {
    let (dialect, surface) = (dialect(route.provider), request.surface().asked_as());
    match request.to_form() {
        Some(parts) => {
            let parts = dialect.outgoing_form(surface, parts?, request.is_stream())?;
            let (content_type, body) = multipart::render(&parts);
            Ok((content_type, Bytes::from(body)))
        }
        None => {
            let document = match &route.served_as {
                Some(model) => request.to_upstream_as(model),
                None => request.to_upstream(),
            };
            let body = dialect.outgoing(surface, document, route.stores_nothing, route.infill)?;
            Ok(("application/json".to_owned(), Bytes::from(body)))
        }
    }
}

/// Under which model servers remember the beginnings of prompts: another one for each tenant and label. How long an answer
/// takes tells nobody what was asked under another one.
fn cache_salt(gate: &Gate, tenant: &Tenant, label: &Label) -> Option<String> {
    let mut mac = gate.prompt_mac.derived(&format!("cache salts of tenant {tenant}"));
    mac.update(label.to_string().as_bytes());
    // A salt is letters and digits, without the name of the function before them.
    mac.finish().rsplit(':').next().map(str::to_owned)
}

/// The interface that a provider's servers speak.
fn dialect(provider: Provider) -> Dialect {
    match provider {
        Provider::OpenAiCompatible => Dialect::OpenAiCompatible,
        Provider::OpenAi | Provider::AzureOpenAi => Dialect::OpenAi,
        Provider::Mistral => Dialect::Mistral,
        Provider::Anthropic => Dialect::Anthropic,
    }
}

/// Part of the question cannot be said in the provider's interface.
fn untranslatable(error: &Untranslatable) -> Refusal {
    let field = &error.field;
    invalid_request(
        format!("The provider of this model knows no `{field}`; leave it out, or choose another model."),
        format!(
            "Der Anbieter dieses Modells kennt `{field}` nicht; lassen Sie es weg, oder wählen Sie ein anderes Modell."
        ),
        "a field that the provider does not know",
        Some(field),
    )
}

/// What the asker is told when a model server cannot be asked.
pub(super) fn refuse(gate: &Gate, error: &AskError) -> Refusal {
    let code = error.code();
    let replica = match error {
        AskError::Connect { replica, .. }
        | AskError::Timeout { replica, .. }
        | AskError::Broken { replica, .. }
        | AskError::TooLarge { replica, .. } => Some(replica.as_str()),
        AskError::NoReplica { .. } | AskError::Unsendable { .. } => None,
    };
    let message = replica.and_then(|replica| (gate.ailment)(replica)).unwrap_or_else(|| match code {
        RefusalCode::UpstreamTimeout => Text::fixed(
            "The model server did not answer in time.",
            "Der Modellserver hat nicht rechtzeitig geantwortet.",
        ),
        RefusalCode::UpstreamFailed => Text::fixed(
            "The model server broke off or answered in a way that cannot be used.",
            "Der Modellserver hat abgebrochen oder unbrauchbar geantwortet.",
        ),
        _ => Text::fixed("The model server cannot be reached.", "Der Modellserver ist nicht erreichbar."),
    });
    let refusal = Refusal::new(
        code.clone(),
        message,
        Text::fixed(
            "Try again shortly; if it goes on, tell your operator.",
            "Versuchen Sie es gleich noch einmal; bleibt es dabei, sagen Sie dem Betrieb Bescheid.",
        ),
        error.to_string(),
    );
    match code {
        RefusalCode::UpstreamUnavailable => refusal.with_retry_after(5),
        _ => refusal,
    }
}
