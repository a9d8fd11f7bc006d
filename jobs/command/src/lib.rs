//! Job kind `command`: run a program and judge by its exit code.
//!
//! The program is a **Nagios plugin** unless `plain` says otherwise: exit code 0 is ok, 1 a warning, 2 failed, 3 unknown;
//! the first line of its output is the message, what stands behind a `|` are measured values. With `plain = true` it is
//! any script: 0 is ok, everything else failed.
//!
//! There is no shell. The environment is made anew, so that what works by hand works under cron. The program leads a
//! process group of its own. A tenth of its timeout (at most 1 s) before the end the group is asked to end (SIGTERM), and
//! at the end it is killed; that it did not end is a failure, since a check that hangs is one that a human must hear of.
//! What it leaves behind is killed too if it still holds the program's output. 64 KiB of output are kept.
//!
//! `Unknown` are causes of the check itself: the program is missing, may not be executed, was killed by a signal, or
//! answers a code that is no plugin's. As root, a program that everyone may write to is not run.

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod mutate;
mod perfdata;
mod plugin;
mod range;
#[cfg(test)]
mod tests;
mod words;

pub use range::Range;
pub use words::Words;

use checker_job::{Blame, Context, Job, JobId, JobSpawner, Outcome, Policy, SpawnError, Table};
use checker_job::{Vacuity, Verdict, duration_words};
use checker_parts::child::{self, Captured, Exit, Program, Report, StartError};
use plugin::Printed;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The keys of `[[job.command]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The program and its arguments.
    pub command: Words,
    /// Whether the exit code is any script's, and not a Nagios plugin's.
    #[serde(default)]
    pub plain: bool,
    /// Whether the check goes over the network: while this host is cut off, what it finds says nothing of its target.
    #[serde(default)]
    pub network: bool,
    /// Variables for the program.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Where it runs.
    pub directory: Option<PathBuf>,
}

/// A program to run.
#[derive(Debug)]
pub struct CommandJob {
    id: JobId,
    policy: Policy,
    program: Program,
    plain: bool,
    network: bool,
}

impl Job for CommandJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Both ends of three pipes while the program starts.
    fn handles(&self) -> usize {
        6
    }

    async fn execute(&self, cx: &Context) -> Outcome {
        self.outcome(cx, &self.run(cx).await)
    }

    async fn vacuity(&self, cx: &Context) -> Option<Vacuity> {
        let ran = self.run(cx).await;
        let outcome = self.outcome(cx, &ran);
        Some(match ran {
            Ok(report) if outcome.verdict == Verdict::Ok => {
                let mutations = mutate::mutations(&report, self.plain, |wrong| self.judge(cx, wrong));
                Vacuity::new(outcome, mutations).but("what the program itself looks at is not known here")
            }
            Ok(_) | Err(_) => Vacuity::without_answer(outcome),
        })
    }
}

impl CommandJob {
    async fn run(&self, cx: &Context) -> Result<Report, StartError> {
        // Ends a little before the framework's own limit, so that the answer is still heard.
        let margin = Duration::from_millis(50).min(cx.timeout / 10);
        self.program.run(&cx.run_id, cx.timeout.saturating_sub(margin)).await
    }

    fn outcome(&self, cx: &Context, ran: &Result<Report, StartError>) -> Outcome {
        match ran {
            Ok(report) => self.judge(cx, report),
            // The sentence names the program, so jobs that lack the same one are told once.
            Err(error) => {
                let outcome = Outcome::unknown(error.to_string(), error.to_string());
                Outcome { blame: error.is_shortage().then_some(Blame::Shortage), ..outcome }
            }
        }
    }

    fn judge(&self, cx: &Context, report: &Report) -> Outcome {
        let printed = if self.plain {
            Printed {
                text: first_line(&report.stdout.text).to_owned(),
                long: report.stdout.text.trim_end().to_owned(),
                ..Printed::default()
            }
        } else {
            Printed::of(&report.stdout.text)
        };
        for ignored in printed.ignored.iter().take(10) {
            cx.log(ignored);
        }
        let said = message(&printed, report);
        let outcome = match report.exit {
            Exit::Exited(code) if self.plain => plain_outcome(code, said),
            Exit::Exited(code) => plugin_outcome(self.name(), code, said),
            Exit::Signalled(signal) => {
                let cause = format!("{} was killed by signal {signal}, and not by Checker", self.name());
                Outcome::unknown(format!("the check {cause}"), cause)
            }
            Exit::TimedOut => Outcome::failed(format!(
                "{} did not end within {} and was killed",
                self.name(),
                duration_words(cx.timeout)
            )),
            Exit::Flooded => Outcome::failed(format!("{} printed more than 64 MiB and was killed", self.name())),
        };
        let detail = detail(&printed, report, outcome.verdict);
        let blame = (self.network && outcome.verdict != Verdict::Ok).then_some(Blame::Silence);
        Outcome { metrics: printed.metrics, blame, ..outcome.with_detail(detail) }
    }

    /// The program, as the settings name it.
    fn name(&self) -> &str {
        self.program.argv.first().map_or("", String::as_str)
    }
}

/// What the exit code of any script means.
fn plain_outcome(code: i32, said: Option<String>) -> Outcome {
    match (code, said) {
        (0, said) => Outcome::ok(said.unwrap_or_else(|| no_output(0))),
        (code, None) => Outcome::failed(no_output(code)),
        (code, Some(said)) => Outcome::failed(format!("exit code {code}: {said}")),
    }
}

/// What the exit code of a Nagios plugin means.
fn plugin_outcome(name: &str, code: i32, said: Option<String>) -> Outcome {
    let hint = match code {
        0..=3 => {
            let said = said.unwrap_or_else(|| no_output(code));
            return match code {
                0 => Outcome::ok(said),
                1 => Outcome::warning(said),
                2 => Outcome::failed(said),
                _ => Outcome::unknown(said.clone(), said),
            };
        }
        126 => "a shell says so of a program that it may not execute",
        127 => "a shell says so of a program that is missing",
        _ => "if it is a script of another custom, set plain = true",
    };
    let why = format!("exit code {code} is not a plugin's (0 to 3); {hint}");
    let summary = said.map_or_else(|| why.clone(), |said| format!("{why}; it said: {said}"));
    Outcome::unknown(summary, format!("{name}: {why}"))
}

/// The line that says most: the first of stdout, or else of stderr.
fn message(printed: &Printed, report: &Report) -> Option<String> {
    if !printed.text.is_empty() {
        return Some(printed.text.clone());
    }
    match first_line(&report.stderr.text) {
        "" => None,
        line => Some(format!("nothing on stdout; on stderr: {line}")),
    }
}

/// The evidence: the long text, what stderr says if it is wanted, and that something was cut off.
fn detail(printed: &Printed, report: &Report, verdict: Verdict) -> String {
    let mut parts = Vec::new();
    if !printed.long.is_empty() && printed.long != printed.text {
        parts.push(printed.long.clone());
    }
    let stderr = report.stderr.text.trim_end();
    if !stderr.is_empty() && (verdict != Verdict::Ok || printed.text.is_empty()) {
        parts.push(format!("stderr:\n{stderr}"));
    }
    let cut = |stream: &Captured| stream.truncated;
    if cut(&report.stdout) || cut(&report.stderr) {
        parts.push(format!("(output beyond {} KiB was dropped)", child::OUTPUT_KEPT / 1024));
    }
    parts.join("\n")
}

fn first_line(text: &str) -> &str {
    text.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default()
}

fn no_output(code: i32) -> String {
    format!("exit code {code} and no output")
}

/// Makes the jobs of all `[[job.command]]` tables.
#[derive(Debug)]
pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = "command";
    const EXAMPLE: &'static str = include_str!("../example.cfg");
    const BLOCKING: bool = false;
    type Settings = Settings;
    type Job = CommandJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<CommandJob>, Vec<SpawnError>> {
        let errors: Vec<SpawnError> = tables
            .iter()
            .enumerate()
            .flat_map(|(index, table)| {
                problems(&table.settings).into_iter().map(move |(key, message)| SpawnError::key(index, key, message))
            })
            .collect();
        if errors.is_empty() { Ok(tables.into_iter().map(job_of).collect()) } else { Err(errors) }
    }
}

fn job_of(table: Table<Settings>) -> CommandJob {
    let (id, policy) = table.job(Spawner::KIND, &table.settings.command.shown(), true);
    let mut program = Program::new(table.settings.command.0);
    program.env = table.settings.env.into_iter().collect();
    program.directory = table.settings.directory;
    CommandJob { id, policy, program, plain: table.settings.plain, network: table.settings.network }
}

/// All that is wrong with a table, as key and sentence.
fn problems(settings: &Settings) -> Vec<(&'static str, String)> {
    let mut problems = Vec::new();
    let words = &settings.command.0;
    match words.first().map(String::as_str) {
        None => problems.push(("command", "the list is empty; name a program, as in [\"/usr/local/bin/my-check\"]".to_owned())),
        Some("") => problems.push(("command", "the first word is empty; it names the program".to_owned())),
        Some(name) if name.starts_with("~/") => problems.push(("command", format!(
            "{name} would need a shell; write the whole path, from / on"
        ))),
        Some(name) if name.contains('/') && !name.starts_with('/') => problems.push(("command", format!(
            "{name} is a relative path, which would depend on where Checker was started; write the whole path, from / on"
        ))),
        Some(_) => {}
    }
    if words.iter().any(|word| word.contains('\0')) {
        problems.push(("command", "a word holds a NUL character, which no program can be given".to_owned()));
    }
    for (name, value) in &settings.env {
        let sound = !name.is_empty() && !name.contains(['=', '\0']);
        if !sound {
            problems.push(("env", format!("{name:?} cannot be the name of a variable")));
        } else if name == child::RUN_VARIABLE {
            problems.push(("env", format!("{name} is set by Checker; choose another name")));
        } else if value.contains('\0') {
            problems.push(("env", format!("the value of {name} holds a NUL character")));
        }
    }
    if let Some(directory) = &settings.directory
        && !directory.is_absolute()
    {
        problems.push((
            "directory",
            format!("{} is a relative path; write the whole path, from / on", directory.display()),
        ));
    }
    problems
}
