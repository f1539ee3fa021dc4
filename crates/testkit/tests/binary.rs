//! The fake model server as a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fake-upstream"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn it_prints_its_url_and_serves() {
    let mut running = Running(command(&["--script", "echo:3", "--models", "a,b"]).spawn().unwrap());
    let mut url = String::new();
    BufReader::new(running.0.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
    let mut stream = TcpStream::connect(url.trim().strip_prefix("http://").unwrap()).unwrap();
    let body = r#"{"model":"b","prompt":"Moin"}"#;
    let head = format!("POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""text":"Moin""#), "{answer}");
}

#[test]
fn wrong_flags_are_refused() {
    for (arguments, reason) in [
        (&["--port"][..], "--port needs a value"),
        (&["--port", "x"], "`x` is not a port"),
        (&["--script", "x"], "`x` is not a script"),
        (&["--prot", "1"], "unknown flag `--prot`"),
    ] {
        let output = command(arguments).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with(&format!("fake-upstream: {reason}")), "{said}");
    }
}
