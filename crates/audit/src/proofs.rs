//! The long proofs: a tenth of each runs with the other tests, all of it in `./x prove audit`, which keeps what they tell.

/// How often a proof does what it does: 1 in the tests, 10 in `./x prove audit`.
#[expect(clippy::disallowed_methods, reason = "whoever starts the tests says how long they may take")]
pub(crate) fn factor() -> u64 {
    let factor = std::env::var("SCHLEUSE_PROOF_FACTOR").ok();
    factor.map_or(1, |factor| factor.parse().expect("SCHLEUSE_PROOF_FACTOR is a number"))
}

/// One line of results, which `./x prove audit` puts on its page.
pub(crate) fn tell(name: &str, result: &str) {
    println!("proof: {name}: {result}");
}
