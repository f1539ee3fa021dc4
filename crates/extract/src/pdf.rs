//! PDF (ISO 32000-2): the text of pages in the order in which it is drawn, visible or not; what stands beside the pages; and
//! what describes the file.

use std::time::Duration;

use hayro_interpret::font::GlyphRun;
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect, Vec2};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, SoftMask, interpret_page,
};
use hayro_syntax::object::{Array, Dict, MaybeRef, Name, Object, Stream};
use hayro_syntax::{LoadPdfError, Pdf};
use schleuse_types::{Clock, SystemClock};

use crate::document::{Extracted, Kind, PlaceKind, Rejected, Scroll, What};
use crate::office::describe;
use crate::plain::{decode, windows_1252};
use crate::xml::{Piece, walk};

/// Pages that are read; what follows is cut off.
const PAGES_MAX: usize = 5_000;
/// After this long no further page is begun; the rest is cut off. Below the time after which the worker is ended.
const PATIENCE: Duration = Duration::from_secs(20);
/// Values of objects that are looked at, and how deep they may lie in each other.
const NODES_MAX: usize = 2_000_000;
const DEPTH_MAX: usize = 24;
/// Texts beside the pages: how many, and the longest in bytes.
const ASIDES_MAX: usize = 1_000;
const ASIDE_BYTES_MAX: usize = 64 * 1024;
/// Longest description in XML.
const XMP_BYTES_MAX: usize = 1024 * 1024;

pub(crate) fn read(mut bytes: Vec<u8>) -> Result<Extracted, Rejected> {
    show_layers(&mut bytes);
    let pdf = Pdf::new(bytes).map_err(|error| match error {
        LoadPdfError::Decryption(_) => Rejected::Encrypted,
        LoadPdfError::Invalid => Rejected::Damaged,
    })?;
    let mut scroll = Scroll::default();
    read_pages(&pdf, &mut scroll);
    let mut survey = Survey::default();
    for object in pdf.objects() {
        survey.visit(&object, 0, &mut scroll);
    }
    survey.finish(&mut scroll);
    let known = pdf.metadata();
    let texts = [&known.title, &known.subject, &known.keywords, &known.author, &known.creator];
    for text in texts.into_iter().flatten() {
        describe(None, &string(text), &mut scroll);
    }
    Ok(scroll.finish(Kind::Pdf))
}

/// Takes away the dictionary that says which layers are hidden, where it stands plain in the file: what is hidden is read
/// too. Of the same length, so that every place in the file stays where it is.
fn show_layers(bytes: &mut [u8]) {
    const WORD: &[u8] = b"/OCProperties";
    let mut at = 0;
    while let Some(found) =
        bytes.get(at..).and_then(|rest| rest.windows(WORD.len()).position(|word| word == WORD))
    {
        at += found + WORD.len();
        if let Some(last) = bytes.get_mut(at - 1) {
            *last = b'_';
        }
    }
}

fn read_pages(pdf: &Pdf, scroll: &mut Scroll) {
    let clock = SystemClock::new();
    let began = clock.monotonic();
    let cache = InterpreterCache::new();
    let pages = pdf.pages();
    let count = pages.len();
    scroll.pages = u32::try_from(count).ok();
    for (at, page) in pages.iter().enumerate() {
        let is_late = clock.monotonic().saturating_sub(began) > PATIENCE;
        if scroll.is_full() || at >= PAGES_MAX || is_late {
            scroll.cut();
            scroll.omit_many(What::MorePages, count.saturating_sub(at));
            return;
        }
        scroll.begin(PlaceKind::Page, u32::try_from(at + 1).ok(), None);
        let before = scroll.length();
        // Large enough that nothing counts as outside of it.
        let everywhere = Rect::new(-1e7, -1e7, 1e7, 1e7);
        let settings = InterpreterSettings::default();
        let mut context = Context::new(Affine::IDENTITY, everywhere, &cache, pdf.xref(), settings);
        let mut pen = Pen { scroll, last: None, run: None };
        interpret_page(page, &mut context, &mut pen);
        if scroll.length() == before {
            scroll.omit(What::EmptyPages);
        }
    }
}

/// Writes down glyphs where they are drawn.
struct Pen<'s> {
    scroll: &'s mut Scroll,
    last: Option<Stroke>,
    /// Where the last run began, and how many glyphs it had: one that is filled and then outlined comes twice.
    run: Option<(Point, usize)>,
}

/// A glyph that was written.
#[derive(Clone, Copy)]
struct Stroke {
    end: Point,
    /// Along its line, of length one.
    along: Vec2,
    size: f64,
}

impl Pen<'_> {
    fn write(&mut self, text: &str, place: Affine, advance: Option<f32>) {
        let [a, b, c, d, ..] = place.as_coeffs();
        // Glyphs are drawn on a square of a thousand units.
        let size = (c.hypot(d) * 1000.0).max(1e-6);
        let length = a.hypot(b).max(1e-12);
        let along = Vec2::new(a / length, b / length);
        let start = place * Point::ZERO;
        if let Some(last) = self.last {
            let way = start - last.end;
            let forward = way.dot(last.along);
            let aside = way.cross(last.along).abs();
            let step = last.size.max(size);
            if aside > step * 0.6 || forward < -step * 2.0 || last.along.dot(along) < 0.9 {
                self.scroll.end_line();
                if aside > step * 2.5 {
                    self.scroll.end_block();
                }
            } else if forward > step * 0.15 && !self.scroll.ends_with(&[' ', '\n', '\t']) {
                self.scroll.push(if forward > step * 2.5 { "\t" } else { " " });
            }
        }
        self.scroll.push(text);
        let end = place * Point::new(f64::from(advance.unwrap_or(500.0)), 0.0);
        self.last = Some(Stroke { end, along, size });
    }
}

impl<'a> Device<'a> for Pen<'_> {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        let Some(first) = run.glyphs().first() else { return };
        let begin = props.transform * first.transform() * Point::ZERO;
        let this = (begin, run.glyphs().len());
        if matches!(mode, DrawMode::Stroke(_)) && self.run == Some(this) {
            return;
        }
        self.run = Some(this);
        if matches!(mode, DrawMode::Invisible) {
            self.scroll.omit(What::HiddenText);
        }
        for glyph in run.glyphs() {
            let place = props.transform * glyph.transform();
            let advance = match &**glyph {
                hayro_interpret::font::Glyph::Outline(outline) => outline.advance_width(),
                hayro_interpret::font::Glyph::Type3(drawn) => drawn.advance_width(),
            };
            match glyph.as_unicode() {
                Some(BfString::Char(character)) => match ligature(character) {
                    Some(letters) => self.write(letters, place, advance),
                    None => self.write(character.encode_utf8(&mut [0; 4]), place, advance),
                },
                Some(BfString::String(text)) => self.write(&text, place, advance),
                None => self.scroll.omit(What::Unmapped),
            }
        }
    }

    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {
        self.scroll.omit(What::Pictures);
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}

    fn push_clip_path(&mut self, _: &ClipPath) {}

    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}
}

/// Letters that are drawn as one; a word is found by its letters.
fn ligature(character: char) -> Option<&'static str> {
    Some(match character {
        '\u{FB00}' => "ff",
        '\u{FB01}' => "fi",
        '\u{FB02}' => "fl",
        '\u{FB03}' => "ffi",
        '\u{FB04}' => "ffl",
        _ => return None,
    })
}

/// Looks through all objects for what is no text of a page.
#[derive(Default)]
struct Survey {
    nodes: usize,
    asides: Vec<String>,
}

impl Survey {
    fn visit(&mut self, object: &Object<'_>, depth: usize, scroll: &mut Scroll) {
        self.nodes += 1;
        if depth > DEPTH_MAX || self.nodes > NODES_MAX {
            return;
        }
        match object {
            Object::Dict(dict) => self.visit_dict(dict, depth, scroll),
            Object::Stream(stream) => {
                self.visit_stream(stream, scroll);
                self.visit_dict(stream.dict(), depth, scroll);
            }
            Object::Array(array) => self.visit_array(array, depth, scroll),
            _ => {}
        }
    }

    fn visit_array(&mut self, array: &Array<'_>, depth: usize, scroll: &mut Scroll) {
        for item in array.raw_iter() {
            // What is referred to is an object of its own.
            if let MaybeRef::NotRef(item) = item {
                self.visit(&item, depth + 1, scroll);
            }
        }
    }

    fn visit_dict(&mut self, dict: &Dict<'_>, depth: usize, scroll: &mut Scroll) {
        let name = |key: &str| dict.get::<Name<'_>>(key).map(|name| name.as_str().to_owned());
        let is_note = name("Subtype").is_some() && dict.contains_key("Rect");
        match name("S").as_deref() {
            Some("JavaScript") => scroll.omit(What::Scripts),
            Some(
                "Launch" | "SubmitForm" | "ImportData" | "GoToR" | "GoToE" | "Rendition" | "RichMediaExecute",
            ) => {
                scroll.omit(What::Actions);
            }
            Some("URI") => scroll.omit(What::OutsideLinks),
            _ => {}
        }
        for (key, value) in dict.entries() {
            let MaybeRef::NotRef(value) = value else {
                // A long value may stand in an object of its own.
                if matches!(key.as_str(), "Contents" | "V")
                    && is_note
                    && let Some(text) = dict.get::<hayro_syntax::object::String<'_>>(key.as_str())
                {
                    self.aside(&string(text.as_bytes()));
                }
                continue;
            };
            if let Object::String(text) = &value {
                match key.as_str() {
                    "Contents" if is_note => self.aside(&string(text.as_bytes())),
                    "V" | "DV" => self.aside(&string(text.as_bytes())),
                    "URI" | "Alt" | "ActualText" | "TU" | "Title" | "E" => {
                        scroll.fact(None, &string(text.as_bytes()));
                    }
                    key if key.starts_with("MSIP_Label_") => {
                        describe(Some(key), &string(text.as_bytes()), scroll);
                    }
                    _ => {}
                }
            }
            match key.as_str() {
                "EF" => scroll.omit(What::EmbeddedFiles),
                "RichMedia" | "Sound" | "Movie" => scroll.omit(What::Actions),
                "XFA" => scroll.omit(What::UnreadParts),
                "OCProperties" => scroll.omit(What::HiddenLayers),
                _ => {}
            }
            self.visit(&value, depth + 1, scroll);
        }
    }

    fn visit_stream(&mut self, stream: &Stream<'_>, scroll: &mut Scroll) {
        let is_of = |kind: &[u8]| {
            stream.dict().get::<Name<'_>>("Type").is_some_and(|name| name.as_str().as_bytes() == kind)
        };
        if is_of(b"Metadata")
            && let Ok(bytes) = stream.decoded()
            && bytes.len() <= XMP_BYTES_MAX
        {
            read_xmp(&bytes, scroll);
        }
    }

    fn aside(&mut self, text: &str) {
        let text = text.get(..text.floor_char_boundary(ASIDE_BYTES_MAX)).unwrap_or_default().trim();
        if !text.is_empty()
            && self.asides.len() < ASIDES_MAX
            && !self.asides.iter().any(|known| known == text)
        {
            self.asides.push(text.to_owned());
        }
    }

    fn finish(self, scroll: &mut Scroll) {
        if self.asides.is_empty() {
            return;
        }
        scroll.begin(PlaceKind::Beside, None, None);
        for aside in self.asides {
            scroll.push(&aside);
            scroll.end_line();
        }
    }
}

/// What the Extensible Metadata Platform keeps: elements and attributes with values.
pub(crate) fn read_xmp(bytes: &[u8], scroll: &mut Scroll) {
    let mut name: Option<String> = None;
    // Padding around it is no XML; what was read until then counts.
    let _broken = walk(bytes, |piece| {
        match piece {
            Piece::Open(tag) => {
                for (key, value) in tag.all() {
                    let key = Some(key).filter(|key| key.starts_with("MSIP_"));
                    describe(key.as_deref(), &value, scroll);
                }
                name = Some(tag.name().to_owned()).filter(|name| name.starts_with("MSIP_"));
            }
            Piece::Text(text) => describe(name.as_deref(), &text, scroll),
            Piece::Close(_) => name = None,
        }
        Ok(true)
    });
}

/// A text string (ISO 32000-2, section 7.9.2.2): UTF-16 or UTF-8 by its mark, else PDFDocEncoding, which is nearly
/// Windows-1252.
fn string(bytes: &[u8]) -> String {
    let has_mark =
        [b"\xFE\xFF".as_slice(), b"\xFF\xFE", b"\xEF\xBB\xBF"].iter().any(|mark| bytes.starts_with(mark));
    match decode(bytes).filter(|_| has_mark) {
        Some((text, _)) => text.into_owned(),
        None => bytes.iter().map(|byte| windows_1252(*byte)).collect(),
    }
}
