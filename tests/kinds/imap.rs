//! `imap` against Dovecot, whose mailboxes Postfix fills.

use crate::support::binary::{Home, usual};
use crate::support::doors::{Door, Kind};
use crate::support::tls::Ca;
use crate::support::{mail, need};
use std::fs;
use std::os::unix::fs::chown;

/// A table with more keys; each has an id of its own.
fn table(name: &str, port: u16, more: &str) -> String {
    format!("[[job.imap]]\nname = \"{name}\"\nid = \"{name}\"\naddress = \"localhost:{port}\"\n{more}\n\n")
}

fn home(jobs: &str, ca: &str) -> Home {
    let home = Home::with_jobs("");
    for (file, text) in [("ca.pem", ca), ("good.pass", "pw-oncall"), ("wrong.pass", "pw-planted-wrong")] {
        home.write(file, text);
    }
    home.settings(&usual(jobs));
    home
}

/// Runs each job, and finds its outcome and words.
fn try_each(home: &Home, cases: &[(&str, &str, &str)]) {
    for (name, verdict, sentence) in cases {
        let done = home.run(&["try", name]);
        assert!(done.out.starts_with(&format!("{name}: {verdict}")), "{name}: {}{}", done.out, done.err);
        assert!(done.out.contains(sentence), "{name}: {}\nwanted {sentence}", done.out);
        assert!(!done.out.contains("pw-"), "{name}: {}", done.out);
    }
}

/// Puts a message into a folder of a mailbox, as Postfix would have; it came so many seconds after 1970.
fn put(server: &mail::MailServer, folder: &str, name: &str, came: u64) {
    let path = server.maildir("oncall").join(folder);
    for part in ["", "cur", "new", "tmp"] {
        let part = path.join(part);
        fs::create_dir_all(&part).unwrap();
        chown(&part, Some(mail::OWNER), Some(mail::OWNER)).unwrap();
    }
    let file = path.join("new").join(format!("{came}.{name}.here"));
    fs::write(&file, "Subject: report\r\n\r\ntext\r\n").unwrap();
    chown(&file, Some(mail::OWNER), Some(mail::OWNER)).unwrap();
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(came);
    fs::File::options().write(true).open(&file).unwrap().set_modified(at).unwrap();
}

#[test]
fn a_mailbox_of_dovecot_is_judged_as_its_user_meets_it() {
    if !need("postfix") {
        return;
    }
    let server = mail::shared();
    // A folder of this test alone, with a letter that IMAP writes otherwise.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    put(server, ".Ber&AOQ-te", "old", now - 30 * 86_400);
    put(server, ".Ber&AOQ-te", "newest", now - 3 * 86_400);
    let (imaps, ca) = (server.ports.imaps, "ca_file = \"HOME/ca.pem\"\n");
    let login = format!("{ca}user = \"oncall@checker.test\"\npass_file = \"HOME/good.pass\"\n");
    let wrong = login.replace("good.pass", "wrong.pass");
    let folder = format!("{login}folder = \"Beräte\"\n");
    let jobs = [
        table("greets", imaps, ca),
        table("login", imaps, &login),
        table("wrong", imaps, &wrong),
        table("folder", imaps, &folder),
        table("missing", imaps, &format!("{login}folder = \"Nowhere\"\n")),
        table("old", imaps, &format!("{folder}age_warning = \"26h\"\nage_critical = \"50h\"\n")),
        table("aging", imaps, &format!("{folder}age_warning = \"26h\"\nage_critical = \"30d\"\n")),
        table("full", imaps, &format!("{folder}messages_warning = 0\nmessages_critical = 1\n")),
        table("strange", imaps, ""),
        table("plain", server.ports.plain, "security = \"none\"\n"),
    ];
    let home = home(&jobs.concat(), &server.ca.pem);
    try_each(
        &home,
        &[
            ("greets", "ok", "IMAP answers with good TLS"),
            ("login", "ok", "oncall@checker.test is let in; \"INBOX\" holds "),
            ("wrong", "failed", "login as \"oncall@checker.test\" refused"),
            ("folder", "ok", "\"Beräte\" holds 2 messages, the newest 3 d old"),
            ("missing", "failed", "there is no folder \"Nowhere\", but \"INBOX\""),
            ("old", "failed", "newest message in \"Beräte\" came 3 d ago; at most 2 d 2 h may pass"),
            ("aging", "warning", "newest message in \"Beräte\" came 3 d ago; at most 1 d 2 h may pass"),
            ("full", "failed", "2 messages in \"Beräte\"; at most 1 are well"),
            ("strange", "failed", "certificate is signed by an unknown authority"),
            ("plain", "failed", "does not speak IMAP"),
        ],
    );
    let new = server.maildir("oncall").join(".Ber&AOQ-te/new");
    assert_eq!(fs::read_dir(new).unwrap().count(), 2, "nothing becomes seen, nor is it taken for old");
}

#[test]
fn tls_is_begun_by_a_command_before_the_password_goes_out() {
    if !need("pop3") {
        return;
    }
    let ca = Ca::new();
    let (with, without) = (Door::open(Kind::Dovecot, &ca.identity("localhost")), Door::without_tls(Kind::Dovecot));
    let port = |door: &Door| door.ports.iter().find(|(protocol, _)| *protocol == "imap").unwrap().1;
    let login = "security = \"starttls\"\nca_file = \"HOME/ca.pem\"\nuser = \"x@y\"\npass_file = \"HOME/wrong.pass\"\n";
    let jobs = [
        table("greets", port(&with), "security = \"starttls\"\nca_file = \"HOME/ca.pem\"\n"),
        table("login", port(&with), &format!("{login}timeout = \"30s\"\n")),
        table("none", port(&without), login),
    ];
    let home = home(&jobs.concat(), &ca.pem);
    try_each(
        &home,
        &[
            ("greets", "ok", "IMAP answers with good TLS"),
            ("login", "failed", "login as \"x@y\" refused"),
            ("none", "failed", "refuses STARTTLS"),
        ],
    );
}
