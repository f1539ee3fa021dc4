use schleuse_types::{Role, Timestamp};

use crate::store::Store;
use crate::store::tests::{Folder, NOW, open};
use crate::{AnsweredLine, BatchLineRow, BatchRow, FileRow, StoreError};

async fn house(folder: &Folder) -> Store {
    let store = open(&folder.database()).await;
    store.ensure_person("ada", Role::Engineer, NOW).await.unwrap();
    store.ensure_person("bob", Role::Employee, NOW).await.unwrap();
    store
}

fn file(id: &str, person: &str, expires: u64) -> FileRow {
    let (id, person) = (id.to_owned(), person.to_owned());
    FileRow { id, person, head: vec![0, 255, 7], bytes: 3, created: NOW, expires: Timestamp(expires) }
}

fn batch(id: &str, person: &str) -> BatchRow {
    let (id, person) = (id.to_owned(), person.to_owned());
    BatchRow { id, person, head: vec![1], is_over: false, created: NOW, expires: Timestamp(50) }
}

fn line(ordinal: u64, is_failed: bool) -> BatchLineRow {
    BatchLineRow { ordinal, is_failed, sealed: vec![9, 0] }
}

#[tokio::test]
async fn a_file_is_its_persons_until_it_is_deleted_or_expires() {
    let folder = Folder::new();
    let store = house(&folder).await;
    store.insert_file(&file("f-1", "ada", 10), b"one").await.unwrap();
    store.insert_file(&file("f-2", "ada", 20), b"two").await.unwrap();
    assert!(matches!(
        store.insert_file(&file("f-3", "eve", 20), b"").await,
        Err(StoreError::UnknownPerson { .. })
    ));
    assert_eq!(store.files("ada").await.unwrap(), [file("f-1", "ada", 10), file("f-2", "ada", 20)]);
    assert_eq!(store.file("ada", "f-2").await.unwrap(), Some(file("f-2", "ada", 20)));
    assert_eq!(store.file_content("ada", "f-2").await.unwrap().as_deref(), Some(&b"two"[..]));
    assert_eq!(store.files("bob").await.unwrap(), []);
    assert_eq!(store.file("bob", "f-1").await.unwrap(), None);
    assert_eq!(store.file_content("bob", "f-1").await.unwrap(), None);
    assert!(!store.delete_file("bob", "f-1").await.unwrap());

    assert_eq!(store.delete_expired(Timestamp(9)).await.unwrap(), (0, 0));
    assert_eq!(store.delete_expired(Timestamp(10)).await.unwrap(), (1, 0));
    assert_eq!(store.file_content("ada", "f-1").await.unwrap(), None);
    assert!(store.delete_file("ada", "f-2").await.unwrap());
    assert_eq!(store.files("ada").await.unwrap(), []);
}

#[tokio::test]
async fn the_end_of_a_batch_turns_its_lines_into_files() {
    let folder = Folder::new();
    let store = house(&folder).await;
    store.insert_batch(&batch("b-1", "ada")).await.unwrap();
    store.insert_batch(&batch("b-2", "bob")).await.unwrap();
    let known = BatchRow { head: vec![2], ..batch("b-1", "ada") };
    store.update_batch(&known, Some(&line(1, true))).await.unwrap();
    store.update_batch(&known, Some(&line(0, false))).await.unwrap();
    // A line is answered once.
    assert!(store.update_batch(&known, Some(&line(0, true))).await.is_err());
    assert_eq!(store.batch("ada", "b-1").await.unwrap(), Some(known.clone()));
    assert_eq!(store.batch("bob", "b-1").await.unwrap(), None);
    let answered = |ordinal, is_failed| AnsweredLine { ordinal, is_failed, bytes: 2 };
    assert_eq!(store.answered_lines("ada", "b-1").await.unwrap(), [answered(0, false), answered(1, true)]);
    assert_eq!(store.batch_lines("ada", "b-1").await.unwrap(), [line(0, false), line(1, true)]);
    assert_eq!(store.batch_lines("bob", "b-1").await.unwrap(), []);
    assert_eq!(store.unfinished_batches().await.unwrap().len(), 2);

    let over = BatchRow { is_over: true, expires: Timestamp(60), ..known };
    store.finish_batch(&over, &[(file("f-1", "ada", 60), b"all".to_vec())]).await.unwrap();
    assert_eq!(store.batch("ada", "b-1").await.unwrap(), Some(over.clone()));
    assert_eq!(store.batch_lines("ada", "b-1").await.unwrap(), []);
    assert_eq!(store.file_content("ada", "f-1").await.unwrap().as_deref(), Some(&b"all"[..]));
    // What is over stays as it is.
    assert!(matches!(store.update_batch(&over, None).await, Err(StoreError::UnknownFile { .. })));
    assert_eq!(store.unfinished_batches().await.unwrap(), [batch("b-2", "bob")]);
    // One that is not over does not go by itself.
    assert_eq!(store.delete_expired(Timestamp(60)).await.unwrap(), (1, 1));
    assert_eq!(store.batches("bob").await.unwrap(), [batch("b-2", "bob")]);
}
