//! Maintenance windows, in the real program: what fails in one is told when it has ended, and what recovers is told as
//! ever.

use crate::support::binary::{Home, has_faketime, usual, utc};
use checker_job::Timestamp;

/// Every night from two to four, in Berlin. `HOME/NAME.says` says what a job finds.
const WINDOW: &str =
    "[[window]]\nname = \"night\"\njobs = [\"shop\", \"backup\"]\nstart = \"02:00\"\nlength = \"2h\"\n\n";

fn home(windows: &str) -> Home {
    let job = |name: &str, keys: &str| {
        format!(
            "[[job.command]]\nname = \"{name}\"\nid = \"{name}\"\n{keys}\
             command = [\"/bin/sh\", \"-c\", \"echo ran >>HOME/{name}.runs; . HOME/{name}.says\"]\n\n"
        )
    };
    let jobs = [job("shop", ""), job("backup", "every = \"day\"\nfailure_threshold = 1\n"), job("other", "")].concat();
    let home = Home::new(&usual(&format!("{windows}{jobs}")));
    for name in ["shop", "backup", "other"] {
        good(&home, name);
    }
    home
}

fn good(home: &Home, name: &str) {
    home.write(&format!("{name}.says"), "echo 'all is well'\n");
}

fn bad(home: &Home, name: &str) {
    home.write(&format!("{name}.says"), "echo 'it is gone'; exit 2\n");
}

/// Berlin is two hours ahead in May.
fn at(time: &str) -> Timestamp {
    utc(&format!("2026-05-10 {time}"))
}

fn passes(home: &Home, times: &[&str]) {
    for time in times {
        home.pass_at(at(time));
    }
}

#[test]
fn what_fails_in_a_window_is_told_once_when_it_has_ended_and_its_recovery_as_ever() {
    if !has_faketime() {
        return;
    }
    let home = home(WINDOW);
    passes(&home, &["00:01:00"]);
    bad(&home, "shop");
    bad(&home, "other");
    passes(&home, &["00:02:00", "00:03:00", "00:04:00"]);
    assert_eq!(home.subjects(), ["[alpha] DOWN: other: it is gone"], "who is in no window is told");
    let status = home.run_at(at("00:05:00"), &["status"]).ended(0).out;
    assert!(status.contains("failed   shop: it is gone"), "it is checked all the while: {status}");
    let held = "in window night until 2026-05-10 04:00:00: nothing new is told";
    assert_eq!(status.matches(held).count(), 2, "{status}");
    passes(&home, &["01:59:50"]);
    assert_eq!(home.subjects().len(), 1, "{:?}", home.subjects());
    passes(&home, &["02:00:00"]);
    assert_eq!(home.subjects()[1..], ["[alpha] DOWN: shop: it is gone"], "with the first pass after its end");
    passes(&home, &["02:01:00"]);
    assert_eq!(home.subjects().len(), 2, "once");
    assert!(!home.run_at(at("02:02:00"), &["status"]).ended(0).out.contains("in window"));
    good(&home, "shop");
    passes(&home, &["02:03:00"]);
    assert_eq!(home.subjects().len(), 3);
    assert!(home.subjects()[2].starts_with("[alpha] UP: shop: all is well"), "{:?}", home.subjects());
}

#[test]
fn who_recovers_in_a_window_is_told_if_the_failure_was_and_else_not() {
    if !has_faketime() {
        return;
    }
    let home = home(WINDOW);
    // Before the window, in Berlin's evening: told.
    bad(&home, "shop");
    let before = |minute: u8| utc(&format!("2026-05-09 23:{minute}:00"));
    home.pass_at(before(50));
    home.pass_at(before(51));
    assert_eq!(home.subjects(), ["[alpha] DOWN: shop: it is gone"]);
    good(&home, "shop");
    passes(&home, &["00:10:00"]);
    assert!(home.subjects()[1].starts_with("[alpha] UP: shop"), "no window holds a recovery: {:?}", home.subjects());
    // In it: nobody hears of either.
    bad(&home, "shop");
    passes(&home, &["00:20:00", "00:21:00", "00:22:00"]);
    good(&home, "shop");
    passes(&home, &["00:23:00", "02:00:00", "02:01:00"]);
    assert_eq!(home.subjects().len(), 2, "{:?}", home.subjects());
}

#[test]
fn a_window_that_is_taken_out_or_moved_ends_at_that() {
    if !has_faketime() {
        return;
    }
    let moved = WINDOW.replace("02:00", "12:00");
    for edit in [String::new(), moved] {
        let home = home(WINDOW);
        bad(&home, "backup");
        passes(&home, &["00:02:00", "00:03:00"]);
        assert!(home.subjects().is_empty(), "{:?}", home.subjects());
        home.write("settings.cfg", &home.read("settings.cfg").replace(WINDOW, &edit));
        // Its next slot is a day away.
        passes(&home, &["00:04:00"]);
        assert_eq!(home.subjects(), ["[alpha] DOWN: backup: it is gone"], "{edit}");
        passes(&home, &["00:05:00"]);
        assert_eq!(home.read("backup.runs").lines().count(), 2, "once more, and not more");
    }
}

#[test]
fn a_daily_job_whose_slot_lies_in_a_window_runs_once_more_at_its_end() {
    if !has_faketime() {
        return;
    }
    let home = home(
        "[[window]]\nname = \"midnight\"\nhosts = [\"db\"]\nstart = \"23:30\"\nlength = \"90min\"\n\n\
                     [defaults]\nhost = \"db\"\n\n",
    );
    let runs = || home.read("backup.runs").lines().count();
    home.pass_at(utc("2026-05-09 12:00:00"));
    assert_eq!(runs(), 1, "its first run");
    bad(&home, "backup");
    // Berlin's midnight, and a minute before one, when the window ends.
    home.pass_at(utc("2026-05-09 22:00:00"));
    home.pass_at(utc("2026-05-09 22:59:00"));
    assert_eq!((runs(), home.subjects().len()), (2, 0));
    let pass = home.run_at(utc("2026-05-09 23:00:00"), &["cron", "--json"]).ended(0).json();
    let backup = pass["ran"].as_array().expect("runs").iter().find(|r| r["name"] == "backup").expect("its run").clone();
    assert_eq!(backup["reason"], "a window has ended");
    assert_eq!((runs(), home.subjects()), (3, vec!["[alpha] DOWN: backup: it is gone".to_owned()]));
    home.pass_at(utc("2026-05-09 23:01:00"));
    home.pass_at(utc("2026-05-09 23:02:00"));
    assert_eq!((runs(), home.subjects().len()), (3, 1), "once");
    // Well again in the next night: told, though its run lies in the window. It owes nothing then.
    good(&home, "backup");
    home.pass_at(utc("2026-05-10 22:00:00"));
    home.pass_at(utc("2026-05-10 23:00:00"));
    assert_eq!((runs(), home.subjects().len()), (4, 2), "{:?}", home.subjects());
}

#[test]
fn looks_say_that_a_window_is_open_and_what_it_adds() {
    if !has_faketime() {
        return;
    }
    let home = home(WINDOW);
    bad(&home, "shop");
    passes(&home, &["00:01:00", "00:02:00"]);
    let tried = home.run_at(at("00:03:00"), &["try", "shop"]).ended(0).out;
    let held = "in window night until 2026-05-10 04:00:00: nothing new is told";
    assert!(tried.contains(held) && tried.contains("would tell nobody"), "{tried}");
    let tried = home.run_at(at("02:00:00"), &["try", "shop", "--json"]).ended(0).json();
    assert_eq!((&tried["window"], &tried["would_tell"][0]), (&serde_json::Value::Null, &"down".into()), "{tried}");
    let jobs = home.run_at(at("00:03:00"), &["jobs"]).ended(0).out;
    assert!(jobs.matches("windows night").count() == 2 && jobs.matches(held).count() == 2, "{jobs}");
    let jobs = home.run_at(at("00:03:00"), &["jobs", "--json"]).ended(0).json();
    assert_eq!(
        (&jobs["jobs"][0]["windows"][0], jobs["jobs"][2]["windows"].as_array().map(Vec::len)),
        (&"night".into(), Some(0))
    );
    let status = home.run_at(at("00:03:00"), &["status", "--json"]).ended(0).json();
    assert_eq!(status["jobs"][0]["window"]["name"], "night");
    assert_eq!(status["jobs"][0]["window"]["until"], "2026-05-10T02:00:00Z");
    assert!(status["jobs"][2]["window"].is_null(), "{status}");

    let bound = home.run_at(at("00:03:00"), &["bound", "--json"]).ended(0).json();
    let of = |name: &str| {
        bound["faults"].as_array().expect("rows").iter().find(|f| f["fault"] == name).expect("a row").clone()
    };
    let windowed = bound["windowed"].as_array().expect("a list");
    assert_eq!((windowed.len(), &windowed[0]["windows"][0]), (2, &"night".into()), "{bound}");
    assert!(windowed.iter().all(|w| w["held_s"] == 7_200), "{bound}");
    let longest = windowed.iter().map(|w| w["longest_s"].as_u64().expect("a time")).max();
    assert_eq!(of("target_down")["longest_s"].as_u64(), longest);
    assert!(of("target_down")["path"].as_str().expect("words").contains("window"), "{bound}");
    let text = home.run_at(at("00:03:00"), &["bound"]).ended(0).out;
    assert!(text.contains("in the windows night:") && text.contains("hold it back for 2 h"), "{text}");
}

#[test]
fn the_next_ten_openings_are_shown_in_local_time_and_in_utc() {
    if !has_faketime() {
        return;
    }
    let sunday =
        "[[window]]\nname = \"sundays\"\njobs = \"*\"\ndays = [\"sun\"]\nstart = \"02:30\"\nlength = \"3h\"\n\n";
    let once = "[[window]]\nname = \"moving\"\njobs = [\"shop\"]\nfrom = \"2026-05-09 23:00\"\nuntil = 2026-05-10T02:00:00\n\
                timezone = \"Australia/Lord_Howe\"\n\n";
    let home = home(&format!("{sunday}{once}"));
    let told = home.run_at(utc("2026-03-22 12:00:00"), &["windows"]).ended(0).out;
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "sundays: sun at 02:30 for 3 h, Europe/Berlin");
    assert!(lines[1].starts_with("  holds 3 jobs: "), "{told}");
    assert_eq!(
        lines[2],
        "  Sun 2026-03-29 03:00 to 06:00 CEST (+02:00)  =  Sun 2026-03-29 01:00 to 04:00 UTC  (02:30 is skipped that day)"
    );
    assert_eq!(lines[3], "  Sun 2026-04-05 02:30 to 05:30 CEST (+02:00)  =  Sun 2026-04-05 00:30 to 03:30 UTC");
    assert!(lines[11].contains("2026-05-31") && lines[12] == "moving: once, Australia/Lord_Howe", "ten: {told}");
    assert_eq!(
        lines[14],
        "  Sat 2026-05-09 23:00 to Sun 2026-05-10 02:00 +10:30  =  Sat 2026-05-09 12:30 to 15:30 UTC"
    );
    let open = home.run_at(utc("2026-05-09 12:30:00"), &["windows"]).ended(0).out;
    assert!(open.lines().last().expect("lines").ends_with("15:30 UTC  OPEN NOW"), "{open}");
    let over = home.run_at(utc("2026-05-09 15:30:00"), &["windows"]).ended(0).out;
    assert!(over.lines().last().expect("lines").contains("is over"), "{over}");
    // The length is elapsed time: the night of the change has two names.
    let autumn = home.run_at(utc("2026-10-24 12:00:00"), &["windows"]).ended(0).out;
    assert!(
        autumn
            .contains("Sun 2026-10-25 02:30 CEST (+02:00) to 04:30 CET (+01:00)  =  Sun 2026-10-25 00:30 to 03:30 UTC"),
        "{autumn}"
    );

    let json = home.run_at(utc("2026-03-22 12:00:00"), &["windows", "--json"]).ended(0).json();
    let (first, moving) = (&json["windows"][0], &json["windows"][1]);
    assert_eq!((first["next"].as_array().map(Vec::len), first["jobs"].as_array().map(Vec::len)), (Some(10), Some(3)));
    assert_eq!(first["next"][0]["start"], "2026-03-29T01:00:00Z");
    assert_eq!(first["next"][0]["local_start"], "2026-03-29T03:00:00+02:00");
    assert_eq!((&moving["timezone"], &moving["open"]), (&"Australia/Lord_Howe".into(), &false.into()));
    assert_eq!(moving["next"][0]["local_end"], "2026-05-10T02:00:00+10:30");
    let none = Home::new(&usual("")).run(&["windows"]).ended(0).out;
    assert_eq!(none, "no windows; a table [[window]] in the settings plans one\n");
}
