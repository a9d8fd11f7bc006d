//! One node: its settings, its host, what it keeps, and what its daemon knows.

use super::engine::Micros;
use super::mail::{Mailbox, Provider};
use super::sight::Sought;
use crate::decide::bound;
use crate::decide::health::{Facts, PassReport};
use crate::decide::lack::Lacks;
use crate::decide::mail::{Canaries, Proof};
use crate::decide::pace::Pace;
use crate::decide::peers::{View, Watched};
use crate::decide::schedule::{Class, CronMemory};
use crate::decide::status::{NodeId, Sees, Status};
use crate::decide::step::Base;
use crate::decide::{AlertId, AlertKind, JobState, Recipient, Word};
use crate::store::{Ledger, Memory, MemoryOwn, MemoryShared, StoreClock};
use checker_job::{JobId, Outcome, Policy, Timestamp};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Whom a `[[peer]]` table is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Node(usize),
    First(usize),
}

/// One `[[peer]]` table.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) target: Target,
    pub(super) admin: Recipient,
    /// The table is in the settings.
    pub(super) listed: bool,
}

/// What a node says to who asks it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Answers {
    /// Its signed status.
    #[default]
    Status,
    /// A page of something else.
    Garbage,
    /// The bare word `True`, without a signature.
    BareTrue,
    /// A signed status in which all is well with it and nothing with others, whatever is.
    Lies,
}

/// One job.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) id: JobId,
    pub(super) policy: Policy,
    /// Its table is in the settings.
    pub(super) listed: bool,
    /// Its target answers.
    pub(super) up: bool,
    /// The slot that holds now, and until when it does.
    pub(super) slot: Option<(Timestamp, Timestamp)>,
    pub(super) begun: Option<Micros>,
}

/// What the settings say.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) pace: Pace,
    pub(super) canaries: Canaries,
    /// By what mail is proved; by whom, if by peers; and whether some peer may ask that of us.
    pub(super) proof: bound::Proof,
    pub(super) lookers: Vec<NodeId>,
    pub(super) seeks: bool,
    pub(super) daemon: bool,
    pub(super) listens: bool,
    pub(super) nomail: bool,
    /// Where its days begin.
    pub(super) zone: TimeZone,
    /// The crontab has a line for each class; else one line for all.
    pub(super) lines: Option<BTreeSet<Class>>,
    pub(super) jobs: Vec<Job>,
    pub(super) contacts: Vec<Recipient>,
    /// A way out beside mail. It works.
    pub(super) channel: Option<Recipient>,
    pub(super) watched: Vec<Watched>,
    pub(super) peers: Vec<Peer>,
}

/// What is on the disk.
pub(super) struct Kept {
    pub(super) shared: MemoryShared,
    pub(super) own: MemoryOwn,
    pub(super) open: BTreeSet<JobId>,
    /// Something may wait to be told.
    pub(super) news: bool,
    pub(super) proof: Proof,
    pub(super) views: Vec<View>,
    pub(super) base: Option<Base>,
    pub(super) cron: CronMemory,
    pub(super) before: Option<Word>,
    /// The newest message that was not taken.
    pub(super) failed: Option<(Timestamp, String)>,
}

/// What the daemon knows. Times are those of its steady clock.
#[derive(Clone, Debug)]
pub(super) struct Daemon {
    pub(super) process: u64,
    pub(super) facts: Facts,
    pub(super) lacks: Lacks,
    /// The wall clock at its start, less the true time then.
    pub(super) offset: i64,
    pub(super) asked: BTreeMap<usize, (Timestamp, String)>,
    pub(super) well_since: BTreeMap<usize, Timestamp>,
    /// The newest status that each peer brought, and when.
    pub(super) brought: BTreeMap<usize, (Status, Timestamp)>,
    pub(super) highest: BTreeMap<usize, u64>,
    pub(super) sees: (Vec<Sees>, Timestamp),
    pub(super) told_self: bool,
    pub(super) hangs: bool,
    pub(super) seq: u64,
    pub(super) retry: Option<Timestamp>,
    pub(super) tell: bool,
}

/// What really is, for the checks.
#[derive(Clone, Debug, Default)]
pub(super) struct Truth {
    pub(super) served: Option<Micros>,
    /// When a daemon first started after that.
    pub(super) believed: Option<Micros>,
    /// When the newest canary that was found was sent.
    pub(super) proven: Option<Micros>,
    /// When canaries were sent that nobody has seen yet.
    pub(super) sent: BTreeMap<String, Micros>,
    /// When the first message of the present trouble was not taken, or a canary was missed.
    pub(super) wrong: Option<Micros>,
    pub(super) settings_ok: bool,
    pub(super) nomail: bool,
    pub(super) state_ok: bool,
    pub(super) overdue: bool,
}

impl Truth {
    pub(super) fn went_wrong(&mut self, now: Micros) {
        self.wrong = Some(now);
    }
}

/// See the module.
pub(super) struct Node {
    pub(super) name: String,
    pub(super) id: NodeId,
    pub(super) setup: Setup,
    pub(super) up: bool,
    /// Wall clock less true time.
    pub(super) offset: i64,
    pub(super) boots: u32,
    pub(super) booted: Micros,
    pub(super) boot_id: String,
    pub(super) cron: bool,
    pub(super) port: bool,
    pub(super) uplink: bool,
    pub(super) disk: bool,
    pub(super) settings_ok: bool,
    pub(super) daemon_stays: bool,
    pub(super) passes_die: bool,
    pub(super) answers: Answers,
    /// Of a thousand ticks, so many are missed or doubled.
    pub(super) cron_fails: u64,
    pub(super) provider: Provider,
    pub(super) mailbox: Mailbox,
    pub(super) sought: Sought,
    pub(super) kept: Kept,
    pub(super) daemon: Option<Daemon>,
    pub(super) ticks: u32,
    pub(super) next_tick: Micros,
    pub(super) lease: Option<(u64, Micros)>,
    pub(super) claims: BTreeMap<usize, u64>,
    pub(super) report: PassReport,
    /// What each alert said.
    pub(super) kinds: BTreeMap<AlertId, AlertKind>,
    /// A message that was taken and is not marked yet, and by whom.
    pub(super) unmarked: Option<(u64, Vec<(AlertId, Recipient)>)>,
    pub(super) excused: BTreeMap<(AlertId, Recipient), u32>,
    pub(super) truth: Truth,
    /// Its clock was touched: ages cannot be held to the truth.
    pub(super) odd_clock: bool,
    /// Each state as it was committed last.
    pub(super) committed: BTreeMap<JobId, JobState>,
    /// What was decided to be told and neither was nor need not be.
    pub(super) owed: BTreeSet<(AlertId, Recipient)>,
    /// Since when host and cron have done what they should.
    pub(super) calm: Micros,
    /// The settings were edited, and no pass has seen it.
    pub(super) edited: bool,
    /// It has announced to be away until then, by its daemon's clock.
    pub(super) away: Option<Timestamp>,
}

pub(super) fn ok() -> Outcome {
    Outcome::ok("well")
}

impl Node {
    pub(super) fn new(name: &str, setup: Setup) -> Self {
        let memory = Memory::new(StoreClock::new(Timestamp::default));
        let kept = Kept {
            shared: memory.shared(),
            own: memory.own(),
            open: BTreeSet::new(),
            news: false,
            proof: Proof::default(),
            views: vec![View::default(); setup.watched.len()],
            base: None,
            cron: CronMemory::default(),
            before: None,
            failed: None,
        };
        Self {
            name: name.to_owned(),
            id: NodeId(name.repeat(16)),
            setup,
            up: true,
            offset: 0,
            boots: 1,
            booted: 0,
            boot_id: format!("{name}-1"),
            cron: true,
            port: true,
            uplink: true,
            disk: true,
            settings_ok: true,
            daemon_stays: true,
            passes_die: false,
            answers: Answers::Status,
            cron_fails: 0,
            provider: Provider::default(),
            mailbox: Mailbox::default(),
            sought: Sought::default(),
            kept,
            daemon: None,
            ticks: 0,
            next_tick: 0,
            lease: None,
            claims: BTreeMap::new(),
            report: PassReport::default(),
            kinds: BTreeMap::new(),
            unmarked: None,
            excused: BTreeMap::new(),
            truth: Truth { settings_ok: true, state_ok: true, ..Truth::default() },
            odd_clock: false,
            committed: BTreeMap::new(),
            owed: BTreeSet::new(),
            calm: 0,
            edited: false,
            away: None,
        }
    }

    /// What one of its processes held is free.
    pub(super) fn bereaved(&mut self, process: u64) {
        if self.daemon_process() == Some(process) {
            self.daemon = None;
        }
        if self.lease.is_some_and(|(holder, _)| holder == process) {
            self.lease = None;
        }
        self.claims.retain(|_, holder| *holder != process);
        if let Some((holder, carried)) = self.unmarked.take() {
            if holder == process {
                for key in carried {
                    *self.excused.entry(key).or_insert(0) += 1;
                }
            } else {
                self.unmarked = Some((holder, carried));
            }
        }
    }

    pub(super) fn daemon_process(&self) -> Option<u64> {
        self.daemon.as_ref().map(|d| d.process)
    }

    /// The numbers of the statuses that it knows of its peers.
    pub(super) fn highest(&self) -> BTreeMap<usize, u64> {
        let known = |(at, view): (usize, &View)| Some((at, view.status.as_ref()?.seq));
        self.kept.views.iter().enumerate().filter_map(known).collect()
    }

    /// Whether its daemon answers on its socket.
    pub(super) fn daemon_answers(&self) -> bool {
        self.daemon.as_ref().is_some_and(|d| !d.hangs)
    }

    /// The time since boot.
    pub(super) fn boot_time(&self, now: Micros) -> Duration {
        Duration::from_micros(u64::try_from(now - self.booted).unwrap_or(0))
    }

    /// All ledgers, as a drain goes through them.
    pub(super) fn ledgers(&self) -> [&dyn Ledger; 2] {
        [&self.kept.own, &self.kept.shared]
    }
}
