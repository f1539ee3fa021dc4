use schleuse_types::{Role, Tenant, Timestamp};

use crate::store::Store;
use crate::store::tests::{Folder, NOW, new_key, open, session};
use crate::{PersonRow, SignedIn, StoreError};

const LATER: Timestamp = Timestamp(NOW.0 + 1_000_000);

fn ada() -> SignedIn {
    SignedIn {
        id: "p-1".to_owned(),
        name: "Ada Lovelace".to_owned(),
        issuer: "https://one.example".to_owned(),
        subject: "7".to_owned(),
        role: Role::Engineer,
        groups: vec!["b".to_owned(), "a".to_owned(), "a".to_owned()],
        tenant: Tenant::parse("retail").unwrap(),
    }
}

async fn the_only_person(store: &Store) -> PersonRow {
    let mut people = store.people().await.unwrap();
    assert_eq!(people.len(), 1);
    let person = people.remove(0);
    assert_eq!(store.find_person(&person.id).await.unwrap().as_ref(), Some(&person));
    person
}

#[tokio::test]
async fn who_signs_in_is_made_and_then_kept_up_to_date() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    let made = store.sign_in_person(&ada(), NOW).await.unwrap();
    let expected = PersonRow {
        id: "p-1".to_owned(),
        name: "Ada Lovelace".to_owned(),
        role: Role::Engineer,
        groups: vec!["a".to_owned(), "b".to_owned()],
        tenant: Tenant::parse("retail").unwrap(),
        created: NOW,
        issuer: Some("https://one.example".to_owned()),
        subject: Some("7".to_owned()),
        blocked: None,
        last_seen: Some(NOW),
    };
    assert_eq!(made, expected);
    assert_eq!(the_only_person(&store).await, expected);

    let married = SignedIn { name: "Ada King".to_owned(), groups: vec!["c".to_owned()], ..ada() };
    let kept = store.sign_in_person(&married, LATER).await.unwrap();
    let expected = PersonRow {
        name: "Ada King".to_owned(),
        groups: vec!["c".to_owned()],
        last_seen: Some(LATER),
        ..expected
    };
    assert_eq!(kept, expected);
    assert_eq!(the_only_person(&store).await, expected);
}

#[tokio::test]
async fn another_role_at_the_issuer_is_that_of_the_credentials_that_had_the_former() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    store.sign_in_person(&ada(), NOW).await.unwrap();
    let mut own = new_key(1);
    own.person = "p-1".to_owned();
    let mut lesser = new_key(2);
    lesser.person = "p-1".to_owned();
    lesser.role = Role::Auditor;
    store.insert_key(&own).await.unwrap();
    store.insert_key(&lesser).await.unwrap();
    let mut at_work = session(1);
    at_work.person = "p-1".to_owned();
    store.insert_session(&at_work).await.unwrap();

    store.sign_in_person(&SignedIn { role: Role::Employee, ..ada() }, LATER).await.unwrap();
    let roles: Vec<Role> = store.keys().await.unwrap().iter().map(|key| key.role).collect();
    assert_eq!(roles, [Role::Employee, Role::Auditor]);
    assert_eq!(store.sessions().await.unwrap()[0].role, Role::Employee);
}

/// Signing in as `who` after Ada has signed in.
async fn check_refused(who: SignedIn, expected: &str) {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    let before = store.sign_in_person(&ada(), NOW).await.unwrap();
    assert_eq!(store.sign_in_person(&who, LATER).await.unwrap_err().to_string(), expected);
    assert_eq!(the_only_person(&store).await, before);
}

#[tokio::test]
async fn issuer_and_subject_together_are_the_person() {
    let taken = "there is already somebody called `p-1`";
    check_refused(SignedIn { issuer: "https://two.example".to_owned(), ..ada() }, taken).await;
    check_refused(SignedIn { subject: "8".to_owned(), ..ada() }, taken).await;
    check_refused(SignedIn { id: "p-2".to_owned(), ..ada() }, "there is already somebody called `p-2`").await;
    check_refused(
        SignedIn { groups: vec!["a".to_owned(), "b\n".to_owned()], ..ada() },
        "`b\\n` is no name; names have 1 to 128 bytes, no control characters and no blanks around them",
    )
    .await;

    // The same subject at another issuer is somebody else.
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    store.sign_in_person(&ada(), NOW).await.unwrap();
    let other = SignedIn { id: "p-2".to_owned(), issuer: "https://two.example".to_owned(), ..ada() };
    store.sign_in_person(&other, NOW).await.unwrap();
    assert_eq!(store.people().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_name_from_outside_is_made_to_fit() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    for (name, expected) in [
        (" Ada\u{7}\n ", "Ada".to_owned()),
        ("", "p-1".to_owned()),
        ("\n \t", "p-1".to_owned()),
        (&"ä".repeat(100), "ä".repeat(64)),
        (&format!("{} x", "y".repeat(127)), "y".repeat(127)),
    ] {
        let person = store.sign_in_person(&SignedIn { name: name.to_owned(), ..ada() }, NOW).await;
        assert_eq!(person.unwrap().name, expected, "{name:?}");
    }
}

#[tokio::test]
async fn somebody_blocked_is_not_changed_by_signing_in() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    store.sign_in_person(&ada(), NOW).await.unwrap();
    assert!(store.set_blocked("p-1", true, NOW).await.unwrap());
    assert!(!store.set_blocked("p-1", true, LATER).await.unwrap());
    let blocked = the_only_person(&store).await;
    assert_eq!(blocked.blocked, Some(NOW));
    let promoted = SignedIn { role: Role::Admin, groups: Vec::new(), ..ada() };
    assert_eq!(store.sign_in_person(&promoted, LATER).await.unwrap(), blocked);
    assert_eq!(the_only_person(&store).await, blocked);

    assert!(store.set_blocked("p-1", false, LATER).await.unwrap());
    assert!(!store.set_blocked("p-1", false, LATER).await.unwrap());
    assert_eq!(store.sign_in_person(&promoted, LATER).await.unwrap().role, Role::Admin);
    let nobody = store.set_blocked("bob", true, NOW).await;
    assert!(matches!(nobody, Err(StoreError::UnknownPerson { .. })));
}

#[tokio::test]
async fn a_person_is_created_once() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    let made = store.create_person("bot", "The bot", Role::Employee, NOW).await.unwrap();
    assert_eq!(
        (made.name.as_str(), made.role, made.issuer, made.last_seen),
        ("The bot", Role::Employee, None, None)
    );
    let again = store.create_person("bot", "Another", Role::Admin, NOW).await;
    assert!(matches!(again, Err(StoreError::PersonExists { .. })));
    assert!(matches!(store.create_person("b", "", Role::Admin, NOW).await, Err(StoreError::BadName { .. })));
    assert_eq!(the_only_person(&store).await.name, "The bot");
}

#[tokio::test]
async fn everybody_belongs_to_one_tenant_with_all_keys() {
    let folder = Folder::new();
    let store = open(&folder.database()).await;
    let retail = Tenant::parse("retail").unwrap();
    let bank = Tenant::parse("bank").unwrap();
    assert_eq!(store.ensure_person("ada", Role::Engineer, NOW).await.unwrap().tenant, Tenant::HOUSE);
    store.insert_key(&new_key(1)).await.unwrap();
    store.set_tenant("ada", &retail).await.unwrap();
    // Whoever is there already stays where they are.
    assert_eq!(store.ensure_person("ada", Role::Engineer, NOW).await.unwrap().tenant, retail);
    assert_eq!(store.keys().await.unwrap().remove(0).tenant, retail);
    assert_eq!(store.find_key_by_id("k-1").await.unwrap().unwrap().tenant, retail);
    assert_eq!(store.tenant_of("ada").await.unwrap(), Some(retail));
    assert_eq!(store.tenant_of("eve").await.unwrap(), None);
    assert!(matches!(store.set_tenant("eve", &bank).await, Err(StoreError::UnknownPerson { .. })));
    // An issuer may say something new.
    store.sign_in_person(&ada(), NOW).await.unwrap();
    let moved = SignedIn { tenant: bank.clone(), ..ada() };
    assert_eq!(store.sign_in_person(&moved, LATER).await.unwrap().tenant, bank);
}
