//! One pass, killed at every write of its state and every send, before and after each.

use super::job;
use super::ordeal::{Ordeal, TARGETS};
use crate::support::binary::{has_faketime, sweep};
use crate::support::moments::Moments;
use crate::support::{mail, need};
use checker_job::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// So many homes at once share the moments.
const HOMES: usize = 4;
/// What makes the state that each pass begins with.
const STATE: [&str; 2] = ["checker.db", "checker.db-wal"];

/// A pass that tells of a failure and a recovery in two messages to one recipient, and of four failures in a digest to
/// another.
struct Start {
    all: Ordeal,
    at: Timestamp,
    expected: Vec<(String, &'static str)>,
}

impl Start {
    fn new(server: u16) -> Self {
        let mut keys = [""; TARGETS];
        keys[1] = "contacts = [\"oncall@checker.test\"]";
        keys[2] = keys[1];
        let mut all = Ordeal::new(server, keys, &job("child", "sleep 0.1", ""));
        all.flip(1);
        all.whole_pass();
        all.whole_pass();
        let expected = (0..TARGETS).map(|n| (all.flip(n), if n == 1 || n == 2 { "oncall" } else { "watch" })).collect();
        for file in STATE {
            std::fs::copy(all.home.path(file), all.home.path(&format!("{file}.start"))).expect("a copy");
        }
        let at = all.now;
        all.settled = all.ids("SELECT message_id FROM delivery");
        Self { all, at, expected }
    }

    /// One pass from the start, with these moments.
    fn pass(&mut self, moments: &Moments) -> ExitStatus {
        let home = &self.all.home;
        for file in ["checker.db-shm", "twice"] {
            drop(std::fs::remove_file(home.path(file)));
        }
        for file in STATE {
            std::fs::copy(home.path(&format!("{file}.start")), home.path(file)).expect("a copy");
        }
        self.all.now = self.at;
        let mut pass = self.all.start(moments);
        let end = pass.wait().expect("its end");
        sweep(pass.id());
        self.all.settle();
        end
    }

    /// How many messages were repeated, or `None` if the pass ended before this moment.
    fn killed_at(&mut self, number: usize, after: bool) -> Option<usize> {
        let when = format!("{} moment {number}", if after { "after" } else { "before" });
        // What the relay took over for the pass before is of another state.
        self.all.relay.forget();
        let end = self.pass(&Moments::killed(number, after));
        if end.success() {
            return None;
        }
        assert_eq!(end.signal(), Some(9), "{when}: {end:?}");
        self.all.check_store(&when);
        self.all.whole_pass();
        self.all.whole_pass();
        let news = self.all.relay.all_accepted();
        self.all.check_told(&when, &self.expected, &news, 1);
        self.all.check_states(&when);
        let ids: BTreeSet<&str> = news.iter().map(|a| a.mail.id()).collect();
        Some(news.len() - ids.len())
    }
}

#[test]
fn a_pass_that_is_killed_at_any_write_or_send_loses_nothing() {
    if !has_faketime() || !need("postfix") || !need("gcc") {
        return;
    }
    let port = mail::shared().ports.plain;
    let mut first = Start::new(port);
    let log = first.all.home.path("moments");
    assert!(first.pass(&Moments::logged(&log)).success());
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let log = first.all.home.read("moments");
    log.lines().for_each(|line| *kinds.entry(line).or_default() += 1);
    let count = log.lines().count();
    assert!(kinds["send network"] >= 20 && kinds["pwrite checker.db-wal"] >= 20, "{kinds:?}");
    // Threads take turns in more than one order, so the number of moments differs a little.
    let moments: Vec<(usize, bool)> = (1..=count + 3).flat_map(|n| [(n, false), (n, true)]).collect();
    let ends: Vec<Option<usize>> = std::thread::scope(|scope| {
        let live = |nth: usize| {
            let mut start = Start::new(port);
            let mine = moments.iter().skip(nth).step_by(HOMES);
            mine.map(|(number, after)| start.killed_at(*number, *after)).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..HOMES).map(|nth| scope.spawn(move || live(nth))).collect();
        threads.into_iter().flat_map(|t| t.join().expect("a home")).collect()
    });
    let kills = ends.iter().flatten().count();
    let repeats: usize = ends.iter().flatten().sum();
    println!("{count} moments {kinds:?}: {kills} kills, {repeats} repeats");
    assert!(kills + 16 >= 2 * count, "{kills} kills at {count} moments");
    assert!(repeats >= 3, "each of the messages is repeated where its acceptance was not marked");
}
