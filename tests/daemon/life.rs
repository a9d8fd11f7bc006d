//! The life of the daemon: one at a time, asked to end, asked to begin anew, replaced, killed.

use super::{Node, SOON, by_imap, pid_of};
use crate::support::mail::shared;
use crate::support::{need, wait_until};
use checker::control::Ask;
use nix::sys::signal::{Signal, kill};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

const PLAIN: &str = "[daemon]\nLISTEN\n";

/// As [`by_imap`] with a mailbox that proves mail, and nothing more.
fn proven() -> String {
    by_imap(shared(), "canary", "1h", "1min")
}

#[test]
fn a_second_daemon_refuses_and_the_first_goes_on() {
    let mut node = Node::with_files("twice", PLAIN);
    let first = node.start();
    let mode = std::fs::metadata(node.home.path("checker.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let second = node.home.run(&["daemon"]).ended(74);
    assert!(second.err.contains("a daemon runs already") && second.err.contains("checker.sock"), "{second:?}");
    assert_eq!(node.ask(&Ask::Hello).unwrap().pid, first.pid);
}

#[test]
fn without_its_table_there_is_no_daemon_and_the_sentence_says_what_to_add() {
    let node = Node::with_files("none", "");
    let done = node.home.run(&["daemon"]).ended(78);
    assert!(done.err.contains("[daemon]") && done.err.contains("peer_listen"), "{done:?}");
}

#[test]
fn asked_to_end_it_sends_what_waits_and_leaves_no_socket() {
    let [nobody] = crate::support::free_ports();
    let job = format!("[[job.tcp]]\nname = \"shop\"\naddress = \"127.0.0.1:{nobody}\"\n");
    let mut node = Node::with_files("ends", &format!("{PLAIN}{job}"));
    node.start();
    // The first pass is news for the daemon; what the second one finds is kept back.
    node.home.run(&["cron", "--now"]).silent();
    std::thread::sleep(Duration::from_secs(1));
    node.home.run(&["--nomail", "cron", "--now"]).ended(0);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(node.told(), Vec::<String>::new());
    node.end().ended(0);
    assert!(!node.home.path("checker.sock").exists());
    let told = node.told();
    assert!(told.len() == 1 && told[0].contains("DOWN: shop"), "{told:?}");
}

#[test]
fn good_settings_are_taken_over_by_the_same_process() {
    let mut node = Node::with_files("reload", PLAIN);
    let first = node.start();
    let good = node.home.read("settings.cfg");
    node.home.settings(&good.replace("\"reload\"", "\"renamed\""));
    node.signal(Signal::SIGHUP);
    let anew = wait_until(SOON, || node.ask(&Ask::Hello).ok().filter(|a| a.started > first.started));
    assert_eq!(anew.expect("it begins anew").pid, first.pid);
    // And without a signal: a pass runs on other settings than the daemon.
    let second = node.ask(&Ask::Hello).unwrap();
    node.home.settings(&good);
    node.pass().silent();
    let anew = wait_until(SOON, || node.ask(&Ask::Hello).ok().filter(|a| a.started > second.started));
    assert_eq!(anew.expect("it begins anew").pid, first.pid);
    // A pass by hand on other settings of the same place is no reason.
    let third = node.ask(&Ask::Hello).unwrap();
    node.home.write("other.cfg", &format!("{good}# another\n"));
    for _ in 0..3 {
        node.home.bare(&["-f", "other.cfg", "cron"]).output().unwrap();
    }
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(node.ask(&Ask::Hello).unwrap().started, third.started, "{}", node.log());
    node.end().ended(0);
}

#[test]
fn broken_settings_change_nothing_but_the_word_and_the_admin_is_told() {
    if !need("postfix") {
        return;
    }
    let mut node = Node::with_mail("broken", shared(), &proven());
    let first = node.start();
    node.pass().silent();
    node.await_word("True");
    let good = node.home.read("settings.cfg");
    node.home.settings(&good.replace("[canary]", "[canarry]"));
    node.signal(Signal::SIGHUP);
    node.await_word("JobProblem");
    node.await_told("CHECKER ITSELF: settings");
    // It stays so while the duties turn.
    node.ask(&Ask::Drain).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(node.word(), "JobProblem");
    assert_eq!(node.ask(&Ask::Hello).unwrap().started, first.started, "it is the same one");
    node.home.settings(&good);
    node.pass();
    node.await_told("SOLVED: settings");
    node.await_word("True");
    assert_eq!(node.told().len(), 2, "{:?}", node.told());
}

#[test]
fn an_upgraded_program_is_taken_over_by_the_same_process() {
    let mut node = Node::with_files("upgraded", PLAIN);
    let (place, next) = (node.home.path("program"), node.home.path("next"));
    std::fs::copy(env!("CARGO_BIN_EXE_checker"), &place).unwrap();
    node.home = std::mem::replace(&mut node.home, crate::support::binary::Home::new("")).running(&place);
    let first = node.start();
    node.pass().silent();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(node.ask(&Ask::Hello).unwrap().started, first.started, "nothing has changed");
    std::fs::copy(env!("CARGO_BIN_EXE_checker"), &next).unwrap();
    std::fs::rename(&next, &place).unwrap();
    node.pass().silent();
    let anew = wait_until(SOON, || node.ask(&Ask::Hello).ok().filter(|a| a.started > first.started));
    assert_eq!(anew.unwrap_or_else(|| panic!("it stays\n{}", node.log())).pid, first.pid);
    let runs = std::fs::read_link(format!("/proc/{}/exe", first.pid)).unwrap();
    assert_eq!(runs, place, "the new file, not the deleted one");
    node.end().ended(0);
}

#[test]
fn kills_at_any_moment_change_nothing_that_is_told() {
    if !need("postfix") {
        return;
    }
    let server = shared();
    let mut node = Node::with_mail("killed", server, &by_imap(server, "discard", "2s", "2s"));
    for n in 0..20 {
        node.start();
        if n % 5 == 4 {
            node.pass();
        }
        // From the first write to the look into the mailbox; the same moments in each run of this test.
        std::thread::sleep(Duration::from_millis(50 + 97 * (n * 7 % 20)));
        node.signal(Signal::SIGKILL);
        node.wait();
    }
    node.start();
    node.await_told("mail is taken and does not arrive");
    node.pass();
    let mails = server.mailbox("oncall");
    let ours: Vec<_> = mails.iter().filter(|m| m.header("Subject").starts_with("[killed]")).collect();
    let ids: BTreeSet<String> = ours.iter().map(|m| m.header("Message-ID")).collect();
    let subjects: Vec<String> = ours.iter().map(|m| m.header("Subject")).collect();
    assert_eq!(ids.len(), 1, "one message, whatever was killed: {subjects:?}");
    assert!(ours.len() <= 2, "a kill between the server's answer and our mark may repeat it: {subjects:?}");
    assert_eq!(node.word(), "MailProblem");
    node.end().ended(0);
}

#[test]
fn a_dead_daemon_is_started_by_the_next_pass_and_nobody_is_told() {
    let mut node = Node::with_files("dies", PLAIN);
    let first = node.start();
    node.pass().silent();
    node.signal(Signal::SIGKILL);
    node.wait();
    node.pass();
    let second = wait_until(SOON, || node.ask(&Ask::Hello).ok()).expect("it is back");
    assert_ne!(second.pid, first.pid);
    node.pass().silent();
    assert_eq!(node.told(), Vec::<String>::new());
    kill(pid_of(second.pid), Signal::SIGTERM).unwrap();
    wait_until(SOON, || (!node.home.path("checker.sock").exists()).then_some(())).expect("it ends");
}

#[test]
fn where_no_pass_may_start_it_a_dead_daemon_is_told_after_two_passes() {
    let mut node = Node::with_files("gone", "[daemon]\nrespawn = false\nLISTEN\n");
    node.start();
    node.signal(Signal::SIGKILL);
    node.wait();
    node.pass();
    assert_eq!(node.told(), Vec::<String>::new(), "one pass may be unlucky");
    node.pass();
    node.pass();
    let told = node.told();
    assert!(told.len() == 1 && told[0].contains("CHECKER ITSELF: daemon: the daemon does not answer"), "{told:?}");
    node.start();
    node.pass();
    assert!(node.told().last().unwrap().contains("SOLVED: daemon"), "{:?}", node.told());
}
