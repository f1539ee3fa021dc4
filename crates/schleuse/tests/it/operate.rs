//! The pages under `docs/operate` that lead from a bare server to a served house, to one of several processes, and through
//! sign-in: every command in them, in order.
//!
//! What belongs to the machine is stood in for: a service manager that starts what the unit says, a user that is always
//! there, and folders below one of the test. Model server and certificate are what they are outside.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use schleuse_testkit::FakeUpstream;
use serde_json::Value;

use crate::SOON;
use crate::client::Request;
use crate::folder::Folder;
use crate::house::{schleuse, stderr, stdout, verify};
use crate::ports::free_port;

const PAGES: [&str; 2] = [
    include_str!("../../../../docs/operate/served-house.en.md"),
    include_str!("../../../../docs/operate/served-house.de.md"),
];

const APART: [&str; 2] = [
    include_str!("../../../../docs/operate/separate-processes.en.md"),
    include_str!("../../../../docs/operate/separate-processes.de.md"),
];

/// Goes on where the served house ends.
const SIGN_IN: [&str; 2] = [
    include_str!("../../../../docs/operate/sign-in.en.md"),
    include_str!("../../../../docs/operate/sign-in.de.md"),
];

/// What is fenced as `sh` in a page.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```sh\n").skip(1).map(|rest| rest.split_once("```").expect("a fence ends").0).collect()
}

/// Where a page names the machine, and where that is in the test.
fn moved(script: &str, root: &Path) -> String {
    let mut script = script.to_owned();
    for place in [
        "/usr/local/bin",
        "/var/lib/schleuse",
        "/var/backups/schleuse",
        "/etc/systemd/system",
        "/etc/schleuse",
    ] {
        script = script.replace(place, &format!("{}{place}", root.display()));
    }
    script.replace("target/release/schleuse", env!("CARGO_BIN_EXE_schleuse"))
}

/// A process that the stand-in of the service manager started, by the file with its id; ended with the test.
struct Service(PathBuf);

impl Service {
    fn pid(&self) -> Option<Pid> {
        let pid = std::fs::read_to_string(&self.0).ok()?.trim().parse().ok()?;
        Some(Pid::from_raw(pid))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            let _ = kill(pid, Signal::SIGKILL);
        }
    }
}

const SYSTEMCTL: &str = r#"
set -eu
name="${*: -1}"
unit="$ROOT/etc/systemd/system/${name%@*}.service"
[ "$name" = schleuse ] || unit="$ROOT/etc/systemd/system/schleuse@.service"
pid="$ROOT/$name.pid" ready="$ROOT/$name.ready"
start() {
    line=$(sed -n "s/%i/${name#*@}/g; s/^ExecStart=//p" "$unit")
    nohup $line --ready-file "$ready" >>"$ROOT/$name.log" 2>&1 </dev/null &
    echo $! >"$pid"
    while [ ! -e "$ready" ]; do kill -0 "$(cat "$pid")"; sleep 0.05; done
}
stop() {
    kill -TERM "$(cat "$pid")"
    while [ -e "/proc/$(cat "$pid")" ] && ! grep -q '^State:.Z' "/proc/$(cat "$pid")/status"; do sleep 0.05; done
    rm "$pid" "$ready"
}
case "$*" in
    daemon-reload) ;;
    "enable --now $name" | "start $name") start ;;
    "stop $name") stop ;;
    "restart $name") stop; start ;;
    *) echo "systemctl: $*" >&2; exit 1 ;;
esac
"#;

/// Programs that are found before those of the machine.
fn stand_ins(root: &Path) {
    let programs = [
        ("systemctl", SYSTEMCTL),
        ("runuser", "[ \"$1 $2 $3\" = '-u schleuse --' ] || exit 1; shift 3; exec \"$@\""),
        ("useradd", "[ \"${*: -1}\" = schleuse ]"),
        ("ssh", "[ \"${1%@*}\" = root ] || exit 1; shift; exec bash -euo pipefail -c \"$*\""),
        ("chown", "[ -e \"${*: -1}\" ]"),
    ];
    for (name, text) in programs {
        let path = root.join("usr/local/bin").join(name);
        std::fs::write(&path, format!("#!/bin/bash\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// The commands of a page that end with the last one, or with one that fails.
async fn run(script: &str, root: &Path, own: &[(&str, String)]) -> std::process::Output {
    // `pipefail` and the rest, so that no command fails unnoticed; each is written down before it is run.
    let script = format!("set -euxo pipefail\n{}", moved(script, root));
    let mut command = tokio::process::Command::new("bash");
    command
        .args(["-c", &script])
        .env_clear()
        .env("PATH", format!("{}/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", root.display()))
        .env("ROOT", root)
        .envs(own.iter().map(|(name, value)| (name, value)))
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    tokio::time::timeout(SOON * 6, command.output()).await.expect("the commands end").unwrap()
}

/// A machine with the stand-ins, and what a provider's client has.
fn machine() -> Folder {
    let folder = Folder::new();
    let root = folder.path();
    for place in ["usr/local/bin", "var/lib", "var/backups", "etc/systemd/system"] {
        std::fs::create_dir_all(root.join(place)).unwrap();
    }
    stand_ins(root);
    folder.write("client-secret", "a secret of the provider");
    folder
}

/// As in both languages, and nothing is said in one of them only.
fn check_languages(pages: [&str; 2], blocks_min: usize) {
    let [english, german] = pages.map(blocks);
    assert!(english.len() >= blocks_min, "{english:?}");
    assert_eq!(english, german);
    let headings = |page: &str| page.lines().filter(|line| line.starts_with('#')).count();
    assert_eq!(headings(pages[0]), headings(pages[1]));
    let fences = |page: &str| page.lines().filter(|line| line.starts_with("```")).count();
    assert_eq!(fences(pages[0]), fences(pages[1]));
}

#[test]
fn both_languages_have_the_same_commands() {
    check_languages(PAGES, 7);
    check_languages(APART, 9);
    check_languages(SIGN_IN, 3);
    // From `init` to an answered chat in fewer than ten commands.
    let script = blocks(PAGES[0]).concat().replace("\\\n", " ");
    let commands: Vec<&str> = script.lines().skip_while(|line| !line.starts_with("schleuse init")).collect();
    let count = commands.iter().position(|line| line.starts_with("curl")).expect("a chat");
    assert!(count + 1 < 10, "{commands:#?}");
}

#[tokio::test]
async fn every_command_of_the_page_leads_to_a_served_house() {
    let fake = FakeUpstream::start().await;
    let folder = machine();
    let root = folder.path();
    let port = free_port();
    let service = Service(root.join("schleuse.pid"));
    let script = [blocks(PAGES[0]), blocks(SIGN_IN[0])].concat().concat();
    let own = [
        ("URL", format!("https://localhost:{port}")),
        ("LISTEN", format!("127.0.0.1:{port}")),
        ("VLLM_URL", fake.url()),
        ("MODEL", "tiny".to_owned()),
        // Nobody is there. A house must start without its provider, too.
        ("ISSUER", "http://127.0.0.1:9/realms/main".to_owned()),
        ("CLIENT_SECRET_FILE", folder.join("client-secret").display().to_string()),
    ];
    let output = run(&script, root, &own).await;
    let (said, log) =
        (stdout(&output), std::fs::read_to_string(root.join("schleuse.log")).unwrap_or_default());
    assert_eq!(output.status.code(), Some(0), "{said}\n{}\n{log}", stderr(&output));

    assert!(said.contains("set-cookie: __Host-schleuse=ss-schl"), "{said}");
    assert!(said.contains("\"chat.completion\""), "{said}");
    assert_eq!(fake.questions().len(), 1);
    assert!(said.contains("every digest is right") && said.contains("Audit log: intact"), "{said}");
    let data = root.join("var/lib/schleuse/data");
    for (name, mode) in
        [("tls/key.pem", 0o600), ("secrets/sso-client-secret", 0o600), ("data/secrets", 0o700)]
    {
        let found = std::fs::metadata(root.join("var/lib/schleuse").join(name)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{name}");
    }
    // It still runs, on the restored data, and its log tells of the one question.
    assert!(service.pid().is_some_and(|pid| kill(pid, None).is_ok()), "{log}");
    let export = crate::house::export(data.to_str().unwrap()).await;
    let asked: Vec<&Value> = export.iter().filter(|entry| entry["event"] == "llm.complete").collect();
    assert_eq!(asked.len(), 1, "{export:#?}");
    let (code, said) = verify(data.to_str().unwrap()).await;
    assert_eq!(code, Some(0), "{said}");
    // The blocked person's session was begun, and is over.
    let events = |event: &str| export.iter().filter(|entry| entry["event"] == event).count();
    assert_eq!((events("session.create"), events("person.block")), (1, 1), "{export:#?}");
}

#[tokio::test]
async fn every_command_of_the_page_leads_to_separate_processes() {
    let fake = FakeUpstream::start().await;
    let folder = machine();
    let root = folder.path();
    let [front, edge_door, connector_door] = [free_port(), free_port(), free_port()];
    let health = [free_port(), free_port(), free_port()];
    let at = |port: u16| format!("127.0.0.1:{port}");
    let url = format!("https://localhost:{front}");
    let provider = crate::sign_in::Provider::start("sso", "ES256", "Ada", &url).await;
    // A certificate for the edge's address, and whoever vouches for it.
    let made = folder.join("certificates");
    let made_text = made.to_str().unwrap();
    let init = schleuse(&["init", "--dir", made_text, "--url", &url, "--internal-ca", "--yes"]).await;
    assert!(init.status.success(), "{}", stderr(&init));
    let file = |name: &str| made.join(name).display().to_string();
    let names = ["edge", "gate", "connector"];
    let _services = names.map(|name| Service(root.join(format!("schleuse@{name}.pid"))));
    let own = [
        ("URL", url),
        ("GATE", "localhost".to_owned()),
        ("LISTEN", at(front)),
        ("TLS_CERTIFICATE", file("tls/certificate.pem")),
        ("TLS_KEY", file("tls/key.pem")),
        ("CA", file("ca.pem")),
        ("EDGE_DOOR", at(edge_door)),
        ("CONNECTOR_DOOR", at(connector_door)),
        ("VLLM_URL", fake.url()),
        ("MODEL", "tiny".to_owned()),
        ("ISSUER", provider.issuer.clone()),
        ("CLIENT_SECRET_FILE", folder.join("client-secret").display().to_string()),
        ("EDGE_HEALTH", at(health[0])),
        ("GATE_HEALTH", at(health[1])),
        ("CONNECTOR_HEALTH", at(health[2])),
    ];
    let output = run(&blocks(APART[0]).concat(), root, &own).await;
    let logs = names
        .map(|name| std::fs::read_to_string(root.join(format!("schleuse@{name}.log"))).unwrap_or_default());
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}\n{}\n{logs:#?}", stderr(&output));
    assert!(said.contains("\"chat.completion\""), "{said}");
    assert!(said.contains(&format!("sign in at {}", provider.issuer)), "{said}");
    assert_eq!(fake.questions().len(), 1);
    let joined = stderr(&output);
    for party in ["connector/models", "edge/edge-1", "edge/edge-2"] {
        assert!(joined.contains(&format!("joined as spiffe://house/{party}")), "{party}: {joined}");
    }
    // The edge that joined anew answers; what the three keep is what the page says.
    let began = std::time::Instant::now();
    while Request::get("/readyz").send(&at(health[0])).await.status != 200 {
        assert!(began.elapsed() < SOON, "{logs:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let kept = |name: &str| {
        let folder = std::fs::read_dir(root.join("var/lib").join(name)).unwrap();
        let mut names: Vec<String> =
            folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(kept("schleuse-edge"), ["certificate.pem", "identity", "key.pem"]);
    assert_eq!(kept("schleuse-connector"), ["identity"]);
    assert_eq!(kept("schleuse-gate"), ["data", "sso-client-secret"]);
    let data = root.join("var/lib/schleuse-gate/data");
    assert!(data.join("authority/ca-key.pem").exists());
    let (code, said) = verify(data.to_str().unwrap()).await;
    assert_eq!(code, Some(0), "{said}");
}
