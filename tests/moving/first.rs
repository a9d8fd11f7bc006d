//! From the first program: its settings, the jobs that its state file knows, and what it had told.

use super::empty;
use crate::support::binary::{Home, usual};
use crate::support::{free_ports, listen};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::os::unix::fs::PermissionsExt;
use std::time::{SystemTime, UNIX_EPOCH};

const SETTINGS: &str = "\
[general]
servername=alpha
alertcontact=you@example.com
statefile=checker.state
[email]
user=alpha-checker@example.com
pass=a secret
smtpserver=smtp.example.com
smtpport=587
imapserver=imap.example.com
[peers]
beta=http://beta.example.com:5000,admin@beta.example.com
";

fn secs_ago(secs: u64) -> String {
    format!("{}.5", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - secs)
}

/// A line about a TCP server on this host.
fn tcp(name: &str, port: u16, state: &str, since: &str, told: &str, failures: u32) -> String {
    let shown = format!("<class 'jobs.TCPServerChecker.TCPServerChecker.ServerChecker'> for {name}(127.0.0.1:{port})");
    let id = STANDARD.encode(format!("{shown}|127.0.0.1|{port}|{name}|minute|state_change|2"));
    format!("{id}|{state}|{since}|{told}|{shown}|{failures}\n")
}

/// Settings of ours with the jobs that `import first` makes of the state file.
fn moved(home: &Home) {
    let done = home.bare(&["import", "first", "old.cfg", "--state", "old.state"]).output().unwrap();
    let toml = String::from_utf8(done.stdout).unwrap();
    let jobs = toml.split_once("[[job.").map_or_else(String::new, |(_, rest)| format!("[[job.{rest}"));
    home.settings(&usual(&jobs));
}

#[test]
fn what_was_told_is_not_told_again_and_its_recovery_is_told_once() {
    let home = empty();
    let [told, new, well] = free_ports();
    let listener = listen(well);
    home.write("old.cfg", SETTINGS);
    let (old, lately) = (secs_ago(10 * 86_400), secs_ago(60));
    let state = [
        tcp("told long ago", told, "Failing", &old, &old, 14_400),
        tcp("failed once", new, "Failing", &lately, "0", 1),
        tcp("well", well, "Succeeding", "0", "0", 0),
        "damaged\n".to_owned(),
    ];
    home.write("old.state", &state.concat());
    moved(&home);

    let first = home.run(&["import", "first-state", "old.state"]).ended(0);
    assert!(first.out.contains("told long ago: failing, and told: its recovery will be told"), "{first:?}");
    assert!(first.out.contains("failed once: failing, and not told yet"), "{first:?}");
    assert!(first.out.contains("2 failing jobs taken over, 1 well, 0 taken over before"), "{first:?}");
    assert!(first.err.contains("old.state: line 4: ") && first.err.contains("damaged"), "{first:?}");
    let again = home.run(&["import", "first-state", "old.state"]).ended(0);
    assert!(again.out.contains("0 failing jobs taken over, 1 well, 2 taken over before"), "{again:?}");

    home.run(&["cron", "--now"]).silent();
    assert_eq!(home.subjects().len(), 1, "{:?}", home.subjects());
    assert!(home.subjects()[0].contains("DOWN: failed once"), "the second in a row: {:?}", home.subjects());
    let late = home.run(&["import", "first-state", "old.state"]).ended(0);
    assert!(late.err.contains("told long ago: it has run here already"), "{late:?}");

    drop(listener);
    let (back, _well) = (listen(told), listen(well));
    home.run(&["cron", "--now"]).silent();
    home.run(&["cron", "--now"]).silent();
    let subjects = home.subjects();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(subjects[1].contains("UP: told long ago"), "{subjects:?}");
    drop(back);
}

#[test]
fn settings_and_password_are_written_once_and_never_over_a_file() {
    let home = empty();
    home.write("old.cfg", SETTINGS);
    let run = |words: &[&str]| crate::support::binary::done(&home.bare(words).output().unwrap());
    let shown = run(&["import", "first", "old.cfg"]).ended(0);
    assert!(!shown.out.contains("a secret") && !shown.err.contains("a secret"), "{shown:?}");
    assert!(shown.err.contains("old.cfg: line 7: [email] pass"), "{shown:?}");

    let written = run(&["import", "first", "old.cfg", "-o", "new.cfg"]).ended(0);
    assert!(written.out.contains("Written: mail.secret, new.cfg"), "{written:?}");
    assert_eq!(home.read("mail.secret"), "a secret\n");
    for name in ["mail.secret", "new.cfg"] {
        assert_eq!(home.path(name).metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    let judged = run(&["-f", "new.cfg", "check"]).ended(0);
    assert!(judged.out.contains("the settings are good"), "{judged:?}");

    home.write("new.cfg", "mine");
    let refused = run(&["import", "first", "old.cfg", "-o", "new.cfg"]).ended(73);
    assert!(refused.err.contains("new.cfg is there already, and nothing is written over"), "{refused:?}");
    let refused = run(&["import", "first", "old.cfg", "-o", "other.cfg"]).ended(73);
    assert!(refused.err.contains("mail.secret is there already"), "{refused:?}");
    assert_eq!((home.read("new.cfg").as_str(), home.path("other.cfg").exists()), ("mine", false));
}

#[test]
fn jobs_that_cannot_be_and_files_that_are_not_there_are_told() {
    let home = empty();
    let run = |words: &[&str]| crate::support::binary::done(&home.bare(words).output().unwrap());
    home.write("old.cfg", SETTINGS);
    let name = "<class 'jobs.HTTPServerChecker.HTTPServerChecker.ServerChecker'> for ftp://a.example.com";
    let id = STANDARD.encode(format!("{name}|ftp://a.example.com"));
    home.write("old.state", &format!("{id}|Succeeding|0|0|{name}|0\n"));
    let shown = run(&["import", "first", "old.cfg", "--state", "old.state"]).ended(0);
    assert!(shown.out.contains("# [[job.http]]\n# url = \"ftp://a.example.com\"\n"), "{shown:?}");
    assert!(shown.out.contains("a job that cannot be used"), "{shown:?}");

    let json = run(&["--json", "import", "first", "old.cfg"]).ended(0).json();
    assert!(json["toml"].as_str().unwrap().contains("[general]"), "{json}");
    run(&["import", "first", "missing.cfg"]).ended(74);
    run(&["import", "first", "."]).ended(74);
    let other = run(&["import", "first", "old.state"]).ended(64);
    assert!(other.err.contains("holds no settings of the first program"), "{other:?}");
    let nowhere = run(&["import", "first", "old.cfg", "-o", "no/such/new.cfg"]).ended(73);
    assert!(nowhere.err.contains("cannot be written"), "{nowhere:?}");
}
