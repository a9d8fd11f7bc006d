//! What a job would call healthy, of real file systems.

use super::real::{inside_of, must, tmpfs};
use super::*;
use std::fs;

const NO_LIMITS: &str =
    "warning = \"never\"\ncritical = \"never\"\ninodes_warning = \"never\"\ninodes_critical = \"never\"\n";

fn vacuity(text: &str) -> Vacuity {
    let job = job(text);
    let vacuity = at_once(job.vacuity(&context())).unwrap();
    assert_eq!(vacuity.outcome.verdict, at_once(job.execute(&context())).verdict, "{text}");
    vacuity
}

/// What was made of it, and of that what is called healthy.
#[track_caller]
fn flagged(text: &str, all: &[&str], missed: &[&str]) {
    let Vacuity { outcome, mutations, .. } = vacuity(text);
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    let of = |missed: bool| mutations.iter().filter(|m| !missed || !m.is_noticed()).map(|m| m.name).collect::<Vec<_>>();
    assert_eq!([of(false).as_slice(), &of(true)], [all, missed], "{text}");
}

#[test]
fn a_disk_at_a_path_is_full_read_only_or_not_mounted() {
    let Some(above) = inside_of("vacuity", "a_disk_at_a_path_is_full_read_only_or_not_mounted") else { return };
    let at = above.join("data");
    tmpfs(&at, "size=8m,nr_inodes=100");
    let keys = |rest: &str| format!("path = {:?}\n{rest}", at.to_str().unwrap());
    let all = ["gone", "not_mounted", "full", "no_inodes", "read_only", "mounted_read_only"];
    flagged(&keys(""), &all, &["not_mounted", "mounted_read_only"]);
    flagged(&keys("mounted = true\nwritable = true"), &all, &[]);
    flagged(&keys(NO_LIMITS), &all, &["not_mounted", "full", "no_inodes", "mounted_read_only"]);
    let all = ["gone", "not_mounted", "full", "no_inodes", "read_only"];
    flagged(&keys("mounted = true\nwritable = false"), &all, &["read_only"]);
    // A folder of it is no mount, and what makes inodes as needed has none.
    fs::create_dir(at.join("in")).unwrap();
    let folder = keys("writable = true").replace("/data", "/data/in");
    flagged(&folder, &["gone", "full", "no_inodes", "read_only", "mounted_read_only"], &[]);
    must("mount", &["-o", "remount,nr_inodes=0", "tmpfs", at.to_str().unwrap()]);
    flagged(&folder, &["gone", "full", "read_only", "mounted_read_only"], &[]);
    // What is read-only now, and well, cannot become so.
    must("mount", &["-o", "remount,ro", "tmpfs", at.to_str().unwrap()]);
    flagged(&keys("mounted = true"), &["gone", "not_mounted", "full"], &[]);
}

#[test]
fn with_all_one_of_them_is_made_wrong() {
    let Some(_) = inside_of("vacuity", "with_all_one_of_them_is_made_wrong") else { return };
    let blind = vacuity(&format!("all = true\nwritable = false\n{NO_LIMITS}"));
    if blind.outcome.verdict != Verdict::Ok {
        assert!(blind.outcome.summary.contains("no local file system"), "{:?}", blind.outcome);
        assert_eq!(blind.mutations, []);
        return;
    }
    assert!(!blind.mutations.is_empty() && blind.mutations.iter().all(|mutation| !mutation.is_noticed()), "{blind:?}");
    let first = blind.outcome.detail.lines().next().unwrap().split_once(": ").unwrap().0.to_owned();
    assert_eq!(blind.mutations[0].what, format!("no free space on {first}"));
    // Whatever else is wrong with this host: limits that it keeps.
    let low = "warning = \"0.02%\"\ncritical = \"0.01%\"\ninodes_warning = \"0.02%\"\ninodes_critical = \"0.01%\"";
    let sharp = vacuity(&format!("all = true\n{low}"));
    assert_eq!(sharp.outcome.verdict, Verdict::Ok, "{sharp:?}");
    let missed: Vec<&str> = sharp.mutations.iter().filter(|m| !m.is_noticed()).map(|m| m.name).collect();
    assert!(missed.iter().all(|name| *name == "mounted_read_only"), "{missed:?}");
}

#[test]
fn where_nothing_is_healthy_nothing_is_made_wrong() {
    for text in ["path = \"/no/such\"", "path = \"/proc\"", "path = \"/\"\nwarning = \"100%\"\ncritical = \"99.99%\""] {
        let vacuity = vacuity(text);
        assert_ne!(vacuity.outcome.verdict, Verdict::Ok, "{text}");
        assert_eq!(vacuity.mutations, [], "{text}");
    }
}
