//! A real Debian cron with a table of its own.
//!
//! Its paths are compiled in, so it gets a mount namespace in which they are folders of ours, and a process namespace so
//! that all it started ends with it. The host's own tables are neither read nor changed.

use super::process::Daemon;
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Cron {
    daemon: Daemon,
    folder: tempfile::TempDir,
}

/// Runs inside the new namespaces; `$1` is the folder, the rest is the command.
pub const INSIDE: &str = r#"
set -e
folder=$1
shift
mount --make-rprivate /
[ ! -e /etc/crontab ] || mount --bind "$folder/crontab" /etc/crontab
mount --bind "$folder/cron.d" /etc/cron.d
mount --bind "$folder/spool" /var/spool/cron
mount --bind "$folder/run" /run
[ ! -e /usr/sbin/sendmail ] || mount --bind "$folder/sendmail" /usr/sbin/sendmail
# faketime names its shared memory after its process number, and those repeat in here.
mount -t tmpfs tmpfs /dev/shm
exec "$@"
"#;

impl Cron {
    /// Starts cron with `table`, which is in the form of `/etc/cron.d`: with a column for the user.
    pub fn start(table: &str) -> Self {
        Self::run(table, None)
    }

    /// The same with a clock that runs `speed` times as fast: at 60, each minute of the table is a second. Only cron is
    /// sped up; what it starts sees the true time.
    pub fn start_fast(table: &str, speed: u32) -> Self {
        Self::run(table, Some(speed))
    }

    fn run(table: &str, speed: Option<u32>) -> Self {
        let folder = tempfile::Builder::new().prefix("checker-cron-").tempdir().expect("a folder");
        let dir = folder.path();
        prepare(dir, table);
        let mut command = Command::new("/usr/bin/unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "/bin/sh", "-c", INSIDE, "sh"]);
        command.arg(dir);
        if let Some(speed) = speed {
            command.args(["/usr/bin/faketime", "-f", &format!("+0 x{speed}")]);
        }
        command.args(["/usr/sbin/cron", "-f", "-L", "15"]).current_dir(dir);
        // unshare does not hand TERM on.
        Self { daemon: Daemon::start(&mut command, Signal::SIGKILL), folder }
    }

    /// Replaces the table; cron reads it before its next minute.
    pub fn set_table(&self, table: &str) {
        write_table(self.folder.path(), table);
    }

    /// What cron mailed about the output of its jobs.
    pub fn mails(&self) -> Vec<String> {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(self.folder.path().join("mail")).expect("a folder").flatten().map(|e| e.path()).collect();
        paths.sort();
        paths.iter().map(|path| fs::read_to_string(path).expect("a mail")).collect()
    }

    pub fn is_running(&mut self) -> bool {
        self.daemon.is_running()
    }

    /// What cron and the namespace wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("out.log")).unwrap_or_default()
    }
}

/// The folders and files of a cron, with its table.
pub fn prepare(dir: &Path, table: &str) {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("rights");
    for part in ["cron.d", "spool/crontabs", "run", "mail"] {
        fs::create_dir_all(dir.join(part)).expect("a folder");
    }
    fs::set_permissions(dir.join("mail"), fs::Permissions::from_mode(0o1777)).expect("rights");
    fs::write(dir.join("crontab"), "").expect("a file");
    write_table(dir, table);
    let sendmail = format!("#!/bin/sh\nexec cat >{}/mail/$(date +%s%N)-$$.eml\n", dir.display());
    fs::write(dir.join("sendmail"), sendmail).expect("a file");
    fs::set_permissions(dir.join("sendmail"), fs::Permissions::from_mode(0o755)).expect("rights");
}

/// Cron ignores tables that others can write, and those with a dot in their name.
pub fn write_table(dir: &Path, table: &str) {
    let path = dir.join("cron.d/checker");
    let new = dir.join("cron.d/.new");
    fs::write(&new, format!("{}\n", table.trim_end())).expect("a table");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o644)).expect("rights");
    fs::rename(new, path).expect("a table");
}
