//! One machine: a network, a file system, processes and a Debian cron of its own, in namespaces. Killing its first process
//! is pulling its plug.

use crate::support::cron::{INSIDE, prepare, write_table};
use crate::support::network::wrapped;
use crate::support::process::Daemon;
use crate::support::{binary, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Cron's clock runs so many times as fast: its minute is four seconds.
const SPEED: u32 = 15;

pub(super) struct Machine {
    /// What its cron needs.
    folder: PathBuf,
    _init: Daemon,
    /// Its first process, as the world counts it.
    first: Pid,
    cron: Option<Child>,
}

impl Machine {
    /// Boots one whose cron has this table; `resolver` is its `/etc/resolv.conf`. Cron is not started yet.
    pub(super) fn boot(folder: &Path, resolver: &Path, table: &str) -> Self {
        std::fs::create_dir_all(folder).expect("a folder");
        prepare(folder, table);
        // What a machine keeps in /run is gone when it boots.
        for entry in std::fs::read_dir(folder.join("run")).expect("a folder").flatten() {
            std::fs::remove_file(entry.path()).ok();
        }
        let mut command = Command::new("/usr/bin/unshare");
        command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "/bin/sh", "-c", INSIDE]);
        command.arg("sh").arg(folder);
        command.args(["/bin/sh", "-c", "mount --bind \"$1\" /etc/resolv.conf && exec sleep 7200", "sh"]).arg(resolver);
        command.current_dir(folder);
        let init = Daemon::start(&mut command, Signal::SIGKILL);
        let up = || {
            let first = init.inmost();
            let name = std::fs::read_to_string(format!("/proc/{first}/comm")).unwrap_or_default();
            (name == "sleep\n").then_some(first)
        };
        let first = wait_until(Duration::from_secs(20), up).expect("the machine boots");
        Self { folder: folder.to_owned(), _init: init, first, cron: None }
    }

    /// Its first process, as the world counts it.
    pub(super) fn first(&self) -> Pid {
        self.first
    }

    /// `command` in there.
    pub(super) fn wrap(&self, command: &Command) -> Command {
        let first = self.first.to_string();
        wrapped(command, &["/usr/bin/nsenter", "--target", &first, "--mount", "--net", "--pid", "--"])
    }

    fn inside(&self) -> Command {
        let mut command = Command::new("/usr/bin/nsenter");
        command.args(["--target", &self.first.to_string(), "--mount", "--net", "--pid", "--"]);
        command.current_dir("/").stdin(Stdio::null());
        command
    }

    /// Runs a line of shell in there, which must end well; the answer is what it wrote.
    #[track_caller]
    pub(super) fn sh(&self, line: &str) -> String {
        let (ended, out) = self.tries(line);
        assert!(ended, "{line}: {out}");
        out
    }

    /// The same where it may fail: whether it ended well, and what it wrote.
    pub(super) fn tries(&self, line: &str) -> (bool, String) {
        let done = binary::done(&self.inside().args(["/bin/sh", "-c", line]).output().expect("a shell"));
        (done.code == 0, format!("{}{}", done.out, done.err))
    }

    /// Runs a line of shell in there that leaves something behind, which holds nothing of ours.
    pub(super) fn leave(&self, line: &str) {
        self.sh(&format!("({line}) </dev/null >/dev/null 2>&1 &"));
    }

    /// Starts a line of shell in there and does not wait for it.
    pub(super) fn start(&self, line: &str) -> Child {
        let mut command = self.inside();
        command.args(["/bin/sh", "-c", line]).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("a shell")
    }

    /// Debian's cron, which starts what is to run at boot, and passes.
    pub(super) fn start_cron(&mut self) {
        let mut command = self.inside();
        command.arg("/usr/bin/env").args(binary::fake_clock(None, &[format!("FAKETIME=+0 x{SPEED}")]));
        command.args(["/usr/sbin/cron", "-f", "-L", "15"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.cron = Some(command.spawn().expect("cron starts"));
    }

    /// Ends cron as it would never end by itself. What it started lives on.
    pub(super) fn kill_cron(&mut self) {
        self.sh("kill -KILL $(cat /run/crond.pid)");
        self.forget_cron();
    }

    /// What stands between us and cron stops when cron does, and a stopped one never ends by itself.
    fn forget_cron(&mut self) {
        if let Some(mut cron) = self.cron.take() {
            cron.kill().ok();
            cron.wait().ok();
        }
    }

    /// Another table; cron reads it before its next minute.
    pub(super) fn set_table(&self, table: &str) {
        write_table(&self.folder, table);
    }

    /// Every process but the first stops, or goes on.
    pub(super) fn signal_all(&self, signal: &str) {
        self.sh(&format!("kill -{signal} -1"));
    }
}

impl Drop for Machine {
    /// At once, whatever it was at.
    fn drop(&mut self) {
        kill(self.first, Signal::SIGKILL).ok();
        self.forget_cron();
    }
}
