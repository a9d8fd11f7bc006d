//! The host keys of OpenSSH's server.

use super::server::{Keys, Sshd, between, openssh, run};
use checker_job::Verdict;
use std::process::Command;

const KINDS: [&str; 4] = ["ed25519", "ecdsa 256", "ecdsa 384", "rsa 3072"];

#[test]
fn each_kind_of_key_is_proved_and_named() {
    if !openssh() {
        return;
    }
    for kind in KINDS {
        let keys = Keys::new(&[kind]);
        let sshd = Sshd::start(&keys, "");
        let fingerprint = keys.fingerprint(kind);
        let any = run(sshd.at, "");
        assert_eq!(any.verdict, Verdict::Ok, "{any:?}");
        assert!(any.summary.starts_with("OpenSSH_") && any.summary.contains(&fingerprint), "{any:?}");
        assert!(any.summary.contains("set host_key to pin it"), "{any:?}");
        assert_eq!(&*any.metrics[0].label, "time");
        for pin in [fingerprint.clone(), keys.public(kind)] {
            let pinned = run(sshd.at, &format!("host_key = \"{pin}\""));
            assert_eq!(pinned.verdict, Verdict::Ok, "{pinned:?}");
            assert!(pinned.summary.contains(" answers and holds its host key "), "{pinned:?}");
            assert!(pinned.summary.contains(&fingerprint), "{pinned:?}");
        }
    }
}

#[test]
fn a_changed_key_is_told_with_both_fingerprints() {
    if !openssh() {
        return;
    }
    let (old, new) = (Keys::new(&["ed25519"]), Keys::new(&["ed25519"]));
    let sshd = Sshd::start(&new, "");
    for pin in [old.fingerprint("ed25519"), old.public("ed25519")] {
        let outcome = run(sshd.at, &format!("host_key = \"{pin}\""));
        assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
        let (was, is) = (old.fingerprint("ed25519"), new.fingerprint("ed25519"));
        let said = format!("host key of {} has CHANGED: it holds ssh-ed25519 {is}, and not ", sshd.at);
        assert!(outcome.summary.starts_with(&said) && outcome.summary.contains(&was), "{outcome:?}");
        assert!(outcome.summary.len() < 400 && outcome.summary.contains("do not log in"), "{outcome:?}");
    }
    let either = format!("host_key = [\"{}\", \"{}\"]", old.fingerprint("ed25519"), new.fingerprint("ed25519"));
    assert_eq!(run(sshd.at, &either).verdict, Verdict::Ok);
}

#[test]
fn any_of_several_whole_keys_will_do() {
    if !openssh() {
        return;
    }
    // One of its kinds was made anew, and the other is still as it was.
    let (old, new) = (Keys::new(&["ed25519"]), Keys::new(&["ed25519", "rsa 3072"]));
    let sshd = Sshd::start(&new, "");
    let pins = format!("host_key = [\"{}\", \"{}\"]", old.public("ed25519"), new.public("rsa 3072"));
    let outcome = run(sshd.at, &pins);
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    assert!(outcome.summary.contains(&new.fingerprint("rsa 3072")), "{outcome:?}");
    // A kind that cannot be the wanted one is not asked for.
    let outcome = run(sshd.at, &format!("host_key = \"{}\"", old.public("ed25519")));
    assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
    assert!(!outcome.detail.contains(&new.fingerprint("rsa 3072")), "{outcome:?}");
    sshd.logs_times(3, "Checker has seen enough");
}

#[test]
fn a_fingerprint_is_looked_for_among_all_keys_of_a_server() {
    if !openssh() {
        return;
    }
    let keys = Keys::new(&KINDS);
    let sshd = Sshd::start(&keys, "");
    for kind in KINDS {
        let outcome = run(sshd.at, &format!("host_key = \"{}\"", keys.fingerprint(kind)));
        assert_eq!(outcome.verdict, Verdict::Ok, "{kind}: {outcome:?}");
        assert!(outcome.summary.contains(&keys.fingerprint(kind)), "{kind}: {outcome:?}");
    }
    let other = Keys::new(&["ed25519"]).fingerprint("ed25519");
    let outcome = run(sshd.at, &format!("host_key = \"{other}\""));
    assert_eq!(outcome.verdict, Verdict::Failed);
    assert!(outcome.summary.contains(" (and 3 more), and not SHA256:"), "{outcome:?}");
    for kind in KINDS {
        assert!(outcome.detail.contains(&keys.fingerprint(kind)), "{outcome:?}");
    }
}

#[test]
fn known_hosts_of_ssh_itself_is_understood() {
    if !openssh() {
        return;
    }
    let keys = Keys::new(&["ed25519", "rsa 3072"]);
    let sshd = Sshd::start(&keys, "");
    let port = sshd.at.port().to_string();
    for hashed in [false, true] {
        let mut scan = Command::new("/usr/bin/ssh-keyscan");
        scan.args(["-t", "rsa", "-p", &port]).args(hashed.then_some("-H")).arg("127.0.0.1");
        let text = scan.output().unwrap().stdout;
        assert_eq!(String::from_utf8_lossy(&text).contains("|1|"), hashed);
        let file = keys.path().join("known.hosts");
        std::fs::write(&file, &text).unwrap();
        let outcome = run(sshd.at, &format!("known_hosts = \"{}\"", file.display()));
        assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
        // Its key of RSA is asked for, although others are preferred.
        assert!(outcome.summary.contains(&keys.fingerprint("rsa 3072")), "{outcome:?}");

        let line = String::from_utf8(text).unwrap();
        let line = line.lines().find(|l| !l.starts_with('#')).unwrap();
        std::fs::write(&file, format!("{line}\n@revoked {line}\n")).unwrap();
        let outcome = run(sshd.at, &format!("known_hosts = \"{}\"", file.display()));
        assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
        assert!(outcome.summary.contains("is revoked"), "{outcome:?}");
    }
}

#[test]
fn who_shows_a_key_and_cannot_sign_is_found() {
    if !openssh() {
        return;
    }
    for kind in KINDS {
        let keys = Keys::new(&[kind]);
        let sshd = Sshd::start(&keys, "");
        // What the server has signed is not what we have heard.
        let at = between(sshd.at, |number, piece| {
            if number > 0 {
                return piece;
            }
            let at = piece.windows(7).position(|w| w == b"OpenSSH").unwrap();
            [&piece[..at], b"OpenSSX", &piece[at + 7..]].concat()
        });
        let outcome = run(at, &format!("host_key = \"{}\"", keys.fingerprint(kind)));
        assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
        let said = format!("{} and does not prove that it holds it", keys.fingerprint(kind));
        assert!(outcome.summary.contains(&said), "{outcome:?}");
    }
}

#[test]
fn each_key_exchange_works_and_an_unknown_one_is_named() {
    if !openssh() {
        return;
    }
    let keys = Keys::new(&["ed25519"]);
    let pin = format!("host_key = \"{}\"", keys.fingerprint("ed25519"));
    let of = |words: &str| Sshd::start(&keys, &format!("KexAlgorithms {words}"));
    for words in ["curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384"] {
        let sshd = of(words);
        // A number that begins with zeros, or with its highest bit set, comes up now and then.
        for _ in 0..8 {
            let outcome = run(sshd.at, &pin);
            assert_eq!(outcome.verdict, Verdict::Ok, "{words}: {outcome:?}");
        }
    }
    for words in ["sntrup761x25519-sha512@openssh.com", "diffie-hellman-group14-sha256"] {
        let sshd = of(words);
        let pinned = run(sshd.at, &pin);
        assert_eq!(pinned.verdict, Verdict::Unknown, "{pinned:?}");
        assert_eq!(pinned.cause.as_deref(), Some("the SSH server offers only what Checker cannot verify"));
        assert!(pinned.summary.contains(words), "{pinned:?}");
        let any = run(sshd.at, "");
        assert_eq!(any.verdict, Verdict::Ok, "{any:?}");
        assert!(any.summary.contains("its host key was not looked at") && any.summary.contains(words), "{any:?}");
        sshd.logs_times(2, "Received disconnect from");
    }
}

#[test]
fn a_kind_of_key_that_cannot_be_verified_is_named() {
    if !openssh() {
        return;
    }
    let sshd = Sshd::start(&Keys::new(&["ecdsa 521"]), "");
    let pinned = run(sshd.at, &format!("host_key = \"{}\"", Keys::new(&["ed25519"]).public("ed25519")));
    assert_eq!(pinned.verdict, Verdict::Unknown, "{pinned:?}");
    assert!(pinned.summary.contains("ecdsa-sha2-nistp521"), "{pinned:?}");
    let any = run(sshd.at, "");
    assert_eq!(any.verdict, Verdict::Ok, "{any:?}");
}

#[test]
fn weak_keys_are_warned_of() {
    if !openssh() {
        return;
    }
    let keys = Keys::new(&["rsa 1024"]);
    let sshd = Sshd::start(&keys, "");
    let short = run(sshd.at, &format!("host_key = \"{}\"", keys.fingerprint("rsa 1024")));
    assert_eq!(short.verdict, Verdict::Warning, "{short:?}");
    assert!(short.summary.contains("RSA host key of 1024 bits is weak"), "{short:?}");
    let keys = Keys::new(&["rsa 3072"]);
    let sshd = Sshd::start(&keys, "HostKeyAlgorithms ssh-rsa");
    let sha1 = run(sshd.at, &format!("host_key = \"{}\"", keys.fingerprint("rsa 3072")));
    assert_eq!(sha1.verdict, Verdict::Warning, "{sha1:?}");
    assert!(sha1.summary.contains("RSA with SHA-1 only"), "{sha1:?}");
}
