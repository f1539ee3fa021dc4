//! One house: its configuration, its folder, and what it has open if it runs.

use std::fs;
use std::net::ToSocketAddrs as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use schleuse_identity::{DirectAccess, IssuerConfig, Issuers};
use schleuse_tunnel::Credentials;
use schleuse_types::{Clock as _, Language, SystemClock};
use schleuse_upstream::Upstreams;

use super::allowlist::{AllowList, Named, Place};
use super::look::{Album, Program, Reach, Subject, command_line};
use super::report::{Finding, Report};
use super::sealed::{judge, upstreams_of};
use super::socket::Face;
use crate::command::{demo, runtime, serve};
use crate::config::{Config, Part, closed};
use crate::data::DataFolder;
use crate::failure::Failure;

/// Looks at a running house, and the pause between them.
const LOOKS: usize = 16;
/// Together longer than a socket may be in the making.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(super) fn examine(
    config_file: Option<&Path>,
    data: Option<&Path>,
    report: &mut Report,
) -> Result<(), Failure> {
    let config = match config_file.map(Config::read) {
        Some(Ok(config)) => {
            report.push(examine_config(&config));
            examine_upstreams(&config, report)?;
            examine_providers(&config, report)?;
            if let Some(finding) = examine_identity(&config) {
                report.push(finding);
            }
            Some(config)
        }
        Some(Err(error)) => {
            report.push(
                Finding::error("config", error.to_string())
                    .next("correct it, then `schleuse config check --config FILE`"),
            );
            None
        }
        None => None,
    };
    let of_config = config.as_ref().and_then(|config| config.data.clone());
    if let (None, Some(folder)) = (data, of_config.as_ref().filter(|folder| !folder.exists())) {
        let message = format!("`{}` is not there yet; the first start makes it", folder.display());
        report.push(Finding::ok("data", message));
        return Ok(());
    }
    let of_demo = || demo::default_folder().ok().filter(|folder| folder.join("secrets").is_dir());
    let folder = data.map(Path::to_owned).or(of_config);
    match folder.or_else(|| if config_file.is_none() { of_demo() } else { None }) {
        Some(folder) => examine_data(&folder, config.as_ref(), report),
        None => report
            .push(Finding::ok("data", "no house to look at; name one with `--data DIR` or `--config FILE`")),
    }
    Ok(())
}

fn examine_config(config: &Config) -> Finding {
    match serve::check(config) {
        Ok(()) => Finding::ok("config", "fine"),
        Err(failure) => {
            let next = failure.next.clone();
            let finding = Finding::error("config", failure.message);
            finding.next(next.unwrap_or_else(|| "correct it, then run the check again".to_owned()))
        }
    }
}

/// Whether each upstream answers, and what about it is only said.
fn examine_upstreams(config: &Config, report: &mut Report) -> Result<(), Failure> {
    if config.upstreams.is_empty() {
        let needs_models = matches!(config.part, Part::Whole | Part::Gate);
        if config.engine.is_none() && needs_models {
            report.push(
                Finding::warning(
                    "upstreams",
                    "there is neither an engine nor an upstream, so that every question is refused",
                )
                .next("add `[engine]` with `weights`, or `[[upstream]]` with `name` and `url`"),
            );
        }
        return Ok(());
    }
    let (shut, open): (Vec<_>, Vec<_>) =
        config.upstreams.iter().cloned().partition(|upstream| closed(config, upstream).is_some());
    for (upstream, missing) in shut.iter().filter_map(|upstream| Some((upstream, closed(config, upstream)?)))
    {
        report.push(
            Finding::warning("agreements", format!("the external upstream `{}` is closed", upstream.name))
                .next(missing.next(&upstream.name).in_language(Language::English)),
        );
    }
    let (linked, direct): (Vec<_>, Vec<_>) =
        open.into_iter().partition(|upstream| upstream.url.starts_with("connector:"));
    for upstream in linked {
        let message = format!(
            "`{}` is reached through {}, which dials this house; the page *Now* says whether it is linked",
            upstream.name, upstream.url
        );
        report.push(Finding::ok("upstreams", message));
    }
    // A configuration that cannot be used was already said to be wrong.
    let Ok(upstreams) = Upstreams::new(direct, Arc::new(SystemClock::new())) else {
        return Ok(());
    };
    runtime()?.block_on(upstreams.refresh());
    for status in upstreams.status() {
        let (name, url) = (&status.name, &status.url);
        if status.healthy {
            report.push(Finding::ok(
                "upstreams",
                format!("`{name}` at {url} answers: {}", status.models.join(", ")),
            ));
        } else {
            let reason = status.reason.as_deref().unwrap_or("it does not answer");
            report.push(
                Finding::warning("upstreams", format!("`{name}` at {url} cannot be used: {reason}"))
                    .next("start it, or correct `url`; the house starts without it and tries again every few seconds"),
            );
        }
        report.push(
            Finding::warning(
                "zones",
                format!(
                    "that `{name}` is in the zone {} and may see up to {} is declared in the configuration, not proven",
                    status.zone, status.max_label
                ),
            )
            .next("make sure that it is true: who runs this server, and where does it send what it is asked?"),
        );
    }
    Ok(())
}

/// Whether each identity provider that is reached from here answers.
fn examine_providers(config: &Config, report: &mut Report) -> Result<(), Failure> {
    let by_connector = |id: &str| config.providers.connectors.iter().any(|(known, _)| known == id);
    let direct: Vec<IssuerConfig> =
        config.providers.issuers.iter().filter(|issuer| !by_connector(&issuer.id)).cloned().collect();
    let (access, clock) = (Arc::new(DirectAccess::new(&direct)), Arc::new(SystemClock::new()));
    // A configuration that cannot be used was already said to be wrong.
    let Ok(issuers) = Issuers::new(direct, access, clock) else { return Ok(()) };
    let failed = runtime()?.block_on(issuers.refresh());
    for issuer in issuers.list() {
        report.push(match failed.iter().find(|(id, _)| *id == issuer.id) {
            None => Finding::ok("sign-in", format!("`{}` answers at {}", issuer.id, issuer.issuer)),
            Some((id, error)) => {
                Finding::warning("sign-in", format!("nobody can sign in with `{id}` at {}: {error}", issuer.issuer))
                    .next("correct `issuer`, to the letter as the provider says it, or `ca_file`; the house tries again every 15 s")
            }
        });
    }
    Ok(())
}

/// Who an edge or a connector is to its gate, and for how long.
fn examine_identity(config: &Config) -> Option<Finding> {
    let identity = config.link.as_ref()?.identity.as_ref()?;
    let join = "get a token with `schleuse link token` at the gate, then `schleuse link join` here";
    Some(match Credentials::open(identity) {
        Err(error) => Finding::error("identity", format!("this process has none: {error}")).next(join),
        Ok(credentials) if credentials.expires() <= SystemClock::new().now() => {
            let message =
                format!("the certificate of `{}` ended at {}", credentials.party(), credentials.expires());
            Finding::error("identity", message).next(join)
        }
        Ok(credentials) => Finding::ok(
            "identity",
            format!(
                "`{}`, until {}; it is renewed while the process runs",
                credentials.party(),
                credentials.expires()
            ),
        ),
    })
}

/// The folder of a house, and the house if it runs.
pub(super) fn examine_data(folder: &Path, config: Option<&Config>, report: &mut Report) {
    let data = match DataFolder::existing(folder) {
        Ok(data) => data,
        Err(failure) => {
            let next = failure.next.clone().unwrap_or_default();
            report.push(Finding::error("data", failure.message).next(next));
            return;
        }
    };
    report.push(permissions(&data));
    report.push(disk_space(&data, config));
    report.push(log(&data));
    if let Some(finding) = future(&data) {
        report.push(finding);
    }
    if data.is_running() {
        examine_running(&data, config, report);
    } else {
        report.push(Finding::ok("house", format!("no house is running on `{}`", folder.display())));
    }
}

/// Secrets are for one user: folders 0700, files 0600.
fn permissions(data: &DataFolder) -> Finding {
    let mut wrong = Vec::new();
    for folder in [data.path().join("secrets"), data.run()] {
        if is_open(&folder) {
            wrong.push(format!("chmod 700 '{}'", folder.display()));
        }
    }
    let secrets = fs::read_dir(data.path().join("secrets")).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = secrets.map(|entry| entry.path()).collect();
    files.sort();
    for file in files.iter().filter(|file| is_open(file)) {
        wrong.push(format!("chmod 600 '{}'", file.display()));
    }
    if wrong.is_empty() {
        return Finding::ok(
            "permissions",
            format!("{} secrets in `{}`, for their owner only", files.len(), data.path().display()),
        );
    }
    Finding::error("permissions", "others on this machine can reach the secrets of the house")
        .next(format!("if nobody has read them: {}", wrong.join(" && ")))
}

fn is_open(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

fn disk_space(data: &DataFolder, config: Option<&Config>) -> Finding {
    // Without a configuration it is a demo, whose segments are small.
    let segment = config.map_or(16 << 20, |config| config.audit.segment_bytes);
    let next = "free space or move the data folder to a larger disk; a log that cannot be written stops every question";
    match nix::sys::statvfs::statvfs(&data.audit()) {
        Ok(disk) => {
            // Types of these counters differ between systems; on Linux they are what they are here.
            let free = disk.blocks_available().saturating_mul(disk.fragment_size());
            let shown = format!(
                "{} MiB are free for the audit log, whose segments have {} MiB",
                free >> 20,
                segment >> 20
            );
            match free {
                free if free < segment.saturating_mul(2) => Finding::error("disk", shown).next(next),
                free if free < segment.saturating_mul(16) => Finding::warning("disk", shown).next(next),
                _ => Finding::ok("disk", shown),
            }
        }
        Err(error) => Finding::warning("disk", format!("free space cannot be read: {error}")).next(next),
    }
}

fn log(data: &DataFolder) -> Finding {
    if !data.audit().join("checkpoint").is_file() && !data.is_running() {
        return Finding::ok("log", "no audit log yet");
    }
    match schleuse_audit::verify(&data.audit()) {
        Ok(verified) => Finding::ok(
            "log",
            format!(
                "the audit log is intact: {} entries, {} under the signed checkpoint",
                verified.entries(),
                verified.sealed
            ),
        ),
        Err(error) => Finding::error("log", format!("the audit log is not intact: {error}"))
            .next("keep a copy of the folder as it is and find out who changed it; `schleuse audit verify` says the same"),
    }
}

/// Files of the log from the future say that the clock went back.
fn future(data: &DataFolder) -> Option<Finding> {
    let changed = u64::try_from(fs::metadata(data.audit().join("checkpoint")).ok()?.mtime()).ok()?;
    let now = SystemClock::new().now();
    // A minute is what clocks of one machine and its disk may differ by.
    (changed > now.seconds().saturating_add(60)).then(|| {
        Finding::warning(
            "clock",
            format!(
                "it shows {now}, and the log was last written {} s later",
                changed.saturating_sub(now.seconds())
            ),
        )
        .next("the clock went back; set it, and let a time service keep it")
    })
}

/// Every socket of a running house.
fn examine_running(data: &DataFolder, config: Option<&Config>, report: &mut Report) {
    let Some(house) = holder(&data.run().join("lock")) else {
        report.push(
            Finding::warning("house", "a house is running here, and its process cannot be seen")
                .next("run the check as the user of the house, or as root, on the same machine and in the same container"),
        );
        return;
    };
    report.push(Finding::ok("house", format!("it is running as process {house}")));
    let told = Told::by(house);
    let own = told.config.as_deref().and_then(|path| Config::read(path).ok());
    let config = config.or(own.as_ref());
    let clock = SystemClock::new();
    let subject = Subject { house, reach: Reach::House };
    let mut album = Album::default();
    for _ in 0..LOOKS {
        album.look(&subject, clock.monotonic());
        std::thread::sleep(LOOK_EVERY);
    }
    let list = allow_list(data, config, &told, &album, report);
    judge(&album, &list, report);
}

/// The process that holds the lock of a house.
fn holder(lock: &Path) -> Option<u32> {
    let found = fs::metadata(lock).ok()?;
    let has_it_open = |id: u32| {
        let files = fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
        files
            .filter_map(|entry| fs::metadata(entry.path()).ok())
            .any(|open| (open.dev(), open.ino()) == (found.dev(), found.ino()))
    };
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let mut named = lock_holders(&locks, found.ino());
    named.retain(|id| has_it_open(*id));
    named.first().copied().or_else(|| {
        // The kernel shows no lock of a process in another process namespace, and overlays hide inodes.
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let mut ids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        ids.find(|id| *id != std::process::id() && has_it_open(*id))
    })
}

/// Processes that hold a whole-file lock on an inode: `1: FLOCK  ADVISORY  WRITE 21641 fe:00:10043614 0 EOF`.
fn lock_holders(locks: &str, inode: u64) -> Vec<u32> {
    let holder = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let is_it = words.get(1) == Some(&"FLOCK") && words.get(5)?.rsplit(':').next()?.parse() == Ok(inode);
        words.get(4).filter(|_| is_it)?.parse().ok()
    };
    locks.lines().filter_map(holder).collect()
}

/// What the command line of a running house says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    /// Its working folder.
    folder: PathBuf,
    config: Option<PathBuf>,
    upstream: Option<String>,
}

impl Told {
    fn by(house: u32) -> Self {
        let folder = fs::read_link(format!("/proc/{house}/cwd")).unwrap_or_default();
        Self::parse(&command_line(house), &folder)
    }

    fn parse(words: &[String], folder: &Path) -> Self {
        let value = |flag: &str| {
            let mut rest = words.iter().skip_while(|word| {
                *word != flag && !word.strip_prefix(flag).is_some_and(|rest| rest.starts_with('='))
            });
            match rest.next()?.split_once('=') {
                Some((_, value)) => Some(value.to_owned()),
                None => rest.next().cloned(),
            }
        };
        let is_serve = words.iter().any(|word| word == "serve");
        let config = value("--config").or_else(|| is_serve.then(|| "schleuse.toml".to_owned()));
        Self {
            folder: folder.to_owned(),
            config: config.map(|path| folder.join(path)),
            upstream: value("--upstream"),
        }
    }
}

fn allow_list(
    data: &DataFolder,
    config: Option<&Config>,
    told: &Told,
    album: &Album,
    report: &mut Report,
) -> AllowList {
    let mut upstreams: Vec<Named> = config.map(upstreams_of).unwrap_or_default();
    let url = told.upstream.as_ref();
    upstreams.extend(url.and_then(|url| Some(Named { name: "upstream".to_owned(), place: Place::of(url)? })));
    for upstream in &mut upstreams {
        if let Place::Host(host, addresses) = &mut upstream.place {
            // One that cannot be looked up now has no addresses, and connections to it are named as what they are.
            addresses.extend(host.to_socket_addrs().into_iter().flatten());
        }
    }
    let mut list = AllowList {
        engine_socket: Some(data.run().join("engine.sock")),
        working_folder: told.folder.clone(),
        is_open_to_network: config
            .and_then(|config| config.listen)
            .is_some_and(|listen| !listen.ip().is_loopback()),
        upstreams,
        ..AllowList::default()
    };
    let is_gate = config.is_some_and(|config| config.part == Part::Gate);
    let is_demo = !is_gate && config.and_then(|config| config.listen).is_none();
    if let Some(listen) = config.and_then(|config| config.listen) {
        list.listeners.push((listen, "page and API"));
    }
    if let Some(link) = config.and_then(|config| config.link.as_ref()) {
        list.listeners.extend(link.listen_edge.map(|door| (door, "edges")));
        list.listeners.extend(link.listen_connector.map(|door| (door, "connectors")));
        list.is_open_to_network |= [link.listen_edge, link.listen_connector]
            .into_iter()
            .flatten()
            .any(|door| !door.ip().is_loopback());
    }
    if let Some(admin) = config.and_then(|config| config.admin_listen) {
        list.listeners.push((admin, "health and metrics"));
        if !admin.ip().is_loopback() {
            report.push(
                Finding::warning("admin", format!("health and metrics are open without login on {admin}"))
                    .next("set `admin_listen` to a loopback address, or let only the monitoring reach it"),
            );
        }
    }
    // A demo chooses its ports, and so does the admin listener when nobody named one: at most as many, on loopback.
    let has_admin = config.is_some_and(|config| config.admin_listen.is_some());
    let may_choose = if is_demo { 2 } else { usize::from(!has_admin) };
    let chosen = album.seen.keys().filter_map(|(program, face)| match face {
        Face::Tcp { local, is_listening: true, .. }
            if *program == Program::House
                && local.ip().is_loopback()
                && !list.listeners.iter().any(|(known, _)| known == local) =>
        {
            Some((*local, "page and API, or health and metrics (port chosen at start)"))
        }
        _ => None,
    });
    let chosen: Vec<_> = chosen.take(may_choose).collect();
    list.listeners.extend(chosen);
    list
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Told, holder, lock_holders};

    #[test]
    fn locks_name_their_process() {
        let locks = "1: FLOCK  ADVISORY  WRITE 21641 fe:00:10043614 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 4 fe:00:7 0 EOF\n\
                     3: -> FLOCK  ADVISORY  WRITE 5 fe:00:7 0 EOF\nnonsense\n";
        let check = |inode, expected: &[u32]| assert_eq!(lock_holders(locks, inode), expected);
        check(10_043_614, &[21641]);
        check(7, &[]);
        check(8, &[]);
    }

    #[test]
    fn a_held_lock_is_found() {
        let path = std::env::temp_dir().join(format!("schleuse-lock-{}", std::process::id()));
        let file = std::fs::File::create(&path).unwrap();
        file.try_lock().unwrap();
        assert_eq!(holder(&path), Some(std::process::id()));
        drop(file);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(holder(&path), None);
    }

    #[test]
    fn command_lines_are_read() {
        let check = |line: &str, config: Option<&str>, upstream: Option<&str>| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let expected = Told {
                folder: "/at".into(),
                config: config.map(PathBuf::from),
                upstream: upstream.map(str::to_owned),
            };
            assert_eq!(Told::parse(&words, Path::new("/at")), expected, "{line}");
        };
        check("schleuse demo", None, None);
        check("schleuse serve", Some("/at/schleuse.toml"), None);
        check("schleuse serve --config=/etc/a.toml", Some("/etc/a.toml"), None);
        check("schleuse demo --upstream http://a:1 --config b.toml", Some("/at/b.toml"), Some("http://a:1"));
        check("schleuse demo --config", None, None);
    }
}
