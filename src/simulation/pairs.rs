//! Two faults at the same time in a fleet of three: which of them is told, how late, and which hides the other.

use super::bounds::{comes, trapped};
use super::engine::{Micros, Sim, micros};
use super::fleet::{self, Plan};
use super::strikes::Strike;
use super::world::Tempo;
use crate::decide::bound::{Fault, Site};
use crate::decide::schedule::Class;
use checker_job::Frequency;
use std::rc::Rc;
use std::time::Duration;

/// Two faults, and whether one node has both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) faults: [Fault; 2],
    pub(super) same: bool,
}

/// What the mail server of a node does with all mail: one thing at a time.
const SERVER: [Fault; 3] = [Fault::MailRefused, Fault::MailLost, Fault::MailSpam];
/// Faults between two nodes.
const LINKS: [Fault; 2] = [Fault::LinkCut, Fault::Unwatched];

impl Pair {
    /// All that can be: each two faults on one node, and on two nodes, where both may have the same one.
    pub(super) fn all() -> Vec<Self> {
        let index = |f: &Fault| Fault::ALL.iter().position(|x| x == f);
        let ordered = |a: &Fault, b: &Fault| index(a) <= index(b);
        let mut all = Vec::new();
        for same in [false, true] {
            for one in Fault::ALL {
                let rest = Fault::ALL.into_iter().filter(|two| ordered(&one, two));
                all.extend(rest.map(|two| Self { faults: [one, two], same }).filter(|pair| pair.can_be()));
            }
        }
        all
    }

    /// Whether there is such a pair.
    pub(super) fn can_be(self) -> bool {
        let [one, two] = self.faults;
        let server = SERVER.contains(&one) && SERVER.contains(&two);
        !self.same || (one != two && !server)
    }

    /// The settings of the three nodes: two jobs, and a third one where its crontab line is the fault.
    pub(super) fn site(self, usual: &Site) -> Site {
        let mut site = Site { peers: 2, ..usual.clone() };
        site.jobs = vec![(Frequency::Minute, 2, Duration::from_secs(10)); 2];
        if self.faults.contains(&Fault::ClassMissing) {
            site.jobs.push((Frequency::Hour, 1, Duration::from_secs(10)));
        }
        site
    }

    /// Within this time both are promised.
    pub(super) fn bound(self, site: &Site) -> Duration {
        self.faults.iter().filter_map(|f| site.longest(*f)).max().unwrap_or(Duration::from_secs(4 * 3_600))
    }

    /// Where the two are. On two nodes, the second one is in half of all histories where it touches the first one's peer.
    fn strikes(self, seed: u64) -> [Strike; 2] {
        let class = self.faults.contains(&Fault::ClassMissing).then_some(Class::Hour);
        let at = |fault, node, partner, job, spare| Strike { fault, node, partner, job, class, spare };
        let [one, two] = self.faults;
        let second = match (self.same, seed % 4 < 2) {
            (true, _) => at(two, 0, 2, 1, 4),
            (false, true) => at(two, 1, 2, 1, 4),
            (false, false) => at(two, 2, usize::from(LINKS.contains(&one)), 1, 4),
        };
        [at(one, 0, 1, 0, 3), second]
    }
}

/// What came of one history.
#[derive(Clone, Debug, Default)]
pub(super) struct Came {
    /// From the time at which both are there to the mailbox, for each; a fault that is told sooner took no time.
    pub(super) told: [Option<Duration>; 2],
    pub(super) wrong: Vec<String>,
}

/// Plays one history of a pair.
pub(super) fn play(pair: Pair, usual: &Site, seed: u64) -> Came {
    let site = pair.site(usual);
    let strikes = pair.strikes(seed);
    let tempo = Tempo::Upto([100, 50, 5][(seed % 3) as usize]);
    let steered = seed % 5 == 4 && !pair.faults.contains(&Fault::ClassMissing);
    let plan = Plan {
        site: site.clone(),
        seed,
        tempo: if steered { Tempo::Quick } else { tempo },
        lines: pair.faults.contains(&Fault::ClassMissing),
        clones: 2,
        spread: Duration::from_secs(60),
    };
    let sim = fleet::build(&plan);
    let at = settle(&sim, pair, &strikes, &site, seed);
    let early = sim.w().posted.first().cloned();
    let mut came = Came::default();
    came.wrong.extend(early.map(|p| format!("before any fault this was told: {p:?}")));
    let begun = strike(&sim, pair, &strikes, &site, (seed, steered), at);
    let both = begun[0].max(begun[1]);
    let watch = pair.bound(&site) * 2 + Duration::from_secs(3_600);
    let (end, mut until) = (both + micros(watch), begun[0].min(begun[1]));
    while until < end && came.told.contains(&None) {
        until = (until + micros(Duration::from_secs(600))).min(end);
        sim.run(until);
        let world = sim.w();
        for (n, told) in came.told.iter_mut().enumerate().filter(|(_, told)| told.is_none()) {
            let (Some(strike), Some(begun)) = (strikes.get(n), begun.get(n)) else { continue };
            let seen = world.posted.iter().filter(|p| p.taken >= *begun && strike.is_told_by(&world, p));
            let first = seen.filter_map(|p| p.seen).min().filter(|at| *at <= end);
            *told = first.map(|at| Duration::from_micros(u64::try_from(at - both).unwrap_or(0)));
        }
    }
    super::checks::history(&mut sim.w());
    came.wrong.append(&mut sim.w().wrong);
    came
}

/// Until the fleet is steady; when the first fault comes.
fn settle(sim: &Rc<Sim>, pair: Pair, strikes: &[Strike; 2], site: &Site, seed: u64) -> Micros {
    let mut at = fleet::secs(3_600);
    {
        let mut world = sim.w();
        at += micros(world.rng.time(site.canaries.every.max(site.pace.poll)));
        if pair.faults.contains(&Fault::ClassMissing) {
            at += fleet::secs(9 * 3_600) + micros(world.rng.time(Duration::from_secs(3 * 3_600)));
        }
        for n in 0..world.nodes.len() {
            let when = fleet::secs(900) + micros(world.rng.time(site.canaries.every));
            world.at(when, super::acts::Act::Canary(n));
            let when = fleet::secs(2_400) + micros(world.rng.time(site.pace.poll));
            world.at(when, super::acts::Act::Round(n));
        }
        let skewed: Vec<usize> = strikes.iter().filter(|s| s.fault == Fault::ClockSkew).map(|s| s.node).collect();
        for n in 0..world.nodes.len() {
            let off = micros(world.rng.time(Duration::from_secs(40))) - fleet::secs(20);
            let way = if seed.is_multiple_of(2) { 1 } else { -1 };
            let Some(node) = world.nodes.get_mut(n) else { continue };
            node.offset = match (skewed.is_empty(), skewed.contains(&n)) {
                (true, _) => off,
                (false, true) => way * fleet::secs(285),
                (false, false) => 0,
            };
        }
    }
    sim.run(at);
    at
}

/// Brings both, at once or one after the other; when each began.
fn strike(
    sim: &Rc<Sim>,
    pair: Pair,
    strikes: &[Strike; 2],
    site: &Site,
    (seed, steered): (u64, bool),
    at: Micros,
) -> [Micros; 2] {
    let mut staged = Vec::new();
    for strike in strikes {
        let mut world = sim.w();
        let odd = world.rng.mille(500);
        staged.push(strike.acts(&mut world, odd, seed.is_multiple_of(2)));
    }
    let first = usize::from(seed % 3 == 2);
    let pause = {
        let times = pair.faults.iter().filter_map(|f| site.longest(*f));
        let most = times.min().unwrap_or_default().min(Duration::from_secs(3_600));
        if seed.is_multiple_of(3) { 0 } else { micros(sim.w().rng.time(most)) }
    };
    let (acts, moment) = staged.get(first).cloned().unwrap_or_default();
    let node = strikes.get(first).map_or(0, |s| s.node);
    let begun = if let Some(moment) = moment.filter(|m| steered && comes(site, *m)) {
        trapped(sim, acts, (node, moment), at)
    } else {
        sim.w().all_at(at, acts);
        at
    };
    let then = begun + pause;
    let (acts, _) = staged.get(1 - first).cloned().unwrap_or_default();
    sim.w().all_at(then, acts);
    if first == 0 { [begun, then] } else { [then, begun] }
}

/// How one fault of a pair fares in many histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fares {
    /// Told within the bound in each.
    InTime,
    /// Told in each, in some later than the bound.
    Late,
    /// In some it is not told while the other one lasts.
    Sometimes,
    /// In none, or in next to none, it is told.
    Hidden,
    /// Nobody can tell it, alone or not.
    Never,
}

impl Fares {
    pub(super) const ALL: [(Self, char); 5] =
        [(Self::InTime, '.'), (Self::Late, '+'), (Self::Sometimes, 'o'), (Self::Hidden, 'x'), (Self::Never, 'n')];

    pub(super) fn letter(self) -> char {
        Self::ALL.into_iter().find(|(fares, _)| *fares == self).map_or('?', |(_, letter)| letter)
    }

    pub(super) fn of(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, l)| *l == letter).map(|(fares, _)| fares)
    }
}

/// What many histories of one pair came to.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    pub(super) pair: Pair,
    pub(super) bound: Duration,
    pub(super) seeds: u64,
    pub(super) longest: [Duration; 2],
    pub(super) late: [u64; 2],
    pub(super) untold: [u64; 2],
    /// The history in which each fared worst.
    pub(super) worst: [u64; 2],
    promised: [bool; 2],
    pub(super) wrong: Vec<(u64, String)>,
}

impl Sum {
    pub(super) fn fares(&self, n: usize) -> Fares {
        let of = |counts: &[u64; 2]| counts.get(n).copied().unwrap_or(0);
        if self.promised.get(n) != Some(&true) {
            return Fares::Never;
        }
        match (of(&self.late), of(&self.untold)) {
            (0, 0) => Fares::InTime,
            (_, 0) => Fares::Late,
            (_, untold) if untold * 10 >= self.seeds * 9 => Fares::Hidden,
            _ => Fares::Sometimes,
        }
    }
}

/// Plays these histories of a pair.
pub(super) fn sum(pair: Pair, usual: &Site, seeds: std::ops::Range<u64>) -> Sum {
    let site = pair.site(usual);
    let bound = pair.bound(&site);
    let promised = pair.faults.map(|f| site.longest(f).is_some());
    let count = seeds.end.saturating_sub(seeds.start);
    let nothing = ([Duration::ZERO; 2], [0; 2]);
    let mut sum = Sum {
        pair,
        bound,
        seeds: count,
        longest: nothing.0,
        late: nothing.1,
        untold: nothing.1,
        worst: nothing.1,
        promised,
        wrong: Vec::new(),
    };
    for seed in seeds {
        let came = play(pair, usual, seed);
        let counts = sum.longest.iter_mut().zip(&mut sum.late).zip(&mut sum.untold).zip(&mut sum.worst);
        for (told, (((longest, late), untold), worst)) in came.told.into_iter().zip(counts) {
            *untold += u64::from(told.is_none());
            *late += u64::from(told.is_some_and(|t| t > bound));
            let time = told.unwrap_or(Duration::MAX);
            if time > *longest {
                (*longest, *worst) = (time, seed);
            }
        }
        sum.wrong.extend(came.wrong.into_iter().map(|w| (seed, w)));
    }
    sum
}
