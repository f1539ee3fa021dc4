use proptest::prelude::*;

use super::{Anchor, Anchors, Keyword};
use crate::text::{is_word, starts_word};

fn keyword(letters: &str, starts_word: bool, exact: bool, next: Option<&[u8]>) -> Keyword {
    let set = |bytes: &[u8]| Box::new(std::array::from_fn(|byte| bytes.contains(&(byte as u8))));
    Keyword { letters: letters.as_bytes().into(), exact, starts_word, next: next.map(set) }
}

/// Every keyword at every place where it must be found, and those where it may be.
fn occurrences(keywords: &[Keyword], text: &[u8]) -> (Vec<Anchor>, Vec<Anchor>) {
    let (mut must, mut may) = (Vec::new(), Vec::new());
    for start in 0..text.len() {
        for (number, keyword) in keywords.iter().enumerate() {
            let end = start + keyword.letters.len();
            let Some(there) = text.get(start..end) else { continue };
            let anchor = Anchor::Keyword { number, start, end };
            if there == &*keyword.letters || !keyword.exact && there.eq_ignore_ascii_case(&keyword.letters) {
                may.push(anchor);
                let next = text
                    .get(end)
                    .zip(keyword.next.as_ref())
                    .is_none_or(|(byte, next)| next[usize::from(*byte)]);
                if next && (!keyword.starts_word || starts_word(text, start)) {
                    must.push(anchor);
                }
            }
        }
        if text[start].is_ascii_digit() && !text[..start].last().is_some_and(u8::is_ascii_digit) {
            may.push(Anchor::Digits { start });
            must.push(Anchor::Digits { start });
        }
        let capital = |byte: &u8| matches!(byte, b'A'..=b'Z' | 0xC3..=0xC5);
        if capital(&text[start]) && !text[..start].last().is_some_and(capital) {
            may.push(Anchor::Capitals { start });
            must.push(Anchor::Capitals { start });
        }
    }
    (must, may)
}

fn check_all(keywords: Vec<Keyword>, text: &[u8]) {
    let (must, may) = occurrences(&keywords, text);
    let shown = format!("{keywords:?} in {}", text.escape_ascii());
    let mut found = Vec::new();
    Anchors::new(keywords).scan(text, |anchor| found.push(anchor));
    for anchor in must {
        assert!(found.contains(&anchor), "{anchor:?} is missing: {shown}");
    }
    for (index, anchor) in found.iter().enumerate() {
        assert!(may.contains(anchor), "{anchor:?} is not there: {shown}");
        assert!(!found[..index].contains(anchor), "{anchor:?} comes twice: {shown}");
    }
}

/// Checks keywords in any case, anywhere and at the beginnings of words.
fn check(keywords: &[&str], text: &[u8]) {
    for starts_word in [false, true] {
        check_all(keywords.iter().map(|letters| keyword(letters, starts_word, false, None)).collect(), text);
    }
}

#[test]
fn keywords_are_found_in_any_case() {
    check(
        &["password", "pass", "word", "a", "@", "sk", "://", "ghp_", "http:", "-----begin "],
        b"PassWord: http://a@B ghp_ SK sk-1 GHP_ dbPassword -----BEGIN",
    );
}

#[test]
fn exact_keywords_are_found_as_they_are_written() {
    let keywords = ["AKIA", "SK", "K", "sG.", "Bearer", "ION"];
    for starts_word in [false, true] {
        let keywords = keywords.map(|letters| keyword(letters, starts_word, true, None));
        check_all(keywords.into(), b"AKIA akia SK sk K k sG. SG. Bearer bearer NATION ION ion");
    }
}

#[test]
fn words_begin_behind_escapes_too() {
    check(&["ab", "abc", "abcd"], b"x\\nabcd \\tABC\\xabcd \\\\nab \\nnabcd");
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
            check(&["ab", "12a", "fgh+", "abcdefgh", "gh+", "+", "+xx", "h+xx", " ab"], text.as_bytes());
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
        keywords in prop::collection::btree_map(
            "[a-c@_0-1]{1,7}",
            (any::<bool>(), any::<bool>(), prop::option::of(prop::collection::vec(prop::sample::select(b"abc_@ ".as_slice()), 0..5))),
            0..20,
        ),
        text in prop::collection::vec(prop::sample::select(b"abcABC@`_01 \n\xC3\\nt".as_slice()), 0..200),
    ) {
        let keywords = keywords.into_iter().map(|(letters, (starts, exact, next))| {
            let letters = if exact { letters.replace('b', "B") } else { letters };
            assert!(letters.bytes().all(|b| is_word(b) || b == b'@'));
            keyword(&letters, starts, exact, next.as_deref())
        });
        check_all(keywords.collect(), &text);
    }
}
