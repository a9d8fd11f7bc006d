//! The rounds of a pass, beside its jobs: our own daemon, the peers, and the report that this pass has served.

use super::super::courier::Desk;
use super::super::exit::Failure;
use super::super::watch::{digest, socket};
use super::super::world::World;
use super::degraded::DELIVERY_TIME;
use crate::clock::Steady;
use crate::control::{self, Answer, Ask, Program};
use crate::decide::Recipient;
use crate::decide::drill::is_drill;
use crate::decide::health::PassReport;
use crate::decide::pace::{self, Pace};
use crate::decide::peers::Brought;
use crate::decide::witness::{Answer as Seen, Finding};
use crate::node;
use crate::peer::{Instance, NodeKey};
use crate::rounds::{self, Peer, Rounds};
use crate::store::{Home, Ledger, Result, Sqlite};
use crate::witness;
use checker_parts::net::Endpoint;
use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use uuid::Uuid;

/// The threads of one pass that watch.
pub(super) struct Watch {
    socket: Option<PathBuf>,
    settings: String,
    nomail: bool,
    settings_ok: bool,
    jobs: usize,
    push: Option<Push>,
    threads: Vec<JoinHandle<()>>,
}

/// Those to whom we bring our status, once this pass has served.
struct Push {
    peers: Vec<Peer>,
    key: Arc<NodeKey>,
    instance: Instance,
}

/// What the rounds own, on a thread of their own.
struct Round {
    home: Arc<Home>,
    desk: Desk,
    contacts: Vec<Recipient>,
    socket: Option<PathBuf>,
    respawn: Option<Start>,
    key: Option<Arc<NodeKey>>,
    instance: Instance,
    peers: Vec<Peer>,
    /// What shows whether we are on the net: mail servers and what the settings name; and the peers, by name.
    references: Vec<Endpoint>,
    others: Vec<(String, Endpoint)>,
    pace: Pace,
    clock: Steady,
}

/// How the daemon is started again.
struct Start {
    settings: PathBuf,
    nomail: bool,
}

impl Watch {
    /// Starts the rounds, where the settings have something to watch.
    pub(super) fn start(world: &World, home: &Arc<Home>, clock: Steady) -> std::result::Result<Self, Failure> {
        let socket = socket(world);
        let mut watch = Self {
            settings: if socket.is_some() { digest(&world.settings) } else { String::new() },
            socket: socket.clone(),
            nomail: world.settings.email.nomail,
            settings_ok: world.broken.is_none(),
            jobs: world.settings.jobs.len(),
            push: None,
            threads: Vec::new(),
        };
        let peers = world.peers()?;
        if socket.is_none() && peers.is_empty() {
            return Ok(watch);
        }
        let key = if peers.is_empty() { None } else { Some(world.key()?) };
        watch.push = key.clone().filter(|_| peers.iter().any(|p| p.watched.push)).map(|key| Push {
            peers: peers.clone(),
            key,
            instance: world.instance(),
        });
        // A holder of its own: its drain and that of the jobs' waves wait for each other.
        let id = Uuid::now_v7();
        home.hold(id)?;
        let respawn = world.settings.daemon.as_ref().is_some_and(|d| d.respawn);
        let round = Round {
            home: Arc::clone(home),
            desk: world.desk(home, id)?,
            contacts: world.contacts(),
            socket,
            respawn: respawn.then(|| Start { settings: world.path.clone(), nomail: world.settings.email.nomail }),
            key,
            instance: world.instance(),
            peers,
            references: world.references_but_peers(),
            others: world.peer_endpoints(),
            pace: world.settings.pace,
            clock,
        };
        watch.spawn("rounds", move || round.run());
        Ok(watch)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) {
        match std::thread::Builder::new().name(name.to_owned()).spawn(work) {
            Ok(thread) => self.threads.push(thread),
            Err(why) => tracing::error!("no thread for the {name}: {why}"),
        }
    }

    /// The first wave of this pass is committed: the daemon hears of it, and so do those who cannot ask it. Returns at once.
    pub(super) fn served(&mut self, store: &Sqlite, home: &Home, clock: &Steady) {
        let Some(socket) = self.socket.clone() else { return };
        let report = match self.report(store, home, clock) {
            Ok(report) => report,
            Err(why) => {
                tracing::warn!("the daemon is not told of this pass: {why}");
                return;
            }
        };
        let ask = Ask::Pass { report, program: Program::running(), settings: self.settings.clone() };
        let push = self.push.take();
        self.spawn("report", move || {
            if let Err(why) = control::ask(&socket, &ask, pace::DAEMON) {
                tracing::debug!("the daemon is not told of this pass: {why}");
            }
            if let Some(push) = push {
                push.status(&socket);
            }
        });
    }

    fn report(&self, store: &Sqlite, home: &Home, clock: &Steady) -> Result<PassReport> {
        let (shared, own) = (store.shared(), store.own());
        let troubles = own.slots()?;
        let open = |id: &str| troubles.iter().any(|(job, slot)| slot.open && job.as_str().starts_with(id));
        let unsent = [shared.unsent()?, own.unsent()?].concat();
        let refused = unsent.iter().any(|d| matches!(d.state, crate::decide::DeliveryState::Refused { .. }));
        let waiting = unsent.len() + shared.waiting()?.len() + own.waiting()?.len();
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let failing = shared.slots()?.iter().filter(|(job, s)| s.open && !is_drill(job)).count();
        let overdue = troubles.iter().filter(|(id, s)| s.open && id.as_str().starts_with("node:crontab:")).count();
        Ok(PassReport {
            served: clock.now(),
            jobs: count(self.jobs),
            failing: count(failing),
            overdue: count(overdue),
            state_ok: home.degraded().is_none(),
            settings_ok: self.settings_ok,
            clock_ok: !open("node:clock"),
            sighted: !open("node:network") && !open("node:resources"),
            waiting: count(waiting),
            refused,
            nomail: self.nomail,
        })
    }

    /// Waits for the rounds; each part of them has an end.
    pub(super) fn finish(self) {
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a part of the rounds broke off");
            }
        }
    }
}

impl Round {
    fn run(&self) {
        if let Err(why) = self.go_round() {
            tracing::warn!("the watch over ourselves and the peers was cut short: {why}");
        }
    }

    fn go_round(&self) -> Result<()> {
        let store = self.home.open()?;
        let own = store.own();
        let mut answer = None;
        if let Some(socket) = &self.socket {
            let respawn = self.respawn.as_ref().map(|start| move || start.daemon());
            let respawn = respawn.as_ref().map(|r| r as &dyn Fn() -> String);
            answer = rounds::watch_daemon(&own, &self.contacts, socket, respawn, self.clock.now())?;
        }
        if let Some(key) = &self.key {
            self.watch_peers(&store, key, answer.as_ref())?;
        }
        if node::waits_for_no_job(&own.waiting()?) {
            self.desk.drain(DELIVERY_TIME)?;
        }
        Ok(())
    }

    fn watch_peers(&self, store: &Sqlite, key: &Arc<NodeKey>, answer: Option<&Answer>) -> Result<()> {
        let nobody = BTreeMap::new();
        let rounds = Rounds {
            own: &store.own(),
            contacts: &self.contacts,
            key,
            instance: &self.instance,
            peers: &self.peers,
            pace: self.pace,
            now: &|| self.clock.now(),
            askers: answer.map_or(&nobody, |a| &a.askers),
            cut_off: &|silent| self.is_cut_off(silent),
        };
        let brought = answer.map(|a| {
            let newest = a.pushed.iter().map(|(id, s, secs)| (id.clone(), (s.clone(), Duration::from_secs(*secs))));
            Brought { up: Duration::from_secs(a.up_s), said: self.clock.now(), newest: newest.collect() }
        });
        let Some(sees) = rounds.watch_peers(brought.as_ref())? else { return Ok(()) };
        let askers = answer.map(|a| a.askers.clone()).unwrap_or_default();
        if let Some(socket) = &self.socket
            && let Err(why) = control::ask(socket, &Ask::Sees { sees, askers }, pace::DAEMON)
        {
            tracing::debug!("the daemon is not told how the peers are: {why}");
        }
        Ok(())
    }

    /// Whether we are cut off, as everybody shows whom we know and who is not silent now: a host with no way out may still reach
    /// all that it needs, and a name in the settings may be dead for years.
    fn is_cut_off(&self, silent: &[&Peer]) -> bool {
        let others = self.others.iter().filter(|(name, _)| silent.iter().all(|s| s.watched.name != *name));
        let ask: Vec<Endpoint> = self.references.iter().chain(others.map(|(_, at)| at)).cloned().collect();
        let evidence = witness::ask(&ask, false);
        let finding = Finding::of(&evidence);
        // Names that do not exist, and this host itself, prove nothing.
        let answered = evidence.references.iter().any(|(_, answer)| *answer == Seen::Answers);
        !answered && (finding.no_route || finding.no_reference)
    }
}

impl Push {
    /// What our daemon says of us goes to them.
    fn status(&self, socket: &Path) {
        match control::ask(socket, &Ask::Status, pace::DAEMON).map(|a| a.status) {
            Ok(Some(status)) => {
                let body = serde_json::to_vec(&status).unwrap_or_default();
                let old = rounds::push(&self.peers, &self.key, &self.instance, &body);
                if old && let Err(why) = control::ask(socket, &Ask::CountOn, pace::DAEMON) {
                    tracing::warn!("the daemon does not count on: {why}");
                }
            }
            Ok(None) => tracing::warn!("the daemon has no status to push"),
            Err(why) => tracing::warn!("no status to push: {why}"),
        }
    }
}

impl Start {
    /// Starts the daemon as cron would: on its own, with nothing to write to.
    fn daemon(&self) -> String {
        let mut command = Command::new(Program::file());
        command.arg("-f").arg(&self.settings);
        if self.nomail {
            command.arg("--nomail");
        }
        command.arg("daemon").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // It must not get the signals of this pass's group, and lives on when the pass ends.
        command.process_group(0);
        match command.spawn() {
            Ok(child) => {
                tracing::warn!("the daemon was started again, as process {}", child.id());
                "This pass has started it again.".to_owned()
            }
            Err(why) => format!("This pass tried to start it again, and could not: {why}"),
        }
    }
}
