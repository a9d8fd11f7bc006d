//! Whom else a pass tells while one way out is broken.

use super::hook::{Hook, Manner};
use super::{home, mail_works, mend, minute, no_secret_is_written, short, smash, target, webhook};
use crate::support::binary::{Home, has_faketime};

fn subjects(home: &Home) -> Vec<String> {
    home.subjects().iter().map(|s| short(s)).collect()
}

#[test]
fn while_mail_is_broken_urgent_news_rings_once_and_its_end_follows() {
    if !has_faketime() {
        return;
    }
    let hook = Hook::start(Manner::says("200 OK"));
    let home = home(&[target("router", ""), target("disk", ""), webhook("phone", "template = \"ntfy\"")], hook.port);
    mend(&home, "router");
    mend(&home, "disk");
    home.pass_at(minute(0));
    mail_works(&home, false);
    smash(&home, "router");
    home.run_at(minute(1), &["cron"]).ended(75);
    home.run_at(minute(2), &["cron"]).ended(75);
    assert_eq!(hook.titles(), [""; 0], "a server that comes back soon rings nobody");
    for n in 3..9 {
        home.run_at(minute(n), &["cron"]).ended(75);
    }
    assert_eq!(hook.titles(), ["DOWN: router"], "once");
    let text = &hook.got()[0].body;
    assert!(text.starts_with("MAIL IS BROKEN: this is for you@example.com,"), "{text}");
    // What fails now rings at once.
    smash(&home, "disk");
    home.run_at(minute(9), &["cron"]).ended(75);
    assert_eq!(hook.titles(), ["DOWN: router", "DOWN: disk"]);
    mend(&home, "router");
    home.run_at(minute(10), &["cron"]).ended(75);
    assert_eq!(hook.titles().last().map(String::as_str), Some("UP: router"));
    assert!(hook.got()[2].body.starts_with("You get this because you were told of it"), "{:?}", hook.got()[2]);
    // Mail works again: its own news is told there, and nothing more rings for what fails from now on.
    mail_works(&home, true);
    home.run_at(minute(21), &["cron"]).silent();
    let mailed = subjects(&home);
    assert!(!mailed.is_empty() && mailed.iter().any(|s| s.contains("disk") || s.contains("2 ")), "{mailed:?}");
    smash(&home, "router");
    home.run_at(minute(30), &["cron"]).silent();
    mend(&home, "disk");
    home.run_at(minute(31), &["cron"]).silent();
    assert_eq!(hook.titles()[3..], ["UP: disk"], "who was told of the failure is told of its end, and of nothing else");
    no_secret_is_written(&home);
}

#[test]
fn what_a_channel_does_not_take_is_mailed_and_the_channel_is_told_as_broken() {
    if !has_faketime() {
        return;
    }
    let hook = Hook::start(Manner::says("404 Not Found"));
    let home = home(&[target("router", "contacts = [\"phone\"]"), webhook("phone", "template = \"ntfy\"")], hook.port);
    home.run_at(minute(0), &["cron"]).ended(75);
    home.run_at(minute(1), &["cron"]).ended(75);
    assert_eq!(subjects(&home), ["DOWN: router"]);
    for n in [2, 9, 11, 12] {
        home.run_at(minute(n), &["cron"]).ended(75);
    }
    assert_eq!(subjects(&home), ["DOWN: router", "CHECKER ITSELF: channel phone"]);
    let text = home.mails()[1].raw.clone();
    assert!(text.contains("it was revoked or mistyped"), "{text}");
    let status = home.run_at(minute(12), &["status"]).out;
    assert!(status.contains("CHANNEL phone TAKES NOTHING since"), "{status}");
    hook.set(Manner::says("200 OK"));
    home.run_at(minute(65), &["cron"]).silent();
    home.run_at(minute(66), &["cron"]).silent();
    assert_eq!(hook.titles().last().map(String::as_str), Some("DOWN: router"), "it was tried again after an hour");
    assert_eq!(subjects(&home)[2..], ["SOLVED: channel phone"]);
    mend(&home, "router");
    home.run_at(minute(67), &["cron"]).silent();
    assert_eq!(hook.titles().last().map(String::as_str), Some("UP: router"));
    assert_eq!(subjects(&home).last().map(String::as_str), Some("UP: router"));
    no_secret_is_written(&home);
}
