//! `doctor --sealed`: a real house without any network, and every socket that it has.
//!
//! Looks are moments, and a socket may live between two of them. What no look can miss are the kernel's own counters
//! of the namespace, which begins with zeros: whatever leaves, or tries to, is counted there.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use schleuse_types::{Clock, SystemClock};

use super::allowlist::{AllowList, MAKING_MAX, Named, Place, Verdict};
use super::look::{Album, Program, Reach, Subject, strays};
use super::question::{self, Reply, ask};
use super::report::{Finding, Report, Sighting};
use super::socket::{Face, Peer};
use crate::command::demo;
use crate::config::Config;
use crate::failure::{Doing as _, Failure};

/// The demonstration model loads in a second or two; a large one of a configuration may take minutes.
const READY_MAX: Duration = Duration::from_secs(300);
/// A clean stop drains for at most ten seconds.
const STOP_MAX: Duration = Duration::from_secs(20);
/// For how long a ready house is looked at, at least: what stays in the making for longer than allowed is seen.
const STAY_MIN: Duration = MAKING_MAX.saturating_add(Duration::from_millis(500));
const LOOK_EVERY: Duration = Duration::from_millis(15);
/// A specimen that every textbook prints.
const IBAN_QUESTION: &str = "Please transfer 100 EUR to DE89 3704 0044 0532 0130 00.";

/// Runs the whole check. Must be called before the process has a second thread.
pub(super) fn check(config: Option<&Path>, report: &mut Report) -> Result<(), Failure> {
    let typed = config.map(Config::read).transpose().map_err(Failure::usage)?;
    let program = fs::read_link("/proc/self/exe").doing("cannot find this program")?;
    if let Err(finding) = enter_empty_namespace() {
        report.push(finding);
        return Ok(());
    }
    report.push(describe_namespace());
    let folder = Folder::create()?;
    let stand_in = match has_models(typed.as_ref()) {
        true => None,
        false => Some(question::start_stand_in().doing("the stand-in for a model server")?),
    };
    let house = Throwaway::start(&program, &folder.0, config, stand_in)?;
    let subject = Subject { house: house.child.id(), reach: Reach::Namespace };
    let clock = SystemClock::new();
    let album = Mutex::new(Album::default());
    let is_over = AtomicBool::new(false);
    let stay = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                look(&album, &subject, &clock);
                std::thread::sleep(LOOK_EVERY);
            }
        });
        let stay = live(house, &folder.0, typed.as_ref(), stand_in.is_some(), &clock, report, || {
            look(&album, &subject, &clock);
            strays(&subject)
        });
        is_over.store(true, Ordering::Relaxed);
        stay
    });
    let Some(address) = stay else { return Ok(()) };
    let album = album.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let list = allow_list(address, &folder.0, typed.as_ref(), stand_in);
    judge(&album, &list, report);
    report.push(read_counters(&list));
    report.push(verify_log(&folder.0));
    Ok(())
}

/// Where the house answers, and where it tells how it is.
type Addresses = (SocketAddr, SocketAddr);

fn look(album: &Mutex<Album>, subject: &Subject, clock: &SystemClock) {
    let mut album = album.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    album.look(subject, clock.monotonic());
}

/// The life of the house: ready, asked, stopped. `None` when it never got ready.
fn live(
    mut house: Throwaway,
    folder: &Path,
    config: Option<&Config>,
    has_stand_in: bool,
    clock: &SystemClock,
    report: &mut Report,
    look_now: impl Fn() -> Vec<u32>,
) -> Option<Addresses> {
    let ready = match house.wait_until_ready(folder, clock) {
        Ok(ready) => ready,
        Err(finding) => {
            report.push(finding);
            return None;
        }
    };
    // Callers that say nothing keep their connections open, so that this look sees both ends with their owners.
    let callers = [ready.house, ready.admin].map(TcpStream::connect);
    let began = clock.monotonic();
    look_now();
    drop(callers);
    let is_sure = config.is_none_or(|config| config.upstreams.is_empty());
    ask_questions(&ready, config, is_sure, has_stand_in, report);
    let mut strays = look_now();
    while clock.monotonic().saturating_sub(began) < STAY_MIN {
        std::thread::sleep(LOOK_EVERY);
        strays.extend(look_now());
    }
    report.push(if strays.is_empty() {
        Finding::ok("processes", "every process of the house stayed in the empty network namespace")
    } else {
        Finding::error("processes", format!("processes {strays:?} left the network namespace"))
            .next("this is a defect of the program; report it")
    });
    report.push(house.stop(clock));
    Some((ready.house, ready.admin))
}

/// What the ready file says.
struct Ready {
    house: SocketAddr,
    admin: SocketAddr,
    key: String,
}

impl Ready {
    fn parse(text: &str) -> Option<Self> {
        let ready: serde_json::Value = serde_json::from_str(text).ok()?;
        let address = |name: &str| ready.get(name)?.as_str()?.strip_prefix("http://")?.parse().ok();
        let key = ready.get("keys")?.get("employee")?.as_str()?.to_owned();
        Some(Self { house: address("url")?, admin: address("admin")?, key })
    }
}

/// Leaves this process alone in a network namespace that holds `lo` and nothing else.
fn enter_empty_namespace() -> Result<(), Finding> {
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    let refused = |error: &dyn std::fmt::Display| {
        Finding::error("namespace", format!("this system does not let the check make a network namespace: {error}"))
            .next("run it as root, or allow user namespaces (sysctl user.max_user_namespaces, and on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0)")
    };
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => {}
        Err(nix::Error::EPERM) => {
            unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET).map_err(|error| refused(&error))?;
            // Root of the new user namespace only: it may raise `lo` there, and is the same user as before elsewhere.
            for (file, text) in [
                ("setgroups", "deny".to_owned()),
                ("uid_map", format!("0 {user} 1")),
                ("gid_map", format!("0 {group} 1")),
            ] {
                fs::write(format!("/proc/self/{file}"), text).map_err(|error| refused(&error))?;
            }
        }
        Err(error) => return Err(refused(&error)),
    }
    super::netlink::raise_loopback().map_err(|error| {
        Finding::error(
            "namespace",
            format!("`lo` cannot be brought up in the empty network namespace: {error}"),
        )
        .next("run it as root")
    })
}

/// What this namespace has: its interfaces and where they lead.
fn describe_namespace() -> Finding {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let up: Vec<String> = nix::ifaddrs::getifaddrs()
        .map(|interfaces| {
            let up = interfaces
                .filter(|interface| interface.flags.contains(nix::net::if_::InterfaceFlags::IFF_UP));
            let mut names: Vec<String> = up.map(|interface| interface.interface_name).collect();
            names.sort();
            names.dedup();
            names
        })
        .unwrap_or_default();
    let routes = routes_out(&read("/proc/self/net/route"), &read("/proc/self/net/ipv6_route"));
    if up == ["lo"] && routes.is_empty() {
        Finding::ok(
            "namespace",
            "an empty network namespace: no interface is up but `lo`, and there is no route",
        )
    } else {
        Finding::error(
            "namespace",
            format!("the network namespace is not empty: interfaces {up:?}, routes by {routes:?}"),
        )
        .next("another program changed it; run the check again")
    }
}

/// Interfaces but `lo` that a route leads to. Both tables name the interface: the first column, the last column.
fn routes_out(ipv4: &str, ipv6: &str) -> Vec<String> {
    let first = ipv4.lines().skip(1).filter_map(|line| line.split_ascii_whitespace().next());
    let last = ipv6.lines().filter_map(|line| line.split_ascii_whitespace().last());
    first.chain(last).filter(|interface| *interface != "lo").map(str::to_owned).collect()
}

/// Whether the house will find a model without the stand-in.
fn has_models(config: Option<&Config>) -> bool {
    let named = config.is_some_and(|config| config.engine.is_some() || !config.upstreams.is_empty());
    named || (cfg!(feature = "engine") && demo::demonstration_model().is_some_and(|path| path.is_file()))
}

/// A folder for one run. Removed when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("schleuse-doctor-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path).doing(format!("cannot make `{}`", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn data_of(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// A house of this program's own. Killed when this is dropped.
struct Throwaway {
    child: Child,
}

impl Throwaway {
    fn start(
        program: &Path,
        folder: &Path,
        config: Option<&Path>,
        stand_in: Option<SocketAddr>,
    ) -> Result<Self, Failure> {
        let output = File::create(folder.join("output")).doing("cannot write the house's output")?;
        let errors = output.try_clone().doing("cannot write the house's output")?;
        let mut command = Command::new(program);
        command.args(["demo", "--data"]).arg(data_of(folder)).arg("--ready-file").arg(folder.join("ready"));
        if let Some(config) = config {
            command.arg("--config").arg(config);
        }
        if let Some(stand_in) = stand_in {
            command.args(["--upstream", &format!("http://{stand_in}")]);
        }
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        Ok(Self { child: command.spawn().doing("the house cannot be started")? })
    }

    fn wait_until_ready(&mut self, folder: &Path, clock: &SystemClock) -> Result<Ready, Finding> {
        let began = clock.monotonic();
        while clock.monotonic().saturating_sub(began) < READY_MAX {
            // The file is renamed into place, so it is there whole or not at all.
            if let Ok(text) = fs::read_to_string(folder.join("ready")) {
                return Ready::parse(&text).ok_or_else(|| {
                    Finding::error("house", "the ready file of the house is not understood")
                        .next("this is a defect of the program; report it")
                });
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                let said = fs::read_to_string(folder.join("output")).unwrap_or_default();
                return Err(Finding::error(
                    "house",
                    format!("without a network the house does not start ({status}): {}", last_lines(&said)),
                )
                .next("what the house says is above; `schleuse demo` with the same flags says it too"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(Finding::error("house", format!("the house was not ready within {} s", READY_MAX.as_secs()))
            .next("try a smaller model"))
    }

    /// SIGTERM, and how it ended.
    fn stop(mut self, clock: &SystemClock) -> Finding {
        if let Ok(id) = i32::try_from(self.child.id()) {
            // It fails only if the house has already ended, which the status will tell.
            let _ended = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        let began = clock.monotonic();
        while clock.monotonic().saturating_sub(began) < STOP_MAX {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => {
                    return Finding::ok("stop", "on SIGTERM the house ended with exit code 0");
                }
                Ok(Some(status)) => {
                    return Finding::error("stop", format!("on SIGTERM the house ended with {status}"))
                        .next("this is a defect of the program; report it");
                }
                Ok(None) | Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        Finding::error("stop", format!("on SIGTERM the house did not end within {} s", STOP_MAX.as_secs()))
            .next("this is a defect of the program; report it")
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.iter().skip(lines.len().saturating_sub(3)).copied().collect::<Vec<_>>().join(" / ")
}

/// Uses every part of the house that could want a network.
///
/// `is_sure`: the answers do not depend on upstreams that cannot be reached from here.
fn ask_questions(
    ready: &Ready,
    config: Option<&Config>,
    is_sure: bool,
    has_stand_in: bool,
    report: &mut Report,
) {
    let who = if has_stand_in { "the stand-in for a model server" } else { "the embedded engine" };
    let models = ask(ready.house, "/v1/models", Some(&ready.key), None);
    let model = models.as_ref().ok().and_then(first_model).unwrap_or_else(|| "model".to_owned());
    let question = |text: &str, is_streamed: bool| {
        serde_json::json!({
            "model": model, "max_tokens": 8, "stream": is_streamed,
            "messages": [{ "role": "user", "content": text }],
        })
    };
    let chat = "/v1/chat/completions";
    let send = |body| ask(ready.house, chat, Some(&ready.key), Some(&body));
    // With guardrails of their own, the house may do something else with an IBAN.
    let is_iban_blocked = config.is_none();
    let rows = [
        ("the page", ask(ready.house, "/", None, None), Some(200), ""),
        ("the list of models", models, Some(200), ""),
        ("a question", send(question("What is a firewall?", false)), is_sure.then_some(200), "\"content\""),
        (
            "a streamed question",
            send(question("What is a firewall?", true)),
            is_sure.then_some(200),
            "[DONE]",
        ),
        (
            "a question with an IBAN",
            send(question(IBAN_QUESTION, false)),
            is_iban_blocked.then_some(403),
            "\"sensitive_data_detected\"",
        ),
        ("readiness", ask(ready.admin, "/readyz", None, None), Some(200), ""),
        ("metrics", ask(ready.admin, "/metrics", None, None), Some(200), "schleuse_"),
    ];
    let (mut told, mut wrong) = (Vec::new(), Vec::new());
    for (what, reply, expected, content) in rows {
        match (reply, expected) {
            (Ok(reply), Some(expected)) if reply.status != expected => {
                wrong.push(format!("{what} was answered {} instead of {expected}", reply.status));
            }
            (Ok(reply), Some(_)) if !reply.contains(content) => {
                wrong.push(format!("{what} was answered without {content}"));
            }
            (Ok(reply), _) => told.push(format!("{what}: {}", reply.status)),
            (Err(error), _) => wrong.push(format!("{what} was not answered: {error}")),
        }
    }
    if wrong.is_empty() {
        let by =
            if is_sure { format!("asked {who}") } else { "its upstreams are out of reach here".to_owned() };
        let told = told.join(", ");
        report.push(Finding::ok("questions", format!("the house answered without a network ({by}): {told}")));
    }
    for wrong in wrong {
        report.push(
            Finding::error("questions", wrong)
                .next("ask the same of `schleuse demo`; if it answers there, this is a defect, report it"),
        );
    }
}

fn first_model(reply: &Reply) -> Option<String> {
    let list = reply.json()?;
    Some(list.get("data")?.as_array()?.first()?.get("id")?.as_str()?.to_owned())
}

fn allow_list(
    (house, admin): Addresses,
    folder: &Path,
    config: Option<&Config>,
    stand_in: Option<SocketAddr>,
) -> AllowList {
    let mut upstreams: Vec<Named> = config.map(upstreams_of).unwrap_or_default();
    if let Some(address) = stand_in {
        upstreams.push(Named { name: "stand-in".to_owned(), place: Place::Addresses(vec![address]) });
    }
    AllowList {
        listeners: vec![(house, "page and API"), (admin, "health and metrics")],
        is_open_to_network: false,
        engine_socket: Some(data_of(folder).join("run/engine.sock")),
        working_folder: PathBuf::from("/"),
        upstreams,
    }
}

/// The upstreams that a configuration names.
pub(super) fn upstreams_of(config: &Config) -> Vec<Named> {
    let upstreams = config.upstreams.iter().map(|upstream| (&upstream.name, &upstream.url));
    // Providers that a connector reaches are that connector's matter.
    let by_connector = |id: &str| config.providers.connectors.iter().any(|(known, _)| known == id);
    let issuers = config.providers.issuers.iter().filter(|issuer| !by_connector(&issuer.id));
    let providers = issuers.map(|issuer| (&issuer.id, &issuer.issuer));
    let directories = config.providers.directories.iter().map(|directory| (&directory.id, &directory.url));
    let flows = config.flows.iter().map(|flow| (&flow.name, &flow.issuer));
    upstreams
        .chain(providers)
        .chain(directories)
        .chain(flows)
        .filter_map(|(name, url)| Some(Named { name: name.clone(), place: Place::of(url)? }))
        .collect()
}

/// Puts every socket into the report and says whether all are on the list.
pub(super) fn judge(album: &Album, list: &AllowList, report: &mut Report) {
    let mut forbidden = 0;
    for ((program, face), times) in &album.seen {
        if *program == Program::Nobody && matches!(face, Face::Tcp { .. }) && album.has_owner(face) {
            // The rest of a connection that is already listed with its owner.
            continue;
        }
        let (is_allowed, why) = match list.judge(program, face, times) {
            Verdict::Allowed(why) => (true, why),
            Verdict::Forbidden(why) => (false, why),
        };
        if !is_allowed {
            forbidden += 1;
            report.push(
                Finding::error("sockets", format!("{program} has a socket that is not on the list: {face} ({why})"))
                    .next("name the upstream in the configuration if it is one; otherwise this is a defect, report it"),
            );
        }
        report.sockets.push(Sighting {
            program: program.to_string(),
            socket: face.to_string(),
            count: times.inodes.len(),
            is_allowed,
            why,
        });
    }
    for gap in &album.gaps {
        report.push(
            Finding::error("sockets", format!("the list of sockets is not complete: {gap}"))
                .next("run the check as the user of the house, or as root"),
        );
    }
    for program in album.programs.keys() {
        if let Program::Other(name) = program {
            report.push(
                Finding::error("processes", format!("{name} is a process that the house does not have"))
                    .next("this is a defect of the program; report it"),
            );
        }
    }
    let is_untold = |face: &Face| matches!(face, Face::Unix { peer: Peer::Untold, .. });
    if album.seen.keys().any(|(_, face)| is_untold(face)) {
        report.push(
            Finding::warning("peers", "this kernel does not tell which Unix sockets are joined, so that those without a name could not be followed")
                .next("load the kernel module unix_diag and run the check again"),
        );
    }
    let processes: Vec<String> =
        album.programs.iter().map(|(program, ids)| format!("{program} ×{}", ids.len())).collect();
    if forbidden == 0 && album.gaps.is_empty() {
        let count: usize = album.seen.values().map(|times| times.inodes.len()).sum();
        report.push(Finding::ok(
            "sockets",
            format!(
                "all {count} sockets of {} looks at {} are on the list",
                album.looks,
                processes.join(", ")
            ),
        ));
    }
}

/// What of the kernel's counters must still be zero: name, and what it counts.
const COUNTERS: [(&str, &str); 8] = [
    ("Ip OutNoRoutes", "attempts to reach an IPv4 address outside"),
    ("Ip6OutNoRoutes", "attempts to reach an IPv6 address outside"),
    ("Udp OutDatagrams", "UDP datagrams over IPv4"),
    ("Udp6OutDatagrams", "UDP datagrams over IPv6"),
    ("UdpLite OutDatagrams", "UDP-Lite datagrams over IPv4"),
    ("UdpLite6OutDatagrams", "UDP-Lite datagrams over IPv6"),
    ("Icmp OutEchos", "pings over IPv4"),
    ("Icmp6OutEchos", "pings over IPv6"),
];

fn read_counters(list: &AllowList) -> Finding {
    let read = |file: &str| fs::read_to_string(format!("/proc/self/net/{file}")).unwrap_or_default();
    let counters = parse_counters(&read("snmp"), &read("snmp6"));
    // IPv6 may be switched off; IPv4 is always there.
    if !counters.contains_key("Ip OutNoRoutes") || !counters.contains_key("Udp OutDatagrams") {
        return Finding::warning("counters", "the kernel's counters of the namespace cannot be read").next(
            "sockets that lived between two looks could not be ruled out; run the check on another kernel",
        );
    }
    let wrong: Vec<String> = COUNTERS
        .iter()
        .filter_map(|(name, what)| {
            counters.get(*name).filter(|count| **count > 0).map(|count| format!("{count} {what}"))
        })
        .collect();
    let is_named = list.upstreams.iter().any(|upstream| match &upstream.place {
        Place::Addresses(addresses) => addresses.iter().any(|address| !address.ip().is_loopback()),
        Place::Host(..) => true,
        Place::Socket(_) => false,
    });
    if wrong.is_empty() {
        Finding::ok(
            "counters",
            "the kernel counted no datagram and no attempt to reach an address outside, also between the looks",
        )
    } else if is_named {
        Finding::warning("counters", format!("the kernel counted {}", wrong.join(", ")))
            .next("the configuration names upstreams outside, and the kernel does not say whether all attempts were theirs; without them this must be zero")
    } else {
        Finding::error("counters", format!("the kernel counted {}", wrong.join(", ")))
            .next("something in the house wants a network; this is a defect, report it")
    }
}

/// `/proc/net/snmp` has a line of names and a line of numbers per protocol, `/proc/net/snmp6` one counter per line.
fn parse_counters(ipv4: &str, ipv6: &str) -> BTreeMap<String, u64> {
    let mut counters = BTreeMap::new();
    let lines: Vec<&str> = ipv4.lines().collect();
    for pair in lines.chunks(2) {
        let [names, numbers] = pair else { continue };
        let protocol = names.split(':').next().unwrap_or_default();
        let values = names.split_ascii_whitespace().zip(numbers.split_ascii_whitespace()).skip(1);
        for (name, number) in values {
            if let Ok(number) = number.parse() {
                counters.insert(format!("{protocol} {name}"), number);
            }
        }
    }
    for line in ipv6.lines() {
        if let Some((name, number)) = line.split_once(char::is_whitespace)
            && let Ok(number) = number.trim().parse()
        {
            counters.insert(name.to_owned(), number);
        }
    }
    counters
}

fn verify_log(folder: &Path) -> Finding {
    match schleuse_audit::verify(&data_of(folder).join("audit")) {
        Ok(verified) if verified.entries() > 0 && verified.unsealed == 0 => Finding::ok(
            "log",
            format!(
                "the audit log is intact: {} entries, all under the signed checkpoint",
                verified.entries()
            ),
        ),
        Ok(verified) => Finding::error(
            "log",
            format!(
                "after a clean stop {} of {} entries are not sealed",
                verified.unsealed,
                verified.entries()
            ),
        )
        .next("this is a defect of the program; report it"),
        Err(error) => Finding::error("log", format!("the audit log is not intact: {error}"))
            .next("this is a defect of the program; report it"),
    }
}

#[cfg(test)]
mod tests;
