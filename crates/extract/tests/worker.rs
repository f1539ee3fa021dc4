//! The worker as a process: what it may not do, what it survives, and what its end is called.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod specimens;

use std::process::ExitCode;
use std::time::Duration;

use schleuse_extract::{FILE_BYTES_MAX, Recall, Rejected, WORKER_WORD, Workshop, worker_main};
use specimens::{docx, pdf_of, stream};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == WORKER_WORD) {
        return worker_main(arguments);
    }
    type Case = fn(&Workshop);
    let cases: [(&str, Case); 6] = [
        ("the sandbox holds", the_sandbox_holds),
        ("files of every kind are read", files_of_every_kind_are_read),
        ("a worker that dies is a refusal", a_worker_that_dies_is_a_refusal),
        ("a worker that takes too long is ended", a_worker_that_takes_too_long_is_ended),
        ("reading can be cancelled", reading_can_be_cancelled),
        ("what is no worker says nothing that counts", what_is_no_worker_says_nothing),
    ];
    let workshop = Workshop::new("/proc/self/exe".into());
    for (name, case) in cases {
        case(&workshop);
        println!("ok: {name}");
    }
    ExitCode::SUCCESS
}

fn the_sandbox_holds(workshop: &Workshop) {
    let rows = workshop.prove_sandbox().unwrap();
    let escaped: Vec<_> = rows.iter().filter(|(_, denied)| !denied).collect();
    assert!(rows.len() >= 13 && escaped.is_empty(), "{rows:?}");
    assert_eq!(workshop.prove(), Ok(()));
}

fn files_of_every_kind_are_read(workshop: &Workshop) {
    for (extension, bytes) in specimens::good() {
        let here = schleuse_extract::read(bytes.clone(), extension);
        assert!(here.is_ok());
        assert_eq!(workshop.read(&bytes, extension, &Recall::default()), here, "{extension}");
    }
    let large = vec![b'a'; FILE_BYTES_MAX];
    assert!(workshop.read(&large, "txt", &Recall::default()).unwrap().is_cut);
    assert_eq!(
        workshop.read(&[large, vec![b'a']].concat(), "txt", &Recall::default()),
        Err(Rejected::TooLarge)
    );
    assert_eq!(workshop.read(b"", "txt", &Recall::default()), Err(Rejected::Empty));
}

/// A page that unpacks to more than a worker may have, and values nested without end.
fn a_worker_that_dies_is_a_refusal(workshop: &Workshop) {
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(&vec![b' '; 700 << 20], 1);
    let head = format!("<< /Length {} /Filter /FlateDecode >>\nstream\n", packed.len());
    let mut file = pdf_of(
        &[
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            "<< /Type /Page /Parent 2 0 R /Contents 4 0 R >>",
        ],
        "",
    );
    file.extend_from_slice(b"4 0 obj\n");
    file.extend_from_slice(head.as_bytes());
    file.extend_from_slice(&packed);
    file.extend_from_slice(b"\nendstream\nendobj\n");
    let said = workshop.read(&file, "pdf", &Recall::default());
    assert!(matches!(&said, Err(Rejected::Died)) || said.is_ok_and(|read| read.text.is_empty()));
    let deep = format!("{}{}", "[".repeat(2_000_000), "]".repeat(2_000_000));
    let file =
        pdf_of(&["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [] /Count 0 >>", &deep], "");
    let _ = workshop.read(&file, "pdf", &Recall::default());
    // And the house reads on.
    assert!(workshop.read(&docx(), "docx", &Recall::default()).is_ok());
}

fn a_worker_that_takes_too_long_is_ended(workshop: &Workshop) {
    let hurried = workshop.clone().with_patience(Duration::from_millis(1));
    let content = "BT /F1 12 Tf (a) Tj ET ".repeat(400_000);
    let file = pdf_of(
        &[
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            "<< /Type /Page /Parent 2 0 R /Contents 4 0 R >>",
            &stream(&content),
        ],
        "",
    );
    assert_eq!(hurried.read(&file, "pdf", &Recall::default()), Err(Rejected::TooLong));
}

fn reading_can_be_cancelled(workshop: &Workshop) {
    let recall = Recall::default();
    recall.recall();
    assert_eq!(workshop.read(&docx(), "docx", &recall), Err(Rejected::Cancelled));
}

fn what_is_no_worker_says_nothing(_: &Workshop) {
    let other = Workshop::new("/bin/echo".into());
    assert_eq!(other.read(b"a", "txt", &Recall::default()), Err(Rejected::Died));
    let none = Workshop::new("/nowhere".into());
    assert!(matches!(none.prove(), Err(Rejected::Unconfined(_))));
}
