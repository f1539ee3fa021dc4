//! Which replica of a route gets the next question.
//!
//! Everything is counted in one unit, LLM tokens that have to be read before the answer's first byte: what the replica
//! does not remember of this prompt, what it has to read for others, what runs there, what its own gauges say of others'
//! work. Sums of such numbers need no weights, and a queue of one is not as bad as one of a hundred.
//!
//! Among replicas that remember most of the prompt the choice is made first, so that caches stay where they are; not when
//! all of those are so busy that even with their memory they would be later than another one by as much as the memory
//! saves. Of the best and those hardly worse, two are drawn and the one with fewer questions is taken: several gates that
//! see the same numbers do not all run to the same replica.

use std::ops::DerefMut;
use std::time::Duration;

use schleuse_types::Random;

use crate::conduct::Fault;
use crate::prompt::Prompt;
use crate::standing::{Offer, Standing, Ticket};

/// From this share of a prompt on, a replica counts as one that remembers it.
const WARM_SHARE: f64 = 0.8;
/// Hardly worse than the best: by a twentieth, and by 32 LLM tokens.
const EQUAL_SHARE: f64 = 0.05;
const EQUAL_TOKENS: f64 = 32.0;
/// Paces that differ by less than half are one; and none is taken for more than eight times another.
const PACE_NOTICED: f64 = 1.5;
const PACE_MAX: f64 = 8.0;

/// Why a replica was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// There was no other.
    Only,
    /// It remembers most of the prompt.
    Prefix,
    /// It is the first to answer.
    Load,
    /// Another one remembers most of the prompt and is too busy.
    Relief,
    /// None is well; it has the least to do.
    LastResort,
}

/// A question that has its replica and is counted there.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) place: usize,
    pub(crate) reason: Reason,
    pub(crate) ticket: Ticket,
}

/// Finds the replica for a question among those of its route and counts it there. `None` when all are being drained.
///
/// The caller holds all of them while this runs, so that two questions at the same time do not choose alike.
pub(crate) fn place<S: DerefMut<Target = Standing>>(
    now: Duration,
    prompt: &Prompt,
    standings: &mut [S],
    random: &dyn Random,
) -> Option<Placed> {
    let pace = median(standings.iter().filter_map(|standing| standing.conduct.pace()));
    let offers: Vec<Offer> = standings
        .iter()
        .map(|standing| standing.offer(now, prompt, slowness(standing.conduct.pace(), pace)))
        .collect();
    let (place, reason) = choose(&offers, random)?;
    let ticket = standings.get_mut(place)?.take(now, prompt);
    Some(Placed { place, reason, ticket })
}

/// Sets replicas aside that stand out beside their siblings, and says which. At most half of those that are not being
/// drained are aside at a time, so the last one never is.
pub(crate) fn set_outliers_aside<S: DerefMut<Target = Standing>>(
    now: Duration,
    standings: &mut [S],
) -> Vec<(usize, Fault)> {
    let used = standings.iter().filter(|standing| !standing.is_draining);
    let (count, good) = used.fold((0_usize, 0_usize), |(count, good), standing| {
        (count + 1, good + usize::from(standing.is_good(now)))
    });
    let mut room = (count / 2).saturating_sub(count - good);
    if room == 0 {
        return Vec::new();
    }
    let shares = standings.iter().map(|standing| standing.conduct.failure_share().unwrap_or(0.0));
    let failure_share = median(shares).unwrap_or(0.0);
    // One pace says nothing: there is nothing beside it.
    let paces = standings.iter().filter_map(|standing| standing.conduct.pace());
    let pace = if paces.clone().nth(1).is_some() { median(paces) } else { None };
    let mut aside = Vec::new();
    for (place, standing) in standings.iter_mut().enumerate() {
        if room > 0
            && standing.is_good(now)
            && !standing.is_draining
            && let Some(fault) = standing.conduct.fault(failure_share, pace)
        {
            standing.set_aside(now, fault);
            aside.push((place, fault));
            room -= 1;
        }
    }
    aside
}

/// The place of the best offer. Without randomness, the first of equals.
pub(crate) fn choose(offers: &[Offer], random: &dyn Random) -> Option<(usize, Reason)> {
    let is_open = |offer: &&(usize, Offer)| !offer.1.is_draining;
    let all: Vec<(usize, Offer)> = offers.iter().copied().enumerate().collect();
    let open: Vec<(usize, Offer)> = all.iter().filter(is_open).copied().collect();
    if let [(place, offer)] = open.as_slice() {
        return Some((*place, if offer.is_good { Reason::Only } else { Reason::LastResort }));
    }
    let good: Vec<(usize, Offer)> = open.iter().filter(|(_, offer)| offer.is_good).copied().collect();
    let Some(best) = least_work(&good) else {
        let (place, _) = open.iter().min_by_key(|(_, offer)| offer.questions)?;
        return Some((*place, Reason::LastResort));
    };
    if let [(place, _)] = good.as_slice() {
        return Some((*place, Reason::Only));
    }
    let warm: Vec<(usize, Offer)> =
        good.iter().filter(|(_, offer)| offer.known_share >= WARM_SHARE).copied().collect();
    let (pool, best, reason) = match least_work(&warm) {
        Some(warmest) if warmest.work <= best.work + warmest.known_tokens as f64 => {
            (warm, warmest, Reason::Prefix)
        }
        Some(_) => (good, best, Reason::Relief),
        None => (good, best, Reason::Load),
    };
    let limit = best.work * (1.0 + EQUAL_SHARE) + EQUAL_TOKENS;
    let equals: Vec<(usize, Offer)> = pool.into_iter().filter(|(_, offer)| offer.work <= limit).collect();
    let place = draw_two(&equals, random)
        .into_iter()
        .flatten()
        .min_by(|(_, one), (_, other)| {
            one.questions.cmp(&other.questions).then(one.work.total_cmp(&other.work))
        })
        .map(|(place, _)| *place)?;
    Some((place, reason))
}

fn least_work(offers: &[(usize, Offer)]) -> Option<Offer> {
    offers.iter().map(|(_, offer)| *offer).min_by(|one, other| one.work.total_cmp(&other.work))
}

/// Two different ones, if there are two; without randomness, the first two.
fn draw_two<'a, T>(of: &'a [T], random: &dyn Random) -> [Option<&'a T>; 2] {
    let mut bytes = [0; 8];
    if random.fill(&mut bytes).is_err() {
        return [of.first(), of.get(1)];
    }
    let [a, b, c, d, e, f, g, h] = bytes;
    let first = below(u32::from_le_bytes([a, b, c, d]), of.len());
    let second = below(u32::from_le_bytes([e, f, g, h]), of.len().saturating_sub(1));
    let second = if second >= first { second + 1 } else { second };
    [of.get(first), of.get(second)]
}

/// Spreads `random` over `0..count`.
fn below(random: u32, count: usize) -> usize {
    let count = u64::try_from(count).unwrap_or(u64::MAX).min(u64::from(u32::MAX));
    usize::try_from((u64::from(random) * count) >> 32).unwrap_or(0)
}

/// How many times as long as the median sibling.
fn slowness(own: Option<f64>, median: Option<f64>) -> f64 {
    let (Some(own), Some(median)) = (own, median.filter(|median| *median > 0.0)) else { return 1.0 };
    let times = own / median;
    if (PACE_NOTICED.recip()..=PACE_NOTICED).contains(&times) {
        return 1.0;
    }
    times.clamp(PACE_MAX.recip(), PACE_MAX)
}

/// The lower one of two in the middle.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests;
