//! What this house stores about a person: every store with what is configured now.

use std::sync::Arc;
use std::time::Duration;

use schleuse_audit::Pseudonyms;
use schleuse_gate::Gate;
use schleuse_portal::Kept;
use schleuse_store::{HeldRow, Store};
use schleuse_types::{Principal, Refusal, Role, Text, Zone};
use schleuse_wire::{Peer, internal};

use super::bridge::circumstances;
use crate::config::Config;

/// What of the configuration says how long things are kept.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    session_idle: Duration,
    session_absolute: Duration,
    files: Duration,
    approval: Duration,
    /// None where no answer is given twice.
    answers: Option<Duration>,
    /// Upstreams outside of the house.
    external: Vec<String>,
}

impl Rules {
    pub(super) fn of(config: &Config) -> Self {
        let outside = config.upstreams.iter().filter(|upstream| upstream.zone == Zone::External);
        Self {
            session_idle: config.sessions.idle,
            session_absolute: config.sessions.absolute,
            files: config.files.kept,
            approval: config.approval.lifetime,
            answers: (config.answers.count > 0).then_some(config.answers.lifetime),
            external: outside.map(|upstream| upstream.name.clone()).collect(),
        }
    }
}

/// Every store of the house with what is in it of this person.
pub(super) async fn holdings(
    gate: Arc<Gate>,
    store: Arc<Store>,
    rules: Arc<Rules>,
    asker: Principal,
    peer: Peer,
) -> Result<Vec<Kept>, Refusal> {
    let held = store.held(&asker.person).await;
    let held = held.map_err(|error| internal(format!("what is stored cannot be counted: {error}")))?;
    let seers = Seers::ask(&gate, &asker, peer);
    let mut all: Vec<Kept> = held.iter().filter_map(|row| line(row, &rules, &seers)).collect();
    all.extend(beside(&gate, &rules, &seers, &asker));
    Ok(all)
}

/// Which roles see a page, by the policies in force.
struct Seers(Vec<(Role, Vec<&'static str>)>);

impl Seers {
    fn ask(gate: &Gate, asker: &Principal, peer: Peer) -> Self {
        let circumstances = circumstances(gate, peer);
        let pages = |role| {
            let person = String::new();
            let other = Principal { person, role, groups: Vec::new(), ..asker.clone() };
            (role, schleuse_console::pages(&gate.policy, &other, &circumstances))
        };
        Self(Role::ALL.map(pages).to_vec())
    }

    fn of(&self, page: &str) -> Text {
        let roles = self.0.iter().filter(|(_, pages)| pages.contains(&page));
        let roles: Vec<&str> = roles.map(|(role, _)| role.as_str()).collect();
        if roles.is_empty() {
            return Text::fixed(
                "You; by the policies in force nobody else.",
                "Sie; nach den geltenden Regeln sonst niemand.",
            );
        }
        let roles = roles.join(", ");
        Text::new(
            format!("You, and people with the role {roles}."),
            format!("Sie, und wer die Rolle {roles} hat."),
        )
    }
}

/// In place of what a line then says.
fn unsaid() -> Text {
    Text::fixed("", "")
}

fn only_you() -> Text {
    Text::fixed(
        "You alone: it is sealed under a key of your own, and operators see how much there is and when it came.",
        "Nur Sie: Es ist mit Ihrem eigenen Schlüssel versiegelt; der Betrieb sieht, wie viel es ist und wann es kam.",
    )
}

fn database() -> Text {
    Text::fixed("In the database of the house.", "In der Datenbank des Hauses.")
}

fn until_deleted() -> Text {
    Text::fixed("Until you delete it.", "Bis Sie es löschen.")
}

/// A time as people say it.
fn told(time: Duration) -> (String, String) {
    let minutes = time.as_secs() / 60;
    let (count, english, german) = match minutes {
        m if m >= 2 * 1440 && m % 1440 == 0 => (m / 1440, "days", "Tage"),
        m if m >= 120 && m % 60 == 0 => (m / 60, "hours", "Stunden"),
        m => (m, "minutes", "Minuten"),
    };
    (format!("{count} {english}"), format!("{count} {german}"))
}

/// What there is to say about a part of the store; None for one that is told with another.
fn line(row: &HeldRow, rules: &Rules, seers: &Seers) -> Option<Kept> {
    let for_time = |time: Duration, english: &str, german: &str| {
        let (said, gesagt) = told(time);
        Text::new(english.replace('#', &said), german.replace('#', &gesagt))
    };
    let account = || {
        Text::fixed(
            "It belongs to your account, which whoever manages people ends.",
            "Es gehört zu Ihrem Konto, das beendet, wer die Personen verwaltet.",
        )
    };
    let mut kept = Kept {
        id: row.id,
        what: unsaid(),
        place: database(),
        kept: until_deleted(),
        seen_by: only_you(),
        is_sealed: true,
        count: Some(row.count),
        bytes: (row.bytes > 0).then_some(row.bytes),
        export: None,
        stays: None,
    };
    match row.id {
        "account" => {
            kept.what = Text::fixed(
                "Your account: name, role, groups, tenant, who vouches for you, when you were last here.",
                "Ihr Konto: Name, Rolle, Gruppen, Mandant, wer für Sie bürgt, wann Sie zuletzt da waren.",
            );
            kept.kept = Text::fixed("As long as you belong to the house.", "Solange Sie zum Haus gehören.");
            (kept.seen_by, kept.is_sealed, kept.stays) = (seers.of("people"), false, Some(account()));
        }
        "keys" => {
            kept.what = Text::fixed(
                "Your keys: id, scopes, times. Of the key itself only a keyed hash.",
                "Ihre Schlüssel: Kennung, Umfang, Zeiten. Vom Schlüssel selbst nur ein Prüfwert.",
            );
            kept.kept = Text::fixed(
                "As long as your account, revoked ones too.",
                "So lange wie Ihr Konto, auch widerrufene.",
            );
            (kept.seen_by, kept.is_sealed, kept.stays) = (seers.of("keys"), false, Some(account()));
        }
        "sessions" => {
            kept.what = Text::fixed(
                "Your sessions: times, way of signing in, what your browser calls itself.",
                "Ihre Sitzungen: Zeiten, Art der Anmeldung, wie sich Ihr Browser nennt.",
            );
            let (idle, untaetig) = told(rules.session_idle);
            let (whole, ganz) = told(rules.session_absolute);
            let days = Store::ENDED_DAYS;
            kept.kept = Text::new(
                format!(
                    "A session ends after {idle} without use and after {whole} at all; it stays listed for {days} days."
                ),
                format!(
                    "Eine Sitzung endet nach {untaetig} ohne Nutzung und nach {ganz} überhaupt; gelistet bleibt sie {days} Tage."
                ),
            );
            (kept.seen_by, kept.is_sealed) = (seers.of("people"), false);
            kept.stays = Some(Text::fixed(
                "You end sessions on the page of sessions; this one is among them.",
                "Sitzungen beenden Sie auf der Seite der Sitzungen; diese ist darunter.",
            ));
        }
        "data_keys" => {
            kept.what = Text::fixed(
                "The key under which your texts are sealed, wrapped under the secret of the house.",
                "Der Schlüssel, mit dem Ihre Texte versiegelt sind, eingewickelt unter dem Geheimnis des Hauses.",
            );
            kept.kept = Text::fixed("As long as your account.", "So lange wie Ihr Konto.");
            kept.seen_by = Text::fixed("Nobody.", "Niemand.");
            kept.stays = Some(account());
        }
        "conversations" => {
            kept.what = Text::fixed(
                "Your conversations: titles, questions, answers, and words that you masked.",
                "Ihre Unterhaltungen: Titel, Fragen, Antworten und Wörter, die Sie verdeckt haben.",
            );
            kept.export = Some("/api/chat/export");
        }
        "attachments" => {
            kept.what = Text::fixed(
                "Files that you attached: until they are read the file, from then on its text.",
                "Dateien, die Sie angehängt haben: bis sie gelesen sind die Datei, von da an ihr Text.",
            );
            kept.kept = Text::fixed(
                "A day, if no question is asked with it; else as long as its conversation.",
                "Einen Tag, wenn keine Frage damit gestellt wird; sonst so lange wie die Unterhaltung.",
            );
            kept.export = Some("/api/chat/export");
        }
        "folders" => kept.what = Text::fixed("Names of your folders.", "Namen Ihrer Ordner."),
        "shares" => {
            kept.what = Text::fixed(
                "What you share: which part of which conversation, with whom, until when.",
                "Was Sie freigeben: welcher Teil welcher Unterhaltung, für wen, bis wann.",
            );
            kept.seen_by = Text::fixed(
                "You; what is shared, whoever it is shared with and may read its label.",
                "Sie; das Freigegebene, wem Sie es freigeben und wer die Einstufung lesen darf.",
            );
            kept.kept = Text::fixed(
                "Until you end the share or delete the conversation.",
                "Bis Sie die Freigabe beenden oder die Unterhaltung löschen.",
            );
        }
        "approvals" => {
            kept.what = Text::fixed(
                "What you asked a second person for, and what you decided for others.",
                "Worum Sie eine zweite Person gebeten und was Sie für andere entschieden haben.",
            );
            kept.kept = for_time(
                rules.approval,
                &format!(
                    "Open for #, then listed for {} days, or until its conversation is deleted.",
                    Store::ENDED_DAYS
                ),
                &format!(
                    "Offen für #, danach {} Tage gelistet, oder bis die Unterhaltung gelöscht wird.",
                    Store::ENDED_DAYS
                ),
            );
            kept.seen_by = Text::fixed(
                "You, and people who may decide about it.",
                "Sie, und wer darüber entscheiden darf.",
            );
            kept.stays = Some(Text::fixed(
                "What belongs to your conversations goes with them; what you decided for others stays with theirs.",
                "Was zu Ihren Unterhaltungen gehört, geht mit ihnen; was Sie für andere entschieden haben, bleibt bei deren.",
            ));
        }
        "releases" => {
            kept.what = Text::fixed(
                "Blocked texts that you asked to let pass once, and what you decided for others: types, times, and the reason. Never the text.",
                "Blockierte Texte, um deren einmalige Freigabe Sie gebeten haben, und was Sie für andere entschieden haben: Arten, Zeiten, Grund. Nie der Text.",
            );
            let days = Store::ENDED_DAYS;
            kept.kept = Text::new(
                format!("Good for 24 hours, then listed for {days} days."),
                format!("24 Stunden gültig, danach {days} Tage gelistet."),
            );
            kept.seen_by = Text::fixed(
                "You, and people who may decide about it.",
                "Sie, und wer darüber entscheiden darf.",
            );
            kept.stays = Some(Text::fixed(
                "It says who agreed to what, until it is forgotten by itself.",
                "Es sagt, wer wozu Ja gesagt hat, bis es von selbst vergessen wird.",
            ));
        }
        "files" => {
            kept.what = Text::fixed(
                "Files that you sent or that batches made.",
                "Dateien, die Sie gesendet haben oder die aus Stapeln entstanden.",
            );
            kept.kept = for_time(
                rules.files,
                "# at most, or until you delete them.",
                "Höchstens #, oder bis Sie sie löschen.",
            );
        }
        "batches" => {
            kept.what = Text::fixed(
                "Batches of questions, and answers until they are in a file.",
                "Stapel von Fragen, und Antworten, bis sie in einer Datei stehen.",
            );
            kept.kept = for_time(
                rules.files,
                "# after their end; one that is running is not deleted.",
                "# nach ihrem Ende; ein laufender wird nicht gelöscht.",
            );
        }
        "usage" => {
            kept.what = Text::fixed(
                "How many LLM tokens you used on which day.",
                "Wie viele LLM-Token Sie an welchem Tag gebraucht haben.",
            );
            let days = Store::USAGE_DAYS;
            kept.kept = Text::new(format!("{days} days."), format!("{days} Tage."));
            (kept.seen_by, kept.is_sealed) = (
                Text::fixed(
                    "You, as your limits; nobody else by name.",
                    "Sie, als Ihre Grenzen; sonst niemand mit Namen.",
                ),
                false,
            );
            kept.stays = Some(Text::fixed(
                "Limits would begin anew if it could be deleted.",
                "Könnte man es löschen, fingen die Grenzen von vorn an.",
            ));
        }
        "compartments" => {
            kept.what = Text::fixed(
                "Which compartments you have seen, for the walls between them.",
                "Welche Bereiche Sie gesehen haben, für die Trennwände zwischen ihnen.",
            );
            kept.kept = Text::fixed(
                "Until somebody releases you from a wall, on record.",
                "Bis jemand Sie von einer Trennwand befreit, mit Eintrag.",
            );
            (kept.seen_by, kept.is_sealed) = (seers.of("people"), false);
            kept.stays = Some(Text::fixed(
                "A wall that people can forget is none.",
                "Eine Trennwand, die man vergessen kann, ist keine.",
            ));
        }
        "feedback" => {
            kept.what = Text::fixed(
                "What you think of answers: thumbs, reasons, and comments, which are sealed.",
                "Was Sie von Antworten halten: Daumen, Gründe und Kommentare, diese versiegelt.",
            );
            kept.seen_by = Text::fixed(
                "You; others only numbers behind which several people stand.",
                "Sie; andere nur Zahlen, hinter denen mehrere stehen.",
            );
        }
        "prompts" => {
            kept.what = Text::fixed(
                "Prompts and assistants that you wrote.",
                "Vorlagen und Assistenten, die Sie geschrieben haben.",
            );
            kept.seen_by = Text::fixed(
                "You; what you share, whoever you share it with. A published assistant stays for those who use it.",
                "Sie; was Sie freigeben, wem Sie es freigeben. Ein veröffentlichter Assistent bleibt denen, die ihn nutzen.",
            );
        }
        _ => return None,
    }
    Some(kept)
}

/// What is elsewhere than in the store.
fn beside(gate: &Gate, rules: &Rules, seers: &Seers, asker: &Principal) -> Vec<Kept> {
    let nothing = Kept {
        id: "audit",
        what: unsaid(),
        place: unsaid(),
        kept: unsaid(),
        seen_by: unsaid(),
        is_sealed: false,
        count: None,
        bytes: None,
        export: None,
        stays: None,
    };
    let is_plain = matches!(gate.pseudonyms, Pseudonyms::Plain);
    let name = gate.pseudonyms.name(&asker.person);
    let (who, wer) = if is_plain {
        (
            "under your name, as this house is configured".to_owned(),
            "unter Ihrem Namen, so ist dieses Haus eingestellt".to_owned(),
        )
    } else {
        (format!("under the pseudonym `{name}`"), format!("unter dem Pseudonym `{name}`"))
    };
    let mut all = vec![Kept {
        what: Text::new(
            format!(
                "An entry for each question and each change, {who}: when, which model, label, types of findings, how it ended. \
                 Never the text, only a keyed hash of it."
            ),
            format!(
                "Ein Eintrag zu jeder Frage und jeder Änderung, {wer}: wann, welches Modell, Einstufung, Arten von Funden, wie es \
                 ausging. Nie der Text, nur ein Prüfwert davon."
            ),
        ),
        place: Text::fixed("In the audit log of the house.", "Im Prüfprotokoll des Hauses."),
        kept: Text::fixed(
            "As long as the house keeps its log; no entry is ever changed or removed.",
            "Solange das Haus sein Protokoll führt; kein Eintrag wird je geändert oder entfernt.",
        ),
        seen_by: {
            let (audit, decisions) = (seers.of("audit"), seers.of("decisions"));
            Text::new(
                format!(
                    "Entries as they are: {} As decisions: {}",
                    lower(&audit.english),
                    lower(&decisions.english)
                ),
                format!(
                    "Die Einträge selbst: {} Als Entscheidungen: {}",
                    lower(&audit.german),
                    lower(&decisions.german)
                ),
            )
        },
        stays: Some(Text::fixed(
            "A log from which entries can be taken proves nothing.",
            "Ein Protokoll, aus dem man Einträge nehmen kann, beweist nichts.",
        )),
        ..nothing.clone()
    }];
    all.push(Kept {
        id: "pseudonyms",
        what: if is_plain {
            Text::fixed("No pseudonyms: the log has names.", "Keine Pseudonyme: Das Protokoll hat Namen.")
        } else {
            Text::fixed(
                "Your pseudonym: computed each time from a secret of the house. There is no list of who is who.",
                "Ihr Pseudonym: jedes Mal aus einem Geheimnis des Hauses berechnet. Eine Liste, wer wer ist, gibt es nicht.",
            )
        },
        place: Text::fixed("Nowhere.", "Nirgends."),
        kept: Text::fixed("It is not kept.", "Es wird nicht aufbewahrt."),
        seen_by: Text::fixed("Whoever has the secret of the house could compute it.", "Wer das Geheimnis des Hauses hat, könnte es berechnen."),
        stays: Some(Text::fixed("There is nothing to delete.", "Da ist nichts zu löschen.")),
        ..nothing.clone()
    });
    let (kept, is_on) = match rules.answers {
        Some(lifetime) => {
            let (said, gesagt) = told(lifetime);
            (
                Text::new(
                    format!("{said} at most, and never beyond a restart."),
                    format!("Höchstens {gesagt}, und nie über einen Neustart hinaus."),
                ),
                true,
            )
        }
        None => (Text::fixed("This house keeps none.", "Dieses Haus hält keine vor."), false),
    };
    all.push(Kept {
        id: "answers",
        what: Text::fixed(
            "Answers that are given again to the very same question.",
            "Antworten, die auf genau dieselbe Frage noch einmal gegeben werden.",
        ),
        place: Text::fixed("In memory of the house.", "Im Arbeitsspeicher des Hauses."),
        kept,
        seen_by: Text::fixed(
            "You, or whoever asks the very same within what is configured.",
            "Sie, oder wer im eingestellten Rahmen genau dasselbe fragt.",
        ),
        count: (!is_on).then_some(0),
        ..nothing.clone()
    });
    let external = rules.external.join(", ");
    all.push(Kept {
        id: "model_servers",
        what: Text::fixed(
            "What model servers keep of prompts to be faster, walled off by label.",
            "Was Modellserver von Fragen behalten, um schneller zu sein, getrennt nach Einstufung.",
        ),
        place: if external.is_empty() {
            Text::fixed(
                "In memory of model servers inside of the house.",
                "Im Arbeitsspeicher von Modellservern im Haus.",
            )
        } else {
            Text::new(
                format!("In memory of model servers; outside of the house: {external}."),
                format!("Im Arbeitsspeicher von Modellservern; außer Haus: {external}."),
            )
        },
        kept: Text::fixed(
            "Until newer questions need the room, or the server restarts.",
            "Bis neuere Fragen den Platz brauchen oder der Server neu startet.",
        ),
        seen_by: Text::fixed("Nobody through this house.", "Über dieses Haus niemand."),
        stays: Some(Text::fixed(
            "Model servers delete it by themselves; the house cannot ask for it.",
            "Modellserver löschen es von selbst; das Haus kann nicht darum bitten.",
        )),
        ..nothing.clone()
    });
    all.push(Kept {
        id: "metrics",
        what: Text::fixed(
            "Numbers of the whole house: requests, times, LLM tokens. No names, no texts.",
            "Zahlen des ganzen Hauses: Anfragen, Zeiten, LLM-Token. Keine Namen, keine Texte.",
        ),
        place: Text::fixed(
            "In memory, and wherever the operator collects metrics.",
            "Im Arbeitsspeicher, und wo der Betrieb Messwerte sammelt.",
        ),
        kept: Text::fixed("Until a restart.", "Bis zu einem Neustart."),
        seen_by: seers.of("now"),
        count: Some(0),
        stays: Some(Text::fixed("Nothing in it is about you.", "Nichts darin handelt von Ihnen.")),
        ..nothing.clone()
    });
    all.push(Kept {
        id: "service_log",
        what: Text::fixed(
            "Lines of the running service: ids of requests and codes. Never a text.",
            "Zeilen des laufenden Dienstes: Anfragenummern und Codes. Nie ein Text.",
        ),
        place: Text::fixed(
            "On standard error, where the operator's system keeps it.",
            "Auf der Fehlerausgabe, wo das System des Betriebs sie aufbewahrt.",
        ),
        kept: Text::fixed("As the operator's system does.", "Wie es das System des Betriebs tut."),
        seen_by: Text::fixed("Operators.", "Der Betrieb."),
        stays: Some(Text::fixed("It lies outside of this house.", "Es liegt außerhalb dieses Hauses.")),
        ..nothing.clone()
    });
    all.push(Kept {
        id: "backups",
        what: Text::fixed(
            "Copies of the database and the log that the operator makes; what is sealed is sealed in them too.",
            "Kopien von Datenbank und Protokoll, die der Betrieb macht; was versiegelt ist, ist es auch darin.",
        ),
        place: Text::fixed("Where the operator puts them.", "Wo der Betrieb sie ablegt."),
        kept: Text::fixed("As long as the operator keeps them.", "Solange der Betrieb sie aufbewahrt."),
        seen_by: Text::fixed("Operators; nothing that is sealed.", "Der Betrieb; nichts Versiegeltes."),
        stays: Some(Text::fixed(
            "A backup is whole or none; ask your operator how long it is kept.",
            "Eine Sicherung ist ganz oder keine; fragen Sie den Betrieb, wie lange sie bleibt.",
        )),
        ..nothing
    });
    all
}

/// A sentence in the middle of another.
fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().map(char::to_lowercase);
    first.into_iter().flatten().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use schleuse_store::{HeldRow, Store};

    use super::{Rules, Seers, line, told};
    use crate::config::Config;

    #[test]
    fn there_are_words_for_every_part_of_the_store() {
        let (rules, seers) = (Rules::of(&Config::default()), Seers(Vec::new()));
        for id in Store::held_kinds() {
            let line = line(&HeldRow { id, tables: &[], count: 1, bytes: 2 }, &rules, &seers);
            let line = line.unwrap_or_else(|| panic!("no words for `{id}`"));
            for text in [&line.what, &line.place, &line.kept, &line.seen_by] {
                assert!(text.english.ends_with('.') && text.german.ends_with('.'), "{id}: {text:?}");
                assert!(!text.english.contains('#') && !text.german.contains('#'), "{id}: {text:?}");
            }
        }
    }

    #[test]
    fn times_are_told_as_people_say_them() {
        let check = |seconds, expected: &str| assert_eq!(told(Duration::from_secs(seconds)).1, expected);
        check(90 * 86_400, "90 Tage");
        check(86_400, "24 Stunden");
        check(8 * 3_600, "8 Stunden");
        check(5_400, "90 Minuten");
    }
}
