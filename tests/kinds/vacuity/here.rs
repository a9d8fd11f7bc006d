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
    // A program that no other test starts.
    let napper = home.path("napper");
    std::fs::copy("/bin/sleep", &napper).unwrap();
    let sleeper = Sleeper(Command::new(&napper).arg("600").spawn().unwrap());
    // It is not new any more when it is asked about.
    std::thread::sleep(Duration::from_millis(1_500));
    let user = nix::unistd::Uid::effective();
    // Some file systems make inodes as they are needed.
    let counted = Command::new("/usr/bin/stat").args(["-f", "-c", "%c", "/"]).output().unwrap().stdout;
    let blind: &[&str] =
        if counted.trim_ascii() == b"0" { &["full", "read_only"] } else { &["full", "no_inodes", "read_only"] };
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
            ("process any", "program = \"napper\"", &["restarted", "wrong_answer", "too_many"]),
            (
                "disk blind",
                "path = \"/\"\nwarning = \"never\"\ncritical = \"never\"\ninodes_warning = \"never\"\ninodes_critical = \"never\"\n\
                 writable = false",
                blind,
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
                    "program = \"HOME/napper\"\ncommand_contains = \"600\"\nuser = \"{user}\"\nmax = 1\nrestarted_within = \"1s\""
                ),
            ),
        ],
    );
    drop(sleeper);
}

#[test]
fn what_an_empty_file_is_to_hold_is_not_known() {
    let home = Home::with_jobs("[[job.file]]\nname = \"log\"\npath = \"HOME/log\"\nmax_age = \"26h\"\n");
    home.write("log", "");
    let said = home.run(&["vacuity"]).ended(0).out;
    assert!(said.starts_with("log: notices all of 3 wrong answers, but it is empty, so that nothing which"), "{said}");
    assert!(said.ends_with("1 job: 0 weak, 0 strong, 1 not known\n"), "{said}");
}

#[test]
fn what_a_program_looks_at_is_not_known() {
    let home = Home::with_jobs("[[job.command]]\nname = \"nothing\"\ncommand = [\"/bin/true\"]\n");
    let said = home.run(&["vacuity"]).ended(0).out;
    assert!(
        said.starts_with("nothing: notices all of 5 wrong answers, but what the program itself looks at is not"),
        "{said}"
    );
    assert!(said.ends_with("1 job: 0 weak, 0 strong, 1 not known\n"), "{said}");
}
