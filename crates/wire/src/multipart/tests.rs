use bytes::Bytes;
use proptest::prelude::*;

use super::{Bounds, Form, Part, render};

const BOUNDS: Bounds = Bounds { body_bytes_max: 2000, parts_max: 3, header_bytes_max: 120 };

/// The parts of a body in which `|` stands for CRLF, as `name/filename/type=content`, or the refusal.
fn check(body: &str, expected: Result<&[&str], &str>) {
    let bytes = Bytes::from(body.replace('|', "\r\n"));
    let got = Form::parse(&bytes, &BOUNDS)
        .map(|form| {
            let show = |part: &Part| {
                format!(
                    "{}/{}/{}={}",
                    part.name(),
                    part.filename().unwrap_or("-"),
                    part.content_type().unwrap_or("-"),
                    part.bytes().escape_ascii()
                )
            };
            form.parts().iter().map(show).collect::<Vec<_>>()
        })
        .map_err(|refusal| format!("{} {}", refusal.code.status(), refusal.message.english));
    let expected = expected
        .map(|parts| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>())
        .map_err(|message| match message.strip_prefix("413") {
            Some(_) => message.to_owned(),
            None => format!("400 The form of the request is not valid: {message}."),
        });
    assert_eq!(got, expected, "{body}");
}

const NO_FORM: &str = "it must be sent as multipart/form-data and begin with its boundary";
const NO_NAME: &str = "a part has no content-disposition of the form `form-data; name=\"…\"; filename=\"…\"`";
const BEHIND: &str = "something stands behind a boundary where a line should end";
const CUT: &str = "its last boundary is missing; it may have been cut off";

#[test]
fn what_clients_send_is_read() {
    // As `httpx`, `undici`, `curl` and Go's `mime/multipart` write it.
    check(
        "--b|Content-Disposition: form-data; name=\"purpose\"||batch|--b|Content-Disposition: form-data; name=\"file\"; \
         filename=\"a b.jsonl\"|Content-Type: application/octet-stream||{}\n|--b--|",
        Ok(&["purpose/-/-=batch", "file/a b.jsonl/application/octet-stream={}\\n"]),
    );
    check(
        "--b|content-disposition:form-data;name=file;filename=x.wav||||--b--",
        Ok(&["file/x.wav/-=\\r\\n"]),
    );
    check("--b|Content-Disposition: form-data; name=\"f\"; filename=\"\"|||--b--", Ok(&["f//-="]));
    check(
        "--b|Content-Disposition: form-data; filename=\"C:\\a %22b%22\"; name=\"f\"||x|--b--",
        Ok(&["f/C:\\a \"b\"/-=x"]),
    );
    check(
        "--b|Content-Disposition: form-data; name=\"f\"|Content-Transfer-Encoding: binary|Content-Length: 1||x|--b--",
        Ok(&["f/-/-=x"]),
    );
    // Nearly a boundary.
    check(
        "--b|Content-Disposition: form-data; name=\"f\"||--b\r\n-b|-|--|--c|--b--",
        Ok(&["f/-/-=--b\\r\\n-b\\r\\n-\\r\\n--\\r\\n--c"]),
    );
}

#[test]
fn what_readers_would_disagree_on_is_refused() {
    let part = "Content-Disposition: form-data; name=\"f\"";
    check("", Err(NO_FORM));
    check("{\"purpose\":\"batch\"}", Err(NO_FORM));
    check("purpose=batch", Err(NO_FORM));
    check(&format!("preamble|--b|{part}||x|--b--"), Err(NO_FORM));
    check(&format!("--b |{part}||x|--b --"), Err(NO_FORM));
    check(&format!("--b\"|{part}||x|--b\"--"), Err(NO_FORM));
    check(&format!("--|{part}||x|----"), Err(NO_FORM));
    check(&format!("--{0}|{part}||x|--{0}--", "b".repeat(71)), Err(NO_FORM));
    check(&format!("--{0}|{part}||x|--{0}--", "b".repeat(70)), Ok(&["f/-/-=x"]));
    check(&format!("--b\n{part}\n\nx\n--b--"), Err(NO_FORM));
    check(&format!("--b|{part}||x"), Err(CUT));
    check(&format!("--b|{part}||x|--b"), Err(BEHIND));
    check(&format!("--b|{part}||x|--b--|more"), Err(BEHIND));
    check(&format!("--b|{part}||x|--b |{part}||y|--b--"), Err(BEHIND));
    check(&format!("--b|{part}||x|--bc|--b--"), Err(BEHIND));
    check("--b--|", Err("the headers of a part do not end within 120 bytes"));
    check(
        &format!("--b|{part}|X-Long: {}||x|--b--", "x".repeat(120)),
        Err("the headers of a part do not end within 120 bytes"),
    );
    check(
        &format!("--b|{part}|X-Other: 1||x|--b--"),
        Err("a part has a header other than content-disposition and content-type"),
    );
    check(&format!("--b|{part}|{part}||x|--b--"), Err("a header of a part stands there twice"));
    check(&format!("--b|{part}| folded||x|--b--"), Err("a header line of a part has no colon"));
    check(
        &format!("--b|{part}|Content-Transfer-Encoding: base64||eA==|--b--"),
        Err("a part is encoded for transfer; send it as it is"),
    );
    check(&format!("--b|{part}|Content-Length: 2||x|--b--"), Err("a part is not as long as it says"));
    check("--b|Content-Type: text/plain||x|--b--", Err(NO_NAME));
    check("--b|Content-Disposition: attachment; name=\"f\"||x|--b--", Err(NO_NAME));
    check("--b|Content-Disposition: form-data||x|--b--", Err(NO_NAME));
    check("--b|Content-Disposition: form-data; name=\"f\"; name=\"g\"||x|--b--", Err(NO_NAME));
    check("--b|Content-Disposition: form-data; name=\"f\"; filename*=UTF-8''x||x|--b--", Err(NO_NAME));
    check("--b|Content-Disposition: form-data; name=\"f\\\"g\"||x|--b--", Err(NO_NAME));
    check(
        "--b|Content-Disposition: form-data; name=\"\"||x|--b--",
        Err("a part has no name that can be read"),
    );
    check(
        "--b|Content-Disposition: form-data; name=\"f\"; filename=\"a\u{1}\"||x|--b--",
        Err("the name of a file contains control characters"),
    );
    let four = format!("--b|{part}||x|").repeat(4);
    check(&format!("{four}--b--"), Err("it has more than 3 parts"));
    check(
        &format!("--b|{part}||{}|--b--", "x".repeat(2000)),
        Err("413 The request is larger than 2000 bytes."),
    );
}

#[test]
fn fields_are_taken_by_name_until_none_is_left() {
    let field = |name: &str, text: &'static str| Part::field(name, text).unwrap();
    let mut form =
        Form { parts: vec![field("a", "1"), field("b[]", "2"), field("b[]", "3"), field("modle", "4")] };
    assert_eq!(form.take("a").unwrap().unwrap().text().unwrap(), "1");
    assert!(form.take("a").unwrap().is_none());
    assert_eq!(
        form.clone().take("b[]").unwrap_err().message.english,
        "The field `b[]` stands there more than once."
    );
    assert_eq!(form.take_all("b[]").len(), 2);
    let refusal = form.clone().refuse_rest(&["model", "file"]).unwrap_err();
    assert_eq!(refusal.message.english, "Unknown field `modle`; did you mean `model`?");
    form.take_all("modle");
    assert!(form.refuse_rest(&[]).is_ok());
    let file = Part::file("model", "x", None, Bytes::from_static(b"x")).unwrap();
    assert_eq!(file.text().unwrap_err().message.english, "The field `model` must be a text, not a file.");
    assert_eq!(
        Part::field("a", vec![0xff]).unwrap().text().unwrap_err().message.english,
        "The field `a` is not UTF-8."
    );
    assert!(Part::file("a", "b\r\nx: y", None, Bytes::new()).is_err());
    assert!(Part::file("a", "b", Some("text/plain\r\nx: y".into()), Bytes::new()).is_err());
}

#[test]
fn a_boundary_stands_in_no_part() {
    let content = "--schleuse-form-000000000000 schleuse-form-000000000001\r\n--schleuse-form-000000000003--";
    let (content_type, bytes) = render(&[Part::field("a", content).unwrap()]);
    assert_eq!(content_type, "multipart/form-data; boundary=schleuse-form-000000000002");
    assert_eq!(Form::parse(&bytes.into(), &Bounds::default()).unwrap().parts[0].bytes(), content);
}

/// Bytes of which many look like the end of a part.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b"--".to_vec()),
        Just(b"schleuse-form-00000000000".to_vec()),
        prop::collection::vec(any::<u8>(), 0..8),
        "[0-9]".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn part() -> impl Strategy<Value = Part> {
    let name = "[^\\p{Cc}]{1,12}";
    (name, prop::option::of("[^\\p{Cc}]{0,12}"), prop::option::of("[a-z]{1,5}/[a-z]{1,5}"), content())
        .prop_filter_map(
            "a name with `%22` in it says something else",
            |(name, filename, content_type, bytes)| {
                Part { name, filename, content_type, bytes: bytes.into() }.checked().ok()
            },
        )
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(parts in prop::collection::vec(part(), 1..5)) {
        let (content_type, bytes) = render(&parts);
        let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        let inside = parts.iter().any(|part| super::find(part.bytes(), boundary.as_bytes()).is_some());
        prop_assert!(!inside);
        let form = Form::parse(&bytes.into(), &Bounds::default()).unwrap();
        prop_assert_eq!(form.parts(), &parts);
    }

    #[test]
    fn no_bytes_make_it_panic(parts in prop::collection::vec(part(), 1..3), cut in any::<prop::sample::Index>(), put in content()) {
        let (_, mut bytes) = render(&parts);
        let at = cut.index(bytes.len());
        bytes.splice(at..at, put);
        let bytes = Bytes::from(bytes);
        let mut shorter = bytes.clone();
        shorter.truncate(at);
        // Whatever is read can be written, and reads the same again.
        for bytes in [bytes, shorter] {
            if let Ok(form) = Form::parse(&bytes, &Bounds::default()) {
                let again = Form::parse(&render(form.parts()).1.into(), &Bounds::default()).unwrap();
                prop_assert_eq!(again, form);
            }
        }
    }
}
