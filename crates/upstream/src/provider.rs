//! Whose interface a model server speaks: where its paths lie and how it takes its key.

use std::borrow::Cow;
use std::fmt;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};

/// Whose interface a model server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// vLLM, llama.cpp, and whatever else speaks as OpenAI did.
    OpenAiCompatible,
    OpenAi,
    AzureOpenAi,
    Anthropic,
    Mistral,
}

impl Provider {
    pub const ALL: [Self; 5] =
        [Self::OpenAiCompatible, Self::OpenAi, Self::AzureOpenAi, Self::Anthropic, Self::Mistral];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiCompatible => "openai-compatible",
            Self::OpenAi => "openai",
            Self::AzureOpenAi => "azure-openai",
            Self::Anthropic => "anthropic",
            Self::Mistral => "mistral",
        }
    }

    /// What the header of a key says.
    pub(crate) fn credential(self, key: &str) -> String {
        match self {
            Self::AzureOpenAi | Self::Anthropic => key.to_owned(),
            Self::OpenAiCompatible | Self::OpenAi | Self::Mistral => format!("Bearer {key}"),
        }
    }

    pub(crate) fn credential_header(self) -> HeaderName {
        match self {
            Self::AzureOpenAi => HeaderName::from_static("api-key"),
            Self::Anthropic => HeaderName::from_static("x-api-key"),
            Self::OpenAiCompatible | Self::OpenAi | Self::Mistral => AUTHORIZATION,
        }
    }

    /// The header that names the version of the interface, where it is required.
    pub(crate) fn version(self) -> Option<(HeaderName, HeaderValue)> {
        (self == Self::Anthropic)
            .then(|| (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01")))
    }

    /// Where a path of OpenAI's interface lies at this provider, behind the upstream's url.
    ///
    /// Azure has it below `/openai/v1` since its interface of 2025 without dated versions. A conversation is put to
    /// Anthropic as messages, and counted there as such.
    pub(crate) fn path(self, path: &str) -> Cow<'_, str> {
        match (self, path) {
            (Self::AzureOpenAi, _) if path.starts_with("/v1/") => Cow::Owned(format!("/openai{path}")),
            (Self::Anthropic, "/v1/chat/completions") => Cow::Borrowed("/v1/messages"),
            (Self::Anthropic, "/tokenize") => Cow::Borrowed("/v1/messages/count_tokens"),
            _ => Cow::Owned(path.to_owned()),
        }
    }

    pub fn parse(text: &str) -> Result<Self, UnknownProvider> {
        Self::ALL.into_iter().find(|provider| provider.as_str() == text).ok_or(UnknownProvider)
    }
}

/// The text names no provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownProvider;

impl fmt::Display for UnknownProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<&str> = Provider::ALL.iter().map(|provider| provider.as_str()).collect();
        write!(f, "not a provider; the providers are {}", known.join(", "))
    }
}

impl std::error::Error for UnknownProvider {}

#[cfg(test)]
mod tests {
    use super::Provider;

    #[test]
    fn every_provider_is_read_as_it_is_written() {
        for provider in Provider::ALL {
            assert_eq!(Provider::parse(provider.as_str()), Ok(provider));
        }
        assert!(Provider::parse("Azure").is_err());
    }

    #[test]
    fn paths_and_keys_are_those_of_the_provider() {
        let check = |provider: Provider, path: &str, key: &str| {
            let header = format!("{}: {}", provider.credential_header(), provider.credential("k"));
            assert_eq!((&*provider.path("/v1/chat/completions"), header.as_str()), (path, key));
        };
        check(Provider::OpenAiCompatible, "/v1/chat/completions", "authorization: Bearer k");
        check(Provider::OpenAi, "/v1/chat/completions", "authorization: Bearer k");
        check(Provider::AzureOpenAi, "/openai/v1/chat/completions", "api-key: k");
        check(Provider::Anthropic, "/v1/messages", "x-api-key: k");
        check(Provider::Mistral, "/v1/chat/completions", "authorization: Bearer k");
        assert_eq!(Provider::AzureOpenAi.path("/health"), "/health");
        assert_eq!(Provider::Anthropic.path("/tokenize"), "/v1/messages/count_tokens");
    }
}
