//! This host's own memory, a real limit where one can be made, recorded hosts, and forged ones.

mod vacuity;

use super::*;
use cgroup::{Limit, limits};
use checker_job::conformance::table;
use checker_job::{Timestamp, Verdict};
use checker_parts::procfs::Process;
use judge::{Meminfo, judge, largest};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

fn plan(text: &str) -> Plan {
    Spawner::spawn(vec![table::<Spawner>(text)]).unwrap_or_else(|e| panic!("{text}: {e:?}")).remove(0).plan
}

fn context() -> Context {
    let scratch = std::env::temp_dir().join("checker-memory-unused");
    Context::new(Timestamp::from_secs(0), Duration::from_secs(30), "run".to_owned(), scratch.into())
}

fn here(text: &str) -> Outcome {
    look::look(Path::new("/proc"), Path::new("/sys/fs/cgroup"), &plan(text), &context())
}

/// The limit that is named, by the default plan.
fn tightest(own: &str, root: &Path, total: u64) -> Option<Limit> {
    judge::tightest(&limits(own, root, total), &plan("")).cloned()
}

fn memory(total: u64, available: u64) -> Meminfo {
    Meminfo { total, available, ..Meminfo::default() }
}

#[test]
fn conforms() {
    checker_job::conformance::check::<Spawner>();
}

#[test]
fn stands_fire() {
    checker_job::conformance::under_fire::<Spawner>(
        "[[job.memory]]\n[[job.memory]]\nwarning = \"100%\"\ncritical = \"99%\"\nswap_warning = \"1B\"\n",
    );
}

#[test]
fn by_default_large_hosts_are_judged_by_size_and_small_ones_by_share() {
    for (total, available, verdict) in [
        (4 * GIB, 420 * MIB, Verdict::Ok),
        (4 * GIB, 400 * MIB, Verdict::Warning),
        (4 * GIB, 200 * MIB, Verdict::Failed),
        (64 * GIB, GIB, Verdict::Ok),
        (64 * GIB, GIB - 1, Verdict::Warning),
        (64 * GIB, 511 * MIB, Verdict::Failed),
    ] {
        let outcome = judge(&memory(total, available), None, &plan(""));
        assert_eq!(outcome.verdict, verdict, "{outcome:?}");
    }
    let warned = judge(&memory(4 * GIB, 400 * MIB), None, &plan(""));
    assert_eq!(warned.summary, "only 400 MiB of 4 GiB memory (9.7%) available, less than 10% (409 MiB)");
    let metric = &warned.metrics[0];
    assert_eq!((metric.label.as_ref(), metric.critical.as_deref()), ("available", Some("214748364:")));
    assert_eq!(judge(&memory(GIB, 0), None, &plan("warning = \"never\"\ncritical = \"never\"")).verdict, Verdict::Ok);
}

#[test]
fn swap_is_judged_where_it_is_asked_for_and_there() {
    let host = Meminfo { swap_total: 2 * GIB, swap_free: 100 * MIB, ..memory(8 * GIB, 4 * GIB) };
    let good = judge(&host, None, &plan(""));
    let said = "4 GiB of 8 GiB memory (50%) available; 1.9 GiB of 2 GiB swap (95%) in use";
    assert_eq!((good.verdict, good.summary.as_str()), (Verdict::Ok, said));
    let asked = plan("swap_warning = \"80%\"\nswap_critical = \"2GiB\"");
    let warned = judge(&host, None, &asked);
    let said = "1.9 GiB of 2 GiB swap (95%) in use, more than 80% (1.5 GiB)";
    assert_eq!((warned.verdict, warned.summary.as_str()), (Verdict::Warning, said));
    assert_eq!((warned.metrics[1].label.as_ref(), warned.metrics[1].value), ("swap_used", 2_042_626_048.0));
    assert_eq!(judge(&memory(8 * GIB, 4 * GIB), None, &asked).verdict, Verdict::Ok, "a host without swap");
    let both = judge(&Meminfo { available: 0, ..host }, None, &asked);
    assert!(both.verdict == Verdict::Failed && both.summary.starts_with("only 0 B of 8 GiB memory (0%)"), "{both:?}");
    assert!(both.summary.ends_with("more than 80% (1.5 GiB)"), "{both:?}");
}

#[test]
fn a_limit_is_judged_beside_the_host() {
    let limit = |available| Limit { group: PathBuf::from("/system.slice/x"), bytes: 200 * MIB, available };
    let host = memory(8 * GIB, 4 * GIB);
    let good = judge(&host, Some(&limit(100 * MIB)), &plan(""));
    let said =
        "4 GiB of 8 GiB memory (50%) available; control group /system.slice/x has 100 MiB of 200 MiB memory (50%) left";
    assert_eq!((good.verdict, good.summary.as_str()), (Verdict::Ok, said));
    let failed = judge(&host, Some(&limit(5 * MIB)), &plan(""));
    let said = "control group /system.slice/x has only 5 MiB of 200 MiB memory (2.5%) left by its limit, less than 5% (10 MiB)";
    assert_eq!((failed.verdict, failed.summary.as_str()), (Verdict::Failed, said));
    assert_eq!((failed.metrics[1].label.as_ref(), failed.metrics[1].value), ("cgroup_available", 5_242_880.0));
}

#[test]
fn the_largest_are_named() {
    let process = |pid, name: &str, pages| Process { pid, name: name.to_owned(), state: 'S', pages };
    let mut all: Vec<Process> = (1..20).map(|pid| process(pid, "small", 256)).collect();
    all.extend([process(812, "mysqld", 800_000), process(99, "java", 500_000), process(2, "kthreadd", 0)]);
    let [few, more] = largest(&all, 4096);
    assert_eq!(few, "mysqld 3 GiB (pid 812), java 1.9 GiB (pid 99), small 1 MiB (pid 1)");
    assert_eq!((more.lines().count(), more.lines().next()), (10, Some("mysqld 3 GiB (pid 812)")));
    assert_eq!(largest(&[], 4096), ["", ""]);
}

const RECORDED: &str = "MemTotal:       24684084 kB\nMemFree:        20928460 kB\nMemAvailable:   23844408 kB\nSwapCached:            7 \
                        kB\nSwapTotal:       1048572 kB\nSwapFree:        1048000 kB\nHugePages_Total:       0\n";

#[test]
fn what_the_kernel_writes_is_read_and_nonsense_is_not() {
    let read = Meminfo::parse(RECORDED).unwrap();
    let want = [24_684_084, 23_844_408, 1_048_572, 1_048_000].map(|kibibytes| kibibytes * 1024);
    assert_eq!([read.total, read.available, read.swap_total, read.swap_free], want);
    for bad in [
        "",
        "MemTotal: 1 kB",
        "MemAvailable: 1 kB",
        "MemTotal: 0 kB\nMemAvailable: 0 kB",
        "MemTotal: 5\nMemAvailable: 1 kB",
        "MemTotal: 99999999999999999999 kB\nMemAvailable: 1 kB",
        "MemTotal: 18446744073709551615 kB\nMemAvailable: 1 kB",
        "MemTotal: -5 kB\nMemAvailable: 1 kB",
    ] {
        assert_eq!(Meminfo::parse(bad), None, "{bad:?}");
    }
    let odd = "MemTotal: 5 kB\nMemAvailable: 9 kB\nSwapTotal: 1 kB\nSwapFree: 2 kB\n";
    let odd = Meminfo::parse(odd).unwrap();
    assert_eq!((odd.available, odd.swap_total, odd.swap_free), (5_120, 1_024, 1_024));
}

/// Folders of a test, in place of `/proc` and `/sys/fs/cgroup`.
struct Forged(tempfile::TempDir);

impl Forged {
    fn new(files: &[(&str, &str)]) -> Self {
        let forged = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            let path = forged.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        forged
    }

    fn look(&self, text: &str) -> Outcome {
        look::look(&self.0.path().join("proc"), &self.0.path().join("cgroup"), &plan(text), &context())
    }
}

#[test]
fn the_tightest_of_all_groups_above_is_found() {
    let two = Forged::new(&[
        ("a.slice/memory.max", "max\n"),
        ("a.slice/memory.current", "900\n"),
        ("a.slice/b.service/memory.max", "1000\n"),
        ("a.slice/b.service/memory.current", "900\n"),
        (
            "a.slice/b.service/memory.stat",
            "anon 5\ninactive_file 200\nactive_file 70\nslab_reclaimable 30\ninactive_file_x 9\n\n",
        ),
        ("a.slice/b.service/c/memory.max", "800\n"),
        ("a.slice/b.service/c/memory.current", "10\n"),
    ]);
    let found = |own: &str, total| tightest(own, two.0.path(), total);
    let want = Limit { group: PathBuf::from("/a.slice/b.service"), bytes: 1_000, available: 400 };
    assert_eq!(found("0::/a.slice/b.service/c\n", 5_000), Some(want.clone()));
    assert_eq!(found("0::/a.slice/b.service\n", 5_000), Some(want));
    assert_eq!(found("0::/a.slice\n", 5_000), None, "max is no limit");
    let inner = found("0::/a.slice/b.service/c\n", 1_000).map(|limit| limit.bytes);
    assert_eq!(inner, Some(800), "a limit that is no less than the host has is none");
    for own in ["", "x", "0::", "0::/", "0::/no/such", "0::/../../a.slice", "1:cpu:/a.slice/b.service", "::"] {
        assert_eq!(found(own, 5_000), None, "{own:?}");
    }
}

#[test]
fn a_group_above_that_is_short_counts_although_more_bytes_are_left_in_it() {
    let two = Forged::new(&[
        ("proc/meminfo", "MemTotal: 67108864 kB\nMemAvailable: 33554432 kB\n"),
        ("proc/self/cgroup", "0::/outer/inner\n"),
        ("cgroup/outer/memory.max", "10737418240\n"),
        ("cgroup/outer/memory.current", "10200547328\n"),
        ("cgroup/outer/inner/memory.max", "524288000\n"),
        ("cgroup/outer/inner/memory.current", "104857600\n"),
    ]);
    let outcome = two.look("");
    assert_eq!(outcome.verdict, Verdict::Warning, "{outcome:?}");
    let said = "control group /outer has only 512 MiB of 10 GiB memory (5%) left by its limit, less than 10% (1 GiB)";
    assert_eq!(outcome.summary, said);
}

#[test]
fn no_path_leads_out_of_the_hierarchy() {
    let outside = Forged::new(&[("memory.max", "100\n"), ("memory.current", "1\n"), ("inside/x", "")]);
    assert_eq!(tightest("0::/..\n", &outside.0.path().join("inside"), 5_000), None);
    assert!(tightest("0::/\n", outside.0.path(), 5_000).is_some());
}

#[test]
fn version_1_and_containers_are_understood() {
    let one = Forged::new(&[
        ("memory/memory.limit_in_bytes", "4000\n"),
        ("memory/memory.usage_in_bytes", "3500\n"),
        ("memory/memory.stat", "inactive_file 9\ntotal_inactive_file 400\ntotal_active_file 100\n"),
    ]);
    // The path is that of the host, and what is mounted is the container's own.
    let own = "5:cpu,cpuacct:/docker/1234\n4:memory:/docker/1234\n0::/\n";
    let want = Limit { group: PathBuf::from("/"), bytes: 4_000, available: 1_000 };
    assert_eq!(tightest(own, one.0.path(), 5_000), Some(want));
    let unlimited = Forged::new(&[
        ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ("memory/memory.usage_in_bytes", "3500\n"),
    ]);
    assert_eq!(tightest(own, unlimited.0.path(), 24 * GIB), None);
}

#[test]
fn a_forged_host_is_read_the_same_way() {
    let files = [
        ("proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 100000 kB\n"),
        ("proc/self/cgroup", "0::/x\n"),
        ("cgroup/x/memory.max", "1048576\n"),
        ("cgroup/x/memory.current", "1048576\n"),
        ("proc/7/stat", "7 (evil\n) S 1 2 3 4 -1 5 6 7 8 9 10 11 12 13 20 0 1 0 99 4096000 1000 1\n"),
    ];
    let outcome = Forged::new(&files).look("");
    assert_eq!(outcome.verdict, Verdict::Failed);
    let begin = "only 97 MiB of 8 GiB memory (1.1%) available, less than 5% (409 MiB); control group /x has only 0 B of 1 MiB \
                 memory (0%) left by its limit, less than 5% (51 KiB); the largest: evil\\n ";
    assert!(outcome.summary.starts_with(begin) && outcome.summary.ends_with("(pid 7)"), "{outcome:?}");
    assert!(outcome.detail.starts_with("evil\\n "), "{outcome:?}");
    let without = Forged::new(&files).look("cgroup = false");
    assert!(!without.summary.contains("control group") && without.metrics.len() == 1, "{without:?}");
    let old = Forged::new(&[("proc/meminfo", "MemTotal: 8388608 kB\nMemFree: 100000 kB\n")]).look("");
    assert_eq!(old.verdict, Verdict::Unknown);
    assert!(old.summary.contains("Linux 3.14 and later have"), "{old:?}");
    let none = Forged::new(&[]).look("");
    assert_eq!(none.verdict, Verdict::Unknown);
    assert!(none.cause.is_some() && none.summary.contains("/proc/meminfo: No such file"), "{none:?}");
}

#[test]
fn here_it_says_what_free_says() {
    let Ok(out) = Command::new("free").arg("-b").output() else {
        assert!(std::env::var_os("CI").is_none(), "`free` is missing: install procps");
        eprintln!("SKIPPED: `free` is missing");
        return;
    };
    let text = String::from_utf8(out.stdout).unwrap();
    let line = |name: &str| -> Vec<f64> {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().skip(1).map(|number| number.parse().unwrap()).collect()
    };
    let outcome = here("warning = \"never\"\ncritical = \"never\"\ncgroup = false");
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    let metric = &outcome.metrics[0];
    let (total, available) = (line("Mem:")[0], line("Mem:")[5]);
    assert_eq!(metric.max, Some(total), "{text}");
    // Others on this host take and give meanwhile.
    assert!((metric.value - available).abs() < total / 4.0, "{metric:?} {text}");
    assert_eq!(outcome.metrics.len() == 2, line("Swap:")[0] > 0.0, "{outcome:?} {text}");
    let named = here("warning = \"100%\"\ncritical = \"99.99%\"");
    assert!(named.summary.contains("; the largest: ") && named.detail.contains("(pid "), "{named:?}");
}

/// What this kernel writes of a group is read, whoever may make one: our own, those above, and those at the root.
#[test]
fn a_real_group_is_read_as_the_kernel_writes_it() {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let paths: Vec<&str> = own.lines().filter_map(|line| line.splitn(3, ':').nth(2)).collect();
    let mut seen = 0;
    for (root, files) in [("/sys/fs/cgroup", &cgroup::V2), ("/sys/fs/cgroup/memory", &cgroup::V1)] {
        let root = Path::new(root);
        let above = paths.iter().flat_map(|path| Path::new(path.trim_start_matches('/')).ancestors());
        let mut groups: Vec<PathBuf> = above.map(|group| root.join(group)).collect();
        groups.extend(fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path()));
        for group in groups {
            let (Ok(usage), Ok(stat)) =
                (fs::read_to_string(group.join(files.usage)), fs::read_to_string(group.join("memory.stat")))
            else {
                continue;
            };
            seen += 1;
            for cache in files.caches {
                let is_there = stat.lines().any(|line| line.split(' ').next() == Some(cache));
                assert!(is_there, "{}/memory.stat has no {cache}: {stat}", group.display());
            }
            assert!(usage.trim().parse::<u64>().is_ok(), "{}: {usage}", group.display());
            // A group may be taken away meanwhile, as those of other tests are.
            assert!(cgroup::used(&group, files).is_some() || !group.exists(), "{}", group.display());
        }
    }
    if seen == 0 {
        eprintln!("SKIPPED: this kernel shows no control group with memory here");
    }
}

/// Makes a real group with a limit of 64 MiB, if this host lets us.
fn group(name: &str) -> Option<PathBuf> {
    let hierarchies =
        [(Path::new("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"), (Path::new("/sys/fs/cgroup"), "memory.max")];
    for (root, limit) in hierarchies {
        let group = root.join(name);
        if !root.join("cgroup.procs").exists() || fs::create_dir(&group).is_err() {
            continue;
        }
        if fs::write(group.join(limit), (64 * MIB).to_string()).is_ok() {
            return Some(group);
        }
        fs::remove_dir(&group).unwrap();
    }
    None
}

#[test]
fn a_real_limit_is_met() {
    if let Some(name) = std::env::var_os("CHECKER_MEMORY_INSIDE") {
        let keys = |warning: &str| format!("warning = \"{warning}\"\ncritical = \"1%\"");
        let before = here(&keys("30%"));
        assert_eq!(before.verdict, Verdict::Ok, "{before:?}");
        assert!(before.summary.contains(&format!("control group /{} has ", name.display())), "{before:?}");
        let held = vec![1_u8; 48 << 20];
        let after = here(&keys("30%"));
        assert_eq!(after.verdict, Verdict::Warning, "{after:?} {}", held.len());
        assert!(after.summary.contains(" of 64 MiB memory ("), "{after:?}");
        return;
    }
    let name = format!("checker-memory-{}", std::process::id());
    let Some(group) = group(&name) else {
        // Most containers may not. What the kernel writes is read above all the same.
        eprintln!("SKIPPED: no control group can be made here, so no real limit is met");
        return;
    };
    let done = Command::new("sh")
        .args(["-c", "echo $$ >\"$0/cgroup.procs\" && exec \"$@\""])
        .arg(&group)
        .arg(std::env::current_exe().unwrap())
        .args(["tests::a_real_limit_is_met", "--exact"])
        .env("CHECKER_MEMORY_INSIDE", &name)
        .output()
        .unwrap();
    // The kernel lets it go a moment after its last process has ended.
    let gone = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        fs::remove_dir(&group).is_ok()
    });
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
    assert!(gone, "{} is left behind", group.display());
}

#[test]
fn each_wrong_key_is_said_with_its_remedy() {
    for (text, key, why) in [
        ("warning = \"ten\"", "warning", "or a share, as in \"10%\"; or \"never\""),
        ("critical = \"20%\"", "critical", "less than warning (which is \"10%\" and \"1GiB\", by default)"),
        ("warning = \"100MiB\"", "warning", "more than critical (which is \"5%\" and \"512MiB\", by default)"),
        ("warning = []", "warning", "the list is empty"),
        ("critical = \"0B\"", "critical", "nothing is ever less than that"),
        ("swap_critical = \"100%\"", "swap_critical", "nothing is ever more than 100%"),
        ("swap_warning = \"0%\"", "swap_warning", "is no share"),
        ("swap_warning = \"90%\"\nswap_critical = \"80%\"", "swap_critical", "more than swap_warning"),
    ] {
        let found = Spawner::spawn(vec![table::<Spawner>(text)]).err().unwrap_or_else(|| panic!("accepted: {text}"));
        let is_it = found.len() == 1 && found[0].key.as_deref() == Some(key) && found[0].message.contains(why);
        assert!(is_it, "{text}: {found:?}");
    }
    let all =
        Spawner::spawn(vec![table::<Spawner>("warning = \"x\"\ncritical = \"y\"\nswap_critical = \"z\"")]).unwrap_err();
    let keys: Vec<_> = all.iter().map(|e| e.key.as_deref().unwrap()).collect();
    assert_eq!(keys, ["warning", "critical", "swap_critical"]);
}
