//! `systemd --user` in namespaces of its own, with the units of one test alone. All of it ends with the test.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SYSTEMD: &str = "/lib/systemd/systemd";
/// What every user manager needs of systemd's own units.
const TARGETS: [&str; 7] = [
    "basic.target",
    "default.target",
    "exit.target",
    "shutdown.target",
    "sockets.target",
    "paths.target",
    "timers.target",
];
/// The folder of the units, below that of the settings.
const UNITS: &str = "systemd/user";
/// Says to this program that it is inside already.
const INSIDE: &str = "CHECKER_TEST_INSIDE";
/// What the inner run says if it has no systemd.
const NONE: &str = "NO SYSTEMD HERE";
/// Process 1 of the namespace: as it ends, so do all others. systemd looks whether the host was booted with it; and it wants
/// a control group that it may divide.
const FIRST: &str = "mount -t tmpfs none /run && mkdir -p /run/systemd/system && mount -t proc proc /proc && \
    mount -t cgroup2 none /sys/fs/cgroup && mkdir /sys/fs/cgroup/$GROUP && echo 0 >/sys/fs/cgroup/$GROUP/cgroup.procs && \
    { \"$0\" \"$@\"; exit $?; }";

/// Runs `body`, which is all of the test `name`, in namespaces: this program is started again there. systemctl must be there
/// too, since systemd refuses callers whose process it cannot see. Where systemd is missing, it says SKIPPED, or in CI fails. A
/// container may also lack the right to make namespaces and control groups: what systemd has said on a machine that gives
/// them is judged everywhere, by `recorded`.
pub(super) fn inside(name: &str, units: &[(&str, &str)], body: impl FnOnce(Manager)) {
    if std::env::var_os(INSIDE).is_some() {
        return match Manager::start(units) {
            Ok(manager) => body(manager),
            Err(said) => println!("{NONE}: {said}"),
        };
    }
    if !Path::new(SYSTEMD).exists() {
        assert!(std::env::var_os("CI").is_none(), "{SYSTEMD} is missing; run tests/install");
        eprintln!("SKIPPED: {SYSTEMD} is missing; run tests/install");
        return;
    }
    let group = format!("checker-test-{}-{}", std::process::id(), name.rsplit(':').next().unwrap());
    let (may, said) = in_namespaces(&group, "/bin/true".as_ref(), &[]);
    if !may {
        eprintln!(
            "only `recorded` judges here, since this machine gives no namespaces or control groups (root?): {said}"
        );
        return;
    }
    let (passed, text) = in_namespaces(&group, &std::env::current_exe().unwrap(), &[name, "--exact", "--nocapture"]);
    assert!(passed && text.contains("1 passed") && !text.contains(NONE), "{text}");
}

/// Runs a program in namespaces of its own: whether it ended well, and what it said.
fn in_namespaces(group: &str, program: &Path, words: &[&str]) -> (bool, String) {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "--cgroup", "/bin/sh", "-c", FIRST]).arg(program);
    command.args(words).env(INSIDE, "1").env("GROUP", group).stdin(Stdio::null());
    let output = command.output().expect("unshare (util-linux) starts");
    remove_group(group);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

/// Takes away the control groups, once their last process has ended.
fn remove_group(group: &str) {
    let at = tempfile::tempdir().unwrap();
    let script = "mount -t cgroup2 none \"$0\" && cd \"$0\" && for try in 1 2 3 4 5 6 7 8 9; do \
                  test -d $1 || exit 0; find $1 -depth -type d -exec rmdir {} + 2>/dev/null && exit 0; sleep 0.1; done";
    let mut command = Command::new("unshare");
    command.args(["--mount", "/bin/sh", "-c", script]).arg(at.path()).arg(group).stderr(Stdio::null());
    drop(command.status());
}

pub(super) struct Manager {
    folder: tempfile::TempDir,
    child: Child,
}

impl Drop for Manager {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Manager {
    /// Starts one that knows these units (name and text).
    fn start(units: &[(&str, &str)]) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let (run, files) = (folder.path().join("run"), folder.path().join(UNITS));
        fs::create_dir(&run).unwrap();
        fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).unwrap();
        fs::create_dir_all(&files).unwrap();
        for target in TARGETS {
            symlink(format!("/usr/lib/systemd/user/{target}"), files.join(target)).unwrap();
        }
        for (name, text) in units {
            fs::write(files.join(name), text).unwrap();
        }
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(SYSTEMD);
        command.arg("--user").env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", folder.path());
        command.env("XDG_RUNTIME_DIR", &run).env("SYSTEMD_UNIT_PATH", &files);
        // Where units are enabled.
        command.env("XDG_CONFIG_HOME", folder.path());
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        let mut manager = Self { folder, child: child.map_err(|e| format!("{SYSTEMD}: {e}"))? };
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end && manager.child.try_wait().unwrap().is_none() {
            if manager.systemctl(&["show", "--property=ActiveState", "default.target"]).contains("=active") {
                return Ok(manager);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(fs::read_to_string(manager.folder.path().join("log")).unwrap_or_default())
    }

    pub(super) fn unit_file(&self, name: &str) -> PathBuf {
        self.folder.path().join(UNITS).join(name)
    }

    fn runtime_directory(&self) -> PathBuf {
        Path::new(self.folder.path()).join("run")
    }

    /// The keys of a table that ask this one.
    pub(super) fn keys(&self) -> String {
        format!("user = true\nruntime_directory = {:?}\n", self.runtime_directory())
    }

    pub(super) fn systemctl(&self, words: &[&str]) -> String {
        let mut command = Command::new("systemctl");
        command.args(["--user", "--no-pager"]).args(words).env("XDG_RUNTIME_DIR", self.runtime_directory());
        let output = command.env("LC_ALL", "C").stdin(Stdio::null()).output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }

    /// Starts units without waiting for them.
    pub(super) fn begin(&self, units: &[&str]) {
        self.systemctl(&[&["start", "--no-block"], units].concat());
    }

    pub(super) fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }
}
