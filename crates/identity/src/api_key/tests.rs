use proptest::prelude::*;
use schleuse_types::{OsRandom, Random, Secret};

use super::{ApiKey, KeyFormatError};
use crate::printed::{ALPHABET, print_checksum, print_entropy};
use crate::{Pepper, SessionToken};

const PRINTED_LENGTH: usize = 56;

struct Fixed([u8; 32]);

impl Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        bytes.copy_from_slice(&self.0);
        Ok(())
    }
}

struct Exhausted;

impl Random for Exhausted {
    fn fill(&self, _bytes: &mut [u8]) -> std::io::Result<()> {
        Err(std::io::Error::other("no randomness"))
    }
}

fn key(entropy: [u8; 32]) -> ApiKey {
    ApiKey::generate(&Fixed(entropy)).unwrap()
}

fn check(text: &str, accepted: bool) {
    assert_eq!(ApiKey::parse(text).is_ok(), accepted, "{text}");
}

#[test]
fn only_whole_keys_are_read() {
    let smallest = key([0; 32]);
    let smallest = smallest.expose_printed();
    assert!(smallest.starts_with(&format!("sk-schl{}", "0".repeat(43))));
    assert_eq!(smallest.len(), PRINTED_LENGTH);
    check(smallest, true);
    check(key([0xFF; 32]).expose_printed(), true);
    check("", false);
    check("sk-schl", false);
    check("sk-test", false);
    check(&format!(" {smallest}"), false);
    check(&format!("{smallest}\n"), false);
    check(smallest.trim_start_matches('s'), false);
    check(&smallest.replacen("sk-schl", "sk-SCHL", 1), false);
    check(&"ä".repeat(28), false);
}

#[test]
fn numbers_of_more_than_256_bits_are_refused_although_their_checksum_is_right() {
    let signed = format!("sk-schl{}", "z".repeat(43));
    check(&format!("{signed}{}", print_checksum(&signed)), false);
}

#[test]
fn the_body_is_the_number_in_base_62() {
    let mut one_hundred = [0; 32];
    one_hundred[31] = 100;
    assert_eq!(print_entropy(&one_hundred), format!("{}1c", "0".repeat(41)));
}

#[test]
fn new_keys_differ() {
    let (first, second) = (ApiKey::generate(&OsRandom).unwrap(), ApiKey::generate(&OsRandom).unwrap());
    assert_ne!(first.expose_printed(), second.expose_printed());
}

#[test]
fn without_randomness_there_is_no_key() {
    assert!(ApiKey::generate(&Exhausted).is_err());
}

#[test]
fn derived_keys_are_stable_and_differ_by_name_and_secret() {
    let derived = |secret: &[u8], name| ApiKey::derive(secret, name).expose_printed().to_owned();
    assert_eq!(derived(b"secret", "employee"), derived(b"secret", "employee"));
    assert_ne!(derived(b"secret", "employee"), derived(b"secret", "admin"));
    assert_ne!(derived(b"secret", "employee"), derived(b"other", "employee"));
    check(&derived(b"secret", "employee"), true);
}

#[test]
fn nothing_prints_the_key_by_accident() {
    let key = key([7; 32]);
    assert!(!format!("{key:?}").contains(key.expose_printed()));
    assert!(!KeyFormatError.to_string().contains("sk-schl"));
}

#[test]
fn the_hash_depends_on_the_pepper_and_the_id_on_the_hash() {
    let key = key([7; 32]);
    let (one, two): (Pepper, Pepper) = (Secret::new([1; 32]), Secret::new([2; 32]));
    assert_ne!(key.hash(&one), key.hash(&two));
    let id = key.id(&one);
    assert_eq!(id, key.hash(&one).id());
    assert_eq!(id.len(), 12);
    let digits = id.strip_prefix("k-").unwrap();
    assert!(digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[test]
fn a_session_is_no_key_and_a_key_no_session() {
    let (key, session) = (key([7; 32]), SessionToken::generate(&Fixed([7; 32])).unwrap());
    assert!(SessionToken::parse(session.expose_printed()).is_ok());
    assert!(SessionToken::parse(key.expose_printed()).is_err());
    check(session.expose_printed(), false);
    // Also with the other's prefix: the checksum covers it.
    check(&session.expose_printed().replacen("ss-", "sk-", 1), false);
    let pepper = Secret::new([1; 32]);
    assert_ne!(key.hash(&pepper), session.hash(&pepper));
    assert_eq!(session.id(&pepper).len(), 18);
    assert!(session.id(&pepper).starts_with("s-"));
    assert!(!format!("{session:?}").contains(session.expose_printed()));
}

proptest! {
    #[test]
    fn a_printed_key_is_read_back(entropy: [u8; 32]) {
        let printed = key(entropy);
        let read = ApiKey::parse(printed.expose_printed());
        prop_assert_eq!(read.as_ref().map(ApiKey::expose_printed), Ok(printed.expose_printed()));
    }

    #[test]
    fn every_single_mistyped_character_is_refused(entropy: [u8; 32], at in 0..PRINTED_LENGTH, with in 0..62_usize) {
        let printed = key(entropy).expose_printed().to_owned();
        let mut mistyped = printed.clone().into_bytes();
        mistyped[at] = ALPHABET[with];
        let mistyped = String::from_utf8(mistyped).unwrap();
        prop_assert_eq!(ApiKey::parse(&mistyped).is_ok(), mistyped == printed);
    }

    #[test]
    fn any_text_is_read_without_a_crash(text: String) {
        prop_assert!(ApiKey::parse(&text).is_err());
    }
}
