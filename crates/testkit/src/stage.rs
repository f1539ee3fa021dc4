//! The stage of the tests that play in a browser. The play is a script of Node (`ui/e2e/fifteen.mjs`): it asks for model servers and
//! houses, and for what becomes of them, in lines of JSON on its standard output, gets each answer as a line on its standard
//! input, and says what it measured in rows of the same kind. Every other line is for a person.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::time::{Instant, sleep};

use crate::script::{End, Script};
use crate::{FakeUpstream, Seen};

/// For a house to come up, and for whatever a play waits for at a model server.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a play said.
#[derive(Debug)]
pub struct Played {
    /// What was measured: `test`, `what`, `measured`, `unit`, `mark`, `limit`, `ok`.
    pub rows: Vec<Value>,
    /// The lines for people.
    pub said: String,
    /// How its process ended.
    pub status: ExitStatus,
}

impl Played {
    /// Why the play is no success: what it said, and the rows that miss their mark. `None` when all is well; a play that measured
    /// nothing is none.
    pub fn trouble(&self) -> Option<String> {
        let missed: Vec<String> =
            self.rows.iter().filter(|row| *at(row, "ok") != true).map(Value::to_string).collect();
        if self.status.success() && missed.is_empty() && !self.rows.is_empty() {
            return None;
        }
        Some(format!(
            "{}, {} rows, missed: [{}]\n{}",
            self.status,
            self.rows.len(),
            missed.join("\n"),
            self.said
        ))
    }
}

/// Where a play's houses and model servers stand. They end with it.
pub struct Stage {
    schleuse: PathBuf,
    folder: PathBuf,
    /// Those that left are `None`.
    engines: Vec<Option<FakeUpstream>>,
    houses: Vec<Running>,
}

impl Stage {
    /// For houses made of this binary, whose files lie in this folder, which goes with the stage.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(schleuse: &Path, folder: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self { schleuse: schleuse.to_owned(), folder, engines: Vec::new(), houses: Vec::new() })
    }

    /// Has a play done to its end. Each of its lines but those that ask is also handed to `each` at once.
    ///
    /// # Errors
    /// When it cannot be started or spoken with. What a play asks for and cannot have is its own trouble.
    pub async fn play(
        &mut self,
        command: &mut tokio::process::Command,
        mut each: impl FnMut(&str),
    ) -> io::Result<Played> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let (Some(mut answers), Some(lines)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the play has no standard input and output"));
        };
        let mut lines = BufReader::new(lines).lines();
        let (mut rows, mut said) = (Vec::new(), String::new());
        self.converse(&mut lines, &mut answers, |line, row| {
            each(line);
            match row {
                Some(row) => rows.push(row),
                None => said.extend([line, "\n"]),
            }
        })
        .await?;
        let status = child.wait().await?;
        Ok(Played { rows, said, status })
    }

    async fn converse(
        &mut self,
        lines: &mut Lines<BufReader<ChildStdout>>,
        answers: &mut ChildStdin,
        mut take: impl FnMut(&str, Option<Value>),
    ) -> io::Result<()> {
        while let Some(line) = lines.next_line().await? {
            match serde_json::from_str::<Value>(&line) {
                Ok(asked) if asked.get("do").is_some() => {
                    let answer = self.act(&asked).await.unwrap_or_else(|error| json!({"error": error}));
                    answers.write_all(format!("{answer}\n").as_bytes()).await?;
                }
                Ok(row) if row.get("test").is_some() => take(&line, Some(row)),
                _ => take(&line, None),
            }
        }
        Ok(())
    }

    async fn act(&mut self, asked: &Value) -> Result<Value, String> {
        let text = |name: &str| at(asked, name).as_str().unwrap_or_default().to_owned();
        let number = |name: &str| at(asked, name).as_u64().and_then(|number| usize::try_from(number).ok());
        match text("do").as_str() {
            "engine" => {
                let models: Vec<&str> = match at(asked, "models").as_array() {
                    Some(names) => names.iter().filter_map(Value::as_str).collect(),
                    None => vec!["tiny"],
                };
                let engine = FakeUpstream::builder().models(&models).try_start().await;
                let engine = engine.map_err(|error| error.to_string())?;
                let url = engine.url();
                self.engines.push(Some(engine));
                Ok(json!({"engine": self.engines.len() - 1, "url": url}))
            }
            "script" => {
                self.engine(number("engine"))?.set_script(script(at(asked, "script"))?);
                Ok(json!({}))
            }
            "questions" => {
                let questions = self.engine(number("engine"))?.questions();
                Ok(json!({"questions": questions.iter().map(Seen::json).collect::<Vec<_>>()}))
            }
            "written" => {
                let engine = self.engine(number("engine"))?;
                Ok(json!({"pieces": engine.pieces(), "aborted": engine.aborted()}))
            }
            // Answered when it has happened, so that the asker's own clock measures it.
            "aborted" => {
                let engine = self.engine(number("engine"))?;
                let count = number("count").unwrap_or(1);
                match engine.wait_for_aborts(count, PATIENCE).await {
                    true => Ok(json!({"aborted": engine.aborted(), "pieces": engine.pieces()})),
                    false => Err(format!("no {count} askers left in {} s", PATIENCE.as_secs())),
                }
            }
            // From now on nobody listens there.
            "leave" => {
                let engine = number("engine").and_then(|index| self.engines.get_mut(index)?.take());
                engine.ok_or_else(|| "there is no such engine".to_owned())?.stop().await;
                Ok(json!({}))
            }
            "house" => {
                let folder = self.folder.join(format!("house-{}", self.houses.len()));
                let house = Running::start(&self.schleuse, folder, &text("config")).await?;
                let ready = house.ready.clone();
                self.houses.push(house);
                Ok(json!({"house": self.houses.len() - 1, "ready": ready}))
            }
            "kill" => self.house(number("house"))?.kill().map(|()| json!({})),
            "again" => {
                let house = self.house(number("house"))?;
                house.spawn()?;
                house.wait().await?;
                Ok(json!({"ready": house.ready}))
            }
            other => Err(format!("nobody here does `{other}`")),
        }
    }

    fn engine(&self, index: Option<usize>) -> Result<&FakeUpstream, String> {
        let engine = index.and_then(|index| self.engines.get(index)).and_then(Option::as_ref);
        engine.ok_or_else(|| "there is no such engine".to_owned())
    }

    fn house(&mut self, index: Option<usize>) -> Result<&mut Running, String> {
        index.and_then(|index| self.houses.get_mut(index)).ok_or_else(|| "there is no such house".to_owned())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.houses.clear();
        // What is left of it is in nobody's way.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A demo house, and how it is started again.
struct Running {
    schleuse: PathBuf,
    folder: PathBuf,
    /// `HOST:PORT`; a house that is started again is where it was.
    listen: String,
    child: Option<Child>,
    ready: Value,
}

impl Running {
    async fn start(schleuse: &Path, folder: PathBuf, config: &str) -> Result<Self, String> {
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        std::fs::write(folder.join("config.toml"), config).map_err(|error| error.to_string())?;
        let mut house = Self {
            schleuse: schleuse.to_owned(),
            folder,
            listen: "127.0.0.1:0".to_owned(),
            child: None,
            ready: Value::Null,
        };
        house.spawn()?;
        house.wait().await?;
        let url = house.ready.get("url").and_then(Value::as_str).unwrap_or_default();
        house.listen = url.trim_start_matches("http://").to_owned();
        Ok(house)
    }

    fn spawn(&mut self) -> Result<(), String> {
        let told = |error: io::Error| error.to_string();
        // One from its last life would be believed.
        let _ = std::fs::remove_file(self.folder.join("ready.json"));
        let log = File::options().create(true).append(true).open(self.log()).map_err(told)?;
        let mut command = Command::new(&self.schleuse);
        command.args(["demo", "--listen", &self.listen, "--data"]).arg(self.folder.join("data"));
        command.arg("--ready-file").arg(self.folder.join("ready.json"));
        command.arg("--config").arg(self.folder.join("config.toml")).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().map_err(told)?);
        Ok(())
    }

    async fn wait(&mut self) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let ready = std::fs::read(self.folder.join("ready.json")).ok();
            if let Some(ready) = ready.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
                self.ready = ready;
                return Ok(());
            }
            let ended = self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
            if ended || began.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(self.log()).unwrap_or_default();
                return Err(format!("the house does not come up:\n{log}"));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log.txt")
    }

    /// Without a word of warning.
    fn kill(&mut self) -> Result<(), String> {
        let Some(mut child) = self.child.take() else { return Err("the house is not running".to_owned()) };
        child.kill().and_then(|()| child.wait()).map(|_| ()).map_err(|error| error.to_string())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, which is as good.
        let _ = self.kill();
    }
}

/// What a document says under a name; `null` when nothing.
fn at<'a>(document: &'a Value, name: &str) -> &'a Value {
    document.get(name).unwrap_or(&Value::Null)
}

/// `{text, piece, ms, end}`: a streamed answer in pieces of so many bytes, one every so many milliseconds · `{echo, ms}` ·
/// `{status, body, headers}` · `{hang}`.
fn script(told: &Value) -> Result<Script, String> {
    let number = |name: &str, otherwise: u64| at(told, name).as_u64().unwrap_or(otherwise);
    let pause = Duration::from_millis(number("ms", 0));
    if let Some(text) = at(told, "text").as_str() {
        let end = match at(told, "end").as_str().unwrap_or("clean") {
            "clean" => End::Clean,
            "cut" => End::Cut,
            "hang" => End::Hang,
            other => return Err(format!("no answer ends like `{other}`")),
        };
        let piece = usize::try_from(number("piece", 4)).map_err(|error| error.to_string())?;
        return Ok(Script::answer(text, piece, pause, end));
    }
    if let Some(status) = at(told, "status").as_u64() {
        let status = u16::try_from(status).map_err(|error| error.to_string())?;
        let mut script = match at(told, "body") {
            Value::Null => Script::status(status),
            body => Script::json(status, body.to_string()),
        };
        for (name, value) in at(told, "headers").as_object().into_iter().flatten() {
            script = script.with_header(name, value.as_str().unwrap_or_default());
        }
        return Ok(script);
    }
    if *at(told, "hang") == true {
        return Ok(Script::Hang);
    }
    match at(told, "echo").as_u64().and_then(|bytes| usize::try_from(bytes).ok()) {
        Some(piece_bytes) => Ok(Script::Echo { piece_bytes, pause }),
        None => Err(format!("`{told}` is no script")),
    }
}

#[cfg(test)]
mod tests;
