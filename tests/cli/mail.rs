//! Mail that does not leave: 75, and one line an hour for cron to mail.

use super::JOBS;
use crate::support::binary::{Home, has_faketime, usual, utc};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

/// A port that nobody listens on.
fn closed_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}

#[test]
fn mail_that_does_not_leave_is_75_and_stderr_speaks_once_an_hour() {
    if !has_faketime() {
        return;
    }
    let smtp = format!("[email.smtp]\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\n", closed_port());
    let by_smtp = usual(&format!("{smtp}\n{JOBS}")).replace("transport = \"file\"\n", "");
    let home = Home::new(&by_smtp);
    let noon = utc("2026-05-01 12:00:01");
    let mut spoke = Vec::new();
    for minute in [0, 1, 2, 5, 30, 59, 61, 62, 120, 122] {
        let told = home.run_at(noon.plus(Duration::from_secs(60 * minute)), &["cron"]).ended(75);
        assert!(told.out.is_empty(), "{told:?}");
        if !told.err.is_empty() {
            let words = [
                "1 message(s) could not be delivered and are kept",
                "127.0.0.1",
                "settings.cfg status\n",
                "settings.cfg test --mail-only\n",
            ];
            assert!(words.iter().all(|w| told.err.contains(w)) && told.err.lines().count() <= 4, "{told:?}");
            spoke.push(minute);
        }
    }
    assert_eq!(spoke, [0, 61, 122], "at most hourly");
    let later = noon.plus(Duration::from_secs(60 * 123));
    let status = home.run_at(later, &["status"]).ended(0);
    for words in ["MAIL DOES NOT LEAVE since 2026-05-01 14:00:01", "kept for you@example.com: [alpha] DOWN: ill"] {
        assert!(status.out.contains(words), "{status:?}");
    }
    let test = home.run_at(later, &["test", "--mail-only"]).ended(75);
    assert!(test.out.contains("NOT SENT") && test.err.is_empty(), "{test:?}");
    // Settings that an edit has broken come first, and cron still mails no more than once an hour.
    home.settings(&by_smtp.replace("servername", "serverName"));
    for minute in 124..126 {
        let told = home.run_at(noon.plus(Duration::from_secs(60 * minute)), &["cron"]).ended(78);
        assert!(told.out.is_empty() && told.err.is_empty(), "{told:?}");
    }
    // Mended, the next pass sends what was kept, once.
    home.settings(&usual(JOBS));
    home.run_at(noon.plus(Duration::from_secs(60 * 133)), &["cron"]).silent();
    let told = home.subjects();
    assert_eq!(told.iter().filter(|s| *s == "[alpha] DOWN: ill: it hurts").count(), 1, "{told:?}");
    home.run_at(noon.plus(Duration::from_secs(60 * 134)), &["cron"]).silent();
    let status = home.run_at(noon.plus(Duration::from_secs(60 * 135)), &["status"]).ended(0);
    assert!(status.out.contains("mail was last accepted 2026-05-01 16:13:0"), "{status:?}");
}
