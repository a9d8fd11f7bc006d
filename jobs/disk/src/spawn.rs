//! From tables to jobs: every problem of every table, each with its key.

use crate::judge::Plan;
use crate::{DiskJob, KIND, Settings, Target};
use checker_job::{SpawnError, Table};
use checker_parts::amount::{Degree, Degrees, Side};
use std::path::PathBuf;
use std::sync::Arc;

const WARNING: [&str; 2] = ["10%", "50GiB"];
const CRITICAL: [&str; 2] = ["5%", "20GiB"];
const INODES_WARNING: [&str; 1] = ["10%"];
const INODES_CRITICAL: [&str; 1] = ["5%"];

/// Key and sentence.
type Problem = (&'static str, String);

/// Makes the jobs of all tables.
pub(crate) fn spawn(tables: &[Table<Settings>]) -> Result<Vec<DiskJob>, Vec<SpawnError>> {
    let (mut jobs, mut errors) = (Vec::new(), Vec::new());
    for (number, table) in tables.iter().enumerate() {
        let mut problems = Vec::new();
        let targets = targets(&table.settings, &mut problems);
        if targets.is_empty() && problems.is_empty() {
            errors.push(SpawnError::table(number, "say what to look at: `path = \"/whole/path\"` or `all = true`"));
        }
        if let Some(plan) = plan(&table.settings, &mut problems).map(Arc::new) {
            let alone = targets.len() == 1;
            for target in targets {
                let shown = match &target {
                    Target::Path(path) => path.display().to_string(),
                    Target::All { .. } => "all local file systems".to_owned(),
                };
                let (id, policy) = table.job(KIND, &shown, alone);
                jobs.push(DiskJob { id, policy, target, plan: Arc::clone(&plan) });
            }
        }
        errors.extend(problems.into_iter().map(|(key, message)| SpawnError::key(number, key, message)));
    }
    if errors.is_empty() { Ok(jobs) } else { Err(errors) }
}

fn targets(s: &Settings, problems: &mut Vec<Problem>) -> Vec<Target> {
    let mut note = |key, message: String| problems.push((key, message));
    if s.all && s.path.is_some() {
        note("path", "with `all = true` it is looked at already; take one out, or make two tables".to_owned());
    }
    if s.all && s.mounted {
        note(
            "mounted",
            "it goes with `path` only: `all` looks at what is mounted; make a table for that path".to_owned(),
        );
    }
    if !s.all && !s.except.is_empty() {
        note("except", "it goes with `all` only; take it out".to_owned());
    }
    let except = whole("except", s.except.iter(), problems);
    if s.all {
        return vec![Target::All { except }];
    }
    let Some(paths) = &s.path else { return Vec::new() };
    if paths.is_empty() {
        problems.push(("path", "the list is empty; name at least one, as in \"/var\"".to_owned()));
    }
    whole("path", paths.iter(), problems).into_iter().map(Target::Path).collect()
}

/// Those that are whole paths, each once.
fn whole<'a>(key: &'static str, paths: impl Iterator<Item = &'a PathBuf>, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let mut seen = Vec::new();
    for path in paths {
        let shown = path.display();
        if !path.is_absolute() {
            problems.push((key, format!("{shown} is a relative path; write the whole path, from / on")));
        } else if path.as_os_str().as_encoded_bytes().contains(&0) {
            problems.push((key, format!("{:?} holds a NUL, which no path can", shown.to_string())));
        } else if seen.contains(path) {
            problems.push((key, format!("{shown} stands in the list twice; take one out")));
        } else {
            seen.push(path.clone());
        }
    }
    seen
}

fn plan(s: &Settings, problems: &mut Vec<Problem>) -> Option<Plan> {
    let degree = |key, given, usual| Degree { key, given, usual };
    let space = Degrees::read(
        Side::Below,
        degree("warning", s.warning.as_ref(), &WARNING),
        degree("critical", s.critical.as_ref(), &CRITICAL),
    );
    let inodes = Degrees::read(
        Side::Below,
        degree("inodes_warning", s.inodes_warning.as_ref(), &INODES_WARNING),
        degree("inodes_critical", s.inodes_critical.as_ref(), &INODES_CRITICAL),
    );
    if let Ok(inodes) = &inodes {
        for (key, amount) in [("inodes_warning", inodes.warning), ("inodes_critical", inodes.critical)] {
            if amount.bytes.is_some() {
                problems.push((key, "inodes have no size; write a share, as in \"10%\", or \"never\"".to_owned()));
            }
        }
    }
    let mut keep = |read: Result<Degrees, Vec<Problem>>| read.map_err(|found| problems.extend(found)).ok();
    let (space, inodes) = (keep(space), keep(inodes));
    Some(Plan { space: space?, inodes: inodes?, mounted: s.mounted, writable: s.writable })
}
