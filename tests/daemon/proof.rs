//! Proof of mail: what becomes of a message to ourselves is seen in a real mailbox, and decides the word.

use super::{Node, SOON, by_imap};
use crate::support::mail::{MailServer, shared};
use crate::support::{need, wait_until};
use nix::sys::signal::Signal;
use std::time::Duration;

/// How many canaries of this node lie in a folder of `canary@`.
fn canaries(server: &MailServer, node: &Node, folder: &str) -> usize {
    let mut imap = server.imap("canary");
    imap.ask(&format!("SELECT \"{folder}\""));
    let found = imap.ask(&format!("SEARCH HEADER Subject \"[{}] canary\"", node.name));
    let line = found.iter().map(|(line, _)| line).find(|l| l.starts_with("* SEARCH"));
    line.map_or(0, |l| l.split_whitespace().count() - 2)
}

#[test]
fn the_word_is_true_once_a_canary_has_arrived_and_it_is_taken_away_again() {
    if !need("postfix") {
        return;
    }
    let server = shared();
    let mut node = Node::with_mail("arrives", server, &by_imap(server, "canary", "1h", "1min"));
    assert!(node.home.run(&["check"]).ended(0).out.contains("good"));
    node.start();
    node.pass().silent();
    node.await_word("True");
    let gone = wait_until(SOON, || (canaries(server, &node, "INBOX") == 0).then_some(()));
    assert!(gone.is_some(), "it stays in the mailbox\n{}", node.log());
    assert_eq!(node.told(), Vec::<String>::new(), "nobody is told that all is well");
    assert_eq!(node.end().ended(0).err, "");
    // All that was proven is remembered: the next daemon says it at once.
    node.start();
    node.pass().silent();
    node.await_word("True");
    assert_eq!(canaries(server, &node, "INBOX"), 0, "no second canary within the hour");
}

#[test]
fn where_a_filter_throws_our_messages_away_they_are_seen_there_and_left_alone() {
    if !need("postfix") {
        return;
    }
    let server = shared();
    let canary = by_imap(server, "trash", "1h", "1min");
    let mut node = Node::with_mail("thrown", server, &format!("ideletesentmessagesautomatically = true\n{canary}"));
    node.start();
    node.pass().silent();
    node.await_word("True");
    assert_eq!(node.end().code, 0);
    assert_eq!(canaries(server, &node, "Papierkorb"), 1, "it is not ours to remove");
}

#[test]
fn in_the_bin_without_such_a_filter_is_no_arrival() {
    if !need("postfix") {
        return;
    }
    let server = shared();
    let mut node = Node::with_mail("bin", server, &by_imap(server, "trash", "3s", "2s"));
    node.start();
    node.pass();
    assert!(node.await_told("mail is taken and does not arrive") > 0);
    assert_eq!(node.word(), "MailProblem");
}

#[test]
fn accepted_and_thrown_away_is_told_as_never_arrived_and_once() {
    if !need("postfix") {
        return;
    }
    let server = shared();
    let mut node = Node::with_mail("discarded", server, &by_imap(server, "discard", "2s", "2s"));
    node.start();
    node.pass();
    node.await_told("CHECKER ITSELF: mail: mail is taken and does not arrive");
    assert_eq!(node.word(), "MailProblem");
    // Further canaries do not come either.
    std::thread::sleep(Duration::from_secs(6));
    node.pass();
    assert_eq!(node.told().len(), 1, "{:?}", node.told());
}

#[test]
fn a_canary_in_the_folder_for_spam_is_told_as_that() {
    if !need("postfix") {
        return;
    }
    let server = shared();
    let mut node = Node::with_mail("spammed", server, &by_imap(server, "junk", "1h", "30s"));
    node.start();
    node.pass();
    node.await_told("CHECKER ITSELF: mail: mail comes into the folder for spam");
    assert_eq!((node.word().as_str(), node.told().len()), ("MailProblem", 1));
}

#[test]
fn a_maildir_of_this_host_proves_local_delivery() {
    if !need("postfix") {
        return;
    }
    let server = shared();
    let canary = format!(
        "[canary]\nvia = \"maildir\"\npath = \"{}\"\nto = \"canary@checker.test\"\nevery = \"1h\"\nwithin = \
         \"1min\"\n\n[daemon]\nLISTEN\n",
        server.maildir("canary").display()
    );
    let mut node = Node::with_mail("folder", server, &canary);
    node.start();
    node.pass().silent();
    node.await_word("True");
    let said = node.home.run(&["status"]).ended(0).out;
    let way = said.lines().find(|l| l.starts_with("way to oncall@checker.test: ")).unwrap_or_else(|| panic!("{said}"));
    assert!(way.contains("NOT PROVEN: our message of ") && way.contains("reached a maildir of this host"), "{said}");
    let legs = node.home.run(&["status", "--json"]).ended(0).json()["mail"]["legs"].clone();
    assert_eq!((&legs[0]["state"], legs[0]["proven_by"].is_null()), (&"local".into(), true), "{legs}");
    assert_eq!(node.end().code, 0);
    assert_eq!(canaries(server, &node, "INBOX"), 0, "it is taken away");
}

#[test]
fn a_mailbox_that_cannot_be_looked_into_is_told_by_mail_and_its_end_too() {
    if !need("postfix") {
        return;
    }
    let server = shared();
    let [nobody] = crate::support::free_ports();
    let good = by_imap(server, "canary", "2s", "3s");
    let right = format!("port = {}\nuser", server.ports.imaps);
    let mut node = Node::with_mail("blind", server, &good.replace(&right, &format!("port = {nobody}\nuser")));
    node.start();
    node.pass();
    node.await_told("CHECKER ITSELF: mail: nobody can see whether mail arrives");
    assert_eq!(node.word(), "MailProblem");
    let mended = node.home.read("settings.cfg").replace(&format!("port = {nobody}\nuser"), &right);
    node.home.settings(&mended);
    node.signal(Signal::SIGHUP);
    node.await_told("SOLVED: mail");
    node.pass();
    node.await_word("True");
}

#[test]
fn a_mail_server_that_is_down_is_a_mail_problem_until_a_round_trip_has_succeeded() {
    if !need("postfix") {
        return;
    }
    let mut server = MailServer::start();
    let mut node = Node::with_mail("down", &server, &by_imap(&server, "canary", "4s", "30s"));
    node.start();
    node.pass().silent();
    node.await_word("True");
    server.down();
    node.await_word("MailProblem");
    // What is known outlives the process: no daemon forgets that mail was broken.
    assert_eq!(node.end().code, 0);
    let refused =
        node.home.db().query_row("SELECT value FROM meta WHERE key = 'canary'", [], |r| r.get::<_, String>(0));
    let proof: serde_json::Value = serde_json::from_str(&refused.unwrap()).unwrap();
    assert_eq!(proof["wrong"], "refused", "{proof}");
    assert!(server.up(), "{}", server.log());
    // A message is accepted, which is no proof.
    node.home.run(&["test", "--mail-only"]);
    node.start();
    node.pass();
    node.await_word("True");
    let proof = node.home.db().query_row("SELECT value FROM meta WHERE key = 'canary'", [], |r| r.get::<_, String>(0));
    let proof: serde_json::Value = serde_json::from_str(&proof.unwrap()).unwrap();
    let at = |path: &str| proof.pointer(path).unwrap().as_i64().unwrap();
    assert!(at("/proven/sent") > at("/wrong_at"), "only a round trip that began later: {proof}");
}

fn proof_of(node: &Node) -> serde_json::Value {
    let text = node.home.db().query_row("SELECT value FROM meta WHERE key = 'canary'", [], |r| r.get::<_, String>(0));
    serde_json::from_str(&text.unwrap()).unwrap()
}

#[test]
fn an_alert_that_arrives_proves_mail_and_is_left_for_its_reader() {
    if !need("postfix") {
        return;
    }
    let server = shared();
    let [port] = crate::support::free_ports();
    let job = format!("[[job.tcp]]\nname = \"shop\"\naddress = \"127.0.0.1:{port}\"\nfailure_threshold = 1\n");
    let mut node = Node::with_mail("alerted", server, &(by_imap(server, "canary", "1h", "1min") + &job));
    node.home.settings(&node.home.read("settings.cfg").replace("oncall@", "canary@"));
    // A target that answers, so that the first canary is alone.
    let target = crate::support::listen(port);
    node.start();
    node.pass().silent();
    node.await_word("True");
    let sent = |node: &Node| proof_of(node).pointer("/proven/sent").unwrap().as_i64().unwrap();
    let before = sent(&node);
    drop(target);
    node.home.run(&["cron", "--now"]).ended(0);
    // The next pass tells the daemon to look again.
    let later = wait_until(SOON, || {
        node.pass();
        (sent(&node) > before).then_some(())
    });
    assert!(later.is_some(), "the alert proves nothing: {}\n{}", proof_of(&node), node.log());
    let proof = proof_of(&node);
    assert_eq!(proof["last"], proof["proven"]["sent"], "the next canary comes an hour after the alert: {proof}");
    assert_eq!(proof["took"].as_array().unwrap().len(), 1, "{proof}");
    let kept = server.mailbox("canary").iter().filter(|m| m.header("Subject").contains("[alerted] DOWN: shop")).count();
    assert_eq!(kept, 1, "it is for people, not ours to remove");
    let legs = node.home.run(&["status", "--json"]).ended(0).json()["mail"]["legs"].clone();
    assert_eq!((&legs[0]["to"], &legs[0]["state"]), (&"canary@checker.test".into(), &"proven".into()), "{legs}");
}

#[test]
fn the_status_says_how_far_each_way_is_proven() {
    if !need("postfix") {
        return;
    }
    let server = shared();
    let mut node = Node::with_mail("legs", server, &by_imap(server, "canary", "1h", "1min"));
    let two = node.home.read("settings.cfg").replace(
        "alertcontact = \"oncall@checker.test\"",
        "alertcontact = [\"oncall@checker.test\", \"me@elsewhere.test\"]",
    );
    node.home.settings(&two);
    let before = node.home.run(&["status"]).ended(0).out;
    assert!(!before.contains("proven,"), "{before}");
    node.start();
    node.pass().silent();
    node.await_word("True");
    let said = node.home.run(&["status"]).ended(0).out;
    assert!(
        said.contains("way to oncall@checker.test: proven as far as its provider, where canary@checker.test"),
        "{said}"
    );
    assert!(said.contains("way to me@elsewhere.test: NOT PROVEN; no message was taken for it yet"), "{said}");
}
