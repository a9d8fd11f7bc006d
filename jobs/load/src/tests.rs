//! This host's own `/proc`, recorded ones, and forged ones.

mod vacuity;

use super::*;
use checker_job::conformance::table;
use checker_job::{Timestamp, Verdict};
use checker_parts::procfs::Process;
use judge::{Averages, Seen, cpu_lines, cpu_list, judge, some_avg60, who};
use plan::Plan;
use std::fs;
use std::time::Duration;

fn plan(text: &str) -> Plan {
    Spawner::spawn(vec![table::<Spawner>(text)]).unwrap_or_else(|e| panic!("{text}: {e:?}")).remove(0).plan
}

fn context() -> Context {
    let scratch = std::env::temp_dir().join("checker-load-unused");
    Context::new(Timestamp::from_secs(0), Duration::from_secs(30), "run".to_owned(), scratch.into())
}

/// A recorded host: load averages, processors, and pressures in hundredths of a percent.
fn seen(load: [f64; 3], cpus: u32) -> Seen {
    let averages = Averages { load, runnable: 9, tasks: 412 };
    Seen { averages, cpus, pressures: [Ok(100), Ok(200), Ok(300)] }
}

#[test]
fn conforms() {
    checker_job::conformance::check::<Spawner>();
}

#[test]
fn stands_fire() {
    checker_job::conformance::under_fire::<Spawner>(
        "[[job.load]]\n[[job.load]]\nwarning = 0.001\ncritical = 0.002\ncpu_pressure_warning = \"0.01%\"\n",
    );
}

#[test]
fn a_load_is_judged_for_each_cpu_and_the_longest_average_is_named() {
    for (load, cpus, verdict) in [
        ([15.9, 7.9, 3.9], 2, Verdict::Ok),
        ([16.0, 8.0, 4.0], 2, Verdict::Ok),
        ([16.1, 0.0, 0.0], 2, Verdict::Warning),
        ([0.0, 8.1, 0.0], 2, Verdict::Warning),
        ([0.0, 0.0, 4.1], 2, Verdict::Warning),
        ([32.1, 0.0, 0.0], 2, Verdict::Failed),
        ([0.0, 16.1, 0.0], 2, Verdict::Failed),
        ([0.0, 0.0, 8.1], 2, Verdict::Failed),
        ([0.0, 0.0, 8.1], 64, Verdict::Ok),
    ] {
        assert_eq!(judge(&seen(load, cpus), &plan("")).verdict, verdict, "{load:?} on {cpus}");
    }
    let failed = judge(&seen([40.0, 24.5, 9.0], 2), &plan(""));
    assert_eq!(
        failed.summary,
        "load over 15 min is 9.00, which is 4.50 for each CPU, more than 4 (load 40.00, 24.50, 9.00 over 1, 5, 15 min on 2 \
         CPUs); 9 of 412 tasks are runnable"
    );
    let good = judge(&seen([0.31, 0.73, 1.38], 1), &plan(""));
    assert_eq!(good.summary, "load 0.31, 0.73, 1.38 over 1, 5, 15 min on 1 CPU; 9 of 412 tasks are runnable");
    let labels: Vec<(&str, f64)> = good.metrics.iter().map(|m| (m.label.as_ref(), m.value)).collect();
    let pressures = [("cpu_pressure", 1.0), ("io_pressure", 2.0), ("memory_pressure", 3.0)];
    assert_eq!(labels, [[("load1", 0.31), ("load5", 0.73), ("load15", 1.38)], pressures].concat());
    let ranges = judge(&seen([0.0; 3], 4), &plan("")).metrics.swap_remove(1);
    assert_eq!((ranges.warning.as_deref(), ranges.critical.as_deref()), (Some("16"), Some("32")));
}

#[test]
fn limits_may_be_of_the_whole_host_of_one_average_or_none() {
    let whole = plan("per_cpu = false\nwarning = 10\ncritical = [20, 20, 15.5]");
    let said = |load| judge(&seen(load, 8), &whole);
    assert_eq!(said([10.0; 3]).verdict, Verdict::Ok);
    assert!(said([0.0, 10.5, 0.0]).summary.starts_with("load over 5 min is 10.50, more than 10 (load 0.00"));
    assert_eq!(said([0.0, 0.0, 15.6]).verdict, Verdict::Failed);
    assert_eq!(said([0.0, 10.5, 0.0]).metrics[2].critical.as_deref(), Some("15.5"));
    let last = plan("warning = [\"never\", \"never\", 1]\ncritical = \"never\"");
    assert_eq!(judge(&seen([900.0, 900.0, 1.0], 1), &last).verdict, Verdict::Ok);
    assert_eq!(judge(&seen([0.0, 0.0, 1.1], 1), &last).verdict, Verdict::Warning);
}

#[test]
fn pressure_is_judged_where_it_is_asked_for() {
    let mut host = seen([0.0; 3], 2);
    host.pressures = [Ok(6_100), Ok(8_050), Ok(500)];
    assert_eq!(judge(&host, &plan("")).verdict, Verdict::Ok);
    let both = plan("cpu_pressure_warning = \"60%\"\nio_pressure_warning = \"40%\"\nio_pressure_critical = \"80%\"");
    let outcome = judge(&host, &both);
    assert_eq!(outcome.verdict, Verdict::Failed);
    let want = "tasks wait for a disk in 80.5% of the last minute, more than 80%; tasks wait for a processor in 61% of the last \
                minute, more than 60%; 9 of 412";
    assert!(outcome.summary.starts_with(want), "{outcome:?}");
    let io = &outcome.metrics[4];
    assert_eq!((io.value, io.warning.as_deref(), io.critical.as_deref()), (80.5, Some("40"), Some("80")));
    let memory = plan("memory_pressure_warning = \"5%\"");
    assert_eq!(judge(&host, &memory).verdict, Verdict::Ok, "the limit itself is allowed");
    host.pressures[2] = Ok(501);
    assert_eq!(judge(&host, &memory).verdict, Verdict::Warning);
}

#[test]
fn a_kernel_that_tells_no_pressure_is_said_only_where_it_is_asked_for() {
    let mut host = seen([0.0; 3], 2);
    host.pressures = ["cpu", "io", "memory"].map(|_| Err("Operation not supported (os error 95)".to_owned()));
    let silent = judge(&host, &plan(""));
    assert_eq!((silent.verdict, silent.metrics.len()), (Verdict::Ok, 3));
    let asked = judge(&host, &plan("io_pressure_warning = \"40%\""));
    assert_eq!(
        (asked.verdict, asked.cause.as_deref()),
        (Verdict::Unknown, Some("this kernel tells no pressure (PSI)"))
    );
    assert!(asked.summary.contains("/proc/pressure/io: Operation not supported") && asked.summary.contains("psi=1"));
    host.averages.load = [0.0, 0.0, 5.0];
    let warned = judge(&host, &plan("io_pressure_warning = \"40%\""));
    let said = "load over 15 min is 5.00, which is 2.50 for each CPU, more than 2 (load 0.00, 0.00, 5.00 over 1, 5, 15 min on \
                2 CPUs); and this kernel does not tell the pressure";
    assert!(warned.verdict == Verdict::Unknown && warned.summary.starts_with(said), "{warned:?}");
    host.averages.load = [0.0, 0.0, 100.0];
    let broken = judge(&host, &plan("io_pressure_warning = \"40%\""));
    assert_eq!(broken.verdict, Verdict::Failed, "what is known to be bad comes first");
}

#[test]
fn who_runs_and_who_waits_is_named() {
    let process = |name: &str, state| Process { pid: 1, name: name.to_owned(), state, pages: 1 };
    let mut all = vec![process("systemd", 'S'), process("rsync", 'D'), process("rustc", 'R'), process("make", 'R')];
    assert_eq!(who(&all), "now running: make, rustc; waiting for a disk: rsync");
    all.extend((0..3).map(|_| process("rustc", 'R')));
    all.extend(["a", "b"].map(|name| process(name, 'R')));
    assert_eq!(who(&all), "now running: rustc (4), a, b and others; waiting for a disk: rsync");
    assert_eq!(who(&all[..1]), "");
}

#[test]
fn what_the_kernel_writes_is_read_and_nonsense_is_not() {
    let read = Averages::parse("0.31 0.73 1.38 4/103 5441\n").unwrap();
    assert_eq!(read, Averages { load: [0.31, 0.73, 1.38], runnable: 4, tasks: 103 });
    for bad in ["", "1 2", "1 2 3", "1 2 3 4", "a 2 3 4/5", "NaN 1 1 1/2", "-1 1 1 1/2", "inf 1 1 1/2", "1 2 3 x/5"] {
        assert_eq!(Averages::parse(bad), None, "{bad:?}");
    }
    let recorded = "some avg10=3.04 avg60=12.08 avg300=6.35 total=1\nfull avg10=0.00 avg60=99.00 avg300=0.00 total=0\n";
    assert_eq!(some_avg60(recorded), Some(1_208));
    assert_eq!(some_avg60("some avg60=100.00 total=0"), Some(10_000));
    assert_eq!((some_avg60("some avg60=12.5"), some_avg60("some avg60=7")), (Some(1_250), Some(700)));
    for bad in ["", "full avg60=1.00", "some avg10=1.00", "some avg60=x", "some avg60=100.01", "some avg60=-1.00"] {
        assert_eq!(some_avg60(bad), None, "{bad:?}");
    }
    for (text, count) in [("0", Some(1)), ("0-3\n", Some(4)), ("0-3,8,10-11", Some(7)), ("", None), ("3-0", None)] {
        assert_eq!(cpu_list(text), count, "{text:?}");
    }
    let stat = "cpu  1 2 3\ncpu0 1 2 3\ncpu11 1 2 3\nintr 5\ncpus 3\n";
    assert_eq!((cpu_lines(stat), cpu_lines("cpu  1 2 3\nintr 5\n"), cpu_lines("")), (Some(2), None, None));
    for bad in ["0-", "a", "0-4294967295", "0-2000000", ",", "0-3,"] {
        assert_eq!(cpu_list(bad), None, "{bad:?}");
    }
}

#[test]
fn here_it_says_what_the_kernel_says() {
    let loadavg = || {
        let text = fs::read_to_string("/proc/loadavg").unwrap();
        text.split(' ').take(3).collect::<Vec<_>>().join(", ")
    };
    let unjudged = plan("warning = \"never\"\ncritical = \"never\"");
    // The kernel counts anew each five seconds, and it may be in between.
    let (told, outcome) = (0..100)
        .find_map(|_| {
            let before = loadavg();
            let outcome = look::look(Path::new("/proc"), Path::new("/sys"), &unjudged, &context());
            (before == loadavg()).then_some((before, outcome))
        })
        .expect("a moment in which the load stays the same");
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    let begin = format!("load {told} over 1, 5, 15 min on ");
    assert!(outcome.summary.starts_with(&begin), "{outcome:?}: not {told}");
    let nproc = std::process::Command::new("getconf").arg("_NPROCESSORS_ONLN").output().unwrap();
    let cpus = String::from_utf8(nproc.stdout).unwrap();
    let words = if cpus.trim() == "1" { "1 CPU;".to_owned() } else { format!("{} CPUs;", cpus.trim()) };
    assert!(outcome.summary.contains(&words), "{outcome:?}: {cpus}");
    assert_eq!(
        cpu_lines(&fs::read_to_string("/proc/stat").unwrap()).map(|n| n.to_string()).as_deref(),
        Some(cpus.trim())
    );
    let tells_pressure = fs::read_to_string("/proc/pressure/cpu").is_ok();
    assert_eq!(outcome.metrics.len() == 6, tells_pressure, "{outcome:?}");
}

/// A `/proc` and a `/sys` of a test.
struct Forged(tempfile::TempDir);

impl Forged {
    fn new(loadavg: &str) -> Self {
        let forged = Self(tempfile::tempdir().unwrap());
        forged.put("proc/loadavg", loadavg);
        forged.put("sys/devices/system/cpu/online", "0-3\n");
        forged
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn look(&self, plan: &Plan) -> Outcome {
        look::look(&self.0.path().join("proc"), &self.0.path().join("sys"), plan, &context())
    }
}

#[test]
fn a_forged_proc_is_read_the_same_way() {
    let busy = Forged::new("80.00 60.00 40.00 12/300 99\n");
    busy.put("proc/pressure/io", "some avg10=1.00 avg60=50.00 avg300=1.00 total=1\n");
    busy.put("proc/7/stat", "7 (evil\n\u{1b}) R) D 1 2 3 4 -1 5 6 7 8 9 10 11 12 13 20 0 1 0 99 4096000 321 1\n");
    let outcome = busy.look(&plan("io_pressure_warning = \"40%\""));
    assert_eq!(outcome.verdict, Verdict::Failed);
    let want = "load over 15 min is 40.00, which is 10.00 for each CPU, more than 4 (load 80.00, 60.00, 40.00 over 1, 5, 15 min \
                on 4 CPUs); tasks wait for a disk in 50% of the last minute, more than 40%; 12 of 300 tasks are runnable; \
                waiting for a disk: evil\\n\\u{1b}) R";
    assert_eq!(outcome.summary, want);
    // What does not fit goes where there is room: each of these bytes is shown as six.
    for number in 10..20 {
        let name =
            format!("{number} ({}{number}) R 1 2 3 4 -1 5 6 7 8 9 10 11 12 13 20 0 1 0 99 1 1 1", "\u{1b}".repeat(13));
        busy.put(&format!("proc/{number}/stat"), &name);
    }
    let outcome = busy.look(&plan("io_pressure_warning = \"40%\""));
    assert!(outcome.summary.len() <= 400 && outcome.summary.ends_with("12 of 300 tasks are runnable"), "{outcome:?}");
    assert!(outcome.detail.starts_with("now running: \\u{1b}") && outcome.detail.contains(" and others; waiting for"));
    let missing = Forged::new("1.00 1.00 1.00 1/2 3\n").look(&plan("cpu_pressure_critical = \"40%\""));
    assert_eq!(missing.verdict, Verdict::Unknown);
    assert!(missing.summary.contains("(/proc/pressure/cpu: No such file or directory"), "{missing:?}");
    for text in ["", "nonsense\n", &"9".repeat(200_000)] {
        let outcome = Forged::new(text).look(&plan(""));
        assert_eq!(outcome.verdict, Verdict::Unknown);
        assert!(outcome.summary.ends_with("/proc/loadavg does not hold what it should"), "{outcome:?}");
    }
    let hidden = Forged::new("80.00 60.00 40.00 12/300 99\n");
    fs::remove_dir_all(hidden.0.path().join("sys")).unwrap();
    let outcome = hidden.look(&plan(""));
    assert!(outcome.verdict == Verdict::Unknown && outcome.summary.contains("how many CPUs"), "{outcome:?}");
    let lines: Vec<String> = (0..64).map(|n| format!("cpu{n} 1 2\n")).collect();
    hidden.put("proc/stat", &format!("cpu  1 2\n{}", lines.concat()));
    let outcome = hidden.look(&plan(""));
    assert!(outcome.verdict == Verdict::Ok && outcome.summary.contains("on 64 CPUs"), "{outcome:?}");
    let none = tempfile::tempdir().unwrap();
    let outcome = look::look(none.path(), none.path(), &plan(""), &context());
    assert_eq!(outcome.verdict, Verdict::Unknown);
    assert!(outcome.cause.is_some() && outcome.summary.contains("/proc/loadavg: No such file"), "{outcome:?}");
}

#[test]
fn each_wrong_key_is_said_with_its_remedy() {
    for (text, key, why) in [
        ("warning = [1, 2]", "warning", "one number, or three"),
        ("warning = []", "warning", "one number, or three"),
        ("critical = [1, 2, 3, 4]", "critical", "one number, or three"),
        ("warning = 0", "warning", "more than 0"),
        ("warning = -1.5", "warning", "more than 0"),
        ("critical = inf", "critical", "no more than a million"),
        ("critical = 99999999999", "critical", "no more than a million"),
        ("warning = 3\ncritical = 3", "critical", "more than warning, which is [3, 3, 3]"),
        ("critical = 1.5", "critical", "more than warning, which is [8, 4, 2]"),
        ("warning = 20", "warning", "less than critical, which is [16, 8, 4] by default; set both"),
        ("cpu_pressure_warning = \"60\"", "cpu_pressure_warning", "is no size"),
        ("cpu_pressure_critical = \"100%\"", "cpu_pressure_critical", "nothing is ever more than 100%"),
        ("io_pressure_warning = \"1GiB\"", "io_pressure_warning", "a part of the time"),
        (
            "memory_pressure_warning = \"9%\"\nmemory_pressure_critical = \"8%\"",
            "memory_pressure_critical",
            "more than",
        ),
    ] {
        let found = Spawner::spawn(vec![table::<Spawner>(text)]).err().unwrap_or_else(|| panic!("accepted: {text}"));
        let is_it = found.len() == 1 && found[0].key.as_deref() == Some(key) && found[0].message.contains(why);
        assert!(is_it, "{text}: {found:?}");
    }
    let word = toml::from_str::<Settings>("warning = \"none\"").unwrap_err();
    assert!(word.message().contains("write a number, as in 4 or 1.5, or \"never\""), "{word}");
    let all =
        Spawner::spawn(vec![table::<Spawner>("warning = 0\ncritical = []\nio_pressure_critical = \"x\"")]).unwrap_err();
    let keys: Vec<_> = all.iter().map(|e| e.key.as_deref().unwrap()).collect();
    assert_eq!(keys, ["warning", "critical", "io_pressure_critical"]);
}
