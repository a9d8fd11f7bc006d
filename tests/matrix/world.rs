//! Everything that a row needs: a network with one machine for each node, a mail server that they all reach by addresses
//! of their own, and a resolver. It lives in a network namespace and ends with its row.

use super::node::{NAMES, Node};
use super::strangers::Impostor;
use crate::support::dns::Resolver;
use crate::support::hostile::Hostile;
use crate::support::mail::{MailServer, Site};
use crate::support::wait_until;
use nix::sched::{CloneFlags, unshare};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// How a world differs from the usual one.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) nodes: usize,
    /// The settings of a node, changed.
    pub(super) settings: fn(&str, String) -> String,
    /// The crontab of a node, changed; HOME is its folder.
    pub(super) table: fn(&str, String) -> String,
    /// What the mail server does, changed.
    pub(super) mail: fn(&mut Site),
    /// Another program than `checker`.
    pub(super) program: Option<fn() -> PathBuf>,
    /// The state is in `disk`, a small disk of its own.
    pub(super) disk: bool,
    /// Passes are started by the row, on a clock of their own; there is neither cron nor a daemon.
    pub(super) by_hand: bool,
    /// Peers know each other by IPv6 addresses alone.
    pub(super) v6: bool,
    /// The password of all accounts.
    pub(super) password: &'static str,
}

/// Two nodes, nothing else.
pub(super) const PLAN: Plan = Plan {
    nodes: 2,
    settings: |_, text| text,
    table: |_, text| text,
    mail: |_| (),
    program: None,
    disk: false,
    by_hand: false,
    v6: false,
    password: "secret",
};

/// A message that a human has.
pub(super) struct Told {
    /// The node that sent it.
    pub(super) by: String,
    /// Whose admin has it.
    pub(super) to: &'static str,
    pub(super) subject: String,
    pub(super) raw: String,
    pub(super) text: String,
    /// When it was in the mailbox.
    pub(super) at: Instant,
}

pub(super) struct World {
    pub(super) nodes: Vec<Node>,
    pub(super) mail: MailServer,
    pub(super) names: Resolver,
    /// What came into the mailboxes of humans, by file.
    told: BTreeMap<String, Told>,
    /// When the fault began.
    pub(super) struck: Instant,
    /// How long the row took by its own clock, if it has one.
    pub(super) took: Option<Duration>,
    pub(super) impostor: Option<Impostor>,
    pub(super) hostile: Option<Hostile>,
    /// Connections that are held open.
    pub(super) held: Vec<TcpStream>,
}

/// Where everything of the world itself is.
const WORLD: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
/// The target of the jobs.
const SHOP: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 50);
/// Where hostile servers are.
pub(super) const HOSTILE: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 66);

fn door(first: u8, at: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, 0, first + u8::try_from(at).expect("few nodes"))
}

/// The address of a node.
pub(super) fn node_of(at: usize) -> Ipv4Addr {
    door(101, at)
}

pub(super) fn smtp_of(name: &str) -> String {
    format!("smtp.{name}.test")
}

pub(super) fn imap_of(name: &str) -> String {
    format!("imap.{name}.test")
}

impl World {
    /// Runs `work` in a new world, on a thread of its own.
    pub(super) fn with<T: Send + 'static>(plan: Plan, work: impl FnOnce(Self) -> T + Send + 'static) -> T {
        let thread = std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
            work(Self::start(plan))
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    fn start(plan: Plan) -> Self {
        ip("link set lo up");
        // Else it would take that of one of its ports, and change it with them.
        ip("link add br0 address 02:00:00:00:00:01 type bridge");
        ip("link set br0 up");
        ip(&format!("addr add {WORLD}/24 dev br0"));
        ip("addr add fd99::1/64 dev br0 nodad");
        let mut names = Vec::new();
        for (at, name) in NAMES.iter().enumerate() {
            names.extend([(smtp_of(name), door(11, at)), (imap_of(name), door(21, at))]);
        }
        let doors = names.iter().map(|(_, at)| *at).chain([SHOP, HOSTILE]);
        doors.for_each(address_on);
        let mut site = site(&names, plan.password);
        (plan.mail)(&mut site);
        let mail = MailServer::start_at(&site);
        let names = Resolver::start_at(WORLD, &names);
        let nodes: Vec<Node> = (0..plan.nodes).map(|at| Node::new(at, plan, mail.ports, &mail.ca.pem)).collect();
        let tables: Vec<String> = nodes.iter().map(Node::table).collect();
        for node in &nodes {
            let others: String =
                tables.iter().enumerate().filter(|(at, _)| *at != node.at).map(|(_, t)| t.as_str()).collect();
            node.write(mail.ports, &others);
        }
        let told = BTreeMap::new();
        let (impostor, hostile, held) = (None, None, Vec::new());
        let mut world = Self { nodes, mail, names, told, struck: Instant::now(), took: None, impostor, hostile, held };
        for at in 0..plan.nodes {
            world.power_on(at);
        }
        world
    }

    /// Waits until every node is well and sees its peers well.
    pub(super) fn is_steady(&self) -> bool {
        if self.nodes[0].is_by_hand() {
            return true;
        }
        let peers = self.nodes.len() - 1;
        wait_until(Duration::from_secs(120), || self.nodes.iter().all(|n| n.is_steady(peers)).then_some(())).is_some()
    }

    /// The fault begins now, and not when its preparation did.
    pub(super) fn begins(&mut self) {
        self.struck = Instant::now();
    }

    /// All that humans have been told, oldest first.
    pub(super) fn told(&mut self) -> Vec<&Told> {
        for name in NAMES {
            for (file, mail) in self.mail.files(&format!("{name}-admin")) {
                self.told.entry(file).or_insert_with(|| {
                    let from = mail.header("From");
                    let by = from.split_once("checker@").and_then(|(_, rest)| rest.split_once(".test"));
                    let by = by.map_or(from.clone(), |(by, _)| by.to_owned());
                    let subject = mail.header("Subject");
                    Told { by, to: name, subject, text: mail.text, raw: mail.raw, at: Instant::now() }
                });
            }
        }
        let mut all: Vec<&Told> = self.told.values().collect();
        all.sort_by_key(|told| told.at);
        all
    }

    /// Waits for a message with these words.
    #[track_caller]
    pub(super) fn await_told(&mut self, words: &str) {
        let came = wait_until(Duration::from_secs(150), || {
            self.told().iter().any(|t| t.subject.contains(words)).then_some(())
        });
        assert!(came.is_some(), "nobody is told \"{words}\"");
    }

    /// Waits until the log of a node has a new line with these words.
    #[track_caller]
    pub(super) fn await_log(&self, at: usize, words: &str) {
        let lines = || self.nodes[at].home.read("checker.log").matches(words).count();
        let before = lines();
        let came = wait_until(Duration::from_secs(150), || (lines() > before).then_some(()));
        assert!(came.is_some(), "nothing in the log about {words}");
    }

    pub(super) fn power_on(&mut self, at: usize) {
        let conf = self.names.conf();
        let node = &mut self.nodes[at];
        let machine = node.boot(&conf);
        let (port, address) = (format!("node{at}"), node_of(at));
        ip(&format!("link add {port} type veth peer name eth0 netns {}", machine.first()));
        ip(&format!("link set {port} master br0 up"));
        machine.sh(&format!(
            "ip link set lo up && ip addr add {address}/24 dev eth0 && ip addr add fd99::{}/64 dev eth0 nodad && ip link set eth0 \
             up && ip route add default via {WORLD}",
            at + 101
        ));
        if !self.nodes[at].is_by_hand() {
            self.nodes[at].machine().start_cron();
        }
    }

    pub(super) fn power_off(&mut self, at: usize) {
        self.nodes[at].machine = None;
    }

    /// The cable of a node is pulled out of the switch, or put in.
    #[expect(clippy::unused_self, reason = "the thread is in the world")]
    pub(super) fn uplink(&self, at: usize, up: bool) {
        ip(&format!("link set node{at} {}", if up { "up" } else { "down" }));
    }

    /// What this node sends to that address gets lost on the way; everything else goes on.
    pub(super) fn lose(&self, at: usize, address: Ipv4Addr) {
        self.nodes[at].sh(&format!("ip neigh replace {address} lladdr 02:00:00:00:00:99 dev eth0 nud permanent"));
    }

    pub(super) fn find(&self, at: usize, address: Ipv4Addr) {
        self.nodes[at].sh(&format!("ip neigh del {address} dev eth0"));
    }

    /// The server by which a node sends is not there any more, or is.
    #[expect(clippy::unused_self, reason = "the thread is in the world")]
    pub(super) fn smtp(&self, at: usize, up: bool) {
        if up { address_on(smtp_address(at)) } else { address_off(smtp_address(at)) }
    }

    /// The server where a node looks for its own messages.
    #[expect(clippy::unused_self, reason = "the thread is in the world")]
    pub(super) fn imap(&self, at: usize, up: bool) {
        if up { address_on(door(21, at)) } else { address_off(door(21, at)) }
    }

    /// The target of the jobs.
    #[expect(clippy::unused_self, reason = "the thread is in the world")]
    pub(super) fn shop(&self, up: bool) {
        if up { address_on(SHOP) } else { address_off(SHOP) }
    }

    /// The resolver, as one node sees it.
    pub(super) fn lose_resolver(&self, at: usize) {
        self.lose(at, WORLD);
    }

    /// The password of the account by which a node sends.
    pub(super) fn set_password(&mut self, at: usize, password: &str) {
        let user = format!("sender@{}.test", NAMES[at]);
        self.mail.reconfigure(|site| {
            site.accounts.iter_mut().filter(|a| a.0 == user).for_each(|a| password.clone_into(&mut a.1));
        });
    }
}

pub(super) fn smtp_address(at: usize) -> Ipv4Addr {
    door(11, at)
}

/// An address of the world comes or goes.
pub(super) fn address_on(address: Ipv4Addr) {
    ip(&format!("addr add {address}/32 dev br0"));
}

pub(super) fn address_off(address: Ipv4Addr) {
    ip(&format!("addr del {address}/32 dev br0"));
}

#[track_caller]
fn ip(words: &str) {
    let done = Command::new("/sbin/ip").args(words.split(' ')).output().expect("ip starts");
    assert!(done.status.success(), "ip {words}: {}", String::from_utf8_lossy(&done.stderr));
}

/// For each node a domain with three mailboxes: its admin's, the one that proves its mail, and one to send from.
fn site(names: &[(String, Ipv4Addr)], password: &str) -> Site {
    let addresses = names.iter().map(|(_, at)| at.to_string()).chain([SHOP.to_string(), "127.0.0.1".to_owned()]);
    let boxes = NAMES.iter().flat_map(|name| {
        ["admin", "checker", "sender"].map(|who| (format!("{who}@{name}.test"), format!("{name}-{who}/")))
    });
    let boxes: Vec<(String, String)> = boxes.collect();
    let accounts =
        boxes.iter().map(|(who, folder)| (who.clone(), password.to_owned(), folder.trim_end_matches('/').to_owned()));
    Site {
        addresses: addresses.collect(),
        names: names.iter().map(|(name, _)| name.clone()).chain(["localhost".to_owned()]).collect(),
        accounts: accounts.collect(),
        boxes,
        rules: vec![("nobody@alpha.test".to_owned(), "REJECT 5.7.1 not here".to_owned())],
    }
}
