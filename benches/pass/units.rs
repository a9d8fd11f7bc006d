//! A thousand jobs of the kind `systemd`. A manager of units wants to be alone: this program is started again in namespaces of
//! its own, and starts `systemd --user` there.

use super::cases::Cases;
use super::kinds::Kind;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SYSTEMD: &str = "/lib/systemd/systemd";
/// Says to this program that it is inside already.
const INSIDE: &str = "CHECKER_BENCH_INSIDE";
/// Process 1 of the namespace. systemd looks whether the host was booted with it, and wants a control group that it may divide.
const FIRST: &str = "mount -t tmpfs none /run && mkdir -p /run/systemd/system && mount -t proc proc /proc && \
    mount -t cgroup2 none /sys/fs/cgroup && mkdir -p /sys/fs/cgroup/$GROUP && echo 0 >/sys/fs/cgroup/$GROUP/cgroup.procs && \
    { \"$0\" \"$@\"; exit $?; }";

impl Cases {
    /// The kind `systemd`, where this host lets us have namespaces.
    pub fn systemd(&mut self) {
        if std::env::var_os(INSIDE).is_some() {
            return self.inside();
        }
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "--cgroup", "/bin/sh", "-c", FIRST]);
        command.arg(std::env::current_exe().expect("this program"));
        command.args(["--bench", "--check", "--only", "systemd", "--runs", &self.runs().to_string()]);
        command.env(INSIDE, "1").env("GROUP", format!("checker-bench-{}", std::process::id())).stdin(Stdio::null());
        match command.status() {
            Ok(status) if status.success() => {}
            ended => {
                self.book.lacking(&format!("1,000 jobs of the kind systemd, in namespaces of their own: {ended:?}"));
            }
        }
    }

    fn inside(&mut self) {
        let folder = tempfile::tempdir().expect("a folder");
        let _manager = Manager::start(folder.path());
        let run = folder.path().join("run").display().to_string();
        let keys = move |_| {
            format!("unit = \"basic.target\"\nmust_be_enabled = false\nuser = true\nruntime_directory = \"{run}\"")
        };
        self.kind(&Kind::new("systemd", keys, ""), None);
    }
}

struct Manager(Child);

impl Drop for Manager {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Manager {
    fn start(folder: &Path) -> Self {
        let (run, units) = (folder.join("run"), folder.join("units"));
        fs::create_dir(&run).expect("a folder");
        fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).expect("its mode");
        fs::create_dir(&units).expect("a folder");
        for name in ["basic", "default", "exit", "shutdown", "sockets", "paths", "timers"] {
            let target = format!("{name}.target");
            symlink(format!("/usr/lib/systemd/user/{target}"), units.join(target)).expect("a link");
        }
        let mut command = Command::new(SYSTEMD);
        command.arg("--user").env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", folder);
        command.env("XDG_RUNTIME_DIR", &run).env("SYSTEMD_UNIT_PATH", &units).env("XDG_CONFIG_HOME", folder);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let manager = Self(child.expect("systemd --user starts"));
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let mut show = Command::new("systemctl");
            show.args(["--user", "is-active", "default.target"]).env("XDG_RUNTIME_DIR", &run);
            if show.output().is_ok_and(|out| out.status.success()) {
                return manager;
            }
            assert!(Instant::now() < end, "systemd --user has not begun within 20 s");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
