//! What is done to the world: each act has its undoing.

use super::engine::{Event, Micros, micros};
use super::mail::Provider;
use super::node::{Answers, Job, Node};
use super::world::{Spawn, World};
use crate::decide::Recipient;
use crate::decide::peers::View;
use crate::decide::schedule::Class;
use checker_job::JobId;
use std::time::Duration;

/// One act. `true` is well, `false` is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// The host runs.
    Host(usize, bool),
    Cron(usize, bool),
    /// Each pass lives to its end.
    PassesLive(usize, bool),
    /// So many ticks in a thousand are missed or doubled.
    CronFails(usize, u64),
    /// One process of the node is killed now: its daemon, or all.
    KillDaemon(usize),
    KillAll(usize),
    /// Somebody asks for a proof of mail now, or for the peers.
    Canary(usize),
    Round(usize),
    /// An upgrade: the daemon ends and starts again.
    Restart(usize),
    /// The daemon can be started; `false` kills it, too.
    Daemon(usize, bool),
    /// The daemon turns; `false`: it hangs.
    DaemonTurns(usize, bool),
    Port(usize, bool),
    Uplink(usize, bool),
    /// One way.
    Link(usize, usize, bool),
    Mail(usize, Provider),
    Mailbox(usize, bool),
    /// Mail is switched on.
    MailOn(usize, bool),
    Disk(usize, bool),
    Settings(usize, bool),
    /// The wall clock jumps.
    Step(usize, i64),
    /// The wall clock creeps: too little at a time for a step.
    Slew(usize, i64),
    Target(usize, usize, bool),
    /// A job's table is put into the settings or taken out.
    Job(usize, usize, bool),
    /// A job is another one from now on: its target was edited.
    Renames(usize, usize),
    /// The node announces to be away for so long.
    Away(usize, Duration),
    /// The table of the settings of one node about its peer.
    Lists(usize, usize, bool),
    Line(usize, Class, bool),
    Answers(usize, Answers),
    Inbox(Recipient, bool),
    /// A copy of a node begins, in the place of this node, which was off.
    Clone(usize, usize),
    FirstUp(usize, bool),
}

#[expect(clippy::too_many_lines, reason = "a table: one line for each act")]
pub(super) fn apply(world: &mut World, act: &Act) {
    match act {
        Act::Host(n, true) => boot(world, *n),
        Act::Host(n, false) => {
            kill_all(world, *n);
            if let Some(node) = world.nodes.get_mut(*n) {
                node.up = false;
                node.ticks += 1;
            }
        }
        Act::KillAll(n) => kill_all(world, *n),
        Act::KillDaemon(n) => kill_daemon(world, *n),
        Act::Round(n) => {
            let views = world.nodes.get_mut(*n).map(|node| &mut node.kept.views);
            views.into_iter().flatten().for_each(|v| v.asked = None);
        }
        Act::Canary(n) => {
            let idle = world.nodes.get_mut(*n).filter(|node| node.kept.proof.out.is_empty());
            if let Some(node) = idle {
                node.kept.proof.last = None;
            }
        }
        Act::Restart(n) => {
            kill_daemon(world, *n);
            if world.nodes.get(*n).is_some_and(|node| node.up && node.setup.daemon) {
                world.begin(*n, Spawn::Daemon(*n));
            }
        }
        Act::Daemon(n, can) => {
            if !can {
                kill_daemon(world, *n);
            }
            world.nodes.get_mut(*n).into_iter().for_each(|node| node.daemon_stays = *can);
        }
        Act::Link(a, b, true) => _ = world.cut.remove(&(*a, *b)),
        Act::Link(a, b, false) => _ = world.cut.insert((*a, *b)),
        Act::Job(n, job, listed) => edit(world, *n, *job, |job, now| {
            (job.listed, job.slot, job.begun) = (*listed, None, Some(now));
        }),
        Act::Renames(n, job) => edit(world, *n, *job, |job, now| {
            job.id = JobId::literal(format!("{}+", job.id));
            (job.slot, job.begun) = (None, Some(now));
        }),
        Act::Away(n, time) => {
            let now = world.now;
            if let Some(node) = world.nodes.get_mut(*n) {
                node.away = super::poll::steady(node, now).map(|at| at.plus(*time));
            }
        }
        Act::Step(n, by) => turn_clock(world, *n, *by),
        // Cron sleeps to its next minute all the same.
        Act::Slew(n, by) => world.nodes.get_mut(*n).into_iter().for_each(|node| node.offset += by),
        Act::Inbox(who, true) => _ = world.blind_inboxes.remove(who),
        Act::Inbox(who, false) => {
            world.blind_inboxes.insert(who.clone());
        }
        Act::Clone(n, of) => copy(world, *n, *of),
        Act::FirstUp(n, up) => world.firsts.get_mut(*n).into_iter().for_each(|f| f.up = *up),
        Act::Cron(n, _)
        | Act::PassesLive(n, _)
        | Act::CronFails(n, _)
        | Act::DaemonTurns(n, _)
        | Act::Port(n, _)
        | Act::Uplink(n, _)
        | Act::Mail(n, _)
        | Act::Mailbox(n, _)
        | Act::MailOn(n, _)
        | Act::Disk(n, _)
        | Act::Settings(n, _)
        | Act::Target(n, ..)
        | Act::Lists(n, ..)
        | Act::Line(n, ..)
        | Act::Answers(n, _) => {
            if let Some(node) = world.nodes.get_mut(*n) {
                set(node, act);
            }
        }
    }
}

/// Acts that only turn a switch.
fn set(node: &mut Node, act: &Act) {
    match act {
        Act::Cron(_, on) => node.cron = *on,
        Act::PassesLive(_, live) => node.passes_die = !live,
        Act::CronFails(_, mille) => node.cron_fails = *mille,
        Act::DaemonTurns(_, turns) => node.daemon.iter_mut().for_each(|d| d.hangs = !turns),
        Act::Port(_, open) => node.port = *open,
        Act::Uplink(_, on) => node.uplink = *on,
        Act::Mail(_, how) => node.provider = *how,
        Act::Mailbox(_, up) => node.mailbox.down = !up,
        Act::MailOn(_, on) => node.setup.nomail = !on,
        Act::Disk(_, ok) => node.disk = *ok,
        Act::Settings(_, ok) => node.settings_ok = *ok,
        Act::Target(_, job, up) => node.setup.jobs.get_mut(*job).into_iter().for_each(|j| j.up = *up),
        Act::Lists(_, peer, listed) => {
            node.setup.peers.get_mut(*peer).into_iter().for_each(|p| p.listed = *listed);
            node.kept.views.get_mut(*peer).into_iter().for_each(|v| *v = View::default());
        }
        Act::Line(_, class, there) => {
            if let Some(lines) = &mut node.setup.lines {
                _ = if *there { lines.insert(*class) } else { lines.remove(class) };
            }
        }
        Act::Answers(_, how) => node.answers = *how,
        _ => {}
    }
}

/// Edits one job's table. The next pass sees it.
fn edit(world: &mut World, n: usize, job: usize, how: impl FnOnce(&mut Job, Micros)) {
    let now = world.now;
    let Some(node) = world.nodes.get_mut(n) else { return };
    node.edited = true;
    if let Some(job) = node.setup.jobs.get_mut(job) {
        how(job, now);
    }
}

fn kill_all(world: &mut World, n: usize) {
    let mine: Vec<u64> = world.living.iter().filter(|(_, (node, _))| *node == n).map(|(p, _)| *p).collect();
    for process in mine {
        world.kill(process);
    }
}

fn kill_daemon(world: &mut World, n: usize) {
    if let Some(process) = world.nodes.get(n).and_then(Node::daemon_process) {
        world.kill(process);
    }
}

/// A host starts: `@reboot` starts the daemon, cron comes with the next minute.
pub(super) fn boot(world: &mut World, n: usize) {
    let now = world.now;
    let Some(node) = world.nodes.get_mut(n).filter(|node| !node.up || node.ticks == 0) else { return };
    node.up = true;
    node.booted = now - 1_000_000;
    node.calm = now;
    node.boots += 1;
    node.boot_id = format!("{}-{}", node.name, node.boots);
    let daemon = node.setup.daemon && node.daemon_stays;
    if daemon {
        world.begin(n, Spawn::Daemon(n));
    }
    schedule_tick(world, n);
}

/// Cron's next strike: it goes by the wall clock.
pub(super) fn schedule_tick(world: &mut World, n: usize) {
    let (now, tempo_late) = (world.now, world.take(super::pass::CRON_LATE));
    let Some(node) = world.nodes.get_mut(n) else { return };
    let period = micros(node.setup.pace.passes).max(1_000_000);
    // On a quarter of a minute of its own: nodes are not started by one clock.
    let wall = now + node.offset;
    let mut next = (wall.div_euclid(period) + 1) * period - node.offset;
    if next <= node.next_tick {
        next = node.next_tick + period;
    }
    node.ticks += 1;
    node.next_tick = next;
    let at = next + micros(tempo_late);
    world.queue.add(at, Event::Tick(n, world.nodes.get(n).map_or(0, |node| node.ticks)));
}

fn turn_clock(world: &mut World, n: usize, by: i64) {
    let now = world.now;
    if let Some(node) = world.nodes.get_mut(n) {
        node.offset += by;
        node.odd_clock = true;
        node.calm = now;
        node.next_tick = 0;
        if !node.up {
            return;
        }
    }
    schedule_tick(world, n);
}

/// Node `n` becomes a copy of `of`: the same key, the same settings, the same disk.
fn copy(world: &mut World, n: usize, of: usize) {
    let Some(original) = world.nodes.get(of) else { return };
    let mut copy = Node::new(&original.name, original.setup.clone());
    copy.offset = original.offset;
    copy.kept.views.clone_from(&original.kept.views);
    copy.kept.proof.clone_from(&original.kept.proof);
    copy.kept.base.clone_from(&original.kept.base);
    copy.truth.clone_from(&original.truth);
    copy.boots = 100;
    copy.up = false;
    if let Some(place) = world.nodes.get_mut(n) {
        copy.ticks = place.ticks + 1;
        *place = copy;
    }
    boot(world, n);
}

/// How long a slew of the clock by `by` goes unseen by the comparison of clocks.
pub(super) const SLEW_MAX: Duration = Duration::from_secs(30);
