//! `schleuse init` and `schleuse serve`: a house that is no demo.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Output, Stdio};

use nix::sys::signal::Signal;
use schleuse_testkit::FakeUpstream;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::SOON;
use crate::client::Request;
use crate::folder::{Folder, files_below};
use crate::house::{CHAT, House, Plan, chat_body, schleuse, stderr, stdout, stream_body, verify};

async fn init(folder: &Folder, more: &[&str]) -> Output {
    let words = [
        "init",
        "--dir",
        folder.path().to_str().unwrap(),
        "--name",
        "Haus am Kanal",
        "--listen",
        "127.0.0.1:0",
        "--yes",
    ];
    schleuse(&[&words, more].concat()).await
}

/// A client that is not ours.
async fn curl(words: &[&str]) -> Output {
    let mut command = tokio::process::Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*"]).args(words);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command.output().await.expect("curl can be started")
}

async fn key_of(house: &House, name: &str, role: &str) -> String {
    let output =
        schleuse(&["key", "create", "--data", &house.data_text(), "--for", name, "--role", role]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stdout(&output).trim().to_owned()
}

#[tokio::test]
async fn a_house_with_its_own_authority_serves_as_it_is() {
    let fake = FakeUpstream::start().await;
    let folder = Folder::new();
    let output = init(&folder, &["--upstream", &fake.url(), "--internal-ca"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for name in ["schleuse.toml", "ca.pem", "data"] {
        assert!(folder.join(name).exists(), "no {name}");
    }
    // Secrets are for nobody else's eyes.
    for file in files_below(folder.path()) {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        let is_secret = text.contains("PRIVATE KEY") || file.parent().unwrap().ends_with("secrets");
        assert!(!is_secret || mode == 0o600, "{} has mode {mode:o}", file.display());
    }
    let config = folder.join("schleuse.toml").to_str().unwrap().to_owned();
    let check = schleuse(&["config", "check", "--config", &config]).await;
    assert_eq!(check.status.code(), Some(0), "{}", stderr(&check));

    let mut house = Plan::serve(&folder, &config).start().await;
    assert!(house.ready["url"].as_str().unwrap().starts_with("https://127.0.0.1:"), "{}", house.ready);
    let port = house.address.rsplit(':').next().unwrap().to_owned();
    let ca = folder.join("ca.pem").to_str().unwrap().to_owned();
    let key = key_of(&house, "alice", "employee").await;
    let bearer = format!("authorization: Bearer {key}");
    let to = format!("::127.0.0.1:{port}");
    let mut body = String::new();
    for name in ["localhost", "127.0.0.1", "[::1]"] {
        let url = format!("https://{name}:{port}/v1/models");
        let began = std::time::Instant::now();
        loop {
            let output =
                curl(&["--cacert", &ca, "--connect-to", &to, "--tlsv1.3", "--header", &bearer, &url]).await;
            assert_eq!(output.status.code(), Some(0), "{name}: {}", stderr(&output));
            body = stdout(&output);
            if body.contains("\"tiny\"") {
                break;
            }
            assert!(began.elapsed() < SOON, "{name}: {body}");
        }
    }
    assert!(body.contains("\"object\":\"list\""), "{body}");
    let url = format!("https://localhost:{port}{CHAT}");
    let ask = async |body: &Value, extra: &[&str]| {
        let data = body.to_string();
        let words = ["--cacert", &ca, "--connect-to", &to, "--header", &bearer, "--data", &data, &url];
        curl(&[extra, &words].concat()).await
    };
    let output = ask(&chat_body("Hallo"), &[]).await;
    assert!(stdout(&output).contains("\"chat.completion\""), "{}{}", stdout(&output), stderr(&output));
    let output = ask(&stream_body("Hallo"), &["--no-buffer"]).await;
    assert!(stdout(&output).ends_with("data: [DONE]\n\n"), "{}", stdout(&output));
    let output = ask(&chat_body("VERTRAULICH\nHallo"), &["--include"]).await;
    assert!(
        stdout(&output).contains("x-schleuse-label: CONFIDENTIAL") && stdout(&output).contains(" 200 "),
        "{}",
        stdout(&output)
    );

    // Older than TLS 1.3, a stranger's authority, a name that is not in the certificate, no TLS at all.
    let output = ask(&chat_body("Hallo"), &["--tls-max", "1.2"]).await;
    assert_eq!((output.status.code(), stdout(&output)), (Some(35), String::new()), "{}", stderr(&output));
    let output = curl(&["--connect-to", &to, &url]).await;
    assert_eq!(output.status.code(), Some(60), "{}", stderr(&output));
    let output =
        curl(&["--cacert", &ca, "--connect-to", &to, &format!("https://other.example:{port}/")]).await;
    assert_eq!(output.status.code(), Some(60), "{}", stderr(&output));
    let mut plain = TcpStream::connect(&house.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(SOON, plain.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "plain HTTP hangs");
    assert!(!answer.starts_with(b"HTTP/"), "plain HTTP was answered");

    assert_eq!(fake.questions().len(), 3);
    let (code, _) = house.stop_with(Signal::SIGTERM).await;
    assert_eq!(code, Some(0), "{}", house.output());
    let (code, said) = verify(&house.data_text()).await;
    assert_eq!(code, Some(0), "{said}");
    // Logs are one JSON object a line.
    let log = house.output();
    assert!(log.contains("SECURITY POSTURE"), "{log}");
    for line in log.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object()), "{line}");
    }
}

#[tokio::test]
async fn five_roles_exist_and_nobody_gets_a_key_for_nothing() {
    let fake = FakeUpstream::start().await;
    let folder = Folder::new();
    let output = init(&folder, &["--upstream", &fake.url()]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let config = folder.join("schleuse.toml").to_str().unwrap().to_owned();
    let house = Plan::serve(&folder, &config).start().await;
    assert!(house.ready.get("keys").is_none(), "{}", house.ready);
    let signed = house.send(&Request::post("/demo/sign-in", r#"{"role":"admin"}"#)).await;
    assert_eq!(signed.status, 404, "{}", signed.text());
    let about = house.send(&Request::get("/house.json")).await.json();
    assert_eq!((&about["demo"], &about["name"]), (&Value::from(false), &Value::from("Haus am Kanal")));
    for role in ["employee", "engineer", "security", "admin", "auditor"] {
        let key = key_of(&house, role, role).await;
        let request = Request::post(CHAT, chat_body("Hallo").to_string()).key(&key);
        let began = std::time::Instant::now();
        let answer = loop {
            let answer = house.send(&request).await;
            if answer.status != 401 {
                break answer;
            }
            assert!(began.elapsed() < SOON, "the key of {role} never works");
        };
        let expected = if role == "auditor" { 403 } else { 200 };
        assert_eq!(answer.status, expected, "{role}: {}", answer.text());
    }
    // Started again on the same folder, with the keys as they were.
    let before = schleuse(&["key", "list", "--data", &house.data_text(), "--json"]).await;
    let folder = house.kill().await;
    let house = Plan::serve(&folder, &config).start().await;
    let after = schleuse(&["key", "list", "--data", &house.data_text(), "--json"]).await;
    assert_eq!(stdout(&before), stdout(&after));
}

#[tokio::test]
async fn init_does_not_write_over_a_house() {
    let folder = Folder::new();
    assert_eq!(init(&folder, &[]).await.status.code(), Some(0));
    let config = std::fs::read(folder.join("schleuse.toml")).unwrap();
    let again = init(&folder, &["--internal-ca"]).await;
    assert_eq!(again.status.code(), Some(2));
    assert!(stderr(&again).contains("exists already"), "{}", stderr(&again));
    assert_eq!(std::fs::read(folder.join("schleuse.toml")).unwrap(), config);

    let other = Folder::new();
    let dir = other.join("new").to_str().unwrap().to_owned();
    let outside = schleuse(&["init", "--dir", &dir, "--listen", "0.0.0.0:8443", "--yes"]).await;
    let config = std::fs::read_to_string(other.join("new/schleuse.toml")).unwrap_or_default();
    assert!(
        outside.status.code() == Some(2) || config.contains("\n[tls]"),
        "plain HTTP for the network: {}{}",
        stdout(&outside),
        stderr(&outside)
    );
    let nonsense = schleuse(&["init", "--dir", &dir, "--upstream", "ftp://x", "--yes"]).await;
    assert_eq!(nonsense.status.code(), Some(2), "{}", stderr(&nonsense));
}

/// Wrong configurations: exit code 2, the line, and the nearest right word.
#[tokio::test]
async fn a_wrong_configuration_is_told_by_line_and_nearest_word() {
    let folder = Folder::new();
    let rows = [
        ("listen = \"127.0.0.1:0\"\ndata = \"data\"\nlog_levl = \"info\"\n", "log_level", Some(3)),
        ("lisen = \"127.0.0.1:0\"\ndata = \"data\"\n", "listen", Some(1)),
        (
            "listen = \"127.0.0.1:0\"\ndata = \"data\"\n[[upstream]]\nname = \"a\"\nurl = \"http://127.0.0.1:9\"\nmax_lable = \"PUBLIC\"\n",
            "max_label",
            Some(6),
        ),
        ("listen = \"127.0.0.1:0\"\ndata = \"data\"\n[[upstreem]]\nname = \"a\"\n", "upstream", Some(3)),
        (
            "listen = \"127.0.0.1:0\"\ndata = \"data\"\n[[upstream]]\nname = \"a\"\nurl = \"http://127.0.0.1:9\"\nzone = \"locl\"\n",
            "zone",
            Some(6),
        ),
        (
            "listen = \"127.0.0.1:0\"\ndata = \"data\"\n[[upstream]]\nname = \"a\"\nurl = \"gopher://x\"\n",
            "gopher",
            None,
        ),
        ("listen = \"127.0.0.1:0\"\ndata = \"data\"\nroles = [\"gat\"]\n", "gate", Some(3)),
        ("listen = \"0.0.0.0:0\"\ndata = \"data\"\n", "loopback", None),
        ("listen = \"127.0.0.1\"\ndata = \"data\"\n", "listen", Some(1)),
        ("data = \"data\"\n", "`listen` is missing", None),
        ("listen = \"127.0.0.1:0\"\n", "`data` is missing", None),
        ("listen = \n", "1", None),
    ];
    for (text, needed, line) in rows {
        let file = folder.write("schleuse.toml", text);
        let file = file.to_str().unwrap();
        for words in [["config", "check", "--config", file].as_slice(), &["serve", "--config", file]] {
            let output = schleuse(words).await;
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{text}: {said}");
            assert!(said.contains(needed), "{text}: {said}");
            if let Some(line) = line {
                assert!(said.contains(&format!("line {line}")), "{text}: {said}");
            }
        }
    }
    let output = schleuse(&["config", "check", "--config", folder.join("none.toml").to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[tokio::test]
async fn secrets_that_others_could_read_are_refused() {
    let folder = Folder::new();
    assert_eq!(init(&folder, &[]).await.status.code(), Some(0));
    let config = folder.join("schleuse.toml").to_str().unwrap().to_owned();
    let secret = files_below(&folder.join("data/secrets")).remove(0);
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = Plan::serve(&folder, &config).fail().await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("can be read by others"), "{said}");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&secret, "0".repeat(64)).unwrap();
    let (code, said) = Plan::serve(&folder, &config).fail().await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("random"), "{said}");
}
