//! Judging values, and a `/proc` of files: kernel threads, blocked processes, a host that has just started.

use super::*;
use crate::judge::{Degrees, Limits, Memory, bytes_words, judge};
use crate::look::Look;
use crate::proc::Stat;
use std::fs;

const HOUR: Duration = Duration::from_secs(3_600);

fn stat(pid: u32, state: char, age: Duration, memory: u64) -> Stat {
    let started = (1_000 * HOUR).saturating_sub(age);
    Stat { pid, name: "x".to_owned(), state, parent: 1, session: 1, is_kernel_thread: false, started, memory }
}

fn look(found: Vec<Stat>) -> Look {
    Look { found, hidden: false, uptime: 1_000 * HOUR, memory: 8 << 30 }
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
    let (verdict, said) = judged(memory(Some(Memory::Percent(25)), Some(Memory::Percent(43))), three());
    let words = "3 processes of x take together 3.5 GiB of memory, more than 3.4 GiB (the most takes process 6: 2 GiB)";
    assert_eq!((verdict, said.as_str()), (Verdict::Failed, words));
    let (verdict, said) = judged(memory(Some(Memory::Percent(25)), Some(Memory::Bytes(4 << 30))), three());
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
    let young = Look { uptime: 2 * HOUR, ..look(vec![Stat { started: HOUR, ..stat(5, 'S', HOUR, 1) }]) };
    assert_eq!(judge("", &limits, &young).verdict, Verdict::Ok, "the host itself has just started");
}

#[test]
fn metrics_carry_the_limits() {
    let limits = Limits {
        min: 1,
        max: Some(9),
        memory: Degrees { warning: Some(Memory::Percent(50)), critical: None },
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
fn bytes_are_read_by_people() {
    for (bytes, words) in [
        (0, "0 B"),
        (1_023, "1023 B"),
        (1_024, "1 KiB"),
        (1_536, "1.5 KiB"),
        (10 << 20, "10 MiB"),
        ((3 << 30) + (512 << 20), "3.5 GiB"),
        (u64::MAX, "16383 PiB"),
    ] {
        assert_eq!(bytes_words(bytes), words);
    }
}

/// A `/proc` of files. Each process: number, `stat` from the name on, words of its command line.
fn files(processes: &[(u32, &str, &[&str])]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("uptime"), "1000.50 10.00\n").unwrap();
    fs::write(root.path().join("meminfo"), "MemTotal:       1024 kB\nMemFree: 1 kB\n").unwrap();
    fs::write(root.path().join("version"), "no process").unwrap();
    for (pid, stat, words) in processes {
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
    job.execute_in(&Proc::at(root, 77), &context())
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
    assert!(outcome.summary.starts_with("/proc/uptime cannot be read: "), "{outcome:?}");
    let garbage = files(&[(1, "(init", &[])]);
    let outcome = run_in(garbage.path(), "program = \"x\"");
    assert_eq!(
        outcome.cause.as_deref(),
        Some("the stat of a process cannot be read: stat has another form; is /proc mounted?")
    );
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
