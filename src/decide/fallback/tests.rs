use super::*;
use checker_job::Verdict;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const NET: &str = "net@example.com";
const YOU: &str = "you@example.com";

fn to(name: &str) -> Recipient {
    Recipient(name.to_owned())
}

fn key(job: &str, episode: u32, step: u32) -> AlertId {
    AlertId { job: JobId::literal(job.to_owned()), episode, step }
}

fn alert(id: AlertId, kind: AlertKind, whom: &[&str]) -> Alert {
    let name = id.job.to_string();
    Alert {
        id,
        kind,
        verdict: Verdict::Failed,
        at: NOW,
        since: NOW,
        failures: 2,
        name,
        host: None,
        cause: None,
        subject: String::new(),
        body: String::new(),
        note: None,
        recipients: whom.iter().map(|w| to(w)).collect(),
    }
}

fn waits(id: AlertId, kind: AlertKind, whom: &str) -> Waiting {
    let alert = alert(id, kind, &[whom]);
    Waiting { alert, recipient: to(whom), delivery: None, withheld: false, told: false, thread: None }
}

fn delivery(n: u128, whom: &str, alerts: &[AlertId], refused: bool) -> Delivery {
    Delivery {
        id: Uuid::from_u128(n),
        recipient: to(whom),
        alerts: alerts.to_vec(),
        subject: String::new(),
        body: String::new(),
        message_id: String::new(),
        in_reply_to: None,
        urgent: true,
        digest: false,
        created_at: NOW,
        attempts: 1,
        next_try: NOW,
        last_error: None,
        state: if refused { DeliveryState::Refused { at: NOW, why: String::new() } } else { DeliveryState::Unsent },
    }
}

fn ways(mail_is_broken: bool, broken: &[&str]) -> Ways {
    Ways {
        channels: ["pager", "phone"].map(str::to_owned).into(),
        contacts: vec![to(YOU)],
        mail_is_broken,
        broken: broken.iter().map(|b| (*b).to_owned()).collect(),
        nomail: false,
    }
}

/// Who is added, as `STEP>WHOM`.
fn added(waiting: &[Waiting], unsent: &[Delivery], listed: &[(AlertId, &str)], ways: &Ways) -> Vec<String> {
    let mut all: BTreeSet<(AlertId, Recipient)> =
        waiting.iter().map(|w| (w.alert.id.clone(), w.recipient.clone())).collect();
    all.extend(listed.iter().map(|(id, whom)| (id.clone(), to(whom))));
    let extra = extra(waiting, unsent, &all, ways);
    extra.addressed.iter().map(|(id, to)| format!("{}>{to}", id.step)).collect()
}

#[test]
fn a_way_is_broken_after_some_patience() {
    assert!(!is_broken(None, NOW) && !is_broken(Some(NOW), NOW));
    assert!(!is_broken(Some(NOW.minus(Duration::from_secs(61))), NOW), "the second pass");
    assert!(is_broken(Some(NOW.minus(Duration::from_secs(119))), NOW), "the third, early by its clock");
    assert!(!is_broken(Some(NOW.plus(Duration::from_secs(500))), NOW), "noted while the clock was ahead");
}

#[test]
fn urgent_mail_goes_to_all_channels_while_mail_is_broken_and_once() {
    let down = [waits(key("a", 1, 0), AlertKind::Down, NET)];
    assert_eq!(added(&down, &[], &[], &ways(false, &[])), [""; 0]);
    assert_eq!(added(&down, &[], &[], &ways(false, &["phone"])), [""; 0], "a broken channel is not its way");
    assert_eq!(added(&down, &[], &[], &ways(true, &[])), ["0>pager", "0>phone"]);
    // Told there by now, or addressed there from the beginning: not again.
    assert_eq!(added(&down, &[], &[(key("a", 1, 0), "phone")], &ways(true, &[])), ["0>pager"]);
    let off = Ways { nomail: true, ..ways(true, &[]) };
    assert_eq!(added(&down, &[], &[], &off), [""; 0], "what is switched off is not broken");
    for quiet in [AlertKind::Reminder, AlertKind::Recovery, AlertKind::Better, AlertKind::Flapping] {
        assert_eq!(added(&[waits(key("a", 1, 1), quiet, NET)], &[], &[], &ways(true, &[])), [""; 0], "{quiet:?}");
    }
}

#[test]
fn what_is_over_already_rings_nobody() {
    let both = [waits(key("a", 1, 0), AlertKind::Down, NET), waits(key("a", 1, 1), AlertKind::Recovery, NET)];
    assert_eq!(added(&both, &[], &[], &ways(true, &[])), [""; 0]);
    let refused = delivery(1, NET, &[key("a", 1, 0)], true);
    assert_eq!(added(&both, &[refused], &[], &ways(true, &[])), [""; 0]);
}

#[test]
fn what_a_channel_does_not_take_goes_to_the_general_contacts() {
    let down = [waits(key("a", 1, 0), AlertKind::Down, "phone")];
    assert_eq!(added(&down, &[], &[], &ways(true, &["pager"])), [""; 0]);
    assert_eq!(added(&down, &[], &[], &ways(false, &["phone"])), ["0>you@example.com"]);
}

#[test]
fn a_refused_message_is_told_elsewhere_at_once() {
    let refused = delivery(1, NET, &[key("a", 1, 0)], true);
    assert_eq!(added(&[], std::slice::from_ref(&refused), &[], &ways(false, &[])), ["0>pager", "0>phone"]);
    let phone = delivery(1, "phone", &[key("a", 1, 0)], true);
    assert_eq!(added(&[], &[phone], &[], &ways(false, &[])), ["0>you@example.com"]);
    let calm = Delivery { urgent: false, ..refused };
    assert_eq!(added(&[], &[calm], &[], &ways(false, &[])), [""; 0]);
    assert_eq!(added(&[], &[delivery(1, NET, &[key("a", 1, 0)], false)], &[], &ways(false, &[])), [""; 0]);
}

#[test]
fn what_follows_goes_to_everybody_who_was_added() {
    let listed = [(key("a", 1, 0), "phone"), (key("a", 1, 0), "old@example.com"), (key("a", 2, 0), "pager")];
    for kind in [AlertKind::Recovery, AlertKind::Worse, AlertKind::Better, AlertKind::Closed] {
        let next = [waits(key("a", 1, 1), kind, NET)];
        assert_eq!(added(&next, &[], &listed, &ways(false, &[])), ["1>phone"], "{kind:?}");
    }
    let reminder = [waits(key("a", 1, 1), AlertKind::Reminder, NET)];
    assert_eq!(added(&reminder, &[], &listed, &ways(false, &[])), [""; 0]);
}

#[test]
fn news_about_mail_goes_to_all_channels_at_once() {
    let down = [waits(key("node:mail", 1, 0), AlertKind::Down, YOU)];
    assert_eq!(added(&down, &[], &[], &ways(false, &[])), ["0>pager", "0>phone"]);
    let other = [waits(key("node:crontab:hour", 1, 0), AlertKind::Down, YOU)];
    assert_eq!(added(&other, &[], &[], &ways(false, &[])), [""; 0]);
}

#[test]
fn what_was_for_a_channel_that_is_gone_goes_to_the_general_contacts() {
    let waiting = [waits(key("a", 1, 0), AlertKind::Down, "fax"), waits(key("b", 1, 0), AlertKind::Reminder, "fax")];
    let unsent = [delivery(1, "fax", &[key("c", 1, 0)], true), delivery(2, "phone", &[key("d", 1, 0)], false)];
    let listed = waiting.iter().map(|w| (w.alert.id.clone(), w.recipient.clone())).collect();
    let extra = extra(&waiting, &unsent, &listed, &ways(false, &[]));
    assert_eq!(extra.superseded, [Uuid::from_u128(1)]);
    let jobs = |all: Vec<(&AlertId, &Recipient)>| -> Vec<String> {
        all.iter().map(|(id, to)| format!("{}>{to}", id.job)).collect()
    };
    let dropped = jobs(extra.dropped.iter().map(|(id, to, _)| (id, to)).collect());
    assert_eq!(dropped, ["a>fax", "b>fax", "c>fax"]);
    let to_whom = jobs(extra.addressed.iter().map(|(id, to)| (id, to)).collect());
    assert_eq!(to_whom, ["a>you@example.com", "b>you@example.com", "c>you@example.com"]);
    assert!(extra.dropped[0].2.contains("\"fax\" has left the settings"));
}

#[test]
fn a_message_says_why_it_goes_elsewhere() {
    let down = alert(key("a", 1, 0), AlertKind::Down, &[NET]);
    let over = alert(key("a", 1, 1), AlertKind::Recovery, &[NET]);
    let said = |whom: &str, alerts: &[Alert]| reason(&to(whom), alerts.iter());
    assert_eq!(said(NET, std::slice::from_ref(&down)), None);
    assert_eq!(
        said("phone", std::slice::from_ref(&down)).as_deref(),
        Some("MAIL IS BROKEN: this is for net@example.com, and may not have arrived there.")
    );
    assert_eq!(
        said("phone", &[over]).as_deref(),
        Some("You get this because you were told of it in place of net@example.com.")
    );
    let rung = alert(key("a", 1, 0), AlertKind::Down, &["phone"]);
    assert!(said(YOU, &[rung]).is_some_and(|s| s.starts_with("A WAY OUT IS BROKEN OR GONE: this is for phone,")));
}
