//! What `checker check` says of good settings.

use crate::support::binary::{Home, usual};

/// Three jobs for the usual contact, one of them slow to tell, and a noisy one for another.
const JOBS: &str = "\
[[job.command]]
name = \"quick\"
command = [\"/bin/true\", \"1\"]

[[job.command]]
name = \"slow\"
every = \"hour\"
failure_threshold = 3
remind = \"4h\"
command = [\"/bin/true\", \"2\"]

[[job.command]]
name = \"quiet\"
remind = \"never\"
command = [\"/bin/true\", \"3\"]

[[job.command]]
name = \"noisy\"
notify = \"every\"
failure_threshold = 1
contacts = [\"net@example.com\"]
command = [\"/bin/true\", \"4\"]
";

/// From the end of the last period to the mailbox: cron is late, a wave, the way to the server, and the way from there.
const WAY: u64 = 2 + 10 + 20 + 120;

#[test]
fn check_says_what_may_be_sent_and_how_late() {
    let home = Home::with_jobs(JOBS);
    let check = home.run(&["check"]).ended(0);
    let said = check.out.split_once("the settings are good: 4 jobs\n").expect("good settings").1;
    assert_eq!(
        said,
        "
Messages a day while everything fails, besides one for each failure and each recovery:
  net@example.com: at most 174, reminders of 1 job that would be more without limits
  you@example.com: at most 7, reminders of 3 jobs
A recipient gets at most 10 in 10 min; from 150 a day on (daily_limit = 200), all but first
failures waits for one digest an hour.
A failure is told, from its beginning and while mail works, within
  net@example.com: 3 min 32 s (\"noisy\")
  you@example.com: 3 h 3 min (\"slow\", the slowest)
or up to 10 min later, where 10 messages went to the same recipient just before.
"
    );
    let json = home.run(&["check", "--json"]).ended(0).json();
    let messages = &json["messages"];
    let one = &messages["recipients"][1];
    assert_eq!((&one["to"], &one["jobs"], &one["repeats_a_day"]), (&"you@example.com".into(), &3.into(), &7.into()));
    assert_eq!((&one["slowest_job"], &one["told_within_s"]), (&"slow".into(), &(3 * 3_600 + WAY).into()));
    assert_eq!((&messages["recipients"][0]["limited"], &one["limited"]), (&true.into(), &false.into()));
    let limits = ["burst", "window_s", "daily_limit", "hourly_from", "held_max_s"].map(|key| messages[key].as_u64());
    assert_eq!(limits, [10, 600, 200, 150, 600].map(Some));
}

#[test]
fn check_does_not_promise_messages_where_none_leaves() {
    let home = Home::new(&usual(JOBS).replace("[email]\n", "[email]\nnomail = true\n"));
    let check = home.run(&["check"]).ended(0);
    assert!(check.out.contains("No messages: nomail = true") && !check.out.contains("a day"), "{check:?}");
    home.settings("[general]\nservername = 7\n");
    let bad = home.run(&["check", "--json"]).ended(78).json();
    assert_eq!((&bad["usable"], bad.get("messages")), (&false.into(), None));
}

#[test]
fn a_peer_with_the_key_of_this_very_node_is_refused() {
    let home = Home::with_jobs(JOBS);
    let key = home.run(&["key"]).ended(0).out.lines().next().expect("a line").to_owned();
    let peer = |key: &str| {
        format!(
            "[[peer]]\n# {key}\nname = \"beta\"\nurl = \"http://beta.example.com:5000\"\nadmin = \"b@example.com\"\n{key}\n"
        )
    };
    // A comment before it is not the place that is meant.
    home.settings(&usual(&format!("{JOBS}{}", peer(&key))));
    let told = home.run(&["check"]).ended(78);
    let marked =
        told.out.split_once("error: this is the key of this very node").unwrap_or_else(|| panic!("{told:?}")).1;
    assert!(marked.lines().nth(1).is_some_and(|l| l.ends_with(&format!("| {key}"))), "it is no secret: {told:?}");
    assert!(marked.contains("`checker peers invite` prints on the OTHER machine"), "{told:?}");
    assert!(!told.out.contains("the settings are good"), "{told:?}");
    let json = home.run(&["check", "--json"]).ended(78).json();
    assert_eq!((&json["usable"], &json["errors"], json.get("messages")), (&false.into(), &1.into(), None), "{json}");
    // Another node's key is none of ours, and a look makes no key.
    let other = Home::new(&home.read("settings.cfg"));
    assert!(other.run(&["check"]).ended(0).out.contains("the settings are good"));
    assert!(!other.path("checker.db.key").exists());
}

#[test]
fn one_of_a_kind_is_counted_as_one() {
    let home = Home::with_jobs("[[job.command]]\nname = \"only\"\nfailure_threshold = 1\ncommand = [\"/bin/false\"]\n");
    assert!(home.run(&["check"]).ended(0).out.contains("the settings are good: 1 job\n"));
    assert!(home.run(&["jobs"]).ended(0).out.ends_with("1 job\n"));
    home.run(&["--nomail", "cron", "--now"]).silent();
    let status = home.run(&["status"]).ended(0).out;
    assert!(status.contains(", 1 time; ") && status.contains("1 alert waits for the next message"), "{status}");
}

#[test]
fn a_window_is_in_the_time_within_which_a_failure_is_told() {
    let window = "[[window]]\nname = \"night\"\njobs = [\"quick\"]\nstart = \"02:00\"\nlength = \"5h\"\n";
    let json = Home::with_jobs(&format!("{JOBS}\n{window}")).run(&["check", "--json"]).ended(0).json();
    let one = &json["messages"]["recipients"][1];
    // Two minutes and the way, five hours, a run that straddles their end, and the pass after it.
    let told = 2 * 60 + WAY + 5 * 3_600 + 60 + 2 + 10;
    assert_eq!((&one["slowest_job"], &one["told_within_s"]), (&"quick".into(), &told.into()), "{json}");
}

/// What `check` promises of the only job, and what `bound` does.
fn promised(home: &Home) -> (u64, u64) {
    let (check, bound) =
        (home.run(&["check", "--json"]).ended(0).json(), home.run(&["bound", "--json"]).ended(0).json());
    let faults = bound["faults"].as_array().expect("faults");
    let down = faults.iter().find(|row| row["fault"] == "target_down").expect("a row");
    let said = check["messages"]["recipients"][0]["told_within_s"].as_u64().expect("seconds");
    (said, down["longest_s"].as_u64().expect("seconds"))
}

#[test]
fn check_promises_no_less_than_bound() {
    let trip = "[[job.mail]]\nname = \"trip\"\nevery = \"15min\"\nwithin = \"20min\"\nfrom = \"watch@example.com\"\nsmtp = \
                \"smtp.example.com:587\"\nimap = \"imap.example.com:993\"\nimap_user = \"watch\"\nimap_pass_file = \"HOME/pass\"\n";
    let home = Home::with_jobs("");
    home.write("pass", "secret");
    let window = "[[window]]\nname = \"night\"\njobs = [\"trip\"]\nstart = \"02:00\"\nlength = \"5h\"\n";
    let mut before = 0;
    for settings in [trip.to_owned(), format!("{trip}timeout = \"50s\"\n"), format!("{trip}\n{window}")] {
        home.settings(&usual(&settings));
        let (said, bound) = promised(&home);
        assert!(said >= bound, "check promises {said} s, bound {bound} s: {settings}");
        // Two runs to fail, and two in which the last message that arrived still speaks for the way.
        assert!(bound > 4 * 900 && said > before, "{said}, {bound}: {settings}");
        before = said;
    }
    let told = home.run(&["check"]).ended(0).out;
    assert!(told.contains("  you@example.com: 6 h 4 min (\"trip\")"), "{told}");
}
