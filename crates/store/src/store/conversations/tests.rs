use schleuse_types::{Role, Tenant, Timestamp};

use crate::store::Store;
use crate::store::tests::{Folder, NOW, open};
use crate::{ConversationRow, MessageRow, StoreError};

const HOUSE: Tenant = Tenant::HOUSE;

async fn house(folder: &Folder) -> Store {
    let store = open(&folder.database()).await;
    store.ensure_person("ada", Role::Engineer, NOW).await.unwrap();
    store.ensure_person("bob", Role::Employee, NOW).await.unwrap();
    store
}

fn conversation(id: &str, person: &str, updated: u64) -> ConversationRow {
    ConversationRow {
        id: id.to_owned(),
        person: person.to_owned(),
        head: vec![0, 255, 7],
        created: NOW,
        updated: Timestamp(updated),
        running: true,
    }
}

fn message(id: &str, parent: Option<&str>, ordinal: i64) -> MessageRow {
    MessageRow {
        id: id.to_owned(),
        conversation: "c-1".to_owned(),
        parent: parent.map(str::to_owned),
        ordinal,
        sealed: vec![1, 0, 2],
        state: "running".to_owned(),
        created: NOW,
    }
}

fn is_unknown(answer: Result<(), StoreError>) -> bool {
    matches!(answer, Err(StoreError::UnknownConversation { .. }))
}

#[tokio::test]
async fn of_two_data_keys_the_first_stays() {
    let folder = Folder::new();
    let (store, other) = (house(&folder).await, open(&folder.database()).await);
    assert_eq!(store.data_key("ada", &HOUSE).await.unwrap(), None);
    let (one, two) = tokio::join!(
        store.ensure_data_key("ada", &HOUSE, b"one"),
        other.ensure_data_key("ada", &HOUSE, b"two")
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one, two);
    assert_eq!(store.data_key("ada", &HOUSE).await.unwrap(), Some(one.clone()));
    assert_eq!(store.ensure_data_key("ada", &HOUSE, b"three").await.unwrap(), one);
    assert_eq!(store.data_key("bob", &HOUSE).await.unwrap(), None);
    let nobody = store.ensure_data_key("eve", &HOUSE, b"one").await;
    assert!(matches!(nobody, Err(StoreError::UnknownPerson { .. })));
}

#[tokio::test]
async fn a_conversation_is_kept_listed_and_updated() {
    let folder = Folder::new();
    let store = house(&folder).await;
    store.put_conversation(&conversation("c-1", "ada", 10)).await.unwrap();
    store.put_conversation(&conversation("c-2", "ada", 20)).await.unwrap();
    let newer = ConversationRow {
        head: Vec::new(),
        running: false,
        created: Timestamp(5),
        ..conversation("c-1", "ada", 30)
    };
    store.put_conversation(&newer).await.unwrap();
    let expected = ConversationRow { created: NOW, ..newer };
    assert_eq!(store.conversations("ada").await.unwrap(), [expected.clone(), conversation("c-2", "ada", 20)]);
    assert_eq!(store.conversation("ada", "c-1").await.unwrap(), Some(expected));
    assert_eq!(store.conversation("ada", "c-9").await.unwrap(), None);
    let nobody = store.put_conversation(&conversation("c-3", "eve", 1)).await;
    assert!(matches!(nobody, Err(StoreError::UnknownPerson { .. })));
}

#[tokio::test]
async fn nobody_reaches_the_conversation_of_somebody_else() {
    let folder = Folder::new();
    let store = house(&folder).await;
    let adas = conversation("c-1", "ada", 10);
    store.put_conversation(&adas).await.unwrap();
    store.put_message("ada", &message("m-1", None, 0)).await.unwrap();

    assert_eq!(store.conversations("bob").await.unwrap(), []);
    assert_eq!(store.conversation("bob", "c-1").await.unwrap(), None);
    assert_eq!(store.messages("bob", "c-1").await.unwrap(), []);
    assert_eq!(store.message("bob", "c-1", "m-1").await.unwrap(), None);
    assert_eq!(store.message("ada", "c-1", "m-1").await.unwrap(), Some(message("m-1", None, 0)));
    assert_eq!(store.message("ada", "c-1", "m-2").await.unwrap(), None);
    assert!(is_unknown(store.put_conversation(&conversation("c-1", "bob", 99)).await));
    assert!(is_unknown(store.put_message("bob", &message("m-1", None, 9)).await));
    assert!(is_unknown(store.put_message("bob", &message("m-2", None, 9)).await));
    assert!(!store.delete_conversation("bob", "c-1").await.unwrap());

    assert_eq!(store.conversations("ada").await.unwrap(), [adas]);
    assert_eq!(store.messages("ada", "c-1").await.unwrap(), [message("m-1", None, 0)]);
}

#[tokio::test]
async fn messages_are_a_tree_of_one_conversation() {
    let folder = Folder::new();
    let store = house(&folder).await;
    assert!(is_unknown(store.put_message("ada", &message("m-1", None, 0)).await));
    store.put_conversation(&conversation("c-1", "ada", 10)).await.unwrap();
    store.put_conversation(&conversation("c-2", "ada", 10)).await.unwrap();
    let question = message("m-1", None, 0);
    let answer = message("m-3", Some("m-1"), 1);
    let sibling = message("m-2", Some("m-1"), 2);
    for row in [&question, &answer, &sibling] {
        store.put_message("ada", row).await.unwrap();
    }
    // The same id in another conversation is another message, and no parent there.
    let elsewhere = MessageRow { conversation: "c-2".to_owned(), ..message("m-1", None, 0) };
    store.put_message("ada", &elsewhere).await.unwrap();
    let stray = MessageRow { conversation: "c-2".to_owned(), ..message("m-4", Some("m-3"), 1) };
    assert!(matches!(store.put_message("ada", &stray).await, Err(StoreError::UnknownMessage { .. })));

    let done = MessageRow { state: "done".to_owned(), sealed: vec![9], ..answer };
    store.put_message("ada", &done).await.unwrap();
    assert_eq!(store.messages("ada", "c-1").await.unwrap(), [question.clone(), done, sibling.clone()]);
    let interrupted: Vec<(String, MessageRow)> =
        [question, sibling, elsewhere.clone()].into_iter().map(|row| ("ada".to_owned(), row)).collect();
    assert_eq!(store.interrupted_messages().await.unwrap(), interrupted);

    assert!(store.delete_conversation("ada", "c-1").await.unwrap());
    assert!(!store.delete_conversation("ada", "c-1").await.unwrap());
    assert_eq!(store.messages("ada", "c-1").await.unwrap(), []);
    assert_eq!(store.messages("ada", "c-2").await.unwrap(), [elsewhere]);
}

#[tokio::test]
async fn whoever_moves_to_another_tenant_leaves_conversations_behind() {
    let folder = Folder::new();
    let store = house(&folder).await;
    let retail = Tenant::parse("retail").unwrap();
    store.put_conversation(&conversation("c-1", "ada", 10)).await.unwrap();
    store.put_message("ada", &message("m-1", None, 0)).await.unwrap();
    store.ensure_data_key("ada", &HOUSE, b"one").await.unwrap();
    store.set_tenant("ada", &retail).await.unwrap();

    assert_eq!(store.data_key("ada", &retail).await.unwrap(), None);
    assert_eq!(store.ensure_data_key("ada", &retail, b"two").await.unwrap(), b"two");
    assert_eq!(store.conversations("ada").await.unwrap(), []);
    assert_eq!(store.conversation("ada", "c-1").await.unwrap(), None);
    assert_eq!(store.conversation_owner("c-1", &HOUSE).await.unwrap(), None);
    assert_eq!(store.conversation_owner("c-1", &retail).await.unwrap(), None);
    assert_eq!(store.messages("ada", "c-1").await.unwrap(), []);
    assert_eq!(store.interrupted_messages().await.unwrap(), []);
    assert!(is_unknown(store.put_conversation(&conversation("c-1", "ada", 20)).await));
    assert!(is_unknown(store.put_message("ada", &message("m-1", None, 0)).await));
    assert!(!store.delete_conversation("ada", "c-1").await.unwrap());
    store.put_conversation(&conversation("c-2", "ada", 20)).await.unwrap();
    assert_eq!(store.conversation_owner("c-2", &retail).await.unwrap().as_deref(), Some("ada"));

    store.set_tenant("ada", &HOUSE).await.unwrap();
    assert_eq!(store.conversations("ada").await.unwrap(), [conversation("c-1", "ada", 10)]);
    assert_eq!(store.messages("ada", "c-1").await.unwrap(), [message("m-1", None, 0)]);
    assert_eq!(store.data_key("ada", &HOUSE).await.unwrap().as_deref(), Some(&b"one"[..]));
}
