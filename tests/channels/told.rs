//! Passes that tell by mail and by channels.

use super::hook::{Hook, Manner};
use super::{home, mend, minute, no_secret_is_written, short, smash, target, webhook};
use crate::support::binary::{has_faketime, sweep, usual};
use crate::support::wait_until;
use std::time::Duration;

#[test]
fn a_contact_that_is_a_channel_is_told_as_a_mail_address_is() {
    if !has_faketime() {
        return;
    }
    let hook = Hook::start(Manner::says("200 OK"));
    let both = target("router", "contacts = [\"net@example.com\", \"phone\"]");
    let only = target("printer", "contacts = [\"phone\"]");
    let home = home(&[both, only, target("disk", ""), webhook("phone", "template = \"ntfy\"")], hook.port);
    for name in ["router", "printer", "disk"] {
        mend(&home, name);
    }
    home.pass_at(minute(0));
    for name in ["router", "printer", "disk"] {
        smash(&home, name);
    }
    home.pass_at(minute(1));
    let mut titles = hook.titles();
    titles.sort();
    assert_eq!(titles, ["DOWN: printer", "DOWN: router"]);
    let mut mails: Vec<String> = home.subjects().iter().map(|s| short(s)).collect();
    mails.sort();
    assert_eq!(mails, ["DOWN: disk", "DOWN: router"]);
    let ids = home.count("SELECT count(*) FROM delivery WHERE recipient = 'phone' AND state = 'told'");
    assert_eq!(ids, 2);
    for got in hook.got() {
        let key = &got.head["idempotency-key"];
        let sql = format!("SELECT count(*) FROM delivery WHERE message_id = '<{key}>' AND recipient = 'phone'");
        assert_eq!(home.count(&sql), 1, "{key}");
    }
    for name in ["router", "printer"] {
        mend(&home, name);
    }
    home.pass_at(minute(2));
    let mut after = hook.titles().split_off(2);
    after.sort();
    assert_eq!(after, ["UP: printer", "UP: router"]);
    assert!(hook.got()[2..].iter().all(|g| g.head["priority"] == "3") && hook.got()[0].head["priority"] == "5");
    home.pass_at(minute(3));
    assert_eq!((hook.got().len(), home.mails().len()), (4, 3));
    no_secret_is_written(&home);
}

#[test]
fn a_message_that_was_in_flight_when_the_pass_was_killed_is_sent_again_with_the_same_key() {
    if !has_faketime() {
        return;
    }
    let hook = Hook::start(Manner::Hangs);
    let home = home(&[target("router", "contacts = [\"phone\"]"), webhook("phone", "")], hook.port);
    let mut pass = home.start_at(minute(0), &["cron"]);
    wait_until(Duration::from_secs(30), || (hook.got().len() == 1).then_some(())).expect("the message is in flight");
    pass.kill().expect("a kill");
    pass.wait().expect("its end");
    sweep(pass.id());
    hook.set(Manner::says("200 OK"));
    home.pass_at(minute(1));
    home.pass_at(minute(2));
    let got = hook.got();
    assert_eq!(got.len(), 2, "once more, and no more than that");
    assert_eq!(got[0].head["idempotency-key"], got[1].head["idempotency-key"]);
    let json: Vec<serde_json::Value> = got.iter().map(|g| serde_json::from_str(&g.body).expect("JSON")).collect();
    assert_eq!(json[0], json[1]);
    assert_eq!((json[0]["v"].as_u64(), json[0]["alerts"][0]["job"].as_str()), (Some(1), Some("router")));
}

#[test]
fn nomail_is_about_mail() {
    if !has_faketime() {
        return;
    }
    let hook = Hook::start(Manner::says("200 OK"));
    let both = target("router", "contacts = [\"net@example.com\", \"phone\"]");
    let home = home(&[both, webhook("phone", "template = \"ntfy\"")], hook.port);
    for n in 0..4 {
        home.run_at(minute(n), &["cron", "--nomail"]).silent();
    }
    assert_eq!((hook.titles(), home.mails().len()), (vec!["DOWN: router".to_owned()], 0));
    home.pass_at(minute(4));
    assert_eq!((hook.got().len(), home.subjects().len()), (1, 1), "what was kept back is told by mail alone");
}

#[test]
fn what_is_for_a_channel_that_left_the_settings_goes_to_the_general_contacts() {
    if !has_faketime() {
        return;
    }
    let hook = Hook::start(Manner::says("503 Service Unavailable"));
    let home = home(&[target("router", "contacts = [\"phone\"]"), webhook("phone", "")], hook.port);
    home.run_at(minute(0), &["cron"]).ended(75);
    assert_eq!((hook.got().len(), home.mails().len()), (1, 0));
    home.settings(&usual(&target("router", "")));
    home.pass_at(minute(1));
    assert_eq!(home.subjects().iter().map(|s| short(s)).collect::<Vec<_>>(), ["DOWN: router"]);
    let text = home.mails()[0].raw.clone();
    assert!(text.contains("To: you@example.com") && text.contains("A WAY OUT IS BROKEN OR GONE"), "{text}");
    assert_eq!(home.count("SELECT count(*) FROM delivery WHERE state = 'unsent'"), 0);
    mend(&home, "router");
    home.pass_at(minute(2));
    home.pass_at(minute(3));
    assert_eq!(home.subjects().iter().map(|s| short(s)).collect::<Vec<_>>(), ["DOWN: router", "UP: router"]);
    assert_eq!(hook.got().len(), 1);
}
