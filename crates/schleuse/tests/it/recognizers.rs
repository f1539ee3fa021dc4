//! Rules of other products, imported by the command line and used on files.

use crate::folder::Folder;
use crate::house::{schleuse, stderr};

const GITLEAKS: &str = r#"
title = "house rules"

[[rules]]
id = "badge"
description = "badges of the house"
regex = '''\b(bdg-[a-z0-9]{20})(?:['"\s;]|$)'''
keywords = ["bdg-"]

[[rules]]
id = "looks-behind"
regex = '''(?<!x)zz-[0-9]{8}'''
"#;

const PRESIDIO: &str = "recognizers:\n  - name: Badge\n    supported_entity: BADGE\n    patterns:\n      \
                        - {name: badge, regex: \"\\\\bBDG-[0-9]{6}\\\\b\", score: 0.8}\n";

#[tokio::test]
async fn an_imported_pack_works_and_what_was_left_out_is_told() {
    let folder = Folder::new();
    folder.write("rules.toml", GITLEAKS);
    folder.write("packs/keep", "");
    folder.write("text.txt", "key bdg-k3v9x0q2m7t1z8w4p6r5\n");
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (rules, pack) = (path("rules.toml"), path("packs/badges.toml"));

    let output = schleuse(&["recognizers", "import", &rules, "--output", &pack]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(output.stdout.is_empty());
    let told = stderr(&output);
    assert!(told.contains("`looks-behind` left out: its pattern looks around"), "{told}");
    assert!(told.ends_with("1 rules imported, 1 left out\n"), "{told}");

    let scanned = schleuse(&["scan", "--json", "--packs", &path("packs"), &path("text.txt")]).await;
    assert_eq!(scanned.status.code(), Some(3), "{}", stderr(&scanned));
    assert!(String::from_utf8_lossy(&scanned.stdout).contains(r#""recognizer":"gitleaks-badge""#));
}

#[tokio::test]
async fn the_pack_goes_to_standard_output_without_a_file() {
    let folder = Folder::new();
    folder.write("registry.yaml", PRESIDIO);
    let registry = folder.path().join("registry.yaml");
    let output = schleuse(&["recognizers", "import", registry.to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains(r#"id = "presidio-badge-badge""#));
}

#[tokio::test]
async fn what_cannot_be_read_is_bad_usage() {
    let folder = Folder::new();
    folder.write("rules.toml", "rules = [\n");
    folder.write("rules.txt", GITLEAKS);
    for (name, reason) in [
        ("rules.toml", "rules.toml: line "),
        ("rules.txt", "ends neither in .toml nor in .yaml"),
        ("absent.toml", "cannot read"),
    ] {
        let path = folder.path().join(name);
        let output = schleuse(&["recognizers", "import", path.to_str().unwrap()]).await;
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(stderr(&output).contains(reason), "{name}: {}", stderr(&output));
    }
}
