//! HTTP/1.1 on the inherited socket: the wire that OpenAI-compatible servers speak.

use crate::prompt::{Ending, Prompter};
use crate::reply::{Collected, Reply, Stream};
use crate::request::{self, Calls, Fault, Generation, Prompt, Tokenized};
use crate::scheduler::{EMBED_TOKENS_MAX, Embedding, Event, Job, Queue, Work};
use crate::slots::Origin;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use llama_cpp_2::token::LlamaToken;
use schleuse_types::{Clock, OsRandom, Random, SystemClock};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// What every connection needs.
pub(crate) struct Served {
    pub(crate) model: String,
    /// Names of adapters, in the scheduler's order.
    pub(crate) adapters: Vec<String>,
    pub(crate) prompter: Prompter,
    pub(crate) queue: Queue,
    /// Prompt and answer of one request together.
    pub(crate) context_tokens: u32,
    pub(crate) vocabulary: i32,
    /// Elements of an embedding.
    pub(crate) width: u32,
    pub(crate) clock: SystemClock,
    /// The engine's release, for `system_fingerprint`.
    pub(crate) fingerprint: String,
}

impl Served {
    /// What the model is called with an adapter: `name:adapter`.
    pub(crate) fn id(&self, adapter: Option<usize>) -> String {
        match adapter.and_then(|place| self.adapters.get(place)) {
            Some(adapter) => format!("{}:{adapter}", self.model),
            None => self.model.clone(),
        }
    }

    /// Everything that a request may name: the base first.
    fn choices(&self) -> impl Iterator<Item = Option<usize>> {
        std::iter::once(None).chain((0..self.adapters.len()).map(Some))
    }
}

/// The gate opens few connections; more than this wait in the socket's backlog.
const CONNECTIONS_MAX: usize = 512;
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
const HEADER_WAIT: Duration = Duration::from_secs(10);

/// Serves until the process ends.
pub(crate) async fn serve(listener: UnixListener, served: Arc<Served>) -> std::io::Error {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            let _ended = connections.join_next().await;
            continue;
        }
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // A peer that left before it was accepted, or a full table of descriptors: neither ends the service.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => continue,
            Err(error) => return error,
        };
        let served = Arc::clone(&served);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let served = Arc::clone(&served);
                async move { Ok::<_, Infallible>(answer(&served, request).await) }
            });
            // An error here is the peer's going away, which needs no record.
            let _ended = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_WAIT)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

type Body = Either<Full<Bytes>, Stream>;

async fn answer(served: &Arc<Served>, request: Request<Incoming>) -> Response<Body> {
    match route(served, request).await {
        Ok(response) => response,
        Err(fault) => refusal(&fault),
    }
}

async fn route(served: &Arc<Served>, request: Request<Incoming>) -> Result<Response<Body>, Fault> {
    let path = request.uri().path().to_owned();
    match (request.method(), path.as_str()) {
        (&Method::GET, "/health") => Ok(whole(&health(served))),
        (&Method::GET, "/v1/models") => Ok(whole(&models(served))),
        (&Method::POST, "/v1/chat/completions") => chat(served, body(served, request).await?).await,
        (&Method::POST, "/v1/completions") => completion(served, body(served, request).await?).await,
        (&Method::POST, "/v1/embeddings") => embeddings(served, body(served, request).await?).await,
        (&Method::POST, "/tokenize") => tokenize(served, body(served, request).await?).await,
        _ => {
            let message = "there is /health, /v1/models, /v1/chat/completions, /v1/completions, /v1/embeddings and \
                           /tokenize";
            Err(Fault { status: 404, message: message.to_owned(), code: "not_found", param: None })
        }
    }
}

fn health(served: &Served) -> Value {
    let queue = &served.queue;
    json!({
        "status": "ok",
        "running": queue.running(),
        "waiting": queue.waiting(),
        "cancelled": queue.cancelled(),
    })
}

fn models(served: &Served) -> Value {
    let created = served.clock.now().seconds();
    let model = |adapter: Option<usize>| {
        json!({
            "id": served.id(adapter),
            "object": "model",
            "created": created,
            "owned_by": "schleuse",
            "root": served.model,
            "parent": adapter.map(|_| &served.model),
            "max_model_len": served.context_tokens,
        })
    };
    let data: Vec<Value> = served.choices().map(model).collect();
    json!({ "object": "list", "data": data })
}

/// The body of a request that names this model, and the adapter that it names with it.
async fn body(served: &Served, request: Request<Incoming>) -> Result<(Bytes, Option<usize>), Fault> {
    let collected = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await.map_err(|_| Fault {
        status: 413,
        message: format!("the body did not arrive whole or has more than {BODY_BYTES_MAX} bytes"),
        code: "request_too_large",
        param: None,
    })?;
    let body = collected.to_bytes();
    let Some(model) = request::model(&body)? else { return Ok((body, None)) };
    match served.choices().find(|choice| served.id(*choice) == model) {
        Some(adapter) => Ok((body, adapter)),
        None => {
            let known: Vec<String> =
                served.choices().map(|choice| format!("`{}`", served.id(choice))).collect();
            Err(Fault {
                status: 404,
                message: format!("the model `{model}` does not exist; there is {}", known.join(", ")),
                code: "model_not_found",
                param: Some("model"),
            })
        }
    }
}

type Named = (Bytes, Option<usize>);

async fn chat(served: &Arc<Served>, (body, adapter): Named) -> Result<Response<Body>, Fault> {
    let (asked, prompt) = aside(served, body.len(), move |served| {
        let asked = request::chat(&body, seed()?, served.vocabulary, served.prompter.form())?;
        // Here and not first in the scheduler, where it would be nobody's fault.
        let grammar = asked.generation.sampling.grammar.as_ref();
        if grammar.is_some_and(|grammar| !served.prompter.follows(grammar)) {
            let param = if asked.calls == Calls::Never { "response_format" } else { "tools" };
            return Err(Fault::invalid(param, "the engine cannot follow these schemas"));
        }
        let ending = if asked.calls == Calls::Forced { Ending::Call } else { Ending::Answer };
        let prompt = served.prompter.chat(&asked.conversation, ending);
        Ok((asked, prompt.map_err(|error| Fault::invalid("messages", error.to_string()))?))
    })
    .await?;
    let reply = Reply::chat(served, adapter, prompt.len(), &asked.generation, asked.calls)?;
    let shown = if asked.calls == Calls::Never { Vec::new() } else { served.prompter.form_tokens() };
    generate(served, adapter, vec![prompt], asked.generation, shown, reply).await
}

async fn completion(served: &Arc<Served>, (body, adapter): Named) -> Result<Response<Body>, Fault> {
    let (generation, prompts, echo) = aside(served, body.len(), move |served| {
        let asked = request::completion(&body, seed()?, served.vocabulary)?;
        let prompter = &served.prompter;
        let tokens = |prompt: &Prompt| match (prompt, &asked.suffix) {
            (Prompt::Tokens(tokens), _) => Ok(tokens.iter().copied().map(LlamaToken).collect()),
            (Prompt::Text(text), None) => Ok(prompter.text(text, true)),
            (Prompt::Text(text), Some(suffix)) => {
                prompter.middle(text, suffix).ok_or_else(|| Fault::no_middle(&served.model))
            }
        };
        let prompts = asked.prompts.iter().map(tokens).collect::<Result<Vec<Vec<LlamaToken>>, Fault>>()?;
        let echoed = |prompt| match prompt {
            Prompt::Text(text) => text,
            Prompt::Tokens(tokens) => {
                tokens.into_iter().map(|token| prompter.piece(LlamaToken(token))).collect()
            }
        };
        let echo = if asked.echo { asked.prompts.into_iter().map(echoed).collect() } else { Vec::new() };
        Ok((asked.generation, prompts, echo))
    })
    .await?;
    let reply = Reply::completion(served, adapter, &prompts, &generation, echo)?;
    generate(served, adapter, prompts, generation, Vec::new(), reply).await
}

async fn tokenize(served: &Arc<Served>, (body, _): Named) -> Result<Response<Body>, Fault> {
    aside(served, body.len(), move |served| {
        let asked = request::tokenize(&body)?;
        let prompter = &served.prompter;
        let tokens = match asked.what {
            Tokenized::Prompt { text, beginning } => prompter.text(&text, beginning),
            Tokenized::Conversation { conversation, answer } => {
                let ending = if answer { Ending::Answer } else { Ending::Message };
                let tokens = prompter.chat(&conversation, ending);
                tokens.map_err(|error| Fault::invalid("messages", error.to_string()))?
            }
        };
        let strings = asked
            .strings
            .then(|| -> Vec<String> { tokens.iter().map(|token| prompter.piece(*token)).collect() });
        let reply = json!({
            "count": tokens.len(),
            "max_model_len": served.context_tokens,
            "tokens": tokens.iter().map(|token| token.0).collect::<Vec<i32>>(),
            "token_strs": strings,
        });
        Ok(whole(&reply))
    })
    .await
}

/// Runs what takes long for a long body beside the thread that serves, so that streams do not wait for it.
async fn aside<T: Send + 'static>(
    served: &Arc<Served>,
    bytes: usize,
    work: impl FnOnce(&Served) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    const SHORT: usize = 8 * 1024;
    if bytes <= SHORT {
        return work(served);
    }
    let served = Arc::clone(served);
    let done = tokio::task::spawn_blocking(move || work(&served)).await;
    done.unwrap_or_else(|_| Err(failed("the request could not be read".to_owned())))
}

/// Answers every prompt; `prompts` has at least one.
async fn generate(
    served: &Served,
    adapter: Option<usize>,
    prompts: Vec<Vec<LlamaToken>>,
    generation: Generation,
    shown: Vec<LlamaToken>,
    reply: Reply,
) -> Result<Response<Body>, Fault> {
    let room = |prompt: &Vec<LlamaToken>| {
        let length = u32::try_from(prompt.len()).unwrap_or(u32::MAX);
        served.context_tokens.saturating_sub(length)
    };
    if let Some(prompt) = prompts.iter().find(|prompt| room(prompt) == 0 || prompt.is_empty()) {
        let param = if reply.is_chat() { "messages" } else { "prompt" };
        return Err(Fault::too_long(prompt.len(), served.context_tokens, param));
    }
    let (events, mut arriving) = mpsc::unbounded_channel();
    let stops: Vec<Vec<u8>> = generation.stops.into_iter().map(String::into_bytes).collect();
    let mut first_choice = 0;
    for prompt in prompts {
        let room = room(&prompt);
        let job = Job {
            prompt,
            first_choice,
            choices: generation.choices,
            // As vLLM has it, an answer without a limit may fill the context; a limit beyond it is cut.
            tokens_max: generation.tokens_max.map_or(room, |tokens_max| tokens_max.min(room)),
            stops: stops.clone(),
            ignore_end: generation.ignore_end,
            logprobs: generation.logprobs,
            shown: shown.clone(),
            origin: Origin { salt: generation.cache_salt.clone(), adapter },
            sampling: generation.sampling.clone(),
            events: events.clone(),
        };
        // Those before one that finds no place end with the channel.
        submit(served, Work::Answer(Box::new(job)))?;
        first_choice += generation.choices;
    }
    drop(events);
    if generation.stream {
        let body = Either::Right(Stream::new(reply, arriving));
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            header::HeaderValue::from_static("text/event-stream; charset=utf-8"),
        );
        headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
        return Ok(response);
    }
    let mut collected = Collected::new(reply);
    while let Some(event) = arriving.recv().await {
        if let Event::Failed(why) = event {
            return Err(failed(why));
        }
        collected.take(event);
    }
    collected.finish().map(|reply| whole(&reply)).ok_or_else(|| failed("the answer broke off".to_owned()))
}

async fn embeddings(served: &Arc<Served>, (body, adapter): Named) -> Result<Response<Body>, Fault> {
    let (asked, texts) = aside(served, body.len(), move |served| {
        let asked = request::embeddings(&body, served.width)?;
        let texts: Vec<Vec<LlamaToken>> =
            asked.inputs.iter().map(|input| served.prompter.text(input, true)).collect();
        Ok((asked, texts))
    })
    .await?;
    let unfit = |text: &&Vec<LlamaToken>| text.is_empty() || text.len() > EMBED_TOKENS_MAX as usize;
    if let Some(text) = texts.iter().find(unfit) {
        return Err(Fault::too_long(text.len(), EMBED_TOKENS_MAX, "input"));
    }
    let mut data = Vec::new();
    let mut tokens_total = 0;
    for (index, tokens) in texts.into_iter().enumerate() {
        tokens_total += tokens.len();
        let (reply, arriving) = oneshot::channel();
        submit(served, Work::Embed(Embedding { adapter, tokens, reply }))?;
        let vector = arriving.await.unwrap_or_else(|_| Err("the engine is stopping".to_owned()));
        let vector = shortened(vector.map_err(failed)?, asked.dimensions);
        let embedding = match asked.base64 {
            true => Value::String(crate::reply::base64(vector.iter().flat_map(|value| value.to_le_bytes()))),
            false => json!(vector),
        };
        data.push(json!({ "object": "embedding", "index": index, "embedding": embedding }));
    }
    Ok(whole(&json!({
        "object": "list",
        "data": data,
        "model": served.id(adapter),
        "usage": { "prompt_tokens": tokens_total, "total_tokens": tokens_total },
    })))
}

/// The beginning of a vector, of unit length again. Models trained for it (Matryoshka) lose little by it.
fn shortened(mut vector: Vec<f32>, dimensions: Option<usize>) -> Vec<f32> {
    let Some(dimensions) = dimensions.filter(|dimensions| *dimensions < vector.len()) else { return vector };
    vector.truncate(dimensions);
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    vector
}

fn submit(served: &Served, work: Work) -> Result<(), Fault> {
    served.queue.submit(work).map_err(|_| Fault {
        status: 503,
        message: "the engine has too many requests waiting".to_owned(),
        code: "engine_overloaded",
        param: None,
    })
}

fn failed(why: String) -> Fault {
    Fault { status: 500, message: why, code: "engine_error", param: None }
}

/// A seed for those who named none.
fn seed() -> Result<u32, Fault> {
    random().map(u32::from_ne_bytes)
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    OsRandom.fill(&mut bytes).map_err(|_| failed("there is no randomness to be had".to_owned()))?;
    Ok(bytes)
}

fn whole(value: &Value) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(value.to_string()))));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

fn refusal(fault: &Fault) -> Response<Body> {
    let mut response = whole(&fault.to_json());
    *response.status_mut() = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if fault.status == 503 {
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    }
    response
}
