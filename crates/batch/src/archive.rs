//! The store behind the seal: the only place where texts become rows and rows become texts.

use std::sync::Arc;

use schleuse_store::{BatchLineRow, BatchRow, DataKey, FileRow, SealError, Store, StoreError};
use schleuse_types::{Label, Secret};

use crate::batch::Batch;
use crate::file::{File, Purpose};
use crate::line::Answer;
use crate::seal::Place;

/// Why the archive could not do what was asked. Never holds text of a file.
#[derive(Debug)]
pub(crate) enum Fault {
    Store(StoreError),
    Seal(SealError),
    /// What was sealed says what this binary cannot read.
    Unreadable,
    /// What reads a file ended early.
    Broken,
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<SealError> for Fault {
    fn from(error: SealError) -> Self {
        Self::Seal(error)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Seal(error) => error.fmt(f),
            Self::Unreadable => f.write_str("a sealed row says what cannot be read"),
            Self::Broken => f.write_str("a task ended early"),
        }
    }
}

pub(crate) struct Archive {
    pub(crate) store: Arc<Store>,
    pub(crate) house: Secret<[u8; 32]>,
}

impl Archive {
    /// The person's data key, made when there is none yet.
    pub(crate) async fn ensure_key(&self, person: &str) -> Result<DataKey, Fault> {
        if let Some(key) = self.key(person).await? {
            return Ok(key);
        }
        let tenant = self.store.tenant_of(person).await?;
        let tenant = tenant.ok_or_else(|| StoreError::UnknownPerson { person: person.to_owned() })?;
        let fresh = DataKey::generate()?.wrap(&self.house, &tenant, person)?;
        // Whoever was first made the key that counts.
        let wrapped = self.store.ensure_data_key(person, &tenant, &fresh).await?;
        Ok(DataKey::unwrap(&wrapped, &self.house, &tenant, person)?)
    }

    /// None for somebody who never kept anything.
    pub(crate) async fn key(&self, person: &str) -> Result<Option<DataKey>, Fault> {
        let Some(tenant) = self.store.tenant_of(person).await? else { return Ok(None) };
        let wrapped = self.store.data_key(person, &tenant).await?;
        let key = wrapped.map(|wrapped| DataKey::unwrap(&wrapped, &self.house, &tenant, person));
        Ok(key.transpose()?)
    }

    /// All files of the person, the oldest first. One that does not open has no name and the highest label.
    pub(crate) async fn files(&self, key: &DataKey, person: &str) -> Result<Vec<File>, Fault> {
        let rows = self.store.files(person).await?;
        Ok(rows.iter().map(|row| open_file(key, row)).collect())
    }

    pub(crate) async fn file(&self, key: &DataKey, person: &str, id: &str) -> Result<Option<File>, Fault> {
        let row = self.store.file(person, id).await?;
        Ok(row.map(|row| open_file(key, &row)))
    }

    pub(crate) async fn content(
        &self,
        key: &DataKey,
        person: &str,
        id: &str,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let Some(sealed) = self.store.file_content(person, id).await? else { return Ok(None) };
        Ok(Some(key.open(&Place::Content { person, file: id }, &sealed)?))
    }

    pub(crate) async fn insert_file(
        &self,
        key: &DataKey,
        person: &str,
        file: &File,
        content: Vec<u8>,
    ) -> Result<(), Fault> {
        let (row, sealed) = seal_file(key, person, file, content)?;
        Ok(self.store.insert_file(&row, &sealed).await?)
    }

    /// All batches of the person, the oldest first. One that does not open is left out.
    pub(crate) async fn batches(&self, key: &DataKey, person: &str) -> Result<Vec<Batch>, Fault> {
        let rows = self.store.batches(person).await?;
        Ok(rows.iter().filter_map(|row| open_batch(key, row).ok()).collect())
    }

    pub(crate) async fn batch(&self, key: &DataKey, person: &str, id: &str) -> Result<Option<Batch>, Fault> {
        let row = self.store.batch(person, id).await?;
        row.map(|row| open_batch(key, &row)).transpose()
    }

    pub(crate) async fn insert_batch(&self, key: &DataKey, person: &str, batch: &Batch) -> Result<(), Fault> {
        Ok(self.store.insert_batch(&seal_batch(key, person, batch)?).await?)
    }

    /// Keeps what is new of a batch, and the answer to a line with it.
    pub(crate) async fn update_batch(
        &self,
        key: &DataKey,
        person: &str,
        batch: &Batch,
        answered: Option<(u64, &Answer)>,
    ) -> Result<(), Fault> {
        let line = match answered {
            None => None,
            Some((ordinal, answer)) => {
                let place = Place::Line { person, batch: &batch.id, ordinal, is_failed: answer.is_failed };
                let sealed = key.seal(&place, answer.text.as_str())?;
                Some(BatchLineRow { ordinal, is_failed: answer.is_failed, sealed })
            }
        };
        Ok(self.store.update_batch(&seal_batch(key, person, batch)?, line.as_ref()).await?)
    }

    /// The answers so far, by ordinal: the text of each, and whether it failed.
    pub(crate) async fn answers(
        &self,
        key: &DataKey,
        person: &str,
        batch: &str,
    ) -> Result<Vec<(u64, bool, Vec<u8>)>, Fault> {
        let rows = self.store.batch_lines(person, batch).await?;
        let open = |row: &BatchLineRow| {
            let place = Place::Line { person, batch, ordinal: row.ordinal, is_failed: row.is_failed };
            Ok((row.ordinal, row.is_failed, key.open(&place, &row.sealed)?))
        };
        rows.iter().map(open).collect()
    }

    /// Keeps the end of a batch with what came of it.
    pub(crate) async fn finish_batch(
        &self,
        key: &DataKey,
        person: &str,
        batch: &Batch,
        files: Vec<(File, Vec<u8>)>,
    ) -> Result<(), Fault> {
        let seal = |(file, content): (File, Vec<u8>)| seal_file(key, person, &file, content);
        let files: Vec<_> = files.into_iter().map(seal).collect::<Result<_, _>>()?;
        Ok(self.store.finish_batch(&seal_batch(key, person, batch)?, &files).await?)
    }
}

fn seal_file(
    key: &DataKey,
    person: &str,
    file: &File,
    content: Vec<u8>,
) -> Result<(FileRow, Vec<u8>), SealError> {
    let head = Place::FileHead { person, file: &file.id, created: file.created };
    let row = FileRow {
        id: file.id.clone(),
        person: person.to_owned(),
        head: key.seal(&head, file.to_sealed_text())?,
        bytes: file.bytes,
        created: file.created,
        expires: file.expires,
    };
    Ok((row, key.seal(&Place::Content { person, file: &file.id }, content)?))
}

fn open_file(key: &DataKey, row: &FileRow) -> File {
    let mut file = File {
        id: row.id.clone(),
        name: String::new(),
        purpose: Purpose::Batch,
        label: Label::SECRET,
        bytes: row.bytes,
        created: row.created,
        expires: row.expires,
    };
    let place = Place::FileHead { person: &row.person, file: &row.id, created: row.created };
    let opened = key.open(&place, &row.head).ok();
    if opened.and_then(|text| file.read_sealed_text(&text)).is_none() {
        tracing::error!(file = row.id, "a sealed file does not open");
        file.label = Label::SECRET;
    }
    file
}

fn seal_batch(key: &DataKey, person: &str, batch: &Batch) -> Result<BatchRow, SealError> {
    let place = Place::BatchHead { person, batch: &batch.id, created: batch.created };
    Ok(BatchRow {
        id: batch.id.clone(),
        person: person.to_owned(),
        head: key.seal(&place, batch.to_sealed_text())?,
        is_over: batch.state.is_over(),
        created: batch.created,
        expires: batch.expires,
    })
}

fn open_batch(key: &DataKey, row: &BatchRow) -> Result<Batch, Fault> {
    let place = Place::BatchHead { person: &row.person, batch: &row.id, created: row.created };
    let opened = key.open(&place, &row.head).map_err(Fault::from).and_then(|text| {
        Batch::read_sealed_text(&row.id, row.created, row.expires, &text).ok_or(Fault::Unreadable)
    });
    opened.inspect_err(|fault| tracing::error!(batch = row.id, %fault, "a sealed batch does not open"))
}
