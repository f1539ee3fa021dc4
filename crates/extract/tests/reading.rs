//! What is read of files of each kind, and what is refused before anything is.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod specimens;

use schleuse_extract::{Extracted, FILE_BYTES_MAX, Kind, PlaceKind, Rejected, TEXT_BYTES_MAX, What, read};
use specimens::{docx, docx_of, docx_with, mail, pdf, pdf_of, png, pptx, stream, xlsx, zip, zip_of};

fn told(bytes: Vec<u8>, extension: &str) -> Extracted {
    read(bytes, extension).unwrap()
}

/// A file of this kind whose text, facts and omissions have all of these in them.
fn check(bytes: Vec<u8>, extension: &str, kind: Kind, text: &[&str], facts: &[&str], omitted: &[What]) {
    let read = told(bytes, extension);
    assert_eq!(read.kind, kind);
    for part in text {
        assert!(read.text.contains(part), "{part:?} is not in {:?}", read.text);
    }
    for part in facts {
        assert!(read.facts.lines().any(|line| line == *part), "{part:?} is not in {:?}", read.facts);
    }
    let mut found: Vec<What> = read.omitted.iter().map(|omission| omission.what).collect();
    found.sort();
    let mut expected = omitted.to_vec();
    expected.sort();
    assert_eq!(found, expected);
}

fn refused(bytes: Vec<u8>, extension: &str, expected: Rejected) {
    assert_eq!(read(bytes, extension), Err(expected), "{extension}");
}

#[test]
fn a_document_is_read_with_what_is_hidden() {
    check(
        docx(),
        "docx",
        Kind::Docx,
        &[
            "Sehr geehrte Frau Mustermann,\nsichtbar verborgen\nneugestrichen\n",
            "A1 \tB1",
            "zweite Seite & Schluss",
            "VERTRAULICH",
            "Erika: bitte prüfen",
        ],
        &[
            "MSIP_Label_2096f6a2-d2f7-48be-b329-b73aaa526e5d_Name=Vertraulich",
            "Brief",
            "intern",
            "https://example.org/x",
        ],
        &[What::Pictures, What::EmbeddedFiles, What::OutsideLinks, What::HiddenText, What::TrackedChanges],
    );
    let read = told(docx(), "docx");
    let kinds: Vec<_> = read.places.iter().map(|place| (place.kind, place.number)).collect();
    assert_eq!(
        kinds,
        [
            (PlaceKind::Page, Some(1)),
            (PlaceKind::Page, Some(2)),
            (PlaceKind::Header, None),
            (PlaceKind::Comments, None)
        ]
    );
    assert_eq!(read.pages, Some(2));
}

#[test]
fn a_workbook_is_read_sheet_by_sheet() {
    check(
        xlsx(),
        "xlsx",
        Kind::Xlsx,
        &["Umsatz\nStadt\t\t12.5\nKöln\t2024-01-01\n", "Geheim\nversteckt"],
        &["VERTRAULICH"],
        &[What::HiddenRows, What::HiddenSheets],
    );
    let names: Vec<_> = told(xlsx(), "xlsx").places.into_iter().map(|place| place.name.unwrap()).collect();
    assert_eq!(names, ["Umsatz", "Geheim"]);
}

#[test]
fn slides_are_read_in_their_order() {
    check(pptx(), "pptx", Kind::Pptx, &["Anfang\n\nNotiz\n\nEnde"], &["VERTRAULICH"], &[What::HiddenSlides]);
}

#[test]
fn a_pdf_is_read_with_what_is_hidden() {
    check(
        pdf(),
        "pdf",
        Kind::Pdf,
        &["Rechnung an Erika Mustermann\nIBAN DE89\n", "unsichtbar", "Kommentar am Rand"],
        &["MSIP_Label_2096f6a2-d2f7-48be-b329-b73aaa526e5d_Name=Geheim", "VERTRAULICH", "Rechnung"],
        &[What::Scripts, What::Actions, What::HiddenText],
    );
    let read = told(pdf(), "pdf");
    let places: Vec<_> = read.places.iter().map(|place| (place.kind, place.number, place.start)).collect();
    let second = read.text.find("unsichtbar").unwrap();
    let aside = read.text.find("Kommentar").unwrap();
    assert_eq!(
        places,
        [(PlaceKind::Page, Some(1), 0), (PlaceKind::Page, Some(2), second), (PlaceKind::Beside, None, aside)]
    );
    assert_eq!(read.pages, Some(2));
}

#[test]
fn mail_is_read_with_what_only_its_markup_says() {
    check(
        mail(),
        "eml",
        Kind::Mail,
        &["Subject: Grüße\n", "From: Erika Mustermann <erika@example.org>\n", "Hallo Max", "nur hier"],
        &["MSIP_Label_2096f6a2-d2f7-48be-b329-b73aaa526e5d_Name=Geheim"],
        &[What::MailAttachments, What::Scripts, What::HiddenText],
    );
}

#[test]
fn pictures_are_checked_and_their_words_read() {
    check(png(), "png", Kind::Image, &[], &["STRENG VERTRAULICH"], &[What::PicturesOnly]);
    assert_eq!(told(png(), "png").text, "");
    let jpeg =
        b"\xFF\xD8\xFF\xE1\x00\x10Exif\0\0\0geheim!\xFF\xFE\0\x0Ahallo du\xFF\xDA\0\x02\x00\xFF\xD9".to_vec();
    check(jpeg, "jpg", Kind::Image, &[], &["geheim!", "hallo du"], &[What::PicturesOnly]);
    let gif = b"GIF89a\x01\0\x01\0\0\0\0!\xFE\x05Hallo\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;".to_vec();
    check(gif, "gif", Kind::Image, &[], &["Hallo"], &[What::PicturesOnly]);
    let webp = b"RIFF\x20\0\0\0WEBPVP8L\x01\0\0\0x\0EXIF\x06\0\0\0Umlaut".to_vec();
    check(webp, "webp", Kind::Image, &[], &["Umlaut"], &[What::PicturesOnly]);
}

#[test]
fn text_is_read_in_its_encoding() {
    let check = |bytes: &[u8], expected: &str, guessed: bool| {
        let read = told(bytes.to_vec(), "txt");
        assert_eq!(read.text, expected);
        assert_eq!(!read.omitted.is_empty(), guessed);
    };
    check("Grüße".as_bytes(), "Grüße", false);
    check(b"\xEF\xBB\xBFGr\xC3\xBC\xC3\x9Fe", "Grüße", false);
    check(b"Gr\xFC\xDFe \x80", "Grüße €", true);
    let wide: Vec<u8> = "\u{FEFF}Grüße 😀".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(&wide, "Grüße 😀", false);
    let wide: Vec<u8> = "Gruss an alle".encode_utf16().flat_map(u16::to_be_bytes).collect();
    check(&wide, "Gruss an alle", false);
    check(b"a\r\nb\x07c\td", "a\nbc\td", false);
    assert_eq!(told(b"a,b\n1,2\n".to_vec(), "csv").kind, Kind::Text);
    assert_eq!(told(b"fn main() {}".to_vec(), "").kind, Kind::Text);
}

#[test]
fn a_name_that_lies_is_refused() {
    refused(pdf(), "docx", Rejected::Lies);
    refused(docx(), "xlsx", Rejected::Lies);
    refused(docx(), "docm", Rejected::Lies);
    refused(png(), "jpg", Rejected::Lies);
    refused(b"just text".to_vec(), "pdf", Rejected::Lies);
    refused(b"just text".to_vec(), "eml", Rejected::Lies);
    let macros = "application/vnd.ms-word.document.macroEnabled.main+xml";
    let document = || docx_of(macros, "<w:p/>", &[("word/vbaProject.bin", "", "x")]);
    refused(document(), "docx", Rejected::Lies);
    check(document(), "docm", Kind::Docx, &[], &[], &[What::Macros]);
    assert_eq!(told(pdf(), "").kind, Kind::Pdf);
}

#[test]
fn what_cannot_be_read_is_refused_in_its_own_words() {
    refused(Vec::new(), "txt", Rejected::Empty);
    refused(vec![b'a'; FILE_BYTES_MAX + 1], "txt", Rejected::TooLarge);
    refused(b"\0\x01\x02\0\x03".to_vec(), "txt", Rejected::Unsupported);
    refused(b"{\\rtf1 x}".to_vec(), "rtf", Rejected::Unsupported);
    refused(b"\x1F\x8B\x08\0".to_vec(), "gz", Rejected::Archive);
    refused(zip(&[("a.txt", b"x")]), "zip", Rejected::Archive);
    refused(zip(&[("inner.zip", &zip(&[("a", b"x")]))]), "zip", Rejected::Archive);
    let ole = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
    refused(ole.to_vec(), "doc", Rejected::OldOffice);
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    refused([&ole[..], &name].concat(), "docx", Rejected::Encrypted);
    let catalog = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [] /Count 0 >>",
        "<< /Filter /Standard /V 2 /R 3 /Length 128 /P -4 /O <0000000000000000000000000000000000000000000000000000000000000000> /U <0000000000000000000000000000000000000000000000000000000000000000> >>",
    ];
    refused(pdf_of(&catalog, "/Encrypt 3 0 R /ID [<00><00>]"), "pdf", Rejected::Encrypted);
}

#[test]
fn entities_are_refused() {
    let laughs = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><w:document>&b;</w:document>";
    refused(docx_with(laughs, &[]), "docx", Rejected::Entities);
    let outside = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><w:document>&x;</w:document>";
    refused(docx_with(outside, &[]), "docx", Rejected::Entities);
    refused(docx_with("<w:t>&x;</w:t>", &[]), "docx", Rejected::Entities);
}

#[test]
fn archives_are_taken_at_their_word_and_no_further() {
    let many: Vec<String> = (0..10_000).map(|number| format!("word/{number}.xml")).collect();
    let parts: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    refused(zip(&parts), "docx", Rejected::TooManyParts);
    for name in ["../x", "/etc/passwd", "word/../../x", "C:x", "word\\x"] {
        refused(docx_with("<w:p/>", &[(name, "", "x")]), "docx", Rejected::Names);
    }
    refused(docx_with("<w:p/>", &[("WORD/document.xml", "", "x")]), "docx", Rejected::Names);
    // 64 MiB of one letter in a body.
    let body = format!("<w:t>{}</w:t>", "a".repeat(60 << 20));
    refused(docx_with(&body, &[]), "docx", Rejected::Bomb);
    // One that says less than it unpacks to.
    let packed = miniz_oxide::deflate::compress_to_vec(&vec![b' '; 1 << 20], 6);
    let lying = zip_of(&[specimens::Part { name: "[Content_Types].xml", packed: &packed, size: 100 }]);
    refused(lying, "docx", Rejected::Bomb);
}

#[test]
fn what_is_nested_too_deeply_is_refused() {
    let body = format!("{}{}", "<w:p>".repeat(300), "</w:p>".repeat(300));
    refused(docx_with(&body, &[]), "docx", Rejected::TooDeep);
}

#[test]
fn a_long_text_is_cut_and_says_so() {
    let read = told("ä".repeat(TEXT_BYTES_MAX).into_bytes(), "txt");
    assert!(read.is_cut && read.text.len() == TEXT_BYTES_MAX);
    let body = "<w:p><w:r><w:t>Wort</w:t></w:r></w:p>".repeat(500_000);
    let read = told(docx_with(&body, &[]), "docx");
    assert!(read.is_cut && read.text.len() <= TEXT_BYTES_MAX);
}

#[test]
fn pages_that_loop_end() {
    let loops = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 1000000000 >>",
        "<< /Type /Page /Parent 3 0 R /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> /Font 6 0 R >> >>",
        &stream("/X Do BT (a) Tj ET"),
        "<< /Type /XObject /Subtype /Form /BBox [0 0 1 1] /Resources << /XObject << /X 5 0 R >> >> /Length 11 >>\nstream\n/X Do /X Do\nendstream",
        "6 0 R",
    ];
    // Whatever comes of it, it comes.
    let _ = read(pdf_of(&loops, ""), "pdf");
}

/// Every prefix of a good file, in steps, and files with bits turned: whatever is said, it is said within limits.
#[test]
fn what_is_broken_ends_in_words() {
    for (extension, bytes) in specimens::good() {
        let step = (bytes.len() / 60).max(1);
        for end in (1..bytes.len()).step_by(step) {
            let said = read(bytes[..end].to_vec(), extension);
            let is_whole_format = !["eml", "txt", "pdf"].contains(&extension);
            assert!(!is_whole_format || said.is_err(), "{extension} {end}");
        }
        let mut seed = 0x2545_F491_4F6C_DD1D_u64;
        for _ in 0..60 {
            let mut broken = bytes.clone();
            for _ in 0..3 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                let at = usize::try_from(seed).unwrap() % broken.len();
                broken[at] ^= 1 << (seed >> 61);
            }
            if let Ok(read) = read(broken, extension) {
                assert!(read.text.len() <= TEXT_BYTES_MAX);
            }
        }
    }
}
