//! Job kind `example`: a file must be there, be fresh, and hold enough lines.
//!
//! It is useful as it is, and it is the crate to copy for a kind of your own (`checker new-job NAME` copies it).
//! Read it from top to bottom; what you would change for yours is said at each part.
//!
//! A kind has four parts: its **settings**, which are what a user writes; its **job**, which is one thing to check; how a
//! job **executes**; and the **spawner**, which makes jobs of settings. Checker does all the rest: it reads the common
//! keys (`name`, `every`, `timeout`, `contacts`...), starts the job when it is due, ends it at its timeout, survives its
//! panics, remembers its state, and tells people.

#[cfg(test)]
mod tests;

use checker_job::{
    Context, Job, JobId, JobSpawner, Metric, Mutation, Outcome, Policy, SpawnError, Table, Timestamp, Vacuity, Verdict,
    duration_words, parse_duration,
};
use serde::Deserialize;
use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Part 1: the keys of `[[job.example]]`. Yours go here, and into `example.cfg` with their defaults and reasons: a test
/// below fails if one is missing there. A key that may be left out is an `Option`, or has `#[serde(default)]`.
///
/// `deny_unknown_fields` makes a typing error in the settings an error that the user sees, with line and remedy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The file.
    pub path: PathBuf,
    /// The longest time since it was last written, as in `"26h"`.
    pub max_age: Option<String>,
    /// The fewest lines it may hold.
    #[serde(default)]
    pub min_lines: u64,
}

/// Part 2: one thing to check. `id` and `policy` are always there; the rest is what `execute` needs, read from the
/// settings once and ready to use.
#[derive(Debug)]
pub struct FileJob {
    id: JobId,
    policy: Policy,
    path: PathBuf,
    max_age: Option<Duration>,
    min_lines: u64,
}

impl Job for FileJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Part 3: looks once and says what it saw. No retries, no sleeping, no state, no mail: Checker does that, by the
    /// policy in the settings. This one reads files with plain `std`, which blocks its thread; that is fine, see
    /// `BLOCKING` below.
    async fn execute(&self, cx: &Context) -> Outcome {
        self.outcome(&self.look(), cx.now)
    }

    /// Optional, for `checker vacuity`: what would we say of a file that is not as it should be? What was really seen is
    /// made wrong, and judged as it is in a run. A user hears what `max_age` and `min_lines` are for.
    async fn vacuity(&self, cx: &Context) -> Option<Vacuity> {
        let seen = self.look();
        let outcome = self.outcome(&seen, cx.now);
        let mut mutations = Vec::new();
        if let (Ok(Seen::File { written, lines }), Verdict::Ok) = (seen, outcome.verdict) {
            let mut judged = |name, what, remedy, wrong| {
                mutations.push(Mutation::new(name, what, remedy, self.outcome(&Ok(wrong), cx.now)));
            };
            let stale = Seen::File { written: written.minus(YEAR), lines };
            judged("stale", "a file from a year ago", "set max_age", stale);
            judged("empty", "an empty file", "set min_lines", Seen::File { written, lines: Ok(0) });
        }
        Some(Vacuity::new(outcome, mutations))
    }
}

const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// What there is to judge.
enum Seen {
    File {
        written: Timestamp,
        /// Counted up to the fewest that are allowed. That they cannot be read matters only where they are asked for.
        lines: io::Result<u64>,
    },
    NoFile,
}

impl FileJob {
    /// A file dated later than this is a fault of some clock, and no freshness.
    const FUTURE_MAX: Duration = Duration::from_secs(300);

    /// The look: all that touches the world is here, and nothing is decided.
    fn look(&self) -> io::Result<Seen> {
        let meta = std::fs::metadata(&self.path)?;
        // A named pipe would block whoever opens it.
        if !meta.is_file() {
            return Ok(Seen::NoFile);
        }
        Ok(Seen::File { written: written_at(&meta)?, lines: count_lines(&self.path, self.min_lines) })
    }

    /// The judgement: of what was seen, and of nothing else.
    fn outcome(&self, seen: &io::Result<Seen>, now: Timestamp) -> Outcome {
        match seen {
            Ok(Seen::File { written, lines }) => {
                self.judged(*written, lines.as_ref(), now).unwrap_or_else(|why| self.unseen(why))
            }
            Ok(Seen::NoFile) => Outcome::failed(format!("{} is not a file", self.path.display())),
            Err(why) => self.unseen(why),
        }
    }

    fn judged<'e>(
        &self,
        written: Timestamp,
        lines: Result<&u64, &'e io::Error>,
        now: Timestamp,
    ) -> Result<Outcome, &'e io::Error> {
        let path = self.path.display();
        let age = now.since(written);
        // What was measured is kept for each run, whatever the verdict.
        let age_metric = Metric::new("age", age.as_secs_f64(), "s");
        if written.since(now) > Self::FUTURE_MAX {
            let ahead = duration_words(written.since(now));
            return Ok(Outcome::warning(format!("{path} is dated {ahead} in the future; see to the clocks")));
        }
        if let Some(max_age) = self.max_age
            && age > max_age
        {
            return Ok(Outcome::failed(format!(
                "{path} was last written {} ago; at most {} is allowed",
                duration_words(age),
                duration_words(max_age)
            ))
            .with_metric(age_metric));
        }
        let lines = *lines?;
        if lines < self.min_lines {
            return Ok(Outcome::failed(format!("{path} has {lines} lines; at least {} are wanted", self.min_lines))
                .with_metric(age_metric));
        }
        // The sentence of a good outcome is read too: in lists, and in the message that says it is well again.
        Ok(Outcome::ok(format!("{path} was written {} ago", duration_words(age))).with_metric(age_metric))
    }

    /// Why there was nothing to judge.
    fn unseen(&self, error: &io::Error) -> Outcome {
        let path = self.path.display();
        match error.kind() {
            // The target is broken: `Failed`.
            ErrorKind::NotFound => Outcome::failed(format!("{path} is not there")),
            // We could not look, so we do not know: `Unknown`, with a cause. Jobs with the same cause make one message.
            ErrorKind::PermissionDenied => Outcome::unknown(
                format!("Checker's user may not read {path}"),
                "Checker's user may not read a file that it should check",
            ),
            _ => Outcome::unknown(format!("{path} cannot be read: {error}"), format!("files cannot be read: {error}")),
        }
    }
}

/// When the file was last written, in the form of time that Checker decides with.
fn written_at(meta: &Metadata) -> io::Result<Timestamp> {
    let since_1970 = meta.modified()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Ok(Timestamp::from_secs(0).plus(since_1970))
}

/// Counts lines, whatever their bytes are, and stops when there are `enough`: a huge file costs no more than a small one.
fn count_lines(path: &PathBuf, enough: u64) -> io::Result<u64> {
    if enough == 0 {
        return Ok(0);
    }
    let mut file = BufReader::new(File::open(path)?);
    let mut lines = 0;
    while lines < enough && file.skip_until(b'\n')? > 0 {
        lines += 1;
    }
    Ok(lines)
}

/// Part 4: makes jobs of all `[[job.example]]` tables. Its name, `Spawner`, is what `src/bundled.rs` lists.
#[derive(Debug)]
pub struct Spawner;

impl JobSpawner for Spawner {
    /// The name of the table in the settings. Yours must be another.
    const KIND: &'static str = "example";
    /// What stands in `settings.cfg.example` for this kind.
    const EXAMPLE: &'static str = include_str!("../example.cfg");
    /// `execute` blocks, so each run gets a thread. This is the default, and the line could be left out. Only a kind that
    /// never does anything but `.await` says `false`.
    const BLOCKING: bool = true;
    type Settings = Settings;
    type Job = FileJob;

    /// Turns tables into jobs, and says everything that is wrong, so that the user mends it in one go.
    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<FileJob>, Vec<SpawnError>> {
        let mut jobs = Vec::new();
        let mut errors = Vec::new();
        for (index, table) in tables.iter().enumerate() {
            let settings = &table.settings;
            // An error names the table and the key, and tells what to do. Checker adds file, line and a caret.
            if !settings.path.is_absolute() {
                errors.push(SpawnError::key(
                    index,
                    "path",
                    format!("{} is a relative path; write the whole path, from / on", settings.path.display()),
                ));
            }
            let max_age = match settings.max_age.as_deref().map(parse_duration) {
                None => None,
                Some(Ok(max_age)) => Some(max_age),
                Some(Err(message)) => {
                    errors.push(SpawnError::key(index, "max_age", message));
                    None
                }
            };
            // The target makes the id, by which state and history are kept: it must say which thing is checked, and
            // must not change when the thing does not.
            let target = settings.path.display().to_string();
            let (id, policy) = table.job(Self::KIND, &target, true);
            jobs.push(FileJob { id, policy, path: settings.path.clone(), max_age, min_lines: settings.min_lines });
        }
        if errors.is_empty() { Ok(jobs) } else { Err(errors) }
    }
}
