//! Other programs that check the same targets, where they are installed.

use super::measure::{Cost, cost};
use super::targets::host;
use std::fmt::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// monit, with a service for each target. One cycle of it is `monit validate`.
pub struct Monit {
    folder: TempDir,
    program: PathBuf,
}

impl Monit {
    /// `None` if it is not installed.
    pub fn new(count: usize, port: u16, http: bool) -> Option<Self> {
        let program = installed(&["/usr/bin/monit", "/usr/sbin/monit", "/usr/local/bin/monit"])?;
        let folder = tempfile::Builder::new().prefix("monit-bench-").tempdir().expect("a folder");
        let at = folder.path().display();
        let mut text = format!(
            "set daemon 60\nset idfile {at}/id\nset statefile {at}/state\nset pidfile {at}/pid\nset log {at}/log\n"
        );
        let protocol = if http { " protocol http" } else { "" };
        for n in 0..count {
            let host = host(n);
            writeln!(text, "check host t{n} with address {host}\n  if failed port {port}{protocol} then alert")
                .expect("text");
        }
        let settings = folder.path().join("monitrc");
        std::fs::write(&settings, text).expect("settings");
        std::fs::set_permissions(&settings, std::fs::Permissions::from_mode(0o600)).expect("a mode");
        Some(Self { folder, program })
    }

    pub fn cycle(&self) -> Cost {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(self.folder.path().join("monitrc")).arg("validate");
        // It says 1 even where all went well.
        cost(&command, &[0, 1])
    }
}

/// Where Nagios plugins are.
pub fn plugins() -> Option<PathBuf> {
    installed(&["/usr/lib/nagios/plugins", "/usr/lib64/nagios/plugins"])
}

const NOBODY: u32 = 65_534;

/// An SSH server of our own. Its processes are not ours, so their CPU is nobody's.
pub struct Sshd {
    child: Child,
    _folder: TempDir,
    pub port: u16,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// `None` without OpenSSH, or where it does not start.
pub fn sshd() -> Option<Sshd> {
    let program = installed(&["/usr/sbin/sshd"])?;
    let folder = tempfile::Builder::new().prefix("sshd-bench-").tempdir().expect("a folder");
    let key = folder.path().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port();
    drop(taken);
    if !made.is_ok_and(|ended| ended.success()) {
        return None;
    }
    // Newer ones keep those away for a while who never log in; older ones do not know the word.
    let lenient = ["-o", "PerSourcePenalties=no"];
    let knows = Command::new(&program).args(["-t", "-f", "/dev/null", "-h"]).arg(&key).args(lenient).output();
    let mut command = Command::new(program);
    command.args(["-D", "-q", "-f", "/dev/null", "-p", &port.to_string(), "-h"]).arg(&key);
    command.args(["-o", "ListenAddress=127.0.0.1", "-o", "MaxStartups=10000", "-o", "PidFile=none", "-o", "UsePAM=no"]);
    if knows.is_ok_and(|out| out.status.success()) {
        command.args(lenient);
    }
    if nix::unistd::Uid::effective().is_root() {
        // Then it needs no folder of the system's.
        for path in [folder.path(), &key] {
            chown(path, Some(NOBODY), Some(NOBODY)).expect("an owner");
        }
        command.uid(NOBODY).gid(NOBODY).current_dir("/");
    }
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    let server = Sshd { child, _folder: folder, port };
    let up = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(25));
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    up.then_some(server)
}

/// One call of a Nagios plugin: `check_tcp` or `check_http`. `None` if it is not installed.
pub fn plugin(name: &str, port: u16) -> Option<impl Fn() -> Cost> {
    let folder = "/usr/lib/nagios/plugins";
    let program = installed(&[&format!("{folder}/{name}"), &format!("/usr/lib64/nagios/plugins/{name}")])?;
    Some(move || {
        let mut command = Command::new(&program);
        let to = if name == "check_http" { "-I" } else { "-H" };
        cost(command.args([to, &host(0), "-p", &port.to_string()]), &[0])
    })
}

fn installed(places: &[&str]) -> Option<PathBuf> {
    places.iter().find(|place| Path::new(place).exists()).map(PathBuf::from)
}

/// How often a pass waits for the disk. `None` without strace.
pub fn fsyncs(command: &Command) -> Option<u64> {
    let strace = installed(&["/usr/bin/strace", "/usr/local/bin/strace"])?;
    let folder = tempfile::tempdir().expect("a folder");
    let told = folder.path().join("calls");
    let mut traced = Command::new(strace);
    traced.args(["-f", "-qq", "-e", "trace=fsync,fdatasync,sync_file_range,msync", "-o"]).arg(&told);
    traced.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            traced.env(name, value);
        }
    }
    let ended = traced.status().expect("strace starts");
    assert!(ended.success(), "{traced:?}: {ended}");
    let calls = std::fs::read_to_string(told).expect("its notes");
    Some(calls.lines().filter(|line| line.contains("sync(")).count() as u64)
}
