//! Whole fleets in virtual time: nodes, cron, networks, mail and disks that fail, and people who should be told.
//!
//! It drives the real [`crate::decide`] functions and the reference store. A seed leads to one history, so whatever it
//! finds can be played again. `checker bound --prove` runs it on the user's settings; the tests hold the guarantee to it.
//!
//! What is modelled: who asks whom, how long each thing takes, where a process may die, edits of the settings, announced
//! absences, and peers that lie. What is not: the bytes on the wire, the text of messages, the copy of a state that cannot
//! be written, and channels that fail.
#![cfg_attr(not(test), expect(dead_code, reason = "some modes are played by tests alone"))]
#![allow(clippy::similar_names, reason = "a node and its mode, a world and a word: short names for what is at hand")]

mod acts;
mod bounds;
mod checks;
#[cfg(test)]
mod clocks;
mod daemon;
mod engine;
mod first;
mod fleet;
mod invariants;
mod jobs;
mod mail;
#[cfg(test)]
mod modes;
mod node;
mod outbox;
#[cfg(test)]
mod pairs;
mod pass;
mod poll;
mod push;
mod rng;
mod sight;
mod strikes;
mod world;

use crate::decide::bound::{Fault, Site};
use std::time::Duration;

/// The longest time that was seen for one fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proved {
    /// The fault.
    pub fault: Fault,
    /// What [`Site::longest`] says.
    pub bound: Option<Duration>,
    /// The longest time seen; `None`: nobody was told in any history.
    pub longest: Option<Duration>,
    /// The history in which it was seen.
    pub seed: u64,
    /// Histories in which nobody was told in time, or in which something else was wrong; each with its seed.
    pub wrong: Vec<(u64, String)>,
}

/// Plays each fault in `seeds` histories, half of them with the fault at its worst moment.
pub fn prove(site: &Site, seeds: u64) -> Vec<Proved> {
    Fault::ALL.into_iter().map(|fault| prove_one(site, fault, 0..seeds, None)).collect()
}

/// One fault in these histories; `steered` if all of them, or none, are to be at the worst moment.
pub fn prove_one(site: &Site, fault: Fault, seeds: std::ops::Range<u64>, steered: Option<bool>) -> Proved {
    let bound = site.longest(fault);
    let watch = bound.map_or(Duration::from_secs(4 * 3_600), |b| b + b / 2 + Duration::from_secs(600));
    let mut proved = Proved { fault, bound, longest: None, seed: 0, wrong: Vec::new() };
    for seed in seeds {
        let steered = steered.unwrap_or(seed % 2 == 1);
        let seen = bounds::play(bounds::Case { site, fault, seed, steered }, watch);
        if seen.told > proved.longest {
            (proved.longest, proved.seed) = (seen.told, seed);
        }
        let late = match (bound, seen.told) {
            (Some(bound), Some(told)) if told > bound => Some(format!("told after {told:?}, bound {bound:?}")),
            (Some(bound), None) => Some(format!("never told, bound {bound:?}")),
            (None, Some(told)) => Some(format!("told after {told:?}, bound never")),
            _ => None,
        };
        proved.wrong.extend(late.into_iter().chain(seen.wrong).map(|w| (seed, w)));
    }
    proved
}

#[cfg(test)]
mod tests;
