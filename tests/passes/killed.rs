//! Passes that are killed: nothing that they decided is lost, nothing runs twice at once, little is told twice.

use super::sink::{Moment, Sink, send};
use super::{job, mend, smash, target, wait_for};
use crate::support::binary::{Home, Mail, done, has_faketime, sweep, usual, utc};
use checker_job::Timestamp;
use nix::sys::signal::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Child;
use std::time::Duration;

/// Kills a pass and sees it end.
fn end(mut pass: Child) {
    send(pass.id(), Signal::SIGKILL);
    pass.wait().expect("its end");
    sweep(pass.id());
}

/// Whether a process does anything still.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

#[test]
fn what_a_killed_pass_left_running_is_ended_before_it_runs_again() {
    if !has_faketime() {
        return;
    }
    // It leaves a process in a session of its own, too; both would sit there for a minute.
    let words = "test -e go || { setsid sleep 60 & echo \"apart $!\" >>begun; wait; }";
    let home = super::home(&[job("stuck", words, ""), job("after", "true", "")]);
    let noon = utc("2026-05-01 12:00:01");
    let pass = home.start_at(noon, &["cron"]);
    wait_for("the job begins", || home.read("begun").contains("apart") && home.read("ended").contains("after"));
    end(pass);
    let begun = home.read("begun");
    let left = begun.lines().filter(|l| !l.starts_with("after"));
    let left: Vec<&str> = left.filter_map(|l| l.split(' ').next_back()).collect();
    assert!(left.len() == 2 && left.iter().all(|pid| is_alive(pid)), "a kill of the pass alone: {left:?}");
    home.write("go", "");
    home.pass_at(noon.plus(Duration::from_secs(60)));
    wait_for("what was left ends", || !left.iter().any(|pid| is_alive(pid)));
    assert_eq!(home.read("twice"), "");
    assert_eq!(home.read("ended").lines().filter(|l| *l == "stuck").count(), 1);
    assert_eq!(home.count("SELECT count(*) FROM pass WHERE is_open = 1"), 0, "the dead pass holds nothing");
    let jobs = &home.run(&["status", "--json"]).ended(0).json()["jobs"];
    assert_eq!((&jobs[0]["state"], &jobs[1]["state"]), (&"ok".into(), &"ok".into()));
    assert!(home.mails().is_empty(), "{:?}", home.subjects());
}

/// When a pass of the long test is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    /// This many milliseconds after its start.
    After(u64),
    /// A job has begun.
    Running,
    /// A message is committed and has not left.
    Planned,
    /// A message is on its way.
    Sending,
    /// A message was accepted and is not marked.
    Accepted,
}

const TARGETS: usize = 6;
const ROUNDS: usize = 44;

/// One state, killed again and again.
struct Ordeal {
    home: Home,
    sink: Sink,
    now: Timestamp,
    up: Vec<bool>,
    kills: BTreeMap<&'static str, u32>,
    seed: u64,
}

impl Ordeal {
    fn new() -> Self {
        let sink = Sink::start();
        let jobs: Vec<String> = (0..TARGETS).map(|n| target(&format!("t{n}"), "remind = \"never\"")).collect();
        let jobs = jobs.concat() + &job("worker", "sleep 0.03", "remind = \"never\"");
        let mail = format!(
            "[email]\nfrom = \"checker@example.com\"\ndaily_limit = 100000\n[email.smtp]\nhost = \"127.0.0.1\"\nport = {}\n\
             security = \"none\"\n",
            sink.port
        );
        let home =
            Home::new(&usual(&jobs).replace("[email]\ntransport = \"file\"\nfrom = \"checker@example.com\"\n", &mail));
        home.write("job.sh", super::JOB);
        (0..TARGETS).for_each(|n| mend(&home, &format!("t{n}")));
        let now = utc("2026-05-01 00:00:01");
        Self { home, sink, now, up: vec![true; TARGETS], kills: BTreeMap::new(), seed: 0x5eed }
    }

    /// The next of a fixed row of numbers that look like chance.
    fn chance(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    fn flip(&mut self, n: usize) -> String {
        let name = format!("t{n}");
        if self.up[n] {
            smash(&self.home, &name);
        } else {
            mend(&self.home, &name);
        }
        self.up[n] = !self.up[n];
        if self.up[n] { format!("UP: {name}") } else { format!("DOWN: {name}") }
    }

    /// A pass in the next minute that is killed, unless it ends before.
    fn killed_pass(&mut self, when: When) {
        self.now = self.now.plus(Duration::from_secs(60));
        let begun = self.home.read("begun").len();
        let mut pass = self.home.start_at(self.now, &["cron"]);
        let moment = match when {
            When::Planned => Some(Moment::Connected),
            When::Sending => Some(Moment::Sending),
            When::Accepted => Some(Moment::Accepted),
            When::After(_) | When::Running => None,
        };
        if let Some(moment) = moment {
            self.sink.arm(moment, pass.id());
            pass.wait().expect("its end");
            sweep(pass.id());
            if self.sink.disarm() {
                *self.kills.entry(word(when)).or_default() += 1;
            }
            return;
        }
        match when {
            When::After(ms) => std::thread::sleep(Duration::from_millis(ms)),
            _ => wait_for("the job begins", || self.home.read("begun").len() > begun),
        }
        if pass.try_wait().expect("its state").is_some() {
            return;
        }
        end(pass);
        let found = if when == When::Running { word(when) } else { self.phase() };
        *self.kills.entry(found).or_default() += 1;
    }

    /// How far the newest pass had come, by what it left.
    fn phase(&self) -> &'static str {
        if !self.home.path("checker.db").exists() {
            return "at the start";
        }
        let open = "(SELECT id FROM pass WHERE is_open = 1 ORDER BY id DESC LIMIT 1)";
        let count = |what: &str| self.home.count(&what.replace("OPEN", open));
        if count("SELECT count(*) FROM delivery WHERE state = 'unsent'") > 0 {
            word(When::Planned)
        } else if count("SELECT count(*) FROM run WHERE pass = OPEN") > 0 {
            "results committed"
        } else if count("SELECT count(*) FROM pass WHERE id = OPEN AND claims <> '{}'") > 0 {
            word(When::Running)
        } else {
            "at the start"
        }
    }

    /// A pass in the next minute that is left alone.
    fn whole_pass(&mut self) {
        self.now = self.now.plus(Duration::from_secs(60));
        self.home.pass_at(self.now);
    }

    fn check_round(flips: &[String], news: &[Mail], kills: usize) {
        let ids: BTreeSet<&str> = news.iter().map(Mail::id).collect();
        let subjects: Vec<&str> = news.iter().map(Mail::subject).collect();
        for flip in flips {
            let told: BTreeSet<&str> =
                news.iter().filter(|m| m.subject().contains(flip.as_str())).map(Mail::id).collect();
            assert_eq!(told.len(), 1, "{flip} was told by one message, whatever was killed: {subjects:?}");
        }
        assert_eq!(ids.len(), flips.len(), "and nothing else was told: {subjects:?}");
        assert!(news.len() - ids.len() <= kills, "a kill repeats one message at most: {subjects:?}");
    }
}

fn word(when: When) -> &'static str {
    match when {
        When::After(_) => "by chance",
        When::Running => "jobs running",
        When::Planned => "messages committed",
        When::Sending => "sending",
        When::Accepted => "accepted, not marked",
    }
}

#[test]
fn whenever_a_pass_is_killed_nothing_is_lost_and_little_is_repeated() {
    if !has_faketime() {
        return;
    }
    let mut all = Ordeal::new();
    all.whole_pass();
    let kinds = [When::Running, When::Planned, When::Sending, When::Accepted];
    for round in 0..ROUNDS {
        // More than an hour later, so that nothing flaps.
        all.now = all.now.plus(Duration::from_secs(3_700));
        let (seen, before): (usize, u32) = (all.sink.accepted().len(), all.kills.values().sum());
        let flips: Vec<String> = [round % TARGETS, (round + 3) % TARGETS].map(|n| all.flip(n)).to_vec();
        let after = When::After(all.chance(60));
        all.killed_pass(after);
        all.killed_pass(kinds[round % 4]);
        let other = kinds[(round + 1) % 4];
        all.killed_pass(other);
        all.whole_pass();
        let kills = all.kills.values().sum::<u32>() - before;
        let news = all.sink.accepted().split_off(seen);
        Ordeal::check_round(&flips, &news, kills as usize);
    }
    let accepted = all.sink.accepted();
    let ids: BTreeSet<&str> = accepted.iter().map(Mail::id).collect();
    let repeats = accepted.len() - ids.len();
    let total: u32 = all.kills.values().sum();
    println!("{total} kills: {:?}; {} messages, {repeats} repeats", all.kills, ids.len());
    assert_eq!(all.home.read("twice"), "", "no job ran twice at once");
    assert_eq!(all.home.count("SELECT count(*) FROM addressee WHERE state <> 'told'"), 0);
    assert_eq!(all.home.count("SELECT count(*) FROM pass WHERE is_open = 1"), 0);
    // A kill by chance may leave a whole message on its way to a server that takes it over.
    let certain = all.kills[word(When::Accepted)] as usize;
    assert!((certain..=certain + ROUNDS).contains(&repeats), "{repeats} repeats");
    for when in kinds {
        assert!(all.kills[word(when)] >= 20, "too few kills to prove anything: {:?}", all.kills);
    }
    assert!(total >= 100, "{:?}", all.kills);
    done(&all.home.command(&["status"]).output().expect("the program starts")).ended(0);
}
