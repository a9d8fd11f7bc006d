//! Judging values, and a `/proc` of files: kernel threads, blocked processes, a host that has just started.

use super::*;
use crate::judge::{Degrees, Limits, Memory, judge};
use crate::look::Look;
use crate::proc::Stat;
use crate::select::{Closer, Program, Select};
use std::fs;

const HOUR: Duration = Duration::from_secs(3_600);

fn stat(pid: u32, state: char, age: Duration, memory: u64) -> Stat {
    let started = (1_000 * HOUR).saturating_sub(age);
    Stat { pid, name: "x".to_owned(), state, parent: 1, session: 1, is_kernel_thread: false, started, memory }
}

fn look(found: Vec<Stat>) -> Look {
    Look { found, hidden: false, since_boot: 1_000 * HOUR, first: Duration::ZERO, memory: 8 << 30 }
}

fn judged(limits: Limits, found: Vec<Stat>) -> (Verdict, String) {
    let outcome = judge(" of x", &limits, &look(found));
    (outcome.verdict, outcome.summary)
}

#[test]
fn each_limit_has_two_degrees_and_the_worst_is_first() {
    let three = || vec![stat(5, 'S', 3 * HOUR, 1 << 30), stat(6, 'R', HOUR, 2 << 30), stat(7, 'S', HOUR, 512 << 20)];
    let memory = |warning, critical| Limits { memory: Degrees { warning, critical }, ..Limits::default() };
    let at = Memory::Bytes((3 << 30) + (512 << 20));
    assert_eq!(judged(memory(Some(at), None), three()).0, Verdict::Ok, "at the limit is not over it");
    let (verdict, said) = judged(memory(Some(Memory::Share(2_500)), Some(Memory::Share(4_300))), three());
    let words = "3 processes of x take together 3.5 GiB of memory, more than 3.4 GiB (the most takes process 6: 2 GiB)";
    assert_eq!((verdict, said.as_str()), (Verdict::Failed, words));
    let (verdict, said) = judged(memory(Some(Memory::Share(2_500)), Some(Memory::Bytes(4 << 30))), three());
    assert!(verdict == Verdict::Warning && said.contains("more than 2 GiB (the most"), "{said}");
    let old = Limits {
        age: Degrees { warning: Some(HOUR), critical: Some(2 * HOUR) },
        memory: Degrees { warning: Some(Memory::Bytes(1)), critical: None },
        ..Limits::default()
    };
    let (verdict, said) = judged(old, three());
    assert_eq!(verdict, Verdict::Failed);
    assert!(said.starts_with("process 5 of x runs for 3 h, longer than 2 h; does it hang?; 3 processes"), "{said}");
    let blocked = Limits { blocked: Degrees { warning: Some(0), critical: Some(1) }, ..Limits::default() };
    let (verdict, said) = judged(blocked, vec![stat(5, 'D', HOUR, 1)]);
    assert_eq!(verdict, Verdict::Warning);
    assert_eq!(said, "1 process of x waits without end (state D; for a disk or NFS?), more than 0");
    assert_eq!(judged(blocked, vec![stat(5, 'D', HOUR, 1), stat(6, 'D', HOUR, 1)]).0, Verdict::Failed);
}

#[test]
fn a_restart_is_one_only_where_the_host_is_older() {
    let limits = Limits { restarted_within: Some(10 * HOUR), min: 1, ..Limits::default() };
    let (verdict, said) = judged(limits, vec![stat(5, 'S', HOUR, 1), stat(6, 'S', 2 * HOUR, 1)]);
    assert_eq!(verdict, Verdict::Warning);
    assert_eq!(said, "the oldest process of x has started 2 h ago, within 10 h: it was restarted");
    // Workers come and go; the oldest one counts.
    assert_eq!(judged(limits, vec![stat(5, 'S', HOUR, 1), stat(6, 'S', 20 * HOUR, 1)]).0, Verdict::Ok);
    let started = |since_boot, first, started| {
        let look = Look { since_boot, first, ..look(vec![Stat { started, ..stat(5, 'S', HOUR, 1) }]) };
        judge("", &limits, &look).verdict
    };
    assert_eq!(started(2 * HOUR, Duration::ZERO, HOUR), Verdict::Ok, "the host itself has just started");
    assert_eq!(started(11 * HOUR, Duration::ZERO, 2 * HOUR), Verdict::Ok, "as slowly as the host starts");
    assert_eq!(started(90 * HOUR, 80 * HOUR, 81 * HOUR), Verdict::Ok, "the container has just started");
    assert_eq!(started(90 * HOUR, 60 * HOUR, 81 * HOUR), Verdict::Warning);
}

#[test]
fn metrics_carry_the_limits() {
    let limits = Limits {
        min: 1,
        max: Some(9),
        memory: Degrees { warning: Some(Memory::Share(5_000)), critical: None },
        age: Degrees { warning: None, critical: Some(HOUR) },
        zombies: Degrees { warning: Some(3), critical: Some(4) },
        ..Limits::default()
    };
    let outcome = judge(" of x", &limits, &look(vec![stat(5, 'S', HOUR, 4_096), stat(6, 'Z', HOUR, 0)]));
    let shown: Vec<String> = outcome
        .metrics
        .iter()
        .map(|m| format!("{}={}{};{:?};{:?}", m.label, m.value, m.unit, m.warning.as_deref(), m.critical.as_deref()))
        .collect();
    assert_eq!(
        shown,
        [
            "processes=1;None;Some(\"1:9\")",
            "memory=4096B;Some(\"4294967296\");None",
            "age=3600s;None;Some(\"3600\")",
            "zombies=1;Some(\"3\");Some(\"4\")",
        ]
    );
    let many = judge("", &limits, &look((0..30).map(|n| stat(n, 'S', HOUR, 1)).collect()));
    assert_eq!(many.detail.lines().count(), 21);
    assert!(many.detail.ends_with("and 10 more"), "{many:?}");
}

#[test]
fn too_few_of_what_is_hidden_is_no_failure_and_too_many_is_one() {
    let hidden = Look { hidden: true, ..look(vec![stat(5, 'S', HOUR, 1)]) };
    let with = |min, max| judge(" of x", &Limits { min, max, ..Limits::default() }, &hidden).verdict;
    assert_eq!((with(2, None), with(1, None), with(0, Some(0))), (Verdict::Unknown, Verdict::Ok, Verdict::Failed));
}

#[test]
fn none_too_many_of_what_is_hidden_is_not_known() {
    let hidden = |found| Look { hidden: true, ..look(found) };
    let none = judge(" of x", &Limits { max: Some(0), ..Limits::default() }, &hidden(Vec::new()));
    assert_eq!(none.verdict, Verdict::Unknown);
    assert!(
        none.summary.starts_with("of the processes of x that are seen none crosses a limit; others may run, but "),
        "{none:?}"
    );
    let one = || hidden(vec![stat(5, 'S', HOUR, 4_096)]);
    let limits = Limits { min: 1, ..Limits::default() };
    let (some, far) = (Degrees { warning: Some(1_000), critical: None }, Some(Memory::Bytes(1 << 40)));
    for limits in [
        Limits { zombies: some, ..limits },
        Limits { blocked: some, ..limits },
        Limits { memory: Degrees { warning: None, critical: far }, ..limits },
        Limits { age: Degrees { warning: Some(2_000 * HOUR), critical: None }, ..limits },
        // Of those that are hidden one may be older.
        Limits { restarted_within: Some(2 * HOUR), ..limits },
    ] {
        assert_eq!(judge("", &limits, &one()).verdict, Verdict::Unknown, "{limits:?}");
    }
    // What is seen is bad enough.
    let old = Limits { age: Degrees { warning: Some(Duration::from_secs(1)), critical: None }, ..limits };
    assert_eq!(judge("", &old, &one()).verdict, Verdict::Warning);
    let few = Limits { min: 2, ..old };
    assert_eq!(judge("", &few, &one()).verdict, Verdict::Unknown);
    let worse = Limits { age: Degrees { warning: None, critical: Some(Duration::from_secs(1)) }, ..few };
    assert_eq!(judge("", &worse, &one()).verdict, Verdict::Failed);
}

#[test]
fn a_share_of_an_unknown_memory_is_not_well() {
    let limits =
        Limits { memory: Degrees { warning: Some(Memory::Share(9_000)), critical: None }, ..Limits::default() };
    let unknown = Look { memory: 0, ..look(vec![stat(5, 'S', HOUR, 1)]) };
    let outcome = judge("", &limits, &unknown);
    assert_eq!(outcome.cause.as_deref(), Some("/proc/meminfo does not say how much memory this host has"));
    assert_eq!(judge("", &limits, &look(vec![stat(5, 'S', HOUR, 1)])).verdict, Verdict::Ok);
}

#[test]
fn a_title_in_the_place_of_the_words_leaves_the_name() {
    let fits = |path: &str, name: &str, words: &[&str], executable: Option<&str>| {
        let select = Select { program: Some(Program::At(path.into())), ..Select::default() };
        let closer = Closer {
            words: words.iter().map(|&word| word.to_owned()).collect(),
            executable: executable.map(Into::into),
        };
        select.fits(&Stat { name: name.to_owned(), ..stat(5, 'S', HOUR, 1) }, &closer)
    };
    let (path, title) = ("/usr/sbin/nginx", "nginx: master process /usr/sbin/nginx");
    assert!(fits(path, "nginx", &[title], None), "the program of another user");
    assert!(!fits(path, "other", &[title], None));
    assert!(!fits(path, "nginx", &["/opt/nginx"], None), "it says that it is another");
    assert!(!fits(path, "nginx", &[title], Some("/opt/nginx")), "we see that it is another");
    assert!(!fits(path, "nginx", &[], None), "a thread of the kernel");
    assert!(fits("/x/a-name-of-thirty-bytes", "a-name-of-thirt", &["a title"], None));
}

#[test]
fn the_script_of_a_shell_is_no_word_of_its_options() {
    let fits = |line: &str| {
        let select = Select { program: Some(Program::Named("backup".to_owned())), ..Select::default() };
        let closer = Closer { words: line.split('|').map(str::to_owned).collect(), executable: None };
        select.fits(&stat(5, 'S', HOUR, 1), &closer)
    };
    for line in [
        "/bin/bash|-euo|pipefail|/opt/backup",
        "sh|+x|/opt/backup",
        "bash|--norc|-e|/opt/backup",
        "python3|-u|/opt/backup",
    ] {
        assert!(fits(line), "{line}");
    }
    for line in
        ["sh|-c|sleep 9; /opt/backup", "bash|-lc|sleep 9; /opt/backup", "perl|-e|/opt/backup", "python3|-m|backup"]
    {
        assert!(!fits(line), "{line}");
    }
}

/// We, in the `/proc` of files.
const OWN: u32 = 77;

/// A `/proc` of files. Each process: number, `stat` from the name on, words of its command line. We are always there. How long
/// the host runs is not read there: the `uptime` of a container is another.
fn files(processes: &[(u32, &str, &[&str])]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let own = format!("(we) {}", fields('R', 0, 0));
    let own = (processes.iter().all(|(pid, ..)| *pid != OWN)).then_some((OWN, own.as_str(), &["we"][..]));
    fs::write(root.path().join("uptime"), "7.50 1.00\n").unwrap();
    fs::write(root.path().join("meminfo"), "MemTotal:       1024 kB\nMemFree: 1 kB\n").unwrap();
    fs::write(root.path().join("version"), "no process").unwrap();
    for (pid, stat, words) in processes.iter().copied().chain(own) {
        let folder = root.path().join(pid.to_string());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("stat"), format!("{pid} {stat}")).unwrap();
        fs::write(folder.join("cmdline"), words.join("\0")).unwrap();
    }
    root
}

/// The fields of `stat` behind the name: state, parent, session, flags, start in hundredths, pages.
fn fields(state: char, parent: u32, flags: u64) -> String {
    format!("{state} {parent} 1 1 0 -1 {flags} 0 0 0 0 0 0 0 0 20 0 1 0 50050 0 3 0 0\n")
}

fn run_in(root: &Path, settings: &str) -> Outcome {
    let job = jobs(settings).unwrap().remove(0);
    job.execute_in(&Proc::at(root, OWN, Duration::from_millis(1_000_500)), &context())
}

#[test]
fn the_forms_of_stat_are_read() {
    let (plain, kernel) = (fields('S', 1, 0), fields('I', 2, 0x0020_0040));
    let root = files(&[
        (1, &format!("(init) {plain}"), &["/sbin/init"]),
        (2, &format!("(kworker/0:1-events_unbound_long) {kernel}"), &[]),
        (3, &format!("(a) Z 9 (b) {plain}"), &["whatever"]),
        (4, &format!("(x\n) D) {plain}"), &["/x/y"]),
        (5, &format!("(busy) {}", fields('D', 1, 0)), &["busy"]),
    ]);
    let ok = |settings: &str| {
        let outcome = run_in(root.path(), settings);
        assert_eq!(outcome.verdict, Verdict::Ok, "{settings}: {outcome:?}");
        outcome
    };
    let init = ok("program = \"/sbin/init\"");
    assert_eq!(init.summary, "1 process of /sbin/init runs, since 8 min 20 s, with 12 KiB of memory");
    ok("program = \"y\"\nmax = 1");
    let blocked = run_in(root.path(), "blocked_critical = 0");
    assert_eq!(blocked.summary, "1 process waits without end (state D; for a disk or NFS?), more than 0");
    assert_eq!(run_in(root.path(), "max = 4").summary, "5 processes run; at most 4 may");
}

#[test]
fn kernel_threads_have_a_name_alone() {
    let kernel = fields('S', 2, 0x0020_0040);
    let plain = fields('S', 1, 0);
    let root = files(&[(1, &format!("(init) {plain}"), &["init"]), (9, &format!("(nfsd) {kernel}"), &[])]);
    let found = run_in(root.path(), "program = \"nfsd\"\nmin = 1\nmax = 1");
    assert_eq!(found.verdict, Verdict::Ok, "{found:?}");
    assert_eq!(run_in(root.path(), "program = \"nfsd\"\ncommand_contains = \"n\"").verdict, Verdict::Failed);
    // On this host, where its kernel's threads are shown.
    if fs::read_to_string("/proc/2/stat").is_ok_and(|stat| stat.contains("(kthreadd)")) {
        assert_eq!(run("program = \"kthreadd\"").verdict, Verdict::Ok);
    } else {
        eprintln!("skipped: no kernel threads are shown here");
    }
}

#[test]
fn what_is_no_proc_is_our_fault() {
    let nothing = tempfile::tempdir().unwrap();
    let outcome = run_in(nothing.path(), "program = \"x\"");
    assert_eq!(outcome.verdict, Verdict::Unknown);
    assert!(outcome.summary.starts_with("Checker's own process in /proc cannot be read: "), "{outcome:?}");
    let garbage = files(&[(1, "(init", &[])]);
    let outcome = run_in(garbage.path(), "program = \"x\"");
    assert_eq!(
        outcome.cause.as_deref(),
        Some("the stat of process 1 cannot be read: stat has another form; is /proc mounted?")
    );
    let init = format!("(init) {}", fields('S', 0, 0));
    let later = files(&[(1, &init, &["init"]), (8, "(x", &[])]);
    let outcome = run_in(later.path(), "program = \"x\"");
    assert!(outcome.summary.starts_with("the stat of a process cannot be read: "), "{outcome:?}");
    let late = jobs("program = \"x\"").unwrap().remove(0);
    let cx = context();
    cx.cancel.cancel();
    let outcome = late.execute_in(&Proc::of_this_host(), &cx);
    assert!(outcome.summary.starts_with("there was not enough time"), "{outcome:?}");
}

#[test]
fn families_that_are_a_loop_end() {
    let one = |parent| format!("(x) {}", fields('S', parent, 0));
    let root = files(&[(1, &one(0), &["x"]), (5, &one(6), &["x"]), (6, &one(5), &["x"]), (77, &one(5), &["x"])]);
    // We are 77, and 5 and 6 are of our session.
    let outcome = run_in(root.path(), "program = \"x\"\nmax = 1");
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
}

#[test]
fn what_is_shown_in_part_is_hidden_or_strange_and_not_missing() {
    let of = |name: &str| format!("({name}) {}", fields('S', 1, 0));
    let (init, daemon) = (of("init"), of("daemon"));
    // As where `hidepid=` hides process 1.
    let alone = files(&[(9, &daemon, &["other"])]);
    for table in ["program = \"x\"", "program = \"x\"\nmax = 0"] {
        let outcome = run_in(alone.path(), table);
        assert_eq!(outcome.verdict, Verdict::Unknown, "{outcome:?}");
        assert!(outcome.cause.is_some_and(|cause| cause.starts_with("other users' processes are hidden")));
    }
    // It runs, but its command line or user cannot be read.
    let strange = files(&[(1, &init, &["init"]), (9, &daemon, &["daemon"])]);
    let user = run_in(strange.path(), "program = \"daemon\"\nuser = \"5\"\nmin = 0\nmax = 0");
    assert_eq!(user.verdict, Verdict::Ok, "one that has ended is not there: {user:?}");
    fs::write(strange.path().join("9/status"), "Name: daemon\n").unwrap();
    let user = run_in(strange.path(), "program = \"daemon\"\nuser = \"5\"");
    assert_eq!(user.verdict, Verdict::Unknown, "{user:?}");
    fs::remove_file(strange.path().join("9/cmdline")).unwrap();
    fs::create_dir(strange.path().join("9/cmdline")).unwrap();
    let words = run_in(strange.path(), "program = \"daemon\"");
    assert!(words.summary.starts_with("the command line or the user of a process cannot be read: "), "{words:?}");
    assert_eq!(words.verdict, Verdict::Unknown);
    let file = strange.path().join("pid");
    fs::write(&file, "9").unwrap();
    let named = run_in(strange.path(), &format!("program = \"daemon\"\npidfile = {file:?}"));
    assert_eq!(named.verdict, Verdict::Unknown, "{named:?}");
    // Nobody is told that all sleeping editors of this host are stopped.
    let asleep = format!("(vim) {}", fields('T', 1, 0));
    let root = files(&[(1, &init, &["init"]), (9, &asleep, &["vim"])]);
    assert_eq!(run_in(root.path(), "blocked_critical = 9").verdict, Verdict::Ok);
    assert_eq!(run_in(root.path(), "program = \"vim\"\nmin = 0\nmax = 9").verdict, Verdict::Warning);
}
