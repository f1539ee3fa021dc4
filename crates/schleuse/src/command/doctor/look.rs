//! One look at all sockets of some processes, and what many looks add up to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::netlink;
use super::socket::{Face, Peer, Row, TABLES, parse};

/// Whose a socket is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Program {
    House,
    Worker,
    /// This process, which asks the questions.
    Doctor,
    /// Started by the house, or in its network namespace, and not known.
    Other(String),
    /// No process held it at this look.
    Nobody,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::House => f.write_str("house"),
            Self::Worker => f.write_str("engine worker"),
            Self::Doctor => f.write_str("doctor"),
            Self::Other(name) => f.write_str(name),
            Self::Nobody => f.write_str("(no process)"),
        }
    }
}

/// Which rows of the tables count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// All: the network namespace holds nothing but the house and the doctor.
    Namespace,
    /// Those that a process of the house holds.
    House,
}

/// Everything seen so far.
#[derive(Debug, Default)]
pub(super) struct Album {
    pub looks: usize,
    pub seen: BTreeMap<(Program, Face), Times>,
    /// Programs that ran, with their processes.
    pub programs: BTreeMap<Program, BTreeSet<u32>>,
    /// What made a look incomplete; without it nothing was overlooked.
    pub gaps: BTreeSet<String>,
}

/// When and how often a socket was seen.
#[derive(Debug, Default)]
pub(super) struct Times {
    pub inodes: BTreeSet<u64>,
    /// The longest that one and the same socket was seen.
    pub longest: Duration,
    pub first: HashMap<u64, Duration>,
}

/// What is looked at.
pub(super) struct Subject {
    pub house: u32,
    pub reach: Reach,
}

impl Album {
    /// Looks once. `now`: monotonic.
    pub fn look(&mut self, subject: &Subject, now: Duration) {
        // Asked before and after the tables are read: a process or a socket may be made in between.
        let earlier = self.processes(subject);
        let before: Vec<(Program, u64)> = earlier.iter().flat_map(|process| self.held(process)).collect();
        // A house that ends takes its own door to the tables with it; the doctor's stays.
        let door = match subject.reach {
            Reach::Namespace => "self".to_owned(),
            Reach::House => subject.house.to_string(),
        };
        let mut rows = Vec::new();
        for table in TABLES {
            let Ok(text) = fs::read_to_string(format!("/proc/{door}/net/{table}")) else {
                if !is_alive(subject.house) {
                    return;
                }
                // Kernels are built without some of them; the three that every kernel has must be there.
                if ["tcp", "udp", "unix"].contains(&table) {
                    self.gaps.insert(format!("the table `{table}` cannot be read"));
                }
                continue;
            };
            let (more, unread) = parse(table, &text);
            if unread > 0 {
                self.gaps.insert(format!("{unread} lines of the table `{table}` are not understood"));
            }
            rows.extend(more);
        }
        let peers = netlink::unix_peers();
        let later = self.processes(subject);
        let after: Vec<(Program, u64)> = later.iter().flat_map(|process| self.held(process)).collect();
        if subject.reach == Reach::House && !is_alive(subject.house) {
            return;
        }
        let mut owners: HashMap<u64, Program> = HashMap::new();
        for (program, inode) in before.iter().chain(&after) {
            owners.insert(*inode, program.clone());
        }
        tell_peers(&mut rows, &owners, subject.reach, peers.ok().as_ref());
        for process in &later {
            self.programs.entry(process.program.clone()).or_default().insert(process.id);
        }
        let listed: BTreeSet<u64> = rows.iter().map(|row| row.inode).collect();
        for row in rows {
            let program = owners.get(&row.inode).cloned().unwrap_or(Program::Nobody);
            if subject.reach == Reach::Namespace || program != Program::Nobody {
                self.note(program, row, now);
            }
        }
        // Held both before and after the tables were read, and in none of them.
        for (program, inode) in before {
            if !listed.contains(&inode) && after.iter().any(|(_, held)| *held == inode) {
                self.note(program, Row { inode, face: Face::Unlisted }, now);
            }
        }
        self.looks += 1;
    }

    /// Whether a socket with this face was also seen in the hands of a process.
    pub fn has_owner(&self, face: &Face) -> bool {
        self.seen.keys().any(|(program, known)| known == face && *program != Program::Nobody)
    }

    fn note(&mut self, program: Program, row: Row, now: Duration) {
        let times = self.seen.entry((program, row.face)).or_default();
        times.inodes.insert(row.inode);
        let first = *times.first.entry(row.inode).or_insert(now);
        times.longest = times.longest.max(now.saturating_sub(first));
    }

    /// Who is there now. A process that ends loses its command line before its open files; it is still who it was.
    fn processes(&self, subject: &Subject) -> Vec<Process> {
        let mut found = processes(subject);
        for process in found.iter_mut().filter(|process| !is_alive(process.id)) {
            let before = self.programs.iter().find(|(_, ids)| ids.contains(&process.id));
            if let Some((program, _)) = before {
                process.program = program.clone();
            }
        }
        found
    }

    /// The sockets that a process holds.
    fn held(&mut self, process: &Process) -> Vec<(Program, u64)> {
        let folder = PathBuf::from(format!("/proc/{}/fd", process.id));
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                if is_alive(process.id) {
                    let (program, id) = (&process.program, process.id);
                    self.gaps
                        .insert(format!("open files of {program} (process {id}) cannot be read: {error}"));
                }
                return Vec::new();
            }
        };
        let links = entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
        links
            .filter_map(|link| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok())
            .map(|inode| (process.program.clone(), inode))
            .collect()
    }
}

/// Says of each Unix socket whom it is joined to.
fn tell_peers(
    rows: &mut [Row],
    owners: &HashMap<u64, Program>,
    reach: Reach,
    peers: Option<&HashMap<u64, u64>>,
) {
    let Some(peers) = peers else { return };
    // What is listed in a namespace of the house's own is within it, whoever held it at this look.
    let listed: BTreeSet<u64> = rows.iter().map(|row| row.inode).collect();
    let is_own =
        |inode: &u64| owners.contains_key(inode) || (reach == Reach::Namespace && listed.contains(inode));
    let paths: HashMap<u64, String> = rows
        .iter()
        .filter_map(|row| match &row.face {
            Face::Unix { path: Some(path), .. } => Some((row.inode, path.clone())),
            _ => None,
        })
        .collect();
    for row in rows {
        if let Face::Unix { peer, .. } = &mut row.face {
            *peer = match peers.get(&row.inode) {
                None => Peer::Nobody,
                Some(0) => Peer::Waiting,
                Some(other) if is_own(other) => Peer::Own,
                Some(other) => Peer::Foreign(paths.get(other).cloned()),
            };
        }
    }
}

#[derive(Debug)]
struct Process {
    id: u32,
    program: Program,
}

/// The house, its descendants, and with [`Reach::Namespace`] everything else in this network namespace.
fn processes(subject: &Subject) -> Vec<Process> {
    let own_namespace = fs::read_link("/proc/self/ns/net").ok();
    let mut parents = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        if let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) {
            parents.insert(id, parent(id).unwrap_or(0));
        }
    }
    let mut found = Vec::new();
    for id in parents.keys().copied() {
        let is_descendant = descends(id, subject.house, &parents);
        let is_doctor = id == std::process::id();
        let is_here = || {
            let namespace = fs::read_link(format!("/proc/{id}/ns/net")).ok();
            namespace.is_some() && namespace == own_namespace
        };
        let counts = is_descendant || (subject.reach == Reach::Namespace && (is_doctor || is_here()));
        if counts {
            let program = match is_doctor {
                true => Program::Doctor,
                false if id == subject.house => Program::House,
                false => program(id, parents.get(&id).copied(), subject.house),
            };
            found.push(Process { id, program });
        }
    }
    found
}

/// Processes of the house that left its network namespace.
pub(super) fn strays(subject: &Subject) -> Vec<u32> {
    let namespace = |id: u32| fs::read_link(format!("/proc/{id}/ns/net")).ok();
    let home = namespace(std::process::id());
    let mut strays: Vec<u32> = processes(subject).into_iter().map(|process| process.id).collect();
    strays.retain(|id| is_alive(*id) && namespace(*id) != home);
    strays
}

fn descends(mut id: u32, ancestor: u32, parents: &HashMap<u32, u32>) -> bool {
    // A chain of parents is short; the bound only guards against a table that changed while it was read.
    for _ in 0..64 {
        if id == ancestor {
            return true;
        }
        match parents.get(&id) {
            Some(parent) if *parent != 0 => id = *parent,
            _ => return false,
        }
    }
    false
}

/// The second word behind the name in `/proc/PID/stat`; the name stands in parentheses and may hold anything.
fn parent(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn program(id: u32, parent: Option<u32>, house: u32) -> Program {
    let words = command_line(id);
    if parent == Some(house) && words == command_line(house) {
        // Forked and not yet executed: still the house's own program with its open files.
        return Program::House;
    }
    if words.get(1).is_some_and(|word| word == "engine-worker" || word == schleuse_extract::WORKER_WORD) {
        return Program::Worker;
    }
    let name = words.first().cloned().unwrap_or_default();
    Program::Other(format!("process {id} `{}`", name.chars().take(64).collect::<String>()))
}

/// What a process was started with.
pub(super) fn command_line(id: u32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    if bytes.is_empty() {
        return Vec::new();
    }
    let words = bytes.split(|byte| *byte == 0).map(|word| String::from_utf8(word.to_vec()));
    words.map_while(Result::ok).collect()
}

fn is_alive(id: u32) -> bool {
    // A process that ended and was not waited for has no command line and no open files.
    !command_line(id).is_empty() && fs::metadata(format!("/proc/{id}/ns/net")).is_ok()
}
