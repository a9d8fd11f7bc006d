//! A mount namespace of a test's own: small disks that can be filled, mounted read-only and mended, seen by nobody else.

use super::binary::{Done, Home, done, fake_clock, starts_at, time_space};
use checker_job::Timestamp;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A namespace in which `HOME/disk` is a disk of its own, and `/dev/shm` and `/tmp` may be, too.
pub struct Realm {
    holder: Child,
    /// The program runs as the user nobody, from this place: the way to the other may be closed.
    pub nobody: Option<PathBuf>,
}

impl Realm {
    /// A namespace with a private `/dev/shm`, and `home`'s folder `disk` on a disk of `size`.
    pub(crate) fn new(home: &Home, size: &str) -> Self {
        let holder = Command::new("unshare")
            .args(["-m", "--propagation", "private", "sleep", "600"])
            .stdin(Stdio::null())
            .spawn()
            .expect("a namespace");
        let realm = Self { holder, nobody: None };
        let own = std::fs::read_link("/proc/self/ns/mnt").expect("a namespace");
        let theirs = realm.proc("ns/mnt");
        super::wait_until(std::time::Duration::from_secs(20), || {
            std::fs::read_link(&theirs).is_ok_and(|ns| ns != own).then_some(())
        })
        .expect("the namespace begins");
        std::fs::create_dir(home.path("disk")).expect("a folder");
        realm.sh("mount -t tmpfs -o size=8m,mode=1777 tmpfs /dev/shm");
        realm.sh(&format!("mount -t tmpfs -o size={size},mode=700 tmpfs {}", home.text("disk")));
        realm
    }

    fn proc(&self, what: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{what}", self.holder.id()))
    }

    /// A path as it is in there.
    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        self.proc("root").join(path.strip_prefix("/").expect("a whole path"))
    }

    fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-m", "-t", &self.holder.id().to_string(), "--"]);
        command
    }

    /// Runs a line of shell in there; it must end well.
    #[track_caller]
    pub(crate) fn sh(&self, line: &str) -> String {
        let output = self.enter().args(["sh", "-c", line]).output().expect("a shell");
        let ended = done(&output);
        assert_eq!(ended.code, 0, "{line}: {ended:?}");
        ended.out
    }

    /// Starts a line of shell in there.
    pub(crate) fn start(&self, line: &str) -> Child {
        self.enter().args(["sh", "-c", line]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell")
    }

    /// The program in there, at `when` by its own clock, or by the real one.
    pub(crate) fn command(&self, home: &Home, when: Option<Timestamp>, args: &[&str]) -> Command {
        let plain = home.command(args);
        let mut command = self.enter();
        command.args(when.iter().flat_map(|when| time_space(*when)));
        if self.nobody.is_some() {
            command.args(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
        }
        // What leads there keeps the real clock.
        command.args(["env", "-i"]);
        for (key, value) in plain.get_envs() {
            let mut pair = key.to_owned();
            pair.push("=");
            pair.push(value.unwrap_or_default());
            command.arg(pair);
        }
        command.args(when.iter().flat_map(|when| fake_clock(None, &[starts_at(*when)])));
        command.arg(self.nobody.as_ref().map_or(plain.get_program(), |path| path.as_os_str())).args(plain.get_args());
        command.current_dir(home.path("")).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run_at(&self, home: &Home, when: Timestamp, args: &[&str]) -> Done {
        done(&self.command(home, Some(when), args).output().expect("the program starts"))
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}
