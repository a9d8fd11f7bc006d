use super::*;

pub(crate) fn site() -> Site {
    let minute = Duration::from_secs(60);
    Site {
        pace: Pace::default(),
        canaries: Canaries::new(minute * 15, minute * 10, true, 200),
        proof: Proof::Mailbox,
        peers: 1,
        pushed: 0,
        unasked: 0,
        legacy: 0,
        daemon: true,
        listens: true,
        channels: 0,
        deadman: false,
        jobs: vec![(Frequency::Minute, 2, Duration::from_secs(10))],
        slow: Vec::new(),
        windowed: Vec::new(),
        latency: LATENCY,
    }
}

fn secs(site: &Site, fault: Fault) -> Option<u64> {
    site.longest(fault).map(|d| d.as_secs())
}

/// Cron is late, the daemon is asked, then the peers.
const FRONT: u64 = 2 + 2 + 10;

#[test]
fn what_passes_do_is_as_slow_as_they_come() {
    let slow = Pace { passes: Duration::from_secs(420), ..Pace::default() };
    let site = Site { pace: slow, ..site() };
    assert_eq!(site.cadence(Duration::from_secs(300)), slow.passes);
    assert_eq!(site.cadence(Duration::from_secs(600)), slow.passes * 2, "not due after one pass");
    assert_eq!(Site { pace: Pace::default(), ..site }.cadence(Duration::from_secs(300)), Duration::from_secs(300));
}

#[test]
fn the_usual_two_nodes_are_told_of_nearly_all() {
    let site = site();
    let never: Vec<Fault> = site.rows().into_iter().filter(|r| r.longest.is_none()).map(|r| r.fault).collect();
    assert_eq!(never, [Fault::ClassMissing, Fault::AdminMailbox], "jobs of one class need one line");
    assert_eq!(secs(&site, Fault::HostDead), Some(300 + 120 + FRONT + 20 + 20 + 120), "its own admin may come first");
    assert_eq!(secs(&site, Fault::CronDead), Some(FRONT - 2 + 10 + 181 + 30 + 20 + 120));
    assert_eq!(secs(&site, Fault::DaemonDead), Some(120 + FRONT + 20 + 120));
    assert_eq!(secs(&site, Fault::MailRefused), Some(900 + 120 + 20 + 300 + 60 + FRONT + 20 + 120));
    assert_eq!(secs(&site, Fault::MailLost), Some(900 + 600 + 30 + 300 + 60 + FRONT + 20 + 120));
    assert_eq!(secs(&site, Fault::StateBroken), Some(60 + FRONT + 20 + 120));
    assert_eq!(secs(&site, Fault::Cloned), Some(600 + FRONT + 20 + 120));
    assert_eq!(secs(&site, Fault::TargetDown), Some(120 + FRONT + 10 + 20 + 120));
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
    // A peer must be asked, look, and say what it saw.
    let within = site().canaries.within + Pace::default().peer_look();
    let canaries = Canaries { within, ..site().canaries };
    let by_peer = Site { proof: Proof::Peer, canaries, ..site() };
    assert_eq!(secs(&by_peer, Fault::MailLost), secs(&site(), Fault::MailLost).map(|t| t + 830));
    assert_eq!(secs(&by_peer, Fault::MailSpam), Some(900 + 20 + 120 + 830 + 60 + 300 + 60 + FRONT + 20 + 120));
    assert!(secs(&by_peer, Fault::MailboxBlind).is_some());
    // A human sees the admin's mailbox, which nobody else does; but whoever tells of it must not mail there.
    let human = Site { proof: Proof::Human, ..site() };
    assert!(secs(&human, Fault::AdminMailbox).is_none() && secs(&human, Fault::MailboxBlind).is_none());
    let phone = Site { channels: 1, ..human };
    assert_eq!(secs(&phone, Fault::AdminMailbox), secs(&phone, Fault::MailLost));
    assert!(secs(&phone, Fault::AdminMailbox).is_some());
    // Who proves nothing is asked all the time, and what peers have heard they do not hear again.
    assert_eq!(secs(&unproven, Fault::HostDead), Some(60 + 120 + FRONT + 20 + 20 + 120));
    assert_eq!((secs(&unproven, Fault::MailOff), secs(&unproven, Fault::Cloned)), (None, None));
    let old = Site { peers: 0, legacy: 1, ..site() };
    assert_eq!(secs(&old, Fault::HostDead), Some(2 + 3_605 + 20 + 120));
}

#[test]
fn who_cannot_be_asked_pushes_and_is_watched() {
    let deaf = Site { listens: false, ..site() };
    for fault in [Fault::HostDead, Fault::MailRefused, Fault::MailLost, Fault::MailOff, Fault::Unwatched] {
        assert_eq!(secs(&deaf, fault), None, "{fault:?}");
    }
    let nat = Site { pushed: 1, ..deaf };
    assert_eq!(secs(&nat, Fault::HostDead), Some(360 + 180 + FRONT + 20 + 20 + 120));
    // It has served, its daemon has said so and what it says, and the peer has taken it.
    let brings = FRONT + 10 + 2 * 2 + 10;
    assert_eq!(secs(&nat, Fault::MailOff), Some(60 + brings + 180 + FRONT + 20 + 120));
    assert_eq!(secs(&nat, Fault::Unwatched), Some(60 + FRONT + 300 + 300 + FRONT + 20 + 120));
    assert_eq!(secs(&nat, Fault::PortBlocked), None, "nothing to block");
    assert!(!nat.can_occur(Fault::PortBlocked));
    assert_eq!(secs(&Site { daemon: false, ..nat }, Fault::HostDead), None, "the daemon makes the status");
    // A copy of us shows nowhere if nobody can be asked.
    assert_eq!(secs(&Site { unasked: 1, ..site() }, Fault::Cloned), None);
    assert_eq!(secs(&Site { listens: false, ..site() }, Fault::Cloned), None, "nobody hears us");
    // Where one peer asks and another is pushed to, the later one counts.
    let both = Site { peers: 2, pushed: 1, ..site() };
    assert_eq!(secs(&both, Fault::HostDead), Some(360 + 180 + FRONT + 20 + 20 + 120));
    // Those that get pushes do not come to the port, and those that ask do.
    assert_eq!(secs(&both, Fault::PortBlocked), Some(300 + 120 + FRONT + 20 + 20 + 120));
    let open = Site { pushed: 1, ..site() };
    assert_eq!(secs(&open, Fault::PortBlocked), None);
    let old = Site { legacy: 1, ..open };
    assert_eq!(secs(&old, Fault::PortBlocked), Some(2 + 3_605 + 20 + 120));
}

#[test]
fn a_second_channel_makes_the_way_of_bad_mail_short() {
    let phone = Site { channels: 1, peers: 0, ..site() };
    assert_eq!(secs(&phone, Fault::MailRefused), Some(900 + 120 + 20 + 20));
}

#[test]
fn names_are_unique_and_stable() {
    let names: std::collections::BTreeSet<_> = Fault::ALL.iter().map(|f| f.name()).collect();
    assert_eq!(names.len(), Fault::ALL.len());
    for fault in Fault::ALL {
        assert_eq!(serde_json::to_string(&fault).unwrap(), format!("\"{}\"", fault.name()));
    }
}

#[test]
fn a_job_that_sees_a_fault_late_is_told_late_by_whole_runs() {
    let (quarter, second) = (Duration::from_secs(900), Duration::from_secs(1));
    let trip = (Frequency::Minutes(15), 2, Duration::from_secs(30));
    let usual = Site { jobs: vec![trip], ..site() };
    let before = usual.longest(Fault::TargetDown).unwrap();
    for (seen_after, adds) in [(second, 1), (quarter, 1), (quarter + second, 2), (quarter * 4, 4)] {
        let site = Site { slow: vec![(trip, seen_after)], ..usual.clone() };
        for fault in [Fault::TargetDown, Fault::JobHangs] {
            assert_eq!(site.longest(fault), Some(before + quarter * adds), "{seen_after:?}");
        }
        let rhythms: Vec<_> = site.rhythms().into_iter().collect();
        let words = "every 15min, told after 2".to_owned();
        assert_eq!(rhythms, [((words, seen_after), before + quarter * adds)], "no time that is too short");
    }
}
