//! Real servers for tests, and hostile ones. Loopback only, ports that are free, everything in a temporary folder.
//!
//! `tests/install` installs what they need.

pub mod binary;
pub mod cron;
pub mod dns;
pub mod doors;
pub mod hostile;
pub mod imap;
pub mod mail;
pub mod moments;
pub mod network;
pub mod nginx;
pub mod parse;
pub mod process;
pub mod realm;
pub mod relay;
pub mod tls;

use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// Whether the real part `what` ("postfix", "cron", ...) can be had here. If not, says so, and the test returns; in CI
/// (the environment has `CI`) a missing part is a failed test.
pub fn need(what: &str) -> bool {
    let missing = missing(what);
    let Some(missing) = missing else { return true };
    assert!(std::env::var_os("CI").is_none(), "{what} cannot be had in CI: {missing}");
    eprintln!("SKIPPED, for want of {what}: {missing}");
    false
}

fn missing(what: &str) -> Option<String> {
    if !nix::unistd::Uid::effective().is_root() {
        return Some("only root can start it; run the tests as root".to_owned());
    }
    let programs: &[&str] = match what {
        "postfix" => &["/usr/lib/postfix/sbin/master", "/usr/sbin/postfix", "/usr/sbin/dovecot", "/usr/bin/setpriv"],
        "cron" => &["/usr/sbin/cron", "/usr/bin/unshare", "/usr/bin/mount"],
        "mounts" => {
            let may = std::process::Command::new("/usr/bin/unshare").args(["-m", "true"]).status();
            if !may.is_ok_and(|s| s.success()) {
                return Some("mount namespaces are not allowed here".to_owned());
            }
            &["/usr/bin/unshare", "/usr/bin/nsenter", "/usr/bin/mount", "/usr/bin/setpriv", "/usr/bin/sqlite3"]
        }
        "msmtp" => &["/usr/bin/msmtp"],
        "faketime" => &["/usr/bin/faketime"],
        "strace" => &["/usr/bin/strace"],
        "nginx" => &["/usr/sbin/nginx"],
        "pop3" => &["/usr/sbin/dovecot", "/usr/lib/dovecot/pop3-login"],
        "openssl" => &["/usr/bin/openssl"],
        "vsftpd" => &["/usr/sbin/vsftpd"],
        "slapd" => &["/usr/sbin/slapd"],
        "postgresql" if doors::postgres_programs().is_none() => &["/usr/lib/postgresql/VERSION/bin/initdb"],
        "postgresql" => &["/usr/bin/setpriv"],
        "gcc" => &["/usr/bin/gcc"],
        "namespaces" => &["/usr/bin/unshare", "/usr/bin/nsenter", "/usr/bin/mount", "/sbin/ip"],
        other => panic!("no such part is known: {other}"),
    };
    let missing = programs.iter().find(|program| !std::path::Path::new(program).exists())?;
    Some(format!("{missing} is not there; run tests/install"))
}

/// Ports that nobody listens on, below those that the kernel hands out by itself: a server that is stopped for a while
/// finds its port free again, and no other test listens there meanwhile. None is opened to find out: a program that another
/// thread starts at this moment would hold it open for a while longer.
pub fn free_ports<const N: usize>() -> [u16; N] {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let (first, count) = (10_000, 20_000);
    let start = u16::try_from(std::process::id() % 199).unwrap_or(0) * 100;
    std::array::from_fn(|_| {
        (0..count)
            .map(|_| first + (start + NEXT.fetch_add(1, Ordering::Relaxed) % count) % count)
            .find(|port| TcpStream::connect(("127.0.0.1", *port)).is_err())
            .expect("a free port")
    })
}

/// Listens at a port of [`free_ports`]. It may have been closed just now: a program that another thread was starting at that
/// moment holds it open until it has begun.
#[track_caller]
pub fn listen(port: u16) -> TcpListener {
    let open = || TcpListener::bind(("127.0.0.1", port)).ok();
    wait_until(Duration::from_secs(10), open).expect("the port is free")
}

/// Waits until `ready` has an answer, at most `limit`.
pub fn wait_until<T>(limit: Duration, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + limit;
    loop {
        if let Some(answer) = ready() {
            return Some(answer);
        }
        if Instant::now() >= until {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
