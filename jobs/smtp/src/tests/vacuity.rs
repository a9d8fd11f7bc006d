//! What the job would call healthy of what a server says.

use super::secured::{certificate, secured};
use super::stub::{Script, jobs, run_for, scripted};
use checker_job::{Context, Job as _, Timestamp, Vacuity, Verdict};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const RCPT_TO: &str = "set rcpt_to";
const RELAY: (&str, &str) = ("open_relay", "set expect_refused");
const NO_MAIL: [(&str, &str); 2] = [("takes_no_mail", RCPT_TO), ("gone", RCPT_TO)];

fn vacuity(settings: &str) -> Vacuity {
    let job = jobs(settings).unwrap().remove(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let now = Timestamp::from_secs(i64::try_from(now).unwrap());
    let cx = Context::new(now, Duration::from_secs(20), "run".to_owned(), Path::new("/nonexistent").into());
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(job.vacuity(&cx)).unwrap()
}

/// What was made of the answer, and what of it is not noticed, each with the remedy.
fn names(vacuity: &Vacuity) -> (Vec<&str>, Vec<(&str, &str)>) {
    assert_eq!(vacuity.outcome.verdict, Verdict::Ok, "{vacuity:?}");
    let missed = vacuity.mutations.iter().filter(|m| !m.is_noticed());
    (vacuity.mutations.iter().map(|m| m.name).collect(), missed.map(|m| (m.name, &*m.remedy)).collect())
}

fn plain(at: SocketAddr, more: &str) -> String {
    format!("address = \"{at}\"\nsecurity = \"none\"\n{more}")
}

#[test]
fn a_server_of_which_nothing_is_asked_may_do_anything() {
    let (at, heard) = scripted(Script::new());
    let found = vacuity(&plain(at, ""));
    let all = vec!["wrong_answer", "takes_no_mail", "gone", "open_relay"];
    assert_eq!(names(&found), (all, [&NO_MAIL[..], &[RELAY]].concat()));
    let of = format!("mail server {at}");
    assert!(found.mutations.iter().all(|m| m.of.as_deref() == Some(&of)), "{found:?}");
    assert_eq!(heard.lock().unwrap().iter().filter(|line| line.starts_with("EHLO")).count(), 1, "it is asked once");
}

#[test]
fn who_asks_for_all_notices_all() {
    let refuses = ("RCPT TO:<x", "554 5.7.1 relay access denied\r\n");
    let both = "rcpt_to = \"a@b.example\"\nexpect_refused = \"x@y.example\"\n";
    for (more, missed) in [
        (both, vec![]),
        ("rcpt_to = \"a@b.example\"\n", vec![RELAY]),
        ("expect_refused = \"x@y.example\"\n", vec![("gone", RCPT_TO)]),
    ] {
        let (at, _) = scripted(vec![refuses]);
        let settings = plain(at, more);
        let found = vacuity(&settings);
        assert_eq!(names(&found).1, missed, "{found:?}");
        assert_eq!(found.outcome.summary, run_for(&settings, Duration::from_secs(20)).summary);
    }
    let (at, _) = scripted(vec![refuses]);
    let said: Vec<String> = vacuity(&plain(at, both)).mutations.into_iter().map(|m| m.outcome.summary).collect();
    for (said, wanted) in said.iter().zip([
        "does not answer as SMTP does, but with \"HTTP/1.1 400 Bad Request\"",
        "takes no mail from the empty sender for now: \"452 4.3.1",
        "refuses mail for a@b.example: \"550 5.1.1",
        "is an OPEN RELAY: it takes mail for x@y.example from strangers",
    ]) {
        assert!(said.contains(wanted), "{said}\nwanted {wanted}");
    }
}

#[test]
fn a_server_that_wants_a_login_is_not_judged_by_its_answers_to_strangers_alone() {
    let script = vec![
        ("EHLO", "250-stub.example\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n"),
        ("MAIL", "530 5.7.0 Authentication required\r\n"),
    ];
    let rcpt_to = "set rcpt_to (and user and pass_file, if the server wants a login)";
    let logs_in = ("login_refused", "set user, pass_file and another security");
    let plaintext = ("no_starttls", "take out security = \"none\"");
    let (at, _) = scripted(script.clone());
    let found = vacuity(&plain(at, "expect_refused = \"x@y.example\"\n"));
    let all = vec!["wrong_answer", "no_starttls", "login_refused", "takes_no_mail", "gone", "open_relay"];
    assert_eq!(names(&found), (all, vec![plaintext, logs_in, ("gone", rcpt_to)]));
    let (at, _) = scripted(script);
    let missed = [plaintext, logs_in, ("takes_no_mail", rcpt_to), ("gone", rcpt_to), RELAY];
    assert_eq!(names(&vacuity(&plain(at, ""))).1, missed);
}

#[test]
fn a_login_over_tls_that_would_send_a_mail_notices_all_but_the_end_of_the_certificate() {
    let folder = tempfile::tempdir().unwrap();
    if !certificate(folder.path()) {
        return;
    }
    let pass = folder.path().join("pass");
    std::fs::write(&pass, "s3cret-word\n").unwrap();
    std::fs::set_permissions(&pass, std::fs::Permissions::from_mode(0o600)).unwrap();
    let ca = folder.path().join("own.pem");
    let login = format!("user = \"me\"\npass_file = {pass:?}\n");
    for (starttls, auth) in [(true, "250-stub\r\n250 AUTH PLAIN\r\n"), (false, "250-stub\r\n250 AUTH LOGIN\r\n")] {
        let login_by = [("EHLO", auth), ("AUTH LOGIN", "334 VXNlcm5hbWU6\r\n"), ("bWU=", "334 UGFzc3dvcmQ6\r\n")];
        let good = [("AUTH PLAIN", "235 fine\r\n"), ("czNjcmV0LXdvcmQ=", "235 fine\r\n")];
        let script: Script = [&login_by[..], &good].concat();
        let at = secured(folder.path(), script, starttls);
        let security = if starttls { "starttls" } else { "tls" };
        let table = |more: &str| {
            format!(
                "address = \"{at}\"\nserver_name = \"localhost\"\nca_file = {ca:?}\nsecurity = \"{security}\"\n{more}"
            )
        };
        let begin = if starttls { vec!["wrong_answer", "no_starttls"] } else { vec!["wrong_answer"] };
        let certificates = ["other_certificate", "one_day_certificate"];
        let by = if starttls { " and starttls = \"smtp\"" } else { "" };
        let end = format!("add a [[job.tls]] for {at} with server_name = \"localhost\"{by}");

        let found = vacuity(&table(&format!("{login}rcpt_to = \"a@b.example\"\n")));
        let all = [&begin, &["login_refused", "takes_no_mail", "gone"][..], &certificates].concat();
        assert_eq!(names(&found), (all, vec![("one_day_certificate", &*end)]));
        let of: Vec<_> = found.mutations.iter().rev().take(2).map(|m| m.of.as_deref()).collect();
        let certificate_of = format!("certificate of localhost at {at}");
        assert_eq!(of, [Some(&*certificate_of); 2]);
        assert!(!format!("{found:?}").contains("s3cret"), "{found:?}");

        let found = vacuity(&table(&login));
        assert_eq!(names(&found).1, [&NO_MAIL[..], &[("one_day_certificate", &*end)]].concat());
        let found = vacuity(&table(""));
        let rcpt_to = "set rcpt_to (and user and pass_file, if the server wants a login)";
        let missed =
            [("login_refused", "set user and pass_file"), ("takes_no_mail", rcpt_to), ("gone", rcpt_to), RELAY];
        assert_eq!(names(&found).1, [&missed[..], &[("one_day_certificate", &*end)]].concat());
    }
}

#[test]
fn a_server_that_is_not_well_gives_nothing_to_make_wrong() {
    let (busy, _) = scripted(vec![("", "421 too busy\r\n")]);
    let (full, _) = scripted(vec![("RCPT", "452 4.2.2 mailbox full\r\n")]);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (at, verdict) in [(busy, Verdict::Failed), (full, Verdict::Warning), (closed, Verdict::Failed)] {
        let found = vacuity(&plain(at, "rcpt_to = \"a@b.example\"\n"));
        assert_eq!((found.outcome.verdict, found.mutations.len()), (verdict, 0), "{found:?}");
    }
}
