//! What people and cron type: exit codes, what is said and where, and what is never said.

mod check;
mod codes;
mod history;
mod init;
mod looks;
mod mail;
mod secrets;
mod token;

use crate::support::binary::Home;

/// A job that is well and one that fails, both told at the first failure.
const JOBS: &str = "\
[[job.command]]
name = \"well\"
command = [\"/bin/true\"]

[[job.command]]
id = \"the-ill\"
name = \"ill\"
host = \"beta\"
failure_threshold = 1
command = [\"/bin/sh\", \"-c\", \"echo it hurts; exit 2\"]
";

fn home() -> Home {
    Home::with_jobs(JOBS)
}

/// Every subcommand that works with settings.
const COMMANDS: [&[&str]; 9] = [
    &["cron"],
    &["check"],
    &["test"],
    &["try", "well"],
    &["jobs"],
    &["windows"],
    &["status"],
    &["ack", "ill"],
    &["silence", "ill", "2h"],
];
