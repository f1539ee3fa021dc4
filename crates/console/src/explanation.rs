//! Why a request ended as it did, in plain words, from nothing but its entries.

use std::collections::BTreeMap;

use schleuse_audit::Entry;
use schleuse_policy::Policy;
use schleuse_types::{Label, Text};
use serde_json::{Map, Value};

/// What happened to one request, why, and what its asker can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub happened: Text,
    pub why: Text,
    pub next: Text,
    /// The refusal's code; none when the request was answered, or still is.
    pub code: Option<String>,
    /// The rules that decided.
    pub rules: Vec<String>,
    /// How many findings of each kind.
    pub findings: BTreeMap<String, u64>,
}

/// Explains the request to which these entries belong, oldest first; see [`schleuse_audit::Reader::of_request`].
pub fn explain(policy: &Policy, entries: &[Entry]) -> Explanation {
    let last = entries.last().map(Entry::members).unwrap_or_default();
    let event = text(&last, "event").unwrap_or_default();
    let code = text(&last, "code");
    let rules = texts(&last, "rules");
    let findings = counts(&last, "findings");
    let row = match &code {
        Some(code) => ROWS.iter().find(|row| row.code == code).unwrap_or(&UNKNOWN),
        None if event == "llm.admit" => &RUNNING,
        None => answered(text(&last, "action").as_deref().unwrap_or_default()),
    };
    let mut why = vec![row.why.clone()];
    if code.as_deref() == Some("access_denied") {
        why = vec![because_of_rules(policy, &rules)];
    }
    if let Some(found) = found(&findings) {
        why.push(found);
    }
    if let Some(label) = text(&last, "label").filter(|_| code.as_deref() == Some("no_permitted_route")) {
        let german = german_label(&label);
        why.push(Text::new(
            format!("The label of this request is {label}."),
            format!("Die Einstufung dieser Anfrage ist {german}."),
        ));
    }
    let next = match code.as_deref() {
        Some("access_denied") => next_of_rules(policy, &rules).unwrap_or_else(|| row.next.clone()),
        _ => row.next.clone(),
    };
    Explanation { happened: row.happened.clone(), why: join(&why), next, code, rules, findings }
}

/// What is said about one code. The codes are those of `RefusalCode::recorded`.
struct Row {
    code: &'static str,
    happened: Text,
    why: Text,
    next: Text,
}

const fn row(code: &'static str, happened: Text, why: Text, next: Text) -> Row {
    Row { code, happened, why, next }
}

const ASK_OPERATOR: Text = Text::fixed(
    "Try again; if it happens again, give the request id to your operator.",
    "Versuchen Sie es erneut; bleibt es dabei, nennen Sie dem Betrieb die Anfrage-Id.",
);
const TRY_AGAIN: Text = Text::fixed("Try again in a moment.", "Versuchen Sie es gleich noch einmal.");

static ROWS: [Row; 18] = [
    row(
        "access_denied",
        Text::fixed(
            "The request was refused before anything reached a model.",
            "Die Anfrage wurde abgelehnt, bevor etwas zu einem Modell gelangte.",
        ),
        Text::fixed("A rule of this house denied it.", "Eine Regel dieses Hauses hat sie verboten."),
        Text::fixed(
            "Ask an administrator or the security officer whether your role should be permitted to do it.",
            "Fragen Sie die Administration oder die Sicherheitsbeauftragten, ob Ihre Rolle das dürfen soll.",
        ),
    ),
    row(
        "sensitive_data_detected",
        Text::fixed(
            "The request was blocked because of sensitive data. Nothing of it reached a model.",
            "Die Anfrage wurde wegen schützenswerter Daten blockiert. Nichts davon gelangte zu einem Modell.",
        ),
        Text::fixed(
            "Inspection found data that must not go to a model.",
            "Die Prüfung hat Daten gefunden, die nicht zu einem Modell gelangen dürfen.",
        ),
        Text::fixed(
            "Remove what was found or replace it by a placeholder, and ask again.",
            "Entfernen Sie, was gefunden wurde, oder setzen Sie einen Platzhalter, und fragen Sie noch einmal.",
        ),
    ),
    row(
        "no_permitted_route",
        Text::fixed(
            "The request was refused: no model may be given anything with its label.",
            "Die Anfrage wurde abgelehnt: Kein Modell darf etwas mit ihrer Einstufung bekommen.",
        ),
        Text::fixed(
            "The label is higher than every route to this model permits.",
            "Die Einstufung ist höher, als jeder Weg zu diesem Modell erlaubt.",
        ),
        Text::fixed(
            "Use another model that may be given this label, or leave out what makes the text so sensitive.",
            "Verwenden Sie ein Modell, das diese Einstufung bekommen darf, oder lassen Sie weg, was den Text so \
             schützenswert macht.",
        ),
    ),
    row(
        "model_not_found",
        Text::fixed(
            "The request was refused: there is no model of that name.",
            "Die Anfrage wurde abgelehnt: Ein Modell dieses Namens gibt es nicht.",
        ),
        Text::fixed(
            "No model server of this house serves it, or the key does not cover it.",
            "Kein Modellserver dieses Hauses bietet es an, oder der Schlüssel umfasst es nicht.",
        ),
        Text::fixed("Choose a model from the list.", "Wählen Sie ein Modell aus der Liste."),
    ),
    row(
        "not_found",
        Text::fixed("The path does not exist.", "Den Pfad gibt es nicht."),
        Text::fixed("Nothing is offered under this path.", "Unter diesem Pfad wird nichts angeboten."),
        Text::fixed("Check the address of the request.", "Prüfen Sie die Adresse der Anfrage."),
    ),
    row(
        "method_not_allowed",
        Text::fixed("The path does not take that method.", "Der Pfad kennt diese Methode nicht."),
        Text::fixed(
            "The request used another HTTP method than the path offers.",
            "Die Anfrage verwendete eine andere HTTP-Methode, als der Pfad anbietet.",
        ),
        Text::fixed(
            "Use the method that the answer named.",
            "Verwenden Sie die Methode, die die Antwort nannte.",
        ),
    ),
    row(
        "rate_limit_exceeded",
        Text::fixed(
            "The request was refused because a limit is used up.",
            "Die Anfrage wurde abgelehnt, weil eine Grenze ausgeschöpft ist.",
        ),
        Text::fixed(
            "The person, the key or one of the groups has used what is allowed in this time.",
            "Die Person, der Schlüssel oder eine der Gruppen hat verbraucht, was in dieser Zeit erlaubt ist.",
        ),
        Text::fixed(
            "Wait as long as the answer said, or ask an administrator for a higher limit.",
            "Warten Sie so lange, wie die Antwort sagte, oder bitten Sie die Administration um eine höhere Grenze.",
        ),
    ),
    row(
        "invalid_request",
        Text::fixed("The request was not understood.", "Die Anfrage wurde nicht verstanden."),
        Text::fixed(
            "A field was missing, unknown or not as it must be; the answer named it.",
            "Ein Feld fehlte, war unbekannt oder nicht, wie es sein muss; die Antwort nannte es.",
        ),
        Text::fixed(
            "Correct the request and send it again.",
            "Berichtigen Sie die Anfrage und senden Sie sie erneut.",
        ),
    ),
    row(
        "request_too_large",
        Text::fixed("The request was too large.", "Die Anfrage war zu groß."),
        Text::fixed(
            "It was longer than this house reads, so that no one request can take all its memory.",
            "Sie war länger, als dieses Haus liest, damit keine Anfrage allein den Speicher füllt.",
        ),
        Text::fixed(
            "Shorten it or split it into several.",
            "Kürzen Sie sie oder teilen Sie sie auf mehrere auf.",
        ),
    ),
    row(
        "invalid_api_key",
        Text::fixed(
            "The answer was cut off because the credential ended.",
            "Die Antwort wurde abgebrochen, weil der Zugang endete.",
        ),
        Text::fixed(
            "The key or session was revoked or expired, or the person was blocked.",
            "Der Schlüssel oder die Sitzung wurde widerrufen oder lief ab, oder die Person wurde gesperrt.",
        ),
        Text::fixed(
            "Sign in again, or ask an administrator for a new key.",
            "Melden Sie sich neu an oder bitten Sie die Administration um einen neuen Schlüssel.",
        ),
    ),
    row(
        "upstream_refused",
        Text::fixed("The model server refused the request.", "Der Modellserver hat die Anfrage abgelehnt."),
        Text::fixed(
            "This house let it pass; the model server answered with an error of its own.",
            "Dieses Haus ließ sie durch; der Modellserver antwortete mit einem eigenen Fehler.",
        ),
        Text::fixed(
            "Read what the answer said; often the text is too long for the model.",
            "Lesen Sie, was die Antwort sagte; oft ist der Text zu lang für das Modell.",
        ),
    ),
    row(
        "upstream_failed",
        Text::fixed("The model server failed while answering.", "Der Modellserver versagte beim Antworten."),
        Text::fixed(
            "Its answer broke off or was not readable.",
            "Seine Antwort brach ab oder war nicht lesbar.",
        ),
        ASK_OPERATOR,
    ),
    row(
        "upstream_unavailable",
        Text::fixed("The model server could not be reached.", "Der Modellserver war nicht erreichbar."),
        Text::fixed(
            "No server for this model accepted a connection.",
            "Kein Server für dieses Modell nahm eine Verbindung an.",
        ),
        ASK_OPERATOR,
    ),
    row(
        "upstream_timeout",
        Text::fixed("The model server took too long.", "Der Modellserver brauchte zu lange."),
        Text::fixed("It did not answer in time.", "Er antwortete nicht rechtzeitig."),
        ASK_OPERATOR,
    ),
    row(
        "audit_unavailable",
        Text::fixed(
            "The request was refused because it could not be recorded.",
            "Die Anfrage wurde abgelehnt, weil sie nicht aufgezeichnet werden konnte.",
        ),
        Text::fixed(
            "Nothing may happen here without its entry in the audit log.",
            "Ohne Eintrag im Prüfprotokoll darf hier nichts geschehen.",
        ),
        ASK_OPERATOR,
    ),
    row(
        "shutting_down",
        Text::fixed(
            "The request was cut off because the house stopped.",
            "Die Anfrage wurde abgebrochen, weil das Haus endete.",
        ),
        Text::fixed("It was being restarted.", "Es wurde neu gestartet."),
        TRY_AGAIN,
    ),
    row(
        "client_left",
        Text::fixed(
            "The asker left before the answer was complete.",
            "Die fragende Seite ging, bevor die Antwort vollständig war.",
        ),
        Text::fixed(
            "The connection was closed from the asker's side.",
            "Die Verbindung wurde von der fragenden Seite geschlossen.",
        ),
        Text::fixed("Ask again.", "Fragen Sie erneut."),
    ),
    row(
        "internal_error",
        Text::fixed("Something went wrong inside Schleuse.", "In Schleuse ist etwas schiefgegangen."),
        Text::fixed("It was no fault of the asker.", "Es lag nicht an der fragenden Seite."),
        ASK_OPERATOR,
    ),
];

static UNKNOWN: Row = row(
    "",
    Text::fixed("The request was refused.", "Die Anfrage wurde abgelehnt."),
    Text::fixed("This version does not know the reason.", "Diese Version kennt den Grund nicht."),
    ASK_OPERATOR,
);
static RUNNING: Row = row(
    "",
    Text::fixed(
        "The request was admitted, and its answer is not complete yet.",
        "Die Anfrage wurde zugelassen, und ihre Antwort ist noch nicht vollständig.",
    ),
    Text::fixed("Nothing spoke against it.", "Nichts sprach dagegen."),
    Text::fixed("Wait for the answer.", "Warten Sie auf die Antwort."),
);
const NOTHING_TO_DO: Text = Text::fixed("Nothing has to be done.", "Es ist nichts zu tun.");
static ANSWERED: Row = row(
    "",
    Text::fixed("The request was answered.", "Die Anfrage wurde beantwortet."),
    Text::fixed("Nothing spoke against it.", "Nichts sprach dagegen."),
    NOTHING_TO_DO,
);
static WARNED: Row = row(
    "",
    Text::fixed(
        "The request was answered, with a warning.",
        "Die Anfrage wurde beantwortet, mit einer Warnung.",
    ),
    Text::fixed(
        "It held something that should be handled with care.",
        "Sie enthielt etwas, womit man vorsichtig umgehen sollte.",
    ),
    Text::fixed(
        "Check whether what was found had to be in the text.",
        "Prüfen Sie, ob das Gefundene im Text stehen musste.",
    ),
);
static REDACTED: Row = row(
    "",
    Text::fixed(
        "The request was answered; parts of the text were taken out before the model saw it.",
        "Die Anfrage wurde beantwortet; Teile des Textes wurden entfernt, bevor das Modell ihn sah.",
    ),
    Text::fixed(
        "It held something that a model must not be given as it is.",
        "Sie enthielt etwas, das ein Modell nicht unverändert bekommen darf.",
    ),
    NOTHING_TO_DO,
);

fn answered(action: &str) -> &'static Row {
    match action {
        "WARNED" => &WARNED,
        "REDACTED" | "MASKED" | "PSEUDONYMIZED" => &REDACTED,
        "BLOCKED" | "DENIED" | "ERROR" => &UNKNOWN,
        _ => &ANSWERED,
    }
}

fn because_of_rules(policy: &Policy, rules: &[String]) -> Text {
    let sentence = |rule: &String| match rule.as_str() {
        "no-rule-permits" => {
            Text::fixed("No rule of this house permits it.", "Keine Regel dieses Hauses erlaubt es.")
        }
        "error" => Text::fixed(
            "The rules of this house could not be evaluated, so it was denied to be safe.",
            "Die Regeln dieses Hauses konnten nicht ausgewertet werden, deshalb wurde es sicherheitshalber abgelehnt.",
        ),
        "clearance" => Text::fixed(
            "Its label is beyond what this person may have.",
            "Die Einstufung geht über das hinaus, was diese Person haben darf.",
        ),
        "wall" => Text::fixed(
            "It belongs to the other side of a wall between compartments.",
            "Es gehört zur anderen Seite einer Trennwand zwischen Bereichen.",
        ),
        "scope" => Text::fixed(
            "The key has a limited scope that does not cover it.",
            "Der Schlüssel hat einen begrenzten Umfang, der das nicht einschließt.",
        ),
        _ => {
            let known = policy.describe_rules().find(|known| known.id == *rule);
            let note = known.and_then(|known| known.note);
            let (english, german) = match &note {
                Some(note) => (&*note.english, &*note.german),
                None => ("A rule of this house denied it.", "Eine Regel dieses Hauses hat es verboten."),
            };
            Text::new(format!("{english} (Rule: `{rule}`.)"), format!("{german} (Regel: `{rule}`.)"))
        }
    };
    let sentences: Vec<_> = rules.iter().map(sentence).collect();
    if sentences.is_empty() {
        // A request that was admitted names no rule when its key lacked the scope.
        return sentence(&"scope".to_owned());
    }
    join(&sentences)
}

/// What the rule that denied advises.
fn next_of_rules(policy: &Policy, rules: &[String]) -> Option<Text> {
    let first = rules.first()?;
    policy.describe_rules().find(|known| known.id == *first)?.advice
}

fn found(findings: &BTreeMap<String, u64>) -> Option<Text> {
    if findings.is_empty() {
        return None;
    }
    let list: Vec<_> = findings.iter().map(|(kind, count)| format!("{count} × {kind}")).collect();
    let list = list.join(", ");
    Some(Text::new(format!("Found: {list}."), format!("Gefunden: {list}.")))
}

fn german_label(label: &str) -> String {
    match Label::parse(label.as_bytes()) {
        Ok(label) => label.to_german(),
        Err(_) => label.to_owned(),
    }
}

fn join(texts: &[Text]) -> Text {
    let english: Vec<&str> = texts.iter().map(|text| &*text.english).collect();
    let german: Vec<&str> = texts.iter().map(|text| &*text.german).collect();
    Text::new(english.join(" "), german.join(" "))
}

fn text(members: &Map<String, Value>, name: &str) -> Option<String> {
    members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn texts(members: &Map<String, Value>, name: &str) -> Vec<String> {
    let values = members.get(name).and_then(Value::as_array);
    values.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn counts(members: &Map<String, Value>, name: &str) -> BTreeMap<String, u64> {
    let values = members.get(name).and_then(Value::as_object);
    values.into_iter().flatten().filter_map(|(kind, count)| Some((kind.clone(), count.as_u64()?))).collect()
}

#[cfg(test)]
mod tests;
