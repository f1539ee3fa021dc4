//! How models that fill in the middle were taught to be asked.

use std::fmt;

/// Who writes a question for what belongs between two texts, and how.
///
/// Model servers that speak as OpenAI did take `suffix` beside `prompt`, but vLLM refuses it: there the house writes both into one
/// prompt, between the control tokens that the family of the model was trained with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Infill {
    /// The server does it, or says that it cannot.
    Server,
    /// Qwen2.5-Coder, Qwen3-Coder, CodeGemma, Granite 4.
    Qwen,
    /// StarCoder, StableCode, CodeQwen 1.5, Granite up to 3.
    StarCoder,
    /// DeepSeek-Coder, and DeepSeek's models since V2.
    DeepSeek,
    /// Codestral, which wants the end first.
    Codestral,
    /// Code Llama.
    CodeLlama,
    /// Seed-Coder, which wants the end first.
    SeedCoder,
    /// Mellum, which wants the end first.
    Mellum,
}

impl Infill {
    pub const ALL: [Self; 8] = [
        Self::Server,
        Self::Qwen,
        Self::StarCoder,
        Self::DeepSeek,
        Self::Codestral,
        Self::CodeLlama,
        Self::SeedCoder,
        Self::Mellum,
    ];

    /// As a configuration file writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Qwen => "qwen",
            Self::StarCoder => "starcoder",
            Self::DeepSeek => "deepseek",
            Self::Codestral => "codestral",
            Self::CodeLlama => "codellama",
            Self::SeedCoder => "seed-coder",
            Self::Mellum => "mellum",
        }
    }

    pub fn parse(text: &str) -> Result<Self, UnknownInfill> {
        Self::ALL.into_iter().find(|infill| infill.as_str() == text).ok_or(UnknownInfill)
    }

    /// What the name of a model says, whoever publishes it: `Qwen/Qwen2.5-Coder-7B` and `qwen2.5-coder:7b` are of one family. Of a
    /// model that says nothing the server has to know.
    pub fn of_model(model: &str) -> Self {
        let spelled: String =
            model.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        let family = FAMILIES.iter().find(|(words, _)| words.iter().all(|word| spelled.contains(word)));
        family.map_or(Self::Server, |(_, infill)| *infill)
    }
}

/// The first line all of whose words stand in the name, in small letters and digits alone.
const FAMILIES: [(&[&str], Infill); 16] = [
    (&["codeqwen"], Infill::StarCoder),
    (&["qwen25coder"], Infill::Qwen),
    (&["qwen3coder"], Infill::Qwen),
    (&["codegemma"], Infill::Qwen),
    (&["granite4"], Infill::Qwen),
    (&["granite", "code"], Infill::StarCoder),
    (&["granite3"], Infill::StarCoder),
    (&["starcoder"], Infill::StarCoder),
    (&["stablecode"], Infill::StarCoder),
    (&["deepseek", "coder"], Infill::DeepSeek),
    (&["deepseekv2"], Infill::DeepSeek),
    (&["deepseekv3"], Infill::DeepSeek),
    (&["codestral"], Infill::Codestral),
    (&["codellama"], Infill::CodeLlama),
    (&["seedcoder"], Infill::SeedCoder),
    (&["mellum"], Infill::Mellum),
];

impl fmt::Display for Infill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no family of models that fill in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownInfill;

impl fmt::Display for UnknownInfill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<&str> = Infill::ALL.iter().map(|infill| infill.as_str()).collect();
        write!(f, "not a way to fill in the middle; the ways are {}", known.join(", "))
    }
}

impl std::error::Error for UnknownInfill {}

#[cfg(test)]
mod tests {
    use super::Infill;

    #[track_caller]
    fn check(model: &str, expected: Infill) {
        assert_eq!(Infill::of_model(model), expected, "{model}");
    }

    #[test]
    fn a_name_tells_the_family() {
        check("Qwen/Qwen2.5-Coder-7B", Infill::Qwen);
        check("qwen2.5-coder:1.5b-base", Infill::Qwen);
        check("Qwen3-Coder-30B-A3B-Instruct-FP8", Infill::Qwen);
        check("google/codegemma-2b", Infill::Qwen);
        check("ibm-granite/granite-4.0-h-small", Infill::Qwen);
        check("ibm-granite/granite-8b-code-base", Infill::StarCoder);
        check("granite-3.3-8b-base", Infill::StarCoder);
        check("Qwen/CodeQwen1.5-7B", Infill::StarCoder);
        check("bigcode/starcoder2-15b", Infill::StarCoder);
        check("stabilityai/stable-code-3b", Infill::StarCoder);
        check("deepseek-ai/deepseek-coder-6.7b-base", Infill::DeepSeek);
        check("DeepSeek-V3.1", Infill::DeepSeek);
        check("mistralai/Codestral-22B-v0.1", Infill::Codestral);
        check("codellama/CodeLlama-13b-hf", Infill::CodeLlama);
        check("ByteDance-Seed/Seed-Coder-8B-Base", Infill::SeedCoder);
        check("JetBrains/Mellum-4b-base", Infill::Mellum);
        check("llama-3.3-70b", Infill::Server);
        check("Qwen2.5-7B-Instruct", Infill::Server);
        check("qwen-coding-tutor", Infill::Server);
    }

    #[test]
    fn every_way_has_one_name() {
        for infill in Infill::ALL {
            assert_eq!(Infill::parse(infill.as_str()), Ok(infill));
        }
        assert!(Infill::parse("Qwen").is_err());
    }
}
