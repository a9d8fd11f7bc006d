//! A network of two hosts, made of namespaces: *home*, where the program runs, and the *world*, where a test's own thread
//! and its servers are. Home has one link to the world and a default route over it. Nothing outside is touched.

use nix::sched::{CloneFlags, unshare};
use std::process::{Child, Command, Stdio};

/// An address of the world on the link: home's gateway.
pub const GATEWAY: &str = "10.99.0.1";

pub struct Net {
    /// A process that does nothing but live in home's namespace.
    holder: Child,
}

impl Net {
    /// Runs `test` on a thread in the world.
    pub fn with(test: impl FnOnce(&Self) + Send + 'static) {
        let thread = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
            let net = Self::start();
            test(&net);
        });
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    }

    fn start() -> Self {
        let holder = Command::new("unshare").args(["--net", "sleep", "600"]).stdin(Stdio::null()).spawn();
        let net = Self { holder: holder.expect("unshare starts") };
        let own = std::fs::read_link("/proc/thread-self/ns/net").expect("a namespace");
        let theirs = format!("/proc/{}/ns/net", net.holder.id());
        let made = || std::fs::read_link(&theirs).is_ok_and(|ns| ns != own).then_some(());
        super::wait_until(std::time::Duration::from_secs(20), made).expect("a namespace for home");
        let pid = net.holder.id().to_string();
        net.world("link set lo up");
        net.world(&format!("link add world type veth peer name home netns {pid}"));
        net.world(&format!("addr add {GATEWAY}/24 dev world"));
        net.world("link set world up");
        net.home("link set lo up");
        net.home("addr add 10.99.0.2/24 dev home");
        net.home("link set home up");
        net.heal_route();
        net
    }

    /// Gives the world an address beyond the gateway.
    pub fn add(&self, address: &str) {
        self.world(&format!("addr add {address}/32 dev lo"));
    }

    /// Takes it away: what home sends there is never answered.
    pub fn remove(&self, address: &str) {
        self.world(&format!("addr del {address}/32 dev lo"));
    }

    /// Home knows no way beyond its link.
    pub fn cut_route(&self) {
        self.home("route del default");
    }

    pub fn heal_route(&self) {
        self.home(&format!("route add default via {GATEWAY}"));
    }

    /// Home has no link at all.
    pub fn link(&self, up: bool) {
        self.home(if up { "link set home up" } else { "link set home down" });
    }

    /// `command` at home.
    pub fn at_home(&self, command: &Command) -> Command {
        let pid = self.holder.id().to_string();
        wrapped(command, &["/usr/bin/nsenter", "--target", &pid, "--net", "--"])
    }

    /// `ip` with these words, at home.
    pub fn home(&self, words: &str) {
        ip(&mut self.at_home(Command::new("/sbin/ip").args(words.split(' '))));
    }

    /// The same in the world.
    #[expect(clippy::unused_self, reason = "the thread is in the world")]
    pub fn world(&self, words: &str) {
        ip(Command::new("/sbin/ip").args(words.split(' ')));
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.holder.kill().ok();
        self.holder.wait().ok();
    }
}

#[track_caller]
fn ip(command: &mut Command) {
    let done = command.output().expect("ip starts");
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// `command` behind other words, with its environment and folder.
pub fn wrapped(command: &Command, before: &[&str]) -> Command {
    let (program, words) = before.split_first().expect("a program");
    let mut outer = Command::new(program);
    outer.args(words).arg(command.get_program()).args(command.get_args()).env_clear();
    for (key, value) in command.get_envs() {
        outer.env(key, value.unwrap_or_default());
    }
    if let Some(folder) = command.get_current_dir() {
        outer.current_dir(folder);
    }
    outer.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    outer
}
