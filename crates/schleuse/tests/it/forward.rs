//! Entries for other programs while they are written: a real receiver of syslog over TLS, and a collector by the official
//! definitions of OpenTelemetry.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use schleuse_testkit::FakeUpstream;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::SOON;
use crate::client::Request;
use crate::folder::Folder;
use crate::house::{CHAT, House, Plan, chat_body};
use crate::ports::free_port;
use crate::tools::tool;

/// An authority, and certificates for a server on loopback and for whoever dials it.
fn write_certificates(folder: &Folder) {
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    folder.write("ca.pem", authority.pem());
    for name in ["server", "client"] {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned(), name.to_owned()]).unwrap();
        folder.write(&format!("{name}.pem"), certificate.signed_by(&key, &authority).unwrap().pem());
        folder.write(&format!("{name}.key"), key.serialize_pem());
    }
}

/// Debian's rsyslog, which takes only messages of those whose certificate its authority signed.
struct Rsyslog {
    port: u16,
    folder: Folder,
}

impl Rsyslog {
    fn new() -> Self {
        let (port, folder) = (free_port(), Folder::new());
        write_certificates(&folder);
        let at = folder.path().display();
        folder.write(
            "rsyslog.conf",
            format!(
                "global(workDirectory=\"{at}\" DefaultNetstreamDriver=\"gtls\" DefaultNetstreamDriverCAFile=\"{at}/ca.pem\"\n\
                 DefaultNetstreamDriverCertFile=\"{at}/server.pem\" DefaultNetstreamDriverKeyFile=\"{at}/server.key\")\n\
                 module(load=\"imtcp\" StreamDriver.Name=\"gtls\" StreamDriver.Mode=\"1\" StreamDriver.AuthMode=\"x509/certvalid\")\n\
                 template(name=\"line\" type=\"string\" string=\"%syslogfacility-text%.%syslogseverity-text% %app-name% %msgid% \
                 %structured-data% %msg%\\n\")\n\
                 input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n\
                 action(type=\"omfile\" file=\"{at}/messages\" template=\"line\")\n"
            ),
        );
        Self { port, folder }
    }

    async fn start(&self) -> Child {
        let (config, pid) = (self.folder.join("rsyslog.conf"), self.folder.join("pid"));
        let mut command = Command::new("/usr/sbin/rsyslogd");
        command.arg("-n").arg("-f").arg(config).arg("-i").arg(&pid).kill_on_drop(true);
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let _ = std::fs::remove_file(&pid);
        let child = command.spawn().expect("rsyslogd is there; `./x setup` installs it");
        let began = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            assert!(began.elapsed() < SOON, "rsyslogd does not listen");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        child
    }

    /// What came, as lines.
    fn messages(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.join("messages")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// The indices of entries that stand behind `mark` in these lines, in the order in which they came.
fn indices(lines: &[String], mark: &str) -> Vec<u64> {
    let index = |line: &String| {
        let digits = line.split_once(mark)?.1;
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        digits[..end].parse().ok()
    };
    lines.iter().filter_map(index).collect()
}

/// Waits until every entry that the house has now is among them.
async fn until_all(house: &House, mut seen: impl FnMut() -> Vec<u64>) -> Vec<u64> {
    let entries = house.export().await.len() as u64;
    let began = Instant::now();
    loop {
        let seen = seen();
        if (0..entries).all(|index| seen.contains(&index)) {
            return seen;
        }
        assert!(began.elapsed() < SOON * 3, "{} of {entries} came: {seen:?}", seen.len());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_receiver_of_syslog_over_tls_gets_every_entry_also_those_from_while_it_was_away() {
    let fake = FakeUpstream::start().await;
    let rsyslog = Rsyslog::new();
    let mut process = rsyslog.start().await;
    let file = |name: &str| rsyslog.folder.join(name).display().to_string();
    let config = format!(
        "[[audit.forward]]\nname = \"siem\"\nkind = \"syslog\"\nurl = \"syslog+tls://127.0.0.1:{}\"\nformat = \"cef\"\n\
         ca_file = \"{}\"\ncertificate_file = \"{}\"\nkey_file = \"{}\"\n",
        rsyslog.port,
        file("ca.pem"),
        file("client.pem"),
        file("client.key")
    );
    let house = Plan::demo().upstream(&fake.url()).config(&config).start().await;
    assert_eq!(house.chat("Hallo").await.status, 200);
    let blocked = house.chat(&format!("Konto {}", crate::IBAN)).await;
    assert_eq!(blocked.status, 403);
    let seen = || indices(&rsyslog.messages(), " cn1=");
    let came = until_all(&house, seen).await;
    assert!(came.is_sorted(), "{came:?}");
    let messages = rsyslog.messages();
    let id = blocked.header("x-schleuse-request-id").unwrap();
    let told = messages.iter().find(|line| line.contains(id) && line.contains("act=BLOCKED")).unwrap();
    assert!(
        told.contains("schleuse llm.refuse [meta sequenceId=\"")
            && told.contains(" CEF:0|Schleuse|Schleuse|"),
        "{told}"
    );
    assert!(
        told.contains(".warning ") && told.contains("cs5={\"IBAN\":1}") && !told.contains(crate::IBAN),
        "{told}"
    );

    // It goes away, the house goes on, and what it missed comes when it is back.
    process.kill().await.unwrap();
    for _ in 0..5 {
        assert_eq!(house.chat("Hallo").await.status, 200);
    }
    let _process = rsyslog.start().await;
    until_all(&house, seen).await;
    let metrics = Request::get("/metrics").send(&house.admin).await.text();
    assert!(metrics.contains("schleuse_audit_forward_lag_entries{target=\"siem\"} "), "{metrics}");
}

async fn collector(output: &PathBuf) -> (Child, u16) {
    let mut command = Command::new(tool("sdk-python/bin/python"));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/collector.py");
    command.args(["-I", script]).arg(output).kill_on_drop(true);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(SOON, lines.next_line()).await.expect("the collector comes up");
    (child, line.unwrap().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_collector_understands_every_log_record() {
    let fake = FakeUpstream::start().await;
    let folder = Folder::new();
    let output = folder.join("records");
    let (_collector, port) = collector(&output).await;
    let config =
        format!("[[audit.forward]]\nname = \"otel\"\nkind = \"otlp\"\nurl = \"http://127.0.0.1:{port}\"\n");
    let house = Plan::demo().upstream(&fake.url()).config(&config).start().await;
    let mut question = chat_body("Hallo");
    question["tools"] = json!([{"type": "function", "function": {"name": "f", "parameters": {}}}]);
    for body in [chat_body(&format!("Konto {}", crate::IBAN)), question] {
        house.send(&Request::post(CHAT, body.to_string()).key(&house.key("employee"))).await;
    }
    let records = || -> Vec<Value> {
        let text = std::fs::read_to_string(&output).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let came =
        until_all(&house, || records().iter().filter_map(|record| record["index"].as_u64()).collect()).await;
    assert_eq!(came, (0..came.len() as u64).collect::<Vec<_>>());
    for (record, entry) in records().iter().zip(house.export().await) {
        let body: Value = serde_json::from_str(record["body"].as_str().unwrap()).unwrap();
        assert_eq!(body, entry);
        assert_eq!(record["event"], format!("schleuse.{}", entry["event"].as_str().unwrap()));
        assert!(record["time"].as_u64().unwrap() > 1_700_000_000_000_000_000, "{record}");
    }
    assert!(records().iter().any(|record| record["severity"] == "WARN" && record["model"] == "tiny"));
}
