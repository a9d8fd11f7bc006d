//! Drills: a marked fault on the way of every alert, and nothing of it in the way of a real one.

use super::{Node, SOON, by_imap};
use crate::support::binary::{Done, done, has_faketime, utc};
use crate::support::mail::shared;
use crate::support::{need, wait_until};
use rusqlite::OpenFlags;
use std::io::Write;
use std::process::{Child, Stdio};
use std::time::Duration;

/// Runs passes until the drill has ended.
fn with_passes(node: &Node, mut drill: Child) -> Done {
    let ended = wait_until(SOON, || {
        node.home.run(&["cron", "--now"]);
        drill.try_wait().unwrap()
    });
    if ended.is_none() {
        drill.kill().unwrap();
    }
    done(&drill.wait_with_output().unwrap())
}

/// Waits until a drill is noted in the state.
fn await_begun(node: &Node) {
    let noted = || {
        let db = rusqlite::Connection::open_with_flags(node.home.path("checker.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)
            .ok()?;
        db.query_row("SELECT value FROM meta WHERE key = 'drill'", [], |r| r.get::<_, String>(0)).ok()
    };
    wait_until(SOON, noted).expect("it begins");
}

fn drills(node: &Node) -> Vec<String> {
    node.told().into_iter().filter(|s| s.contains("DRILL")).collect()
}

#[test]
fn a_drill_takes_the_way_of_alerts_and_each_step_is_seen() {
    if !need("postfix") {
        return;
    }
    let node = Node::with_mail(
        "drilled",
        shared(),
        &by_imap(shared(), "canary", "1h", "1min").replace("[daemon]\nLISTEN", ""),
    );
    let drill = node.home.command(&["drill"]).spawn().unwrap();
    let said = with_passes(&node, drill).ended(0);
    let steps = [
        "noticed by a pass",
        "to be told",
        "told, accepted for ",
        "arrived, in the folder INBOX",
        "good: within the bound",
    ];
    let places: Vec<usize> =
        steps.iter().map(|s| said.out.find(s).unwrap_or_else(|| panic!("{s}: {}", said.out))).collect();
    assert!(places.is_sorted(), "{}", said.out);
    assert!(said.out.contains("oncall@checker.test") && said.out.contains("canary@checker.test"), "{}", said.out);
    node.home.run(&["cron", "--now"]).ended(0);
    let told = drills(&node);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("[drilled] DRILL: drill ") && told[0].contains("no alarm"), "{told:?}");
    assert!(told[1].contains("is over"), "{told:?}");
    // Nothing is left of it.
    node.home.run(&["cron", "--now"]).ended(0);
    assert_eq!(node.told().len(), 2, "{:?}", node.told());
    assert_eq!(node.home.count("SELECT count(*) FROM meta WHERE key = 'drill'"), 0);
    let json = with_passes(&node, node.home.command(&["drill", "--json"]).spawn().unwrap()).ended(0).json();
    let at = |key: &str| json[key].as_f64().unwrap_or_else(|| panic!("{key}: {json}"));
    assert!(at("noticed_s") <= at("decided_s") && at("decided_s") <= at("told_s") && at("told_s") <= at("arrived_s"));
    assert!(at("arrived_s") < at("bound_s") && json["ok"] == true, "{json}");
}

#[test]
fn a_message_that_is_refused_fails_the_drill_and_by_the_calendar_that_is_an_alarm() {
    if !need("postfix") {
        return;
    }
    let node = Node::with_mail("refused", shared(), "");
    node.home.settings(&node.home.read("settings.cfg").replace("oncall@", "refuse@"));
    let said = with_passes(&node, node.home.command(&["drill"]).spawn().unwrap()).ended(75);
    assert!(said.out.contains("FAILED") && said.out.contains("not here"), "{}", said.out);
    let troubles = |node: &Node| node.home.run(&["status", "--json"]).json()["troubles"].to_string();
    assert!(!troubles(&node).contains("drill"), "by hand, a person has seen it");
    node.home.run(&["cron", "--now"]);
    with_passes(&node, node.home.command(&["drill", "--scheduled"]).spawn().unwrap()).ended(75);
    assert!(troubles(&node).contains("a drill has failed"), "{}", troubles(&node));
}

#[test]
fn a_second_drill_waits_for_the_first() {
    let node = Node::with_files("two", "");
    let mut first = node.home.command(&["drill"]).spawn().unwrap();
    await_begun(&node);
    let second = node.home.run(&["drill"]).ended(75);
    assert!(second.err.contains("another drill"), "{second:?}");
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn a_drill_neither_joins_nor_holds_real_alerts() {
    let ports: [u16; 5] = crate::support::free_ports();
    let job = |port: &u16| format!("[[job.tcp]]\nname = \"shop {port}\"\naddress = \"127.0.0.1:{port}\"\n");
    let node = Node::with_files("beside", &ports.iter().map(job).collect::<String>());
    with_passes(&node, node.home.command(&["drill"]).spawn().unwrap()).ended(0);
    let mails = node.home.mails();
    let (drills, real): (Vec<_>, Vec<_>) = mails.iter().partition(|m| m.subject().contains("DRILL"));
    // The end of the drill may be told already.
    assert!((1..=2).contains(&drills.len()) && real.len() == 1, "{:?}", node.told());
    assert!(ports.iter().all(|p| real[0].raw.contains(&format!("shop {p}"))), "five are one digest: {}", real[0].raw);
    assert!(!real[0].raw.contains("drill ") && !drills[0].raw.contains("shop"), "each in a message of its own");
}

#[test]
fn a_drill_that_nobody_ends_is_over_after_an_hour_and_one_by_the_calendar_is_an_alarm() {
    if !has_faketime() {
        return;
    }
    let node = Node::with_files("left", "");
    let start = utc("2026-06-01 10:00:05");
    let mut drill = node.home.start_at(start, &["drill", "--scheduled"]);
    await_begun(&node);
    drill.kill().unwrap();
    drill.wait().unwrap();
    let at = |minutes: u64| start.plus(Duration::from_secs(60 * minutes));
    for minute in [1, 2, 3, 30, 59] {
        node.home.pass_at(at(minute));
    }
    assert_eq!(drills(&node).len(), 1, "{:?}", node.told());
    node.home.pass_at(at(61));
    node.home.pass_at(at(62));
    let told = node.told();
    assert!(told.len() == 3 && told[1].contains("is over") && told[2].contains("a drill has failed"), "{told:?}");
    node.home.pass_at(at(63));
    assert_eq!(node.home.count("SELECT count(*) FROM meta WHERE key = 'drill'"), 0);
    assert_eq!(node.told().len(), 3, "{:?}", node.told());
}

#[test]
fn the_daemon_drills_by_the_calendar() {
    let mut node = Node::with_files("calendar", "[daemon]\nLISTEN\n[drill]\nevery = \"2s\"\n");
    node.start();
    let told = wait_until(SOON, || {
        node.home.run(&["cron", "--now"]);
        Some(drills(&node)).filter(|d| d.len() >= 2)
    });
    let told = told.unwrap_or_else(|| panic!("{:?}\n{}", node.told(), node.log()));
    assert!(told[0].contains("no alarm") && told[1].contains("is over"), "{told:?}");
    assert!(!node.told().iter().any(|s| s.contains("CHECKER ITSELF")), "{:?}", node.told());
}

/// Two nodes that watch each other, with their daemons. The first one may look into a mailbox.
fn pair(names: [&str; 2], canary: &str, admin: &str) -> [Node; 2] {
    let tables = [canary, "[daemon]\nLISTEN\n"];
    let mut tables = tables.into_iter();
    let nodes = names.map(|name| Node::with_mail(name, shared(), tables.next().unwrap()));
    let keys = nodes.each_ref().map(|n| n.home.run(&["key", "--json"]).json()["key"].as_str().unwrap().to_owned());
    let [mut a, mut b] = nodes;
    let peer = |of: &Node, key: &str| {
        format!(
            "\n[[peer]]\nname = \"{}\"\nurl = \"http://127.0.0.1:{}\"\nadmin = \"{admin}@checker.test\"\nkey = \"{key}\"\n",
            of.name, of.port
        )
    };
    let (of_a, of_b) = (peer(&a, &keys[0]), peer(&b, &keys[1]));
    a.home.settings(&format!("{}{of_b}", a.home.read("settings.cfg")));
    b.home.settings(&format!("{}{of_a}", b.home.read("settings.cfg")));
    a.start();
    b.start();
    [a, b]
}

fn type_code(node: &Node, peer: &str, code: impl FnOnce() -> String) -> Done {
    let mut command = node.home.command(&["drill", "--peer", peer]);
    let mut drill = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut hand = drill.stdin.take().unwrap();
    // If it has ended already, it has said why.
    writeln!(hand, "{}", code()).ok();
    drop(hand);
    done(&drill.wait_with_output().unwrap())
}

#[test]
fn a_peer_mails_a_code_to_our_admin_and_not_more_than_one_an_hour() {
    if !need("postfix") {
        return;
    }
    let [a, b] = pair(["asks", "mails"], "[daemon]\nLISTEN\n", "oncall");
    let code = || {
        b.await_told("DRILL: a code for asks");
        let mail = shared().wait_for("oncall", "DRILL: a code for asks").remove(0);
        mail.text.lines().find_map(|l| l.strip_prefix("Code: ")).expect("a code").trim().to_owned()
    };
    let said = type_code(&a, "mails", code).ended(0);
    assert!(said.out.contains("good: mails reaches our admin"), "{}", said.out);
    let said = type_code(&a, "mails", || "00000000".to_owned()).ended(75);
    assert!(said.out.contains("that is not the code") && said.out.contains("FAILED"), "{}", said.out);
    // Time for one more to come, if it were sent.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(drills(&b).len(), 1, "one an hour");
    let wrong = type_code(&a, "mail", String::new).ended(64);
    assert!(wrong.err.contains("did you mean \"mails\""), "{wrong:?}");
}

#[test]
fn a_code_that_comes_into_the_mailbox_that_we_look_into_need_not_be_typed() {
    if !need("postfix") {
        return;
    }
    let looks = by_imap(shared(), "canary", "1h", "1min");
    let [a, _b] = pair(["sees", "writes"], &looks, "canary");
    let said = a.home.run(&["drill", "--peer", "writes"]).ended(0);
    assert!(said.out.contains("The mailbox of canary@checker.test is looked into meanwhile"), "{}", said.out);
    assert!(said.out.contains("good: writes reaches our admin (arrived after "), "{}", said.out);
    // What lies there for spam is no arrival.
    let [a, _b] = pair(["astray", "files"], &looks, "junk");
    let said = a.home.run(&["drill", "--peer", "files"]).ended(75);
    assert!(said.out.contains("FAILED: the message of files came into the folder Spam-Verdacht"), "{}", said.out);
}
