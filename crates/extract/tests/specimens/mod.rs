//! Files that are made here, good ones and hostile ones.
#![allow(dead_code, reason = "each of the two test programs needs a part of it")]

use miniz_oxide::deflate::compress_to_vec;

/// An archive of these parts, deflated.
pub fn zip(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let packed: Vec<_> =
        parts.iter().map(|(name, bytes)| (*name, compress_to_vec(bytes, 6), bytes.len())).collect();
    let parts: Vec<Part> =
        packed.iter().map(|(name, packed, size)| Part { name, packed, size: *size }).collect();
    zip_of(&parts)
}

pub struct Part<'a> {
    pub name: &'a str,
    pub packed: &'a [u8],
    /// As it is said to be when unpacked.
    pub size: usize,
}

pub fn zip_of(parts: &[Part<'_>]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for part in parts {
        let local = u32::try_from(out.len()).unwrap();
        let mut common = Vec::new();
        common.extend_from_slice(&20_u16.to_le_bytes());
        common.extend_from_slice(&0_u16.to_le_bytes());
        common.extend_from_slice(&8_u16.to_le_bytes());
        common.extend_from_slice(&[0; 8]);
        common.extend_from_slice(&u32::try_from(part.packed.len()).unwrap().to_le_bytes());
        common.extend_from_slice(&u32::try_from(part.size).unwrap().to_le_bytes());
        common.extend_from_slice(&u16::try_from(part.name.len()).unwrap().to_le_bytes());
        common.extend_from_slice(&[0; 2]);
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&common);
        out.extend_from_slice(part.name.as_bytes());
        out.extend_from_slice(part.packed);
        directory.extend_from_slice(b"PK\x01\x02\x14\0");
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&local.to_le_bytes());
        directory.extend_from_slice(part.name.as_bytes());
    }
    let count = u16::try_from(parts.len()).unwrap().to_le_bytes();
    let start = u32::try_from(out.len()).unwrap();
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&count);
    out.extend_from_slice(&count);
    out.extend_from_slice(&u32::try_from(directory.len()).unwrap().to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out
}

const OFFICE: &str = "application/vnd.openxmlformats-officedocument.";

fn types(overrides: &[(&str, &str)]) -> String {
    let rows: String = overrides
        .iter()
        .map(|(name, kind)| format!("<Override PartName=\"/{name}\" ContentType=\"{kind}\"/>"))
        .collect();
    format!("<?xml version=\"1.0\"?><Types xmlns=\"t\">{rows}</Types>")
}

fn office(kind: &str) -> String {
    format!("{OFFICE}{kind}")
}

/// A document with this body, and further parts: name, content type, bytes.
pub fn docx_with(body: &str, further: &[(&str, &str, &str)]) -> Vec<u8> {
    docx_of(&office("wordprocessingml.document.main+xml"), body, further)
}

pub fn docx_of(main: &str, body: &str, further: &[(&str, &str, &str)]) -> Vec<u8> {
    let document = if body.starts_with("<?") {
        body.to_owned()
    } else {
        format!(
            "<?xml version=\"1.0\"?><w:document xmlns:w=\"w\" xmlns:mc=\"mc\"><w:body>{body}</w:body></w:document>"
        )
    };
    let mut overrides = vec![("word/document.xml", main.to_owned())];
    overrides
        .extend(further.iter().filter(|part| !part.1.is_empty()).map(|part| (part.0, part.1.to_owned())));
    let overrides: Vec<_> = overrides.iter().map(|(name, kind)| (*name, kind.as_str())).collect();
    let types = types(&overrides);
    let mut parts =
        vec![("[Content_Types].xml", types.as_bytes()), ("word/document.xml", document.as_bytes())];
    parts.extend(further.iter().map(|part| (part.0, part.2.as_bytes())));
    zip(&parts)
}

pub fn docx() -> Vec<u8> {
    let body = "<w:p><w:r><w:t>Sehr geehrte Frau Mustermann,</w:t></w:r></w:p>\
        <w:p><w:r><w:t xml:space=\"preserve\">sichtbar </w:t></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t>verborgen</w:t></w:r></w:p>\
        <w:p><w:ins w:author=\"E\"><w:r><w:t>neu</w:t></w:r></w:ins><w:del w:author=\"E\"><w:r><w:delText>gestrichen</w:delText></w:r></w:del></w:p>\
        <w:tbl><w:tr><w:tc><w:p><w:r><w:t>A1</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>B1</w:t></w:r></w:p></w:tc></w:tr></w:tbl>\
        <w:p><w:r><w:lastRenderedPageBreak/><w:t>zweite Seite &amp; Schluss</w:t></w:r></w:p>";
    let custom = "<Properties><property name=\"MSIP_Label_2096f6a2-d2f7-48be-b329-b73aaa526e5d_Name\"><vt:lpwstr xmlns:vt=\"v\">Vertraulich</vt:lpwstr></property></Properties>";
    let core = "<cp:coreProperties xmlns:cp=\"c\" xmlns:dc=\"d\"><dc:title>Brief</dc:title><cp:keywords>intern, Personal</cp:keywords></cp:coreProperties>";
    docx_with(
        body,
        &[
            (
                "word/header1.xml",
                &office("wordprocessingml.header+xml"),
                "<w:hdr xmlns:w=\"w\"><w:p><w:r><w:t>VERTRAULICH</w:t></w:r></w:p></w:hdr>",
            ),
            (
                "word/comments.xml",
                &office("wordprocessingml.comments+xml"),
                "<w:comments xmlns:w=\"w\"><w:comment w:author=\"Erika\"><w:p><w:r><w:t>bitte prüfen</w:t></w:r></w:p></w:comment></w:comments>",
            ),
            ("docProps/custom.xml", &office("custom-properties+xml"), custom),
            ("docProps/core.xml", "application/vnd.openxmlformats-package.core-properties+xml", core),
            ("word/embeddings/sheet.xlsx", "", "PK"),
            ("word/media/image1.png", "", "x"),
            (
                "word/_rels/document.xml.rels",
                "",
                "<Relationships xmlns=\"r\"><Relationship Id=\"r1\" Type=\"x/hyperlink\" Target=\"https://example.org/x\" TargetMode=\"External\"/></Relationships>",
            ),
        ],
    )
}

pub fn xlsx() -> Vec<u8> {
    let types = types(&[
        ("xl/workbook.xml", &office("spreadsheetml.sheet.main+xml")),
        ("xl/sharedStrings.xml", &office("spreadsheetml.sharedStrings+xml")),
        ("xl/styles.xml", &office("spreadsheetml.styles+xml")),
    ]);
    let workbook = "<workbook xmlns:r=\"r\"><sheets><sheet name=\"Umsatz\" sheetId=\"1\" r:id=\"rId1\"/><sheet name=\"Geheim\" sheetId=\"2\" state=\"hidden\" r:id=\"rId2\"/></sheets></workbook>";
    let relations = "<Relationships><Relationship Id=\"rId1\" Type=\"x/worksheet\" Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"rId2\" Type=\"x/worksheet\" Target=\"/xl/worksheets/sheet2.xml\"/></Relationships>";
    let strings = "<sst><si><t>Stadt</t></si><si><r><t>Kö</t></r><r><t>ln</t></r></si></sst>";
    let styles = "<styleSheet><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>";
    let first = "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"C1\"><v>12.5</v></c></row><row r=\"2\" hidden=\"1\"><c r=\"A2\" t=\"s\"><v>1</v></c><c r=\"B2\" s=\"1\"><v>45292</v></c></row></sheetData><headerFooter><oddHeader>&amp;LVERTRAULICH</oddHeader></headerFooter></worksheet>";
    let second = "<worksheet><sheetData><row><c t=\"inlineStr\"><is><t>versteckt</t></is></c></row></sheetData></worksheet>";
    zip(&[
        ("[Content_Types].xml", types.as_bytes()),
        ("xl/workbook.xml", workbook.as_bytes()),
        ("xl/_rels/workbook.xml.rels", relations.as_bytes()),
        ("xl/sharedStrings.xml", strings.as_bytes()),
        ("xl/styles.xml", styles.as_bytes()),
        ("xl/worksheets/sheet1.xml", first.as_bytes()),
        ("xl/worksheets/sheet2.xml", second.as_bytes()),
    ])
}

pub fn pptx() -> Vec<u8> {
    let types = types(&[
        ("ppt/presentation.xml", &office("presentationml.presentation.main+xml")),
        ("ppt/slides/slide1.xml", &office("presentationml.slide+xml")),
        ("ppt/slides/slide2.xml", &office("presentationml.slide+xml")),
        ("ppt/slideMasters/slideMaster1.xml", &office("presentationml.slideMaster+xml")),
    ]);
    let text = |text: &str| {
        format!("<p:txBody xmlns:p=\"p\" xmlns:a=\"a\"><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody>")
    };
    let presentation = "<p:presentation xmlns:p=\"p\" xmlns:r=\"r\"><p:sldIdLst><p:sldId id=\"257\" r:id=\"rId2\"/><p:sldId id=\"256\" r:id=\"rId1\"/></p:sldIdLst></p:presentation>";
    let relations = "<Relationships><Relationship Id=\"rId1\" Type=\"x/slide\" Target=\"slides/slide1.xml\"/><Relationship Id=\"rId2\" Type=\"x/slide\" Target=\"slides/slide2.xml\"/></Relationships>";
    let first = format!("<p:sld xmlns:p=\"p\">{}</p:sld>", text("Ende"));
    let second = format!("<p:sld xmlns:p=\"p\" show=\"0\">{}</p:sld>", text("Anfang"));
    let slide_relations = "<Relationships><Relationship Id=\"rId1\" Type=\"x/notesSlide\" Target=\"../notesSlides/notesSlide1.xml\"/></Relationships>";
    zip(&[
        ("[Content_Types].xml", types.as_bytes()),
        ("ppt/presentation.xml", presentation.as_bytes()),
        ("ppt/_rels/presentation.xml.rels", relations.as_bytes()),
        ("ppt/slides/slide1.xml", first.as_bytes()),
        ("ppt/slides/slide2.xml", second.as_bytes()),
        ("ppt/slides/_rels/slide2.xml.rels", slide_relations.as_bytes()),
        ("ppt/notesSlides/notesSlide1.xml", text("Notiz").as_bytes()),
        ("ppt/slideMasters/slideMaster1.xml", text("VERTRAULICH").as_bytes()),
    ])
}

/// A PDF of these objects, numbered from 1; the first is the catalog.
pub fn pdf_of(objects: &[&str], info: &str) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        places.push(out.len());
        out.extend_from_slice(format!("{} 0 obj\n{object}\nendobj\n", at + 1).as_bytes());
    }
    let start = out.len();
    out.extend_from_slice(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).as_bytes());
    for place in places {
        out.extend_from_slice(format!("{place:010} 00000 n \n").as_bytes());
    }
    let size = objects.len() + 1;
    out.extend_from_slice(
        format!("trailer\n<< /Size {size} /Root 1 0 R {info} >>\nstartxref\n{start}\n%%EOF\n").as_bytes(),
    );
    out
}

pub fn stream(content: &str) -> String {
    format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len())
}

pub fn pdf() -> Vec<u8> {
    let first =
        stream("BT /F1 12 Tf 72 700 Td (Rechnung an Erika Mustermann) Tj 0 -20 Td [(IBAN)-500(DE89)] TJ ET");
    let second = stream("BT /F1 12 Tf 3 Tr 72 700 Td (unsichtbar) Tj ET");
    pdf_of(
        &[
            "<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.alert(1)) >> >>",
            "<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 /MediaBox [0 0 595 842] /Resources << /Font << /F1 7 0 R >> >> >>",
            "<< /Type /Page /Parent 2 0 R /Contents 5 0 R >>",
            "<< /Type /Page /Parent 2 0 R /Contents 6 0 R /Annots [<< /Type /Annot /Subtype /Text /Rect [0 0 9 9] /Contents (Kommentar am Rand) >> << /Type /Annot /Subtype /Link /Rect [0 0 9 9] /A << /S /Launch /F (cmd.exe) >> >>] >>",
            &first,
            &second,
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
            "<< /Title (Rechnung) /Keywords (intern; VERTRAULICH) /MSIP_Label_2096f6a2-d2f7-48be-b329-b73aaa526e5d_Name (Geheim) >>",
        ],
        "/Info 8 0 R",
    )
}

pub fn mail() -> Vec<u8> {
    "From: Erika Mustermann <erika@example.org>\r\nTo: max@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
     Date: Fri, 20 Nov 2026 10:00:00 +0100\r\nmsip_labels: MSIP_Label_2096f6a2-d2f7-48be-b329-b73aaa526e5d_Name=Geheim; x=y\r\n\
     MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\nContent-Type: multipart/alternative; boundary=C\r\n\r\n\
     --C\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHallo Max\r\n--C\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
     <html><script>x()</script><p>Hallo&nbsp;Max</p><p style=\"display:none\">nur hier</p></html>\r\n--C--\r\n\
     --B\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--B--\r\n"
        .as_bytes()
        .to_vec()
}

/// The smallest picture, with a text in it.
pub fn png() -> Vec<u8> {
    let chunk = |kind: &[u8], data: &[u8]| {
        [&u32::try_from(data.len()).unwrap().to_be_bytes()[..], kind, data, &[0; 4]].concat()
    };
    [
        b"\x89PNG\r\n\x1A\n".to_vec(),
        chunk(b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]),
        chunk(b"tEXt", b"Comment\0STRENG VERTRAULICH"),
        chunk(b"IDAT", &miniz_oxide::deflate::compress_to_vec_zlib(&[0, 0], 6)),
        chunk(b"IEND", b""),
    ]
    .concat()
}

/// Every kind of file with the ending of its name.
pub fn good() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("docx", docx()),
        ("xlsx", xlsx()),
        ("pptx", pptx()),
        ("pdf", pdf()),
        ("eml", mail()),
        ("png", png()),
        ("txt", "Grüße aus Köln\n".into()),
    ]
}
