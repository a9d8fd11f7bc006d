//! Would the job notice that the program says that something is wrong? What it said is kept, and how it ended is made wrong and
//! judged as it is in a run.
//!
//! There is no key that demands anything of the output, so an output that is made wrong behind exit code 0 would only tell of
//! the kind, and of no setting that could be mended. And whether the program looks at anything at all cannot be seen from here.

use checker_job::{Mutation, Outcome};
use checker_parts::child::{Exit, Report};

/// SIGKILL, as from the kernel where memory runs out.
const KILLED: i32 = 9;
/// A shell's code for a program that is not there.
const MISSING: i32 = 127;

/// No setting makes the kind blind to any of these.
const REMEDY: &str = "";

/// What the job would say, had the program ended in other ways. `report` is one that it calls healthy.
pub(crate) fn mutations(report: &Report, plain: bool, judge: impl Fn(&Report) -> Outcome) -> Vec<Mutation> {
    let judged = |name, what, exit| {
        let wrong = Report { exit, ..report.clone() };
        Mutation::new(name, what, REMEDY, judge(&wrong))
    };
    let mut all = if plain {
        vec![judged("failed", "exit code 1 with the same output", Exit::Exited(1))]
    } else {
        vec![
            judged("warning", "exit code 1 with the same output", Exit::Exited(1)),
            judged("failed", "exit code 2 with the same output", Exit::Exited(2)),
        ]
    };
    all.push(judged("missing", "a script whose program is missing (exit code 127)", Exit::Exited(MISSING)));
    all.push(judged("killed", "a program that is killed by a signal", Exit::Signalled(KILLED)));
    all.push(judged("timed_out", "a program that does not end", Exit::TimedOut));
    all
}
