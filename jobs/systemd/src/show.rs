//! Asks systemd, and reads what it says.

use checker_job::{Blame, Context, Outcome};
use checker_parts::child::{Exit, Program, Report, StartError};
use checker_parts::probe::Limit;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// What is read of a unit. What it does not have (a mount has no restarts) is left out of the answer.
const PROPERTIES: &str = "Id,LoadState,LoadError,ActiveState,SubState,UnitFileState,Type,Result,NRestarts,ExecMainCode,\
                          ExecMainStatus,ConditionResult,ConditionTimestampMonotonic,NextElapseUSecRealtime,\
                          NextElapseUSecMonotonic,LastTriggerUSec,Unit,TriggeredBy";
/// How many units have failed, by the manager itself (org.freedesktop.systemd1(5)).
const COUNT: &str = "NFailedUnits";
/// The output of very many failed units.
const OUTPUT_KEPT: usize = 1 << 20;

/// Whom to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manager {
    /// The program; its name, but in tests.
    pub(crate) systemctl: String,
    /// The runtime directory of our user, to ask the user's manager.
    pub(crate) of_user: Option<PathBuf>,
}

/// The properties of a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unit(BTreeMap<String, String>);

impl Unit {
    /// Empty if it has none.
    pub(crate) fn get(&self, property: &str) -> &str {
        self.0.get(property).map_or("", String::as_str)
    }

    pub(crate) fn number(&self, property: &str) -> Option<u64> {
        self.get(property).parse().ok()
    }

    /// The same unit, had these properties other values.
    pub(crate) fn with(&self, properties: &[(&str, &str)]) -> Self {
        let changed = properties.iter().map(|(property, value)| ((*property).to_owned(), (*value).to_owned()));
        Self(self.0.clone().into_iter().chain(changed).collect())
    }

    /// All that is known, for people who read on.
    pub(crate) fn lines(&self) -> String {
        let told = self.0.iter().filter(|(_, value)| !value.is_empty());
        told.map(|(property, value)| format!("{property}={value}\n")).collect::<Vec<_>>().concat()
    }
}

/// Reads blocks of lines `Property=value`, with an empty line between the blocks.
pub(crate) fn parse(text: &str) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let Some((property, value)) = line.split_once('=') else {
            open &= !line.trim().is_empty();
            continue;
        };
        if !open {
            units.push(Unit::default());
            open = true;
        }
        if let Some(unit) = units.last_mut() {
            unit.0.insert(property.to_owned(), value.trim().to_owned());
        }
    }
    units
}

impl Manager {
    /// One unit.
    ///
    /// # Errors
    /// The outcome of the run, where systemd was not heard.
    pub(crate) async fn unit(&self, cx: &Context, limit: &Limit, name: &str) -> Result<Unit, Outcome> {
        let report = self.ask(cx, limit, PROPERTIES, &["--", name]).await?;
        let unit = parse(&report.stdout.text).into_iter().next().filter(|unit| !unit.get("ActiveState").is_empty());
        unit.ok_or_else(|| strange(&report))
    }

    /// All units that have failed, and whether there are more than were read. The manager counts them too: a list that is empty
    /// could also be one that was not given, and an old systemctl lists units of all states.
    ///
    /// # Errors
    /// The outcome of the run, where systemd was not heard.
    pub(crate) async fn failed(&self, cx: &Context, limit: &Limit) -> Result<(Vec<Unit>, bool), Outcome> {
        let report = self.ask(cx, limit, COUNT, &[]).await?;
        let count = parse(&report.stdout.text).first().and_then(|manager| manager.number(COUNT));
        let count = count.ok_or_else(|| strange(&report))?;
        if count == 0 {
            return Ok((Vec::new(), false));
        }
        let report = self.ask(cx, limit, PROPERTIES, &["--state=failed", "--", "*"]).await?;
        let mut units = parse(&report.stdout.text);
        // What does not name its unit is not what we have asked for.
        if units.iter().any(|unit| unit.get("Id").is_empty())
            || (units.is_empty() && !report.stdout.text.trim().is_empty())
        {
            return Err(strange(&report));
        }
        units.retain(|unit| unit.get("ActiveState") == "failed");
        let more = report.stdout.truncated || (units.len() as u64) < count;
        Ok((units, more))
    }

    async fn ask(&self, cx: &Context, limit: &Limit, properties: &str, rest: &[&str]) -> Result<Report, Outcome> {
        let mut words = vec![self.systemctl.as_str(), "show", "--no-pager", "--property", properties];
        words.extend(self.of_user.is_some().then_some("--user"));
        words.extend(rest);
        let mut program = Program::new(words);
        program.output_kept = OUTPUT_KEPT;
        if let Some(directory) = &self.of_user {
            program.env.push(("XDG_RUNTIME_DIR".to_owned(), directory.display().to_string()));
        }
        let left = limit.until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let report = program.run(&cx.run_id, left).await.map_err(|error| not_started(&error))?;
        match report.exit {
            Exit::Exited(0) => Ok(report),
            Exit::TimedOut => {
                let cause = format!("systemd does not answer systemctl within {}", limit.words());
                Err(self.by_hand(&cause))
            }
            _ => Err(self.unheard(&report)),
        }
    }

    /// systemctl could not ask.
    fn unheard(&self, report: &Report) -> Outcome {
        let said = report.stderr.text.trim();
        let first = said.lines().next().unwrap_or("nothing").trim();
        let outcome = match (&self.of_user, first) {
            (None, first) if first.contains("not been booted with systemd") => {
                unknown("systemd does not run here (a container?): process 1 is another program".to_owned())
            }
            (Some(directory), first) if first.contains("Failed to connect") => unknown(format!(
                "the systemd manager of this user does not answer at {}; is the user logged in, or allowed to linger \
                 (loginctl enable-linger)?",
                directory.display()
            )),
            (None, first) if first.contains("Failed to connect") => {
                self.by_hand(&format!("systemd does not answer: systemctl says {:?}", shown(first)))
            }
            (_, first) => self.by_hand(&match report.exit {
                Exit::Exited(code) => format!("systemctl ended with exit code {code} and said {:?}", shown(first)),
                Exit::Signalled(signal) => format!("systemctl was killed by signal {signal}"),
                Exit::TimedOut | Exit::Flooded => "systemctl was ended, because it said too much".to_owned(),
            }),
        };
        outcome.with_detail(said.chars().take(2_000).collect::<String>())
    }

    /// We do not know, and this is how somebody may find out why.
    fn by_hand(&self, cause: &str) -> Outcome {
        let user = if self.of_user.is_some() { "--user " } else { "" };
        let remedy = format!("try as Checker's user: systemctl {user}show --property NFailedUnits");
        Outcome::unknown(format!("{cause}; {remedy}"), cause)
    }
}

fn unknown(cause: String) -> Outcome {
    Outcome::unknown(cause.clone(), cause)
}

fn not_started(error: &StartError) -> Outcome {
    let cause = match error {
        StartError::Missing { .. } => "there is no systemctl on this host, so no systemd either".to_owned(),
        other => other.to_string(),
    };
    let outcome = unknown(cause);
    Outcome { blame: error.is_shortage().then_some(Blame::Shortage), ..outcome }
}

fn strange(report: &Report) -> Outcome {
    let first = report.stdout.text.lines().next().unwrap_or_default();
    let summary = format!("systemctl answers {:?}, which is not what was asked", shown(first));
    Outcome::unknown(summary, "systemctl answers something that is not understood")
}

fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}
