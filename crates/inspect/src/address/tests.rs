use crate::{Guardrails, Inspector};

/// The addresses in a text.
fn check(text: &str, expected: &[&str]) {
    let inspector = Inspector::new(Guardrails::default()).unwrap();
    let findings = inspector.scan(text);
    let found: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.kind == "POSTAL_ADDRESS")
        .map(|finding| text.get(finding.start..finding.end).unwrap())
        .collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn german_addresses() {
    check("Musterstraße 12a, 12345 Berlin.", &["Musterstraße 12a, 12345 Berlin"]);
    check("Max Mustermann\nHauptstr. 5\n80331 München\nDeutschland", &["Hauptstr. 5\n80331 München"]);
    check("Wir wohnen in der Karl-Marx-Allee 34-36 im zweiten Stock", &["Karl-Marx-Allee 34-36"]);
    check("Berliner Straße 7 b, 60311 Frankfurt am Main", &["Berliner Straße 7 b, 60311 Frankfurt am Main"]);
    check("Unter den Linden 5, 10117 Berlin", &["Unter den Linden 5, 10117 Berlin"]);
    check("Unter den Linden 5", &["Unter den Linden 5"]);
    check("Am Alten Markt 3, 14467 Potsdam", &["Am Alten Markt 3, 14467 Potsdam"]);
    check("Postfach 12 34 56, 50667 Köln", &["Postfach 12 34 56, 50667 Köln"]);
    check("Sitz: D-80331 München", &["D-80331 München"]);
    check("Postanschrift 12345 Berlin", &["12345 Berlin"]);
    check("{\"street\":\"Ringweg 4\"}", &["Ringweg 4"]);
}

#[test]
fn other_countries() {
    check("Bahnhofstrasse 1, 8001 Zürich", &["Bahnhofstrasse 1, 8001 Zürich"]);
    check("Mariahilfer Straße 1/2/3, 1060 Wien", &["Mariahilfer Straße 1/2/3, 1060 Wien"]);
    check("221B Baker Street, London NW1 6XE", &["221B Baker Street, London NW1 6XE"]);
    check(
        "1600 Pennsylvania Avenue, Washington, DC 20500",
        &["1600 Pennsylvania Avenue, Washington, DC 20500"],
    );
    check("12 rue de la Paix, 75002 Paris", &["12 rue de la Paix, 75002 Paris"]);
}

#[test]
fn what_only_looks_like_an_address() {
    for text in [
        "Im Jahr 2024 sind es 12345 Besucher",
        "Arbeitsplatz 5 ist frei",
        "Der Parkplatz 12 bleibt gesperrt",
        "Am Montag 5 Stunden",
        "Rechnung 4711 vom 12.03.2024",
        "Version 5 Beta",
        "Kapitel 3 Absatz 4",
        "Die Straße 5 ist gesperrt",
        "12345 Stück",
        "Bahnhof 3",
        "Artikel 10115 Bolzen",
        "3 Punkte",
        "Umweg 5 km",
        "Spring 2024",
    ] {
        check(text, &[]);
    }
}
