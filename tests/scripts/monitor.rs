//! `script monitor` and `script nagios`: texts, mail and exit codes of the original, as a caller can see them.

use super::home;
use crate::support::binary::{Done, Home, done, has_faketime, utc};
use std::os::unix::fs::symlink;
use std::process::Command;

/// The row of the original's test: `script-monitor-test` ran on `localhost` from 2007-05-23 00:00 to 01:00.
fn recorded() -> Home {
    let (home, _) = home("");
    let times = ["--started", "2007-05-23 00:00", "--completed", "2007-05-23 01:00"];
    home.run(&[&["script", "record", "script-monitor-test", "--host", "localhost"][..], &times].concat()).silent();
    home
}

/// At this time of 2007-05-23, in UTC; the zone of the settings is another.
fn at(home: &Home, time: &str, args: &[&str]) -> Done {
    home.run_at(utc(&format!("2007-05-23 {time}")), &[&["script"], args].concat())
}

const SCRIPT: &str = "localhost:script-monitor-test";

#[test]
fn the_originals_vectors() {
    if !has_faketime() {
        return;
    }
    let home = recorded();
    // All ran: silent.
    at(&home, "01:30:00", &["monitor", "60", SCRIPT]).silent();
    assert!(home.mails().is_empty());
    let fine = at(&home, "01:30:00", &["nagios", "60", SCRIPT]).ended(0);
    assert_eq!((fine.out.as_str(), fine.err.as_str()), ("All scripts ran as expected\n", ""));

    // One that was last seen too long ago, and one that never ran: in the order in which they were given.
    let both = [SCRIPT, "notlocalhost:script-monitor-test"];
    let told = at(&home, "02:30:00", &[&["monitor", "60"][..], &both].concat()).ended(2);
    assert_eq!(told.out, "");
    let [mail] = &home.mails()[..] else { panic!("{:?}", home.subjects()) };
    let summary = format!("Scripts failed to run: {SCRIPT}, notlocalhost:script-monitor-test");
    assert_eq!(mail.subject(), summary);
    let body = mail.raw.split_once("\n\n").unwrap().1.replace("=\n", "");
    let window = "between 2007-05-23 01:30:00 and 2007-05-23 02:30:00";
    let lines = [
        format!("The script 'script-monitor-test' didn't run on 'localhost' {window} (last seen 2007-05-23 01:00:00)"),
        format!("The script 'script-monitor-test' didn't run on 'notlocalhost' {window}"),
    ];
    assert_eq!(body.trim_end(), lines.join("\n"));
    assert_eq!(mail.head["to"], "you@example.com");
    for line in &lines {
        assert!(told.err.contains(&format!("2007-05-23 02:30:00 FATAL   {line}\n")), "{}", told.err);
    }
    let nagios = at(&home, "02:30:00", &[&["nagios", "60"][..], &both].concat()).ended(2);
    assert_eq!(nagios.out, format!("{summary}\n"));
    let quiet = at(&home, "02:30:00", &["monitor", "60", SCRIPT, "--quiet"]).ended(2);
    assert_eq!(quiet.err, "");
}

#[test]
fn wrong_arguments_end_as_a_caller_expects() {
    let (home, host) = home("");
    let pair = format!("{host}:x");
    for words in [&["30"][..], &[], &["soon", &pair], &["-1", &pair], &["30.5", &pair]] {
        let mail = home.run(&[&["script", "monitor"], words].concat()).ended(64);
        let nagios = home.run(&[&["script", "nagios"], words].concat()).ended(3);
        assert_eq!(nagios.out.lines().count(), 1, "{words:?}: {nagios:?}");
        if words != ["-1", pair.as_str()] {
            assert!(mail.err.contains("Must specify at time in minutes and at least one host and script"), "{mail:?}");
            assert_eq!(nagios.out, "Must specify time in minutes and at least one host and script\n");
        }
    }
    let odd = home.run(&["script", "nagios", "30", "nohost"]).ended(3);
    assert_eq!(odd.out, "'nohost' is not in the format 'host:scriptname'\n");
    for option in [&["-d", "launchpad"][..], &["--dbname=launchpad"], &["-H", "db"], &["-p", "5432"], &["-U", "peter"]]
    {
        let words = [option, &["30", &pair]].concat();
        let mail = home.run(&[&["script", "monitor"], &words[..]].concat()).ended(64);
        assert!(mail.err.contains("the original's database") && mail.err.contains(option[0]), "{mail:?}");
        let nagios = home.run(&[&["script", "nagios"], &words[..]].concat()).ended(3);
        assert!(nagios.out.contains("the original's database"), "{nagios:?}");
    }
    // Whoever cannot look knows nothing.
    home.settings("nonsense");
    home.write("checker.db", "this is no state, but it is long enough to look like a file of some other program");
    let told = home.run(&["script", "nagios", "30", &pair]).ended(3);
    assert_eq!(told.out.lines().count(), 1, "{told:?}");
    home.run(&["script", "monitor", "30", &pair]).ended(1);
}

#[test]
fn the_originals_names_are_the_same_programs() {
    let (home, host) = home("");
    home.run(&["run", "x", "--", "true"]).silent();
    let call = |name: &str, args: &[&str]| {
        let link = home.path(name);
        if !link.exists() {
            symlink(env!("CARGO_BIN_EXE_checker"), &link).unwrap();
        }
        let mut command = Command::new(link);
        command.args(args).env_clear().env("CHECKER_SETTINGS", home.path("settings.cfg"));
        done(&command.output().unwrap())
    };
    let (good, bad) = (format!("{host}:x"), format!("{host}:y"));
    call("script-monitor", &["5", &good]).silent();
    call("script-monitor", &["5", &good, &bad]).ended(2);
    assert_eq!(home.subjects(), [format!("Scripts failed to run: {bad}")]);
    let told = call("script-monitor-nagios", &["5", &bad, &good]).ended(2);
    assert_eq!(told.out, format!("Scripts failed to run: {bad}\n"));
    call("script-monitor-nagios", &["-d", "launchpad", "5", &good]).ended(3);
    call("script-monitor", &["-d", "launchpad", "5", &good]).ended(64);
}

#[test]
fn more_is_asked_in_two_degrees_and_shown_as_performance_data() {
    let (home, host) = home("");
    for _ in 0..2 {
        home.run(&["run", "x", "--", "sleep", "0.2"]).silent();
    }
    home.run(&["run", "x", "--host", "beta", "--", "true"]).silent();
    let pair = format!("{host}:x");
    let nagios =
        |code: i32, more: &[&str]| home.run(&[&["script", "nagios", "5", &pair], more].concat()).ended(code).out;
    assert_eq!(nagios(0, &["--min-runs", "2"]), "All scripts ran as expected\n");
    let few = nagios(2, &["--min-runs", "3"]);
    assert_eq!(few, format!("Scripts not as expected: {pair} ran 2 of at least 3 times\n"));
    assert_eq!(nagios(1, &["--warning-min-runs", "3"]), few);
    assert_eq!(nagios(0, &["--min-runs", "3", "--any-host"]), "All scripts ran as expected\n");
    assert!(nagios(2, &["--max-average", "100ms"]).contains("on average, at most 100 ms"), "slow");
    assert!(nagios(1, &["--warning-max-runtime", "100ms"]).contains("took up to"), "slow");
    assert!(nagios(0, &["--max-average", "60", "--max-runtime", "1h"]).starts_with("All scripts"));
    let data = nagios(0, &["--perfdata"]);
    let data = data.trim_end().split_once(" | ").unwrap().1;
    assert!(data.starts_with(&format!("'{pair} age'=")) && data.contains(&format!("'{pair} runs'=2")), "{data}");
    let json = home.run(&["script", "monitor", "5", &format!("{host}:y"), "--json"]).ended(2).json();
    assert_eq!(json["findings"][0]["missing"], true);
    assert_eq!(home.mails().len(), 1);
}

#[test]
fn a_mail_that_cannot_leave_is_kept_and_the_caller_knows() {
    if !has_faketime() {
        return;
    }
    let (home, _) = home("");
    let usual = home.read("settings.cfg");
    let dead = "[general]\nservername = \"alpha\"\nalertcontact = \"you@example.com\"\n\n[email]\nfrom = \"a@example.com\"\n\
                [email.smtp]\nhost = \"127.0.0.1\"\nport = 1\nsecurity = \"none\"\n";
    home.settings(dead);
    let told = home.run(&["script", "monitor", "5", "beta:x"]).ended(1);
    assert!(told.err.contains("could not be delivered and is kept"), "{told:?}");
    home.settings(&usual);
    let soon = checker::clock::now().wall.plus(std::time::Duration::from_secs(300));
    home.pass_at(soon);
    assert_eq!(home.subjects(), ["Scripts failed to run: beta:x"]);
}
