use schleuse_types::Language;

use super::{Exceeded, Kind, Scope, duration};

fn exceeded(kind: Kind, scope: Scope) -> Exceeded {
    Exceeded { who: "role:engineer".into(), kind, limit: 10, used: 9, wanted: 2, retry_after_s: 37, scope }
}

fn check(kind: Kind, scope: Scope, english: &str, german: &str) {
    let refusal = exceeded(kind, scope).refusal();
    let told = |language| {
        format!("{} {}", refusal.message.in_language(language), refusal.next.in_language(language))
    };
    assert_eq!(told(Language::English), english);
    assert_eq!(told(Language::German), german);
    assert_eq!((refusal.code.status(), refusal.code.code()), (429, "rate_limit_exceeded"));
    assert_eq!(refusal.retry_after_s, Some(37));
}

#[test]
fn a_refusal_says_which_limit_when_again_and_whom_to_ask() {
    check(
        Kind::RequestsPerMinute,
        Scope::Person,
        "Your limit for requests per minute (10) is reached. Try again in 37 seconds. If this is regularly too little, \
         ask an administrator of this house to raise `requests_per_minute` for `role:engineer`.",
        "Ihre Grenze für Anfragen pro Minute (10) ist erreicht. Versuchen Sie es in 37 Sekunden wieder. Reicht das \
         regelmäßig nicht, bitten Sie die Administration dieses Hauses, `requests_per_minute` für `role:engineer` \
         anzuheben.",
    );
    check(
        Kind::Streams,
        Scope::Key,
        "The limit of this key for streamed answers at the same time (10) is reached. Wait until one of the running \
         answers has ended, or end one. If this is regularly too little, ask an administrator of this house to raise \
         `streams` for `role:engineer`.",
        "Die Grenze dieses Schlüssels für gleichzeitig laufende gestreamte Antworten (10) ist erreicht. Warten Sie, bis \
         eine der laufenden Antworten zu Ende ist, oder beenden Sie eine. Reicht das regelmäßig nicht, bitten Sie die \
         Administration dieses Hauses, `streams` für `role:engineer` anzuheben.",
    );
    check(
        Kind::TokensPerDay,
        Scope::Pool,
        "The shared limit of `role:engineer` for LLM tokens per day (10) does not allow this request: 9 are used or \
         reserved, and it could need 2. Ask for less at once (less text, a smaller `max_tokens`), or try again in 37 \
         seconds. If this is regularly too little, ask an administrator of this house to raise `tokens_per_day` for \
         `role:engineer`.",
        "Die gemeinsame Grenze von `role:engineer` für LLM-Token pro Tag (10) lässt diese Anfrage nicht zu: 9 sind \
         verbraucht oder reserviert, und sie könnte 2 brauchen. Fragen Sie nach weniger auf einmal (weniger Text, \
         kleineres `max_tokens`) oder versuchen Sie es in 37 Sekunden wieder. Reicht das regelmäßig nicht, bitten Sie \
         die Administration dieses Hauses, `tokens_per_day` für `role:engineer` anzuheben.",
    );
    check(
        Kind::Parallel,
        Scope::Person,
        "Your limit for requests at the same time (10) is reached. Wait until one of the running answers has ended, or \
         end one. If this is regularly too little, talk to an administrator of this house.",
        "Ihre Grenze für gleichzeitige Anfragen (10) ist erreicht. Warten Sie, bis eine der laufenden Antworten zu Ende \
         ist, oder beenden Sie eine. Reicht das regelmäßig nicht, sprechen Sie mit der Administration dieses Hauses.",
    );
}

#[test]
fn the_name_of_a_person_stays_out_of_the_log() {
    let mut exceeded = exceeded(Kind::Streams, Scope::Person);
    exceeded.who = "person:ada".into();
    assert!(!exceeded.refusal().inside.contains("ada"));
}

#[test]
fn durations_read_as_people_say_them() {
    let check = |seconds, english: &str, german: &str| {
        assert_eq!(duration(seconds), (english.to_owned(), german.to_owned()));
    };
    check(1, "1 second", "1 Sekunde");
    check(119, "119 seconds", "119 Sekunden");
    check(120, "2 minutes", "2 Minuten");
    check(121, "3 minutes", "3 Minuten");
    check(7140, "119 minutes", "119 Minuten");
    check(7141, "2 hours", "2 Stunden");
    check(86_400, "24 hours", "24 Stunden");
}
