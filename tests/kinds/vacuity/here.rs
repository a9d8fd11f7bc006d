//! What this host itself has: files, programs, processes, disks, memory.

use super::judged;
use crate::support::binary::Home;
use std::process::{Child, Command};
use std::time::Duration;

/// A process that runs until the test has ended.
struct Sleeper(Child);

impl Drop for Sleeper {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn whoever_looks_at_this_host_must_look_closely() {
    let home = Home::with_jobs("");
    home.write("backup.log", "begun\nall tables written\ndone\n");
    let sleeper = Sleeper(Command::new("/bin/sleep").arg("7891").spawn().unwrap());
    // It is not new any more when it is asked about.
    std::thread::sleep(Duration::from_millis(1_500));
    let user = nix::unistd::Uid::effective();
    judged(
        &home,
        &[
            ("file there", "path = \"HOME/backup.log\"", &["stale", "empty", "truncated", "wrong_answer"]),
            (
                "file perhaps",
                "path = \"HOME/backup.log\"\noptional = true",
                &["gone", "stale", "empty", "truncated", "wrong_answer"],
            ),
            ("file fresh", "path = \"HOME/backup.log\"\nmax_age = \"26h\"", &["empty", "truncated", "wrong_answer"]),
            ("example there", "path = \"HOME/backup.log\"", &["stale", "empty"]),
            ("process any", "program = \"sleep\"", &["restarted", "wrong_answer", "too_many"]),
            (
                "disk blind",
                "path = \"/\"\nwarning = \"never\"\ncritical = \"never\"\ninodes_warning = \"never\"\ninodes_critical = \"never\"\n\
                 writable = false",
                &["full", "no_inodes", "read_only"],
            ),
            ("memory far", "warning = \"1KiB\"\ncritical = \"1B\"\ncgroup = false", &["no_memory"]),
            ("load far", "warning = 99999\ncritical = 199999", &["load_tenfold", "load_hundredfold"]),
        ],
        &[
            (
                "file whole",
                "path = \"HOME/backup.log\"\nmax_age = \"26h\"\nmin_size = \"20B\"\ncontains = [\"all tables written\", \"done\"]",
            ),
            ("example whole", "path = \"HOME/backup.log\"\nmax_age = \"26h\"\nmin_lines = 3"),
            (
                "process this one",
                &format!(
                    "program = \"/bin/sleep\"\ncommand_contains = \"7891\"\nuser = \"{user}\"\nmax = 1\nrestarted_within = \"1s\""
                ),
            ),
            ("memory usual", "warning = \"128MiB\"\ncritical = \"100MiB\"\ncgroup = false"),
            ("load usual", "warning = 9\ncritical = 18"),
            ("command a plugin", "command = [\"/bin/true\"]"),
        ],
    );
    drop(sleeper);
}
