//! Processes that really run.

use super::*;

#[test]
fn what_runs_is_well_and_what_was_killed_is_not() {
    let folder = folder();
    let name = unique("ckd");
    let path = sleeper(folder.path(), &name);
    let table = format!("program = {name:?}");
    let none = run(&table);
    assert_eq!((none.verdict, none.summary), (Verdict::Failed, format!("no process of {name} runs")));
    let first = Orphan::start(&[&path, "60"]);
    let well = until(&table, |o| o.verdict == Verdict::Ok);
    assert!(well.summary.starts_with(&format!("1 process of {name} runs, since ")), "{well:?}");
    assert!(well.summary.ends_with(" of memory"), "{well:?}");
    assert!(well.detail.starts_with(&format!("process {} {name:?}, state ", first.pid)), "{well:?}");
    let second = Orphan::start(&[&path, "61"]);
    let two = until(&format!("{table}\nmin = 2\nmax = 2"), |o| o.verdict == Verdict::Ok);
    assert!(two.summary.starts_with(&format!("2 processes of {name} run, the oldest since ")), "{two:?}");
    let one_at_most = run(&format!("{table}\nmax = 1"));
    assert_eq!(one_at_most.summary, format!("2 processes of {name} run; at most 1 may"));
    let forbidden = run(&format!("{table}\nmax = 0"));
    assert_eq!(forbidden.verdict, Verdict::Failed);
    assert!(forbidden.summary.starts_with(&format!("2 processes of {name} run, and none may")), "{forbidden:?}");
    drop(second);
    // For a moment it is a zombie.
    let few = until(&format!("{table}\nmin = 2"), |o| o.verdict != Verdict::Ok && !o.summary.contains("zombie"));
    assert_eq!(few.summary, format!("only 1 process of {name} runs; at least 2 are wanted"));
    drop(first);
    let gone = until(&table, |o| o.verdict != Verdict::Ok && !o.summary.contains("zombie"));
    assert_eq!((gone.verdict, gone.summary), (Verdict::Failed, format!("no process of {name} runs")));
    let quiet = run(&format!("{table}\nmax = 0"));
    assert_eq!(quiet.summary, format!("no process of {name} runs, as it should be"));
}

#[test]
fn names_may_be_long_or_look_like_the_fields_of_stat() {
    let folder = folder();
    for name in [unique("a) S 1 (b"), unique(") Z "), unique("((("), unique("ends in (deleted)")] {
        let path = sleeper(folder.path(), &name);
        let process = Orphan::start(&[&path, "60"]);
        let well = until(&format!("program = {path:?}"), |o| o.verdict == Verdict::Ok);
        assert_eq!(well.verdict, Verdict::Ok, "{name}: {well:?}");
        drop(process);
    }
    // Alike in the 15 bytes that the kernel keeps.
    let (long, other) = (unique("a-name-of-thirty-bytes-and-one-"), unique("a-name-of-thirty-bytes-and-two-"));
    let path = sleeper(folder.path(), &long);
    let other_word = format!("exec {{'{path}'}} 'other', '60'");
    let _process = Orphan::start(&["/usr/bin/perl", "-e", &other_word]);
    assert_eq!(until(&format!("program = {long:?}"), |o| o.verdict == Verdict::Ok).verdict, Verdict::Ok);
    assert_eq!(run(&format!("program = {other:?}")).verdict, Verdict::Failed);
    // Replaced while it runs, as by an update.
    std::fs::remove_file(&path).unwrap();
    let replaced = run(&format!("program = {path:?}"));
    assert_eq!(replaced.verdict, Verdict::Ok, "{replaced:?}");
}

#[test]
fn scripts_are_known_by_their_own_name() {
    let folder = folder();
    let name = format!("{}.pl", unique("ckscript"));
    let script = folder.path().join(&name);
    std::fs::write(&script, "sleep 60;").unwrap();
    let script = script.to_str().unwrap();
    let _process = Orphan::start(&["/usr/bin/perl", "-w", script, "argument-of-it"]);
    let by_name = until(&format!("program = {name:?}"), |o| o.verdict == Verdict::Ok);
    assert_eq!(by_name.verdict, Verdict::Ok, "{by_name:?}");
    for table in [
        format!("program = {script:?}"),
        format!("program = \"perl\"\ncommand_contains = \"{name} argument\""),
        format!("command_matches = \"{name} arg[a-z]+-of-it$\""),
    ] {
        assert_eq!(run(&table).verdict, Verdict::Ok, "{table}");
    }
    let other = run(&format!("program = {name:?}\ncommand_contains = \"other\""));
    assert_eq!(other.summary, format!("no process of {name} with \"other\" in its command line runs"));
    let argument = run("program = \"argument-of-it\"");
    assert_eq!(argument.verdict, Verdict::Failed, "an argument is no script");
    let path = sleeper(folder.path(), &unique("ckarg"));
    let word = format!("60.{}", std::process::id());
    let _sleeper = Orphan::start(&[&path, &word]);
    let sleeps = until(&format!("program = {path:?}\ncommand_contains = {word:?}"), |o| o.verdict == Verdict::Ok);
    assert_eq!(sleeps.verdict, Verdict::Ok, "{sleeps:?}");
    let first_word = run(&format!("program = {word:?}"));
    assert_eq!(first_word.verdict, Verdict::Failed, "and the first word of no interpreter is none: {first_word:?}");
}

#[test]
fn a_zombie_does_not_run() {
    let folder = folder();
    let name = unique("ckz");
    let path = sleeper(folder.path(), &name);
    // The shell becomes a program that collects nobody.
    let parent = Orphan::start(&["/bin/sh", "-c", "\"$0\" 0 & exec /bin/sleep 60", &path]);
    let table = format!("program = {name:?}");
    let dead = until(&table, |o| o.summary.contains("zombie"));
    assert_eq!(dead.verdict, Verdict::Failed);
    let start = format!("no process of {name} runs; process ");
    let end = format!(" has ended and is a zombie that its parent {} does not collect", parent.pid);
    assert!(dead.summary.starts_with(&start) && dead.summary.ends_with(&end), "{dead:?}");
    let counted = run(&format!("{table}\nmin = 0\nzombies_warning = 0\nzombies_critical = 1"));
    assert_eq!(counted.verdict, Verdict::Warning);
    assert!(counted.summary.starts_with(&format!("1 zombie of {name}, more than 0: they have ended")), "{counted:?}");
    let whole_host = run("zombies_critical = 0");
    assert_eq!(whole_host.verdict, Verdict::Failed, "{whole_host:?}");
}

#[test]
fn a_stopped_process_does_not_run() {
    let folder = folder();
    let name = unique("cks");
    let path = sleeper(folder.path(), &name);
    let (one, other) = (Orphan::start(&[&path, "60"]), Orphan::start(&[&path, "60"]));
    let table = format!("program = {name:?}");
    until(&format!("{table}\nmin = 2"), |o| o.verdict == Verdict::Ok);
    one.signal("-STOP");
    let some = until(&table, |o| o.verdict != Verdict::Ok);
    let said = format!("process {0} is stopped by a signal, and goes on with: kill -CONT {0}", one.pid);
    assert_eq!((some.verdict, some.summary), (Verdict::Warning, format!("{said} (a process of {name})")));
    other.signal("-STOP");
    let all = until(&table, |o| o.verdict == Verdict::Failed);
    assert!(all.summary.starts_with(&format!("no process of {name} runs; process ")), "{all:?}");
    assert!(all.summary.contains("is stopped by a signal"), "{all:?}");
    one.signal("-CONT");
    other.signal("-CONT");
    assert_eq!(until(&table, |o| o.verdict == Verdict::Ok).verdict, Verdict::Ok);
}

#[test]
fn the_user_counts_by_name_and_by_number() {
    let folder = folder();
    let name = unique("cku");
    let path = sleeper(folder.path(), &name);
    let _process = Orphan::start(&[&path, "60"]);
    let own = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap();
    until(&format!("program = {name:?}"), |o| o.verdict == Verdict::Ok);
    for user in [own.name.clone(), own.uid.to_string()] {
        let well = run(&format!("program = {name:?}\nuser = {user:?}"));
        assert!(well.summary.starts_with(&format!("1 process of {name} by user {user} runs")), "{well:?}");
    }
    let other = run(&format!("program = {name:?}\nuser = \"4000000001\""));
    assert!(matches!(other.verdict, Verdict::Failed | Verdict::Unknown), "{other:?}");
    let nobody = run(&format!("program = {name:?}\nuser = \"no-such-user-here\""));
    assert_eq!(nobody.verdict, Verdict::Unknown);
    assert_eq!(nobody.summary, "there is no user no-such-user-here on this host; mend the key user");
}

#[test]
fn memory_and_age_are_judged() {
    let folder = folder();
    let name = unique("ckm");
    let path = sleeper(folder.path(), &name);
    let process = Orphan::start(&[&path, "60"]);
    let table = format!("program = {name:?}");
    until(&table, |o| o.verdict == Verdict::Ok && !o.summary.contains("since 0 ms"));
    let large = run(&format!("{table}\nmemory_warning = \"1B\"\nmemory_critical = \"90%\""));
    assert_eq!(large.verdict, Verdict::Warning);
    assert!(large.summary.starts_with(&format!("1 process of {name} takes ")), "{large:?}");
    assert!(large.summary.ends_with(" of memory, more than 1 B"), "{large:?}");
    let old = until(&format!("{table}\nage_critical = \"10ms\""), |o| o.verdict == Verdict::Failed);
    let said = format!("process {} of {name} runs for ", process.pid);
    assert!(old.summary.starts_with(&said) && old.summary.contains("longer than 10 ms; does it hang?"), "{old:?}");
}

#[test]
fn processes_that_come_and_go_disturb_nothing() {
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let its = Arc::clone(&stop);
    let churn = std::thread::spawn(move || {
        while !its.load(std::sync::atomic::Ordering::Relaxed) {
            // Ends as an orphan, as a child of the shell, and as one of ours.
            drop(Command::new("/bin/sh").args(["-c", "(/bin/true &) ; /bin/true"]).status());
        }
    });
    let worst = (0..30).map(|_| run("command_contains = \"no-such-text-at-all\"\nmin = 0\nmax = 3\nuser = \"0\""));
    let bad: Vec<Outcome> = worst.filter(|o| o.verdict != Verdict::Ok).collect();
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    churn.join().unwrap();
    assert!(bad.is_empty(), "{bad:?}");
}
