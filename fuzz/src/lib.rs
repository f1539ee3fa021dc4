//! Fuzzing of inspection. The laws stand in `laws.rs`, which the tests of crate `inspect` include too, and so does what
//! every target is called. A target is one line in `fuzz_targets/`.

pub mod fragments;
pub mod laws;

pub use libfuzzer_sys;

/// A target of one law whose inputs are put together from fragments of its language.
#[macro_export]
macro_rules! target {
    ($law:ident, $fragments:ident) => {
        use $crate::libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

        fuzz_target!(|data: &[u8]| $crate::laws::$law(data));

        fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            let fragments = $crate::fragments::$fragments();
            $crate::fragments::insert(fragments, data, size, max_size, seed)
                .unwrap_or_else(|| fuzzer_mutate(data, size, max_size))
        });
    };
}
