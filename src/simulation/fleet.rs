//! Fleets: nodes that watch each other, as settings say or as chance has it.

use super::engine::{Micros, Sim, micros};
use super::first::{self, First};
use super::node::{Job, Node, Peer, Setup, Target};
use super::world::{Tempo, World};
use crate::decide::Recipient;
use crate::decide::bound::{Proof, Site};
use crate::decide::mail::{By, Canaries};
use crate::decide::peers::Watched;
use crate::decide::schedule::Class;
use crate::decide::status::NodeId;
use checker_job::{Frequency, JobId, Policy};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// How peers prove their mail, where ours is proved otherwise.
const USUAL: Canaries =
    Canaries { every: Duration::from_secs(900), within: Duration::from_secs(600), provable: true, by: By::Mailbox };

/// How a fleet is to be.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) site: Site,
    pub(super) seed: u64,
    pub(super) tempo: Tempo,
    /// The crontab has a line for each class.
    pub(super) lines: bool,
    /// Places that are kept for clones.
    pub(super) clones: usize,
    /// Nodes start within this time.
    pub(super) spread: Duration,
}

impl Site {
    /// Whether nobody can ask this node of the fleet: the last peers are those that push to us.
    fn is_hidden(&self, n: usize) -> bool {
        n > self.peers.saturating_sub(self.unasked)
    }

    /// Whether node `n` brings its status to `to`. We bring it to our first peers.
    fn node_brings(&self, n: usize, to: usize) -> bool {
        if n == 0 { (1..=self.pushed).contains(&to) } else { self.is_hidden(n) && !self.is_hidden(to) }
    }

    /// Two that cannot be asked are no peers.
    fn never_meet(&self, n: usize, to: usize) -> bool {
        self.is_hidden(n) && self.is_hidden(to)
    }
}

/// Whose mailbox a node's own messages go to.
pub(super) fn admin(name: &str) -> Recipient {
    Recipient(format!("admin@{name}"))
}

/// Where the same admin hears what mail cannot bring.
pub(super) fn phone(name: &str) -> Recipient {
    Recipient(format!("phone of {name}"))
}

fn jobs(name: &str, site: &Site) -> Vec<Job> {
    let job = |(at, (every, threshold, timeout)): (usize, &(Frequency, u32, Duration))| Job {
        id: JobId::literal(format!("tcp:{name}:{at}")),
        policy: Policy {
            name: format!("job {at}"),
            every: *every,
            failure_threshold: *threshold,
            timeout: *timeout,
            ..Policy::default()
        },
        listed: true,
        up: true,
        slot: None,
        begun: None,
    };
    site.jobs.iter().enumerate().map(job).collect()
}

/// The crontab of the first program.
fn lines() -> BTreeSet<Class> {
    Class::ALL.into_iter().collect()
}

/// A fleet in which node 0 is the one that the site is about. All have its settings.
pub(super) fn build(plan: &Plan) -> Rc<Sim> {
    let site = &plan.site;
    let mut world = World::new(plan.seed, plan.tempo, site.latency);
    let count = (1 + site.peers).min(NAMES.len() - 1);
    let mut names: Vec<&str> = NAMES.into_iter().take(count).collect();
    for at in (1..names.len()).rev() {
        let with = world.rng.index(at + 1);
        names.swap(at, with);
    }
    let mut setups: Vec<Setup> = names.iter().map(|name| setup(name, site, plan.lines)).collect();
    for (n, setup) in setups.iter_mut().enumerate() {
        for (to, name) in names.iter().enumerate().filter(|(to, _)| *to != n && !site.never_meet(n, *to)) {
            let node = Some(NodeId(name.repeat(16)));
            let (pushes, push) = (site.node_brings(to, n), site.node_brings(n, to));
            setup.watched.push(Watched { name: (*name).to_owned(), node, pushes, push });
            let listed = to != 0 || site.listens || pushes;
            setup.peers.push(Peer { target: Target::Node(to), admin: admin(name), listed });
        }
        if n > 0 {
            (setup.daemon, setup.listens) = (true, !site.is_hidden(n));
            if site.proof != Proof::Mailbox {
                (setup.proof, setup.canaries) = (Proof::Mailbox, USUAL);
            }
            setup.seeks = site.proof == Proof::Peer;
        }
    }
    if site.proof == Proof::Peer
        && let Some(setup) = setups.first_mut()
    {
        setup.lookers = setup.watched.first().and_then(|w| w.node.clone()).into_iter().collect();
    }
    for at in 0..site.legacy {
        let (name, admin_of) = (format!("old{at}"), names.first().map_or_else(|| admin("?"), |n| admin(n)));
        if let Some(setup) = setups.first_mut() {
            setup.watched.push(Watched { name: name.clone(), node: None, pushes: false, push: false });
            setup.peers.push(Peer { target: Target::First(at), admin: admin(&name), listed: true });
        }
        world.firsts.push(First { watches: 0, admin: admin_of, up: true, mail_failed: None, runs: true });
    }
    world.nodes = names.iter().zip(setups).map(|(name, setup)| Node::new(name, setup)).collect();
    for _ in 0..plan.clones {
        let spare = Setup { watched: Vec::new(), peers: Vec::new(), daemon: false, ..setup("z", site, false) };
        let mut spare = Node::new("z", spare);
        spare.up = false;
        world.nodes.push(spare);
    }
    for n in 0..count {
        let at = micros(world.rng.time(plan.spread));
        world.nodes.get_mut(n).into_iter().for_each(|node| node.up = false);
        world.at(at, super::acts::Act::Host(n, true));
    }
    for at in 0..world.firsts.len() {
        first::schedule(&mut world, at);
    }
    Sim::new(world)
}

fn setup(name: &str, site: &Site, by_class: bool) -> Setup {
    Setup {
        pace: site.pace,
        canaries: site.canaries,
        proof: site.proof,
        lookers: Vec::new(),
        seeks: false,
        daemon: site.daemon,
        listens: site.listens && site.daemon,
        nomail: false,
        zone: TimeZone::UTC,
        lines: by_class.then(lines),
        jobs: jobs(name, site),
        contacts: vec![admin(name)],
        channel: (site.channels > 0).then(|| phone(name)),
        watched: Vec::new(),
        peers: Vec::new(),
    }
}

/// The time of a day of the history.
pub(super) fn secs(s: i64) -> Micros {
    s * 1_000_000
}
