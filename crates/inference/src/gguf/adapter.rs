//! The same strict look at an adapter: matrices of low rank that are added to those of a base.
//!
//! Format: the GGUF files that llama.cpp's `convert_lora_to_gguf.py` writes. For a matrix `X` of the base with rows of
//! `in` elements and `out` rows there are `X.lora_a` of `in` × rank and `X.lora_b` of rank × `out`; what is added to `X`
//! is their product times alpha ÷ rank.

use super::{Facts, GgufError, Keys, Shapes, Tensor, Tensors, Value, limit, malformed, parse, quoted, read};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

/// What is in an adapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterFacts {
    /// Matrices of the base that it changes.
    pub matrices: u64,
    /// The largest rank of all of them.
    pub rank: u64,
}

/// Published adapters have ranks from 4 to 256.
const RANK_MAX: u64 = 512;
const ADAPTER_BYTES_MAX: u64 = 4 << 30;
/// The factor before the product is alpha ÷ rank.
const ALPHA_MAX: f32 = 65_536.0;

/// Checks an open file of an adapter for the base that these facts and shapes are of. Leaves the file's position alone.
///
/// # Errors
///
/// When the file is not an adapter of this kind, does not fit this base, or uses what the engine does not.
pub fn check_adapter(file: &File, base: &Facts, shapes: &Shapes) -> Result<AdapterFacts, GgufError> {
    read(file, |source, length| check_bytes(source, length, base, shapes))
}

pub(super) fn check_bytes(
    source: impl Read,
    length: u64,
    base: &Facts,
    shapes: &Shapes,
) -> Result<AdapterFacts, GgufError> {
    limit("the size of the adapter in bytes", length, ADAPTER_BYTES_MAX)?;
    let (keys, tensors) = parse(source, length)?;
    check_keys(&keys, base)?;
    check_pairs(&tensors, shapes)
}

fn check_keys(keys: &Keys, base: &Facts) -> Result<(), GgufError> {
    let says = |key: &str, expected: &str| match keys.text(key)? {
        Some(found) if found == expected => Ok(()),
        Some(found) => {
            Err(malformed(format!("the key `{key}` is {} instead of `{expected}`", quoted(found))))
        }
        None => Err(GgufError::Missing(format!("the key `{key}`"))),
    };
    says("general.type", "adapter")?;
    says("adapter.type", "lora")?;
    says("general.architecture", &base.architecture)?;
    match keys.0.get("adapter.lora.alpha") {
        Some(Value::Real(alpha)) if *alpha > 0.0 && *alpha <= ALPHA_MAX => {}
        Some(_) => {
            return Err(malformed(format!(
                "the key `adapter.lora.alpha` is not a number of single precision above 0 and up to {ALPHA_MAX}"
            )));
        }
        None => return Err(GgufError::Missing("the key `adapter.lora.alpha`".to_owned())),
    }
    // It would count from certain words on only, which the engine has no notion of.
    if keys.0.keys().any(|key| key.starts_with("adapter.alora.")) {
        return Err(malformed("this is an activated LoRA, which the engine does not know"));
    }
    Ok(())
}

/// Both matrices of each pair must be there, and fit each other and the base.
fn check_pairs(tensors: &Tensors, shapes: &Shapes) -> Result<AdapterFacts, GgufError> {
    let mut pairs: BTreeMap<&str, [Option<&Tensor>; 2]> = BTreeMap::new();
    for (name, tensor) in &tensors.0 {
        let refuse = |why: &str| GgufError::Tensor { name: quoted(name), why: why.to_owned() };
        let halves = name.strip_suffix(".lora_a").map(|target| (target, 0));
        let (target, half) = halves
            .or_else(|| name.strip_suffix(".lora_b").map(|target| (target, 1)))
            .ok_or_else(|| refuse("ends neither in `.lora_a` nor in `.lora_b`"))?;
        if !tensor.element.fits_adapters() {
            return Err(refuse("is neither F32, F16, BF16 nor Q8_0"));
        }
        if let Some(place) = pairs.entry(target).or_default().get_mut(half) {
            *place = Some(tensor);
        }
    }
    let mut rank_max = 0;
    for (target, pair) in &pairs {
        let refuse = |why: String| GgufError::Tensor { name: quoted(target), why };
        let [Some(a), Some(b)] = pair else { return Err(refuse("has only one of its two parts".to_owned())) };
        let base = shapes.0.0.get(*target).ok_or_else(|| refuse("is not in the base".to_owned()))?;
        let (&[columns, rows], true) = (base.shape.as_slice(), *target != "token_embd.weight") else {
            return Err(refuse("is not one of the base's matrices that can be adapted".to_owned()));
        };
        let (&[a_columns, a_rank], &[b_rank, b_rows]) = (a.shape.as_slice(), b.shape.as_slice()) else {
            return Err(refuse("has parts that are not matrices".to_owned()));
        };
        if (a_columns, b_rows) != (columns, rows) {
            return Err(refuse(format!(
                "is adapted as {a_columns} × {b_rows}, and the base has {columns} × {rows}"
            )));
        }
        if a_rank != b_rank {
            return Err(refuse(format!("has parts of rank {a_rank} and {b_rank}")));
        }
        rank_max = rank_max.max(limit(&format!("the rank of {}", quoted(target)), a_rank, RANK_MAX)?);
    }
    if pairs.is_empty() {
        return Err(malformed("the adapter changes nothing"));
    }
    Ok(AdapterFacts { matrices: pairs.len() as u64, rank: rank_max })
}
