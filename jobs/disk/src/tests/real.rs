//! Real file systems, each test in a mount namespace of its own that ends with it.

use super::*;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

/// Starts the test named `name` again in a namespace where it may mount. There, it is a folder to mount things in, which end
/// with the namespace.
fn inside(name: &str) -> Option<PathBuf> {
    inside_of("real", name)
}

/// The same for a test of another module.
pub(super) fn inside_of(module: &str, name: &str) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("CHECKER_DISK_INSIDE") {
        let folder = PathBuf::from(folder);
        tmpfs(&folder, "size=64m");
        return Some(folder);
    }
    let unshare = |options: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(options).arg("--");
        command
    };
    // Who is not root is root in a namespace of users, where the kernel allows it.
    let Some(options) = [["-m"].as_slice(), &["-r", "-m"]]
        .into_iter()
        .find(|options| unshare(options).arg("true").output().is_ok_and(|done| done.status.success()))
    else {
        assert!(std::env::var_os("CI").is_none(), "no mount namespace can be had here");
        eprintln!("SKIPPED: no mount namespace can be had here");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let done = unshare(options)
        .arg(std::env::current_exe().unwrap())
        .args([&format!("tests::{module}::{name}"), "--exact", "--nocapture"])
        .env("CHECKER_DISK_INSIDE", folder.path())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
    if let Some(skipped) = said.lines().find(|line| line.starts_with("SKIPPED")) {
        eprintln!("{skipped}");
    }
    None
}

fn tried(program: &str, args: &[&str]) -> bool {
    Command::new(program).args(args).output().is_ok_and(|done| done.status.success())
}

#[track_caller]
pub(super) fn must(program: &str, args: &[&str]) {
    assert!(tried(program, args), "{program} {args:?}");
}

pub(super) fn tmpfs(at: &Path, options: &str) {
    fs::create_dir_all(at).unwrap();
    must("mount", &["-t", "tmpfs", "-o", options, "tmpfs", at.to_str().unwrap()]);
}

/// A real ext4, or `None` where there are no loop devices, as in most containers. What tests say of it stands in tests of its
/// own, so that it is seen which were left out; what they guarantee is tried on what every kernel has, too.
fn ext4(image: &Path, at: &Path, options: &str) -> Option<()> {
    File::create(image).unwrap().set_len(16 << 20).unwrap();
    if !tried("mkfs.ext4", &["-V"]) {
        assert!(std::env::var_os("CI").is_none(), "`mkfs.ext4` is missing: install e2fsprogs");
        eprintln!("SKIPPED: `mkfs.ext4` is missing");
        return None;
    }
    must("mkfs.ext4", &["-q", "-F", "-m", "10", "-N", "64", image.to_str().unwrap()]);
    fs::create_dir_all(at).unwrap();
    if tried("mount", &["-o", options, image.to_str().unwrap(), at.to_str().unwrap()]) {
        return Some(());
    }
    eprintln!("SKIPPED: no loop device can be had here, so this is not tried on ext4");
    None
}

/// The numbers of `df` for a path: available, size, inodes, free inodes; 0 for `-`, as where inodes are made as needed.
fn df(path: &Path) -> [u64; 4] {
    let out = Command::new("df").args(["-B1", "--output=avail,size,itotal,iavail"]).arg(path).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let numbers: Vec<u64> = text.lines().nth(1).unwrap().split_whitespace().map(|n| n.parse().unwrap_or(0)).collect();
    numbers.try_into().unwrap()
}

#[expect(clippy::cast_precision_loss, reason = "as metrics have it")]
fn size(bytes: u64) -> f64 {
    bytes as f64
}

fn measured(outcome: &Outcome) -> [u64; 4] {
    let [free, inodes] = outcome.metrics.as_slice() else { panic!("{outcome:?}") };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes that were whole numbers")]
    [free.value, free.max.unwrap(), inodes.max.unwrap(), inodes.value].map(|number| number as u64)
}

#[test]
fn a_file_system_that_fills_up_warns_and_fails_where_df_says_so() {
    let Some(above) = inside("a_file_system_that_fills_up_warns_and_fails_where_df_says_so") else { return };
    let at = above.join("full");
    tmpfs(&at, "size=8m");
    let mut file = File::create(at.join("file")).unwrap();
    let mut add = |mebibytes: usize| file.write_all(&vec![1; mebibytes << 20]).unwrap();
    let limits = "warning = \"30%\"\ncritical = [\"15%\", \"20GiB\"]";
    add(5);
    let outcome = run_at(&at, limits);
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    assert_eq!(
        outcome.summary,
        format!("{}: 3 MiB of 8 MiB free (37%), 99% of its inodes; tmpfs on tmpfs", at.display())
    );
    assert_eq!(measured(&outcome), df(&at));
    assert_eq!(outcome.metrics[0].critical.as_deref(), Some("1258291:"));
    add(1);
    let outcome = run_at(&at, limits);
    assert_eq!(outcome.verdict, Verdict::Warning);
    let said = format!("{}: only 2 MiB of 8 MiB free (25%), less than 30% (2.3 MiB)", at.display());
    assert_eq!((outcome.summary, outcome.metrics.len()), (said, 2));
    add(1);
    let outcome = run_at(&at.join("file"), limits);
    assert_eq!(outcome.verdict, Verdict::Failed);
    assert!(outcome.summary.ends_with("only 1 MiB of 8 MiB free (12%), less than 15% (1.1 MiB)"), "{outcome:?}");
    assert_eq!(run_at(&at, "warning = \"1MiB\"\ncritical = \"500KiB\"").verdict, Verdict::Ok);
    assert_eq!(run_at(&at, "warning = \"never\"\ncritical = \"never\"").verdict, Verdict::Ok);
    add(1);
    let outcome = run_at(&at, "");
    assert!(outcome.summary.contains("only 0 B of 8 MiB free (0%), less than 5%"), "{outcome:?}");
}

#[test]
fn a_file_system_without_inodes_is_full_however_much_space_it_has() {
    let Some(above) = inside("a_file_system_without_inodes_is_full_however_much_space_it_has") else { return };
    let at = above.join("inodes");
    tmpfs(&at, "size=8m,nr_inodes=100");
    let fill = |from: usize, to: usize| (from..to).all(|number| File::create(at.join(number.to_string())).is_ok());
    let limits = "warning = \"never\"\ncritical = \"never\"";
    assert!(fill(0, 60));
    assert_eq!(run_at(&at, limits).verdict, Verdict::Ok);
    assert!(fill(60, 92));
    let outcome = run_at(&at, limits);
    assert_eq!(outcome.verdict, Verdict::Warning, "{outcome:?}");
    assert!(
        outcome.summary.contains("few inodes are free (7 of 100, 7%, less than 10%), so soon no file"),
        "{outcome:?}"
    );
    assert!(!fill(92, 200), "the inodes are at their end");
    let outcome = run_at(&at, limits);
    assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
    assert!(outcome.summary.contains("no inodes are free (0 of 100, 0%, less than 5%)"), "{outcome:?}");
    assert_eq!(measured(&outcome), df(&at));
    let unjudged = format!("{limits}\ninodes_warning = \"never\"\ninodes_critical = \"never\"");
    assert_eq!(run_at(&at, &unjudged).verdict, Verdict::Ok);
}

#[test]
fn a_disk_that_is_not_mounted_is_a_mere_folder() {
    let Some(above) = inside("a_disk_that_is_not_mounted_is_a_mere_folder") else { return };
    let at = above.join("back\nup disk");
    fs::create_dir(&at).unwrap();
    let keys = "mounted = true\nwarning = \"never\"\ncritical = \"never\"";
    let shown = at.display().to_string().replace('\n', "\\n");
    let is_missing = || {
        let outcome = run_at(&at, keys);
        assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
        let end = format!("it is a mere folder of {}, which fills with what is written there", above.display());
        assert_eq!(outcome.summary, format!("{shown}: nothing is mounted there; {end}"));
    };
    is_missing();
    tmpfs(&at, "size=1m");
    let outcome = run_at(&at, keys);
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    assert!(outcome.summary.starts_with(&format!("{shown}: 1 MiB of 1 MiB free (100%)")), "{outcome:?}");
    // By another name it is the same; a folder in it is none.
    let link = above.join("link");
    std::os::unix::fs::symlink(&at, &link).unwrap();
    assert_eq!(run_at(&link, keys).verdict, Verdict::Ok);
    fs::create_dir(at.join("in")).unwrap();
    assert_eq!(run_at(&at.join("in"), keys).verdict, Verdict::Failed);
    must("umount", &[at.to_str().unwrap()]);
    is_missing();
    let gone = run_at(&above.join("gone"), keys);
    assert_eq!(
        (gone.verdict, gone.summary),
        (Verdict::Failed, format!("{}: is not there", above.join("gone").display()))
    );
    // What hides a mount takes its place.
    tmpfs(&at, "size=1m");
    must("mount", &["--bind", "/usr", above.to_str().unwrap()]);
    assert_eq!(run_at(&at, keys).summary, format!("{shown}: is not there"));
    assert_eq!(run_at(&above, keys).verdict, Verdict::Ok, "a folder that is mounted elsewhere too");
}

#[test]
fn read_only_is_a_fault_where_it_should_be_writable() {
    let Some(above) = inside("read_only_is_a_fault_where_it_should_be_writable") else { return };
    let at = above.join("ro");
    tmpfs(&at, "size=1m");
    let verdict = |keys: &str| run_at(&at, keys).verdict;
    assert_eq!((verdict("writable = true"), verdict("")), (Verdict::Ok, Verdict::Ok));
    let again = |options: &str| must("mount", &["-o", options, "tmpfs", at.to_str().unwrap()]);
    again("remount,ro");
    assert!(File::create(at.join("file")).is_err());
    let outcome = run_at(&at, "writable = true");
    assert_eq!(outcome.verdict, Verdict::Failed);
    let said = format!("{}: it is mounted read-only; nothing can be written", at.display());
    assert_eq!(outcome.summary, said);
    assert_eq!((verdict(""), verdict("writable = false")), (Verdict::Ok, Verdict::Ok), "somebody wanted it so");
    again("remount,rw");
    assert_eq!(verdict("writable = true"), Verdict::Ok);
    again("remount,bind,ro");
    assert_eq!((verdict("writable = true"), verdict("")), (Verdict::Failed, Verdict::Ok));
}

/// What an error of a disk leaves: a mount that may be written to, of a file system that may not. Here it is made by mounting
/// one of two mounts of it again, which changes what is below the other.
#[test]
fn a_file_system_that_became_read_only_below_its_mount_fails() {
    let Some(above) = inside("a_file_system_that_became_read_only_below_its_mount_fails") else { return };
    let (at, other) = (above.join("data"), above.join("other"));
    tmpfs(&at, "size=1m");
    fs::create_dir(&other).unwrap();
    must("mount", &["--bind", at.to_str().unwrap(), other.to_str().unwrap()]);
    let plain = "warning = \"never\"\ncritical = \"never\"";
    assert_eq!(run_at(&at, plain).verdict, Verdict::Ok);
    must("mount", &["-o", "remount,ro", "tmpfs", other.to_str().unwrap()]);
    assert!(File::create(at.join("file")).is_err());
    let outcome = run_at(&at, plain);
    assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?} {}", fs::read_to_string("/proc/self/mountinfo").unwrap());
    assert!(outcome.summary.contains("the kernel has made it read-only, as after an error of the disk"), "{outcome:?}");
    assert_eq!(run_at(&at, &format!("{plain}\nwritable = false")).verdict, Verdict::Ok);
}

#[test]
fn the_root_of_this_host_is_measured_as_df_does() {
    let root = Path::new("/");
    let keys = "warning = \"never\"\ncritical = \"never\"\ninodes_warning = \"never\"\ninodes_critical = \"never\"\n\
                writable = false";
    // Others write to it meanwhile, so a moment is needed in which it stays the same.
    let (told, outcome) = (0..500)
        .find_map(|_| {
            let (before, outcome) = (df(root), run_at(root, keys));
            (before == df(root)).then_some((before, outcome))
        })
        .expect("a moment in which nobody writes");
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    let measured: Vec<(f64, Option<f64>)> = outcome.metrics.iter().map(|metric| (metric.value, metric.max)).collect();
    let [available, all, inodes, inodes_free] = told.map(size);
    let mut want = vec![(available, Some(all))];
    want.extend((inodes > 0.0).then_some((inodes_free, Some(inodes))));
    assert_eq!(measured, want, "{outcome:?}");
}

#[test]
fn all_are_those_that_the_kernel_lists_and_what_is_mounted_twice_counts_once() {
    let Some(above) = inside("all_are_those_that_the_kernel_lists_and_what_is_mounted_twice_counts_once") else {
        return;
    };
    let keys = "warning = \"never\"\ncritical = \"never\"\ninodes_warning = \"never\"\ninodes_critical = \"never\"\n\
                writable = false";
    let all = |more: &str| run(&format!("all = true\n{keys}\n{more}"));
    let named = |outcome: &Outcome| -> Vec<String> {
        outcome.detail.lines().filter_map(|line| Some(line.split_once(": ")?.0.to_owned())).collect()
    };
    let before = named(&all(""));
    let Some(first) = before.first() else {
        // A root that is on a network, or is no disk at all: then that is what is said.
        assert!(all("").summary.contains("no local file system"), "{:?}", all(""));
        return;
    };
    let again = above.join("again");
    fs::create_dir(&again).unwrap();
    fs::write(above.join("again file"), "").unwrap();
    let onto = if Path::new(first).is_dir() { again } else { above.join("again file") };
    // With all that is mounted on it: who is not root may not uncover what lies below.
    must("mount", &["--rbind", first, onto.to_str().unwrap()]);
    assert_eq!(named(&all("")), before, "{first} is mounted twice now");
    let except = named(&all(&format!("except = {first:?}")));
    assert!(!except.contains(first) && except.len() + 1 == before.len(), "{except:?} {before:?}");
}

#[test]
fn on_ext4_an_error_of_the_disk_is_seen_and_reserved_blocks_do_not_count() {
    let Some(above) = inside("on_ext4_an_error_of_the_disk_is_seen_and_reserved_blocks_do_not_count") else { return };
    let at = above.join("disk");
    let Some(()) = ext4(&above.join("image"), &at, "loop,errors=remount-ro") else { return };
    let plain = "warning = \"never\"\ncritical = \"never\"\ninodes_warning = \"never\"\ninodes_critical = \"never\"";
    let outcome = run_at(&at, plain);
    assert_eq!((outcome.verdict, measured(&outcome)), (Verdict::Ok, df(&at)), "{outcome:?}");
    // A tenth is for root alone: without it, it is full when users are at their end.
    let used = df(&at);
    let filling = usize::try_from(used[0]).unwrap() - (64 << 10);
    fs::write(at.join("file"), vec![1; filling]).unwrap();
    let outcome = run_at(&at, "warning = \"5%\"\ncritical = \"3%\"\ninodes_warning = \"2%\"\ninodes_critical = \"1%\"");
    assert_eq!((outcome.verdict, measured(&outcome)), (Verdict::Failed, df(&at)), "{outcome:?}");
    assert_eq!(run_at(&at, plain).verdict, Verdict::Ok);
    let device = Command::new("findmnt").args(["-no", "SOURCE"]).arg(&at).output().unwrap();
    let device = String::from_utf8(device.stdout).unwrap();
    let trigger = format!("/sys/fs/ext4/{}/trigger_fs_error", device.trim().trim_start_matches("/dev/"));
    if fs::write(&trigger, "an error of the test").is_err() {
        eprintln!("SKIPPED: this kernel has no {trigger}");
        return;
    }
    let outcome = run_at(&at, plain);
    assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?} {}", fs::read_to_string("/proc/self/mountinfo").unwrap());
    assert!(outcome.summary.contains("the kernel has made it read-only, as after an error of the disk"), "{outcome:?}");
    assert_eq!(run_at(&at, &format!("{plain}\nwritable = false")).verdict, Verdict::Ok);
}

#[test]
fn on_ext4_a_disk_that_is_mounted_is_one_of_all_and_counts_once() {
    let Some(above) = inside("on_ext4_a_disk_that_is_mounted_is_one_of_all_and_counts_once") else { return };
    let named = |outcome: &Outcome, at: &Path| {
        let prefix = format!("{}: ", at.display());
        outcome.detail.lines().filter(|line| line.starts_with(&prefix)).count()
    };
    let limits = "warning = \"never\"\ncritical = \"never\"\ninodes_warning = \"never\"\ninodes_critical = \"never\"";
    let all = || run(&format!("all = true\n{limits}\nwritable = false"));
    let before = all().detail.lines().count();
    assert_eq!(named(&all(), &above), 0, "a tmpfs is no disk");
    let (at, again) = (above.join("a disk"), above.join("the same disk again"));
    let Some(()) = ext4(&above.join("image"), &at, "loop") else { return };
    fs::create_dir(&again).unwrap();
    must("mount", &["--bind", at.to_str().unwrap(), again.to_str().unwrap()]);
    let outcome = all();
    assert_eq!((named(&outcome, &at), named(&outcome, &again)), (1, 0), "{outcome:?}");
    assert_eq!(outcome.detail.lines().count(), before + 1, "{outcome:?}");
    let label = format!("free {}", at.display());
    assert!(outcome.metrics.iter().any(|metric| metric.label == label), "{outcome:?}");
    let keys = "warning = \"100%\"\ncritical = \"99%\"\nwritable = false";
    let full = run(&format!("all = true\n{keys}"));
    assert!(full.verdict == Verdict::Failed && full.summary.contains("a disk: only "), "{full:?}");
    let except = run(&format!("all = true\nexcept = [{:?}]\n{limits}\nwritable = false", at.to_str().unwrap()));
    assert_eq!((except.verdict, named(&except, &at)), (Verdict::Ok, 0), "{except:?}");
}

#[test]
fn what_has_no_size_and_what_is_hidden_is_unknown() {
    let proc = run("path = \"/proc\"");
    assert_eq!(proc.verdict, Verdict::Unknown);
    assert!(proc.summary.starts_with("/proc: that file system has no size"), "{proc:?}");
    assert!(proc.cause.is_some());
}
