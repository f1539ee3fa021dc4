//! Prompts: questions that people keep to ask them again, with their versions, for themselves or for others too.
//!
//! A prompt is sealed under the key of its person. Others see it as they see a share: if they are among its readers, belong
//! to the same part of the house, and may read what inspection labels it. What would be blocked is not passed on.

use schleuse_store::{PromptRow, PromptVersionRow};
use schleuse_types::{Label, Refusal, Timestamp};
use schleuse_wire::json::{self, Bounds, Object, Value};
use schleuse_wire::{Arrival, Reply, invalid_request};

use crate::body::{missing, read_fields, take_count, take_text, take_texts, wrong};
use crate::deed::{Deed, DeedKind, Sight};
use crate::message::{number, string, time};
use crate::portal::{Portal, SMALL_BODY_BYTES_MAX, Visitor, document, nothing};
use crate::refusals::{self, Fault};
use crate::seal::{DataKey, Place};
use crate::share::{Owners, READER_BYTES_MAX, READERS_MAX, SHOWN_MAX, is_reader, reader_keys};

/// Of one person.
const PROMPTS_MAX: usize = 500;
/// Of one prompt; the oldest is forgotten beyond it.
const VERSIONS_MAX: u32 = 50;
/// Longest name, text and tag in bytes; tags of one prompt.
const NAME_BYTES_MAX: usize = 200;
const TEXT_BYTES_MAX: usize = 32 * 1024;
const TAG_BYTES_MAX: usize = 50;
const TAGS_MAX: usize = 10;
/// Largest body. JSON may write a byte of text in six.
const BODY_BYTES_MAX: usize = TEXT_BYTES_MAX * 6 + 64 * 1024;

/// A prompt in one of its versions.
#[derive(Debug, Clone, PartialEq)]
struct Prompt {
    id: String,
    owner: String,
    created: Timestamp,
    version: i64,
    updated: Timestamp,
    name: String,
    text: String,
    tags: Vec<String>,
    /// `everyone`, `group:…` or `person:…`; empty for one's own eyes only.
    with: Vec<String>,
    /// What inspection made of it.
    label: Label,
}

impl Prompt {
    fn to_sealed_text(&self) -> String {
        let mut out = Object::new();
        out.set("name", string(&self.name));
        out.set("text", string(&self.text));
        out.set("tags", texts(&self.tags));
        out.set("with", texts(&self.with));
        out.set("label", string(&self.label.to_string()));
        Value::Object(out).to_text()
    }

    /// None for one that was altered, moved, or sealed under another key.
    fn open(key: &DataKey, row: &PromptRow, version: &PromptVersionRow) -> Option<Self> {
        let place = Place::Prompt {
            person: &row.person,
            prompt: &row.id,
            version: version.version,
            created: row.created,
        };
        let opened = key.open(&place, &version.sealed).ok().and_then(|text| Self::read(row, version, &text));
        if opened.is_none() {
            tracing::error!(prompt = row.id, "a sealed prompt does not open");
        }
        opened
    }

    fn read(row: &PromptRow, version: &PromptVersionRow, text: &[u8]) -> Option<Self> {
        let Ok(Value::Object(object)) = json::parse(text, &Bounds::default()) else { return None };
        let text = |name: &str| Some(object.get(name)?.as_str()?.to_owned());
        let texts = |name: &str| {
            let texts = object.get(name)?.as_array()?.iter();
            texts.map(|text| text.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        };
        Some(Self {
            id: row.id.clone(),
            owner: row.person.clone(),
            created: row.created,
            version: version.version,
            updated: version.created,
            name: text("name")?,
            text: text("text")?,
            tags: texts("tags")?,
            with: texts("with")?,
            label: Label::parse(text("label")?.as_bytes()).ok()?,
        })
    }

    /// `owner` is the name of whose it is.
    fn to_json(&self, owner: &str, is_mine: bool) -> Object {
        let mut out = Object::new();
        out.set("id", string(&self.id));
        out.set("name", string(&self.name));
        out.set("text", string(&self.text));
        out.set("tags", texts(&self.tags));
        out.set("version", number(self.version.unsigned_abs()));
        out.set("created", time(self.created));
        out.set("updated", time(self.updated));
        out.set("owner", string(owner));
        out.set("mine", Value::Bool(is_mine));
        // Who else reads it is told to nobody else.
        out.set("with", if is_mine { texts(&self.with) } else { Value::Array(Vec::new()) });
        out.set("label", string(&self.label.to_string()));
        out
    }
}

/// What a body says of a prompt; what is not said stays.
struct Wish {
    name: Option<String>,
    text: Option<String>,
    tags: Option<Vec<String>>,
    with: Option<Vec<String>>,
}

impl Wish {
    async fn read(arrival: Arrival) -> Result<Self, Refusal> {
        let known = ["name", "text", "tags", "with"];
        let mut fields = read_fields(arrival.body, BODY_BYTES_MAX, &known).await?;
        let name = take_text(&mut fields, "name", NAME_BYTES_MAX)?;
        let tags = take_list(&mut fields, "tags", TAGS_MAX, TAG_BYTES_MAX)?;
        Ok(Self {
            name: name.map(|name| in_one_line(&name, "name")).transpose()?,
            text: take_text(&mut fields, "text", TEXT_BYTES_MAX)?,
            tags: tags
                .map(|tags| tags.iter().map(|tag| in_one_line(tag, "tags")).collect::<Result<_, _>>())
                .transpose()?,
            with: take_list(&mut fields, "with", READERS_MAX, READER_BYTES_MAX)?,
        })
    }
}

impl Portal {
    /// One's own, then those that others share, the newest of them first.
    pub(crate) async fn prompts(&self, visitor: &Visitor) -> Result<Reply, Refusal> {
        let reader = visitor.verified.principal();
        let mut told = Vec::new();
        let mut people = Owners::default();
        if let Some((key, own)) = people.find(self, &reader.person).await? {
            for row in self.archive.store.prompts(&reader.person).await.map_err(Fault::from)? {
                if let Some(prompt) = Prompt::open(key, &row, &row.newest) {
                    told.push(Value::Object(prompt.to_json(&own.name, true)));
                }
            }
        }
        let mut rows: Vec<PromptRow> = Vec::new();
        for key in reader_keys(reader) {
            let found = self.archive.store.prompts_for(&key, SHOWN_MAX).await.map_err(Fault::from)?;
            rows.extend(found.into_iter().filter(|row| row.person != reader.person));
        }
        rows.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        rows.dedup_by(|a, b| a.id == b.id);
        rows.truncate(usize::try_from(SHOWN_MAX).unwrap_or(usize::MAX));
        for row in &rows {
            let Some((key, owner)) = people.find(self, &row.person).await? else { continue };
            let Some(prompt) = Prompt::open(key, row, &row.newest) else { continue };
            if !is_reader(&prompt.with, reader) || owner.tenant != reader.tenant {
                continue;
            }
            if (self.judge)(&visitor.verified, &prompt.label, Sight::Glance).await?.is_none() {
                told.push(Value::Object(prompt.to_json(&owner.name, false)));
            }
        }
        let mut out = Object::new();
        out.set("prompts", Value::Array(told));
        Ok(document(200, out))
    }

    pub(crate) async fn make_prompt(&self, visitor: &Visitor, arrival: Arrival) -> Result<Reply, Refusal> {
        let wish = Wish::read(arrival).await?;
        let person = visitor.person();
        let key = self.archive.ensure_key(person).await?;
        let _turn = self.turn(person).await;
        if self.archive.store.prompts(person).await.map_err(Fault::from)?.len() >= PROMPTS_MAX {
            return Err(too_many_prompts());
        }
        let now = self.clock.now();
        let prompt = Prompt {
            id: self.new_id()?,
            owner: person.to_owned(),
            created: now,
            version: 1,
            updated: now,
            name: wish.name.ok_or_else(|| missing("name"))?,
            text: wish.text.ok_or_else(|| missing("text"))?,
            tags: wish.tags.unwrap_or_default(),
            with: self.readers(wish.with.unwrap_or_default(), visitor.tenant()).await?,
            label: Label::PUBLIC,
        };
        self.keep_prompt(visitor, &key, prompt, 201).await
    }

    /// Another name, text or tags make a new version; other readers do not.
    pub(crate) async fn change_prompt(
        &self,
        visitor: &Visitor,
        id: &str,
        arrival: Arrival,
    ) -> Result<Reply, Refusal> {
        let wish = Wish::read(arrival).await?;
        if wish.name.is_none() && wish.text.is_none() && wish.tags.is_none() && wish.with.is_none() {
            return Err(wrong(
                "text",
                "One of the fields `name`, `text`, `tags` and `with` must be there.".to_owned(),
                "Eines der Felder `name`, `text`, `tags` und `with` muss da sein.".to_owned(),
            ));
        }
        let person = visitor.person();
        let key = self.archive.key(person).await?.ok_or_else(no_prompt)?;
        let _turn = self.turn(person).await;
        let old = self.own_prompt(&key, person, id).await?;
        let with = match wish.with {
            Some(with) => self.readers(with, visitor.tenant()).await?,
            None => old.with.clone(),
        };
        let mut prompt = Prompt {
            name: wish.name.unwrap_or_else(|| old.name.clone()),
            text: wish.text.unwrap_or_else(|| old.text.clone()),
            tags: wish.tags.unwrap_or_else(|| old.tags.clone()),
            with,
            ..old.clone()
        };
        if (&prompt.name, &prompt.text, &prompt.tags) != (&old.name, &old.text, &old.tags) {
            prompt.version = old.version.saturating_add(1);
            prompt.updated = self.clock.now();
        }
        self.keep_prompt(visitor, &key, prompt, 200).await
    }

    /// Name, text and tags of an earlier version, as a new one. Who reads it stays.
    pub(crate) async fn restore_prompt(
        &self,
        visitor: &Visitor,
        id: &str,
        arrival: Arrival,
    ) -> Result<Reply, Refusal> {
        let mut fields = read_fields(arrival.body, SMALL_BODY_BYTES_MAX, &["version"]).await?;
        let version = take_count(&mut fields, "version")?.ok_or_else(|| missing("version"))?;
        let person = visitor.person();
        let key = self.archive.key(person).await?.ok_or_else(no_prompt)?;
        let _turn = self.turn(person).await;
        let newest = self.own_prompt(&key, person, id).await?;
        let old = self.prompt_in(&key, &newest, |row| i64::try_from(version) == Ok(row.version)).await?;
        let old = old.into_iter().next().ok_or_else(|| {
            wrong(
                "version",
                "This prompt has no such version any more.".to_owned(),
                "Diese Version der Vorlage gibt es nicht oder nicht mehr.".to_owned(),
            )
        })?;
        let prompt = Prompt {
            version: newest.version.saturating_add(1),
            updated: self.clock.now(),
            with: newest.with,
            ..old
        };
        self.keep_prompt(visitor, &key, prompt, 200).await
    }

    /// The versions that there are, newest first; for whose prompt it is.
    pub(crate) async fn prompt_versions(&self, visitor: &Visitor, id: &str) -> Result<Reply, Refusal> {
        let person = visitor.person();
        let key = self.archive.key(person).await?.ok_or_else(no_prompt)?;
        let newest = self.own_prompt(&key, person, id).await?;
        let versions = self.prompt_in(&key, &newest, |_| true).await?;
        let versions = versions.iter().map(|prompt| {
            let mut out = Object::new();
            out.set("version", number(prompt.version.unsigned_abs()));
            out.set("name", string(&prompt.name));
            out.set("text", string(&prompt.text));
            out.set("tags", texts(&prompt.tags));
            out.set("created", time(prompt.updated));
            Value::Object(out)
        });
        let mut out = Object::new();
        out.set("versions", Value::Array(versions.collect()));
        Ok(document(200, out))
    }

    pub(crate) async fn delete_prompt(&self, visitor: &Visitor, id: &str) -> Result<Reply, Refusal> {
        let deleted = self.archive.store.delete_prompt(visitor.person(), id).await;
        if deleted.map_err(Fault::from)? { Ok(nothing()) } else { Err(no_prompt()) }
    }

    async fn own_prompt(&self, key: &DataKey, person: &str, id: &str) -> Result<Prompt, Refusal> {
        let rows = self.archive.store.prompts(person).await.map_err(Fault::from)?;
        let row = rows.iter().find(|row| row.id == id).ok_or_else(no_prompt)?;
        Prompt::open(key, row, &row.newest).ok_or_else(refusals::damaged)
    }

    async fn prompt_in(
        &self,
        key: &DataKey,
        newest: &Prompt,
        wanted: impl Fn(&PromptVersionRow) -> bool,
    ) -> Result<Vec<Prompt>, Refusal> {
        let versions = self.archive.store.prompt_versions(&newest.owner, &newest.id).await;
        let versions = versions.map_err(Fault::from)?;
        let row = |version: &PromptVersionRow| PromptRow {
            id: newest.id.clone(),
            person: newest.owner.clone(),
            created: newest.created,
            newest: version.clone(),
        };
        let versions = versions.iter().filter(|version| wanted(version));
        Ok(versions.filter_map(|version| Prompt::open(key, &row(version), version)).collect())
    }

    /// Inspects, labels, seals and stores it. To be called by whoever has the person's turn.
    async fn keep_prompt(
        &self,
        visitor: &Visitor,
        key: &DataKey,
        mut prompt: Prompt,
        status: u16,
    ) -> Result<Reply, Refusal> {
        let tags =
            prompt.tags.iter().enumerate().map(|(place, tag)| (format!("/tags/{place}"), tag.as_str()));
        let parts = [("/name".to_owned(), prompt.name.as_str()), ("/text".to_owned(), prompt.text.as_str())];
        let default = (self.standing)(&visitor.verified).default;
        let parts: Vec<_> = parts.into_iter().chain(tags).collect();
        prompt.label = self.inspect_parts(visitor, default, &parts, !prompt.with.is_empty()).await?;
        if !prompt.with.is_empty() {
            // Before it is there: what is not in the log is not shared.
            self.note_prompt(visitor, &prompt).await?;
        }
        let place = Place::Prompt {
            person: &prompt.owner,
            prompt: &prompt.id,
            version: prompt.version,
            created: prompt.created,
        };
        let row = PromptRow {
            id: prompt.id.clone(),
            person: prompt.owner.clone(),
            created: prompt.created,
            newest: PromptVersionRow {
                version: prompt.version,
                sealed: key.seal(&place, prompt.to_sealed_text()).map_err(Fault::from)?,
                created: prompt.updated,
            },
        };
        let readers: Vec<&str> = prompt.with.iter().map(String::as_str).collect();
        let stored = self.archive.store.put_prompt(&row, &readers, VERSIONS_MAX).await;
        if !stored.map_err(Fault::from)? {
            return Err(no_prompt());
        }
        let owner = self.archive.store.find_person(&prompt.owner).await.map_err(Fault::from)?;
        let name = owner.map_or_else(|| prompt.owner.clone(), |owner| owner.name);
        Ok(document(status, prompt.to_json(&name, true)))
    }

    async fn note_prompt(&self, visitor: &Visitor, prompt: &Prompt) -> Result<(), Refusal> {
        let deed = Deed {
            principal: visitor.verified.principal().clone(),
            request_id: visitor.request_id.to_string(),
            kind: DeedKind::PromptShare,
            subject: prompt.id.clone(),
            owner: prompt.owner.clone(),
            with: prompt.with.clone(),
            label: Some(prompt.label.clone()),
            change: format!("version={}", prompt.version),
        };
        (self.note)(deed).await
    }
}

/// A list that may be empty; None when it is missing or null.
pub(crate) fn take_list(
    fields: &mut Object,
    name: &'static str,
    count_max: usize,
    bytes_max: usize,
) -> Result<Option<Vec<String>>, Refusal> {
    match fields.get(name) {
        Some(Value::Array(texts)) if texts.is_empty() => Ok(Some(Vec::new())),
        _ => take_texts(fields, name, count_max, bytes_max),
    }
}

/// Without control characters and blanks around it, and not empty.
pub(crate) fn in_one_line(text: &str, name: &'static str) -> Result<String, Refusal> {
    let text: String = text.chars().filter(|character| !character.is_control()).collect();
    let text = text.trim();
    if text.is_empty() {
        return Err(wrong(
            name,
            format!("The field `{name}` must not be empty."),
            format!("Das Feld `{name}` darf nicht leer sein."),
        ));
    }
    Ok(text.to_owned())
}

pub(crate) fn texts(all: &[String]) -> Value {
    Value::Array(all.iter().map(|text| string(text)).collect())
}

fn no_prompt() -> Refusal {
    refusals::nothing_there(
        "There is no such prompt of yours.",
        "Eine solche Vorlage haben Sie nicht.",
        "no such prompt of this person",
    )
}

fn too_many_prompts() -> Refusal {
    invalid_request(
        format!("You have {PROMPTS_MAX} prompts, and there is no room for more."),
        format!("Sie haben {PROMPTS_MAX} Vorlagen, mehr Platz gibt es nicht."),
        "too many prompts of one person",
        None,
    )
}
