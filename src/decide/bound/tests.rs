use super::*;

pub(crate) fn site() -> Site {
    let minute = Duration::from_secs(60);
    Site {
        pace: Pace::default(),
        canaries: Canaries::new(minute * 15, minute * 10, true, 200),
        proof: Proof::Mailbox,
        peers: 1,
        legacy: 0,
        daemon: true,
        listens: true,
        channels: 0,
        deadman: false,
        jobs: vec![(Frequency::Minute, 2, Duration::from_secs(10))],
        latency: LATENCY,
    }
}

fn secs(site: &Site, fault: Fault) -> Option<u64> {
    site.longest(fault).map(|d| d.as_secs())
}

#[test]
fn the_usual_two_nodes_are_told_of_nearly_all() {
    let site = site();
    let never: Vec<Fault> = site.rows().into_iter().filter(|r| r.longest.is_none()).map(|r| r.fault).collect();
    assert_eq!(never, [Fault::ClassMissing, Fault::AdminMailbox], "jobs of one class need one line");
    assert_eq!(secs(&site, Fault::HostDead), Some(300 + 120 + 10 + 20 + 120));
    assert_eq!(secs(&site, Fault::CronDead), Some(10 + 181 + 20 + 120));
    assert_eq!(secs(&site, Fault::DaemonDead), Some(120 + 2 + 20 + 120));
    assert_eq!(secs(&site, Fault::MailRefused), Some(900 + 20 + 300 + 60 + 10 + 20 + 120));
    assert_eq!(secs(&site, Fault::MailLost), Some(900 + 20 + 600 + 30 + 300 + 60 + 10 + 20 + 120));
    assert_eq!(secs(&site, Fault::TargetDown), Some(120 + 10 + 20 + 120));
}

#[test]
fn without_a_detector_the_table_says_never() {
    let alone = Site { peers: 0, ..site() };
    for fault in [
        Fault::HostDead,
        Fault::PortBlocked,
        Fault::MailRefused,
        Fault::MailLost,
        Fault::MailOff,
        Fault::LinkCut,
        Fault::Unwatched,
    ] {
        assert_eq!(secs(&alone, fault), None, "{fault:?}");
    }
    assert!(secs(&alone, Fault::CronDead).is_some(), "our own daemon");
    let bare = Site { daemon: false, listens: false, ..alone };
    for fault in [Fault::CronDead, Fault::DaemonDead, Fault::MailboxBlind] {
        assert_eq!(secs(&bare, fault), None, "{fault:?}");
    }
    assert!(secs(&bare, Fault::TargetDown).is_some());
    let unproven = Site { proof: Proof::None, ..site() };
    assert_eq!((secs(&unproven, Fault::MailLost), secs(&unproven, Fault::MailRefused)), (None, None));
    let old = Site { peers: 0, legacy: 1, ..site() };
    assert_eq!(secs(&old, Fault::HostDead), Some(3_605 + 120));
}

#[test]
fn a_second_channel_makes_the_way_of_bad_mail_short() {
    let phone = Site { channels: 1, peers: 0, ..site() };
    assert_eq!(secs(&phone, Fault::MailRefused), Some(900 + 20 + 20));
}

#[test]
fn names_are_unique_and_stable() {
    let names: std::collections::BTreeSet<_> = Fault::ALL.iter().map(|f| f.name()).collect();
    assert_eq!(names.len(), Fault::ALL.len());
    for fault in Fault::ALL {
        assert_eq!(serde_json::to_string(&fault).unwrap(), format!("\"{}\"", fault.name()));
    }
}
