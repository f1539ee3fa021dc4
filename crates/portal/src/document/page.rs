//! Text set on pages: lines are broken, rows of tables and beginnings of lists stay together, and what belongs to what is
//! kept beside it as a tree.
//!
//! Lengths are points, 1/72 inch; `y` grows downwards from the top of a page.

use skrifa::charmap::Charmap;
use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::{FontRef, MetadataProvider as _};

use super::Sheet;
use super::markdown::{Block, Span, Style, plain};

/// A4.
pub(crate) const WIDTH: f32 = 595.28;
pub(crate) const HEIGHT: f32 = 841.89;
pub(crate) const MARGIN: f32 = 56.7;
const TOP: f32 = 71.0;
const BOTTOM: f32 = HEIGHT - 71.0;
/// Of a line, in its size.
const LEADING: f32 = 1.4;
const SIZE: f32 = 10.0;
const CODE_SIZE: f32 = 8.5;
const TABLE_SIZE: f32 = 9.0;
const INDENT: f32 = 18.0;
const PADDING: f32 = 4.0;
/// The narrowest column of text, however deep it is.
const TEXT_WIDTH_MIN: f32 = 120.0;
/// Stands for a character that no font here has.
const STAND_IN: char = '\u{25A1}';

/// The fonts in their order: see `fonts/`.
pub(crate) const FONTS: [&[u8]; 4] = [
    include_bytes!("../../fonts/DejaVuSans.ttf"),
    include_bytes!("../../fonts/DejaVuSans-Bold.ttf"),
    include_bytes!("../../fonts/DejaVuSans-Oblique.ttf"),
    include_bytes!("../../fonts/DejaVuSansMono.ttf"),
];

/// One of [`FONTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    Regular,
    Bold,
    Oblique,
    Mono,
}

impl Face {
    const ALL: [Self; 4] = [Self::Regular, Self::Bold, Self::Oblique, Self::Mono];

    fn of(style: Style) -> Self {
        match style {
            Style { is_code: true, .. } => Self::Mono,
            Style { is_bold: true, .. } => Self::Bold,
            Style { is_italic: true, .. } => Self::Oblique,
            _ => Self::Regular,
        }
    }
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mark {
    Text {
        /// Where it begins, on its baseline.
        x: f32,
        y: f32,
        face: Face,
        size: f32,
        text: String,
        /// What it is in the tree; None for what only repeats.
        leaf: Option<usize>,
    },
    /// A filled rectangle in a grey, from 0 for black.
    Fill { x: f32, y: f32, width: f32, height: f32, grey: u8 },
}

/// What belongs to what.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Leaf(usize),
    Group(Kind, Vec<Node>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Heading(u16, String),
    Paragraph,
    Code,
    List { is_numbered: bool },
    Item,
    Label,
    Body,
    Quote,
    Table,
    Head,
    Rows,
    Row,
    HeadCell,
    Cell,
}

/// Where a heading stands, for the outline.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mile {
    pub(crate) level: u16,
    pub(crate) text: String,
    pub(crate) page: usize,
    pub(crate) y: f32,
}

/// A whole document.
pub(crate) struct Pages {
    pub(crate) pages: Vec<Vec<Mark>>,
    pub(crate) tree: Vec<Node>,
    pub(crate) miles: Vec<Mile>,
}

/// How wide characters are. None when a font of this crate is none, which a test rules out.
pub(crate) struct Measure {
    /// Of each of [`FONTS`]: which glyph a character has, how wide it is, and the units of its size.
    faces: Vec<(Charmap<'static>, GlyphMetrics<'static>, f32)>,
}

impl Measure {
    pub(crate) fn new() -> Option<Self> {
        let face = |bytes| {
            let font = FontRef::new(bytes).ok()?;
            let em = font.metrics(Size::unscaled(), LocationRef::default()).units_per_em;
            Some((
                font.charmap(),
                font.glyph_metrics(Size::unscaled(), LocationRef::default()),
                f32::from(em),
            ))
        };
        Some(Self { faces: FONTS.into_iter().map(face).collect::<Option<_>>()? })
    }

    /// Glyph and width of a character for a size of 1.
    pub(crate) fn glyph(&self, face: Face, character: char) -> (u32, f32) {
        let place = Face::ALL.iter().position(|known| *known == face).unwrap_or_default();
        let Some((map, metrics, em)) = self.faces.get(place) else { return (0, 0.0) };
        let found = map.map(character).or_else(|| map.map(STAND_IN));
        let width = found.and_then(|glyph| metrics.advance_width(glyph)).unwrap_or_default();
        (found.map(|glyph| glyph.to_u32()).unwrap_or_default(), width / em)
    }

    fn width(&self, face: Face, text: &str, size: f32) -> f32 {
        text.chars().map(|character| self.glyph(face, character).1).sum::<f32>() * size
    }
}

/// A piece of a line in one style.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    x: f32,
    text: String,
    face: Face,
    is_struck: bool,
    width: f32,
}

type Line = Vec<Piece>;

/// Sets everything that is in the sheet.
pub(crate) fn set(sheet: &Sheet) -> Option<Pages> {
    let mut setter = Setter {
        measure: Measure::new()?,
        pages: vec![Vec::new()],
        y: TOP,
        leaves: 0,
        label: None,
        miles: Vec::new(),
        level: 0,
    };
    let mut tree = Vec::new();
    let width = WIDTH - 2.0 * MARGIN;
    let title = [Span { text: sheet.title.clone(), style: Style::default() }];
    setter.heading(1, &title, 17.0, MARGIN, width, &mut tree);
    setter.y += 4.0;
    setter.blocks(&sheet.blocks, MARGIN, width, &mut tree);
    setter.around(sheet);
    let Setter { pages, miles, .. } = setter;
    Some(Pages { pages, tree, miles })
}

struct Setter {
    measure: Measure,
    pages: Vec<Vec<Mark>>,
    /// The top of what comes next.
    y: f32,
    leaves: usize,
    /// The sign of a list that stands beside the next line: its text and place.
    label: Option<(String, f32, usize)>,
    miles: Vec<Mile>,
    /// Of the last heading.
    level: u16,
}

impl Setter {
    fn blocks(&mut self, blocks: &[Block], x: f32, width: f32, nodes: &mut Vec<Node>) {
        for block in blocks {
            self.block(block, x, width, nodes);
        }
    }

    fn block(&mut self, block: &Block, x: f32, width: f32, nodes: &mut Vec<Node>) {
        let width = width.max(TEXT_WIDTH_MIN);
        match block {
            Block::Heading(level, spans) => {
                let size = match level {
                    1 => 14.0,
                    2 => 12.5,
                    3 => 11.0,
                    _ => SIZE,
                };
                self.heading(u16::from(*level).saturating_add(1), spans, size, x, width, nodes);
            }
            Block::Paragraph(spans) => {
                let leaves = self.text(spans, SIZE, x, width, false);
                nodes.push(Node::Group(Kind::Paragraph, leaves));
                self.y += SIZE * 0.5;
            }
            Block::Code(text) => self.code(text, x, width, nodes),
            Block::Quote(blocks) => {
                let (first, top) = (self.pages.len(), self.y);
                let mut inside = Vec::new();
                self.blocks(blocks, x + INDENT, width - INDENT, &mut inside);
                self.bar(x + PADDING, first, top);
                nodes.push(Node::Group(Kind::Quote, inside));
            }
            Block::List { start, items } => self.list(*start, items, x, width, nodes),
            Block::Table { head, rows } => self.table(head, rows, x, width, nodes),
            Block::Rule => {
                self.ensure(SIZE);
                let y = self.y + SIZE * 0.4;
                self.mark(Mark::Fill { x, y, width, height: 0.6, grey: 128 });
                self.y += SIZE * 1.2;
            }
        }
    }

    /// A heading is at most one level below the one before it (PDF/UA-1, 7.4.2), and never alone at the end of a page.
    fn heading(&mut self, level: u16, spans: &[Span], size: f32, x: f32, width: f32, nodes: &mut Vec<Node>) {
        self.level = level.min(self.level.saturating_add(1));
        if self.y > TOP {
            self.y += size * 0.6;
        }
        self.ensure(size * LEADING + 2.0 * SIZE * LEADING);
        let text: String = plain(spans).chars().map(|one| if one == '\n' { ' ' } else { one }).collect();
        let (page, y) = (self.pages.len().saturating_sub(1), self.y);
        self.miles.push(Mile { level: self.level, text: text.clone(), page, y });
        let bold =
            |span: &Span| Span { style: Style { is_bold: true, ..span.style }, text: span.text.clone() };
        let spans: Vec<Span> = spans.iter().map(bold).collect();
        let leaves = self.text(&spans, size, x, width, false);
        nodes.push(Node::Group(Kind::Heading(self.level, text), leaves));
        self.y += size * 0.35;
    }

    fn code(&mut self, text: &str, x: f32, width: f32, nodes: &mut Vec<Node>) {
        let span =
            Span { text: text.replace('\t', "    "), style: Style { is_code: true, ..Style::default() } };
        let height = CODE_SIZE * LEADING;
        let mut leaves = Vec::new();
        for line in self.lines(&[span], CODE_SIZE, width - 2.0 * PADDING, true) {
            self.ensure(height);
            let y = self.y;
            self.mark(Mark::Fill { x, y, width, height, grey: 242 });
            leaves.extend(self.line(&line, CODE_SIZE, x + PADDING));
        }
        nodes.push(Node::Group(Kind::Paragraph, vec![Node::Group(Kind::Code, leaves)]));
        self.y += SIZE * 0.6;
    }

    fn list(&mut self, start: Option<u64>, items: &[Vec<Block>], x: f32, width: f32, nodes: &mut Vec<Node>) {
        let sign = |place: usize| match start {
            Some(start) => format!("{}.", start.saturating_add(u64::try_from(place).unwrap_or(u64::MAX))),
            None => "•".to_owned(),
        };
        let widest = self.measure.width(Face::Regular, &sign(items.len().saturating_sub(1)), SIZE);
        let indent = (widest + 5.0).max(INDENT);
        let mut inside = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            // What an outer item could not place because it begins with a list.
            self.place_label();
            let leaf = self.leaf();
            self.label = Some((sign(place), x, leaf));
            let mut body = Vec::new();
            self.blocks(item, x + indent, width - indent, &mut body);
            self.place_label();
            let label = Node::Group(Kind::Label, vec![Node::Leaf(leaf)]);
            let mut parts = vec![label];
            if !body.is_empty() {
                parts.push(Node::Group(Kind::Body, body));
            }
            inside.push(Node::Group(Kind::Item, parts));
        }
        nodes.push(Node::Group(Kind::List { is_numbered: start.is_some() }, inside));
    }

    /// Gives a sign that no line came beside a line of its own.
    fn place_label(&mut self) {
        if self.label.is_some() {
            self.ensure(SIZE * LEADING);
            self.line(&Vec::new(), SIZE, MARGIN);
        }
    }

    fn table(
        &mut self,
        head: &[Vec<Span>],
        rows: &[Vec<Vec<Span>>],
        x: f32,
        width: f32,
        nodes: &mut Vec<Node>,
    ) {
        self.place_label();
        let widths = self.columns(head, rows, width);
        let head_lines = self.cells(head, &widths, true);
        self.y += 2.0;
        let head_node = self.row(&head_lines, &widths, x, Some(Kind::HeadCell), None);
        let mut body = Vec::with_capacity(rows.len());
        for row in rows {
            let lines = self.cells(row, &widths, false);
            body.push(self.row(&lines, &widths, x, Some(Kind::Cell), Some(&head_lines)));
        }
        let mut parts = vec![Node::Group(Kind::Head, vec![head_node])];
        if !body.is_empty() {
            parts.push(Node::Group(Kind::Rows, body));
        }
        nodes.push(Node::Group(Kind::Table, parts));
        self.y += SIZE * 0.8;
    }

    /// As wide as what is in them where there is room, and otherwise by how much is in them.
    fn columns(&self, head: &[Vec<Span>], rows: &[Vec<Vec<Span>>], width: f32) -> Vec<f32> {
        let count = rows.iter().map(Vec::len).chain([head.len()]).max().unwrap_or_default().max(1);
        let natural = |place: usize| {
            let cells = rows.iter().map(|row| row.get(place)).chain([head.get(place)]).flatten();
            let widths = cells.map(|cell| {
                cell.iter().map(|span| self.measure.width(Face::Bold, &span.text, TABLE_SIZE)).sum::<f32>()
            });
            widths.fold(0.0, f32::max) + 2.0 * PADDING + 1.0
        };
        let natural: Vec<f32> = (0..count).map(natural).collect();
        let all: f32 = natural.iter().sum();
        if all <= width {
            return natural;
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of columns")]
        let fair = width / count as f32;
        let small: f32 = natural.iter().filter(|one| **one <= fair).sum();
        let wide: f32 = natural.iter().filter(|one| **one > fair).map(|one| one.sqrt()).sum();
        let share = |one: &f32| if *one <= fair { *one } else { (width - small) * one.sqrt() / wide };
        natural.iter().map(share).collect()
    }

    fn cells(&self, cells: &[Vec<Span>], widths: &[f32], is_head: bool) -> Vec<Vec<Line>> {
        let mut all = Vec::with_capacity(widths.len());
        for (place, width) in widths.iter().enumerate() {
            let spans = cells.get(place).map(Vec::as_slice).unwrap_or_default().iter();
            let spans: Vec<Span> = spans
                .map(|span| Span {
                    style: Style { is_bold: span.style.is_bold || is_head, ..span.style },
                    text: span.text.clone(),
                })
                .collect();
            all.push(self.lines(&spans, TABLE_SIZE, width - 2.0 * PADDING, false));
        }
        all
    }

    /// Sets a row; one that is higher than a page goes on, and where a page begins, `head` is repeated.
    fn row(
        &mut self,
        cells: &[Vec<Line>],
        widths: &[f32],
        x: f32,
        kind: Option<Kind>,
        head: Option<&[Vec<Line>]>,
    ) -> Node {
        let height = TABLE_SIZE * LEADING;
        let count = cells.iter().map(Vec::len).max().unwrap_or_default().max(1);
        let width: f32 = widths.iter().sum();
        let mut leaves: Vec<Vec<Node>> = vec![Vec::new(); cells.len()];
        let mut done = 0;
        let is_head = kind == Some(Kind::HeadCell) || kind.is_none();
        while done < count {
            #[expect(clippy::cast_precision_loss, reason = "a number of lines")]
            let whole = (count - done) as f32 * height + 2.0 * PADDING;
            let fits = self.y + whole <= BOTTOM;
            if !fits && (whole <= (BOTTOM - TOP) * 0.5 || self.y + 3.0 * height > BOTTOM) {
                self.new_page();
                if let Some(head) = head {
                    self.row(head, widths, x, None, None);
                }
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a number of lines on a page"
            )]
            let room = ((BOTTOM - self.y - 2.0 * PADDING) / height).max(1.0) as usize;
            let taken = room.min(count - done);
            #[expect(clippy::cast_precision_loss, reason = "a number of lines on a page")]
            let slice = taken as f32 * height + 2.0 * PADDING;
            let (top, mut left) = (self.y, x);
            if is_head {
                self.mark(Mark::Fill { x, y: top, width, height: slice, grey: 231 });
            }
            self.mark(Mark::Fill { x, y: top, width, height: 0.5, grey: 128 });
            for ((cell, width), leaves) in cells.iter().zip(widths).zip(&mut leaves) {
                self.y = top + PADDING;
                for line in cell.iter().skip(done).take(taken) {
                    match kind {
                        Some(_) => leaves.extend(self.line(line, TABLE_SIZE, left + PADDING)),
                        None => self.repeated(line, TABLE_SIZE, left + PADDING),
                    }
                }
                left += width;
            }
            self.y = top + slice;
            self.mark(Mark::Fill { x, y: top + slice, width, height: 0.5, grey: 128 });
            done += taken;
        }
        let kind = kind.unwrap_or(Kind::Cell);
        let cells = leaves.into_iter().map(|leaves| Node::Group(kind.clone(), leaves));
        Node::Group(Kind::Row, cells.collect())
    }

    fn text(&mut self, spans: &[Span], size: f32, x: f32, width: f32, is_code: bool) -> Vec<Node> {
        let mut leaves = Vec::new();
        for line in self.lines(spans, size, width, is_code) {
            self.ensure(size * LEADING);
            leaves.extend(self.line(&line, size, x));
        }
        leaves
    }

    /// Puts a line where the next one stands.
    fn line(&mut self, line: &Line, size: f32, x: f32) -> Vec<Node> {
        let y = self.y + size * 1.05;
        if let Some((text, x, leaf)) = self.label.take() {
            self.mark(Mark::Text { x, y, face: Face::Regular, size: SIZE, text, leaf: Some(leaf) });
        }
        let mut leaves = Vec::with_capacity(line.len());
        for piece in line {
            let leaf = self.leaf();
            leaves.push(Node::Leaf(leaf));
            self.piece(piece, size, x, y, Some(leaf));
        }
        self.y += size * LEADING;
        leaves
    }

    fn repeated(&mut self, line: &Line, size: f32, x: f32) {
        let y = self.y + size * 1.05;
        for piece in line {
            self.piece(piece, size, x, y, None);
        }
        self.y += size * LEADING;
    }

    fn piece(&mut self, piece: &Piece, size: f32, x: f32, y: f32, leaf: Option<usize>) {
        let Piece { x: offset, text, face, is_struck, width } = piece.clone();
        if is_struck {
            self.mark(Mark::Fill { x: x + offset, y: y - size * 0.3, width, height: 0.6, grey: 0 });
        }
        self.mark(Mark::Text { x: x + offset, y, face, size, text, leaf });
    }

    /// Breaks text into lines. Between words where it can, within one where it has to; blanks at the end of a line stay in
    /// it, so that whoever takes the text out again has all of it. `is_code` keeps blanks at the beginning.
    fn lines(&self, spans: &[Span], size: f32, width: f32, is_code: bool) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut breaker = Breaker { line: Vec::new(), at: 0.0 };
        for span in spans {
            let (face, is_struck) = (Face::of(span.style), span.style.is_struck);
            for (place, part) in span.text.split('\n').enumerate() {
                if place > 0 {
                    lines.push(std::mem::take(&mut breaker.line));
                    breaker.at = 0.0;
                }
                for word in part.split_inclusive([' ', '-', '/']) {
                    if !is_code && breaker.line.is_empty() && word == " " {
                        continue;
                    }
                    let visible = self.measure.width(face, word.trim_end_matches(' '), size);
                    if breaker.at > 0.0 && breaker.at + visible > width {
                        lines.push(std::mem::take(&mut breaker.line));
                        breaker.at = 0.0;
                    }
                    if visible <= width {
                        let all = self.measure.width(face, word, size);
                        breaker.add(word, face, is_struck, all);
                        continue;
                    }
                    for character in word.chars() {
                        let mut bytes = [0; 4];
                        let one = self.measure.glyph(face, character).1 * size;
                        if breaker.at > 0.0 && breaker.at + one > width && character != ' ' {
                            lines.push(std::mem::take(&mut breaker.line));
                            breaker.at = 0.0;
                        }
                        breaker.add(character.encode_utf8(&mut bytes), face, is_struck, one);
                    }
                }
            }
        }
        if !breaker.line.is_empty() || lines.is_empty() {
            lines.push(breaker.line);
        }
        lines
    }

    /// A bar beside what was set since `top` of the page with this number, from 1.
    fn bar(&mut self, x: f32, first: usize, top: f32) {
        let (last, end) = (self.pages.len(), self.y);
        for page in first..=last {
            let top = if page == first { top } else { TOP };
            let bottom = if page == last { end - SIZE * 0.4 } else { BOTTOM };
            let bar = Mark::Fill { x, y: top, width: 1.5, height: (bottom - top).max(0.0), grey: 160 };
            if let Some(marks) = self.pages.get_mut(page.saturating_sub(1)) {
                marks.push(bar);
            }
        }
    }

    /// Label, facts and numbers of the pages.
    fn around(&mut self, sheet: &Sheet) {
        let count = self.pages.len();
        let [page_word, of] = sheet.page_words();
        let width = WIDTH - 2.0 * MARGIN;
        let line = |text: String| [Span { text, style: Style::default() }];
        let facts = self.lines(&line(sheet.footer()), 7.5, width, false);
        for page in 0..count {
            let number = self.lines(&line(format!("{page_word}{}{of}{count}", page + 1)), 7.5, width, false);
            let mut texts = vec![(38.0, 9.5, Face::Bold, sheet.label.clone())];
            for (place, line) in facts.iter().chain(&number).enumerate() {
                let text = line.iter().map(|piece| piece.text.as_str()).collect();
                #[expect(clippy::cast_precision_loss, reason = "a few lines")]
                texts.push((HEIGHT - 48.0 + place as f32 * 10.0, 7.5, Face::Regular, text));
            }
            if let Some(marks) = self.pages.get_mut(page) {
                marks.extend(texts.into_iter().map(|(y, size, face, text)| Mark::Text {
                    x: MARGIN,
                    y,
                    face,
                    size,
                    text,
                    leaf: None,
                }));
            }
        }
    }

    fn leaf(&mut self) -> usize {
        self.leaves += 1;
        self.leaves - 1
    }

    fn mark(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// Room for so much on this page, or the next one.
    fn ensure(&mut self, height: f32) {
        if self.y + height > BOTTOM {
            self.new_page();
        }
    }

    fn new_page(&mut self) {
        self.pages.push(Vec::new());
        self.y = TOP;
    }
}

/// A line in the making.
struct Breaker {
    line: Line,
    at: f32,
}

impl Breaker {
    fn add(&mut self, text: &str, face: Face, is_struck: bool, width: f32) {
        match self.line.last_mut() {
            Some(last) if last.face == face && last.is_struck == is_struck => {
                last.text.push_str(text);
                last.width += width;
            }
            _ => self.line.push(Piece { x: self.at, text: text.to_owned(), face, is_struck, width }),
        }
        self.at += width;
    }
}
