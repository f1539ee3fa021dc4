//! Word processing documents: paragraphs, tables, headers, notes, comments, what is hidden and what was deleted.

use crate::document::{PlaceKind, Rejected, Scroll, What};
use crate::office::Parts;
use crate::xml::{Piece, Tag, walk};

pub(crate) fn read(parts: &Parts<'_>, main: &str, scroll: &mut Scroll) -> Result<(), Rejected> {
    let bytes = parts.archive.part(main)?.ok_or(Rejected::Damaged)?;
    let mut body = Body { page: 1, counts_pages: true, ..Body::default() };
    scroll.begin(PlaceKind::Page, Some(1), None);
    walk(&bytes, |piece| Ok(body.take(piece, scroll)))?;
    body.finish(scroll);
    if body.page > 1 {
        scroll.pages = Some(body.page);
    }
    parts.relations(main, scroll)?;
    let beside = [
        ("wordprocessingml.header+xml", PlaceKind::Header),
        ("wordprocessingml.footer+xml", PlaceKind::Header),
        ("wordprocessingml.footnotes+xml", PlaceKind::Notes),
        ("wordprocessingml.endnotes+xml", PlaceKind::Notes),
        ("wordprocessingml.comments+xml", PlaceKind::Comments),
        ("wordprocessingml.document.glossary+xml", PlaceKind::Beside),
        ("drawingml.diagramdata+xml", PlaceKind::Beside),
        ("drawingml.chart+xml", PlaceKind::Beside),
    ];
    for (kind, place) in beside {
        for part in parts.of_type(kind) {
            let Some(bytes) = parts.archive.part(part)? else { continue };
            scroll.begin(place, None, None);
            let mut body = Body::default();
            walk(&bytes, |piece| Ok(body.take(piece, scroll)))?;
            body.finish(scroll);
            parts.relations(part, scroll)?;
        }
    }
    Ok(())
}

/// Where the reading of a part stands. It also reads the drawings of slides, sheets and charts, which name text alike.
#[derive(Default)]
pub(crate) struct Body {
    /// Elements whose characters are text: `t`, `delText`, `instrText`, `v`.
    is_text: bool,
    /// Inside what repeats something for older programs.
    skipped: u32,
    /// Depth of tables' cells.
    cells: u32,
    is_hidden: bool,
    page: u32,
    counts_pages: bool,
}

impl Body {
    pub(crate) fn take(&mut self, piece: Piece<'_>, scroll: &mut Scroll) -> bool {
        match piece {
            Piece::Open(tag) => self.open(&tag, scroll),
            Piece::Close(name) => self.close(name, scroll),
            Piece::Text(text) if self.is_text && self.skipped == 0 => {
                if self.is_hidden && !text.trim().is_empty() {
                    // Once for each run; the mark of a paragraph may be hidden without any text.
                    self.is_hidden = false;
                    scroll.omit(What::HiddenText);
                }
                scroll.push(&text);
            }
            Piece::Text(_) => {}
        }
        !scroll.is_full()
    }

    fn open(&mut self, tag: &Tag<'_>, scroll: &mut Scroll) {
        match tag.name() {
            "Fallback" => self.skipped += 1,
            _ if self.skipped > 0 => {}
            "t" | "delText" | "instrText" | "delInstrText" | "v" => self.is_text = true,
            "tab" if !self.is_text => scroll.push("\t"),
            "br" | "cr" => {
                scroll.push("\n");
                if tag.attribute("type").as_deref() == Some("page") {
                    self.turn_page(scroll);
                }
            }
            "lastRenderedPageBreak" => self.turn_page(scroll),
            "noBreakHyphen" => scroll.push("-"),
            "tc" => self.cells += 1,
            "r" => self.is_hidden = false,
            "vanish" | "webHidden" if tag.is_on() => self.is_hidden = true,
            "del" | "ins" | "moveFrom" | "moveTo" if tag.attribute("author").is_some() => {
                scroll.omit(What::TrackedChanges);
            }
            "comment" => {
                scroll.end_line();
                if let Some(author) = tag.attribute("author") {
                    scroll.push(&author);
                    scroll.push(": ");
                }
            }
            // Descriptions of pictures and shapes.
            "docPr" | "cNvPr" => {
                let texts = ["descr", "title"].into_iter().filter_map(|name| tag.attribute(name));
                for text in texts.filter(|text| !text.trim().is_empty()) {
                    scroll.push("[");
                    scroll.push(&text);
                    scroll.push("] ");
                }
            }
            "object" | "OLEObject" => scroll.omit(What::EmbeddedFiles),
            "altChunk" => scroll.omit(What::UnreadParts),
            _ => {}
        }
    }

    fn close(&mut self, name: &str, scroll: &mut Scroll) {
        match name {
            "Fallback" => self.skipped = self.skipped.saturating_sub(1),
            _ if self.skipped > 0 => {}
            "t" | "delText" | "instrText" | "delInstrText" | "v" => {
                self.is_text = false;
                if name == "v" {
                    scroll.push(" ");
                }
            }
            "p" if self.cells > 0 && scroll.ends_with(&[' ', '\t', '\n']) => {}
            "p" if self.cells > 0 => scroll.push(" "),
            "p" => scroll.push("\n"),
            "tc" => {
                self.cells = self.cells.saturating_sub(1);
                scroll.push("\t");
            }
            "tr" | "tbl" | "comment" | "footnote" | "endnote" | "pt" => scroll.end_line(),
            _ => {}
        }
    }

    /// Pages as the program that saved the document last broke them.
    fn turn_page(&mut self, scroll: &mut Scroll) {
        if self.counts_pages {
            self.page = self.page.saturating_add(1);
            scroll.mark(PlaceKind::Page, Some(self.page), None);
        }
    }

    fn finish(&mut self, scroll: &mut Scroll) {
        if self.counts_pages && self.page == 1 {
            // Nothing says where its pages end.
            scroll.forget_pages();
        }
    }
}
