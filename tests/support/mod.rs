//! Real servers for tests, and hostile ones. Loopback only, ports that are free, everything in a temporary folder.
//!
//! `tests/install` installs what they need.

pub mod binary;
pub mod cron;
pub mod hostile;
pub mod imap;
pub mod mail;
pub mod parse;
pub mod process;
pub mod tls;

use std::net::{Ipv4Addr, TcpListener};
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
        "faketime" => &["/usr/bin/faketime"],
        "nginx" => &["/usr/sbin/nginx"],
        other => panic!("no such part is known: {other}"),
    };
    let missing = programs.iter().find(|program| !std::path::Path::new(program).exists())?;
    Some(format!("{missing} is not there; run tests/install"))
}

/// Ports of 127.0.0.1 that nobody listens on.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let held: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    held.map(|listener| listener.local_addr().expect("its address").port())
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
