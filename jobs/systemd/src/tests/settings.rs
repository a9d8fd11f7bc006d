//! Settings that are wrong, each with what to do; and names.

use super::*;
use crate::name::fits;

#[test]
fn each_wrong_key_says_what_to_write() {
    for (settings, wanted) in [
        ("unit = \"\"", "unit: it is empty; name a unit"),
        ("unit = \"/srv/data\"", "unit: \"/srv/data\" is a path; write the unit's name, which `systemd-escape"),
        ("unit = \"a b\"", "unit: \"a b\" is no name of a unit, because of the ' '"),
        ("unit = \"getty@\"", "getty@.service is a template; name one made of it, as in \"getty@NAME.service\""),
        ("unit = [\"a\", \"a.service\"]", "unit: a.service stands in the list twice"),
        ("unit = \"a\"\nstate = \"running\"", "state: \"running\" is not known; use \"active\", \"inactive\", or both"),
        ("unit = \"a\"\nexcept = \"b\"", "except: with `unit` only that unit is looked at"),
        ("unit = \"a\"\nrestarts_warning = 5\nrestarts_critical = 5", "restarts_critical: it must be more than"),
        ("unit = []", "unit: the list is empty; leave the key out"),
        (
            "unit = [\"a\", \"b.timer\"]\nrestarts_warning = 1",
            "restarts_warning: systemd restarts services alone, and b.timer",
        ),
        (
            "unit = \"a.mount\"\nrestarts_critical = 1",
            "restarts_critical: systemd restarts services alone, and a.mount",
        ),
        (
            "unit = \"a\"\nstate = \"inactive\"\nmust_be_enabled = true",
            "must_be_enabled: it is about a unit that is active",
        ),
        ("state = \"active\"", "state: it is about one unit"),
        ("must_be_enabled = true", "must_be_enabled: it is about one unit"),
        ("restarts_warning = 1", "restarts_warning: it is about one unit"),
        ("restarts_critical = 1", "restarts_critical: it is about one unit"),
        ("except = \"*a*\"", "except: \"*a*\" has more than one *"),
        ("except = \"*\"", "except: \"*\" fits every unit"),
        ("except = \"\"", "except: \"\" fits every unit"),
        (
            "runtime_directory = \"/run/user/7\"",
            "runtime_directory: only the manager of a user has one; set user = true",
        ),
        ("user = true\nruntime_directory = \"run\"", "runtime_directory: run is a relative path"),
    ] {
        let errors = jobs(settings).unwrap_err();
        assert!(errors.iter().any(|e| e.contains(wanted)), "{settings}\n{errors:?}\nwanted {wanted}");
    }
    let long = format!("unit = \"{}\"", "a".repeat(250));
    assert!(jobs(&long).unwrap_err().first().unwrap().contains("longer than any unit's (255)"));
    assert_eq!(
        jobs("unit = [\"/a\", \"b c\"]\nstate = \"x\"\nuser = true\nruntime_directory = \"r\"").unwrap_err().len(),
        4
    );
}

#[test]
fn names_are_whole_and_ids_tell_managers_apart() {
    for (settings, wanted) in [
        ("", vec!["systemd:failed units"]),
        ("user = true", vec!["systemd:failed units (user)"]),
        (
            "unit = [\"nginx\", \"a.b\", \"x.timer\", \"getty@tty1\", \"srv-a\\\\x2db.mount\"]",
            vec![
                "systemd:nginx.service",
                "systemd:a.b.service",
                "systemd:x.timer",
                "systemd:getty@tty1.service",
                "systemd:srv-a\\x2db.mount",
            ],
        ),
        ("unit = \"a\"\nuser = true", vec!["systemd:a.service (user)"]),
    ] {
        let jobs = jobs(settings).unwrap();
        let ids: Vec<&str> = jobs.iter().map(|job| job.id().as_str()).collect();
        assert_eq!(ids, wanted, "{settings}");
    }
    let usual = jobs("user = true").unwrap().remove(0).manager.of_user.unwrap();
    assert_eq!(usual, Path::new(&format!("/run/user/{}", nix::unistd::geteuid())));
}

#[test]
fn patterns_fit_as_people_expect() {
    for (pattern, name) in [
        ("a", "a.service"),
        ("a.service", "a.service"),
        ("a*", "a.service"),
        ("*@b", "a@b.service"),
        ("a*c", "a-b-c.timer"),
    ] {
        assert!(fits(pattern, name), "{pattern} {name}");
    }
    for (pattern, name) in [("a", "ab.service"), ("a.timer", "a.service"), ("ab*b", "ab.service"), ("b*", "a.service")]
    {
        assert!(!fits(pattern, name), "{pattern} {name}");
    }
}
