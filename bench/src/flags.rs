//! Flags of the form `--name value`, nothing more.

use crate::Failure;
use std::collections::BTreeMap;
use std::str::FromStr;

/// What was typed, by name without the dashes.
#[derive(Debug)]
pub struct Flags(BTreeMap<String, String>);

impl Flags {
    /// Reads pairs of `--name value`; only the names in `known` are allowed.
    ///
    /// # Errors
    /// For an unknown name or a name without its value.
    pub fn parse(words: impl Iterator<Item = String>, known: &[&str]) -> Result<Self, Failure> {
        let mut words = words;
        let mut flags = BTreeMap::new();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").filter(|name| known.contains(name));
            let name = name.ok_or_else(|| format!("unknown flag `{word}`"))?;
            let value = words.next().ok_or_else(|| format!("flag `{word}` needs a value"))?;
            flags.insert(name.to_owned(), value);
        }
        Ok(Self(flags))
    }

    /// The value of a flag, or `otherwise` where it was not given.
    ///
    /// # Errors
    /// When the value is not of the wanted form.
    pub fn value<T: FromStr>(&self, name: &str, otherwise: T) -> Result<T, Failure> {
        match self.0.get(name) {
            None => Ok(otherwise),
            Some(text) => text.parse().map_err(|_| format!("flag `--{name}` cannot be `{text}`").into()),
        }
    }

    /// The value of a flag that must be given.
    ///
    /// # Errors
    /// When it is missing or not of the wanted form.
    pub fn required<T: FromStr>(&self, name: &str) -> Result<T, Failure> {
        let text = self.0.get(name).ok_or_else(|| format!("flag `--{name}` is missing"))?;
        text.parse().map_err(|_| format!("flag `--{name}` cannot be `{text}`").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Result<u32, &str>) {
        let words = line.split_whitespace().map(str::to_owned);
        let found = Flags::parse(words, &["pid", "events"]).and_then(|flags| flags.required::<u32>("pid"));
        assert_eq!(found.map_err(|error| error.to_string()), expected.map_err(str::to_owned));
    }

    #[test]
    fn flags_are_pairs() {
        check("--pid 7", Ok(7));
        check("--events 1 --pid 8", Ok(8));
        check("--pid", Err("flag `--pid` needs a value"));
        check("--events 1", Err("flag `--pid` is missing"));
        check("--pid x", Err("flag `--pid` cannot be `x`"));
        check("--pdi 7", Err("unknown flag `--pdi`"));
        check("pid 7", Err("unknown flag `pid`"));
    }
}
