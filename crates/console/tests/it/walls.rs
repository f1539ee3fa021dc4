//! Who stands on which side of a wall, and how they are released.

use schleuse_audit::Event;
use schleuse_types::{Clock as _, Role, SystemClock};
use serde_json::json;

use crate::house::House;

#[tokio::test]
async fn a_person_is_released_by_pseudonym_and_on_record() {
    let house = House::open().await;
    let store = &house.console.store;
    let now = SystemClock::new().now();
    for name in ["buy", "hr"] {
        assert_eq!(store.reach_compartments("employee", &[name], &["sell"], now).await.unwrap(), None);
    }
    let employee = house.pseudonym(Role::Employee);
    let listed = house.get(Role::Security, "/api/walls").await.json();
    assert_eq!(
        (&listed["reached"][0]["person"], &listed["reached"][0]["compartment"]),
        (&json!(employee), &json!("buy"))
    );
    assert!(!listed.to_string().contains("\"employee\""), "{listed}");

    let release = async |person: &str, compartment: &str, reason: &str| {
        let body = json!({"person": person, "compartment": compartment, "reason": reason}).to_string();
        house.post(Role::Security, "/api/walls/release", &body).await.status
    };
    assert_eq!(release(&employee, "sell", "moved").await, 404);
    assert_eq!(release("nobody", "buy", "moved").await, 404);
    assert_eq!(release(&employee, "buy", " ").await, 400);
    assert_eq!(house.count(Event::WallRelease), 0);
    assert_eq!(release(&employee, "buy", "moved to the other team").await, 204);
    let entry = house.newest(Event::WallRelease);
    assert_eq!(entry["user"], house.pseudonym(Role::Security));
    assert_eq!(entry["subject"], employee);
    assert_eq!(entry["change"], "compartment=buy reason_characters=23");
    assert_eq!(store.reach_compartments("employee", &["sell"], &["buy"], now).await.unwrap(), None);
    assert_eq!(house.post(Role::Admin, "/api/walls/release", "{}").await.status, 403);
}
