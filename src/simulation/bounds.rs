//! One fault at a time, at random or at the worst moment: how long until a human is told.

use super::acts::Act;
use super::engine::{Micros, Sim, micros};
use super::fleet::{self, Plan};
use super::strikes::{Strike, class_of, worst_job};
use super::world::{Moment, Posted, Tempo, Trap, World};
use crate::decide::bound::{Fault, Proof, Site};
use crate::decide::pace::SEND;
use crate::decide::schedule::Class;
use std::rc::Rc;
use std::time::Duration;

/// One history with one fault.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case<'a> {
    pub(super) site: &'a Site,
    pub(super) fault: Fault,
    pub(super) seed: u64,
    pub(super) steered: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// From the fault to the mailbox.
    pub(super) told: Option<Duration>,
    /// What was wrong beside.
    pub(super) wrong: Vec<String>,
}

/// Plays a case. `watch`: so long it is looked for.
pub(super) fn play(case: Case<'_>, watch: Duration) -> Seen {
    let steered = case.steered;
    let by_class = case.fault == Fault::ClassMissing || (!steered && case.seed % 4 == 3);
    let by_class = by_class && case.site.pace.passes == Duration::from_secs(60);
    let tempo = if steered {
        Tempo::Quick
    } else {
        Tempo::Upto(match case.seed % 4 {
            0 | 1 => 100,
            2 => 50,
            _ => 5,
        })
    };
    let plan = Plan {
        site: case.site.clone(),
        seed: case.seed,
        tempo,
        lines: by_class,
        clones: usize::from(case.fault == Fault::Cloned),
        spread: Duration::from_secs(60),
    };
    let sim = fleet::build(&plan);
    let settled = settle(&sim, case);
    let told_of = strike_of(case, sim.w().nodes.len());
    let begun = strike(&sim, case, &told_of, settled);
    let mut until = begun;
    // That a node proves nothing is told when its peers first see it.
    let us = sim.w().nodes.first().map(|node| format!("peer:{}", node.name)).unwrap_or_default();
    let by_choice = |p: &Posted| case.site.proof == Proof::None && p.alerts.iter().all(|(id, _)| id.job.as_str() == us);
    let before = sim.w().posted.iter().filter(|p| p.taken < begun && !by_choice(p)).count();
    let mut seen = Seen::default();
    if before > 0 {
        let world = sim.w();
        let early = world.posted.first().map(|p| format!("{p:?}")).unwrap_or_default();
        seen.wrong.push(format!("before the fault {before} messages were sent: {early}"));
    }
    let end = begun + micros(watch);
    while until < end && seen.told.is_none() {
        until = (until + micros(Duration::from_secs(600))).min(end);
        sim.run(until);
        let world = sim.w();
        let told = world.posted.iter().filter(|p| p.taken >= begun && told_of.is_told_by(&world, p));
        let first = told.filter_map(|p| p.seen).min().filter(|at| *at <= end);
        seen.told = first.map(|at| Duration::from_micros(u64::try_from(at - begun).unwrap_or(0)));
    }
    seen.wrong.append(&mut sim.w().wrong);
    seen
}

/// Until the fleet is steady; when the fault comes (or the trap is set).
fn settle(sim: &Rc<Sim>, case: Case<'_>) -> Micros {
    let every = case.site.canaries.every.max(case.site.pace.poll).as_secs();
    let phase = sim.w().rng.below(every.max(600) * 1_000);
    let mut at = fleet::secs(3_600) + i64::try_from(phase).unwrap_or(0) * 1_000;
    if case.fault == Fault::ClassMissing {
        // Just after the line has come for the last time, where steered.
        let period: i64 = class_of(case.site).map_or(3_600, |c| if c == Class::Hour { 3_600 } else { 86_400 });
        let noon = if class_of(case.site) == Some(Class::DayNoon) { 43_200 } else { 0 };
        let late = if case.steered { 5 } else { sim.w().rng.below(period.unsigned_abs()).cast_signed() };
        let hours = if period == 3_600 { 10 * 3_600 + if case.steered { 0 } else { late % 3 * 3_600 } } else { 86_400 };
        at = fleet::secs(hours + noon + late);
    }
    // Where the rounds of peers and canaries fall is up to chance.
    {
        let mut world = sim.w();
        for n in 0..world.nodes.len() {
            let when = fleet::secs(900) + micros(world.rng.time(case.site.canaries.every));
            world.at(when, Act::Canary(n));
            let when = fleet::secs(2_400) + micros(world.rng.time(case.site.pace.poll));
            world.at(when, Act::Round(n));
        }
    }
    set_clocks(&mut sim.w(), case);
    sim.run(at);
    at
}

/// Clocks differ by as much as nobody minds; in one case nearly by more.
fn set_clocks(world: &mut World, case: Case<'_>) {
    let way = if case.seed.is_multiple_of(2) { 1 } else { -1 };
    let off = |world: &mut World| micros(world.rng.time(Duration::from_secs(60))) - fleet::secs(30);
    let common = off(world);
    for n in 0..world.nodes.len() {
        let offset = match (case.fault, n) {
            (Fault::ClockSkew, 0) => common + way * fleet::secs(285),
            (Fault::ClockSkew, _) => common,
            (_, 0) => 0,
            _ => off(world),
        };
        world.nodes.get_mut(n).into_iter().for_each(|node| node.offset = offset);
    }
}

/// The fault of a case: at the node that the site is about.
fn strike_of(case: Case<'_>, nodes: usize) -> Strike {
    let (job, class) = (worst_job(case.site), class_of(case.site));
    Strike { fault: case.fault, node: 0, partner: 1, job, class, spare: nodes.saturating_sub(1) }
}

/// Whether such a moment ever comes at a node of this site.
pub(super) fn comes(site: &Site, moment: Moment) -> bool {
    let asked = site.peers + site.legacy > 0;
    match moment {
        Moment::Answered => asked && (site.listens || site.pushed > 0),
        Moment::Asked => site.peers + site.legacy > site.unasked,
        Moment::CanaryTaken => site.daemon && !matches!(site.proof, Proof::None | Proof::Local),
        Moment::CanarySeen => site.daemon && site.proof != Proof::None,
        Moment::DaemonAsked => site.daemon,
        Moment::Tick => true,
        Moment::JobBegun => !site.jobs.is_empty(),
    }
}

/// Brings the fault; when it began.
fn strike(sim: &Rc<Sim>, case: Case<'_>, fault: &Strike, at: Micros) -> Micros {
    let (acts, moment) = {
        let mut world = sim.w();
        let odd = world.rng.mille(500) && !case.steered;
        fault.acts(&mut world, odd, case.seed.is_multiple_of(2))
    };
    let steered = case.steered && case.fault != Fault::ClassMissing;
    let Some(moment) = moment.filter(|m| steered && comes(case.site, *m)) else {
        let mut world = sim.w();
        if case.steered {
            world.tempo = Tempo::Worst;
        }
        for act in acts {
            world.at(at, act);
        }
        return at;
    };
    {
        let mut world = sim.w();
        if case.fault == Fault::CronDead {
            // A canary is looked for just when passes are due.
            world.trap_canary = Some(case.site.pace.stale.saturating_sub(SEND) + Duration::from_millis(500));
        }
    }
    trapped(sim, acts, (0, moment), at)
}

/// Does this at the first such moment of a node from `at` on; when that was. From then on all is slow.
pub(super) fn trapped(sim: &Rc<Sim>, acts: Vec<Act>, (node, moment): (usize, Moment), at: Micros) -> Micros {
    {
        let mut world = sim.w();
        let first = world.script.len();
        world.script.extend(acts);
        let lines = (first..world.script.len()).collect();
        world.trap = Some(Trap { node, moment, from: at, lines, tempo: Tempo::Worst });
    }
    let mut now = at;
    // A human is asked for a code once a week.
    let every = sim.w().nodes.get(node).map_or(Duration::ZERO, |n| n.setup.canaries.every);
    let last = at + fleet::secs(200_000) + micros(every * 2);
    while sim.w().snapped.is_none() && now < last {
        now += fleet::secs(1);
        sim.run(now);
    }
    let snapped = sim.w().snapped;
    snapped.unwrap_or(now)
}
