//! An inspected answer of a model server, written as the surface has it on which it was asked.

mod messages;
mod parts;
mod responses;
mod speech;

use bytes::Bytes;
use schleuse_types::{Language, Refusal};

use crate::json::Object;
use crate::refusal::{render, render_for};
use crate::{Chunk, ReplyError, Request, Surface, WholeReply, sse};
use parts::Parts;

/// Writes one answer, whole or frame by frame. Everything that it is given was inspected before.
#[derive(Debug)]
pub struct Renderer {
    surface: Surface,
    model: String,
    request_id: String,
    wants_usage: bool,
    /// The last one that was told, with the head of the answer.
    usage: Option<Chunk>,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// As the model server has it.
    Native,
    /// The same without the documents of a ranking.
    WithoutDocuments,
    Messages(messages::Message, Parts),
    Responses(Box<responses::Response>, Parts),
    Speech(speech::Speech),
    /// A number of LLM tokens, as Anthropic's counting tells it.
    Count,
}

impl Renderer {
    /// `request_id` names the answer; `now_s` is its time, in seconds since 1970.
    pub fn new(request: &Request, request_id: &str, now_s: u64) -> Self {
        let surface = request.surface();
        let form = match surface {
            Surface::Messages => {
                Form::Messages(messages::Message::new(request.model(), request_id), Parts::default())
            }
            Surface::Responses => {
                let response = responses::Response::new(request.model(), request.asked(), request_id, now_s);
                Form::Responses(Box::new(response), Parts::default())
            }
            Surface::CountTokens => Form::Count,
            Surface::Transcriptions | Surface::Translations => Form::Speech(speech::Speech::new(request)),
            Surface::Rerank if !request.wants_documents() => Form::WithoutDocuments,
            Surface::ChatCompletions
            | Surface::Completions
            | Surface::Embeddings
            | Surface::Rerank
            | Surface::Score
            | Surface::Tokenize => Form::Native,
        };
        Self {
            surface,
            model: request.model().to_owned(),
            request_id: request_id.to_owned(),
            wants_usage: request.wants_usage(),
            usage: None,
            form,
        }
    }

    /// What an answer in one piece is, where it is no JSON.
    pub fn content_type(&self) -> Option<&'static str> {
        match &self.form {
            Form::Speech(speech) => speech.content_type(),
            _ => None,
        }
    }

    /// Says that the answer is still coming.
    pub fn keep_alive(&self) -> Bytes {
        match &self.form {
            Form::Messages(message, _) if message.has_begun() => messages::PING,
            _ => sse::KEEP_ALIVE,
        }
    }

    /// Adds the frames of one chunk.
    pub fn take(&mut self, chunk: &Chunk, frames: &mut Vec<Bytes>) -> Result<(), ReplyError> {
        match &mut self.form {
            Form::Native | Form::WithoutDocuments | Form::Count => {
                frames.push(chunk.to_frame(self.surface, &self.model, self.wants_usage));
                Ok(())
            }
            Form::Speech(speech) => {
                speech.take(chunk, frames);
                Ok(())
            }
            Form::Messages(message, parts) => {
                message.begin(frames);
                parts.take(chunk, &mut |told| message.tell(&told, frames))
            }
            Form::Responses(response, parts) => {
                response.begin(frames);
                parts.take(chunk, &mut |told| response.tell(&told, frames))
            }
        }
    }

    /// Keeps what the answer cost, which is told behind everything else.
    pub fn take_usage(&mut self, chunk: Chunk) {
        self.usage = Some(chunk);
    }

    /// The last frames. Only an answer that came to its good end has them.
    pub fn end(&mut self) -> Vec<Bytes> {
        let mut frames = Vec::new();
        let usage = self.usage.take();
        let cost = usage.as_ref().and_then(|chunk| chunk.usage.as_ref());
        match &mut self.form {
            Form::Native | Form::WithoutDocuments | Form::Count => {
                if self.wants_usage
                    && let Some(usage) = &usage
                {
                    frames.push(usage.to_frame(self.surface, &self.model, true));
                }
                frames.push(sse::DONE);
            }
            Form::Speech(speech) => frames.push(speech.end(cost)),
            Form::Messages(message, parts) => {
                message.begin(&mut frames);
                parts.finish(&mut |told| message.tell(&told, &mut frames));
                message.end(parts, cost, &mut frames);
            }
            Form::Responses(response, parts) => {
                response.begin(&mut frames);
                parts.finish(&mut |told| response.tell(&told, &mut frames));
                response.end(parts, cost, &mut frames);
            }
        }
        frames
    }

    /// The last frame of an answer that was refused after it had begun.
    pub fn refuse(&mut self, refusal: &Refusal, language: Language) -> Bytes {
        match &mut self.form {
            Form::Native | Form::WithoutDocuments | Form::Count | Form::Speech(_) => {
                sse::named_frame("error", &render(refusal, &self.request_id, language))
            }
            Form::Messages(..) => {
                sse::named_frame("error", &render_for(self.surface, refusal, &self.request_id, language))
            }
            Form::Responses(response, _) => response.refuse(refusal, &self.request_id, language),
        }
    }

    /// An answer in one piece.
    pub fn whole(&mut self, reply: &WholeReply) -> Result<Bytes, ReplyError> {
        let usage: Option<&Object> = reply.usage();
        match &mut self.form {
            Form::Native => Ok(reply.to_bytes()),
            Form::WithoutDocuments => Ok(reply.without_documents().to_bytes()),
            Form::Count => Ok(messages::count(reply)),
            Form::Speech(speech) => speech.whole(reply),
            Form::Messages(message, parts) => {
                parts.take(&reply.to_chunk()?, &mut |_| {})?;
                parts.finish(&mut |_| {});
                Ok(message.whole(parts, usage))
            }
            Form::Responses(response, parts) => {
                parts.take(&reply.to_chunk()?, &mut |_| {})?;
                parts.finish(&mut |_| {});
                Ok(response.whole(parts, usage))
            }
        }
    }
}

#[cfg(test)]
mod tests;
