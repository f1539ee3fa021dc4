//! Presentations: slides in their order, with notes and comments, and what their masters say.

use crate::document::{PlaceKind, Rejected, Scroll, What};
use crate::office::Parts;
use crate::words::Body;
use crate::xml::{Piece, walk};

pub(crate) fn read(parts: &Parts<'_>, main: &str, scroll: &mut Scroll) -> Result<(), Rejected> {
    let bytes = parts.archive.part(main)?.ok_or(Rejected::Damaged)?;
    let relations = parts.relations(main, scroll)?;
    let mut slides = Vec::new();
    walk(&bytes, |piece| {
        if let Piece::Open(tag) = piece
            && tag.name() == "sldId"
            // Without its prefix the id of the relation is called like the slide's own, which is a number.
            && let Some(target) = tag.attributes("id").iter().find_map(|id| relations.get(id))
        {
            slides.push(target.target.clone());
        }
        Ok(true)
    })?;
    for slide in parts.of_type("presentationml.slide+xml") {
        // In the package, and in no show.
        if !slides.contains(slide) {
            slides.push(slide.clone());
        }
    }
    scroll.pages = u32::try_from(slides.len()).ok();
    for (number, slide) in (1..).zip(&slides) {
        if scroll.is_full() {
            return Ok(());
        }
        let Some(bytes) = parts.archive.part(slide)? else { continue };
        scroll.begin(PlaceKind::Slide, Some(number), None);
        let mut body = Body::default();
        walk(&bytes, |piece| {
            if let Piece::Open(tag) = &piece
                && tag.name() == "sld"
                && tag.attribute("show").as_deref() == Some("0")
            {
                scroll.omit(What::HiddenSlides);
            }
            Ok(body.take(piece, scroll))
        })?;
        let mut beside: Vec<_> = parts.relations(slide, scroll)?.into_values().collect();
        beside.sort_by(|a, b| a.target.cmp(&b.target));
        for relation in beside {
            let is_text =
                ["notesSlide", "comments", "diagramData", "chart"].contains(&relation.kind.as_str());
            if !is_text {
                continue;
            }
            let Some(bytes) = parts.archive.part(&relation.target)? else { continue };
            scroll.end_block();
            read_comments_or(&bytes, scroll)?;
        }
    }
    for kind in
        ["presentationml.slidemaster+xml", "presentationml.slidelayout+xml", "presentationml.notesmaster+xml"]
    {
        for part in parts.of_type(kind) {
            let Some(bytes) = parts.archive.part(part)? else { continue };
            // Not part of any slide's text, but a marking may stand there.
            let mut side = Scroll::default();
            let mut body = Body::default();
            walk(&bytes, |piece| Ok(body.take(piece, &mut side)))?;
            let side = side.finish(crate::document::Kind::Pptx).text;
            side.lines().for_each(|line| scroll.fact(None, line));
        }
    }
    Ok(())
}

/// Notes are drawings; older comments have their words in `text`.
fn read_comments_or(bytes: &[u8], scroll: &mut Scroll) -> Result<(), Rejected> {
    let mut body = Body::default();
    let mut is_comment = false;
    walk(bytes, |piece| match piece {
        Piece::Open(tag) if tag.name() == "text" => {
            is_comment = true;
            Ok(true)
        }
        Piece::Close("text") => {
            is_comment = false;
            scroll.push("\n");
            Ok(true)
        }
        Piece::Text(text) if is_comment => {
            scroll.push(&text);
            Ok(true)
        }
        piece => Ok(body.take(piece, scroll)),
    })
}
