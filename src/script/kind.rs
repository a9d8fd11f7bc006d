//! `[[job.script]]`: the one kind without a crate. Its tables are read like any kind's; a pass judges its jobs by records and
//! does not run them.

use crate::decide::script::cron::Cron;
use crate::decide::script::expected::{Degrees, Expected, Host, Rhythm};
use crate::registry::DynJob;
use checker_job::{
    Context, Failure, Frequency, Job, JobId, JobSpawner, Message, Outcome, Policy, Recovery, SpawnError, Table,
    TableErrors, parse_duration,
};
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use uuid::Uuid;

/// What the kind is called.
pub(crate) const KIND: &str = "script";
/// Common keys that mean something else here, so that the kind reads them itself.
pub(crate) const OWN_MEANING: [&str; 2] = ["every", "failure_threshold"];

const DAY: Duration = Duration::from_secs(86_400);
/// Records are kept for 8 days, and a window must not lose any.
const WINDOW_MAX: Duration = Duration::from_secs(7 * 86_400);
/// What is longer is a slip of the keyboard.
const TIME_MAX: Duration = Duration::from_secs(400 * 86_400);

/// The keys of `[[job.script]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    script: Option<String>,
    #[serde(default)]
    any_host: bool,
    uuid: Option<String>,
    cron: Option<String>,
    timezone: Option<String>,
    every: Option<String>,
    grace: Option<String>,
    grace_warning: Option<String>,
    failure_threshold: Option<u32>,
    max_runtime: Option<String>,
    max_runtime_warning: Option<String>,
    window: Option<String>,
    min_runs: Option<u64>,
    min_runs_warning: Option<u64>,
    max_average_runtime: Option<String>,
    max_average_runtime_warning: Option<String>,
    max_slowdown: Option<f64>,
    max_slowdown_warning: Option<f64>,
}

/// What one table expects of a script.
#[derive(Debug)]
pub(crate) struct ScriptJob {
    id: JobId,
    policy: Policy,
    expected: Expected,
}

impl Job for ScriptJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    async fn execute(&self, _: &Context) -> Outcome {
        Outcome::unknown("nobody looked into the records", "records of scripts are judged by a pass alone")
    }
}

impl DynJob for ScriptJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn blocking(&self) -> bool {
        false
    }

    fn handles(&self) -> usize {
        0
    }

    fn seen_after(&self) -> Duration {
        self.expected.seen_after()
    }

    fn expected(&self) -> Option<&Expected> {
        Some(&self.expected)
    }

    fn execute<'a>(&'a self, cx: &'a Context) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(Job::execute(self, cx))
    }

    fn on_failure(&self, failure: &Failure<'_>) -> Message {
        Job::on_failure(self, failure)
    }

    fn on_recovery(&self, recovery: &Recovery<'_>) -> Message {
        Job::on_recovery(self, recovery)
    }
}

/// Makes the jobs of all tables.
#[derive(Debug)]
pub(crate) struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = KIND;
    const EXAMPLE: &'static str = include_str!("example.cfg");
    const BLOCKING: bool = false;
    type Settings = Settings;
    type Job = ScriptJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<ScriptJob>, Vec<SpawnError>> {
        let (mut jobs, mut errors) = (Vec::<ScriptJob>::new(), Vec::new());
        for (number, table) in tables.iter().enumerate() {
            let mut reader = Reader { settings: &table.settings, errors: TableErrors::new(number, &mut errors) };
            if let Some(expected) = reader.expected(table) {
                if expected.uuid.is_some() && jobs.iter().any(|job| job.expected.uuid == expected.uuid) {
                    reader.errors.note("uuid", "another script has it; give each one of its own");
                }
                let target = match &expected.host {
                    Host::Here => expected.name.clone(),
                    Host::Named(host) => format!("{host}:{}", expected.name),
                    Host::Any => format!("*:{}", expected.name),
                };
                let (id, policy) = table.job(KIND, &target, true);
                // Records are looked at each minute, and one look is enough: what counts are runs.
                let policy = Policy { every: Frequency::Minute, failure_threshold: 1, ..policy };
                jobs.push(ScriptJob { id, policy, expected });
            }
        }
        if errors.is_empty() { Ok(jobs) } else { Err(errors) }
    }
}

/// Reads one table. A wrong key is noted and left out, so that the others are read too.
struct Reader<'a> {
    settings: &'a Settings,
    errors: TableErrors<'a>,
}

impl Reader<'_> {
    fn expected(&mut self, table: &Table<Settings>) -> Option<Expected> {
        let s = self.settings;
        let name = self.name(table);
        let host = self.host(table.policy.host.as_deref());
        let rhythm = self.rhythm();
        let grace = self.grace(rhythm.as_ref());
        let window = self.window();
        let expected = Expected {
            name: name?,
            host,
            uuid: self.uuid(),
            rhythm,
            grace,
            failures: s.failure_threshold.unwrap_or(1),
            window,
            min_runs: Degrees { warning: s.min_runs_warning, critical: s.min_runs },
            max_average: Degrees {
                warning: self.time("max_average_runtime_warning", s.max_average_runtime_warning.as_ref()),
                critical: self.time("max_average_runtime", s.max_average_runtime.as_ref()),
            },
            max_slowdown: Degrees { warning: s.max_slowdown_warning, critical: s.max_slowdown },
            max_runtime: Degrees {
                warning: self.time("max_runtime_warning", s.max_runtime_warning.as_ref()),
                critical: self.time("max_runtime", s.max_runtime.as_ref()),
            },
        };
        self.order(&expected);
        Some(expected)
    }

    fn name(&mut self, table: &Table<Settings>) -> Option<String> {
        let Some(name) = self.settings.script.as_ref().or(table.name.as_ref()) else {
            self.errors
                .note_whole("it names no script; write name = \"...\", as the script is called in `checker run`");
            return None;
        };
        let key = if self.settings.script.is_some() { "script" } else { "name" };
        self.errors.keep(key, super::check_name(name).map(|()| name.clone()))
    }

    fn host(&mut self, host: Option<&str>) -> Host {
        match (host, self.settings.any_host) {
            (Some(_), true) => {
                self.errors.note("any_host", "with `host` only that host counts; leave one of both out");
                Host::Any
            }
            (None, true) => Host::Any,
            (Some(host), false) => {
                self.errors.keep("host", super::check_host(host));
                Host::Named(host.to_owned())
            }
            (None, false) => Host::Here,
        }
    }

    fn uuid(&mut self) -> Option<Uuid> {
        let text = self.settings.uuid.as_ref()?;
        let form = "write it as uuidgen(1) does, such as \"5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278\"";
        let parsed = Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
        self.errors.keep("uuid", parsed.ok_or_else(|| format!("{text:?} is no UUID; {form}")))
    }

    fn rhythm(&mut self) -> Option<Rhythm> {
        let s = self.settings;
        let zone = s.timezone.as_ref().and_then(|name| {
            let found = jiff::tz::db()
                .get(name)
                .map_err(|_| format!("there is no time zone {name:?}; write it as \"Europe/Berlin\" or \"UTC\""));
            self.errors.keep("timezone", found)
        });
        if s.timezone.is_some() && s.cron.is_none() {
            self.errors.note("timezone", "it is about the slots of `cron`, and there is none; leave it out");
        }
        match (&s.cron, &s.every) {
            (Some(_), Some(_)) => {
                self.errors.note("every", "with `cron` the slots are known; leave one of both out");
                None
            }
            (Some(text), None) => {
                let cron = self.errors.keep("cron", Cron::parse(text))?;
                let first = cron.next(checker_job::Timestamp::default(), zone.as_ref().unwrap_or(&TimeZone::UTC));
                if first.is_none() {
                    self.errors.note("cron", format!("{text:?} never comes; is the day of the month right?"));
                }
                Some(Rhythm::Cron(cron, zone))
            }
            (None, Some(text)) => {
                let words = [("minute", 60), ("hour", 3_600), ("day", 86_400), ("week", 604_800)];
                let word = words.iter().find(|(word, _)| word == text).map(|(_, secs)| Duration::from_secs(*secs));
                let every = word.or_else(|| self.time("every", Some(text)))?;
                if every < Duration::from_secs(60) {
                    self.errors.note("every", "records are looked at once a minute; write \"1min\" or more");
                }
                Some(Rhythm::Every(every))
            }
            (None, None) => None,
        }
    }

    fn grace(&mut self, rhythm: Option<&Rhythm>) -> Degrees<Duration> {
        let s = self.settings;
        for (key, given) in [("grace", &s.grace), ("grace_warning", &s.grace_warning)] {
            if given.is_some() && s.cron.is_none() && s.every.is_none() {
                self.errors.note(key, "nobody says when it is to run; write `cron` or `every` too");
            }
        }
        let usual = match rhythm {
            Some(Rhythm::Every(every)) => (*every).clamp(Duration::from_secs(300), Duration::from_secs(3_600)),
            _ => Duration::from_secs(3_600),
        };
        Degrees {
            warning: self.time("grace_warning", s.grace_warning.as_ref()),
            critical: Some(self.time("grace", s.grace.as_ref()).unwrap_or(usual)),
        }
    }

    fn window(&mut self) -> Duration {
        let s = self.settings;
        let counts = s.min_runs.is_some()
            || s.min_runs_warning.is_some()
            || s.max_average_runtime.is_some()
            || s.max_average_runtime_warning.is_some()
            || s.max_slowdown.is_some()
            || s.max_slowdown_warning.is_some();
        if s.window.is_some() && !counts {
            self.errors.note(
                "window",
                "nothing is counted in it; write `min_runs`, `max_average_runtime` or `max_slowdown` too",
            );
        }
        let window = self.time("window", s.window.as_ref()).unwrap_or(DAY);
        if window > WINDOW_MAX {
            self.errors.note("window", "records are kept for 8 days; write \"7d\" or less");
        }
        window
    }

    /// A time of more than nothing.
    fn time(&mut self, key: &str, text: Option<&String>) -> Option<Duration> {
        let time = self.errors.keep(key, parse_duration(text?))?;
        if time.is_zero() || time > TIME_MAX {
            self.errors.note(key, "it must be more than nothing, and no more than 400d");
        }
        Some(time)
    }

    /// A warning comes before the failure, and a limit can be crossed.
    fn order(&mut self, expected: &Expected) {
        let s = self.settings;
        if s.failure_threshold.is_some_and(|n| n == 0 || n > 100) {
            self.errors.note("failure_threshold", "it counts failed runs in a row; write a number from 1 to 100");
        }
        let wrong = |limits: &Degrees<Duration>| limits.warning.zip(limits.critical).is_some_and(|(w, c)| w >= c);
        for (key, limits) in [
            ("grace_warning", &expected.grace),
            ("max_runtime_warning", &expected.max_runtime),
            ("max_average_runtime_warning", &expected.max_average),
        ] {
            if wrong(limits) {
                let other = key.trim_end_matches("_warning");
                self.errors.note(key, format!("it must be less than `{other}`, or nobody is ever warned"));
            }
        }
        for (key, runs) in [("min_runs", s.min_runs), ("min_runs_warning", s.min_runs_warning)] {
            if runs == Some(0) {
                self.errors.note(key, "with 0 nobody would learn that it does not run; write 1 or more");
            }
        }
        let runs = expected.min_runs;
        if runs.warning.zip(runs.critical).is_some_and(|(warning, critical)| warning <= critical) {
            self.errors.note("min_runs_warning", "it must be more than `min_runs`, or nobody is ever warned");
        }
        let slow = expected.max_slowdown;
        for (key, factor) in [("max_slowdown", slow.critical), ("max_slowdown_warning", slow.warning)] {
            if factor.is_some_and(|f| !(f > 1.0 && f <= 1_000.0)) {
                self.errors.note(key, "it is how many times as long as before; write a number above 1, such as 2");
            }
        }
        if slow.warning.zip(slow.critical).is_some_and(|(warning, critical)| warning >= critical) {
            self.errors.note("max_slowdown_warning", "it must be less than `max_slowdown`, or nobody is ever warned");
        }
        self.something(expected);
    }

    /// Without any expectation only failures and runs without an end are seen: a script that never runs is well.
    fn something(&mut self, expected: &Expected) {
        if expected.rhythm.is_none() && expected.min_runs.is_none() && self.settings.cron.is_none() {
            self.errors.note_whole(
                "it says neither when the script is to run nor how often, so nobody would learn that it does not; write \
                 `cron`, `every` or `min_runs`",
            );
        }
    }
}

#[cfg(test)]
mod tests;
