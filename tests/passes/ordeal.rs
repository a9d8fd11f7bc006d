//! A home whose passes are killed: targets that go up and down, children that note when they begin and end, a real mail
//! server behind a relay that notes what it took over, and what must hold whenever a pass was killed.

use super::web::Web;
use super::{JOB, mend, smash};
use crate::support::binary::{Home, Mail, sweep, utc};
use crate::support::mail::MailServer;
use crate::support::moments::Moments;
use crate::support::relay::{Accepted, Relay};
use checker_job::Timestamp;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

/// A row of numbers that look like chance and are the same each time.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// The time in which the next kill comes, in microseconds, after a kill that came when `all_was_told` or before: so that few
/// come then, whatever the load of this machine. It never shrinks to nothing.
pub(crate) fn next_length(length: u64, all_was_told: bool) -> u64 {
    let next = if all_was_told { length * 3 / 4 } else { length * 26 / 25 };
    next.max(1_000)
}

#[test]
fn kills_have_time_to_come_however_often_they_come_too_late() {
    let length = (0..200).fold(600_000, |length, _| next_length(length, true));
    assert!(Chance(1).below(length) < length);
    assert!(next_length(length, false) > length, "and it grows again");
}

/// Targets of each kind: two files, two pages, two ports.
pub(crate) const TARGETS: usize = 6;

pub(crate) struct Ordeal {
    pub(crate) home: Home,
    pub(crate) relay: Relay,
    /// The time of the newest pass.
    pub(crate) now: Timestamp,
    pub(crate) up: [bool; TARGETS],
    /// Message-IDs of what was told before anything was killed.
    pub(crate) settled: BTreeSet<String>,
    web: Web,
    ports: [u16; 2],
    listeners: [Option<TcpListener>; 2],
    /// What pages and children had noted before the newest pass.
    noted: usize,
}

/// How far a pass had come when it was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Nothing is claimed.
    Starting,
    /// Jobs are claimed, none has begun.
    Claimed,
    /// Jobs have begun, no result is committed.
    Running,
    /// Results are committed, no message for them.
    Committed,
    /// Messages are committed, no connection is made.
    Planned,
    /// It talks to the mail server.
    Sending,
    /// The server took a message over, and it is not marked.
    Accepted,
    /// All is told.
    Told,
}

impl Ordeal {
    /// All targets are up, and no pass was made. `server` is the port of a mail server; `keys` are more keys for each
    /// target; `more` are more jobs.
    pub(crate) fn new(server: u16, keys: [&str; TARGETS], more: &str) -> Self {
        let (relay, web, ports) = (Relay::start(server), Web::start(), crate::support::free_ports());
        let target = |n: usize| {
            let (kind, what) = match n {
                0 | 1 => ("example", format!("path = \"HOME/up.t{n}\"")),
                2 | 3 => ("http", format!("url = \"http://127.0.0.1:{}/t{n}\"", web.port)),
                _ => ("tcp", format!("address = \"127.0.0.1:{}\"", ports[n - 4])),
            };
            let common = format!("id = \"t{n}\"\nname = \"t{n}\"\nfailure_threshold = 1\nremind = \"never\"");
            format!("[[job.{kind}]]\n{common}\n{}\n{what}\n\n", keys[n])
        };
        let targets = (0..TARGETS).map(target).collect::<Vec<_>>().concat();
        let home = Home::new(&format!(
            "[general]\nservername = \"alpha\"\nalertcontact = \"watch@checker.test\"\ntimezone = \"Europe/Berlin\"\n\n\
             [email]\nfrom = \"kills@checker.test\"\ndaily_limit = 100000\n[email.smtp]\nhost = \"127.0.0.1\"\nport = \
             {}\nsecurity = \"none\"\n\n{targets}{more}",
            relay.port
        ));
        home.write("job.sh", JOB);
        let now = utc("2026-05-01 00:00:01");
        let listeners = [None, None];
        let (up, settled) = ([false; TARGETS], BTreeSet::new());
        let mut all = Self { home, relay, now, up, settled, web, ports, listeners, noted: 0 };
        for n in 0..TARGETS {
            all.flip(n);
        }
        all
    }

    /// Mends or breaks a target; the answer is what is to be told of it.
    pub(crate) fn flip(&mut self, n: usize) -> String {
        let (name, up) = (format!("t{n}"), !self.up[n]);
        match n {
            0 | 1 if up => mend(&self.home, &name),
            0 | 1 => smash(&self.home, &name),
            2 | 3 => self.web.set(&name, up),
            _ => self.listeners[n - 4] = up.then(|| listen(self.ports[n - 4])),
        }
        self.up[n] = up;
        if up { format!("UP: {name}") } else { format!("DOWN: {name}") }
    }

    fn noted(&self) -> usize {
        self.web.hits() + self.home.read("begun").lines().count()
    }

    /// Whether a job of the newest pass has begun, as its target or its child saw it.
    fn has_begun(&self) -> bool {
        let seen = || self.noted() > self.noted || self.listeners.iter().flatten().any(|l| take_all(l) > 0);
        if seen() {
            return true;
        }
        // A child that was just started notes it a moment later, whoever has died meanwhile.
        std::thread::sleep(Duration::from_millis(30));
        seen()
    }

    /// Waits until what a killed pass was just starting has begun: before that nobody knows it as a child of a job.
    /// Everywhere but here the next pass comes a minute later.
    pub(crate) fn settle(&self) {
        let begun = || {
            let ours = |pid: &PathBuf| std::fs::read_link(pid.join("exe")).is_ok_and(|exe| exe.ends_with("checker"));
            (!self.processes().iter().any(ours)).then_some(())
        };
        crate::support::wait_until(Duration::from_secs(20), begun).expect("what dead passes were starting begins");
    }

    /// Starts a pass in the next minute.
    pub(crate) fn start(&mut self, moments: &Moments) -> Child {
        self.now = self.now.plus(Duration::from_secs(60));
        self.listeners.iter().flatten().for_each(|l| _ = take_all(l));
        self.noted = self.noted();
        self.home.start_with(self.now, &["cron"], moments)
    }

    /// A pass in the next minute that is left alone. Its children find the file `go`.
    pub(crate) fn whole_pass(&mut self) {
        self.now = self.now.plus(Duration::from_secs(60));
        self.home.write("go", "");
        drop(std::fs::remove_file(self.home.path("lingered")));
        self.home.pass_at(self.now);
        std::fs::remove_file(self.home.path("go")).expect("a file");
    }

    /// How far the newest pass, begun at `started` and dead since `killed`, had come.
    pub(crate) fn phase(&self, started: Instant, killed: Instant) -> Phase {
        if !self.home.path("checker.db").exists() {
            return Phase::Starting;
        }
        let pass = format!(
            "(SELECT id FROM pass WHERE is_open = 1 AND started >= {} ORDER BY id DESC LIMIT 1)",
            self.now.micros()
        );
        let count = |what: &str| self.home.count(&what.replace("PASS", &pass));
        if count("SELECT count(*) FROM pass WHERE id = PASS AND claims <> '{}'") == 0 {
            return Phase::Starting;
        }
        if count("SELECT count(*) FROM run WHERE pass = PASS") == 0 {
            return if self.has_begun() { Phase::Running } else { Phase::Claimed };
        }
        let unsent = self.ids("SELECT message_id FROM delivery WHERE state = 'unsent'");
        let within = |at: Instant| at >= started && at <= killed;
        if self.relay.accepted().iter().any(|a| within(a.at) && unsent.contains(a.mail.id())) {
            Phase::Accepted
        } else if !unsent.is_empty() && self.relay.connected().is_some_and(within) {
            Phase::Sending
        } else if !unsent.is_empty() {
            Phase::Planned
        } else if count("SELECT count(*) FROM addressee WHERE state = 'waiting'") > 0 {
            Phase::Committed
        } else {
            Phase::Told
        }
    }

    pub(crate) fn ids(&self, sql: &str) -> BTreeSet<String> {
        let db = self.home.db();
        let mut rows = db.prepare(sql).expect("a query");
        let found = rows.query_map([], |r| r.get(0)).expect("rows");
        found.map(|id| id.expect("an id")).collect()
    }

    /// What the server took over by now and a human is to read: no canaries.
    pub(crate) fn news(&self) -> Vec<Accepted> {
        self.relay.accepted().into_iter().filter(|a| !is_canary(&a.mail)).collect()
    }

    /// What must hold whenever a pass was killed.
    pub(crate) fn check_store(&self, when: &str) {
        if !self.home.path("checker.db").exists() {
            return;
        }
        let good: String = self.home.db().query_row("PRAGMA integrity_check", [], |r| r.get(0)).expect("an answer");
        assert_eq!(good, "ok", "killed {when}");
        // Asked in this order: what is told meanwhile by nobody cannot be missed.
        let accepted: BTreeSet<String> = self.news().iter().map(|a| a.mail.id().to_owned()).collect();
        let known = self.ids("SELECT message_id FROM delivery");
        let told = self.ids("SELECT message_id FROM delivery WHERE state = 'told'");
        let ghosts: Vec<_> = accepted.difference(&known).collect();
        assert!(ghosts.is_empty(), "killed {when}: sent before they were committed: {ghosts:?}");
        let lies: Vec<_> = told.difference(&accepted).filter(|id| !self.settled.contains(*id)).collect();
        assert!(lies.is_empty(), "killed {when}: marked as told before the server took them over: {lies:?}");
    }

    /// What must hold after whole passes: `news`, everything that the server took over since `expected` began, tells each
    /// of it in one message and nothing else; repeats of one message are at most `repeats`.
    pub(crate) fn check_told(&self, when: &str, expected: &[(String, &str)], news: &[Accepted], repeats: usize) {
        let mails: Vec<&Mail> = news.iter().map(|a| &a.mail).collect();
        let shown: Vec<_> = mails.iter().map(|m| (m.head.get("to"), m.subject())).collect();
        let mut used = BTreeSet::new();
        for (words, to) in expected {
            let fits = |m: &&&Mail| m.head["to"].contains(to) && m.raw.contains(words.as_str());
            let ids: BTreeSet<&str> = mails.iter().filter(fits).map(|m| m.id()).collect();
            assert_eq!(ids.len(), 1, "{when}: {words} is told to {to} by one message: {shown:?}");
            used.extend(ids);
        }
        let ids: BTreeSet<&str> = mails.iter().map(|m| m.id()).collect();
        assert_eq!(ids, used, "{when}: nothing else is told: {shown:?}");
        assert!(mails.len() - ids.len() <= repeats, "{when}: at most {repeats} repeats: {shown:?}");
        assert_eq!(self.home.read("twice"), "", "{when}: no job runs twice at once");
        for (sql, what) in [
            ("SELECT count(*) FROM addressee WHERE state <> 'told'", "every alert is told"),
            ("SELECT count(*) FROM pass WHERE is_open = 1", "dead passes hold nothing"),
        ] {
            assert_eq!(self.home.count(sql), 0, "{when}: {what}");
        }
        let stat = |pid: &PathBuf| std::fs::read_to_string(pid.join("stat")).ok();
        let survivors: Vec<String> = self.processes().iter().filter_map(stat).collect();
        assert!(survivors.is_empty(), "{when}: children have survived: {survivors:?}");
    }

    /// The program itself reads the state, and finds each target as it is.
    pub(crate) fn check_states(&self, when: &str) {
        let status = self.home.run(&["status", "--json"]).ended(0).json();
        let jobs = status["jobs"].as_array().expect("a list");
        let found: BTreeMap<&str, &str> =
            jobs.iter().filter_map(|j| Some((j["name"].as_str()?, j["state"].as_str()?))).collect();
        for (n, up) in self.up.iter().enumerate() {
            let wanted = if *up { "ok" } else { "failed" };
            assert_eq!(found[format!("t{n}").as_str()], wanted, "{when}: t{n} of {found:?}");
        }
    }

    /// Whoever works in this home, as folders of `/proc`: the children of a job do.
    fn processes(&self) -> Vec<PathBuf> {
        let home = std::fs::canonicalize(self.home.path(".")).expect("the home");
        let pids = std::fs::read_dir("/proc").expect("/proc").flatten().map(|e| e.path());
        pids.filter(|p| std::fs::read_link(p.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&home))).collect()
    }
}

/// Whether a message is one to ourselves.
pub(crate) fn is_canary(mail: &Mail) -> bool {
    mail.head.contains_key("x-checker-canary")
}

/// Kills a pass and sees it end; the answer is when it was killed.
pub(crate) fn kill(mut pass: Child) -> Instant {
    // The child is not reaped before, so its number is its own.
    nix::sys::signal::kill(Pid::from_raw(pass.id().cast_signed()), Signal::SIGKILL).expect("a signal");
    let at = Instant::now();
    pass.wait().expect("its end");
    sweep(pass.id());
    at
}

fn listen(port: u16) -> TcpListener {
    let listener = crate::support::listen(port);
    listener.set_nonblocking(true).expect("a setting");
    listener
}

/// Takes all connections that wait; the answer is how many.
fn take_all(listener: &TcpListener) -> usize {
    std::iter::from_fn(|| listener.accept().ok()).count()
}

/// All that the server took over is in the mailbox, repeats included.
pub(crate) fn arrived(server: &MailServer, accepted: &[String]) {
    let wanted: BTreeSet<&str> = accepted.iter().map(String::as_str).collect();
    let mut found = 0;
    let all = crate::support::wait_until(Duration::from_secs(60), || {
        let mails = server.mailbox("watch");
        found = mails.iter().filter(|m| m.all("message-id").first().is_some_and(|id| wanted.contains(id))).count();
        (found >= accepted.len()).then_some(())
    });
    assert!(all.is_some() && found == accepted.len(), "{found} of {} messages arrived", accepted.len());
}
