//! What is judged of a folder, and whose fault it is where it could not be looked at.

use crate::judge::{Limits, hindered, judge};
use checker_job::{Blame, Outcome, Timestamp, Verdict};
use checker_parts::mailbox::{LookError, Survey, Why};
use checker_parts::net::{ResolveError, Trouble};
use checker_parts::tls::Fault;
use std::time::Duration;

const HOUR: u64 = 3_600;

/// A folder with so many messages, the newest of them so many hours old.
fn of(messages: u32, hours: Option<u64>, limits: &Limits) -> Outcome {
    let now = Timestamp::from_secs(1_000_000_000);
    let newest = hours.map(|h| std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 - h * HOUR));
    let newest = newest.map(|at| at.try_into().unwrap());
    judge("Reports", "me", limits, &Survey { messages, newest }, now)
}

#[test]
fn age_and_count_are_judged_in_two_degrees() {
    let age = Limits {
        age_warning: Some(Duration::from_secs(26 * HOUR)),
        age_critical: Some(Duration::from_secs(50 * HOUR)),
        ..Limits::default()
    };
    let count = Limits { messages_warning: Some(10), messages_critical: Some(100), ..Limits::default() };
    let both = Limits { age_critical: age.age_critical, ..count };
    for (outcome, verdict, sentence) in [
        (
            of(3, Some(2), &Limits::default()),
            Verdict::Ok,
            "me is let in; \"Reports\" holds 3 messages, the newest 2 h old",
        ),
        (of(0, None, &Limits::default()), Verdict::Ok, "me is let in; \"Reports\" holds 0 messages"),
        (of(1, Some(26), &age), Verdict::Ok, "me is let in; \"Reports\" holds 1 message, the newest 1 d 2 h old"),
        (
            of(1, Some(27), &age),
            Verdict::Warning,
            "newest message in \"Reports\" came 1 d 3 h ago; at most 1 d 2 h may pass",
        ),
        (
            of(1, Some(51), &age),
            Verdict::Failed,
            "newest message in \"Reports\" came 2 d 3 h ago; at most 2 d 2 h may pass",
        ),
        (of(0, None, &age), Verdict::Failed, "no message in \"Reports\"; one must have come within 2 d 2 h"),
        (
            of(4, None, &age),
            Verdict::Failed,
            "newest message in \"Reports\" has no date; one must have come within 2 d 2 h",
        ),
        (of(10, None, &count), Verdict::Ok, "me is let in; \"Reports\" holds 10 messages"),
        (of(11, None, &count), Verdict::Warning, "11 messages in \"Reports\"; at most 10 are well"),
        (of(101, None, &count), Verdict::Failed, "101 messages in \"Reports\"; at most 100 are well"),
        (
            of(11, Some(51), &both),
            Verdict::Failed,
            "newest message in \"Reports\" came 2 d 3 h ago; at most 2 d 2 h may pass; 11 messages in \"Reports\"; at most 10 \
             are well",
        ),
    ] {
        assert_eq!((outcome.verdict, outcome.summary.as_str()), (verdict, sentence));
    }
    // A date of its own choice, and an hour of clocks that differ.
    let at = |ahead: u64, limits: &Limits| {
        let newest = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + ahead);
        let survey = Survey { messages: 1, newest: Some(newest.try_into().unwrap()) };
        judge("Reports", "me", limits, &survey, Timestamp::from_secs(1_000_000_000))
    };
    let ahead = at(50 * HOUR, &age);
    assert_eq!(ahead.verdict, Verdict::Warning);
    assert!(ahead.summary.starts_with("newest message in \"Reports\" is dated 2 d 2 h in the future"), "{ahead:?}");
    assert_eq!((at(HOUR, &age).verdict, at(50 * HOUR, &count).verdict), (Verdict::Ok, Verdict::Ok));
    let outcome = of(11, Some(2), &both);
    let metrics: Vec<_> =
        outcome.metrics.iter().map(|m| (&*m.label, m.value, m.warning.as_deref(), m.critical.as_deref())).collect();
    assert_eq!(metrics, [("messages", 11.0, Some("10"), Some("100")), ("age", 7_200.0, None, Some("180000"))]);
}

#[test]
fn only_the_targets_own_faults_are_its_failures() {
    let of = |why: Why| hindered("a.example", &LookError { at: "mail server a.example:993".to_owned(), why });
    let to = "192.0.2.1:993".parse().unwrap();
    let tls = |cause| Why::Tls(Fault { sentence: "certificate expired".to_owned(), cause });
    for (why, verdict, cause, blame) in [
        (Why::Name(ResolveError::NoSuchName), Verdict::Failed, None, None),
        (
            Why::Name(ResolveError::NoResolver("x".to_owned())),
            Verdict::Unknown,
            Some("the resolver does not answer"),
            Some(Blame::NoResolver),
        ),
        (Why::Connect(Trouble::Refused, to), Verdict::Failed, None, None),
        (Why::Connect(Trouble::TimedOut, to), Verdict::Failed, None, Some(Blame::Silence)),
        (Why::Connect(Trouble::NoRoute, to), Verdict::Unknown, Some("this host has no route"), Some(Blame::NoRoute)),
        (
            Why::Connect(Trouble::Forbidden, to),
            Verdict::Unknown,
            Some("this host's own firewall forbids the connection"),
            Some(Blame::Firewall),
        ),
        (tls(None), Verdict::Failed, None, None),
        (tls(Some("no system CA certificates")), Verdict::Unknown, Some("no system CA certificates"), None),
        (Why::LoginRefused("me".to_owned(), "no".to_owned()), Verdict::Failed, None, None),
        (Why::Silent("its greeting".to_owned()), Verdict::Failed, None, None),
    ] {
        let outcome = of(why.clone());
        assert_eq!((outcome.verdict, outcome.cause.as_deref(), outcome.blame), (verdict, cause, blame), "{why:?}");
        assert!(outcome.summary.contains("a.example"), "{outcome:?}");
    }
}
