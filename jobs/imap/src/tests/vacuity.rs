//! What the job would call healthy of a mailbox.

use super::server::{CAME, Secured, certificate, mailbox};
use super::settings::jobs;
use checker_job::{Context, Job as _, Timestamp, Vacuity, Verdict};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const LOGIN: &str = "set user and pass_file";
const AGE: &str = "set age_warning or age_critical";

fn vacuity(settings: &str, now: i64) -> Vacuity {
    let job = jobs(settings).unwrap().remove(0);
    let now = Timestamp::from_secs(now);
    let cx = Context::new(now, Duration::from_secs(20), "run".to_owned(), Path::new("/nonexistent").into());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(job.vacuity(&cx)).unwrap()
}

/// What was made of the answer, and what of it is not noticed, each with the remedy.
fn names(vacuity: &Vacuity) -> (Vec<&str>, Vec<(&str, &str)>) {
    assert_eq!(vacuity.outcome.verdict, Verdict::Ok, "{vacuity:?}");
    let missed = vacuity.mutations.iter().filter(|m| !m.is_noticed());
    (vacuity.mutations.iter().map(|m| m.name).collect(), missed.map(|m| (m.name, &*m.remedy)).collect())
}

/// A table with a login at a server without TLS.
fn with_login(folder: &TempDir, at: SocketAddr, more: &str) -> String {
    let pass = folder.path().join("pass");
    std::fs::write(&pass, "s3cret-word\n").unwrap();
    std::fs::set_permissions(&pass, std::fs::Permissions::from_mode(0o600)).unwrap();
    format!("address = \"{at}\"\nsecurity = \"none\"\nuser = \"me\"\npass_file = {pass:?}\n{more}")
}

#[test]
fn a_server_that_only_greets_may_let_nobody_in() {
    let at = mailbox();
    let found = vacuity(&format!("address = \"{at}\"\nsecurity = \"none\"\n"), CAME);
    let missed = vec![("login_refused", LOGIN), ("gone", LOGIN)];
    assert_eq!(names(&found), (vec!["wrong_answer", "login_refused", "gone"], missed));
    let of = format!("mail server {at}");
    assert!(found.mutations.iter().all(|m| m.of.as_deref() == Some(&of)), "{found:?}");
}

#[test]
fn a_folder_without_limits_may_hold_anything() {
    let (folder, at) = (tempfile::tempdir().unwrap(), mailbox());
    let all = ["wrong_answer", "login_refused", "gone", "empty_folder", "no_new_mail", "too_many"];
    let of_age = [("empty_folder", AGE), ("no_new_mail", AGE)];
    let far = [
        ("no_new_mail", "lower age_warning or age_critical"),
        ("too_many", "lower messages_warning or messages_critical"),
    ];
    for (more, missed) in [
        ("", of_age.to_vec()),
        ("age_warning = \"26h\"\n", vec![]),
        ("age_critical = \"26h\"\nmessages_warning = 100\n", vec![]),
        ("folder = \"Reports\"\nage_warning = \"26h\"\nmessages_critical = 100\n", vec![]),
        ("age_critical = \"900d\"\nmessages_critical = 4000000\n", far.to_vec()),
    ] {
        let found = vacuity(&with_login(&folder, at, more), CAME + 7_200);
        // Where nobody counts, the folder may grow.
        let tried = all.iter().filter(|name| **name != "too_many" || more.contains("messages_")).copied().collect();
        assert_eq!(names(&found), (tried, missed), "{more}");
        assert!(!format!("{found:?}").contains("s3cret"), "{found:?}");
    }
    let found = vacuity(&with_login(&folder, at, "age_critical = \"26h\"\nmessages_warning = 100\n"), CAME + 7_200);
    assert_eq!(found.outcome.summary, "me is let in; \"INBOX\" holds 2 messages, the newest 2 h old");
    for (mutation, wanted) in found.mutations.iter().zip([
        "does not speak IMAP",
        "login as \"me\" refused",
        "the inbox cannot be opened or searched: [NONEXISTENT]",
        "no message in \"INBOX\"",
        "came 365 d 2 h ago",
        "1000002 messages",
    ]) {
        let said = &mutation.outcome.summary;
        assert!(said.contains(wanted), "{said}\nwanted {wanted}");
    }
    let of = format!("folder \"INBOX\" of me at {at}");
    assert!(found.mutations.iter().skip(3).all(|m| m.of.as_deref() == Some(&of)), "{found:?}");
}

#[test]
fn a_folder_that_a_program_should_empty_may_be_empty() {
    let (folder, at) = (tempfile::tempdir().unwrap(), mailbox());
    let found = vacuity(&with_login(&folder, at, "messages_critical = 100\n"), CAME);
    let all = vec!["wrong_answer", "login_refused", "gone", "too_many"];
    assert_eq!(names(&found), (all, vec![]));
    let found = vacuity(&with_login(&folder, at, "folder = \"Empty\"\nmessages_critical = 100\n"), CAME);
    assert_eq!(names(&found), (vec!["wrong_answer", "login_refused", "gone", "too_many"], vec![]));
}

#[test]
fn the_certificate_is_looked_at_as_in_handshakes() {
    let folder = tempfile::tempdir().unwrap();
    if !certificate(folder.path()) {
        return;
    }
    let ca = folder.path().join("own.pem");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    for (security, begin, by) in [
        ("tls", vec!["wrong_answer"], ""),
        ("starttls", vec!["wrong_answer", "no_starttls"], " with starttls = \"imap\""),
    ] {
        let server = Secured::start(folder.path(), security == "starttls");
        let address = format!("localhost:{}", server.at.port());
        let settings = format!("address = \"{address}\"\nca_file = {ca:?}\nsecurity = \"{security}\"\n");
        let found = vacuity(&settings, i64::try_from(now).unwrap());
        let end = format!("add a [[job.tls]] for {address}{by}");
        let all = [&begin[..], &["login_refused", "gone", "other_certificate", "one_day_certificate"]].concat();
        assert_eq!(
            names(&found),
            (all, vec![("login_refused", LOGIN), ("gone", LOGIN), ("one_day_certificate", &*end)])
        );
        let of = format!("certificate of {address}");
        assert!(found.mutations.iter().rev().take(2).all(|m| m.of.as_deref() == Some(&of)), "{found:?}");
    }
}

#[test]
fn a_mailbox_that_is_not_well_gives_nothing_to_make_wrong() {
    let (folder, at) = (tempfile::tempdir().unwrap(), mailbox());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (settings, verdict) in [
        (with_login(&folder, at, "age_warning = \"26h\"\n"), Verdict::Warning),
        (with_login(&folder, at, "folder = \"Work\"\n"), Verdict::Failed),
        (with_login(&folder, closed, ""), Verdict::Failed),
    ] {
        let found = vacuity(&settings, CAME + 30 * 86_400);
        assert_eq!((found.outcome.verdict, found.mutations.len()), (verdict, 0), "{found:?}");
    }
}
