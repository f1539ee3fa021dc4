use schleuse_types::Outcome;

use super::{FEED_ENTRIES, Fed};
use crate::log::tests::{Folder, options};
use crate::{Event, Log, Record};

fn record(number: u64) -> Record {
    Record { count: Some(number), action: Some(Outcome::Allowed), ..Record::new(Event::LogRead) }
}

#[tokio::test]
async fn a_listener_hears_what_is_recorded_from_then_on_in_order_until_the_end() {
    let folder = Folder::new();
    let (log, _) = Log::open(options(&folder)).unwrap();
    log.append(record(0)).await.unwrap();
    let mut feed = log.subscribe();
    for number in 1..50 {
        log.append(record(number)).await.unwrap();
    }
    for number in 1..50 {
        let Some(Fed::Entry(appended)) = feed.next().await else { panic!("entry {number} is not told") };
        assert_eq!(appended.index, number);
        assert_eq!(log.reader().entry(number).unwrap().unwrap().bytes, appended.entry);
    }
    log.close().await.unwrap();
    assert_eq!(feed.next().await, None);
}

#[tokio::test]
async fn a_listener_that_is_too_slow_is_told_how_much_it_missed() {
    let folder = Folder::new();
    let (log, _) = Log::open(options(&folder)).unwrap();
    let mut feed = log.subscribe();
    let all = FEED_ENTRIES as u64 + 100;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..all {
        let log = log.clone();
        tasks.spawn(async move { log.append(record(number)).await.unwrap() });
    }
    tasks.join_all().await;
    assert_eq!(feed.next().await, Some(Fed::Missed(100)));
    let Some(Fed::Entry(appended)) = feed.next().await else { panic!("nothing follows") };
    assert_eq!(appended.index, 100);
}
