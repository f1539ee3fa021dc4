//! The pages under `docs/operate` that lead from a bare server to a served house: every command in them, in order.
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
use crate::folder::Folder;
use crate::house::{stderr, stdout, verify};

const PAGES: [&str; 2] = [
    include_str!("../../../../docs/operate/served-house.en.md"),
    include_str!("../../../../docs/operate/served-house.de.md"),
];

/// What is fenced as `sh` in a page.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```sh\n").skip(1).map(|rest| rest.split_once("```").expect("a fence ends").0).collect()
}

/// Where a page names the machine, and where that is in the test.
fn moved(script: &str, root: &Path) -> String {
    let mut script = script.to_owned();
    for place in ["/usr/local/bin", "/var/lib/schleuse", "/var/backups/schleuse", "/etc/systemd/system"] {
        script = script.replace(place, &format!("{}{place}", root.display()));
    }
    script.replace("target/release/schleuse", env!("CARGO_BIN_EXE_schleuse"))
}

/// The house that the stand-in of the service manager started; ended with the test.
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
unit="$ROOT/etc/systemd/system/schleuse.service"
start() {
    line=$(sed -n 's/^ExecStart=//p' "$unit")
    nohup $line --ready-file "$ROOT/ready" >>"$ROOT/service.log" 2>&1 </dev/null &
    echo $! >"$ROOT/pid"
    while [ ! -e "$ROOT/ready" ]; do kill -0 "$(cat "$ROOT/pid")"; sleep 0.05; done
}
stop() {
    kill -TERM "$(cat "$ROOT/pid")"
    while [ -e "/proc/$(cat "$ROOT/pid")" ] && ! grep -q '^State:.Z' "/proc/$(cat "$ROOT/pid")/status"; do sleep 0.05; done
    rm "$ROOT/pid" "$ROOT/ready"
}
case "$*" in
    daemon-reload) ;;
    "enable --now schleuse" | "start schleuse") start ;;
    "stop schleuse") stop ;;
    "restart schleuse") stop; start ;;
    *) echo "systemctl: $*" >&2; exit 1 ;;
esac
"#;

/// Programs that are found before those of the machine.
fn stand_ins(root: &Path) {
    let programs = [
        ("systemctl", SYSTEMCTL),
        ("runuser", "[ \"$1 $2 $3\" = '-u schleuse --' ] || exit 1; shift 3; exec \"$@\""),
        ("useradd", "[ \"${*: -1}\" = schleuse ]"),
        ("chown", "[ -e \"${*: -1}\" ]"),
    ];
    for (name, text) in programs {
        let path = root.join("usr/local/bin").join(name);
        std::fs::write(&path, format!("#!/bin/bash\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn both_languages_have_the_same_commands() {
    let [english, german] = PAGES.map(blocks);
    assert!(english.len() > 6, "{english:?}");
    assert_eq!(english, german);
    // As many headings, so that nothing is said in one of them only.
    let headings = |page: &str| page.lines().filter(|line| line.starts_with('#')).count();
    assert_eq!(headings(PAGES[0]), headings(PAGES[1]));
    // From `init` to an answered chat in fewer than ten commands.
    let script = english.concat().replace("\\\n", " ");
    let commands: Vec<&str> = script.lines().skip_while(|line| !line.starts_with("schleuse init")).collect();
    let count = commands.iter().position(|line| line.starts_with("curl")).expect("a chat");
    assert!(count + 1 < 10, "{commands:#?}");
}

#[tokio::test]
async fn every_command_of_the_page_leads_to_a_served_house() {
    let fake = FakeUpstream::start().await;
    let folder = Folder::new();
    let root = folder.path();
    for place in ["usr/local/bin", "var/lib", "var/backups", "etc/systemd/system"] {
        std::fs::create_dir_all(root.join(place)).unwrap();
    }
    stand_ins(root);
    folder.write("client-secret", "a secret of the provider");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let service = Service(root.join("pid"));

    // `pipefail` and the rest, so that no command fails unnoticed; each is written down before it is run.
    let script = format!("set -euxo pipefail\n{}", moved(&blocks(PAGES[0]).concat(), root));
    let mut command = tokio::process::Command::new("bash");
    command
        .args(["-c", &script])
        .env_clear()
        .env("PATH", format!("{}/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", root.display()))
        .env("ROOT", root)
        .env("URL", format!("https://localhost:{port}"))
        .env("LISTEN", format!("127.0.0.1:{port}"))
        .env("VLLM_URL", fake.url())
        .env("MODEL", "tiny")
        // Nobody is there. A house must start without its provider, too.
        .env("ISSUER", "http://127.0.0.1:9/realms/main")
        .env("CLIENT_SECRET_FILE", folder.join("client-secret"))
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let output = tokio::time::timeout(SOON * 6, command.output()).await.expect("the commands end").unwrap();
    let (said, log) =
        (stdout(&output), std::fs::read_to_string(root.join("service.log")).unwrap_or_default());
    assert_eq!(output.status.code(), Some(0), "{said}\n{}\n{log}", stderr(&output));

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
}
