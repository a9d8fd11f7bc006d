//! The outside service that is told that Checker lives.

use super::hook::{Hook, Manner};
use super::{SECRET, mend, minute, no_secret_is_written, short, smash, target};
use crate::support::binary::{Home, done, has_faketime, usual};
use crate::support::wait_until;
use std::time::{Duration, Instant};

fn watched(port: u16) -> Home {
    let home = Home::with_jobs("");
    home.write("ping.url", &format!("http://127.0.0.1:{port}/ping/{SECRET}\n"));
    home.settings(&usual(&format!("{}[deadman]\nurl_file = \"ping.url\"\n", target("router", ""))));
    mend(&home, "router");
    home
}

#[test]
fn each_pass_calls_once_and_a_service_that_hangs_holds_up_no_check() {
    if !has_faketime() {
        return;
    }
    let hook = Hook::start(Manner::says("200 OK"));
    let home = watched(hook.port);
    home.pass_at(minute(0));
    home.pass_at(minute(1));
    // Nothing is due any more in this minute: the pass lives all the same.
    home.pass_at(minute(1));
    assert_eq!(hook.got().iter().map(|g| g.line.clone()).collect::<Vec<_>>(), vec![format!("GET /ping/{SECRET}"); 3]);

    hook.set(Manner::Hangs);
    smash(&home, "router");
    let begin = Instant::now();
    let pass = home.start_at(minute(2), &["cron"]);
    wait_until(Duration::from_secs(30), || (!home.mails().is_empty()).then_some(())).expect("mail leaves");
    let mailed = Instant::now();
    done(&pass.wait_with_output().expect("the pass ends")).silent();
    let whole = begin.elapsed();
    assert!(whole < Duration::from_secs(20), "{whole:?}");
    // The call is given up after 5 s; neither the result nor its message waited for that.
    assert!(mailed < hook.got()[3].at + Duration::from_millis(4_500), "mail waited");
    assert_eq!(home.starts("router").len(), 3, "the check ran, and is committed");
    assert!(home.read("checker.log").contains("[deadman] was called in vain"), "{}", home.read("checker.log"));
    no_secret_is_written(&home);
    eprintln!("a hanging service: the pass took {whole:?}");
}

#[test]
fn a_pass_that_cannot_commit_does_not_say_that_it_lives() {
    if !has_faketime() {
        return;
    }
    let hook = Hook::start(Manner::says("200 OK"));
    let home = watched(hook.port);
    home.settings("[general]\n");
    assert_eq!(home.run_at(minute(0), &["cron"]).code, 78);
    assert_eq!(hook.got().len(), 0);
}

#[test]
fn after_an_hour_without_an_answer_it_is_told_once_and_its_end_too() {
    if !has_faketime() {
        return;
    }
    let hook = Hook::start(Manner::Says("404 Not Found", String::new(), format!("unknown {SECRET}")));
    let home = watched(hook.port);
    for n in [0, 1, 30, 59] {
        home.pass_at(minute(n));
    }
    assert_eq!(home.mails().len(), 0);
    for n in [61, 62, 63, 90] {
        home.pass_at(minute(n));
    }
    let subjects = |home: &Home| home.subjects().iter().map(|s| short(s)).collect::<Vec<_>>();
    assert_eq!(subjects(&home), ["CHECKER ITSELF: deadman"]);
    assert!(home.mails()[0].raw.contains("404 Not Found"), "{}", home.mails()[0].raw);
    assert!(home.run_at(minute(90), &["status"]).out.contains("CHECKER ITSELF, since"));
    hook.set(Manner::says("200 OK"));
    home.pass_at(minute(91));
    home.pass_at(minute(92));
    home.pass_at(minute(93));
    assert_eq!(subjects(&home), ["CHECKER ITSELF: deadman", "SOLVED: deadman"]);
    for mail in home.mails() {
        assert!(!mail.raw.contains(SECRET), "{}", mail.raw);
    }
    no_secret_is_written(&home);
}
