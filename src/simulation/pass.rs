//! A pass, as the program runs it.

use super::engine::{Micros, Sim};
use super::node::{Job, Target};
use super::outbox::{At, drain, is_told, judge};
use super::world::{Moment, Spawn, World, at_offset};
use super::{acts, invariants, jobs, poll, push};
use crate::decide::health;
use crate::decide::pace::DAEMON;
use crate::decide::peers;
#[cfg(test)]
use crate::decide::planted::{self, Bug};
use crate::decide::schedule::{Called, Class, Slots, needed};
use crate::decide::step;
use crate::decide::trouble::Trouble;
use crate::node as troubles;
use checker_job::{JobId, Outcome, Remind, Timestamp};
use std::rc::Rc;
use std::time::Duration;

/// Cron starts a pass up to this late.
pub(super) const CRON_LATE: Duration = Duration::from_secs(2);

/// Cron's clock strikes.
pub(super) fn tick(world: &mut World, n: usize, epoch: u32) {
    let Some(node) = world.nodes.get(n) else { return };
    if node.ticks != epoch || !node.up {
        return;
    }
    let (struck, fails) = (node.next_tick, node.cron_fails);
    acts::schedule_tick(world, n);
    invariants::started(world, n);
    world.minutes += 1;
    let times = match (world.rng.mille(fails), world.rng.mille(500)) {
        (true, true) => 0,
        (true, false) => 2,
        (false, _) => 1,
    };
    for _ in 0..times {
        for called in called(world, n, struck) {
            if !quick(world, n, called) {
                world.begin(n, Spawn::Pass(n, called));
            }
        }
    }
}

/// Which crontab lines strike.
fn called(world: &World, n: usize, struck: Micros) -> Vec<Called> {
    let Some(node) = world.nodes.get(n).filter(|node| node.cron) else { return Vec::new() };
    let Some(lines) = &node.setup.lines else { return vec![Called::All] };
    let wall = at_offset(struck, node.offset);
    let local = jiff::Timestamp::from_second(wall.secs()).unwrap_or_default().to_zoned(node.setup.zone.clone());
    let (minute, hour) = (local.minute(), local.hour());
    let strikes = |class: &Class| match class {
        Class::Minute => minute != 0,
        Class::Hour => minute == 0 && hour != 0 && hour != 12,
        Class::Day => minute == 0 && hour == 0,
        Class::DayNoon => minute == 0 && hour == 12,
    };
    lines.iter().copied().filter(strikes).map(Called::Class).collect()
}

/// A pass in which nothing is due and nothing is wrong: its whole effect at once.
fn quick(world: &mut World, n: usize, called: Called) -> bool {
    let now = world.now;
    let quiet = called == Called::All && world.kills == 0 && world.trap.is_none();
    let Some(node) = world.nodes.get_mut(n).filter(|_| quiet) else { return false };
    let well = node.disk && node.settings_ok && !node.passes_die && !node.setup.nomail && node.report.state_ok;
    let idle = !node.kept.news && node.kept.open.is_empty() && !node.report.nomail && node.report.settings_ok;
    let heard = !node.setup.daemon || node.daemon_answers();
    if !(well && idle && heard && node.uplink && node.report.clock_ok && node.report.sighted) {
        return false;
    }
    let wall = at_offset(now, node.offset);
    if node.edited || node.setup.jobs.iter_mut().any(|j| j.listed && jobs::may_be_due(j, wall)) {
        return false;
    }
    let compared = step::compare(node.kept.base.as_ref(), wall, node.boot_time(now), &node.boot_id);
    if compared.next.is_some() || compared.step.is_some() {
        return false;
    }
    let waits = node.setup.watched.iter().any(|w| w.push || w.pushes);
    if waits || !peers::round(&node.setup.watched, &node.kept.views, &node.setup.pace, wall).is_empty() {
        return false;
    }
    report(world, n, wall);
    true
}

/// One pass.
pub(super) async fn run(sim: Rc<Sim>, n: usize, process: u64, called: Called) {
    let at = (n, process);
    let (offset, begun, read) = {
        let mut world = sim.w();
        let read = world.nodes.get(n).map(|node| (node.settings_ok, node.setup.nomail)).unwrap_or_default();
        world.moment(n, Moment::Tick);
        (world.nodes.get(n).map_or(0, |node| node.offset), world.now, read)
    };
    sim.point(process).await;
    broken(&sim, at, offset).await;
    ask_daemon(&sim, at, offset).await;
    compare(&sim, at, offset).await;
    round(&sim, at, offset).await;
    if let Some(node) = sim.w().nodes.get_mut(n) {
        (node.report.settings_ok, node.report.nomail) = read;
    }
    // What is known by now leaves beside the jobs.
    if sim.w().nodes.get(n).is_some_and(|node| node.kept.news) {
        beside(&sim, at);
    }
    if called != Called::All {
        watch_crontab(&sim, at, called, offset).await;
    }
    jobs::run(&sim, at, called, offset, begun).await;
}

/// A drain of the same process that goes on beside it.
pub(super) fn beside(sim: &Sim, at: At) {
    sim.w().beside(at.1, Spawn::Drain(at.0));
}

pub(super) fn trouble(id: &str, remind: Duration) -> Trouble {
    Trouble {
        id: JobId::literal(format!("node:{id}")),
        name: id.to_owned(),
        label: "CHECKER ITSELF",
        remind: Remind::Every(remind),
        threshold: 1,
        ends_silently: false,
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

/// State and settings.
async fn broken(sim: &Sim, at: At, offset: i64) {
    let (disk, settings, now) = {
        let world = sim.w();
        let Some(node) = world.nodes.get(at.0) else { return };
        (node.disk, node.settings_ok, at_offset(world.now, offset))
    };
    #[cfg(test)]
    let disk = disk || planted::is(Bug::StateSwallowed);
    let state = if disk { Outcome::ok("written") } else { Outcome::failed("the state cannot be written") };
    judge(sim, at, &trouble("state", HOUR), &state, None, false, now).await;
    let settings = if settings { Outcome::ok("they load") } else { Outcome::failed("the settings do not load") };
    judge(sim, at, &trouble("settings", HOUR), &settings, None, false, now).await;
}

async fn ask_daemon(sim: &Sim, at: At, offset: i64) {
    if !sim.w().nodes.get(at.0).is_some_and(|n| n.setup.daemon) {
        return;
    }
    let answers = {
        let mut world = sim.w();
        let answers = world.nodes.get(at.0).is_some_and(super::node::Node::daemon_answers);
        world.moment(at.0, Moment::DaemonAsked);
        answers
    };
    let took = sim.w().take(DAEMON);
    sim.sleep(took).await;
    let now = at_offset(sim.w().now, offset);
    let outcome = health::daemon(if answers { Ok(()) } else { Err("no answer") }, None);
    judge(sim, at, &troubles::daemon(), &outcome, None, false, now).await;
    let mut world = sim.w();
    let start = world.nodes.get(at.0).is_some_and(|n| n.daemon.is_none() && n.daemon_stays);
    #[cfg(test)]
    let start = start && !planted::is(Bug::NoRespawn);
    if !answers && start {
        world.begin(at.0, Spawn::Daemon(at.0));
    }
}

async fn compare(sim: &Sim, at: At, offset: i64) {
    let (compared, now) = {
        let mut world = sim.w();
        let (now, moment) = (at_offset(world.now, offset), world.now);
        let Some(node) = world.nodes.get_mut(at.0) else { return };
        (step::compare(node.kept.base.as_ref(), now, node.boot_time(moment), &node.boot_id), now)
    };
    if compared == (step::Compared { step: None, first: None, next: None, steady: false }) {
        return;
    }
    sim.point(at.1).await;
    if let Some(first) = compared.first {
        sim.w().nodes.get_mut(at.0).into_iter().for_each(|n| n.kept.base = Some(first.clone()));
        sim.point(at.1).await;
    }
    if let Some(step) = compared.step {
        jobs::moved(&mut sim.w(), at.0, step, now);
    }
    let clock = Trouble { ends_silently: true, ..trouble("clock", HOUR * 24) };
    if compared.step.is_some_and(step::Step::is_told) {
        judge(sim, at, &clock, &Outcome::failed("the clock was set"), None, false, now).await;
    } else if compared.steady {
        judge(sim, at, &clock, &Outcome::ok("steady"), None, false, now).await;
    }
    if let Some(next) = compared.next {
        sim.w().nodes.get_mut(at.0).into_iter().for_each(|n| n.kept.base = Some(next.clone()));
    }
    sim.point(at.1).await;
}

/// What those say who are asked, and those who bring it.
async fn hear(sim: &Sim, at: At, offset: i64) -> Vec<(usize, peers::Heard)> {
    let (asked, brought) = {
        let world = sim.w();
        let Some(node) = world.nodes.get(at.0) else { return Vec::new() };
        let now = at_offset(world.now, offset);
        let (watched, views, pace) = (&node.setup.watched, &node.kept.views, &node.setup.pace);
        let listed = |at: usize| node.setup.peers.get(at).is_some_and(|p| p.listed);
        let due = peers::round(watched, views, pace, now).into_iter().filter(|at| listed(*at)).collect::<Vec<_>>();
        (due, push::brought(&world, at.0, now))
    };
    let mut answers = if asked.is_empty() { Vec::new() } else { poll::ask(sim, at.0, &asked).await };
    let world = sim.w();
    if let Some(node) = world.nodes.get(at.0) {
        let now = at_offset(world.now, offset);
        let listed = |at: usize| node.setup.peers.get(at).is_some_and(|p| p.listed);
        let heard = brought.map(|b| b.heard(&node.setup.watched, &node.kept.views, &node.setup.pace, now));
        answers.extend(heard.into_iter().flatten().filter(|(at, _)| listed(*at)));
        peers::counted(&node.setup.watched, &mut answers, !node.uplink);
    }
    answers
}

/// The peers: whom to ask, what they say, who is told.
async fn round(sim: &Sim, at: At, offset: i64) {
    let begun = sim.w().now;
    let answers = hear(sim, at, offset).await;
    if answers.is_empty() {
        return;
    }
    let (verdicts, now) = {
        let mut world = sim.w();
        invariants::asked(&mut world, begun);
        let now = at_offset(world.now, offset);
        let Some(node) = world.nodes.get_mut(at.0) else { return };
        for (peer, heard) in &answers {
            let (watched, view) = (node.setup.watched.get(*peer), node.kept.views.get_mut(*peer));
            if let (Some(watched), Some(view)) = (watched, view) {
                view.hear(watched, heard, now);
            }
        }
        let (watched, views) = (&node.setup.watched, &node.kept.views);
        let cut_off = !node.uplink;
        let verdicts = peers::judge_round(&node.id, watched, views, &answers, cut_off, &node.setup.pace, now);
        #[cfg(test)]
        if planted::is(Bug::PeersVouch) {
            vouched(node, &answers);
        }
        invariants::unsigned(&mut world, at.0, &answers, &verdicts);
        (verdicts, now)
    };
    sim.point(at.1).await;
    for (peer, verdict) in verdicts {
        let Some((name, to, skew, first)) = about(&sim.w(), at.0, peer, verdict.ours_too) else { continue };
        let trouble = troubles::peer(&name, verdict.threshold, verdict.once);
        let (held, outcome) = (verdict.held, &verdict.outcome);
        let told = judge(sim, at, &trouble, outcome, Some(&to), held, now).await;
        if let Some(view) = sim.w().nodes.get_mut(at.0).and_then(|node| node.kept.views.get_mut(peer)) {
            view.judged(&verdict, told);
        }
        let odd = skew.unsigned_abs() > peers::SKEW.as_secs();
        let outcome = if odd { Outcome::failed("clocks differ") } else { Outcome::ok("clocks agree") };
        if !first {
            judge(sim, at, &troubles::skew(&name), &outcome, None, false, now).await;
        }
    }
    watch_watchers(sim, at, &answers, now).await;
    remember_told(&mut sim.w(), at.0, &answers);
}

/// Who does not ask us looks at what we bring, or does not.
async fn watch_watchers(sim: &Sim, at: At, answers: &[(usize, peers::Heard)], now: Timestamp) {
    for (peer, heard) in answers {
        let seen = {
            let mut world = sim.w();
            let Some(node) = world.nodes.get_mut(at.0) else { return };
            let (watched, view) = (node.setup.watched.get(*peer), node.kept.views.get_mut(*peer));
            let Some((watched, view)) = watched.zip(view) else { continue };
            let outcome = view.looked_at(&node.id, watched, heard, &node.setup.pace, now);
            outcome.map(|outcome| (watched.name.clone(), outcome))
        };
        let Some((name, outcome)) = seen else { continue };
        judge(sim, at, &troubles::unwatched(&name), &outcome, None, false, now).await;
    }
}

/// A planted fault: who finds its peers well takes itself for well.
#[cfg(test)]
fn vouched(node: &mut super::node::Node, answers: &[(usize, peers::Heard)]) {
    let well =
        |heard: &peers::Heard| matches!(heard, peers::Heard::Status(s) if s.word == Some(crate::decide::Word::True));
    if answers.iter().any(|(_, heard)| well(heard)) {
        let proof = &mut node.kept.proof;
        (proof.wrong, proof.wrong_at, proof.wrong_since) = (None, None, None);
    }
}

/// A peer's name, whom to tell, how far its clock is off, and whether it is a first program.
fn about(
    world: &World,
    n: usize,
    peer: usize,
    ours_too: bool,
) -> Option<(String, Vec<crate::decide::Recipient>, i64, bool)> {
    let node = world.nodes.get(n)?;
    let (watched, table, view) =
        (node.setup.watched.get(peer)?, node.setup.peers.get(peer)?, node.kept.views.get(peer)?);
    let mut to = vec![table.admin.clone()];
    if ours_too {
        to.extend(node.setup.contacts.iter().filter(|c| **c != table.admin).cloned());
    }
    Some((watched.name.clone(), to, view.skew_s, matches!(table.target, Target::First(_))))
}

fn remember_told(world: &mut World, n: usize, answers: &[(usize, peers::Heard)]) {
    for (peer, _) in answers {
        let Some(name) = world.nodes.get(n).and_then(|node| node.setup.watched.get(*peer)).map(|w| w.name.clone())
        else {
            continue;
        };
        let id = troubles::peer(&name, 1, false).id;
        let open = world.nodes.get(n).is_some_and(|node| node.kept.open.contains(&id));
        let told = open && is_told(world, n, &id);
        if let Some(view) = world.nodes.get_mut(n).and_then(|node| node.kept.views.get_mut(*peer)) {
            view.told = told;
        }
    }
}

async fn watch_crontab(sim: &Sim, at: At, called: Called, offset: i64) {
    let (next, now) = {
        let world = sim.w();
        let Some(node) = world.nodes.get(at.0) else { return };
        let now = at_offset(world.now, offset);
        let zone = node.setup.zone.clone();
        let mut slots = Slots::new(now, &zone);
        let needed = needed(node.setup.jobs.iter().filter(|j: &&Job| j.listed).map(|j| j.policy.every), &mut slots);
        (node.kept.cron.after(now, called, &needed), now)
    };
    for class in Class::ALL {
        let missing = next.missing().any(|c| c == class);
        let outcome = if missing { Outcome::warning("its line is missing") } else { Outcome::ok("it is called") };
        let trouble =
            Trouble { id: troubles::crontab_id(class), remind: Remind::Never, ..trouble("crontab", HOUR * 24) };
        judge(sim, at, &trouble, &outcome, None, false, now).await;
    }
    sim.w().nodes.get_mut(at.0).into_iter().for_each(|n| n.kept.cron = next.clone());
}

/// Tells the daemon that the pass has served.
pub(super) fn report(world: &mut World, n: usize, now: Timestamp) {
    let moment = world.now;
    let Some(node) = world.nodes.get_mut(n) else { return };
    let steady = poll::steady(node, moment);
    let sees = if node.report.served == Timestamp::default() || !node.setup.watched.is_empty() {
        poll::sees(node, now)
    } else {
        Vec::new()
    };
    node.truth.served = Some(moment);
    if steady.is_some() {
        node.truth.believed = None;
    }
    node.truth.settings_ok = node.report.settings_ok;
    node.truth.state_ok = node.report.state_ok;
    node.truth.nomail = node.report.nomail;
    node.truth.overdue = node.report.overdue > 0;
    let mut report = node.report.clone();
    let Some((steady, daemon)) = steady.zip(node.daemon.as_mut().filter(|d| !d.hangs)) else { return };
    report.served = steady;
    // It takes up edited settings when a pass tells it of them.
    daemon.facts.nomail = report.nomail;
    daemon.facts.pass = Some(report);
    for (known, watched) in node.setup.watched.iter().enumerate() {
        let Some(seen) = sees.iter().find(|s| Some(&s.node) == watched.node.as_ref()) else { continue };
        if seen.there {
            daemon.well_since.entry(known).or_insert(steady);
        } else {
            daemon.well_since.remove(&known);
        }
    }
    daemon.sees = (sees, steady);
}

/// What this pass found, for its report.
pub(super) async fn finish_wave(sim: &Sim, at: At, offset: i64) {
    sim.point(at.1).await;
    let mut world = sim.w();
    let now = at_offset(world.now, offset);
    let Some(node) = world.nodes.get_mut(at.0) else { return };
    let unsent = |l: &dyn crate::store::Ledger| l.unsent().unwrap_or_default();
    let waiting: Vec<_> =
        if node.kept.news { node.ledgers().into_iter().flat_map(unsent).collect() } else { Vec::new() };
    let refused = |d: &crate::decide::Delivery| matches!(d.state, crate::decide::DeliveryState::Refused { .. });
    node.report.refused = waiting.iter().any(refused);
    node.report.waiting = waiting.len() as u64;
    node.report.jobs = node.setup.jobs.len() as u64;
    node.report.overdue = node.kept.cron.missing().count() as u64;
    node.report.state_ok = node.disk;
    node.report.clock_ok = node.kept.base.as_ref().is_none_or(|b| b.stepped.is_none());
    node.report.sighted = node.uplink;
    report(&mut world, at.0, now);
    if push::brings(&world, at.0) {
        world.beside(at.1, Spawn::Push(at.0));
    }
}

/// A drain at the end of a wave, and the end of the pass with it.
pub(super) async fn last_drain(sim: &Sim, at: At) {
    if sim.w().nodes.get(at.0).is_some_and(|n| n.kept.news) {
        drain(sim, at).await;
    }
}
