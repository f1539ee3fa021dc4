//! What a model server or the log complains about, also in German.
//!
//! The rooms that find a fault say it in English, for the journal. Pages show it to people too, in their language; what is
//! not known here is said in general, and the journal has the words.

use std::io::ErrorKind;

use schleuse_audit::VerifyError;
use schleuse_types::Text;

/// Why a model server is not well, from the reason that [`schleuse_upstream`] gives.
pub(crate) fn of_server(english: &str) -> Text {
    let german = german_reason(english).unwrap_or_else(|| UNKNOWN.to_owned());
    Text::new(english, german)
}

/// What is wrong with the log, and where.
pub(crate) fn of_log(error: &VerifyError) -> Text {
    let VerifyError { file, entry, problem } = error;
    let problem = match problem.as_str() {
        "the file is missing" => "die Datei fehlt",
        text if text.starts_with("cannot be read") => "die Datei ist nicht lesbar",
        _ => "der Inhalt ist nicht der, der geschrieben wurde",
    };
    let german = match entry {
        Some(entry) => format!("Eintrag {entry} in `{file}`: {problem}"),
        None => format!("`{file}`: {problem}"),
    };
    Text::new(error.to_string(), german)
}

const UNKNOWN: &str = "Störung; den Wortlaut nennt das Betriebsprotokoll";

fn german_reason(english: &str) -> Option<String> {
    whole(english)
        .map(str::to_owned)
        .or_else(|| of_system(english).map(str::to_owned))
        .or_else(|| of_question(english))
        .or_else(|| of_probe(english))
        .or_else(|| of_siblings(english))
        .or_else(|| of_tls(english).map(str::to_owned))
}

/// Reasons that are always the same words.
fn whole(english: &str) -> Option<&'static str> {
    Some(match english {
        "closed at once" => "die Verbindung wurde sofort geschlossen",
        "connection closed before message completed" => "die Verbindung endete vor der Antwort",
        "not linked" => "der Connector ist nicht verbunden",
        "its model server cannot be reached" => "der Connector erreicht seinen Modellserver nicht",
        "this house has no connectors" => "dieses Haus hat keine Connectoren",
        "no certificate authorities are configured" => "es sind keine Zertifizierungsstellen eingerichtet",
        "message head is too large" => "der Kopf der Antwort ist zu groß",
        "the answer is compressed, which was not asked for" => "die Antwort ist ungefragt komprimiert",
        text if text.starts_with("failed to lookup address") => "der Name des Rechners ist nicht auflösbar",
        text if text.starts_with("invalid HTTP") => "die Antwort ist kein HTTP/1.1",
        _ => return None,
    })
}

/// What the operating system says about connections.
fn of_system(english: &str) -> Option<&'static str> {
    const KINDS: [(ErrorKind, &str); 11] = [
        (ErrorKind::ConnectionRefused, "Verbindung abgelehnt"),
        (ErrorKind::ConnectionReset, "Verbindung abgebrochen"),
        (ErrorKind::ConnectionAborted, "Verbindung abgebrochen"),
        (ErrorKind::BrokenPipe, "Verbindung abgebrochen"),
        (ErrorKind::UnexpectedEof, "Verbindung abgebrochen"),
        (ErrorKind::HostUnreachable, "Rechner nicht erreichbar"),
        (ErrorKind::NetworkUnreachable, "Netz nicht erreichbar"),
        (ErrorKind::AddrNotAvailable, "Adresse nicht verfügbar"),
        (ErrorKind::TimedOut, "keine Antwort in der vorgesehenen Zeit"),
        (ErrorKind::NotFound, "der Socket fehlt"),
        (ErrorKind::PermissionDenied, "Zugriff verweigert"),
    ];
    KINDS.iter().find(|(kind, _)| kind.to_string() == english).map(|(_, german)| *german)
}

/// What became of a question that somebody asked.
fn of_question(english: &str) -> Option<String> {
    if let Some((_, rest)) = split_after_name(english, "cannot connect to upstream `", "`: ") {
        return Some(with_rest("keine Verbindung", rest));
    }
    if let Some((_, rest)) = split_after_name(english, "upstream `", "` answered wrongly: ") {
        return Some(with_rest("fehlerhafte Antwort", rest));
    }
    if let Some((_, what)) = split_after_name(english, "upstream `", "`: no ") {
        let what = match what.strip_suffix(" in time")? {
            "connection" => "keine Verbindung",
            "first byte" => "kein Anfang einer Antwort",
            _ => "keine Fortsetzung der Antwort",
        };
        return Some(format!("{what} in der vorgesehenen Zeit"));
    }
    if let Some((_, rest)) = split_after_name(english, "the answer of upstream `", "` has more than ") {
        return Some(format!("die Antwort ist länger als {} Bytes", rest.strip_suffix(" bytes")?));
    }
    let status = english.strip_prefix("status ")?;
    let number =
        status.split(|letter: char| !letter.is_ascii_digit()).next().filter(|digits| !digits.is_empty())?;
    Some(match status.ends_with("redirects are not followed") {
        true => format!("Status {number}: Umleitungen wird nicht gefolgt"),
        false => format!("Status {number}"),
    })
}

/// What a look at the server's health found.
fn of_probe(english: &str) -> Option<String> {
    if let Some(path) = english.strip_prefix("no answer to ").and_then(|rest| rest.strip_suffix(" in time")) {
        return Some(format!("keine Antwort auf {path} in der vorgesehenen Zeit"));
    }
    let (path, answer) = english.split_once(" answered ").filter(|(path, _)| path.starts_with('/'))?;
    match answer.strip_prefix("more than ") {
        Some(bytes) => Some(format!("{path} antwortet mit mehr als {} Bytes", bytes.strip_suffix(" bytes")?)),
        None => answer.parse::<u16>().ok().map(|status| format!("{path} antwortet mit Status {status}")),
    }
}

/// What sets a server apart from the others of its kind.
fn of_siblings(english: &str) -> Option<String> {
    if let Some(percent) = english.strip_suffix(" % of its last questions failed") {
        return percent
            .parse::<u8>()
            .ok()
            .map(|percent| format!("{percent} % der letzten Fragen schlugen fehl"));
    }
    let times = english.strip_prefix("needs ")?.strip_suffix(" times as long as its siblings")?;
    times.parse::<u64>().ok().map(|times| format!("braucht {times}-mal so lange wie die anderen"))
}

fn of_tls(english: &str) -> Option<&'static str> {
    let words = english.strip_prefix("TLS: ")?;
    let causes = [
        ("UnknownIssuer", "TLS: das Zertifikat kommt von keiner bekannten Stelle"),
        ("xpired", "TLS: das Zertifikat ist abgelaufen"),
        ("NotValidForName", "TLS: das Zertifikat gilt nicht für diesen Namen"),
        ("not valid for name", "TLS: das Zertifikat gilt nicht für diesen Namen"),
    ];
    let known = causes.iter().find(|(mark, _)| words.contains(mark)).map(|(_, german)| *german);
    Some(known.unwrap_or("TLS: keine gesicherte Verbindung"))
}

fn with_rest(german: &str, rest: &str) -> String {
    german_reason(rest).map_or_else(|| german.to_owned(), |rest| format!("{german}: {rest}"))
}

/// What stands around a name: `("a", "late")` for `` upstream `a`: late ``.
fn split_after_name<'a>(text: &'a str, before: &str, after: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(before)?.split_once(after)
}

#[cfg(test)]
mod tests {
    use super::{UNKNOWN, of_log, of_server};
    use proptest::prelude::*;
    use schleuse_audit::VerifyError;

    #[track_caller]
    fn check(english: &str, german: &str) {
        let text = of_server(english);
        assert_eq!((&*text.english, &*text.german), (english, german));
    }

    #[test]
    fn what_a_server_complains_about_is_said_in_german() {
        check("connection refused", "Verbindung abgelehnt");
        check("host unreachable", "Rechner nicht erreichbar");
        check(
            "failed to lookup address information: Name or service not known",
            "der Name des Rechners ist nicht auflösbar",
        );
        check("/health answered 503", "/health antwortet mit Status 503");
        check(
            "/v1/models answered more than 1048576 bytes",
            "/v1/models antwortet mit mehr als 1048576 Bytes",
        );
        check("no answer to /health in time", "keine Antwort auf /health in der vorgesehenen Zeit");
        check(
            "cannot connect to upstream `süd`: connection refused",
            "keine Verbindung: Verbindung abgelehnt",
        );
        check("cannot connect to upstream `a`: something new", "keine Verbindung");
        check("upstream `a`: no first byte in time", "kein Anfang einer Antwort in der vorgesehenen Zeit");
        check("upstream `a`: no next byte in time", "keine Fortsetzung der Antwort in der vorgesehenen Zeit");
        check(
            "upstream `a` answered wrongly: status 302: redirects are not followed",
            "fehlerhafte Antwort: Status 302: Umleitungen wird nicht gefolgt",
        );
        check(
            "the answer of upstream `a` has more than 8388608 bytes",
            "die Antwort ist länger als 8388608 Bytes",
        );
        check("status 500", "Status 500");
        check("45 % of its last questions failed", "45 % der letzten Fragen schlugen fehl");
        check("needs 5 times as long as its siblings", "braucht 5-mal so lange wie die anderen");
        check("needs no times as long as its siblings", UNKNOWN);
        check(
            "TLS: invalid peer certificate: UnknownIssuer",
            "TLS: das Zertifikat kommt von keiner bekannten Stelle",
        );
        check("something new", UNKNOWN);
        check("status quo", UNKNOWN);
    }

    #[test]
    fn damage_of_the_log_is_said_in_german() {
        let error =
            |entry, problem: &str| VerifyError { file: "checkpoint".into(), entry, problem: problem.into() };
        let text = of_log(&error(None, "the file is missing"));
        assert_eq!(
            (&*text.english, &*text.german),
            ("`checkpoint`: the file is missing", "`checkpoint`: die Datei fehlt")
        );
        let text = of_log(&error(Some(7), "its hash is not that of the tile"));
        assert_eq!(text.german, "Eintrag 7 in `checkpoint`: der Inhalt ist nicht der, der geschrieben wurde");
    }

    proptest! {
        /// A reason may hold what a server sent; none of it ends up in a German sentence but numbers and paths.
        #[test]
        fn no_unknown_word_is_passed_on(word in "zz[a-z]{3,12}", frame in 0..5_usize) {
            let frames = [
                word.clone(),
                format!("cannot connect to upstream `a`: {word}"),
                format!("upstream `a` answered wrongly: {word}"),
                format!("status 500 {word}"),
                format!("TLS: {word}"),
            ];
            let text = of_server(frames.get(frame).map_or("", String::as_str));
            prop_assert!(!text.german.contains(&word), "{}", text.german);
        }
    }
}
