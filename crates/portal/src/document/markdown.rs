//! Markdown of an answer as blocks of text. Nothing in it is ever fetched, run or linked: addresses and formulas are text.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// Lists and quotes within each other; what is deeper stands in the deepest.
const DEPTH_MAX: usize = 12;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Block {
    /// 1 to 6.
    Heading(u8, Vec<Span>),
    Paragraph(Vec<Span>),
    Code(String),
    List {
        /// The first number; None for one with bullets.
        start: Option<u64>,
        items: Vec<Vec<Block>>,
    },
    Quote(Vec<Block>),
    Table {
        head: Vec<Vec<Span>>,
        rows: Vec<Vec<Vec<Span>>>,
    },
    Rule,
}

/// Text in one style. A line feed in it is a line break.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Span {
    pub(crate) text: String,
    pub(crate) style: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Style {
    pub(crate) is_bold: bool,
    pub(crate) is_italic: bool,
    pub(crate) is_code: bool,
    pub(crate) is_struck: bool,
}

/// The text of spans alone.
pub(crate) fn plain(spans: &[Span]) -> String {
    spans.iter().map(|span| span.text.as_str()).collect()
}

pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_MATH;
    let options = options | Options::ENABLE_TASKLISTS;
    let text = keep_formulas(text);
    let mut builder = Builder::default();
    for event in Parser::new_ext(&text, options) {
        builder.take(event);
    }
    builder.finish()
}

/// `\(`, `\)`, `\[` and `\]` mark formulas, but to Markdown they are escaped brackets: outside of code they are written so
/// that they stay what they are.
fn keep_formulas(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut is_fenced = false;
    for line in text.split_inclusive('\n') {
        let begin = line.trim_start();
        if begin.starts_with("```") || begin.starts_with("~~~") {
            is_fenced = !is_fenced;
        }
        let is_code = is_fenced || line.starts_with("    ") || line.starts_with('\t');
        if is_code || !line.contains('\\') {
            out.push_str(line);
            continue;
        }
        let mut is_inline_code = false;
        let mut characters = line.chars().peekable();
        while let Some(character) = characters.next() {
            is_inline_code ^= character == '`';
            let follows = characters.peek();
            match character {
                '\\' if !is_inline_code && matches!(follows, Some('(' | ')' | '[' | ']')) => {
                    out.push_str("\\\\");
                }
                // An escaped character is passed on with its sign, and is none that begins something.
                '\\' if !is_inline_code && follows.is_some() => {
                    out.push('\\');
                    out.extend(characters.next());
                }
                other => out.push(other),
            }
        }
    }
    out
}

/// What is open around the place that is read.
enum Open {
    List {
        start: Option<u64>,
        items: Vec<Vec<Block>>,
    },
    Item(Vec<Block>),
    Quote(Vec<Block>),
    /// Too deep, or of a kind that has no form of its own: its blocks belong to what is around it.
    Nothing,
}

#[derive(Default)]
struct Builder {
    blocks: Vec<Block>,
    open: Vec<Open>,
    spans: Vec<Span>,
    style: Style,
    /// Words inside each other: `**a *b* c**`.
    bold: u32,
    italic: u32,
    struck: u32,
    /// Addresses of links and images that are open, and where their text begins.
    links: Vec<(String, usize)>,
    code: Option<String>,
    table: Option<Rows>,
    heading: Option<u8>,
}

#[derive(Default)]
struct Rows {
    head: Vec<Vec<Span>>,
    rows: Vec<Vec<Vec<Span>>>,
    row: Vec<Vec<Span>>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some(code) => code.push_str(&text),
                None => self.say(&text),
            },
            Event::Code(text) => {
                self.style.is_code = true;
                self.say(&text);
                self.style.is_code = false;
            }
            Event::InlineMath(text) => self.say(&format!("${text}$")),
            Event::DisplayMath(text) => self.say(&format!("$${text}$$")),
            // Never as anything but what it is.
            Event::Html(text) | Event::InlineHtml(text) => self.say(&text),
            Event::FootnoteReference(text) => self.say(&format!("[{text}]")),
            Event::SoftBreak => self.say(" "),
            Event::HardBreak => self.say("\n"),
            Event::Rule => self.push(Block::Rule),
            Event::TaskListMarker(is_done) => self.say(if is_done { "☑ " } else { "☐ " }),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.break_paragraph(),
            Tag::Heading { level, .. } => {
                self.break_paragraph();
                self.heading = Some(match level {
                    HeadingLevel::H1 => 1,
                    HeadingLevel::H2 => 2,
                    HeadingLevel::H3 => 3,
                    HeadingLevel::H4 => 4,
                    HeadingLevel::H5 => 5,
                    HeadingLevel::H6 => 6,
                });
            }
            Tag::CodeBlock(_) => {
                self.break_paragraph();
                self.code = Some(String::new());
            }
            Tag::List(start) => self.enter(Open::List { start, items: Vec::new() }),
            Tag::Item => self.enter(Open::Item(Vec::new())),
            Tag::BlockQuote(_) => self.enter(Open::Quote(Vec::new())),
            Tag::Table(_) => {
                self.break_paragraph();
                self.table = Some(Rows::default());
            }
            Tag::Strong => self.weigh(|builder| &mut builder.bold, true),
            Tag::Emphasis => self.weigh(|builder| &mut builder.italic, true),
            Tag::Strikethrough => self.weigh(|builder| &mut builder.struck, true),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.links.push((dest_url.into_string(), self.spans.len()));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock | TagEnd::Heading(_) => self.break_paragraph(),
            TagEnd::CodeBlock => {
                if let Some(code) = self.code.take() {
                    self.push(Block::Code(code.trim_end_matches('\n').to_owned()));
                }
            }
            TagEnd::List(_) | TagEnd::Item | TagEnd::BlockQuote(_) => self.leave(),
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.spans);
                if let Some(table) = &mut self.table {
                    table.row.push(cell);
                }
            }
            TagEnd::TableHead => {
                if let Some(table) = &mut self.table {
                    table.head = std::mem::take(&mut table.row);
                }
            }
            TagEnd::TableRow => {
                if let Some(table) = &mut self.table {
                    let row = std::mem::take(&mut table.row);
                    table.rows.push(row);
                }
            }
            TagEnd::Table => {
                if let Some(Rows { head, rows, .. }) = self.table.take() {
                    self.push(Block::Table { head, rows });
                }
            }
            TagEnd::Strong => self.weigh(|builder| &mut builder.bold, false),
            TagEnd::Emphasis => self.weigh(|builder| &mut builder.italic, false),
            TagEnd::Strikethrough => self.weigh(|builder| &mut builder.struck, false),
            TagEnd::Link | TagEnd::Image => self.end_link(),
            _ => {}
        }
    }

    fn weigh(&mut self, count: impl Fn(&mut Self) -> &mut u32, is_more: bool) {
        let count = count(self);
        *count = if is_more { count.saturating_add(1) } else { count.saturating_sub(1) };
        self.style.is_bold = self.bold > 0;
        self.style.is_italic = self.italic > 0;
        self.style.is_struck = self.struck > 0;
    }

    /// Where a link leads stands behind it, unless it is what it says.
    fn end_link(&mut self) {
        let Some((address, begin)) = self.links.pop() else { return };
        let said = plain(self.spans.get(begin..).unwrap_or_default());
        let is_said = said == address || format!("mailto:{said}") == address;
        if !address.is_empty() && !is_said {
            self.say(&format!(" ({address})"));
        }
    }

    fn say(&mut self, text: &str) {
        let text: String = text.chars().filter(|character| is_writable(*character)).collect();
        // A link counts the spans before it: what it says begins with one of its own.
        let begins_link = self.links.last().is_some_and(|(_, begin)| *begin >= self.spans.len());
        match self.spans.last_mut().filter(|last| last.style == self.style && !begins_link) {
            Some(last) => last.text.push_str(&text),
            None => self.spans.push(Span { text, style: self.style }),
        }
    }

    fn break_paragraph(&mut self) {
        let spans = std::mem::take(&mut self.spans);
        let heading = self.heading.take();
        if spans.iter().all(|span| span.text.trim().is_empty()) {
            return;
        }
        self.push(match heading {
            Some(level) => Block::Heading(level, spans),
            None => Block::Paragraph(spans),
        });
    }

    fn enter(&mut self, open: Open) {
        self.break_paragraph();
        let is_deep = self.open.iter().filter(|open| !matches!(open, Open::Item(_))).count() >= DEPTH_MAX;
        let is_item_of_nothing =
            matches!((&open, self.open.last()), (Open::Item(_), Some(Open::Nothing) | None));
        self.open.push(if is_deep && !matches!(open, Open::Item(_)) || is_item_of_nothing {
            Open::Nothing
        } else {
            open
        });
    }

    fn leave(&mut self) {
        self.break_paragraph();
        match self.open.pop() {
            Some(Open::List { start, items }) if !items.is_empty() => self.push(Block::List { start, items }),
            Some(Open::Quote(blocks)) => self.push(Block::Quote(blocks)),
            Some(Open::Item(blocks)) => {
                if let Some(Open::List { items, .. }) = self.open.last_mut() {
                    items.push(blocks);
                }
            }
            _ => {}
        }
    }

    fn push(&mut self, block: Block) {
        let around = self.open.iter_mut().rev().find_map(|open| match open {
            Open::Item(blocks) | Open::Quote(blocks) => Some(blocks),
            _ => None,
        });
        around.unwrap_or(&mut self.blocks).push(block);
    }

    fn finish(mut self) -> Vec<Block> {
        while !self.open.is_empty() {
            self.leave();
        }
        self.break_paragraph();
        self.blocks
    }
}

/// Whether a character may stand in a document: no control characters, none that turn the direction of what follows (Unicode
/// UAX 9, section 2), and none that means nothing.
fn is_writable(character: char) -> bool {
    match character {
        '\n' | '\t' => true,
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => false,
        '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}' => false,
        other => !other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Block, Span, blocks};

    /// Blocks in a short form.
    fn show(blocks: &[Block]) -> String {
        let spans = |spans: &[Span]| -> String {
            let show = |span: &Span| {
                let mut text = span.text.replace('\n', "⏎");
                for (is, sign) in [
                    (span.style.is_bold, '*'),
                    (span.style.is_italic, '/'),
                    (span.style.is_code, '`'),
                    (span.style.is_struck, '~'),
                ] {
                    if is {
                        text = format!("{sign}{text}{sign}");
                    }
                }
                text
            };
            spans.iter().map(show).collect()
        };
        let row = |row: &[Vec<Span>]| row.iter().map(|cell| spans(cell)).collect::<Vec<_>>().join("|");
        let show = |block: &Block| match block {
            Block::Heading(level, text) => format!("h{level}:{}", spans(text)),
            Block::Paragraph(text) => format!("p:{}", spans(text)),
            Block::Code(text) => format!("code:{}", text.replace('\n', "⏎")),
            Block::List { start, items } => {
                let items: Vec<String> = items.iter().map(|item| show(item)).collect();
                format!("{}[{}]", start.map_or("-".to_owned(), |start| start.to_string()), items.join("; "))
            }
            Block::Quote(blocks) => format!("q[{}]", show(blocks)),
            Block::Table { head, rows } => {
                let rows: Vec<String> = rows.iter().map(|one| row(one)).collect();
                format!("t[{} = {}]", row(head), rows.join(" / "))
            }
            Block::Rule => "rule".to_owned(),
        };
        blocks.iter().map(show).collect::<Vec<_>>().join(" ")
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(show(&blocks(text)), expected, "{text}");
    }

    #[test]
    fn markdown_is_blocks() {
        check(
            "# Titel\n\nEin *schräger* **fetter** `Code` ~~weg~~.",
            "h1:Titel p:Ein /schräger/ *fetter* `Code` ~weg~.",
        );
        check("**a *b* c**", "p:*a *//*b*/* c*".replace("//", "/").as_str());
        check("eins  \nzwei\ndrei", "p:eins⏎zwei drei");
        check("1. a\n   - b\n     - c\n2. d", "1[p:a -[p:b -[p:c]]; p:d]");
        check("4. a\n\n   noch\n5. b", "4[p:a p:noch; p:b]");
        check("> a\n>\n> > b", "q[p:a q[p:b]]");
        check("```rust\nfn x() {\n}\n```", "code:fn x() {⏎}");
        check("| A | B |\n|---|---|\n| 1 | **2** |\n| 3 |", "t[A|B = 1|*2* / 3|]");
        check("- [x] fertig\n- [ ] offen", "-[p:☑ fertig; p:☐ offen]");
        check("a\n\n---\n\nb", "p:a rule p:b");
        check("", "");
    }

    #[test]
    fn addresses_and_formulas_are_text() {
        check(
            "[Haus](https://haus.example/a) und <https://haus.example>",
            "p:Haus (https://haus.example/a) und https://haus.example",
        );
        check("![Bild](https://evil.example/x.png)", "p:Bild (https://evil.example/x.png)");
        check("<anna@haus.example>", "p:anna@haus.example");
        check("[x](javascript:alert(1))", "p:x (javascript:alert(1))");
        check("Formel $a_1 * b_2$ und\n\n$$\\sum_i x_i$$", "p:Formel $a_1 * b_2$ und p:$$\\sum_i x_i$$");
        check("\\(a_1 + b\\) und `\\(` und \\*", "p:\\(a_1 + b\\) und `\\(` und *");
        check("<b onclick='x()'>fett</b>", "p:<b onclick='x()'>fett</b>");
        check("a\u{202E}b\u{0}c", "p:abc");
    }

    #[test]
    fn depth_ends() {
        let deep = "> ".repeat(400) + "tief";
        let shown = show(&blocks(&deep));
        assert!(shown.contains("tief") && shown.matches("q[").count() <= super::DEPTH_MAX, "{shown}");
        let deep: String = (0..60).map(|depth| format!("{}- {depth}\n", "  ".repeat(depth))).collect();
        let shown = show(&blocks(&deep));
        assert!(shown.contains("59") && shown.contains("p:3 "), "{shown}");
    }

    proptest! {
        /// Words come through, whatever stands around them.
        #[test]
        fn words_come_through(text in "([#*_>`|$\\[\\]()\\\\ \n-]{0,6}[a-z]{1,6} ?){0,30}") {
            let shown = show(&blocks(&text));
            for word in text.split(|character: char| !character.is_ascii_lowercase()).filter(|word| word.len() > 5) {
                prop_assert!(shown.contains(word), "{:?} {}", text, shown);
            }
        }
    }
}
