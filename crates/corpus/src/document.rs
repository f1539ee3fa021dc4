//! Documents, put together from templates.

use crate::dice::Dice;
use crate::slot::{self, Mark, NEUTRAL, Scene, Value};
use crate::template::{self, Half, Template};

/// A text and what is planted in it.
#[derive(Debug, Clone)]
pub struct Document {
    /// The kind of document: `mail`, `contract` …
    pub group: &'static str,
    pub text: String,
    /// By their start; none overlaps another of the same type.
    pub marks: Vec<Mark>,
}

impl Document {
    /// Whether nothing in it must be found.
    pub fn is_clean(&self) -> bool {
        self.marks.iter().all(|mark| mark.kind == NEUTRAL)
    }
}

/// Files of templates by kind of document; several files may share a kind.
const FILES: &[(&str, &str)] = &[
    ("mail", include_str!("../templates/mail_de.txt")),
    ("mail", include_str!("../templates/mail_en.txt")),
    ("contract", include_str!("../templates/contract.txt")),
    ("ticket", include_str!("../templates/ticket.txt")),
    ("code", include_str!("../templates/code.txt")),
    ("chat", include_str!("../templates/chat.txt")),
    ("log", include_str!("../templates/log.txt")),
    ("data", include_str!("../templates/data.txt")),
    ("medical", include_str!("../templates/medical.txt")),
    ("personnel", include_str!("../templates/personnel.txt")),
    ("decoy", include_str!("../templates/decoy.txt")),
    ("clean", include_str!("../templates/clean.txt")),
];

/// The kinds of documents that mix planted values with ordinary text.
pub const GROUPS: &[&str] =
    &["mail", "contract", "ticket", "code", "chat", "log", "data", "medical", "personnel", "decoy"];

/// One file of templates of one half.
#[derive(Debug)]
struct Shelf {
    group: &'static str,
    templates: Vec<Template>,
}

/// All templates of one half, and the random source that the seed gives.
#[derive(Debug)]
pub struct Library {
    shelves: Vec<Shelf>,
    dice: Dice,
}

impl Library {
    /// The templates of one half, or of both.
    pub fn new(seed: u64, half: Option<Half>) -> Self {
        let shelves = FILES
            .iter()
            .map(|(group, file)| {
                let mut templates = template::parse(file);
                templates.retain(|template| half.is_none_or(|half| template.half == half));
                Shelf { group, templates }
            })
            .collect();
        Self { shelves, dice: Dice::new(seed) }
    }

    /// A document of the kind.
    pub fn document(&mut self, group: &'static str) -> Document {
        let shelves: Vec<&Shelf> = self.shelves.iter().filter(|shelf| shelf.group == group).collect();
        let shelf = shelves.get(self.dice.below(shelves.len()));
        let mut dice = self.dice.fork(group.len() as u64);
        let scene = Scene::new(&mut dice);
        let mut made = Value::default();
        if let Some(shelf) = shelf {
            compose(&mut dice, &scene, shelf, &mut made);
        }
        if group == "code" {
            made.marks.push(Mark { start: 0, end: made.text.len(), kind: "SOURCE_CODE" });
        }
        made.marks.sort_by_key(|mark| (mark.start, mark.end));
        Document { group, text: made.text, marks: made.marks }
    }

    /// So many documents of every kind but the clean prompts.
    pub fn documents(&mut self, each: usize) -> Vec<Document> {
        (0..each).flat_map(|_| GROUPS).map(|group| self.document(group)).collect()
    }

    /// Prompts in which nothing is planted.
    pub fn clean_prompts(&mut self, count: usize) -> Vec<Document> {
        let mut prompts = Vec::with_capacity(count);
        for at in 0..count {
            prompts.push(self.document(if at % 3 == 2 { "decoy" } else { "clean" }));
        }
        prompts
    }

    /// Short texts with one planted value each, for evasions: of chat prompts, mails and tickets.
    pub fn carriers(&mut self) -> Vec<&Template> {
        let single =
            |template: &&Template| template::slots(&template.text).len() == 1 && template.part == "body";
        self.shelves
            .iter()
            .filter(|shelf| matches!(shelf.group, "chat" | "mail" | "ticket" | "medical" | "personnel"))
            .flat_map(|shelf| shelf.templates.iter().filter(single))
            .collect()
    }

    pub fn dice(&mut self) -> &mut Dice {
        &mut self.dice
    }
}

/// An opening, some of the bodies in any order and none twice, and an ending; or whole texts; or lines.
fn compose(dice: &mut Dice, scene: &Scene, shelf: &Shelf, made: &mut Value) {
    let part = |name: &str| shelf.templates.iter().filter(|one| one.part == name).collect::<Vec<_>>();
    let (opens, closes) = (part("open"), part("close"));
    let (bodies, wholes, lines) = (part("body"), part("whole"), part("line"));
    let add = |dice: &mut Dice, made: &mut Value, template: &Template, sign: &str| {
        if !made.text.is_empty() {
            made.text.push_str(sign);
        }
        let filled = template::fill(dice, scene, &template.text);
        template::append(made, &filled);
    };
    let kinds =
        usize::from(!bodies.is_empty()) + usize::from(!wholes.is_empty()) + usize::from(!lines.is_empty());
    let chosen = dice.below(kinds);
    let with_bodies = !bodies.is_empty() && chosen == 0;
    let with_wholes = !wholes.is_empty() && chosen == usize::from(!bodies.is_empty());
    if with_bodies {
        let count = match shelf.group {
            "chat" => dice.between(1, 3),
            "clean" => dice.between(1, 5),
            _ => dice.between(3, 12),
        };
        if let Some(open) = opens.get(dice.below(opens.len())) {
            add(dice, made, open, "");
            made.text.push('\n');
        }
        for (at, template) in some(dice, &bodies, count).into_iter().enumerate() {
            let sign = if at == 0 && !made.text.is_empty() {
                "\n"
            } else if dice.one_in(3) {
                "\n\n"
            } else if template.text.contains('\n') {
                "\n"
            } else {
                " "
            };
            add(dice, made, template, sign);
        }
        if let Some(close) = closes.get(dice.below(closes.len())) {
            add(dice, made, close, "\n\n");
        }
    } else if with_wholes {
        let count = if shelf.group == "clean" { 1 } else { dice.between(1, 4) };
        for template in some(dice, &wholes, count) {
            add(dice, made, template, "\n\n");
        }
    } else {
        let count = dice.between(8, 40);
        for _ in 0..count {
            if let Some(template) = lines.get(dice.below(lines.len())) {
                add(dice, made, template, "\n");
            }
        }
    }
}

/// So many of the list, none twice, in any order.
fn some<'t>(dice: &mut Dice, list: &[&'t Template], count: usize) -> Vec<&'t Template> {
    let mut rest: Vec<&Template> = list.to_vec();
    let mut chosen = Vec::new();
    while chosen.len() < count && !rest.is_empty() {
        chosen.push(rest.swap_remove(dice.below(rest.len())));
    }
    chosen
}

/// A value of its own, without a document around it.
pub fn lone(dice: &mut Dice, name: &str) -> Option<Value> {
    let scene = Scene::new(dice);
    slot::fill(dice, &scene, name)
}

#[cfg(test)]
mod tests;
