//! Server processes that do not outlive the tests.

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// Stands between the tests and a server: it hands TERM on as the signal `$1`, and is itself ended with TERM by the kernel.
/// (The kernel forgets that wish for a process that changes its user, as Postfix does.) A server ends its children by their
/// group, so it gets one of its own.
const BETWEEN: &str = r#"
signal=$1
shift
setsid "$@" &
child=$!
trap 'kill -"$signal" "$child"' TERM
while kill -0 "$child" 2>/dev/null; do wait "$child"; status=$?; done
exit "$status"
"#;

/// A process that gets its signal when this is dropped, and also if the tests end in another way.
pub struct Daemon {
    child: Child,
    /// The kernel watches the thread that started the process, so that thread lives as long as this.
    _keeper: Sender<()>,
}

impl Daemon {
    /// Starts `command`. `stop` is the signal that ends it.
    pub fn start(command: &mut Command, stop: Signal) -> Self {
        let mut guarded = Command::new("setpriv");
        guarded.args(["--pdeathsig", "TERM", "/bin/sh", "-c", BETWEEN, "sh"]);
        guarded.arg(stop.as_str().trim_start_matches("SIG"));
        guarded.arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => guarded.env(key, value),
                None => guarded.env_remove(key),
            };
        }
        guarded.stdin(Stdio::null());
        let log = command.get_current_dir().map(|dir| dir.join("out.log"));
        if let Some(log) = log {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(log).expect("a log");
            guarded.stdout(file.try_clone().expect("a log")).stderr(file);
        }
        let (started, start) = channel();
        let (keeper, kept) = channel::<()>();
        std::thread::spawn(move || {
            started.send(guarded.spawn().expect("setpriv starts")).expect("the test waits");
            kept.recv().ok();
        });
        Self { child: start.recv().expect("a process"), _keeper: keeper }
    }

    /// The last of the line of processes that begins here, each with one child.
    pub fn inmost(&self) -> Pid {
        let mut last = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        while let Some(child) = child_of(last) {
            last = child;
        }
        last
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        let server = self.is_running().then(|| child_of(pid)).flatten();
        kill(pid, Signal::SIGTERM).ok();
        super::wait_until(Duration::from_secs(2), || (!self.is_running()).then_some(()));
        // A server may wait for a child that waits for a client; and its children may hold the ports a moment longer.
        server.map(|server| killpg(server, Signal::SIGKILL));
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The one child of a process.
fn child_of(parent: Pid) -> Option<Pid> {
    let pids = std::fs::read_dir("/proc").expect("/proc").flatten();
    let mut pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.find(|pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit_once(") ").map(|(_, rest)| rest.to_owned()).unwrap_or_default();
        after_name.split(' ').nth(1) == Some(&parent.to_string())
    })
    .map(Pid::from_raw)
}
