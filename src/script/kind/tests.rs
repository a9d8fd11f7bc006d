use super::*;
use crate::settings::{Env, load_text};
use std::path::Path;

const HEAD: &str = "[general]\nservername = \"alpha\"\nalertcontact = \"you@example.com\"\ntimezone = \"UTC\"\n\n\
    [email]\ntransport = \"file\"\nfrom = \"checker@example.com\"\n\n";

fn load(text: &str) -> Result<Vec<(String, Policy, Expected)>, String> {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("settings.cfg");
    let env = Env::bare(Path::new(folder.path()));
    let loaded = load_text(&at, &format!("{HEAD}{text}"), &crate::bundled(), &env);
    let (settings, _) = loaded.map_err(|report| report.render())?;
    let jobs = settings.jobs.iter();
    Ok(jobs.map(|j| (j.id().to_string(), j.policy().clone(), j.expected().unwrap().clone())).collect())
}

fn one(keys: &str) -> (String, Policy, Expected) {
    load(&format!("[[job.script]]\n{keys}")).unwrap().remove(0)
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn a_table_says_what_is_expected() {
    let (id, policy, expected) = one("name = \"backup\"\ncron = \"30 2 * * *\"\ntimezone = \"Europe/Berlin\"\n");
    assert_eq!((id.as_str(), policy.name.as_str()), ("script:backup", "backup"));
    assert_eq!((policy.every, policy.failure_threshold), (Frequency::Minute, 1));
    assert_eq!((expected.host, expected.failures), (Host::Here, 1));
    assert_eq!(expected.grace, Degrees { warning: None, critical: Some(secs(3_600)) });
    let Some(Rhythm::Cron(cron, Some(zone))) = expected.rhythm else { panic!("{:?}", expected.rhythm) };
    assert_eq!((cron.to_string().as_str(), zone.iana_name()), ("30 2 * * *", Some("Europe/Berlin")));

    let (id, _, expected) = one("name = \"Backup of db1\"\nscript = \"backup\"\nhost = \"db1\"\nevery = \"hour\"\n");
    assert_eq!((id.as_str(), expected.name.as_str()), ("script:db1:backup", "backup"));
    assert_eq!((expected.host, expected.rhythm), (Host::Named("db1".to_owned()), Some(Rhythm::Every(secs(3_600)))));
    let (id, _, expected) = one("name = \"backup\"\nany_host = true\nmin_runs = 3\nwindow = \"2d\"\n");
    assert_eq!((id.as_str(), expected.host, expected.window), ("script:*:backup", Host::Any, secs(172_800)));
}

#[test]
fn the_usual_grace_goes_with_the_rhythm() {
    for (every, grace) in [("2min", 300), ("15min", 900), ("1h", 3_600), ("week", 3_600)] {
        let (.., expected) = one(&format!("name = \"x\"\nevery = \"{every}\"\n"));
        assert_eq!(expected.grace.critical, Some(secs(grace)), "{every}");
        assert_eq!(expected.seen_after(), secs(grace), "{every}");
    }
}

/// What the defaults of all jobs say of frequency and threshold is about looks, and a script is not looked at but run.
#[test]
fn defaults_of_other_jobs_do_not_make_a_script_late() {
    let text = "[defaults]\nevery = \"hour\"\nfailure_threshold = 5\nremind = \"never\"\n\n[[job.script]]\nname = \"x\"\ncron = \"@daily\"\n";
    let (_, policy, expected) = load(text).unwrap().remove(0);
    assert_eq!((policy.every, policy.failure_threshold, expected.failures), (Frequency::Minute, 1, 1));
    assert_eq!(policy.remind, checker_job::Remind::Never);
    let text = "[defaults.script]\nevery = \"2h\"\nfailure_threshold = 3\n\n[[job.script]]\nname = \"x\"\n";
    let (_, policy, expected) = load(text).unwrap().remove(0);
    assert_eq!((policy.every, policy.failure_threshold, expected.failures), (Frequency::Minute, 1, 3));
    assert_eq!(expected.rhythm, Some(Rhythm::Every(secs(7_200))));
}

#[test]
fn what_is_wrong_is_told_with_its_key() {
    for (keys, texts) in [
        ("cron = \"@daily\"", &["it names no script", "checker run"][..]),
        ("name = \"x\"", &["neither when the script is to run nor how often", "`every`"]),
        ("name = \"x\"\ncron = \"30 25 * * *\"", &["\"cron\"", "25"]),
        ("name = \"x\"\ncron = \"0 0 30 2 *\"", &["never comes"]),
        ("name = \"x\"\ncron = \"@reboot\"", &["`every`"]),
        ("name = \"x\"\ncron = \"@daily\"\nevery = \"1d\"", &["\"every\"", "leave one of both out"]),
        ("name = \"x\"\nevery = \"1d\"\ntimezone = \"UTC\"", &["\"timezone\"", "leave it out"]),
        ("name = \"x\"\ncron = \"@daily\"\ntimezone = \"Europe/Berlim\"", &["there is no time zone"]),
        ("name = \"x\"\nevery = \"30s\"", &["\"1min\" or more"]),
        ("name = \"x\"\nevery = \"1h\"\nuuid = \"backup\"", &["is no UUID", "uuidgen"]),
        ("name = \"x\"\nevery = \"often\"", &["\"every\"", "is no time"]),
        ("name = \"x\"\nmin_runs = 2\ngrace = \"1h\"", &["nobody says when it is to run"]),
        (
            "name = \"x\"\nevery = \"1h\"\ngrace = \"1h\"\ngrace_warning = \"1h\"",
            &["grace_warning", "less than `grace`"],
        ),
        ("name = \"x\"\nevery = \"1h\"\nwindow = \"1d\"", &["nothing is counted in it"]),
        ("name = \"x\"\nmin_runs = 2\nwindow = \"8d\"", &["\"7d\" or less"]),
        ("name = \"x\"\nmin_runs = 0", &["\"min_runs\"", "1 or more"]),
        ("name = \"x\"\nmin_runs = 2\nmin_runs_warning = 2", &["more than `min_runs`"]),
        ("name = \"x\"\nevery = \"1h\"\nmax_runtime = \"0s\"", &["\"max_runtime\"", "more than nothing"]),
        ("name = \"x\"\nevery = \"1h\"\nmax_slowdown = 1.0", &["a number above 1"]),
        ("name = \"x\"\nevery = \"1h\"\nfailure_threshold = 0", &["from 1 to 100"]),
        ("name = \"x\"\nevery = \"1h\"\nhost = \"a:b\"", &["is no host name"]),
        ("name = \"x\"\nevery = \"1h\"\nhost = \"a\"\nany_host = true", &["leave one of both out"]),
        ("name = \"x\"\nevery = \"1h\"\nmax_runtme = \"1h\"", &["unknown key \"max_runtme\"", "max_runtime"]),
    ] {
        let told = load(&format!("[[job.script]]\n{keys}\n")).unwrap_err();
        for text in texts {
            assert!(told.contains(text), "{keys}: {text:?} is not in\n{told}");
        }
    }
}

#[test]
fn every_key_of_the_example_is_known_with_such_a_value() {
    let lines = Spawner::EXAMPLE.lines().filter_map(|line| line.strip_prefix("# "));
    let keys: Vec<&str> = lines.filter(|l| l.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))).collect();
    assert_eq!(keys.len(), 19, "{keys:?}");
    for key in keys {
        // Alone, some of them say too little; none is unknown or of another form.
        let needs = ["neither when", "it is about the slots", "nobody says when", "nothing is counted"];
        match load(&format!("[[job.script]]\nname = \"x\"\n{key}\n")) {
            Ok(_) => {}
            Err(told) => {
                assert!(needs.iter().any(|n| told.contains(n)) && !told.contains("unknown key"), "{key}: {told}");
            }
        }
    }
}
