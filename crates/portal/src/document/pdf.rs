//! Pages as a tagged PDF after PDF/UA-1 (ISO 14289-1): structure, language and title in it, and every font embedded.

use std::num::NonZeroU16;

use krilla::Document;
use krilla::SerializeSettings;
use krilla::color::rgb;
use krilla::configure::{Accessibility, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::Metadata;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, ListNumbering, Node as TagNode, SpanTag,
    TableHeaderScope, Tag, TagGroup, TagKind, TagTree,
};
use krilla::text::{Font, GlyphId, KrillaGlyph};

use super::Sheet;
use super::page::{FONTS, Face, HEIGHT, Kind, Mark, Measure, Mile, Node, Pages, WIDTH, set};

/// Why there is no file. Never holds text of it.
#[derive(Debug)]
pub(crate) struct Unwritable(&'static str);

impl std::fmt::Display for Unwritable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// The file. It is checked against PDF/UA-1 while it is written.
pub(crate) fn write(sheet: &Sheet) -> Result<Vec<u8>, Unwritable> {
    let pages = set(sheet).ok_or(Unwritable("a font of this house does not open"))?;
    let measure = Measure::new().ok_or(Unwritable("a font of this house does not open"))?;
    let fonts: Option<Vec<Font>> = FONTS.iter().map(|bytes| Font::new((*bytes).into(), 0)).collect();
    let fonts = fonts.ok_or(Unwritable("a font of this house does not open"))?;
    let configuration = ConfigurationBuilder::new().with_accessibility_validator(Accessibility::UA1).finish();
    let configuration = configuration.map_err(|_| Unwritable("this form of PDF is not known"))?;
    let settings = SerializeSettings { configuration, enable_tagging: true, ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    document.set_metadata(
        Metadata::new()
            .title(sheet.title.clone())
            .description(sheet.label_line())
            .keywords(vec![sheet.label.clone()])
            .language(sheet.language_tag().to_owned())
            .creator("Schleuse".to_owned()),
    );
    let size = PageSettings::from_wh(WIDTH, HEIGHT).ok_or(Unwritable("a page has no size"))?;
    let mut drawn = Drawn { identifiers: Vec::new(), measure, fonts };
    for marks in &pages.pages {
        let mut page = document.start_page_with(size.clone());
        let mut surface = page.surface();
        // What lies under the text first.
        for mark in marks.iter().filter(|mark| matches!(mark, Mark::Fill { .. })) {
            drawn.mark(&mut surface, mark);
        }
        for mark in marks.iter().filter(|mark| matches!(mark, Mark::Text { .. })) {
            drawn.mark(&mut surface, mark);
        }
        surface.finish();
        page.finish();
    }
    document.set_outline(outline(&pages.miles));
    document.set_tag_tree(tree(sheet, &pages, drawn.identifiers));
    document.finish().map_err(|_| Unwritable("the file does not fit PDF/UA-1"))
}

struct Drawn {
    /// What was drawn of each leaf.
    identifiers: Vec<Option<Identifier>>,
    measure: Measure,
    fonts: Vec<Font>,
}

impl Drawn {
    fn mark(&mut self, surface: &mut Surface<'_>, mark: &Mark) {
        match mark {
            Mark::Fill { x, y, width, height, grey } => {
                let Some(area) = Rect::from_xywh(*x, *y, width.max(0.1), height.max(0.1)) else { return };
                let mut path = PathBuilder::new();
                path.push_rect(area);
                let Some(path) = path.finish() else { return };
                surface.set_fill(Some(fill(*grey)));
                surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)));
                surface.draw_path(&path);
                surface.end_tagged();
            }
            Mark::Text { x, y, face, size, text, leaf } => {
                let Some(font) = self.fonts.get(place(*face)).cloned() else { return };
                let glyphs: Vec<KrillaGlyph> = text
                    .char_indices()
                    .map(|(at, character)| {
                        let (glyph, width) = self.measure.glyph(*face, character);
                        let range = at..at + character.len_utf8();
                        KrillaGlyph::new(GlyphId::new(glyph), width, 0.0, 0.0, 0.0, range, None)
                    })
                    .collect();
                let tag = match leaf {
                    Some(_) => ContentTag::Span(SpanTag::empty()),
                    None if *y < HEIGHT * 0.1 => {
                        ContentTag::Artifact(Artifact::with_kind(ArtifactType::Header))
                    }
                    None if *y > HEIGHT * 0.9 => {
                        ContentTag::Artifact(Artifact::with_kind(ArtifactType::Footer))
                    }
                    None => ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)),
                };
                surface.set_fill(Some(fill(0)));
                let identifier = surface.start_tagged(tag);
                surface.draw_glyphs(Point::from_xy(*x, *y), &glyphs, font, text, *size, false);
                surface.end_tagged();
                if let Some(leaf) = *leaf {
                    if self.identifiers.len() <= leaf {
                        self.identifiers.resize(leaf + 1, None);
                    }
                    if let Some(place) = self.identifiers.get_mut(leaf) {
                        *place = Some(identifier);
                    }
                }
            }
        }
    }
}

fn fill(grey: u8) -> Fill {
    Fill { paint: rgb::Color::new(grey, grey, grey).into(), ..Fill::default() }
}

fn place(face: Face) -> usize {
    match face {
        Face::Regular => 0,
        Face::Bold => 1,
        Face::Oblique => 2,
        Face::Mono => 3,
    }
}

fn tree(sheet: &Sheet, pages: &Pages, mut identifiers: Vec<Option<Identifier>>) -> TagTree {
    let mut tree = TagTree::new().with_lang(Some(sheet.language_tag().to_owned()));
    for node in &pages.tree {
        if let Some(node) = tagged(node, &mut identifiers) {
            tree.push(node);
        }
    }
    tree
}

/// Each leaf has one place in the tree; what was not drawn has none.
fn tagged(node: &Node, identifiers: &mut [Option<Identifier>]) -> Option<TagNode> {
    match node {
        Node::Leaf(leaf) => identifiers.get_mut(*leaf)?.take().map(TagNode::Leaf),
        Node::Group(kind, children) => {
            let mut group = TagGroup::new(tag(kind));
            for child in children {
                if let Some(child) = tagged(child, identifiers) {
                    group.push(child);
                }
            }
            Some(TagNode::Group(group))
        }
    }
}

fn tag(kind: &Kind) -> TagKind {
    match kind {
        Kind::Heading(level, title) => {
            Tag::Hn(NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN), Some(title.clone())).into()
        }
        Kind::Paragraph => Tag::P.into(),
        Kind::Code => Tag::Code.into(),
        Kind::List { is_numbered: true } => Tag::L(ListNumbering::Decimal).into(),
        Kind::List { is_numbered: false } => Tag::L(ListNumbering::Disc).into(),
        Kind::Item => Tag::LI.into(),
        Kind::Label => Tag::Lbl.into(),
        Kind::Body => Tag::LBody.into(),
        Kind::Quote => Tag::BlockQuote.into(),
        Kind::Table => Tag::Table.into(),
        Kind::Head => Tag::THead.into(),
        Kind::Rows => Tag::TBody.into(),
        Kind::Row => Tag::TR.into(),
        Kind::HeadCell => Tag::TH(TableHeaderScope::Column).into(),
        Kind::Cell => Tag::TD.into(),
    }
}

fn outline(miles: &[Mile]) -> Outline {
    let mut outline = Outline::new();
    for mile in miles {
        let destination = XyzDestination::new(mile.page, Point::from_xy(0.0, mile.y));
        let text = if mile.text.trim().is_empty() { "…".to_owned() } else { mile.text.clone() };
        outline.push_child(OutlineNode::new(text, destination));
    }
    outline
}
