//! Jobs that do all that a job must not, in the real program: whatever one of them does, the others are served and told.

mod crowd;
mod deaths;
mod harm;

use crate::support::binary::{Home, usual};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The program with the bad kinds. Cargo builds it beside the tests; if only they were asked for, it is built here.
pub(crate) fn program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let root =
            std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
        // Of the whole workspace, as the tests are built: else crates that have other features then would be built again.
        let words = ["build", "--quiet", "--locked", "--workspace", "--example", "bad_jobs"];
        let build = Command::new(cargo).args(words).current_dir(root).output();
        let build = build.expect("cargo starts");
        assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
        let folder = Path::new(env!("CARGO_BIN_EXE_checker")).parent().expect("a folder");
        folder.join("examples/bad_jobs")
    })
}

/// The usual settings with these jobs, for the program with the bad kinds.
fn home(jobs: &[String]) -> Home {
    Home::new(&usual(&jobs.concat())).running(program())
}

/// A job of the kind `kind` that does what `does` says. `HOME/notes` counts its runs, and while `HOME/behave` is there it
/// is well.
fn bad(kind: &str, does: &str, keys: &str) -> String {
    let name = format!("{kind} {does}");
    format!(
        "[[job.{kind}]]\nid = \"{name}\"\nname = \"{name}\"\ndoes = \"{does}\"\nnotes = \"HOME/notes\"\nunless = \
         \"HOME/behave\"\n{keys}\n\n"
    )
}

/// Jobs that are well, and one, called "broken", that fails.
fn healthy(count: usize) -> Vec<String> {
    let well = (0..count).map(|n| {
        let kind = if n % 2 == 0 { "bad" } else { "bad_async" };
        format!("[[job.{kind}]]\nid = \"well {n}\"\nname = \"well {n}\"\ndoes = \"well\"\nafter_ms = {}\n\n", n % 7)
    });
    let broken = "[[job.bad_async]]\nid = \"broken\"\nname = \"broken\"\ndoes = \"fail\"\nfailure_threshold = 1\n\n";
    well.chain([broken.to_owned()]).collect()
}

/// How often this job was begun.
fn begun(home: &Home, job: &str) -> usize {
    home.read("notes").lines().filter(|line| *line == job).count()
}

/// Committed runs of a job, newest last: verdict and summary.
fn runs(home: &Home, job: &str) -> Vec<(String, String)> {
    let db = home.db();
    let mut rows = db.prepare("SELECT verdict, outcome FROM run WHERE job = ?1 ORDER BY id").expect("a query");
    let found = rows.query_map([job], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?))).expect("rows");
    let summary = |text: &str| {
        let outcome: serde_json::Value = serde_json::from_str(text).expect("an outcome");
        outcome["summary"].as_str().unwrap_or_default().to_owned()
    };
    found.map(|row| row.map(|(verdict, outcome)| (verdict, summary(&outcome))).expect("a row")).collect()
}

/// Healthy jobs that have this many committed runs, all of them good.
fn served(home: &Home, times: i64) -> i64 {
    home.count(&format!(
        "SELECT count(*) FROM (SELECT job FROM run WHERE job LIKE 'well %' AND verdict = 'ok' GROUP BY job HAVING count(*) = \
         {times})"
    ))
}
