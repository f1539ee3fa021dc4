//! Starting the binary under test, asking it and stopping it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use schleuse_testkit::FakeUpstream;
use serde_json::{Value, json};

use crate::SOON;
use crate::client::{Answer, Request};
use crate::folder::{Folder, files_below};

/// Runs the binary to its end.
pub async fn schleuse(arguments: &[&str]) -> Output {
    schleuse_with(arguments, b"").await
}

/// The same with something on its standard input.
pub async fn schleuse_with(arguments: &[&str], input: &[u8]) -> Output {
    use tokio::io::AsyncWriteExt as _;
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_schleuse"))
        .args(arguments)
        .env_clear()
        .env("TMPDIR", std::env::temp_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary can be started");
    let mut stdin = child.stdin.take().unwrap();
    // One that reads nothing closes it early.
    let _ = stdin.write_all(input).await;
    drop(stdin);
    let output = tokio::time::timeout(SOON * 2, child.wait_with_output()).await;
    output.unwrap_or_else(|_| panic!("`schleuse {}` does not end", arguments.join(" "))).unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A house that is to be started.
pub struct Plan {
    folder: Folder,
    words: Vec<String>,
    has_listen: bool,
    names_data: bool,
    environment: Vec<(String, String)>,
}

impl Plan {
    /// A demo on a free port, without anything that answers.
    pub fn demo() -> Self {
        Self {
            folder: Folder::new(),
            words: vec!["demo".to_owned()],
            has_listen: false,
            names_data: false,
            environment: Vec::new(),
        }
    }

    /// A house by a configuration file.
    pub fn serve(folder: &Folder, config: &str) -> Self {
        let words = ["serve", "--config", config].map(str::to_owned).to_vec();
        Self { folder: folder.clone(), words, has_listen: true, names_data: false, environment: Vec::new() }
    }

    /// On the data that another house left.
    pub fn on(mut self, folder: &Folder) -> Self {
        self.folder = folder.clone();
        self
    }

    /// Where its files will be.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    pub fn upstream(self, url: &str) -> Self {
        self.flag("--upstream", url)
    }

    /// With a configuration file of this text.
    pub fn config(self, text: &str) -> Self {
        let path = self.folder.write("added.toml", text);
        self.flag("--config", path.to_str().unwrap())
    }

    pub fn flag(mut self, name: &str, value: &str) -> Self {
        self.has_listen |= name == "--listen";
        self.words.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// On the default port or one behind it.
    pub fn anywhere(mut self) -> Self {
        self.has_listen = true;
        self
    }

    fn command(&self) -> (Command, PathBuf) {
        let ready = self.folder.join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let file = |name: &str| {
            let path = self.folder.join(name);
            std::fs::OpenOptions::new().create(true).append(true).open(path).expect("a file can be written")
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_schleuse"));
        command.args(&self.words);
        if self.words[0] == "demo" && !self.names_data {
            command.arg("--data").arg(self.folder.join("data"));
        }
        if !self.has_listen {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.arg("--ready-file").arg(&ready);
        command.env_clear().envs(self.environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(file("out.txt")).stderr(file("err.txt"));
        (command, ready)
    }

    #[cfg(feature = "engine")]
    /// Starts one that must not come up, waits for its end and returns what it said. For a thread of its own.
    pub fn start_and_fail(self) -> String {
        let (mut command, _) = self.command();
        let mut child = command.spawn().expect("the binary can be started");
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > SOON * 2 {
                let _ = child.kill();
                panic!("the house came up or hangs");
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        assert!(!status.success());
        std::fs::read_to_string(self.folder.join("err.txt")).unwrap()
    }

    /// Starts it and waits until it is ready. With `SCHLEUSE_SHAPE=apart`, a demo in front of a model server is three
    /// processes: its edge and the way to the model are others.
    pub async fn start(self) -> House {
        let is_apart = std::env::var("SCHLEUSE_SHAPE").is_ok_and(|shape| shape == "apart");
        match self.words.iter().position(|word| word == "--upstream") {
            Some(at) if is_apart && self.words[0] == "demo" => Box::pin(self.start_apart(at)).await,
            _ => self.start_whole().await,
        }
    }

    async fn start_apart(mut self, upstream_at: usize) -> House {
        let model_server = self.words.remove(upstream_at + 1);
        self.words.remove(upstream_at);
        let base = match self.words.iter().position(|word| word == "--config") {
            Some(at) => {
                self.words.remove(at);
                std::fs::read_to_string(self.words.remove(at)).unwrap()
            }
            None => String::new(),
        };
        let (doors, lines) = crate::apart::doors("upstream");
        let config = self.folder.write("apart.toml", format!("{base}\n{lines}"));
        let config = config.to_str().unwrap().to_owned();
        let data = self.folder.join("data");
        let plan = self.flag("--config", &config);
        let mut house = plan.start_whole().await;
        let outposts = crate::apart::outposts(&doors, &data, &model_server).await;
        house.address.clone_from(&outposts[0].address);
        let began = Instant::now();
        loop {
            // A policy of the test's own may show its models to some roles only.
            let mut models = Vec::new();
            for role in ["employee", "engineer"] {
                models.push(house.send(&Request::get("/v1/models").key(&house.key(role))).await);
            }
            if models.iter().any(|models| models.status == 200 && models.text().contains("\"id\"")) {
                break;
            }
            assert!(began.elapsed() < SOON * 2, "{}", models[0].text());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        house.outposts = outposts;
        house
    }

    async fn start_whole(self) -> House {
        let (mut command, ready) = self.command();
        let began = Instant::now();
        let child = command.spawn().expect("the binary can be started");
        // From here on it is ended when the test fails.
        let mut house = House {
            outposts: Vec::new(),
            child,
            folder: self.folder,
            address: String::new(),
            admin: String::new(),
            ready: Value::Null,
            took: Duration::ZERO,
        };
        loop {
            if let Ok(text) = std::fs::read(&ready) {
                house.ready = serde_json::from_slice(&text).expect("the ready file is whole");
                break;
            }
            if let Some(status) = house.child.try_wait().unwrap() {
                panic!("the house ended with {status}:\n{}", house.output());
            }
            assert!(began.elapsed() < SOON * 3, "not ready:\n{}", house.output());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        house.took = began.elapsed();
        let address = |name: &str| {
            let url = house.ready[name].as_str().unwrap_or("none://");
            url.split_once("://").unwrap().1.to_owned()
        };
        (house.address, house.admin) = (address("url"), address("admin"));
        house
    }

    /// As [`Self::fail`], on the data folder that its flags name.
    pub async fn fail_with_own_data(mut self) -> (Option<i32>, String) {
        self.names_data = true;
        self.fail().await
    }

    /// Starts it, expecting that it ends by itself: exit code and everything that it said.
    pub async fn fail(self) -> (Option<i32>, String) {
        let (mut command, _) = self.command();
        let child = command.spawn().expect("the binary can be started");
        let mut house = House {
            outposts: Vec::new(),
            child,
            folder: self.folder,
            address: String::new(),
            admin: String::new(),
            ready: Value::Null,
            took: Duration::ZERO,
        };
        let status = house.ended(SOON).await;
        (status.code(), house.output())
    }
}

/// A running house. Killed when it is dropped.
pub struct House {
    /// Its edge and its connector, when these are processes of their own.
    outposts: Vec<House>,
    child: Child,
    pub folder: Folder,
    /// Host and port of page and API.
    pub address: String,
    /// The same of health and metrics.
    pub admin: String,
    /// What the ready file says.
    pub ready: Value,
    /// From its start to the ready file.
    pub took: Duration,
}

impl House {
    /// A demo in front of a model server.
    pub async fn start(fake: &FakeUpstream) -> Self {
        Plan::demo().upstream(&fake.url()).start().await
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub fn data_text(&self) -> String {
        self.data().to_str().unwrap().to_owned()
    }

    /// The demo key of a role.
    pub fn key(&self, role: &str) -> String {
        self.ready["keys"][role].as_str().unwrap_or_else(|| panic!("no key of {role}")).to_owned()
    }

    /// A question as the employee.
    pub fn question(&self, path: &str, body: &Value) -> Request {
        Request::post(path, body.to_string()).key(&self.key("employee"))
    }

    pub async fn send(&self, request: &Request) -> Answer {
        request.send(&self.address).await
    }

    /// Asks as the employee and waits for the whole answer.
    pub async fn ask(&self, path: &str, body: &Value) -> Answer {
        self.send(&self.question(path, body)).await
    }

    /// A chat as the employee, whole.
    pub async fn chat(&self, text: &str) -> Answer {
        self.ask(CHAT, &chat_body(text)).await
    }

    /// A chat as the employee, streamed and read to its end.
    pub async fn stream(&self, text: &str) -> Answer {
        self.ask(CHAT, &stream_body(text)).await
    }

    /// The log, line by line.
    pub async fn export(&self) -> Vec<Value> {
        export(&self.data_text()).await
    }

    /// The entries of one request.
    pub async fn entries_of(&self, request_id: &str) -> Vec<Value> {
        let mut entries = self.export().await;
        entries.retain(|entry| entry["request_id"] == request_id);
        entries
    }

    /// Waits until the log holds what is looked for.
    pub async fn wait_for_entry(&self, within: Duration, mut is_it: impl FnMut(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let entries = self.export().await;
            if let Some(entry) = entries.iter().find(|entry| is_it(entry)) {
                return entry.clone();
            }
            assert!(began.elapsed() < within, "no such entry: {entries:#?}");
        }
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("the house is there");
    }

    /// Ends it without a word.
    pub async fn kill(mut self) -> Folder {
        self.signal(Signal::SIGKILL);
        self.ended(SOON).await;
        self.folder.clone()
    }

    /// Ends it with a signal: exit code and how long it took.
    pub async fn stop_with(&mut self, signal: Signal) -> (Option<i32>, Duration) {
        let began = Instant::now();
        self.signal(signal);
        let status = self.ended(SOON).await;
        (status.code(), began.elapsed())
    }

    /// Ends it cleanly.
    pub async fn stop(mut self) -> Folder {
        let (code, _) = self.stop_with(Signal::SIGTERM).await;
        assert_eq!(code, Some(0), "{}", self.output());
        self.folder.clone()
    }

    async fn ended(&mut self, within: Duration) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < within, "the house does not end:\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Everything that it wrote on standard output and standard error.
    pub fn output(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        read("out.txt") + &read("err.txt")
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub const CHAT: &str = "/v1/chat/completions";

pub fn chat_body(text: &str) -> Value {
    json!({"model": "tiny", "messages": [{"role": "user", "content": text}]})
}

pub fn stream_body(text: &str) -> Value {
    let mut body = chat_body(text);
    body["stream"] = true.into();
    body
}

/// The log of a data folder, line by line.
pub async fn export(data: &str) -> Vec<Value> {
    let output = schleuse(&["audit", "export", "--data", data, "--format", "jsonl"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Exit code of the verification, and what it said.
pub async fn verify(data: &str) -> (Option<i32>, String) {
    let output = schleuse(&["audit", "verify", "--data", data]).await;
    (output.status.code(), stdout(&output) + &stderr(&output))
}

/// Fails if any file below the folder holds one of the texts.
#[track_caller]
pub fn assert_nowhere(folder: &Path, texts: &[&str]) {
    assert!(files_below(folder).len() > 3, "there is nothing to look at");
    let mut grep = Command::new("grep");
    grep.args(["--recursive", "--files-with-matches", "--text", "--fixed-strings"]);
    grep.args(texts.iter().flat_map(|text| ["-e", text])).arg(folder);
    let output = grep.output().expect("grep can be started");
    assert_eq!(
        (output.status.code(), stdout(&output)),
        (Some(1), String::new()),
        "one of {texts:?} was written"
    );
}

/// The searcher itself must find what is there, or everything that it finds nowhere proves nothing.
#[test]
fn what_was_written_is_found() {
    let folder = Folder::new();
    for name in ["a", "b/c", "d", "e"] {
        folder.write(name, "Wasser");
    }
    folder.write("b/raw", [b"\x00\xff\xfe", "Kanal".as_bytes(), b"\x80"].concat());
    let is_found = |text: &str| {
        let path = folder.path().to_owned();
        std::panic::catch_unwind(|| assert_nowhere(&path, &["nirgends", text])).is_err()
    };
    assert!(is_found("Kanal"));
    assert!(is_found("asse"));
    assert!(!is_found("Kan.l"));
}
