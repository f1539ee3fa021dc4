//! The templates say what they mean.

use super::*;
use std::collections::BTreeSet;

fn all() -> impl Iterator<Item = (&'static str, Template)> {
    FILES.iter().flat_map(|(group, file)| template::parse(file).into_iter().map(|one| (*group, one)))
}

#[test]
fn every_slot_of_every_template_has_values() {
    let mut dice = Dice::new(1);
    let scene = Scene::new(&mut dice);
    for (group, template) in all() {
        for name in template::slots(&template.text) {
            assert!(
                slot::fill(&mut dice, &scene, name).is_some(),
                "{group}: `@{{{name}}}` in {}",
                template.text
            );
        }
    }
}

#[test]
fn a_kind_of_document_has_sixty_templates_and_none_of_both_halves() {
    for group in GROUPS.iter().chain(&["clean"]) {
        let of_group: Vec<Template> = all().filter(|(of, _)| of == group).map(|(_, one)| one).collect();
        assert!(of_group.len() >= 60, "{group} has {}", of_group.len());
        let texts = |half| -> BTreeSet<&str> {
            of_group.iter().filter(|one| one.half == half).map(|one| one.text.as_str()).collect()
        };
        let (tune, test) = (texts(Half::Tune), texts(Half::Test));
        assert!(tune.is_disjoint(&test), "{group}");
        assert!(tune.len() >= 15 && test.len() >= 15, "{group}: {} and {}", tune.len(), test.len());
    }
}

#[test]
fn marks_lie_on_characters_and_hold_what_was_planted() {
    let mut library = Library::new(3, None);
    for document in library.documents(20) {
        for mark in &document.marks {
            let planted = document.text.get(mark.start..mark.end);
            assert!(planted.is_some_and(|text| !text.trim().is_empty()), "{mark:?} in {}", document.text);
        }
    }
}

#[test]
fn a_seed_gives_the_same_documents_again() {
    let texts = |seed| -> Vec<String> {
        Library::new(seed, Some(Half::Test)).documents(2).into_iter().map(|one| one.text).collect()
    };
    assert_eq!(texts(5), texts(5));
    assert_ne!(texts(5), texts(6));
}

#[test]
fn prompts_that_are_called_clean_are_clean() {
    for prompt in Library::new(9, None).clean_prompts(300) {
        assert!(prompt.is_clean(), "{:?} in {}", prompt.marks, prompt.text);
    }
}
