use super::adapter::{self, AdapterFacts};
use super::{Facts, GgufError, check_bytes};
use proptest::prelude::*;
use schleuse_testkit::gguf::{TinyAdapter, TinyLlama};

fn model() -> Vec<u8> {
    TinyLlama::default().to_bytes()
}

fn result(file: &[u8]) -> Result<Facts, GgufError> {
    check_bytes(file, file.len() as u64).map(|(facts, _)| facts)
}

/// Changes the model and expects the words of the refusal.
fn check(change: impl FnOnce(&mut Vec<u8>), expected: &str) {
    let mut file = model();
    change(&mut file);
    assert_eq!(result(&file).map_err(|error| error.to_string()), Err(expected.to_owned()));
}

fn position(file: &[u8], text: &str) -> usize {
    file.windows(text.len()).position(|window| window == text.as_bytes()).expect("the text is in the file")
}

/// Writes over the bytes that begin `after` bytes after `text`.
fn put(text: &'static str, after: isize, bytes: &'static [u8]) -> impl FnOnce(&mut Vec<u8>) {
    move |file| {
        let at = (position(file, text) + text.len()).checked_add_signed(after).unwrap();
        file[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

/// Keys, tensors and counts before them: everything that is not tensor data.
fn header_length(file: &[u8]) -> usize {
    let last = "output.weight";
    let start = file.windows(last.len()).rposition(|window| window == last.as_bytes()).unwrap();
    start + last.len() + 4 + 2 * 8 + 4 + 8
}

#[test]
fn a_whole_model_is_understood() {
    let facts = result(&model()).unwrap();
    assert_eq!(
        facts,
        Facts {
            architecture: "llama".to_owned(),
            context_tokens: 2048,
            blocks: 2,
            vocabulary: 261,
            cell_bytes: 2 * 2 * 2 * (16 + 16),
            has_chat_template: true,
        }
    );
}

#[test]
fn a_file_of_another_kind_is_refused() {
    check(|file| file.clear(), "the file ends within the header");
    check(|file| file[0] = b'X', "this is not a GGUF file");
    check(|file| file[4] = 1, "GGUF version 1 is not supported, only 2 and 3");
    check(|file| file[7] = 1, "GGUF version 16777219 is not supported, only 2 and 3");
}

#[test]
fn absurd_sizes_are_refused() {
    let ones = &[0xff; 8];
    let max = u64::MAX;
    check(|file| file[8..16].fill(0xff), &format!("the number of tensors is {max}, more than 65536"));
    check(|file| file[16..24].fill(0xff), &format!("the number of keys is {max}, more than 4096"));
    check(|file| file[24..32].fill(0xff), &format!("the length of a key is {max}, more than 256"));
    check(
        put("general.name", 4, ones),
        &format!("the length of the value of `general.name` is {max}, more than 1048576"),
    );
    check(
        put("tokenizer.chat_template", 4, &[0, 0, 3, 0, 0, 0, 0, 0]),
        "the length of the value of `tokenizer.chat_template` is 196608, more than 131072",
    );
    check(
        put("tokenizer.ggml.tokens", 8, ones),
        &format!("the number of elements of `tokenizer.ggml.tokens` is {max}, more than 4194304"),
    );
    check(
        put("tokenizer.ggml.tokens", 16, ones),
        &format!("the length of an element of `tokenizer.ggml.tokens` is {max}, more than 4096"),
    );
    check(
        put("llama.block_count", 4, &[0xff; 4]),
        "the key `llama.block_count` is 4294967295, more than 1024",
    );
    check(
        put("token_embd.weight", 4, ones),
        "tensor `token_embd.weight` has more elements than can be counted",
    );
    check(put("token_embd.weight", 0, &[9]), "tensor `token_embd.weight` has 9 dimensions instead of 1 to 4");
}

#[test]
fn what_does_not_fit_together_is_refused() {
    check(
        put("general.alignment", 4, &[33]),
        "an alignment of 33 bytes is not a power of two from 8 to 65536",
    );
    check(put("general.alignment", 4, &[0]), "an alignment of 0 bytes is not a power of two from 8 to 65536");
    check(put("general.name", 0, &[77]), "the key `general.name` has the unknown value type 77");
    check(put("tokenizer.ggml.tokens", 4, &[9]), "the key `tokenizer.ggml.tokens` has lists within a list");
    check(put("general.name", -4, b"\xff\xfe\xfd\xfc"), "a key is not UTF-8");
    check(put("llama.block_count", 4, &[3]), "every tensor of block 2 is missing");
    check(put("llama.block_count", 4, &[0]), "the key `llama.block_count` is 0");
    check(
        put("llama.embedding_length", 4, &[32]),
        "tensor `token_embd.weight` is not 261 tokens of 32 elements",
    );
    check(
        put("tokenizer.ggml.add_bos_token", 4, &[2]),
        "the key `tokenizer.ggml.add_bos_token` is neither true nor false",
    );
    check(
        put("tokenizer.ggml.eos_token_id", 4, &[5, 1]),
        "the key `tokenizer.ggml.eos_token_id` names a token beyond the vocabulary",
    );
    check(put("blk.0.attn_q.weight", 20, &[4]), "tensor `blk.0.attn_q.weight` has the unknown type 4");
    check(
        put("blk.0.attn_q.weight", 20, &[0]),
        "tensor `blk.0.attn_k.weight` begins at 41856 of the data, but should begin at 50048",
    );
    check(
        put("blk.0.attn_q.weight", 24, &[1]),
        "tensor `blk.0.attn_q.weight` begins at 33537 of the data, but should begin at 33664",
    );
    check(put("blk.1.attn_q.weight", -15, b"0"), "tensor `blk.0.attn_q.weight` is there twice");
    let not_a_name = "the key `general.architecture` is not the name of an architecture";
    check(put("general.architecture", 12, b"\n"), not_a_name);
}

#[test]
fn what_is_missing_is_named() {
    check(put("general.architecture", -1, b"X"), "the key `general.architecture` is missing");
    check(put("llama.block_count", -1, b"X"), "the key `llama.block_count` is missing");
    check(put("tokenizer.ggml.tokens", -1, b"X"), "the key `tokenizer.ggml.tokens` is missing");
    check(put("token_embd.weight", -1, b"X"), "tensor `token_embd.weight` is missing");
    check(put("output_norm.weight", -1, b"X"), "tensor `output_norm.weight` is missing");
    check(put("blk.1.ffn_down.weight", -1, b"X"), "tensor `blk.1.ffn_down.weight` is missing");
    let change = |file: &mut Vec<u8>| {
        put("token_embd.weight", -1, b"\x1b")(file);
        put("token_embd.weigh\x1b", 0, &[9])(file);
    };
    check(change, "tensor `token_embd.weigh\\u{1b}` has 9 dimensions instead of 1 to 4");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let file = model();
    for length in 0..header_length(&file) {
        let error = result(&file[..length]).expect_err("a cut file");
        assert!(matches!(error, GgufError::Ends(_)), "{length}: {error}");
    }
    for length in [header_length(&file), file.len() / 2, file.len() - 1] {
        let error = result(&file[..length]).expect_err("a cut file").to_string();
        assert!(error.ends_with("reaches beyond the end of the file"), "{length}: {error}");
    }
}

fn adapter() -> Vec<u8> {
    TinyLlama::default().adapter(TinyAdapter::default())
}

fn adapted(file: &[u8]) -> Result<AdapterFacts, GgufError> {
    let base = model();
    let (facts, shapes) = check_bytes(base.as_slice(), base.len() as u64)?;
    adapter::check_bytes(file, file.len() as u64, &facts, &shapes)
}

fn check_adapter(change: impl FnOnce(&mut Vec<u8>), expected: &str) {
    let mut file = adapter();
    change(&mut file);
    assert_eq!(adapted(&file).map_err(|error| error.to_string()), Err(expected.to_owned()));
}

#[test]
fn an_adapter_must_be_one_and_fit_its_base() {
    assert_eq!(adapted(&adapter()), Ok(AdapterFacts { matrices: 4, rank: 4 }));
    check_adapter(put("general.type", -1, b"X"), "the key `general.type` is missing");
    check_adapter(put("adapter.type", 12, b"m"), "the key `adapter.type` is `mora` instead of `lora`");
    check_adapter(
        put("general.architecture", 12, b"g"),
        "the key `general.architecture` is `glama` instead of `llama`",
    );
    check_adapter(put("adapter.lora.alpha", -1, b"X"), "the key `adapter.lora.alpha` is missing");
    let alpha = "the key `adapter.lora.alpha` is not a number of single precision above 0 and up to 65536";
    check_adapter(put("adapter.lora.alpha", 4, &[0, 0, 0xc0, 0x7f]), alpha);
    check_adapter(put("adapter.lora.alpha", 4, &[0; 4]), alpha);
    check_adapter(put("adapter.lora.alpha", 4, &[0, 0, 0x80, 0x7f]), alpha);
    // A whole number: native code would end the process over it.
    check_adapter(put("adapter.lora.alpha", 0, &[4]), alpha);
    check_adapter(put("general.type", -12, b"adapter.alor"), "the key `general.type` is missing");
    check_adapter(
        put("blk.0.attn_q.weight.lora_a", -1, b"c"),
        "tensor `blk.0.attn_q.weight.lora_c` ends neither in `.lora_a` nor in `.lora_b`",
    );
    check_adapter(
        put("blk.0.attn_q.weight.lora_a", -8, b"X"),
        "tensor `blk.0.attn_q.weighX` has only one of its two parts",
    );
    check_adapter(
        put("blk.0.attn_q.weight.lora_a", 4, &[128, 0, 0, 0, 0, 0, 0, 0, 2]),
        "tensor `blk.0.attn_q.weight` is adapted as 128 × 64, and the base has 64 × 64",
    );
    // 24 is I8: as many bytes with twice the elements.
    check_adapter(
        |file| {
            put("blk.0.attn_q.weight.lora_a", 12, &[8])(file);
            put("blk.0.attn_q.weight.lora_a", 20, &[24])(file);
        },
        "tensor `blk.0.attn_q.weight.lora_a` is neither F32, F16, BF16 nor Q8_0",
    );
}

#[test]
fn an_adapter_cut_anywhere_is_refused() {
    let (file, base) = (adapter(), model());
    let (facts, shapes) = check_bytes(base.as_slice(), base.len() as u64).unwrap();
    let header = position(&file, "blk.1.ffn_down.weight.lora_b") + 64;
    for length in (0..header).chain([file.len() / 2, file.len() - 64]) {
        let cut = &file[..length];
        assert!(adapter::check_bytes(cut, length as u64, &facts, &shapes).is_err(), "{length}");
    }
}

proptest! {
    #[test]
    fn random_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(result(&bytes).is_err());
        prop_assert!(result(&[b"GGUF\x03\0\0\0".as_slice(), &bytes].concat()).is_err());
    }

    /// Whatever is changed, there is an answer, and what is accepted holds every tensor.
    #[test]
    fn mutations_never_panic(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut file = model();
        let header = header_length(&file);
        for (at, byte) in changes {
            file[at.index(header)] = byte;
        }
        if let Err(error) = result(&file) {
            prop_assert!(!error.to_string().contains(char::is_control), "{}", error);
        }
    }

    #[test]
    fn mutated_adapters_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut file = adapter();
        let header = position(&file, "blk.1.ffn_down.weight.lora_b") + 64;
        for (at, byte) in changes {
            file[at.index(header)] = byte;
        }
        if let Err(error) = adapted(&file) {
            prop_assert!(!error.to_string().contains(char::is_control), "{}", error);
        }
    }
}
