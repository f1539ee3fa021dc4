use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use schleuse_tlog::{LogVerifier, Note, leaf_hash, verify_inclusion};
use schleuse_types::Outcome;

use super::{Filter, Reader, SCAN_ENTRIES_MAX, milliseconds_of};
use crate::log::tests::{Folder, options};
use crate::{Event, Log, Record, verify};

fn record(number: u64) -> Record {
    Record {
        request_id: format!("REQ{number}"),
        user: format!("p:{}", number % 3),
        action: Some(if number.is_multiple_of(10) { Outcome::Blocked } else { Outcome::Allowed }),
        model: "m \"1\"\u{1}ü".to_owned(),
        rules: vec!["first".to_owned(), format!("rule-{}", number % 7)],
        ..Record::new(if number.is_multiple_of(2) { Event::LlmAdmit } else { Event::LlmComplete })
    }
}

async fn append(log: &Log, from: u64, to: u64) {
    let mut tasks = tokio::task::JoinSet::new();
    for number in from..to {
        // Polled once here, so that they are queued in order.
        let log = log.clone();
        let mut appended = Box::pin(async move { log.append(record(number)).await.unwrap() });
        let polled = std::future::poll_fn(|context| std::task::Poll::Ready(appended.as_mut().poll(context)));
        if polled.await.is_pending() {
            tasks.spawn(appended);
        }
    }
    tasks.join_all().await;
}

/// A log of `count` entries whose number is their index, open.
async fn filled(folder: &Folder, count: u64) -> (Log, PathBuf) {
    let (log, _) = Log::open(options(folder)).unwrap();
    append(&log, 0, count).await;
    (log, folder.0.join("audit"))
}

fn indices(page: &super::Page) -> Vec<u64> {
    page.entries.iter().map(|entry| entry.index).collect()
}

/// All pages of a filter, one after the other.
fn all_pages(reader: &Reader, filter: &Filter, limit: usize) -> Vec<u64> {
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = reader.newest(filter, before, limit).unwrap();
        assert!(page.entries.len() <= limit);
        found.extend(indices(&page));
        match page.next {
            Some(next) => before = Some(next),
            None => return found,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_go_backwards_over_tiles_and_what_is_behind_them() {
    let folder = Folder::new();
    let (log, dir) = filled(&folder, 1300).await;
    for reader in [log.reader(), Reader::open(&dir).unwrap()] {
        assert_eq!(reader.size().unwrap(), 1300);
        let page = reader.newest(&Filter::default(), None, 3).unwrap();
        assert_eq!((indices(&page), page.next), (vec![1299, 1298, 1297], Some(1297)));
        assert_eq!(page.entries[0].members()["request_id"], "REQ1299");
        let page = reader.newest(&Filter::default(), Some(2), 3).unwrap();
        assert_eq!((indices(&page), page.next), (vec![1, 0], None));
        assert_eq!(all_pages(&reader, &Filter::default(), 97), (0..1300).rev().collect::<Vec<_>>());
        let entries = reader.entries(510..515).unwrap();
        assert_eq!(entries.iter().map(|entry| entry.index).collect::<Vec<_>>(), [510, 511, 512, 513, 514]);
        assert_eq!(reader.entries(0..u64::MAX).unwrap().len(), 1000);
        assert_eq!(reader.entries(1300..1400).unwrap(), []);
        assert_eq!(reader.entry(1300).unwrap(), None);
    }
}

#[test]
fn a_level_stands_for_every_label_of_it() {
    let check = |label: &str, expected: bool| {
        let filter = Filter { label: Some(label.to_owned()), ..Filter::default() };
        assert_eq!(filter.matches(br#"{"label":"CONFIDENTIAL//hr,patient"}"#), expected, "{label}");
    };
    check("CONFIDENTIAL", true);
    check("CONFIDENTIAL//hr,patient", true);
    check("CONFIDENTIAL//hr", false);
    check("SECRET", false);
    check("hr", false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_must_all_fit_and_fit_whole_values() {
    let folder = Folder::new();
    let (log, _) = filled(&folder, 300).await;
    let reader = log.reader();
    let check = |filter: Filter, expected: &dyn Fn(u64) -> bool| {
        let expected: Vec<u64> = (0..300).rev().filter(|number| expected(*number)).collect();
        assert_eq!(all_pages(&reader, &filter, 50), expected, "{filter:?}");
    };
    let some = |text: &str| Some(text.to_owned());
    check(Filter { user: some("p:1"), ..Filter::default() }, &|number| number % 3 == 1);
    check(Filter { user: some("p:"), ..Filter::default() }, &|_| false);
    check(Filter { action: some("BLOCKED"), ..Filter::default() }, &|number| number % 10 == 0);
    check(Filter { rule: some("rule-6"), ..Filter::default() }, &|number| number % 7 == 6);
    check(Filter { model: some("m \"1\"\u{1}ü"), ..Filter::default() }, &|_| true);
    check(Filter { model: some("first"), ..Filter::default() }, &|_| false);
    check(Filter { label: some("SECRET"), ..Filter::default() }, &|_| false);
    check(Filter { request_id: some("REQ77"), ..Filter::default() }, &|number| number == 77);
    let both = Filter { event: some("llm.complete"), rule: some("rule-0"), ..Filter::default() };
    check(both, &|number| number % 2 == 1 && number % 7 == 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_looks_at_a_bounded_number_and_says_where_to_go_on() {
    let folder = Folder::new();
    let count = SCAN_ENTRIES_MAX + 300;
    let (log, _) = {
        let mut options = options(&folder);
        options.queue = 1 << 16;
        options.segment_bytes = 64 << 20;
        Log::open(options).unwrap()
    };
    append(&log, 0, count).await;
    let filter = Filter { request_id: Some("REQ5".to_owned()), ..Filter::default() };
    let page = log.reader().newest(&filter, None, 10).unwrap();
    assert_eq!((indices(&page), page.next), (vec![], Some(300)));
    assert_eq!(all_pages(&log.reader(), &filter, 10), [5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_stay_right_while_the_log_grows() {
    let folder = Folder::new();
    let (log, dir) = filled(&folder, 10).await;
    // The writer goes on for as long as somebody reads, however fast either of them is.
    let is_read = Arc::new(AtomicBool::new(false));
    let mut writing = tokio::task::JoinSet::new();
    writing.spawn({
        let (log, is_read) = (log.clone(), Arc::clone(&is_read));
        async move {
            let mut next = 10;
            while !is_read.load(Ordering::Relaxed) {
                append(&log, next, next + 40).await;
                next += 40;
            }
        }
    });
    let reading = tokio::task::spawn_blocking(move || {
        let readers = [log.reader(), Reader::open(&dir).unwrap()];
        let (mut rounds, mut size) = (0, 0);
        while rounds < 8 || size <= 50 {
            rounds += 1;
            for reader in &readers {
                size = reader.size().unwrap();
                let page = reader.newest(&Filter::default(), None, 300).unwrap();
                let newest = page.entries[0].index;
                assert!(newest + 1 >= size);
                assert_eq!(indices(&page), (0..=newest).rev().take(300).collect::<Vec<_>>());
                for entry in page.entries {
                    assert_eq!(entry.members()["request_id"], format!("REQ{}", entry.index));
                }
            }
        }
        is_read.store(true, Ordering::Relaxed);
    });
    let read = reading.await;
    writing.abort_all();
    read.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_is_proven_under_the_signed_checkpoint() {
    let folder = Folder::new();
    let (log, dir) = filled(&folder, 1000).await;
    log.close().await.unwrap();
    for reader in [log.reader(), Reader::open(&dir).unwrap()] {
        let checkpoint = reader.checkpoint().unwrap();
        assert_eq!(checkpoint.size, 1000);
        for index in [0, 1, 255, 256, 511, 767, 998, 999] {
            let proof = reader.prove(index).unwrap().unwrap();
            // As an outsider would check it, with nothing but the answer.
            let key = LogVerifier::parse(&proof.checkpoint.vkey).unwrap();
            let note = Note::parse(&proof.checkpoint.note).unwrap();
            key.verify(&note).unwrap();
            let signed = schleuse_tlog::Checkpoint::parse(note.text).unwrap();
            let leaf = leaf_hash(&proof.entry.bytes);
            assert_eq!(leaf, proof.leaf_hash);
            assert!(verify_inclusion(&proof.path, index, &leaf, signed.size, &signed.root));
            assert!(!verify_inclusion(&proof.path, index + 1, &leaf, signed.size, &signed.root));
        }
        assert_eq!(reader.prove(1000).unwrap(), None);
    }
    assert_eq!(verify(&dir).unwrap().entries(), 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_entry_is_not_proven() {
    let folder = Folder::new();
    let (log, dir) = filled(&folder, 600).await;
    log.close().await.unwrap();
    let bundle = dir.join("tile/entries/001");
    let mut bytes = std::fs::read(&bundle).unwrap();
    let at = bytes.windows(6).position(|window| window == b"REQ256").unwrap();
    bytes[at + 3] = b'9';
    std::fs::write(&bundle, bytes).unwrap();
    let reader = Reader::open(&dir).unwrap();
    let error = reader.prove(256).unwrap_err();
    assert_eq!(error.to_string(), "entry 256 in `tile`: the entry is not under the signed root");
    assert!(reader.prove(257).unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_found_by_the_time_in_its_id() {
    use schleuse_types::{BufferedRandom, RequestId, SystemClock};
    let folder = Folder::new();
    let (log, _) = filled(&folder, 700).await;
    let id = RequestId::new(&SystemClock::new(), &BufferedRandom::default()).unwrap().to_string();
    for event in [Event::LlmAdmit, Event::LlmComplete] {
        let record = Record { request_id: id.clone(), ..Record::new(event) };
        log.append(record).await.unwrap();
    }
    append(&log, 702, 1500).await;
    let found = log.reader().of_request(&id).unwrap();
    assert_eq!(found.iter().map(|entry| entry.index).collect::<Vec<_>>(), [700, 701]);
    let other = RequestId::new(&SystemClock::new(), &BufferedRandom::default()).unwrap().to_string();
    assert_eq!(log.reader().of_request(&other).unwrap(), []);
    for strange in [
        "",
        "REQ5",
        &id.to_lowercase(),
        &id.replacen('0', "", 1),
        "../../../../../etc/passwd",
        "ÄÄÄÄÄÄÄÄÄÄÄÄÄ",
    ] {
        assert_eq!(log.reader().of_request(strange).unwrap(), [], "{strange}");
    }
}

#[test]
fn the_time_of_an_id_is_that_of_the_ulid_specification() {
    assert_eq!(milliseconds_of("01ARYZ6S41TSV4RRFFQ69G5FAV"), Some(1_469_918_176_385));
    assert_eq!(milliseconds_of("ZZZZZZZZZZZZZZZZZZZZZZZZZZ"), None);
}

proptest! {
    /// The quick look for the text never hides an entry that the slow one would find.
    #[test]
    fn whatever_is_recorded_is_found_by_its_own_value(model in "\\PC{0,30}|[\\x00-\\x20\"\\\\]{0,10}") {
        let record = Record { model: model.clone(), ..Record::default() };
        let bytes = record.encode(schleuse_types::Timestamp(0), &[0; 16]);
        let filter = Filter { model: Some(model), ..Filter::default() };
        prop_assert!(filter.matches(&bytes));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_and_a_proof_read_no_more_than_they_need() {
    let folder = Folder::new();
    let (log, dir) = filled(&folder, 256 * 8 + 10).await;
    log.close().await.unwrap();
    let reader = Reader::open(&dir).unwrap();
    let expected = reader.prove(2050).unwrap();
    // Whoever read the old bundles would miss them now.
    for old in 0..7 {
        std::fs::remove_file(dir.join(format!("tile/entries/00{old}"))).unwrap();
        std::fs::remove_file(dir.join(format!("tile/0/00{old}"))).unwrap();
    }
    let page = reader.newest(&Filter::default(), None, 200).unwrap();
    assert_eq!(indices(&page), (1858..2058).rev().collect::<Vec<_>>());
    assert_eq!(reader.prove(2050).unwrap(), expected);
    assert_eq!(reader.entry(2057).unwrap().unwrap().index, 2057);
    assert_eq!(reader.entry(3).unwrap_err().to_string(), "`tile/entries/000`: the file is missing");
}
