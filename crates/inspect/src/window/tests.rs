use crate::{Guardrails, Inspector};

const PROSE: &str = "Sehr geehrte Damen und Herren, vielen Dank für Ihre Nachricht vom 12. November 2026. Wir haben den \
Vertrag geprüft und sehen keinen Grund, die Frist über den 31.12.2026 hinaus zu verlängern. Die Kosten betragen \
17.450,00 EUR zuzüglich 19 % Umsatzsteuer; bitte überweisen Sie den Betrag innerhalb von 14 Tagen. Das Angebot umfasst \
drei Teile: erstens die Planung, zweitens die Umsetzung (ca. 120 Stunden) und drittens die Schulung Ihrer Leute.\n\n\
## Summary\n\n- The gateway reads every request once, decides, and writes an entry before a byte leaves.\n- Streams are \
held back only where a candidate is open; in ordinary prose that is a letter or two.\n- In 2025 the team measured 3,412 \
requests per second on 2 cores, with p99 below 4.2 ms.\n\n```rust\nfn main() {\n    let total: u32 = [1, 2, 3].iter().sum();\
\n    println!(\"{total}\");\n}\n```\n\nAn der Ecke steht ein Baum. In der Stadt ist es still; es ist spät, und die Straße \
ist leer. Some secrets of the trade: keep tokens short, never share a password by mail, ask before you paste a key. \
Weitere Fragen beantwortet Ihnen unser Team unter https://www.example.org/hilfe jederzeit gern.\n";

/// The characters held after each piece of four characters, sorted.
fn held_back(inspector: &Inspector, text: &str) -> Vec<usize> {
    let mut window = inspector.window();
    let characters: Vec<char> = text.chars().collect();
    let (mut given, mut shown) = (0, 0);
    let mut held = Vec::new();
    for piece in characters.chunks(4) {
        let piece: String = piece.iter().collect();
        given += piece.chars().count();
        shown += window.push(&piece).text.chars().count();
        held.push(given - shown);
    }
    held.sort_unstable();
    held
}

fn percentile(sorted: &[usize], percent: usize) -> usize {
    sorted[(sorted.len() - 1) * percent / 100]
}

#[test]
fn prose_flows() {
    let inspector = Inspector::new(Guardrails::default()).unwrap();
    assert!(inspector.scan(PROSE).iter().all(|finding| !finding.action.is_protective()));
    let held = held_back(&inspector, &PROSE.repeat(4));
    let (half, most) = (percentile(&held, 50), percentile(&held, 99));
    println!(
        "held back, in characters: p50 {half}, p90 {}, p99 {most}, max {}",
        percentile(&held, 90),
        held[held.len() - 1]
    );
    assert!(half <= 3 && most <= 43, "p50 {half}, p99 {most}");

    let document = "guardrails:\n- type: PII_FILTER\n  action: BLOCK\n";
    let strict = Inspector::new(Guardrails::parse(document).unwrap()).unwrap();
    let held = held_back(&strict, &PROSE.repeat(4));
    let (half, most) = (percentile(&held, 50), percentile(&held, 99));
    println!(
        "held back with PII_FILTER, in characters: p50 {half}, p99 {most}, max {}",
        held[held.len() - 1]
    );
    assert!(half <= 5 && most <= 43, "p50 {half}, p99 {most}");
}

#[test]
fn a_blocked_window_stays_silent() {
    let inspector = Inspector::new(Guardrails::default()).unwrap();
    let mut window = inspector.window();
    let released = window.push("Konto DE89 3704 0044 0532 0130 00.");
    assert_eq!((released.text.as_str(), released.blocked, released.consumed_upto), ("Konto ", true, 6));
    assert_eq!(released.findings.len(), 1);
    let after = window.push("more");
    assert_eq!((after.text.as_str(), after.blocked, after.findings.len()), ("", true, 0));
    assert!(window.finish().blocked);
}

#[test]
fn a_redaction_shows_its_placeholder_and_goes_on() {
    let inspector = Inspector::new(Guardrails::default()).unwrap();
    let mut window = inspector.window();
    let mut text = String::new();
    for piece in ["the key is gh", "p_zQWBuTSOoRi4A9spHcVY5ncnsDk", "xkJ0mLq17", ", keep it"] {
        text.push_str(&window.push(piece).text);
    }
    text.push_str(&window.finish().text);
    assert_eq!(text, "the key is [API_KEY], keep it");
}

#[test]
fn what_cannot_become_a_finding_is_shown_at_once() {
    let inspector = Inspector::new(Guardrails::default()).unwrap();
    let check =
        |text: &str, expected: &str| assert_eq!(inspector.window().push(text).text, expected, "{text}");
    check("Verwaltung", "Verwaltung");
    check("password: ", "password: ");
    check("password: hun", "password: ");
    check("Am 3", "Am ");
    check("Am 31.12.", "Am 31.12.");
    check("siehe https://exam", "siehe https://");
    check("siehe https://example.org/", "siehe https://example.org/");
    check("Text ---", "Text ");
    check("Text --- ", "Text --- ");
    check("das de", "das ");
}

#[test]
fn findings_that_chain_on_take_no_memory() {
    let inspector = Inspector::new(Guardrails::default()).unwrap();
    let mut window = inspector.window();
    let mut text = String::new();
    for _ in 0..1_000 {
        text.push_str(&window.push("password=").text);
        assert!(window.kept.len() < 4 * super::EAGER, "{}", window.kept.len());
    }
    text.push_str(&window.finish().text);
    let whole = "password=".repeat(1_000);
    assert_eq!(text, inspector.redact(&whole, &inspector.scan(&whole)));
}

#[test]
fn what_raises_the_label_is_told_before_it_is_shown() {
    let guardrails = "[[guardrail]]\ntype = \"EMAIL\"\naction = \"RAISE_LABEL\"\nto = \"CONFIDENTIAL//hr\"\n";
    let inspector = Inspector::new(Guardrails::parse(guardrails).unwrap()).unwrap();
    for text in ["An jemand@example.org, bitte sofort.", "VS-NUR FÜR DEN DIENSTGEBRAUCH\nBericht an alle"] {
        let (mut window, mut shown, mut told) = (inspector.window(), String::new(), Vec::new());
        let pieces = text.chars().map(String::from).map(Some).chain([None]);
        for piece in pieces {
            let released = match &piece {
                Some(piece) => window.push(piece),
                None => window.finish(),
            };
            shown.push_str(&released.text);
            let raises = |finding: &&schleuse_types::Finding| inspector.lowest_label(finding).is_some();
            told.extend(released.findings.iter().filter(raises).map(|finding| finding.start));
            let beginning = if text.starts_with("An") { 3 } else { 0 };
            assert!(!told.is_empty() || shown.len() <= beginning, "{shown}");
        }
        assert_eq!((shown.as_str(), told.len()), (text, 1));
    }
}
