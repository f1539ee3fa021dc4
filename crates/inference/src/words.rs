//! The few words that worker and supervisor exchange: one line each on the worker's standard error.

use std::fmt;

/// The first argument that makes the binary a worker.
pub(crate) const WORKER_WORD: &str = "engine-worker";

/// A line from the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// The weights are loaded and the sandbox is sealed: requests are answered from now on.
    Ready { vocabulary: u64, context_tokens: u64 },
    /// Starting again would end the same way: the file is not understood.
    Refused(String),
    /// Starting again would end the same way: the sandbox cannot be had.
    Unconfined(String),
    /// Something went wrong that may not happen again.
    Failed(String),
    /// Anything else: native code talking.
    Other(String),
}

const READY: &str = "schleuse-engine ready ";
const REFUSED: &str = "schleuse-engine refused ";
const UNCONFINED: &str = "schleuse-engine unconfined ";
const FAILED: &str = "schleuse-engine failed ";

impl Line {
    pub(crate) fn parse(line: &str) -> Self {
        if let Some(numbers) = line.strip_prefix(READY) {
            let mut numbers = numbers.split(' ').map(str::parse);
            if let (Some(Ok(vocabulary)), Some(Ok(context_tokens)), None) =
                (numbers.next(), numbers.next(), numbers.next())
            {
                return Self::Ready { vocabulary, context_tokens };
            }
        }
        if let Some(why) = line.strip_prefix(REFUSED) {
            return Self::Refused(why.to_owned());
        }
        if let Some(why) = line.strip_prefix(UNCONFINED) {
            return Self::Unconfined(why.to_owned());
        }
        if let Some(why) = line.strip_prefix(FAILED) {
            return Self::Failed(why.to_owned());
        }
        Self::Other(line.to_owned())
    }
}

/// Always one line.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one_line = |text: &str| text.replace(|character: char| character.is_control(), " ");
        match self {
            Self::Ready { vocabulary, context_tokens } => write!(f, "{READY}{vocabulary} {context_tokens}"),
            Self::Refused(why) => write!(f, "{REFUSED}{}", one_line(why)),
            Self::Unconfined(why) => write!(f, "{UNCONFINED}{}", one_line(why)),
            Self::Failed(why) => write!(f, "{FAILED}{}", one_line(why)),
            Self::Other(text) => write!(f, "{}", one_line(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

    fn check(line: &Line) {
        assert_eq!(&Line::parse(&line.to_string()), line);
    }

    #[test]
    fn lines_survive_the_pipe() {
        check(&Line::Ready { vocabulary: 49_152, context_tokens: 8192 });
        check(&Line::Refused("the file `x` ends early".to_owned()));
        check(&Line::Unconfined("no Landlock".to_owned()));
        check(&Line::Failed("out of memory".to_owned()));
        check(&Line::Other("schleuse-engine ready soon".to_owned()));
        assert_eq!(Line::Failed("a\nschleuse-engine ready 1 1".to_owned()).to_string().lines().count(), 1);
    }
}
