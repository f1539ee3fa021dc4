//! Fuzzing as a proof: laws of `fuzz/src/laws.rs` for some seconds each, and a page that says how long each has been tried
//! so far.

use crate::place::{self, Place};
use crate::{Trouble, step};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Seconds for each law when nothing else was asked.
pub(super) const SECONDS: u64 = 600;
/// The most inputs of a run that are looked through for those worth keeping: the shortest.
const FOUND_MAX: usize = 1500;
/// The most that the corpus of one law may hold, in files and in bytes.
const FILES_MAX: usize = 150;
const BYTES_MAX: usize = 300 * 1024;
const PAGE: &str = "docs/reference/fuzzing.md";
/// Inputs that once broke a law: they stay whatever they cover.
const CASE: &str = "case-";

/// Runs these laws (all of them when none is named) for so many seconds each, keeps the inputs that reach most, and writes
/// the page after each.
///
/// # Errors
/// When a law is unknown, the tools are missing, something cannot be built, or a law is broken; the page is written in the
/// last case too.
pub(super) fn run(place: &Place, seconds: u64, named: &[String]) -> Result<(), Trouble> {
    if step::answer("rustup", &["run", "nightly", "cargo", "fuzz", "--version"]).is_none() {
        return Err(Trouble::new(
            "fuzzing needs `rustup toolchain install nightly` and `cargo install cargo-fuzz --locked`",
        ));
    }
    let folder = place.root.join("fuzz");
    let laws = laws(&place::read(&folder.join("src/laws.rs"))?);
    if let Some(unknown) = named.iter().find(|name| !laws.contains_key(*name)) {
        let known: Vec<&str> = laws.keys().map(String::as_str).collect();
        return Err(Trouble::new(format!("there is no law `{unknown}`; there are {}", known.join(", "))));
    }
    let work = place.target.join("fuzz");
    let mut build = Command::new("rustup");
    // No sanitizer: no crate of ours has unsafe code, and what is looked for are broken laws and panics.
    build
        .args(["run", "nightly", "cargo", "fuzz", "build", "--sanitizer", "none", "--fuzz-dir"])
        .arg(&folder);
    build.current_dir(&place.root).env("CARGO_TARGET_DIR", &place.target).env_remove("RUSTUP_TOOLCHAIN");
    step::quiet("build the fuzz targets", &place.log("fuzz-build"), &mut build)?;

    let host = step::answer("rustc", &["--print", "host-tuple"])
        .ok_or_else(|| Trouble::new("`rustc --print host-tuple` says nothing"))?;
    let page = place.root.join(PAGE);
    let mut rows = rows(&std::fs::read_to_string(&page).unwrap_or_default());
    let date = step::answer("date", &["-u", "+%Y-%m-%d"]).unwrap_or_default();
    let mut broken = Vec::new();
    for law in laws.keys().filter(|law| named.is_empty() || named.contains(law)) {
        let target = Target {
            binary: place.target.join(&host).join("release").join(law),
            corpus: folder.join("corpus").join(law),
            found: work.join("found").join(law),
            artifacts: work.join("artifacts").join(law),
            log: place.log(&format!("fuzz-{law}")),
        };
        let tried = target.run(law, seconds)?;
        if !tried.holds {
            broken.push(law.clone());
        }
        let row = rows.entry(law.clone()).or_default();
        row.inputs += tried.inputs;
        row.cpu_s += tried.cpu_s;
        row.holds = tried.holds;
        row.date.clone_from(&date);
        row.kept = if tried.holds { target.keep()? } else { names(&target.corpus).len() };
        place::write(&page, &write(&rows, &laws))?;
    }
    if broken.is_empty() {
        return Ok(());
    }
    Err(Trouble::new(format!(
        "broken: {}; the inputs lie in `{}`",
        broken.join(", "),
        work.join("artifacts").display()
    )))
}

/// One law's program and folders.
struct Target {
    binary: PathBuf,
    /// The inputs in the checkout.
    corpus: PathBuf,
    /// All inputs that this machine found.
    found: PathBuf,
    artifacts: PathBuf,
    log: PathBuf,
}

/// What came of one run.
#[derive(Debug, Default, PartialEq)]
struct Tried {
    inputs: u64,
    cpu_s: u64,
    holds: bool,
}

impl Target {
    fn run(&self, law: &str, seconds: u64) -> Result<Tried, Trouble> {
        for folder in [&self.corpus, &self.found, &self.artifacts] {
            place::make_folder(folder)?;
        }
        // `times` of the shell tells the CPU time of the fuzzer, which its own clock does not.
        let mut shell = Command::new("sh");
        shell.args(["-c", "nice -n 19 \"$@\"; code=$?; times; exit $code", "sh"]).arg(&self.binary);
        shell.args(["-max_len=4096", "-timeout=60", "-rss_limit_mb=2048", "-print_final_stats=1"]);
        shell.arg(format!("-max_total_time={seconds}"));
        shell.arg(format!("-artifact_prefix={}/", self.artifacts.display()));
        shell.args([&self.found, &self.corpus]);
        let ended = step::quiet(&format!("fuzz {law}"), &self.log, &mut shell);
        let log = std::fs::read(&self.log).unwrap_or_default();
        // What an input looks like need not be UTF-8; the lines that count are.
        let lines: Vec<&str> =
            log.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok()).collect();
        Ok(Tried { holds: ended.is_ok(), ..read_log(&lines) })
    }

    /// Keeps, of all inputs, the few that together reach most of what any reaches. Gives how many stay.
    fn keep(&self) -> Result<usize, Trouble> {
        let control = self.log.with_extension("merge");
        let merged = self.found.with_extension("merged");
        for path in [&control, &merged] {
            drop(std::fs::remove_file(path));
            drop(std::fs::remove_dir_all(path));
        }
        place::make_folder(&merged)?;
        shorten(&self.found, FOUND_MAX);
        let mut merge = Command::new(&self.binary);
        merge.args(["-set_cover_merge=1", "-timeout=60", "-rss_limit_mb=2048"]);
        merge.arg(format!("-merge_control_file={}", control.display()));
        merge.args([&merged, &self.corpus, &self.found]);
        step::quiet("merge the corpus", &self.log.with_extension("merge.log"), &mut merge)?;
        let cases: BTreeSet<String> =
            names(&self.corpus).into_iter().filter(|name| name.starts_with(CASE)).collect();
        let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |data| data.len() as usize);
        let room = (
            FILES_MAX.saturating_sub(cases.len()),
            BYTES_MAX.saturating_sub(cases.iter().map(|case| bytes(&self.corpus.join(case))).sum()),
        );
        let mut reached = reached(&place::read(&control)?);
        reached.retain(|(path, _)| {
            !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(CASE))
        });
        let chosen = choose(&reached, room, bytes);
        let mut contents = Vec::new();
        for path in chosen {
            let content = std::fs::read(path)
                .map_err(|error| Trouble::new(format!("input `{}`: {error}", path.display())))?;
            contents.push((path.file_name().map(ToOwned::to_owned).unwrap_or_default(), content));
        }
        for name in names(&self.corpus).iter().filter(|name| !cases.contains(*name)) {
            drop(std::fs::remove_file(self.corpus.join(name)));
        }
        for (name, content) in &contents {
            let short: String = name.to_string_lossy().chars().take(16).collect();
            std::fs::write(self.corpus.join(short), content)
                .map_err(|error| Trouble::new(format!("the corpus cannot be written: {error}")))?;
        }
        Ok(names(&self.corpus).len())
    }
}

/// Leaves so many of a folder's files, the shortest.
fn shorten(folder: &Path, most: usize) {
    let size = |name: &String| std::fs::metadata(folder.join(name)).map_or(u64::MAX, |data| data.len());
    let mut files = names(folder);
    files.sort_by_cached_key(size);
    for name in files.iter().skip(most) {
        drop(std::fs::remove_file(folder.join(name)));
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Inputs and CPU seconds of a run.
fn read_log(lines: &[&str]) -> Tried {
    let inputs = lines.iter().rev().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    // Two lines, the shell's own and its children's, each `0m0.01s 0m0.00s`.
    let seconds = |time: &str| {
        let (minutes, seconds) = time.strip_suffix('s')?.split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    let last = lines.iter().rev().find(|line| !line.trim().is_empty());
    let cpu_s: f64 = last.into_iter().flat_map(|line| line.split_whitespace()).filter_map(seconds).sum();
    Tried {
        inputs: inputs.and_then(|count| count.trim().parse().ok()).unwrap_or_default(),
        cpu_s: cpu_s.round() as u64,
        holds: false,
    }
}

/// What each input reaches, from the control file of a merge: how many files, how many of them are in the first folder,
/// their names, and lines `FT index feature…`.
fn reached(control: &str) -> Vec<(PathBuf, BTreeSet<u32>)> {
    let mut lines = control.lines();
    let count = lines.next().and_then(|line| line.trim().parse().ok()).unwrap_or_default();
    let mut reached: Vec<(PathBuf, BTreeSet<u32>)> =
        lines.by_ref().skip(1).take(count).map(|path| (PathBuf::from(path), BTreeSet::new())).collect();
    for line in lines {
        let mut words = line.split_whitespace();
        if words.next() != Some("FT") {
            continue;
        }
        let index: Option<usize> = words.next().and_then(|word| word.parse().ok());
        if let Some((_, features)) = index.and_then(|index| reached.get_mut(index)) {
            features.extend(words.filter_map(|word| word.parse::<u32>().ok()));
        }
    }
    reached
}

/// The inputs that add most to what those before reach, within so many files and bytes.
fn choose(
    reached: &[(PathBuf, BTreeSet<u32>)],
    (files, mut bytes): (usize, usize),
    size: impl Fn(&Path) -> usize,
) -> Vec<&Path> {
    let mut left: Vec<(&Path, BTreeSet<u32>, usize)> =
        reached.iter().map(|(path, features)| (path.as_path(), features.clone(), size(path))).collect();
    let mut chosen = Vec::new();
    while chosen.len() < files {
        left.retain(|(_, features, size)| !features.is_empty() && *size <= bytes);
        let best = left
            .iter()
            .enumerate()
            .max_by_key(|(_, (path, features, size))| (features.len(), std::cmp::Reverse((*size, *path))))
            .map(|(at, _)| at);
        let Some(best) = best else { break };
        let (path, features, size) = left.swap_remove(best);
        bytes -= size;
        for (_, others, _) in &mut left {
            others.retain(|feature| !features.contains(feature));
        }
        chosen.push(path);
    }
    chosen
}

/// Every law in the table `LAWS`, with what its function's documentation says first.
fn laws(source: &str) -> BTreeMap<String, String> {
    let mut laws = BTreeMap::new();
    let mut said: Vec<&str> = Vec::new();
    for line in source.lines() {
        if let Some(words) = line.strip_prefix("/// ") {
            said.push(words);
            continue;
        }
        if let Some((name, _)) = line
            .strip_prefix("pub fn ")
            .and_then(|rest| rest.split_once('('))
            .filter(|(_, arguments)| arguments.starts_with("data: &[u8])"))
        {
            laws.insert(name.to_owned(), said.join(" ").replace('|', "\\|"));
        }
        said.clear();
    }
    laws
}

/// What the page says about one law.
#[derive(Debug, Default, Clone, PartialEq)]
struct Row {
    inputs: u64,
    cpu_s: u64,
    kept: usize,
    holds: bool,
    date: String,
}

const HEAD: &str = "# Fuzzing of inspection

Made by `./x prove fuzz`: what must hold for every input, and how long a coverage-guided fuzzer has tried to break it, on this
and earlier versions together. Inputs are put together from pieces of the language (`fuzz/fragments/`). Those that reach most,
and every one that once broke a law, are kept in `fuzz/corpus/`, and `./x test` replays them.

| Law | What must hold | Inputs tried | CPU seconds | Inputs kept | Last run | Holds |
|---|---|--:|--:|--:|---|---|
";

fn write(rows: &BTreeMap<String, Row>, laws: &BTreeMap<String, String>) -> String {
    let mut page = HEAD.to_owned();
    for (law, said) in laws {
        let Row { inputs, cpu_s, kept, holds, date } = rows.get(law).cloned().unwrap_or_default();
        let holds = if date.is_empty() {
            "–"
        } else if holds {
            "yes"
        } else {
            "**NO**"
        };
        page.push_str(&format!("| `{law}` | {said} | {inputs} | {cpu_s} | {kept} | {date} | {holds} |\n"));
    }
    page
}

/// The rows of a page that was written before.
fn rows(page: &str) -> BTreeMap<String, Row> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.trim_end_matches(" |").split(" | ").collect();
        let (law, [inputs, cpu_s, kept, date, holds]) = (cells.first()?, cells.last_chunk()?);
        let row = Row {
            inputs: inputs.parse().ok()?,
            cpu_s: cpu_s.parse().ok()?,
            kept: kept.parse().ok()?,
            date: (*date).to_owned(),
            holds: *holds == "yes",
        };
        Some((law.trim_end_matches('`').to_owned(), row))
    };
    page.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_it_was_written() {
        let laws = BTreeMap::from([("scan".to_owned(), "All fits \\| itself.".to_owned())]);
        let row = Row { inputs: 7, cpu_s: 600, kept: 3, holds: true, date: "2030-01-01".to_owned() };
        let written = BTreeMap::from([("scan".to_owned(), row)]);
        assert_eq!(rows(&write(&written, &laws)), written);
        assert_eq!(rows("# Nothing\n"), BTreeMap::new());
    }

    #[test]
    fn laws_are_told_by_their_documentation() {
        let source =
            "/// One\n/// law.\npub fn one(data: &[u8]) {\n}\n\n/// No law.\npub fn two(text: &str) {}\n";
        assert_eq!(laws(source), BTreeMap::from([("one".to_owned(), "One law.".to_owned())]));
    }

    #[test]
    fn a_run_tells_inputs_and_time() {
        let lines =
            ["Done 12 runs", "stat::number_of_executed_units: 12", "0m0.00s 0m0.01s", "1m2.30s 0m0.40s", ""];
        assert_eq!(read_log(&lines), Tried { inputs: 12, cpu_s: 63, holds: false });
        assert_eq!(read_log(&[]), Tried::default());
    }

    #[test]
    fn what_reaches_most_is_kept() {
        let control =
            "3\n0\na\nb\nc\nSTARTED 0 1\nFT 0 1 2\nCOV 0 9\nSTARTED 1 1\nFT 1 1 2 3\nSTARTED 2 1\nFT 2 4\n";
        let reached = reached(control);
        let check = |room: (usize, usize), expected: &[&str]| {
            let chosen = choose(&reached, room, |_| 10);
            assert_eq!(chosen, expected.iter().map(Path::new).collect::<Vec<_>>());
        };
        check((9, 99), &["b", "c"]);
        check((1, 99), &["b"]);
        check((9, 15), &["b"]);
        check((0, 99), &[]);
    }
}
