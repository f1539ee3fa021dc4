use proptest::prelude::*;

use super::{Anchor, Anchors};

/// Every keyword at every place, and every digit behind none.
fn expected(keywords: &[String], text: &[u8]) -> Vec<Anchor> {
    let mut expected = Vec::new();
    for start in 0..text.len() {
        for (number, keyword) in keywords.iter().enumerate() {
            let end = start + keyword.len();
            if text.get(start..end).is_some_and(|there| there.eq_ignore_ascii_case(keyword.as_bytes())) {
                expected.push(Anchor::Keyword { number, start, end });
            }
        }
        if text[start].is_ascii_digit() && !text[..start].last().is_some_and(u8::is_ascii_digit) {
            expected.push(Anchor::Digits { start });
        }
    }
    expected
}

fn check(keywords: &[&str], text: &[u8]) {
    let keywords: Vec<String> = keywords.iter().map(|keyword| keyword.to_lowercase()).collect();
    check_owned(&keywords, text);
}

fn check_owned(keywords: &[String], text: &[u8]) {
    let anchors = Anchors::new(keywords.iter().map(String::as_bytes));
    let mut found = Vec::new();
    anchors.scan(text, |anchor| found.push(anchor));
    let key = |anchor: &Anchor| match *anchor {
        Anchor::Keyword { number, start, .. } => (start, number),
        Anchor::Digits { start } => (start, usize::MAX),
    };
    found.sort_by_key(key);
    let mut expected = expected(keywords, text);
    expected.sort_by_key(key);
    assert_eq!(found, expected, "{keywords:?} in {:?}", text.escape_ascii().to_string());
}

#[test]
fn keywords_are_found_in_any_case() {
    check(
        &["password", "pass", "word", "a", "@", "sk", "://", "ghp_"],
        b"PassWord: http://a@B ghp_ SK sk-1 GHP_",
    );
}

#[test]
fn what_only_folds_alike_is_not_found() {
    check(&["a@b", "x_y", "[x", "-\r"], b"a`b x\x7fy {x \r-  A@B X_Y [X");
}

#[test]
fn keywords_across_and_at_the_ends_of_blocks_are_found() {
    for before in 0..140 {
        for after in 0..4 {
            let text = [" ".repeat(before), "Ab12abcdefgh+".to_owned(), "x".repeat(after)].concat();
            check(&["ab", "abcdefgh", "gh+", "+", "+xx"], text.as_bytes());
        }
    }
}

#[test]
fn no_keyword_and_no_text_are_fine() {
    check(&[], b"12 abc");
    check(&["abc"], b"");
    check(&["abc"], b"ab");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_anchors_are_found_once(
        keywords in prop::collection::btree_set("[a-c@_0-1]{1,6}", 0..20),
        text in prop::collection::vec(prop::sample::select(b"abcABC@`_01 \n\xC3".as_slice()), 0..300),
    ) {
        check_owned(&keywords.into_iter().collect::<Vec<_>>(), &text);
    }
}
