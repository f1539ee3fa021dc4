use crate::store::tests::{Folder, open};

const DAY: i64 = 20_778;

fn used(who: &str, tokens: u64) -> (String, u64) {
    (who.to_owned(), tokens)
}

#[tokio::test]
async fn usage_adds_up_by_day_and_is_forgotten_after_a_month() {
    let folder = Folder::new();
    let (store, other) = (open(&folder.database()).await, open(&folder.database()).await);
    store.add_usage(DAY, &[]).await.unwrap();
    store.add_usage(DAY, &[used("person:ada", 7), used("key:k-1", 1), used("person:ada", 3)]).await.unwrap();
    other.add_usage(DAY, &[used("person:ada", 5)]).await.unwrap();
    other.add_usage(DAY + 1, &[used("person:ada", 2)]).await.unwrap();
    assert_eq!(store.usage(DAY).await.unwrap(), [used("key:k-1", 1), used("person:ada", 15)]);
    assert_eq!(store.usage(DAY + 1).await.unwrap(), [used("person:ada", 2)]);
    assert_eq!(store.usage(DAY + 2).await.unwrap(), []);

    store.add_usage(DAY + 31, &[used("person:bob", 1)]).await.unwrap();
    assert_eq!(store.usage(DAY).await.unwrap().len(), 2);
    store.add_usage(DAY + 32, &[used("person:bob", 1)]).await.unwrap();
    assert_eq!(store.usage(DAY).await.unwrap(), []);
    assert_eq!(store.usage(DAY + 1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn absurd_numbers_do_not_wrap() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    for _ in 0..3 {
        store.add_usage(DAY, &[used("x", u64::MAX)]).await.unwrap();
    }
    assert_eq!(store.usage(DAY).await.unwrap(), [used("x", 3 << 53)]);
}
