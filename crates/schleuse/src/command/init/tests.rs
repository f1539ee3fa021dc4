use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use clap::Parser as _;

use crate::command::Init;
use crate::command::backup::tests::{Folder, files_of};
use crate::failure::Failure;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    init: Init,
}

fn init(folder: &Folder, words: &[&str]) -> Result<(), Failure> {
    let dir = folder.join("house");
    let line = ["init", "--yes", "--dir", dir.to_str().unwrap()].into_iter().chain(words.iter().copied());
    let line = Line::try_parse_from(line).map_err(Failure::usage)?;
    super::run(line.init).map(drop)
}

fn config(folder: &Folder) -> toml::Table {
    toml::from_str(&fs::read_to_string(folder.join("house/schleuse.toml")).unwrap()).unwrap()
}

/// What the configuration says after `init` with these words.
fn check(words: &[&str], path: &str, expected: &str) {
    let folder = Folder::new();
    init(&folder, words).unwrap();
    let config = toml::Value::Table(config(&folder));
    let found = path.split('.').try_fold(&config, |value, name| match name.parse::<usize>() {
        Ok(number) => value.get(number),
        Err(_) => value.get(name),
    });
    let found = found.map_or("none".to_owned(), |value| match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    assert_eq!(found, expected, "{words:?} {path}");
}

const OIDC: [&str; 4] = ["--oidc-issuer", "https://login.example.org", "--default-role", "employee"];
const LDAP: [&str; 4] =
    ["--ldap-url", "ldaps://ldap.example.org", "--ldap-bind-dn-template", "uid={name},dc=example,dc=org"];

#[test]
fn what_was_chosen_stands_in_the_configuration() {
    check(&[], "listen", "127.0.0.1:8443");
    check(&[], "url", "http://127.0.0.1:8443");
    check(&[], "tls", "none");
    check(&[], "upstream", "none");
    check(&[], "identity_provider", "none");
    check(&[], "sessions.idle_minutes", "480");
    check(&["--name", "Haus \"am\" Kanal\n[tls]"], "name", "Haus \"am\" Kanal\n[tls]");
    check(&["--listen", "127.0.0.1:0"], "url", "none");
    check(&["--listen", "localhost:8443", "--internal-ca"], "url", "https://localhost:8443");
    check(&["--listen", "[::1]:443", "--internal-ca"], "url", "https://[::1]");
    check(&["--listen", "0.0.0.0:443", "--internal-ca"], "url", "none");
    check(&["--internal-ca", "--url", "https://ai.example.org/"], "url", "https://ai.example.org");
    check(&["--internal-ca"], "tls.key", "tls/key.pem");
    let two = ["--upstream", "http://127.0.0.1:8000", "--upstream", "unix:/run/vllm.sock"];
    check(&two, "upstream.0.name", "model");
    check(&two, "upstream.1.name", "model-2");
    check(&two, "upstream.1.url", "unix:/run/vllm.sock");
    check(&two, "upstream.1.max_label", "CONFIDENTIAL");
    check(&OIDC, "identity_provider.0.issuer", "https://login.example.org");
    check(&OIDC, "identity_provider.0.client_id", "schleuse");
    check(&OIDC, "identity_provider.0.client_secret_file", "none");
    check(&OIDC, "identity_provider.0.default_role", "employee");
    let roles = ["--group-role", "ou=a,dc=b=admin", "--group-role", "staff=employee"];
    let more =
        [&OIDC[..2], &roles, &["--oidc-name", "Example", "--oidc-groups-claim", "/realm_access/roles"]]
            .concat();
    check(&more, "identity_provider.0.default_role", "none");
    check(&more, "identity_provider.0.role.0.group", "ou=a,dc=b");
    check(&more, "identity_provider.0.role.1.role", "employee");
    check(&more, "identity_provider.0.title", "Example");
    check(&more, "identity_provider.0.groups_claim", "/realm_access/roles");
    check(&LDAP, "identity_provider.0.kind", "ldap");
    check(&LDAP, "identity_provider.0.bind_dn_template", "uid={name},dc=example,dc=org");
    check(&LDAP, "identity_provider.0.start_tls", "none");
    let plain = ["--ldap-url", "ldap://ldap.example.org", LDAP[2], LDAP[3], "--ldap-group-base", "ou=groups"];
    check(&plain, "identity_provider.0.start_tls", "true");
    check(&plain, "identity_provider.0.groups.base", "ou=groups");
    check(&[OIDC, LDAP].concat(), "identity_provider.1.name", "directory");
}

#[test]
fn a_given_certificate_is_named_where_it_lies() {
    let folder = Folder::new();
    init(&folder, &["--internal-ca"]).unwrap();
    let path = |name: &str| folder.join("house/tls").join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (path("certificate.pem"), path("key.pem"));
    let words = ["--listen", "0.0.0.0:8443", "--certificate", &certificate, "--key", &key];
    check(&words, "tls.certificate", &certificate);
    check(&words, "tls.key", &key);
    // Not a key, or not the one of this certificate.
    check_refused(&["--certificate", &certificate, "--key", &certificate], "certificate.pem");
    check_refused(&["--certificate", &certificate, "--key", &path("ca-key.pem")], "key");
}

fn check_refused(words: &[&str], expected: &str) {
    let folder = Folder::new();
    let error = init(&folder, words).unwrap_err();
    assert!(error.to_string().contains(expected), "{words:?}: {error}");
    assert_eq!(error.exit_code, 2, "{error}");
    assert!(!folder.join("house").exists(), "{words:?} left something behind");
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_written() {
    check_refused(&["--listen", "nonsense"], "is no address");
    check_refused(&["--listen", "0.0.0.0:8443"], "a certificate is needed");
    check_refused(&["--upstream", "ftp://x"], "ftp");
    check_refused(&["--certificate", "a.pem"], "--key <FILE>");
    check_refused(&["--key", "a.pem"], "--certificate <FILE>");
    check_refused(&["--certificate", "/missing/a.pem", "--key", "/missing/b.pem"], "/missing/a.pem");
    check_refused(&["--certificate", "a", "--key", "b", "--internal-ca"], "cannot be used with");
    check_refused(&["--url", "ai.example.org"], "is not how a house is called");
    check_refused(&["--internal-ca", "--url", "http://ai.example.org"], "is not how a house is called");
    check_refused(&["--url", "https://ai.example.org/path"], "is not how a house is called");
    check_refused(&["--oidc-issuer", "http://login.example.org"], "must begin with https://");
    check_refused(&["--oidc-issuer", "http://127.0.0.1.example.org"], "must begin with https://");
    check_refused(&["--oidc-issuer", "login"], "must begin with https://");
    check_refused(&["--oidc-issuer", "https://a", "--oidc-client-secret-file", "/missing/s"], "/missing/s");
    check_refused(&["--oidc-issuer", "https://a", "--default-role", "boss"], "`boss` is not a role");
    check_refused(&["--oidc-issuer", "https://a", "--group-role", "admin"], "is no group with its role");
    check_refused(&["--oidc-issuer", "https://a", "--provider-ca-file", "/missing/ca"], "/missing/ca");
    check_refused(&["--oidc-issuer", "https://a", "--listen", "0.0.0.0:443", "--internal-ca"], "add --url");
    check_refused(&["--default-role", "employee"], "no provider that knows groups");
    check_refused(&["--oidc-client-id", "a"], "--oidc-issuer <URL>");
    check_refused(&["--ldap-url", "ldaps://a"], "--ldap-bind-dn-template <DN>");
    check_refused(&["--ldap-url", "ftp://a", LDAP[2], LDAP[3]], "must begin with ldaps://");
    check_refused(&["--ldap-url", "ldaps://a", "--ldap-bind-dn-template", "uid=x"], "has no {name} in it");
    check_refused(&[&LDAP[..], &["--group-role", "a=admin"]].concat(), "--ldap-group-base");
}

#[test]
fn secrets_are_for_their_owner_only() {
    let folder = Folder::new();
    fs::write(folder.join("secret"), "s3cret-of-the-client\n").unwrap();
    fs::set_permissions(folder.join("secret"), fs::Permissions::from_mode(0o644)).unwrap();
    let secret = folder.join("secret").to_str().unwrap().to_owned();
    init(&folder, &[&OIDC[..], &["--internal-ca", "--oidc-client-secret-file", &secret]].concat()).unwrap();
    let files = files_of(&folder.join("house"));
    let mode = |name: &str| files.iter().find(|(found, ..)| found == name).map(|(_, mode, _)| *mode);
    for name in [
        "secrets/sso-client-secret",
        "tls/key.pem",
        "tls/ca-key.pem",
        "data/secrets/key-pepper",
        "data/secrets/conversation-key",
    ] {
        assert_eq!(mode(name), Some(0o600), "{name}");
    }
    for name in ["secrets/", "data/secrets/"] {
        assert_eq!(mode(name), Some(0o700), "{name}");
    }
    let copied = fs::read_to_string(folder.join("house/secrets/sso-client-secret")).unwrap();
    assert_eq!(copied, "s3cret-of-the-client");
    for name in ["schleuse.toml", "schleuse.service"] {
        assert!(!fs::read_to_string(folder.join("house").join(name)).unwrap().contains("s3cret"), "{name}");
    }
}

#[test]
fn nothing_is_written_over() {
    let folder = Folder::new();
    init(&folder, &["--internal-ca"]).unwrap();
    let before = files_of(&folder.join("house"));
    let again = init(&folder, &["--internal-ca", "--name", "Another"]).unwrap_err();
    assert!(again.to_string().contains("exists already"), "{again}");
    assert!(before == files_of(&folder.join("house")));

    // Secrets, keys and certificates of a house whose configuration was moved away stay, too.
    fs::rename(folder.join("house/schleuse.toml"), folder.join("moved")).unwrap();
    assert!(init(&folder, &["--internal-ca"]).is_err());
    let kept = |files: &[(String, u32, Vec<u8>)]| -> Vec<(String, u32, Vec<u8>)> {
        files.iter().filter(|(name, ..)| name != "schleuse.toml").cloned().collect()
    };
    assert!(kept(&before) == kept(&files_of(&folder.join("house"))));
}

fn unit(folder: &Folder) -> String {
    fs::read_to_string(folder.join("house/schleuse.service")).unwrap()
}

#[test]
fn the_unit_gives_the_house_nothing_but_what_it_needs() {
    let folder = Folder::new();
    init(&folder, &["--name", "100 % Haus"]).unwrap();
    let text = unit(&folder);
    for line in [
        "Description=Schleuse: 100 %% Haus",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        &format!("ReadWritePaths={}", folder.join("house/data").display()),
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in {text}");
    }
    assert!(!text.contains("CAP_"), "{text}");
    assert!(!text.contains("User=root"), "{text}");

    let folder = Folder::new();
    init(&folder, &["--listen", "127.0.0.1:443"]).unwrap();
    assert!(unit(&folder).contains("\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n"));
}

/// systemd itself reads the unit, where it is installed.
#[test]
fn systemd_understands_the_unit() {
    let Ok(version) = std::process::Command::new("systemd-analyze").arg("--version").output() else { return };
    assert!(version.status.success());
    let folder = Folder::new();
    init(&folder, &["--listen", "127.0.0.1:443", "--name", "Haus; am \"Kanal\""]).unwrap();
    let verify = |text: &str| {
        // A user that is on every Debian machine.
        let text = text.replace("User=schleuse", "User=daemon");
        fs::write(folder.join("schleuse.service"), text).unwrap();
        let output = std::process::Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(folder.join("schleuse.service"))
            .output()
            .unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let text = unit(&folder);
    let ours = |said: &str| {
        said.lines().filter(|line| line.contains("schleuse.service")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ours(&verify(&text)), Vec::<String>::new());
    // It does look: a word that it does not know is complained about.
    assert!(!ours(&verify(&text.replace("ProtectClock", "ProtectClok"))).is_empty());
}

#[test]
fn paths_with_blanks_and_signs_are_one_word_of_the_unit() {
    for (path, expected) in [
        ("/srv/house", "/srv/house"),
        ("/srv/my house", "\"/srv/my house\""),
        ("/srv/100%", "\"/srv/100%%\""),
        ("/srv/a\"b\\c", "\"/srv/a\\\"b\\\\c\""),
        ("/srv/$HOME", "\"/srv/$$HOME\""),
    ] {
        assert_eq!(super::unit::word(Path::new(path)).unwrap(), expected);
    }
    assert!(super::unit::word(Path::new("/srv/a\nUser=root")).is_err());
}
