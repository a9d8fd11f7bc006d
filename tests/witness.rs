//! Our own faults, end to end: the real program in networks that break, with resolvers that do not answer, without file
//! handles, and with a clock that steps. What must hold: no target is told as down for a fault of ours, one message names
//! that fault and the jobs that it hides, and after healing everything is looked at again at once.

mod clock;
mod handles;
mod network;
mod resolver;

use crate::support::binary::{Done, Home, clocked, done};
use checker_job::Timestamp;
use std::process::Command;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// A folder, a clock, and the place where its program runs.
struct Watch<'a> {
    home: Home,
    now: Timestamp,
    place: &'a dyn Fn(&Command) -> Command,
}

impl Watch<'_> {
    /// One pass by cron, a minute after the one before.
    #[track_caller]
    fn pass(&mut self) -> Done {
        self.now = self.now.plus(MINUTE);
        let mut command = (self.place)(&clocked(&self.home.command(&["cron"]), self.now));
        done(&command.output().expect("the program starts")).ended(0)
    }

    #[track_caller]
    fn passes(&mut self, count: usize) {
        for _ in 0..count {
            self.pass();
        }
    }

    /// Subjects with `word` in them.
    fn told(&self, word: &str) -> Vec<String> {
        self.home.subjects().into_iter().filter(|s| s.contains(word)).collect()
    }

    /// What `status` says of a job: its state and its failures in a row.
    fn state(&self, name: &str) -> (String, i64) {
        let json = self.home.run_at(self.now, &["status", "--json"]).json();
        let jobs = json["jobs"].as_array().expect("jobs");
        let job = jobs.iter().find(|j| j["name"] == name).expect("the job");
        (job["state"].as_str().expect("a state").to_owned(), job["failures"].as_i64().unwrap_or(0))
    }
}
