//! Folders: what a person files conversations under.

use schleuse_store::FolderRow;
use schleuse_types::{Refusal, Timestamp};
use schleuse_wire::json::{Object, Value};
use schleuse_wire::{Arrival, Reply};

use crate::body::{missing, read_fields, take_text, wrong};
use crate::message::{number, string};
use crate::portal::{Portal, SMALL_BODY_BYTES_MAX, Visitor, document, nothing};
use crate::refusals::{self, Fault};
use crate::seal::{DataKey, Place};

/// Longest name of a folder.
const NAME_BYTES_MAX: usize = 200;

impl Portal {
    pub(crate) async fn folders(&self, visitor: &Visitor) -> Result<Reply, Refusal> {
        let person = visitor.person();
        let mut rows = Vec::new();
        if let Some(key) = self.archive.key(person).await? {
            let heads = self.archive.heads(person).await?;
            for row in self.archive.store.folders(person).await.map_err(Fault::from)? {
                let count = heads.iter().filter(|head| head.folder.as_ref() == Some(&row.id)).count();
                rows.push(Value::Object(folder_json(&row.id, &name(&key, person, &row), count)));
            }
        }
        let mut out = Object::new();
        out.set("folders", Value::Array(rows));
        Ok(document(200, out))
    }

    pub(crate) async fn make_folder(&self, visitor: &Visitor, arrival: Arrival) -> Result<Reply, Refusal> {
        let name = read_name(arrival).await?;
        let person = visitor.person();
        let key = self.archive.ensure_key(person).await?;
        let _turn = self.turn(person).await;
        if self.archive.store.folders(person).await.map_err(Fault::from)?.len() >= self.limits.folders_max {
            return Err(refusals::too_many_folders(self.limits.folders_max));
        }
        let (id, created) = (self.new_id()?, self.clock.now());
        self.put_folder(&key, person, &id, created, &name).await?;
        Ok(document(201, folder_json(&id, &name, 0)))
    }

    pub(crate) async fn rename_folder(
        &self,
        visitor: &Visitor,
        id: &str,
        arrival: Arrival,
    ) -> Result<Reply, Refusal> {
        let name = read_name(arrival).await?;
        let person = visitor.person();
        let key = self.archive.key(person).await?.ok_or_else(refusals::not_found)?;
        let _turn = self.turn(person).await;
        let rows = self.archive.store.folders(person).await.map_err(Fault::from)?;
        let row = rows.iter().find(|row| row.id == id).ok_or_else(refusals::not_found)?;
        self.put_folder(&key, person, id, row.created, &name).await?;
        let heads = self.archive.heads(person).await?;
        let count = heads.iter().filter(|head| head.folder.as_deref() == Some(id)).count();
        Ok(document(200, folder_json(id, &name, count)))
    }

    /// The conversations in it stay, in no folder.
    pub(crate) async fn delete_folder(&self, visitor: &Visitor, id: &str) -> Result<Reply, Refusal> {
        let person = visitor.person();
        let key = self.archive.key(person).await?.ok_or_else(refusals::not_found)?;
        // Nobody files anything here meanwhile.
        let _filing = self.turn(person).await;
        self.check_folder(person, id).await.map_err(|_| refusals::not_found())?;
        let heads = self.archive.heads(person).await?;
        let inside = heads.iter().filter(|head| head.folder.as_deref() == Some(id) && !head.is_damaged);
        for head in inside {
            let _turn = self.turn(&head.id).await;
            if let Some(mut head) = self.archive.head(&key, person, &head.id).await? {
                head.folder = None;
                self.archive.put_head(&key, person, &head).await?;
            }
        }
        let was_there = self.archive.store.delete_folder(person, id).await.map_err(Fault::from)?;
        if was_there { Ok(nothing()) } else { Err(refusals::not_found()) }
    }

    /// Refuses a folder that this person does not have.
    pub(crate) async fn check_folder(&self, person: &str, id: &str) -> Result<(), Refusal> {
        let rows = self.archive.store.folders(person).await.map_err(Fault::from)?;
        if rows.iter().any(|row| row.id == id) {
            return Ok(());
        }
        Err(wrong(
            "folder",
            "The folder that the field `folder` names is not there.".to_owned(),
            "Den Ordner, den das Feld `folder` nennt, gibt es nicht.".to_owned(),
        ))
    }

    async fn put_folder(
        &self,
        key: &DataKey,
        person: &str,
        id: &str,
        created: Timestamp,
        name: &str,
    ) -> Result<(), Refusal> {
        let sealed =
            key.seal(&Place::Folder { person, folder: id, created }, name.to_owned()).map_err(Fault::from)?;
        let row = FolderRow { id: id.to_owned(), sealed, created };
        let is_stored = self.archive.store.put_folder(person, &row).await.map_err(Fault::from)?;
        if is_stored { Ok(()) } else { Err(refusals::not_found()) }
    }
}

impl Portal {
    /// The person's folders, as id and name, oldest first.
    pub(crate) async fn folder_names(
        &self,
        key: &DataKey,
        person: &str,
    ) -> Result<Vec<(String, String)>, Refusal> {
        let rows = self.archive.store.folders(person).await.map_err(Fault::from)?;
        Ok(rows.into_iter().map(|row| (row.id.clone(), name(key, person, &row))).collect())
    }
}

async fn read_name(arrival: Arrival) -> Result<String, Refusal> {
    let mut fields = read_fields(arrival.body, SMALL_BODY_BYTES_MAX, &["name"]).await?;
    let name = take_text(&mut fields, "name", NAME_BYTES_MAX)?.ok_or_else(|| missing("name"))?;
    let name: String = name.chars().filter(|character| !character.is_control()).collect();
    let name = name.trim();
    if name.is_empty() {
        return Err(wrong(
            "name",
            "The field `name` must not be empty.".to_owned(),
            "Das Feld `name` darf nicht leer sein.".to_owned(),
        ));
    }
    Ok(name.to_owned())
}

/// Empty for one that was altered in the store: its conversations are still in it.
fn name(key: &DataKey, person: &str, row: &FolderRow) -> String {
    let place = Place::Folder { person, folder: &row.id, created: row.created };
    let opened = key.open(&place, &row.sealed).ok().and_then(|name| String::from_utf8(name).ok());
    opened.unwrap_or_else(|| {
        tracing::error!(folder = row.id, "the sealed name of a folder does not open");
        String::new()
    })
}

fn folder_json(id: &str, name: &str, conversations: usize) -> Object {
    let mut out = Object::new();
    out.set("id", string(id));
    out.set("name", string(name));
    out.set("conversations", number(u64::try_from(conversations).unwrap_or(u64::MAX)));
    out
}
