//! Links and routes that break.

use super::Watch;
use crate::support::binary::{Home, has_faketime, usual, utc};
use crate::support::need;
use crate::support::network::{GATEWAY, Net};
use std::net::TcpListener;

/// Somewhere in the world, beyond the gateway.
const THERE: &str = "198.51.100.7";
const ELSEWHERE: &str = "198.51.100.8";

fn ready() -> bool {
    need("namespaces") && has_faketime()
}

fn settings(references: &[&str], jobs: &str) -> String {
    usual(&format!(
        "[network]\nreference = {references:?}\n\n[defaults]\nfailure_threshold = 1\ntimeout = \"1s\"\n\n{jobs}"
    ))
}

fn tcp(name: &str, address: &str, every: &str) -> String {
    format!("[[job.tcp]]\nname = \"{name}\"\naddress = \"{address}\"\nevery = \"{every}\"\n\n")
}

#[test]
fn an_outage_of_twelve_passes_is_one_message_and_its_end_one() {
    if !ready() {
        return;
    }
    Net::with(|net| {
        net.add(THERE);
        let shop = TcpListener::bind((THERE, 1_001)).unwrap();
        let _daily = TcpListener::bind((THERE, 1_002)).unwrap();
        let _slow = TcpListener::bind((THERE, 1_003)).unwrap();
        let jobs = [
            tcp("shop", "198.51.100.7:1001", "minute"),
            tcp("daily", "198.51.100.7:1002", "day"),
            tcp("patient", "198.51.100.7:1003", "minute") + "failure_threshold = 3\n",
            "[[job.command]]\nname = \"disk\"\ncommand = [\"/bin/cat\", \"disk\"]\ndirectory = \"HOME\"\nplain = true\n".to_owned(),
        ];
        let home = Home::new(&settings(&["198.51.100.7:1"], &jobs.concat()));
        home.write("disk", "fine\n");
        let place = |c: &_| net.at_home(c);
        let mut w = Watch { home, now: utc("2026-06-01 21:55:05"), place: &place };
        w.passes(2);
        assert_eq!(w.home.subjects(), Vec::<String>::new());
        // Into the night: Berlin's midnight, and the daily job's slot with it, comes in the middle of the outage.
        net.cut_route();
        w.pass();
        let told = w.told("");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("CHECKER ITSELF: network: this host has no route"), "{told:?}");
        let mail = w.home.mails().remove(0).raw;
        assert!(mail.contains("    shop\n"), "{mail}");
        assert!(!mail.contains("disk\n"), "what needs no network is not hidden: {mail}");
        // A real failure that needs no network, in the middle; and one that nobody can see.
        w.home.write("gone", "");
        std::fs::remove_file(w.home.path("disk")).unwrap();
        w.pass();
        assert_eq!(w.told("DOWN: disk").len(), 1, "{:?}", w.home.subjects());
        drop(shop);
        w.passes(10);
        assert_eq!(w.home.subjects().len(), 2, "twelve passes: {:?}", w.home.subjects());
        assert_eq!(w.state("shop"), ("unsure".to_owned(), 0), "its streak is untouched");
        let daily = "tcp:198.51.100.7:1002";
        let hidden = w.home.starts(daily).len();
        net.heal_route();
        w.pass();
        assert_eq!(w.told("SOLVED: network").len(), 1, "{:?}", w.home.subjects());
        assert_eq!(w.told("DOWN: shop").len(), 1, "told in the first pass after: {:?}", w.home.subjects());
        assert_eq!(w.home.starts(daily).len(), hidden + 1, "it does not wait for the next midnight");
        assert_eq!(w.state("daily").0, "ok");
        w.passes(2);
        assert_eq!(w.home.starts(daily).len(), hidden + 1, "and runs by its slots again");
        assert_eq!(w.told("CANNOT"), Vec::<String>::new());
        assert_eq!(w.told("patient"), Vec::<String>::new());
        assert_eq!(w.home.subjects().len(), 4, "{:?}", w.home.subjects());
    });
}

#[test]
fn behind_a_silent_uplink_nobody_is_down_and_who_answers_is_judged() {
    if !ready() {
        return;
    }
    Net::with(|net| {
        for address in [THERE, ELSEWHERE] {
            net.add(address);
        }
        let _shop = TcpListener::bind((THERE, 1_001)).unwrap();
        let jobs = [
            tcp("shop", "198.51.100.7:1001", "minute"),
            tcp("near", "10.99.0.1:1001", "minute"),
            "[[job.http]]\nname = \"web\"\nurl = \"http://198.51.100.7:1001/\"\n".to_owned(),
            "[[job.command]]\nname = \"plugin\"\nnetwork = true\ncommand = [\"/bin/false\"]\nplain = true\n".to_owned(),
        ];
        let home = Home::new(&settings(&["198.51.100.8:1"], &jobs.concat()));
        let place = |c: &_| net.at_home(c);
        let mut w = Watch { home, now: utc("2026-06-01 10:00:05"), place: &place };
        // Nothing of the world answers: the route is there, and a refusal by the gateway is an answer of its own.
        net.remove(THERE);
        net.remove(ELSEWHERE);
        w.passes(2);
        assert_eq!(w.told("DOWN").len(), 1, "{:?}", w.home.subjects());
        assert_eq!(w.told("DOWN: near").len(), 1, "it refused, so it was reached: {:?}", w.home.subjects());
        let own = w.told("CHECKER ITSELF: network");
        assert!(own.len() == 1 && own[0].contains("no reference address answers: 3 jobs"), "{own:?}");
        let mail = w.home.mails().into_iter().find(|m| m.subject().contains("network")).unwrap().raw;
        assert!(mail.contains("reference 198.51.100.8:1: 198.51.100.8:1: silent"), "{mail}");
        // The reference refuses again: the network works, and what stays silent is down.
        net.add(ELSEWHERE);
        w.pass();
        assert_eq!(w.told("SOLVED: network").len(), 1, "{:?}", w.home.subjects());
        let text: String = w.home.mails().into_iter().map(|m| m.raw).collect();
        for name in ["shop", "web", "plugin"] {
            assert!(text.contains(&format!("DOWN: {name}")), "{name}: {text}");
        }
    });
}

#[test]
fn fifty_red_jobs_before_a_good_witness_are_told_at_once() {
    if !ready() {
        return;
    }
    Net::with(|net| {
        let many: String = (1..=50).map(|n| tcp(&format!("host-{n:02}"), &format!("{THERE}:{n}"), "minute")).collect();
        // The gateway refuses: an answer.
        let home = Home::new(&settings(&[&format!("{GATEWAY}:1")], &many));
        let place = |c: &_| net.at_home(c);
        let mut w = Watch { home, now: utc("2026-06-01 10:00:05"), place: &place };
        w.pass();
        let mails = w.home.mails();
        assert_eq!(mails.len(), 1, "{:?}", w.home.subjects());
        assert!((1..=50).all(|n| mails[0].raw.contains(&format!("host-{n:02}"))), "{}", mails[0].raw);
        assert_eq!(w.told("CHECKER ITSELF"), Vec::<String>::new());
        // A real outage now. Those are told as down already: it changes nothing for them.
        net.cut_route();
        w.passes(2);
        assert_eq!(w.told("DOWN").len() + w.told("failed").len(), 1, "{:?}", w.home.subjects());
        assert_eq!(w.told("UP"), Vec::<String>::new());
        assert_eq!(w.told("CHECKER ITSELF").len(), 1);
    });
}

#[test]
fn without_any_network_and_any_reference_nobody_is_down() {
    if !ready() {
        return;
    }
    Net::with(|net| {
        net.link(false);
        let jobs = [
            tcp("number", "198.51.100.7:1001", "minute"),
            tcp("name", "www.example.com:80", "minute"),
            "[[job.http]]\nurl = \"http://198.51.100.7/\"\n".to_owned(),
        ];
        let text = settings(&[], &jobs.concat()).replace("[network]\nreference = []\n", "");
        let place = |c: &_| net.at_home(c);
        let mut w = Watch { home: Home::new(&text), now: utc("2026-06-01 10:00:05"), place: &place };
        w.passes(3);
        let told = w.home.subjects();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("no route to other networks: 3 jobs cannot be judged"), "{told:?}");
    });
}

#[test]
fn without_references_a_silent_target_is_down() {
    if !ready() {
        return;
    }
    Net::with(|net| {
        let text =
            settings(&[], &tcp("shop", "198.51.100.7:1001", "minute")).replace("[network]\nreference = []\n", "");
        let place = |c: &_| net.at_home(c);
        let mut w = Watch { home: Home::new(&text), now: utc("2026-06-01 10:00:05"), place: &place };
        w.pass();
        assert_eq!(w.told("DOWN: shop").len(), 1, "{:?}", w.home.subjects());
        assert_eq!(w.home.subjects().len(), 1);
    });
}

#[test]
fn a_short_outage_below_the_threshold_is_not_told_and_costs_no_slot() {
    if !ready() {
        return;
    }
    Net::with(|net| {
        net.add(THERE);
        let _shop = TcpListener::bind((THERE, 1_001)).unwrap();
        let text = settings(&["198.51.100.7:1"], &tcp("shop", "198.51.100.7:1001", "hour"));
        let home = Home::new(&text.replace("failure_threshold = 1", "failure_threshold = 2"));
        let place = |c: &_| net.at_home(c);
        let mut w = Watch { home, now: utc("2026-06-01 10:00:05"), place: &place };
        net.cut_route();
        w.pass();
        net.heal_route();
        w.passes(2);
        assert_eq!(w.home.subjects(), Vec::<String>::new());
        assert_eq!(w.home.starts("tcp:198.51.100.7:1001").len(), 2, "hidden, and looked at in the next pass");
        assert_eq!(w.state("shop").0, "ok");
        // It lasts for two passes, though its only job runs hourly: now it is told.
        w.now = utc("2026-06-01 11:00:05");
        net.cut_route();
        w.passes(2);
        assert_eq!(w.told("CHECKER ITSELF: network").len(), 1, "{:?}", w.home.subjects());
    });
}
