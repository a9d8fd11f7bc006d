//! Other programs that check the same targets, where they are installed.

use super::measure::{Cost, cost};
use super::targets::host;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
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
