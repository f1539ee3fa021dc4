//! What each view finds, and where in the original.

use schleuse_types::Finding;

use crate::{Coverage, Guardrails, Inspector};

fn inspector() -> Inspector {
    Inspector::new(Guardrails::default()).unwrap()
}

/// The types found, in order, each with the part of the text that it covers.
fn check(text: &str, expected: &[(&str, &str)]) {
    let findings = inspector().scan(text);
    let seen: Vec<(&str, &str)> =
        findings.iter().map(|f| (f.kind.as_str(), text.get(f.start..f.end).unwrap())).collect();
    assert_eq!(seen, expected, "{text:?}");
}

#[test]
fn a_fold_covers_what_was_hidden() {
    check("x DE89 3704 00\u{200b}44 0532 0130 00.", &[("IBAN", "DE89 3704 00\u{200b}44 0532 0130 00")]);
    check("DＥ８９ 3704 0044 0532 0130 00", &[("IBAN", "DＥ８９ 3704 0044 0532 0130 00")]);
    check("DЕ89 3704 0044 0532 0130 00", &[("IBAN", "DЕ89 3704 0044 0532 0130 00")]);
}

#[test]
fn an_escape_covers_what_it_was_written_as() {
    check("a DE89%203704%200044%200532%200130%2000 b", &[("IBAN", "DE89%203704%200044%200532%200130%2000")]);
    check("&#68;E89 3704 0044 0532 0130 0&#48; b", &[("IBAN", "&#68;E89 3704 0044 0532 0130 0&#48;")]);
}

#[test]
fn an_encoded_run_is_read() {
    check("k REU4OTM3MDQwMDQ0MDUzMjAxMzAwMA== e", &[("IBAN", "REU4OTM3MDQwMDQ0MDUzMjAxMzAwMA")]);
}

#[test]
fn only_what_no_plain_reading_finds_is_evasive() {
    let flags = |text: &str| inspector().scan(text).iter().map(|f: &Finding| f.evasive).collect::<Vec<_>>();
    assert_eq!(flags("DE89 3704 0044 0532 0130 00 \u{200b}"), [false]);
    assert_eq!(flags("DE89 3704 \u{200b}0044 0532 0130 00"), [true]);
}

#[test]
fn a_value_in_pieces_is_put_together() {
    check(
        "IBAN D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0 bitte",
        &[("IBAN", "D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0")],
    );
    check("DE89.3704.0044.0532.0130.00 ok", &[("IBAN", "DE89.3704.0044.0532.0130.00")]);
    check("Karte 4-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1.", &[("CREDIT_CARD", "4-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1")]);
    check("IBAN DE89 3704 0044\n  0532 0130 00 ok", &[("IBAN", "DE89 3704 0044\n  0532 0130 00")]);
    check("> IBAN DE89 3704 0044\n> 0532 0130 00 ok", &[("IBAN", "DE89 3704 0044\n> 0532 0130 00")]);
    check("Mail max [at] example [dot] org bitte", &[("EMAIL", "max [at] example [dot] org")]);
    check(
        "k ghp_zQWB uTSO oRi4 A9sp HcVY 5ncn sDkx kJ0m Lq17 e",
        &[("API_KEY", "ghp_zQWB uTSO oRi4 A9sp HcVY 5ncn sDkx kJ0m Lq17")],
    );
    check(
        "k = \"ghp_zQWBuTSOoRi4A9spHc\" + \"VY5ncnsDkxkJ0mLq17\"",
        &[("API_KEY", "ghp_zQWBuTSOoRi4A9spHc\" + \"VY5ncnsDkxkJ0mLq17")],
    );
}

#[test]
fn what_stands_between_the_pieces_does_not_matter() {
    let check = |text: &str, kind: &str| {
        let found = inspector().scan(text);
        assert!(found.iter().any(|f| f.kind == kind), "{kind} in {text:?}: {found:?}");
    };
    for between in
        ["  ", "\t", "_", "/", ".", "|", ", ", " - ", " | ", "</b> <b>", "<br>", "/**/", "\", \"", "\n> "]
    {
        check(
            &format!("IBAN {} bitte", ["DE89", "3704", "0044", "0532", "0130", "00"].join(between)),
            "IBAN",
        );
        if between != "\n> " {
            check(&format!("Karte {} bitte", ["4111", "1111", "1111", "1111"].join(between)), "CREDIT_CARD");
        }
    }
    for between in ["  ", "_", "/", ".", "-"] {
        check(&format!("Steuer-ID {}.", ["86", "095", "742", "719"].join(between)), "DE_STEUER_ID");
        check(&format!("SV-Nummer {}.", ["15", "070649", "C", "103"].join(between)), "DE_SVNR");
    }
    check("IBAN DE89 3704-0044.0532/0130 00.", "IBAN");
    check("Karte 4111 1111-1111.1111.", "CREDIT_CARD");
    check("Karte: 411111111\n1111111 gilt.", "CREDIT_CARD");
    check("SV-Nummer 150 706 49C 103 gilt.", "DE_SVNR");
    check("SV-Nummer 15 070649\nC 103 gilt.", "DE_SVNR");
    check("Versichertennummer A-123-456-780 gilt.", "DE_KVNR");
    check("Tel.  +49  171  2345678 bitte", "PHONE");
    check("Gesundheitskarte A123  4567  80\nWir haben Zeit.", "DE_KVNR");
    check("Karte 411 111 111 111 111 1 bezahlt", "CREDIT_CARD");
    check("SV-Nummer 1507.0649.C103 bitte", "DE_SVNR");
    check("Karte 41111111\n11111111\nExp 04/29", "CREDIT_CARD");
    check("Steuer-ID 8_6_ _0_9_5_ _7_4_2_ _7_1_9, danke", "DE_STEUER_ID");
    check("iban=D.E.8.9. .3.7.0.4. .0.0.4.4. .0.5.3.2. .0.1.3.0. .0.0 bitte", "IBAN");
    check("Mail m.a.x...m.u.s.t.e.r.@.e.x.a.m.p.l.e...o.r.g bitte", "EMAIL");
    check("Mail max.muster@exam-\nple.org bitte", "EMAIL");
    check("Mail max.muster@\nexample.org bitte", "EMAIL");
    check("user,vogt34@ex\n> ample.com,active", "EMAIL");
    check("Absender: <kvogt@klinik-am\n-see.example.org>, Betreff", "EMAIL");
}

#[test]
fn pieces_between_words_tags_and_signs() {
    let check = |text: &str, kind: &str| {
        let found = inspector().scan(text);
        assert!(found.iter().any(|f| f.kind == kind), "{kind} in {text:?}: {found:?}");
    };
    let card = ["4111", "1111", "1111", "1111"];
    let iban = ["DE89", "3704", "0044", "0532", "0130", "00"];
    for between in
        ["·", "•", " • ", "…", "\x0C", "🙂", "#", "][", ") (", "</td><td>", " then ", " dann ", ", und dann "]
    {
        check(&format!("Kreditkarte [{}] bitte", card.join(between)), "CREDIT_CARD");
        check(&format!("IBAN {} bitte", iban.join(between)), "IBAN");
        check(&format!("Steuer-ID {}.", ["8609", "5742", "719"].join(between)), "DE_STEUER_ID");
    }
    check("Kreditkarte 41111111<br>11111111 bitte", "CREDIT_CARD");
    check("Kreditkarte 41111111<wbr>11111111 bitte", "CREDIT_CARD");
    check("Kreditkarte 4111<b>1111</b>11111111 bitte", "CREDIT_CARD");
    check("Steuer-ID 8609<b>5742</b>719 bitte", "DE_STEUER_ID");
    check("Karte 411111111 followed by 1111111 bitte", "CREDIT_CARD");
    check("{\"text\": \"Karte 4111 1111\\n1111 1111\"}", "CREDIT_CARD");
    check("IdNr: 86095742\n> 719\nDanke", "DE_STEUER_ID");
    check("Personalausweisnummer: L01X 00T4 71 bitte", "DE_PERSONALAUSWEIS");
    check("Personalausweis L01X0\n> 0T471 bitte", "DE_PERSONALAUSWEIS");
    check("Versichertennummer A123 then 4567 then 80 bitte", "DE_KVNR");
    check("token: AKIANZJTEK\r\n> YPVI6OJLDQ\nok?", "API_KEY");
    check("Der API-Key ist A K I A V Y W G K N 6 T J N W J V 4 Q A für die", "API_KEY");
    check("Der Key ist g<b>hp_</b>zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17 und", "API_KEY");
    check("Der Key ist ghp_zQWB<br>uTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17 und", "API_KEY");
    check("IBAN: REU4OTM3MDQwMDQ0MDUzMjAxMzAwMA\nThank you", "IBAN");
    check("IBAN: REU4OTM3MDQwMDQ0MDUzMjAxMzAwMA\nbitte, danke", "IBAN");
}

#[test]
fn addresses_with_words_for_their_signs() {
    for text in [
        "Mail anna.brandt at web dot de bitte",
        "Mail anna.brandt AT web DOT de.",
        "Mail anna.brandt ät web Punkt de bitte",
        "Mail anna.brandt @ web.de bitte",
        "Mail anna.brandt<at>web.de bitte",
        "Mail anna.brandt <at> web <dot> de bitte",
        "Mail j.stoll\n@bund.de bitte",
        "Mail j.stoll\n> @bund.de bitte",
    ] {
        let found = inspector().scan(text);
        assert!(found.iter().any(|f| f.kind == "EMAIL"), "{text:?}: {found:?}");
    }
    for text in [
        "we met at web and the dot is blue",
        "Look at this dot on the map",
        "Treffen @ cafe.de um zwölf",
        "sold at 12 dot com companies",
    ] {
        let found = inspector().scan(text);
        assert!(found.iter().all(|f| f.kind != "EMAIL"), "{text:?}: {found:?}");
    }
}

#[test]
fn settings_are_not_quoted_printable() {
    for text in ["status=200 took=45ms bytes=2048 page=203", "size=4096"] {
        assert_eq!(inspector().examine(text).coverage.decoded, 0, "{text:?}");
    }
    for (text, kind) in [
        ("Mail max=40example.org", "EMAIL"),
        ("Karte 4111=201111=201111=201111", "CREDIT_CARD"),
        ("Karte=204111=201111=201111=201111 bezahlt", "CREDIT_CARD"),
        ("IBAN =44=45=38=39370400440532013000", "IBAN"),
    ] {
        let found = inspector().scan(text);
        assert!(found.iter().any(|f| f.kind == kind), "{kind} in {text:?}: {found:?}");
    }
}

#[test]
fn numbers_in_columns_are_no_value() {
    check("at 2024-11-21 14:30:12.1234 und", &[]);
    check("12345678\n41111111\n11111111\n12345678\n", &[]);
    check("4111\n1111\n1111\n1111\n", &[]);
    check("4111\n1111\n1111\n1111\n5500\n0000\n", &[]);
    check("4, 8, 15, 16, 23, 42, 108, 4, 8, 15", &[]);
    check("1.2.3.4.5.6.7.8.9.10.11.12", &[]);
    check("2024.11.21.14.30.00", &[]);
}

#[test]
fn markdown_inside_a_value_is_no_part_of_it() {
    check("**DE89** **3704** 0044 0532 0130 00", &[("IBAN", "DE89** **3704** 0044 0532 0130 00")]);
    check("max\\_m@example\\.org", &[("EMAIL", "max\\_m@example\\.org")]);
    check("**Passwort:** hunter2!", &[("PASSWORD", "hunter2!")]);
}

#[test]
fn a_value_in_pieces_may_end_the_text() {
    check("DE89.3704.0044.0532.0130.00", &[("IBAN", "DE89.3704.0044.0532.0130.00")]);
    check("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", &[("CREDIT_CARD", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1")]);
    check("DE89 3704 0044\n0532 0130 00", &[("IBAN", "DE89 3704 0044\n0532 0130 00")]);
    check(
        "ghp_zQWB uTSO oRi4 A9sp HcVY 5ncn sDkx kJ0m Lq17",
        &[("API_KEY", "ghp_zQWB uTSO oRi4 A9sp HcVY 5ncn sDkx kJ0m Lq17")],
    );
}

#[test]
fn coverage_says_what_was_read() {
    let coverage = |text: &str| inspector().examine(text).coverage;
    let plain = "Guten Tag, hier ist nichts.";
    assert_eq!(coverage(plain), Coverage { scanned: plain.len(), decoded: 0, opaque: 0 });
    let text = "x REU4OTM3MDQwMDQ0MDUzMjAxMzAwMA== y";
    assert_eq!(coverage(text), Coverage { scanned: 4, decoded: 32, opaque: 0 });
    // Bytes that no text has, as a compressed file would.
    let random: String = (0_u32..400)
        .map(|i| {
            char::from(b"kPz9Xq7LmR3vT1sW8yB5nC2dF6gH4jKa"[(i.wrapping_mul(2_654_435_761) >> 27) as usize])
        })
        .collect();
    assert_eq!(coverage(&format!("a {random} b")), Coverage { scanned: 4, decoded: 0, opaque: 400 });
}

#[test]
fn a_value_split_over_messages_is_found_in_its_parts() {
    let parts = |texts: &[&str]| {
        let found = inspector().scan_joined(texts);
        texts
            .iter()
            .zip(found)
            .map(|(text, found)| {
                found
                    .iter()
                    .map(|f| (f.kind.clone(), text.get(f.start..f.end).unwrap().to_owned(), f.evasive))
                    .collect::<Vec<_>>()
            })
            .collect::<Vec<_>>()
    };
    let part = |kind: &str, text: &str| vec![(kind.to_owned(), text.to_owned(), true)];
    assert_eq!(
        parts(&["meine IBAN: DE89 3704", "0044 0532", "0130 00 danke"]),
        [part("IBAN", "DE89 3704"), part("IBAN", "0044 0532"), part("IBAN", "0130 00")]
    );
    assert_eq!(
        parts(&["ghp_zQWBuTSOoRi4A9spHc", "VY5ncnsDkxkJ0mLq17 so"]),
        [part("API_KEY", "ghp_zQWBuTSOoRi4A9spHc"), part("API_KEY", "VY5ncnsDkxkJ0mLq17")]
    );
    // Messages that say nothing part nothing.
    let found = parts(&["DE89 3704 0044 0", "", " ", "", "", "", "532 0130 00"]);
    assert_eq!((&found[0], &found[6]), (&part("IBAN", "DE89 3704 0044 0"), &part("IBAN", "532 0130 00")));
    assert!(found[1..6].iter().all(Vec::is_empty), "{found:?}");
    // What stands whole in one message stays as it was found there.
    assert_eq!(
        parts(&["Hallo", "DE89 3704 0044 0532 0130 00"]),
        [vec![], vec![("IBAN".to_owned(), "DE89 3704 0044 0532 0130 00".to_owned(), false)]]
    );
    assert_eq!(parts(&["Hallo zusammen.", "Wie geht es?"]), [vec![], vec![]]);
}

fn base_64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let encode = |chunk: &[u8]| {
        let bits = chunk.iter().fold(0_u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        (0..4)
            .map(|i| {
                if i > chunk.len() { '=' } else { char::from(LETTERS[(bits >> (18 - 6 * i) & 63) as usize]) }
            })
            .collect::<String>()
    };
    text.as_bytes().chunks(3).map(encode).collect()
}

fn each(text: &str, write: impl Fn(char) -> String) -> String {
    text.chars().map(write).collect()
}

fn grouped(text: &str, between: &str) -> String {
    let plain: Vec<char> = text.chars().filter(|c| *c != ' ').collect();
    plain.chunks(4).map(|chunk| chunk.iter().collect::<String>()).collect::<Vec<_>>().join(between)
}

/// In the middle of a value.
fn inside(text: &str, what: &str) -> String {
    let (head, tail) = text.split_at(text.len() / 2);
    format!("{head}{what}{tail}")
}

type Transform = (&'static str, fn(&str) -> String);

/// What happens to values by accident: typesetting, mail, markup.
const ACCIDENTAL: &[Transform] = &[
    ("as it is", |v| v.to_owned()),
    ("no-break spaces", |v| v.replace(' ', "\u{a0}")),
    ("thin spaces", |v| v.replace(' ', "\u{2009}")),
    ("soft hyphen", |v| inside(v, "\u{ad}")),
    ("bold", |v| format!("**{v}**")),
    ("code", |v| format!("`{v}`")),
    ("bold inside", |v| inside(v, "**")),
    ("quoted-printable line", |v| inside(v, "=\n")),
    ("percent for spaces and signs", |v| {
        each(v, |c| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("%{:02X}", c as u32) })
    }),
    ("entity for signs", |v| {
        each(v, |c| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("&#{};", c as u32) })
    }),
    ("byte order mark", |v| format!("\u{feff}{v}")),
];

/// What somebody does who wants to get past, without a tool of his own.
const INTENDED: &[Transform] = &[
    ("zero width", |v| each(v, |c| format!("{c}\u{200b}"))),
    ("full width", |v| {
        each(v, |c| char::from_u32(c as u32 + 0xFEE0).filter(|_| c != ' ').unwrap_or(c).to_string())
    }),
    ("tags", |v| each(v, |c| char::from_u32(0xE0000 + c as u32).unwrap().to_string())),
    ("look-alikes", |v| {
        v.replace('e', "е").replace('a', "а").replace('E', "Е").replace('B', "В").replace('o', "о")
    }),
    ("Arabic digits", |v| {
        each(v, |c| c.to_digit(10).and_then(|d| char::from_u32(0x660 + d)).unwrap_or(c).to_string())
    }),
    ("mathematical digits", |v| {
        each(v, |c| c.to_digit(10).and_then(|d| char::from_u32(0x1D7CE + d)).unwrap_or(c).to_string())
    }),
    ("base 64", |v| base_64(v)),
    ("base 64 for URLs", |v| base_64(v).replace('+', "-").replace('/', "_").replace('=', "")),
    ("base 64 twice", |v| base_64(&base_64(v))),
    ("hexadecimal", |v| v.bytes().map(|b| format!("{b:02x}")).collect()),
    ("percent", |v| v.bytes().map(|b| format!("%{b:02X}")).collect()),
    ("entities", |v| v.bytes().map(|b| format!("&#{b};")).collect()),
    ("JSON escapes", |v| v.bytes().map(|b| format!("\\u{b:04x}")).collect()),
    ("spaced out", |v| each(&v.replace(' ', ""), |c| format!("{c} ")).trim_end().to_owned()),
    ("grouped", |v| grouped(v, " ")),
];

const VALUES: &[(&str, &str)] = &[
    ("IBAN", "DE89 3704 0044 0532 0130 00"),
    ("CREDIT_CARD", "4111 1111 1111 1111"),
    ("DE_STEUER_ID", "86 095 742 719"),
    ("EMAIL", "max.muster@example.org"),
    ("API_KEY", "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"),
    ("PASSWORD", "Sommer2024!xK"),
];

/// The share of values found, and what was missed.
fn recall(transforms: &[Transform]) -> (f64, Vec<String>) {
    let inspector = inspector();
    let mut missed = Vec::new();
    for (name, transform) in transforms {
        for (kind, value) in VALUES {
            let lead = if *kind == "PASSWORD" { "Passwort" } else { "Angabe" };
            let text = format!("Guten Tag, {lead}: {} und danke.", transform(value));
            if !inspector.scan(&text).iter().any(|finding| finding.kind == *kind) {
                missed.push(format!("{name}: {kind}"));
            }
        }
    }
    let all = (transforms.len() * VALUES.len()) as f64;
    ((all - missed.len() as f64) / all, missed)
}

#[test]
fn accidents_and_simple_intent_are_seen_through() {
    for (transforms, least) in [(ACCIDENTAL, 0.95), (INTENDED, 0.85)] {
        let (share, missed) = recall(transforms);
        println!("recall {share:.3} of {} transforms, missed {missed:?}", transforms.len());
        assert!(share >= least, "{share:.3}: {missed:?}");
    }
}

#[test]
fn work_is_linear_in_the_length() {
    const LENGTH: usize = 1024 * 1024;
    let inspector = inspector();
    let mut nested = "DE89 3704 0044 0532 0130 01 ".repeat(LENGTH / 100);
    for _ in 0..4 {
        nested = base_64(&nested);
    }
    let repeated = |piece: &str| piece.repeat(LENGTH / piece.len());
    let lines = base_64(&"Guten Tag, alles in Ordnung. ".repeat(LENGTH / 40));
    let lines: Vec<&str> =
        lines.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    // One for each view and kind of encoding at least, most with everything different from what it seems.
    for text in [
        repeated("a\u{200b}"),
        format!("a{}", repeated("\u{200b}")),
        repeated("pаypаl "),
        repeated("\u{ff21}\u{ff11}"),
        repeated("**1**"),
        repeated("[4](x)_1_"),
        repeated("4 1 1 1 "),
        repeated("4111.1111."),
        repeated("DE89\n3704\n"),
        repeated("ghp_zQWB uTSO "),
        repeated("\"ab\" + "),
        repeated("max [at] example "),
        repeated("%25"),
        repeated("&#38;#"),
        repeated("\\u0041"),
        repeated("=3D"),
        repeated("data:text/plain;base64,SGFsbG8gV2VsdA== "),
        repeated("48616c6c6f20"),
        repeated("48:61:6c:6c:6f:"),
        lines.join("\r\n"),
        repeated("x at web dot de "),
        repeated("1·1 • "),
        repeated("a.b @ c.de "),
        repeated("[1][2](3) (4)"),
        repeated("1 then 22 und "),
        repeated("1\\n2"),
        nested,
    ] {
        let begin: String = text.chars().take(20).collect();
        let check = |passed: usize, most: usize| {
            assert!(passed <= most * text.len(), "{begin:?}: {passed} of {}", text.len());
        };
        let mut progress = crate::inspector::Progress::default();
        progress.advance(&inspector, text.as_bytes(), true, &mut Vec::new());
        check(progress.zones.passed, 40);
    }
}

#[test]
fn what_is_encoded_too_often_is_opaque() {
    let mut text = "Konto DE89 3704 0044 0532 0130 00".to_owned();
    for times in 1..12 {
        text = base_64(&text);
        let examined = inspector().examine(&format!("x {text} y"));
        let is_seen = examined.findings.iter().any(|finding| finding.kind == "IBAN");
        let is_opaque = examined.coverage.opaque * 10 > text.len() * 9;
        assert_eq!((is_seen, is_opaque), (times <= 8, times > 8), "{times}: {:?}", examined.coverage);
    }
    let mut text = "Konto DE89 3704 0044 0532 0130 00".to_owned();
    for times in 1..10 {
        text = text.replace('%', "%25").replace(' ', "%20");
        let examined = inspector().examine(&text);
        let is_seen = examined.findings.iter().any(|finding| finding.kind == "IBAN");
        assert_eq!((is_seen, examined.coverage.opaque == 0), (times <= 8, times <= 8), "{times}");
    }
}

#[test]
fn any_number_of_invisible_characters_is_dropped() {
    for count in [1, 63, 64, 65, 1_000, 20_000] {
        let text = format!("Konto DE89 3704 0044{} 0532 0130 00 gilt.", "\u{200b}".repeat(count));
        let found = inspector().scan(&text);
        assert!(found.iter().any(|finding| finding.kind == "IBAN"), "{count}");
    }
    // More than any zone has room for is no text that was read.
    let text = format!("Konto DE89 3704 0044{} 0532 0130 00 gilt.", "\u{200b}".repeat(200_000));
    assert!(inspector().examine(&text).coverage.opaque > 100_000);
}

#[test]
fn every_split_of_a_hidden_value_is_whole() {
    let inspector = inspector();
    let texts = ACCIDENTAL.iter().chain(INTENDED).flat_map(|(_, transform)| {
        VALUES.iter().map(|(_, value)| format!("Passwort: {} und", transform(value)))
    });
    for text in texts {
        let whole = inspector.scan(&text);
        let block = whole.iter().find(|f| f.action == schleuse_types::FindingAction::Block);
        let redacted = inspector.redact(&text, &whole);
        for cut in (1..text.len()).filter(|at| text.is_char_boundary(*at)) {
            let (head, tail) = text.split_at(cut);
            let mut window = inspector.window();
            let mut shown = window.push(head).text;
            shown.push_str(&window.push(tail).text);
            let last = window.finish();
            shown.push_str(&last.text);
            assert_eq!(last.blocked, block.is_some(), "{text:?} at {cut}");
            match block {
                None => assert_eq!(shown, redacted, "{text:?} at {cut}"),
                Some(block) => assert!(shown.len() <= block.start, "{text:?} at {cut}: {shown:?}"),
            }
        }
    }
}
