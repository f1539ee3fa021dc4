use proptest::prelude::*;

use super::{Bounds, Reason, Value, parse};

fn check(input: &[u8], expected: Result<&str, Reason>) {
    let got = parse(input, &Bounds { depth_max: 4, nodes_max: 64 });
    match (got, expected) {
        (Ok(value), Ok(text)) => assert_eq!(value.to_text(), text),
        (Err(error), Err(reason)) => assert_eq!(error.reason, reason, "{error}"),
        (got, expected) => {
            panic!("{:?} gave {got:?}, expected {expected:?}", input.escape_ascii().to_string())
        }
    }
}

#[test]
fn documents_are_kept_or_refused() {
    check(
        b" {\"a\" : [1, -0.5e+3, true, false, null, \"x\"]} ",
        Ok(r#"{"a":[1,-0.5e+3,true,false,null,"x"]}"#),
    );
    check(br#""\u0041\n\"\\\/\ud83d\ude00""#, Ok("\"A\\n\\\"\\\\/😀\""));
    check(br#""\u0000\u001f""#, Ok(r#""\u0000\u001f""#));
    check(b"{}", Ok("{}"));
    check(b"12345678901234567890", Ok("12345678901234567890"));
    check(b"", Err(Reason::UnexpectedEnd));
    check(b"{", Err(Reason::UnexpectedEnd));
    check(b"[1,", Err(Reason::UnexpectedEnd));
    check(b"\"abc", Err(Reason::UnexpectedEnd));
    check(b"{} x", Err(Reason::TrailingBytes));
    check(b"{}\0", Err(Reason::TrailingBytes));
    check(b"\xEF\xBB\xBF{}", Err(Reason::UnexpectedByte));
    check(b"[1,]", Err(Reason::UnexpectedByte));
    check(b"{'a':1}", Err(Reason::UnexpectedByte));
    check(b"{a:1}", Err(Reason::UnexpectedByte));
    check(b"[NaN]", Err(Reason::UnexpectedByte));
    check(b"\"\xFF\"", Err(Reason::InvalidUtf8));
    check(b"\"\xC0\xAF\"", Err(Reason::InvalidUtf8));
    check(b"\"\xED\xA0\x80\"", Err(Reason::InvalidUtf8));
    check(br#""\ud83d""#, Err(Reason::LoneSurrogate));
    check(br#""\ude00\ud83d""#, Err(Reason::LoneSurrogate));
    check(br#""\ud83dx""#, Err(Reason::LoneSurrogate));
    check(br#""\x41""#, Err(Reason::BadEscape));
    check(br#""\u00g0""#, Err(Reason::BadEscape));
    check(b"\"a\nb\"", Err(Reason::ControlCharacter));
    check(b"01", Err(Reason::BadNumber));
    check(b"1.", Err(Reason::BadNumber));
    check(b"-", Err(Reason::BadNumber));
    check(b"1e", Err(Reason::BadNumber));
    check(b"0x10", Err(Reason::BadNumber));
    check(b"1e999", Err(Reason::NumberOutOfRange));
    check("9".repeat(65).as_bytes(), Err(Reason::NumberOutOfRange));
    check(br#"{"a":1,"a":2}"#, Err(Reason::DuplicateKey));
    check(br#"{"a":1,"\u0061":2}"#, Err(Reason::DuplicateKey));
    check(b"[[[[1]]]]", Ok("[[[[1]]]]"));
    check(b"[[[[[1]]]]]", Err(Reason::TooDeep(4)));
    check("[".repeat(100_000).as_bytes(), Err(Reason::TooDeep(4)));
    check(format!("[{}1]", "1,".repeat(64)).as_bytes(), Err(Reason::TooManyValues(64)));
}

#[test]
fn a_duplicate_among_many_keys_is_seen() {
    let members: Vec<String> = (0..40).map(|n| format!("\"k{n}\":1")).collect();
    let bounds = Bounds::default();
    assert!(parse(format!("{{{}}}", members.join(",")).as_bytes(), &bounds).is_ok());
    for repeated in [0, 15, 16, 17, 39] {
        let text = format!("{{{},\"k{repeated}\":1}}", members.join(","));
        let reason = parse(text.as_bytes(), &bounds).map_err(|error| error.reason);
        assert_eq!(reason, Err(Reason::DuplicateKey), "k{repeated}");
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<String>().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_another_writer_wrote_is_read_and_written_back(document in any_json()) {
        let parsed = parse(document.to_string().as_bytes(), &Bounds::default()).unwrap();
        let back: serde_json::Value = serde_json::from_str(&parsed.to_text()).unwrap();
        prop_assert_eq!(back, document);
    }

    #[test]
    fn writing_and_parsing_is_the_identity(document in any_json()) {
        let first = parse(document.to_string().as_bytes(), &Bounds::default()).unwrap();
        let second: Value = parse(first.to_text().as_bytes(), &Bounds::default()).unwrap();
        prop_assert_eq!(first, second);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, &Bounds::default());
    }

    #[test]
    fn what_is_accepted_another_parser_accepts(text in r#"[\[\]{},:"a0-9eE.+\-\\u ]{0,40}"#) {
        if parse(text.as_bytes(), &Bounds::default()).is_ok() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
    }
}
