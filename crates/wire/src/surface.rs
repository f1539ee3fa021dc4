//! The surfaces of the gateway: which path is which question, and how a model server is asked it.

/// One question that can be asked of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Surface {
    ChatCompletions,
    Completions,
    Embeddings,
    /// Which of several texts fit a query.
    Rerank,
    /// How alike pairs of texts are.
    Score,
    /// Anthropic's form of a chat.
    Messages,
    /// How long such a chat is.
    CountTokens,
    /// OpenAI's newer form of a chat.
    Responses,
    /// What somebody says, as text.
    Transcriptions,
    /// The same in English.
    Translations,
    /// How long a chat is, as model servers are asked. Offered to nobody: its answer spells texts in numbers.
    Tokenize,
}

impl Surface {
    pub const ALL: [Self; 11] = [
        Self::ChatCompletions,
        Self::Completions,
        Self::Embeddings,
        Self::Rerank,
        Self::Score,
        Self::Messages,
        Self::CountTokens,
        Self::Responses,
        Self::Transcriptions,
        Self::Translations,
        Self::Tokenize,
    ];

    /// Those that somebody outside can ask.
    pub fn offered() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|surface| *surface != Self::Tokenize)
    }

    /// The path under which it is asked.
    pub fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Embeddings => "/v1/embeddings",
            Self::Rerank => "/v1/rerank",
            Self::Score => "/v1/score",
            Self::Messages => "/v1/messages",
            Self::CountTokens => "/v1/messages/count_tokens",
            Self::Responses => "/v1/responses",
            Self::Transcriptions => "/v1/audio/transcriptions",
            Self::Translations => "/v1/audio/translations",
            Self::Tokenize => "/tokenize",
        }
    }

    /// The name in policies, scopes and metrics. Whoever may ask something may count its tokens.
    pub fn name(self) -> &'static str {
        match self {
            Self::ChatCompletions | Self::Tokenize => "chat",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Rerank => "rerank",
            Self::Score => "score",
            Self::Messages | Self::CountTokens => "messages",
            Self::Responses => "responses",
            Self::Transcriptions | Self::Translations => "audio",
        }
    }

    /// Other paths under which clients know it: those of vLLM, and Cohere's.
    fn other_paths(self) -> &'static [&'static str] {
        match self {
            Self::Rerank => &["/rerank", "/v2/rerank"],
            Self::Score => &["/score"],
            _ => &[],
        }
    }

    /// The question that somebody outside asks under this path.
    pub fn from_path(path: &str) -> Option<Self> {
        Self::offered().find(|surface| surface.path() == path || surface.other_paths().contains(&path))
    }

    /// The question that a gate asks a model server under this path.
    pub fn from_upstream_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|surface| surface.asked_as() == *surface && surface.path() == path)
    }

    /// The question as a model server is asked it: this one, or the one into which it is translated.
    pub fn asked_as(self) -> Self {
        match self {
            Self::ChatCompletions
            | Self::Completions
            | Self::Embeddings
            | Self::Rerank
            | Self::Score
            | Self::Transcriptions
            | Self::Translations
            | Self::Tokenize => self,
            Self::Messages | Self::Responses => Self::ChatCompletions,
            Self::CountTokens => Self::Tokenize,
        }
    }

    /// Whether question and answer are translated on the way.
    pub fn is_translated(self) -> bool {
        self.asked_as() != self
    }

    /// Whether the answer is text that a model makes, which may be streamed, has a length and costs LLM tokens.
    pub fn is_generative(self) -> bool {
        matches!(self.asked_as(), Self::ChatCompletions | Self::Completions)
    }

    /// Whether it is asked with a file of speech in a form.
    pub fn is_speech(self) -> bool {
        matches!(self, Self::Transcriptions | Self::Translations)
    }

    /// Whether the answer may come piece by piece.
    pub fn may_stream(self) -> bool {
        self.is_generative() || self.is_speech()
    }

    /// Whether LLM tokens go into it at all. Counting needs no model.
    pub fn costs_tokens(self) -> bool {
        self.asked_as() != Self::Tokenize
    }
}
