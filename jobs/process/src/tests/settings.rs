//! Settings that are wrong, each with what to do.

use super::*;
use checker_job::{Frequency, Policy};

#[test]
fn each_wrong_key_says_what_to_write() {
    for (settings, wanted) in [
        ("", ": nothing is asked that could fail"),
        ("min = 1", "nothing is asked that could fail"),
        ("program = \"x\"\nmin = 0", "nothing is asked that could fail"),
        ("program = \"\"", "program: it is empty; leave the key out"),
        ("program = \"bin/x\"", "program: bin/x is a relative path"),
        ("program = \"sleep 60\"", "program: \"sleep 60\" holds a space; name the program alone"),
        ("program = [\"x\", \"x\"]", "program: x stands in the list twice"),
        ("command_contains = \"\"", "command_contains: it is empty"),
        ("command_matches = \"(\"", "command_matches: \"(\" is no regular expression"),
        ("program = \"x\"\nuser = \" \"", "user: it is empty"),
        ("program = \"x\"\npidfile = \"x.pid\"", "pidfile: x.pid is a relative path"),
        ("pidfile = \"/x.pid\"", "pidfile: say which program it must be"),
        ("program = [\"x\", \"y\"]\npidfile = \"/x.pid\"", "pidfile: one file names one process"),
        ("program = \"x\"\npidfile = \"/x.pid\"\nmin = 1", "min: a pidfile names one process"),
        ("program = \"x\"\npidfile = \"/x.pid\"\nmax = 1", "max: a pidfile names one process"),
        ("program = \"x\"\nmin = 3\nmax = 2", "min: at least 3 and at most 2 cannot both be"),
        ("program = \"x\"\nmemory_warning = \"1\"", "memory_warning: \"1\" is no size; write it as"),
        ("program = \"x\"\nmemory_warning = \"0B\"", "memory_warning: \"0B\" is less than any process takes"),
        ("program = \"x\"\nmemory_warning = \"1.5GiB\"", "memory_warning: \"1.5GiB\" is no size"),
        ("program = \"x\"\nmemory_warning = \"101%\"", "memory_warning: \"101%\" is no share"),
        ("program = \"x\"\nmemory_warning = \"99999999999TiB\"", "is no size"),
        (
            "program = \"x\"\nmemory_warning = \"1GiB\"\nmemory_critical = \"900MiB\"",
            "memory_critical: it must be more than `memory_warning`",
        ),
        ("program = \"x\"\nmemory_warning = \"20%\"\nmemory_critical = \"20%\"", "memory_critical: it must be more"),
        ("program = \"x\"\nage_warning = \"old\"", "age_warning: \"old\" is no time"),
        ("program = \"x\"\nage_warning = \"2h\"\nage_critical = \"1h\"", "age_critical: it must be more than"),
        ("program = []\nmax = 5", "program: the list is empty"),
        ("program = \"x\"\npidfile = \"/x.pid\"\nzombies_warning = 1", "zombies_warning: with a pidfile a zombie"),
        ("program = \"x\"\npidfile = \"/x.pid\"\nzombies_critical = 1", "zombies_critical: with a pidfile a zombie"),
        ("program = \"x\"\nage_critical = \"0s\"", "age_critical: \"0s\" is no time that could pass"),
        ("program = \"x\"\nrestarted_within = \"0s\"", "restarted_within: \"0s\" is no time that could pass"),
        ("program = \"x\"\nrestarted_within = \"5\"", "restarted_within: \"5\" is no time"),
        ("zombies_warning = 5\nzombies_critical = 5", "zombies_critical: it must be more than"),
        ("blocked_warning = 5\nblocked_critical = 4", "blocked_critical: it must be more than"),
    ] {
        let errors = jobs(settings).unwrap_err();
        assert!(errors.iter().any(|e| e.contains(wanted)), "{settings}\n{errors:?}\nwanted {wanted}");
    }
    let many = jobs("program = \"a/b\"\nage_warning = \"x\"\npidfile = \"p\"").unwrap_err();
    assert_eq!(many.len(), 3, "{many:?}");
}

#[test]
fn what_is_right_is_taken_and_has_an_id_of_its_own() {
    for (settings, wanted) in [
        ("program = \"nginx\"", vec!["process:nginx"]),
        ("program = [\"a\", \"/b/c d\"]", vec!["process:a", "process:/b/c d"]),
        ("max = 1000", vec!["process:all processes"]),
        (
            "program = \"a\"\ncommand_contains = \"b\"\ncommand_matches = \"c$\"\nuser = \"d\"",
            vec!["process:a, b, /c$/, user d"],
        ),
        ("command_contains = \"b\"\npidfile = \"/p\"", vec!["process:b, /p"]),
        ("program = \"a\"\nmemory_warning = \"10%\"\nmemory_critical = \"2GiB\"", vec!["process:a"]),
        ("program = \"a\"\nmax = 0", vec!["process:a"]),
    ] {
        let jobs = jobs(settings).unwrap();
        let ids: Vec<&str> = jobs.iter().map(|job| job.id().as_str()).collect();
        assert_eq!(ids, wanted, "{settings}");
    }
}

/// What is said of a table that runs so often.
fn doubts(every: Frequency, failure_threshold: u32, keys: &str) -> Vec<String> {
    let policy = Arc::new(Policy { every, failure_threshold, ..Policy::default() });
    let table = Table { policy, ..checker_job::conformance::table::<Spawner>(&format!("program = \"x\"\n{keys}")) };
    assert!(Spawner::spawn(vec![table.clone()]).is_ok(), "it runs all the same");
    Spawner::doubts(&[table]).iter().map(ToString::to_string).collect()
}

#[test]
fn a_restart_that_is_over_before_it_is_told_is_doubted() {
    let minute = |within: &str| doubts(Frequency::Minute, 2, &format!("restarted_within = \"{within}\""));
    let said = "restarted_within: a single restart is seen for 2 min only, which may be over before 2 runs in a row (one every 1 min) \
                saw it; write at least \"3min\", or failure_threshold = 1";
    assert_eq!(minute("2min"), [said]);
    // At one minute a run may come just too late for it.
    let short = minute("1min");
    assert!(short[0].ends_with("; write at least \"3min\""), "{short:?}");
    for fine in ["2min1s", "3min", "1h"] {
        assert_eq!(minute(fine), [""; 0], "{fine}");
    }
    let rarely = doubts(Frequency::Hours(6), 3, "restarted_within = \"10min\"");
    assert!(rarely[0].ends_with("; write at least \"1d\""), "{rarely:?}");
    assert_eq!(doubts(Frequency::Hour, 2, ""), [""; 0]);
    // What is advised is accepted, and nothing is said of it any more.
    for every in [Frequency::Minute, Frequency::Minutes(7), Frequency::Hour, Frequency::Hours(5), Frequency::Day] {
        for threshold in [1, 2, 3, 7, 100, 1_498] {
            let said = doubts(every, threshold, "restarted_within = \"1s\"");
            let advised = said[0].split('"').nth(1).unwrap();
            let keys = format!("restarted_within = \"{advised}\"");
            assert_eq!(doubts(every, threshold, &keys), [""; 0], "{every}, {threshold}: {said:?}");
        }
    }
}
