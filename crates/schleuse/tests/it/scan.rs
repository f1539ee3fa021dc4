//! `schleuse scan`: the same inspection on files.

use std::path::Path;

use serde_json::{Value, json};

use crate::folder::Folder;
use crate::house::{schleuse, schleuse_with, stderr, stdout};
use crate::{GITHUB_TOKEN, IBAN};

/// The guardrails of the requirements' third document.
const GUARDRAILS: &str = include_str!("azure-openai-config.yaml");

async fn scan(words: &[&str]) -> (Option<i32>, Vec<Value>) {
    scan_with(words, b"").await
}

async fn scan_with(words: &[&str], input: &[u8]) -> (Option<i32>, Vec<Value>) {
    let output = schleuse_with(&[&["scan", "--json"], words].concat(), input).await;
    assert_eq!(stderr(&output), "", "{words:?}");
    (output.status.code(), stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[tokio::test]
async fn findings_are_json_lines_and_an_exit_code() {
    let folder = Folder::new();
    let clean = folder.write("clean.txt", "Nichts Besonderes, 42.\n");
    let prose = "Grüße 😀: ";
    let dirty =
        folder.write("dirty.txt", format!("{prose}{IBAN}\nKey {GITHUB_TOKEN}, Mail max@example.org\n"));
    assert_eq!(scan(&[clean.to_str().unwrap()]).await, (Some(0), Vec::new()));

    let (code, lines) = scan(&[dirty.to_str().unwrap()]).await;
    assert_eq!(code, Some(3), "{lines:?}");
    let path = dirty.to_str().unwrap();
    let told: Vec<Value> = lines
        .iter()
        .map(|line| json!([line["path"], line["type"], line["start"], line["end"], line["action"]]))
        .collect();
    let text = std::fs::read_to_string(&dirty).unwrap();
    let at = |needle: &str| (text.find(needle).unwrap(), text.find(needle).unwrap() + needle.len());
    let (iban, key, mail) = (at(IBAN), at(GITHUB_TOKEN), at("max@example.org"));
    assert_eq!(iban.0, prose.len());
    assert_eq!(
        told,
        [
            json!([path, "IBAN", iban.0, iban.1, "BLOCK"]),
            json!([path, "API_KEY", key.0, key.1, "REDACT"]),
            json!([path, "EMAIL", mail.0, mail.1, "ALLOW"]),
        ]
    );
    for line in &lines {
        let mut members: Vec<&String> = line.as_object().unwrap().keys().collect();
        members.sort();
        assert_eq!(members, ["action", "end", "path", "recognizer", "score", "start", "type"]);
        assert!(line["score"].as_f64().is_some_and(|score| (0.5..=1.0).contains(&score)), "{line}");
        assert!(!line.to_string().contains(IBAN) && !line.to_string().contains(GITHUB_TOKEN));
    }
    // For people, without --json.
    let output = schleuse(&["scan", path]).await;
    assert_eq!((output.status.code(), stdout(&output).lines().count()), (Some(3), 3));
    assert!(!stdout(&output).contains(IBAN));
}

#[tokio::test]
async fn folders_and_standard_input_are_read() {
    let folder = Folder::new();
    folder.write("b/two.txt", IBAN);
    folder.write("a/one.txt", format!("x{}", "y".repeat(100)));
    folder.write("c.bin", [b"\xff\xfe\x00 ", IBAN.as_bytes(), b" \x80"].concat());
    let (code, lines) = scan(&[folder.path().to_str().unwrap()]).await;
    assert_eq!(code, Some(3));
    let paths: Vec<&str> =
        lines.iter().map(|line| line["path"].as_str().unwrap().rsplit('/').next().unwrap()).collect();
    assert_eq!(paths, ["two.txt", "c.bin"], "{lines:?}");
    assert_eq!((&lines[1]["start"], &lines[1]["end"]), (&json!(4), &json!(26)));

    let (code, lines) = scan_with(&["-"], format!("ab {IBAN}").as_bytes()).await;
    assert_eq!(code, Some(3));
    assert_eq!((&lines[0]["path"], &lines[0]["start"]), (&json!("-"), &json!(3)));
    assert_eq!(scan_with(&["-"], b"").await, (Some(0), Vec::new()));
}

#[tokio::test]
async fn wrong_use_is_exit_code_two() {
    let folder = Folder::new();
    let broken =
        folder.write("guardrails.yaml", "guardrails:\n  - type: \"NONSENSE\"\n    action: \"BLOCK\"\n");
    let none = folder.join("none.txt");
    for words in [
        vec!["scan"],
        vec!["scan", none.to_str().unwrap()],
        vec!["scan", "--jsn", "-"],
        vec!["scan", "--guardrails", none.to_str().unwrap(), "-"],
        vec!["scan", "--guardrails", broken.to_str().unwrap(), "-"],
    ] {
        let output = schleuse(&words).await;
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", stderr(&output));
        assert!(!stderr(&output).is_empty(), "{words:?}");
    }
}

#[tokio::test]
async fn an_exception_may_be_bound_to_a_file() {
    let folder = Folder::new();
    let text = "Konto DE89 3704 0044 0532 0130 00\n";
    let (ours, theirs) = (folder.write("ours/a.txt", text), folder.write("theirs/a.txt", text));
    let day = crate::guardrails::day(30);
    let guardrails = folder.write(
        "guardrails.toml",
        format!(
            "[[exception]]\ntype = \"IBAN\"\npath = \"{}\"\nuntil = {day}\nreason = \"r\"\nallowed_by = \"A\"\n",
            ours.parent().unwrap().display()
        ),
    );
    let actions = async |file: &Path| {
        let (_, lines) = scan(&["--guardrails", guardrails.to_str().unwrap(), file.to_str().unwrap()]).await;
        lines.iter().map(|line| (line["action"].clone(), line["excepted"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(actions(&ours).await, [(json!("ALLOW"), json!(true))]);
    assert_eq!(actions(&theirs).await, [(json!("BLOCK"), Value::Null)]);
}

#[tokio::test]
async fn the_documents_guardrails_decide() {
    let folder = Folder::new();
    let guardrails = folder.write("azure-openai-config.yaml", GUARDRAILS);
    let text = format!("max@example.org {IBAN} {GITHUB_TOKEN} password = \"hT7kQ9zLw2pX\"\n");
    let file = folder.write("text.txt", &text);
    let (code, lines) = scan(&["--guardrails", guardrails.to_str().unwrap(), file.to_str().unwrap()]).await;
    assert_eq!(code, Some(3));
    let action =
        |kind: &str| lines.iter().find(|line| line["type"] == kind).map(|line| line["action"].clone());
    assert_eq!(action("EMAIL"), Some("BLOCK".into()), "an address is personal: {lines:?}");
    assert_eq!(action("IBAN"), Some("BLOCK".into()));
    assert_eq!(action("API_KEY"), Some("REDACT".into()));
    assert_eq!(action("PASSWORD"), Some("REDACT".into()), "{lines:?}");
}

/// Larger than any buffer, with something at every border of a piece.
#[tokio::test]
async fn a_large_file_is_read_in_pieces_and_nothing_is_lost_between_them() {
    let folder = Folder::new();
    let piece = 256 * 1024;
    let mut expected = Vec::new();
    let mut text = Vec::new();
    for border in 1..=8 {
        let start = border * piece - border * 2;
        while text.len() < start - 2 {
            text.extend_from_slice(b"ein Wort ");
        }
        text.truncate(start - 1);
        text.push(b' ');
        text.extend_from_slice(IBAN.as_bytes());
        text.push(b' ');
        expected.push((start, start + IBAN.len()));
    }
    let file = folder.write("large.txt", &text);
    let (code, lines) = scan(&[file.to_str().unwrap()]).await;
    assert_eq!(code, Some(3));
    let found: Vec<(usize, usize)> = lines
        .iter()
        .map(|line| (line["start"].as_u64().unwrap() as usize, line["end"].as_u64().unwrap() as usize))
        .collect();
    assert_eq!(found, expected);
    let (_, from_input) = scan_with(&["-"], &text).await;
    assert_eq!(from_input.len(), lines.len());
}

#[tokio::test]
async fn many_files_are_reported_in_their_order() {
    let folder = Folder::new();
    for number in 0..64 {
        // The first are the longest, so that those behind them are ready first.
        let text = format!("{}\n{IBAN}\n", "Ein ruhiger Satz. ".repeat((64 - number) * 500));
        folder.write(&format!("{number:02}.txt"), text);
    }
    let (code, lines) = scan(&[folder.path().to_str().unwrap()]).await;
    assert_eq!((code, lines.len()), (Some(3), 64));
    let paths: Vec<&str> = lines.iter().map(|line| line["path"].as_str().unwrap()).collect();
    assert!(paths.is_sorted(), "{paths:?}");
    // One that cannot be read ends the command, whoever else is at work.
    let output = schleuse(&["scan", folder.path().to_str().unwrap(), "/does/not/exist"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("/does/not/exist"));
}
