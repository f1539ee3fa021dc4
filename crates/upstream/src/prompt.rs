//! What a model reads of a question, as keyed hashes of its blocks, and what goes into the body for its sake.
//!
//! A model server keeps what it computed for the beginning of a prompt, and the next question with the same beginning is
//! cheaper there. To find that server again, nothing but hashes is kept: SipHash-1-3 under a key of this process, each
//! block's over the one before it, the first one's over the tenant's salt and the model. So equal texts of two tenants
//! are not equal here, and nobody outside can compute a hash. No text is kept.

use std::hash::Hasher;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memchr2;
use schleuse_types::Random;
use siphasher::sip::SipHasher13;

/// Of one prompt. With the sizes below they cover its first 148 KiB; what stands behind is worked out anew anyway.
pub(crate) const BLOCKS_MAX: usize = 256;
/// Bytes of JSON text for one LLM token, roughly; only comparisons are made with it.
pub(crate) const BYTES_PER_TOKEN: usize = 4;
/// The member by which vLLM keeps the prefix caches of tenants apart.
const SALT_MEMBER: &[u8] = b"cache_salt";
const SALT_CHARACTERS_MAX: usize = 128;
/// Members that a model reads, in the order in which templates put them in front of it. Whatever else is in a body decides
/// how the answer is drawn, and not what is computed before it.
const MEMBERS: [&[u8]; 7] =
    [b"tools", b"functions", b"instructions", b"system", b"messages", b"prompt", b"input"];

/// The size of a block by its place, in bytes. The longer the common beginning, the coarser its end may be.
pub(crate) fn block_bytes(place: usize) -> usize {
    match place {
        0..64 => 64,
        64..128 => 256,
        _ => 1024,
    }
}

/// How many bytes the first `blocks` blocks cover.
pub(crate) fn covered_bytes(blocks: usize) -> usize {
    let (fine, middle) = (blocks.min(64), blocks.clamp(64, 128) - 64);
    fine * block_bytes(0) + middle * block_bytes(64) + blocks.saturating_sub(128) * block_bytes(128)
}

/// Under which prompts are hashed; new with every start.
#[derive(Clone, Copy)]
pub(crate) struct PromptKey([u8; 16]);

impl PromptKey {
    /// `None` without randomness: then prompts are not compared.
    pub(crate) fn new(random: &dyn Random) -> Option<Self> {
        let mut key = [0; 16];
        random.fill(&mut key).ok().map(|()| Self(key))
    }
}

#[cfg(test)]
impl PromptKey {
    pub(crate) fn fixed() -> Self {
        Self([7; 16])
    }
}

/// What routing knows of a prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// Of its blocks, first one first; at most [`BLOCKS_MAX`].
    pub(crate) blocks: Vec<u64>,
    /// Of the members that a model reads, as JSON text.
    pub(crate) bytes: usize,
}

impl Prompt {
    /// One whose text is not looked at.
    pub(crate) fn unread(body: &Bytes) -> Self {
        Self { blocks: Vec::new(), bytes: body.len() }
    }

    /// `salt` is the tenant's; without one, a body that already carries one (because another process of the house put it
    /// there) is taken at its word. Takes about 2 ns for each byte of the first 148 KiB and 1 ns for each further one.
    pub(crate) fn read(key: PromptKey, model: &str, salt: Option<&str>, body: &Bytes) -> Self {
        let mut spans = [None; MEMBERS.len()];
        let mut carried = None;
        for (name, value) in Members::of(body) {
            if let Some(place) = MEMBERS.iter().position(|member| *member == name) {
                if let Some(span) = spans.get_mut(place) {
                    *span = Some(value);
                }
            } else if name == SALT_MEMBER {
                carried = Some(value);
            }
        }
        let salt = salt.map(str::as_bytes).or(carried).unwrap_or_default();
        let mut chain = Chain::new(key, model, salt);
        for span in spans.into_iter().flatten() {
            chain.close_block();
            chain.read(span);
        }
        // The open block at the end holds the closing bracket, which the next question of a conversation has elsewhere.
        Prompt { blocks: chain.blocks, bytes: spans.iter().flatten().map(|span| span.len()).sum() }
    }

    /// LLM tokens, estimated.
    pub(crate) fn tokens(&self) -> u64 {
        tokens(self.bytes)
    }
}

pub(crate) fn tokens(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u64::MAX)
}

/// The body with the tenant's salt in it. Says what is wrong with a salt that cannot be in one, or with a body that has
/// one already.
pub(crate) fn with_salt(body: &Bytes, salt: &str) -> Result<Bytes, &'static str> {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-');
    if !(1..=SALT_CHARACTERS_MAX).contains(&salt.len()) || !salt.bytes().all(is_plain) {
        return Err("its cache_salt is not 1 to 128 characters of base64");
    }
    if Members::of(body).any(|(name, _)| name == SALT_MEMBER) {
        return Err("its body already carries a cache_salt");
    }
    let inside = after_space(body).strip_prefix(b"{").ok_or("its body is not a JSON object")?;
    let is_empty = after_space(inside).first() == Some(&b'}');
    let mut salted = BytesMut::with_capacity(body.len() + salt.len() + 32);
    salted.put_slice(b"{\"cache_salt\":\"");
    salted.put_slice(salt.as_bytes());
    salted.put_slice(if is_empty { b"\"" } else { b"\"," });
    salted.put_slice(inside);
    Ok(salted.freeze())
}

/// Hashes block by block.
struct Chain {
    key: PromptKey,
    blocks: Vec<u64>,
    last: u64,
    open: SipHasher13,
    open_bytes: usize,
}

impl Chain {
    fn new(key: PromptKey, model: &str, salt: &[u8]) -> Self {
        let mut seed = SipHasher13::new_with_key(&key.0);
        seed.write_usize(salt.len());
        seed.write(salt);
        seed.write(model.as_bytes());
        let last = seed.finish();
        Self { key, blocks: Vec::new(), last, open: next(key, last), open_bytes: 0 }
    }

    fn read(&mut self, mut bytes: &[u8]) {
        while self.blocks.len() < BLOCKS_MAX && !bytes.is_empty() {
            let room = block_bytes(self.blocks.len()).saturating_sub(self.open_bytes);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.open.write(now);
            self.open_bytes += now.len();
            bytes = later;
            if now.len() == room {
                self.close_block();
            }
        }
    }

    /// Ends the open block, whatever its size; an empty one is none.
    fn close_block(&mut self) {
        if self.open_bytes > 0 && self.blocks.len() < BLOCKS_MAX {
            self.last = self.open.finish();
            self.blocks.push(self.last);
            self.open = next(self.key, self.last);
            self.open_bytes = 0;
        }
    }
}

fn next(key: PromptKey, last: u64) -> SipHasher13 {
    let mut hasher = SipHasher13::new_with_key(&key.0);
    hasher.write_u64(last);
    hasher
}

/// The members of the object that a text of JSON holds: names and values as they are written. Ends where the text is not
/// JSON; who answers the question says what is wrong with it.
struct Members<'a>(&'a [u8]);

impl<'a> Members<'a> {
    fn of(body: &'a [u8]) -> Self {
        Self(after_space(body).strip_prefix(b"{").unwrap_or_default())
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = after_space(self.0);
        let rest = after_space(rest.strip_prefix(b",").unwrap_or(rest));
        let (name, rest) = split_string(rest)?;
        let rest = after_space(after_space(rest).strip_prefix(b":")?);
        let (value, rest) = split_value(rest);
        self.0 = rest;
        Some((name.strip_prefix(b"\"")?.strip_suffix(b"\"")?, value))
    }
}

fn after_space(text: &[u8]) -> &[u8] {
    text.trim_ascii_start()
}

/// A value with its quotes or brackets, and what follows. One without an end reaches to the end of the text.
fn split_value(text: &[u8]) -> (&[u8], &[u8]) {
    match text.first() {
        Some(b'"') => split_string(text).unwrap_or((text, &[])),
        Some(b'{' | b'[') => split_brackets(text),
        _ => {
            let end = text.iter().position(|byte| matches!(byte, b',' | b'}')).unwrap_or(text.len());
            text.split_at(end)
        }
    }
}

fn split_brackets(text: &[u8]) -> (&[u8], &[u8]) {
    let (mut rest, mut depth) = (text, 0_usize);
    loop {
        let structural = |byte: &u8| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']');
        let Some(place) = rest.iter().position(structural) else { return (text, &[]) };
        let (_, from) = rest.split_at(place);
        rest = match from.split_first() {
            Some((b'"', _)) => match split_string(from) {
                Some((_, behind)) => behind,
                None => return (text, &[]),
            },
            Some((b'{' | b'[', behind)) => {
                depth += 1;
                behind
            }
            Some((_, behind)) => {
                depth = depth.saturating_sub(1);
                behind
            }
            None => return (text, &[]),
        };
        if depth == 0 {
            return text.split_at(text.len() - rest.len());
        }
    }
}

/// A string with its quotes, and what follows; `None` when the text begins with none or it does not end.
fn split_string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    loop {
        let place = memchr2(b'"', b'\\', rest)?;
        let (_, from) = rest.split_at(place);
        match from {
            [b'"', behind @ ..] => return Some(text.split_at(text.len() - behind.len())),
            [_, _, behind @ ..] => rest = behind,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests;
