//! The store behind the seal: the only place where text becomes rows and rows become text.

use std::sync::Arc;

use schleuse_store::{ConversationRow, MessageRow, Store, StoreError};
use schleuse_types::{Clock, Language, Secret, Tenant};

use crate::mask::Masking;
use crate::message::{Author, Head, Message, State};
use crate::refusals::{self, Fault};
use crate::seal::{DataKey, Place};
use crate::temporary::{Temporary, is_temporary};

/// Temporary conversations never come to the store: here they part from the others.
pub(crate) struct Archive {
    pub(crate) store: Arc<Store>,
    pub(crate) house: Secret<[u8; 32]>,
    pub(crate) temporary: Temporary,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Archive {
    /// The person's data key in the tenant where they are now, made when there is none yet.
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

    /// The same; none for somebody who never began a conversation there.
    pub(crate) async fn key(&self, person: &str) -> Result<Option<DataKey>, Fault> {
        let Some(tenant) = self.store.tenant_of(person).await? else { return Ok(None) };
        let wrapped = self.store.data_key(person, &tenant).await?;
        let key = wrapped.map(|wrapped| DataKey::unwrap(&wrapped, &self.house, &tenant, person));
        Ok(key.transpose()?)
    }

    /// Whose conversation of this tenant it is.
    pub(crate) async fn owner(&self, conversation: &str, tenant: &Tenant) -> Result<Option<String>, Fault> {
        if is_temporary(conversation) {
            let owner = self.temporary.owner(conversation);
            let Some(person) = owner else { return Ok(None) };
            let is_there = self.store.tenant_of(&person).await?.as_ref() == Some(tenant);
            return Ok(is_there.then_some(person));
        }
        Ok(self.store.conversation_owner(conversation, tenant).await?)
    }

    /// All conversations of the person but temporary ones, the one last updated first.
    pub(crate) async fn heads(&self, person: &str) -> Result<Vec<Head>, Fault> {
        let Some(key) = self.key(person).await? else { return Ok(Vec::new()) };
        let rows = self.store.conversations(person).await?;
        Ok(rows.iter().map(|row| open_head(&key, row)).collect())
    }

    pub(crate) async fn head(
        &self,
        key: &DataKey,
        person: &str,
        conversation: &str,
    ) -> Result<Option<Head>, Fault> {
        if is_temporary(conversation) {
            return Ok(self.temporary.head(person, conversation, self.clock.now()));
        }
        let row = self.store.conversation(person, conversation).await?;
        Ok(row.map(|row| open_head(key, &row)))
    }

    pub(crate) async fn put_head(&self, key: &DataKey, person: &str, head: &Head) -> Result<(), Fault> {
        if is_temporary(&head.id) {
            return found(&head.id, self.temporary.put_head(person, head));
        }
        let place = Place::Head { person, conversation: &head.id, created: head.created };
        let row = ConversationRow {
            id: head.id.clone(),
            person: person.to_owned(),
            head: key.seal(&place, head.to_sealed_text())?,
            created: head.created,
            updated: head.updated,
            // Told from what runs in memory: a flag in the store would be wrong after every crash.
            running: false,
        };
        Ok(self.store.put_conversation(&row).await?)
    }

    /// Keeps what a conversation begins with; it goes with the conversation.
    pub(crate) async fn put_instructions(
        &self,
        key: &DataKey,
        person: &str,
        conversation: &str,
        instructions: &str,
    ) -> Result<(), Fault> {
        if is_temporary(conversation) {
            return found(conversation, self.temporary.put_instructions(person, conversation, instructions));
        }
        let sealed = key.seal(&Place::Instructions { person, conversation }, instructions)?;
        Ok(self.store.put_instructions(person, conversation, &sealed).await?)
    }

    /// What a conversation began with; None where it began without, or where that does not open.
    pub(crate) async fn instructions(
        &self,
        key: &DataKey,
        person: &str,
        conversation: &str,
    ) -> Result<Option<String>, Fault> {
        if is_temporary(conversation) {
            return Ok(self.temporary.instructions(person, conversation));
        }
        let Some(sealed) = self.store.instructions(person, conversation).await? else { return Ok(None) };
        let opened = key.open(&Place::Instructions { person, conversation }, &sealed);
        Ok(String::from_utf8(opened?).ok())
    }

    /// Says whether there was such a conversation.
    pub(crate) async fn delete(&self, person: &str, conversation: &str) -> Result<bool, Fault> {
        if is_temporary(conversation) {
            return Ok(self.temporary.delete(person, conversation));
        }
        Ok(self.store.delete_conversation(person, conversation).await?)
    }

    /// All messages of the conversation, oldest first. One that does not open is there as a failed one without text.
    pub(crate) async fn messages(
        &self,
        key: &DataKey,
        person: &str,
        conversation: &str,
    ) -> Result<Vec<Message>, Fault> {
        if is_temporary(conversation) {
            return Ok(self.temporary.messages(person, conversation));
        }
        let rows = self.store.messages(person, conversation).await?;
        Ok(open_messages(key, person, &rows))
    }

    /// One message of a conversation that is in the store; None also where it does not open.
    pub(crate) async fn message(
        &self,
        key: &DataKey,
        person: &str,
        conversation: &str,
        id: &str,
    ) -> Result<Option<Message>, Fault> {
        let row = self.store.message(person, conversation, id).await?;
        Ok(row.and_then(|row| open_message(key, person, &row)))
    }

    pub(crate) async fn put_message(
        &self,
        key: &DataKey,
        person: &str,
        conversation: &str,
        message: &Message,
    ) -> Result<(), Fault> {
        if is_temporary(conversation) {
            return found(conversation, self.temporary.put_message(person, conversation, message));
        }
        let place = Place::Message {
            person,
            conversation,
            message: &message.id,
            parent: message.parent.as_deref(),
            ordinal: message.ordinal,
            created: message.created,
        };
        let row = MessageRow {
            id: message.id.clone(),
            conversation: conversation.to_owned(),
            parent: message.parent.clone(),
            ordinal: message.ordinal,
            sealed: key.seal(&place, message.to_sealed_text())?,
            // Beside the seal only so that what was interrupted is found; what counts is the sealed one.
            state: message.state.as_str().to_owned(),
            created: message.created,
        };
        Ok(self.store.put_message(person, &row).await?)
    }

    /// Ends what was being written when the house ended, and says how many answers that were. To be called once, before
    /// the first request.
    pub(crate) async fn end_interrupted(&self) -> Result<usize, Fault> {
        let mut count = 0;
        for (person, row) in self.store.interrupted_messages().await? {
            // What cannot be opened stays as it is; a page is told so when it asks for it.
            let opened = match self.key(&person).await {
                Ok(Some(key)) => open_message(&key, &person, &row).map(|message| (key, message)),
                Ok(None) | Err(Fault::Seal(_)) => None,
                Err(fault) => return Err(fault),
            };
            let Some((key, mut message)) = opened else {
                tracing::error!(message = row.id, "an interrupted message does not open");
                continue;
            };
            if message.state == State::Running {
                fail_interrupted(&mut message);
            }
            match self.put_message(&key, &person, &row.conversation, &message).await {
                // Deleted meanwhile by somebody else who uses the store.
                Err(Fault::Store(StoreError::UnknownConversation { .. })) => {}
                put => put?,
            }
            count += 1;
        }
        Ok(count)
    }
}

/// What rows of one conversation hold. One that does not open is there as a failed one without text.
pub(crate) fn open_messages(key: &DataKey, person: &str, rows: &[MessageRow]) -> Vec<Message> {
    rows.iter().map(|row| open_message(key, person, row).unwrap_or_else(|| damaged(row))).collect()
}

fn found(conversation: &str, is_there: bool) -> Result<(), Fault> {
    if is_there {
        return Ok(());
    }
    Err(Fault::Store(StoreError::UnknownConversation { id: conversation.to_owned() }))
}

/// Makes an answer that nobody writes any more one that failed.
pub(crate) fn fail_interrupted(message: &mut Message) {
    let request_id = message.passage.as_ref().map(|passage| passage.request_id.as_str());
    let refusal =
        refusals::error_object(&refusals::interrupted(), request_id.unwrap_or_default(), message.language);
    message.state = State::Failed;
    message.refusal = Some(refusal);
}

fn open_head(key: &DataKey, row: &ConversationRow) -> Head {
    let mut head = Head {
        id: row.id.clone(),
        title: String::new(),
        label: None,
        declassifications: Vec::new(),
        folder: None,
        assistant: None,
        is_pinned: false,
        typed: None,
        created: row.created,
        updated: row.updated,
        is_damaged: false,
    };
    let place = Place::Head { person: &row.person, conversation: &row.id, created: row.created };
    let opened = key.open(&place, &row.head).ok();
    if opened.and_then(|text| head.read_sealed_text(&text)).is_none() {
        tracing::error!(conversation = row.id, "a sealed conversation does not open");
        head.is_damaged = true;
    }
    head
}

fn open_message(key: &DataKey, person: &str, row: &MessageRow) -> Option<Message> {
    let place = Place::Message {
        person,
        conversation: &row.conversation,
        message: &row.id,
        parent: row.parent.as_deref(),
        ordinal: row.ordinal,
        created: row.created,
    };
    let text = key.open(&place, &row.sealed).ok()?;
    let mut message = blank(row);
    message.read_sealed_text(&text)?;
    Some(message)
}

fn damaged(row: &MessageRow) -> Message {
    tracing::error!(message = row.id, "a sealed message does not open");
    let refusal = refusals::error_object(&refusals::damaged(), "", Language::English);
    Message { state: State::Failed, refusal: Some(refusal), ..blank(row) }
}

fn blank(row: &MessageRow) -> Message {
    Message {
        id: row.id.clone(),
        parent: row.parent.clone(),
        ordinal: row.ordinal,
        created: row.created,
        author: Author::Assistant,
        content: String::new(),
        attachments: Vec::new(),
        state: State::Failed,
        language: Language::English,
        declared: None,
        is_imported: false,
        model: None,
        passage: None,
        usage: None,
        is_cut: false,
        omitted: 0,
        refusal: None,
        masking: Masking::default(),
        release: None,
    }
}
