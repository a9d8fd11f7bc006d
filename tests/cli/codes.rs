//! Exit codes, and what is said with them.

use super::{COMMANDS, JOBS, home};
use crate::support::binary::{Home, usual};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_pass_is_silent_and_content_though_jobs_fail() {
    let home = home();
    for _ in 0..2 {
        home.run(&["cron", "--now"]).silent();
    }
    home.run(&["cron"]).silent();
    assert_eq!(home.subjects(), ["[alpha] DOWN: ill: it hurts"]);
    let status = home.run(&["status"]).ended(0);
    assert!(status.out.contains("failed   ill: it hurts") && status.err.is_empty(), "{status:?}");
    home.run(&["test"]).ended(0);
    home.run(&["try", "ill"]).ended(0);
}

#[test]
fn a_job_of_a_list_and_one_that_is_switched_off_are_found_by_whoever_looks_for_them() {
    let home = Home::with_jobs(
        "[[job.tcp]]\nname = \"web\"\naddress = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n\n[[job.file]]\nname = \"log\"\npath = \
         \"/nonexistent\"\nenabled = false\n",
    );
    let off = "the job \"log\" is switched off; take `enabled = false` out of its table";
    let of_list = "there is no job \"web\", but there are 2 that begin so; name one of them, such as \"web (127.0.0.1:1)\"; `checker jobs`";
    for command in ["vacuity", "try", "ack"] {
        for (name, words) in [("log", off), ("web", of_list)] {
            let told = home.run(&[command, name]).ended(64);
            assert!(told.out.is_empty() && told.err.contains(words), "{command} {name}: {told:?}");
        }
    }
}

#[test]
fn wrong_arguments_are_64_with_a_sentence_on_stderr() {
    let home = home();
    home.run(&["cron"]).silent();
    let wrong: [(&[&str], &str); 18] = [
        (&[], "Usage"),
        (&["bogus"], "unrecognized subcommand 'bogus'"),
        (&["statsu"], "a similar subcommand exists: 'status'"),
        (&["status", "--nonsense"], "--nonsense"),
        (&["cron", "-c", "often"], "minute, hour, day, day_noon"),
        (&["-m", "cron", "-c", "often"], "minute, hour, day, day_noon"),
        (&["cron", "--now", "-c", "minute"], "cannot be used with"),
        (&["try"], "<NAME>"),
        (&["try", "wel"], "there is no job \"wel\"; did you mean \"well\"?"),
        (&["ack", "something else"], "there is no job \"something else\"; `checker jobs` lists all of them"),
        (&["ack", "well"], "well is not failing: there is nothing to acknowledge"),
        (&["ack", "ill", "--undo"], "ill is not acknowledged"),
        (&["silence", "well"], "<TIME>"),
        (&["silence", "well", "soon"], "soon"),
        (&["silence", "well", "0s"], "a silence lasts from 1 s to 366 d"),
        (&["silence", "well", "367d"], "a silence lasts from 1 s to 366 d"),
        (&["away", "90"], "\"90\" is no time; write it as"),
        (&["init"], "settings.cfg exists"),
    ];
    for (args, words) in wrong {
        let told = home.run(args).ended(64);
        assert!(told.out.is_empty() && told.err.contains(words), "{args:?}: {told:?}");
        assert!(told.err.matches("is no time").count() <= 1, "said once is enough: {told:?}");
    }
    let before = home.read("settings.cfg");
    let nobody = home.run(&["init", "-f", "other.cfg"]).ended(64);
    assert!(
        nobody.err.contains("nobody is at the terminal to ask: give --servername --contact --mail --from"),
        "{nobody:?}"
    );
    assert!(home.read("settings.cfg") == before && !home.path("other.cfg").exists());
    for args in [["--help"], ["--version"], ["-h"], ["-V"]] {
        let told = home.run(&args).ended(0);
        assert!(told.err.is_empty() && told.out.contains("checker"), "{told:?}");
    }
}

#[test]
fn a_state_that_cannot_be_made_is_73() {
    let home = Home::new(&usual(JOBS).replace("[email]", "state = \"nowhere/checker.db\"\n\n[email]"));
    for args in [&["cron"][..], &["test"], &["ack", "ill"], &["silence", "ill", "2h"]] {
        let told = home.run(args).ended(73);
        assert!(told.err.contains("nowhere") && told.err.lines().count() == 1, "{args:?}: {told:?}");
    }
    // These only look.
    for args in [&["check"][..], &["jobs"], &["status"], &["try", "well"]] {
        home.run(args).ended(0);
    }
    assert!(!home.path("nowhere").exists());
}

#[test]
fn a_state_that_is_damaged_is_74_and_only_a_pass_sets_it_aside() {
    let home = home();
    let garbage = "This is not the state of anything. ".repeat(300);
    home.write("checker.db", &garbage);
    for args in COMMANDS {
        if matches!(args[0], "check" | "jobs" | "windows") {
            home.run(args).ended(0);
            continue;
        }
        if args[0] == "cron" {
            continue;
        }
        let told = home.run(args).ended(74);
        let words = ["the state is damaged", "checker.db", "move the file away"];
        assert!(words.iter().all(|w| told.err.contains(w)) && told.err.lines().count() == 1, "{args:?}: {told:?}");
    }
    assert_eq!(home.read("checker.db"), garbage);
    home.run(&["cron"]).ended(74);
    assert!(home.subjects().iter().any(|s| s.contains("damaged")), "{:?}", home.subjects());
    home.run(&["cron"]).ended(0);
}

#[test]
fn a_state_that_others_may_write_is_said_and_stops_no_check() {
    let home = home();
    home.run(&["cron"]).silent();
    fs::set_permissions(home.path("checker.db"), fs::Permissions::from_mode(0o666)).expect("rights");
    let told = home.run(&["cron", "--now", "--json"]).ended(74).json();
    assert!(told["degraded"].as_str().expect("words").contains("chmod 600"), "{told}");
    assert!(!told["ran"].as_array().expect("runs").is_empty(), "{told}");
    fs::set_permissions(home.path("checker.db"), fs::Permissions::from_mode(0o600)).expect("rights");
    home.run(&["cron"]).ended(0);
}

#[test]
fn a_state_of_another_user_is_left_alone() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: only root can give files away");
        return;
    }
    let home = home();
    home.run(&["cron"]).silent();
    let nobody = nix::unistd::User::from_name("nobody").expect("a list of users").expect("nobody");
    std::os::unix::fs::chown(home.path("checker.db"), Some(nobody.uid.as_raw()), None).expect("a new owner");
    fs::remove_file(home.path("checker.log")).expect("the log");
    for args in [&["cron"][..], &["status", "-v"], &["try", "well", "-v"], &["ack", "ill"], &["test"]] {
        let told = home.run(args).ended(74);
        assert!(told.err.contains("belongs to the user nobody") && told.err.contains("sudo -u nobody"), "{told:?}");
    }
    assert!(!home.path("checker.log").exists(), "no file of the wrong user is made");
}

#[test]
fn settings_that_are_wrong_are_78_for_everybody() {
    let home = Home::new(&usual("[[job.tcp]]\nadress = \"localhost:22\"\nevery = \"often\"\n"));
    for args in COMMANDS {
        let told = home.run(args).ended(78);
        let report = if args[0] == "check" { &told.out } else { &told.err };
        for words in ["settings.cfg:", "did you mean \"address\"", "often"] {
            assert!(report.contains(words), "{args:?}: {told:?}");
        }
    }
    home.settings(&usual(JOBS));
    fs::set_permissions(home.path("settings.cfg"), fs::Permissions::from_mode(0o666)).expect("rights");
    let told = home.run(&["cron"]).ended(78);
    assert!(told.err.contains("chmod"), "{told:?}");
    assert!(!home.path("checker.db").exists(), "nothing ran");
}

#[test]
fn without_settings_the_places_that_were_tried_are_named() {
    let home = home();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let run = |args: &[&str]| {
        let output = home.bare(args).current_dir(elsewhere.path()).output().expect("the program starts");
        crate::support::binary::done(&output).ended(78)
    };
    let here = elsewhere.path().join("settings.cfg").display().to_string();
    for args in COMMANDS {
        let told = run(args);
        assert!(told.out.is_empty(), "{told:?}");
        assert!(told.err.contains("there is no settings file. Tried:"), "{args:?}: {told:?}");
        assert!(told.err.contains("/etc/checker/settings.cfg") && told.err.contains("checker init"), "{told:?}");
        assert_eq!(told.err.contains(&here), args[0] != "cron", "cron looks at no current folder: {told:?}");
    }
    let named = run(&["status", "-f", "no.cfg"]);
    assert!(named.err.contains("no.cfg (the option -f)") && !named.err.contains("/etc"), "{named:?}");
    // In the folder of the settings, people need not name them.
    let found = |args: &[&str]| home.bare(args).output().expect("the program starts").status.code();
    assert_eq!((found(&["status"]), found(&["cron"])), (Some(0), Some(78)));
}
