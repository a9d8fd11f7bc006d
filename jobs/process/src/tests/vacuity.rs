//! What a job would call healthy, of processes that really run.

use super::*;

fn vacuity(settings: &str) -> Vacuity {
    at_once(jobs(settings).unwrap().remove(0).vacuity(&context())).unwrap()
}

/// What was made of it, and of that what is called healthy.
#[track_caller]
fn flagged(settings: &str, all: &[&str], missed: &[&str]) {
    let run = until(settings, |o| o.verdict == Verdict::Ok);
    let Vacuity { outcome, mutations, .. } = vacuity(settings);
    assert_eq!((run.verdict, outcome.verdict), (Verdict::Ok, Verdict::Ok), "{outcome:?}");
    let of = |missed: bool| mutations.iter().filter(|m| !missed || !m.is_noticed()).map(|m| m.name).collect::<Vec<_>>();
    assert_eq!([of(false).as_slice(), &of(true)], [all, missed], "{settings}: {mutations:?}");
}

const ALL: [&str; 5] = ["gone", "stopped", "restarted", "wrong_answer", "too_many"];

#[test]
fn a_job_that_names_a_program_alone_sees_only_that_something_of_that_name_runs() {
    let folder = folder();
    let name = unique("ckv");
    let path = sleeper(folder.path(), &name);
    let _two = [Orphan::start(&[&path, "60.5"]), Orphan::start(&[&path, "60.5"])];
    until(&format!("program = {name:?}\nmin = 2"), |o| o.verdict == Verdict::Ok);
    let named = format!("program = {name:?}\n");
    flagged(&named, &ALL, &["restarted", "wrong_answer", "too_many"]);
    let close = "max = 4\nrestarted_within = \"1ms\"";
    flagged(&format!("program = {path:?}\n{close}"), &ALL, &[]);
    flagged(&format!("{named}command_contains = \"60.5\"\n{close}"), &ALL, &[]);
    flagged(&format!("{named}command_matches = \" 60[.]5$\"\n{close}"), &ALL, &[]);
    flagged(&format!("{named}{close}"), &ALL, &["wrong_answer"]);
    // Who edits the script has its name in the command line, too.
    let words = format!("command_contains = \"{name} 60.5\"");
    flagged(&format!("{words}\n{close}"), &ALL, &["wrong_answer"]);
    flagged(&format!("{words}\nprogram = {name:?}\n{close}"), &ALL, &[]);
    // Limits that are far away see nothing.
    let with = |more: &[&'static str]| [&ALL, more].concat();
    let far = "max = 1000\nrestarted_within = \"1ms\"\nmemory_critical = \"1PiB\"\nage_critical = \"10000d\"";
    flagged(&format!("program = {path:?}\n{far}"), &with(&["large", "endless"]), &["too_many", "large", "endless"]);
    let near = format!("{close}\nmemory_critical = \"90%\"\nage_critical = \"1d\"");
    flagged(&format!("program = {path:?}\n{near}"), &with(&["large", "endless"]), &[]);
}

#[test]
fn a_script_is_another_one_or_in_another_folder() {
    let folder = folder();
    let name = format!("{}.pl", unique("ckv"));
    let script = folder.path().join(&name);
    std::fs::write(&script, "sleep 60;").unwrap();
    let _process = Orphan::start(&["/usr/bin/perl", "-w", script.to_str().unwrap(), "argument"]);
    let close = "max = 4\nrestarted_within = \"1ms\"";
    flagged(&format!("program = {name:?}\n{close}"), &ALL, &["wrong_answer"]);
    flagged(&format!("program = {script:?}\n{close}"), &ALL, &[]);
    flagged(&format!("program = \"perl\"\ncommand_contains = {name:?}\n{close}"), &ALL, &[]);
    let what = |settings: String| vacuity(&settings).mutations.swap_remove(3).what.into_owned();
    assert_eq!(what(format!("program = {name:?}")), "another script of that name, in another folder");
    assert_eq!(
        what(format!("program = \"perl\"\ncommand_contains = {name:?}")),
        "another script, run by the same program"
    );
}

#[test]
fn the_process_of_a_pidfile_is_gone_or_another() {
    let folder = folder();
    let name = unique("ckvp");
    let path = sleeper(folder.path(), &name);
    let file = folder.path().join("daemon.pid");
    let daemon = Orphan::start(&[&path, "60"]);
    std::fs::write(&file, daemon.pid.to_string()).unwrap();
    let all = ["gone", "stopped", "restarted", "wrong_answer"];
    let named = format!("program = {name:?}\npidfile = {file:?}");
    flagged(&named, &all, &["restarted", "wrong_answer"]);
    flagged(&format!("{named}\ncommand_contains = \" 60\"\nrestarted_within = \"1ms\""), &all, &[]);
    let vacuity = vacuity(&named);
    let said = |at: usize| vacuity.mutations[at].outcome.summary.as_str();
    assert!(said(0).ends_with("does not run: the file was left behind"), "{vacuity:?}");
}

#[test]
fn what_must_not_run_runs() {
    let none = unique("no-such-program");
    flagged(&format!("program = {none:?}\nmax = 0"), &["present"], &[]);
    // It may, and must end.
    flagged(&format!("program = {none:?}\nmin = 0\nage_critical = \"6h\""), &["endless"], &[]);
    flagged(&format!("program = {none:?}\nmin = 0\nmax = 3"), &["too_many"], &[]);
    flagged(&format!("program = {none:?}\nmin = 0\nmax = 5000"), &["too_many"], &["too_many"]);
}

#[test]
fn on_a_whole_host_limits_may_be_far_away() {
    let far = "max = 10000000\nzombies_critical = 100000\nblocked_critical = 100000";
    flagged(far, &["too_many", "zombies", "blocked"], &["too_many", "zombies", "blocked"]);
    let near = "zombies_warning = 500\nblocked_warning = 500";
    flagged(near, &["zombies", "blocked"], &[]);
}

#[test]
fn where_nothing_is_healthy_nothing_is_made_wrong() {
    let none = unique("no-such-program");
    for (settings, verdict) in [
        (format!("program = {none:?}"), Verdict::Failed),
        (format!("program = {none:?}\npidfile = \"/no/such/file\""), Verdict::Failed),
        (format!("program = {none:?}\nuser = \"no-such-user-here\""), Verdict::Unknown),
    ] {
        let vacuity = vacuity(&settings);
        assert_eq!((vacuity.outcome.verdict, vacuity.mutations), (verdict, Vec::new()), "{settings}");
    }
}
