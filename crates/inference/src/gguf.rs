//! A strict look at a GGUF file's structure before native code sees it.
//!
//! Format: the GGUF specification of the ggml project, versions 2 and 3, little-endian: magic, version, counts, keys
//! with values, tensor descriptions, padding, tensor data. Everything is read once, front to back, with bounded
//! memory; no tensor data is read. What passes here can still hold nonsense as numbers, but every length, count,
//! type, size and offset in it is true.

mod adapter;
mod ggml;

pub use adapter::{AdapterFacts, check_adapter};

use ggml::ElementType;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;

/// What the engine needs to know before it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// `general.architecture`, such as `llama`.
    pub architecture: String,
    /// Tokens the model was trained to see at once.
    pub context_tokens: u64,
    /// Layers.
    pub blocks: u64,
    /// Different tokens.
    pub vocabulary: u64,
    /// Bytes that one token takes in the context's memory, with 16-bit keys and values.
    pub cell_bytes: u64,
    /// Whether the file carries a chat template.
    pub has_chat_template: bool,
}

/// What is wrong with a file. Names from the file are printed with control characters escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GgufError {
    Read(io::ErrorKind),
    NotAFile,
    /// Where the file ends.
    Ends(&'static str),
    NotGguf,
    Version(u32),
    TooLarge {
        what: String,
        found: u64,
        max: u64,
    },
    Malformed(String),
    Missing(String),
    Tensor {
        name: String,
        why: String,
    },
}

impl fmt::Display for GgufError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(kind) => write!(f, "the file cannot be read: {kind}"),
            Self::NotAFile => write!(f, "this is not a regular file"),
            Self::Ends(place) => write!(f, "the file ends within {place}"),
            Self::NotGguf => write!(f, "this is not a GGUF file"),
            Self::Version(version) => write!(f, "GGUF version {version} is not supported, only 2 and 3"),
            Self::TooLarge { what, found, max } => write!(f, "{what} is {found}, more than {max}"),
            Self::Malformed(why) => write!(f, "{why}"),
            Self::Missing(what) => write!(f, "{what} is missing"),
            Self::Tensor { name, why } => write!(f, "tensor {name} {why}"),
        }
    }
}

impl std::error::Error for GgufError {}

// Limits: each well above what published models have.
const KEYS_MAX: u64 = 4096;
const KEY_BYTES_MAX: u64 = 256;
const STRING_BYTES_MAX: u64 = 1 << 20;
const TEMPLATE_BYTES_MAX: u64 = 128 << 10;
const TOKEN_BYTES_MAX: u64 = 4096;
const ELEMENTS_MAX: u64 = 4 << 20;
const VOCABULARY_MAX: u64 = 1 << 20;
const HEADER_BYTES_MAX: u64 = 256 << 20;
const TENSORS_MAX: u64 = 65_536;
/// The engine's own limit, without its terminating zero.
const TENSOR_NAME_BYTES_MAX: u64 = 63;
const DIMENSIONS_MAX: u32 = 4;
const ALIGNMENT_DEFAULT: u64 = 32;
const ALIGNMENT_MAX: u64 = 1 << 16;
const BLOCKS_MAX: u64 = 1024;
const WIDTH_MAX: u64 = 1 << 20;

/// The names and shapes of a base's tensors, which an adapter must fit.
#[derive(Debug)]
pub struct Shapes(Tensors);

/// Checks an open file. Leaves the file's position alone.
pub fn check(file: &File) -> Result<(Facts, Shapes), GgufError> {
    read(file, |source, length| check_bytes(source, length))
}

/// Gives `check` what is in the file, and the file's length.
fn read<T>(
    file: &File,
    check: impl FnOnce(BufReader<At<'_>>, u64) -> Result<T, GgufError>,
) -> Result<T, GgufError> {
    let metadata = file.metadata().map_err(|error| GgufError::Read(error.kind()))?;
    if !metadata.is_file() {
        return Err(GgufError::NotAFile);
    }
    check(BufReader::with_capacity(1 << 16, At { file, position: 0 }), metadata.len())
}

/// Checks what `source` gives; `length` is the whole file's.
fn check_bytes(source: impl Read, length: u64) -> Result<(Facts, Shapes), GgufError> {
    let (keys, tensors) = parse(source, length)?;
    Ok((facts(&keys, &tensors)?, Shapes(tensors)))
}

/// Reads everything but the tensors' data.
fn parse(source: impl Read, length: u64) -> Result<(Keys, Tensors), GgufError> {
    let mut reader = Reader { source, position: 0, place: "the header" };
    if reader.array()? != *b"GGUF" {
        return Err(GgufError::NotGguf);
    }
    let version = reader.u32()?;
    if !(2..=3).contains(&version) {
        return Err(GgufError::Version(version));
    }
    let tensor_count = limit("the number of tensors", reader.u64()?, TENSORS_MAX)?;
    let key_count = limit("the number of keys", reader.u64()?, KEYS_MAX)?;
    reader.place = "the keys";
    let keys = Keys::read(&mut reader, key_count)?;
    reader.place = "the list of tensors";
    let tensors = Tensors::read(&mut reader, tensor_count, keys.alignment()?, length)?;
    Ok((keys, tensors))
}

fn limit(what: &str, found: u64, max: u64) -> Result<u64, GgufError> {
    if found > max {
        return Err(GgufError::TooLarge { what: what.to_owned(), found, max });
    }
    Ok(found)
}

fn malformed(why: impl Into<String>) -> GgufError {
    GgufError::Malformed(why.into())
}

/// A name from the file, safe to print.
fn quoted(name: &str) -> String {
    format!("`{}`", name.escape_debug())
}

/// Reads without moving the file's position.
struct At<'a> {
    file: &'a File,
    position: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

struct Reader<R> {
    source: R,
    position: u64,
    /// What is being read, for the error when the file ends there.
    place: &'static str,
}

impl<R: Read> Reader<R> {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), GgufError> {
        self.source.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => GgufError::Ends(self.place),
            kind => GgufError::Read(kind),
        })?;
        self.position += buffer.len() as u64;
        limit("the size of the header in bytes", self.position, HEADER_BYTES_MAX).map(drop)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, GgufError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, GgufError> {
        self.array().map(u64::from_le_bytes)
    }

    fn string(&mut self, what: &str, max: u64) -> Result<String, GgufError> {
        let length = limit(&format!("the length of {what}"), self.u64()?, max)?;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        self.fill(&mut bytes)?;
        String::from_utf8(bytes).map_err(|_| malformed(format!("{what} is not UTF-8")))
    }

    fn skip(&mut self, count: u64) -> Result<(), GgufError> {
        let mut scratch = [0; 4096];
        let mut left = count;
        while left > 0 {
            let step = left.min(scratch.len() as u64);
            let piece = scratch.get_mut(..usize::try_from(step).unwrap_or(0)).unwrap_or_default();
            self.fill(piece)?;
            left -= step;
        }
        Ok(())
    }
}

/// A value, as far as it is looked at again.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Whole(u64),
    Negative,
    Real(f32),
    Double,
    Flag,
    Text(String),
    /// Elements are checked while they are read and not kept.
    List {
        of: ValueType,
        count: u64,
        first: Option<u64>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueType {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    String,
    Array,
    U64,
    I64,
    F64,
}

impl ValueType {
    fn parse(number: u32, key: &str) -> Result<Self, GgufError> {
        use ValueType::*;
        let known = [U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64];
        let found = usize::try_from(number).ok().and_then(|number| known.get(number).copied());
        found.ok_or_else(|| malformed(format!("the key {} has the unknown value type {number}", quoted(key))))
    }

    fn read(self, reader: &mut Reader<impl Read>, key: &str) -> Result<Value, GgufError> {
        let signed = |value: i64| u64::try_from(value).map_or(Value::Negative, Value::Whole);
        Ok(match self {
            Self::U8 => Value::Whole(u8::from_le_bytes(reader.array()?).into()),
            Self::I8 => signed(i8::from_le_bytes(reader.array()?).into()),
            Self::U16 => Value::Whole(u16::from_le_bytes(reader.array()?).into()),
            Self::I16 => signed(i16::from_le_bytes(reader.array()?).into()),
            Self::U32 => Value::Whole(reader.u32()?.into()),
            Self::I32 => signed(i32::from_le_bytes(reader.array()?).into()),
            Self::U64 => Value::Whole(reader.u64()?),
            Self::I64 => signed(i64::from_le_bytes(reader.array()?)),
            Self::F32 => Value::Real(f32::from_le_bytes(reader.array()?)),
            Self::F64 => {
                reader.skip(8)?;
                Value::Double
            }
            Self::Bool => match reader.array()? {
                [0 | 1] => Value::Flag,
                _ => return Err(malformed(format!("the key {} is neither true nor false", quoted(key)))),
            },
            Self::String => {
                let max = if key.starts_with("tokenizer.chat_template") {
                    TEMPLATE_BYTES_MAX
                } else {
                    STRING_BYTES_MAX
                };
                Value::Text(reader.string(&format!("the value of {}", quoted(key)), max)?)
            }
            Self::Array => Self::read_list(reader, key)?,
        })
    }

    fn read_list(reader: &mut Reader<impl Read>, key: &str) -> Result<Value, GgufError> {
        let of = Self::parse(reader.u32()?, key)?;
        let count =
            limit(&format!("the number of elements of {}", quoted(key)), reader.u64()?, ELEMENTS_MAX)?;
        let mut first = None;
        match of {
            Self::Array => return Err(malformed(format!("the key {} has lists within a list", quoted(key)))),
            Self::String => {
                let what = format!("an element of {}", quoted(key));
                for _ in 0..count {
                    // Tokens may hold any bytes; the engine reads them by length.
                    let length = limit(&format!("the length of {what}"), reader.u64()?, TOKEN_BYTES_MAX)?;
                    reader.skip(length)?;
                }
            }
            of => {
                for index in 0..count {
                    if let (Value::Whole(value), 0) = (of.read(reader, key)?, index) {
                        first = Some(value);
                    }
                }
            }
        }
        Ok(Value::List { of, count, first })
    }
}

struct Keys(BTreeMap<String, Value>);

impl Keys {
    fn read(reader: &mut Reader<impl Read>, count: u64) -> Result<Self, GgufError> {
        let mut keys = BTreeMap::new();
        for _ in 0..count {
            let key = reader.string("a key", KEY_BYTES_MAX)?;
            let value = ValueType::parse(reader.u32()?, &key)?.read(reader, &key)?;
            if keys.contains_key(&key) {
                return Err(malformed(format!("the key {} is there twice", quoted(&key))));
            }
            keys.insert(key, value);
        }
        Ok(Self(keys))
    }

    fn whole(&self, key: &str) -> Result<Option<u64>, GgufError> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Whole(value)) => Ok(Some(*value)),
            Some(_) => Err(malformed(format!("the key {} is not a whole number", quoted(key)))),
        }
    }

    /// A number that must be there, from 1 to `max`.
    fn required(&self, key: &str, max: u64) -> Result<u64, GgufError> {
        let value = self.whole(key)?.ok_or_else(|| GgufError::Missing(format!("the key {}", quoted(key))))?;
        if value == 0 {
            return Err(malformed(format!("the key {} is 0", quoted(key))));
        }
        limit(&format!("the key {}", quoted(key)), value, max)
    }

    /// As [`Keys::required`], or the first of a list with one number per block.
    fn per_block(&self, key: &str, max: u64) -> Result<u64, GgufError> {
        match self.0.get(key) {
            Some(Value::List { first, .. }) => {
                limit(&format!("the key {}", quoted(key)), first.unwrap_or(1), max)
            }
            _ => self.required(key, max),
        }
    }

    fn text(&self, key: &str) -> Result<Option<&str>, GgufError> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(malformed(format!("the key {} is not a text", quoted(key)))),
        }
    }

    fn alignment(&self) -> Result<u64, GgufError> {
        let alignment = self.whole("general.alignment")?.unwrap_or(ALIGNMENT_DEFAULT);
        if !alignment.is_power_of_two() || !(8..=ALIGNMENT_MAX).contains(&alignment) {
            return Err(malformed(format!(
                "an alignment of {alignment} bytes is not a power of two from 8 to 65536"
            )));
        }
        Ok(alignment)
    }
}

#[derive(Debug)]
struct Tensors(BTreeMap<String, Tensor>);

#[derive(Debug)]
struct Tensor {
    /// Row length first.
    shape: Vec<u64>,
    element: ElementType,
}

impl Tensors {
    fn read(
        reader: &mut Reader<impl Read>,
        count: u64,
        alignment: u64,
        length: u64,
    ) -> Result<Self, GgufError> {
        let mut tensors = BTreeMap::new();
        let mut described = Vec::new();
        let mut data_length: u64 = 0;
        for _ in 0..count {
            let name = reader.string("a tensor's name", TENSOR_NAME_BYTES_MAX)?;
            let tensor = |why: String| GgufError::Tensor { name: quoted(&name), why };
            let shape = read_shape(reader, &tensor)?;
            let number = reader.u32()?;
            let element =
                ElementType::parse(number).ok_or_else(|| tensor(format!("has the unknown type {number}")))?;
            let offset = reader.u64()?;
            let bytes = element.bytes(&shape).map_err(|why| tensor(why.to_owned()))?;
            // The engine wants tensors in order and without gaps; then none can lie over another.
            if offset != data_length {
                return Err(tensor(format!(
                    "begins at {offset} of the data, but should begin at {data_length}"
                )));
            }
            let padded = bytes.checked_next_multiple_of(alignment);
            let end = padded.and_then(|padded| data_length.checked_add(padded));
            data_length = end.ok_or_else(|| tensor("is too large to count".to_owned()))?;
            described.push((name.clone(), offset.checked_add(bytes)));
            if tensors.insert(name.clone(), Tensor { shape, element }).is_some() {
                return Err(GgufError::Tensor { name: quoted(&name), why: "is there twice".to_owned() });
            }
        }
        let data_start = reader.position.next_multiple_of(alignment);
        for (name, end) in described {
            let end = end.and_then(|end| end.checked_add(data_start));
            if end.is_none_or(|end| end > length) {
                let why = "reaches beyond the end of the file".to_owned();
                return Err(GgufError::Tensor { name: quoted(&name), why });
            }
        }
        Ok(Self(tensors))
    }

    fn required(&self, name: &str) -> Result<&[u64], GgufError> {
        let found = self.0.get(name).map(|tensor| tensor.shape.as_slice());
        found.ok_or_else(|| GgufError::Missing(format!("tensor {}", quoted(name))))
    }

    /// A tensor whose rows, or whose only dimension, must have `width` elements.
    fn require_width(&self, name: &str, width: u64) -> Result<(), GgufError> {
        match self.required(name)?.first() {
            Some(found) if *found == width => Ok(()),
            found => {
                let found = found.copied().unwrap_or_default();
                let why = format!("has rows of {found} elements instead of {width}");
                Err(GgufError::Tensor { name: quoted(name), why })
            }
        }
    }
}

fn read_shape(
    reader: &mut Reader<impl Read>,
    tensor: &impl Fn(String) -> GgufError,
) -> Result<Vec<u64>, GgufError> {
    let dimensions = reader.u32()?;
    if !(1..=DIMENSIONS_MAX).contains(&dimensions) {
        return Err(tensor(format!("has {dimensions} dimensions instead of 1 to {DIMENSIONS_MAX}")));
    }
    let mut shape = Vec::new();
    for _ in 0..dimensions {
        shape.push(reader.u64()?);
    }
    Ok(shape)
}

/// Puts keys and tensors side by side: what the architecture needs must be there and fit together.
fn facts(keys: &Keys, tensors: &Tensors) -> Result<Facts, GgufError> {
    let missing = |key: &str| GgufError::Missing(format!("the key {}", quoted(key)));
    let architecture = keys.text("general.architecture")?.ok_or_else(|| missing("general.architecture"))?;
    let plain = architecture.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if architecture.is_empty() || architecture.len() > 64 || !plain {
        return Err(malformed("the key `general.architecture` is not the name of an architecture"));
    }
    if keys.whole("split.count")?.is_some_and(|count| count > 1) {
        return Err(malformed("this is one part of a split model; join the parts first"));
    }
    let key = |name: &str| format!("{architecture}.{name}");
    let blocks = keys.required(&key("block_count"), BLOCKS_MAX)?;
    let width = keys.required(&key("embedding_length"), WIDTH_MAX)?;
    let heads = keys.per_block(&key("attention.head_count"), WIDTH_MAX)?;
    let context_tokens = keys.required(&key("context_length"), u32::MAX.into())?;
    let key_value_heads = match keys.0.contains_key(&key("attention.head_count_kv")) {
        true => keys.per_block(&key("attention.head_count_kv"), WIDTH_MAX)?,
        false => heads,
    };
    let head_width = |name: &str| -> Result<u64, GgufError> {
        match keys.whole(&key(name))? {
            Some(width) => limit(&format!("the key {}", quoted(&key(name))), width, WIDTH_MAX),
            None => Ok(width / heads.max(1)),
        }
    };
    let head_bytes = 2 * (head_width("attention.key_length")? + head_width("attention.value_length")?);
    let vocabulary = vocabulary(keys)?;
    check_tensors(tensors, architecture, keys, Sizes { blocks, width, vocabulary })?;
    Ok(Facts {
        architecture: architecture.to_owned(),
        context_tokens,
        blocks,
        vocabulary,
        cell_bytes: blocks.saturating_mul(key_value_heads).saturating_mul(head_bytes),
        has_chat_template: keys.text("tokenizer.chat_template")?.is_some(),
    })
}

/// The number of tokens, on which everything that lists tokens must agree.
fn vocabulary(keys: &Keys) -> Result<u64, GgufError> {
    if keys.text("tokenizer.ggml.model")?.is_none() {
        return Err(GgufError::Missing("the key `tokenizer.ggml.model`".to_owned()));
    }
    let tokens = match keys.0.get("tokenizer.ggml.tokens") {
        None => return Err(GgufError::Missing("the key `tokenizer.ggml.tokens`".to_owned())),
        Some(Value::List { of: ValueType::String, count, .. }) => {
            limit("the vocabulary", *count, VOCABULARY_MAX)?
        }
        Some(_) => return Err(malformed("the key `tokenizer.ggml.tokens` is not a list of texts")),
    };
    if tokens == 0 {
        return Err(malformed("the vocabulary is empty"));
    }
    for (name, of) in [("scores", ValueType::F32), ("token_type", ValueType::I32)] {
        match keys.0.get(&format!("tokenizer.ggml.{name}")) {
            None => {}
            Some(Value::List { of: found, count, .. }) if (*found, *count) == (of, tokens) => {}
            Some(_) => {
                let why = format!(
                    "the key `tokenizer.ggml.{name}` does not have one number for each of {tokens} tokens"
                );
                return Err(malformed(why));
            }
        }
    }
    const NAMED: [&str; 16] = [
        "bos",
        "eos",
        "eot",
        "unknown",
        "padding",
        "seperator",
        "mask",
        "fim_pre",
        "fim_suf",
        "fim_mid",
        "fim_pad",
        "fim_rep",
        "fim_sep",
        "prefix",
        "suffix",
        "middle",
    ];
    for name in NAMED {
        let key = format!("tokenizer.ggml.{name}_token_id");
        if keys.whole(&key)?.is_some_and(|token| token >= tokens) {
            return Err(malformed(format!("the key {} names a token beyond the vocabulary", quoted(&key))));
        }
    }
    Ok(tokens)
}

struct Sizes {
    blocks: u64,
    width: u64,
    vocabulary: u64,
}

fn check_tensors(tensors: &Tensors, architecture: &str, keys: &Keys, sizes: Sizes) -> Result<(), GgufError> {
    let embedding = tensors.required("token_embd.weight")?;
    if embedding != [sizes.width, sizes.vocabulary] {
        let why = format!("is not {} tokens of {} elements", sizes.vocabulary, sizes.width);
        return Err(GgufError::Tensor { name: "`token_embd.weight`".to_owned(), why });
    }
    // Every block that is promised has at least one tensor, whatever the architecture.
    let present: BTreeSet<&str> = tensors
        .0
        .keys()
        .filter_map(|name| {
            name.strip_prefix("blk.").and_then(|rest| rest.split_once('.')).map(|(block, _)| block)
        })
        .collect();
    if let Some(block) = (0..sizes.blocks).find(|block| !present.contains(block.to_string().as_str())) {
        return Err(GgufError::Missing(format!("every tensor of block {block}")));
    }
    if architecture != "llama" {
        return Ok(());
    }
    tensors.require_width("output_norm.weight", sizes.width)?;
    let experts = keys.whole("llama.expert_count")?.is_some_and(|experts| experts > 0);
    for block in 0..sizes.blocks {
        let name = |part: &str| format!("blk.{block}.{part}.weight");
        let fused = tensors.0.contains_key(&name("attn_qkv"));
        let attention: &[&str] = if fused { &["attn_qkv"] } else { &["attn_q", "attn_k", "attn_v"] };
        let forward: &[&str] = if experts { &["ffn_gate_inp"] } else { &["ffn_gate", "ffn_up"] };
        for part in ["attn_norm", "ffn_norm"].iter().chain(attention).chain(forward) {
            tensors.require_width(&name(part), sizes.width)?;
        }
        tensors.required(&name("attn_output"))?;
        tensors.required(&name(if experts { "ffn_down_exps" } else { "ffn_down" }))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
