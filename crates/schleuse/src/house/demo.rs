//! People and keys of a demo house.

use schleuse_identity::{ApiKey, Pepper};
use schleuse_store::{NewKey, Store};
use schleuse_types::{Clock, Role, Secret};

use crate::data::{DataFolder, SecretName};
use crate::failure::{Doing as _, Failure};

/// The person behind a role's button.
pub(super) fn person(role: Role) -> String {
    format!("demo-{role}")
}

/// Makes people and keys of the five demo roles, stable across restarts.
pub(super) async fn ensure_demo_keys(
    store: &Store,
    data: &DataFolder,
    pepper: &Pepper,
    clock: &dyn Clock,
) -> Result<Vec<(Role, Secret<String>)>, Failure> {
    let secret = data.secret(SecretName::DemoKeys)?;
    let mut keys = Vec::new();
    for role in Role::ALL {
        let key = ApiKey::derive(secret.expose(), role.as_str());
        let hash = key.hash(pepper);
        let person = person(role);
        store.ensure_person(&person, role, clock.now()).await.doing("the store")?;
        let stored = NewKey {
            id: hash.id(),
            hash: hash.0,
            person,
            role,
            scopes: Vec::new(),
            created: clock.now(),
            expires: None,
        };
        store.ensure_key(&stored).await.doing("the store")?;
        keys.push((role, Secret::new(key.expose_printed().to_owned())));
    }
    Ok(keys)
}
