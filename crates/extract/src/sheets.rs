//! Workbooks: the values of cells, sheet by sheet and row by row, with comments, drawings, headers and what is hidden.

use std::collections::HashMap;

use crate::calendar::{is_date_format, written};
use crate::document::{PlaceKind, Rejected, Scroll, What};
use crate::office::Parts;
use crate::words::Body;
use crate::xml::{Piece, Tag, walk};

/// Empty cells that are kept between two that are not.
const GAP_MAX: u32 = 32;
/// Most different texts of a workbook.
const STRINGS_MAX: usize = 2_000_000;

struct Sheet {
    name: String,
    part: String,
    is_hidden: bool,
}

pub(crate) fn read(parts: &Parts<'_>, main: &str, scroll: &mut Scroll) -> Result<(), Rejected> {
    let bytes = parts.archive.part(main)?.ok_or(Rejected::Damaged)?;
    let relations = parts.relations(main, scroll)?;
    let mut sheets = Vec::new();
    let mut is_1904 = false;
    walk(&bytes, |piece| {
        let Piece::Open(tag) = piece else { return Ok(true) };
        if tag.name() == "workbookPr" {
            is_1904 = matches!(tag.attribute("date1904").as_deref(), Some("1" | "true"));
        }
        if tag.name() == "sheet"
            && let Some(relation) = tag.attributes("id").iter().find_map(|id| relations.get(id))
        {
            sheets.push(Sheet {
                name: tag.attribute("name").unwrap_or_default(),
                part: relation.target.clone(),
                is_hidden: tag.attribute("state").is_some_and(|state| state != "visible"),
            });
        }
        Ok(true)
    })?;
    let strings = read_strings(parts)?;
    let dates = read_date_styles(parts)?;
    scroll.pages = u32::try_from(sheets.len()).ok();
    for (number, sheet) in (1..).zip(&sheets) {
        if scroll.is_full() {
            return Ok(());
        }
        let Some(bytes) = parts.archive.part(&sheet.part)? else { continue };
        scroll.begin(PlaceKind::Sheet, Some(number), Some(&sheet.name));
        scroll.push(&sheet.name);
        scroll.push("\n");
        if sheet.is_hidden {
            scroll.omit(What::HiddenSheets);
        }
        let mut reading = Reading { strings: &strings, dates: &dates, is_1904, ..Reading::new() };
        walk(&bytes, |piece| Ok(reading.take(piece, scroll)))?;
        scroll.end_line();
        let mut beside: Vec<_> = parts.relations(&sheet.part, scroll)?.into_values().collect();
        beside.sort_by(|a, b| a.target.cmp(&b.target));
        for relation in beside {
            let is_text = ["comments", "threadedComment", "drawing"].contains(&relation.kind.as_str());
            let Some(bytes) = parts.archive.part(&relation.target)?.filter(|_| is_text) else { continue };
            scroll.end_line();
            let mut is_threaded = false;
            let mut body = Body::default();
            walk(&bytes, |piece| match piece {
                Piece::Open(tag) if tag.name() == "threadedComment" => Ok(true),
                Piece::Open(tag) if tag.name() == "text" && relation.kind == "threadedComment" => {
                    is_threaded = true;
                    Ok(true)
                }
                Piece::Close("text") => {
                    is_threaded = false;
                    scroll.push("\n");
                    Ok(true)
                }
                Piece::Text(text) if is_threaded => {
                    scroll.push(&text);
                    Ok(true)
                }
                piece => Ok(body.take(piece, scroll)),
            })?;
        }
    }
    for part in parts.of_type("drawingml.chart+xml") {
        let Some(bytes) = parts.archive.part(part)? else { continue };
        scroll.begin(PlaceKind::Beside, None, None);
        let mut body = Body::default();
        walk(&bytes, |piece| Ok(body.take(piece, scroll)))?;
    }
    Ok(())
}

/// Texts that cells refer to by number.
fn read_strings(parts: &Parts<'_>) -> Result<Vec<Box<str>>, Rejected> {
    let mut strings = Vec::new();
    for part in parts.of_type("spreadsheetml.sharedstrings+xml") {
        let Some(bytes) = parts.archive.part(part)? else { continue };
        let (mut text, mut is_text, mut is_reading_aid) = (String::new(), false, false);
        walk(&bytes, |piece| {
            match piece {
                Piece::Open(tag) if tag.name() == "t" => is_text = true,
                Piece::Close("t") => is_text = false,
                Piece::Open(tag) if tag.name() == "rPh" => is_reading_aid = true,
                Piece::Close("rPh") => is_reading_aid = false,
                Piece::Text(piece) if is_text && !is_reading_aid => text.push_str(&piece),
                Piece::Close("si") => {
                    if strings.len() >= STRINGS_MAX {
                        return Err(Rejected::TooManyParts);
                    }
                    strings.push(std::mem::take(&mut text).into_boxed_str());
                }
                _ => {}
            }
            Ok(true)
        })?;
    }
    Ok(strings)
}

/// For each style of a cell, whether its number is shown as a date.
fn read_date_styles(parts: &Parts<'_>) -> Result<Vec<bool>, Rejected> {
    let mut styles = Vec::new();
    for part in parts.of_type("spreadsheetml.styles+xml") {
        let Some(bytes) = parts.archive.part(part)? else { continue };
        let mut own: HashMap<u32, bool> = HashMap::new();
        let mut is_of_cells = false;
        walk(&bytes, |piece| {
            match piece {
                Piece::Open(tag) if tag.name() == "numFmt" => {
                    if let (Some(id), Some(code)) = (number(&tag, "numFmtId"), tag.attribute("formatCode")) {
                        own.insert(id, is_date_format(&code));
                    }
                }
                Piece::Open(tag) if tag.name() == "cellXfs" => is_of_cells = true,
                Piece::Close("cellXfs") => is_of_cells = false,
                Piece::Open(tag) if tag.name() == "xf" && is_of_cells => {
                    let id = number(&tag, "numFmtId").unwrap_or_default();
                    // ECMA-376 part 1, section 18.8.30: these are dates in every language.
                    let is_known = matches!(id, 14..=22 | 27..=36 | 45..=47 | 50..=58);
                    styles.push(own.get(&id).copied().unwrap_or(is_known));
                }
                _ => {}
            }
            Ok(true)
        })?;
    }
    Ok(styles)
}

fn number(tag: &Tag<'_>, name: &str) -> Option<u32> {
    tag.attribute(name)?.parse().ok()
}

/// Where the reading of a sheet stands.
struct Reading<'a> {
    strings: &'a [Box<str>],
    dates: &'a [bool],
    is_1904: bool,
    /// Of the cell: its type, its style, what it holds so far.
    kind: String,
    style: usize,
    value: String,
    is_value: bool,
    is_margin: bool,
    margin: String,
    /// The column of the last cell of this row that held something.
    column: u32,
    is_first: bool,
}

impl<'a> Reading<'a> {
    fn new() -> Self {
        Self {
            strings: &[],
            dates: &[],
            is_1904: false,
            kind: String::new(),
            style: 0,
            value: String::new(),
            is_value: false,
            is_margin: false,
            margin: String::new(),
            column: 0,
            is_first: true,
        }
    }

    fn take(&mut self, piece: Piece<'_>, scroll: &mut Scroll) -> bool {
        match piece {
            Piece::Open(tag) => self.open(&tag, scroll),
            Piece::Text(text) if self.is_value => self.value.push_str(&text),
            Piece::Text(text) if self.is_margin => self.margin.push_str(&text),
            Piece::Text(_) => {}
            Piece::Close(name) => match name {
                "v" | "t" => self.is_value = false,
                "c" => self.end_cell(scroll),
                "row" => scroll.end_line(),
                name if is_margin(name) => {
                    self.is_margin = false;
                    tell_margin(&std::mem::take(&mut self.margin), scroll);
                }
                _ => {}
            },
        }
        !scroll.is_full()
    }

    fn open(&mut self, tag: &Tag<'_>, scroll: &mut Scroll) {
        match tag.name() {
            "row" => {
                self.column = 0;
                self.is_first = true;
                if matches!(tag.attribute("hidden").as_deref(), Some("1" | "true")) {
                    scroll.omit(What::HiddenRows);
                }
            }
            "col" if matches!(tag.attribute("hidden").as_deref(), Some("1" | "true")) => {
                scroll.omit(What::HiddenRows);
            }
            "c" => {
                self.kind = tag.attribute("t").unwrap_or_default();
                self.style = tag.attribute("s").and_then(|style| style.parse().ok()).unwrap_or_default();
                self.value.clear();
                let column = tag.attribute("r").map(|place| column(&place)).unwrap_or(self.column + 1);
                if self.is_first {
                    self.column = column;
                } else {
                    let gap = column.saturating_sub(self.column).clamp(1, GAP_MAX);
                    (0..gap).for_each(|_| scroll.push("\t"));
                    self.column = column;
                }
                self.is_first = false;
            }
            "v" | "t" => self.is_value = true,
            name if is_margin(name) => self.is_margin = true,
            _ => {}
        }
    }

    fn end_cell(&mut self, scroll: &mut Scroll) {
        let value = std::mem::take(&mut self.value);
        match self.kind.as_str() {
            "s" => {
                let at = value.trim().parse::<usize>().ok();
                let text = at.and_then(|at| self.strings.get(at));
                // A line end in a cell would look like a new row.
                scroll.push(&text.map(|text| text.replace('\n', " ")).unwrap_or_default());
            }
            "b" => scroll.push(if value.trim() == "1" { "TRUE" } else { "FALSE" }),
            "" | "n" if self.dates.get(self.style).copied().unwrap_or_default() => {
                match value.trim().parse().ok().and_then(|days| written(days, self.is_1904)) {
                    Some(date) => scroll.push(&date),
                    None => scroll.push(&value),
                }
            }
            _ => scroll.push(&value.replace('\n', " ")),
        }
    }
}

/// Codes such as `&L` for the left part stand among the words of a header.
fn tell_margin(margin: &str, scroll: &mut Scroll) {
    for (at, part) in margin.split('&').enumerate() {
        let mut words = part.chars();
        if at > 0 {
            words.next();
        }
        scroll.fact(None, words.as_str());
    }
}

fn is_margin(name: &str) -> bool {
    matches!(name, "oddHeader" | "oddFooter" | "evenHeader" | "evenFooter" | "firstHeader" | "firstFooter")
}

/// The column of a place such as `AB12`, from 1.
fn column(place: &str) -> u32 {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic).take(4);
    letters.fold(0, |column, letter| column * 26 + u32::from(letter.to_ascii_uppercase() - b'A') + 1)
}
