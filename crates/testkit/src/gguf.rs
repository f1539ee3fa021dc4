//! A tiny Llama model with random weights, written as a GGUF file (version 3).
//!
//! It speaks noise, but it is a real model to every reader of the format: two blocks, grouped-query attention, a
//! byte-level vocabulary of 256 bytes and five control tokens, the ChatML template. A few hundred kilobytes; the same
//! seed gives the same bytes.

/// The sizes of the model.
#[derive(Debug, Clone, Copy)]
pub struct TinyLlama {
    /// What the weights are made from.
    pub seed: u64,
    pub blocks: u32,
    /// Elements of a token's vector; a multiple of 32.
    pub width: u32,
    pub context_tokens: u32,
    /// Half-precision matrices instead of single precision.
    pub half: bool,
    pub template: &'static str,
    /// Control tokens after [`CONTROLS`].
    pub more_controls: &'static [&'static str],
    /// Numbers for more keys.
    pub more_keys: &'static [(&'static str, u32)],
}

impl Default for TinyLlama {
    fn default() -> Self {
        Self {
            seed: 1,
            blocks: 2,
            width: 64,
            context_tokens: 2048,
            half: true,
            template: CHATML,
            more_controls: &[],
            more_keys: &[],
        }
    }
}

/// An adapter for a [`TinyLlama`].
#[derive(Debug, Clone, Copy)]
pub struct TinyAdapter {
    /// What the matrices are made from.
    pub seed: u64,
    pub rank: u32,
    pub alpha: f32,
}

impl Default for TinyAdapter {
    fn default() -> Self {
        Self { seed: 1, rank: 4, alpha: 8.0 }
    }
}

/// The template: every message between its control tokens, then the beginning of the assistant's answer.
pub const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + \
    message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}\
    {{ '<|im_start|>assistant\n' }}{% endif %}";

/// Control tokens, numbered from [`FIRST_CONTROL`].
pub const CONTROLS: [&str; 5] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|bos|>", "<|unused|>"];

/// Tokens below are the 256 bytes.
pub const FIRST_CONTROL: u32 = 256;

const HEADS: u32 = 4;
const KEY_VALUE_HEADS: u32 = 2;
const ALIGNMENT: usize = 32;

const U32: u32 = 4;
const I32: u32 = 5;
const F32: u32 = 6;
const BOOL: u32 = 7;
const STRING: u32 = 8;
const ARRAY: u32 = 9;

const TENSOR_F32: u32 = 0;
const TENSOR_F16: u32 = 1;

impl TinyLlama {
    /// The whole file.
    pub fn to_bytes(self) -> Vec<u8> {
        to_file(&self.keys(), &self.tensors(), self.seed)
    }

    /// The file of an adapter for this model: random matrices of low rank for the attention's queries and for the way out of
    /// each block, strong enough that the model says something else.
    pub fn adapter(self, adapter: TinyAdapter) -> Vec<u8> {
        let mut keys = Keys::default();
        keys.text("general.type", "adapter");
        keys.text("general.architecture", "llama");
        keys.text("adapter.type", "lora");
        keys.number("general.alignment", ALIGNMENT as u32);
        keys.entry("adapter.lora.alpha", F32, &adapter.alpha.to_le_bytes());
        let mut tensors = Vec::new();
        for block in 0..self.blocks {
            for (part, row, rows) in
                [("attn_q", self.width, self.width), ("ffn_down", self.width * 2, self.width)]
            {
                let half = |half: &str, shape: [u32; 2]| {
                    let name = format!("blk.{block}.{part}.weight.{half}");
                    Tensor { name, shape: shape.to_vec(), half: self.half }
                };
                tensors.push(half("lora_a", [row, adapter.rank]));
                tensors.push(half("lora_b", [adapter.rank, rows]));
            }
        }
        to_file(&keys, &tensors, adapter.seed)
    }

    fn keys(self) -> Keys {
        let mut keys = Keys::default();
        let head = self.width / HEADS;
        keys.text("general.architecture", "llama");
        keys.text("general.name", "tiny random");
        keys.number("general.alignment", ALIGNMENT as u32);
        keys.number("llama.context_length", self.context_tokens);
        keys.number("llama.embedding_length", self.width);
        keys.number("llama.block_count", self.blocks);
        keys.number("llama.feed_forward_length", self.width * 2);
        keys.number("llama.rope.dimension_count", head);
        keys.number("llama.attention.head_count", HEADS);
        keys.number("llama.attention.head_count_kv", KEY_VALUE_HEADS);
        keys.entry("llama.attention.layer_norm_rms_epsilon", F32, &1e-5_f32.to_le_bytes());
        keys.text("tokenizer.ggml.model", "gpt2");
        keys.text("tokenizer.ggml.pre", "llama-bpe");
        let controls = CONTROLS.iter().chain(self.more_controls).map(|control| (*control).to_owned());
        let tokens: Vec<String> = (0..=255).map(printable).chain(controls).collect();
        keys.texts("tokenizer.ggml.tokens", &tokens);
        // 1 is a normal token, 3 a control token.
        let kinds =
            tokens.iter().enumerate().map(|(token, _)| if token < FIRST_CONTROL as usize { 1 } else { 3 });
        keys.numbers("tokenizer.ggml.token_type", kinds);
        // One merge, because readers want the list; it never applies, as its result is no token.
        keys.texts("tokenizer.ggml.merges", &["Ā ā".to_owned()]);
        keys.number("tokenizer.ggml.bos_token_id", FIRST_CONTROL + 3);
        keys.number("tokenizer.ggml.eos_token_id", FIRST_CONTROL + 2);
        keys.number("tokenizer.ggml.padding_token_id", FIRST_CONTROL);
        keys.entry("tokenizer.ggml.add_bos_token", BOOL, &[0]);
        self.more_keys.iter().for_each(|(key, value)| keys.number(key, *value));
        keys.text("tokenizer.chat_template", self.template);
        keys
    }

    fn tensors(self) -> Vec<Tensor> {
        let (width, vocabulary) =
            (self.width, FIRST_CONTROL + (CONTROLS.len() + self.more_controls.len()) as u32);
        let shared = width / HEADS * KEY_VALUE_HEADS;
        let matrix = |name: String, shape: [u32; 2]| Tensor { name, shape: shape.to_vec(), half: self.half };
        let norm = |name: String| Tensor { name, shape: vec![width], half: false };
        let mut tensors = vec![matrix("token_embd.weight".to_owned(), [width, vocabulary])];
        for block in 0..self.blocks {
            let name = |part: &str| format!("blk.{block}.{part}.weight");
            tensors.push(norm(name("attn_norm")));
            tensors.push(matrix(name("attn_q"), [width, width]));
            tensors.push(matrix(name("attn_k"), [width, shared]));
            tensors.push(matrix(name("attn_v"), [width, shared]));
            tensors.push(matrix(name("attn_output"), [width, width]));
            tensors.push(norm(name("ffn_norm")));
            tensors.push(matrix(name("ffn_gate"), [width, width * 2]));
            tensors.push(matrix(name("ffn_up"), [width, width * 2]));
            tensors.push(matrix(name("ffn_down"), [width * 2, width]));
        }
        tensors.push(norm("output_norm.weight".to_owned()));
        tensors.push(matrix("output.weight".to_owned(), [width, vocabulary]));
        tensors
    }
}

fn to_file(keys: &Keys, tensors: &[Tensor], seed: u64) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend_from_slice(b"GGUF");
    file.extend_from_slice(&3_u32.to_le_bytes());
    file.extend_from_slice(&(tensors.len() as u64).to_le_bytes());
    file.extend_from_slice(&keys.count.to_le_bytes());
    file.extend_from_slice(&keys.bytes);
    let mut offset = 0_u64;
    for tensor in tensors {
        push_string(&mut file, tensor.name.as_bytes());
        file.extend_from_slice(&(tensor.shape.len() as u32).to_le_bytes());
        for dimension in &tensor.shape {
            file.extend_from_slice(&u64::from(*dimension).to_le_bytes());
        }
        file.extend_from_slice(&(if tensor.half { TENSOR_F16 } else { TENSOR_F32 }).to_le_bytes());
        file.extend_from_slice(&offset.to_le_bytes());
        offset += (tensor.bytes().next_multiple_of(ALIGNMENT)) as u64;
    }
    let mut random = SplitMix(seed);
    for tensor in tensors {
        file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
        tensor.write(&mut file, &mut random);
    }
    file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
    file
}

#[derive(Default)]
struct Keys {
    count: u64,
    bytes: Vec<u8>,
}

impl Keys {
    fn entry(&mut self, key: &str, kind: u32, value: &[u8]) {
        self.count += 1;
        push_string(&mut self.bytes, key.as_bytes());
        self.bytes.extend_from_slice(&kind.to_le_bytes());
        self.bytes.extend_from_slice(value);
    }

    fn number(&mut self, key: &str, value: u32) {
        self.entry(key, U32, &value.to_le_bytes());
    }

    fn text(&mut self, key: &str, value: &str) {
        let mut bytes = Vec::new();
        push_string(&mut bytes, value.as_bytes());
        self.entry(key, STRING, &bytes);
    }

    fn texts(&mut self, key: &str, values: &[String]) {
        let mut bytes = list(STRING, values.len());
        values.iter().for_each(|value| push_string(&mut bytes, value.as_bytes()));
        self.entry(key, ARRAY, &bytes);
    }

    fn numbers(&mut self, key: &str, values: impl ExactSizeIterator<Item = i32>) {
        let mut bytes = list(I32, values.len());
        values.for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
        self.entry(key, ARRAY, &bytes);
    }
}

fn list(kind: u32, count: usize) -> Vec<u8> {
    let mut bytes = kind.to_le_bytes().to_vec();
    bytes.extend_from_slice(&(count as u64).to_le_bytes());
    bytes
}

fn push_string(bytes: &mut Vec<u8>, string: &[u8]) {
    bytes.extend_from_slice(&(string.len() as u64).to_le_bytes());
    bytes.extend_from_slice(string);
}

/// A byte as the character that stands for it in a byte-level vocabulary: itself where it prints, otherwise the next
/// free character from U+0100 on.
fn printable(byte: u8) -> String {
    let prints = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let character = if prints(byte) {
        char::from(byte)
    } else {
        let before = (0..byte).filter(|byte| !prints(*byte)).count() as u32;
        char::from_u32(256 + before).unwrap_or(char::REPLACEMENT_CHARACTER)
    };
    character.to_string()
}

struct Tensor {
    name: String,
    /// Row length first.
    shape: Vec<u32>,
    half: bool,
}

impl Tensor {
    fn elements(&self) -> usize {
        self.shape.iter().map(|dimension| *dimension as usize).product()
    }

    fn bytes(&self) -> usize {
        self.elements() * if self.half { 2 } else { 4 }
    }

    fn write(&self, file: &mut Vec<u8>, random: &mut SplitMix) {
        let norm = self.shape.len() == 1;
        for _ in 0..self.elements() {
            // Norms near 1; matrices wide enough that tokens are told apart.
            let value = if norm { 1.0 + 0.1 * random.unit() } else { 0.3 * random.unit() };
            if self.half {
                file.extend_from_slice(&half(value).to_le_bytes());
            } else {
                file.extend_from_slice(&value.to_le_bytes());
            }
        }
    }
}

/// IEEE 754 half precision of a normal number of moderate size, rounded towards zero; smaller ones become 0.
fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let exponent = (bits >> 23 & 0xff) as i32 - 127 + 15;
    if exponent <= 0 {
        return sign;
    }
    sign | ((exponent as u16) << 10) | (bits >> 13 & 0x3ff) as u16
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From -1 to 1.
    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::{TinyLlama, half, printable};

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let model = TinyLlama::default();
        let file = model.to_bytes();
        assert_eq!(file, model.to_bytes());
        assert_ne!(file, TinyLlama { seed: 2, ..model }.to_bytes());
        assert!(file.len() < 400_000, "{} bytes", file.len());
    }

    #[test]
    fn halves_are_exact_for_simple_numbers() {
        for (value, expected) in
            [(0.0, 0), (1.0, 0x3c00), (-2.0, 0xc000), (0.5, 0x3800), (0.1, 0x2e66), (1e-9, 0)]
        {
            assert_eq!(half(value), expected, "{value}");
        }
    }

    #[test]
    fn every_byte_has_a_character_of_its_own() {
        let characters: std::collections::BTreeSet<String> = (0..=255).map(printable).collect();
        assert_eq!(characters.len(), 256);
        assert_eq!(printable(b'a'), "a");
        assert_eq!(printable(b' '), "Ġ");
        assert_eq!(printable(b'\n'), "Ċ");
    }
}
