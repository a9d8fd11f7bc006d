//! A folder in which Checker runs: settings, state, and a state that is as full as it ever gets.

use super::measure::{Cost, cost};
use super::targets::host;
use checker::decide::{JobState, Tally};
use checker::store::{Change, Ledger, Retention, RunRecord, RunStatus, Source, Sqlite, StoreClock};
use checker_job::{JobId, Metric, Outcome, Timestamp, Verdict};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use uuid::Uuid;

/// A folder with settings for some number of jobs.
pub struct Home {
    folder: TempDir,
}

impl Home {
    /// `count` jobs, each with the text that `table` makes of its number.
    pub fn new(count: usize, table: impl Fn(usize) -> String) -> Self {
        let folder = tempfile::Builder::new().prefix("checker-bench-").tempdir().expect("a folder");
        let mut text = String::from(
            "[general]\nservername = \"bench\"\nalertcontact = \"you@example.com\"\ntimezone = \"UTC\"\n\n[email]\n\
             transport = \"file\"\nfrom = \"checker@example.com\"\n",
        );
        for n in 0..count {
            writeln!(text, "\n{}", table(n)).expect("text");
        }
        let home = Self { folder };
        std::fs::write(home.path("settings.cfg"), text).expect("settings");
        home
    }

    /// Jobs of the kind `tcp`.
    pub fn tcp(count: usize, port: u16) -> Self {
        Self::new(count, |n| format!("[[job.tcp]]\naddress = \"{}:{port}\"", host(n)))
    }

    /// Jobs of the kind `http`.
    pub fn http(count: usize, port: u16) -> Self {
        Self::new(count, |n| format!("[[job.http]]\nurl = \"http://{}:{port}/\"", host(n)))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `checker` with `args`, in an environment like cron's.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(args).current_dir(self.folder.path());
        command.env("CHECKER_SETTINGS", self.path("settings.cfg"));
        command
    }

    /// A whole pass over all jobs, whether due or not.
    pub fn pass(&self) -> Cost {
        cost(&self.command(&["cron", "--now"]), &[0])
    }

    /// A pass in which nothing is due.
    pub fn idle(&self) -> Cost {
        cost(&self.command(&["cron"]), &[0])
    }

    /// How many runs of the newest pass ended with `verdict`.
    pub fn verdicts(&self, verdict: &str) -> i64 {
        let db = rusqlite::Connection::open(self.path("checker.db")).expect("the state");
        let sql = "SELECT count(*) FROM run WHERE verdict = ?1 AND pass = (SELECT max(id) FROM pass)";
        db.query_row(sql, [verdict], |row| row.get(0)).expect("a number")
    }

    /// Fills the state as a year of passes would: roll-ups of each hour, and as many good runs as are ever kept.
    pub fn fill(&self, jobs: impl Iterator<Item = JobId>) {
        fill(&self.path("checker.db"), &jobs.collect::<Vec<_>>());
    }
}

/// What is measured: another build can be named in the environment.
fn program() -> String {
    std::env::var("CHECKER_BENCH_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_checker").to_owned())
}

/// The id of the job `n` of [`Home::tcp`].
pub fn tcp_id(n: usize, port: u16) -> JobId {
    JobId::new("tcp", &format!("{}:{port}", host(n)))
}

fn fill(path: &Path, jobs: &[JobId]) {
    let store = Sqlite::open(path, StoreClock::system()).expect("the state");
    let shared = store.shared();
    let hour = Duration::from_secs(3_600);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs() / 3_600 * 3_600;
    let now = Timestamp::from_secs(i64::try_from(now).expect("an instant"));
    let keep = Retention::default();
    let hours = keep.hours.as_secs() / 3_600;
    let runs_each = keep.steady_runs / jobs.len().max(1) as u64;
    let mut states = shared.states(jobs).expect("states");
    // The hours as they came; in the last days of them the runs.
    for back in (1..hours).rev() {
        let at = now.minus(hour * u32::try_from(back).expect("few"));
        let runs = if back <= 160 { runs_each.div_ceil(160) } else { 0 };
        let mut batch = Vec::with_capacity(jobs.len());
        for n in 0..runs.max(1) {
            let last = n + 1 == runs.max(1);
            for job in jobs {
                let before = states.get(job).cloned().unwrap_or_default();
                let when = at.plus(Duration::from_secs(n * 20));
                let run = (runs > 0).then(|| good_run(job, when));
                let state = next(&before, run.as_ref().map(|r| r.id), when);
                states.insert(job.clone(), state.clone());
                let tally =
                    last.then(|| Tally { hour: at, ok: 60, micros_sum: 60_000, micros_max: 2_000, ..Tally::default() });
                batch.push(Change {
                    job: job.clone(),
                    expected_seq: before.seq,
                    state: Some(state),
                    run,
                    alerts: Vec::new(),
                    hour: tally,
                });
            }
        }
        shared.commit(&batch).expect("a commit");
    }
}

fn next(before: &JobState, run: Option<Uuid>, at: Timestamp) -> JobState {
    JobState {
        seq: before.seq + 1,
        run,
        slot: Some(at),
        ran_at: Some(at),
        verdict: Some(Verdict::Ok),
        since: before.since.or(Some(at)),
        summary: "connected in 1 ms".to_owned(),
        ..before.clone()
    }
}

fn good_run(job: &JobId, at: Timestamp) -> RunRecord {
    let seconds = u64::try_from(at.micros() / 1_000_000).expect("an instant");
    let mut outcome = Outcome::ok("connected in 1 ms");
    outcome.metrics.push(Metric::new("time", 0.001, "s"));
    RunRecord {
        id: Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, 0)),
        job: job.clone(),
        status: RunStatus::Done,
        queue: String::new(),
        priority: 0,
        not_before: None,
        attempt: 1,
        source: Source::Cron,
        asked_by: None,
        args: None,
        node: Uuid::nil(),
        host: "bench".to_owned(),
        pass: None,
        started: Some(at),
        ended: Some(at.plus(Duration::from_millis(1))),
        outcome: Some(outcome),
        steady: true,
    }
}
