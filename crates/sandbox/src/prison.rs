//! Tries, from inside the sealed sandbox, what must not be possible any more.

use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Command, ExitCode};

/// One line per attempt on standard error: `denied NAME` or `ESCAPED NAME`. Success means that all were denied.
pub fn attempt_escapes() -> ExitCode {
    type Attempt = fn() -> io::Result<()>;
    let attempts: [(&str, Attempt); 13] = [
        ("tcp-connect", || TcpStream::connect(("127.0.0.1", 9)).map(drop)),
        ("tcp-listen", || TcpListener::bind(("127.0.0.1", 0)).map(drop)),
        ("udp", || UdpSocket::bind(("127.0.0.1", 0)).map(drop)),
        ("unix-connect", || UnixStream::connect("/run/none.sock").map(drop)),
        ("unix-datagram", || UnixDatagram::unbound().map(drop)),
        ("read-file", || std::fs::File::open("/etc/passwd").map(drop)),
        ("read-folder", || std::fs::read_dir("/").map(drop)),
        ("write-file", || std::fs::File::create("/tmp/schleuse-prison").map(drop)),
        ("remove-file", || std::fs::remove_file("/tmp/schleuse-prison")),
        ("execute", || Command::new("/bin/true").status().map(drop)),
        ("signal-parent", || Ok(nix::sys::signal::kill(nix::unistd::getppid(), None)?)),
        // Allowed while loading, refused once sealed.
        ("change-sandbox", || Ok(nix::sys::prctl::set_no_new_privs()?)),
        ("raise-limit", || {
            let (resource, unlimited) =
                (nix::sys::resource::Resource::RLIMIT_CORE, nix::sys::resource::RLIM_INFINITY);
            Ok(nix::sys::resource::setrlimit(resource, unlimited, unlimited)?)
        }),
    ];
    let mut escaped = false;
    for (name, attempt) in attempts {
        // Only a refusal counts: "no such file" would mean that the attempt got as far as looking.
        let denied = attempt().is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
        escaped |= !denied;
        eprintln!("{} {name}", if denied { "denied" } else { "ESCAPED" });
    }
    if escaped { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
