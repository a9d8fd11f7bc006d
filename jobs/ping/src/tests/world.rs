//! Two network namespaces: *home*, where pings leave from, and the *world*, which has routers, hosts and holes. A test runs
//! itself again in a home of its own; the world is made from there.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the world is like. It forwards, and limits no errors.
const WORLD: &str = "
cd /proc/sys/net
echo 0 > ipv4/icmp_ratemask; echo 0 > ipv6/icmp/ratelimit
echo 1 > ipv4/ip_forward; echo 1 > ipv6/conf/all/forwarding
ip link set lo up
ip addr add 10.99.0.1/24 dev world
ip addr add fd99::1/64 dev world nodad
ip link set world up
for n in 10 11 12 20 21 22 23 24 25 26; do ip addr add 192.0.2.$n/32 dev lo; done
ip addr add 2001:db8::10/128 dev lo nodad
ip route add unreachable 192.0.2.1; ip route add prohibit 192.0.2.2; ip route add blackhole 192.0.2.3
ip route add unreachable 2001:db8::1; ip route add prohibit 2001:db8::2; ip route add blackhole 2001:db8::3
ip route add 192.0.2.99 via 10.99.0.2; ip route add 2001:db8::99 via fd99::2
nft -f - <<EOF
table inet t { chain c { type filter hook input priority 0;
ip daddr 192.0.2.10 icmp type echo-request icmp sequence { 1, 2 } drop
ip daddr 192.0.2.11 icmp type echo-request reject with icmp type admin-prohibited
ip daddr 192.0.2.12 icmp type echo-request drop
ip6 daddr 2001:db8::10 icmpv6 type echo-request icmpv6 sequence { 0, 4 } drop
}
}
EOF
";

/// What home is like. Its own routes and its firewall close some ways.
const HOME: &str = "
ip link set lo up
ip addr add 10.99.0.2/24 dev home
ip addr add fd99::2/64 dev home nodad
ip link set home up
cd /proc/sys/net
echo 0 > ipv4/icmp_ratemask; echo 0 > ipv6/icmp/ratelimit
ip route add default via 10.99.0.1; ip route add default via fd99::1
echo 50 > ipv4/neigh/home/retrans_time_ms; echo 50 > ipv6/neigh/home/retrans_time_ms
ip route add unreachable 192.0.2.51; ip route add prohibit 192.0.2.52; ip route add blackhole 192.0.2.53
ip route add unreachable 2001:db8::51; ip route add prohibit 2001:db8::52; ip route add blackhole 2001:db8::53
nft -f - <<EOF
table inet t { chain c { type filter hook output priority 0;
ip daddr 192.0.2.54 drop
ip6 daddr 2001:db8::54 drop
}
}
EOF
cat > /run/hosts <<EOF
127.0.0.1 localhost
10.99.0.1 both half uncounted four
fd99::1 both
2001:db8::3 half none
2001:db8::51 uncounted
192.0.2.3 none
EOF
mount --bind /run/hosts /etc/hosts
";

/// The world; ends with the value.
pub(super) struct World {
    holder: Child,
}

impl World {
    /// Both namespaces, made from within a fresh one, which becomes home.
    pub(super) fn start() -> Self {
        let holder = Command::new("unshare").args(["--net", "sleep", "600"]).stdin(Stdio::null()).spawn().unwrap();
        let world = Self { holder };
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while std::fs::read_link(world.namespace()).map_or(true, |theirs| theirs == own) {
            assert!(Instant::now() < until, "no namespace for the world");
            std::thread::sleep(Duration::from_millis(5));
        }
        let pid = world.holder.id();
        shell(&format!("mount -t tmpfs none /run\nip link add home type veth peer name world netns {pid}"));
        world.shell(WORLD);
        shell(HOME);
        world
    }

    /// Runs a script there.
    #[track_caller]
    pub(super) fn shell(&self, script: &str) {
        let mut command = Command::new("nsenter");
        let done = command.arg(format!("--net={}", self.namespace())).args(SHELL).arg(script).output().unwrap();
        assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// The file that stands for its namespace.
    pub(super) fn namespace(&self) -> String {
        format!("/proc/{}/ns/net", self.holder.id())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.holder.kill().ok();
        self.holder.wait().ok();
    }
}

const SHELL: [&str; 4] = ["/bin/sh", "-e", "-u", "-c"];

#[track_caller]
pub(super) fn shell(script: &str) {
    let [sh, words @ ..] = SHELL;
    let done = Command::new(sh).args(words).arg(script).output().unwrap();
    assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Lets us ping by datagram sockets; a fresh namespace lets nobody.
pub(super) fn allow_datagrams() {
    std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0").unwrap();
}

/// Runs the ignored test `name` of this binary in a home of its own, behind these words.
#[track_caller]
pub(super) fn in_a_home(name: &str, before: &[&str]) {
    let unshare =
        |words: &[&str]| Command::new("unshare").args(["--net", "--mount", "--map-root-user"]).args(words).output();
    let programs = ["/usr/sbin/nft", "/sbin/ip", "/usr/bin/setpriv", "/usr/bin/nsenter"];
    let missing = programs.into_iter().find(|program| !std::path::Path::new(program).exists());
    if missing.is_some() || !unshare(&["true"]).is_ok_and(|o| o.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "no namespaces here (unshare), or no {missing:?}: run tests/install");
        eprintln!("SKIPPED: this machine allows no namespaces (unshare), or lacks {missing:?}");
        return;
    }
    let own = std::env::current_exe().unwrap();
    let inner = [own.to_str().unwrap(), name, "--exact", "--ignored", "--nocapture"];
    let output = unshare(&[before, &inner].concat()).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}
