//! OpenSSH's server where it does not want us, and what it writes into its log.

use super::server::{Keys, Sshd, between, openssh, run};
use checker_job::Verdict;
use std::io::Read;
use std::net::TcpStream;

#[test]
fn its_log_has_no_errors_of_ours() {
    if !openssh() {
        return;
    }
    let keys = Keys::new(&["ed25519", "rsa 3072"]);
    let sshd = Sshd::start(&keys, "");
    for _ in 0..5 {
        assert_eq!(run(sshd.at, "").verdict, Verdict::Ok);
    }
    let failed = run(sshd.at, &format!("host_key = \"{}\"", Keys::new(&["ed25519"]).fingerprint("ed25519")));
    assert_eq!(failed.verdict, Verdict::Failed);
    // Twice for that one: the server has two keys.
    let log = sshd.logs_times(7, ":11: Checker has seen enough [preauth]");
    assert!(!log.contains("error") && !log.contains("fatal") && !log.contains("reset"), "{log}");
}

#[test]
fn a_server_with_too_many_guests_says_so() {
    if !openssh() {
        return;
    }
    let sshd = Sshd::start(&Keys::new(&["ed25519"]), "MaxStartups 1:100:1");
    let mut guest = TcpStream::connect(sshd.at).unwrap();
    // From here on it counts.
    guest.read_exact(&mut [0; 4]).unwrap();
    let outcome = run(sshd.at, "");
    assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
    assert!(outcome.summary.contains("turns connections away: it says \""), "{outcome:?}");
    assert!(outcome.summary.contains("(MaxStartups)"), "{outcome:?}");
}

#[test]
fn other_software_is_told() {
    if !openssh() {
        return;
    }
    let sshd = Sshd::start(&Keys::new(&["ed25519"]), "");
    assert_eq!(run(sshd.at, "software = \"OpenSSH\"").verdict, Verdict::Ok);
    let other = run(sshd.at, "software = \"dropbear\"");
    assert_eq!(other.verdict, Verdict::Failed);
    assert!(other.summary.starts_with("server calls itself \"OpenSSH_"), "{other:?}");
    assert!(other.summary.contains(", without \"dropbear\""), "{other:?}");
}

#[test]
fn lines_before_the_identification_are_allowed() {
    if !openssh() {
        return;
    }
    let sshd = Sshd::start(&Keys::new(&["ed25519"]), "");
    let at = between(sshd.at, |number, piece| {
        if number == 0 { [b"Welcome to\r\nthis machine\n".as_slice(), &piece].concat() } else { piece }
    });
    let outcome = run(at, "");
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
}
