//! A document of Office Open XML (ISO/IEC 29500-1, transitional) with real styles, numbering, table heads and properties.
//!
//! Nothing in it points outside: no links, no images, no template, no macros.

use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::Sheet;
use super::markdown::{Block, Span, Style};

const W: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006";
const MEDIA: &str = "application/vnd.openxmlformats-officedocument";
/// Levels of a numbering that Word knows.
const LEVELS: usize = 9;
/// Twips that each level of a list or quote is indented by, and the width of the text of an A4 page with margins of 2 cm.
const INDENT: usize = 425;
const TEXT_WIDTH: usize = 9638;
/// The list definitions: bullets and numbers.
const BULLETS: usize = 1;

/// The file. An error is one of the compressor, which writes to memory.
pub(crate) fn write(sheet: &Sheet) -> std::io::Result<Vec<u8>> {
    let mut body = Body { out: String::new(), starts: Vec::new() };
    body.paragraph("Title", &[Span { text: sheet.title.clone(), style: Style::default() }], "");
    body.blocks(&sheet.blocks, 0);
    let language = sheet.language_tag();
    let mut zip = Zip::default();
    zip.add("[Content_Types].xml", &content_types())?;
    zip.add("_rels/.rels", &package_relations())?;
    zip.add("docProps/core.xml", &core_properties(sheet))?;
    zip.add("docProps/app.xml", &app_properties())?;
    zip.add("docProps/custom.xml", &custom_properties(sheet))?;
    zip.add("word/document.xml", &document(&body.out))?;
    zip.add("word/_rels/document.xml.rels", &document_relations())?;
    zip.add("word/styles.xml", &styles(language))?;
    zip.add("word/numbering.xml", &numbering(&body.starts))?;
    zip.add("word/settings.xml", &settings(language))?;
    zip.add("word/header1.xml", &header(sheet))?;
    zip.add("word/footer1.xml", &footer(sheet))?;
    Ok(zip.finish())
}

struct Body {
    out: String,
    /// Of each numbered list, in the order of their ids behind that of bullets: its first number and its level.
    starts: Vec<(u64, usize)>,
}

impl Body {
    fn blocks(&mut self, blocks: &[Block], depth: usize) {
        for block in blocks {
            self.block(block, depth, "");
        }
    }

    /// `number` is what makes the first paragraph of an item its beginning.
    fn block(&mut self, block: &Block, depth: usize, number: &str) {
        let indent = match (number, depth) {
            ("", 0) => String::new(),
            ("", depth) => format!("<w:ind w:left=\"{}\"/>", depth * INDENT),
            (number, _) => number.to_owned(),
        };
        match block {
            Block::Heading(level, spans) => self.paragraph(&format!("Heading{level}"), spans, &indent),
            Block::Paragraph(spans) => {
                let style = if depth == 0 { "BodyText" } else { "ListParagraph" };
                self.paragraph(style, spans, &indent);
            }
            Block::Code(text) => {
                let span = Span { text: text.clone(), style: Style::default() };
                self.paragraph("SourceCode", &[span], &indent);
            }
            Block::Quote(blocks) => {
                for block in blocks {
                    match block {
                        Block::Paragraph(spans) => {
                            let indent = format!("<w:ind w:left=\"{}\"/>", (depth + 1) * INDENT);
                            self.paragraph("Quote", spans, &indent);
                        }
                        other => self.block(other, depth + 1, ""),
                    }
                }
            }
            Block::List { start, items } => self.list(*start, items, depth),
            Block::Table { head, rows } => self.table(head, rows),
            Block::Rule => self.out.push_str(
                "<w:p><w:pPr><w:pBdr><w:bottom w:val=\"single\" w:sz=\"6\" w:space=\"1\" w:color=\"808080\"/></w:pBdr></w:pPr></w:p>",
            ),
        }
    }

    fn list(&mut self, start: Option<u64>, items: &[Vec<Block>], depth: usize) {
        let level = depth.min(LEVELS - 1);
        let id = match start {
            None => BULLETS,
            Some(start) => {
                self.starts.push((start, level));
                BULLETS + self.starts.len()
            }
        };
        let number = format!("<w:numPr><w:ilvl w:val=\"{level}\"/><w:numId w:val=\"{id}\"/></w:numPr>");
        for item in items {
            // An item that begins with a list or a table still has its sign.
            let begins_with_text = matches!(item.first(), Some(Block::Paragraph(_) | Block::Heading(..)));
            let (first, rest) = item.split_at(usize::from(begins_with_text));
            match first.first() {
                Some(block) => self.block(block, depth + 1, &number),
                None => self.paragraph("ListParagraph", &[], &number),
            }
            self.blocks(rest, depth + 1);
        }
    }

    fn table(&mut self, head: &[Vec<Span>], rows: &[Vec<Vec<Span>>]) {
        let count = rows.iter().map(Vec::len).chain([head.len()]).max().unwrap_or_default().max(1);
        let width = TEXT_WIDTH / count;
        self.out.push_str("<w:tbl><w:tblPr><w:tblStyle w:val=\"AnswerTable\"/>");
        self.out.push_str(&format!("<w:tblW w:w=\"{TEXT_WIDTH}\" w:type=\"dxa\"/>"));
        self.out.push_str("<w:tblLook w:val=\"0020\" w:firstRow=\"1\" w:lastRow=\"0\" w:firstColumn=\"0\" w:lastColumn=\"0\" w:noHBand=\"1\" w:noVBand=\"1\"/>");
        self.out.push_str("</w:tblPr><w:tblGrid>");
        for _ in 0..count {
            self.out.push_str(&format!("<w:gridCol w:w=\"{width}\"/>"));
        }
        self.out.push_str("</w:tblGrid>");
        self.row(head, count, width, true);
        for row in rows {
            self.row(row, count, width, false);
        }
        // Word wants a paragraph behind a table.
        self.out.push_str("</w:tbl><w:p><w:pPr><w:spacing w:after=\"0\"/></w:pPr></w:p>");
    }

    fn row(&mut self, cells: &[Vec<Span>], count: usize, width: usize, is_head: bool) {
        self.out.push_str("<w:tr><w:trPr><w:cantSplit/>");
        if is_head {
            self.out.push_str("<w:tblHeader/>");
        }
        self.out.push_str("</w:trPr>");
        for place in 0..count {
            let cell = cells.get(place).map(Vec::as_slice).unwrap_or_default();
            self.out.push_str(&format!("<w:tc><w:tcPr><w:tcW w:w=\"{width}\" w:type=\"dxa\"/></w:tcPr>"));
            self.paragraph("TableText", cell, "");
            self.out.push_str("</w:tc>");
        }
        self.out.push_str("</w:tr>");
    }

    /// `properties` stand behind the style, in the order of the schema: numbering or indentation.
    fn paragraph(&mut self, style: &str, spans: &[Span], properties: &str) {
        self.out.push_str(&format!("<w:p><w:pPr><w:pStyle w:val=\"{style}\"/>{properties}</w:pPr>"));
        for span in spans {
            run(&mut self.out, span);
        }
        self.out.push_str("</w:p>");
    }
}

fn run(out: &mut String, span: &Span) {
    let Style { is_bold, is_italic, is_code, is_struck } = span.style;
    out.push_str("<w:r>");
    if span.style != Style::default() {
        out.push_str("<w:rPr>");
        for (is, tag) in [
            (is_code, "<w:rStyle w:val=\"CodeText\"/>"),
            (is_bold, "<w:b/>"),
            (is_italic, "<w:i/>"),
            (is_struck, "<w:strike/>"),
        ] {
            if is {
                out.push_str(tag);
            }
        }
        out.push_str("</w:rPr>");
    }
    for (place, line) in span.text.split('\n').enumerate() {
        if place > 0 {
            out.push_str("<w:br/>");
        }
        for (place, piece) in line.split('\t').enumerate() {
            if place > 0 {
                out.push_str("<w:tab/>");
            }
            if !piece.is_empty() {
                out.push_str("<w:t xml:space=\"preserve\">");
                escape(out, piece);
                out.push_str("</w:t>");
            }
        }
    }
    out.push_str("</w:r>");
}

/// Text for XML 1.0, which has no place for most control characters.
fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{FFFE}' | '\u{FFFF}' => {}
            other if other.is_control() && !matches!(other, '\t' | '\n') => {}
            other => out.push(other),
        }
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape(&mut out, text);
    out
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

fn content_types() -> String {
    let part = |name: &str, kind: &str| format!("<Override PartName=\"{name}\" ContentType=\"{kind}\"/>");
    let word = |name: &str| {
        part(&format!("/word/{name}.xml"), &format!("{MEDIA}.wordprocessingml.{}+xml", kind_of(name)))
    };
    let words: String =
        ["document", "styles", "numbering", "settings", "header1", "footer1"].map(word).concat();
    format!(
        "{DECLARATION}<Types xmlns=\"{PACKAGE}/content-types\">\
         <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/>{words}{}{}{}</Types>",
        part("/docProps/core.xml", "application/vnd.openxmlformats-package.core-properties+xml"),
        part("/docProps/app.xml", &format!("{MEDIA}.extended-properties+xml")),
        part("/docProps/custom.xml", &format!("{MEDIA}.custom-properties+xml")),
    )
}

fn kind_of(name: &str) -> &str {
    match name {
        "document" => "document.main",
        "header1" => "header",
        "footer1" => "footer",
        other => other,
    }
}

fn relations(rows: &[(&str, String)]) -> String {
    let rows = rows.iter().enumerate().map(|(place, (target, kind))| {
        format!("<Relationship Id=\"rId{}\" Type=\"{kind}\" Target=\"{target}\"/>", place + 1)
    });
    format!(
        "{DECLARATION}<Relationships xmlns=\"{PACKAGE}/relationships\">{}</Relationships>",
        rows.collect::<String>()
    )
}

fn package_relations() -> String {
    relations(&[
        ("word/document.xml", format!("{OFFICE}/relationships/officeDocument")),
        ("docProps/core.xml", format!("{PACKAGE}/relationships/metadata/core-properties")),
        ("docProps/app.xml", format!("{OFFICE}/relationships/extended-properties")),
        ("docProps/custom.xml", format!("{OFFICE}/relationships/custom-properties")),
    ])
}

/// The header is `rId1` and the footer `rId2`; the document names them.
fn document_relations() -> String {
    let names = ["header", "footer", "styles", "numbering", "settings"];
    let targets = ["header1.xml", "footer1.xml", "styles.xml", "numbering.xml", "settings.xml"];
    let rows: Vec<_> = targets
        .into_iter()
        .zip(names)
        .map(|(target, name)| (target, format!("{OFFICE}/relationships/{name}")))
        .collect();
    relations(&rows)
}

fn core_properties(sheet: &Sheet) -> String {
    format!(
        "{DECLARATION}<cp:coreProperties xmlns:cp=\"{PACKAGE}/metadata/core-properties\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:dcterms=\"http://purl.org/dc/terms/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><dc:title>{}</dc:title><dc:creator>Schleuse</dc:creator>\
         <cp:keywords>{}</cp:keywords><dc:language>{}</dc:language>\
         <dcterms:created xsi:type=\"dcterms:W3CDTF\">{}</dcterms:created></cp:coreProperties>",
        escaped(&sheet.title),
        escaped(&sheet.label),
        sheet.language_tag(),
        escaped(&sheet.made),
    )
}

fn app_properties() -> String {
    format!(
        "{DECLARATION}<Properties xmlns=\"{OFFICE}/extended-properties\"><Application>Schleuse</Application></Properties>"
    )
}

/// The label and what the footer says, each by itself, for programs that look after labels.
fn custom_properties(sheet: &Sheet) -> String {
    let label = [("Label", sheet.label.as_str())].into_iter();
    let facts = sheet.facts.iter().map(|fact| (fact.property, fact.value.as_str()));
    let rows = label.chain(facts).enumerate().map(|(place, (name, value))| {
        format!(
            "<property fmtid=\"{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}\" pid=\"{}\" name=\"{name}\"><vt:lpwstr>{}</vt:lpwstr></property>",
            place + 2,
            escaped(value)
        )
    });
    format!(
        "{DECLARATION}<Properties xmlns=\"{OFFICE}/custom-properties\" xmlns:vt=\"{OFFICE}/docPropsVTypes\">{}</Properties>",
        rows.collect::<String>()
    )
}

fn document(body: &str) -> String {
    format!(
        "{DECLARATION}<w:document xmlns:w=\"{W}\" xmlns:r=\"{OFFICE}/relationships\"><w:body>{body}<w:sectPr>\
         <w:headerReference w:type=\"default\" r:id=\"rId1\"/><w:footerReference w:type=\"default\" r:id=\"rId2\"/>\
         <w:pgSz w:w=\"11906\" w:h=\"16838\"/>\
         <w:pgMar w:top=\"1418\" w:right=\"1134\" w:bottom=\"1418\" w:left=\"1134\" w:header=\"567\" w:footer=\"567\" w:gutter=\"0\"/>\
         </w:sectPr></w:body></w:document>"
    )
}

fn header(sheet: &Sheet) -> String {
    format!(
        "{DECLARATION}<w:hdr xmlns:w=\"{W}\"><w:p><w:pPr><w:pStyle w:val=\"Header\"/></w:pPr><w:r><w:rPr><w:b/></w:rPr>\
         <w:t xml:space=\"preserve\">{}</w:t></w:r></w:p></w:hdr>",
        escaped(&sheet.label)
    )
}

fn footer(sheet: &Sheet) -> String {
    let text = |text: &str| format!("<w:r><w:t xml:space=\"preserve\">{}</w:t></w:r>", escaped(text));
    let field =
        |name: &str| format!("<w:fldSimple w:instr=\" {name} \"><w:r><w:t>1</w:t></w:r></w:fldSimple>");
    let [page, of] = sheet.page_words();
    format!(
        "{DECLARATION}<w:ftr xmlns:w=\"{W}\"><w:p><w:pPr><w:pStyle w:val=\"Footer\"/></w:pPr>{}</w:p>\
         <w:p><w:pPr><w:pStyle w:val=\"Footer\"/></w:pPr>{}{}{}{}</w:p></w:ftr>",
        text(&sheet.footer()),
        text(page),
        field("PAGE"),
        text(of),
        field("NUMPAGES"),
    )
}

fn settings(language: &str) -> String {
    format!("{DECLARATION}<w:settings xmlns:w=\"{W}\"><w:themeFontLang w:val=\"{language}\"/></w:settings>")
}

fn numbering(starts: &[(u64, usize)]) -> String {
    let level = |level: usize, format: &str, text: &str, font: &str| {
        format!(
            "<w:lvl w:ilvl=\"{level}\"><w:start w:val=\"1\"/><w:numFmt w:val=\"{format}\"/><w:lvlText w:val=\"{text}\"/>\
             <w:lvlJc w:val=\"left\"/><w:pPr><w:ind w:left=\"{}\" w:hanging=\"{INDENT}\"/></w:pPr>{font}</w:lvl>",
            (level + 1) * INDENT
        )
    };
    let bullets: String =
        (0..LEVELS).map(|depth| level(depth, "bullet", if depth % 2 == 0 { "•" } else { "–" }, "")).collect();
    let numbers: String =
        (0..LEVELS).map(|depth| level(depth, "decimal", &format!("%{}.", depth + 1), "")).collect();
    let lists = starts.iter().enumerate().map(|(place, (start, level))| {
        format!(
            "<w:num w:numId=\"{}\"><w:abstractNumId w:val=\"2\"/><w:lvlOverride w:ilvl=\"{level}\">\
             <w:startOverride w:val=\"{start}\"/></w:lvlOverride></w:num>",
            BULLETS + place + 1
        )
    });
    format!(
        "{DECLARATION}<w:numbering xmlns:w=\"{W}\">\
         <w:abstractNum w:abstractNumId=\"1\"><w:multiLevelType w:val=\"hybridMultilevel\"/>{bullets}</w:abstractNum>\
         <w:abstractNum w:abstractNumId=\"2\"><w:multiLevelType w:val=\"multilevel\"/>{numbers}</w:abstractNum>\
         <w:num w:numId=\"{BULLETS}\"><w:abstractNumId w:val=\"1\"/></w:num>{}</w:numbering>",
        lists.collect::<String>()
    )
}

fn styles(language: &str) -> String {
    let style = |id: &str, name: &str, based: &str, paragraph: &str, run: &str| {
        format!(
            "<w:style w:type=\"paragraph\" w:styleId=\"{id}\"><w:name w:val=\"{name}\"/>{}<w:qFormat/>\
             <w:pPr>{paragraph}</w:pPr><w:rPr>{run}</w:rPr></w:style>",
            if based.is_empty() { String::new() } else { format!("<w:basedOn w:val=\"{based}\"/>") }
        )
    };
    let sizes = [32, 28, 25, 23, 22, 22];
    let headings: String = sizes
        .into_iter()
        .zip(1..)
        .map(|(size, level)| {
            style(
                &format!("Heading{level}"),
                &format!("heading {level}"),
                "Normal",
                &format!(
                    "<w:keepNext/><w:keepLines/><w:spacing w:before=\"280\" w:after=\"100\"/><w:outlineLvl w:val=\"{}\"/>",
                    level - 1
                ),
                &format!("<w:b/><w:sz w:val=\"{size}\"/>"),
            )
        })
        .collect();
    let rest: String = [
        style("Title", "Title", "Normal", "<w:spacing w:after=\"240\"/>", "<w:b/><w:sz w:val=\"40\"/>"),
        style("BodyText", "Body Text", "Normal", "", ""),
        style("ListParagraph", "List Paragraph", "Normal", "<w:spacing w:after=\"60\"/>", ""),
        style(
            "Quote",
            "Quote",
            "Normal",
            "<w:pBdr><w:left w:val=\"single\" w:sz=\"12\" w:space=\"8\" w:color=\"808080\"/></w:pBdr>",
            "<w:color w:val=\"404040\"/>",
        ),
        style(
            "SourceCode",
            "Source Code",
            "Normal",
            "<w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"F2F2F2\"/><w:spacing w:line=\"240\" w:lineRule=\"auto\"/>",
            "<w:rFonts w:ascii=\"Consolas\" w:hAnsi=\"Consolas\" w:cs=\"Consolas\"/><w:noProof/><w:sz w:val=\"19\"/>",
        ),
        style("TableText", "Table Text", "Normal", "<w:spacing w:before=\"40\" w:after=\"40\"/>", ""),
        style("Header", "header", "Normal", "<w:spacing w:after=\"0\"/>", "<w:sz w:val=\"18\"/>"),
        style("Footer", "footer", "Normal", "<w:spacing w:after=\"0\"/>", "<w:color w:val=\"404040\"/><w:sz w:val=\"16\"/>"),
    ]
    .concat();
    let border =
        |side: &str| format!("<w:{side} w:val=\"single\" w:sz=\"4\" w:space=\"0\" w:color=\"808080\"/>");
    let borders = ["top", "left", "bottom", "right", "insideH", "insideV"].map(border).concat();
    format!(
        "{DECLARATION}<w:styles xmlns:w=\"{W}\"><w:docDefaults><w:rPrDefault><w:rPr>\
         <w:rFonts w:ascii=\"Calibri\" w:hAnsi=\"Calibri\" w:cs=\"Calibri\"/><w:sz w:val=\"22\"/><w:lang w:val=\"{language}\"/>\
         </w:rPr></w:rPrDefault><w:pPrDefault><w:pPr><w:spacing w:after=\"120\" w:line=\"276\" w:lineRule=\"auto\"/></w:pPr>\
         </w:pPrDefault></w:docDefaults>\
         <w:style w:type=\"paragraph\" w:default=\"1\" w:styleId=\"Normal\"><w:name w:val=\"Normal\"/><w:qFormat/></w:style>\
         {headings}{rest}\
         <w:style w:type=\"character\" w:styleId=\"CodeText\"><w:name w:val=\"Code Text\"/><w:rPr>\
         <w:rFonts w:ascii=\"Consolas\" w:hAnsi=\"Consolas\" w:cs=\"Consolas\"/><w:noProof/></w:rPr></w:style>\
         <w:style w:type=\"table\" w:default=\"1\" w:styleId=\"TableNormal\"><w:name w:val=\"Normal Table\"/><w:tblPr>\
         <w:tblCellMar><w:left w:w=\"108\" w:type=\"dxa\"/><w:right w:w=\"108\" w:type=\"dxa\"/></w:tblCellMar></w:tblPr></w:style>\
         <w:style w:type=\"table\" w:styleId=\"AnswerTable\"><w:name w:val=\"Answer Table\"/><w:basedOn w:val=\"TableNormal\"/>\
         <w:tblPr><w:tblBorders>{borders}</w:tblBorders></w:tblPr><w:tblStylePr w:type=\"firstRow\"><w:rPr><w:b/></w:rPr>\
         <w:tcPr><w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"E7E7E7\"/></w:tcPr></w:tblStylePr></w:style></w:styles>"
    )
}

/// A ZIP archive in memory (APPNOTE 6.3.10): deflated members, no dates, no extra fields.
#[derive(Default)]
struct Zip {
    out: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
}

/// 1 January 1980, the earliest date that an archive can say.
const NO_DATE: [u8; 4] = [0, 0, 0x21, 0];

impl Zip {
    fn add(&mut self, name: &str, text: &str) -> std::io::Result<()> {
        let mut crc = Crc::new();
        crc.update(text.as_bytes());
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes())?;
        let packed = encoder.finish()?;
        let short = |number: usize| u16::try_from(number).map_err(std::io::Error::other);
        let long = |number: usize| u32::try_from(number).map_err(std::io::Error::other);
        // Version 2.0, names in UTF-8, deflated.
        let mut common = vec![20, 0, 0, 8, 8, 0];
        common.extend(NO_DATE);
        common.extend(crc.sum().to_le_bytes());
        common.extend(long(packed.len())?.to_le_bytes());
        common.extend(long(text.len())?.to_le_bytes());
        common.extend(short(name.len())?.to_le_bytes());
        common.extend([0, 0]);
        let at = long(self.out.len())?;
        self.out.extend(b"PK\x03\x04");
        self.out.extend(&common);
        self.out.extend(name.as_bytes());
        self.out.extend(packed);
        self.directory.extend(b"PK\x01\x02\x14\x00");
        self.directory.extend(&common);
        // No comment, first disk, no attributes.
        self.directory.extend([0; 10]);
        self.directory.extend(at.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    fn finish(self) -> Vec<u8> {
        let Self { mut out, directory, count } = self;
        let at = u32::try_from(out.len()).unwrap_or(u32::MAX);
        let length = u32::try_from(directory.len()).unwrap_or(u32::MAX);
        out.extend(directory);
        out.extend(b"PK\x05\x06\0\0\0\0");
        out.extend(count.to_le_bytes());
        out.extend(count.to_le_bytes());
        out.extend(length.to_le_bytes());
        out.extend(at.to_le_bytes());
        out.extend([0, 0]);
        out
    }
}
