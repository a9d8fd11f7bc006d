//! Passes of the real program, with the real store: beside each other, killed at any moment, and what they tell.

mod anywhen;
mod crowd;
mod every_moment;
mod killed;
pub(crate) mod ordeal;
mod quiet;
mod storms;
mod together;
mod told;
mod web;
mod windows;

use crate::support::binary::Home;
use std::time::{Duration, Instant};

/// A command for jobs: `NAME HOME [WORDS]`. It fails if it runs twice at once, notes that it has begun, runs `WORDS` in a
/// shell, and notes that it has ended.
const JOB: &str = r#"
exec 9>>"$2/$1.lock"
flock -n 9 || sleep 0.3
flock -n 9 || { echo "$1 runs twice at once" | tee -a "$2/twice"; exit 2; }
echo "$1 $$" >>"$2/begun"
cd "$2" || exit 3
eval "$3" || exit 2
echo "$1" >>"$2/ended"
"#;

/// Words for [`JOB`]: waits, at most half a minute, until the file `go` is there.
const WAIT: &str = "for i in $(seq 600); do test -e go && break; sleep 0.05; done";

/// The table of a job that runs [`JOB`] with `words`; `keys` are more keys of the table.
fn job(name: &str, words: &str, keys: &str) -> String {
    format!(
        "[[job.command]]\nid = \"{name}\"\nname = \"{name}\"\nfailure_threshold = 1\n{keys}\ncommand = [\"/bin/sh\", \
         \"HOME/job.sh\", \"{name}\", \"HOME\", '{words}']\n\n"
    )
}

/// The table of a job that is well while the file `up.NAME` is there.
fn target(name: &str, keys: &str) -> String {
    format!(
        "[[job.example]]\nid = \"{name}\"\nname = \"{name}\"\nfailure_threshold = 1\n{keys}\npath = \"HOME/up.{name}\"\n\n"
    )
}

fn home(jobs: &[String]) -> Home {
    let home = Home::with_jobs(&jobs.concat());
    home.write("job.sh", JOB);
    home
}

/// Mends the target of this name.
fn mend(home: &Home, name: &str) {
    home.write(&format!("up.{name}"), "up\n");
    let file = std::fs::File::options().write(true).open(home.path(&format!("up.{name}"))).expect("the target");
    file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).expect("an old file");
}

/// Breaks the target of this name.
fn smash(home: &Home, name: &str) {
    std::fs::remove_file(home.path(&format!("up.{name}"))).expect("the target");
}

/// Waits until `ready`, at most half a minute.
#[track_caller]
fn wait_for(what: &str, mut ready: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !ready() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
