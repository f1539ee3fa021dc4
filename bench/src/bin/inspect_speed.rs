//! How fast inspection is: MB/s over mixed text, microseconds per prompt and per piece of a stream, start and memory.
//!
//! `inspect_speed [--seed N] [--only KIND] [--seconds S] [--kilobytes K] [--views no]`. The texts are made here from the seed. Times are CPU time of
//! this thread, the best of several runs; of single prompts the best of five, and then quantiles over all prompts. The columns
//! *plain* are without the views against evasion, `--views no` leaves them out everywhere.
#![expect(clippy::disallowed_methods, reason = "measuring is about the real clock")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use schleuse_bench::Failure;
use schleuse_bench::flags::Flags;
use schleuse_inspect::{Guardrails, Inspector};

/// Bytes of one prompt.
const PROMPT: usize = 2048;
/// Thousands of bytes of one text of a kind, unless said otherwise.
const TEXT: usize = 2048;
/// Bytes of texts whose time is mostly the cost of a call.
const SHORT: [usize; 4] = [0, 10, 100, 370];

fn main() -> Result<(), Failure> {
    let flags = Flags::parse(std::env::args().skip(1), &["seed", "seconds", "only", "kilobytes", "views"])?;
    let seed = flags.value("seed", 7)?;
    let seconds = flags.value("seconds", 1)?;
    let length = flags.value("kilobytes", TEXT)? * 1024;
    let only = Some(flags.value("only", String::new())?).filter(|only| !only.is_empty());

    let before = resident()?;
    let start = cpu()?;
    let mut inspector = Inspector::new(Guardrails::default())?;
    let compiled = cpu()?.saturating_sub(start);
    println!(
        "compile {:.1} ms, memory {:.1} MB",
        compiled.as_secs_f64() * 1e3,
        mega(resident()?.saturating_sub(before))
    );
    println!("{}", inspector.pack_digest());

    if flags.value("views", String::new())? == "no" {
        inspector = inspector.without_views();
    }
    let best = |run: &mut dyn FnMut()| best(Duration::from_secs(seconds), run);
    let mut dice = Dice(seed);
    let mixed = text(&mut dice, None, 4 * length);
    let mut floor = f64::NAN;
    if only.is_none() {
        let utf8 = best(&mut || {
            black_box(std::str::from_utf8(black_box(mixed.as_bytes())).is_ok());
        })?;
        let memchr = best(&mut || {
            black_box(black_box(mixed.as_bytes()).contains(&0));
        })?;
        floor = speed(mixed.len(), utf8);
        let memchr = speed(mixed.len(), memchr);
        println!("floors: UTF-8 validation {floor:.0} MB/s, one byte searched {memchr:.0} MB/s");
    }

    let plain = inspector.without_views();
    println!("| text | MB/s | plain | of UTF-8 validation | findings per MB |");
    println!("|---|--:|--:|--:|--:|");
    let row = |name: &str, text: &str| -> Result<(), Failure> {
        let mut found = 0;
        let whole = best(&mut || found = black_box(inspector.scan(black_box(text))).len())?;
        let plain = best(&mut || drop(black_box(plain.scan(black_box(text)))))?;
        let (whole, plain) = (speed(text.len(), whole), speed(text.len(), plain));
        let found = found as f64 / mega(text.len());
        println!("| {name} | {whole:.1} | {plain:.1} | {:.3} | {found:.0} |", plain / floor);
        Ok(())
    };
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    if wanted("mixed") {
        row("mixed", &mixed)?;
    }
    if wanted("eighth") {
        let eighth = mixed.get(..mixed.floor_char_boundary(mixed.len() / 8)).unwrap_or_default();
        row("mixed, an eighth of it", eighth)?;
    }
    for (name, kind) in KINDS.iter().filter(|(name, _)| wanted(name)) {
        row(name, &text(&mut dice, Some(*kind), length))?;
    }
    if only.is_some() {
        return Ok(());
    }

    let prompts: Vec<String> = (0..1000).map(|_| text(&mut dice, None, PROMPT)).collect();
    for (name, inspector) in [("prompts", &inspector), ("prompts, plain", &plain)] {
        let mut times: Vec<f64> = prompts.iter().map(|prompt| microseconds(inspector, prompt)).collect();
        times.sort_by(f64::total_cmp);
        let quantile =
            |part: f64| times.get((times.len() as f64 * part) as usize).copied().unwrap_or_default();
        let most = times.last().copied().unwrap_or_default();
        println!(
            "{name} of 2 KB: p50 {:.1} µs, p99 {:.1} µs, most {most:.1} µs",
            quantile(0.5),
            quantile(0.99)
        );
    }
    for size in SHORT {
        let short = prompts
            .first()
            .map_or("", |prompt| prompt.get(..prompt.floor_char_boundary(size)).unwrap_or_default());
        println!(
            "text of {size} bytes: {:.2} µs, plain {:.2} µs",
            microseconds(&inspector, short),
            microseconds(&plain, short)
        );
    }

    for size in [4, 64] {
        let mut pushes = 0_usize;
        let spent = best(&mut || {
            pushes = 0;
            for prompt in prompts.iter().take(200) {
                let mut window = inspector.window();
                let mut rest = prompt.as_str();
                while !rest.is_empty() {
                    let (piece, tail) = rest.split_at(rest.ceil_char_boundary(size));
                    black_box(window.push(piece));
                    pushes += 1;
                    rest = tail;
                }
                black_box(window.finish());
            }
        })?;
        let bytes: usize = prompts.iter().take(200).map(String::len).sum();
        let each = spent.as_secs_f64() * 1e6 / pushes.max(1) as f64;
        println!("streams of {size}-byte pieces: {each:.2} µs a piece, {:.1} MB/s", speed(bytes, spent));
    }
    Ok(())
}

/// The least of five times that one text takes.
fn microseconds(inspector: &Inspector, text: &str) -> f64 {
    let time = || {
        let start = Instant::now();
        black_box(inspector.scan(black_box(text)));
        start.elapsed()
    };
    (0..5).map(|_| time()).min().unwrap_or_default().as_secs_f64() * 1e6
}

/// The least CPU time of one run, over about so long.
fn best(long: Duration, run: &mut dyn FnMut()) -> Result<Duration, Failure> {
    let began = Instant::now();
    let mut least = Duration::MAX;
    while least == Duration::MAX || began.elapsed() < long {
        let start = cpu()?;
        run();
        least = least.min(cpu()?.saturating_sub(start));
    }
    Ok(least)
}

/// CPU time of this thread so far.
fn cpu() -> Result<Duration, Failure> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// Bytes of this process that are in memory: the second field of `/proc/self/statm`, in pages of 4 KiB.
fn resident() -> Result<usize, Failure> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: usize = text.split(' ').nth(1).unwrap_or_default().parse()?;
    Ok(pages * 4096)
}

fn speed(bytes: usize, spent: Duration) -> f64 {
    mega(bytes) / spent.as_secs_f64().max(1e-9)
}

fn mega(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ z >> 31) % sides.max(1) as u64) as usize
    }

    fn pick<'w>(&mut self, from: &[&'w str]) -> &'w str {
        from.get(self.roll(from.len())).copied().unwrap_or_default()
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + self.roll(10) as u8)).collect()
    }

    fn hex(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(*b"0123456789abcdef".get(self.roll(16)).unwrap_or(&b'0'))).collect()
    }
}

/// Appends a paragraph.
type Kind = fn(&mut Dice, &mut String);

const KINDS: &[(&str, Kind)] = &[
    ("german", german),
    ("english", english),
    ("letter", letter),
    ("code", code),
    ("log", log),
    ("table", table),
];

/// Paragraphs of one kind, or of all with more prose than else, of about so many bytes.
fn text(dice: &mut Dice, kind: Option<Kind>, bytes: usize) -> String {
    const MIX: &[Kind] = &[german, german, german, english, english, letter, code, log, table];
    let mut text = String::with_capacity(bytes + 1024);
    while text.len() < bytes {
        let kind = kind.unwrap_or(*MIX.get(dice.roll(MIX.len())).unwrap_or(&(german as Kind)));
        kind(dice, &mut text);
        text.push('\n');
    }
    text.truncate(text.floor_char_boundary(bytes));
    text
}

fn german(dice: &mut Dice, out: &mut String) {
    const WHO: &[&str] = &[
        "Der Kunde",
        "Die Abteilung",
        "Unser Lieferant",
        "Die Geschäftsführung",
        "Der Betriebsrat",
        "Frau Schneider",
        "Herr Özdemir",
        "Das Projektteam",
        "Die Buchhaltung",
        "Der Antragsteller",
        "Ein Mitarbeiter",
        "Die Behörde",
    ];
    const DOES: &[&str] = &[
        "prüft",
        "bestätigt",
        "übermittelt",
        "bearbeitet",
        "erhält",
        "verlängert",
        "kündigt",
        "beantragt",
        "erläutert",
        "genehmigt",
        "beanstandet",
        "veröffentlicht",
        "überweist",
        "vergisst",
        "ergänzt",
    ];
    const WHAT: &[&str] = &[
        "den Vertrag",
        "die Rechnung",
        "das Angebot",
        "die Lieferung der Ersatzteile",
        "den Zugang zum Netzwerk",
        "die Unterlagen zur Krankenversicherung",
        "eine Kopie des Ausweises",
        "die Bestellung",
        "das Passwort des Kontos",
        "die Stellungnahme",
        "den Entwurf für das Gutachten",
        "die Gehaltsabrechnung",
        "die Schlüsselverwaltung",
        "die Steuererklärung",
        "den Token für die Schnittstelle",
        "die Reisekosten",
    ];
    const WHEN: &[&str] = &[
        "bis zum Monatsende",
        "nach der Besprechung",
        "ohne weitere Rückfragen",
        "in der kommenden Woche",
        "vor Ort",
        "gemäß § 5 der Satzung",
        "wegen der Umstellung",
        "auf Wunsch des Kunden",
        "trotz mehrfacher Erinnerung",
        "im Rahmen der Prüfung",
        "aus Gründen des Datenschutzes",
        "mit freundlicher Unterstützung",
    ];
    for _ in 0..3 + dice.roll(5) {
        let (who, does, what, when) = (dice.pick(WHO), dice.pick(DOES), dice.pick(WHAT), dice.pick(WHEN));
        let _ = write!(out, "{who} {does} {what} {when}");
        match dice.roll(8) {
            0 => {
                let _ = write!(out, ", weil {} noch {} offen sind", dice.pick(WHAT), 2 + dice.roll(90));
            }
            1 => {
                let _ =
                    write!(out, " am {}.{}.20{}", 1 + dice.roll(28), 1 + dice.roll(12), 10 + dice.roll(17));
            }
            2 => {
                let _ = write!(out, " über {}.{},{} €", 1 + dice.roll(99), dice.digits(3), dice.digits(2));
            }
            _ => {}
        }
        out.push_str(". ");
    }
}

fn english(dice: &mut Dice, out: &mut String) {
    const WHO: &[&str] = &[
        "The customer",
        "Our supplier",
        "The board",
        "A colleague from sales",
        "The reviewer",
        "Nobody on the team",
        "The insurance company",
        "Their lawyer",
        "The new release",
        "This document",
        "The user",
        "An engineer",
    ];
    const DOES: &[&str] = &[
        "asks for",
        "confirms",
        "rejects",
        "describes",
        "has forgotten",
        "wants to replace",
        "will send",
        "signed",
        "cannot explain",
        "should review",
        "depends on",
        "improves",
    ];
    const WHAT: &[&str] = &[
        "the contract",
        "an invoice from last year",
        "the token of the service",
        "a secret recipe",
        "the order number",
        "the delivery address",
        "access to the key store",
        "the password policy",
        "a summary of the meeting",
        "the results of the experiment",
        "the credit line",
        "a phone call",
        "the bearer of the letter",
        "the host name",
    ];
    const WHEN: &[&str] = &[
        "before Friday",
        "as soon as possible",
        "without any further comment",
        "for the third time",
        "in the second part",
        "because the deadline is near",
        "with the help of two assistants",
        "when the server is back",
        "on page 12",
        "at the end of the quarter",
        "according to section 4.2",
    ];
    for _ in 0..3 + dice.roll(5) {
        let (who, does, what, when) = (dice.pick(WHO), dice.pick(DOES), dice.pick(WHAT), dice.pick(WHEN));
        let _ = write!(out, "{who} {does} {what} {when}");
        if dice.roll(6) == 0 {
            let _ = write!(out, ", about {} of {}", dice.roll(100), dice.roll(5000));
        }
        out.push_str(". ");
    }
}

fn letter(dice: &mut Dice, out: &mut String) {
    const NAMES: &[&str] =
        &["Anna Weber", "Jürgen Groß", "Maria Santos", "Max Mustermann", "Emily Clark", "Ayşe Yılmaz"];
    const TOWNS: &[&str] = &["Köln", "München", "Leipzig", "Wien", "Zürich", "Görlitz"];
    let name = dice.pick(NAMES);
    let _ =
        writeln!(out, "{name}\nHauptstraße {}\n{} {}", 1 + dice.roll(120), dice.digits(5), dice.pick(TOWNS));
    let _ = writeln!(out, "\nSehr geehrte Frau {},\n", name.rsplit(' ').next().unwrap_or_default());
    german(dice, out);
    match dice.roll(6) {
        0 => out.push_str("\nIBAN: DE89 3704 0044 0532 0130 00, BIC COBADEFFXXX"),
        1 => {
            let _ = write!(out, "\nTelefon: +49 {} {}", 30 + dice.roll(900), dice.digits(7));
        }
        2 => {
            let _ = write!(
                out,
                "\nE-Mail: info{}@example.org, https://www.example.org/kontakt?id={}",
                dice.digits(2),
                dice.digits(6)
            );
        }
        3 => {
            let _ = write!(
                out,
                "\nKundennummer {}, Rechnung {}-{}",
                dice.digits(8),
                dice.digits(4),
                dice.digits(6)
            );
        }
        4 => out.push_str("\nSteuer-ID 86 095 742 719, Personalausweis L01X00T47"),
        _ => out.push_str("\nDie Zugangsdaten erhalten Sie getrennt."),
    }
    out.push_str("\n\nMit freundlichen Grüßen\n");
}

fn code(dice: &mut Dice, out: &mut String) {
    const NAMES: &[&str] = &[
        "request",
        "buffer_len",
        "userToken",
        "cfg",
        "index",
        "api_client",
        "row",
        "MAX_RETRY",
        "key",
        "digest",
    ];
    const CALLS: &[&str] =
        &["parse", "get_or_insert_with", "authenticate", "to_string", "read_exact", "hash_password", "emit"];
    for _ in 0..4 + dice.roll(8) {
        let (name, call, other) = (dice.pick(NAMES), dice.pick(CALLS), dice.pick(NAMES));
        let _ = match dice.roll(7) {
            0 => writeln!(out, "    let {name} = self.{call}({other}, {})?;", dice.roll(1024)),
            1 => writeln!(out, "    if {name}.{call}() != 0x{} {{ return None; }}", dice.hex(8)),
            2 => writeln!(
                out,
                "def {call}_{name}({other}: str, timeout: float = {}.{}) -> bool:",
                dice.roll(9),
                dice.roll(9)
            ),
            3 => writeln!(
                out,
                "  \"{name}\": {{\"{other}\": \"{}\", \"count\": {}}},",
                dice.hex(40),
                dice.roll(100_000)
            ),
            4 => writeln!(
                out,
                "// {name}: the {other} must not be null, see https://docs.example.org/{call}#{name}"
            ),
            5 => writeln!(
                out,
                "const {name} = process.env.{} || \"{other}-{}\";",
                call.to_uppercase(),
                dice.digits(3)
            ),
            _ => writeln!(
                out,
                "        for ({other}, i) in {name}.iter().zip(0..{}) {{ {call}(i + 1, &{other}[i]); }}",
                dice.roll(64)
            ),
        };
    }
}

fn log(dice: &mut Dice, out: &mut String) {
    const LEVELS: &[&str] = &["INFO", "WARN", "DEBUG", "ERROR"];
    const SAYS: &[&str] = &[
        "request finished",
        "connection reset by peer",
        "token refreshed",
        "slow query",
        "cache miss",
        "retrying",
    ];
    for _ in 0..4 + dice.roll(8) {
        let (hour, minute) = (10 + dice.roll(14), 10 + dice.roll(50));
        let _ = write!(
            out,
            "2026-0{}-1{}T{hour}:{minute}:{}.{}Z ",
            1 + dice.roll(9),
            dice.roll(10),
            dice.digits(2),
            dice.digits(3)
        );
        let _ = write!(out, "{} [worker-{}] {} ", dice.pick(LEVELS), dice.roll(32), dice.pick(SAYS));
        let _ = writeln!(
            out,
            "id={}-{}-4{}-8{}-{} peer=10.{}.{}.{}:{} status={} took={}ms bytes={}",
            dice.hex(8),
            dice.hex(4),
            dice.hex(3),
            dice.hex(3),
            dice.hex(12),
            dice.roll(256),
            dice.roll(256),
            dice.roll(256),
            1024 + dice.roll(60_000),
            200 + dice.roll(300),
            dice.roll(4000),
            dice.roll(10_000_000),
        );
    }
}

fn table(dice: &mut Dice, out: &mut String) {
    const GOODS: &[&str] = &["Schraube M8", "Dichtung", "Cable 2m", "Lager 6204", "Pumpe", "Filter Typ B"];
    for _ in 0..4 + dice.roll(8) {
        let _ = writeln!(
            out,
            "{};{};400{};{},{};{};2026-0{}-2{}",
            dice.digits(6),
            dice.pick(GOODS),
            dice.digits(10),
            dice.roll(500),
            dice.digits(2),
            dice.roll(40),
            1 + dice.roll(9),
            dice.roll(10),
        );
    }
}
