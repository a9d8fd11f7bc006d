//! Settings that are wrong, each with what to do.

use super::*;

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
