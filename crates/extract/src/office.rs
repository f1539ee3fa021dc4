//! What office documents have in common (ECMA-376): parts told apart by their content types, relations between them, and
//! properties of the whole.

use std::collections::HashMap;

use crate::archive::Archive;
use crate::document::{Extracted, Kind, Rejected, Scroll, What};
use crate::xml::{Piece, walk};
use crate::{sheets, slides, words};

/// Longest part that only describes, in bytes.
const SIDE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The parts of a document by what they are.
pub(crate) struct Parts<'a> {
    pub(crate) archive: Archive<'a>,
    /// The end of the content type, such as `wordprocessingml.header+xml`, and the names of its parts.
    by_type: HashMap<String, Vec<String>>,
}

impl<'a> Parts<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, Rejected> {
        let archive = Archive::open(bytes)?;
        let types = archive.part("[Content_Types].xml")?.ok_or(Rejected::Archive)?;
        let mut by_type: HashMap<String, Vec<String>> = HashMap::new();
        walk(&types, |piece| {
            if let Piece::Open(tag) = piece
                && tag.name() == "Override"
                && let (Some(name), Some(kind)) = (tag.attribute("PartName"), tag.attribute("ContentType"))
            {
                let name = name.trim_start_matches('/').to_owned();
                let kind = kind.to_ascii_lowercase();
                let short = kind.rsplit_once('/').map_or(kind.as_str(), |(_, short)| short);
                let short = short.trim_start_matches("vnd.openxmlformats-officedocument.");
                by_type.entry(short.to_owned()).or_default().push(name);
            }
            Ok(true)
        })?;
        Ok(Self { archive, by_type })
    }

    /// The parts of this type, in the order in which the document names them.
    pub(crate) fn of_type(&self, kind: &str) -> &[String] {
        self.by_type.get(kind).map(Vec::as_slice).unwrap_or_default()
    }

    /// The relations of a part: id to target, those inside only. What leads outside is a fact.
    pub(crate) fn relations(
        &self,
        part: &str,
        scroll: &mut Scroll,
    ) -> Result<HashMap<String, Relation>, Rejected> {
        let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
        let name = match folder {
            "" => format!("_rels/{file}.rels"),
            folder => format!("{folder}/_rels/{file}.rels"),
        };
        let mut relations = HashMap::new();
        let Some(bytes) = self.archive.part(&name)? else { return Ok(relations) };
        walk(&bytes, |piece| {
            let Piece::Open(tag) = piece else { return Ok(true) };
            let (Some(id), Some(target)) = (tag.attribute("Id"), tag.attribute("Target")) else {
                return Ok(true);
            };
            if tag.attribute("TargetMode").is_some_and(|mode| mode.eq_ignore_ascii_case("external")) {
                scroll.omit(What::OutsideLinks);
                scroll.fact(None, &target);
                return Ok(true);
            }
            let kind = tag.attribute("Type").unwrap_or_default();
            let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
            relations.insert(id, Relation { kind, target: resolve(folder, &target) });
            Ok(true)
        })?;
        Ok(relations)
    }
}

/// Where a part leads.
pub(crate) struct Relation {
    /// The last word of its type: `slide`, `notesSlide`, `comments`.
    pub(crate) kind: String,
    pub(crate) target: String,
}

/// A target as the name of a part. What leads outside is no part, and nothing is found under it.
fn resolve(folder: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut steps: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
    for step in target.split('/') {
        match step {
            ".." => drop(steps.pop()),
            "." | "" => {}
            step => steps.push(step),
        }
    }
    steps.join("/")
}

/// The main parts that there are: the type of their content, what that makes of the document, and whether it has macros.
const MAIN: [(&str, Kind, bool); 13] = [
    ("wordprocessingml.document.main+xml", Kind::Docx, false),
    ("wordprocessingml.template.main+xml", Kind::Docx, false),
    ("vnd.ms-word.document.macroenabled.main+xml", Kind::Docx, true),
    ("vnd.ms-word.template.macroenabledtemplate.main+xml", Kind::Docx, true),
    ("spreadsheetml.sheet.main+xml", Kind::Xlsx, false),
    ("spreadsheetml.template.main+xml", Kind::Xlsx, false),
    ("vnd.ms-excel.sheet.macroenabled.main+xml", Kind::Xlsx, true),
    ("vnd.ms-excel.template.macroenabled.main+xml", Kind::Xlsx, true),
    ("presentationml.presentation.main+xml", Kind::Pptx, false),
    ("presentationml.slideshow.main+xml", Kind::Pptx, false),
    ("presentationml.template.main+xml", Kind::Pptx, false),
    ("vnd.ms-powerpoint.presentation.macroenabled.main+xml", Kind::Pptx, true),
    ("vnd.ms-powerpoint.slideshow.macroenabled.main+xml", Kind::Pptx, true),
];

/// Endings of names that such documents have: without macros, and with.
fn endings(kind: Kind) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        Kind::Docx => (&["docx", "dotx"], &["docm", "dotm"]),
        Kind::Xlsx => (&["xlsx", "xltx"], &["xlsm", "xltm"]),
        _ => (&["pptx", "ppsx", "potx"], &["pptm", "ppsm", "potm"]),
    }
}

/// Reads an office document; `extension` is the ending of its name in small letters.
pub(crate) fn read(bytes: &[u8], extension: &str) -> Result<Extracted, Rejected> {
    let parts = Parts::open(bytes)?;
    let found = MAIN
        .iter()
        .find_map(|(kind, is, has_macros)| Some((parts.of_type(kind).first()?.clone(), *is, *has_macros)));
    // Any other package: an archive for us.
    let (main, kind, has_macros) = found.ok_or(Rejected::Archive)?;
    let (plain, with_macros) = endings(kind);
    let fitting = if has_macros { with_macros } else { plain };
    if !extension.is_empty() && !fitting.contains(&extension) {
        return Err(Rejected::Lies);
    }
    let mut scroll = Scroll::default();
    match kind {
        Kind::Docx => words::read(&parts, &main, &mut scroll)?,
        Kind::Xlsx => sheets::read(&parts, &main, &mut scroll)?,
        _ => slides::read(&parts, &main, &mut scroll)?,
    }
    read_properties(&parts, &mut scroll)?;
    name_others(&parts, &mut scroll);
    Ok(scroll.finish(kind))
}

/// Title, keywords, own properties such as the labels of Microsoft Purview, and what else describes the document.
fn read_properties(parts: &Parts<'_>, scroll: &mut Scroll) -> Result<(), Rejected> {
    let own = "custom-properties+xml";
    for kind in ["vnd.openxmlformats-package.core-properties+xml", "extended-properties+xml", own] {
        for part in parts.of_type(kind) {
            let Some(bytes) = parts.archive.part(part)? else { continue };
            let mut name: Option<String> = None;
            walk(&bytes, |piece| {
                match piece {
                    Piece::Open(tag) if tag.name() == "property" => name = tag.attribute("name"),
                    Piece::Close("property") => name = None,
                    Piece::Text(text) => describe(name.as_deref(), &text, scroll),
                    _ => {}
                }
                Ok(true)
            })?;
        }
    }
    let has_names = scroll_has_label(parts)?;
    for part in parts.archive.names() {
        let small = part.to_ascii_lowercase();
        if small.starts_with("docmetadata/") && small.ends_with(".xml") {
            let Some(bytes) = parts.archive.part(part)? else { continue };
            let mut labels = 0;
            walk(&bytes, |piece| {
                if let Piece::Open(tag) = piece
                    && tag.name() == "label"
                    && tag.attribute("removed").as_deref() != Some("1")
                {
                    labels += 1;
                }
                Ok(true)
            })?;
            if !has_names {
                scroll.omit_many(What::NamelessLabel, labels);
            }
        } else if small.starts_with("customxml/item") && small.ends_with(".xml") {
            // What programs keep with a document: described as it stands, as far as it is XML.
            let Some(bytes) = parts.archive.part(part)?.filter(|bytes| bytes.len() <= SIDE_BYTES_MAX) else {
                continue;
            };
            walk(&bytes, |piece| {
                if let Piece::Text(text) = piece {
                    scroll.fact(None, &text);
                }
                Ok(true)
            })?;
        }
    }
    Ok(())
}

/// Whether the document's own properties name its label.
fn scroll_has_label(parts: &Parts<'_>) -> Result<bool, Rejected> {
    let mut has = false;
    for part in parts.of_type("custom-properties+xml") {
        let Some(bytes) = parts.archive.part(part)? else { continue };
        walk(&bytes, |piece| {
            if let Piece::Open(tag) = piece
                && let Some(name) = tag.attribute("name")
            {
                has |= name.starts_with("MSIP_Label_") && name.ends_with("_Name");
            }
            Ok(!has)
        })?;
    }
    Ok(has)
}

/// A property. What has a name of its own keeps it; values of keywords stand on lines of their own, as markings do.
pub(crate) fn describe(name: Option<&str>, value: &str, scroll: &mut Scroll) {
    match name {
        Some(name) => scroll.fact(Some(name), value),
        None => value.split([',', ';', '\n']).for_each(|value| scroll.fact(None, value)),
    }
}

/// Tells what else is in the package and was not opened.
fn name_others(parts: &Parts<'_>, scroll: &mut Scroll) {
    for name in parts.archive.names() {
        let name = name.to_ascii_lowercase();
        if name.ends_with('/') {
            continue;
        }
        if name.ends_with("vbaproject.bin") || name.contains("/macrosheets/") || name.ends_with("vbadata.xml")
        {
            scroll.omit(What::Macros);
        } else if name.contains("/embeddings/") || name.ends_with(".zip") {
            scroll.omit(What::EmbeddedFiles);
        } else if name.contains("/media/") {
            scroll.omit(What::Pictures);
        } else if name.contains("/activex/") || name.contains("/ctrlprops/") {
            scroll.omit(What::Controls);
        } else if name.contains("/externallinks/") && !name.contains("/_rels/") {
            scroll.omit(What::OutsideLinks);
        } else if name.contains("/webextensions/") {
            scroll.omit(What::Scripts);
        }
    }
}
