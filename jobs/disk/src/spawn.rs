//! From tables to jobs: every problem of every table, each with its key.

use crate::judge::Plan;
use crate::{DiskJob, KIND, Settings, Target};
use checker_job::{SpawnError, Table, TableErrors};
use checker_parts::amount::{Degree, Degrees, Side};
use checker_parts::paths::whole;
use std::path::PathBuf;
use std::sync::Arc;

const WARNING: [&str; 2] = ["10%", "50GiB"];
const CRITICAL: [&str; 2] = ["5%", "20GiB"];
const INODES_WARNING: [&str; 1] = ["10%"];
const INODES_CRITICAL: [&str; 1] = ["5%"];

/// Makes the jobs of all tables.
pub(crate) fn spawn(tables: &[Table<Settings>]) -> Result<Vec<DiskJob>, Vec<SpawnError>> {
    let (mut jobs, mut errors) = (Vec::new(), Vec::new());
    for (number, table) in tables.iter().enumerate() {
        let mut errors = TableErrors::new(number, &mut errors);
        let targets = targets(&table.settings, &mut errors);
        if let Some(plan) = plan(&table.settings, &mut errors).map(Arc::new) {
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
    }
    if errors.is_empty() { Ok(jobs) } else { Err(errors) }
}

fn targets(s: &Settings, errors: &mut TableErrors<'_>) -> Vec<Target> {
    if s.all && s.path.is_some() {
        errors.note("path", "with `all = true` it is looked at already; take one out, or make two tables");
    }
    if s.all && s.mounted {
        errors.note("mounted", "it goes with `path` only: `all` looks at what is mounted; make a table for that path");
    }
    if !s.all && !s.except.is_empty() {
        errors.note("except", "it goes with `all` only; take it out");
    }
    let shown = |path: &PathBuf| path.display().to_string();
    let except = errors.each("except", &s.except, |path| whole(path), shown);
    if s.all {
        return vec![Target::All { except }];
    }
    let Some(paths) = &s.path else {
        errors.note_whole("say what to look at: `path = \"/whole/path\"` or `all = true`");
        return Vec::new();
    };
    if paths.is_empty() {
        errors.note("path", "the list is empty; name at least one, as in \"/var\"");
    }
    errors.each("path", paths, |path| whole(path), shown).into_iter().map(Target::Path).collect()
}

fn plan(s: &Settings, errors: &mut TableErrors<'_>) -> Option<Plan> {
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
                errors.note(key, "inodes have no size; write a share, as in \"10%\", or \"never\"");
            }
        }
    }
    let mut keep = |read: Result<Degrees, Vec<(&str, String)>>| {
        read.map_err(|found| found.into_iter().for_each(|(key, why)| errors.note(key, why))).ok()
    };
    let (space, inodes) = (keep(space), keep(inodes));
    Some(Plan { space: space?, inodes: inodes?, mounted: s.mounted, writable: s.writable })
}
