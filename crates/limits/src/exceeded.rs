//! A limit that does not grant, and how its asker is told.

use std::fmt;

use schleuse_types::{Refusal, RefusalCode, Text};

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    RequestsPerMinute,
    Streams,
    TokensPerDay,
    /// Running requests of one person, of whatever kind: the house's own wall.
    Parallel,
}

impl Kind {
    /// As the configuration writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RequestsPerMinute => "requests_per_minute",
            Self::Streams => "streams",
            Self::TokensPerDay => "tokens_per_day",
            Self::Parallel => "parallel",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A limit that did not grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// The rule as it is configured: `role:engineer`.
    pub who: String,
    pub kind: Kind,
    pub limit: u64,
    /// What was used of it, running requests included.
    pub used: u64,
    /// What was asked for at least: LLM tokens for [`Kind::TokensPerDay`], else 1.
    pub wanted: u64,
    /// At least 1.
    pub retry_after_s: u32,
    pub(crate) scope: Scope,
}

/// Whose budget it is, in the words of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Person,
    Key,
    Pool,
}

impl Exceeded {
    /// A 429 that says which limit, when again, and whom to ask.
    pub fn refusal(&self) -> Refusal {
        let subject = match self.scope {
            Scope::Person | Scope::Key => String::new(),
            Scope::Pool => format!(" {}", self.who),
        };
        let inside = format!(
            "limit{subject} {}: {} of {} used, {} wanted",
            self.kind, self.used, self.limit, self.wanted
        );
        Refusal::new(RefusalCode::RateLimited, self.message(), self.next(), inside)
            .with_retry_after(self.retry_after_s)
    }

    fn message(&self) -> Text {
        let Self { limit, used, wanted, who, .. } = self;
        let (english, german) = match self.scope {
            Scope::Person => ("Your limit".to_owned(), "Ihre Grenze".to_owned()),
            Scope::Key => ("The limit of this key".to_owned(), "Die Grenze dieses Schlüssels".to_owned()),
            Scope::Pool => {
                (format!("The shared limit of `{who}`"), format!("Die gemeinsame Grenze von `{who}`"))
            }
        };
        match self.kind {
            Kind::RequestsPerMinute => Text::new(
                format!("{english} for requests per minute ({limit}) is reached."),
                format!("{german} für Anfragen pro Minute ({limit}) ist erreicht."),
            ),
            Kind::Streams => Text::new(
                format!("{english} for streamed answers at the same time ({limit}) is reached."),
                format!("{german} für gleichzeitig laufende gestreamte Antworten ({limit}) ist erreicht."),
            ),
            Kind::TokensPerDay => Text::new(
                format!(
                    "{english} for LLM tokens per day ({limit}) does not allow this request: {used} are used or \
                     reserved, and it could need {wanted}."
                ),
                format!(
                    "{german} für LLM-Token pro Tag ({limit}) lässt diese Anfrage nicht zu: {used} sind verbraucht oder \
                     reserviert, und sie könnte {wanted} brauchen."
                ),
            ),
            Kind::Parallel => Text::new(
                format!("{english} for requests at the same time ({limit}) is reached."),
                format!("{german} für gleichzeitige Anfragen ({limit}) ist erreicht."),
            ),
        }
    }

    fn next(&self) -> Text {
        let (english, german) = duration(self.retry_after_s);
        let (now_english, now_german) = match self.kind {
            Kind::RequestsPerMinute => {
                (format!("Try again in {english}."), format!("Versuchen Sie es in {german} wieder."))
            }
            Kind::TokensPerDay => (
                format!(
                    "Ask for less at once (less text, a smaller `max_tokens`), or try again in {english}."
                ),
                format!(
                    "Fragen Sie nach weniger auf einmal (weniger Text, kleineres `max_tokens`) oder versuchen Sie es in \
                     {german} wieder."
                ),
            ),
            Kind::Streams | Kind::Parallel => (
                "Wait until one of the running answers has ended, or end one.".to_owned(),
                "Warten Sie, bis eine der laufenden Antworten zu Ende ist, oder beenden Sie eine.".to_owned(),
            ),
        };
        let (kind, who) = (self.kind, &self.who);
        let (later_english, later_german) = match kind {
            Kind::Parallel => (
                "If this is regularly too little, talk to an administrator of this house.".to_owned(),
                "Reicht das regelmäßig nicht, sprechen Sie mit der Administration dieses Hauses.".to_owned(),
            ),
            _ => (
                format!(
                    "If this is regularly too little, ask an administrator of this house to raise `{kind}` for `{who}`."
                ),
                format!(
                    "Reicht das regelmäßig nicht, bitten Sie die Administration dieses Hauses, `{kind}` für `{who}` \
                     anzuheben."
                ),
            ),
        };
        Text::new(format!("{now_english} {later_english}"), format!("{now_german} {later_german}"))
    }
}

/// How long that is, in both languages, rounded up.
fn duration(seconds: u32) -> (String, String) {
    let minutes = seconds.div_ceil(60);
    match (seconds, minutes) {
        (1, _) => ("1 second".to_owned(), "1 Sekunde".to_owned()),
        (0..120, _) => (format!("{seconds} seconds"), format!("{seconds} Sekunden")),
        (_, 0..120) => (format!("{minutes} minutes"), format!("{minutes} Minuten")),
        _ => {
            let hours = minutes.div_ceil(60);
            (format!("{hours} hours"), format!("{hours} Stunden"))
        }
    }
}

#[cfg(test)]
mod tests;
