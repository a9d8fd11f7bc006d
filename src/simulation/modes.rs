//! Whole histories: without a fault, with many, and healed again.

use super::acts::Act;
use super::checks;
use super::engine::{Micros, Sim, micros};
use super::fleet::{self, Plan, secs};
use super::mail::Provider;
use super::node::Answers;
use super::rng::Rng;
use super::world::{Tempo, World};
use crate::decide::bound::{Fault, Proof, Site};
use crate::decide::mail::Canaries;
use crate::decide::pace::Pace;
use checker_job::Frequency;
use jiff::tz::TimeZone;
use std::rc::Rc;
use std::time::Duration;

/// What a history was.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) wrong: Vec<String>,
    /// Days that nodes have lived in it.
    pub(super) node_days: u64,
    /// Processes that were killed.
    pub(super) kills: u64,
    /// Messages.
    pub(super) messages: usize,
}

const MINUTE: Duration = Duration::from_secs(60);

/// Settings as chance has them.
pub(super) fn site(rng: &mut Rng, nodes: usize) -> Site {
    let paces = [
        Pace::default(),
        Pace::default(),
        Pace { passes: MINUTE * 5, poll: MINUTE * 10, quick: MINUTE * 5, stale: MINUTE * 15 },
        Pace { passes: MINUTE * 2, poll: MINUTE * 6, quick: MINUTE * 2, stale: MINUTE * 6 },
        Pace { quick: MINUTE / 2, stale: MINUTE * 10, ..Pace::default() },
    ];
    let every = [Frequency::Minutes(5), Frequency::Minutes(15), Frequency::Hour, Frequency::Hours(6), Frequency::Day];
    let mut jobs = vec![(Frequency::Hour, 1, MINUTE / 2)];
    for _ in 0..rng.below(3) {
        let every = rng.pick(&every).unwrap_or(Frequency::Hour);
        jobs.push((every, 1 + u32::try_from(rng.below(3)).unwrap_or(0), Duration::from_secs(5 + rng.below(40))));
    }
    let canary = [15, 30, 60][rng.index(3) % 3];
    // A node behind NAT.
    let pushed = if rng.mille(150) { nodes - 1 } else { 0 };
    Site {
        pace: rng.pick(&paces).unwrap_or_default(),
        canaries: Canaries::new(MINUTE * canary, MINUTE * 10, true, 200),
        proof: Proof::Mailbox,
        peers: nodes - 1,
        pushed,
        unasked: 0,
        legacy: if pushed > 0 { 0 } else { usize::from(rng.mille(200)) },
        daemon: true,
        listens: pushed == 0,
        channels: 0,
        deadman: false,
        jobs,
        slow: Vec::new(),
        windowed: Vec::new(),
        latency: Duration::from_secs(120),
    }
}

fn tempo(rng: &mut Rng) -> Tempo {
    match rng.below(10) {
        0 => Tempo::Worst,
        1 | 2 => Tempo::Upto(100),
        3 | 4 => Tempo::Upto(30),
        _ => Tempo::Quick,
    }
}

fn begin(seed: u64, nodes: usize, most_slow: bool) -> (Rc<Sim>, Site, Rng) {
    let mut rng = Rng::new(seed ^ 0xFA_0175);
    let site = site(&mut rng, nodes);
    let tempo = if most_slow { tempo(&mut rng) } else { Tempo::Quick };
    let lines = site.pace.passes == MINUTE && rng.mille(150);
    let plan = Plan { site: site.clone(), seed, tempo, lines, clones: 0, spread: Duration::from_secs(50) };
    let sim = fleet::build(&plan);
    for node in &mut sim.w().nodes {
        node.setup.zone = zone(&mut rng);
    }
    (sim, site, rng)
}

/// A place on earth. In two of three, clocks are put on or back on the fifth day of the history: the first Friday of March.
fn zone(rng: &mut Rng) -> TimeZone {
    let rules = ["CET-1CEST,M3.1.5,M10.5.0/3", "NZST-12NZDT,M9.5.0,M3.1.5/3", "UTC0"];
    let rule = rng.pick(&rules).unwrap_or("UTC0");
    TimeZone::posix(rule).unwrap_or(TimeZone::UTC)
}

pub(super) fn end(sim: &Sim, days: u64) -> History {
    let mut world = sim.w();
    checks::history(&mut world);
    let nodes = world.nodes.len() as u64;
    History {
        wrong: std::mem::take(&mut world.wrong),
        node_days: nodes * days,
        kills: world.killed,
        messages: world.posted.len(),
    }
}

/// Days in which nothing breaks: a start, reboots, upgrades, clocks that are slewed, a tick that is missed, a mail server
/// that is away for a minute. Nobody may hear a word.
pub(super) fn fault_free(seed: u64, days: u64) -> History {
    let nodes = 1 + (seed % 5) as usize;
    let (sim, site, mut rng) = begin(seed, nodes, true);
    let mut at = secs(7_200);
    while at < secs(days.cast_signed() * 86_400 - 7_200) {
        let mut world = sim.w();
        harmless(&mut world, &mut rng, &site, at);
        // Two crontab lines that miss their hour one after the other are a fault.
        at += secs(3 * 3_600) + micros(rng.time(MINUTE * 240));
    }
    sim.run(secs(days.cast_signed() * 86_400));
    let said = sim.w().posted.first().cloned();
    if let Some(said) = said {
        sim.w().fault(format!("I5: nothing was wrong, and this was told: {said:?}"));
    }
    checks::healed(&mut sim.w());
    end(&sim, days)
}

/// Something that is no fault.
fn harmless(world: &mut World, rng: &mut Rng, site: &Site, at: Micros) {
    let n = rng.index(world.nodes.len());
    // A first program tells at its first silence, at the full hour: not our fault, so it is kept out of it.
    let hour = micros(Duration::from_secs(3_600));
    let at = if site.legacy > 0 { at.div_euclid(hour) * hour + secs(600) } else { at };
    let quick = site.pace.quick.as_secs().cast_signed();
    match rng.below(7) {
        0 if site.legacy == 0 => absent(world, rng, site, n, at),
        0 | 1 => {
            let off = secs(20 + rng.below(90).min(quick.unsigned_abs() * 2 - 30).cast_signed());
            world.at(at, Act::Host(n, false));
            world.at(at + off, Act::Host(n, true));
        }
        2 => world.at(at, Act::Restart(n)),
        3 => {
            for step in 0..20 {
                world.at(at + secs(60 * step), Act::Slew(n, rng.below(200_000).cast_signed() - 100_000));
            }
        }
        4 => {
            world.at(at, Act::Cron(n, false));
            world.at(at + micros(site.pace.passes) - secs(4), Act::Cron(n, true));
        }
        5 => {
            world.at(at, Act::Mail(n, Provider::Refuses));
            world.at(at + secs(59), Act::Mail(n, Provider::Good));
        }
        _ => world.at(at, Act::KillDaemon(n)),
    }
}

/// An absence that is announced, and is over before it was to be. A first program knows of none.
fn absent(world: &mut World, rng: &mut Rng, site: &Site, n: usize, at: Micros) {
    let off = MINUTE * 5 + rng.time(MINUTE * 60);
    let heard = at + micros(site.pace.poll * 2 + MINUTE * 2);
    world.at(at, Act::Away(n, site.pace.poll * 2 + off * 2 + MINUTE * 40));
    world.at(heard, Act::Host(n, false));
    world.at(heard + micros(off), Act::Host(n, true));
}

/// An absence that lasts longer than was announced: how long after its end a human is told.
pub(super) fn overstayed(seed: u64, nodes: usize) -> (Option<Duration>, Duration, Vec<String>) {
    let mut rng = Rng::new(seed ^ 0xA3_A7);
    let site = Site { legacy: 0, ..site(&mut rng, nodes) };
    let tempo = tempo(&mut rng);
    let plan = Plan { site: site.clone(), seed, tempo, lines: false, clones: 0, spread: Duration::from_secs(50) };
    let sim = fleet::build(&plan);
    let at = secs(7_200) + micros(rng.time(MINUTE * 30));
    let away = site.pace.poll * 3 + MINUTE * 10 + rng.time(MINUTE * 60);
    let ends = at + micros(away);
    {
        let mut world = sim.w();
        world.at(at, Act::Away(0, away));
        world.at(at + micros(site.pace.poll * 2), Act::Host(0, false));
    }
    let bound = site.longest(Fault::HostDead).unwrap_or_default();
    sim.run(ends + micros(bound * 2));
    let mut world = sim.w();
    let us = world.nodes.first().map(|node| fleet::admin(&node.name));
    let told = world.posted.iter().filter(|p| Some(&p.to) == us.as_ref()).filter_map(|p| p.seen).min();
    let mut wrong = std::mem::take(&mut world.wrong);
    if told.is_some_and(|told| told < ends) {
        wrong.push("an announced absence was told before its end".to_owned());
    }
    (told.map(|told| Duration::from_micros(u64::try_from(told - ends).unwrap_or(0))), bound, wrong)
}

/// Many faults at once, at random; and, if `heals`, an end of all of them and quiet after.
pub(super) fn storms(seed: u64, days: u64, heals: bool) -> History {
    let nodes = 1 + (seed % 5) as usize;
    let (sim, site, mut rng) = begin(seed, nodes, true);
    let until = secs(days.cast_signed() * 86_400);
    {
        let mut world = sim.w();
        world.kills = [0, 0, 2, 20][rng.index(4) % 4];
        let mut at = secs(3_600);
        while at < until - secs(10_800) {
            let (act, undo) = trouble(&world, &mut rng);
            let lasts = secs(60) + {
                let most = MINUTE * rng.pick(&[5, 60, 400]).unwrap_or(5);
                micros(rng.time(most))
            };
            world.at(at, act);
            if at + lasts < until {
                for act in undo {
                    world.at(at + lasts, act);
                }
            }
            let pause = MINUTE * rng.pick(&[20, 120, 480]).unwrap_or(20);
            at += micros(rng.time(pause));
        }
    }
    sim.run(until);
    let mut days = days;
    if heals {
        heal(&mut sim.w());
        // Reminders are a day apart, refused messages are tried hourly, flapping and a stepped clock settle in an hour.
        let longest = Fault::ALL.into_iter().filter_map(|f| site.longest(f)).filter(|b| *b < MINUTE * 600).max();
        let calm = MINUTE * 300 + longest.unwrap_or_default() * 2;
        sim.run(until + micros(calm));
        checks::healed(&mut sim.w());
        let before = sim.w().posted.len();
        sim.run(until + micros(calm) + secs(7_200));
        let said = sim.w().posted.get(before).cloned();
        if let Some(said) = said.filter(|p| !p.first) {
            sim.w().fault(format!("liveness: all was healed long ago, and this was told: {said:?}"));
        }
        days += 1;
    }
    end(&sim, days)
}

/// Some fault, and its end.
fn trouble(world: &World, rng: &mut Rng) -> (Act, Vec<Act>) {
    let n = rng.index(world.nodes.len());
    let to = rng.index(world.nodes.len());
    let jobs = world.nodes.get(n).map_or(1, |node| node.setup.jobs.len());
    let peers = world.nodes.get(n).map_or(0, |node| node.setup.peers.len());
    let job = rng.index(jobs);
    let both = |make: &dyn Fn(bool) -> Act| (make(false), vec![make(true)]);
    match rng.below(26) {
        0 => both(&|ok| Act::Host(n, ok)),
        1 => both(&|ok| Act::Cron(n, ok)),
        2 => both(&|ok| Act::PassesLive(n, ok)),
        3 => (Act::CronFails(n, 300), vec![Act::CronFails(n, 0)]),
        4 => (Act::KillAll(n), Vec::new()),
        5 => both(&|ok| Act::Daemon(n, ok)),
        6 => (Act::DaemonTurns(n, false), vec![Act::KillDaemon(n)]),
        7 => both(&|ok| Act::Port(n, ok)),
        8 => both(&|ok| Act::Uplink(n, ok)),
        9 => both(&|ok| Act::Link(n, to, ok)),
        10 => {
            let all = [
                Provider::Refuses,
                Provider::Rejects,
                Provider::Loses,
                Provider::Spams,
                Provider::Quota(20),
                Provider::Doubles,
            ];
            (Act::Mail(n, rng.pick(&all).unwrap_or_default()), vec![Act::Mail(n, Provider::Good)])
        }
        11 => both(&|ok| Act::Mailbox(n, ok)),
        12 => both(&|ok| Act::MailOn(n, ok)),
        13 => both(&|ok| Act::Disk(n, ok)),
        14 => both(&|ok| Act::Settings(n, ok)),
        15 => {
            let far = secs(rng.below(40_000).cast_signed() - 20_000);
            (Act::Step(n, far), vec![Act::Step(n, -far)])
        }
        16 | 17 => both(&|ok| Act::Target(n, job, ok)),
        18 if peers > 0 => {
            let peer = rng.index(peers);
            both(&|ok| Act::Lists(n, peer, ok))
        }
        19 => {
            let how = [Answers::Garbage, Answers::BareTrue, Answers::Lies];
            let how = rng.pick(&how).unwrap_or_default();
            (Act::Answers(n, how), vec![Act::Answers(n, Answers::Status)])
        }
        20 => (Act::Restart(n), Vec::new()),
        21 | 22 => both(&|listed| Act::Job(n, job, listed)),
        23 => (Act::Renames(n, job), Vec::new()),
        24 => {
            let time = rng.time(MINUTE * 240);
            (Act::Away(n, time), Vec::new())
        }
        _ => (Act::FirstUp(0, false), vec![Act::FirstUp(0, true)]),
    }
}

/// All is well again.
fn heal(world: &mut World) {
    world.kills = 0;
    world.cut.clear();
    let now = world.now;
    for n in 0..world.nodes.len() {
        let offset = world.nodes.get(n).map_or(0, |node| node.offset);
        let hangs = world.nodes.get(n).is_some_and(|node| node.daemon.as_ref().is_some_and(|d| d.hangs));
        let peers = world.nodes.get(n).map_or(0, |node| node.setup.peers.len());
        let jobs = world.nodes.get(n).map_or(0, |node| node.setup.jobs.len());
        let mut acts = vec![
            Act::Cron(n, true),
            Act::PassesLive(n, true),
            Act::CronFails(n, 0),
            Act::Daemon(n, true),
            Act::Port(n, true),
            Act::Uplink(n, true),
            Act::Mail(n, Provider::Good),
            Act::Mailbox(n, true),
            Act::MailOn(n, true),
            Act::Disk(n, true),
            Act::Settings(n, true),
            Act::Answers(n, Answers::Status),
            Act::Host(n, true),
        ];
        acts.push(Act::Away(n, Duration::ZERO));
        acts.extend((0..jobs).map(|job| Act::Target(n, job, true)));
        let gone = |j: &usize| world.nodes.get(n).and_then(|x| x.setup.jobs.get(*j)).is_some_and(|j| !j.listed);
        acts.extend((0..jobs).filter(gone).map(|job| Act::Job(n, job, true)));
        let unlisted = |p: &usize| world.nodes.get(n).and_then(|x| x.setup.peers.get(*p)).is_some_and(|p| !p.listed);
        acts.extend((0..peers).filter(unlisted).map(|peer| Act::Lists(n, peer, true)));
        if offset != 0 {
            acts.push(Act::Step(n, -offset));
        }
        if hangs {
            acts.push(Act::KillDaemon(n));
        }
        for act in acts {
            world.at(now, act);
        }
    }
    for first in &mut world.firsts {
        (first.up, first.runs, first.mail_failed) = (true, true, None);
    }
}
