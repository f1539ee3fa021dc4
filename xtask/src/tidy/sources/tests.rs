use super::super::table;
use super::*;

fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}

#[track_caller]
fn check(path: &str, text: &str, expected: &[&str]) {
    assert_eq!(super::check(&[file(path, text)]), expected);
}

#[test]
fn what_rust_may_not_contain_is_found_by_line() {
    check("crates/gate/src/walk.rs", "fn one() {}\n", &[]);
    let ignored = format!("#[test]\n{}]\nfn one() {{}}\n", concat!("#[", "ignore"));
    let expected = format!(
        "crates/gate/src/walk.rs:2: `{}`: a test that does not run is no test",
        concat!("#[", "ignore")
    );
    check("crates/gate/src/walk.rs", &ignored, &[&expected]);
}

#[test]
fn only_upstream_holds_a_client() {
    let line = format!("use {}::conn::http1;\n", CLIENT_OF_HTTP[0]);
    check(
        "crates/gate/src/ask.rs",
        &line,
        &["crates/gate/src/ask.rs:1: a client of HTTP, which only `upstream` may hold"],
    );
    check("crates/upstream/src/ask.rs", &line, &[]);
    check("crates/edge/tests/it.rs", &line, &[]);
}

#[test]
fn empty_names_are_found_in_files_and_folders() {
    check("crates/gate/src/util.rs", "", &["crates/gate/src/util.rs: `util` is a name that says nothing"]);
    check(
        "crates/gate/src/common/mod.rs",
        "",
        &["crates/gate/src/common/mod.rs: `common` is a name that says nothing"],
    );
}

#[test]
fn paths_of_one_machine_are_found() {
    let path = format!("open(\"{}someone/file\")", MACHINE_PATHS[0]);
    let expected = format!("docs/a.py:1: a path of one machine (`{}…`)", MACHINE_PATHS[0]);
    check("docs/a.py", &path, &[&expected]);
    check("docs/a.py", &format!("https://example.org{}page", MACHINE_PATHS[0]), &[]);
    check("docs/a.py", MACHINE_PATHS[1], &[]);
}

#[test]
fn promised_lengths_hold() {
    check("README.md", &"line\n".repeat(150), &[]);
    check("README.md", &"line\n".repeat(151), &["README.md has 151 lines, 150 at most"]);
}

#[test]
fn links_lead_to_files() {
    let files = |text: &str| {
        [file("docs/adr/0001-a.md", text), file("docs/tenets.md", ""), file("crates/gate/src/lib.rs", "")]
    };
    let breaches = |text: &str| super::check(&files(text));
    assert_eq!(
        breaches("[a](../tenets.md) [b](https://example.org) [c](#here) [d](../../crates/gate)"),
        Vec::<String>::new()
    );
    assert_eq!(breaches("[a](tenets.md)"), ["docs/adr/0001-a.md:1: the link to `tenets.md` leads nowhere"]);
}

#[test]
fn a_manifest_without_lints_is_found() {
    check(
        "crates/gate/Cargo.toml",
        "[package]\n",
        &["crates/gate/Cargo.toml has no [lints], so the workspace's do not hold there"],
    );
    check("Cargo.toml", "[workspace]\n", &[]);
}

#[test]
fn every_crate_has_a_line_in_the_index() {
    let page = "| Crate | Purpose | May use (ours) |\n|---|---|---|\n| `gate` | walk | – |\n| `xtask` | tasks | – |\n";
    let table = table::parse(page).unwrap();
    let files = [file("crates/gate/src/lib.rs", ""), file("crates/README.md", "`edge`")];
    assert_eq!(missing_rows(&files, &table), ["crates/README.md has no line for `gate`"]);
}

#[test]
fn concentration_is_told() {
    let files = [
        file("crates/a/src/lib.rs", "1\n2\n3\n"),
        file("crates/b/src/lib.rs", "1\n"),
        file("xtask/src/main.rs", "1\n2\n3\n4\n5\n"),
    ];
    assert_eq!(shares(&files), ["crate `a` holds 3 of 4 Rust lines, more than a third"]);
}

#[test]
fn a_lock_belongs_to_its_package() {
    let package =
        |version: &str| file("ui/package.json", &format!(r#"{{"dependencies":{{"marked":"{version}"}}}}"#));
    let lock = file("ui/package-lock.json", r#"{"packages":{"":{"dependencies":{"marked":"1.0.0"}}}}"#);
    let breaches = |version: &str| check_lock(&lock, &[package(version)]);
    assert_eq!(breaches("1.0.0"), Vec::<String>::new());
    assert_eq!(
        breaches("^1.0.0"),
        [
            "ui/package-lock.json: `dependencies` differ from those of ui/package.json; run npm install",
            "ui/package.json: `marked` has no exact version"
        ]
    );
    assert_eq!(check_lock(&lock, &[]).len(), 1);
    let named = file("ui/package-lock.json", r#"{ "resolved": "https://registry.example.org/x.tgz" }"#);
    assert_eq!(
        check_lock(&named, &[file("ui/package.json", "{}")]),
        ["ui/package-lock.json: names a registry; lock with omit-lockfile-registry-resolved"]
    );
}
