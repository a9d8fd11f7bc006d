//! One fault at a time, at random or at the worst moment: how long until a human is told.

use super::acts::Act;
use super::engine::{Micros, Sim, micros};
use super::fleet::{self, Plan, admin};
use super::mail::Provider;
use super::node::Node;
use super::world::{Moment, Posted, Tempo, Trap, World};
use crate::decide::bound::{Fault, Proof, Site};
use crate::decide::schedule::Class;
use checker_job::Frequency;
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
        clone: case.fault == Fault::Cloned,
        spread: Duration::from_secs(60),
    };
    let sim = fleet::build(&plan);
    let settled = settle(&sim, case);
    let begun = strike(&sim, case, settled);
    let mut until = begun;
    let (name, before) = {
        let world = sim.w();
        (
            world.nodes.first().map(|n| n.name.clone()).unwrap_or_default(),
            world.posted.iter().filter(|p| p.taken < begun).count(),
        )
    };
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
        let told = world.posted.iter().filter(|p| p.taken >= begun && is_about(&world, case.fault, &name, p));
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
    if case.fault == Fault::ClockSkew {
        let way = if case.seed.is_multiple_of(2) { 1 } else { -1 };
        if let Some(node) = sim.w().nodes.first_mut() {
            node.offset = way * fleet::secs(285);
        }
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
    if case.fault != Fault::ClockSkew {
        let mut world = sim.w();
        for n in 1..world.nodes.len() {
            let off = micros(world.rng.time(Duration::from_secs(40))) - fleet::secs(20);
            world.nodes.get_mut(n).into_iter().for_each(|node| node.offset = off);
        }
    }
    sim.run(at);
    at
}

/// Brings the fault; when it began.
fn strike(sim: &Rc<Sim>, case: Case<'_>, at: Micros) -> Micros {
    let (acts, moment) = {
        let mut world = sim.w();
        staged(&mut world, case)
    };
    let steered = case.steered && case.fault != Fault::ClassMissing;
    let asked = case.site.peers + case.site.legacy > 0;
    let comes = |m: &Moment| match m {
        Moment::Answered => asked && case.site.listens,
        Moment::Asked => asked,
        Moment::CanaryTaken | Moment::CanarySeen => case.site.daemon && case.site.proof == Proof::Mailbox,
        Moment::DaemonAsked => case.site.daemon,
        Moment::Tick => true,
        Moment::JobBegun => !case.site.jobs.is_empty(),
    };
    let Some(moment) = moment.filter(|m| steered && comes(m)) else {
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
        let first = world.script.len();
        world.script.extend(acts);
        let lines = (first..world.script.len()).collect();
        if case.fault == Fault::CronDead {
            // A canary is due just when passes are.
            world.trap_canary = Some(case.site.pace.stale);
        }
        world.trap = Some(Trap { node: 0, moment, from: at, lines, tempo: Tempo::Worst });
    }
    let mut now = at;
    while sim.w().snapped.is_none() && now < at + fleet::secs(200_000) {
        now += fleet::secs(1);
        sim.run(now);
    }
    let snapped = sim.w().snapped;
    snapped.unwrap_or(now)
}

/// What the fault does, and its worst moment.
fn staged(world: &mut World, case: Case<'_>) -> (Vec<Act>, Option<Moment>) {
    let odd = world.rng.mille(500) && !case.steered;
    let us = world.nodes.first();
    let back = us.and_then(|n| n.setup.peers.first()).is_some();
    let seat = world.nodes.get(1).and_then(|n| seat_of(n, 0)).unwrap_or(0);
    let spare = world.nodes.len().saturating_sub(1);
    match case.fault {
        Fault::HostDead if odd => (vec![Act::Uplink(0, false)], None),
        Fault::HostDead => (vec![Act::Host(0, false)], Some(Moment::Answered)),
        Fault::PortBlocked if odd => (vec![Act::Garbles(0, true)], None),
        Fault::PortBlocked => (vec![Act::Port(0, false)], Some(Moment::Answered)),
        Fault::CronDead if odd => (vec![Act::PassesLive(0, false)], None),
        Fault::CronDead => (vec![Act::Cron(0, false)], Some(Moment::Tick)),
        Fault::DaemonDead if odd => (vec![Act::DaemonTurns(0, false)], None),
        Fault::DaemonDead => (vec![Act::Daemon(0, false)], Some(Moment::DaemonAsked)),
        Fault::ClassMissing => (class_of(case.site).map(|c| Act::Line(0, c, false)).into_iter().collect(), None),
        Fault::TargetDown | Fault::JobHangs => {
            (vec![Act::Target(0, worst_job(case.site), false)], Some(Moment::JobBegun))
        }
        Fault::MailRefused => {
            let how = if odd { Provider::Rejects } else { Provider::Refuses };
            (vec![Act::Mail(0, how)], Some(Moment::CanaryTaken))
        }
        Fault::MailLost => (vec![Act::Mail(0, Provider::Loses)], Some(Moment::CanaryTaken)),
        Fault::MailSpam => (vec![Act::Mail(0, Provider::Spams)], Some(Moment::CanaryTaken)),
        Fault::MailboxBlind => (vec![Act::Mailbox(0, false)], Some(Moment::CanarySeen)),
        Fault::MailOff => (vec![Act::MailOn(0, false)], Some(Moment::Tick)),
        Fault::LinkCut if back => (vec![Act::Link(0, 1, false), Act::Link(1, 0, false)], Some(Moment::Answered)),
        Fault::Unwatched if world.nodes.len() > 1 => (vec![Act::Lists(1, seat, false)], Some(Moment::Answered)),
        Fault::LinkCut | Fault::Unwatched => (Vec::new(), None),
        Fault::StateBroken => (vec![Act::Disk(0, false)], Some(Moment::DaemonAsked)),
        Fault::SettingsBroken => (vec![Act::Settings(0, false)], Some(Moment::DaemonAsked)),
        Fault::ClockStep => {
            let far = fleet::secs(60 + world.rng.below(if odd { 100_000 } else { 1_000 }).cast_signed());
            (vec![Act::Step(0, if case.seed.is_multiple_of(2) { far } else { -far })], Some(Moment::DaemonAsked))
        }
        Fault::ClockSkew => {
            let way = if case.seed.is_multiple_of(2) { 1 } else { -1 };
            (vec![Act::Slew(0, way * micros(super::acts::SLEW_MAX))], Some(Moment::Answered))
        }
        Fault::Cloned => (vec![Act::Clone(spare, 0)], Some(Moment::Asked)),
        Fault::AdminMailbox => {
            let who = us.map_or_else(|| admin("?"), |n| admin(&n.name));
            (vec![Act::Inbox(who, false)], None)
        }
    }
}

/// Where `of` stands among the peers of a node.
fn seat_of(node: &Node, of: usize) -> Option<usize> {
    node.setup.peers.iter().position(|p| p.target == super::node::Target::Node(of))
}

/// The class of the longest period.
pub(super) fn class_of(site: &Site) -> Option<Class> {
    let of = |f: &Frequency| match Class::of(*f) {
        Class::Minute => None,
        class => Some((f.period(), class)),
    };
    site.jobs.iter().filter_map(|j| of(&j.0)).max_by_key(|c| (c.0, c.1)).map(|c| c.1)
}

fn worst_job(site: &Site) -> usize {
    let time = |j: &(Frequency, u32, Duration)| site.job_time(j.0, j.1, j.2);
    site.jobs.iter().enumerate().max_by_key(|(_, j)| time(j)).map_or(0, |j| j.0)
}

/// Whether this message tells an admin concerned of the fault.
fn is_about(world: &World, fault: Fault, us: &str, posted: &Posted) -> bool {
    let theirs = format!("peer:{us}");
    let partner = world.nodes.get(1).map(|n| n.name.clone()).unwrap_or_default();
    let ours = match fault {
        Fault::CronDead => "node:passes",
        Fault::DaemonDead => "node:daemon",
        Fault::ClassMissing => "node:crontab:",
        Fault::TargetDown | Fault::JobHangs => "tcp:",
        Fault::MailRefused | Fault::MailLost | Fault::MailSpam | Fault::MailboxBlind => "node:mail",
        Fault::LinkCut => "peer:",
        Fault::Unwatched => "node:unwatched:",
        Fault::StateBroken => "node:state",
        Fault::SettingsBroken => "node:settings",
        Fault::ClockStep => "node:clock",
        Fault::ClockSkew => "node:skew:",
        _ => "nothing",
    };
    let concerned =
        posted.to == admin(us) || (matches!(fault, Fault::LinkCut | Fault::ClockSkew) && posted.to == admin(&partner));
    let silent = matches!(fault, Fault::TargetDown | Fault::JobHangs | Fault::Unwatched);
    let about = |job: &str| match posted.from {
        0 => job.starts_with(ours),
        _ if fault == Fault::ClockSkew => job.starts_with("node:skew:"),
        _ => job == theirs && !silent,
    };
    concerned && posted.alerts.iter().any(|(id, _)| about(id.job.as_str()))
}
