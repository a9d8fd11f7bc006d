//! The world around the nodes: time, network, mail, and what is done to them.

use super::acts::Act;
use super::engine::{Event, Micros, Queue, micros};
use super::first::First;
use super::node::Node;
use super::rng::Rng;
use crate::decide::schedule::Called;
use crate::decide::{AlertId, AlertKind, Recipient};
use checker_job::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uuid::Uuid;

/// How long things take, of the longest that they may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tempo {
    /// Next to nothing.
    Quick,
    /// Anything up to so many percent.
    Upto(u64),
    /// As long as they may.
    Worst,
}

/// A process to start.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spawn {
    Pass(usize, Called),
    Daemon(usize),
    Drain(usize),
    Push(usize),
}

/// A message that a server has taken.
#[derive(Clone, Debug)]
pub(super) struct Posted {
    pub(super) from: usize,
    pub(super) to: Recipient,
    pub(super) alerts: Vec<(AlertId, Option<AlertKind>)>,
    pub(super) taken: Micros,
    /// When a human can see it; `None`: never.
    pub(super) seen: Option<Micros>,
    /// Mail of a first program, or of a channel.
    pub(super) first: bool,
}

/// Something that a steered fault waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// A pass begins.
    Tick,
    /// The pass has asked the daemon.
    DaemonAsked,
    /// It has asked its peers.
    Asked,
    /// A peer was answered.
    Answered,
    /// A job has begun.
    JobBegun,
    /// A canary was seen.
    CanarySeen,
    /// A canary was taken.
    CanaryTaken,
}

/// See the module.
pub(super) struct World {
    pub(super) now: Micros,
    pub(super) queue: Queue,
    pub(super) rng: Rng,
    pub(super) tempo: Tempo,
    pub(super) latency: Duration,
    pub(super) nodes: Vec<Node>,
    pub(super) firsts: Vec<First>,
    /// One-way links that are cut.
    pub(super) cut: BTreeSet<(usize, usize)>,
    pub(super) posted: Vec<Posted>,
    pub(super) script: Vec<Act>,
    pub(super) spawns: Vec<(u64, Spawn)>,
    pub(super) doomed: Vec<u64>,
    /// Each process with its node and the number of its tasks.
    pub(super) living: BTreeMap<u64, (usize, u32)>,
    /// Kills per thousand points.
    pub(super) kills: u64,
    pub(super) killed: u64,
    /// Waits for a moment at a node from a time on, then plays these lines.
    pub(super) trap: Option<Trap>,
    /// A canary is due this long after the trap has snapped.
    pub(super) trap_canary: Option<Duration>,
    /// When the trap snapped.
    pub(super) snapped: Option<Micros>,
    /// What must never be and was.
    pub(super) wrong: Vec<String>,
    pub(super) minutes: u64,
    /// Mailboxes of humans that show nothing.
    pub(super) blind_inboxes: BTreeSet<Recipient>,
    ids: u128,
    #[cfg(test)]
    shown: bool,
}

/// See [`World::trap`].
#[derive(Clone, Debug)]
pub(super) struct Trap {
    pub(super) node: usize,
    pub(super) moment: Moment,
    pub(super) from: Micros,
    pub(super) lines: Vec<usize>,
    /// The tempo from then on.
    pub(super) tempo: Tempo,
}

/// The time of a clock that is off by `offset`.
pub(super) fn at_offset(now: Micros, offset: i64) -> Timestamp {
    Timestamp::from_micros(START * 1_000_000 + now + offset)
}

/// A Monday.
const START: i64 = 1_772_409_600;

impl World {
    pub(super) fn new(seed: u64, tempo: Tempo, latency: Duration) -> Self {
        Self {
            now: 0,
            queue: Queue::default(),
            rng: Rng::new(seed),
            tempo,
            latency,
            nodes: Vec::new(),
            firsts: Vec::new(),
            cut: BTreeSet::new(),
            posted: Vec::new(),
            script: Vec::new(),
            spawns: Vec::new(),
            doomed: Vec::new(),
            living: BTreeMap::new(),
            kills: 0,
            killed: 0,
            trap: None,
            trap_canary: None,
            snapped: None,
            wrong: Vec::new(),
            minutes: 0,
            blind_inboxes: BTreeSet::new(),
            ids: 0,
            #[cfg(test)]
            shown: std::env::var("SHOW").is_ok(),
        }
    }

    pub(super) fn id(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids | (0x7_u128 << 76) | (0x8_u128 << 60))
    }

    /// How long something takes that takes at most `most`.
    pub(super) fn take(&mut self, most: Duration) -> Duration {
        match self.tempo {
            Tempo::Quick => self.rng.time(most / 50),
            Tempo::Upto(percent) => {
                let most = most * u32::try_from(percent).unwrap_or(100) / 100;
                self.rng.time(most)
            }
            Tempo::Worst => most.saturating_sub(Duration::from_millis(1)),
        }
    }

    pub(super) fn at(&mut self, when: Micros, act: Act) {
        self.script.push(act);
        let line = self.script.len() - 1;
        self.queue.add(when.max(self.now), Event::Script(line));
    }

    pub(super) fn all_at(&mut self, when: Micros, acts: Vec<Act>) {
        for act in acts {
            self.at(when, act);
        }
    }

    pub(super) fn play(&mut self, line: usize) {
        if let Some(act) = self.script.get(line).cloned() {
            self.note(|| format!("{act:?}"));
            super::acts::apply(self, &act);
        }
    }

    /// Begins a process of a node.
    pub(super) fn begin(&mut self, node: usize, spawn: Spawn) -> u64 {
        self.ids += 1;
        let process = u64::try_from(self.ids).unwrap_or(u64::MAX);
        self.living.insert(process, (node, 1));
        self.spawns.push((process, spawn));
        process
    }

    /// Begins another task of a process.
    pub(super) fn beside(&mut self, process: u64, spawn: Spawn) {
        if let Some((_, tasks)) = self.living.get_mut(&process) {
            *tasks += 1;
            self.spawns.push((process, spawn));
        }
    }

    pub(super) fn lives(&self, process: u64) -> bool {
        self.living.contains_key(&process)
    }

    /// A task of a process has ended by itself.
    pub(super) fn ended(&mut self, process: u64) {
        if let Some((_, tasks)) = self.living.get_mut(&process) {
            *tasks -= 1;
            if *tasks == 0 {
                self.living.remove(&process);
            }
        }
    }

    pub(super) fn kill(&mut self, process: u64) {
        if let Some((node, _)) = self.living.remove(&process) {
            self.doomed.push(process);
            self.spawns.retain(|(p, _)| *p != process);
            let now = self.now;
            if let Some(node) = self.nodes.get_mut(node) {
                node.calm = now;
                node.bereaved(process);
            }
        }
    }

    /// Whether this process dies here.
    pub(super) fn strikes(&mut self, process: u64) -> bool {
        let Some((node, _)) = self.living.get(&process).copied() else { return true };
        let dies = self.nodes.get(node).is_some_and(|n| n.passes_die && n.daemon_process() != Some(process));
        if !dies && (self.kills == 0 || !self.rng.mille(self.kills)) {
            return false;
        }
        self.killed += 1;
        self.kill(process);
        true
    }

    /// Something that a trap may wait for.
    pub(super) fn moment(&mut self, node: usize, moment: Moment) {
        let snaps = |t: &Trap| t.node == node && t.moment == moment && self.now >= t.from;
        if self.trap.as_ref().is_some_and(snaps)
            && let Some(trap) = self.trap.take()
        {
            self.snapped = Some(self.now + 1_000);
            self.tempo = trap.tempo;
            if let Some(later) = self.trap_canary {
                self.at(self.now + micros(later), Act::Canary(node));
            }
            for line in trap.lines {
                self.queue.add(self.now + 1_000, Event::Script(line));
            }
        }
    }

    /// Whether `a` can send something to `b`.
    pub(super) fn reaches(&self, a: usize, b: usize) -> bool {
        let up = |n: usize| self.nodes.get(n).is_some_and(|n| n.up && n.uplink);
        up(a) && up(b) && !self.cut.contains(&(a, b))
    }

    /// A message that a server has taken: when it arrives.
    pub(super) fn post(
        &mut self,
        from: usize,
        to: &Recipient,
        alerts: Vec<(AlertId, Option<AlertKind>)>,
        arrives: bool,
    ) {
        // A channel says that it has handed it over.
        let latency = if to.is_mail() { self.take(self.latency) } else { Duration::ZERO };
        let arrives = arrives && !self.blind_inboxes.contains(to);
        let seen = arrives.then(|| self.now + micros(latency));
        self.note(|| format!("{from} mails {to}: {alerts:?}"));
        self.posted.push(Posted { from, to: to.clone(), alerts, taken: self.now, seen, first: false });
    }

    /// For people who look at one history.
    #[cfg(test)]
    pub(super) fn note(&self, what: impl FnOnce() -> String) {
        if self.shown {
            println!("{:>9}.{:03} s  {}", self.now / 1_000_000, self.now / 1_000 % 1_000, what());
        }
    }

    /// Nobody looks.
    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "as the one for tests")]
    pub(super) fn note(&self, _: impl FnOnce() -> String) {}

    pub(super) fn faults(&mut self, all: Vec<String>) {
        for what in all {
            self.fault(what);
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers format it for this")]
    pub(super) fn fault(&mut self, what: String) {
        if self.wrong.len() < 20 {
            self.note(|| format!("WRONG {what}"));
            let text = format!("{:>9} s: {what}", self.now / 1_000_000);
            self.wrong.push(text);
        }
    }
}
