//! Whatever is wrong with settings and state, the command runs; and what is known of it is taken in later.

use super::{history, home};
use crate::support::binary::{Home, done};
use crate::support::need;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;
use std::time::{Duration, Instant};

fn marked(home: &Home) -> crate::support::binary::Done {
    let done = home.run(&["run", "x", "--", "/bin/sh", "-c", "echo ran >>marks; exit 5"]);
    assert_eq!(done.code, 5, "{done:?}");
    done
}

fn ran(home: &Home) -> usize {
    home.read("marks").lines().count()
}

fn spooled(home: &Home) -> usize {
    let files = fs::read_dir(home.path("checker.db.scripts")).into_iter().flatten().flatten();
    files.filter(|file| file.path().extension().is_some_and(|e| e == "json")).count()
}

#[test]
fn without_settings_it_runs_and_says_that_nothing_is_recorded() {
    let (home, _) = home("");
    fs::remove_file(home.path("settings.cfg")).unwrap();
    let told = marked(&home);
    assert!(told.err.contains("nothing is recorded of it") && told.err.contains("settings.cfg"), "{told:?}");
    assert_eq!(ran(&home), 1);
}

#[test]
fn broken_settings_are_no_reason_to_lose_a_record() {
    let (home, _) = home("");
    let good = home.read("settings.cfg");
    home.settings(&format!("{good}\n[[job.tcp]\nbroken"));
    let told = marked(&home);
    assert_eq!((told.err.as_str(), ran(&home)), ("", 1));
    assert_eq!(history(&home, "x").len(), 1, "the state is where it always was");
}

#[test]
fn a_state_that_stays_locked_delays_the_command_by_a_moment_and_loses_nothing() {
    let (home, _) = home("");
    home.run(&["cron"]).silent();
    let lock = rusqlite::Connection::open(home.path("checker.db")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = Instant::now();
    let told = marked(&home);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!((told.err.as_str(), spooled(&home)), ("", 2), "begin and end");
    lock.execute_batch("ROLLBACK").unwrap();
    drop(lock);
    assert_eq!(history(&home, "x"), []);
    home.run(&["cron"]).silent();
    assert_eq!(history(&home, "x")[0].0, "failed");
    assert_eq!(spooled(&home), 0);
}

#[test]
fn another_users_state_gets_files_from_root_that_its_owner_takes_in() {
    if !need("postfix") {
        return;
    }
    let (home, host) = home("");
    let owner = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let give = |name: &str| chown(home.path(name), Some(owner.uid.as_raw()), Some(owner.gid.as_raw())).unwrap();
    give("");
    give("settings.cfg");
    let as_owner = |args: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", env!("CARGO_BIN_EXE_checker")]);
        command.args(args).current_dir(home.path("")).env_clear().env("CHECKER_SETTINGS", home.path("settings.cfg"));
        done(&command.output().unwrap())
    };
    as_owner(&["cron"]).silent();
    let told = marked(&home);
    assert_eq!((told.err.as_str(), spooled(&home)), ("", 2));
    as_owner(&["cron"]).silent();
    let list = as_owner(&["script", "history", "x", "--json"]).ended(0).json();
    assert_eq!(list["runs"][0]["hostname"], host);
    assert_eq!(list["runs"][0]["outcome"]["verdict"], "failed");
    assert_eq!(spooled(&home), 0);

    // A stranger has no place, and is told so; one whom the owner has let in has.
    let as_other = |args: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "12345", "--regid", "23456", "--clear-groups", "/bin/sh", "-c"]);
        command.args(["umask 077; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_checker")]);
        command.args(args).current_dir("/").env_clear().env("CHECKER_SETTINGS", home.path("settings.cfg"));
        done(&command.output().unwrap())
    };
    fs::set_permissions(home.path(""), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(home.path("settings.cfg"), Permissions::from_mode(0o644)).unwrap();
    let told = as_other(&["run", "y", "--", "true"]).ended(0);
    assert!(told.err.contains("the begin of y was not recorded") && told.err.contains("the end of y"), "{told:?}");
    let folder = home.path("checker.db.scripts");
    chown(&folder, Some(owner.uid.as_raw()), Some(23_456)).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o2770)).unwrap();
    // Whatever the umask: the owner must be able to read it.
    let strict = as_other(&["run", "y", "--", "true"]);
    strict.silent();
    as_owner(&["cron"]).silent();
    let list = as_owner(&["script", "history", "y", "--json"]).ended(0).json();
    assert_eq!(
        (&list["runs"][0]["outcome"]["verdict"], &list["runs"][0]["asked_by"]),
        (&"ok".into(), &"#12345".into())
    );
}

/// A mount that ends with the test.
struct Mounted(std::path::PathBuf);
impl Drop for Mounted {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

/// A disk of 2 MiB that is full: begin and end go elsewhere, and come back when there is room.
#[test]
fn a_full_disk_stops_no_script_and_loses_no_record() {
    if !need("postfix") {
        return;
    }
    let (home, _) = home("");
    let disk = home.path("disk");
    fs::create_dir(&disk).unwrap();
    let mount = |args: &[&str]| assert!(Command::new("mount").args(args).arg(&disk).status().unwrap().success());
    mount(&["-t", "tmpfs", "-o", "size=2m,mode=755", "tmpfs"]);
    let mounted = Mounted(disk.clone());
    let settings = home.read("settings.cfg").replace("[email]", "state = \"disk/checker.db\"\n\n[email]");
    home.settings(&settings);
    home.run(&["cron"]).silent();
    let full = fs::write(disk.join("fill"), vec![0; 4 * 1024 * 1024]);
    assert!(full.is_err(), "the disk is not full");
    for _ in 0..3 {
        let told = marked(&home);
        assert_eq!(told.err, "");
    }
    assert_eq!(ran(&home), 3);
    fs::remove_file(disk.join("fill")).unwrap();
    home.run(&["cron"]);
    let known = history(&home, "x");
    assert_eq!(known.len(), 3, "{known:?}");
    assert!(known.iter().all(|(verdict, _)| verdict == "failed"), "{known:?}");
    drop(mounted);
}
