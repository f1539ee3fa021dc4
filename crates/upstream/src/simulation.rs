//! The choice among replicas, run on model servers in virtual time beside round robin in the same run.
//!
//! `cargo test -p schleuse-upstream simulation -- --nocapture` prints the table of docs/reference/routing.md. What chooses
//! here is the code that chooses in the house, [`crate::choice`] and [`Standing`]; the servers are those of
//! `schleuse_testkit::virtual_engine`, and every arrival comes from a seed.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use schleuse_testkit::virtual_engine::{EngineShape, Happening, VirtualEngine, blocks_of};
use schleuse_types::Random;
use serde_json::json;

use crate::choice::{Placed, place, set_outliers_aside};
use crate::prompt::{Prompt, PromptKey};
use crate::standing::{Standing, Ticket};

/// Repeats itself from its seed (SplitMix64).
struct Seeded(Mutex<u64>);

impl Seeded {
    fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    /// Above 0, at most 1.
    fn part(&self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// With this mean, as between independent arrivals.
    fn exponential(&self, mean: f64) -> f64 {
        -self.part().ln() * mean
    }
}

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// One question of a load.
#[derive(Clone)]
struct Arrival {
    at: Duration,
    prompt: Prompt,
    /// As the server sees it.
    blocks: Vec<u64>,
    answer_tokens: usize,
}

impl Arrival {
    fn new(at: f64, salt: &str, text: &str, answer_tokens: usize) -> Self {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": text}]}).to_string();
        Self {
            at: Duration::from_secs_f64(at),
            prompt: Prompt::read(PromptKey::fixed(), "m", Some(salt), &Bytes::from(body)),
            blocks: blocks_of(salt, text),
            answer_tokens,
        }
    }
}

/// Text that nobody else has.
fn words(random: &Seeded, tokens: usize) -> String {
    let mut text = String::with_capacity(tokens * 4 + 16);
    while text.len() < tokens * 4 {
        let _ = write!(text, "{:015x} ", random.next() >> 4);
    }
    text.truncate(tokens * 4);
    text
}

/// Tenants with documents of 3000 LLM tokens that their questions begin with, and conversations of four turns. Four tenants
/// have six documents each: together a bit more than two servers can keep.
fn prefix_heavy(seed: u64, questions: usize, per_second: f64) -> Vec<Arrival> {
    let random = Seeded::new(seed);
    let documents: Vec<String> = (0..24).map(|_| words(&random, 3000)).collect();
    let mut arrivals = Vec::new();
    let mut begins = 0.0;
    while arrivals.len() < questions {
        begins += random.exponential(4.0 / per_second);
        let document = random.below(documents.len());
        let tenant = format!("tenant-{}", document % 4);
        let mut text = documents[document].clone();
        let mut at = begins;
        for _ in 0..4 {
            text.push_str(&words(&random, 50 + random.below(150)));
            arrivals.push(Arrival::new(at, &tenant, &text, 50 + random.below(150)));
            at += 4.0 + random.exponential(4.0);
        }
    }
    arrivals.sort_by_key(|arrival| arrival.at);
    arrivals.truncate(questions);
    arrivals
}

/// Prompts that have nothing in common.
fn uniform(seed: u64, questions: usize, per_second: f64) -> Vec<Arrival> {
    let random = Seeded::new(seed);
    let mut at = 0.0;
    let arrivals = (0..questions).map(|_| {
        at += random.exponential(1.0 / per_second);
        let tokens = 100 + random.exponential(900.0).min(5000.0) as usize;
        Arrival::new(at, "tenant", &words(&random, tokens), 20 + random.below(280))
    });
    arrivals.collect()
}

/// The load for which round robin is made: all questions of one size, at equal intervals.
fn regular(seed: u64, questions: usize, per_second: f64) -> Vec<Arrival> {
    let random = Seeded::new(seed);
    let arrivals =
        (0..questions).map(|n| Arrival::new(n as f64 / per_second, "tenant", &words(&random, 1000), 150));
    arrivals.collect()
}

/// Both at the same time.
fn mixed(seed: u64, questions: usize, per_second: f64) -> Vec<Arrival> {
    let mut arrivals = prefix_heavy(seed, questions / 2, per_second / 2.0);
    arrivals.extend(uniform(seed, questions / 2, per_second / 2.0));
    arrivals.sort_by_key(|arrival| arrival.at);
    arrivals
}

/// One document that everybody asks about.
fn hot_spot(seed: u64, questions: usize, per_second: f64) -> Vec<Arrival> {
    let random = Seeded::new(seed);
    let document = words(&random, 3000);
    let mut at = 0.0;
    let arrivals = (0..questions).map(|_| {
        at += random.exponential(1.0 / per_second);
        let text = format!("{document}{}", words(&random, 100));
        Arrival::new(at, "tenant", &text, 50 + random.below(150))
    });
    arrivals.collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Rule {
    /// Those who are well by turns, as far as failed connections tell.
    RoundRobin,
    Routed,
}

/// What the script does to a replica.
#[derive(Clone, Copy)]
enum Deed {
    Slow(f64),
    Die,
    Revive,
    Drain,
    Undrain,
    /// Of a hundred questions so many fail at once.
    Fail(usize),
}

struct Site {
    standing: Standing,
    engine: VirtualEngine,
    is_up: bool,
    failing: usize,
    asked: usize,
    /// When it was asked the last time.
    asked_at: Duration,
    aside: usize,
}

struct UnderWay {
    arrival: usize,
    site: usize,
    ticket: Option<Ticket>,
}

#[derive(Debug, Default)]
struct Outcome {
    /// Share of all prompts' LLM tokens that was in a cache.
    hits: f64,
    /// Seconds, sorted.
    first_tokens: Vec<f64>,
    /// Answers a second, until the last one.
    throughput: f64,
    failed: usize,
    /// Questions for each replica.
    asked: Vec<usize>,
    asked_at: Vec<Duration>,
    aside: Vec<usize>,
}

impl Outcome {
    fn percentile(&self, part: f64) -> f64 {
        let last = self.first_tokens.len().saturating_sub(1);
        self.first_tokens.get((last as f64 * part) as usize).copied().unwrap_or(f64::NAN)
    }
}

struct Simulation<'a> {
    rule: Rule,
    load: &'a [Arrival],
    script: VecDeque<(f64, usize, Deed)>,
    sites: Vec<Site>,
    random: Seeded,
    turn: usize,
    under_way: Vec<Option<UnderWay>>,
    outcome: Outcome,
}

fn run(rule: Rule, load: &[Arrival], replicas: usize, script: &[(f64, usize, Deed)]) -> Outcome {
    let site = |_| Site {
        standing: Standing::default(),
        engine: VirtualEngine::new(EngineShape::default()),
        is_up: true,
        failing: 0,
        asked: 0,
        asked_at: Duration::ZERO,
        aside: 0,
    };
    let mut simulation = Simulation {
        rule,
        load,
        script: script.iter().copied().collect(),
        sites: (0..replicas).map(site).collect(),
        random: Seeded::new(99),
        turn: 0,
        under_way: Vec::new(),
        outcome: Outcome::default(),
    };
    simulation.run();
    simulation.outcome
}

impl Simulation<'_> {
    fn run(&mut self) {
        let mut arrivals = 0;
        let mut probe_at = Duration::ZERO;
        let mut now = Duration::ZERO;
        loop {
            let step = self
                .sites
                .iter()
                .enumerate()
                .filter_map(|(place, site)| Some((site.engine.next_at()?, place)))
                .min();
            let arrival = self.load.get(arrivals).map(|arrival| arrival.at);
            if step.is_none() && arrival.is_none() {
                break;
            }
            let next = step.map(|(at, _)| at).into_iter().chain(arrival).min().unwrap_or(now);
            let deed = self.script.front().map(|(at, ..)| Duration::from_secs_f64(*at));
            if deed.is_some_and(|at| at <= next) {
                now = deed.unwrap();
                let (_, place, deed) = self.script.pop_front().unwrap();
                self.act(now, place, deed);
            } else if probe_at <= next {
                now = probe_at;
                probe_at += Duration::from_secs(5);
                self.probe(now);
            } else if arrival == Some(next) {
                now = next;
                self.ask(now, arrivals);
                arrivals += 1;
            } else if let Some((at, place)) = step {
                now = at;
                for happening in self.sites[place].engine.end_step() {
                    self.happen(now, happening);
                }
            }
        }
        let outcome = &mut self.outcome;
        let total = |count: fn(&VirtualEngine) -> usize| -> f64 {
            self.sites.iter().map(|site| count(&site.engine)).sum::<usize>() as f64
        };
        outcome.hits = total(|engine| engine.cached_tokens) / total(|engine| engine.prompt_tokens);
        outcome.throughput = outcome.first_tokens.len() as f64 / now.as_secs_f64();
        outcome.first_tokens.sort_by(f64::total_cmp);
        outcome.asked = self.sites.iter().map(|site| site.asked).collect();
        outcome.asked_at = self.sites.iter().map(|site| site.asked_at).collect();
        outcome.aside = self.sites.iter().map(|site| site.aside).collect();
    }

    fn act(&mut self, now: Duration, place: usize, deed: Deed) {
        let site = &mut self.sites[place];
        match deed {
            Deed::Slow(times) => site.engine.slowness = times,
            Deed::Revive => site.is_up = true,
            Deed::Drain => site.standing.is_draining = true,
            Deed::Undrain => site.standing.is_draining = false,
            Deed::Fail(percent) => site.failing = percent,
            Deed::Die => {
                site.is_up = false;
                for question in site.engine.die() {
                    self.end(now, question, true);
                }
            }
        }
    }

    /// As the watch does, and as a server's own page would say it.
    fn probe(&mut self, now: Duration) {
        for site in &mut self.sites {
            if !site.is_up {
                site.standing.health.fail_probe("connection refused".to_owned());
            } else if site.standing.health.succeed_probe() {
                site.standing.come_back(now);
            }
        }
    }

    /// As `Upstreams::ask` does: one replica after the other while no connection is to be had.
    fn ask(&mut self, now: Duration, arrival: usize) {
        let mut left: Vec<usize> = (0..self.sites.len()).collect();
        while let Some((site, ticket)) = self.choose(now, arrival, &mut left) {
            let Site { standing, is_up, asked, asked_at, failing, engine, .. } = &mut self.sites[site];
            (*asked, *asked_at) = (*asked + 1, now);
            if !*is_up {
                standing.conduct.note(now, true);
                standing.health.fail(now, "connection refused".to_owned(), true);
                standing.end(ticket);
                continue;
            }
            if self.random.below(100) < *failing {
                standing.conduct.note(now, true);
                standing.health.fail(now, "status 500".to_owned(), false);
                standing.end(ticket);
                self.outcome.failed += 1;
                return;
            }
            standing.health.succeed();
            standing.conduct.note(now, false);
            let Arrival { blocks, answer_tokens, .. } = &self.load[arrival];
            let question = self.under_way.len();
            engine.ask(now, question, blocks.clone(), *answer_tokens);
            self.under_way.push(Some(UnderWay { arrival, site, ticket: Some(ticket) }));
            return;
        }
        self.outcome.failed += 1;
    }

    fn choose(&mut self, now: Duration, arrival: usize, left: &mut Vec<usize>) -> Option<(usize, Ticket)> {
        let prompt = &self.load[arrival].prompt;
        let (place, ticket) = match self.rule {
            Rule::Routed => {
                let mut standings: Vec<&mut Standing> = self
                    .sites
                    .iter_mut()
                    .enumerate()
                    .filter(|(place, _)| left.contains(place))
                    .map(|(_, site)| &mut site.standing)
                    .collect();
                let aside = set_outliers_aside(now, &mut standings);
                let Placed { place, ticket, .. } = place(now, prompt, &mut standings, &self.random)?;
                for (place, _) in aside {
                    self.sites[left[place]].aside += 1;
                }
                (place, ticket)
            }
            Rule::RoundRobin => {
                let open: Vec<usize> =
                    (0..left.len()).filter(|place| !self.sites[left[*place]].standing.is_draining).collect();
                let well = |place: &&usize| self.sites[left[**place]].standing.health.is_good(now);
                let well: Vec<usize> = open.iter().filter(well).copied().collect();
                let from = if well.is_empty() { open } else { well };
                self.turn += 1;
                let place = *from.get(self.turn % from.len().max(1))?;
                (place, self.sites[left[place]].standing.take(now, prompt))
            }
        };
        Some((left.remove(place), ticket))
    }

    fn happen(&mut self, now: Duration, happening: Happening) {
        match happening {
            Happening::FirstToken { question } => {
                let under_way = self.under_way[question].as_mut().unwrap();
                let took = now - self.load[under_way.arrival].at;
                self.outcome.first_tokens.push(took.as_secs_f64());
                let standing = &mut self.sites[under_way.site].standing;
                standing.begin(now, under_way.ticket.as_mut().unwrap(), true);
            }
            Happening::End { question } => self.end(now, question, false),
        }
    }

    fn end(&mut self, now: Duration, question: usize, is_lost: bool) {
        let under_way = self.under_way[question].take().unwrap();
        let standing = &mut self.sites[under_way.site].standing;
        if is_lost {
            standing.conduct.note(now, true);
            standing.health.fail(now, "broken".to_owned(), false);
            self.outcome.failed += 1;
        }
        standing.end(under_way.ticket.unwrap());
    }
}

/// Both rules on one load; prints their rows.
fn compare(
    name: &str,
    load: &[Arrival],
    replicas: usize,
    script: &[(f64, usize, Deed)],
) -> (Outcome, Outcome) {
    let outcomes = [Rule::RoundRobin, Rule::Routed].map(|rule| run(rule, load, replicas, script));
    for (rule, outcome) in ["round robin", "routed"].into_iter().zip(&outcomes) {
        println!(
            "| {name} | {rule} | {:.1} % | {:.0} ms | {:.0} ms | {:.1}/s | {} | {}–{} |",
            outcome.hits * 100.0,
            outcome.percentile(0.5) * 1000.0,
            outcome.percentile(0.99) * 1000.0,
            outcome.throughput,
            outcome.failed,
            outcome.asked.iter().min().unwrap(),
            outcome.asked.iter().max().unwrap(),
        );
    }
    let [round_robin, routed] = outcomes;
    (round_robin, routed)
}

/// Not worse by more than `tolerance`, a share.
#[track_caller]
fn check_never_worse(round_robin: &Outcome, routed: &Outcome, tolerance: f64) {
    for part in [0.5, 0.99] {
        let (before, after) = (round_robin.percentile(part), routed.percentile(part));
        assert!(after <= before * (1.0 + tolerance), "p{}: {after} s after {before} s", part * 100.0);
    }
    // The last answer ends when it ends; a hundredth is no difference.
    let (before, after) = (round_robin.throughput, routed.throughput);
    assert!(after >= before * (0.99 - tolerance), "{after}/s after {before}/s");
    assert_eq!(routed.failed, round_robin.failed);
}

#[test]
fn prefix_heavy_loads_hit_twice_as_often() {
    for (seed, per_second) in [(1, 10.0), (2, 20.0), (3, 30.0)] {
        let load = prefix_heavy(seed, 600, per_second);
        let (round_robin, routed) = compare(&format!("prefixes, {per_second}/s"), &load, 8, &[]);
        assert!(routed.hits >= 2.0 * round_robin.hits, "{} after {}", routed.hits, round_robin.hits);
        check_never_worse(&round_robin, &routed, 0.0);
    }
}

#[test]
fn uniform_loads_are_never_worse() {
    for (seed, per_second) in [(1, 10.0), (2, 30.0), (3, 50.0), (4, 65.0), (5, 150.0)] {
        let load = uniform(seed, 1000, per_second);
        let (round_robin, routed) = compare(&format!("uniform, {per_second}/s"), &load, 8, &[]);
        // When nearly all are idle, what is left of the difference is noise of less than a hundredth.
        check_never_worse(&round_robin, &routed, if per_second > 10.0 { 0.0 } else { 0.01 });
    }
}

#[test]
fn few_replicas_and_other_seeds_say_the_same() {
    for (replicas, hits) in [(2, 1.6), (3, 2.0), (4, 2.0)] {
        let seed = 100 + replicas as u64;
        let load = uniform(seed, 400, 6.0 * replicas as f64);
        let (round_robin, routed) = compare(&format!("uniform, {replicas} replicas"), &load, replicas, &[]);
        check_never_worse(&round_robin, &routed, 0.01);
        let load = prefix_heavy(seed, 400, 3.0 * replicas as f64);
        let (round_robin, routed) = compare(&format!("prefixes, {replicas} replicas"), &load, replicas, &[]);
        // Two cannot hold all documents, however they are shared out.
        assert!(routed.hits >= hits * round_robin.hits, "{} after {}", routed.hits, round_robin.hits);
        check_never_worse(&round_robin, &routed, 0.0);
    }
}

#[test]
fn regular_loads_are_as_good_as_by_turns() {
    for per_second in [10.0, 40.0] {
        let load = regular(1, 600, per_second);
        let (round_robin, routed) = compare(&format!("regular, {per_second}/s"), &load, 8, &[]);
        check_never_worse(&round_robin, &routed, 0.01);
    }
}

#[test]
fn a_hot_document_is_copied_and_not_queued_for() {
    let load = hot_spot(1, 1000, 80.0);
    let (round_robin, routed) = compare("hot spot, 80/s", &load, 8, &[]);
    check_never_worse(&round_robin, &routed, 0.15);
    assert!(routed.hits > 0.9, "{}", routed.hits);
}

#[test]
fn a_slow_replica_gets_less_or_nothing() {
    let load = uniform(5, 1000, 30.0);
    let (round_robin, routed) = compare("one 2 × slower", &load, 8, &[(0.0, 3, Deed::Slow(2.0))]);
    assert!(routed.percentile(0.99) < round_robin.percentile(0.99));
    assert!(routed.asked[3] * 4 < round_robin.asked[3] * 3, "{:?}", routed.asked);
    let (round_robin, routed) = compare("one 10 × slower", &load, 8, &[(0.0, 3, Deed::Slow(10.0))]);
    assert!(routed.percentile(0.99) < round_robin.percentile(0.99) / 2.0);
    assert!(routed.asked[3] * 5 < round_robin.asked[3], "{:?}", routed.asked);
    assert!(
        routed.aside[3] > 0 && routed.aside.iter().sum::<usize>() == routed.aside[3],
        "{:?}",
        routed.aside
    );
}

#[test]
fn a_dying_replica_takes_little_with_it() {
    let load = mixed(6, 1000, 40.0);
    let script = [(8.0, 2, Deed::Die), (11.0, 2, Deed::Revive)];
    let (round_robin, routed) = compare("one dies and comes back", &load, 8, &script);
    assert!(routed.failed <= round_robin.failed + 3, "only what was under way there");
    assert!(routed.hits >= 2.0 * round_robin.hits);
    assert!(routed.percentile(0.99) <= round_robin.percentile(0.99));
    assert!(routed.asked[2] > 20, "{:?}", routed.asked);
}

#[test]
fn a_replica_that_fails_every_third_question_is_set_aside() {
    let load = uniform(7, 1500, 30.0);
    let script = [(5.0, 1, Deed::Fail(33))];
    let (round_robin, routed) = compare("one fails every third", &load, 8, &script);
    assert!(routed.failed * 2 < round_robin.failed, "{} after {}", routed.failed, round_robin.failed);
    assert!(routed.aside[1] > 0);
}

#[test]
fn a_replica_that_is_added_gets_its_share() {
    let load = mixed(8, 1000, 40.0);
    let script = [(0.0, 7, Deed::Drain), (8.0, 7, Deed::Undrain)];
    let (round_robin, routed) = compare("one is added", &load, 8, &script);
    assert!(routed.hits >= 2.0 * round_robin.hits);
    assert!(routed.asked[7] > 25, "{:?}", routed.asked);
}

#[test]
fn a_replica_that_is_drained_gets_nothing_and_loses_nothing() {
    let load = prefix_heavy(9, 600, 20.0);
    let script = [(15.0, 4, Deed::Drain)];
    let (round_robin, routed) = compare("one is drained", &load, 8, &script);
    assert_eq!((routed.failed, routed.first_tokens.len()), (0, 600));
    assert!(routed.asked_at[4] <= Duration::from_secs(15));
    assert!(routed.hits >= 2.0 * round_robin.hits);
    check_never_worse(&round_robin, &routed, 0.0);
}

#[test]
fn what_is_drawn_from_a_seed_repeats_itself() {
    let load = prefix_heavy(10, 200, 20.0);
    let [one, other] = [(); 2].map(|()| run(Rule::Routed, &load, 4, &[]));
    assert_eq!((one.first_tokens, one.asked), (other.first_tokens, other.asked));
}
