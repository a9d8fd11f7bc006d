//! What is measured, case by case.

use super::daemon::{Seen, Site};
use super::home::{Home, tcp_id};
use super::measure::{Cost, Entry, cost, in_turn, median};
use super::rivals::{self, Monit};
use super::table::Book;
use super::targets::Farm;
use std::process::Command;

/// The cases, and what came of them.
pub struct Cases {
    farm: Farm,
    runs: usize,
    pub book: Book,
}

/// One case.
type Case = fn(&mut Cases);

fn bare(name: &str, count: usize, port: u16) -> Cost {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    cost(command.args(["bare", name, &count.to_string(), &port.to_string()]), &[0])
}

impl Cases {
    pub const ALL: [(&'static str, Case); 10] = [
        ("start", Self::start),
        ("idle", Self::idle),
        ("tcp", Self::tcp),
        ("http", Self::http),
        ("memory", Self::memory),
        ("daemon", Self::daemon),
        ("hung", Self::hung),
        ("kinds", Self::kinds),
        ("systemd", Self::systemd),
        ("scripts", super::scripts::all),
    ];

    pub fn new(runs: usize) -> Self {
        Self { farm: Farm::start(), runs, book: Book::default() }
    }

    pub fn farm(&self) -> &Farm {
        &self.farm
    }

    pub fn runs(&self) -> usize {
        self.runs
    }

    fn tcp(&mut self) {
        let port = self.farm.ports.tcp;
        for count in [1, 10, 100, 1_000, 10_000] {
            Book::chapter(&format!("{count} TCP targets"));
            let home = Home::tcp(count, port);
            let monit = Monit::new(count, port, false).filter(|_| count <= 1_000);
            let mut entries = vec![
                Entry::new("bare tokio loop", || bare("tokio", count, port)),
                Entry::new("checker cron", || home.pass()),
            ];
            entries.extend(monit.as_ref().map(|monit| Entry::new("monit", || monit.cycle())));
            self.compare("TCP", count, &mut entries, 1);
            self.plugin("check_tcp", count, port);
        }
    }

    fn http(&mut self) {
        let port = self.farm.ports.http;
        for count in [1, 10, 100, 1_000, 10_000] {
            Book::chapter(&format!("{count} HTTP targets"));
            let home = Home::http(count, port);
            let monit = Monit::new(count, port, true).filter(|_| count <= 1_000);
            let mut entries = vec![
                Entry::new("bare hyper loop", || bare("hyper", count, port)),
                Entry::new("bare reqwest loop", || bare("reqwest", count, port)),
                Entry::new("checker cron", || home.pass()),
            ];
            entries.extend(monit.as_ref().map(|monit| Entry::new("monit", || monit.cycle())));
            self.compare("HTTP", count, &mut entries, 2);
            self.plugin("check_http", count, port);
        }
    }

    /// Runs and prints `entries`; the one at `ours` is Checker, and one behind it is monit.
    fn compare(&mut self, what: &str, count: usize, entries: &mut [Entry<'_>], ours: usize) {
        in_turn(entries, self.runs);
        Book::rows(count, entries);
        let checker = &entries[ours];
        if count == 10_000 {
            let floor = entries[0].name.clone();
            let ratio = checker.ratio(&entries[0], |c| c.cpu);
            self.book.goal(&format!("CPU of 10,000 {what} checks, in those of the {floor}"), ratio, 1.25);
            self.book.goal(&format!("memory of 10,000 {what} jobs, MiB"), checker.memory() / 1024.0, 64.0);
        }
        if count == 1_000 {
            match entries.get(ours + 1) {
                Some(monit) => {
                    let ratio = checker.ratio(monit, |c| c.cpu);
                    self.book.goal(&format!("CPU of 1,000 {what} checks, in those of monit"), ratio, 1.0);
                }
                None => self.book.lacking(&format!("1,000 {what} checks against monit, which is not installed")),
            }
        }
    }

    /// A plugin is one process a check.
    fn plugin(&self, name: &str, count: usize, port: u16) {
        if count != 1 {
            return;
        }
        if let Some(plugin) = rivals::plugin(name, port) {
            let mut entries = [Entry::new(name, plugin)];
            in_turn(&mut entries, self.runs);
            Book::rows(1, &entries);
        }
    }

    /// From start to exit.
    fn start(&mut self) {
        Book::chapter("Start to exit");
        let port = self.farm.ports.tcp;
        let home = Home::tcp(1, port);
        let mut entries = [
            Entry::new("/bin/true", || cost(&Command::new("/bin/true"), &[0])),
            Entry::new("checker --version", || cost(&home.command(&["--version"]), &[0])),
            Entry::new("checker cron, one check", || home.pass()),
        ];
        in_turn(&mut entries, self.runs * 5);
        Book::rows(1, &entries);
        self.book.goal(
            "CPU of one check from start to exit, in those of /bin/true",
            entries[2].ratio(&entries[0], |c| c.cpu),
            6.0,
        );
    }

    /// Ten jobs that are not due.
    fn idle(&mut self) {
        Book::chapter("10 jobs, nothing due");
        let home = Home::tcp(10, self.farm.ports.tcp);
        // A slot that does not end in the middle of this.
        let daily = Home::new(10, |n| {
            format!("[[job.tcp]]\naddress = \"{}:{}\"\nevery = \"day\"", super::targets::host(n), self.farm.ports.tcp)
        });
        daily.pass();
        let mut entries = [
            Entry::new("/bin/true", || cost(&Command::new("/bin/true"), &[0])),
            Entry::new("checker cron", || daily.idle()),
        ];
        in_turn(&mut entries, self.runs * 5);
        Book::rows(10, &entries);
        // What waits for a processor is not what is measured here.
        let ratio = entries[1].quickest() / entries[0].quickest();
        self.book.goal("wall time of a pass with nothing due, in those of /bin/true", ratio, 2.5);
        match rivals::fsyncs(&daily.command(&["cron"])) {
            Some(calls) => self.book.goal("fsyncs of a pass with nothing due", calls as f64, 0.0),
            None => self.book.lacking("fsyncs: strace is not installed"),
        }
        if let Some(calls) = rivals::fsyncs(&home.command(&["cron", "--now"])) {
            println!("fsyncs of a pass of 10 good jobs, the first on a new state: {calls}");
        }
        if let Some(calls) = rivals::fsyncs(&home.command(&["cron", "--now"])) {
            println!("fsyncs of the pass after it: {calls}");
        }
    }

    fn memory(&mut self) {
        Book::chapter("Memory");
        let home = Home::tcp(10, self.farm.ports.tcp);
        let mut entries = [Entry::new("checker cron, 10 jobs", || home.pass())];
        in_turn(&mut entries, self.runs);
        Book::rows(10, &entries);
        self.book.goal("memory of 10 jobs, MiB", entries[0].memory() / 1024.0, 8.0);
    }

    /// The process beside cron while it has nothing to do.
    fn daemon(&mut self) {
        Book::chapter("An idle daemon with one peer");
        let site = Site::new(self.farm.ports.http);
        let seen: Vec<Seen> = (0..self.runs).map(|_| site.idle()).collect();
        let memory: Vec<f64> = seen.iter().map(|s| s.memory / 1024.0).collect();
        println!("MiB resident, run by run: {memory:.2?}");
        self.book.goal("memory of an idle daemon with one peer, MiB", median(memory), 8.0);
        let wakes = median(seen.iter().map(|s| s.wakes as f64));
        self.book.goal("wake-ups of it in 5 s", wakes, 0.0);
    }

    /// The cost of a check, from 1,000 to `large`.
    pub fn flat(&mut self, large: usize) {
        Book::chapter("The same cost for each check");
        let port = self.farm.ports.tcp;
        let counts = [1_000, 10_000, large];
        let homes = counts.map(|count| Home::tcp(count, port));
        let pass = &|n: usize| {
            let cost = homes[n].pass();
            // For each check.
            Cost { cpu: cost.cpu / counts[n] as f64, ..cost }
        };
        let mut entries = [0, 1, 2].map(|n| Entry::new(format!("checker cron, {} checks", counts[n]), move || pass(n)));
        in_turn(&mut entries, self.runs.min(5));
        Book::rows(1, &entries);
        let ratio = entries[2].ratio(&entries[0], |c| c.cpu);
        self.book.goal(&format!("CPU of a check among {large}, in those of one among 1,000"), ratio, 1.1);
    }

    /// Targets that never answer: their timeout and a little.
    fn hung(&mut self) {
        Book::chapter("Targets that hang");
        let (hole, mute) = (self.farm.ports.hole, self.farm.ports.mute);
        let timeout = 3.0;
        for (count, more) in [(1_000, 0.3), (10_000, 1.0)] {
            for kind in ["TCP", "HTTP"] {
                let place = Home::new(count, |n| {
                    let host = super::targets::host(n);
                    let target = match kind {
                        "TCP" => format!("[[job.tcp]]\naddress = \"{host}:{hole}\""),
                        _ => format!("[[job.http]]\nurl = \"http://{host}:{mute}/\""),
                    };
                    format!("{target}\ntimeout = \"3s\"\nfailure_threshold = 99")
                });
                let mut entries = [Entry::new(format!("{count} hung {kind} targets"), || place.pass())];
                in_turn(&mut entries, self.runs.min(3));
                assert_eq!(place.verdicts("failed"), i64::try_from(count).expect("a number"));
                Book::rows(count, &entries);
                let over = entries[0].wall() / 1e6 - timeout;
                self.book.goal(&format!("{count} hung {kind} targets, seconds over their timeout"), over, more);
            }
        }
    }

    /// A year later.
    pub fn full(&mut self, count: usize) {
        Book::chapter(&format!("A state as full as it gets, {count} jobs"));
        let port = self.farm.ports.tcp;
        let (full, young) = (Home::tcp(count, port), Home::tcp(count, port));
        for home in [&full, &young] {
            home.pass();
        }
        full.fill((0..count).map(|n| tcp_id(n, port)));
        let size = std::fs::metadata(full.path("checker.db")).expect("the state").len();
        println!("The full state has {} MiB.\n", size >> 20);
        let mut entries = [
            Entry::new("young, all due", || young.pass()),
            Entry::new("full, all due", || full.pass()),
            Entry::new("young, nothing due", || young.idle()),
            Entry::new("full, nothing due", || full.idle()),
        ];
        in_turn(&mut entries, self.runs * 2);
        Book::rows(count, &entries);
        for (old, new) in [(1, 0), (3, 2)] {
            let what = format!("CPU with the state {}, in those of a young one", entries[old].name);
            self.book.goal(&what, entries[old].ratio(&entries[new], |c| c.cpu), 1.1);
            let what = format!("memory with the state {}, in those of a young one", entries[old].name);
            self.book.goal(&what, entries[old].ratio(&entries[new], |c| c.memory), 1.1);
        }
    }
}
