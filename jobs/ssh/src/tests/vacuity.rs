//! What the job would call healthy of what OpenSSH's server shows.

use super::server::{Keys, Sshd, between, jobs, openssh, run};
use checker_job::{Context, Job as _, Timestamp, Vacuity, Verdict};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

const PIN: &str = "set host_key or known_hosts";
const ALL: [&str; 3] = ["wrong_answer", "other_host_key", "other_server"];

fn vacuity(at: SocketAddr, more: &str) -> Vacuity {
    let job = jobs(&format!("address = \"{at}\"\n{more}")).unwrap().remove(0);
    let scratch = Path::new("/nonexistent").into();
    let cx = Context::new(Timestamp::from_secs(0), Duration::from_secs(20), "run".to_owned(), scratch);
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(job.vacuity(&cx)).unwrap()
}

/// What was made of the answer, and what of it is not noticed, each with the remedy.
fn names(vacuity: &Vacuity) -> (Vec<&str>, Vec<(&str, &str)>) {
    assert_eq!(vacuity.outcome.verdict, Verdict::Ok, "{vacuity:?}");
    let missed = vacuity.mutations.iter().filter(|m| !m.is_noticed());
    (vacuity.mutations.iter().map(|m| m.name).collect(), missed.map(|m| (m.name, &*m.remedy)).collect())
}

#[test]
fn without_a_pin_any_server_will_do() {
    if !openssh() {
        return;
    }
    let keys = Keys::new(&["ed25519", "rsa 3072"]);
    let sshd = Sshd::start(&keys, "");
    let known = keys.path().join("known.hosts");
    let line = format!("[127.0.0.1]:{} {}\n", sshd.at.port(), keys.public("rsa 3072"));
    std::fs::write(&known, line).unwrap();
    let pinned = |name: &str| format!("host_key = \"{}\"\n", keys.fingerprint(name));
    for (more, missed) in [
        (String::new(), vec![("other_host_key", PIN), ("other_server", PIN)]),
        ("software = \"OpenSSH\"\n".to_owned(), vec![("other_host_key", PIN)]),
        (pinned("ed25519"), vec![]),
        (pinned("rsa 3072"), vec![]),
        (format!("known_hosts = {known:?}\n"), vec![]),
    ] {
        let found = vacuity(sshd.at, &more);
        assert_eq!(names(&found), (ALL.to_vec(), missed), "{more}");
        assert_eq!(found.outcome.summary, run(sshd.at, &more).summary);
    }
    let said: Vec<String> =
        vacuity(sshd.at, &pinned("ed25519")).mutations.into_iter().map(|m| m.outcome.summary).collect();
    assert!(said[0].contains("is no SSH server: it says \"HTTP/1.1 400 Bad Request"), "{said:?}");
    assert!(said[1].contains("has CHANGED: it holds ssh-ed25519 "), "{said:?}");
    let wanted = "software = \"OpenSSH\"\n";
    let other = vacuity(sshd.at, wanted).mutations.pop().unwrap().outcome;
    assert_eq!(other.summary, "server calls itself \"dropbear_2022.83\", without \"OpenSSH\"");
}

#[test]
fn a_key_that_cannot_be_verified_is_not_made_another() {
    if !openssh() {
        return;
    }
    let sshd = Sshd::start(&Keys::new(&["ed25519"]), "KexAlgorithms diffie-hellman-group14-sha256");
    let found = vacuity(sshd.at, "");
    assert_eq!(names(&found), (vec![ALL[0], ALL[2]], vec![("other_server", "set software")]));
    assert_eq!(names(&vacuity(sshd.at, "software = \"OpenSSH\"\n")).1, []);
}

#[test]
fn a_server_that_is_not_well_gives_nothing_to_make_wrong() {
    if !openssh() {
        return;
    }
    let (keys, other) = (Keys::new(&["ed25519"]), Keys::new(&["ed25519"]));
    let sshd = Sshd::start(&keys, "");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let old = between(sshd.at, |number, piece| if number == 0 { b"SSH-1.5-old\r\n".to_vec() } else { piece });
    let pin = format!("host_key = \"{}\"\n", other.fingerprint("ed25519"));
    for (at, more) in [(sshd.at, &*pin), (closed, ""), (old, ""), (sshd.at, "software = \"dropbear\"\n")] {
        let found = vacuity(at, more);
        assert_eq!((found.outcome.verdict, found.mutations.len()), (Verdict::Failed, 0), "{found:?}");
    }
}
