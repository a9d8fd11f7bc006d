//! What may be seen: our own processes must not match by accident, and hidden ones must not count as missing.
//!
//! The inner tests are this program again, started as the outer ones say, with the text to look for in [`TEXT`].

use super::*;
use std::os::unix::fs::MetadataExt;

const TEXT: &str = "CHECKER_TEST_TEXT";

fn own() -> String {
    std::env::current_exe().unwrap().to_str().unwrap().to_owned()
}

fn inner(name: &str) -> String {
    format!("tests::seen::{name} --exact --ignored --nocapture")
}

fn passes(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn neither_we_nor_what_we_have_started_nor_who_calls_us_matches() {
    let us = run("command_contains = \"checker_process\"\nmax = 0");
    // Another program of these tests may run beside us, but not as us.
    let line = format!("process {} ", std::process::id());
    assert!(!us.detail.contains(&line), "{us:?}");
    let text = unique("text-of-a-child-");
    let mut child = Command::new("/bin/sh").args(["-c", "sleep 60 & wait", &text]).spawn().unwrap();
    let found = run(&format!("command_contains = {text:?}\nmax = 0"));
    drop(
        Command::new("/bin/sh")
            .args(["-c", "kill $(cat /proc/$0/task/$0/children) $0", &child.id().to_string()])
            .status(),
    );
    child.wait().unwrap();
    assert_eq!(found.verdict, Verdict::Ok, "{found:?}");
    // As cron calls: the shell is of our session. Its line does not name us: the program is a variable.
    let text = unique("text-of-cron-");
    let line = format!("\"$0\" {}; true {text}", inner("inside_nothing_has_the_text"));
    passes(Command::new("setsid").args(["-w", "/bin/sh", "-c", &line, &own()]).env(TEXT, &text));
    // As sudo calls: it is of another session, but has us in its line.
    let line = format!("setsid -w {} {}; true {text}", own(), inner("inside_nothing_has_the_text"));
    passes(Command::new("/bin/sh").args(["-c", &line]).env(TEXT, &text));
}

#[test]
fn a_parent_that_is_a_service_of_its_own_matches() {
    let folder = folder();
    let text = unique("cron-itself-");
    let script = folder.path().join(&text);
    std::fs::write(&script, format!("setsid -w \"$PROGRAM\" {}; true", inner("inside_something_has_the_text")))
        .unwrap();
    passes(Command::new("/bin/sh").arg(&script).env("PROGRAM", own()).env(TEXT, &text));
}

#[test]
#[ignore = "run by neither_we_nor_what_we_have_started_nor_who_calls_us_matches"]
fn inside_nothing_has_the_text() {
    let text = std::env::var(TEXT).unwrap();
    let found = run(&format!("command_contains = {text:?}\nmax = 0"));
    assert_eq!(found.verdict, Verdict::Ok, "{found:?}");
}

#[test]
#[ignore = "run by a_parent_that_is_a_service_of_its_own_matches"]
fn inside_something_has_the_text() {
    let text = std::env::var(TEXT).unwrap();
    for table in [format!("program = {text:?}"), format!("command_contains = {text:?}")] {
        let found = run(&table);
        assert_eq!(found.verdict, Verdict::Ok, "{table}: {found:?}");
    }
}

/// Runs the test below as another user in a space of its own, with such a `/proc`. A container may lack the right to make one:
/// there `what_is_shown_in_part_is_hidden_or_strange_and_not_missing` judges the same on files.
fn hidden_by(option: &str) {
    let may = std::fs::metadata("/proc/self").unwrap().uid() == 0
        && Command::new("unshare")
            .args(["--mount", "mount", "-t", "proc", "-o", option, "proc", "/proc"])
            .status()
            .expect("unshare (util-linux) starts")
            .success();
    if !may {
        eprintln!("only a /proc of files judges here: no /proc with {option} may be mounted (root?)");
        return;
    }
    let folder = folder();
    let name = unique("ckh");
    let path = sleeper(folder.path(), &name);
    let process = Orphan::start(&[&path, "60"]);
    let pidfile = folder.path().join("daemon.pid");
    std::fs::write(&pidfile, process.pid.to_string()).unwrap();
    let secret = folder.path().join("secret.pid");
    std::fs::write(&secret, "1").unwrap();
    std::fs::set_permissions(&secret, <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600))
        .unwrap();
    until(&format!("program = {name:?}"), |o| o.verdict == Verdict::Ok);
    // The other user may not enter the folder of this program.
    let program = folder.path().join("tests");
    assert!(Command::new("/bin/cp").arg(own()).arg(&program).status().unwrap().success());
    let line = "mount -t proc -o \"$0\" proc /proc && exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "/bin/sh", "-c", line, option]).arg(program).args(inner("inside_of_hidden").split(' '));
    passes(command.env(TEXT, folder.path()).env("NAME", &name).current_dir("/"));
}

#[test]
fn what_is_hidden_is_not_said_to_be_missing() {
    hidden_by("hidepid=1");
    hidden_by("hidepid=2");
}

#[test]
#[ignore = "run by what_is_hidden_is_not_said_to_be_missing, as another user"]
fn inside_of_hidden() {
    let (folder, name) = (std::env::var(TEXT).unwrap(), std::env::var("NAME").unwrap());
    let cause = "other users' processes are hidden from Checker (hidepid= of /proc, or ProtectProc= of its unit)";
    let few = run(&format!("program = {name:?}"));
    assert_eq!((few.verdict, few.cause.as_deref()), (Verdict::Unknown, Some(cause)), "{few:?}");
    let said = format!("0 processes of {name} are seen and 1 wanted; more may run, but {cause}; mount /proc with gid=");
    assert!(few.summary.starts_with(&said), "{few:?}");
    let file = run(&format!("program = {name:?}\npidfile = \"{folder}/daemon.pid\""));
    assert_eq!((file.verdict, file.cause.as_deref()), (Verdict::Unknown, Some(cause)), "{file:?}");
    let own = run(&format!("program = {name:?}\nuser = \"65534\""));
    assert_eq!(own.verdict, Verdict::Failed, "ours are never hidden: {own:?}");
    let none = run(&format!("program = {name:?}\nmax = 0"));
    assert_eq!((none.verdict, none.cause.as_deref()), (Verdict::Unknown, Some(cause)), "it runs: {none:?}");
    let secret = run(&format!("program = {name:?}\npidfile = \"{folder}/secret.pid\""));
    assert_eq!(secret.verdict, Verdict::Unknown);
    assert!(secret.summary.starts_with("Checker's user may not read "), "{secret:?}");
}
