use std::io::Read as _;

use flate2::read::DeflateDecoder;
use proptest::prelude::*;
use schleuse_types::{Label, Language, Timestamp};

use super::markdown::blocks;
use super::page::{FONTS, Face, HEIGHT, Mark, Measure, Node, WIDTH, set};
use super::{Format, Sheet, docx, pdf, sheet, write};
use crate::message::tests::blank;
use crate::message::{Author, Message, Passage};

const SAMPLE: &str = "\
# Fristen für den Müllerschen Vertrag

Die Frist beträgt **30 Tage** (*ab Zugang*), siehe [§ 5 Abs. 2](https://haus.example/vertrag) und `frist(30)`.

1. Zugang prüfen
   - Poststempel
   - Eingangsbuch
2. Frist berechnen: $t = t_0 + 30$

> Wer zu spät kommt, hat **keine** Frist mehr.

| Fall | Beginn | Ende |
|---|---|---|
| A & B | 24.12.2026 | 23.01.2027 |
| <C> | 1.250,00 € | ≤ 30 → ok ✓ |

```rust
fn main() {
    println!(\"Grüße\");
}
```

---

![Bild](https://evil.example/beacon.png) 😀
";

fn sample(text: &str, language: Language) -> Sheet {
    let headers = [
        ("x-schleuse-request-id", "01KREQUEST".to_owned()),
        ("x-schleuse-label", "CONFIDENTIAL//hr".to_owned()),
        ("x-schleuse-route", "vllm-1".to_owned()),
    ];
    let answer = Message {
        author: Author::Assistant,
        model: Some("llama-3.3-70b".into()),
        passage: Some(Passage::from_headers(&headers)),
        ..blank()
    };
    let label = Label::parse(b"CONFIDENTIAL//hr").unwrap();
    let now = Timestamp(1_795_207_724_123_456);
    Sheet { blocks: blocks(text), ..sheet("Welche Frist gilt?".into(), &answer, &label, language, now) }
}

/// Members of a ZIP archive by the names in its directory, unpacked and checked.
fn members(file: &[u8]) -> Vec<(String, String)> {
    let short = |at: usize| usize::from(u16::from_le_bytes([file[at], file[at + 1]]));
    let long = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let end = file.len() - 22;
    assert_eq!(&file[end..end + 4], b"PK\x05\x06");
    let mut at = long(end + 16) as usize;
    let mut members = Vec::new();
    for _ in 0..short(end + 10) {
        assert_eq!(&file[at..at + 4], b"PK\x01\x02");
        let (crc, packed, length) = (long(at + 16), long(at + 20) as usize, short(at + 28));
        let name = String::from_utf8(file[at + 46..at + 46 + length].to_vec()).unwrap();
        let local = long(at + 42) as usize;
        assert_eq!(&file[local + 6..local + 30], &file[at + 8..at + 32], "{name}");
        let begin = local + 30 + length;
        let mut text = String::new();
        DeflateDecoder::new(&file[begin..begin + packed]).read_to_string(&mut text).unwrap();
        let mut sum = flate2::Crc::new();
        sum.update(text.as_bytes());
        assert_eq!((sum.sum(), text.len()), (crc, long(at + 24) as usize), "{name}");
        members.push((name, text));
        at += 46 + length;
    }
    members
}

/// Whether every element that begins also ends, in the right order; enough to see that nothing breaks out of its place.
fn is_balanced(xml: &str) -> bool {
    let mut open = Vec::new();
    for piece in xml.split('<').skip(1) {
        let Some((tag, _)) = piece.split_once('>') else { return false };
        let name = tag.split([' ', '/']).next().unwrap_or_default().to_owned();
        match tag.strip_prefix('/') {
            Some(name) => {
                if open.pop().as_deref() != Some(name) {
                    return false;
                }
            }
            None if tag.starts_with('?') || tag.ends_with('/') => {}
            None => open.push(name),
        }
    }
    open.is_empty()
}

fn member<'a>(members: &'a [(String, String)], name: &str) -> &'a str {
    &members.iter().find(|(known, _)| known == name).unwrap().1
}

/// Everything that a reader hears, in its order.
fn heard(text: &str) -> String {
    fn collect(nodes: &[Node], leaves: &mut Vec<usize>) {
        for node in nodes {
            match node {
                Node::Leaf(leaf) => leaves.push(*leaf),
                Node::Group(_, children) => collect(children, leaves),
            }
        }
    }
    let pages = set(&sample(text, Language::German)).unwrap();
    let mut order = Vec::new();
    collect(&pages.tree, &mut order);
    let mut texts = vec![None; order.len()];
    for mark in pages.pages.iter().flatten() {
        if let Mark::Text { text, leaf: Some(leaf), .. } = mark {
            assert_eq!(texts[*leaf].replace(text.as_str()), None, "drawn twice");
        }
    }
    order.iter().map(|leaf| texts[*leaf].unwrap()).collect()
}

#[test]
fn a_word_document_has_styles_numbers_and_properties() {
    let file = docx::write(&sample(SAMPLE, Language::German)).unwrap();
    let members = members(&file);
    for (name, text) in &members {
        assert!(is_balanced(text), "{name} {text}");
        assert!(!text.contains("Target=\"http") && !text.contains("TargetMode"), "{name} points outside");
    }
    let body = member(&members, "word/document.xml");
    for part in [
        "<w:pStyle w:val=\"Title\"/>",
        "<w:pStyle w:val=\"Heading1\"/>",
        "<w:pStyle w:val=\"Quote\"/>",
        "<w:pStyle w:val=\"SourceCode\"/>",
        "<w:tblHeader/>",
        "<w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"2\"/></w:numPr>",
        "<w:numPr><w:ilvl w:val=\"1\"/><w:numId w:val=\"1\"/></w:numPr>",
        "Müllerschen",
        "A &amp; B",
        "&lt;C&gt;",
        "$t = t_0 + 30$",
        "(https://haus.example/vertrag)",
        "<w:br/>",
        "    println!(&quot;Grüße&quot;);",
    ] {
        assert!(body.contains(part), "{part} {body}");
    }
    assert!(member(&members, "word/styles.xml").contains("<w:lang w:val=\"de-DE\"/>"));
    assert!(member(&members, "word/header1.xml").contains("VERTRAULICH"));
    let footer = member(&members, "word/footer1.xml");
    let line =
        "Modell: llama-3.3-70b · Route: vllm-1 · Anfrage: 01KREQUEST · Beantwortet: 2026-11-20 20:48:44 UTC";
    assert!(footer.contains(line) && footer.contains(" NUMPAGES "), "{footer}");
    let core = member(&members, "docProps/core.xml");
    assert!(core.contains("<dc:title>Welche Frist gilt?</dc:title>") && core.contains("<dc:language>de-DE<"));
    let custom = member(&members, "docProps/custom.xml");
    for name in ["Label", "Model", "Route", "RequestId", "Answered"] {
        assert!(custom.contains(&format!("name=\"{name}\"")), "{custom}");
    }
    let english = docx::write(&sample(SAMPLE, Language::English)).unwrap();
    let english = self::members(&english);
    assert!(member(&english, "word/header1.xml").contains("CONFIDENTIAL//hr"));
    assert!(member(&english, "word/footer1.xml").contains("Page "));
}

#[test]
fn a_pdf_is_tagged_and_says_its_language() {
    let file = pdf::write(&sample(SAMPLE, Language::German)).unwrap();
    let has = |part: &str| file.windows(part.len()).any(|window| window == part.as_bytes());
    assert!(file.starts_with(b"%PDF-1.7"));
    for part in
        ["/StructTreeRoot", "/MarkInfo", "/Lang(de-DE)", "/Marked true", "<pdfuaid:part>1<", "/Outlines"]
    {
        assert!(has(part), "{part}");
    }
    // Nothing that leads or reaches outside, and no scripts.
    for part in ["/URI", "/JavaScript", "/JS", "/Launch", "/EmbeddedFile", "/Annots"] {
        assert!(!has(part), "{part}");
    }
    assert!(file.len() < 200_000, "{}", file.len());
}

#[test]
fn all_is_read_in_its_order() {
    let heard = heard(SAMPLE);
    let mut rest = heard.as_str();
    for word in [
        "Welche Frist gilt?",
        "Fristen für den",
        "30 Tage",
        "1.",
        "Zugang prüfen",
        "•",
        "Poststempel",
        "2.",
        "Frist berechnen",
        "keine",
        "Fall",
        "A & B",
        "23.01.2027",
        "≤ 30 → ok ✓",
        "fn main() {",
        "println!",
        "beacon.png",
        "😀",
    ] {
        let (_, behind) = rest.split_once(word).unwrap_or_else(|| panic!("{word} is not in {rest}"));
        rest = behind;
    }
}

#[test]
fn nothing_leaves_the_page_and_long_tables_repeat_their_heads() {
    let rows: String =
        (0..120).map(|row| format!("| {row} | {} | x |\n", "Wort ".repeat(row % 40))).collect();
    let long = "Donaudampfschifffahrtsgesellschaft".repeat(20);
    let text = format!("| Nr | Text | Kopf |\n|---|---|---|\n{rows}\n\n{long}\n\n```\n{long}\n```\n");
    let pages = set(&sample(&text, Language::German)).unwrap();
    let measure = Measure::new().unwrap();
    assert!(pages.pages.len() > 5);
    for (number, marks) in pages.pages.iter().enumerate() {
        let mut heads = 0;
        for mark in marks {
            let Mark::Text { x, y, face, size, text, .. } = mark else { continue };
            let shown = text.trim_end();
            let width: f32 = shown.chars().map(|one| measure.glyph(*face, one).1).sum::<f32>() * size;
            assert!(*x >= 0.0 && x + width <= WIDTH - 50.0, "{text} at {x} is {width} wide");
            assert!((20.0..HEIGHT - 20.0).contains(y), "{text} at {y}");
            heads += usize::from(text == "Kopf");
        }
        let has_rows =
            marks.iter().any(|mark| matches!(mark, Mark::Text { text, leaf: Some(_), .. } if text == "x"));
        assert_eq!(heads, usize::from(has_rows), "page {number}");
        let label = |mark: &Mark| matches!(mark, Mark::Text { text, leaf: None, .. } if text.starts_with("VERTRAULICH"));
        assert!(marks.iter().any(label));
        let number = format!("Seite {} von {}", number + 1, pages.pages.len());
        assert!(marks.iter().any(|mark| matches!(mark, Mark::Text { text, .. } if *text == number)));
    }
    pdf::write(&sample(&text, Language::German)).unwrap();
}

#[test]
fn the_fonts_have_what_both_languages_need() {
    let measure = Measure::new().unwrap();
    let missing = measure.glyph(Face::Regular, '\u{10FFFF}').0;
    for face in [Face::Regular, Face::Bold, Face::Oblique, Face::Mono] {
        for character in "aZ09äöüÄÖÜßẞ€§°²³µ½–—„“”‚‘’…«»→←↑↓≤≥≠≈±×÷√∞∑∂✓✗•☐☑éèçñłžΑωЖ".chars()
        {
            let (glyph, width) = measure.glyph(face, character);
            assert!(glyph != 0 && glyph != missing && width > 0.0, "{face:?} {character}");
        }
    }
    assert!(FONTS.iter().map(|font| font.len()).sum::<usize>() < 1_000_000);
}

#[test]
fn markdown_keeps_the_text() {
    let sheet = sample("", Language::English);
    let file = String::from_utf8(write(sheet, "# A\n\n`b`", Format::Markdown).unwrap()).unwrap();
    let expected = "**CONFIDENTIAL//hr**\n\n# Welche Frist gilt?\n\n# A\n\n`b`\n\n---\n\nModel: llama-3.3-70b · Route: vllm-1 · \
                    Request: 01KREQUEST · Answered: 2026-11-20 20:48:44 UTC\n\n**CONFIDENTIAL//hr**\n";
    assert_eq!(file, expected);
}

#[test]
fn scripts_that_are_not_set_are_still_kept() {
    for text in ["日本語 и русский", "مرحبا", "\u{E000}\u{FFFD}", "a\u{301}e\u{200D}", "👩‍👩‍👧", ""]
    {
        pdf::write(&sample(text, Language::German)).unwrap_or_else(|error| panic!("{text}: {error}"));
        docx::write(&sample(text, Language::German)).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever an answer says, there is a file of either kind, and every leaf of the tree is drawn once.
    #[test]
    fn every_answer_has_a_document(text in "([#*_>`|$\\[\\]()<&\"0-9.\\\\ \t\n-]{0,8}\\PC{0,8}){0,24}") {
        let file = docx::write(&sample(&text, Language::German)).unwrap();
        for (name, text) in members(&file) {
            prop_assert!(is_balanced(&text), "{} {}", name, text);
        }
        heard(&text);
        prop_assert!(pdf::write(&sample(&text, Language::German)).is_ok(), "{:?}", text);
    }
}
